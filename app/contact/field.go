package contact

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/setting"
)

// Field is a property a person can have. The standard ones are fixed (see standard); others are
// definitions of kind "field".
type Field struct {
	Key     string    `json:"key"`
	Label   string    `json:"label"`
	Group   string    `json:"group,omitempty"`
	Type    FieldType `json:"type"`
	Options []Option  `json:"options,omitempty"`
	// Standard fields exist in every Koi; a definition may give them another label or options.
	Standard bool `json:"-"`
}

// Option is one choice of a choice field.
type Option struct {
	Key   string `json:"key"`
	Label string `json:"label"`
}

const (
	// maxText bounds a text value, in characters; the longest column that holds one is VARCHAR(1024).
	maxText = 1000
	// maxField bounds a field's key: VARCHAR(64).
	maxField = 64
	// maxState bounds the channel code of a friendship: VARCHAR(128). WeCom's have 30 characters at most.
	maxState = 128
)

var standard = []Field{
	{Key: "name", Label: "姓名", Group: "基本", Type: Text},
	{Key: "nickname", Label: "昵称", Group: "基本", Type: Text},
	{Key: "gender", Label: "性别", Group: "基本", Type: Choice, Options: []Option{{"male", "男"}, {"female", "女"}}},
	{Key: "birthday", Label: "生日", Group: "基本", Type: Date},
	{Key: "province", Label: "省份", Group: "基本", Type: Text},
	{Key: "city", Label: "城市", Group: "基本", Type: Text},
	{Key: "email_domain", Label: "邮箱域名", Group: "联系", Type: Text},
	{Key: "phone_region", Label: "手机归属地", Group: "联系", Type: Text},
	{Key: "company", Label: "公司", Group: "公司", Type: Text},
	{Key: "title", Label: "职位", Group: "公司", Type: Text},
	{Key: "level", Label: "职级", Group: "公司", Type: Text},
	{Key: "role", Label: "角色", Group: "公司", Type: Text},
	{Key: "experience_years", Label: "从业年限", Group: "公司", Type: Number},
	{Key: "industry", Label: "行业", Group: "公司", Type: Text},
	{Key: "company_size", Label: "公司规模（人）", Group: "公司", Type: Number},
	{Key: "revenue", Label: "年营收（万元）", Group: "公司", Type: Number},
	{Key: "funding", Label: "融资情况", Group: "公司", Type: Text},
	{Key: "address", Label: "公司地址", Group: "公司", Type: Text},
	{Key: "product_count", Label: "产品/服务数", Group: "公司", Type: Number},
	{Key: "bant_budget", Label: "BANT 预算", Group: "BANT", Type: Bool},
	{Key: "bant_authority", Label: "BANT 决策权", Group: "BANT", Type: Bool},
	{Key: "bant_need", Label: "BANT 需求", Group: "BANT", Type: Bool},
	{Key: "bant_timing", Label: "BANT 采购时间", Group: "BANT", Type: Bool},
	{Key: "source", Label: "来源渠道", Group: "来源", Type: Text},
	{Key: "first_source", Label: "首次来源", Group: "来源", Type: Text},
	{Key: "last_source", Label: "末次来源", Group: "来源", Type: Text},
	{Key: "first_channel", Label: "渠道码", Group: "来源", Type: Text},
	{Key: "utm_source", Label: "UTM 来源", Group: "来源", Type: Text},
	{Key: "utm_medium", Label: "UTM 媒介", Group: "来源", Type: Text},
	{Key: "utm_campaign", Label: "UTM 活动", Group: "来源", Type: Text},
	{Key: "utm_term", Label: "UTM 关键词", Group: "来源", Type: Text},
	{Key: "utm_content", Label: "UTM 内容", Group: "来源", Type: Text},
	{Key: "search_word", Label: "搜索词", Group: "来源", Type: Text},
	{Key: "customer_type", Label: "客户类型", Group: "业务", Type: Text},
	{Key: "product_interest", Label: "意向产品", Group: "业务", Type: Text},
	{Key: "contract_end", Label: "合同到期日", Group: "业务", Type: Date},
}

// Model is what the stage knows of fields and of who is not a customer. It is immutable.
type Model struct {
	fields         map[string]Field
	excludeDomains map[string]bool // normalised e-mail domains
	excludeNames   map[string]bool // normalised company names
}

// Exclusion lists who is not scored, makes no lead and rings no alert: own staff's and competitors'
// e-mail domains and companies. It is the definition "exclusion"/"default".
type Exclusion struct {
	EmailDomains []string `json:"email_domains"`
	Companies    []string `json:"companies"`
}

// KindExclusion is the setting kind of Exclusion.
const KindExclusion = "exclusion"

// Compile reads the definitions of kinds field and exclusion. The model is usable only without problems.
func Compile(items []setting.Item) (*Model, []fault.Problem) {
	m := &Model{fields: map[string]Field{}, excludeDomains: map[string]bool{}, excludeNames: map[string]bool{}}
	for _, f := range standard {
		f.Standard = true
		m.fields[f.Key] = f
	}
	var problems []fault.Problem
	for _, it := range items {
		switch it.Kind {
		case setting.KindField:
			f, bad := decodeField(it)
			if old, ok := m.fields[it.Key]; ok && old.Standard {
				f.Standard = true
				if f.Type != old.Type {
					bad = append(bad, problem(it, "type", "标准字段 %s 的类型固定为 %s，不能改成 %s", it.Key, old.Type, f.Type))
				}
			}
			problems = append(problems, bad...)
			m.fields[it.Key] = f
		case KindExclusion:
			var x Exclusion
			if err := setting.Decode(it.Body, &x); err != nil {
				problems = append(problems, problem(it, "", "排除名单写法不对：%v", err))
				continue
			}
			for _, d := range x.EmailDomains {
				m.excludeDomains[Normalize(d)] = true
			}
			for _, c := range x.Companies {
				m.excludeNames[Normalize(c)] = true
			}
		}
	}
	return m, problems
}

func decodeField(it setting.Item) (Field, []fault.Problem) {
	f := Field{Key: it.Key}
	if err := setting.Decode(it.Body, &f); err != nil {
		return f, []fault.Problem{problem(it, "", "字段写法不对：%v", err)}
	}
	f.Key = it.Key
	var out []fault.Problem
	if len(it.Key) > maxField {
		out = append(out, problem(it, "", "字段的 key 最长 %d 个字节，现在是 %d 个", maxField, len(it.Key)))
	}
	if f.Label == "" {
		out = append(out, problem(it, "label", "缺少名称：请填中文名称"))
	}
	if !slices.Contains([]FieldType{Text, Number, Date, Bool, Choice}, f.Type) {
		out = append(out, problem(it, "type", "类型 %q 不存在，可用：text、number、date、bool、choice", f.Type))
	}
	seen := map[string]bool{}
	for i, o := range f.Options {
		if o.Key == "" || o.Label == "" {
			out = append(out, problem(it, fmt.Sprintf("options[%d]", i), "选项要有 key 和 label"))
		}
		if seen[o.Key] {
			out = append(out, problem(it, fmt.Sprintf("options[%d].key", i), "选项 %q 重复", o.Key))
		}
		seen[o.Key] = true
	}
	if f.Type == Choice && len(f.Options) == 0 {
		out = append(out, problem(it, "options", "choice 类型至少要有一个选项"))
	}
	return f, out
}

func problem(it setting.Item, path, format string, args ...any) fault.Problem {
	return setting.Problem(it.Kind, it.Key, path, format, args...)
}

// Fields lists all fields, standard ones first, each part by key.
func (m *Model) Fields() []Field {
	out := slices.Collect(maps.Values(m.fields))
	slices.SortFunc(out, func(a, b Field) int {
		if a.Standard != b.Standard {
			if a.Standard {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Key, b.Key)
	})
	return out
}

// Field returns a field by key.
func (m *Model) Field(key string) (Field, bool) {
	f, ok := m.fields[key]
	return f, ok
}

// Normalize is how text is compared everywhere: NFKC, trimmed, lower case.
func Normalize(s string) string { return strings.ToLower(strings.TrimSpace(norm.NFKC.String(s))) }

// textValue makes a text value that fits its columns, of a text from anywhere. Normalising can make a text
// eighteen times as long, so that form is cut by itself.
func textValue(text string, at int64) Value {
	text = clip(text, maxText)
	return Value{Text: text, Norm: clip(Normalize(text), maxText), At: at}
}

// clip makes text of what is none, and cuts it to a number of characters.
func clip(s string, most int) string {
	s = strings.TrimSpace(strings.ToValidUTF8(s, "\uFFFD"))
	return strings.TrimSpace(db.Clip(s, most))
}

// Parse turns what a JSON document gives for a field into a value. Fault: Invalid with a Chinese sentence.
func (f Field) Parse(v any) (Value, error) {
	switch f.Type {
	case Number:
		n, err := whole(v)
		if err != nil {
			return Value{}, fault.New(fault.Invalid, "%s应为整数，现在是“%v”", f.Label, v)
		}
		return Value{Num: n}, nil
	case Bool:
		b, ok := v.(bool)
		if !ok {
			return Value{}, fault.New(fault.Invalid, "%s应为 true 或 false，现在是“%v”", f.Label, v)
		}
		if b {
			return Value{Num: 1}, nil
		}
		return Value{}, nil
	case Date:
		s, _ := v.(string)
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			return Value{}, fault.New(fault.Invalid, "%s应为日期（如 2026-01-31），现在是“%v”", f.Label, v)
		}
		return Value{Num: d.Unix() / 86_400}, nil
	case Choice:
		s, _ := v.(string)
		for _, o := range f.Options {
			if o.Key == s {
				return Value{Text: s, Norm: s}, nil
			}
		}
		return Value{}, fault.New(fault.Invalid, "%s没有选项“%v”", f.Label, v)
	default:
		s, ok := v.(string)
		if !ok {
			return Value{}, fault.New(fault.Invalid, "%s应为文字，现在是“%v”", f.Label, v)
		}
		s = strings.TrimSpace(s)
		if utf8.RuneCountInString(s) > maxText {
			return Value{}, fault.New(fault.Invalid, "%s最多 %d 个字", f.Label, maxText)
		}
		return textValue(s, 0), nil
	}
}

func whole(v any) (int64, error) {
	switch n := v.(type) {
	case float64:
		if n != math.Trunc(n) || math.Abs(n) > 1<<53 {
			return 0, fmt.Errorf("%v is no whole number", n)
		}
		return int64(n), nil
	case int64:
		return n, nil
	case int:
		return int64(n), nil
	case json.Number:
		return n.Int64()
	}
	return 0, fmt.Errorf("%T is no number", v)
}

// Show gives a value as JSON documents carry it: text, number, date text or boolean.
func (f Field) Show(v Value) any {
	switch f.Type {
	case Number:
		return v.Num
	case Bool:
		return v.Num != 0
	case Date:
		return time.Unix(v.Num*86_400, 0).UTC().Format(time.DateOnly)
	default:
		return v.Text
	}
}

// shows reports whether a value is what somebody saw of it, as JSON says it; nil is none. What was seen need not
// be allowed any more.
func (f Field) shows(v Value, has bool, seen any) bool {
	if seen == nil || !has {
		return seen == nil && !has
	}
	if f.Type == Number {
		n, err := whole(seen)
		return err == nil && n == v.Num
	}
	return f.Show(v) == seen
}

// Moved returns the first field of those an editor saw (key to value, nil for none) that is different by now;
// "" when everything still is as it was seen.
func (m *Model) Moved(p *Person, seen map[string]any) string {
	for _, key := range slices.Sorted(maps.Keys(seen)) {
		v, has := p.Values[key]
		if f, ok := m.fields[key]; ok && !f.shows(v, has, seen[key]) {
			return key
		}
	}
	return ""
}

// Empty reports whether a text value is none at all; such a value is removed instead of stored.
func (f Field) empty(v Value) bool { return f.Type == Text && v.Text == "" }
