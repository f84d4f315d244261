package httpapi

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/audit"
	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/org"
)

// Staff sign in with WeCom: the browser goes to WeCom's authorize page and comes back with a code, which we
// exchange for who it is. A state that nobody can guess, kept in a cookie of the browser that began, makes
// sure that the one who comes back is the one who went: otherwise a link could sign somebody in as another.

const (
	wecomCookie = "koi-errand"
	wecomPath   = apiRoot + "/session/wecom"
	wecomBack   = wecomPath + "/back"
	wecomLife   = 600 // seconds from leaving to coming back
	portal      = "/staff/"
)

// WeComSignIn is WeCom's side of it; implemented by channels/wecom.
type WeComSignIn interface {
	// Own reports whether the authorize page is WeCom's own, which opens inside WeCom only.
	Own() bool
	// URL is the authorize page that comes back to redirect with a code and the state.
	URL(w account.WeCom, redirect, state string) string
	// Member exchanges a code for a userid. Faults: Denied with org.ErrCode or org.ErrStranger.
	Member(ctx context.Context, w account.WeCom, code string) (string, error)
}

// SignInWays are the ways to sign in besides name and password.
type SignInWays struct {
	WeCom []SignInWay `json:"wecom" doc:"可以用企业微信登录的应用：打开 /api/v1/session/wecom?app=…&to=…"`
	// Anywhere: the authorize page is not WeCom's own, so it opens in any browser.
	Anywhere bool `json:"anywhere" doc:"授权页在任何浏览器里都能打开（接的是模拟器）；为否时只能在企业微信里打开"`
}

// SignInWay is a WeCom app one can sign in through.
type SignInWay struct {
	App  string `json:"app" doc:"CorpID/AgentID"`
	Name string `json:"name"`
}

func (a *API) listSignInWays(_ context.Context, _ *struct{}) (*answer[SignInWays], error) {
	out := SignInWays{WeCom: []SignInWay{}, Anywhere: !a.SignIn.Own()}
	for _, w := range a.Accounts.WeComs() {
		out.WeCom = append(out.WeCom, SignInWay{App: w.ID(), Name: w.Name})
	}
	return &answer[SignInWays]{out}, nil
}

// onward sends the browser somewhere.
type onward struct {
	Status  int
	To      string   `header:"Location"`
	Cookies []string `header:"Set-Cookie"`
}

func goTo(to string, cookies ...string) *onward { return &onward{http.StatusFound, to, cookies} }

// errand is what a browser that went to WeCom came for.
type errand struct {
	State string `json:"s"`
	App   string `json:"a"`
	To    string `json:"t"`
}

// inPortal is an address within the staff portal: a link must not lead elsewhere after signing in.
func inPortal(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, portal) || strings.ContainsAny(to, "\\\r\n") || strings.Contains(u.Path, "..") {
		return portal
	}
	return to
}

// notSignedIn shows the sign-in page with one of the problems it has sentences for.
func (a *API) notSignedIn(problem, to string) *onward {
	return goTo(portal+"sign-in?"+url.Values{"problem": {problem}, "to": {to}}.Encode(), a.errandCookie(""))
}

func (a *API) errandCookie(value string) string {
	c := &http.Cookie{Name: wecomCookie, Value: value, Path: wecomPath, MaxAge: wecomLife, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: a.https}
	if value == "" {
		c.MaxAge = -1
	}
	return c.String()
}

// beginWeCom sends the browser to WeCom.
func (a *API) beginWeCom(_ context.Context, in *struct {
	App string `query:"app" maxLength:"200" doc:"CorpID/AgentID；不填为第一个企业微信应用"`
	To  string `query:"to" maxLength:"500" doc:"登录后打开的页面，以 /staff/ 开头"`
}) (*onward, error) {
	to := inPortal(in.To)
	w, ok := a.wecomApp(in.App)
	if !ok {
		return a.notSignedIn("unconnected", to), nil
	}
	e := errand{State: rand.Text(), App: w.ID(), To: to}
	raw, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return goTo(a.SignIn.URL(w, a.PublicURL+wecomBack, e.State), a.errandCookie(base64.RawURLEncoding.EncodeToString(raw))), nil
}

func (a *API) wecomApp(id string) (account.WeCom, bool) {
	if id != "" {
		return a.Accounts.WeComByID(id)
	}
	for _, w := range a.Accounts.WeComs() {
		return w, true
	}
	return account.WeCom{}, false
}

// readErrand reads what the browser kept; what cannot be read is an errand without a state.
func readErrand(cookie string) (e errand) {
	raw, err := base64.RawURLEncoding.DecodeString(cookie)
	if err == nil {
		err = json.Unmarshal(raw, &e)
	}
	if err != nil {
		e = errand{}
	}
	return e
}

// endWeCom takes the browser back from WeCom.
func (a *API) endWeCom(ctx context.Context, in *struct {
	Code   string `query:"code" maxLength:"600"`
	State  string `query:"state" maxLength:"200"`
	Errand string `cookie:"koi-errand" maxLength:"4000"`
}) (*onward, error) {
	e := readErrand(in.Errand)
	if e.State == "" || in.Code == "" || subtle.ConstantTimeCompare([]byte(e.State), []byte(in.State)) != 1 {
		return a.notSignedIn("expired", inPortal(e.To)), nil
	}
	to := inPortal(e.To)
	w, ok := a.wecomApp(e.App)
	if !ok {
		return a.notSignedIn("unconnected", to), nil
	}
	s, err := a.signInMember(ctx, w, in.Code)
	if err == nil {
		record(ctx).caller(&s.Principal)
		return goTo(to, a.errandCookie(""), a.sessionCookie(s)), nil
	}
	problem := "away"
	switch {
	case errors.Is(err, org.ErrCode):
		problem = "expired"
	case errors.Is(err, org.ErrStranger):
		problem = "stranger"
	case errors.Is(err, auth.ErrLocked):
		problem = "locked"
	case errors.Is(err, errGone):
		problem = "gone"
	case errors.Is(err, auth.ErrUnready):
		problem = "unready"
	case fault.Is(err, fault.Limited):
		problem = "limited"
	default:
		slog.Warn("员工用企业微信登录没有成功", "app", w.ID(), "request", requestID(ctx), "err", err)
	}
	record(ctx).with("problem", problem).refused = true
	return a.notSignedIn(problem, to), nil
}

// errGone: the directory knows the member, as one who left.
var errGone = errors.New("the member left")

func (a *API) signInMember(ctx context.Context, w account.WeCom, code string) (auth.Session, error) {
	giveBack, err := a.Gate.Knock(by(ctx).place)
	if err != nil {
		return auth.Session{}, err
	}
	user, err := a.SignIn.Member(ctx, w, code)
	if err != nil {
		return auth.Session{}, err
	}
	m := auth.Member{Staff: w.CorpID + "/" + user, Name: user}
	// WeCom says that they are a member; a directory that is not read yet does not make them a stranger.
	if s, err := a.Staff.Get(w.CorpID, user); err == nil {
		if !s.Active {
			return auth.Session{}, fault.Wrap(errGone, fault.Denied, "通讯录显示您已离职")
		}
		m.Name = s.Name
	}
	if m.Role, err = a.roleOf(ctx, m.Staff); err != nil {
		return auth.Session{}, err
	}
	s, err := a.Gate.SignInMember(ctx, m)
	if err == nil {
		giveBack()
	}
	return s, err
}

// roleOf is what a member becomes at their first sign-in: a leader who leads somebody, sales who has or had
// customers, else an employee.
func (a *API) roleOf(ctx context.Context, staff string) (auth.Role, error) {
	for _, s := range a.team(staff) {
		if s != staff {
			return auth.Leader, nil
		}
	}
	n, err := a.customersOf(ctx, staff)
	if err != nil {
		return "", err
	}
	if n > 0 {
		return auth.Sales, nil
	}
	return auth.Employee, nil
}

// signsIn puts a GET that signs somebody in on record: done and refused ones. Where they come from is
// known, as guard knows it.
func (a *API) signsIn(action string) func(*huma.Operation) {
	return func(o *huma.Operation) {
		o.Middlewares = append(o.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
			c := humagin.Unwrap(ctx)
			l := &line{Entry: audit.Entry{Action: action, Place: c.ClientIP(), Object: "session", Request: requestID(ctx.Context())}}
			next(huma.WithContext(ctx, context.WithValue(ctx.Context(), lineKey{}, l)))
			if l.Status = c.Writer.Status(); l.Who == "" && !l.refused {
				return // nobody came back from WeCom
			}
			if l.Outcome = audit.Done; l.refused {
				l.Outcome = audit.Denied
			}
			a.Audit.Note(context.WithoutCancel(ctx.Context()), l.Entry)
		})
	}
}
