package officialaccount

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/channels/simulator"
)

const (
	templatePath = "/cgi-bin/message/template/send"
	noticePath   = "/cgi-bin/message/subscribe/bizsend"
	oncePath     = "/cgi-bin/message/template/subscribe"
)

var paths = map[outbox.Channel]string{outbox.OfficialTemplate: templatePath, outbox.OfficialNotice: noticePath, outbox.OfficialOnce: oncePath}

// senders are those of template-like messages, with an attempt each that goes to a follower who agreed.
func (w *world) senders() map[outbox.Sender]outbox.Attempt {
	fields := `"data":{"thing1":{"value":"白皮书 <b>&"},"time2":{"value":"2026-11-23 10:00"}}`
	return map[outbox.Sender]outbox.Attempt{
		NewTemplateSender(w.caller, w.accounts, clock.Real{}): {ID: 7001, Number: 1, Account: simApp, To: "oRed", Kind: "template",
			Body: []byte(`{"template_id":"tpl-1","url":"https://koi.example/p/1","miniprogram":{"appid":"wxmini","pagepath":"pages/a?x=1"},` + fields + `}`)},
		NewNoticeSender(w.caller, w.accounts, clock.Real{}): {ID: 7002, Number: 1, Account: simApp, To: "oRed", Kind: "notice",
			Body: []byte(`{"template_id":"ntc-1","page":"https://koi.example/p/1",` + fields + `}`)},
		NewOnceSender(w.caller, w.accounts, clock.Real{}): {ID: 7003, Number: 1, Account: simApp, To: "oRed", Kind: "once",
			Body: []byte(`{"template_id":"once-1","scene":"1000","title":"新课上线","url":"https://koi.example/p/1","data":{"content":{"value":"您订阅的课程已更新 <b>&","color":"#173177"}}}`)},
	}
}

// agree lets the follower agree to what needs it, several times over.
func (w *world) agree(t *testing.T) {
	t.Helper()
	for scene := range 30 {
		_, err := w.sim.Act(t.Context(), simulator.Act{Who: "oRed", Do: "subscribe_notice", With: "ntc-1", State: fmt.Sprint(scene)})
		require.NoError(t, err)
	}
	_, err := w.sim.Act(t.Context(), simulator.Act{Who: "oRed", Do: "subscribe_once", With: "once-1/1000", State: "https://koi.example/back"})
	require.NoError(t, err)
}

func TestTemplateSenders_deliver_what_the_body_says(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.agree(t)
	for s, m := range w.senders() {
		o := s.Send(t.Context(), m)
		require.Equal(t, outbox.Sent, o.Status, "%s: %s", s.Channel(), o.Reason)
		require.Zero(t, o.Code)
		require.Empty(t, o.Reason)
		all := w.sim.Deliveries(simulator.DeliveryFilter{})
		got := all[len(all)-1]
		require.Equal(t, "oRed", got.To)
		require.Contains(t, string(got.Content), "https://koi.example/p/1", s.Channel())
		switch s.Channel() {
		case outbox.OfficialTemplate:
			require.Regexp(t, `^[0-9]{10,19}$`, o.PlatformID)
			require.Contains(t, string(got.Content), "pages/a?x=1")
		case outbox.OfficialNotice:
			require.NotEmpty(t, o.PlatformID)
		case outbox.OfficialOnce:
			require.Empty(t, o.PlatformID, "there are no receipts for these")
			require.Contains(t, string(got.Content), "新课上线")
		}
	}
	require.Zero(t, w.sim.CallCount("/cgi-bin/token"), "no SDK fetches a token by itself")
	require.EqualValues(t, 1, w.sim.CallCount("/cgi-bin/stable_token"))
}

func TestTemplateSender_a_repeat_is_dropped_by_the_platform(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	s := NewTemplateSender(w.caller, w.accounts, clock.Real{})
	require.Equal(t, 10*time.Minute, s.DedupeWindow())
	m := outbox.Attempt{ID: 42, Number: 1, Account: simApp, To: "oRed", Kind: "template", Body: []byte(`{"template_id":"tpl-1","data":{"thing1":{"value":"x"}}}`)}
	first := s.Send(t.Context(), m)
	m.Number = 2
	again := s.Send(t.Context(), m)
	require.Equal(t, outbox.Sent, again.Status)
	require.Equal(t, first.PlatformID, again.PlatformID, "of the one that arrived")
	require.EqualValues(t, 1, w.sim.DeliveryTotals().Delivered)
	calls := w.sim.Calls(simulator.CallFilter{Path: templatePath})
	require.Equal(t, string(calls[0].Body), string(calls[1].Body))
	require.Contains(t, string(calls[0].Body), `"client_msg_id":"koi-42"`)
	m.ID = 43
	require.NotEqual(t, first.PlatformID, s.Send(t.Context(), m).PlatformID, "another message")
}

// The rows of the platforms' code table, for these channels.
func TestTemplateSenders_codes_become_outcomes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.agree(t)
	for s, m := range w.senders() {
		unsure := outbox.Unknown // there is no key by which a repeat would be dropped
		if s.DedupeWindow() > 0 {
			unsure = outbox.Retry
		}
		for _, c := range []struct {
			code   int
			status outbox.Status
		}{
			{-1, unsure}, {40003, outbox.Failed}, {43004, outbox.Failed}, {43101, outbox.Failed}, {45009, outbox.Paused}, {45011, outbox.Paused},
			{45065, outbox.Sent}, {45066, outbox.Retry}, {50002, outbox.Failed}, {48001, outbox.Alarm}, {40037, outbox.Alarm}, {47003, outbox.Alarm},
			{41030, outbox.Alarm}, {48006, outbox.Alarm}, {777777, outbox.Failed},
		} {
			require.NoError(t, w.sim.Misbehave(simulator.Misbehaviour{Path: paths[s.Channel()], Code: c.code}))
			o := s.Send(t.Context(), m)
			require.Equal(t, c.status, o.Status, "%s %d: %s", s.Channel(), c.code, o.Reason)
			require.Equal(t, c.code, o.Code, "the code is what the outbox acts upon")
			require.Contains(t, o.Reason, "：", "what happened and what to do")
			require.Equal(t, o.Status == outbox.Paused || o.Status == outbox.Retry, o.RetryAfter > 0, "%d", c.code)
		}
		for _, odd := range []simulator.Misbehaviour{{Status: 502}, {Drop: true}, {After: true}} {
			odd.Path = paths[s.Channel()]
			require.NoError(t, w.sim.Misbehave(odd))
			o := s.Send(t.Context(), m)
			if odd.Status == 502 {
				require.Equal(t, unsure, o.Status, "%s %v", s.Channel(), odd)
			} else {
				require.Equal(t, outbox.Unknown, o.Status, "%s %v: the outbox repeats it where that is safe", s.Channel(), odd)
			}
			require.NotContains(t, o.Reason, "access_token")
		}
		for _, code := range []int{40001, 40014, 42001} {
			require.NoError(t, w.sim.Misbehave(simulator.Misbehaviour{Path: paths[s.Channel()], Code: code}))
			if s.Channel() == outbox.OfficialOnce {
				_, err := w.sim.Act(t.Context(), simulator.Act{Who: "oRed", Do: "subscribe_once", With: "once-1/1000", State: "https://koi.example/back"})
				require.NoError(t, err)
			}
			before := len(w.sim.Calls(simulator.CallFilter{Path: paths[s.Channel()]}))
			o := s.Send(t.Context(), m)
			require.Equal(t, outbox.Sent, o.Status, "%s %d: a token refused once is renewed: %s", s.Channel(), code, o.Reason)
			require.Len(t, w.sim.Calls(simulator.CallFilter{Path: paths[s.Channel()]}), before+2)
		}
	}
}

func TestTemplateSenders_what_they_cannot_send_never_leaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for s, good := range w.senders() {
		bad := map[string]outbox.Attempt{}
		with := func(name string, change func(m *outbox.Attempt)) {
			m := good
			change(&m)
			bad[name] = m
		}
		with("an unknown account", func(m *outbox.Attempt) { m.Account = "wxother" })
		with("a foreign kind", func(m *outbox.Attempt) { m.Kind = "text" })
		for name, body := range map[string]string{
			"no JSON": `hello`, "two bodies": string(good.Body) + `{}`, "an empty body": `{}`,
			"no template":               strings.Replace(string(good.Body), `"template_id":"`, `"template_id":"","x":"`, 1),
			"a foreign field":           strings.Replace(string(good.Body), `"template_id"`, `"touser":"oOther","template_id"`, 1),
			"no data":                   `{"template_id":"tpl-1","data":{}}`,
			"a number":                  `{"template_id":"tpl-1","data":{"thing1":{"value":7}}}`,
			"a page of no mini-program": `{"template_id":"tpl-1","miniprogram":{"appid":"","pagepath":"x"},"data":{"thing1":{"value":"x"}}}`,
		} {
			with(name, func(m *outbox.Attempt) { m.Body = []byte(body) })
		}
		if s.Channel() == outbox.OfficialOnce {
			for name, body := range map[string]string{
				"no scene":     strings.Replace(string(good.Body), `"1000"`, `""`, 1),
				"a high scene": strings.Replace(string(good.Body), `"1000"`, `"10001"`, 1),
				"a long title": strings.Replace(string(good.Body), `新课上线`, strings.Repeat("长", 16), 1),
				"a long text":  strings.Replace(string(good.Body), `您订阅的`, strings.Repeat("长", 200), 1),
				"more fields":  strings.Replace(string(good.Body), `"content":`, `"first":{"value":"x"},"content":`, 1),
			} {
				with(name, func(m *outbox.Attempt) { m.Body = []byte(body) })
			}
		}
		for name, m := range bad {
			o := s.Send(t.Context(), m)
			require.Equal(t, outbox.Alarm, o.Status, "%s: %s", s.Channel(), name)
			require.Regexp(t, `\p{Han}.*：`, o.Reason, name)
		}
		good.To = ""
		require.Equal(t, outbox.Failed, s.Send(t.Context(), good).Status)
	}
	require.Zero(t, w.sim.CallTotals().Total)
}

// PowerWeChat's clients write to themselves: each is lent to one goroutine at a time.
func TestOnceSender_many_at_once(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	s := NewOnceSender(w.caller, w.accounts, clock.Real{})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			body := fmt.Sprintf(`{"template_id":"once-1","scene":"%d","title":"t","data":{"content":{"value":"text %d"}}}`, i, i)
			if o := s.Send(t.Context(), outbox.Attempt{Account: simApp, To: "oStranger", Kind: "once", Body: []byte(body)}); o.Status != outbox.Sent {
				t.Error(o)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 40, w.sim.DeliveryTotals().Delivered)
	require.LessOrEqual(t, len(s.apps.idle), maxIdleApps)
}
