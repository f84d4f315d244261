package simulator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sim makes a call to /sim/… and decodes the answer.
func (r *rig) sim(method, path, body string, into any) *http.Response {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.context(), method, r.http.URL+path, strings.NewReader(body))
	require.NoError(r.t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	if into != nil {
		require.NoError(r.t, json.Unmarshal(text, into), "%s", text)
	}
	return resp
}

func TestControl_acts_misbehaves_and_lists_over_HTTP_as_the_contract_says(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	newDoor(t, r)
	var played Played
	resp := r.sim("POST", "/sim/act", `{"who":"oA1","app":"`+testApp+`","do":"follow","with":""}`, &played)
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, "oA1", played.OpenID)
	require.Equal(t, Acknowledged, played.Callbacks[0].Status)

	var complaint map[string]string
	require.Equal(t, 409, r.sim("POST", "/sim/act", `{"who":"oA1","app":"`+testApp+`","do":"follow"}`, &complaint).StatusCode)
	require.Contains(t, complaint["error"], "已经关注")
	require.Equal(t, 400, r.sim("POST", "/sim/act", `{"whom":"oA1"}`, &complaint).StatusCode)
	require.Equal(t, 404, r.sim("POST", "/sim/act", `{"who":"oA1","app":"wx","do":"say"}`, &complaint).StatusCode)

	var waiting []Misbehaviour
	r.sim("POST", "/sim/misbehave", `{"path":"/cgi-bin/message/send","code":45009,"times":3,"latency_ms":0,"drop":false}`, &waiting)
	require.Equal(t, []Misbehaviour{{Path: sendPath, Code: 45009, Times: 3}}, waiting)
	require.Equal(t, 45009, code(r.as("agent", sendPath, appText("zhangsan", "hi"))))
	r.sim("GET", "/sim/misbehave", "", &waiting)
	require.Equal(t, 2, waiting[0].Times)
	r.sim("DELETE", "/sim/misbehave", "", &waiting)
	require.Empty(t, waiting)
	require.Equal(t, 400, r.sim("POST", "/sim/misbehave", `{}`, &complaint).StatusCode)

	for range 2 {
		r.as("agent", sendPath, appText("zhangsan", "hi"))
	}
	var calls []Call
	resp = r.sim("GET", "/sim/calls?path="+sendPath+"&since=1", "", &calls)
	require.Len(t, calls, 3)
	require.Equal(t, "3", resp.Header.Get("X-Total-Count"))
	require.JSONEq(t, string(encode(appText("zhangsan", "hi"))), string(calls[0].Body))
	require.Equal(t, 400, r.sim("GET", "/sim/calls?since=soon", "", &complaint).StatusCode)
	var delivered []Delivery
	resp = r.sim("GET", "/sim/deliveries?repeats=1", "", &delivered)
	require.Len(t, delivered, 1)
	require.Equal(t, 2, delivered[0].Count)
	require.Equal(t, "2", resp.Header.Get("X-Total-Count"))
	r.sim("GET", "/sim/deliveries?to=nobody", "", &delivered)
	require.Equal(t, []Delivery{}, delivered)
	var callbacks []Callback
	r.sim("GET", "/sim/callbacks?limit=10", "", &callbacks)
	require.Equal(t, "subscribe", callbacks[0].Event)
	var stats Stats
	r.sim("GET", "/sim/stats", "", &stats)
	require.EqualValues(t, 2, stats.Deliveries.Delivered)
	require.EqualValues(t, 1, stats.Callbacks.Acknowledged)
	require.EqualValues(t, 3, stats.Calls.ByPath[sendPath].Calls)

	require.Equal(t, 200, r.sim("POST", "/sim/expire_tokens", `{"account":""}`, nil).StatusCode)
	require.Equal(t, 42001, code(r.as("agent", sendPath, appText("zhangsan", "hi"))))
	require.Equal(t, 200, r.sim("POST", "/sim/verify", `{"account":"`+testApp+`"}`, nil).StatusCode)
	require.Equal(t, 404, r.sim("POST", "/sim/verify", `{"account":"wx"}`, nil).StatusCode)
	var acts []ActInfo
	r.sim("GET", "/sim/acts", "", &acts)
	require.Len(t, acts, len(Acts()))
	var table struct{ Rules []Rule }
	r.sim("GET", "/sim/rules", "", &table)
	require.Len(t, table.Rules, len(rules()))
	require.Equal(t, 404, r.sim("GET", "/sim/nothing", "", nil).StatusCode)
}

func TestControl_refuses_pages_of_other_sites(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	req, err := http.NewRequest(http.MethodPost, r.http.URL+"/sim/act", strings.NewReader("who=oA1&do=follow&app="+testApp))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", "https://evil.example")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusForbidden, resp.StatusCode)
	require.Empty(t, r.Callbacks(0))
}

func TestPage_works_without_JavaScript_and_keeps_the_phones_asked_for(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	form := url.Values{"who": {"oNew"}, "app": {testApp}, "do": {"scan"}, "with": {"demo"}, "phone": {"p-oNew"}}
	resp, err := client.PostForm(r.http.URL+"/sim/act", form)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "/sim/?phone=p-oNew", resp.Header.Get("Location"))
	page := r.html(resp.Header.Get("Location"))
	require.Equal(t, 1, strings.Count(page, `<section class="phone`))
	require.Contains(t, page, "你关注了“锦鲤云”")

	form.Set("do", "follow")
	resp, err = client.PostForm(r.http.URL+"/sim/act", form)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Contains(t, r.html(resp.Header.Get("Location")), "已经关注")
	resp, err = client.Get(r.http.URL + "/")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "/sim/", resp.Header.Get("Location"))
}

func (r *rig) html(path string) string {
	r.t.Helper()
	resp, err := http.Get(r.http.URL + path)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	require.Equal(r.t, 200, resp.StatusCode)
	require.Contains(r.t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'")
	return string(body)
}

func TestPage_shows_every_kind_of_message_on_its_phone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	newDoor(t, r)
	r.play(Act{Who: "oChen", App: testApp, Do: "say", With: "我想看报价"})
	for _, b := range []m{
		kfText("oChen", "您好，<a href=\"https://koi.example/p/price\">点这里看报价</a> 或 https://koi.example/x"),
		{"touser": "oChen", "msgtype": "msgmenu", "msgmenu": m{"head_content": "有帮助吗？", "list": []any{m{"id": "yes", "content": "有帮助"}}, "tail_content": "谢谢"}},
		{"touser": "oChen", "msgtype": "miniprogrampage", "miniprogrampage": m{"title": "预约演示", "appid": "wx1", "pagepath": "pages/demo"}},
		{"touser": "oChen", "msgtype": "image", "image": m{"media_id": "x"}},
		{"touser": "oChen", "msgtype": "news", "news": m{"articles": []any{m{"title": "白皮书", "url": "https://koi.example/w"}}}},
	} {
		require.Zero(t, code(r.as("official", kfPath, b)))
	}
	require.Zero(t, code(r.as("official", templatePath, with(orderNotice, "url", "https://koi.example/o"))))
	for _, b := range []m{
		appText("zhangsan", "热线索：陈晨"),
		changed(textCard, "textcard", "description", "<div class=\"gray\">11月22日</div><div class=\"highlight\">请跟进</div>普通"),
		cardMessage(with(noticeCard, "emphasis_content", m{"title": "92", "desc": "意向分"}, "sub_title_text", "看了两次报价",
			"horizontal_content_list", []any{m{"keyname": "公司", "value": "某某科技"}}, "jump_list", []any{m{"type": 1, "title": "打开客户", "url": "https://koi.example/c"}},
			"source", m{"desc": "Koi"}, "quote_area", m{"quote_text": "我想看报价"})),
		cardMessage(buttonCard),
		{"touser": "zhangsan", "msgtype": "markdown", "agentid": testAgent, "markdown": m{"content": "# 日报\n> 三条线索\n**[打开](https://koi.example/d)**"}},
	} {
		require.Zero(t, code(r.as("agent", sendPath, b)))
	}
	page := r.html("/sim/?phone=p-oChen&phone=s-" + testCorp + "-zhangsan")
	for _, want := range []string{
		"我想看报价", `<a href="https://koi.example/p/price" target="_blank" rel="noopener noreferrer">点这里看报价</a>`,
		`<a href="https://koi.example/x"`, "有帮助吗？", `value="choose">有帮助</button>`, "谢谢", "预约演示", "[image]", "白皮书",
		"预约成功通知", "<dt>项目</dt><dd>产品演示</dd>", "热线索：陈晨", `<p class="gray">11月22日</p>`, `<p class="highlight">请跟进</p>`, "普通",
		"92", "意向分", "<dt>公司</dt><dd>某某科技</dd>", "打开客户", "看了两次报价", `value="tap_card">认领</button>`, `<p class="head">日报</p>`,
		`<p class="quote">三条线索</p>`, `<a href="https://koi.example/d"`, "客户：陈晨",
	} {
		require.Contains(t, page, want)
	}
	r.play(Act{Who: "oChen", App: testApp, Do: "choose", With: "yes"})
	require.Contains(t, r.html("/sim/?phone=p-oChen"), `<div class="bubble"><p>有帮助</p></div>`)
}

// What people and Koi write is text on the page, whatever it looks like.
func TestPage_escapes_everything_people_and_messages_bring(t *testing.T) {
	t.Parallel()
	corpus := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `<a href="javascript:alert(1)">x</a>`,
		`<a href="https://ok.example/" onclick="alert(1)">x</a>`, `<a href='data:text/html,<script>alert(1)</script>'>x</a>`,
		`[x](javascript:alert(1))`, `<div class="gray"><svg onload=alert(1)></div>`, "https://x.example/\"onmouseover=alert(1)//", `{{.}}`, "</textarea></style>",
	}
	evil := strings.Join(corpus, "\n")
	r := newRig(t, func(c *Config) {
		c.Officials[0].Name, c.Corps[0].Name, c.Corps[0].Staff[1].Name = evil, evil, evil
		c.Officials[0].Menu = []Button{{Name: evil, URL: "javascript:alert(1)"}, {Name: evil, Key: evil}}
		c.People[0].Name = evil
		c.Officials[0].Templates = nil
	})
	r.play(Act{Who: "oChen", App: testApp, Do: "say", With: evil})
	r.play(Act{Who: "zhangsan", App: testCorp, Do: "staff_say", With: evil})
	r.as("official", kfPath, kfText("oChen", evil))
	r.as("official", kfPath, m{"touser": "oChen", "msgtype": "msgmenu", "msgmenu": m{"head_content": evil, "list": []any{m{"id": evil, "content": evil}}, "tail_content": evil}})
	r.as("official", templatePath, m{"touser": "oChen", "template_id": evil, "url": "javascript:alert(1)", "data": m{"first": m{"value": `<script>alert(1)</script>`}, "thing1": m{"value": `<svg onload=1>`}}})
	r.as("agent", sendPath, appText("zhangsan", evil))
	r.as("agent", sendPath, changed(changed(textCard, "textcard", "title", evil), "textcard", "description", evil))
	r.as("agent", sendPath, m{"touser": "zhangsan", "msgtype": "markdown", "agentid": testAgent, "markdown": m{"content": evil}})
	r.as("agent", sendPath, cardMessage(with(buttonCard, "main_title", m{"title": evil, "desc": evil}, "button_list", []any{m{"text": evil, "key": evil}},
		"jump_list", []any{m{"title": evil, "url": "javascript:alert(1)"}}, "card_action", m{"type": 1, "url": "javascript:alert(1)"})))
	page := r.html("/sim/?q=" + url.QueryEscape(evil) + "&error=" + url.QueryEscape(evil))
	page += r.html("/sim/?phone=p-oChen&phone=s-" + testCorp + "-zhangsan&phone=" + url.QueryEscape(evil))
	require.Positive(t, strings.Count(page, "alert(1)"), "the texts are there")
	allowed := strings.Count(page, `<script src="/sim/web/sim.js" defer></script>`)
	require.Equal(t, allowed, strings.Count(page, "<script"))
	for _, bad := range []string{"<img", "<svg", "<textarea", "</style>"} {
		require.NotContains(t, page, bad)
	}
	for _, tag := range htmlTags(page) {
		require.NotContains(t, strings.ToLower(tag), "href=\"javascript:")
		require.NotContains(t, strings.ToLower(tag), "href=\"data:text")
		require.NotRegexp(t, `(?i)\son\w+\s*=`, withoutValues(tag))
	}
}

// htmlTags are the tags of a page, quotes respected.
func htmlTags(page string) []string {
	var out []string
	for {
		i := strings.IndexByte(page, '<')
		if i < 0 {
			return out
		}
		page = page[i:]
		j, quote := 1, byte(0)
		for ; j < len(page); j++ {
			c := page[j]
			if quote != 0 {
				if c == quote {
					quote = 0
				}
				continue
			}
			if c == '"' || c == '\'' {
				quote = c
			} else if c == '>' {
				break
			}
		}
		out = append(out, page[:j])
		page = page[j:]
	}
}

func withoutValues(tag string) string {
	var b bytes.Buffer
	in := false
	for _, c := range tag {
		if c == '"' {
			in = !in
		}
		if !in {
			b.WriteRune(c)
		}
	}
	return b.String()
}

func TestPage_finds_people_and_shows_those_where_something_happened(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.play(Act{Who: "oBusy", App: testApp, Do: "say", With: "我在"})
	page := r.html("/sim/?q=" + url.QueryEscape("陈晨"))
	require.Contains(t, page, "陈晨</a>")
	require.NotContains(t, page, "路人</a>")
	require.Contains(t, page, `id="p-oBusy"`)
	require.Contains(t, page, `id="s-`+testCorp+`-LiNa"`)
}

func TestPage_hears_that_a_phone_changed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	req, err := http.NewRequestWithContext(r.context(), http.MethodGet, r.http.URL+"/sim/live", nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	lines := bufio.NewScanner(resp.Body)
	until := func(want string) {
		for lines.Scan() {
			if lines.Text() == want {
				return
			}
		}
		t.Fatalf("the stream ended without %q: %v", want, lines.Err())
	}
	until("data: hello")
	r.play(Act{Who: "oChen", App: testApp, Do: "say", With: "hi"})
	until("data: changed")
}

func TestPhones_where_nothing_happened_longest_go_blank(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.play(Act{Who: "oChen", App: testApp, Do: "say", With: "hi"})
	r.mu.Lock()
	defer r.mu.Unlock()
	for range maxChats {
		r.touch(&chat{})
	}
	require.Equal(t, maxChats, r.recent.Len())
	require.Empty(t, r.people["oChen"].chat.lines.values)
	r.note(&r.people["oChen"].chat, "", 1, "back again")
	require.Len(t, r.people["oChen"].chat.lines.values, 1)
}
