package officialaccount

import (
	"strconv"
	"strings"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/channels/wechat"
)

const source = "oa"

// body is one decrypted callback.
type body struct {
	appID string
	root  wechat.Element
	text  string
	from  string      // the follower's OpenID
	base  event.Event // what all its events have in common, the follower included
}

// read turns a callback into events: usually one; a subscription dialog has one per template. What it
// does not know is kept as raw.received. BadEvent comes back only for a document that is no message.
func read(appID string, root wechat.Element, text string, now int64) ([]*event.Event, error) {
	b := body{appID: appID, root: root, text: text, from: root.Text("FromUserName"),
		base: wechat.Event(source, appID, root, now)}
	if b.from == "" {
		return nil, wechat.BadEvent
	}
	b.base.Identities = b.follower()
	return wechat.Sorted(root, b.event, b.message, b.anonymous)
}

// follower is who the callback is about. The platform adds a UnionId to few of them.
func (b *body) follower() []event.Identity {
	ids := []event.Identity{{Kind: event.KindOpenID, Scope: b.appID, Value: b.from}}
	if union := b.root.Text("UnionId"); union != "" {
		ids = append(ids, event.Identity{Kind: event.KindUnionID, Value: union})
	}
	return ids
}

// one makes a single event. Its key is FromUserName and CreateTime, as the platform advises, with Event
// and EventKey, because two events of one second would share that, and whatever more the caller names.
func (b *body) one(e event.Event, extra ...string) []*event.Event {
	return []*event.Event{b.keyed(e, extra...)}
}

func (b *body) keyed(e event.Event, extra ...string) *event.Event {
	parts := append(make([]string, 0, 8),
		b.root.Text("Event"), b.from, b.root.Text("CreateTime"), b.root.Text("EventKey"))
	e.Key = wechat.Key(append(parts, extra...)...)
	return &e
}

func (b *body) raw() []*event.Event {
	return []*event.Event{wechat.Raw(b.base, b.root, b.text)}
}

// anonymous is raw for what concerns the account and no follower.
func (b *body) anonymous() []*event.Event {
	events := b.raw()
	events[0].Identities = nil
	return events
}

// set adds the elements that have a text as properties: name of the element, key of the property, ….
func (b *body) set(p event.Props, names ...string) event.Props {
	for i := 0; i+1 < len(names); i += 2 {
		wechat.SetText(p, names[i+1], b.root.Text(names[i]))
	}
	return p
}

func (b *body) message() []*event.Event {
	props, known := wechat.MessageProps(b.root)
	if !known {
		return b.raw()
	}
	e := b.base
	e.Type, e.Lane, e.Props = event.OAMessageReceived, event.Priority, props
	if id := b.root.Text("MsgId"); id != "" {
		e.Key = wechat.Key("msg", id)
	} else {
		e.Key = wechat.Key("msg", b.from, b.root.Text("CreateTime"), props.Str("kind"), props.Str("content"))
	}
	return []*event.Event{&e}
}

// event reads MsgType=event. The platform spells some names in capitals; case tells nothing.
func (b *body) event() []*event.Event {
	e := b.base
	e.Props = event.Props{}
	key := b.root.Text("EventKey")
	name := strings.ToLower(b.root.Text("Event"))
	switch name {
	case "subscribe":
		e.Type, e.Lane = event.OAFollowed, event.Priority
		if scene, ok := strings.CutPrefix(key, "qrscene_"); ok {
			b.scene(&e, scene)
		}
	case "unsubscribe":
		e.Type = event.OAUnfollowed
	case "scan":
		e.Type, e.Lane = event.OAScanned, event.Priority
		b.scene(&e, key)
	case "click":
		e.Type, e.Lane = event.OAMenuClicked, event.Priority
		e.ObjectType, e.ObjectID = "menu", key
		b.set(e.Props, "EventKey", "key")
	case "view":
		e.Type = event.OAMenuLinkOpened
		b.set(e.Props, "EventKey", "url", "MenuId", "menu_id")
	case "view_miniprogram":
		e.Type = event.OAMiniprogramOpened
		b.set(e.Props, "EventKey", "path", "MenuId", "menu_id")
	case "scancode_push", "scancode_waitmsg":
		e.Type = event.OAMenuScanned
		info := b.root.Child("ScanCodeInfo")
		b.set(e.Props, "EventKey", "key")
		wechat.SetText(e.Props, "scan_type", info.Text("ScanType"))
		wechat.SetText(e.Props, "result", info.Text("ScanResult"))
		return b.one(e, info.Text("ScanResult"))
	case "location":
		e.Type = event.OALocationReported
		wechat.Coarse(e.Props, b.root.Text("Latitude"), b.root.Text("Longitude"))
	case "location_select":
		e.Type = event.OALocationReported
		info := b.root.Child("SendLocationInfo")
		b.set(e.Props, "EventKey", "key")
		wechat.Coarse(e.Props, info.Text("Location_X"), info.Text("Location_Y"))
	case "templatesendjobfinish":
		return b.templateFinished()
	case "masssendjobfinish":
		return b.massFinished()
	case "subscribe_msg_popup_event":
		return b.answered("dialog")
	case "subscribe_msg_change_event":
		return b.answered("settings")
	case "subscribe_msg_sent_event":
		return b.noticeFinished()
	default:
		if accountEvent(name) {
			return b.anonymous()
		}
		return b.raw()
	}
	return b.one(e)
}

// scene is the code of the QR that was scanned. EventKey of a scan is the bare scene, of a follow it is
// prefixed; both are the same code.
func (b *body) scene(e *event.Event, scene string) {
	e.ObjectType, e.ObjectID = "qrcode", scene
	wechat.SetText(e.Props, "scene", scene)
	b.set(e.Props, "Ticket", "ticket")
}

// templateFinished is the receipt of a template message. Its id is in MsgID, not MsgId.
func (b *body) templateFinished() []*event.Event {
	e, status := b.base, b.root.Text("Status")
	e.Type = event.MessageDelivered
	e.Props = b.set(event.Props{"channel": "official_template"}, "MsgID", "platform_id", "Status", "status")
	if status != "success" {
		e.Type = event.MessageFailed
		e.Props["reason"] = templateReason(status)
	}
	return b.one(e, b.root.Text("MsgID"))
}

// templateReason names what the platform says after "failed:", in spellings that vary.
func templateReason(status string) string {
	for _, r := range [...]struct{ part, reason string }{
		{"user block", "user_block"}, {"system failed", "system_failed"}, {"freq limit", "freq_limit"},
	} {
		if strings.Contains(status, r.part) {
			return r.reason
		}
	}
	return "other"
}

// massFinished is the end of a mass send; its FromUserName is the platform, not a follower.
func (b *body) massFinished() []*event.Event {
	e := b.base
	e.Identities = nil
	e.Type = event.OAMassSendFinished
	e.Props = b.set(event.Props{}, "MsgID", "platform_id", "Status", "status")
	for _, n := range [...]struct{ element, key string }{
		{"TotalCount", "total"}, {"FilterCount", "filtered"}, {"SentCount", "sent"}, {"ErrorCount", "errors"},
	} {
		e.Props[n.key] = b.root.Int(n.element)
	}
	return b.one(e, b.root.Text("MsgID"))
}

// templates are the <List> items of a subscription event: several in one container, or several
// containers. subscribe_msg_change_event has been published with the popup's container too.
func (b *body) templates() []wechat.Element {
	var out []wechat.Element
	for _, name := range [...]string{"SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent", "SubscribeMsgSentEvent"} {
		for container := range b.root.Children(name) {
			for item := range container.Children("List") {
				out = append(out, item)
			}
		}
	}
	return out
}

// answered is a follower's choice per template of 订阅通知: in a dialog, or later in the settings, which
// the platform tells only for a refusal.
func (b *body) answered(place string) []*event.Event {
	var out []*event.Event
	for i, item := range b.templates() {
		e, template := b.base, item.Text("TemplateId")
		e.Type, e.ObjectType, e.ObjectID = event.OASubscriptionAnswered, "oa_template", template
		e.Props = event.Props{"template_id": template, "in": place}
		wechat.SetText(e.Props, "answer", item.Text("SubscribeStatusString")) // accept, reject
		switch item.Text("PopupScene") {
		case "1":
			e.Props["scene"] = "h5"
		case "2":
			e.Props["scene"] = "article"
		}
		out = append(out, b.keyed(e, template, strconv.Itoa(i)))
	}
	if len(out) == 0 {
		return b.raw()
	}
	return out
}

// noticeFinished is the receipt of a 订阅通知.
func (b *body) noticeFinished() []*event.Event {
	var out []*event.Event
	for _, item := range b.templates() {
		e, template, id := b.base, item.Text("TemplateId"), item.Text("MsgID")
		e.Type, e.ObjectType, e.ObjectID = event.MessageDelivered, "oa_template", template
		e.Props = event.Props{"channel": "official_notice", "template_id": template}
		wechat.SetText(e.Props, "platform_id", id)
		wechat.SetText(e.Props, "status", item.Text("ErrorStatus"))
		if code := item.Text("ErrorCode"); code != "0" {
			e.Type = event.MessageFailed
			wechat.SetText(e.Props, "code", code)
		}
		out = append(out, b.keyed(e, template, id))
	}
	if len(out) == 0 {
		return b.raw()
	}
	return out
}

// accountEvent tells the events that concern the account itself: reviews, certification, publishing.
// Their FromUserName is the platform's, and must not become a person.
func accountEvent(name string) bool {
	switch name {
	case "publishjobfinish", "annual_renew", "card_pass_check", "card_not_pass_check", "card_sku_remind",
		"wxa_media_check", "wxa_nickname_audit":
		return true
	}
	for _, prefix := range [...]string{"weapp_audit_", "qualification_verify_", "naming_verify_", "verify_expired"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
