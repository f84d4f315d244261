package h5

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/content"
	"github.com/koi-scrm/koi/app/event"
)

// WeChat is what pages need of official accounts.
type WeChat interface {
	// Account is the account a page works with: the preferred one, or the first that is connected; "" for none.
	Account(preferred string) string
	// Authorize is the address where WeChat says silently who its user is (snsapi_base) and sends them back to
	// redirect with a code and the state.
	Authorize(appID, redirect, state string) string
	// Identify exchanges a code. Snapshot users are nobody in particular.
	Identify(ctx context.Context, appID, code string) (Follower, error)
	// Sign signs an address of ours for the JS-SDK.
	Sign(ctx context.Context, appID, address string) (Signature, error)
}

// Follower is who opened a page in WeChat.
type Follower struct {
	OpenID, UnionID string
	Snapshot        bool
}

// Signature is what wx.config wants.
type Signature struct {
	AppID     string `json:"appId"`
	Timestamp int64  `json:"timestamp"`
	Nonce     string `json:"nonceStr"`
	Signature string `json:"signature"`
}

// authorize is where a visitor is sent to be recognised, "" when there is no need or no way. They come back
// to the address that carries their own token.
func (s *Site) authorize(c *gin.Context, p *content.Page, g guest, q url.Values, own string) string {
	if s.WeChat == nil || !p.WeChatLogin || !g.wechat || !g.known {
		return "" // without cookies the state would be lost
	}
	app := s.WeChat.Account(p.Official)
	if app == "" || strings.Contains("."+cookie(c, cookieKnown)+".", "."+app+".") {
		return ""
	}
	var random [16]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the program first
	state := hex.EncodeToString(random[:])
	s.setCookie(c, cookieState, state, "/p/", stateFor)
	s.pages.WithLabelValues("authorizing").Inc()
	back := url.Values{}
	for k, v := range q {
		back[k] = v
	}
	c.Header("Cache-Control", "no-store")
	return s.WeChat.Authorize(app, s.PublicURL+"/p/"+p.Key+"?"+address(back, own), state)
}

// recognise takes the code WeChat sent a visitor back with, and reports whether there was one; q is the
// address without it then.
func (s *Site) recognise(c *gin.Context, p *content.Page, g guest, q url.Values) bool {
	code, state := q.Get("code"), q.Get("state")
	if s.WeChat == nil || !p.WeChatLogin || code == "" || state == "" {
		return false
	}
	q.Del("code")
	q.Del("state")
	expected := cookie(c, cookieState)
	s.setCookie(c, cookieState, "", "/p/", -1)
	app := s.WeChat.Account(p.Official)
	if app == "" || expected == "" || subtle.ConstantTimeCompare([]byte(expected), []byte(state)) != 1 || !g.known {
		s.pages.WithLabelValues("bad_state").Inc()
		return true // somebody else's link: they are asked anew, by our own state
	}
	who, err := s.WeChat.Identify(c.Request.Context(), app, code)
	if err != nil || who.OpenID == "" || who.Snapshot {
		// Not asked again for a while: the page is for reading.
		if err != nil {
			slog.Warn("网页授权没有成功，按普通访客继续", "account", app, "err", err)
		}
		s.setCookie(c, cookieKnown, app, "/", refusedFor)
		return true
	}
	now := clock.Ms(s.Clock.Now())
	ids := []event.Identity{{Kind: event.KindVisitor, Value: g.visitor}, {Kind: event.KindOpenID, Scope: app, Value: who.OpenID}}
	if who.UnionID != "" {
		ids = append(ids, event.Identity{Kind: event.KindUnionID, Value: who.UnionID})
	}
	_, err = s.Log.Append(c.Request.Context(), &event.Event{Type: event.PageRecognized, Key: "oauth/" + app + "/" + state, Source: "h5", Account: app, Lane: event.Priority,
		Identities: ids, ObjectType: "page", ObjectID: p.Key, OccurredAt: now, ReceivedAt: now, Props: event.Props{"page": p.Key}})
	if err != nil {
		slog.Warn("网页授权的身份没有记下，下次打开再试", "err", err)
		s.setCookie(c, cookieKnown, app, "/", stateFor)
		return true
	}
	s.setCookie(c, cookieKnown, app, "/", knownFor)
	return true
}

// jssdk answers GET /p/jssdk?url=: the signature of an address of ours.
func (s *Site) jssdk(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	address, _, _ := strings.Cut(c.Query("url"), "#")
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Host != s.host || u.Scheme != "https" && u.Scheme != "http" || len(address) > 2048 {
		c.String(http.StatusBadRequest, "只签本站的地址")
		return
	}
	app := ""
	if s.WeChat != nil {
		app = s.WeChat.Account(c.Query("app"))
	}
	if app == "" {
		c.String(http.StatusNotFound, "没有接入公众号")
		return
	}
	place := s.places
	if isNear(c.ClientIP()) {
		place = s.near
	}
	if !place.take("jssdk "+network(c.ClientIP()), 1, s.Clock.Wall()) {
		limited(c)
		return
	}
	sig, err := s.WeChat.Sign(c.Request.Context(), app, address)
	if err != nil {
		slog.Warn("JS-SDK 签名失败，分享卡片用默认样式", "account", app, "err", err)
		busy(c, "暂时签不了名")
		return
	}
	c.JSON(http.StatusOK, sig)
}

//go:embed wx.js
var cardSource []byte

var cardTag = func() string {
	sum := sha256.Sum256(cardSource)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}()

// cardScript serves the script that sets the share card.
func cardScript(c *gin.Context) {
	c.Header("Cache-Control", "public, max-age=3600")
	c.Header("ETag", cardTag)
	if c.GetHeader("If-None-Match") == cardTag {
		c.Status(http.StatusNotModified)
		return
	}
	c.Data(http.StatusOK, "text/javascript; charset=utf-8", cardSource)
}
