package contact

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/koi-scrm/koi/app/db"
)

// Rank is a place in a list that a score orders: behind the person ID, of whom Value is stored; with Rest
// among those of whom nothing is. The zero Rank is the beginning.
type Rank struct {
	Value, ID int64
	Rest      bool
}

// Ranked returns the people a filter finds, those first who have most stored of a score model; who has
// nothing of it comes last, the newest first. Next is where the next page begins, nil on the last one. A
// person whose score changes between two pages may be missed, or come twice.
func (d *Directory) Ranked(ctx context.Context, f Filter, model int64, after Rank) (people []*Person, next *Rank, err error) {
	f.Before = 0
	few, err := d.lookups(ctx, f)
	if err != nil {
		return nil, nil, fmt.Errorf("rank contacts: %w", err)
	}
	few.name = true // the order by score knows no recent people
	var order []Rank
	if !after.Rest {
		if order, err = d.scored(ctx, f, few, model, after, f.Limit+1); err != nil {
			return nil, nil, fmt.Errorf("rank contacts: %w", err)
		}
		after = Rank{Rest: true}
	}
	if left := f.Limit + 1 - len(order); left > 0 {
		rest, err := d.unscored(ctx, f, few, model, after.ID, left)
		if err != nil {
			return nil, nil, fmt.Errorf("rank contacts: %w", err)
		}
		order = append(order, rest...)
	}
	if len(order) > f.Limit {
		order = order[:f.Limit]
		next = &order[f.Limit-1]
	}
	ids := make([]int64, len(order))
	for i, r := range order {
		ids[i] = r.ID
	}
	people, err = d.inOrder(ctx, ids)
	return people, next, err
}

func (d *Directory) scored(ctx context.Context, f Filter, few lookup, model int64, after Rank, limit int) ([]Rank, error) {
	where, args := f.sql(few)
	// Who reads begins with whichever side is small: the people of a condition that few fit, or the scores in
	// their order, until the page is full.
	from := "contact_scores r CROSS JOIN contacts c"
	if few != (lookup{name: true}) || f.Name != "" || f.Staff != "" || f.Within != nil && !f.Within.All() {
		from = "contacts c CROSS JOIN contact_scores r"
	}
	query := "SELECT r.contact_id, r.value FROM " + from + " WHERE r.contact_id=c.id AND r.model_id=? AND " + where
	args = append([]any{model}, args...)
	if after != (Rank{}) {
		query += " AND r.value<=? AND (r.value<? OR r.contact_id<?)"
		args = append(args, after.Value, after.Value, after.ID)
	}
	return d.ranks(ctx, query+" ORDER BY r.value DESC, r.contact_id DESC LIMIT ?", append(args, limit), false)
}

func (d *Directory) unscored(ctx context.Context, f Filter, few lookup, model, before int64, limit int) ([]Rank, error) {
	f.Before = before
	where, args := f.sql(few)
	return d.ranks(ctx, "SELECT c.id, 0 FROM contacts c WHERE "+where+
		" AND NOT EXISTS (SELECT 1 FROM contact_scores r WHERE r.contact_id=c.id AND r.model_id=?) ORDER BY c.id DESC LIMIT ?", append(args, model, limit), true)
}

func (d *Directory) ranks(ctx context.Context, query string, args []any, rest bool) (out []Rank, err error) {
	rows, err := d.db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	err = db.Each(rows, func(rows *sql.Rows) error {
		r := Rank{Rest: rest}
		err := rows.Scan(&r.ID, &r.Value)
		out = append(out, r)
		return err
	})
	return out, err
}
