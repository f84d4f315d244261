package dbtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/migrations"
)

func TestRun_gives_a_migrated_database_of_its_own(t *testing.T) {
	t.Parallel()
	for range 2 {
		dbtest.Run(t, func(t *testing.T, s *db.Stores) {
			require.NoError(t, s.Migrate(t.Context(), migrations.Files), "nothing is left to apply")
			var n int
			require.NoError(t, s.Koi.QueryRow(t.Context(), "SELECT COUNT(*) FROM goose_db_version").Scan(&n))
			require.Greater(t, n, 1)
			require.NoError(t, s.Koi.Tx(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(t.Context(), "CREATE TABLE only_here (a INT)")
				return err
			}), "the second round would find it, were the database not its own")
		})
	}
}

func TestServer_keeps_what_was_committed_when_it_is_killed(t *testing.T) {
	t.Parallel()
	srv := dbtest.NewServer(t)
	d, err := db.OpenMySQL(t.Context(), srv.MigratedDSN(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	require.NoError(t, d.Tx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "CREATE TABLE kept (a INT)")
		return err
	}))
	srv.Kill()
	require.Error(t, d.Ping(t.Context()))
	require.NoError(t, srv.Start(t.Context()))
	require.NoError(t, d.Ping(t.Context()))
	var n int
	require.NoError(t, d.QueryRow(t.Context(), "SELECT COUNT(*) FROM kept").Scan(&n))
}
