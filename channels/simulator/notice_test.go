package simulator

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	noticePath = "/cgi-bin/message/subscribe/bizsend"
	oncePath   = "/cgi-bin/message/template/subscribe"
)

func TestTemplate_fields_are_judged_by_their_kind(t *testing.T) {
	t.Parallel()
	for key, c := range map[string]struct{ good, bad []string }{
		"thing1":            {[]string{"a", strings.Repeat("长", 20)}, []string{strings.Repeat("长", 21)}},
		"number2":           {[]string{"1", "12.50"}, []string{"12 万", strings.Repeat("1", 33)}},
		"letter1":           {[]string{"VIP"}, []string{"VIP1", strings.Repeat("a", 33)}},
		"symbol1":           {[]string{"!?"}, []string{"ok", "!!!!!!"}},
		"character_string3": {[]string{"NO.2026-11"}, []string{"编号 1", strings.Repeat("1", 33)}},
		"time4":             {[]string{"15:01", "2026年11月22日 15:01", "2026-11-22 15:01", "15:01~16:01", "2026-11-22 15:01:30"}, []string{"下午三点", "2026-11-22"}},
		"date5":             {[]string{"2026年11月22日", "2026-11-22", "2026/11/22 15:01"}, []string{"15:01", "明天"}},
		"amount6":           {[]string{"¥100.00", "100元", "19.9"}, []string{"一百元", "12345678901"}},
		"phone_number7":     {[]string{"138-0000-0001", "+86 13800000001"}, []string{"一三八", strings.Repeat("1", 18)}},
		"car_number8":       {[]string{"粤A12345", "粤B12345学"}, []string{"粤粤12345", "A12345678"}},
		"name9":             {[]string{"欧阳娜娜", "John Smith"}, []string{strings.Repeat("名", 11), "张三3", strings.Repeat("a", 21)}},
		"phrase10":          {[]string{"已付款"}, []string{"已付款成功了", "paid"}},
		"const11":           {[]string{"进行中"}, []string{strings.Repeat("长", 21)}},
		"keyword1":          {[]string{"随便"}, []string{strings.Repeat("长", 21)}},
	} {
		for _, v := range c.good {
			require.True(t, keywordOf(key).holds(v), "%s: %s", key, v)
		}
		for _, v := range c.bad {
			require.False(t, keywordOf(key).holds(v), "%s: %s", key, v)
		}
	}
}

func TestTemplate_shows_only_its_fields_without_colour_and_emoji(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := changed(orderNotice, "data", "first", m{"value": "亲爱的客户\n您好"}, "remark", m{"value": ""}, "keyword9", m{"value": "多余"},
		"thing1", m{"value": "演示🎉", "color": "#FF0000"})
	require.Zero(t, code(r.as("official", templatePath, body)))
	got := r.Deliveries(DeliveryFilter{})
	require.Len(t, got, 1)
	require.JSONEq(t, `{"template_id":"tpl-order","data":{"thing1":{"value":"演示"},"time2":{"value":"2026-11-23 10:00"}}}`, string(got[0].Content))
}

func TestTemplate_repeat_is_45065_with_the_first_msgid_and_45066_while_too_soon(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.ClientMsgIDPause = time.Minute })
	body := with(orderNotice, "client_msg_id", "k-1")
	first := r.as("official", templatePath, body)
	require.Equal(t, 45066, code(r.as("official", templatePath, body)))
	r.clock.Advance(time.Minute)
	again := r.as("official", templatePath, body)
	require.Equal(t, 45065, code(again))
	require.Equal(t, first["msgid"], again["msgid"])
	require.Len(t, r.Deliveries(DeliveryFilter{}), 1)
}

func TestNotice_is_sent_once_for_each_agreement_of_a_scene(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := newDoor(t, r)
	send := func() int { return code(r.as("official", noticePath, startNotice)) }
	for range 2 {
		r.play(Act{Who: "oChen", App: testApp, Do: "subscribe_notice", With: "ntc-start"})
	}
	require.Equal(t, []int{0, 43101}, []int{send(), send()}, "agreements of one scene don't add up")
	r.play(Act{Who: "oChen", App: testApp, Do: "subscribe_notice", With: "ntc-start"})
	r.play(Act{Who: "oChen", App: testApp, Do: "subscribe_notice", With: "ntc-start", State: "2"})
	require.Equal(t, []int{0, 0, 43101}, []int{send(), send(), send()})
	require.NoError(t, r.WaitSettled(r.context()))

	require.Len(t, r.Deliveries(DeliveryFilter{Kind: "notice"}), 3)
	var ends, popups int
	for _, e := range d.events() {
		switch e.Text("Event") {
		case "subscribe_msg_sent_event":
			ends++
			item := slices.Collect(e.Child("SubscribeMsgSentEvent").Children("List"))[0]
			require.Equal(t, "ntc-start", item.Text("TemplateId"))
			require.Equal(t, "0", item.Text("ErrorCode"))
			require.NotZero(t, item.Int("MsgID"))
		case "subscribe_msg_popup_event":
			popups++
		}
	}
	require.Equal(t, 3, ends)
	require.Equal(t, 4, popups)
}

func TestNotice_answers_to_several_templates_come_as_several_lists_and_long_term_ones_last_until_taken_back(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := newDoor(t, r)
	r.play(Act{Who: "oPasser", App: testApp, Do: "subscribe_notice", With: "ntc-bill=accept, ntc-start=reject"})
	lists := slices.Collect(d.events()[0].Child("SubscribeMsgPopupEvent").Children("List"))
	require.Len(t, lists, 2)
	require.Equal(t, []string{"accept", "reject"}, []string{lists[0].Text("SubscribeStatusString"), lists[1].Text("SubscribeStatusString")})
	require.Equal(t, "1", lists[0].Text("PopupScene"))

	bill := m{"touser": "oPasser", "template_id": "ntc-bill", "data": m{"amount1": m{"value": "¥12.00"}}}
	for range 3 {
		require.Zero(t, code(r.as("official", noticePath, bill)), "also to someone who doesn't follow")
	}
	r.play(Act{Who: "oPasser", App: testApp, Do: "drop_notice", With: "ntc-bill"})
	require.Equal(t, 43101, code(r.as("official", noticePath, bill)))
	require.NoError(t, r.WaitSettled(r.context()))
	changes := 0
	for _, e := range d.events() {
		if e.Text("Event") == "subscribe_msg_change_event" {
			changes++
			require.Equal(t, "reject", slices.Collect(e.Child("SubscribeMsgChangeEvent").Children("List"))[0].Text("SubscribeStatusString"))
		}
	}
	require.Equal(t, 1, changes)
}

func TestNotice_that_fails_after_being_taken_says_so_and_reaches_nobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := newDoor(t, r)
	r.play(Act{Who: "oChen", App: testApp, Do: "subscribe_notice", With: "ntc-bill"})
	bill := m{"touser": "oChen", "template_id": "ntc-bill", "data": m{"amount1": m{"value": "¥12.00"}}}
	for receipt, want := range map[string][2]string{"43101 user refuse": {"43101", "user refuse"}, "failed: system failed": {"-1", "failed: system failed"}} {
		require.NoError(t, r.Misbehave(Misbehaviour{Path: noticePath, Receipt: receipt}))
		require.Zero(t, code(r.as("official", noticePath, bill)))
		require.NoError(t, r.WaitSettled(r.context()))
		events := d.events()
		item := slices.Collect(events[len(events)-1].Child("SubscribeMsgSentEvent").Children("List"))[0]
		require.Equal(t, want, [2]string{item.Text("ErrorCode"), item.Text("ErrorStatus")})
	}
	require.Empty(t, r.Deliveries(DeliveryFilter{}))
}

func TestOnce_is_sent_to_who_confirmed_its_template_and_scene_and_the_browser_goes_back_with_the_answer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	played := r.play(Act{Who: "oChen", App: testApp, Do: "subscribe_once", With: "once-1/7", State: "https://koi.example/p/x?a=1"})
	back, err := url.Parse(played.Redirect)
	require.NoError(t, err)
	require.Equal(t, "/p/x/", back.Path)
	require.Equal(t, url.Values{"a": {"1"}, "openid": {"oChen"}, "template_id": {"once-1"}, "action": {"confirm"}, "scene": {"7"}, "reserved": {""}}, back.Query())
	require.Equal(t, 43101, code(r.as("official", oncePath, with(onceMessage, "scene", 8))), "another scene")
	require.Zero(t, code(r.as("official", oncePath, onceMessage)))
	require.Equal(t, 43101, code(r.as("official", oncePath, onceMessage)), "once")
	require.Equal(t, "活动提醒 明天开始", r.Deliveries(DeliveryFilter{Kind: "once"})[0].Text)

	played = r.play(Act{Who: "oChen", App: testApp, Do: "subscribe_once", With: "once-1/7/reject", State: "https://koi.example/p/x"})
	require.Contains(t, played.Redirect, "action=cancel")
	require.NotContains(t, played.Redirect, "openid", "the platform names only those who agree")
	require.Equal(t, 43101, code(r.as("official", oncePath, onceMessage)))
}

func TestTemplates_are_listed_by_what_they_are_for(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := r.as("official", "/cgi-bin/template/get_all_private_template", nil)["template_list"].([]any)
	require.Len(t, list, 1)
	require.Equal(t, "项目:{{thing1.DATA}}\n时间:{{time2.DATA}}\n", list[0].(m)["content"])
	list = r.as("official", "/wxaapi/newtmpl/gettemplate", nil)["data"].([]any)
	require.Len(t, list, 2)
	list = r.as("mini", "/wxaapi/newtmpl/gettemplate", nil)["data"].([]any)
	require.Len(t, list, 2)
	require.Equal(t, "sub-start", list[0].(m)["priTmplId"])
}

func TestOnce_page_is_answered_as_its_address_asks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	page := "https://mp.weixin.qq.com/mp/subscribemsg?action=get_confirm&appid=" + testApp + "&scene=7&template_id=once-1&redirect_url=" +
		url.QueryEscape("https://koi.example/back") + "&reserved=mark#wechat_redirect"
	played := r.play(Act{Who: "oChen", App: testApp, Do: "subscribe_once", With: page})
	require.Equal(t, "https://koi.example/back/?action=confirm&openid=oChen&reserved=mark&scene=7&template_id=once-1", played.Redirect)
	require.Zero(t, code(r.as("official", oncePath, onceMessage)))
	played = r.play(Act{Who: "oChen", App: testApp, Do: "subscribe_once", With: page, State: "cancel"})
	require.Contains(t, played.Redirect, "action=cancel")
	_, err := r.Act(r.context(), Act{Who: "oChen", App: testApp, Do: "subscribe_once", With: "once-1"})
	require.ErrorContains(t, err, "场景值")
}
