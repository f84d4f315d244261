package app

import (
	"context"

	"github.com/koi-scrm/koi/channels/officialaccount"
	"github.com/koi-scrm/koi/h5"
)

// pageWeChat is what public pages need of official accounts, in their words.
type pageWeChat struct{ *officialaccount.Web }

// Identify implements h5.WeChat.
func (w pageWeChat) Identify(ctx context.Context, appID, code string) (h5.Follower, error) {
	u, err := w.Web.Identify(ctx, appID, code)
	return h5.Follower{OpenID: u.OpenID, UnionID: u.UnionID, Snapshot: u.Snapshot}, err
}

// Sign implements h5.WeChat.
func (w pageWeChat) Sign(ctx context.Context, appID, address string) (h5.Signature, error) {
	s, err := w.Web.Sign(ctx, appID, address)
	return h5.Signature{AppID: s.AppID, Timestamp: s.Timestamp, Nonce: s.Nonce, Signature: s.Signature}, err
}
