package share

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/lease"
)

// Purge deletes arrivals and customers' tokens that are older than a business time, up to limit of each, and
// returns how many rows went. A viewer who comes back has their token registered again.
func Purge(ctx context.Context, d *db.DB, l *lease.Lease, before int64, limit int) (int64, error) {
	var opens []int64
	rows, err := d.Query(ctx, "SELECT id, settle_at FROM share_opens ORDER BY id LIMIT ?", limit)
	if err != nil {
		return 0, fmt.Errorf("find old arrivals: %w", err)
	}
	young := false
	err = db.Each(rows, func(r *sql.Rows) error {
		var id, at int64
		err := r.Scan(&id, &at)
		if young = young || at >= before; !young {
			opens = append(opens, id)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find old arrivals: %w", err)
	}
	var tokens []string
	rows, err = d.Query(ctx, "SELECT token FROM share_tokens WHERE at<? AND staff='' ORDER BY at LIMIT ?", before, limit)
	if err != nil {
		return 0, fmt.Errorf("find old share tokens: %w", err)
	}
	err = db.Each(rows, func(r *sql.Rows) error {
		var token string
		err := r.Scan(&token)
		tokens = append(tokens, token)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find old share tokens: %w", err)
	}
	if len(opens)+len(tokens) == 0 {
		return 0, nil
	}
	var gone int64
	err = d.Tx(ctx, func(tx *db.Tx) error {
		gone = 0
		a, err := deleteAll(ctx, tx, "DELETE FROM share_opens WHERE id IN (%s)", opens)
		if err != nil {
			return err
		}
		b, err := deleteAll(ctx, tx, "DELETE FROM share_tokens WHERE token IN (%s)", tokens)
		if err != nil {
			return err
		}
		gone = a + b
		return l.Guard(ctx, tx)
	})
	return gone, err
}

func deleteAll[T any](ctx context.Context, tx *db.Tx, query string, keys []T) (n int64, err error) {
	for part := range slices.Chunk(keys, 100) {
		got, err := tx.Exec(ctx, fmt.Sprintf(query, db.Marks(len(part))), db.Args(part)...)
		if err != nil {
			return n, fmt.Errorf("delete old shares: %w", err)
		}
		n += got
	}
	return n, nil
}
