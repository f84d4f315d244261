package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// site is a Koi whose pages say what they were asked with.
func newSite(t *testing.T, r *rig) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/p/cookie", func(w http.ResponseWriter, q *http.Request) {
		if _, err := q.Cookie("visitor"); err != nil {
			http.SetCookie(w, &http.Cookie{Name: "visitor", Value: "v" + q.URL.Query().Get("n"), Path: "/", HttpOnly: true, Secure: true})
		}
		_, _ = io.WriteString(w, strings.Join(q.Header.Values("Cookie"), "; "))
	})
	mux.HandleFunc("/p/echo", func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		_ = json.NewEncoder(w).Encode(map[string]any{"host": q.Host, "header": q.Header, "method": q.Method, "body": string(body), "uri": q.RequestURI})
	})
	var server *httptest.Server
	mux.HandleFunc("/p/page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("X-Frame-Options", "DENY")
		w.Header().Set("Strict-Transport-Security", "max-age=1")
		w.Header().Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; upgrade-insecure-requests")
		fmt.Fprintf(w, `<!doctype html><html><head><title>白皮书</title></head><a href="%s/p/next">下一页</a><script src="/t.js"></script></html>`, server.URL)
	})
	mux.HandleFunc("/p/to", func(w http.ResponseWriter, q *http.Request) {
		http.Redirect(w, q, q.URL.Query().Get("to"), http.StatusFound)
	})
	server = httptest.NewServer(mux)
	t.Cleanup(server.Close)
	r.PointAt(server.URL)
	return server
}

// noFollow is a client that shows where it is sent.
var noFollow = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// webview opens somebody's webview and returns its origin.
func (r *rig) webview(who string) string {
	r.t.Helper()
	resp, err := noFollow.Get(r.http.URL + "/sim/webview/" + url.PathEscape(who) + "/p/echo?a=1%20b&c")
	require.NoError(r.t, err)
	require.NoError(r.t, resp.Body.Close())
	require.Equal(r.t, http.StatusFound, resp.StatusCode)
	at, err := resp.Location()
	require.NoError(r.t, err)
	require.Equal(r.t, "127.0.0.1", at.Hostname())
	require.Equal(r.t, "/p/echo?a=1%20b&c", at.RequestURI())
	return at.Scheme + "://" + at.Host
}

func (r *rig) fetch(req *http.Request) (*http.Response, string) {
	r.t.Helper()
	resp, err := noFollow.Do(req)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	return resp, string(body)
}

func (r *rig) open(address string) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.context(), http.MethodGet, address, nil)
	require.NoError(r.t, err)
	return r.fetch(req)
}

func TestWebview_gives_each_phone_its_own_origin_and_cookies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	newSite(t, r)
	chen, passer, staff := r.webview("oChen"), r.webview("路人"), r.webview("zhangsan")
	require.NotEqual(t, chen, passer)
	require.NotEqual(t, chen, staff)
	require.Equal(t, chen, r.webview("陈晨"), "the same phone, by name")
	for n, origin := range []string{chen, passer, staff} {
		resp, body := r.open(fmt.Sprintf("%s/p/cookie?n=%d", origin, n))
		require.Empty(t, body)
		require.Empty(t, resp.Cookies(), "cookies stay with the phone, not with the browser")
	}
	for n, origin := range []string{chen, passer, staff} {
		_, body := r.open(origin + "/p/cookie")
		require.Equal(t, fmt.Sprintf("visitor=v%d", n), body)
	}
	resp, _ := r.open(r.http.URL + "/sim/webview/nobody/p/echo")
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
}

func TestWebview_asks_as_WeChat_does_and_brings_nothing_of_this_machine_along(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	koi := newSite(t, r)
	origin := r.webview("oChen")
	req, err := http.NewRequestWithContext(r.context(), http.MethodPost, origin+"/p/echo?_s=s_1&url="+url.QueryEscape(origin+"/p/x"), strings.NewReader(`[{"type":"page.viewed","url":"`+origin+`/p/x"}]`))
	require.NoError(t, err)
	for name, value := range map[string]string{"Cookie": "koi_session=admin", "Authorization": "Bearer key", "X-Forwarded-For": "1.2.3.4", "Forwarded": "for=1.2.3.4",
		"X-Real-Ip": "1.2.3.4", "X-Forwarded-Host": "evil.example", "User-Agent": "Firefox", "Origin": origin, "Referer": origin + "/p/page?x=1",
		"X-Csrf-Token": "kept", "Content-Type": "text/plain"} {
		req.Header.Set(name, value)
	}
	_, body := r.fetch(req)
	var got struct {
		Host, Method, Body, URI string
		Header                  http.Header
	}
	require.NoError(t, json.Unmarshal([]byte(body), &got))
	require.Equal(t, strings.TrimPrefix(koi.URL, "http://"), got.Host)
	require.Equal(t, `[{"type":"page.viewed","url":"`+koi.URL+`/p/x"}]`, got.Body, "Koi knows its pages by its own address")
	require.Equal(t, "/p/echo?_s=s_1&url="+url.QueryEscape(koi.URL+"/p/x"), got.URI)
	require.Contains(t, got.Header.Get("User-Agent"), "MicroMessenger")
	require.Equal(t, koi.URL, got.Header.Get("Origin"))
	require.Equal(t, koi.URL+"/p/page?x=1", got.Header.Get("Referer"))
	require.Equal(t, "kept", got.Header.Get("X-Csrf-Token"))
	for _, name := range []string{"Cookie", "Authorization", "X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-Ip"} {
		require.Empty(t, got.Header.Values(name), name)
	}
	_, body = r.open(r.webview("zhangsan") + "/p/echo")
	require.Contains(t, body, "wxwork")

	req, err = http.NewRequestWithContext(r.context(), http.MethodGet, origin+"/p/echo", nil)
	require.NoError(t, err)
	req.Header.Set("Origin", "http://127.0.0.1:1")
	req.Header.Set("Referer", origin+".evil.example/")
	_, body = r.fetch(req)
	require.Contains(t, body, `"Origin":["null"]`)
	require.NotContains(t, body, "evil.example")
}

func TestWebview_fits_pages_into_the_phone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	newSite(t, r)
	origin := r.webview("oChen")
	resp, page := r.open(origin + "/p/page")
	require.Equal(t, `<!doctype html><html><head><script src="/.phone/bridge.js"></script><title>白皮书</title></head><a href="/p/next">下一页</a><script src="/t.js"></script></html>`, page)
	require.Empty(t, resp.Header.Get("X-Frame-Options"))
	require.Empty(t, resp.Header.Get("Strict-Transport-Security"))
	require.Equal(t, "default-src 'self'; script-src 'self' "+origin+"/.phone/bridge.js; frame-ancestors 'self' http://127.0.0.1:* http://localhost:*", resp.Header.Get("Content-Security-Policy"))
	resp, script := r.open(origin + "/.phone/bridge.js")
	require.Equal(t, "text/javascript; charset=utf-8", resp.Header.Get("Content-Type"))
	require.Contains(t, script, "MicroMessenger")
}

func TestWebview_adds_to_a_policy_only_what_the_phone_needs(t *testing.T) {
	t.Parallel()
	const me = "http://127.0.0.1:9/.phone/bridge.js"
	const frames = "; frame-ancestors 'self' http://127.0.0.1:* http://localhost:*"
	for policy, want := range map[string]string{
		"script-src 'none'; img-src *":                  "script-src " + me + "; img-src *" + frames,
		"default-src 'none'; script-src 'sha256-x'":     "default-src 'none'; script-src 'sha256-x' " + me + frames,
		"default-src 'none'; report-uri /r; sandbox":    "default-src 'none'; script-src " + me + frames,
		"img-src 'self'; upgrade-insecure-requests; ;;": "img-src 'self'" + frames,
	} {
		require.Equal(t, want, framed(policy, me), policy)
	}
}

// The webview is a door to one server on this machine and to nothing else.
func TestWebview_leads_nowhere_but_to_Koi(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	koi := newSite(t, r)
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another server was asked") }))
	t.Cleanup(other.Close)
	origin := r.webview("oChen")
	host := strings.TrimPrefix(origin, "http://")

	for _, link := range []string{other.URL + "/p/x", "https://example.com/", "http://169.254.169.254/latest", "file:///etc/passwd", "javascript:alert(1)",
		"http://user@" + strings.TrimPrefix(koi.URL, "http://") + "/", "//example.com/", "data:text/html,x", strings.Replace(koi.URL, "http:", "https:", 1) + "/p/x", "::"} {
		resp, page := r.open(r.http.URL + "/sim/webview/oChen?url=" + url.QueryEscape(link))
		require.Equal(t, http.StatusOK, resp.StatusCode, link)
		require.Contains(t, page, "这个链接通向别处", link)
		require.Contains(t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'")
	}
	for link, want := range map[string]string{
		koi.URL + "/p/page?_s=s_1#a":                                   "/p/page?_s=s_1#a",
		strings.Replace(koi.URL, "127.0.0.1", "localhost", 1) + "/p/x": "/p/x",
		koi.URL:                     "/",
		koi.URL + "//example.com/x": "/example.com/x",
		"/staff/":                   "/staff/",
		"https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx#w": "/connect/oauth2/authorize?appid=wx#w",
	} {
		resp, _ := r.open(r.http.URL + "/sim/webview/oChen?url=" + url.QueryEscape(link))
		require.Equal(t, origin+want, resp.Header.Get("Location"), link)
	}
	// What Koi redirects to is told when it lies elsewhere.
	resp, _ := r.open(origin + "/p/to?to=" + url.QueryEscape(other.URL+"/x"))
	require.Equal(t, "/.phone/out?url="+url.QueryEscape(other.URL+"/x"), resp.Header.Get("Location"))
	_, page := r.open(origin + resp.Header.Get("Location"))
	require.Contains(t, page, "这个链接通向别处")
	_, page = r.open(origin + "/.phone/out?url=" + url.QueryEscape("<script>alert(1)</script>"))
	require.NotContains(t, page, "<script")
	resp, _ = r.open(origin + "/p/to?to=" + url.QueryEscape(koi.URL+"/p/page?x=1"))
	require.Equal(t, "/p/page?x=1", resp.Header.Get("Location"))

	// A request that names another server in its line or its Host reaches Koi or nothing.
	for _, line := range []string{"GET " + other.URL + "/p/x HTTP/1.1\r\nHost: " + strings.TrimPrefix(other.URL, "http://"),
		"CONNECT " + strings.TrimPrefix(other.URL, "http://") + " HTTP/1.1\r\nHost: " + host, "GET /p/echo HTTP/1.1\r\nHost: rebound.example"} {
		c, err := net.Dial("tcp", host)
		require.NoError(t, err)
		_, err = io.WriteString(c, line+"\r\nConnection: close\r\n\r\n")
		require.NoError(t, err)
		answer, err := io.ReadAll(c)
		require.NoError(t, err)
		require.NoError(t, c.Close())
		require.Regexp(t, `^HTTP/1\.1 4\d\d `, string(answer), line)
	}
	req, err := http.NewRequestWithContext(r.context(), http.MethodPost, origin+"/p/echo", nil)
	require.NoError(t, err)
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	req.Header.Set("Sec-Fetch-Mode", "no-cors")
	resp, _ = r.fetch(req)
	require.Equal(t, http.StatusForbidden, resp.StatusCode)
	// Commands are not there, also where they have the same address as Koi.
	for _, command := range []string{"/sim/act", "//sim/act", "/p/../sim/act", "/p/%2e%2e/sim/act", "/./sim", "/demo/reset", "/demo"} {
		resp, _ = r.open(origin + command)
		require.Equal(t, http.StatusNotFound, resp.StatusCode, command)
	}

	for _, address := range []string{"http://10.0.0.1:8080", "https://koi.example.com", "http://127.0.0.1.evil.example", ""} {
		r.PointAt(address)
		resp, page := r.open(origin + "/p/echo")
		require.Equal(t, http.StatusBadGateway, resp.StatusCode, address)
		require.Contains(t, page, "没有连着本机的 Koi")
	}
	r.PointAt("http://127.0.0.1:1")
	resp, page = r.open(origin + "/p/echo")
	require.Equal(t, http.StatusBadGateway, resp.StatusCode)
	require.Contains(t, page, "Koi 没有回应")
	require.NotEmpty(t, resp.Header.Get("Refresh"), "it comes back by itself")
	_, err = dialHere(t.Context(), "tcp", "93.184.216.34:80")
	require.ErrorContains(t, err, "not on this machine")
}

func TestWebview_passes_the_authorize_page_as_whose_phone_it_is(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	koi := newSite(t, r)
	resp, _ := r.open(r.webview("zhangsan") + "/connect/oauth2/authorize?appid=" + testCorp + "&agentid=1000002&response_type=code&scope=snsapi_base&state=s1&redirect_uri=" +
		url.QueryEscape(koi.URL+"/staff/back"))
	require.Equal(t, http.StatusFound, resp.StatusCode)
	require.Regexp(t, `^/staff/back\?code=visit\w+&state=s1$`, resp.Header.Get("Location"))
	code := strings.TrimPrefix(strings.SplitN(resp.Header.Get("Location"), "&", 2)[0], "/staff/back?code=")
	require.Equal(t, "zhangsan", r.as("agent", "/cgi-bin/auth/getuserinfo?code="+code, nil)["userid"])
}

func TestWebview_closes_the_one_unused_longest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	newSite(t, r)
	first := r.webview("oChen")
	for i := range maxBrowsers {
		r.play(Act{Who: fmt.Sprintf("oMany%d", i), App: testApp, Do: "refuse"})
		_, err := r.browsers.of(fmt.Sprintf("p-oMany%d", i), "", "")
		require.NoError(t, err)
	}
	require.Len(t, r.browsers.open, maxBrowsers)
	require.NotEqual(t, first, r.webview("oChen"))
	r.Close()
	_, err := r.browsers.of("p-oChen", "", "")
	require.Error(t, err)
}
