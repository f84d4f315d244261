package journey

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/org"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/scoring"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/app/stage"
	"github.com/koi-scrm/koi/app/tag"
)

// Config is what a stage works with.
type Config struct {
	Contacts *contact.Stage
	People   *rule.People
	Tags     *tag.Stage
	Scores   *scoring.Directory
	Stages   *stage.Stage
	Outbox   *outbox.Stage
	Staff    *org.Directory
	Accounts *account.Directory
	Settings *setting.Store
	// PublicURL begins the addresses that messages link to.
	PublicURL string
}

// Stage moves the runs of a batch's people and starts new ones. It stands behind everything that
// concludes about people, and before the outbox.
type Stage struct {
	Config
	model atomic.Pointer[Model]

	// Configuration that follows from the model and what is in flight; see adopt.
	adopted  *Model
	graphs   map[version]*Graph
	listens  map[string]bool // event types that a run may wait for
	watches  bool            // every event may take a run out
	parks    bool            // runs can be open when a batch begins
	staff    bool            // some of them, or some journey, are of staff
	draining map[int64]bool  // journeys that were stopped and still have runs to take out

	// Of the batch:
	m       *Model
	byID    map[int64]*live
	bySubj  map[int64][]*live
	nth     map[int64]int // runs started by each seq
	tallies map[tallyKey]*tally
	merges  [][2]int64         // old, kept
	reasons map[int64][]string // by contact, of those that timers are about
}

// live is a run as the batch works with it.
type live struct {
	Run
	g     *Graph
	cause *event.Event // what it acts upon: messages are caused by it, events derived from it
	stale bool         // it changed the person and the change is still on its way
	dirty bool
}

// NewStage makes the stage. Use gives it a model before the first batch.
func NewStage(c Config) *Stage {
	s := &Stage{Config: c, graphs: map[version]*Graph{}}
	s.model.Store(&Model{known: Known{Scope: &rule.Scope{Zone: time.UTC}}})
	return s
}

// Use takes a model from the next batch on.
func (s *Stage) Use(m *Model) { s.model.Store(m) }

// Name of the stage.
func (s *Stage) Name() string { return "journey" }

// Load reads the runs that concern the batch's people: those inside a journey, and of each journey the
// last one. One query; another one where timers or commands name runs of staff.
func (s *Stage) Load(ctx context.Context, tx *db.Tx, b *event.Batch) error {
	s.m = s.model.Load()
	s.byID, s.bySubj, s.nth = map[int64]*live{}, map[int64][]*live{}, map[int64]int{}
	s.tallies, s.merges, s.reasons = map[tallyKey]*tally{}, nil, nil
	if s.adopted != s.m {
		if err := s.adopt(ctx, tx, b); err != nil {
			return err
		}
	}
	if s.parks || len(s.m.index) > 0 {
		if err := s.loadSubjects(ctx, tx, s.subjects(b)); err != nil {
			return err
		}
	}
	if err := s.loadNamed(ctx, tx, b); err != nil {
		return err
	}
	return s.lookUp(ctx, b)
}

// subjects are those whose runs may matter to the batch.
func (s *Stage) subjects(b *event.Batch) []int64 {
	ids := s.Contacts.Loaded()
	if !s.staff {
		return ids
	}
	seen := map[string]bool{}
	out := ids[:len(ids):len(ids)]
	for _, e := range b.Events {
		if e.Staff == "" {
			continue
		}
		if name := staffName(e); name != "" && !seen[name] {
			seen[name] = true
			out = append(out, staffSubject(name))
		}
	}
	return out
}

// Apply moves what waits for the event, then starts what it starts.
func (s *Stage) Apply(b *event.Batch, e *event.Event) error {
	switch {
	case e.Type == event.TimerJourney:
		if l := s.byID[runOf(e)]; l != nil {
			s.timer(b, e, l)
		}
		return nil
	case e.Type == event.CommandJourneyStop:
		if l := s.byID[runOf(e)]; l != nil && l.State.Open() {
			s.drive(b, l, e, input{kind: stopped, result: result{reason: "被手动移出" + by(e)}})
		}
		return nil
	case e.Type == event.CommandJourneyStart:
		return s.command(b, e)
	case strings.HasPrefix(e.Type, "command."), strings.HasPrefix(e.Type, "timer."):
		return nil
	case e.Type == event.JourneyStepDone:
		s.resume(b, e)
	case e.Type == event.ContactMerged:
		s.merge(b, e)
	case strings.HasPrefix(e.Type, "message."):
		s.told(b, e)
	}
	s.offer(b, e)
	for _, x := range s.m.index[e.Type] {
		s.try(b, e, x)
	}
	return nil
}

func by(e *event.Event) string {
	if who := e.Props.Str("by"); who != "" {
		return "（" + who + "）"
	}
	return ""
}

// command lets somebody enter a live journey behind one of its triggers (props journey, and node when not
// behind the first), whatever the trigger asks. The entry rules hold; Directory.StartedBy tells whether
// they let the person in.
func (s *Stage) command(b *event.Batch, e *event.Event) error {
	id, _ := strconv.ParseInt(e.Props.Str("journey"), 10, 64)
	g := s.m.newest[id]
	if g == nil || g.Status != Live || g.Subject != Customers || len(g.triggers) == 0 {
		return fault.New(fault.NotFound, "旅程 %s 没有在运行，或不能让客户进入：请刷新后重试", e.Props.Str("journey"))
	}
	n := g.triggers[0]
	if name := e.Props.Str("node"); name != "" {
		if n = g.node(name); n == nil || !slices.Contains(g.triggers, n) {
			return fault.New(fault.NotFound, "旅程“%s”没有触发步骤 %s：请刷新后重试", g.Name, name)
		}
	}
	if e.ContactID == 0 {
		return fault.New(fault.NotFound, "没有这位客户，可能已被合并或删除")
	}
	x := entrance{g: g, node: n}
	if why := s.refuse(b, e, x, e.ContactID); why != "" {
		s.tally(g.ID, g.Rev, n.id).blocked++
		return nil
	}
	s.begin(b, e, x, e.ContactID, "")
	return nil
}

// runOf is the run an event names. Ids are beyond what JSON numbers hold exactly, so they travel as text.
func runOf(e *event.Event) int64 {
	id, _ := strconv.ParseInt(e.Props.Str("run"), 10, 64)
	return id
}

// Waits reports whether somebody inside a journey may wait for an event of the type, whichever version they
// are inside of. It answers as of the batch before; call it from the pipeline only.
func (s *Stage) Waits(typ string) bool { return s.listens[typ] }

// offer shows an event to the open runs of its subjects.
func (s *Stage) offer(b *event.Batch, e *event.Event) {
	if len(s.byID) == 0 || !s.watches && !s.listens[e.Type] {
		return
	}
	for _, subject := range [2]int64{e.ContactID, staffSubject(staffName(e))} {
		if subject == 0 {
			continue
		}
		list := s.bySubj[subject]
		for _, l := range list[:len(list):len(list)] { // a run begun meanwhile isn't shown what began it
			if l.State != Waiting || s.m.status(l.JourneyID) != Live || l.g == nil {
				continue
			}
			if l.g.watches || l.g.waits[e.Type] {
				s.drive(b, l, e, input{kind: happened, event: e})
			}
		}
	}
}

// timer ends a run's wait, or what keeps it inside a journey that was stopped.
func (s *Stage) timer(b *event.Batch, e *event.Event, l *live) {
	if !l.State.Open() {
		return
	}
	switch s.m.status(l.JourneyID) {
	case Paused:
		l.DueAt += hold
		l.dirty = true
	case Stopped:
		s.drive(b, l, e, input{kind: stopped, result: result{reason: "旅程已停止"}})
	default:
		s.drive(b, l, e, input{kind: due})
	}
}

// hold is added to the due time of a wait that ended while its journey was paused: later than any wait.
const hold = int64(1) << 52

// resume goes on with a run whose last change is applied now.
func (s *Stage) resume(b *event.Batch, e *event.Event) {
	l := s.byID[runOf(e)]
	if l == nil || int(e.Props.Int("n")) != l.Steps {
		return
	}
	l.stale = false
	if l.State == Ready {
		s.drive(b, l, l.cause, input{kind: resumed})
	}
}

// told learns what became of a message.
func (s *Stage) told(b *event.Batch, e *event.Event) {
	run, rev, node, ok := parseStep(e.Props.Str("step"))
	if !ok || e.Props.Str("journey") == "" {
		return
	}
	journey, _ := strconv.ParseInt(e.Props.Str("journey"), 10, 64)
	switch e.Type {
	case event.MessageSuppressed, event.MessageExpired:
		s.tally(journey, rev, node).blocked++
	case event.MessageFailed:
		s.tally(journey, rev, node).failed++
	}
	l := s.byID[run]
	if l == nil || l.State != Sending || l.Node != node || e.Type != event.MessageSuppressed && e.Type != event.MessageQueued {
		return
	}
	queued := e.Type == event.MessageQueued
	s.advance(b, l, func(f facts) (Run, outcome) { return heard(l.g, l.Run, queued, f) })
}

// try starts a run where a trigger asks for it and the journey's rules allow it.
func (s *Stage) try(b *event.Batch, e *event.Event, x entrance) {
	subject, who := s.subject(x.g, e)
	if subject == 0 {
		return
	}
	for _, l := range s.bySubj[subject] { // one event starts a journey once, whatever number of triggers it fires
		if l.JourneyID == x.g.ID && l.Cause.EventID == int64(e.ID()) {
			return
		}
	}
	f := s.facts(b, e.ContactID)
	at := place{g: x.g, node: x.node, e: e, f: &f}
	if !x.starter.starts(&at) {
		return
	}
	if causedBy(x.g.ID, e) { // its own messages and steps would set it off again and again
		return
	}
	if why := s.refuse(b, e, x, subject); why != "" {
		s.tally(x.g.ID, x.g.Rev, x.node.id).blocked++
		return
	}
	s.begin(b, e, x, subject, who)
}

// causedBy reports whether an event tells what a journey itself did.
func causedBy(journey int64, e *event.Event) bool {
	id := strconv.FormatInt(journey, 10)
	return e.ObjectType == "journey" && e.ObjectID == id || strings.HasPrefix(e.Type, "message.") && e.Props.Str("journey") == id
}

func (s *Stage) refuse(b *event.Batch, e *event.Event, x entrance, subject int64) refusal {
	switch {
	case !x.g.freshAt(e, b.Now):
		return cameLate
	case e.Depth > deepest || s.nth[e.Seq] >= maxPerSeq:
		return tooDeep
	}
	return x.g.admit(s.past(x.g.ID, subject), b.Now)
}

const (
	// deepest is how deep an event may be derived that a run still acts upon: its commands, their
	// effects and what these start need levels of their own.
	deepest   = event.MaxDepth - 3
	maxPerSeq = 1023
)

// past collects a subject's earlier runs of a journey, of any version.
func (s *Stage) past(journey, subject int64) past {
	var p past
	for _, l := range s.bySubj[subject] {
		if l.JourneyID != journey {
			continue
		}
		if l.State.Open() {
			p.open++
		}
		p.last = max(p.last, l.EnteredAt)
	}
	return p
}

// begin starts a run.
func (s *Stage) begin(b *event.Batch, e *event.Event, x entrance, subject int64, who string) {
	for _, l := range s.bySubj[subject] { // the new run is the one to remember from now on
		if l.JourneyID == x.g.ID && l.Memo && !l.State.Open() {
			l.Memo, l.dirty = false, true
		}
	}
	n := s.nth[e.Seq]
	s.nth[e.Seq] = n + 1
	l := &live{g: x.g, cause: e, Run: Run{ID: int64(event.MakeID(e.Seq, n)), JourneyID: x.g.ID, Rev: x.g.Rev, Subject: subject,
		ContactID: e.ContactID, Staff: who, Node: x.node.id, State: Ready, EnteredAt: b.Now, ArrivedAt: b.Now, Memo: true, Cause: causeOf(e)}}
	s.add(l)
	s.tally(x.g.ID, x.g.Rev, "").entered++
	s.emit(b, l, event.JourneyEntered, event.Props{"node": x.node.id, "name": x.g.Name})
	s.drive(b, l, e, input{kind: started, event: e})
}

func (s *Stage) add(l *live) {
	s.byID[l.ID] = l
	s.bySubj[l.Subject] = append(s.bySubj[l.Subject], l)
	l.dirty = true
}
