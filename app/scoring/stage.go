package scoring

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/rule"
)

// Stage scores people in the pipeline and keeps their scores in the facts that conditions read.
//
// Behaviour rules are found by event type, profile models are worked out when the person changed, so an
// event that nobody scores costs a few map look-ups and writes nothing.
type Stage struct {
	contacts *contact.Stage
	people   *rule.People
	zone     *time.Location
	model    atomic.Pointer[Model]

	// Of the batch:
	m      *Model
	held   map[int64]*held // by contact id
	ledger [][]any
}

// held is what the stage knows of a person beside their scores.
type held struct {
	changes  int       // of contact.Person, as seen last
	accounts []account // by Score.index; empty before the first use
}

// account is a person's row of one model.
type account struct {
	packed  []byte // marks as loaded, until they are needed
	marks   marks
	opened  bool // marks are unpacked
	rev     int64
	present bool // there is a row
	dirty   bool
}

// NewStage makes the stage; it stands behind tags and before the stages of life. Use gives it a model
// before the first batch.
func NewStage(contacts *contact.Stage, people *rule.People, zone *time.Location) *Stage {
	return &Stage{contacts: contacts, people: people, zone: zone}
}

// Use takes a model from the next batch on.
func (s *Stage) Use(m *Model) { s.model.Store(m) }

// Name of the stage.
func (s *Stage) Name() string { return "scoring" }

// Load reads the scores of the batch's people, in the units of the model in use.
func (s *Stage) Load(ctx context.Context, tx *db.Tx, b *event.Batch) error {
	s.m, s.held, s.ledger = s.model.Load(), map[int64]*held{}, nil
	today := clock.Day(b.Now, s.zone)
	err := s.m.read(ctx, tx, s.contacts.Loaded(), today, func(contactID int64, x *Score, r row) {
		p := s.people.Of(s.contacts.Person(contactID))
		p.Scores[x.ID] = rule.Score{Stored: r.stored}
		a := s.of(p).account(s.m, x)
		a.packed, a.rev, a.present = r.marks, r.rev, true
		// A row in old units is written in the new ones when the person is next reviewed or scored.
	})
	if err != nil {
		return err
	}
	for _, id := range s.contacts.Loaded() {
		s.m.grade(s.people.Of(s.contacts.Person(id)), today)
	}
	return nil
}

func (s *Stage) of(p *rule.Person) *held {
	h := s.held[p.ID]
	if h == nil {
		h = &held{}
		s.held[p.ID] = h
	}
	return h
}

func (h *held) account(m *Model, x *Score) *account {
	if h.accounts == nil {
		h.accounts = make([]account, len(m.scores))
	}
	return &h.accounts[x.index]
}

// open unpacks what caps remember. Damage costs the memory of caps, not the event.
func (a *account) open(p *rule.Person, x *Score) *marks {
	if !a.opened {
		a.opened = true
		if err := a.marks.unpack(a.packed); err != nil {
			slog.Warn("评分上限的记录已损坏，从现在起重新计数", "contact", p.ID, "model", x.Key, "err", err)
			a.marks = marks{}
		}
	}
	return &a.marks
}

// Apply scores the event's person.
func (s *Stage) Apply(b *event.Batch, e *event.Event) error {
	c := s.contacts.Person(e.ContactID)
	if c == nil {
		return nil
	}
	p := s.people.Of(c)
	if e.Type == event.TimerReview {
		s.convert(e, p)
	}
	if c.Excluded {
		return nil
	}
	if p.Fit == "" {
		s.m.grade(p, clock.Day(e.ReceivedAt, s.zone))
	}
	behaviour, facts := s.m.events[e.Type], s.m.moved[e.Type]
	if e.Type == event.TimerReview || e.Type == event.ContactMerged {
		facts = s.m.facts
	}
	if len(behaviour)+len(facts) == 0 && c.Changes == 0 {
		return nil
	}
	h := s.of(p)
	if e.Type == event.ContactMerged {
		if err := s.fold(b, e, p, h); err != nil {
			return err
		}
	}
	if h.changes != c.Changes {
		h.changes = c.Changes
		facts = s.m.facts
	}
	for i := range behaviour {
		if err := s.earn(b, e, p, h, &behaviour[i]); err != nil {
			return err
		}
	}
	for _, x := range facts {
		if err := s.sum(b, e, p, h, x); err != nil {
			return err
		}
	}
	return nil
}

// earn gives a person what the rules of one model say about an event.
func (s *Stage) earn(b *event.Batch, e *event.Event, p *rule.Person, h *held, er *eventRules) error {
	x := er.score
	at := min(e.OccurredAt, e.ReceivedAt)
	day, today := clock.Day(at, s.zone), clock.Day(e.ReceivedAt, s.zone)
	a := h.account(s.m, x)
	before := p.Scores[x.ID].Stored
	stored := before
	var gained int64 // before the floor: what surges look at
	for _, r := range er.rules {
		if !r.triggers.Match(e) || r.when != nil && !r.when.Match(p, at) {
			continue
		}
		earned := x.scale.Earned(r.Points, day)
		if r.Points > 0 && earned < x.scale.AtLeast(1, today) || r.Points < 0 && stored == 0 {
			continue // so long ago that nothing is left of it, or nothing there to lose
		}
		points := r.Points
		if len(r.Caps) > 0 {
			points = a.open(p, x).allow(r, hashObject(e.ObjectType, e.ObjectID), day)
			if points == 0 {
				continue
			}
			earned = x.scale.Earned(points, day)
			a.dirty, a.rev = true, x.Rev // also when other rules undo it
		}
		var added int64
		stored, added = x.scale.Add(stored, earned, today)
		if added == 0 {
			continue
		}
		gained += points
		if added != earned {
			points = x.scale.Worth(added, day)
		}
		s.ledger = append(s.ledger, []any{int64(e.Lane), int64(e.ID()), x.ID, int64(r.hash), x.Rev, p.ID, at, points})
	}
	if stored == before {
		return nil
	}
	return s.settle(b, e, p, h, x, change{stored: stored, gained: gained, at: at, today: today})
}

// sum works out a profile model from what is so now, also when a late event is the cause.
func (s *Stage) sum(b *event.Batch, e *event.Event, p *rule.Person, h *held, x *Score) error {
	var total int64
	holds := make([]uint32, 0, len(x.Rules))
	for _, r := range x.Rules {
		if !r.Off && r.when.Match(p, e.ReceivedAt) {
			total += r.Points
			holds = append(holds, r.hash)
		}
	}
	a := h.account(s.m, x)
	if m := a.open(p, x); !slices.Equal(m.holds, holds) || a.rev != x.Rev && (a.present || len(holds) > 0) {
		m.holds = holds
		a.rev, a.dirty = x.Rev, true
	}
	before := p.Scores[x.ID].Stored
	total = min(max(total, 0), maxMicro)
	if total == before {
		return nil
	}
	return s.settle(b, e, p, h, x, change{stored: total, gained: total - before, at: e.ReceivedAt, today: clock.Day(e.ReceivedAt, s.zone)})
}

// change is a score's new value and where it comes from.
type change struct {
	stored int64
	gained int64 // 10⁻⁶ points, as of at; 0 when nobody did anything for them
	at     int64
	today  int32
}

// settle puts a new value in force and tells who listens.
func (s *Stage) settle(b *event.Batch, e *event.Event, p *rule.Person, h *held, x *Score, n change) error {
	before := p.Scores[x.ID].Stored
	p.Scores[x.ID] = rule.Score{Stored: n.stored}
	a := h.account(s.m, x)
	a.dirty, a.rev = true, x.Rev
	if g := s.m.grid; g != nil && (g.Fit == x || g.Intent == x) {
		s.m.grade(p, n.today)
	}
	from, to := x.scale.Worth(before, n.today), x.scale.Worth(n.stored, n.today)
	err := b.Emit(e, event.Event{Type: event.ScoreChanged, Hidden: true, Props: event.Props{
		"score": x.Key, "from": x.shown(from), "to": x.shown(to)}})
	if err != nil {
		return err
	}
	for _, t := range x.Thresholds {
		if from < t.Points*Micro && to >= t.Points*Micro {
			if err := crossed(b, e, x, Surge{Key: t.Key, Name: t.Name}, to); err != nil {
				return err
			}
		}
	}
	if len(x.Surges) == 0 || n.gained == 0 {
		return nil
	}
	m := a.open(p, x)
	var had [maxSurges]int64
	for i, w := range x.Surges {
		had[i] = m.within(w.Hours, n.at)
	}
	m.gain(x, n.at, n.gained)
	for i, w := range x.Surges {
		if had[i] < w.Points*Micro && m.within(w.Hours, n.at) >= w.Points*Micro {
			if err := crossed(b, e, x, w, to); err != nil {
				return err
			}
		}
	}
	return nil
}

// crossed tells that a mark was passed upwards.
func crossed(b *event.Batch, e *event.Event, x *Score, mark Surge, worth int64) error {
	return b.Emit(e, event.Event{Type: event.ScoreThresholdCrossed,
		Props: event.Props{"score": x.Key, "threshold": mark.Key, "name": mark.Name, "value": x.shown(worth)}})
}

// fold adds the scores of the person merged away; profile models are worked out anew by the caller.
func (s *Stage) fold(b *event.Batch, e *event.Event, kept *rule.Person, h *held) error {
	old := s.people.Get(e.Props.Int("old"))
	if old == nil || old == kept {
		return nil
	}
	from := s.of(old)
	today := clock.Day(e.ReceivedAt, s.zone)
	for _, x := range s.m.scores {
		theirs, o := old.Scores[x.ID].Stored, from.account(s.m, x)
		if x.Kind == Profile || theirs == 0 && !o.present && !o.dirty {
			continue
		}
		a := h.account(s.m, x)
		mine, others := a.open(kept, x), o.open(old, x)
		var most [maxSurges]int64 // what either gained alone
		for i, w := range x.Surges {
			most[i] = max(mine.within(w.Hours, e.OccurredAt), others.within(w.Hours, e.OccurredAt))
		}
		mine.fold(others)
		a.dirty, a.rev = true, x.Rev
		sum, added := x.scale.Add(kept.Scores[x.ID].Stored, theirs, today)
		if added == 0 {
			continue
		}
		// Nobody did anything just now, but what the two did is one person's: marks may be passed.
		if err := s.settle(b, e, kept, h, x, change{stored: sum, at: e.OccurredAt, today: today}); err != nil {
			return err
		}
		for i, w := range x.Surges {
			if most[i] < w.Points*Micro && mine.within(w.Hours, e.OccurredAt) >= w.Points*Micro {
				if err := crossed(b, e, x, w, x.scale.Worth(sum, today)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// convert marks rows for writing that stand in the units of an older model.
func (s *Stage) convert(e *event.Event, p *rule.Person) {
	h := s.of(p)
	for _, x := range s.m.scores {
		if a := h.account(s.m, x); x.Kind == Behaviour && a.present && a.rev != x.Rev {
			a.dirty, a.rev = true, x.Rev
		}
	}
	s.m.grade(p, clock.Day(e.ReceivedAt, s.zone))
}

// grade keeps the cells of the grid in the facts.
func (m *Model) grade(p *rule.Person, today int32) {
	if g := m.grid; g != nil {
		p.Fit, p.Intent = g.Cell(p.Scores[g.Fit.ID].Stored, p.Scores[g.Intent.ID].Stored, today)
	}
}

// Cell returns the fit grade A to D and the intent level 1 to 4 of two stored scores on a day.
func (g *Grid) Cell(fit, intent int64, today int32) (string, int) {
	step := func(s *Score, stored int64, cuts [3]int64) int {
		worth := s.scale.Worth(stored, today)
		for i, c := range cuts {
			if worth >= c*Micro {
				return i
			}
		}
		return len(cuts)
	}
	return "ABCD"[step(g.Fit, fit, g.FitCuts):][:1], step(g.Intent, intent, g.IntentCuts) + 1
}

// Flush writes scores that changed and the reasons.
func (s *Stage) Flush(ctx context.Context, tx *db.Tx, _ *event.Batch) error {
	var rows [][]any
	for _, id := range slices.Sorted(maps.Keys(s.held)) {
		h := s.held[id]
		for i := range h.accounts {
			a := &h.accounts[i]
			if !a.dirty {
				continue
			}
			x := s.m.scores[i]
			packed := a.packed
			if a.opened {
				a.marks.forget(x)
				packed = a.marks.pack()
			}
			if packed == nil {
				packed = []byte{}
			}
			rows = append(rows, []any{id, x.ID, s.people.Get(id).Scores[x.ID].Stored, x.scale.HalfLife, x.scale.Base, a.rev, packed})
		}
	}
	err := tx.Upsert(ctx, "contact_scores", []string{"contact_id", "model_id"},
		[]string{"contact_id", "model_id", "value", "half_life", "base_day", "rev", "marks"},
		[]string{"value", "half_life", "base_day", "rev", "marks"}, rows)
	if err != nil {
		return err
	}
	return tx.Insert(ctx, "score_ledger", ledgerColumns, s.ledger)
}

var ledgerColumns = []string{"lane", "event_id", "model_id", "rule", "rev", "contact_id", "at", "points"}

// row is a stored score in the units of the model in use.
type row struct {
	stored int64
	rev    int64
	marks  []byte
}

// read loads the rows of people; those of models that are gone are left out.
func (m *Model) read(ctx context.Context, q db.Querier, people []int64, today int32, each func(contactID int64, x *Score, r row)) error {
	err := db.EachIn(ctx, q, "SELECT contact_id, model_id, value, half_life, base_day, rev, marks FROM contact_scores WHERE contact_id IN (%s)", people, nil, func(rows *sql.Rows) error {
		var contactID, modelID int64
		var r row
		var from Scale
		if err := rows.Scan(&contactID, &modelID, &r.stored, &from.HalfLife, &from.Base, &r.rev, &r.marks); err != nil {
			return err
		}
		if x := m.byID[modelID]; x != nil {
			r.stored = from.Rebase(r.stored, x.scale, today)
			each(contactID, x, r)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read scores: %w", err)
	}
	return nil
}
