package rule

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
)

// timerFill is the timer event that carries a chunk of filling in its batch's transaction, so that the
// pipeline stays the one writer.
const timerFill = "timer.rule_fill"

const (
	// A chunk counts about this many events: some 20 ms.
	fillEvents = 2000
	// Filling leaves the pipeline at least this much rest after a chunk, and twice what the chunk took.
	fillPause = 20 * time.Millisecond
)

// settle brings the table of questions in line with what Use asked for, in the transaction of the batch.
func (c *Counters) settle(ctx context.Context, tx *db.Tx, b *event.Batch) error {
	want := c.want.Load()
	if c.settled == want && !c.filling {
		return nil
	}
	have := map[CounterID]*slot{}
	rows, err := tx.Query(ctx, "SELECT slot, fingerprint, filled, upto FROM rule_leaves WHERE dropped_at=0")
	if err != nil {
		return err
	}
	err = db.Each(rows, func(r *sql.Rows) error {
		x := &slot{}
		var id int64
		if err := r.Scan(&x.num, &id, &x.filled, &x.upto); err != nil {
			return err
		}
		have[CounterID(id)] = x
		return nil
	})
	if err != nil {
		return err
	}
	list, fresh := make([]*slot, 0, len(*want)), []*slot{}
	for _, s := range *want {
		x := have[s.ID]
		if x == nil {
			x = &slot{}
			fresh = append(fresh, x)
		}
		x.Spec = s
		list = append(list, x)
		delete(have, s.ID)
	}
	if len(fresh) > 0 {
		if err := c.publish(ctx, tx, fresh); err != nil {
			return err
		}
	}
	if c.settled != want && len(have) > 0 {
		var gone []int64
		for _, x := range have {
			gone = append(gone, int64(x.num))
		}
		_, err := tx.Exec(ctx, "UPDATE rule_leaves SET dropped_at=? WHERE slot IN ("+db.Marks(len(gone))+")", append([]any{b.Now}, db.Args(gone)...)...)
		if err != nil {
			return err
		}
	}
	c.live = newSlots(list)
	live := c.live
	b.AfterCommit(func() {
		c.settled, c.filling = want, live.unfilled() != nil
		c.shared.Store(live)
	})
	return nil
}

// publish gives new questions their slots. Whoever exists now has a past that is not counted yet.
func (c *Counters) publish(ctx context.Context, tx *db.Tx, fresh []*slot) error {
	var last, upto sql.NullInt64
	if err := tx.QueryRow(ctx, "SELECT MAX(slot) FROM rule_leaves").Scan(&last); err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, "SELECT MAX(c.id) FROM "+c.schema.Contacts+" c").Scan(&upto); err != nil {
		return err
	}
	var rows [][]any
	for i, x := range fresh {
		x.num, x.upto = uint32(last.Int64)+uint32(i)+1, upto.Int64
		spec, err := json.Marshal(map[string]any{"type": x.Type, "where": x.Where, "window": x.Window})
		if err != nil {
			return err
		}
		rows = append(rows, []any{int64(x.num), int64(x.ID), string(spec), 0, x.upto, 0})
	}
	return tx.Insert(ctx, "rule_leaves", leafColumns, rows)
}

// unfilled returns the slots to fill next: those that came least far, or nil.
func (s *slots) unfilled() []*slot {
	var out []*slot
	for _, x := range s.list {
		switch {
		case x.ready():
		case len(out) == 0 || x.filled < out[0].filled:
			out = []*slot{x}
		case x.filled == out[0].filled:
			out = append(out, x)
		}
	}
	return out
}

// fill counts the past of the next people for the slots that came least far.
func (c *Counters) fill(ctx context.Context, tx *db.Tx, b *event.Batch) error {
	begun := time.Now()
	b.AfterCommit(func() { c.due = b.Now + max(fillPause, 2*time.Since(begun)).Milliseconds() })
	// The slots are changed below; others may hold the ones of before.
	list := make([]*slot, len(c.live.list))
	for i, x := range c.live.list {
		copied := *x
		list[i] = &copied
	}
	live := newSlots(list)
	group := live.unfilled()
	if len(group) == 0 {
		return nil
	}
	from := group[0].filled
	var upto int64
	types := map[string]bool{}
	for _, x := range group {
		upto = max(upto, x.upto)
		types[x.Type] = true
	}
	to, err := c.chunkEnd(ctx, tx, from, upto)
	if err != nil {
		return err
	}
	people, damaged := map[int64]*Counted{}, map[int64]bool{}
	rows, err := tx.Query(ctx, "SELECT contact_id, data FROM rule_counters WHERE contact_id>? AND contact_id<=?", from, to)
	if err != nil {
		return err
	}
	err = db.Each(rows, func(r *sql.Rows) error {
		var id int64
		var data []byte
		if err := r.Scan(&id, &data); err != nil {
			return err
		}
		k := &Counted{}
		people[id] = k
		damaged[id] = k.unpack(data, live.id) != nil
		for _, x := range group {
			k.drop(x.ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var hits [][]any
	changed := map[int64]bool{}
	err = c.timeline(ctx, tx, from, to, types, func(person, contactID int64, e *event.Event) {
		k := people[person]
		if k == nil {
			k = &Counted{}
			people[person] = k
		}
		for _, x := range group {
			if x.Type != e.Type || !c.tally(x.Spec, k, e) {
				continue
			}
			changed[person] = !damaged[person] // who is counted anew as a whole when a batch loads them
			if x.Hits {
				hits = append(hits, []any{int64(x.num), int64(e.ID()), contactID, e.OccurredAt})
			}
		}
	})
	if err != nil {
		return err
	}
	var out [][]any
	for _, id := range keysOf(changed) {
		if changed[id] {
			out = append(out, []any{id, people[id].pack(live.num)})
		}
	}
	if err := tx.Upsert(ctx, "rule_counters", []string{"contact_id"}, counterColumns, counterColumns[1:], out); err != nil {
		return err
	}
	// What was counted as it happened has its row already.
	if _, err := tx.InsertIgnore(ctx, "rule_hits", hitColumns, hits); err != nil {
		return err
	}
	var nums []int64
	for _, x := range group {
		x.filled = to
		nums = append(nums, int64(x.num))
	}
	_, err = tx.Exec(ctx, "UPDATE rule_leaves SET filled=? WHERE slot IN ("+db.Marks(len(nums))+")", append([]any{to}, db.Args(nums)...)...)
	if err != nil {
		return err
	}
	c.live = live
	b.AfterCommit(func() {
		c.filling = live.unfilled() != nil
		c.shared.Store(live)
		if !c.filling && c.ready != nil {
			c.ready()
		}
	})
	return nil
}

// chunkEnd returns up to which contact the next chunk goes: some c.chunk events, but always one contact.
func (c *Counters) chunkEnd(ctx context.Context, tx *db.Tx, from, upto int64) (int64, error) {
	var next int64
	err := tx.QueryRow(ctx, "SELECT e.contact_id FROM "+c.schema.Events+" e WHERE e.contact_id>? AND e.contact_id<=? ORDER BY e.contact_id LIMIT 1 OFFSET ?",
		from, upto, c.chunk).Scan(&next)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return upto, nil
	case err != nil:
		return 0, err
	}
	return max(next-1, from+1), nil
}

const eventColumns = "e.id, e.contact_id, e.type, e.at, e.account, e.staff, e.object_type, e.object_id, e.props"

// timeline calls visit for the events of the types of people with ids in (from, to], whatever id the
// events stand under.
func (c *Counters) timeline(ctx context.Context, q db.Querier, from, to int64, types map[string]bool, visit func(person, contactID int64, e *event.Event)) error {
	in, args := typesIn(types)
	alias, events := c.schema.Alias, c.schema.Events
	for _, sel := range []string{
		"SELECT e.contact_id, " + eventColumns + " FROM " + events + " e LEFT JOIN " + alias + " a ON a.old_id = e.contact_id" +
			" WHERE e.contact_id>? AND e.contact_id<=? AND a.old_id IS NULL AND " + in,
		"SELECT a.kept_id, " + eventColumns + " FROM " + alias + " a JOIN " + events + " e ON e.contact_id = a.old_id" +
			" WHERE a.kept_id>? AND a.kept_id<=? AND " + in,
	} {
		rows, err := q.Query(ctx, sel, append([]any{from, to}, args...)...)
		if err != nil {
			return err
		}
		err = db.Each(rows, func(r *sql.Rows) error {
			var person int64
			e, contactID, err := scanEvent(r, &person)
			if err == nil {
				visit(person, contactID, e)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// recount calls visit for the events of the types that stand under the contact ids.
func recount(ctx context.Context, q db.Querier, schema *Schema, contacts []int64, visit func(contactID int64, e *event.Event), types map[string]bool) error {
	in, args := typesIn(types)
	err := db.EachIn(ctx, q, "SELECT "+eventColumns+" FROM "+schema.Events+" e WHERE "+in+" AND e.contact_id IN (%s)", contacts, args, func(r *sql.Rows) error {
		e, contactID, err := scanEvent(r)
		if err == nil {
			visit(contactID, e)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("recount: %w", err)
	}
	return nil
}

func typesIn(types map[string]bool) (string, []any) {
	return "e.type IN (" + db.Marks(len(types)) + ")", db.Args(slices.Sorted(maps.Keys(types)))
}

// types are the event types any live question is about.
func (c *Counters) types() map[string]bool {
	out := map[string]bool{}
	for t := range c.live.byType {
		out[t] = true
	}
	return out
}

func scanEvent(r *sql.Rows, before ...any) (*event.Event, int64, error) {
	e := &event.Event{}
	var id, contactID int64
	var props string
	if err := r.Scan(append(before, &id, &contactID, &e.Type, &e.OccurredAt, &e.Account, &e.Staff, &e.ObjectType, &e.ObjectID, &props)...); err != nil {
		return nil, 0, err
	}
	e.Seq, e.N, e.ContactID = event.ID(id).Seq(), int(id-event.ID(id).Seq()*1024), contactID
	if props = strings.TrimSpace(props); props != "" && props != "{}" {
		if err := json.Unmarshal([]byte(props), &e.Props); err != nil {
			return nil, 0, fmt.Errorf("props of event %d: %w", id, err)
		}
	}
	return e, contactID, nil
}

// Due gives the pipeline a chunk of filling to carry in its next batch.
func (c *Counters) Due(_ context.Context, _ *db.Tx, now int64, _ int) ([]*event.Event, error) {
	if c.settled == c.want.Load() && !c.filling || now < c.due {
		return nil, nil
	}
	return []*event.Event{{Type: timerFill, OccurredAt: now, ReceivedAt: now}}, nil
}

// Next is when the next chunk of filling is due.
func (c *Counters) Next(context.Context, db.Querier) (int64, error) {
	if c.settled == c.want.Load() && !c.filling {
		return 0, nil
	}
	return max(c.due, 1), nil
}

// Poisoned: a chunk is asked for again by itself.
func (c *Counters) Poisoned(_ context.Context, _ *db.Tx, e *event.Event, _ error) (bool, error) {
	return e.Type == timerFill, nil
}

func eachExec(ctx context.Context, tx *db.Tx, query string, ids []int64) error {
	for part := range slices.Chunk(ids, 400) {
		if _, err := tx.Exec(ctx, fmt.Sprintf(query, db.Marks(len(part))), db.Args(part)...); err != nil {
			return err
		}
	}
	return nil
}

func keysOf[V any](m map[int64]V) []int64 { return slices.Sorted(maps.Keys(m)) }
