package policy

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/setting"
)

// KindPolicy is the setting kind of the limits; there is one, Default.
const (
	KindPolicy = "policy"
	Default    = "default"
)

// definition is the setting's body. What is left out is as in Defaults.
//
//	{"marketing": {"day": 1, "week": 3, "month": 8}, "quiet": {"from": "21:00", "to": "09:00"},
//	 "sms_hours": {"from": "09:00", "to": "20:00"}, "template_day": 1, "fresh_minutes": 60,
//	 "staff": {"alerts_hour": 6, "member_minute": 30, "member_hour": 1000, "seat_day": 200},
//	 "accounts": {"official_template": {"day": 100000, "month": 0}}}
type definition struct {
	Marketing struct {
		Day   *int `json:"day"`
		Week  *int `json:"week"`
		Month *int `json:"month"`
	} `json:"marketing"`
	Quiet    *hours `json:"quiet"`
	SMSHours *hours `json:"sms_hours"`
	Template *int   `json:"template_day"`
	Fresh    *int   `json:"fresh_minutes"`
	Staff    struct {
		Alerts *int `json:"alerts_hour"`
		Minute *int `json:"member_minute"`
		Hour   *int `json:"member_hour"`
		Seat   *int `json:"seat_day"`
	} `json:"staff"`
	Accounts map[Channel]struct {
		Day   int `json:"day"`
		Month int `json:"month"`
	} `json:"accounts"`
}

type hours struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Compile makes the policy of the definitions in force, in a business zone: that of the setting, or where
// there is none, or one with problems, of Defaults.
func Compile(items []setting.Item, zone *time.Location) (*Policy, []fault.Problem) {
	var problems []fault.Problem
	l := Defaults()
	for _, it := range items {
		if it.Kind != KindPolicy {
			continue
		}
		if it.Key != Default {
			problems = append(problems, fault.Problem{Path: KindPolicy + "/" + it.Key, Message: "发送规则只有一份，key 应是 " + Default})
			continue
		}
		got, p := compile(it.Body)
		if problems = append(problems, p...); len(p) == 0 {
			l = got
		}
	}
	return New(l, zone), problems
}

func compile(body json.RawMessage) (Limits, []fault.Problem) {
	l := Defaults()
	var problems []fault.Problem
	bad := func(at, format string, args ...any) {
		problems = append(problems, setting.Problem(KindPolicy, Default, at, format, args...))
	}
	var d definition
	if err := setting.Decode(body, &d); err != nil {
		bad("", "发送规则写法不对：%v", err)
		return l, problems
	}
	number := func(at string, v *int, into *int, least, most int) {
		switch {
		case v == nil:
		case *v < least || *v > most:
			bad(at, "应在 %d 到 %d 之间，现在是 %d", least, most, *v)
		default:
			*into = *v
		}
	}
	number("marketing.day", d.Marketing.Day, &l.MarketingDay, 1, 1000)
	number("marketing.week", d.Marketing.Week, &l.MarketingWeek, 1, 1000)
	number("marketing.month", d.Marketing.Month, &l.MarketingMonth, 1, 1000)
	number("template_day", d.Template, &l.TemplateDay, 0, 100)
	number("staff.alerts_hour", d.Staff.Alerts, &l.StaffAlertsHour, 1, 1000)
	number("staff.member_minute", d.Staff.Minute, &l.MemberMinute, 1, 30)
	number("staff.member_hour", d.Staff.Hour, &l.MemberHour, 1, 1000)
	number("staff.seat_day", d.Staff.Seat, &l.AppSeatDay, 1, 10_000)
	minutes := int(l.Fresh / time.Minute)
	number("fresh_minutes", d.Fresh, &minutes, 1, 7*24*60)
	l.Fresh = time.Duration(minutes) * time.Minute

	clock := func(at, text string) time.Duration {
		t, err := time.Parse("15:04", text)
		if err != nil {
			bad(at, "应是几点几分，如 09:00，现在是“%s”", text)
		}
		return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
	}
	if h := d.Quiet; h != nil {
		l.QuietFrom, l.QuietTo = clock("quiet.from", h.From), clock("quiet.to", h.To)
	}
	if h := d.SMSHours; h != nil {
		if l.SMSFrom, l.SMSTo = clock("sms_hours.from", h.From), clock("sms_hours.to", h.To); l.SMSFrom > l.SMSTo {
			bad("sms_hours", "推广短信的时段应从早到晚，不能跨过零点")
		}
	}
	for _, c := range sortedChannels(d.Accounts) {
		a := d.Accounts[c]
		at := "accounts." + string(c)
		switch {
		case !slices.Contains(Channels(), c):
			bad(at, "没有 %s 这个渠道，可用：%s", c, names())
		case a.Day < 0 || a.Month < 0:
			bad(at, "额度不能是负数；不限请写 0")
		default:
			l.Accounts[c] = AccountLimit{Day: a.Day, Month: a.Month}
		}
	}
	return l, problems
}

func sortedChannels[V any](m map[Channel]V) []Channel {
	out := make([]Channel, 0, len(m))
	for c := range m {
		out = append(out, c)
	}
	slices.Sort(out)
	return out
}

func names() string {
	var out []string
	for _, c := range Channels() {
		out = append(out, string(c))
	}
	return strings.Join(out, "、")
}
