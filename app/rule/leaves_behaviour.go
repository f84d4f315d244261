package rule

import (
	"math"
	"regexp"
	"strings"
)

const groupBehaviour = "行为"

var behaviourLeaves = []Leaf{
	{Name: "event", Label: "行为", Group: groupBehaviour, About: AboutEvent, Windowed: true, compile: compileEvent,
		Ops: []Op{
			{"did", "做过", EditNone}, {"did_not", "没做过", EditNone},
			{"ge", "次数至少", EditNumber}, {"le", "次数至多", EditNumber}, {"eq", "次数正好", EditNumber}, {"between", "次数区间", EditNumbers},
		},
		Explain: "做没做过一件事、做过几次；days 限定最近N天，不写就是累计；where 限定事件的对象和属性"},
	{Name: "event_first", Label: "首次行为时间", Group: groupBehaviour, About: AboutEvent, Ops: dateOps, compile: compileEventTime,
		Explain: "第一次做一件事的时间"},
	{Name: "event_last", Label: "末次行为时间", Group: groupBehaviour, About: AboutEvent, Ops: dateOps, compile: compileEventTime,
		Explain: "最近一次做一件事的时间"},
}

var customType = regexp.MustCompile(`^custom\.[a-z0-9_]+(\.[a-z0-9_]+)*$`)

// eventLabel names an event type that can be counted. Events of the user's own need no definition.
// Commands, timers and what exists inside a batch only leave nothing to count.
func (s *Scope) eventLabel(key string) (string, bool) {
	if strings.HasPrefix(key, "command.") || strings.HasPrefix(key, "timer.") || key == "score.changed" {
		return "", false
	}
	if label, ok := s.Events[key]; ok {
		return label, true
	}
	return key, customType.MatchString(key)
}

// about is the event and the conditions on it, in Chinese.
func (l *leafNode) about() string {
	label, _ := l.scope.eventLabel(l.n.Key)
	var list []string
	for _, w := range l.n.Where {
		list = append(list, w.summary())
	}
	if len(list) == 0 {
		return "“" + label + "”"
	}
	return "“" + label + "”（" + strings.Join(list, "，") + "）"
}

func compileEvent(l *leafNode) cond {
	l.stepsDaily()
	list, phrase := one(1, math.MaxInt64), l.op.Label
	switch l.op.Name {
	case "did":
	case "did_not":
		list = one(0, 0)
	default:
		list, _, phrase = l.numberSpans()
		phrase += " 次"
		if len(list) > 0 && (list[0].lo != math.MinInt64 && list[0].lo < 0 || list[0].hi < 0) {
			l.bad(l.path+".value", "次数不能是负数")
		}
	}
	return l.times(l.spec(l.n.Days), l.about(), phrase, list)
}

// times builds the condition that what a counter counts happened a number of times in the leaf's days.
func (l *leafNode) times(s *Spec, about, phrase string, list spans) *number {
	when, days := "累计", int32(l.n.Days)
	if days > 0 {
		when = "最近" + itoa(int64(days)) + "天"
	}
	return &number{
		label: when + about, phrase: phrase, spans: l.always(list),
		get: func(p *Person, at moment) (int64, bool) {
			c := p.Counted.Get(s.ID)
			switch {
			case c == nil:
				return 0, true
			case days == 0:
				return c.Total, true
			}
			return c.within(at.day.n-days+1, at.day.n), true
		},
		rows: func(w *writer, within spans) {
			// Who never did it has no row, so a span with 0 is asked the other way round.
			w.put("c.id ")
			if within.has(0) {
				w.put("NOT ")
				within = within.others()
			}
			w.put("IN (SELECT COALESCE(a.kept_id, e.contact_id)")
			s.from(w)
			if days > 0 {
				w.put(" AND ")
				w.within("e.at", one(w.at.day.start(w.at.day.n-days+1), w.at.day.start(w.at.day.n+1)-1))
			}
			if len(within) != 1 || within[0].lo > 1 || within[0].hi != math.MaxInt64 {
				w.put(" GROUP BY COALESCE(a.kept_id, e.contact_id) HAVING ")
				w.within("COUNT(*)", within)
			}
			w.put(")")
		},
		show: func(n int64, _ moment) string { return itoa(n) + " 次" },
	}
}

func compileEventTime(l *leafNode) cond {
	l.stepsDaily()
	list, not, phrase := l.instantSpans()
	s := l.spec(0)
	word, aggregate := "首次", "MIN(e.at)"
	if l.def.Name == "event_last" {
		word, aggregate = "末次", "MAX(e.at)"
	}
	last := l.def.Name == "event_last"
	return &number{
		label: word + l.about() + "的时间", phrase: phrase, not: not, spans: l.daily(list), show: showInstant, none: "没做过",
		get: func(p *Person, _ moment) (int64, bool) {
			c := p.Counted.Get(s.ID)
			switch {
			case c == nil:
				return 0, false
			case last:
				return c.Last, true
			}
			return c.First, true
		},
		rows: func(w *writer, within spans) {
			w.put("c.id IN (SELECT COALESCE(a.kept_id, e.contact_id)")
			s.from(w)
			w.put(" GROUP BY COALESCE(a.kept_id, e.contact_id) HAVING ")
			w.within(aggregate, within)
			w.put(")")
		},
	}
}
