package rule

import (
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/koi-scrm/koi/app/clock"
)

// Node is the JSON form of a tree, the same in bundles, the API and the console. A node is exactly one
// of all, any, not, or a leaf:
//
//	{"all": [
//	   {"leaf": "field", "key": "city", "op": "in", "value": ["上海", "杭州"]},
//	   {"any": [
//	      {"leaf": "score", "key": "intent", "op": "ge", "value": 40},
//	      {"leaf": "event", "key": "page.dwelled", "op": "ge", "value": 3, "days": 7,
//	       "where": [{"prop": "seconds", "op": "ge", "value": 60}]}]},
//	   {"not": {"leaf": "tag", "op": "any", "value": ["competitor"]}}]}
type Node struct {
	All []Node `json:"all,omitempty"`
	Any []Node `json:"any,omitempty"`
	Not *Node  `json:"not,omitempty"`

	Leaf  string          `json:"leaf,omitempty"`  // a name of the registry, see Leaves
	Key   string          `json:"key,omitempty"`   // the field, tag, score, event or account the leaf is about
	Op    string          `json:"op,omitempty"`    // an operator of the leaf
	Value json.RawMessage `json:"value,omitempty"` // what the operator compares with, see Editor
	Days  int             `json:"days,omitempty"`  // behaviours: 最近N天; absent: 累计
	Where []Where         `json:"where,omitempty"` // behaviours: conditions on the event, all of them
}

// Where is a condition on one event: on its columns object_type, object_id, account, staff, or else on
// the property of that name.
type Where struct {
	Prop  string          `json:"prop"`
	Op    string          `json:"op"`
	Value json.RawMessage `json:"value,omitempty"`
}

// Tree is a decoded, resolved condition. It is immutable and safe for concurrent use.
type Tree struct {
	node  Node
	root  cond
	zone  *time.Location
	daily []func(clock day) spans // one per leaf that compares a number, by its index
	uses  Uses
	specs []*Spec
	today atomic.Pointer[today]
}

// cond is a compiled part of a tree.
type cond interface {
	match(p *Person, at moment) bool
	sql(w *writer)
	explain(p *Person, at moment) Trace
	summary() string
}

// Node returns the tree's JSON form.
func (t *Tree) Node() Node { return t.node }

// Match tells whether the condition holds for the person at now (business time, Unix ms). It is pure and
// allocates nothing on a day's second call.
func (t *Tree) Match(p *Person, now int64) bool {
	return t.root.match(p, moment{now, t.on(now)})
}

// Explain is Match with the reasons: for every part of the tree what was asked, what the person has,
// and whether that is enough.
func (t *Tree) Explain(p *Person, now int64) Trace {
	return t.root.explain(p, moment{now, t.on(now)})
}

// Select returns the SQL that lists the ids of everyone for whom the condition holds at now, and its
// arguments. See the package comment for trees with conditions on event props.
func (t *Tree) Select(s *Schema, now int64) (string, []any) {
	w := t.writer(s, now)
	w.put("SELECT c.id FROM ", s.Contacts, " c WHERE c.merged_into = 0 AND ")
	t.root.sql(w)
	return w.String(), w.args
}

// Where returns the SQL of the condition alone, about the row c of Schema.Contacts, for callers that
// compose. It is always true or false, never NULL.
func (t *Tree) Where(s *Schema, now int64) (string, []any) {
	w := t.writer(s, now)
	t.root.sql(w)
	return w.String(), w.args
}

func (t *Tree) writer(s *Schema, now int64) *writer {
	return &writer{schema: s, at: moment{now, t.on(now)}}
}

// Counted lists what must be counted for Match to answer (see Counters.Use).
func (t *Tree) Counted() []*Spec { return t.specs }

// Uses tells what the tree's answer can depend on.
func (t *Tree) Uses() Uses { return t.uses }

// String is the tree as one Chinese sentence.
func (t *Tree) String() string { return t.root.summary() }

// Uses is what a tree reads: for "who uses this definition" and for asking again only when it may matter.
type Uses struct {
	Contact bool     // identities, staff links, follows, created and active times
	Fields  []string // field keys
	Tags    []int64  // tag ids
	Scores  []int64  // score model ids
	Stage   bool
	Events  []string // event types
	// Daily: a new day can change the answer though nothing happened. (A tag that expires is an event.)
	Daily bool
}

// day is a calendar day in the business zone.
type day struct {
	n    int32 // days since 1970-01-01
	zone *time.Location
}

// start is the first millisecond of the n-th calendar day.
func (d day) start(n int32) int64 { return clock.DayStart(n, d.zone) }

// today is what a tree computed for one calendar day.
type today struct {
	from, till int64 // the day's milliseconds, till excluded
	day        day
	spans      []spans // by leaf, see Tree.daily
}

// moment is when a question is asked.
type moment struct {
	now int64
	*today
}

// on returns the numbers for the day of now; the last day's are kept.
func (t *Tree) on(now int64) *today {
	if d := t.today.Load(); d != nil && now >= d.from && now < d.till {
		return d
	}
	n := clock.Day(now, t.zone)
	d := &today{day: day{n, t.zone}, spans: make([]spans, len(t.daily))}
	d.from, d.till = d.day.start(n), d.day.start(n+1)
	for i, f := range t.daily {
		d.spans[i] = f(d.day)
	}
	t.today.Store(d)
	return d
}

// group is all (every part holds), any (one does) or, with one part, not.
type group struct {
	kind  string // "all", "any", "not"
	parts []cond
}

func (g *group) match(p *Person, at moment) bool {
	switch g.kind {
	case "not":
		return !g.parts[0].match(p, at)
	case "any":
		for _, c := range g.parts {
			if c.match(p, at) {
				return true
			}
		}
		return false
	default:
		for _, c := range g.parts {
			if !c.match(p, at) {
				return false
			}
		}
		return true
	}
}

func (g *group) sql(w *writer) {
	if g.kind == "not" {
		w.put("NOT (")
		g.parts[0].sql(w)
		w.put(")")
		return
	}
	between := " AND "
	if g.kind == "any" {
		between = " OR "
	}
	w.put("(")
	for i, c := range g.parts {
		if i > 0 {
			w.put(between)
		}
		c.sql(w)
	}
	w.put(")")
}
