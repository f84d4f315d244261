package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/secret"
)

// Settler is a Sender whose platform drops no repeats but can be asked what became of an attempt. firstAt is
// the wall time of the message's first attempt. Sent, Failed and the like are believed; Retry says that the
// platform never took the message, so that it may go again; Unknown that it cannot tell yet.
type Settler interface {
	Sender
	Settle(ctx context.Context, m Attempt, firstAt time.Time) Outcome
}

// Settlements asks settlers about messages of unknown fate, until the platform knows or the message expires.
// Like a dispatcher it writes nothing: what it learns goes through the log as a result.
type Settlements struct {
	db      *db.DB
	log     *event.Log
	keys    *secret.Keys
	clock   clock.Clock
	senders map[Channel]Settler
	asked   map[int64]asked // by message; only Run touches it
}

// asked is how often a message was asked about, and when it is asked about again, wall Unix ms.
type asked struct {
	times int
	next  int64
}

const (
	// settleEvery is how often doubtful messages are looked for.
	settleEvery = 5 * time.Second
	// settleBatch bounds one look: after an outage the rest follows with the next one.
	settleBatch = 200
)

// settleWaits are the waits after each question; the last repeats. A platform shows a message seconds after
// it took it, and one it does not show for long it never took.
var settleWaits = []time.Duration{20 * time.Second, time.Minute, 3 * time.Minute, 10 * time.Minute}

// NewSettlements makes it of those senders that are settlers.
func NewSettlements(d *db.DB, log *event.Log, keys *secret.Keys, clk clock.Clock, senders []Sender) *Settlements {
	s := &Settlements{db: d, log: log, keys: keys, clock: clk, senders: map[Channel]Settler{}, asked: map[int64]asked{}}
	for _, x := range senders {
		if settler, ok := x.(Settler); ok {
			s.senders[x.Channel()] = settler
		}
	}
	return s
}

// Run asks until ctx ends. The same node must run the dispatcher.
func (s *Settlements) Run(ctx context.Context) error {
	if len(s.senders) == 0 {
		<-ctx.Done()
		return nil
	}
	t := time.NewTicker(settleEvery)
	defer t.Stop()
	for {
		if err := s.RunOnce(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("核对结果未知的消息失败，稍后重试", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// RunOnce asks about every doubtful message whose turn it is, and returns when what was learned is durable.
func (s *Settlements) RunOnce(ctx context.Context) error {
	rows, err := s.doubtful(ctx)
	if err != nil {
		return err
	}
	now := clock.Ms(s.clock.Wall())
	open := make(map[int64]asked, len(rows))
	for _, r := range rows {
		a := s.asked[r.id]
		if now >= a.next {
			o, err := s.ask(ctx, r)
			if err != nil {
				return err
			}
			if o.Status != Unknown {
				if err := s.append(ctx, r, o); err != nil {
					return err
				}
			}
			a.next = now + settleWaits[min(a.times, len(settleWaits)-1)].Milliseconds()
			a.times++
		}
		open[r.id] = a
	}
	s.asked = open // what is settled, or past the batch, is forgotten
	return nil
}

// doubtful reads the messages to ask about, oldest first.
func (s *Settlements) doubtful(ctx context.Context) ([]*row, error) {
	var channels []string
	for c := range s.senders {
		channels = append(channels, string(c))
	}
	slices.Sort(channels)
	args := append([]any{Doubtful.code()}, db.Args(channels)...)
	rows, err := s.db.Query(ctx, "SELECT "+messageFields+" FROM outbox WHERE state=? AND channel IN ("+db.Marks(len(channels))+") ORDER BY id LIMIT ?",
		append(args, settleBatch)...)
	if err != nil {
		return nil, fmt.Errorf("read doubtful messages: %w", err)
	}
	var out []*row
	err = db.Each(rows, func(rows *sql.Rows) error {
		r, err := scanRow(rows)
		out = append(out, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read doubtful messages: %w", err)
	}
	return out, nil
}

// ask asks the platform. A message whose body cannot be read stays unknown.
func (s *Settlements) ask(ctx context.Context, r *row) (Outcome, error) {
	var sealed []byte
	if err := s.db.QueryRow(ctx, "SELECT body FROM outbox_bodies WHERE id=?", r.id).Scan(&sealed); err != nil {
		return Outcome{Status: Unknown}, fmt.Errorf("read body of message %d: %w", r.id, err)
	}
	body, err := s.keys.Open(purpose, sealed)
	if err != nil {
		return Outcome{Status: Unknown}, nil // the outbox says so where the message is shown
	}
	first := r.firstAt
	if first == 0 { // restored from a backup that was made before it went
		first = r.created
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return s.senders[r.channel].Settle(ctx, Attempt{ID: r.id, Number: r.attempt, Account: r.account, To: r.to, Kind: r.kind, Body: body},
		time.UnixMilli(first)), nil
}

// append writes what was learned as the attempt's result.
func (s *Settlements) append(ctx context.Context, r *row, o Outcome) error {
	res := result{item: item{Attempt: Attempt{ID: r.id, Number: r.attempt, Account: r.account}, place: r.place()},
		Outcome: o, at: clock.Ms(s.clock.Now())}
	e := res.event()
	e.Key = "settle/" + strconv.FormatInt(r.id, 10) + "/" + strconv.Itoa(r.attempt)
	e.Props["settled"] = true
	if _, err := s.log.Append(ctx, e); err != nil {
		return fmt.Errorf("settle message %d: %w", r.id, err)
	}
	return nil
}
