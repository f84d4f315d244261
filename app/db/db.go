// Package db opens the relational stores and gives them one face: a single writer with explicit
// transactions, a read pool, and the few statements that SQLite and MySQL spell differently. It knows
// no table. SQL given to it is written in the common subset of SQLite, MySQL 8, MariaDB 10.6+ and TiDB:
// no RETURNING, no JSON operators, no SKIP LOCKED, no savepoints. Text is compared byte by byte, also by
// LIKE; only blanks at the end differ (MySQL takes 'a' and 'a ' for equal), so keys from outside are
// trimmed before they are stored.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/koi-scrm/koi/app/fault"
)

// Engine is the SQL dialect of a DB.
type Engine string

// The engines.
const (
	SQLite Engine = "sqlite"
	MySQL  Engine = "mysql"
)

// DB is one database: on SQLite one file with one writer connection and a read pool, on MySQL one pool.
// It is safe for concurrent use.
type DB struct {
	engine Engine
	write  *sql.DB
	read   *sql.DB
	gorm   *gorm.DB // over read
	stmts  *stmtCache
	watch  atomic.Pointer[func([]Statement)] // see Watch
}

// Stores are the databases of one Koi. On SQLite the log is a file of its own with its own writer, so
// that admission does not wait for the pipeline; on MySQL both are the same database.
type Stores struct {
	Log *DB
	Koi *DB
}

// Close closes both.
func (s *Stores) Close() error {
	if s.Log == s.Koi {
		return s.Koi.Close()
	}
	return errors.Join(s.Log.Close(), s.Koi.Close())
}

// Engine returns the dialect.
func (d *DB) Engine() Engine { return d.engine }

// Close closes the connections. On SQLite the last connection checkpoints the WAL.
func (d *DB) Close() error {
	d.stmts.close()
	if d.read == d.write {
		return d.write.Close()
	}
	return errors.Join(d.read.Close(), d.write.Close())
}

// Ping checks that the database answers.
func (d *DB) Ping(ctx context.Context) error { return classify(d.read.PingContext(ctx)) }

// Shrink gives up to so many free pages back to the file system; what was deleted stays in the file
// otherwise. On MySQL it does nothing: the server keeps its own house.
func (d *DB) Shrink(ctx context.Context, pages int) error {
	if d.engine != SQLite {
		return nil
	}
	// The pragma frees a page with each row it is stepped through.
	rows, err := d.write.QueryContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", pages))
	if err != nil {
		return classify(err)
	}
	return Each(rows, func(*sql.Rows) error { return nil })
}

// Querier reads: both a DB (read pool) and a Tx (its own snapshot) do.
type Querier interface {
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) Row
	Gorm(ctx context.Context) *gorm.DB
	Engine() Engine
}

// Query reads on the read pool.
func (d *DB) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	d.note(query, args)
	rows, err := d.read.QueryContext(ctx, query, args...)
	return rows, classify(err)
}

// QueryRow reads one row on the read pool; Scan returns sql.ErrNoRows when there is none.
func (d *DB) QueryRow(ctx context.Context, query string, args ...any) Row {
	d.note(query, args)
	return Row{d.read.QueryRowContext(ctx, query, args...)}
}

// Row is the one row of a query.
type Row struct{ row *sql.Row }

// Scan copies the columns; sql.ErrNoRows when there is no row, a fault Unavailable when the database is away.
func (r Row) Scan(dest ...any) error { return classify(r.row.Scan(dest...)) }

// Gorm is the read pool for store*.go files. Writes go through Tx.
func (d *DB) Gorm(ctx context.Context) *gorm.DB { return d.gorm.WithContext(ctx) }

// Tx is a write transaction. It must not be used after its function returned, nor from two goroutines.
type Tx struct {
	db         *DB
	tx         *sql.Tx
	statements int
	rows       int64
	watched    []Statement // while somebody watches
}

// Statements is how many statements the transaction ran so far, reads included (gorm's are not counted).
func (t *Tx) Statements() int { return t.statements }

// Rows is how many rows its statements wrote so far.
func (t *Tx) Rows() int64 { return t.rows }

// maxTries bounds how often a transaction is run again after a deadlock or lock timeout.
const maxTries = 8

// Tx runs fn in a write transaction and commits when it returns nil. On MySQL's deadlock (1213) and lock
// wait timeout (1205) the whole of fn is run again, so fn must be free of other effects. On SQLite there
// is one writer: calling Tx (or anything else that writes) inside fn waits for ever, hence the XxxTx
// functions everywhere that take the transaction they are in.
//
// Faults: Unavailable when the database is away, full or locked.
func (d *DB) Tx(ctx context.Context, fn func(tx *Tx) error) error {
	var err error
	for try := range maxTries {
		if try > 0 {
			select {
			case <-ctx.Done():
				return err
			case <-time.After(time.Duration(rand.Int64N(int64(5<<try))+1) * time.Millisecond):
			}
		}
		if err = d.once(ctx, fn); err == nil || !retryable(err) {
			return err
		}
	}
	return fault.Wrap(err, fault.Unavailable, "数据库繁忙，请稍后再试")
}

func (d *DB) once(ctx context.Context, fn func(tx *Tx) error) (err error) {
	d.stmts.prepareWanted(ctx, d.write)
	var opts *sql.TxOptions
	if d.engine == MySQL {
		opts = &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	}
	tx, err := d.write.BeginTx(ctx, opts)
	if err != nil {
		return classify(err)
	}
	defer func() {
		if p := recover(); p != nil {
			_ = tx.Rollback()
			panic(p)
		}
	}()
	t := &Tx{db: d, tx: tx}
	if err := fn(t); err != nil {
		_ = tx.Rollback() // the connection may be gone; the server rolls back by itself
		return classify(cancelled(ctx, err))
	}
	if err := tx.Commit(); err != nil {
		return classify(cancelled(ctx, err))
	}
	t.committed()
	return nil
}

// cancelled: database/sql rolls back as soon as ctx ends, and what comes after that only hears that the
// transaction is over.
func cancelled(ctx context.Context, err error) error {
	if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Engine returns the dialect.
func (t *Tx) Engine() Engine { return t.db.engine }

// Exec runs a statement and returns the number of rows it matched (on MySQL too: clientFoundRows).
func (t *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	t.statements++
	t.note(query, args, false)
	var res sql.Result
	var err error
	if s := t.db.stmts.get(query); s != nil {
		res, err = t.tx.StmtContext(ctx, s).ExecContext(ctx, args...)
	} else {
		res, err = t.tx.ExecContext(ctx, query, args...)
	}
	if err != nil {
		return 0, classify(err)
	}
	n, err := res.RowsAffected()
	t.rows += n
	return n, err
}

// Query reads inside the transaction. Close the rows before the next statement.
func (t *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	t.statements++
	t.note(query, args, true)
	if s := t.db.stmts.get(query); s != nil {
		rows, err := t.tx.StmtContext(ctx, s).QueryContext(ctx, args...)
		return rows, classify(err)
	}
	rows, err := t.tx.QueryContext(ctx, query, args...)
	return rows, classify(err)
}

// QueryRow reads one row inside the transaction.
func (t *Tx) QueryRow(ctx context.Context, query string, args ...any) Row {
	t.statements++
	t.note(query, args, true)
	return Row{t.tx.QueryRowContext(ctx, query, args...)}
}

// Gorm binds gorm to the transaction, for store*.go files.
func (t *Tx) Gorm(ctx context.Context) *gorm.DB {
	g := t.db.gorm.Session(&gorm.Session{NewDB: true, Context: ctx})
	g.Statement.ConnPool = t.tx
	return g
}

// rowsPerStatement: more rows a statement buy nothing, and some drivers bind superlinearly.
const rowsPerStatement = 100

// Insert writes rows with as few statements as it should (≤ 100 rows each). All rows have len(cols) values.
func (t *Tx) Insert(ctx context.Context, table string, cols []string, rows [][]any) error {
	_, err := t.insert(ctx, "INSERT INTO ", table, cols, "", rows)
	return err
}

// InsertIgnore is Insert that leaves rows alone whose key exists; it returns how many were new. The values
// must be known to fit: MySQL also lets a too long text pass here, cut to its column.
func (t *Tx) InsertIgnore(ctx context.Context, table string, cols []string, rows [][]any) (int64, error) {
	verb := "INSERT IGNORE INTO "
	if t.db.engine == SQLite {
		verb = "INSERT OR IGNORE INTO "
	}
	return t.insert(ctx, verb, table, cols, "", rows)
}

// Upsert is Insert that, where the key exists, overwrites the columns in update with the new values.
func (t *Tx) Upsert(ctx context.Context, table string, key, cols, update []string, rows [][]any) error {
	_, err := t.insert(ctx, "INSERT INTO ", table, cols, upsertTail(t.db.engine, key, update), rows)
	return err
}

func upsertTail(engine Engine, key, update []string) string {
	var b strings.Builder
	if engine == SQLite {
		b.WriteString(" ON CONFLICT (" + strings.Join(key, ",") + ") DO UPDATE SET ")
	} else {
		b.WriteString(" ON DUPLICATE KEY UPDATE ")
	}
	for i, c := range update {
		if i > 0 {
			b.WriteByte(',')
		}
		if engine == SQLite {
			b.WriteString(c + "=excluded." + c)
		} else {
			b.WriteString(c + "=VALUES(" + c + ")")
		}
	}
	return b.String()
}

func (t *Tx) insert(ctx context.Context, verb, table string, cols []string, tail string, rows [][]any) (int64, error) {
	var total int64
	for len(rows) > 0 {
		// Full chunks share one statement text, which stays prepared; a rest is cut into powers of two
		// for the same reason.
		n := rowsPerStatement
		if len(rows) < n {
			for n = 64; n > len(rows); n /= 2 {
			}
		}
		args := make([]any, 0, n*len(cols))
		for _, r := range rows[:n] {
			args = append(args, r...)
		}
		got, err := t.Exec(ctx, verb+table+" ("+strings.Join(cols, ",")+") VALUES "+Tuples(n, len(cols))+tail, args...)
		if err != nil {
			return total, fmt.Errorf("write %s: %w", table, err)
		}
		total += got
		rows = rows[n:]
	}
	return total, nil
}

// Tuples returns "(?,?),(?,?)" for n rows of width values.
func Tuples(n, width int) string {
	one := "(" + Marks(width) + ")"
	return strings.TrimSuffix(strings.Repeat(one+",", n), ",")
}

// Marks returns "?,?,?" for n values.
func Marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// Args turns a slice into statement arguments.
func Args[T any](list []T) []any {
	args := make([]any, len(list))
	for i, v := range list {
		args[i] = v
	}
	return args
}

// EachIn runs query for list in chunks of ≤ 512 values; the query has one %s where "?,?,…" goes, inside
// IN (…), and before are the arguments that stand before it. scan is called for each row.
func EachIn[T any](ctx context.Context, q Querier, query string, list []T, before []any, scan func(*sql.Rows) error) error {
	const chunk = 512
	for len(list) > 0 {
		part := list[:min(chunk, len(list))]
		list = list[len(part):]
		// The number of marks is a power of two, so that a few texts serve all and stay prepared; the last
		// value fills up.
		marks := 1
		for marks < len(part) {
			marks *= 2
		}
		args := append(append(make([]any, 0, len(before)+marks), before...), Args(part)...)
		for range marks - len(part) {
			args = append(args, part[len(part)-1])
		}
		rows, err := q.Query(ctx, fmt.Sprintf(query, Marks(marks)), args...)
		if err != nil {
			return err
		}
		if err := Each(rows, scan); err != nil {
			return err
		}
	}
	return nil
}

// Each calls scan for every row and closes rows.
func Each(rows *sql.Rows, scan func(*sql.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return classify(rows.Err())
}

func openGorm(d gorm.Dialector) (*gorm.DB, error) {
	return gorm.Open(translator{d}, &gorm.Config{
		SkipDefaultTransaction:   true,
		DisableNestedTransaction: true,
		DisableAutomaticPing:     true,
		TranslateError:           true,
		Logger:                   logger.Discard, // errors are returned; statements may hold personal values
	})
}

// translator classifies gorm's errors like all others, in place of the dialect's own translation.
type translator struct{ gorm.Dialector }

func (translator) Translate(err error) error { return classify(err) }

// stmtCache keeps prepared statements of the hot path on the one SQLite writer. Preparing inside a
// transaction would wait for its connection for ever, so a miss is noted and prepared before the next
// transaction begins. On MySQL it stays empty: parameters are interpolated, one round trip each.
type stmtCache struct {
	mu     sync.Mutex
	on     bool
	have   map[string]*sql.Stmt
	seen   map[string]int
	wanted []string
}

// maxStmts bounds the cache; texts come from code, so it is never reached in practice.
const maxStmts = 512

func newStmtCache(on bool) *stmtCache {
	return &stmtCache{on: on, have: map[string]*sql.Stmt{}, seen: map[string]int{}}
}

func (c *stmtCache) get(query string) *sql.Stmt {
	if !c.on {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.have[query]; s != nil {
		return s
	}
	if len(c.seen) < maxStmts {
		if c.seen[query]++; c.seen[query] == 2 { // worth it from the second use
			c.wanted = append(c.wanted, query)
		}
	}
	return nil
}

// prepareWanted must not hold mu while it prepares: that waits for the writer, whose transaction asks get.
func (c *stmtCache) prepareWanted(ctx context.Context, w *sql.DB) {
	c.mu.Lock()
	wanted := c.wanted
	c.wanted = nil
	c.mu.Unlock()
	for i, q := range wanted {
		s, err := w.PrepareContext(ctx, q)
		c.mu.Lock()
		switch {
		case ctx.Err() != nil && err != nil:
			c.wanted = append(c.wanted, wanted[i:]...)
			c.mu.Unlock()
			return
		case err != nil:
			slog.Debug("prepare failed; the statement runs unprepared", "err", err)
		default:
			c.have[q] = s
		}
		c.mu.Unlock()
	}
}

func (c *stmtCache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.have {
		_ = s.Close()
	}
	c.have = map[string]*sql.Stmt{}
}
