package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/koi-scrm/koi/app/backup"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/lease"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/configs"
	"github.com/koi-scrm/koi/migrations"
)

// BackupInput is what `koi backup` asks: where the archive goes, as an absolute path.
type BackupInput struct {
	File string `json:"file"`
}

func (a *App) backup(ctx context.Context, in json.RawMessage) (any, error) {
	var q BackupInput
	if err := json.Unmarshal(in, &q); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "命令写法不对")
	}
	return backup.Make(ctx, a.Stores, Version, a.Keys.Fingerprint(), q.File)
}

// Restored is what `koi restore` did.
type Restored struct {
	backup.Manifest
	Held int64 // messages that wait for an operator, since they may have been sent after the backup
}

// Restore puts an archive into the configured data directory, which must have no database and the key the
// archive was sealed with, and brings the schema up. Messages that waited then are held: they may have
// been sent since. Faults: Conflict while a server holds the directory, when there is a database, with
// another key, or when the data is in MySQL; NotFound without a key; Invalid for a file that is no backup.
func Restore(ctx context.Context, cfg *configs.Config, file string) (_ *Restored, err error) {
	if db.Engine(cfg.Database.Driver) == db.MySQL {
		return nil, fault.New(fault.Conflict, "数据在 MySQL 里，请用它自己的工具恢复：mysql -h 主机 -u 用户 -p 库名 < koi.sql")
	}
	unlock, err := lease.LockDir(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if _, err := backup.Inspect(file); err != nil {
		return nil, err
	}
	keys, err := secret.Find(cfg.SecretKey, cfg.DataDir)
	if err != nil {
		return nil, err
	}
	m, err := backup.Restore(file, cfg.DataDir, keys.Fingerprint())
	if err != nil {
		return nil, err
	}
	stores, err := db.Open(ctx, db.Config{Driver: db.SQLite, DataDir: cfg.DataDir})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stores.Close()) }()
	if err := stores.Migrate(ctx, migrations.Files); err != nil {
		return nil, fmt.Errorf("migrate what was restored: %w", err)
	}
	held, err := outbox.HoldRestored(ctx, stores.Koi, clock.Ms(time.Now()))
	return &Restored{Manifest: *m, Held: held}, err
}
