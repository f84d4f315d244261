// Package smstemplate mirrors how Aliyun reviewed the SMS templates of each account: which exist, their kind
// and words, and whether they may be used. A template that was not approved is neither published nor sent.
//
// The mirror is read once a day, when an account changes and when somebody asks; what it says of an account
// that was never read is nothing, and then Aliyun judges alone. The package refuses to know how Aliyun is
// asked (channels/sms implements Source) and who uses a template.
package smstemplate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind is what a template was reviewed for; the words are those of an SMS message's kind.
type Kind string

// The kinds.
const (
	Code      Kind = "code"      // 验证码
	Notice    Kind = "notice"    // 通知
	Marketing Kind = "marketing" // 推广
	Other     Kind = "other"     // international, digital: not sent by Koi
)

// Label is the kind's Chinese name.
func (k Kind) Label() string {
	switch k {
	case Code:
		return "验证码"
	case Notice:
		return "通知短信"
	case Marketing:
		return "推广短信"
	}
	return "其他类型"
}

// State is where a template stands in Aliyun's review.
type State string

// The states.
const (
	Reviewing State = "reviewing"
	Approved  State = "approved"
	Rejected  State = "rejected"
	Cancelled State = "cancelled"
)

// Label is the state's Chinese name.
func (s State) Label() string {
	switch s {
	case Reviewing:
		return "审核中"
	case Approved:
		return "审核通过"
	case Rejected:
		return "审核未通过"
	case Cancelled:
		return "已取消审核"
	}
	return string(s)
}

// Template is a template as Aliyun has it.
type Template struct {
	Account string // the signature it is used with
	Code    string // SMS_…
	Name    string
	Kind    Kind
	Content string // with ${name} for each variable
	State   State
	Reason  string // why it was rejected, in Aliyun's words
	SeenAt  int64  // wall time, Unix ms: when Aliyun last said so
}

var variable = regexp.MustCompile(`\$\{([^{}]+)\}`)

// Variables are the names in the content, each once, in order.
func (t *Template) Variables() []string {
	var list []string
	for _, m := range variable.FindAllStringSubmatch(t.Content, -1) {
		if !slices.Contains(list, m[1]) {
			list = append(list, m[1])
		}
	}
	return list
}

// Render is the text a phone shows, without the signature.
func (t *Template) Render(params map[string]string) string {
	return variable.ReplaceAllStringFunc(t.Content, func(v string) string { return params[v[2:len(v)-1]] })
}

// maxValue is how long the value of a variable may be (通知短信规范, 变量 1–35 个字符).
const maxValue = 35

// Usable says why a message of a kind cannot use the template, in Chinese; "" when it can.
func (t *Template) Usable(kind Kind) string {
	switch {
	case t.State == Rejected && t.Reason != "":
		return fmt.Sprintf("短信模板 %s 审核未通过（%s）：请在阿里云修改后重新送审，通过后在这里刷新", t.Code, t.Reason)
	case t.State != Approved:
		return fmt.Sprintf("短信模板 %s %s，还不能使用：请等阿里云审核通过，再在这里刷新", t.Code, t.State.Label())
	case t.Kind != kind:
		return fmt.Sprintf("短信模板 %s 在阿里云是%s，不能当作%s发送：请改消息的类型，或换一个模板", t.Code, t.Kind.Label(), kind.Label())
	}
	return ""
}

// Fits says what is wrong with the names and values of the variables: misset is a mistake of the message's
// definition, unfit of this recipient's values; both "" when all is well.
func (t *Template) Fits(params map[string]string) (misset, unfit string) {
	if t.Content == "" {
		return "", ""
	}
	declared := t.Variables()
	var missing, unknown []string
	for _, name := range declared {
		value, ok := params[name]
		if !ok {
			missing = append(missing, name)
			continue
		}
		if n := utf8.RuneCountInString(value); n < 1 || n > maxValue {
			unfit = fmt.Sprintf("短信变量 %s 有 %d 个字，须为 1 到 %d 个字：请给字段设默认值或缩短内容", name, n, maxValue)
		}
	}
	for name := range params {
		if !slices.Contains(declared, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	switch {
	case len(missing) > 0:
		misset = fmt.Sprintf("短信模板 %s 的变量 %s 没有填：请在消息模板里补上", t.Code, strings.Join(missing, "、"))
	case len(unknown) > 0:
		misset = fmt.Sprintf("短信模板 %s 没有变量 %s：请在消息模板里去掉", t.Code, strings.Join(unknown, "、"))
	}
	return misset, unfit
}
