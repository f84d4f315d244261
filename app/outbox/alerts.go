package outbox

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/lease"
)

// Whom a member of staff was alerted to stands in a table of its own, one row for a member and a customer:
// messages are found by customer, not by recipient. The customer's id is the message's, so it may have been
// merged since.

// staffAlert is a row's key.
type staffAlert struct {
	corp, user string
	contact    int64
}

// reached reports whether the row is a message about a customer that a member of staff got, be it within a
// digest.
func (r *row) reached() bool {
	return r.channel == WeComApp && r.contact != 0 && !r.test && (r.state == Accepted || r.state == Delivered)
}

var staffAlertColumns = []string{"corp_id", "user_id", "contact_id", "at"}

// flushAlerts notes who was alerted to whom by the batch's messages. One made earlier may be settled later, so
// the newest counts.
func (s *Stage) flushAlerts(ctx context.Context, tx *db.Tx, all []*row) error {
	last := map[staffAlert]int64{}
	for _, r := range all {
		if corp, _, ok := account.SplitWeComID(r.account); ok && r.reached() {
			k := staffAlert{corp, r.to, r.contact}
			last[k] = max(last[k], r.created)
		}
	}
	if len(last) == 0 {
		return nil
	}
	contacts := map[staffAlert][]int64{} // by member
	for k := range last {
		member := staffAlert{corp: k.corp, user: k.user}
		contacts[member] = append(contacts[member], k.contact)
	}
	for m, ids := range contacts {
		err := db.EachIn(ctx, tx, "SELECT contact_id, at FROM staff_alerts WHERE corp_id=? AND user_id=? AND contact_id IN (%s)", unique(ids), []any{m.corp, m.user}, func(r *sql.Rows) error {
			k := m
			var at int64
			err := r.Scan(&k.contact, &at)
			if at >= last[k] {
				delete(last, k)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("read staff_alerts: %w", err)
		}
	}
	rows := make([][]any, 0, len(last))
	for _, k := range slices.SortedFunc(maps.Keys(last), func(x, y staffAlert) int {
		return cmp.Or(cmp.Compare(x.corp, y.corp), cmp.Compare(x.user, y.user), cmp.Compare(x.contact, y.contact))
	}) {
		rows = append(rows, []any{k.corp, k.user, k.contact, last[k]})
	}
	return tx.Upsert(ctx, "staff_alerts", staffAlertColumns[:3], staffAlertColumns, staffAlertColumns[3:], rows)
}

// Alerts tells whom any of a corp's members of staff was alerted to since a time, and when last; of more
// than limit customers the newest.
func (o *Outbox) Alerts(ctx context.Context, corpID string, userIDs []string, since int64, limit int) (map[int64]int64, error) {
	out := map[int64]int64{}
	if len(userIDs) == 0 {
		return out, nil
	}
	args := append(append([]any{corpID}, db.Args(userIDs)...), since, limit)
	rows, err := o.db.Query(ctx, "SELECT contact_id, MAX(at) AS newest FROM staff_alerts WHERE corp_id=? AND user_id IN ("+db.Marks(len(userIDs))+
		") AND at>=? GROUP BY contact_id ORDER BY newest DESC, contact_id DESC LIMIT ?", args...)
	if err != nil {
		return nil, fmt.Errorf("list alerts: %w", err)
	}
	if err := db.Each(rows, lastOf(out)); err != nil {
		return nil, fmt.Errorf("list alerts: %w", err)
	}
	return out, nil
}

// LastAlerts tells when a message about each of the contacts last reached one of a corp's members of staff,
// also within a digest; of whom none did is left out.
func (o *Outbox) LastAlerts(ctx context.Context, contacts []int64, corpID string, userIDs ...string) (map[int64]int64, error) {
	out := map[int64]int64{}
	if len(userIDs) == 0 {
		return out, nil
	}
	err := db.EachIn(ctx, o.db, "SELECT contact_id, MAX(at) FROM staff_alerts WHERE corp_id=? AND user_id IN ("+db.Marks(len(userIDs))+
		") AND contact_id IN (%s) GROUP BY contact_id", contacts, append([]any{corpID}, db.Args(userIDs)...), lastOf(out))
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	return out, nil
}

func lastOf(out map[int64]int64) func(*sql.Rows) error {
	return func(r *sql.Rows) error {
		var id, at int64
		err := r.Scan(&id, &at)
		out[id] = at
		return err
	}
}

// Told reports whether a message about one of the contacts reached one of a corp's members of staff, also
// within a digest.
func (o *Outbox) Told(ctx context.Context, contacts []int64, corpID string, userIDs ...string) (bool, error) {
	last, err := o.LastAlerts(ctx, contacts, corpID, userIDs...)
	return len(last) > 0, err
}

// PurgeAlerts forgets who was alerted last before a business time: the messages are gone by then, too.
func (o *Outbox) PurgeAlerts(ctx context.Context, l *lease.Lease, before int64) (n int64, err error) {
	err = o.db.Tx(ctx, func(tx *db.Tx) error {
		if n, err = tx.Exec(ctx, "DELETE FROM staff_alerts WHERE at<?", before); err != nil {
			return fmt.Errorf("purge alerts: %w", err)
		}
		return l.Guard(ctx, tx)
	})
	return n, err
}
