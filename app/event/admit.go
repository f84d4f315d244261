package event

import (
	"unicode/utf8"

	"github.com/koi-scrm/koi/app/fault"
)

// The widest texts that the tables of events and people keep, in characters.
const (
	maxType       = 64
	maxName       = 96 // accounts, staff, scopes
	maxObjectType = 32
	maxObjectID   = 128
	maxShare      = 64
	maxKind       = 32
	// Bytes, since values are stored as such, some of them sealed.
	maxIdentity = 480
)

// aheadAllowed is how far another's clock may be ahead of ours. What claims to happen later than that
// would stand first on timelines, and be the person's last activity, for years.
const aheadAllowed = LateAfter

// admit is the last look at an event before it is promised to be kept: what no table takes is refused
// here, where whoever sent it still hears of it, and a time that cannot be is replaced. now is business
// time. Fault: Invalid.
func (e *Event) admit(now int64) error {
	if e.Lane > Normal {
		return fault.New(fault.Invalid, "事件的队列 %d 不存在", e.Lane)
	}
	for _, t := range [...]struct {
		name, text string
		most       int
	}{
		{"类型", e.Type, maxType}, {"账号", e.Account, maxName}, {"员工", e.Staff, maxName},
		{"对象类型", e.ObjectType, maxObjectType}, {"对象", e.ObjectID, maxObjectID}, {"分享标记", e.Share, maxShare},
	} {
		if err := fits(t.name, t.text, t.most); err != nil {
			return err
		}
	}
	for i := range e.Identities {
		id := &e.Identities[i]
		if err := fits("身份类型", id.Kind, maxKind); err != nil {
			return err
		}
		if err := fits("身份范围", id.Scope, maxName); err != nil {
			return err
		}
		if len(id.Value) > maxIdentity || !utf8.ValidString(id.Value) {
			return fault.New(fault.Invalid, "事件的身份太长或不是 UTF-8 文字，没有接收")
		}
	}
	if e.ReceivedAt <= 0 {
		e.ReceivedAt = now
	}
	if e.OccurredAt <= 0 || e.OccurredAt > e.ReceivedAt+aheadAllowed.Milliseconds() {
		e.OccurredAt = e.ReceivedAt
	}
	return nil
}

func fits(name, text string, most int) error {
	if !utf8.ValidString(text) {
		return fault.New(fault.Invalid, "事件的%s不是 UTF-8 文字，没有接收", name)
	}
	if len(text) > most && utf8.RuneCountInString(text) > most {
		return fault.New(fault.Invalid, "事件的%s太长（最多 %d 个字），没有接收", name, most)
	}
	return nil
}
