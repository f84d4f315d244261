package httpapi

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/journey"
	"github.com/koi-scrm/koi/app/message"
	"github.com/koi-scrm/koi/app/rule"
)

// Journey is a journey in a list.
type Journey struct {
	ID ID `json:"id"`
	Named
	Note         string        `json:"note,omitempty"`
	Subject      string        `json:"subject" doc:"contact 客户，staff 员工"`
	SubjectLabel string        `json:"subject_label"`
	Status       string        `json:"status" doc:"draft live paused stopped"`
	StatusLabel  string        `json:"status_label"`
	Rev          int64         `json:"rev"`
	Triggers     []string      `json:"triggers" doc:"触发条件的一句话说明"`
	Counts       JourneyCounts `json:"counts"`
	UpdatedAt    time.Time     `json:"updated_at"`
	UpdatedBy    string        `json:"updated_by"`
}

// JourneyCounts say how many came to a journey or a step and what became of them.
type JourneyCounts struct {
	Entered int64 `json:"entered" doc:"进入"`
	Open    int64 `json:"open" doc:"在途"`
	Done    int64 `json:"done" doc:"完成"`
	Failed  int64 `json:"failed" doc:"失败；旅程的是各步之和"`
	Blocked int64 `json:"blocked" doc:"被拦截或过期而没有发的消息；旅程的是各步之和，不含没有进入的"`
	Exited  int64 `json:"exited" doc:"从这里离开"`
	Refused int64 `json:"refused" doc:"触发了但没有进入：事件迟到，或进入规则不允许"`
}

// JourneyDetail is a version of a journey with what happened at its steps.
type JourneyDetail struct {
	Journey
	Definition journey.Definition `json:"definition"`
	Steps      []JourneyStep      `json:"steps"`
	Problems   []fault.Problem    `json:"problems" doc:"不能运行的原因"`
	Warnings   []fault.Problem    `json:"warnings" doc:"能运行，但可能达不到本意的地方"`
}

// JourneyStep is a step as its card shows it.
type JourneyStep struct {
	ID        string         `json:"id"`
	Component string         `json:"component,omitempty"`
	Group     journey.Group  `json:"group,omitempty" doc:"trigger 触发，branch 分流，action 执行"`
	Label     string         `json:"label"`
	Explain   string         `json:"explain,omitempty" doc:"这种步骤是做什么的"`
	Summary   string         `json:"summary"`
	Ports     []journey.Port `json:"ports"`
	Members   []StepMember   `json:"members" doc:"配置里各项的名称"`
	Counts    JourneyCounts  `json:"counts"`
}

// StepMember names a member of a step's config.
type StepMember struct {
	Key    string         `json:"key"`
	Label  string         `json:"label"`
	Editor journey.Editor `json:"editor" doc:"值是什么：duration、events、template…"`
}

// Run is one walk of one person through a journey.
type Run struct {
	ID          ID         `json:"id"`
	JourneyID   ID         `json:"journey_id"`
	Journey     string     `json:"journey" doc:"旅程名称"`
	Rev         int64      `json:"rev"`
	ContactID   ID         `json:"contact_id,omitempty"`
	ContactName string     `json:"contact_name,omitempty" doc:"只在旅程里的人的列表里有"`
	Staff       string     `json:"staff,omitempty" doc:"员工旅程：corpid/userid"`
	Node        string     `json:"node"`
	NodeLabel   string     `json:"node_label"`
	Status      string     `json:"status" doc:"open finished exited failed merged"`
	StatusLabel string     `json:"status_label"`
	Reason      string     `json:"reason,omitempty"`
	EnteredAt   time.Time  `json:"entered_at"`
	ArrivedAt   time.Time  `json:"arrived_at"`
	DueAt       *time.Time `json:"due_at,omitempty"`
	EndedAt     *time.Time `json:"ended_at,omitempty"`
	EventID     ID         `json:"event_id" doc:"由哪个事件进入"`
}

// RunDetail is a run with what happened on its way, oldest first.
type RunDetail struct {
	Run
	Path []PathStep `json:"path"`
}

// PathStep is something that happened on a run's way.
type PathStep struct {
	At        time.Time `json:"at"`
	Event     ID        `json:"event,omitempty"`
	Type      string    `json:"type,omitempty"`
	Node      string    `json:"node,omitempty"`
	NodeLabel string    `json:"node_label,omitempty"`
	Text      string    `json:"text"`
}

func (a *API) journey(s journey.Summary) Journey {
	return Journey{ID: ID(s.ID), Named: Named{s.Key, s.Name}, Note: s.Note, Subject: string(s.Subject), SubjectLabel: s.Subject.Label(), Status: string(s.Status),
		StatusLabel: s.Status.Label(), Rev: s.Rev, Triggers: append([]string{}, s.Triggers...), Counts: JourneyCounts(s.Counts), UpdatedAt: a.at(s.UpdatedAt), UpdatedBy: s.UpdatedBy}
}

func (a *API) run(r journey.Inside) Run {
	return Run{ID: ID(r.ID), JourneyID: ID(r.JourneyID), Journey: r.Journey, Rev: r.Rev, ContactID: ID(r.ContactID), Staff: r.Staff, Node: r.Node, NodeLabel: r.Label,
		Status: r.Status, StatusLabel: r.StatusZH, Reason: r.Reason, EnteredAt: a.at(r.EnteredAt), ArrivedAt: a.at(r.ArrivedAt), DueAt: a.since(r.DueAt),
		EndedAt: a.since(r.EndedAt), EventID: ID(r.Cause.EventID)}
}

func (a *API) runs(list []journey.Inside) []Run {
	out := make([]Run, len(list))
	for i, r := range list {
		out[i] = a.run(r)
	}
	return out
}

// runsShown is how many runs stand in a person's 360.
const runsShown = 20

func (a *API) runsOf(ctx context.Context, p *contact.Person) ([]Run, error) {
	list, _, err := a.journeyRuns(ctx, p, journey.RunFilter{Limit: runsShown})
	return a.runs(list), err
}

func (a *API) listJourneys(ctx context.Context, in *Page) (*listOf[Journey], error) {
	all, err := a.Journeys.List(ctx)
	if err != nil {
		return nil, err
	}
	list, err := window(all, *in)
	return &listOf[Journey]{mapped(list, a.journey)}, err
}

type journeyInput struct {
	ByID
	Rev int64 `query:"rev" minimum:"0" doc:"看旧版本；不填为现行版本"`
}

func (a *API) getJourney(ctx context.Context, in *journeyInput) (*answer[JourneyDetail], error) {
	v, err := a.Journeys.Get(ctx, int64(in.ID.ID), in.Rev)
	if err != nil {
		return nil, err
	}
	out := JourneyDetail{Journey: a.journey(v.Summary), Definition: v.Definition, Steps: []JourneyStep{}, Problems: append([]fault.Problem{}, v.Problems...),
		Warnings: append([]fault.Problem{}, v.Warnings...)}
	for _, s := range v.Steps {
		step := JourneyStep{ID: s.ID, Label: s.Label, Summary: s.Summary, Ports: append([]journey.Port{}, s.Ports...), Members: []StepMember{}, Counts: JourneyCounts(s.Counts)}
		if s.Component != nil {
			step.Component, step.Group, step.Explain = s.Component.Key, s.Component.Group, s.Component.Explain
			for _, m := range s.Component.Config {
				step.Members = append(step.Members, StepMember{m.Key, m.Label, m.Editor})
			}
		}
		out.Steps = append(out.Steps, step)
	}
	return &answer[JourneyDetail]{out}, nil
}

type runsInput struct {
	ByID
	Page
	Status  string  `query:"status" doc:"open finished exited failed merged"`
	Node    string  `query:"node" doc:"停在或结束在这一步的"`
	Contact IDParam `query:"contact"`
}

func (a *API) listRuns(ctx context.Context, in *runsInput) (*listOf[Run], error) {
	place, err := in.place(1)
	if err != nil {
		return nil, err
	}
	if _, err := a.Journeys.Get(ctx, int64(in.ID.ID), 0); err != nil {
		return nil, err
	}
	f := journey.RunFilter{Journey: int64(in.ID.ID), Status: in.Status, Node: in.Node, Before: place[0], Limit: in.Limit}
	var one *contact.Person
	if in.Contact.ID != 0 {
		if one, err = a.find(ctx, in.Contact.ID); err != nil {
			return nil, err
		}
	}
	list, before, err := a.journeyRuns(ctx, one, f)
	if err != nil {
		return nil, err
	}
	out := List[Run]{Items: a.runs(list)}
	if before != 0 {
		out.Next = cursor(before)
	}
	return &listOf[Run]{out}, a.nameRuns(ctx, out.Items)
}

type runInput struct {
	ByID
	Run IDParam `path:"run"`
}

func (a *API) getRun(ctx context.Context, in *runInput) (*answer[RunDetail], error) {
	r, err := a.findRun(ctx, int64(in.Run.ID))
	if err != nil {
		return nil, err
	}
	if r.JourneyID != int64(in.ID.ID) {
		return nil, fault.New(fault.NotFound, "这个旅程里没有这次记录")
	}
	path, err := a.Journeys.Path(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	out := RunDetail{Run: a.run(r), Path: []PathStep{}}
	for _, s := range path {
		out.Path = append(out.Path, PathStep{At: a.at(s.At), Event: ID(s.Event), Type: s.Type, Node: s.Node, NodeLabel: s.Label, Text: s.Text})
	}
	return &answer[RunDetail]{out}, nil
}

type startInput struct {
	ByID
	Body struct {
		Contact ID `json:"contact_id"`
	}
}

// started is the run a command began: 201, or 202 without one while the command is in line.
type started struct {
	Status int
	Body   Started
}

// Started is what became of the wish that somebody enters a journey.
type Started struct {
	Run     *Run `json:"run,omitempty"`
	Pending bool `json:"pending,omitempty" doc:"已保存，还在排队处理：稍后看旅程里的人"`
}

func (a *API) startRun(ctx context.Context, in *startInput) (*started, error) {
	j, err := a.Journeys.Get(ctx, int64(in.ID.ID), 0)
	if err != nil {
		return nil, err
	}
	if j.Status != journey.Live {
		return nil, fault.New(fault.Conflict, "旅程现在是「%s」，不能让人进入", j.Status.Label())
	}
	if j.Subject != journey.Customers {
		return nil, fault.New(fault.Conflict, "这个旅程的主体是%s，客户不能进入", j.Subject.Label())
	}
	p, err := a.find(ctx, in.Body.Contact)
	if err != nil {
		return nil, err
	}
	record(ctx).with("contact", p.ID)
	got, applied, err := a.command(ctx, &event.Event{Type: event.CommandJourneyStart, ObjectType: "contact", ObjectID: strconv.FormatInt(p.ID, 10),
		Props: event.Props{"journey": strconv.FormatInt(j.ID, 10)}})
	if err != nil {
		return nil, err
	}
	if !applied {
		return &started{202, Started{Pending: true}}, nil
	}
	runs, err := a.Journeys.StartedBy(ctx, got[0].Seq)
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		if r.JourneyID == j.ID {
			shown := a.run(r)
			return &started{201, Started{Run: &shown}}, nil
		}
	}
	w, err := a.Journeys.Why(ctx, j.ID, p.ID)
	if err != nil {
		return nil, err
	}
	reason := w.Admit
	if reason == "" {
		reason = w.Verdict
	}
	return nil, fault.New(fault.Conflict, "没有进入旅程：%s", reason)
}

type testRunInput struct {
	ByID
	Body struct {
		Contact ID                `json:"contact_id"`
		Rev     int64             `json:"rev,omitempty" minimum:"0" doc:"试旧版本或草稿；不填为现行版本"`
		Trigger string            `json:"trigger,omitempty" doc:"从哪个触发步骤开始；不填为第一个"`
		Choose  map[string]string `json:"choose,omitempty" doc:"等待事件的步骤 → 从哪个口出去；不填为超时"`
	}
}

// TestRun is what a person would have gone through.
type TestRun struct {
	Problems []fault.Problem `json:"problems"`
	Refused  string          `json:"refused,omitempty" doc:"现在真的触发会被拒绝的原因；试走照常进行"`
	Trigger  string          `json:"trigger" doc:"用哪类事件触发的"`
	Steps    []TestStep      `json:"steps"`
	Ended    string          `json:"ended"`
}

// TestStep is one step of a test run.
type TestStep struct {
	At        time.Time     `json:"at"`
	Node      string        `json:"node"`
	NodeLabel string        `json:"node_label"`
	Summary   string        `json:"summary"`
	Port      string        `json:"port,omitempty"`
	Why       string        `json:"why,omitempty"`
	Trace     *rule.Trace   `json:"trace,omitempty"`
	WaitUntil *time.Time    `json:"wait_until,omitempty"`
	Messages  []TestMessage `json:"messages,omitempty"`
	Failed    bool          `json:"failed,omitempty"`
}

// TestMessage is a message that would have been sent, policy permitting.
type TestMessage struct {
	Channel      string          `json:"channel"`
	ChannelLabel string          `json:"channel_label"`
	Account      string          `json:"account"`
	To           string          `json:"to"`
	Kind         string          `json:"kind"`
	Body         json.RawMessage `json:"body"`
}

func (a *API) testRun(ctx context.Context, in *testRunInput) (*answer[TestRun], error) {
	if _, err := a.find(ctx, in.Body.Contact); err != nil {
		return nil, err
	}
	got, err := a.Journeys.TestRun(ctx, journey.TestRun{Journey: int64(in.ID.ID), Rev: in.Body.Rev, Contact: int64(in.Body.Contact), Trigger: in.Body.Trigger, Choose: in.Body.Choose})
	if err != nil {
		return nil, err
	}
	out := TestRun{Problems: append([]fault.Problem{}, got.Problems...), Refused: got.Refused, Steps: []TestStep{}, Ended: got.Ended}
	if got.Event != nil {
		out.Trigger = event.LabelOf(got.Event.Type).Name
	}
	for _, s := range got.Steps {
		step := TestStep{At: a.at(s.At), Node: s.Node, NodeLabel: s.Label, Summary: s.Summary, Port: s.Port, Why: s.Why, Trace: s.Trace, WaitUntil: a.since(s.Wait), Failed: s.Failed}
		for _, m := range s.Messages {
			step.Messages = append(step.Messages, TestMessage{string(m.Channel), m.Channel.Label(), m.Account, m.To, m.Kind, json.RawMessage(message.Mask(m.Body))})
		}
		out.Steps = append(out.Steps, step)
	}
	return &answer[TestRun]{out}, nil
}

func (a *API) whyJourney(ctx context.Context, p *contact.Person, id int64) (Why, error) {
	j, err := a.Journeys.Get(ctx, id, 0)
	if err != nil {
		return Why{}, err
	}
	got, err := a.Journeys.Why(ctx, id, p.ID)
	if err != nil {
		return Why{}, err
	}
	w := Why{About: "journey", Subject: Named{j.Key, j.Name}, OK: len(got.Runs) > 0, Text: got.Verdict, Runs: a.runs(got.Runs)}
	for _, t := range got.Triggers {
		w.Rules = append(w.Rules, RuleTrace{Named{t.Node, t.Label}, t.Summary + "：" + t.Text, t.Person})
		if t.Event != nil && w.Cause == nil {
			e := a.entry(*t.Event)
			w.Cause = &e
		}
	}
	return w, nil
}
