package outbox

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/policy"
)

// What the hourly cap of alerts held back from a member of staff goes as one message when the next hour
// begins (see policy.StaffAlertCap): a message of its own, made by the timer of the oldest. The others end
// there; a message that is about a customer never tells of another one's.

// Digest composes one message of the bodies of alerts to one member of staff, oldest first.
type Digest func(alerts [][]byte) (kind string, body []byte, err error)

// digestStep is the step of a digest's key; a digest never goes within another.
const digestStep = "digest"

// heldBack reports whether the row is an alert beyond the cap of its hour.
func (r *row) heldBack() bool {
	return r.state == Waiting && r.reason == policy.StaffAlertCap && r.attempt == 0 && r.step != digestStep
}

// loadHeld reads what goes together with the batch's due alerts, whichever batch its timers are in: what
// becomes of an hour's alerts must not depend on that.
func (s *Stage) loadHeld(ctx context.Context, tx *db.Tx, due []int64) ([]int64, error) {
	if s.conf.Digest == nil {
		return due, nil
	}
	to := map[string][]string{} // recipients by queue
	for _, id := range due {
		if r := s.rows[id]; r != nil && r.heldBack() {
			to[r.dueQueue()] = append(to[r.dueQueue()], r.to)
		}
	}
	var missing []int64
	for queue, list := range to {
		slices.Sort(list)
		err := db.EachIn(ctx, tx, "SELECT d.id FROM outbox_due d JOIN outbox o ON o.id=d.id WHERE d.queue=? AND d.due_at<=? AND o.reason=? AND o.recipient IN (%s)",
			slices.Compact(list), []any{queue, s.now, string(policy.StaffAlertCap)}, func(r *sql.Rows) error {
				var id int64
				err := r.Scan(&id)
				if s.rows[id] == nil {
					missing = append(missing, id)
				}
				return err
			})
		if err != nil {
			return nil, fmt.Errorf("load alerts that were held back: %w", err)
		}
	}
	if len(missing) == 0 {
		return due, nil
	}
	return append(due, missing...), loadRows(ctx, tx, missing, s.rows)
}

// together lists what was held back with a row for the same member of staff and is due, oldest first.
func (s *Stage) together(r *row) (out []*row) {
	if s.conf.Digest == nil || !r.heldBack() {
		return nil
	}
	for _, x := range s.rows {
		if x.heldBack() && x.place() == r.place() && x.to == r.to && x.due != 0 && x.due <= s.now && x.body != nil && x.expires > s.now {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b *row) int { return cmp.Compare(a.id, b.id) })
	return out
}

// merge sends rows as one digest. It reports false where there is nothing to merge, or policy has a word
// against the digest: then each goes its own way, and meets it there.
func (s *Stage) merge(b *event.Batch, e *event.Event, rows []*row) (bool, error) {
	if len(rows) < 2 {
		return false, nil
	}
	bodies := make([][]byte, len(rows))
	for i, r := range rows {
		bodies[i] = r.body
	}
	kind, body, err := s.conf.Digest(bodies)
	if err != nil {
		slog.Warn("提醒不能合并，逐条发送", "messages", len(rows), "err", err)
		return false, nil
	}
	d, err := s.enqueue(b, e, Message{Step: digestStep, Channel: rows[0].channel, Account: rows[0].account, To: rows[0].to, Class: StaffAlert, Kind: kind, Body: body})
	if err != nil || d == nil || d.state == Suppressed {
		return false, err
	}
	for _, r := range rows {
		r.detail = "汇总提醒的消息编号：" + idText(d.id)
		s.finish(r, Suppressed, ReasonDigest)
		if err := s.tell(b, e, r, event.MessageSuppressed); err != nil {
			return false, err
		}
	}
	return true, nil
}
