package simulator

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// smsKind is what Aliyun lets one kind of message do (短信规范).
type smsKind struct {
	number  int // TemplateType, OuterTemplateType
	banned  []string
	ending  string
	from    int // hours of the day in which it is sent; both 0: always
	to      int
	limits  []smsLimit
	noValue bool // no variables
}

type smsLimit struct {
	name  string
	span  span
	level string
}

// marketing are the words no verification code and no notice may carry (document_detail/463270), shortened
// to what is sure to be one.
var smsMarketing = []string{"推广", "促销", "优惠券", "特价", "秒杀", "抢购", "红包", "会展", "问卷调查", "召回", "拓客", "邀请注册", "积分兑换", "医美", "免费领取", "拒收请回复", "退订"}

var smsKinds = map[string]*smsKind{
	"code": {number: 0, banned: smsMarketing, limits: []smsLimit{
		{"sms.code.minute", minute, "触发分钟级流控Permits:"}, {"sms.code.hour", hour, "触发小时级流控Permits:"}, {"sms.code.day", day, "触发天级流控Permits:"}}},
	"notice": {number: 1, banned: smsMarketing, limits: []smsLimit{{"sms.notice.day", day, "触发天级流控Permits:"}}},
	"marketing": {number: 2, banned: []string{"贷款", "炒股", "博彩", "游戏", "交友"}, ending: "拒收请回复R", from: 9, to: 20, noValue: true,
		limits: []smsLimit{{"sms.marketing.day", day, "触发天级流控Permits:"}}},
}

type smsState struct {
	list   string // AuditStatus
	single string // TemplateStatus
}

var smsStates = map[string]*smsState{
	"reviewing": {"AUDIT_STATE_INIT", "0"}, "approved": {"AUDIT_STATE_PASS", "1"},
	"rejected": {"AUDIT_STATE_NOT_PASS", "2"}, "cancelled": {"AUDIT_SATE_CANCEL", "10"},
}

var (
	smsPhone    = regexp.MustCompile(`^1[3-9][0-9]{9}$`)
	smsVariable = regexp.MustCompile(`\$\{([^{}]+)\}`)
	smsLink     = regexp.MustCompile(`(?i)https?://|www\.`)
)

// sendSMS sends one text to up to 1000 numbers.
func (s *Simulator) sendSMS(c *smsCall) (answer, *smsRefusal) {
	phones := strings.Split(c.str("PhoneNumbers"), ",")
	if len(phones) > 1000 {
		return nil, denyf("isv.MOBILE_COUNT_OVER_LIMIT", "手机号码数量超过限制")
	}
	var list []smsOrder
	for _, p := range phones {
		list = append(list, smsOrder{phone: p, sign: c.str("SignName"), params: c.str("TemplateParam")})
	}
	return s.takeSMS(c, list)
}

// sendSMSBatch sends each of up to 100 numbers a text and signature of its own.
func (s *Simulator) sendSMSBatch(c *smsCall) (answer, *smsRefusal) {
	var phones, signs []string
	var params []json.RawMessage
	for _, f := range []struct {
		name string
		to   any
		need bool
	}{{"PhoneNumberJson", &phones, true}, {"SignNameJson", &signs, true}, {"TemplateParamJson", &params, false}} {
		if text := c.str(f.name); text != "" || f.need {
			if err := json.Unmarshal([]byte(text), f.to); err != nil {
				return nil, denyf("isv.INVALID_JSON_PARAM", "%s 不是 JSON 数组", f.name)
			}
		}
	}
	switch {
	case len(phones) == 0 || len(phones) != len(signs) || len(params) > 0 && len(params) != len(phones):
		return nil, denyf("isv.INVALID_PARAMETERS", "号码、签名、变量的个数不一致")
	case len(phones) > 100:
		return nil, denyf("isv.MOBILE_COUNT_OVER_LIMIT", "手机号码数量超过限制")
	}
	var list []smsOrder
	for i, p := range phones {
		o := smsOrder{phone: p, sign: signs[i]}
		if len(params) > 0 {
			o.params = string(params[i])
		}
		list = append(list, o)
	}
	return s.takeSMS(c, list)
}

// smsOrder is one text to one number.
type smsOrder struct {
	phone, sign, params string
	kind, text          string
}

// takeSMS takes all of a call's orders or none.
func (s *Simulator) takeSMS(c *smsCall, list []smsOrder) (answer, *smsRefusal) {
	if c.account.Broke {
		return nil, denyf("isv.AMOUNT_NOT_ENOUGH", "账户余额不足")
	}
	for i := range list {
		if no := s.judgeSMS(c, &list[i]); no != nil {
			return nil, no
		}
	}
	for _, o := range list { // the limits come last: what is refused for another reason uses up none
		for _, l := range smsKinds[o.kind].limits {
			most := s.counters.standing(l.name)
			if !s.counters.take(l.name, most, l.span, o.sign+" "+o.phone, 1, c.now) {
				return nil, denyf("isv.BUSINESS_LIMIT_CONTROL", "%s%d", l.level, most)
			}
		}
	}
	biz := fmt.Sprintf("%d^0", s.nextID())
	for _, o := range list {
		s.carrySMS(c, o, biz)
	}
	return answer{"BizId": biz}, nil
}

// judgeSMS checks one order as Aliyun does, and renders it.
func (s *Simulator) judgeSMS(c *smsCall, o *smsOrder) *smsRefusal {
	o.phone = strings.TrimPrefix(strings.TrimPrefix(o.phone, "+"), "86")
	if !smsPhone.MatchString(o.phone) {
		return denyf("isv.MOBILE_NUMBER_ILLEGAL", "%s 无效号码", o.phone)
	}
	if !slices.Contains(c.account.Signs, o.sign) {
		return denyf("isv.SMS_SIGNATURE_ILLEGAL", "签名不合法(不存在或被拉黑)")
	}
	params := map[string]string{}
	if o.params != "" {
		if err := json.Unmarshal([]byte(o.params), &params); err != nil {
			return denyf("isv.INVALID_JSON_PARAM", "参数格式错误，请修改为字符串值")
		}
	}
	if len(c.account.Templates) == 0 {
		o.kind, o.text = "notice", o.params
		return nil
	}
	t := c.account.template(c.str("TemplateCode"))
	if t == nil || t.State != "approved" {
		return denyf("isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板")
	}
	kind := smsKinds[t.Kind]
	names := map[string]bool{}
	for _, m := range smsVariable.FindAllStringSubmatch(t.Content, -1) {
		names[m[1]] = true
	}
	if kind.noValue && len(names) > 0 {
		return denyf("isv.SMS_CONTENT_ILLEGAL", "推广短信不支持变量")
	}
	for name := range names {
		v, ok := params[name]
		switch n := utf8.RuneCountInString(v); {
		case !ok:
			return denyf("isv.TEMPLATE_MISSING_PARAMETERS", "模板缺少变量：%s", name)
		case n < 1 || n > 35:
			return denyf("isv.PARAM_LENGTH_LIMIT", "变量 %s 超过长度限制", name)
		case smsLink.MatchString(v):
			return denyf("isv.PARAM_NOT_SUPPORT_URL", "变量 %s 不支持 URL", name)
		}
	}
	for name := range params {
		if !names[name] {
			return denyf("isv.INVALID_PARAMETERS", "模板没有变量：%s", name)
		}
	}
	o.kind = t.Kind
	o.text = smsVariable.ReplaceAllStringFunc(t.Content, func(v string) string { return params[v[2:len(v)-1]] })
	for _, w := range kind.banned {
		if strings.Contains(o.text, w) {
			return denyf("isv.BLACK_KEY_CONTROL_LIMIT", "内容含有禁止的关键字：%s", w)
		}
	}
	if !strings.HasSuffix(o.text, kind.ending) {
		return denyf("isv.SMS_CONTENT_ILLEGAL", "推广短信须以“%s”结尾", kind.ending)
	}
	if at := time.UnixMilli(c.now).In(china).Hour(); kind.to > 0 && (at < kind.from || at >= kind.to) {
		return denyf("isv.BUSINESS_LIMIT_CONTROL", "不在推广短信的发送时段 %d:00-%d:00", kind.from, kind.to)
	}
	return nil
}

// carrySMS is the carrier's part: the phone gets the message, and a receipt says so.
func (s *Simulator) carrySMS(c *smsCall, o smsOrder, biz string) {
	x := &smsSend{account: c.account, phone: o.phone, sign: o.sign, code: c.str("TemplateCode"), text: o.text, bizID: biz, outID: c.str("OutId"),
		at: time.UnixMilli(c.wall).In(china), status: 3, errCode: "DELIVERED"}
	if ends := s.faults.receipt(c.path, o.sign); ends != "" {
		x.status, x.errCode = 2, strings.TrimSpace(strings.TrimPrefix(ends, "failed:"))
	}
	kept, _ := s.sms.sends.get(o.phone, c.wall)
	kept = append(kept, x)
	if len(kept) > keptSends {
		kept = slices.Clone(kept[len(kept)-keptSends:])
	}
	s.sms.sends.put(o.phone, kept, c.wall+int64(keptDays*24*time.Hour/time.Millisecond), c.wall)
	if x.status == 3 {
		var params map[string]string
		_ = json.Unmarshal([]byte(o.params), &params) // judged above; without templates anything goes
		s.deliver(&c.call, message{account: o.sign, to: o.phone, kind: "sms", msgID: biz, label: "短信【" + o.sign + "】", person: s.phoneOwner(o.phone),
			content: map[string]any{"sign": o.sign, "kind": o.kind, "template_code": x.code, "params": params, "text": "【" + o.sign + "】" + o.text}})
	}
	now := c.now
	c.after(func() { s.pushReport(x, now) })
}

// phoneOwner is whose phone has a number; somebody new where there is room.
func (s *Simulator) phoneOwner(phone string) *person {
	if p := s.people[phone]; p != nil {
		return p
	}
	if s.full() {
		return nil
	}
	p := &person{Person: Person{Phone: phone}}
	s.name(p, phone)
	return p
}

// querySMS lists what was sent to one number on one day, newest first.
func (s *Simulator) querySMS(c *smsCall) (answer, *smsRefusal) {
	phone := strings.TrimPrefix(c.str("PhoneNumber"), "86")
	if !smsPhone.MatchString(phone) {
		return nil, denyf("isv.MOBILE_NUMBER_ILLEGAL", "%s 无效号码", phone)
	}
	date, err := time.ParseInLocation("20060102", c.str("SendDate"), china)
	if err != nil || time.UnixMilli(c.wall).Sub(date) > keptDays*24*time.Hour+24*time.Hour {
		return nil, denyf("isv.INVALID_PARAMETERS", "SendDate 应形如 20060102，且在最近 %d 天内", keptDays)
	}
	page, size, no := c.page("CurrentPage", 50)
	if no != nil {
		return nil, no
	}
	kept, _ := s.sms.sends.get(phone, c.wall)
	var list []*smsSend
	for _, x := range slices.Backward(kept) {
		if x.account == c.account && x.at.Format("20060102") == c.str("SendDate") && (c.str("BizId") == "" || c.str("BizId") == x.bizID) {
			list = append(list, x)
		}
	}
	items := []answer{}
	for _, x := range pageOf(list, page, size) {
		item := answer{"PhoneNum": x.phone, "SendStatus": x.status, "ErrCode": x.errCode, "TemplateCode": x.code, "OutId": x.outID,
			"Content": "【" + x.sign + "】" + x.text, "SendDate": x.at.Format(time.DateTime)}
		if x.status == 3 {
			item["ReceiveDate"] = x.at.Format(time.DateTime)
		}
		items = append(items, item)
	}
	return answer{"TotalCount": fmt.Sprint(len(list)), "SmsSendDetailDTOs": answer{"SmsSendDetailDTO": items}}, nil
}

func (s *Simulator) listSMSTemplates(c *smsCall) (answer, *smsRefusal) {
	if len(c.account.Templates) == 0 {
		return nil, denyf("isp.RAM_PERMISSION_DENY", "RAM权限DENY")
	}
	page, size, no := c.page("PageIndex", 50)
	if no != nil {
		return nil, no
	}
	items := []answer{}
	for _, t := range pageOf(c.account.Templates, page, size) {
		items = append(items, answer{"TemplateCode": t.Code, "TemplateName": t.Name, "TemplateContent": t.Content, "AuditStatus": smsStates[t.State].list,
			"OuterTemplateType": smsKinds[t.Kind].number, "TemplateType": (smsKinds[t.Kind].number + 2) % 3, "CreateDate": "2026-01-01 10:00:00",
			"OrderId": "1", "Reason": answer{"RejectInfo": t.Reason, "RejectSubInfo": "", "RejectDate": ""}})
	}
	return answer{"SmsTemplateList": items, "TotalCount": len(c.account.Templates), "CurrentPage": page, "PageSize": size}, nil
}

func (s *Simulator) getSMSTemplate(c *smsCall) (answer, *smsRefusal) {
	if len(c.account.Templates) == 0 {
		return nil, denyf("isp.RAM_PERMISSION_DENY", "RAM权限DENY")
	}
	t := c.account.template(c.str("TemplateCode"))
	if t == nil {
		return nil, denyf("isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板")
	}
	return answer{"TemplateCode": t.Code, "TemplateName": t.Name, "TemplateContent": t.Content, "TemplateStatus": smsStates[t.State].single,
		"TemplateType": fmt.Sprint(smsKinds[t.Kind].number), "AuditInfo": answer{"RejectInfo": t.Reason}}, nil
}
