package simulator

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What 发送应用消息 takes (path/90236). mpnews and miniprogram_notice are left out: Koi has no use for them.
var appTypes = []string{"text", "image", "voice", "video", "file", "textcard", "news", "markdown", "template_card"}

const everyone = "@all"

var sendChecks = []check{
	need("agentid", 41011),
	whole("agentid", 40056),
	needAny(82001, "touser", "toparty", "totag"),
	atMost("touser", 40032, 1000),
	atMost("toparty", 82002, 100),
	atMost("totag", 82003, 100),
	oneOf("msgtype", 40008, appTypes...),
	when("msgtype", "text", need("text.content", 44004)),
	when("msgtype", "markdown", need("markdown.content", 44004)),
	when("msgtype", "markdown", bytesAtMost("markdown.content", 45002, 2048)),
	when("msgtype", "textcard", need("textcard.title", 41016)),
	when("msgtype", "textcard", need("textcard.description", 41033)),
	when("msgtype", "textcard", need("textcard.url", 41010)),
	when("msgtype", "textcard", bytesAtMost("textcard.url", 40039, 2048)),
	when("msgtype", "textcard", hasProtocol("textcard.url", 45034)),
	when("msgtype", "news", listOf("news.articles", 40058, 8)),
	when("msgtype", "image", need("image.media_id", 41006)),
	when("msgtype", "voice", need("voice.media_id", 41006)),
	when("msgtype", "video", need("video.media_id", 41006)),
	when("msgtype", "file", need("file.media_id", 41006)),
	// "最大不超过4小时". What a longer one does isn't established.
	that("duplicate_check_interval 不超过 14400 秒", 40058, func(c *call) bool {
		n, _ := c.in.num("duplicate_check_interval")
		return n >= 0 && n <= 14_400
	}),
}

// sentKey names a message under duplicate check: the app and the bytes of the request. A repeat that
// differs in anything is a new message; the platform may be kinder.
type sentKey [16]byte

// sentMessage is what a repeat is answered.
type sentMessage struct {
	invalidUser, invalidParty, invalidTag string
	msgID, responseCode                   string
}

func (m *sentMessage) answer() answer {
	a := ok(answer{"invaliduser": m.invalidUser, "invalidparty": m.invalidParty, "invalidtag": m.invalidTag,
		"unlicenseduser": "", "msgid": m.msgID})
	if m.responseCode != "" {
		a["response_code"] = m.responseCode
	}
	return a
}

// sendApp delivers an application message to members.
func (s *Simulator) sendApp(c *call) (answer, *refusal) {
	id, _ := c.in.num("agentid")
	if c.corp.agents[int(id)] == nil {
		return nil, refuse(40056)
	}
	if int(id) != c.agent.AgentID {
		return nil, refuse(301002)
	}
	key, window := s.duplicateKey(c)
	if window > 0 {
		if first, repeat := s.sent.get(key, c.now); repeat {
			s.deliveries.repeated()
			return first.answer(), nil
		}
	}
	kind := c.in.str("msgtype")
	content := c.in.obj(kind)
	if kind == "template_card" {
		if no := s.checkCard(c, content); no != nil {
			return nil, no
		}
	}
	to, sent := s.recipients(c)
	if len(to) == 0 {
		return nil, refusef(81013, "invaliduser: %s, invalidparty: %s, invalidtag: %s", sent.invalidUser, sent.invalidParty, sent.invalidTag)
	}
	if !s.counters.take("wecom.send.per_account", s.dailySends(c.corp), day, c.agent.account(), len(to), c.now) {
		return nil, refuse(45009)
	}
	sent.msgID = fmtID("m", s.nextID())
	if window > 0 {
		s.sent.put(key, sent, c.now+window.Milliseconds(), c.now)
	}
	if kind == "text" { // "最长不超过2048个字节，超过将截断"
		content["content"] = cut(content.str("content"), 2048)
	}
	m := message{account: c.agent.account(), kind: kind, content: map[string]any(content), msgID: sent.msgID, label: c.agent.Name}
	if kind == "template_card" {
		m.card = s.newCard(c, content)
		sent.responseCode = s.respond(m.card, "", c.now)
	}
	m.body = encode(m.content)
	for _, r := range to {
		if !s.memberMayGet(c, r.userID) {
			s.deliveries.overQuota()
			continue
		}
		m.to, m.staff = r.userID, r.staff
		s.deliver(c, m)
	}
	return sent.answer(), nil
}

// duplicateKey returns for how long a repeat of this message is dropped; 0: not at all.
func (s *Simulator) duplicateKey(c *call) (sentKey, time.Duration) {
	if on, _ := c.in.num("enable_duplicate_check"); on != 1 {
		return sentKey{}, 0
	}
	seconds, _ := c.in.num("duplicate_check_interval")
	if seconds == 0 {
		seconds = 1800
	}
	h := sha256.New()
	h.Write([]byte(c.agent.account()))
	h.Write([]byte{0})
	h.Write(c.raw)
	return sentKey(h.Sum(nil)[:16]), time.Duration(seconds) * time.Second
}

// dailySends is what an app may send in a day, counted in recipients: accounts × 200 (path/90454).
func (s *Simulator) dailySends(c *corp) int {
	per := s.counters.standing("wecom.send.per_account")
	if per == unlimited {
		return unlimited
	}
	return per * len(c.order)
}

// memberMayGet counts what one member gets from one app. Beyond 30 a minute and 1000 an hour the platform
// answers ok and drops the message (path/90454).
func (s *Simulator) memberMayGet(c *call, userID string) bool {
	key := c.agent.account() + "/" + userID
	return s.counters.take("wecom.member.minute", s.counters.standing("wecom.member.minute"), minute, key, 1, c.now) &&
		s.counters.take("wecom.member.hour", s.counters.standing("wecom.member.hour"), hour, key, 1, c.now)
}

// recipient is a member a message goes to; staff is nil for a stranger (Config.AcceptStrangers).
type recipient struct {
	userID string
	staff  *staff
}

// recipients finds who a message goes to, each once, and names those it can't go to. Invalid userids come
// back in lower case ("不区分大小写，统一转为小写").
func (s *Simulator) recipients(c *call) ([]recipient, *sentMessage) {
	var to []recipient
	var badUser, badParty []string
	seen := map[string]bool{}
	add := func(userID string, m *staff) {
		if !seen[userID] {
			seen[userID] = true
			to = append(to, recipient{userID, m})
		}
	}
	reach := func(m *staff) bool { return !m.left && !m.Inactive && c.agent.seesStaff(m) }
	users := c.in.parts("touser")
	if slices.Contains(users, everyone) {
		for _, m := range c.corp.order {
			if reach(m) {
				add(m.UserID, m)
			}
		}
		return to, &sentMessage{}
	}
	for _, u := range users {
		switch m := c.corp.member(u); {
		case m != nil && reach(m):
			add(m.UserID, m)
		case m == nil && s.cfg.AcceptStrangers:
			add(u, nil)
		default:
			badUser = append(badUser, strings.ToLower(u))
		}
	}
	for _, p := range c.in.parts("toparty") {
		id, err := strconv.Atoi(p)
		if err != nil || c.corp.departments[id] == nil || !c.agent.sees(id) {
			badParty = append(badParty, p)
			continue
		}
		for _, m := range c.corp.order {
			if reach(m) && slices.ContainsFunc(m.Departments, func(d int) bool { return c.corp.within(d, id) }) {
				add(m.UserID, m)
			}
		}
	}
	return to, &sentMessage{
		invalidUser:  strings.Join(badUser, "|"),
		invalidParty: strings.Join(badParty, "|"),
		invalidTag:   strings.Join(c.in.parts("totag"), "|"), // this world has no member tags
	}
}
