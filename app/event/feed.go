package event

import (
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
)

// Feed hands the timeline's new lines to those who look on, as they commit. It never waits for anybody: a
// listener that does not keep up is cut off. Nobody listening costs a batch one look at a number.
type Feed struct {
	n    atomic.Int32
	mu   sync.Mutex
	list map[*Listener]struct{}
}

// Listener gets what commits from Listen on.
type Listener struct {
	// C carries a batch's lines at a time. It is closed when the listener was cut off for being slow, or
	// after Close.
	C    <-chan []Line
	c    chan []Line
	feed *Feed
}

// Line is an entry of the timeline as it was committed.
type Line struct {
	Entry        // without Props
	Raw   []byte // the props as JSON
	// Timer: it came of a timer, not of a logged event. Within a lane, lines of logged events commit in the
	// order of their ids, and so do lines of timers; but a timer's number may be above that of a logged event
	// that commits after it.
	Timer bool
	Lane  Lane
}

// Listen begins to listen; ahead is how many batches may wait for the listener.
func (f *Feed) Listen(ahead int) *Listener {
	l := &Listener{c: make(chan []Line, ahead), feed: f}
	l.C = l.c
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.list == nil {
		f.list = map[*Listener]struct{}{}
	}
	f.list[l] = struct{}{}
	f.n.Add(1)
	return l
}

// Close ends listening; twice is once.
func (l *Listener) Close() {
	l.feed.mu.Lock()
	defer l.feed.mu.Unlock()
	l.feed.drop(l)
}

func (f *Feed) drop(l *Listener) {
	if _, on := f.list[l]; !on {
		return
	}
	delete(f.list, l)
	f.n.Add(-1)
	close(l.c)
}

// Listeners is how many there are.
func (f *Feed) Listeners() int { return int(f.n.Load()) }

// tell hands out lines; it runs after the commit and does not block.
func (f *Feed) tell(lines []Line) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for l := range f.list {
		select {
		case l.c <- lines:
		default:
			f.drop(l)
		}
	}
}

// announce has a batch's lines handed out once they are durable.
func (f *Feed) announce(b *Batch, stored []*Event, props []string) {
	if f.n.Load() == 0 || len(stored) == 0 {
		return
	}
	timers := map[int64]bool{}
	for _, e := range b.Events {
		if strings.HasPrefix(e.Type, "timer.") {
			timers[e.Seq] = true
		}
	}
	lines := make([]Line, len(stored))
	for i, e := range stored {
		lines[i] = Line{Raw: []byte(props[i]), Timer: timers[e.Seq], Lane: e.Lane, Entry: Entry{ID: e.ID(), ContactID: e.ContactID, IdentityID: e.IdentityID,
			Type: e.Type, At: e.OccurredAt, ReceivedAt: e.ReceivedAt, Account: e.Account, Staff: e.Staff, ObjectType: e.ObjectType, ObjectID: e.ObjectID, Share: e.Share}}
	}
	b.AfterCommit(func() { f.tell(lines) })
}

// Whole is the line as an entry with its props.
func (l Line) Whole() (Entry, error) {
	e := l.Entry
	return e, json.Unmarshal(l.Raw, &e.Props)
}
