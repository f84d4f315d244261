package rule

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
)

// Extent is how much a review looks at.
type Extent int

// A new day concerns only conclusions that a day can change; a changed definition concerns all.
const (
	NewDay Extent = iota
	NewDefinitions
)

// Finder lists the people for whom what its owner concluded no longer agrees with the rules: one set
// difference for each rule. Listing somebody needlessly costs a little time and changes nothing.
type Finder func(ctx context.Context, q db.Querier, schema *Schema, now int64, extent Extent) ([]int64, error)

// Review asks again about people whom nothing happened to. Conclusions change with events, all but two:
// a new day ends a 最近N天, and a changed definition changes what should have been concluded before. At
// local midnight and after definitions changed, finders read (outside the pipeline, on the read pool) who
// is concerned; each of them passes the pipeline as a timer.review event, a few at a time, and every
// stage concludes anew from that person's facts. So reading can be stale without harm, and nothing polls
// the base.
//
// It is a source of timers, and a stage that takes note of what was committed.
type Review struct {
	db      *db.DB
	clock   clock.Clock
	zone    *time.Location
	finders []Finder
	schema  atomic.Pointer[Schema]
	again   chan struct{}

	mu    sync.Mutex
	queue []int64 // contact ids, in the order they will pass
	since int64   // business time the queue was found at
}

// NewReview makes a review. Give it a schema with Use before Run.
func NewReview(d *db.DB, clk clock.Clock, zone *time.Location, finders ...Finder) *Review {
	return &Review{db: d, clock: clk, zone: zone, finders: finders, again: make(chan struct{}, 1)}
}

// Use tells that definitions changed, and the schema that goes with them: everybody is reviewed.
func (r *Review) Use(s *Schema) {
	r.schema.Store(s)
	r.Again()
}

// Again reviews everybody: also when what conditions count was counted at last (see Counters.OnReady).
func (r *Review) Again() {
	select {
	case r.again <- struct{}{}:
	default:
	}
}

// Run reviews everything at once, then what a day changes at each local midnight and everything after each
// Use or Again, until ctx ends. A failure is logged and tried again.
func (r *Review) Run(ctx context.Context) error {
	extent, due := NewDefinitions, true
	var day int32
	for {
		now := clock.Ms(r.clock.Now())
		today := clock.Day(now, r.zone)
		if due || today != day {
			if err := r.Find(ctx, extent); err == nil {
				extent, due, day = NewDay, false, today
			} else if ctx.Err() == nil {
				slog.Warn("复核规则失败，稍后重试", "err", err)
			}
		}
		// Not longer than a minute: under koi demo the business clock may be moved.
		wait := min(time.Duration(clock.DayStart(today+1, r.zone)-now)*time.Millisecond, time.Minute)
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-r.again:
			t.Stop()
			extent, due = NewDefinitions, true
		case <-t.C:
		}
	}
}

// Find asks all finders and queues who they list.
func (r *Review) Find(ctx context.Context, extent Extent) error {
	schema := r.schema.Load()
	if schema == nil {
		return nil
	}
	now := clock.Ms(r.clock.Now())
	var found []int64
	for _, f := range r.finders {
		ids, err := f(ctx, r.db, schema, now, extent)
		if err != nil {
			return fmt.Errorf("find whom to review: %w", err)
		}
		found = append(found, ids...)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(found) == 0 && len(r.queue) == 0 {
		return nil
	}
	r.queue = append(r.queue, found...)
	slices.Sort(r.queue)
	r.queue = slices.Compact(r.queue)
	r.since = now
	return nil
}

// Waiting is how many people are still to be reviewed.
func (r *Review) Waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queue)
}

// Due returns the next people as events. They leave the queue when their batch has committed.
func (r *Review) Due(_ context.Context, _ *db.Tx, now int64, limit int) ([]*event.Event, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*event.Event, 0, min(limit, len(r.queue)))
	for _, id := range r.queue[:min(limit, len(r.queue))] {
		out = append(out, &event.Event{Type: event.TimerReview, ContactID: id, OccurredAt: now, ReceivedAt: now,
			Props: event.Props{"contact": id}}) // the stages may find that the person was merged
	}
	return out, nil
}

// Next returns when the queue began to wait, or 0 when it is empty.
func (r *Review) Next(context.Context, db.Querier) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return 0, nil
	}
	return r.since, nil
}

// Poisoned drops a person whom no stage could review; the next review finds them again.
func (r *Review) Poisoned(_ context.Context, _ *db.Tx, e *event.Event, _ error) (bool, error) {
	if e.Type != event.TimerReview {
		return false, nil
	}
	r.drop(e.Props.Int("contact"))
	return true, nil
}

// Name of the stage.
func (r *Review) Name() string { return "review" }

// Load notes whom the batch reviews.
func (r *Review) Load(_ context.Context, _ *db.Tx, b *event.Batch) error {
	var ids []int64
	for _, e := range b.Events {
		if e.Type == event.TimerReview {
			ids = append(ids, e.Props.Int("contact"))
		}
	}
	if len(ids) > 0 {
		b.AfterCommit(func() { r.drop(ids...) })
	}
	return nil
}

// Apply has nothing to decide.
func (r *Review) Apply(*event.Batch, *event.Event) error { return nil }

// Flush has nothing to write.
func (r *Review) Flush(context.Context, *db.Tx, *event.Batch) error { return nil }

func (r *Review) drop(ids ...int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if len(r.queue) > 0 && r.queue[0] == id {
			r.queue = r.queue[1:]
		} else if i, ok := slices.BinarySearch(r.queue, id); ok {
			r.queue = slices.Delete(r.queue, i, i+1)
		}
	}
}
