package tag

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/rule/ruletest"
	"github.com/koi-scrm/koi/app/setting"
)

func compile(t testing.TB, pairs ...string) (*Model, []string) {
	t.Helper()
	items := ruletest.Items(t, pairs...)
	scope := ruletest.Scope(t)
	Declare(items, scope)
	m, problems := Compile(items, scope)
	return m, ruletest.Problems(problems)
}

func TestCompile(t *testing.T) {
	t.Parallel()

	t.Run("reads tags and rules", func(t *testing.T) {
		t.Parallel()
		m, problems := compile(t,
			"tag/saw_price", `{"name": "看过报价", "group": "行为/产品", "kind": "rule", "color": "#faad14", "expires_days": 90}`,
			"tag/vip", `{"name": "重要客户"}`,
			"tag_rule/price", `{"name": "看报价页", "on": [{"events": ["page.viewed"], "where": [{"prop": "kind", "op": "eq", "value": "price"}]},
				{"events": ["oa.message_received"], "where": [{"prop": "content", "op": "contains", "value": "报价"}]}], "add": ["saw_price"]}`,
			"tag_rule/big", `{"name": "大企业", "when": {"leaf": "field", "key": "company_size", "op": "gt", "value": 200}, "add": ["vip"], "otherwise": "remove"}`,
			"tag_rule/off", `{"name": "停用的", "off": true, "on": [{"events": ["page.viewed"]}], "remove": ["vip"]}`)
		require.Empty(t, problems)
		require.Len(t, m.Tags(), 2)
		require.Equal(t, ByRule, m.byKey["saw_price"].Kind)
		require.Equal(t, Manual, m.byKey["vip"].Kind)
		require.Len(t, m.Rules(), 3)
		require.Len(t, m.events["page.viewed"], 1, "a rule switched off is not asked")
		require.Contains(t, m.Rules()[0].String(), "（类型 等于 price），或 ")
		require.Contains(t, m.Rules()[0].String(), "打上 看过报价")
		require.Contains(t, m.Rules()[1].String(), "不再满足时收回")
	})

	t.Run("tells every mistake at once, each with its place", func(t *testing.T) {
		t.Parallel()
		m, problems := compile(t,
			"tag/a", `{"name": "", "color": "red", "kind": "magic", "expires_days": -1, "group": "x//y"}`,
			"tag/b", `{"name": "甲", "group": "g"}`,
			"tag/c", `{"name": "甲", "group": "g"}`,
			"tag/d", `{"nam": "丁"}`,
			"tag_rule/r1", `{"name": "", "on": [{"events": ["page.vewed"]}], "add": ["b", "nope", "b"], "remove": ["b"], "otherwise": "remove"}`,
			"tag_rule/r2", `{"name": "空的"}`,
			"tag_rule/r3", `{"name": "树", "when": {"leaf": "field", "key": "citty", "op": "eq", "value": "上海"}, "add": ["b"], "otherwise": "maybe"}`)
		require.Equal(t, []string{
			"tag/a/name: 缺少名称：请填标签的中文名称",
			`tag/a/kind: 标签类型 "magic" 不存在，可用：manual 手工、journey 流程、rule 规则、model 模型、custom 自定义逻辑`,
			`tag/a/color: 颜色应形如 #faad14，现在是 "red"`,
			"tag/a/expires_days: 有效天数应在 1 到 3660 之间，永久有效请不写这一项",
			"tag/a/group: 分组的第 2 级是空的：各级用 / 分开，如“行为/产品兴趣”",
			"tag/c/name: 同一分组里已有标签叫“甲”（b）：请换一个名称",
			`tag/d/nam: 标签写法不对：没有 nam 这一项，可用：color、expires_days、group、kind、name、note`,
			"tag/d/name: 缺少名称：请填标签的中文名称",
			"tag_rule/r1/name: 缺少名称：请写明这条规则做什么，它会显示在“为什么有这个标签”里",
			`tag_rule/r1/on[0].events[0]: 没有叫 "page.vewed" 的行为事件，是不是 "page.viewed"？`,
			`tag_rule/r1/add[1]: 没有叫 "nope" 的标签：请先定义它（tag/nope）`,
			`tag_rule/r1/add[2]: 标签 "b" 写了两次`,
			`tag_rule/r1/remove[0]: 标签 "b" 不能既打上又去掉`,
			"tag_rule/r1/otherwise: 有 on 的规则只在事情发生时判断，不能在“不再满足时”收回；请去掉 on，或另写一条去标签的规则",
			"tag_rule/r2/when: 缺少条件：on（发生什么事）和 when（满足什么条件）至少写一个",
			"tag_rule/r2/add: 这条规则什么也不做：add 和 remove 至少写一个标签",
			`tag_rule/r3/when.key: 没有叫 "citty" 的字段，是不是 "city"？`,
			`tag_rule/r3/otherwise: otherwise 可以是 keep（保留）或 remove（不再满足时收回），现在是 "maybe"`,
		}, problems)
		require.Empty(t, m.Rules(), "what has a problem is left out")
	})

	t.Run("every kind has a Chinese name", func(t *testing.T) {
		t.Parallel()
		for _, k := range []Kind{Manual, ByJourney, ByRule, ByModel, CustomMade, expired} {
			require.NotEmpty(t, k.Label(), k)
		}
	})

	t.Run("leaves other kinds alone", func(t *testing.T) {
		t.Parallel()
		_, problems := compile(t, setting.KindJourney+"/x", `{"what": 1}`)
		require.Empty(t, problems)
	})
}
