package app

import (
	"context"
	"errors"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/channels/officialaccount"
	"github.com/koi-scrm/koi/channels/wechat"
	"github.com/koi-scrm/koi/channels/wecom"
)

// profiles asks the platform an identity belongs to.
type profiles struct {
	wecom    *wecom.Client
	official *officialaccount.Users
	accounts *account.Directory
}

// Profile implements contact.ProfileSource.
func (ps profiles) Profile(ctx context.Context, id event.Identity) (contact.Profile, error) {
	switch id.Kind {
	case event.KindOpenID:
		if _, ok := ps.accounts.Mini(id.Scope); ok {
			return contact.Profile{}, fault.New(fault.NotFound, "小程序没有查询用户资料的接口")
		}
		acc, ok := ps.accounts.Official(id.Scope)
		if !ok {
			break
		}
		f, err := ps.official.Get(ctx, acc, id.Value)
		p := contact.Profile{UnionID: f.UnionID, Account: acc.AppID}
		if f.Subscribed {
			p.Since = max(f.SubscribedAt, 1)
		}
		return p, later(err)
	case event.KindExternal:
		for _, acc := range ps.accounts.WeComs() {
			if acc.CorpID == id.Scope {
				c, err := ps.wecom.Customer(ctx, acc, id.Value)
				return customer(id.Scope, c), later(err)
			}
		}
	}
	return contact.Profile{}, fault.New(fault.NotFound, "这个身份所属的账号没有接入：%s %s", id.Kind, id.Scope)
}

// later gives errors of the platform the kind that contact.ProfileSource promises. What the platform says
// only for now (busy, a relation not known yet) is asked again.
func later(err error) error {
	var e *wechat.Error
	if errors.As(err, &e) && e.Later == 0 {
		return fault.Wrap(err, fault.NotFound, "平台不提供这位客户的资料")
	}
	return err
}

func customer(corp string, c wecom.Customer) contact.Profile {
	out := contact.Profile{UnionID: c.UnionID, Fields: map[string]any{}}
	for key, v := range map[string]string{"name": c.Name, "company": c.CorpName, "title": c.Position, "gender": c.Gender} {
		if v != "" {
			out.Fields[key] = v
		}
	}
	for _, f := range c.Follows {
		out.Staff = append(out.Staff, contact.StaffLink{CorpID: corp, UserID: f.UserID, AddedAt: f.AddedAt, State: f.State})
	}
	return out
}
