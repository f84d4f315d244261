package httpapi

import (
	"context"
	"slices"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/journey"
	"github.com/koi-scrm/koi/app/org"
	"github.com/koi-scrm/koi/app/outbox"
)

// This file is the one place where people are read for a caller: all of it goes by the caller's data scope,
// and what lies outside is answered as if it did not exist. A test sees to it that no other file reads them.

// scope is whose customers the caller may see.
func (a *API) scope(ctx context.Context) contact.Scope {
	if p := by(ctx).Principal; p != nil {
		return a.scopeOf(p)
	}
	return contact.Scope{}
}

func (a *API) scopeOf(p *auth.Principal) contact.Scope {
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
	p, err := a.People.Get(ctx, int64(id))
	return a.visible(ctx, p, err)
}

// findBy is find for the person an identity belongs to.
func (a *API) findBy(ctx context.Context, id event.Identity) (*contact.Person, error) {
	p, err := a.People.Find(ctx, id)
	return a.visible(ctx, p, err)
}

// visible is a person who was read, if the caller may see them.
func (a *API) visible(ctx context.Context, p *contact.Person, err error) (*contact.Person, error) {
	if err != nil {
		return nil, err
	}
	if a.scope(ctx).Sees(p) {
		return p, nil
	}
	told, err := a.told(ctx, p.Contacts()...)
	if err == nil && !told {
		err = contact.Missing()
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// told reports whether Koi alerted the caller to somebody: whoever has customers at all may look at those,
// too. Lists do not hold them.
func (a *API) told(ctx context.Context, contacts ...int64) (bool, error) {
	p := by(ctx).Principal
	if p == nil || p.Staff == "" || p.Reach() == auth.Nobody {
		return false, nil
	}
	corp, user := auth.SplitStaff(p.Staff)
	return a.Outbox.Told(ctx, contacts, corp, user)
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
	s := a.scope(ctx)
	if s.All() || contactID == 0 {
		return s.All(), nil
	}
	in, err := a.People.Within(ctx, s, []int64{contactID})
	if err != nil || in[contactID] {
		return in[contactID], err
	}
	return a.told(ctx, contactID)
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

func (a *API) messages(ctx context.Context, f outbox.Filter) ([]outbox.Entry, int64, error) {
	s := a.scope(ctx)
	f.Within = &s
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

func (a *API) journeyRuns(ctx context.Context, f journey.RunFilter) ([]journey.Inside, int64, error) {
	s := a.scope(ctx)
	f.Within = &s
	return a.Journeys.Runs(ctx, f)
}
