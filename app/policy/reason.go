package policy

// Reason says why a message waits or is not sent. The value is stored and used as a metric label.
type Reason string

// Why a message is not sent.
const (
	NoRecipient  Reason = "no_recipient"
	NotConnected Reason = "not_connected"
	Expired      Reason = "expired"
	Late         Reason = "late"
	Excluded     Reason = "excluded"
	NotFollowing Reason = "not_following"
	Unreachable  Reason = "unreachable"
	WindowClosed Reason = "window_closed"
	WindowUsedUp Reason = "window_used_up"
)

// Why a message waits; also why it is not sent, when waiting would outlast its worth.
const (
	Scheduled     Reason = "scheduled"
	InLine        Reason = "in_line"
	Paused        Reason = "api_paused"
	QuietHours    Reason = "quiet_hours"
	CapDay        Reason = "cap_day"
	CapWeek       Reason = "cap_week"
	CapMonth      Reason = "cap_month"
	StaffAlertCap Reason = "staff_alert_cap"
	MemberRate    Reason = "member_rate"
	AppQuota      Reason = "app_quota"
)

// Explanation is a reason in Chinese: its name, what happened, and what can be done.
type Explanation struct {
	Name string
	What string
	Next string
}

var explanations = map[Reason]Explanation{
	NoRecipient: {"没有收件人", "没有找到可以接收这条消息的账号。",
		"请检查流程里选择的收件人：客户需有该公众号的 OpenID，员工需在企业微信通讯录中。"},
	NotConnected: {"渠道未接入", "这个渠道还没有接入，或对应账号已被移除。",
		"请在「设置 → 渠道与健康」接入账号，然后在消息详情里重试。"},
	Expired: {"已过期", "等到可以发送时，这条消息已超过有效期。",
		"无需处理；如仍有必要，可在消息详情里重试。"},
	Late: {"迟到", "引起这条消息的行为发生已久（离线上报、导入或停机积压），此时发送会让对方莫名其妙。",
		"无需处理；如仍有必要，可在消息详情里重试。"},
	Excluded: {"排除名单", "此人是本公司员工、竞争对手或在测试名单中，默认不营销、不提醒。",
		"如属误判，请在客户详情里取消排除。"},
	NotFollowing: {"未关注公众号", "对方已取消关注，公众号不能再给 TA 发消息。",
		"等对方重新关注，或改用短信、企业微信等其他渠道。"},
	Unreachable: {"收件人不可达", "平台不认识这个收件人，或限制了给 TA 发送。",
		"请核对账号是否匹配；对方再次互动后会自动恢复。"},
	WindowClosed: {"客服消息窗口已关闭", "对方近 48 小时没有给公众号发消息，也不在关注、扫码、点菜单后的 1 分钟内。",
		"等对方下次互动，或改用订阅通知、短信等其他渠道。"},
	WindowUsedUp: {"客服消息条数已用完", "对方上次互动后可发的条数已用完（发消息后 5 条，关注、扫码、点菜单后 3 条）。",
		"等对方下次互动后会恢复，或改用其他渠道。"},
	Scheduled: {"定时发送", "这条消息设定了发送时间。",
		"到时间会自动发送。"},
	InLine: {"排队中", "发送通道正忙，回复和员工提醒优先，其余依次发送。",
		"轮到时会自动发送。"},
	Paused: {"接口暂停", "平台提示该接口今日额度已用完，已暂停到额度恢复。",
		"恢复后会自动发送；可在「渠道与健康」查看恢复时间。"},
	QuietHours: {"免打扰时段", "现在是免打扰时段，营销消息不打扰客户。",
		"时段结束后会自动发送。"},
	CapDay: {"今日触达已达上限", "今天给此人的营销消息已达上限。",
		"明天会自动发送；上限可在「设置」里调整。"},
	CapWeek: {"本周触达已达上限", "本周给此人的营销消息已达上限。",
		"下周一会自动发送；上限可在「设置」里调整。"},
	CapMonth: {"本月触达已达上限", "本月给此人的营销消息已达上限。",
		"下月一日会自动发送；上限可在「设置」里调整。"},
	StaffAlertCap: {"员工提醒已达每小时上限", "这一小时给该员工的提醒已达上限，避免刷屏。",
		"顺延到下一个整点发送；可收紧提醒条件或调整上限。"},
	MemberRate: {"成员接收频率上限", "企业微信限制同一成员每分钟、每小时接收的应用消息，超出会被平台静默丢弃。",
		"稍后会自动发送。"},
	AppQuota: {"应用当日额度已用完", "企业微信应用每天可发「账号数 × 200」人次，今天已用完。",
		"明天零点后会自动发送。"},
}

// Explain returns the reason in Chinese.
func (r Reason) Explain() Explanation { return explanations[r] }

// Reasons lists every reason.
func Reasons() []Reason {
	return []Reason{NoRecipient, NotConnected, Expired, Late, Excluded, NotFollowing, Unreachable, WindowClosed, WindowUsedUp,
		Scheduled, InLine, Paused, QuietHours, CapDay, CapWeek, CapMonth, StaffAlertCap, MemberRate, AppQuota}
}
