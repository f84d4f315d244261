package stage

import (
	"context"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/rule"
)

// Directory reads where people stand and how they came there.
type Directory struct {
	db       *db.DB
	stage    *Stage
	timeline *event.Timeline
}

// NewDirectory makes a reader of what the stage writes, with the model the stage uses.
func NewDirectory(d *db.DB, s *Stage, timeline *event.Timeline) *Directory {
	return &Directory{db: d, stage: s, timeline: timeline}
}

// Model is the model in use.
func (d *Directory) Model() *Model { return d.stage.model.Load() }

// Standing is where a person stands, with names, and the way there.
type Standing struct {
	Place
	Name     string // of the stage, "" before the first
	SideName string
	Steps    []Step // newest first
}

// Step is one move: into a stage, or into or out of a side state.
type Step struct {
	Event   event.ID
	At      int64
	From    string // Chinese name; "" for none
	To      string
	Side    bool
	By      By
	Who     string
	Reason  string
	Because []string // the conditions that led there, in Chinese
}

// stepsShown bounds the way that Why returns.
const stepsShown = 100

// Why returns where a person stands and how they came there. contacts are the ids the person's history
// stands under, their own first (see contact.Person.Contacts).
func (d *Directory) Why(ctx context.Context, contacts []int64) (Standing, error) {
	m := d.Model()
	var out Standing
	err := read(ctx, d.db, contacts[:1], func(_ int64, x *Place) { out.Place = *x })
	if err != nil {
		return out, err
	}
	out.Name, out.SideName = m.name(out.Stage), m.name(out.Side)
	list, err := d.timeline.List(ctx, contacts, []string{event.StageEntered}, event.Place{}, stepsShown)
	if err != nil {
		return out, err
	}
	for i := range list {
		e := &list[i]
		s := Step{Event: e.ID, At: e.At, From: m.name(e.Props.Str("from")), To: m.name(e.Props.Str("stage")),
			By: By(e.Props.Str("by")), Who: e.Props.Str("who"), Reason: e.Props.Str("reason")}
		if _, s.Side = e.Props["side"]; s.Side {
			s.From, s.To = m.name(e.Props.Str("side_from")), m.name(e.Props.Str("side"))
		}
		because, _ := e.Props["because"].([]any)
		for _, b := range because {
			text, _ := b.(string)
			s.Because = append(s.Because, text)
		}
		out.Steps = append(out.Steps, s)
	}
	return out, nil
}

// Ahead explains, for every stage a person has not reached, whether its condition holds now and why: the
// answer to 为什么还不是 MQL. Stages that are set by hand only are left out.
func (d *Directory) Ahead(p *rule.Person, reached string, now int64) []Next {
	m := d.Model()
	var out []Next
	for _, x := range m.stages[m.after(reached):] {
		if x.enter != nil {
			out = append(out, Next{Stage: x.Key, Name: x.Name, Trace: x.enter.Explain(p, now)})
		}
	}
	return out
}

// Next is a stage ahead of a person and what it asks.
type Next struct {
	Stage string
	Name  string
	Trace rule.Trace
}

// Fill puts the stages of people into their facts, outside the pipeline: for explanations and test runs.
func Fill(ctx context.Context, q db.Querier, people ...*rule.Person) error {
	byID := map[int64]*rule.Person{}
	ids := make([]int64, len(people))
	for i, p := range people {
		byID[p.ID], ids[i] = p, p.ID
	}
	return read(ctx, q, ids, func(id int64, x *Place) { byID[id].Stage, byID[id].StageAt = x.Stage, x.At })
}
