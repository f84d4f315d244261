package httpapi

import (
	"context"
	"fmt"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/rule"
)

// Why is the answer to one question about one person. What it is about says which members it has.
type Why struct {
	About   string         `json:"about" doc:"tag score stage message journey"`
	Subject Named          `json:"subject"`
	OK      bool           `json:"ok" doc:"有这个标签、到了这个阶段、消息已发出、进过这个旅程……"`
	Text    string         `json:"text" doc:"一句话的回答"`
	Rules   []RuleTrace    `json:"rules,omitempty" doc:"相关规则此刻对这个人的判断，逐条"`
	Score   *Standing      `json:"score,omitempty"`
	Stage   *StagePlace    `json:"stage,omitempty"`
	Message *MessageDetail `json:"message,omitempty"`
	Cause   *TimelineEntry `json:"cause,omitempty" doc:"引起它的事件"`
	Runs    []Run          `json:"runs,omitempty"`
}

// RuleTrace is a rule and how each part of its condition stands for a person now.
type RuleTrace struct {
	Named
	Text  string      `json:"text" doc:"规则的一句话说明"`
	Trace *rule.Trace `json:"trace,omitempty" doc:"没有时表示除事件外不看别的条件"`
}

type whyInput struct {
	ByID
	Tag     string  `query:"tag" doc:"标签的 key"`
	Score   string  `query:"score" doc:"评分模型的 key"`
	Stage   string  `query:"stage" doc:"阶段或旁注状态的 key"`
	Message IDParam `query:"message" doc:"消息编号"`
	Journey IDParam `query:"journey" doc:"旅程编号"`
}

func (a *API) explainContact(ctx context.Context, in *whyInput) (*answer[Why], error) {
	questions := 0
	for _, asked := range []bool{in.Tag != "", in.Score != "", in.Stage != "", in.Message.ID != 0, in.Journey.ID != 0} {
		if asked {
			questions++
		}
	}
	if questions != 1 {
		return nil, wrong("query", "请填 tag、score、stage、message、journey 中的一个")
	}
	p, err := a.find(ctx, in.ID.ID)
	if err != nil {
		return nil, err
	}
	var w Why
	switch {
	case in.Tag != "":
		w, err = a.whyTag(ctx, p, in.Tag)
	case in.Score != "":
		w, err = a.whyScore(ctx, p, in.Score)
	case in.Stage != "":
		w, err = a.whyStage(ctx, p, in.Stage)
	case in.Message.ID != 0:
		w, err = a.whyMessage(ctx, p, int64(in.Message.ID))
	default:
		w, err = a.whyJourney(ctx, p, int64(in.Journey.ID))
	}
	return &answer[Why]{w}, err
}

func (a *API) whyTag(ctx context.Context, p *contact.Person, key string) (Why, error) {
	m := a.Tags.Model()
	d, ok := m.Tag(key)
	if !ok {
		return Why{}, fault.New(fault.NotFound, "没有标签 %q", key)
	}
	w := Why{About: "tag", Subject: Named{d.Key, d.Name}, Text: "没有这个标签"}
	held, err := a.Tags.List(ctx, p.ID, a.now())
	if err != nil {
		return w, err
	}
	for _, h := range held {
		if h.TagID == d.ID {
			w.OK, w.Text = true, fmt.Sprintf("%s %s", a.at(h.At).Format("2006-01-02 15:04"), h.Reason)
		}
	}
	facts, err := a.Person(ctx, p.ID)
	if err != nil {
		return w, err
	}
	for _, x := range m.Ask(facts, d.ID, a.now()) {
		w.Rules = append(w.Rules, RuleTrace{Named{x.Rule.Key, x.Rule.Name}, x.Rule.String(), x.Trace})
	}
	if !w.OK && len(w.Rules) == 0 {
		w.Text += "，也没有规则会打它：只能手工或由旅程打上"
	}
	return w, nil
}

func (a *API) whyScore(ctx context.Context, p *contact.Person, key string) (Why, error) {
	all, err := a.standings(ctx, p)
	if err != nil {
		return Why{}, err
	}
	for _, s := range all {
		if s.Key != key {
			continue
		}
		w := Why{About: "score", Subject: Named{s.Key, s.Name}, OK: s.Points > 0, Text: fmt.Sprintf("%s %d 分", s.Name, s.Points), Score: &s}
		if p.Excluded {
			w.Text += "（在排除名单中，不评分）"
		}
		return w, nil
	}
	return Why{}, fault.New(fault.NotFound, "没有评分模型 %q", key)
}

func (a *API) whyStage(ctx context.Context, p *contact.Person, key string) (Why, error) {
	m := a.Stages.Model()
	d, ok := m.Get(key)
	if !ok {
		return Why{}, fault.New(fault.NotFound, "没有阶段 %q", key)
	}
	w := Why{About: "stage", Subject: Named{d.Key, d.Name}, Text: "还没有到「" + d.Name + "」；进入条件：" + d.Condition()}
	stands, err := a.Stages.Why(ctx, p.Contacts())
	if err != nil {
		return w, err
	}
	if w.Stage, err = a.place(ctx, p); err != nil {
		return w, err
	}
	for _, x := range stands.Steps {
		if x.To == d.Name && x.Side == d.Side {
			w.OK, w.Text = true, fmt.Sprintf("%s 进入「%s」（%s）", a.at(x.At).Format("2006-01-02 15:04"), d.Name, x.By.Label())
			break
		}
	}
	facts, err := a.Person(ctx, p.ID)
	if err != nil {
		return w, err
	}
	for _, x := range a.Stages.Ahead(facts, stands.Reached, a.now()) {
		if x.Stage == key {
			w.Rules = []RuleTrace{{Named{x.Stage, x.Name}, d.Condition(), &x.Trace}}
		}
	}
	return w, nil
}

func (a *API) whyMessage(ctx context.Context, p *contact.Person, id int64) (Why, error) {
	m, err := a.messageDetail(ctx, id)
	if err != nil {
		return Why{}, err
	}
	mine := false
	for _, c := range p.Contacts() {
		mine = mine || ID(c) == m.ContactID
	}
	if !mine {
		return Why{}, fault.New(fault.NotFound, "这条消息与这位客户无关")
	}
	w := Why{About: "message", Subject: Named{fmt.Sprint(id), m.ChannelLabel}, OK: m.State == "sent" || m.State == "delivered",
		Text: m.Explanation.What, Message: &m}
	if m.Explanation.Why != "" {
		w.Text += m.Explanation.Why
	}
	cause, err := a.Timeline.Get(ctx, event.ID(m.EventID))
	if fault.Is(err, fault.NotFound) {
		return w, nil // past its retention, or a command: those leave no line of their own
	}
	if err != nil {
		return w, err
	}
	e := a.entry(cause)
	w.Cause = &e
	return w, nil
}
