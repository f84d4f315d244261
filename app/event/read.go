package event

import (
	"context"
	"database/sql"
	"fmt"
	"sync"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/lease"
)

// tailEvents bounds the copy of the newest events in memory.
const tailEvents = 8192

// tail is a copy of the newest committed events of both lanes, so that a pipeline that keeps up reads no
// row, opens no seal and decodes nothing. It only ever saves work: what it does not hold is read from the
// log. An event is given out at most once, since stages write into it.
type tail struct {
	mu    sync.Mutex
	lanes [2][]held
	// floor is the highest seq of a lane that was dropped or given out: the tail is complete above it.
	floor [2]int64
	begun bool
}

type held struct {
	event *Event
	at    int64
}

// push adds one commit's events, in seq order. Events of failed commits never come here; a gap in seq is
// a failed commit or a timer, not a lost event.
func (t *tail) push(events []*Event, at int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.begun {
		// What stands in the log from before this process is not here.
		t.begun = true
		t.floor = [2]int64{events[0].Seq - 1, events[0].Seq - 1}
	}
	for _, e := range events {
		t.lanes[e.Lane] = append(t.lanes[e.Lane], held{e, at})
	}
	for lane := range t.lanes {
		if over := len(t.lanes[lane]) - tailEvents; over > 0 {
			// Half at once: while the pipeline is behind, each commit comes by here.
			over += tailEvents / 2
			t.floor[lane] = t.lanes[lane][over-1].event.Seq
			t.lanes[lane] = append(t.lanes[lane][:0:0], t.lanes[lane][over:]...)
		}
	}
}

// take gives out the events of a lane after a seq when the tail is known to hold all of them.
func (t *tail) take(lane Lane, after int64, limit int) ([]*Event, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.begun || after < t.floor[lane] {
		return nil, false
	}
	list := t.lanes[lane]
	for len(list) > 0 && list[0].event.Seq <= after {
		list = list[1:]
	}
	n := min(limit, len(list))
	out := make([]*Event, n)
	for i := range n {
		out[i] = list[i].event
	}
	if n > 0 {
		t.floor[lane] = out[n-1].Seq
	}
	t.lanes[lane] = list[n:]
	return out, true
}

// Bad is a row of the log that cannot be read (sealed by another key, written by a newer program).
type Bad struct {
	Seq  int64
	V    int
	Body []byte // as it stands in the log, sealed
	Err  error
}

// Read returns up to limit events of a lane after a seq, in order, and the rows among them that cannot be
// read. Each event is the caller's own.
func (l *Log) Read(ctx context.Context, lane Lane, after int64, limit int) ([]*Event, []Bad, error) {
	if events, ok := l.tail.take(lane, after, limit); ok {
		return events, nil, nil
	}
	p := l.ahead[lane].take(after)
	if p == nil || p.err != nil || p.rows == 0 || p.rows > limit {
		p = l.read(ctx, lane, after, limit)
	}
	if p.full {
		// A backlog: the next rows are read, opened and decoded while these are worked on.
		l.ahead[lane].begin(p.last, func() *page { return l.read(ctx, lane, p.last, limit) })
	}
	return p.events, p.bad, p.err
}

// page is what one reading of the log gave.
type page struct {
	events []*Event
	bad    []Bad
	err    error

	rows int
	last int64 // seq of the last row
	full bool  // as many rows as were asked for: there may be more
}

// ahead is the page of a lane that will most likely be asked for next. The log only ever grows, so a
// page that was read early can be short, never wrong. It only ever saves time.
type ahead struct {
	mu    sync.Mutex
	after int64
	page  chan *page // nil: none is being read
}

// take gives the page after a seq, waiting while it is read; nil when another one or none is.
func (a *ahead) take(after int64) *page {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.page == nil || a.after != after {
		return nil
	}
	c := a.page
	a.page = nil
	return <-c
}

// begin reads the page after a seq in the background; one that nobody took is forgotten.
func (a *ahead) begin(after int64, read func() *page) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := make(chan *page, 1)
	a.after, a.page = after, c
	go func() { c <- read() }()
}

func (l *Log) read(ctx context.Context, lane Lane, after int64, limit int) *page {
	rows, err := l.db.Query(ctx, "SELECT seq, v, body FROM log WHERE lane=? AND seq>? ORDER BY seq LIMIT ?", lane, after, limit)
	if err != nil {
		return &page{err: fmt.Errorf("read the log: %w", err)}
	}
	p := &page{events: make([]*Event, 0, limit)}
	p.err = db.Each(rows, func(r *sql.Rows) error {
		var b Bad
		if err := r.Scan(&b.Seq, &b.V, &b.Body); err != nil {
			return err
		}
		p.rows, p.last = p.rows+1, b.Seq
		var e *Event
		if e, b.Err = l.Decode(b.Seq, lane, b.V, b.Body); b.Err != nil {
			p.bad = append(p.bad, b)
		} else {
			p.events = append(p.events, e)
		}
		return nil
	})
	p.full = p.err == nil && p.rows == limit
	return p
}

// Decode opens and decodes a payload as it stands in the log or in a dead letter.
func (l *Log) Decode(seq int64, lane Lane, v int, sealed []byte) (*Event, error) {
	body, err := l.keys.Open(purpose, sealed)
	if err != nil {
		return nil, err
	}
	e := &Event{Seq: seq, Lane: lane}
	return e, e.Unmarshal(v, body)
}

// Seal encodes and seals an event as the log does; for dead letters.
func (l *Log) Seal(e *Event) ([]byte, error) {
	body, err := e.Marshal()
	if err != nil {
		return nil, err
	}
	return l.keys.Seal(purpose, body), nil
}

// OldestAt is the wall time of the append of the first event of a lane after a seq, or 0: how far the
// pipeline lags.
func (l *Log) OldestAt(ctx context.Context, lane Lane, after int64) (int64, error) {
	var at sql.NullInt64
	rows, err := l.db.Query(ctx, "SELECT at FROM log WHERE lane=? AND seq>? ORDER BY seq LIMIT 1", lane, after)
	if err != nil {
		return 0, fmt.Errorf("lag of the log: %w", err)
	}
	err = db.Each(rows, func(r *sql.Rows) error { return r.Scan(&at) })
	return at.Int64, err
}

// Shrink gives up to so many free pages of the log's file back to the file system.
func (l *Log) Shrink(ctx context.Context, pages int) error { return l.db.Shrink(ctx, pages) }

// Purge deletes up to limit processed rows of a lane that were appended before the given wall time, and
// returns how many. It walks the primary key from the oldest row, so it needs no index.
func (l *Log) Purge(ctx context.Context, lane Lane, through, before int64, limit int) (int64, error) {
	return purgeOldest(ctx, l.db, l.lease,
		"SELECT seq, at FROM log WHERE lane=? AND seq<=? ORDER BY seq LIMIT ?", []any{lane, through, limit}, before,
		"DELETE FROM log WHERE lane=? AND seq>=? AND seq<=?", []any{lane})
}

// purgeOldest reads the oldest rows (key, time) of a table in key order and deletes the leading ones that
// are older than before, as one key range.
func purgeOldest(ctx context.Context, d *db.DB, l *lease.Lease, pick string, pickArgs []any, before int64, del string, delArgs []any) (int64, error) {
	rows, err := d.Query(ctx, pick, pickArgs...)
	if err != nil {
		return 0, err
	}
	var first, last, n int64
	young := false
	err = db.Each(rows, func(r *sql.Rows) error {
		var key, at int64
		if err := r.Scan(&key, &at); err != nil {
			return err
		}
		if young = young || at >= before; young {
			return nil
		}
		if n == 0 {
			first = key
		}
		last, n = key, n+1
		return nil
	})
	if err != nil || n == 0 {
		return 0, err
	}
	err = d.Tx(ctx, func(tx *db.Tx) error {
		got, err := tx.Exec(ctx, del, append(append([]any{}, delArgs...), first, last)...)
		n = got
		if err != nil {
			return err
		}
		return l.Guard(ctx, tx)
	})
	return n, err
}
