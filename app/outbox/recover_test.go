package outbox_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/outbox"
)

// recovers is what a start does once the log is caught up with.
func (r *rig) recovers() {
	r.t.Helper()
	r.step()
	_, err := r.box.Recover(r.t.Context(), r.process)
	require.NoError(r.t, err)
	r.step()
}

func TestRecover_repeats_only_where_the_platform_drops_repeats(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.append(r.says("o1", reply, alert("zhang")), r.says("o2", alert("li")))
		r.step()
		require.Equal(t, 3, r.states()[outbox.Sending])
		// The platform took all three, then the process was killed: no result was written.
		sent := map[int64][]byte{}
		for _, m := range r.messages(outbox.Filter{}) {
			body, err := r.box.Body(t.Context(), m.ID)
			require.NoError(t, err)
			sent[m.ID] = body
			p := r.we
			if m.Channel == outbox.OfficialKF {
				p = r.kf
			}
			p.Send(t.Context(), outbox.Attempt{ID: m.ID, Number: 1, Account: m.Account, To: m.To, Kind: m.Kind, Body: body})
		}

		r = r.restarted(nil)
		r.sendNow()
		r.clock.Advance(5 * second)
		r.recovers()
		doubtful := r.messages(outbox.Filter{State: outbox.Doubtful})
		require.Len(t, doubtful, 1)
		m := r.get(doubtful[0].ID)
		require.Equal(t, outbox.OfficialKF, m.Channel)
		require.Equal(t, outbox.ReasonInterrupted, m.Reason)
		require.Contains(t, m.Explanation.Why, "意外退出")
		require.Equal(t, outbox.Unknown, m.Tries[0].Status)
		require.Equal(t, 2, r.states()[outbox.Waiting])

		r.clock.Advance(3 * second)
		r.settled("the alerts are settled by a repeat", outbox.Accepted, 2)
		attempts, delivered := r.we.counts()
		require.Equal(t, 4, attempts)
		require.Equal(t, 2, delivered, "nobody got one twice")
		for _, a := range r.we.got()[2:] {
			require.Equal(t, sent[a.ID], a.Body, "the same bytes")
			require.Equal(t, 2, a.Number)
		}
		_, delivered = r.kf.counts()
		require.Equal(t, 1, delivered)
		require.Zero(t, r.count("outbox_due")-1, "only the unknown one is looked at again")

		r.clock.Advance(25 * time.Hour)
		r.step()
		require.Equal(t, outbox.Expired, r.get(m.ID).State)
	})
}

func TestRecover_after_the_dedupe_window_repeats_nothing(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.append(r.says("o1", alert("zhang")))
		r.step()
		r = r.restarted(nil)
		r.sendNow()
		r.clock.Advance(28*time.Minute - 2*time.Second) // what is left of the window is less than the wait before a repeat
		r.recovers()
		require.Equal(t, outbox.Doubtful, r.only().State)
		attempts, _ := r.we.counts()
		require.Zero(t, attempts)
	})
}

func TestRecover_counts_the_window_from_the_first_attempt(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		stop := r.sendNow()
		r.we.always(outbox.Outcome{Status: outbox.Retry, Code: -1, RetryAfter: 10 * time.Minute})
		r.append(r.says("o1", alert("zhang")))
		r.settled("it waits", outbox.Waiting, 1)
		stop()
		r.clock.Advance(10 * time.Minute)
		r = r.restarted(nil)
		r.step()
		require.Equal(t, outbox.Sending, r.only().State, "the second attempt")
		r = r.restarted(nil)
		r.clock.Advance(19 * time.Minute)
		r.recovers()
		require.Equal(t, outbox.Doubtful, r.only().State, "29 minutes after the first, 19 after the second")
	})
}

func TestRecover_leaves_alone_what_has_a_result_and_what_is_its_own(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.append(r.says("o1", reply))
		r.step()
		id := r.only().ID
		// The result became durable, then the process was killed before it was applied.
		r.append(result(r, id, 1, outbox.Sent))
		// And an event that nobody processed yet.
		r.append(r.says("o2", reply))

		r = r.restarted(nil)
		r.recovers()
		require.Equal(t, outbox.Accepted, r.get(id).State)
		states := r.states()
		require.Equal(t, 1, states[outbox.Sending], "the other is this process's own, in the queue")
		require.Zero(t, states[outbox.Doubtful])
		r.sendNow()
		r.settled("and goes", outbox.Accepted, 2)
		attempts, _ := r.kf.counts()
		require.Equal(t, 1, attempts)
	})
}

func TestRecover_of_a_process_that_died_meanwhile_says_nothing(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r = r.restarted(nil) // process 2 asks, and is killed before its command is applied
		_, err := r.box.Recover(t.Context(), r.process)
		require.NoError(t, err)
		r = r.restarted(nil)
		r.append(r.says("o1", reply)) // in the priority lane, so process 3 makes it before it sees the command
		r.step()
		require.Equal(t, outbox.Sending, r.only().State)
		r.recovers()
		require.Equal(t, outbox.Sending, r.only().State)
	})
}

func TestRecover_twice_and_killed_in_between(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, func(o *options) { o.dispatcher.Capacity = 400 })
		for i := range 15 {
			text := fmt.Sprint(i)
			r.append(r.says("o1", order{Class: outbox.Service, To: "a", Times: 10, Text: text}, order{Class: outbox.Service, To: "b", Times: 10, Text: text}))
		}
		r.step()
		n := r.states()[outbox.Sending]
		require.Equal(t, 60, n, "thirty a minute for each of two")
		r = r.restarted(nil)
		// Both commands stand in the log when the third process starts.
		_, err := r.box.Recover(t.Context(), r.process)
		require.NoError(t, err)
		r = r.restarted(nil)
		r.recovers()
		require.Zero(t, r.states()[outbox.Sending])
		r.recovers() // the same command again is the same fact
		r.sendNow()
		r.clock.Advance(5 * time.Second)
		r.until("all are repeated once", func() bool { return r.states()[outbox.Accepted] == n })
		attempts, delivered := r.we.counts()
		require.Equal(t, []int{n, n}, []int{attempts, delivered})
	})
}
