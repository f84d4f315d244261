package contact

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
)

// Purpose is something a person may agree to (PIPL asks for each of them apart, unticked).
type Purpose string

// The purposes.
const (
	Privacy         Purpose = "privacy"
	MarketingSMS    Purpose = "marketing_sms"
	MarketingEmail  Purpose = "marketing_email"
	MarketingWeChat Purpose = "marketing_wechat"
	ThirdParty      Purpose = "third_party"
	Personalization Purpose = "personalization"
)

// What a person may unsubscribe from.
const (
	UnsubscribeSMS    = "sms"
	UnsubscribeEmail  = "email"
	UnsubscribeWeChat = "wechat"
	UnsubscribeAll    = "all"
)

// subject is a purpose or a channel as statements name it. code stands in contacts.consents, and its place
// in the list is its bit, so the order is fixed.
type subjectOf struct {
	code  byte
	about string // "marketing_sms", "channel/sms"
	label string
}

var subjects = []subjectOf{
	{'p', string(Privacy), "隐私政策"},
	{'s', string(MarketingSMS), "营销短信"},
	{'e', string(MarketingEmail), "营销邮件"},
	{'w', string(MarketingWeChat), "微信营销消息"},
	{'t', string(ThirdParty), "提供给第三方"},
	{'n', string(Personalization), "个性化推荐"},
	{'S', aboutChannel + UnsubscribeSMS, "短信"},
	{'E', aboutChannel + UnsubscribeEmail, "邮件"},
	{'W', aboutChannel + UnsubscribeWeChat, "微信"},
	{'A', aboutChannel + UnsubscribeAll, "全部渠道"},
}

const aboutChannel = "channel/"

// Bits of Consents.Mask.
const (
	withdrawnBit    = 8 // of the purpose of bit 0
	unsubscribedBit = 16
	purposes        = 6
)

// Purposes lists the purposes, and what may be unsubscribed from.
func Purposes() (list []Purpose, channels []string) {
	for _, s := range subjects {
		if c, ok := strings.CutPrefix(s.about, aboutChannel); ok {
			channels = append(channels, c)
		} else {
			list = append(list, Purpose(s.about))
		}
	}
	return list, channels
}

// Label is the purpose's Chinese name.
func (p Purpose) Label() string { return labelOf(string(p)) }

// UnsubscribeLabel is the Chinese name of what may be unsubscribed from.
func UnsubscribeLabel(channel string) string { return labelOf(aboutChannel + channel) }

func labelOf(about string) string {
	if i := findSubject(about); i >= 0 {
		return subjects[i].label
	}
	return about
}

func findSubject(about string) int {
	return slices.IndexFunc(subjects, func(s subjectOf) bool { return s.about == about })
}

// Consents is what a person agreed to and refused: for each purpose and channel the statement that was
// made last. It does not depend on the order in which we learned of the statements, so people who turn out
// to be one have said what either of them said last.
type Consents struct {
	said [10]statement // by subject; at 0: nothing was said
}

type statement struct {
	at      int64
	granted bool
}

// tell takes a statement and reports whether it is the newest. Of two at one instant the refusal counts.
func (c *Consents) tell(subject int, s statement) bool {
	had := c.said[subject]
	if s.at < had.at || s.at == had.at && (s.granted || !had.granted) {
		return false
	}
	c.said[subject] = s
	return true
}

func (c *Consents) fold(o Consents) {
	for i, s := range o.said {
		if s.at != 0 {
			c.tell(i, s)
		}
	}
}

func (c *Consents) of(about string) statement {
	if i := findSubject(about); i >= 0 {
		return c.said[i]
	}
	return statement{}
}

// Granted reports whether the person agrees to a purpose.
func (c *Consents) Granted(p Purpose) bool { return c.of(string(p)).granted }

// Withdrawn reports whether the person said no to a purpose.
func (c *Consents) Withdrawn(p Purpose) bool {
	s := c.of(string(p))
	return s.at != 0 && !s.granted
}

// StatedAt is when the person last said something about a purpose, Unix ms; 0: never.
func (c *Consents) StatedAt(p Purpose) int64 { return c.of(string(p)).at }

// Unsubscribed reports whether the person wants no marketing on a channel. Who unsubscribed from all wants
// none on any; who agreed to a channel's marketing after that wants it again, there.
func (c *Consents) Unsubscribed(channel string) bool {
	off := func(about string) int64 {
		if s := c.of(about); s.at != 0 && !s.granted {
			return s.at
		}
		return 0
	}
	at := max(off(aboutChannel+channel), off(aboutChannel+UnsubscribeAll))
	if at == 0 {
		return false
	}
	again := c.of("marketing_" + channel)
	return !again.granted || again.at <= at
}

// UnsubscribedAt is when the person unsubscribed from a channel itself; 0: they did not.
func (c *Consents) UnsubscribedAt(channel string) int64 {
	if s := c.of(aboutChannel + channel); s.at != 0 && !s.granted {
		return s.at
	}
	return 0
}

// Mask is the consents as bits: i for the i-th purpose granted, 8+i withdrawn, 16+i for the i-th channel
// unsubscribed. GrantedBit and UnsubscribedBit name them.
func (c *Consents) Mask() int64 {
	if *c == (Consents{}) { // nearly everybody
		return 0
	}
	var m int64
	for i := range purposes {
		switch p := Purpose(subjects[i].about); {
		case c.Granted(p):
			m |= 1 << i
		case c.Withdrawn(p):
			m |= 1 << (withdrawnBit + i)
		}
	}
	for i, s := range subjects[purposes:] {
		if c.Unsubscribed(strings.TrimPrefix(s.about, aboutChannel)) {
			m |= 1 << (unsubscribedBit + i)
		}
	}
	return m
}

// GrantedBit is the bit of contacts.consent_mask that says a purpose is granted.
func GrantedBit(p Purpose) int64 { return 1 << findSubject(string(p)) }

// WithdrawnBit is the bit of contacts.consent_mask that says a purpose was refused.
func WithdrawnBit(p Purpose) int64 { return 1 << (withdrawnBit + findSubject(string(p))) }

// UnsubscribedBit is the bit of contacts.consent_mask that says a channel is unsubscribed.
func UnsubscribedBit(channel string) int64 {
	return 1 << (unsubscribedBit + findSubject(aboutChannel+channel) - purposes)
}

// Said is what a person who made these statements stands for; unknown purposes are left out.
func Said(list ...Statement) (c Consents) {
	for _, s := range list {
		about := string(s.Purpose)
		if s.Channel != "" {
			about = aboutChannel + s.Channel
		}
		if i := findSubject(about); i >= 0 {
			c.tell(i, statement{s.At, s.Granted})
		}
	}
	return c
}

// Text is the stored form: "s+<ms, base 36>" for a yes, "S-…" for a no, parted by blanks.
func (c *Consents) Text() string {
	var b strings.Builder
	for i, s := range c.said {
		if s.at == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteByte(subjects[i].code)
		if s.granted {
			b.WriteByte('+')
		} else {
			b.WriteByte('-')
		}
		b.WriteString(strconv.FormatInt(s.at, 36))
	}
	return b.String()
}

// parseConsents is the inverse of Text. What a later program wrote and this one does not know is left out.
func parseConsents(text string) (c Consents) {
	for text != "" {
		var one string
		one, text, _ = strings.Cut(text, " ")
		if len(one) < 3 {
			continue
		}
		i := slices.IndexFunc(subjects, func(s subjectOf) bool { return s.code == one[0] })
		at, err := strconv.ParseInt(one[2:], 36, 64)
		if i >= 0 && err == nil {
			c.said[i] = statement{at, one[1] == '+'}
		}
	}
	return c
}

// The columns' widths.
const maxVersion, maxConsentSource, maxIP, maxSaidBy = 64, 64, 64, 96

// consent takes a person's statement over. A command tells the timeline by an event; a door's event stands
// there itself.
func (s *Stage) consent(b *event.Batch, e *event.Event, p *Person) error {
	about, granted := e.Props.Str("purpose"), e.Type == event.ConsentGranted
	if ch := e.Props.Str("channel"); ch != "" && about == "" {
		about = aboutChannel + ch
	}
	if e.Type == event.CommandConsent {
		granted, _ = e.Props["granted"].(bool)
	}
	i := findSubject(about)
	if i < 0 {
		logDropped(e, about, fmt.Errorf("no such purpose or channel"))
		return nil
	}
	source := e.Props.Str("source")
	if source == "" {
		source = e.Source
	}
	// A clock that runs ahead must not make a statement that nothing later can change.
	at := min(e.OccurredAt, e.ReceivedAt)
	if !granted && at%1000 == 0 { // a platform's clock has seconds: within one, the refusal counts
		at = min(at+999, e.ReceivedAt)
	}
	if p.Consents.tell(i, statement{at, granted}) {
		p.Changes++
		p.moved.row = true
	}
	s.statements = append(s.statements, []any{p.ID, int64(e.ID()), about, granted, clip(e.Props.Str("version"), maxVersion),
		clip(source, maxConsentSource), clip(e.Props.Str("ip"), maxIP), clip(e.Props.Str("by"), maxSaidBy), at})
	if e.Type != event.CommandConsent {
		return nil
	}
	typ, props := event.ConsentWithdrawn, event.Props{"source": source}
	if ch, ok := strings.CutPrefix(about, aboutChannel); ok {
		typ, props["channel"] = event.ConsentUnsubscribed, ch
	} else {
		props["purpose"] = about
	}
	if granted {
		typ = event.ConsentGranted
	}
	for _, k := range []string{"version", "by"} {
		if v := e.Props.Str(k); v != "" {
			props[k] = v
		}
	}
	return b.Emit(e, event.Event{Type: typ, Props: props})
}

var statementColumns = []string{"contact_id", "event_id", "about", "granted", "version", "source", "ip", "said_by", "at"}

// Statement is one thing a person said, word for word in the sense of the law: which text, when, how.
type Statement struct {
	Purpose Purpose // "" when it is about a channel
	Channel string
	Granted bool
	Version string // of the text that was shown
	Source  string
	IP      string
	By      string // who entered it, where it was not the person
	At      int64
	EventID event.ID
}

// Consents lists all statements of a person, newest first, with the person. Fault: NotFound.
func (d *Directory) Consents(ctx context.Context, id int64) (*Person, []Statement, error) {
	p, err := d.Get(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	var out []Statement
	err = db.EachIn(ctx, d.db, "SELECT event_id, about, granted, version, source, ip, said_by, at FROM contact_consents WHERE contact_id IN (%s)", p.Contacts(), nil, func(r *sql.Rows) error {
		var s Statement
		var about string
		if err := r.Scan(&s.EventID, &about, &s.Granted, &s.Version, &s.Source, &s.IP, &s.By, &s.At); err != nil {
			return err
		}
		if ch, ok := strings.CutPrefix(about, aboutChannel); ok {
			s.Channel = ch
		} else {
			s.Purpose = Purpose(about)
		}
		out = append(out, s)
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list consents of %d: %w", id, err)
	}
	slices.SortStableFunc(out, func(a, b Statement) int { return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(b.EventID, a.EventID)) })
	return p, out, nil
}
