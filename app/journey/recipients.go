package journey

import (
	"cmp"
	"slices"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/org"
)

// recipients finds the staff to alert about a person, in order and each once. Who left the company is
// never among them. Without all, the first relation, or role, that gives somebody decides.
func recipients(dir *org.Directory, c Cause, p *contact.Person, a sendAlert) []org.Staff {
	var out []org.Staff
	for _, r := range a.to {
		for _, m := range related(dir, c, p, r, a) {
			if !slices.ContainsFunc(out, func(o org.Staff) bool { return o.CorpID == m.CorpID && o.UserID == m.UserID }) {
				out = append(out, m)
			}
		}
		if len(out) > 0 && !a.all {
			break
		}
	}
	return out
}

// related lists the active staff a relation leads to.
func related(dir *org.Directory, c Cause, p *contact.Person, r relation, a sendAlert) []org.Staff {
	corp, user := eventStaffOf(c, p)
	switch r {
	case eventStaff:
		return active(dir, corp, user)
	case leaderOf:
		if user == "" { // the leader of whom the person met first
			if links := added(p); len(links) > 0 {
				corp, user = links[0].CorpID, links[0].UserID
			}
		}
		return dir.Leaders(corp, user)
	case allAdded:
		var out []org.Staff
		for _, l := range added(p) {
			if l.Friend() {
				out = append(out, active(dir, l.CorpID, l.UserID)...)
			}
		}
		return out
	case firstAdded:
		if links := added(p); len(links) > 0 {
			return active(dir, links[0].CorpID, links[0].UserID)
		}
	case departments:
		var out []org.Staff
		for _, corp := range corps(dir) {
			for _, d := range a.departments {
				out = append(out, dir.In(corp, d)...)
			}
		}
		return out
	case inRoles:
		var out []org.Staff
		for _, role := range a.roles {
			if out = append(out, dir.InRole(string(role))...); len(out) > 0 && !a.all {
				break
			}
		}
		return out
	}
	return nil
}

// eventStaffOf is the staff member of the event that started the run. An event that came by no WeCom app
// names the corp through the friendship.
func eventStaffOf(c Cause, p *contact.Person) (corp, user string) {
	if c.Staff == "" {
		return "", ""
	}
	if corp, _, ok := account.SplitWeComID(c.Account); ok {
		return corp, c.Staff
	}
	for _, l := range p.Staff {
		if l.UserID == c.Staff {
			return l.CorpID, l.UserID
		}
	}
	return "", ""
}

// added are the person's friendships with staff, past ones too, the first made first.
func added(p *contact.Person) []contact.StaffLink {
	links := slices.Clone(p.Staff)
	slices.SortStableFunc(links, func(a, b contact.StaffLink) int {
		return cmp.Or(cmp.Compare(a.AddedAt, b.AddedAt), cmp.Compare(a.UserID, b.UserID))
	})
	return links
}

func active(dir *org.Directory, corp, user string) []org.Staff {
	if user == "" {
		return nil
	}
	if m, err := dir.Get(corp, user); err == nil && m.Active {
		return []org.Staff{m}
	}
	return nil
}

func corps(dir *org.Directory) []string {
	var out []string
	for _, m := range dir.List("") {
		if !slices.Contains(out, m.CorpID) {
			out = append(out, m.CorpID)
		}
	}
	return out
}

// Unmanned lists the live journeys with an alert that ends with roles in which nobody is now, by their
// names: whom nobody of staff has as a friend is told to nobody there.
func (d *Directory) Unmanned() []string {
	var out []string
	for _, g := range d.Model().Graphs() {
		if g.Status != Live {
			continue
		}
		for _, n := range g.nodes {
			if a, ok := alertOf(n); ok && slices.Contains(a.to, inRoles) && !slices.Contains(a.to, departments) && len(related(d.stage.Staff, Cause{}, nil, inRoles, a)) == 0 {
				out = append(out, g.Name)
				break
			}
		}
	}
	return out
}

func alertOf(n *node) (sendAlert, bool) {
	step, ok := n.part.(*sendStep)
	if !ok {
		return sendAlert{}, false
	}
	a, ok := step.do.(sendAlert)
	return a, ok
}
