package event

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/lease"
	"github.com/koi-scrm/koi/app/secret"
)

const (
	// A commit waits this long for company. Waiting raises no throughput; it saves commits.
	commitWindow = 2 * time.Millisecond
	// A commit carries at most this much.
	commitEvents = 1000
	commitBytes  = 1 << 20
	// More than this waiting means the disk cannot follow: answer 503, the platforms try again.
	queueEvents = 20_000
	// Repeats of the last facts are answered from memory; older ones are found by the pipeline.
	ringSize = 100_000

	purpose = "log" // of sealing
)

// Counter gives out seq numbers: one sequence over both lanes, for logged events and due timers alike.
type Counter struct{ last atomic.Int64 }

// Next takes n numbers and returns the first.
func (c *Counter) Next(n int) int64 { return c.last.Add(int64(n)) - int64(n) + 1 }

// Raise makes sure that the next number is above seq.
func (c *Counter) Raise(seq int64) {
	for {
		last := c.last.Load()
		if last >= seq || c.last.CompareAndSwap(last, seq) {
			return
		}
	}
}

// Last is the highest number given out.
func (c *Counter) Last() int64 { return c.last.Load() }

// Appended is the log's answer for one event.
type Appended struct {
	Seq    int64
	Repeat bool // the same fact was appended before; Seq is the first one's
}

// Log is the durable queue of facts. Append returns when they are on disk; Run is the one goroutine that
// writes, in group commits under the append lease.
type Log struct {
	db      *db.DB
	lease   *lease.Lease
	keys    *secret.Keys
	clock   clock.Clock
	counter *Counter

	queue  chan *waiting
	queued atomic.Int64 // events in queue
	wake   chan struct{}
	tail   tail
	ahead  [2]ahead
	open   atomic.Bool   // between Load and the end of Run
	ended  chan struct{} // closed when Run ended: who is not answered by then never will be

	mu   sync.Mutex
	ring map[Hash]*waiting
	fifo []Hash // of ring, oldest first, from head on
	head int

	appended *prometheus.CounterVec
	seconds  prometheus.Histogram
	repeats  prometheus.Counter
}

// waiting is one Append call on its way to disk.
type waiting struct {
	rows  []row
	bytes int
	since time.Time
	done  chan struct{} // closed when rows have their seq or err is set
	err   error
}

type row struct {
	event *Event
	hash  Hash
	body  []byte
	seq   int64
}

// NewLog makes a log on a migrated store. Load must succeed before Run.
func NewLog(d *db.DB, l *lease.Lease, keys *secret.Keys, clk clock.Clock, counter *Counter, reg prometheus.Registerer) *Log {
	log := &Log{
		db: d, lease: l, keys: keys, clock: clk, counter: counter,
		queue: make(chan *waiting, queueEvents),
		wake:  make(chan struct{}, 1),
		ended: make(chan struct{}),
		ring:  make(map[Hash]*waiting, ringSize),
		fifo:  make([]Hash, 0, ringSize),
		appended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "koi_log_appended_total", Help: "Events appended to the log, by lane."}, []string{"lane"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "koi_log_append_seconds", Help: "From the call of Append to the commit.",
			Buckets: []float64{.001, .002, .004, .006, .01, .02, .05, .1, .25, .5, 1, 5}}),
		repeats: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "koi_dedupe_hits_total", Help: "Exact repeats of a fact, answered like the first and counted once."}),
	}
	reg.MustRegister(log.appended, log.seconds, log.repeats)
	return log
}

// Load raises the counter above everything in the log and lets Append in. Call it once the append lease is
// held, and start Run soon.
func (l *Log) Load(ctx context.Context) error {
	for _, lane := range []Lane{Priority, Normal} {
		seq, err := l.Head(ctx, lane)
		if err != nil {
			return err
		}
		l.counter.Raise(seq)
	}
	l.open.Store(true)
	return nil
}

// Head is the highest seq of a lane in the log, or 0.
func (l *Log) Head(ctx context.Context, lane Lane) (int64, error) {
	var seq sql.NullInt64
	if err := l.db.QueryRow(ctx, "SELECT MAX(seq) FROM log WHERE lane=?", lane).Scan(&seq); err != nil {
		return 0, fmt.Errorf("head of the log: %w", err)
	}
	return seq.Int64, nil
}

// Append makes events durable, in their order, in one commit, and returns when that is done. A fact that
// is being or was just appended (same source, account and key) is not written again: its first result is
// returned with Repeat set, after the first one's commit.
//
// An event without a key repeats nothing. Append owns the events from here on, and may correct their times.
//
// Faults: Invalid when a value is longer than what is kept of it or is no text; Unavailable when the queue
// is full, the database is away or Koi is stopping: nothing was promised then, and the same call may be made
// again.
func (l *Log) Append(ctx context.Context, events ...*Event) ([]Appended, error) {
	if !l.open.Load() {
		return nil, fault.New(fault.Unavailable, "本节点没有在写入（正在启动、停止，或由另一节点处理），请稍后重试")
	}
	out := make([]Appended, len(events))
	own := &waiting{since: time.Now(), done: make(chan struct{})}
	others := map[int]*waiting{} // index in events → the Append it repeats
	place := make([]int, len(events))

	now := clock.Ms(l.clock.Now())
	for i, e := range events {
		if err := e.admit(now); err != nil {
			return nil, err
		}
		body, err := e.Marshal()
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", e.Type, err)
		}
		own.rows = append(own.rows, row{event: e, hash: e.HashKey(), body: l.keys.Seal(purpose, body)})
		place[i] = i
	}
	l.mu.Lock()
	kept := own.rows[:0]
	for i := range own.rows {
		r := own.rows[i]
		if r.event.Key != "" {
			if first := l.ring[r.hash]; first != nil {
				others[i] = first
				continue
			}
			l.remember(r.hash, own)
		}
		place[i] = len(kept)
		own.bytes += len(r.body)
		kept = append(kept, r)
	}
	own.rows = kept
	l.mu.Unlock()

	if len(own.rows) > 0 {
		if err := l.enqueue(own); err != nil {
			return nil, err
		}
		if err := l.await(ctx, own); err != nil {
			return nil, err
		}
	}
	for i, e := range events {
		first, repeat := others[i]
		if !repeat {
			out[i] = Appended{Seq: own.rows[place[i]].seq}
			continue
		}
		l.repeats.Inc()
		if err := l.await(ctx, first); err != nil {
			return nil, err
		}
		out[i] = Appended{Seq: first.seqOf(e.HashKey()), Repeat: true}
	}
	return out, nil
}

// await returns what became of an Append.
func (l *Log) await(ctx context.Context, w *waiting) error {
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		// It may still be committed; the caller got no promise, and a repeat finds it.
		return fault.Wrap(ctx.Err(), fault.Unavailable, "写入日志超时，请稍后重试")
	case <-l.ended:
	}
	select {
	case <-w.done: // both: it was answered before the end
		return w.err
	default: // it came into the queue after Run had looked there for the last time
		return errStopped()
	}
}

func errStopped() error {
	return fault.New(fault.Unavailable, "本节点已停止写入，请稍后重试")
}

func (w *waiting) seqOf(h Hash) int64 {
	for i := range w.rows {
		if w.rows[i].hash == h {
			return w.rows[i].seq
		}
	}
	return 0
}

// remember puts a hash into the ring, forgetting the oldest when it is full. The caller holds mu.
func (l *Log) remember(h Hash, w *waiting) {
	l.ring[h] = w
	if len(l.fifo) < ringSize {
		l.fifo = append(l.fifo, h)
		return
	}
	delete(l.ring, l.fifo[l.head])
	l.fifo[l.head] = h
	l.head = (l.head + 1) % ringSize
}

func (l *Log) enqueue(w *waiting) error {
	n := int64(len(w.rows))
	if l.queued.Add(n) > queueEvents {
		l.queued.Add(-n)
		l.finish(w, fault.New(fault.Unavailable, "系统正忙，写入队列已满，请稍后重试"))
		return w.err
	}
	l.queue <- w // never blocks: each entry holds at least one event
	return nil
}

// finish answers an Append. A failed one leaves the ring, so that the platform's next try is a first one.
func (l *Log) finish(w *waiting, err error) {
	w.err = err
	if err != nil {
		l.mu.Lock()
		for i := range w.rows {
			if l.ring[w.rows[i].hash] == w {
				delete(l.ring, w.rows[i].hash)
			}
		}
		l.mu.Unlock()
	} else {
		l.seconds.Observe(time.Since(w.since).Seconds())
	}
	close(w.done)
	for i := range w.rows { // the ring keeps w for its seqs only
		w.rows[i].body, w.rows[i].event = nil, nil
	}
}

// Run writes until ctx ends, then commits what is still queued and returns. It returns lease.ErrLost when
// another node took over: the process must stop then. A log runs once.
func (l *Log) Run(ctx context.Context) error {
	defer func() {
		l.open.Store(false)
		l.refuse()
		close(l.ended)
	}()
	for {
		group, open := l.collect(ctx)
		if len(group) > 0 {
			if err := l.commit(context.WithoutCancel(ctx), group); errors.Is(err, lease.ErrLost) {
				return err
			}
		}
		if !open {
			return nil
		}
	}
}

// refuse answers whoever still waits after the log stopped for good.
func (l *Log) refuse() {
	for {
		select {
		case w := <-l.queue:
			l.queued.Add(-int64(len(w.rows)))
			l.finish(w, errStopped())
		default:
			return
		}
	}
}

// collect takes what belongs into the next commit: it waits for a first entry, gives others commitWindow
// to join, and always drains what waits before it returns (a window counted from arrival without that
// drain collapses to tiny commits after one stall and never recovers).
func (l *Log) collect(ctx context.Context) (group []*waiting, open bool) {
	events, bytes := 0, 0
	take := func(w *waiting) bool {
		l.queued.Add(-int64(len(w.rows)))
		group = append(group, w)
		events += len(w.rows)
		bytes += w.bytes
		return events < commitEvents && bytes < commitBytes
	}
	drain := func() {
		for {
			select {
			case w := <-l.queue:
				if !take(w) {
					return
				}
			default:
				return
			}
		}
	}
	select {
	case w := <-l.queue:
		if !take(w) {
			return group, true
		}
	case <-ctx.Done():
		drain()
		return group, len(group) > 0
	}
	t := time.NewTimer(commitWindow)
	defer t.Stop()
	for {
		select {
		case w := <-l.queue:
			if !take(w) {
				return group, true
			}
		case <-t.C:
			drain()
			return group, true
		case <-ctx.Done():
			drain()
			return group, true
		}
	}
}

var logColumns = []string{"lane", "seq", "v", "at", "body"}

// commit writes a group in one transaction and answers everyone in it.
func (l *Log) commit(ctx context.Context, group []*waiting) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	at := clock.Ms(l.clock.Wall())
	var rows [][]any
	var events []*Event
	for _, w := range group {
		seq := l.counter.Next(len(w.rows))
		for i := range w.rows {
			r := &w.rows[i]
			r.seq = seq + int64(i)
			r.event.Seq = r.seq
			rows = append(rows, []any{int64(r.event.Lane), r.seq, Version, at, r.body})
			events = append(events, r.event)
		}
	}
	err := l.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Insert(ctx, "log", logColumns, rows); err != nil {
			return err
		}
		return l.lease.Guard(ctx, tx)
	})
	if err != nil {
		if !errors.Is(err, lease.ErrLost) && !fault.Is(err, fault.Unavailable) {
			err = fault.Wrap(err, fault.Unavailable, "写入日志失败，请稍后重试")
		}
		for _, w := range group {
			l.finish(w, err)
		}
		return err
	}
	var lanes [2]int
	for _, e := range events {
		lanes[e.Lane]++
	}
	l.appended.WithLabelValues("priority").Add(float64(lanes[Priority]))
	l.appended.WithLabelValues("normal").Add(float64(lanes[Normal]))
	l.tail.push(events, at)
	for _, w := range group {
		l.finish(w, nil)
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return nil
}

// Wake is signalled after commits; the pipeline waits on it.
func (l *Log) Wake() <-chan struct{} { return l.wake }
