package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"github.com/koi-scrm/koi/app/fault"
)

// Snapshot writes a consistent copy of an embedded database to a new file, while others go on reading and
// writing. The copy is on disk when it returns. Faults: Conflict for a MySQL database, which has tools of
// its own; Unavailable when there is no room or no right to write.
func (d *DB) Snapshot(ctx context.Context, file string) error {
	if d.engine != SQLite {
		return fault.New(fault.Conflict, "数据在 MySQL 里，请用它自己的工具备份")
	}
	// Neither pool serves: the readers may write nothing, not even elsewhere, and the writer is needed.
	var list []struct{ name, file string }
	rows, err := d.Query(ctx, "PRAGMA database_list")
	if err != nil {
		return fmt.Errorf("find the database file: %w", err)
	}
	if err := Each(rows, func(r *sql.Rows) error {
		var seq int
		var x struct{ name, file string }
		err := r.Scan(&seq, &x.name, &x.file)
		list = append(list, x)
		return err
	}); err != nil {
		return fmt.Errorf("find the database file: %w", err)
	}
	if len(list) == 0 || list[0].file == "" {
		return errors.New("the database has no file")
	}
	own, err := sql.Open(sqliteDriver, list[0].file+"?_busy_timeout=5000")
	if err != nil {
		return fmt.Errorf("open %s: %w", list[0].file, err)
	}
	defer own.Close()
	// One statement is one read transaction: what is committed meanwhile is not in the copy.
	if _, err := own.ExecContext(ctx, "VACUUM INTO ?", file); err != nil {
		return fault.Wrap(err, fault.Unavailable, "写不了备份文件 %s：请检查磁盘空间和权限", file)
	}
	f, err := os.OpenFile(file, os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("sync %s: %w", file, err)
	}
	return errors.Join(f.Chmod(0o600), f.Sync(), f.Close())
}
