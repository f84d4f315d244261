package simulator

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func (r *rig) screen(query string) screen {
	r.t.Helper()
	var v screen
	require.Equal(r.t, 200, r.sim("GET", "/sim/screen?"+query, "", &v).StatusCode)
	return v
}

func (v screen) thread(t *testing.T, id string) thread {
	t.Helper()
	for _, x := range v.Threads {
		if x.ID == id {
			return x
		}
	}
	t.Fatalf("no conversation %s in %v", id, v.Threads)
	return thread{}
}

func TestScreen_puts_every_line_into_its_conversation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	newDoor(t, r)
	r.play(Act{Who: "oChen", App: testApp, Do: "say", With: "报价"})
	require.Zero(t, code(r.as("official", kfPath, kfText("oChen", "您好"))))
	r.play(Act{Who: "mChen", App: testMini, Do: "mini_subscribe", With: "sub-start"})
	require.Zero(t, code(r.as("mini", subscribePath, startMini)))
	welcome := r.play(Act{Who: "wmChen", App: testCorp, Do: "add_staff", With: "LiNa"}).WelcomeCode
	require.Zero(t, code(r.as("agent", "/cgi-bin/externalcontact/send_welcome_msg", m{"welcome_code": welcome, "text": m{"content": "欢迎"},
		"attachments": []any{m{"msgtype": "link", "link": m{"title": "白皮书", "desc": "三分钟", "url": "https://koi.example/p/w"}},
			m{"msgtype": "miniprogram", "miniprogram": m{"title": "预约", "pic_media_id": "media-1", "appid": testMini, "page": "pages/index"}}}})))
	require.Zero(t, code(r.as("agent", sendPath, appText("zhangsan", "热线索"))))
	require.NoError(t, r.Forward(Forward{From: "zhangsan", To: "陈晨", URL: "https://koi.example/p/w", Title: "白皮书"}))

	v := r.screen("who=" + url.QueryEscape("陈晨"))
	require.Equal(t, "p-oChen", v.ID)
	require.Equal(t, "13800000001", v.Number)
	oa := v.thread(t, testApp)
	require.Equal(t, "official", oa.Kind)
	require.Equal(t, []string{"mine", "theirs"}, []string{oa.Lines[0].Side, oa.Lines[1].Side})
	require.Greater(t, oa.Lines[1].ID, oa.Lines[0].ID)
	require.Equal(t, "subscribe", v.thread(t, testMini).Lines[1].Kind)
	require.Equal(t, testMini, v.thread(t, testMini).Lines[1].Card.Mini)
	lina := v.thread(t, "s-"+testCorp+"-LiNa")
	require.Equal(t, "member", lina.Kind)
	hello := lina.Lines[1]
	require.Equal(t, "欢迎", hello.Body[0].Parts[0].Text)
	require.Equal(t, "https://koi.example/p/w", hello.More[0].URL)
	require.Equal(t, testMini, hello.More[1].Mini)
	card := v.thread(t, "s-"+testCorp+"-zhangsan").Lines[0]
	require.Equal(t, "share", card.Kind)
	require.Equal(t, "https://koi.example/p/w", card.Card.URL)

	w := r.screen("user=zhangsan")
	require.Equal(t, "staff", w.Kind)
	require.Equal(t, "app", w.thread(t, testCorp+"/1000002").Kind)
	require.Equal(t, "mine", w.thread(t, "p-oChen").Lines[0].Side)
	require.Equal(t, "陈晨", w.Customers[0].Name)

	unchanged := r.sim("GET", "/sim/screen?user=zhangsan&rev="+strconv.FormatInt(w.Rev, 10), "", nil)
	require.Equal(t, 204, unchanged.StatusCode)
	require.Equal(t, strconv.FormatInt(at.UnixMilli(), 10), unchanged.Header.Get("X-Sim-Now"))
	require.Equal(t, 404, r.sim("GET", "/sim/screen?who=nobody", "", nil).StatusCode)
	require.Equal(t, 404, r.sim("GET", "/sim/screen?user=oChen", "", nil).StatusCode)
	require.Equal(t, 400, r.sim("GET", "/sim/screen?who=oChen&rev=x", "", nil).StatusCode)
}

func TestScreen_offers_sub_menus_and_the_name_of_what_was_tapped(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) {
		c.Officials[0].Menu = []Button{{Name: "产品", Sub: []Button{{Name: "报价单", Key: "sheet"}, {Name: "坏链接", URL: "javascript:alert(1)"}}}}
	})
	newDoor(t, r)
	r.play(Act{Who: "oChen", App: testApp, Do: "menu", With: "sheet"})
	v := r.screen("who=oChen")
	require.Equal(t, "报价单", v.Officials[0].Menu[0].Sub[0].Name)
	require.Empty(t, v.Officials[0].Menu[0].Sub[1].URL)
	require.Contains(t, v.thread(t, testApp).Lines[0].Text, "报价单")
}

func TestForward_reaches_the_other_phone_with_the_address_Koi_knows(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	koi := newSite(t, r)
	origin := r.webview("oChen")
	var complaint map[string]string
	post := func(body m) int { return r.sim("POST", "/sim/forward", string(encode(body)), &complaint).StatusCode }
	require.Equal(t, 200, post(m{"from": "oChen", "to": "路人", "url": origin + "/p/page?_s=s_own", "title": "白皮书", "description": "三分钟看懂", "image": origin + "/i.png"}))
	got := r.screen("who=oPasser").thread(t, "p-oChen")
	require.Equal(t, "friend", got.Kind)
	require.Equal(t, "陈晨", got.Name)
	require.Equal(t, koi.URL+"/p/page?_s=s_own", got.Lines[0].Card.URL)
	require.Equal(t, "白皮书", got.Lines[0].Card.Title)
	require.Equal(t, "mine", r.screen("who=oChen").thread(t, "p-oPasser").Lines[0].Side)

	require.Equal(t, 404, post(m{"from": "oChen", "to": "nobody", "url": koi.URL}))
	require.Equal(t, 404, post(m{"from": "nobody", "to": "oChen", "url": koi.URL}))
	require.Equal(t, 400, post(m{"from": "oChen", "to": "oChen", "url": koi.URL}))
	require.Contains(t, complaint["error"], "自己")
	for _, bad := range []string{"", "javascript:alert(1)", "/p/x", "data:text/html,x", "http://"} {
		require.Equal(t, 400, post(m{"from": "oChen", "to": "oPasser", "url": bad}), bad)
	}
	require.Equal(t, 400, r.sim("POST", "/sim/forward", `{"whom":"x"}`, &complaint).StatusCode)
	require.Zero(t, r.DeliveryTotals().Delivered, "people's own words are no deliveries")
}

func TestPeople_are_found_those_where_something_happened_first(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	newDoor(t, r)
	r.play(Act{Who: "oPasser", App: testApp, Do: "follow"})
	var list []map[string]any
	r.sim("GET", "/sim/people", "", &list)
	require.Equal(t, "路人", list[0]["name"])
	r.sim("GET", "/sim/people?q="+url.QueryEscape("张三"), "", &list)
	require.Len(t, list, 1)
	require.Equal(t, true, list[0]["staff"])
	r.sim("GET", "/sim/people?q=nobody", "", &list)
	require.Empty(t, list)
}

// The pages make no HTML of what people and Koi write: they hold none of it, and no script but their files.
// Links are http(s) ones by the time the page gets them.
func TestScreen_carries_any_text_as_text(t *testing.T) {
	t.Parallel()
	corpus := []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `<a href="javascript:alert(1)">x</a>`, `<a href='data:text/html,<script>alert(1)</script>'>x</a>`,
		"[x](javascript:alert(1))", "\u202e\u0000\ufeff", "👩‍👩‍👧‍👦" + strings.Repeat("长", 500), `</script><svg onload=alert(1)>`, "JaVaScRiPt:alert(1)", "\tjavascript:alert(1)"}
	evil := strings.Join(corpus, "\n")
	r := newRig(t, func(c *Config) {
		c.People[0].Name, c.Officials[0].Name, c.Corps[0].Staff[1].Name, c.Minis[0].Name = evil, evil, evil, evil
		c.Officials[0].Menu = []Button{{Name: evil, URL: "javascript:alert(1)"}}
		c.Officials[0].Templates = nil
	})
	newDoor(t, r)
	r.play(Act{Who: "oChen", App: testApp, Do: "say", With: evil})
	r.as("official", kfPath, kfText("oChen", evil))
	r.as("official", templatePath, m{"touser": "oChen", "template_id": evil, "url": "javascript:alert(1)", "data": m{"thing1": m{"value": evil}}})
	for _, link := range corpus {
		r.as("official", kfPath, m{"touser": "oChen", "msgtype": "news", "news": m{"articles": []any{m{"title": evil, "url": link}}}})
		_ = r.Forward(Forward{From: "zhangsan", To: "oChen", URL: link, Title: evil})
	}
	require.NoError(t, r.Forward(Forward{From: "zhangsan", To: "oChen", URL: "https://ok.example/", Title: evil, Description: evil, Image: "javascript:alert(1)"}))
	v := r.screen("who=oChen")
	require.Equal(t, evil, v.thread(t, testApp).Lines[0].Text)
	var links []string
	collect := func(list []paragraph) {
		for _, p := range list {
			for _, x := range p.Parts {
				links = append(links, x.Href)
			}
		}
	}
	for _, th := range v.Threads {
		for _, l := range th.Lines {
			collect(l.Body)
			if c := l.Card; c != nil {
				collect(c.Body)
				links = append(links, c.URL)
				for _, x := range c.Links {
					links = append(links, x.Href)
				}
			}
		}
	}
	links = append(links, v.Officials[0].Menu[0].URL)
	require.Contains(t, links, "https://ok.example/")
	for _, l := range links {
		require.True(t, l == "" || strings.HasPrefix(l, "http://") || strings.HasPrefix(l, "https://"), l)
	}
	for _, path := range []string{"/sim/?show=", "/sim/phone?who=", "/sim/staff?user="} {
		page := r.html(path + url.QueryEscape(evil))
		require.Equal(t, 1, strings.Count(page, "<script"))
		require.NotContains(t, page, "<img")
		for _, tag := range htmlTags(page) {
			require.NotRegexp(t, `(?i)\son\w+\s*=`, withoutValues(tag))
			require.NotContains(t, strings.ToLower(tag), `href="javascript:`)
		}
	}
}

// The scripts never turn text into HTML: this finds whoever begins to.
func TestPages_make_elements_and_no_HTML(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ui.js", "phone.js", "views.js", "lines.js", "web.js", "shelf.js", "bridge.js"} {
		text, err := webFiles.ReadFile("web/" + name)
		require.NoError(t, err)
		for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser", ".href ="} {
			require.NotContains(t, string(text), bad, name)
		}
	}
}
