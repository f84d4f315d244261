package outbox_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/outbox"
)

func TestHoldRestored_leaves_what_waited_to_the_operator(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		later := alert("zhang")
		later.NotBefore = clock.Ms(r.clock.Now()) + 60*second.Milliseconds()
		r.append(r.says("o1", later))
		r.step()
		require.Equal(t, 1, r.states()[outbox.Waiting])

		for range 2 { // again it finds nothing more
			_, err := outbox.HoldRestored(t.Context(), s.Koi, clock.Ms(r.clock.Now()))
			require.NoError(t, err)
		}
		r = r.restarted(nil)
		r.recovers()
		r.clock.Advance(120 * second)
		r.step()
		require.Equal(t, 1, r.states()[outbox.Doubtful])
		attempts, _ := r.we.counts()
		require.Zero(t, attempts, "it may have been sent after the backup")
		m := r.get(r.messages(outbox.Filter{State: outbox.Doubtful})[0].ID)
		require.Equal(t, outbox.ReasonRestored, m.Reason)
		require.Contains(t, m.Explanation.Why, "备份")

		_, err := r.box.Retry(t.Context(), m.ID, "user:anna")
		require.NoError(t, err)
		r.sendNow()
		r.settled("who has looked may send it", outbox.Accepted, 1)
	})
}
