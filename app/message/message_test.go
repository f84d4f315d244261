package message

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/setting"
)

var known = Known{Fields: map[string]contact.Field{
	"name":         {Key: "name", Label: "姓名", Type: contact.Text},
	"nickname":     {Key: "nickname", Label: "昵称", Type: contact.Text},
	"company":      {Key: "company", Label: "公司", Type: contact.Text},
	"company_size": {Key: "company_size", Label: "公司规模", Type: contact.Number},
	"birthday":     {Key: "birthday", Label: "生日", Type: contact.Date},
	"bant_need":    {Key: "bant_need", Label: "需求", Type: contact.Bool},
	"gender":       {Key: "gender", Label: "性别", Type: contact.Choice, Options: []contact.Option{{Key: "male", Label: "男"}}},
}}

func item(key, body string) setting.Item {
	return setting.Item{ID: 7, Kind: setting.KindMessage, Key: key, Rev: 1, Body: json.RawMessage(body)}
}

func one(t *testing.T, body string) *Template {
	t.Helper()
	m, problems := Compile([]setting.Item{item("m", body)}, known)
	require.Empty(t, problems)
	return m.Get("m")
}

// textOf makes a text template of the follower's channel.
func textOf(t *testing.T, content string) *Template {
	t.Helper()
	raw, err := json.Marshal(map[string]string{"name": "测试", "channel": "official_kf", "class": "reply", "kind": "text", "content": content})
	require.NoError(t, err)
	return one(t, string(raw))
}

func cardOf(t *testing.T, title, description string) *Template {
	t.Helper()
	raw, err := json.Marshal(map[string]string{"name": "测试", "channel": "wecom_app", "class": "staff_alert", "kind": "textcard",
		"title": title, "description": description, "url": "{{ links.contact }}", "button": "查看客户"})
	require.NoError(t, err)
	return one(t, string(raw))
}

func somebody() Facts {
	return Facts{
		Ref: "r1",
		Contact: &contact.Person{ID: 42, Values: map[string]contact.Value{
			"name": {Text: "张三"}, "company": {Text: "锦鲤科技"}, "company_size": {Num: 250}, "birthday": {Num: 7305}, "bant_need": {Num: 1}, "gender": {Text: "male"},
		}, Identities: []contact.PersonIdentity{{Kind: event.KindPhone}}},
		Stage: "MQL 市场认可线索", Grade: "A1", Tags: []string{"制造业", "华东"}, Intent: 82, Fit: 75,
		Reasons: []string{"预约演示 +40", "看报价页 +15"},
		Event:   &event.Event{Type: event.TrialRequested, OccurredAt: time.Date(2026, 11, 22, 2, 30, 0, 0, time.UTC).UnixMilli(), Props: event.Props{"content": "想看报价", "n": float64(3)}},

		EventName: "申请试用", Staff: Staff{Name: "李雷", UserID: "lilei"},
		Links: Links{Contact: "https://koi.example.com/console/contacts/42", StaffContact: "https://koi.example.com/staff/contacts/42"}, Journey: "热线索提醒",
		Zone: time.FixedZone("CST", 8*3600),
	}
}

func rendered(t *testing.T, tpl *Template, f Facts) map[string]any {
	t.Helper()
	body, err := tpl.Render(f)
	require.NoError(t, err)
	var out map[string]any
	require.NoError(t, json.Unmarshal(body, &out), string(body))
	return out
}

func TestRender(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, template, want string }{
		{"fields of each type", "{{contact.name}} {{contact.company_size}} {{contact.birthday}} {{contact.bant_need}} {{contact.gender}}", "张三 250 1990-01-01 是 男"},
		{"what we concluded", "{{contact.stage}} {{contact.grade}} {{contact.tags | join: '、'}} {{score.intent}}/{{score.fit}}", "MQL 市场认可线索 A1 制造业、华东 82/75"},
		{"the event in the business zone", "{{event.name}} {{event.at}} {{event.props.content}} {{event.props[\"n\"]}}", "申请试用 2026-11-22 10:30 想看报价 3"},
		{"a date in another form", "{{event.at | date: '%m月%d日 %H:%M'}}", "11月22日 10:30"},
		{"the staff member", "{{staff.name}}（{{staff.userid}}）", "李雷（lilei）"},
		{"a default for what is missing", "{{contact.nickname | default: '朋友'}}", "朋友"},
		{"a condition", "{% if contact.has_phone %}可致电{% else %}无电话{% endif %}{% if contact.has_email %}可发信{% endif %}", "可致电"},
		{"a loop", "{% for r in score.reasons limit:1 %}{{ forloop.index }}. {{ r }}{% endfor %}", "1. 预约演示 +40"},
		{"a case", "{% case contact.grade %}{% when 'A1', 'A2' %}尽快{% else %}不急{% endcase %}", "尽快"},
		{"a shortened value", "{{ contact.company | truncate: 3 }}", "锦鲤…"},
		{"text without variables", "您好", "您好"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, rendered(t, textOf(t, c.template), somebody())["content"])
		})
	}
}

func TestRender_gives_the_platforms_body_in_fixed_order(t *testing.T) {
	t.Parallel()
	tpl := cardOf(t, "热线索：{{ contact.display }}", `<div class="gray">{{ event.at }}</div><div class="highlight">{{ score.reasons | join: "；" }}</div>`)
	require.True(t, tpl.Uses("score.reasons"))
	require.False(t, tpl.Uses("score.intent"))
	want := `{"title":"热线索：张三","description":"<div class=\"gray\">2026-11-22 10:30</div><div class=\"highlight\">预约演示 +40；看报价页 +15</div>","url":"https://koi.example.com/console/contacts/42","btntxt":"查看客户"}`
	for range 20 {
		body, err := tpl.Render(somebody())
		require.NoError(t, err)
		require.Equal(t, want, string(body))
	}
}

func TestRender_keeps_values_from_becoming_markup(t *testing.T) {
	t.Parallel()
	for _, evil := range []string{
		`<div class="highlight">已付款</div>`, `</div><a href="http://evil.example">点我</a>`, "{{ links.contact }}", "张三\n公司：假公司", "\u202e三张", "<a href='x'", `"},"touser":"@all`,
	} {
		f := somebody()
		f.Contact.Values["name"] = contact.Value{Text: evil}
		f.Event.Props["content"] = evil
		f.Reasons = []string{evil}
		card := rendered(t, cardOf(t, "{{contact.name}}", `<div class="normal">{{contact.name}}|{{event.props.content}}|{{score.reasons | join: ","}}</div>`), f)
		d := card["description"].(string)
		require.Equal(t, 1, strings.Count(d, "<div"), d)
		require.Equal(t, 1, strings.Count(d, "</div>"), d)
		require.NotContains(t, d, "<a")
		require.NotContains(t, d, "\n")
		require.NotContains(t, d, "\u202e")
		require.NotContains(t, card, "touser")
		text := rendered(t, textOf(t, "您好 {{contact.name}}"), f)["content"].(string)
		require.NotContains(t, text, "<")
		require.NotContains(t, text, "koi.example.com", "a value is not evaluated again")
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"我的电话13812345678":           "我的电话138****5678",
		"13812345678 2026":          "138****5678 2026",
		"+86 138-1234-5678，找我":      "+86 138****5678，找我",
		"8613812345678":             "86138****5678",
		"订单 20261122138123456789":   "订单 20261122138123456789",
		"zhang.san@koi.example.com": "z***@koi.example.com",
		"身份证11010519491231002X":     "身份证1101************2X",
		"单号110105194912310021":      "单号110105194912310021",
		"3 件 19.9 元":                "3 件 19.9 元",
		"张三":                        "张三",
	} {
		require.Equal(t, want, Mask(in))
	}
}

func TestRender_masks_personal_data_in_values(t *testing.T) {
	t.Parallel()
	f := somebody()
	f.Event.Props["content"] = "打我电话 13812345678 或 a.b@koi.example.com"
	f.Contact.Values["name"] = contact.Value{Text: "13912345678"}
	got := rendered(t, textOf(t, "{{contact.display}}：{{event.props.content}}"), f)["content"]
	require.Equal(t, "139****5678：打我电话 138****5678 或 a***@koi.example.com", got)
}

func TestRender_says_why_it_cannot(t *testing.T) {
	t.Parallel()
	_, err := textOf(t, "{{ contact.nickname }}").Render(somebody())
	require.True(t, fault.Is(err, fault.Invalid))
	require.Contains(t, err.Error(), "正文是空的，请给变量加上默认值")

	f := somebody()
	f.Links.Contact = "javascript:alert(1)"
	_, err = cardOf(t, "标题", "描述").Render(f)
	require.ErrorContains(t, err, "链接不是完整的网址")
}

func TestRender_of_no_facts_does_not_panic(t *testing.T) {
	t.Parallel()
	for _, v := range Variables(known) {
		name := v.Name
		if v.Open {
			name += ".x"
		}
		body, err := textOf(t, "值："+"{{ "+name+" }}").Render(Facts{})
		require.NoError(t, err, name)
		require.Contains(t, string(body), "值：")
	}
}

func TestCompile_reports_every_problem_at_once(t *testing.T) {
	t.Parallel()
	_, problems := Compile([]setting.Item{
		item("bad", `{"channel":"fax","class":"vip","kind":"textcard","titel":"x","title":5,"content":"y"}`),
		item("worse", `[]`),
		item("vars", `{"name":"变量","channel":"wecom_app","class":"staff_alert","kind":"textcard","title":"{{ contact.compny }}","description":"{{ contact.name | unescape }}","url":"{{ contact.name }}"}`),
		{ID: 9, Kind: setting.KindTag, Key: "other", Body: json.RawMessage(`{}`)},
	}, known)
	var got []string
	for _, p := range problems {
		got = append(got, p.Path+": "+p.Message)
	}
	require.Equal(t, []string{
		"message/bad/titel: 没有这个字段，可用的有：attachments、button、card、channel、class、color、content、data、description、kind、lang、miniprogram、miniprogram_state、name、note、page、params、risk、scene、subscription、template_code、template_id、title、url",
		"message/bad/title: 类型不对，应为文字",
		"message/bad/name: 请填写名称",
		"message/bad/channel: 没有渠道“fax”，可选：wecom_app（企微应用消息）、wecom_welcome（企微欢迎语）、official_kf（公众号客服消息）、official_template（公众号模板消息）、official_notice（公众号订阅通知）、official_once（公众号一次性订阅消息）、mini_subscribe（小程序订阅消息）、sms（短信）",
		"message/bad/description: 文本卡片消息必须填写这一项",
		"message/bad/url: 文本卡片消息必须填写这一项",
		"message/bad/content: 文本卡片消息没有这一项",
		"message/worse: 不是 JSON 对象",
		"message/vars/title: 第 1 行：没有变量 contact.compny，是不是 contact.company？",
		"message/vars/description: 第 1 行：没有过滤器“unescape”，可用的有 default、join、first、last、size、append、prepend、replace、remove、strip、truncate、upcase、downcase、url_encode、date、plus、minus",
		"message/vars/url: 第 1 行：网址里的变量要么是 links. 开头的链接，要么写在网址中间并以 | url_encode 结尾",
	}, got)
}

func TestCompile_refuses(t *testing.T) {
	t.Parallel()
	text := func(content string) string {
		raw, _ := json.Marshal(map[string]string{"name": "测试", "channel": "wecom_app", "class": "staff_alert", "kind": "text", "content": content})
		return string(raw)
	}
	card := func(description, url string) string {
		raw, _ := json.Marshal(map[string]string{"name": "测试", "channel": "wecom_app", "class": "staff_alert", "kind": "textcard", "title": "标题", "description": description, "url": url})
		return string(raw)
	}
	for _, c := range []struct{ name, body, want string }{
		{"an unclosed condition", text("{% if contact.name %}您好"), "没有写结尾"},
		{"a dangling end", text("您好{% endif %}"), "没有对应的开头"},
		{"an unfinished object", text("您好 {{ contact.name"), "没有在同一行里写完"},
		{"a file", text("{% include 'koi.yaml' %}"), "不能使用 {% include %}"},
		{"an assignment", text("{% assign contact = 1 %}x"), "不能使用 {% assign %}"},
		{"an unknown tag", text("{% render 'x' %}"), "不认识的标记"},
		{"an endless loop", text("{% for i in (1..1000000000) %}x{% endfor %}"), "不支持区间"},
		{"an unknown root", text("{{ secret.key }}"), "没有变量 secret.key"},
		{"a whole namespace", text("{{ contact }}"), "没有变量 contact"},
		{"a loop variable outside its loop", text("{% for r in score.reasons %}{{ r }}{% endfor %}{{ r }}"), "没有变量 r"},
		{"Chinese quotes", text("{{ contact.name | default: “朋友” }}"), "模板语法不对"},
		{"a foreign tag in a description", card("<b>粗</b>", "https://a.example"), "不能用 <b>"},
		{"a foreign class", card(`<div class="red">红</div>`, "https://a.example"), "不能用 <div class=\"red\">"},
		{"an unfinished tag", card(`<div class="gray"`, "https://a.example"), "不能用 <div"},
		{"a script address", card("x", "javascript:alert(1)"), "必须以 https://"},
		{"an address made by a value", card("x", "{{ event.props.url }}"), "网址里的变量"},
		{"an unencoded value in an address", card("x", "https://a.example/?q={{ contact.name }}"), "网址里的变量"},
		{"an anchor to a value", text(`<a href="{{ event.props.url | url_encode }}">点</a>`), "网址里的变量"},
		{"an anchor of another shape", text(`<a href='https://a.example'>点</a>`), "链接要写成"},
		{"too much fixed text", text(strings.Repeat("字", 700)), "固定文字有 2100 字节"},
		{"a long button", strings.Replace(card("x", "https://a.example"), `"title"`, `"button":"查看客户详情","title"`, 1), "按钮文字最多 4 个字"},
		{"a kind the channel has not", `{"name":"x","channel":"official_kf","class":"reply","kind":"textcard"}`, "不支持“textcard”形式"},
		{"marketing to staff", `{"name":"x","channel":"wecom_app","class":"marketing","kind":"text","content":"x"}`, "企微应用消息不能是“marketing”类"},
		{"a card without type", `{"name":"x","channel":"wecom_app","class":"staff_alert","kind":"template_card","card":{}}`, "card.card_type"},
		{"a card without an address", `{"name":"x","channel":"wecom_app","class":"staff_alert","kind":"template_card","card":{"card_type":"text_notice","main_title":{"title":"a"}}}`, "card_action.url"},
		{"a card with too many jumps", `{"name":"x","channel":"wecom_app","class":"staff_alert","kind":"template_card","card":{"card_type":"text_notice","main_title":{"title":"a"},"card_action":{"type":1,"url":"https://a.example"},"jump_list":[{},{},{},{}]}}`, "最多 3 项"},
		{"a card that names itself", `{"name":"x","channel":"wecom_app","class":"staff_alert","kind":"template_card","card":{"card_type":"text_notice","task_id":"1","main_title":{"title":"a"},"card_action":{"type":1,"url":"https://a.example"}}}`, "编号由系统生成"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, problems := Compile([]setting.Item{item("m", c.body)}, known)
			require.Contains(t, fmt.Sprint(problems), c.want)
			require.Nil(t, m.Get("m"))
		})
	}
}

func TestCompile_allows(t *testing.T) {
	t.Parallel()
	for _, content := range []string{
		`<a href="https://a.example/?q={{ contact.name | url_encode }}&x=1">看看</a>`, `<a href="{{ links.contact }}">详情</a>`, "1 < 2，但 3 > 2", "{% comment %}给同事看的{% endcomment %}您好",
	} {
		require.NotEmpty(t, rendered(t, textOf(t, content), somebody())["content"], content)
	}
}

func TestTemplateCard(t *testing.T) {
	t.Parallel()
	tpl := one(t, `{"name":"卡片","channel":"wecom_app","class":"staff_alert","kind":"template_card","card":{
		"card_type":"button_interaction","main_title":{"title":"{{contact.display}} 预约演示","desc":"{{contact.company}}"},
		"horizontal_content_list":[{"keyname":"等级","value":"{{contact.grade}}"},{"keyname":"资料","type":1,"value":"打开","url":"{{links.contact}}"}],
		"button_list":[{"text":"我来跟进","style":1,"key":"take"}]}}`)
	body, err := tpl.Render(somebody())
	require.NoError(t, err)
	require.Equal(t, `{"button_list":[{"key":"take","style":1,"text":"我来跟进"}],"card_type":"button_interaction",`+
		`"horizontal_content_list":[{"keyname":"等级","value":"A1"},{"keyname":"资料","type":1,"url":"https://koi.example.com/console/contacts/42","value":"打开"}],`+
		`"main_title":{"desc":"锦鲤科技","title":"张三 预约演示"},"task_id":"r1"}`, string(body))
}

func TestLabels_are_Chinese_everywhere(t *testing.T) {
	t.Parallel()
	for c, w := range ways {
		require.NotEmpty(t, c.Label())
		for _, k := range w.kinds {
			require.NotEmpty(t, k.Label())
			require.NotEmpty(t, fieldsOf[form{c, k}].names)
		}
		for _, cl := range w.classes {
			require.NotEmpty(t, cl.Label())
		}
	}
	for _, v := range Variables(known) {
		require.NotEmpty(t, v.Label, v.Name)
		require.NotEmpty(t, v.Note, v.Name)
	}
	for name, form := range cardTypes {
		require.NotEmpty(t, form.label, name)
	}
}
