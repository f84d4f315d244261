package httpapi

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/rule"
)

type searchInput struct {
	Page
	Body struct {
		Rule  json.RawMessage `json:"rule,omitempty" doc:"条件树，与人群、旅程的条件同一写法，如 {\"leaf\":\"tag\",\"op\":\"any\",\"value\":[\"vip\"]}"`
		Query string          `json:"q,omitempty" maxLength:"100"`
		Tag   string          `json:"tag,omitempty"`
		Stage string          `json:"stage,omitempty"`
		Staff string          `json:"staff,omitempty"`
	}
}

func (in *searchInput) contacts() *contactsInput {
	return &contactsInput{Page: in.Page, Query: in.Body.Query, Tag: in.Body.Tag, Stage: in.Body.Stage, Staff: in.Body.Staff}
}

// searchContacts lists people like listContacts, by any condition there is.
func (a *API) searchContacts(ctx context.Context, in *searchInput) (*listOf[ContactLine], error) {
	return a.contactsBy(ctx, in.contacts(), in.Body.Rule, "rule")
}

// contactsBy lists the people who fit a query and a condition, either of which may be empty.
func (a *API) contactsBy(ctx context.Context, in *contactsInput, condition json.RawMessage, path string) (*listOf[ContactLine], error) {
	f, err := a.narrowed(in, condition, path)
	if err != nil {
		return nil, err
	}
	people, next, err := a.found(ctx, in, f)
	if err != nil {
		return nil, err
	}
	lines, err := a.lines(ctx, people)
	return &listOf[ContactLine]{List[ContactLine]{lines, next}}, err
}

// found is a page of the people a filter finds, in the order that is asked for.
func (a *API) found(ctx context.Context, in *contactsInput, f contact.Filter) (people []*contact.Person, next string, err error) {
	if _, whole := in.whole(); in.Sort != "" && !whole {
		return a.ranked(ctx, in, f)
	}
	people, err = a.search(ctx, in, f)
	if len(people) > in.Limit {
		people = people[:in.Limit]
		next = cursor(people[in.Limit-1].ID)
	}
	return people, next, err
}

// ranked is a page by a score, the most first.
func (a *API) ranked(ctx context.Context, in *contactsInput, f contact.Filter) ([]*contact.Person, string, error) {
	def, ok := a.models.Load().Scope.Scores[in.Sort]
	if !ok {
		return nil, "", wrong("query.sort", "没有评分模型 %q", in.Sort)
	}
	place, err := in.place(3)
	if err != nil {
		return nil, "", err
	}
	f.Limit = in.Limit
	people, next, err := a.rankedPeople(ctx, f, def.ID, contact.Rank{Value: place[0], ID: place[1], Rest: place[2] != 0})
	if err != nil || next == nil {
		return people, "", err
	}
	rest := int64(0)
	if next.Rest {
		rest = 1
	}
	return people, cursor(next.Value, next.ID, rest), nil
}

// narrowed is the filter of a query and a condition.
func (a *API) narrowed(in *contactsInput, condition json.RawMessage, path string) (contact.Filter, error) {
	f, err := a.filter(in)
	if err != nil || len(condition) == 0 {
		return f, err
	}
	t, err := a.tree(condition, path)
	if err != nil {
		return f, err
	}
	f.Where, f.Args = a.where(t)
	f.Scored = a.scored(in)
	return f, nil
}

// PeopleCount is how many people a list has.
type PeopleCount struct {
	Count int  `json:"count"`
	More  bool `json:"more,omitempty" doc:"还有更多，没有数下去"`
}

// countMost is how far people are counted: nobody reads on so far, and counting a million costs seconds.
const countMost = 10_000

// countContacts tells how many people listContacts would give with the same query.
func (a *API) countContacts(ctx context.Context, in *contactsInput) (*answer[PeopleCount], error) {
	condition, err := in.scoreRange()
	if err != nil {
		return nil, err
	}
	f, err := a.narrowed(in, condition, "query.score")
	if err != nil {
		return nil, err
	}
	// A whole number or address is somebody's or nobody's.
	if people, err := a.search(ctx, in, f); err != nil || len(people) <= in.Limit {
		return &answer[PeopleCount]{PeopleCount{Count: len(people)}}, err
	}
	n, err := a.countPeople(ctx, f, countMost+1)
	return &answer[PeopleCount]{PeopleCount{Count: min(n, countMost), More: n > countMost}}, err
}

// tree reads a condition. Fault: Invalid with everything wrong with it.
func (a *API) tree(condition json.RawMessage, path string) (*rule.Tree, error) {
	t, problems := rule.Decode(condition, "", a.models.Load().Scope)
	for i, p := range problems {
		if problems[i].Path = path; p.Path != "" {
			problems[i].Path += "." + p.Path
		}
	}
	return t, fault.Problems("条件有误，请改正标出的几项", problems)
}

// where is a condition as SQL on the row c of contacts.
func (a *API) where(t *rule.Tree) (string, []any) {
	relations := a.Relations
	relations.Scores = a.models.Load().Scores.Relation()
	return t.Where(&relations, a.now())
}

type previewInput struct {
	Body struct {
		Rule json.RawMessage `json:"rule" doc:"条件树"`
	}
}

// Preview says whom a condition finds.
type Preview struct {
	Text    string        `json:"text" doc:"条件的一句话说明"`
	Count   int           `json:"count"`
	More    bool          `json:"more,omitempty" doc:"超过 10 万人，没有数完"`
	Samples []ContactLine `json:"samples" doc:"其中最新的几位"`
}

const (
	previewMost    = 100_000
	previewSamples = 5
)

func (a *API) previewSegment(ctx context.Context, in *previewInput) (*answer[Preview], error) {
	t, err := a.tree(in.Body.Rule, "rule")
	if err != nil {
		return nil, err
	}
	f := contact.Filter{Limit: previewSamples}
	f.Where, f.Args = a.where(t)
	out := Preview{Text: t.String()}
	if out.Count, err = a.countPeople(ctx, f, previewMost+1); err != nil {
		return nil, err
	}
	if out.Count > previewMost {
		out.Count, out.More = previewMost, true
	}
	people, err := a.people(ctx, f)
	if err != nil {
		return nil, err
	}
	out.Samples, err = a.lines(ctx, people)
	return &answer[Preview]{out}, err
}

// scored is the least that people of a score range have stored. Points of earlier units are stored larger
// than those of today's, so nobody is missed.
func (a *API) scored(in *contactsInput) *contact.Scored {
	def, ok := a.models.Load().Scope.Scores[in.Score]
	if !ok || in.MinScore <= 0 {
		return nil
	}
	micro := in.MinScore * rule.Micro
	if def.AtLeast != nil {
		micro = def.AtLeast(micro, clock.Day(a.now(), a.Zone))
	}
	return &contact.Scored{Model: def.ID, AtLeast: micro}
}

// scoreRange is a condition for "this score from … to …".
func (in *contactsInput) scoreRange() (json.RawMessage, error) {
	if in.Score == "" {
		if in.MinScore != 0 || in.MaxScore != 0 {
			return nil, wrong("query.score", "按分数筛选要写明是哪个评分模型")
		}
		return nil, nil
	}
	leaf := func(op string, n int64) rule.Node {
		return rule.Node{Leaf: "score", Key: in.Score, Op: op, Value: json.RawMessage(fmt.Sprint(n))}
	}
	n := rule.Node{All: []rule.Node{leaf("ge", in.MinScore)}}
	if in.MaxScore > 0 {
		n.All = append(n.All, rule.Node{Not: &rule.Node{All: []rule.Node{leaf("ge", in.MaxScore+1)}}})
	}
	return json.Marshal(n)
}
