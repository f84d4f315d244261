package demo

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/koi-scrm/koi/app/bundle"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/channels/simulator"
)

// scene is one step of the story.
type scene struct {
	title string
	acts  []simulator.Act
	odd   *simulator.Misbehaviour // what the platform does wrong meanwhile
	// do is what happens elsewhere than on a phone: on a page, in the firm's other systems, in Koi.
	do func(*story, context.Context) error
	// until is what must reach phones before the story goes on.
	until []arrival
	// then looks at what came of it.
	then func(*story, context.Context) error
	note string
}

// arrival is a message somebody waits for.
type arrival struct{ to, kind, name string }

func (a arrival) is(d simulator.Delivery) bool {
	return d.To == a.to && (a.kind == "" || d.Kind == a.kind)
}

const (
	casePage      = "case-2026"
	visitorZhou   = "v_demoZhouMin0000000000001"
	visitorFriend = "v_demoLiQiang000000000001"
)

func scenes() []scene {
	oa := func(do, with string) simulator.Act {
		return simulator.Act{Who: customer, App: appID, Do: do, With: with}
	}
	mini := simulator.Act{Who: miniCustomer, App: miniID, Do: "mini_subscribe", With: miniTemplate + "=accept"}
	reaches := func(who string) []arrival { return []arrival{{to: who, name: "手机收到"}} }
	return []scene{
		{title: "周敏在展会上扫码关注了“云帆软件”公众号", acts: []simulator.Act{oa("follow", "expo-2026")}, until: reaches(customer)},
		{title: "她点了菜单“产品介绍”", acts: []simulator.Act{oa("menu", buttons[0])}},
		{title: "她发了“报价”——平台没收到我们的应答，又原样推了两次", acts: []simulator.Act{{Who: customer, App: appID, Do: "say", With: "报价", Repeat: 2}},
			until: reaches(customer), note: "三次推送，只算一次，只回一次"},
		{title: "她加了客户经理王磊的企业微信：马上收到欢迎语；同一个 UnionID，两份资料合成一个人，意向一下子够热了。企业微信的消息接口这时正忙，第一次答了 -1",
			acts:  []simulator.Act{{Who: external, App: corpID, Do: "add_staff", With: sales, State: "expo-2026"}},
			odd:   &simulator.Misbehaviour{Path: "/cgi-bin/message/send", Code: -1, Times: 1},
			until: []arrival{{external, "welcome", "周敏收到欢迎语"}, {sales, "", "王磊收到提醒"}}, note: "稍后重试，王磊只收到一次"},
		{title: "她又问“试用”：7 天内已经提醒过，不再打扰王磊", acts: []simulator.Act{oa("say", "试用")}, until: reaches(customer)},
		{title: "市场专员陈静分享了客户案例，周敏从她的链接打开，看了 45 秒，留下手机号；留资马上推给公司的订单系统", do: (*story).openCase, then: (*story).pushed},
		{title: "周敏把案例转给同事李强：链接里换成了她自己的标记", do: (*story).forward, then: (*story).chain},
		{title: "她在文章里订阅了“直播开始提醒”", acts: []simulator.Act{{Who: customer, App: appID, Do: "subscribe_notice", With: noticeTemplate + "=accept", State: "1"}},
			until: []arrival{{customer, "", "收到订阅通知"}}, then: says("official_notice", "sent", "delivered"), note: "订一次只能发一条，余额随之扣减"},
		{title: "她打开小程序登录（小程序后台用 UnionID 报给 Koi），订阅申请进度", do: (*story).registered, acts: []simulator.Act{mini},
			until: []arrival{{miniCustomer, "", "收到小程序订阅消息"}}, then: says("mini_subscribe", "sent", "delivered")},
		{title: "她又订阅了一次，这回微信答 45009：接口今日额度用完", do: nextSecond, acts: []simulator.Act{mini},
			odd:  &simulator.Misbehaviour{Path: "/cgi-bin/message/subscribe/send", Code: 45009, Times: 1},
			then: says("mini_subscribe", "waiting", "suppressed"), note: "这个接口停到额度恢复，不去反复碰壁；别的渠道照常"},
		{title: "王磊电话里征得同意，市场部给她发推广短信", do: (*story).consentAndText, until: []arrival{{phone, "sms", "收到短信"}}, then: says("sms", "sent", "delivered")},
		{title: "她回了 R", acts: []simulator.Act{{Who: phone, App: signName, Do: "reply_sms", With: "R"}}},
		{title: "市场部再发一次推广短信", do: starts("demo_text"), then: says("sms", "suppressed")},
		{title: "她取消了关注", acts: []simulator.Act{oa("unfollow", "")}},
		{title: "市场部想用公众号回访她", do: starts("demo_visit"), then: says("official_kf", "suppressed")},
	}
}

// nextSecond lets the platform's clock move on: two answers of one person in the same second are one answer
// told twice.
func nextSecond(_ *story, ctx context.Context) error {
	t := time.NewTimer(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// says tells what the API says about the newest message of a channel.
func says(channel string, states ...string) func(*story, context.Context) error {
	return func(s *story, ctx context.Context) error { return s.outcome(ctx, channel, states...) }
}

func starts(journey string) func(*story, context.Context) error {
	return func(s *story, ctx context.Context) error { return s.start(ctx, journey) }
}

// definitions are what the firm added to the starter's. The hours are open, so that the story goes the same
// way at night.
const definitions = `
policies:
  - key: default
    quiet: {from: "00:00", to: "00:00"}
    sms_hours: {from: "00:00", to: "00:00"}
tags:
  - {key: demo_case, name: 新案例名单}
  - {key: demo_visit, name: 回访名单}
messages:
  - {key: demo_live, name: 直播开始提醒, channel: official_notice, class: service, kind: notice, template_id: ` + noticeTemplate + `, risk: low,
     data: {thing1: 客户案例直播, thing2: 点开即可观看}}
  - {key: demo_progress, name: 申请进度提醒, channel: mini_subscribe, class: service, kind: subscribe, template_id: ` + miniTemplate + `, risk: low, page: pages/index,
     data: {thing1: 试用申请, thing2: 已受理，顾问会联系您}}
  - {key: demo_case, name: 新案例短信, channel: sms, class: marketing, kind: marketing, template_code: ` + smsTemplate + `, content: ` + smsText + `}
  - {key: demo_visit, name: 回访, channel: official_kf, class: service, kind: text, content: 上次的案例对您有帮助吗？}
journeys:
  - {key: demo_live, name: 直播提醒, subject: contact, status: live, settings: {entry: {mode: concurrent}},
     nodes: [{id: yes, component: on_event, config: {events: [oa.subscription_answered], where: [{prop: answer, op: eq, value: accept}]}},
       {id: tell, component: send_notice, config: {template: demo_live}}, {id: done, component: end}],
     edges: [{from: yes, to: tell}, {from: tell, to: done}]}
  - {key: demo_progress, name: 申请进度, subject: contact, status: live, settings: {entry: {mode: concurrent}},
     nodes: [{id: yes, component: on_event, config: {events: [mp.subscription_answered], where: [{prop: answer, op: eq, value: accept}]}},
       {id: tell, component: send_mini, config: {template: demo_progress}}, {id: done, component: end}],
     edges: [{from: yes, to: tell}, {from: tell, to: done}]}
  - {key: demo_push, name: 留资推给订单系统, subject: contact, status: live, settings: {entry: {mode: concurrent}},
     nodes: [{id: left, component: on_event, config: {events: [form.submitted]}},
       {id: push, component: webhook, config: {webhook: orders}}, {id: done, component: end}],
     edges: [{from: left, to: push}, {from: push, to: done}]}
  - {key: demo_text, name: 新案例短信, subject: contact, status: live, settings: {entry: {mode: concurrent}},
     nodes: [{id: asked, component: on_change, config: {change: tag_added, tags: [demo_case]}},
       {id: text, component: send_sms, config: {template: demo_case}}, {id: done, component: end}],
     edges: [{from: asked, to: text}, {from: text, to: done}]}
  - {key: demo_visit, name: 回访, subject: contact, status: live, settings: {entry: {mode: concurrent}},
     nodes: [{id: asked, component: on_change, config: {change: tag_added, tags: [demo_visit]}},
       {id: say, component: send_official, config: {template: demo_visit}}, {id: done, component: end}],
     edges: [{from: asked, to: say}, {from: say, to: done}]}
`

// prepare makes the keys, the webhook and the firm's own definitions.
func (s *story) prepare(ctx context.Context) error {
	if err := s.keys(ctx); err != nil {
		return err
	}
	var hook struct{ Secret string }
	if err := s.call(ctx, http.MethodPost, "/webhooks", map[string]any{"key": "orders", "name": "订单系统", "url": s.other.url}, &hook); err != nil {
		return err
	}
	s.other.secret = hook.Secret
	// A journey runs with short messages only when Aliyun approved their template.
	if err := s.call(ctx, http.MethodPost, "/sms-templates/refresh", nil, nil); err != nil {
		return err
	}
	b, err := bundle.Parse("demo.yaml", []byte(definitions))
	if err != nil {
		return err
	}
	_, err = s.koi.Bundles.Apply(ctx, b, "demo")
	return err
}

// openCase: 陈静's link, opened and read by 周敏, who leaves her number.
func (s *story) openCase(ctx context.Context) error {
	var link struct{ Token string }
	if err := s.call(ctx, http.MethodPost, "/shares", map[string]any{"page": casePage, "staff": sharer}, &link); err != nil {
		return err
	}
	s.link = link.Token
	if err := s.beacon(ctx, visitorZhou, link.Token, event.PageViewed, event.PageDwelled); err != nil {
		return err
	}
	return s.report(ctx, event.FormSubmitted, map[string]any{"form": "case"},
		identity(event.KindOpenID, appID, customer), identity(event.KindVisitor, "", visitorZhou), identity(event.KindPhone, "", phone))
}

// pushed tells what the other system received.
func (s *story) pushed(ctx context.Context) error {
	t := time.NewTimer(15 * time.Second)
	defer t.Stop()
	select {
	case p := <-s.other.got:
		if !p.signed {
			return fault.New(fault.Invalid, "订单系统收到的签名不对")
		}
		s.say("     → 订单系统收到 %s，%d 字节，签名正确", p.kind, p.bytes)
	case <-t.C:
		return fault.New(fault.Unavailable, "等了 15 秒，订单系统没有收到推送")
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.outcome(ctx, "webhook", "sent")
}

// forward: what 周敏 passes on carries her own token.
func (s *story) forward(ctx context.Context) error {
	var own struct{ Token string }
	q := url.Values{"page": {casePage}, "visitor": {visitorZhou}, "s": {s.link}}
	if err := s.visit(ctx, http.MethodGet, "/t/share?"+q.Encode(), nil, &own); err != nil {
		return err
	}
	return s.beacon(ctx, visitorFriend, own.Token, event.PageViewed, event.PageDwelled)
}

// shareNode is a person in a share's tree.
type shareNode struct {
	Contact     struct{ Name string }
	Depth       int
	Counted     bool
	MarkLabel   string `json:"mark_label"`
	CreditLabel string `json:"credit_label"`
	Children    []shareNode
}

// chain tells whom 陈静's link brought.
func (s *story) chain(ctx context.Context) error {
	var tree struct{ Children []shareNode }
	if err := s.call(ctx, http.MethodGet, "/shares/"+s.link, nil, &tree); err != nil {
		return err
	}
	text, people := "陈静", 0
	for list := tree.Children; len(list) > 0; list = list[0].Children {
		n := list[0]
		people++
		name := n.Contact.Name
		if name == "" {
			name = "新访客"
		}
		text += fmt.Sprintf(" → %s（第 %d 层，%s，%s）", name, n.Depth, n.MarkLabel, n.CreditLabel)
	}
	if people != 2 {
		return fault.New(fault.Unavailable, "分享链上应有 2 人，现在是 %d 人", people)
	}
	s.say("     API：传播链 %s", text)
	return nil
}

// registered: the mini-program's own server knows both names of who signs in.
func (s *story) registered(ctx context.Context) error {
	if err := s.report(ctx, event.ContactRegistered, nil, identity(event.KindUnionID, "", unionID), identity(event.KindOpenID, miniID, miniCustomer)); err != nil {
		return err
	}
	return s.through(ctx)
}

func (s *story) consentAndText(ctx context.Context) error {
	if err := s.call(ctx, http.MethodPost, "/contacts/"+s.contact+"/consents",
		map[string]any{"purpose": "marketing_sms", "granted": true, "version": "2026-11", "source": "电话确认"}, nil); err != nil {
		return err
	}
	return s.start(ctx, "demo_text")
}
