package httpapi_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
)

func TestAPI_timeline_tells_each_event_in_the_words_of_the_definitions(t *testing.T) {
	t.Parallel()
	r := boot(t, dbtest.SQLiteConfig(t))
	now := clock.Ms(time.Now())
	told := func(typ string, props event.Props, object ...string) *event.Event {
		e := &event.Event{Type: typ, Key: typ, Source: "oa", Account: "wx1", Lane: event.Normal, OccurredAt: now, Props: props,
			Identities: []event.Identity{{Kind: event.KindOpenID, Scope: "wx1", Value: "oTold"}}}
		if len(object) == 2 {
			e.ObjectType, e.ObjectID = object[0], object[1]
		}
		return e
	}
	_, err := r.app.Log.Append(t.Context(), told(event.OAFollowed, event.Props{"scene": "expo"}),
		told(event.OAMessageReceived, event.Props{"kind": "text", "content": "报价 13800001111"}),
		told(event.PageDwelled, event.Props{"seconds": 70}, "page", "price"),
		told(event.ConsentUnsubscribed, event.Props{"channel": "sms", "source": "sms_uplink"}))
	require.NoError(t, err)
	r.settle()
	text := map[string]string{}
	for _, x := range r.root.get("/api/v1/contacts/1/timeline?limit=200").is(200).items() {
		e := x.(map[string]any)
		text[e["type"].(string)] = e["text"].(string)
	}
	require.Equal(t, "渠道码 expo", text["oa.followed"])
	require.Contains(t, text["oa.message_received"], "“报价 138")
	require.NotContains(t, text["oa.message_received"], "13800001111", "masked here as everywhere")
	require.Equal(t, "报价 · 70 秒", text["page.dwelled"])
	require.Equal(t, "短信 · 短信回复", text["consent.unsubscribed"])
	require.Contains(t, text["stage.entered"], "已识别")
	require.NotContains(t, text["tag.added"], "_", "a tag goes by its name")
}
