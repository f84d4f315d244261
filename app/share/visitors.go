package share

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/koi-scrm/koi/app/db"
)

// Visit is an arrival in the chains of one member of staff.
type Visit struct {
	*Open
	Contact int64 // whom the arrival stands under, before merges
	// Via is who passed the page on to them; the member of staff at the root, or a customer.
	Via Step
}

// VisitPlace is a position in a list of visits that runs from new to old; the zero one is its beginning.
type VisitPlace struct{ At, Credit int64 }

// Visitors lists who came in the chains of a member of staff ("CorpID/userid"), newest first: those who
// count and those who don't. Who waits for their token to be owned is nobody's visitor yet. page narrows
// where it is not "".
func (d *Directory) Visitors(ctx context.Context, staff, page string, before VisitPlace, limit int) ([]Visit, error) {
	query, args := "SELECT "+openFields+" FROM share_opens WHERE root=? AND state>1", []any{staff}
	if page != "" {
		query, args = query+" AND page=?", append(args, page)
	}
	if before.Credit != 0 {
		query, args = query+" AND (at<? OR (at=? AND id<?))", append(args, before.At, before.At, before.Credit)
	}
	rows, err := d.db.Query(ctx, query+" ORDER BY at DESC, id DESC LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("list visitors: %w", err)
	}
	var out []Visit
	var parents []string
	err = db.Each(rows, func(r *sql.Rows) error {
		o, err := scanOpen(r)
		if err == nil {
			out, parents = append(out, Visit{Open: o.shown(), Contact: o.contact}), append(parents, o.parent)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list visitors: %w", err)
	}
	s := &Stage{tokens: map[string]*token{}}
	if err := s.loadTokens(ctx, d.db, parents); err != nil {
		return nil, err
	}
	for i, v := range out {
		if t := s.tokens[v.Parent]; t != nil {
			out[i].Via = Step{Staff: t.staff, Person: t.person}
		}
	}
	return out, nil
}

// Level is how many people came to a page so many hops from the member of staff.
type Level struct {
	Page   string
	Depth  int64
	People int64
}

// Levels counts, by page and hops, the people who count in the chains of a member of staff, the nearest
// first.
func (d *Directory) Levels(ctx context.Context, staff string) ([]Level, error) {
	rows, err := d.db.Query(ctx, "SELECT page, depth, COUNT(*) FROM share_opens WHERE root=? AND mark='' AND state IN (?,?) GROUP BY page, depth ORDER BY page, depth",
		staff, Pending, Settled)
	if err != nil {
		return nil, fmt.Errorf("count levels: %w", err)
	}
	var out []Level
	err = db.Each(rows, func(r *sql.Rows) error {
		var l Level
		err := r.Scan(&l.Page, &l.Depth, &l.People)
		out = append(out, l)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count levels: %w", err)
	}
	return out, nil
}

// Minted lists the pages of which a member of staff has asked for a link, the newest first.
func (d *Directory) Minted(ctx context.Context, staff string, limit int) ([]string, error) {
	rows, err := d.db.Query(ctx, "SELECT page FROM share_chains WHERE staff=? ORDER BY id DESC LIMIT ?", staff, limit)
	if err != nil {
		return nil, fmt.Errorf("list minted links: %w", err)
	}
	var out []string
	err = db.Each(rows, func(r *sql.Rows) error {
		var page string
		err := r.Scan(&page)
		out = append(out, page)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list minted links: %w", err)
	}
	return out, nil
}
