// Package dbtest gives a test real databases: each call makes a fresh, migrated one of its own, dropped
// when the test ends. On SQLite that is two files in the test's directory, on MySQL a database on a
// MariaDB server shared by all test processes (see server.go). There is no in-memory stand-in: what a
// test proves, it proves about the engines Koi runs on.
//
// When no MySQL can be had, the mysql half is skipped with the reason; under CI it fails instead, so
// that a green run always covers both engines.
package dbtest

import (
	"fmt"
	"os"
	"testing"

	"github.com/koi-scrm/koi/app/db"
)

// Run runs body as the subtests "sqlite" and "mysql", each on stores of its own, closed at the end.
func Run(t *testing.T, body func(t *testing.T, s *db.Stores)) {
	t.Helper()
	RunConfig(t, func(t *testing.T, c db.Config) { body(t, open(t, c)) })
}

// RunConfig is Run for tests that open the database themselves: several times, as after a restart, or
// from another process. The database that c leads to is migrated and empty.
func RunConfig(t *testing.T, body func(t *testing.T, c db.Config)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { body(t, SQLiteConfig(t)) })
	t.Run("mysql", func(t *testing.T) { body(t, MySQLConfig(t)) })
}

// SQLite opens fresh, migrated stores on two files.
func SQLite(t testing.TB) *db.Stores {
	t.Helper()
	return open(t, SQLiteConfig(t))
}

// MySQL opens fresh, migrated stores in one database. It skips the test when there is no server, and
// fails it under CI.
func MySQL(t testing.TB) *db.Stores {
	t.Helper()
	return open(t, MySQLConfig(t))
}

// SQLiteConfig makes a data directory with two migrated, empty files.
func SQLiteConfig(t testing.TB) db.Config {
	t.Helper()
	dir := t.TempDir()
	if err := copySQLiteTemplate(t.Context(), dir); err != nil {
		t.Fatalf("make a SQLite database: %v", err)
	}
	return db.Config{Driver: db.SQLite, DataDir: dir}
}

// MySQLConfig makes a migrated, empty database. DataDir is a directory of the test's own.
func MySQLConfig(t testing.TB) db.Config {
	t.Helper()
	return db.Config{Driver: db.MySQL, DSN: MySQLDSN(t), DataDir: t.TempDir()}
}

// MySQLDSN makes a migrated, empty database and returns its address in the form of database.dsn, for
// tests that run Koi as another process.
func MySQLDSN(t testing.TB) string {
	t.Helper()
	s := sharedServer(t)
	dsn, drop, err := s.newDatabase(t.Context())
	if err != nil {
		t.Fatalf("make a MySQL database: %v", err)
	}
	t.Cleanup(drop)
	return dsn
}

// EmptyMySQLDSN is MySQLDSN without any table, for tests of the migrations themselves.
func EmptyMySQLDSN(t testing.TB) string {
	t.Helper()
	s := sharedServer(t)
	dsn, drop, err := s.emptyDatabase(t.Context())
	if err != nil {
		t.Fatalf("make a MySQL database: %v", err)
	}
	t.Cleanup(drop)
	return dsn
}

func open(t testing.TB, c db.Config) *db.Stores {
	t.Helper()
	s, err := db.Open(t.Context(), c)
	if err != nil {
		t.Fatalf("open %s: %v", c.Driver, err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close %s: %v", c.Driver, err)
		}
	})
	return s
}

// missing ends a test that needs a server: skipped at home, failed under CI.
func missing(t testing.TB, reason error) {
	t.Helper()
	msg := fmt.Sprintf("NOT TESTED ON MYSQL: %v", reason)
	if os.Getenv("CI") != "" {
		t.Fatal(msg)
	}
	t.Skip(msg)
}
