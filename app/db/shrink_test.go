package db_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
)

func TestDB_Shrink_gives_deleted_pages_back(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx := t.Context()
		free := func() (n int) {
			if s.Koi.Engine() == db.SQLite {
				require.NoError(t, s.Koi.QueryRow(ctx, "PRAGMA freelist_count").Scan(&n))
			}
			return n
		}
		require.NoError(t, s.Koi.Tx(ctx, func(tx *db.Tx) error {
			var rows [][]any
			for i := range 200 {
				rows = append(rows, []any{i + 1, 0, "x", "x", "x", 1, bytes.Repeat([]byte{1}, 8000), 0, 0, 0})
			}
			return tx.Insert(ctx, "dead_letters", []string{"id", "lane", "type", "stage", "error", "v", "body", "parked_at", "tries", "settled_at"}, rows)
		}))
		require.NoError(t, s.Koi.Tx(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, "DELETE FROM dead_letters")
			return err
		}))
		before := free()
		require.NoError(t, s.Koi.Shrink(ctx, 100))
		require.Equal(t, max(0, before-100), free())
	})
}
