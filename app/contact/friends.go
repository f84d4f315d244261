package contact

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/koi-scrm/koi/app/db"
)

// Friend is a person who is a WeCom friend of one of our staff now.
type Friend struct {
	ID         int64
	LastActive int64
}

// Friends lists the people who are WeCom friends of one of the staff ("CorpID/userid") now and fit the
// condition on the row c of contacts (rule.Tree.Where), newest first, without those who are excluded.
func (d *Directory) Friends(ctx context.Context, staff []string, where string, args []any, limit int) ([]Friend, error) {
	if len(staff) == 0 {
		return nil, nil
	}
	friends, who := CustomersOf(staff...).friends()
	// Scope.friends takes in those who were friends once; here they must be now.
	friends = strings.Replace(friends, "WHERE ", "WHERE s.removed_at=0 AND (", 1) + ")"
	query, all := "SELECT c.id, c.last_active_at FROM contacts c WHERE c.merged_into=0 AND c.excluded=0 AND c.id IN ("+friends+")", who
	if where != "" {
		query, all = query+" AND ("+where+")", append(all, args...)
	}
	rows, err := d.db.Query(ctx, query+" ORDER BY c.id DESC LIMIT ?", append(all, limit)...)
	if err != nil {
		return nil, fmt.Errorf("list friends of staff: %w", err)
	}
	var out []Friend
	err = db.Each(rows, func(r *sql.Rows) error {
		var f Friend
		err := r.Scan(&f.ID, &f.LastActive)
		out = append(out, f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list friends of staff: %w", err)
	}
	return out, nil
}
