package miniprogram

import (
	"strconv"
	"strings"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/channels/wechat"
)

const source = "mp"

// push is one decrypted push.
type push struct {
	root wechat.Element
	text string
	from string      // the user's OpenID
	base event.Event // what all its events have in common, the user included
}

// read turns a push into events: usually one; a subscription dialog has one per template. What it does not
// know is kept as raw.received. BadEvent comes back only for a document that is no push.
func read(appID string, root wechat.Element, text string, now int64) ([]*event.Event, error) {
	p := push{root: root, text: text, from: root.Text("FromUserName"), base: wechat.Event(source, appID, root, now)}
	if p.from == "" {
		return nil, wechat.BadEvent
	}
	p.base.Identities = []event.Identity{{Kind: event.KindOpenID, Scope: appID, Value: p.from}}
	if union := root.Text("UnionId"); union != "" {
		p.base.Identities = append(p.base.Identities, event.Identity{Kind: event.KindUnionID, Value: union})
	}
	return wechat.Sorted(root, p.event, p.message, p.raw)
}

// raw keeps what the door does not know, of nobody: reviews, penalties and payments come from the platform
// itself, and its name must not become a person.
func (p *push) raw() []*event.Event {
	e := wechat.Raw(p.base, p.root, p.text)
	e.Identities = nil
	return []*event.Event{e}
}

func (p *push) keyed(e event.Event, extra ...string) *event.Event {
	parts := append(make([]string, 0, 6), p.root.Text("Event"), p.from, p.root.Text("CreateTime"))
	e.Key = wechat.Key(append(parts, extra...)...)
	return &e
}

// message is what a user wrote in the customer-service conversation (客服消息).
func (p *push) message() []*event.Event {
	props, known := wechat.MessageProps(p.root)
	if !known {
		return p.raw()
	}
	e := p.base
	e.Type, e.Lane, e.Props = event.MPMessageReceived, event.Priority, props
	if id := p.root.Text("MsgId"); id != "" {
		e.Key = wechat.Key("msg", id)
	} else {
		e.Key = wechat.Key("msg", p.from, p.root.Text("CreateTime"), props.Str("kind"), props.Str("content"))
	}
	return []*event.Event{&e}
}

func (p *push) event() []*event.Event {
	switch strings.ToLower(p.root.Text("Event")) {
	case "user_enter_tempsession":
		e := p.base
		// Somebody who opens the conversation waits: a reply may be sent within a minute.
		e.Type, e.Lane, e.Props = event.MPContactSessionEntered, event.Priority, event.Props{}
		wechat.SetText(e.Props, "session_from", p.root.Text("SessionFrom"))
		return []*event.Event{p.keyed(e)}
	case "subscribe_msg_popup_event":
		return p.answered("dialog")
	case "subscribe_msg_change_event":
		return p.answered("settings")
	case "subscribe_msg_sent_event":
		return p.finished()
	}
	return p.raw()
}

// templates are the items of a subscription event. JSON has them in List at the top, an object where there
// is one and a list where there are more; XML has them in a container named after the event, and has been
// published with the popup's name for the others too.
func (p *push) templates() []wechat.Element {
	var out []wechat.Element
	for item := range p.root.Children("List") {
		out = append(out, item)
	}
	for _, name := range [...]string{"SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent", "SubscribeMsgSentEvent"} {
		for container := range p.root.Children(name) {
			for item := range container.Children("List") {
				out = append(out, item)
			}
		}
	}
	return out
}

// answered is a user's choice per template of 订阅消息: in the dialog, or later in the settings, which the
// platform tells only for a refusal.
func (p *push) answered(place string) []*event.Event {
	var out []*event.Event
	for i, item := range p.templates() {
		e, template := p.base, item.Text("TemplateId")
		if template == "" {
			continue
		}
		e.Type, e.ObjectType, e.ObjectID = event.MPSubscriptionAnswered, "mp_template", template
		e.Props = event.Props{"template_id": template, "in": place}
		answer := item.Text("SubscribeStatusString") // accept, reject, ban, filter
		if answer == "acceptWithAudio" {             // accepted, and read aloud (订阅消息语音提醒)
			answer = "accept"
		}
		wechat.SetText(e.Props, "answer", answer)
		switch scene := item.Text("PopupScene"); scene {
		case "0":
			e.Props["scene"] = "page"
		default:
			wechat.SetText(e.Props, "scene", scene)
		}
		out = append(out, p.keyed(e, template, strconv.Itoa(i)))
	}
	if len(out) == 0 {
		return p.raw()
	}
	return out
}

// finished is the receipt of a 订阅消息.
func (p *push) finished() []*event.Event {
	var out []*event.Event
	for _, item := range p.templates() {
		e, template, id := p.base, item.Text("TemplateId"), item.Text("MsgID")
		if template == "" && id == "" {
			continue
		}
		e.Type, e.ObjectType, e.ObjectID = event.MessageDelivered, "mp_template", template
		e.Props = event.Props{"channel": "mini_subscribe"}
		wechat.SetText(e.Props, "template_id", template)
		wechat.SetText(e.Props, "platform_id", id)
		wechat.SetText(e.Props, "status", item.Text("ErrorStatus"))
		if code := item.Text("ErrorCode"); code != "0" {
			e.Type = event.MessageFailed
			wechat.SetText(e.Props, "code", code)
		}
		out = append(out, p.keyed(e, template, id))
	}
	if len(out) == 0 {
		return p.raw()
	}
	return out
}
