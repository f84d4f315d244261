package demo

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/channels/simulator"
)

// firmDefinitions are what 云帆软件 added to the starter's. No hours are quiet, so that the demo goes the same
// way at night; only promotional texts wait for the morning, since the platform refuses them outside its hours.
const firmDefinitions = `
policies:
  - key: default
    quiet: {from: "00:00", to: "00:00"}
    sms_hours: {from: "09:00", to: "20:00"}
tags:
  - {key: demo_case, name: 新案例名单, group: 活动, kind: manual}
messages:
  - {key: demo_case, name: 新案例短信, channel: sms, class: marketing, kind: marketing, template_code: ` + smsTemplate + `, content: ` + smsText + `}
  - {key: demo_visit, name: 粉丝回访, channel: official_kf, class: service, kind: text, content: 上次的案例对您有帮助吗？回复“演示”可以约一次讲解。}
  - {key: demo_progress, name: 申请进度提醒, channel: mini_subscribe, class: service, kind: subscribe, template_id: ` + miniTemplate + `, risk: low, page: pages/index,
     data: {thing1: 试用申请, thing2: 已受理，顾问会联系您}}
journeys:
  - {key: paper_follow, name: 资料下载后跟进, note: 下载或留资后等一天，还没约演示就短信推一条案例, subject: contact, status: live,
     settings: {entry: {mode: again, days: 30}, goal: {events: [trial.requested], within: 14d, note: 约了演示}},
     nodes: [{id: got, component: on_event, config: {events: [form.submitted, file.downloaded]}},
       {id: rest, component: wait, config: {mode: for, for: 1d}},
       {id: can, component: can_reach, config: {template: demo_case}},
       {id: text, component: send_sms, config: {template: demo_case}},
       {id: done, component: end}],
     edges: [{from: got, to: rest}, {from: rest, to: can}, {from: can, port: open, to: text}, {from: can, port: closed, to: done}, {from: text, to: done}]}
  - {key: trial_follow, name: 试用后回访, note: 约演示三天后还没有下文，提醒客户经理跟进, subject: contact, status: live,
     settings: {entry: {mode: again, days: 30}, goal: {events: [order.paid], within: 60d, note: 成交}},
     nodes: [{id: asked, component: on_event, config: {events: [trial.requested]}},
       {id: rest, component: wait, config: {mode: for, for: 3d}},
       {id: alert, component: alert, config: {template: hot_lead, to: [all_added, first_added, leader, roles], roles: [leader, admin]}},
       {id: done, component: end}],
     edges: [{from: asked, to: rest}, {from: rest, to: alert}, {from: alert, to: done}]}
  - {key: fan_care, name: 新粉丝培育, note: 关注两小时后回访一次, subject: contact, status: live,
     settings: {entry: {mode: again, days: 30}, exit: [{events: [oa.unfollowed], note: 已取关}]},
     nodes: [{id: came, component: on_event, config: {events: [oa.followed]}},
       {id: rest, component: wait, config: {mode: for, for: 2h}},
       {id: say, component: send_official, config: {template: demo_visit}},
       {id: done, component: end}],
     edges: [{from: came, to: rest}, {from: rest, to: say}, {from: say, to: done}]}
  - {key: hot_lead, name: 热线索提醒, note: 首次成为 MQL、预约演示或试用，马上提醒加过她的员工，没人加过就提醒主管；同一个人 7 天内最多一次, subject: contact, status: live,
     settings: {entry: {mode: again, days: 7}, priority: 80},
     nodes: [{id: became_mql, component: on_change, config: {change: stage_entered, stages: [mql], first: true}},
       {id: asked_demo, component: on_event, config: {events: [trial.requested]}},
       {id: alert, component: alert, config: {template: hot_lead, to: [event_staff, all_added, first_added, leader, roles], roles: [leader, admin]}},
       {id: done, component: end}],
     edges: [{from: became_mql, to: alert}, {from: asked_demo, to: alert}, {from: alert, to: done}]}
  - {key: demo_text, name: 新案例短信, note: 给名单里的人发一条推广短信, subject: contact, status: live, settings: {entry: {mode: concurrent}},
     nodes: [{id: asked, component: on_change, config: {change: tag_added, tags: [demo_case]}},
       {id: text, component: send_sms, config: {template: demo_case}}, {id: done, component: end}],
     edges: [{from: asked, to: text}, {from: text, to: done}]}
  - {key: demo_progress, name: 申请进度, subject: contact, status: live, settings: {entry: {mode: concurrent}},
     nodes: [{id: yes, component: on_event, config: {events: [mp.subscription_answered], where: [{prop: answer, op: eq, value: accept}]}},
       {id: tell, component: send_mini, config: {template: demo_progress}}, {id: done, component: end}],
     edges: [{from: yes, to: tell}, {from: tell, to: done}]}
`

// today is how many people of the past do something on the firm's pages this morning.
const today = 90

// morning plays the hours before somebody looks: people act on their phones, so that messages went out,
// were kept back, and people walk in journeys.
func (s *Show) morning(ctx context.Context, past past) error {
	p := Progress{What: "今天上午：粉丝在手机上点菜单、留言、加好友"}
	s.say("morning", p)
	oa := func(who, do, with string) error {
		_, err := s.act(ctx, simulator.Act{Who: who, App: appID, Do: do, With: with})
		return err
	}
	for i := range crowd { // whoever writes can be answered for two days; a fourth only follow
		who := crowdID(i)
		if err := oa(who, "follow", []string{"expo-2026", "article", "qr-home"}[i%3]); err != nil {
			return err
		}
		switch i % 4 {
		case 0:
			if err := oa(who, "say", []string{"报价", "可以试用吗", "想看演示"}[i/4%3]); err != nil {
				return err
			}
		case 1:
			if err := oa(who, "menu", buttons[0]); err != nil {
				return err
			}
			if err := oa(who, "say", "请问支持私有化部署吗"); err != nil {
				return err
			}
		case 2:
			if err := oa(who, "say", []string{"你好", "可以对接企业微信吗", "有没有制造业的案例"}[i/4%3]); err != nil {
				return err
			}
		}
	}
	fresh := s.callers(past)
	var list []map[string]any
	for i, c := range fresh {
		if i == today {
			break
		}
		x := map[string]any{"id": "today-" + c.visitor, "identities": c.names(), "props": map[string]any{"form": "white-paper"}, "type": event.FormSubmitted}
		switch i % 5 {
		case 3:
			if !c.befriended {
				continue // there would be nobody to tell
			}
			x["type"], x["props"] = event.TrialRequested, map[string]any{}
		case 4:
			x["type"], x["object"], x["props"] = event.FileDownloaded, map[string]string{"type": "file", "id": papers[i%len(papers)]}, map[string]any{}
		}
		list = append(list, x)
	}
	if len(list) > 0 {
		if err := s.api.call(ctx, http.MethodPost, "/events", map[string]any{"events": list}, nil); err != nil {
			return err
		}
	}
	if err := s.through(ctx); err != nil {
		return err
	}
	if err := s.introduce(ctx, past); err != nil {
		return err
	}
	if err := s.agree(ctx, fresh); err != nil {
		return err
	}
	return s.textSome(ctx, fresh)
}

// agree lets two thirds of those who left their number today allow promotional texts; the others' journey says
// that they did not.
func (s *Show) agree(ctx context.Context, people []*client) error {
	for i, c := range people[:min(today, len(people))] {
		if i%3 == 0 {
			continue
		}
		id, err := s.find(ctx, event.KindPhone, "", c.phone)
		if err != nil {
			return err
		}
		if id == "" {
			continue
		}
		if err := s.consent(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// introduce lets most of the new fans say who they are: a platform does not tell.
func (s *Show) introduce(ctx context.Context, p past) error {
	for i := range crowd {
		if i%5 == 4 {
			continue
		}
		id, err := s.find(ctx, event.KindOpenID, appID, crowdID(i))
		if err != nil {
			return err
		}
		if id == "" {
			continue
		}
		of := p.people[i*7%len(p.people)]
		values := map[string]any{"name": crowdName(i), "company": of.firm.name, "title": of.title}
		if err := s.caller().call(ctx, http.MethodPatch, "/contacts/"+id, map[string]any{"values": values}, nil); err != nil {
			return err
		}
	}
	return nil
}

// callers are people of the past who left a number, and are no friends of 王磊: his phone is still today.
func (s *Show) callers(p past) []*client {
	var out []*client
	for _, c := range p.people {
		if c.phone != "" && c.wrote && (c.staff != sales || !c.befriended) {
			out = append(out, c)
		}
	}
	return out
}

// names are a client's identities as the API takes them.
func (c *client) names() []map[string]string {
	out := []map[string]string{identity(event.KindVisitor, "", c.visitor)}
	if c.phone != "" {
		out = append(out, identity(event.KindPhone, "", c.phone))
	}
	return out
}

// textSome lets a dozen people get a promotional text: some agreed to it, some did not.
func (s *Show) textSome(ctx context.Context, people []*client) error {
	texted := 0
	for _, c := range people[min(today, len(people)):] {
		if texted == 12 {
			break
		}
		id, err := s.find(ctx, event.KindPhone, "", c.phone)
		if err != nil {
			return err
		}
		if id == "" { // what they did last, their form perhaps, did not find room in the past
			continue
		}
		if texted%3 > 0 {
			if err := s.consent(ctx, id); err != nil {
				return err
			}
		}
		if err := s.enter(ctx, "demo_text", id); err != nil {
			return err
		}
		texted++
	}
	return nil
}

// find is the number of the person with an identity, "" for nobody.
func (s *Show) find(ctx context.Context, kind, scope, value string) (string, error) {
	var list struct {
		Items []struct {
			ContactID string `json:"contact_id"`
		}
	}
	if err := s.caller().call(ctx, http.MethodGet, "/identities?"+query("kind", kind, "scope", scope, "value", value), nil, &list); err != nil || len(list.Items) == 0 {
		return "", err
	}
	return list.Items[0].ContactID, nil
}

func (s *Show) consent(ctx context.Context, id string) error {
	return s.caller().call(ctx, http.MethodPost, "/contacts/"+id+"/consents",
		map[string]any{"purpose": "marketing_sms", "granted": true, "version": "2026-11", "source": "电话确认"}, nil)
}

// enter lets somebody enter a journey, as a marketer does with a click.
func (s *Show) enter(ctx context.Context, journey, id string) error {
	var list struct {
		Items []struct{ ID, Key string }
	}
	if err := s.caller().call(ctx, http.MethodGet, "/journeys?limit=200", nil, &list); err != nil {
		return err
	}
	for _, j := range list.Items {
		if j.Key == journey {
			return s.caller().call(ctx, http.MethodPost, "/journeys/"+j.ID+"/runs", map[string]any{"contact_id": id}, nil)
		}
	}
	return fault.New(fault.NotFound, "没有旅程 %s", journey)
}

// background keeps the firm alive: somebody does something every three seconds of business time.
func (s *Show) background(ctx context.Context, p past) error {
	r := rand.New(rand.NewPCG(historySeed, 2))
	var fans []string
	following := map[string]bool{}
	for _, e := range p.events {
		switch e.Type {
		case event.OAFollowed:
			following[e.Identities[0].Value] = true
		case event.OAUnfollowed:
			delete(following, e.Identities[0].Value)
		}
	}
	for _, c := range p.people {
		if following[c.openid] && c.staff != sales {
			fans = append(fans, c.openid)
		}
	}
	for i := range crowd {
		fans = append(fans, crowdID(i))
	}
	next := s.clk.Now().Add(3 * time.Second)
	t := time.NewTicker(300 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		now := s.clk.Now()
		if now.Before(next) {
			continue
		}
		if next = next.Add(3 * time.Second); next.Before(now) { // time was moved: what would have been is not made up
			next = now.Add(3 * time.Second)
		}
		a := simulator.Act{Who: draft(r, fans), App: appID, Do: "menu", With: draft(r, buttons)}
		if r.IntN(3) == 0 {
			a.Do, a.With = "say", draft(r, remarks)
		}
		if _, err := s.platforms.Act(ctx, a); err != nil && !errors.Is(err, context.Canceled) {
			slog.Debug("background act", "do", a.Do, "err", err)
		}
	}
}
