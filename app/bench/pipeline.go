package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/configs"
)

// Pipeline measures how fast a backlog is digested with the starter definitions in force, and the same
// statements in the same transactions run bare.
func Pipeline(ctx context.Context, o Options) (*Report, error) {
	if o.People == 0 {
		o.People = 10_000
	}
	if o.Events == 0 {
		o.Events = 60_000
	}
	return run(ctx, "pipeline", o, func(ctx context.Context, r *rig, report *Report) error {
		if err := r.populate(ctx, report); err != nil {
			return err
		}
		if err := r.disk(ctx, report); err != nil {
			return err
		}
		if err := r.simulate(ctx, report); err != nil {
			return err
		}
		if err := r.warm(ctx, report); err != nil {
			return err
		}
		r.note("写入 %d 条积压事件…", r.Events)
		b, err := r.prepare(ctx, r.Events)
		if err != nil {
			return err
		}
		copies := [2]place{}
		for i := range copies {
			if copies[i], err = r.copy(ctx, i); err != nil {
				return err
			}
		}
		if err := r.digest(ctx, report, b); err != nil {
			return err
		}
		return r.bare(ctx, report, b, copies[0], copies[1])
	})
}

// warm lets Koi make of the new people what it makes of people who were there before.
func (r *rig) warm(ctx context.Context, report *Report) error {
	if _, err := r.prepare(ctx, 100); err != nil { // the first batch is what questions are published with
		return err
	}
	begun := time.Now()
	if err := r.serve(ctx, report); err != nil {
		return err
	}
	if err := r.quiet(ctx); err != nil {
		return err
	}
	report.add("warm_s", "启动后补算全部人员", max(0, (time.Since(begun)-r.calm).Seconds()), "秒")
	report.add("rss_idle_mb", "空闲内存", megabytes(usageOf(r.koi.pid()).rss), "MB")
	return r.stopKoi()
}

// tables are those whose rows are counted; the first is the timeline.
var tables = []string{"events", "seen", "contacts", "identities", "contact_tags", "contact_scores", "score_ledger", "contact_stages", "rule_counters",
	"rule_hits", "journey_runs", "outbox", "dead_letters"}

// state is what a stopped store holds: rows by table, messages that were sent, and how far the log is applied.
type state struct {
	rows    map[string]int64
	sent    int64
	cursors [2]int64
}

func stateOf(ctx context.Context, stores *db.Stores) (state, error) {
	s := state{rows: map[string]int64{}}
	for _, t := range tables {
		n, err := count(ctx, stores.Koi, t)
		if err != nil {
			return s, err
		}
		s.rows[t] = n
	}
	err := stores.Koi.QueryRow(ctx, "SELECT COUNT(*) FROM outbox WHERE state=3").Scan(&s.sent)
	if err != nil {
		return s, fmt.Errorf("count sent messages: %w", err)
	}
	s.cursors, err = cursorsOf(ctx, stores.Koi)
	return s, err
}

// digest starts Koi on the backlog, paused until it is quiet, and times it.
func (r *rig) digest(ctx context.Context, report *Report, b *backlog) error {
	stores, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = stores.Close() }()
	before, err := stateOf(ctx, stores)
	if err != nil {
		return err
	}
	if err := r.serve(ctx, report); err != nil {
		return err
	}
	if err := r.command(ctx, "pause"); err != nil {
		return err
	}
	if err := r.quiet(ctx); err != nil {
		return err
	}
	size := sizeOf(r.data(), "koi.db")
	if err := r.time(ctx, report, b, stores); err != nil {
		return err
	}
	// Who closes a SQLite file last moves the rest of the WAL into it.
	if err := errors.Join(stores.Close(), r.stopKoi()); err != nil {
		return err
	}
	if stores, err = r.open(ctx); err != nil {
		return err
	}
	if r.Driver == db.SQLite {
		report.add("pipeline_growth", "数据库增长", float64(sizeOf(r.data(), "koi.db")-size)/float64(b.size()), "字节/条")
	}
	after, err := stateOf(ctx, stores)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if d := after.rows[t] - before.rows[t]; d != 0 {
			report.add("rows_"+t, "新增行 "+t, float64(d)/float64(b.size()), "/条")
		}
	}
	// Each event that the cursors passed left its key, or was the result of a message that is sent since.
	all, err := passed(ctx, stores, before.cursors, after.cursors)
	if err != nil {
		return err
	}
	lost := all - (after.rows["seen"] - before.rows["seen"]) - (after.sent - before.sent)
	report.add("unapplied", "没有生效的事件", float64(lost), "").met("= 0", lost == 0)
	dead := after.rows["dead_letters"] - before.rows["dead_letters"]
	report.add("dead", "死信", float64(dead), "").met("= 0", dead == 0)
	return nil
}

// time resumes the pipeline and looks at its cursors until the backlog is done.
func (r *rig) time(ctx context.Context, report *Report, b *backlog, stores *db.Stores) error {
	at, err := cursorsOf(ctx, stores.Koi)
	if err != nil {
		return err
	}
	started := b.applied(at) // what it did before the pause reached it
	metrics, err := scrape(ctx, r.koi.url)
	if err != nil {
		return err
	}
	from, begun, told := usageOf(r.koi.pid()), time.Now(), time.Now()
	if err := r.command(ctx, "resume"); err != nil {
		return err
	}
	err = poll(ctx, 10*time.Millisecond, func() (bool, error) {
		at, err := cursorsOf(ctx, stores.Koi)
		if err != nil {
			return false, err
		}
		done := b.applied(at)
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			r.note("已处理 %d，%.0f 条/秒", done, float64(done-started)/time.Since(begun).Seconds())
		}
		select {
		case <-r.koi.done:
			return false, fmt.Errorf("koi ended: %s", r.koi.tail())
		default:
		}
		return done == b.size(), nil
	})
	if err != nil {
		return err
	}
	took, to := time.Since(begun), usageOf(r.koi.pid())
	after, err := scrape(ctx, r.koi.url)
	if err != nil {
		return err
	}
	n := float64(b.size() - started)
	report.add("events", "处理的事件", n, "条")
	f := report.add("pipeline_rate", "管线（起步方案全部启用）", n/took.Seconds(), "条/秒")
	if r.People >= 1_000_000 {
		f.atLeast(4000)
	} else {
		f.atLeast(6000)
	}
	report.add("pipeline_cpu_us", "管线 CPU", (to.cpu-from.cpu).Seconds()*1e6/n, "µs/条")
	batches := after.sum("koi_pipeline_batch_seconds_count") - metrics.sum("koi_pipeline_batch_seconds_count")
	report.add("pipeline_batch", "每批事件", n/max(1, batches), "条")
	report.add("pipeline_written", "写盘（含 WAL 与检查点）", float64(to.written-from.written)/n, "字节/条")
	report.add("rss_pipeline_mb", "内存峰值", megabytes(to.peak), "MB").met("≤ 600", megabytes(to.peak) <= 600)
	return nil
}

// passed is how many rows of the log lie between two positions.
func passed(ctx context.Context, stores *db.Stores, from, to [2]int64) (int64, error) {
	var n int64
	for lane := range from {
		var more int64
		err := stores.Log.QueryRow(ctx, "SELECT COUNT(*) FROM log WHERE lane=? AND seq>? AND seq<=?", lane, from[lane], to[lane]).Scan(&more)
		if err != nil {
			return 0, err
		}
		n += more
	}
	return n, nil
}

// place is a copy of the stores.
type place struct{ dir, dsn string }

// copy copies the stopped stores.
func (r *rig) copy(ctx context.Context, n int) (place, error) {
	p := place{dir: filepath.Join(r.dir, fmt.Sprintf("copy%d", n))}
	r.own = append(r.own, func() error { return os.RemoveAll(p.dir) })
	if r.Driver == db.SQLite {
		return p, r.copyTo(p.dir)
	}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return p, err
	}
	for _, name := range []string{"secret.key", "node_id"} {
		if err := copyFile(filepath.Join(r.data(), name), filepath.Join(p.dir, name)); err != nil {
			return p, err
		}
	}
	from := r.DSN
	dsn, err := r.database(ctx)
	if err != nil {
		return p, err
	}
	p.dsn = dsn
	return p, copyDatabase(ctx, from, dsn)
}

// config is Koi's configuration on a copy.
func (r *rig) at(p place) (*configs.Config, error) {
	c := *r.cfg
	c.DataDir, c.Database.DSN = p.dir, p.dsn
	return &c, c.Validate()
}
