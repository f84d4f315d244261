package httpapi_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/configs"
)

const (
	signName = "锦鲤科技"
	smsToken = "smstoken-smstoken-smstoken-smstoken"
)

// way is what the API says of one channel.
func (r *rig) way(contact, channel string) map[string]any {
	r.Helper()
	list, _ := r.root.get("/api/v1/contacts/" + contact + "/reach").is(200).value("ways").([]any)
	for i := range list {
		if at(list, i, "channel") == channel {
			return list[i].(map[string]any)
		}
	}
	r.Fatalf("no way by %s", channel)
	return nil
}

// shut checks that a channel is closed for a class, and that the API says why and what comes next.
func (r *rig) shut(contact, channel, class, reason string) {
	r.Helper()
	v, _ := r.way(contact, channel)[class].(map[string]any)
	require.Equal(r, false, v["open"], v)
	require.Equal(r, reason, v["reason"], v)
	for _, k := range []string{"reason_label", "what", "next"} {
		require.Regexp(r, `\p{Han}`, v[k])
	}
}

func (r *rig) reachable(contact, channel, class string) {
	r.Helper()
	v, _ := r.way(contact, channel)[class].(map[string]any)
	require.Equal(r, true, v["open"], v)
}

// Done when, tried as a new user would: unfollow, reply R, spend a window, exhaust a quota, and each time
// the API says what happened, why, and what comes next.
func TestAPI_says_what_is_closed_why_and_what_comes_next(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, c db.Config) {
		sim, err := simulator.New(simulator.Config{Clock: clock.Real{}, Quotas: map[string]int{"*": -1},
			Officials: []simulator.Official{{AppID: appID, AppSecret: secret, Name: "测试公众号", Token: token, AESKey: aesKey}},
			SMS:       []simulator.SMSAccount{{AccessKeyID: "LTAItest", AccessKeySecret: "testkeysecret", Signs: []string{signName}, ReceiptToken: smsToken}}})
		require.NoError(t, err)
		require.NoError(t, sim.Start(t.Context(), "127.0.0.1:0"))
		t.Cleanup(sim.Close)
		r := boot(t, c, func(c *configs.Config) {
			c.Channels.WeChat.BaseURL, c.Channels.AliyunSMS.BaseURL = sim.URL(), sim.URL()
			c.Accounts.Official = []configs.WeChatAccount{{AppID: appID, AppSecret: secret, Token: token, AESKey: aesKey, Name: "测试公众号"}}
			c.Accounts.SMS = []configs.SMSAccount{{AccessKeyID: "LTAItest", AccessKeySecret: "testkeysecret", SignName: signName, ReceiptToken: smsToken}}
		})
		sim.PointAt(r.url)

		played := r.act(sim, simulator.Act{Who: "zhoumin", App: appID, Do: "follow"})
		id, _ := at(r.root.get("/api/v1/identities?kind=openid&scope="+appID+"&value="+played.OpenID).is(200).items(), 0, "contact_id").(string)
		r.message(id, "sent")
		reach := "/api/v1/contacts/" + id + "/reach"

		r.step("a window is open, counted and spent", func() {
			r.reachable(id, "official_kf", "service")
			windows, _ := r.root.get(reach).is(200).value("windows").([]any)
			require.Len(t, windows, 1)
			left, _ := at(windows, 0, "left").(float64)
			require.Less(t, left, 3.0, "the welcome took one of three")
			r.shut(id, "official_notice", "service", "not_subscribed")

			require.NoError(t, sim.Misbehave(simulator.Misbehaviour{Path: kfPath, Code: 45047, Times: 1}))
			r.act(sim, simulator.Act{Who: "zhoumin", App: appID, Do: "say", With: "报价多少"})
			failed := r.root.get("/api/v1/messages/" + r.message(id, "failed")).is(200)
			require.Equal(t, "window_shut", failed.text("reason"))
			require.Regexp(t, `\p{Han}`, failed.text("explanation.next"))
			r.shut(id, "official_kf", "service", "window_used_up")
			r.until("they write again: the platform's clock has seconds, ours must see that it was later", func() bool {
				r.act(sim, simulator.Act{Who: "zhoumin", App: appID, Do: "say", With: "你好"})
				v, _ := r.way(id, "official_kf")["service"].(map[string]any)
				return v["open"] == true
			})
		})

		r.step("a subscription is a consumable", func() {
			r.act(sim, simulator.Act{Who: "zhoumin", App: appID, Do: "subscribe_notice", With: "tmpl-demo=accept"})
			r.reachable(id, "official_notice", "service")
			balances, _ := r.root.get(reach).is(200).value("balances").([]any)
			require.Len(t, balances, 1)
			require.InDelta(t, 1, at(balances, 0, "left"), 0)
			r.act(sim, simulator.Act{Who: "zhoumin", App: appID, Do: "drop_notice", With: "tmpl-demo"})
			r.shut(id, "official_notice", "service", "subscription_refused")
		})

		r.step("R ends marketing by SMS, and nothing else", func() {
			const phone = "13800138000"
			r.root.post("/api/v1/events", obj("type", "form.submitted", "identities", []any{obj("kind", "openid", "scope", appID, "value", played.OpenID), obj("kind", "phone", "value", phone)})).is(202)
			r.settle()
			r.reachable(id, "sms", "service")
			r.shut(id, "sms", "marketing", "consent_missing")
			said := r.root.post("/api/v1/contacts/"+id+"/consents", obj("purpose", "marketing_sms", "granted", true, "version", "v3", "source", "展会签到表")).is(201)
			require.Equal(t, "展会签到表", at(said.value("history").([]any), 0, "source"))
			v, _ := r.way(id, "sms")["marketing"].(map[string]any)
			require.Contains(t, []any{nil, "sms_hours", "quiet_hours"}, v["reason"], "only the hour may be in the way")

			r.act(sim, simulator.Act{Who: phone, App: signName, Do: "reply_sms", With: "R"})
			r.shut(id, "sms", "marketing", "opted_out")
			r.reachable(id, "sms", "service")
			consents := r.root.get("/api/v1/contacts/" + id + "/consents").is(200)
			require.Equal(t, true, at(consents.value("channels").([]any), 0, "unsubscribed"))
			require.Len(t, consents.value("history"), 2)
			r.root.post("/api/v1/contacts/"+id+"/consents", obj("granted", true, "source", "x")).failure(422, "invalid")
		})

		r.step("an account's quota is a setting, live", func() {
			quotas, _ := r.root.get(reach).is(200).value("quotas").([]any)
			used := 0.0
			for i := range quotas {
				if at(quotas, i, "channel") == "official_kf" {
					used, _ = at(quotas, i, "day").(float64)
				}
			}
			require.Positive(t, used)
			r.root.post("/api/v1/settings/apply",
				obj("text", fmt.Sprintf("policies:\n  - key: default\n    accounts:\n      official_kf: {day: %.0f, month: 0}\n", used))).is(200)
			r.shut(id, "official_kf", "service", "quota_day")
			r.act(sim, simulator.Act{Who: "zhoumin", App: appID, Do: "say", With: "报价多少"})
			list := r.root.get("/api/v1/messages?limit=1&contact=" + id).is(200).items()
			kept := r.root.get("/api/v1/messages/" + at(list, 0, "id").(string)).is(200)
			require.Equal(t, "quota_day", kept.text("reason"), string(kept.raw))
			require.Contains(t, kept.text("explanation.why"), "额度")
			r.root.post("/api/v1/settings/apply", obj("text", "policies:\n  - key: default\n    accounts: {official_kf: {day: -1, month: 0}}\n")).failure(422, "invalid")
			r.root.post("/api/v1/settings/apply", obj("text", "policies:\n  - key: default\n    accounts: {official_kf: {day: 0, month: 0}}\n")).is(200)
			r.reachable(id, "official_kf", "service")
		})

		r.step("who leaves is not reached", func() {
			r.act(sim, simulator.Act{Who: "zhoumin", App: appID, Do: "unfollow"})
			r.shut(id, "official_kf", "service", "not_following")
			r.shut(id, "official_template", "service", "not_following")
			r.act(sim, simulator.Act{Who: "zhoumin", App: appID, Do: "follow"})
			r.reachable(id, "official_kf", "service")
		})
	})
}
