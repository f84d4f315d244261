package contact

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/koi-scrm/koi/app/db"
)

// Activity is when somebody was last active.
type Activity struct {
	ID         int64
	LastActive int64
}

// Friends lists the people who are WeCom friends of one of the staff ("CorpID/userid") now and fit the
// condition on the row c of contacts (rule.Tree.Where), newest first, without those who are excluded.
func (d *Directory) Friends(ctx context.Context, staff []string, where string, args []any, limit int) ([]Activity, error) {
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
	var out []Activity
	err = db.Each(rows, func(r *sql.Rows) error {
		var a Activity
		err := r.Scan(&a.ID, &a.LastActive)
		out = append(out, a)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list friends of staff: %w", err)
	}
	return out, nil
}

// Activities are those of the people with these ids who are in use and not excluded.
func (d *Directory) Activities(ctx context.Context, ids []int64) ([]Activity, error) {
	var out []Activity
	err := db.EachIn(ctx, d.db, "SELECT id, last_active_at FROM contacts WHERE merged_into=0 AND excluded=0 AND id IN (%s)", ids, nil, func(r *sql.Rows) error {
		var a Activity
		err := r.Scan(&a.ID, &a.LastActive)
		out = append(out, a)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read when people were active: %w", err)
	}
	return out, nil
}

// Aliases tells of every id that the people behind the ids go by, also those merged into them, which one
// is in use.
func (d *Directory) Aliases(ctx context.Context, ids []int64) (map[int64]int64, error) {
	out, kept, err := readAliases(ctx, d.db, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range kept {
		out[id] = id
	}
	return out, nil
}
