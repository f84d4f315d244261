package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/app/webhook"
)

var now = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// names is a name server that knows a few names.
type names map[string]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if a, ok := n[host]; ok {
		return []netip.Addr{netip.MustParseAddr(a)}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// receiver is somebody else's server.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []delivery
	answer func(w http.ResponseWriter, r *http.Request)
}

type delivery struct {
	header http.Header
	body   string
}

func receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.got = append(r.got, delivery{req.Header.Clone(), string(body)})
		answer := r.answer
		r.mu.Unlock()
		if answer != nil {
			answer(w, req)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answers(f func(w http.ResponseWriter, r *http.Request)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

func (r *receiver) deliveries() []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]delivery{}, r.got...)
}

// world is Koi's side: webhooks by key, with the addresses given; loopback is allowed unless said otherwise.
type world struct {
	sender *Sender
	hooks  *webhook.Directory
}

func newWorld(t *testing.T, guard *webhook.Guard, urls map[string]string) *world {
	t.Helper()
	keys, err := secret.New(make([]byte, secret.MasterSize))
	require.NoError(t, err)
	clk := clock.NewManual(now)
	w := &world{hooks: webhook.New(dbtest.SQLite(t), keys, clk)}
	w.use(t, urls)
	w.sender = NewSender(w.hooks, guard, clk)
	t.Cleanup(w.sender.Close)
	return w
}

func (w *world) use(t *testing.T, urls map[string]string, more ...string) {
	t.Helper()
	var items []setting.Item
	for key, u := range urls {
		body, err := json.Marshal(webhook.Definition{Name: "接收方", URL: u, Off: key == "off"})
		require.NoError(t, err)
		items = append(items, setting.Item{Kind: webhook.Kind, Key: key, Body: body})
	}
	for _, body := range more {
		items = append(items, setting.Item{Kind: webhook.Kind, Key: "filed", Body: json.RawMessage(body)})
	}
	// Whatever could be saved once: names lead elsewhere later, and lists of networks shrink.
	saved, err := webhook.NewGuard([]string{"0.0.0.0/0", "::/0"}, nil)
	require.NoError(t, err)
	m, problems := webhook.Compile(items, saved)
	require.Empty(t, problems)
	w.hooks.Use(m)
}

func loopback(t *testing.T) *webhook.Guard {
	t.Helper()
	g, err := webhook.NewGuard([]string{"127.0.0.0/8"}, nil)
	require.NoError(t, err)
	return g
}

func attempt(key string) outbox.Attempt {
	return outbox.Attempt{ID: 4711, Number: 2, Account: key, To: key, Kind: "webhook", Body: []byte(`{"type":"stage.entered","contact":{"id":"12"},"html":"<b>&"}`)}
}

func TestSender_delivers_signed_and_byte_for_byte(t *testing.T) {
	t.Parallel()
	r := receive(t)
	w := newWorld(t, loopback(t), map[string]string{"erp": r.URL + "/koi?key=abc"})
	o := w.sender.Send(t.Context(), attempt("erp"))
	require.Equal(t, outbox.Outcome{Status: outbox.Sent}, o)
	got := r.deliveries()
	require.Len(t, got, 1)
	require.Equal(t, string(attempt("erp").Body), got[0].body)
	h := got[0].header
	for name, want := range map[string]string{"Content-Type": "application/json", "X-Koi-Delivery": "4711", "X-Koi-Event": "stage.entered", "X-Koi-Attempt": "2",
		"X-Koi-Timestamp": fmt.Sprint(now.Unix())} {
		require.Equal(t, want, h.Get(name), name)
	}
	hook, err := w.hooks.Get("erp")
	require.NoError(t, err)
	key, err := w.hooks.Secret(t.Context(), hook)
	require.NoError(t, err)
	// As the other side would write it.
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(h.Get("X-Koi-Timestamp") + "." + got[0].body))
	require.Equal(t, "v1="+hex.EncodeToString(mac.Sum(nil)), h.Get("X-Koi-Signature"))

	require.Equal(t, outbox.Webhook, w.sender.Channel())
	require.Equal(t, 72*time.Hour, w.sender.DedupeWindow())
	_, err = w.hooks.Rotate(t.Context(), hook, "user:anna")
	require.NoError(t, err)
	require.Equal(t, outbox.Sent, w.sender.Send(t.Context(), attempt("erp")).Status)
	require.NotEqual(t, h.Get("X-Koi-Signature"), r.deliveries()[1].header.Get("X-Koi-Signature"), "another secret")
}

func TestSender_is_patient(t *testing.T) {
	t.Parallel()
	p := newWorld(t, nil, nil).sender.Patience()
	require.Equal(t, 8, p.Tries)
	require.Equal(t, 10*time.Second, p.Wait(1))
	require.Equal(t, 6*time.Hour, p.Wait(7))
	require.Greater(t, p.Timeout, timeout)
	var all time.Duration
	for n := 1; n < p.Tries; n++ {
		require.Greater(t, p.Wait(n+1)+1, p.Wait(n))
		all += p.Wait(n)
	}
	require.Less(t, all*5/4, 24*time.Hour, "before the message expires")
}

func TestSender_answers_become_outcomes(t *testing.T) {
	t.Parallel()
	r := receive(t)
	w := newWorld(t, loopback(t), map[string]string{"erp": r.URL})
	for _, c := range []struct {
		code   int
		header string // Retry-After
		body   string
		status outbox.Status
		after  time.Duration
		says   string
	}{
		{200, "", "", outbox.Sent, 0, ""},
		{204, "", "", outbox.Sent, 0, ""},
		{200, "", strings.Repeat("x", 1<<20), outbox.Sent, 0, ""},
		{301, "", "", outbox.Failed, 0, "不跟随跳转"},
		{307, "", "", outbox.Failed, 0, "不跟随跳转"},
		{400, "", "missing\n\x00field  a", outbox.Failed, 0, "（missing field a）"},
		{401, "", "", outbox.Failed, 0, "HTTP 401"},
		{404, "", strings.Repeat("长", 200), outbox.Failed, 0, strings.Repeat("长", 100) + "…"},
		{408, "", "", outbox.Retry, 0, "稍后自动重试"},
		{410, "", "", outbox.Failed, 0, "停用或删除"},
		{429, "120", "", outbox.Retry, 2 * time.Minute, "稍后自动重试"},
		{429, "999999999", "", outbox.Retry, 6 * time.Hour, "稍后自动重试"},
		{429, "-1", "", outbox.Retry, 0, "稍后自动重试"},
		{503, now.Add(90 * time.Second).Format(http.TimeFormat), "", outbox.Retry, 90 * time.Second, "HTTP 503"},
		{503, now.Add(-time.Hour).Format(http.TimeFormat), "", outbox.Retry, 0, "HTTP 503"},
		{500, "", "", outbox.Retry, 0, "HTTP 500"},
		{502, "", "<html>", outbox.Retry, 0, "HTTP 502"},
	} {
		r.answers(func(rw http.ResponseWriter, _ *http.Request) {
			if c.header != "" {
				rw.Header().Set("Retry-After", c.header)
			}
			rw.Header().Set("Location", "http://169.254.169.254/")
			rw.WriteHeader(c.code)
			_, _ = io.WriteString(rw, c.body)
		})
		before := len(r.deliveries())
		o := w.sender.Send(t.Context(), attempt("erp"))
		require.Equal(t, c.status, o.Status, "%d %s", c.code, o.Reason)
		require.Equal(t, c.after, o.RetryAfter, "%d", c.code)
		require.Contains(t, o.Reason, c.says)
		require.Len(t, r.deliveries(), before+1, "asked once")
		if c.status == outbox.Sent {
			require.Zero(t, o.Code)
		} else {
			require.Equal(t, c.code, o.Code)
		}
	}
}

func TestSender_follows_no_redirect(t *testing.T) {
	t.Parallel()
	inside, outside := receive(t), receive(t)
	outside.answers(func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, inside.URL, http.StatusTemporaryRedirect)
	})
	w := newWorld(t, loopback(t), map[string]string{"erp": outside.URL})
	require.Equal(t, outbox.Failed, w.sender.Send(t.Context(), attempt("erp")).Status)
	require.Empty(t, inside.deliveries())
}

func TestSender_no_answer_is_tried_again(t *testing.T) {
	t.Parallel()
	r := receive(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler()) // a certificate nobody trusts
	t.Cleanup(secure.Close)
	secure.Config.ErrorLog = nil
	w := newWorld(t, loopback(t), map[string]string{"erp": r.URL + "/?key=hunter2", "gone": gone.URL + "/?key=hunter2", "secure": secure.URL, "lost": "http://nobody.invalid/?key=hunter2"})
	guard, err := webhook.NewGuard([]string{"127.0.0.0/8"}, names{})
	require.NoError(t, err)
	lost := NewSender(w.hooks, guard, clock.NewManual(now))

	r.answers(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for name, o := range map[string]outbox.Outcome{
		"dropped": w.sender.Send(t.Context(), attempt("erp")), "closed": w.sender.Send(t.Context(), attempt("gone")),
		"untrusted": w.sender.Send(t.Context(), attempt("secure")), "unknown": lost.Send(t.Context(), attempt("lost")),
	} {
		require.Equal(t, outbox.Retry, o.Status, "%s: %s", name, o.Reason)
		require.Contains(t, o.Reason, "稍后自动重试", name)
		require.NotContains(t, o.Reason, "hunter2", name)
	}
	require.Contains(t, w.sender.Send(t.Context(), attempt("secure")).Reason, "证书")
	require.Contains(t, lost.Send(t.Context(), attempt("lost")).Reason, "域名")

	held := make(chan struct{})
	defer close(held)
	r.answers(func(http.ResponseWriter, *http.Request) { <-held })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	o := w.sender.Send(ctx, attempt("erp"))
	require.Equal(t, outbox.Retry, o.Status)
	require.Contains(t, o.Reason, "没有回答")
}

// What could be saved once may lead inside by now: the address that is dialled decides.
func TestSender_never_connects_to_the_inside(t *testing.T) {
	t.Parallel()
	inside := receive(t)
	u, err := url.Parse(inside.URL)
	require.NoError(t, err)
	port := u.Port()
	leads := names{"moved.example.com": "127.0.0.1", "mapped.example.com": "::ffff:127.0.0.1", "nat64.example.com": "64:ff9b::7f00:1", "six.example.com": "::1",
		"meta.example.com": "169.254.169.254", "office.example.com": "10.1.2.3", "2130706433": "127.0.0.1", "0x7f000001": "127.0.0.1", "0177.0.0.1": "127.0.0.1"}
	guard, err := webhook.NewGuard(nil, leads)
	require.NoError(t, err)
	urls := map[string]string{"literal": inside.URL, "six": "http://[::1]:" + port + "/", "mapped": "http://[::ffff:127.0.0.1]:" + port + "/",
		"nat64": "http://[64:ff9b::7f00:1]:" + port + "/", "meta": "http://169.254.169.254/latest/", "any": "http://0.0.0.0:" + port + "/"}
	for name := range leads {
		if strings.HasSuffix(name, ".com") {
			urls["by_"+strings.ReplaceAll(name, ".", "_")] = "http://" + name + ":" + port + "/"
		}
	}
	w := newWorld(t, guard, urls)
	for key := range urls {
		o := w.sender.Send(t.Context(), attempt(key))
		require.Equal(t, outbox.Alarm, o.Status, "%s: %s", key, o.Reason)
		require.Contains(t, o.Reason, "已拒绝发送", key)
	}
	for _, host := range []string{"2130706433", "0x7f000001", "0177.0.0.1"} { // such hosts cannot be saved at all
		_, err := w.sender.dial(t.Context(), "tcp", host+":"+port)
		require.ErrorIs(t, err, webhook.ErrRefused, host)
	}
	_, err = w.sender.dial(t.Context(), "tcp", "no port")
	require.ErrorIs(t, err, webhook.ErrRefused)
	require.Empty(t, inside.deliveries())

	allowed, err := webhook.NewGuard([]string{"127.0.0.1"}, leads)
	require.NoError(t, err)
	require.Equal(t, outbox.Sent, NewSender(w.hooks, allowed, clock.NewManual(now)).Send(t.Context(), attempt("by_moved_example_com")).Status)
}

func TestSender_no_proxy_of_the_machine_stands_between(t *testing.T) {
	proxy := receive(t)
	t.Setenv("HTTP_PROXY", proxy.URL)
	w := newWorld(t, loopback(t), map[string]string{"erp": "http://127.0.0.2:1/"})
	require.Equal(t, outbox.Retry, w.sender.Send(t.Context(), attempt("erp")).Status)
	require.Empty(t, proxy.deliveries())
}

func TestSender_what_it_cannot_send_never_leaves(t *testing.T) {
	t.Parallel()
	r := receive(t)
	w := newWorld(t, loopback(t), map[string]string{"erp": r.URL, "off": r.URL})
	w.use(t, map[string]string{"erp": r.URL, "off": r.URL}, `{"name":"x","url":"`+r.URL+`","secret_file":"/nowhere/secret"}`)
	bad := attempt("erp")
	bad.Body = []byte("hello")
	for name, c := range map[string]struct {
		m      outbox.Attempt
		status outbox.Status
	}{
		"nobody": {attempt("nobody"), outbox.Failed}, "switched off": {attempt("off"), outbox.Failed}, "no JSON": {bad, outbox.Alarm}, "no secret": {attempt("filed"), outbox.Alarm},
	} {
		o := w.sender.Send(t.Context(), c.m)
		require.Equal(t, c.status, o.Status, name)
		require.Contains(t, o.Reason, "：", name)
	}
	require.Empty(t, r.deliveries())
}

func TestSender_Test_tries_the_address(t *testing.T) {
	t.Parallel()
	r := receive(t)
	w := newWorld(t, loopback(t), map[string]string{"off": r.URL})
	got, err := w.sender.Test(t.Context(), "off")
	require.NoError(t, err)
	require.Equal(t, outbox.Sent, got.Status)
	d := r.deliveries()
	require.Len(t, d, 1)
	require.Equal(t, "webhook.test", d[0].header.Get("X-Koi-Event"))
	require.Regexp(t, "^test-", d[0].header.Get("X-Koi-Delivery"))
	_, err = w.sender.Test(t.Context(), "nobody")
	require.Error(t, err)
}

func TestEventType_never_breaks_a_header(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{`{"type":"order.paid"}`: "order.paid", `{}`: "webhook", `[1]`: "webhook", `{"type":"a\r\nX: y"}`: "webhook", `{"type":7}`: "webhook"} {
		got, ok := eventType([]byte(body))
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	_, ok := eventType([]byte(`{"type":"a"`))
	require.False(t, ok)
}
