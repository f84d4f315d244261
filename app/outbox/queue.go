package outbox

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// item is an attempt in memory.
type item struct {
	Attempt
	place    queueKey
	urgency  urgency
	expires  int64 // business time
	deadline int64 // wall time; 0: none. A repeat that comes later is not dropped by the platform.
	received int64 // business time of the event it answers; 0 when it waited since
}

// queue holds the attempts of one account on one channel. What a person waits for goes first; messages to
// one recipient go one after the other, in their order, since two at once may arrive the wrong way round.
type queue struct {
	key      queueKey
	limiter  *rate.Limiter
	anyOrder bool // messages to one recipient need not wait for each other

	mu      sync.Mutex
	changed sync.Cond
	waiting [urgencies][]item
	ready   int // items in waiting
	claims  int // workers that will take one as soon as the limiter lets them
	busy    map[string]bool
	parked  map[string][]item // for recipients who are being sent something
	held    int               // places reserved or taken
	stopped bool
	paused  int64 // wall time until which the platform's quota is used up
	why     Outcome
}

func newQueue(k queueKey, r Rate) *queue {
	q := &queue{key: k, limiter: rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst), busy: map[string]bool{}, parked: map[string][]item{}}
	q.changed.L = &q.mu
	return q
}

// put adds items whose places are reserved.
func (q *queue) put(list []item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, it := range list {
		q.waiting[it.urgency] = append(q.waiting[it.urgency], it)
		q.ready++
		q.changed.Signal()
	}
}

// take waits for an item and for the limiter, then returns the most urgent item at that moment. ok is
// false when the queue stopped.
func (q *queue) take(ctx context.Context) (it item, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		for q.ready <= q.claims && !q.stopped {
			q.changed.Wait()
		}
		if q.stopped {
			return it, false
		}
		q.claims++
		q.mu.Unlock()
		err := q.limiter.Wait(ctx)
		q.mu.Lock()
		q.claims--
		if err != nil || q.stopped {
			return it, false
		}
		if it, ok = q.pop(); ok {
			return it, true
		}
	}
}

// pop takes the most urgent item whose recipient is free; those of busy recipients step aside.
func (q *queue) pop() (item, bool) {
	for u := range q.waiting {
		for len(q.waiting[u]) > 0 {
			it := q.waiting[u][0]
			q.waiting[u][0] = item{} // let go of the body
			q.waiting[u] = q.waiting[u][1:]
			q.ready--
			if q.busy[it.To] && !q.anyOrder {
				q.parked[it.To] = append(q.parked[it.To], it)
				continue
			}
			q.busy[it.To] = true
			return it, true
		}
	}
	return item{}, false
}

// done frees a recipient; what was parked for them comes back first in line.
func (q *queue) done(to string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.busy, to)
	for _, it := range slices.Backward(q.parked[to]) {
		q.waiting[it.urgency] = slices.Insert(q.waiting[it.urgency], 0, it)
		q.ready++
		q.changed.Signal()
	}
	delete(q.parked, to)
}

// stop wakes the workers to leave.
func (q *queue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
	q.changed.Broadcast()
}

// rest empties a stopped queue.
func (q *queue) rest() (out []item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for u := range q.waiting {
		out = append(out, q.waiting[u]...)
		q.waiting[u] = nil
	}
	for _, list := range q.parked {
		out = append(out, list...)
	}
	q.ready = 0
	clear(q.parked)
	return out
}

// pause notes that the platform's quota is used up: what is still in memory is not worth asking for.
func (q *queue) pause(wall int64, o Outcome) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if o.RetryAfter > 0 {
		q.paused, q.why = wall+o.RetryAfter.Milliseconds(), o
	}
}

// pausedAt is the answer the platform would give again.
func (q *queue) pausedAt(wall int64) (Outcome, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if wall >= q.paused {
		return Outcome{}, false
	}
	o := q.why
	o.RetryAfter = time.Duration(q.paused-wall) * time.Millisecond
	return o, true
}
