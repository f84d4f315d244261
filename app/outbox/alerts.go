package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

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
