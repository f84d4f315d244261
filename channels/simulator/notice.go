package simulator

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// grants are what someone agreed to get: by template and the scene they agreed in, how many messages;
// unlimited for a long-term template.
type grants map[string]map[string]int

// agree adds an agreement. A one-time agreement to a notice does not add to another of the same scene
// (订阅通知: "同一场景下不累加"); one to a mini program's message does.
func (g *grants) agree(template, scene string, kind TemplateKind, adding bool) {
	if *g == nil {
		*g = grants{}
	}
	scenes := (*g)[template]
	if scenes == nil {
		scenes = map[string]int{}
		(*g)[template] = scenes
	}
	switch {
	case kind == LongTermTemplate:
		scenes[scene] = unlimited
	case adding:
		scenes[scene]++
	default:
		scenes[scene] = 1
	}
}

// withdraw takes back all agreements to a template. What a refusal does to earlier one-time agreements
// isn't established.
func (g *grants) withdraw(template string) { delete(*g, template) }

// spend uses one message of an agreement up and reports whether there was one.
func (g *grants) spend(template string) bool {
	scenes := (*g)[template]
	for _, scene := range sortedKeys(scenes) {
		switch scenes[scene] {
		case unlimited:
			return true
		case 0:
		default:
			scenes[scene]--
			return true
		}
	}
	return false
}

// left is how many messages of a template may still be sent: unlimited for a long-term one.
func (g *grants) left(template string) int {
	n := 0
	for _, k := range (*g)[template] {
		if k == unlimited {
			return unlimited
		}
		n += k
	}
	return n
}

// onceKey is a 一次性订阅 somebody confirmed.
type onceKey struct {
	template string
	scene    string
}

var onceChecks = []check{
	need("touser", 40003),
	need("template_id", 40037),
	that("scene 为 0 到 10000", 40035, func(c *call) bool { n, isNumber := c.in.num("scene"); return isNumber && n >= 0 && n <= 10_000 }),
	that("title 必填，15 字以内", 47003, func(c *call) bool {
		title := c.in.str("title")
		return title != "" && utf8.RuneCountInString(title) <= 15
	}),
	that("data.content.value 必填，200 字以内", 47003, func(c *call) bool {
		v := c.in.str("data.content.value")
		return v != "" && utf8.RuneCountInString(v) <= 200
	}),
}

// bizSend delivers a 订阅通知 to someone who agreed, follower or not, and then reports its end by callback.
func (s *Simulator) bizSend(c *call) (answer, *refusal) {
	o, to := c.official, c.in.str("touser")
	t, no := c.template(o.templates, NoticeTemplate, LongTermTemplate)
	if no != nil {
		return nil, no
	}
	f := o.followers[to]
	if f == nil && !s.cfg.AcceptStrangers {
		return nil, refuse(40003)
	}
	if f != nil && !f.grants.spend(c.in.str("template_id")) {
		return nil, refuse(43101)
	}
	m := message{account: o.AppID, to: to, kind: "notice", follower: f, label: o.Name}
	said := s.notify(c, &m, t)
	if f != nil {
		x := s.officialEvent(f, c.now, "subscribe_msg_sent_event").open("SubscribeMsgSentEvent").open("List").
			text("TemplateId", c.in.str("template_id")).text("MsgID", m.msgID).text("ErrorCode", said.code).
			text("ErrorStatus", said.status).shut("List").shut("SubscribeMsgSentEvent")
		c.after(func() { _, _ = s.callOfficial(o, to, "subscribe_msg_sent_event", x.done(), 0) })
	}
	return ok(answer{"msgid": number64(m.msgID)}), nil
}

// notify puts a notice on the phone, unless it is told that it fails, and says how that ended.
func (s *Simulator) notify(c *call, m *message, t *Template) outcome {
	m.msgID = strconv.FormatInt(s.nextID(), 10)
	said := outcomeOf(s.faults.receipt(c.path, m.account))
	if said.code == "0" {
		m.content = shownContent(c, t)
		s.deliver(c, *m)
	}
	return said
}

// shownContent is what a phone shows of a filled-in template.
func shownContent(c *call, t *Template) map[string]any {
	content := map[string]any{"template_id": c.in.at("template_id"), "data": shownData(t, c.in.obj("data"))}
	for _, name := range []string{"url", "page"} {
		if v := c.in.at(name); present(v) {
			content[name] = v
		}
	}
	// silenceper sends an empty one where there is none.
	if c.in.str("miniprogram.appid") != "" {
		content["miniprogram"] = c.in.at("miniprogram")
	}
	return content
}

func number64(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64) // one that nextID made
	return n
}

// outcome is how a subscribe message ended, as subscribe_msg_sent_event says it.
type outcome struct{ code, status string }

// outcomeOf reads a misbehaviour's receipt: "43101 user refuse" is a code with its text, a text alone has
// the code -1, nothing is success.
func outcomeOf(receipt string) outcome {
	if receipt == "" {
		return outcome{"0", "success"}
	}
	first, rest, _ := strings.Cut(receipt, " ")
	if _, err := strconv.Atoi(first); err == nil {
		return outcome{first, strings.TrimSpace(rest)}
	}
	return outcome{"-1", receipt}
}

// sendOnce delivers a 一次性订阅消息: to whom confirmed this template and scene on the platform's page, once.
// There is no callback about its end.
func (s *Simulator) sendOnce(c *call) (answer, *refusal) {
	o, to := c.official, c.in.str("touser")
	f := o.followers[to]
	if f == nil && !s.cfg.AcceptStrangers {
		return nil, refuse(40003)
	}
	if f != nil {
		key := onceKey{c.in.str("template_id"), c.in.str("scene")}
		if !f.once[key] {
			return nil, refuse(43101)
		}
		delete(f.once, key)
	}
	content := map[string]any{"template_id": c.in.at("template_id"), "scene": c.in.str("scene"), "title": c.in.str("title"),
		"data": map[string]any{"content": map[string]any{"value": c.in.str("data.content.value")}}}
	if v := c.in.str("url"); v != "" {
		content["url"] = v
	}
	if c.in.str("miniprogram.appid") != "" {
		content["miniprogram"] = c.in.at("miniprogram")
	}
	s.deliver(c, message{account: o.AppID, to: to, kind: "once", content: content, follower: f, label: o.Name})
	return ok(nil), nil
}

// templateList answers the template messages' templates (get_all_private_template).
func (s *Simulator) templateList(c *call) (answer, *refusal) {
	list := []answer{}
	for _, t := range c.official.Templates {
		if t.Kind == MessageTemplate {
			list = append(list, answer{"template_id": t.ID, "title": t.Title, "primary_industry": "IT科技", "deputy_industry": "互联网|电子商务",
				"content": wording(t, "{{%s.DATA}}"), "example": wording(t, "")})
		}
	}
	return ok(answer{"template_list": list}), nil
}

// noticeList answers the templates of notices or a mini program's subscribe messages
// (newtmpl/gettemplate): type 2 is one-time, 3 long-term.
func (s *Simulator) noticeList(c *call) (answer, *refusal) {
	var all []Template
	if c.mini != nil {
		all = c.mini.Templates
	} else {
		all = c.official.Templates
	}
	list := []answer{}
	for _, t := range all {
		if t.Kind == MessageTemplate {
			continue
		}
		kind := 2
		if t.Kind == LongTermTemplate {
			kind = 3
		}
		list = append(list, answer{"priTmplId": t.ID, "title": t.Title, "type": kind,
			"content": wording(t, "{{%s.DATA}}"), "example": wording(t, "")})
	}
	return ok(answer{"data": list}), nil
}

// wording is a template's text: a label and a placeholder for each field.
func wording(t Template, placeholder string) string {
	var b strings.Builder
	for _, f := range t.Fields {
		b.WriteString(f.Label + ":")
		if placeholder != "" {
			b.WriteString(strings.Replace(placeholder, "%s", f.Key, 1))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// ticketLife is how long a JS-SDK ticket lives.
const ticketLife = 7200 * time.Second

// ticket answers an account's JS-SDK ticket: the same within a life of it.
func (s *Simulator) ticket(c *call) (answer, *refusal) {
	life := int64(ticketLife / time.Second)
	now := c.wall / 1000
	value := "sim-" + shortHash(c.path+c.account()+c.in.str("type")+strconv.FormatInt(now/life, 10), 60)
	return ok(answer{"ticket": value, "expires_in": life - now%life}), nil
}
