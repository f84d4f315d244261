package simulator

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func many(n int, sep string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("u%d", i)
	}
	return strings.Join(list, sep)
}

func anys(n int) []any { return make([]any, n) }

var (
	textCard = m{"touser": "zhangsan", "msgtype": "textcard", "agentid": testAgent,
		"textcard": m{"title": "新线索", "description": "陈晨看了报价", "url": "https://koi.example/c/1"}}
	noticeCard = m{"card_type": "text_notice", "main_title": m{"title": "热线索"}, "card_action": m{"type": 1, "url": "https://koi.example"}}
	buttonCard = m{"card_type": "button_interaction", "main_title": m{"title": "认领线索"}, "task_id": "lead-1",
		"button_list": []any{m{"text": "认领", "key": "claim"}, m{"text": "放弃", "key": "drop"}}}
	orderNotice = m{"touser": "oChen", "template_id": "tpl-order",
		"data": m{"thing1": m{"value": "产品演示"}, "time2": m{"value": "2026-11-23 10:00"}}}
)

var (
	startNotice   = m{"touser": "oChen", "template_id": "ntc-start", "data": m{"thing1": m{"value": "开放日"}, "time2": m{"value": "10:00"}}}
	startMini     = m{"touser": "mChen", "template_id": "sub-start", "page": "pages/index?a=1", "data": startNotice["data"]}
	onceMessage   = m{"touser": "oChen", "template_id": "once-1", "scene": 7, "title": "活动提醒", "data": m{"content": m{"value": "明天开始"}}}
	welcomeLink   = m{"msgtype": "link", "link": m{"title": "产品手册", "url": "https://koi.example"}}
	welcomeAttach = m{"welcome_code": "x", "attachments": []any{welcomeLink}}
)

func cardMessage(c m) m {
	return m{"touser": "zhangsan", "msgtype": "template_card", "agentid": testAgent, "template_card": c}
}

func changed(body m, field string, pairs ...any) m {
	return with(body, field, with(body[field].(m), pairs...))
}

// attempt is one call of the table test: who calls what with what, and the code it must get.
type attempt struct {
	name  string
	owner string // whose token
	path  string // with its query
	body  any    // nil: GET
	code  int
}

// attempts has, for every rule, a call that passes and one for every check that can fail.
func attempts() []attempt {
	const base = "/cgi-bin/"
	kf, tpl, send, card := base+"message/custom/send", base+"message/template/send", base+"message/send", base+"message/update_template_card"
	tok, stable, corpTok := base+"token?", base+"stable_token", base+"gettoken?"
	wel, batch, conv := base+"externalcontact/send_welcome_msg", base+"externalcontact/batch/get_by_user", base+"idconvert/unionid_to_external_userid"
	code := func(action, scene string, seconds int) m {
		return m{"action_name": action, "expire_seconds": seconds, "action_info": m{"scene": m{"scene_str": scene}}}
	}
	notice, once, mini := base+"message/subscribe/bizsend", base+"message/template/subscribe", base+"message/subscribe/send"
	number, login := "/wxa/business/getuserphonenumber", "/sns/jscode2session?"
	web := "/sns/oauth2/access_token?"
	good := m{"grant_type": "client_credential", "appid": testApp, "secret": testSecret}
	update := m{"agentid": testAgent, "response_code": "none", "userids": []any{"zhangsan"}, "button": m{"replace_name": "已认领"}}
	media := func(kind string, content m) m {
		return m{"touser": "zhangsan", "msgtype": kind, "agentid": testAgent, kind: content}
	}
	return []attempt{
		{"no appid", "", tok + "grant_type=client_credential&secret=x", nil, 41002},
		{"no secret", "", tok + "grant_type=client_credential&appid=" + testApp, nil, 41004},
		{"wrong grant type", "", tok + "grant_type=x&secret=x&appid=" + testApp, nil, 40002},
		{"unknown appid", "", tok + "grant_type=client_credential&secret=x&appid=wx", nil, 40013},
		{"wrong secret", "", tok + "grant_type=client_credential&secret=x&appid=" + testApp, nil, 40125},
		{"stable by GET", "", stable + "?x=1", nil, 43002},
		{"stable without body", "", stable, "", 44002},
		{"stable with broken JSON", "", stable, "{", 47001},
		{"stable without appid", "", stable, with(good, "appid", nil), 41002},
		{"stable without secret", "", stable, with(good, "secret", nil), 41004},
		{"stable with wrong grant type", "", stable, with(good, "grant_type", "x"), 40002},
		{"stable with unknown appid", "", stable, with(good, "appid", "wx"), 40013},
		{"stable with wrong secret", "", stable, with(good, "secret", "x"), 40125},
		{"stable", "", stable, good, 0},

		{"kf by GET", "official", kf, nil, 43002},
		{"kf without touser", "official", kf, with(kfText("oChen", "hi"), "touser", nil), 40003},
		{"kf to an unknown openid", "official", kf, kfText("oNobody", "hi"), 40003},
		{"kf to someone who doesn't follow", "official", kf, kfText("oPasser", "hi"), 43004},
		{"kf outside the windows", "official", kf, kfText("oChen", "hi"), 45015},
		{"kf of unknown type", "official", kf, with(kfText("oChen", "hi"), "msgtype", "smoke"), 40008},
		{"kf without content", "official", kf, with(kfText("oChen", "hi"), "text", nil), 44004},
		{"kf with empty text", "official", kf, kfText("oChen", ""), 44004},
		{"kf too long", "official", kf, kfText("oChen", strings.Repeat("长", 683)), 45002},
		{"kf menu without items", "official", kf, m{"touser": "oChen", "msgtype": "msgmenu", "msgmenu": m{"head_content": "选"}}, 47003},
		{"kf mini-program without appid", "official", kf, m{"touser": "oChen", "msgtype": "miniprogrampage", "miniprogrampage": m{"title": "x"}}, 40013},

		{"template", "official", tpl, orderNotice, 0},
		{"template without touser", "official", tpl, with(orderNotice, "touser", nil), 40003},
		{"template to unknown openid", "official", tpl, with(orderNotice, "touser", "oNobody"), 40003},
		{"template to someone who doesn't follow", "official", tpl, with(orderNotice, "touser", "oPasser"), 43004},
		{"template without id", "official", tpl, with(orderNotice, "template_id", nil), 40037},
		{"template with unknown id", "official", tpl, with(orderNotice, "template_id", "x"), 40037},
		{"template without data", "official", tpl, with(orderNotice, "data", nil), 47003},
		{"template with a number as value", "official", tpl, changed(orderNotice, "data", "thing1", m{"value": 1}), 47003},
		{"template with a line break", "official", tpl, changed(orderNotice, "data", "thing1", m{"value": "a\nb"}), 47003},
		{"template with a long value", "official", tpl, changed(orderNotice, "data", "thing1", m{"value": strings.Repeat("长", 21)}), 47003},
		{"template with a missing keyword", "official", tpl, changed(orderNotice, "data", "time2", nil), 47003},

		{"template of another kind", "official", tpl, with(orderNotice, "template_id", "ntc-start"), 40037},

		{"notice without agreement", "official", notice, startNotice, 43101},
		{"notice to someone who doesn't follow and agreed to nothing", "official", notice, with(startNotice, "touser", "oPasser"), 43101},
		{"notice without touser", "official", notice, with(startNotice, "touser", nil), 40003},
		{"notice to unknown openid", "official", notice, with(startNotice, "touser", "oNobody"), 40003},
		{"notice without id", "official", notice, with(startNotice, "template_id", nil), 40037},
		{"notice of another kind", "official", notice, with(startNotice, "template_id", "tpl-order"), 40037},
		{"notice without data", "official", notice, with(startNotice, "data", nil), 47003},
		{"notice with an empty value", "official", notice, changed(startNotice, "data", "thing1", m{"value": ""}), 47003},
		{"notice with a time that is none", "official", notice, changed(startNotice, "data", "time2", m{"value": "明天"}), 47003},
		{"notice by a mini program", "mini", notice, startNotice, 40001},

		{"once without confirmation", "official", once, onceMessage, 43101},
		{"once to nobody", "official", once, with(onceMessage, "touser", nil), 40003},
		{"once to a stranger", "official", once, with(onceMessage, "touser", "oNobody"), 40003},
		{"once without template", "official", once, with(onceMessage, "template_id", nil), 40037},
		{"once with a scene out of range", "official", once, with(onceMessage, "scene", 10_001), 40035},
		{"once without title", "official", once, with(onceMessage, "title", nil), 47003},
		{"once with a long title", "official", once, with(onceMessage, "title", strings.Repeat("长", 16)), 47003},
		{"once without content", "official", once, with(onceMessage, "data", nil), 47003},
		{"once with a long content", "official", once, with(onceMessage, "data", m{"content": m{"value": strings.Repeat("长", 201)}}), 47003},

		{"template list", "official", base + "template/get_all_private_template", nil, 0},
		{"notice template list", "official", "/wxaapi/newtmpl/gettemplate", nil, 0},
		{"ticket", "official", base + "ticket/getticket?type=jsapi", nil, 0},
		{"ticket of unknown type", "official", base + "ticket/getticket?type=x", nil, 40097},

		{"login without appid", "", login + "secret=x&js_code=x&grant_type=authorization_code", nil, 41002},
		{"login without secret", "", login + "appid=x&js_code=x&grant_type=authorization_code", nil, 41004},
		{"login without code", "", login + "appid=x&secret=x&grant_type=authorization_code", nil, 41008},
		{"login with wrong grant type", "", login + "appid=x&secret=x&js_code=x&grant_type=x", nil, 40002},
		{"web code without appid", "", web + "secret=x&code=x&grant_type=authorization_code", nil, 41002},
		{"web code without secret", "", web + "appid=x&code=x&grant_type=authorization_code", nil, 41004},
		{"web code without code", "", web + "appid=x&secret=x&grant_type=authorization_code", nil, 41008},
		{"web code with wrong grant type", "", web + "appid=x&secret=x&code=x&grant_type=x", nil, 40002},
		{"web code nobody was given", "", web + "appid=" + testApp + "&secret=" + testSecret + "&code=x&grant_type=authorization_code", nil, 40029},
		{"web code with a wrong secret", "", web + "appid=" + testApp + "&secret=x&code=x&grant_type=authorization_code", nil, 40125},
		{"login to an unknown mini program", "", login + "appid=x&secret=x&js_code=x&grant_type=authorization_code", nil, 40013},
		{"login to an official account", "", login + "appid=" + testApp + "&secret=" + testSecret + "&js_code=x&grant_type=authorization_code", nil, 40013},
		{"login with a wrong secret", "", login + "appid=" + testMini + "&secret=x&js_code=x&grant_type=authorization_code", nil, 40125},
		{"login with an unknown code", "", login + "appid=" + testMini + "&secret=mini-secret&js_code=x&grant_type=authorization_code", nil, 40029},
		{"phone without code", "mini", number, m{"x": 1}, 40029},
		{"phone with an unknown code", "mini", number, m{"code": "x"}, 40029},
		{"subscribe message without agreement", "mini", mini, startMini, 43101},
		{"subscribe message to nobody", "mini", mini, with(startMini, "touser", nil), 40003},
		{"subscribe message to a follower's openid", "mini", mini, with(startMini, "touser", "oChen"), 40003},
		{"subscribe message without id", "mini", mini, with(startMini, "template_id", nil), 40037},
		{"subscribe message of an unknown template", "mini", mini, with(startMini, "template_id", "x"), 40037},
		{"subscribe message without data", "mini", mini, with(startMini, "data", nil), 47003},
		{"subscribe message with a missing keyword", "mini", mini, changed(startMini, "data", "time2", nil), 47003},
		{"subscribe message with a number as value", "mini", mini, changed(startMini, "data", "thing1", m{"value": 1}), 47003},
		{"subscribe message for an unknown version", "mini", mini, with(startMini, "miniprogram_state", "x"), 47003},
		{"subscribe message to an unknown page", "mini", mini, with(startMini, "page", "pages/none"), 41030},
		{"subscribe message to a page from the root", "mini", mini, with(startMini, "page", "/pages/index"), 41030},
		{"mini-program kf to nobody", "mini", kf, with(kfText("mChen", "hi"), "touser", nil), 40003},
		{"mini-program kf to a stranger", "mini", kf, kfText("mNobody", "hi"), 40003},
		{"mini-program kf outside the windows", "mini", kf, kfText("mChen", "hi"), 45015},
		{"mini-program kf of a type it can't", "mini", kf, m{"touser": "mChen", "msgtype": "msgmenu", "msgmenu": m{"head_content": "x"}}, 40008},
		{"mini-program kf without content", "mini", kf, with(kfText("mChen", "hi"), "text", nil), 44004},
		{"mini-program kf with empty text", "mini", kf, kfText("mChen", ""), 44004},
		{"mini-program kf too long", "mini", kf, kfText("mChen", strings.Repeat("长", 683)), 45002},
		{"mini-program templates", "mini", "/wxaapi/newtmpl/gettemplate", nil, 0},
		{"mini-program ip list", "mini", base + "get_api_domain_ip", nil, 0},
		{"mini-program callback ip list", "mini", base + "getcallbackip", nil, 0},

		{"user info", "official", base + "user/info?openid=oChen", nil, 0},
		{"user info without openid", "official", base + "user/info", nil, 40003},
		{"user info of a stranger", "official", base + "user/info?openid=oNobody", nil, 40003},
		{"QR code", "official", base + "qrcode/create", code("QR_STR_SCENE", "booth", 3600), 0},
		{"QR code of an unknown kind", "official", base + "qrcode/create", code("QR", "booth", 3600), 40053},
		{"QR code without a scene", "official", base + "qrcode/create", code("QR_STR_SCENE", "", 3600), 40053},
		{"QR code that lives too long", "official", base + "qrcode/create", code("QR_STR_SCENE", "booth", 31*24*3600), 40053},
		{"QR code by GET", "official", base + "qrcode/create", nil, 43002},
		{"followers", "official", base + "user/get", nil, 0},
		{"followers after a stranger", "official", base + "user/get?next_openid=oNobody", nil, 40003},
		{"followers by POST", "official", base + "user/get", m{}, 43001},
		{"clear quota", "official", base + "clear_quota", m{"appid": testApp}, 0},
		{"clear quota without appid", "official", base + "clear_quota", m{"x": 1}, 40013},
		{"clear quota of another", "official", base + "clear_quota", m{"appid": "wx"}, 40013},
		{"official ip list", "official", base + "get_api_domain_ip", nil, 0},
		{"official callback ip list", "official", base + "getcallbackip", nil, 0},

		{"no corpid", "", corpTok + "corpsecret=x", nil, 41002},
		{"no corpsecret", "", corpTok + "corpid=" + testCorp, nil, 41004},
		{"unknown corp", "", corpTok + "corpsecret=x&corpid=ww", nil, 40013},
		{"wrong corp secret", "", corpTok + "corpsecret=x&corpid=" + testCorp, nil, 40001},

		{"app text", "agent", send, appText("zhangsan", "hi"), 0},
		{"app text by contact secret", "contact", send, appText("zhangsan", "hi"), 48002},
		{"app without agentid", "agent", send, with(appText("zhangsan", "hi"), "agentid", nil), 41011},
		{"app with agentid as a word", "agent", send, with(appText("zhangsan", "hi"), "agentid", "koi"), 40056},
		{"app with agentid as digits in text", "agent", send, with(appText("zhangsan", "hi"), "agentid", "1000002"), 0},
		{"app with unknown agentid", "agent", send, with(appText("zhangsan", "hi"), "agentid", 9), 40056},
		{"app with another's agentid", "agent", send, with(appText("zhangsan", "hi"), "agentid", 1000003), 301002},
		{"app to nobody", "agent", send, with(appText("zhangsan", "hi"), "touser", ""), 82001},
		{"app to too many", "agent", send, appText(many(1001, "|"), "hi"), 40032},
		{"app to too many departments", "agent", send, with(appText("", "hi"), "toparty", many(101, "|")), 82002},
		{"app to too many tags", "agent", send, with(appText("", "hi"), "totag", many(101, "|")), 82003},
		{"app to unknown members only", "agent", send, appText("nobody|noone", "hi"), 81013},
		{"app to a tag only", "agent", send, with(appText("", "hi"), "totag", "1"), 81013},
		{"app to someone out of sight", "narrow", send, with(appText("zhangsan", "hi"), "agentid", 1000003), 81013},
		{"app to someone inactive", "agent", send, appText("asleep", "hi"), 81013},
		{"app of unknown type", "agent", send, with(appText("zhangsan", "hi"), "msgtype", "smoke"), 40008},
		{"app with empty text", "agent", send, appText("zhangsan", ""), 44004},
		{"app with broken JSON", "agent", send, "{\"touser\":", 41011},
		{"app with a long duplicate check", "agent", send, with(appText("zhangsan", "hi"), "duplicate_check_interval", 14_401), 40058},
		{"markdown", "agent", send, media("markdown", m{"content": "**新线索**"}), 0},
		{"markdown empty", "agent", send, media("markdown", m{"content": ""}), 44004},
		{"markdown too long", "agent", send, media("markdown", m{"content": strings.Repeat("x", 2049)}), 45002},
		{"textcard", "agent", send, textCard, 0},
		{"textcard without title", "agent", send, changed(textCard, "textcard", "title", nil), 41016},
		{"textcard without description", "agent", send, changed(textCard, "textcard", "description", nil), 41033},
		{"textcard without url", "agent", send, changed(textCard, "textcard", "url", nil), 41010},
		{"textcard with a long url", "agent", send, changed(textCard, "textcard", "url", "https://"+strings.Repeat("x", 2048)), 40039},
		{"textcard without protocol", "agent", send, changed(textCard, "textcard", "url", "koi.example"), 45034},
		{"news without articles", "agent", send, media("news", m{}), 40058},
		{"news", "agent", send, media("news", m{"articles": []any{m{"title": "x", "url": "https://koi.example"}}}), 0},
		{"image without media", "agent", send, media("image", m{}), 41006},
		{"voice without media", "agent", send, media("voice", m{}), 41006},
		{"video without media", "agent", send, media("video", m{}), 41006},
		{"file without media", "agent", send, media("file", m{}), 41006},
		{"notice card", "agent", send, cardMessage(noticeCard), 0},
		{"notice card without title", "agent", send, cardMessage(with(noticeCard, "main_title", nil)), 40058},
		{"notice card without action", "agent", send, cardMessage(with(noticeCard, "card_action", nil)), 40058},
		{"notice card whose action has no url", "agent", send, cardMessage(with(noticeCard, "card_action", m{"type": 1})), 40058},
		{"card of unknown type", "agent", send, cardMessage(with(noticeCard, "card_type", "x")), 40058},
		{"picture card without picture", "agent", send, cardMessage(with(noticeCard, "card_type", "news_notice")), 40058},
		{"vote card without submit button", "agent", send, cardMessage(with(noticeCard, "card_type", "vote_interaction")), 40058},
		{"button card without task", "agent", send, cardMessage(with(buttonCard, "task_id", nil)), 42014},
		{"button card with a bad task", "agent", send, cardMessage(with(buttonCard, "task_id", "线索")), 42014},
		{"button card without buttons", "agent", send, cardMessage(with(buttonCard, "button_list", nil)), 40058},
		{"button card with too many buttons", "agent", send, cardMessage(with(buttonCard, "button_list", anys(7))), 40058},
		{"button card", "agent", send, cardMessage(buttonCard), 0},
		{"button card with the same task", "agent", send, cardMessage(buttonCard), 42014},

		{"card update without agentid", "agent", card, with(update, "agentid", nil), 41011},
		{"card update with a bad agentid", "agent", card, with(update, "agentid", "x"), 40056},
		{"card update with another's agentid", "agent", card, with(update, "agentid", 1000003), 40056},
		{"card update without code", "agent", card, with(update, "response_code", nil), 40063},
		{"card update for nobody", "agent", card, with(update, "userids", nil), 82001},
		{"card update without change", "agent", card, with(update, "button", nil), 40058},
		{"card update with an unknown code", "agent", card, update, 40058},

		{"departments", "agent", base + "department/list", nil, 0},
		{"departments below one", "contact", base + "department/list?id=2", nil, 0},
		{"departments below an unknown one", "agent", base + "department/list?id=99", nil, 60123},
		{"departments out of sight", "narrow", base + "department/list?id=2", nil, 60011},
		{"department ids", "agent", base + "department/simplelist", nil, 0},
		{"department ids below an unknown one", "agent", base + "department/simplelist?id=x", nil, 60123},
		{"member", "agent", base + "user/get?userid=ZhangSan", nil, 0},
		{"member without userid", "agent", base + "user/get", nil, 41009},
		{"member unknown", "agent", base + "user/get?userid=nobody", nil, 60111},
		{"member out of sight", "narrow", base + "user/get?userid=zhangsan", nil, 60011},
		{"members", "agent", base + "user/list?department_id=1&fetch_child=1", nil, 0},
		{"members without department", "agent", base + "user/list", nil, 60123},
		{"members of an unknown department", "agent", base + "user/list?department_id=99", nil, 60003},
		{"members out of sight", "narrow", base + "user/list?department_id=1", nil, 60011},
		{"members, simple", "agent", base + "user/simplelist?department_id=2", nil, 0},
		{"members, simple, without department", "agent", base + "user/simplelist", nil, 60123},

		{"who came, without code", "agent", base + "auth/getuserinfo", nil, 40029},
		{"who came, with an unknown code", "agent", base + "auth/getuserinfo?code=x", nil, 40029},
		{"who came, by another secret", "contact", base + "auth/getuserinfo?code=x", nil, 48002},
		{"follow users", "contact", base + "externalcontact/get_follow_user_list", nil, 0},
		{"follow users by an app without customer contact", "narrow", base + "externalcontact/get_follow_user_list", nil, 48002},
		{"customers", "agent", base + "externalcontact/list?userid=zhangsan", nil, 0},
		{"customers without userid", "agent", base + "externalcontact/list", nil, 41009},
		{"customers of nobody", "agent", base + "externalcontact/list?userid=nobody", nil, 40003},
		{"customers of someone without any", "agent", base + "externalcontact/list?userid=LiNa", nil, 84061},
		{"customer", "contact", base + "externalcontact/get?external_userid=wmChen", nil, 0},
		{"customer without id", "contact", base + "externalcontact/get", nil, 41035},
		{"customer unknown", "contact", base + "externalcontact/get?external_userid=wmNobody", nil, 40096},
		{"customers of many", "contact", batch, m{"userid_list": []any{"zhangsan", "LiNa"}}, 0},
		{"customers of none", "contact", batch, m{"userid_list": []any{}}, 40058},
		{"customers of too many", "contact", batch, m{"userid_list": anys(101)}, 40058},
		{"customers of an unknown member", "contact", batch, m{"userid_list": []any{"nobody"}}, 40003},
		{"customers of members without any", "contact", batch, m{"userid_list": []any{"LiNa"}}, 84061},
		{"customers from a bad cursor", "contact", batch, m{"userid_list": []any{"zhangsan"}, "cursor": "x"}, 40058},
		{"convert", "agent", conv, m{"unionid": "union-chen", "openid": "oChen"}, 0},
		{"convert without unionid", "agent", conv, m{"openid": "oChen"}, 40063},
		{"convert without openid", "agent", conv, m{"unionid": "union-chen"}, 40063},
		{"convert what doesn't belong together", "agent", conv, m{"unionid": "union-chen", "openid": "oPasser"}, 40058},
		{"welcome without code", "agent", wel, m{"text": m{"content": "您好"}}, 41049},
		{"welcome without content", "agent", wel, m{"welcome_code": "x"}, 40063},
		{"welcome too long", "agent", wel, m{"welcome_code": "x", "text": m{"content": strings.Repeat("x", 4001)}}, 45002},
		{"welcome with too many attachments", "agent", wel, m{"welcome_code": "x", "attachments": anys(10)}, 40058},
		{"welcome with an unknown code", "agent", wel, m{"welcome_code": "x", "text": m{"content": "您好"}}, 41050},
		{"welcome with an attachment of unknown kind", "agent", wel, with(welcomeAttach, "attachments", []any{m{"msgtype": "smoke"}}), 40058},
		{"welcome with an incomplete link", "agent", wel, with(welcomeAttach, "attachments", []any{m{"msgtype": "link", "link": m{"title": "x"}}}), 40058},
		{"welcome with expired media", "agent", wel, with(welcomeAttach, "attachments", []any{m{"msgtype": "image", "image": m{"media_id": "gone"}}}), 40007},
		{"agent", "agent", base + "agent/get?agentid=1000002", nil, 0},
		{"agent without id", "agent", base + "agent/get", nil, 41011},
		{"agent unknown", "agent", base + "agent/get?agentid=9", nil, 40056},
		{"agent of another", "agent", base + "agent/get?agentid=1000003", nil, 301002},
		{"corp ticket", "agent", base + "get_jsapi_ticket", nil, 0},
		{"agent ticket", "agent", base + "ticket/get?type=agent_config", nil, 0},
		{"agent ticket of unknown type", "agent", base + "ticket/get?type=x", nil, 40035},
		{"corp ip list", "agent", base + "get_api_domain_ip", nil, 0},
		{"corp callback ip list", "contact", base + "getcallbackip", nil, 0},
		{"unknown path", "agent", base + "nothing/here", m{}, 40066},
	}
}

// Outcomes that need more than one call are tested where the thing is: successes of token calls (every
// test), of messages somebody must have agreed to or opened a window for, logins, card updates and welcome messages.
var elsewhere = []string{"official /cgi-bin/token", "official /sns/oauth2/access_token", "wecom /cgi-bin/gettoken", "official /cgi-bin/message/custom/send",
	"official /cgi-bin/message/subscribe/bizsend", "official /cgi-bin/message/template/subscribe", "mini /sns/jscode2session",
	"mini /wxa/business/getuserphonenumber", "mini /cgi-bin/message/subscribe/send", "mini /cgi-bin/message/custom/send",
	"wecom /cgi-bin/auth/getuserinfo", "wecom /cgi-bin/message/update_template_card", "wecom /cgi-bin/externalcontact/send_welcome_msg"}

func TestRules_answer_every_call_of_the_table_with_its_code(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, a := range attempts() {
		got := r.as(a.owner, a.path, a.body)
		require.Equal(t, a.code, code(got), "%s: %v", a.name, got)
	}
}

func TestRules_have_an_attempt_for_every_rule_and_every_check(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{}
	for _, name := range elsewhere {
		tried[name] = true
	}
	for _, a := range attempts() {
		path, _, _ := strings.Cut(a.path, "?")
		p := "wecom"
		if a.owner == "mini" || path == "/sns/jscode2session" {
			p = "mini"
		} else if a.owner == "official" || path == "/sns/oauth2/access_token" || strings.HasSuffix(path, "/token") || strings.HasSuffix(path, "stable_token") {
			p = "official"
		}
		tried[fmt.Sprintf("%s %s %d", p, path, a.code)] = true
		if a.code == 0 {
			tried[p+" "+path] = true
		}
	}
	for _, r := range rules() {
		name := string(r.platform) + " " + r.path
		require.True(t, tried[name], "no successful attempt of %s", name)
		for _, k := range r.checks {
			require.True(t, tried[fmt.Sprintf("%s %d", name, k.code)], "no attempt of %s fails “%s” with %d", name, k.about, k.code)
		}
	}
}

func TestRules_are_listed_for_people_with_the_quotas_in_force(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Quotas = map[string]int{"oa.kf": 7, "*": -1} })
	table, more := r.Rules()
	require.Len(t, table, len(rules()))
	limits := map[string]int{}
	for _, x := range table {
		require.NotEmpty(t, x.Name)
		for _, q := range x.Quotas {
			limits[q.Name] = q.Limit
		}
	}
	require.Equal(t, 7, limits["oa.kf"])
	require.Equal(t, unlimited, limits["oa.template"])
	require.Len(t, more, len(standing))
}
