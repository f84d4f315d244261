package bench

import (
	"context"
	"database/sql"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/bundle"
	"github.com/koi-scrm/koi/app/db"
)

// benchWait is how long people wait in the journey that is measured.
const benchWait = 5 * time.Second

// waiting lets whoever clicks wait, and tags them then.
const waiting = `
tags: [{key: bench_waited, name: 等过了}]
journeys:
  - key: bench_wait
    name: 压测等待
    subject: contact
    status: live
    settings: {entry: {mode: concurrent}}
    nodes:
      - {id: clicked, component: on_event, config: {events: [oa.menu_clicked], where: [{prop: key, op: eq, value: bench_wait}]}}
      - {id: wait, component: wait, config: {mode: for, for: 5s}}
      - {id: tag, component: tag, config: {add: [bench_waited]}}
      - {id: done, component: end}
    edges: [{from: clicked, to: wait}, {from: wait, to: tag}, {from: tag, to: done}]
`

// Journeys measures how late waits end: people enter a journey at a rate and fall due at the same rate;
// then as many fall due at once, as after an outage.
func Journeys(ctx context.Context, o Options) (*Report, error) {
	if o.People == 0 {
		o.People = 50_000
	}
	return run(ctx, "journeys", o, func(ctx context.Context, r *rig, report *Report) error {
		for _, part := range []func(*rig, context.Context, *Report) error{(*rig).populate, (*rig).disk, (*rig).simulate, (*rig).warm, (*rig).serve} {
			if err := part(r, ctx, report); err != nil {
				return err
			}
		}
		if err := app.Do(ctx, r.cfg, "apply", app.ApplyInput{File: "bench.yaml", Text: []byte(waiting), By: "bench"}, &bundle.Report{}); err != nil {
			return err
		}
		if err := r.quiet(ctx); err != nil {
			return err
		}
		return r.waits(ctx, report)
	})
}

func (r *rig) waits(ctx context.Context, report *Report) error {
	rate, seconds := r.Rate, r.Seconds
	if rate == 0 {
		rate = 1000
	}
	if seconds == 0 {
		seconds = 15
	}
	stores, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer stores.Close()
	n := rate * seconds
	t := newTraffic(r.People)

	r.note("%d 人/秒进入，各等 %s，共 %d 秒…", rate, benchWait, seconds)
	w := r.watch(ctx)
	s, err := fire(ctx, r.koi.url, volleyOf(n, rate, t.click("bench_wait")), conns)
	if err != nil {
		w.stop()
		return err
	}
	late, err := r.ended(ctx, stores, n)
	w.stop()
	if err != nil {
		return err
	}
	report.add("due_rate", "到期速率", float64(rate), "/秒")
	report.add("errors", "进入：非 200", float64(s.failed()), "").met("= 0", s.failed() == 0)
	report.latencies("late", "等待结束迟了", late)
	report.find("late_p99_ms").below(1000)
	report.add("lag_s", "最大落后", w.lag, "秒")
	report.add("rss_mb", "内存峰值", megabytes(w.peak), "MB").met("≤ 600", megabytes(w.peak) <= 600)

	r.note("%d 人同时到期…", n)
	if _, err = fire(ctx, r.koi.url, volleyOf(n, 0, t.click("bench_wait")), peakConns); err != nil {
		return err
	}
	if err := r.drained(ctx); err != nil {
		return err
	}
	if err := r.command(ctx, "pause"); err != nil {
		return err
	}
	select { // until the last of them is due
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(benchWait):
	}
	before, err := r.left(ctx, stores)
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := r.command(ctx, "resume"); err != nil {
		return err
	}
	if _, err := r.ended(ctx, stores, 2*n); err != nil {
		return err
	}
	took := time.Since(begun).Seconds()
	report.add("burst", "同时到期", float64(before), "人")
	report.add("burst_rate", "同时到期时的处理速度", float64(before)/took, "/秒")
	report.add("burst_s", "全部处理完", took, "秒")
	return nil
}

const benchRuns = "FROM journey_runs WHERE journey_id IN (SELECT id FROM settings WHERE kind='journey' AND skey='bench_wait' AND current=1)"

// left is how many are still waiting.
func (r *rig) left(ctx context.Context, stores *db.Stores) (n int64, err error) {
	err = stores.Koi.QueryRow(ctx, "SELECT COUNT(*) "+benchRuns+" AND ended_at=0").Scan(&n)
	return n, err
}

// ended waits until so many runs ended, and tells how late their waits did, in µs.
func (r *rig) ended(ctx context.Context, stores *db.Stores, want int) (*hdrhistogram.Histogram, error) {
	waiting, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := poll(waiting, 200*time.Millisecond, func() (bool, error) {
		var n int
		err := stores.Koi.QueryRow(ctx, "SELECT COUNT(*) "+benchRuns+" AND ended_at>0").Scan(&n)
		return n >= want, err
	}); err != nil {
		return nil, err
	}
	h := newHistogram()
	rows, err := stores.Koi.Query(ctx, "SELECT ended_at-entered_at "+benchRuns+" AND ended_at>0")
	if err != nil {
		return nil, err
	}
	return h, db.Each(rows, func(row *sql.Rows) error {
		var ms int64
		if err := row.Scan(&ms); err != nil {
			return err
		}
		return h.RecordValue(max(1, (ms-benchWait.Milliseconds())*1000))
	})
}
