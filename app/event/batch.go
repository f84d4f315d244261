package event

import (
	"context"
	"fmt"

	"github.com/koi-scrm/koi/app/db"
)

// Stage is one step of the pipeline. A stage lives in the package that owns its tables.
//
// For every batch the pipeline calls Load once (a handful of queries for the whole batch, never one per
// event; it also resets whatever the stage kept from the batch before), then Apply for each event in
// order, derived events depth-first, then Flush once (multi-row statements). Load and Flush run in the
// same transaction, which also moves the cursor: all of a batch happens or none of it. After an error
// the batch is rolled back and run again, so a stage keeps no state from Load to the next Load except
// configuration, and changes nothing outside the transaction but through Batch.AfterCommit.
//
// Apply must not touch the database. It may change e (the identity stage sets ContactID) and call
// b.Emit. A returned error is the event's own fault: it is parked as a dead letter.
type Stage interface {
	Name() string
	Load(ctx context.Context, tx *db.Tx, b *Batch) error
	Apply(b *Batch, e *Event) error
	Flush(ctx context.Context, tx *db.Tx, b *Batch) error
}

// Timers is a stage's clock-driven side: rows that fall due become events inside a batch. They are not
// appended to the log; their seq comes from the same counter.
type Timers interface {
	// Due returns up to limit events for rows due at or before now, without claiming them: Apply of the
	// owning stage must settle each row (reschedule, finish) so that it is not due again.
	Due(ctx context.Context, tx *db.Tx, now int64, limit int) ([]*Event, error)
	// Next returns the earliest due time, or 0 when nothing waits.
	Next(ctx context.Context, q db.Querier) (int64, error)
	// Poisoned takes a row out of the queue whose event no stage could apply, visibly failed with its
	// reason; it reports whether the event was one of this owner's.
	Poisoned(ctx context.Context, tx *db.Tx, e *Event, why error) (bool, error)
}

// MaxDepth is how deep derived events may cause further ones; deeper is a loop: cut and reported.
const MaxDepth = 8

// Batch is what one pipeline transaction carries. Stages share it; only the pipeline makes one.
type Batch struct {
	Now    int64    // business time, Unix ms: the same instant for the whole batch
	Wall   int64    // wall time, Unix ms
	Rev    int64    // commit number of this batch, written to contacts.rev and the like
	Events []*Event // logged events and due timers, in seq order; derived ones are not listed here
	Stored []*Event // every event that passed the stages, derived ones included, in the order they happened

	kids   []*Event
	n      map[int64]int
	after  []func()
	looped []string
}

// NewBatch is for the pipeline and for tests of a stage.
func NewBatch(now, wall, rev int64, events []*Event) *Batch {
	return &Batch{Now: now, Wall: wall, Rev: rev, Events: events, n: make(map[int64]int, len(events))}
}

// Emit derives an event from parent. It passes all stages after parent has passed them all and before
// the next logged event (depth-first), so it may be called from Apply only. The child takes parent's
// contact, identity, times, lane, staff and account unless it sets its own; its id is parent's seq with
// the next n.
func (b *Batch) Emit(parent *Event, child Event) error {
	if parent.Depth+1 > MaxDepth {
		b.looped = append(b.looped, child.Type+" from "+parent.Type)
		return nil
	}
	n := b.n[parent.Seq] + 1
	if n > 1023 {
		return fmt.Errorf("event %d derives more than 1023 events", parent.Seq)
	}
	b.n[parent.Seq] = n
	child.Seq, child.N, child.Depth, child.Lane = parent.Seq, n, parent.Depth+1, parent.Lane
	if child.ContactID == 0 {
		child.ContactID, child.IdentityID = parent.ContactID, parent.IdentityID
	}
	if child.OccurredAt == 0 {
		child.OccurredAt = parent.OccurredAt
	}
	if child.ReceivedAt == 0 {
		child.ReceivedAt = parent.ReceivedAt
	}
	if child.Staff == "" {
		child.Staff = parent.Staff
	}
	if child.Account == "" {
		child.Account = parent.Account
	}
	b.kids = append(b.kids, &child)
	return nil
}

// TakeDerived hands over what was emitted since the last call; for the pipeline.
func (b *Batch) TakeDerived() []*Event {
	kids := b.kids
	b.kids = nil
	return kids
}

// AfterCommit registers what happens once the transaction is durable: handing messages to senders, waking
// listeners. It runs on the pipeline's goroutine and must not block.
func (b *Batch) AfterCommit(f func()) { b.after = append(b.after, f) }

// Committed runs what AfterCommit collected; for the pipeline.
func (b *Batch) Committed() {
	for _, f := range b.after {
		f()
	}
}

// Loops lists derivations that were cut for depth; the pipeline reports them.
func (b *Batch) Loops() []string { return b.looped }
