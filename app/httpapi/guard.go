package httpapi

import (
	"context"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/fault"
)

const (
	cookieName = "koi_session"
	csrfHeader = "X-CSRF-Token"
	// requestTime bounds the work on one request.
	requestTime = 30 * time.Second
)

// caller is who makes a request.
type caller struct {
	*auth.Principal
	session auth.Session // of a user
	secret  string       // of a key
	place   string       // address they call from
	once    string       // names the request among all, where it has an Idempotency-Key
}

type callerKey struct{}

// by returns who makes the request. Routes that are open to all have nobody.
func by(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// secure are the headers of everything under /api: it is data for programs, to be shown by nobody else.
// timeHeader tells business time (Unix ms), which screens count "3 minutes ago" from: a browser's clock may be
// wrong, and the demo's is turned.
const timeHeader = "X-Koi-Time"

func secure(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
}

// guard lets a request through to a route, or answers it.
func (a *API) guard(who access, open bool) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		c := humagin.Unwrap(ctx)
		secure(c.Writer.Header())
		c.Header(timeHeader, strconv.FormatInt(a.now(), 10))
		base, cancel := context.WithCancel(ctx.Context())
		if !open {
			base, cancel = context.WithTimeout(ctx.Context(), requestTime)
		}
		defer cancel()
		who, err := a.admit(base, c.Request, who)
		record(ctx.Context()).caller(who.Principal)
		if err != nil {
			f := failed(base, err)
			writeFailure(c, f)
			return
		}
		who.place = c.ClientIP()
		next(huma.WithContext(ctx, context.WithValue(base, callerKey{}, who)))
	}
}

// admit says who makes the request and whether they may.
func (a *API) admit(ctx context.Context, r *http.Request, who access) (caller, error) {
	if who.open {
		return caller{}, a.sameOrigin(r)
	}
	c, err := a.identify(ctx, r)
	if err != nil {
		return caller{}, err
	}
	if who.users && c.UserID == 0 {
		return c, fault.New(fault.Denied, "这个接口只供登录的用户使用，接口密钥不能调用")
	}
	if who.permission == "" {
		return c, nil
	}
	return c, c.Require(who.permission)
}

// identify reads the key or the cookie. A wrong key is told, also beside a good cookie.
func (a *API) identify(ctx context.Context, r *http.Request) (caller, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		secret, ok := cutBearer(header)
		if !ok {
			return caller{}, newFailure(http.StatusUnauthorized, "Authorization 应形如 Bearer koi_…")
		}
		p, err := a.Gate.Key(ctx, secret)
		return caller{Principal: p, secret: secret}, unauthorized(err)
	}
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return caller{}, newFailure(http.StatusUnauthorized, "还没有登录：请先登录，或带上接口密钥")
	}
	s, err := a.Gate.Session(ctx, cookie.Value)
	if err != nil {
		return caller{}, unauthorized(err)
	}
	if err := a.fromOurPage(r, s); err != nil {
		return caller{}, err
	}
	return caller{Principal: &s.Principal, session: s}, nil
}

func cutBearer(header string) (string, bool) {
	kind, secret, ok := strings.Cut(header, " ")
	return strings.TrimSpace(secret), ok && strings.EqualFold(kind, "Bearer")
}

// fromOurPage refuses changes that a foreign page makes a user's browser ask for: browsers send cookies
// along, but such a page does not know the session's token, and they say where it comes from.
func (a *API) fromOurPage(r *http.Request, s auth.Session) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	if err := a.sameOrigin(r); err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(r.Header.Get(csrfHeader)), []byte(s.CSRF)) != 1 {
		return fault.New(fault.Denied, "缺少或不对的 %s 请求头：请刷新页面后重试", csrfHeader)
	}
	return nil
}

// sameOrigin refuses requests that a browser says come from a page that is not ours.
func (a *API) sameOrigin(r *http.Request) error {
	origin := r.Header.Get("Origin")
	if origin == "" || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	if u, err := url.Parse(origin); err == nil && u.Host != "" && (u.Host == r.Host || origin == a.origin) {
		return nil
	}
	return fault.New(fault.Denied, "请求来自别的网站，已拒绝：请从 Koi 的页面操作；若经过反向代理，请把 public_url 设为实际地址")
}

// sessionCookie gives the browser a session, or takes it away where there is no token.
func (a *API) sessionCookie(s auth.Session) string {
	c := &http.Cookie{Name: cookieName, Value: s.Token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: a.https}
	if s.Token == "" {
		c.MaxAge = -1
	} else {
		c.Expires = s.Expires
	}
	return c.String()
}
