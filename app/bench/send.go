package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/bundle"
	"github.com/koi-scrm/koi/app/db"
)

// sendConns is how many connections the bare loop uses: as many as Koi's sender of one account.
const sendConns = 16

// pushing posts every click on certain menu items to a webhook.
const pushing = `
webhooks: [{key: bench, name: 压测接收方, url: %q}]
journeys:
  - key: bench_send
    name: 压测推送
    subject: contact
    status: live
    settings: {entry: {mode: concurrent}}
    nodes:
      - {id: clicked, component: on_event, config: {events: [oa.menu_clicked], where: [{prop: key, op: starts, value: ` + sendKey + `}]}}
      - {id: push, component: webhook, config: {webhook: bench}}
      - {id: done, component: end}
    edges: [{from: clicked, to: push}, {from: push, to: done}]
`

// Send measures how fast messages leave for an HTTP server of ours: first from a backlog of events, each of
// which makes one webhook message with a durable row; then from the rows alone, as after an outage of the
// receiver. A bare loop posts the same bodies to the same server over as many connections. Last, how long
// one message takes from its event to the server, at a rate.
func Send(ctx context.Context, o Options) (*Report, error) {
	if o.People == 0 {
		o.People = 10_000
	}
	if o.Events == 0 {
		o.Events = 30_000
	}
	return run(ctx, "send", o, func(ctx context.Context, r *rig, report *Report) error {
		for _, part := range []func(*rig, context.Context, *Report) error{(*rig).populate, (*rig).disk, (*rig).simulate, (*rig).warm, (*rig).serve} {
			if err := part(r, ctx, report); err != nil {
				return err
			}
		}
		s, err := newSink(ctx)
		if err != nil {
			return err
		}
		text := fmt.Appendf(nil, pushing, s.url)
		err = app.Do(ctx, r.cfg, "apply", app.ApplyInput{File: "bench.yaml", Text: text, By: "bench"}, &bundle.Report{})
		if err == nil {
			err = r.quiet(ctx)
		}
		if err == nil {
			err = r.sends(ctx, report, s)
		}
		return errors.Join(err, s.close())
	})
}

func (r *rig) sends(ctx context.Context, report *Report, s *sink) error {
	stores, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer stores.Close()
	if err := r.backlog(ctx, report, s, stores); err != nil {
		return err
	}
	if err := r.outage(ctx, report, s, stores); err != nil {
		return err
	}
	// Everything Koi owes is written before the loop runs alone.
	if err := r.drained(ctx); err != nil {
		return err
	}
	if err := r.quiet(ctx); err != nil {
		return err
	}
	s.fresh()
	r.note("同样的内容裸发 %d 条…", r.Events)
	before := usageOf(selfPid).cpu
	took, err := s.loop(ctx, r.Events, sendConns, nil)
	if err != nil {
		return err
	}
	bare := (usageOf(selfPid).cpu - before).Seconds() * 1e6 / float64(r.Events)
	report.add("bare_rate", "裸 HTTP 循环", float64(r.Events)/took.Seconds(), "条/秒")
	report.add("send_rate", "发送：已落盘的消息 → 接收方", report.Value("rows_rate"), "条/秒").to(report, "bare_rate")
	report.add("event_rate", "从事件起：规则、旅程、发送、结果", report.Value("delivery_rate"), "条/秒").to(report, "bare_rate")
	report.add("bare_cpu_us", "裸循环 CPU（连同接收方）", bare, "µs/条")
	if err := r.kept(ctx, report, s); err != nil {
		return err
	}
	return r.answersAt(ctx, report, s, stores)
}

// kept is the bare loop that promises what Koi does: each message is a durable row before it leaves. Rows
// that want to be written at the same time share a commit, as Koi's do.
func (r *rig) kept(ctx context.Context, report *Report, s *sink) error {
	d, err := db.OpenSQLite(filepath.Join(r.dir, "bare.db"))
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS bare (n INTEGER PRIMARY KEY, body BLOB)")
		return err
	}); err != nil {
		return err
	}
	s.fresh()
	r.note("同样的内容，先各写一行再发 %d 条…", r.Events)
	rows := make(chan bareRow, sendConns)
	go func() {
		for first := range rows {
			group := []bareRow{first}
			for len(rows) > 0 {
				group = append(group, <-rows)
			}
			err := d.Tx(ctx, func(tx *db.Tx) error {
				var values [][]any
				for _, x := range group {
					values = append(values, []any{x.n, x.body})
				}
				return tx.Insert(ctx, "bare", []string{"n", "body"}, values)
			})
			for _, x := range group {
				x.written <- err
			}
		}
	}()
	took, err := s.loop(ctx, r.Events, sendConns, func(i int, body []byte) error {
		written := make(chan error, 1)
		rows <- bareRow{i, body, written}
		return <-written
	})
	close(rows)
	if err != nil {
		return err
	}
	report.add("kept_rate", "裸 HTTP 循环，每条先写一行并落盘", float64(r.Events)/took.Seconds(), "条/秒")
	f := report.add("send_ratio", "发送 / 每条落盘的裸循环", report.Value("rows_rate"), "条/秒").to(report, "kept_rate")
	f.met("≥ 0.5 ×", f.Ratio >= .5)
	return nil
}

// bareRow is a message that waits to be written.
type bareRow struct {
	n       int
	body    []byte
	written chan error
}

// backlog lets as many people click as messages are wanted, while the pipeline is paused, and times what
// follows when it is not.
func (r *rig) backlog(ctx context.Context, report *Report, s *sink, stores *db.Stores) error {
	if err := r.command(ctx, "pause"); err != nil {
		return err
	}
	c := newTraffic(r.People)
	r.note("积压 %d 个事件，每个一条 Webhook…", r.Events)
	shot, err := fire(ctx, r.koi.url, volleyOf(r.Events, 0, c.numbered(0)), peakConns)
	if err != nil {
		return err
	}
	report.add("errors", "积压：非 200", float64(shot.failed()), "").met("= 0", shot.failed() == 0)
	early, _, _ := s.got()
	koi, own := usageOf(r.koi.pid()), usageOf(selfPid)
	w := r.watch(ctx)
	begun := time.Now()
	if err := r.command(ctx, "resume"); err != nil {
		return err
	}
	told := time.Now()
	if err := r.delivered(ctx, s, r.Events, func(n int) {
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			r.note("已送达 %d，%.0f 条/秒", n, float64(n-early)/time.Since(begun).Seconds())
		}
	}); err != nil {
		return err
	}
	_, _, last := s.got()
	n := float64(r.Events - early)
	report.add("delivery_rate", "积压：事件 → 接收方", n/last.Sub(begun).Seconds(), "条/秒")
	if err := r.settled(ctx, report, s, stores, r.Events, "backlog", "积压："); err != nil {
		return err
	}
	w.stop()
	after := usageOf(r.koi.pid())
	report.add("settled_rate", "积压：直到结果也落盘", n/time.Since(begun).Seconds(), "条/秒")
	report.add("koi_cpu_us", "CPU（koi：事件、旅程、发送、结果）", (after.cpu-koi.cpu).Seconds()*1e6/n, "µs/条")
	report.add("sink_cpu_us", "CPU（接收方和压测进程）", (usageOf(selfPid).cpu-own.cpu).Seconds()*1e6/n, "µs/条")
	report.add("rss_mb", "内存峰值", megabytes(w.peak), "MB").met("≤ 600", megabytes(w.peak) <= 600)
	return nil
}

// retryAfter is when a receiver that is away wants to be asked again: later than the backlog takes.
func (r *rig) retryAfter() time.Duration { return time.Duration(3+r.Events/1500) * time.Second }

// outage lets as many messages wait in their rows as there were before, all refused once by a receiver that
// is away, and times how they leave when it is back.
func (r *rig) outage(ctx context.Context, report *Report, s *sink, stores *db.Stores) error {
	s.fresh()
	s.leave(r.retryAfter())
	r.note("接收方停机，再积压 %d 条…", r.Events)
	shot, err := fire(ctx, r.koi.url, volleyOf(r.Events, 0, newTraffic(r.People).numbered(r.Events)), peakConns)
	if err != nil {
		return err
	}
	report.add("outage_errors", "停机时：非 200", float64(shot.failed()), "").met("= 0", shot.failed() == 0)
	if err := poll(ctx, 20*time.Millisecond, func() (bool, error) { return s.turnedAway() >= r.Events, nil }); err != nil {
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
	case <-time.After(r.retryAfter() + time.Second):
	}
	s.leave(0)
	early, _, _ := s.got()
	koi := usageOf(r.koi.pid())
	begun := time.Now()
	if err := r.command(ctx, "resume"); err != nil {
		return err
	}
	r.note("接收方恢复…")
	if err := r.delivered(ctx, s, r.Events, func(int) {}); err != nil {
		return err
	}
	_, _, last := s.got()
	n := float64(r.Events - early)
	report.add("rows_rate", "恢复后：已落盘的消息 → 接收方", n/last.Sub(begun).Seconds(), "条/秒")
	if err := r.settled(ctx, report, s, stores, 2*r.Events, "outage", "恢复后："); err != nil {
		return err
	}
	report.add("rows_cpu_us", "恢复后 CPU（koi：到期、发送、结果）", (usageOf(r.koi.pid()).cpu-koi.cpu).Seconds()*1e6/n, "µs/条")
	return nil
}

// numbered is the clicks that are pushed, numbered from a first on, each of another person.
func (t *traffic) numbered(first int) func(at time.Time) callback {
	n := first - 1
	return func(at time.Time) callback {
		n++
		return t.click(sendKey + strconv.FormatInt(int64(n), 36))(at)
	}
}

// delivered waits until the sink has so many different deliveries.
func (r *rig) delivered(ctx context.Context, s *sink, want int, tell func(n int)) error {
	waiting, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	return poll(waiting, 20*time.Millisecond, func() (bool, error) {
		_, n, _ := s.got()
		tell(n)
		select {
		case <-r.koi.done:
			return false, fmt.Errorf("koi ended: %s", r.koi.tail())
		default:
		}
		return n >= want, nil
	})
}

// sentRows are the messages whose row says that they were sent; the codes of states are app/outbox's.
const sentRows = "SELECT COUNT(*) FROM outbox WHERE channel='webhook' AND state=3"

// settled waits for the results in the outbox, then compares rows and deliveries: none lost, none doubled.
func (r *rig) settled(ctx context.Context, report *Report, s *sink, stores *db.Stores, want int, key, phase string) error {
	var sent, all int
	waiting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := poll(waiting, 50*time.Millisecond, func() (bool, error) {
		err := stores.Koi.QueryRow(ctx, sentRows).Scan(&sent)
		return sent >= want, err
	}); err != nil && ctx.Err() != nil { // what is missing is said below
		return err
	}
	if err := stores.Koi.QueryRow(ctx, "SELECT COUNT(*) FROM outbox WHERE channel='webhook'").Scan(&all); err != nil {
		return err
	}
	posts, deliveries, _ := s.got()
	report.add(key+"_rows", phase+"消息行", float64(all), "").met(fmt.Sprintf("= %d", want), all == want)
	report.add(key+"_sent", phase+"消息行：已发送", float64(sent), "").met(fmt.Sprintf("= %d", want), sent == want)
	report.add(key+"_deliveries", phase+"接收方收到的不同消息", float64(deliveries), "").met(fmt.Sprintf("= %d", r.Events), deliveries == r.Events)
	report.add(key+"_repeats", phase+"接收方收到的重复", float64(posts-deliveries), "").met("= 0", posts == deliveries)
	return nil
}

// answersAt measures event → sink while events come at a rate.
func (r *rig) answersAt(ctx context.Context, report *Report, s *sink, stores *db.Stores) error {
	rate, seconds := r.Rate, r.Seconds
	if rate == 0 {
		rate = 500
	}
	if seconds == 0 {
		seconds = 10
	}
	s.fresh()
	n := rate * seconds
	r.note("%d/秒，共 %d 秒，每个事件一条 Webhook…", rate, seconds)
	v := volleyOf(n, rate, newTraffic(r.People).numbered(2*r.Events))
	shot, err := fire(ctx, r.koi.url, v, conns)
	if err != nil {
		return err
	}
	if err := r.delivered(ctx, s, n, func(int) {}); err != nil {
		return err
	}
	var sent int
	waiting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := poll(waiting, 50*time.Millisecond, func() (bool, error) {
		err := stores.Koi.QueryRow(ctx, sentRows).Scan(&sent)
		return sent >= n+2*r.Events, err
	}); err != nil && ctx.Err() != nil {
		return err
	}
	h := newHistogram()
	s.mu.Lock()
	for i := range n {
		if at, ok := s.arrived[2*r.Events+i]; ok {
			_ = h.RecordValue(max(1, at.Sub(shot.begun.Add(time.Duration(i)*v.spacing)).Microseconds()))
		}
	}
	s.mu.Unlock()
	posts, deliveries, _ := s.got()
	report.add("at_rate", "事件速率", float64(rate), "/秒")
	report.latencies("push", "应到 → 接收方收到", h)
	report.find("push_p99_ms").below(100)
	report.add("at_lost", "没有送达或没有落盘", float64(2*n+2*r.Events-deliveries-sent), "").met("= 0", deliveries == n && sent == n+2*r.Events)
	report.add("at_repeats", "重复送达", float64(posts-deliveries), "").met("= 0", posts == deliveries)
	return nil
}
