package journey

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/message"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/rule"
)

var hookComponents = []Component{{
	Number: "29", Key: keyWebhook, Label: "Webhook 推送", Group: Actions, Subjects: both, Ports: sendPorts,
	Explain: "把发生的事件和客户资料推送给别的系统；推送带签名、会重试、可重放，默认不带姓名、手机号等个人信息。",
	Config: []Member{
		{Key: "webhook", Label: "推送到", Editor: EditWebhook, Required: true},
		{Key: "send", Label: "推送什么", Editor: EditOption, Note: "both 事件和客户（默认），event 只有事件，contact 只有客户"},
		{Key: "personal", Label: "带个人信息", Editor: EditSwitch, Note: "姓名、昵称、生日、地址、手机号、邮箱、自定义文本字段和身份编号；接收方须有权处理这些信息"},
	},
	decode: decodeWebhook,
}}

// callWebhook pushes to another system what a run knows.
type callWebhook struct {
	key, name      string
	event, contact bool
	personal       bool
}

func (callWebhook) action() {}

// hookStep is the step that does.
type hookStep struct{ do callWebhook }

func (p *hookStep) reads()                {}
func (p *hookStep) arrive(*place) verdict { return verdict{do: p.do} }

func (p *hookStep) summary() string {
	what := "事件和客户"
	switch {
	case !p.do.contact:
		what = "事件"
	case !p.do.event:
		what = "客户"
	}
	s := "把" + what + "推送到“" + p.do.name + "”"
	if p.do.personal {
		s += "，带个人信息"
	}
	return s
}

func decodeWebhook(c *compiler, n Node) part {
	var cfg struct {
		Webhook  string `json:"webhook"`
		Send     string `json:"send"`
		Personal bool   `json:"personal"`
	}
	decodeConfig(c, n, &cfg)
	name, known := c.known.Webhooks[cfg.Webhook]
	switch {
	case cfg.Webhook == "":
		c.say("config.webhook", "请选择推送到哪个 Webhook")
	case !known:
		c.say("config.webhook", "没有可用的 Webhook“%s”", cfg.Webhook)
		c.problems[len(c.problems)-1].Cause = "webhook/" + cfg.Webhook // when that is wrong, it is told there
	}
	d := callWebhook{key: cfg.Webhook, name: name, personal: cfg.Personal}
	switch cfg.Send {
	case "", "both":
		d.event, d.contact = true, true
	case "event":
		d.event = true
	case "contact":
		d.contact = true
	default:
		c.say("config.send", "可以是 both（事件和客户）、event（事件）、contact（客户），现在是“%s”", cfg.Send)
	}
	if d.personal && !d.contact {
		c.say("config.personal", "只推送事件时不带个人信息")
	}
	return &hookStep{d}
}

// HookType is the "type" of what a journey pushes.
const HookType = "journey.webhook"

// push is the document a webhook receives. Ids are text: they do not fit into JSON numbers.
type push struct {
	Type    string       `json:"type"`
	At      string       `json:"at"` // RFC 3339
	Journey pushJourney  `json:"journey"`
	Event   *pushEvent   `json:"event,omitempty"`
	Contact *pushContact `json:"contact,omitempty"`
	Staff   *pushStaff   `json:"staff,omitempty"`
}

type pushJourney struct {
	ID   string `json:"id"`
	Key  string `json:"key"`
	Name string `json:"name"`
	Step string `json:"step"`
	Run  string `json:"run"`
}

type pushEvent struct {
	ID         string      `json:"id"`
	Type       string      `json:"type"`
	Name       string      `json:"name"`
	OccurredAt string      `json:"occurred_at"`
	Account    string      `json:"account,omitempty"`
	Staff      string      `json:"staff,omitempty"`
	ObjectType string      `json:"object_type,omitempty"`
	ObjectID   string      `json:"object_id,omitempty"`
	Props      event.Props `json:"props"`
}

type pushContact struct {
	ID         string         `json:"id"`
	Stage      string         `json:"stage,omitempty"`
	Grade      string         `json:"grade,omitempty"`
	Tags       []string       `json:"tags"`
	Intent     int64          `json:"intent"`
	Fit        int64          `json:"fit"`
	Fields     map[string]any `json:"fields"`
	HasPhone   bool           `json:"has_phone"`
	HasEmail   bool           `json:"has_email"`
	Phone      string         `json:"phone,omitempty"`
	Email      string         `json:"email,omitempty"`
	Identities []pushIdentity `json:"identities,omitempty"`
}

type pushIdentity struct {
	Kind  string `json:"kind"`
	Scope string `json:"scope,omitempty"`
	Value string `json:"value"`
}

type pushStaff struct {
	CorpID string `json:"corp_id"`
	UserID string `json:"user_id"`
}

// hookWorth is how long a delivery is tried: as long as the receiver is asked to remember its id.
const hookWorth = 72 * time.Hour

// maxPush keeps a document well within what the outbox takes.
const maxPush = 60 << 10

// call makes the message that pushes.
func (c *Config) call(l letter, a callWebhook) ([]outbox.Message, error) {
	run := l.run
	text := func(n int64) string { return strconv.FormatInt(n, 10) }
	at := func(ms int64) string { return time.UnixMilli(ms).In(l.g.zone).Format(time.RFC3339) }
	doc := push{Type: HookType, At: at(l.now), Journey: pushJourney{text(run.JourneyID), l.g.Key, l.g.Name, run.Node, text(run.ID)}}
	if a.event {
		e := run.Cause
		doc.Event = &pushEvent{ID: text(e.EventID), Type: e.Type, Name: l.scope.Events[e.Type], OccurredAt: at(e.At), Account: e.Account, Staff: e.Staff,
			ObjectType: e.ObjectType, ObjectID: e.ObjectID, Props: e.Props}
		if !a.personal {
			doc.Event.Props = masked(e.Props)
		}
		if doc.Event.Props == nil {
			doc.Event.Props = event.Props{}
		}
	}
	if a.contact && l.person != nil {
		var err error
		if doc.Contact, err = c.pushed(l, a); err != nil {
			return nil, err
		}
	}
	if corp, user := splitStaff(run.Staff); user != "" {
		doc.Staff = &pushStaff{corp, user}
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		return nil, fmt.Errorf("encode push of run %d: %w", run.ID, err)
	}
	body := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	if len(body) > maxPush {
		return nil, fault.New(fault.Invalid, "要推送的内容有 %d KB，最多 %d KB：请改成只推送事件或只推送客户", len(body)>>10, maxPush>>10)
	}
	return []outbox.Message{{Step: stepName(run, run.Node), ContactID: run.ContactID, Channel: outbox.Webhook, Account: a.key, To: a.key, Class: outbox.Service,
		Kind: "webhook", Fresh: l.g.patience(), Body: body, JourneyID: run.JourneyID, RunID: run.ID, ExpiresAt: l.now + hookWorth.Milliseconds()}}, nil
}

// masked are properties with personal data in their texts hidden.
func masked(p event.Props) event.Props {
	out := event.Props{}
	for k, v := range p {
		switch v := v.(type) {
		case string:
			out[k] = message.Mask(v)
		case []any:
			list := []any{}
			for _, x := range v {
				switch x := x.(type) {
				case string:
					list = append(list, message.Mask(x))
				case float64, bool:
					list = append(list, x)
				}
			}
			out[k] = list
		case map[string]any: // unknown depth: left out rather than let through
		default:
			out[k] = v
		}
	}
	return out
}

// personalFields are the standard fields that say who somebody is. A field of one's own that holds free text
// may say so too.
var personalFields = []string{"name", "nickname", "birthday", "address", "gender"}

func isPersonal(f contact.Field) bool {
	return slices.Contains(personalFields, f.Key) || !f.Standard && (f.Type == contact.Text || f.Type == contact.Date)
}

// pushed is the person as a webhook may know them.
func (c *Config) pushed(l letter, a callWebhook) (*pushContact, error) {
	p := l.person
	about := c.about(l)
	out := &pushContact{ID: strconv.FormatInt(p.ID, 10), Stage: p.Stage, Grade: about.Grade, Tags: keysOf(l.scope, p), Intent: about.Intent, Fit: about.Fit,
		Fields: map[string]any{}, HasPhone: p.Has(event.KindPhone, ""), HasEmail: p.Has(event.KindEmail, "")}
	for _, key := range slices.Sorted(maps.Keys(p.Values)) {
		f, known := l.scope.Fields[key]
		if known && (a.personal || !isPersonal(f)) {
			out.Fields[key] = f.Show(p.Values[key])
		}
	}
	if !a.personal {
		return out, nil
	}
	for _, id := range p.Identities {
		if id.Value != "" && id.Kind != event.KindVisitor {
			out.Identities = append(out.Identities, pushIdentity{id.Kind, id.Scope, id.Value})
		}
	}
	var err error
	if out.HasPhone {
		if out.Phone, err = l.open(p.Person, event.KindPhone); err != nil {
			return nil, err
		}
	}
	if out.HasEmail {
		if out.Email, err = l.open(p.Person, event.KindEmail); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// keysOf lists a person's tags by key.
func keysOf(scope *rule.Scope, p *rule.Person) []string {
	out := []string{}
	for key, def := range scope.Tags {
		if _, has := p.Tags[def.ID]; has {
			out = append(out, key)
		}
	}
	slices.SortFunc(out, strings.Compare)
	return out
}
