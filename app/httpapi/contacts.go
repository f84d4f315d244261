package httpapi

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/stage"
	"github.com/koi-scrm/koi/app/tag"
)

// ContactLine is a person in a list.
type ContactLine struct {
	ID           ID           `json:"id"`
	Name         string       `json:"name" doc:"姓名，没有则为昵称"`
	Company      string       `json:"company,omitempty"`
	Title        string       `json:"title,omitempty"`
	CreatedAt    time.Time    `json:"created_at"`
	LastActiveAt *time.Time   `json:"last_active_at,omitempty"`
	Excluded     bool         `json:"excluded" doc:"本公司员工、竞品、测试：不评分、不提醒"`
	Stage        *Named       `json:"stage,omitempty"`
	Grade        string       `json:"grade,omitempty" doc:"契合度与意向的等级，如 A1"`
	Scores       []ScoreValue `json:"scores"`
	Tags         []Named      `json:"tags"`
	Staff        []StaffName  `json:"staff" doc:"现在的企微好友"`
}

// Named is a thing by key and Chinese name.
type Named struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}

// ScoreValue is what somebody has in one score model.
type ScoreValue struct {
	Key    string `json:"key"`
	Name   string `json:"name"`
	Points int64  `json:"points"`
}

// StaffName is a staff member.
type StaffName struct {
	CorpID string `json:"corp_id"`
	UserID string `json:"user_id"`
	Name   string `json:"name"`
}

type contactsInput struct {
	Page
	Query string `query:"q" maxLength:"100" doc:"姓名、昵称、公司的一部分；或完整的手机号、邮箱"`
	Tag   string `query:"tag" doc:"标签的 key"`
	Stage string `query:"stage" doc:"阶段的 key"`
	Staff string `query:"staff" doc:"企微好友员工的 userid"`
	// A range of one score.
	Score    string `query:"score" doc:"评分模型的 key，与 min_score、max_score 一起用"`
	MinScore int64  `query:"min_score" minimum:"0"`
	MaxScore int64  `query:"max_score" minimum:"0" doc:"0 为不限"`
	Sort     string `query:"sort" doc:"评分模型的 key：分高的在前；不填为新的在前"`
}

func (a *API) listContacts(ctx context.Context, in *contactsInput) (*listOf[ContactLine], error) {
	condition, err := in.scoreRange()
	if err != nil {
		return nil, err
	}
	return a.contactsBy(ctx, in, condition, "query.score")
}

// filter is a query as the directory takes it.
func (a *API) filter(in *contactsInput) (contact.Filter, error) {
	f := contact.Filter{Name: in.Query, Stage: in.Stage, Staff: in.Staff, Limit: in.Limit + 1}
	if in.Sort == "" {
		place, err := in.place(1)
		if err != nil {
			return f, err
		}
		f.Before = place[0]
	}
	if in.Tag != "" {
		d, ok := a.Tags.Model().Tag(in.Tag)
		if !ok {
			return f, wrong("query.tag", "没有标签 %q", in.Tag)
		}
		f.Tag = d.ID
	}
	if in.Stage != "" {
		if _, ok := a.Stages.Model().Get(in.Stage); !ok {
			return f, wrong("query.stage", "没有阶段 %q", in.Stage)
		}
	}
	return f, nil
}

// whole is the full phone number or e-mail address that is searched for, if it is one.
func (in *contactsInput) whole() (id event.Identity, ok bool) {
	id.Value = strings.TrimSpace(in.Query)
	switch digits := strings.Trim(id.Value, "+0123456789 -()"); {
	case strings.Contains(id.Value, "@"):
		id.Kind = event.KindEmail
	case len(id.Value) >= 7 && digits == "":
		id.Kind = event.KindPhone
	}
	return id, id.Kind != ""
}

// search is a list, or the one person a full phone number or e-mail address belongs to: those are stored
// sealed, so there are no parts of them to search in.
func (a *API) search(ctx context.Context, in *contactsInput, f contact.Filter) ([]*contact.Person, error) {
	id, whole := in.whole()
	if !whole || in.Cursor != "" || in.Tag != "" || in.Stage != "" || in.Staff != "" || f.Where != "" {
		return a.people(ctx, f)
	}
	p, err := a.findBy(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return a.people(ctx, f)
	}
	if err != nil {
		return nil, err
	}
	return []*contact.Person{p}, nil
}

// facts fills in what tags, scores and stages say of people: a query each for all of them.
func (a *API) facts(ctx context.Context, people ...*contact.Person) ([]*rule.Person, error) {
	out := make([]*rule.Person, len(people))
	for i, p := range people {
		out[i] = rule.NewPerson(p)
	}
	if len(out) == 0 {
		return out, nil
	}
	if err := tag.Fill(ctx, a.Stores.Koi, out...); err != nil {
		return nil, err
	}
	if err := a.Scores.Model().Fill(ctx, a.Stores.Koi, a.now(), out...); err != nil {
		return nil, err
	}
	return out, stage.Fill(ctx, a.Stores.Koi, out...)
}

func (a *API) lines(ctx context.Context, people []*contact.Person) ([]ContactLine, error) {
	facts, err := a.facts(ctx, people...)
	if err != nil {
		return nil, err
	}
	tags := map[int64]tag.Definition{}
	for _, d := range a.Tags.Model().Tags() {
		tags[d.ID] = d
	}
	out := make([]ContactLine, len(facts))
	for i, p := range facts {
		out[i] = a.line(p, tags)
	}
	return out, nil
}

func (a *API) line(p *rule.Person, tags map[int64]tag.Definition) ContactLine {
	l := ContactLine{ID: ID(p.ID), Name: nameOf(p.Person), Company: p.Values["company"].Text, Title: p.Values["title"].Text,
		CreatedAt: a.at(p.CreatedAt), LastActiveAt: a.since(p.LastActive), Excluded: p.Excluded, Grade: grade(p),
		Scores: a.scoreValues(p), Tags: []Named{}, Staff: a.friends(p.Person)}
	if p.Stage != "" {
		l.Stage = &Named{p.Stage, p.Stage}
		if d, ok := a.Stages.Model().Get(p.Stage); ok {
			l.Stage.Name = d.Name
		}
	}
	now := a.now()
	for id, t := range p.Tags {
		if d, ok := tags[id]; ok && (t.Until == 0 || t.Until > now) {
			l.Tags = append(l.Tags, Named{d.Key, d.Name})
		}
	}
	slices.SortFunc(l.Tags, func(x, y Named) int { return cmp.Compare(x.Name, y.Name) })
	return l
}

// nameOf is what a person is called, "" for one nobody knows by name.
func nameOf(p *contact.Person) string {
	return cmp.Or(p.Values["name"].Text, p.Values["nickname"].Text)
}

func grade(p *rule.Person) string {
	if p.Fit == "" || p.Intent == 0 {
		return ""
	}
	return p.Fit + string(rune('0'+p.Intent))
}

func (a *API) scoreValues(p *rule.Person) []ScoreValue {
	m := a.Scores.Model()
	out := []ScoreValue{}
	for _, s := range m.Scores() {
		out = append(out, ScoreValue{s.Key, s.Name, m.Points(p, s, a.now())})
	}
	return out
}

func (a *API) friends(p *contact.Person) []StaffName {
	out := []StaffName{}
	for _, l := range p.Staff {
		if l.Friend() {
			out = append(out, a.staffName(l.CorpID, l.UserID))
		}
	}
	return out
}

// staffName is a member by name, or by userid where the directory does not know them.
func (a *API) staffName(corp, user string) StaffName {
	n := StaffName{CorpID: corp, UserID: user, Name: user}
	if s, err := a.Staff.Get(corp, user); err == nil && s.Name != "" {
		n.Name = s.Name
	}
	return n
}
