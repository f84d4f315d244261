package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
)

// recorded bounds how many events the bare run repeats; their statements are held in memory.
const recorded = 20_000

// unit is a transaction, or a read of the log by itself.
type unit struct {
	statements []db.Statement
	read       bool
}

// recording is what the pipeline asked of the database, in order.
type recording struct {
	mu    sync.Mutex
	units []unit
	full  bool
}

func (r *recording) take(read bool) func([]db.Statement) {
	return func(list []db.Statement) {
		if !read && !slices.ContainsFunc(list, func(s db.Statement) bool { return !s.Read }) {
			return // others read too: reviews, screens, health
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if !r.full {
			r.units = append(r.units, unit{list, read})
		}
	}
}

// bare lets Koi digest the beginning of the backlog once more on a copy, in this process, writing down its
// statements, and runs these on another copy through database/sql with nothing around them: the same rows,
// the same reads, the same batches, no Koi. That is as fast as this design can be on this database.
func (r *rig) bare(ctx context.Context, report *Report, b *backlog, first, second place) error {
	r.note("记录管线的语句…")
	rec, events, err := r.record(ctx, b, first)
	if err != nil {
		return fmt.Errorf("record the pipeline: %w", err)
	}
	r.note("重放 %d 个事务（%d 条事件）…", len(rec.units), events)
	took, cpu, err := r.replay(ctx, second, rec.units)
	if err != nil {
		return fmt.Errorf("replay bare: %w", err)
	}
	statements, batches, rows := 0, 0, 0
	for _, u := range rec.units {
		if !u.batch() {
			continue
		}
		batches++
		statements += len(u.statements)
		for _, s := range u.statements {
			if !s.Read {
				rows += max(1, strings.Count(s.Query, "),(")+1)
			}
		}
	}
	report.add("statements", "每批语句", float64(statements)/float64(max(1, batches)), "条")
	report.add("rows", "每条事件写入行（新增与更新）", float64(rows)/float64(max(1, events)), "行")
	report.add("bare_rate", "同样的行裸写（含读）", float64(events)/took.Seconds(), "条/秒")
	report.add("bare_batch", "裸写：每批事件", float64(events)/float64(max(1, batches)), "条")
	report.add("bare_cpu_us", "裸写 CPU", cpu.Seconds()*1e6/float64(events), "µs/条")
	report.find("pipeline_cpu_us").to(report, "bare_cpu_us")
	report.find("pipeline_rate").to(report, "bare_rate")
	f := report.add("bare_ratio", "管线 / 裸写", report.Value("pipeline_rate")/report.Value("bare_rate"), "×")
	f.atLeast(0.6)
	return nil
}

// batch: the pipeline's transactions raise the commit number; leases and heartbeats do not.
func (u unit) batch() bool {
	for _, s := range u.statements {
		if !s.Read && strings.HasPrefix(s.Query, "INSERT INTO sequences ") {
			return true
		}
	}
	return false
}

// record runs Koi in this process on a copy until it is past the first events of the backlog.
func (r *rig) record(ctx context.Context, b *backlog, p place) (*recording, int, error) {
	cfg, err := r.at(p)
	if err != nil {
		return nil, 0, err
	}
	a, err := app.Open(ctx, cfg, clock.Real{})
	if err != nil {
		return nil, 0, err
	}
	rec := &recording{}
	// What this Koi says of itself is said in the run that is measured, too.
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.DiscardHandler))
	running, stop := context.WithCancel(ctx)
	defer stop()
	a.Pipeline.Pause()
	ended := make(chan error, 1)
	go func() { ended <- a.Run(running) }()
	want := min(recorded, b.size())
	done, begun := 0, false
	err = poll(ctx, 2*time.Millisecond, func() (bool, error) {
		select {
		case err := <-ended:
			return false, errors.Join(errors.New("koi ended"), err)
		default:
		}
		if !begun {
			res, err := cursorsOf(ctx, a.Stores.Koi)
			if err != nil || b.applied(res) > 0 {
				return false, err
			}
			begun = true
			a.Stores.Koi.Watch(rec.take(false))
			if a.Stores.Log != a.Stores.Koi {
				a.Stores.Log.Watch(rec.take(true))
			}
			a.Pipeline.Resume()
		}
		done = b.applied([2]int64{a.Pipeline.Through(0), a.Pipeline.Through(1)})
		return done >= want, nil
	})
	rec.mu.Lock()
	rec.full = true
	rec.mu.Unlock()
	stop()
	if err == nil {
		err = <-ended
	}
	return rec, done, errors.Join(err, a.Close())
}

// replay runs recorded units through database/sql alone.
func (r *rig) replay(ctx context.Context, p place, units []unit) (time.Duration, time.Duration, error) {
	koi, log, closing, err := r.pools(p)
	if err != nil {
		return 0, 0, err
	}
	defer closing()
	prepared := map[string]*sql.Stmt{}
	if r.Driver == db.SQLite {
		// Prepared outside the clock, since Koi keeps its statements prepared too.
		for _, u := range units {
			for _, s := range u.statements {
				if prepared[s.Query] == nil && !u.read && !s.Read {
					if prepared[s.Query], err = koi.PrepareContext(ctx, s.Query); err != nil {
						return 0, 0, err
					}
				}
			}
		}
	}
	cpu, begun := usageOf(selfPid).cpu, time.Now()
	for _, u := range units {
		if u.read {
			for _, s := range u.statements {
				if !s.Read {
					continue // the log's own commits are not the pipeline's
				}
				if err := drainRows(log.QueryContext(ctx, s.Query, s.Args...)); err != nil {
					return 0, 0, err
				}
			}
			continue
		}
		if err := replayTx(ctx, koi, prepared, u); err != nil {
			return 0, 0, err
		}
	}
	return time.Since(begun), usageOf(selfPid).cpu - cpu, nil
}

func replayTx(ctx context.Context, pool *sql.DB, prepared map[string]*sql.Stmt, u unit) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, s := range u.statements {
		switch {
		case s.Read:
			err = drainRows(tx.QueryContext(ctx, s.Query, s.Args...))
		case prepared[s.Query] != nil:
			_, err = tx.StmtContext(ctx, prepared[s.Query]).ExecContext(ctx, s.Args...)
		default:
			_, err = tx.ExecContext(ctx, s.Query, s.Args...)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("%.80s: %w", s.Query, err), tx.Rollback())
		}
	}
	return tx.Commit()
}

// drainRows reads every column of every row, as whoever asked did.
func drainRows(rows *sql.Rows, err error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		return err
	}
	values, into := make([]sql.RawBytes, len(cols)), make([]any, len(cols))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
	}
	return rows.Err()
}

// pools opens a copy with database/sql, set as Koi sets it.
func (r *rig) pools(p place) (koi, log *sql.DB, closing func(), err error) {
	if r.Driver == db.MySQL {
		sep := "?"
		if strings.Contains(p.dsn, "?") {
			sep = "&"
		}
		koi, err = sql.Open("mysql", p.dsn+sep+"interpolateParams=true&clientFoundRows=true&collation=utf8mb4_bin")
		if err != nil {
			return nil, nil, nil, err
		}
		return koi, koi, func() { _ = koi.Close() }, nil
	}
	open := func(name string) (*sql.DB, error) {
		pool, err := sql.Open("sqlite3_koi", "file:"+filepath.Join(p.dir, name)+"?_journal_mode=WAL&_synchronous=FULL&_busy_timeout=5000&_cache_size=-65536&_txlock=immediate")
		if err == nil {
			pool.SetMaxOpenConns(1)
		}
		return pool, err
	}
	if koi, err = open("koi.db"); err != nil {
		return nil, nil, nil, err
	}
	if log, err = open("log.db"); err != nil {
		return nil, nil, nil, errors.Join(err, koi.Close())
	}
	return koi, log, func() { _, _ = koi.Close(), log.Close() }, nil
}

// copyDatabase copies every table of a MySQL database into an empty one on the same server.
func copyDatabase(ctx context.Context, from, to string) error {
	name := func(dsn string) string {
		dsn, _, _ = strings.Cut(dsn, "?")
		return dsn[strings.LastIndexByte(dsn, '/')+1:]
	}
	pool, err := sql.Open("mysql", to)
	if err != nil {
		return err
	}
	defer pool.Close()
	rows, err := pool.QueryContext(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema=?", name(from))
	if err != nil {
		return err
	}
	var list []string
	err = db.Each(rows, func(r *sql.Rows) error {
		var t string
		err := r.Scan(&t)
		list = append(list, t)
		return err
	})
	for _, t := range list {
		for _, q := range []string{"CREATE TABLE %[3]s LIKE %[1]s.%[3]s", "INSERT INTO %[3]s SELECT * FROM %[1]s.%[3]s"} {
			if err == nil {
				_, err = pool.ExecContext(ctx, fmt.Sprintf(q+"%[2]s", name(from), "", t))
			}
		}
	}
	return err
}
