package event_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
)

func TestFeed_hands_out_what_committed_and_cuts_off_who_is_slow(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		tl := event.NewTimeline(s.Koi)
		seq := int64(0)
		write := func(commit bool) {
			t.Helper()
			seq++
			e := &event.Event{Seq: seq, Type: event.OAFollowed, ContactID: 7, Lane: event.Priority, OccurredAt: 5, ReceivedAt: 6, Props: event.Props{"a": "b"}}
			hidden := &event.Event{Seq: seq, N: 1, Type: event.ScoreChanged, Hidden: true}
			b := event.NewBatch(1, 1, 1, []*event.Event{e})
			b.Stored = []*event.Event{e, hidden}
			require.NoError(t, s.Koi.Tx(t.Context(), func(tx *db.Tx) error { return tl.Flush(t.Context(), tx, b) }))
			if commit {
				b.Committed()
			}
		}
		write(true) // nobody listens
		fast, slow := tl.Feed().Listen(10), tl.Feed().Listen(1)
		require.Equal(t, 2, tl.Feed().Listeners())
		write(false)
		require.Empty(t, fast.C, "only what committed")
		write(true)
		write(true)
		require.Equal(t, 1, tl.Feed().Listeners())
		first := <-fast.C
		require.Len(t, first, 1)
		e, err := first[0].Whole()
		require.NoError(t, err)
		stored, err := tl.Get(t.Context(), e.ID)
		require.NoError(t, err)
		require.Equal(t, stored, e, "the same as is read back")
		require.False(t, first[0].Timer)
		<-slow.C
		_, open := <-slow.C
		require.False(t, open)
		slow.Close()
		fast.Close()
		require.Zero(t, tl.Feed().Listeners())

		after, err := tl.After(t.Context(), event.Priority, event.MakeID(2, 0), 10)
		require.NoError(t, err)
		require.Len(t, after, 2)
		none, err := tl.After(t.Context(), event.Normal, 0, 10)
		require.NoError(t, err)
		require.Empty(t, none)
	})
}
