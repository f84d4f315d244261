package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// sendPath is the customer-service interface, which answers keyword messages.
const sendPath = "/cgi-bin/message/custom/send"

// Latency measures event → message handed to the platform, while everything else flows: 5 % of the
// callbacks are keyword messages, each from another person.
func Latency(ctx context.Context, o Options) (*Report, error) {
	if o.People == 0 {
		o.People = 20_000
	}
	return run(ctx, "latency", o, func(ctx context.Context, r *rig, report *Report) error {
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
		if err := r.serve(ctx, report); err != nil {
			return err
		}
		if err := r.quiet(ctx); err != nil {
			return err
		}
		rates := []int{1000, 2000}
		if r.Rate > 0 {
			rates = []int{r.Rate}
		}
		seconds := r.Seconds
		if seconds == 0 {
			seconds = 15
		}
		t := newTraffic(r.People)
		t.keywords = 5
		for _, rate := range rates {
			if err := r.answerTimes(ctx, report, t, rate, seconds); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *rig) answerTimes(ctx context.Context, report *Report, t *traffic, rate, seconds int) error {
	r.note("%d/秒，共 %d 秒，5%% 是关键词消息…", rate, seconds)
	v := t.volley(rate*seconds, rate)
	last, err := r.lastCall(ctx)
	if err != nil {
		return err
	}
	before, err := scrape(ctx, r.koi.url)
	if err != nil {
		return err
	}
	w := r.watch(ctx)
	s, err := fire(ctx, r.koi.url, v, conns)
	if err != nil {
		w.stop()
		return err
	}
	due := map[string]time.Time{} // openid → when the message was due
	for i, c := range v.acts {
		if c.keyword {
			due[openID(c.person)] = s.begun.Add(time.Duration(i) * v.spacing)
		}
	}
	h := newHistogram()
	// What the pipeline still owes comes within seconds; what policy keeps back never does.
	waiting, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	answered := 0
	_ = poll(waiting, 200*time.Millisecond, func() (bool, error) {
		calls, err := r.callsAfter(ctx, last)
		if err != nil { // asked again until the time is up
			calls = nil
		}
		for _, c := range calls {
			last = max(last, c.ID)
			if at, ok := due[c.Body.ToUser]; ok {
				delete(due, c.Body.ToUser)
				answered++
				_ = h.RecordValue(max(1, time.UnixMilli(c.At).Sub(at).Microseconds()))
			}
		}
		return len(due) == 0, nil
	})
	w.stop()
	after, err := scrape(ctx, r.koi.url)
	if err != nil {
		return err
	}
	p := func(what string) string { return fmt.Sprintf("at%d_%s", rate, what) }
	n := func(what string) string { return fmt.Sprintf("%d/秒：%s", rate, what) }
	report.add(p("keywords"), n("关键词消息"), float64(answered+len(due)), "")
	report.add(p("unanswered"), n("没有等到回复"), float64(len(due)), "").met("= 0", len(due) == 0)
	report.latencies(p("action"), n("应到 → 平台收到回复"), h)
	report.find(p("action_p99_ms")).below(100)
	const name = "koi_event_to_action_seconds"
	report.add(p("metric_p50_ms"), n("koi_event_to_action p50"), 1000*after.quantile(name, before, .5), "ms")
	report.add(p("metric_p99_ms"), n("koi_event_to_action p99"), 1000*after.quantile(name, before, .99), "ms")
	report.latencies(p("callback"), n("回调应答"), s.latency)
	report.add(p("errors"), n("非 200"), float64(s.failed()), "").met("= 0", s.failed() == 0)
	report.add(p("lag_s"), n("最大落后"), w.lag, "秒")
	report.add(p("rss_mb"), n("内存峰值"), megabytes(w.peak), "MB").met("≤ 600", megabytes(w.peak) <= 600)
	return r.drained(ctx)
}

// call is a line of the simulator's journal.
type call struct {
	ID   int64 `json:"id"`
	At   int64 `json:"at"` // Unix ms
	Code int   `json:"errcode"`
	Body struct {
		ToUser      string `json:"touser"`
		WelcomeCode string `json:"welcome_code"`
	} `json:"body"`
}

func (r *rig) callsAfter(ctx context.Context, id int64) ([]call, error) {
	return r.calls(ctx, fmt.Sprintf("?path=%s&after=%d", sendPath, id))
}

// lastCall is the number of the newest call.
func (r *rig) lastCall(ctx context.Context) (int64, error) {
	list, err := r.calls(ctx, "?path="+sendPath+"&limit=1")
	if err != nil || len(list) == 0 {
		return 0, err
	}
	return list[0].ID, nil
}

func (r *rig) calls(ctx context.Context, query string) ([]call, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.sim.url+"/sim/calls"+query, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var out []call
	return out, json.NewDecoder(res.Body).Decode(&out)
}
