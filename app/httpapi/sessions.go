package httpapi

import (
	"context"

	"github.com/koi-scrm/koi/app/auth"
)

type setUpInput struct {
	Body struct {
		Token    string `json:"token" minLength:"1" maxLength:"100" doc:"链接 # 后面的一串"`
		Login    string `json:"login" doc:"登录名：邮箱，或小写字母、数字、汉字"`
		Name     string `json:"name,omitempty" doc:"显示的姓名"`
		Password string `json:"password" doc:"至少 10 个字符"`
	}
}

type signInInput struct {
	Body struct {
		Login    string `json:"login"`
		Password string `json:"password"`
	}
}

// Me is who is calling.
type Me struct {
	User        *User             `json:"user,omitempty"`
	Key         *Key              `json:"key,omitempty"`
	Permissions []auth.Permission `json:"permissions"`
	CSRF        string            `json:"csrf_token,omitempty" doc:"改动时放进 X-CSRF-Token 请求头"`
}

type signedIn struct {
	Cookie string `header:"Set-Cookie"`
	Body   Me
}

func (a *API) setUp(ctx context.Context, in *setUpInput) (*signedIn, error) {
	s, err := a.Gate.SetUp(ctx, in.Body.Token, by(ctx).place, auth.NewUser{Login: in.Body.Login, Name: in.Body.Name, Password: in.Body.Password})
	if err != nil {
		return nil, err
	}
	record(ctx).caller(&s.Principal)
	return a.welcome(ctx, s)
}

func (a *API) signIn(ctx context.Context, in *signInInput) (*signedIn, error) {
	s, err := a.Gate.SignIn(ctx, auth.Attempt{Login: in.Body.Login, Password: in.Body.Password, Place: by(ctx).place})
	// What was typed as a name may be a password, so only names of users are on record.
	if u, found := a.Gate.UserByLogin(ctx, in.Body.Login); found == nil {
		p := auth.Principal{UserID: u.ID, Login: u.Login, Role: u.Role}
		record(ctx).caller(&p)
	}
	if err != nil {
		return nil, unauthorized(err)
	}
	return a.welcome(ctx, s)
}

func (a *API) welcome(ctx context.Context, s auth.Session) (*signedIn, error) {
	me, err := a.me(ctx, &s.Principal, s.CSRF)
	if err != nil {
		return nil, err
	}
	return &signedIn{a.sessionCookie(s), me}, nil
}

func (a *API) me(ctx context.Context, p *auth.Principal, csrf string) (Me, error) {
	me := Me{Permissions: p.Permissions(), CSRF: csrf}
	if p.KeyID != 0 {
		me.Key = &Key{ID: ID(p.KeyID), Prefix: p.Login, Name: p.Name, Role: p.Role, Scopes: p.Permissions()}
		return me, nil
	}
	u, err := a.Gate.User(ctx, p.UserID)
	if err != nil {
		return me, err
	}
	shown := a.user(u)
	me.User = &shown
	return me, nil
}

type signedOut struct {
	Cookie string `header:"Set-Cookie"`
}

func (a *API) signOut(ctx context.Context, _ *struct{}) (*signedOut, error) {
	if err := a.Gate.SignOut(ctx, by(ctx).session.Token); err != nil {
		return nil, err
	}
	return &signedOut{a.sessionCookie(auth.Session{})}, nil
}

func (a *API) getMe(ctx context.Context, _ *struct{}) (*answer[Me], error) {
	c := by(ctx)
	me, err := a.me(ctx, c.Principal, c.session.CSRF)
	return &answer[Me]{me}, err
}

type passwordInput struct {
	Body struct {
		Old string `json:"old_password"`
		New string `json:"password" doc:"至少 10 个字符"`
	}
}

func (a *API) changeMyPassword(ctx context.Context, in *passwordInput) (*signedIn, error) {
	c := by(ctx)
	s, err := a.Gate.ChangePassword(ctx, c.UserID, in.Body.Old, in.Body.New, c.place)
	if err != nil {
		return nil, err
	}
	return a.welcome(ctx, s)
}
