package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/db"
)

// LastAlerts tells when a message about each of the contacts was last meant for one of the members of
// staff, by userid; who has none is left out.
func (o *Outbox) LastAlerts(ctx context.Context, contacts []int64, userIDs []string) (map[int64]int64, error) {
	out := map[int64]int64{}
	err := db.EachIn(ctx, o.db, "SELECT contact_id, recipient, MAX(created_at) FROM outbox WHERE channel=? AND test=0 AND contact_id IN (%s) GROUP BY contact_id, recipient",
		contacts, []any{string(WeComApp)}, func(r *sql.Rows) error {
			var id, at int64
			var to string
			if err := r.Scan(&id, &to, &at); err != nil {
				return err
			}
			if slices.Contains(userIDs, to) {
				out[id] = max(out[id], at)
			}
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	return out, nil
}

// Told reports whether a message about one of the contacts reached a member of staff, also within a digest.
func (o *Outbox) Told(ctx context.Context, contacts []int64, corpID, userID string) (told bool, err error) {
	err = db.EachIn(ctx, o.db, "SELECT account FROM outbox WHERE channel=? AND recipient=? AND test=0 AND (state=? OR state=? OR reason=?) AND contact_id IN (%s)",
		contacts, []any{string(WeComApp), userID, Accepted.code(), Delivered.code(), string(ReasonDigest)}, func(r *sql.Rows) error {
			var app string
			err := r.Scan(&app)
			corp, _, _ := account.SplitWeComID(app)
			told = told || corp == corpID
			return err
		})
	if err != nil {
		return false, fmt.Errorf("read alerts: %w", err)
	}
	return told, nil
}
