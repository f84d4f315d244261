package officialaccount

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/ArtisanCloud/PowerLibs/v3/logger/drivers"
	"github.com/ArtisanCloud/PowerLibs/v3/object"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/kernel"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/kernel/power"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/kernel/providers"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/officialAccount/templateMessage"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/officialAccount/templateMessage/request"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/channels/wechat"
)

// OnceSender sends one-time subscription messages (一次性订阅消息, message/template/subscribe): one for each
// time somebody agreed, in the scene they agreed in. It implements outbox.Sender for outbox.OfficialOnce.
// The body of an attempt is {"template_id", "scene", "title", "url", "miniprogram", "data":{"content":
// {"value", "color"}}}. The platform gives these messages no id and no receipt, and drops no repeat.
type OnceSender struct {
	desk
	apps onceApps
}

// NewOnceSender makes a sender.
func NewOnceSender(caller *wechat.Caller, accounts *account.Directory, clk clock.Clock) *OnceSender {
	return &OnceSender{desk: desk{caller, accounts, clk}}
}

// Channel implements outbox.Sender.
func (s *OnceSender) Channel() outbox.Channel { return outbox.OfficialOnce }

// DedupeWindow implements outbox.Sender.
func (s *OnceSender) DedupeWindow() time.Duration { return 0 }

const (
	onceLabel = "一次性订阅消息"
	// What the interface takes (一次性订阅消息): a title of 15 characters, a text of 200, a scene from 0 to
	// 10000.
	onceTitle, onceContent, onceScene = 15, 200, 10_000
)

type onceBody struct {
	TemplateID  string           `json:"template_id"`
	Scene       json.Number      `json:"scene"`
	Title       string           `json:"title"`
	URL         string           `json:"url"`
	Miniprogram *page            `json:"miniprogram"`
	Data        map[string]value `json:"data"`
}

func (b *onceBody) check() *outbox.Outcome {
	if no := filled(onceLabel, b.TemplateID, b.Data, b.Miniprogram); no != nil {
		return no
	}
	content, ok := b.Data["content"]
	scene, err := strconv.ParseUint(b.Scene.String(), 10, 32)
	switch {
	case !ok || len(b.Data) > 1:
		return wrongBody(onceLabel + "只有 content 一个字段：请检查消息模板")
	case err != nil || scene > onceScene:
		return wrongBody(fmt.Sprintf("%s的场景值应是 0 到 %d 的整数：请检查消息模板", onceLabel, onceScene))
	case b.Title == "" || utf8.RuneCountInString(b.Title) > onceTitle:
		return wrongBody(fmt.Sprintf("%s的标题应为 1 到 %d 个字：请缩短消息模板的标题", onceLabel, onceTitle))
	case content.Value == "" || utf8.RuneCountInString(content.Value) > onceContent:
		return wrongBody(fmt.Sprintf("%s的内容应为 1 到 %d 个字：请缩短消息模板的文字", onceLabel, onceContent))
	}
	return nil
}

// Send implements outbox.Sender.
func (s *OnceSender) Send(ctx context.Context, m outbox.Attempt) outbox.Outcome {
	cred, no := s.open(m, "once", onceLabel)
	if no != nil {
		return *no
	}
	var b onceBody
	if no = decode(m.Body, &b, onceLabel); no == nil {
		no = b.check()
	}
	if no != nil {
		return *no
	}
	data := power.HashMap{}
	for name, v := range b.Data {
		data[name] = v
	}
	msg := &request.RequestTemlateMessageSubscribe{ToUser: m.To, TemplateID: b.TemplateID, URL: b.URL, Scene: b.Scene.String(), Title: b.Title, Data: &data}
	if b.Miniprogram != nil {
		msg.MiniProgram = &request.MiniProgram{AppID: b.Miniprogram.AppID, PagePath: b.Miniprogram.PagePath}
	}
	ticket := s.caller.Begin(ctx, cred)
	defer ticket.End()
	if err := s.apps.send(ticket, msg); err != nil {
		return outbox.Outcome{Status: outbox.Retry, RetryAfter: time.Minute, Reason: "微信客户端未能建立，稍后自动重试：" + err.Error()}
	}
	return ticket.Outcome(s.clk.Wall(), 0)
}

// onceApps are PowerWeChat clients for the one interface that silenceper lacks. The SDK's whole official
// account would be some forty clients and a token of its own for each; this takes the one client and the
// kernel below it. A client writes to itself during a request, so it is lent to one goroutine at a time.
type onceApps struct {
	mu   sync.Mutex
	idle []*onceApp
}

const maxIdleApps = 32

// send borrows an app for one call. The error is that there is none; what the platform said is the ticket's.
func (p *onceApps) send(t *wechat.Ticket, msg *request.RequestTemlateMessageSubscribe) error {
	p.mu.Lock()
	var a *onceApp
	if n := len(p.idle); n > 0 {
		a, p.idle = p.idle[n-1], p.idle[:n-1]
	}
	p.mu.Unlock()
	if a == nil {
		var err error
		if a, err = newOnceApp(); err != nil {
			return err
		}
	}
	a.ticket = t
	panicked := true
	defer func() {
		a.ticket = nil
		if panicked { // it asserts types of what it reads; such an app is in no known state
			_ = recover() // the ticket tells what the platform said
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.idle) < maxIdleApps {
			p.idle = append(p.idle, a)
		}
	}()
	// Values in other contexts mean things to PowerWeChat ("query"); the ticket's ends the call.
	_, _ = a.messages.SendSubscription(context.Background(), msg)
	panicked = false
	return nil
}

// onceApp is what PowerWeChat's clients take for an application.
type onceApp struct {
	*kernel.ServiceContainer
	config   *kernel.Config
	token    *kernel.AccessToken
	logger   *drivers.DummyLogger
	messages *templateMessage.Client
	ticket   *wechat.Ticket
}

func newOnceApp() (*onceApp, error) {
	container, err := kernel.NewServiceContainer(&object.HashMap{
		"http":  &object.HashMap{"transport": wechat.RoundTripper, "timeout": 60.0, "base_uri": "https://api.weixin.qq.com/"},
		"cache": forgetful{}, // else tokens lie in the clear in ~/.ArtisanCloud
	})
	if err != nil {
		return nil, fmt.Errorf("make PowerWeChat container: %w", err)
	}
	a := &onceApp{ServiceContainer: container, logger: &drivers.DummyLogger{}}
	a.config = providers.RegisterConfigProvider(a)
	if a.token, err = kernel.NewAccessToken(a); err != nil {
		return nil, fmt.Errorf("make PowerWeChat token: %w", err)
	}
	a.token.GetCredentials = func() *object.StringMap { return &object.StringMap{} }
	// Any other type in this map panics inside the SDK. Without a ticket the transport refuses the call.
	a.token.GetCustomToken = func(string, bool) object.HashMap {
		token := "none"
		if a.ticket != nil {
			token = a.ticket.String()
		}
		return object.HashMap{"access_token": token, "expires_in": float64(7200)}
	}
	if a.messages, err = templateMessage.RegisterProvider(a); err != nil {
		return nil, fmt.Errorf("make PowerWeChat client: %w", err)
	}
	return a, nil
}

// GetContainer implements kernel.ApplicationInterface.
func (a *onceApp) GetContainer() *kernel.ServiceContainer { return a.ServiceContainer }

// GetAccessToken implements kernel.ApplicationInterface.
func (a *onceApp) GetAccessToken() *kernel.AccessToken { return a.token }

// GetConfig implements kernel.ApplicationInterface.
func (a *onceApp) GetConfig() *kernel.Config { return a.config }

// GetComponent implements kernel.ApplicationInterface: the one thing asked for is the logger.
func (a *onceApp) GetComponent(string) any { return a.logger }

// forgetful keeps nothing: tokens never enter the SDK.
type forgetful struct{}

var errForgetful = errors.New("the SDK keeps nothing")

func (forgetful) Get(string, any) (any, error)          { return nil, errForgetful }
func (forgetful) Set(string, any, time.Duration) error  { return errForgetful }
func (forgetful) Has(string) bool                       { return false }
func (forgetful) AddNX(string, any, time.Duration) bool { return false }
func (forgetful) Add(string, any, time.Duration) error  { return errForgetful }
func (forgetful) Remember(string, time.Duration, func() (any, error)) (any, error) {
	return nil, errForgetful
}
