package db_test

import (
	"io/fs"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/fault"
)

// emptyStores runs body on databases without any table.
func emptyStores(t *testing.T, body func(t *testing.T, s *db.Stores)) {
	t.Helper()
	open := func(t *testing.T, c db.Config) *db.Stores {
		s, err := db.Open(t.Context(), c)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	t.Run("sqlite", func(t *testing.T) { body(t, open(t, db.Config{Driver: db.SQLite, DataDir: t.TempDir()})) })
	t.Run("mysql", func(t *testing.T) {
		body(t, open(t, db.Config{Driver: db.MySQL, DSN: dbtest.EmptyMySQLDSN(t)}))
	})
}

// files are migrations for all three folders: number_name.sql → statements.
func files(sql map[string]string) fs.FS {
	m := fstest.MapFS{}
	for name, text := range sql {
		for _, dir := range []string{"sqlite/log", "sqlite/koi", "mysql"} {
			m[filepath.Join(dir, name)] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + text)}
		}
	}
	return m
}

var (
	pond  = map[string]string{"0001_pond.sql": "CREATE TABLE IF NOT EXISTS pond (id BIGINT NOT NULL PRIMARY KEY);\nCREATE TABLE IF NOT EXISTS reed (id BIGINT NOT NULL PRIMARY KEY);\n"}
	depth = "ALTER TABLE pond ADD COLUMN depth BIGINT NOT NULL DEFAULT 0;\n"
)

func with(base map[string]string, more ...string) map[string]string {
	m := map[string]string{}
	for k, v := range base {
		m[k] = v
	}
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

func version(t *testing.T, d *db.DB) int64 {
	t.Helper()
	return number(t, d, "SELECT MAX(version_id) FROM goose_db_version")
}

func TestMigrate_applies_what_is_new_and_nothing_twice(t *testing.T) {
	t.Parallel()
	emptyStores(t, func(t *testing.T, s *db.Stores) {
		require.NoError(t, s.Migrate(t.Context(), files(pond)))
		require.EqualValues(t, 1, version(t, s.Koi))
		exec(t, s.Koi, "INSERT INTO pond (id) VALUES (1)")

		two := files(with(pond, "0002_depth.sql", depth))
		for range 3 {
			require.NoError(t, s.Migrate(t.Context(), two))
			require.EqualValues(t, 2, version(t, s.Koi))
			require.EqualValues(t, 2, version(t, s.Log))
			require.EqualValues(t, 3, number(t, s.Koi, "SELECT COUNT(*) FROM goose_db_version"), "0, 1 and 2, once each")
		}
		require.Zero(t, number(t, s.Koi, "SELECT depth FROM pond"), "the row is still there")
	})
}

// The connection that held the migrations' lock may be idle for hours. No transaction may be on it: a node that
// froze in one would keep its locks for as long.
func TestMigrate_leaves_no_patient_connection_behind(t *testing.T) {
	t.Parallel()
	s, err := db.Open(t.Context(), db.Config{Driver: db.MySQL, DSN: dbtest.EmptyMySQLDSN(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(t.Context(), files(pond)))
	for range 5 {
		require.NoError(t, s.Koi.Tx(t.Context(), func(tx *db.Tx) error {
			var seconds int
			err := tx.QueryRow(t.Context(), "SELECT @@SESSION.wait_timeout").Scan(&seconds)
			require.Equal(t, 6, seconds)
			return err
		}))
	}
}

func TestMigrate_refuses_a_newer_database_and_leaves_it_alone(t *testing.T) {
	t.Parallel()
	emptyStores(t, func(t *testing.T, s *db.Stores) {
		require.NoError(t, s.Migrate(t.Context(), files(with(pond, "0002_depth.sql", depth))))
		err := s.Migrate(t.Context(), files(pond))
		require.Equal(t, fault.Conflict, fault.KindOf(err), "%v", err)
		require.EqualValues(t, 2, version(t, s.Koi))
	})
}

func TestMigrate_stops_at_a_mistake_and_goes_on_when_it_is_corrected(t *testing.T) {
	t.Parallel()
	emptyStores(t, func(t *testing.T, s *db.Stores) {
		wrong := with(pond, "0002_depth.sql", "ALTER TABLE lake ADD COLUMN depth BIGINT;\n", "0003_later.sql", "CREATE TABLE later (id BIGINT);\n")
		require.Error(t, s.Migrate(t.Context(), files(wrong)))
		require.EqualValues(t, 1, version(t, s.Log))
		wrong["0002_depth.sql"] = depth
		require.NoError(t, s.Migrate(t.Context(), files(wrong)))
		require.EqualValues(t, 3, version(t, s.Koi))
	})
}

// MySQL commits each DDL by itself: a crash may leave a change without its version.
func TestMigrate_takes_what_is_there_already_as_done(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"a table (1050)":  "CREATE TABLE shore (id BIGINT);\n",
		"a column (1060)": depth,
		"an index (1061)": "CREATE INDEX pond_id ON pond (id);\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := db.OpenMySQL(t.Context(), dbtest.EmptyMySQLDSN(t))
			require.NoError(t, err)
			defer d.Close()
			s := &db.Stores{Log: d, Koi: d}
			require.NoError(t, s.Migrate(t.Context(), files(pond)))
			exec(t, d, change) // what the crashed run had done
			require.NoError(t, s.Migrate(t.Context(), files(with(pond, "0002_change.sql", change, "0003_later.sql", "CREATE TABLE later (id BIGINT);\n"))))
			require.EqualValues(t, 3, version(t, d))
			require.EqualValues(t, 4, number(t, d, "SELECT COUNT(*) FROM goose_db_version"))
			require.Zero(t, number(t, d, "SELECT COUNT(*) FROM later"))
		})
	}
}

func TestMigrate_by_several_nodes_at_once(t *testing.T) {
	t.Parallel()
	dsn := dbtest.EmptyMySQLDSN(t)
	all := files(with(pond, "0002_depth.sql", depth, "0003_later.sql", "CREATE TABLE later (id BIGINT);\n"))
	var nodes sync.WaitGroup
	for range 4 {
		nodes.Go(func() {
			d, err := db.OpenMySQL(t.Context(), dsn)
			if err != nil {
				t.Error(err)
				return
			}
			defer d.Close()
			if err := (&db.Stores{Log: d, Koi: d}).Migrate(t.Context(), all); err != nil {
				t.Error(err)
			}
		})
	}
	nodes.Wait()
	d, err := db.OpenMySQL(t.Context(), dsn)
	require.NoError(t, err)
	defer d.Close()
	require.EqualValues(t, 4, number(t, d, "SELECT COUNT(*) FROM goose_db_version"))
}

func TestMigrate_without_a_server_says_so(t *testing.T) {
	t.Parallel()
	d, err := db.OpenMySQL(t.Context(), "koi@unix("+filepath.Join(t.TempDir(), "absent")+")/koi")
	require.NoError(t, err)
	defer d.Close()
	require.Equal(t, fault.Unavailable, fault.KindOf((&db.Stores{Log: d, Koi: d}).Migrate(t.Context(), files(pond))))
}
