package message

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/setting"
)

// doc is a definition as JSON: the head of a channel and kind, and body members.
func doc(channel Channel, kind Kind, class Class, body map[string]any) string {
	all := map[string]any{"name": "测试", "channel": channel, "kind": kind, "class": class}
	for k, v := range body {
		all[k] = v
	}
	raw, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

type obj = map[string]any

func templated(class Class, data obj, more ...any) string {
	body := obj{"template_id": "T1", "data": data}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	return doc(OfficialTemplate, Templated, class, body)
}

func sms(kind Kind, class Class, content string, params obj) string {
	return doc(SMS, kind, class, obj{"template_code": "SMS_1", "content": content, "params": params})
}

func problemsOf(body string) string {
	_, problems := Compile([]setting.Item{item("m", body)}, known)
	var out strings.Builder
	for _, p := range problems {
		out.WriteString(strings.TrimPrefix(p.Path, "message/m/") + "：" + p.Message + "\n")
	}
	return out.String()
}

func TestRender_gives_each_platforms_body(t *testing.T) {
	t.Parallel()
	f := somebody()
	f.Phone = "13800000000"
	f.Event.Props["welcome_code"] = "WC"
	f.Event.Props["code"] = "483920"
	for _, c := range []struct{ name, body, want string }{
		{"公众号模板消息", templated(Service, obj{"thing1": "{{ contact.company }}", "time2": "{{ event.at }}", "phrase3": "已确认"}, "url", "{{ links.contact }}"),
			`{"template_id":"T1","url":"https://koi.example.com/console/contacts/42","data":{"phrase3":{"value":"已确认"},"thing1":{"value":"锦鲤科技"},"time2":{"value":"2026-11-22 10:30"}}}`},
		{"its mini-program", templated(Reply, obj{"thing1": "好"}, "miniprogram", obj{"appid": "wxmini001", "pagepath": "pages/a?c={{ contact.name | url_encode }}"}),
			`{"template_id":"T1","miniprogram":{"appid":"wxmini001","pagepath":"pages/a?c=%E5%BC%A0%E4%B8%89"},"data":{"thing1":{"value":"好"}}}`},
		{"公众号订阅通知", doc(OfficialNotice, Notice, Marketing, obj{"template_id": "T2", "url": "https://koi.example.com/p/a", "subscription": "long", "data": obj{"thing1": "新一期直播"}}),
			`{"template_id":"T2","page":"https://koi.example.com/p/a","data":{"thing1":{"value":"新一期直播"}}}`},
		{"一次性订阅消息", doc(OfficialOnce, Once, Service, obj{"template_id": "T3", "scene": 0, "title": "直播提醒", "content": "{{ contact.display }}，明天 10 点开始", "color": "#173177", "url": "https://koi.example.com/"}),
			`{"template_id":"T3","scene":0,"title":"直播提醒","url":"https://koi.example.com/","data":{"content":{"value":"张三，明天 10 点开始","color":"#173177"}}}`},
		{"小程序订阅消息", doc(MiniSubscribe, Subscribe, Service, obj{"template_id": "T4", "page": "pages/order?id=1", "data": obj{"amount1": "¥{{ event.props.n }}", "character_string2": "A-{{ contact.id }}"}, "miniprogram_state": "trial", "lang": "zh_CN"}),
			`{"template_id":"T4","page":"pages/order?id=1","data":{"amount1":{"value":"¥3"},"character_string2":{"value":"A-42"}},"miniprogram_state":"trial","lang":"zh_CN"}`},
		{"通知短信", sms(Notice, Service, "${name}您好，您预约的${what}已确认。", obj{"name": "{{ contact.display }}", "what": "演示"}),
			`{"phone":"13800000000","template_code":"SMS_1","params":{"name":"张三","what":"演示"},"text":"张三您好，您预约的演示已确认。"}`},
		{"验证码短信", sms(Code, Reply, "您的验证码是${code}，5分钟内有效。", obj{"code": "{{ event.props.code }}"}),
			`{"phone":"13800000000","template_code":"SMS_1","params":{"code":"483920"},"text":"您的验证码是483920，5分钟内有效。"}`},
		{"推广短信", sms(Promotional, Marketing, "会员专享优惠今日开始，详见 koi.example.com 拒收请回复R", nil),
			`{"phone":"13800000000","template_code":"SMS_1","text":"会员专享优惠今日开始，详见 koi.example.com 拒收请回复R"}`},
		{"企微欢迎语", doc(WeComWelcome, Welcome, Reply, obj{"content": "{{ contact.display }}，您好", "attachments": []obj{
			{"msgtype": "link", "link": obj{"title": "{{ contact.company }}专属方案", "url": "https://koi.example.com/"}}, {"msgtype": "image", "image": obj{"media_id": "MEDIA"}}}}),
			`{"welcome_code":"WC","text":{"content":"张三，您好"},"attachments":[{"link":{"title":"锦鲤科技专属方案","url":"https://koi.example.com/"},"msgtype":"link"},{"image":{"media_id":"MEDIA"},"msgtype":"image"}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tpl := one(t, c.body)
			for range 5 {
				got, err := tpl.Render(f)
				require.NoError(t, err)
				require.Equal(t, c.want, string(got))
			}
		})
	}
}

func TestTemplate_tells_what_policy_asks(t *testing.T) {
	t.Parallel()
	require.Equal(t, Medium, one(t, templated(Service, obj{"thing1": "演示预约成功"})).Risk)
	require.Equal(t, Low, one(t, templated(Reply, obj{"thing1": "演示预约成功"})).Risk)
	require.Equal(t, Medium, one(t, templated(Reply, obj{"thing1": "直播活动"})).Risk)
	require.Equal(t, High, one(t, templated(Reply, obj{"thing1": "直播活动"}, "risk", "high")).Risk)
	require.Equal(t, Low, one(t, templated(Service, obj{"thing1": "演示预约成功"}, "risk", "low")).Risk)
	require.Contains(t, problemsOf(templated(Service, obj{"thing1": "直播活动"}, "risk", "low")), "risk：里面有“活动”")
	require.Contains(t, problemsOf(templated(Service, obj{"thing1": "好"}, "risk", "none")), "risk：风险可以是")

	n := one(t, doc(OfficialNotice, Notice, Service, obj{"template_id": "T2", "data": obj{"thing1": "x"}}))
	require.Equal(t, OneTime, n.Subscription)
	require.Equal(t, "T2", n.TemplateID)
	require.Empty(t, n.Risk)
	require.Equal(t, int64(1), n.Rev)
	require.Equal(t, LongTerm, one(t, doc(MiniSubscribe, Subscribe, Service, obj{"template_id": "T2", "subscription": "long", "data": obj{"thing1": "x"}})).Subscription)
	require.Equal(t, "SMS_1", one(t, sms(Notice, Service, "您好", nil)).TemplateID)
}

func TestCompile_keeps_to_the_platforms_rules(t *testing.T) {
	t.Parallel()
	field := func(name, value string) string { return templated(Service, obj{name: value}) }
	welcome := func(body obj) string { return doc(WeComWelcome, Welcome, Reply, body) }
	once := func(more obj) string {
		body := obj{"template_id": "T3", "scene": 1, "title": "提醒", "content": "好"}
		for k, v := range more {
			body[k] = v
		}
		return doc(OfficialOnce, Once, Service, body)
	}
	for _, c := range []struct{ name, body, want string }{
		{"marketing by template message", templated(Marketing, obj{"thing1": "好"}), "class：公众号模板消息不得营销"},
		{"marketing words in a template message", field("thing1", "双十一优 惠 等你"), "data.thing1：里面有“优惠”：公众号模板消息不能有营销内容"},
		{"a thing of 21 characters", field("thing1", strings.Repeat("字", 21)), "data.thing1：thing1（事物）最多 20 个字"},
		{"a thing whose fixed text is too long", field("thing1", strings.Repeat("字", 21)+"{{ contact.name }}"), "固定文字已有 21 个字"},
		{"letters that are none", field("letter1", "abc1"), "letter1（字母）只能是字母"},
		{"a number with words", field("number1", "3个"), "number1（数字）只能是数字"},
		{"six symbols", field("symbol1", "!!!!!!"), "symbol1（符号）只能是符号，最多 5 位"},
		{"Chinese in a character_string", field("character_string1", "单号A1"), "只能是数字、字母或符号"},
		{"a time in words", field("time1", "明天上午"), "time1（时间）应是时间"},
		{"a date in words", field("date1", "下周"), "date1（日期）应是日期"},
		{"an amount in words", field("amount1", "很多"), "amount1（金额）应是金额"},
		{"a phone number too long", field("phone_number1", "010-8888888888888888"), "phone_number1（电话）应是电话号码"},
		{"a car number too long", field("car_number1", "粤A123456Z"), "car_number1（车牌）应是车牌号"},
		{"a name of eleven characters", field("name1", strings.Repeat("名", 11)), "name1（姓名）应是姓名"},
		{"a phrase of six", field("phrase1", "一二三四五六"), "phrase1（汉字）只能是汉字，最多 5 个"},
		{"a constant too long", field("const1", strings.Repeat("字", 21)), "const1（常量）最多 20 个字"},
		{"a line break", field("thing1", "第一行\n第二行"), "data.thing1：不能换行"},
		{"emoji", field("thing1", "你好🎉"), "data.thing1：不能有表情符号"},
		{"an old field", field("keyword1", "好"), "字段名“keyword1”不对：应是类型加编号"},
		{"a field without number", field("thing", "好"), "字段名“thing”不对"},
		{"an empty field", field("thing1", " "), "data.thing1：请填写这一项的内容"},
		{"a cut name", templated(Service, obj{"name1": obj{"value": "张三", "overflow": "cut"}}), "只有 thing 类字段可以写 overflow: cut"},
		{"a member of a field that does not exist", templated(Service, obj{"thing1": obj{"value": "好", "colour": "red"}}), "data.thing1：写法不对"},
		{"no template id", doc(OfficialTemplate, Templated, Service, obj{"data": obj{"thing1": "好"}}), "template_id：模板消息必须填写这一项"},
		{"a template id that is none", doc(OfficialTemplate, Templated, Service, obj{"template_id": "看后台", "data": obj{"thing1": "好"}}), "template_id：模板编号“看后台”不对"},
		{"no data", doc(OfficialTemplate, Templated, Service, obj{"template_id": "T", "data": obj{}}), "data：应有 1 到 20 个字段，现在有 0 个"},
		{"an unknown variable", field("thing1", "{{ contact.compny }}"), "没有变量 contact.compny"},
		{"a value that chooses the page", templated(Service, obj{"thing1": "好"}, "miniprogram", obj{"appid": "wxmini001", "pagepath": "{{ event.props.p }}"}), "网址里的变量"},
		{"a page with a scheme", templated(Service, obj{"thing1": "好"}, "miniprogram", obj{"appid": "wxmini001", "pagepath": "/pages/a"}), "小程序页面要写路径"},
		{"a page that is a web address", doc(MiniSubscribe, Subscribe, Service, obj{"template_id": "T", "page": "https://a.example", "data": obj{"thing1": "x"}}), "page：第 1 行：小程序页面要写路径"},
		{"an app id that is none", templated(Service, obj{"thing1": "好"}, "miniprogram", obj{"appid": "ww1", "pagepath": "pages/a"}), "小程序 AppID “ww1”不对"},
		{"an SMS field in a template", templated(Service, obj{"thing1": "好"}, "params", obj{}), "params：模板消息没有这一项"},
		{"a subscription that is none", doc(OfficialNotice, Notice, Service, obj{"template_id": "T", "data": obj{"thing1": "x"}, "subscription": "often"}), "subscription：订阅方式可以是"},
		{"a state that is none", doc(MiniSubscribe, Subscribe, Service, obj{"template_id": "T", "data": obj{"thing1": "x"}, "miniprogram_state": "beta"}), "miniprogram_state：小程序版本可以是"},
		{"a language that is none", doc(MiniSubscribe, Subscribe, Service, obj{"template_id": "T", "data": obj{"thing1": "x"}, "lang": "zh"}), "lang：语言可以是"},
		{"a title of 16", once(obj{"title": strings.Repeat("题", 16)}), "title：最多 15 个字"},
		{"a text of 201", once(obj{"content": strings.Repeat("字", 201)}), "content：最多 200 个字"},
		{"a scene out of range", once(obj{"scene": 10001}), "scene：场景值应在 0 到 10000 之间"},
		{"a scene that is a word", once(obj{"scene": "a"}), "scene：类型不对，应为整数"},
		{"a colour that is none", once(obj{"color": "red"}), "color：颜色应形如"},

		{"an SMS with Liquid in it", sms(Notice, Service, "您好{{ contact.name }}", nil), "变量写成 ${名称}"},
		{"an undeclared variable", sms(Notice, Service, "您好${name}", nil), "params：正文里有变量 ${name}"},
		{"a variable the text has not", sms(Notice, Service, "您好", obj{"name": "x"}), "params.name：正文里没有变量 ${name}"},
		{"a variable without a value", sms(Notice, Service, "您好${name}", obj{"name": ""}), "params.name：请填写这一项的内容"},
		{"a variable of 36", sms(Notice, Service, "您好${name}", obj{"name": strings.Repeat("字", 36)}), "params.name：每个变量 1 到 35 个字"},
		{"a variable that is a link", sms(Notice, Service, "详见${url}", obj{"url": "{{ links.contact }}"}), "params.url：变量里不能有网址"},
		{"a variable with an odd name", sms(Notice, Service, "您好${姓名}", nil), "变量“${姓名}”的名称不对"},
		{"an unfinished variable", sms(Notice, Service, "您好${name", nil), "${ 没有写完"},
		{"a signature in the text", sms(Notice, Service, "【锦鲤】您好", nil), "content：正文不写签名"},
		{"marketing in 通知短信", sms(Notice, Service, "您有一张代金券", nil), "里面有“代金券”：通知短信不能有营销内容；营销请用推广短信"},
		{"recruiting in 通知短信", sms(Notice, Service, "诚邀您参加问卷调查", nil), "里面有“问卷调查”"},
		{"拒收请回复R in 通知短信", sms(Notice, Service, "演示已确认，拒收请回复R", nil), "通知短信不能带退订语"},
		{"marketing class of 通知短信", sms(Notice, Marketing, "您好", nil), "class：推广短信的类别必须是 marketing"},
		{"推广短信 of another class", sms(Promotional, Service, "优惠，拒收请回复R", nil), "class：推广短信的类别必须是 marketing"},
		{"推广短信 without a way out", sms(Promotional, Marketing, "优惠开始了", nil), "推广短信必须以“拒收请回复R”结尾"},
		{"推广短信 with a variable", sms(Promotional, Marketing, "${name}您好，优惠开始了，拒收请回复R", obj{"name": "x"}), "推广短信是固定文字，不能有变量"},
		{"推广短信 of a banned trade", sms(Promotional, Marketing, "贷款秒批，拒收请回复R", nil), "里面有“贷款”：推广短信不能发这个行业的内容"},
		{"验证码 with a name", sms(Code, Reply, "${name}，验证码${code}", obj{"name": "{{ contact.name }}", "code": "{{ event.props.code }}"}), "params.name：验证码短信只能有验证码变量"},
		{"a long SMS", sms(Notice, Service, strings.Repeat("字", 501), nil), "短信最多 500 个字"},
		{"a template code that is none", doc(SMS, Notice, Service, obj{"template_code": "短信1", "content": "您好"}), "template_code：模板编号“短信1”不对"},

		{"an empty welcome", welcome(obj{}), "文字 content 与附件 attachments 至少填一项"},
		{"a welcome of another class", doc(WeComWelcome, Welcome, Marketing, obj{"content": "x"}), "企微欢迎语不能是“marketing”类"},
		{"ten attachments", welcome(obj{"attachments": slices10()}), "附件最多 9 个，现在有 10 个"},
		{"an attachment of another kind", welcome(obj{"attachments": []obj{{"msgtype": "voice", "voice": obj{}}}}), "attachments[0].msgtype：没有附件类型“voice”"},
		{"a link without address", welcome(obj{"attachments": []obj{{"msgtype": "link", "link": obj{"title": "x"}}}}), "attachments[0].link.url：图文链接附件必须填写这一项"},
		{"an image without picture", welcome(obj{"attachments": []obj{{"msgtype": "image", "image": obj{}}}}), "attachments[0].image：图片附件要填 media_id、pic_url 之一"},
		{"parts of two kinds", welcome(obj{"attachments": []obj{{"msgtype": "image", "image": obj{"media_id": "m"}, "link": obj{}}}}), "attachments[0].link：图片附件没有这一项"},
		{"a link made by a value", welcome(obj{"attachments": []obj{{"msgtype": "link", "link": obj{"title": "x", "url": "{{ event.props.u }}"}}}}), "网址里的变量"},
		{"reasons in a welcome", welcome(obj{"content": "{{ score.reasons | join: ',' }}"}), "欢迎语里不能用 score.reasons"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, problemsOf(c.body), c.want)
			m, _ := Compile([]setting.Item{item("m", c.body)}, known)
			require.Nil(t, m.Get("m"))
		})
	}
}

func slices10() []obj {
	out := make([]obj, 10)
	for i := range out {
		out[i] = obj{"msgtype": "image", "image": obj{"media_id": "m"}}
	}
	return out
}

func TestRender_fails_where_the_platform_would_refuse(t *testing.T) {
	t.Parallel()
	value := func(text string) func(*Facts) {
		return func(f *Facts) { f.Event.Props["content"] = text }
	}
	name := "{{ event.props.content }}"
	for _, c := range []struct {
		name, body string
		facts      func(*Facts)
		want       string
	}{
		{"a value too long", templated(Service, obj{"thing1": name}), value(strings.Repeat("字", 21)), "字段 thing1（事物）最多 20 个字，现在是“字"},
		{"an empty value", templated(Service, obj{"thing1": name}), value(""), "字段 thing1（事物）不能为空，请给变量加上默认值"},
		{"a value that is only emoji", templated(Service, obj{"thing1": name}), value("🎉🎉"), "不能为空"},
		{"a value of another type", templated(Service, obj{"number1": name}), value("三"), "字段 number1（数字）只能是数字"},
		{"a value that advertises", templated(Service, obj{"thing1": name}), value("全场五折优惠"), "字段 thing1 里面有“优惠”"},
		{"a title too long", doc(OfficialOnce, Once, Service, obj{"template_id": "T", "scene": 1, "title": name, "content": "x"}), value(strings.Repeat("题", 16)), "标题最多 15 个字，这次有 16 个字"},
		{"a variable of an SMS too long", sms(Notice, Service, "您好${n}", obj{"n": name}), value(strings.Repeat("字", 36)), "变量 ${n} 最多 35 个字，这次有 36 个字"},
		{"a variable of an SMS with a link", sms(Notice, Service, "您好${n}", obj{"n": name}), value("看 http://evil.example"), "变量 ${n} 里有网址"},
		{"a variable that forges a signature", sms(Notice, Service, "您好${n}", obj{"n": name}), value("【银行】"), "变量 ${n} 里有【】"},
		{"a variable that advertises", sms(Notice, Service, "您好${n}", obj{"n": name}), value("领红包"), "变量 ${n} 里面有“红包”"},
		{"a code that is none", sms(Code, Reply, "验证码${code}", obj{"code": name}), value("12"), "变量 ${code} 应是 4 到 8 位数字或字母的验证码"},
		{"no phone", sms(Notice, Service, "您好", nil), func(f *Facts) { f.Phone = "" }, "客户的手机号不是大陆手机号"},
		{"a phone abroad", sms(Notice, Service, "您好", nil), func(f *Facts) { f.Phone = "12025550100" }, "客户的手机号不是大陆手机号"},
		{"no welcome code", doc(WeComWelcome, Welcome, Reply, obj{"content": "您好"}), func(*Facts) {}, "事件里没有欢迎语凭证"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := somebody()
			f.Phone = "13800000000"
			c.facts(&f)
			_, err := one(t, c.body).Render(f)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestRender_cuts_a_thing_that_says_so(t *testing.T) {
	t.Parallel()
	f := somebody()
	f.Event.Props["content"] = strings.Repeat("字", 50)
	got, err := one(t, templated(Service, obj{"thing1": obj{"value": "留言：{{ event.props.content }}", "overflow": "cut"}})).Render(f)
	require.NoError(t, err)
	require.Contains(t, string(got), `"留言：`+strings.Repeat("字", 16)+`…"`)
}

// TestRender_of_odd_values_is_refused_or_right draws names nobody would think of: what comes out always
// keeps to the field's type, and no value leaves its place in the body.
func TestRender_of_odd_values_is_refused_or_right(t *testing.T) {
	t.Parallel()
	tpls := map[string]*Template{}
	for name := range fieldTypes {
		tpls[name] = one(t, templated(Service, obj{name + "1": "{{ event.props.content }}"}))
	}
	cut := one(t, templated(Service, obj{"thing1": obj{"value": "{{ event.props.content }}", "overflow": "cut"}}))
	text := one(t, sms(Notice, Service, "${n}您好", obj{"n": "{{ event.props.content }}"}))
	odd := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{`<script>alert(1)</script>`, `"},"touser":"x`, "${code}", "{{ contact.name }}", "张三\n李四", "\u202e三张", "👨‍👩‍👧‍👦家", "🇨🇳",
		"13800000000", "12.5", "¥9", "李·雷", "粤A12345", "2026-11-22 10:30", strings.Repeat("啊", 40)}))
	rapid.Check(t, func(t *rapid.T) {
		f := Facts{Phone: "13800000000", Event: &event.Event{Type: "x", Props: event.Props{"content": odd.Draw(t, "value")}}, Contact: &contact.Person{ID: 1}}
		for name, tpl := range tpls {
			body, err := tpl.Render(f)
			if err != nil {
				continue
			}
			var got struct {
				Data map[string]struct{ Value string }
			}
			require.NoError(t, json.Unmarshal(body, &got))
			require.Len(t, got.Data, 1)
			v := got.Data[name+"1"].Value
			require.Empty(t, fieldTypes[name].wrong(v), "%s: %q", name, v)
			require.False(t, strings.ContainsAny(v, "<>\r\n"), "%q", v)
		}
		if body, err := cut.Render(f); err == nil {
			require.NotContains(t, string(body), "<script")
		}
		if body, err := text.Render(f); err == nil {
			var got smsBody
			require.NoError(t, json.Unmarshal(body, &got))
			n := utf8.RuneCountInString(got.Params["n"])
			require.True(t, n >= 1 && n <= maxSMSValue)
			require.Equal(t, got.Params["n"]+"您好", got.Text, "a value with ${…} in it is not filled again")
		}
	})
}

func TestWords_stand_in_lists_without_repeats(t *testing.T) {
	t.Parallel()
	han := regexp.MustCompile(`\p{Han}`)
	for f, list := range forbidden {
		seen := map[string]bool{}
		for _, w := range list {
			require.False(t, seen[w], "%v: %s", f, w)
			require.Regexp(t, han, w)
			require.NotEqual(t, strings.TrimSpace(w), "")
			seen[w] = true
			require.Contains(t, f.because(w), w)
		}
	}
	for name, ft := range fieldTypes {
		require.Regexp(t, han, ft.label+ft.rule, name)
		require.Positive(t, ft.most, fmt.Sprint(name))
	}
	for name, a := range attachments {
		require.Regexp(t, han, a.label, name)
	}
}
