package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/lease"
	"github.com/koi-scrm/koi/app/secret"
)

// backlog is events appended to the log while no server ran, by lane and seq.
type backlog struct {
	seqs [2][]int64
}

func (b *backlog) size() int { return len(b.seqs[0]) + len(b.seqs[1]) }

// applied is how many of them the cursors are past.
func (b *backlog) applied(cursors [2]int64) int {
	n := 0
	for lane, list := range b.seqs {
		at, found := slices.BinarySearch(list, cursors[lane])
		if found {
			at++
		}
		n += at
	}
	return n
}

// prepare appends n events as doors do, through Koi's own log, in the mix of a busy day.
func (r *rig) prepare(ctx context.Context, n int) (*backlog, error) {
	stores, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	defer stores.Close()
	keys, err := secret.Load("", r.data())
	if err != nil {
		return nil, err
	}
	node, err := lease.Node(r.data())
	if err != nil {
		return nil, err
	}
	claim := lease.New(stores.Log, "append", node)
	if err := claim.Acquire(ctx); err != nil {
		return nil, err
	}
	counter := &event.Counter{}
	var used int64
	if err := stores.Koi.QueryRow(ctx, "SELECT next FROM sequences WHERE name='seq'").Scan(&used); err != nil {
		return nil, fmt.Errorf("read the last seq: %w", err)
	}
	counter.Raise(used)
	log := event.NewLog(stores.Log, claim, keys, clock.Real{}, counter, prometheus.NewRegistry())
	if err := log.Load(ctx); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- log.Run(running) }()

	out := &backlog{}
	m := newMix(r.People)
	for done := 0; done < n && err == nil; {
		group := make([]*event.Event, min(500, n-done))
		for i := range group {
			group[i] = m.event(time.Now())
		}
		var got []event.Appended
		got, err = log.Append(ctx, group...)
		for i, a := range got {
			lane := group[i].Lane
			out.seqs[lane] = append(out.seqs[lane], a.Seq)
		}
		done += len(group)
	}
	stop()
	return out, errors.Join(err, <-ended)
}

// mix is what a busy day brings: mostly pages, some menu clicks and messages, few forms and new people.
type mix struct {
	rng    *rand.Rand
	people int
	n      int
}

func newMix(people int) *mix { return &mix{rng: rand.New(rand.NewPCG(3, 3)), people: people} }

func (m *mix) event(at time.Time) *event.Event {
	m.n++
	who := m.rng.IntN(max(1, m.people)) + 1
	ms := at.UnixMilli()
	roll := m.rng.IntN(1000)
	var e *event.Event
	switch {
	case roll < 800:
		e = visit(m.rng)
		e.Source, e.Account = "t", "site"
		e.Identities = []event.Identity{{Kind: event.KindOpenID, Scope: appID, Value: openID(who)}}
	case roll < 900:
		e = &event.Event{Type: event.OAMenuClicked, Lane: event.Priority, Props: event.Props{"key": "menu_" + strconv.Itoa(m.rng.IntN(5))}}
		e.ObjectType, e.ObjectID = "menu", e.Props.Str("key")
	case roll < 970:
		e = &event.Event{Type: event.OAMessageReceived, Lane: event.Priority, Props: event.Props{"kind": "text", "content": "谢谢，我再看看"}}
		if roll < 910 { // one in seven asks for something the starter journeys answer
			e.Props["content"] = keyword
		}
	case roll < 990:
		e = &event.Event{Type: event.OAMenuLinkOpened, Lane: event.Normal, Props: event.Props{"url": "https://www.example.com/case"}}
	default:
		e = &event.Event{Type: event.OAFollowed, Lane: event.Priority, Props: event.Props{}}
		who = m.people + m.n
	}
	if e.Source == "" {
		e.Source, e.Account = "oa", appID
		e.Identities = []event.Identity{{Kind: event.KindOpenID, Scope: appID, Value: openID(who)}}
	}
	e.Key = "bench/" + strconv.FormatInt(ms, 36) + "/" + strconv.Itoa(m.n)
	e.OccurredAt, e.ReceivedAt = ms, ms
	return e
}
