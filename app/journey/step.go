package journey

import (
	"fmt"
	"time"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/rule"
)

// input is what a run meets.
type input struct {
	kind   inputKind
	event  *event.Event // of happened, and of started
	result result       // of performed
	port   string       // of chosen
}

type inputKind int

const (
	started   inputKind = iota // an event started the run at its trigger
	happened                   // an event of its subject
	due                        // its due time is there
	resumed                    // what it did before is applied now
	performed                  // the action it asked for was tried
	chosen                     // whoever rehearses says how the wait ends
	stopped                    // somebody or something takes it out; result.reason says why
)

// result is what became of an action.
type result struct {
	kind   resultKind
	reason string // Chinese, of failed and blocked
	// messages is how many were handed over, whose fate the port "blocked" waits for.
	messages int
	// changed says that the person's tags, fields or stage are about to change.
	changed bool
	// port is the way out an action that asks something found; "": next.
	port string
}

type resultKind int

const (
	succeeded resultKind = iota
	failed               // it could not be done
	blocked              // it must not be done: 被拦截
)

// key is the result in events.
func (k resultKind) key() string { return [...]string{"ok", "failed", "blocked"}[k] }

// facts are the world of one step.
type facts struct {
	now     int64
	person  *rule.Person // nil when the run is about no customer
	explain bool         // keep the reasons of conditions, for test runs
	// looked: what parts look up is at hand.
	looked bool
	// stale: the run changed the person in this batch and the change isn't applied yet.
	stale bool
}

// outcome is what one step did and wants.
type outcome struct {
	moves  []move
	action action // to be performed; its result comes back as an input
	goal   string // Chinese: the goal that was reached; the run is over then
}

// move is one thing that happened at one node, for counts, traces and the timeline.
type move struct {
	node  *node
	kind  moveKind
	port  string
	why   string      // Chinese
	trace *rule.Trace // of a condition, when facts.explain
}

type moveKind int

const (
	entered moveKind = iota
	left             // through port
	broke            // the step failed
	held             // what the step wanted was blocked
	out              // the run ended here without leaving the node
)

// place is a run at a node, as a part sees it.
type place struct {
	g    *Graph
	run  *Run
	node *node
	e    *event.Event // what happens now; nil when nothing does
	f    *facts
	// why and trace tell the reasons, when asked to explain.
	why   string
	trace *rule.Trace
}

// through is the way out by a port, with the reasons collected on the way.
func (p *place) through(port string) way { return way{port, p.why, p.trace} }

// local is now in the journey's zone.
func (p *place) local() time.Time { return time.UnixMilli(p.f.now).In(p.g.zone) }

// verdict is what a part wants on arrival. Exactly one of port, wait, do, end and goal is set.
type verdict struct {
	port string // leave through it
	wait bool   // stay until due (0: no end) or until an event opens a port
	due  int64
	do   action
	end  bool
	goal string // it is reached: the run is over
}

// maxHops bounds how many nodes one input may lead through; a checked graph never comes near.
const maxHops = 500

// step moves a run as far as one input takes it: until it waits, ends, or wants an action performed. It is
// pure: the run comes back changed, nothing else is touched.
func step(g *Graph, r Run, in input, f facts) (Run, outcome) {
	s := stepper{g: g, run: r, in: in, f: f}
	s.begin()
	return s.run, s.out
}

type stepper struct {
	g   *Graph
	run Run
	in  input
	f   facts
	out outcome
}

func (s *stepper) begin() {
	n := s.g.node(s.run.Node)
	switch {
	case s.in.kind == stopped:
		state := Exited
		if s.in.result.kind == failed {
			state = Failed
		}
		s.finish(n, state, s.in.result.reason)
		return
	case n == nil:
		s.finish(nil, Failed, fmt.Sprintf("这一版旅程里没有步骤 %s", s.run.Node))
		return
	}
	switch s.in.kind {
	case started:
		s.note(move{node: n, kind: entered})
		s.leave(n, way{port: portNext.Key})
	case happened:
		s.happen(n)
	case due:
		s.expire(n)
	case resumed:
		if s.run.State == Ready {
			s.resume(n)
		}
	case performed:
		s.took(n)
	case chosen:
		s.leave(n, way{port: s.in.port, why: "试走时选定"})
	}
}

// happen offers an event to a parked run: exits first, then the node it waits at.
func (s *stepper) happen(n *node) {
	if why := s.g.reached(&s.run, s.in.event, &s.f); why != "" {
		s.reach(n, why, out)
		return
	}
	if why := s.g.exit(s.in.event, &s.f); why != "" {
		s.finish(n, Exited, why)
		return
	}
	w, ok := n.part.(waiter)
	if !ok || s.run.State != Waiting {
		return
	}
	// An event that reached us late and happened before the wait began is not what the run waits for.
	if s.in.event.Late() && s.in.event.OccurredAt < s.run.ArrivedAt {
		return
	}
	at := s.at(n)
	if s.atGoal(n, at) {
		return
	}
	if port := w.happened(at); port != "" {
		s.leave(n, at.through(port))
	}
}

// atGoal ends the run when it waits for a goal that is reached now.
func (s *stepper) atGoal(n *node, at *place) bool {
	g, is := n.part.(interface{ reached(at *place) string })
	if !is {
		return false
	}
	why := g.reached(at)
	if why != "" {
		s.reach(n, why, left)
	}
	return why != ""
}

// expire ends a wait whose time has come.
func (s *stepper) expire(n *node) {
	if s.run.DueAt == 0 || s.run.DueAt > s.f.now {
		return
	}
	if why := s.g.reached(&s.run, nil, &s.f); why != "" {
		s.reach(n, why, out)
		return
	}
	if why := s.g.exit(nil, &s.f); why != "" {
		s.finish(n, Exited, why)
		return
	}
	w, ok := n.part.(waiter)
	switch {
	case s.run.State == Ready:
		s.f.looked = true // the batch of a timer looks everything up
		s.resume(n)
	case s.run.State == Sending: // no word came: take it as sent
		s.leave(n, way{port: portNext.Key})
	case ok:
		if at := s.at(n); !s.atGoal(n, at) {
			s.leave(n, at.through(w.due(at)))
		}
	default:
		s.finish(n, Failed, "这一步不能等待，旅程定义可能已损坏")
	}
}

// took goes on after an action.
func (s *stepper) took(n *node) {
	res := s.in.result
	s.run.Steps++
	s.f.stale = s.f.stale || res.changed
	next := way{port: portNext.Key, why: res.reason}
	switch res.kind {
	case failed:
		s.note(move{node: n, kind: broke, why: res.reason})
		switch {
		case n.to[portFailed.Key] != nil:
			next.port = portFailed.Key
		case n.onError == Stop:
			s.finish(n, Failed, res.reason)
			return
		}
	case blocked:
		s.note(move{node: n, kind: held, why: res.reason})
		next.port = n.or(portBlocked.Key)
	default:
		if res.port != "" {
			next.port = res.port
		}
		if res.messages > 0 && n.to[portBlocked.Key] != nil {
			// Policy speaks once the messages have passed it, still in this batch; should no word come,
			// the due time lets the run go on.
			s.run.State, s.run.DueAt, s.run.Outstanding, s.run.Queued = Sending, s.f.now, res.messages, 0
			return
		}
	}
	s.leave(n, next)
}

// heard tells a sending run that one of its messages was queued, or was not.
func heard(g *Graph, r Run, queued bool, f facts) (Run, outcome) {
	n := g.node(r.Node)
	if n == nil || r.State != Sending {
		return r, outcome{}
	}
	r.Outstanding--
	if queued {
		r.Queued++
	}
	if r.Outstanding > 0 {
		return r, outcome{}
	}
	s := stepper{g: g, run: r, f: f}
	if r.Queued > 0 {
		s.leave(n, way{port: portNext.Key})
	} else {
		s.leave(n, way{port: portBlocked.Key})
	}
	return s.run, s.out
}

// way is how a run leaves a node.
type way struct {
	port  string
	why   string
	trace *rule.Trace
}

// leave walks on from a node, as far as it goes.
func (s *stepper) leave(n *node, w way) {
	for range maxHops {
		s.note(move{node: n, kind: left, port: w.port, why: w.why, trace: w.trace})
		next := n.to[n.or(w.port)]
		if next == nil {
			s.end(n)
			return
		}
		n = next
		s.note(move{node: n, kind: entered})
		if w = s.arrive(n); w.port == "" {
			return
		}
	}
	s.finish(n, Failed, "旅程在原地打转，已停止：请检查有没有不带等待的环")
}

// resume executes a node the run had to stop before.
func (s *stepper) resume(n *node) {
	if w := s.arrive(n); w.port != "" {
		s.leave(n, w)
	}
}

// arrive executes a node. The way is empty when the run stays, or is over.
func (s *stepper) arrive(n *node) way {
	s.run.Node, s.run.ArrivedAt, s.run.DueAt = n.id, s.f.now, 0
	_, reads := n.part.(reader)
	l, looks := n.part.(lookup)
	if reads && s.f.stale || looks && l.looksUp() && !s.f.looked {
		s.run.State, s.run.DueAt = Ready, s.f.now
		return way{}
	}
	at := s.at(n)
	v := n.part.arrive(at)
	switch {
	case v.end:
		s.note(move{node: n, kind: left})
		s.end(n)
		return way{}
	case v.goal != "":
		s.reach(n, v.goal, left)
		return way{}
	case v.do != nil:
		s.run.State, s.run.DueAt = Ready, s.f.now
		s.out.action = v.do
		return way{}
	case v.wait:
		s.run.State, s.run.DueAt = Waiting, v.due
		return way{}
	}
	return at.through(v.port)
}

// end finishes a run that has nowhere to go on to.
func (s *stepper) end(n *node) {
	s.run.Node = n.id
	s.run.State, s.run.DueAt, s.run.EndedAt = Finished, 0, s.f.now
}

// reach ends a run that has what it was for. It leaves the step by that, unless the journey's own goal took
// it out where it happened to stand.
func (s *stepper) reach(n *node, why string, how moveKind) {
	s.run.State, s.run.DueAt, s.run.EndedAt, s.run.Reason = Exited, 0, s.f.now, why
	s.out.goal = why
	s.note(move{node: n, kind: how, why: why})
}

// finish takes a run out where it stands.
func (s *stepper) finish(n *node, state State, why string) {
	s.run.State, s.run.DueAt, s.run.EndedAt, s.run.Reason = state, 0, s.f.now, why
	if n != nil {
		s.note(move{node: n, kind: out, why: why})
	}
}

func (s *stepper) at(n *node) *place {
	return &place{g: s.g, run: &s.run, node: n, e: s.in.event, f: &s.f}
}

func (s *stepper) note(m move) { s.out.moves = append(s.out.moves, m) }
