package message

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// param is one variable of an SMS.
type param struct {
	name string
	text *text
}

const (
	maxSMS      = 500 // characters with the signature (模板规范)
	maxSMSValue = 35  // 变量规范: 1 to 35 characters each
	// optOut ends every 推广短信, and no other one.
	optOut = "拒收请回复R"
)

var (
	smsVariable = regexp.MustCompile(`\$\{([^{}]*)\}`)
	smsName     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,19}$`)
	smsTemplate = regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`)
	codeName    = regexp.MustCompile(`(?i)^(\w*code|captcha|otp|pin|password)$`)
	codeValue   = regexp.MustCompile(`^[A-Za-z0-9]{4,8}$`)
	mobile      = regexp.MustCompile(`^1[3-9]\d{9}$`)
	linkInside  = regexp.MustCompile(`(?i)https?://|www\.|[a-z0-9-]+\.(com|cn|net|top|vip|io|cc|me)\b`)
)

// sms compiles the mirror of a template that Aliyun approved: its text is fixed there, only the declared
// variables are ours.
func (c *checker) sms(t *Template, d definition) {
	f := form{t.Channel, t.Kind}
	if t.TemplateID = d.templateID; d.templateID != "" && !smsTemplate.MatchString(d.templateID) {
		c.say("template_code", "模板编号“%s”不对，应形如 SMS_123456789", d.templateID)
	}
	if (t.Class == Marketing) != (t.Kind == Promotional) {
		c.say("class", "推广短信的类别必须是 marketing（营销），验证码和通知短信不能是；现在是“%s”", t.Class)
	}
	t.approved.sms = d.content
	names := c.smsText(f, d.content)
	c.smsParams(t, d.params, names)
	if t.Kind == Promotional {
		c.promotional(t, d.content, names)
	} else if strings.Contains(d.content, optOut) && f.wrong(d.content) == "" {
		c.say("content", "只有推广短信才带“%s”", optOut)
	}
}

// smsText checks the text and returns its variables.
func (c *checker) smsText(f form, content string) []string {
	if strings.Contains(content, "{{") || strings.Contains(content, "{%") {
		c.say("content", "短信正文要和审核通过的模板一字不差；变量写成 ${名称}，它的值写在 params 里")
	}
	if strings.ContainsAny(content, "【】") {
		c.say("content", "正文不写签名：发送时按账号自动加上")
	}
	c.hears("content", content, true)
	c.words(f, "content")
	if n := utf8.RuneCountInString(content); n > maxSMS {
		c.say("content", "短信最多 %d 个字（含签名），现在是 %d 个", maxSMS, n)
	}
	var names []string
	for _, m := range smsVariable.FindAllStringSubmatch(content, -1) {
		if !smsName.MatchString(m[1]) {
			c.say("content", "变量“${%s}”的名称不对：用字母开头的字母、数字、下划线，最长 20 个", m[1])
		} else if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	if rest := smsVariable.ReplaceAllString(content, ""); strings.Contains(rest, "${") {
		c.say("content", "${ 没有写完")
	}
	return names
}

// smsParams compiles the variables' values: those of the text and no others.
func (c *checker) smsParams(t *Template, raw json.RawMessage, names []string) {
	given := map[string]string{}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &given); err != nil {
			c.say("params", "写法不对：应是 {名称: 内容, …}")
			return
		}
	}
	for _, name := range names {
		if _, has := given[name]; !has {
			c.say("params", "正文里有变量 ${%s}，请在这里给它内容", name)
		}
	}
	f := form{t.Channel, t.Kind}
	for _, name := range sortedKeys(given) {
		at := "params." + name
		if !slices.Contains(names, name) {
			c.say(at, "正文里没有变量 ${%s}", name)
			continue
		}
		if t.Kind == Code && !codeName.MatchString(name) {
			c.say(at, "验证码短信只能有验证码变量（如 ${code}），不能有 ${%s}", name)
		}
		if strings.TrimSpace(given[name]) == "" {
			c.say(at, "请填写这一项的内容")
			continue
		}
		p := param{name, c.text(at, given[name], plain, limitField)}
		c.words(f, at)
		sure := strings.TrimSpace(c.sure(at))
		if n := utf8.RuneCountInString(sure); n > maxSMSValue {
			c.say(at, "每个变量 1 到 %d 个字，固定文字已有 %d 个字", maxSMSValue, n)
		}
		if linkInside.MatchString(sure) || slices.ContainsFunc(sortedKeys(c.uses), func(v string) bool { return strings.HasPrefix(v, "links.") }) {
			c.say(at, "变量里不能有网址：网址要写在审核过的正文里")
		}
		t.approved.params = append(t.approved.params, p)
	}
}

// promotional checks what only 推广短信 must keep to: one text for everybody, with a way out.
func (c *checker) promotional(t *Template, content string, names []string) {
	if !strings.HasSuffix(content, optOut) {
		c.say("content", "推广短信必须以“%s”结尾", optOut)
	}
	if len(names) > 0 || len(t.approved.params) > 0 {
		c.say("content", "推广短信是固定文字，不能有变量，也不能给每人不同的链接")
	}
}

type smsBody struct {
	Phone  string            `json:"phone"`
	Code   string            `json:"template_code"`
	Params map[string]string `json:"params,omitempty"`
	Text   string            `json:"text"`
}

func (r *renderer) sms(t *Template, f Facts) smsBody {
	if r.err == nil && f.Phone != hiddenPhone && !mobile.MatchString(f.Phone) {
		r.fail(fmt.Errorf("no mainland number"), "客户的手机号不是大陆手机号，短信发不了")
	}
	b := smsBody{Phone: f.Phone, Code: t.TemplateID}
	for _, p := range t.approved.params {
		if b.Params == nil {
			b.Params = map[string]string{}
		}
		b.Params[p.name] = r.param(t, p)
	}
	b.Text = smsVariable.ReplaceAllStringFunc(t.approved.sms, func(v string) string { return b.Params[v[2:len(v)-1]] })
	return b
}

// param renders a variable of an SMS; what Aliyun would refuse fails here, with the reason.
func (r *renderer) param(t *Template, p param) string {
	s := oneLine(r.text(p.text))
	n := utf8.RuneCountInString(s)
	f := form{t.Channel, t.Kind}
	fail := func(format string, args ...any) {
		r.fail(fmt.Errorf("variable %s", p.name), fmt.Sprintf("变量 ${%s} ", p.name)+fmt.Sprintf(format, args...))
	}
	switch {
	case r.err != nil:
	case n == 0:
		fail("是空的，请给它加上默认值")
	case n > maxSMSValue:
		fail("最多 %d 个字，这次有 %d 个字", maxSMSValue, n)
	case strings.ContainsAny(s, "【】"):
		fail("里有【】，短信平台会当成签名拒收")
	case linkInside.MatchString(s):
		fail("里有网址，短信平台会拒收")
	case t.Kind == Code && !codeValue.MatchString(s):
		fail("应是 4 到 8 位数字或字母的验证码")
	case f.wrong(s) != "":
		fail("%s", f.because(f.wrong(s)))
	}
	return s
}

// hiddenPhone stands for the number where a message is only tried out.
const hiddenPhone = "***********"

// HiddenPhone is what Facts.Phone holds when a message is only tried out: the number is not opened then.
func HiddenPhone() string { return hiddenPhone }
