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

	OptedOut            Reason = "opted_out"
	ConsentWithdrawn    Reason = "consent_withdrawn"
	ConsentMissing      Reason = "consent_missing"
	NotSubscribed       Reason = "not_subscribed"
	SubscriptionRefused Reason = "subscription_refused"
	TemplateRisky       Reason = "template_risky"
	TemplateDisabled    Reason = "template_disabled"
	NumberInvalid       Reason = "number_invalid"
	SMSKind             Reason = "sms_kind"
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
	SMSHours      Reason = "sms_hours"
	TemplateCap   Reason = "template_cap"
	QuotaDay      Reason = "quota_day"
	QuotaMonth    Reason = "quota_month"
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
		"恢复后会自动发送；可在「设置 · 系统状态」查看恢复时间。"},
	QuietHours: {"免打扰时段", "现在是免打扰时段，营销消息不打扰客户。",
		"时段结束后会自动发送。"},
	CapDay: {"今日触达已达上限", "今天给此人的营销消息已达上限。",
		"明天会自动发送；上限可在「设置」里调整。"},
	CapWeek: {"本周触达已达上限", "本周给此人的营销消息已达上限。",
		"下周一会自动发送；上限可在「设置」里调整。"},
	CapMonth: {"本月触达已达上限", "本月给此人的营销消息已达上限。",
		"下月一日会自动发送；上限可在「设置」里调整。"},
	StaffAlertCap: {"员工提醒已达每小时上限", "这一小时给该员工的提醒已达上限，避免刷屏。",
		"下一个整点把超出的合并成一条发送；可收紧提醒条件或调整上限。"},
	MemberRate: {"成员接收频率上限", "企业微信限制同一成员每分钟、每小时接收的应用消息，超出会被平台静默丢弃。",
		"稍后会自动发送。"},
	AppQuota: {"应用当日额度已用完", "企业微信应用每天可发「账号数 × 200」人次，今天已用完。",
		"明天零点后会自动发送。"},
	OptedOut: {"已退订", "对方已退订这个渠道（如短信回复 R、在偏好页退订），不再给 TA 发营销消息。",
		"无需处理；只有对方重新明确同意后才会恢复。服务通知和验证码不受影响。"},
	ConsentWithdrawn: {"已撤回同意", "对方撤回了对营销消息的同意。",
		"无需处理；只有对方重新明确同意后才会恢复。"},
	ConsentMissing: {"没有推广同意", "推广短信须先取得对方的明确同意，目前没有这项记录。",
		"请在表单或偏好页让对方勾选「营销短信」，或把线下取得的同意补记到客户详情的「同意记录」。"},
	NotSubscribed: {"没有订阅次数", "对方没有订阅这个模板，或订阅次数已用完；一次订阅只能发一条。",
		"请在公众号、小程序或页面里再次邀请对方订阅，或改用短信等其他渠道。"},
	SubscriptionRefused: {"拒绝订阅", "对方拒绝了这个模板的订阅通知，或在微信里关闭了它。",
		"不要反复弹出订阅；等对方重新允许，或改用其他渠道。"},
	TemplateRisky: {"模板像营销", "这个模板被标为高风险：内容像营销。微信禁止用模板和订阅消息做营销，会封模板甚至封号。",
		"请改成对方操作结果的通知，或把营销内容放到客服消息、群发、短信等允许的渠道。"},
	TemplateDisabled: {"模板已停用", "平台说这个模板的编号或字段不对，这一版模板已自动停用。",
		"请在「消息模板」里按公众平台的模板核对编号和字段；保存新版后自动恢复。"},
	NumberInvalid: {"手机号无效", "运营商回执说这个手机号是空号或已停机。",
		"请向对方核实新号码；对方在小程序授权手机号或回复短信后会自动恢复。"},
	SMSKind: {"短信类型不符", "验证码、通知短信不能用来营销，平台会驳回并停用模板。",
		"请换用「推广」类短信模板（须带「拒收请回复R」），或把这一步改为服务通知。"},
	SMSHours: {"不在推广短信时段", "推广短信只在规定时段发送（默认 9:00–20:00）。",
		"时段开始后会自动发送；时段可在「设置」里调整。"},
	TemplateCap: {"同一模板今日已发", "通知类模板同一人每天有次数上限，今天已经发过。",
		"明天会自动发送；上限可在「设置」里调整。"},
	QuotaDay: {"账号今日额度已用完", "这个账号在该渠道今天的发送额度已用完。",
		"明天零点后会自动发送；平台给的额度变了，请在「设置」的发送规则里修改。"},
	QuotaMonth: {"账号本月额度已用完", "这个账号在该渠道本月的发送额度已用完。",
		"下月一日会自动发送；额度变了，请在「设置」的发送规则里修改。"},
}

// Explain returns the reason in Chinese.
func (r Reason) Explain() Explanation { return explanations[r] }

// Reasons lists every reason.
func Reasons() []Reason {
	return []Reason{NoRecipient, NotConnected, Expired, Late, Excluded, NotFollowing, Unreachable, WindowClosed, WindowUsedUp,
		OptedOut, ConsentWithdrawn, ConsentMissing, NotSubscribed, SubscriptionRefused, TemplateRisky, TemplateDisabled, NumberInvalid, SMSKind,
		Scheduled, InLine, Paused, QuietHours, CapDay, CapWeek, CapMonth, StaffAlertCap, MemberRate, AppQuota, SMSHours, TemplateCap, QuotaDay, QuotaMonth}
}
