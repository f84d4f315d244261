package tag

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/setting"
)

// Rule gives and takes tags by itself. It is the definition of kind "tag_rule" under its key, in one of
// two forms. With "on" it acts when something happens (行为规则), if the condition holds then:
//
//	{"name": "看过报价", "on": [{"events": ["page.viewed"], "where": [{"prop": "kind", "op": "eq", "value": "price"}]}],
//	 "add": ["saw_price"]}
//
// Without "on" it acts when the person's facts come to satisfy the condition (属性规则), and with
// "otherwise": "remove" it takes back what it gave once they no longer do:
//
//	{"name": "大企业", "when": {"leaf": "field", "key": "company_size", "op": "gt", "value": 200},
//	 "add": ["big_company"], "otherwise": "remove"}
type Rule struct {
	ID        int64
	Key       string
	Name      string
	Off       bool
	Triggers  rule.Triggers
	Add       []Definition
	Remove    []Definition
	TakesBack bool

	when *rule.Tree // nil: always
}

// String is the rule as one Chinese sentence.
func (r *Rule) String() string {
	var parts []string
	if s := r.Triggers.String(); s != "" {
		parts = append(parts, "发生"+s+"时")
	}
	if r.when != nil {
		parts = append(parts, "如果 "+r.when.String())
	}
	if len(r.Add) > 0 {
		parts = append(parts, "打上 "+names(r.Add))
	}
	if len(r.Remove) > 0 {
		parts = append(parts, "去掉 "+names(r.Remove))
	}
	if r.TakesBack {
		parts = append(parts, "不再满足时收回")
	}
	return strings.Join(parts, "，")
}

func names(list []Definition) string {
	out := make([]string, len(list))
	for i, d := range list {
		out[i] = d.Name
	}
	return strings.Join(out, "、")
}

func (m *Model) decodeRule(it setting.Item, scope *rule.Scope) (*Rule, []fault.Problem) {
	r := &Rule{ID: it.ID, Key: it.Key}
	var out []fault.Problem
	bad := func(path, format string, args ...any) {
		out = append(out, setting.Problem(it.Kind, it.Key, path, format, args...))
	}
	below := func(list []fault.Problem) { out = append(out, setting.Below(it.Kind, it.Key, list)...) }
	var n struct {
		Name      string          `json:"name"`
		Off       bool            `json:"off"`
		On        json.RawMessage `json:"on"`
		When      json.RawMessage `json:"when"`
		Add       []string        `json:"add"`
		Remove    []string        `json:"remove"`
		Otherwise string          `json:"otherwise"`
	}
	if err := setting.Decode(it.Body, &n); err != nil {
		if bad("", "标签规则写法不对：%v", err); setting.Place(err) == "" {
			return r, out
		}
	}
	r.Name, r.Off = n.Name, n.Off
	if strings.TrimSpace(n.Name) == "" {
		bad("name", "缺少名称：请写明这条规则做什么，它会显示在“为什么有这个标签”里")
	}
	var more []fault.Problem
	r.Triggers, more = rule.DecodeTriggers(n.On, "on", scope)
	below(more)
	if len(n.When) > 0 && string(n.When) != "null" {
		r.when, more = rule.Decode(n.When, "when", scope)
		below(more)
	} else if len(n.On) == 0 {
		bad("when", "缺少条件：on（发生什么事）和 when（满足什么条件）至少写一个")
	}
	resolve := func(member string, keys []string) []Definition {
		var list []Definition
		for i, k := range keys {
			d := m.byKey[k]
			switch {
			case d == nil:
				bad(fmt.Sprintf("%s[%d]", member, i), "没有叫 %q 的标签：请先定义它（tag/%s）", k, k)
			case slices.Contains(keys[:i], k):
				bad(fmt.Sprintf("%s[%d]", member, i), "标签 %q 写了两次", k)
			default:
				list = append(list, *d)
			}
		}
		return list
	}
	r.Add, r.Remove = resolve("add", n.Add), resolve("remove", n.Remove)
	if len(n.Add)+len(n.Remove) == 0 {
		bad("add", "这条规则什么也不做：add 和 remove 至少写一个标签")
	}
	for i, k := range n.Remove {
		if slices.Contains(n.Add, k) {
			bad(fmt.Sprintf("remove[%d]", i), "标签 %q 不能既打上又去掉", k)
		}
	}
	switch n.Otherwise {
	case "", "keep":
	case "remove":
		r.TakesBack = true
		if len(n.On) > 0 {
			bad("otherwise", "有 on 的规则只在事情发生时判断，不能在“不再满足时”收回；请去掉 on，或另写一条去标签的规则")
		}
		if len(n.Add) == 0 {
			bad("otherwise", "没有 add，就没有可收回的标签")
		}
	default:
		bad("otherwise", "otherwise 可以是 keep（保留）或 remove（不再满足时收回），现在是 %q", n.Otherwise)
	}
	return r, out
}

// use puts a rule where Apply finds it.
func (m *Model) use(r *Rule) {
	if len(r.Triggers) > 0 {
		for _, t := range r.Triggers.Events() {
			m.events[t] = append(m.events[t], r)
		}
		return
	}
	m.facts = append(m.facts, r)
	uses := r.when.Uses()
	types := slices.Clone(uses.Events)
	if len(uses.Tags) > 0 {
		types = append(types, event.TagAdded, event.TagRemoved)
	}
	if len(uses.Scores) > 0 {
		types = append(types, event.ScoreChanged)
	}
	if uses.Stage {
		types = append(types, event.StageEntered)
	}
	slices.Sort(types)
	for _, t := range slices.Compact(types) {
		m.moved[t] = append(m.moved[t], r)
	}
	if uses.Contact && uses.Daily {
		m.active = append(m.active, r)
	}
}

// source is what a tag that the rule gives is said to come from.
func (r *Rule) source(d *Definition) Source {
	s := Source{Kind: ByRule, ID: r.ID, Key: r.Key}
	if d.Kind == ByModel || d.Kind == CustomMade {
		s.Kind = d.Kind
	}
	return s
}
