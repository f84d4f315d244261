package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/koi-scrm/koi/app/audit"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/message"
)

const (
	revealAction = "revealContact"
	// Somebody who works with customers looks at a few numbers an hour; who looks at more copies a list.
	revealsHourly = 60
	revealWindow  = time.Hour
)

type revealInput struct {
	ByID
	Body struct {
		Field  string `json:"field" enum:"phone,email"`
		Reason string `json:"reason" minLength:"2" maxLength:"200" doc:"为什么要看，记入审计日志，如 回访报价"`
	}
}

// Revealed is a person's phone numbers or e-mail addresses in clear.
type Revealed struct {
	Field  string          `json:"field"`
	Value  string          `json:"value" doc:"第一个"`
	Values []RevealedValue `json:"values"`
}

// RevealedValue is one of them.
type RevealedValue struct {
	IdentityID ID     `json:"identity_id"`
	Value      string `json:"value"`
	Verified   bool   `json:"verified"`
}

// revealContact shows a personal value. That it was looked at is durable before it is shown.
func (a *API) revealContact(ctx context.Context, in *revealInput) (*answer[Revealed], error) {
	p, err := a.find(ctx, in.ID.ID)
	if err != nil {
		return nil, err
	}
	kind := map[string]string{"phone": event.KindPhone, "email": event.KindEmail}[in.Body.Field]
	out := Revealed{Field: in.Body.Field, Values: []RevealedValue{}}
	for _, id := range p.Identities {
		if id.Kind == kind {
			out.Values = append(out.Values, RevealedValue{IdentityID: ID(id.ID), Verified: id.Verified})
		}
	}
	if len(out.Values) == 0 {
		return nil, fault.New(fault.NotFound, "这位客户没有留下%s", identityLabels[kind])
	}
	l := record(ctx).on(fmt.Sprintf("contacts/%d", p.ID)).with("field", in.Body.Field).with("reason", message.Mask(in.Body.Reason))
	if err := a.noteLook(ctx, l); err != nil {
		return nil, err
	}
	clear, err := a.People.Reveal(ctx, p)
	if err != nil {
		return nil, err
	}
	for i := range out.Values {
		out.Values[i].Value = clear[int64(out.Values[i].IdentityID)]
	}
	out.Value = out.Values[0].Value
	return &answer[Revealed]{out}, nil
}

// noteLook counts the caller's looks and puts this one on record, one caller at a time, so that many at once
// are not more than allowed.
func (a *API) noteLook(ctx context.Context, l *line) error {
	a.looks.Lock()
	defer a.looks.Unlock()
	wall := clock.Ms(a.Clock.Wall())
	n, first, err := a.Audit.Count(ctx, l.Who, revealAction, wall-revealWindow.Milliseconds())
	if err != nil {
		return err
	}
	if n >= revealsHourly {
		wait := time.Duration(first+revealWindow.Milliseconds()-wall) * time.Millisecond
		f := newFailure(http.StatusTooManyRequests, fmt.Sprintf("一小时内已查看 %d 次完整联系方式，达到上限：请 %d 分钟后再试，批量需要请找管理员", n, int(wait.Minutes())+1))
		f.retryAfter(wait)
		return f
	}
	l.Status, l.Outcome = http.StatusOK, audit.Done
	if err := a.Audit.Write(ctx, l.Entry); err != nil {
		return fault.Wrap(err, fault.Unavailable, "审计日志写不进去，暂时不能查看：请稍后重试")
	}
	l.written = true
	return nil
}

// maskedProps hides them in everything a prop holds. The props themselves stay as they are.
func maskedProps(v any) any {
	switch v := v.(type) {
	case string:
		return message.Mask(v)
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[k] = maskedProps(x)
		}
		return out
	case event.Props:
		return event.Props(maskedProps(map[string]any(v)).(map[string]any))
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = maskedProps(x)
		}
		return out
	}
	return v
}
