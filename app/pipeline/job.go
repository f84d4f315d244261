package pipeline

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/lease"
)

// job is what one transaction shall carry: due timers, or logged events of a lane.
type job struct {
	lane    event.Lane
	events  []*event.Event
	logged  bool // else timers
	bad     []event.Bad
	through int64                 // where the lane's cursor stands afterwards; 0 where it stays
	look    bool                  // timers are still to be asked for
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

// A batch in hand may take this long once the pipeline has been told to stop.
const finishing = 5 * time.Second

// run carries a job out, parking what cannot be applied, and returns how many events and timers it had.
func (p *Pipeline) run(ctx context.Context, j job) (int, error) {
	if !j.look && len(j.events)+len(j.bad) == 0 {
		return 0, nil
	}
	p.batch.Lock()
	defer p.batch.Unlock()
	// A batch in hand is finished also while stopping: what it sends is counted on.
	going, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(finishing, cancel) })()
	return p.carry(going, j)
}

func (p *Pipeline) carry(ctx context.Context, j job) (int, error) {
	for {
		begun := time.Now()
		b, n, err := p.try(ctx, &j)
		if err == nil {
			p.settle(j, b, n, time.Since(begun))
			return n, nil
		}
		if p.doubt != nil {
			if rerr := p.resolve(ctx); rerr != nil {
				return 0, err // still away: resolved before the next batch
			}
			if p.rev == b.Rev {
				return n, nil // it did commit
			}
		}
		var refused *applyError
		switch {
		case passing(err): // also through a stage that asked the database while it applied an event
			return 0, err
		case errors.As(err, &refused):
			p.refuse(&j, refused)
			if at := slices.Index(j.events, refused.root); at > 0 {
				// What came before it went well, and need not run again with each further refusal.
				return p.split(ctx, j, at)
			}
		case len(j.events) > 1:
			// Something in the batch breaks a query: halve until it stands alone.
			return p.split(ctx, j, len(j.events)/2)
		case len(j.events) == 1 && j.park[j.events[0].Seq] == nil:
			p.refuse(&j, &applyError{root: j.events[0], stage: "batch", err: err})
		default:
			return 0, err
		}
	}
}

// refuse notes that an event is to be parked.
func (p *Pipeline) refuse(j *job, why *applyError) {
	if j.park == nil {
		j.park = map[int64]*applyError{}
	}
	j.park[why.root.Seq] = why
	slog.Error("事件无法处理，已转入死信", "event", why.root.ID(), "type", why.root.Type, "stage", why.stage, "err", why.err)
}

// split carries a job out in two, the second beginning with the event at the index.
func (p *Pipeline) split(ctx context.Context, j job, at int) (int, error) {
	first, second := j, j
	first.events, first.bad, first.through = j.events[:at], nil, 0
	if j.logged {
		first.through = j.events[at-1].Seq
	}
	second.events = j.events[at:]
	n, err := p.carry(ctx, first)
	if err != nil {
		return n, err
	}
	m, err := p.carry(ctx, second)
	return n + m, err
}

// passing errors say nothing about the events: the same batch is tried again later.
func passing(err error) bool {
	return fault.Is(err, fault.Unavailable) || errors.Is(err, lease.ErrLost) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// try runs a job's transaction.
func (p *Pipeline) try(ctx context.Context, j *job) (*event.Batch, int, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	begun := time.Now()
	var b *event.Batch
	n, committing := 0, false
	now, wall := clock.Ms(p.clock.Now()), clock.Ms(p.clock.Wall())
	err := p.db.Tx(ctx, func(tx *db.Tx) error {
		committing = false
		if j.look {
			var due []*event.Event
			err := safely(func() (err error) { due, err = p.due(ctx, tx, now); return err })
			if err != nil {
				return err
			}
			// Asked for once: another try must find them under the same seqs.
			j.events, j.look, p.looked = due, false, time.Now()
		}
		if n = len(j.events) + len(j.bad); n == 0 {
			return nil
		}
		list := make([]*event.Event, 0, len(j.events))
		for _, e := range j.events {
			if j.park[e.Seq] != nil {
				continue // not even loaded: that may be what fails
			}
			if j.logged { // an earlier try may have written into it
				e.ContactID, e.IdentityID, e.Duplicate, e.Hidden = 0, 0, false, false
			}
			list = append(list, e)
		}
		b = event.NewBatch(now, wall, p.rev+1, list)
		if err := p.apply(ctx, tx, b, *j); err != nil {
			return err
		}
		if err := p.advance(ctx, tx, *j); err != nil {
			return err
		}
		committing = true
		return nil
	})
	if err != nil && committing {
		p.doubt = &doubt{job: *j, batch: b, n: n, begun: begun}
	}
	return b, n, err
}

// doubt is a batch whose commit failed on the way: the server may have carried it out all the same.
type doubt struct {
	job   job
	batch *event.Batch
	n     int
	begun time.Time
}

// resolve finds out what became of a commit whose answer was lost, before anything else is given out: ids,
// commit numbers and messages of that batch are taken if it happened. Only the holder of the lease writes
// the commit number. The lease's row is locked first, which waits for a transaction of ours that the server
// is still busy with.
func (p *Pipeline) resolve(ctx context.Context) error {
	d := p.doubt
	if d == nil {
		return nil
	}
	var rev int64
	err := p.db.Tx(ctx, func(tx *db.Tx) error {
		if err := p.lease.Guard(ctx, tx); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, "SELECT next FROM sequences WHERE name='rev'").Scan(&rev)
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("look whether batch %d was committed: %w", d.batch.Rev, err)
	}
	p.doubt = nil
	if rev == d.batch.Rev {
		p.settle(d.job, d.batch, d.n, time.Since(d.begun))
	}
	return nil
}

// due collects timer events, each with a seq of its own.
func (p *Pipeline) due(ctx context.Context, tx *db.Tx, now int64) ([]*event.Event, error) {
	var list []*event.Event
	p.turn++ // whose timers come first, so that a burst of one kind keeps no other out
	for i := range p.timers {
		left := p.burst - len(list)
		if left <= 0 {
			break
		}
		events, err := p.timers[(p.turn+i)%len(p.timers)].Due(ctx, tx, now, left)
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
	// First, so that the stages find a poisoned timer's row settled.
	for _, e := range j.events {
		if refused := j.park[e.Seq]; refused != nil {
			if err := safely(func() error { return p.parkTx(ctx, tx, e, refused) }); err != nil {
				return err
			}
		}
	}
	for _, bad := range j.bad {
		if err := p.parkBadTx(ctx, tx, j.lane, bad); err != nil {
			return err
		}
	}
	p.costs = p.costs[:0]
	for _, s := range p.stages {
		before := tx.Statements()
		if err := safely(func() error { return s.Load(ctx, tx, b) }); err != nil {
			return fmt.Errorf("load %s: %w", s.Name(), err)
		}
		p.costs = append(p.costs, Cost{Stage: s.Name(), LoadStatements: tx.Statements() - before})
	}
	for _, e := range b.Events {
		if err := p.pass(b, e, e); err != nil {
			return err
		}
	}
	for i, s := range p.stages {
		before, rows := tx.Statements(), tx.Rows()
		if err := safely(func() error { return s.Flush(ctx, tx, b) }); err != nil {
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
		if err := safely(func() error { return s.Apply(b, e) }); err != nil {
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

// safely makes a stage's panic an error, so that one odd event does not stop everything.
func safely(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return f()
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
	if n == 0 {
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
	p.metrics.events.WithLabelValues("applied").Add(float64(len(b.Events) - duplicates))
	p.metrics.events.WithLabelValues("duplicate").Add(float64(duplicates))
	p.metrics.events.WithLabelValues("parked").Add(float64(n - len(b.Events)))
	p.metrics.batch.Observe(took.Seconds())
	if !j.logged {
		full := len(j.events) >= p.burst // there may be more
		if full || took > batchTime {
			p.burst = adapt(p.burst, took)
		}
		if full {
			p.looked = time.Time{}
		}
		return
	}
	if len(j.events) > 0 {
		age := clock.Ms(p.clock.Now()) - j.events[0].ReceivedAt
		p.metrics.lag.Set(float64(max(0, age)) / 1000)
		p.behind = age > behindAfter.Milliseconds()
	}
	switch {
	case p.behind:
		// A backlog wants throughput. Where a batch costs more than batchTime whatever its size (a slow
		// database), smaller ones would only fall further behind.
		p.size = min(batchMax, p.size*2)
	case len(j.events) >= p.size/2: // only a full batch tells how long events take
		p.size = adapt(p.size, took)
	}
}

// adapt is the size of the next batch after a full one, or one that was too large already, took so long.
func adapt(size int, took time.Duration) int {
	return max(batchMin, min(batchMax, int(float64(size)*min(2, max(.5, batchTime.Seconds()/took.Seconds())))))
}
