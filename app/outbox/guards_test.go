package outbox_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/policy"
)

// door is a rig with one more platform, whose receipts it knows.
func door(t testing.TB, s *db.Stores, c outbox.Channel, edit ...func(*options)) (*rig, *platform) {
	t.Helper()
	p := &platform{channel: c}
	r := newRig(t, s, func(o *options) {
		p.clock = o.clock
		o.dispatcher.Senders = []outbox.Sender{p}
		o.stage.Receipts = []outbox.Channel{outbox.OfficialTemplate, outbox.OfficialNotice, outbox.MiniSubscribe, outbox.SMS}
		for _, f := range edit {
			f(o)
		}
	})
	r.sendNow()
	return r, p
}

// newest is the message made last.
func (r *rig) newest() *outbox.Detail {
	r.t.Helper()
	list := r.messages(outbox.Filter{})
	require.NotEmpty(r.t, list)
	return r.get(list[len(list)-1].ID)
}

// kept makes a message and checks that it was suppressed, for a reason that is explained.
func (r *rig) kept(why policy.Reason, o order) *outbox.Detail {
	r.t.Helper()
	r.append(r.says("o1", o))
	r.step()
	m := r.newest()
	require.Equal(r.t, outbox.Suppressed, m.State, "%s %s", m.Reason, m.Detail)
	require.Equal(r.t, why, m.Reason)
	require.NotEmpty(r.t, m.Explanation.Why)
	return m
}

// goes makes a message and waits until its attempt came to an end.
func (r *rig) goes(o order) *outbox.Detail {
	r.t.Helper()
	r.append(r.says("o1", o))
	r.until("the attempt ended", func() bool {
		m := r.newest()
		require.NotEqual(r.t, outbox.Suppressed, m.State, m.Reason)
		return m.State != outbox.Waiting && m.State != outbox.Sending
	})
	return r.newest()
}

func (r *rig) tells(typ, source string, props event.Props) {
	r.t.Helper()
	e := r.at(typ, "o1")
	e.Source, e.Props = source, props
	r.append(e)
	r.step()
}

func TestGuards_推广短信_need_a_yes_and_end_with_R(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r, _ := door(t, s, outbox.SMS)
		promo := order{Channel: outbox.SMS, Class: outbox.Marketing, Kind: policy.SMSMarketing}
		notice := order{Channel: outbox.SMS, Class: outbox.Service, Kind: policy.SMSNotice}
		r.kept(policy.ConsentMissing, promo)
		r.clock.Advance(time.Second)
		r.tells(event.ConsentGranted, "form", event.Props{"purpose": "marketing_sms"})
		require.Equal(t, outbox.Accepted, r.goes(promo).State)
		r.clock.Advance(time.Second)
		r.tells(event.ConsentUnsubscribed, "sms", event.Props{"channel": "sms", "source": "sms_uplink"})
		m := r.kept(policy.OptedOut, promo)
		require.Contains(t, m.Explanation.Why, "已退订")
		require.Contains(t, m.Explanation.Next, "重新明确同意")
		require.Equal(t, outbox.Accepted, r.goes(notice).State, "what is the person's own business still goes")
		r.kept(policy.SMSKind, order{Channel: outbox.SMS, Class: outbox.Marketing, Kind: policy.SMSNotice})
	})
}

func TestGuards_a_subscription_is_spent_given_back_and_cleared(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		channel outbox.Channel
		answer  string
	}{{outbox.OfficialNotice, event.OASubscriptionAnswered}, {outbox.MiniSubscribe, event.MPSubscriptionAnswered}} {
		t.Run(string(c.channel), func(t *testing.T) {
			t.Parallel()
			dbtest.Run(t, func(t *testing.T, s *db.Stores) {
				r, p := door(t, s, c.channel)
				notice := order{Channel: c.channel, Class: outbox.Service, Template: "t1"}
				n := 0
				accept := func(answer string) {
					r.clock.Advance(time.Second)
					n++ // a 订阅通知 adds up in different scenes only
					r.tells(c.answer, "oa", event.Props{"template_id": "t1", "answer": answer, "scene": []string{"h5", "article"}[n%2]})
				}
				r.kept(policy.NotSubscribed, notice)
				accept("accept")
				require.Equal(t, outbox.Accepted, r.goes(notice).State)
				r.kept(policy.NotSubscribed, notice)

				accept("accept")
				accept("accept")
				accept("filter")
				p.always(outbox.Outcome{Status: outbox.Failed, Code: 41030})
				require.Equal(t, outbox.Rejected, r.goes(notice).State)
				p.always(outbox.Outcome{Status: outbox.Unknown})
				require.Equal(t, outbox.Doubtful, r.goes(notice).State)
				p.always(outbox.Outcome{Status: outbox.Sent})
				require.Equal(t, outbox.Accepted, r.goes(notice).State, "what the platform did not take came back")
				r.kept(policy.NotSubscribed, notice) // and what it may have taken did not

				accept("accept")
				accept("accept")
				r.clock.Advance(time.Second)
				p.always(outbox.Outcome{Status: outbox.Failed, Code: 43101})
				require.Equal(t, outbox.Rejected, r.goes(notice).State)
				r.kept(policy.SubscriptionRefused, notice)

				accept("accept")
				accept("reject")
				r.kept(policy.SubscriptionRefused, notice)

				accept("accept")
				p.always(outbox.Outcome{Status: outbox.Sent})
				long := notice
				long.LongTerm = true
				for range 3 {
					require.Equal(t, outbox.Accepted, r.goes(long).State, "a long-term yes does not run out")
				}
			})
		})
	}
}

func TestGuards_one_time_messages_of_a_scene_do_not_add_up(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r, _ := door(t, s, outbox.OfficialOnce)
		once := order{Channel: outbox.OfficialOnce, Class: outbox.Service, Template: "t1"}
		for range 2 {
			r.clock.Advance(time.Second)
			r.tells(event.OASubscriptionAnswered, "oa", event.Props{"template_id": "t1", "answer": "accept", "once": true, "scene": "7"})
		}
		other := once
		other.Template = "t1/8"
		r.kept(policy.NotSubscribed, other)
		require.Equal(t, outbox.Accepted, r.goes(once).State)
		r.kept(policy.NotSubscribed, once)
	})
}

func TestGuards_a_template_the_platform_refuses_rests_until_its_definition_changes(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r, p := door(t, s, outbox.OfficialTemplate)
		first := order{Channel: outbox.OfficialTemplate, Class: outbox.Service, Risk: policy.Low, Template: "t1", Definition: "demo@1"}
		p.always(outbox.Outcome{Status: outbox.Alarm, Code: 47003, Reason: "模板参数不符合规则"})
		require.Equal(t, outbox.Rejected, r.goes(first).State)
		r.kept(policy.TemplateDisabled, first)
		attempts, _ := p.counts()
		require.Equal(t, 1, attempts, "nobody asked the platform again")
		list, err := r.box.TemplatesOff(t.Context())
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, "demo@1", list[0].Definition)
		p.always(outbox.Outcome{Status: outbox.Sent})
		first.Definition = "demo@2"
		require.Equal(t, outbox.Accepted, r.goes(first).State)
	})
}

func TestGuards_an_accounts_quota_is_counted_in_the_database(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		limits := func(o *options) {
			o.limits.Accounts = map[policy.Channel]policy.AccountLimit{outbox.OfficialTemplate: {Day: 2, Month: 3}}
		}
		r, p := door(t, s, outbox.OfficialTemplate, limits)
		m := order{Channel: outbox.OfficialTemplate, Class: outbox.Service, Risk: policy.Low, Template: "t1", ExpiresAt: r.now() + 60*24*hour.Milliseconds()}
		r.goes(m)
		r.goes(m)
		r = r.restarted(func(o *options) {
			limits(o)
			o.dispatcher.Senders = []outbox.Sender{p}
		})
		r.sendNow()
		r.append(r.says("o1", m), r.says("o1", m))
		r.step()
		got := r.newest()
		require.Equal(t, outbox.Waiting, got.State)
		require.Equal(t, policy.QuotaDay, got.Reason)
		r.clock.Advance(time.Duration(got.DueAt-r.now()) * time.Millisecond)
		r.settled("one more the next day", outbox.Accepted, 3)
		r.until("the month is used up", func() bool { return r.states()[outbox.Waiting] == 1 })
		left := r.messages(outbox.Filter{State: outbox.Waiting})[0]
		require.Equal(t, policy.QuotaMonth, left.Reason)
		require.Equal(t, "12-01 00:00", time.UnixMilli(left.DueAt).In(shanghai).Format("01-02 15:04"))
	})
}

func TestGuards_a_notice_of_medium_risk_goes_once_a_day(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r, _ := door(t, s, outbox.OfficialTemplate)
		m := order{Channel: outbox.OfficialTemplate, Class: outbox.Service, Risk: policy.Medium, Template: "t1"}
		r.goes(m)
		r.append(r.says("o1", m))
		r.step()
		require.Equal(t, policy.TemplateCap, r.newest().Reason)
		m.Template = "t2"
		require.Equal(t, outbox.Accepted, r.goes(m).State, "another template has a day of its own")
		m.Risk = policy.High
		r.kept(policy.TemplateRisky, m)
	})
}

// report is an SMS receipt as the door makes it.
func report(r *rig, message int64, typ string, more event.Props) *event.Event {
	e := &event.Event{Type: typ, Key: nextKey(), Source: "sms", Account: oaApp, Lane: event.Normal, OccurredAt: r.now(), ReceivedAt: r.now(),
		Props: event.Props{"channel": "sms", "platform_id": "biz" + strconv.FormatInt(message, 10), "out_id": strconv.FormatInt(message, 10)}}
	for k, v := range more {
		e.Props[k] = v
	}
	return e
}

func TestReceipts_reach_the_persons_timeline_and_add_nothing_twice(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r, p := door(t, s, outbox.SMS)
		sms := order{Channel: outbox.SMS, Class: outbox.Service, Kind: policy.SMSNotice}
		m := r.goes(sms)
		people, told := r.count("contacts"), len(r.told(m.ContactID))
		r.append(report(r, m.ID, event.MessageDelivered, nil), report(r, m.ID, event.MessageFailed, nil), report(r, m.ID+1, event.MessageDelivered, nil),
			report(r, 0, event.MessageDelivered, event.Props{"out_id": "of another system"}))
		r.step()
		r.append(report(r, m.ID, event.MessageDelivered, nil))
		r.step()
		require.Equal(t, outbox.Delivered, r.get(m.ID).State)
		require.Equal(t, people, r.count("contacts"), "receipts make nobody")
		require.Zero(t, r.count("outbox_early"))
		require.Equal(t, []string{event.MessageDelivered}, r.told(m.ContactID)[told:])

		p.always(outbox.Outcome{Status: outbox.Unknown})
		lost := r.goes(sms)
		require.Equal(t, outbox.Doubtful, lost.State)
		r.append(report(r, lost.ID, event.MessageDelivered, nil))
		r.step()
		require.Equal(t, outbox.Delivered, r.get(lost.ID).State, "the receipt settles what nobody knew")
		require.Equal(t, "biz"+idText(lost.ID), r.get(lost.ID).PlatformID, "and brings the platform's name of it")

		p.always(outbox.Outcome{Status: outbox.Sent})
		gone := r.goes(sms)
		r.append(report(r, gone.ID, event.MessageFailed, event.Props{"err_code": "MOBILE_NOT_ON_SERVICE", "reason": "空号"}))
		r.step()
		require.Equal(t, outbox.ReasonUndelivered, r.get(gone.ID).Reason)
		r.kept(policy.NumberInvalid, sms)
		r.clock.Advance(time.Second)
		r.tells(event.MPPhoneAuthorized, "mp", nil)
		require.Equal(t, outbox.Accepted, r.goes(sms).State)
	})
}

func TestReceipts_ten_thousand_unknown_ones_stay_cheap(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, func(o *options) { o.stage.Receipts = []outbox.Channel{outbox.SMS} })
		d := &driver{r: r}
		events := make([]*event.Event, 10_000)
		for i := range events {
			events[i] = report(r, int64(1_000_000+i), event.MessageDelivered, nil)
			events[i].Seq = int64(1 + i)
		}
		got := d.measure(t, events)
		t.Logf("10,000 unknown receipts: outbox %+v, people %+v", got["outbox"], got["contact"])
		require.Zero(t, got["outbox"].rows)
		require.LessOrEqual(t, got["outbox"].statements, 10_000/100+20)
		require.Zero(t, r.count("contacts"))
	})
}

func TestSettle_an_operators_word_ends_what_nobody_knows(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r, p := door(t, s, outbox.SMS)
		p.always(outbox.Outcome{Status: outbox.Unknown})
		sms := order{Channel: outbox.SMS, Class: outbox.Service, Kind: policy.SMSNotice}
		for _, c := range []struct {
			say   outbox.Verdict
			state outbox.State
		}{{outbox.WasSent, outbox.Accepted}, {outbox.WasNotSent, outbox.Rejected}} {
			m := r.goes(sms)
			require.Equal(t, outbox.Doubtful, m.State)
			_, err := r.box.Settle(t.Context(), m.ID, "maybe", "li")
			require.Error(t, err)
			_, err = r.box.Settle(t.Context(), m.ID, c.say, "li")
			require.NoError(t, err)
			r.step()
			require.Equal(t, c.state, r.get(m.ID).State)
			_, err = r.box.Settle(t.Context(), m.ID, c.say, "li")
			require.ErrorContains(t, err, "结果已经清楚")
		}
		require.Equal(t, outbox.ReasonNotSent, r.newest().Reason)
		p.always(outbox.Outcome{Status: outbox.Sent})
		_, err := r.box.Retry(t.Context(), r.newest().ID, "li")
		require.NoError(t, err)
		r.until("it went", func() bool { return r.newest().State == outbox.Accepted })
	})
}

func TestCould_says_what_would_become_of_a_message_and_makes_none(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r, _ := door(t, s, outbox.OfficialNotice)
		ways := outbox.NewWays(r.stage, s.Koi, r.clock, shanghai)
		var got, outside policy.Decision
		ask := func(m outbox.Message) policy.Decision {
			r.maker.apply = func(e *event.Event) error {
				if e.N > 0 {
					return nil
				}
				m.ContactID = e.ContactID
				var err error
				got, err = r.stage.Could(r.maker.batch, m)
				return err
			}
			r.clock.Advance(time.Second)
			r.append(r.at(event.OALocationReported, "o1"))
			r.step()
			r.maker.apply = nil
			p, err := contactOf(t, r, "o1")
			require.NoError(t, err)
			known, err := ways.Of(t.Context(), p)
			require.NoError(t, err)
			outside = known.Could(m)
			require.Equal(t, got.Action, outside.Action, fmt.Sprint(m.Channel, outside.Reason))
			require.Equal(t, got.Reason, outside.Reason)
			return got
		}
		kf := outbox.Message{Channel: outbox.OfficialKF, Account: oaApp, Class: outbox.Service}
		notice := outbox.Message{Channel: outbox.OfficialNotice, Account: oaApp, Class: outbox.Service, Template: "t1"}
		require.Equal(t, policy.WindowClosed, ask(kf).Reason)
		require.Equal(t, policy.NotSubscribed, ask(notice).Reason)
		r.append(r.says("o1"))
		r.tells(event.OASubscriptionAnswered, "oa", event.Props{"template_id": "t1", "answer": "accept"})
		require.Equal(t, policy.Send, ask(kf).Action)
		require.Equal(t, policy.Send, ask(notice).Action)
		require.Equal(t, policy.Send, ask(notice).Action, "asking spends nothing")
		require.Equal(t, policy.NotConnected, ask(outbox.Message{Channel: outbox.MiniSubscribe, Account: "wxmini", Class: outbox.Service, To: "m1"}).Reason)
		require.Equal(t, policy.NoRecipient, ask(outbox.Message{Channel: outbox.SMS, Account: "Koi", Class: outbox.Service}).Reason)

		kf.Class = outbox.Marketing
		require.Equal(t, policy.Send, ask(kf).Action)
		r.goes(order{Class: outbox.Marketing})
		require.Equal(t, policy.CapDay, ask(kf).Reason)
		r.clock.Advance(time.Second)
		r.tells(event.OAUnfollowed, "oa", nil)
		kf.Class = outbox.Service
		require.Equal(t, policy.NotFollowing, ask(kf).Reason)
		require.Empty(t, r.messages(outbox.Filter{Channel: outbox.OfficialNotice}))
	})
}

func TestEnqueue_a_welcome_lives_twenty_seconds(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r, _ := door(t, s, outbox.WeComWelcome)
		m := r.goes(order{Channel: outbox.WeComWelcome, Class: outbox.Reply})
		require.Equal(t, m.CreatedAt+20_000, m.ExpiresAt)
		late := r.says("o1", order{Channel: outbox.WeComWelcome, Class: outbox.Reply})
		late.OccurredAt -= 21_000
		r.append(late)
		r.step()
		require.Equal(t, policy.Expired, r.newest().Reason)
		require.Positive(t, clock.Ms(r.clock.Now()))
	})
}
