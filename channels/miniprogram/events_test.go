package miniprogram

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/channels/wechat"
)

const (
	testNow = 1_795_312_800_000
	openid  = "o7esq5OI1Uej6Xixw1lA2H7XDVbc"
)

func xmlOf(kind, elements string) string {
	return "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[" + openid + "]]></FromUserName>" +
		"<CreateTime>1795312799</CreateTime><MsgType><![CDATA[" + kind + "]]></MsgType>" + elements + "</xml>"
}

// jsonOf writes CreateTime as text, as the platform does now and then.
func jsonOf(kind, members string) string {
	return `{"ToUserName":"gh_1","FromUserName":"` + openid + `","CreateTime":"1795312799","MsgType":"` + kind + `",` + members + `}`
}

func readText(t testing.TB, text string) []*event.Event {
	t.Helper()
	root, err := wechat.ParseEither(text)
	require.NoError(t, err, text)
	events, err := read("wxmini", root, text, testNow)
	require.NoError(t, err)
	return events
}

var user = []event.Identity{{Kind: "openid", Scope: "wxmini", Value: openid}}

func TestRead_knows_every_push_in_both_forms(t *testing.T) {
	t.Parallel()
	const at = "|" + openid + "|1795312799" // follows the event's name in a key
	for _, test := range []struct {
		name  string
		forms []string
		lane  event.Lane
		want  []event.Event // without what all have in common
	}{
		{"a text", []string{
			xmlOf("text", "<Content><![CDATA[报价]]></Content><MsgId>23456789012345678</MsgId>"),
			jsonOf("text", `"Content":"报价","MsgId":23456789012345678`),
			jsonOf("text", `"Content":"\u62a5\u4ef7","MsgId":"23456789012345678"`),
		}, event.Priority, []event.Event{{Type: event.MPMessageReceived, Key: "msg|23456789012345678",
			Props: event.Props{"kind": "text", "msg_id": "23456789012345678", "content": "报价"}}}},
		{"an image", []string{
			xmlOf("image", "<PicUrl>http://p/1</PicUrl><MediaId>m</MediaId><MsgId>1</MsgId>"),
			jsonOf("image", `"PicUrl":"http://p/1","MediaId":"m","MsgId":1`),
		}, event.Priority, []event.Event{{Type: event.MPMessageReceived, Key: "msg|1",
			Props: event.Props{"kind": "image", "msg_id": "1", "url": "http://p/1", "media_id": "m"}}}},
		{"a card", []string{
			xmlOf("miniprogrampage", "<Title>T</Title><AppId>wx2</AppId><PagePath>p/i</PagePath><ThumbMediaId>t</ThumbMediaId><MsgId>1</MsgId>"),
			jsonOf("miniprogrampage", `"Title":"T","AppId":"wx2","PagePath":"p/i","ThumbMediaId":"t","MsgId":1`),
		}, event.Priority, []event.Event{{Type: event.MPMessageReceived, Key: "msg|1",
			Props: event.Props{"kind": "miniprogrampage", "msg_id": "1", "title": "T", "app_id": "wx2", "path": "p/i", "thumb_media_id": "t"}}}},
		{"the conversation opened", []string{
			xmlOf("event", "<Event>user_enter_tempsession</Event><SessionFrom><![CDATA[order-7]]></SessionFrom>"),
			jsonOf("event", `"Event":"user_enter_tempsession","SessionFrom":"order-7"`),
		}, event.Priority, []event.Event{{Type: event.MPContactSessionEntered, Key: "user_enter_tempsession" + at,
			Props: event.Props{"session_from": "order-7"}}}},
		{"two templates answered", []string{
			xmlOf("event", "<Event>subscribe_msg_popup_event</Event><SubscribeMsgPopupEvent>"+
				"<List><TemplateId>A</TemplateId><SubscribeStatusString>accept</SubscribeStatusString><PopupScene>0</PopupScene></List>"+
				"<List><TemplateId>B</TemplateId><SubscribeStatusString>reject</SubscribeStatusString><PopupScene>0</PopupScene></List></SubscribeMsgPopupEvent>"),
			jsonOf("event", `"Event":"subscribe_msg_popup_event","List":[{"TemplateId":"A","SubscribeStatusString":"accept","PopupScene":"0"},`+
				`{"TemplateId":"B","SubscribeStatusString":"reject","PopupScene":0}]`),
		}, event.Normal, []event.Event{
			{Type: event.MPSubscriptionAnswered, Key: "subscribe_msg_popup_event" + at + "|A|0", ObjectType: "mp_template", ObjectID: "A",
				Props: event.Props{"template_id": "A", "answer": "accept", "in": "dialog", "scene": "page"}},
			{Type: event.MPSubscriptionAnswered, Key: "subscribe_msg_popup_event" + at + "|B|1", ObjectType: "mp_template", ObjectID: "B",
				Props: event.Props{"template_id": "B", "answer": "reject", "in": "dialog", "scene": "page"}},
		}},
		{"one template answered, to be read aloud", []string{
			xmlOf("event", "<Event>subscribe_msg_popup_event</Event><SubscribeMsgPopupEvent><List><TemplateId>A</TemplateId>"+
				"<SubscribeStatusString>acceptWithAudio</SubscribeStatusString><PopupScene>2</PopupScene></List></SubscribeMsgPopupEvent>"),
			jsonOf("event", `"Event":"subscribe_msg_popup_event","List":{"TemplateId":"A","SubscribeStatusString":"acceptWithAudio","PopupScene":"2"}`),
		}, event.Normal, []event.Event{
			{Type: event.MPSubscriptionAnswered, Key: "subscribe_msg_popup_event" + at + "|A|0", ObjectType: "mp_template", ObjectID: "A",
				Props: event.Props{"template_id": "A", "answer": "accept", "in": "dialog", "scene": "2"}},
		}},
		{"a template refused in the settings", []string{
			xmlOf("event", "<Event>subscribe_msg_change_event</Event><SubscribeMsgChangeEvent><List><TemplateId>A</TemplateId><SubscribeStatusString>reject</SubscribeStatusString></List></SubscribeMsgChangeEvent>"),
			xmlOf("event", "<Event>subscribe_msg_change_event</Event><SubscribeMsgPopupEvent><List><TemplateId>A</TemplateId><SubscribeStatusString>reject</SubscribeStatusString></List></SubscribeMsgPopupEvent>"),
			jsonOf("event", `"Event":"subscribe_msg_change_event","List":{"SubscribeStatusString":"reject","TemplateId":"A"}`),
			jsonOf("event", `"Event":"subscribe_msg_change_event","List":[{"SubscribeStatusString":"reject","TemplateId":"A"}]`),
		}, event.Normal, []event.Event{
			{Type: event.MPSubscriptionAnswered, Key: "subscribe_msg_change_event" + at + "|A|0", ObjectType: "mp_template", ObjectID: "A",
				Props: event.Props{"template_id": "A", "answer": "reject", "in": "settings"}},
		}},
		{"a message delivered", []string{
			xmlOf("event", "<Event>subscribe_msg_sent_event</Event><SubscribeMsgSentEvent><List><TemplateId>A</TemplateId><MsgID>1864323726461255680</MsgID><ErrorCode>0</ErrorCode><ErrorStatus>success</ErrorStatus></List></SubscribeMsgSentEvent>"),
			jsonOf("event", `"Event":"subscribe_msg_sent_event","List":{"TemplateId":"A","MsgID":"1864323726461255680","ErrorCode":"0","ErrorStatus":"success"}`),
			jsonOf("event", `"Event":"subscribe_msg_sent_event","List":[{"TemplateId":"A","MsgID":1864323726461255680,"ErrorCode":0,"ErrorStatus":"success"}]`),
		}, event.Normal, []event.Event{
			{Type: event.MessageDelivered, Key: "subscribe_msg_sent_event" + at + "|A|1864323726461255680", ObjectType: "mp_template", ObjectID: "A",
				Props: event.Props{"channel": "mini_subscribe", "template_id": "A", "platform_id": "1864323726461255680", "status": "success"}},
		}},
		{"a message that failed", []string{
			jsonOf("event", `"Event":"subscribe_msg_sent_event","List":{"TemplateId":"A","MsgID":"1","ErrorCode":"43101","ErrorStatus":"user refuse"}`),
		}, event.Normal, []event.Event{
			{Type: event.MessageFailed, Key: "subscribe_msg_sent_event" + at + "|A|1", ObjectType: "mp_template", ObjectID: "A",
				Props: event.Props{"channel": "mini_subscribe", "template_id": "A", "platform_id": "1", "status": "user refuse", "code": "43101"}},
		}},
	} {
		for _, text := range test.forms {
			var want []*event.Event
			for _, e := range test.want {
				e.Source, e.Account, e.Lane, e.OccurredAt, e.ReceivedAt = "mp", "wxmini", test.lane, testNow-1000, testNow
				e.Identities = user
				want = append(want, &e)
			}
			require.Equal(t, want, readText(t, text), "%s: %s", test.name, text)
		}
	}
}

func TestRead_takes_CreateTime_as_a_number_too(t *testing.T) {
	t.Parallel()
	text := strings.Replace(jsonOf("text", `"Content":"hi"`), `"1795312799"`, "1795312799", 1)
	require.EqualValues(t, testNow-1000, readText(t, text)[0].OccurredAt)
	for _, odd := range []string{`"soon"`, "-5", "1e30", "null", `{"a":1}`} {
		text := strings.Replace(jsonOf("text", `"Content":"hi"`), `"1795312799"`, odd, 1)
		require.EqualValues(t, testNow, readText(t, text)[0].OccurredAt, odd)
	}
}

func TestRead_takes_the_unionid_when_there_is_one(t *testing.T) {
	t.Parallel()
	events := readText(t, jsonOf("text", `"Content":"hi","UnionId":"oU1"`))
	require.Equal(t, append(user[:1:1], event.Identity{Kind: "unionid", Value: "oU1"}), events[0].Identities)
}

func TestRead_keeps_what_it_does_not_know_and_makes_no_person_of_it(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a review":             jsonOf("event", `"Event":"weapp_audit_success","SuccTime":1795312799`),
		"a media check":        xmlOf("event", "<Event>wxa_media_check</Event><trace_id>1</trace_id>"),
		"a payment":            jsonOf("event", `"Event":"xpay_goods_deliver_notify","OpenId":"oX"`),
		"an unknown kind":      jsonOf("hologram", `"MsgId":1`),
		"an answer to nothing": jsonOf("event", `"Event":"subscribe_msg_popup_event","List":[]`),
		"an answer to no one":  jsonOf("event", `"Event":"subscribe_msg_popup_event","List":"x"`),
		"a receipt of nothing": jsonOf("event", `"Event":"subscribe_msg_sent_event","List":{}`),
		"a name far too long":  strings.Replace(jsonOf("text", `"Content":"hi"`), openid, strings.Repeat("o", 97), 1),
	} {
		events := readText(t, text)
		require.Len(t, events, 1, name)
		require.Equal(t, event.RawReceived, events[0].Type, name)
		require.Empty(t, events[0].Identities, name)
		require.Equal(t, text, events[0].Props["body"], name)
		require.Equal(t, event.Normal, events[0].Lane, name)
	}
}

func TestRead_refuses_what_is_no_push(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"<xml/>", "{}", xmlOf("", ""), jsonOf("event", `"Event":""`), `{"FromUserName":"o1","Event":"x"}`,
		`{"MsgType":"text","Content":"x"}`, `{"FromUserName":{"a":"o1"},"MsgType":"text"}`} {
		root, err := wechat.ParseEither(text)
		require.NoError(t, err)
		_, err = read("wxmini", root, text, testNow)
		require.ErrorIs(t, err, wechat.BadEvent, text)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(jsonOf("event", `"Event":"subscribe_msg_popup_event","List":[{"TemplateId":"A"},{"TemplateId":["B",{"c":1}]}]`))
	f.Add(jsonOf("event", `"Event":"subscribe_msg_sent_event","List":{"MsgID":1e400,"ErrorCode":null}`))
	f.Add(jsonOf("event", `"Event":"user_enter_tempsession","SessionFrom":"x"`))
	f.Add(xmlOf("event", "<Event>subscribe_msg_change_event</Event><SubscribeMsgPopupEvent><List/><List/></SubscribeMsgPopupEvent>"))
	f.Add(xmlOf("text", "<Content>x</Content>"))
	f.Fuzz(func(t *testing.T, text string) {
		root, err := wechat.ParseEither(text)
		if err != nil {
			return
		}
		events, err := read("wxmini", root, text, testNow)
		if err != nil {
			require.ErrorIs(t, err, wechat.BadEvent)
			return
		}
		require.NotEmpty(t, events)
		for _, e := range events {
			require.NotEmpty(t, e.Type)
			require.NotEmpty(t, e.Key)
			require.True(t, wechat.Fit(e))
			_, err := json.Marshal(e)
			require.NoError(t, err)
		}
	})
}
