package journey

import (
	"context"
	"fmt"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/rule"
)

// Why answers 为什么进了/没进这个旅程 for one person.
type Why struct {
	Inside   bool     // somebody who is in it now
	Runs     []Inside // the person's runs of this journey, newest first
	Verdict  string   // one Chinese sentence
	Admit    string   // why the entry rules would refuse the person now; "" when they would not
	Triggers []TriggerWhy
}

// TriggerWhy is what became of one trigger.
type TriggerWhy struct {
	Node    string
	Label   string
	Summary string
	// Event is the newest event of the person that the trigger listens to and whose conditions on the
	// event it meets; nil when there was none.
	Event *event.Entry
	// Near is, when there is no such event, the newest one of the right type.
	Near  *event.Entry
	Fresh bool // the event was young enough when it was processed
	// Person tells how the trigger's condition on the person stands now; nil when it has none.
	Person *rule.Trace
	Text   string // what follows, in Chinese
}

// eventsTried is how many of a person's events of a trigger's types are looked at.
const eventsTried = 100

// Why explains whether and why a person is, was, or is not in a journey: their runs, and for each trigger
// the last event it listens to, whether that was fresh, how the conditions stand now, and what the entry
// rules say. Fault: NotFound.
func (d *Directory) Why(ctx context.Context, journey, contactID int64) (Why, error) {
	it, err := d.version(ctx, journey, 0)
	if err != nil {
		return Why{}, err
	}
	p, err := d.person(ctx, contactID)
	if err != nil {
		return Why{}, err
	}
	w := Why{}
	if w.Runs, _, err = d.Runs(ctx, RunFilter{Journey: journey, Contact: p.ID, Limit: 20}); err != nil {
		return w, err
	}
	g, problems := compile(it, d.Model().known)
	if g == nil {
		w.Verdict = "旅程定义无法读取：" + problems[0].Message
		return w, nil
	}
	var history past
	for _, r := range w.Runs {
		if r.State.Open() {
			w.Inside = true
			history.open++
		}
		history.last = max(history.last, r.EnteredAt)
	}
	now := clock.Ms(d.clock.Now())
	w.Admit = string(g.admit(history, now))
	fired := false
	for _, n := range g.triggers {
		t, err := d.whyTrigger(ctx, g, n, p, now)
		if err != nil {
			return w, err
		}
		fired = fired || t.Event != nil && t.Fresh && (t.Person == nil || t.Person.OK)
		w.Triggers = append(w.Triggers, t)
	}
	w.Verdict = w.verdict(g, problems, fired)
	return w, nil
}

func (w *Why) verdict(g *Graph, problems []fault.Problem, fired bool) string {
	switch {
	case w.Inside:
		return fmt.Sprintf("正在旅程里，停在“%s”", w.Runs[0].Label)
	case len(w.Runs) > 0 && w.Admit != "":
		return fmt.Sprintf("%s 进入过，%s；现在不能再进：%s", when(w.Runs[0].EnteredAt, g.zone), w.Runs[0].StatusZH, w.Admit)
	case g.Subject == StaffOnly:
		return "这个旅程的主体是员工，客户不会进入"
	case g.Status != Live:
		return "旅程现在是“" + g.Status.Label() + "”，不会有人进入"
	case len(problems) > 0:
		return fmt.Sprintf("旅程有 %d 处问题，不会有人进入：%s", len(problems), problems[0].Message)
	case fired:
		return "最近一次触发时旅程可能还没有发布或正在暂停；现在条件都满足，再次触发就会进入"
	case len(w.Runs) > 0:
		return fmt.Sprintf("%s 进入过，%s；再次触发时可以再进", when(w.Runs[0].EnteredAt, g.zone), w.Runs[0].StatusZH)
	}
	return "没有进入过：触发条件还没有满足"
}

func (d *Directory) whyTrigger(ctx context.Context, g *Graph, n *node, p *rule.Person, now int64) (TriggerWhy, error) {
	s := n.part.(starter)
	t := TriggerWhy{Node: n.id, Label: n.label(), Summary: n.part.summary()}
	list, err := d.timeline.List(ctx, p.Contacts(), s.on(), event.Place{}, eventsTried)
	if err != nil {
		return t, err
	}
	f := facts{now: now, person: p, explain: true}
	for i := range list {
		e := asEvent(&list[i])
		if !s.concerns(e) {
			if t.Near == nil {
				t.Near = &list[i]
			}
			continue
		}
		at := &place{g: g, node: n, e: e, f: &f}
		s.starts(at)
		// When it was processed isn't kept; when it was received is.
		t.Event, t.Near, t.Fresh, t.Person = &list[i], nil, g.freshAt(e, e.ReceivedAt), at.trace
		break
	}
	switch {
	case t.Event == nil && t.Near == nil:
		t.Text = "没有发生过这样的事件"
	case t.Event == nil:
		t.Text = "发生过这类事件，但不满足对事件的要求"
	case !t.Fresh:
		t.Text = string(cameLate)
	case t.Person != nil && !t.Person.OK:
		t.Text = "发生过，但客户条件现在不满足"
	default:
		t.Text = "发生过，条件满足"
	}
	return t, nil
}
