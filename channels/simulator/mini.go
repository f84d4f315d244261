package simulator

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/koi-scrm/koi/channels/wechat"
)

// mini is a mini program with those who use it.
type mini struct {
	Mini
	appTokens
	cipher    *wechat.Cipher // nil without a token or key: then nothing can be sealed
	templates map[string]*Template
	users     map[string]*miniUser // by OpenID
	pushed    int                  // events written so far
}

// miniUser is a person as one mini program sees them.
type miniUser struct {
	mini    *mini
	person  *person
	openID  string
	grants  grants
	message allowance
	session allowance
}

// The two windows of a mini program (客服消息, "下发条数限制"): after a message from the user five messages
// within 48 h, after entering the session (客服会话) two within a minute.

func newMini(m Mini) (*mini, error) {
	x := &mini{Mini: m, templates: templatesByID(m.Templates), users: map[string]*miniUser{}}
	var err error
	x.cipher, err = newCipher(m.Token, m.AESKey, m.AppID, m.Mode == "plain")
	return x, err
}

// visit gives a person an OpenID with a mini program.
func (w *world) visit(p *person, m *mini, openID string) *miniUser {
	u := &miniUser{mini: m, person: p, openID: openID}
	m.users[openID] = u
	p.minis = append(p.minis, u)
	w.name(p, openID)
	return u
}

func (p *person) miniUser(m *mini) *miniUser {
	for _, u := range p.minis {
		if u.mini == m {
			return u
		}
	}
	return nil
}

// phoneNumber is the number of someone's WeChat account; one nobody gave is made of their id.
func (p *person) phoneNumber() string {
	if p.Phone != "" {
		return p.Phone
	}
	n, _ := strconv.ParseUint(shortHash("phone "+p.id, 12), 16, 64)
	digits := strconv.FormatUint(100_000_000+n%100_000_000, 10)
	return "138" + digits[1:]
}

// miniCode is what wx.login and 手机号快速验证 give a mini program: good once, for five minutes.
type miniCode struct {
	user  *miniUser
	phone string // "" of wx.login
	until int64
	used  bool
}

const (
	miniCodeWindow = 5 * time.Minute
	miniCodeMemory = time.Hour
)

// giveCode makes a code for someone.
func (s *Simulator) giveCode(u *miniUser, phone string, now int64) string {
	code := fmtID("0", s.nextID()) + "koi"
	s.codes.put(code, &miniCode{user: u, phone: phone, until: now + miniCodeWindow.Milliseconds()}, now+miniCodeMemory.Milliseconds(), now)
	return code
}

// redeem uses a code up, if it is of the kind that is wanted.
func (s *Simulator) redeem(c *call, code string, wants func(*miniCode) bool) (*miniCode, *refusal) {
	x, known := s.codes.get(code, c.now)
	switch {
	case !known || x.user.mini != c.mini || !wants(x):
		return nil, refuse(40029)
	case x.used:
		return nil, refuse(40163)
	case c.now >= x.until:
		return nil, refuse(40029)
	}
	x.used = true
	return x, nil
}

var sessionChecks = []check{
	need("appid", 41002), need("secret", 41004), need("js_code", 41008), oneOf("grant_type", 40002, "authorization_code"),
}

// codeToSession tells who logged in (auth.code2Session). It carries the secret instead of a token.
func (s *Simulator) codeToSession(c *call) (answer, *refusal) {
	if no := s.credentials(c); no != nil {
		return nil, no
	}
	if c.mini == nil {
		return nil, refuse(40013)
	}
	x, no := s.redeem(c, c.in.str("js_code"), func(x *miniCode) bool { return x.phone == "" })
	if no != nil {
		return nil, no
	}
	var key [16]byte
	rand.Read(key[:])
	a := answer{"openid": x.user.openID, "session_key": base64.StdEncoding.EncodeToString(key[:])}
	if !c.mini.NoUnionID {
		a["unionid"] = x.user.person.UnionID
	}
	return a, nil
}

// userPhone tells the number someone agreed to give (手机号快速验证, getPhoneNumber).
func (s *Simulator) userPhone(c *call) (answer, *refusal) {
	x, no := s.redeem(c, c.in.str("code"), func(x *miniCode) bool { return x.phone != "" })
	if no != nil {
		return nil, no
	}
	return ok(answer{"phone_info": answer{"phoneNumber": x.phone, "purePhoneNumber": x.phone, "countryCode": "86",
		"watermark": answer{"timestamp": c.wall / 1000, "appid": c.mini.AppID}}}), nil
}

var miniDataChecks = append(slices.Clone(dataChecks),
	that("miniprogram_state 只能是 developer、trial、formal", 47003, func(c *call) bool {
		return slices.Contains([]string{"", "developer", "trial", "formal"}, c.in.str("miniprogram_state"))
	}),
	that("page 须是本小程序已发布的页面，不以 / 开头", 41030, func(c *call) bool {
		page, _, _ := strings.Cut(c.in.str("page"), "?")
		if page == "" {
			return true
		}
		return !strings.HasPrefix(page, "/") && !strings.Contains(page, "://") && (len(c.mini.Pages) == 0 || slices.Contains(c.mini.Pages, page))
	}),
)

// sendSubscribe delivers a 小程序订阅消息 to someone who agreed, as a service notification on their phone,
// and then reports its end by callback.
func (s *Simulator) sendSubscribe(c *call) (answer, *refusal) {
	o, to := c.mini, c.in.str("touser")
	t, no := c.template(o.templates, NoticeTemplate, LongTermTemplate)
	if no != nil {
		return nil, no
	}
	u := o.users[to]
	if u == nil && !s.cfg.AcceptStrangers {
		return nil, refuse(40003)
	}
	if u != nil && !u.grants.spend(c.in.str("template_id")) {
		return nil, refuse(43101)
	}
	m := message{account: o.AppID, to: to, kind: "subscribe", miniUser: u, label: o.Name}
	said := s.notify(c, &m, t)
	if u != nil {
		e := o.event(u, c.now, "event").add("Event", "subscribe_msg_sent_event")
		e.list("SubscribeMsgSentEvent", []pairs{{{"TemplateId", c.in.str("template_id")}, {"MsgID", m.msgID},
			{"ErrorCode", said.code}, {"ErrorStatus", said.status}}})
		plain := e.done()
		c.after(func() { _, _ = s.callMini(o, to, "subscribe_msg_sent_event", plain, 0) })
	}
	return ok(answer{"msgid": number64(m.msgID)}), nil
}

// What a mini program's 客服消息 takes.
var miniKFChecks = []check{
	need("touser", 40003),
	oneOf("msgtype", 40008, "text", "image", "link", "miniprogrampage"),
	that("与 msgtype 同名的内容必填", 44004, func(c *call) bool { return present(c.in.at(c.in.str("msgtype"))) }),
	when("msgtype", "text", need("text.content", 44004)),
	when("msgtype", "text", bytesAtMost("text.content", 45002, 2048)),
}

// sendMiniCustom delivers a customer-service message while a window is open.
func (s *Simulator) sendMiniCustom(c *call) (answer, *refusal) {
	to := c.in.str("touser")
	u := c.mini.users[to]
	if u == nil && !s.cfg.AcceptStrangers {
		return nil, refuse(40003)
	}
	if u != nil {
		if code := spendOf(c.now, &u.session, &u.message); code != 0 {
			return nil, refuse(code)
		}
	}
	kind := c.in.str("msgtype")
	s.deliver(c, message{account: c.mini.AppID, to: to, kind: kind, content: c.in.at(kind), miniUser: u, label: c.mini.Name})
	return ok(nil), nil
}
