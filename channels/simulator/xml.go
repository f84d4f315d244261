package simulator

import (
	"strconv"
	"strings"
)

// event is the inner XML of a callback being written. Texts stand in CDATA and numbers bare, as the
// platforms write them.
type event struct{ b strings.Builder }

func newEvent() *event {
	e := &event{}
	e.b.WriteString("<xml>")
	return e
}

func (e *event) text(name, value string) *event {
	e.b.WriteString("<" + name + "><![CDATA[")
	// "]]>" can't stand in a section: it is split over two.
	e.b.WriteString(strings.ReplaceAll(value, "]]>", "]]]]><![CDATA[>"))
	e.b.WriteString("]]></" + name + ">")
	return e
}

func (e *event) num(name string, value int64) *event {
	e.b.WriteString("<" + name + ">" + strconv.FormatInt(value, 10) + "</" + name + ">")
	return e
}

// open and shut write the tags of an element with elements in it.
func (e *event) open(name string) *event { e.b.WriteString("<" + name + ">"); return e }
func (e *event) shut(name string) *event { e.b.WriteString("</" + name + ">"); return e }

// texts writes only what has a value.
func (e *event) texts(pairs ...string) *event {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			e.text(pairs[i], pairs[i+1])
		}
	}
	return e
}

func (e *event) done() []byte { return []byte(e.b.String() + "</xml>") }
