package wecom

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/channels/simulator"
)

const welcomePath = "/cgi-bin/externalcontact/send_welcome_msg"

func newWelcomeWorld(t *testing.T) (*world, *WelcomeSender) {
	t.Helper()
	w := newWorld(t, func(c *simulator.Config) {
		for i := range 8 {
			c.People = append(c.People, simulator.Person{Name: "新客户", UnionID: fmt.Sprint("new-", i), Contacts: []simulator.Contact{{CorpID: simCorp, ExternalUserID: fmt.Sprint("wm-new-", i)}}})
		}
	})
	return w, NewWelcomeSender(w.client, w.accounts, clock.Real{})
}

// welcomed is somebody new, and a welcome with the code they brought.
func (w *world) welcomed(t *testing.T, n int, parts string) outbox.Attempt {
	t.Helper()
	who := fmt.Sprint("wm-new-", n)
	got, err := w.sim.Act(t.Context(), simulator.Act{Who: who, App: simCorp, Do: "add_staff", With: "li"})
	require.NoError(t, err)
	require.NotEmpty(t, got.WelcomeCode)
	return outbox.Attempt{ID: 1, Number: 1, Account: simAccount, To: who, Kind: "welcome", Body: fmt.Appendf(nil, `{"welcome_code":%q,%s}`, got.WelcomeCode, parts)}
}

const hello = `"text":{"content":"您好 <b>& 我是李雷"}`

func TestWelcomeSender_sends_text_and_attachments_and_nothing_empty(t *testing.T) {
	t.Parallel()
	w, s := newWelcomeWorld(t)
	require.Equal(t, outbox.WeComWelcome, s.Channel())
	require.Equal(t, 20*time.Second, s.DedupeWindow())
	attachments := `"attachments":[
		{"msgtype":"image","image":{"media_id":"m1"}},
		{"msgtype":"link","link":{"title":"白皮书","picurl":"https://koi.example/1.png","desc":"下载","url":"https://koi.example/p/1"}},
		{"msgtype":"miniprogram","miniprogram":{"title":"预约","pic_media_id":"m2","appid":"wxmini","page":"pages/a"}},
		{"msgtype":"video","video":{"media_id":"m3"}},{"msgtype":"file","file":{"media_id":"m4"}}]`
	for n, parts := range []string{hello, attachments, hello + "," + attachments} {
		o := s.Send(t.Context(), w.welcomed(t, n, parts))
		require.Equal(t, outbox.Outcome{Status: outbox.Sent}, o, parts)
		all := w.sim.Deliveries(simulator.DeliveryFilter{})
		got := string(all[len(all)-1].Content)
		require.Equal(t, strings.Contains(parts, "李雷"), strings.Contains(got, "李雷"))
		require.Equal(t, strings.Contains(parts, "m4"), strings.Contains(got, "m4"))
	}
	require.EqualValues(t, 3, w.sim.DeliveryTotals().Delivered)
	for _, c := range w.sim.Calls(simulator.CallFilter{Path: welcomePath}) {
		require.NotContains(t, string(c.Body), `"link":{"title":""`, "parts of another type")
		require.NotContains(t, string(c.Body), `"image":null`)
	}
}

func TestWelcomeSender_a_code_is_good_once_and_a_repeat_counts_as_sent(t *testing.T) {
	t.Parallel()
	w, s := newWelcomeWorld(t)
	m := w.welcomed(t, 0, hello)
	require.Equal(t, outbox.Sent, s.Send(t.Context(), m).Status)
	again := s.Send(t.Context(), m)
	require.Equal(t, outbox.Sent, again.Status)
	require.Equal(t, 41051, again.Code)
	require.EqualValues(t, 1, w.sim.DeliveryTotals().Delivered)

	m.Body = []byte(`{"welcome_code":"nobody-made-it",` + hello + `}`)
	o := s.Send(t.Context(), m)
	require.Equal(t, outbox.Failed, o.Status)
	require.Equal(t, 41050, o.Code)
}

func TestWelcomeSender_codes_become_outcomes(t *testing.T) {
	t.Parallel()
	w, s := newWelcomeWorld(t)
	m := w.welcomed(t, 0, hello)
	for _, c := range []struct {
		odd    simulator.Misbehaviour
		status outbox.Status
	}{
		{simulator.Misbehaviour{Code: -1}, outbox.Retry}, // a repeat does no harm
		{simulator.Misbehaviour{Status: 502}, outbox.Retry},
		{simulator.Misbehaviour{Drop: true}, outbox.Unknown}, // the outbox repeats it within the window
		{simulator.Misbehaviour{Code: 41096}, outbox.Retry},
		{simulator.Misbehaviour{Code: 45033}, outbox.Retry},
		{simulator.Misbehaviour{Code: 41050}, outbox.Failed},
		{simulator.Misbehaviour{Code: 41051}, outbox.Sent},
		{simulator.Misbehaviour{Code: 40096}, outbox.Failed},
		{simulator.Misbehaviour{Code: 60011}, outbox.Alarm},
		{simulator.Misbehaviour{Code: 60020}, outbox.Alarm},
		{simulator.Misbehaviour{Code: 777777}, outbox.Failed},
	} {
		c.odd.Path = welcomePath
		require.NoError(t, w.sim.Misbehave(c.odd))
		o := s.Send(t.Context(), m)
		require.Equal(t, c.status, o.Status, "%v: %s", c.odd, o.Reason)
		require.Equal(t, c.odd.Code, o.Code)
		require.Contains(t, o.Reason, "：", "what happened and what to do")
		if o.Status == outbox.Retry {
			require.Positive(t, o.RetryAfter)
			require.Less(t, o.RetryAfter, 5*time.Second, "inside the twenty seconds")
		}
	}
	require.Equal(t, outbox.Sent, s.Send(t.Context(), m).Status, "and it still goes")
	require.EqualValues(t, 1, w.sim.DeliveryTotals().Delivered)
}

func TestWelcomeSender_what_it_cannot_send_never_leaves(t *testing.T) {
	t.Parallel()
	w, s := newWelcomeWorld(t)
	for name, body := range map[string]string{
		"no JSON": "hello", "nothing": `{}`, "no code": `{` + hello + `}`, "only a code": `{"welcome_code":"c"}`, "an empty text": `{"welcome_code":"c","text":{"content":""}}`,
		"a foreign field": `{"welcome_code":"c","sender":"boss",` + hello + `}`, "two bodies": `{"welcome_code":"c",` + hello + `}{}`,
		"a long text":               `{"welcome_code":"c","text":{"content":"` + strings.Repeat("长", 1334) + `"}}`,
		"ten attachments":           `{"welcome_code":"c","attachments":[` + strings.Repeat(`{"msgtype":"image","image":{"media_id":"m"}},`, 9) + `{"msgtype":"image","image":{"media_id":"m"}}]}`,
		"a type nobody knows":       `{"welcome_code":"c","attachments":[{"msgtype":"hologram"}]}`,
		"a part of another type":    `{"welcome_code":"c","attachments":[{"msgtype":"image","video":{"media_id":"m"}}]}`,
		"two parts":                 `{"welcome_code":"c","attachments":[{"msgtype":"image","image":{"media_id":"m"},"video":{"media_id":"m"}}]}`,
		"an image of nothing":       `{"welcome_code":"c","attachments":[{"msgtype":"image","image":{}}]}`,
		"a link without an address": `{"welcome_code":"c","attachments":[{"msgtype":"link","link":{"title":"x"}}]}`,
		"a member it lacks":         `{"welcome_code":"c","attachments":[{"msgtype":"link","link":{"title":"x","href":"https://koi.example"}}]}`,
	} {
		o := s.Send(t.Context(), outbox.Attempt{Account: simAccount, To: "wm-new-0", Kind: "welcome", Body: []byte(body)})
		require.Equal(t, outbox.Alarm, o.Status, name)
		require.Regexp(t, `\p{Han}.*：`, o.Reason, name)
	}
	good := []byte(`{"welcome_code":"c",` + hello + `}`)
	require.Equal(t, outbox.Alarm, s.Send(t.Context(), outbox.Attempt{Account: "wwother/1", Kind: "welcome", Body: good}).Status)
	require.Equal(t, outbox.Alarm, s.Send(t.Context(), outbox.Attempt{Account: simAccount, Kind: "text", Body: good}).Status)
	require.Zero(t, w.sim.CallTotals().Total)
}
