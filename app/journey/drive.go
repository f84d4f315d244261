package journey

import (
	"log/slog"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/koi-scrm/koi/app/event"
)

// drive gives a run one input and does what it asks for, until it waits or is over. Messages and derived
// events are caused by cause; nil keeps the cause it had.
func (s *Stage) drive(b *event.Batch, l *live, cause *event.Event, in input) {
	if cause != nil {
		l.cause = cause
	}
	if l.g == nil {
		l.g = &Graph{ID: l.JourneyID, Rev: l.Rev}
		in = input{kind: stopped, result: result{kind: failed, reason: "找不到这一版旅程的定义"}}
	}
	if l.cause.Depth > deepest {
		in = input{kind: stopped, result: result{kind: failed, reason: string(tooDeep)}}
	}
	s.advance(b, l, func(f facts) (Run, outcome) { return step(l.g, l.Run, in, f) })
}

// advance applies a move of a run and performs the actions it leads to. Whatever goes wrong inside is the
// run's own failure: a timer that could not be settled would come back for ever.
func (s *Stage) advance(b *event.Batch, l *live, first func(facts) (Run, outcome)) {
	defer func() {
		if p := recover(); p != nil {
			slog.Error("旅程执行出错，这一次已停止", "journey", l.g.Key, "run", l.ID, "node", l.Node, "err", p, "stack", string(debug.Stack()))
			t := s.tally(l.JourneyID, l.Rev, l.Node)
			t.failed++
			if l.State.Open() { // else it was counted out before this went wrong
				t.exited++
			}
			l.State, l.DueAt, l.EndedAt, l.Reason = Failed, 0, b.Now, "内部错误，详情见日志"
			s.over(b, l)
		}
	}()
	f := s.facts(b, l.ContactID)
	f.stale = l.stale
	run, out := first(f)
	for {
		l.dirty = l.dirty || !run.stands(l.Run)
		l.Run = run
		s.count(l, out.moves)
		if out.goal != "" {
			s.emit(b, l, event.JourneyGoalReached, event.Props{"node": l.Node, "reason": out.goal})
		}
		if out.action == nil {
			break
		}
		node := l.Node
		res := s.perform(b, l, out.action)
		l.stale = l.stale || res.changed
		f.stale = l.stale
		run, out = step(l.g, l.Run, input{kind: performed, result: res}, f)
		s.stepDone(b, l, node, run.Steps, res)
	}
	if l.State == Failed && !slices.ContainsFunc(out.moves, func(m move) bool { return m.kind == broke && m.node.id == l.Node }) {
		s.tally(l.JourneyID, l.Rev, l.Node).failed++ // no step failed, the run did: a journey's failures are the sum of its steps'
	}
	if !l.State.Open() {
		s.over(b, l)
	}
}

// stands reports whether two states of one run would be stored alike.
func (r *Run) stands(o Run) bool {
	return r.Node == o.Node && r.State == o.State && r.DueAt == o.DueAt && r.ArrivedAt == o.ArrivedAt && r.Steps == o.Steps && r.Outstanding == o.Outstanding
}

func (s *Stage) facts(b *event.Batch, contactID int64) facts {
	_, looked := s.reasons[contactID]
	f := facts{now: b.Now, looked: looked}
	if p := s.Contacts.Person(contactID); p != nil {
		f.person = s.People.Of(p)
	}
	return f
}

// over settles a run that has just ended.
func (s *Stage) over(b *event.Batch, l *live) {
	l.dirty = true
	t := s.tally(l.JourneyID, l.Rev, "")
	props := event.Props{"node": l.Node, "state": l.State.key()}
	if l.Reason != "" {
		props["reason"] = l.Reason
	}
	switch l.State {
	case Finished:
		t.done++
		s.emit(b, l, event.JourneyExited, props)
	case Failed:
		t.failed++
		s.emit(b, l, event.JourneyFailed, props)
	default:
		t.exited++
		s.emit(b, l, event.JourneyExited, props)
	}
}

// stepDone tells the timeline that an action was performed, and the run, once the event has passed all
// stages, that its effects are applied: they were emitted before it.
func (s *Stage) stepDone(b *event.Batch, l *live, node string, n int, res result) {
	props := event.Props{"node": node, "n": n, "result": res.kind.key()}
	if c := l.g.node(node); c != nil {
		props["component"] = c.comp.Key
	}
	if res.reason != "" {
		props["reason"] = res.reason
	}
	if res.port != "" {
		props["port"] = res.port
	}
	s.emit(b, l, event.JourneyStepDone, props)
}

// emit derives an event about a run. Events too deep to be derived are cut by the batch; runs never depend
// on one, since due times stand behind every wait.
func (s *Stage) emit(b *event.Batch, l *live, typ string, props event.Props) {
	props["run"], props["rev"] = strconv.FormatInt(l.ID, 10), l.Rev
	e := event.Event{Type: typ, ContactID: l.ContactID, ObjectType: "journey", ObjectID: strconv.FormatInt(l.JourneyID, 10),
		OccurredAt: b.Now, ReceivedAt: b.Now, Props: props}
	if err := b.Emit(l.cause, e); err != nil {
		panic(err) // one event derived more than 1023: advance makes it the run's failure
	}
}

// tallyKey names a row of journey_counters; node "" is the journey as a whole.
type tallyKey struct {
	journey, rev int64
	node         string
}

// tally is what a batch adds to a row of journey_counters.
type tally struct{ entered, done, failed, blocked, exited int64 }

func (s *Stage) tally(journey, rev int64, node string) *tally {
	k := tallyKey{journey, rev, node}
	t := s.tallies[k]
	if t == nil {
		t = &tally{}
		s.tallies[k] = t
	}
	return t
}

// count adds a run's moves to the counts of its nodes. Who entered a node and neither left it nor was taken
// out there is 在途; failed and blocked say how some of the passes went.
func (s *Stage) count(l *live, moves []move) {
	for _, m := range moves {
		t := s.tally(l.JourneyID, l.Rev, m.node.id)
		switch m.kind {
		case entered:
			t.entered++
		case left:
			t.done++
		case broke:
			t.failed++
		case held:
			t.blocked++
		case out:
			t.exited++
		}
	}
}

// merge folds the runs of a person who turned out to be another one. Where both are in a journey that does
// not allow being in it twice, the run begun first goes on and the other ends: a merged person is not
// greeted twice.
func (s *Stage) merge(b *event.Batch, e *event.Event) {
	old, kept := e.Props.Int("old"), e.Props.Int("kept")
	if old == 0 || kept == 0 || old == kept {
		return
	}
	s.merges = append(s.merges, [2]int64{old, kept})
	for _, l := range s.byID {
		if l.ContactID == old {
			l.ContactID, l.dirty = kept, true
		}
	}
	for _, l := range s.bySubj[old] {
		l.Subject, l.dirty = kept, true
		s.bySubj[kept] = append(s.bySubj[kept], l)
	}
	delete(s.bySubj, old)
	slices.SortFunc(s.bySubj[kept], byID) // as the next batch would load them
	first := map[int64]*live{}
	for _, l := range s.bySubj[kept] {
		if !l.State.Open() || l.g == nil || !l.g.limits() {
			continue
		}
		f := first[l.JourneyID]
		if f == nil || l.EnteredAt < f.EnteredAt || l.EnteredAt == f.EnteredAt && l.ID < f.ID {
			first[l.JourneyID] = l
		}
	}
	for _, l := range s.bySubj[kept] {
		if f := first[l.JourneyID]; f != nil && f != l && l.State.Open() {
			l.cause = e
			if n := l.g.node(l.Node); n != nil {
				s.count(l, []move{{node: n, kind: out}})
			}
			l.State, l.DueAt, l.EndedAt, l.Reason = Merged, 0, b.Now, "两位客户合并为一人，保留先进入的那次"
			s.over(b, l)
		}
	}
}

// stepName is the outbox step of a node of a run: it makes message keys, and leads back to the node when
// the message's fate is told. At most 13+1+13+1+40 bytes.
func stepName(r *Run, node string) string {
	return strconv.FormatInt(r.ID, 36) + "." + strconv.FormatInt(r.Rev, 36) + "/" + node
}

// parseStep is the inverse of stepName.
func parseStep(s string) (run, rev int64, node string, ok bool) {
	head, node, found := strings.Cut(s, "/")
	a, r, both := strings.Cut(head, ".")
	run, err := strconv.ParseInt(a, 36, 64)
	rev, err2 := strconv.ParseInt(r, 36, 64)
	return run, rev, node, found && both && err == nil && err2 == nil
}
