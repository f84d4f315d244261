package apptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/bundle"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/httpapi"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/configs"
)

const (
	smsSign   = "锦鲤"
	smsPerson = "13800000001"
)

// texting is a Koi with an Aliyun account, and journeys that answer orders with short messages.
func texting(t *testing.T, store db.Config, change ...func(*simulator.SMSAccount)) (*trial, *simulator.SMSAccount) {
	clk := clock.NewManual(noon)
	world := World(1)
	account := simulator.SMSAccount{AccessKeyID: "LTAIapptest", AccessKeySecret: appSecret, Signs: []string{smsSign}, ReceiptToken: "receipts-0123456789abcdef",
		Templates: []simulator.SMSTemplate{
			{Code: "SMS_PAID", Kind: "notice", Content: "${name}您好，订单已支付。"},
			{Code: "SMS_SALE", Kind: "marketing", Content: "新版已上线，拒收请回复R"},
			{Code: "SMS_NEW", Kind: "notice", Content: "您的退款已受理。", State: "reviewing"},
		}}
	played := account
	for _, f := range change {
		f(&played)
	}
	world.SMS = []simulator.SMSAccount{played}
	world.SMSRetries = []time.Duration{10 * time.Millisecond, 50 * time.Millisecond, time.Second}
	x := &trial{t: t, clock: clk, way: way{channel: outbox.SMS, path: "SendSms"}}
	x.Koi = Start(t, Options{Store: store, Clock: clk, World: &world, Configure: func(c *configs.Config) {
		c.Accounts.SMS = []configs.SMSAccount{{AccessKeyID: account.AccessKeyID, AccessKeySecret: account.AccessKeySecret, SignName: smsSign, ReceiptToken: account.ReceiptToken}}
		c.Channels.AliyunSMS.BaseURL = c.Channels.WeChat.BaseURL
	}})
	return x, &account
}

const smsBundle = `
messages:
  - {key: paid, name: 支付通知, channel: sms, class: service, kind: notice, template_code: SMS_PAID, content: "${name}您好，订单已支付。", params: {name: "{{ contact.name | default: '客户' }}"}}
  - {key: sale, name: 上新推广, channel: sms, class: marketing, kind: marketing, template_code: SMS_SALE, content: 新版已上线，拒收请回复R}
journeys:
  - {key: on_paid, name: 支付后, subject: contact, status: live, settings: {entry: {mode: concurrent}},
     nodes: [{id: a, component: on_event, config: {events: [order.paid]}}, {id: b, component: send_sms, config: {template: paid}}, {id: z, component: end}],
     edges: [{from: a, to: b}, {from: b, to: z}]}
  - {key: on_placed, name: 下单后, subject: contact, status: live, settings: {entry: {mode: concurrent}},
     nodes: [{id: a, component: on_event, config: {events: [order.placed]}}, {id: b, component: send_sms, config: {template: sale}}, {id: z, component: end}],
     edges: [{from: a, to: b}, {from: b, to: z}]}
`

// happens tells Koi by its API that something happened to whoever has the number, and waits for the message
// it causes.
func (x *trial) happens(typ string) {
	x.t.Helper()
	require.Equal(x.t, http.StatusAccepted, x.API("POST", "/events", map[string]any{"type": typ, "occurred_at": x.clock.Now().Format(time.RFC3339Nano),
		"identities": []any{map[string]any{"kind": "phone", "value": smsPerson}}}, nil))
	before := x.id
	Until(x.t, "there is a message about it", func() bool {
		list := x.messages() // newest first
		if len(list) > 0 {
			x.id = string(list[0].ID)
		}
		return x.id != before
	})
	x.clock.Advance(time.Second)
}

func (x *trial) texted(n int) {
	x.t.Helper()
	require.Len(x.t, x.Sim.Deliveries(simulator.DeliveryFilter{Kind: "sms"}), n)
}

func TestSMS_from_an_event_to_the_receipt_and_from_R_to_silence(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, store db.Config) {
		t.Parallel()
		x, _ := texting(t, store)
		var templates httpapi.SMSTemplates
		require.Equal(t, http.StatusOK, x.API("POST", "/sms-templates/refresh", nil, &templates))
		require.Len(t, templates.Items, 3)
		require.Len(t, templates.Reviews, 1)
		require.Empty(t, templates.Reviews[0].Problem)
		x.Apply(smsBundle)

		// A notice needs no consent: event → message → phone → receipt.
		x.happens("order.paid")
		m := x.until(outbox.Delivered, "")
		require.NotEmpty(t, m.PlatformID)
		x.texted(1)
		d := x.Sim.Deliveries(simulator.DeliveryFilter{Kind: "sms"})[0]
		require.Equal(t, smsPerson, d.To)
		require.Equal(t, "【锦鲤】客户您好，订单已支付。", d.Text)
		require.Equal(t, m.PlatformID, d.MsgID)
		p := x.person(event.KindPhone, "", smsPerson)
		require.NotNil(t, p)

		// Marketing does, and R takes it back.
		x.happens("order.placed")
		x.until(outbox.Suppressed, "")
		require.Equal(t, http.StatusCreated, x.API("POST", fmt.Sprintf("/contacts/%d/consents", p.ID),
			map[string]any{"purpose": "marketing_sms", "granted": true, "version": "2026-11", "source": "电话确认"}, nil))
		x.happens("order.placed")
		x.until(outbox.Delivered, "")
		x.texted(2)

		x.Act(simulator.Act{Who: smsPerson, App: smsSign, Do: "reply_sms", With: "R", Repeat: 1})
		require.Equal(t, []string{event.MessageReplied + " R"}, x.happened(p.ID, "content", event.MessageReplied))
		require.Equal(t, []string{event.ConsentUnsubscribed + " sms"}, x.happened(p.ID, "channel", event.ConsentUnsubscribed))
		x.clock.Advance(49 * time.Hour)
		x.happens("order.placed")
		silenced := x.until(outbox.Suppressed, "")
		require.NotEmpty(t, silenced.Explanation.Why)
		require.NotEmpty(t, silenced.Explanation.Next)
		x.texted(2)
		require.Zero(t, x.rows("SELECT COUNT(*) FROM dead_letters"))
		require.Equal(t, 1, x.rows("SELECT COUNT(*) FROM contacts"))
	})
}

func TestSMS_a_lost_answer_is_asked_for_and_never_sent_twice(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, store db.Config) {
		t.Parallel()
		// Aliyun took it; the answer is lost, and so are the receipts: only the question can tell.
		x, _ := texting(t, store, func(a *simulator.SMSAccount) { a.ReceiptToken = "" })
		x.Apply(smsBundle)
		require.NoError(t, x.Sim.Misbehave(simulator.Misbehaviour{Path: "SendSms", After: true, Drop: true}))
		x.happens("order.paid")
		x.until(outbox.Doubtful, outbox.ReasonUnsure)
		Until(t, "Aliyun is asked", func() bool { return x.Sim.CallCount("QuerySendDetails") > 0 })
		m := x.until(outbox.Accepted, "")
		require.Contains(t, m.Detail, "向阿里云查到")
		x.texted(1)
		require.EqualValues(t, 1, x.Sim.CallCount("SendSms"))
	})
}

func TestSMS_receipts_for_nobody_make_nobody(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, store db.Config) {
		t.Parallel()
		x, account := texting(t, store)
		var all []any
		for n := range 500 {
			all = append(all, map[string]any{"phone_number": fmt.Sprintf("139%08d", n), "send_time": "2026-11-23 11:59:00", "report_time": "2026-11-23 11:59:01",
				"success": n%2 == 0, "err_code": "UNDELIV", "sms_size": "1", "biz_id": fmt.Sprintf("unknown^%d", n), "out_id": fmt.Sprint(n)})
		}
		for range 2 {
			require.Equal(t, http.StatusOK, push(t, x.URL+"/callback/sms/aliyun/"+account.ReceiptToken+"/report", all))
		}
		require.Equal(t, http.StatusNotFound, push(t, x.URL+"/callback/sms/aliyun/"+account.ReceiptToken+"x/report", all))
		x.Settle()
		require.Zero(t, x.rows("SELECT COUNT(*) FROM contacts"))
		require.Zero(t, x.rows("SELECT COUNT(*) FROM dead_letters"))
	})
}

func TestSMS_a_journey_does_not_run_on_a_template_in_review(t *testing.T) {
	t.Parallel()
	x, _ := texting(t, dbtest.SQLiteConfig(t))
	require.Equal(t, http.StatusOK, x.API("POST", "/sms-templates/refresh", nil, nil))
	text := func(status string) string {
		return `
messages:
  - {key: refund, name: 退款通知, channel: sms, class: service, kind: notice, template_code: SMS_NEW, content: 您的退款已受理。, params: {}}
journeys:
  - {key: on_refund, name: 退款后, subject: contact, status: ` + status + `, settings: {entry: {mode: concurrent}},
     nodes: [{id: a, component: on_event, config: {events: [order.refunded]}}, {id: b, component: send_sms, config: {template: refund}}, {id: z, component: end}],
     edges: [{from: a, to: b}, {from: b, to: z}]}
`
	}
	err := x.tries(text("live"))
	require.ErrorContains(t, err, "SMS_NEW 审核中")
	x.Apply(text("draft"))
	require.NoError(t, x.Sim.ReviewSMSTemplate("SMS_NEW", "approved", ""))
	require.Equal(t, http.StatusOK, x.API("POST", "/sms-templates/refresh", nil, nil))
	x.Apply(text("live"))
	x.happens("order.refunded")
	x.until(outbox.Delivered, "")

	// Taken back later, it stops at the sender, and the API says why.
	require.NoError(t, x.Sim.ReviewSMSTemplate("SMS_NEW", "rejected", "含营销内容"))
	require.Equal(t, http.StatusOK, x.API("POST", "/sms-templates/refresh", nil, nil))
	x.happens("order.refunded")
	m := x.until(outbox.Rejected, outbox.ReasonMisset)
	require.Contains(t, m.Detail, "含营销内容")
	x.texted(1)
}

// tries puts a bundle in force, or says why not.
func (k *Koi) tries(text string) error {
	b, err := bundle.Parse("test.yaml", []byte(text))
	require.NoError(k.t, err)
	_, err = k.App.Bundles.Apply(k.t.Context(), b, "test")
	return err
}

// push posts JSON as a platform does and returns the status.
func push(t *testing.T, url string, body any) int {
	t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(t, err)
	resp, err := http.Post(url, "application/json", bytes.NewReader(raw))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}
