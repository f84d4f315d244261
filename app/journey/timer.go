package journey

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
)

// Due returns runs whose wait is over, and runs of journeys that were stopped. Their event happens now: a
// wait that ends during an outage goes on afterwards, it is not late.
func (s *Stage) Due(ctx context.Context, tx *db.Tx, now int64, limit int) ([]*event.Event, error) {
	var out []*event.Event
	add := func(r *sql.Rows) error {
		var id, contactID int64
		if err := r.Scan(&id, &contactID); err != nil {
			return err
		}
		out = append(out, &event.Event{Type: event.TimerJourney, ContactID: contactID, OccurredAt: now, ReceivedAt: now,
			Props: event.Props{"run": strconv.FormatInt(id, 10)}})
		return nil
	}
	rows, err := tx.Query(ctx, "SELECT id, contact_id FROM journey_runs WHERE due_at>0 AND due_at<=? ORDER BY due_at, id LIMIT ?", now, limit)
	if err != nil {
		return nil, fmt.Errorf("due runs: %w", err)
	}
	if err := db.Each(rows, add); err != nil {
		return nil, err
	}
	for _, journey := range sortedKeys(s.draining) {
		if len(out) >= limit {
			break
		}
		before := len(out)
		rows, err := tx.Query(ctx, "SELECT id, contact_id FROM journey_runs WHERE journey_id=? AND state IN (1,2,3) AND (due_at=0 OR due_at>?) ORDER BY id LIMIT ?",
			journey, now, limit-len(out))
		if err != nil {
			return nil, fmt.Errorf("runs of a stopped journey: %w", err)
		}
		if err := db.Each(rows, add); err != nil {
			return nil, err
		}
		if len(out) == before {
			delete(s.draining, journey) // nobody enters a stopped journey: it stays empty
		}
	}
	return out, nil
}

// Next is when the next wait ends; at once while runs of a stopped journey are inside.
func (s *Stage) Next(ctx context.Context, q db.Querier) (int64, error) {
	if len(s.draining) > 0 {
		return 1, nil
	}
	var at sql.NullInt64
	err := q.QueryRow(ctx, "SELECT due_at FROM journey_runs WHERE due_at>0 ORDER BY due_at LIMIT 1").Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("next due run: %w", err)
	}
	if at.Int64 >= hold {
		return 0, nil
	}
	return at.Int64, nil
}

// Poisoned ends a run whose timer some stage could not take.
func (s *Stage) Poisoned(ctx context.Context, tx *db.Tx, e *event.Event, why error) (bool, error) {
	if e.Type != event.TimerJourney {
		return false, nil
	}
	id := runOf(e)
	var journey, rev int64
	var node string
	err := tx.QueryRow(ctx, "SELECT journey_id, rev, node FROM journey_runs WHERE id=? AND state IN (1,2,3)", id).Scan(&journey, &rev, &node)
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("find run: %w", err)
	}
	for _, q := range []struct {
		text string
		args []any
	}{
		{"UPDATE journey_runs SET state=?, due_at=0, ended_at=?, reason=?, data=NULL WHERE id=?", []any{int(Failed), e.OccurredAt, shorten("内部错误：" + why.Error()), id}},
		{"UPDATE journey_counters SET failed=failed+1 WHERE journey_id=? AND rev=? AND node=''", []any{journey, rev}},
		{"UPDATE journey_counters SET failed=failed+1, exited=exited+1 WHERE journey_id=? AND rev=? AND node=?", []any{journey, rev, node}},
	} {
		if _, err := tx.Exec(ctx, q.text, q.args...); err != nil {
			return false, fmt.Errorf("fail run: %w", err)
		}
	}
	return true, nil
}

// maxReason is how many characters of a reason are kept.
const maxReason = 300

func shorten(s string) string {
	if r := []rune(s); len(r) > maxReason {
		return string(r[:maxReason-1]) + "…"
	}
	return s
}
