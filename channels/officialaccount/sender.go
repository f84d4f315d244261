package officialaccount

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/silenceper/wechat/v2/officialaccount/message"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/channels/wechat"
)

// Sender sends customer-service messages (客服消息) to followers. It implements outbox.Sender for
// outbox.OfficialKF. The body of an attempt is the object that stands under the message type: for a text
// {"content": "…"}. The platform gives these messages no id and never drops a repeat, so a message whose
// fate is uncertain is Unknown and not sent again.
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
func (s *Sender) Channel() outbox.Channel { return outbox.OfficialKF }

// DedupeWindow implements outbox.Sender: the interface knows no key for repeats.
func (s *Sender) DedupeWindow() time.Duration { return 0 }

// Send implements outbox.Sender.
func (s *Sender) Send(ctx context.Context, m outbox.Attempt) outbox.Outcome {
	acc, ok := s.accounts.Official(m.Account)
	if !ok {
		return outbox.Outcome{Status: outbox.Alarm, Reason: "没有公众号 " + m.Account + "：它可能已被删除，请到「设置 → 平台账号」查看"}
	}
	if m.To == "" {
		return outbox.Outcome{Status: outbox.Failed, Reason: "没有接收人的 OpenID：请核对这位粉丝"}
	}
	msg, problem := compose(m)
	if problem != "" {
		return outbox.Outcome{Status: outbox.Alarm, Reason: problem}
	}
	ticket := s.caller.Begin(ctx, acc.Credential())
	defer ticket.End()
	// The SDK's error is a sentence around the errcode that the ticket has read by itself.
	_ = message.NewMessageManager(sdk(ticket)).Send(msg)
	return ticket.Outcome(s.clk.Wall(), 0)
}

// compose fills the SDK's message. A field that the message type does not have is refused, not dropped.
func compose(m outbox.Attempt) (*message.CustomerMessage, string) {
	msg := &message.CustomerMessage{ToUser: m.To, Msgtype: message.MsgType(m.Kind)}
	var part any
	switch m.Kind {
	case "text":
		msg.Text = new(message.MediaText)
		part = msg.Text
	case "image":
		msg.Image = new(message.MediaResource)
		part = msg.Image
	case "news":
		msg.News = new(message.MediaNews)
		part = msg.News
	case "miniprogrampage":
		msg.Miniprogrampage = new(message.MediaMiniprogrampage)
		part = msg.Miniprogrampage
	case "msgmenu":
		msg.Msgmenu = new(message.MediaMsgmenu)
		part = msg.Msgmenu
	default:
		return nil, "客服消息没有 " + m.Kind + " 这种类型：请改用 text、image、news、miniprogrampage 或 msgmenu"
	}
	d := json.NewDecoder(bytes.NewReader(m.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(part); err != nil || d.More() {
		return nil, "消息内容不是 " + m.Kind + " 消息应有的样子：请检查消息模板"
	}
	return msg, ""
}
