package simulator

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// keyword is a kind of template field: what its values must be (订阅消息参数值内容限制). The key of a
// field says its kind: thing1 is a thing.
type keyword struct {
	about string
	holds func(string) bool
}

const (
	aDay   = `\d{4}(年\d{1,2}月(\d{1,2}日)?|([-/.])\d{1,2}([-/.]\d{1,2})?)`
	aClock = `\d{1,2}:\d{2}(:\d{2})?`
)

var (
	someTime = regexp.MustCompile(`^(` + aDay + ` ?)?` + aClock + `( ?[~～] ?(` + aDay + ` ?)?` + aClock + `)?$`)
	someDate = regexp.MustCompile(`^` + aDay + `( ?` + aClock + `)?( ?[~～] ?` + aDay + `( ?` + aClock + `)?)?$`)
	number   = regexp.MustCompile(`^-?\d+(\.\d+)?$`)
	amount   = regexp.MustCompile(`^[^\d\pL\s]?\d{1,10}(\.\d+)?元?$`)
	phone    = regexp.MustCompile(`^[-+()*# \d]{1,17}$`)
)

func upTo(n int, also func(rune) bool) func(string) bool {
	return func(v string) bool {
		return utf8.RuneCountInString(v) <= n && (also == nil || !strings.ContainsFunc(v, func(r rune) bool { return !also(r) }))
	}
}

func isHan(r rune) bool    { return unicode.Is(unicode.Han, r) }
func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
func isASCII(r rune) bool  { return r >= ' ' && r <= '~' }

var keywords = map[string]keyword{
	"thing":            {"20 个以内字符", upTo(20, nil)},
	"const":            {"20 个以内字符", upTo(20, nil)},
	"number":           {"32 位以内数字，可带小数", func(v string) bool { return len(v) <= 32 && number.MatchString(v) }},
	"letter":           {"32 位以内字母", upTo(32, isLetter)},
	"symbol":           {"5 位以内符号", upTo(5, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })},
	"character_string": {"32 位以内数字、字母或符号", upTo(32, isASCII)},
	"time":             {"24 小时制时间，可带年月日", someTime.MatchString},
	"date":             {"年月日，可带 24 小时制时间", someDate.MatchString},
	"amount":           {"1 个币种符号 + 10 位以内数字，可带小数，可以“元”结尾", amount.MatchString},
	"phone_number":     {"17 位以内数字、符号", phone.MatchString},
	"car_number": {"8 位以内，首尾可为汉字，其余为字母与数字", func(v string) bool {
		runes := []rune(v)
		for i, r := range runes {
			if edge := i == 0 || i == len(runes)-1; !(isLetter(r) || r >= '0' && r <= '9' || edge && isHan(r)) {
				return false
			}
		}
		return len(runes) <= 8
	}},
	"name": {"10 个以内汉字，或 20 个以内字母或符号", func(v string) bool {
		if strings.ContainsFunc(v, unicode.IsNumber) {
			return false
		}
		if strings.ContainsFunc(v, isHan) {
			return utf8.RuneCountInString(v) <= 10
		}
		return utf8.RuneCountInString(v) <= 20
	}},
	"phrase": {"5 个以内汉字", upTo(5, isHan)},
}

// keywordOf is the kind of a field; those the platform no longer gives out may have 20 characters, since
// 2023-05-04.
func keywordOf(key string) keyword {
	if k, known := keywords[strings.TrimRight(key, "0123456789")]; known {
		return k
	}
	return keywords["thing"]
}

// unshown are fields that are no longer shown since 2023-05-04, and so not judged.
var unshown = []string{"first", "remark"}

// dataChecks are those of every interface that fills in a template.
var dataChecks = []check{
	need("touser", 40003),
	need("template_id", 40037),
	that("data 必填", 47003, func(c *call) bool { return len(c.in.obj("data")) > 0 }),
	that("data 的每个字段须为 {\"value\": 文本}，不为空，不含换行", 47003, func(c *call) bool {
		data := c.in.obj("data")
		for name := range data {
			v, isText := data.at(name + ".value").(string)
			if !isText || !slices.Contains(unshown, name) && (v == "" || strings.ContainsAny(v, "\r\n")) {
				return false
			}
		}
		return true
	}),
	that("字段值合于其类型", 47003, func(c *call) bool {
		data := c.in.obj("data")
		for name := range data {
			if !slices.Contains(unshown, name) && !keywordOf(name).holds(data.str(name+".value")) {
				return false
			}
		}
		return true
	}),
}

// template finds the template a call fills in, among those of the given kinds: nil when any is taken.
func (c *call) template(list map[string]*Template, kinds ...TemplateKind) (*Template, *refusal) {
	t := list[c.in.str("template_id")]
	if t == nil && len(list) == 0 {
		return nil, nil
	}
	if t == nil || !slices.Contains(kinds, t.Kind) {
		return nil, refuse(40037)
	}
	data := c.in.obj("data")
	for _, field := range t.Fields {
		if data.str(field.Key+".value") == "" {
			return nil, refusef(47003, "data.%s.value is empty", field.Key)
		}
	}
	return t, nil
}

// shownData is what of the data reaches the phone: the fields of the template, without colour and emoji
// (since 2023-05-04).
func shownData(t *Template, data fields) map[string]any {
	out := map[string]any{}
	for name := range data {
		known := t == nil || slices.ContainsFunc(t.Fields, func(f Field) bool { return f.Key == name })
		if known && !slices.Contains(unshown, name) {
			out[name] = map[string]any{"value": withoutEmoji(data.str(name + ".value"))}
		}
	}
	return out
}

// withoutEmoji drops pictographs and what joins and varies them.
func withoutEmoji(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0x1F000 && r <= 0x1FAFF, r >= 0x2600 && r <= 0x27BF, r == 0x200D, r >= 0xFE00 && r <= 0xFE0F:
			return -1
		}
		return r
	}, s)
}

// templatesByID indexes an account's templates.
func templatesByID(list []Template) map[string]*Template {
	out := map[string]*Template{}
	for i := range list {
		out[list[i].ID] = &list[i]
	}
	return out
}
