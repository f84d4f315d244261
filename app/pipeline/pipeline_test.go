package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/lease"
	"github.com/koi-scrm/koi/app/pipeline"
	"github.com/koi-scrm/koi/app/secret"
)

// rig is a log and a pipeline with the stages that find people and write the timeline.
type rig struct {
	s        *db.Stores
	keys     *secret.Keys
	clock    *clock.Manual
	log      *event.Log
	pipe     *pipeline.Pipeline
	timeline *event.Timeline
	process  *lease.Lease
	odd      *odd
}

// odd is a stage that refuses what the test tells it to, and its timers.
type odd struct {
	load     func(b *event.Batch) error
	refuse   func(e *event.Event) error
	flush    func() error
	due      []*event.Event // given out until they are poisoned
	poisoned func(e *event.Event) error
}

func (o *odd) Name() string                                           { return "odd" }
func (o *odd) Load(_ context.Context, _ *db.Tx, b *event.Batch) error { return o.load(b) }
func (o *odd) Apply(_ *event.Batch, e *event.Event) error             { return o.refuse(e) }
func (o *odd) Flush(context.Context, *db.Tx, *event.Batch) error      { return o.flush() }

func (o *odd) Due(context.Context, *db.Tx, int64, int) ([]*event.Event, error) {
	var out []*event.Event
	for _, e := range o.due {
		out = append(out, &event.Event{Type: e.Type, ObjectID: e.ObjectID})
	}
	return out, nil
}

func (o *odd) Next(context.Context, db.Querier) (int64, error) { return int64(len(o.due)), nil }

func (o *odd) Poisoned(_ context.Context, _ *db.Tx, e *event.Event, _ error) (bool, error) {
	if e.Type != timerOdd {
		return false, nil
	}
	o.due = slices.DeleteFunc(o.due, func(d *event.Event) bool { return d.ObjectID == e.ObjectID })
	return true, o.poisoned(e)
}

const timerOdd = "timer.odd"

var testKeys = func() *secret.Keys {
	k, err := secret.New(make([]byte, secret.MasterSize))
	if err != nil {
		panic(err)
	}
	return k
}()

var epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func newRig(t testing.TB, s *db.Stores, more ...event.Timers) *rig {
	t.Helper()
	r := &rig{s: s, keys: testKeys, clock: clock.NewManual(epoch), odd: &odd{}}
	r.odd.load = func(*event.Batch) error { return nil }
	r.odd.refuse = func(*event.Event) error { return nil }
	r.odd.flush = func() error { return nil }
	r.odd.poisoned = func(*event.Event) error { return nil }
	ctx := context.Background()
	reg := prometheus.NewRegistry()
	counter := &event.Counter{}
	appendLease := lease.New(s.Log, "append", "node-1")
	r.process = lease.New(s.Koi, "process", "node-1")
	require.NoError(t, appendLease.Acquire(ctx))
	require.NoError(t, r.process.Acquire(ctx))
	r.log = event.NewLog(s.Log, appendLease, r.keys, r.clock, counter, reg)
	r.timeline = event.NewTimeline(s.Koi)
	people := contact.NewStage(r.keys)
	m, problems := contact.Compile(nil)
	require.Empty(t, problems)
	people.Use(m)
	r.pipe = pipeline.New(pipeline.Config{Log: r.log, DB: s.Koi, Lease: r.process, Clock: r.clock, Counter: counter, Metrics: reg,
		Stages: []event.Stage{event.NewSeen(), people, r.odd, r.timeline}, Timers: append([]event.Timers{r.odd}, more...)})
	require.NoError(t, r.log.Load(ctx))
	require.NoError(t, r.pipe.Load(ctx))
	return r
}

// start runs log and pipeline until the test ends.
func (r *rig) start(t testing.TB) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	logDone, pipeDone := make(chan error, 1), make(chan error, 1)
	go func() { logDone <- r.log.Run(ctx) }()
	go func() { pipeDone <- r.pipe.Run(ctx) }()
	done := false
	stop = func() {
		if done {
			return
		}
		done = true
		cancel()
		require.NoError(t, <-logDone)
		require.NoError(t, <-pipeDone)
	}
	t.Cleanup(stop)
	return stop
}

func (r *rig) say(key string, lane event.Lane, ids ...event.Identity) *event.Event {
	at := clock.Ms(r.clock.Now())
	return &event.Event{Type: event.OAMessageReceived, Key: key, Source: "oa", Account: "wx1", Lane: lane, Identities: ids, OccurredAt: at, ReceivedAt: at}
}

func openID(v string) event.Identity {
	return event.Identity{Kind: event.KindOpenID, Scope: "wx1", Value: v}
}
func unionID(v string) event.Identity { return event.Identity{Kind: event.KindUnionID, Value: v} }
func external(v string) event.Identity {
	return event.Identity{Kind: event.KindExternal, Scope: "ww1", Value: v}
}

func (r *rig) wait(t testing.TB, lane event.Lane, seq int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.NoError(t, r.pipe.Wait(ctx, lane, seq))
}

func count(t testing.TB, s *db.Stores, query string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, s.Koi.QueryRow(context.Background(), query, args...).Scan(&n))
	return n
}

func TestPipeline(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		whole := t
		r := newRig(t, s)
		stop := r.start(whole)

		t.Run("finds one person for one identity and writes what happened", func(t *testing.T) {
			got, err := r.log.Append(ctx, r.say("a1", event.Priority, openID("A")), r.say("a2", event.Priority, openID("A")))
			require.NoError(t, err)
			require.Less(t, got[0].Seq, got[1].Seq)
			r.wait(t, event.Priority, got[1].Seq)
			p, err := contact.NewDirectory(s.Koi, r.keys).Find(ctx, openID("A"))
			require.NoError(t, err)
			list, err := r.timeline.List(ctx, p.Contacts(), nil, event.Place{}, 10)
			require.NoError(t, err)
			require.Equal(t, []string{event.OAMessageReceived, event.ContactCreated, event.OAMessageReceived}, types(list))
			require.Equal(t, event.MakeID(got[0].Seq, 1), list[1].ID)
		})
		t.Run("answers an exact repeat alike and adds nothing", func(t *testing.T) {
			before := count(t, s, "SELECT COUNT(*) FROM events")
			got, err := r.log.Append(ctx, r.say("a1", event.Priority, openID("A")))
			require.NoError(t, err)
			require.True(t, got[0].Repeat)
			require.Equal(t, before, count(t, s, "SELECT COUNT(*) FROM events"))
		})
		t.Run("adds nothing for a repeat after a restart either", func(t *testing.T) {
			stop()
			before := count(t, s, "SELECT COUNT(*) FROM events")
			r = newRig(t, s)
			r.start(whole)
			got, err := r.log.Append(ctx, r.say("a1", event.Priority, openID("A")))
			require.NoError(t, err)
			require.False(t, got[0].Repeat, "the ring is gone; the table of seen facts has to find it")
			r.wait(t, event.Priority, got[0].Seq)
			require.Equal(t, before, count(t, s, "SELECT COUNT(*) FROM events"))
		})
		t.Run("makes one person of a WeCom friend and a follower with one UnionID", func(t *testing.T) {
			_, err := r.log.Append(ctx, r.say("m1", event.Priority, openID("M")), r.say("m2", event.Priority, external("X")))
			require.NoError(t, err)
			got, err := r.log.Append(ctx, r.say("m3", event.Priority, openID("M"), unionID("U")), r.say("m4", event.Priority, external("X"), unionID("U")))
			require.NoError(t, err)
			r.wait(t, event.Priority, got[1].Seq)
			d := contact.NewDirectory(s.Koi, r.keys)
			p, err := d.Find(ctx, external("X"))
			require.NoError(t, err)
			q, err := d.Find(ctx, openID("M"))
			require.NoError(t, err)
			require.Equal(t, q.ID, p.ID)
			require.Len(t, p.Contacts(), 2)
			list, err := r.timeline.List(ctx, p.Contacts(), nil, event.Place{}, 20)
			require.NoError(t, err)
			require.Contains(t, types(list), event.ContactMerged)
			require.Len(t, list, 7) // four messages, two people made, one merge
		})
		t.Run("parks what a stage cannot take, panics too, and goes on", func(t *testing.T) {
			r.odd.refuse = func(e *event.Event) error {
				if e.Key == "bad" {
					return errors.New("no way")
				}
				if e.Key == "worse" {
					panic("out of range")
				}
				return nil
			}
			got, err := r.log.Append(ctx, r.say("ok1", event.Normal, openID("P")), r.say("bad", event.Normal, openID("P")),
				r.say("worse", event.Normal, openID("P")), r.say("ok2", event.Normal, openID("P")))
			require.NoError(t, err)
			r.wait(t, event.Normal, got[3].Seq)
			letters, err := r.pipe.DeadLetters(ctx, 0, 10)
			require.NoError(t, err)
			require.Len(t, letters, 2)
			require.Contains(t, letters[0].Error, "out of range")
			require.Equal(t, "odd", letters[1].Stage)
			require.Equal(t, 2, count(t, s, "SELECT COUNT(*) FROM events WHERE type=? AND contact_id=(SELECT contact_id FROM events WHERE id=?)", event.OAMessageReceived, int64(event.MakeID(got[0].Seq, 0))))

			r.odd.refuse = func(*event.Event) error { return nil }
			again, err := r.pipe.Retry(ctx, letters[1].ID)
			require.NoError(t, err)
			r.wait(t, event.Normal, again.Seq)
			require.Equal(t, 1, count(t, s, "SELECT COUNT(*) FROM events WHERE id=?", int64(event.MakeID(again.Seq, 0))))
			_, err = r.pipe.Retry(ctx, letters[1].ID)
			require.True(t, fault.Is(err, fault.NotFound))
			require.NoError(t, r.pipe.Discard(ctx, letters[0].ID))
			letters, err = r.pipe.DeadLetters(ctx, 0, 10)
			require.NoError(t, err)
			require.Empty(t, letters)
		})
		t.Run("halves a batch whose writing fails until the culprit stands alone", func(t *testing.T) {
			seen := map[string]bool{}
			r.odd.refuse = func(e *event.Event) error { seen[e.Key] = true; return nil }
			r.odd.flush = func() error {
				bad := seen["f3"]
				clear(seen)
				if bad {
					return errors.New("a value no column takes")
				}
				return nil
			}
			var list []*event.Event
			for i := range 8 {
				list = append(list, r.say(fmt.Sprint("f", i), event.Normal, openID("F")))
			}
			got, err := r.log.Append(ctx, list...)
			require.NoError(t, err)
			r.wait(t, event.Normal, got[7].Seq)
			letters, err := r.pipe.DeadLetters(ctx, 0, 10)
			require.NoError(t, err)
			require.Len(t, letters, 1)
			require.Equal(t, event.MakeID(got[3].Seq, 0), letters[0].ID)
		})
	})
}

func types(list []event.Entry) []string {
	var out []string
	for _, e := range list {
		out = append(out, e.Type)
	}
	return out
}

func TestPipeline_a_zombie_cannot_commit(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx := context.Background()
		r := newRig(t, s)
		go func() { _ = r.log.Run(t.Context()) }()
		// The same node takes the lease again, as after a restart: the old holder's epoch is gone.
		require.NoError(t, lease.New(s.Koi, "process", "node-1").Acquire(ctx))
		_, err := r.log.Append(ctx, r.say("z", event.Normal, openID("Z")))
		require.NoError(t, err)
		require.ErrorIs(t, r.pipe.Run(ctx), lease.ErrLost)
		require.Zero(t, count(t, s, "SELECT COUNT(*) FROM events"))
	})
}

func TestPipeline_any_batch_size_gives_the_same_state(t *testing.T) {
	t.Parallel()
	// What happened is drawn once; then it is applied in two different cuts on two databases.
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 25).Draw(rt, "events")
		var ids [][]event.Identity
		for range n {
			var list []event.Identity
			for range rapid.IntRange(1, 3).Draw(rt, "identities") {
				v := rapid.SampledFrom([]string{"1", "2", "3"}).Draw(rt, "value")
				switch rapid.IntRange(0, 4).Draw(rt, "kind") {
				case 0:
					list = append(list, openID(v))
				case 1:
					list = append(list, unionID(v))
				case 2:
					list = append(list, external(v))
				case 3:
					list = append(list, event.Identity{Kind: event.KindVisitor, Scope: "site", Value: v})
				default:
					list = append(list, event.Identity{Kind: event.KindPhone, Value: "1380000000" + v, Verified: rapid.Bool().Draw(rt, "verified")})
				}
			}
			ids = append(ids, list)
		}
		// Some events are refused, some cannot be loaded or written.
		odd := rapid.SliceOfN(rapid.SampledFrom([]string{"", "", "", "", "load", "apply", "flush"}), n, n).Draw(rt, "odd")
		cut := rapid.IntRange(1, n).Draw(rt, "cut")
		whole := applied(t, ids, odd, n)
		parts := applied(t, ids, odd, cut)
		require.Equal(rt, whole, parts)
	})
}

// applied appends the events, applies them in batches of the size, and returns the state that results.
func applied(t *testing.T, ids [][]event.Identity, odd []string, size int) []string {
	s := dbtest.SQLite(t)
	r := newRig(t, s)
	how := map[string]string{}
	for i, o := range odd {
		how[fmt.Sprint("e", i)] = o
	}
	unwritable := false
	r.odd.load = func(b *event.Batch) error {
		unwritable = false
		for _, e := range b.Events {
			unwritable = unwritable || how[e.Key] == "flush"
			if how[e.Key] == "load" {
				return errors.New("a damaged row")
			}
		}
		return nil
	}
	r.odd.refuse = func(e *event.Event) error {
		if how[e.Key] == "apply" {
			return errors.New("no way")
		}
		return nil
	}
	r.odd.flush = func() error {
		if unwritable {
			return errors.New("a value no column takes")
		}
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	logDone := make(chan error, 1)
	go func() { logDone <- r.log.Run(ctx) }()
	for from := 0; from < len(ids); from += size {
		var list []*event.Event
		for i := from; i < min(from+size, len(ids)); i++ {
			list = append(list, r.say(fmt.Sprint("e", i), event.Normal, ids[i]...))
		}
		_, err := r.log.Append(ctx, list...)
		require.NoError(t, err)
		_, err = r.pipe.RunOnce(ctx)
		require.NoError(t, err)
	}
	cancel()
	require.NoError(t, <-logDone)
	var out []string
	for _, q := range []string{
		"SELECT 'i', kind || ':' || scope || ':' || hex(k), contact_id, id FROM identities ORDER BY 2",
		"SELECT 'a', '', old_id, kept_id FROM contact_alias ORDER BY 3",
		"SELECT 'v', '', id, verified FROM identities ORDER BY 3",
		"SELECT 'c', '', id, merged_into FROM contacts ORDER BY 3",
		"SELECT 'l', '', id, last_active_at FROM contacts ORDER BY 3",
		"SELECT 'p', kind, low_id, high_id FROM merge_proposals ORDER BY 3, 4",
		"SELECT 'e', type, contact_id, id FROM events ORDER BY id",
		"SELECT 'd', stage || error, id, tries FROM dead_letters ORDER BY id",
	} {
		rows, err := s.Koi.Query(context.Background(), q)
		require.NoError(t, err)
		for rows.Next() {
			var kind, text string
			var a, b int64
			require.NoError(t, rows.Scan(&kind, &text, &a, &b))
			out = append(out, fmt.Sprint(kind, text, a, b))
		}
		require.NoError(t, rows.Close())
	}
	require.NoError(t, s.Close())
	return out
}

// crowd is timers of one kind that are all due.
type crowd struct {
	kind string
	left int
}

func (c *crowd) Due(_ context.Context, _ *db.Tx, _ int64, limit int) ([]*event.Event, error) {
	out := make([]*event.Event, min(limit, c.left))
	for i := range out {
		out[i] = &event.Event{Type: c.kind}
	}
	c.left -= len(out)
	return out, nil
}

func (c *crowd) Next(context.Context, db.Querier) (int64, error) { return int64(c.left), nil }

func (c *crowd) Poisoned(context.Context, *db.Tx, *event.Event, error) (bool, error) {
	return false, nil
}

func TestPipeline_a_burst_of_timers_takes_turns_with_events_and_other_timers(t *testing.T) {
	t.Parallel()
	many, few := &crowd{"timer.many", 1500}, &crowd{"timer.few", 20}
	r := newRig(t, dbtest.SQLite(t), many, few)
	r.logging(t)
	applied := map[string]int{}
	r.odd.refuse = func(e *event.Event) error { applied[e.Type]++; return nil }
	var events []*event.Event
	for i := range 600 {
		events = append(events, r.say(fmt.Sprint("m", i), event.Normal, openID(fmt.Sprint("o", i))))
	}
	r.append(t, events...)
	rounds, last := 0, map[string]int{}
	for applied["timer.many"] < 1500 {
		_, err := r.pipe.RunOnce(t.Context())
		require.NoError(t, err)
		rounds++
		require.Greater(t, applied["timer.many"], last["timer.many"], "round %d: the burst goes on without a pause", rounds)
		if last[event.OAMessageReceived] < 600 {
			require.Greater(t, applied[event.OAMessageReceived], last[event.OAMessageReceived], "round %d: events go on beside it", rounds)
		}
		if rounds == 3 {
			require.Equal(t, 20, applied["timer.few"], "whoever is few is not kept out")
		}
		last = maps.Clone(applied)
	}
	require.Greater(t, rounds, 2)
	require.Equal(t, 1500, applied["timer.many"])
}
