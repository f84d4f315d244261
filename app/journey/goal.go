package journey

import (
	"fmt"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/rule"
)

var goalComponents = []Component{{
	Number: "32", Key: keyGoal, Label: "目标达成退出", Group: Actions, Subjects: []Subject{Customers}, Ports: []Port{portMissed},
	Explain: "达成目标就离开旅程；可以等一段时间，到时还没达成从“未达成”走。",
	Config: []Member{
		{Key: "events", Label: "目标事件", Editor: EditEvents, Note: "其中任意一个发生即达成；不填则只看客户条件"},
		{Key: "where", Label: "事件要求", Editor: EditWhere, Note: "对事件属性的要求，全部满足"},
		{Key: "when", Label: "客户条件", Editor: EditRule, Note: "达成时客户要满足的条件"},
		{Key: "within", Label: "最多等", Editor: EditDuration, Note: "有目标事件时必填；只有客户条件时不填为马上判断"},
		{Key: "note", Label: "目标说明", Editor: EditLine, Note: "记在达成的人身上，如“已付款”"},
	},
	decode: decodeGoal,
}}

// goal is a compiled Goal.
type goal struct {
	events []string
	labels []string
	where  rule.Filter
	when   *rule.Tree
	within span
	why    string
}

// goal compiles a goal of a journey or of a step.
func (c *compiler) goal(path string, d Goal) *goal {
	at := func(member string) string { return strings.TrimPrefix(path+"."+member, ".") }
	p := &goal{events: d.Events, labels: c.eventLabels(d.Events), why: "目标达成"}
	if d.Note != "" {
		p.why += "：" + d.Note
	}
	if len(d.Events) == 0 && len(d.When) == 0 {
		c.say(path, "目标至少要有事件或客户条件之一")
	}
	if len(d.Events) == 0 && len(d.Where) > 0 {
		c.say(at("where"), "对事件的要求要和事件一起填写")
	}
	for i, t := range d.Events {
		c.event(fmt.Sprintf("%s[%d]", at("events"), i), t)
		c.g.waits[t] = true
	}
	p.where = c.where(path, d.Where)
	p.when = c.tree(at("when"), d.When)
	if d.Within != "" {
		p.within = c.span(at("within"), d.Within)
	}
	if len(d.Events) == 0 && path != "config" { // at a step it matters only while somebody waits there
		c.g.watches = true
	}
	return p
}

func decodeGoal(c *compiler, n Node) part {
	var cfg Goal
	decodeConfig(c, n, &cfg)
	p := c.goal("config", cfg)
	if len(cfg.Events) > 0 && cfg.Within == "" {
		c.say("config.within", "有目标事件时请填写最多等多久")
	}
	return &goalStep{p}
}

// met tells that an event, which may be nil, or the person's state is the goal.
func (p *goal) met(e *event.Event, f *facts) string {
	if len(p.events) > 0 && (e == nil || !slices.Contains(p.events, e.Type) || !p.where.Match(e)) {
		return ""
	}
	if p.when != nil && (f.person == nil || !p.when.Match(f.person, f.now)) {
		return ""
	}
	return p.why
}

func (p *goal) summary() string {
	var words []string
	if len(p.labels) > 0 {
		words = append(words, strings.Join(p.labels, "、")+asked(p.where))
	}
	if p.when != nil {
		words = append(words, p.when.String())
	}
	s := strings.Join(words, "，且")
	if p.within.ms > 0 {
		s += "，最多等 " + p.within.text
	}
	return s
}

// reached tells why the journey's own goal is reached, or "". It counts for as long after the entry as it
// says.
func (g *Graph) reached(r *Run, e *event.Event, f *facts) string {
	if g.goal == nil {
		return ""
	}
	at := f.now
	if e != nil {
		at = e.OccurredAt
	}
	if within := g.goal.within.ms; within > 0 && at-r.EnteredAt > within || e != nil && at < r.EnteredAt {
		return ""
	}
	return g.goal.met(e, f)
}

// goalStep takes runs out that reach its goal, and lets the others go on.
type goalStep struct{ *goal }

func (p *goalStep) reads() {} // the condition asks about the person

func (p *goalStep) types() []string { return p.events }

// watches: a condition alone may come true with any event.
func (p *goalStep) watches() bool { return len(p.events) == 0 && p.within.ms > 0 }

func (p *goalStep) arrive(at *place) verdict {
	if len(p.events) == 0 {
		if why := p.met(nil, at.f); why != "" {
			return verdict{goal: why}
		}
	}
	if p.within.ms == 0 {
		at.why = "目标未达成"
		return verdict{port: portMissed.Key}
	}
	return verdict{wait: true, due: at.f.now + p.within.ms}
}

// reached is asked at the end of the wait too: what time alone changes, such as “最近7天没有…”, no event tells.
func (p *goalStep) reached(at *place) string { return p.met(at.e, at.f) }

func (p *goalStep) happened(*place) string { return "" }

func (p *goalStep) due(at *place) string {
	at.why = "等了 " + p.within.text + "，目标未达成"
	return portMissed.Key
}

func (p *goalStep) breaks() bool { return p.within.ms >= 60_000 }
