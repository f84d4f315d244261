package simulator

import (
	"strings"

	"github.com/koi-scrm/koi/app/fault"
)

// customer finds the person an act is about as this corp knows them, making them known when they are not.
func (s *Simulator) customer(c *corp, who string) (*contact, error) {
	if x := c.contacts[who]; x != nil {
		return x, nil
	}
	p, err := s.someone(who)
	if err != nil {
		return nil, err
	}
	if x := p.contact(c); x != nil {
		return x, nil
	}
	externalID := who
	if p.id != "" {
		externalID = "wm" + shortHash(c.CorpID+" "+p.id, 30)
	}
	return s.known(p, c, externalID), nil
}

func (c *corp) mustMember(userID string) (*staff, error) {
	m := c.member(userID)
	if m == nil {
		var names []string
		for _, m := range c.order {
			if !m.left && len(names) < 20 {
				names = append(names, m.UserID)
			}
		}
		return nil, fault.New(fault.NotFound, "企业“%s”没有员工 %q；有的是 %s", c.Name, userID, strings.Join(names, "、"))
	}
	return m, nil
}

// contactEvent begins the XML of a customer event; its sender is the system.
func contactEvent(c *corp, now int64, change, userID, externalID string) *event {
	return newEvent().text("ToUserName", c.CorpID).text("FromUserName", "sys").num("CreateTime", now/1000).
		text("MsgType", "event").text("Event", "change_external_contact").text("ChangeType", change).
		text("UserID", userID).text("ExternalUserID", externalID)
}

func (s *Simulator) customerScene(r *relation, a Act, change string, e *event) scene {
	x := r.contact
	played := Played{Who: x.externalID, ExternalUserID: x.externalID, UnionID: x.person.UnionID, UserID: r.staff.UserID}
	plain, c := e.done(), x.corp
	return scene{played, func() ([]*Callback, error) { return s.callCorp(c, change, plain, a.Repeat) }}
}

func (s *Simulator) addStaff(c *corp, a Act) (scene, error) {
	return s.befriendStaff(c, a, "add_external_contact")
}

// halfAdd is the 免验证添加 that the customer began and the member has not confirmed.
func (s *Simulator) halfAdd(c *corp, a Act) (scene, error) {
	return s.befriendStaff(c, a, "add_half_external_contact")
}

func (s *Simulator) befriendStaff(c *corp, a Act, change string) (scene, error) {
	m, err := c.mustMember(a.With)
	if err != nil {
		return scene{}, err
	}
	x, err := s.customer(c, a.Who)
	if err != nil {
		return scene{}, err
	}
	if r := x.relations[m.UserID]; r != nil && !r.byStaff && !r.byCustomer {
		return scene{}, fault.New(fault.Conflict, "%s 已经是员工 %s 的客户", x.person.Name, m.Name)
	}
	now := s.clk.Now().UnixMilli()
	r := x.befriend(m, cut(a.State, 64), now) // "state … 长度不超过64字节", longer ones are cut
	code := fmtID("wc", s.nextID())
	s.welcomes.put(code, &welcome{relation: r, until: now + welcomeWindow.Milliseconds()}, now+welcomeMemory.Milliseconds(), now)
	s.note(&x.person.chat, m.phoneID(), now, "你添加了 "+c.Name+" 的 "+m.Name)
	s.note(&m.chat, x.person.phoneID(), now, "客户 "+x.person.Name+" 添加了你")
	e := contactEvent(c, now, change, m.UserID, x.externalID).texts("State", r.state).text("WelcomeCode", code)
	sc := s.customerScene(r, a, change, e)
	sc.played.WelcomeCode = code
	return sc, nil
}

// relation finds a customer of a member; who and with may come in either order.
func (s *Simulator) relation(c *corp, who, with string) (*relation, error) {
	m, customer := c.member(with), who
	if m == nil {
		m, customer = c.member(who), with
	}
	if m == nil {
		return nil, fault.New(fault.NotFound, "%q 与 %q 都不是企业“%s”的员工", who, with, c.Name)
	}
	x := c.contacts[customer]
	if x == nil && s.people[customer] != nil {
		x = s.people[customer].contact(c)
	}
	if x == nil || x.relations[m.UserID] == nil {
		return nil, fault.New(fault.NotFound, "%q 不是员工 %s 的客户，须先 add_staff", customer, m.Name)
	}
	return x.relations[m.UserID], nil
}

func (s *Simulator) editCustomer(c *corp, a Act) (scene, error) {
	r, err := s.relation(c, a.Who, a.With)
	if err != nil {
		return scene{}, err
	}
	e := contactEvent(c, s.clk.Now().UnixMilli(), "edit_external_contact", r.staff.UserID, r.contact.externalID).texts("State", r.state)
	return s.customerScene(r, a, "edit_external_contact", e), nil
}

// deleteStaff: the customer deletes the member, who keeps the customer in the list.
func (s *Simulator) deleteStaff(c *corp, a Act) (scene, error) {
	r, err := s.relation(c, a.Who, a.With)
	if err != nil {
		return scene{}, err
	}
	if r.byCustomer {
		return scene{}, fault.New(fault.Conflict, "%s 已经删除了员工 %s", r.contact.person.Name, r.staff.Name)
	}
	r.byCustomer = true
	now := s.clk.Now().UnixMilli()
	s.note(&r.contact.person.chat, r.staff.phoneID(), now, "你删除了 "+r.staff.Name)
	return s.customerScene(r, a, "del_follow_user", contactEvent(c, now, "del_follow_user", r.staff.UserID, r.contact.externalID)), nil
}

// staffDelete: the member deletes the customer.
func (s *Simulator) staffDelete(c *corp, a Act) (scene, error) {
	r, err := s.relation(c, a.Who, a.With)
	if err != nil {
		return scene{}, err
	}
	if r.byStaff {
		return scene{}, fault.New(fault.Conflict, "员工 %s 已经删除了 %s", r.staff.Name, r.contact.person.Name)
	}
	r.byStaff = true
	now := s.clk.Now().UnixMilli()
	s.note(&r.staff.chat, r.contact.person.phoneID(), now, "你删除了客户 "+r.contact.person.Name)
	return s.customerScene(r, a, "del_external_contact", contactEvent(c, now, "del_external_contact", r.staff.UserID, r.contact.externalID)), nil
}

// appFor is the app a member's act goes to: the one named, else the corp's first.
func (s *Simulator) appFor(c *corp, app string) (*agent, error) {
	if a := s.agentOf(app); a != nil {
		return a, nil
	}
	if strings.Contains(app, "/") || len(c.Agents) == 0 {
		return nil, fault.New(fault.NotFound, "没有应用 %q", app)
	}
	return c.agents[c.Agents[0].AgentID], nil
}

func (s *Simulator) staffScene(m *staff, app *agent, a Act, name string, e *event) scene {
	plain := e.num("AgentID", int64(app.AgentID)).done()
	return scene{Played{Who: m.UserID, UserID: m.UserID}, func() ([]*Callback, error) { return s.callAgent(app, name, plain, a.Repeat) }}
}

func staffEvent(m *staff, now int64, msgType string) *event {
	return newEvent().text("ToUserName", m.corp.CorpID).text("FromUserName", m.UserID).num("CreateTime", now/1000).text("MsgType", msgType)
}

func (s *Simulator) staffSay(c *corp, a Act) (scene, error) {
	m, err := c.mustMember(a.Who)
	if err != nil {
		return scene{}, err
	}
	app, err := s.appFor(c, a.App)
	if err != nil {
		return scene{}, err
	}
	now := s.clk.Now().UnixMilli()
	s.say(&m.chat, app.account(), now, "text", a.With)
	e := staffEvent(m, now, "text").text("Content", a.With).num("MsgId", s.nextID())
	return s.staffScene(m, app, a, "text", e), nil
}

func (s *Simulator) staffOpen(c *corp, a Act) (scene, error) {
	m, err := c.mustMember(a.Who)
	if err != nil {
		return scene{}, err
	}
	app, err := s.appFor(c, a.App)
	if err != nil {
		return scene{}, err
	}
	e := staffEvent(m, s.clk.Now().UnixMilli(), "event").text("Event", "enter_agent").text("EventKey", "")
	return s.staffScene(m, app, a, "enter_agent", e), nil
}

// tapCard presses a button of a card on the member's phone; each press yields a response_code of its own.
func (s *Simulator) tapCard(c *corp, a Act) (scene, error) {
	m, err := c.mustMember(a.Who)
	if err != nil {
		return scene{}, err
	}
	task, key, named := strings.Cut(a.With, "/")
	if !named {
		task, key = "", a.With
	}
	var found *card
	for l := range m.chat.lines.all() {
		if l.card != nil && (task == "" || l.card.taskID == task) && l.card.hasButton(key) {
			found = l.card
		}
	}
	if found == nil {
		return scene{}, fault.New(fault.NotFound, "%s 的手机上没有带按钮 %q 的卡片", m.Name, a.With)
	}
	if u, updated := found.updated[m.UserID]; updated && u.content == nil {
		return scene{}, fault.New(fault.Conflict, "这张卡片已变为“%s”，不能再点", u.replaceName)
	}
	now := s.clk.Now().UnixMilli()
	s.note(&m.chat, found.agent.account(), now, "你点了按钮“"+found.buttonText(key)+"”")
	e := staffEvent(m, now, "event").text("Event", "template_card_event").text("EventKey", key).text("TaskId", found.taskID).
		text("CardType", found.kind).text("ResponseCode", s.respond(found, m.UserID, now))
	return s.staffScene(m, found.agent, a, "template_card_event", e), nil
}

func (x *card) hasButton(key string) bool { return key != "" && x.buttonText(key) != "" }

func (x *card) buttonText(key string) string {
	for _, b := range append(x.content.objs("button_list"), x.content.obj("submit_button")) {
		if b.str("key") == key {
			return b.str("text")
		}
	}
	return ""
}

// staffJoin and staffLeave change the directory.
func (s *Simulator) staffJoin(c *corp, a Act) (scene, error) {
	if a.Who == "" || c.member(a.Who) != nil {
		return scene{}, fault.New(fault.Conflict, "userid %q 为空，或已在企业“%s”中", a.Who, c.Name)
	}
	m := Staff{UserID: a.Who, Name: a.With, Departments: []int{c.Departments[0].ID}}
	def(&m.Name, a.Who)
	c.hire(m)
	return s.directoryScene(c, a, "create_user"), nil
}

func (s *Simulator) staffLeave(c *corp, a Act) (scene, error) {
	m, err := c.mustMember(a.Who)
	if err != nil {
		return scene{}, err
	}
	m.left = true
	return s.directoryScene(c, a, "delete_user"), nil
}

func (s *Simulator) directoryScene(c *corp, a Act, change string) scene {
	plain := newEvent().text("ToUserName", c.CorpID).text("FromUserName", "sys").num("CreateTime", s.clk.Now().Unix()).
		text("MsgType", "event").text("Event", "change_contact").text("ChangeType", change).text("UserID", a.Who).done()
	return scene{Played{Who: a.Who, UserID: a.Who}, func() ([]*Callback, error) { return s.callCorp(c, change, plain, a.Repeat) }}
}

// rawCorp pushes any XML as it is to one app.
func (s *Simulator) rawCorp(c *corp, a Act) (scene, error) {
	if strings.TrimSpace(a.With) == "" {
		return scene{}, fault.New(fault.Invalid, "缺少 with：请写要推送的 XML")
	}
	app, err := s.appFor(c, a.App)
	if err != nil {
		return scene{}, err
	}
	return scene{Played{Who: a.Who}, func() ([]*Callback, error) { return s.callAgent(app, "raw", []byte(a.With), a.Repeat) }}, nil
}
