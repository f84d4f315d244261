package h5

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/content"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/app/share"
)

// lobby is a site with two pages in front of a real log.
type lobby struct {
	*hall
	site *Site
}

func newLobby(t *testing.T) *lobby {
	t.Helper()
	s := dbtest.SQLite(t)
	h := newHall(t, s, Limits{})
	site := NewSite(SiteConfig{Log: h.log, Clock: h.clock, Keys: h.keys, Links: content.NewDirectory(s.Koi), PublicURL: "https://koi.example.com", Metrics: prometheus.NewRegistry()})
	site.Register(h.engine)
	page := func(key, status string) setting.Item {
		return setting.Item{Kind: content.KindPage, Key: key, Body: json.RawMessage(`{"name":"页","status":"` + status + `","title":"标题","blocks":[` + blockOf("form", "form", drawn["form"]) + `]}`)}
	}
	m, problems := content.Compile([]setting.Item{page("white-paper", "live"), page("soon", "draft")}, fields(t))
	require.Empty(t, problems)
	site.Use(m)
	return &lobby{h, site}
}

func (l *lobby) get(address string, header ...string) *httptest.ResponseRecorder {
	return l.do(httptest.NewRequest(http.MethodGet, address, nil), header...)
}

func (l *lobby) send(form url.Values, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/p/white-paper/submit", strings.NewReader(form.Encode()))
	r.Host = "koi.example.com"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return l.do(r, header...)
}

func attribute(body, name string) string {
	m := regexp.MustCompile(name + `="([^"]*)"`).FindStringSubmatch(body)
	if m == nil {
		return ""
	}
	return m[1]
}

func visitorOf(w *httptest.ResponseRecorder) string {
	for _, c := range w.Result().Cookies() {
		if c.Name == cookieVisitor {
			return c.Value
		}
	}
	return ""
}

const reader = "v_0123456789abcdef"

func (l *lobby) own(visitor string) string {
	return share.Token(l.keys, "white-paper", share.Visitor(visitor))
}

// filledIn is a good form on a reader's page.
func (l *lobby) filledIn(t *testing.T) url.Values {
	t.Helper()
	w := l.get("/p/white-paper?_s="+l.own(reader), "Cookie", cookieVisitor+"="+reader)
	require.Equal(t, http.StatusOK, w.Code)
	ticket := regexp.MustCompile(`name="_n" value="([^"]*)"`).FindStringSubmatch(w.Body.String())[1]
	return url.Values{"_f": {"form"}, "_n": {ticket}, "_v": {reader}, "f_name": {"周敏"}, "f_phone": {"13800000000"}, "c_privacy": {"1"}}
}

func TestSite_gives_every_viewer_an_address_of_their_own(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	parent := share.Token(l.keys, "white-paper", share.Staff("ww1/chenjing"))
	w := l.get("/p/white-paper?utm_source=a&_s=" + parent)
	require.Equal(t, http.StatusFound, w.Code)
	visitor := visitorOf(w)
	require.True(t, isVisitor(visitor))
	require.Equal(t, "/p/white-paper?_s="+l.own(visitor)+"&utm_source=a", w.Header().Get("Location"))
	require.Contains(t, w.Header().Values("Set-Cookie")[0], "HttpOnly")
	require.Contains(t, strings.Join(w.Header().Values("Set-Cookie"), "\n"), "Secure")
	require.Contains(t, strings.Join(w.Header().Values("Set-Cookie"), "\n"), cookieFrom+"="+parent)

	w = l.get(w.Header().Get("Location"), "Cookie", cookieVisitor+"="+visitor+"; "+cookieFrom+"="+parent)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, parent, attribute(w.Body.String(), "data-share"))
	require.Equal(t, l.own(visitor), attribute(w.Body.String(), "data-token"))
	require.Equal(t, visitor, attribute(w.Body.String(), "data-visitor"))
	policy := w.Header().Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none'")
	require.Contains(t, policy, "script-src 'self';")
	require.NotContains(t, policy, "unsafe")
	require.Empty(t, l.stored(), "opening a page writes nothing")
}

func TestSite_sends_a_browser_without_cookies_round_once(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	parent := share.Token(l.keys, "white-paper", share.Staff("ww1/chenjing"))
	first := l.get("/p/white-paper?_s=" + parent)
	to := first.Header().Get("Location")
	second := l.get(to)
	require.Equal(t, http.StatusOK, second.Code, "no circle")
	require.Equal(t, parent, attribute(second.Body.String(), "data-share"), "who brought them is known still")
	require.Equal(t, visitorOf(first), attribute(second.Body.String(), "data-visitor"))
	require.Equal(t, http.StatusFound, l.get(to).Code, "the next one with that address got it from somebody")
	again := l.get("/p/white-paper").Header().Get("Location")
	l.clock.Advance(time.Minute)
	require.Equal(t, http.StatusFound, l.get(again).Code, "and whoever comes late")
}

func TestSite_gives_programs_the_page_as_it_is(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	for _, header := range [][]string{{"User-Agent", "Mozilla/5.0 (compatible; Baiduspider/2.0)"}, {"Sec-Purpose", "prefetch"}} {
		w := l.get("/p/white-paper", header...)
		require.Equal(t, http.StatusOK, w.Code)
		require.Empty(t, w.Header().Values("Set-Cookie"))
		require.Empty(t, attribute(w.Body.String(), "data-visitor"))
	}
	for _, gone := range []string{"/p/soon", "/p/none", "/s/abcdefghijkl", "/s/x"} {
		require.Equal(t, http.StatusNotFound, l.get(gone).Code, gone)
	}
	w := l.get("/p/white-paper?_s="+l.own(reader), "Cookie", cookieVisitor+"="+reader, "Accept-Encoding", "gzip")
	require.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
}

func TestSite_keeps_a_form_before_it_says_so_and_once(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	form := l.filledIn(t)
	form.Set("c_marketing_sms", "1")
	form.Set("f_industry", "软件")
	for range 2 {
		w := l.send(form, "Cookie", cookieVisitor+"="+reader, "Origin", "https://koi.example.com")
		require.Equal(t, http.StatusSeeOther, w.Code, w.Body.String())
		require.Contains(t, w.Header().Get("Location"), "#form")
	}
	list, bad, err := l.log.Read(t.Context(), event.Priority, 0, 100)
	require.NoError(t, err)
	require.Empty(t, bad)
	var types []string
	for _, e := range list {
		types = append(types, e.Type)
		require.Equal(t, reader, e.Identities[0].Value)
		require.Equal(t, "13800000000", e.Identities[1].Value)
		require.False(t, e.Identities[1].Verified, "somebody typed it")
		raw, err := json.Marshal(e.Props)
		require.NoError(t, err)
		require.NotContains(t, string(raw), "13800000000")
		if e.Type == event.FormSubmitted {
			require.NotContains(t, string(raw), "周敏")
			require.Equal(t, "name,phone,industry", e.Props.Str("fields"))
		}
	}
	require.Equal(t, []string{event.CommandContactChange, event.ConsentGranted, event.ConsentGranted, event.FormSubmitted, event.TrialRequested}, types)
}

func TestSite_returns_a_form_with_every_mistake_and_what_was_typed(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	cookie := []string{"Cookie", cookieVisitor + "=" + reader}
	change := func(more ...string) url.Values {
		f := l.filledIn(t)
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return f
	}
	for what, test := range map[string]struct {
		form   url.Values
		status int
		says   string
		header []string
	}{
		"a phone number that is none":    {change("f_phone", "12345"), 422, "请填写 11 位手机号", nil},
		"an address that is none":        {change("f_email", "a@b"), 422, "邮箱格式不对", nil},
		"a number that is none":          {change("f_company_size", "很多"), 422, "请填整数", nil},
		"a choice there is not":          {change("f_gender", "x"), 422, "的选项里选一个", nil},
		"a text there is not to choose":  {change("f_industry", "x"), 422, "的选项里选一个", nil},
		"a date that is none":            {change("f_contract_end", "明年"), 422, "应为日期", nil},
		"nothing":                        {change("f_name", "  "), 422, "请填写姓名", nil},
		"too much":                       {change("f_name", strings.Repeat("长", 201)), 422, "最多 200 个字", nil},
		"control characters":             {change("f_name", "a\x07b"), 422, "看不见的字符", nil},
		"no agreement":                   {change("c_privacy", ""), 422, "请先阅读并勾选同意", nil},
		"a page open for too long":       {change("_n", "0.x.y"), 422, "页面打开太久了", nil},
		"another visitor's ticket":       {change("_n", l.site.ticket("white-paper", "v_somebodyelse")), 422, "页面打开太久了", nil},
		"another page's ticket":          {change("_n", l.site.ticket("price", reader)), 422, "页面打开太久了", nil},
		"a form on another site":         {change(), 403, "不是从本页面发出的", []string{"Origin", "https://evil.example.com"}},
		"a form of a page in a sandbox":  {change(), 403, "不是从本页面发出的", []string{"Origin", "null"}},
		"a form that a browser calls so": {change(), 403, "不是从本页面发出的", []string{"Sec-Fetch-Site", "cross-site"}},
	} {
		w := l.send(test.form, append(append([]string{}, cookie...), test.header...)...)
		require.Equal(t, test.status, w.Code, what)
		require.Contains(t, w.Body.String(), test.says, what)
		if strings.TrimSpace(test.form.Get("f_name")) == "周敏" {
			require.Contains(t, w.Body.String(), `value="周敏"`, what)
		}
	}
	require.Equal(t, http.StatusBadRequest, l.send(change("_f", "none"), cookie...).Code)
	list, _, err := l.log.Read(t.Context(), event.Priority, 0, 100)
	require.NoError(t, err)
	require.Empty(t, list)

	old := l.filledIn(t)
	l.clock.Advance(ticketFor + time.Minute)
	require.Equal(t, http.StatusUnprocessableEntity, l.send(old, cookie...).Code)
}

func TestSite_takes_a_form_of_a_browser_without_cookies(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	w := l.send(l.filledIn(t))
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Body.String(), `role="status"`, "thanked at once: the next request would be a stranger's")
	forged := l.filledIn(t)
	forged.Set("_v", "v_somebodyelse")
	require.Equal(t, http.StatusUnprocessableEntity, l.send(forged).Code)
}

func TestSite_lets_nobody_flood_its_forms(t *testing.T) {
	t.Parallel()
	l := newLobby(t)
	limited := 0
	for range senderLimit.Burst + 3 {
		w := l.send(l.filledIn(t), "Cookie", cookieVisitor+"="+reader)
		if w.Code == http.StatusTooManyRequests {
			limited++
			require.Contains(t, w.Body.String(), `value="周敏"`)
		}
	}
	require.Equal(t, 3, limited)
}
