package pipeline

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
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
	// A purge after a long time takes minutes, and a heartbeat that waited for it would look like an outage.
	var purging sync.WaitGroup
	defer purging.Wait()
	purging.Go(func() { u.purgeOften(ctx) })

	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		if err := u.Beat(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("心跳写入失败", "err", err)
		}
		u.count(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
		}
	}
}

func (u *Upkeep) purgeOften(ctx context.Context) {
	t := time.NewTicker(purgeEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if err := u.Purge(ctx); err != nil && !errors.Is(err, lease.ErrLost) && ctx.Err() == nil {
			slog.Warn("清理过期数据失败，下次再试", "err", err)
		}
	}
}

// Beat moves this run's heartbeat on; after a silence it starts a new row, so that the gap stays visible.
func (u *Upkeep) Beat(ctx context.Context) error {
	now := clock.Ms(u.pipeline.clock.Wall())
	id := u.beatID
	err := u.pipeline.db.Tx(ctx, func(tx *db.Tx) error {
		if u.beatID != 0 && now-u.last < outage.Milliseconds() {
			_, err := tx.Exec(ctx, "UPDATE heartbeats SET last_at=? WHERE id=?", now, id)
			return err
		}
		var last sql.NullInt64
		if err := tx.QueryRow(ctx, "SELECT MAX(id) FROM heartbeats").Scan(&last); err != nil {
			return err
		}
		id = last.Int64 + 1
		return tx.Insert(ctx, "heartbeats", []string{"id", "node", "started_at", "last_at"}, [][]any{{id, u.node, now, now}})
	})
	if err == nil {
		u.beatID, u.last = id, now
	}
	return err
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

// LastOutage tells when the newest gap ended, wall time in Unix ms, or 0.
func (u *Upkeep) LastOutage(ctx context.Context) (int64, error) {
	gaps, err := u.Gaps(ctx, 0)
	if err != nil || len(gaps) == 0 {
		return 0, err
	}
	return gaps[0].To, nil
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
	if err := drain(ctx, func() (int64, error) { return u.purgeSeen(ctx, (now-u.keep.Seen.Milliseconds())/day) }); err != nil {
		return fmt.Errorf("purge seen: %w", err)
	}
	if err := drain(ctx, func() (int64, error) { return u.purgeLetters(ctx, now-u.keep.DeadLetters.Milliseconds()) }); err != nil {
		return fmt.Errorf("purge dead letters: %w", err)
	}
	for _, purge := range u.more {
		if err := purge(ctx); err != nil {
			return err
		}
	}
	return errors.Join(p.db.Shrink(ctx, shrinkPages), p.log.Shrink(ctx, shrinkPages))
}

// shrinkPages of 4 KiB go back to the file system a minute at most: a few milliseconds of the writer.
const shrinkPages = 2000

func drain(ctx context.Context, some func() (int64, error)) error {
	for ctx.Err() == nil {
		n, err := some()
		if err != nil || n < purgeRows {
			return err
		}
	}
	return ctx.Err()
}

// purgeSeen forgets facts of the days before one, in ranges of the primary key.
func (u *Upkeep) purgeSeen(ctx context.Context, before int64) (found int64, err error) {
	type span struct {
		day         int64
		first, last []byte
	}
	var spans []span
	rows, err := u.pipeline.db.Query(ctx, "SELECT day, hash FROM seen WHERE day<? ORDER BY day, hash LIMIT ?", before, purgeRows)
	if err != nil {
		return 0, err
	}
	err = db.Each(rows, func(r *sql.Rows) error {
		var day int64
		var hash []byte
		if err := r.Scan(&day, &hash); err != nil {
			return err
		}
		found++
		if n := len(spans); n > 0 && spans[n-1].day == day {
			spans[n-1].last = hash
		} else {
			spans = append(spans, span{day, hash, hash})
		}
		return nil
	})
	if err != nil || found == 0 {
		return 0, err
	}
	return found, u.pipeline.db.Tx(ctx, func(tx *db.Tx) error {
		for _, s := range spans {
			if _, err := tx.Exec(ctx, "DELETE FROM seen WHERE day=? AND hash>=? AND hash<=?", s.day, s.first, s.last); err != nil {
				return err
			}
		}
		return u.pipeline.lease.Guard(ctx, tx)
	})
}

func (u *Upkeep) purgeLetters(ctx context.Context, before int64) (int64, error) {
	var ids []int64
	rows, err := u.pipeline.db.Query(ctx, "SELECT id FROM dead_letters WHERE parked_at<? LIMIT ?", before, purgeRows)
	if err != nil {
		return 0, err
	}
	err = db.Each(rows, func(r *sql.Rows) error {
		var id int64
		if err := r.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
		return nil
	})
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	return int64(len(ids)), u.pipeline.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM dead_letters WHERE id IN ("+db.Marks(len(ids))+")", db.Args(ids)...); err != nil {
			return err
		}
		return u.pipeline.lease.Guard(ctx, tx)
	})
}
