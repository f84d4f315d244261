// Package pipeline reads the log and applies every effect of a batch in one transaction: stages, the
// cursor and the commit number all commit or none. It knows the Stage interface and the order of stages;
// it refuses to know what any stage does, and imports no domain.
//
// Nothing acknowledged is lost and no effect happens twice, since the cursor moves with the effects. An
// event that a stage cannot take is parked as a dead letter and the rest go on.
package pipeline

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/lease"
)

const (
	// A batch should take about this long: what waits behind it (a welcome message) waits no longer.
	batchTime = 40 * time.Millisecond
	// Bounds of a batch. Priority batches are small, since they go between normal ones.
	batchMin, batchMax, priorityMax = 50, 1000, 200
	// Events that waited this long are a backlog: the size of batches no longer goes by batchTime.
	behindAfter = time.Second
	// While events keep coming, timers are looked for at this distance; when there were as many as asked for,
	// in the next round: a burst takes turns with the events instead of starving them.
	timersEvery = 20 * time.Millisecond
	// Without any signal the loop looks around this often.
	idle = time.Second
)

// Pipeline is the one writer of everything about people.
type Pipeline struct {
	log     *event.Log
	db      *db.DB
	lease   *lease.Lease
	clock   clock.Clock
	counter *event.Counter
	stages  []event.Stage
	timers  []event.Timers

	mu      sync.Mutex
	cursors [2]int64
	rev     int64
	moved   chan struct{} // closed and renewed after each commit
	paused  atomic.Bool
	nudge   chan struct{}
	batch   sync.Mutex // held while a batch is under way

	doubt   *doubt // a commit whose answer was lost
	behind  bool   // the last batch began with an event that had waited behindAfter
	size    int    // events of the next batch, adapted to batchTime
	burst   int    // due timers of the next batch, of all kinds together, adapted alike
	turn    int    // which kind of timers is asked first
	costs   []Cost
	looked  time.Time
	metrics metrics
}

type metrics struct {
	events *prometheus.CounterVec
	lag    prometheus.Gauge
	dead   prometheus.Gauge
	batch  prometheus.Histogram
}

// Config is what a pipeline works with.
type Config struct {
	Log     *event.Log
	DB      *db.DB
	Lease   *lease.Lease
	Clock   clock.Clock
	Counter *event.Counter
	Stages  []event.Stage // in order
	Timers  []event.Timers
	Metrics prometheus.Registerer
}

// New makes a pipeline. Load must succeed before Run.
func New(c Config) *Pipeline {
	p := &Pipeline{log: c.Log, db: c.DB, lease: c.Lease, clock: c.Clock, counter: c.Counter, stages: c.Stages, timers: c.Timers,
		moved: make(chan struct{}), nudge: make(chan struct{}, 1), size: 200, burst: 100}
	p.metrics = metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "koi_pipeline_events_total", Help: "Logged events and timers processed, by result."}, []string{"result"}),
		lag:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "koi_pipeline_lag_seconds", Help: "Age of the oldest event not yet processed."}),
		dead:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "koi_dead_letters", Help: "Events parked and not settled."}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "koi_pipeline_batch_seconds", Help: "One batch, from its first query to its commit.",
			Buckets: []float64{.002, .005, .01, .02, .04, .08, .16, .5, 2}}),
	}
	c.Metrics.MustRegister(p.metrics.events, p.metrics.lag, p.metrics.dead, p.metrics.batch)
	return p
}

// Load reads how far the log is processed and raises the seq counter above everything used. Call it once
// the process lease is held.
func (p *Pipeline) Load(ctx context.Context) error {
	rows, err := p.db.Query(ctx, "SELECT lane, seq FROM cursors")
	if err != nil {
		return fmt.Errorf("load cursors: %w", err)
	}
	err = db.Each(rows, func(r *sql.Rows) error {
		var lane, seq int64
		if err := r.Scan(&lane, &seq); err != nil {
			return err
		}
		p.cursors[lane] = seq
		return nil
	})
	if err != nil {
		return err
	}
	rows, err = p.db.Query(ctx, "SELECT name, next FROM sequences WHERE name IN ('rev', 'seq')")
	if err != nil {
		return fmt.Errorf("load sequences: %w", err)
	}
	return db.Each(rows, func(r *sql.Rows) error {
		var name string
		var next int64
		if err := r.Scan(&name, &next); err != nil {
			return err
		}
		if name == "rev" {
			p.rev = next
		} else {
			p.counter.Raise(next)
		}
		return nil
	})
}

// Run processes until ctx ends; the batch in hand is finished. It returns lease.ErrLost when another node
// took over: the process must stop then. A database that is away is waited for.
func (p *Pipeline) Run(ctx context.Context) error {
	wait := 50 * time.Millisecond
	for ctx.Err() == nil {
		worked, err := p.RunOnce(ctx)
		switch {
		case errors.Is(err, lease.ErrLost):
			return err
		case err != nil && ctx.Err() == nil:
			slog.Error("处理管线出错，稍后重试", "err", err, "wait", wait)
			p.sleep(ctx, wait)
			wait = min(wait*2, 2*time.Second)
			continue
		}
		wait = 50 * time.Millisecond
		if !worked {
			p.rest(ctx)
		}
	}
	return nil
}

func (p *Pipeline) sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// rest waits for new events, a due timer or a nudge.
func (p *Pipeline) rest(ctx context.Context) {
	p.metrics.lag.Set(0)
	d := idle
	if next := p.nextTimer(ctx); next > 0 {
		// Not at once: what is due and is not given out yet must not keep a processor busy.
		d = min(d, max(timersEvery, time.Duration(next-clock.Ms(p.clock.Now()))*time.Millisecond))
	}
	if p.paused.Load() {
		d = idle
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-p.log.Wake():
	case <-p.nudge:
		p.looked = time.Time{}
	case <-t.C:
		p.looked = time.Time{} // a timer is due now
	}
}

// Nudge makes a resting pipeline look for due timers now: the business clock was moved.
func (p *Pipeline) Nudge() {
	select {
	case p.nudge <- struct{}{}:
	default:
	}
}

// Pause stops processing after the batch in hand; events go on being appended. For benchmarks of admission
// and for operators who repair something.
func (p *Pipeline) Pause() { p.paused.Store(true) }

// Resume goes on after Pause.
func (p *Pipeline) Resume() { p.paused.Store(false); p.Nudge() }

// nextTimer is the earliest due time of all timers, or 0.
func (p *Pipeline) nextTimer(ctx context.Context) int64 {
	var next int64
	for _, t := range p.timers {
		due, err := t.Next(ctx, p.db)
		if err != nil {
			slog.Warn("查询最近到期的定时失败，稍后再试", "err", err)
			continue
		}
		if due > 0 && (next == 0 || due < next) {
			next = due
		}
	}
	return next
}

// Between calls f while no batch is under way: what f gives the stages counts from the next batch on, for
// all of them together.
func (p *Pipeline) Between(f func()) {
	p.batch.Lock()
	defer p.batch.Unlock()
	f()
}

// RunOnce processes due timers, at most one priority batch and one normal batch, each in a transaction of its
// own, and reports whether there was anything. What stops one of them does not stop the others, unless the
// database is away.
func (p *Pipeline) RunOnce(ctx context.Context) (bool, error) {
	if p.paused.Load() {
		return false, nil
	}
	p.batch.Lock()
	err := p.resolve(ctx)
	p.batch.Unlock()
	if err != nil {
		return false, err
	}
	worked := false
	var errs []error
	look := len(p.timers) > 0 && time.Since(p.looked) > timersEvery
	for _, j := range []job{{lane: event.Priority, look: look}, {lane: event.Priority, logged: true}, {lane: event.Normal, logged: true}} {
		err := p.read(ctx, &j)
		n := 0
		if err == nil {
			n, err = p.run(ctx, j)
		}
		worked = worked || n > 0
		if err != nil && !j.logged {
			p.burst = max(batchMin, p.burst/2) // it may have been too much at once
		}
		if err != nil {
			errs = append(errs, err)
			if passing(err) {
				break
			}
		}
	}
	return worked, errors.Join(errs...)
}

// prioritySize is small, since priority batches go between normal ones, unless they are what is behind.
func (p *Pipeline) prioritySize() int {
	if p.behind {
		return p.size
	}
	return min(p.size, priorityMax)
}

// read takes a lane's next events into a job for logged ones.
func (p *Pipeline) read(ctx context.Context, j *job) (err error) {
	if !j.logged {
		return nil
	}
	limit := p.size
	if j.lane == event.Priority {
		limit = p.prioritySize()
	}
	if j.events, j.bad, err = p.log.Read(ctx, j.lane, p.cursors[j.lane], limit); err != nil {
		return err
	}
	if n := len(j.events); n > 0 {
		j.through = j.events[n-1].Seq
	}
	if n := len(j.bad); n > 0 {
		j.through = max(j.through, j.bad[n-1].Seq)
	}
	return nil
}

// Through returns how far a lane is applied.
func (p *Pipeline) Through(lane event.Lane) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cursors[lane]
}

// Wait returns once a lane is applied through seq: what a handler calls after appending a command whose
// result it shows. Fault: Unavailable when ctx ends first; the command is durable and will be applied.
func (p *Pipeline) Wait(ctx context.Context, lane event.Lane, seq int64) error {
	for {
		p.mu.Lock()
		done, moved := p.cursors[lane] >= seq, p.moved
		p.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fault.Wrap(ctx.Err(), fault.Unavailable, "已收到并保存，正在排队处理，请稍后刷新查看结果")
		}
	}
}
