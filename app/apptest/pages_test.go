package apptest

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/channels/simulator"
)

const landing = `
staff:
  - {key: wwtest00000000001/chenjing, name: 陈静}
pages:
  - key: white-paper
    name: 白皮书
    status: live
    title: 增长白皮书
    kind: price
    blocks:
      - {id: top, type: hero, props: {title: 增长白皮书}}
      - id: form
        type: form
        props:
          key: demo
          title: 预约演示
          event: trial.requested
          fields:
            - {field: name, required: true}
            - {field: phone, required: true}
            - {field: company}
            - {field: company_size}
          privacy: {url: "https://example.com/privacy", version: "2026-01"}
          consents: [marketing_sms, third_party]
          done: {message: 收到啦}
`

// phone is somebody's browser inside WeChat.
type phone struct {
	k       *Koi
	http    *http.Client
	agent   string
	address string // where it ended
	body    string
	n       int
}

func (k *Koi) phone() *phone {
	jar, err := cookiejar.New(nil)
	require.NoError(k.t, err)
	return &phone{k: k, http: &http.Client{Jar: jar}, agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.49"}
}

// of says whose phone it is, which only the platform is told.
func (p *phone) of(who string) *phone {
	u, err := url.Parse(p.k.Sim.URL())
	require.NoError(p.k.t, err)
	u.Path = "/connect/"
	p.http.Jar.SetCookies(u, []*http.Cookie{{Name: "sim_who", Value: who, Path: "/connect/"}})
	return p
}

func (p *phone) do(method, address string, form url.Values) int {
	t := p.k.t
	t.Helper()
	if strings.HasPrefix(address, "/") {
		address = p.k.URL + address
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("User-Agent", p.agent)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", p.k.URL)
	}
	res, err := p.http.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	p.body, p.address = string(raw), res.Request.URL.String()
	return res.StatusCode
}

// data reads what the page tells the tracker.
func (p *phone) data(name string) string {
	m := regexp.MustCompile(`<script src="/t.js"[^>]* data-` + name + `="([^"]*)"`).FindStringSubmatch(p.body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

func (p *phone) input(name string) string {
	m := regexp.MustCompile(`<input type="hidden" name="` + name + `" value="([^"]*)"`).FindStringSubmatch(p.body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// tell sends what the tracker would, and waits until it is judged.
func (p *phone) tell(typ string, props map[string]any) {
	t := p.k.t
	t.Helper()
	p.n++
	now := time.Now().UnixMilli()
	raw, err := json.Marshal([]any{map[string]any{"id": fmt.Sprintf("e%d", p.n), "type": typ, "page": p.data("page"), "at": now - 50, "sent_at": now, "visitor": p.data("visitor"),
		"share": p.data("share"), "url": p.address, "props": props}})
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.k.URL+"/t", strings.NewReader(string(raw)))
	require.NoError(t, err)
	req.Header.Set("User-Agent", p.agent)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusNoContent, res.StatusCode)
	p.k.judged()
}

// judged waits until no arrival through a share is due.
func (k *Koi) judged() {
	k.Settle()
	Until(k.t, "arrivals are judged", func() bool {
		var n int
		require.NoError(k.t, k.App.Stores.Koi.QueryRow(k.t.Context(), "SELECT COUNT(*) FROM share_opens WHERE due_at>0 AND due_at<=?", clock.Ms(k.App.Clock.Now())).Scan(&n))
		return n == 0
	})
}

// open opens an address and lets the page tell of it.
func (p *phone) open(address string) {
	p.k.t.Helper()
	require.Equal(p.k.t, http.StatusOK, p.do(http.MethodGet, address, nil))
	require.NotEmpty(p.k.t, p.data("visitor"), p.body)
	p.tell("page.viewed", map[string]any{"kind": p.data("kind")})
}

// An employee's link goes from hand to hand as a copied address; the third who opens it leaves a number.
func TestPages_a_shared_page_makes_a_chain_and_its_form_a_contact(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, store db.Config) {
		k := Start(t, Options{Store: store})
		k.Apply(landing)
		var link struct {
			Token, URL string
			Short      string `json:"short_url"`
		}
		require.Equal(t, http.StatusCreated, k.API(http.MethodPost, "/shares", map[string]any{"page": "white-paper", "staff": "chenjing"}, &link))
		require.Equal(t, http.StatusOK, k.API(http.MethodGet, "/shares/"+link.Token, nil, nil))

		first, second, third := k.phone(), k.phone(), k.phone()
		first.open(link.Short)
		require.Equal(t, link.Token, first.data("share"))
		require.NotEqual(t, link.Token, first.data("token"))
		require.Contains(t, first.address, "_s="+first.data("token"), "the address is the viewer's own, before any script runs")
		second.open(first.address)
		require.Equal(t, first.data("token"), second.data("share"))
		third.open(second.address + "&utm_source=moments")
		require.Equal(t, second.data("token"), third.data("share"))
		require.Contains(t, third.address, "utm_source=moments")
		again := third.address
		third.open(again)
		require.Equal(t, second.data("token"), third.data("share"), "who brought them is remembered")

		type node struct {
			Depth    int
			Counted  bool
			Root     struct{ Name string }
			Children []node
		}
		var tree struct{ Children []node }
		require.Equal(t, http.StatusOK, k.API(http.MethodGet, "/shares/"+link.Token, nil, &tree))
		level := tree.Children
		for depth := 1; depth <= 3; depth++ {
			require.Len(t, level, 1, "level %d", depth)
			require.Equal(t, depth, level[0].Depth)
			require.True(t, level[0].Counted)
			require.Equal(t, "陈静", level[0].Root.Name)
			level = level[0].Children
		}
		require.Empty(t, level)

		// The form, without JavaScript: first wrong, and nothing typed is lost.
		form := url.Values{"_f": {third.input("_f")}, "_n": {third.input("_n")}, "_v": {third.input("_v")}, "f_name": {"周敏"}, "f_phone": {"12345"}, "f_company": {"云帆软件"}, "f_company_size": {"300"},
			"c_marketing_sms": {"1"}}
		require.Equal(t, http.StatusUnprocessableEntity, third.do(http.MethodPost, "/p/white-paper/submit?utm_source=moments", form))
		require.Contains(t, third.body, "请填写 11 位手机号")
		require.Contains(t, third.body, "请先阅读并勾选同意")
		require.Contains(t, third.body, `value="云帆软件"`)
		require.Contains(t, third.body, `name="c_marketing_sms" value="1" checked`)
		form.Set("f_phone", "+86 138 0000-0000")
		form.Set("c_privacy", "1")
		form.Set("_n", third.input("_n"))
		for range 2 { // pressed twice
			require.Equal(t, http.StatusOK, third.do(http.MethodPost, "/p/white-paper/submit?utm_source=moments", form))
			require.Contains(t, third.body, "收到啦")
			require.Contains(t, third.address, "_s="+third.data("token"))
		}
		require.NotContains(t, first.ask(third.address), "收到啦", "somebody else sees the form")
		k.judged()

		var found struct {
			Items []struct {
				ID string `json:"contact_id"`
			}
		}
		require.Equal(t, http.StatusOK, k.API(http.MethodGet, "/identities?kind=phone&value=13800000000", nil, &found))
		require.Len(t, found.Items, 1)
		id := found.Items[0].ID
		var who json.RawMessage
		require.Equal(t, http.StatusOK, k.API(http.MethodGet, "/contacts/"+id, nil, &who))
		for _, shown := range []string{"138****0000", "云帆软件", "周敏"} {
			require.Contains(t, string(who), shown)
		}
		require.NotContains(t, string(who), "13800000000")

		var consents struct {
			History []struct {
				Purpose, Version, Source, IP string
				Granted                      bool
			}
		}
		require.Equal(t, http.StatusOK, k.API(http.MethodGet, "/contacts/"+id+"/consents", nil, &consents))
		var said []string
		for _, h := range consents.History {
			said = append(said, fmt.Sprint(h.Purpose, " ", h.Granted, " ", h.Version, " ", h.Source, " ", h.IP))
		}
		require.ElementsMatch(t, []string{"privacy true 2026-01 form:demo 127.0.0.1", "marketing_sms true 2026-01 form:demo 127.0.0.1"}, said, "third_party was not ticked")

		var timeline struct{ Items []struct{ Type string } }
		require.Equal(t, http.StatusOK, k.API(http.MethodGet, "/contacts/"+id+"/timeline?limit=200", nil, &timeline))
		count := map[string]int{}
		for _, e := range timeline.Items {
			count[e.Type]++
		}
		require.Equal(t, 1, count["form.submitted"], "%v", count)
		require.Equal(t, 1, count["trial.requested"])
		require.Equal(t, 2, count["consent.granted"])
		require.Equal(t, 2, count["page.viewed"])
		require.Equal(t, 1, count["contact.attribute_changed"])

		var page struct{ Views, Visitors, Submits int }
		require.Equal(t, http.StatusOK, k.API(http.MethodGet, "/pages/white-paper", nil, &page))
		require.Equal(t, 4, page.Views)
		require.Equal(t, 3, page.Visitors)
		require.Equal(t, 1, page.Submits)
	})
}

// ask opens an address and returns what it shows.
func (p *phone) ask(address string) string {
	p.k.t.Helper()
	p.do(http.MethodGet, address, nil)
	return p.body
}

// Inside WeChat a follower is recognised silently, and what they read stands with what they wrote.
func TestPages_recognise_followers_in_WeChat_and_sign_for_its_cards(t *testing.T) {
	t.Parallel()
	k := Start(t, Options{})
	k.Apply(strings.Replace(landing, "    kind: price\n", "    kind: price\n    wechat_login: true\n", 1))
	k.Act(simulator.Act{Who: "oReader", App: AppID, Do: "follow"})

	p := k.phone().of("oReader")
	p.open("/p/white-paper")
	require.Contains(t, p.address, k.URL+"/p/white-paper?")
	require.NotContains(t, p.address, "code=")
	require.NotContains(t, p.address, "state=")
	var found struct {
		Items []struct {
			ID string `json:"contact_id"`
		}
	}
	require.Equal(t, http.StatusOK, k.API(http.MethodGet, "/identities?kind=openid&scope="+AppID+"&value=oReader", nil, &found))
	require.Len(t, found.Items, 1)
	var timeline struct{ Items []struct{ Type string } }
	require.Equal(t, http.StatusOK, k.API(http.MethodGet, "/contacts/"+found.Items[0].ID+"/timeline?limit=200", nil, &timeline))
	var types []string
	for _, e := range timeline.Items {
		types = append(types, e.Type)
	}
	require.Contains(t, types, "oa.followed")
	require.Contains(t, types, "page.recognized")
	require.Contains(t, types, "page.viewed")
	asked := func() int { return len(k.Sim.Calls(simulator.CallFilter{Path: "/sns/oauth2/access_token"})) }
	require.Equal(t, 1, asked())
	p.open("/p/white-paper")
	require.Equal(t, 1, asked(), "once is enough")

	// A 快照页 reader is nobody in particular.
	q := k.phone().of("oGhost")
	q.open("/p/white-paper?snapshot=1")
	require.Equal(t, http.StatusOK, k.API(http.MethodGet, "/identities?kind=openid&scope="+AppID+"&value=oGhost", nil, &found))
	require.Empty(t, found.Items)

	// Somebody else's code is not taken.
	s := k.phone().of("oStranger")
	s.open("/p/white-paper?code=abc&state=made-up")
	require.NotContains(t, s.address, "code=")

	var sig struct {
		AppID     string `json:"appId"`
		Timestamp int64
		Nonce     string `json:"nonceStr"`
		Signature string
	}
	require.NoError(t, json.Unmarshal([]byte(p.ask("/p/jssdk?url="+url.QueryEscape(p.address))), &sig))
	require.Equal(t, AppID, sig.AppID)
	require.Len(t, sig.Signature, 40)
	require.Equal(t, http.StatusBadRequest, p.do(http.MethodGet, "/p/jssdk?url="+url.QueryEscape("https://evil.example.com/"), nil))
}
