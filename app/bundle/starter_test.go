package bundle

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/journey"
	"github.com/koi-scrm/koi/templates"
)

func TestStarter_compiles_without_problems_and_runs_its_journeys(t *testing.T) {
	t.Parallel()
	b, err := Parse(templates.StarterFile, templates.Starter)
	require.NoError(t, err)
	_, merged := b.over(nil)
	m, problems := Compile(merged, world)
	require.NoError(t, b.tell(problems))
	var live []string
	for _, g := range m.Journeys.Graphs() {
		if g.Status == journey.Live {
			live = append(live, g.Key)
		}
	}
	require.Equal(t, []string{"welcome", "keyword_reply", "hot_lead", "friend_welcome"}, live)
	require.Len(t, m.Scores.Scores(), 2)
	var stages []string
	for _, s := range m.Stages.Stages() {
		stages = append(stages, s.Name)
	}
	require.Equal(t, []string{"匿名访客", "已识别", "注册会员", "MQL 市场认可线索", "SAL 销售已接受", "SQL 销售认可线索", "商机", "成交客户"}, stages)
	var sides []string
	for _, s := range m.Stages.Sides() {
		sides = append(sides, s.Name)
	}
	require.Equal(t, []string{"沉默", "流失", "无效"}, sides)
	groups := map[string]int{}
	for _, d := range m.Tags.Tags() {
		groups[d.Group]++
	}
	for _, g := range []string{"来源", "行为兴趣", "意向产品", "线索状态", "客户画像"} {
		require.NotZero(t, groups[g], g)
	}
}

func TestStarter_a_follower_becomes_a_lead_and_staff_hear_of_it(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		f := newFirm(t, s)
		p := f.person("zhang")

		p.does(event.OAFollowed)
		require.EqualValues(t, 5, p.score("intent"))
		stage, _ := p.stage()
		require.Equal(t, "known", stage)
		require.Equal(t, []string{"from_official"}, p.tags())
		require.Equal(t, []string{"o-zhang: 您好，欢迎！"}, f.messages())

		f.later(time.Minute)
		p.says("想了解一下报价")
		require.EqualValues(t, 25, p.score("intent"))
		require.Contains(t, p.tags(), "asked_price")
		require.Equal(t, "o-zhang: 收到！价格按使用人数和模块计算。", f.messages()[1])

		f.later(time.Hour)
		p.does(event.WeComCustomerAdded)
		require.EqualValues(t, 40, p.score("intent"), "they are one person, whose points add up")
		require.Contains(t, p.tags(), "from_wecom")
		stage, _ = p.stage()
		require.Equal(t, "known", stage, "fit D and 40 points make no MQL")
		got := f.messages()
		require.Len(t, got, 3)
		require.True(t, strings.HasPrefix(got[2], "lilei: 热线索：客户"), got[2])
		require.Contains(t, got[2], "24 小时内意向涨 30 分", "35 points within a day")
		require.Contains(t, got[2], "公司未知 · 意向 40 分")
		require.Contains(t, got[2], "发关键词“报价”")

		f.later(time.Hour)
		p.does(event.TrialRequested)
		require.EqualValues(t, 80, p.score("intent"))
		stage, _ = p.stage()
		require.Equal(t, "mql", stage)
		require.Len(t, f.messages(), 3, "one alert within seven days")

		f.later(8 * 24 * time.Hour)
		p.does(event.TrialRequested)
		got = f.messages()
		require.Len(t, got, 4)
		require.Contains(t, got[3], "预约演示/试用")
	})
}

func TestStarter_a_new_friend_is_welcomed_by_whom_they_added(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		f := newFirm(t, s)
		added := func(staff, code string) {
			f.later(time.Minute)
			f.happen(event.Event{Type: event.WeComCustomerAdded, Source: "wecom", Account: weApp, Staff: staff, Props: event.Props{"welcome_code": code},
				Identities: []event.Identity{{Kind: event.KindExternal, Scope: "ww0001", Value: "wm1"}}})
		}
		added("lilei", "WC1")
		require.Equal(t, []string{"wm1: 您好，很高兴认识您！"}, f.messages())
		added("boss", "WC2")
		require.Len(t, f.messages(), 2, "each of them says hello")
		added("lilei", "")
		require.Len(t, f.messages(), 2, "WeCom greets them itself")
	})
}

func TestStarter_the_right_firm_is_a_lead_earlier(t *testing.T) {
	t.Parallel()
	f := newFirm(t, dbtest.SQLite(t))
	p := f.person("wang")
	p.does(event.WeComCustomerAdded)
	p.is(map[string]any{"name": "王芳", "company": "云帆科技", "title": "市场总监", "company_size": 500, "industry": "软件", "province": "浙江省"})
	require.EqualValues(t, 75, p.score("fit"))
	require.ElementsMatch(t, []string{"from_wecom", "big_company", "decision_maker"}, p.tags())
	stage, _ := p.stage()
	require.Equal(t, "known", stage, "A3 is none")

	f.later(24 * time.Hour)
	p.does(event.MeetingCheckedIn, object("meeting", "m1"))
	stage, _ = p.stage()
	require.Equal(t, "known", stage, "35 points are A3 still")
	f.later(24 * time.Hour)
	p.views("case")
	p.views("case")
	stage, _ = p.stage()
	require.Equal(t, "mql", stage, "A2")
	got := f.messages()
	require.Len(t, got, 1)
	require.Contains(t, got[0], "lilei: 热线索：王芳（A2）")
	require.Contains(t, got[0], "成为MQL 市场认可线索")
	require.Contains(t, got[0], "云帆科技 · 市场总监 · 意向 40 分")

	f.later(40 * 24 * time.Hour)
	p.reviewed()
	stage, side := p.stage()
	require.Equal(t, []string{"mql", "silent"}, []string{stage, side}, "silence stands beside the stage")
	require.Less(t, p.score("intent"), int64(20))
	p.views("case")
	_, side = p.stage()
	require.Empty(t, side)
	p.does(event.OrderPaid)
	stage, _ = p.stage()
	require.Equal(t, "customer", stage)
}

func TestStarter_who_leaves_is_lost_and_comes_back(t *testing.T) {
	t.Parallel()
	f := newFirm(t, dbtest.SQLite(t))
	p := f.person("li")
	p.does(event.OAFollowed)
	p.does(event.WeComCustomerAdded)
	require.EqualValues(t, 20, p.score("intent"))
	f.later(time.Hour)
	p.does(event.OAUnfollowed)
	require.EqualValues(t, 0, p.score("intent"))
	_, side := p.stage()
	require.Empty(t, side, "still a friend")
	p.does(event.WeComDeletedByCustomer)
	_, side = p.stage()
	require.Equal(t, "lost", side)
	f.later(time.Hour)
	p.does(event.OAFollowed)
	stage, side := p.stage()
	require.Equal(t, []string{"known", ""}, []string{stage, side})
}

func TestStarter_answers_the_first_keyword_of_a_message_and_counts_it_once_a_day(t *testing.T) {
	t.Parallel()
	f := newFirm(t, dbtest.SQLite(t))
	p := f.person("zhao")
	for _, c := range []struct {
		text, answer string
		points       int64
	}{
		{"你好", "", 0},
		{"报价和试用", "收到！价格", 20},
		{"再问下报价", "收到！价格", 20},
		{"那怎么试用，能演示吗", "可以免费试用。", 40},
		{"演示", "演示大约 30 分钟", 60},
	} {
		f.later(time.Minute)
		before := len(f.messages())
		p.says(c.text)
		if c.points > 0 {
			require.Equal(t, c.points, p.score("intent"), c.text)
		}
		got := f.messages()[before:]
		if c.answer == "" {
			require.Empty(t, got)
			continue
		}
		require.Len(t, got, 1, c.text)
		require.True(t, strings.HasPrefix(got[0], "o-zhao: "+c.answer), got[0])
	}
	f.later(24 * time.Hour)
	p.says("报价")
	require.EqualValues(t, 78, p.score("intent"), "a new day counts anew, and what was there fades: 58.6 + 20")
}

// TestStarter_gives_the_points_of_the_catalogue is the starter model, event by event.
func TestStarter_gives_the_points_of_the_catalogue(t *testing.T) {
	t.Parallel()
	f := newFirm(t, dbtest.SQLite(t))
	times := func(n int, do func(person)) func(person) {
		return func(p person) {
			for range n {
				do(p)
			}
		}
	}
	both := func(do ...func(person)) func(person) {
		return func(p person) {
			for _, d := range do {
				d(p)
			}
		}
	}
	does := func(typ string, more ...func(*event.Event)) func(person) {
		return func(p person) { p.does(typ, more...) }
	}
	rich := both(does(event.TrialRequested)) // something to lose
	for i, c := range []struct {
		name string
		do   func(person)
		want int64
	}{
		{"浏览 +1", does(event.PageViewed), 1},
		{"浏览 一天最多 3", times(9, does(event.PageViewed)), 3},
		{"停留 59 秒", does(event.PageDwelled, with("seconds", 59)), 0},
		{"停留 60 秒 +2", does(event.PageDwelled, with("seconds", 60)), 2},
		{"案例 +5（浏览 +1）", func(p person) { p.views("case") }, 6},
		{"报价页 +15（浏览 +1）", func(p person) { p.views("price") }, 16},
		{"报价页 7 天两次再 +10", times(2, func(p person) { p.views("price") }), 27},
		{"下载 +8", does(event.FileDownloaded, object("file", "a")), 8},
		{"同一份资料只算一次", times(3, does(event.FileDownloaded, object("file", "a"))), 8},
		{"打开 +3", does(event.FileOpened, object("file", "a")), 3},
		{"报名 +10", does(event.MeetingRegistered, object("meeting", "a")), 10},
		{"签到 +20", does(event.MeetingCheckedIn, object("meeting", "a")), 20},
		{"直播 9 分钟", does(event.MeetingLiveWatched, object("meeting", "a"), with("seconds", 599)), 0},
		{"直播 10 分钟 +15", does(event.MeetingLiveWatched, object("meeting", "a"), with("seconds", 600)), 15},
		{"官网来访后参会再 +10", both(does(event.PageViewed, with("channel", "site")), does(event.MeetingCheckedIn, object("meeting", "a"))), 31},
		{"官网来访后看直播再 +10", both(does(event.PageViewed, with("channel", "site")), does(event.MeetingLiveJoined, object("meeting", "a"))), 11},
		{"表单 +10", does(event.FormSubmitted, object("form", "a")), 10},
		{"预约演示/试用 +40", does(event.TrialRequested), 40},
		{"关注 +5", does(event.OAFollowed), 5},
		{"反复关注只算一次", both(does(event.OAFollowed), does(event.OAUnfollowed), does(event.OAFollowed)), 0},
		{"加企微 +15", does(event.WeComCustomerAdded), 15},
		{"免验证添加后再确认只算一次", both(does(event.WeComCustomerHalfAdded), does(event.WeComCustomerAdded)), 15},
		{"关键词 +20", func(p person) { p.says("报价") }, 20},
		{"联系我 +10", does(event.PageContactTapped), 10},
		{"取关 −20", both(rich, does(event.OAUnfollowed)), 20},
		{"删好友 −20", both(rich, does(event.WeComDeletedByCustomer)), 20},
		{"招聘页 −20（浏览 +1）", both(rich, func(p person) { p.views("jobs") }), 21},
		{"员工删除客户不扣分", both(rich, does(event.WeComCustomerDeleted)), 40},
		{"总分不低于 0", does(event.OAUnfollowed), 0},
	} {
		p := f.person(fmt.Sprint("p", i))
		p.is(map[string]any{"name": c.name}) // so that somebody with no point exists
		c.do(p)
		require.Equal(t, c.want, p.score("intent"), c.name)
	}
}

func TestStarter_gives_the_fit_of_the_catalogue(t *testing.T) {
	t.Parallel()
	f := newFirm(t, dbtest.SQLite(t))
	for i, c := range []struct {
		is   map[string]any
		want int64
	}{
		{map[string]any{"title": "市场总监"}, 25},
		{map[string]any{"title": "副总经理"}, 25},
		{map[string]any{"title": "VP"}, 25},
		{map[string]any{"title": "ceo"}, 25},
		{map[string]any{"level": "总监"}, 25},
		{map[string]any{"title": "产品经理"}, 15},
		{map[string]any{"level": "经理"}, 15},
		{map[string]any{"title": "销售经理", "level": "经理"}, 15},
		{map[string]any{"title": "工程师"}, 0},
		{map[string]any{"company_size": 200}, 0},
		{map[string]any{"company_size": 201}, 20},
		{map[string]any{"industry": "软件"}, 20},
		{map[string]any{"industry": "餐饮"}, 0},
		{map[string]any{"province": "浙江"}, 10},
		{map[string]any{"email_domain": "yunfan.cn"}, 5},
		{map[string]any{"email_domain": "QQ.com"}, 0},
		{map[string]any{"bant_budget": true}, 15},
		{map[string]any{"bant_budget": false}, 0},
		{map[string]any{"bant_budget": true, "bant_authority": true, "bant_need": true, "bant_timing": true}, 60},
		{map[string]any{"title": "市场总监", "company_size": 500, "industry": "软件", "customer_type": "同行"}, 15},
		{map[string]any{"company_size": 500, "email_domain": "stu.pku.edu.cn"}, 0},
		{map[string]any{"title": "市场总监", "company_size": 500, "industry": "软件", "province": "上海", "email_domain": "yunfan.cn", "bant_budget": true, "bant_need": true}, 100},
	} {
		p := f.person(fmt.Sprint("p", i))
		p.is(c.is)
		require.Equal(t, c.want, p.score("fit"), "%v", c.is)
	}
}
