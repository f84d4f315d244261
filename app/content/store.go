package content

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
)

const countFields = "page, views, visitors, submits, last_at"

func (s *Stage) read(ctx context.Context, tx *db.Tx) error {
	pages := slices.Sorted(maps.Keys(s.counts))
	err := db.EachIn(ctx, tx, "SELECT "+countFields+" FROM page_counts WHERE page IN (%s)", pages, nil, func(r *sql.Rows) error {
		key, c, err := scanCount(r)
		if err == nil {
			s.counts[key] = c
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("load page counts: %w", err)
	}
	err = db.EachIn(ctx, tx, "SELECT page, contact_id FROM page_people WHERE page IN ("+db.Marks(len(pages))+") AND contact_id IN (%s)",
		s.people.Loaded(), db.Args(pages), func(r *sql.Rows) error {
			var v visit
			err := r.Scan(&v.page, &v.person)
			s.seen[v] = true
			return err
		})
	if err != nil {
		return fmt.Errorf("load page visitors: %w", err)
	}
	return nil
}

func scanCount(r *sql.Rows) (string, *Count, error) {
	var key string
	c := &Count{}
	err := r.Scan(&key, &c.Views, &c.Visitors, &c.Submits, &c.LastAt)
	return key, c, err
}

// Flush writes the counts.
func (s *Stage) Flush(ctx context.Context, tx *db.Tx, _ *event.Batch) error {
	if len(s.counts) == 0 {
		return nil
	}
	people := make([][]any, len(s.fresh))
	for i, v := range s.fresh {
		people[i] = []any{v.page, v.person}
	}
	if len(people) > 0 {
		if _, err := tx.InsertIgnore(ctx, "page_people", []string{"page", "contact_id"}, people); err != nil {
			return fmt.Errorf("write page visitors: %w", err)
		}
	}
	var rows [][]any
	for _, key := range slices.Sorted(maps.Keys(s.counts)) {
		c := s.counts[key]
		rows = append(rows, []any{key, c.Views, c.Visitors, c.Submits, c.LastAt})
	}
	cols := []string{"page", "views", "visitors", "submits", "last_at"}
	if err := tx.Upsert(ctx, "page_counts", cols[:1], cols, cols[1:], rows); err != nil {
		return fmt.Errorf("write page counts: %w", err)
	}
	return nil
}

// Directory reads counts and keeps short links.
type Directory struct{ db *db.DB }

// NewDirectory makes a directory.
func NewDirectory(d *db.DB) *Directory { return &Directory{db: d} }

// Counts are those of all pages that ever had a visitor.
func (d *Directory) Counts(ctx context.Context) (map[string]Count, error) {
	rows, err := d.db.Query(ctx, "SELECT "+countFields+" FROM page_counts")
	if err != nil {
		return nil, fmt.Errorf("read page counts: %w", err)
	}
	out := map[string]Count{}
	err = db.Each(rows, func(r *sql.Rows) error {
		key, c, err := scanCount(r)
		out[key] = *c
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read page counts: %w", err)
	}
	return out, nil
}

// ShortLink is a short address: /s/{Code} leads to a page with somebody's share token.
type ShortLink struct {
	Code  string
	Page  string
	Token string
	At    int64
}

// Keep stores a short link; one that is kept already stays as it is.
func (d *Directory) Keep(ctx context.Context, l ShortLink) error {
	err := d.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.InsertIgnore(ctx, "short_links", []string{"code", "page", "token", "created_at"}, [][]any{{l.Code, l.Page, l.Token, l.At}})
		return err
	})
	if err != nil {
		return fmt.Errorf("keep short link: %w", err)
	}
	return nil
}

// Open finds a short link; false when there is none.
func (d *Directory) Open(ctx context.Context, code string) (ShortLink, bool, error) {
	rows, err := d.db.Query(ctx, "SELECT code, page, token, created_at FROM short_links WHERE code=?", code)
	if err != nil {
		return ShortLink{}, false, fmt.Errorf("find short link: %w", err)
	}
	var l ShortLink
	found := false
	err = db.Each(rows, func(r *sql.Rows) error {
		found = true
		return r.Scan(&l.Code, &l.Page, &l.Token, &l.At)
	})
	if err != nil {
		return ShortLink{}, false, fmt.Errorf("find short link: %w", err)
	}
	return l, found, nil
}
