package share

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
)

// Due returns arrivals to be judged, as events about whoever shared: fresh ones, those whose token's owner
// became known, those whose people or chains changed, and those to be settled.
func (s *Stage) Due(ctx context.Context, tx *db.Tx, now int64, limit int) ([]*event.Event, error) {
	rows, err := tx.Query(ctx, `SELECT o.id, o.due_at, t.staff, t.person_id FROM share_opens o LEFT JOIN share_tokens t ON t.token=o.parent
		WHERE o.due_at>0 AND o.due_at<=? ORDER BY o.due_at, o.id LIMIT ?`, now, limit)
	if err != nil {
		return nil, fmt.Errorf("due arrivals: %w", err)
	}
	var out []*event.Event
	err = db.Each(rows, func(r *sql.Rows) error {
		var id, at int64
		var staff sql.NullString
		var person sql.NullInt64
		if err := r.Scan(&id, &at, &staff, &person); err != nil {
			return err
		}
		e := &event.Event{Type: event.TimerShare, OccurredAt: at, ReceivedAt: at, Props: event.Props{"open": id}}
		if staff.String == "" {
			e.ContactID = person.Int64
		}
		out = append(out, e)
		return nil
	})
	return out, err
}

// Next returns when the next arrival is to be judged, or 0.
func (s *Stage) Next(ctx context.Context, q db.Querier) (int64, error) {
	var at int64
	err := q.QueryRow(ctx, "SELECT due_at FROM share_opens WHERE due_at>0 ORDER BY due_at LIMIT 1").Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("next due arrival: %w", err)
	}
	return at, nil
}

// Poisoned takes an arrival out of the queue that no stage could take: it counts for nobody.
func (s *Stage) Poisoned(ctx context.Context, tx *db.Tx, e *event.Event, why error) (bool, error) {
	if e.Type != event.TimerShare {
		return false, nil
	}
	_, err := tx.Exec(ctx, "UPDATE share_opens SET due_at=0, state=?, reason=? WHERE id=?", int(NotCounted), db.Clip("内部错误："+why.Error(), maxReason), e.Props.Int("open"))
	return true, err
}
