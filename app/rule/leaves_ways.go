package rule

import (
	"math"
	"strings"

	"github.com/koi-scrm/koi/app/event"
)

// Conditions on ways that wear out. Who has no row has nothing left, so 0 is a number like any other.
var wayLeaves = []Leaf{
	{Name: "kf_left", Label: "客服消息还能发几条", Group: groupReach, About: AboutAccount, Ops: numberOps, compile: compileKFLeft,
		Explain: "客服消息窗口里剩余的条数，窗口关了就是 0；key 指明公众号或小程序，不写就看剩得最多的那个"},
	{Name: "kf_hours", Label: "客服消息窗口还剩几小时", Group: groupReach, About: AboutAccount, Ops: numberOps, compile: compileKFHours,
		Explain: "不足一小时的部分不算，窗口关了或条数用完就是 0；key 指明公众号或小程序，不写就看剩得最久的那个"},
	{Name: "notice_left", Label: "订阅通知余额", Group: groupReach, About: AboutAccount, Ops: numberOps, compile: compileBalance(BalanceNotice),
		Explain: "还能发几条公众号订阅通知，长期订阅算 1000；key 指明公众号，或“公众号/模板ID”，不写就是合计"},
	{Name: "mini_left", Label: "小程序订阅余额", Group: groupReach, About: AboutAccount, Ops: numberOps, compile: compileBalance(BalanceMini),
		Explain: "还能发几条小程序订阅消息，长期订阅算 1000；key 指明小程序，或“小程序/模板ID”，不写就是合计"},
}

// worn is a number that a relation's rows add up to, 0 for who has none. expr is the sum as SQL.
func (l *leafNode) worn(relation func(*Schema) string, list spans, not bool, phrase string, get func(p *Person, at moment) int64,
	on func(w *writer), expr func(now int64) string, scale func(spans) spans) cond {
	l.tree.uses.Contact = true
	if l.n.Key != "" {
		phrase += "（" + l.n.Key + "）"
	}
	return &number{
		label: l.def.Label, phrase: phrase, not: not, spans: l.always(list),
		get: func(p *Person, at moment) (int64, bool) { return get(p, at), true },
		rows: func(w *writer, within spans) {
			if within.has(0) {
				w.put("NOT ")
				within = within.others()
			}
			w.exists(relation(w.schema), func() {
				on(w)
				w.put(" GROUP BY x.contact_id HAVING ")
				if within = scale(within); len(within) == 0 {
					w.put("1 = 0")
					return
				}
				w.within(expr(w.at.now), within)
			})
		},
		show: func(n int64, _ moment) string { return itoa(n) },
	}
}

func same(s spans) spans { return s }

// windowed notes when the answer may change: with what opens and uses up a window, and with time.
func (l *leafNode) windowed() {
	l.tree.uses.Daily = true
	l.tree.uses.Events = append(l.tree.uses.Events, event.OAMessageReceived, event.OAFollowed, event.OAScanned, event.OAMenuClicked, event.OAUnfollowed,
		event.MPMessageReceived, event.MPContactSessionEntered, event.MessageSent, event.MessageFailed)
}

func compileKFLeft(l *leafNode) cond {
	l.windowed()
	app := l.n.Key
	list, not, phrase := l.numberSpans()
	return l.worn(func(s *Schema) string { return s.Windows }, list, not, phrase, func(p *Person, at moment) (n int64) {
		for _, w := range p.windows() {
			if app == "" || w.App == app {
				n = max(n, w.left(at.now))
			}
		}
		return n
	}, func(w *writer) { ofAccount(w, app) }, func(now int64) string {
		t := itoa(now)
		return "MAX(CASE WHEN x.closed_by <> 0 THEN 0 ELSE CASE WHEN x.message_until > " + t + " THEN x.message_left ELSE 0 END + CASE WHEN x.action_until > " + t +
			" THEN x.action_left ELSE 0 END END)"
	}, same)
}

// An hour in ms; of a window only whole hours count.
const hourMs = 3_600_000

func compileKFHours(l *leafNode) cond {
	l.windowed()
	app := l.n.Key
	list, not, phrase := l.numberSpans()
	return l.worn(func(s *Schema) string { return s.Windows }, list, not, phrase, func(p *Person, at moment) (n int64) {
		for _, w := range p.windows() {
			if app == "" || w.App == app {
				n = max(n, w.lasts(at.now)/hourMs)
			}
		}
		return n
	}, func(w *writer) { ofAccount(w, app) }, func(now int64) string {
		lasts := func(which string) string {
			return "CASE WHEN x.closed_by = 0 AND x." + which + "_left > 0 AND x." + which + "_until > " + itoa(now) + " THEN x." + which + "_until - " + itoa(now) + " ELSE 0 END"
		}
		m, a := lasts("message"), lasts("action")
		return "MAX(CASE WHEN " + m + " >= " + a + " THEN " + m + " ELSE " + a + " END)"
	}, inHours)
}

// inHours turns spans of whole hours into those of ms.
func inHours(list spans) spans {
	var out spans
	for _, s := range list {
		x := span{math.MinInt64, math.MaxInt64}
		if s.lo > math.MinInt64/hourMs {
			x.lo = s.lo * hourMs
		}
		if s.hi < math.MaxInt64/hourMs-1 {
			x.hi = (s.hi+1)*hourMs - 1
		}
		if s.lo > math.MaxInt64/hourMs || s.hi < math.MinInt64/hourMs {
			continue // no window is that long
		}
		out = append(out, x)
	}
	return out
}

func compileBalance(kind string) func(l *leafNode) cond {
	return func(l *leafNode) cond {
		l.tree.uses.Events = append(l.tree.uses.Events, event.OASubscriptionAnswered, event.MPSubscriptionAnswered, event.MessageSent, event.MessageFailed)
		account, template, _ := strings.Cut(l.n.Key, "/")
		list, not, phrase := l.numberSpans()
		return l.worn(func(s *Schema) string { return s.Balances }, list, not, phrase, func(p *Person, _ moment) (n int64) {
			for _, b := range p.balances() {
				if b.Kind == kind && (account == "" || b.Account == account) && (template == "" || b.Template == template) {
					n += b.Left
				}
			}
			return n
		}, func(w *writer) {
			w.put(" AND x.kind = ")
			w.arg(kind)
			if account != "" {
				w.put(" AND x.account = ")
				w.arg(account)
			}
			if template != "" {
				w.put(" AND x.template = ")
				w.arg(template)
			}
		}, func(int64) string { return "SUM(x.n)" }, same)
	}
}
