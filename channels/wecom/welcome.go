package wecom

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ArtisanCloud/PowerWeChat/v3/src/work/externalContact/messageTemplate/request"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/outbox"
)

// WelcomeSender sends the welcome message (新客户欢迎语, path/92599) that a WelcomeCode is good for: one call
// within 20 s of somebody adding a member of staff. It implements outbox.Sender for outbox.WeComWelcome.
// The body of an attempt is {"welcome_code", "text":{"content"}, "attachments":[…]}.
//
// A code is good for one message, so a repeat can do no harm: the platform answers 41051, which counts as
// sent.
type WelcomeSender struct {
	client   *Client
	accounts *account.Directory
	clk      clock.Clock
}

// NewWelcomeSender makes a sender.
func NewWelcomeSender(client *Client, accounts *account.Directory, clk clock.Clock) *WelcomeSender {
	return &WelcomeSender{client: client, accounts: accounts, clk: clk}
}

// Channel implements outbox.Sender.
func (s *WelcomeSender) Channel() outbox.Channel { return outbox.WeComWelcome }

// welcomeWindow is how long a code lives.
const welcomeWindow = 20 * time.Second

// DedupeWindow implements outbox.Sender.
func (s *WelcomeSender) DedupeWindow() time.Duration { return welcomeWindow }

// Send implements outbox.Sender.
func (s *WelcomeSender) Send(ctx context.Context, m outbox.Attempt) outbox.Outcome {
	acc, ok := s.accounts.WeComByID(m.Account)
	switch {
	case !ok:
		return outbox.Outcome{Status: outbox.Alarm, Reason: "没有企业微信应用 " + m.Account + "：它可能已被删除，请到「设置 → 平台账号」查看"}
	case m.Kind != "welcome":
		return outbox.Outcome{Status: outbox.Alarm, Reason: "欢迎语没有 " + m.Kind + " 这种类型：请检查消息模板"}
	}
	msg, problem := welcomeOf(m.Body)
	if problem != "" {
		return outbox.Outcome{Status: outbox.Alarm, Reason: problem}
	}
	ticket, err := s.client.do(ctx, acc.ContactCredential(), func(a *app) error {
		_, err := a.ExternalContactMessageTemplate.SendWelcomeMsg(context.Background(), msg)
		return err
	})
	if ticket == nil {
		return outbox.Outcome{Status: outbox.Retry, RetryAfter: time.Second, Reason: "企业微信客户端未能建立，稍后自动重试：" + err.Error()}
	}
	return ticket.Outcome(s.clk.Wall(), welcomeWindow)
}

// What a welcome message may hold (path/92599).
const maxAttachments, maxWelcomeBytes = 9, 4000

type welcomeBody struct {
	WelcomeCode string                 `json:"welcome_code"`
	Text        *request.TextOfMessage `json:"text"`
	Attachments []json.RawMessage      `json:"attachments"`
}

// welcomeOf fills the SDK's message. What the platform does not know is refused, not dropped.
func welcomeOf(body []byte) (*request.RequestSendWelcomeMsg, string) {
	var b welcomeBody
	if !strictly(body, &b) {
		return nil, "欢迎语的内容写法不对：请检查消息模板"
	}
	text := b.Text != nil && b.Text.Content != ""
	switch {
	case b.WelcomeCode == "":
		return nil, "没有欢迎语凭证 WelcomeCode：只有「添加客户」事件带凭证，且后台未配置欢迎语；请检查旅程的触发条件"
	case !text && len(b.Attachments) == 0:
		return nil, "欢迎语没有文字也没有附件：请检查消息模板"
	case text && len(b.Text.Content) > maxWelcomeBytes:
		return nil, fmt.Sprintf("欢迎语文字最多 %d 个字节：请缩短消息模板的文字", maxWelcomeBytes)
	case len(b.Attachments) > maxAttachments:
		return nil, fmt.Sprintf("欢迎语最多 %d 个附件，现在有 %d 个：请删减", maxAttachments, len(b.Attachments))
	}
	msg := &request.RequestSendWelcomeMsg{WelcomeCode: b.WelcomeCode, Attachments: make([]request.MessageTemplateInterface, 0, len(b.Attachments))}
	if text {
		msg.Text = b.Text
	}
	for i, raw := range b.Attachments {
		a := &request.Attachment{}
		if !strictly(raw, a) || !whole(a) {
			return nil, fmt.Sprintf("欢迎语的第 %d 个附件写法不对：msgtype 应为 image、link、miniprogram、video 或 file，并只带同名的内容", i+1)
		}
		msg.Attachments = append(msg.Attachments, a)
	}
	return msg, ""
}

func strictly(raw []byte, into any) bool {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(into) == nil && !d.More()
}

// whole reports whether an attachment has the part its type names, with what the platform asks for, and no
// other.
func whole(a *request.Attachment) bool {
	parts := 0
	for _, there := range []bool{a.Image != nil, a.Link != nil, a.MiniProgram != nil, a.Video != nil, a.File != nil} {
		if there {
			parts++
		}
	}
	if parts != 1 {
		return false
	}
	switch a.MsgType {
	case "image":
		return a.Image != nil && (a.Image.MediaID != "" || a.Image.PicURL != "")
	case "link":
		return a.Link != nil && a.Link.Title != "" && a.Link.URL != ""
	case "miniprogram":
		return a.MiniProgram != nil && a.MiniProgram.Title != "" && a.MiniProgram.PicMediaID != "" && a.MiniProgram.AppID != "" && a.MiniProgram.Page != ""
	case "video":
		return a.Video != nil && a.Video.MediaID != ""
	case "file":
		return a.File != nil && a.File.MediaID != ""
	}
	return false
}
