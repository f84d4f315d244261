package rule

import "strings"

// Trace is why, or why not, in Chinese sentences: one for each part of the tree.
type Trace struct {
	OK   bool    `json:"ok"`
	Text string  `json:"text"`
	Kids []Trace `json:"kids,omitempty"`
}

// said is the trace of a leaf: what was asked, what the person has.
func said(ok bool, asked, has string) Trace {
	return Trace{OK: ok, Text: asked + "（实际：" + has + "）"}
}

// String draws the trace as an indented list, a line for each part.
func (t Trace) String() string {
	var b strings.Builder
	t.draw(&b, 0)
	return strings.TrimSuffix(b.String(), "\n")
}

func (t Trace) draw(b *strings.Builder, depth int) {
	b.WriteString(strings.Repeat("  ", depth))
	if t.OK {
		b.WriteString("✓ ")
	} else {
		b.WriteString("✗ ")
	}
	b.WriteString(t.Text)
	b.WriteByte('\n')
	for _, k := range t.Kids {
		k.draw(b, depth+1)
	}
}

// Decisive lists the sentences of the leaves that made the answer what it is: of a condition that does not
// hold the unmet ones, of one that does what met it.
func (t Trace) Decisive() []string {
	if len(t.Kids) == 0 {
		return []string{t.Text}
	}
	var out []string
	for _, k := range t.Kids {
		if k.OK == t.OK || len(t.Kids) == 1 { // a "not" is decided by its only part
			out = append(out, k.Decisive()...)
		}
	}
	return out
}

func (g *group) explain(p *Person, at moment) Trace {
	t := Trace{OK: g.match(p, at), Kids: make([]Trace, len(g.parts))}
	met := 0
	for i, c := range g.parts {
		t.Kids[i] = c.explain(p, at)
		if t.Kids[i].OK {
			met++
		}
	}
	switch g.kind {
	case "not":
		t.Text = "不满足下面的条件"
	case "any":
		t.Text = "满足任一条件" + ofParts(met, len(g.parts))
	default:
		t.Text = "满足全部条件" + ofParts(met, len(g.parts))
	}
	return t
}

func ofParts(met, all int) string {
	return "（" + itoa(int64(all)) + " 项中满足 " + itoa(int64(met)) + " 项）"
}

func (g *group) summary() string {
	if g.kind == "not" {
		return "非（" + g.parts[0].summary() + "）"
	}
	word := " 且 "
	if g.kind == "any" {
		word = " 或 "
	}
	out := make([]string, len(g.parts))
	for i, c := range g.parts {
		out[i] = c.summary()
		if sub, ok := c.(*group); ok && sub.kind != "not" && len(sub.parts) > 1 {
			out[i] = "（" + out[i] + "）"
		}
	}
	return strings.Join(out, word)
}
