package wechat

import (
	"github.com/gin-gonic/gin"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/event"
)

// App is what the door of an official account or a mini-program goes by.
type App struct {
	AppID, Token, AESKey string
	Mode                 account.Mode
}

// AppDoor takes the callbacks of official accounts or of mini-programs, which the platform sends alike: it
// appends what people did to the log and answers. It knows nothing of what follows, and sends no passive
// reply: replies go out as messages once their cause is durable.
//
// Whether a callback must be encrypted is the account's setting alone: the query's encrypt_type, the
// Content-Type and the readable copy that 兼容模式 adds to the envelope are unsigned and never looked at.
type AppDoor struct {
	Kind      account.Kind // names the path: /callback/<kind>/{app_id}
	JSON      bool         // the account may have chosen JSON; the first character tells which form a callback has
	Callbacks *Callbacks
	// Find returns an app by its AppID.
	Find func(appID string) (App, bool)
	// Read turns a decrypted callback into events; now is business time. Its error is a Reason.
	Read func(appID string, root Element, text string, now int64) ([]*event.Event, error)
}

// Register adds the two routes.
func (d *AppDoor) Register(r gin.IRoutes) {
	path := "/callback/" + string(d.Kind) + "/:app_id"
	r.GET(path, d.Callbacks.Handler(d.echo))
	r.POST(path, d.Callbacks.Handler(d.receive))
}

// echo answers the platform's test when an operator saves the address. It is plain text in every mode
// (接入指南, 消息推送: 验证消息的确来自微信服务器).
func (d *AppDoor) echo(call *Callback) (string, error) {
	app, err := d.app(call)
	if err != nil {
		return "", err
	}
	return call.PlainEcho(app.Token)
}

// receive takes one callback. "success", unencrypted in every mode, means "no reply, and don't try again"
// (被动回复用户消息).
func (d *AppDoor) receive(call *Callback) (string, error) {
	app, err := d.app(call)
	if err != nil {
		return "", err
	}
	open, parse := call.Message, call.Event
	if d.JSON {
		open, parse = call.MessageEither, call.EventEither
	}
	var text string
	if app.Mode == account.ModePlain {
		text, err = call.Plain(app.Token)
	} else {
		text, err = open(Credentials{Token: app.Token, AESKey: app.AESKey, Receiver: app.AppID})
	}
	if err != nil {
		return "", err
	}
	root, err := parse(text)
	if err != nil {
		return "", err
	}
	events, err := d.Read(app.AppID, root, text, call.Now())
	if err != nil {
		return "", err
	}
	return "success", call.Append(events...)
}

func (d *AppDoor) app(call *Callback) (App, error) {
	app, ok := d.Find(call.Param("app_id"))
	if !ok {
		return App{}, UnknownAccount
	}
	call.Account = app.AppID
	return app, nil
}
