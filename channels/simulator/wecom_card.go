package simulator

import (
	"regexp"
	"time"
)

// card is a template_card that was sent; phones show it as it stands, also after an update.
type card struct {
	agent   *agent
	taskID  string
	kind    string // card_type
	content fields
	updated map[string]cardUpdate // by userid
}

// cardUpdate is what update_template_card made of a card on one member's phone.
type cardUpdate struct {
	replaceName string // the button's new, greyed text
	content     fields // or another card
}

// cardResponse is a response_code: good for one update within 72 h (path/94945).
type cardResponse struct {
	card *card
	used bool
}

const responseWindow = 72 * time.Hour

// Task ids are remembered as long: "同一个应用任务id不能重复". How long the platform does isn't established.
const taskMemory = 90 * 24 * time.Hour

var taskID = regexp.MustCompile(`^[A-Za-z0-9_@-]{1,128}$`)

// clickable are the kinds of card whose buttons come back as template_card_event.
func clickable(kind string) bool {
	return kind == "button_interaction" || kind == "vote_interaction" || kind == "multiple_interaction"
}

// checkCard checks a template_card (path/90236, 模板卡片消息). The document names no codes for most of
// this; 40058 stands for "the parameters don't meet the requirements".
func (s *Simulator) checkCard(c *call, t fields) *refusal {
	kind, id := t.str("card_type"), t.str("task_id")
	bad := func(about string) *refusal { return refusef(40058, "template_card.%s", about) }
	switch kind {
	case "text_notice":
		if t.str("main_title.title") == "" && t.str("sub_title_text") == "" {
			return bad("main_title.title 与 sub_title_text 至少填一个")
		}
	case "news_notice":
		if t.str("main_title.title") == "" || t.str("card_image.url") == "" {
			return bad("main_title.title 与 card_image.url 必填")
		}
	case "button_interaction":
		if t.str("main_title.title") == "" {
			return bad("main_title.title 必填")
		}
		buttons := t.objs("button_list")
		if len(buttons) < 1 || len(buttons) > 6 {
			return bad("button_list 为 1 到 6 个")
		}
		for _, b := range buttons {
			if b.str("text") == "" || (b.str("key") == "" && b.str("url") == "") {
				return bad("button_list 的 text 与 key 必填")
			}
		}
	case "vote_interaction", "multiple_interaction":
		if t.str("main_title.title") == "" || t.str("submit_button.text") == "" || t.str("submit_button.key") == "" {
			return bad("main_title.title 与 submit_button 必填")
		}
	default:
		return bad("card_type 不对")
	}
	if (kind == "text_notice" || kind == "news_notice") && !validCardAction(t.obj("card_action")) {
		return bad("card_action 必填：type 1 带 url，type 2 带 appid")
	}
	if len(t.objs("horizontal_content_list")) > 6 {
		return bad("horizontal_content_list 不超过 6 个")
	}
	if (clickable(kind) || len(t.objs("action_menu.action_list")) > 0) && id == "" {
		return refusef(42014, "task_id 必填")
	}
	if id == "" {
		return nil
	}
	if !taskID.MatchString(id) {
		return refusef(42014, "task_id 只能由数字、字母和 _-@ 组成，最长 128 字节")
	}
	if _, taken := c.agent.tasks.get(id, c.now); taken {
		return refusef(42014, "task_id 重复")
	}
	return nil
}

func validCardAction(a fields) bool {
	switch a.str("type") {
	case "1":
		return a.str("url") != ""
	case "2":
		return a.str("appid") != ""
	}
	return false
}

// newCard remembers a card that is being sent.
func (s *Simulator) newCard(c *call, content fields) *card {
	x := &card{agent: c.agent, taskID: content.str("task_id"), kind: content.str("card_type"), content: content,
		updated: map[string]cardUpdate{}}
	if x.taskID != "" {
		c.agent.tasks.put(x.taskID, x, c.now+taskMemory.Milliseconds(), c.now)
	}
	return x
}

// respond mints a response_code for a card that has buttons; others get none.
func (s *Simulator) respond(x *card, userID string, now int64) string {
	if !clickable(x.kind) {
		return ""
	}
	code := fmtID("rc"+shortHash(userID+x.taskID, 8), s.nextID())
	s.responses.put(code, &cardResponse{card: x}, now+responseWindow.Milliseconds(), now)
	return code
}

var cardUpdateChecks = []check{
	need("agentid", 41011),
	whole("agentid", 40056),
	need("response_code", 40063),
	that("userids、partyids、tagids、atall 至少填一个", 82001, func(c *call) bool {
		all, _ := c.in.num("atall")
		return all == 1 || len(c.in.list("userids"))+len(c.in.list("partyids"))+len(c.in.list("tagids")) > 0
	}),
	that("button.replace_name 与 template_card 填一个", 40058, func(c *call) bool {
		return (c.in.str("button.replace_name") != "") != present(c.in.at("template_card"))
	}),
}

// updateCard changes a card on its recipients' phones (path/94888). Which code a used or unknown
// response_code gets isn't established: 40058.
func (s *Simulator) updateCard(c *call) (answer, *refusal) {
	if id, _ := c.in.num("agentid"); int(id) != c.agent.AgentID {
		return nil, refuse(40056)
	}
	r, known := s.responses.get(c.in.str("response_code"), c.now)
	if !known || r.card.agent != c.agent {
		return nil, refusef(40058, "response_code 无效或已过期")
	}
	if r.used {
		return nil, refusef(40058, "response_code 已使用")
	}
	change := cardUpdate{replaceName: c.in.str("button.replace_name"), content: c.in.obj("template_card")}
	targets := c.in.strs("userids")
	if all, _ := c.in.num("atall"); all == 1 {
		targets = nil
		for _, m := range c.corp.order {
			targets = append(targets, m.UserID)
		}
	}
	var invalid []string
	for _, u := range targets {
		m := c.corp.member(u)
		if m == nil || !c.agent.seesStaff(m) {
			invalid = append(invalid, u)
			continue
		}
		r.card.updated[m.UserID] = change
		s.touch(&m.chat)
	}
	r.used = true
	// A list here, unlike message/send, and PowerWeChat can't decode it. Whether an empty one is sent isn't
	// established.
	if len(invalid) > 0 {
		return ok(answer{"invaliduser": invalid}), nil
	}
	return ok(nil), nil
}
