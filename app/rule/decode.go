package rule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/fault"
)

// What a tree may hold: far more than a person can read, less than a database refuses.
const (
	maxDepth = 32
	maxParts = 500
	maxList  = 200
	maxText  = 200 // characters of a text to compare with
	maxWhere = 10
	maxWhole = 1_000_000_000_000_000
)

// Decode reads a tree and resolves its names. It reports every problem at once; paths start with path
// ("when", then "when.all[0].value"). The tree is nil when there is a problem.
func Decode(body json.RawMessage, path string, scope *Scope) (*Tree, []fault.Problem) {
	t := &Tree{zone: scope.Zone}
	c := &compiler{scope: scope, tree: t}
	t.node, t.root = c.part(body, path, 1)
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	for _, list := range []*[]string{&t.uses.Fields, &t.uses.Events} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	for _, list := range []*[]int64{&t.uses.Tags, &t.uses.Scores} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return t, nil
}

// compiler turns the JSON form into a tree.
type compiler struct {
	scope    *Scope
	tree     *Tree
	problems []fault.Problem
	parts    int
}

func (c *compiler) bad(path, format string, args ...any) {
	c.problems = append(c.problems, fault.Problem{Path: strings.TrimPrefix(path, "."), Message: fmt.Sprintf(format, args...)})
}

// stray tells of a member that does not exist.
func (c *compiler) stray(path, name string, known []string) {
	c.bad(path, "不认识的写法 %q%s", name, nearest(name, known))
	c.problems[len(c.problems)-1].Stray = true
}

// followsFrom says where else the last problem is told, if at all (see fault.Problem.Cause).
func (c *compiler) followsFrom(cause string) { c.problems[len(c.problems)-1].Cause = cause }

var members = []string{"all", "any", "not", "leaf", "key", "op", "value", "days", "where"}

func (c *compiler) part(raw json.RawMessage, path string, depth int) (Node, cond) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil || m == nil {
		c.bad(path, "条件应是一个对象，如 {\"leaf\":\"field\",\"key\":\"city\",\"op\":\"eq\",\"value\":\"上海\"}")
		return Node{}, nil
	}
	maps.DeleteFunc(m, func(_ string, v json.RawMessage) bool { return string(v) == "null" }) // as good as absent
	if c.parts++; c.parts == maxParts+1 {
		c.bad(path, "条件太多：一棵条件树最多 %d 项，请拆成几个", maxParts)
	}
	if c.parts > maxParts {
		return Node{}, nil
	}
	if depth > maxDepth {
		c.bad(path, "嵌套太深：最多 %d 层", maxDepth)
		return Node{}, nil
	}
	var kinds []string
	for _, k := range members[:4] {
		if _, ok := m[k]; ok {
			kinds = append(kinds, k)
		}
	}
	if len(kinds) != 1 {
		if len(kinds) == 0 {
			c.bad(path, "缺少条件：要有 all、any、not、leaf 中的一个")
		} else {
			c.bad(path, "%s 不能同时出现：一项条件只能是其中一种", strings.Join(kinds, "、"))
		}
		return Node{}, nil
	}
	kind := kinds[0]
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(members, k) {
			c.stray(path+"."+k, k, members)
		} else if k != kind && kind != "leaf" {
			c.bad(path+"."+k, "%s 里不能有 %s", kind, k)
		}
	}
	switch kind {
	case "leaf":
		return c.leaf(m, path)
	case "not":
		n, part := c.part(m["not"], path+".not", depth+1)
		return Node{Not: &n}, &group{kind: "not", parts: []cond{part}}
	}
	var list []json.RawMessage
	if err := json.Unmarshal(m[kind], &list); err != nil || len(list) == 0 {
		c.bad(path+"."+kind, "应是条件的列表，至少一项")
		return Node{}, nil
	}
	g := &group{kind: kind}
	nodes := make([]Node, 0, len(list))
	for i, raw := range list {
		n, part := c.part(raw, fmt.Sprintf("%s.%s[%d]", path, kind, i), depth+1)
		nodes, g.parts = append(nodes, n), append(g.parts, part)
		if c.parts > maxParts {
			break
		}
	}
	if kind == "all" {
		return Node{All: nodes}, g
	}
	return Node{Any: nodes}, g
}

// leafNode is one leaf while it compiles.
type leafNode struct {
	*compiler
	path  string
	n     Node
	def   Leaf
	op    Op
	field contact.Field // of a leaf about a field
}

func (c *compiler) leaf(m map[string]json.RawMessage, path string) (Node, cond) {
	l := &leafNode{compiler: c, path: path}
	ok := true
	for _, k := range []struct {
		name string
		into any
		want string
	}{
		{"leaf", &l.n.Leaf, "文字"}, {"key", &l.n.Key, "文字"}, {"op", &l.n.Op, "文字"}, {"days", &l.n.Days, "天数（整数）"},
	} {
		if raw, there := m[k.name]; there {
			if err := json.Unmarshal(raw, k.into); err != nil {
				c.bad(path+"."+k.name, "%s 应是%s", k.name, k.want)
				ok = false
			}
		}
	}
	l.n.Value = m["value"]
	if !ok {
		return l.n, nil
	}
	def, ok := findLeaf(l.n.Leaf)
	if !ok {
		names := make([]string, len(registry))
		for i, d := range registry {
			names[i] = d.Name
		}
		c.bad(path+".leaf", "没有叫 %q 的条件%s", l.n.Leaf, nearest(l.n.Leaf, names))
		return l.n, nil
	}
	l.def = def
	l.checkKey()
	l.checkOp()
	l.checkWindow(m)
	if l.op.Name == "" {
		return l.n, nil
	}
	if l.op.Editor == EditNone && len(m["value"]) > 0 {
		c.bad(path+".value", "“%s”不需要值", l.op.Label)
	}
	if l.op.Editor != EditNone && len(m["value"]) == 0 {
		c.bad(path+".value", "“%s”缺少值", l.op.Label)
		return l.n, nil
	}
	return l.n, l.def.compile(l)
}

// checkKey resolves what the leaf is about.
func (l *leafNode) checkKey() {
	var known bool
	var what string
	var names []string
	switch l.def.About {
	case AboutField:
		l.field, known = l.scope.Fields[l.n.Key]
		what, names = "字段", keys(l.scope.Fields)
		l.tree.uses.Fields = append(l.tree.uses.Fields, l.n.Key)
	case AboutTag:
		_, known = l.scope.Tags[l.n.Key]
		what, names = "标签", keys(l.scope.Tags)
	case AboutScore:
		_, known = l.scope.Scores[l.n.Key]
		what, names = "评分模型", keys(l.scope.Scores)
	case AboutEvent:
		_, known = l.scope.eventLabel(l.n.Key)
		what, names = "行为事件", keys(l.scope.Events)
		l.tree.uses.Events = append(l.tree.uses.Events, l.n.Key)
	case AboutAccount:
		return
	default:
		if l.n.Key != "" {
			l.bad(l.path+".key", "“%s”不需要 key", l.def.Label)
		}
		return
	}
	if l.n.Key == "" {
		l.bad(l.path+".key", "缺少 key：“%s”要指明哪个%s", l.def.Label, what)
	} else if !known {
		l.bad(l.path+".key", "没有叫 %q 的%s%s", l.n.Key, what, nearest(l.n.Key, names))
	}
}

func (l *leafNode) checkOp() {
	ops := l.def.Ops
	if ops == nil {
		ops = fieldOps[l.field.Type]
	}
	if ops == nil {
		return // the field is unknown, which was told
	}
	for _, op := range ops {
		if op.Name == l.n.Op {
			l.op = op
			return
		}
	}
	var names []string
	for _, op := range ops {
		names = append(names, op.Name+" "+op.Label)
	}
	what := l.def.Label
	if l.field.Label != "" {
		what = l.field.Label
	}
	if l.n.Op == "" {
		l.bad(l.path+".op", "缺少 op：“%s”可用 %s", what, strings.Join(names, "、"))
		return
	}
	l.bad(l.path+".op", "“%s”不能用 %q，可用：%s", what, l.n.Op, strings.Join(names, "、"))
}

func (l *leafNode) checkWindow(m map[string]json.RawMessage) {
	if _, there := m["days"]; there {
		if !l.def.Windowed {
			l.bad(l.path+".days", "“%s”不能限定天数", l.def.Label)
		} else if l.n.Days < 1 || l.n.Days > maxDays {
			l.bad(l.path+".days", "天数应在 1 到 %d 之间", maxDays)
			l.n.Days = 1
		}
	}
	if _, there := m["where"]; there && l.def.About != AboutEvent {
		l.bad(l.path+".where", "“%s”不能带事件条件", l.def.Label)
		return
	}
	if raw, there := m["where"]; there {
		l.n.Where = l.decodeWhere(raw)
	}
}

// daily registers what a number is compared with; the result is the leaf's index into moment.spans.
func (l *leafNode) daily(f func(day) spans) int {
	l.tree.daily = append(l.tree.daily, f)
	return len(l.tree.daily) - 1
}

func (l *leafNode) always(s spans) int { return l.daily(func(day) spans { return s }) }

// stepsDaily notes that the leaf's answer can change at midnight.
func (l *leafNode) stepsDaily() {
	if l.op.Editor == EditDays || l.op.Name == "anniversary" || l.n.Days > 0 {
		l.tree.uses.Daily = true
	}
}

func keys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// short shows a wrong value, cut where it gets long.
func short(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "空"
	}
	if r := []rune(string(raw)); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return string(raw)
}

// nearest proposes the known name that a misspelt one is closest to, or nothing.
func nearest(name string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("，是不是 %q？", best)
}

// distance is the number of letters to change, add or drop to get from a to b.
func distance(a, b string) int {
	if abs := len(a) - len(b); abs > 2 || abs < -2 {
		return 3
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diag, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diag+cost)
		}
	}
	return row[len(b)]
}
