package bench

import (
	"context"
	"fmt"
	"time"
)

// welcomePath is the interface that greets a new customer.
const welcomePath = "/cgi-bin/externalcontact/send_welcome_msg"

// Welcome measures how soon a new friend of a member of staff is greeted while everything else flows: the
// starter journey, 200 new friends a second among 2,000 other events.
func Welcome(ctx context.Context, o Options) (*Report, error) {
	if o.People == 0 {
		o.People = 20_000
	}
	return run(ctx, "welcome", o, func(ctx context.Context, r *rig, report *Report) error {
		for _, part := range []func(*rig, context.Context, *Report) error{(*rig).populate, (*rig).disk, (*rig).simulate, (*rig).warm, (*rig).serve} {
			if err := part(r, ctx, report); err != nil {
				return err
			}
		}
		if err := r.quiet(ctx); err != nil {
			return err
		}
		return r.welcomes(ctx, report)
	})
}

// perFriend: of so many callbacks one is a new friend.
const perFriend = 11

// meeting makes one new friend among other acts.
func (t *traffic) meeting() func(at time.Time) callback {
	n := 0
	return func(at time.Time) callback {
		n++
		if n%perFriend != 0 {
			return t.make(at)
		}
		t.id++
		t.fresh++
		who := t.people + t.fresh
		return callback{door: t.wecom, person: who, friend: true, plain: customer("add_external_contact", who, at)}
	}
}

func (r *rig) welcomes(ctx context.Context, report *Report) error {
	rate, seconds := r.Rate, r.Seconds
	if rate == 0 {
		rate = 200 * perFriend
	}
	if seconds == 0 {
		seconds = 15
	}
	t := newTraffic(r.People)
	t.keywords = 2
	r.note("%d/秒，共 %d 秒，其中 %d/秒是新好友…", rate, seconds, rate/perFriend)
	v := volleyOf(rate*seconds, rate, t.meeting())
	w := r.watch(ctx)
	s, err := fire(ctx, r.koi.url, v, conns)
	if err != nil {
		w.stop()
		return err
	}
	due := map[string]time.Time{} // welcome code → when the callback was due
	for i, c := range v.acts {
		if c.friend {
			due[welcomeCode(c.person)] = s.begun.Add(time.Duration(i) * v.spacing)
		}
	}
	friends := len(due)
	h := newHistogram()
	var last int64
	twice, refused := 0, 0
	greeted := map[string]bool{}
	// A welcome code lives 20 s: what is not there then never comes.
	waiting, cancel := context.WithTimeout(ctx, 25*time.Second)
	defer cancel()
	_ = poll(waiting, 200*time.Millisecond, func() (bool, error) {
		calls, err := r.calls(ctx, fmt.Sprintf("?path=%s&after=%d", welcomePath, last))
		if err != nil { // asked again until the time is up
			calls = nil
		}
		for _, c := range calls {
			last = max(last, c.ID)
			code := c.Body.WelcomeCode
			at, ok := due[code]
			switch {
			case c.Code != 0:
				refused++
			case ok:
				delete(due, code)
				greeted[code] = true
				_ = h.RecordValue(max(1, time.UnixMilli(c.At).Sub(at).Microseconds()))
			case greeted[code]:
				twice++
			}
		}
		return len(due) == 0, nil
	})
	w.stop()
	report.add("friend_rate", "新好友", float64(rate)/perFriend, "/秒")
	report.add("other_rate", "其余事件", float64(rate)*(perFriend-1)/perFriend, "/秒")
	report.add("friends", "新好友", float64(friends), "")
	report.add("unwelcomed", "没有等到欢迎语", float64(len(due)), "").met("= 0", len(due) == 0)
	report.add("welcomed_twice", "欢迎了两次", float64(twice), "").met("= 0", twice == 0)
	report.add("refused", "平台拒绝的调用", float64(refused), "").met("= 0", refused == 0)
	report.latencies("welcome", "应到 → 平台收到欢迎语", h)
	report.find("welcome_p99_ms").below(1000)
	report.latencies("callback", "回调应答", s.latency)
	report.add("errors", "非 200", float64(s.failed()), "").met("= 0", s.failed() == 0)
	report.add("lag_s", "最大落后", w.lag, "秒")
	report.add("rss_mb", "内存峰值", megabytes(w.peak), "MB").met("≤ 600", megabytes(w.peak) <= 600)
	return r.drained(ctx)
}
