package simulator

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// followUserList are the members with the customer-contact function: here everyone active in sight who was not denied it.
func (s *Simulator) followUserList(c *call) (answer, *refusal) {
	list := []string{}
	for _, m := range c.corp.order {
		if !m.left && !m.Inactive && !m.NoCustomers && c.agent.seesStaff(m) {
			list = append(list, m.UserID)
		}
	}
	return ok(answer{"follow_user": list}), nil
}

// served returns a member whose customers the caller may see.
func (c *call) served(userID string) (*staff, *refusal) {
	m := c.corp.member(userID)
	if m == nil {
		return nil, refuse(40003)
	}
	if m.NoCustomers || !c.agent.seesStaff(m) {
		return nil, refuse(84083)
	}
	return m, nil
}

// customersOf are a member's customers, the oldest first.
func customersOf(m *staff) []*relation {
	var out []*relation
	for _, r := range m.customers {
		if !r.byStaff {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *relation) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.contact.externalID, b.contact.externalID))
	})
	return out
}

// contactList answers 84061 for a member without customers, as the platform does.
func (s *Simulator) contactList(c *call) (answer, *refusal) {
	m, no := c.served(c.in.str("userid"))
	if no != nil {
		return nil, no
	}
	list := []string{}
	for _, r := range customersOf(m) {
		list = append(list, r.contact.externalID)
	}
	if len(list) == 0 {
		return nil, refuse(84061)
	}
	return ok(answer{"external_userid": list}), nil
}

func (s *Simulator) contactGet(c *call) (answer, *refusal) {
	x := c.corp.contacts[c.in.str("external_userid")]
	if x == nil {
		return nil, refuse(40096)
	}
	follow := []answer{}
	for _, r := range x.relations {
		if !r.byStaff && c.agent.seesStaff(r.staff) {
			follow = append(follow, followAnswer(r))
		}
	}
	if len(follow) == 0 || c.now < x.addedAt+s.cfg.ContactLag.Milliseconds() {
		return nil, refuse(84061)
	}
	slices.SortFunc(follow, func(a, b answer) int {
		return cmp.Or(cmp.Compare(a["createtime"].(int64), b["createtime"].(int64)), cmp.Compare(a["userid"].(string), b["userid"].(string)))
	})
	return ok(answer{"external_contact": contactAnswer(x), "follow_user": follow, "next_cursor": ""}), nil
}

// contactAnswer is a customer (path/92114): type 1 is a WeChat user.
func contactAnswer(x *contact) answer {
	a := answer{"external_userid": x.externalID, "name": x.person.Name, "avatar": "", "type": 1, "gender": 0}
	if !x.corp.NoUnionID {
		a["unionid"] = x.person.UnionID
	}
	return a
}

// followAnswer is the member's side of a customer. add_way 1 is 扫描二维码.
func followAnswer(r *relation) answer {
	return answer{"userid": r.staff.UserID, "remark": r.contact.person.Name, "description": "", "createtime": r.at,
		"tags": []any{}, "remark_mobiles": []string{}, "add_way": 1, "oper_userid": r.staff.UserID, "state": r.state}
}

// contactBatch pages through the customers of several members. The cursor is the number of customers
// passed, so it stays good while nobody is added or deleted.
func (s *Simulator) contactBatch(c *call) (answer, *refusal) {
	var all []*relation
	for _, userID := range c.in.strs("userid_list") {
		m, no := c.served(userID)
		if no != nil {
			return nil, no
		}
		all = append(all, customersOf(m)...)
	}
	if len(all) == 0 {
		return nil, refuse(84061)
	}
	limit, isNumber := c.in.num("limit")
	if !isNumber || limit < 1 {
		limit = 50
	}
	limit = min(limit, 100)
	from, next := 0, ""
	if cursor := c.in.str("cursor"); cursor != "" {
		n, err := strconv.Atoi(cursor)
		if err != nil || n < 0 || n > len(all) {
			return nil, refusef(40058, "cursor")
		}
		from = n
	}
	to := min(from+int(limit), len(all))
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	list := []answer{}
	for _, r := range all[from:to] {
		info := followAnswer(r)
		info["tag_id"] = []string{}
		delete(info, "tags")
		list = append(list, answer{"external_contact": contactAnswer(r.contact), "follow_info": info})
	}
	return ok(answer{"external_contact_list": list, "next_cursor": next}), nil
}

// unionToExternal finds the customer behind a follower: unionid and openid must belong together.
func (s *Simulator) unionToExternal(c *call) (answer, *refusal) {
	if c.corp.NoUnionID {
		return nil, refuse(41057)
	}
	p, openID := s.unionIDs[c.in.str("unionid")], c.in.str("openid")
	if p == nil || !slices.ContainsFunc(p.follows, func(f *follower) bool { return f.openID == openID }) {
		return nil, refusef(40058, "unionid 与 openid 不匹配")
	}
	x := p.contact(c.corp)
	if x == nil || len(x.relations) == 0 {
		return nil, refuse(84061)
	}
	return ok(answer{"external_userid": x.externalID}), nil
}

// welcome is a WelcomeCode: good for one message within 20 s (path/92599).
type welcome struct {
	relation *relation
	until    int64
	used     bool
}

const (
	welcomeWindow = 20 * time.Second
	welcomeMemory = time.Hour
)

var welcomeChecks = []check{
	need("welcome_code", 41049),
	that("text 与 attachments 至少填一个", 40063, func(c *call) bool {
		return c.in.str("text.content") != "" || len(c.in.list("attachments")) > 0
	}),
	bytesAtMost("text.content", 45002, 4000),
	that("attachments 最多 9 个", 40058, func(c *call) bool { return len(c.in.list("attachments")) <= 9 }),
	that("attachments 的内容与其 msgtype 相符", 40058, attachmentsComplete),
	that("attachments 里的素材有效", 40007, mediaGood),
}

func (s *Simulator) sendWelcome(c *call) (answer, *refusal) {
	w, known := s.welcomes.get(c.in.str("welcome_code"), c.now)
	if !known && s.cfg.AcceptStrangers {
		s.welcomes.put(c.in.str("welcome_code"), &welcome{used: true}, c.now+welcomeMemory.Milliseconds(), c.now)
		s.deliver(c, message{account: c.account(), to: c.in.str("welcome_code"), kind: "welcome", content: map[string]any{"text": c.in.at("text")}})
		return ok(nil), nil
	}
	if !known || w.relation != nil && w.relation.staff.corp != c.corp {
		return nil, refuse(41050)
	}
	if w.used {
		return nil, refuse(41051)
	}
	if c.now >= w.until {
		return nil, refuse(41050)
	}
	w.used = true
	content := map[string]any{}
	for _, name := range []string{"text", "attachments"} {
		if v := c.in.at(name); present(v) {
			content[name] = v
		}
	}
	s.deliver(c, message{account: c.account(), to: w.relation.contact.externalID, kind: "welcome", content: content,
		contact: w.relation.contact, in: w.relation.staff.phoneID(), label: w.relation.staff.Name + "（企业微信）"})
	return ok(nil), nil
}
