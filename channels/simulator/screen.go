package simulator

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/koi-scrm/koi/app/fault"
)

// screen is all one phone shows, as its page draws it. Texts are text and addresses http(s) ones; the page
// makes no HTML of either.
type screen struct {
	ID        string         `json:"id"`
	Kind      string         `json:"kind"` // person, staff
	Who       string         `json:"who"`  // the id acts name the owner by
	Name      string         `json:"name"`
	About     string         `json:"about,omitempty"`
	Number    string         `json:"number,omitempty"`
	Rev       int64          `json:"rev"`
	Now       int64          `json:"now"` // business time, Unix ms
	Threads   []thread       `json:"threads"`
	Officials []officialView `json:"officials,omitempty"`
	Minis     []officialView `json:"minis,omitempty"`
	Members   []memberView   `json:"members,omitempty"` // whom a person can add
	Signs     []string       `json:"signs,omitempty"`   // whose short messages can be answered
	Apps      []appView      `json:"apps,omitempty"`    // of a member
	Customers []memberView   `json:"customers,omitempty"`
	Corp      string         `json:"corp,omitempty"` // the corp a member's acts go to
	CorpName  string         `json:"corp_name,omitempty"`
}

// thread is one conversation.
type thread struct {
	ID    string     `json:"id"`
	Kind  string     `json:"kind"` // official, mini, member, customer, friend, sms, app
	Name  string     `json:"name"`
	About string     `json:"about,omitempty"`
	Lines []lineView `json:"lines"`
}

type officialView struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"`
	Subscribed bool         `json:"subscribed"`
	Refuses    bool         `json:"refuses,omitempty"`
	Menu       []Button     `json:"menu,omitempty"`
	Notices    []noticeView `json:"notices,omitempty"`
}

type memberView struct {
	ID     string `json:"id"` // phone id
	Who    string `json:"who"`
	Name   string `json:"name"`
	About  string `json:"about,omitempty"`
	Corp   string `json:"corp,omitempty"`
	Friend bool   `json:"friend"`
	Lost   bool   `json:"lost,omitempty"` // the other side deleted them
}

type appView struct {
	ID   string `json:"id"` // CorpID/AgentID
	Name string `json:"name"`
	Home string `json:"home,omitempty"`
}

// screenOf takes what one phone shows out of the world. Simulator.mu is held.
func (s *Simulator) screenOf(owner any) screen {
	v := screen{ID: phoneIDOf(owner), Now: s.clk.Now().UnixMilli()}
	var c *chat
	switch x := owner.(type) {
	case *person:
		c = &x.chat
		s.personScreen(x, &v)
	case *staff:
		c = &x.chat
		s.staffScreen(x, &v)
	}
	v.Rev = c.rev
	at := map[string]int{}
	for i, t := range v.Threads {
		at[t.ID] = i
	}
	for l := range c.lines.all() {
		i, known := at[l.In]
		if !known {
			i = len(v.Threads)
			at[l.In] = i
			v.Threads = append(v.Threads, s.threadOf(l.In, v.Kind))
		}
		v.Threads[i].Lines = append(v.Threads[i].Lines, s.view(l, v.Who))
	}
	for i := range v.Threads {
		v.Threads[i].Lines = orEmpty(v.Threads[i].Lines)
	}
	v.Threads = orEmpty(v.Threads)
	return v
}

func (s *Simulator) personScreen(x *person, v *screen) {
	v.Kind, v.Who, v.Name, v.About, v.Number = "person", x.id, x.Name, x.about(), x.Phone
	for _, o := range s.officials {
		f := x.follower(o)
		one := officialView{ID: o.AppID, Name: o.Name, Subscribed: f != nil && f.subscribed, Menu: safeMenu(o.Menu), Notices: noticesOf(o.Templates, nil)}
		if f != nil {
			one.Refuses, one.Notices = f.refuses, noticesOf(o.Templates, &f.grants)
		}
		v.Officials = append(v.Officials, one)
		if one.Subscribed {
			v.Threads = append(v.Threads, s.threadOf(o.AppID, v.Kind))
		}
	}
	for _, m := range s.minis {
		one := officialView{ID: m.AppID, Name: m.Name, Notices: noticesOf(m.Templates, nil)}
		if u := x.miniUser(m); u != nil {
			one.Subscribed, one.Notices = true, noticesOf(m.Templates, &u.grants)
		}
		v.Minis = append(v.Minis, one)
	}
	for _, c := range s.corps {
		known := x.contact(c)
		for _, m := range c.order {
			if m.left || m.NoCustomers || len(v.Members) >= listedNames {
				continue
			}
			one := memberView{ID: m.phoneID(), Who: m.UserID, Name: m.Name, About: strings.Trim(c.Name+" · "+m.Position, " ·"), Corp: c.CorpID}
			if known != nil {
				if r := known.relations[m.UserID]; r != nil {
					one.Friend, one.Lost = !r.byCustomer, r.byStaff
				}
			}
			v.Members = append(v.Members, one)
			if one.Friend {
				v.Threads = append(v.Threads, s.threadOf(one.ID, v.Kind))
			}
		}
	}
	for _, a := range s.sms.accounts {
		v.Signs = append(v.Signs, a.Signs...)
	}
}

func (s *Simulator) staffScreen(x *staff, v *screen) {
	v.Kind, v.Who, v.Name, v.About, v.Corp, v.CorpName = "staff", x.UserID, x.Name, x.Position, x.corp.CorpID, x.corp.Name
	for _, a := range x.corp.Agents {
		if y := x.corp.agents[a.AgentID]; y != nil && y.seesStaff(x) {
			v.Apps = append(v.Apps, appView{y.account(), y.Name, safeLink(y.HomeURL)})
			v.Threads = append(v.Threads, s.threadOf(y.account(), v.Kind))
		}
	}
	for _, r := range customersOf(x) {
		if len(v.Customers) < listedNames {
			p := r.contact.person
			v.Customers = append(v.Customers, memberView{ID: p.phoneID(), Who: r.contact.externalID, Name: p.Name, About: r.state, Friend: true, Lost: r.byCustomer})
		}
	}
}

// threadOf names a conversation by its id.
func (s *Simulator) threadOf(id, on string) thread {
	t := thread{ID: id, Kind: "friend", Name: id}
	if o := s.appIDs[id]; o != nil {
		t.Kind, t.Name = "official", o.Name
		return t
	}
	if m := s.miniIDs[id]; m != nil {
		t.Kind, t.Name, t.About = "mini", m.Name, "小程序"
		return t
	}
	if a := s.agentOf(id); a != nil {
		t.Kind, t.Name = "app", a.Name
		return t
	}
	switch x := s.ownerOf(id).(type) {
	case *person:
		t.Name = x.Name
		if on == "staff" {
			t.Kind, t.About = "customer", "微信客户"
		}
		return t
	case *staff:
		t.Name, t.Kind, t.About = x.Name, "member", x.corp.Name
		return t
	}
	if a, sign := s.signFor(id); a != nil && sign == id {
		t.Kind, t.Name = "sms", sign
	}
	return t
}

// safeMenu is a menu whose links are http(s) ones.
func safeMenu(list []Button) []Button {
	out := slices.Clone(list)
	for i := range out {
		out[i].URL, out[i].Sub = safeLink(out[i].URL), safeMenu(out[i].Sub)
	}
	return out
}

// find is a person or a member by phone id, by any of their ids, or by name; nil when there is none.
// Simulator.mu is held.
func (s *Simulator) find(who string) any {
	if strings.HasPrefix(who, "p-") || strings.HasPrefix(who, "s-") {
		if owner := s.ownerOf(who); owner != nil {
			return owner
		}
	}
	if p := s.people[who]; p != nil {
		return p
	}
	if m := s.findStaff(who); m != nil {
		return m
	}
	for _, p := range s.persons {
		if p.Name == who {
			return p
		}
	}
	return nil
}

// findStaff is a member by phone id, CorpID/userid, userid or name.
func (s *Simulator) findStaff(who string) *staff {
	if m, isStaff := s.ownerOf(who).(*staff); isStaff {
		return m
	}
	corpID, userID, both := strings.Cut(who, "/")
	for _, c := range s.corps {
		if both && c.CorpID == corpID {
			return c.member(userID)
		}
		if m := c.member(who); m != nil {
			return m
		}
	}
	for _, c := range s.corps {
		for _, m := range c.order {
			if m.Name == who && !m.left {
				return m
			}
		}
	}
	return nil
}

// getScreen is what one phone shows. With ?rev= of what its page has, an unchanged phone answers 204. The
// business time is in X-Sim-Now either way.
func (s *Simulator) getScreen(w http.ResponseWriter, r *http.Request) {
	q := numbers{r.URL.Query(), nil}
	rev, has := q.num("rev"), q.Has("rev")
	if q.err != nil {
		complain(w, q.err)
		return
	}
	s.mu.Lock()
	owner := s.find(q.Get("who"))
	if user := q.Get("user"); user != "" {
		owner = nil
		if m := s.findStaff(user); m != nil {
			owner = m
		}
	}
	var v screen
	if owner != nil {
		v = s.screenOf(owner)
	}
	s.mu.Unlock()
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if owner == nil {
		complain(w, fault.New(fault.NotFound, "虚拟手机里没有 %q", q.Get("who")+q.Get("user")))
		return
	}
	h.Set("X-Sim-Now", strconv.FormatInt(v.Now, 10))
	if has && rev == v.Rev {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	respond(w, http.StatusOK, v)
}

// getPeople lists people and members whose names or ids contain q, those where something happened last first.
func (s *Simulator) getPeople(w http.ResponseWriter, r *http.Request) {
	query := strings.TrimSpace(r.URL.Query().Get("q"))
	matches := func(texts ...string) bool {
		return query == "" || slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(t, query) })
	}
	type found struct {
		ID    string `json:"id"`
		Name  string `json:"name"`
		About string `json:"about"`
		Staff bool   `json:"staff"`
	}
	list, seen, people, members := []found{}, map[any]bool{}, 0, 0
	add := func(owner any) {
		switch x := owner.(type) {
		case *person:
			if !seen[owner] && people < listedNames && matches(x.Name, x.id, x.UnionID, x.Phone) {
				people++
				list = append(list, found{x.phoneID(), x.Name, x.about(), false})
			}
		case *staff:
			if !seen[owner] && !x.left && members < listedNames && matches(x.Name, x.UserID) {
				members++
				list = append(list, found{x.phoneID(), x.Name, strings.Trim(x.Position+" · "+x.corp.Name, " ·"), true})
			}
		}
		seen[owner] = true
	}
	s.mu.Lock()
	for e := s.recent.Front(); e != nil; e = e.Next() {
		add(e.Value.(*chat).owner)
	}
	for _, p := range s.persons {
		if people >= listedNames {
			break
		}
		add(p)
	}
	for _, c := range s.corps {
		for _, m := range c.order {
			add(m)
		}
	}
	s.mu.Unlock()
	w.Header().Set("Cache-Control", "no-store")
	respond(w, http.StatusOK, list)
}

// Forward passes a page on from one phone to another, as "转发给朋友" does.
type Forward struct {
	From        string `json:"from"` // anyone, by any id or name
	To          string `json:"to"`
	URL         string `json:"url"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Image       string `json:"image"`
}

// Forward puts the card of a page into both conversations. The platform's servers tell nobody of it: whoever
// opens the card does. Unknown people are a NotFound fault, an address that is none an Invalid one.
func (s *Simulator) Forward(f Forward) error {
	address := safeLink(s.browsers.koiAddress(f.URL))
	if u, err := url.Parse(address); address == "" || err != nil || u.Host == "" {
		return fault.New(fault.Invalid, "要转发的网址不对：%q", cut(f.URL, 200))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	from, to := s.find(f.From), s.find(f.To)
	switch {
	case from == nil:
		return fault.New(fault.NotFound, "虚拟手机里没有 %q", f.From)
	case to == nil:
		return fault.New(fault.NotFound, "虚拟手机里没有 %q", f.To)
	case from == to:
		return fault.New(fault.Invalid, "不能转发给自己")
	}
	def(&f.Title, address)
	body := encode(map[string]any{"title": cut(f.Title, 128), "description": cut(f.Description, 512), "url": address, "image": safeLink(s.browsers.koiAddress(f.Image))})
	now := s.clk.Now().UnixMilli()
	sender, mine := nameOfOwner(from)
	_, theirs := nameOfOwner(to)
	mine.add(line{At: now, In: phoneIDOf(to), Mine: true, Kind: "share", Text: f.Title, Content: body})
	theirs.add(line{At: now, In: phoneIDOf(from), From: sender, Kind: "share", Text: f.Title, Content: body})
	s.touch(mine)
	s.touch(theirs)
	return nil
}

func nameOfOwner(owner any) (string, *chat) {
	if p, isPerson := owner.(*person); isPerson {
		return p.Name, &p.chat
	}
	m := owner.(*staff)
	return m.Name, &m.chat
}

func (s *Simulator) postForward(w http.ResponseWriter, r *http.Request) {
	var f Forward
	err := receive(r, &f)
	if err == nil {
		err = s.Forward(f)
	}
	if err != nil {
		complain(w, err)
		return
	}
	respond(w, http.StatusOK, struct{}{})
}
