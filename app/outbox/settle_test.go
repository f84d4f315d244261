package outbox_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/outbox"
)

// askable is a platform that drops no repeats and can be asked.
type askable struct {
	*platform
	mu      sync.Mutex
	knows   outbox.Outcome
	firstAt []time.Time
}

func (a *askable) Settle(_ context.Context, _ outbox.Attempt, firstAt time.Time) outbox.Outcome {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.firstAt = append(a.firstAt, firstAt)
	return a.knows
}

func (a *askable) say(o outbox.Outcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.knows = o
}

func (a *askable) questions() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.firstAt)
}

// settling is a rig with one message of unknown fate, and who asks about it.
func settling(t *testing.T, s *db.Stores) (*rig, *askable, *outbox.Settlements) {
	r := newRig(t, s, nil)
	p := &askable{platform: r.kf, knows: outbox.Outcome{Status: outbox.Unknown}}
	r.sendNow()
	r.kf.always(outbox.Outcome{Status: outbox.Unknown, Reason: "没有回答"})
	r.append(r.says("o1", order{Class: outbox.Reply}))
	r.settled("nobody knows", outbox.Doubtful, 1)
	return r, p, outbox.NewSettlements(s.Koi, r.log, keys, r.clock, []outbox.Sender{p, r.we})
}

func TestSettlements_believe_what_the_platform_took_or_refused(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r, p, ask := settling(t, s)
		began := r.clock.Wall()
		r.clock.Advance(time.Minute)
		p.say(outbox.Outcome{Status: outbox.Sent})
		require.NoError(t, ask.RunOnce(t.Context()))
		r.settled("it was taken", outbox.Accepted, 1)
		require.Equal(t, began.UnixMilli(), p.firstAt[0].UnixMilli())

		r.append(r.says("o1", order{Class: outbox.Reply}))
		r.settled("nobody knows of the second", outbox.Doubtful, 1)
		p.say(outbox.Outcome{Status: outbox.Failed, Reason: "空号"})
		require.NoError(t, ask.RunOnce(t.Context()))
		r.settled("it was refused", outbox.Rejected, 1)
		require.Equal(t, "空号", r.get(r.messages(outbox.Filter{State: outbox.Rejected})[0].ID).Detail)
		require.NoError(t, ask.RunOnce(t.Context()))
		attempts, _ := r.kf.counts()
		require.Equal(t, 2, attempts)
		require.Equal(t, 2, p.questions(), "what is settled isn't asked about")
	})
}

func TestSettlements_send_again_what_the_platform_never_took(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r, p, ask := settling(t, s)
		r.kf.always(outbox.Outcome{Status: outbox.Sent})
		p.say(outbox.Outcome{Status: outbox.Retry})
		require.NoError(t, ask.RunOnce(t.Context()))
		r.until("it waits for its second try", func() bool { return r.only().State == outbox.Waiting })
		r.clock.Advance(30 * time.Second)
		r.settled("it went", outbox.Accepted, 1)
		require.Equal(t, 2, r.only().Attempts)
		require.Equal(t, outbox.Unknown, r.only().Tries[0].Status)
	})
}

func TestSettlements_ask_ever_more_rarely_and_never_send_on_a_guess(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r, p, ask := settling(t, s)
		for range 60 { // an hour
			require.NoError(t, ask.RunOnce(t.Context()))
			r.clock.Advance(time.Minute)
		}
		require.Less(t, p.questions(), 12)
		require.Greater(t, p.questions(), 5)
		r.step()
		require.Equal(t, outbox.Doubtful, r.only().State)
		attempts, _ := r.kf.counts()
		require.Equal(t, 1, attempts)
	})
}
