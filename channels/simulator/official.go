package simulator

import (
	"cmp"
	"strconv"
	"time"
	"unicode/utf8"
)

// What 发送客服消息 takes (api_sendcustommessage).
var kfTypes = []string{"text", "image", "voice", "video", "music", "news", "mpnews", "mpnewsarticle", "msgmenu", "wxcard", "miniprogrampage"}

var kfChecks = []check{
	need("touser", 40003),
	oneOf("msgtype", 40008, kfTypes...),
	that("与 msgtype 同名的内容必填", 44004, func(c *call) bool { return present(c.in.at(c.in.str("msgtype"))) }),
	when("msgtype", "text", need("text.content", 44004)),
	when("msgtype", "text", bytesAtMost("text.content", 45002, 2048)),
	when("msgtype", "msgmenu", listOf("msgmenu.list", 47003, 20)),
	when("msgtype", "miniprogrampage", need("miniprogrampage.appid", 40013)),
}

// sendCustom delivers a customer-service message while a window is open.
func (s *Simulator) sendCustom(c *call) (answer, *refusal) {
	to := c.in.str("touser")
	f := c.official.followers[to]
	switch {
	case f == nil && s.cfg.AcceptStrangers:
	case f == nil:
		return nil, refuse(40003)
	case !f.subscribed:
		return nil, refuse(43004)
	default:
		if code := f.spend(c.now); code != 0 {
			return nil, refuse(code)
		}
	}
	kind := c.in.str("msgtype")
	s.deliver(c, message{account: c.official.AppID, to: to, kind: kind, content: c.in.at(kind), follower: f, label: c.official.Name})
	return ok(nil), nil
}

// A repeat with the same client_msg_id is dropped for about ten minutes (模板消息, "防重入id").
const clientMsgIDWindow = 10 * time.Minute

type templateKey struct{ app, openID, clientMsgID string }

// clientMsg is a message sent with a client_msg_id, and when.
type clientMsg struct{ id, at int64 }

// sendTemplate delivers a template message and then reports its end by callback (TEMPLATESENDJOBFINISH).
func (s *Simulator) sendTemplate(c *call) (answer, *refusal) {
	o, to := c.official, c.in.str("touser")
	t, no := c.template(o.templates, MessageTemplate)
	if no != nil {
		return nil, no
	}
	f := o.followers[to]
	if f == nil && !s.cfg.AcceptStrangers {
		return nil, refuse(40003)
	}
	if f != nil && !f.subscribed {
		return nil, refuse(43004)
	}
	key := templateKey{o.AppID, to, c.in.str("client_msg_id")}
	if key.clientMsgID != "" {
		if first, repeat := s.clientMsgs.get(key, c.now); repeat {
			return s.sentBefore(c, key, first)
		}
	}
	// A number, and one that doesn't fit a float64: callers must read it as an integer.
	msgID := s.nextID()
	if key.clientMsgID != "" {
		s.clientMsgs.put(key, clientMsg{msgID, c.now}, c.now+clientMsgIDWindow.Milliseconds(), c.now)
	}
	status := "success"
	if f != nil && f.refuses {
		status = "failed:user block"
	}
	if said := s.faults.receipt(c.path, o.AppID); said != "" {
		status = said
	}
	if status == "success" {
		s.deliver(c, message{account: o.AppID, to: to, kind: "template", content: shownContent(c, t), follower: f, label: o.Name, msgID: strconv.FormatInt(msgID, 10)})
	}
	if f != nil {
		x := s.officialEvent(f, c.now, "TEMPLATESENDJOBFINISH").num("MsgID", msgID).text("Status", status)
		c.after(func() {
			// Pushed or not is in the callback journal.
			_, _ = s.callOfficial(o, to, "TEMPLATESENDJOBFINISH", x.done(), 0)
		})
	}
	return ok(answer{"msgid": msgID}), nil
}

// sentBefore answers a repeat: 45065 with the msgid of the first, and 45066 when it comes too soon after it.
func (s *Simulator) sentBefore(c *call, key templateKey, first clientMsg) (answer, *refusal) {
	if c.now-first.at < s.cfg.ClientMsgIDPause.Milliseconds() {
		return nil, refuse(45066)
	}
	s.deliveries.repeated()
	a := c.write(wechatOA, refusef(45065, "%s", key.clientMsgID))
	a["msgid"] = first.id
	return a, nil
}

// userInfo tells what an official account may know of a follower. Nickname, sex and region are no longer
// given (since 2021-12-27); someone who doesn't follow is only an OpenID.
func (s *Simulator) userInfo(c *call) (answer, *refusal) {
	f := c.official.followers[c.in.str("openid")]
	if f == nil {
		return nil, refuse(40003)
	}
	a := answer{"subscribe": 0, "openid": f.openID, "tagid_list": []int{}}
	if !f.subscribed {
		return a, nil
	}
	a["subscribe"], a["subscribe_time"] = 1, f.since
	a["nickname"], a["sex"], a["language"], a["city"], a["province"], a["country"], a["headimgurl"] = "", 0, "zh_CN", "", "", "", ""
	a["remark"], a["groupid"] = "", 0
	a["subscribe_scene"], a["qr_scene"], a["qr_scene_str"] = "ADD_SCENE_SEARCH", 0, f.scene
	if f.scene != "" {
		a["subscribe_scene"] = "ADD_SCENE_QR_CODE"
	}
	if !c.official.NoUnionID {
		a["unionid"] = f.person.UnionID
	}
	return a, nil
}

// followersPage is how many OpenIDs user/get answers at once.
const followersPage = 10_000

func (s *Simulator) userGet(c *call) (answer, *refusal) {
	o, from := c.official, 0
	if next := c.in.str("next_openid"); next != "" {
		f := o.followers[next]
		if f == nil {
			return nil, refuse(40003)
		}
		from = f.position + 1
	}
	total, list := 0, []string{}
	for i, f := range o.order {
		if !f.subscribed {
			continue
		}
		total++
		if i >= from && len(list) < followersPage {
			list = append(list, f.openID)
		}
	}
	a := answer{"total": total, "count": len(list), "next_openid": ""}
	if len(list) > 0 {
		a["data"] = answer{"openid": list}
		a["next_openid"] = list[len(list)-1]
	}
	return a, nil
}

// What 生成带参数的二维码 takes: codes that live for up to 30 days, and such that live for good.
var qrCodeChecks = []check{
	oneOf("action_name", 40053, "QR_STR_SCENE", "QR_LIMIT_STR_SCENE"),
	that("scene_str 为 1 到 64 个字", 40053, func(c *call) bool {
		n := utf8.RuneCountInString(c.in.str("action_info.scene.scene_str"))
		return n >= 1 && n <= 64
	}),
	that("expire_seconds 不超过 30 天", 40053, func(c *call) bool {
		n, said := c.in.num("expire_seconds")
		return !said || n > 0 && n <= qrCodeLife
	}),
}

// qrCodeLife is how long a temporary QR code may live, qrCodeShort how long it does when nothing is said, in s.
const qrCodeLife, qrCodeShort = 30 * 24 * 3600, 60

// createQRCode makes a code of a scene; who scans it plays the act "scan" with that scene. The answer has no
// errmsg: clients take one for a failure.
func (s *Simulator) createQRCode(c *call) (answer, *refusal) {
	scene := c.in.str("action_info.scene.scene_str")
	a := answer{"ticket": qrTicket(scene), "url": "http://weixin.qq.com/q/" + shortHash(c.official.AppID+" "+scene, 24)}
	if c.in.str("action_name") == "QR_STR_SCENE" {
		life, _ := c.in.num("expire_seconds")
		a["expire_seconds"] = cmp.Or(life, qrCodeShort)
	}
	return a, nil
}

// qrTicket is what the code of a scene and the events of who scans it have in common.
func qrTicket(scene string) string { return "TICKET_" + shortHash(scene, 16) }

func (s *Simulator) clearQuota(c *call) (answer, *refusal) {
	if c.in.str("appid") != c.official.AppID {
		return nil, refuse(40013)
	}
	s.counters.forget(c.official.AppID, "oa.clear_quota")
	return ok(nil), nil
}

// ipList is what an operator puts on an allow-list: here everything comes from this machine.
func (s *Simulator) ipList(*call) (answer, *refusal) {
	return ok(answer{"ip_list": []string{"127.0.0.1"}}), nil
}
