package outbox_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/outbox"
)

// patient is somebody else's server.
type patient struct{ *platform }

func (patient) Patience() outbox.Patience {
	return outbox.Patience{Tries: 5, Wait: func(n int) time.Duration { return time.Duration(n) * time.Minute }, Timeout: 10 * time.Second}
}

func TestOutbox_goes_on_longer_with_a_patient_sender(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		hook := patient{&platform{channel: outbox.Webhook, window: 72 * hour}}
		r := newRig(t, s, func(o *options) {
			hook.clock = o.clock
			o.dispatcher.Senders = []outbox.Sender{hook}
		})
		r.sendNow()
		hook.always(outbox.Outcome{Status: outbox.Retry, Code: 503})
		r.append(r.says("o1", order{Class: outbox.Service, Channel: outbox.Webhook}))
		for n := 1; n < 5; n++ {
			r.until("a try failed", func() bool {
				list := r.messages(outbox.Filter{})
				return len(list) == 1 && list[0].State == outbox.Waiting && list[0].Attempts == n
			})
			wait := time.Duration(r.only().DueAt-r.now()) * time.Millisecond
			require.GreaterOrEqual(t, wait, time.Duration(n)*time.Minute)
			require.Less(t, wait, time.Duration(n)*time.Minute*5/4)
			r.clock.Advance(wait)
		}
		r.settled("five times, then it is over", outbox.Rejected, 1)
		require.Equal(t, outbox.ReasonGaveUp, r.only().Reason)

		hook.always(outbox.Outcome{Status: outbox.Sent})
		for tries := 6; tries <= 7; tries++ { // what arrived may be sent again, too
			_, err := r.box.Retry(t.Context(), r.only().ID, "ops")
			require.NoError(t, err)
			r.until("it went", func() bool { return r.only().Attempts == tries && r.only().State == outbox.Accepted })
			r.clock.Advance(second)
		}
	})
}

func TestOutbox_a_patient_sender_is_asked_in_any_order(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		hook := patient{&platform{channel: outbox.Webhook, window: 72 * hour, gate: make(chan struct{}), arrived: make(chan struct{}, 4)}}
		r := newRig(t, s, func(o *options) {
			hook.clock = o.clock
			o.dispatcher.Senders = []outbox.Sender{hook}
		})
		r.sendNow()
		r.append(r.says("o1", order{Class: outbox.Service, Channel: outbox.Webhook, Times: 3}))
		r.step()
		for range 3 { // all of them at once, to one recipient
			<-hook.arrived
		}
		close(hook.gate)
		r.settled("they went", outbox.Accepted, 3)
	})
}
