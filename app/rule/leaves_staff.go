package rule

import (
	"cmp"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/contact"
)

const groupStaff = "员工关系"

var staffLeaves = []Leaf{
	{Name: "wecom_friend", Label: "是企微好友？", Group: groupStaff, Ops: yesNoOps, compile: compileFriend,
		Explain: "现在是否是任一员工的企微好友"},
	{Name: "staff", Label: "员工好友", Group: groupStaff, compile: compileStaff,
		Ops:     []Op{{"any", "是其中任一员工的好友", EditStaff}, {"none", "不是其中任何员工的好友", EditStaff}},
		Explain: "现在是否是某些员工的企微好友；写 userid，或“企业ID/userid”"},
	{Name: "staff_count", Label: "添加了几名员工", Group: groupStaff, Ops: numberOps, compile: compileStaffCount,
		Explain: "现在是几名员工的企微好友"},
	{Name: "staff_first", Label: "首个添加员工", Group: groupStaff, Ops: among(EditStaff), compile: compileStaffFirst,
		Explain: "最早添加客户的员工，后来删除了也算"},
	{Name: "staff_added_at", Label: "首次添加时间", Group: groupStaff, Ops: dateOps, compile: compileStaffAdded,
		Explain: "第一次成为员工企微好友的时间"},
	{Name: "staff_lost_at", Label: "流失时间", Group: groupStaff, Ops: dateOps, compile: compileStaffLost,
		Explain: "客户最近一次删除员工的时间；又加回来的不算"},
}

// friends counts the staff members who are friends now.
func friends(p *Person) int64 {
	var n int64
	for i := range p.Staff {
		if p.Staff[i].Friend() {
			n++
		}
	}
	return n
}

// friend writes that the person is a friend of anyone.
func (w *writer) friend() {
	w.exists(w.schema.Staff, func() { w.put(" AND x.removed_at = 0") })
}

func compileFriend(l *leafNode) cond {
	l.tree.uses.Contact = true
	return &flag{
		label: l.def.Label, want: l.op.Name == "yes",
		get:  func(p *Person, _ moment) bool { return friends(p) > 0 },
		rows: func(w *writer) { w.friend() },
		has: func(p *Person, _ moment) string {
			if n := friends(p); n > 0 {
				return "是 " + itoa(n) + " 名员工的好友"
			}
			return "不是任何员工的好友"
		},
	}
}

// colleague is a staff member as a condition names them; corp "" is any.
type colleague struct{ corp, user string }

func (c colleague) is(s contact.StaffLink) bool {
	return s.UserID == c.user && (c.corp == "" || s.CorpID == c.corp)
}

// staffValue reads the staff members of the value.
func (l *leafNode) staffValue() ([]colleague, string) {
	var out []colleague
	var names []string
	for _, s := range l.list() {
		corp, user, ok := strings.Cut(s, "/")
		if !ok {
			corp, user = "", s
		}
		out, names = append(out, colleague{corp, user}), append(names, l.scope.staffName(corp, user))
	}
	return out, strings.Join(names, "、")
}

func (s *Scope) staffName(corp, user string) string {
	if s.StaffName != nil {
		if name := s.StaffName(corp, user); name != "" {
			return name
		}
	}
	return user
}

// oneOf writes that the staff row x is one of those listed.
func (w *writer) oneOf(list []colleague) {
	w.put("(")
	for i, s := range list {
		if i > 0 {
			w.put(" OR ")
		}
		w.put("x.user_id = ")
		w.arg(s.user)
		if s.corp != "" {
			w.put(" AND x.corp_id = ")
			w.arg(s.corp)
		}
	}
	w.put(")")
}

func compileStaff(l *leafNode) cond {
	l.tree.uses.Contact = true
	list, names := l.staffValue()
	scope := l.scope
	return &flag{
		label: l.op.Label + " " + names, want: l.op.Name == "any",
		get: func(p *Person, _ moment) bool {
			for _, s := range p.Staff {
				if s.Friend() && slices.ContainsFunc(list, func(c colleague) bool { return c.is(s) }) {
					return true
				}
			}
			return false
		},
		rows: func(w *writer) {
			w.exists(w.schema.Staff, func() {
				w.put(" AND x.removed_at = 0 AND ")
				w.oneOf(list)
			})
		},
		has: func(p *Person, _ moment) string {
			var names []string
			for _, s := range p.Staff {
				if s.Friend() {
					names = append(names, scope.staffName(s.CorpID, s.UserID))
				}
			}
			if len(names) == 0 {
				return "不是任何员工的好友"
			}
			return "好友有 " + strings.Join(names, "、")
		},
	}
}

func compileStaffCount(l *leafNode) cond {
	l.tree.uses.Contact = true
	list, not, phrase := l.numberSpans()
	return &number{
		label: l.def.Label, phrase: phrase, not: not, spans: l.always(list),
		get: func(p *Person, _ moment) (int64, bool) { return friends(p), true },
		rows: func(w *writer, within spans) {
			// Who has no row has none, so a span with 0 is asked the other way round.
			if within.has(0) {
				w.put("NOT ")
				within = within.others()
			}
			w.exists(w.schema.Staff, func() {
				w.put(" AND x.removed_at = 0 GROUP BY x.contact_id HAVING ")
				w.within("COUNT(*)", within)
			})
		},
		show: func(n int64, _ moment) string { return itoa(n) + " 名" },
	}
}

// first returns the link that was made first; at one instant the smaller corp and userid.
func first(p *Person) (contact.StaffLink, bool) {
	if len(p.Staff) == 0 {
		return contact.StaffLink{}, false
	}
	return slices.MinFunc(p.Staff, func(a, b contact.StaffLink) int {
		return cmp.Or(cmp.Compare(a.AddedAt, b.AddedAt), cmp.Compare(a.CorpID, b.CorpID), cmp.Compare(a.UserID, b.UserID))
	}), true
}

func compileStaffFirst(l *leafNode) cond {
	l.tree.uses.Contact = true
	list, names := l.staffValue()
	scope := l.scope
	return &flag{
		label: l.def.Label + " " + l.op.Label + " " + names, want: l.op.Name == "in",
		get: func(p *Person, _ moment) bool {
			s, ok := first(p)
			return ok && slices.ContainsFunc(list, func(c colleague) bool { return c.is(s) })
		},
		rows: func(w *writer) {
			w.exists(w.schema.Staff, func() {
				w.put(" AND ")
				w.oneOf(list)
				w.put(" AND NOT EXISTS (SELECT 1 FROM ", w.schema.Staff, " y WHERE y.contact_id = x.contact_id AND (y.added_at < x.added_at",
					" OR y.added_at = x.added_at AND (y.corp_id < x.corp_id OR y.corp_id = x.corp_id AND y.user_id < x.user_id)))")
			})
		},
		has: func(p *Person, _ moment) string {
			if s, ok := first(p); ok {
				return scope.staffName(s.CorpID, s.UserID)
			}
			return "没有员工添加过"
		},
	}
}

func compileStaffAdded(l *leafNode) cond {
	l.tree.uses.Contact = true
	l.stepsDaily()
	list, not, phrase := l.instantSpans()
	return &number{
		label: l.def.Label, phrase: phrase, not: not, spans: l.daily(list), show: showInstant, none: "没有员工添加过",
		get: func(p *Person, _ moment) (int64, bool) {
			s, ok := first(p)
			return s.AddedAt, ok
		},
		rows: func(w *writer, within spans) {
			w.exists(w.schema.Staff, func() {
				w.put(" GROUP BY x.contact_id HAVING ")
				w.within("MIN(x.added_at)", within)
			})
		},
	}
}

// removedByCustomer is contact.StaffLink.RemovedBy for a customer who deleted the staff member.
const removedByCustomer = "customer"

func compileStaffLost(l *leafNode) cond {
	return l.latest("x.removed_at", "没有流失过", func(p *Person) int64 {
		var ms int64
		for _, s := range p.Staff {
			if s.RemovedBy == removedByCustomer {
				ms = max(ms, s.RemovedAt)
			}
		}
		return ms
	}, func(w *writer, having func()) {
		w.exists(w.schema.Staff, func() {
			w.put(" AND x.removed_by = ")
			w.arg(removedByCustomer)
			having()
		})
	})
}
