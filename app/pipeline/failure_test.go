package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/pipeline"
)

// logging runs the log alone until the test ends; the test drives the pipeline by hand.
func (r *rig) logging(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.log.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
}

func (r *rig) append(t testing.TB, events ...*event.Event) []event.Appended {
	t.Helper()
	got, err := r.log.Append(context.Background(), events...)
	require.NoError(t, err)
	return got
}

// through runs the pipeline until a lane stands at seq; errors on the way are the caller's to judge.
func (r *rig) through(t testing.TB, lane event.Lane, seq int64) (errs []error) {
	t.Helper()
	for range 50 {
		if r.pipe.Through(lane) >= seq {
			return errs
		}
		if _, err := r.pipe.RunOnce(context.Background()); err != nil {
			errs = append(errs, err)
		}
	}
	t.Fatalf("lane %d stands at %d, not at %d: %v", lane, r.pipe.Through(lane), seq, errs)
	return nil
}

// The server commits and the connection breaks before the answer: what was given out in that batch (ids,
// commit number, messages to send) was given out.
func TestPipeline_a_commit_whose_answer_is_lost_happened_once(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	wire, dsn := dbtest.NewWire(t, dbtest.MySQLConfig(t).DSN)
	d, err := db.OpenMySQL(ctx, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	s := &db.Stores{Log: d, Koi: d}
	r := newRig(t, s)
	r.logging(t)
	handed := 0
	r.odd.load = func(b *event.Batch) error {
		if len(b.Events) > 0 && b.Events[0].Key == "a" {
			b.AfterCommit(func() { handed++ })
			if wire.Lost() == 0 {
				wire.LoseCommit()
			}
		}
		return nil
	}
	first := r.append(t, r.say("a", event.Normal, openID("A")))
	_, err = r.pipe.RunOnce(ctx)
	require.Equal(t, 1, wire.Lost())
	if err != nil {
		require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	}
	second := r.append(t, r.say("b", event.Normal, openID("B")))
	require.Greater(t, second[0].Seq, first[0].Seq)
	require.Empty(t, r.through(t, event.Normal, second[0].Seq))
	require.Equal(t, 1, handed, "what the batch wanted done after its commit is done once")
	letters, err := r.pipe.DeadLetters(ctx, 0, 10)
	require.NoError(t, err)
	require.Empty(t, letters)
	require.Equal(t, 2, count(t, s, "SELECT COUNT(DISTINCT contact_id) FROM identities"))
	require.Equal(t, 2, count(t, s, "SELECT COUNT(DISTINCT rev) FROM contacts"), "each commit has a number of its own")
	require.Equal(t, 4, count(t, s, "SELECT COUNT(*) FROM events"))
}

func TestPipeline_poison(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.logging(t)
		ctx := context.Background()
		letters := func() []pipeline.DeadLetter {
			list, err := r.pipe.DeadLetters(ctx, 0, 10)
			require.NoError(t, err)
			return list
		}

		t.Run("a timer whose effect cannot be written is taken out, and the events beside it go on", func(t *testing.T) {
			bad := false
			r.odd.load = func(*event.Batch) error { bad = false; return nil }
			r.odd.refuse = func(e *event.Event) error { bad = bad || e.ObjectID == "2"; return nil }
			r.odd.flush = func() error {
				if bad {
					return errors.New("a value no column takes")
				}
				return nil
			}
			for _, id := range []string{"1", "2", "3"} {
				r.odd.due = append(r.odd.due, &event.Event{Type: timerOdd, ObjectID: id})
			}
			got := r.append(t, r.say("t", event.Priority, openID("T")))
			require.Empty(t, r.through(t, event.Priority, got[0].Seq))
			require.Len(t, r.odd.due, 2)
			require.Empty(t, letters(), "the event is innocent")
		})
		t.Run("a timer that cannot even be taken out stops no event of either lane", func(t *testing.T) {
			r.odd.poisoned = func(*event.Event) error {
				r.odd.due = []*event.Event{{Type: timerOdd, ObjectID: "2"}}
				return errors.New("stays")
			}
			got := r.append(t, r.say("p", event.Priority, openID("T")), r.say("n", event.Normal, openID("T")))
			r.through(t, event.Priority, got[0].Seq)
			r.through(t, event.Normal, got[1].Seq)
			r.odd.due = nil
			require.Empty(t, letters())
		})
		t.Run("an event whose data cannot even be loaded is parked", func(t *testing.T) {
			r.odd.flush = func() error { return nil }
			r.odd.load = func(b *event.Batch) error {
				for _, e := range b.Events {
					if e.Key == "l2" {
						return errors.New("a damaged row")
					}
				}
				return nil
			}
			var list []*event.Event
			for i := range 5 {
				list = append(list, r.say(fmt.Sprint("l", i), event.Normal, openID("L")))
			}
			got := r.append(t, list...)
			require.Empty(t, r.through(t, event.Normal, got[4].Seq))
			require.Len(t, letters(), 1)
			require.Equal(t, event.MakeID(got[2].Seq, 0), letters()[0].ID)
			require.Equal(t, 4, count(t, s, "SELECT COUNT(*) FROM events WHERE type=? AND contact_id=(SELECT contact_id FROM events WHERE id=?)", event.OAMessageReceived, int64(event.MakeID(got[0].Seq, 0))))
		})
		t.Run("an event that makes a stage panic while loading or writing is parked", func(t *testing.T) {
			loads, had := map[string]bool{}, false
			r.odd.load = func(b *event.Batch) error {
				had = false
				for _, e := range b.Events {
					loads[e.Key] = true
					had = had || e.Key == "f1"
					if e.Key == "f3" {
						panic("index out of range")
					}
				}
				return nil
			}
			r.odd.flush = func() error {
				if had {
					panic("nil map")
				}
				return nil
			}
			var list []*event.Event
			for i := range 5 {
				list = append(list, r.say(fmt.Sprint("f", i), event.Normal, openID("F")))
			}
			got := r.append(t, list...)
			require.Empty(t, r.through(t, event.Normal, got[4].Seq))
			require.Len(t, loads, 5)
			require.Len(t, letters(), 3)
			require.Equal(t, event.MakeID(got[3].Seq, 0), letters()[0].ID)
			require.Contains(t, letters()[0].Error, "index out of range")
			require.Equal(t, event.MakeID(got[1].Seq, 0), letters()[1].ID)
			r.odd.flush = func() error { return nil }
		})
		t.Run("an event on whose way the database was away for a moment is applied when it is back", func(t *testing.T) {
			r.odd.load = func(*event.Batch) error { return nil }
			parked, away := len(letters()), 2
			r.odd.refuse = func(e *event.Event) error {
				if e.Key == "d1" && away > 0 {
					away--
					return fmt.Errorf("read touches: %w", fault.New(fault.Unavailable, "数据库暂时不可用"))
				}
				return nil
			}
			got := r.append(t, r.say("d0", event.Normal, openID("D")), r.say("d1", event.Normal, openID("D")))
			errs := r.through(t, event.Normal, got[1].Seq)
			require.Len(t, errs, 2, "the batch waits")
			require.True(t, fault.Is(errs[0], fault.Unavailable))
			require.Len(t, letters(), parked, "nothing is wrong with the event")
			require.Equal(t, 1, count(t, s, "SELECT COUNT(*) FROM events WHERE id=?", int64(event.MakeID(got[1].Seq, 0))))
		})
		t.Run("many refused events cost about one try each, not one of the whole batch", func(t *testing.T) {
			r.odd.load = func(*event.Batch) error { return nil }
			applied := 0
			r.odd.refuse = func(e *event.Event) error {
				applied++
				if e.Type == event.RawReceived {
					return errors.New("no way")
				}
				return nil
			}
			var list []*event.Event
			for i := range 100 {
				e := r.say(fmt.Sprint("m", i), event.Normal, openID("M"))
				if i%2 == 1 {
					e.Type = event.RawReceived
				}
				list = append(list, e)
			}
			got := r.append(t, list...)
			require.Empty(t, r.through(t, event.Normal, got[99].Seq))
			require.Less(t, applied, 400)
			require.Equal(t, 53, count(t, s, "SELECT COUNT(*) FROM dead_letters"))
		})
	})
}

func TestPipeline_a_retried_dead_letter_is_late(t *testing.T) {
	t.Parallel()
	s := dbtest.SQLite(t)
	r := newRig(t, s)
	r.logging(t)
	r.odd.refuse = func(*event.Event) error { return errors.New("no way") }
	got := r.append(t, r.say("bad", event.Normal, openID("P")))
	require.Empty(t, r.through(t, event.Normal, got[0].Seq))
	r.clock.Advance(time.Hour)
	var late []bool
	r.odd.refuse = func(e *event.Event) error { late = append(late, e.Late()); return nil }
	again, err := r.pipe.Retry(context.Background(), event.MakeID(got[0].Seq, 0))
	require.NoError(t, err)
	require.Empty(t, r.through(t, event.Normal, again.Seq))
	require.True(t, late[0], "an hour later nobody waits for a greeting any more")
	var at int64
	require.NoError(t, s.Koi.QueryRow(context.Background(), "SELECT at FROM events WHERE id=?", int64(event.MakeID(again.Seq, 0))).Scan(&at))
	require.Equal(t, epoch.UnixMilli(), at, "it happened when it happened")
}
