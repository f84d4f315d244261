package outbox_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/policy"
)

func TestDispatcher_what_does_not_fit_waits_in_the_database(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, func(o *options) { o.dispatcher.Capacity, o.dispatcher.Workers = 8, 2 })
		r.kf.gate, r.kf.arrived = make(chan struct{}), make(chan struct{}, 1000)
		r.sendNow()
		for i := range 40 {
			who := fmt.Sprint("o", i)
			r.append(r.says(who), r.at("oa.scanned", who, service))
		}
		r.step()
		states := r.states()
		require.Equal(t, 6, states[outbox.Sending], "three quarters of the queue, for service messages")
		require.Equal(t, 34, states[outbox.Waiting])
		require.EqualValues(t, 6, r.metric("koi_outbox_queue"))
		for _, m := range r.messages(outbox.Filter{State: outbox.Waiting}) {
			require.Equal(t, policy.InLine, m.Reason)
		}
		next, err := r.stage.Next(t.Context(), s.Koi)
		require.NoError(t, err)
		require.Zero(t, next, "a full queue does not keep the pipeline busy")

		r.append(r.says("urgent", reply))
		r.step()
		require.Equal(t, 7, r.states()[outbox.Sending], "a reply still finds room")

		close(r.kf.gate)
		r.settled("all are sent", outbox.Accepted, 41)
		got := r.kf.got()
		require.Len(t, got, 41)
		require.Less(t, slices.IndexFunc(got, func(a outbox.Attempt) bool { return a.To == "urgent" }), 8, "and went before those that waited")
		require.Zero(t, r.metric("koi_outbox_queue"))
		require.Zero(t, r.count("outbox_due"))
	})
}

func TestDispatcher_urgent_messages_go_first(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, func(o *options) { o.dispatcher.Workers = 1 })
		for i := range 3 {
			r.append(r.says(fmt.Sprint("o", i), order{Class: outbox.Marketing, Text: "m"}, order{Class: outbox.Service, Text: "s"}, order{Class: outbox.Reply, Text: "r"}))
		}
		r.step()
		r.sendNow()
		r.settled("all are sent", outbox.Accepted, 9)
		order := ""
		for _, a := range r.kf.got() {
			order += string(a.Body[len(`{"content":"`)])
		}
		require.Equal(t, "rrrsssmmm", order)
	})
}

func TestDispatcher_one_recipient_gets_one_message_at_a_time_in_order(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.sendNow()
		for range 4 {
			for i := range 5 {
				r.append(r.says(fmt.Sprint("o", i), order{Class: outbox.Service, Times: 4}))
			}
			r.step()
		}
		r.settled("all are sent", outbox.Accepted, 80)
		require.Zero(t, r.kf.clashes)
		last := map[string]int64{}
		for _, a := range r.kf.got() {
			require.Greater(t, a.ID, last[a.To])
			last[a.To] = a.ID
		}
	})
}

func TestDispatcher_accounts_do_not_wait_for_each_other(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.kf.gate = make(chan struct{})
		stop := r.sendNow()
		r.append(r.says("o1", reply, alert("zhang")))
		r.settled("the alert is sent while the reply hangs", outbox.Accepted, 1)
		require.Equal(t, outbox.WeComApp, r.messages(outbox.Filter{State: outbox.Accepted})[0].Channel)
		close(r.kf.gate)
		stop()
	})
}

func TestDispatcher_keeps_to_the_rate(t *testing.T) {
	t.Parallel()
	r := newRig(t, dbtest.SQLite(t), func(o *options) {
		o.dispatcher.Rates = map[outbox.Channel]outbox.Rate{outbox.OfficialKF: {PerSecond: 50, Burst: 5}}
	})
	r.sendNow()
	begun := time.Now()
	for i := range 15 {
		r.append(r.says(fmt.Sprint("o", i), reply))
	}
	r.settled("all are sent", outbox.Accepted, 15)
	require.GreaterOrEqual(t, time.Since(begun), 190*time.Millisecond, "five at once, then fifty a second")
}

func TestDispatcher_does_not_send_what_expired_in_its_queue(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.append(r.says("o1", order{Class: outbox.Service, ExpiresAt: r.now() + 1000}))
		r.step()
		require.Equal(t, outbox.Sending, r.only().State)
		r.clock.Advance(second)
		r.sendNow()
		r.settled("it came back", outbox.Expired, 1)
		attempts, _ := r.kf.counts()
		require.Zero(t, attempts)
	})
}

func TestDispatcher_shutdown_finishes_what_is_on_its_way_and_gives_back_the_rest(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, func(o *options) { o.dispatcher.Workers = 2 })
		r.kf.gate, r.kf.arrived = make(chan struct{}), make(chan struct{}, 100)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.disp.Run(ctx) }()
		for i := range 10 {
			r.append(r.says(fmt.Sprint("o", i), order{Class: outbox.Service}))
		}
		r.step()
		<-r.kf.arrived
		<-r.kf.arrived
		cancel()
		close(r.kf.gate)
		require.NoError(t, <-ended)
		attempts, _ := r.kf.counts()
		require.Equal(t, 2, attempts)

		r.kf.gate, r.kf.arrived = nil, nil
		r = r.restarted(nil)
		r.sendNow()
		r.settled("the rest goes with the next start", outbox.Accepted, 10)
		attempts, delivered := r.kf.counts()
		require.Equal(t, []int{10, 10}, []int{attempts, delivered}, "each once")
	})
}

func TestDispatcher_shutdown_without_a_log_ends(t *testing.T) {
	t.Parallel()
	r := newRig(t, dbtest.SQLite(t), func(o *options) { o.dispatcher.Timeout = 10 * time.Millisecond })
	r.append(r.says("o1", reply))
	r.step()
	r.kf.gate, r.kf.arrived = make(chan struct{}), make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.disp.Run(ctx) }()
	<-r.kf.arrived
	r.stopLog()
	cancel()
	close(r.kf.gate)
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(20 * time.Second):
		t.Fatal("it waits for ever")
	}
}
