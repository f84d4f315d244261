package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
)

// Consents is what a person agreed to, refused and unsubscribed from, with everything they said.
type Consents struct {
	Purposes []PurposeState `json:"purposes"`
	Channels []ChannelState `json:"channels"`
	History  []Statement    `json:"history" doc:"全部记录，新的在前；不会修改或删除"`
	Pending  bool           `json:"pending,omitempty" doc:"已保存，还在排队处理：稍后再读"`
}

// PurposeState is where a person stands on a purpose.
type PurposeState struct {
	Purpose string     `json:"purpose"`
	Label   string     `json:"label"`
	State   string     `json:"state" doc:"granted 同意、withdrawn 不同意或已撤回、none 没有表示过"`
	At      *time.Time `json:"at,omitempty"`
}

// ChannelState is whether a person unsubscribed from a channel.
type ChannelState struct {
	Channel      string     `json:"channel"`
	Label        string     `json:"label"`
	Unsubscribed bool       `json:"unsubscribed"`
	At           *time.Time `json:"at,omitempty"`
}

// Statement is one thing a person said.
type Statement struct {
	Purpose string    `json:"purpose,omitempty"`
	Channel string    `json:"channel,omitempty"`
	Label   string    `json:"label"`
	Granted bool      `json:"granted" doc:"对渠道：false 为退订，true 为恢复"`
	Version string    `json:"version,omitempty" doc:"当时展示的文本版本"`
	Source  string    `json:"source" doc:"从哪里表示的"`
	From    string    `json:"source_label" doc:"从哪里表示的，给人看"`
	IP      string    `json:"ip,omitempty"`
	By      string    `json:"by,omitempty" doc:"由谁补记"`
	At      time.Time `json:"at"`
	EventID ID        `json:"event_id"`
}

func (a *API) getConsents(ctx context.Context, in *ByID) (*answer[Consents], error) {
	if _, err := a.find(ctx, in.ID.ID); err != nil {
		return nil, err
	}
	out, err := a.consents(ctx, in.ID.ID)
	return &answer[Consents]{out}, err
}

func (a *API) consents(ctx context.Context, id ID) (Consents, error) {
	out := Consents{Purposes: []PurposeState{}, Channels: []ChannelState{}, History: []Statement{}}
	p, list, err := a.People.Consents(ctx, int64(id))
	if err != nil {
		return out, err
	}
	purposes, channels := contact.Purposes()
	for _, x := range purposes {
		s := PurposeState{Purpose: string(x), Label: x.Label(), State: "none", At: a.since(p.Consents.StatedAt(x))}
		switch {
		case p.Consents.Granted(x):
			s.State = "granted"
		case p.Consents.Withdrawn(x):
			s.State = "withdrawn"
		}
		out.Purposes = append(out.Purposes, s)
	}
	for _, ch := range channels {
		out.Channels = append(out.Channels, ChannelState{Channel: ch, Label: contact.UnsubscribeLabel(ch),
			Unsubscribed: p.Consents.Unsubscribed(ch), At: a.since(p.Consents.UnsubscribedAt(ch))})
	}
	for _, s := range list {
		x := Statement{Purpose: string(s.Purpose), Channel: s.Channel, Label: s.Purpose.Label(), Granted: s.Granted, Version: s.Version,
			Source: s.Source, From: sourceName(s.Source), IP: s.IP, By: s.By, At: a.at(s.At), EventID: ID(s.EventID)}
		if s.Channel != "" {
			x.Label = contact.UnsubscribeLabel(s.Channel)
		}
		out.History = append(out.History, x)
	}
	return out, nil
}

type consentInput struct {
	ByID
	Body struct {
		Purpose string `json:"purpose,omitempty" doc:"privacy marketing_sms marketing_email marketing_wechat third_party personalization；与 channel 二选一"`
		Channel string `json:"channel,omitempty" doc:"sms email wechat all：granted 为 false 即退订"`
		Granted bool   `json:"granted"`
		Version string `json:"version,omitempty" maxLength:"64" doc:"展示给客户的文本版本"`
		Source  string `json:"source" minLength:"1" maxLength:"64" doc:"客户在哪里、怎样表示的，如：展会签到表"`
		IP      string `json:"ip,omitempty" maxLength:"64"`
	}
}

type consentAnswer struct {
	Status int
	Body   Consents
}

// stateConsent records what a person said elsewhere.
func (a *API) stateConsent(ctx context.Context, in *consentInput) (*consentAnswer, error) {
	p, err := a.find(ctx, in.ID.ID)
	if err != nil {
		return nil, err
	}
	b := in.Body
	purposes, channels := contact.Purposes()
	var bad []fault.Problem
	switch {
	case (b.Purpose == "") == (b.Channel == ""):
		bad = append(bad, fault.Problem{Path: "purpose", Message: "purpose（用途）和 channel（渠道）要写其中一个"})
	case b.Purpose != "" && !slices.Contains(purposes, contact.Purpose(b.Purpose)):
		bad = append(bad, fault.Problem{Path: "purpose", Message: "没有用途 " + b.Purpose})
	case b.Channel != "" && !slices.Contains(channels, b.Channel):
		bad = append(bad, fault.Problem{Path: "channel", Message: "没有渠道 " + b.Channel + "，可用：sms、email、wechat、all"})
	}
	if err := fault.Problems("同意记录没有保存，请改正标出的几项", bad); err != nil {
		return nil, err
	}
	props := event.Props{"granted": b.Granted, "source": b.Source}
	for k, v := range map[string]string{"purpose": b.Purpose, "channel": b.Channel, "version": b.Version, "ip": b.IP} {
		if v != "" {
			props[k] = v
		}
	}
	record(ctx).with("purpose", b.Purpose).with("channel", b.Channel).with("granted", b.Granted).with("source", b.Source)
	_, applied, err := a.command(ctx, &event.Event{Type: event.CommandConsent, ObjectType: "contact", ObjectID: strconv.FormatInt(p.ID, 10), Props: props})
	if err != nil {
		return nil, err
	}
	out := &consentAnswer{Status: http.StatusCreated}
	if !applied {
		out.Status = http.StatusAccepted
	}
	out.Body, err = a.consents(ctx, ID(p.ID))
	out.Body.Pending = !applied
	return out, err
}
