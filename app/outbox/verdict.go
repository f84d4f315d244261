package outbox

import (
	"context"
	"fmt"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
)

// Verdict is what an operator found out about a message of unknown fate.
type Verdict string

// The verdicts.
const (
	WasSent    Verdict = "sent"
	WasNotSent Verdict = "not_sent"
)

// Settle takes an operator's word on a message whose result nobody knows; by says whose. It returns when
// the word is durable: wait for its seq on the priority lane to see the effect. Saying it twice before that
// is saying it once. What was not sent may then be retried.
//
// Faults: NotFound, Invalid (no such verdict), Conflict (its result is known), Unavailable.
func (o *Outbox) Settle(ctx context.Context, id int64, v Verdict, by string) (event.Appended, error) {
	if v != WasSent && v != WasNotSent {
		return event.Appended{}, fault.New(fault.Invalid, "核对结果只能是 sent（对方已收到）或 not_sent（对方没有收到）")
	}
	r, err := o.row(ctx, id)
	if err != nil {
		return event.Appended{}, err
	}
	if r.state != Doubtful {
		return event.Appended{}, fault.New(fault.Conflict, "消息当前「%s」，结果已经清楚；只有「结果未知」的消息需要核对", r.state.Label())
	}
	now := clock.Ms(o.clock.Now())
	e := &event.Event{Type: event.CommandMessageResult, Source: "console", Lane: event.Priority, Account: r.account,
		Key: fmt.Sprintf("message_settle/%d/%d/%d/%s", id, r.attempt, r.updated, v), OccurredAt: now, ReceivedAt: now,
		Props: event.Props{"message": idText(id), "attempt": r.attempt, "channel": string(r.channel), "verdict": string(v), "by": by}}
	got, err := o.log.Append(ctx, e)
	if err != nil {
		return event.Appended{}, err
	}
	return got[0], nil
}

// applyVerdict takes an operator's word.
func (s *Stage) applyVerdict(b *event.Batch, e *event.Event, r *row) error {
	if r.state != Doubtful {
		return nil
	}
	r.unsure = false
	if Verdict(e.Props.Str("verdict")) == WasSent {
		r.detail = db.Clip("由 "+e.Props.Str("by")+" 核对确认", maxDetail)
		return s.sent(b, e, r)
	}
	return s.fail(b, e, r, ReasonNotSent)
}
