package migrations_test

import (
	"database/sql"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/migrations"
)

const versions = "goose_db_version"

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := fs.ReadDir(migrations.Files, dir)
	require.NoError(t, err)
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestFiles_have_the_same_numbers_and_names_on_both_engines(t *testing.T) {
	t.Parallel()
	sqlite := append(names(t, "sqlite/koi"), names(t, "sqlite/log")...)
	slices.Sort(sqlite)
	require.Equal(t, names(t, "mysql"), slices.Compact(sqlite))
	numbers := map[string]string{}
	for _, name := range names(t, "mysql") {
		require.Regexp(t, `^\d{4}_[a-z0-9_]+\.sql$`, name)
		require.Empty(t, numbers[name[:4]], "%s: the number is taken", name)
		numbers[name[:4]] = name
	}
}

// banned are words of SQL that one of the engines lacks or takes otherwise (see package db).
var banned = regexp.MustCompile(`(?i)\b(AUTO_?INCREMENT|FOREIGN KEY|REFERENCES|TRIGGER|FULLTEXT|JSON|ENUM|FLOAT|DOUBLE|REAL|DECIMAL|NUMERIC|DATETIME|TIMESTAMP|DATE|TIME|BOOLEAN|GENERATED|CHECK)\b`)

var comment = regexp.MustCompile(`--.*`)

func TestFiles_stay_within_what_every_engine_knows(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"sqlite/log", "sqlite/koi", "mysql"} {
		for _, name := range names(t, dir) {
			text, err := fs.ReadFile(migrations.Files, path.Join(dir, name))
			require.NoError(t, err)
			at := path.Join(dir, name)
			require.True(t, strings.HasPrefix(string(text), "-- +goose Up\n"), at)
			require.NotContains(t, string(text), "+goose Down", at)
			statements := comment.ReplaceAllString(string(text), "")
			require.Empty(t, banned.FindString(statements), at)
			for line := range strings.Lines(statements) {
				if strings.HasPrefix(line, "CREATE ") {
					require.Contains(t, line, "IF NOT EXISTS", at)
				}
				if dir == "mysql" && strings.HasPrefix(line, ")") {
					require.Contains(t, line, "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin", at)
				}
			}
		}
	}
}

// class puts the types of both engines into three bins.
func class(t *testing.T, name string) string {
	t.Helper()
	base, _, _ := strings.Cut(strings.ToUpper(name), "(")
	switch strings.TrimSuffix(base, " UNSIGNED") {
	case "TINYINT", "SMALLINT", "INT", "INTEGER", "BIGINT":
		return "integer"
	case "CHAR", "VARCHAR", "TEXT", "MEDIUMTEXT", "LONGTEXT":
		return "text"
	case "BINARY", "VARBINARY", "BLOB", "MEDIUMBLOB", "LONGBLOB":
		return "bytes"
	}
	t.Fatalf("no column has the type %s: instants, amounts and points are integers", name)
	return ""
}

func column(t *testing.T, table, name, typ string, notNull bool) string {
	s := table + "." + name + " " + class(t, typ)
	if notNull {
		s += " not null"
	}
	return s
}

// list runs a query whose rows are scanned by next.
func list(t *testing.T, d *db.DB, query string, next func(*sql.Rows) error, args ...any) {
	t.Helper()
	rows, err := d.Query(t.Context(), query, args...)
	require.NoError(t, err)
	require.NoError(t, db.Each(rows, next))
}

func sqliteSchema(t *testing.T, d *db.DB) []string {
	t.Helper()
	var tables, lines []string
	list(t, d, "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite%'", func(r *sql.Rows) error {
		var name string
		err := r.Scan(&name)
		if name != versions {
			tables = append(tables, name)
		}
		return err
	})
	for _, table := range tables {
		key := map[int]string{}
		list(t, d, "SELECT name, type, \"notnull\", pk FROM pragma_table_info(?)", func(r *sql.Rows) error {
			var name, typ string
			var notNull, pk int
			err := r.Scan(&name, &typ, &notNull, &pk)
			if pk > 0 {
				key[pk] = name
				notNull = 1 // INTEGER PRIMARY KEY needs not say so
			}
			lines = append(lines, column(t, table, name, typ, notNull == 1))
			return err
		}, table)
		var cols []string
		for i := range len(key) {
			cols = append(cols, key[i+1])
		}
		lines = append(lines, fmt.Sprintf("%s key (%s)", table, strings.Join(cols, ", ")))
		type index struct {
			name   string
			unique int
		}
		var indexes []index
		list(t, d, "SELECT name, \"unique\", origin FROM pragma_index_list(?)", func(r *sql.Rows) error {
			var x index
			var origin string
			err := r.Scan(&x.name, &x.unique, &origin)
			require.NotEqual(t, "u", origin, "%s has an index without a name: use CREATE UNIQUE INDEX", table)
			if origin == "c" {
				indexes = append(indexes, x)
			}
			return err
		}, table)
		for _, x := range indexes {
			var cols []string
			list(t, d, "SELECT name FROM pragma_index_info(?) ORDER BY seqno", func(r *sql.Rows) error {
				var name string
				err := r.Scan(&name)
				cols = append(cols, name)
				return err
			}, x.name)
			lines = append(lines, indexLine(table, x.name, x.unique == 1, cols))
		}
	}
	return lines
}

func indexLine(table, name string, unique bool, cols []string) string {
	s := "index "
	if unique {
		s = "unique index "
	}
	return fmt.Sprintf("%s %s%s (%s)", table, s, name, strings.Join(cols, ", "))
}

func mysqlSchema(t *testing.T, d *db.DB) []string {
	t.Helper()
	var lines []string
	list(t, d, `SELECT table_name, column_name, data_type, is_nullable, COALESCE(collation_name,'')
		FROM information_schema.columns WHERE table_schema=DATABASE()`, func(r *sql.Rows) error {
		var table, name, typ, nullable, collation string
		err := r.Scan(&table, &name, &typ, &nullable, &collation)
		if table != versions {
			lines = append(lines, column(t, table, name, typ, nullable == "NO"))
			require.Contains(t, []string{"", "utf8mb4_bin"}, collation, "%s.%s", table, name)
		}
		return err
	})
	list(t, d, `SELECT table_name, index_name, MIN(non_unique), GROUP_CONCAT(column_name ORDER BY seq_in_index SEPARATOR ', ')
		FROM information_schema.statistics WHERE table_schema=DATABASE() GROUP BY table_name, index_name`, func(r *sql.Rows) error {
		var table, name, cols string
		var nonUnique int
		err := r.Scan(&table, &name, &nonUnique, &cols)
		switch {
		case table == versions:
		case name == "PRIMARY":
			key := fmt.Sprintf("%s key (%s)", table, cols)
			if on, differs := sameKey[key]; differs {
				key = on
			}
			lines = append(lines, key)
		default:
			lines = append(lines, indexLine(table, name, nonUnique == 0, []string{cols}))
		}
		return err
	})
	return lines
}

// sameKey are the tables that SQLite keeps by rowid, which needs a single integer as key, while MySQL leads
// the key with lane, so that a later cluster can part the lanes. The id alone is unique.
var sameKey = map[string]string{"events key (lane, id)": "events key (id)"}

func TestSchema_is_the_same_on_both_engines(t *testing.T) {
	t.Parallel()
	s := dbtest.SQLite(t)
	sqlite := append(sqliteSchema(t, s.Log), sqliteSchema(t, s.Koi)...)
	mysql := mysqlSchema(t, dbtest.MySQL(t).Koi)
	slices.Sort(sqlite)
	for i, line := range sqlite[1:] {
		// Each file has its own lease, so that a zombie cannot write to either.
		require.True(t, line != sqlite[i] || strings.HasPrefix(line, "lease"), "in both files: %s", line)
	}
	sqlite = slices.Compact(sqlite)
	slices.Sort(mysql)
	var only []string
	for _, line := range sqlite {
		if _, found := slices.BinarySearch(mysql, line); !found {
			only = append(only, "only on SQLite: "+line)
		}
	}
	for _, line := range mysql {
		if _, found := slices.BinarySearch(sqlite, line); !found {
			only = append(only, "only on MySQL:  "+line)
		}
		if table, rest, _ := strings.Cut(line, " "); strings.Contains(rest, "index ") {
			require.Contains(t, rest, "index "+table+"_", "an index is named after its table")
		}
	}
	slices.SortFunc(only, func(a, b string) int { return strings.Compare(a[16:], b[16:]) })
	require.Empty(t, strings.Join(only, "\n"))
	for _, line := range mysql {
		if strings.HasSuffix(line, " key ()") {
			t.Errorf("%s: every table has a primary key", line)
		}
	}
}

// upTo is the schema as a program of an earlier time had it.
func upTo(t *testing.T, last string) fs.FS {
	t.Helper()
	m := fstest.MapFS{}
	for _, dir := range []string{"sqlite/log", "sqlite/koi", "mysql"} {
		for _, name := range names(t, dir) {
			if name <= last {
				text, err := fs.ReadFile(migrations.Files, path.Join(dir, name))
				require.NoError(t, err)
				m[path.Join(dir, name)] = &fstest.MapFile{Data: text}
			}
		}
	}
	return m
}

func TestEveryOlderSchema_upgrades(t *testing.T) {
	t.Parallel()
	for _, last := range names(t, "mysql") {
		t.Run(last, func(t *testing.T) {
			t.Parallel()
			for engine, c := range map[string]func() db.Config{
				"sqlite": func() db.Config { return db.Config{Driver: db.SQLite, DataDir: t.TempDir()} },
				"mysql":  func() db.Config { return db.Config{Driver: db.MySQL, DSN: dbtest.EmptyMySQLDSN(t)} },
			} {
				s, err := db.Open(t.Context(), c())
				require.NoError(t, err)
				require.NoError(t, s.Migrate(t.Context(), upTo(t, last)), engine)
				require.NoError(t, s.Migrate(t.Context(), migrations.Files), engine)
				require.NoError(t, s.Close())
			}
		})
	}
}

func TestStaffAlerts_begin_with_the_messages_there_are(t *testing.T) {
	t.Parallel()
	for engine, c := range map[string]func(*testing.T) db.Config{
		"sqlite": func(t *testing.T) db.Config { return db.Config{Driver: db.SQLite, DataDir: t.TempDir()} },
		"mysql":  func(t *testing.T) db.Config { return db.Config{Driver: db.MySQL, DSN: dbtest.EmptyMySQLDSN(t)} },
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s, err := db.Open(t.Context(), c(t))
			require.NoError(t, err)
			defer s.Close()
			require.NoError(t, s.Migrate(t.Context(), upTo(t, "0063_outbox.sql")))
			cols := strings.Fields("id dedupe_key class kind step n journey_id run_id expires_at detail code platform_id attempt tries first_at attempt_at process due_at counted unsure updated_at template definition risk " +
				"channel account recipient contact_id state reason test created_at")
			var rows [][]any
			add := func(v ...any) {
				rows = append(rows, append([]any{len(rows) + 1, []byte("k"), 4, "text", "s", 0, 0, 0, 0, "", 0, "", 1, 0, 0, 0, 0, 0, 0, 0, 0, "", "", 0}, v...))
			}
			add("wecom_app", "ww1/1000002", "zhang", 7, 3, "", 0, 100)
			add("wecom_app", "ww1/1000003", "zhang", 7, 3, "", 0, 300)
			add("wecom_app", "ww1/1000002", "zhang", 7, 3, "", 0, 200)
			add("wecom_app", "ww1/1000002", "li", 7, 4, "", 0, 50)
			add("wecom_app", "ww2/1000002", "zhang", 8, 3, "", 0, 60)
			add("wecom_app", "ww1/1000002", "test", 7, 3, "", 1, 100)
			add("wecom_app", "ww1/1000002", "refused", 7, 5, "refused", 0, 100)
			add("wecom_app", "ww1/1000002", "capped", 7, 6, "staff_alert_cap", 0, 100)
			add("wecom_app", "ww1/1000002", "nobody", 0, 3, "", 0, 100)
			add("official_kf", "wx1", "o1", 7, 3, "", 0, 100)
			require.NoError(t, s.Koi.Tx(t.Context(), func(tx *db.Tx) error { return tx.Insert(t.Context(), "outbox", cols, rows) }))
			require.NoError(t, s.Migrate(t.Context(), migrations.Files))
			var got []string
			list(t, s.Koi, "SELECT corp_id, user_id, contact_id, at FROM staff_alerts ORDER BY corp_id, user_id", func(r *sql.Rows) error {
				var corp, user string
				var contact, at int64
				err := r.Scan(&corp, &user, &contact, &at)
				got = append(got, fmt.Sprint(corp, " ", user, " ", contact, " ", at))
				return err
			})
			require.Equal(t, []string{"ww1 li 7 50", "ww1 zhang 7 300", "ww2 zhang 8 60"}, got)
		})
	}
}
