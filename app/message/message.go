// Package message is what Koi may say: templates as definitions, checked before they are published and
// rendered into the final body a platform takes. A template is text with variables; the value of a
// variable is data and never becomes markup, and personal data in it (phone numbers, e-mail addresses,
// identity numbers) is masked. Rendering the same template with the same facts gives the same bytes.
//
// It refuses to know when a message is sent and to whom (journey), whether it may be sent (policy), and
// how it travels (channels).
//
// A definition is a setting of kind "message":
//
//	{"name": "热线索提醒",
//	 "channel": "wecom_app",        // wecom_app 企微应用消息, official_kf 公众号客服消息
//	 "class": "staff_alert",        // reply, service, marketing, staff_alert
//	 "kind": "textcard",            // text, textcard, template_card
//	 "title": "热线索：{{ contact.display }}",
//	 "description": "<div class=\"highlight\">{{ score.reasons | join: '；' }}</div>",
//	 "url": "{{ links.contact }}",
//	 "button": "查看客户"}
//
// A text has "content" instead of title, description, url and button; a template_card has "card", the
// platform's card object whose strings may hold variables.
package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/setting"
)

// Channel names the way out a template is written for; the words are outbox's.
type Channel string

// The channels of this version.
const (
	WeComApp   Channel = "wecom_app"
	OfficialKF Channel = "official_kf"
)

// Class says under which rules the message may go; the words are outbox's.
type Class string

// The classes.
const (
	Reply      Class = "reply"
	Service    Class = "service"
	Marketing  Class = "marketing"
	StaffAlert Class = "staff_alert"
)

// Kind is the form of the body.
type Kind string

// The kinds.
const (
	Text         Kind = "text"
	TextCard     Kind = "textcard"
	TemplateCard Kind = "template_card"
)

// way is what one channel can carry.
type way struct {
	label   string
	kinds   []Kind
	classes []Class
}

var ways = map[Channel]way{
	WeComApp:   {"企微应用消息", []Kind{Text, TextCard, TemplateCard}, []Class{StaffAlert, Service, Reply}},
	OfficialKF: {"公众号客服消息", []Kind{Text}, []Class{Reply, Service, Marketing}},
}

var classLabels = map[Class]string{Reply: "回复", Service: "服务通知", Marketing: "营销", StaffAlert: "员工提醒"}
var kindLabels = map[Kind]string{Text: "文本", TextCard: "文本卡片", TemplateCard: "模板卡片"}

// Label is the channel's Chinese name, "" for an unknown one.
func (c Channel) Label() string { return ways[c].label }

// Label is the class's Chinese name, "" for an unknown one.
func (c Class) Label() string { return classLabels[c] }

// Label is the kind's Chinese name, "" for an unknown one.
func (k Kind) Label() string { return kindLabels[k] }

// Template is one compiled definition. It is immutable and safe for concurrent use.
type Template struct {
	ID      int64
	Key     string
	Name    string
	Channel Channel
	Class   Class
	Kind    Kind

	content     *text
	title       *text
	description *text
	url         *text
	button      *text
	card        any // the card with *text in place of its strings
	needsTask   bool
	uses        map[string]bool // variables named anywhere in it
	fields      map[string]contact.Field
}

// Uses reports whether the template names a variable, e.g. "score.reasons": what is dear to find out is
// found out only where it is said.
func (t *Template) Uses(variable string) bool { return t.uses[variable] }

// Model is every message template of one moment, immutable.
type Model struct{ byKey map[string]*Template }

// Get returns a template by key, or nil.
func (m *Model) Get(key string) *Template {
	if m == nil {
		return nil
	}
	return m.byKey[key]
}

// Keys lists the templates' keys in order.
func (m *Model) Keys() []string {
	if m == nil {
		return nil
	}
	keys := make([]string, 0, len(m.byKey))
	for k := range m.byKey {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// definition is the JSON document of a template.
type definition struct {
	name, note, content, title, description, url, button string

	channel Channel
	class   Class
	kind    Kind
	card    json.RawMessage
}

// fields leads from the document's names to where their values go.
func (d *definition) fields() map[string]any {
	return map[string]any{
		"name": &d.name, "note": &d.note, "channel": &d.channel, "class": &d.class, "kind": &d.kind,
		"content": &d.content, "title": &d.title, "description": &d.description, "url": &d.url,
		"button": &d.button, "card": &d.card,
	}
}

// fieldsOf are the body fields a kind has; the first ones, up to need, must be given.
var fieldsOf = map[Kind]struct {
	names []string
	need  int
}{
	Text:         {[]string{"content"}, 1},
	TextCard:     {[]string{"title", "description", "url", "button"}, 3},
	TemplateCard: {[]string{"card"}, 1},
}

// Compile reads the definitions among items (others are passed over) and returns the templates that are
// right, with every problem of those that are not. Paths are "message/<key>/<field>".
func Compile(items []setting.Item, known Known) (*Model, []fault.Problem) {
	m := &Model{byKey: map[string]*Template{}}
	var problems []fault.Problem
	for _, it := range items {
		if it.Kind != setting.KindMessage {
			continue
		}
		t, found := compile(it, known)
		if len(found) == 0 {
			m.byKey[it.Key] = t
		}
		problems = append(problems, found...)
	}
	return m, problems
}

func compile(it setting.Item, known Known) (*Template, []fault.Problem) {
	c := &checker{key: it.Key, known: known, uses: map[string]bool{}}
	var d definition
	var given map[string]json.RawMessage
	if err := json.Unmarshal(it.Body, &given); err != nil {
		c.say("", "不是 JSON 对象")
		return nil, c.problems
	}
	fields := d.fields()
	for _, name := range sortedKeys(given) {
		into, ok := fields[name]
		if !ok {
			c.say(name, "没有这个字段，可用的有：%s", strings.Join(sortedKeys(fields), "、"))
			c.problems[len(c.problems)-1].Stray = true
			continue
		}
		if err := json.Unmarshal(given[name], into); err != nil {
			c.say(name, "类型不对，应为文字")
		}
	}
	t := &Template{ID: it.ID, Key: it.Key, Name: d.name, Channel: d.channel, Class: d.class, Kind: d.kind, fields: known.Fields}
	if strings.TrimSpace(d.name) == "" {
		c.say("name", "请填写名称")
	}
	w, ok := ways[d.channel]
	switch {
	case !ok:
		c.say("channel", "没有渠道“%s”，可选：wecom_app（企微应用消息）、official_kf（公众号客服消息）", d.channel)
	case !slices.Contains(w.classes, d.class):
		c.say("class", "%s不能是“%s”类，可选：%s", w.label, d.class, listLabels(w.classes))
	}
	if _, known := fieldsOf[d.kind]; !known || ok && !slices.Contains(w.kinds, d.kind) {
		c.say("kind", "不支持“%s”形式，可选：%s", d.kind, listLabels(w.kinds))
		return nil, c.problems
	}
	c.body(t, d, given)
	t.uses = c.uses
	return t, c.problems
}

type labelled interface {
	~string
	Label() string
}

func listLabels[T labelled](list []T) string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = fmt.Sprintf("%s（%s）", string(v), v.Label())
	}
	return strings.Join(out, "、")
}

// body compiles the fields of the kind and reports the missing and the foreign ones.
func (c *checker) body(t *Template, d definition, given map[string]json.RawMessage) {
	f := fieldsOf[t.Kind]
	for i, name := range f.names {
		raw := bytes.TrimSpace(given[name])
		if i < f.need && (len(raw) == 0 || bytes.Equal(raw, []byte(`""`)) || bytes.Equal(raw, []byte("null"))) {
			c.say(name, "%s消息必须填写这一项", t.Kind.Label())
		}
	}
	for _, other := range []string{"content", "title", "description", "url", "button", "card"} {
		if _, has := given[other]; has && !slices.Contains(f.names, other) {
			c.say(other, "%s消息没有这一项", t.Kind.Label())
		}
	}
	switch t.Kind {
	case Text:
		t.content = c.text("content", d.content, anchors, limitText)
	case TextCard:
		t.title = c.text("title", d.title, plain, limitTitle)
		t.description = c.text("description", d.description, divs, limitDescription)
		t.url = c.text("url", d.url, address, limitURL)
		if n := len([]rune(d.button)); n > limitButtonRunes {
			c.say("button", "按钮文字最多 %d 个字，现在是 %d 个", limitButtonRunes, n)
		}
		t.button = c.text("button", d.button, plain, limitTitle)
	case TemplateCard:
		t.card = c.card(d.card, &t.needsTask)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
