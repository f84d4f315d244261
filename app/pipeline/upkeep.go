package pipeline

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/lease"
)

// Retention is how long rows are kept.
type Retention struct {
	Log         time.Duration // log rows after they were appended, and only processed ones
	DeadLetters time.Duration
	Events      time.Duration
	Seen        time.Duration
}

// Upkeep deletes what is past its retention and keeps the heartbeat that dates outages.
type Upkeep struct {
	pipeline *Pipeline
	timeline *event.Timeline
	keep     Retention
	more     []func(context.Context) error
	node     string
	beatID   int64
	last     int64
}

// Also adds what another package deletes of its own tables; call it before Run.
func (u *Upkeep) Also(purge func(context.Context) error) { u.more = append(u.more, purge) }

// NewUpkeep makes the upkeep of a pipeline's tables; node names this process in heartbeats.
func NewUpkeep(p *Pipeline, t *event.Timeline, keep Retention, node string) *Upkeep {
	return &Upkeep{pipeline: p, timeline: t, keep: keep, node: node}
}

const (
	beatEvery  = 5 * time.Second
	purgeEvery = time.Minute
	purgeRows  = 500
	// A silence this long was an outage: the platforms give up on a callback after 15 s.
	outage = 20 * time.Second
)

// Run beats and purges until ctx ends.
func (u *Upkeep) Run(ctx context.Context) error {
	beat, purge := time.NewTicker(beatEvery), time.NewTicker(purgeEvery)
	defer beat.Stop()
	defer purge.Stop()
	for {
		if err := u.Beat(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("心跳写入失败", "err", err)
		}
		u.count(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
		case <-purge.C:
			if err := u.Purge(ctx); err != nil && !errors.Is(err, lease.ErrLost) && ctx.Err() == nil {
				slog.Warn("清理过期数据失败，下次再试", "err", err)
			}
		}
	}
}

// Beat moves this run's heartbeat on; after a silence it starts a new row, so that the gap stays visible.
func (u *Upkeep) Beat(ctx context.Context) error {
	now := clock.Ms(u.pipeline.clock.Wall())
	return u.pipeline.db.Tx(ctx, func(tx *db.Tx) error {
		if u.beatID != 0 && now-u.last < outage.Milliseconds() {
			u.last = now
			_, err := tx.Exec(ctx, "UPDATE heartbeats SET last_at=? WHERE id=?", now, u.beatID)
			return err
		}
		var id sql.NullInt64
		if err := tx.QueryRow(ctx, "SELECT MAX(id) FROM heartbeats").Scan(&id); err != nil {
			return err
		}
		u.beatID, u.last = id.Int64+1, now
		return tx.Insert(ctx, "heartbeats", []string{"id", "node", "started_at", "last_at"}, [][]any{{u.beatID, u.node, now, now}})
	})
}

func (u *Upkeep) count(ctx context.Context) {
	var n int64
	if u.pipeline.db.QueryRow(ctx, "SELECT COUNT(*) FROM dead_letters WHERE settled_at=0").Scan(&n) == nil {
		u.pipeline.metrics.dead.Set(float64(n))
	}
}

// Gap is a time in which no Koi answered: callbacks of that time were dropped by the platforms after
// three tries in 15 seconds.
type Gap struct {
	From, To int64 // wall time, Unix ms
}

// Gaps lists outages since a wall time, newest first.
func (u *Upkeep) Gaps(ctx context.Context, since int64) ([]Gap, error) {
	rows, err := u.pipeline.db.Query(ctx, "SELECT started_at, last_at FROM heartbeats WHERE last_at>=? ORDER BY id", since)
	if err != nil {
		return nil, fmt.Errorf("list gaps: %w", err)
	}
	var out []Gap
	var up int64
	err = db.Each(rows, func(r *sql.Rows) error {
		var from, to int64
		if err := r.Scan(&from, &to); err != nil {
			return err
		}
		if up != 0 && from-up > outage.Milliseconds() {
			out = append([]Gap{{From: up, To: from}}, out...)
		}
		up = max(up, to)
		return nil
	})
	return out, err
}

// Purge deletes what is past its retention, in small key ranges so that the pipeline hardly waits.
func (u *Upkeep) Purge(ctx context.Context) error {
	p := u.pipeline
	wall, now := clock.Ms(p.clock.Wall()), clock.Ms(p.clock.Now())
	for _, lane := range []event.Lane{event.Priority, event.Normal} {
		err := drain(ctx, func() (int64, error) {
			return p.log.Purge(ctx, lane, p.Through(lane), wall-u.keep.Log.Milliseconds(), purgeRows)
		})
		if err != nil {
			return fmt.Errorf("purge log: %w", err)
		}
		err = drain(ctx, func() (int64, error) {
			return u.timeline.Purge(ctx, p.lease, lane, now-u.keep.Events.Milliseconds(), purgeRows)
		})
		if err != nil {
			return fmt.Errorf("purge events: %w", err)
		}
	}
	const day = 86_400_000
	if err := u.pick(ctx, "SELECT day, hash FROM seen WHERE day<? LIMIT ?", (now-u.keep.Seen.Milliseconds())/day,
		"DELETE FROM seen WHERE day=? AND hash=?"); err != nil {
		return fmt.Errorf("purge seen: %w", err)
	}
	if err := u.pick(ctx, "SELECT id, lane FROM dead_letters WHERE parked_at<? LIMIT ?", now-u.keep.DeadLetters.Milliseconds(),
		"DELETE FROM dead_letters WHERE id=? AND lane=?"); err != nil {
		return fmt.Errorf("purge dead letters: %w", err)
	}
	for _, purge := range u.more {
		if err := purge(ctx); err != nil {
			return err
		}
	}
	return nil
}

func drain(ctx context.Context, some func() (int64, error)) error {
	for ctx.Err() == nil {
		n, err := some()
		if err != nil || n < purgeRows {
			return err
		}
	}
	return ctx.Err()
}

// pick deletes rows found by a query of their two-column key, batch by batch.
func (u *Upkeep) pick(ctx context.Context, find string, before int64, del string) error {
	return drain(ctx, func() (int64, error) {
		var keys [][2]any
		rows, err := u.pipeline.db.Query(ctx, find, before, purgeRows)
		if err != nil {
			return 0, err
		}
		err = db.Each(rows, func(r *sql.Rows) error {
			var k [2]any
			if err := r.Scan(&k[0], &k[1]); err != nil {
				return err
			}
			keys = append(keys, k)
			return nil
		})
		if err != nil || len(keys) == 0 {
			return 0, err
		}
		err = u.pipeline.db.Tx(ctx, func(tx *db.Tx) error {
			for _, k := range keys {
				if _, err := tx.Exec(ctx, del, k[0], k[1]); err != nil {
					return err
				}
			}
			return u.pipeline.lease.Guard(ctx, tx)
		})
		return int64(len(keys)), err
	})
}
