package db_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
)

func TestWatch_shows_what_was_committed_and_what_was_read(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx := t.Context()
		var seen [][]db.Statement
		s.Koi.Watch(func(list []db.Statement) { seen = append(seen, list) })
		insert := func(tx *db.Tx, name string) error {
			return tx.Insert(ctx, "sequences", []string{"name", "next"}, [][]any{{name, 1}})
		}
		require.NoError(t, s.Koi.Tx(ctx, func(tx *db.Tx) error {
			var n int
			if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM sequences").Scan(&n); err != nil {
				return err
			}
			return insert(tx, "kept")
		}))
		undone := errors.New("undone")
		require.ErrorIs(t, s.Koi.Tx(ctx, func(tx *db.Tx) error { return errors.Join(insert(tx, "dropped"), undone) }), undone)
		var next int
		require.NoError(t, s.Koi.QueryRow(ctx, "SELECT next FROM sequences WHERE name=?", "kept").Scan(&next))
		s.Koi.Watch(nil)
		require.NoError(t, s.Koi.Tx(ctx, func(tx *db.Tx) error { return insert(tx, "unseen") }))

		require.Equal(t, [][]db.Statement{
			{{Query: "SELECT COUNT(*) FROM sequences", Read: true}, {Query: "INSERT INTO sequences (name,next) VALUES (?,?)", Args: []any{"kept", 1}}},
			{{Query: "SELECT next FROM sequences WHERE name=?", Args: []any{"kept"}, Read: true}},
		}, seen)
	})
}
