package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/templates"
)

// Data fills a store with people, as fast as the tables take them.
func Data(ctx context.Context, o Options) (*Report, error) {
	if o.People == 0 {
		o.People = 10_000
	}
	return run(ctx, "data", o, func(ctx context.Context, r *rig, report *Report) error { return r.populate(ctx, report) })
}

// populate makes the schema and the starter definitions like a first start does, then writes people. A
// directory that was filled before is left as it is.
func (r *rig) populate(ctx context.Context, report *Report) error {
	a, err := app.Open(ctx, r.cfg, clock.Real{})
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }() // closed below; again after an error does no harm
	have, err := count(ctx, a.Stores.Koi, "contacts")
	if err != nil {
		return err
	}
	if have > 0 {
		r.note("数据目录里已有 %d 人，直接使用", have)
		r.People, report.People = int(have), int(have)
		return a.Close()
	}
	if _, err := a.Bundles.Seed(ctx, templates.StarterFile, templates.Starter); err != nil {
		return err
	}
	p, err := newPopulation(ctx, a.Stores, a.Keys, r.cfg.Location)
	if err != nil {
		return err
	}
	begun, told := time.Now(), time.Now()
	err = p.fill(ctx, r.People, func(done int) {
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			r.note("已写入 %d 人，%.0f 行/秒", done, float64(p.rows)/time.Since(begun).Seconds())
		}
	})
	if err != nil {
		return err
	}
	took := time.Since(begun)
	if err := a.Close(); err != nil {
		return err
	}
	report.add("people_rows", "写入的人员数据", float64(p.rows), "行")
	report.add("people_rate", "写入速度", float64(p.rows)/took.Seconds(), "行/秒")
	if r.Driver == db.SQLite {
		report.add("people_mb", "数据库大小", megabytes(sizeOf(r.data(), "koi.db", "log.db")), "MB")
	}
	return nil
}

// fresh empties the log and forgets what was processed, while no server runs.
func (r *rig) fresh(ctx context.Context) error {
	stores, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer stores.Close()
	return stores.Log.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM log")
		return err
	})
}

// lagging is how many log rows the pipeline has not applied yet.
func lagging(ctx context.Context, stores *db.Stores) (int64, error) {
	cursors, err := cursorsOf(ctx, stores.Koi)
	if err != nil {
		return 0, err
	}
	var n int64
	for lane, at := range cursors {
		var more int64
		if err := stores.Log.QueryRow(ctx, "SELECT COUNT(*) FROM log WHERE lane=? AND seq>?", lane, at).Scan(&more); err != nil {
			return 0, err
		}
		n += more
	}
	return n, nil
}

func cursorsOf(ctx context.Context, q db.Querier) ([2]int64, error) {
	var out [2]int64
	rows, err := q.Query(ctx, "SELECT lane, seq FROM cursors")
	if err != nil {
		return out, fmt.Errorf("read cursors: %w", err)
	}
	err = db.Each(rows, func(r *sql.Rows) error {
		var lane event.Lane
		var seq int64
		if err := r.Scan(&lane, &seq); err != nil {
			return err
		}
		out[lane] = seq
		return nil
	})
	return out, err
}

// quiet waits until Koi has nothing left to do by itself: the past of new questions counted, people
// reviewed, staff mirrored. That is when it takes next to no processor time for a while.
func (r *rig) quiet(ctx context.Context) error {
	last, since := usageOf(r.koi.pid()).cpu, time.Now()
	told := time.Now()
	look := r.calm / 3
	return poll(ctx, look, func() (bool, error) {
		select {
		case <-r.koi.done:
			return false, fmt.Errorf("koi ended: %s", r.koi.tail())
		default:
		}
		now := usageOf(r.koi.pid()).cpu
		if now-last > look/10 {
			since = time.Now()
		}
		last = now
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			r.note("等待 Koi 做完启动后的补算…")
		}
		return time.Since(since) >= r.calm, nil
	})
}

// copyTo copies the data directory of stopped SQLite stores.
func (r *rig) copyTo(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var errs []error
	for _, name := range []string{"koi.db", "log.db", "secret.key", "node_id"} {
		errs = append(errs, copyFile(filepath.Join(r.data(), name), filepath.Join(dir, name)))
	}
	return errors.Join(errs...)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = out.ReadFrom(in)
	return errors.Join(err, out.Close())
}
