package simulator

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

var (
	pageTemplate  = template.Must(template.ParseFS(webFiles, "web/phones.html"))
	shelfTemplate = template.Must(template.ParseFS(webFiles, "web/shelf.html"))
)

// stamp is an instant (Unix ms) as a phone shows it.
func stamp(ms int64) string { return time.UnixMilli(ms).In(china).Format("15:04:05") }

// The page shows so many phones of each kind by itself, and lists so many people.
const (
	ownPhones   = 3
	listedNames = 100
	listedNews  = 14
)

type pageView struct {
	Error     string
	Query     string
	Phones    []phoneView
	People    []nameView
	Staff     []nameView
	Officials []accountView
	Corps     []accountView
	News      []newsView
	Stats     Stats
	Chosen    []string // ids asked for in the address, kept by forms
	More      int      // people not listed
}

type nameView struct {
	ID, Name, About, Link string
	Shown                 bool
}

type accountView struct{ ID, Name string }

type newsView struct{ Time, What, Account, Result, Class string }

type phoneView struct {
	ID       string
	Staff    bool
	Who      string // the id acts name the owner by
	App      string // staff: the app their words go to
	Name     string
	About    string
	Rev      int64
	Lines    []lineView
	Follows  []followView
	Minis    []miniView
	Add      []addView // staff a person can add
	Customer []string
	Chosen   []string
}

type followView struct {
	AppID, Name string
	Subscribed  bool
	Menu        []Button
	Notices     []noticeView
}

// miniView is a mini program on somebody's phone.
type miniView struct {
	AppID, Name string
	Notices     []noticeView
}

// noticeView is a template one can agree to, with how many messages may still come.
type noticeView struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Left  string `json:"left,omitempty"`
}

// noticesOf are the templates of an account that need somebody's agreement.
func noticesOf(list []Template, g *grants) []noticeView {
	var out []noticeView
	for _, t := range list {
		if t.Kind == MessageTemplate {
			continue
		}
		v := noticeView{ID: t.ID, Title: t.Title}
		if g != nil {
			switch n := g.left(t.ID); {
			case n == unlimited:
				v.Left = "长期"
			case n > 0:
				v.Left = fmt.Sprintf("还可收 %d 条", n)
			}
		}
		out = append(out, v)
	}
	return out
}

type addView struct {
	CorpID, Corp, UserID, Name string
	Friend                     bool
}

// showPhones is the shelf of phones. Asked for phones or people, or for view=plain, it is the plain page that
// works without JavaScript and with a screen reader: phones come from ?phone= ids, else those where something
// happened last.
func (s *Simulator) showPhones(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if !q.Has("phone") && !q.Has("q") && !q.Has("view") && !q.Has("error") {
		s.render(w, shelfTemplate, s.page(nil, ""), shelfPolicy)
		return
	}
	v := s.page(q["phone"], strings.TrimSpace(q.Get("q")))
	v.Error = q.Get("error")
	s.render(w, pageTemplate, v, "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'self'")
}

func (s *Simulator) render(w http.ResponseWriter, t *template.Template, v pageView, policy string) {
	var b bytes.Buffer
	if err := t.Execute(&b, v); err != nil {
		s.log.Error("render the phones", "error", err)
		http.Error(w, "页面渲染失败", http.StatusInternalServerError)
		return
	}
	sendPage(w, b.Bytes(), policy)
}

// localPages are the pages that may show phones: those of this machine, such as Koi's /demo.
const localPages = "'self' http://127.0.0.1:* http://localhost:*"

// What the pages may load: nothing from elsewhere, and no script or style but their files. The phones show
// their webviews, whose origins are ports of this machine.
const (
	shelfPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; frame-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
	phonePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data: http://127.0.0.1:* http://localhost:*; frame-src 'self' http://127.0.0.1:*; form-action 'none'; base-uri 'none'; frame-ancestors " + localPages
)

func sendPage(w http.ResponseWriter, body []byte, policy string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body)
}

// showPhone is the page of one phone, which draws itself: the same for everybody.
func showPhone(w http.ResponseWriter, _ *http.Request) {
	body, err := webFiles.ReadFile("web/phone.html")
	if err != nil {
		panic(err) // it is embedded
	}
	sendPage(w, body, phonePolicy)
}

func (p *person) phoneID() string { return "p-" + p.id }
func (m *staff) phoneID() string  { return "s-" + m.corp.CorpID + "-" + m.UserID }

// page takes what is shown out of the world, so that nothing is rendered under the lock.
func (s *Simulator) page(chosen []string, query string) pageView {
	v := pageView{Query: query, Chosen: chosen, Stats: s.Stats(), News: s.news()}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.officials {
		v.Officials = append(v.Officials, accountView{o.AppID, o.Name})
	}
	for _, c := range s.corps {
		v.Corps = append(v.Corps, accountView{c.CorpID, c.Name})
	}
	shown := s.shown(chosen)
	for _, owner := range shown {
		v.Phones = append(v.Phones, s.phone(owner, chosen))
	}
	link := func(id string) string {
		return "/sim/?" + url.Values{"phone": append(slices.Clone(chosen), id)}.Encode()
	}
	isShown := func(id string) bool {
		return slices.ContainsFunc(v.Phones, func(p phoneView) bool { return p.ID == id })
	}
	matches := func(texts ...string) bool {
		return query == "" || slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(t, query) })
	}
	for i := len(s.persons) - 1; i >= 0; i-- {
		p := s.persons[i]
		if !matches(p.Name, p.id, p.UnionID) {
			continue
		}
		if len(v.People) == listedNames {
			v.More++
			continue
		}
		v.People = append(v.People, nameView{p.phoneID(), p.Name, p.about(), link(p.phoneID()), isShown(p.phoneID())})
	}
	for _, c := range s.corps {
		for _, m := range c.order {
			if !m.left && matches(m.Name, m.UserID) && len(v.Staff) < listedNames {
				v.Staff = append(v.Staff, nameView{m.phoneID(), m.Name, m.Position, link(m.phoneID()), isShown(m.phoneID())})
			}
		}
	}
	return v
}

func (p *person) about() string {
	var words []string
	for _, f := range p.follows {
		if f.subscribed {
			words = append(words, "粉丝")
			break
		}
	}
	if len(p.minis) > 0 {
		words = append(words, "小程序")
	}
	for _, c := range p.contacts {
		if len(c.relations) > 0 {
			words = append(words, "企微客户")
			break
		}
	}
	return strings.Join(words, " · ")
}

// shown are the owners of the phones on the page: those asked for, else the people and the staff where
// something happened last, else the first of the world.
func (s *Simulator) shown(chosen []string) []any {
	var out []any
	if len(chosen) > 0 {
		for _, id := range chosen {
			if owner := s.ownerOf(id); owner != nil && !slices.Contains(out, owner) {
				out = append(out, owner)
			}
		}
		return out
	}
	var people, members []any
	add := func(owner any) {
		switch x := owner.(type) {
		case *person:
			if len(people) < ownPhones && !slices.Contains(people, owner) {
				people = append(people, x)
			}
		case *staff:
			if len(members) < ownPhones && !x.left && !slices.Contains(members, owner) {
				members = append(members, x)
			}
		}
	}
	for e := s.recent.Front(); e != nil && len(people)+len(members) < 2*ownPhones; e = e.Next() {
		add(e.Value.(*chat).owner)
	}
	for i := 0; i < len(s.persons) && len(people) < ownPhones; i++ {
		add(s.persons[i])
	}
	for _, c := range s.corps {
		for i := 0; i < len(c.order) && len(members) < ownPhones; i++ {
			add(c.order[i])
		}
	}
	// In a steady order, so that phones don't jump about while they are looked at.
	byName := func(a, b any) int { return strings.Compare(phoneIDOf(a), phoneIDOf(b)) }
	slices.SortFunc(people, byName)
	slices.SortFunc(members, byName)
	return append(people, members...)
}

func phoneIDOf(owner any) string {
	if p, isPerson := owner.(*person); isPerson {
		return p.phoneID()
	}
	return owner.(*staff).phoneID()
}

func (s *Simulator) ownerOf(id string) any {
	kind, rest, _ := strings.Cut(id, "-")
	if kind == "p" {
		if p := s.people[rest]; p != nil {
			return p
		}
		return nil
	}
	for _, c := range s.corps {
		if userID, found := strings.CutPrefix(rest, c.CorpID+"-"); found {
			if m := c.member(userID); m != nil {
				return m
			}
		}
	}
	return nil
}

func (s *Simulator) phone(owner any, chosen []string) phoneView {
	v := phoneView{ID: phoneIDOf(owner), Chosen: chosen}
	var c *chat
	switch x := owner.(type) {
	case *person:
		c, v.Who, v.Name, v.About = &x.chat, x.id, x.Name, "微信"
		for _, o := range s.officials {
			f := x.follower(o)
			one := followView{AppID: o.AppID, Name: o.Name, Subscribed: f != nil && f.subscribed, Menu: o.Menu}
			if f != nil {
				one.Notices = noticesOf(o.Templates, &f.grants)
			} else {
				one.Notices = noticesOf(o.Templates, nil)
			}
			v.Follows = append(v.Follows, one)
		}
		for _, m := range s.minis {
			one := miniView{AppID: m.AppID, Name: m.Name, Notices: noticesOf(m.Templates, nil)}
			if u := x.miniUser(m); u != nil {
				one.Notices = noticesOf(m.Templates, &u.grants)
			}
			v.Minis = append(v.Minis, one)
		}
		for _, o := range s.corps {
			known := x.contact(o)
			for _, m := range o.order {
				if m.left || len(v.Add) >= 50 {
					continue
				}
				r := (*relation)(nil)
				if known != nil {
					r = known.relations[m.UserID]
				}
				v.Add = append(v.Add, addView{o.CorpID, o.Name, m.UserID, m.Name, r != nil && !r.byCustomer && !r.byStaff})
			}
		}
	case *staff:
		c, v.Who, v.Name, v.Staff = &x.chat, x.UserID, x.Name, true
		v.About = strings.TrimPrefix(x.Position+" · "+x.corp.Name, " · ")
		v.App = x.corp.CorpID
		for _, r := range customersOf(x) {
			if len(v.Customer) < 8 {
				v.Customer = append(v.Customer, r.contact.person.Name)
			}
		}
	}
	v.Rev = c.rev
	for l := range c.lines.all() {
		v.Lines = append(v.Lines, s.view(l, v.Who))
	}
	return v
}

// nameOf is what an account is called.
func (s *Simulator) nameOf(account string) string {
	if o := s.appIDs[account]; o != nil {
		return o.Name
	}
	if m := s.miniIDs[account]; m != nil {
		return m.Name
	}
	if a := s.agentOf(account); a != nil {
		return a.Name
	}
	if c := s.corpIDs[account]; c != nil {
		return c.Name
	}
	return account
}

// news are the last callbacks and calls, the newest first.
func (s *Simulator) news() []newsView {
	type dated struct {
		at int64
		newsView
	}
	var list []dated
	for _, cb := range s.Callbacks(listedNews) {
		class, result := "wait", "等待回应"
		switch cb.Status {
		case Acknowledged:
			class, result = "good", "已确认"
		case Dropped:
			class, result = "bad", "丢弃："+cb.Answer
		}
		if cb.Tries > 1 {
			result += fmt.Sprintf("（第 %d 次）", cb.Tries)
		}
		list = append(list, dated{cb.At, newsView{stamp(cb.At), "回调 " + cb.Event, s.nameOf(cb.Account), result, class}})
	}
	for _, c := range s.Calls(CallFilter{Limit: listedNews}) {
		class, result := "good", "ok"
		if c.Code != 0 {
			class, result = "bad", fmt.Sprintf("errcode %d", c.Code)
		}
		if c.Misbehaved != "" {
			class, result = "bad", "故障："+c.Misbehaved
		}
		what := "未知接口 " + c.Path
		if r := s.table[c.Path]; len(r) > 0 {
			what = r[0].name
		}
		list = append(list, dated{c.At, newsView{stamp(c.At), what, s.nameOf(c.Account), result, class}})
	}
	slices.SortStableFunc(list, func(a, b dated) int { return int(b.at - a.at) })
	var out []newsView
	for _, n := range list[:min(len(list), listedNews)] {
		out = append(out, n.newsView)
	}
	return out
}
