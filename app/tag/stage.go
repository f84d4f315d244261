package tag

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/rule"
)

// Source is who or what gives or takes a tag.
type Source struct {
	Kind Kind
	ID   int64  // of the tag rule or journey, 0 for none
	Key  string // its key; for a person's hand, who
}

// Stage applies tag rules and commands in the pipeline, and is where journeys change tags.
//
// Rules are found by event type or because the person changed, so an event nobody asks about costs a few
// map look-ups.
type Stage struct {
	contacts *contact.Stage
	people   *rule.People
	model    atomic.Pointer[Model]

	// Of the batch:
	m    *Model
	held map[int64]*held // by contact id
	over []expiry        // timers that were due
}

// held is what the stage knows of a person beside their tags.
type held struct {
	changes int             // of contact.Person, as seen last
	until   int64           // no tag ends before; 0: none ends
	by      map[int64]int64 // tag id → rule or journey that gave it
	dirty   []int64         // tags to write or delete, each once
	ends    []expiry        // new timers
}

type expiry struct{ at, contact, tag int64 }

// NewStage makes the stage; it stands behind the counters. Use gives it a model before the first batch.
func NewStage(contacts *contact.Stage, people *rule.People) *Stage {
	return &Stage{contacts: contacts, people: people}
}

// Use takes a model from the next batch on.
func (s *Stage) Use(m *Model) { s.model.Store(m) }

// Name of the stage.
func (s *Stage) Name() string { return "tag" }

// Load reads the tags of the batch's people.
func (s *Stage) Load(ctx context.Context, tx *db.Tx, _ *event.Batch) error {
	s.m, s.held, s.over = s.model.Load(), map[int64]*held{}, nil
	return read(ctx, tx, s.contacts.Loaded(), func(id int64, h Held) {
		p := s.people.Of(s.contacts.Person(id))
		p.Tags[h.TagID] = rule.Tag{At: h.At, Source: string(h.Source), Until: h.Until}
		x := s.of(p)
		x.note(h.TagID, h.By, h.Until)
	})
}

func (s *Stage) of(p *rule.Person) *held {
	h := s.held[p.ID]
	if h == nil {
		h = &held{}
		s.held[p.ID] = h
	}
	return h
}

func (h *held) note(tag, by, until int64) {
	if by != 0 {
		if h.by == nil {
			h.by = map[int64]int64{}
		}
		h.by[tag] = by
	}
	if until != 0 && (h.until == 0 || until < h.until) {
		h.until = until
	}
}

func (h *held) mark(tag int64) {
	if !slices.Contains(h.dirty, tag) {
		h.dirty = append(h.dirty, tag)
	}
}

// Apply ends tags whose time is over, folds merges, carries out commands and asks the rules that the
// event or the person's changes concern.
func (s *Stage) Apply(b *event.Batch, e *event.Event) error {
	if e.Type == event.TimerTag {
		s.over = append(s.over, expiryOf(e))
	}
	c := s.contacts.Person(e.ContactID)
	if c == nil {
		return nil
	}
	p := s.people.Of(c)
	h := s.of(p)
	if h.until != 0 && h.until <= e.ReceivedAt {
		if err := s.lapse(b, e, p, h); err != nil {
			return err
		}
	}
	switch e.Type {
	case event.ContactMerged:
		s.fold(e, p, h)
	case event.CommandTag:
		if err := s.command(b, e, p); err != nil {
			return err
		}
	}
	return s.ask(b, e, p, h)
}

// ask runs the rules that the event concerns: those it sets off as of when it happened, those about facts
// as of now, also when it is late: what came after it is among the facts.
func (s *Stage) ask(b *event.Batch, e *event.Event, p *rule.Person, h *held) error {
	at, now := min(e.OccurredAt, e.ReceivedAt), e.ReceivedAt
	for _, r := range s.m.events[e.Type] {
		if r.Triggers.Match(e) && (r.when == nil || r.when.Match(p, at)) {
			if err := s.carryOut(b, e, p, r); err != nil {
				return err
			}
		}
	}
	facts := s.m.moved[e.Type]
	switch {
	case h.changes != p.Changes || e.Type == event.TimerReview || e.Type == event.ContactMerged:
		h.changes = p.Changes
		facts = s.m.facts
	case e.N == 0 && len(s.m.active) > 0:
		facts = append(slices.Clip(facts), s.m.active...)
	}
	for _, r := range facts {
		if r.when.Match(p, now) {
			if err := s.carryOut(b, e, p, r); err != nil {
				return err
			}
		} else if r.TakesBack {
			if err := s.takeBack(b, e, p, h, r, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeBack removes what a rule gave, unless another rule would give it: then the tag is that one's.
func (s *Stage) takeBack(b *event.Batch, e *event.Event, p *rule.Person, h *held, r *Rule, now int64) error {
	for i := range r.Add {
		d := &r.Add[i]
		if h.by[d.ID] != r.ID {
			continue
		}
		other := slices.IndexFunc(s.m.facts, func(o *Rule) bool {
			return o != r && slices.ContainsFunc(o.Add, func(x Definition) bool { return x.ID == d.ID }) && o.when.Match(p, now)
		})
		if other >= 0 {
			h.by[d.ID] = s.m.facts[other].ID
			h.mark(d.ID)
			continue
		}
		if err := s.Remove(b, e, p, d.ID, r.source(d)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stage) carryOut(b *event.Batch, e *event.Event, p *rule.Person, r *Rule) error {
	for i := range r.Add {
		if err := s.Add(b, e, p, r.Add[i].ID, r.source(&r.Add[i])); err != nil {
			return err
		}
	}
	for i := range r.Remove {
		if err := s.Remove(b, e, p, r.Remove[i].ID, r.source(&r.Remove[i])); err != nil {
			return err
		}
	}
	return nil
}

// command gives and takes tags by hand: props add and remove list tag keys, by says who.
func (s *Stage) command(b *event.Batch, e *event.Event, p *rule.Person) error {
	by := Source{Kind: Manual, Key: e.Props.Str("by")}
	for _, member := range []string{"add", "remove"} {
		for _, key := range texts(e.Props[member]) {
			d := s.m.byKey[key]
			if d == nil {
				return fault.New(fault.NotFound, "标签 %q 不存在，可能刚被删除：请刷新后重试", key)
			}
			do := s.Add
			if member == "remove" {
				do = s.Remove
			}
			if err := do(b, e, p, d.ID, by); err != nil {
				return err
			}
		}
	}
	return nil
}

// texts reads a list of texts, as JSON decodes one or as a Go caller writes one.
func texts(v any) []string {
	switch list := v.(type) {
	case []string:
		return list
	case []any:
		var out []string
		for _, x := range list {
			if t, ok := x.(string); ok {
				out = append(out, t)
			}
		}
		return out
	}
	return nil
}

// Add gives a person a tag; from Apply of this or a later stage only. cause is the event at hand. Who has
// the tag keeps it as it is, but one that ends now ends as if given anew. A late event whose tag would be
// over by now gives none.
//
// Faults: NotFound when no tag has the id.
func (s *Stage) Add(b *event.Batch, cause *event.Event, p *rule.Person, tagID int64, by Source) error {
	d := s.m.tags[tagID]
	if d == nil {
		return fault.New(fault.NotFound, "编号 %d 的标签不存在，可能已被删除", tagID)
	}
	at := min(cause.OccurredAt, cause.ReceivedAt)
	until := s.m.until(d, at)
	if until != 0 && until <= cause.ReceivedAt {
		return nil
	}
	h := s.of(p)
	if old, has := p.Tags[tagID]; has {
		if old.Until != 0 && (until == 0 || until > old.Until) {
			old.Until = until
			p.Tags[tagID] = old
			h.mark(tagID)
			h.end(p.ID, tagID, until)
		}
		return nil
	}
	p.Tags[tagID] = rule.Tag{At: at, Source: string(by.Kind), Until: until}
	delete(h.by, tagID)
	h.note(tagID, by.ID, until)
	h.mark(tagID)
	h.end(p.ID, tagID, until)
	props := by.props(d)
	if until != 0 {
		props["until"] = until
	}
	return b.Emit(cause, event.Event{Type: event.TagAdded, Props: props})
}

// Remove takes a tag from a person; from Apply of this or a later stage only. Who doesn't have it is left
// alone.
//
// Faults: NotFound when no tag has the id.
func (s *Stage) Remove(b *event.Batch, cause *event.Event, p *rule.Person, tagID int64, by Source) error {
	d := s.m.tags[tagID]
	if d == nil {
		return fault.New(fault.NotFound, "编号 %d 的标签不存在，可能已被删除", tagID)
	}
	old, has := p.Tags[tagID]
	if !has {
		return nil
	}
	h := s.of(p)
	delete(p.Tags, tagID)
	delete(h.by, tagID)
	h.mark(tagID)
	props := by.props(d)
	props["since"] = old.At
	return b.Emit(cause, event.Event{Type: event.TagRemoved, Props: props})
}

// props are what both events say: the tag by key, the source by kind, and its name by what it is.
func (s Source) props(d *Definition) event.Props {
	out := event.Props{"tag": d.Key, "source": string(s.Kind)}
	if s.Key != "" {
		switch {
		case s.Kind == ByJourney:
			out["journey"] = s.Key
		case s.ID != 0:
			out["rule"] = s.Key
		default:
			out["by"] = s.Key
		}
	}
	return out
}

func (h *held) end(contactID, tagID, until int64) {
	if until != 0 {
		h.ends = append(h.ends, expiry{until, contactID, tagID})
		h.note(tagID, 0, until)
	}
}

// lapse takes the tags whose time is over, as of when it was.
func (s *Stage) lapse(b *event.Batch, e *event.Event, p *rule.Person, h *held) error {
	h.until = 0
	for _, id := range sortedIDs(p.Tags) {
		t := p.Tags[id]
		switch {
		case t.Until == 0:
		case t.Until > e.ReceivedAt:
			h.note(id, 0, t.Until)
		default:
			delete(p.Tags, id)
			delete(h.by, id)
			h.mark(id)
			d := s.m.tags[id]
			if d == nil {
				continue // the definition is gone; its rows go quietly
			}
			props := Source{Kind: expired}.props(d)
			props["since"] = t.At
			if err := b.Emit(e, event.Event{Type: event.TagRemoved, OccurredAt: t.Until, ReceivedAt: t.Until, Props: props}); err != nil {
				return err
			}
		}
	}
	return nil
}

// fold takes over the tags of the person merged away: all of both, the one given later where both have
// it. Their timelines are one now, so no event says it again.
func (s *Stage) fold(e *event.Event, kept *rule.Person, h *held) {
	old := s.people.Get(e.Props.Int("old"))
	if old == nil || old == kept {
		return
	}
	from := s.of(old)
	for id, t := range old.Tags {
		if cur, has := kept.Tags[id]; has && cur.At >= t.At {
			continue
		}
		kept.Tags[id] = t
		delete(h.by, id)
		h.note(id, from.by[id], t.Until)
		h.mark(id)
		h.end(kept.ID, id, t.Until)
	}
}

// Flush writes what changed.
func (s *Stage) Flush(ctx context.Context, tx *db.Tx, _ *event.Batch) error {
	var rows, ends [][]any
	gone := map[int64][]int64{} // tag → contacts
	for _, id := range sortedIDs(s.held) {
		h := s.held[id]
		if len(h.dirty) == 0 {
			continue
		}
		p := s.people.Get(id)
		slices.Sort(h.dirty)
		for _, tagID := range h.dirty {
			if t, has := p.Tags[tagID]; has {
				rows = append(rows, []any{id, tagID, t.At, t.Source, h.by[tagID], t.Until})
			} else {
				gone[tagID] = append(gone[tagID], id)
			}
		}
		for _, x := range h.ends {
			ends = append(ends, []any{x.at, x.contact, x.tag})
		}
	}
	if err := tx.Upsert(ctx, "contact_tags", []string{"contact_id", "tag_id"},
		[]string{"contact_id", "tag_id", "at", "source", "by_id", "expires_at"}, []string{"at", "source", "by_id", "expires_at"}, rows); err != nil {
		return err
	}
	if _, err := tx.InsertIgnore(ctx, "tag_expiries", []string{"expires_at", "contact_id", "tag_id"}, ends); err != nil {
		return err
	}
	for _, tagID := range sortedIDs(gone) {
		if err := deleteIn(ctx, tx, "DELETE FROM contact_tags WHERE tag_id=? AND contact_id IN (%s)", gone[tagID], tagID); err != nil {
			return fmt.Errorf("remove tag: %w", err)
		}
	}
	return settle(ctx, tx, s.over)
}
