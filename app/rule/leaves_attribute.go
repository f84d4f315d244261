package rule

import (
	"math"
	"strings"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
)

const groupAttribute = "属性"

var attributeLeaves = []Leaf{
	{Name: "field", Label: "字段", Group: groupAttribute, About: AboutField, compile: compileField,
		Explain: "客户资料里的一个字段，标准字段或自定义字段"},
	{Name: "age", Label: "年龄", Group: groupAttribute, Ops: maybe(numberOps), compile: compileAge,
		Explain: "按生日算出的周岁"},
	{Name: "created_at", Label: "创建时间", Group: groupAttribute, Ops: dateOps,
		Explain: "第一次认识这个人的时间", compile: func(l *leafNode) cond {
			return l.contactInstant("c.created_at", func(p *Person) int64 { return p.CreatedAt })
		}},
	{Name: "last_active", Label: "最近活跃", Group: groupAttribute, Ops: dateOps,
		Explain: "客户最近一次主动做了什么的时间", compile: func(l *leafNode) cond {
			return l.contactInstant("c.last_active_at", func(p *Person) int64 { return p.LastActive })
		}},
	{Name: "has_phone", Label: "有手机号？", Group: groupAttribute, Ops: yesNoOps,
		Explain: "是否留过手机号；号码本身加密，不能按号码筛选", compile: func(l *leafNode) cond { return l.identity(event.KindPhone) }},
	{Name: "has_email", Label: "有邮箱？", Group: groupAttribute, Ops: yesNoOps,
		Explain: "是否留过邮箱；地址本身加密，可用字段“邮箱域名”筛选", compile: func(l *leafNode) cond { return l.identity(event.KindEmail) }},
	{Name: "reachable", Label: "可联系（手机/企微）？", Group: groupAttribute, Ops: yesNoOps, compile: compileReachable,
		Explain: "有手机号，或是任一员工的企微好友"},
	{Name: "official_follower", Label: "正在关注公众号？", Group: groupAttribute, About: AboutAccount, Ops: yesNoOps, compile: compileFollower,
		Explain: "现在是否关注着公众号；key 填 AppID 限定某一个号"},
	{Name: "followed_at", Label: "关注时间", Group: groupAttribute, About: AboutAccount, Ops: dateOps,
		Explain: "最近一次关注公众号的时间", compile: func(l *leafNode) cond {
			return l.followInstant("x.followed_at", func(f contact.Follow) int64 { return f.FollowedAt })
		}},
	{Name: "unfollowed_at", Label: "取关时间", Group: groupAttribute, About: AboutAccount, Ops: dateOps,
		Explain: "最近一次取消关注的时间；又关注了的不算", compile: func(l *leafNode) cond {
			return l.followInstant("x.unfollowed_at", func(f contact.Follow) int64 { return f.UnfollowedAt })
		}},
}

func compileField(l *leafNode) cond {
	f, key := l.field, l.n.Key
	rows := func(w *writer, on func()) {
		w.exists(w.schema.Values, func() {
			w.put(" AND x.field = ")
			w.arg(key)
			w.put(" AND ")
			on()
		})
	}
	switch f.Type {
	case contact.Text, contact.Choice:
		show := func(s string) string { return s }
		if f.Type == contact.Choice {
			show = func(s string) string { return optionLabel(f, s) }
		}
		test, phrase := l.textTest(f)
		return &text{
			label: f.Label, phrase: phrase, test: test, show: show,
			get: func(p *Person) (string, bool) {
				v, ok := p.Values[key]
				return v.Norm, ok
			},
			rows: func(w *writer, on func(string)) { rows(w, func() { on("x.norm") }) },
		}
	}
	c := &number{
		label: f.Label, none: "没有",
		get: func(p *Person, _ moment) (int64, bool) {
			v, ok := p.Values[key]
			return v.Num, ok
		},
		rows: func(w *writer, within spans) { rows(w, func() { w.within("x.num", within) }) },
	}
	switch f.Type {
	case contact.Date:
		days, not, phrase := l.daySpans()
		l.stepsDaily()
		c.spans, c.not, c.phrase, c.show = l.daily(days), not, phrase, showDate
	case contact.Bool:
		list, not, phrase := l.presence()
		switch l.op.Name {
		case "yes":
			list, not = one(1, 1), false
		case "no":
			list, not = one(0, 0), false
		}
		c.spans, c.not, c.phrase = l.always(list), not, phrase
		c.show = func(n int64, _ moment) string { return yesNo(n != 0) }
	default:
		list, not, phrase := l.numberSpans()
		c.spans, c.not, c.phrase, c.show = l.always(list), not, phrase, showNumber
	}
	return c
}

// textTest compiles the operators of texts and options. Texts compare normalised, options by key.
func (l *leafNode) textTest(f contact.Field) (textTest, string) {
	t := textTest{how: present}
	if l.op.Editor == EditNone {
		t.not = l.op.Name == "empty"
		return t, l.op.Label
	}
	list := l.list()
	shown := make([]string, len(list))
	for i, s := range list {
		if f.Type != contact.Choice {
			shown[i], list[i] = strings.TrimSpace(s), contact.Normalize(s)
			continue
		}
		shown[i] = optionLabel(f, s)
		if !hasOption(f, s) {
			l.bad(l.path+".value", "“%s”没有选项 %q%s", f.Label, s, nearest(s, optionKeys(f)))
		}
	}
	t.list = list
	switch l.op.Name {
	case "contains", "not_contains":
		t.how = contains
	case "starts":
		t.how = starts
	default:
		t.how = equals
	}
	t.not = l.op.Name == "ne" || strings.HasPrefix(l.op.Name, "not_")
	return t, l.op.Label + " " + strings.Join(shown, "、")
}

func hasOption(f contact.Field, key string) bool {
	for _, o := range f.Options {
		if o.Key == key {
			return true
		}
	}
	return false
}

func optionKeys(f contact.Field) []string {
	out := make([]string, len(f.Options))
	for i, o := range f.Options {
		out[i] = o.Key
	}
	return out
}

// optionLabel shows an option; one that was deleted since shows its key.
func optionLabel(f contact.Field, key string) string {
	for _, o := range f.Options {
		if o.Key == key {
			return o.Label
		}
	}
	return key
}

const fieldBirthday = "birthday"

// compileAge compares the birthday with the days on which the ages in question begin and end.
func compileAge(l *leafNode) cond {
	l.tree.uses.Fields = append(l.tree.uses.Fields, fieldBirthday)
	list, not, phrase := l.numberSpans()
	if l.op.Editor != EditNone {
		l.tree.uses.Daily = true
		for _, s := range list {
			if s.lo != math.MinInt64 && (s.lo < 0 || s.lo > yearsBack) || s.hi != math.MaxInt64 && (s.hi < -1 || s.hi > yearsBack) {
				l.bad(l.path+".value", "年龄应在 0 到 %d 之间", yearsBack)
				list = everything
				break
			}
		}
	}
	return &number{
		label: l.def.Label, phrase: phrase, not: not, none: "没有生日",
		spans: l.daily(func(d day) spans {
			var out spans
			for _, s := range list {
				born := span{math.MinInt64, math.MaxInt64}
				if s.hi != math.MaxInt64 {
					born.lo = bornBy(d, s.hi+1) + 1
				}
				if s.lo != math.MinInt64 {
					born.hi = bornBy(d, s.lo)
				}
				out = append(out, born)
			}
			return out
		}),
		get: func(p *Person, _ moment) (int64, bool) {
			v, ok := p.Values[fieldBirthday]
			return v.Num, ok
		},
		rows: func(w *writer, within spans) {
			w.exists(w.schema.Values, func() {
				w.put(" AND x.field = ")
				w.arg(fieldBirthday)
				w.put(" AND ")
				w.within("x.num", within)
			})
		},
		show: func(n int64, at moment) string {
			age := int64(0)
			for n <= bornBy(at.day, age+1) && age < yearsBack {
				age++
			}
			return itoa(age) + " 岁（" + dateText(n) + " 出生）"
		},
	}
}

// contactInstant is about a column of the person's own row.
func (l *leafNode) contactInstant(column string, get func(p *Person) int64) cond {
	l.tree.uses.Contact = true
	l.stepsDaily()
	list, not, phrase := l.instantSpans()
	return &number{
		label: l.def.Label, phrase: phrase, not: not, spans: l.daily(list), show: showInstant,
		get:  func(p *Person, _ moment) (int64, bool) { return get(p), true },
		rows: func(w *writer, within spans) { w.within(column, within) },
	}
}

// latest is the greatest of several instants, where 0 is none.
func (l *leafNode) latest(column, none string, get func(p *Person) int64, rows func(w *writer, having func())) cond {
	l.tree.uses.Contact = true
	l.stepsDaily()
	list, not, phrase := l.instantSpans()
	return &number{
		label: l.def.Label, phrase: phrase, not: not, spans: l.daily(list), show: showInstant, none: none,
		get: func(p *Person, _ moment) (int64, bool) {
			ms := get(p)
			return ms, ms != 0
		},
		rows: func(w *writer, within spans) {
			rows(w, func() {
				w.put(" AND ", column, " <> 0 GROUP BY x.contact_id HAVING ")
				w.within("MAX("+column+")", within)
			})
		},
	}
}

func (l *leafNode) followInstant(column string, get func(contact.Follow) int64) cond {
	app := l.n.Key
	return l.latest(column, "没有", func(p *Person) int64 {
		var ms int64
		for _, f := range p.Follows {
			if app == "" || f.AppID == app {
				ms = max(ms, get(f))
			}
		}
		return ms
	}, func(w *writer, having func()) {
		w.exists(w.schema.Follows, func() {
			ofAccount(w, app)
			having()
		})
	})
}

func ofAccount(w *writer, app string) {
	if app != "" {
		w.put(" AND x.app_id = ")
		w.arg(app)
	}
}

func compileFollower(l *leafNode) cond {
	l.tree.uses.Contact = true
	app := l.n.Key
	label := l.def.Label
	if app != "" {
		label = "正在关注公众号 " + app + "？"
	}
	return &flag{
		label: label, want: l.op.Name == "yes",
		get: func(p *Person, _ moment) bool {
			for _, f := range p.Follows {
				if f.Active() && (app == "" || f.AppID == app) {
					return true
				}
			}
			return false
		},
		rows: func(w *writer) {
			w.exists(w.schema.Follows, func() {
				ofAccount(w, app)
				w.put(" AND x.unfollowed_at = 0")
			})
		},
	}
}

// identity asks whether the person has an identity of a kind.
func (l *leafNode) identity(kind string) cond {
	l.tree.uses.Contact = true
	return &flag{
		label: l.def.Label, want: l.op.Name == "yes",
		get:  func(p *Person, _ moment) bool { return p.Has(kind, "") },
		rows: func(w *writer) { w.identity(kind) },
	}
}

// identity writes that the person, or one merged into them, has an identity of the kind.
func (w *writer) identity(kind string) {
	w.exists(w.schema.Identities, func() {
		w.put(" AND x.kind = ")
		w.arg(kind)
	})
	w.put(" OR EXISTS (SELECT 1 FROM ", w.schema.Alias, " a JOIN ", w.schema.Identities, " x ON x.contact_id = a.old_id WHERE a.kept_id = c.id AND x.kind = ")
	w.arg(kind)
	w.put(")")
}

func compileReachable(l *leafNode) cond {
	l.tree.uses.Contact = true
	return &flag{
		label: l.def.Label, want: l.op.Name == "yes",
		get: func(p *Person, _ moment) bool { return p.Has(event.KindPhone, "") || friends(p) > 0 },
		rows: func(w *writer) {
			w.identity(event.KindPhone)
			w.put(" OR ")
			w.friend()
		},
		has: func(p *Person, _ moment) string {
			phone, friend := p.Has(event.KindPhone, ""), friends(p) > 0
			switch {
			case phone && friend:
				return "有手机号，是企微好友"
			case phone:
				return "有手机号"
			case friend:
				return "是企微好友"
			}
			return "没有手机号，也不是企微好友"
		},
	}
}
