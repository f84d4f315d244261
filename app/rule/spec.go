package rule

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
)

// CounterID names a question about the past: the fingerprint of what a counter counts (event type,
// conditions, how finely, in which zone). Two leaves that ask the same have one counter.
type CounterID uint64

// Spec is what a counter counts.
type Spec struct {
	ID     CounterID
	Type   string  // event type
	Where  []Where // conditions on the event, in canonical order
	Window int     // calendar days kept one by one; 0: only the total, the first and the last
	// Hits: the conditions read props, so Select counts rows of rule_hits instead of events.
	Hits bool

	Filter Filter // Where, compiled
}

// windows are the lengths counters keep. A leaf uses the shortest that covers its own, so that another
// number of days seldom needs the past counted again.
var windows = []int{7, 31, 92, 183, 366, maxDays}

// spec returns the counter of a behaviour leaf whose window is days (0: 累计).
func (l *leafNode) spec(days int) *Spec {
	s := &Spec{Type: l.n.Key, Where: slices.Clone(l.n.Where)}
	for _, w := range windows {
		if days > 0 && s.Window == 0 && days <= w {
			s.Window = w
		}
	}
	slices.SortFunc(s.Where, func(a, b Where) int { return strings.Compare(a.text(), b.text()) })
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n%d\n", s.Type, s.Window)
	if s.Window > 0 {
		fmt.Fprintf(&text, "%s\n", l.scope.Zone)
	}
	for _, w := range s.Where {
		text.WriteString(w.text() + "\n")
		test := s.Filter.add(w)
		s.Hits = s.Hits || test.column == ""
	}
	sum := sha256.Sum256([]byte(text.String()))
	s.ID = CounterID(binary.BigEndian.Uint64(sum[:]))
	for _, have := range l.tree.specs {
		if have.ID == s.ID {
			return have
		}
	}
	l.tree.specs = append(l.tree.specs, s)
	return s
}

func (w Where) text() string {
	var v bytes.Buffer
	_ = json.Compact(&v, w.Value) // it was decoded before; an absent value stays empty
	return w.Prop + "\x00" + w.Op + "\x00" + v.String()
}

// condition is a compiled Where.
type condition struct {
	column string // of events; "" for a property
	prop   string
	text   *textTest // nil: a number
	op     string
	a, b   float64
	not    bool
}

// columns are what an event has beside its props, with their Chinese names.
var columns = map[string]string{"object_type": "对象类型", "object_id": "对象", "account": "账号", "staff": "员工"}

var (
	columnOps = []Op{textOps[0], textOps[1], textOps[5], textOps[6]}
	propOps   = append(slices.Clone(textOps), append(slices.Clone(numberOps[2:]), opEmpty, opNotEmpty)...)
)

// WhereOps lists the operators of conditions on an event: those on its columns and those on its props.
// 等于 and 不等于 on a property take a text or a number; the other numeric ones take any number.
func WhereOps() (columns, props []Op) { return slices.Clone(columnOps), slices.Clone(propOps) }

func (l *leafNode) decodeWhere(raw json.RawMessage) []Where {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		l.bad(l.path+".where", "应是事件条件的列表，如 [{\"prop\":\"seconds\",\"op\":\"ge\",\"value\":60}]")
		return nil
	}
	if len(list) > maxWhere {
		l.bad(l.path+".where", "事件条件最多 %d 项", maxWhere)
		return nil
	}
	var out []Where
	for i, raw := range list {
		one := &leafNode{compiler: l.compiler, path: fmt.Sprintf("%s.where[%d]", l.path, i)}
		var m map[string]json.RawMessage
		if json.Unmarshal(raw, &m) != nil {
			one.bad(one.path, "应是一个对象，如 {\"prop\":\"seconds\",\"op\":\"ge\",\"value\":60}")
			continue
		}
		known := []string{"prop", "op", "value"}
		for _, k := range keys(m) {
			if !slices.Contains(known, k) {
				one.stray(one.path+"."+k, k, known)
			}
		}
		w := Where{Value: m["value"]}
		for k, into := range map[string]*string{"prop": &w.Prop, "op": &w.Op} {
			if raw, there := m[k]; there && json.Unmarshal(raw, into) != nil {
				one.bad(one.path+"."+k, "%s 应是文字", k)
			}
		}
		before := len(l.problems)
		if one.checkWhere(w); len(l.problems) == before {
			out = append(out, w)
		}
	}
	return out
}

// checkWhere reports what is wrong with a condition; l.path is its place.
func (l *leafNode) checkWhere(w Where) {
	if w.Prop == "" || len(w.Prop) > 64 {
		l.bad(l.path+".prop", "缺少 prop：要指明事件的哪个属性（最长 64 个字节）")
		return
	}
	ops := propOps
	if columns[w.Prop] != "" {
		ops = columnOps
	}
	i := slices.IndexFunc(ops, func(o Op) bool { return o.Name == w.Op })
	if i < 0 {
		var names []string
		for _, o := range ops {
			names = append(names, o.Name+" "+o.Label)
		}
		l.bad(l.path+".op", "%s 不能用 %q，可用：%s", w.Prop, w.Op, strings.Join(names, "、"))
		return
	}
	f := w.floats()
	switch op := ops[i]; op.Editor {
	case EditNone:
		if len(w.Value) > 0 {
			l.bad(l.path+".value", "“%s”不需要值", op.Label)
		}
	case EditTexts:
		l.exact(w, l.texts("value", w.Value))
	case EditNumber:
		if len(f) != 1 {
			l.bad(l.path+".value", "“%s”要一个数，现在是 %s", op.Label, short(w.Value))
		}
	case EditNumbers:
		if len(f) != 2 {
			l.bad(l.path+".value", "“%s”要从小到大两个数，如 [1, 10]，现在是 %s", op.Label, short(w.Value))
		}
	default: // a text, or on a property also a number
		if columns[w.Prop] != "" || len(f) != 1 || w.Op != "eq" && w.Op != "ne" {
			l.exact(w, l.text("value", w.Value))
		}
	}
}

// exact refuses spaces around what a column is compared with: no id has them, and see Spec.from.
func (l *leafNode) exact(w Where, list []string) {
	for _, s := range list {
		if columns[w.Prop] != "" && strings.TrimSpace(s) != s {
			l.bad(l.path+".value", "%q 的前后不能有空格", s)
		}
	}
}

// floats reads the value as one number or a pair.
func (w Where) floats() []float64 {
	var f float64
	if len(w.Value) > 0 && w.Value[0] != '"' && json.Unmarshal(w.Value, &f) == nil && string(w.Value) != "null" {
		return []float64{f}
	}
	var pair []float64
	if json.Unmarshal(w.Value, &pair) == nil && len(pair) == 2 && pair[0] <= pair[1] {
		return pair
	}
	return nil
}

// compile turns a checked condition into its test.
func (w Where) compile() condition {
	c := condition{op: w.Op, prop: w.Prop, not: w.Op == "ne" || w.Op == "not_in" || w.Op == "not_contains" || w.Op == "empty"}
	if columns[w.Prop] != "" {
		c.column = w.Prop
	}
	if f := w.floats(); len(f) > 0 && c.column == "" {
		c.a, c.b = f[0], f[len(f)-1]
		return c
	}
	t := &textTest{how: equals}
	switch w.Op {
	case "empty", "not_empty":
		t.how = present
	case "contains", "not_contains":
		t.how = contains
	case "starts":
		t.how = starts
	}
	if len(w.Value) > 0 && json.Unmarshal(w.Value, &t.list) != nil {
		t.list = []string{""}
		_ = json.Unmarshal(w.Value, &t.list[0])
	}
	if c.column == "" {
		for i, s := range t.list {
			t.list[i] = contact.Normalize(s)
		}
	}
	c.text = t
	return c
}

func (c *condition) holds(e *event.Event) bool {
	switch c.column {
	case "object_type":
		return c.text.holds(e.ObjectType) != c.not
	case "object_id":
		return c.text.holds(e.ObjectID) != c.not
	case "account":
		return c.text.holds(e.Account) != c.not
	case "staff":
		return c.text.holds(e.Staff) != c.not
	}
	if c.text == nil {
		n, ok := number64(e.Props[c.prop])
		return (ok && c.compare(n)) != c.not
	}
	s := contact.Normalize(e.Props.Str(c.prop))
	return (s != "" && c.text.holds(s)) != c.not
}

func (c *condition) compare(n float64) bool {
	switch c.op {
	case "gt":
		return n > c.a
	case "ge":
		return n >= c.a
	case "lt":
		return n < c.a
	case "le":
		return n <= c.a
	}
	return n >= c.a && n <= c.b // eq, ne, between
}

// number64 reads a property as a number; platforms that speak XML send numbers as text.
func number64(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	case string:
		f, err := strconv.ParseFloat(strings.TrimSpace(n), 64)
		return f, err == nil
	}
	return 0, false
}

// summary is the condition in Chinese.
func (w Where) summary() string {
	name := event.PropLabel(w.Prop)
	if n := columns[w.Prop]; n != "" {
		name = n
	}
	label := w.Op
	for _, o := range propOps {
		if o.Name == w.Op {
			label = o.Label
		}
	}
	var list []string
	switch f := w.floats(); {
	case len(f) > 0:
		for _, n := range f {
			list = append(list, strconv.FormatFloat(n, 'f', -1, 64))
		}
	case len(w.Value) > 0 && json.Unmarshal(w.Value, &list) != nil:
		list = []string{""}
		_ = json.Unmarshal(w.Value, &list[0])
	}
	return strings.TrimSpace(name + " " + label + " " + strings.Join(list, "、"))
}

// from writes "FROM … e LEFT JOIN alias a … WHERE …": the rows the counter counts, e.at their time.
func (s *Spec) from(w *writer) {
	if s.Hits {
		w.put(" FROM rule_leaves l JOIN rule_hits e ON e.slot = l.slot LEFT JOIN ", w.schema.Alias,
			" a ON a.old_id = e.contact_id WHERE l.dropped_at = 0 AND l.fingerprint = ")
		w.arg(int64(s.ID))
		return
	}
	w.put(" FROM ", w.schema.Events, " e LEFT JOIN ", w.schema.Alias, " a ON a.old_id = e.contact_id WHERE e.type = ")
	w.arg(s.Type)
	for _, c := range s.Filter.tests {
		w.put(" AND ")
		if c.not {
			w.put("NOT ")
		}
		// MySQL ignores trailing spaces where it compares; nothing compared with here has any.
		w.put("(")
		c.text.sql(w, "e."+c.column)
		w.put(" AND SUBSTR(e.", c.column, ", -1) <> ' ')")
	}
}
