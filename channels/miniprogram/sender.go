package miniprogram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/silenceper/wechat/v2/miniprogram/config"
	mpcontext "github.com/silenceper/wechat/v2/miniprogram/context"
	"github.com/silenceper/wechat/v2/miniprogram/subscribe"
	"github.com/silenceper/wechat/v2/util"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/channels/wechat"
)

// silenceper has one HTTP client for the whole process; it gets one that sends nothing but tickets
// (wechat.Ticket), the same that channels/officialaccount gives it.
func init() { util.DefaultHTTPClient = &http.Client{Transport: wechat.RoundTripper} }

// Sender sends subscription messages (订阅消息, subscribeMessage.send) to who agreed to them. It implements
// outbox.Sender for outbox.MiniSubscribe. The body of an attempt is {"template_id", "page", "data",
// "miniprogram_state", "lang"}. The interface knows no key for repeats, so a message whose fate is uncertain
// is Unknown and not sent again. Each agreement is good for one message (43101 when there is none left).
type Sender struct {
	caller   *wechat.Caller
	accounts *account.Directory
	clk      clock.Clock
}

// NewSender makes a sender.
func NewSender(caller *wechat.Caller, accounts *account.Directory, clk clock.Clock) *Sender {
	return &Sender{caller: caller, accounts: accounts, clk: clk}
}

// Channel implements outbox.Sender.
func (s *Sender) Channel() outbox.Channel { return outbox.MiniSubscribe }

// DedupeWindow implements outbox.Sender.
func (s *Sender) DedupeWindow() time.Duration { return 0 }

// Send implements outbox.Sender.
func (s *Sender) Send(ctx context.Context, m outbox.Attempt) outbox.Outcome {
	acc, ok := s.accounts.Mini(m.Account)
	switch {
	case !ok:
		return outbox.Outcome{Status: outbox.Alarm, Reason: "没有小程序 " + m.Account + "：它可能已被删除，请到「设置 → 平台账号」查看"}
	case m.Kind != "subscribe":
		return outbox.Outcome{Status: outbox.Alarm, Reason: "小程序订阅消息没有 " + m.Kind + " 这种类型：请检查消息模板"}
	case m.To == "":
		return outbox.Outcome{Status: outbox.Failed, Reason: "没有接收人的 OpenID：请核对这位用户"}
	}
	msg, problem := compose(m)
	if problem != "" {
		return outbox.Outcome{Status: outbox.Alarm, Reason: problem}
	}
	ticket := s.caller.Begin(ctx, acc.Credential())
	defer ticket.End()
	// The SDK's error is a sentence around the errcode that the ticket has read by itself.
	_, _ = subscribe.NewSubscribe(sdk(ticket)).SendGetMsgID(msg)
	o := ticket.Outcome(s.clk.Wall(), 0)
	var got struct {
		MsgID json.Number `json:"msgid"`
	}
	if o.Status == outbox.Sent && ticket.Decode(&got) == nil && got.MsgID != "0" {
		o.PlatformID = got.MsgID.String()
	}
	return o
}

// The versions and languages that the interface knows.
var (
	states = []string{"formal", "trial", "developer"}
	langs  = []string{"zh_CN", "zh_HK", "zh_TW", "en_US"}
)

// compose fills the SDK's message, which sends every field it has: an empty version or language would be
// no version and no language, so the platform's defaults are written out.
func compose(m outbox.Attempt) (*subscribe.Message, string) {
	const label = "小程序订阅消息"
	var b struct {
		TemplateID string `json:"template_id"`
		Page       string `json:"page"`
		Data       map[string]struct {
			Value string `json:"value"`
		} `json:"data"`
		State string `json:"miniprogram_state"`
		Lang  string `json:"lang"`
	}
	d := json.NewDecoder(bytes.NewReader(m.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil || d.More() {
		return nil, label + "的内容写法不对：请检查消息模板"
	}
	if b.State == "" {
		b.State = states[0]
	}
	if b.Lang == "" {
		b.Lang = langs[0]
	}
	switch {
	case strings.TrimSpace(b.TemplateID) == "":
		return nil, label + "没有模板 ID：请检查消息模板"
	case len(b.Data) == 0:
		return nil, label + "没有任何字段：请检查消息模板"
	case !slices.Contains(states, b.State):
		return nil, "miniprogram_state 只能是 " + strings.Join(states, "、") + "：请检查消息模板"
	case !slices.Contains(langs, b.Lang):
		return nil, "lang 只能是 " + strings.Join(langs, "、") + "：请检查消息模板"
	}
	msg := &subscribe.Message{ToUser: m.To, TemplateID: b.TemplateID, Page: b.Page, Data: map[string]*subscribe.DataItem{}, MiniprogramState: b.State, Lang: b.Lang}
	for name, v := range b.Data {
		msg.Data[name] = &subscribe.DataItem{Value: v.Value}
	}
	return msg, ""
}

// sdk makes what silenceper's managers take for a mini-program. It is cheap: one for each call, so that
// nothing the SDK keeps in it is shared.
func sdk(t *wechat.Ticket) *mpcontext.Context {
	return &mpcontext.Context{Config: &config.Config{Cache: noCache{}}, AccessTokenContextHandle: handle{t}}
}

// handle is the SDK's source of access tokens.
type handle struct{ ticket *wechat.Ticket }

func (h handle) GetAccessToken() (string, error)                       { return h.ticket.String(), nil }
func (h handle) GetAccessTokenContext(context.Context) (string, error) { return h.ticket.String(), nil }

// noCache keeps nothing: tokens never enter the SDK, and its own memory cache is not safe for concurrent use.
type noCache struct{}

func (noCache) Get(string) any                       { return nil }
func (noCache) Set(string, any, time.Duration) error { return errors.New("the SDK keeps nothing") }
func (noCache) IsExist(string) bool                  { return false }
func (noCache) Delete(string) error                  { return nil }
