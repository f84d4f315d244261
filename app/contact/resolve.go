package contact

import (
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/event"
)

// strength orders identities by how surely they name one person; 0 is weak: it may be shared or typed by
// anybody, so it never joins two known people by itself.
func strength(id event.Identity) int {
	switch id.Kind {
	case event.KindExternal:
		return 5
	case event.KindUnionID:
		return 4
	case event.KindOpenID:
		return 3
	case event.KindPhone:
		if id.Verified {
			return 2
		}
	case event.KindUserID:
		return 1
	}
	return 0
}

// proven is the strength of an identity that both its owner and the event at hand can prove.
func (n *known) proven(id event.Identity) int { return min(strength(n.Identity), strength(id)) }

// find sets the event's contact and identity, making, attaching and merging as its identities tell.
func (s *Stage) find(b *event.Batch, e *event.Event) error {
	if id := subject(e); id != 0 && len(e.Identities) == 0 {
		if p := s.Person(id); p != nil {
			e.ContactID = p.ID
		} else {
			e.ContactID = 0 // nobody has this id: an event about no person
		}
		return nil
	}
	if len(e.Identities) == 0 {
		return nil
	}
	var main *Person
	best, claimed := -1, 0
	for _, id := range e.Identities {
		if n := s.byKey[Key(s.keys, id)]; n == nil {
			claimed = max(claimed, strength(id))
		} else if g := n.proven(id); g > best {
			best, main = g, s.Person(n.contact)
		}
	}
	if best == 0 && claimed > 0 && !main.anonymous() {
		// Somebody new shows a number or address of a known person, and one of the two has no proof of it:
		// typing another's phone number must not make one that person.
		main = nil
	}
	if e.ObjectType == "contact" { // a command about a known person brings further identities
		if p := s.Person(objectContact(e)); p != nil {
			main = p
		}
	}
	isNew := main == nil
	if isNew {
		main = s.newPerson(e)
	}
	var by *known // the strongest of the event's identities that is this person's
	for _, id := range e.Identities {
		k := Key(s.keys, id)
		n := s.byKey[k]
		if n == nil {
			n = s.attach(main, id, k, e)
		} else if other := s.Person(n.contact); other != nil && other != main {
			main = s.join(b, e, main, other, n.proven(id), id.Kind)
		} else if other == main && id.Verified && !n.Verified && best > 0 {
			s.verify(n, main) // by somebody who is this person for another reason
		}
		if s.resolve(n.contact) == main.ID && (by == nil || strength(n.Identity) > strength(by.Identity)) {
			by = n
		}
	}
	e.ContactID = main.ID
	if by != nil {
		e.IdentityID = by.id
	}
	if !isNew {
		return nil
	}
	props := event.Props{}
	if by != nil {
		props["by"] = by.Kind
	}
	return b.Emit(e, event.Event{Type: event.ContactCreated, Props: props})
}

// attach gives a person an identity nobody had.
func (s *Stage) attach(p *Person, id event.Identity, k [16]byte, e *event.Event) *known {
	n := &known{id: s.identIDs.Take(), k: k, contact: p.ID, Identity: id, made: true, at: e.OccurredAt}
	s.byKey[k] = n
	s.made = append(s.made, n)
	pi := PersonIdentity{ID: n.id, Kind: id.Kind, Scope: id.Scope, Verified: id.Verified}
	if !sealed(id.Kind) {
		pi.Value = id.Value
	}
	p.Identities = append(p.Identities, pi)
	p.Changes++
	if id.Kind == event.KindEmail {
		if _, domain, ok := strings.Cut(id.Value, "@"); ok {
			p.set("email_domain", textValue(domain, e.OccurredAt))
			s.judgeExclusion(p)
		}
	}
	told := e.Source == sourceCensus && e.Props["set"] != nil // the event brings the profile itself
	if (id.Kind == event.KindExternal || id.Kind == event.KindOpenID) && !told {
		s.wants = append(s.wants, []any{n.id, e.ReceivedAt, 0})
	}
	return n
}

// verify notes that a person has proven what they or somebody else only typed before.
func (s *Stage) verify(n *known, p *Person) {
	n.Verified = true
	if !n.made {
		s.verified = append(s.verified, n.id)
	}
	for i := range p.Identities {
		if p.Identities[i].ID == n.id {
			p.Identities[i].Verified = true
			p.Changes++
		}
	}
}

// join decides what it means that one event names two people; strength and kind are those of the identity
// that leads to the other one.
func (s *Stage) join(b *event.Batch, e *event.Event, main, other *Person, strength int, kind string) *Person {
	switch {
	case main.anonymous() || other.anonymous():
		// A browser without a name, and now it has one.
	case strength >= 2 && strongest(main) >= 2 && !clash(main, other):
		// Proven on both sides: one human being.
	default:
		low, high := min(main.ID, other.ID), max(main.ID, other.ID)
		s.proposals = append(s.proposals, []any{low, high, kind, int64(e.ID()), e.OccurredAt, 0})
		return main
	}
	// The older one is kept, but never an anonymous one over a known one.
	kept, old := main, other
	if known := main.anonymous() != other.anonymous(); known && main.anonymous() || !known && other.ID < main.ID {
		kept, old = other, main
	}
	s.merge(b, e, kept, old)
	return kept
}

// anonymous people have no identity that names a human being: only browser cookies.
func (p *Person) anonymous() bool {
	for _, id := range p.Identities {
		if id.Kind != event.KindVisitor {
			return false
		}
	}
	return true
}

func strongest(p *Person) int {
	best := 0
	for _, id := range p.Identities {
		best = max(best, strength(event.Identity{Kind: id.Kind, Verified: id.Verified}))
	}
	return best
}

// clash: both have a UnionID, and not the same. Two WeChat users behind one phone number are two people
// until somebody says otherwise.
func clash(a, b *Person) bool {
	x, y := a.Identity(event.KindUnionID, ""), b.Identity(event.KindUnionID, "")
	return x != nil && y != nil && x.Value != y.Value
}

// merge lets kept speak for both. The rows of old stay as they are, so that the merge can be undone; kept
// takes over what it lacks.
func (s *Stage) merge(b *event.Batch, e *event.Event, kept, old *Person) {
	s.alias[old.ID] = kept.ID
	s.aliases = append(s.aliases, []any{old.ID, kept.ID, kept.ID, int64(e.ID()), e.OccurredAt})
	if len(old.olds) > 0 {
		s.realias = append(s.realias, realias{from: old.ID, to: kept.ID, olds: slices.Clone(old.olds)})
		for i := range s.aliases { // merges of this batch are not in the table yet
			if s.aliases[i][1] == old.ID {
				s.aliases[i][1] = kept.ID
			}
		}
	}
	old.moved.row = true
	kept.olds = append(append(kept.olds, old.ID), old.olds...)
	slices.Sort(kept.olds)
	kept.Identities = append(kept.Identities, old.Identities...)
	slices.SortFunc(kept.Identities, byID)
	kept.moved.row = true
	kept.Changes++
	kept.LastActive = max(kept.LastActive, old.LastActive)
	kept.Excluded = kept.Excluded || old.Excluded
	kept.Consents.fold(old.Consents)
	for f, v := range old.Values {
		if _, ok := kept.Values[f]; !ok {
			kept.set(f, v)
		}
	}
	kept.inherit(old)
	// The child carries both; every owner folds old's facts into kept's.
	_ = b.Emit(e, event.Event{Type: event.ContactMerged, ContactID: kept.ID,
		Props: event.Props{"kept": kept.ID, "old": old.ID}})
}

func objectContact(e *event.Event) int64 {
	return subject(&event.Event{ObjectType: e.ObjectType, ObjectID: e.ObjectID})
}

// normalValue brings an identity value into the one form it is looked up by.
func normalValue(id event.Identity) string {
	v := strings.TrimSpace(id.Value)
	switch id.Kind {
	case event.KindEmail:
		return strings.ToLower(v)
	case event.KindPhone:
		return normalPhone(v)
	}
	return v
}

// normalPhone keeps the digits; mainland numbers lose their country code.
func normalPhone(v string) string {
	var b strings.Builder
	for _, r := range v {
		if r >= '0' && r <= '9' {
			b.WriteRune(r)
		}
	}
	d := b.String()
	switch {
	case len(d) == 13 && strings.HasPrefix(d, "86"):
		return d[2:]
	case len(d) == 15 && strings.HasPrefix(d, "0086"):
		return d[4:]
	}
	return d
}

func lastFour(phone string) string { return phone[max(0, len(phone)-4):] }
