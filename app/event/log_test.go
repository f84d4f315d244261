package event_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/lease"
	"github.com/koi-scrm/koi/app/secret"
)

var epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func newLog(t testing.TB, s *db.Stores) *event.Log {
	t.Helper()
	log, _ := newLogAt(t, s)
	return log
}

// newLogAt also returns the log's clock.
func newLogAt(t testing.TB, s *db.Stores) (*event.Log, *clock.Manual) {
	t.Helper()
	keys, err := secret.New(make([]byte, secret.MasterSize))
	require.NoError(t, err)
	l := lease.New(s.Log, "append", "node-1")
	require.NoError(t, l.Acquire(context.Background()))
	clk := clock.NewManual(epoch)
	log := event.NewLog(s.Log, l, keys, clk, &event.Counter{}, prometheus.NewRegistry())
	require.NoError(t, log.Load(context.Background()))
	return log, clk
}

// running runs the log until the test ends.
func running(t testing.TB, log *event.Log) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); require.NoError(t, <-done) }) }
	t.Cleanup(stop)
	return stop
}

func fact(key string, lane event.Lane) *event.Event {
	return &event.Event{Type: event.OAMessageReceived, Key: key, Source: "oa", Account: "wx1", Lane: lane, OccurredAt: epoch.UnixMilli(), ReceivedAt: epoch.UnixMilli(),
		Identities: []event.Identity{{Kind: event.KindOpenID, Scope: "wx1", Value: "A"}}, Props: event.Props{"text": "报价"}}
}

func TestLog_Append(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		log := newLog(t, s)
		whole := t
		stop := running(t, log)

		t.Run("answers after the event is in the table, sealed", func(t *testing.T) {
			got, err := log.Append(ctx, fact("one", event.Priority))
			require.NoError(t, err)
			var body []byte
			require.NoError(t, s.Log.QueryRow(ctx, "SELECT body FROM log WHERE lane=0 AND seq=?", got[0].Seq).Scan(&body))
			require.NotContains(t, string(body), "报价")
		})
		t.Run("gives a repeat that arrives together with the first the first's answer", func(t *testing.T) {
			var wg sync.WaitGroup
			seqs := make([]event.Appended, 50)
			for i := range seqs {
				wg.Go(func() {
					got, err := log.Append(ctx, fact("same", event.Normal))
					if err == nil {
						seqs[i] = got[0]
					}
				})
			}
			wg.Wait()
			firsts := 0
			for _, g := range seqs {
				require.Equal(t, seqs[0].Seq, g.Seq)
				if !g.Repeat {
					firsts++
				}
			}
			require.Equal(t, 1, firsts)
			var n int
			require.NoError(t, s.Log.QueryRow(ctx, "SELECT COUNT(*) FROM log WHERE seq=?", seqs[0].Seq).Scan(&n))
			require.Equal(t, 1, n)
		})
		t.Run("gives each of two equal facts in one call one answer", func(t *testing.T) {
			got, err := log.Append(ctx, fact("twin", event.Normal), fact("other", event.Normal), fact("twin", event.Normal))
			require.NoError(t, err)
			require.Equal(t, got[0].Seq, got[2].Seq)
			require.True(t, got[2].Repeat)
			require.NotEqual(t, got[0].Seq, got[1].Seq)
		})
		t.Run("is read in order, lane by lane", func(t *testing.T) {
			var last int64
			for i := range 5 {
				got, err := log.Append(ctx, fact(fmt.Sprint("o", i), event.Priority))
				require.NoError(t, err)
				require.Greater(t, got[0].Seq, last)
				last = got[0].Seq
			}
			events, bad, err := log.Read(ctx, event.Priority, 0, 100)
			require.NoError(t, err)
			require.Empty(t, bad)
			require.Len(t, events, 6)
			require.Equal(t, last, events[5].Seq)
		})
		t.Run("is read the same from the table as from memory", func(t *testing.T) {
			stop()
			again := newLog(t, s)
			events, bad, err := again.Read(ctx, event.Priority, 0, 100)
			require.NoError(t, err)
			require.Empty(t, bad)
			require.Len(t, events, 6)
			require.Equal(t, "报价", events[0].Props.Str("text"))
			running(whole, again)
			got, err := again.Append(ctx, fact("after", event.Priority))
			require.NoError(t, err)
			require.Greater(t, got[0].Seq, events[5].Seq)
		})
		t.Run("refuses once it stopped", func(t *testing.T) {
			_, err := log.Append(ctx, fact("late", event.Priority))
			require.True(t, fault.Is(err, fault.Unavailable))
		})
	})
}

func TestLog_a_failed_commit_is_forgotten_so_that_the_next_try_is_a_first_one(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := dbtest.SQLite(t)
	log := newLog(t, s)
	running(t, log)
	require.NoError(t, s.Log.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TRIGGER full BEFORE INSERT ON log BEGIN SELECT RAISE(ABORT, 'no room'); END")
		return err
	}))
	_, err := log.Append(ctx, fact("f", event.Normal))
	require.True(t, fault.Is(err, fault.Unavailable), "got %v", err)
	require.NoError(t, s.Log.Tx(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, "DROP TRIGGER full"); return err }))
	got, err := log.Append(ctx, fact("f", event.Normal))
	require.NoError(t, err)
	require.False(t, got[0].Repeat)
}

func TestLog_a_zombie_appends_nothing(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx := context.Background()
		log := newLog(t, s)
		require.NoError(t, lease.New(s.Log, "append", "node-1").Acquire(ctx))
		done := make(chan error, 1)
		go func() { done <- log.Run(ctx) }()
		_, err := log.Append(ctx, fact("z", event.Normal))
		require.Error(t, err)
		require.ErrorIs(t, <-done, lease.ErrLost)
		var n int
		require.NoError(t, s.Log.QueryRow(ctx, "SELECT COUNT(*) FROM log").Scan(&n))
		require.Zero(t, n)
	})
}

// One stall must not leave commits of two events behind it: what waited is drained into few commits.
func TestLog_recovers_from_a_stall(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := dbtest.SQLite(t)
	log := newLog(t, s)
	held, release := make(chan struct{}), make(chan struct{})
	go func() {
		_ = s.Log.Tx(ctx, func(*db.Tx) error { close(held); <-release; return nil })
	}()
	<-held
	running(t, log)
	var wg sync.WaitGroup
	for i := range 2000 {
		wg.Go(func() {
			_, err := log.Append(ctx, fact(fmt.Sprint("s", i), event.Normal))
			require.NoError(t, err)
		})
	}
	close(release)
	wg.Wait()
	var n int64
	require.NoError(t, s.Log.QueryRow(ctx, "SELECT n FROM lease WHERE name='append'").Scan(&n))
	require.Less(t, n, int64(200), "each commit raises the lease's counter: 2000 events may not need hundreds")
}

func TestLog_Purge_deletes_only_what_is_processed_and_old(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		log := newLog(t, s)
		running(t, log)
		var seqs []int64
		for i := range 5 {
			got, err := log.Append(ctx, fact(fmt.Sprint("p", i), event.Normal))
			require.NoError(t, err)
			seqs = append(seqs, got[0].Seq)
		}
		n, err := log.Purge(ctx, event.Normal, seqs[2], epoch.UnixMilli(), 100)
		require.NoError(t, err)
		require.Zero(t, n, "not older than the limit")
		n, err = log.Purge(ctx, event.Normal, seqs[2], epoch.UnixMilli()+1, 100)
		require.NoError(t, err)
		require.EqualValues(t, 3, n)
		_, _, err = log.Read(ctx, event.Normal, 0, 10)
		require.NoError(t, err)
	})
}

func TestLog_counts_repeats(t *testing.T) {
	t.Parallel()
	s := dbtest.SQLite(t)
	keys, err := secret.New(make([]byte, secret.MasterSize))
	require.NoError(t, err)
	l := lease.New(s.Log, "append", "node-1")
	require.NoError(t, l.Acquire(t.Context()))
	reg := prometheus.NewRegistry()
	log := event.NewLog(s.Log, l, keys, clock.NewManual(epoch), &event.Counter{}, reg)
	require.NoError(t, log.Load(t.Context()))
	running(t, log)
	for range 3 {
		_, err := log.Append(t.Context(), fact("r", event.Normal))
		require.NoError(t, err)
	}
	families, err := reg.Gather()
	require.NoError(t, err)
	hits := 0.0
	for _, f := range families {
		if f.GetName() == "koi_dedupe_hits_total" {
			hits = f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	require.EqualValues(t, 2, hits)
}

func BenchmarkLog_Append(b *testing.B) {
	s := dbtest.SQLite(b)
	log := newLog(b, s)
	running(b, log)
	b.ReportAllocs()
	b.SetParallelism(200)
	var mu sync.Mutex
	i := 0
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mu.Lock()
			i++
			key := fmt.Sprint("b", i)
			mu.Unlock()
			if _, err := log.Append(context.Background(), fact(key, event.Normal)); err != nil {
				b.Error(err)
			}
		}
	})
}
