package contact

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/koi-scrm/koi/app/db"
)

// Candidate is somebody who may be a lead.
type Candidate struct {
	ID         int64
	LastActive int64
}

// Friends lists the people who are WeCom friends of one of the staff ("CorpID/userid") now and fit the
// condition on the row c of contacts (rule.Tree.Where), newest first, without those who are excluded.
func (d *Directory) Friends(ctx context.Context, staff []string, where string, args []any, limit int) ([]Candidate, error) {
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
	var out []Candidate
	err = db.Each(rows, func(r *sql.Rows) error {
		var c Candidate
		err := r.Scan(&c.ID, &c.LastActive)
		out = append(out, c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list friends of staff: %w", err)
	}
	return out, nil
}

// Candidates are those of the ids, of people in use, who are not excluded.
func (d *Directory) Candidates(ctx context.Context, ids []int64) ([]Candidate, error) {
	var out []Candidate
	err := db.EachIn(ctx, d.db, "SELECT id, last_active_at FROM contacts WHERE merged_into=0 AND excluded=0 AND id IN (%s)", ids, nil, func(r *sql.Rows) error {
		var c Candidate
		err := r.Scan(&c.ID, &c.LastActive)
		out = append(out, c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read candidates: %w", err)
	}
	return out, nil
}

// Aliases tells of every id that the people behind the ids go by, also those merged into them, which one
// is in use.
func (d *Directory) Aliases(ctx context.Context, ids []int64) (map[int64]int64, error) {
	out := make(map[int64]int64, len(ids))
	add := func(r *sql.Rows) error {
		var old, kept int64
		err := r.Scan(&old, &kept)
		out[old] = kept
		return err
	}
	if err := db.EachIn(ctx, d.db, "SELECT old_id, kept_id FROM contact_alias WHERE old_id IN (%s)", ids, nil, add); err != nil {
		return nil, fmt.Errorf("read aliases: %w", err)
	}
	kept := map[int64]bool{}
	for _, id := range ids {
		if k, merged := out[id]; merged {
			id = k
		}
		kept[id] = true
	}
	for id := range kept {
		out[id] = id
	}
	if err := db.EachIn(ctx, d.db, "SELECT old_id, kept_id FROM contact_alias WHERE kept_id IN (%s)", sortedIDs(kept), nil, add); err != nil {
		return nil, fmt.Errorf("read aliases: %w", err)
	}
	return out, nil
}
