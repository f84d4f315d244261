package journey

import (
	"time"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/rule"
)

// Graph is one compiled version of a journey. It is immutable and safe for concurrent use.
type Graph struct {
	ID       int64
	Rev      int64
	Key      string
	Name     string
	Status   Status // of this version; whether the journey runs is decided by its newest one
	Subject  Subject
	Def      Definition
	entry    Entry
	fresh    time.Duration
	priority int
	zone     *time.Location
	hours    *hours
	nodes    []*node
	byID     map[string]*node
	triggers []*node
	exitList []exit
	goal     *goal // of the journey as a whole; nil: none
	warnings []fault.Problem
	trees    []*rule.Tree
	waits    map[string]bool // event types a parked run may be waiting for, or be taken out by
	parks    bool            // runs can stay inside beyond the event that started them
	watches  bool            // every event may take a run out: an exit has a condition and no event
}

// node is a compiled step.
type node struct {
	id      string
	index   int
	note    string
	comp    *Component
	part    part
	onError OnError
	to      map[string]*node
}

// or returns the port when something is connected to it, else "next".
func (n *node) or(port string) string {
	if n.to[port] != nil {
		return port
	}
	return portNext.Key
}

// label is how traces call the step.
func (n *node) label() string {
	if n.note != "" {
		return n.comp.Label + "（" + n.note + "）"
	}
	return n.comp.Label
}

// node returns a step, or nil when this version has none of that id.
func (g *Graph) node(id string) *node { return g.byID[id] }

// exit is a compiled exit rule.
type exit struct {
	events map[string]bool
	where  rule.Filter
	when   *rule.Tree
	why    string
}

// exit tells why the subject must leave now, or "". Rules with events ask about e, which may be nil; rules
// without ask about the person alone.
func (g *Graph) exit(e *event.Event, f *facts) string {
	for i := range g.exitList {
		x := &g.exitList[i]
		if len(x.events) > 0 && (e == nil || !x.events[e.Type] || !x.where.Match(e)) {
			continue
		}
		if x.when != nil && (f.person == nil || !x.when.Match(f.person, f.now)) {
			continue
		}
		return x.why
	}
	return ""
}

// looksUp reports whether some step needs what is looked up for timers only.
func (g *Graph) looksUp() bool {
	for _, n := range g.nodes {
		if l, ok := n.part.(lookup); ok && l.looksUp() {
			return true
		}
	}
	return false
}

// limits reports whether earlier runs matter to who may enter.
func (g *Graph) limits() bool { return g.entry.Mode != Concurrent }

// maxAtOnce bounds how often one subject may be in a concurrent journey at a time.
const maxAtOnce = 20

// past is what an entry decision knows of a subject's earlier runs of the journey.
type past struct {
	open int
	last int64 // when the newest of them was entered; 0: never
}

// refusal is why a subject may not enter, in Chinese; "" when it may.
type refusal string

const (
	notTwice   refusal = "已经进入过这个旅程（只进一次）"
	stillIn    refusal = "还在这个旅程里"
	tooSoon    refusal = "距上次进入还不满规定的天数"
	tooMany    refusal = "同时在这个旅程里的次数已达上限"
	cameLate   refusal = "迟到：事件发生太久才收到或处理"
	notRunning refusal = "旅程没有在运行"
	tooDeep    refusal = "事件互相触发的层数太深"
	noSubject  refusal = "事件没有对应的人"
)

// admit decides whether somebody may enter at an instant.
func (g *Graph) admit(p past, now int64) refusal {
	switch g.entry.Mode {
	case Concurrent:
		if p.open >= maxAtOnce {
			return tooMany
		}
	case Again:
		if p.open > 0 {
			return stillIn
		}
		if p.last != 0 && now-p.last < int64(g.entry.Days)*24*3_600_000 {
			return tooSoon
		}
	default:
		if p.open > 0 {
			return stillIn
		}
		if p.last != 0 {
			return notTwice
		}
	}
	return ""
}

// freshAt reports whether an event is young enough to start a run of this journey at now.
func (g *Graph) freshAt(e *event.Event, now int64) bool {
	return !e.Late() && now-e.OccurredAt <= g.fresh.Milliseconds()
}
