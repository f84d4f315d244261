package stage

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/rule"
)

// Stage moves people along in the pipeline, and is where journeys do.
type Stage struct {
	contacts *contact.Stage
	people   *rule.People
	model    atomic.Pointer[Model]

	// Of the batch:
	m    *Model
	held map[int64]*Place // by contact id
}

// Place is where a person stands.
type Place struct {
	Stage   string // key, "" before the first
	At      int64
	Reached string // the furthest stage so far
	Side    string // key of a side state, "" for none
	SideAt  int64
	SideBy  By

	changes int // of contact.Person, as seen last
	dirty   bool
}

// By says what moved a person.
type By string

// The ways.
const (
	ByRule    By = "rule"
	ByHand    By = "manual"
	ByJourney By = "journey"
)

// Label is the way's Chinese name.
func (b By) Label() string { return byLabels[b] }

var byLabels = map[By]string{ByRule: "自动", ByHand: "手工", ByJourney: "旅程"}

// NewStage makes the stage; it stands behind scoring. Use gives it a model before the first batch.
func NewStage(contacts *contact.Stage, people *rule.People) *Stage {
	return &Stage{contacts: contacts, people: people}
}

// Use takes a model from the next batch on.
func (s *Stage) Use(m *Model) { s.model.Store(m) }

// Name of the stage.
func (s *Stage) Name() string { return "stage" }

// Load reads where the batch's people stand.
func (s *Stage) Load(ctx context.Context, tx *db.Tx, _ *event.Batch) error {
	s.m, s.held = s.model.Load(), map[int64]*Place{}
	return read(ctx, tx, s.contacts.Loaded(), func(id int64, x *Place) {
		p := s.people.Of(s.contacts.Person(id))
		p.Stage, p.StageAt = x.Stage, x.At
		s.held[id] = x
	})
}

func (s *Stage) of(p *rule.Person) *Place {
	x := s.held[p.ID]
	if x == nil {
		x = &Place{}
		s.held[p.ID] = x
	}
	return x
}

// Apply asks the conditions ahead of the event's person when something they depend on may have changed.
func (s *Stage) Apply(b *event.Batch, e *event.Event) error {
	c := s.contacts.Person(e.ContactID)
	if c == nil {
		return nil
	}
	p := s.people.Of(c)
	x := s.of(p)
	switch e.Type {
	case event.ContactMerged:
		s.fold(e, p, x)
	case event.CommandStage:
		if err := s.command(b, e, p, x); err != nil {
			return err
		}
	}
	changed := x.changes != c.Changes || x.Stage == "" || s.m.types[e.Type] || e.Type == event.TimerReview || e.Type == event.ContactMerged
	x.changes = c.Changes
	if changed || s.m.stageByTimes && e.N == 0 {
		if err := s.advance(b, e, p, x); err != nil {
			return err
		}
	}
	if changed || x.Side != "" || s.m.sideByTimes && e.N == 0 {
		return s.beside(b, e, p, x)
	}
	return nil
}

// advance enters the furthest stage ahead whose condition holds. Stages between may be skipped, those
// entered by hand always are. Conditions are asked of the person as of now, also when a late event is the
// cause: what came after it is among the facts.
func (s *Stage) advance(b *event.Batch, e *event.Event, p *rule.Person, x *Place) error {
	for i := len(s.m.stages) - 1; i >= s.m.after(x.Reached); i-- {
		d := s.m.stages[i]
		if d.open || d.enter != nil && d.enter.Match(p, e.ReceivedAt) {
			return s.enter(b, e, p, x, d, move{by: ByRule})
		}
	}
	return nil
}

// beside enters and leaves the side states that depend on conditions. One set by hand stays.
func (s *Stage) beside(b *event.Batch, e *event.Event, p *rule.Person, x *Place) error {
	if x.Side != "" && x.SideBy != ByRule {
		return nil
	}
	for i := len(s.m.sides) - 1; i >= 0; i-- {
		d := s.m.sides[i]
		if d.enter != nil && d.enter.Match(p, e.ReceivedAt) {
			if d.Key == x.Side {
				return nil
			}
			return s.sidestep(b, e, p, x, d, move{by: ByRule})
		}
	}
	if x.Side == "" {
		return nil
	}
	return s.sidestep(b, e, p, x, nil, move{by: ByRule})
}

// move is how somebody moves.
type move struct {
	by     By
	who    string // for ByHand who did it, for ByJourney the journey's key
	reason string // what they said
}

func (m move) props(p event.Props) event.Props {
	p["by"] = string(m.by)
	if m.who != "" {
		p["who"] = m.who
	}
	if m.reason != "" {
		p["reason"] = m.reason
	}
	return p
}

// becauseShown bounds the conditions told with an entry.
const becauseShown = 8

func because(d *Definition, p *rule.Person, m move, now int64, props event.Props) {
	if m.by != ByRule || d == nil || d.enter == nil {
		return
	}
	list := d.enter.Explain(p, now).Decisive()
	props["because"] = list[:min(len(list), becauseShown)]
}

func (s *Stage) enter(b *event.Batch, e *event.Event, p *rule.Person, x *Place, d *Definition, m move) error {
	first := d.index >= s.m.after(x.Reached)
	props := m.props(event.Props{"stage": d.Key, "from": x.Stage, "first": first})
	because(d, p, m, e.ReceivedAt, props)
	x.Stage, x.At, x.dirty = d.Key, min(e.OccurredAt, e.ReceivedAt), true
	if first {
		x.Reached = d.Key
	}
	p.Stage, p.StageAt = x.Stage, x.At
	return b.Emit(e, event.Event{Type: event.StageEntered, Props: props})
}

// sidestep enters a side state, or with nil leaves the one there is.
func (s *Stage) sidestep(b *event.Batch, e *event.Event, p *rule.Person, x *Place, d *Definition, m move) error {
	to := ""
	if d != nil {
		to = d.Key
	}
	props := m.props(event.Props{"side": to, "side_from": x.Side})
	because(d, p, m, e.ReceivedAt, props)
	x.Side, x.SideAt, x.SideBy, x.dirty = to, min(e.OccurredAt, e.ReceivedAt), m.by, true
	if d == nil {
		x.SideAt, x.SideBy = 0, ""
	}
	return b.Emit(e, event.Event{Type: event.StageEntered, Props: props})
}

// command sets a stage or side state by hand: props stage or side is the key, side "" leaves the side
// state; by says who, reason why.
func (s *Stage) command(b *event.Batch, e *event.Event, p *rule.Person, x *Place) error {
	m := move{by: ByHand, who: e.Props.Str("by"), reason: e.Props.Str("reason")}
	if key := e.Props.Str("stage"); key != "" {
		if err := s.set(b, e, p, x, key, m); err != nil {
			return err
		}
	}
	if _, given := e.Props["side"]; !given {
		return nil
	}
	key := e.Props.Str("side")
	d := s.m.byKey[key]
	switch {
	case key == x.Side && (key == "" || x.SideBy == m.by):
		return nil
	case key == "":
		return s.sidestep(b, e, p, x, nil, m)
	case d == nil || !d.Side:
		return fault.New(fault.NotFound, "状态 %q 不存在，可能刚被删除：请刷新后重试", key)
	}
	return s.sidestep(b, e, p, x, d, m)
}

// Set puts a person into a stage whatever its condition, also backwards; from Apply of this or a later
// stage only. cause is the event at hand, who the journey or person that does it. Who stands there already
// is left alone.
//
// Faults: NotFound when there is no such stage.
func (s *Stage) Set(b *event.Batch, cause *event.Event, p *rule.Person, key string, by By, who string) error {
	return s.set(b, cause, p, s.of(p), key, move{by: by, who: who})
}

func (s *Stage) set(b *event.Batch, e *event.Event, p *rule.Person, x *Place, key string, m move) error {
	d := s.m.byKey[key]
	switch {
	case d == nil || d.Side:
		return fault.New(fault.NotFound, "阶段 %q 不存在，可能刚被删除：请刷新后重试", key)
	case x.Stage == key:
		return nil
	}
	return s.enter(b, e, p, x, d, m)
}

// fold lets the merged person stand where the further of both stood. Their timelines are one now, so no
// event says it again.
func (s *Stage) fold(e *event.Event, kept *rule.Person, x *Place) {
	old := s.people.Get(e.Props.Int("old"))
	if old == nil || old == kept {
		return
	}
	o := s.of(old)
	if s.m.after(o.Stage) > s.m.after(x.Stage) || x.Stage == "" && o.Stage != "" {
		x.Stage, x.At, x.dirty = o.Stage, o.At, true
		kept.Stage, kept.StageAt = x.Stage, x.At
	}
	if s.m.after(o.Reached) > s.m.after(x.Reached) {
		x.Reached, x.dirty = o.Reached, true
	}
	if x.Side == "" && o.Side != "" && o.SideBy != ByRule {
		x.Side, x.SideAt, x.SideBy, x.dirty = o.Side, o.SideAt, o.SideBy, true
	}
}

var columns = []string{"contact_id", "stage", "at", "reached", "side", "side_at", "side_by"}

// Flush writes who moved.
func (s *Stage) Flush(ctx context.Context, tx *db.Tx, _ *event.Batch) error {
	var rows [][]any
	for _, id := range slices.Sorted(maps.Keys(s.held)) {
		if x := s.held[id]; x.dirty {
			rows = append(rows, []any{id, x.Stage, x.At, x.Reached, x.Side, x.SideAt, string(x.SideBy)})
		}
	}
	return tx.Upsert(ctx, "contact_stages", columns[:1], columns, columns[1:], rows)
}

func read(ctx context.Context, q db.Querier, people []int64, each func(contactID int64, x *Place)) error {
	err := db.EachIn(ctx, q, "SELECT contact_id, stage, at, reached, side, side_at, side_by FROM contact_stages WHERE contact_id IN (%s)", people, nil, func(r *sql.Rows) error {
		var id int64
		x := &Place{}
		if err := r.Scan(&id, &x.Stage, &x.At, &x.Reached, &x.Side, &x.SideAt, &x.SideBy); err != nil {
			return err
		}
		each(id, x)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read stages: %w", err)
	}
	return nil
}

// Drifted is the stage's rule.Finder: who satisfies the condition of a stage ahead, and whose side state
// no longer is what its condition says.
func (s *Stage) Drifted(ctx context.Context, q db.Querier, schema *rule.Schema, now int64, extent rule.Extent) ([]int64, error) {
	var out []int64
	m := s.model.Load()
	for _, d := range slices.Concat(m.stages, m.sides) {
		if !d.open && (d.enter == nil || extent == rule.NewDay && !d.enter.Uses().Daily) {
			continue
		}
		where, args := m.drifted(d, schema, now)
		rows, err := q.Query(ctx, "SELECT c.id FROM "+schema.Contacts+" c WHERE c.merged_into = 0 AND ("+where+")", args...)
		if err != nil {
			return nil, fmt.Errorf("review stage %s: %w", d.Key, err)
		}
		err = db.Each(rows, func(r *sql.Rows) error {
			var id int64
			if err := r.Scan(&id); err != nil {
				return err
			}
			out = append(out, id)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("review stage %s: %w", d.Key, err)
		}
	}
	return out, nil
}

func (m *Model) drifted(d *Definition, schema *rule.Schema, now int64) (string, []any) {
	const row = "EXISTS (SELECT 1 FROM contact_stages s WHERE s.contact_id = c.id AND "
	if d.open {
		return "NOT " + row + "s.stage <> '')", nil
	}
	where, args := d.enter.Where(schema, now)
	if d.Side {
		// Entered: not there yet, and no hand holds them elsewhere. Left: still there, by condition.
		text := "((" + where + ") AND NOT " + row + "(s.side = ? OR (s.side <> '' AND s.side_by <> ?)))) OR (NOT (" + where + ") AND " + row + "s.side = ? AND s.side_by = ?))"
		all := append(append(slices.Clone(args), d.Key, string(ByRule)), args...)
		return text, append(all, d.Key, string(ByRule))
	}
	// Ahead: not reached this stage or a later one.
	var later []any
	for _, x := range m.stages[d.index:] {
		later = append(later, x.Key)
	}
	return "(" + where + ") AND NOT " + row + "s.reached IN (" + db.Marks(len(later)) + "))", append(slices.Clone(args), later...)
}
