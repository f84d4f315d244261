package journey

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/message"
)

// What platforms let through depends on what a run did before it came to a step: how long it waited since
// the follower last acted, whether anybody asked if there is a subscription. This file walks every way
// through a journey and tells what surely cannot arrive (a problem) and what may not (a warning).

// approach is what is known of the runs that come to a step, over all the ways they may take.
type approach struct {
	// best and worst are the ms left of the customer-service window on the luckiest and on the unluckiest
	// way; untold where nothing says when the person last acted.
	best, worst int64
	waited      quantity        // which ways wait
	welcome     quantity        // which ways begin with a customer that staff just added
	asked       map[string]bool // channels whose reachability every way has made sure of
}

// quantity is how many of the ways something holds for.
type quantity int

const (
	noWay quantity = iota
	someWays
	everyWay
)

func (q quantity) and(o quantity) quantity {
	if q == o {
		return q
	}
	return someWays
}

const untold = math.MaxInt64

// The two windows of 客服消息: after a follow, scan or menu click three messages within a minute, after a
// message of the follower's five within 48 h. A minute is over when it is over.
const (
	actWindow  = int64(time.Minute / time.Millisecond)
	talkWindow = int64(48 * time.Hour / time.Millisecond)
)

// window is how long an event lets customer-service messages through; 0: it does not.
func window(typ string) int64 {
	switch typ {
	case event.OAFollowed, event.OAScanned, event.OAMenuClicked:
		return actWindow
	case event.OAMessageReceived:
		return talkWindow
	}
	return 0
}

// subscribes are the channels an answer may have been given for.
func subscribes(typ string) []message.Channel {
	switch typ {
	case event.OASubscriptionAnswered:
		return []message.Channel{message.OfficialNotice, message.OfficialOnce}
	case event.MPSubscriptionAnswered:
		return []message.Channel{message.MiniSubscribe}
	}
	return nil
}

// platforms checks each step against the ways that lead to it.
func (c *compiler) platforms() {
	if c.g.Subject != Customers {
		return
	}
	at := c.approaches()
	for _, n := range c.g.nodes {
		s, ok := n.part.(*sendStep)
		a := at[n]
		if !ok || a == nil {
			continue
		}
		path := fmt.Sprintf("nodes[%d]", n.index)
		switch s.template.Channel {
		case message.OfficialKF:
			c.inWindow(path, n, s.template, a)
		case message.WeComWelcome:
			c.onTime(path, n, a)
		case message.OfficialNotice, message.OfficialOnce, message.MiniSubscribe:
			if !a.asked[string(s.template.Channel)] {
				c.warn(path, "步骤 %s（%s）只有事先订阅过“%s”的客户能收到：建议在前面加“可触达判断”，触达不了时改走别的渠道", n.id, n.comp.Label, s.template.Name)
			}
		case message.SMS:
			if s.template.Kind == message.Promotional {
				c.warn(path, "步骤 %s（%s）是推广短信，只发给同意过的客户，9:00–20:00 以外会顺延到下一个 9:00", n.id, n.comp.Label)
			}
		}
	}
}

// onTime checks a welcome: it needs the code of a customer just added, within 20 s.
func (c *compiler) onTime(path string, n *node, a *approach) {
	tell := map[quantity]func(path, format string, args ...any){noWay: func(string, string, ...any) {}, someWays: c.warn, everyWay: c.say}
	tell[everyWay-a.welcome](path, "步骤 %s（%s）要紧跟在“添加客户”或“免验证添加”之后：别的事件没有欢迎语凭证", n.id, n.comp.Label)
	tell[a.waited](path, "步骤 %s（%s）前面有等待，欢迎语发不出去：凭证 20 秒就失效；请把等待放到欢迎语之后", n.id, n.comp.Label)
}

// inWindow checks a customer-service message.
func (c *compiler) inWindow(path string, n *node, t *message.Template, a *approach) {
	const advice = "请去掉前面的等待，或改用“公众号订阅通知”"
	switch {
	case a.best <= 0 && t.Class == message.Reply:
		c.say(path, "步骤 %s（%s）发不出去：关注、扫码、点菜单后只有 1 分钟能发客服消息，客户发来消息后是 48 小时，走到这里都已过了；%s", n.id, n.comp.Label, advice)
	case a.worst <= 0:
		c.warn(path, "步骤 %s（%s）可能发不出去：走到这里时，离关注、扫码、点菜单可能已过 1 分钟，或离客户上次发消息已过 48 小时；%s，或在前面加“可触达判断”", n.id, n.comp.Label, advice)
	}
}

// approaches follows every way from the triggers until nothing new is learned. What is known only gets
// worse or better in one direction, and a step looked at more often than there are steps lies on a circle,
// where waits add up without end.
func (c *compiler) approaches() map[*node]*approach {
	at := map[*node]*approach{}
	looked := map[*node]int{}
	var queue []*node
	for _, n := range c.g.triggers {
		at[n] = begins(n.part)
		queue = append(queue, n)
	}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		looked[n]++
		for _, port := range sortedKeys(n.to) {
			next := n.to[port]
			came := at[n].through(n, port)
			if looked[n] > len(c.g.nodes)+1 && came.worst != untold {
				came.worst = 0
			}
			if at[next].learn(&came) {
				if at[next] == nil {
					at[next] = &came
				}
				if !slices.Contains(queue, next) {
					queue = append(queue, next)
				}
			}
		}
	}
	return at
}

// begins is what is known of the runs a trigger starts.
func begins(p part) *approach {
	a := &approach{best: untold, worst: untold, asked: map[string]bool{}}
	on, ok := p.(*onEvent)
	if !ok {
		return a
	}
	for i, typ := range on.events {
		left := window(typ)
		if left == 0 {
			left = untold
		}
		welcome := noWay
		if typ == event.WeComCustomerAdded || typ == event.WeComCustomerHalfAdded {
			welcome = everyWay
		}
		if i == 0 {
			a.best, a.worst, a.welcome = left, left, welcome
		}
		a.best, a.worst, a.welcome = max(a.best, left), min(a.worst, left), a.welcome.and(welcome)
	}
	a.asked = answered(on.events)
	return a
}

// answered are the channels every one of some events brings an answer for.
func answered(types []string) map[string]bool {
	out := map[string]bool{}
	for i, typ := range types {
		got := map[string]bool{}
		for _, ch := range subscribes(typ) {
			if i == 0 || out[string(ch)] {
				got[string(ch)] = true
			}
		}
		out = got
	}
	return out
}

// through is what is known after leaving a step by a port.
func (a *approach) through(n *node, port string) approach {
	out := approach{best: a.best, worst: a.worst, waited: a.waited, asked: a.asked, welcome: a.welcome}
	switch p := n.part.(type) {
	case *wait:
		least, most := p.takes()
		out.pass(least, most)
	case *goalStep:
		out.pass(p.within.ms, p.within.ms)
	case *waitEvent:
		i := slices.IndexFunc(p.cases, func(x eventCase) bool { return x.port.Key == port })
		if i < 0 {
			out.pass(p.timeout.ms, p.timeout.ms)
			break
		}
		out.pass(0, p.timeout.ms)
		types := p.cases[i].events
		least, most := int64(untold), int64(0)
		for _, typ := range types {
			least, most = min(least, window(typ)), max(most, window(typ))
		}
		out.best, out.worst = max(out.best, most), max(out.worst, least)
		out.also(answered(types))
	case *canReach:
		if port == portOpen.Key {
			out.also(map[string]bool{string(p.ask.channel): true})
			if p.ask.channel == message.OfficialKF {
				out.best, out.worst = untold, untold
			}
		}
	}
	return out
}

// pass lets time go by.
func (a *approach) pass(least, most int64) {
	if least > 0 {
		a.waited = everyWay
	} else if most > 0 && a.waited == noWay {
		a.waited = someWays
	}
	if a.best != untold {
		a.best = max(a.best-least, 0)
	}
	if a.worst != untold {
		a.worst = max(a.worst-most, 0)
	}
}

func (a *approach) also(more map[string]bool) {
	all := map[string]bool{}
	for ch := range a.asked {
		all[ch] = true
	}
	for ch := range more {
		all[ch] = true
	}
	a.asked = all
}

// learn joins another way into what is known and reports whether that changed anything.
func (a *approach) learn(b *approach) bool {
	if a == nil {
		return true
	}
	best, worst, waited, welcome := max(a.best, b.best), min(a.worst, b.worst), a.waited.and(b.waited), a.welcome.and(b.welcome)
	asked := map[string]bool{}
	for ch := range a.asked {
		if b.asked[ch] {
			asked[ch] = true
		}
	}
	if best == a.best && worst == a.worst && waited == a.waited && welcome == a.welcome && len(asked) == len(a.asked) {
		return false
	}
	a.best, a.worst, a.waited, a.welcome, a.asked = best, worst, waited, welcome, asked
	return true
}

// takes is how many ms a wait lasts at least and at most.
func (p *wait) takes() (least, most int64) {
	const days = int64(24 * time.Hour / time.Millisecond)
	switch {
	case p.Mode == "for" && p.InHours:
		return p.length.ms, p.length.ms + 7*days
	case p.Mode == "for":
		return p.length.ms, p.length.ms
	case p.Mode == "time":
		return 0, int64(p.Days+1) * days
	}
	return 0, 400 * days
}
