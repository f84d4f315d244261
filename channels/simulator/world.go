package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/channels/wechat"
)

// world is who exists and how they stand to each other. It is guarded by Simulator.mu.
type world struct {
	officials []*official
	minis     []*mini
	corps     []*corp
	appIDs    map[string]*official
	miniIDs   map[string]*mini
	corpIDs   map[string]*corp
	people    map[string]*person // by each of their ids: unionid, openid, external_userid, phone number
	persons   []*person          // in order of appearance, for the page
	unionIDs  map[string]*person
}

// maxPeople bounds the people acts may create.
const maxPeople = 200_000

type official struct {
	Official
	cipher    *wechat.Cipher // nil without a token or key: then nothing can be sealed
	templates map[string]*Template
	followers map[string]*follower // by OpenID
	order     []*follower          // in order of appearance: user/get pages through it
	appTokens
}

type corp struct {
	Corp
	agents      map[int]*agent
	departments map[int]*Department
	staff       map[string]*staff // by lower-case userid: the platform ignores case
	order       []*staff
	contacts    map[string]*contact
	contactTok  *token // the newest of the 客户联系 secret
}

type agent struct {
	Agent
	corp   *corp
	cipher *wechat.Cipher
	tok    *token
	tasks  *expiring[string, *card] // template cards by task id
}

// account is how events and logs name an agent.
func (a *agent) account() string { return a.corp.CorpID + "/" + strconv.Itoa(a.AgentID) }

type staff struct {
	Staff
	corp      *corp
	left      bool // no longer with the corp
	customers map[string]*relation
	chat      chat
}

type person struct {
	Person
	id       string // their first id
	follows  []*follower
	minis    []*miniUser
	contacts []*contact
	chat     chat
}

// follower is a person as one official account sees them.
type follower struct {
	official   *official
	person     *person
	openID     string
	position   int // in official.order
	subscribed bool
	since      int64  // subscribe_time, Unix s
	scene      string // of the QR code they followed through
	refuses    bool   // blocks template messages
	grants     grants // subscriptions to notices
	once       map[onceKey]bool
	message    allowance
	action     allowance
}

// contact is a person as one corp sees them.
type contact struct {
	corp       *corp
	person     *person
	externalID string
	addedAt    int64 // the last time anyone was added, Unix ms
	relations  map[string]*relation
}

// relation is a customer of a staff member. Either side may have deleted the other.
type relation struct {
	contact    *contact
	staff      *staff
	state      string
	at         int64 // Unix s
	byStaff    bool  // deleted by the staff member
	byCustomer bool
}

// build makes the world of a configuration.
func (w *world) build(cfg Config, now int64) error {
	w.appIDs, w.miniIDs, w.corpIDs = map[string]*official{}, map[string]*mini{}, map[string]*corp{}
	w.people, w.unionIDs = map[string]*person{}, map[string]*person{}
	var list []fault.Problem
	for i, o := range cfg.Officials {
		if w.appIDs[o.AppID] != nil {
			list = append(list, fault.Problem{Path: fmt.Sprintf("official[%d].app_id", i), Message: "AppID 重复"})
		}
		x := &official{Official: o, templates: templatesByID(o.Templates), followers: map[string]*follower{}}
		var err error
		if x.cipher, err = newCipher(o.Token, o.AESKey, o.AppID, o.Mode == "plain"); err != nil {
			list = append(list, fault.Problem{Path: fmt.Sprintf("official[%d]", i), Message: err.Error()})
		}
		w.officials, w.appIDs[o.AppID] = append(w.officials, x), x
	}
	for i, m := range cfg.Minis {
		x, err := newMini(m)
		if err != nil {
			list = append(list, fault.Problem{Path: fmt.Sprintf("mini[%d]", i), Message: err.Error()})
		}
		if w.miniIDs[m.AppID] != nil || w.appIDs[m.AppID] != nil {
			list = append(list, fault.Problem{Path: fmt.Sprintf("mini[%d].app_id", i), Message: "AppID 重复"})
		}
		w.minis, w.miniIDs[m.AppID] = append(w.minis, x), x
	}
	for i, c := range cfg.Corps {
		path := fmt.Sprintf("wecom[%d]", i)
		if w.corpIDs[c.CorpID] != nil {
			list = append(list, fault.Problem{Path: path + ".corp_id", Message: "CorpID 重复"})
		}
		x, problems := newCorp(c, path, cfg.DedupeKeys)
		list = append(list, problems...)
		w.corps, w.corpIDs[c.CorpID] = append(w.corps, x), x
	}
	for i, p := range cfg.People {
		if err := w.settle(p, now); err != nil {
			list = append(list, fault.Problem{Path: fmt.Sprintf("people[%d]", i), Message: err.Error()})
		}
	}
	return fault.Problems("模拟器的配置有误，请改正后重试", list)
}

func newCorp(c Corp, path string, keys int) (*corp, []fault.Problem) {
	var list []fault.Problem
	x := &corp{Corp: c, agents: map[int]*agent{}, departments: map[int]*Department{},
		staff: map[string]*staff{}, contacts: map[string]*contact{}}
	for i := range c.Departments {
		x.departments[c.Departments[i].ID] = &c.Departments[i]
	}
	for i, a := range c.Agents {
		y := &agent{Agent: a, corp: x, tasks: newExpiring[string, *card](keys)}
		var err error
		if y.cipher, err = newCipher(a.Token, a.AESKey, c.CorpID, false); err != nil {
			list = append(list, fault.Problem{Path: fmt.Sprintf("%s.agents[%d]", path, i), Message: err.Error()})
		}
		if x.agents[a.AgentID] != nil {
			list = append(list, fault.Problem{Path: fmt.Sprintf("%s.agents[%d].agent_id", path, i), Message: "AgentID 重复"})
		}
		x.agents[a.AgentID] = y
	}
	for i, m := range c.Staff {
		if m.UserID == "" || x.staff[strings.ToLower(m.UserID)] != nil {
			list = append(list, fault.Problem{Path: fmt.Sprintf("%s.staff[%d].userid", path, i), Message: "userid 为空或重复"})
			continue
		}
		x.hire(m)
	}
	return x, list
}

// hire adds a member; one who left comes back.
func (c *corp) hire(m Staff) *staff {
	x := c.staff[strings.ToLower(m.UserID)]
	if x == nil {
		x = &staff{corp: c, customers: map[string]*relation{}}
		x.chat.owner = x
		c.staff[strings.ToLower(m.UserID)] = x
		c.order = append(c.order, x)
	}
	x.Staff, x.left = m, false
	return x
}

// member returns a member who is still there, or nil. Userids are compared without case.
func (c *corp) member(userID string) *staff {
	m := c.staff[strings.ToLower(userID)]
	if m == nil || m.left {
		return nil
	}
	return m
}

// within reports whether department d lies in the tree under root.
func (c *corp) within(d, root int) bool {
	for range len(c.departments) + 1 {
		if d == root {
			return true
		}
		x := c.departments[d]
		if x == nil {
			return false
		}
		d = x.Parent
	}
	return false
}

// sees reports whether a department is in the app's visible range (可见范围).
func (a *agent) sees(department int) bool {
	if a == nil || len(a.Visible) == 0 {
		return true
	}
	return slices.ContainsFunc(a.Visible, func(root int) bool { return a.corp.within(department, root) })
}

func (a *agent) seesStaff(m *staff) bool {
	return slices.ContainsFunc(m.Departments, a.sees)
}

// newCipher makes the crypto of an account. An account without token and key has no callbacks.
func newCipher(token, aesKey, receiver string, plain bool) (*wechat.Cipher, error) {
	if token == "" && aesKey == "" {
		return nil, nil
	}
	if plain {
		return nil, nil
	}
	return wechat.NewCipher(wechat.Credentials{Token: token, AESKey: aesKey, Receiver: receiver})
}

// settle adds a configured person with everything they are.
func (w *world) settle(p Person, now int64) error {
	x := &person{Person: p}
	for _, f := range p.Follows {
		o := w.appIDs[f.AppID]
		if o == nil {
			return fmt.Errorf("没有公众号 %s", f.AppID)
		}
		if o.followers[f.OpenID] != nil {
			return fmt.Errorf("OpenID %s 重复", f.OpenID)
		}
		y := w.meet(x, o, f.OpenID)
		if !f.Known {
			y.subscribed, y.since = true, now/1000
		}
	}
	for _, u := range p.Minis {
		o := w.miniIDs[u.AppID]
		if o == nil {
			return fmt.Errorf("没有小程序 %s", u.AppID)
		}
		if o.users[u.OpenID] != nil {
			return fmt.Errorf("OpenID %s 重复", u.OpenID)
		}
		w.visit(x, o, u.OpenID)
	}
	for _, c := range p.Contacts {
		o := w.corpIDs[c.CorpID]
		if o == nil {
			return fmt.Errorf("没有企业 %s", c.CorpID)
		}
		y := w.known(x, o, c.ExternalUserID)
		for _, userID := range c.Staff {
			m := o.member(userID)
			if m == nil {
				return fmt.Errorf("企业 %s 没有员工 %s", c.CorpID, userID)
			}
			y.befriend(m, "", now)
		}
	}
	if x.id == "" {
		return fmt.Errorf("%s 既没有 follows、minis，也没有 contacts", p.Name)
	}
	return nil
}

// meet gives a person an OpenID with an official account.
func (w *world) meet(p *person, o *official, openID string) *follower {
	f := &follower{official: o, person: p, openID: openID, position: len(o.order)}
	o.followers[openID], o.order = f, append(o.order, f)
	p.follows = append(p.follows, f)
	w.name(p, openID)
	return f
}

// known gives a person an external_userid with a corp.
func (w *world) known(p *person, c *corp, externalID string) *contact {
	x := &contact{corp: c, person: p, externalID: externalID, relations: map[string]*relation{}}
	c.contacts[externalID] = x
	p.contacts = append(p.contacts, x)
	w.name(p, externalID)
	return x
}

// name files a person under one of their ids; the first makes them.
func (w *world) name(p *person, id string) {
	w.people[id] = p
	if p.id != "" {
		return
	}
	p.id = id
	def(&p.UnionID, "o"+shortHash("unionid "+id, 27))
	def(&p.Name, nameFor(id))
	if p.Phone != "" && w.people[p.Phone] == nil {
		w.people[p.Phone] = p
	}
	w.unionIDs[p.UnionID], w.people[p.UnionID] = p, p
	w.persons = append(w.persons, p)
	p.chat.owner = p
}

func (c *contact) befriend(m *staff, state string, now int64) *relation {
	r := &relation{contact: c, staff: m, state: state, at: now / 1000}
	c.relations[m.UserID], m.customers[c.externalID] = r, r
	c.addedAt = now
	return r
}

// full reports that no more people fit.
func (w *world) full() bool { return len(w.persons) >= maxPeople }

func (p *person) follower(o *official) *follower {
	for _, f := range p.follows {
		if f.official == o {
			return f
		}
	}
	return nil
}

func (p *person) contact(c *corp) *contact {
	for _, x := range p.contacts {
		if x.corp == c {
			return x
		}
	}
	return nil
}

// shortHash is a stable identifier of n characters made of s.
func shortHash(s string, n int) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:n]
}

var (
	familyNames = []string{"王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林"}
	givenNames  = []string{"伟", "芳", "敏", "静", "磊", "洋", "艳", "勇", "军", "杰", "娟", "涛", "明", "超", "雨桐", "子涵", "思远", "晓燕", "建国", "若曦"}
)

// nameFor gives someone nobody named the same name every time.
func nameFor(id string) string {
	sum := sha256.Sum256([]byte(id))
	return familyNames[int(sum[0])%len(familyNames)] + givenNames[int(sum[1])%len(givenNames)]
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
