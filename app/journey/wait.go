package journey

import (
	"fmt"
	"time"

	"github.com/koi-scrm/koi/app/contact"
)

var waitComponents = []Component{{
	Number: "13", Key: keyWait, Label: "等待", Group: Actions, Subjects: both, Ports: []Port{portNext, portMissing},
	Explain: "等一段时间、等到某个时刻、等到下个工作时间，或等到客户的某个日期。",
	Config: []Member{
		{Key: "mode", Label: "方式", Editor: EditOption, Required: true, Note: "for 一段时间，until 到某个时刻，time 到几点，work 到工作时间，date 到客户的日期"},
		{Key: "for", Label: "时长", Editor: EditDuration, Note: "方式为 for 时必填"},
		{Key: "at", Label: "时刻", Editor: EditInstant, Note: "方式为 until 时必填，形如 2026-11-22 10:00"},
		{Key: "time", Label: "几点", Editor: EditClock, Note: "方式为 time 或 date 时必填"},
		{Key: "days", Label: "再过几天", Editor: EditNumber, Note: "方式为 time 时：0 为最近的一次，1 为从明天起的最近一次"},
		{Key: "field", Label: "日期字段", Editor: EditField, Note: "方式为 date 时必填"},
		{Key: "offset_days", Label: "提前或推后", Editor: EditNumber, Note: "方式为 date 时：-3 为提前 3 天"},
		{Key: "yearly", Label: "每年", Editor: EditSwitch, Note: "方式为 date 时：按每年的这一天（生日、周年）"},
		{Key: "in_hours", Label: "只在工作时间继续", Editor: EditSwitch, Note: "到时若不在旅程的工作时间内，顺延到下个工作时间"},
	},
	decode: decodeWait,
}}

// span is a duration with the words it was given in.
type span struct {
	ms   int64
	text string
}

func (c *compiler) span(path, s string) span {
	if s == "" {
		c.say(path, "请填写时长")
		return span{}
	}
	d, err := parseDuration(s)
	if err != nil {
		c.say(path, "%s", err)
	}
	return span{d.Milliseconds(), spoken(d)}
}

// spoken is a duration in Chinese: 1天12小时.
func spoken(d time.Duration) string {
	out := ""
	for _, u := range []struct {
		d    time.Duration
		name string
	}{{24 * time.Hour, "天"}, {time.Hour, "小时"}, {time.Minute, "分钟"}, {time.Second, "秒"}} {
		if n := d / u.d; n > 0 {
			out += fmt.Sprintf("%d%s", n, u.name)
			d -= n * u.d
		}
	}
	return out
}

type waitConfig struct {
	Mode       string `json:"mode"`
	For        string `json:"for"`
	At         string `json:"at"`
	Time       string `json:"time"`
	Days       int    `json:"days"`
	Field      string `json:"field"`
	OffsetDays int    `json:"offset_days"`
	Yearly     bool   `json:"yearly"`
	InHours    bool   `json:"in_hours"`
}

// wait parks runs until a time.
type wait struct {
	waitConfig
	length span
	until  time.Time
	clock  clockTime
	label  string // of the date field
}

func decodeWait(c *compiler, n Node) part {
	p := &wait{}
	decodeConfig(c, n, &p.waitConfig)
	var err error
	switch p.Mode {
	case "for":
		p.length = c.span("config.for", p.For)
	case "until":
		if p.until, err = time.ParseInLocation("2006-01-02 15:04", p.At, c.g.zone); err != nil {
			c.say("config.at", "时刻“%s”写法不对，应形如 2026-11-22 10:00", p.At)
		}
	case "time":
		p.readClock(c)
		if p.Days < 0 || p.Days > 365 {
			c.say("config.days", "天数应在 0 到 365 之间，现在是 %d", p.Days)
		}
	case "work":
		c.needHours("config.mode")
	case "date":
		p.readClock(c)
		f, ok := c.known.Scope.Fields[p.Field]
		switch {
		case !ok:
			c.say("config.field", "没有字段“%s”", p.Field)
		case f.Type != contact.Date:
			c.say("config.field", "字段“%s”不是日期", f.Label)
		}
		p.label = f.Label
		if p.OffsetDays < -365 || p.OffsetDays > 365 {
			c.say("config.offset_days", "天数应在 -365 到 365 之间，现在是 %d", p.OffsetDays)
		}
		if c.g.Subject == StaffOnly {
			c.say("config.mode", "主体为员工的旅程没有客户的日期可等")
		}
	default:
		c.say("config.mode", "等待方式可以是 for、until、time、work、date，现在是“%s”", p.Mode)
	}
	if p.InHours {
		c.needHours("config.in_hours")
	}
	return p
}

func (p *wait) readClock(c *compiler) {
	var err error
	if p.clock, err = parseClock(p.Time); err != nil {
		c.say("config.time", "%s", err)
	}
}

func (c *compiler) needHours(path string) {
	if c.def.Settings.Hours == nil {
		c.say(path, "旅程没有设置工作时间：请先在旅程设置里填写 hours")
	}
}

func (p *wait) reads() {} // the date of a field may just have changed

func (p *wait) arrive(at *place) verdict {
	end, ok := p.end(at)
	if !ok {
		at.why = "没有“" + p.label + "”，或日子已过"
		return verdict{port: at.node.or(portMissing.Key)}
	}
	if p.InHours {
		end = at.g.hours.next(end)
	}
	if ms := end.UnixMilli(); ms > at.f.now {
		return verdict{wait: true, due: ms}
	}
	return verdict{port: portNext.Key}
}

// end is when the wait is over; false when there is no such time.
func (p *wait) end(at *place) (time.Time, bool) {
	now := at.local()
	switch p.Mode {
	case "for":
		return now.Add(time.Duration(p.length.ms) * time.Millisecond), true
	case "until":
		return p.until, true
	case "time":
		t := p.clock.on(now.AddDate(0, 0, p.Days))
		if !t.After(now) {
			t = p.clock.on(now.AddDate(0, 0, p.Days+1))
		}
		return t, true
	case "work":
		return at.g.hours.next(now), true
	}
	return p.date(at, now)
}

func (p *wait) date(at *place, now time.Time) (time.Time, bool) {
	if at.f.person == nil {
		return time.Time{}, false
	}
	v, ok := at.f.person.Values[p.Field]
	if !ok {
		return time.Time{}, false
	}
	d := time.Unix(v.Num*86_400, 0).UTC()
	on := func(year int) time.Time {
		// 29 February is 1 March in other years, as time.Date has it.
		day := time.Date(year, d.Month(), d.Day()+p.OffsetDays, 0, 0, 0, 0, at.g.zone)
		return p.clock.on(day)
	}
	if !p.Yearly {
		t := on(d.Year())
		return t, t.After(now)
	}
	for year := now.Year() - 1; year <= now.Year()+2; year++ {
		if t := on(year); t.After(now) {
			return t, true
		}
	}
	return time.Time{}, false
}

func (p *wait) happened(*place) string { return "" }

func (p *wait) due(at *place) string {
	at.why = "等待结束"
	return portNext.Key
}

func (p *wait) breaks() bool { return p.Mode == "for" && p.length.ms >= 60_000 || p.Mode == "time" }

func (p *wait) summary() string {
	s := ""
	switch p.Mode {
	case "for":
		s = "等待 " + p.length.text
	case "until":
		s = "等到 " + p.At
	case "time":
		s = fmt.Sprintf("等到最近的 %s", p.clock)
		if p.Days > 0 {
			s = fmt.Sprintf("%d 天后，等到 %s", p.Days, p.clock)
		}
	case "work":
		s = "等到下个工作时间"
	case "date":
		s = fmt.Sprintf("等到“%s”当天 %s", p.label, p.clock)
		if p.OffsetDays < 0 {
			s = fmt.Sprintf("等到“%s”前 %d 天 %s", p.label, -p.OffsetDays, p.clock)
		} else if p.OffsetDays > 0 {
			s = fmt.Sprintf("等到“%s”后 %d 天 %s", p.label, p.OffsetDays, p.clock)
		}
		if p.Yearly {
			s = "每年" + s
		}
	}
	if p.InHours {
		s += "，只在工作时间继续"
	}
	return s
}
