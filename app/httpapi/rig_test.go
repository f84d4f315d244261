package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/configs"
)

const password = "correct horse battery"

// rig is a whole Koi on a port of its own.
type rig struct {
	*testing.T
	app  *app.App
	url  string
	root *client // an administrator's key
}

// boot starts Koi, with the platforms out of reach.
func boot(t *testing.T, c db.Config, configure ...func(*configs.Config)) *rig {
	t.Helper()
	cfg := configs.Default()
	cfg.Listen, cfg.DataDir = "127.0.0.1:0", c.DataDir
	cfg.Database = configs.Database{Driver: string(c.Driver), DSN: c.DSN}
	cfg.Channels.WeChat.BaseURL, cfg.Channels.WeCom.BaseURL, cfg.Channels.AliyunSMS.BaseURL = "http://127.0.0.1:1", "http://127.0.0.1:1", "http://127.0.0.1:1"
	cfg.Channels.WeCom.OAuthURL = "http://127.0.0.1:1"
	for _, f := range configure {
		f(cfg)
	}
	require.NoError(t, cfg.Validate())
	a, err := app.Open(t.Context(), cfg, clock.Real{})
	require.NoError(t, err)
	addr, err := a.Listen()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, a.Close())
	})
	r := &rig{T: t, app: a, url: "http://" + addr.String()}
	r.until("Koi is ready", func() bool { return r.client().get("/readyz").status == http.StatusOK })
	r.root = r.keyOf(auth.Admin)
	return r
}

// until waits for what gives no signal.
func (r *rig) until(what string, holds func() bool) {
	r.Helper()
	tick, limit := time.NewTicker(5*time.Millisecond), time.NewTimer(20*time.Second)
	defer tick.Stop()
	defer limit.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit.C:
			r.Fatalf("waited in vain until %s", what)
		}
	}
}

// settle waits until everything in the log is applied.
func (r *rig) settle() {
	r.Helper()
	for _, lane := range []event.Lane{event.Priority, event.Normal} {
		head, err := r.app.Log.Head(r.Context(), lane)
		require.NoError(r, err)
		require.NoError(r, r.app.Pipeline.Wait(r.Context(), lane, head))
	}
}

// user makes a user who has signed in.
func (r *rig) user(login string, role auth.Role) *client {
	r.Helper()
	_, err := r.app.Gate.AddUser(r.Context(), auth.NewUser{Login: login, Role: role, Password: password})
	require.NoError(r, err)
	c := r.client()
	got := c.post("/api/v1/session", map[string]any{"login": login, "password": password})
	got.is(http.StatusCreated)
	c.cookie, _, _ = strings.Cut(got.header.Get("Set-Cookie"), ";")
	c.csrf = got.text("csrf_token")
	return c
}

// keyOf makes a key for a role.
func (r *rig) keyOf(role auth.Role) *client {
	r.Helper()
	maker := auth.New(r.app.Stores, clock.Real{})
	login := "maker-" + string(role)
	_, err := maker.AddUser(r.Context(), auth.NewUser{Login: login, Role: auth.Admin, Password: password})
	require.NoError(r, err)
	s, err := maker.SignIn(r.Context(), auth.Attempt{Login: login, Password: password, Place: "127.0.0.1"})
	require.NoError(r, err)
	_, secret, err := maker.AddKey(r.Context(), auth.NewKey{Name: string(role), Role: role}, &s.Principal)
	require.NoError(r, err)
	c := r.client()
	c.key = secret
	return c
}

func (r *rig) client() *client { return &client{r: r, header: http.Header{}} }

// client is somebody who calls.
type client struct {
	r                 *rig
	key, cookie, csrf string
	header            http.Header
}

// with is the client with a further header.
func (c client) with(key, value string) *client {
	c.header = c.header.Clone()
	c.header.Set(key, value)
	return &c
}

// got is an answer.
type got struct {
	r      *rig
	call   string
	status int
	header http.Header
	raw    []byte
}

func (c *client) get(path string) got           { return c.do(http.MethodGet, path, nil) }
func (c *client) post(path string, in any) got  { return c.do(http.MethodPost, path, in) }
func (c *client) patch(path string, in any) got { return c.do(http.MethodPatch, path, in) }
func (c *client) delete(path string) got        { return c.do(http.MethodDelete, path, nil) }
func (g got) is(status int) got {
	g.r.Helper()
	require.Equal(g.r, status, g.status, "%s: %s", g.call, g.raw)
	return g
}
func (g got) items() []any {
	g.r.Helper()
	l, _ := g.value("items").([]any)
	require.NotNil(g.r, l, "%s: %s", g.call, g.raw)
	return l
}
func (g got) text(path string) string      { g.r.Helper(); s, _ := g.value(path).(string); return s }
func at(list []any, i int, key string) any { m, _ := list[i].(map[string]any); return m[key] }
func obj(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	return m
}

// value is what stands at a path of keys parted by dots.
func (g got) value(path string) any {
	g.r.Helper()
	var v any
	require.NoError(g.r, json.Unmarshal(g.raw, &v), "%s answered %d: %s", g.call, g.status, g.raw)
	for _, k := range strings.Split(path, ".") {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

// failure checks that the answer is a problem document and returns what it says.
func (g got) failure(status int, code string) got {
	g.r.Helper()
	g.is(status)
	require.Equal(g.r, "application/problem+json", g.header.Get("Content-Type"))
	require.Equal(g.r, code, g.text("code"))
	require.InDelta(g.r, status, g.value("status"), 0)
	require.Regexp(g.r, `\p{Han}`, g.text("title"))
	require.Regexp(g.r, `\p{Han}`, g.text("detail"))
	require.Equal(g.r, g.header.Get("X-Request-Id"), g.text("request_id"))
	require.NotEmpty(g.r, g.text("request_id"))
	return g
}

// problems are the places that a failure names.
func (g got) problems() []string {
	g.r.Helper()
	var out []string
	list, _ := g.value("problems").([]any)
	for i := range list {
		require.Regexp(g.r, `\p{Han}`, at(list, i, "message"))
		out = append(out, at(list, i, "path").(string))
	}
	return out
}

func (c *client) do(method, path string, in any) got {
	c.r.Helper()
	var body io.Reader
	switch v := in.(type) {
	case nil:
	case string:
		body = strings.NewReader(v)
	default:
		raw, err := json.Marshal(v)
		require.NoError(c.r, err)
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(c.r.Context(), method, c.r.url+path, body)
	require.NoError(c.r, err)
	req.Header = c.header.Clone()
	if body != nil && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	if c.cookie != "" {
		req.Header.Set("Cookie", c.cookie)
	}
	if c.csrf != "" {
		req.Header.Set("X-CSRF-Token", c.csrf)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(c.r, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(c.r, err)
	return got{c.r, method + " " + path, res.StatusCode, res.Header, raw}
}

// both runs a test on a whole Koi on each engine.
func both(t *testing.T, body func(t *testing.T, r *rig)) {
	t.Helper()
	dbtest.RunConfig(t, func(t *testing.T, c db.Config) { body(t, boot(t, c)) })
}

// step is a part of a test that goes on with what the parts before left; a failure names the last one.
func (r *rig) step(what string, do func()) {
	r.Helper()
	r.Log(what)
	do()
}
