package httpapi

import (
	"context"
	"slices"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/journey"
	"github.com/koi-scrm/koi/app/org"
	"github.com/koi-scrm/koi/app/outbox"
)

// This file is the one place where people are read for a caller: all of it goes by the caller's data scope,
// and what lies outside is answered as if it did not exist. A test sees to it that no other file reads them.
//
// Whom Koi alerted to a customer may open that one wherever the scope ends, and do what their role may do
// with customers of their own: who is to call somebody has to see the number, and notes what came of it. So
// a customer asked for by id is found, with messages, runs and events, for as long as Koi keeps events
// (retention.events). Lists stay with the scope, but for the leads of the staff portal, which go back a month.

// scope is whose customers the caller may see.
func (a *API) scope(ctx context.Context) contact.Scope { return a.scopeOf(by(ctx).Principal) }

func (a *API) scopeOf(p *auth.Principal) contact.Scope {
	if p == nil {
		return contact.Scope{}
	}
	switch p.Reach() {
	case auth.Everybody:
		return contact.Everybody()
	case auth.Own:
		if p.Staff != "" {
			return contact.CustomersOf(p.Staff)
		}
	case auth.Team:
		if p.Staff != "" {
			return contact.CustomersOf(a.team(p.Staff)...)
		}
	case auth.Nobody:
	}
	return contact.Scope{}
}

// team is a member, whoever has the member as direct leader, and everybody in the departments the member
// leads and in those below them.
func (a *API) team(leader string) []string {
	corp, user := auth.SplitStaff(leader)
	out := []string{leader}
	add := func(s org.Staff) { out = append(out, s.CorpID+"/"+s.UserID) }
	for _, s := range a.Staff.List(corp) {
		if slices.Contains(s.Leaders, user) {
			add(s)
		}
	}
	if me, err := a.Staff.Get(corp, user); err == nil {
		for _, d := range me.LeaderIn {
			for _, s := range a.Staff.In(corp, d) {
				add(s)
			}
		}
	}
	return out
}

// find returns a person the caller may see. Fault: NotFound, also for one outside the scope.
func (a *API) find(ctx context.Context, id ID) (*contact.Person, error) {
	return a.findFor(ctx, by(ctx).Principal, int64(id))
}

// findFor is find for somebody other than the caller of the moment.
func (a *API) findFor(ctx context.Context, who *auth.Principal, id int64) (*contact.Person, error) {
	p, err := a.People.Get(ctx, id)
	return a.visible(ctx, who, p, err)
}

// findBy is find for the person an identity belongs to.
func (a *API) findBy(ctx context.Context, id event.Identity) (*contact.Person, error) {
	p, err := a.People.Find(ctx, id)
	return a.visible(ctx, by(ctx).Principal, p, err)
}

// visible is a person who was read, if they are in the scope or somebody was alerted to them.
func (a *API) visible(ctx context.Context, who *auth.Principal, p *contact.Person, err error) (*contact.Person, error) {
	if err != nil {
		return nil, err
	}
	if a.scopeOf(who).Sees(p) {
		return p, nil
	}
	corp, users := a.alerted(who)
	told, err := a.Outbox.Told(ctx, p.Contacts(), corp, users...)
	if err == nil && !told {
		err = contact.Missing()
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// alerted are the members of staff whose alerts open customers: the own ones, and for a leader those of the
// team. A role that sees no customers sees these neither.
func (a *API) alerted(who *auth.Principal) (corp string, users []string) {
	if who == nil || who.Staff == "" {
		return "", nil
	}
	switch who.Reach() {
	case auth.Nobody:
		return "", nil
	case auth.Team:
		return membersOf(a.team(who.Staff))
	case auth.Own, auth.Everybody:
	}
	return membersOf([]string{who.Staff})
}

// membersOf splits staff of one corp.
func membersOf(staff []string) (corp string, users []string) {
	for _, s := range staff {
		var user string
		corp, user = auth.SplitStaff(s)
		users = append(users, user)
	}
	slices.Sort(users)
	return corp, slices.Compact(users)
}

// byID are the people among ids the caller may see, those they were alerted to included, in the order of
// the ids.
func (a *API) byID(ctx context.Context, ids []int64) ([]*contact.Person, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := a.People.List(ctx, contact.Filter{Where: "c.id IN (" + db.Marks(len(ids)) + ")", Args: db.Args(ids), Limit: len(ids)})
	if err != nil {
		return nil, err
	}
	s := a.scope(ctx)
	var ask []int64
	for _, p := range list {
		if !s.Sees(p) {
			ask = append(ask, p.Contacts()...)
		}
	}
	corp, users := a.alerted(by(ctx).Principal)
	told, err := a.Outbox.LastAlerts(ctx, ask, corp, users...)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(p *contact.Person) bool {
		return !s.Sees(p) && !slices.ContainsFunc(p.Contacts(), func(id int64) bool { return told[id] > 0 })
	})
	slices.SortFunc(list, func(x, y *contact.Person) int { return slices.Index(ids, x.ID) - slices.Index(ids, y.ID) })
	return list, nil
}

// people lists people the caller may see.
func (a *API) people(ctx context.Context, f contact.Filter) ([]*contact.Person, error) {
	s := a.scope(ctx)
	f.Within = &s
	return a.People.List(ctx, f)
}

func (a *API) rankedPeople(ctx context.Context, f contact.Filter, model int64, after contact.Rank) ([]*contact.Person, *contact.Rank, error) {
	s := a.scope(ctx)
	f.Within = &s
	return a.People.Ranked(ctx, f, model, after)
}

func (a *API) countPeople(ctx context.Context, f contact.Filter, most int) (int, error) {
	s := a.scope(ctx)
	f.Within = &s
	return a.People.Count(ctx, f, most)
}

// customersOf counts the customers a member of staff has or had, one at most: enough to tell sales from others.
func (a *API) customersOf(ctx context.Context, staff string) (int, error) {
	s := contact.CustomersOf(staff)
	return a.People.Count(ctx, contact.Filter{Within: &s}, 1)
}

// everybody counts the whole pond; only for routes of roles that see all of it.
func (a *API) everybody(ctx context.Context) (int, error) {
	return a.People.Count(ctx, contact.Filter{}, maxPond)
}

// namesOf tells what people are called of whom the caller was found to see something.
func (a *API) namesOf(ctx context.Context, ids []int64) (map[int64]string, error) {
	return a.People.Names(ctx, ids)
}

// sees reports whether the caller may see what is about a contact's id, which may have been merged since;
// what is about nobody is for those who see everybody.
func (a *API) sees(ctx context.Context, contactID int64) (bool, error) {
	if s := a.scope(ctx); s.All() || contactID == 0 {
		return s.All(), nil
	}
	_, err := a.find(ctx, ID(contactID))
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// findMessage returns a message to or about a person the caller may see. Fault: NotFound.
func (a *API) findMessage(ctx context.Context, id int64) (*outbox.Detail, error) {
	m, err := a.Outbox.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	ok, err := a.sees(ctx, m.ContactID)
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "没有这条消息，或已超过保留期")
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// body is what a message that findMessage gave says, in clear.
func (a *API) body(ctx context.Context, m outbox.Entry) ([]byte, error) {
	return a.Outbox.Body(ctx, m.ID)
}

// messages lists those to or about people in the scope, or those of one person, whom find gave; nil: of all.
func (a *API) messages(ctx context.Context, one *contact.Person, f outbox.Filter) ([]outbox.Entry, int64, error) {
	if one != nil {
		f.Contacts = one.Contacts()
	} else {
		s := a.scope(ctx)
		f.Within = &s
	}
	return a.Outbox.List(ctx, f)
}

// findRun returns a run of a person the caller may see. Fault: NotFound.
func (a *API) findRun(ctx context.Context, id int64) (journey.Inside, error) {
	r, err := a.Journeys.Run(ctx, id)
	if err != nil {
		return r, err
	}
	ok, err := a.sees(ctx, r.ContactID)
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "没有这次旅程记录")
	}
	return r, err
}

// journeyRuns lists those of people in the scope, or those of one person, whom find gave; nil: of all.
func (a *API) journeyRuns(ctx context.Context, one *contact.Person, f journey.RunFilter) ([]journey.Inside, int64, error) {
	if one != nil {
		f.Contact = one.ID
	} else {
		s := a.scope(ctx)
		f.Within = &s
	}
	return a.Journeys.Runs(ctx, f)
}
