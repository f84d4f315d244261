package db_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/fault"
)

// fish is the table of these tests: db knows none of its own.
func fish(t *testing.T, s *db.Stores) *db.DB {
	t.Helper()
	exec(t, s.Koi, "CREATE TABLE fish (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(20) NOT NULL, weight BIGINT NOT NULL)")
	return s.Koi
}

func exec(t *testing.T, d *db.DB, query string, args ...any) int64 {
	t.Helper()
	var n int64
	require.NoError(t, d.Tx(t.Context(), func(tx *db.Tx) (err error) {
		n, err = tx.Exec(t.Context(), query, args...)
		return err
	}))
	return n
}

func number(t *testing.T, q db.Querier, query string, args ...any) int64 {
	t.Helper()
	var n int64
	require.NoError(t, q.QueryRow(t.Context(), query, args...).Scan(&n))
	return n
}

func TestTx(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		d := fish(t, s)
		insert := func(tx *db.Tx, id int) error {
			_, err := tx.Exec(t.Context(), "INSERT INTO fish (id,name,weight) VALUES (?,?,0)", id, "a")
			return err
		}

		require.NoError(t, d.Tx(t.Context(), func(tx *db.Tx) error { return insert(tx, 1) }))
		require.EqualValues(t, 1, number(t, d, "SELECT COUNT(*) FROM fish"), "committed")

		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			require.NoError(t, insert(tx, 2))
			require.EqualValues(t, 2, number(t, tx, "SELECT COUNT(*) FROM fish"), "it sees its own rows")
			return errors.New("no")
		})
		require.EqualError(t, err, "no")
		require.EqualValues(t, 1, number(t, d, "SELECT COUNT(*) FROM fish"), "an error undoes it")

		require.PanicsWithValue(t, "oh", func() {
			_ = d.Tx(t.Context(), func(tx *db.Tx) error {
				require.NoError(t, insert(tx, 2))
				panic("oh")
			})
		})
		require.EqualValues(t, 1, number(t, d, "SELECT COUNT(*) FROM fish"), "a panic undoes it, and the writer is free again")

		n := exec(t, d, "UPDATE fish SET weight=weight WHERE id=1")
		require.EqualValues(t, 1, n, "matched rows are counted, changed or not")

		err = d.Tx(t.Context(), func(tx *db.Tx) error { return insert(tx, 1) })
		require.Error(t, err)
		require.Equal(t, fault.Internal, fault.KindOf(err), "a duplicate key is not the database's absence")

		ctx, cancel := context.WithCancel(t.Context())
		err = d.Tx(ctx, func(tx *db.Tx) error {
			cancel()
			return insert(tx, 3)
		})
		require.ErrorIs(t, err, context.Canceled)
		require.EqualValues(t, 1, number(t, d, "SELECT COUNT(*) FROM fish"), "cancelled")
	})
}

func TestTx_runs_again_after_a_deadlock(t *testing.T) {
	t.Parallel()
	d := fish(t, dbtest.MySQL(t))
	exec(t, d, "INSERT INTO fish (id,name,weight) VALUES (1,'a',0),(2,'b',0)")

	// Each takes its own row, waits until the other has its own too, and asks for the other's.
	var tries sync.Map
	has := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	var once [2]sync.Once
	lift := func(me int) error {
		n := 0
		return d.Tx(t.Context(), func(tx *db.Tx) error {
			n++
			tries.Store(me, n)
			if _, err := tx.Exec(t.Context(), "UPDATE fish SET weight=weight+1 WHERE id=?", me+1); err != nil {
				return err
			}
			once[me].Do(func() { close(has[me]) })
			<-has[1-me]
			_, err := tx.Exec(t.Context(), "UPDATE fish SET weight=weight+1 WHERE id=?", 2-me)
			if err != nil {
				return fmt.Errorf("lift: %w", err)
			}
			return nil
		})
	}
	errs := make(chan error, 2)
	for me := range 2 {
		go func() { errs <- lift(me) }()
	}
	require.NoError(t, <-errs)
	require.NoError(t, <-errs)
	require.EqualValues(t, 4, number(t, d, "SELECT SUM(weight) FROM fish"), "both effects, once each")
	a, _ := tries.Load(0)
	b, _ := tries.Load(1)
	require.Greater(t, a.(int)+b.(int), 2, "one was the victim")
}

// Preparing waits for the one writer, and the transaction that has the writer asks the cache: neither may
// wait for the other.
func TestTx_many_at_once_do_not_wait_for_each_other_for_ever(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		d := fish(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		var all sync.WaitGroup
		for g := range 8 {
			all.Go(func() {
				for i := range 25 {
					err := d.Tx(ctx, func(tx *db.Tx) error {
						// A text of its own, worth preparing from the second use.
						insert := fmt.Sprintf("INSERT INTO fish (id,name,weight) VALUES (?,?,%d)", g*25+i)
						for k := range 3 {
							if _, err := tx.Exec(ctx, insert, g*1000+i*10+k, "x"); err != nil {
								return err
							}
						}
						return nil
					})
					if err != nil {
						t.Errorf("%d/%d: %v", g, i, err)
						return
					}
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 8*25*3, number(t, d, "SELECT COUNT(*) FROM fish"))
	})
}

func TestExec_keeps_its_meaning_when_the_statement_is_prepared_and_the_schema_changes(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		d := fish(t, s)
		for i := range 5 {
			require.EqualValues(t, 1, exec(t, d, "INSERT INTO fish (id,name,weight) VALUES (?,?,?)", i, "x", i))
		}
		exec(t, d, "ALTER TABLE fish ADD COLUMN colour BIGINT NOT NULL DEFAULT 7")
		require.EqualValues(t, 1, exec(t, d, "INSERT INTO fish (id,name,weight) VALUES (?,?,?)", 9, "x", 9))
		require.EqualValues(t, 42, number(t, d, "SELECT SUM(colour) FROM fish"))
		require.EqualValues(t, 19, number(t, d, "SELECT SUM(weight) FROM fish"))
	})
}

func rows(n int) [][]any {
	list := make([][]any, n)
	for i := range list {
		list[i] = []any{int64(i), fmt.Sprintf("鲤鱼🐟%d", i), int64(i * 10)}
	}
	return list
}

var fishCols = []string{"id", "name", "weight"}

func TestInsert_writes_any_number_of_rows(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		d := fish(t, s)
		for _, n := range []int{0, 1, 2, 3, 63, 64, 65, 99, 100, 101, 199, 250} {
			exec(t, d, "DELETE FROM fish")
			require.NoError(t, d.Tx(t.Context(), func(tx *db.Tx) error {
				return tx.Insert(t.Context(), "fish", fishCols, rows(n))
			}))
			require.EqualValues(t, n, number(t, d, "SELECT COUNT(*) FROM fish"))
			if n > 0 {
				require.EqualValues(t, (n-1)*10, number(t, d, "SELECT weight FROM fish WHERE id=? AND name=?", n-1, rows(n)[n-1][1]))
			}
		}
	})
}

func TestInsert_names_the_table_in_its_error(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		d := fish(t, s)
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			return tx.Insert(t.Context(), "fish", fishCols, append(rows(2), rows(1)...))
		})
		require.ErrorContains(t, err, "write fish: ")
		require.Zero(t, number(t, d, "SELECT COUNT(*) FROM fish"))
	})
}

func TestInsertIgnore_counts_the_new_rows(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		d := fish(t, s)
		ignore := func(list [][]any) (n int64) {
			require.NoError(t, d.Tx(t.Context(), func(tx *db.Tx) (err error) {
				n, err = tx.InsertIgnore(t.Context(), "fish", fishCols, list)
				return err
			}))
			return n
		}
		require.EqualValues(t, 120, ignore(rows(120)))
		exec(t, d, "UPDATE fish SET weight=-1 WHERE id=5")
		require.EqualValues(t, 30, ignore(rows(150)))
		require.Zero(t, ignore(rows(150)))
		require.EqualValues(t, -1, number(t, d, "SELECT weight FROM fish WHERE id=5"), "the row that was there stays")
	})
}

func TestUpsert_overwrites_only_the_columns_it_is_told(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		d := fish(t, s)
		upsert := func(update []string, list ...[]any) {
			require.NoError(t, d.Tx(t.Context(), func(tx *db.Tx) error {
				return tx.Upsert(t.Context(), "fish", []string{"id"}, fishCols, update, list)
			}))
		}
		name := func(id int) (s string) {
			require.NoError(t, d.QueryRow(t.Context(), "SELECT name FROM fish WHERE id=?", id).Scan(&s))
			return s
		}
		upsert([]string{"weight"}, rows(130)...)
		upsert([]string{"weight"}, []any{1, "new", 999}, []any{500, "fresh", 1})
		require.EqualValues(t, 999, number(t, d, "SELECT weight FROM fish WHERE id=1"))
		require.Equal(t, "鲤鱼🐟1", name(1))
		require.Equal(t, "fresh", name(500))
		upsert([]string{"name", "weight"}, []any{1, "new", 5})
		require.Equal(t, "new", name(1))
		require.EqualValues(t, 131, number(t, d, "SELECT COUNT(*) FROM fish"))
	})
}

func TestEachIn_reads_lists_of_any_length(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		d := fish(t, s)
		require.NoError(t, d.Tx(t.Context(), func(tx *db.Tx) error { return tx.Insert(t.Context(), "fish", fishCols, rows(1100)) }))
		for _, n := range []int{0, 1, 399, 400, 401, 1100} {
			ids := make([]int64, n)
			for i := range ids {
				ids[i] = int64(i)
			}
			seen := map[int64]bool{}
			require.NoError(t, db.EachIn(t.Context(), d, "SELECT id FROM fish WHERE weight>=? AND id IN (%s)", ids, []any{0}, func(r *sql.Rows) error {
				var id int64
				err := r.Scan(&id)
				seen[id] = true
				return err
			}))
			require.Len(t, seen, n)
		}
		// The error of scan ends it, and the rows are closed: the transaction goes on.
		require.NoError(t, d.Tx(t.Context(), func(tx *db.Tx) error {
			err := db.EachIn(t.Context(), tx, "SELECT id FROM fish WHERE id IN (%s)", []int64{1, 2, 3}, nil, func(*sql.Rows) error { return errors.New("enough") })
			require.EqualError(t, err, "enough")
			_, err = tx.Exec(t.Context(), "DELETE FROM fish WHERE id=1")
			return err
		}))
	})
}

func TestText_is_compared_byte_by_byte(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		d := fish(t, s)
		exec(t, d, "INSERT INTO fish (id,name,weight) VALUES (1,'koi',0),(2,'Koi',0),(3,'kói',0),(4,'鲤🐟',0)")
		require.EqualValues(t, 1, number(t, d, "SELECT COUNT(*) FROM fish WHERE name=?", "koi"))
		require.EqualValues(t, 4, number(t, d, "SELECT id FROM fish WHERE name=?", "鲤🐟"))
		require.EqualValues(t, 2, number(t, d, "SELECT MIN(id) FROM fish WHERE name LIKE ?", "Ko_"))
	})
}

type aFish struct {
	ID     int64
	Name   string
	Weight int64
}

func (aFish) TableName() string { return "fish" }

func TestGorm_reads_and_writes_where_it_is_bound(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		d := fish(t, s)
		require.NoError(t, d.Tx(t.Context(), func(tx *db.Tx) error {
			require.NoError(t, tx.Gorm(t.Context()).Create(&aFish{ID: 1, Name: "a", Weight: 3}).Error)
			var got aFish
			require.NoError(t, tx.Gorm(t.Context()).First(&got, 1).Error)
			require.Equal(t, aFish{1, "a", 3}, got)
			var outside []aFish
			require.NoError(t, d.Gorm(t.Context()).Find(&outside).Error)
			require.Empty(t, outside, "the pool does not see what is not committed")
			return tx.Gorm(t.Context()).Model(&aFish{}).Where("id=?", 1).Update("weight", 4).Error
		}))
		var got []aFish
		require.NoError(t, d.Gorm(t.Context()).Find(&got).Error)
		require.Equal(t, []aFish{{1, "a", 4}}, got)

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, d.Gorm(ctx).Find(&got).Error, context.Canceled)
	})
}

func TestIDs_are_dense_and_given_out_once(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		take := func(ids *db.IDs, n int, fail error) []int64 {
			var got []int64
			err := s.Koi.Tx(t.Context(), func(tx *db.Tx) error {
				if err := ids.Begin(t.Context(), tx, n); err != nil {
					return err
				}
				for range n {
					got = append(got, ids.Take())
				}
				return fail
			})
			require.ErrorIs(t, err, fail)
			if err == nil {
				ids.Commit()
			}
			return got
		}
		ids := db.NewIDs("fish")
		require.Equal(t, []int64{1, 2, 3}, take(ids, 3, nil))
		undone := errors.New("undone")
		require.Equal(t, []int64{4, 5}, take(ids, 2, undone))
		require.Equal(t, []int64{4, 5, 6}, take(ids, 3, nil), "what was rolled back is given again")

		next := int64(7)
		for range 3 { // over the end of a block, with a rollback there too
			take(ids, 700, undone)
			got := take(ids, 700, nil)
			require.Equal(t, next, got[0])
			require.Equal(t, next+699, got[699])
			next += 700
		}
		again := take(db.NewIDs("fish"), 1, nil)
		require.GreaterOrEqual(t, again[0], next, "another process begins behind what was reserved")
		require.Less(t, again[0], next+2000)
		require.Equal(t, []int64{1}, take(db.NewIDs("birds"), 1, nil))
		require.Len(t, take(db.NewIDs("herring"), 2500, nil), 2500)
		require.Panics(t, func() { db.NewIDs("x").Take() })
	})
}

func TestOpenSQLite_sets_what_keeps_a_commit(t *testing.T) {
	t.Parallel()
	s := dbtest.SQLite(t)
	for _, d := range []*db.DB{s.Log, s.Koi} {
		require.NoError(t, d.Tx(t.Context(), func(tx *db.Tx) error {
			var mode string
			require.NoError(t, tx.QueryRow(t.Context(), "PRAGMA journal_mode").Scan(&mode))
			require.Equal(t, "wal", mode)
			require.EqualValues(t, 2, number(t, tx, "PRAGMA synchronous"), "FULL")
			require.EqualValues(t, 2, number(t, tx, "PRAGMA auto_vacuum"), "INCREMENTAL")
			require.EqualValues(t, 4000, number(t, tx, "PRAGMA wal_autocheckpoint"))
			require.EqualValues(t, 5000, number(t, tx, "PRAGMA busy_timeout"))
			return nil
		}))
		rows, err := d.Query(t.Context(), "DELETE FROM goose_db_version")
		if err == nil {
			rows.Next()
			err = errors.Join(rows.Err(), rows.Close())
		}
		require.ErrorContains(t, err, "readonly", "the read pool cannot write")
	}
}

// A backup, a command of an operator or a further reader of the server's own opens the file at any moment.
func TestOpenSQLite_does_not_wait_for_who_writes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "koi.db")
	writer, err := db.OpenSQLite(path)
	require.NoError(t, err)
	defer writer.Close()
	require.NoError(t, writer.Tx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "CREATE TABLE a (n INTEGER)")
		return err
	}))
	require.NoError(t, writer.Tx(t.Context(), func(tx *db.Tx) error {
		if _, err := tx.Exec(t.Context(), "INSERT INTO a VALUES (1)"); err != nil {
			return err
		}
		beside, err := db.OpenSQLite(path) // with the writer's lock held as long as this lasts
		require.NoError(t, err)
		defer beside.Close()
		var n int
		require.NoError(t, beside.QueryRow(t.Context(), "SELECT COUNT(*) FROM a").Scan(&n))
		require.Zero(t, n)
		return nil
	}))
}

func TestOpenSQLite_takes_any_path(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "数据 100%?a=b#c&d")
	require.NoError(t, os.Mkdir(dir, 0o700))
	d, err := db.OpenSQLite(filepath.Join(dir, "koi.db"))
	require.NoError(t, err)
	exec(t, d, "CREATE TABLE here (a INT)")
	require.NoError(t, d.Close())
	require.FileExists(t, filepath.Join(dir, "koi.db"))
}

func TestOpenSQLite_says_when_the_directory_is_missing(t *testing.T) {
	t.Parallel()
	_, err := db.OpenSQLite(filepath.Join(t.TempDir(), "absent", "koi.db"))
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
}

func TestOpenMySQL_refuses_a_wrong_address_without_showing_it(t *testing.T) {
	t.Parallel()
	_, err := db.OpenMySQL(t.Context(), "koi:hunter2@nowhere")
	require.Equal(t, fault.Invalid, fault.KindOf(err))
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.NotContains(t, f.Message, "hunter2")
}

func TestStores_on_a_full_disk_say_so_and_recover(t *testing.T) {
	t.Parallel()
	s := dbtest.SQLite(t)
	d := fish(t, s)
	pages := number(t, d, "PRAGMA page_count")
	limit := func(pages int64) { // stands for the disk: SQLite answers with the same code
		require.NoError(t, d.Tx(t.Context(), func(tx *db.Tx) error {
			number(t, tx, fmt.Sprintf("PRAGMA max_page_count=%d", pages))
			return nil
		}))
	}
	limit(pages + 2)
	big := func(id int) error {
		return d.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "INSERT INTO fish (id,name,weight) VALUES (?,?,0)", id, strings.Repeat("x", 100_000))
			return err
		})
	}
	require.Equal(t, fault.Unavailable, fault.KindOf(big(1)))
	require.Zero(t, number(t, d, "SELECT COUNT(*) FROM fish"), "reading goes on")
	limit(pages + 1000)
	require.NoError(t, big(1))
}

func TestStores_locked_by_another_process_say_so_and_recover(t *testing.T) {
	t.Parallel()
	c := dbtest.SQLiteConfig(t)
	other, err := db.OpenSQLite(filepath.Join(c.DataDir, "koi.db"))
	require.NoError(t, err)
	defer other.Close()
	d, err := db.OpenSQLite(filepath.Join(c.DataDir, "koi.db"))
	require.NoError(t, err)
	defer d.Close()
	require.NoError(t, d.Tx(t.Context(), func(tx *db.Tx) error {
		number(t, tx, "PRAGMA busy_timeout=20") // do not wait the five seconds of production
		return nil
	}))
	require.NoError(t, other.Tx(t.Context(), func(*db.Tx) error {
		err := d.Tx(t.Context(), func(*db.Tx) error { return nil })
		require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
		return nil
	}))
	require.NoError(t, d.Tx(t.Context(), func(*db.Tx) error { return nil }))
}

func TestStores_without_their_server_say_so_and_recover(t *testing.T) {
	t.Parallel()
	srv := dbtest.NewServer(t)
	d, err := db.OpenMySQL(t.Context(), srv.MigratedDSN(t))
	require.NoError(t, err)
	defer d.Close()
	fish(t, &db.Stores{Log: d, Koi: d})

	unavailable := func(err error) {
		t.Helper()
		require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	}
	var n int
	err = d.Tx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "INSERT INTO fish (id,name,weight) VALUES (1,'a',0)")
		require.NoError(t, err)
		srv.Stop()
		_, err = tx.Exec(t.Context(), "INSERT INTO fish (id,name,weight) VALUES (2,'a',0)")
		return err
	})
	unavailable(err)
	unavailable(d.Tx(t.Context(), func(*db.Tx) error { return nil }))
	unavailable(d.Ping(t.Context()))
	unavailable(d.QueryRow(t.Context(), "SELECT COUNT(*) FROM fish").Scan(&n))
	unavailable(d.Gorm(t.Context()).Find(&[]aFish{}).Error)
	_, err = d.Query(t.Context(), "SELECT id FROM fish")
	unavailable(err)

	require.NoError(t, srv.Start(t.Context()))
	require.Zero(t, number(t, d, "SELECT COUNT(*) FROM fish"))
	exec(t, d, "INSERT INTO fish (id,name,weight) VALUES (1,'a',0)")
}

// A node that vanished must not keep the lease's row locked for the server's usual eight hours.
func TestOpenMySQL_bounds_how_long_a_vanished_node_holds_locks(t *testing.T) {
	t.Parallel()
	s := dbtest.MySQL(t)
	require.EqualValues(t, 6, number(t, s.Koi, "SELECT @@SESSION.wait_timeout"))
}
