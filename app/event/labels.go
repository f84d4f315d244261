package event

import "strings"

// Label is how an event type is shown to people.
type Label struct {
	Name string // Chinese, a few characters
	Note string // one line: what happened
}

// LabelOf returns the label of a type. Types a user defined (custom.*) show their own name; a type this
// program does not know shows as it is.
func LabelOf(typ string) Label {
	if l, ok := labels[typ]; ok {
		return l
	}
	if name, ok := strings.CutPrefix(typ, CustomPrefix); ok {
		return Label{Name: name, Note: "自定义埋点事件"}
	}
	return Label{Name: typ, Note: "这个版本不认识的事件"}
}

// Labels returns the names of all types that can stand on a timeline, for conditions and filters.
func Labels() map[string]string {
	out := make(map[string]string, len(labels))
	for typ, l := range labels {
		out[typ] = l.Name
	}
	return out
}

var labels = map[string]Label{
	OAFollowed:              {"关注", "关注了公众号"},
	OAUnfollowed:            {"取关", "取消关注公众号，之后不能再给他发客服消息"},
	OAScanned:               {"扫码", "已关注的人扫了带参数的二维码"},
	OAMenuClicked:           {"点菜单", "点了公众号菜单里的按钮"},
	OAMenuLinkOpened:        {"点菜单链接", "点了公众号菜单里的链接"},
	OAMessageReceived:       {"发消息", "给公众号发了一条消息"},
	OALocationReported:      {"上报位置", "进入公众号会话时上报了大致位置"},
	OASubscriptionAnswered:  {"订阅通知授权", "允许或拒绝了订阅通知"},
	OAMassSendFinished:      {"群发完成", "一次公众号群发有了结果"},
	OAMenuScanned:           {"菜单扫一扫", "通过公众号菜单扫了码"},
	OAMiniprogramOpened:     {"打开小程序", "通过公众号菜单打开了小程序"},
	MPLoggedIn:              {"登录小程序", "打开并登录了小程序"},
	MPPageViewed:            {"访问小程序", "打开了小程序的一个页面"},
	MPSubscriptionAnswered:  {"小程序订阅授权", "允许或拒绝了小程序的订阅消息"},
	MPContactSessionEntered: {"进入小程序客服", "打开了小程序的客服会话"},
	MPMessageReceived:       {"小程序客服消息", "在小程序的客服会话里发了一条消息"},
	MPPhoneAuthorized:       {"授权手机号", "在小程序里授权了手机号"},
	WeComCustomerAdded:      {"添加企微好友", "客户与员工成为企业微信好友"},
	WeComCustomerHalfAdded:  {"免验证添加", "客户添加了员工，员工还没有回应"},
	WeComCustomerEdited:     {"员工改客户资料", "员工在企业微信里改了客户的备注或标签"},
	WeComCustomerDeleted:    {"员工删除客户", "员工删除了这位企微好友"},
	WeComDeletedByCustomer:  {"客户删除员工", "客户删除了员工，视为流失"},
	WeComTransferFailed:     {"继承失败", "离职或在职继承没有成功"},
	WeComGroupCreated:       {"建群", "员工建了客户群"},
	WeComGroupChanged:       {"客户群变更", "客户群的群名、群主或公告变了"},
	WeComGroupDismissed:     {"客户群解散", "客户群被解散"},
	WeComGroupJoined:        {"入群", "进入了客户群"},
	WeComGroupLeft:          {"退群", "离开了客户群"},
	WeComTagChanged:         {"企微标签变更", "企业微信的客户标签被新建、修改、删除或排序"},
	WeComLinkBalanceLow:     {"获客额度不足", "获客助手的额度快用完或已用完"},
	WeComLinkOpened:         {"打开获客链接", "打开了获客助手链接"},
	WeComFriendRequested:    {"申请添加", "通过获客助手链接申请添加员工"},
	WeComChatStarted:        {"开口", "通过获客助手添加后发了第一条消息"},
	WeComMessageReceived:    {"员工发消息", "员工给企业微信应用发了消息"},
	WeComCardClicked:        {"员工点卡片", "员工点了模板卡片上的按钮"},
	WeComDirectoryChanged:   {"通讯录变更", "企业微信通讯录有变动"},
	PageViewed:              {"访问页面", "打开了一个网页或 H5"},
	PageDwelled:             {"停留", "在页面上停留，按有操作的秒数计"},
	PageScrolled:            {"阅读进度", "页面滚动到的最大百分比"},
	PageClicked:             {"点击页面", "点了页面上的按钮或链接"},
	PageSharePrepared:       {"准备分享", "页面设好了分享卡片，不代表真的分享了"},
	PageShareOpened:         {"分享被打开", "另一个人通过他的分享打开了页面"},
	PageContactTapped:       {"点联系我", "点了页面上的“联系我”"},
	PageVideoWatched:        {"看视频", "看了页面里的视频"},
	PageRecognized:          {"微信识别", "在微信里打开页面，网页授权认出是谁"},
	FormStarted:             {"开始填表", "开始填写表单"},
	FormSubmitted:           {"提交表单", "提交了表单"},
	FileDownloaded:          {"下载资料", "下载了资料"},
	FileOpened:              {"打开资料", "打开了资料"},
	LinkClicked:             {"点短链", "点了短链接"},
	QRCodeScanned:           {"扫渠道码", "扫了渠道码"},
	MeetingInvited:          {"被邀请参会", "收到会议邀请"},
	MeetingRegistered:       {"会议报名", "报名了会议"},
	MeetingCheckedIn:        {"会议签到", "到场签到"},
	MeetingAbsent:           {"会议缺席", "报了名没有到场"},
	MeetingLiveJoined:       {"进入直播", "进入了直播间"},
	MeetingLiveWatched:      {"观看直播", "观看直播的时长"},
	TrialRequested:          {"预约演示/试用", "申请试用或预约演示"},
	OrderPlaced:             {"下单", "下了订单"},
	OrderPaid:               {"付款", "订单付款成功"},
	OrderRefunded:           {"退款", "订单退款"},
	MessageQueued:           {"消息排队", "一条消息已生成，等待发送"},
	MessageSent:             {"消息已发出", "平台收下了消息"},
	MessageDelivered:        {"消息送达", "平台回执：消息已送达"},
	MessageOpened:           {"打开邮件", "打开了邮件（只有邮件能知道）"},
	MessageClicked:          {"点击消息", "点了消息里的链接或按钮"},
	MessageReplied:          {"回复消息", "回复了消息"},
	MessageFailed:           {"消息失败", "消息没有发出，详情里有原因和办法"},
	MessageSuppressed:       {"消息被拦截", "按规则没有发送，详情里有原因"},
	MessageExpired:          {"消息过期", "过了有效时间，不再发送"},
	ConsentGranted:          {"同意", "同意了一项个人信息用途"},
	ConsentWithdrawn:        {"撤回同意", "撤回了一项个人信息用途的同意"},
	ConsentUnsubscribed:     {"退订", "退订了一个渠道，之后不再发营销消息"},
	ContactCreated:          {"建立客户", "第一次见到这个人"},
	ContactIdentified:       {"识别身份", "匿名访客有了可识别的身份"},
	ContactRegistered:       {"注册会员", "注册成为会员"},
	ContactMerged:           {"客户合并", "确认是同一个人，两份资料合并"},
	ContactUnmerged:         {"撤销合并", "撤销了一次合并"},
	ContactAttributeChanged: {"资料变更", "客户的字段有改动"},
	ContactDeleted:          {"删除客户", "按要求删除了个人资料"},
	TagAdded:                {"打标签", "打上了标签"},
	TagRemoved:              {"去标签", "去掉了标签"},
	ScoreChanged:            {"分数变化", "评分有增减"},
	ScoreThresholdCrossed:   {"分数达标", "评分越过了设定的线"},
	StageEntered:            {"进入阶段", "生命周期阶段变化"},
	JourneyEntered:          {"进入旅程", "进入了一个旅程"},
	JourneyStepDone:         {"旅程步骤完成", "完成了旅程里的一步"},
	JourneyGoalReached:      {"旅程达成目标", "达成了旅程的目标"},
	JourneyExited:           {"离开旅程", "走完或退出了旅程"},
	JourneyFailed:           {"旅程出错", "旅程里的一步没有成功"},
	RawReceived:             {"未识别事件", "收到暂不认识的事件，原样保存"},
}

// propLabels are the Chinese names of properties that conditions ask about.
var propLabels = map[string]string{
	"content": "内容", "kind": "类型", "key": "菜单项", "scene": "渠道码", "state": "渠道", "answer": "回答", "template_id": "模板",
	"welcome_code": "欢迎语凭证", "url": "网址", "ref": "来源网址", "seconds": "秒数", "percent": "阅读百分比", "form": "表单", "score": "评分",
	"threshold": "阈值", "value": "值", "stage": "阶段", "from": "原阶段", "tag": "标签", "source": "来源", "channel": "渠道", "purpose": "用途",
	"amount": "金额", "reason": "原因", "code": "错误码", "depth": "层级", "page": "页面", "newcomer": "新访客", "detail": "变动",
	"utm_source": "UTM 来源", "utm_medium": "UTM 媒介", "utm_campaign": "UTM 活动", "utm_term": "UTM 关键词", "utm_content": "UTM 内容",
}

// PropLabel is a property's Chinese name; one nobody named goes by its key.
func PropLabel(key string) string {
	if l, ok := propLabels[key]; ok {
		return l
	}
	return key
}
