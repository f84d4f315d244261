package journey

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/message"
	"github.com/koi-scrm/koi/app/setting"
)

func TestComponents_are_named_in_Chinese_throughout(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range Components() {
		require.NotEmpty(t, c.Number, c.Key)
		require.False(t, seen[c.Key] || seen["#"+c.Number], c.Key)
		seen[c.Key], seen["#"+c.Number] = true, true
		require.True(t, chinese(c.Label), c.Key)
		require.True(t, chinese(c.Explain), c.Key)
		require.True(t, chinese(c.Group.Label()), c.Key)
		require.NotEmpty(t, c.Subjects, c.Key)
		for _, s := range c.Subjects {
			require.True(t, chinese(s.Label()))
		}
		for _, p := range c.Ports {
			require.True(t, chinese(p.Label), c.Key+" "+p.Key)
		}
		for _, m := range c.Config {
			require.True(t, chinese(m.Label), c.Key+" "+m.Key)
			require.NotEmpty(t, m.Editor, c.Key+" "+m.Key)
		}
	}
	for _, number := range strings.Fields("1 4 7 8 12 13 14 14b 14c 15 17 18 19 23 24 26 29 32 33") {
		require.True(t, seen["#"+number], "component %s of the catalogue", number)
	}
	for _, s := range []Status{Draft, Live, Paused, Stopped} {
		require.True(t, chinese(s.Label()))
	}
	for _, s := range []State{Waiting, Ready, Sending, Finished, Exited, Failed, Merged} {
		require.True(t, chinese(s.Label()))
	}
	for _, m := range []EntryMode{Once, Again, Concurrent} {
		require.True(t, chinese(entryLabels[m]))
	}
	for _, r := range relations {
		require.True(t, chinese(r.label))
	}
}

func chinese(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r >= 0x4e00 && r <= 0x9fff })
}

// TestComponents_decode_what_they_declare keeps the schema that consoles read in step with the decoders.
func TestComponents_decode_what_they_declare(t *testing.T) {
	t.Parallel()
	for _, c := range Components() {
		for _, m := range c.Config {
			value := map[Editor]string{EditText: `["x"]`, EditNumber: `1`, EditSwitch: `true`, EditDuration: `"1h"`, EditClock: `"09:00"`, EditInstant: `"2026-11-22 10:00"`,
				EditOption: `"x"`, EditEvents: `["x"]`, EditWhere: `[]`, EditRule: `{}`, EditBranches: `[]`, EditCases: `[]`, EditTags: `["vip"]`, EditStages: `["mql"]`,
				EditStage: `"mql"`, EditScore: `"x"`, EditField: `"x"`, EditValues: `{}`, EditTemplate: `"x"`, EditAccount: `"x"`, EditRelation: `["x"]`, EditNumbers: `[1]`,
				EditLine: `"x"`, EditRoles: `["admin"]`, EditChannel: `"sms"`, EditWebhook: `"x"`}[m.Editor]
			require.NotEmpty(t, value, m.Editor)
			body := fmt.Sprintf(`{"nodes":[{"id":"n","component":%q,"config":{%q:%s}}]}`, c.Key, m.Key, value)
			_, problems := compile(setting.Item{Key: "k", Body: []byte(body)}, known(t))
			for _, p := range problems {
				require.NotContains(t, p.Message, "写法不对：", "%s.%s: %v", c.Key, m.Key, p)
			}
		}
	}
}

func TestStarters_compile_without_problems(t *testing.T) {
	t.Parallel()
	items := starters(t)
	m, problems := message.Compile(items, message.Known{Fields: scope().Fields})
	require.Empty(t, problems)
	model, problems := Compile(items, Known{Scope: scope(), Messages: m})
	require.Empty(t, problems)
	require.Len(t, model.Graphs(), 3)
	require.Equal(t, "关注欢迎", model.Graphs()[0].Name)
}

func TestCompile_reports_every_problem_at_once(t *testing.T) {
	t.Parallel()
	it := journeyItem(t, `
name: " "
subject: people
status: on
settings:
  entry: {mode: again}
  freshness: soon
  priority: 200
  timezone: Mars/Base
  hours: {from: "18:00", to: "09:00", days: [0, 8]}
  exit: [{}, {events: [nothing], when: {leaf: nope}}]
nodes:
  - {id: "Bad Id", component: on_event, config: {events: []}}
  - {id: go, component: on_event, config: {events: [oa.followed], where: [{prop: content, op: like, value: x}], whem: {}}}
  - {id: go, component: end}
  - {id: magic, component: magic}
  - {id: ask, component: branch, config: {branches: [{port: else, label: "", when: {leaf: tag, op: any, value: [nobody]}}]}}
  - {id: wait, component: wait_event, config: {cases: [{port: a, label: 甲, events: [oa.said]}]}}
  - {id: rest, component: wait, config: {mode: date, field: company, time: "25:00", in_hours: true}}
  - {id: say, component: send_official, config: {template: alert, account: ww1/1000002, expires: -1h}, on_error: retry}
  - {id: tell, component: alert, config: {template: nothing, to: [boss], pick: some, departments: [1], roles: [chief]}}
  - {id: tag, component: tag, config: {add: [nobody], remove: [nobody]}}
  - {id: set, component: change, config: {set: {company_size: many, nothing: 1}, stage: nowhere}}
edges:
  - {from: go, to: nowhere}
  - {from: go, port: sideways, to: ask}
  - {from: ask, to: go}
`)
	_, problems := compile(it, known(t))
	var got []string
	for _, p := range problems {
		got = append(got, strings.TrimPrefix(p.Path, "journey/test/")+"："+p.Message)
	}
	text := strings.Join(got, "\n")
	for _, want := range []string{
		"name：请填写名称",
		"subject：主体要么是 contact",
		"status：状态可以是",
		"settings.entry.days：天数应在 1 到 3650 之间，现在是 0",
		"settings.freshness：时长“soon”写法不对",
		"settings.priority：优先级应在 0 到 100 之间",
		"settings.timezone：没有时区“Mars/Base”",
		"settings.hours：结束时刻 09:00 应晚于开始时刻 18:00",
		"settings.hours.days：星期用 1（周一）到 7（周日）表示，现在有 0",
		"settings.hours.days：星期用 1（周一）到 7（周日）表示，现在有 8",
		"settings.exit[0]：退出条件至少要有事件或条件之一",
		"settings.exit[1].events[0]：没有事件“nothing”",
		"settings.exit[1].when.leaf：",
		"nodes[0].id：步骤编号“Bad Id”不合规",
		"nodes[0].config.events：请选择事件",
		"nodes[1].config.whem：写法不对",
		"nodes[1].config.where[0].op：",
		"nodes[2].id：步骤编号“go”重复",
		"nodes[3].component：没有组件“magic”",
		"nodes[4].config.branches[0].port：出口编号“else”重复",
		"nodes[4].config.branches[0].label：请填写分支名称",
		"nodes[4].config.branches[0].when.value",
		"nodes[5].config.timeout：请填写时长",
		"nodes[5].config.cases[0].events[0]：没有事件“oa.said”",
		"nodes[6].config.field：字段“公司”不是日期",
		"nodes[6].config.time：时刻“25:00”写法不对",
		"nodes[7].config.template：消息模板“提醒”是企微应用消息，这里要用公众号客服消息",
		"nodes[7].config.account：“ww1/1000002”是企业微信应用",
		"nodes[7].config.expires：时长“-1h”写法不对",
		"nodes[7].on_error：出错时可以",
		"nodes[8].config.template：没有可用的消息模板“nothing”",
		"nodes[8].config.to[0]：没有这种关系“boss”",
		"nodes[8].config.pick：可以是",
		"nodes[8].config.departments：提醒指定部门时要选部门",
		"nodes[8].config.roles：提醒指定角色时要选角色",
		"nodes[8].config.roles[0]：没有角色“chief”，可用：admin（管理员）",
		"nodes[9].config.add[0]：没有标签“nobody”",
		"nodes[9].config.remove：标签“nobody”同时在打上和去掉里",
		"nodes[10].config.set.company_size：公司规模（人）应为整数",
		"nodes[10].config.set.nothing：没有字段“nothing”",
		"nodes[10].config.stage[0]：没有阶段“nowhere”",
		"edges[0].to：没有步骤“nowhere”",
	} {
		require.Contains(t, text, want)
	}
}

func TestCompile_checks_the_shape(t *testing.T) {
	t.Parallel()
	const trigger = `{id: go, component: on_event, config: {events: [oa.followed]}}`
	for _, c := range []struct{ name, body, want string }{
		{"no trigger", `{nodes: [{id: a, component: end}]}`, "nodes：没有触发步骤"},
		{"an open port", `{nodes: [` + trigger + `]}`, "nodes[0]：步骤 go（行为事件）的出口“下一步”没有连到下一步"},
		{"an unreachable step", `{nodes: [` + trigger + `, {id: a, component: end}, {id: b, component: end}], edges: [{from: go, to: a}]}`, "nodes[2]：没有路能走到步骤 b（结束）"},
		{"an unknown port", `{nodes: [` + trigger + `, {id: a, component: end}], edges: [{from: go, to: a}, {from: a, to: a}]}`, "edges[1].port：步骤 a（结束）没有出口“next”"},
		{"two edges from a port", `{nodes: [` + trigger + `, {id: a, component: end}, {id: b, component: end}], edges: [{from: go, to: a}, {from: go, to: b}]}`, "edges[1].port：步骤 go 的出口“next”连了两条线"},
		{"an edge into a trigger", `{nodes: [` + trigger + `, {id: t, component: tag, config: {add: [vip]}}], edges: [{from: go, to: t}, {from: t, to: go}]}`, "edges[1].to：连线不能指向触发步骤 go"},
		{"a cycle without a wait", `{nodes: [` + trigger + `, {id: a, component: tag, config: {add: [vip]}}, {id: b, component: tag, config: {remove: [vip]}}], edges: [{from: go, to: a}, {from: a, to: b}, {from: b, to: a}]}`, "步骤 a → b → a 成环而没有等待"},
		{"a cycle with a wait until a fixed time", `{nodes: [` + trigger + `, {id: a, component: wait, config: {mode: until, at: "2026-11-22 10:00"}}], edges: [{from: go, to: a}, {from: a, to: a}]}`, "成环而没有等待"},
		{"a staff step for customers", `{nodes: [` + trigger + `, {id: a, component: send_wecom, config: {template: to_staff}}], edges: [{from: go, to: a}]}`, "nodes[1].component：“企微应用消息”不能用在主体为客户的旅程里"},
		{"a customer condition for staff", `{subject: staff, nodes: [{id: go, component: on_event, config: {events: [wecom.customer_added], when: {leaf: tag, op: any, value: [vip]}}}, {id: a, component: end}], edges: [{from: go, to: a}]}`, "主体为员工的旅程不能用客户条件"},
		{"working hours that were not set", `{nodes: [` + trigger + `, {id: a, component: wait, config: {mode: work}}, {id: b, component: end}], edges: [{from: go, to: a}, {from: a, to: b}]}`, "旅程没有设置工作时间"},
		{"an alert by a message to customers", `{nodes: [` + trigger + `, {id: a, component: alert, config: {template: to_staff, to: [leader]}}, {id: b, component: end}], edges: [{from: go, to: a}, {from: a, to: b}]}`, "提醒员工要用员工提醒类"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, problems := compile(journeyItem(t, c.body), known(t))
			text := ""
			for _, p := range problems {
				text += strings.TrimPrefix(p.Path, "journey/test/") + "：" + p.Message + "\n"
			}
			require.Contains(t, text, c.want)
		})
	}
}

func TestCompile_allows_a_cycle_with_a_wait(t *testing.T) {
	t.Parallel()
	graphOf(t, `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: say, component: send_official, config: {template: hello}}
  - {id: rest, component: wait, config: {mode: for, for: 1d}}
edges: [{from: go, to: say}, {from: say, to: rest}, {from: rest, to: say}]`)
}

func TestCompile_keeps_a_journey_with_problems_closed_but_its_runs_going(t *testing.T) {
	t.Parallel()
	it := journeyItem(t, `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: tag, component: tag, config: {add: [gone]}}
  - {id: done, component: end}
edges: [{from: go, to: tag}, {from: tag, to: done}]`)
	m, problems := Compile([]setting.Item{it}, known(t))
	require.Len(t, problems, 1)
	require.Empty(t, m.index)
	g := m.Graphs()[0]
	run, out := step(g, Run{Node: "go", State: Ready}, input{kind: started}, facts{now: noon})
	require.Equal(t, "tag", run.Node)
	require.Equal(t, impossible{"没有标签“gone”"}, out.action)
}
