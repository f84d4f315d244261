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
//	 "channel": "wecom_app",        // see Channels
//	 "class": "staff_alert",        // reply, service, marketing, staff_alert
//	 "kind": "textcard",            // text, textcard, template_card
//	 "title": "热线索：{{ contact.display }}",
//	 "description": "<div class=\"highlight\">{{ score.reasons | join: '；' }}</div>",
//	 "url": "{{ links.contact }}",
//	 "button": "查看客户"}
//
// A text has "content" instead of title, description, url and button; a template_card has "card", the
// platform's card object whose strings may hold variables. What is approved at the platform beforehand
// names it and gives its variables their values:
//
//	official_template template   template_id, data {thing1: "…", time2: …}, url?, miniprogram? {appid, pagepath}
//	official_notice   notice     template_id, data, url?, miniprogram?, subscription? (once, long)
//	official_once     once       template_id, scene, title, content, color?, url?, miniprogram?
//	mini_subscribe    subscribe  template_id, data, page?, subscription?, miniprogram_state?, lang?
//	sms               code, notice, marketing   template_code, content with ${name}, params {name: "…"}
//	wecom_welcome     welcome    content, attachments (at most 9)
//
// The first four may have "risk" (low, medium, high; see Risk). A field of data is a text, or {value, overflow: cut} where a thing may be shortened; what a field takes
// follows from its name (see fieldTypes).
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
	WeComApp         Channel = "wecom_app"
	OfficialKF       Channel = "official_kf"
	OfficialTemplate Channel = "official_template"
	OfficialNotice   Channel = "official_notice"
	OfficialOnce     Channel = "official_once"
	MiniSubscribe    Channel = "mini_subscribe"
	SMS              Channel = "sms"
	WeComWelcome     Channel = "wecom_welcome"
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

	Templated   Kind = "template"  // 公众号模板消息
	Notice      Kind = "notice"    // 公众号订阅通知; 通知短信
	Once        Kind = "once"      // 公众号一次性订阅消息
	Subscribe   Kind = "subscribe" // 小程序订阅消息
	Code        Kind = "code"      // 验证码短信
	Promotional Kind = "marketing" // 推广短信
	Welcome     Kind = "welcome"   // 企微欢迎语
)

// Risk is how far a template may go before the platform takes it for advertising; the words are policy's.
type Risk string

// The risks, rising.
const (
	Low    Risk = "low"    // the result of the person's own act
	Medium Risk = "medium" // a notice they may expect: seldom, and not at night
	High   Risk = "high"   // looks like advertising: policy sends it to nobody
)

// Subscription is what an authorisation is good for.
type Subscription string

// The subscriptions.
const (
	OneTime  Subscription = "once" // 一次性: each message uses one up
	LongTerm Subscription = "long" // 长期: until it is taken back
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
	// Marketing by template message costs the account the interface (模板消息运营规范).
	OfficialTemplate: {"公众号模板消息", []Kind{Templated}, []Class{Reply, Service}},
	OfficialNotice:   {"公众号订阅通知", []Kind{Notice}, []Class{Reply, Service, Marketing}},
	OfficialOnce:     {"公众号一次性订阅消息", []Kind{Once}, []Class{Reply, Service, Marketing}},
	MiniSubscribe:    {"小程序订阅消息", []Kind{Subscribe}, []Class{Reply, Service, Marketing}},
	SMS:              {"短信", []Kind{Code, Notice, Promotional}, []Class{Reply, Service, Marketing}},
	WeComWelcome:     {"企微欢迎语", []Kind{Welcome}, []Class{Reply}},
}

// Channels lists every channel a template can be written for, in the order a console offers them.
func Channels() []Channel {
	return []Channel{WeComApp, WeComWelcome, OfficialKF, OfficialTemplate, OfficialNotice, OfficialOnce, MiniSubscribe, SMS}
}

var classLabels = map[Class]string{Reply: "回复", Service: "服务通知", Marketing: "营销", StaffAlert: "员工提醒"}
var kindLabels = map[Kind]string{Text: "文本", TextCard: "文本卡片", TemplateCard: "模板卡片", Templated: "模板", Notice: "通知", Once: "一次性订阅",
	Subscribe: "订阅", Code: "验证码", Promotional: "推广", Welcome: "欢迎语"}

// Label is the channel's Chinese name, "" for an unknown one.
func (c Channel) Label() string { return ways[c].label }

// Label is the class's Chinese name, "" for an unknown one.
func (c Class) Label() string { return classLabels[c] }

// Label is the kind's Chinese name, "" for an unknown one.
func (k Kind) Label() string { return kindLabels[k] }

// Template is one compiled definition. It is immutable and safe for concurrent use.
type Template struct {
	ID      int64
	Rev     int64
	Key     string
	Name    string
	Channel Channel
	Class   Class
	Kind    Kind
	// TemplateID is the platform's template: template_id, or template_code of an SMS; "" where there is none.
	TemplateID string
	// Subscription is what the authorisation the message needs is good for; "" where it needs none.
	Subscription Subscription
	// Risk is set for official template messages, elsewhere where the author says it.
	Risk Risk

	approved    approved
	attachments []any // of a welcome, with *text in place of their strings
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

	templateID, page, color, state, lang string

	scene                                  int64
	risk                                   Risk
	subscription                           Subscription
	data, params, miniprogram, attachments json.RawMessage
}

// fields leads from the document's names to where their values go.
func (d *definition) fields() map[string]any {
	return map[string]any{
		"name": &d.name, "note": &d.note, "channel": &d.channel, "class": &d.class, "kind": &d.kind,
		"content": &d.content, "title": &d.title, "description": &d.description, "url": &d.url,
		"button": &d.button, "card": &d.card,
		"template_id": &d.templateID, "template_code": &d.templateID, "page": &d.page, "color": &d.color, "miniprogram_state": &d.state,
		"lang": &d.lang, "scene": &d.scene, "risk": &d.risk, "subscription": &d.subscription,
		"data": &d.data, "params": &d.params, "miniprogram": &d.miniprogram, "attachments": &d.attachments,
	}
}

// form is a kind on a channel: 通知 of an official account and 通知 by SMS have nothing in common.
type form struct {
	channel Channel
	kind    Kind
}

// members are the body fields a form has; the first ones, up to need, must be given.
type members struct {
	names []string
	need  int
}

var (
	textMembers     = members{[]string{"content"}, 1}
	textCardMembers = members{[]string{"title", "description", "url", "button"}, 3}
	cardMembers     = members{[]string{"card"}, 1}
	smsMembers      = members{[]string{"template_code", "content", "params"}, 2}
)

var fieldsOf = map[form]members{
	{WeComApp, Text}:              textMembers,
	{OfficialKF, Text}:            textMembers,
	{WeComApp, TextCard}:          textCardMembers,
	{WeComApp, TemplateCard}:      cardMembers,
	{OfficialTemplate, Templated}: {[]string{"template_id", "data", "url", "miniprogram", "risk"}, 2},
	{OfficialNotice, Notice}:      {[]string{"template_id", "data", "url", "miniprogram", "subscription", "risk"}, 2},
	{OfficialOnce, Once}:          {[]string{"template_id", "scene", "title", "content", "color", "url", "miniprogram", "risk"}, 4},
	{MiniSubscribe, Subscribe}:    {[]string{"template_id", "data", "page", "subscription", "miniprogram_state", "lang", "risk"}, 2},
	{SMS, Code}:                   {[]string{"template_code", "content", "params"}, 3},
	{SMS, Notice}:                 smsMembers,
	{SMS, Promotional}:            smsMembers,
	{WeComWelcome, Welcome}:       {[]string{"content", "attachments"}, 0},
}

// membersOf finds a form's fields. Of a channel that does not exist the kind alone says what was meant.
func membersOf(ch Channel, k Kind) (members, bool) {
	if _, exists := ways[ch]; exists {
		m, ok := fieldsOf[form{ch, k}]
		return m, ok
	}
	for _, ch := range Channels() {
		if m, ok := fieldsOf[form{ch, k}]; ok {
			return m, true
		}
	}
	return members{}, false
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
			want := "文字"
			if _, number := into.(*int64); number {
				want = "整数"
			}
			c.say(name, "类型不对，应为%s", want)
		}
	}
	t := &Template{ID: it.ID, Rev: it.Rev, Key: it.Key, Name: d.name, Channel: d.channel, Class: d.class, Kind: d.kind, fields: known.Fields}
	if strings.TrimSpace(d.name) == "" {
		c.say("name", "请填写名称")
	}
	w, ok := ways[d.channel]
	switch {
	case !ok:
		c.say("channel", "没有渠道“%s”，可选：%s", d.channel, listLabels(Channels()))
	case d.channel == OfficialTemplate && d.class == Marketing:
		c.say("class", "公众号模板消息不得营销，违规会被封停接口；营销内容请改用公众号订阅通知（official_notice），这里可选：%s", listLabels(w.classes))
	case !slices.Contains(w.classes, d.class):
		c.say("class", "%s不能是“%s”类，可选：%s", w.label, d.class, listLabels(w.classes))
	}
	if _, known := membersOf(d.channel, d.kind); !known {
		c.say("kind", "不支持“%s”形式，可选：%s", d.kind, listLabels(w.kinds))
		return nil, c.problems
	}
	c.body(t, d, given)
	t.uses = c.uses
	return t, c.problems
}

// everywhere are the members every template has.
var everywhere = []string{"name", "note", "channel", "class", "kind"}

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
	f, _ := membersOf(t.Channel, t.Kind)
	for i, name := range f.names {
		raw := bytes.TrimSpace(given[name])
		if i < f.need && (len(raw) == 0 || bytes.Equal(raw, []byte(`""`)) || bytes.Equal(raw, []byte("null"))) {
			c.say(name, "%s消息必须填写这一项", t.Kind.Label())
		}
	}
	for _, other := range sortedKeys(given) {
		if _, of := d.fields()[other]; of && !slices.Contains(everywhere, other) && !slices.Contains(f.names, other) {
			c.say(other, "%s消息没有这一项", t.Kind.Label())
		}
	}
	switch t.Channel {
	case OfficialTemplate, OfficialNotice, OfficialOnce, MiniSubscribe:
		c.approved(t, d)
		return
	case SMS:
		c.sms(t, d)
		return
	case WeComWelcome:
		c.welcome(t, d)
		return
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
