package reach

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/lease"
	"github.com/koi-scrm/koi/app/policy"
)

const windowFields = "contact_id, app_id, message_until, message_left, action_until, action_left, closed_by, closed_at"

var windowColumns = []string{"contact_id", "app_id", "message_until", "message_left", "action_until", "action_left", "closed_by", "closed_at"}

func scanWindow(r *sql.Rows) (*window, error) {
	w := &window{}
	err := r.Scan(&w.contact, &w.app, &w.messageUntil, &w.messageLeft, &w.actionUntil, &w.actionLeft, &w.closedBy, &w.closedAt)
	return w, err
}

func (s *Stage) loadWindows(ctx context.Context, tx *db.Tx, contacts []int64) error {
	err := db.EachIn(ctx, tx, "SELECT "+windowFields+" FROM reach_windows WHERE contact_id IN (%s)", contacts, nil, func(r *sql.Rows) error {
		w, err := scanWindow(r)
		if err != nil {
			return err
		}
		s.windows[windowKey{w.contact, w.app}] = w
		return nil
	})
	if err != nil {
		return fmt.Errorf("load windows: %w", err)
	}
	return nil
}

func (s *Stage) flushWindows(ctx context.Context, tx *db.Tx) error {
	for part := range slices.Chunk(s.moved, 100) {
		if _, err := tx.Exec(ctx, "DELETE FROM reach_windows WHERE contact_id IN ("+db.Marks(len(part))+")", db.Args(part)...); err != nil {
			return fmt.Errorf("fold windows of merges: %w", err)
		}
	}
	var rows [][]any
	for _, k := range slices.SortedFunc(maps.Keys(s.windows), func(a, b windowKey) int {
		return cmp.Or(cmp.Compare(a.contact, b.contact), cmp.Compare(a.app, b.app))
	}) {
		if w := s.windows[k]; w.dirty {
			rows = append(rows, []any{w.contact, w.app, w.messageUntil, w.messageLeft, w.actionUntil, w.actionLeft, int(w.closedBy), w.closedAt})
		}
	}
	return tx.Upsert(ctx, "reach_windows", []string{"contact_id", "app_id"}, windowColumns, windowColumns[2:], rows)
}

var touchColumns = []string{"contact_id", "day", "in_day", "week", "in_week", "month", "in_month"}

func (s *Stage) loadTouches(ctx context.Context, q db.Querier, contacts []int64) error {
	err := db.EachIn(ctx, q, "SELECT contact_id, day, in_day, week, in_week, month, in_month FROM reach_touches WHERE contact_id IN (%s)", contacts, nil, func(r *sql.Rows) error {
		t, err := scanTouches(r)
		if err != nil {
			return err
		}
		s.touched[t.contact] = t
		return nil
	})
	if err != nil {
		return fmt.Errorf("load marketing touches: %w", err)
	}
	return nil
}

func scanTouches(r *sql.Rows) (*touches, error) {
	t := &touches{}
	return t, r.Scan(&t.contact, &t.day, &t.inDay, &t.week, &t.inWeek, &t.month, &t.inMonth)
}

func (s *Stage) flushTouches(ctx context.Context, tx *db.Tx) error {
	var rows [][]any
	for _, id := range slices.Sorted(maps.Keys(s.touched)) {
		if t := s.touched[id]; t.dirty {
			rows = append(rows, t.row())
		}
	}
	if err := tx.Upsert(ctx, "reach_touches", touchColumns[:1], touchColumns, touchColumns[1:], rows); err != nil {
		return err
	}
	return s.foldTouches(ctx, tx)
}

func (t *touches) row() []any {
	return []any{t.contact, t.day, t.inDay, t.week, t.inWeek, t.month, t.inMonth}
}

// foldTouches adds the touches of merged people to those they were merged into: both were one person's.
// Touches are loaded for few people, so it reads what it needs; mostly nothing.
func (s *Stage) foldTouches(ctx context.Context, tx *db.Tx) error {
	if len(s.merges) == 0 {
		return nil
	}
	known := map[int64]*touches{}
	var ids []int64
	for _, m := range s.merges {
		ids = append(ids, m.old, m.kept)
	}
	err := db.EachIn(ctx, tx, "SELECT contact_id, day, in_day, week, in_week, month, in_month FROM reach_touches WHERE contact_id IN (%s)", ids, nil, func(r *sql.Rows) error {
		t, err := scanTouches(r)
		if err != nil {
			return err
		}
		known[t.contact] = t
		return nil
	})
	if err != nil {
		return fmt.Errorf("read marketing touches of merges: %w", err)
	}
	var rows [][]any
	var gone []int64
	for _, m := range s.merges {
		old := known[m.old]
		if old == nil {
			continue
		}
		kept := known[m.kept]
		if kept == nil {
			kept = &touches{contact: m.kept}
			known[m.kept] = kept
		}
		d := calendar{max(kept.day, old.day), max(kept.week, old.week), max(kept.month, old.month)}
		kept.add(d, old.fact(d))
		delete(known, m.old)
		gone = append(gone, m.old)
	}
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if t := known[id]; t.dirty {
			rows = append(rows, t.row())
		}
	}
	for part := range slices.Chunk(gone, 100) {
		if _, err := tx.Exec(ctx, "DELETE FROM reach_touches WHERE contact_id IN ("+db.Marks(len(part))+")", db.Args(part)...); err != nil {
			return fmt.Errorf("fold marketing touches of merges: %w", err)
		}
	}
	return tx.Upsert(ctx, "reach_touches", touchColumns[:1], touchColumns, touchColumns[1:], rows)
}

func (q *quotas) load(ctx context.Context, tx *db.Tx, starts []int64) error {
	err := db.EachIn(ctx, tx, "SELECT window_start, account, scope, used FROM quota_counters WHERE window_start IN (%s)", starts, nil, func(r *sql.Rows) error {
		var k quotaKey
		var n int
		if err := r.Scan(&k.start, &k.account, &k.scope, &n); err != nil {
			return err
		}
		q.committed[k] = n
		return nil
	})
	if err != nil {
		return fmt.Errorf("load quota counters: %w", err)
	}
	return nil
}

func (q *quotas) flush(ctx context.Context, tx *db.Tx) error {
	rows := make([][]any, 0, len(q.delta))
	for _, k := range slices.SortedFunc(maps.Keys(q.delta), func(a, b quotaKey) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.account, b.account), cmp.Compare(a.scope, b.scope))
	}) {
		rows = append(rows, []any{k.start, k.account, k.scope, q.committed[k] + q.delta[k]})
	}
	return tx.Upsert(ctx, "quota_counters", []string{"window_start", "account", "scope"}, []string{"window_start", "account", "scope", "used"}, []string{"used"}, rows)
}

// Purge deletes counters of windows that began before a business time; one key range a call. It returns
// how many rows went.
func Purge(ctx context.Context, d *db.DB, l *lease.Lease, before int64) (n int64, err error) {
	err = d.Tx(ctx, func(tx *db.Tx) error {
		if n, err = tx.Exec(ctx, "DELETE FROM quota_counters WHERE window_start<?", before); err != nil {
			return fmt.Errorf("purge quota counters: %w", err)
		}
		return l.Guard(ctx, tx)
	})
	return n, err
}

// Directory answers questions about ways to people from outside the pipeline.
type Directory struct{ db *db.DB }

// NewDirectory makes a directory.
func NewDirectory(d *db.DB) *Directory { return &Directory{db: d} }

// AppWindow is the customer-service window of a person at one official account.
type AppWindow struct {
	AppID string
	policy.Window
	ActedAt  int64 // when the person last did something that opens it
	ClosedAt int64 // when the platform or the person closed it; 0 otherwise
}

// Windows lists a person's windows at now; contacts are the ids the person goes by (their own and those
// merged into it).
func (d *Directory) Windows(ctx context.Context, contacts []int64, now int64) ([]AppWindow, error) {
	var out []AppWindow
	err := db.EachIn(ctx, d.db, "SELECT "+windowFields+" FROM reach_windows WHERE contact_id IN (%s) ORDER BY app_id", contacts, nil, func(r *sql.Rows) error {
		w, err := scanWindow(r)
		if err != nil {
			return err
		}
		out = append(out, AppWindow{AppID: w.app, Window: w.fact(now), ActedAt: max(0, w.openedAt()), ClosedAt: w.closedAt})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list windows: %w", err)
	}
	return out, nil
}
