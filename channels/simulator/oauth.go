package simulator

import (
	"net/http"
	"net/url"
	"time"
)

// webCode is what 网页授权 hands to a page: good once, for five minutes.
type webCode struct {
	follower *follower
	snapshot bool
	until    int64
	used     bool
}

const (
	webCodeWindow = 5 * time.Minute
	webCodeMemory = time.Hour
)

var webCodeChecks = []check{
	need("appid", 41002), need("secret", 41004), need("code", 41008), oneOf("grant_type", 40002, "authorization_code"),
}

// authorizeReader plays open.weixin.qq.com/connect/oauth2/authorize for snsapi_base: it sends the browser back
// to the page with a code, without asking. WeChat knows whose phone it is; here the parameter who says so,
// or the cookie of a virtual phone. The value is one of the person's ids; one nobody
// has is taken by somebody new who does not follow. With snapshot=1 in the page's address they read a
// 快照页, as a virtual account.
func (s *Simulator) authorizeReader(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	o := s.app(q.Get("appid")).official // there is one, or this is WeCom's page
	switch {
	case err != nil || back.Host == "" || back.Scheme != "http" && back.Scheme != "https":
		http.Error(w, "10003 redirect_uri 应是完整的网址", http.StatusOK)
		return
	case q.Get("response_type") != "code" || q.Get("scope") != "snsapi_base" && q.Get("scope") != "snsapi_userinfo":
		http.Error(w, "10005 scope 或 response_type 不对", http.StatusOK)
		return
	}
	who := q.Get("who")
	if c, err := r.Cookie(personCookie); who == "" && err == nil {
		who = c.Value
	}
	if who == "" {
		http.Error(w, "模拟器不知道这是谁的手机：请加参数 who", http.StatusBadRequest)
		return
	}
	code := s.giveWebCode(o, who, back.Query().Get("snapshot") == "1")
	if code == "" {
		http.Error(w, "模拟的人太多了", http.StatusServiceUnavailable)
		return
	}
	answer := back.Query()
	answer.Set("code", code)
	answer.Set("state", q.Get("state"))
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// giveWebCode makes a code for whoever has an id; "" when nobody new fits.
func (s *Simulator) giveWebCode(o *official, who string, snapshot bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clk.Now().UnixMilli()
	p := s.people[who]
	if p == nil {
		if s.full() {
			return ""
		}
		p = &person{}
	}
	f := p.follower(o)
	if f == nil {
		id := who
		if p.id != "" || o.followers[id] != nil {
			id = "o" + shortHash("openid "+o.AppID+p.id, 27)
		}
		f = s.meet(p, o, id)
	}
	code := fmtID("2", s.nextID()) + "web"
	s.webCodes.put(code, &webCode{follower: f, snapshot: snapshot, until: now + webCodeWindow.Milliseconds()}, now+webCodeMemory.Milliseconds(), now)
	return code
}

// codeToUser tells whom a code stands for (sns/oauth2/access_token).
func (s *Simulator) codeToUser(c *call) (answer, *refusal) {
	if no := s.credentials(c); no != nil {
		return nil, no
	}
	x, known := s.webCodes.get(c.in.str("code"), c.now)
	switch {
	case !known || c.official == nil || x.follower.official != c.official:
		return nil, refuse(40029)
	case x.used:
		return nil, refuse(40163)
	case c.now >= x.until:
		return nil, refuse(40029)
	}
	x.used = true
	a := answer{"access_token": "sim-web-" + shortHash(c.in.str("code"), 32), "expires_in": 7200, "refresh_token": "sim-refresh-" + shortHash(c.in.str("code"), 32),
		"openid": x.follower.openID, "scope": "snsapi_base"}
	if x.snapshot {
		a["openid"], a["is_snapshotuser"] = "o"+shortHash("snapshot "+c.in.str("code"), 27), 1
	}
	return a, nil
}
