package rule

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
)

// Filter is a list of conditions on one event, all of which must hold: what triggers, exits and score
// rules ask of an event beyond its type. The zero Filter holds for every event. It is immutable.
type Filter struct {
	tests []condition
	text  []string
}

// DecodeFilter reads the member "where" below path, a list of Where; an absent one holds always. It
// reports every problem at once, with paths like "path.where[0].op".
func DecodeFilter(where json.RawMessage, path string, scope *Scope) (Filter, []fault.Problem) {
	var f Filter
	if len(where) == 0 || string(where) == "null" {
		return f, nil
	}
	l := &leafNode{compiler: &compiler{scope: scope, tree: &Tree{zone: scope.Zone}}, path: path}
	for _, w := range l.decodeWhere(where) {
		f.add(w)
	}
	return f, l.problems
}

// NewFilter is DecodeFilter for conditions that a larger document was decoded with; path is theirs:
// "config.where", then "config.where[0].op".
func NewFilter(list []Where, path string) (Filter, []fault.Problem) {
	var f Filter
	c := &compiler{}
	for i, w := range list {
		l := &leafNode{compiler: c, path: fmt.Sprintf("%s[%d]", path, i)}
		before := len(c.problems)
		if l.checkWhere(w); len(c.problems) == before {
			f.add(w)
		}
	}
	return f, c.problems
}

func (f *Filter) add(w Where) condition {
	test := w.compile()
	f.tests, f.text = append(f.tests, test), append(f.text, w.summary())
	return test
}

// Match reports whether the event satisfies every condition.
func (f Filter) Match(e *event.Event) bool {
	for i := range f.tests {
		if !f.tests[i].holds(e) {
			return false
		}
	}
	return true
}

// String is the filter as one Chinese sentence, "" when it asks nothing.
func (f Filter) String() string { return strings.Join(f.text, " 且 ") }
