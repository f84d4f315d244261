// Package bundle is configuration as code: it reads a YAML bundle of definitions, checks it together with
// what is in force, tells what would change, and puts it in force, all or nothing. Mistakes are told with
// the line they stand in. What a definition means stands in the package of its kind; Compile is the one
// place where all kinds are compiled together, for bundles and for the running system.
package bundle

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/org"
	"github.com/koi-scrm/koi/app/setting"
)

// section is a part of a bundle: a list of definitions of one kind.
type section struct{ name, kind, label string }

// sections in the order they are written and told; later ones name things of earlier ones.
var sections = []section{
	{"fields", setting.KindField, "字段"},
	{"exclusions", contact.KindExclusion, "排除名单"},
	{"tags", setting.KindTag, "标签"},
	{"tag_rules", setting.KindTagRule, "标签规则"},
	{"scores", setting.KindScore, "评分模型"},
	{"grids", setting.KindGrid, "分级"},
	{"stages", setting.KindStage, "生命周期阶段"},
	{"messages", setting.KindMessage, "消息模板"},
	{"journeys", setting.KindJourney, "旅程"},
	{"staff", org.KindStaff, "员工"},
}

// Label is the Chinese name of a kind of definition.
func Label(kind string) string {
	for _, s := range sections {
		if s.kind == kind {
			return s.label
		}
	}
	return kind
}

// Bundle is a file's definitions with the lines they stand in.
type Bundle struct {
	File  string
	Items []setting.Item // in the file's order; ID and Rev are not set
	lines map[string]int // "kind/key/path" → line
}

// Parse reads a bundle. Fault: Invalid with every mistake of form at once, each at its line.
func Parse(file string, text []byte) (*Bundle, error) {
	b := &Bundle{File: file, lines: map[string]int{}}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, fault.New(fault.Invalid, "%s 不是有效的 YAML：%v", file, err)
	}
	if root.Kind == 0 {
		return b, nil
	}
	doc := root.Content[0]
	if doc.Kind != yaml.MappingNode {
		return nil, fault.New(fault.Invalid, "%s 应由 fields、tags 等部分组成", file)
	}
	var problems []fault.Problem
	bad := func(n *yaml.Node, format string, args ...any) {
		problems = append(problems, fault.Problem{Path: b.at(n.Line), Message: fmt.Sprintf(format, args...)})
	}
	for i := 0; i+1 < len(doc.Content); i += 2 {
		name, list := doc.Content[i], doc.Content[i+1]
		if name.Value == "name" || name.Value == "description" || name.Value == "version" {
			continue
		}
		n := slices.IndexFunc(sections, func(s section) bool { return s.name == name.Value })
		switch {
		case n < 0:
			bad(name, "没有 %s 这个部分，可用：%s", name.Value, names())
		case list.Kind != yaml.SequenceNode:
			bad(list, "%s 应是一个列表", name.Value)
		default:
			b.read(sections[n], list, bad)
		}
	}
	return b, fault.Problems(fmt.Sprintf("%s 有 %d 处写法不对，什么都没有改动", file, len(problems)), problems)
}

func names() string {
	var out []string
	for _, s := range sections {
		out = append(out, s.name)
	}
	return strings.Join(out, "、")
}

func (b *Bundle) at(line int) string { return b.File + ":" + strconv.Itoa(line) }

// read takes a section's definitions. Each is a mapping with a key; the rest is its body.
func (b *Bundle) read(s section, list *yaml.Node, bad func(*yaml.Node, string, ...any)) {
	seen := map[string]int{}
	for _, n := range list.Content {
		if n.Kind != yaml.MappingNode {
			bad(n, "%s的每一项应是“键: 值”的写法", s.label)
			continue
		}
		body := *n
		body.Content = nil
		key := ""
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "key" {
				key = strings.TrimSpace(n.Content[i+1].Value)
				continue
			}
			body.Content = append(body.Content, n.Content[i], n.Content[i+1])
		}
		if key == "" {
			bad(n, "%s缺少 key：请给它一个不变的英文名", s.label)
			continue
		}
		if first, ok := seen[key]; ok {
			bad(n, "%s %s 在第 %d 行已经出现过", s.label, key, first)
			continue
		}
		seen[key] = n.Line
		raw, err := b.encode(&body, s.kind+"/"+key)
		if err != nil {
			bad(n, "%s %s：%v", s.label, key, err)
			continue
		}
		b.lines[s.kind+"/"+key] = n.Line
		b.Items = append(b.Items, setting.Item{Kind: s.kind, Key: key, Body: raw})
	}
}

// encode turns a node into JSON, noting the line of every place in it.
func (b *Bundle) encode(n *yaml.Node, path string) (json.RawMessage, error) {
	b.note(n, path)
	var v any
	if err := n.Decode(&v); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("有不能表示的值：%w", err)
	}
	return setting.Canonical(raw)
}

func (b *Bundle) note(n *yaml.Node, path string) {
	if _, ok := b.lines[path]; !ok {
		b.lines[path] = n.Line
	}
	sep := "."
	if strings.Count(path, "/") == 1 {
		sep = "/"
	}
	switch n.Kind {
	case yaml.AliasNode:
		b.note(n.Alias, path)
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			p := path + sep + n.Content[i].Value
			b.lines[p] = n.Content[i].Line
			b.note(n.Content[i+1], p)
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			p := path + "[" + strconv.Itoa(i) + "]"
			b.lines[p] = c.Line
			b.note(c, p)
		}
	}
}

// line finds the line of a problem's path: the longest part of the path that stands in the file.
func (b *Bundle) line(path string) (int, bool) {
	for {
		if n, ok := b.lines[path]; ok {
			return n, true
		}
		i := strings.LastIndexAny(path, ".[/")
		if i < 0 {
			return 0, false
		}
		path = path[:i]
	}
}

// Difference is what applying would do to one definition.
type Difference struct {
	Kind   string          `json:"kind"`
	Key    string          `json:"key"`
	Change string          `json:"change"` // "new", "changed"
	Parts  []string        `json:"parts,omitempty"`
	Old    json.RawMessage `json:"-"`
	New    json.RawMessage `json:"-"`
}

// Report is what a bundle changes, and how much of it is in force already.
type Report struct {
	Differences []Difference `json:"differences"`
	Same        int          `json:"same"`
	Applied     bool         `json:"applied"`
}

// Applier checks and applies bundles.
type Applier struct {
	settings *setting.Store
	world    World
}

// NewApplier makes an applier; world is what definitions may refer to besides each other.
func NewApplier(s *setting.Store, w World) *Applier { return &Applier{settings: s, world: w} }

// Check compiles the bundle laid over what is in force and says what would change. Definitions that the
// bundle does not name stay as they are.
//
// Fault: Invalid with every mistake at once, each at its line.
func (a *Applier) Check(ctx context.Context, b *Bundle) (Report, error) {
	current, err := a.settings.List(ctx)
	if err != nil {
		return Report{}, err
	}
	type name struct{ kind, key string }
	inForce := map[name]setting.Item{}
	var id int64
	for _, it := range current {
		inForce[name{it.Kind, it.Key}] = it
		id = max(id, it.ID)
	}
	var r Report
	merged := map[name]setting.Item{}
	for n, it := range inForce {
		merged[n] = it
	}
	for _, it := range b.Items {
		n := name{it.Kind, it.Key}
		old, exists := inForce[n]
		switch {
		case !exists:
			id++
			it.ID, it.Rev = id, 1
			r.Differences = append(r.Differences, Difference{Kind: it.Kind, Key: it.Key, Change: "new", New: it.Body})
		case string(old.Body) == string(it.Body):
			r.Same++
			continue
		default:
			it.ID, it.Rev = old.ID, old.Rev+1
			r.Differences = append(r.Differences, Difference{Kind: it.Kind, Key: it.Key, Change: "changed", Parts: parts(old.Body, it.Body), Old: old.Body, New: it.Body})
		}
		merged[n] = it
	}
	all := make([]setting.Item, 0, len(merged))
	for _, it := range merged {
		all = append(all, it)
	}
	slices.SortFunc(all, func(x, y setting.Item) int { return cmp.Compare(x.ID, y.ID) })
	_, problems := Compile(all, a.world)
	return r, b.tell(problems)
}

// tell gives each problem its line. What is wrong outside the file is told by its name.
func (b *Bundle) tell(problems []fault.Problem) error {
	type told struct {
		line int
		fault.Problem
	}
	var list []told
	for _, p := range problems {
		line, ok := b.line(p.Path)
		if ok {
			p = fault.Problem{Path: b.at(line), Message: p.Path + "：" + p.Message}
		}
		list = append(list, told{line, p})
	}
	slices.SortStableFunc(list, func(x, y told) int { return cmp.Compare(x.line, y.line) })
	out := make([]fault.Problem, len(list))
	for i, t := range list {
		out[i] = t.Problem
	}
	return fault.Problems(fmt.Sprintf("有 %d 处错误，什么都没有改动", len(out)), out)
}

// Apply checks and puts in force, in one transaction. Applying the same bundle again changes nothing.
// Faults: those of Check.
func (a *Applier) Apply(ctx context.Context, b *Bundle, by string) (Report, error) {
	r, err := a.Check(ctx, b)
	if err != nil {
		return r, err
	}
	var changes []setting.Change
	for _, d := range r.Differences {
		changes = append(changes, setting.Change{Kind: d.Kind, Key: d.Key, Body: d.New})
	}
	if _, err := a.settings.Apply(ctx, changes, by); err != nil {
		return r, err
	}
	r.Applied = true
	return r, nil
}

// parts names the top-level members in which two bodies differ.
func parts(old, now json.RawMessage) []string {
	var a, b map[string]json.RawMessage
	if json.Unmarshal(old, &a) != nil || json.Unmarshal(now, &b) != nil {
		return nil
	}
	var out []string
	for k, v := range b {
		if string(a[k]) != string(v) {
			out = append(out, k)
		}
	}
	for k := range a {
		if _, ok := b[k]; !ok {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Export writes what is in force as a bundle.
func Export(items []setting.Item) ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, s := range sections {
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, it := range items {
			if it.Kind != s.kind {
				continue
			}
			var v map[string]any
			if err := json.Unmarshal(it.Body, &v); err != nil {
				return nil, fmt.Errorf("export %s/%s: %w", it.Kind, it.Key, err)
			}
			body := &yaml.Node{}
			if err := body.Encode(v); err != nil {
				return nil, fmt.Errorf("export %s/%s: %w", it.Kind, it.Key, err)
			}
			body.Content = append([]*yaml.Node{{Kind: yaml.ScalarNode, Value: "key"}, {Kind: yaml.ScalarNode, Value: it.Key, Tag: "!!str"}}, body.Content...)
			list.Content = append(list.Content, body)
		}
		if len(list.Content) > 0 {
			root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: s.name}, list)
		}
	}
	return yaml.Marshal(root)
}
