package h5

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/content"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/app/share"
)

// SiteConfig is what a site works with.
type SiteConfig struct {
	Log       *event.Log
	Clock     clock.Clock
	Keys      *secret.Keys
	Links     *content.Directory
	WeChat    WeChat // nil: visitors are known by their browser only
	PublicURL string
	Metrics   prometheus.Registerer
}

// Site serves public pages. Opening one writes nothing: the beacon that follows does.
type Site struct {
	SiteConfig
	model   atomic.Pointer[content.Model]
	hops    hops
	host    string
	secure  bool
	senders *buckets // of forms, by visitor
	places  *buckets
	near    *buckets
	pages   *prometheus.CounterVec
}

// Forms are filled in by hand: these are far above what one person, one office and one machine need.
var (
	senderLimit = Limit{PerSecond: 0.2, Burst: 10}
	placeLimit  = Limit{PerSecond: 2, Burst: 60}
	nearLimit   = Limit{PerSecond: 500, Burst: 5000}
)

// NewSite makes a site without pages; Use gives it some.
func NewSite(c SiteConfig) *Site {
	s := &Site{SiteConfig: c, senders: newBuckets(senderLimit), places: newBuckets(placeLimit), near: newBuckets(nearLimit),
		pages: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "koi_pages_total", Help: "Requests for public pages, by what they were answered with."}, []string{"result"})}
	if u, err := url.Parse(c.PublicURL); err == nil {
		s.host, s.secure = u.Host, u.Scheme == "https"
	}
	c.Metrics.MustRegister(s.pages)
	return s
}

// Use takes other pages.
func (s *Site) Use(m *content.Model) { s.model.Store(m) }

// Register adds /p/… and /s/….
func (s *Site) Register(r gin.IRoutes) {
	r.GET("/p/:slug", s.open)
	r.HEAD("/p/:slug", s.open)
	r.POST("/p/:slug/submit", s.submit)
	r.GET("/p/jssdk", s.jssdk)
	r.GET("/t/wx.js", cardScript)
	r.GET("/s/:code", s.short)
}

// The parameters and cookies of pages.
const (
	paramShare = "_s"    // share token
	paramDone  = "_done" // proof that this visitor sent the form

	cookieVisitor = "koi_v"
	cookieFrom    = "koi_from" // of a page: the token they came by
	cookieState   = "koi_state"
	cookieKnown   = "koi_wx" // AppIDs that were asked who this is

	visitorFor = 2 * 365 * 24 * time.Hour
	fromFor    = 30 * 24 * time.Hour
	stateFor   = 10 * time.Minute
	knownFor   = 7 * 24 * time.Hour
	refusedFor = time.Hour
)

// guest is who asks for a page.
type guest struct {
	visitor string
	known   bool // the visitor id came with a cookie
	robot   bool
	wechat  bool // inside WeChat's browser
}

// guest finds out who asks.
func (s *Site) guest(c *gin.Context) guest {
	agent := c.GetHeader("User-Agent")
	g := guest{robot: isBot(agent) || prefetched(c)}
	agent = strings.ToLower(agent)
	g.wechat = strings.Contains(agent, "micromessenger") && !strings.Contains(agent, "wxwork")
	if v, err := c.Cookie(cookieVisitor); err == nil && isVisitor(v) {
		g.visitor, g.known = v, true
	} else if !g.robot {
		var random [16]byte
		rand.Read(random[:]) // never fails: crypto/rand ends the program first
		g.visitor = "v_" + hex.EncodeToString(random[:])
	}
	return g
}

func (s *Site) setCookie(c *gin.Context, name, value, path string, age time.Duration) {
	http.SetCookie(c.Writer, &http.Cookie{Name: name, Value: value, Path: path, MaxAge: int(age / time.Second), HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode})
}

func cookie(c *gin.Context, name string) string {
	v, err := c.Cookie(name)
	if err != nil {
		return ""
	}
	return v
}

// live is the page of a path, when everybody may open it.
func (s *Site) live(slug string) *content.Page {
	p := s.model.Load().Page(slug)
	if p == nil || p.Status != content.Live {
		return nil
	}
	return p
}

// open answers GET /p/{slug}. Whoever opens a page is sent on, once, to the address that carries their own
// token: however it is passed on then, it is theirs. Programs get the page as it is.
func (s *Site) open(c *gin.Context) {
	p := s.live(c.Param("slug"))
	if p == nil {
		s.pages.WithLabelValues("missing").Inc()
		s.missing(c)
		return
	}
	g := s.guest(c)
	if g.robot {
		s.pages.WithLabelValues("robot").Inc()
		s.show(c, http.StatusOK, &pageView{Page: p, Share: s.arrived(c)}, g)
		return
	}
	here := "/p/" + p.Key
	came := s.arrived(c)
	sent, settled := s.hops.take(came, s.Clock.Wall())
	if settled = settled && !g.known; settled {
		g.visitor = sent.visitor // it keeps no cookies
	}
	own := share.Token(s.Keys, p.Key, share.Visitor(g.visitor))
	switch {
	case settled:
		came = sent.came
	case came == own: // sent here before
		settled, came = true, ""
		if from := cookie(c, cookieFrom); share.IsToken(from) && from != own {
			came = from
		}
	case came != "":
		s.setCookie(c, cookieFrom, came, here, fromFor)
	}
	s.setCookie(c, cookieVisitor, g.visitor, "/", visitorFor)
	q := c.Request.URL.Query()
	if s.recognise(c, p, g, q) {
		settled = false // once more, to the address without the code
	} else if to := s.authorize(c, p, g, q, own); to != "" {
		c.Redirect(http.StatusFound, to)
		return
	}
	if !settled {
		if !g.known {
			s.hops.put(own, hop{visitor: g.visitor, came: came, at: s.Clock.Wall()})
		}
		s.redirect(c, here, q, own)
		return
	}
	v := &pageView{Page: p, Visitor: g.visitor, Share: came, Token: own}
	for id := range p.Forms() {
		v.State.Done = g.known && q.Get(paramDone) == s.proof(p.Key, id, g.visitor)
	}
	s.pages.WithLabelValues("shown").Inc()
	s.show(c, http.StatusOK, v, g)
}

// arrived is the token in the address, "" when there is none.
func (s *Site) arrived(c *gin.Context) string {
	if t := c.Query(paramShare); share.IsToken(t) {
		return t
	}
	return ""
}

// redirect sends a visitor to the address that carries their own token.
func (s *Site) redirect(c *gin.Context, path string, q url.Values, own string) {
	s.pages.WithLabelValues("redirected").Inc()
	c.Header("Cache-Control", "no-store")
	c.Redirect(http.StatusFound, path+"?"+address(q, own))
}

// address is the query that carries a token.
func address(q url.Values, own string) string {
	q.Set(paramShare, own)
	return q.Encode()
}

// proof shows that a visitor sent a form; in anybody else's hands it shows nothing.
func (s *Site) proof(page, form, visitor string) string {
	mac := s.Keys.Lookup("form sent", page+"\x00"+form+"\x00"+visitor)
	return base64.RawURLEncoding.EncodeToString(mac[:9])
}

// show draws a page for a guest.
func (s *Site) show(c *gin.Context, status int, v *pageView, g guest) {
	v.Scripts, v.Base = true, s.PublicURL
	if g.wechat && s.WeChat != nil {
		v.Wx = s.WeChat.Account(v.Page.Official)
	}
	var random [12]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the program first
	v.Nonce = base64.RawURLEncoding.EncodeToString(random[:])
	if v.State.Action == "" {
		v.State.Action = "/p/" + v.Page.Key + "/submit"
		if q := c.Request.URL.RawQuery; q != "" {
			v.State.Action += "?" + q
		}
	}
	v.State.Visitor = v.Visitor
	v.State.Ticket = s.ticket(v.Page.Key, v.Visitor)
	body, err := v.draw()
	if err != nil {
		slog.Error("页面渲染失败", "page", v.Page.Key, "err", err)
		c.String(http.StatusInternalServerError, "页面暂时打不开，请稍后再试")
		return
	}
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", policy(v))
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	h.Set("Cache-Control", "private, no-cache")
	answer(c, status, body)
}

// policy says what a page may load: nothing inline but its style, frames of film sites only.
func policy(v *pageView) string {
	scripts, send := "'self'", "'self'"
	if v.Wx != "" {
		scripts += " https://res.wx.qq.com"
	}
	for _, f := range v.Page.Forms() {
		if u, err := url.Parse(f.Done.Redirect); err == nil && u.Host != "" {
			send += " https://" + u.Host // a redirect after sending counts as sending there
		}
	}
	return "default-src 'none'; script-src " + scripts + "; style-src 'nonce-" + v.Nonce + "'; img-src 'self' https: data:; connect-src 'self'; frame-src " +
		content.Players["tencent"] + " " + content.Players["bilibili"] + "; form-action " + send + "; base-uri 'none'; frame-ancestors 'self'"
}

// answer sends HTML, compressed where the browser takes it.
func answer(c *gin.Context, status int, body []byte) {
	h := c.Writer.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Add("Vary", "Accept-Encoding")
	if strings.Contains(c.GetHeader("Accept-Encoding"), "gzip") {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(body); err == nil && z.Close() == nil {
			h.Set("Content-Encoding", "gzip")
			body = b.Bytes()
		}
	}
	c.Data(status, "text/html; charset=utf-8", body)
}

// missing answers for a page that is not there, or not yet.
func (s *Site) missing(c *gin.Context) {
	c.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'self'")
	answer(c, http.StatusNotFound, []byte(`<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>页面不存在</title>`+
		`<body style="margin:0;padding:20vh 1.5rem 0;text-align:center;font:1rem/1.7 -apple-system,sans-serif;color:#1d2129"><h1 style="font-size:1.375rem">页面不存在或已下线</h1><p>请核对链接，或联系发给您链接的人。</p></body></html>`))
}

// short answers GET /s/{code}.
func (s *Site) short(c *gin.Context) {
	code := c.Param("code")
	if !content.IsLinkCode(code) {
		s.missing(c)
		return
	}
	l, found, err := s.Links.Open(c.Request.Context(), code)
	switch {
	case err != nil:
		slog.Error("读取短链失败", "err", err)
		busy(c, "链接暂时打不开，请稍后再试")
		return
	case !found || s.live(l.Page) == nil:
		s.missing(c)
		return
	}
	g := s.guest(c)
	if !g.robot {
		s.setCookie(c, cookieVisitor, g.visitor, "/", visitorFor)
		s.clicked(c.Request.Context(), l, g)
	}
	c.Header("Cache-Control", "no-store")
	q := url.Values{paramShare: {l.Token}}
	c.Redirect(http.StatusFound, "/p/"+l.Page+"?"+q.Encode())
}

// clicked tells that a short link was opened. The visitor goes on whether it could be kept or not.
func (s *Site) clicked(ctx context.Context, l content.ShortLink, g guest) {
	now := clock.Ms(s.Clock.Now())
	_, err := s.Log.Append(ctx, &event.Event{Type: event.LinkClicked, Source: "h5", Lane: event.Normal, ObjectType: "link", ObjectID: l.Code,
		Key:        fmt.Sprintf("link/%s/%s/%d", l.Code, g.visitor, now/int64(time.Minute/time.Millisecond)),
		Identities: []event.Identity{{Kind: event.KindVisitor, Value: g.visitor}}, OccurredAt: now, ReceivedAt: now,
		Props: event.Props{"page": l.Page, "code": l.Code}})
	if err != nil {
		slog.Warn("短链点击没有记下", "code", l.Code, "err", err)
	}
}
