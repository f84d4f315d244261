package app

import (
	"context"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/pipeline"
	"github.com/koi-scrm/koi/app/reach"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/scoring"
	"github.com/koi-scrm/koi/app/share"
)

const (
	purgeRows = 500
	// Counters of past quota windows explain nothing after this.
	keepQuotas = 40 * 24 * time.Hour
	// A receipt is early by seconds.
	keepEarly = 24 * time.Hour
)

// retention is what the pipeline keeps, and how long.
func (a *App) retention() pipeline.Retention {
	r := a.Config.Retention
	return pipeline.Retention{Log: r.Log, DeadLetters: r.DeadLetters, Events: r.Events, Seen: r.Seen}
}

// purge deletes what the domains keep no longer than the timeline, which their rows explain.
func (a *App) purge(counters *rule.Counters, scores *scoring.Directory) func(context.Context) error {
	return func(ctx context.Context) error {
		now := clock.Ms(a.Clock.Now())
		before := now - a.Config.Retention.Events.Milliseconds()
		steps := []func() (int64, error){
			func() (int64, error) {
				return a.Audit.Purge(ctx, clock.Ms(a.Clock.Wall())-a.Config.Retention.Audit.Milliseconds(), purgeRows)
			},
			func() (int64, error) { return a.Outbox.Purge(ctx, a.processing, before, purgeRows) },
			func() (int64, error) { return a.Outbox.PurgeAlerts(ctx, a.processing, before) },
			func() (int64, error) { return counters.Purge(ctx, a.Stores.Koi, now, before, purgeRows) },
			func() (int64, error) { return scores.Purge(ctx, a.processing, event.Priority, before, purgeRows) },
			func() (int64, error) { return scores.Purge(ctx, a.processing, event.Normal, before, purgeRows) },
			func() (int64, error) { return a.Outbox.PurgeEarly(ctx, a.processing, now-keepEarly.Milliseconds()) },
			func() (int64, error) { return share.Purge(ctx, a.Stores.Koi, a.processing, before, purgeRows) },
			func() (int64, error) {
				return reach.Purge(ctx, a.Stores.Koi, a.processing, now-keepQuotas.Milliseconds())
			},
		}
		for _, step := range steps {
			for n := int64(purgeRows); n >= purgeRows && ctx.Err() == nil; {
				var err error
				if n, err = step(); err != nil {
					return err
				}
			}
		}
		return ctx.Err()
	}
}
