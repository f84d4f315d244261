package simulator

import (
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// authorizePath is the authorize page (open.weixin.qq.com; 构造网页授权链接, path/91022). Official accounts
// have theirs there too; this one is WeCom's.
const authorizePath = "/connect/oauth2/authorize"

// MemberCookie names the userid whose phone a browser plays: with it the authorize page sends on at once,
// as it does inside WeCom. Without it the page asks who one wants to be.
const MemberCookie = "sim_member"

var authorizePage = template.Must(template.ParseFS(webFiles, "web/authorize.html"))

// visit is a code of the authorize page: good once, for five minutes.
type visit struct {
	corp   *corp
	userID string
	until  int64
	used   bool
}

const (
	visitWindow = 5 * time.Minute
	visitMemory = time.Hour
)

type authorizeView struct {
	Error, App, Corp string
	Members          []nameView
}

// serveAuthorize sends the browser back with a code for the member it plays.
func (s *Simulator) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	s.mu.Lock()
	to, v := s.authorize(r)
	s.mu.Unlock()
	if to != "" {
		http.Redirect(w, r, to, http.StatusFound)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if v.Error != "" {
		w.WriteHeader(http.StatusBadRequest)
	}
	_ = authorizePage.Execute(w, v) // a browser that went away misses the page
}

// authorize checks the link as WeCom does and says where the browser goes, or what it is shown. The lock
// is held.
func (s *Simulator) authorize(r *http.Request) (string, authorizeView) {
	q := r.URL.Query()
	wrong := func(text string) (string, authorizeView) { return "", authorizeView{Error: text} }
	var c *corp
	for _, x := range s.corps {
		if x.CorpID == q.Get("appid") {
			c = x
		}
	}
	if c == nil {
		return wrong("appid 无效：没有企业 " + q.Get("appid"))
	}
	id, err := strconv.Atoi(q.Get("agentid"))
	a := c.agents[id]
	if err != nil || a == nil {
		return wrong("agentid 无效：企业“" + c.Name + "”没有应用 " + q.Get("agentid"))
	}
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || back.Host == "" || back.Scheme != "https" && back.Scheme != "http" {
		return wrong("redirect_uri 需使用应用可信域名下的完整地址（50001）")
	}
	if q.Get("response_type") != "code" {
		return wrong("response_type 只能是 code")
	}
	if q.Get("scope") != "snsapi_base" && q.Get("scope") != "snsapi_privateinfo" {
		return wrong("scope 只能是 snsapi_base 或 snsapi_privateinfo")
	}
	if len(q.Get("state")) > 128 {
		return wrong("state 最长 128 字节")
	}
	who := q.Get("sim_member")
	if k, err := r.Cookie(MemberCookie); who == "" && err == nil {
		who = k.Value
	}
	m := c.member(who)
	if m == nil || !a.seesStaff(m) {
		v := authorizeView{App: a.Name, Corp: c.Name}
		for _, m := range c.order {
			if !m.left && a.seesStaff(m) && len(v.Members) < listedNames {
				q.Set("sim_member", m.UserID)
				v.Members = append(v.Members, nameView{ID: m.UserID, Name: m.Name, About: m.Position, Link: authorizePath + "?" + q.Encode()})
			}
		}
		return "", v
	}
	now := s.clk.Now().UnixMilli()
	code := fmtID("visit", s.nextID()) + shortHash(q.Get("state"), 8)
	s.visits.put(code, &visit{corp: c, userID: m.UserID, until: now + visitWindow.Milliseconds()}, now+visitMemory.Milliseconds(), now)
	out := back.Query()
	out.Set("code", code)
	out.Set("state", q.Get("state"))
	back.RawQuery = out.Encode()
	return back.String(), authorizeView{}
}

// visitor tells who opened the page (获取访问用户身份, path/91023).
func (s *Simulator) visitor(c *call) (answer, *refusal) {
	x, known := s.visits.get(c.in.str("code"), c.now)
	if !known || x.used || c.now >= x.until || x.corp != c.corp {
		return nil, refuse(40029)
	}
	x.used = true
	m := c.corp.member(x.userID)
	if m == nil { // they left meanwhile
		return ok(answer{"openid": "o" + shortHash(x.userID, 20)}), nil
	}
	return ok(answer{"userid": m.UserID}), nil
}
