package contact

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/db"
)

// Scope is whose customers a reader may see: a person is in it who is, or was, a WeCom friend of one of its
// staff. The zero Scope sees nobody. The one place where a reader is narrowed is here: Sees for a person at
// hand, Where for a list.
type Scope struct {
	all   bool
	staff []string // "CorpID/userid"
}

// Everybody is the scope of who may see all customers.
func Everybody() Scope { return Scope{all: true} }

// CustomersOf is the scope of who may see the customers of these staff, each "CorpID/userid".
func CustomersOf(staff ...string) Scope {
	staff = slices.Clone(staff)
	slices.Sort(staff)
	return Scope{staff: slices.Compact(staff)}
}

// All reports whether the scope leaves nobody out.
func (s Scope) All() bool { return s.all }

// Sees reports whether a person is in the scope.
func (s Scope) Sees(p *Person) bool {
	return s.all || slices.ContainsFunc(p.Staff, func(l StaffLink) bool {
		_, ok := slices.BinarySearch(s.staff, l.CorpID+"/"+l.UserID)
		return ok
	})
}

// Where is the scope as SQL on a column that holds contact ids, of people in use; it is always true or
// false. Where the column may hold ids that were merged into others, use WhereAny.
func (s Scope) Where(column string) (string, []any) {
	if s.all {
		return "1=1", nil
	}
	friends, args := s.friends()
	return column + " IN (" + friends + ")", args
}

// WhereAny is Where for a column with ids that things happened under, also of people merged since.
func (s Scope) WhereAny(column string) (string, []any) {
	if s.all {
		return "1=1", nil
	}
	friends, args := s.friends()
	return "(" + column + " IN (" + friends + ") OR " + column + " IN (SELECT a.old_id FROM contact_alias a WHERE a.kept_id IN (" + friends + ")))",
		slices.Concat(args, args)
}

// InUse is an SQL condition on a column of contact ids: not those of people who were merged into others.
func InUse(column string) string { return column + " NOT IN (SELECT old_id FROM contact_alias)" }

// friends selects the people in the scope. The index leads with the userid, so each corp asks by its own.
func (s Scope) friends() (string, []any) {
	if len(s.staff) == 0 {
		return "SELECT s.contact_id FROM contact_staff s WHERE 1=0", nil
	}
	corps := map[string][]string{}
	var order []string
	for _, x := range s.staff {
		corp, user, _ := strings.Cut(x, "/")
		if corps[corp] == nil {
			order = append(order, corp)
		}
		corps[corp] = append(corps[corp], user)
	}
	var parts []string
	var args []any
	for _, corp := range order {
		parts = append(parts, "s.user_id IN ("+db.Marks(len(corps[corp]))+") AND s.corp_id=?")
		args = append(append(args, db.Args(corps[corp])...), corp)
	}
	return "SELECT s.contact_id FROM contact_staff s WHERE " + strings.Join(parts, " OR "), args
}

// Within tells which of the ids, also of people merged since, are in the scope.
func (d *Directory) Within(ctx context.Context, s Scope, ids []int64) (map[int64]bool, error) {
	out := make(map[int64]bool, len(ids))
	if s.all {
		for _, id := range ids {
			out[id] = true
		}
		return out, nil
	}
	where, args := s.WhereAny("x.id")
	err := db.EachIn(ctx, d.db, "SELECT x.id FROM contacts x WHERE "+where+" AND x.id IN (%s)", ids, args, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		out[id] = true
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ask the data scope: %w", err)
	}
	return out, nil
}

// ExcludedOf tells which of the ids, also of people merged since, are of people who are left out: own staff,
// competitors and those on a list.
func ExcludedOf(ctx context.Context, q db.Querier, ids []int64) (map[int64]bool, error) {
	out := map[int64]bool{}
	err := db.EachIn(ctx, q, "SELECT x.id FROM contacts x LEFT JOIN contact_alias a ON a.old_id=x.id JOIN contacts k ON k.id=COALESCE(a.kept_id, x.id) WHERE k.excluded<>0 AND x.id IN (%s)",
		ids, nil, func(r *sql.Rows) error {
			var id int64
			err := r.Scan(&id)
			out[id] = true
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("ask who is excluded: %w", err)
	}
	return out, nil
}
