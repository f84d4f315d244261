package contact_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/lease"
)

// oracle answers for profiles as the test says.
type oracle struct {
	asked  []string
	answer map[string]func() (contact.Profile, error)
}

func (p *oracle) Profile(_ context.Context, id event.Identity) (contact.Profile, error) {
	p.asked = append(p.asked, id.Value)
	return p.answer[id.Value]()
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		b := newBench(t, s)
		clk := clock.NewManual(time.UnixMilli(epoch + 60_000))
		l := lease.New(s.Log, "append", "node-1")
		require.NoError(t, l.Acquire(ctx))
		log := event.NewLog(s.Log, l, b.keys, clk, &event.Counter{}, prometheus.NewRegistry())
		require.NoError(t, log.Load(ctx))
		running, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- log.Run(running) }()
		t.Cleanup(func() { stop(); require.NoError(t, <-done) })

		src := &oracle{answer: map[string]func() (contact.Profile, error){
			"known":   func() (contact.Profile, error) { return contact.Profile{UnionID: "U"}, nil },
			"never":   func() (contact.Profile, error) { return contact.Profile{}, fault.New(fault.NotFound, "没有") },
			"later":   func() (contact.Profile, error) { return contact.Profile{}, errors.New("84061") },
			"strange": func() (contact.Profile, error) { return contact.Profile{UnionID: strings.Repeat("u", 600)}, nil },
		}}
		profiles := contact.NewProfiles(s.Koi, clk, log, src)
		for _, v := range []string{"strange", "never", "later", "known"} {
			b.happen(t, event.Event{Type: event.PageViewed, Identities: with(open(v))})
		}
		wants := func() (n int) {
			require.NoError(t, s.Koi.QueryRow(ctx, "SELECT COUNT(*) FROM profile_wants").Scan(&n))
			return n
		}
		n, err := profiles.RunOnce(ctx)
		require.NoError(t, err, "one odd profile does not keep the others waiting")
		require.Equal(t, 4, n)
		require.Equal(t, 2, wants(), "what will never come is not waited for")
		n, err = profiles.RunOnce(ctx)
		require.NoError(t, err)
		require.Zero(t, n, "not asked again while the command is under way, or the platform is not ready")

		events, _, err := log.Read(ctx, event.Normal, 0, 10)
		require.NoError(t, err)
		require.Len(t, events, 1)
		b.happen(t, *events[0])
		require.True(t, b.find(t, open("known")).Has(event.KindUnionID, ""))
		require.Equal(t, 1, wants(), "settled by the command that brought it")

		src.asked = nil
		for range 10 {
			clk.Advance(time.Hour)
			_, err = profiles.RunOnce(ctx)
			require.NoError(t, err)
		}
		require.Equal(t, []string{"later", "later", "later", "later", "later"}, src.asked, "and then no more")
		require.Zero(t, wants())
	})
}
