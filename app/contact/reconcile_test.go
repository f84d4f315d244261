package contact_test

import (
	"context"
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
	"github.com/koi-scrm/koi/app/pipeline"
)

// platform is an official account whose list a test writes.
type platform struct {
	pages []contact.Page
	err   error
	reads int
	since map[string]int64 // OpenID → follows since; one who is missing cannot be asked for
}

var followers = contact.Roll{Kind: event.KindOpenID, Scope: "wx1"}

func (p *platform) Rolls() []contact.Roll { return []contact.Roll{followers} }

func (p *platform) Read(_ context.Context, _ contact.Roll, take func(contact.Page) error) error {
	p.reads++
	for _, page := range p.pages {
		if err := take(page); err != nil {
			return err
		}
	}
	return p.err
}

func (p *platform) Profile(_ context.Context, id event.Identity) (contact.Profile, error) {
	since, ok := p.since[id.Value]
	if !ok {
		return contact.Profile{}, fault.New(fault.Unavailable, "平台正忙")
	}
	return contact.Profile{Account: id.Scope, Since: since}, nil
}

func page(whole bool, ids ...string) contact.Page {
	p := contact.Page{Whole: whole}
	for _, id := range ids {
		p.People = append(p.People, contact.Listed{ID: id})
	}
	return p
}

// counter is a Reconciler on a log and a pipeline of its own.
type counter struct {
	*contact.Reconciler
	*platform
	*bench
	log    *event.Log
	pipe   *pipeline.Pipeline
	clock  *clock.Manual
	outage int64
}

func newCounter(t *testing.T, s *db.Stores) *counter {
	t.Helper()
	ctx := t.Context()
	b := newBench(t, s)
	c := &counter{bench: b, platform: &platform{since: map[string]int64{}}, clock: clock.NewManual(time.UnixMilli(epoch))}
	appending, processing := lease.New(s.Log, "append", "node-1"), lease.New(s.Koi, "process", "node-1")
	require.NoError(t, appending.Acquire(ctx))
	require.NoError(t, processing.Acquire(ctx))
	seqs, reg := &event.Counter{}, prometheus.NewRegistry()
	c.log = event.NewLog(s.Log, appending, b.keys, c.clock, seqs, reg)
	c.pipe = pipeline.New(pipeline.Config{Log: c.log, DB: s.Koi, Lease: processing, Clock: c.clock, Counter: seqs, Metrics: reg,
		Stages: []event.Stage{event.NewSeen(), b.stage, event.NewTimeline(s.Koi)}})
	require.NoError(t, c.log.Load(ctx))
	require.NoError(t, c.pipe.Load(ctx))
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 2)
	go func() { ended <- c.log.Run(run) }()
	go func() { ended <- c.pipe.Run(run) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, <-ended)
	})
	c.Reconciler = contact.NewReconciler(contact.ReconcilerConfig{DB: s.Koi, Keys: b.keys, Clock: c.clock, Log: c.log, Census: c.platform,
		Source: c.platform, Applied: c.pipe.Wait, Outage: func(context.Context) (int64, error) { return c.outage, nil }})
	return c
}

// came lets somebody follow now.
func (c *counter) came(t *testing.T, open string) {
	t.Helper()
	now := clock.Ms(c.clock.Now())
	done, err := c.log.Append(t.Context(), &event.Event{Type: event.OAFollowed, Source: "oa", Account: "wx1", Lane: event.Normal,
		Identities: []event.Identity{{Kind: event.KindOpenID, Scope: "wx1", Value: open}}, OccurredAt: now, ReceivedAt: now})
	require.NoError(t, err)
	require.NoError(t, c.pipe.Wait(t.Context(), event.Normal, done[0].Seq))
}

func (c *counter) follows(t *testing.T, open string) contact.Follow {
	t.Helper()
	return c.find(t, event.Identity{Kind: event.KindOpenID, Scope: "wx1", Value: open}).Follow("wx1")
}

// after lets time pass with an outage at its end.
func (c *counter) after(d time.Duration) {
	c.clock.Advance(d)
	c.outage = clock.Ms(c.clock.Wall())
}

func TestReconciler_takes_nobody_for_gone_by_half_a_list(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		c := newCounter(t, s)
		for _, open := range []string{"A", "B"} {
			c.came(t, open)
		}
		c.clock.Advance(time.Minute)
		c.pages, c.err = []contact.Page{page(false, "A")}, fault.New(fault.Unavailable, "平台没有回答")
		require.NoError(t, c.RunOnce(t.Context()))
		require.True(t, c.follows(t, "B").Active())

		c.clock.Advance(5 * time.Hour)
		require.NoError(t, c.RunOnce(t.Context()))
		require.Equal(t, 1, c.reads, "a list costs calls: not twice in six hours, even if it failed")

		c.clock.Advance(time.Hour)
		c.pages, c.err = []contact.Page{page(false, "A"), page(true)}, nil
		require.NoError(t, c.RunOnce(t.Context()))
		require.True(t, c.follows(t, "A").Active())
		require.False(t, c.follows(t, "B").Active())
	})
}

func TestReconciler_reads_a_list_again_only_after_an_outage(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		c := newCounter(t, s)
		c.pages = []contact.Page{page(true)}
		for range 3 {
			require.NoError(t, c.RunOnce(t.Context()))
			c.clock.Advance(7 * time.Hour)
		}
		require.Equal(t, 1, c.reads)
		c.after(time.Hour)
		require.NoError(t, c.RunOnce(t.Context()))
		require.Equal(t, 2, c.reads)
		c.after(time.Hour)
		require.NoError(t, c.RunOnce(t.Context()))
		require.Equal(t, 2, c.reads, "too soon")
		c.clock.Advance(5 * time.Hour)
		require.NoError(t, c.RunOnce(t.Context()))
		require.Equal(t, 3, c.reads, "what waited is made up for")
	})
}

func TestReconciler_asks_later_for_whom_the_platform_tells_nothing_now(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		c := newCounter(t, s)
		c.since["old"] = epoch - 1000*86_400_000
		c.pages = []contact.Page{page(true, "old", "mute")}
		require.NoError(t, c.RunOnce(t.Context()))
		require.Equal(t, contact.Follow{AppID: "wx1", FollowedAt: c.since["old"]}, c.follows(t, "old"))
		require.False(t, c.follows(t, "mute").Active())
		count := func() (n int) {
			require.NoError(t, s.Koi.QueryRow(t.Context(), "SELECT COUNT(*) FROM profile_wants").Scan(&n))
			return n
		}
		require.Equal(t, 1, count())

		c.since["mute"] = epoch - 86_400_000
		_, err := contact.NewProfiles(s.Koi, c.clock, c.log, c.platform).RunOnce(t.Context())
		require.NoError(t, err)
		head, err := c.log.Head(t.Context(), event.Normal)
		require.NoError(t, err)
		require.NoError(t, c.pipe.Wait(t.Context(), event.Normal, head))
		require.Equal(t, contact.Follow{AppID: "wx1", FollowedAt: c.since["mute"]}, c.follows(t, "mute"))
		require.Zero(t, count())

		// A profile that says they left counts too, but not against somebody who came a moment ago.
		profile := func(open string) {
			c.since[open] = 0
			require.NoError(t, s.Koi.Tx(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(t.Context(), "UPDATE profile_wants SET due_at=0, tries=3")
				return err
			}))
			_, err := contact.NewProfiles(s.Koi, c.clock, c.log, c.platform).RunOnce(t.Context())
			require.NoError(t, err)
			head, err := c.log.Head(t.Context(), event.Normal)
			require.NoError(t, err)
			require.NoError(t, c.pipe.Wait(t.Context(), event.Normal, head))
		}
		c.came(t, "late")
		profile("late")
		require.True(t, c.follows(t, "late").Active())
		c.came(t, "left")
		c.clock.Advance(time.Hour)
		profile("left")
		require.False(t, c.follows(t, "left").Active())
	})
}
