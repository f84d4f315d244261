package scoring

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/rule/ruletest"
)

var monday = time.Date(2026, 11, 23, 10, 0, 0, 0, ruletest.Zone)

func day(t time.Time) int32 { return clock.Day(clock.Ms(t), ruletest.Zone) }

func compile(t testing.TB, pairs ...string) (*Model, []string) {
	t.Helper()
	items := ruletest.Items(t, pairs...)
	scope := ruletest.Scope(t)
	Declare(items, day(monday), scope)
	m, problems := Compile(items, day(monday), scope)
	return m, ruletest.Problems(problems)
}

// catalogue is the product's default models; templates/ holds the ones that an empty Koi starts with.
var catalogue = []string{
	"score/intent", `{"name": "意向", "kind": "behaviour", "max": 100, "half_life_days": 30, "rules": [
	  {"key": "view", "name": "浏览页面", "on": [{"events": ["page.viewed"]}], "points": 1, "caps": [{"points": 3}]},
	  {"key": "dwell", "name": "停留满60秒", "on": [{"events": ["page.dwelled"], "where": [{"prop": "seconds", "op": "ge", "value": 60}]}], "points": 2, "caps": [{"points": 2, "per": "object"}]},
	  {"key": "case", "name": "看客户案例", "on": [{"events": ["page.viewed"], "where": [{"prop": "kind", "op": "eq", "value": "case"}]}], "points": 5},
	  {"key": "price", "name": "看报价页", "on": [{"events": ["page.viewed"], "where": [{"prop": "kind", "op": "eq", "value": "price"}]}], "points": 15, "caps": [{"points": 15}]},
	  {"key": "price_again", "name": "7天内两次看报价", "on": [{"events": ["page.viewed"], "where": [{"prop": "kind", "op": "eq", "value": "price"}]}], "points": 10, "caps": [{"points": 10, "days": 7}],
	   "when": {"leaf": "event", "key": "page.viewed", "op": "ge", "value": 2, "days": 7, "where": [{"prop": "kind", "op": "eq", "value": "price"}]}},
	  {"key": "download", "name": "下载资料", "on": [{"events": ["file.downloaded"]}], "points": 8, "caps": [{"points": 8, "days": 30, "per": "object"}]},
	  {"key": "open", "name": "打开资料", "on": [{"events": ["file.opened"]}], "points": 3, "caps": [{"points": 3, "per": "object"}]},
	  {"key": "register", "name": "报名会议", "on": [{"events": ["meeting.registered"]}], "points": 10},
	  {"key": "check_in", "name": "会议签到", "on": [{"events": ["meeting.checked_in"]}], "points": 20},
	  {"key": "live", "name": "看直播满10分钟", "on": [{"events": ["meeting.live_watched"], "where": [{"prop": "seconds", "op": "ge", "value": 600}]}], "points": 15, "caps": [{"points": 15, "days": 30, "per": "object"}]},
	  {"key": "after_site", "name": "官网来访后30天内参会或看直播", "on": [{"events": ["meeting.checked_in", "meeting.live_watched"]}], "points": 10,
	   "when": {"leaf": "event", "key": "page.viewed", "op": "did", "days": 30, "where": [{"prop": "channel", "op": "eq", "value": "site"}]}},
	  {"key": "form", "name": "提交表单", "on": [{"events": ["form.submitted"]}], "points": 10},
	  {"key": "demo", "name": "预约演示或试用", "on": [{"events": ["trial.requested"]}, {"events": ["form.submitted"], "where": [{"prop": "form", "op": "eq", "value": "demo"}]}], "points": 40},
	  {"key": "follow", "name": "关注公众号", "on": [{"events": ["oa.followed"]}], "points": 5},
	  {"key": "friend", "name": "加企微", "on": [{"events": ["wecom.customer_added", "wecom.customer_half_added"]}], "points": 15},
	  {"key": "keyword", "name": "问报价、试用或演示", "points": 20, "caps": [{"points": 20}], "on": [
	    {"events": ["oa.message_received"], "where": [{"prop": "content", "op": "contains", "value": "报价"}]},
	    {"events": ["oa.message_received"], "where": [{"prop": "content", "op": "contains", "value": "试用"}]},
	    {"events": ["oa.message_received"], "where": [{"prop": "content", "op": "contains", "value": "演示"}]}]},
	  {"key": "tap", "name": "点联系我", "on": [{"events": ["page.contact_tapped"]}], "points": 10},
	  {"key": "left", "name": "取关或删除好友", "on": [{"events": ["oa.unfollowed", "wecom.deleted_by_customer"]}], "points": -20},
	  {"key": "jobs", "name": "看招聘页", "on": [{"events": ["page.viewed"], "where": [{"prop": "kind", "op": "eq", "value": "jobs"}]}], "points": -20, "caps": [{"points": 20, "days": 30}]}],
	 "thresholds": [{"key": "hot", "name": "意向≥80", "points": 80}, {"key": "warm", "name": "意向≥40", "points": 40}],
	 "surges": [{"key": "burst", "name": "24小时内+30", "points": 30, "hours": 24}]}`,
	"score/fit", `{"name": "契合度", "kind": "profile", "rules": [
	  {"key": "director", "name": "总监以上", "when": {"leaf": "field", "key": "level", "op": "in", "value": ["总监", "副总裁", "总经理"]}, "points": 25},
	  {"key": "manager", "name": "经理", "when": {"leaf": "field", "key": "level", "op": "eq", "value": "经理"}, "points": 15},
	  {"key": "size", "name": "200人以上", "when": {"leaf": "field", "key": "company_size", "op": "gt", "value": 200}, "points": 20},
	  {"key": "industry", "name": "目标行业", "when": {"leaf": "field", "key": "industry", "op": "in", "value": ["软件", "制造"]}, "points": 20},
	  {"key": "region", "name": "目标地区", "when": {"leaf": "field", "key": "province", "op": "in", "value": ["上海", "江苏", "浙江"]}, "points": 10},
	  {"key": "work_mail", "name": "企业邮箱", "points": 5, "when": {"all": [{"leaf": "field", "key": "email_domain", "op": "not_empty"},
	    {"leaf": "field", "key": "email_domain", "op": "not_in", "value": ["qq.com", "163.com", "gmail.com"]}]}},
	  {"key": "budget", "name": "BANT 预算", "when": {"leaf": "field", "key": "bant_budget", "op": "yes"}, "points": 15},
	  {"key": "authority", "name": "BANT 决策权", "when": {"leaf": "field", "key": "bant_authority", "op": "yes"}, "points": 15},
	  {"key": "need", "name": "BANT 需求", "when": {"leaf": "field", "key": "bant_need", "op": "yes"}, "points": 15},
	  {"key": "timing", "name": "BANT 采购时间", "when": {"leaf": "field", "key": "bant_timing", "op": "yes"}, "points": 15},
	  {"key": "outsider", "name": "学生或同行", "when": {"leaf": "field", "key": "role", "op": "in", "value": ["学生", "同行"]}, "points": -50}],
	 "thresholds": [{"key": "good", "name": "契合度 B 以上", "points": 50}]}`,
	"grid/main", `{"name": "客户等级", "fit": "fit", "intent": "intent", "fit_cuts": {"A": 70, "B": 50, "C": 30}, "intent_cuts": {"1": 70, "2": 40, "3": 15}}`,
}

func TestCompile(t *testing.T) {
	t.Parallel()

	t.Run("can express the default models", func(t *testing.T) {
		t.Parallel()
		m, problems := compile(t, catalogue...)
		require.Empty(t, problems)
		require.Len(t, m.Scores(), 2)
		require.Equal(t, [3]int64{70, 50, 30}, m.Grid().FitCuts)
		require.Equal(t, "warm", m.scores[0].Thresholds[0].Key, "thresholds rise")
		require.Len(t, m.events["page.viewed"][0].rules, 5)
		var price *Rule
		for _, r := range m.scores[0].Rules {
			if r.Key == "price_again" {
				price = r
			}
		}
		require.Equal(t, "访问页面（类型 等于 price），且 最近7天“访问页面”（类型 等于 price） 次数至少 2 次：+10 分，每 7 天最多 10 分", price.String())
	})

	t.Run("tells every mistake at once, each with its place", func(t *testing.T) {
		t.Parallel()
		m, problems := compile(t,
			"score/a", `{"name": "", "kind": "magic", "max": 0, "half_life_days": 0, "rules": []}`,
			"score/b", `{"name": "乙", "kind": "behaviour", "rules": [
			  {"key": "x", "name": "甲", "points": 1.234},
			  {"key": "x", "name": "", "on": [{"events": ["page.viewed"]}], "points": 0, "caps": [{"points": -1}, {"points": 1, "days": 1000, "per": "page"}]},
			  {"key": "", "name": "丙", "on": [{"events": ["page.viewed"], "where": [{"prop": "n", "op": "gee", "value": 1}]}], "points": 1, "when": {"leaf": "score", "key": "b", "op": "ge", "value": 1}},
			  {"kee": 1}],
			 "thresholds": [{"key": "t", "name": "", "points": 200}, {"key": "t", "name": "重复", "points": 50}],
			 "surges": [{"key": "s", "name": "突增", "points": 30, "hours": 0}]}`,
			"score/c", `{"name": "丙", "kind": "profile", "half_life_days": 30, "rules": [{"key": "x", "name": "甲", "points": 1, "on": [{"events": ["page.viewed"]}], "caps": [{"points": 1}]}],
			 "surges": [{"key": "s", "name": "突增", "points": 30, "hours": 24}]}`,
			"score/d", `{"nam": 1}`,
			"grid/g", `{"name": "", "fit": "nope", "intent": "b", "fit_cuts": {"A": 30, "B": 50, "E": 1}, "intent_cuts": {"1": 70, "2": 40, "3": 0}}`,
			"grid/h", `{"name": "又一个"}`)
		require.Equal(t, []string{
			"score/a/name: 缺少名称：请填中文名称，如“意向”",
			`score/a/kind: 模型类型 "magic" 不存在，可用：behaviour 行为分、profile 属性分`,
			"score/a/max: 满分应在 1 到 10000 之间",
			"score/a/half_life_days: 半衰期应在 1 到 3650 天之间；不衰减请不写这一项",
			"score/a/rules: 缺少规则：应是规则的列表，至少一条",
			"score/b/rules[0].points: 分值最多两位小数，绝对值不超过 10000",
			`score/b/rules[0].on: 缺少触发事件：行为分的规则要写 on，如 [{"events":["page.viewed"]}]`,
			`score/b/rules[1].key: 规则 "x" 写了两次`,
			"score/b/rules[1].name: 缺少名称：它是客户分数旁边显示的理由",
			"score/b/rules[1].points: 缺少分值：加分写正数，减分写负数",
			"score/b/rules[1].caps[0].points: 上限应是大于 0 的分数，最多两位小数",
			"score/b/rules[1].caps[1].days: 天数应在 1 到 366 之间",
			`score/b/rules[1].caps[1].per: per 只能是 object（每个对象分别计），或不写，现在是 "page"`,
			"score/b/rules[2].key: 缺少 key：每条规则要有不变的标识（不超过 64 字节），评分明细靠它认出规则",
			problems[14],
			"score/b/rules[2].when: 条件里用到了这个模型自己的分数，会循环：请换一个条件",
			"score/b/rules[3].kee: 规则写法不对：没有 kee 这一项，可用：caps、key、name、off、on、points、when",
			"score/b/rules[3].key: 缺少 key：每条规则要有不变的标识（不超过 64 字节），评分明细靠它认出规则",
			"score/b/rules[3].name: 缺少名称：它是客户分数旁边显示的理由",
			"score/b/rules[3].points: 缺少分值：加分写正数，减分写负数",
			`score/b/rules[3].on: 缺少触发事件：行为分的规则要写 on，如 [{"events":["page.viewed"]}]`,
			"score/b/thresholds[0].name: 缺少名称",
			"score/b/thresholds[0].points: 分数应在 1 到 100 之间",
			`score/b/thresholds[1].key: 阈值 "t" 写了两次`,
			"score/b/surges[0].hours: 小时数应在 1 到 336 之间",
			"score/c/half_life_days: 属性分按现在的资料重算，不衰减：请去掉半衰期",
			"score/c/rules[0].on: 属性分只看现在的资料，不能有触发事件：请用 when，或放进行为分模型",
			"score/c/rules[0].caps: 属性分的规则每条只算一次，不需要上限",
			"score/c/surges: 属性分没有时间，不能看突增",
			"score/d/nam: 评分模型写法不对：没有 nam 这一项，可用：half_life_days、kind、max、name、note、rules、surges、thresholds",
			"score/d/name: 缺少名称：请填中文名称，如“意向”",
			`score/d/kind: 模型类型 "" 不存在，可用：behaviour 行为分、profile 属性分`,
			"score/d/rules: 缺少规则：应是规则的列表，至少一条",
			"grid/g/name: 缺少名称：请填中文名称，如“客户等级”",
			`grid/g/fit: 没有叫 "nope" 的评分模型：可用 a、b、c、d`,
			"grid/g/fit_cuts.E: 没有 E 这一档：A、B、C 写起点，最后一档是其余的人",
			"grid/g/fit_cuts.B: B 档的起点 50 应比上一档低",
			"grid/g/fit_cuts.C: 缺少 C 档的起点分数",
			"grid/g/intent_cuts.3: 3 档的起点应大于 0，现在是 0",
			"grid/h: 只能有一个等级表，已有 grid/g：请改那一个",
		}, problems)
		require.Contains(t, problems[14], "score/b/rules[2].on[0].where[0].op")
		require.Empty(t, m.Scores(), "what has a problem is left out")
		require.Nil(t, m.Grid())
	})

	t.Run("every kind has a Chinese name", func(t *testing.T) {
		t.Parallel()
		for _, k := range []Kind{Behaviour, Profile} {
			require.NotEmpty(t, k.Label(), k)
		}
	})
}

func TestGrid_Cell(t *testing.T) {
	t.Parallel()
	m, problems := compile(t, catalogue...)
	require.Empty(t, problems)
	g := m.Grid()
	today := day(monday)
	for _, c := range []struct {
		fit, intent int64
		want        string
		level       int
	}{{0, 0, "D", 4}, {30, 15, "C", 3}, {49, 39, "C", 3}, {50, 40, "B", 2}, {69, 69, "B", 2}, {70, 70, "A", 1}, {500, 500, "A", 1}} {
		fit, intent := g.Cell(c.fit*Micro, g.Intent.scale.Earned(c.intent*Micro, today), today)
		require.Equal(t, c.want, fit, c)
		require.Equal(t, c.level, intent, c)
	}
	stored := g.Intent.scale.Earned(70*Micro, today)
	_, level := g.Cell(0, stored, today+1)
	require.Equal(t, 2, level, "a day later it is less than 70")
}

func TestModel_Stale(t *testing.T) {
	t.Parallel()
	m, _ := compile(t, catalogue...)
	base := ScaleAt(30, day(monday)).Base
	require.False(t, m.Stale(day(monday)))
	require.False(t, m.Stale(base+30*epochHalves-1))
	require.True(t, m.Stale(base+30*epochHalves))
}

func TestPoints(t *testing.T) {
	t.Parallel()
	require.Equal(t, "15", Points(15*Micro))
	require.Equal(t, "7.42", Points(7_421_234))
	require.Equal(t, "−20", signed(-20*Micro))
	require.Equal(t, "+0.5", signed(Micro/2))
}
