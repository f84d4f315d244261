package message

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fieldType is what a variable of an approved template takes. The type is the name without its number
// (小程序/公众号订阅消息 § 参数值内容限制); the platform refuses anything else with 47003.
type fieldType struct {
	label string
	most  int // characters
	rule  string
	ok    *regexp.Regexp // nil: any text
}

const han = `\p{Han}`

var fieldTypes = map[string]fieldType{
	"thing":            {"事物", 20, "最多 20 个字", nil},
	"number":           {"数字", 32, "只能是数字，可带小数，最多 32 位", regexp.MustCompile(`^\d+(\.\d+)?$`)},
	"letter":           {"字母", 32, "只能是字母，最多 32 位", regexp.MustCompile(`^[A-Za-z]+$`)},
	"symbol":           {"符号", 5, "只能是符号，最多 5 位", regexp.MustCompile(`^[\p{P}\p{S}]+$`)},
	"character_string": {"字符串", 32, "只能是数字、字母或符号，最多 32 位", regexp.MustCompile(`^[\x21-\x7e]+( [\x21-\x7e]+)*$`)},
	"time":             {"时间", 40, "应是时间，如 15:01 或 2026-11-22 15:01", regexp.MustCompile(`^` + instant + `(\s?[~～-]\s?` + instant + `)?$`)},
	"date":             {"日期", 40, "应是日期，如 2026-11-22 或 2026年11月22日", regexp.MustCompile(`^` + day + `( ?` + clock + `)?(\s?[~～]\s?` + day + `( ?` + clock + `)?)?$`)},
	"amount":           {"金额", 14, "应是金额，如 ¥99.5 或 99.5元，最多 10 位数字", regexp.MustCompile(`^[¥￥$€£]?\d{1,10}(\.\d{1,2})?元?$`)},
	"phone_number":     {"电话", 17, "应是电话号码，最多 17 位", regexp.MustCompile(`^[+]?[\d*() -]+$`)},
	"car_number":       {"车牌", 8, "应是车牌号，最多 8 位", regexp.MustCompile(`^` + han + `?[A-Za-z0-9]+` + han + `?$`)},
	"name":             {"姓名", 20, "应是姓名：最多 10 个汉字，或 20 个字母", regexp.MustCompile(`^(` + han + `[` + han + `·]{0,9}|[A-Za-z][A-Za-z .'·-]{0,19})$`)},
	"phrase":           {"汉字", 5, "只能是汉字，最多 5 个", regexp.MustCompile(`^` + han + `+$`)},
	"const":            {"常量", 20, "最多 20 个字，且要是模板里的枚举值", nil},
}

const (
	clock   = `\d{1,2}:\d{2}(:\d{2})?`
	day     = `\d{4}(-|/|年)\d{1,2}(-|/|月)\d{1,2}日?`
	instant = `(` + day + ` ?)?` + clock
)

var fieldName = regexp.MustCompile(`^([a-z_]+?)(\d{1,3})$`)

// field is one compiled variable of an approved template.
type field struct {
	name string
	of   fieldType
	text *text
	cut  bool // what is too long is shortened
}

// limitField keeps what is rendered before it is measured within reason; the type's own length decides.
const limitField = 4096

// field compiles a variable and checks what can be known of it before there is a person.
func (c *checker) field(f form, at, name, src, overflow string) field {
	m := fieldName.FindStringSubmatch(name)
	var of fieldType
	known := false
	if m != nil {
		of, known = fieldTypes[m[1]]
	}
	if !known {
		c.say(at, "字段名“%s”不对：应是类型加编号，如 thing1、time2；类型有 %s", name, strings.Join(sortedKeys(fieldTypes), "、"))
		return field{}
	}
	if overflow != "" && (overflow != "cut" || m[1] != "thing") {
		c.say(at+".overflow", "只有 thing 类字段可以写 overflow: cut（太长时截短）")
	}
	if strings.TrimSpace(src) == "" {
		c.say(at, "请填写这一项的内容")
		return field{}
	}
	out := field{name: name, of: of, cut: overflow == "cut", text: c.text(at, src, plain, limitField)}
	c.words(f, at)
	if out.text == nil {
		return out
	}
	if out.text.tpl == nil {
		if why := of.wrong(strings.TrimSpace(out.text.static)); why != "" && !(out.cut && of.long(out.text.static)) {
			c.say(at, "%s（%s）%s，现在是“%s”", name, of.label, why, out.text.static)
		}
	} else if n := utf8.RuneCountInString(strings.TrimSpace(c.sure(at))); n > of.most && !out.cut {
		c.say(at, "%s（%s）%s，固定文字已有 %d 个字", name, of.label, of.rule, n)
	}
	return out
}

// words checks the author's own text of a field: platforms strip or refuse line breaks and emoji, and what a
// form may not say.
func (c *checker) words(f form, at string) {
	s := c.said[at]
	if s == nil {
		return
	}
	all := s.all.String()
	if strings.ContainsAny(strings.TrimSpace(all), "\r\n") {
		c.say(at, "不能换行：平台会去掉换行或拒收")
	}
	if strings.ContainsFunc(all, emoji) {
		c.say(at, "不能有表情符号：平台会去掉或拒收")
	}
	if w := f.wrong(all); w != "" {
		c.say(at, "%s", f.because(w))
	}
}

// sure is the author's text of a field that stands there for everybody.
func (c *checker) sure(at string) string {
	if s := c.said[at]; s != nil {
		return s.sure.String()
	}
	return ""
}

// wrong says what is wrong with a value, "" when nothing is.
func (t fieldType) wrong(s string) string {
	if s == "" {
		return "不能为空"
	}
	if t.long(s) || t.ok != nil && !t.ok.MatchString(s) {
		return t.rule
	}
	return ""
}

func (t fieldType) long(s string) bool { return utf8.RuneCountInString(s) > t.most }

// field renders a variable. What the platform would refuse fails here, with the reason.
func (r *renderer) field(f form, x field) string {
	s := oneLine(r.text(x.text))
	if r.err != nil {
		return ""
	}
	if x.cut && x.of.long(s) {
		s = string([]rune(s)[:x.of.most-1]) + ellipsis
	}
	if why := x.of.wrong(s); why != "" {
		if s == "" {
			why += "，请给变量加上默认值"
		}
		r.fail(fmt.Errorf("field %s", x.name), fmt.Sprintf("字段 %s（%s）%s，现在是“%s”", x.name, x.of.label, why, head(s, 120)))
	}
	if w := f.wrong(s); w != "" {
		r.fail(fmt.Errorf("field %s", x.name), fmt.Sprintf("字段 %s %s", x.name, f.because(w)))
	}
	return s
}

// oneLine is a value as an approved template can show it: without line breaks and emoji, which platforms
// drop (a nickname often has some).
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if emoji(r) {
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// emoji reports whether a character is a pictograph, or makes one of its neighbours.
func emoji(r rune) bool {
	return r == 0x200d || r == 0x20e3 || r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0020 && r <= 0xe007f || unicode.Is(pictographs, r)
}

// pictographs are the blocks of emoji; plain signs like ★ and → stay text.
var pictographs = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x231a, Hi: 0x231b, Stride: 1}, {Lo: 0x23e9, Hi: 0x23f3, Stride: 1}, {Lo: 0x2600, Hi: 0x2604, Stride: 1}, {Lo: 0x2614, Hi: 0x2615, Stride: 1},
		{Lo: 0x2648, Hi: 0x2653, Stride: 1}, {Lo: 0x26a0, Hi: 0x26ff, Stride: 1}, {Lo: 0x2702, Hi: 0x27b0, Stride: 1}, {Lo: 0x2b50, Hi: 0x2b55, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0x1f000, Hi: 0x1faff, Stride: 1}},
}
