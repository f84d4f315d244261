package bench

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/koi-scrm/koi/app/db"
)

// perBeacon is how many events a tracker sends at once.
const perBeacon = 5

// Beacons measures admission of what pages report: requests with five events each, while the pipeline is
// paused, at an offered rate and as fast as answers come.
func Beacons(ctx context.Context, o Options) (*Report, error) {
	if o.People == 0 {
		o.People = 10_000
	}
	return run(ctx, "beacons", o, func(ctx context.Context, r *rig, report *Report) error {
		for _, part := range []func(*rig, context.Context, *Report) error{(*rig).populate, (*rig).disk, (*rig).simulate, (*rig).serve, (*rig).beacons} {
			if err := part(r, ctx, report); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *rig) beacons(ctx context.Context, report *Report) error {
	if err := r.quiet(ctx); err != nil {
		return err
	}
	rate, seconds := r.Rate, r.Seconds // events a second
	if rate == 0 {
		rate = 10_000
	}
	if seconds == 0 {
		seconds = 10
	}
	v := &visits{at: time.Now().UnixMilli()}
	warm := v.volley(500, 0)
	offered, peak := v.volley(rate*seconds/perBeacon, rate/perBeacon), v.volley(min(40_000, rate), 0)
	if err := r.command(ctx, "pause"); err != nil {
		return err
	}
	if _, err := fire(ctx, r.koi.url, warm, 32); err != nil {
		return err
	}
	r.note("埋点 %d 条/秒（每次 %d 条），共 %d 秒，管线暂停…", rate, perBeacon, seconds)
	cpu := usageOf(r.koi.pid())
	s, err := fire(ctx, r.koi.url, offered, conns)
	if err != nil {
		return err
	}
	after := usageOf(r.koi.pid())
	events := float64(len(offered.ends) * perBeacon)
	report.add("offered", "施压速率", float64(rate), "条/秒")
	report.add("rate", "达到速率", events/s.took.Seconds(), "条/秒").to(report, "fdatasync")
	report.latencies("admission", "受理延迟", s.latency)
	report.add("errors", "非 204", float64(s.failed()), "").met("= 0", s.failed() == 0)
	report.add("cpu_us", "受理 CPU（koi）", (after.cpu-cpu.cpu).Seconds()*1e6/events, "µs/条")
	accepted := 500 + s.status[204]

	r.note("埋点峰值，管线暂停…")
	w := r.watch(ctx)
	if s, err = fire(ctx, r.koi.url, peak, peakConns); err != nil {
		return err
	}
	w.stop()
	accepted += s.status[204]
	report.add("peak_rate", "峰值", float64(s.status[204]*perBeacon)/s.took.Seconds(), "条/秒").atLeast(10_000)
	report.add("peak_errors", "峰值时非 204", float64(s.failed()), "").met("= 0", s.failed() == 0)
	report.add("rss_mb", "内存峰值", megabytes(w.peak), "MB").met("≤ 600", megabytes(w.peak) <= 600)
	rows, err := r.logRows(ctx, "t")
	if err != nil {
		return err
	}
	report.add("log_rows", "日志表新增行（应 = 应答 204 的次数 × 5）", float64(rows), "").met(fmt.Sprintf("= %d", accepted*perBeacon), rows == int64(accepted*perBeacon))
	report.Processes["load"] = os.Getpid()
	if r.Driver == db.SQLite && rate >= 10_000 {
		report.find("admission_p99_ms").below(100)
	}
	return nil
}

// visits makes what browsers report: everybody somebody else, from everywhere, as behind a proxy.
type visits struct {
	n  int
	at int64
}

func (v *visits) volley(n, rate int) volley {
	out := volley{raw: make([]byte, 0, n*1400), ends: make([]int, 0, n), acts: make([]callback, n)}
	if rate > 0 {
		out.spacing = time.Second / time.Duration(rate)
	}
	for range n {
		v.n++
		body := make([]byte, 0, 1200)
		body = append(body, '[')
		for i, kind := range []string{"page.viewed", "page.scrolled", "page.dwelled", "page.clicked", "page.dwelled"} {
			if i > 0 {
				body = append(body, ',')
			}
			body = fmt.Appendf(body, `{"id":"b%d-%d","type":%q,"page":"case-%d","at":%d,"sent_at":%d,"visitor":"v_%024d","url":"https://www.example.com/p/case-%d?utm_source=wx","ref":"https://mp.weixin.qq.com/","props":{"seconds":%d,"percent":60}}`,
				v.n, i, kind, v.n%50, v.at-int64(i)*1000, v.at, v.n, v.n%50, 5+i)
		}
		body = append(body, ']')
		out.raw = fmt.Appendf(out.raw, "POST /t HTTP/1.1\r\nHost: koi\r\nContent-Type: text/plain\r\nX-Forwarded-For: 100.%d.%d.%d\r\nUser-Agent: Mozilla/5.0 (iPhone) MicroMessenger/8.0\r\nContent-Length: %d\r\n\r\n%s",
			v.n>>16&255, v.n>>8&255, v.n&255, len(body), body)
		out.ends = append(out.ends, len(out.raw))
	}
	return out
}
