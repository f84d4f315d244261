package journey

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/message"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/rule"
)

// TestRun asks for a rehearsal: one person walks through a journey without any effect. Waits take no time.
type TestRun struct {
	Journey int64
	Rev     int64 // 0: the version in force, drafts too
	Contact int64
	Trigger string // node id; "": the first trigger
	// Event is what shall have started the run; nil: the person's last event that fits the trigger, or an
	// empty one of its type, now.
	Event *event.Event
	// Choose says which port opens at steps that wait for an event; absent: the time runs out.
	Choose map[string]string
}

// Rehearsal is what a person would have gone through.
type Rehearsal struct {
	Problems []fault.Problem // of the journey; steps with problems fail
	Refused  string          // why the person would not be let in, for the record: the rehearsal goes on
	Event    *event.Event    // what started it
	Steps    []Rehearsed
	Ended    string // in Chinese
}

// Rehearsed is one step of a rehearsal.
type Rehearsed struct {
	At       int64 // when it would happen, if everything before took its time
	Node     string
	Label    string
	Summary  string
	Port     string // through which it was left; "" at the end
	Why      string
	Trace    *rule.Trace
	Wait     int64 // until when it would have waited; 0: it would not
	Messages []Rendered
	Failed   bool
}

// Rendered is a message that would have been sent, policy permitting.
type Rendered struct {
	Channel outbox.Channel
	Account string
	To      string
	Kind    string
	Body    string
}

// maxRehearsed bounds how many inputs a rehearsal answers: a journey may well go round for ever.
const maxRehearsed = 100

// TestRun walks one person through a journey: which way every condition sends them, what every message
// would say and to whom. Nothing is written or sent; policy, which decides at the moment of sending, is
// not asked. Faults: NotFound, Invalid (no trigger, unreadable).
func (d *Directory) TestRun(ctx context.Context, q TestRun) (Rehearsal, error) {
	it, err := d.version(ctx, q.Journey, q.Rev)
	if err != nil {
		return Rehearsal{}, err
	}
	p, err := d.person(ctx, q.Contact)
	if err != nil {
		return Rehearsal{}, err
	}
	known := d.Model().known
	g, problems := compile(it, known)
	if g == nil || len(g.triggers) == 0 {
		return Rehearsal{}, &fault.Error{Kind: fault.Invalid, Message: "旅程还不能试走：没有可用的触发步骤", Problems: problems}
	}
	if g.Subject == StaffOnly {
		return Rehearsal{}, fault.New(fault.Invalid, "主体为员工的旅程不能用客户试走")
	}
	n := g.triggers[0]
	if q.Trigger != "" {
		if n = g.node(q.Trigger); n == nil || !slices.Contains(g.triggers, n) {
			return Rehearsal{}, fault.New(fault.Invalid, "没有触发步骤“%s”", q.Trigger)
		}
	}
	r := &rehearsal{d: d, g: g, person: p, scope: known.Scope, choose: q.Choose, now: clock.Ms(d.clock.Now())}
	r.out.Problems = problems
	if r.out.Event = q.Event; q.Event == nil {
		if r.out.Event, err = d.lastFitting(ctx, n, p, r.now); err != nil {
			return Rehearsal{}, err
		}
	}
	w, err := d.Why(ctx, q.Journey, p.ID)
	if err != nil {
		return Rehearsal{}, err
	}
	r.out.Refused = w.Admit
	if d.stage.Scores != nil {
		if r.reasons, err = d.stage.Scores.Reasons(ctx, p.Contacts(), r.now, reasonsTold); err != nil {
			return Rehearsal{}, err
		}
	}
	r.walk(n)
	return r.out, nil
}

// lastFitting is the person's newest event that fits a trigger, else one made up.
func (d *Directory) lastFitting(ctx context.Context, n *node, p *rule.Person, now int64) (*event.Event, error) {
	s := n.part.(starter)
	list, err := d.timeline.List(ctx, p.Contacts(), s.on(), event.Place{}, eventsTried)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if e := asEvent(&list[i]); s.concerns(e) {
			return e, nil
		}
	}
	return &event.Event{Type: s.on()[0], ContactID: p.ID, OccurredAt: now, ReceivedAt: now, Props: event.Props{}}, nil
}

type rehearsal struct {
	d       *Directory
	g       *Graph
	person  *rule.Person // of its own: changes are made to it
	scope   *rule.Scope
	reasons []string
	choose  map[string]string
	now     int64
	run     Run
	out     Rehearsal
}

func (r *rehearsal) walk(trigger *node) {
	r.run = Run{JourneyID: r.g.ID, Rev: r.g.Rev, Subject: r.person.ID, ContactID: r.person.ID, Node: trigger.id, State: Ready,
		EnteredAt: r.now, ArrivedAt: r.now, Cause: causeOf(r.out.Event)}
	in := input{kind: started, event: r.out.Event}
	for range maxRehearsed {
		var o outcome
		r.run, o = step(r.g, r.run, in, facts{now: r.now, person: r.person, explain: true, looked: true})
		r.note(o.moves)
		switch {
		case o.action != nil:
			in = input{kind: performed, result: r.pretend(o.action)}
		case !r.run.State.Open():
			r.out.Ended = "走到终点"
			if r.run.State != Finished {
				r.out.Ended = r.run.State.Label() + "：" + r.run.Reason
			}
			return
		case r.run.DueAt == 0:
			r.out.Ended = "停在这一步，没有时间限制"
			return
		default:
			in = r.skip()
		}
	}
	r.out.Ended = fmt.Sprintf("走了 %d 步还没有结束，先到这里", maxRehearsed)
}

// skip ends a wait: by the port chosen, else by time.
func (r *rehearsal) skip() input {
	r.last().Wait = r.run.DueAt
	if port := r.choose[r.run.Node]; port != "" {
		return input{kind: chosen, port: port}
	}
	r.now = max(r.now, r.run.DueAt)
	return input{kind: due}
}

func (r *rehearsal) last() *Rehearsed { return &r.out.Steps[len(r.out.Steps)-1] }

func (r *rehearsal) note(moves []move) {
	for _, m := range moves {
		switch m.kind {
		case entered:
			r.out.Steps = append(r.out.Steps, Rehearsed{At: r.now, Node: m.node.id, Label: m.node.label(), Summary: m.node.part.summary()})
		case left:
			r.last().Port, r.last().Why, r.last().Trace = m.port, m.why, m.trace
		default:
			r.last().Failed = r.last().Failed || m.kind == broke
			r.last().Why = m.why
		}
	}
}

// pretend does what an action would do: to the person at hand only.
func (r *rehearsal) pretend(a action) result {
	switch a := a.(type) {
	case retag:
		for _, id := range a.add {
			if _, has := r.person.Tags[id]; !has {
				r.person.Tags[id] = rule.Tag{At: r.now, Source: "journey"}
			}
		}
		for _, id := range a.remove {
			delete(r.person.Tags, id)
		}
	case amend:
		r.amend(a)
	case impossible:
		return cannot("这一步的配置已失效：%s", a.why)
	case askReach:
		return r.could(a)
	default:
		list, err := r.d.stage.compose(r.letter(), a)
		if err != nil {
			return cannot("%s", because(err))
		}
		for _, m := range list {
			r.last().Messages = append(r.last().Messages, Rendered{Channel: m.Channel, Account: m.Account, To: m.To, Kind: m.Kind, Body: string(m.Body)})
		}
	}
	return result{}
}

// letter is what messages are made of here. Personal values are not opened for a try.
func (r *rehearsal) letter() letter {
	return letter{run: &r.run, g: r.g, person: r.person, scope: r.scope, reasons: r.reasons, now: r.now, open: func(p *contact.Person, kind string) (string, error) {
		if !p.Has(kind, "") {
			return "", fault.New(fault.NotFound, "客户没有留过%s", map[string]string{event.KindPhone: "手机号", event.KindEmail: "邮箱"}[kind])
		}
		return message.HiddenPhone(), nil
	}}
}

// could answers a step that asks whether the person can be reached: as chosen, else by what can be known
// without the platform's windows and balances, which only count at the moment of sending.
func (r *rehearsal) could(a askReach) result {
	if port := r.choose[r.run.Node]; port == portOpen.Key || port == portClosed.Key {
		return result{port: port, reason: "试走时选定"}
	}
	l := r.letter()
	if _, err := r.d.stage.direct(l, a.channel, a.account); err != nil {
		return result{port: portClosed.Key, reason: "触达不了：" + because(err)}
	}
	return result{port: portOpen.Key, reason: "有" + a.channel.Label() + "的联系方式；额度、窗口和同意到发送时才判断，试走先按可以触达走"}
}

func (r *rehearsal) amend(a amend) {
	for key, raw := range a.set {
		f, ok := r.scope.Fields[key]
		switch v, err := f.Parse(raw); {
		case raw == nil:
			delete(r.person.Values, key)
		case ok && err == nil:
			v.At = r.now
			r.person.Values[key] = v
		}
	}
	if a.stage != "" {
		r.person.Stage, r.person.StageAt = a.stage, r.now
	}
}

// String tells a rehearsal as lines of text.
func (r Rehearsal) String() string {
	var b strings.Builder
	for _, s := range r.Steps {
		fmt.Fprintf(&b, "%s：%s", s.Label, s.Summary)
		if s.Why != "" {
			b.WriteString("（" + s.Why + "）")
		}
		b.WriteByte('\n')
		for _, m := range s.Messages {
			fmt.Fprintf(&b, "  → %s：%s\n", m.To, m.Body)
		}
	}
	b.WriteString(r.Ended)
	return b.String()
}
