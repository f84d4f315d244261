package rule

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/setting"
)

// Triggers are what sets a tag or score rule off: any one of them. The JSON form is a list:
//
//	[{"events": ["page.viewed"], "where": [{"prop": "kind", "op": "eq", "value": "price"}]},
//	 {"events": ["oa.message_received"], "where": [{"prop": "content", "op": "contains", "value": "报价"}]}]
//
// A value is immutable.
type Triggers []trigger

type trigger struct {
	events []string
	labels []string
	filter Filter
}

// DecodeTriggers reads a list of triggers; an absent one is empty and never sets anything off. It reports
// every problem at once, with paths like "path[0].where[0].op".
func DecodeTriggers(body json.RawMessage, path string, scope *Scope) (Triggers, []fault.Problem) {
	if len(body) == 0 || string(body) == "null" {
		return nil, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil || len(list) == 0 {
		return nil, []fault.Problem{{Path: path, Message: "应是触发事件的列表，如 [{\"events\":[\"page.viewed\"]}]"}}
	}
	var out Triggers
	var problems []fault.Problem
	for i, raw := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		bad := func(member, format string, args ...any) {
			problems = append(problems, fault.Problem{Path: at + member, Message: fmt.Sprintf(format, args...)})
		}
		var n struct {
			Events []string        `json:"events"`
			Where  json.RawMessage `json:"where"`
		}
		if err := setting.Decode(raw, &n); err != nil {
			bad(setting.Place(err), "触发事件应写成 {\"events\":[…],\"where\":[…]}：%v", err)
			problems[len(problems)-1].Stray = true
			continue
		}
		t := trigger{events: n.Events}
		if len(n.Events) == 0 {
			bad(".events", "缺少事件：至少写一个事件类型")
		}
		for j, e := range n.Events {
			label, ok := scope.eventLabel(e)
			if !ok {
				bad(fmt.Sprintf(".events[%d]", j), "没有叫 %q 的行为事件%s", e, nearest(e, keys(scope.Events)))
			}
			if slices.Contains(n.Events[:j], e) {
				bad(fmt.Sprintf(".events[%d]", j), "事件 %q 写了两次", e)
			}
			t.labels = append(t.labels, label)
		}
		var more []fault.Problem
		t.filter, more = DecodeFilter(n.Where, at, scope)
		problems = append(problems, more...)
		out = append(out, t)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return out, nil
}

// Events lists the event types that can set it off, each once.
func (t Triggers) Events() []string {
	var out []string
	for i := range t {
		out = append(out, t[i].events...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Match reports whether the event is one of the triggers.
func (t Triggers) Match(e *event.Event) bool {
	for i := range t {
		if slices.Contains(t[i].events, e.Type) && t[i].filter.Match(e) {
			return true
		}
	}
	return false
}

// String is the list as one Chinese sentence.
func (t Triggers) String() string {
	out := make([]string, len(t))
	for i := range t {
		out[i] = strings.Join(t[i].labels, "、")
		if f := t[i].filter.String(); f != "" {
			out[i] += "（" + f + "）"
		}
	}
	return strings.Join(out, "，或 ")
}
