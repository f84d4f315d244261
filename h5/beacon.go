package h5

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/share"
)

// beacon is an event as the tracker sends it; times are Unix milliseconds of the browser's clock.
type beacon struct {
	ID      string         `json:"id"`
	Type    string         `json:"type"`
	Page    string         `json:"page"`
	At      float64        `json:"at"`
	SentAt  float64        `json:"sent_at"`
	Visitor string         `json:"visitor"`
	Share   string         `json:"share"`
	URL     string         `json:"url"`
	Ref     string         `json:"ref"`
	Props   map[string]any `json:"props"`

	unreadable bool
}

// decode reads the array. What is no array of at most maxEvents is refused as a whole.
func decode(body []byte) ([]beacon, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || body[0] != '[' || !utf8.Valid(body) {
		return nil, fmt.Errorf("内容应为事件的 JSON 数组")
	}
	var list []beacon
	if json.Unmarshal(body, &list) != nil {
		// An event whose fields are of the wrong kind is a bad one; the others are read.
		var raw []json.RawMessage
		if json.Unmarshal(body, &raw) != nil {
			return nil, fmt.Errorf("不是有效的 JSON 数组")
		}
		list = make([]beacon, len(raw))
		for i := range raw {
			list[i].unreadable = json.Unmarshal(raw[i], &list[i]) != nil
		}
	}
	if len(list) == 0 || len(list) > maxEvents {
		return nil, fmt.Errorf("一次应为 1 到 %d 个事件，现在是 %d 个", maxEvents, len(list))
	}
	return list, nil
}

// accepted are the events a browser may tell of. page.share_opened is concluded, never told.
var accepted = map[string]bool{
	event.PageViewed: true, event.PageDwelled: true, event.PageScrolled: true, event.PageClicked: true, event.PageSharePrepared: true,
	event.PageContactTapped: true, event.PageVideoWatched: true, event.FormStarted: true, event.FormSubmitted: true,
	event.FileDownloaded: true, event.FileOpened: true, event.LinkClicked: true,
}

const (
	maxType    = 64
	maxPage    = 128
	maxKeys    = 20
	maxValue   = 200 // characters of a property
	maxAddress = 300
	// What happened longer ago than this is told too late: dedupe and windows have forgotten that time.
	oldest = 72 * time.Hour
)

func isType(s string) bool {
	if accepted[s] {
		return true
	}
	name, ok := strings.CutPrefix(s, event.CustomPrefix)
	return ok && name != "" && len(s) <= maxType && plain(s)
}

// isVisitor: the form the tracker gives its ids.
func isVisitor(s string) bool {
	id, ok := strings.CutPrefix(s, "v_")
	return ok && len(id) >= 6 && len(id) <= 64 && word(id)
}

func isPage(s string) bool {
	return s != "" && strings.TrimSpace(s) == s && utf8.RuneCountInString(s) <= maxPage && plain(s)
}

// plain: text without control characters.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// word: letters, digits, - and _.
func word(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != ""
}

// origin is what all events of one request share.
type origin struct {
	now     int64
	host    string // of our own pages
	net     string
	bot     bool
	dropped map[string]int
}

func (d *Door) origin(c *gin.Context, place string, now int64) *origin {
	agent := c.GetHeader("User-Agent")
	mac := d.Keys.Lookup("visitor network", network(place)+"\x00"+family(agent))
	return &origin{now: now, host: d.host, net: hex.EncodeToString(mac[:5]), bot: isBot(agent) || prefetched(c), dropped: map[string]int{}}
}

// read makes a fact of a beacon, or says why not.
func (o *origin) read(b *beacon) (*event.Event, string) {
	switch {
	case b.unreadable:
		return nil, "malformed"
	case !isType(b.Type):
		return nil, "type"
	case !isVisitor(b.Visitor):
		return nil, "visitor"
	case len(b.ID) > 64 || !word(b.ID):
		return nil, "id"
	case b.Page == "" && strings.HasPrefix(b.Type, "page."), b.Page != "" && !isPage(b.Page):
		return nil, "page"
	}
	at, ok := o.occurred(b)
	if !ok {
		return nil, "old"
	}
	e := &event.Event{Type: b.Type, Source: "t", Lane: event.Normal, Identities: []event.Identity{{Kind: event.KindVisitor, Value: b.Visitor}},
		OccurredAt: at, ReceivedAt: o.now, Props: o.props(b.Props)}
	if b.Page != "" {
		e.ObjectType, e.ObjectID = "page", b.Page
	}
	if b.Share != "" {
		if share.IsToken(b.Share) {
			e.Share = b.Share
		} else {
			o.dropped["share"]++
		}
	}
	site := o.addresses(e.Props, b)
	e.Key = site + "/" + b.Visitor + "/" + b.ID
	e.Props["net"] = o.net
	if o.bot {
		e.Props["bot"] = true
	}
	return e, "accepted"
}

// occurred is when it happened by our clock: as long ago as the browser says it had waited. Where it does
// not say when it sent, its clock is believed as far as it can be.
func (o *origin) occurred(b *beacon) (int64, bool) {
	const limit = float64(oldest / time.Millisecond)
	waited := 0.0
	switch {
	case b.At <= 0:
	case b.SentAt > 0:
		waited = b.SentAt - b.At
	default:
		waited = float64(o.now) - b.At
	}
	if waited > limit {
		return 0, false
	}
	return o.now - int64(max(0, waited)), true
}

// personal are names of properties that hold personal values.
var personal = []string{"phone", "mobile", "tel", "email", "mail", "id_card", "idcard", "name", "realname", "wechat", "openid", "unionid", "address"}

// secretly are values that name somebody: e-mail addresses, mobile and identity card numbers.
var secretly = regexp.MustCompile(`[\w.+-]+@[\w-]+\.[\w.-]+|(?:^|\D)(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?:\D|$)|(?:^|\D)\d{17}[\dXx](?:\W|$)`)

// ours are properties that only this door writes.
var ours = []string{"bot", "net", "url", "ref", "channel", "page", "token", "root", "depth"}

// props keeps small plain values under plain names. Whatever looks personal is left out: it would lie open
// on the timeline.
func (o *origin) props(in map[string]any) event.Props {
	out := make(event.Props, len(in)+4)
	names := make([]string, 0, len(in))
	for k := range in {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		switch {
		case len(out) >= maxKeys || len(k) > 32 || !word(k) || slices.Contains(ours, k):
			o.dropped["prop"]++
			continue
		case slices.Contains(personal, strings.ToLower(k)):
			o.dropped["personal"]++
			continue
		}
		switch v := in[k].(type) {
		case string:
			if !plain(v) {
				o.dropped["prop"]++
			} else if maybePersonal(v) && secretly.MatchString(v) {
				o.dropped["personal"]++
			} else {
				out[k] = db.Clip(v, maxValue)
			}
		case float64:
			if v >= 1.3e10 && v < 2e10 && v == float64(int64(v)) { // 11 digits beginning like a mobile number
				o.dropped["personal"]++
			} else {
				out[k] = v
			}
		case bool:
			out[k] = v
		default:
			o.dropped["prop"]++
		}
	}
	return out
}

// maybePersonal is a quick look before the careful one.
func maybePersonal(s string) bool {
	digits := 0
	for i := range len(s) {
		if s[i] == '@' {
			return true
		}
		if s[i] >= '0' && s[i] <= '9' {
			digits++
		}
	}
	return digits >= 11
}

// sources are the parameters of an address that say where somebody came from. The rest of it stays away:
// addresses carry names and secrets.
var sources = []string{"utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "bd_vid", "gclid"}

// addresses takes over where it happened and where from, and returns the site.
func (o *origin) addresses(p event.Props, b *beacon) string {
	site := ""
	if u := parse(b.URL); u != nil {
		site = strings.ToLower(u.Host)
		p["url"] = o.shown(u)
		p["channel"] = "site"
		if site == o.host {
			p["channel"] = "h5"
		}
		if u.RawQuery != "" {
			q := u.Query()
			for _, k := range sources {
				if v := q.Get(k); v != "" && p[k] == nil && plain(v) && !secretly.MatchString(v) {
					p[k] = db.Clip(v, maxValue)
				}
			}
		}
	}
	if u := parse(b.Ref); u != nil {
		p["ref"] = o.shown(u)
	}
	return db.Clip(site, 100)
}

func parse(address string) *url.URL {
	if address == "" || len(address) > 4096 || !plain(address) {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil
	}
	return u
}

// shown is an address without its parameters and without what looks personal.
func (o *origin) shown(u *url.URL) string {
	text := u.Scheme + "://" + u.Host + u.Path
	if maybePersonal(text) && secretly.MatchString(text) {
		o.dropped["personal"]++
		text = u.Scheme + "://" + u.Host + "/"
	}
	return db.Clip(text, maxAddress)
}
