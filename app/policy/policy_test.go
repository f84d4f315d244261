package policy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/koi-scrm/koi/app/policy"
)

var shanghai = time.FixedZone("CST", 8*3600)

// at is a moment of Monday 2026-11-23 in Shanghai.
func at(clock string) int64 {
	t, err := time.ParseInLocation("2006-01-02 15:04:05", "2026-11-23 "+clock, shanghai)
	if err != nil {
		panic(err)
	}
	return t.UnixMilli()
}

func day(date, clock string) int64 {
	t, err := time.ParseInLocation("2006-01-02 15:04", date+" "+clock, shanghai)
	if err != nil {
		panic(err)
	}
	return t.UnixMilli()
}

const hour = int64(3_600_000)

func TestPolicy_Decide(t *testing.T) {
	t.Parallel()
	now := at("10:00:00")
	kf := policy.Message{Channel: policy.OfficialKF, Class: policy.Reply, To: "o1", CauseAt: now - 200, ExpiresAt: now + hour}
	open := policy.Reach{Connected: true, Window: policy.Window{Until: now + 48*hour, Left: 5}}
	alert := policy.Message{Channel: policy.WeComApp, Class: policy.StaffAlert, To: "zhang", CauseAt: now - 200, ExpiresAt: now + 24*hour}
	connected := policy.Reach{Connected: true}
	sms := policy.Message{Channel: policy.SMS, Class: policy.Service, Kind: policy.SMSNotice, To: "138****0000", CauseAt: now - 200, ExpiresAt: now + 24*hour}
	promo := sms
	promo.Class, promo.Kind = policy.Marketing, policy.SMSMarketing
	phone := connected
	template := policy.Message{Channel: policy.OfficialTemplate, Class: policy.Service, Risk: policy.Low, To: "o1", CauseAt: now - 200}
	notice := template
	notice.Channel = policy.OfficialNotice
	marketing := kf
	marketing.Class, marketing.ExpiresAt = policy.Marketing, now+72*hour

	send := policy.Decision{}
	wait := func(until int64, r policy.Reason) policy.Decision {
		return policy.Decision{Action: policy.Delay, Until: until, Reason: r}
	}
	no := func(r policy.Reason) policy.Decision { return policy.Decision{Action: policy.Suppress, Reason: r} }

	produced := map[policy.Reason]bool{policy.InLine: true} // InLine is the outbox's own: its queue is full
	cases := []struct {
		name string
		m    policy.Message
		r    policy.Reach
		edit func(m *policy.Message, r *policy.Reach)
		now  int64
		want policy.Decision
	}{
		{"a reply in an open window goes", kf, open, nil, now, send},
		{"an alert to a member goes", alert, connected, nil, now, send},
		{"an alert ignores the customers' quiet hours", alert, connected, func(m *policy.Message, _ *policy.Reach) { m.CauseAt = at("23:00:00") }, at("23:00:00"), send},
		{"a reply ignores quiet hours", kf, open, func(m *policy.Message, _ *policy.Reach) { m.CauseAt, m.ExpiresAt = at("23:00:00"), 0 }, at("23:00:00"), send},

		{"nobody to send to", kf, open, func(m *policy.Message, _ *policy.Reach) { m.To = "" }, now, no(policy.NoRecipient)},
		{"no sender for the channel", kf, open, func(_ *policy.Message, r *policy.Reach) { r.Connected = false }, now, no(policy.NotConnected)},
		{"past its time", kf, open, func(m *policy.Message, _ *policy.Reach) { m.ExpiresAt = now }, now, no(policy.Expired)},
		{"scheduled for after its own end", kf, open, func(m *policy.Message, _ *policy.Reach) { m.NotBefore = m.ExpiresAt }, now, no(policy.Expired)},
		{"caused by something that reached us late", kf, open, func(m *policy.Message, _ *policy.Reach) { m.Late = true }, now, no(policy.Late)},
		{"caused longer ago than an outage may last", kf, open, func(m *policy.Message, _ *policy.Reach) { m.CauseAt = now - hour - 1 }, now, no(policy.Late)},
		{"caused exactly an hour ago", kf, open, func(m *policy.Message, _ *policy.Reach) { m.CauseAt = now - hour }, now, send},
		{"a test send is never late", kf, open, func(m *policy.Message, _ *policy.Reach) { m.Late, m.Test = true, true }, now, send},
		{"an alert about our own staff", alert, connected, func(m *policy.Message, _ *policy.Reach) { m.Excluded = true }, now, no(policy.Excluded)},
		{"marketing to a competitor", marketing, open, func(m *policy.Message, _ *policy.Reach) { m.Excluded = true }, now, no(policy.Excluded)},
		{"a reply to a competitor goes", kf, open, func(m *policy.Message, _ *policy.Reach) { m.Excluded = true }, now, send},

		{"a window never opened", kf, open, func(_ *policy.Message, r *policy.Reach) { r.Window = policy.Window{} }, now, no(policy.WindowClosed)},
		{"a window that ends now", kf, open, func(_ *policy.Message, r *policy.Reach) { r.Window.Until = now }, now, no(policy.WindowClosed)},
		{"a window in its last millisecond", kf, open, func(_ *policy.Message, r *policy.Reach) { r.Window.Until = now + 1 }, now, send},
		{"a window the platform calls closed", kf, open, func(_ *policy.Message, r *policy.Reach) { r.Window.ClosedBy = policy.Refused }, now, no(policy.WindowClosed)},
		{"a window with nothing left", kf, open, func(_ *policy.Message, r *policy.Reach) { r.Window.Left = 0 }, now, no(policy.WindowUsedUp)},
		{"a window the platform calls used up", kf, open, func(_ *policy.Message, r *policy.Reach) { r.Window.ClosedBy = policy.UsedUp }, now, no(policy.WindowUsedUp)},
		{"a used-up window that ended since", kf, open, func(_ *policy.Message, r *policy.Reach) {
			r.Window = policy.Window{Until: now - 1, ClosedBy: policy.UsedUp}
		}, now, no(policy.WindowClosed)},
		{"a second try has its own place in the window", kf, open, func(m *policy.Message, r *policy.Reach) { m.Counted, r.Window.Left = true, 0 }, now, send},
		{"a follower who left", kf, open, func(_ *policy.Message, r *policy.Reach) { r.Window.ClosedBy = policy.Unfollowed }, now, no(policy.NotFollowing)},
		{"a recipient the platform refuses", kf, open, func(_ *policy.Message, r *policy.Reach) { r.Window.ClosedBy = policy.Rejected }, now, no(policy.Unreachable)},

		{"not before its time", kf, open, func(m *policy.Message, _ *policy.Reach) { m.NotBefore = now + 1000 }, now, wait(now+1000, policy.Scheduled)},
		{"an API the platform closed until tomorrow", alert, connected, func(_ *policy.Message, r *policy.Reach) { r.PausedUntil = now + 5*hour }, now, wait(now+5*hour, policy.Paused)},
		{"a pause longer than the message is worth", alert, connected, func(m *policy.Message, r *policy.Reach) { r.PausedUntil = m.ExpiresAt }, now, no(policy.Paused)},
		{"a pause that is over", alert, connected, func(_ *policy.Message, r *policy.Reach) { r.PausedUntil = now }, now, send},

		{"marketing at 20:59:59", marketing, open, func(m *policy.Message, _ *policy.Reach) { m.CauseAt = 0 }, at("20:59:59"), send},
		{"marketing at 21:00", marketing, open, func(m *policy.Message, _ *policy.Reach) { m.CauseAt = 0 }, at("21:00:00"), wait(day("2026-11-24", "09:00"), policy.QuietHours)},
		{"marketing at 08:59:59", marketing, open, func(m *policy.Message, _ *policy.Reach) { m.CauseAt = 0 }, at("08:59:59"), wait(at("09:00:00"), policy.QuietHours)},
		{"marketing at 09:00", marketing, open, func(m *policy.Message, _ *policy.Reach) { m.CauseAt = 0 }, at("09:00:00"), send},
		{"a test send in quiet hours", marketing, open, func(m *policy.Message, _ *policy.Reach) { m.CauseAt, m.Test = 0, true }, at("23:00:00"), send},
		{"a second touch on one day waits for the next morning", marketing, open, func(_ *policy.Message, r *policy.Reach) { r.Touches = policy.Touches{Day: 1, Week: 1, Month: 1} }, now, wait(day("2026-11-24", "09:00"), policy.CapDay)},
		{"a fourth touch in a week waits for Monday", marketing, open, func(m *policy.Message, r *policy.Reach) {
			m.ExpiresAt, r.Touches = 0, policy.Touches{Week: 3, Month: 3}
		}, now, wait(day("2026-11-30", "09:00"), policy.CapWeek)},
		{"a ninth touch in a month waits for the first", marketing, open, func(m *policy.Message, r *policy.Reach) { m.ExpiresAt, r.Touches = 0, policy.Touches{Month: 8} }, now, wait(day("2026-12-01", "09:00"), policy.CapMonth)},
		{"the longest of several waits counts", marketing, open, func(m *policy.Message, r *policy.Reach) {
			m.ExpiresAt, r.Touches = 0, policy.Touches{Day: 1, Week: 3, Month: 8}
		}, now, wait(day("2026-12-01", "09:00"), policy.CapMonth)},
		{"a cap that outlasts the message", marketing, open, func(_ *policy.Message, r *policy.Reach) { r.Touches = policy.Touches{Month: 8} }, now, no(policy.CapMonth)},
		{"a second try was counted already", marketing, open, func(m *policy.Message, r *policy.Reach) {
			m.Counted, r.Touches = true, policy.Touches{Day: 1, Week: 3, Month: 8}
		}, now, send},

		{"a seventh alert in an hour waits for the next", alert, connected, func(_ *policy.Message, r *policy.Reach) { r.Staff.Alerts = 6 }, at("10:20:00"), wait(at("11:00:00"), policy.StaffAlertCap)},
		{"a service notice is not an alert", alert, connected, func(m *policy.Message, r *policy.Reach) { m.Class, r.Staff.Alerts = policy.Service, 6 }, now, send},
		{"thirty in this minute count in the next one too", alert, connected, func(_ *policy.Message, r *policy.Reach) { r.Staff.Minute = 30 }, at("10:00:30"), wait(at("10:02:00"), policy.MemberRate)},
		{"thirty in the last minute are over with this one", alert, connected, func(_ *policy.Message, r *policy.Reach) { r.Staff.LastMinute = 30 }, at("10:00:30"), wait(at("10:01:00"), policy.MemberRate)},
		{"a thousand in this hour", alert, connected, func(_ *policy.Message, r *policy.Reach) { r.Staff.Hour, r.Staff.LastHour = 400, 600 }, at("10:20:00"), wait(at("11:00:00"), policy.MemberRate)},
		{"the app's daily sends are used up", alert, connected, func(_ *policy.Message, r *policy.Reach) { r.App = policy.Quota{Used: 2000, Limit: 2000} }, now, wait(day("2026-11-24", "00:00"), policy.AppQuota)},
		{"a service notice at the account's daily limit waits for midnight", sms, phone, func(m *policy.Message, r *policy.Reach) { r.Day = 1000 }, now, wait(day("2026-11-24", "00:00"), policy.QuotaDay)},
		{"the account's month is used up", sms, phone, func(m *policy.Message, r *policy.Reach) { m.ExpiresAt, r.Month = 0, 20000 }, now, wait(day("2026-12-01", "00:00"), policy.QuotaMonth)},
		{"a code that would have to wait until tomorrow", sms, phone, func(m *policy.Message, r *policy.Reach) {
			m.Kind, m.ExpiresAt, r.Day = policy.SMSCode, now+hour/6, 1000
		}, now, no(policy.QuotaDay)},
		{"a second try was counted for the account", sms, phone, func(m *policy.Message, r *policy.Reach) { m.Counted, r.Day, r.Month = true, 1000, 20000 }, now, send},
		{"a channel without a limit", template, connected, func(_ *policy.Message, r *policy.Reach) { r.Day = 1 << 40 }, now, send},

		{"an SMS notice without any consent", sms, phone, nil, now, send},
		{"an SMS notice at night", sms, phone, func(m *policy.Message, _ *policy.Reach) { m.CauseAt = 0 }, at("23:30:00"), send},
		{"a code at night to who unsubscribed", sms, phone, func(m *policy.Message, r *policy.Reach) {
			m.Kind, m.CauseAt, r.Consent = policy.SMSCode, 0, policy.Unsubscribed
		}, at("03:00:00"), send},
		{"a number that does not exist", sms, phone, func(_ *policy.Message, r *policy.Reach) { r.NumberDead = true }, now, no(policy.NumberInvalid)},
		{"marketing by an SMS notice", sms, phone, func(m *policy.Message, r *policy.Reach) { m.Class, r.Consent = policy.Marketing, policy.Granted }, now, no(policy.SMSKind)},
		{"推广短信 without consent", promo, phone, nil, now, no(policy.ConsentMissing)},
		{"推广短信 with consent", promo, phone, func(_ *policy.Message, r *policy.Reach) { r.Consent = policy.Granted }, now, send},
		{"推广短信 called a service message is marketing all the same", promo, phone, func(m *policy.Message, _ *policy.Reach) { m.Class = policy.Service }, now, no(policy.ConsentMissing)},
		{"推广短信 after R", promo, phone, func(_ *policy.Message, r *policy.Reach) { r.Consent = policy.Unsubscribed }, now, no(policy.OptedOut)},
		{"推广短信 after consent was taken back", promo, phone, func(_ *policy.Message, r *policy.Reach) { r.Consent = policy.Withdrawn }, now, no(policy.ConsentWithdrawn)},
		{"推广短信 at 19:59:59", promo, phone, func(m *policy.Message, r *policy.Reach) { m.CauseAt, r.Consent = 0, policy.Granted }, at("19:59:59"), send},
		{"推广短信 at 20:00", promo, phone, func(m *policy.Message, r *policy.Reach) { m.CauseAt, m.ExpiresAt, r.Consent = 0, 0, policy.Granted }, at("20:00:00"), wait(day("2026-11-24", "09:00"), policy.SMSHours)},
		{"推广短信 as a test keep the hours, not the consent", promo, phone, func(m *policy.Message, _ *policy.Reach) { m.CauseAt, m.ExpiresAt, m.Test = 0, 0, true }, at("08:00:00"), wait(at("09:00:00"), policy.SMSHours)},
		{"marketing by customer service needs no consent", marketing, open, func(_ *policy.Message, r *policy.Reach) { r.Consent = policy.NotAsked }, now, send},
		{"marketing by customer service to who unsubscribed", marketing, open, func(_ *policy.Message, r *policy.Reach) { r.Consent = policy.Unsubscribed }, now, no(policy.OptedOut)},
		{"a reply to who unsubscribed", kf, open, func(_ *policy.Message, r *policy.Reach) { r.Consent = policy.Unsubscribed }, now, send},

		{"a template message to somebody of whom nothing is known", template, connected, nil, now, send},
		{"a template message to who left", template, connected, func(_ *policy.Message, r *policy.Reach) { r.Following = policy.Left }, now, no(policy.NotFollowing)},
		{"a template message after 43004", template, connected, func(_ *policy.Message, r *policy.Reach) { r.Window.ClosedBy = policy.Unfollowed }, now, no(policy.NotFollowing)},
		{"a template message to who is no user", template, connected, func(_ *policy.Message, r *policy.Reach) { r.Window.ClosedBy = policy.Rejected }, now, no(policy.Unreachable)},
		{"a template message needs no window", template, connected, func(_ *policy.Message, r *policy.Reach) { r.Window.ClosedBy = policy.UsedUp }, now, send},
		{"marketing by template message", template, connected, func(m *policy.Message, _ *policy.Reach) { m.Class = policy.Marketing }, now, no(policy.TemplateRisky)},
		{"a template that looks like marketing, even to oneself", template, connected, func(m *policy.Message, _ *policy.Reach) { m.Risk, m.Test = policy.High, true }, now, no(policy.TemplateRisky)},
		{"a template the platform refused", template, connected, func(_ *policy.Message, r *policy.Reach) { r.TemplateOff = true }, now, no(policy.TemplateDisabled)},
		{"a notice at night waits for the morning", template, connected, func(m *policy.Message, _ *policy.Reach) { m.CauseAt, m.Risk = 0, policy.Medium }, at("22:00:00"), wait(day("2026-11-24", "09:00"), policy.QuietHours)},
		{"a template nobody classified is a notice", template, connected, func(m *policy.Message, _ *policy.Reach) { m.CauseAt, m.Risk = 0, "" }, at("22:00:00"), wait(day("2026-11-24", "09:00"), policy.QuietHours)},
		{"an unclassified answer is none", template, connected, func(m *policy.Message, _ *policy.Reach) { m.CauseAt, m.Risk, m.Class = 0, "", policy.Reply }, at("22:00:00"), send},
		{"the result of one's own act goes at night, and as often as one acts", template, connected, func(m *policy.Message, r *policy.Reach) { m.CauseAt, r.TemplateToday = 0, 9 }, at("22:00:00"), send},
		{"the second notice of a template on one day", template, connected, func(m *policy.Message, r *policy.Reach) { m.Risk, r.TemplateToday = policy.Medium, 1 }, now, wait(day("2026-11-24", "09:00"), policy.TemplateCap)},

		{"a notice without a subscription", notice, connected, nil, now, no(policy.NotSubscribed)},
		{"a notice with one left", notice, connected, func(_ *policy.Message, r *policy.Reach) { r.Balance.Left = 1 }, now, send},
		{"a notice for life", notice, connected, func(_ *policy.Message, r *policy.Reach) { r.Balance.LongTerm = true }, now, send},
		{"a notice to who refused", notice, connected, func(_ *policy.Message, r *policy.Reach) { r.Balance = policy.Balance{LongTerm: true, Rejected: true} }, now, no(policy.SubscriptionRefused)},
		{"a second try holds the subscription it took", notice, connected, func(m *policy.Message, _ *policy.Reach) { m.Counted = true }, now, send},
		{"a notice to who subscribed and left", notice, connected, func(_ *policy.Message, r *policy.Reach) { r.Balance.Left, r.Following = 1, policy.Left }, now, send},
		{"marketing by notice to who left", notice, connected, func(m *policy.Message, r *policy.Reach) {
			m.Class, r.Balance.Left, r.Following = policy.Marketing, 1, policy.Left
		}, now, no(policy.NotFollowing)},
		{"a trigger may be fresh for longer", notice, connected, func(m *policy.Message, r *policy.Reach) {
			m.CauseAt, m.Fresh, r.Balance.Left = now-3*hour, 4*time.Hour, 1
		}, now, send},
		{"a trigger may be fresh for less", notice, connected, func(m *policy.Message, r *policy.Reach) {
			m.CauseAt, m.Fresh, r.Balance.Left = now-hour/2, 10*time.Minute, 1
		}, now, no(policy.Late)},

		{"no daily limit is known", alert, connected, func(_ *policy.Message, r *policy.Reach) { r.App = policy.Quota{Used: 2000} }, now, send},
	}
	limits := policy.Defaults()
	limits.Accounts = map[policy.Channel]policy.AccountLimit{policy.SMS: {Day: 1000, Month: 20000}}
	p := policy.New(limits, shanghai)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, r := c.m, c.r
			if c.edit != nil {
				c.edit(&m, &r)
			}
			got := p.Decide(m, r, c.now)
			require.Equal(t, c.want, got)
		})
		produced[c.want.Reason] = true
	}
	for _, r := range policy.Reasons() {
		require.True(t, produced[r], "no case gives %s", r)
	}
}

func TestReason_every_one_says_what_happened_and_what_to_do(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, r := range policy.Reasons() {
		x := r.Explain()
		require.NotEmpty(t, x.Name, r)
		require.NotEmpty(t, x.What, r)
		require.NotEmpty(t, x.Next, r)
		require.False(t, names[x.Name], "%s is the name of two reasons", x.Name)
		names[x.Name] = true
	}
}

func TestPolicy_quiet_hours_within_a_day_and_none(t *testing.T) {
	t.Parallel()
	l := policy.Defaults()
	l.QuietFrom, l.QuietTo = 12*time.Hour, 13*time.Hour+30*time.Minute
	m := policy.Message{Channel: policy.OfficialKF, Class: policy.Marketing, To: "o1"}
	r := policy.Reach{Connected: true, Window: policy.Window{Until: at("23:00:00"), Left: 5}}
	p := policy.New(l, shanghai)
	require.Equal(t, policy.Send, p.Decide(m, r, at("11:59:59")).Action)
	require.Equal(t, at("13:30:00"), p.Decide(m, r, at("12:00:00")).Until)
	require.Equal(t, policy.Send, p.Decide(m, r, at("13:30:00")).Action)
	l.QuietFrom = l.QuietTo
	require.Equal(t, policy.Send, policy.New(l, shanghai).Decide(m, r, at("13:00:00")).Action)
}

// Following the decisions of policy, a message ends: each wait is in the future, and asking again then
// (with calendar counters that ran out) comes to an answer within a few rounds.
func TestPolicy_waits_end(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom([]*time.Location{shanghai, time.UTC, time.FixedZone("NPT", 5*3600+45*60)}).Draw(t, "zone")
		limits := policy.Defaults()
		for _, c := range policy.Channels() {
			limits.Accounts[c] = policy.AccountLimit{Day: 100, Month: 1000}
		}
		p := policy.New(limits, zone)
		now := rapid.Int64Range(1_795_000_000_000, 1_830_000_000_000).Draw(t, "now")
		m := policy.Message{
			Channel: rapid.SampledFrom(policy.Channels()).Draw(t, "channel"),
			Kind:    rapid.SampledFrom([]string{policy.SMSCode, policy.SMSMarketing}).Draw(t, "kind"),
			Risk:    rapid.SampledFrom([]policy.Risk{policy.Low, policy.Medium}).Draw(t, "risk"),
			Class:   rapid.SampledFrom([]policy.Class{policy.Reply, policy.Service, policy.Marketing, policy.StaffAlert}).Draw(t, "class"),
			To:      "someone",
		}
		r := policy.Reach{Connected: true,
			PausedUntil: now + rapid.Int64Range(-hour, 24*hour).Draw(t, "pause"),
			Window:      policy.Window{Until: now + 4000*hour, Left: 1},
			Touches:     policy.Touches{Day: rapid.IntRange(0, 2).Draw(t, "d"), Week: rapid.IntRange(0, 4).Draw(t, "w"), Month: rapid.IntRange(0, 9).Draw(t, "m")},
			Staff:       policy.Staff{Alerts: rapid.IntRange(0, 7).Draw(t, "alerts"), Minute: rapid.IntRange(0, 30).Draw(t, "min"), Hour: rapid.IntRange(0, 1000).Draw(t, "hour")},
			App:         policy.Quota{Used: rapid.IntRange(0, 300).Draw(t, "used"), Limit: 200},
			Consent:     policy.Granted, Balance: policy.Balance{Left: 1},
			TemplateToday: rapid.IntRange(0, 2).Draw(t, "template"),
			Day:           rapid.IntRange(0, 200).Draw(t, "sent today"), Month: rapid.IntRange(0, 2000).Draw(t, "sent this month"),
		}
		if m.Channel == policy.OfficialTemplate && m.Class == policy.Marketing || m.Channel == policy.SMS && m.Kind == policy.SMSCode && m.Class == policy.Marketing {
			return // it goes to nobody
		}
		for range 12 {
			d := p.Decide(m, r, now)
			if d.Action == policy.Send {
				return
			}
			require.Equal(t, policy.Delay, d.Action)
			require.Greater(t, d.Until, now)
			require.Less(t, d.Until-now, 33*24*hour)
			now = d.Until
			switch d.Reason { // what the wait was for is over now
			case policy.CapDay:
				r.Touches.Day = 0
			case policy.CapWeek:
				r.Touches.Day, r.Touches.Week = 0, 0
			case policy.CapMonth:
				r.Touches = policy.Touches{}
			case policy.StaffAlertCap, policy.MemberRate:
				r.Staff = policy.Staff{}
			case policy.AppQuota:
				r.App.Used = 0
			case policy.TemplateCap:
				r.TemplateToday = 0
			case policy.QuotaDay:
				r.Day = 0
			case policy.QuotaMonth:
				r.Day, r.Month = 0, 0
			}
		}
		t.Fatalf("still waiting after twelve rounds")
	})
}

// Whoever reads no person for an impersonal message decides like who did.
func TestMessage_Impersonal_holds_whoever_the_person_is(t *testing.T) {
	t.Parallel()
	impersonal := 0
	rapid.Check(t, func(t *rapid.T) {
		p := policy.New(policy.Defaults(), shanghai)
		now := rapid.Int64Range(1_795_000_000_000, 1_830_000_000_000).Draw(t, "now")
		m := policy.Message{
			Channel:   rapid.SampledFrom(policy.Channels()).Draw(t, "channel"),
			Kind:      rapid.SampledFrom([]string{"", policy.SMSCode, policy.SMSNotice, policy.SMSMarketing}).Draw(t, "kind"),
			Risk:      rapid.SampledFrom(append(policy.Risks(), "")).Draw(t, "risk"),
			Class:     rapid.SampledFrom([]policy.Class{policy.Reply, policy.Service, policy.Marketing, policy.StaffAlert}).Draw(t, "class"),
			To:        "someone",
			ExpiresAt: now + rapid.Int64Range(-hour, 48*hour).Draw(t, "expires"),
			Counted:   rapid.Bool().Draw(t, "counted"),
		}
		if !m.Impersonal() {
			return
		}
		impersonal++
		r := policy.Reach{Connected: true, PausedUntil: now + rapid.Int64Range(-hour, hour).Draw(t, "pause")}
		of := func(m policy.Message) policy.Decision { return p.Decide(m, r, now) }
		want := of(m)
		m.Excluded = rapid.Bool().Draw(t, "excluded")
		r.Consent = rapid.SampledFrom([]policy.Consent{policy.NotAsked, policy.Granted, policy.Withdrawn, policy.Unsubscribed}).Draw(t, "consent")
		r.Following = rapid.SampledFrom([]policy.Following{policy.FollowUnknown, policy.Follows, policy.Left}).Draw(t, "following")
		r.Window = policy.Window{Until: now + rapid.Int64Range(-hour, hour).Draw(t, "window"), Left: rapid.IntRange(0, 2).Draw(t, "left")}
		r.Balance = policy.Balance{Left: rapid.IntRange(0, 1).Draw(t, "balance"), Rejected: rapid.Bool().Draw(t, "rejected")}
		r.Touches = policy.Touches{Day: rapid.IntRange(0, 9).Draw(t, "d"), Week: rapid.IntRange(0, 9).Draw(t, "w"), Month: rapid.IntRange(0, 9).Draw(t, "m")}
		r.TemplateToday, r.NumberDead = rapid.IntRange(0, 2).Draw(t, "template"), rapid.Bool().Draw(t, "dead")
		require.Equal(t, want, of(m))
	})
	require.NotZero(t, impersonal)
}
