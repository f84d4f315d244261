package event_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
)

// slow is a property that takes its time to be encoded.
type slow struct{ begun, end chan struct{} }

func (s slow) MarshalJSON() ([]byte, error) {
	close(s.begun)
	<-s.end
	return []byte(`""`), nil
}

func TestLog_Append_that_meets_the_end_of_the_log_is_answered(t *testing.T) {
	t.Parallel()
	log := newLog(t, dbtest.SQLite(t))
	stop := running(t, log)
	s := slow{make(chan struct{}), make(chan struct{})}
	e := fact("slow", event.Normal)
	e.Props["slow"] = s
	done := make(chan error, 1)
	go func() {
		_, err := log.Append(context.Background(), e) // the log was open when this began
		done <- err
	}()
	<-s.begun
	stop()
	close(s.end)
	select {
	case err := <-done:
		require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	case <-time.After(10 * time.Second):
		t.Fatal("Append waits for a commit that nobody makes")
	}
}

func TestLog_Append_refuses_what_no_table_can_keep(t *testing.T) {
	t.Parallel()
	s := dbtest.SQLite(t)
	log := newLog(t, s)
	running(t, log)
	long := strings.Repeat("长", 500)
	for name, spoil := range map[string]func(e *event.Event){
		"a type":                func(e *event.Event) { e.Type = "custom." + long },
		"an account":            func(e *event.Event) { e.Account = long },
		"a member of staff":     func(e *event.Event) { e.Staff = long },
		"an object's kind":      func(e *event.Event) { e.ObjectType = long },
		"an object":             func(e *event.Event) { e.ObjectID = long },
		"a share":               func(e *event.Event) { e.Share = long },
		"an identity's kind":    func(e *event.Event) { e.Identities[0].Kind = long },
		"an identity's scope":   func(e *event.Event) { e.Identities[0].Scope = long },
		"an identity's value":   func(e *event.Event) { e.Identities[0].Value = long },
		"bytes that no text is": func(e *event.Event) { e.ObjectID = "a\xff" },
		"a lane":                func(e *event.Event) { e.Lane = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := fact(name, event.Normal)
			spoil(e)
			_, err := log.Append(t.Context(), fact(name+" of another", event.Normal), e)
			require.True(t, fault.Is(err, fault.Invalid), "%v", err)
		})
	}
	t.Run("nothing of a refused call is kept", func(t *testing.T) {
		var n int
		require.NoError(t, s.Log.QueryRow(t.Context(), "SELECT COUNT(*) FROM log").Scan(&n))
		require.Zero(t, n)
	})
}

func TestLog_Append_keeps_facts_without_a_key_apart(t *testing.T) {
	t.Parallel()
	log := newLog(t, dbtest.SQLite(t))
	running(t, log)
	one, err := log.Append(t.Context(), fact("", event.Normal))
	require.NoError(t, err)
	two, err := log.Append(t.Context(), fact("", event.Normal))
	require.NoError(t, err)
	require.False(t, two[0].Repeat)
	require.NotEqual(t, one[0].Seq, two[0].Seq)
}

func TestLog_Append_believes_no_impossible_time(t *testing.T) {
	t.Parallel()
	log := newLog(t, dbtest.SQLite(t))
	running(t, log)
	now := epoch.UnixMilli()
	for i, c := range []struct{ occurred, received, wantOccurred, wantReceived int64 }{
		{now - 400*86_400_000, now, now - 400*86_400_000, now}, // long ago is possible
		{now + 60_000, now, now + 60_000, now},                 // their clock is a little ahead of ours
		{4_102_444_800_000, now, now, now},                     // the year 2100
		{1 << 62, now, now, now},
		{0, now, now, now},
		{-1 << 62, now, now, now},
		{0, 0, now, now},
	} {
		e := fact(fmt.Sprint("time", i), event.Normal)
		e.OccurredAt, e.ReceivedAt = c.occurred, c.received
		_, err := log.Append(t.Context(), e)
		require.NoError(t, err)
		require.Equal(t, c.wantOccurred, e.OccurredAt, "case %d", i)
		require.Equal(t, c.wantReceived, e.ReceivedAt, "case %d", i)
	}
}

func TestLog_reads_every_event_also_when_the_pipeline_is_far_behind(t *testing.T) {
	t.Parallel()
	s := dbtest.SQLite(t)
	log := newLog(t, s)
	running(t, log)
	const all = 20_000
	for i := 0; i < all; i += 1000 {
		var list []*event.Event
		for j := range 1000 {
			list = append(list, fact(fmt.Sprint(i+j), event.Normal))
		}
		_, err := log.Append(t.Context(), list...)
		require.NoError(t, err)
	}
	var after int64
	for n := 0; n < all; n++ {
		if n%700 == 0 {
			events, bad, err := log.Read(t.Context(), event.Normal, after, 700)
			require.NoError(t, err)
			require.Empty(t, bad)
			require.Len(t, events, min(700, all-n))
			for i, e := range events {
				require.Equal(t, fmt.Sprint(n+i), e.Key)
			}
			after = events[len(events)-1].Seq
		}
	}
}

func TestPurge_leaves_a_young_row_between_old_ones(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		log, l := newLogAt(t, s)
		running(t, log)
		for i, step := range []time.Duration{0, 2 * time.Hour, -2 * time.Hour} { // a clock that was set back
			l.Advance(step)
			_, err := log.Append(ctx, fact(fmt.Sprint(i), event.Normal))
			require.NoError(t, err)
		}
		n, err := log.Purge(ctx, event.Normal, 1<<40, epoch.Add(time.Hour).UnixMilli(), 100)
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
		var left int
		require.NoError(t, s.Log.QueryRow(ctx, "SELECT COUNT(*) FROM log").Scan(&left))
		require.Equal(t, 2, left)
	})
}
