package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"

	"github.com/koi-scrm/koi/app/fault"
)

// Migrate applies the SQL files of the store's folder (sqlite/log, sqlite/koi or mysql) that were not
// applied yet, in order. Running it again does nothing. On MySQL a named lock keeps two nodes from doing
// it together; on SQLite the caller holds the data directory's lock.
//
// Faults: Conflict when the database is newer than this program.
func (s *Stores) Migrate(ctx context.Context, files fs.FS) error {
	if s.Koi.engine == MySQL {
		return s.Koi.migrate(ctx, files, "mysql")
	}
	if err := s.Log.migrate(ctx, files, "sqlite/log"); err != nil {
		return err
	}
	return s.Koi.migrate(ctx, files, "sqlite/koi")
}

func (d *DB) migrate(ctx context.Context, files fs.FS, dir string) error {
	sub, err := fs.Sub(files, dir)
	if err != nil {
		return fmt.Errorf("migrations %s: %w", dir, err)
	}
	dialect := goose.DialectSQLite3
	if d.engine == MySQL {
		dialect = goose.DialectMySQL
		unlock, err := d.lockMigrations(ctx)
		if err != nil {
			return err
		}
		defer unlock()
	}
	p, err := goose.NewProvider(dialect, d.write, sub)
	if err != nil {
		return fmt.Errorf("read migrations %s: %w", dir, err)
	}
	current, err := p.GetDBVersion(ctx)
	if err != nil {
		return classify(fmt.Errorf("read schema version: %w", err))
	}
	sources := p.ListSources()
	newest := sources[len(sources)-1].Version
	if current > newest {
		return fault.New(fault.Conflict, "数据库版本（%d）比这个程序（%d）新：请换用更新的 Koi，旧程序不会打开新数据", current, newest)
	}
	for {
		_, err := p.UpByOne(ctx)
		switch {
		case errors.Is(err, goose.ErrNoNextVersion):
			return nil
		case err == nil:
			continue
		case alreadyThere(err):
			// MySQL commits each DDL by itself: the statement of this file was applied before, but a
			// crash kept its version from being written.
			next, verr := p.GetDBVersion(ctx)
			if verr != nil {
				return classify(verr)
			}
			if err := d.markApplied(ctx, sources, next); err != nil {
				return err
			}
		default:
			return classify(fmt.Errorf("migrate %s: %w", dir, err))
		}
	}
}

func (d *DB) markApplied(ctx context.Context, sources []*goose.Source, after int64) error {
	for _, s := range sources {
		if s.Version > after {
			_, err := d.write.ExecContext(ctx, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, 1)", s.Version)
			return classify(err)
		}
	}
	return nil
}

// alreadyThere: table (1050), column (1060) or index (1061) exists.
func alreadyThere(err error) bool {
	var m *mysqldriver.MySQLError
	return errors.As(err, &m) && (m.Number == 1050 || m.Number == 1060 || m.Number == 1061)
}

// migrateLock belongs to the database; lock names are the whole server's and hold 64 characters.
const migrateLock = "CONCAT('koi_migrate_', MD5(DATABASE()))"

func (d *DB) lockMigrations(ctx context.Context) (func(), error) {
	conn, err := d.write.Conn(ctx)
	if err != nil {
		return nil, classify(err)
	}
	// The connection is idle for as long as a migration takes, and holds the lock.
	if _, err := conn.ExecContext(ctx, "SET SESSION wait_timeout=28800"); err != nil {
		return nil, errors.Join(classify(err), conn.Close())
	}
	var got sql.NullInt64
	// Less than the connection's read timeout, which would end it without a reason.
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK("+migrateLock+", 50)").Scan(&got); err != nil {
		return nil, errors.Join(classify(err), conn.Close())
	}
	if got.Int64 != 1 {
		return nil, errors.Join(fault.New(fault.Unavailable, "另一个 Koi 正在升级数据库，等了 50 秒仍未完成：请稍后再启动"), conn.Close())
	}
	return func() {
		// A lost connection gives the lock up by itself.
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT RELEASE_LOCK("+migrateLock+")")
		// The pool must not keep it: it would wait for hours in the middle of a transaction.
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		_ = conn.Close()
	}, nil
}
