package httpapi

import (
	"context"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/outbox"
)

type settleInput struct {
	ByID
	Body struct {
		Outcome string `json:"outcome" enum:"sent,not_sent" doc:"sent：核对过，对方已收到；not_sent：对方没有收到，之后可以重试"`
	}
}

// settleMessage takes an operator's word on a message whose result nobody knows.
func (a *API) settleMessage(ctx context.Context, in *settleInput) (*answer[MessageDetail], error) {
	id := int64(in.ID.ID)
	if _, err := a.findMessage(ctx, id); err != nil {
		return nil, err
	}
	record(ctx).with("outcome", in.Body.Outcome)
	got, err := a.Outbox.Settle(ctx, id, outbox.Verdict(in.Body.Outcome), by(ctx).By())
	if err != nil {
		return nil, err
	}
	applied := a.applied(ctx, event.Priority, got.Seq)
	m, err := a.messageDetail(ctx, id)
	m.Pending = !applied
	return &answer[MessageDetail]{m}, err
}
