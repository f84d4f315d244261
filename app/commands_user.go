package app

import (
	"context"
	"encoding/json"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/fault"
)

// UserInput is what `koi user add` and `koi user passwd` ask.
type UserInput struct {
	Login    string    `json:"login"`
	Name     string    `json:"name,omitempty"`
	Role     auth.Role `json:"role,omitempty"`
	Staff    string    `json:"staff,omitempty"` // "CorpID/userid"
	Password string    `json:"password"`
	By       string    `json:"by,omitempty"`
}

// UserLine is a user as `koi user list` shows them. Times are wall time, Unix ms.
type UserLine struct {
	Login      string    `json:"login"`
	Name       string    `json:"name"`
	Role       auth.Role `json:"role"`
	Staff      string    `json:"staff,omitempty"`
	Disabled   bool      `json:"disabled"`
	SignedInAt int64     `json:"signed_in_at"`
}

func userInput(in json.RawMessage) (UserInput, error) {
	var q UserInput
	if err := json.Unmarshal(in, &q); err != nil {
		return q, fault.Wrap(err, fault.Invalid, "命令写法不对")
	}
	return q, nil
}

func line(u auth.User) UserLine {
	return UserLine{Login: u.Login, Name: u.Name, Role: u.Role, Staff: u.Staff, Disabled: u.Disabled, SignedInAt: u.SignedInAt}
}

func (a *App) addUser(ctx context.Context, in json.RawMessage) (any, error) {
	q, err := userInput(in)
	if err != nil {
		return nil, err
	}
	u, err := a.Gate.AddUser(ctx, auth.NewUser{Login: q.Login, Name: q.Name, Role: q.Role, Staff: q.Staff, Password: q.Password})
	return line(u), err
}

func (a *App) changePassword(ctx context.Context, in json.RawMessage) (any, error) {
	q, err := userInput(in)
	if err != nil {
		return nil, err
	}
	u, err := a.Gate.UserByLogin(ctx, q.Login)
	if err != nil {
		return nil, err
	}
	u, err = a.Gate.ChangeUser(ctx, u.ID, auth.UserChange{Password: &q.Password})
	return line(u), err
}

func (a *App) listUsers(ctx context.Context, _ json.RawMessage) (any, error) {
	users, err := a.Gate.Users(ctx)
	out := make([]UserLine, len(users))
	for i, u := range users {
		out[i] = line(u)
	}
	return out, err
}
