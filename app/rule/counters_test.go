package rule

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
)

// counting compares counters with what the timeline says, counted the plain way.
type counting struct {
	t   *rapid.T
	w   *world
	st  *stages
	now int64
}

func (c *counting) specs(n int) []*Spec {
	all := questions(c.w.scope)
	all = slices.DeleteFunc(all, func(q question) bool { return q.leaf.Group != groupBehaviour })
	var out []*Spec
	for range n {
		tree := decode(c.w.t, c.w.scope, c.w.drawLeaf(c.t, all[rapid.IntRange(0, len(all)-1).Draw(c.t, "question")]))
		out = append(out, tree.Counted()...)
	}
	return out
}

// expected counts the timeline as q sees it: per person, per question.
func (c *counting) expected(ctx context.Context, q db.Querier, specs []*Spec) map[int64]map[CounterID]*Counter {
	alias := map[int64]int64{}
	rows, err := q.Query(ctx, "SELECT old_id, kept_id FROM contact_alias")
	require.NoError(c.w.t, err)
	require.NoError(c.w.t, db.Each(rows, func(r *sql.Rows) error {
		var old, kept int64
		err := r.Scan(&old, &kept)
		alias[old] = kept
		return err
	}))
	out := map[int64]map[CounterID]*Counter{}
	today := clock.Day(c.now, c.w.zone)
	rows, err = q.Query(ctx, "SELECT "+eventColumns+" FROM events e ORDER BY e.id")
	require.NoError(c.w.t, err)
	require.NoError(c.w.t, db.Each(rows, func(r *sql.Rows) error {
		e, id, err := scanEvent(r)
		if err != nil {
			return err
		}
		if kept, ok := alias[id]; ok {
			id = kept
		}
		seen := map[CounterID]bool{}
		for _, s := range specs {
			if seen[s.ID] {
				continue
			}
			seen[s.ID] = true
			day := clock.Day(e.OccurredAt, c.w.zone)
			if s.Type != e.Type || !s.Filter.Match(e) || s.Window > 0 && day <= today-int32(s.Window) {
				continue
			}
			if out[id] == nil {
				out[id] = map[CounterID]*Counter{}
			}
			k := out[id][s.ID]
			if k == nil {
				k = &Counter{ID: s.ID, First: e.OccurredAt, Last: e.OccurredAt}
				out[id][s.ID] = k
			}
			k.Total++
			k.First, k.Last = min(k.First, e.OccurredAt), max(k.Last, e.OccurredAt)
			i := slices.IndexFunc(k.Days, func(d DayCount) bool { return d.Day == day })
			if i < 0 {
				k.Days = append(k.Days, DayCount{day, 1})
			} else {
				k.Days[i].N++
			}
		}
		return nil
	}))
	return out
}

func (c *counting) check(when string, id int64, have *Counted, want map[CounterID]*Counter, specs []*Spec) {
	today := clock.Day(c.now, c.w.zone)
	for _, s := range specs {
		got, exp := have.Get(s.ID), want[s.ID]
		if exp == nil {
			exp = &Counter{}
		}
		if got == nil {
			got = &Counter{}
		}
		ok := got.Total == exp.Total && (exp.Total == 0 || got.First == exp.First && got.Last == exp.Last)
		if s.Window > 0 {
			ok = true
			for n := range int32(s.Window) {
				day := today - n
				ok = ok && got.within(day, day) == exp.within2(day)
			}
		}
		if !ok {
			c.t.Fatalf("%s: contact %d, %s %v over %d days: counted %+v, the timeline says %+v", when, id, s.Type, s.Where, s.Window, *got, *exp)
		}
	}
}

// within2 looks a day up in unsorted buckets.
func (c *Counter) within2(day int32) int64 {
	for _, d := range c.Days {
		if d.Day == day {
			return int64(d.N)
		}
	}
	return 0
}

// TestCountersSayWhatTheTimelineSays draws people who act, turn out to be one, and act late, while the
// questions change and batches roll back and the program restarts. In every batch the counters of its
// people are those of the timeline, and in the end so are everybody's.
func TestCountersSayWhatTheTimelineSays(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		w := newWorld(t, s)
		rapid.Check(t, func(rt *rapid.T) {
			ctx := context.Background()
			w.drawNow(rt)
			w.people, w.events, w.alias = nil, nil, nil
			w.store(ctx)
			c := &counting{t: rt, w: w, now: w.now, st: newStages(t, w.db, w.zone)}
			c.st.counters.chunk = 3
			specs := c.specs(3)
			c.st.counters.Use(specs)
			seq := int64(0)
			for range rapid.IntRange(1, 12).Draw(rt, "batches") {
				switch rapid.IntRange(0, 9).Draw(rt, "first") {
				case 0:
					specs = c.specs(3)
					c.st.counters.Use(specs)
				case 1:
					specs = append(specs[len(specs)/2:], c.specs(2)...)
					c.st.counters.Use(specs)
				case 2:
					rev := c.st.rev
					c.st = newStages(t, w.db, w.zone)
					c.st.rev, c.st.counters.chunk = rev, 3
					c.st.counters.Use(specs)
				case 3:
					c.now += 86_400_000
				}
				var events []*event.Event
				for range rapid.IntRange(0, 6).Draw(rt, "events") {
					seq++
					e := w.drawEvent(rt, 0)
					e.Seq, e.ReceivedAt = seq, c.now
					maybeDo(rt, "as openid", func() {
						e.Identities = append(e.Identities, event.Identity{Kind: event.KindOpenID, Scope: "wxa", Value: pick(rt, "openid", []string{"o1", "o2", "o3"})})
					})
					maybeDo(rt, "as unionid", func() {
						e.Identities = append(e.Identities, event.Identity{Kind: event.KindUnionID, Value: pick(rt, "unionid", []string{"u1", "u2"})})
					})
					events = append(events, e)
				}
				inside := func() error { return nil }
				again := rapid.IntRange(0, 3).Draw(rt, "rolls back") == 0
				if again {
					err := c.st.try(c.now, clone(events), func() error { return errors.New("the power failed") })
					require.ErrorContains(t, err, "the power failed")
				}
				require.NoError(t, c.st.try(c.now, events, inside))
				want := c.expected(ctx, w.db, specs)
				c.st.people.All(func(p *Person) {
					if c.st.contacts.Person(p.ID) == p.Person { // not merged away in this batch
						c.check("in a batch", p.ID, &p.Counted, want[p.ID], specs)
					}
				})
			}
			c.st.fillUp(c.now)
			require.True(t, c.st.counters.Ready(specs))
			c.checkRows(ctx, specs)
			c.checkHits(ctx, specs)
		})
	})
}

func clone(events []*event.Event) []*event.Event {
	out := make([]*event.Event, len(events))
	for i, e := range events {
		x := *e
		x.Identities = slices.Clone(e.Identities)
		out[i] = &x
	}
	return out
}

// checkRows compares the stored rows, and what Read makes of them, with the timeline.
func (c *counting) checkRows(ctx context.Context, specs []*Spec) {
	want := c.expected(ctx, c.w.db, specs)
	merged := map[int64][]int64{}
	rows, err := c.w.db.Query(ctx, "SELECT id, merged_into FROM contacts")
	require.NoError(c.w.t, err)
	var ids []int64
	require.NoError(c.w.t, db.Each(rows, func(r *sql.Rows) error {
		var id, into int64
		err := r.Scan(&id, &into)
		if into == 0 {
			ids = append(ids, id)
		} else {
			merged[into] = append(merged[into], id)
		}
		return err
	}))
	for _, id := range ids {
		p := NewPerson(&contact.Person{ID: id})
		require.NoError(c.w.t, c.st.counters.Read(ctx, c.w.db, p, specs, c.now))
		c.check("in the end", id, &p.Counted, want[id], specs)
	}
	for kept, olds := range merged {
		for _, old := range olds {
			var n int
			require.NoError(c.w.t, c.w.db.QueryRow(ctx, "SELECT COUNT(*) FROM rule_counters WHERE contact_id=?", old).Scan(&n))
			require.Zero(c.w.t, n, "contact %d was merged into %d", old, kept)
		}
	}
}

// checkHits compares rule_hits with the events that satisfy each question about props.
func (c *counting) checkHits(ctx context.Context, specs []*Spec) {
	today := clock.Day(c.now, c.w.zone)
	for _, s := range specs {
		if !s.Hits {
			continue
		}
		want, got := []string{}, []string{}
		rows, err := c.w.db.Query(ctx, "SELECT "+eventColumns+" FROM events e ORDER BY e.id")
		require.NoError(c.w.t, err)
		require.NoError(c.w.t, db.Each(rows, func(r *sql.Rows) error {
			e, id, err := scanEvent(r)
			if err == nil && id != 0 && s.Type == e.Type && s.Filter.Match(e) && (s.Window == 0 || clock.Day(e.OccurredAt, c.w.zone) > today-int32(s.Window)) {
				want = append(want, fmt.Sprint(e.ID(), e.OccurredAt))
			}
			return err
		}))
		rows, err = c.w.db.Query(ctx, "SELECT h.event_id, h.at FROM rule_hits h JOIN rule_leaves l ON l.slot=h.slot WHERE l.dropped_at=0 AND l.fingerprint=? ORDER BY h.event_id", int64(s.ID))
		require.NoError(c.w.t, err)
		require.NoError(c.w.t, db.Each(rows, func(r *sql.Rows) error {
			var id, at int64
			err := r.Scan(&id, &at)
			if s.Window == 0 || clock.Day(at, c.w.zone) > today-int32(s.Window) { // older ones wait for Purge
				got = append(got, fmt.Sprint(id, at))
			}
			return err
		}))
		require.Equal(c.t, want, got, "%s %v over %d days", s.Type, s.Where, s.Window)
	}
}

// act makes an event of a person known by an openid.
func act(seq int64, who, typ string, at int64) *event.Event {
	return &event.Event{Type: typ, Seq: seq, Lane: event.Normal, OccurredAt: at, ReceivedAt: at, Props: event.Props{"seconds": 60.0},
		Identities: []event.Identity{{Kind: event.KindOpenID, Scope: "wxa", Value: who}}}
}

func TestCounters(t *testing.T) {
	t.Parallel()
	now := clock.DayStart(20_779, shanghai) + 10*3_600_000
	dwelled := Node{Leaf: "event", Key: event.PageDwelled, Op: "ge", Value: value(1), Days: 7, Where: []Where{{Prop: "seconds", Op: "ge", Value: value(60)}}}
	viewed := Node{Leaf: "event", Key: event.PageViewed, Op: "did"}
	run := func(name string, body func(t *testing.T, w *world, st *stages)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Run(t, func(t *testing.T, s *db.Stores) {
				w := newWorld(t, s)
				w.now = now
				body(t, w, newStages(t, w.db, shanghai))
			})
		})
	}
	slotOf := func(t *testing.T, w *world, s *Spec) (slot int64) {
		require.NoError(t, w.db.QueryRow(t.Context(), "SELECT slot FROM rule_leaves WHERE dropped_at=0 AND fingerprint=?", int64(s.ID)).Scan(&slot))
		return slot
	}

	run("a question that comes back is counted anew", func(t *testing.T, w *world, st *stages) {
		tree := decode(t, w.scope, viewed)
		st.counters.Use(tree.Counted())
		st.run(now, act(1, "o1", event.PageViewed, now))
		before := slotOf(t, w, tree.Counted()[0])
		st.counters.Use(nil)
		st.run(now, act(2, "o1", event.PageViewed, now))
		st.counters.Use(tree.Counted())
		require.False(t, st.counters.Ready(tree.Counted()))
		st.run(now, act(3, "o1", event.PageViewed, now))
		require.EqualValues(t, 3, st.people.Get(1).Counted.Get(tree.Counted()[0].ID).Total)
		st.fillUp(now)
		require.True(t, st.counters.Ready(tree.Counted()))
		require.Greater(t, slotOf(t, w, tree.Counted()[0]), before)
		require.Equal(t, []int64{1}, w.selected(t.Context(), tree))
	})

	run("nothing is due when everybody is counted", func(t *testing.T, w *world, st *stages) {
		st.fillUp(now)
		st.counters.Use(decode(t, w.scope, viewed).Counted())
		next, err := st.counters.Next(t.Context(), w.db)
		require.NoError(t, err)
		require.NotZero(t, next)
		st.fillUp(now)
		st.run(now, act(1, "o1", event.PageViewed, now))
		next, err = st.counters.Next(t.Context(), w.db)
		require.NoError(t, err)
		require.Zero(t, next)
		due, err := st.counters.Due(t.Context(), nil, now, 10)
		require.NoError(t, err)
		require.Empty(t, due)
	})

	run("who waits for the filling is told once it is done", func(t *testing.T, w *world, st *stages) {
		st.run(now, act(1, "o1", event.PageDwelled, now), act(2, "o2", event.PageDwelled, now))
		told := 0
		st.counters.OnReady(func() { told++ })
		st.counters.chunk = 1
		tree := decode(t, w.scope, dwelled)
		st.counters.Use(tree.Counted())
		st.run(now)
		require.Zero(t, told)
		require.Empty(t, w.selected(t.Context(), tree), "not counted yet, so not right yet")
		st.fillUp(now)
		require.Equal(t, 1, told)
		require.Equal(t, []int64{1, 2}, w.selected(t.Context(), tree))
	})

	run("a damaged row is counted again from the timeline", func(t *testing.T, w *world, st *stages) {
		tree := decode(t, w.scope, viewed)
		st.counters.Use(tree.Counted())
		st.run(now, act(1, "o1", event.PageViewed, now))
		require.NoError(t, w.db.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE rule_counters SET data=?", []byte{packing, 9, 9, 9})
			return err
		}))
		p := NewPerson(&contact.Person{ID: 1})
		require.NoError(t, st.counters.Read(t.Context(), w.db, p, tree.Counted(), now))
		require.EqualValues(t, 1, p.Counted.Get(tree.Counted()[0].ID).Total)
		st.run(now, act(2, "o1", event.PageViewed, now))
		require.EqualValues(t, 2, st.people.Get(1).Counted.Get(tree.Counted()[0].ID).Total)
	})

	run("a late event counts on the day it happened", func(t *testing.T, w *world, st *stages) {
		tree := decode(t, w.scope, Node{Leaf: "event", Key: event.PageViewed, Op: "did", Days: 2})
		st.counters.Use(tree.Counted())
		late := act(1, "o1", event.PageViewed, now-2*86_400_000)
		late.ReceivedAt = now
		st.run(now, late)
		require.False(t, tree.Match(st.people.Get(1), now))
		late = act(2, "o1", event.PageViewed, now-86_400_000)
		late.ReceivedAt = now
		st.run(now, late)
		require.True(t, tree.Match(st.people.Get(1), now))
		require.False(t, tree.Match(st.people.Get(1), now+86_400_000), "tomorrow it is too long ago")
	})

	run("rows nobody counts any more are purged", func(t *testing.T, w *world, st *stages) {
		tree := decode(t, w.scope, dwelled)
		ever := dwelled
		ever.Days = 0
		forever := decode(t, w.scope, ever)
		st.counters.Use(append(tree.Counted(), forever.Counted()...))
		st.run(now, act(1, "o1", event.PageDwelled, now))
		later := now + 30*86_400_000
		st.run(later, act(2, "o1", event.PageDwelled, later))
		rows := func() (n int) {
			require.NoError(t, w.db.QueryRow(t.Context(), "SELECT COUNT(*) FROM rule_hits").Scan(&n))
			return n
		}
		require.Equal(t, 4, rows())
		n, err := st.counters.Purge(t.Context(), w.db, later, now-1, 100)
		require.NoError(t, err)
		require.EqualValues(t, 1, n, "the one beyond its window of 7 days")
		n, err = st.counters.Purge(t.Context(), w.db, later, now+1, 100)
		require.NoError(t, err)
		require.EqualValues(t, 1, n, "the one older than events are kept")
		st.counters.Use(nil)
		st.run(later)
		n, err = st.counters.Purge(t.Context(), w.db, later, 0, 1)
		require.NoError(t, err)
		require.EqualValues(t, 1, n, "never more than asked for")
		_, err = st.counters.Purge(t.Context(), w.db, later, 0, 100)
		require.NoError(t, err)
		require.Zero(t, rows(), "of questions that are gone")
	})
}

func TestCounted_unpack_survives_any_damage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var k Counted
		for id := range CounterID(rapid.IntRange(0, 4).Draw(t, "counters")) {
			for range rapid.IntRange(1, 5).Draw(t, "events") {
				k.of(id).add(id%2 == 0, 1, rapid.Int64Range(0, 1<<41).Draw(t, "at"), rapid.Int32Range(-9, 9).Draw(t, "day"))
			}
		}
		body := k.pack(func(id CounterID) (uint32, bool) { return uint32(id), true })
		known := func(n uint32) (CounterID, bool) { return CounterID(n), true }
		var again Counted
		require.NoError(t, again.unpack(body, known))
		require.Len(t, again.list, len(k.list))
		for _, x := range k.list {
			y := again.Get(x.ID)
			require.Equal(t, x.Total, y.Total)
			require.Equal(t, x.First, y.First)
			require.Equal(t, x.Last, y.Last)
			require.Equal(t, len(x.Days), len(y.Days))
		}
		for range 20 {
			bad := slices.Clone(body)
			bad[rapid.IntRange(0, len(bad)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
			_ = again.unpack(bad[:rapid.IntRange(0, len(bad)).Draw(t, "cut")], known)
		}
	})
}
