package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/event"
)

// Rate is how fast one account may be asked on one channel.
type Rate struct {
	PerSecond float64
	Burst     int
}

// defaultRates keep below what the platforms allow: WeCom 10,000 a minute per corp and API (path/90454);
// the interfaces of official accounts and mini-programs name a day's quota only. A welcome is worth nothing
// after 20 s, so a crowd of new customers may use up the minute at once. A webhook has no quota: whoever
// receives slows us down by answering late, or 429.
var defaultRates = map[Channel]Rate{
	WeComApp:         {PerSecond: 150, Burst: 50},
	WeComWelcome:     {PerSecond: 150, Burst: 1000},
	OfficialKF:       {PerSecond: 200, Burst: 50},
	OfficialTemplate: {PerSecond: 200, Burst: 50},
	OfficialNotice:   {PerSecond: 200, Burst: 50},
	OfficialOnce:     {PerSecond: 200, Burst: 50},
	MiniSubscribe:    {PerSecond: 200, Burst: 50},
	Webhook:          {PerSecond: float64(rate.Inf), Burst: 1},
}

// DispatcherConfig is what a dispatcher works with. Zero numbers get defaults.
type DispatcherConfig struct {
	Log     *event.Log
	Clock   clock.Clock
	Senders []Sender
	Metrics *Metrics
	Rates   map[Channel]Rate
	// Capacity is how many attempts of one account may be in memory. After a crash these are the
	// messages nobody knows about, so it is small; the rest waits in the database.
	Capacity int
	Workers  int           // per account and channel
	Timeout  time.Duration // of one Send
}

// Dispatcher makes the attempts that committed batches hand to it: bounded queues per account, a limiter
// and a pool of workers each, and one place where results become events. It keeps nothing: an attempt it
// held when the process died is found in the database.
type Dispatcher struct {
	conf    DispatcherConfig
	senders map[Channel]Sender
	results chan result

	mu      sync.Mutex
	queues  map[queueKey]*queue
	running context.Context // nil before Run and after it
	workers sync.WaitGroup
}

// result is what became of an attempt.
type result struct {
	item
	Outcome
	at int64 // business time
}

// NewDispatcher makes a dispatcher. It sends nothing before Run.
func NewDispatcher(c DispatcherConfig) *Dispatcher {
	if c.Capacity == 0 {
		c.Capacity = 512
	}
	if c.Workers == 0 {
		c.Workers = 16
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	d := &Dispatcher{conf: c, senders: map[Channel]Sender{}, queues: map[queueKey]*queue{}, results: make(chan result, maxAppend)}
	for _, s := range c.Senders {
		d.senders[s.Channel()] = s
	}
	return d
}

// connected reports whether there is a sender for a channel.
func (d *Dispatcher) connected(c Channel) bool { return d.senders[c] != nil }

// dedupe is how long the channel's platform drops identical repeats.
func (d *Dispatcher) dedupe(c Channel) time.Duration {
	if s := d.senders[c]; s != nil {
		return s.DedupeWindow()
	}
	return 0
}

// patience is how a patient sender of the channel wants to be used; false for all others.
func (d *Dispatcher) patience(c Channel) (Patience, bool) {
	if s, ok := d.senders[c].(Patient); ok {
		return s.Patience(), true
	}
	return Patience{}, false
}

func (d *Dispatcher) queue(k queueKey) *queue {
	d.mu.Lock()
	defer d.mu.Unlock()
	q := d.queues[k]
	if q == nil {
		r, ok := d.conf.Rates[k.channel]
		if !ok {
			r, ok = defaultRates[k.channel]
		}
		if !ok {
			r = Rate{PerSecond: 50, Burst: 50}
		}
		q = newQueue(k, r)
		_, q.anyOrder = d.patience(k.channel)
		d.queues[k] = q
		if d.running != nil {
			d.start(d.running, q)
		}
	}
	return q
}

// share is how much of a queue's capacity an urgency may fill, so that patient messages never keep urgent
// ones out.
func (d *Dispatcher) share(u urgency) int {
	switch u {
	case urgent:
		return d.conf.Capacity
	case ordinary:
		return d.conf.Capacity * 3 / 4
	}
	return d.conf.Capacity / 2
}

// free is how many places there are for messages of an urgency.
func (d *Dispatcher) free(k queueKey, u urgency) int {
	q := d.queue(k)
	q.mu.Lock()
	defer q.mu.Unlock()
	return max(0, d.share(u)-q.held)
}

// reserve takes a place; hand or release gives it on.
func (d *Dispatcher) reserve(k queueKey, u urgency) bool {
	q := d.queue(k)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.held >= d.share(u) {
		return false
	}
	q.held++
	d.conf.Metrics.queue.Inc()
	return true
}

// release gives places back.
func (d *Dispatcher) release(k queueKey, n int) {
	q := d.queue(k)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held -= n
	d.conf.Metrics.queue.Sub(float64(n))
}

// hand takes attempts whose places are reserved. It never blocks.
func (d *Dispatcher) hand(items []item) {
	for len(items) > 0 {
		n := 1
		for n < len(items) && items[n].place == items[0].place {
			n++
		}
		d.queue(items[0].place).put(items[:n])
		items = items[n:]
	}
}

// Run sends until ctx ends. Then attempts on their way are finished, those not begun are given back, and
// all results are appended before it returns; so stop the pipeline before and the log after it.
func (d *Dispatcher) Run(ctx context.Context) error {
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		d.collect(ctx)
	}()
	d.mu.Lock()
	d.running = ctx
	for _, q := range d.queues {
		d.start(ctx, q)
	}
	d.mu.Unlock()

	<-ctx.Done()
	d.mu.Lock()
	d.running = nil
	queues := make([]*queue, 0, len(d.queues))
	for _, q := range d.queues {
		queues = append(queues, q)
	}
	d.mu.Unlock()
	for _, q := range queues {
		q.stop()
	}
	d.workers.Wait()
	for _, q := range queues {
		for _, it := range q.rest() {
			d.settle(it, Outcome{Status: returned})
		}
	}
	close(d.results)
	<-collected
	return nil
}

// start begins a queue's workers. The caller holds mu.
func (d *Dispatcher) start(ctx context.Context, q *queue) {
	for range d.conf.Workers {
		d.workers.Go(func() { d.work(ctx, q) })
	}
}

func (d *Dispatcher) work(ctx context.Context, q *queue) {
	for {
		it, ok := q.take(ctx)
		if !ok {
			return
		}
		o := d.attempt(ctx, q, it)
		q.done(it.To)
		d.settle(it, o)
	}
}

// attempt sends, unless there is a reason not to any more.
func (d *Dispatcher) attempt(ctx context.Context, q *queue, it item) Outcome {
	wall := clock.Ms(d.conf.Clock.Wall())
	if o, ok := q.pausedAt(wall); ok {
		return o
	}
	now := clock.Ms(d.conf.Clock.Now())
	switch {
	case it.deadline > 0 && wall >= it.deadline:
		return Outcome{Status: unsafe}
	case it.deadline == 0 && it.expires > 0 && now >= it.expires:
		return Outcome{Status: outdated}
	}
	if it.received > 0 {
		d.conf.Metrics.toAction.Observe(max(0, float64(now-it.received)/1000))
	}
	o := d.send(ctx, it)
	if o.Status == Paused {
		q.pause(wall, o)
	}
	return o
}

// send asks the sender. Stopping lets an attempt on its way come to its end; a panic may have struck after
// the request left.
func (d *Dispatcher) send(ctx context.Context, it item) (o Outcome) {
	timeout := d.conf.Timeout
	if p, ok := d.patience(it.place.channel); ok && p.Timeout > timeout {
		timeout = p.Timeout
	}
	stopping := ctx
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	// A patient sender is not waited for any longer than the others are.
	defer context.AfterFunc(stopping, func() { time.AfterFunc(d.conf.Timeout, cancel) })()
	defer func() {
		if r := recover(); r != nil {
			slog.Error("发送程序出错", "message", it.ID, "channel", it.place.channel, "panic", r, "stack", string(debug.Stack()))
			o = Outcome{Status: Unknown, Reason: "发送程序出错，不确定是否送达：请把消息编号和日志发给开发者"}
		}
	}()
	return d.senders[it.place.channel].Send(ctx, it.Attempt)
}

// settle passes a result on; when results cannot be written, it waits, and with it everything before it.
func (d *Dispatcher) settle(it item, o Outcome) {
	d.results <- result{it, o, clock.Ms(d.conf.Clock.Now())}
	d.release(it.place, 1)
}

const (
	// maxAppend is how many results go into one Append.
	maxAppend = 256
	// lastAppend is how long a shutdown may try to write results after the last attempt ended.
	lastAppend = 3 * time.Second
)

// collect makes events of results, in groups, until there will be no more. A result that is not durable
// does not exist: it is tried until it is, and after the end of ctx for as long as a shutdown may take.
func (d *Dispatcher) collect(ctx context.Context) {
	giveUp, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(d.conf.Timeout+lastAppend, cancel) })
	defer stop()
	for r := range d.results {
		group := []result{r}
	more:
		for len(group) < maxAppend {
			select {
			case r, ok := <-d.results:
				if !ok {
					break more
				}
				group = append(group, r)
			default:
				break more
			}
		}
		if err := d.append(giveUp, group); err != nil {
			slog.Error("停机前没能写下发送结果，这些消息下次启动时按「结果未知」处理", "messages", len(group), "err", err)
		}
	}
}

func (d *Dispatcher) append(ctx context.Context, group []result) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		events := make([]*event.Event, len(group)) // anew for each try: a log that took them owns them
		for i, r := range group {
			events[i] = r.event()
		}
		try, cancel := context.WithTimeout(ctx, lastAppend)
		_, err := d.conf.Log.Append(try, events...)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			slog.Warn("发送结果暂时写不进日志，稍后重试", "results", len(group), "err", err)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// event is a result as the log keeps it. A second append of it must be the same fact: its key makes it that,
// except where the message was sent, since such a result settles the attempt and is the last one anyway.
func (r *result) event() *event.Event {
	id := strconv.FormatInt(r.ID, 10)
	e := &event.Event{Type: event.CommandMessageResult, Source: "outbox", Account: r.Account, Lane: event.Normal,
		OccurredAt: r.at, ReceivedAt: r.at,
		Props: event.Props{"message": id, "attempt": r.Number, "channel": string(r.place.channel), "status": string(r.Status)}}
	if r.Status != Sent {
		e.Key = fmt.Sprintf("result/%s/%d", id, r.Number)
	}
	if r.Code != 0 {
		e.Props["code"] = r.Code
	}
	if r.PlatformID != "" {
		e.Props["platform_id"] = r.PlatformID
	}
	if r.RetryAfter > 0 {
		e.Props["retry_after_ms"] = r.RetryAfter.Milliseconds()
	}
	if r.Reason != "" {
		e.Props["reason"] = r.Reason
	}
	if r.Unsure {
		e.Props["unsure"] = "true"
	}
	return e
}
