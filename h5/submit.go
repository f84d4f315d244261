package h5

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/content"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/share"
)

// A form is sent with a ticket that was drawn with it: time, a random part, and a proof that we drew it for
// this page and visitor. The random part names the sending, so that pressing twice counts once.
const ticketFor = 72 * time.Hour

func (s *Site) ticket(page, visitor string) string {
	var random [12]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the program first
	body := strconv.FormatInt(s.Clock.Wall().Unix(), 36) + "." + base64.RawURLEncoding.EncodeToString(random[:])
	return body + "." + s.seal(body, page, visitor)
}

func (s *Site) seal(body, page, visitor string) string {
	mac := s.Keys.Lookup("form ticket", body+"\x00"+page+"\x00"+visitor)
	return base64.RawURLEncoding.EncodeToString(mac[:])
}

// nonce reads a ticket; "" when it is not ours, not for this page and visitor, or too old.
func (s *Site) nonce(ticket, page, visitor string) string {
	at, rest, _ := strings.Cut(ticket, ".")
	random, mac, _ := strings.Cut(rest, ".")
	drawn, err := strconv.ParseInt(at, 36, 64)
	if err != nil || subtle.ConstantTimeCompare([]byte(mac), []byte(s.seal(at+"."+random, page, visitor))) != 1 {
		return ""
	}
	if age := s.Clock.Wall().Sub(time.Unix(drawn, 0)); age > ticketFor || age < -time.Minute {
		return ""
	}
	return random
}

// fromHere: the form was sent by a page of ours. Browsers that say nothing are believed for their ticket.
func fromHere(c *gin.Context, host string) bool {
	if site := c.GetHeader("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return false
	}
	origin := c.GetHeader("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && (u.Host == c.Request.Host || u.Host == host)
}

// submit answers POST /p/{slug}/submit: what was sent is in the log before anything is said.
func (s *Site) submit(c *gin.Context) {
	p := s.live(c.Param("slug"))
	if p == nil {
		s.missing(c)
		return
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxBody)
	if err := c.Request.ParseForm(); err != nil {
		c.String(http.StatusRequestEntityTooLarge, "提交的内容读不出来或太长，请返回检查后再试")
		return
	}
	in := c.Request.PostForm
	f := p.Forms()[in.Get("_f")]
	if f == nil {
		c.String(http.StatusBadRequest, "页面刚刚更新过，请返回并刷新页面后再提交")
		return
	}
	g := s.guest(c)
	if !g.known && isVisitor(in.Get("_v")) {
		g.visitor = in.Get("_v") // a browser without cookies; the ticket says whether it is true
	}
	if g.visitor == "" {
		c.String(http.StatusForbidden, "没有收下：这次提交不像是人填的。请用浏览器打开页面再提交")
		return
	}
	g.robot = false
	sent := s.sent(f, in)
	nonce := s.nonce(in.Get("_n"), p.Key, g.visitor)
	switch {
	case !fromHere(c, s.host):
		sent.Problem = "这次提交不是从本页面发出的，请在本页面重新提交一次。"
		s.again(c, http.StatusForbidden, p, g, sent)
	case nonce == "":
		sent.Problem = "页面打开太久了，请核对后再提交一次，填过的内容都还在。"
		s.again(c, http.StatusUnprocessableEntity, p, g, sent)
	case len(sent.Errors) > 0:
		s.again(c, http.StatusUnprocessableEntity, p, g, sent)
	case !s.admit(c, g):
		sent.Problem = "提交太频繁，请一分钟后再试，填过的内容都还在。"
		c.Header("Retry-After", "60")
		s.again(c, http.StatusTooManyRequests, p, g, sent)
	default:
		s.take(c, p, f, g, nonce, sent)
	}
}

func (s *Site) admit(c *gin.Context, g guest) bool {
	now := s.Clock.Wall()
	place := s.places
	if isNear(c.ClientIP()) {
		place = s.near
	}
	return place.take(network(c.ClientIP()), 1, now) && s.senders.take(g.visitor, 1, now)
}

// again shows the form with what was typed and what to correct.
func (s *Site) again(c *gin.Context, status int, p *content.Page, g guest, sent *filled) {
	s.pages.WithLabelValues("form_returned").Inc()
	s.show(c, status, &pageView{Page: p, Visitor: g.visitor, Share: cookie(c, cookieFrom), Token: share.Token(s.Keys, p.Key, share.Visitor(g.visitor)), State: sent.formState}, g)
}

// filled is a form as it was sent, and what it means.
type filled struct {
	formState
	identities []event.Identity
	set        map[string]any
	fields     []string // those that were filled in
}

var (
	mobile  = regexp.MustCompile(`^1[3-9]\d{9}$`)
	mailbox = regexp.MustCompile(`^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}$`)
	spacing = strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "(", "", ")", "", "（", "", "）", "")
)

// sent reads a form; Errors say what is wrong with it, every mistake at once.
func (s *Site) sent(f *content.Form, in url.Values) *filled {
	out := &filled{formState: formState{Errors: map[string]string{}, Values: map[string]string{}, Ticked: map[string]bool{}}, set: map[string]any{}}
	for _, q := range f.Fields {
		typed := strings.TrimSpace(in.Get("f_" + q.Field))
		if !utf8.ValidString(typed) {
			typed = strings.ToValidUTF8(typed, "")
		}
		out.Values[q.Field] = typed
		switch {
		case typed == "" && q.Required:
			out.Errors[q.Field] = "请填写" + q.Label
		case typed == "":
		case utf8.RuneCountInString(typed) > maxTyped:
			out.Errors[q.Field] = fmt.Sprintf("%s最多 %d 个字", q.Label, maxTyped)
		case strings.ContainsFunc(typed, unicode.IsControl):
			out.Errors[q.Field] = q.Label + "里有看不见的字符，请重新输入"
		default:
			if wrong := out.understand(q, typed); wrong != "" {
				out.Errors[q.Field] = wrong
			} else {
				out.fields = append(out.fields, q.Field)
			}
		}
	}
	out.Ticked["privacy"] = in.Get("c_privacy") != ""
	if !out.Ticked["privacy"] {
		out.Errors["_privacy"] = "请先阅读并勾选同意《隐私政策》"
	}
	for _, p := range f.Consents {
		out.Ticked[string(p)] = in.Get("c_"+string(p)) != ""
	}
	return out
}

// understand takes an answer over, or says in Chinese why it cannot.
func (out *filled) understand(q content.Field, typed string) string {
	switch q.Field {
	case content.FieldPhone:
		n := strings.TrimPrefix(strings.TrimPrefix(spacing.Replace(typed), "+86"), "0086")
		if !mobile.MatchString(n) {
			return "请填写 11 位手机号，如 13800000000"
		}
		out.identities = append(out.identities, event.Identity{Kind: event.KindPhone, Value: n})
		return ""
	case content.FieldEmail:
		if len(typed) > 128 || !mailbox.MatchString(typed) {
			return "邮箱格式不对，应形如 name@company.com"
		}
		out.identities = append(out.identities, event.Identity{Kind: event.KindEmail, Value: strings.ToLower(typed)})
		return ""
	}
	var v any = typed
	switch q.Is.Type {
	case contact.Number:
		n, err := strconv.ParseInt(strings.ReplaceAll(typed, ",", ""), 10, 64)
		if err != nil || n < 0 {
			return q.Label + "请填整数"
		}
		v = n
	case contact.Bool:
		v = true
	case contact.Text:
		ok := len(q.Options) == 0
		for _, o := range q.Options {
			ok = ok || o.Key == typed
		}
		if !ok {
			return "请从" + q.Label + "的选项里选一个"
		}
	}
	if _, err := q.Is.Parse(v); err != nil {
		if q.Is.Type == contact.Choice {
			return "请从" + q.Label + "的选项里选一个"
		}
		return err.Error()
	}
	out.set[q.Field] = v
	return ""
}

// take puts what was sent into the log and goes on to what follows.
func (s *Site) take(c *gin.Context, p *content.Page, f *content.Form, g guest, nonce string, sent *filled) {
	if _, err := s.Log.Append(c.Request.Context(), s.facts(c, p, f, g, nonce, sent)...); err != nil {
		slog.Error("表单没有保存", "form", f.Key, "err", err)
		c.Header("Retry-After", "5")
		sent.Problem = "暂时保存不了，请稍后再提交一次，填过的内容都还在。"
		s.again(c, http.StatusServiceUnavailable, p, g, sent)
		return
	}
	s.pages.WithLabelValues("form_taken").Inc()
	c.Header("Cache-Control", "no-store")
	if to := f.Done.Redirect; to != "" {
		c.Redirect(http.StatusSeeOther, to)
		return
	}
	id := c.Request.PostForm.Get("_f")
	own := share.Token(s.Keys, p.Key, share.Visitor(g.visitor))
	if !g.known { // the next request would be a stranger's
		s.show(c, http.StatusOK, &pageView{Page: p, Visitor: g.visitor, Token: own, State: formState{Done: true}}, g)
		return
	}
	q := url.Values{}
	for k, v := range c.Request.URL.Query() {
		q[k] = v
	}
	q.Set(paramDone, s.proof(p.Key, id, g.visitor))
	c.Redirect(http.StatusSeeOther, "/p/"+p.Key+"?"+address(q, own)+"#"+id)
}

// facts are what a sent form says: values for the contact first, so that whatever the form starts knows
// them already. Personal values stand in identities and in the command, never in the facts people read.
func (s *Site) facts(c *gin.Context, p *content.Page, f *content.Form, g guest, nonce string, sent *filled) []*event.Event {
	now := clock.Ms(s.Clock.Now())
	ids := append([]event.Identity{{Kind: event.KindVisitor, Value: g.visitor}}, sent.identities...)
	var out []*event.Event
	add := func(typ string, props event.Props) *event.Event {
		e := &event.Event{Type: typ, Key: fmt.Sprintf("form/%s/%s/%s/%d", p.Key, f.Key, nonce, len(out)), Source: "h5", Lane: event.Priority, Identities: ids,
			OccurredAt: now, ReceivedAt: now, Props: props}
		out = append(out, e)
		return e
	}
	title := p.Name
	if f.Title != "" {
		title = f.Title
	}
	if len(sent.set) > 0 {
		add(event.CommandContactChange, event.Props{"set": sent.set, "by": "表单：" + db.Clip(title, 60)})
	}
	purposes := []contact.Purpose{contact.Privacy}
	for _, x := range f.Consents {
		if sent.Ticked[string(x)] {
			purposes = append(purposes, x)
		}
	}
	for _, x := range purposes {
		add(event.ConsentGranted, event.Props{"purpose": string(x), "version": f.Privacy.Version, "source": "form:" + f.Key, "ip": c.ClientIP()})
	}
	about := func(typ string, more event.Props) {
		e := add(typ, event.Props{"form": f.Key, "name": title, "page": p.Key, "fields": strings.Join(sent.fields, ","), "channel": "h5"})
		e.ObjectType, e.ObjectID, e.Share = "form", f.Key, cookie(c, cookieFrom)
		if !share.IsToken(e.Share) {
			e.Share = ""
		}
		if p.Kind != "" {
			e.Props["kind"] = p.Kind
		}
		for k, v := range more {
			e.Props[k] = v
		}
	}
	about(event.FormSubmitted, s.sources(c))
	if f.Event != "" {
		about(f.Event, nil)
	}
	return out
}

// sources are where the visitor came from, as the page's address still says.
func (s *Site) sources(c *gin.Context) event.Props {
	out := event.Props{}
	q := c.Request.URL.Query()
	for _, k := range sources {
		if v := q.Get(k); v != "" && plain(v) && !secretly.MatchString(v) {
			out[k] = db.Clip(v, maxValue)
		}
	}
	return out
}
