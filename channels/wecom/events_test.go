package wecom

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/channels/wechat"
)

var testApp = account.WeCom{CorpID: "ww1", AgentID: 1000002, Token: "QDG6eK", AESKey: "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"}

const (
	testNow  = 1_795_312_800_000
	customer = "woAJ2GCAAAXtWyujaWJHDDGi0mAAAAAA"
	friend   = "wmAJ2GCAAAXtWyujaWJHDDGi0mBBBBBB"
)

// doc wraps elements as the platform does, one second before testNow.
func doc(elements string) string {
	return "<xml><ToUserName><![CDATA[ww1]]></ToUserName><CreateTime>1795312799</CreateTime>" + elements + "</xml>"
}

// sys is an event the platform tells by itself.
func sys(name, change, elements string) string {
	return doc("<FromUserName><![CDATA[sys]]></FromUserName><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[" + name +
		"]]></Event><ChangeType><![CDATA[" + change + "]]></ChangeType>" + elements)
}

// by is something a member of staff did in the app.
func by(user, kind, elements string) string {
	return doc("<FromUserName><![CDATA[" + user + "]]></FromUserName><MsgType><![CDATA[" + kind + "]]></MsgType>" + elements)
}

const both = "<UserID><![CDATA[zhangsan]]></UserID><ExternalUserID><![CDATA[" + customer + "]]></ExternalUserID>"

var (
	who  = []event.Identity{{Kind: "external_userid", Scope: "ww1", Value: customer}}
	whom = []event.Identity{{Kind: "external_userid", Scope: "ww1", Value: friend}}
)

func readDoc(t testing.TB, text string) []*event.Event {
	t.Helper()
	root, err := wechat.ParseXML(text)
	require.NoError(t, err)
	events, err := read(testApp, root, text, testNow)
	require.NoError(t, err)
	return events
}

func TestRead_knows_every_event(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		text string
		want []event.Event // without what all have in common
	}{
		{"a customer added by a contact way",
			sys("change_external_contact", "add_external_contact", both+"<State><![CDATA[expo]]></State><WelcomeCode><![CDATA[WC]]></WelcomeCode>"),
			[]event.Event{{Type: event.WeComCustomerAdded, Identities: who, Staff: "zhangsan",
				Key:   "change_external_contact|add_external_contact|zhangsan|" + customer + "||1795312799",
				Props: event.Props{"state": "expo", "welcome_code": "WC"}}}},
		{"a customer added without confirmation",
			sys("change_external_contact", "add_half_external_contact", both+"<WelcomeCode>WC</WelcomeCode>"),
			[]event.Event{{Type: event.WeComCustomerHalfAdded, Identities: who, Staff: "zhangsan",
				Key:   "change_external_contact|add_half_external_contact|zhangsan|" + customer + "||1795312799",
				Props: event.Props{"welcome_code": "WC"}}}},
		{"a customer edited",
			sys("change_external_contact", "edit_external_contact", both+"<State></State>"),
			[]event.Event{{Type: event.WeComCustomerEdited, Identities: who, Staff: "zhangsan",
				Key:   "change_external_contact|edit_external_contact|zhangsan|" + customer + "||1795312799",
				Props: event.Props{}}}},
		{"a customer deleted by staff",
			sys("change_external_contact", "del_external_contact", both+"<Source><![CDATA[DELETE_BY_TRANSFER]]></Source>"),
			[]event.Event{{Type: event.WeComCustomerDeleted, Identities: who, Staff: "zhangsan",
				Key:   "change_external_contact|del_external_contact|zhangsan|" + customer + "||1795312799",
				Props: event.Props{"source": "DELETE_BY_TRANSFER"}}}},
		{"staff deleted by a customer",
			sys("change_external_contact", "del_follow_user", both),
			[]event.Event{{Type: event.WeComDeletedByCustomer, Identities: who, Staff: "zhangsan",
				Key:   "change_external_contact|del_follow_user|zhangsan|" + customer + "||1795312799",
				Props: event.Props{}}}},
		{"a failed transfer",
			sys("change_external_contact", "transfer_fail", both+"<FailReason><![CDATA[customer_refused]]></FailReason>"),
			[]event.Event{{Type: event.WeComTransferFailed, Identities: who, Staff: "zhangsan",
				Key:   "change_external_contact|transfer_fail|zhangsan|" + customer + "||1795312799",
				Props: event.Props{"fail_reason": "customer_refused"}}}},
		{"a group created",
			sys("change_external_chat", "create", "<ChatId><![CDATA[wrX]]></ChatId>"),
			[]event.Event{{Type: event.WeComGroupCreated, ObjectType: "wecom_group", ObjectID: "wrX",
				Key: "change_external_chat|create|||wrX|1795312799"}}},
		{"a group dismissed",
			sys("change_external_chat", "dismiss", "<ChatId><![CDATA[wrX]]></ChatId>"),
			[]event.Event{{Type: event.WeComGroupDismissed, ObjectType: "wecom_group", ObjectID: "wrX",
				Key: "change_external_chat|dismiss|||wrX|1795312799"}}},
		{"a group renamed",
			sys("change_external_chat", "update", "<ChatId>wrX</ChatId><UpdateDetail>change_name</UpdateDetail><JoinScene>0</JoinScene>"),
			[]event.Event{{Type: event.WeComGroupChanged, ObjectType: "wecom_group", ObjectID: "wrX",
				Key:   "change_external_chat|update|||wrX|1795312799|change_name|",
				Props: event.Props{"detail": "change_name"}}}},
		{"members joined, of an older platform that names none",
			sys("change_external_chat", "update", "<ChatId>wrX</ChatId><UpdateDetail>add_member</UpdateDetail><JoinScene>3</JoinScene><QuitScene>0</QuitScene><MemChangeCnt>2</MemChangeCnt>"),
			[]event.Event{{Type: event.WeComGroupChanged, ObjectType: "wecom_group", ObjectID: "wrX",
				Key:   "change_external_chat|update|||wrX|1795312799|add_member|",
				Props: event.Props{"detail": "add_member", "scene": "3", "members": int64(2)}}}},
		{"customers and staff joined",
			sys("change_external_chat", "update", "<ChatId>wrX</ChatId><UpdateDetail>add_member</UpdateDetail><JoinScene>3</JoinScene><QuitScene>0</QuitScene>"+
				"<MemChangeCnt>3</MemChangeCnt><MemChangeList><Item><![CDATA["+customer+"]]></Item><Item>lisi</Item><Item>"+friend+"</Item><Item>lisi</Item></MemChangeList>"+
				"<LastMemVer>v1</LastMemVer><CurMemVer>v2</CurMemVer>"),
			[]event.Event{
				{Type: event.WeComGroupChanged, ObjectType: "wecom_group", ObjectID: "wrX",
					Key:   "change_external_chat|update|||wrX|1795312799|add_member|v2",
					Props: event.Props{"detail": "add_member", "scene": "3", "members": int64(3)}},
				{Type: event.WeComGroupJoined, ObjectType: "wecom_group", ObjectID: "wrX", Identities: who,
					Key: "change_external_chat|update|||wrX|1795312799|add_member|v2|" + customer, Props: event.Props{"scene": "3"}},
				{Type: event.WeComGroupJoined, ObjectType: "wecom_group", ObjectID: "wrX", Staff: "lisi",
					Key: "change_external_chat|update|||wrX|1795312799|add_member|v2|lisi", Props: event.Props{"scene": "3"}},
				{Type: event.WeComGroupJoined, ObjectType: "wecom_group", ObjectID: "wrX", Identities: whom,
					Key: "change_external_chat|update|||wrX|1795312799|add_member|v2|" + friend, Props: event.Props{"scene": "3"}},
			}},
		{"a customer left, named in a text",
			sys("change_external_chat", "update", "<ChatId>wrX</ChatId><UpdateDetail>del_member</UpdateDetail><JoinScene>0</JoinScene><QuitScene>1</QuitScene>"+
				"<MemChangeCnt>1</MemChangeCnt><MemChangeList><![CDATA["+customer+"]]></MemChangeList>"),
			[]event.Event{
				{Type: event.WeComGroupChanged, ObjectType: "wecom_group", ObjectID: "wrX",
					Key:   "change_external_chat|update|||wrX|1795312799|del_member|",
					Props: event.Props{"detail": "del_member", "scene": "1", "members": int64(1)}},
				{Type: event.WeComGroupLeft, ObjectType: "wecom_group", ObjectID: "wrX", Identities: who,
					Key: "change_external_chat|update|||wrX|1795312799|del_member||" + customer, Props: event.Props{"scene": "1"}},
			}},
		{"a tag created",
			sys("change_external_tag", "create", "<Id>et1</Id><TagType>tag</TagType><StrategyId>7</StrategyId>"),
			[]event.Event{{Type: event.WeComTagChanged, ObjectType: "wecom_tag", ObjectID: "et1",
				Key:   "change_external_tag|create||||1795312799|tag|et1|7",
				Props: event.Props{"change_type": "create", "tag_type": "tag", "strategy_id": "7"}}}},
		{"a tag group updated",
			sys("change_external_tag", "update", "<Id>et2</Id><TagType>tag_group</TagType>"),
			[]event.Event{{Type: event.WeComTagChanged, ObjectType: "wecom_tag_group", ObjectID: "et2",
				Key:   "change_external_tag|update||||1795312799|tag_group|et2|",
				Props: event.Props{"change_type": "update", "tag_type": "tag_group"}}}},
		{"a tag deleted",
			sys("change_external_tag", "delete", "<Id>et1</Id><TagType>tag</TagType>"),
			[]event.Event{{Type: event.WeComTagChanged, ObjectType: "wecom_tag", ObjectID: "et1",
				Key:   "change_external_tag|delete||||1795312799|tag|et1|",
				Props: event.Props{"change_type": "delete", "tag_type": "tag"}}}},
		{"tags reordered",
			sys("change_external_tag", "shuffle", "<Id>et3</Id>"),
			[]event.Event{{Type: event.WeComTagChanged, ObjectType: "wecom_tag", ObjectID: "et3",
				Key:   "change_external_tag|shuffle||||1795312799||et3|",
				Props: event.Props{"change_type": "shuffle"}}}},
		{"the link quota runs low",
			sys("customer_acquisition", "balance_low", ""),
			[]event.Event{{Type: event.WeComLinkBalanceLow, Key: "customer_acquisition|balance_low||||1795312799||",
				Props: event.Props{"change_type": "balance_low"}}}},
		{"the link quota is used up",
			sys("customer_acquisition", "balance_exhausted", ""),
			[]event.Event{{Type: event.WeComLinkBalanceLow, Key: "customer_acquisition|balance_exhausted||||1795312799||",
				Props: event.Props{"change_type": "balance_exhausted"}}}},
		{"a link opened",
			sys("customer_acquisition", "open_profile", "<LinkId>ca1</LinkId><State>ad</State>"),
			[]event.Event{{Type: event.WeComLinkOpened, ObjectType: "wecom_link", ObjectID: "ca1",
				Key:   "customer_acquisition|open_profile||||1795312799|ca1|ad",
				Props: event.Props{"change_type": "open_profile", "state": "ad"}}}},
		{"friendship requested through a link",
			sys("customer_acquisition", "friend_request", "<LinkId>ca1</LinkId><State>ad</State>"),
			[]event.Event{{Type: event.WeComFriendRequested, ObjectType: "wecom_link", ObjectID: "ca1",
				Key:   "customer_acquisition|friend_request||||1795312799|ca1|ad",
				Props: event.Props{"change_type": "friend_request", "state": "ad"}}}},
		{"the first message of a customer of a link",
			sys("customer_acquisition", "customer_start_chat", "<LinkId>ca1</LinkId>"+both),
			[]event.Event{{Type: event.WeComChatStarted, ObjectType: "wecom_link", ObjectID: "ca1", Identities: who, Staff: "zhangsan",
				Key:   "customer_acquisition|customer_start_chat|zhangsan|" + customer + "||1795312799|ca1|",
				Props: event.Props{"change_type": "customer_start_chat"}}}},
		{"staff changed, without personal values",
			sys("change_contact", "update_user", "<UserID>zhangsan</UserID><NewUserID>zhangsan2</NewUserID><Name>张三</Name><Mobile>13800000000</Mobile><Email>z@x.cn</Email>"),
			[]event.Event{{Type: event.WeComDirectoryChanged, Staff: "zhangsan", ObjectType: "staff", ObjectID: "zhangsan",
				Key:   "change_contact|update_user|zhangsan|||1795312799|staff|zhangsan",
				Props: event.Props{"change_type": "update_user", "new_user_id": "zhangsan2"}}}},
		{"a department changed",
			sys("change_contact", "create_party", "<Id>2</Id><ParentId>1</ParentId><Name>销售部</Name>"),
			[]event.Event{{Type: event.WeComDirectoryChanged, ObjectType: "department", ObjectID: "2",
				Key:   "change_contact|create_party||||1795312799|department|2",
				Props: event.Props{"change_type": "create_party", "parent_id": "1"}}}},
		{"a staff tag changed",
			sys("change_contact", "update_tag", "<TagId>9</TagId><AddUserItems>a,b</AddUserItems>"),
			[]event.Event{{Type: event.WeComDirectoryChanged, ObjectType: "staff_tag", ObjectID: "9",
				Key:   "change_contact|update_tag||||1795312799|staff_tag|9",
				Props: event.Props{"change_type": "update_tag"}}}},
		{"a text from staff",
			by("lisi", "text", "<Content><![CDATA[跟进]]></Content><MsgId>1234567890123456</MsgId><AgentID>1000002</AgentID>"),
			[]event.Event{{Type: event.WeComMessageReceived, Staff: "lisi", Key: "msg|1234567890123456",
				Props: event.Props{"kind": "text", "msg_id": "1234567890123456", "content": "跟进"}}}},
		{"an image from staff, without a message id",
			by("lisi", "image", "<PicUrl>https://p/1</PicUrl><MediaId>m1</MediaId>"),
			[]event.Event{{Type: event.WeComMessageReceived, Staff: "lisi", Key: "msg|lisi|1795312799|image|",
				Props: event.Props{"kind": "image", "media_id": "m1", "url": "https://p/1"}}}},
		{"a place from staff, coarse",
			by("lisi", "location", "<Location_X>23.134521</Location_X><Location_Y>113.358803</Location_Y><Label>某小区3栋</Label><MsgId>2</MsgId>"),
			[]event.Event{{Type: event.WeComMessageReceived, Staff: "lisi", Key: "msg|2",
				Props: event.Props{"kind": "location", "msg_id": "2", "lat": 23.13, "lng": 113.36}}}},
		{"a card's button pressed",
			by("lisi", "event", "<Event>template_card_event</Event><EventKey>accept</EventKey><TaskId>t-1</TaskId><CardType>button_interaction</CardType><ResponseCode>RC</ResponseCode><AgentID>1000002</AgentID>"),
			[]event.Event{{Type: event.WeComCardClicked, Staff: "lisi", ObjectType: "wecom_card", ObjectID: "t-1",
				Key:   "template_card_event|||||1795312799|lisi|t-1|accept|RC",
				Props: event.Props{"key": "accept", "task_id": "t-1", "card_type": "button_interaction", "response_code": "RC"}}}},
		{"a card's form sent",
			by("lisi", "event", "<Event>template_card_event</Event><EventKey>send</EventKey><TaskId>t-1</TaskId><SelectedItems>"+
				"<SelectedItem><QuestionKey>q1</QuestionKey><OptionIds><OptionId>o1</OptionId><OptionId>o2</OptionId></OptionIds></SelectedItem>"+
				"<SelectedItem><QuestionKey>q2</QuestionKey><OptionIds></OptionIds></SelectedItem></SelectedItems>"),
			[]event.Event{{Type: event.WeComCardClicked, Staff: "lisi", ObjectType: "wecom_card", ObjectID: "t-1",
				Key: "template_card_event|||||1795312799|lisi|t-1|send|",
				Props: event.Props{"key": "send", "task_id": "t-1",
					"selected": map[string]any{"q1": []string{"o1", "o2"}, "q2": []string{}}}}}},
		{"a card's menu used",
			by("lisi", "event", "<Event>template_card_menu_event</Event><EventKey>mute</EventKey><TaskId>t-1</TaskId>"),
			[]event.Event{{Type: event.WeComCardClicked, Staff: "lisi", ObjectType: "wecom_card", ObjectID: "t-1",
				Key:   "template_card_menu_event|||||1795312799|lisi|t-1|mute|",
				Props: event.Props{"key": "mute", "task_id": "t-1", "menu": true}}}},
	} {
		var want []*event.Event
		for _, e := range test.want {
			e.Lane = event.Normal
			if e.Type == event.WeComCustomerAdded || e.Type == event.WeComCustomerHalfAdded {
				e.Lane = event.Priority
			}
			e.Source, e.Account, e.OccurredAt, e.ReceivedAt = "wecom", "ww1/1000002", testNow-1000, testNow
			want = append(want, &e)
		}
		require.Equal(t, want, readDoc(t, test.text), test.name)
	}
}

func TestRead_keeps_what_it_does_not_know(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"an unknown event":                by("lisi", "event", "<Event>enter_agent</Event><EventKey></EventKey>"),
		"an unknown change of a customer": sys("change_external_contact", "renamed", both),
		"an unknown change of a group":    sys("change_external_chat", "exploded", "<ChatId>wrX</ChatId>"),
		"an unknown change of tags":       sys("change_external_tag", "painted", "<Id>1</Id>"),
		"an unknown change of a link":     sys("customer_acquisition", "quota_expire_soon", "<ExpireTime>1</ExpireTime>"),
		"an unknown change of staff":      sys("change_contact", "fired", ""),
		"a customer without a name":       sys("change_external_contact", "add_external_contact", "<UserID>zhangsan</UserID>"),
		"a chat without a customer":       sys("customer_acquisition", "customer_start_chat", "<LinkId>1</LinkId>"),
		"a group without an id":           sys("change_external_chat", "create", ""),
		"a card without a presser":        by("", "event", "<Event>template_card_event</Event>"),
		"a message nobody wrote":          by("", "text", "<Content>x</Content>"),
		"an unknown kind of message":      by("lisi", "hologram", "<MsgId>1</MsgId>"),
		"a name too long to be one":       sys("change_external_contact", "add_external_contact", both[:len(both)-len("</ExternalUserID>")-3]+strings.Repeat("x", 90)+"]]></ExternalUserID>"),
	} {
		events := readDoc(t, text)
		require.Len(t, events, 1, name)
		e := events[0]
		require.Equal(t, event.RawReceived, e.Type, name)
		require.Equal(t, event.Normal, e.Lane, name)
		require.Equal(t, text, e.Props["body"], name)
		require.Empty(t, e.Identities, name)
		require.NotEqual(t, "sys", e.Staff, name)
		require.NotEmpty(t, e.Key, name)
		require.EqualValues(t, testNow-1000, e.OccurredAt, name)
	}
}

func TestRead_keeps_no_exact_place_of_staff(t *testing.T) {
	t.Parallel()
	events := readDoc(t, by("lisi", "event", "<Event>LOCATION</Event><Latitude>23.134521</Latitude><Longitude>113.358803</Longitude><Precision>65</Precision>"))
	require.Len(t, events, 1)
	require.Equal(t, event.RawReceived, events[0].Type)
	require.Equal(t, "lisi", events[0].Staff)
	require.Equal(t, event.Props{"msg_type": "event", "event": "LOCATION", "lat": 23.13, "lng": 113.36}, events[0].Props)
}

func TestRead_refuses_what_is_no_message(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"<xml/>", doc(""), doc("<MsgType>event</MsgType>"), "<html><body>MsgType</body></html>"} {
		root, err := wechat.ParseXML(text)
		require.NoError(t, err)
		_, err = read(testApp, root, text, testNow)
		require.ErrorIs(t, err, wechat.BadEvent, text)
	}
}

func TestRead_takes_any_create_time(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"<CreateTime>1795312799</CreateTime>":                 1_795_312_799_000,
		"<CreateTime><![CDATA[1795312799]]></CreateTime>":     1_795_312_799_000,
		"<CreateTime> 1795312799\n</CreateTime>":              1_795_312_799_000,
		"":                                                    testNow,
		"<CreateTime>soon</CreateTime>":                       testNow,
		"<CreateTime>-1</CreateTime>":                         testNow,
		"<CreateTime>9223372036854775807</CreateTime>":        testNow,
		"<CreateTime>99999999999999999999999999</CreateTime>": testNow,
	} {
		events := readDoc(t, "<xml><FromUserName>lisi</FromUserName><MsgType>text</MsgType><Content>x</Content>"+text+"</xml>")
		require.Equal(t, want, events[0].OccurredAt, text)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(sys("change_external_contact", "add_external_contact", both))
	f.Add(sys("change_external_chat", "update", "<ChatId>wrX</ChatId><UpdateDetail>add_member</UpdateDetail><MemChangeList><Item>a</Item></MemChangeList>"))
	f.Add(sys("change_external_tag", "shuffle", "<Id>1</Id>"))
	f.Add(sys("customer_acquisition", "customer_start_chat", both))
	f.Add(sys("change_contact", "update_tag", "<TagId>1</TagId>"))
	f.Add(by("lisi", "text", "<Content>x</Content>"))
	f.Add(by("lisi", "location", "<Location_X>NaN</Location_X><Location_Y>1e999</Location_Y>"))
	f.Add(by("lisi", "event", "<Event>template_card_event</Event><SelectedItems><SelectedItem/></SelectedItems>"))
	f.Fuzz(func(t *testing.T, text string) {
		root, err := wechat.ParseXML(text)
		if err != nil {
			return
		}
		events, err := read(testApp, root, text, testNow)
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
