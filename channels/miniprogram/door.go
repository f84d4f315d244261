package miniprogram

import (
	"github.com/gin-gonic/gin"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/channels/wechat"
)

// DoorAccounts finds the account a push is for: *account.Directory.
type DoorAccounts interface {
	Mini(appID string) (account.Mini, bool)
}

// Door takes mini-programs' message pushes (消息推送), in XML and in JSON: it appends what users did to the
// log and answers. It knows nothing of what follows, and sends no passive reply.
//
// Whether a push must be encrypted is the account's setting alone: the query's encrypt_type, the
// Content-Type and the readable copy that 兼容模式 adds are unsigned and never looked at. Which of the two
// forms it has is told by its first character.
type Door struct {
	accounts  DoorAccounts
	callbacks *wechat.Callbacks
}

// NewDoor makes a door. Register puts it on its path.
func NewDoor(accounts DoorAccounts, callbacks *wechat.Callbacks) *Door {
	return &Door{accounts: accounts, callbacks: callbacks}
}

// Register adds the two routes of /callback/mini/{app_id}.
func (d *Door) Register(r gin.IRoutes) {
	const path = "/callback/mini/:app_id"
	r.GET(path, d.callbacks.Handler(d.echo))
	r.POST(path, d.callbacks.Handler(d.receive))
}

// echo answers the platform's test when an operator saves the address. It is plain text in every mode
// (消息推送, 验证消息的确来自微信服务器).
func (d *Door) echo(call *wechat.Callback) (string, error) {
	app, err := d.app(call)
	if err != nil {
		return "", err
	}
	return call.PlainEcho(app.Token)
}

// receive takes one push. "success", unencrypted in every mode, means "no reply, and don't try again".
func (d *Door) receive(call *wechat.Callback) (string, error) {
	app, err := d.app(call)
	if err != nil {
		return "", err
	}
	var text string
	if app.Mode == account.ModePlain {
		text, err = call.Plain(app.Token)
	} else {
		text, err = call.MessageEither(wechat.Credentials{Token: app.Token, AESKey: app.AESKey, Receiver: app.AppID})
	}
	if err != nil {
		return "", err
	}
	root, err := call.EventEither(text)
	if err != nil {
		return "", err
	}
	events, err := read(app.AppID, root, text, call.Now())
	if err != nil {
		return "", err
	}
	return "success", call.Append(events...)
}

func (d *Door) app(call *wechat.Callback) (account.Mini, error) {
	app, ok := d.accounts.Mini(call.Param("app_id"))
	if !ok {
		return account.Mini{}, wechat.UnknownAccount
	}
	call.Account = app.ID()
	return app, nil
}
