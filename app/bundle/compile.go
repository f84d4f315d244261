package bundle

import (
	"slices"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/content"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/journey"
	"github.com/koi-scrm/koi/app/message"
	"github.com/koi-scrm/koi/app/org"
	"github.com/koi-scrm/koi/app/policy"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/scoring"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/app/smstemplate"
	"github.com/koi-scrm/koi/app/stage"
	"github.com/koi-scrm/koi/app/tag"
	"github.com/koi-scrm/koi/app/webhook"
)

// World is what definitions may refer to besides each other.
type World struct {
	Zone *time.Location
	// Today is the business day: score models are compiled for the units of one.
	Today func() int32
	// StaffName gives a member's name for explanations; "" when unknown.
	StaffName func(corpID, userID string) string
	// Webhooks says where webhooks may lead; nil: to the internet only.
	Webhooks *webhook.Guard
	// SMSTemplates says which SMS templates Aliyun approved; nil: nobody looks.
	SMSTemplates *smstemplate.Directory
}

// Models are all definitions of one moment, compiled together. They are immutable.
type Models struct {
	Fields   *contact.Model
	Tags     *tag.Model
	Scores   *scoring.Model
	Stages   *stage.Model
	Policy   *policy.Policy
	Messages *message.Model
	Webhooks *webhook.Model
	Pages    *content.Model
	Journeys *journey.Model
	Staff    []org.Staff
	Scope    *rule.Scope
}

// Compile reads definitions of all kinds. Names are declared first, so that a condition may ask for what
// is defined further down. Every problem is reported; each part leaves out what has problems of its own.
func Compile(items []setting.Item, w World) (*Models, []fault.Problem) {
	m := &Models{}
	var problems []fault.Problem
	take := func(p []fault.Problem) { problems = append(problems, p...) }
	var p []fault.Problem

	m.Fields, p = contact.Compile(items)
	take(p)
	m.Scope = &rule.Scope{Zone: w.Zone, StaffName: w.StaffName, Events: event.Labels(), Fields: map[string]contact.Field{}}
	for _, f := range m.Fields.Fields() {
		m.Scope.Fields[f.Key] = f
	}
	today := w.Today()
	tag.Declare(items, m.Scope)
	scoring.Declare(items, today, m.Scope)
	stage.Declare(items, m.Scope)
	m.Tags, p = tag.Compile(items, m.Scope)
	take(p)
	m.Scores, p = scoring.Compile(items, today, m.Scope)
	take(p)
	m.Stages, p = stage.Compile(items, m.Scope)
	take(p)
	m.Policy, p = policy.Compile(items, w.Zone)
	take(p)
	m.Messages, p = message.Compile(items, message.Known{Fields: m.Scope.Fields})
	take(p)
	m.Webhooks, p = webhook.Compile(items, w.Webhooks)
	take(p)
	m.Pages, p = content.Compile(items, m.Scope.Fields)
	take(p)
	hooks := map[string]string{}
	for _, h := range m.Webhooks.Hooks() {
		hooks[h.Key] = h.Name
	}
	m.Journeys, p = journey.Compile(items, journey.Known{Scope: m.Scope, Messages: m.Messages, Webhooks: hooks})
	take(p)
	m.Staff, p = org.Compile(items)
	take(p)
	return m, roots(problems)
}

// roots leaves out problems that follow from others among them.
func roots(problems []fault.Problem) []fault.Problem {
	return slices.DeleteFunc(slices.Clone(problems), func(p fault.Problem) bool {
		return p.Cause != "" && slices.ContainsFunc(problems, func(o fault.Problem) bool {
			return strings.HasPrefix(o.Path, p.Cause+"/")
		})
	})
}

// Hears reports whether an event of the type can change anything about its person but the timeline.
func (m *Models) Hears(typ string) bool {
	return m.Tags.Hears(typ) || m.Scores.Hears(typ) || m.Stages.Hears(typ) || m.Journeys.Hears(typ) ||
		slices.ContainsFunc(m.Counted(), func(s *rule.Spec) bool { return s.Type == typ })
}

// Counted lists what must be counted of people's behaviour for the rules among the models.
func (m *Models) Counted() []*rule.Spec {
	out := slices.Concat(m.Tags.Counted(), m.Scores.Counted(), m.Stages.Counted())
	for _, t := range m.Journeys.Trees() {
		out = append(out, t.Counted()...)
	}
	return out
}
