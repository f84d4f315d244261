package pipeline

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
)

// DeadLetter is an event that no stage could take.
type DeadLetter struct {
	ID        event.ID
	Lane      event.Lane
	Type      string
	Stage     string
	Error     string
	ParkedAt  int64
	Tries     int
	SettledAt int64
}

// maxError bounds the stored reason; a stack trace may be long.
const maxError = 4000

var deadColumns = []string{"id", "lane", "type", "stage", "error", "v", "body", "parked_at", "tries", "settled_at"}

func (p *Pipeline) parkTx(ctx context.Context, tx *db.Tx, e *event.Event, why *applyError) error {
	for _, t := range p.timers {
		if taken, err := t.Poisoned(ctx, tx, e, why.err); err != nil || taken {
			return err
		}
	}
	body, err := p.log.Seal(e)
	if err != nil {
		return err
	}
	tries := 1 + e.Props.Int(triesProp)
	_, err = tx.InsertIgnore(ctx, "dead_letters", deadColumns, [][]any{{int64(e.ID()), int64(e.Lane), e.Type, why.stage, cut(why.err.Error()),
		event.Version, body, clock.Ms(p.clock.Now()), tries, 0}})
	return err
}

func (p *Pipeline) parkBadTx(ctx context.Context, tx *db.Tx, lane event.Lane, bad event.Bad) error {
	_, err := tx.InsertIgnore(ctx, "dead_letters", deadColumns, [][]any{{int64(event.MakeID(bad.Seq, 0)), int64(lane), "", "decode", cut(bad.Err.Error()),
		bad.V, bad.Body, clock.Ms(p.clock.Now()), 1, 0}})
	return err
}

func cut(s string) string {
	if len(s) <= maxError {
		return s
	}
	for i := maxError; ; i-- {
		if s[i]&0xC0 != 0x80 { // not inside a character
			return s[:i]
		}
	}
}

// DeadLetters lists parked events that nobody settled, newest first, before an id (0: from the newest).
func (p *Pipeline) DeadLetters(ctx context.Context, before event.ID, limit int) ([]DeadLetter, error) {
	q, args := "SELECT id, lane, type, stage, error, parked_at, tries, settled_at FROM dead_letters WHERE settled_at=0", []any{}
	if before != 0 {
		q, args = q+" AND id<?", append(args, int64(before))
	}
	rows, err := p.db.Query(ctx, q+" ORDER BY id DESC LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	var out []DeadLetter
	err = db.Each(rows, func(r *sql.Rows) error {
		var d DeadLetter
		out = append(out, d)
		d0 := &out[len(out)-1]
		return r.Scan(&d0.ID, &d0.Lane, &d0.Type, &d0.Stage, &d0.Error, &d0.ParkedAt, &d0.Tries, &d0.SettledAt)
	})
	return out, err
}

// DeadLetter returns a parked event, also a settled one. Fault: NotFound.
func (p *Pipeline) DeadLetter(ctx context.Context, id event.ID) (DeadLetter, error) {
	var d DeadLetter
	err := p.db.QueryRow(ctx, "SELECT id, lane, type, stage, error, parked_at, tries, settled_at FROM dead_letters WHERE id=?", int64(id)).
		Scan(&d.ID, &d.Lane, &d.Type, &d.Stage, &d.Error, &d.ParkedAt, &d.Tries, &d.SettledAt)
	if errors.Is(err, sql.ErrNoRows) {
		return d, fault.New(fault.NotFound, "没有这条死信，或它已被处理")
	}
	if err != nil {
		return d, fmt.Errorf("read dead letter: %w", err)
	}
	return d, nil
}

// triesProp counts how often an event was retried out of the dead letters.
const triesProp = "dead_letter_tries"

// Retry appends a parked event again and settles the dead letter. It happened when it happened: what is
// older than ten minutes counts as late. Retrying twice at once appends it once.
//
// Faults: NotFound (no such, or settled), Invalid (its payload cannot be read by this program).
func (p *Pipeline) Retry(ctx context.Context, id event.ID) (event.Appended, error) {
	var v, tries int
	var lane event.Lane
	var body []byte
	err := p.db.QueryRow(ctx, "SELECT lane, v, body, tries FROM dead_letters WHERE id=? AND settled_at=0", int64(id)).Scan(&lane, &v, &body, &tries)
	if errors.Is(err, sql.ErrNoRows) {
		return event.Appended{}, fault.New(fault.NotFound, "没有这条死信，或它已被处理")
	}
	if err != nil {
		return event.Appended{}, fmt.Errorf("read dead letter: %w", err)
	}
	e, err := p.log.Decode(0, lane, v, body)
	if err != nil {
		return event.Appended{}, fault.Wrap(err, fault.Invalid, "这条死信的内容读不出来：请先升级程序或恢复原来的 secret_key，再重试")
	}
	e.Key = "retry/" + strconv.FormatInt(int64(id), 10) + "/" + strconv.Itoa(tries)
	if e.Props == nil {
		e.Props = event.Props{}
	}
	e.Props[triesProp] = tries
	e.ReceivedAt = clock.Ms(p.clock.Now())
	got, err := p.log.Append(ctx, e)
	if err != nil {
		return event.Appended{}, err
	}
	return got[0], p.settleLetter(ctx, id)
}

// Discard settles a dead letter without applying it; the row stays until its retention ends.
// Fault: NotFound.
func (p *Pipeline) Discard(ctx context.Context, id event.ID) error { return p.settleLetter(ctx, id) }

func (p *Pipeline) settleLetter(ctx context.Context, id event.ID) error {
	return p.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE dead_letters SET settled_at=? WHERE id=? AND settled_at=0", clock.Ms(p.clock.Now()), int64(id))
		if err == nil && n == 0 {
			err = fault.New(fault.NotFound, "没有这条死信，或它已被处理")
		}
		return err
	})
}
