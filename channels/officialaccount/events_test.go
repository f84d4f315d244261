package officialaccount

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
	openid  = "oZI8Fj040-be6rlDohc6gkoPOQTQ"
)

func doc(kind, elements string) string {
	return "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[" + openid + "]]></FromUserName>" +
		"<CreateTime>1795312799</CreateTime><MsgType><![CDATA[" + kind + "]]></MsgType>" + elements + "</xml>"
}

func happens(name, elements string) string {
	return doc("event", "<Event><![CDATA["+name+"]]></Event>"+elements)
}

func readDoc(t testing.TB, text string) []*event.Event {
	t.Helper()
	root, err := wechat.ParseXML(text)
	require.NoError(t, err)
	events, err := read("wx1", root, text, testNow)
	require.NoError(t, err)
	return events
}

var follower = []event.Identity{{Kind: "openid", Scope: "wx1", Value: openid}}

func TestRead_knows_every_event_and_message(t *testing.T) {
	t.Parallel()
	const at = "|" + openid + "|1795312799|" // follows the event's name in a key
	for _, test := range []struct {
		name string
		text string
		lane event.Lane
		want []event.Event // without what all have in common
	}{
		{"a follow", happens("subscribe", "<EventKey><![CDATA[]]></EventKey>"), event.Priority,
			[]event.Event{{Type: event.OAFollowed, Key: "subscribe" + at, Props: event.Props{}}}},
		{"a follow by a QR code", happens("subscribe", "<EventKey><![CDATA[qrscene_expo_2026]]></EventKey><Ticket><![CDATA[T1]]></Ticket>"), event.Priority,
			[]event.Event{{Type: event.OAFollowed, Key: "subscribe" + at + "qrscene_expo_2026", ObjectType: "qrcode", ObjectID: "expo_2026",
				Props: event.Props{"scene": "expo_2026", "ticket": "T1"}}}},
		{"an unfollow", happens("unsubscribe", "<EventKey></EventKey>"), event.Normal,
			[]event.Event{{Type: event.OAUnfollowed, Key: "unsubscribe" + at, Props: event.Props{}}}},
		{"a scan", happens("SCAN", "<EventKey>expo_2026</EventKey><Ticket>T1</Ticket>"), event.Priority,
			[]event.Event{{Type: event.OAScanned, Key: "SCAN" + at + "expo_2026", ObjectType: "qrcode", ObjectID: "expo_2026",
				Props: event.Props{"scene": "expo_2026", "ticket": "T1"}}}},
		{"a menu click", happens("CLICK", "<EventKey>PRICES</EventKey>"), event.Priority,
			[]event.Event{{Type: event.OAMenuClicked, Key: "CLICK" + at + "PRICES", ObjectType: "menu", ObjectID: "PRICES",
				Props: event.Props{"key": "PRICES"}}}},
		{"a menu link", happens("VIEW", "<EventKey><![CDATA[https://x.cn/?a=1&b=2]]></EventKey><MenuId>42</MenuId>"), event.Normal,
			[]event.Event{{Type: event.OAMenuLinkOpened, Key: "VIEW" + at + "https://x.cn/?a=1&b=2",
				Props: event.Props{"url": "https://x.cn/?a=1&b=2", "menu_id": "42"}}}},
		{"a menu mini-program", happens("view_miniprogram", "<EventKey>pages/index</EventKey><MenuId>42</MenuId>"), event.Normal,
			[]event.Event{{Type: event.OAMiniprogramOpened, Key: "view_miniprogram" + at + "pages/index",
				Props: event.Props{"path": "pages/index", "menu_id": "42"}}}},
		{"a menu scan", happens("scancode_push", "<EventKey>k</EventKey><ScanCodeInfo><ScanType>qrcode</ScanType><ScanResult>R1</ScanResult></ScanCodeInfo>"), event.Normal,
			[]event.Event{{Type: event.OAMenuScanned, Key: "scancode_push" + at + "k|R1",
				Props: event.Props{"key": "k", "scan_type": "qrcode", "result": "R1"}}}},
		{"a menu scan that waits", happens("scancode_waitmsg", "<EventKey>k</EventKey><ScanCodeInfo><ScanType>barcode</ScanType><ScanResult>R2</ScanResult></ScanCodeInfo>"), event.Normal,
			[]event.Event{{Type: event.OAMenuScanned, Key: "scancode_waitmsg" + at + "k|R2",
				Props: event.Props{"key": "k", "scan_type": "barcode", "result": "R2"}}}},
		{"a place, coarse", happens("LOCATION", "<Latitude>23.137466</Latitude><Longitude>113.352425</Longitude><Precision>119.385040</Precision>"), event.Normal,
			[]event.Event{{Type: event.OALocationReported, Key: "LOCATION" + at, Props: event.Props{"lat": 23.14, "lng": 113.35}}}},
		{"a place from the menu, coarse and nameless", happens("location_select", "<EventKey>k</EventKey><SendLocationInfo><Location_X>23.137466</Location_X>"+
			"<Location_Y>113.352425</Location_Y><Scale>15</Scale><Label>某小区3栋</Label><Poiname></Poiname></SendLocationInfo>"), event.Normal,
			[]event.Event{{Type: event.OALocationReported, Key: "location_select" + at + "k", Props: event.Props{"key": "k", "lat": 23.14, "lng": 113.35}}}},
		{"a template message delivered", happens("TEMPLATESENDJOBFINISH", "<MsgID>200163836</MsgID><Status><![CDATA[success]]></Status>"), event.Normal,
			[]event.Event{{Type: event.MessageDelivered, Key: "TEMPLATESENDJOBFINISH" + at + "|200163836",
				Props: event.Props{"channel": "official_template", "platform_id": "200163836", "status": "success"}}}},
		{"a template message the follower blocks", happens("TEMPLATESENDJOBFINISH", "<MsgID>1</MsgID><Status><![CDATA[failed:user block]]></Status>"), event.Normal,
			[]event.Event{{Type: event.MessageFailed, Key: "TEMPLATESENDJOBFINISH" + at + "|1",
				Props: event.Props{"channel": "official_template", "platform_id": "1", "status": "failed:user block", "reason": "user_block"}}}},
		{"a template message the platform lost", happens("TEMPLATESENDJOBFINISH", "<MsgID>1</MsgID><Status><![CDATA[failed: system failed]]></Status>"), event.Normal,
			[]event.Event{{Type: event.MessageFailed, Key: "TEMPLATESENDJOBFINISH" + at + "|1",
				Props: event.Props{"channel": "official_template", "platform_id": "1", "status": "failed: system failed", "reason": "system_failed"}}}},
		{"a template message that failed otherwise", happens("TEMPLATESENDJOBFINISH", "<MsgID>1</MsgID><Status>failed: moon</Status>"), event.Normal,
			[]event.Event{{Type: event.MessageFailed, Key: "TEMPLATESENDJOBFINISH" + at + "|1",
				Props: event.Props{"channel": "official_template", "platform_id": "1", "status": "failed: moon", "reason": "other"}}}},
		{"templates answered in a dialog", happens("subscribe_msg_popup_event", "<SubscribeMsgPopupEvent>"+
			"<List><TemplateId>A</TemplateId><SubscribeStatusString>accept</SubscribeStatusString><PopupScene>1</PopupScene></List>"+
			"<List><TemplateId>B</TemplateId><SubscribeStatusString>reject</SubscribeStatusString><PopupScene>2</PopupScene></List></SubscribeMsgPopupEvent>"), event.Normal,
			[]event.Event{
				{Type: event.OASubscriptionAnswered, Key: "subscribe_msg_popup_event" + at + "|A|0", ObjectType: "oa_template", ObjectID: "A",
					Props: event.Props{"template_id": "A", "answer": "accept", "in": "dialog", "scene": "h5"}},
				{Type: event.OASubscriptionAnswered, Key: "subscribe_msg_popup_event" + at + "|B|1", ObjectType: "oa_template", ObjectID: "B",
					Props: event.Props{"template_id": "B", "answer": "reject", "in": "dialog", "scene": "article"}},
			}},
		{"templates answered, one container each", happens("subscribe_msg_popup_event",
			"<SubscribeMsgPopupEvent><List><TemplateId>A</TemplateId><SubscribeStatusString>accept</SubscribeStatusString></List></SubscribeMsgPopupEvent>"+
				"<SubscribeMsgPopupEvent><List><TemplateId>A</TemplateId><SubscribeStatusString>accept</SubscribeStatusString></List></SubscribeMsgPopupEvent>"), event.Normal,
			[]event.Event{
				{Type: event.OASubscriptionAnswered, Key: "subscribe_msg_popup_event" + at + "|A|0", ObjectType: "oa_template", ObjectID: "A",
					Props: event.Props{"template_id": "A", "answer": "accept", "in": "dialog"}},
				{Type: event.OASubscriptionAnswered, Key: "subscribe_msg_popup_event" + at + "|A|1", ObjectType: "oa_template", ObjectID: "A",
					Props: event.Props{"template_id": "A", "answer": "accept", "in": "dialog"}},
			}},
		{"a template refused in the settings", happens("subscribe_msg_change_event",
			"<SubscribeMsgChangeEvent><List><TemplateId>A</TemplateId><SubscribeStatusString>reject</SubscribeStatusString></List></SubscribeMsgChangeEvent>"), event.Normal,
			[]event.Event{{Type: event.OASubscriptionAnswered, Key: "subscribe_msg_change_event" + at + "|A|0", ObjectType: "oa_template", ObjectID: "A",
				Props: event.Props{"template_id": "A", "answer": "reject", "in": "settings"}}}},
		{"a template refused, in the popup's container", happens("subscribe_msg_change_event",
			"<SubscribeMsgPopupEvent><List><TemplateId>A</TemplateId><SubscribeStatusString>reject</SubscribeStatusString></List></SubscribeMsgPopupEvent>"), event.Normal,
			[]event.Event{{Type: event.OASubscriptionAnswered, Key: "subscribe_msg_change_event" + at + "|A|0", ObjectType: "oa_template", ObjectID: "A",
				Props: event.Props{"template_id": "A", "answer": "reject", "in": "settings"}}}},
		{"a notice delivered", happens("subscribe_msg_sent_event",
			"<SubscribeMsgSentEvent><List><TemplateId>A</TemplateId><MsgID>1700827132819554304</MsgID><ErrorCode>0</ErrorCode><ErrorStatus>success</ErrorStatus></List></SubscribeMsgSentEvent>"), event.Normal,
			[]event.Event{{Type: event.MessageDelivered, Key: "subscribe_msg_sent_event" + at + "|A|1700827132819554304", ObjectType: "oa_template", ObjectID: "A",
				Props: event.Props{"channel": "official_notice", "template_id": "A", "platform_id": "1700827132819554304", "status": "success"}}}},
		{"a notice failed", happens("subscribe_msg_sent_event",
			"<SubscribeMsgSentEvent><List><TemplateId>A</TemplateId><MsgID>1</MsgID><ErrorCode>43101</ErrorCode><ErrorStatus>user refuse</ErrorStatus></List></SubscribeMsgSentEvent>"), event.Normal,
			[]event.Event{{Type: event.MessageFailed, Key: "subscribe_msg_sent_event" + at + "|A|1", ObjectType: "oa_template", ObjectID: "A",
				Props: event.Props{"channel": "official_notice", "template_id": "A", "platform_id": "1", "status": "user refuse", "code": "43101"}}}},

		{"a text", doc("text", "<Content><![CDATA[报价]]></Content><MsgId>23456789012345678</MsgId>"), event.Priority,
			[]event.Event{{Type: event.OAMessageReceived, Key: "msg|23456789012345678",
				Props: event.Props{"kind": "text", "msg_id": "23456789012345678", "content": "报价"}}}},
		{"a text by a menu whose id is no number", doc("text", "<Content>满意</Content><MsgId>99999999999999999999999</MsgId><bizmsgmenuid>menu-a</bizmsgmenuid>"), event.Priority,
			[]event.Event{{Type: event.OAMessageReceived, Key: "msg|99999999999999999999999",
				Props: event.Props{"kind": "text", "msg_id": "99999999999999999999999", "content": "满意", "menu_id": "menu-a"}}}},
		{"an image", doc("image", "<PicUrl>http://p/1</PicUrl><MediaId>m</MediaId><MsgId>1</MsgId>"), event.Priority,
			[]event.Event{{Type: event.OAMessageReceived, Key: "msg|1", Props: event.Props{"kind": "image", "msg_id": "1", "url": "http://p/1", "media_id": "m"}}}},
		{"a voice", doc("voice", "<MediaId>m</MediaId><Format>amr</Format><Recognition>你好</Recognition><MsgId>1</MsgId>"), event.Priority,
			[]event.Event{{Type: event.OAMessageReceived, Key: "msg|1", Props: event.Props{"kind": "voice", "msg_id": "1", "media_id": "m", "format": "amr", "content": "你好"}}}},
		{"a video", doc("video", "<MediaId>m</MediaId><ThumbMediaId>t</ThumbMediaId><MsgId>1</MsgId>"), event.Priority,
			[]event.Event{{Type: event.OAMessageReceived, Key: "msg|1", Props: event.Props{"kind": "video", "msg_id": "1", "media_id": "m", "thumb_media_id": "t"}}}},
		{"a place sent", doc("location", "<Location_X>23.134521</Location_X><Location_Y>113.358803</Location_Y><Scale>20</Scale><Label>某小区3栋</Label><MsgId>1</MsgId>"), event.Priority,
			[]event.Event{{Type: event.OAMessageReceived, Key: "msg|1", Props: event.Props{"kind": "location", "msg_id": "1", "lat": 23.13, "lng": 113.36}}}},
		{"a link", doc("link", "<Title>T</Title><Description>D</Description><Url>http://u</Url><MsgId>1</MsgId>"), event.Priority,
			[]event.Event{{Type: event.OAMessageReceived, Key: "msg|1", Props: event.Props{"kind": "link", "msg_id": "1", "title": "T", "description": "D", "url": "http://u"}}}},
		{"a mini-program card", doc("miniprogrampage", "<Title>T</Title><AppId>wx2</AppId><PagePath>p/i</PagePath><ThumbMediaId>t</ThumbMediaId><MsgId>1</MsgId>"), event.Priority,
			[]event.Event{{Type: event.OAMessageReceived, Key: "msg|1",
				Props: event.Props{"kind": "miniprogrampage", "msg_id": "1", "title": "T", "app_id": "wx2", "path": "p/i", "thumb_media_id": "t"}}}},
		{"a text without an id", doc("text", "<Content>hi</Content>"), event.Priority,
			[]event.Event{{Type: event.OAMessageReceived, Key: "msg" + at + "text|hi", Props: event.Props{"kind": "text", "content": "hi"}}}},
	} {
		var want []*event.Event
		for _, e := range test.want {
			e.Source, e.Account, e.Lane, e.OccurredAt, e.ReceivedAt = "oa", "wx1", test.lane, testNow-1000, testNow
			e.Identities = follower
			want = append(want, &e)
		}
		require.Equal(t, want, readDoc(t, test.text), test.name)
	}
}

func TestRead_takes_the_unionid_when_there_is_one(t *testing.T) {
	t.Parallel()
	events := readDoc(t, happens("subscribe", "<UnionId>oU1</UnionId>"))
	require.Equal(t, append(follower[:1:1], event.Identity{Kind: "unionid", Value: "oU1"}), events[0].Identities)
}

func TestRead_makes_no_person_of_the_platform(t *testing.T) {
	t.Parallel()
	events := readDoc(t, happens("MASSSENDJOBFINISH", "<MsgID>1000001625</MsgID><Status>err(30003)</Status><TotalCount>10</TotalCount>"+
		"<FilterCount>8</FilterCount><SentCount>5</SentCount><ErrorCount>3</ErrorCount>"))
	require.Equal(t, []*event.Event{{Type: event.OAMassSendFinished, Source: "oa", Account: "wx1", Lane: event.Normal,
		Key: "MASSSENDJOBFINISH|" + openid + "|1795312799||1000001625", OccurredAt: testNow - 1000, ReceivedAt: testNow,
		Props: event.Props{"platform_id": "1000001625", "status": "err(30003)", "total": int64(10), "filtered": int64(8), "sent": int64(5), "errors": int64(3)}}}, events)
	for _, name := range []string{"PUBLISHJOBFINISH", "weapp_audit_success", "qualification_verify_fail", "annual_renew"} {
		events := readDoc(t, happens(name, ""))
		require.Equal(t, event.RawReceived, events[0].Type)
		require.Empty(t, events[0].Identities, name)
	}
}

func TestRead_keeps_what_it_does_not_know(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"an unknown event":           happens("user_pay_from_pay_cell", "<CardId>1</CardId>"),
		"a menu album":               happens("pic_sysphoto", "<EventKey>k</EventKey>"),
		"an unknown kind of message": doc("hologram", "<MsgId>1</MsgId>"),
		"an answer to no template":   happens("subscribe_msg_popup_event", "<SubscribeMsgPopupEvent></SubscribeMsgPopupEvent>"),
		"a receipt of no notice":     happens("subscribe_msg_sent_event", ""),
	} {
		events := readDoc(t, text)
		require.Len(t, events, 1, name)
		e := events[0]
		require.Equal(t, event.RawReceived, e.Type, name)
		require.Equal(t, follower, e.Identities, name)
		require.Equal(t, text, e.Props["body"], name)
		require.Equal(t, event.Normal, e.Lane, name)
	}
	long := readDoc(t, strings.Replace(happens("subscribe", ""), openid, strings.Repeat("o", 97), 1))
	require.Equal(t, event.RawReceived, long[0].Type)
	require.Empty(t, long[0].Identities)
}

func TestRead_keeps_a_long_key_in_the_properties_only(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("k", 129)
	e := readDoc(t, happens("CLICK", "<EventKey>"+key+"</EventKey>"))[0]
	require.Equal(t, event.OAMenuClicked, e.Type)
	require.Empty(t, e.ObjectID)
	require.Equal(t, key, e.Props["key"])
}

func TestRead_refuses_what_is_no_message(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"<xml/>", doc("", ""), doc("event", ""),
		strings.Replace(doc("text", "<Content>x</Content>"), openid, "", 1)} {
		root, err := wechat.ParseXML(text)
		require.NoError(t, err)
		_, err = read("wx1", root, text, testNow)
		require.ErrorIs(t, err, wechat.BadEvent, text)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(happens("subscribe", "<EventKey>qrscene_1</EventKey><UnionId>u</UnionId>"))
	f.Add(happens("SCAN", "<EventKey>1</EventKey>"))
	f.Add(happens("LOCATION", "<Latitude>Inf</Latitude><Longitude>-0</Longitude>"))
	f.Add(happens("TEMPLATESENDJOBFINISH", "<MsgID>1</MsgID><Status>success</Status>"))
	f.Add(happens("MASSSENDJOBFINISH", "<MsgID>1</MsgID><TotalCount>x</TotalCount>"))
	f.Add(happens("subscribe_msg_popup_event", "<SubscribeMsgPopupEvent><List/><List/></SubscribeMsgPopupEvent>"))
	f.Add(doc("text", "<Content>x</Content><bizmsgmenuid>y</bizmsgmenuid>"))
	f.Fuzz(func(t *testing.T, text string) {
		root, err := wechat.ParseXML(text)
		if err != nil {
			return
		}
		events, err := read("wx1", root, text, testNow)
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
