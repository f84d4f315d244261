package journey

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
)

// chain is a journey of steps one after the other; the first is the trigger's events.
func chain(on string, steps ...string) string {
	var nodes, edges strings.Builder
	fmt.Fprintf(&nodes, "nodes:\n  - {id: s0, component: on_event, config: {events: [%s]}}\n", on)
	edges.WriteString("edges:\n")
	for i, s := range steps {
		fmt.Fprintf(&nodes, "  - {id: s%d, %s}\n", i+1, s)
		port := "next"
		switch {
		case i > 0 && strings.Contains(steps[i-1], "can_reach"):
			port = "open"
			fmt.Fprintf(&edges, "  - {from: s%d, port: closed, to: end}\n", i)
		case i > 0 && strings.Contains(steps[i-1], "wait_event"):
			port = "yes"
			fmt.Fprintf(&edges, "  - {from: s%d, port: timeout, to: end}\n", i)
		case i > 0 && strings.Contains(steps[i-1], "component: goal"):
			port = "missed"
		}
		fmt.Fprintf(&edges, "  - {from: s%d, port: %s, to: s%d}\n", i, port, i+1)
	}
	fmt.Fprintf(&nodes, "  - {id: end, component: end}\n")
	fmt.Fprintf(&edges, "  - {from: s%d, to: end}\n", len(steps))
	return nodes.String() + edges.String()
}

func TestPublish_checks_know_the_platforms(t *testing.T) {
	t.Parallel()
	const (
		hello    = "component: send_official, config: {template: hello}"
		offer    = "component: send_official, config: {template: offer}"
		hour     = "component: wait, config: {mode: for, for: 1h}"
		seconds  = "component: wait, config: {mode: for, for: 30s}"
		tomorrow = `component: wait, config: {mode: time, time: "10:00"}`
		welcome  = "component: wecom_welcome, config: {template: hi}"
		notice   = "component: send_notice, config: {template: live}"
		ask      = "component: can_reach, config: {template: live}"
		askKF    = "component: can_reach, config: {channel: official_kf, class: reply}"
		says     = "component: wait_event, config: {timeout: 2d, cases: [{port: yes, label: 说话, events: [oa.message_received]}]}"
		answers  = "component: wait_event, config: {timeout: 2d, cases: [{port: yes, label: 订阅, events: [oa.subscription_answered]}]}"
		tag      = "component: tag, config: {add: [vip]}"
	)
	for _, c := range []struct {
		name, body       string
		problem, warning string // "": none
	}{
		{"a greeting at once", chain("oa.followed", hello), "", ""},
		{"a greeting after 30 seconds", chain("oa.followed", seconds, hello), "", ""},
		{"a greeting after twice 30 seconds", chain("oa.followed", seconds, tag, seconds, hello), "nodes[4]：步骤 s4（公众号客服消息）发不出去", ""},
		{"a greeting after an hour", chain("oa.followed, oa.scanned, oa.menu_clicked", hour, hello), "改用“公众号订阅通知”", ""},
		{"marketing after an hour", chain("oa.followed", hour, offer), "", "nodes[2]：步骤 s2（公众号客服消息）可能发不出去"},
		{"an answer to a message after an hour", chain("oa.message_received", hour, hello), "", ""},
		{"an answer to a message after three days", chain("oa.message_received", "component: wait, config: {mode: for, for: 3d}", hello), "发不出去", ""},
		{"a greeting that may come the next day", chain("oa.followed", tomorrow, hello), "", "可能发不出去"},
		{"a trigger that tells nothing of when they acted", chain("form.submitted", hour, hello), "", ""},
		{"one of two triggers", chain("form.submitted, oa.followed", hour, hello), "", "可能发不出去"},
		{"after a message that was waited for", chain("oa.followed", says, hour, hello), "", ""},
		{"after asking whether the window is open", chain("oa.followed", hour, askKF, hello), "", ""},
		{"after a goal that was missed", chain("oa.followed", "component: goal, config: {events: [order.paid], within: 1d}", hello), "发不出去", ""},
		{"a welcome", chain("wecom.customer_added, wecom.customer_half_added", welcome), "", ""},
		{"a welcome behind a wait", chain("wecom.customer_added", seconds, welcome), "前面有等待，欢迎语发不出去：凭证 20 秒就失效", ""},
		{"a welcome behind another event", chain("oa.followed", welcome), "要紧跟在“添加客户”或“免验证添加”之后", ""},
		{"a welcome behind one of two events", chain("wecom.customer_added, oa.followed", welcome), "", "要紧跟在“添加客户”或“免验证添加”之后"},
		{"a welcome behind what may happen at once", chain("wecom.customer_added", says, welcome), "", "前面有等待"},
		{"a notice to whoever", chain("oa.followed", notice), "", "nodes[1]：步骤 s1（公众号订阅通知）只有事先订阅过“直播提醒”的客户能收到：建议在前面加“可触达判断”"},
		{"a notice behind the question", chain("oa.followed", hour, ask, notice), "", ""},
		{"a notice behind the answer", chain("oa.followed", answers, notice), "", ""},
		{"a notice to who just answered", chain("oa.subscription_answered", hour, notice), "", ""},
		{"a mini-program message to who answered elsewhere", chain("oa.subscription_answered", "component: send_mini, config: {template: mini}"), "", "只有事先订阅过“进度提醒”的客户能收到"},
		{"a promotional SMS", chain("form.submitted", "component: send_sms, config: {template: sms_sale}"), "", "是推广短信，只发给同意过的客户，9:00–20:00 以外会顺延"},
		{"an SMS notice", chain("form.submitted", "component: send_sms, config: {template: sms}"), "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g, problems := compile(journeyItem(t, c.body), known(t))
			text := func(path, message string) string { return strings.TrimPrefix(path, "journey/test/") + "：" + message }
			var bad, wary []string
			for _, p := range problems {
				bad = append(bad, text(p.Path, p.Message))
			}
			for _, p := range g.warnings {
				wary = append(wary, text(p.Path, p.Message))
			}
			for _, x := range []struct {
				got  []string
				want string
			}{{bad, c.problem}, {wary, c.warning}} {
				if x.want == "" {
					require.Empty(t, x.got)
					continue
				}
				require.Len(t, x.got, 1)
				require.Contains(t, x.got[0], x.want)
			}
		})
	}
}

func TestPublish_checks_join_ways(t *testing.T) {
	t.Parallel()
	// Two ways to one notice, only one of which asks; and a greeting that one way reaches at once.
	g, problems := compile(journeyItem(t, `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: which, component: branch, config: {branches: [{port: vip, label: 重点客户, when: {leaf: tag, op: any, value: [vip]}}]}}
  - {id: ask, component: can_reach, config: {template: live}}
  - {id: rest, component: wait, config: {mode: for, for: 1h}}
  - {id: say, component: send_notice, config: {template: live}}
  - {id: hello, component: send_official, config: {template: hello}}
  - {id: done, component: end}
edges:
  - {from: go, to: which}
  - {from: which, port: vip, to: ask}
  - {from: which, port: else, to: say}
  - {from: ask, port: open, to: say}
  - {from: ask, port: closed, to: rest}
  - {from: rest, to: hello}
  - {from: say, to: hello}
  - {from: hello, to: done}`), known(t))
	require.Empty(t, problems, "one way is in time")
	require.Len(t, g.warnings, 2)
	require.Contains(t, g.warnings[0].Message, "只有事先订阅过")
	require.Contains(t, g.warnings[1].Message, "可能发不出去")
}

// TestPublish_checks_end_whatever_the_graph draws journeys with circles: the walk ends, and what it says of
// the luckiest way is never worse than of the unluckiest.
func TestPublish_checks_end_whatever_the_graph(t *testing.T) {
	t.Parallel()
	k := known(t)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 12).Draw(t, "steps")
		body := "nodes:\n  - {id: go, component: on_event, config: {events: [" + rapid.SampledFrom([]string{"oa.followed", "oa.message_received", "wecom.customer_added", "form.submitted"}).Draw(t, "on") + "]}}\n"
		edges := "edges:\n  - {from: go, to: n0}\n"
		to := func() string { return fmt.Sprint("n", rapid.IntRange(0, n-1).Draw(t, "to")) }
		for i := range n {
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				body += fmt.Sprintf("  - {id: n%d, component: wait, config: {mode: for, for: %ds}}\n", i, rapid.IntRange(1, 100_000).Draw(t, "s"))
				edges += fmt.Sprintf("  - {from: n%d, to: %s}\n", i, to())
			case 1:
				body += fmt.Sprintf("  - {id: n%d, component: wait_event, config: {timeout: 1h, cases: [{port: a, label: 甲, events: [oa.message_received]}]}}\n", i)
				edges += fmt.Sprintf("  - {from: n%d, port: a, to: %s}\n  - {from: n%d, port: timeout, to: %s}\n", i, to(), i, to())
			case 2:
				body += fmt.Sprintf("  - {id: n%d, component: can_reach, config: {channel: official_kf}}\n", i)
				edges += fmt.Sprintf("  - {from: n%d, port: open, to: %s}\n  - {from: n%d, port: closed, to: %s}\n", i, to(), i, to())
			default:
				body += fmt.Sprintf("  - {id: n%d, component: send_official, config: {template: hello}}\n", i)
				edges += fmt.Sprintf("  - {from: n%d, to: %s}\n", i, to())
			}
		}
		it := rawItem(t, body+edges)
		c := &compiler{it: it, known: k}
		g, _ := compile(it, k)
		c.g = g
		for n, a := range c.approaches() {
			require.LessOrEqual(t, a.worst, a.best, n.id)
			require.GreaterOrEqual(t, a.worst, int64(0))
		}
	})
}

func TestCompile_checks_the_new_steps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, body, want string }{
		{"a template of another channel", chain("oa.followed", "component: send_sms, config: {template: hello}"), "消息模板“问候”是公众号客服消息，这里要用短信"},
		{"no template", chain("oa.followed", "component: send_notice"), "nodes[1].config.template：请选择消息模板"},
		{"a WeCom app for a mini-program", chain("oa.followed", "component: send_mini, config: {template: mini, account: ww1/1}"), "这里要填小程序的 AppID"},
		{"an account of a welcome", chain("wecom.customer_added", "component: wecom_welcome, config: {template: hi, account: x}"), "nodes[1].config.account：写法不对"},
		{"no channel", chain("oa.followed", "component: can_reach"), "nodes[1].config.channel：请选择渠道"},
		{"a channel to staff", chain("oa.followed", "component: can_reach, config: {channel: wecom_app}"), "请选择渠道"},
		{"a subscription without template", chain("oa.followed", "component: can_reach, config: {channel: official_notice}"), "nodes[1].config.template：公众号订阅通知按模板订阅，请选择消息模板"},
		{"a template that is of another class", chain("oa.followed", "component: can_reach, config: {template: live, class: marketing}"), "nodes[1].config.class：消息模板“直播提醒”是服务通知类"},
		{"a template of another channel than asked", chain("oa.followed", "component: can_reach, config: {template: live, channel: sms}"), "这里要用短信"},
		{"a class there is not", chain("oa.followed", "component: can_reach, config: {channel: sms, class: staff_alert}"), "nodes[1].config.class：类别可以是"},
		{"a wait there is not", chain("oa.followed", "component: can_reach, config: {channel: sms, within: soon}"), "nodes[1].config.within：时长“soon”写法不对"},
		{"no webhook", chain("oa.followed", "component: webhook"), "nodes[1].config.webhook：请选择推送到哪个 Webhook"},
		{"a webhook there is not", chain("oa.followed", "component: webhook, config: {webhook: crm}"), "没有可用的 Webhook“crm”"},
		{"a part there is not", chain("oa.followed", "component: webhook, config: {webhook: erp, send: all}"), "nodes[1].config.send：可以是"},
		{"personal values of an event", chain("oa.followed", "component: webhook, config: {webhook: erp, send: event, personal: true}"), "只推送事件时不带个人信息"},
		{"a goal of nothing", chain("oa.followed", "component: goal", "component: end"), "nodes[1].config：目标至少要有事件或客户条件之一"},
		{"a goal without end", chain("oa.followed", "component: goal, config: {events: [order.paid]}"), "nodes[1].config.within：有目标事件时请填写最多等多久"},
		{"a goal there is not", chain("oa.followed", "component: goal, config: {events: [order.gone], within: 1d}"), "nodes[1].config.events[0]：没有事件“order.gone”"},
		{"a goal of the journey that is none", "settings: {entry: {mode: once}, goal: {where: [], within: x}}\n" + chain("oa.followed"), "settings.goal：目标至少要有事件或客户条件之一"},
		{"a step that sends nothing", chain("oa.followed", "component: wait_event, config: {timeout: 1d, cases: [{port: yes, label: 到, events: [message.delivered], step: s0}]}"), "cases[0].step：步骤 s0（行为事件）不发消息"},
		{"a step there is not", chain("oa.followed", "component: wait_event, config: {timeout: 1d, cases: [{port: yes, label: 到, events: [message.delivered], step: s9}]}"), "cases[0].step：没有步骤“s9”"},
		{"an event that is of no message", chain("oa.followed", "component: send_official, config: {template: hello}", "component: wait_event, config: {timeout: 1d, cases: [{port: yes, label: 到, events: [oa.followed], step: s1}]}"), "只有消息类事件（message. 开头）才能指明是哪一步发的"},
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

func TestSummaries_say_what_the_new_steps_do(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]string{
		"component: send_notice, config: {template: live}":                          "发送“直播提醒”",
		"component: can_reach, config: {template: live}":                            "公众号订阅通知“直播提醒”发得出去吗",
		"component: can_reach, config: {channel: sms, class: marketing}":            "短信（营销）发得出去吗",
		"component: webhook, config: {webhook: erp, send: contact, personal: true}": "把客户推送到“订单系统”，带个人信息",
		"component: goal, config: {events: [order.paid], within: 1d}":               "付款，最多等 1天",
		"component: goal, config: {when: {leaf: tag, op: any, value: [vip]}}":       "",
		"component: send_sms, config: {template: sms}":                              "发送“预约短信”",
	} {
		g, _ := compile(journeyItem(t, chain("oa.followed", step)), known(t))
		require.Contains(t, g.node("s1").part.summary(), want)
	}
}

func TestDirectory_rehearses_without_opening_a_number(t *testing.T) {
	t.Parallel()
	r := newRig(t, dbtest.SQLite(t))
	r.journey("j", `
nodes:
  - {id: go, component: on_event, config: {events: [form.submitted]}}
  - {id: ask, component: can_reach, config: {template: live}}
  - {id: say, component: send_notice, config: {template: live}}
  - {id: text, component: send_sms, config: {template: sms}}
  - {id: push, component: webhook, config: {webhook: erp, personal: true}}
  - {id: buy, component: goal, config: {events: [order.paid], within: 1d}}
  - {id: done, component: end}
edges:
  - {from: go, to: ask}
  - {from: ask, port: open, to: say}
  - {from: ask, port: closed, to: text}
  - {from: say, to: done}
  - {from: text, to: push}
  - {from: push, to: buy}
  - {from: buy, port: missed, to: done}`)
	r.batch(r.submit("o1", "13800000001"), r.say("o2", "你好"))
	id := r.directory().Model().Graphs()[0].ID
	walk := func(contact int64, choose map[string]string) Rehearsal {
		got, err := r.directory().TestRun(t.Context(), TestRun{Journey: id, Contact: contact, Choose: choose})
		require.NoError(t, err)
		return got
	}
	got := walk(1, nil)
	require.Equal(t, []string{"go", "ask", "say", "done"}, nodesOf(got))
	require.Contains(t, got.Steps[1].Why, "试走先按可以触达走")

	got = walk(1, map[string]string{"ask": "closed"})
	require.Equal(t, []string{"go", "ask", "text", "push", "buy", "done"}, nodesOf(got))
	require.NotContains(t, got.String(), "13800000001")
	require.Contains(t, got.Steps[2].Messages[0].Body, `"phone":"***********"`)
	require.Contains(t, got.Steps[3].Messages[0].Body, `"phone":"***********"`)
	require.Equal(t, r.now+(24*time.Hour).Milliseconds(), got.Steps[4].Wait)

	got = walk(2, map[string]string{"ask": "closed"})
	require.True(t, got.Steps[2].Failed)
	require.Equal(t, "客户没有留过手机号", got.Steps[2].Why)
	require.Len(t, r.messages(), 2, "what the live run sent; a rehearsal sends nothing")
	require.Equal(t, event.FormSubmitted, got.Event.Type)
}
