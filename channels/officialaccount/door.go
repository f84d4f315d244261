package officialaccount

import (
	"github.com/gin-gonic/gin"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/channels/wechat"
)

// Accounts finds the account a callback is for: *account.Directory.
type Accounts interface {
	Official(appID string) (account.Official, bool)
}

// Door takes official accounts' callbacks: what followers did. It appends them to the log and answers; it
// knows nothing of what follows, and sends no passive reply: replies go out as customer-service messages
// once their cause is durable.
//
// Whether a callback must be encrypted is the account's setting alone. The query's encrypt_type and the
// readable copy that 兼容模式 adds to the envelope are unsigned and never looked at.
type Door struct {
	accounts  Accounts
	callbacks *wechat.Callbacks
}

// NewDoor makes a door. Register puts it on its path.
func NewDoor(accounts Accounts, callbacks *wechat.Callbacks) *Door {
	return &Door{accounts: accounts, callbacks: callbacks}
}

// Register adds the two routes of /callback/official/{app_id}.
func (d *Door) Register(r gin.IRoutes) {
	const path = "/callback/official/:app_id"
	r.GET(path, d.callbacks.Handler(d.echo))
	r.POST(path, d.callbacks.Handler(d.receive))
}

// echo answers the platform's test when an operator saves the address. It is plain text in every mode
// (接入指南, 验证消息的确来自微信服务器).
func (d *Door) echo(call *wechat.Callback) (string, error) {
	app, err := d.app(call)
	if err != nil {
		return "", err
	}
	return call.PlainEcho(app.Token)
}

// receive takes one callback. "success", unencrypted in every mode, means "no reply, and don't try again"
// (被动回复用户消息).
func (d *Door) receive(call *wechat.Callback) (string, error) {
	app, err := d.app(call)
	if err != nil {
		return "", err
	}
	var text string
	if app.Mode == account.ModePlain {
		text, err = call.Plain(app.Token)
	} else {
		text, err = call.Message(wechat.Credentials{Token: app.Token, AESKey: app.AESKey, Receiver: app.AppID})
	}
	if err != nil {
		return "", err
	}
	root, err := call.Event(text)
	if err != nil {
		return "", err
	}
	events, err := read(app.AppID, root, text, call.Now())
	if err != nil {
		return "", err
	}
	return "success", call.Append(events...)
}

func (d *Door) app(call *wechat.Callback) (account.Official, error) {
	app, ok := d.accounts.Official(call.Param("app_id"))
	if !ok {
		return account.Official{}, wechat.UnknownAccount
	}
	call.Account = app.ID()
	return app, nil
}
