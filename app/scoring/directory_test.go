package scoring

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/lease"
	"github.com/koi-scrm/koi/app/rule"
)

func TestDirectory(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx := t.Context()
		r := newRig(t, s, catalogue...)
		process := lease.New(s.Koi, "process", "node-1")
		require.NoError(t, process.Acquire(ctx))
		old := monday.AddDate(0, 0, -15)
		r.Run(t, old, 10, at(did("A", event.TrialRequested, nil), old), at(did("B", event.OAFollowed, nil), old))
		r.Run(t, monday, 10, did("A", event.MeetingCheckedIn, nil), set(1, map[string]any{"company_size": 500}))

		t.Run("fills the facts of people as the pipeline sees them", func(t *testing.T) {
			a, b, c := person(1), person(2), person(3)
			require.NoError(t, r.m.Fill(ctx, s.Koi, clock.Ms(monday), a, b, c))
			require.Equal(t, r.People.Get(1).Scores, a.Scores)
			require.Equal(t, "D", a.Fit)
			require.Equal(t, 2, a.Intent)
			require.Equal(t, 4, c.Intent, "who has no score stands at the end")
		})
		t.Run("purging takes the oldest reasons; what they gave stays", func(t *testing.T) {
			n, err := r.dir.Purge(ctx, process, event.Normal, clock.Ms(old)+1, 1)
			require.NoError(t, err)
			require.Equal(t, int64(1), n)
			n, err = r.dir.Purge(ctx, process, event.Normal, clock.Ms(old)+1, 10)
			require.NoError(t, err)
			require.Equal(t, int64(1), n)
			n, err = r.dir.Purge(ctx, process, event.Normal, clock.Ms(old)+1, 10)
			require.NoError(t, err)
			require.Zero(t, n)
			w := r.why(t, monday, "intent", 1)
			require.Equal(t, int64(48), w.Points)
			require.Equal(t, []string{"会议签到 +20"}, w.lines())
			require.Equal(t, "28.28", Points(w.Rest))
		})
		t.Run("damaged memory of caps costs the memory, not the event", func(t *testing.T) {
			require.NoError(t, s.Koi.Tx(ctx, func(tx *db.Tx) error {
				_, err := tx.Exec(ctx, "UPDATE contact_scores SET marks=? WHERE contact_id=1 AND model_id=1", []byte{9, 9})
				return err
			}))
			r.Run(t, monday, 10, viewed("A", "x"))
			require.Equal(t, int64(49), r.why(t, monday, "intent", 1).Points)
		})
		t.Run("a model that is gone is left alone", func(t *testing.T) {
			r.use(t, monday, "score/other", `{"name": "别的", "kind": "behaviour", "rules": [{"key": "x", "name": "甲", "points": 1, "on": [{"events": ["oa.followed"]}]}]}`,
				"tag/pad", `{}`)
			p := person(1)
			require.NoError(t, r.m.Fill(ctx, s.Koi, clock.Ms(monday), p))
			require.NotContains(t, p.Scores, int64(2))
			require.Equal(t, rule.Score{}, p.Scores[2])
		})
	})
}
