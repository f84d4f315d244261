package app

import (
	"context"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/reach"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/scoring"
)

const (
	purgeRows = 500
	// Counters of past quota windows explain nothing after this.
	keepQuotas = 40 * 24 * time.Hour
)

// purge deletes what the domains keep no longer than the timeline, which their rows explain.
func (a *App) purge(counters *rule.Counters, scores *scoring.Directory) func(context.Context) error {
	return func(ctx context.Context) error {
		now := clock.Ms(a.Clock.Now())
		before := now - a.Config.Retention.Events.Milliseconds()
		steps := []func() (int64, error){
			func() (int64, error) { return a.Outbox.Purge(ctx, a.processing, before, purgeRows) },
			func() (int64, error) { return counters.Purge(ctx, a.Stores.Koi, now, before, purgeRows) },
			func() (int64, error) { return scores.Purge(ctx, a.processing, event.Priority, before, purgeRows) },
			func() (int64, error) { return scores.Purge(ctx, a.processing, event.Normal, before, purgeRows) },
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
