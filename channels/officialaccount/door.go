package officialaccount

import (
	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/channels/wechat"
)

// Accounts finds the account a callback is for: *account.Directory.
type Accounts interface {
	Official(appID string) (account.Official, bool)
}

// NewDoor makes the door of official accounts, at /callback/official/{app_id}.
func NewDoor(accounts Accounts, callbacks *wechat.Callbacks) *wechat.AppDoor {
	return &wechat.AppDoor{Kind: account.KindOfficial, Callbacks: callbacks, Read: read, Find: func(appID string) (wechat.App, bool) {
		o, ok := accounts.Official(appID)
		return wechat.App{AppID: o.AppID, Token: o.Token, AESKey: o.AESKey, Mode: o.Mode}, ok
	}}
}
