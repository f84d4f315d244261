package journey

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/policy"
)

// sends is a journey that does one thing when a type of event happens: the ways out end at steps of their
// own, so that the run's place tells which was taken.
func sends(on, step string) string {
	return `
settings: {entry: {mode: concurrent}}
nodes:
  - {id: go, component: on_event, config: {events: [` + on + `]}}
  - {id: say, ` + step + `}
  - {id: done, component: end}
  - {id: kept, component: end}
  - {id: broke, component: end}
edges:
  - {from: go, to: say}
  - {from: say, to: done}
  - {from: say, port: blocked, to: kept}
  - {from: say, port: failed, to: broke}`
}

// answer is a follower's answer to the question for a subscription.
func (r *rig) answer(who, app, typ, template, answer string) *event.Event {
	e := r.act(who, typ, event.Props{"template_id": template, "answer": answer, "content": template})
	e.Account, e.Identities[0].Scope = app, app
	return e
}

func (r *rig) submit(who, phone string) *event.Event {
	e := r.act(who, event.FormSubmitted, nil)
	if phone != "" {
		e.Identities = append(e.Identities, event.Identity{Kind: event.KindPhone, Value: phone})
	}
	return e
}

func (r *rig) one() outbox.Entry {
	r.t.Helper()
	list := r.messages()
	require.Len(r.t, list, 1)
	return list[0]
}

func TestDirect_template_message_goes_to_a_follower(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("j", sends("oa.followed", "component: send_template, config: {template: booked}"))
		r.batch(r.follow("o1"))
		m := r.one()
		require.Equal(t, outbox.OfficialTemplate, m.Channel)
		require.Equal(t, oaApp, m.Account)
		require.Equal(t, "o1", m.To)
		require.Equal(t, "template", m.Kind)
		require.Equal(t, outbox.Service, m.Class)
		require.Equal(t, outbox.Sending, m.State)
		require.Equal(t, `{"template_id":"TPL1","data":{"thing1":{"value":"演示"},"time2":{"value":"2026-11-23 12:00"}}}`, r.body(m))
		require.Equal(t, []string{"1@done finished"}, r.story())
	})
}

func TestDirect_notice_uses_up_a_subscription(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("j", sends("oa.menu_clicked", "component: send_notice, config: {template: live}"))
		click := func(n int) *event.Event {
			return r.act("o1", event.OAMenuClicked, event.Props{"content": strconv.Itoa(n)})
		}
		r.batch(r.follow("o1"), click(1))
		require.Equal(t, []string{"1@kept finished"}, r.story(), "nobody asked them")
		r.now += 1000
		r.batch(r.answer("o1", oaApp, event.OASubscriptionAnswered, "TPL2", "accept"))
		r.now += 1000
		r.batch(click(2))
		r.now += 1000
		r.batch(click(3))
		require.Equal(t, []string{"1@kept finished", "1@done finished", "1@kept finished"}, r.story())
		list := r.messages() // newest first
		require.Len(t, list, 3)
		require.Equal(t, policy.NotSubscribed, list[0].Reason)
		require.Equal(t, outbox.Sending, list[1].State)
		require.Equal(t, `{"template_id":"TPL2","data":{"thing1":{"value":"新一期直播"}}}`, r.body(list[1]))
	})
}

func TestDirect_once_and_mini_program_messages(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("once", sends("oa.subscription_answered", "component: send_once, config: {template: once}"))
		r.journey("mini", sends("mp.subscription_answered", "component: send_mini, config: {template: mini}"))
		yes := r.answer("o1", oaApp, event.OASubscriptionAnswered, "TPL3", "accept")
		yes.Props["once"], yes.Props["scene"] = true, "1"
		r.batch(yes, r.answer("m1", miniApp, event.MPSubscriptionAnswered, "TPL4", "accept"))
		require.Equal(t, []string{"1@done finished", "2@done finished"}, r.story())
		list := r.messages()
		require.Equal(t, outbox.MiniSubscribe, list[0].Channel)
		require.Equal(t, miniApp, list[0].Account)
		require.Equal(t, "m1", list[0].To)
		require.Equal(t, `{"template_id":"TPL4","page":"pages/index","data":{"thing1":{"value":"已受理"}}}`, r.body(list[0]))
		require.Equal(t, outbox.OfficialOnce, list[1].Channel)
		require.Equal(t, `{"template_id":"TPL3","scene":1,"title":"开播提醒","data":{"content":{"value":"明天 10 点开始"}}}`, r.body(list[1]))
	})
}

func TestDirect_an_openid_of_a_mini_program_is_none_of_an_official_account(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("j", sends("mp.logged_in", "component: send_template, config: {template: booked}"))
		in := r.act("m1", event.MPLoggedIn, nil)
		in.Account, in.Identities[0].Scope = miniApp, miniApp
		r.batch(in)
		require.Empty(t, r.messages())
		require.Equal(t, []string{"1@broke finished"}, r.story())
		require.Contains(t, r.reasonOf("say"), "客户没有关注可用的公众号，发不了公众号模板消息")
	})
}

// reasonOf is what the last batch told of a step.
func (r *rig) reasonOf(node string) string {
	for _, e := range r.stored {
		if e.Type == event.JourneyStepDone && e.Props.Str("node") == node {
			return e.Props.Str("reason")
		}
	}
	return ""
}

func TestDirect_SMS_opens_the_number_for_the_body_alone(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("j", sends("form.submitted", "component: send_sms, config: {template: sms}"))
		r.batch(r.submit("o1", "+86 13800000001"))
		m := r.one()
		require.Equal(t, outbox.SMS, m.Channel)
		require.Equal(t, "锦鲤", m.Account)
		require.Equal(t, "138****0001", m.To)
		require.Equal(t, "notice", m.Kind)
		require.Equal(t, `{"phone":"13800000001","template_code":"SMS_1","params":{"name":"客户1"},"text":"客户1您好，预约已确认"}`, r.body(m))
		for _, e := range r.stored {
			raw, err := json.Marshal(e.Props)
			require.NoError(t, err)
			require.NotContains(t, string(raw), "13800000001", e.Type)
		}
		r.now += 1000
		r.batch(r.submit("o1", "")) // known from before
		require.Len(t, r.messages(), 2)
		r.now += 1000
		r.batch(r.submit("o2", ""), r.submit("o3", "0012025550100"))
		require.Len(t, r.messages(), 2)
		require.Equal(t, []string{"1@done finished", "1@done finished", "2@broke finished", "3@broke finished"}, r.story())
		require.Equal(t, "客户没有留过手机号", r.reasonOf("say"))
	})
}

func TestDirect_promotional_SMS_needs_consent_and_keeps_its_hours(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("j", sends("form.submitted", "component: send_sms, config: {template: sms_sale}"))
		r.batch(r.submit("o1", "13800000001"))
		require.Equal(t, []string{"1@kept finished"}, r.story())
		require.Equal(t, policy.ConsentMissing, r.one().Reason)
		yes := r.act("o1", event.ConsentGranted, event.Props{"purpose": "marketing_sms", "version": "v1", "source": "form"})
		r.now = at("2026-11-23 20:30")
		yes.OccurredAt, yes.ReceivedAt = r.now, r.now
		r.batch(yes)
		r.batch(r.submit("o1", ""))
		require.Len(t, r.messages(), 2)
		require.Equal(t, policy.SMSHours, r.messages()[0].Reason)
		require.Equal(t, at("2026-11-24 09:00"), r.messages()[0].DueAt)
	})
}

func TestWelcome_is_made_at_once_and_dies_with_its_code(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("j", sends("wecom.customer_added, wecom.customer_half_added", "component: wecom_welcome, config: {template: hi}"))
		added := func(who, code string, ago time.Duration) *event.Event {
			e := r.meet(who, "lilei")
			e.OccurredAt -= ago.Milliseconds()
			e.Props = event.Props{}
			if code != "" {
				e.Props["welcome_code"] = code
			}
			return e
		}
		r.batch(added("e1", "WC1", 2*time.Second))
		m := r.one()
		require.Equal(t, outbox.WeComWelcome, m.Channel)
		require.Equal(t, weApp, m.Account)
		require.Equal(t, "e1", m.To)
		require.Equal(t, outbox.Reply, m.Class, "the priority lane")
		require.Equal(t, outbox.Sending, m.State, "in the batch that brought the customer")
		require.Equal(t, r.now-2000+20_000, m.ExpiresAt)
		require.Equal(t, `{"welcome_code":"WC1","text":{"content":"您好"}}`, r.body(m))

		r.now += 1000
		r.batch(added("e2", "WC2", 21*time.Second))
		require.Equal(t, policy.Expired, r.messages()[0].Reason)
		r.now += 1000
		r.batch(added("e3", "", 0))
		require.Contains(t, r.reasonOf("say"), "事件里没有欢迎语凭证")
		require.Equal(t, []string{"1@done finished", "2@kept finished", "3@broke finished"}, r.story())
	})
}

const asksFirst = `
nodes:
  - {id: go, component: on_event, config: {events: [oa.menu_clicked]}}
  - {id: ask, component: can_reach, config: {template: live}}
  - {id: say, component: send_notice, config: {template: live}}
  - {id: other, component: tag, config: {add: [vip]}}
  - {id: done, component: end}
edges:
  - {from: go, to: ask}
  - {from: ask, port: open, to: say}
  - {from: ask, port: closed, to: other}
  - {from: say, to: done}
  - {from: other, to: done}`

func TestCanReach_asks_policy_and_tells_why(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("j", asksFirst)
		click := func(who string) *event.Event { return r.act(who, event.OAMenuClicked, nil) }
		r.batch(r.follow("o1"), r.answer("o2", oaApp, event.OASubscriptionAnswered, "TPL2", "accept"))
		r.now += 1000
		r.batch(click("o1"), click("o2"))
		require.Equal(t, "触达不了：没有订阅次数", r.reasonOf("ask"))
		require.Len(t, r.messages(), 1)
		require.Equal(t, "o2", r.messages()[0].To)
		require.Equal(t, []string{"1@done finished", "2@done finished"}, r.story())
		require.Equal(t, "2 2 0 0 0", r.counts("ask"))
		require.Equal(t, "1 1 0 0 0", r.counts("other"))

		path, err := r.directory().Path(context.Background(), r.runs()[0].ID)
		require.NoError(t, err)
		var told []string
		for _, p := range path {
			told = append(told, p.Text)
		}
		require.Contains(t, strings.Join(told, "\n"), "触达不了：没有订阅次数")
	})
}

func TestCanReach_counts_what_must_wait_too_long_as_out_of_reach(t *testing.T) {
	t.Parallel()
	a := askReach{within: 2 * time.Hour}
	for _, c := range []struct {
		d    policy.Decision
		want string
	}{
		{policy.Decision{Action: policy.Send}, "open 可以触达"},
		{policy.Decision{Action: policy.Delay, Until: noon + 3_600_000, Reason: policy.QuietHours}, "open 可以触达，2026-11-23 13:00 发出：" + policy.QuietHours.Explain().Name},
		{policy.Decision{Action: policy.Delay, Until: noon + 3*3_600_000, Reason: policy.CapDay}, "closed 触达不了：要等到 2026-11-23 15:00，" + policy.CapDay.Explain().Name},
		{policy.Decision{Action: policy.Suppress, Reason: policy.OptedOut}, "closed 触达不了：已退订"},
	} {
		got := a.answer(c.d, noon, shanghai)
		require.Equal(t, c.want, got.port+" "+got.reason)
	}
}

func TestWebhook_pushes_without_personal_values(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("plain", sends("form.submitted", "component: webhook, config: {webhook: erp}"))
		e := r.submit("o1", "13800000001")
		e.Props = event.Props{"content": `打我 13800000001 <script>"},`, "n": float64(3)}
		e.Identities = append(e.Identities, event.Identity{Kind: event.KindEmail, Value: "zhang@koi.example.com"})
		r.batch(e)
		m := r.one()
		require.Equal(t, outbox.Webhook, m.Channel)
		require.Equal(t, "erp", m.Account)
		require.Equal(t, "erp", m.To)
		require.Equal(t, outbox.Service, m.Class)
		body := r.body(m)
		var doc push
		require.NoError(t, json.Unmarshal([]byte(body), &doc))
		require.Equal(t, HookType, doc.Type)
		require.Equal(t, "form.submitted", doc.Event.Type)
		require.Equal(t, "提交表单", doc.Event.Name)
		require.Equal(t, event.Props{"content": `打我 138****0001 <script>"},`, "n": float64(3)}, doc.Event.Props)
		require.Equal(t, "1", doc.Contact.ID)
		require.True(t, doc.Contact.HasPhone)
		require.NotContains(t, body, "13800000001")
		require.NotContains(t, body, "zhang@")
		require.NotContains(t, body, "\"o1\"")
		require.Equal(t, strconv.FormatInt(r.runs()[0].ID, 10), doc.Journey.Run)
		require.Equal(t, "say", doc.Journey.Step)

		r.journey("plain", sends("form.submitted", "component: webhook, config: {webhook: erp, send: contact, personal: true}"))
		r.now += 1000
		r.batch(r.submit("o1", ""))
		require.NoError(t, json.Unmarshal([]byte(r.body(r.messages()[0])), &doc))
		require.Equal(t, "13800000001", doc.Contact.Phone)
		require.Equal(t, "zhang@koi.example.com", doc.Contact.Email)
		require.Contains(t, doc.Contact.Identities, pushIdentity{event.KindOpenID, oaApp, "o1"})
		require.NotContains(t, r.body(r.messages()[0]), `"event"`)
	})
}

func TestWaitEvent_hears_of_the_runs_own_message(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("j", `
settings: {entry: {mode: concurrent}}
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: say, component: send_template, config: {template: booked}}
  - id: heard
    component: wait_event
    config:
      timeout: 1d
      cases:
        - {port: ok, label: 已送达, events: [message.delivered], step: say}
        - {port: bad, label: 没送到, events: [message.failed], step: say}
  - {id: done, component: end}
  - {id: lost, component: end}
  - {id: silent, component: end}
edges:
  - {from: go, to: say}
  - {from: say, to: heard}
  - {from: heard, port: ok, to: done}
  - {from: heard, port: bad, to: lost}
  - {from: heard, port: timeout, to: silent}`)
		r.batch(r.follow("o1"))
		r.now += 1000
		r.batch(r.follow("o1"))
		require.Equal(t, []string{"1@heard open", "1@heard open"}, r.story())
		list := r.messages()
		require.Len(t, list, 2)
		sent := func(m outbox.Entry, id string) *event.Event {
			return &event.Event{Type: event.CommandMessageResult, Source: "outbox", Account: oaApp, OccurredAt: r.now, ReceivedAt: r.now, Key: "r" + id,
				Props: event.Props{"message": strconv.FormatInt(m.ID, 10), "attempt": 1, "status": "sent", "platform_id": id, "channel": "official_template"}}
		}
		receipt := func(typ, id string) *event.Event {
			return &event.Event{Type: typ, Source: "oa", Account: oaApp, OccurredAt: r.now, ReceivedAt: r.now, Key: typ + id, Props: event.Props{"platform_id": id}}
		}
		r.now += 1000
		r.batch(sent(list[1], "100"), sent(list[0], "101"))
		r.now += 1000
		r.batch(receipt(event.MessageDelivered, "101"), receipt(event.MessageDelivered, "999"))
		require.Equal(t, []string{"1@heard open", "1@done finished"}, r.story(), "the second run's message, not the first one's")
		r.now += 1000
		r.batch(receipt(event.MessageFailed, "100"))
		require.Equal(t, []string{"1@lost finished", "1@done finished"}, r.story())
		require.Equal(t, "2 2 1 0 0", r.counts("say"), "one came back as failed")
	})
}

// Definitions in force do not tell of those who are inside an older version.
func TestWaitEvent_hears_in_a_version_that_is_replaced(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("j", `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: say, component: send_template, config: {template: booked}}
  - {id: heard, component: wait_event, config: {timeout: 1d, cases: [{port: ok, label: 已发出, events: [message.sent], step: say}]}}
  - {id: done, component: end}
  - {id: silent, component: end}
edges: [{from: go, to: say}, {from: say, to: heard}, {from: heard, port: ok, to: done}, {from: heard, port: timeout, to: silent}]`)
		r.batch(r.follow("o1"))
		require.Equal(t, []string{"1@heard open"}, r.story())
		r.journey("j", `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: done, component: end}
edges: [{from: go, to: done}]`)
		r.now += 1000
		r.batch(&event.Event{Type: event.CommandMessageResult, Source: "outbox", Account: oaApp, OccurredAt: r.now, ReceivedAt: r.now,
			Props: event.Props{"message": strconv.FormatInt(r.messages()[0].ID, 10), "attempt": 1, "status": "sent", "channel": "official_template"}})
		require.Equal(t, []string{"1@done finished"}, r.story())
	})
}
