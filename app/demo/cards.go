package demo

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/channels/simulator"
)

// card is one of the tasks at the left.
type card struct {
	key, title, intro string
	steps             []step
}

// step is something to do. It ticks itself when its effect was seen, whoever did it: the button, or a hand
// on a phone.
type step struct {
	key, title string
	button     string // "" for 做这一步
	// do plays it; nil is nothing but showing.
	do func(*Show, context.Context, *glance) (view, error)
	// done says whether the effect is there, and what to tell of it. nil: done once it was played.
	done func(*Show, *glance) (bool, string)
	// built says whether what it needs is there; nil: always.
	built func(features) bool
}

// view is what the page turns to.
type view struct {
	Console string `json:"console,omitempty"` // path in the console
	Phone   string `json:"phone,omitempty"`   // whose
	View    string `json:"view,omitempty"`    // chat, web
	Path    string `json:"path,omitempty"`    // of view web: the page; of chat: the conversation, "" for the usual one
	Role    string `json:"role,omitempty"`
	Note    string `json:"note,omitempty"`
}

// alerts is the conversation in which the app tells its staff.
var alerts = fmt.Sprintf("%s/%d", corpID, agentID)

func cards() []card {
	return []card{lookCard(), customerCard(), salesCard(), employeeCard(), handCard()}
}

func lookCard() card {
	return card{key: "look", title: "先看看", intro: "云帆软件卖客户管理软件：90 天里来了 3000 人。现在打开它的工作台。", steps: []step{
		{key: "home", title: "打开工作台：今天来了谁、谁热了", button: "打开", do: func(*Show, context.Context, *glance) (view, error) {
			return view{Console: "/", Role: "market"}, nil
		}},
		{key: "hot", title: "看最热的客户：点名字进客户 360，每一分都有理由", button: "打开", do: func(s *Show, ctx context.Context, _ *glance) (view, error) {
			id, err := s.hottest(ctx)
			if err != nil {
				return view{}, err
			}
			return view{Console: "/contacts/" + id, Role: "market"}, nil
		}},
		{key: "journeys", title: "看跑着的旅程：点开一条，每一步有多少人", button: "打开", do: func(*Show, context.Context, *glance) (view, error) {
			return view{Console: "/journeys", Role: "market"}, nil
		}},
		{key: "messages", title: "看哪些消息被拦下，为什么", button: "打开", do: func(*Show, context.Context, *glance) (view, error) {
			return view{Console: "/messages?state=suppressed", Role: "market"}, nil
		}},
		{key: "clock", title: "把业务时间拨快两小时：到点的旅程自己往前走", button: "+2 小时", do: func(s *Show, ctx context.Context, _ *glance) (view, error) {
			return view{Console: "/journeys", Role: "market"}, s.turn(ctx, 2*time.Hour, -1)
		}},
	}}
}

func oaAct(do, with string) func(*Show, context.Context, *glance) (view, error) {
	return func(s *Show, ctx context.Context, _ *glance) (view, error) {
		_, err := s.act(ctx, simulator.Act{Who: customer, App: appID, Do: do, With: with})
		return view{Phone: "zhoumin", View: "chat"}, err
	}
}

func has(kind string) func(*Show, *glance) (bool, string) {
	return func(_ *Show, g *glance) (bool, string) { return g.did(kind, nil) > 0, "" }
}

func opens(who string, page func(features) string) func(*Show, context.Context, *glance) (view, error) {
	return func(_ *Show, _ context.Context, g *glance) (view, error) {
		return view{Phone: who, View: "web", Path: "/p/" + page(g.Features)}, nil
	}
}

func paper(f features) string   { return f.Paper }
func pricing(f features) string { return f.Pricing }

func viewed(page func(features) string, times int) func(*Show, *glance) (bool, string) {
	return func(_ *Show, g *glance) (bool, string) {
		n := g.did(event.PageViewed, func(d deed) bool { return d.ObjectID == page(g.Features) })
		if n > 0 && n < times {
			return false, fmt.Sprintf("已打开 %d 次", n)
		}
		return n >= times, ""
	}
}

func customerCard() card {
	return card{key: "customer", title: "做一回客户", intro: "您是周敏，在展会上看到云帆软件的二维码。右边是她的手机。", steps: []step{
		{key: "scan", title: "扫码关注公众号，一秒内收到欢迎", do: oaAct("follow", "expo-2026"), done: func(_ *Show, g *glance) (bool, string) {
			if d, ok := g.rang(customer, "", "欢迎"); ok {
				for _, x := range g.Timeline {
					if x.Type == event.OAFollowed {
						return true, within(d.At - x.At.UnixMilli())
					}
				}
				return true, "欢迎语已到她的手机"
			}
			return false, ""
		}},
		{key: "friend", title: "加客户经理王磊的企业微信：同一个人，两份资料合成一份", do: func(s *Show, ctx context.Context, _ *glance) (view, error) {
			_, err := s.act(ctx, simulator.Act{Who: external, App: corpID, Do: "add_staff", With: sales, State: "expo-2026"})
			return view{Phone: "zhoumin", View: "chat"}, err
		}, done: has(event.WeComCustomerAdded)},
		{key: "read", title: "打开白皮书页，读一会儿", do: opens("zhoumin", paper), done: viewed(paper, 1), built: func(f features) bool { return f.Paper != "" }},
		{key: "price1", title: "打开报价页", do: opens("zhoumin", pricing), done: viewed(pricing, 1), built: func(f features) bool { return f.Pricing != "" }},
		{key: "price2", title: "再打开一次报价页：7 天内看两次，多 10 分", do: opens("zhoumin", pricing), done: viewed(pricing, 2), built: func(f features) bool { return f.Pricing != "" }},
		{key: "book", title: "预约演示：留下姓名、公司和手机号", do: func(s *Show, ctx context.Context, g *glance) (view, error) {
			return s.book(ctx, g)
		}, built: func(f features) bool { return f.Pricing != "" }, done: has(event.TrialRequested)},
		{key: "mql", title: "看她的 360：时间线一行行亮起，每一分有理由，阶段变成 MQL", button: "打开 360", do: func(s *Show, _ context.Context, g *glance) (view, error) {
			if g.Contact == "" {
				return view{}, fault.New(fault.Invalid, "还没有人认识周敏：请先做第 1 步")
			}
			return view{Console: "/contacts/" + g.Contact, Role: "market"}, nil
		}, done: func(_ *Show, g *glance) (bool, string) {
			switch g.Stage {
			case "mql", "sal", "sql", "opportunity", "customer":
				return true, fmt.Sprintf("%s，意向 %.0f 分：%s", g.StageOf, g.Intent, strings.Join(g.Reasons[:min(3, len(g.Reasons))], "；"))
			}
			if g.Intent > 0 {
				return false, fmt.Sprintf("现在 %s，意向 %.0f 分", g.StageOf, g.Intent)
			}
			return false, ""
		}},
	}}
}

func within(ms int64) string {
	if ms < 0 { // the follow is dated by the platform's whole seconds
		ms = 0
	}
	return fmt.Sprintf("欢迎语在 %d 毫秒后到她的手机", ms)
}

func salesCard() card {
	return card{key: "sales", title: "做一回销售", intro: "您是王磊。周敏一热，您的手机就响。", steps: []step{
		{key: "rings", title: "王磊的手机响了：谁、哪家公司、为什么热、怎么打开", button: "看他的手机", do: func(*Show, context.Context, *glance) (view, error) {
			return view{Phone: "wanglei", View: "chat", Path: alerts}, nil
		}, done: func(_ *Show, g *glance) (bool, string) {
			d, ok := g.rang(sales, "textcard", "周敏")
			if !ok {
				return false, "等她加了王磊并且够热（卡片 2）"
			}
			return true, strings.SplitN(shown(d), "\n", 2)[0]
		}},
		{key: "open", title: "点开卡片：手机上就是她的资料和证据", button: "打开员工端", do: func(_ *Show, _ context.Context, g *glance) (view, error) {
			path := "/staff/"
			if g.Contact != "" {
				path = "/staff/contacts/" + g.Contact
			}
			return view{Phone: "wanglei", View: "web", Path: path}, nil
		}, built: func(f features) bool { return f.Staff != "" }},
		{key: "mine", title: "换成王磊的身份看后台：只有他自己的客户", button: "换成王磊", do: func(*Show, context.Context, *glance) (view, error) {
			return view{Role: "sales", Console: "/contacts", Phone: "wanglei"}, nil
		}},
		{key: "leader", title: "换成主管赵芳：看得见全组的客户", button: "换成赵芳", do: func(*Show, context.Context, *glance) (view, error) {
			return view{Role: "leader", Console: "/contacts"}, nil
		}},
	}}
}

func employeeCard() card {
	sharing := func(f features) bool { return f.Paper != "" }
	return card{key: "employee", title: "做一回员工", intro: "您是市场部陈静，把白皮书分享出去。谁带来了谁，一层层都记在您名下。", steps: []step{
		{key: "share", title: "陈静生成自己的分享链接", built: sharing, do: func(s *Show, ctx context.Context, g *glance) (view, error) {
			return view{Phone: "chenjing", View: "web", Path: "/staff/"}, s.share(ctx, g.Features.Paper)
		}, done: func(_ *Show, g *glance) (bool, string) { return g.Token != "", "" }},
		{key: "first", title: "周敏打开陈静的链接（第 1 层）", built: sharing, do: follows("zhoumin", nil), done: deep(1)},
		{key: "second", title: "周敏转给同事李强，他打开了（第 2 层）", built: sharing, do: follows("liqiang", []int{0}), done: deep(2)},
		{key: "third", title: "李强又转给张薇（第 3 层）", built: sharing, do: follows("zhangwei", []int{0, 0}), done: deep(3)},
		{key: "own", title: "陈静自己点开：变灰，不计：本人", built: sharing, do: follows("chenjing", nil), done: func(_ *Show, g *glance) (bool, string) {
			if g.Chain == nil || !g.Chain.marked("self") && !g.Chain.marked("staff") {
				return false, ""
			}
			return true, "不计：本人"
		}},
		{key: "chain", title: "在后台看整条链", button: "打开", built: sharing, do: func(_ *Show, _ context.Context, g *glance) (view, error) {
			if g.Token == "" {
				return view{}, fault.New(fault.Invalid, "还没有链接：请先让陈静分享")
			}
			return view{Console: "/shares/" + g.Token, Role: "market", Phone: "chenjing", View: "web", Path: "/staff/shares"}, nil
		}},
	}}
}

func deep(level int) func(*Show, *glance) (bool, string) {
	return func(_ *Show, g *glance) (bool, string) {
		return g.Chain != nil && g.Chain.depth() >= level, ""
	}
}

// follows opens, on somebody's phone, the link that the person at a place in the tree passed on.
func follows(who string, place []int) func(*Show, context.Context, *glance) (view, error) {
	return func(_ *Show, _ context.Context, g *glance) (view, error) {
		if g.Chain == nil {
			return view{}, fault.New(fault.Invalid, "还没有链接：请先让陈静分享")
		}
		token, n := g.Token, g.Chain
		for range place {
			next := (*chainNode)(nil)
			for _, c := range n.Children {
				if c.Counted {
					next = c
					break
				}
			}
			if next == nil {
				return view{}, fault.New(fault.Invalid, "前一个人还没有打开：请先做前面的步骤")
			}
			token, n = next.Token, next
		}
		return view{Phone: who, View: "web", Path: "/p/" + g.Features.Paper + "?_s=" + token}, nil
	}
}

func handCard() card {
	return card{key: "hand", title: "亲手试试", intro: "随便点，随便说，再让平台出错、把进程杀掉：看它怎么说清楚、怎么自己回来。", steps: []step{
		{key: "menu", title: "点公众号菜单“产品介绍”", do: oaAct("menu", buttons[0]), done: has(event.OAMenuClicked)},
		{key: "price", title: "在聊天里发“报价”，自动回一条", do: oaAct("say", "报价"), done: func(_ *Show, g *glance) (bool, string) {
			_, ok := g.rang(customer, "", "价格按使用人数")
			return ok, ""
		}},
		{key: "busy", title: "让微信答 45009（额度用完）：暂停这个接口，不去反复碰壁", do: func(s *Show, ctx context.Context, _ *glance) (view, error) {
			if err := s.platforms.Misbehave(simulator.Misbehaviour{Path: "/cgi-bin/message/subscribe/send", Code: 45009, Times: 1}); err != nil {
				return view{}, err
			}
			if err := s.caller().call(ctx, http.MethodPost, "/events", map[string]any{"type": event.ContactRegistered, "identities": []map[string]string{
				identity(event.KindUnionID, "", unionID), identity(event.KindOpenID, miniID, miniCustomer)}}, nil); err != nil {
				return view{}, err
			}
			_, err := s.act(ctx, simulator.Act{Who: miniCustomer, App: miniID, Do: "mini_subscribe", With: miniTemplate + "=accept"})
			return view{Phone: "zhoumin", View: "chat", Console: "/messages", Role: "market"}, err
		}, done: comesTo("mini_subscribe", "waiting", "suppressed", "failed")},
		{key: "text", title: "电话里征得同意，发一条推广短信", do: func(s *Show, ctx context.Context, g *glance) (view, error) {
			if err := s.known(g); err != nil {
				return view{}, err
			}
			if err := s.bring(ctx); err != nil {
				return view{}, err
			}
			if err := s.consent(ctx, g.Contact); err != nil {
				return view{}, err
			}
			note := ""
			if d := untilTexts(s.clk.Now()); d > 0 {
				if err := s.turn(ctx, d, -1); err != nil {
					return view{}, err
				}
				note = "推广短信只在 9:00–20:00 发：业务时间已拨到早上 9 点半"
			}
			if err := s.enter(ctx, "demo_text", g.Contact); err != nil {
				return view{}, err
			}
			s.texted(ctx)
			return view{Phone: "zhoumin", View: "chat", Path: signName, Note: note}, nil
		}, done: func(_ *Show, g *glance) (bool, string) { _, ok := g.rang(phone, "sms", ""); return ok, "" }},
		{key: "refuse", title: "周敏回 R 退订", do: func(s *Show, ctx context.Context, _ *glance) (view, error) {
			_, err := s.act(ctx, simulator.Act{Who: phone, App: signName, Do: "reply_sms", With: "R"})
			return view{Phone: "zhoumin", View: "chat", Path: signName}, err
		}, done: has(event.ConsentUnsubscribed)},
		{key: "again", title: "再发一次：被拦下，写明为什么", do: func(s *Show, ctx context.Context, g *glance) (view, error) {
			if err := s.known(g); err != nil {
				return view{}, err
			}
			return view{Console: "/messages?state=suppressed", Role: "market"}, s.enter(ctx, "demo_text", g.Contact)
		}, done: comesTo("sms", "suppressed")},
		{key: "unfollow", title: "取消关注：公众号再也发不到她", do: oaAct("unfollow", ""), done: has(event.OAUnfollowed)},
		{key: "kill", title: "杀进程：一边有人说话，一边 kill -9，数一数丢了几条、重了几条", button: "杀进程", do: func(s *Show, ctx context.Context, _ *glance) (view, error) {
			return view{}, s.startDrill(ctx)
		}, done: func(s *Show, _ *glance) (bool, string) { return s.drillDone() }},
	}}
}

// comesTo tells of 周敏's newest message of a channel in one of the states.
func comesTo(channel string, states ...string) func(*Show, *glance) (bool, string) {
	return func(_ *Show, g *glance) (bool, string) {
		for _, m := range g.Messages {
			if m.Channel != channel {
				continue
			}
			for _, state := range states {
				if m.State == state {
					return true, m.text()
				}
			}
		}
		return false, ""
	}
}

func (s *Show) known(g *glance) error {
	if g.Contact == "" {
		return fault.New(fault.Invalid, "还没有人认识周敏：请先让她扫码关注（卡片 2 第 1 步）")
	}
	return nil
}

// bring tells Koi 周敏's number, as her mini-program's own server does, where no form did.
func (s *Show) bring(ctx context.Context) error {
	if id, err := s.find(ctx, event.KindPhone, "", phone); err != nil || id != "" {
		return err
	}
	return s.caller().call(ctx, http.MethodPost, "/events", map[string]any{"type": event.ContactRegistered, "identities": []map[string]string{
		identity(event.KindOpenID, appID, customer), identity(event.KindPhone, "", phone)}}, nil)
}

// untilTexts is how long it is until promotional texts may be sent, 0 by day.
func untilTexts(now time.Time) time.Duration {
	now = now.In(china)
	if h := now.Hour(); h >= 9 && h < 20 {
		return 0
	}
	morning := time.Date(now.Year(), now.Month(), now.Day(), 9, 30, 0, 0, china)
	if morning.Before(now) {
		morning = morning.AddDate(0, 0, 1)
	}
	return morning.Sub(now)
}

// texted waits a little for a short message on 周敏's phone: there is no conversation to open before it came.
func (s *Show) texted(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for len(s.platforms.Deliveries(simulator.DeliveryFilter{To: phone, Kind: "sms", Limit: 1})) == 0 {
		select {
		case <-ctx.Done():
			return // the step is not done yet, and says so
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// hottest is the person with the most intent; of several, one whose name and company are known.
func (s *Show) hottest(ctx context.Context) (string, error) {
	const most = 20 // pages: a demo has not more people who are warm
	best, id := 0.0, ""
	next := ""
	for range most {
		var list struct {
			Items []struct {
				ID, Name, Company string
				Scores            []struct {
					Key    string
					Points float64
				}
			}
			Next string
		}
		warm := map[string]any{"leaf": "score", "key": "intent", "op": "ge", "value": 60}
		if err := s.caller().call(ctx, http.MethodPost, "/contacts/search?"+query("limit", "200", "cursor", next), map[string]any{"rule": warm}, &list); err != nil {
			return "", err
		}
		for _, c := range list.Items {
			for _, score := range c.Scores {
				points := score.Points
				if c.Name != "" && c.Company != "" {
					points += 0.5 // points are whole
				}
				if score.Key == "intent" && points > best {
					best, id = points, c.ID
				}
			}
		}
		if next = list.Next; next == "" {
			break
		}
	}
	if id == "" {
		return "", fault.New(fault.NotFound, "还没有热线索")
	}
	return id, nil
}
