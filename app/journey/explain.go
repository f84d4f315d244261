package journey

import (
	"strconv"
	"time"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/policy"
)

func runKey(id int64) string { return strconv.FormatInt(id, 10) }

// told puts an event of a run's way into words.
func told(e *event.Entry) string {
	reason := e.Props.Str("reason")
	with := func(text string) string {
		if reason == "" {
			return text
		}
		return text + "：" + reason
	}
	switch e.Type {
	case event.JourneyEntered:
		return "进入旅程"
	case event.JourneyStepDone:
		switch e.Props.Str("result") {
		case failed.key():
			return with("没有做成")
		case blocked.key():
			return with("被拦截")
		}
		if reason != "" { // it asked something: this is the answer
			return reason
		}
		return "做完了"
	case event.JourneyExited:
		if e.Props.Str("state") == Finished.key() {
			return "走完旅程"
		}
		return with("离开旅程")
	case event.JourneyGoalReached:
		return reason
	case event.JourneyFailed:
		return with("旅程中断")
	case event.MessageSuppressed:
		x := outbox.Explain(policy.Reason(reason))
		return "消息被拦截：" + x.Name + "。" + x.What
	}
	return event.LabelOf(e.Type).Name
}

// waiting says what an open run waits for.
func waiting(r Inside, g *Graph) string {
	if g == nil {
		return "这一版旅程的定义已找不到"
	}
	n := g.node(r.Node)
	if n == nil {
		return "这一版旅程里没有这一步"
	}
	text := n.part.summary()
	switch {
	case r.Held:
		text += "；旅程已暂停，恢复后继续"
	case r.DueAt > 0:
		text += "；" + when(r.DueAt, g.zone) + " 继续"
	}
	return text
}

func when(ms int64, zone *time.Location) string {
	return time.UnixMilli(ms).In(zone).Format("2006-01-02 15:04")
}

// asEvent is a timeline entry as conditions on events see it.
func asEvent(e *event.Entry) *event.Event {
	return &event.Event{Type: e.Type, Account: e.Account, Staff: e.Staff, ObjectType: e.ObjectType, ObjectID: e.ObjectID, Share: e.Share,
		OccurredAt: e.At, ReceivedAt: e.ReceivedAt, Props: e.Props, Seq: e.ID.Seq(), N: int(int64(e.ID) % 1024), ContactID: e.ContactID}
}
