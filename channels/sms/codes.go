package sms

import (
	"net/http"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/outbox"
)

// meaning is what one of Aliyun's error codes means to a message.
type meaning struct {
	number int // outbox.Outcome.Code is a number, Aliyun's codes are words: ours, fixed for ever
	status outbox.Status
	after  time.Duration
	reason string
}

// meanings map Aliyun's codes. Numbers: 1xxx the recipient or the message, 2xxx configuration, 3xxx limits
// and outages; they stand in the database, so a number is never given to another code. Codes without a mark
// were seen in the published error tables; [recall] is unverified and errs on the side of not sending again.
var meanings = map[string]meaning{
	"isv.MOBILE_NUMBER_ILLEGAL":         {1001, outbox.Failed, 0, "手机号格式不对或不是国内号码：请核对这位客户的手机号"},
	"isv.MOBILE_COUNT_OVER_LIMIT":       {1002, outbox.Failed, 0, "一次发送的号码太多：请把情况报告给开发者"},
	"isv.TEMPLATE_MISSING_PARAMETERS":   {1003, outbox.Alarm, 0, "模板里有变量没有值：请在消息模板里补上"},
	"isv.TEMPLATE_PARAMS_ILLEGAL":       {1004, outbox.Failed, 0, "变量的内容不合要求：请检查变量里有没有特殊字符或网址"}, // [recall]
	"isv.INVALID_JSON_PARAM":            {1005, outbox.Alarm, 0, "变量的格式不对，阿里云只接受文字：请检查消息模板"},
	"isv.PARAM_LENGTH_LIMIT":            {1006, outbox.Failed, 0, "有变量超过 35 个字：请缩短它的内容"},
	"isv.PARAM_NOT_SUPPORT_URL":         {1007, outbox.Failed, 0, "变量里不能放网址：请把网址固定写进模板重新申请"},
	"isv.BLACK_KEY_CONTROL_LIMIT":       {1008, outbox.Failed, 0, "变量里有阿里云禁止的词：请改写内容，或把这些词写进模板送审"},
	"isv.SMS_CONTENT_ILLEGAL":           {1009, outbox.Alarm, 0, "短信内容不合规：请在阿里云短信控制台核对模板内容"},      // [recall]
	"isv.DENY_IP_RANGE":                 {1010, outbox.Alarm, 0, "阿里云不允许从这个地区的网络发送：请检查服务器的出口 IP"}, // [recall]
	"isv.DOMESTIC_NUMBER_NOT_SUPPORTED": {1011, outbox.Failed, 0, "国际模板不能发给国内号码：请改用国内模板"},         // [recall]
	"isv.BLACK_LIST":                    {1012, outbox.Failed, 0, "这个号码在阿里云的黑名单里：请改用其他方式联系"},      // [recall]

	"isv.SMS_TEMPLATE_ILLEGAL":            {2001, outbox.Alarm, 0, "短信模板不存在或没有通过审核：请在阿里云短信控制台核对模板 CODE 和审核状态"},
	"isv.SMS_SIGNATURE_ILLEGAL":           {2002, outbox.Alarm, 0, "短信签名不存在或没有通过审核：请在阿里云短信控制台核对签名"},
	"isv.SMS_SIGN_ILLEGAL":                {2002, outbox.Alarm, 0, "短信签名不存在或没有通过审核：请在阿里云短信控制台核对签名"}, // [recall]
	"isv.SIGN_NAME_ILLEGAL":               {2002, outbox.Alarm, 0, "短信签名不存在或没有通过审核：请在阿里云短信控制台核对签名"}, // [recall]
	"isv.SMS_SIGNATURE_SCENE_ILLEGAL":     {2003, outbox.Alarm, 0, "签名的用途和模板类型不符：请换签名或重新申请"},        // [recall]
	"isv.INVALID_PARAMETERS":              {2004, outbox.Alarm, 0, "参数不对：请检查模板变量与阿里云申请的是否一致"},
	"isv.AMOUNT_NOT_ENOUGH":               {2005, outbox.Alarm, 0, "阿里云账户余额或套餐包不足：请充值后重试"},
	"isv.OUT_OF_SERVICE":                  {2006, outbox.Alarm, 0, "阿里云账户已停机：请充值后重试"},
	"isv.ACCOUNT_NOT_EXISTS":              {2007, outbox.Alarm, 0, "阿里云账户不存在：请核对 AccessKey 属于哪个账户"},
	"isv.ACCOUNT_ABNORMAL":                {2008, outbox.Alarm, 0, "阿里云账户异常：请登录阿里云查看，或联系其客服"},
	"isv.PRODUCT_UNSUBSCRIBE":             {2009, outbox.Alarm, 0, "阿里云账户还没有开通短信服务：请先开通"},
	"isv.PRODUCT_UN_SUBSCRIPT":            {2009, outbox.Alarm, 0, "阿里云账户还没有开通短信服务：请先开通"},
	"isp.RAM_PERMISSION_DENY":             {2010, outbox.Alarm, 0, "AccessKey 没有短信权限：请给它授予 AliyunDysmsFullAccess"},
	"isv.RAM_CHECK_FAILED":                {2010, outbox.Alarm, 0, "AccessKey 没有短信权限：请给它授予 AliyunDysmsFullAccess"},
	"Forbidden.RAM":                       {2010, outbox.Alarm, 0, "AccessKey 没有短信权限：请给它授予 AliyunDysmsFullAccess"}, // [recall]
	"NoPermission":                        {2010, outbox.Alarm, 0, "AccessKey 没有短信权限：请给它授予 AliyunDysmsFullAccess"}, // [recall]
	"SignatureDoesNotMatch":               {2011, outbox.Alarm, 0, "AccessKey Secret 不对：请在「设置 → 平台账号」重新填写"},
	"InvalidAccessKeyId.NotFound":         {2012, outbox.Alarm, 0, "AccessKey ID 不存在：请在「设置 → 平台账号」重新填写"},
	"InvalidAccessKeyId":                  {2012, outbox.Alarm, 0, "AccessKey ID 不存在：请在「设置 → 平台账号」重新填写"},
	"InvalidAccessKeyId.Inactive":         {2013, outbox.Alarm, 0, "AccessKey 已被禁用：请在阿里云启用，或换一个填到「设置 → 平台账号」"}, // [recall]
	"InvalidTimeStamp.Expired":            {2014, outbox.Alarm, 0, "服务器时间与阿里云相差超过 15 分钟：请校准服务器时钟"},             // [recall]
	"IllegalTimestamp":                    {2014, outbox.Alarm, 0, "服务器时间与阿里云相差超过 15 分钟：请校准服务器时钟"},             // [recall]
	"isv.EXTEND_CODE_ERROR":               {2015, outbox.Alarm, 0, "上行扩展码不对：请在阿里云短信控制台核对"},                     // [recall]
	"isv.SMS_TEST_TEMPLATE_LIMIT":         {2016, outbox.Alarm, 0, "这是测试签名或模板，只能发给测试号码：请申请正式的"},                // [recall]
	"isv.SMS_TEST_SIGN_TEMPLATE_LIMIT":    {2016, outbox.Alarm, 0, "这是测试签名或模板，只能发给测试号码：请申请正式的"},                // [recall]
	"isv.TEMPLATE_SIGN_NAME_UNASSOCIATED": {2017, outbox.Alarm, 0, "签名和模板没有关联：请在阿里云短信控制台核对"},                   // [recall]
	"isv.SMS_OVER_LIMIT":                  {2018, outbox.Alarm, 0, "超出阿里云的发送上限：请登录阿里云短信控制台查看"},                 // [recall]

	"isv.BUSINESS_LIMIT_CONTROL": {3001, outbox.Failed, 0, "这个号码今天收到的短信已达阿里云上限：请明天再发，或改用其他方式"}, // see limited
	"isv.DAY_LIMIT_CONTROL":      {3002, outbox.Paused, 0, "账户今天的短信数量已达设定上限：明天自动恢复，或在阿里云控制台调高"},
	"isv.MONTH_LIMIT_CONTROL":    {3003, outbox.Alarm, 0, "账户本月的短信数量已达设定上限：请在阿里云控制台调高后重试"}, // [recall]
	"isp.SYSTEM_ERROR":           {3004, outbox.Retry, 10 * time.Second, "阿里云系统错误：稍后自动重试"},
	"isp.GATEWAY_ERROR":          {3005, outbox.Retry, 10 * time.Second, "阿里云网关错误：稍后自动重试"},
	"ServiceUnavailable":         {3006, outbox.Retry, 10 * time.Second, "阿里云暂时不可用：稍后自动重试"}, // [recall]
	"SignatureNonceUsed":         {3007, outbox.Unknown, 0, "阿里云说请求是重复的，不确定是否已发出：正在核对"},     // [recall]
	"InternalError":              {3008, outbox.Unknown, 0, "阿里云内部错误，不确定是否已发出：正在核对"},        // [recall]
}

// numbers for what is in no table.
const (
	numberThrottled = 3010
	numberOther     = 1999
	numberLimited   = 3001
	numberHTTP      = 9000 // plus nothing: the answer was none of Aliyun's
)

// explain turns a reply to SendSms into an outcome; BizId is added by the caller.
func explain(r *reply) outbox.Outcome {
	switch {
	case r.err != nil && !r.reached:
		return outbox.Outcome{Status: outbox.Retry, Reason: "没有连上阿里云：请检查服务器的网络，稍后自动重试"}
	case r.err != nil:
		return outbox.Outcome{Status: outbox.Unknown, Reason: "阿里云没有回答，不确定是否已发出：会向阿里云查询结果，不会盲目重发"}
	case r.code == "OK" && r.status == http.StatusOK:
		return outbox.Outcome{Status: outbox.Sent}
	case r.code == "" && r.status == http.StatusTooManyRequests:
		return outbox.Outcome{Status: outbox.Retry, Code: numberThrottled, RetryAfter: 30 * time.Second, Reason: "调用阿里云过于频繁：稍后自动重试"}
	case r.code == "" || r.code == "OK":
		return outbox.Outcome{Status: outbox.Unknown, Code: numberHTTP, Reason: "阿里云的回答读不出来，不确定是否已发出：会向阿里云查询结果，不会盲目重发"}
	case r.code == "isv.BUSINESS_LIMIT_CONTROL":
		return limited(r.message)
	case strings.HasPrefix(r.code, "Throttling"):
		return outbox.Outcome{Status: outbox.Retry, Code: numberThrottled, RetryAfter: 30 * time.Second, Reason: "调用阿里云过于频繁（" + r.code + "）：稍后自动重试"}
	}
	m, known := meanings[r.code]
	if !known {
		return outbox.Outcome{Status: outbox.Failed, Code: numberOther, Reason: "阿里云拒绝了这条短信（" + word(r.code) + "）：请在阿里云文档查这个错误码"}
	}
	return outbox.Outcome{Status: m.status, Code: m.number, RetryAfter: m.after, Reason: m.reason + "（" + r.code + "）"}
}

// limited reads which of the flow limits of one number was met: only the message says it ("触发分钟级流控
// Permits:1"). The limits of a minute and an hour pass by; that of a day does not in time for the message.
func limited(message string) outbox.Outcome {
	o := outbox.Outcome{Status: outbox.Failed, Code: numberLimited, Reason: meanings["isv.BUSINESS_LIMIT_CONTROL"].reason + "（isv.BUSINESS_LIMIT_CONTROL）"}
	switch {
	case strings.Contains(message, "分钟级流控"):
		o.Status, o.RetryAfter, o.Reason = outbox.Retry, time.Minute, "同一号码 1 分钟内只能收 1 条验证码：1 分钟后自动重试"
	case strings.Contains(message, "小时级流控"):
		o.Status, o.RetryAfter, o.Reason = outbox.Retry, time.Hour, "同一号码 1 小时内的短信已达阿里云上限：1 小时后自动重试，过期则不再发送"
	case strings.Contains(message, "时段"):
		o.Reason = "现在不是推广短信的发送时间（9:00–20:00）：请改到这个时间内发送"
	}
	return o
}

// word keeps an unknown code of the other side printable and short.
func word(code string) string {
	clean := strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r
		}
		return -1
	}, code)
	return clean[:min(len(clean), 64)]
}

// CodeOf is Aliyun's code behind an outcome's number, for screens and logs; "" for a number that is not ours.
// Where several codes mean the same the shortest is returned.
func CodeOf(number int) string {
	best := ""
	for code, m := range meanings {
		if m.number == number && (best == "" || len(code) < len(best) || len(code) == len(best) && code < best) {
			best = code
		}
	}
	return best
}
