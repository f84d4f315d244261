package officialaccount

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/channels/wechat"
)

// Invitation is a question to one reader: may we send you one message (一次性订阅消息)? The reader need not
// follow the account.
type Invitation struct {
	AppID      string
	TemplateID string
	Scene      int           // 0 to 10000: permissions of one scene don't add up, those of two scenes do
	OpenID     string        // who is asked, where the page knows; then nobody else can answer
	For        time.Duration // how long the answer is taken; 0 is a day
}

const (
	maxScene      = 10_000
	invitationFor = 24 * time.Hour
)

// Invitations make the addresses where WeChat asks a reader, and recognise the answers. An answer comes
// through the reader's browser and is signed by nobody: what protects it is our own mark in `reserved`,
// which WeChat hands back as it was. The mark holds for one account, template, scene and time, and where
// it was made for one reader, for that reader alone; each counts once.
type Invitations struct {
	keys      *secret.Keys
	clock     clock.Clock
	publicURL string
}

// NewInvitations makes what answers come back to publicURL.
func NewInvitations(keys *secret.Keys, clk clock.Clock, publicURL string) *Invitations {
	return &Invitations{keys: keys, clock: clk, publicURL: publicURL}
}

// URL is the address to lead the reader to, inside WeChat; make a new one for every reader. Its host must
// be entered as 业务域名 at the platform. Fault: Invalid.
func (i *Invitations) URL(in Invitation) (string, error) {
	if in.AppID == "" || in.TemplateID == "" || in.Scene < 0 || in.Scene > maxScene || in.For < 0 {
		return "", fault.New(fault.Invalid, "一次性订阅需要公众号、模板 ID 和 0 到 %d 的场景值", maxScene)
	}
	if in.For == 0 {
		in.For = invitationFor
	}
	var nonce [8]byte
	rand.Read(nonce[:]) // never fails: crypto/rand ends the program first
	m := mark{until: i.clock.Wall().Add(in.For).Unix(), nonce: hex.EncodeToString(nonce[:]), reader: i.reader(in.OpenID)}
	scene := strconv.Itoa(in.Scene)
	// The parameters stand in the order of the document (一次性订阅消息); the fragment is required.
	return "https://mp.weixin.qq.com/mp/subscribemsg?action=get_confirm&appid=" + url.QueryEscape(in.AppID) + "&scene=" + scene +
		"&template_id=" + url.QueryEscape(in.TemplateID) +
		"&redirect_url=" + url.QueryEscape(i.publicURL+"/callback/official/"+in.AppID+"/subscribed") +
		"&reserved=" + m.text() + i.seal(m, in.AppID, in.TemplateID, scene) + "#wechat_redirect", nil
}

// mark is what we say in reserved: letters and digits only, 128 of them at most (一次性订阅消息).
type mark struct {
	until  int64  // Unix seconds
	nonce  string // 16 hexadecimal digits
	reader string // of the OpenID, 16 hexadecimal digits; anyone's when it is that of ""
}

const (
	markSize = 8 + 16 + 16
	sealSize = 32
)

func (m mark) text() string { return fmt.Sprintf("%08x", m.until) + m.nonce + m.reader }

func (i *Invitations) reader(openid string) string {
	sum := i.keys.Lookup("one-time subscription reader", openid)
	return hex.EncodeToString(sum[:8])
}

func (i *Invitations) seal(m mark, appID, templateID, scene string) string {
	sum := i.keys.Lookup("one-time subscription", strings.Join([]string{m.text(), appID, templateID, scene}, "\x00"))
	return hex.EncodeToString(sum[:])
}

// recognise reads an answer's mark; openid is "" where WeChat does not say who answered.
func (i *Invitations) recognise(reserved, appID, templateID, scene, openid string) (mark, error) {
	if len(reserved) != markSize+sealSize {
		return mark{}, wechat.BadLink
	}
	until, err := strconv.ParseInt(reserved[:8], 16, 64)
	m := mark{until: until, nonce: reserved[8:24], reader: reserved[24:markSize]}
	if err != nil || m.text() != reserved[:markSize] || subtle.ConstantTimeCompare([]byte(i.seal(m, appID, templateID, scene)), []byte(reserved[markSize:])) != 1 {
		return mark{}, wechat.BadLink
	}
	if i.clock.Wall().Unix() > m.until {
		return mark{}, wechat.StaleLink
	}
	anyone := m.reader == i.reader("")
	if openid != "" && !anyone && subtle.ConstantTimeCompare([]byte(m.reader), []byte(i.reader(openid))) != 1 {
		return mark{}, wechat.BadLink
	}
	return m, nil
}

// Answers is the door where readers come back from an Invitation, with what they chose.
type Answers struct {
	accounts    Accounts
	callbacks   *wechat.Callbacks
	invitations *Invitations
}

// NewAnswers makes the door.
func NewAnswers(accounts Accounts, callbacks *wechat.Callbacks, invitations *Invitations) *Answers {
	return &Answers{accounts: accounts, callbacks: callbacks, invitations: invitations}
}

// Register adds /callback/official/{app_id}/subscribed. WeChat puts a slash before the query.
func (a *Answers) Register(r gin.IRoutes) {
	const path = "/callback/official/:app_id/subscribed"
	r.GET(path, a.callbacks.Handler(a.receive))
	r.GET(path+"/", a.callbacks.Handler(a.receive))
}

// maxOpenID is far more than any OpenID has.
const maxOpenID = 64

func (a *Answers) receive(call *wechat.Callback) (string, error) {
	call.ForPeople()
	app, ok := a.accounts.Official(call.Param("app_id"))
	if !ok {
		return "", wechat.UnknownAccount
	}
	call.Account = app.ID()
	template, scene, openid := call.Query("template_id"), call.Query("scene"), call.Query("openid")
	m, err := a.invitations.recognise(call.Query("reserved"), app.AppID, template, scene, openid)
	if err != nil {
		return "", err
	}
	var answer, thanks string
	switch call.Query("action") {
	case "confirm":
		answer, thanks = "accept", "订阅成功，有消息时会在微信里通知你。现在可以返回了。"
	case "cancel":
		answer, thanks = "reject", "已取消，不会给你发送消息。现在可以返回了。"
	}
	if answer == "" || len(openid) > maxOpenID || (answer == "accept" && openid == "") {
		return "", wechat.BadEvent
	}
	if openid == "" {
		return thanks, nil // WeChat names only those who accept: nobody's choice changes
	}
	now := call.Now()
	return thanks, call.Append(&event.Event{
		Type: event.OASubscriptionAnswered, Source: source, Account: app.AppID, Lane: event.Normal,
		Key:        wechat.Key("once", m.nonce, answer),
		Identities: []event.Identity{{Kind: event.KindOpenID, Scope: app.AppID, Value: openid}},
		ObjectType: "oa_template", ObjectID: template, OccurredAt: now, ReceivedAt: now,
		Props: event.Props{"template_id": template, "answer": answer, "in": "once", "once": true, "scene": scene},
	})
}
