// Package policy decides whether a message may go now, later or never. It is pure: everything it needs is
// in its arguments, so the live engine, a dry run and "why did this not arrive" ask the same function. It
// refuses to know where its facts come from (app/reach) and what becomes of its decision (app/outbox).
//
// A decision never opens what a platform forbids; it only keeps us from asking for it. The platform's own
// refusal always counts more, and comes back through app/reach as a fact.
package policy

import "time"

// Channel names a way out.
type Channel string

// The channels of this version.
const (
	WeComApp   Channel = "wecom_app"   // 企微应用消息, to staff
	OfficialKF Channel = "official_kf" // 公众号客服消息, to a follower

	OfficialTemplate Channel = "official_template" // 公众号模板消息, to a follower
	OfficialNotice   Channel = "official_notice"   // 公众号订阅通知 (bizsend), to who subscribed
	OfficialOnce     Channel = "official_once"     // 公众号一次性订阅消息, to who subscribed
	MiniSubscribe    Channel = "mini_subscribe"    // 小程序订阅消息, to who subscribed
	SMS              Channel = "sms"               // 短信
	WeComWelcome     Channel = "wecom_welcome"     // 企业微信欢迎语, to who just became a customer
	Webhook          Channel = "webhook"           // to another system
)

// Label is the channel's Chinese name.
func (c Channel) Label() string {
	if l, ok := channelLabels[c]; ok {
		return l
	}
	return string(c)
}

var channelLabels = map[Channel]string{
	WeComApp: "企业微信应用消息", OfficialKF: "公众号客服消息", OfficialTemplate: "公众号模板消息", OfficialNotice: "公众号订阅通知",
	OfficialOnce: "公众号一次性订阅消息", MiniSubscribe: "小程序订阅消息", SMS: "短信", WeComWelcome: "企业微信欢迎语", Webhook: "Webhook",
}

// Channels lists every channel.
func Channels() []Channel {
	return []Channel{WeComApp, OfficialKF, OfficialTemplate, OfficialNotice, OfficialOnce, MiniSubscribe, SMS, WeComWelcome, Webhook}
}

// Class says under which rules a message may go.
type Class string

// The classes.
const (
	Reply      Class = "reply"       // answers something the person just did: priority lane
	Service    Class = "service"     // the person's own business
	Marketing  Class = "marketing"   // caps, quiet hours, consent
	StaffAlert Class = "staff_alert" // to our own staff, under the staff's own limits
)

// Label is the class's Chinese name.
func (c Class) Label() string {
	switch c {
	case Reply:
		return "即时回复"
	case Service:
		return "服务通知"
	case Marketing:
		return "营销消息"
	case StaffAlert:
		return "员工提醒"
	}
	return string(c)
}

// Message is what policy may know of a message. Times are business time in Unix ms.
type Message struct {
	Channel   Channel
	Class     Class
	Kind      string        // of SMS: SMSCode, SMSNotice, SMSMarketing; nothing else matters
	Risk      Risk          // of channels that send by the platform's templates
	To        string        // only whether there is one matters
	CauseAt   int64         // when what caused it happened; 0 on a second look: freshness is judged once
	Late      bool          // the cause reached us late (offline beacon, import, backlog)
	Fresh     time.Duration // how old the cause may be; 0: as the limits say
	NotBefore int64         // 0: at once
	ExpiresAt int64         // 0: never
	Excluded  bool          // the person is own staff, a competitor or on a test list
	Counted   bool          // an earlier attempt spent window, balance and counters already
	Test      bool          // 发给我: no caps, no quiet hours, no consent
}

// marketing reports whether the rules of marketing hold for the message: what an SMS is counts more than
// what its sender calls it.
func (m *Message) marketing() bool {
	return m.Class == Marketing || m.Channel == SMS && m.Kind == SMSMarketing
}

// Impersonal reports whether Decide answers alike whoever the message is about: nothing they said, did or
// are has a say. It is so for what goes to another system.
func (m Message) Impersonal() bool {
	return m.Channel == Webhook && !m.marketing() && m.Class != StaffAlert
}

// Reach is what is known of the way to the recipient.
type Reach struct {
	Connected   bool  // a sender for the channel is there
	PausedUntil int64 // the API is paused after the platform refused (45009); 0: it is not
	Window      Window
	Following   Following
	Consent     Consent // to marketing on the channel
	Balance     Balance // of the template's subscription
	// TemplateToday is how many messages of the template the person was sent today.
	TemplateToday int
	TemplateOff   bool // the platform refused the template as it is defined now
	NumberDead    bool // the carrier said that the number does not exist
	Touches       Touches
	Staff         Staff
	App           Quota
	// Day and Month are what the account sent on the channel in this calendar day and month.
	Day, Month int
}

// Following is how a person stands to an official account.
type Following int

// Nobody tells us of those who followed before Koi and did nothing since, so unknown is no refusal.
const (
	FollowUnknown Following = iota
	Follows
	Left
)

// Consent is what a person said about marketing on a channel. What counts most wins: who unsubscribed from
// the channel is not asked for the purpose.
type Consent int

// What a person may have said.
const (
	NotAsked Consent = iota
	Granted
	Withdrawn
	Unsubscribed
)

// Balance is what a person's subscription answers for one template leave. A one-time answer is worth one
// message; a long-term one does not run out.
type Balance struct {
	Left     int
	LongTerm bool
	Rejected bool // the last answer was a refusal, or the platform said 43101
}

// Window is the customer-service window of a follower.
type Window struct {
	Until    int64 // open before this instant; 0: never opened
	Left     int   // messages that may still go
	ClosedBy Closed
}

// Closed says why a window that could be open is not.
type Closed int

// Why a window was closed.
const (
	NotClosed  Closed = iota
	Unfollowed        // the person unfollowed, or the platform said 43004
	Refused           // the platform said 45015: closed, whatever we counted
	UsedUp            // the platform said 45047: no message left until the person acts again
	Rejected          // the platform does not know the recipient (40003) or blocked them (50002)
)

// Touches counts marketing messages to one person in the current calendar day, week (from Monday) and
// month of the business zone.
type Touches struct{ Day, Week, Month int }

// Staff counts messages to one staff member: alerts in this calendar hour, and all messages in this and
// the previous calendar minute and hour.
type Staff struct {
	Alerts             int
	Minute, LastMinute int
	Hour, LastHour     int
}

// Quota is a number of sends a day; Limit 0 means that none is known.
type Quota struct{ Used, Limit int }

// Limits are the numbers policy works with; a setting of kind "policy" gives them (see Compile).
type Limits struct {
	MarketingDay, MarketingWeek, MarketingMonth int
	// Quiet hours are local clock times as offsets from midnight; QuietFrom later than QuietTo spans
	// midnight, equal means none.
	QuietFrom, QuietTo time.Duration
	StaffAlertsHour    int
	// MemberMinute and MemberHour are the platform's limits for one member of one WeCom app. It drops
	// the excess silently (接口频率限制, path/90454).
	MemberMinute, MemberHour int
	// AppSeatDay times the number of accounts is what a WeCom app may send a day.
	AppSeatDay int
	// Fresh is how old a cause may be: after a longer outage nobody is greeted for what they did then.
	Fresh time.Duration
	// SMSFrom and SMSTo are the hours in which 推广短信 may go, as offsets from midnight; from before to.
	// Outside of them carriers stop what is called marketing. Equal means at any hour.
	SMSFrom, SMSTo time.Duration
	// TemplateDay is how many messages of one template of medium risk a person gets a day.
	TemplateDay int
	// Accounts bounds what one account sends on a channel; a channel that is missing has no bound.
	Accounts map[Channel]AccountLimit
}

// AccountLimit is what one account may send on one channel in a calendar day and month; 0: no bound.
type AccountLimit struct{ Day, Month int }

// Defaults are the limits where the setting is silent: those of a new Koi.
func Defaults() Limits {
	return Limits{
		MarketingDay: 1, MarketingWeek: 3, MarketingMonth: 8,
		QuietFrom: 21 * time.Hour, QuietTo: 9 * time.Hour,
		StaffAlertsHour: 6,
		MemberMinute:    30, MemberHour: 1000,
		AppSeatDay: 200,
		Fresh:      time.Hour,
		SMSFrom:    9 * time.Hour, SMSTo: 20 * time.Hour,
		TemplateDay: 1,
		// What the platform gives a new account (模板消息 10 万次/日, 客服消息 50 万次/日); the real numbers
		// stand in its own console. The rest is not published.
		Accounts: map[Channel]AccountLimit{OfficialTemplate: {Day: 100_000}, OfficialKF: {Day: 500_000}},
	}
}

// Policy is limits in a business zone. It is immutable.
type Policy struct {
	Limits
	zone *time.Location
}

// New makes a policy.
func New(l Limits, zone *time.Location) *Policy { return &Policy{Limits: l, zone: zone} }

// Zone is the business zone of days, weeks, months and quiet hours.
func (p *Policy) Zone() *time.Location { return p.zone }

// Action is what to do with a message.
type Action int

// The actions.
const (
	Send Action = iota
	Delay
	Suppress
)

// Decision is the answer for one message at one moment.
type Decision struct {
	Action Action
	Until  int64  // of Delay: decide again then
	Reason Reason // of Delay and Suppress
}

func suppress(r Reason) Decision { return Decision{Action: Suppress, Reason: r} }

// Decide answers for a message at now (business time, Unix ms). Permanent reasons come first; of several
// reasons to wait the one that lasts longest is given. A message that would have to wait until it is no
// longer worth sending is suppressed with the reason it would have waited for.
func (p *Policy) Decide(m Message, r Reach, now int64) Decision {
	switch {
	case m.To == "":
		return suppress(NoRecipient)
	case !r.Connected:
		return suppress(NotConnected)
	case m.ExpiresAt > 0 && m.ExpiresAt <= max(now, m.NotBefore):
		return suppress(Expired)
	case !m.Test && (m.Late || m.CauseAt > 0 && now-m.CauseAt > p.fresh(m).Milliseconds()):
		return suppress(Late)
	case m.Excluded && !m.Test && (m.marketing() || m.Class == StaffAlert):
		return suppress(Excluded)
	}
	if why := m.forbidden(); why != "" {
		return suppress(why)
	}
	if why := m.unwanted(r.Consent); why != "" {
		return suppress(why)
	}
	if why := m.closed(r); why != "" {
		return suppress(why)
	}
	if m.NotBefore > now {
		return Decision{Delay, m.NotBefore, Scheduled}
	}
	if m.Channel == OfficialKF {
		if why := r.Window.shut(m, now); why != "" {
			return suppress(why)
		}
	}
	d := p.wait(m, r, now)
	if d.Action == Delay && m.ExpiresAt > 0 && d.Until >= m.ExpiresAt {
		return suppress(d.Reason)
	}
	return d
}

func (p *Policy) fresh(m Message) time.Duration {
	if m.Fresh > 0 {
		return m.Fresh
	}
	return p.Fresh
}

func (w Window) shut(m Message, now int64) Reason {
	left := w.Left
	if m.Counted {
		left++ // the one it took itself
	}
	switch {
	case w.ClosedBy == Unfollowed:
		return NotFollowing
	case w.ClosedBy == Rejected:
		return Unreachable
	case w.Until <= now || w.ClosedBy == Refused:
		return WindowClosed
	case w.ClosedBy == UsedUp || left <= 0:
		return WindowUsedUp
	}
	return ""
}

// wait collects what a message must wait for.
func (p *Policy) wait(m Message, r Reach, now int64) Decision {
	d := Decision{Action: Send}
	delay := func(until int64, why Reason) {
		if until > now && until > d.Until {
			d = Decision{Delay, until, why}
		}
	}
	delay(r.PausedUntil, Paused)
	if m.marketing() && !m.Test {
		delay(p.quietUntil(now), QuietHours)
		if !m.Counted {
			p.caps(r.Touches, now, delay)
		}
	}
	if m.Channel == SMS && m.Kind == SMSMarketing { // also of a test: carriers do not know what is one
		delay(p.smsFrom(now), SMSHours)
	}
	if m.risk() == Medium && !m.Test {
		delay(p.quietUntil(now), QuietHours)
		if !m.Counted && p.TemplateDay > 0 && r.TemplateToday >= p.TemplateDay {
			delay(p.morning(p.nextDay(now)), TemplateCap)
		}
	}
	if !m.Counted {
		l := p.Accounts[m.Channel]
		if l.Day > 0 && r.Day >= l.Day {
			delay(p.nextDay(now), QuotaDay)
		}
		if l.Month > 0 && r.Month >= l.Month {
			delay(p.nextMonth(now), QuotaMonth)
		}
	}
	if m.Channel == WeComApp && !m.Counted {
		p.staffLimits(m, r.Staff, now, delay)
		if r.App.Limit > 0 && r.App.Used >= r.App.Limit {
			delay(p.nextDay(now), AppQuota)
		}
	}
	return d
}

// morning is the end of the quiet hours a midnight lies in.
func (p *Policy) morning(midnight int64) int64 { return max(midnight, p.quietUntil(midnight)) }

func (p *Policy) caps(t Touches, now int64, delay func(int64, Reason)) {
	if t.Day >= p.MarketingDay {
		delay(p.morning(p.nextDay(now)), CapDay)
	}
	if t.Week >= p.MarketingWeek {
		delay(p.morning(p.nextWeek(now)), CapWeek)
	}
	if t.Month >= p.MarketingMonth {
		delay(p.morning(p.nextMonth(now)), CapMonth)
	}
}

func (p *Policy) staffLimits(m Message, s Staff, now int64, delay func(int64, Reason)) {
	minute := now - now%60_000
	hour := HourStart(now, p.zone)
	if m.Class == StaffAlert && !m.Test && s.Alerts >= p.StaffAlertsHour {
		delay(hour+3_600_000, StaffAlertCap)
	}
	// The platform's window may slide, ours are calendar ones. Any window of its length lies within two
	// of ours, so two together stay below the limit: what goes out is never silently dropped.
	if s.Minute+s.LastMinute >= p.MemberMinute {
		delay(after(minute, 60_000, s.Minute, p.MemberMinute), MemberRate)
	}
	if s.Hour+s.LastHour >= p.MemberHour {
		delay(after(hour, 3_600_000, s.Hour, p.MemberHour), MemberRate)
	}
}

// after is the start of the first calendar window in which a message fits again.
func after(start, length int64, used, limit int) int64 {
	if used >= limit { // it still counts as the previous one in the next window
		return start + 2*length
	}
	return start + length
}

// quietUntil is the end of the quiet hours that now lies in, or 0.
func (p *Policy) quietUntil(now int64) int64 { return p.hoursUntil(now, p.QuietFrom, p.QuietTo) }

// smsFrom is when 推广短信 may go again, or 0: they may now.
func (p *Policy) smsFrom(now int64) int64 { return p.hoursUntil(now, p.SMSTo, p.SMSFrom) }

// hoursUntil is the end of the daily hours from…to that now lies in, or 0; from later than to spans
// midnight, equal means none.
func (p *Policy) hoursUntil(now int64, from, to time.Duration) int64 {
	if from == to {
		return 0
	}
	t := time.UnixMilli(now).In(p.zone)
	clock := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
	days := 0
	switch {
	case from < to:
		if clock < from || clock >= to {
			return 0
		}
	case clock >= from:
		days = 1
	case clock >= to:
		return 0
	}
	// By the wall clock of the zone, so that a change to or from summer time moves nothing.
	return time.Date(t.Year(), t.Month(), t.Day()+days, 0, 0, int(to/time.Second), 0, p.zone).UnixMilli()
}

// HourStart is the first ms of the clock hour of an instant in a zone (some are half an hour off).
func HourStart(ms int64, zone *time.Location) int64 {
	_, off := time.UnixMilli(ms).In(zone).Zone()
	return ms - (ms+int64(off)*1000)%3_600_000
}

func (p *Policy) nextDay(now int64) int64   { return p.midnight(now, 0, 1) }
func (p *Policy) nextMonth(now int64) int64 { return p.midnight(now, 1, 0) }

func (p *Policy) nextWeek(now int64) int64 {
	days := (8 - int(time.UnixMilli(now).In(p.zone).Weekday())) % 7
	if days == 0 {
		days = 7
	}
	return p.midnight(now, 0, days)
}

// midnight is the local midnight that many days on, or the first of the month that many months on.
func (p *Policy) midnight(now int64, months, days int) int64 {
	t := time.UnixMilli(now).In(p.zone)
	day := t.Day() + days
	if months > 0 {
		day = 1
	}
	return time.Date(t.Year(), t.Month()+time.Month(months), day, 0, 0, 0, 0, p.zone).UnixMilli()
}
