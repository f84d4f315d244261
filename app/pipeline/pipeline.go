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
	"runtime/debug"
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
	// Due timers per batch: a burst is paced instead of starving the events.
	timersMax = 100
	// While events keep coming, timers are looked for at this distance.
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

	size    int // events of the next batch, adapted to batchTime
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
		moved: make(chan struct{}), nudge: make(chan struct{}, 1), size: 200}
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
		d = min(d, max(0, time.Duration(next-clock.Ms(p.clock.Now()))*time.Millisecond))
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

// RunOnce processes at most one priority batch and one normal batch, and reports whether there was anything.
func (p *Pipeline) RunOnce(ctx context.Context) (bool, error) {
	if p.paused.Load() {
		return false, nil
	}
	worked := false
	for _, lane := range []event.Lane{event.Priority, event.Normal} {
		limit := p.size
		if lane == event.Priority {
			limit = min(limit, priorityMax)
		}
		after := p.cursors[lane]
		events, bad, err := p.log.Read(ctx, lane, after, limit)
		if err != nil {
			return worked, err
		}
		withTimers := lane == event.Priority && time.Since(p.looked) > timersEvery
		job := job{lane: lane, events: events, bad: bad, through: after, timers: withTimers}
		if len(events) > 0 {
			job.through = events[len(events)-1].Seq
		}
		if len(bad) > 0 {
			job.through = max(job.through, bad[len(bad)-1].Seq)
		}
		if len(events)+len(bad) == 0 && !withTimers {
			continue
		}
		n, err := p.run(ctx, job)
		if err != nil {
			return worked, err
		}
		worked = worked || n > 0
	}
	return worked, nil
}

// job is what one transaction shall carry.
type job struct {
	lane    event.Lane
	events  []*event.Event
	bad     []event.Bad
	through int64 // where the lane's cursor stands afterwards
	timers  bool
	due     []*event.Event // timers, asked for once: another try must find them under the same seqs
	asked   bool
	park    map[int64]*applyError // by seq: not applied but parked
}

// applyError is a stage's refusal of one event.
type applyError struct {
	root  *event.Event // the logged event or timer
	stage string
	err   error
}

func (e *applyError) Error() string { return fmt.Sprintf("stage %s: %v", e.stage, e.err) }
func (e *applyError) Unwrap() error { return e.err }

// run carries a job out, parking what cannot be applied, and returns how many events and timers it had.
func (p *Pipeline) run(ctx context.Context, j job) (int, error) {
	p.batch.Lock()
	defer p.batch.Unlock()
	// A batch in hand is finished also while stopping: what it sends is counted on.
	return p.carry(context.WithoutCancel(ctx), j)
}

func (p *Pipeline) carry(ctx context.Context, j job) (int, error) {
	for {
		begun := time.Now()
		b, n, err := p.try(ctx, &j)
		var refused *applyError
		switch {
		case err == nil:
			p.settle(j, b, n, time.Since(begun))
			return n, nil
		case errors.As(err, &refused) && j.park[refused.root.Seq] == nil:
			slog.Error("事件无法处理，已转入死信", "event", refused.root.ID(), "type", refused.root.Type, "stage", refused.stage, "err", refused.err)
			if j.park == nil {
				j.park = map[int64]*applyError{}
			}
			j.park[refused.root.Seq] = refused
		case passing(err):
			return 0, err
		case len(j.events) > 1:
			// Something in the batch breaks a query: halve until it stands alone.
			return p.halve(ctx, j)
		case len(j.events) == 1 && j.park[j.events[0].Seq] == nil:
			j.park = map[int64]*applyError{j.events[0].Seq: {root: j.events[0], stage: "batch", err: err}}
			slog.Error("事件无法处理，已转入死信", "event", j.events[0].ID(), "type", j.events[0].Type, "err", err)
		default:
			return 0, err
		}
	}
}

func (p *Pipeline) halve(ctx context.Context, j job) (int, error) {
	mid := len(j.events) / 2
	first := job{lane: j.lane, events: j.events[:mid], through: j.events[mid-1].Seq, park: j.park}
	second := job{lane: j.lane, events: j.events[mid:], bad: j.bad, through: j.through, park: j.park}
	a, err := p.carry(ctx, first)
	if err != nil {
		return a, err
	}
	n, err := p.carry(ctx, second)
	return a + n, err
}

// passing errors say nothing about the events: the same batch is tried again later.
func passing(err error) bool {
	return fault.Is(err, fault.Unavailable) || errors.Is(err, lease.ErrLost) || errors.Is(err, context.DeadlineExceeded)
}

// try runs a job's transaction.
func (p *Pipeline) try(ctx context.Context, j *job) (*event.Batch, int, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var b *event.Batch
	var n int
	now, wall := clock.Ms(p.clock.Now()), clock.Ms(p.clock.Wall())
	err := p.db.Tx(ctx, func(tx *db.Tx) error {
		list := make([]*event.Event, 0, len(j.events)+timersMax)
		if j.timers && !j.asked {
			due, err := p.due(ctx, tx, now)
			if err != nil {
				return err
			}
			j.due, j.asked = due, true
		}
		list = append(append(list, j.due...), j.events...)
		n = len(list) + len(j.bad)
		if n == 0 {
			return nil
		}
		for _, e := range j.events { // an earlier try may have written into them
			e.ContactID, e.IdentityID, e.Duplicate, e.Hidden = 0, 0, false, false
		}
		b = event.NewBatch(now, wall, p.rev+1, list)
		if err := p.apply(ctx, tx, b, *j); err != nil {
			return err
		}
		return p.advance(ctx, tx, *j)
	})
	return b, n, err
}

// due collects timer events, each with a seq of its own.
func (p *Pipeline) due(ctx context.Context, tx *db.Tx, now int64) ([]*event.Event, error) {
	var list []*event.Event
	for _, t := range p.timers {
		events, err := t.Due(ctx, tx, now, timersMax)
		if err != nil {
			return nil, fmt.Errorf("due timers: %w", err)
		}
		for _, e := range events {
			e.Seq, e.Source, e.Lane = p.counter.Next(1), "timer", event.Priority
		}
		list = append(list, events...)
	}
	return list, nil
}

// apply takes a batch through all stages.
func (p *Pipeline) apply(ctx context.Context, tx *db.Tx, b *event.Batch, j job) error {
	p.costs = p.costs[:0]
	for _, s := range p.stages {
		before := tx.Statements()
		if err := s.Load(ctx, tx, b); err != nil {
			return fmt.Errorf("load %s: %w", s.Name(), err)
		}
		p.costs = append(p.costs, Cost{Stage: s.Name(), LoadStatements: tx.Statements() - before})
	}
	for _, e := range b.Events {
		if refused := j.park[e.Seq]; refused != nil {
			if err := p.parkTx(ctx, tx, e, refused); err != nil {
				return err
			}
			continue
		}
		if err := p.pass(b, e, e); err != nil {
			return err
		}
	}
	for _, bad := range j.bad {
		if err := p.parkBadTx(ctx, tx, j.lane, bad); err != nil {
			return err
		}
	}
	for i, s := range p.stages {
		before, rows := tx.Statements(), tx.Rows()
		if err := s.Flush(ctx, tx, b); err != nil {
			return fmt.Errorf("flush %s: %w", s.Name(), err)
		}
		p.costs[i].FlushStatements, p.costs[i].Rows = tx.Statements()-before, tx.Rows()-rows
	}
	return nil
}

// Cost is what a stage asked of the database for one batch.
type Cost struct {
	Stage                           string
	LoadStatements, FlushStatements int
	Rows                            int64 // written
}

// Costs returns what the last batch cost, by stage; between two calls of RunOnce only.
func (p *Pipeline) Costs() []Cost { return p.costs }

// BatchOf sets how many events the next batch may have; it adapts from there.
func (p *Pipeline) BatchOf(n int) { p.size = n }

// pass takes one event through all stages, then what it caused, depth-first.
func (p *Pipeline) pass(b *event.Batch, root, e *event.Event) error {
	b.Stored = append(b.Stored, e)
	for _, s := range p.stages {
		if err := applyOne(s, b, e); err != nil {
			return &applyError{root: root, stage: s.Name(), err: err}
		}
		if e.Duplicate {
			return nil
		}
	}
	for _, kid := range b.TakeDerived() {
		if err := p.pass(b, root, kid); err != nil {
			return err
		}
	}
	return nil
}

// applyOne makes a stage's panic the event's error: one odd event must not stop everything.
func applyOne(s event.Stage, b *event.Batch, e *event.Event) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return s.Apply(b, e)
}

// advance moves the cursor and the numbers; the lease's guard comes last.
func (p *Pipeline) advance(ctx context.Context, tx *db.Tx, j job) error {
	if j.through > p.cursors[j.lane] {
		err := tx.Upsert(ctx, "cursors", []string{"lane"}, []string{"lane", "seq"}, []string{"seq"}, [][]any{{int64(j.lane), j.through}})
		if err != nil {
			return err
		}
	}
	err := tx.Upsert(ctx, "sequences", []string{"name"}, []string{"name", "next"}, []string{"next"},
		[][]any{{"rev", p.rev + 1}, {"seq", p.counter.Last()}})
	if err != nil {
		return err
	}
	return p.lease.Guard(ctx, tx)
}

// settle takes note of a committed job.
func (p *Pipeline) settle(j job, b *event.Batch, n int, took time.Duration) {
	if j.timers {
		p.looked = time.Now()
	}
	if b == nil {
		return
	}
	p.mu.Lock()
	p.cursors[j.lane] = max(p.cursors[j.lane], j.through)
	p.rev++
	close(p.moved)
	p.moved = make(chan struct{})
	p.mu.Unlock()
	b.Committed()
	for _, l := range b.Loops() {
		slog.Warn("事件互相触发超过 8 层，已切断：请检查规则与旅程是否成环", "loop", l)
	}
	duplicates := 0
	for _, e := range b.Events {
		if e.Duplicate {
			duplicates++
		}
	}
	p.metrics.events.WithLabelValues("applied").Add(float64(n - duplicates - len(j.park) - len(j.bad)))
	p.metrics.events.WithLabelValues("duplicate").Add(float64(duplicates))
	p.metrics.events.WithLabelValues("parked").Add(float64(len(j.park) + len(j.bad)))
	p.metrics.batch.Observe(took.Seconds())
	if len(j.events) > 0 {
		age := clock.Ms(p.clock.Now()) - j.events[0].ReceivedAt
		p.metrics.lag.Set(float64(max(0, age)) / 1000)
	}
	if len(j.events) >= p.size/2 { // only a full batch tells how long events take
		p.size = max(batchMin, min(batchMax, int(float64(p.size)*min(2, max(.5, batchTime.Seconds()/took.Seconds())))))
	}
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
