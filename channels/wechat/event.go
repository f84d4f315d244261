package wechat

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"github.com/koi-scrm/koi/app/event"
)

// The widest names the timeline keeps (bytes). The platforms' own are shorter: userid 64, openid 28,
// external_userid 32, scene_str 64, menu key 128.
const (
	maxName   = 96
	maxObject = 128
)

// Event is the fact a callback tells, before a door has said which. It happened at the platform's
// CreateTime, or now where that is no plausible instant.
func Event(source, account string, root Element, now int64) event.Event {
	return event.Event{
		Source: source, Account: account, Lane: event.Normal,
		OccurredAt: root.Time("CreateTime", now), ReceivedAt: now,
	}
}

// Key names a fact by the fields that tell it from others at its source.
func Key(parts ...string) string { return strings.Join(parts, "|") }

// Raw is the event for what no door knows yet: the body is kept whole, so that a later version, or a rule
// on it, can still make something of it.
func Raw(e event.Event, root Element, text string) *event.Event {
	sum := sha256.Sum256([]byte(text))
	e.Type, e.Lane = event.RawReceived, event.Normal
	e.Key = Key("raw", hex.EncodeToString(sum[:16]))
	e.ObjectType, e.ObjectID = "", ""
	e.Props = event.Props{"msg_type": root.Text("MsgType"), "body": text}
	SetText(e.Props, "event", root.Text("Event"))
	SetText(e.Props, "change_type", root.Text("ChangeType"))
	return &e
}

// Fit makes an event fit where it is kept: an object with too long a name is dropped, since it stands in
// the props. It returns false where that is not enough: a person's name as long is none the platform gave,
// and the callback is kept as raw.
func Fit(e *event.Event) bool {
	if len(e.ObjectID) > maxObject {
		e.ObjectType, e.ObjectID = "", ""
	}
	if len(e.Staff) > maxName {
		return false
	}
	for _, id := range e.Identities {
		if len(id.Value) > maxName {
			return false
		}
	}
	return true
}

// SetText adds a property unless its text is empty.
func SetText(p event.Props, key, text string) {
	if text != "" {
		p[key] = text
	}
}

// Coarse adds a position as lat and lng, rounded to a hundredth of a degree (about a kilometre): where
// someone is is sensitive, and no rule needs it closer. The exact one is kept nowhere.
func Coarse(p event.Props, lat, lng string) {
	y, errY := strconv.ParseFloat(lat, 64)
	x, errX := strconv.ParseFloat(lng, 64)
	if errY != nil || errX != nil || !(math.Abs(y) <= 90) || !(math.Abs(x) <= 180) {
		return
	}
	p["lat"], p["lng"] = math.Round(y*100)/100, math.Round(x*100)/100
}

// MessageProps are the properties of a message somebody wrote to an account: its kind, the platform's id
// for it, and what it carries. known is false for a kind that is not in the platforms' documents.
// Media stay on the platform for three days and are fetched by media_id.
func MessageProps(root Element) (p event.Props, known bool) {
	kind := root.Text("MsgType")
	p = event.Props{"kind": kind}
	SetText(p, "msg_id", root.Text("MsgId"))
	switch kind {
	case "text":
		p["content"] = root.Text("Content")
		SetText(p, "menu_id", root.Text("bizmsgmenuid")) // a tap in a 客服菜单消息; not always a number
	case "image":
		SetText(p, "media_id", root.Text("MediaId"))
		SetText(p, "url", root.Text("PicUrl"))
	case "voice":
		SetText(p, "media_id", root.Text("MediaId"))
		SetText(p, "format", root.Text("Format"))
		SetText(p, "content", root.Text("Recognition"))
	case "video", "shortvideo":
		SetText(p, "media_id", root.Text("MediaId"))
		SetText(p, "thumb_media_id", root.Text("ThumbMediaId"))
	case "location":
		Coarse(p, root.Text("Location_X"), root.Text("Location_Y"))
	case "link":
		SetText(p, "title", root.Text("Title"))
		SetText(p, "description", root.Text("Description"))
		SetText(p, "url", root.Text("Url"))
	case "miniprogrampage":
		SetText(p, "title", root.Text("Title"))
		SetText(p, "app_id", root.Text("AppId"))
		SetText(p, "path", root.Text("PagePath"))
		SetText(p, "thumb_media_id", root.Text("ThumbMediaId"))
	default:
		return p, false
	}
	return p, true
}

// Sorted gives the events of a callback by its MsgType: those of an event, or those of a message. Where one
// of them does not fit the tables, the callback is kept raw instead. BadEvent: it is neither.
func Sorted(root Element, ofEvent, ofMessage, raw func() []*event.Event) ([]*event.Event, error) {
	var events []*event.Event
	switch root.Text("MsgType") {
	case "":
		return nil, BadEvent
	case "event":
		if root.Text("Event") == "" {
			return nil, BadEvent
		}
		events = ofEvent()
	default:
		events = ofMessage()
	}
	for _, e := range events {
		if !Fit(e) {
			return raw(), nil
		}
	}
	return events, nil
}
