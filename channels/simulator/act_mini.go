package simulator

import (
	"strconv"
	"strings"

	"github.com/koi-scrm/koi/app/fault"
)

// user finds the person an act is about as this mini program knows them, making them known when they are
// not.
func (s *Simulator) user(m *mini, who string) (*miniUser, error) {
	if u := m.users[who]; u != nil {
		return u, nil
	}
	p, err := s.someone(who)
	if err != nil {
		return nil, err
	}
	if u := p.miniUser(m); u != nil {
		return u, nil
	}
	openID := who
	if p.id != "" {
		openID = "o" + shortHash(m.AppID+" "+p.id, 27)
	}
	return s.visit(p, m, openID), nil
}

func (u *miniUser) played() Played {
	return Played{Who: u.openID, OpenID: u.openID, UnionID: u.person.UnionID}
}

// miniScene pushes about someone once the lock is released.
func (s *Simulator) miniScene(u *miniUser, a Act, name string, e *miniEvent) scene {
	plain, m, openID := e.done(), u.mini, u.openID
	return scene{u.played(), func() ([]*Callback, error) { return s.callMini(m, openID, name, plain, a.Repeat) }}
}

// openMini starts the mini program. The platform pushes nothing; the mini program gets a code of wx.login.
func (s *Simulator) openMini(m *mini, a Act) (scene, error) {
	u, err := s.user(m, a.Who)
	if err != nil {
		return scene{}, err
	}
	now := s.clk.Now().UnixMilli()
	s.note(&u.person.chat, m.AppID, now, strings.TrimSpace("你打开了小程序“"+m.Name+"” "+a.With))
	sc := scene{played: u.played()}
	sc.played.Code = s.giveCode(u, "", now)
	return sc, nil
}

// enterSession opens the customer-service session.
func (s *Simulator) enterSession(m *mini, a Act) (scene, error) {
	u, err := s.user(m, a.Who)
	if err != nil {
		return scene{}, err
	}
	now := s.clk.Now().UnixMilli()
	u.session = allowance{now + actionWindow.Milliseconds(), s.counters.standing("mini.kf.session")}
	s.note(&u.person.chat, m.AppID, now, "你进入了“"+m.Name+"”的客服会话")
	return s.miniScene(u, a, "user_enter_tempsession", m.event(u, now, "event").add("Event", "user_enter_tempsession").add("SessionFrom", a.With)), nil
}

func (s *Simulator) sayToMini(m *mini, a Act) (scene, error) {
	u, err := s.user(m, a.Who)
	if err != nil {
		return scene{}, err
	}
	now := s.clk.Now().UnixMilli()
	u.message = allowance{now + messageWindow.Milliseconds(), s.counters.standing("mini.kf.message")}
	s.say(&u.person.chat, m.AppID, now, "text", a.With)
	e := m.event(u, now, "text").add("Content", a.With).add("MsgId", strconv.FormatInt(s.nextID(), 10))
	return s.miniScene(u, a, "text", e), nil
}

// subscribeMini answers wx.requestSubscribeMessage, which asks for up to three templates at once.
func (s *Simulator) subscribeMini(m *mini, a Act) (scene, error) {
	u, err := s.user(m, a.Who)
	if err != nil {
		return scene{}, err
	}
	list, err := choices(a.With, "accept", "reject", "ban", "filter")
	if err != nil {
		return scene{}, err
	}
	if len(list) > 3 {
		return scene{}, fault.New(fault.Invalid, "一次最多订阅 3 个模板")
	}
	said, err := u.grants.apply(list, m.templates, "", true)
	if err != nil {
		return scene{}, err
	}
	now := s.clk.Now().UnixMilli()
	s.note(&u.person.chat, m.AppID, now, said)
	var items []pairs
	for _, c := range list {
		items = append(items, pairs{{"TemplateId", c.template}, {"SubscribeStatusString", c.answer}, {"PopupScene", "0"}})
	}
	e := m.event(u, now, "event").add("Event", "subscribe_msg_popup_event")
	e.list("SubscribeMsgPopupEvent", items)
	return s.miniScene(u, a, "subscribe_msg_popup_event", e), nil
}

// dropMini turns subscribe messages off in the mini program's settings.
func (s *Simulator) dropMini(m *mini, a Act) (scene, error) {
	u, err := s.user(m, a.Who)
	if err != nil {
		return scene{}, err
	}
	now := s.clk.Now().UnixMilli()
	var items []pairs
	for id := range strings.SplitSeq(a.With, ",") {
		id = strings.TrimSpace(id)
		title, _, err := titleOf(m.templates, id)
		if err != nil {
			return scene{}, err
		}
		u.grants.withdraw(id)
		s.note(&u.person.chat, m.AppID, now, "你关闭了“"+title+"”")
		items = append(items, pairs{{"TemplateId", id}, {"SubscribeStatusString", "reject"}})
	}
	e := m.event(u, now, "event").add("Event", "subscribe_msg_change_event")
	e.list("SubscribeMsgChangeEvent", items)
	return s.miniScene(u, a, "subscribe_msg_change_event", e), nil
}

// authorizePhone gives the mini program a code for the person's number.
func (s *Simulator) authorizePhone(m *mini, a Act) (scene, error) {
	u, err := s.user(m, a.Who)
	if err != nil {
		return scene{}, err
	}
	now, number := s.clk.Now().UnixMilli(), a.With
	def(&number, u.person.phoneNumber())
	s.note(&u.person.chat, m.AppID, now, "你允许“"+m.Name+"”使用手机号 "+number)
	sc := scene{played: u.played()}
	sc.played.Code = s.giveCode(u, number, now)
	return sc, nil
}

// rawMini pushes any text as it is, sealed and signed.
func (s *Simulator) rawMini(m *mini, a Act) (scene, error) {
	if strings.TrimSpace(a.With) == "" {
		return scene{}, fault.New(fault.Invalid, "缺少 with：请写要推送的 JSON 或 XML")
	}
	return scene{Played{Who: a.Who, OpenID: a.Who}, func() ([]*Callback, error) {
		return s.callMini(m, a.Who, "raw", []byte(a.With), a.Repeat)
	}}, nil
}
