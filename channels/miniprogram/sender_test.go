package miniprogram

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/channels/wechat"
	"github.com/koi-scrm/koi/configs"
)

const (
	simMini   = "wxmini0123456789ab"
	simSecret = "mini-secret-0123456789abcdef0123"
	sendPath  = "/cgi-bin/message/subscribe/send"
)

// simulated is a mini-program on the simulator and Koi's sender for it.
type simulated struct {
	sim    *simulator.Simulator
	sender *Sender
}

func simulate(t *testing.T) *simulated {
	t.Helper()
	sim, err := simulator.New(simulator.Config{
		Minis:  []simulator.Mini{{AppID: simMini, AppSecret: simSecret}},
		People: []simulator.Person{{Name: "小红", UnionID: "union-1", Minis: []simulator.MiniUser{{AppID: simMini, OpenID: "mRed"}}}},
	})
	require.NoError(t, err)
	require.NoError(t, sim.Start(t.Context(), "127.0.0.1:0"))
	t.Cleanup(sim.Close)
	keys, err := secret.New(bytes.Repeat([]byte{1}, secret.MasterSize))
	require.NoError(t, err)
	transport, err := wechat.NewTransport(wechat.Options{WeChatBase: sim.URL(), Timeout: time.Second})
	require.NoError(t, err)
	t.Cleanup(transport.Close)
	stores := dbtest.SQLite(t)
	accounts := account.New(stores, keys, clock.Real{}, configs.Accounts{Mini: []configs.WeChatAccount{{AppID: simMini, AppSecret: simSecret, Token: "token", Mode: "plain"}}})
	caller := wechat.NewCaller(transport, account.NewTokens(stores, keys, clock.Real{}, wechat.NewTokenSource(transport), account.TokenRules{}))
	return &simulated{sim, NewSender(caller, accounts, clock.Real{})}
}

// agree lets the user agree so many times.
func (w *simulated) agree(t *testing.T, times int) {
	t.Helper()
	for range times {
		_, err := w.sim.Act(t.Context(), simulator.Act{Who: "mRed", App: simMini, Do: "mini_subscribe", With: "sub-1"})
		require.NoError(t, err)
	}
}

func reminder(more string) outbox.Attempt {
	return outbox.Attempt{ID: 1, Number: 1, Account: simMini, To: "mRed", Kind: "subscribe",
		Body: []byte(`{"template_id":"sub-1","data":{"thing1":{"value":"试用即将到期"},"date2":{"value":"2026-11-30"}}` + more + `}`)}
}

func TestSender_delivers_one_message_for_each_agreement(t *testing.T) {
	t.Parallel()
	w := simulate(t)
	require.Equal(t, outbox.MiniSubscribe, w.sender.Channel())
	require.Zero(t, w.sender.DedupeWindow())
	w.agree(t, 2)
	ids := map[string]bool{}
	for _, more := range []string{"", `,"page":"pages/plan?from=koi","miniprogram_state":"trial","lang":"en_US"`} {
		o := w.sender.Send(t.Context(), reminder(more))
		require.Equal(t, outbox.Sent, o.Status, o.Reason)
		require.Regexp(t, `^[0-9]{10,19}$`, o.PlatformID)
		ids[o.PlatformID] = true
	}
	require.Len(t, ids, 2)
	calls := w.sim.Calls(simulator.CallFilter{Path: sendPath})
	require.Contains(t, string(calls[0].Body), `"miniprogram_state":"formal"`, "the platform's default, written out")
	require.Contains(t, string(calls[0].Body), `"lang":"zh_CN"`)
	require.Contains(t, string(calls[1].Body), `pages/plan?from=koi`)

	o := w.sender.Send(t.Context(), reminder(""))
	require.Equal(t, outbox.Failed, o.Status)
	require.Equal(t, 43101, o.Code)
	require.EqualValues(t, 1, w.sim.CallCount("/cgi-bin/stable_token"))
	require.Zero(t, w.sim.CallCount("/cgi-bin/token"), "the SDK fetches none by itself")
}

func TestSender_codes_become_outcomes(t *testing.T) {
	t.Parallel()
	w := simulate(t)
	for _, c := range []struct {
		odd    simulator.Misbehaviour
		status outbox.Status
	}{
		{simulator.Misbehaviour{Code: -1}, outbox.Unknown},
		{simulator.Misbehaviour{Status: 502}, outbox.Unknown},
		{simulator.Misbehaviour{Drop: true}, outbox.Unknown},
		{simulator.Misbehaviour{Code: 40003}, outbox.Failed},
		{simulator.Misbehaviour{Code: 43101}, outbox.Failed},
		{simulator.Misbehaviour{Code: 40037}, outbox.Alarm},
		{simulator.Misbehaviour{Code: 47003}, outbox.Alarm},
		{simulator.Misbehaviour{Code: 41030}, outbox.Alarm},
		{simulator.Misbehaviour{Code: 45009}, outbox.Paused},
		{simulator.Misbehaviour{Code: 45011}, outbox.Paused},
		{simulator.Misbehaviour{Code: 48001}, outbox.Alarm},
		{simulator.Misbehaviour{Code: 50002}, outbox.Failed},
		{simulator.Misbehaviour{Code: 777777}, outbox.Failed},
	} {
		c.odd.Path = sendPath
		require.NoError(t, w.sim.Misbehave(c.odd))
		o := w.sender.Send(t.Context(), reminder(""))
		require.Equal(t, c.status, o.Status, "%v: %s", c.odd, o.Reason)
		require.Equal(t, c.odd.Code, o.Code)
		require.Contains(t, o.Reason, "：", "what happened and what to do")
	}
	for i, code := range []int{40001, 40014, 42001} {
		w.agree(t, 1)
		require.NoError(t, w.sim.Misbehave(simulator.Misbehaviour{Path: sendPath, Code: code}))
		o := w.sender.Send(t.Context(), reminder(""))
		require.Equal(t, outbox.Sent, o.Status, "%d: %s", code, o.Reason)
		require.EqualValues(t, i+1, w.sim.DeliveryTotals().Delivered, "sent once, with a new token")
	}
}

func TestSender_what_it_cannot_send_never_leaves(t *testing.T) {
	t.Parallel()
	w := simulate(t)
	good := reminder("")
	bad := map[string]outbox.Attempt{}
	for name, body := range map[string]string{
		"no JSON": "hello", "two bodies": string(good.Body) + "{}", "an empty body": "{}", "no data": `{"template_id":"sub-1","data":{}}`,
		"no template":     strings.Replace(string(good.Body), "sub-1", " ", 1),
		"a foreign field": fmt.Sprintf(`{"touser":"mOther",%s`, good.Body[1:]),
		"a colour":        `{"template_id":"sub-1","data":{"thing1":{"value":"x","color":"red"}}}`,
		"no such version": string(reminder(`,"miniprogram_state":"beta"`).Body),
		"no such tongue":  string(reminder(`,"lang":"fr_FR"`).Body),
	} {
		m := good
		m.Body = []byte(body)
		bad[name] = m
	}
	other, kind := good, good
	other.Account, kind.Kind = "wxother", "text"
	bad["an unknown account"], bad["a foreign kind"] = other, kind
	for name, m := range bad {
		o := w.sender.Send(t.Context(), m)
		require.Equal(t, outbox.Alarm, o.Status, name)
		require.Regexp(t, `\p{Han}.*：`, o.Reason, name)
	}
	good.To = ""
	require.Equal(t, outbox.Failed, w.sender.Send(t.Context(), good).Status)
	require.Zero(t, w.sim.CallTotals().Total)
}
