package httpapi

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/outbox"
)

// Message is a message that was, is or will be sent.
type Message struct {
	ID           ID         `json:"id"`
	EventID      ID         `json:"event_id" doc:"由哪个事件引起"`
	ContactID    ID         `json:"contact_id,omitempty" doc:"发给谁；员工提醒则是关于谁"`
	ContactName  string     `json:"contact_name,omitempty" doc:"您看得到的客户才有"`
	Channel      string     `json:"channel"`
	ChannelLabel string     `json:"channel_label"`
	Account      string     `json:"account"`
	To           string     `json:"to" doc:"OpenID、userid 或 Webhook 的 key"`
	ToName       string     `json:"to_name,omitempty" doc:"员工的姓名、Webhook 的名称"`
	Class        string     `json:"class" doc:"reply service marketing staff_alert"`
	Kind         string     `json:"kind" doc:"text textcard template_card"`
	Step         string     `json:"step,omitempty"`
	JourneyID    ID         `json:"journey_id,omitempty"`
	RunID        ID         `json:"run_id,omitempty"`
	Test         bool       `json:"test,omitempty"`
	State        string     `json:"state"`
	StateLabel   string     `json:"state_label"`
	Reason       string     `json:"reason,omitempty"`
	ReasonLabel  string     `json:"reason_label,omitempty"`
	ReasonNote   string     `json:"reason_note,omitempty" doc:"原因的一句话说明"`
	Advice       string     `json:"advice,omitempty" doc:"接下来会怎样、可以怎么办"`
	Detail       string     `json:"detail,omitempty" doc:"平台怎么说"`
	Code         int        `json:"code,omitempty" doc:"平台错误码"`
	Attempts     int        `json:"attempts"`
	DigestID     ID         `json:"digest_id,omitempty" doc:"并入了哪一条汇总提醒；结果与那一条相同"`
	DueAt        *time.Time `json:"due_at,omitempty" doc:"什么时候会自动处理"`
	ExpiresAt    *time.Time `json:"expires_at,omitempty"`
	CreatedAt    time.Time  `json:"created_at"`
	UpdatedAt    time.Time  `json:"updated_at"`
}

// MessageDetail is a message with its attempts and what is to be said about it.
type MessageDetail struct {
	Message
	PlatformID  string      `json:"platform_id,omitempty"`
	Tries       []Try       `json:"tries"`
	Explanation Explanation `json:"explanation"`
	// Body is there to be read, not to be sent again.
	Body    json.RawMessage `json:"body,omitempty" doc:"发的是什么，个人信息已打码；验证码不返回"`
	Pending bool            `json:"pending,omitempty" doc:"要求已保存，还在排队处理：稍后再读"`
}

// Try is one attempt at delivering a message.
type Try struct {
	Number  int        `json:"number"`
	At      time.Time  `json:"at"`
	EndedAt *time.Time `json:"ended_at,omitempty"`
	Status  string     `json:"status,omitempty"`
	Code    int        `json:"code,omitempty"`
	Detail  string     `json:"detail,omitempty"`
}

// Explanation is what happened, why, and what comes next.
type Explanation struct {
	What string `json:"what"`
	Why  string `json:"why,omitempty"`
	Next string `json:"next"`
}

type messagesInput struct {
	Page
	State   string  `query:"state" doc:"waiting sending sent delivered failed suppressed unknown expired"`
	Contact IDParam `query:"contact"`
	Journey IDParam `query:"journey"`
	Channel string  `query:"channel"`
	Account string  `query:"account" maxLength:"96" doc:"AppID、CorpID/AgentID、短信签名，或 Webhook 的 key"`
}

func (a *API) listMessages(ctx context.Context, in *messagesInput) (*listOf[Message], error) {
	place, err := in.place(1)
	if err != nil {
		return nil, err
	}
	f := outbox.Filter{State: outbox.State(in.State), Channel: outbox.Channel(in.Channel), Account: in.Account, Journey: int64(in.Journey.ID), Before: place[0], Limit: in.Limit}
	var one *contact.Person
	if in.Contact.ID != 0 {
		if one, err = a.find(ctx, in.Contact.ID); err != nil {
			return nil, err
		}
	}
	entries, before, err := a.messages(ctx, one, f)
	if err != nil {
		return nil, err
	}
	out := mapped(List[outbox.Entry]{Items: entries}, a.message)
	if before != 0 {
		out.Next = cursor(before)
	}
	return &listOf[Message]{out}, a.nameMessages(ctx, out.Items)
}

func (a *API) message(m outbox.Entry) Message {
	out := Message{ID: ID(m.ID), EventID: ID(m.EventID), ContactID: ID(m.ContactID), Channel: string(m.Channel), ChannelLabel: m.Channel.Label(), Account: m.Account,
		To: m.To, ToName: a.recipient(m), Class: string(m.Class), Kind: m.Kind, Step: m.Step, JourneyID: ID(m.JourneyID), RunID: ID(m.RunID), Test: m.Test, State: string(m.State),
		StateLabel: m.State.Label(), Reason: string(m.Reason), Detail: m.Detail, Code: m.Code, Attempts: m.Attempts, DigestID: ID(m.DigestID), DueAt: a.since(m.DueAt),
		ExpiresAt: a.since(m.ExpiresAt), CreatedAt: a.at(m.CreatedAt), UpdatedAt: a.at(m.UpdatedAt)}
	if m.Reason != "" {
		x := outbox.Explain(m.Reason)
		out.ReasonLabel, out.ReasonNote, out.Advice = x.Name, x.What, x.Next
	}
	return out
}

// recipient is who of the firm, or which system, a message goes to; "" where it goes to a customer.
func (a *API) recipient(m outbox.Entry) string {
	switch m.Channel {
	case outbox.WeComApp:
		corp, _, _ := account.SplitWeComID(m.Account)
		var names []string
		for _, userID := range strings.Split(m.To, "|") {
			names = append(names, a.staffName(corp, userID).Name)
		}
		return strings.Join(names, "、")
	case outbox.Webhook:
		if h := a.Webhooks.Model().Get(m.To); h != nil {
			return h.Name
		}
	}
	return ""
}

func (a *API) getMessage(ctx context.Context, in *ByID) (*answer[MessageDetail], error) {
	m, err := a.messageDetail(ctx, int64(in.ID.ID))
	return &answer[MessageDetail]{m}, err
}

func (a *API) messageDetail(ctx context.Context, id int64) (MessageDetail, error) {
	m, err := a.findMessage(ctx, id)
	if err != nil {
		return MessageDetail{}, err
	}
	out := MessageDetail{Message: a.message(m.Entry), PlatformID: m.PlatformID, Tries: []Try{}, Explanation: Explanation(m.Explanation)}
	named := []Message{out.Message}
	if err := a.nameMessages(ctx, named); err != nil {
		return MessageDetail{}, err
	}
	out.Message = named[0]
	if out.Body, err = a.content(ctx, m.Entry); err != nil {
		return MessageDetail{}, err
	}
	for _, t := range m.Tries {
		out.Tries = append(out.Tries, Try{Number: t.Number, At: a.at(t.At), EndedAt: a.since(t.EndedAt), Status: string(t.Status), Code: t.Code, Detail: t.Detail})
	}
	return out, nil
}

func (a *API) retryMessage(ctx context.Context, in *ByID) (*answer[MessageDetail], error) {
	id := int64(in.ID.ID)
	if _, err := a.findMessage(ctx, id); err != nil {
		return nil, err
	}
	got, err := a.Outbox.Retry(ctx, id, by(ctx).By())
	if err != nil {
		return nil, err
	}
	applied := a.applied(ctx, event.Priority, got.Seq)
	m, err := a.messageDetail(ctx, id)
	m.Pending = !applied
	return &answer[MessageDetail]{m}, err
}
