package contact

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
)

// readAliases lists the people behind ids by the id in use, and says where each other id of theirs is read now.
func readAliases(ctx context.Context, q db.Querier, ids []int64) (alias map[int64]int64, kept []int64, err error) {
	alias = map[int64]int64{}
	add := func(r *sql.Rows) error {
		var old, now int64
		err := r.Scan(&old, &now)
		alias[old] = now
		return err
	}
	if err := db.EachIn(ctx, q, "SELECT old_id, kept_id FROM contact_alias WHERE old_id IN (%s)", ids, nil, add); err != nil {
		return nil, nil, fmt.Errorf("load aliases: %w", err)
	}
	want := map[int64]bool{}
	for _, id := range ids {
		if now, merged := alias[id]; merged {
			id = now
		}
		want[id] = true
	}
	kept = sortedIDs(want)
	if err := db.EachIn(ctx, q, "SELECT old_id, kept_id FROM contact_alias WHERE kept_id IN (%s)", kept, nil, add); err != nil {
		return nil, nil, fmt.Errorf("load aliases: %w", err)
	}
	return alias, kept, nil
}

// loadPeople reads people by contact id in a handful of queries. An id that was merged brings the kept
// person; alias says where each old id among them is read now.
func loadPeople(ctx context.Context, q db.Querier, ids map[int64]bool) (map[int64]*Person, map[int64]int64, error) {
	people := map[int64]*Person{}
	if len(ids) == 0 {
		return people, map[int64]int64{}, nil
	}
	alias, list, err := readAliases(ctx, q, sortedIDs(ids))
	if err != nil {
		return nil, nil, err
	}
	err = db.EachIn(ctx, q, "SELECT id, created_at, last_active_at, excluded, consents FROM contacts WHERE id IN (%s)", list, nil, func(r *sql.Rows) error {
		p := &Person{Values: map[string]Value{}}
		var consents string
		if err := r.Scan(&p.ID, &p.CreatedAt, &p.LastActive, &p.Excluded, &consents); err != nil {
			return err
		}
		p.Consents = parseConsents(consents)
		people[p.ID] = p
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("load contacts: %w", err)
	}
	owners := list
	for old, kept := range alias {
		if p := people[kept]; p != nil {
			p.olds = append(p.olds, old)
			owners = append(owners, old)
		}
	}
	of := func(id int64) *Person {
		if kept, ok := alias[id]; ok {
			id = kept
		}
		return people[id]
	}
	err = db.EachIn(ctx, q, "SELECT contact_id, id, kind, scope, value, verified FROM identities WHERE contact_id IN (%s)", owners, nil, func(r *sql.Rows) error {
		var owner int64
		var n PersonIdentity
		var value []byte
		if err := r.Scan(&owner, &n.ID, &n.Kind, &n.Scope, &value, &n.Verified); err != nil {
			return err
		}
		if sealed(n.Kind) {
			n.box = value
		} else {
			n.Value = string(value)
		}
		if p := of(owner); p != nil {
			p.Identities = append(p.Identities, n)
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("load identities: %w", err)
	}
	err = db.EachIn(ctx, q, "SELECT contact_id, field, num, text, norm, at FROM contact_values WHERE contact_id IN (%s)", list, nil, func(r *sql.Rows) error {
		var id int64
		var f string
		var v Value
		if err := r.Scan(&id, &f, &v.Num, &v.Text, &v.Norm, &v.At); err != nil {
			return err
		}
		if p := people[id]; p != nil {
			p.Values[f] = v
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("load values: %w", err)
	}
	err = db.EachIn(ctx, q, "SELECT contact_id, corp_id, user_id, added_at, removed_at, removed_by, state FROM contact_staff WHERE contact_id IN (%s)", list, nil, func(r *sql.Rows) error {
		var id int64
		var l StaffLink
		if err := r.Scan(&id, &l.CorpID, &l.UserID, &l.AddedAt, &l.RemovedAt, &l.RemovedBy, &l.State); err != nil {
			return err
		}
		if p := people[id]; p != nil {
			p.Staff = append(p.Staff, l)
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("load staff links: %w", err)
	}
	err = db.EachIn(ctx, q, "SELECT contact_id, app_id, followed_at, unfollowed_at FROM contact_follow WHERE contact_id IN (%s)", list, nil, func(r *sql.Rows) error {
		var id int64
		var f Follow
		if err := r.Scan(&id, &f.AppID, &f.FollowedAt, &f.UnfollowedAt); err != nil {
			return err
		}
		if p := people[id]; p != nil {
			p.Follows = append(p.Follows, f)
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("load follows: %w", err)
	}
	for _, p := range people {
		slices.Sort(p.olds)
		slices.SortFunc(p.Identities, byID)
		slices.SortFunc(p.Staff, byStaff)
		slices.SortFunc(p.Follows, byApp)
	}
	return people, alias, nil
}

// newPerson starts a person in this batch.
func (s *Stage) newPerson(e *event.Event) *Person {
	p := &Person{ID: s.contactIDs.Take(), CreatedAt: e.OccurredAt, LastActive: e.OccurredAt, Values: map[string]Value{}, New: true}
	p.moved.row = true
	s.people[p.ID] = p
	return p
}
