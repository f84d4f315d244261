package rule

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
)

// Counters is the pipeline stage that keeps people's counters: it loads them into Person.Counted, counts
// each event for the live rules that ask about it, and writes the rows that changed.
//
// A question put to use (see Use) gets a slot, a number never given out again, and its counters are filled
// from the timeline in chunks, between and with the batches (see fill.go). At every moment, for every
// person: a counter in the row is complete; none in the row means zero, unless the person is beyond how
// far the filling came, who is counted from the timeline when the batch loads them. So Match never sees
// half a counter.
//
// Load also resets and fills the People that the later stages share.
type Counters struct {
	contacts *contact.Stage
	people   *People
	schema   *Schema
	zone     *time.Location
	ready    func()                  // OnReady
	want     atomic.Pointer[[]*Spec] // Use
	shared   atomic.Pointer[slots]   // as of the last commit, for readers outside the pipeline

	// Of the pipeline's goroutine:
	live    *slots
	settled *[]*Spec // of want, what the tables know since a commit
	filling bool     // as of the last commit, some slot is not filled
	due     int64    // business time of the next chunk
	chunk   int      // events a chunk of filling counts, about

	// Of the batch:
	day   int32
	dirty map[int64]*Person
	gone  []int64
	hits  [][]any
}

// slots are the questions in use. A value is not changed once others may see it.
type slots struct {
	list   []*slot
	byType map[string][]*slot
	byNum  map[uint32]*slot
	byID   map[CounterID]*slot
}

// slot is a question in use. Contacts up to filled are filled; those above upto were made after the
// question was put to use, so all they ever did was counted as it happened.
type slot struct {
	*Spec
	num          uint32
	filled, upto int64
}

func (s *slot) ready() bool { return s.filled >= s.upto }

// known reports whether no counter in the row means zero.
func (s *slot) known(contactID int64) bool { return contactID <= s.filled || contactID > s.upto }

// NewCounters makes the stage; it stands behind the contact stage and before everything that matches.
func NewCounters(contacts *contact.Stage, people *People, schema *Schema, zone *time.Location) *Counters {
	c := &Counters{contacts: contacts, people: people, schema: schema, zone: zone, live: newSlots(nil), chunk: fillEvents}
	c.want.Store(&[]*Spec{})
	c.shared.Store(c.live)
	return c
}

// Use says what must be counted from the next batch on: the questions of all live trees together (see
// Tree.Counted); what is not among them is forgotten. Call it before the trees are put to use.
func (c *Counters) Use(specs []*Spec) {
	var list []*Spec
	for _, s := range specs {
		if !slices.ContainsFunc(list, func(have *Spec) bool { return have.ID == s.ID }) {
			list = append(list, s)
		}
	}
	c.want.Store(&list)
}

// OnReady registers what to do when the filling is done: Select answers for trees with conditions on props
// that it could not answer for before. It is called on the pipeline's goroutine and must not block. Call
// it before the first batch.
func (c *Counters) OnReady(f func()) { c.ready = f }

// Ready reports whether all of these questions are counted for everybody: until then Select is not right
// for trees with conditions on props. Match always is.
func (c *Counters) Ready(specs []*Spec) bool {
	live := c.shared.Load()
	for _, s := range specs {
		if have := live.byID[s.ID]; have == nil || !have.ready() {
			return false
		}
	}
	return true
}

// Name of the stage.
func (c *Counters) Name() string { return "counters" }

// Load resets the shared people and loads the counters of those the contact stage loaded.
func (c *Counters) Load(ctx context.Context, tx *db.Tx, b *event.Batch) error {
	c.people.Reset()
	c.dirty, c.gone, c.hits = map[int64]*Person{}, nil, nil
	c.day = clock.Day(b.Now, c.zone)
	if err := c.settle(ctx, tx, b); err != nil {
		return fmt.Errorf("settle counters: %w", err)
	}
	if slices.ContainsFunc(b.Events, func(e *event.Event) bool { return e.Type == timerFill }) {
		if err := c.fill(ctx, tx, b); err != nil {
			return fmt.Errorf("fill counters: %w", err)
		}
	}
	ids := c.contacts.Loaded()
	for _, id := range ids {
		if p := c.contacts.Person(id); p != nil {
			c.people.Of(p)
		}
	}
	if len(c.live.list) == 0 {
		return nil
	}
	damaged := map[int64]bool{}
	err := db.EachIn(ctx, tx, "SELECT contact_id, data FROM rule_counters WHERE contact_id IN (%s)", ids, nil, func(r *sql.Rows) error {
		var id int64
		var data []byte
		if err := r.Scan(&id, &data); err != nil {
			return err
		}
		p := c.people.Get(id)
		if p == nil {
			return nil
		}
		if err := p.Counted.unpack(data, c.live.id); err != nil {
			slog.Warn("一个客户的行为计数已损坏，按时间线重新统计", "contact", id, "err", err)
			damaged[id] = true
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("load counters: %w", err)
	}
	return c.catchUp(ctx, tx, damaged)
}

// catchUp counts the past of loaded people whom the filling has not reached, and of those whose row was
// damaged. The filling may never reach them: a merge in this batch can put their events under somebody it
// has passed.
func (c *Counters) catchUp(ctx context.Context, tx *db.Tx, damaged map[int64]bool) error {
	late := map[int64][]*slot{}
	of := map[int64]*Person{} // by every id their events stand under
	for _, s := range c.live.list {
		if s.ready() && len(damaged) == 0 {
			continue
		}
		c.people.All(func(p *Person) {
			if damaged[p.ID] || !s.known(p.ID) && p.Counted.Get(s.ID) == nil {
				late[p.ID] = append(late[p.ID], s)
				for _, id := range p.Contacts() {
					of[id] = p
				}
			}
		})
	}
	if len(late) == 0 {
		return nil
	}
	return recount(ctx, tx, c.schema, keysOf(of), func(contactID int64, e *event.Event) {
		p := of[contactID]
		for _, s := range late[p.ID] {
			if s.Type == e.Type && c.tally(s.Spec, &p.Counted, e) {
				c.dirty[p.ID] = p
				c.hit(s, e, contactID)
			}
		}
	}, c.types())
}

// Apply counts an event, and after a merge lets the kept person's counters speak for both.
func (c *Counters) Apply(_ *event.Batch, e *event.Event) error {
	switch e.Type {
	case event.ContactMerged:
		c.merge(e.Props.Int("kept"), e.Props.Int("old"))
	case event.ContactDeleted:
		delete(c.dirty, e.ContactID)
		c.gone = append(c.gone, e.ContactID)
		return nil
	}
	list := c.live.byType[e.Type]
	if len(list) == 0 || e.ContactID == 0 || e.Hidden {
		return nil
	}
	known := c.contacts.Person(e.ContactID)
	if known == nil {
		return nil
	}
	p := c.people.Of(known)
	for _, s := range list {
		if !c.tally(s.Spec, &p.Counted, e) {
			continue
		}
		c.dirty[p.ID] = p
		c.hit(s, e, p.ID)
	}
	return nil
}

// hit notes an event for the SQL form.
func (c *Counters) hit(s *slot, e *event.Event, contactID int64) {
	if s.Hits {
		c.hits = append(c.hits, []any{int64(s.num), int64(e.ID()), contactID, e.OccurredAt})
	}
}

// tally counts an event of the spec's type if it satisfies the conditions and is not beyond the window.
func (c *Counters) tally(s *Spec, into *Counted, e *event.Event) bool {
	if !s.Filter.Match(e) {
		return false
	}
	day := int32(0)
	if s.Window > 0 {
		day = clock.Day(e.OccurredAt, c.zone)
		if day <= c.day-int32(s.Window) {
			return false
		}
	}
	k := into.of(s.ID)
	k.add(s.Window > 0, 1, e.OccurredAt, day)
	if s.Window > 0 {
		k.trim(c.day - int32(s.Window) + 1)
	}
	return true
}

// merge adds old's counters to kept's. Their events stay apart, so the sum is what a recount would give.
func (c *Counters) merge(kept, old int64) {
	from, known := c.people.Get(old), c.contacts.Person(kept)
	if from == nil || known == nil || kept == old {
		return
	}
	p := c.people.Of(known)
	for i := range from.Counted.list {
		x := &from.Counted.list[i]
		p.Counted.of(x.ID).fold(x)
		c.dirty[p.ID] = p
	}
	from.Counted = Counted{}
	delete(c.dirty, old)
	c.gone = append(c.gone, old)
}

// Flush writes the rows that changed.
func (c *Counters) Flush(ctx context.Context, tx *db.Tx, _ *event.Batch) error {
	if len(c.gone) > 0 {
		err := eachExec(ctx, tx, "DELETE FROM rule_counters WHERE contact_id IN (%s)", c.gone)
		if err != nil {
			return fmt.Errorf("forget counters: %w", err)
		}
	}
	rows := make([][]any, 0, len(c.dirty))
	for _, id := range keysOf(c.dirty) {
		rows = append(rows, []any{id, c.dirty[id].Counted.pack(c.live.num)})
	}
	if err := tx.Upsert(ctx, "rule_counters", []string{"contact_id"}, counterColumns, counterColumns[1:], rows); err != nil {
		return err
	}
	// A person whom catchUp counted may be filled later or have been before: their rows are there.
	_, err := tx.InsertIgnore(ctx, "rule_hits", hitColumns, c.hits)
	return err
}

var (
	counterColumns = []string{"contact_id", "data"}
	hitColumns     = []string{"slot", "event_id", "contact_id", "at"}
	leafColumns    = []string{"slot", "fingerprint", "spec", "filled", "upto", "dropped_at"}
)

// Read fills in the counters of a person who is not in a batch: what specs ask, also when no live rule
// does. It reads what is committed.
func (c *Counters) Read(ctx context.Context, q db.Querier, p *Person, specs []*Spec, now int64) error {
	live := c.shared.Load()
	var data []byte
	err := q.QueryRow(ctx, "SELECT data FROM rule_counters WHERE contact_id=?", p.ID).Scan(&data)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read counters: %w", err)
	}
	damaged := p.Counted.unpack(data, live.id) != nil
	var missing []*Spec
	types := map[string]bool{}
	for _, s := range specs {
		have := live.byID[s.ID]
		if p.Counted.Get(s.ID) == nil && (damaged || have == nil || !have.known(p.ID)) {
			missing = append(missing, s)
			types[s.Type] = true
		}
	}
	if len(missing) == 0 {
		return nil
	}
	of := Counters{zone: c.zone, day: clock.Day(now, c.zone)}
	return recount(ctx, q, c.schema, p.Contacts(), func(_ int64, e *event.Event) {
		for _, s := range missing {
			if s.Type == e.Type {
				of.tally(s, &p.Counted, e)
			}
		}
	}, types)
}

func newSlots(list []*slot) *slots {
	s := &slots{list: list, byType: map[string][]*slot{}, byNum: map[uint32]*slot{}, byID: map[CounterID]*slot{}}
	for _, x := range list {
		s.byType[x.Type] = append(s.byType[x.Type], x)
		s.byNum[x.num], s.byID[x.ID] = x, x
	}
	return s
}

// num and id translate between counters and their slots in packed rows.
func (s *slots) num(id CounterID) (uint32, bool) {
	x := s.byID[id]
	if x == nil {
		return 0, false
	}
	return x.num, true
}

func (s *slots) id(num uint32) (CounterID, bool) {
	x := s.byNum[num]
	if x == nil {
		return 0, false
	}
	return x.ID, true
}
