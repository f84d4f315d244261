package wecom

import (
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/channels/wechat"
)

// Accounts finds the app a callback is for: *account.Directory.
type Accounts interface {
	WeCom(corpID string, agentID int) (account.WeCom, bool)
}

// Door takes WeCom's callbacks: what staff and customers did, encrypted and signed for one app of a corp.
// It appends them to the log and answers; it knows nothing of what follows. WeCom has no plain mode, so
// neither has the door.
type Door struct {
	accounts  Accounts
	callbacks *wechat.Callbacks
}

// NewDoor makes a door. Register puts it on its path.
func NewDoor(accounts Accounts, callbacks *wechat.Callbacks) *Door {
	return &Door{accounts: accounts, callbacks: callbacks}
}

// Register adds the two routes of /callback/wecom/{corp_id}/{agent_id}.
func (d *Door) Register(r gin.IRoutes) {
	const path = "/callback/wecom/:corp_id/:agent_id"
	r.GET(path, d.callbacks.Handler(d.echo))
	r.POST(path, d.callbacks.Handler(d.receive))
}

// echo answers WeCom's test when an administrator saves the address: the decrypted echostr and nothing
// else (回调配置, 验证URL有效性).
func (d *Door) echo(call *wechat.Callback) (string, error) {
	app, err := d.app(call)
	if err != nil {
		return "", err
	}
	return call.EncryptedEcho(credentials(app))
}

// receive takes one callback. WeCom reads an empty body as "taken, no reply" (接收消息与事件, 被动响应).
func (d *Door) receive(call *wechat.Callback) (string, error) {
	app, err := d.app(call)
	if err != nil {
		return "", err
	}
	text, err := call.Message(credentials(app))
	if err != nil {
		return "", err
	}
	root, err := call.Event(text)
	if err != nil {
		return "", err
	}
	events, err := read(app, root, text, call.Now())
	if err != nil {
		return "", err
	}
	return "", call.Append(events...)
}

func (d *Door) app(call *wechat.Callback) (account.WeCom, error) {
	agentID, err := strconv.Atoi(call.Param("agent_id"))
	if err != nil {
		return account.WeCom{}, wechat.UnknownAccount
	}
	app, ok := d.accounts.WeCom(call.Param("corp_id"), agentID)
	if !ok {
		return account.WeCom{}, wechat.UnknownAccount
	}
	call.Account = app.ID()
	return app, nil
}

func credentials(app account.WeCom) wechat.Credentials {
	return wechat.Credentials{Token: app.Token, AESKey: app.AESKey, Receiver: app.CorpID}
}
