package outbox

import (
	"fmt"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/policy"
)

// Explanation answers what a person in front of the screen asks about a message, in Chinese.
type Explanation struct {
	What string // what happened
	Why  string // why; "" where nothing needs a reason
	Next string // what comes next by itself, or what they can do
}

// explain puts a message's state into words.
func (r *row) explain(zone *time.Location) Explanation {
	x := Explain(r.reason)
	at := func(ms int64) string { return time.UnixMilli(ms).In(zone).Format("2006-01-02 15:04:05") }
	e := Explanation{Why: x.What, Next: x.Next}
	if x.Name != "" {
		e.Why = x.Name + "：" + x.What
	}
	if r.detail != "" && r.detail != x.What {
		e.Why += r.platformSays()
	}
	switch r.state {
	case Waiting:
		e.What = fmt.Sprintf("%s在等待，%s会再次检查并发送。", r.name(), at(r.due))
		switch r.reason {
		case policy.InLine:
			e.What = r.name() + "正在排队，轮到即发。"
		case ReasonDigest:
			e.What = r.name() + "已与其他提醒合并成一条，正在等那一条的结果。"
		}
		if r.expires > 0 && !r.unsure && r.digest == 0 {
			e.Next += fmt.Sprintf("若到 %s 仍不能发送则过期。", at(r.expires))
		}
	case Sending:
		e.What = fmt.Sprintf("%s已于 %s 交给发送通道（第 %d 次），正在等平台答复。", r.name(), at(r.attemptAt), r.attempt)
		e.Next = "无需处理；结果通常几秒内更新。"
	case Accepted:
		e.What = fmt.Sprintf("平台已于 %s 接受%s。", at(r.updated), r.name())
		e.Next = "无需处理。这个渠道是否已读无法得知，点击会记录在客户时间线。"
		if r.digest != 0 {
			e.What = fmt.Sprintf("%s已与其他提醒合并成一条，平台已于 %s 接受。", r.name(), at(r.updated))
		}
	case Delivered:
		e.What = fmt.Sprintf("平台回执：%s已于 %s 送达。", r.name(), at(r.updated))
		e.Next = "无需处理。"
	case Rejected:
		e.What = fmt.Sprintf("%s没有发成（共尝试 %d 次），对方没有收到。", r.name(), r.attempt)
		if r.unsure {
			e.What = fmt.Sprintf("%s没有得到平台的确认（共尝试 %d 次），对方多半没有收到。", r.name(), r.attempt)
		}
	case Suppressed:
		e.What = r.name() + "被发送规则拦截，没有发给平台。"
	case Doubtful:
		e.What = fmt.Sprintf("%s的发送结果未知：对方可能已收到，也可能没有。", r.name())
		e.Next += fmt.Sprintf("到 %s 无人处理则过期。", at(r.due))
	case Expired:
		e.What = fmt.Sprintf("%s已于 %s 过期，不再发送。", r.name(), at(r.updated))
	}
	return e
}

func (r *row) name() string {
	name := "这条" + r.channel.Label()
	if r.test {
		name += "（测试）"
	}
	return name
}

func (r *row) platformSays() string {
	said := strings.TrimRight(r.detail, "。")
	if r.code != 0 {
		return fmt.Sprintf("平台说明：%s（错误码 %d）。", said, r.code)
	}
	return "说明：" + said + "。"
}
