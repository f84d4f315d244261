package bench

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/secret"
)

const (
	// conns is how many connections the load keeps: more than wait at once when the server
	// stalls for a tenth of a second at the rates offered: a load that runs out of them is no open loop.
	conns = 1024
	// peakConns is enough to keep every commit full.
	peakConns = 128
)

// Callbacks measures admission: signed, encrypted callbacks while the pipeline is paused, at an offered
// rate and as fast as answers come; then the whole of Koi, at the highest rate it sustains.
func Callbacks(ctx context.Context, o Options) (*Report, error) {
	return callbacks(ctx, o, (*rig).mixed)
}

// Admission is Callbacks without the search for the highest rate of the whole.
func Admission(ctx context.Context, o Options) (*Report, error) { return callbacks(ctx, o) }

func callbacks(ctx context.Context, o Options, then ...func(*rig, context.Context, *Report) error) (*Report, error) {
	if o.People == 0 {
		o.People = 10_000
	}
	return run(ctx, "callbacks", o, func(ctx context.Context, r *rig, report *Report) error {
		for _, part := range append([]func(*rig, context.Context, *Report) error{(*rig).populate, (*rig).disk, (*rig).admission}, then...) {
			if err := part(r, ctx, report); err != nil {
				return err
			}
		}
		return nil
	})
}

// admission runs against a paused pipeline.
func (r *rig) admission(ctx context.Context, report *Report) error {
	if err := r.simulate(ctx, report); err != nil {
		return err
	}
	if err := r.serve(ctx, report); err != nil {
		return err
	}
	if err := r.quiet(ctx); err != nil {
		return err
	}
	report.add("rss_idle_mb", "空闲内存", megabytes(usageOf(r.koi.pid()).rss), "MB").met("≤ 150", megabytes(usageOf(r.koi.pid()).rss) <= 150)
	if err := r.command(ctx, "pause"); err != nil {
		return err
	}
	rate, seconds := r.Rate, r.Seconds
	if rate == 0 {
		rate = 10_000
	}
	if seconds == 0 {
		seconds = 10
	}
	// Everybody is somebody else: a repeat would be answered from memory.
	t := newTraffic(10_000_000)
	t.keywords, t.scans = 5, 5
	if _, err := fire(ctx, r.koi.url, t.volley(min(rate, 2000), 0), 32); err != nil { // prepares statements, opens files
		return err
	}
	r.note("回调 %d/秒，共 %d 秒，管线暂停…", rate, seconds)
	v := t.volley(rate*seconds, rate)
	cpu, own := usageOf(r.koi.pid()), usageOf(os.Getpid())
	s, err := fire(ctx, r.koi.url, v, conns)
	if err != nil {
		return err
	}
	after, ownAfter := usageOf(r.koi.pid()), usageOf(os.Getpid())
	report.add("admission_offered", "受理：施压速率", float64(rate), "/秒")
	report.add("admission_rate", "受理：达到速率", float64(len(v.ends))/s.took.Seconds(), "/秒").to(report, "fdatasync")
	report.latencies("admission", "受理延迟", s.latency)
	if r.Driver == db.SQLite && rate == 10_000 {
		report.find("admission_p99_ms").below(20)
	}
	report.add("admission_errors", "受理：非 200", float64(s.failed()), "").met("= 0", s.failed() == 0)
	report.add("load_late_p99_ms", "压测自身迟发 p99", float64(s.late.ValueAtQuantile(99))/1000, "ms")
	report.add("admission_cpu_us", "受理 CPU（koi）", (after.cpu-cpu.cpu).Seconds()*1e6/float64(len(v.ends)), "µs/次")
	report.add("load_cpu_us", "压测 CPU", (ownAfter.cpu-own.cpu).Seconds()*1e6/float64(len(v.ends)), "µs/次")
	accepted := min(rate, 2000) + s.status[200]

	r.note("回调峰值，管线暂停…")
	v = t.volley(min(200_000, 20*rate), 0)
	w := r.watch(ctx)
	if s, err = fire(ctx, r.koi.url, v, peakConns); err != nil {
		return err
	}
	w.stop()
	accepted += s.status[200]
	report.add("peak_rate", "受理：峰值", float64(s.status[200])/s.took.Seconds(), "/秒").to(report, "fdatasync")
	report.latencies("peak", "峰值时延迟", s.latency)
	report.add("rss_admission_mb", "受理时内存峰值", megabytes(w.peak), "MB").met("≤ 600", megabytes(w.peak) <= 600)
	rows, err := r.logRows(ctx, "oa", "wecom")
	if err != nil {
		return err
	}
	report.add("log_rows", "日志表新增行（应 = 应答 200 的次数）", float64(rows), "").met(fmt.Sprintf("= %d", accepted), rows == int64(accepted))
	return r.stopKoi()
}

// logRows counts the rows of the log that came through some doors; Koi writes there itself too.
func (r *rig) logRows(ctx context.Context, doors ...string) (int64, error) {
	stores, err := r.open(ctx)
	if err != nil {
		return 0, err
	}
	defer stores.Close()
	keys, err := secret.Load("", r.data())
	if err != nil {
		return 0, err
	}
	log := event.NewLog(stores.Log, nil, keys, clock.Real{}, &event.Counter{}, prometheus.NewRegistry())
	var n int64
	rows, err := stores.Log.Query(ctx, "SELECT lane, seq, v, body FROM log")
	if err != nil {
		return 0, err
	}
	err = db.Each(rows, func(row *sql.Rows) error {
		var lane event.Lane
		var seq int64
		var v int
		var body []byte
		if err := row.Scan(&lane, &seq, &v, &body); err != nil {
			return err
		}
		e, err := log.Decode(seq, lane, v, body)
		if err == nil && slices.Contains(doors, e.Source) {
			n++
		}
		return err
	})
	return n, err
}

// step is one rate of the ramp.
type step struct {
	rate int
	*shelling
	lag  float64
	peak int64
}

func (s *step) holds() bool {
	return s.failed() == 0 && s.latency.ValueAtQuantile(99) < 50_000 && s.lag < 1
}

// mixed raises the rate with everything on until callbacks wait or the pipeline falls behind.
func (r *rig) mixed(ctx context.Context, report *Report) error {
	// What admission left in the log would be worked off first.
	if err := r.fresh(ctx); err != nil {
		return err
	}
	if err := r.serve(ctx, report); err != nil {
		return err
	}
	if err := r.quiet(ctx); err != nil {
		return err
	}
	seconds := r.Seconds
	if seconds == 0 {
		seconds = 8
	}
	t := newTraffic(r.People)
	t.keywords, t.scans, t.newcomers = 1, 1, 1
	try := func(rate int) (*step, error) {
		v := t.volley(rate*seconds, rate)
		w := r.watch(ctx)
		s, err := fire(ctx, r.koi.url, v, conns)
		w.stop()
		if err != nil {
			return nil, err
		}
		out := &step{rate: rate, shelling: s, lag: w.lag, peak: w.peak}
		r.note("混合 %d/秒：p99 %.1f ms，落后 %.2f 秒，非 200 %d → %v", rate, float64(s.latency.ValueAtQuantile(99))/1000, w.lag, s.failed(), out.holds())
		return out, r.drained(ctx)
	}
	var best *step
	good, bad := 0, 0
	for rate := 500; rate <= maxRate; rate = rate * 3 / 2 {
		s, err := try(rate)
		if err != nil {
			return err
		}
		if !s.holds() {
			bad = rate
			break
		}
		good, best = rate, s
	}
	for bad-good > max(100, good/10) {
		s, err := try((good + bad) / 2)
		if err != nil {
			return err
		}
		if s.holds() {
			good, best = s.rate, s
		} else {
			bad = s.rate
		}
	}
	if best == nil {
		report.add("mixed_rate", "混合：可持续速率", 0, "/秒").met("> 0", false)
		return nil
	}
	report.add("mixed_rate", "混合：可持续速率（p99 < 50 ms 且落后 < 1 秒）", float64(best.rate), "/秒")
	report.latencies("mixed", "混合时回调延迟", best.latency)
	report.add("mixed_lag_s", "混合时最大落后", best.lag, "秒").below(1)
	report.add("rss_mixed_mb", "混合时内存峰值", megabytes(best.peak), "MB").met("≤ 600", megabytes(best.peak) <= 600)
	return nil
}

// drained waits until the pipeline has applied everything.
func (r *rig) drained(ctx context.Context) error {
	stores, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer stores.Close()
	return poll(ctx, 100*time.Millisecond, func() (bool, error) {
		behind, err := lagging(ctx, stores)
		return behind == 0, err
	})
}
