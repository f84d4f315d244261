package simulator

import (
	"time"

	"github.com/koi-scrm/koi/app/clock"
)

// A quota counts within a fixed window of the platform's clock; a block lasts until the window ends
// (path/90454: "频率拦截时长一般与调用的限制时长相同").
type quota struct {
	name  string
	limit int
	span  span
	per   func(*call) string
	code  int
}

type span int

const (
	minute span = iota
	hour
	day   // a calendar day in China
	month // a calendar month in China
)

var spanNames = [...]string{"分钟", "小时", "天", "月"}

var china = time.FixedZone("CST", 8*3600)

// window numbers the window an instant lies in.
func (s span) window(now int64) int64 {
	switch s {
	case minute:
		return now / 60_000
	case hour:
		return now / 3_600_000
	case day:
		return int64(clock.Day(now, china))
	default:
		t := time.UnixMilli(now).In(china)
		return int64(t.Year())*12 + int64(t.Month())
	}
}

// Limits of which the rules ask by name, beside the quotas in the table.
var standing = []struct {
	name  string
	limit int
	about string
}{
	{"oa.stable_token.force", 20, "每天可强制刷新稳定版 access_token 的次数"},
	{"oa.kf.message", 5, "用户发消息后 48 小时内可下发的客服消息条数"},
	{"oa.kf.action", 3, "关注、扫码、点菜单后 1 分钟内可下发的客服消息条数"},
	{"mini.kf.message", 5, "小程序：用户发消息后 48 小时内可下发的客服消息条数"},
	{"mini.kf.session", 2, "小程序：进入客服会话后 1 分钟内可下发的客服消息条数"},
	{"sms.code.minute", 1, "短信验证码：同一签名对同一号码每分钟"},
	{"sms.code.hour", 5, "短信验证码：同一签名对同一号码每小时"},
	{"sms.code.day", 10, "短信验证码：同一签名对同一号码每天"},
	{"sms.notice.day", 50, "短信通知：同一签名对同一号码每天"},
	{"sms.marketing.day", 50, "推广短信：同一签名对同一号码每天"},
	{"wecom.send.per_account", 200, "每个应用每天可发人次 = 帐号数 × 此数 (path/90454)"},
	{"wecom.member.minute", 30, "同一应用对同一成员每分钟的消息数，超过的悄悄丢弃"},
	{"wecom.member.hour", 1000, "同一应用对同一成员每小时的消息数，超过的悄悄丢弃"},
}

// unlimited is the limit that is never reached.
const unlimited = -1

// counters hold what was used of every quota. Memory is bounded: a new window forgets the last one's keys.
type counters struct {
	overrides map[string]int
	used      map[string]*usage
}

type usage struct {
	window int64
	n      map[string]int
}

func newCounters(overrides map[string]int) *counters {
	return &counters{overrides: overrides, used: map[string]*usage{}}
}

// limit is what a quota is set to, or unlimited.
func (c *counters) limit(name string, otherwise int) int {
	if n, ok := c.overrides[name]; ok {
		otherwise = n
	} else if n, ok := c.overrides["*"]; ok {
		otherwise = n
	}
	if otherwise < 0 {
		return unlimited
	}
	return otherwise
}

// standing is the limit of a name in the list above.
func (c *counters) standing(name string) int {
	for _, s := range standing {
		if s.name == name {
			return c.limit(name, s.limit)
		}
	}
	panic("no standing limit " + name)
}

// take uses n of a quota for a key and reports whether they fit; what doesn't fit isn't counted.
func (c *counters) take(name string, limit int, s span, key string, n int, now int64) bool {
	if limit == unlimited {
		return true
	}
	u, w := c.used[name], s.window(now)
	if u == nil {
		u = &usage{n: map[string]int{}}
		c.used[name] = u
	}
	if u.window != w {
		u.window = w
		clear(u.n)
	}
	if u.n[key]+n > limit {
		return false
	}
	u.n[key] += n
	return true
}

// forget gives a key its whole quotas back (clear_quota).
func (c *counters) forget(key string, except string) {
	for name, u := range c.used {
		if name != except {
			delete(u.n, key)
		}
	}
}

// quotaNames are all names that Config.Quotas may hold.
func quotaNames() map[string]bool {
	names := map[string]bool{}
	for _, r := range rules() {
		for _, q := range r.quotas {
			names[q.name] = true
		}
	}
	for _, s := range standing {
		names[s.name] = true
	}
	return names
}
