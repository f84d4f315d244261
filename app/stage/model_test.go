package stage

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/rule/ruletest"
)

// The scores that conditions of these tests ask for are kept by no stage here: they stand in the facts.
func compile(t testing.TB, pairs ...string) (*Model, []string) {
	t.Helper()
	items := ruletest.Items(t, pairs...)
	scope := ruletest.Scope(t)
	scope.Scores = map[string]rule.ScoreDef{"fit": {ID: 91, Label: "契合度", Max: 100}, "intent": {ID: 92, Label: "意向", Max: 100}}
	scope.Grid = &rule.Grid{Fit: "fit", Intent: "intent", FitCuts: [3]int64{70, 50, 30}, IntentCuts: [3]int64{70, 40, 15}}
	Declare(items, scope)
	m, problems := Compile(items, scope)
	return m, ruletest.Problems(problems)
}

// catalogue is the product's default way; templates/ holds the one that an empty Koi starts with.
var catalogue = []string{
	"stage/anonymous", `{"name": "匿名访客", "order": 10}`,
	"stage/known", `{"name": "已识别", "order": 20, "enter": {"any": [{"leaf": "official_follower", "op": "yes"}, {"leaf": "reachable", "op": "yes"}, {"leaf": "has_email", "op": "yes"}]}}`,
	"stage/member", `{"name": "注册会员", "order": 30, "enter": {"leaf": "event", "key": "contact.registered", "op": "did"}}`,
	"stage/mql", `{"name": "MQL 市场认可线索", "order": 40, "enter": {"all": [{"leaf": "reachable", "op": "yes"},
		{"any": [{"leaf": "grid", "op": "in", "value": ["A1", "A2", "B1", "B2"]}, {"leaf": "score", "key": "intent", "op": "ge", "value": 80}]}]}}`,
	"stage/sal", `{"name": "SAL 销售已接受", "order": 50, "manual": true}`,
	"stage/sql", `{"name": "SQL 销售认可线索", "order": 60, "manual": true}`,
	"stage/deal", `{"name": "商机", "order": 70, "manual": true}`,
	"stage/won", `{"name": "成交客户", "order": 80, "enter": {"leaf": "event", "key": "order.paid", "op": "did"}}`,
	"stage/quiet", `{"name": "沉默", "order": 10, "side": true, "enter": {"leaf": "last_active", "op": "not_last", "value": 30}}`,
	"stage/lost", `{"name": "流失", "order": 20, "side": true, "enter": {"all": [{"leaf": "event", "key": "oa.unfollowed", "op": "did"}, {"leaf": "official_follower", "op": "no"}]}}`,
	"stage/invalid", `{"name": "无效", "order": 30, "side": true, "manual": true}`,
}

func TestCompile(t *testing.T) {
	t.Parallel()

	t.Run("can express the default way", func(t *testing.T) {
		t.Parallel()
		m, problems := compile(t, catalogue...)
		require.Empty(t, problems)
		var keys []string
		for _, d := range m.Stages() {
			keys = append(keys, d.Key)
		}
		require.Equal(t, []string{"anonymous", "known", "member", "mql", "sal", "sql", "deal", "won"}, keys)
		require.Len(t, m.Sides(), 3)
		d, _ := m.Get("anonymous")
		require.Equal(t, "所有人", d.Condition())
		d, _ = m.Get("sal")
		require.Equal(t, "只能手工设置", d.Condition())
	})

	t.Run("tells every mistake at once, each with its place", func(t *testing.T) {
		t.Parallel()
		m, problems := compile(t,
			"stage/a", `{"name": "", "enter": {"leaf": "nope"}}`,
			"stage/b", `{"name": "乙", "order": 10}`,
			"stage/c", `{"name": "丙", "order": 20}`,
			"stage/d", `{"name": "丁", "order": 20, "manual": true, "enter": {"leaf": "reachable", "op": "yes"}}`,
			"stage/e", `{"name": "戊", "order": 30, "enter": {"leaf": "stage", "op": "in", "value": ["b"]}}`,
			"stage/f", `{"name": "己", "order": 0, "side": true}`,
			"stage/g", `{"order": "x"}`)
		require.Equal(t, []string{
			"stage/a/name: 缺少名称：请填中文名称，如“已识别”",
			"stage/a/order: 缺少次序：请写一个整数，越靠后的阶段越大，如 10、20、30",
			problems[2],
			"stage/d/enter: 手工设置的阶段不能有进入条件：请去掉 enter，或去掉 manual",
			"stage/d/order: 次序 20 与 stage/c 相同：每个阶段要有自己的次序",
			"stage/e/enter: 阶段的条件不能看阶段本身，会循环：顺序由 order 决定",
			"stage/f/order: 次序应在 1 到 1000000 之间，现在是 0",
			`stage/f/enter: 缺少条件：旁边的状态要写 enter，只想手工设置请写 "manual": true`,
			problems[8],
			"stage/g/name: 缺少名称：请填中文名称，如“已识别”",
			`stage/b/enter: 缺少进入条件：只有最前面的阶段（现在是 a）可以不写；只想手工设置请写 "manual": true`,
			`stage/c/enter: 缺少进入条件：只有最前面的阶段（现在是 a）可以不写；只想手工设置请写 "manual": true`,
		}, problems)
		require.Contains(t, problems[2], `stage/a/enter.leaf: 没有叫 "nope" 的条件`)
		require.Contains(t, problems[8], "stage/g/order: 阶段写法不对：应是整数")
		require.Empty(t, m.Stages(), "what has a problem is left out")
	})

	t.Run("every way to move has a Chinese name", func(t *testing.T) {
		t.Parallel()
		for _, b := range []By{ByRule, ByHand, ByJourney} {
			require.NotEmpty(t, b.Label(), b)
		}
	})
}
