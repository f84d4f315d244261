package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/mattn/go-sqlite3"
	"gorm.io/driver/mysql"
	"gorm.io/driver/sqlite"

	"github.com/koi-scrm/koi/app/fault"
)

// sqliteDriver is mattn's driver with the settings that no DSN parameter covers.
const sqliteDriver = "sqlite3_koi"

func init() {
	sql.Register(sqliteDriver, &sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error {
		// Inline checkpoints every ≈ 16 MiB: fewer stalls than SQLite's default of 4 MiB.
		// LIKE tells capitals from small letters, as with utf8mb4_bin; it can then use indexes too.
		_, err := c.Exec("PRAGMA wal_autocheckpoint=4000; PRAGMA temp_store=MEMORY; PRAGMA case_sensitive_like=ON", nil)
		return err
	}})
}

// Config says where the stores are.
type Config struct {
	Driver  Engine
	DSN     string // MySQL: user:password@tcp(host:port)/database; SQLite: empty, files in DataDir
	DataDir string
}

// Open opens both stores without changing them; Migrate brings the schema up.
func Open(ctx context.Context, c Config) (*Stores, error) {
	if c.Driver == MySQL {
		d, err := OpenMySQL(ctx, c.DSN)
		if err != nil {
			return nil, err
		}
		return &Stores{Log: d, Koi: d}, nil
	}
	log, err := OpenSQLite(filepath.Join(c.DataDir, "log.db"))
	if err != nil {
		return nil, err
	}
	koi, err := OpenSQLite(filepath.Join(c.DataDir, "koi.db"))
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return &Stores{Log: log, Koi: koi}, nil
}

// OpenSQLite opens a file in WAL mode with synchronous=FULL: a commit that returned survives power loss.
func OpenSQLite(path string) (*DB, error) {
	dsn := func(extra string) string {
		u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
		return u.String() + "?_journal_mode=WAL&_synchronous=FULL&_busy_timeout=5000" + extra
	}
	// Only a file that begins can be told how to vacuum. Said to one that is there it changes nothing, but
	// takes the lock of writers each time: a connection could not be opened while somebody writes.
	vacuum := ""
	if f, err := os.Stat(path); err != nil || f.Size() == 0 {
		vacuum = "&_auto_vacuum=incremental"
	}
	w, err := sql.Open(sqliteDriver, dsn("&_txlock=immediate&_cache_size=-65536"+vacuum))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	w.SetMaxOpenConns(1)
	w.SetMaxIdleConns(1)
	w.SetConnMaxLifetime(0)
	// The writer makes the file, so that the read-only pool finds one.
	if err := w.Ping(); err != nil {
		return nil, errors.Join(fault.Wrap(err, fault.Unavailable, "打不开数据库文件 %s：请检查目录是否存在、磁盘是否已满、是否有写权限", path), w.Close())
	}
	r, err := sql.Open(sqliteDriver, dsn("&_query_only=1&_cache_size=-16384")) // each of many has a cache of its own
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	r.SetMaxOpenConns(max(4, runtime.NumCPU()*2))
	r.SetMaxIdleConns(max(4, runtime.NumCPU()*2)) // opening one reads the whole schema
	r.SetConnMaxIdleTime(time.Minute)
	g, err := openGorm(&sqlite.Dialector{DriverName: sqliteDriver, Conn: r})
	if err != nil {
		return nil, errors.Join(classify(err), r.Close(), w.Close())
	}
	return &DB{engine: SQLite, write: w, read: r, gorm: g, stmts: newStmtCache(true)}, nil
}

// OpenMySQL opens a MySQL-protocol database. It needs no server to be up: the first use tells.
func OpenMySQL(ctx context.Context, dsn string) (*DB, error) {
	c, err := mysqldriver.ParseDSN(dsn)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "database.dsn 写法不对，应形如 koi:密码@tcp(127.0.0.1:3306)/koi")
	}
	c.ClientFoundRows = true
	c.InterpolateParams = true
	c.Collation = "utf8mb4_bin"
	c.Timeout = 3 * time.Second
	c.Logger = driverLog{}
	if c.ReadTimeout == 0 {
		c.ReadTimeout = 60 * time.Second
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = 30 * time.Second
	}
	if c.Params["wait_timeout"] == "" {
		if c.Params == nil {
			c.Params = map[string]string{}
		}
		// A node that froze or vanished in the middle of a transaction keeps its locks, the lease's among them,
		// until the server gives its connection up: after eight hours, unless told. Another node shall take
		// over within ten seconds, and nothing of ours pauses for as long between two statements.
		c.Params["wait_timeout"] = "6"
	}
	conn, err := mysqldriver.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("mysql connector: %w", err)
	}
	pool := sql.OpenDB(conn)
	pool.SetMaxOpenConns(32)
	pool.SetMaxIdleConns(8)
	pool.SetConnMaxIdleTime(3 * time.Second) // before the server does
	g, err := openGorm(mysql.New(mysql.Config{Conn: pool, SkipInitializeWithVersion: true}))
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return &DB{engine: MySQL, write: pool, read: pool, gorm: g, stmts: newStmtCache(false)}, nil
}

// driverLog takes what the driver would print by itself: lost connections, whose errors are returned too.
type driverLog struct{}

func (driverLog) Print(v ...any) { slog.Debug("mysql driver", "message", fmt.Sprint(v...)) }

// retryable: the transaction was undone by the server and may be run again as it is.
func retryable(err error) bool {
	var m *mysqldriver.MySQLError
	// 1213 deadlock, 1205 lock wait timeout; TiDB: 9007 write conflict, 8002/8022 retry.
	return errors.As(err, &m) && (m.Number == 1213 || m.Number == 1205 || m.Number == 9007 || m.Number == 8002 || m.Number == 8022)
}

// classify makes a fault of errors that mean "the database is away"; others pass unchanged.
func classify(err error) error {
	if err == nil {
		return nil
	}
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	if away(err) {
		return fault.Wrap(err, fault.Unavailable, "数据库暂时不可用，请稍后再试")
	}
	return err
}

func away(err error) bool {
	var s sqlite3.Error
	if errors.As(err, &s) {
		switch s.Code {
		case sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrCantOpen, sqlite3.ErrReadonly,
			sqlite3.ErrNomem, sqlite3.ErrPerm, sqlite3.ErrAuth,
			sqlite3.ErrCorrupt, sqlite3.ErrNotADB: // to be repaired, and nothing to blame an event for
			return true
		}
		return false
	}
	var m *mysqldriver.MySQLError
	if errors.As(err, &m) {
		switch m.Number {
		case 3, 1021, 1026, 1114, 1180, // disk or table full, also under a temporary file or a commit
			1030,                   // the storage engine's own trouble
			1037, 1038, 1041, 1206, // out of memory, of locks
			1040, 1129, 1203, 1226, // too many connections, or too many that failed
			1044, 1045, 1142, 1227, // access taken away
			1053, 1317, 1927, 4031, // shutting down, query or connection killed
			1290, 1836, // read-only
			3024,                   // statement took too long
			9001, 9002, 9003, 9005: // TiDB: part of the cluster does not answer
			return true
		}
		return false
	}
	var n net.Error
	if errors.As(err, &n) || strings.Contains(err.Error(), "bad connection") {
		return true
	}
	for _, gone := range []error{mysqldriver.ErrInvalidConn, mysqldriver.ErrMalformPkt, mysqldriver.ErrPktSync, mysqldriver.ErrPktSyncMul, sql.ErrConnDone} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}
