package wecom

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/outbox"
)

// Sender sends application messages (应用消息, path/90236) to staff. It implements outbox.Sender for
// outbox.WeComApp. The body of an attempt is the object that stands under the message type: for a text
// {"content": "…"}. The envelope around it depends on nothing but the attempt's account, recipient and
// kind, so a repeat is byte-identical and the platform drops it.
type Sender struct {
	client   *Client
	accounts *account.Directory
	clk      clock.Clock
}

// NewSender makes a sender.
func NewSender(client *Client, accounts *account.Directory, clk clock.Clock) *Sender {
	return &Sender{client: client, accounts: accounts, clk: clk}
}

// Channel implements outbox.Sender.
func (s *Sender) Channel() outbox.Channel { return outbox.WeComApp }

// dedupeWindow is duplicate_check_interval: 1800 s by default, 4 h at most (path/90236).
const dedupeWindow = 30 * time.Minute

// DedupeWindow implements outbox.Sender.
func (s *Sender) DedupeWindow() time.Duration { return dedupeWindow }

// kinds are the message types sent so far.
var kinds = []string{"text", "textcard", "template_card"}

// envelope is the request of message/send. The order of the fields is part of the message's identity.
type envelope struct {
	ToUser  string
	Kind    string
	AgentID int
	Content []byte
}

// body composes the request. The content goes in as it is, byte by byte.
func (e envelope) body() (string, error) {
	user, err := json.Marshal(e.ToUser)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, `{"touser":%s,"msgtype":%q,"agentid":%d,%q:%s,"enable_duplicate_check":1,"duplicate_check_interval":%d}`,
		user, e.Kind, e.AgentID, e.Kind, e.Content, int(dedupeWindow.Seconds()))
	return b.String(), nil
}

// Send implements outbox.Sender.
func (s *Sender) Send(ctx context.Context, m outbox.Attempt) outbox.Outcome {
	acc, ok := s.accounts.WeComByID(m.Account)
	if !ok {
		return outbox.Outcome{Status: outbox.Alarm, Reason: "没有企业微信应用 " + m.Account + "：它可能已被删除，请到「设置 → 平台账号」查看"}
	}
	if !slices.Contains(kinds, m.Kind) {
		return outbox.Outcome{Status: outbox.Alarm, Reason: "企业微信应用消息没有 " + m.Kind + " 这种类型：请改用 text、textcard 或 template_card"}
	}
	// "a|b" and "@all" would go to others than the one this message was decided for.
	if m.To == "" || strings.ContainsAny(m.To, "|") || strings.HasPrefix(m.To, "@") {
		return outbox.Outcome{Status: outbox.Failed, Reason: "接收人不对：一条消息只发给一位成员，请核对 UserID"}
	}
	if b := bytes.TrimSpace(m.Body); len(b) == 0 || b[0] != '{' || !json.Valid(b) {
		return outbox.Outcome{Status: outbox.Alarm, Reason: "消息内容不是有效的 JSON：请检查消息模板"}
	}
	body, err := envelope{ToUser: m.To, Kind: m.Kind, AgentID: acc.AgentID, Content: m.Body}.body()
	if err != nil {
		return outbox.Outcome{Status: outbox.Alarm, Reason: "消息内容无法编码：请检查消息模板"}
	}
	ticket, err := s.client.do(ctx, acc.Credential(), func(a *app) error {
		_, err := a.Message.Send(context.Background(), body) // text goes out unchanged, any other type is encoded anew
		return err
	})
	if ticket == nil {
		return outbox.Outcome{Status: outbox.Retry, RetryAfter: time.Minute, Reason: "企业微信客户端未能建立，稍后自动重试：" + err.Error()}
	}
	return settle(ticket.Outcome(s.clk.Wall(), dedupeWindow), ticket.Decode)
}

// settle reads what message/send says beside errcode 0: the message's id, and whom it did not reach.
func settle(o outbox.Outcome, decode func(any) error) outbox.Outcome {
	if o.Status != outbox.Sent {
		return o
	}
	var got struct {
		MsgID          string `json:"msgid"`
		InvalidUser    string `json:"invaliduser"`
		UnlicensedUser string `json:"unlicenseduser"`
	}
	if err := decode(&got); err != nil {
		return outbox.Outcome{Status: outbox.Unknown, Reason: "平台的回答无法识别：不确定是否送达"}
	}
	o.PlatformID = got.MsgID
	switch {
	case got.InvalidUser != "":
		o.Status, o.Reason = outbox.Failed, "接收人不在应用的可见范围内，或没有激活企业微信：请在管理后台调整可见范围，或同步通讯录"
	case got.UnlicensedUser != "":
		o.Status, o.Reason = outbox.Failed, "接收人没有接口许可（license）：请在企业微信管理后台为该成员分配许可"
	}
	return o
}
