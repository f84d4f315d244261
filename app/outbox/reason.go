package outbox

import "github.com/koi-scrm/koi/app/policy"

// Reasons beyond policy's: what became of attempts. They are stored beside policy's reasons and share
// their form.
const (
	ReasonRefused     policy.Reason = "refused"
	ReasonGaveUp      policy.Reason = "gave_up"
	ReasonShut        policy.Reason = "window_shut"
	ReasonMisset      policy.Reason = "misconfigured"
	ReasonUndelivered policy.Reason = "undelivered"
	ReasonUnsure      policy.Reason = "unsure"
	ReasonInterrupted policy.Reason = "interrupted"
	ReasonUnresolved  policy.Reason = "unresolved"
	ReasonNotSent     policy.Reason = "not_sent"
	ReasonUnreadable  policy.Reason = "unreadable"
	ReasonBroken      policy.Reason = "broken"
	ReasonRetrying    policy.Reason = "retrying"
	ReasonRepeating   policy.Reason = "repeating"
	ReasonRequested   policy.Reason = "requested"
	ReasonRestored    policy.Reason = "restored"
	ReasonDigest      policy.Reason = "digest"
)

var explanations = map[policy.Reason]policy.Explanation{
	ReasonRefused: {Name: "平台拒绝", What: "平台明确拒绝了这条消息，对方没有收到。",
		Next: "请按平台给出的原因处理，然后在消息详情里重试。"},
	ReasonGaveUp: {Name: "多次重试未成功", What: "平台连续繁忙或没有连上，重试次数已用完。",
		Next: "请在「渠道与健康」查看渠道状态，恢复后在消息详情里重试。"},
	ReasonShut: {Name: "平台已关闭客服窗口", What: "平台答复客服消息窗口已关闭或条数用完，对方没有收到。",
		Next: "等对方下次互动，或改用订阅通知、短信等其他渠道。"},
	ReasonMisset: {Name: "配置有误", What: "平台不接受当前的账号、权限或模板配置，消息没有发出。",
		Next: "请按提示修正配置，然后在消息详情里重试。"},
	ReasonUndelivered: {Name: "平台回执：未送达", What: "平台先接受了消息，之后回执说没有送达。",
		Next: "请按回执原因处理，或改用其他渠道。"},
	ReasonUnsure: {Name: "结果未知", What: "请求已发出，但没有等到平台的明确答复，对方可能收到，也可能没有。",
		Next: "平台不能去重或去重时间已过，为避免重复不会自动重发；核对后可手动重试，24 小时后自动过期。"},
	ReasonInterrupted: {Name: "发送时中断", What: "发送过程中程序意外退出，不知道平台是否已收到。",
		Next: "平台不能去重或去重时间已过，为避免重复不会自动重发；核对后可手动重试，24 小时后自动过期。"},
	ReasonUnresolved: {Name: "结果未知已过期", What: "24 小时内没有得到结果，也没有人处理。",
		Next: "请核对对方是否收到；确有必要可手动重试。"},
	ReasonNotSent: {Name: "核对：未送达", What: "操作员核对后确认对方没有收到。",
		Next: "确有必要可手动重试。"},
	ReasonUnreadable: {Name: "内容无法解密", What: "消息内容读不出来，多半是 secret_key 换过。",
		Next: "请恢复原来的 secret_key 后重试。"},
	ReasonBroken: {Name: "处理出错", What: "处理这条消息时程序出错，已停止处理以免影响其他消息。",
		Next: "请把消息编号和日志发给开发者；修复后可重试。"},
	ReasonRestored: {Name: "备份恢复，待核对", What: "恢复备份时这条消息还在等待；备份之后它可能已经发出，也可能没有。",
		Next: "为避免重复不会自动发送；核对后可手动重试，24 小时后自动过期。"},
	ReasonRetrying: {Name: "等待重试", What: "上一次没有发成，平台繁忙或没有连上。",
		Next: "稍后会自动重试，一般最多 3 次（Webhook 最多 8 次，间隔逐渐拉长）。"},
	ReasonRepeating: {Name: "等待重发", What: "上一次结果不明；平台会丢弃完全相同的重复消息，所以可以放心重发。",
		Next: "会在平台去重时间内自动重发。"},
	ReasonDigest: {Name: "并入汇总提醒", What: "这一小时给该员工的提醒超过上限，超出的在下一个整点合并成一条发出，这条在其中。",
		Next: "无需处理；结果与汇总的那一条相同。"},
	ReasonRequested: {Name: "人工重试", What: "操作员要求重新发送。",
		Next: "会重新检查发送规则后发送。"},
}

// Explain returns any stored reason in Chinese: policy's and the outbox's own.
func Explain(r policy.Reason) policy.Explanation {
	if x, ok := explanations[r]; ok {
		return x
	}
	return r.Explain()
}

// Reasons lists every reason a message may carry.
func Reasons() []policy.Reason {
	return append(policy.Reasons(), ReasonRefused, ReasonGaveUp, ReasonShut, ReasonMisset, ReasonUndelivered, ReasonUnsure,
		ReasonInterrupted, ReasonUnresolved, ReasonNotSent, ReasonUnreadable, ReasonBroken, ReasonRetrying, ReasonRepeating, ReasonRequested, ReasonRestored, ReasonDigest)
}
