package event_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
)

func TestTally_counts_by_business_day_whatever_the_batches(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		zone := time.FixedZone("CST", 8*3600)
		at := func(text string) int64 {
			when, err := time.ParseInLocation("2006-01-02 15:04", text, zone)
			require.NoError(t, err)
			return when.UnixMilli()
		}
		stage := event.NewTally(s.Koi, zone)
		rev := int64(0)
		run := func(commit bool, events ...*event.Event) {
			t.Helper()
			rev++
			b := event.NewBatch(0, 0, rev, events)
			b.Stored = events
			undo := s.Koi.Tx(t.Context(), func(tx *db.Tx) error {
				require.NoError(t, stage.Load(t.Context(), tx, b))
				require.NoError(t, stage.Flush(t.Context(), tx, b))
				if !commit {
					return errRollback
				}
				return nil
			})
			if commit {
				require.NoError(t, undo)
				b.Committed()
			} else {
				rev--
			}
		}
		late := &event.Event{Type: event.OAFollowed, OccurredAt: at("2026-11-22 23:59")}
		next := &event.Event{Type: event.OAFollowed, OccurredAt: at("2026-11-23 00:00")}
		said := &event.Event{Type: event.OAMessageReceived, OccurredAt: at("2026-11-22 10:00")}
		run(true, late, said)
		run(true, late, next)
		run(false, late, late, late) // rolled back: nothing of it counts
		run(true, said)
		// Hidden, repeated and commands are not on the timeline.
		run(true, &event.Event{Type: event.OAFollowed, OccurredAt: at("2026-11-22 10:00"), Duplicate: true},
			&event.Event{Type: event.ScoreChanged, OccurredAt: at("2026-11-22 10:00"), Hidden: true},
			&event.Event{Type: event.CommandTag, OccurredAt: at("2026-11-22 10:00")})

		day := int32(at("2026-11-22 12:00") / 86_400_000)
		want := []event.DayCount{{Day: day, Type: event.OAFollowed, N: 2}, {Day: day, Type: event.OAMessageReceived, N: 2}, {Day: day + 1, Type: event.OAFollowed, N: 1}}
		got, err := stage.Days(t.Context(), day, day+1)
		require.NoError(t, err)
		require.Equal(t, want, got)

		// Another process goes on where this one ended.
		stage = event.NewTally(s.Koi, zone)
		run(true, said)
		got, err = stage.Days(t.Context(), day, day)
		require.NoError(t, err)
		require.EqualValues(t, 3, got[1].N)
	})
}

var errRollback = errors.New("rolled back")
