package rule

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
)

const groupReach = "可触达"

var reachLeaves = []Leaf{
	{Name: "consent", Label: "同意了", Group: groupReach, Ops: among(EditPurposes), compile: compileConsent,
		Explain: "客户明确同意过这些用途之一、之后没有撤回，如营销短信"},
	{Name: "consent_withdrawn", Label: "不同意或撤回了", Group: groupReach, Ops: among(EditPurposes), compile: compileConsent,
		Explain: "客户对这些用途之一说过不同意，或撤回了同意；从没表示过的不算"},
	{Name: "unsubscribed", Label: "退订了", Group: groupReach, Ops: among(EditOptOuts), compile: compileUnsubscribed,
		Explain: "客户退订了这些渠道之一（如短信回复 R）；退订全部的，每个渠道都算"},
	{Name: "sms_reachable", Label: "能发短信？", Group: groupReach, Ops: yesNoOps, compile: compileSMSReachable,
		Explain: "留过手机号，且没有退订短信；推广短信另需客户同意营销短信"},
	{Name: "touched", Label: "被营销触达次数", Group: groupReach, Windowed: true, compile: compileTouched,
		Ops: []Op{
			{"ge", "次数至少", EditNumber}, {"le", "次数至多", EditNumber}, {"eq", "次数正好", EditNumber}, {"between", "次数区间", EditNumbers},
		},
		Explain: "发给这位客户的营销消息条数，各渠道合计，平台接受了才算；days 限定最近N天，不写就是累计"},
}

// named reads the value as names from a list, and says which there are.
func (l *leafNode) named(what string, known map[string]string) (list []string, shown string) {
	var labels []string
	for _, s := range l.list() {
		label, ok := known[s]
		if !ok {
			l.bad(l.path+".value", "没有叫 %q 的%s%s，可用：%s", s, what, nearest(s, keys(known)), strings.Join(keys(known), "、"))
			continue
		}
		list, labels = append(list, s), append(labels, label)
	}
	return list, strings.Join(labels, "、")
}

// purposes and optOuts are what people may agree to and unsubscribe from, with their Chinese names.
var purposes, optOuts = func() (map[string]string, map[string]string) {
	list, channels := contact.Purposes()
	a, b := map[string]string{}, map[string]string{}
	for _, p := range list {
		a[string(p)] = p.Label()
	}
	for _, c := range channels {
		b[c] = contact.UnsubscribeLabel(c)
	}
	return a, b
}()

// masked builds the condition that one of some bits of the person's consents is set.
func (l *leafNode) masked(label string, bits int64, show func(p *Person) string) cond {
	l.tree.uses.Contact = true
	return &flag{
		label: label, want: l.op.Name == "in" || l.op.Name == "yes",
		get: func(p *Person, _ moment) bool { return p.Consents.Mask()&bits != 0 },
		rows: func(w *writer) {
			w.put("(c.consent_mask & ")
			w.arg(bits)
			w.put(") <> 0")
		},
		has: func(p *Person, _ moment) string { return show(p) },
	}
}

func compileConsent(l *leafNode) cond {
	withdrawn := l.def.Name == "consent_withdrawn"
	list, shown := l.named("用途", purposes)
	var bits int64
	for _, s := range list {
		if withdrawn {
			bits |= contact.WithdrawnBit(contact.Purpose(s))
		} else {
			bits |= contact.GrantedBit(contact.Purpose(s))
		}
	}
	label := l.def.Label + " " + shown
	if l.op.Name == "not_in" {
		label = "没有" + label
	}
	return l.masked(label, bits, func(p *Person) string {
		var has []string
		all, _ := contact.Purposes()
		for _, x := range all {
			if withdrawn && p.Consents.Withdrawn(x) || !withdrawn && p.Consents.Granted(x) {
				has = append(has, x.Label())
			}
		}
		if len(has) == 0 {
			return "都没有"
		}
		return strings.Join(has, "、")
	})
}

func compileUnsubscribed(l *leafNode) cond {
	list, shown := l.named("渠道", optOuts)
	var bits int64
	for _, s := range list {
		bits |= contact.UnsubscribedBit(s)
	}
	label := l.def.Label + " " + shown
	if l.op.Name == "not_in" {
		label = "没有" + label
	}
	return l.masked(label, bits, func(p *Person) string {
		var has []string
		for _, c := range keys(optOuts) {
			if p.Consents.Unsubscribed(c) {
				has = append(has, optOuts[c])
			}
		}
		if len(has) == 0 {
			return "没有退订"
		}
		return "退订了 " + strings.Join(has, "、")
	})
}

func compileSMSReachable(l *leafNode) cond {
	l.tree.uses.Contact = true
	bit := contact.UnsubscribedBit(contact.UnsubscribeSMS)
	return &flag{
		label: l.def.Label, want: l.op.Name == "yes",
		get: func(p *Person, _ moment) bool {
			return p.Has(event.KindPhone, "") && !p.Consents.Unsubscribed(contact.UnsubscribeSMS)
		},
		rows: func(w *writer) {
			w.put("(c.consent_mask & ")
			w.arg(bit)
			w.put(") = 0 AND (")
			w.identity(event.KindPhone)
			w.put(")")
		},
		has: func(p *Person, _ moment) string {
			switch {
			case !p.Has(event.KindPhone, ""):
				return "没有手机号"
			case p.Consents.Unsubscribed(contact.UnsubscribeSMS):
				return "退订了短信"
			}
			return "能"
		},
	}
}

// compileTouched counts what the outbox tells of marketing messages.
func compileTouched(l *leafNode) cond {
	counted := *l
	counted.n.Key = event.MessageSent
	counted.n.Where = []Where{{Prop: "class", Op: "eq", Value: json.RawMessage(`"marketing"`)}}
	l.stepsDaily()
	list, _, phrase := l.numberSpans()
	if len(list) > 0 && (list[0].lo != math.MinInt64 && list[0].lo < 0 || list[0].hi < 0) {
		l.bad(l.path+".value", "次数不能是负数")
	}
	return l.times(counted.spec(l.n.Days), l.def.Label, phrase+" 次", slices.Clone(list))
}
