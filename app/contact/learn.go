package contact

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/event"
)

// learn takes over what an event says of its person.
func (s *Stage) learn(b *event.Batch, e *event.Event, p *Person) error {
	switch e.Type {
	case event.WeComCustomerAdded, event.WeComCustomerHalfAdded:
		corp, _, _ := strings.Cut(e.Account, "/")
		p.link(StaffLink{CorpID: corp, UserID: e.Staff, AddedAt: e.OccurredAt, State: clip(e.Props.Str("state"), maxState)})
		s.first(p, "first_channel", e.Props.Str("state"), e)
	case event.WeComCustomerDeleted:
		s.unlink(p, e, "staff")
	case event.WeComDeletedByCustomer:
		s.unlink(p, e, "customer")
	case event.OAFollowed:
		p.follow(Follow{AppID: e.Account, FollowedAt: e.OccurredAt})
		s.first(p, "first_channel", e.Props.Str("scene"), e)
	case event.OAUnfollowed:
		p.unfollow(e.Account, e.OccurredAt)
	case event.ConsentGranted, event.ConsentWithdrawn, event.ConsentUnsubscribed, event.CommandConsent:
		return s.consent(b, e, p)
	case event.CommandContactChange:
		return s.change(b, e, p)
	case event.PageViewed, event.FormSubmitted, event.LinkClicked:
		s.sources(p, e)
	}
	return nil
}

// first sets a text field that nothing overwrites later.
func (s *Stage) first(p *Person, field, text string, e *event.Event) {
	if _, ok := p.Values[field]; ok {
		return
	}
	if v := textValue(text, e.OccurredAt); v.Text != "" {
		p.set(field, v)
	}
}

// sources keeps the first and last touch of a web visit.
func (s *Stage) sources(p *Person, e *event.Event) {
	last := func(field, text string) {
		if v := textValue(text, e.OccurredAt); v.Text != "" && p.Values[field].Text != v.Text {
			p.set(field, v)
		}
	}
	for _, f := range []string{"utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "search_word"} {
		last(f, e.Props.Str(f))
	}
	if src := e.Props.Str("utm_source"); src != "" {
		s.first(p, "first_source", src, e)
		last("last_source", src)
	}
}

// change sets and clears fields by command: props "set" is {key: value or null}. What the API let through
// is parsed again here, since definitions may have changed in between; a value that does not fit is left
// out and told, the others are taken.
func (s *Stage) change(b *event.Batch, e *event.Event, p *Person) error {
	set, _ := e.Props["set"].(map[string]any)
	changes := map[string]any{}
	if seen, _ := e.Props["seen"].(map[string]any); s.m.Moved(p, seen) != "" {
		return nil // somebody was faster, and whoever asked is told
	}
	for _, key := range slices.Sorted(maps.Keys(set)) {
		raw := set[key]
		if key == "excluded" {
			if on, ok := raw.(bool); ok && on != p.Excluded {
				changes[key] = []any{p.Excluded, on}
				p.Excluded, p.moved.row = on, true
				p.Changes++
			}
			continue
		}
		f, ok := s.m.Field(key)
		if !ok {
			logDropped(e, key, fmt.Errorf("no such field"))
			continue
		}
		old, had := p.Values[key]
		if raw == nil {
			if had {
				changes[key] = []any{f.Show(old), nil}
				p.clear(key)
			}
			continue
		}
		v, err := f.Parse(raw)
		if err != nil {
			logDropped(e, key, err)
			continue
		}
		v.At = e.OccurredAt
		if f.empty(v) || had && v.Num == old.Num && v.Text == old.Text {
			continue
		}
		var before any
		if had {
			before = f.Show(old)
		}
		changes[key] = []any{before, f.Show(v)}
		p.set(key, v)
	}
	switch e.Source {
	case sourceProfile:
		s.got = append(s.got, e.Props.Int("identity"))
		p.relate(e)
	case sourceCensus:
		p.relate(e)
	}
	if len(changes) == 0 {
		return nil
	}
	s.judgeExclusion(p)
	return b.Emit(e, event.Event{Type: event.ContactAttributeChanged, Props: event.Props{"changes": changes, "by": e.Props.Str("by")}})
}

// relate takes over how a person stands to staff and accounts, as a platform tells it. That somebody is gone
// ends only what began before the platform was asked: a newer friendship or follow stays.
func (p *Person) relate(e *event.Event) {
	list, _ := e.Props["staff"].([]any)
	for _, v := range list {
		m, _ := v.(map[string]any)
		l := event.Props(m)
		switch gone := l.Int("gone_at"); {
		case l.Str("user") == "":
		case gone > 0:
			p.part(l.Str("corp"), l.Str("user"), gone)
		default:
			p.link(StaffLink{CorpID: l.Str("corp"), UserID: l.Str("user"), AddedAt: l.Int("added_at"), State: clip(l.Str("state"), maxState)})
		}
	}
	m, _ := e.Props["follow"].(map[string]any)
	f := event.Props(m)
	app, gone := f.Str("app"), f.Int("gone_at")
	switch {
	case app == "":
	case gone == 0:
		p.follow(Follow{AppID: app, FollowedAt: f.Int("since")})
	case p.Follow(app).Active():
		p.unfollow(app, gone)
	}
}

// part ends a friendship of which only that it is over is known.
func (p *Person) part(corp, user string, at int64) {
	i := slices.IndexFunc(p.Staff, func(l StaffLink) bool { return l.CorpID == corp && l.UserID == user })
	if i < 0 || !p.Staff[i].Friend() || at < p.Staff[i].AddedAt {
		return
	}
	p.Staff[i].RemovedAt = at
	p.Changes++
	mark(&p.moved.staff, [2]string{corp, user})
}

// judgeExclusion marks people of excluded companies and e-mail domains; the mark is not taken back by itself.
func (s *Stage) judgeExclusion(p *Person) {
	if p.Excluded || s.m == nil {
		return
	}
	if s.m.excludeDomains[p.Values["email_domain"].Norm] || s.m.excludeNames[p.Values["company"].Norm] {
		p.Excluded, p.moved.row = true, true
		p.Changes++
	}
}

// link adds or renews a friendship. The first time they met stays unless they had parted; events may come
// out of order, so an older one never undoes a newer one.
func (p *Person) link(l StaffLink) {
	o, had := p.with(l.CorpID, l.UserID)
	switch {
	case !had || !o.Friend() && l.AddedAt > o.RemovedAt:
		*o = l
	case o.Friend():
		o.AddedAt = min(o.AddedAt, l.AddedAt)
		if o.State == "" {
			o.State = l.State
		}
	case o.AddedAt == o.RemovedAt: // only the parting was known
		o.AddedAt, o.State = l.AddedAt, l.State
	}
}

func (s *Stage) unlink(p *Person, e *event.Event, by string) {
	if e.Staff == "" {
		return
	}
	corp, _, _ := strings.Cut(e.Account, "/")
	o, had := p.with(corp, e.Staff)
	if !had {
		// They were friends until now at least. When they met is told by an event still under way, or was
		// before Koi.
		o.AddedAt = e.OccurredAt
	}
	if e.OccurredAt >= o.AddedAt {
		o.RemovedAt, o.RemovedBy = e.OccurredAt, by
	}
}

// inherit takes over the relations of somebody who turned out to be the same person. The livelier wins.
func (p *Person) inherit(old *Person) {
	for _, l := range old.Staff {
		switch o, had := p.with(l.CorpID, l.UserID); {
		case !had, l.Friend() && !o.Friend(), !l.Friend() && !o.Friend() && l.RemovedAt > o.RemovedAt:
			*o = l
		case l.Friend():
			p.link(l)
		}
	}
	for _, f := range old.Follows {
		switch o, had := p.toward(f.AppID); {
		case !had, f.Active() && !o.Active(), !f.Active() && !o.Active() && f.UnfollowedAt > o.UnfollowedAt:
			*o = f
		case f.Active():
			o.FollowedAt = max(o.FollowedAt, f.FollowedAt)
		}
	}
}

// with returns the person's friendship with a member of staff, to be changed, and whether there was one.
func (p *Person) with(corp, user string) (o *StaffLink, had bool) {
	l := StaffLink{CorpID: corp, UserID: user}
	i, had := slices.BinarySearchFunc(p.Staff, l, byStaff)
	if !had {
		p.Staff = slices.Insert(p.Staff, i, l)
	}
	p.Changes++
	mark(&p.moved.staff, [2]string{corp, user})
	return &p.Staff[i], had
}

// follow begins a relation to an account; an older event never undoes a newer one.
func (p *Person) follow(f Follow) {
	switch o, had := p.toward(f.AppID); {
	case !had || !o.Active() && f.FollowedAt >= o.UnfollowedAt:
		*o = f
	case o.Active():
		o.FollowedAt = max(o.FollowedAt, f.FollowedAt)
	}
}

func (p *Person) unfollow(app string, at int64) {
	if o, _ := p.toward(app); at >= o.FollowedAt {
		o.UnfollowedAt = max(o.UnfollowedAt, at)
	}
}

// toward returns the person's relation to an account, to be changed, and whether there was one.
func (p *Person) toward(app string) (o *Follow, had bool) {
	f := Follow{AppID: app}
	i, had := slices.BinarySearchFunc(p.Follows, f, byApp)
	if !had {
		p.Follows = slices.Insert(p.Follows, i, f)
	}
	p.Changes++
	mark(&p.moved.follow, app)
	return &p.Follows[i], had
}

func byStaff(a, b StaffLink) int {
	return cmp.Or(strings.Compare(a.CorpID, b.CorpID), strings.Compare(a.UserID, b.UserID))
}
func byApp(a, b Follow) int        { return strings.Compare(a.AppID, b.AppID) }
func byID(a, b PersonIdentity) int { return cmp.Compare(a.ID, b.ID) }

func (p *Person) set(field string, v Value) {
	p.Values[field] = v
	p.Changes++
	mark(&p.moved.values, field)
}

func (p *Person) clear(field string) {
	delete(p.Values, field)
	p.Changes++
	mark(&p.moved.values, field)
}

func mark[K comparable](m *map[K]bool, k K) {
	if *m == nil {
		*m = map[K]bool{}
	}
	(*m)[k] = true
}
