package backup_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/backup"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/fault"
)

// house opens the two files of a data directory with a table each.
func house(t *testing.T, dir string) *db.Stores {
	t.Helper()
	s, err := db.Open(t.Context(), db.Config{Driver: db.SQLite, DataDir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func exec(t *testing.T, d *db.DB, query string, args ...any) {
	t.Helper()
	require.NoError(t, d.Tx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), query, args...)
		return err
	}))
}

func top(t *testing.T, d *db.DB, query string) (n int64) {
	t.Helper()
	rows, err := d.Query(t.Context(), query)
	require.NoError(t, err)
	require.NoError(t, db.Each(rows, func(r *sql.Rows) error { return r.Scan(&n) }))
	return n
}

func TestMake_copies_a_moment_of_each_file_and_koi_db_first(t *testing.T) {
	t.Parallel()
	s := house(t, t.TempDir())
	exec(t, s.Log, "CREATE TABLE log (seq INTEGER PRIMARY KEY, body BLOB)")
	exec(t, s.Koi, "CREATE TABLE applied (seq INTEGER PRIMARY KEY, body BLOB)")
	body := bytes.Repeat([]byte("x"), 4000)
	write := func(seq int) {
		exec(t, s.Log, "INSERT INTO log VALUES (?,?)", seq, body)
		exec(t, s.Koi, "INSERT INTO applied VALUES (?,?)", seq, body)
	}
	for seq := range 500 {
		write(seq)
	}
	// Writing goes on all the while.
	stop := make(chan struct{})
	var busy sync.WaitGroup
	busy.Add(1)
	go func() {
		defer busy.Done()
		for seq := 500; ; seq++ {
			select {
			case <-stop:
				return
			default:
				write(seq)
			}
		}
	}()
	file := filepath.Join(t.TempDir(), "koi.tar.gz")
	m, err := backup.Make(t.Context(), s, "v1", "abc", file)
	close(stop)
	busy.Wait()
	require.NoError(t, err)
	require.Equal(t, "abc", m.Key)

	got, err := backup.Inspect(file)
	require.NoError(t, err)
	require.Equal(t, m, got)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	left, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".koi*"))
	require.NoError(t, err)
	require.Empty(t, left)

	dir := t.TempDir()
	_, err = backup.Restore(file, dir, "abc")
	require.NoError(t, err)
	again := house(t, dir)
	applied, logged := top(t, again.Koi, "SELECT MAX(seq) FROM applied"), top(t, again.Log, "SELECT MAX(seq) FROM log")
	require.GreaterOrEqual(t, applied, int64(499))
	require.GreaterOrEqual(t, logged, applied, "the log reaches at least as far as it was applied")
	for _, d := range []*db.DB{again.Koi, again.Log} {
		var verdict string
		rows, err := d.Query(t.Context(), "PRAGMA integrity_check")
		require.NoError(t, err)
		require.NoError(t, db.Each(rows, func(r *sql.Rows) error { return r.Scan(&verdict) }))
		require.Equal(t, "ok", verdict)
	}
}

func TestMake_overwrites_nothing_and_leaves_MySQL_to_its_own_tools(t *testing.T) {
	t.Parallel()
	s := house(t, t.TempDir())
	file := filepath.Join(t.TempDir(), "koi.tar.gz")
	require.NoError(t, os.WriteFile(file, []byte("mine"), 0o600))
	_, err := backup.Make(t.Context(), s, "v1", "abc", file)
	require.True(t, fault.Is(err, fault.Conflict), err)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "mine", string(text))
	_, err = backup.Make(t.Context(), s, "v1", "abc", filepath.Join(t.TempDir(), "no", "where"))
	require.True(t, fault.Is(err, fault.Unavailable), err)
	t.Run("mysql", func(t *testing.T) {
		_, err := backup.Make(t.Context(), dbtest.MySQL(t), "v1", "abc", filepath.Join(t.TempDir(), "x"))
		require.True(t, fault.Is(err, fault.Conflict), err)
		require.ErrorContains(t, err, "mysqldump")
	})
}

func TestRestore_refuses_what_is_not_a_whole_backup_of_this_key(t *testing.T) {
	t.Parallel()
	s := house(t, t.TempDir())
	exec(t, s.Koi, "CREATE TABLE a (x BLOB)")
	exec(t, s.Koi, "INSERT INTO a VALUES (randomblob(200000))")
	file := filepath.Join(t.TempDir(), "koi.tar.gz")
	_, err := backup.Make(t.Context(), s, "v1", "abc", file)
	require.NoError(t, err)
	whole, err := os.ReadFile(file)
	require.NoError(t, err)

	_, err = backup.Restore(file, t.TempDir(), "other")
	require.True(t, fault.Is(err, fault.Conflict), err)
	require.ErrorContains(t, err, "secret.key")
	full := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(full, "koi.db"), nil, 0o600))
	_, err = backup.Restore(file, full, "abc")
	require.True(t, fault.Is(err, fault.Conflict), err)
	_, err = backup.Restore(filepath.Join(full, "nowhere"), t.TempDir(), "abc")
	require.True(t, fault.Is(err, fault.Invalid), err)

	// A file that lost its end, or a byte of which changed, at every tenth of it.
	for i := range 10 {
		at := len(whole) * i / 10
		flipped := bytes.Clone(whole)
		flipped[max(at, 1)] ^= 0x40
		for name, text := range map[string][]byte{"cut": whole[:at], "flipped": flipped} {
			if name == "flipped" && i == 0 {
				continue // the header of gzip has bytes that mean nothing
			}
			bad, dir := filepath.Join(t.TempDir(), "bad"), t.TempDir()
			require.NoError(t, os.WriteFile(bad, text, 0o600))
			_, err := backup.Restore(bad, dir, "abc")
			require.Error(t, err, fmt.Sprintf("%s at %d", name, at))
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left, "nothing is half there")
		}
	}
}
