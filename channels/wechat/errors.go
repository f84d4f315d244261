package wechat

import (
	"fmt"
	"time"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/outbox"
)

// Meaning is what an answer of a platform asks of us. Only errcode counts: "errmsg may change"
// (全局错误码, path/90455). The numbers marked [recall] stand on no stored page.
type Meaning struct {
	Status outbox.Status
	What   string        // Chinese: what happened
	Do     string        // Chinese: what to do next, or what Koi does by itself
	After  time.Duration // for Retry and Paused: how long to wait

	// Unsure: the platform may have acted all the same. Without a key by which it drops repeats, the
	// message must not be sent again.
	Unsure bool
	// StaleToken: the access token was refused; the call was not made. One renewal and one repeat may help.
	StaleToken bool

	untilMidnight bool
}

// Reason is the sentence people read.
func (m Meaning) Reason() string { return m.What + "：" + m.Do }

// Wait is how long to wait before the next try, from now (wall time).
func (m Meaning) Wait(now time.Time) time.Duration {
	if !m.untilMidnight {
		return m.After
	}
	local := now.In(beijing)
	// Some minutes after midnight: clocks differ, and everyone comes back at zero o'clock.
	reset := time.Date(local.Year(), local.Month(), local.Day()+1, 0, 5, 0, 0, beijing)
	return reset.Sub(now)
}

// beijing is where the platforms' quota days begin, whatever the business time zone is.
var beijing = time.FixedZone("CST", 8*3600)

var busy = Meaning{Status: outbox.Retry, What: "平台系统繁忙", Do: "稍后自动重试", After: 2 * time.Second, Unsure: true}

func failed(what, do string) Meaning { return Meaning{Status: outbox.Failed, What: what, Do: do} }
func alarm(what, do string) Meaning  { return Meaning{Status: outbox.Alarm, What: what, Do: do} }
func closed(what, do string) Meaning { return Meaning{Status: outbox.WindowClosed, What: what, Do: do} }
func retry(after time.Duration, what, do string) Meaning {
	return Meaning{Status: outbox.Retry, After: after, What: what, Do: do}
}
func paused(after time.Duration, what, do string) Meaning {
	return Meaning{Status: outbox.Paused, After: after, What: what, Do: do}
}
func stale(what string) Meaning {
	return Meaning{Status: outbox.Alarm, What: what, Do: "已自动换取一次仍被拒绝，请检查 Secret 是否被重置、是否有别的系统在抢用", StaleToken: true}
}

// official is the table for api.weixin.qq.com.
var official = map[int]Meaning{
	-1:    busy,
	40001: stale("access_token 无效或不是最新的"),
	40014: stale("access_token 不合法"),
	42001: stale("access_token 已过期"),
	41001: alarm("调用时缺少 access_token", "请检查 AppSecret 后重试"),
	40003: failed("OpenID 无效", "这个粉丝已不可达，请核对是否属于本公众号"),
	40007: failed("素材已失效", "请在消息模板里重新上传图片或素材"),
	40008: alarm("消息类型不被支持", "请改用文本、图片、图文或小程序卡片"),
	40013: alarm("AppID 无效", "请到「设置 → 平台账号」核对 AppID"),
	40125: alarm("AppSecret 不正确", "请到「设置 → 平台账号」重新填写 AppSecret"),
	41004: alarm("没有填写 AppSecret", "请到「设置 → 平台账号」补上"),
	40243: alarm("AppSecret 已被冻结", "请到公众平台解冻后重试"), // [recall]
	40164: alarm("服务器 IP 不在公众号的 IP 白名单里", "请到公众平台「设置与开发 → 开发接口管理」加入本机出口 IP"),
	89503: alarm("公众号开启了 API 调用确认", "请管理员在公众平台确认本机 IP 的调用"), // [recall]
	40037: alarm("模板 ID 无效", "这个模板版本已停用，请在公众平台核对后更新消息模板"),
	47003: alarm("模板参数不符合规则", "这个模板版本已停用，请按模板要求修改各字段"),
	41030: alarm("小程序页面路径无效", "请核对页面路径，且小程序已发布该页面"), // [recall]
	43004: failed("对方没有关注公众号", "已按取消关注处理，请改用其他渠道"),
	43101: failed("对方没有订阅或已拒收", "请改用其他渠道，或引导重新订阅"),
	48002: failed("对方关闭了接收消息", "请改用其他渠道"), // [recall]
	44002: alarm("发送内容为空", "请检查消息模板"),
	44004: alarm("消息内容为空", "请检查消息模板的变量是否都有值"),
	45002: failed("消息内容超过长度", "请缩短消息模板的文字"),
	47001: alarm("消息内容格式不正确", "请检查消息模板"),
	45009: {Status: outbox.Paused, What: "这个接口当日调用次数已用完", Do: "已暂停，次日零点后自动继续；不会自动清零配额", untilMidnight: true},
	45011: paused(time.Minute, "调用太频繁", "已暂停一分钟，之后自动继续"), // [recall]
	45015: closed("客服消息窗口已关闭（对方 48 小时内没有互动）", "请改用模板消息、订阅通知等渠道"),
	45047: closed("客服消息条数已用完", "等对方下一次互动后才能再发"),
	45065: {Status: outbox.Sent, What: "平台已收过同一条消息", Do: "按已发送处理"}, // [recall]
	45066: retry(time.Minute, "同一条消息重试太快", "一分钟后自动重试"),             // [recall]
	50002: failed("对方账号或公众号功能受限", "不再给对方发送；如大量出现，请到公众平台查看账号状态"),
	48001: alarm("公众号没有这个接口的权限", "请到公众平台「接口权限」查看，订阅号和未认证账号不能用"),
	48004: alarm("接口因违规被封禁", "请登录公众平台查看通知"),
	48006: alarm("清零配额的次数已用完", "请等配额自然恢复"),
}

// mini is where the same host means something else to a mini-program than to an official account; what it
// does not name stands in the table official.
var mini = map[int]Meaning{
	40003: failed("OpenID 无效", "这位用户已不可达，请核对是否属于本小程序"),
	40164: alarm("服务器 IP 不在小程序的 IP 白名单里", "请到公众平台「开发管理 → 开发设置」加入本机出口 IP"),
	89503: alarm("小程序开启了 API 调用确认", "请管理员在公众平台确认本机 IP 的调用"), // [recall]
	40037: alarm("订阅消息的模板 ID 无效", "这个模板版本已停用，请在公众平台核对后更新消息模板"),
	43101: failed("对方没有订阅、次数已用完或已拒收", "订阅余额已清零；请改用其他渠道，或在小程序里引导重新订阅"),
	48001: alarm("小程序没有这个接口的权限", "请到公众平台「接口权限」查看，并确认服务类目已通过审核"),
	45015: closed("客服消息窗口已关闭（对方 48 小时内没有互动）", "请改用订阅消息等渠道"),
	50002: failed("对方账号或小程序功能受限", "不再给对方发送；如大量出现，请到公众平台查看账号状态"),
}

// wecom is the table for qyapi.weixin.qq.com.
var wecom = map[int]Meaning{
	-1: busy,
	// Of gettoken only: a wrong secret. Elsewhere it is treated as a stale token once, which does no harm.
	40001:  stale("Secret 不正确或 access_token 无效"),
	40014:  stale("access_token 无效"),
	42001:  stale("access_token 已过期"),
	41001:  alarm("调用时缺少 access_token", "请检查应用的 Secret 后重试"),
	40003:  failed("成员 UserID 无效", "请核对该员工，或同步通讯录后重试"),
	60111:  failed("企业微信里没有这个成员", "请同步通讯录，确认该员工是否已离职或改了账号"),
	81013:  failed("接收人都无效", "请确认该员工在应用的可见范围内，并已激活企业微信"),
	82001:  failed("没有接收人", "请确认该员工在应用的可见范围内"),
	40007:  failed("素材已失效", "请在消息模板里重新上传素材（临时素材只保留三天）"),
	40008:  alarm("消息类型不被支持", "请改用文本、文本卡片或模板卡片"),
	40013:  alarm("企业 ID 无效", "请到「设置 → 平台账号」核对企业 ID"),
	40056:  alarm("AgentId 无效", "请到「设置 → 平台账号」核对 AgentId"),
	40058:  alarm("消息参数不合法", "请检查消息模板的各字段"),
	40063:  alarm("缺少必填参数", "请检查消息模板的各字段"),
	40035:  alarm("消息参数不合法", "请检查消息模板的各字段"),
	40039:  alarm("链接超过长度", "请缩短消息模板里的链接"),
	40066:  alarm("链接不合法", "请检查消息模板里的链接"),
	41006:  alarm("缺少素材 media_id", "请在消息模板里重新选择素材"),
	41011:  alarm("缺少 AgentId", "请到「设置 → 平台账号」补上"),
	41016:  alarm("缺少标题", "请检查消息模板"),
	41033:  alarm("缺少描述", "请检查消息模板"),
	41010:  alarm("缺少链接", "请检查消息模板"),
	45034:  alarm("链接不完整", "链接应以 http:// 或 https:// 开头，请检查消息模板"),
	42014:  alarm("模板卡片的 task_id 无效", "task_id 不能重复，请检查消息模板"),
	44004:  alarm("消息内容为空", "请检查消息模板的变量是否都有值"),
	45002:  failed("消息内容超过长度", "请缩短消息模板的文字"),
	47001:  alarm("消息内容格式不正确", "请检查消息模板"),
	45009:  paused(time.Minute, "接口调用超过频率限制", "已暂停一分钟，之后自动继续"),
	45033:  retry(3*time.Second, "接口并发超过限制", "稍后自动重试"), // [recall]
	48002:  alarm("应用没有这个接口的权限", "请到企业微信管理后台开通该接口权限"),
	50003:  alarm("应用已被停用", "请到企业微信管理后台启用该应用"),
	60011:  alarm("应用没有权限访问这个成员或部门", "请到企业微信管理后台调整应用的可见范围"),
	60020:  alarm("服务器 IP 不在应用的「企业可信 IP」里", "请到企业微信管理后台加入本机出口 IP"),
	60123:  alarm("部门不存在", "请同步通讯录后重试"),
	60003:  alarm("部门不存在", "请同步通讯录后重试"),
	301002: alarm("这个 Secret 不能操作该应用", "请核对 AgentId 与 Secret 是否属于同一个应用"),
	84061:  retry(time.Minute, "对方还不是该员工的外部联系人", "刚添加时平台会晚几分钟，稍后自动重试；仍然如此则视为已流失"),
	40096:  failed("external_userid 无效", "这位客户已不可达，请核对是否属于本企业"),
	84083:  failed("这位成员没有开通客户联系", "请到企业微信管理后台「客户联系」里加入该成员"),
	41050:  failed("欢迎语凭证已过期", "须在添加后 20 秒内发送，本条不再发送"), // [recall]
	41051:  {Status: outbox.Sent, What: "欢迎语已经发过，或已开始聊天", Do: "按已发送处理"},
	41096:  retry(time.Second, "另一个应用正在发送欢迎语", "20 秒内自动重试"),
}

// Explain returns what a code of a platform means. Code 0 is success. A code that is not in the table
// is a refusal that nobody has looked at yet: the message fails and is shown.
func Explain(kind account.Kind, code int) Meaning {
	if code == 0 {
		return Meaning{Status: outbox.Sent}
	}
	tables := []map[int]Meaning{official}
	switch kind {
	case account.KindWeCom:
		tables = []map[int]Meaning{wecom}
	case account.KindMini:
		tables = []map[int]Meaning{mini, official}
	}
	for _, table := range tables {
		if m, ok := table[code]; ok {
			return m
		}
	}
	return failed(fmt.Sprintf("平台拒绝了这次调用（错误码 %d）", code), "请在平台的错误码文档中查询这个码")
}

// explainStatus is Explain for answers that are no JSON of the platform's.
func explainStatus(status int) Meaning {
	switch {
	case status >= 500:
		m := busy
		m.What = fmt.Sprintf("平台出错（HTTP %d）", status)
		return m
	case status == 429:
		return paused(time.Minute, "调用太频繁（HTTP 429）", "已暂停一分钟，之后自动继续")
	case status != 200:
		return alarm(fmt.Sprintf("平台回答了 HTTP %d", status), "请检查配置文件里的 base_url 是否正确")
	}
	return Meaning{Status: outbox.Unknown, What: "平台的回答无法识别", Do: "不确定是否送达，不自动重发；请检查 base_url 是否正确"}
}

// Error is a call that a platform refused or that did not come through. Its text holds neither address
// nor secret. It carries a fault: Unavailable and Limited for what passes, Denied for what somebody must
// correct, NotFound for a recipient that isn't there.
type Error struct {
	Kind    account.Kind
	API     string // the interface's path
	Code    int    // the platform's errcode, 0 when there was none
	Meaning Meaning
	Later   time.Duration // when a repeat may work; 0: it won't by itself
	Err     error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: %s", e.Kind, e.API, e.Meaning.Reason())
	if e.Code != 0 {
		s = fmt.Sprintf("%s %s: errcode %d: %s", e.Kind, e.API, e.Code, e.Meaning.Reason())
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the fault and the cause.
func (e *Error) Unwrap() []error {
	kind := fault.Denied
	switch e.Meaning.Status {
	case outbox.Retry, outbox.Unknown:
		kind = fault.Unavailable
	case outbox.Paused:
		kind = fault.Limited
	case outbox.Failed, outbox.WindowClosed:
		kind = fault.NotFound
	}
	list := []error{fault.New(kind, "%s", e.Meaning.Reason())}
	if e.Err != nil {
		list = append(list, e.Err)
	}
	return list
}
