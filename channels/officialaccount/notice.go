package officialaccount

import (
	"context"
	"time"

	"github.com/silenceper/wechat/v2/officialaccount/message"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/channels/wechat"
)

// NoticeSender sends subscription notices (订阅通知, bizsend) to who subscribed to them. It implements
// outbox.Sender for outbox.OfficialNotice. The body of an attempt is {"template_id", "page", "miniprogram",
// "data"}. The interface knows no key for repeats, so a message whose fate is uncertain is Unknown and not
// sent again.
type NoticeSender struct{ desk }

// NewNoticeSender makes a sender.
func NewNoticeSender(caller *wechat.Caller, accounts *account.Directory, clk clock.Clock) *NoticeSender {
	return &NoticeSender{desk{caller, accounts, clk}}
}

// Channel implements outbox.Sender.
func (s *NoticeSender) Channel() outbox.Channel { return outbox.OfficialNotice }

// DedupeWindow implements outbox.Sender.
func (s *NoticeSender) DedupeWindow() time.Duration { return 0 }

const noticeLabel = "订阅通知"

// Send implements outbox.Sender.
func (s *NoticeSender) Send(ctx context.Context, m outbox.Attempt) outbox.Outcome {
	cred, no := s.open(m, "notice", noticeLabel)
	if no != nil {
		return *no
	}
	var b struct {
		TemplateID  string           `json:"template_id"`
		Page        string           `json:"page"`
		Miniprogram *page            `json:"miniprogram"`
		Data        map[string]value `json:"data"`
	}
	if no = decode(m.Body, &b, noticeLabel); no == nil {
		no = filled(noticeLabel, b.TemplateID, b.Data, b.Miniprogram)
	}
	if no != nil {
		return *no
	}
	msg := &message.SubscribeMessage{ToUser: m.To, TemplateID: b.TemplateID, Page: b.Page, Data: map[string]*message.SubscribeDataItem{}}
	for name, v := range b.Data {
		msg.Data[name] = &message.SubscribeDataItem{Value: v.Value}
	}
	if b.Miniprogram != nil {
		msg.MiniProgram.AppID, msg.MiniProgram.PagePath = b.Miniprogram.AppID, b.Miniprogram.PagePath
	}
	ticket := s.caller.Begin(ctx, cred)
	defer ticket.End()
	_ = message.NewSubscribe(sdk(ticket)).Send(msg) // the ticket has read the errcode by itself
	return taken(ticket.Outcome(s.clk.Wall(), 0), ticket)
}
