package officialaccount

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/channels/wechat"
	"github.com/koi-scrm/koi/configs"
)

const (
	simApp    = "wx0123456789abcdef"
	simSecret = "app-secret-0123456789abcdef01234"
)

// world is an official account on the simulator and Koi's side of it.
type world struct {
	sim      *simulator.Simulator
	accounts *account.Directory
	caller   *wechat.Caller
	sender   *Sender
}

func newWorld(t *testing.T, change func(*simulator.Config)) *world {
	t.Helper()
	cfg := simulator.Config{
		Officials:       []simulator.Official{{AppID: simApp, AppSecret: simSecret}},
		People:          []simulator.Person{{Name: "小红", UnionID: "union-1", Follows: []simulator.Follow{{AppID: simApp, OpenID: "oRed"}}}},
		AcceptStrangers: true, // as if they had just written to us
	}
	if change != nil {
		change(&cfg)
	}
	sim, err := simulator.New(cfg)
	require.NoError(t, err)
	require.NoError(t, sim.Start(t.Context(), "127.0.0.1:0"))
	t.Cleanup(sim.Close)
	w := &world{sim: sim}
	w.connect(t, dbtest.SQLite(t), simSecret)
	return w
}

func (w *world) connect(t *testing.T, stores *db.Stores, appSecret string) {
	t.Helper()
	keys, err := secret.New(bytes.Repeat([]byte{1}, secret.MasterSize))
	require.NoError(t, err)
	transport, err := wechat.NewTransport(wechat.Options{WeChatBase: w.sim.URL(), Timeout: time.Second})
	require.NoError(t, err)
	t.Cleanup(transport.Close)
	w.accounts = account.New(stores, keys, clock.Real{}, configs.Accounts{Official: []configs.WeChatAccount{{AppID: simApp, AppSecret: appSecret}}})
	w.caller = wechat.NewCaller(transport, account.NewTokens(stores, keys, clock.Real{}, wechat.NewTokenSource(transport), account.TokenRules{}))
	w.sender = NewSender(w.caller, w.accounts, clock.Real{})
}

func textTo(openID, text string) outbox.Attempt {
	return outbox.Attempt{Account: simApp, To: openID, Kind: "text", Body: []byte(fmt.Sprintf(`{"content":%q}`, text))}
}

func TestSender_delivers_each_kind(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for kind, body := range map[string]string{
		"text":            `{"content":"欢迎 <b>&"}`,
		"image":           `{"media_id":"m1"}`,
		"news":            `{"articles":[{"title":"白皮书","description":"下载","url":"https://koi.example/p/1","picurl":"https://koi.example/1.png"}]}`,
		"miniprogrampage": `{"title":"预约","appid":"wxmini","pagepath":"pages/a","thumb_media_id":"m2"}`,
		"msgmenu":         `{"head_content":"满意吗","list":[{"id":"1","content":"满意"}],"tail_content":"谢谢"}`,
	} {
		o := w.sender.Send(t.Context(), outbox.Attempt{Account: simApp, To: "oStranger", Kind: kind, Body: []byte(body)})
		require.Equal(t, outbox.Sent, o.Status, "%s: %s", kind, o.Reason)
		all := w.sim.Deliveries(simulator.DeliveryFilter{})
		require.Equal(t, kind, all[len(all)-1].Kind)
		require.JSONEq(t, body, string(all[len(all)-1].Content))
	}
	require.Equal(t, outbox.OfficialKF, w.sender.Channel())
	require.Zero(t, w.sender.DedupeWindow())
}

func TestSender_fifty_at_once_fetch_one_token(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	send := func(label string) {
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if o := w.sender.Send(t.Context(), textTo("oStranger", fmt.Sprint(label, i))); o.Status != outbox.Sent {
					t.Error(o)
				}
			})
		}
		wg.Wait()
	}
	send("first")
	require.EqualValues(t, 1, w.sim.CallCount("/cgi-bin/stable_token"))
	w.sim.ExpireTokens("")
	send("second")
	require.EqualValues(t, 2, w.sim.CallCount("/cgi-bin/stable_token"))
	require.EqualValues(t, 100, w.sim.DeliveryTotals().Delivered)
	require.Zero(t, w.sim.DeliveryTotals().Repeated)
	require.Zero(t, w.sim.CallCount("/cgi-bin/token"), "the SDK fetches none by itself")
}

func TestSender_two_processes_on_one_database_fetch_one_token(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		here := newWorld(t, nil)
		here.connect(t, s, simSecret)
		there := &world{sim: here.sim}
		there.connect(t, s, simSecret)
		var wg sync.WaitGroup
		for i := range 20 {
			for _, w := range []*world{here, there} {
				wg.Go(func() {
					if o := w.sender.Send(t.Context(), textTo("oStranger", fmt.Sprint(i))); o.Status != outbox.Sent {
						t.Error(o)
					}
				})
			}
		}
		wg.Wait()
		require.EqualValues(t, 1, here.sim.CallCount("/cgi-bin/stable_token"))
	})
}

// silenceper's HTTP client is one for the process: accounts on different servers must not meet in it.
func TestSender_worlds_side_by_side_stay_apart(t *testing.T) {
	t.Parallel()
	a, b := newWorld(t, nil), newWorld(t, nil)
	var wg sync.WaitGroup
	for i, w := range []*world{a, b, a, b} {
		wg.Go(func() {
			for j := range 10 {
				if o := w.sender.Send(t.Context(), textTo("oStranger", fmt.Sprint(i, j))); o.Status != outbox.Sent {
					t.Error(o)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 20, a.sim.DeliveryTotals().Delivered)
	require.EqualValues(t, 20, b.sim.DeliveryTotals().Delivered)
}

func TestSender_codes_become_outcomes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, c := range []struct {
		odd    simulator.Misbehaviour
		status outbox.Status
	}{
		{simulator.Misbehaviour{Code: -1}, outbox.Unknown}, // no key by which a repeat would be dropped
		{simulator.Misbehaviour{Status: 502}, outbox.Unknown},
		{simulator.Misbehaviour{Drop: true}, outbox.Unknown},
		{simulator.Misbehaviour{After: true}, outbox.Unknown},
		{simulator.Misbehaviour{Code: 40003}, outbox.Failed},
		{simulator.Misbehaviour{Code: 43004}, outbox.Failed},
		{simulator.Misbehaviour{Code: 50002}, outbox.Failed},
		{simulator.Misbehaviour{Code: 45009}, outbox.Paused},
		{simulator.Misbehaviour{Code: 45011}, outbox.Paused},
		{simulator.Misbehaviour{Code: 45015}, outbox.WindowClosed},
		{simulator.Misbehaviour{Code: 45047}, outbox.WindowClosed},
		{simulator.Misbehaviour{Code: 48001}, outbox.Alarm},
		{simulator.Misbehaviour{Code: 777777}, outbox.Failed},
	} {
		c.odd.Path = "/cgi-bin/message/custom/send"
		require.NoError(t, w.sim.Misbehave(c.odd))
		o := w.sender.Send(t.Context(), textTo("oStranger", c.odd.String()))
		require.Equal(t, c.status, o.Status, "%v: %s", c.odd, o.Reason)
		require.Equal(t, c.odd.Code, o.Code)
		require.Contains(t, o.Reason, "：", "what happened and what to do")
		require.Equal(t, o.Status == outbox.Paused, o.RetryAfter > 0)
	}
}

func TestSender_a_token_refused_once_is_renewed_and_the_message_sent_once(t *testing.T) {
	t.Parallel()
	for _, code := range []int{40001, 40014, 42001} {
		w := newWorld(t, nil)
		require.NoError(t, w.sim.Misbehave(simulator.Misbehaviour{Path: "/cgi-bin/message/custom/send", Code: code}))
		o := w.sender.Send(t.Context(), textTo("oStranger", "x"))
		require.Equal(t, outbox.Sent, o.Status, o.Reason)
		require.EqualValues(t, 1, w.sim.DeliveryTotals().Delivered)
		calls := w.sim.Calls(simulator.CallFilter{Path: "/cgi-bin/message/custom/send"})
		require.Len(t, calls, 2)
		require.Equal(t, string(calls[0].Body), string(calls[1].Body))
	}
}

func TestSender_a_wrong_secret_is_an_alarm_and_asked_for_once(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.connect(t, dbtest.SQLite(t), "wrong-secret-0123456789abcdef")
	for range 3 {
		o := w.sender.Send(t.Context(), textTo("oStranger", "x"))
		require.Equal(t, outbox.Alarm, o.Status)
		require.Equal(t, 40125, o.Code)
		require.Contains(t, o.Reason, "AppSecret")
		require.NotContains(t, o.Reason, "wrong-secret")
	}
	require.EqualValues(t, 1, w.sim.CallCount("/cgi-bin/stable_token"))
}

func TestSender_contents_it_cannot_send_never_leave(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for name, m := range map[string]outbox.Attempt{
		"an unknown account":     {Account: "wxother", To: "o", Kind: "text", Body: []byte(`{"content":"x"}`)},
		"an unknown kind":        {Account: simApp, To: "o", Kind: "hologram", Body: []byte(`{}`)},
		"a body that is none":    {Account: simApp, To: "o", Kind: "text", Body: []byte(`hello`)},
		"a field the kind lacks": {Account: simApp, To: "o", Kind: "text", Body: []byte(`{"content":"x","color":"red"}`)},
		"two bodies":             {Account: simApp, To: "o", Kind: "text", Body: []byte(`{"content":"x"}{"content":"y"}`)},
	} {
		o := w.sender.Send(t.Context(), m)
		require.Equal(t, outbox.Alarm, o.Status, name)
		require.Contains(t, o.Reason, "：", name)
	}
	require.Equal(t, outbox.Failed, w.sender.Send(t.Context(), textTo("", "x")).Status)
	require.Zero(t, w.sim.CallTotals().Total)
}

func TestUsers_Get_tells_follower_from_stranger(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *simulator.Config) {
		c.People = append(c.People, simulator.Person{Name: "路人", UnionID: "union-2", Follows: []simulator.Follow{{AppID: simApp, OpenID: "oPasser", Known: true}}})
	})
	users := NewUsers(w.caller)
	acc, ok := w.accounts.Official(simApp)
	require.True(t, ok)
	f, err := users.Get(t.Context(), acc, "oRed")
	require.NoError(t, err)
	require.True(t, f.Subscribed)
	require.Equal(t, "oRed", f.OpenID)
	require.Equal(t, "union-1", f.UnionID)
	require.Greater(t, f.SubscribedAt, time.Now().Add(-time.Hour).UnixMilli())

	f, err = users.Get(t.Context(), acc, "oPasser")
	require.NoError(t, err)
	require.False(t, f.Subscribed)
	require.Zero(t, f.SubscribedAt)

	for _, id := range []string{"oNobody", "x&openid=oRed", "x#y"} {
		_, err = users.Get(t.Context(), acc, id)
		require.True(t, fault.Is(err, fault.NotFound), "%s: %v", id, err)
	}
	require.NoError(t, w.sim.Misbehave(simulator.Misbehaviour{Path: "/cgi-bin/user/info", Code: -1}))
	_, err = users.Get(t.Context(), acc, "oRed")
	var e *wechat.Error
	require.ErrorAs(t, err, &e)
	require.Positive(t, e.Later)
}
