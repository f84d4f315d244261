package miniprogram

import (
	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/channels/wechat"
)

// Accounts finds the mini-program a push is for: *account.Directory.
type Accounts interface {
	Mini(appID string) (account.Mini, bool)
}

// NewDoor makes the door of mini-programs' message pushes (消息推送), at /callback/mini/{app_id}.
func NewDoor(accounts Accounts, callbacks *wechat.Callbacks) *wechat.AppDoor {
	return &wechat.AppDoor{Kind: account.KindMini, JSON: true, Callbacks: callbacks, Read: read, Find: func(appID string) (wechat.App, bool) {
		m, ok := accounts.Mini(appID)
		return wechat.App{AppID: m.AppID, Token: m.Token, AESKey: m.AESKey, Mode: m.Mode}, ok
	}}
}
