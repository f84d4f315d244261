package simulator

import (
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/fault"
)

// follower finds the person an act is about as this account knows them. Someone new is met here; known
// elsewhere only, they get an OpenID of this account's own.
func (s *Simulator) follower(o *official, who string) (*follower, error) {
	if f := o.followers[who]; f != nil {
		return f, nil
	}
	p, err := s.someone(who)
	if err != nil {
		return nil, err
	}
	if f := p.follower(o); f != nil {
		return f, nil
	}
	openID := who
	if p.id != "" {
		openID = "o" + shortHash(o.AppID+" "+p.id, 27)
	}
	return s.meet(p, o, openID), nil
}

// present is follower for acts only a follower can do. Someone nobody mentioned before is taken to have
// followed long ago; anyone else who doesn't follow is refused.
func (s *Simulator) present(o *official, who string) (*follower, error) {
	unknown := s.people[who] == nil
	f, err := s.follower(o, who)
	if err != nil {
		return nil, err
	}
	if unknown {
		f.subscribed, f.since = true, s.clk.Now().Unix()
	}
	if !f.subscribed {
		return nil, fault.New(fault.Conflict, "%s 没有关注“%s”，须先 follow", f.person.Name, o.Name)
	}
	return f, nil
}

// officialEvent begins the XML of a follower's event.
func (s *Simulator) officialEvent(f *follower, now int64, name string) *event {
	return s.officialMessage(f, now, "event").text("Event", name)
}

func (s *Simulator) officialMessage(f *follower, now int64, msgType string) *event {
	return newEvent().text("ToUserName", f.official.OriginalID).text("FromUserName", f.openID).
		num("CreateTime", now/1000).text("MsgType", msgType)
}

// scene pushes a follower's event once the lock is released.
func (s *Simulator) followerScene(f *follower, a Act, name string, e *event) scene {
	played := Played{Who: f.openID, OpenID: f.openID, UnionID: f.person.UnionID}
	plain, o, openID := e.done(), f.official, f.openID
	return scene{played, func() ([]*Callback, error) { return s.callOfficial(o, openID, name, plain, a.Repeat) }}
}

func (s *Simulator) follow(o *official, a Act) (scene, error) {
	f, err := s.follower(o, a.Who)
	if err != nil {
		return scene{}, err
	}
	if f.subscribed {
		return scene{}, fault.New(fault.Conflict, "%s 已经关注“%s”", f.person.Name, o.Name)
	}
	return s.subscribe(f, a), nil
}

func (s *Simulator) subscribe(f *follower, a Act) scene {
	now := s.clk.Now().UnixMilli()
	f.subscribed, f.since, f.scene = true, now/1000, a.With
	f.acted(now, s.counters.standing("oa.kf.action"))
	e := s.officialEvent(f, now, "subscribe")
	if a.With != "" {
		e.text("EventKey", "qrscene_"+a.With).text("Ticket", qrTicket(a.With))
	} else {
		e.text("EventKey", "")
	}
	s.note(&f.person.chat, f.official.AppID, now, "你关注了“"+f.official.Name+"”")
	return s.followerScene(f, a, "subscribe", e)
}

func (s *Simulator) unfollow(o *official, a Act) (scene, error) {
	f, err := s.present(o, a.Who)
	if err != nil {
		return scene{}, err
	}
	now := s.clk.Now().UnixMilli()
	f.subscribed, f.message, f.action = false, allowance{}, allowance{}
	s.note(&f.person.chat, o.AppID, now, "你取消关注了“"+o.Name+"”")
	return s.followerScene(f, a, "unsubscribe", s.officialEvent(f, now, "unsubscribe").text("EventKey", "")), nil
}

// scan follows first where the person doesn't, and then only that event is pushed.
func (s *Simulator) scan(o *official, a Act) (scene, error) {
	f, err := s.follower(o, a.Who)
	if err != nil {
		return scene{}, err
	}
	if a.With == "" {
		return scene{}, fault.New(fault.Invalid, "缺少 with：请写二维码的场景值")
	}
	if !f.subscribed {
		return s.subscribe(f, a), nil
	}
	now := s.clk.Now().UnixMilli()
	f.acted(now, s.counters.standing("oa.kf.action"))
	s.note(&f.person.chat, o.AppID, now, "你扫描了“"+o.Name+"”的二维码（"+a.With+"）")
	e := s.officialEvent(f, now, "SCAN").text("EventKey", a.With).text("Ticket", qrTicket(a.With))
	return s.followerScene(f, a, "SCAN", e), nil
}

func (s *Simulator) menu(o *official, a Act) (scene, error) {
	f, err := s.present(o, a.Who)
	if err != nil {
		return scene{}, err
	}
	now, name := s.clk.Now().UnixMilli(), a.With
	for _, top := range o.Menu {
		for _, b := range slices.Concat(top.Sub, []Button{top}) {
			if b.Key == a.With {
				name = b.Name
			}
		}
	}
	f.acted(now, s.counters.standing("oa.kf.action"))
	s.note(&f.person.chat, o.AppID, now, "你点了菜单“"+name+"”")
	return s.followerScene(f, a, "CLICK", s.officialEvent(f, now, "CLICK").text("EventKey", a.With)), nil
}

// menuLink opens no window ("点击跳转链接不触发").
func (s *Simulator) menuLink(o *official, a Act) (scene, error) {
	f, err := s.present(o, a.Who)
	if err != nil {
		return scene{}, err
	}
	now := s.clk.Now().UnixMilli()
	s.note(&f.person.chat, o.AppID, now, "你打开了菜单链接")
	e := s.officialEvent(f, now, "VIEW").text("EventKey", a.With).num("MenuId", 400_000_000)
	return s.followerScene(f, a, "VIEW", e), nil
}

func (s *Simulator) sayToOfficial(o *official, a Act) (scene, error) {
	f, err := s.present(o, a.Who)
	if err != nil {
		return scene{}, err
	}
	now := s.clk.Now().UnixMilli()
	f.wrote(now, s.counters.standing("oa.kf.message"))
	s.say(&f.person.chat, o.AppID, now, "text", a.With)
	e := s.officialMessage(f, now, "text").text("Content", a.With).num("MsgId", s.nextID())
	return s.followerScene(f, a, "text", e), nil
}

// choose answers a msgmenu. For the windows that is a menu click, not a message (客服消息, 说明).
func (s *Simulator) choose(o *official, a Act) (scene, error) {
	f, err := s.present(o, a.Who)
	if err != nil {
		return scene{}, err
	}
	now, label := s.clk.Now().UnixMilli(), a.With
	for l := range f.person.chat.lines.all() {
		if l.Kind != "msgmenu" {
			continue
		}
		content, _ := parse(l.Content)
		for _, item := range content.objs("list") {
			if item.str("id") == a.With {
				label = item.str("content")
			}
		}
	}
	f.acted(now, s.counters.standing("oa.kf.action"))
	s.say(&f.person.chat, o.AppID, now, "text", label)
	e := s.officialMessage(f, now, "text").text("Content", label).num("MsgId", s.nextID()).text("bizmsgmenuid", a.With)
	return s.followerScene(f, a, "text", e), nil
}

func (s *Simulator) photo(o *official, a Act) (scene, error) {
	f, err := s.present(o, a.Who)
	if err != nil {
		return scene{}, err
	}
	now := s.clk.Now().UnixMilli()
	f.wrote(now, s.counters.standing("oa.kf.message"))
	s.say(&f.person.chat, o.AppID, now, "text", "[图片]")
	id := s.nextID()
	e := s.officialMessage(f, now, "image").text("PicUrl", a.With).text("MediaId", fmtID("media", id)).num("MsgId", id)
	return s.followerScene(f, a, "image", e), nil
}

func (s *Simulator) locate(o *official, a Act) (scene, error) {
	f, err := s.present(o, a.Who)
	if err != nil {
		return scene{}, err
	}
	latitude, longitude, both := strings.Cut(a.With, ",")
	if !both {
		return scene{}, fault.New(fault.Invalid, "with 应为“纬度,经度”")
	}
	now := s.clk.Now().UnixMilli()
	s.note(&f.person.chat, o.AppID, now, "你上报了位置")
	e := s.officialEvent(f, now, "LOCATION").text("Latitude", strings.TrimSpace(latitude)).
		text("Longitude", strings.TrimSpace(longitude)).text("Precision", "65.0")
	return s.followerScene(f, a, "LOCATION", e), nil
}

// refuseTemplates makes template messages end in "failed:user block"; the platform pushes nothing then.
func (s *Simulator) refuseTemplates(o *official, a Act) (scene, error) {
	return s.setRefusal(o, a, func(f *follower) string { f.refuses = true; return "你拒收了“" + o.Name + "”的模板消息" })
}

func (s *Simulator) acceptTemplates(o *official, a Act) (scene, error) {
	return s.setRefusal(o, a, func(f *follower) string {
		f.refuses = false
		return "你恢复接收“" + o.Name + "”的模板消息"
	})
}

func (s *Simulator) setRefusal(o *official, a Act, set func(*follower) string) (scene, error) {
	f, err := s.present(o, a.Who)
	if err != nil {
		return scene{}, err
	}
	s.note(&f.person.chat, o.AppID, s.clk.Now().UnixMilli(), set(f))
	return scene{played: Played{Who: f.openID, OpenID: f.openID, UnionID: f.person.UnionID}}, nil
}

// rawOfficial pushes any XML as it is, sealed and signed: for events this world has no act for.
func (s *Simulator) rawOfficial(o *official, a Act) (scene, error) {
	if strings.TrimSpace(a.With) == "" {
		return scene{}, fault.New(fault.Invalid, "缺少 with：请写要推送的 XML")
	}
	return scene{Played{Who: a.Who, OpenID: a.Who}, func() ([]*Callback, error) {
		return s.callOfficial(o, a.Who, "raw", []byte(a.With), a.Repeat)
	}}, nil
}
