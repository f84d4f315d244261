package wechat

import (
	"bytes"
	"context"
	"encoding/json"
	goparser "go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/secret"
)

const testSecret = "s3cretS3cretS3cretS3cretS3cret01"

var testAccount = account.Official{AppID: "wx1234567890abcdef", AppSecret: testSecret}

// server answers like the platform where the test says how; tokens it always gives.
type server struct {
	*httptest.Server
	tokens atomic.Int64
	mu     sync.Mutex
	bodies []string
	used   []string // access tokens of the calls
}

func serve(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, n int)) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cgi-bin/stable_token" {
			n := s.tokens.Add(1)
			w.Write([]byte(`{"access_token":"TOKEN-` + string(rune('0'+n)) + `","expires_in":7200}`))
			return
		}
		b, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.bodies = append(s.bodies, string(b))
		s.used = append(s.used, r.URL.Query().Get("access_token"))
		n := len(s.bodies)
		s.mu.Unlock()
		answer(w, r, n)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) calls() (bodies, tokens []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.bodies), slices.Clone(s.used)
}

func newTransport(t *testing.T, o Options) *Transport {
	t.Helper()
	tr, err := NewTransport(o)
	require.NoError(t, err)
	t.Cleanup(tr.Close)
	return tr
}

func newCaller(t *testing.T, o Options) *Caller {
	t.Helper()
	keys, err := secret.New(bytes.Repeat([]byte{1}, secret.MasterSize))
	require.NoError(t, err)
	tr := newTransport(t, o)
	return NewCaller(tr, account.NewTokens(dbtest.SQLite(t), keys, clock.Real{}, NewTokenSource(tr), account.TokenRules{}))
}

// post does what an SDK does: build the address with what it takes for a token, and use an http.Client.
func post(ticket *Ticket, host, path, body string) (*http.Response, error) {
	req, err := http.NewRequest(http.MethodPost, "https://"+host+path+"?access_token="+url.QueryEscape(ticket.String()), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	return (&http.Client{Transport: RoundTripper}).Do(req)
}

func TestTicket_a_call_goes_to_the_configured_base_with_a_token_the_SDK_never_sees(t *testing.T) {
	t.Parallel()
	var path atomic.Value
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		path.Store(r.URL.Path)
		w.Header().Set("Content-Type", "text/plain")
		w.Write([]byte(`{"errcode":0,"msgid":"m1"}`))
	})
	base := httptest.NewServer(http.StripPrefix("/proxy", s.Config.Handler))
	defer base.Close()
	var seen []Exchange
	var mu sync.Mutex
	c := newCaller(t, Options{WeChatBase: base.URL + "/proxy/", Observe: func(e Exchange) { mu.Lock(); seen = append(seen, e); mu.Unlock() }})
	ticket := c.Begin(t.Context(), testAccount.Credential())
	defer ticket.End()
	res, err := post(ticket, officialHost, "/cgi-bin/message/custom/send", `{"a":1}`)
	require.NoError(t, err)
	require.Equal(t, "application/json", res.Header.Get("Content-Type"), "PowerWeChat parses by it")
	require.NotContains(t, res.Request.URL.String(), "TOKEN")
	require.NoError(t, res.Body.Close())
	require.Equal(t, "/cgi-bin/message/custom/send", path.Load())
	_, used := s.calls()
	require.Equal(t, []string{"TOKEN-1"}, used)
	require.NoError(t, ticket.Err())
	require.Equal(t, outbox.Outcome{Status: outbox.Sent}, ticket.Outcome(time.Now(), 0))
	var got struct{ MsgID string }
	require.NoError(t, ticket.Decode(&got))
	require.Equal(t, "m1", got.MsgID)
	require.Len(t, seen, 2)
	require.Equal(t, "/cgi-bin/message/custom/send", seen[1].API)
	require.Equal(t, 200, seen[1].Status)
}

func TestTicket_a_refused_token_is_renewed_and_the_same_body_sent_once_more(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"40001", "40014", "42001", `"42001"`} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request, n int) {
			if n == 1 {
				w.Write([]byte(`{"errcode":` + code + `,"errmsg":"x"}`))
				return
			}
			w.Write([]byte(`{"errcode":0}`))
		})
		c := newCaller(t, Options{WeChatBase: s.URL})
		ticket := c.Begin(t.Context(), testAccount.Credential())
		res, err := post(ticket, officialHost, "/x", `{"text":"<b>&"}`)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.NoError(t, ticket.Err())
		bodies, used := s.calls()
		require.Equal(t, []string{"TOKEN-1", "TOKEN-2"}, used)
		require.Equal(t, []string{`{"text":"<b>&"}`, `{"text":"<b>&"}`}, bodies)
		ticket.End()
	}
}

func TestTicket_a_token_refused_twice_is_an_alarm_not_a_loop(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.Write([]byte(`{"errcode":42001}`)) })
	c := newCaller(t, Options{WeChatBase: s.URL})
	ticket := c.Begin(t.Context(), testAccount.Credential())
	defer ticket.End()
	_, err := post(ticket, officialHost, "/x", `{}`)
	require.ErrorIs(t, err, errStale, "an SDK that renews by itself finds nothing to act upon")
	_, used := s.calls()
	require.Len(t, used, 2)
	o := ticket.Outcome(time.Now(), 0)
	require.Equal(t, outbox.Alarm, o.Status)
	require.Equal(t, 42001, o.Code)
}

func TestTicket_fifty_calls_with_an_expired_token_renew_it_once(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		if r.URL.Query().Get("access_token") == "TOKEN-1" {
			w.Write([]byte(`{"errcode":42001}`))
			return
		}
		w.Write([]byte(`{"errcode":0}`))
	})
	c := newCaller(t, Options{WeChatBase: s.URL})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			ticket := c.Begin(t.Context(), testAccount.Credential())
			defer ticket.End()
			res, err := post(ticket, officialHost, "/x", `{}`)
			if err != nil || ticket.Err() != nil {
				t.Errorf("%v, %v", err, ticket.Err())
				return
			}
			res.Body.Close()
		})
	}
	wg.Wait()
	require.EqualValues(t, 2, s.tokens.Load(), "the first, and one renewal")
}

func TestTicket_tells_surely_unsent_from_perhaps_sent(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) }) // after the parallel subtests
	const dedupe = 30 * time.Minute
	for name, c := range map[string]struct {
		answer        func(w http.ResponseWriter, r *http.Request, n int)
		with, without outbox.Status // of a platform that drops repeats, and of one that doesn't
		code          int
	}{
		"no answer in time": {func(_ http.ResponseWriter, r *http.Request, _ int) {
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		}, outbox.Unknown, outbox.Unknown, 0},
		"the connection drops": {func(http.ResponseWriter, *http.Request, int) { panic(http.ErrAbortHandler) }, outbox.Unknown, outbox.Unknown, 0},
		"the answer breaks off": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("{"))
		}, outbox.Unknown, outbox.Unknown, 0},
		"busy":                     {func(w http.ResponseWriter, _ *http.Request, _ int) { w.Write([]byte(`{"errcode":-1}`)) }, outbox.Retry, outbox.Unknown, -1},
		"HTTP 502":                 {func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusBadGateway) }, outbox.Retry, outbox.Unknown, 0},
		"HTTP 404":                 {func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusNotFound) }, outbox.Alarm, outbox.Alarm, 0},
		"HTTP 429":                 {func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusTooManyRequests) }, outbox.Paused, outbox.Paused, 0},
		"a page instead":           {func(w http.ResponseWriter, _ *http.Request, _ int) { w.Write([]byte("<html>")) }, outbox.Unknown, outbox.Unknown, 0},
		"a code that is no number": {func(w http.ResponseWriter, _ *http.Request, _ int) { w.Write([]byte(`{"errcode":"many"}`)) }, outbox.Unknown, outbox.Unknown, 0},
		"a quota":                  {func(w http.ResponseWriter, _ *http.Request, _ int) { w.Write([]byte(`{"errcode":45011}`)) }, outbox.Paused, outbox.Paused, 45011},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, c.answer)
			caller := newCaller(t, Options{WeChatBase: s.URL, Timeout: 300 * time.Millisecond})
			ticket := caller.Begin(t.Context(), testAccount.Credential())
			defer ticket.End()
			if res, err := post(ticket, officialHost, "/x", `{}`); err == nil {
				res.Body.Close()
			}
			o := ticket.Outcome(time.Now(), dedupe)
			require.Equal(t, c.with, o.Status, o.Reason)
			require.Equal(t, c.code, o.Code)
			require.Equal(t, o.Status == outbox.Retry || o.Status == outbox.Paused, o.RetryAfter > 0)
			require.NotEmpty(t, o.Reason)
			o = ticket.Outcome(time.Now(), 0)
			require.Equal(t, c.without, o.Status, o.Reason)
			require.Error(t, ticket.Err())
			bodies, _ := s.calls()
			require.Len(t, bodies, 1, "the transport itself repeats nothing")
		})
	}
}

func TestTicket_a_platform_that_is_not_there_was_surely_not_reached(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.Write([]byte(`{"errcode":0}`)) })
	c := newCaller(t, Options{WeChatBase: s.URL})
	ticket := c.Begin(t.Context(), testAccount.Credential())
	defer ticket.End()
	res, err := post(ticket, officialHost, "/x", `{}`)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	c.transport.Close() // no idle connection is left
	s.Close()
	_, err = post(ticket, officialHost, "/x", `{}`)
	require.Error(t, err)
	o := ticket.Outcome(time.Now(), 0)
	require.Equal(t, outbox.Retry, o.Status, o.Reason)
	require.Positive(t, o.RetryAfter)

	// Before there is a token, too.
	cold := newCaller(t, Options{WeChatBase: s.URL})
	ticket = cold.Begin(t.Context(), testAccount.Credential())
	defer ticket.End()
	_, err = post(ticket, officialHost, "/x", `{}`)
	require.Error(t, err)
	require.Equal(t, outbox.Retry, ticket.Outcome(time.Now(), 0).Status)
	require.True(t, fault.Is(ticket.Err(), fault.Unavailable))
}

func TestTicket_ends_with_its_context(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	s := serve(t, func(_ http.ResponseWriter, r *http.Request, _ int) { close(entered); <-r.Context().Done() })
	c := newCaller(t, Options{WeChatBase: s.URL})
	ctx, cancel := context.WithCancel(t.Context())
	ticket := c.Begin(ctx, testAccount.Credential())
	defer ticket.End()
	go func() { <-entered; cancel() }()
	_, err := post(ticket, officialHost, "/x", `{}`) // the request itself has no context, as most of silenceper's
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, outbox.Unknown, ticket.Outcome(time.Now(), 0).Status)
}

func TestRoundTripper_refuses_what_has_no_ticket(t *testing.T) {
	t.Parallel()
	reached := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.Write([]byte(`{}`)) })
	c := newCaller(t, Options{WeChatBase: reached.URL, WeComBase: reached.URL})
	client := &http.Client{Transport: RoundTripper}
	_, err := client.Get("https://api.weixin.qq.com/cgi-bin/token?appid=a&secret=b")
	require.ErrorIs(t, err, errNoTicket)

	ticket := c.Begin(t.Context(), testAccount.Credential())
	for _, host := range []string{"example.com", wecomHost, "api.weixin.qq.com.example.com", "127.0.0.1"} {
		_, err = post(ticket, host, "/x", `{}`)
		require.ErrorIs(t, err, errForeignHost, host)
		require.Equal(t, outbox.Alarm, ticket.Outcome(time.Now(), 0).Status)
	}
	ticket.End()
	_, err = post(ticket, officialHost, "/x", `{}`)
	require.ErrorIs(t, err, errNoTicket, "a ticket is good until its end")
	require.Empty(t, reached.bodies)
}

func TestTransport_follows_no_redirect(t *testing.T) {
	t.Parallel()
	elsewhere := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.Write([]byte(`{"errcode":0}`)) })
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	c := newCaller(t, Options{WeChatBase: s.URL})
	ticket := c.Begin(t.Context(), testAccount.Credential())
	defer ticket.End()
	_, err := post(ticket, officialHost, "/x", `{}`)
	require.ErrorIs(t, err, errRedirect)
	require.Empty(t, elsewhere.bodies)
}

func TestTransport_takes_only_base_addresses(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"api.weixin.qq.com", "ftp://x", "https://", "https://u:p@x", "https://x/?a=b", "https://x/#a", "::"} {
		_, err := NewTransport(Options{WeChatBase: bad, WeComBase: bad})
		var f *fault.Error
		require.ErrorAs(t, err, &f, bad)
		require.Len(t, f.Problems, 2)
		require.Equal(t, "channels.wechat.base_url", f.Problems[0].Path)
	}
}

// No error, whatever went wrong, names a secret or a token: neither ours nor those an SDK wraps around it.
func TestTicket_errors_name_no_secret_and_no_token(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { // answers with what it was sent: a proxy's error page does that
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 4096)
			n, _ := conn.Read(buf)
			line, _, _ := strings.Cut(string(buf[:n]), " HTTP")
			if strings.Contains(line, "stable_token") {
				conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 50\r\nConnection: close\r\n\r\n" + `{"access_token":"TOKEN-LEAK-01","expires_in":7200}`))
			} else {
				conn.Write([]byte(line + testSecret + "\r\n\r\n"))
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close() })
	c := newCaller(t, Options{WeChatBase: "http://" + l.Addr().String(), WeComBase: "http://" + l.Addr().String()})
	ticket := c.Begin(t.Context(), testAccount.Credential())
	defer ticket.End()
	_, err = post(ticket, officialHost, "/x", `{}`)
	require.Error(t, err)
	var texts []string
	texts = append(texts, err.Error(), ticket.Err().Error(), ticket.Outcome(time.Now(), 0).Reason)

	source := NewTokenSource(newTransport(t, Options{WeComBase: "http://" + l.Addr().String()}))
	_, err = source.Fetch(t.Context(), account.WeCom{CorpID: "ww1", AgentID: 1, AgentSecret: testSecret}.Credential(), "")
	require.Error(t, err)
	texts = append(texts, err.Error())
	_, err = source.Probe(t.Context(), account.WeCom{CorpID: "ww1", AgentID: 1, AgentSecret: testSecret}.Credential(), "TOKEN-LEAK-01")
	require.Error(t, err)
	texts = append(texts, err.Error())
	for _, text := range texts {
		require.NotContains(t, text, testSecret)
		require.NotContains(t, text, "TOKEN-LEAK-01")
	}
}

func TestTokenSource_forces_a_new_token_only_when_the_refused_one_comes_back(t *testing.T) {
	t.Parallel()
	var asked []map[string]any
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cgi-bin/gettoken" {
			w.Write([]byte(`{"errcode":0,"access_token":"OLD","expires_in":7200}`))
			return
		}
		var body map[string]any
		json.NewDecoder(r.Body).Decode(&body)
		asked = append(asked, body)
		token := "OLD"
		if body["force_refresh"] == true {
			token = "NEW"
		}
		w.Header().Set("Date", time.Now().Add(10*time.Minute).UTC().Format(http.TimeFormat))
		w.Write([]byte(`{"access_token":"` + token + `","expires_in":7200}`))
	}))
	t.Cleanup(s.Close)
	source := NewTokenSource(newTransport(t, Options{WeChatBase: s.URL, WeComBase: s.URL}))
	g, err := source.Fetch(t.Context(), testAccount.Credential(), "")
	require.NoError(t, err)
	require.Equal(t, "OLD", g.Token)
	require.InDelta(t, 10*time.Minute, g.Skew, float64(2*time.Second))
	g, err = source.Fetch(t.Context(), testAccount.Credential(), "OLD")
	require.NoError(t, err)
	require.Equal(t, "NEW", g.Token)
	require.Len(t, asked, 3)
	require.Equal(t, map[string]any{"grant_type": "client_credential", "appid": testAccount.AppID, "secret": testSecret, "force_refresh": true}, asked[2])

	// WeCom cannot be made to issue another one.
	g, err = source.Fetch(t.Context(), account.WeCom{CorpID: "ww1", AgentID: 1, AgentSecret: testSecret}.Credential(), "OLD")
	require.NoError(t, err)
	require.Equal(t, "OLD", g.Token)
}

// silenceper's root package turns logrus, for the whole process, to Debug on stdout (its init), and its
// server logs decrypted messages. Only subpackages may be imported.
func TestChannels_do_not_import_the_root_of_silenceper(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../*/*.go")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		f, err := goparser.ParseFile(token.NewFileSet(), name, nil, goparser.ImportsOnly)
		require.NoError(t, err)
		for _, i := range f.Imports {
			require.NotContains(t, []string{`"github.com/silenceper/wechat/v2"`, `"github.com/silenceper/wechat/v2/officialaccount/server"`}, i.Path.Value, name)
		}
	}
}
