package rule

import (
	"slices"
	"strings"
)

// The shapes compiled leaves take. A leaf gives a shape what to read in memory and which rows to ask in
// SQL; the comparison itself exists once, here.

// number compares one whole number of a person, or none, with spans of the day.
type number struct {
	label  string
	phrase string // operator and value: 大于 5
	spans  int    // index into moment.spans
	not    bool
	get    func(p *Person, at moment) (int64, bool)
	// rows writes a predicate: the person has the number and it lies within.
	rows func(w *writer, within spans)
	show func(n int64, at moment) string
	none string // shown when there is no number
}

func (c *number) match(p *Person, at moment) bool {
	n, ok := c.get(p, at)
	return (ok && at.spans[c.spans].has(n)) != c.not
}

func (c *number) sql(w *writer) {
	if c.not {
		w.put("NOT ")
	}
	if list := w.at.spans[c.spans]; len(list) > 0 {
		w.put("(")
		c.rows(w, list)
		w.put(")")
	} else {
		w.put("(1 = 0)")
	}
}

func (c *number) explain(p *Person, at moment) Trace {
	has := c.none
	if n, ok := c.get(p, at); ok {
		has = c.show(n, at)
	}
	return said(c.match(p, at), c.summary(), has)
}

func (c *number) summary() string { return c.label + " " + c.phrase }

// text compares one text of a person, or none.
type text struct {
	label  string
	phrase string
	test   textTest
	get    func(p *Person) (string, bool)
	// rows writes a predicate: the person has a text, and on(column) holds for it.
	rows func(w *writer, on func(column string))
	show func(s string) string
}

func (c *text) match(p *Person, _ moment) bool {
	s, ok := c.get(p)
	return (ok && c.test.holds(s)) != c.test.not
}

func (c *text) sql(w *writer) {
	if c.test.not {
		w.put("NOT ")
	}
	w.put("(")
	c.rows(w, func(column string) { c.test.sql(w, column) })
	w.put(")")
}

func (c *text) explain(p *Person, at moment) Trace {
	has := "没有"
	if s, ok := c.get(p); ok {
		has = c.show(s)
	}
	return said(c.match(p, at), c.summary(), has)
}

func (c *text) summary() string { return c.label + " " + c.phrase }

// textTest is a test of a text that is there. not turns the whole question round, absence included.
type textTest struct {
	how  how
	list []string // what to compare with: one text unless how is equals
	not  bool
}

type how int

const (
	present how = iota
	equals      // one of the list
	contains
	starts
)

func (t *textTest) holds(s string) bool {
	switch t.how {
	case equals:
		return slices.Contains(t.list, s)
	case contains:
		return strings.Contains(s, t.list[0])
	case starts:
		return strings.HasPrefix(s, t.list[0])
	}
	return true
}

// sql writes the test of a column. INSTR compares literally on every engine, so nothing needs escaping,
// which LIKE would, and LIKE ignores case on SQLite.
func (t *textTest) sql(w *writer, column string) {
	switch t.how {
	case present:
		w.put("1 = 1")
	case equals:
		in(w, column, t.list)
	case contains:
		w.put("INSTR(", column, ", ")
		w.arg(t.list[0])
		w.put(") > 0")
	case starts:
		w.put("INSTR(", column, ", ")
		w.arg(t.list[0])
		w.put(") = 1")
	}
}

// flag asks whether something is so.
type flag struct {
	label string
	want  bool
	get   func(p *Person, at moment) bool
	rows  func(w *writer) // writes a predicate: it is so
	// has tells what the person has; nil: 是 or 否.
	has func(p *Person, at moment) string
}

func (c *flag) match(p *Person, at moment) bool { return c.get(p, at) == c.want }

func (c *flag) sql(w *writer) {
	if !c.want {
		w.put("NOT ")
	}
	w.put("(")
	c.rows(w)
	w.put(")")
}

func (c *flag) explain(p *Person, at moment) Trace {
	has := yesNo(c.get(p, at))
	if c.has != nil {
		has = c.has(p, at)
	}
	return said(c.match(p, at), c.summary(), has)
}

// summary: a label that ends in a question mark is a yes/no question, any other is the whole sentence.
func (c *flag) summary() string {
	if q, ok := strings.CutSuffix(c.label, "？"); ok {
		return q + "：" + yesNo(c.want)
	}
	return c.label
}

func yesNo(b bool) string {
	if b {
		return "是"
	}
	return "否"
}
