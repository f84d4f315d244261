package wecom

import (
	"strings"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/channels/wechat"
)

const source = "wecom"

// body is one decrypted callback.
type body struct {
	app  account.WeCom
	root wechat.Element
	text string
	base event.Event // what all its events have in common
}

// read turns a callback into events: usually one, for a change of group members one more each. What it
// does not know is kept as raw.received. BadEvent comes back only for a document that is no message.
func read(app account.WeCom, root wechat.Element, text string, now int64) ([]*event.Event, error) {
	b := body{app: app, root: root, text: text, base: wechat.Event(source, app.ID(), root, now)}
	return wechat.Sorted(root, b.event, b.message, b.raw)
}

// one makes a single event. Its key is what tells it from the others of the corp (platform: Event,
// ChangeType, UserID, ExternalUserID, ChatId, CreateTime) and whatever more the caller names.
func (b *body) one(e event.Event, extra ...string) []*event.Event {
	return []*event.Event{b.keyed(e, extra...)}
}

func (b *body) keyed(e event.Event, extra ...string) *event.Event {
	parts := append(make([]string, 0, 12),
		b.root.Text("Event"), b.root.Text("ChangeType"), b.root.Text("UserID"),
		b.root.Text("ExternalUserID"), b.root.Text("ChatId"), b.root.Text("CreateTime"))
	e.Key = wechat.Key(append(parts, extra...)...)
	return &e
}

// raw keeps the callback whole, with the member of staff it came from; "sys" is the platform itself.
func (b *body) raw() []*event.Event {
	e := wechat.Raw(b.base, b.root, b.text)
	if e.Staff = b.root.Text("FromUserName"); e.Staff == "sys" || !wechat.Fit(e) {
		e.Staff = ""
	}
	return []*event.Event{e}
}

// set adds the elements that have a text as properties: name of the element, key of the property, ….
func (b *body) set(p event.Props, names ...string) event.Props {
	for i := 0; i+1 < len(names); i += 2 {
		wechat.SetText(p, names[i+1], b.root.Text(names[i]))
	}
	return p
}

// message is what a member of staff wrote to the app.
func (b *body) message() []*event.Event {
	e := b.base
	e.Staff = b.root.Text("FromUserName")
	props, known := wechat.MessageProps(b.root)
	if !known || e.Staff == "" {
		return b.raw()
	}
	e.Type, e.Props = event.WeComMessageReceived, props
	if id := b.root.Text("MsgId"); id != "" {
		e.Key = wechat.Key("msg", id)
	} else {
		e.Key = wechat.Key("msg", e.Staff, b.root.Text("CreateTime"), props.Str("kind"), props.Str("content"))
	}
	return []*event.Event{&e}
}

func (b *body) event() []*event.Event {
	switch b.root.Text("Event") {
	case "change_external_contact":
		return b.customer()
	case "change_external_chat":
		return b.group()
	case "change_external_tag":
		return b.tag()
	case "customer_acquisition":
		return b.link()
	case "change_contact":
		return b.directory()
	case "template_card_event", "template_card_menu_event":
		return b.card()
	case "LOCATION":
		return b.location()
	}
	return b.raw()
}

// customer is a change between a customer and a member of staff (客户联系, 事件格式: path/92130).
func (b *body) customer() []*event.Event {
	e := b.base
	switch b.root.Text("ChangeType") {
	case "add_external_contact":
		e.Type, e.Lane = event.WeComCustomerAdded, event.Priority
	case "add_half_external_contact":
		// The member added the customer without the customer having confirmed yet.
		e.Type, e.Lane = event.WeComCustomerHalfAdded, event.Priority
	case "edit_external_contact":
		e.Type = event.WeComCustomerEdited
	case "del_external_contact":
		e.Type = event.WeComCustomerDeleted // staff deleted the customer
	case "del_follow_user":
		e.Type = event.WeComDeletedByCustomer // the customer deleted the member
	case "transfer_fail":
		e.Type = event.WeComTransferFailed
	default:
		return b.raw()
	}
	if !b.person(&e) {
		return b.raw()
	}
	// WelcomeCode is good for one welcome within 20 s of CreateTime; it is absent when the console sends
	// one, or when the two have chatted already.
	e.Props = b.set(event.Props{}, "State", "state", "WelcomeCode", "welcome_code",
		"Source", "source", "FailReason", "fail_reason")
	return b.one(e)
}

// person names the customer and the member of staff; false when the platform named no customer.
func (b *body) person(e *event.Event) bool {
	id := b.root.Text("ExternalUserID")
	if id == "" {
		return false
	}
	e.Identities = []event.Identity{b.external(id)}
	e.Staff = b.root.Text("UserID")
	return true
}

func (b *body) external(id string) event.Identity {
	return event.Identity{Kind: event.KindExternal, Scope: b.app.CorpID, Value: id}
}

// group is a change of a customer group. The platform tells who came or went only in newer callbacks
// (MemChangeList); then each of them has an event too.
func (b *body) group() []*event.Event {
	e := b.base
	chat := b.root.Text("ChatId")
	if chat == "" {
		return b.raw()
	}
	e.ObjectType, e.ObjectID = "wecom_group", chat
	switch b.root.Text("ChangeType") {
	case "create":
		e.Type = event.WeComGroupCreated
		return b.one(e)
	case "dismiss":
		e.Type = event.WeComGroupDismissed
		return b.one(e)
	case "update":
	default:
		return b.raw()
	}
	detail, version := b.root.Text("UpdateDetail"), b.root.Text("CurMemVer")
	changed := e
	changed.Type = event.WeComGroupChanged
	changed.Props = b.set(event.Props{}, "UpdateDetail", "detail")
	b.scene(changed.Props, detail)
	if n := b.root.Int("MemChangeCnt"); n > 0 {
		changed.Props["members"] = n
	}
	out := b.one(changed, detail, version)

	switch detail {
	case "add_member":
		e.Type = event.WeComGroupJoined
	case "del_member":
		e.Type = event.WeComGroupLeft
	default:
		return out
	}
	for _, id := range b.members() {
		m := e
		m.Props = event.Props{}
		b.scene(m.Props, detail)
		if isExternal(id) {
			m.Identities = []event.Identity{b.external(id)}
		} else {
			m.Staff = id
		}
		out = append(out, b.keyed(m, detail, version, id))
	}
	return out
}

// scene adds how members came or went: JoinScene and QuitScene are both sent, the other one as 0.
func (b *body) scene(p event.Props, detail string) {
	switch detail {
	case "add_member":
		b.set(p, "JoinScene", "scene")
	case "del_member":
		b.set(p, "QuitScene", "scene")
	}
}

// members reads MemChangeList, which is documented as a list of <Item> and has been seen as one text
// joined by commas.
func (b *body) members() []string {
	list := b.root.Child("MemChangeList")
	var out []string
	for item := range list.Children("Item") {
		out = append(out, item.Value())
	}
	if len(out) == 0 {
		out = strings.Split(list.Value(), ",")
	}
	kept, seen := out[:0], make(map[string]bool, len(out))
	for _, id := range out {
		if id = strings.TrimSpace(id); id != "" && !seen[id] {
			seen[id] = true
			kept = append(kept, id)
		}
	}
	return kept
}

// isExternal tells an external_userid (32 characters, wm… for WeChat users, wo… for WeCom users) from a
// userid, which the corp chooses.
func isExternal(id string) bool {
	return len(id) >= 20 && (strings.HasPrefix(id, "wm") || strings.HasPrefix(id, "wo"))
}

// tag is a change of the corp's customer tags: a tag, a group of tags, or (shuffle) their order.
func (b *body) tag() []*event.Event {
	e := b.base
	switch b.root.Text("ChangeType") {
	case "create", "update", "delete", "shuffle":
	default:
		return b.raw()
	}
	e.Type, e.ObjectType, e.ObjectID = event.WeComTagChanged, "wecom_tag", b.root.Text("Id")
	if b.root.Text("TagType") == "tag_group" {
		e.ObjectType = "wecom_tag_group"
	}
	e.Props = b.set(event.Props{}, "ChangeType", "change_type", "TagType", "tag_type", "StrategyId", "strategy_id")
	return b.one(e, b.root.Text("TagType"), b.root.Text("Id"), b.root.Text("StrategyId"))
}

// link is what happens around 获客助手 (path/97299). Opening a link and asking for friendship name nobody
// yet; two of them on one link within one second cannot be told from a retry and count once.
func (b *body) link() []*event.Event {
	e := b.base
	switch b.root.Text("ChangeType") {
	case "balance_low", "balance_exhausted":
		e.Type = event.WeComLinkBalanceLow
	case "open_profile":
		e.Type = event.WeComLinkOpened
	case "friend_request":
		e.Type = event.WeComFriendRequested
	case "customer_start_chat":
		e.Type = event.WeComChatStarted
		if !b.person(&e) {
			return b.raw()
		}
	default:
		return b.raw()
	}
	if id := b.root.Text("LinkId"); id != "" {
		e.ObjectType, e.ObjectID = "wecom_link", id
	}
	e.Props = b.set(event.Props{}, "ChangeType", "change_type", "State", "state")
	return b.one(e, b.root.Text("LinkId"), b.root.Text("State"))
}

// directory is a change of staff, departments or staff tags (通讯录变更事件). It says that and where the
// directory changed; names, phone numbers and addresses are fetched by who mirrors it and never stand in
// an event.
func (b *body) directory() []*event.Event {
	e := b.base
	e.Type = event.WeComDirectoryChanged
	e.Props = b.set(event.Props{}, "ChangeType", "change_type")
	switch change := b.root.Text("ChangeType"); {
	case strings.HasSuffix(change, "_user"):
		e.Staff = b.root.Text("UserID")
		e.ObjectType, e.ObjectID = "staff", e.Staff
		b.set(e.Props, "NewUserID", "new_user_id")
	case strings.HasSuffix(change, "_party"):
		e.ObjectType, e.ObjectID = "department", b.root.Text("Id")
		b.set(e.Props, "ParentId", "parent_id")
	case strings.HasSuffix(change, "_tag"):
		e.ObjectType, e.ObjectID = "staff_tag", b.root.Text("TagId")
	default:
		return b.raw()
	}
	return b.one(e, e.ObjectType, e.ObjectID)
}

// card is a press on a button or menu entry of a template_card we sent. The response_code changes the
// card once, within 72 h (path/94945).
func (b *body) card() []*event.Event {
	e := b.base
	e.Staff = b.root.Text("FromUserName")
	if e.Staff == "" {
		return b.raw()
	}
	task, key := b.root.Text("TaskId"), b.root.Text("EventKey")
	e.Type, e.ObjectType, e.ObjectID = event.WeComCardClicked, "wecom_card", task
	e.Props = b.set(event.Props{}, "EventKey", "key", "TaskId", "task_id", "CardType", "card_type", "ResponseCode", "response_code")
	if b.root.Text("Event") == "template_card_menu_event" {
		e.Props["menu"] = true
	}
	chosen := map[string]any{}
	for item := range b.root.Child("SelectedItems").Children("SelectedItem") {
		options := []string{}
		for option := range item.Child("OptionIds").Children("OptionId") {
			options = append(options, option.Value())
		}
		chosen[item.Text("QuestionKey")] = options
	}
	if len(chosen) > 0 {
		e.Props["selected"] = chosen
	}
	return b.one(e, e.Staff, task, key, b.root.Text("ResponseCode"))
}

// location is where a member of staff opened the app: no event of ours, but its place must not be kept.
func (b *body) location() []*event.Event {
	events := b.raw()
	delete(events[0].Props, "body")
	wechat.Coarse(events[0].Props, b.root.Text("Latitude"), b.root.Text("Longitude"))
	return events
}
