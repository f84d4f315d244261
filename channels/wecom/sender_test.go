package wecom

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/channels/wechat"
	"github.com/koi-scrm/koi/configs"
)

const (
	simCorp    = "ww0123456789abcdef"
	simAgent   = 1000002
	simSecret  = "agent-secret-0123456789"
	simContact = "contact-secret-0123456789"
	simAccount = "ww0123456789abcdef/1000002"
)

// world is a corp on the simulator and Koi's side of it.
type world struct {
	sim      *simulator.Simulator
	stores   *db.Stores
	accounts *account.Directory
	tokens   *account.Tokens
	client   *Client
	sender   *Sender
}

func newWorld(t *testing.T, change func(*simulator.Config)) *world {
	t.Helper()
	cfg := simulator.Config{
		Corps: []simulator.Corp{{
			CorpID: simCorp, ContactSecret: simContact,
			Agents:      []simulator.Agent{{AgentID: simAgent, Secret: simSecret}},
			Departments: []simulator.Department{{ID: 1, Name: "总部"}, {ID: 2, Name: "销售一部", Parent: 1}, {ID: 3, Name: "销售二部", Parent: 1}},
			Staff: []simulator.Staff{
				{UserID: "boss", Name: "老板", Position: "总经理", Leads: []int{1}, Departments: []int{1}},
				{UserID: "li", Name: "李雷", Position: "销售", Departments: []int{2, 3}, Leads: []int{3}, Leaders: []string{"boss"}},
				{UserID: "han", Name: "韩梅梅", Departments: []int{2}, Leaders: []string{"li"}, Inactive: true},
			},
		}},
		People: []simulator.Person{{Name: "王先生", UnionID: "union-1", Contacts: []simulator.Contact{
			{CorpID: simCorp, ExternalUserID: "wm-external-1", Staff: []string{"li", "boss"}},
		}}},
		Quotas: map[string]int{"*": -1},
	}
	if change != nil {
		change(&cfg)
	}
	sim, err := simulator.New(cfg)
	require.NoError(t, err)
	require.NoError(t, sim.Start(t.Context(), "127.0.0.1:0"))
	t.Cleanup(sim.Close)
	w := &world{sim: sim}
	w.connect(t, sim.URL(), dbtest.SQLite(t))
	return w
}

func (w *world) connect(t *testing.T, base string, stores *db.Stores) {
	t.Helper()
	keys, err := secret.New(bytes.Repeat([]byte{1}, secret.MasterSize))
	require.NoError(t, err)
	transport, err := wechat.NewTransport(wechat.Options{WeComBase: base, Timeout: time.Second})
	require.NoError(t, err)
	t.Cleanup(transport.Close)
	tokens := account.NewTokens(stores, keys, clock.Real{}, wechat.NewTokenSource(transport), account.TokenRules{})
	w.stores, w.tokens = stores, tokens
	w.accounts = account.New(stores, keys, clock.Real{}, configs.Accounts{WeCom: []configs.WeComAccount{
		{CorpID: simCorp, AgentID: simAgent, AgentSecret: simSecret, ContactSecret: simContact},
	}})
	w.client = NewClient(wechat.NewCaller(transport, tokens))
	w.sender = NewSender(w.client, w.accounts, clock.Real{})
}

func textTo(user, text string) outbox.Attempt {
	body, _ := json.Marshal(map[string]string{"content": text})
	return outbox.Attempt{ID: 1, Number: 1, Account: simAccount, To: user, Kind: "text", Body: body}
}

func TestSender_delivers_each_kind_with_its_message_id(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for kind, body := range map[string]string{
		"text":          `{"content":"热线索：王先生 <b>&"}`,
		"textcard":      `{"title":"热线索","description":"王先生刚看过报价","url":"https://koi.example/staff/1","btntxt":"详情"}`,
		"template_card": `{"card_type":"text_notice","main_title":{"title":"热线索","desc":"王先生"},"card_action":{"type":1,"url":"https://koi.example/1"}}`,
	} {
		o := w.sender.Send(t.Context(), outbox.Attempt{Account: simAccount, To: "li", Kind: kind, Body: []byte(body)})
		require.Equal(t, outbox.Sent, o.Status, "%s: %s", kind, o.Reason)
		require.NotEmpty(t, o.PlatformID, kind)
		all := w.sim.Deliveries(simulator.DeliveryFilter{})
		got := all[len(all)-1]
		require.Equal(t, kind, got.Kind)
		require.Equal(t, "li", got.To)
		require.JSONEq(t, body, string(got.Content))
	}
	require.Equal(t, outbox.WeComApp, w.sender.Channel())
	require.Equal(t, 30*time.Minute, w.sender.DedupeWindow())
}

func TestSender_fifty_at_once_fetch_one_token_and_share_no_client(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			// Sending and reading side by side: both write to what PowerWeChat keeps in an app.
			if o := w.sender.Send(t.Context(), textTo("li", fmt.Sprint(i))); o.Status != outbox.Sent {
				t.Error(o)
			}
			acc, _ := w.accounts.WeCom(simCorp, simAgent)
			if _, err := w.client.staff(t.Context(), acc, 2); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 50, w.sim.DeliveryTotals().Delivered)
	require.EqualValues(t, 1, w.sim.CallCount("/cgi-bin/gettoken"))
	require.LessOrEqual(t, len(w.client.idle), 50)
}

func TestSender_fifty_on_an_expired_token_renew_it_once(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	require.Equal(t, outbox.Sent, w.sender.Send(t.Context(), textTo("li", "first")).Status)
	w.sim.ExpireTokens("")
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if o := w.sender.Send(t.Context(), textTo("li", fmt.Sprint(i))); o.Status != outbox.Sent {
				t.Error(o)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 51, w.sim.DeliveryTotals().Delivered)
	require.Zero(t, w.sim.DeliveryTotals().Repeated)
	require.EqualValues(t, 2, w.sim.CallCount("/cgi-bin/gettoken"))
}

func TestSender_two_processes_on_one_database_fetch_one_token(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		here := newWorld(t, nil)
		here.connect(t, here.sim.URL(), s)
		there := &world{sim: here.sim}
		there.connect(t, here.sim.URL(), s)
		var wg sync.WaitGroup
		for i := range 20 {
			for _, w := range []*world{here, there} {
				wg.Go(func() {
					if o := w.sender.Send(t.Context(), textTo("li", fmt.Sprint(i))); o.Status != outbox.Sent {
						t.Error(o)
					}
				})
			}
		}
		wg.Wait()
		require.EqualValues(t, 1, here.sim.CallCount("/cgi-bin/gettoken"))
	})
}

// What the platform says, and what becomes of the message.
func TestSender_codes_become_outcomes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, c := range []struct {
		odd    simulator.Misbehaviour
		status outbox.Status
		code   int
	}{
		{simulator.Misbehaviour{Code: -1}, outbox.Retry, -1},
		{simulator.Misbehaviour{Code: 45009}, outbox.Paused, 45009},
		{simulator.Misbehaviour{Code: 45033}, outbox.Retry, 45033},
		{simulator.Misbehaviour{Code: 60020}, outbox.Alarm, 60020},
		{simulator.Misbehaviour{Code: 60011}, outbox.Alarm, 60011},
		{simulator.Misbehaviour{Code: 60111}, outbox.Failed, 60111},
		{simulator.Misbehaviour{Code: 48002}, outbox.Alarm, 48002},
		{simulator.Misbehaviour{Code: 777777}, outbox.Failed, 777777},
		{simulator.Misbehaviour{Status: 502}, outbox.Retry, 0},
		{simulator.Misbehaviour{Drop: true}, outbox.Unknown, 0},
		{simulator.Misbehaviour{After: true}, outbox.Unknown, 0},
	} {
		c.odd.Path = "/cgi-bin/message/send"
		require.NoError(t, w.sim.Misbehave(c.odd))
		o := w.sender.Send(t.Context(), textTo("li", c.odd.String()))
		require.Equal(t, c.status, o.Status, "%v: %s", c.odd, o.Reason)
		require.Equal(t, c.code, o.Code)
		require.NotEmpty(t, o.Reason)
		require.NotContains(t, o.Reason, simSecret)
	}
}

func TestSender_a_repeat_after_an_unanswered_send_is_delivered_once(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	m := textTo("li", "只能收到一次")
	require.NoError(t, w.sim.Misbehave(simulator.Misbehaviour{Path: "/cgi-bin/message/send", After: true, Drop: true}))
	require.Equal(t, outbox.Unknown, w.sender.Send(t.Context(), m).Status)
	m.Number = 2
	o := w.sender.Send(t.Context(), m)
	require.Equal(t, outbox.Sent, o.Status, o.Reason)
	totals := w.sim.DeliveryTotals()
	require.EqualValues(t, 1, totals.Delivered, "the platform dropped the byte-identical repeat")
	require.EqualValues(t, 1, totals.Deduped)
	calls := w.sim.Calls(simulator.CallFilter{Path: "/cgi-bin/message/send"})
	require.Equal(t, string(calls[0].Body), string(calls[1].Body))
	require.Contains(t, string(calls[0].Body), `"enable_duplicate_check":1,"duplicate_check_interval":1800`)
}

func TestSender_a_token_refused_once_is_renewed_and_the_message_sent_once(t *testing.T) {
	t.Parallel()
	for _, code := range []int{40001, 40014, 42001} {
		w := newWorld(t, nil)
		require.NoError(t, w.sim.Misbehave(simulator.Misbehaviour{Path: "/cgi-bin/message/send", Code: code}))
		o := w.sender.Send(t.Context(), textTo("li", "x"))
		require.Equal(t, outbox.Sent, o.Status, o.Reason)
		require.EqualValues(t, 1, w.sim.DeliveryTotals().Delivered)
		require.EqualValues(t, 2, w.sim.CallCount("/cgi-bin/gettoken"))
		calls := w.sim.Calls(simulator.CallFilter{Path: "/cgi-bin/message/send"})
		require.Len(t, calls, 2)
		require.Equal(t, string(calls[0].Body), string(calls[1].Body))

		// Refused whatever the token: one repeat, then an alarm, and the platform isn't asked for tokens again.
		require.NoError(t, w.sim.Misbehave(simulator.Misbehaviour{Path: "/cgi-bin/message/send", Code: code, Times: -1}))
		o = w.sender.Send(t.Context(), textTo("li", "y"))
		require.Equal(t, outbox.Alarm, o.Status)
		require.Equal(t, code, o.Code)
		require.EqualValues(t, 4, w.sim.CallCount("/cgi-bin/message/send"))
		require.EqualValues(t, 2, w.sim.CallCount("/cgi-bin/gettoken"))
	}
}

func TestSender_a_wrong_secret_is_an_alarm_and_asked_for_once(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *simulator.Config) { c.Corps[0].Agents[0].Secret = "the-corp-changed-it" })
	for range 3 {
		o := w.sender.Send(t.Context(), textTo("li", "x"))
		require.Equal(t, outbox.Alarm, o.Status)
		require.Equal(t, 40001, o.Code)
		require.Contains(t, o.Reason, "Secret")
		require.NotContains(t, o.Reason, simSecret)
	}
	require.EqualValues(t, 1, w.sim.CallCount("/cgi-bin/gettoken"))
	require.Zero(t, w.sim.CallCount("/cgi-bin/message/send"))
}

func TestSender_a_platform_that_is_away_surely_got_nothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	require.Equal(t, outbox.Sent, w.sender.Send(t.Context(), textTo("li", "x")).Status)
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	w.connect(t, away.URL, w.stores) // the token lies in the database
	o := w.sender.Send(t.Context(), textTo("li", "y"))
	require.Equal(t, outbox.Retry, o.Status, o.Reason)
	require.Positive(t, o.RetryAfter)
	require.NotContains(t, o.Reason, simSecret)
}

func TestSender_invalid_recipients_and_contents_fail_with_a_reason(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for name, c := range map[string]struct {
		change func(*outbox.Attempt)
		status outbox.Status
	}{
		"nobody of that name":  {func(m *outbox.Attempt) { m.To = "nobody" }, outbox.Failed},
		"not activated":        {func(m *outbox.Attempt) { m.To = "han" }, outbox.Failed},
		"everybody":            {func(m *outbox.Attempt) { m.To = "@all" }, outbox.Failed},
		"two":                  {func(m *outbox.Attempt) { m.To = "li|boss" }, outbox.Failed},
		"nobody at all":        {func(m *outbox.Attempt) { m.To = "" }, outbox.Failed},
		"an unknown account":   {func(m *outbox.Attempt) { m.Account = "ww1/1" }, outbox.Alarm},
		"an unknown kind":      {func(m *outbox.Attempt) { m.Kind = "hologram" }, outbox.Alarm},
		"a body that is none":  {func(m *outbox.Attempt) { m.Body = []byte("hello") }, outbox.Alarm},
		"an empty text":        {func(m *outbox.Attempt) { m.Body = []byte(`{"content":""}`) }, outbox.Alarm},
		"a card without a URL": {func(m *outbox.Attempt) { m.Kind = "textcard"; m.Body = []byte(`{"title":"a","description":"b"}`) }, outbox.Alarm},
	} {
		m := textTo("li", "x")
		c.change(&m)
		o := w.sender.Send(t.Context(), m)
		require.Equal(t, c.status, o.Status, "%s: %s", name, o.Reason)
		require.Contains(t, o.Reason, "：", "%s: what happened and what to do", name)
	}
	require.Zero(t, w.sim.DeliveryTotals().Delivered)
}

func TestSettle_reads_whom_the_message_did_not_reach(t *testing.T) {
	t.Parallel()
	for answer, status := range map[string]outbox.Status{
		`{"errcode":0,"msgid":"m"}`:                                      outbox.Sent,
		`{"errcode":0,"invaliduser":"li","invalidparty":"","msgid":"m"}`: outbox.Failed,
		`{"errcode":0,"unlicenseduser":"li","msgid":"m"}`:                outbox.Failed,
	} {
		o := settle(outbox.Outcome{Status: outbox.Sent}, func(v any) error { return json.Unmarshal([]byte(answer), v) })
		require.Equal(t, status, o.Status, answer)
		require.Equal(t, "m", o.PlatformID)
	}
}

func TestSender_ends_with_its_context(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	require.Equal(t, outbox.Sent, w.sender.Send(t.Context(), textTo("li", "x")).Status)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := w.sender.Send(ctx, textTo("li", "y"))
	require.Equal(t, outbox.Retry, o.Status, "it had not begun")
}

func TestSender_leaves_nothing_in_files_or_the_SDK(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	require.Equal(t, outbox.Sent, w.sender.Send(t.Context(), textTo("li", "x")).Status)
	a, err := w.client.borrow()
	require.NoError(t, err)
	config := fmt.Sprintf("%+v", a.Config.All())
	require.NotContains(t, config, simSecret)
	require.NotContains(t, config, simCorp)
	_, err = os.Stat("wechat")
	require.ErrorIs(t, err, os.ErrNotExist, "no ./wechat/info.log")
	// Between two uses an app can call nothing.
	_, err = a.Message.Send(context.Background(), "{}")
	require.Error(t, err)
	require.False(t, strings.Contains(err.Error(), simSecret))
	require.EqualValues(t, 1, w.sim.CallCount("/cgi-bin/message/send"))
}

func TestClient_survives_a_panic_of_the_SDK(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	acc, _ := w.accounts.WeCom(simCorp, simAgent)
	_, err := w.client.do(t.Context(), acc.Credential(), func(*app) error { panic("interface conversion") })
	require.Error(t, err)
	require.Empty(t, w.client.idle, "the app is not used again")
	require.Equal(t, outbox.Sent, w.sender.Send(t.Context(), textTo("li", "x")).Status)
}

func TestAccount_health_tells_what_the_platform_says(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		odd     simulator.Misbehaviour
		ok      bool
		code    int
		problem string
	}{
		"all well":               {ok: true},
		"an address not trusted": {odd: simulator.Misbehaviour{Path: "/cgi-bin/getcallbackip", Code: 60020}, code: 60020, problem: "可信 IP"},
		"a wrong secret":         {odd: simulator.Misbehaviour{Path: "/cgi-bin/gettoken", Code: 40001}, code: 40001, problem: "Secret 不正确"},
		"a revoked token":        {odd: simulator.Misbehaviour{Path: "/cgi-bin/getcallbackip", Code: 40014}, ok: true},
		"the platform is away":   {odd: simulator.Misbehaviour{Path: "/cgi-bin/gettoken", Drop: true}, problem: "没有连上平台"},
	} {
		w := newWorld(t, nil)
		if c.odd.Path != "" {
			require.NoError(t, w.sim.Misbehave(c.odd))
		}
		credentials, err := w.accounts.Credentials(account.KindWeCom, simAccount)
		require.NoError(t, err)
		require.Len(t, credentials, 2, "the app's and 客户联系")
		h, err := w.tokens.Check(t.Context(), credentials[0])
		require.NoError(t, err)
		require.Equal(t, c.ok, h.OK, "%s: %s", name, h.Problem)
		require.Equal(t, c.code, h.Code, name)
		require.Contains(t, h.Problem, c.problem, name)
		require.NotContains(t, h.Problem, simSecret)
		require.Positive(t, h.CheckedAt)
		require.Less(t, max(h.SkewMs, -h.SkewMs), int64(3000))
	}
}
