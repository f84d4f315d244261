package officialaccount

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/silenceper/wechat/v2/officialaccount/message"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/channels/wechat"
)

// desk is what the senders of template-like messages have in common.
type desk struct {
	caller   *wechat.Caller
	accounts *account.Directory
	clk      clock.Clock
}

// open finds the account of an attempt, or says why there is nothing to send.
func (d desk) open(m outbox.Attempt, kind, label string) (account.Credential, *outbox.Outcome) {
	acc, ok := d.accounts.Official(m.Account)
	switch {
	case !ok:
		return account.Credential{}, &outbox.Outcome{Status: outbox.Alarm, Reason: "没有公众号 " + m.Account + "：它可能已被删除，请到「设置 → 平台账号」查看"}
	case m.Kind != kind:
		return account.Credential{}, wrongBody(label + "没有 " + m.Kind + " 这种类型：请检查消息模板")
	case m.To == "":
		return account.Credential{}, &outbox.Outcome{Status: outbox.Failed, Reason: "没有接收人的 OpenID：请核对这位粉丝"}
	}
	return acc.Credential(), nil
}

func wrongBody(reason string) *outbox.Outcome {
	return &outbox.Outcome{Status: outbox.Alarm, Reason: reason}
}

// decode reads a body; a member the platform does not have is refused, not dropped.
func decode(body []byte, into any, label string) *outbox.Outcome {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil || d.More() {
		return wrongBody(label + "的内容写法不对：请检查消息模板")
	}
	return nil
}

// page is a mini-program's page that a message leads to.
type page struct {
	AppID    string `json:"appid"`
	PagePath string `json:"pagepath"`
}

// value is a field of a template.
type value struct {
	Value string `json:"value"`
	Color string `json:"color,omitempty"`
}

// filled finds what a template message cannot go without. The platform would answer 40037 or 47003, and
// take a call from the day's quota.
func filled(label, templateID string, data map[string]value, mini *page) *outbox.Outcome {
	switch {
	case strings.TrimSpace(templateID) == "":
		return wrongBody(label + "没有模板 ID：请检查消息模板")
	case len(data) == 0:
		return wrongBody(label + "没有任何字段：请检查消息模板")
	case mini != nil && mini.AppID == "":
		return wrongBody(label + "要打开的小程序没有 AppID：请检查消息模板")
	}
	return nil
}

// taken adds the message id that the platform gave. It is a number beyond what a float64 holds.
func taken(o outbox.Outcome, t *wechat.Ticket) outbox.Outcome {
	if o.Status != outbox.Sent {
		return o
	}
	var got struct {
		MsgID json.Number `json:"msgid"`
	}
	if t.Decode(&got) == nil && got.MsgID != "0" { // without one no receipt can be told from others; it went all the same
		o.PlatformID = got.MsgID.String()
	}
	return o
}

// templateWindow is how long the platform knows a client_msg_id (模板消息, "防重入id").
const templateWindow = 10 * time.Minute

// TemplateSender sends template messages (模板消息). It implements outbox.Sender for
// outbox.OfficialTemplate. The body of an attempt is {"template_id", "url", "miniprogram", "data"}. Every
// attempt of a message carries the same client_msg_id, so the platform drops repeats for ten minutes and
// answers them with 45065 or the first one's msgid. What became of a message that it took comes as a
// receipt (TEMPLATESENDJOBFINISH).
type TemplateSender struct{ desk }

// NewTemplateSender makes a sender.
func NewTemplateSender(caller *wechat.Caller, accounts *account.Directory, clk clock.Clock) *TemplateSender {
	return &TemplateSender{desk{caller, accounts, clk}}
}

// Channel implements outbox.Sender.
func (s *TemplateSender) Channel() outbox.Channel { return outbox.OfficialTemplate }

// DedupeWindow implements outbox.Sender.
func (s *TemplateSender) DedupeWindow() time.Duration { return templateWindow }

const templateLabel = "模板消息"

// Send implements outbox.Sender.
func (s *TemplateSender) Send(ctx context.Context, m outbox.Attempt) outbox.Outcome {
	cred, no := s.open(m, "template", templateLabel)
	if no != nil {
		return *no
	}
	var b struct {
		TemplateID  string           `json:"template_id"`
		URL         string           `json:"url"`
		Miniprogram *page            `json:"miniprogram"`
		Data        map[string]value `json:"data"`
	}
	if no = decode(m.Body, &b, templateLabel); no == nil {
		no = filled(templateLabel, b.TemplateID, b.Data, b.Miniprogram)
	}
	if no != nil {
		return *no
	}
	msg := &message.TemplateMessage{ToUser: m.To, TemplateID: b.TemplateID, URL: b.URL, Data: map[string]*message.TemplateDataItem{},
		ClientMsgID: "koi-" + strconv.FormatInt(m.ID, 10)}
	for name, v := range b.Data {
		msg.Data[name] = &message.TemplateDataItem{Value: v.Value, Color: v.Color}
	}
	if b.Miniprogram != nil {
		msg.MiniProgram.AppID, msg.MiniProgram.PagePath = b.Miniprogram.AppID, b.Miniprogram.PagePath
	}
	ticket := s.caller.Begin(ctx, cred)
	defer ticket.End()
	// The SDK's error is a sentence around the errcode that the ticket has read by itself.
	_, _ = message.NewTemplate(sdk(ticket)).Send(msg)
	return taken(ticket.Outcome(s.clk.Wall(), templateWindow), ticket)
}
