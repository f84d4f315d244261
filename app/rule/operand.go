package rule

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/koi-scrm/koi/app/contact"
)

// The readers of values: each gives what an editor promises, or reports a problem and gives something
// harmless to go on with.

func (l *leafNode) whole(at string, raw json.RawMessage) int64 {
	var n json.Number
	if len(raw) > 0 && raw[0] != '"' && json.Unmarshal(raw, &n) == nil {
		if v, err := n.Int64(); err == nil && v >= -maxWhole && v <= maxWhole {
			return v
		}
	}
	l.bad(l.path+"."+at, "应是整数，现在是 %s", short(raw))
	return 0
}

func (l *leafNode) pair() (int64, int64) {
	var list []json.RawMessage
	if json.Unmarshal(l.n.Value, &list) != nil || len(list) != 2 {
		l.bad(l.path+".value", "区间应是两个整数，如 [1, 10]")
		return 0, 0
	}
	a, b := l.whole("value[0]", list[0]), l.whole("value[1]", list[1])
	if a > b {
		l.bad(l.path+".value", "区间的开头 %d 大于结尾 %d", a, b)
	}
	return a, b
}

func (l *leafNode) days(at string, raw json.RawMessage) int64 {
	n := l.whole(at, raw)
	if n < 1 || n > maxDays {
		l.bad(l.path+"."+at, "天数应在 1 到 %d 之间", maxDays)
		return 1
	}
	return n
}

func (l *leafNode) date(at string, raw json.RawMessage) (int64, string) {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		if t, err := time.Parse(time.DateOnly, s); err == nil {
			return t.Unix() / 86_400, s
		}
	}
	l.bad(l.path+"."+at, "应是日期，如 \"2026-11-22\"，现在是 %s", short(raw))
	return 0, ""
}

func (l *leafNode) dates() (int64, int64, string) {
	var list []json.RawMessage
	if json.Unmarshal(l.n.Value, &list) != nil || len(list) != 2 {
		l.bad(l.path+".value", "区间应是两个日期，如 [\"2026-11-01\", \"2026-11-30\"]")
		return 0, 0, ""
	}
	a, from := l.date("value[0]", list[0])
	b, to := l.date("value[1]", list[1])
	if a > b {
		l.bad(l.path+".value", "区间的开头 %s 晚于结尾 %s", from, to)
	}
	return a, b, from + " 到 " + to
}

// list reads the value as texts, whether the editor gives one or several.
func (l *leafNode) list() []string {
	if l.op.Editor == EditText || l.op.Editor == EditOption {
		return l.text("value", l.n.Value)
	}
	return l.texts("value", l.n.Value)
}

func (l *leafNode) text(at string, raw json.RawMessage) []string {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		l.bad(l.path+"."+at, "应是文字，现在是 %s", short(raw))
		return nil
	}
	return l.checkTexts(at, []string{s})
}

func (l *leafNode) texts(at string, raw json.RawMessage) []string {
	var list []string
	if json.Unmarshal(raw, &list) != nil || list == nil {
		l.bad(l.path+"."+at, "应是文字的列表，如 [\"甲\", \"乙\"]，现在是 %s", short(raw))
		return nil
	}
	if len(list) == 0 || len(list) > maxList {
		l.bad(l.path+"."+at, "应有 1 到 %d 项，现在有 %d 项", maxList, len(list))
		return nil
	}
	return l.checkTexts(at, list)
}

func (l *leafNode) checkTexts(at string, list []string) []string {
	for _, s := range list {
		switch {
		case contact.Normalize(s) == "":
			l.bad(l.path+"."+at, "不能是空白")
			return nil
		case utf8.RuneCountInString(s) > maxText:
			l.bad(l.path+"."+at, "文字最长 %d 个字", maxText)
			return nil
		}
	}
	return list
}

// named reads the value as keys and resolves them to what they mean and to their Chinese names,
// reporting unknown ones.
func named[T any](l *leafNode, what string, all map[string]T, label func(T) string) (list []string, found []T, names string) {
	list = l.list()
	var labels []string
	for i, k := range list {
		v, ok := all[k]
		if !ok {
			l.bad(fmt.Sprintf("%s.value[%d]", l.path, i), "没有叫 %q 的%s%s", k, what, nearest(k, keys(all)))
			continue
		}
		found, labels = append(found, v), append(labels, label(v))
	}
	return list, found, strings.Join(labels, "、")
}
