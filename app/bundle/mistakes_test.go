package bundle

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/templates"
)

// tenMistakes is a bundle with ten mistakes of meaning, each of another kind; the lines that hold one end
// in "←" and a number.
const tenMistakes = `name: 十处错误
tags:
  - {key: vip, name: 重点客户}
  - {key: fan, name: 粉丝}

tag_rules:
  - key: asked
    name: 问过报价
    on: [{events: [oa.message_received]}]
    add: [vip, vipp] # ←1
  - key: big
    name: 大企业
    when:
      all:
        - {leaf: official_follower, op: "yes"}
        - leaf: field
          key: company_size
          op: contains # ←2
          value: 200
    add: [vip]
  - key: near
    name: 附近
    when: {leaf: field, key: citty, op: eq, value: 上海} # ←3
    add: [fan]

scores:
  - key: intent
    name: 意向
    kind: behaviour
    half_life_days: 0 # ←4
    rules:
      - {key: follow, name: 关注, points: 5, on: [{events: [oa.followed]}]}
      - key: price
        name: 看报价
        points: 15
        on:
          - events: [page.viewed, page.veiwed] # ←5

stages:
  - {key: visitor, name: 匿名访客, order: 10}
  - {key: known, name: 已识别, order: 20, enter: {leaf: has_phone, op: "yes"}}
  - key: mql
    name: 市场认可线索
    order: 20 # ←6
    enter: {leaf: score, key: intent, op: ge, value: 80}

messages:
  - key: welcome
    name: 欢迎
    channel: official_kf
    class: reply
    kind: text
    content: |-
      您好，
      {% if contact.name and %}{{ contact.name }}
      感谢关注
  - key: alert
    name: 提醒
    channel: wecom_app
    class: staff_alert
    kind: textcard
    title: 热线索
    description: {{DESCRIPTION}} # ←8
    url: "{{ links.contact }}"
  - key: reply
    name: 回复
    channel: official_kf
    class: reply
    kind: text
    content: 收到

journeys:
  - key: welcome
    name: 欢迎
    subject: contact
    status: live
    settings: {entry: {mode: once}}
    nodes:
      - {id: go, component: on_event, config: {events: [oa.followed]}}
      - {id: hello, component: send_official, config: {template: welcome}}
      - id: again
        component: send_official
        config:
          template: welcom # ←9
      - {id: done, component: end}
    edges:
      - {from: go, to: hello}
      - {from: hello, to: again}
      - {from: again, to: done}
  - key: answer
    name: 回复
    subject: contact
    status: live
    settings: {entry: {mode: concurrent}}
    nodes:
      - {id: go, component: on_event, config: {events: [oa.message_received]}}
      - {id: say, component: send_official, config: {template: reply}}
      - {id: lost, component: send_official, config: {template: reply}} # ←10
      - {id: done, component: end}
    edges:
      - {from: go, to: say}
      - {from: say, to: done}
      - {from: lost, to: done}
`

func TestCheck_lists_ten_mistakes_as_ten_lines(t *testing.T) {
	t.Parallel()
	text := strings.Replace(tenMistakes, "{{DESCRIPTION}}", strings.Repeat("很长", 100), 1)
	want := []string{
		"tag_rule/asked/add[1]：没有叫 \"vipp\" 的标签",
		"tag_rule/big/when.all[1].op：“公司规模（人）”不能用 \"contains\"，可用：eq 等于",
		"tag_rule/near/when.key：没有叫 \"citty\" 的字段，是不是 \"city\"？",
		"score/intent/half_life_days：半衰期应在 1 到 3650 天之间",
		"score/intent/rules[1].on[0].events[1]：没有叫 \"page.veiwed\" 的行为事件，是不是 \"page.viewed\"？",
		"stage/mql/order：次序 20 与 stage/known 相同",
		"message/welcome/content：模板语法不对：有 {% if %} 或 {% for %} 没有写结尾",
		"message/alert/description：固定文字有 600 字节，最多 512 字节",
		"journey/welcome/nodes[2].config.template：没有可用的消息模板“welcom”",
		"journey/answer/nodes[2]：没有路能走到步骤 lost（公众号客服消息）",
	}
	lines := map[int]int{}
	for i, line := range strings.Split(text, "\n") {
		var n int
		if _, mark, ok := strings.Cut(line, "# ←"); ok {
			_, err := fmt.Sscan(mark, &n)
			require.NoError(t, err)
		} else if strings.Contains(line, "{% if") {
			n = 7 // a mark would belong to the message
		}
		if n > 0 {
			lines[n] = i + 1
		}
	}
	require.Len(t, lines, len(want))

	for name, before := range map[string]string{"on an empty Koi": "", "on top of the starter bundle": string(templates.Starter)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, settings := newApplier(dbtest.SQLite(t))
			text := text
			if before != "" {
				apply(t, a, before)
				// The starter's journey waits for thresholds of its own model.
				text = strings.ReplaceAll(text, "key: intent", "key: interest")
			}
			was := exported(t, settings)
			_, err := a.Apply(context.Background(), parsed(t, text), "test")
			got := told(t, err)
			require.Len(t, got, 10, "%s", strings.Join(got, "\n"))
			for i, w := range want {
				if before != "" {
					w = strings.Replace(w, "score/intent", "score/interest", 1)
				}
				begin := fmt.Sprintf("%d: %s", lines[i+1], w)
				require.True(t, slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, begin) }), "%q not in\n%s", begin, strings.Join(got, "\n"))
			}
			require.ErrorContains(t, err, "b.yaml 有 10 处错误，什么都没有改动")
			require.Equal(t, was, exported(t, settings))
		})
	}
}

// TestCheck_tells_one_mistake_once changes one thing in the starter bundle, as a person's slip would, and
// expects one line.
func TestCheck_tells_one_mistake_once(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, old, now, at, want string }{
		{"a broken message that a journey sends", "“报价”：看怎么收费", "“报价”：看怎么收费{% if %}", "“报价”：看怎么收费", "message/welcome/content：模板语法不对"},
		{"a variable that does not exist", "{{ contact.nickname }}", "{{ contact.nicknam }}", "contact.nicknam ", "message/welcome/content：没有变量 contact.nicknam，是不是 contact.nickname？"},
		{"a missing message", "config: {template: reply_trial}", "config: {template: reply_trail}", "reply_trail", "journey/keyword_reply/nodes[4].config.template：没有可用的消息模板“reply_trail”"},
		{"a forgotten edge", "      - {from: said_trial, to: trial}\n", "", "{id: said_trial,", "journey/keyword_reply/nodes[1]：步骤 said_trial（行为事件）的出口“下一步”没有连到下一步"},
		{"an edge to nowhere", "{from: said_trial, to: trial}", "{from: said_trial, to: trail}", "to: trail}", "journey/keyword_reply/edges[1].to：没有步骤“trail”"},
		{"an edge from nowhere", "{from: said_trial, to: trial}", "{from: said_trail, to: trial}", "from: said_trail", "journey/keyword_reply/edges[1].from：没有步骤“said_trail”"},
		{"an unknown component", "{id: followed, component: on_event,", "{id: followed, component: on_evnt,", "on_evnt", "journey/welcome/nodes[0].component：没有组件“on_evnt”"},
		{"a threshold that does not exist", "thresholds: [surge]", "thresholds: [surg]", "thresholds: [surg]", "journey/hot_lead/nodes[2].config.thresholds[0]：评分模型“意向”没有阈值“surg”，可用：warm、hot、surge"},
		{"a stage that does not exist", "stages: [mql]", "stages: [mqls]", "[mqls]", "journey/hot_lead/nodes[0].config.stages[0]：没有阶段“mqls”"},
		{"a misspelt member", "half_life_days: 30", "half_life: 30", "half_life: 30", "score/intent/half_life：评分模型写法不对：没有 half_life 这一项，可用：half_life_days、"},
		{"a misspelt member inside", "{key: view, name: 浏览页面, points: 1,", "{key: view, name: 浏览页面, point: 1,", "point: 1,", "score/intent/rules[0].point：规则写法不对：没有 point 这一项"},
		{"a misspelt member of a trigger", "- {events: [meeting.checked_in]}", "- {event: [meeting.checked_in]}", "{event: ", "tag_rule/attended/on[0].event：触发事件应写成"},
		{"a wrong type", "half_life_days: 30", "half_life_days: 三十", "三十", "score/intent/half_life_days：评分模型写法不对：应是整数，现在是 \"三十\""},
		{"a grid of a model that does not exist", "fit: fit\n", "fit: fitt\n", "fit: fitt", "grid/grade/fit：没有叫 \"fitt\" 的评分模型"},
		{"cuts in the wrong order", "{A: 70, B: 50, C: 30}", "{A: 70, B: 80, C: 30}", "B: 80", "grid/grade/fit_cuts.B：B 档的起点 80 应比上一档低"},
		{"a condition of an unknown kind", "{leaf: reachable, op: \"yes\"}", "{leaf: reachabel, op: \"yes\"}", "reachabel", "stage/mql/enter.all[0].leaf：没有叫 \"reachabel\" 的条件，是不是 \"reachable\"？"},
		{"an option that does not exist", "key: decision_role, op: eq, value: decider", "key: decision_role, op: eq, value: boss", "value: boss", "tag_rule/decision_maker/when.any[0].value：“决策角色”没有选项 \"boss\""},
		{"a field of an unknown type", "{key: seats, label: 预计使用人数, group: 需求, type: number}", "{key: seats, label: 预计使用人数, group: 需求, type: numbr}", "numbr", "field/seats/type：类型 \"numbr\" 不存在"},
		{"an unknown status", "    status: live\n    settings:\n      entry: {mode: again, days: 7}", "    status: on\n    settings:\n      entry: {mode: again, days: 7}", "status: on", "journey/hot_lead/status：状态可以是"},
		{"a relation that does not exist", "to: [event_staff, all_added, first_added, leader, roles], roles: [leader, admin]", "to: [event_staff, boss]", "boss", "journey/hot_lead/nodes[3].config.to[1]：没有这种关系“boss”"},
		{"an exclusion that is no list", "companies: []", "companies: 某某", "companies: 某某", "exclusion/default/companies：排除名单写法不对：应是列表"},
		{"a class that the channel has not", "class: staff_alert", "class: marketing", "class: marketing", "message/hot_lead/class：企微应用消息不能是“marketing”类"},
		{"a color", "color: \"#07c160\"", "color: green", "color: green", "tag/from_official/color：颜色应形如"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(string(templates.Starter), c.old, c.now, 1)
			require.NotEqual(t, string(templates.Starter), text)
			line := 1 + strings.Count(text[:strings.Index(text, c.at)], "\n")
			_, merged := parsed(t, text).over(nil)
			_, problems := Compile(merged, world)
			got := told(t, parsed(t, text).tell(problems))
			require.Len(t, got, 1, "%s", strings.Join(got, "\n"))
			require.True(t, strings.HasPrefix(got[0], fmt.Sprintf("%d: %s", line, c.want)), "%q\ndoes not begin with\n%d: %s", got[0], line, c.want)
		})
	}
}
