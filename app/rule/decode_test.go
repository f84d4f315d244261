package rule

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
)

func TestDecode_tells_every_mistake_at_once(t *testing.T) {
	t.Parallel()
	_, problems := Decode([]byte(`{"all": [
		{"leaf": "feild", "key": "city", "op": "eq", "value": "上海"},
		{"leaf": "field", "key": "ctiy", "op": "eq", "value": "上海"},
		{"leaf": "field", "key": "city", "op": "gt", "value": 5},
		{"leaf": "field", "key": "size", "op": "ge", "value": "many"},
		{"leaf": "field", "key": "size", "op": "between", "value": [9, 1]},
		{"leaf": "field", "key": "level", "op": "in", "value": ["boss", "bos"]},
		{"leaf": "field", "key": "birthday", "op": "before", "value": "1990/01/01"},
		{"leaf": "field", "key": "city", "op": "empty", "value": "x"},
		{"leaf": "field", "key": "city", "op": "eq"},
		{"leaf": "tag", "op": "any", "value": ["vip", "nope"]},
		{"leaf": "score", "key": "intnt", "op": "ge", "value": 1},
		{"leaf": "stage", "op": "in", "value": ["lost"]},
		{"leaf": "event", "key": "page.veiwed", "op": "did"},
		{"leaf": "event", "key": "command.tag", "op": "did"},
		{"leaf": "event", "key": "page.viewed", "op": "ge", "value": 2, "days": 9000},
		{"leaf": "event", "key": "page.viewed", "op": "did", "where": [{"prop": "object_id", "op": "contains", "value": "x"}, {"porp": "y"}, {"prop": "object_id", "op": "eq", "value": "x "}]},
		{"leaf": "created_at", "op": "last", "value": 0},
		{"leaf": "grid", "op": "in", "value": ["E5"]},
		{"leaf": "has_phone", "key": "x", "op": "yes", "days": 3, "vlaue": 1},
		{"any": []},
		{"all": [], "any": []},
		{"not": {"op": "eq"}, "leaf": null},
		7
	]}`), "when", testScope(shanghai))
	var got []string
	for _, p := range problems {
		got = append(got, p.Path+" "+p.Message)
	}
	want := []string{
		`when.all[0].leaf 没有叫 "feild" 的条件，是不是 "field"？`,
		`when.all[1].key 没有叫 "ctiy" 的字段，是不是 "city"？`,
		`when.all[2].op “城市”不能用 "gt"`,
		`when.all[3].value 应是整数，现在是 "many"`,
		`when.all[4].value 区间的开头 9 大于结尾 1`,
		`when.all[5].value “职级”没有选项 "bos"，是不是 "boss"？`,
		`when.all[6].value 应是日期，如 "2026-11-22"，现在是 "1990/01/01"`,
		`when.all[7].value “为空”不需要值`,
		`when.all[8].value “等于”缺少值`,
		`when.all[9].value[1] 没有叫 "nope" 的标签`,
		`when.all[10].key 没有叫 "intnt" 的评分模型，是不是 "intent"？`,
		`when.all[11].value[0] 没有叫 "lost" 的阶段`,
		`when.all[12].key 没有叫 "page.veiwed" 的行为事件，是不是 "page.viewed"？`,
		`when.all[13].key 没有叫 "command.tag" 的行为事件`,
		`when.all[14].days 天数应在 1 到 731 之间`,
		`when.all[15].where[0].op object_id 不能用 "contains"`,
		`when.all[15].where[1].porp 不认识的写法 "porp"，是不是 "prop"？`,
		`when.all[15].where[1].prop 缺少 prop`,
		`when.all[15].where[2].value "x " 的前后不能有空格`,
		`when.all[16].value 天数应在 1 到 731 之间`,
		`when.all[17].value 没有 E`,
		`when.all[17].value 没有 5`,
		`when.all[18].vlaue 不认识的写法 "vlaue"，是不是 "value"？`,
		`when.all[18].key “有手机号？”不需要 key`,
		`when.all[18].days “有手机号？”不能限定天数`,
		`when.all[19].any 应是条件的列表，至少一项`,
		`when.all[20] all、any 不能同时出现`,
		`when.all[21].not 缺少条件：要有 all、any、not、leaf 中的一个`,
		`when.all[22] 条件应是一个对象`,
	}
	for i, w := range want {
		require.Less(t, i, len(got), "missing: %s", w)
		require.Truef(t, strings.HasPrefix(got[i], w), "got  %s\nwant %s", got[i], w)
	}
	require.Len(t, got, len(want))
}

func TestDecode_bounds_depth_and_size(t *testing.T) {
	t.Parallel()
	leaf := `{"leaf":"has_phone","op":"yes"}`
	deep := strings.Repeat(`{"not":`, maxDepth) + leaf + strings.Repeat("}", maxDepth)
	_, problems := Decode([]byte(deep), "", testScope(shanghai))
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].Message, "嵌套太深")
	wide := `{"any":[` + strings.TrimSuffix(strings.Repeat(leaf+",", 10*maxParts), ",") + `]}`
	_, problems = Decode([]byte(wide), "", testScope(shanghai))
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].Message, "条件太多")
	_, problems = Decode([]byte(`{"leaf":"field","key":"city","op":"in","value":[`+strings.TrimSuffix(strings.Repeat(`"x",`, maxList+1), ",")+`]}`), "", testScope(shanghai))
	require.Len(t, problems, 1)
	_, problems = Decode([]byte(`{"leaf":"field","key":"city","op":"eq","value":"`+strings.Repeat("字", maxText+1)+`"}`), "", testScope(shanghai))
	require.Len(t, problems, 1)
}

func TestDecode_never_panics(t *testing.T) {
	t.Parallel()
	whole := `{"all":[{"leaf":"event","key":"page.viewed","op":"between","value":[1,2],"days":7,"where":[{"prop":"a","op":"in","value":["x"]}]},` +
		`{"leaf":"grid","op":"in","value":["A1"]},{"leaf":"intent","op":"in","value":[1]},{"leaf":"field","key":"birthday","op":"between","value":["2020-01-01","2020-01-02"]}]}`
	junk := []string{"null", "[]", "{}", "0", "-1", "1e99", `""`, "true", `"\u0000"`, "[null]", `[[1]]`}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		s := whole
		for range 1 + r.IntN(3) {
			a := r.IntN(len(s))
			b := min(len(s), a+r.IntN(12))
			s = s[:a] + junk[r.IntN(len(junk))] + s[b:]
		}
		Decode([]byte(s), "", testScope(shanghai))
	}
}

func TestNode_reads_back_what_it_wrote(t *testing.T) {
	t.Parallel()
	body := `{"all":[{"leaf":"field","key":"city","op":"in","value":["上海"]},{"any":[{"leaf":"event","key":"custom.x.y","op":"ge","value":3,"days":7,` +
		`"where":[{"prop":"seconds","op":"ge","value":60}]}]},{"not":{"leaf":"has_phone","op":"yes"}}]}`
	tree, problems := Decode([]byte(body), "", testScope(shanghai))
	require.Empty(t, problems)
	again, err := json.Marshal(tree.Node())
	require.NoError(t, err)
	require.Equal(t, body, string(again))
}

// TestRegistry_is_complete: what a screen shows must exist, in Chinese.
func TestRegistry_is_complete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, l := range Leaves() {
		require.False(t, seen[l.Name], l.Name)
		seen[l.Name] = true
		for _, s := range []string{l.Label, l.Group, l.Explain} {
			require.NotEmpty(t, s, l.Name)
			require.Greater(t, len(s), len([]rune(s)), "%s: %q is not Chinese", l.Name, s)
		}
		require.True(t, l.About == AboutField || len(l.Ops) > 0, l.Name)
		for _, op := range l.Ops {
			require.NotEmpty(t, op.Label, "%s %s", l.Name, op.Name)
		}
	}
	for _, typ := range []contact.FieldType{contact.Text, contact.Number, contact.Date, contact.Bool, contact.Choice} {
		require.NotEmpty(t, FieldOps(typ))
	}
}

func TestExplain_shows_what_was_asked_and_what_there_is(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, shanghai).UnixMilli()
	tree := decode(t, testScope(shanghai), Node{All: []Node{
		{Leaf: "field", Key: "city", Op: "in", Value: value([]string{"上海", "杭州"})},
		{Leaf: "field", Key: "level", Op: "eq", Value: value("boss")},
		{Any: []Node{
			{Leaf: "score", Key: "fit", Op: "ge", Value: value(70)},
			{Leaf: "event", Key: event.PageViewed, Op: "ge", Value: value(3), Days: 7, Where: []Where{{Prop: "seconds", Op: "ge", Value: value(60)}}},
		}},
		{Not: &Node{Leaf: "tag", Op: "any", Value: value([]string{"rival"})}},
		{Leaf: "staff", Op: "any", Value: value([]string{"zhang"})},
		{Leaf: "stage", Op: "in", Value: value([]string{"mql", "won"})},
	}})
	p := NewPerson(&contact.Person{ID: 1, Values: map[string]contact.Value{"city": {Text: "北京", Norm: "北京"}, "level": {Norm: "boss"}},
		Staff: []contact.StaffLink{{CorpID: "ww1", UserID: "zhang"}}})
	p.Stage = "mql"
	p.Scores[12] = Score{Stored: 71_500_000}
	p.Tags[2] = Tag{At: now}
	require.False(t, tree.Match(p, now))
	require.Equal(t, strings.TrimSpace(`
✗ 满足全部条件（6 项中满足 4 项）
  ✗ 城市 属于 上海、杭州（实际：北京）
  ✓ 职级 等于 负责人（实际：负责人）
  ✓ 满足任一条件（2 项中满足 1 项）
    ✓ 契合度 大于等于 70（实际：71 分）
    ✗ 最近7天“浏览页面”（秒数 大于等于 60） 次数至少 3 次（实际：0 次）
  ✗ 不满足下面的条件
    ✓ 标签 含任一 竞品（实际：有 竞品）
  ✓ 是其中任一员工的好友 张三（实际：好友有 张三）
  ✓ 生命周期阶段 属于 市场认可线索、成交客户（实际：市场认可线索）`), tree.Explain(p, now).String())
	require.Equal(t, []string{"城市 属于 上海、杭州（实际：北京）", "标签 含任一 竞品（实际：有 竞品）"}, tree.Explain(p, now).Decisive())
	require.Equal(t, "城市 属于 上海、杭州 且 职级 等于 负责人 且 （契合度 大于等于 70 或 最近7天“浏览页面”（秒数 大于等于 60） 次数至少 3 次）"+
		" 且 非（标签 含任一 竞品） 且 是其中任一员工的好友 张三 且 生命周期阶段 属于 市场认可线索、成交客户", tree.String())
}

func TestUses_lists_what_an_answer_depends_on(t *testing.T) {
	t.Parallel()
	tree := decode(t, testScope(shanghai), Node{Any: []Node{
		{Leaf: "field", Key: "city", Op: "empty"}, {Leaf: "field", Key: "city", Op: "not_empty"},
		{Leaf: "tag", Op: "none", Value: value([]string{"vip", "price"})},
		{Leaf: "event", Key: "page.viewed", Op: "did"},
	}})
	require.Equal(t, Uses{Fields: []string{"city"}, Tags: []int64{1, 3}, Events: []string{"page.viewed"}}, tree.Uses())
	for _, n := range []Node{
		{Leaf: "event", Key: "page.viewed", Op: "did", Days: 7},
		{Leaf: "field", Key: "birthday", Op: "anniversary"},
		{Leaf: "created_at", Op: "last", Value: value(3)},
		{Leaf: "score", Key: "intent", Op: "ge", Value: value(40)},
		{Leaf: "age", Op: "ge", Value: value(18)},
	} {
		require.True(t, decode(t, testScope(shanghai), n).Uses().Daily, n.Leaf)
	}
	require.False(t, decode(t, testScope(shanghai), Node{Leaf: "score", Key: "fit", Op: "ge", Value: value(40)}).Uses().Daily)
}

// TestCounted_shares_questions: the same question asked twice is one counter, another window of the same
// class too, another condition is not.
func TestCounted_shares_questions(t *testing.T) {
	t.Parallel()
	ask := func(days int, where ...Where) Node {
		return Node{Leaf: "event", Key: "page.viewed", Op: "did", Days: days, Where: where}
	}
	a, b := Where{Prop: "seconds", Op: "ge", Value: value(60)}, Where{Prop: "object_id", Op: "eq", Value: value("x")}
	tree := decode(t, testScope(shanghai), Node{All: []Node{ask(30), ask(31), ask(8), ask(7), ask(0), {Leaf: "event_last", Key: "page.viewed", Op: "last", Value: value(1)}, ask(7, a, b), ask(7, b, a), ask(7, a)}})
	require.Len(t, tree.Counted(), 5)
	other := decode(t, testScope(time.UTC), ask(7))
	require.NotEqual(t, decode(t, testScope(shanghai), ask(7)).Counted()[0].ID, other.Counted()[0].ID, "a day elsewhere is another day")
}

// TestTheLargestTreeRuns: what Decode accepts, the databases do too, and in reasonable time.
func TestTheLargestTreeRuns(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		w := newWorld(t, s)
		w.now = time.Date(2026, 11, 22, 10, 0, 0, 0, shanghai).UnixMilli()
		kinds := []Node{
			{Leaf: "field", Key: "city", Op: "in", Value: value(manyTexts())},
			{Leaf: "field", Key: "birthday", Op: "anniversary"},
			{Leaf: "event", Key: "page.viewed", Op: "ge", Value: value(2), Days: 7},
			{Leaf: "tag", Op: "all", Value: value([]string{"vip", "price"})},
			{Leaf: "score", Key: "intent", Op: "lt", Value: value(50)},
			{Leaf: "has_phone", Op: "no"},
		}
		for _, kind := range []string{"all", "any"} {
			n := Node{}
			for i := range maxParts - 1 {
				leaf := kinds[i%len(kinds)]
				if i >= 60 {
					leaf = Node{Leaf: "field", Key: "city", Op: "ne", Value: value(fmt.Sprint(i))}
				}
				if kind == "all" {
					n.All = append(n.All, leaf)
				} else {
					n.Any = append(n.Any, leaf)
				}
			}
			begun := time.Now()
			w.selected(t.Context(), decode(t, w.scope, n))
			require.Less(t, time.Since(begun), 10*time.Second, kind)
			t.Log(kind, time.Since(begun))
		}
		deep := Node{Leaf: "has_phone", Op: "yes"}
		for i := range maxDepth - 1 {
			inner := deep
			if i%2 == 0 {
				deep = Node{Not: &inner}
			} else {
				deep = Node{All: []Node{inner, {Leaf: "reachable", Op: "no"}}}
			}
		}
		w.selected(t.Context(), decode(t, w.scope, deep))
	})
}

func manyTexts() []string {
	var out []string
	for i := range maxList {
		out = append(out, fmt.Sprint("城市", i))
	}
	return out
}
