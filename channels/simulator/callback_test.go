package simulator

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/fault"
)

// seen is what a callback must carry, by element.
type seen map[string]string

func TestCallback_every_act_arrives_signed_sealed_and_as_the_platform_writes_it(t *testing.T) {
	t.Parallel()
	oa := func(event string, more ...string) seen {
		out := seen{"ToUserName": "gh_", "FromUserName": "oChen", "CreateTime": "1795314600", "MsgType": "event", "Event": event}
		for i := 0; i+1 < len(more); i += 2 {
			out[more[i]] = more[i+1]
		}
		return out
	}
	customer := func(change string) seen {
		return seen{"ToUserName": testCorp, "FromUserName": "sys", "Event": "change_external_contact", "ChangeType": change,
			"UserID": "zhangsan", "ExternalUserID": "wmChen"}
	}
	for _, c := range []struct {
		name string
		acts []Act // the last one's callback is looked at
		want seen
	}{
		{"follow", []Act{{Who: "oChen", Do: "unfollow"}, {Who: "oChen", Do: "follow"}}, oa("subscribe", "EventKey", "")},
		{"follow by QR code", []Act{{Who: "oChen", Do: "unfollow"}, {Who: "oChen", Do: "follow", With: "booth"}}, oa("subscribe", "EventKey", "qrscene_booth")},
		{"scan by someone who doesn't follow", []Act{{Who: "oChen", Do: "unfollow"}, {Who: "oChen", Do: "scan", With: "booth"}}, oa("subscribe", "EventKey", "qrscene_booth")},
		{"scan", []Act{{Who: "oChen", Do: "scan", With: "booth"}}, oa("SCAN", "EventKey", "booth")},
		{"unfollow", []Act{{Who: "oChen", Do: "unfollow"}}, oa("unsubscribe")},
		{"menu", []Act{{Who: "oChen", Do: "menu", With: "price"}}, oa("CLICK", "EventKey", "price")},
		{"menu link", []Act{{Who: "oChen", Do: "menu_link", With: "https://koi.example/?a=1&b=2"}}, oa("VIEW", "EventKey", "https://koi.example/?a=1&b=2")},
		{"location", []Act{{Who: "oChen", Do: "location", With: "31.2,121.5"}}, oa("LOCATION", "Latitude", "31.2", "Longitude", "121.5")},
		{"words", []Act{{Who: "oChen", Do: "say", With: "<报价> ]]> & 试用"}}, seen{"MsgType": "text", "Content": "<报价> ]]> & 试用", "FromUserName": "oChen"}},
		{"photo", []Act{{Who: "oChen", Do: "photo", With: "https://example.com/a.jpg"}}, seen{"MsgType": "image", "PicUrl": "https://example.com/a.jpg"}},
		{"choice with an id that is no number", []Act{{Who: "oChen", Do: "choose", With: "like:1"}}, seen{"MsgType": "text", "Content": "like:1", "bizmsgmenuid": "like:1"}},
		{"raw", []Act{{Who: "oChen", Do: "raw", With: "<xml><MsgType>event</MsgType><Event>brand_new</Event></xml>"}}, seen{"Event": "brand_new"}},

		{"add", []Act{{App: testCorp, Who: "wmChen", Do: "staff_delete", With: "zhangsan"}, {App: testCorp, Who: "wmChen", Do: "add_staff", With: "zhangsan", State: "booth"}},
			seen{"ChangeType": "add_external_contact", "State": "booth", "UserID": "zhangsan", "ExternalUserID": "wmChen"}},
		{"half add", []Act{{App: testCorp, Who: "wmChen", Do: "delete_staff", With: "zhangsan"}, {App: testCorp, Who: "wmChen", Do: "half_add", With: "zhangsan"}}, customer("add_half_external_contact")},
		{"edit", []Act{{App: testCorp, Who: "wmChen", Do: "edit_customer", With: "zhangsan"}}, customer("edit_external_contact")},
		{"customer deletes", []Act{{App: testCorp, Who: "wmChen", Do: "delete_staff", With: "zhangsan"}}, customer("del_follow_user")},
		{"member deletes", []Act{{App: testCorp, Who: "zhangsan", Do: "staff_delete", With: "wmChen"}}, customer("del_external_contact")},
		{"member says", []Act{{App: testCorp, Who: "zhangsan", Do: "staff_say", With: "在吗"}}, seen{"MsgType": "text", "Content": "在吗", "FromUserName": "zhangsan", "AgentID": "1000002"}},
		{"member opens the app", []Act{{App: testCorp, Who: "zhangsan", Do: "staff_open"}}, seen{"Event": "enter_agent", "AgentID": "1000002"}},
		{"member joins", []Act{{App: testCorp, Who: "newbie", Do: "staff_join"}}, seen{"Event": "change_contact", "ChangeType": "create_user", "UserID": "newbie"}},
		{"raw to one app", []Act{{App: testCorp + "/1000003", Who: "sys", Do: "raw", With: "<xml><Event>brand_new</Event></xml>"}}, seen{"Event": "brand_new"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			d := newDoor(t, r)
			for _, a := range c.acts {
				if a.App == "" {
					a.App = testApp
				}
				played := r.play(a)
				require.Len(t, played.Callbacks, 1)
			}
			got := d.events()
			require.Len(t, got, len(c.acts))
			for name, want := range c.want {
				if name == "ToUserName" && want == "gh_" {
					require.Contains(t, got[len(got)-1].Text(name), want)
					continue
				}
				require.Equal(t, want, got[len(got)-1].Text(name), name)
			}
		})
	}
}

func TestCallback_messages_carry_rising_ids_over_restarts(t *testing.T) {
	t.Parallel()
	id := func(r *rig) int64 {
		d := newDoor(t, r)
		r.play(Act{Who: "oChen", App: testApp, Do: "say", With: "hi"})
		return d.events()[0].Int("MsgId")
	}
	first := newRig(t)
	a := id(first)
	second := newRig(t, func(c *Config) { c.Clock.(interface{ Advance(time.Duration) }).Advance(time.Second) })
	require.Greater(t, id(second), a)
}

func TestCallback_compat_and_plain_accounts_send_what_their_mode_says(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"compat", "plain"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *Config) { c.Officials[0].Mode = mode })
			d := newDoor(t, r)
			r.play(Act{Who: "oChen", App: testApp, Do: "menu", With: "price"})
			require.Equal(t, "price", d.events()[0].Text("EventKey"))
			body := d.bodies[0]
			require.Contains(t, body, "<EventKey><![CDATA[price]]></EventKey>", "readable as it is")
			if mode == "compat" {
				require.Contains(t, body, "<Encrypt>")
			} else {
				require.NotContains(t, body, "<Encrypt>")
			}
		})
	}
}

func TestCallback_is_tried_three_times_and_then_dropped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := newDoor(t, r)
	d.answers(func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusServiceUnavailable) })
	p, err := r.Act(r.context(), Act{Who: "oChen", App: testApp, Do: "menu", With: "price"})
	require.NoError(t, err)
	require.Equal(t, Dropped, p.Callbacks[0].Status)
	require.Equal(t, 3, p.Callbacks[0].Tries)
	require.Len(t, d.events(), 3)
	require.Equal(t, CallbackTotals{Sent: 1, Tries: 3, Dropped: 1}, r.CallbackTotals())
}

func TestCallback_that_fails_once_is_acknowledged_at_the_second_try(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := newDoor(t, r)
	d.answers(func(w http.ResponseWriter, n int) {
		if n == 1 {
			panic(http.ErrAbortHandler)
		}
	})
	p := r.play(Act{Who: "oChen", App: testApp, Do: "menu", With: "price"})
	require.Equal(t, 2, p.Callbacks[0].Tries)
	require.Equal(t, CallbackTotals{Sent: 1, Tries: 2, Acknowledged: 1}, r.CallbackTotals())
}

func TestCallback_unanswered_within_the_timeout_is_tried_again(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.CallbackTimeout = 30 * time.Millisecond })
	d := newDoor(t, r)
	release := make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	t.Cleanup(free) // also where a slow machine misses the time
	d.answers(func(_ http.ResponseWriter, n int) {
		if n < 3 {
			<-release
		}
	})
	p := r.play(Act{Who: "oChen", App: testApp, Do: "menu", With: "price"})
	free()
	require.Equal(t, 3, p.Callbacks[0].Tries)
}

func TestCallback_repeats_are_the_same_fact_sealed_anew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := newDoor(t, r)
	p := r.play(Act{Who: "oChen", App: testApp, Do: "say", With: "hi", Repeat: 2})
	require.Len(t, p.Callbacks, 3)
	got := d.events()
	for _, e := range got {
		require.Equal(t, got[0].Text("MsgId"), e.Text("MsgId"))
	}
	require.NotEqual(t, d.bodies[0], d.bodies[1])
}

func TestCallback_async_act_returns_before_the_callback_is_answered(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.CallbackTimeout = 10 * time.Second })
	d := newDoor(t, r)
	release := make(chan struct{})
	d.answers(func(http.ResponseWriter, int) { <-release })
	p, err := r.Act(r.context(), Act{Who: "oChen", App: testApp, Do: "menu", With: "price", Async: true})
	require.NoError(t, err)
	require.Equal(t, Pending, p.Callbacks[0].Status)
	require.EqualValues(t, 1, r.CallbackTotals().Pending)
	close(release)
	require.NoError(t, r.WaitSettled(r.context()))
	require.EqualValues(t, 1, r.CallbackTotals().Acknowledged)
}

func TestCallback_address_is_verified_as_the_console_does(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := newDoor(t, r)
	for _, account := range []string{testApp, testCorp + "/1000002"} {
		require.NoError(t, r.Verify(r.context(), account))
	}
	require.True(t, fault.Is(r.Verify(r.context(), "wxnone"), fault.NotFound))
	r.PointAt(d.server.URL + "/elsewhere")
	require.True(t, fault.Is(r.Verify(r.context(), testApp), fault.Conflict))
	r.PointAt("http://127.0.0.1:1")
	require.True(t, fault.Is(r.Verify(r.context(), testApp), fault.Unavailable))
}

func TestAct_says_why_someone_can_t_do_that(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.play(Act{Who: "oGone", App: testApp, Do: "unfollow"})
	for _, c := range []struct {
		act  Act
		kind fault.Kind
	}{
		{Act{Who: "oChen", App: testApp, Do: "fly"}, fault.Invalid},
		{Act{Who: "oChen", App: "wxnone", Do: "say"}, fault.NotFound},
		{Act{Who: "oChen", App: testApp, Do: "add_staff"}, fault.NotFound},
		{Act{App: testApp, Do: "say"}, fault.Invalid},
		{Act{Who: "oChen", App: testApp, Do: "follow"}, fault.Conflict},
		{Act{Who: "oGone", App: testApp, Do: "say"}, fault.Conflict},
		{Act{Who: "oPasser", App: testApp, Do: "say"}, fault.Conflict},
		{Act{Who: "oChen", App: testApp, Do: "scan"}, fault.Invalid},
		{Act{Who: "oChen", App: testApp, Do: "location", With: "x"}, fault.Invalid},
		{Act{Who: "oChen", App: testApp, Do: "raw"}, fault.Invalid},
		{Act{Who: "wm1", App: testCorp, Do: "add_staff", With: "nobody"}, fault.NotFound},
		{Act{Who: "wmChen", App: testCorp, Do: "add_staff", With: "zhangsan"}, fault.Conflict},
		{Act{Who: "wmChen", App: testCorp, Do: "delete_staff", With: "LiNa"}, fault.NotFound},
		{Act{Who: "nobody", App: testCorp, Do: "staff_say"}, fault.NotFound},
		{Act{Who: "zhangsan", App: testCorp + "/7", Do: "staff_say"}, fault.NotFound},
		{Act{Who: "zhangsan", App: testCorp, Do: "tap_card", With: "x"}, fault.NotFound},
		{Act{Who: "LiNa", App: testCorp, Do: "staff_join"}, fault.Conflict},
	} {
		_, err := r.Act(context.Background(), c.act)
		require.True(t, fault.Is(err, c.kind), "%+v: %v", c.act, err)
	}
	require.Empty(t, r.Callbacks(0), "nothing happened")
}

func TestAct_someone_nobody_mentioned_is_taken_to_follow_already(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := newDoor(t, r)
	p := r.play(Act{Who: "oFresh", App: testApp, Do: "say", With: "报价"})
	require.Equal(t, "oFresh", p.OpenID)
	require.Equal(t, "text", d.events()[0].Text("MsgType"))
	require.Zero(t, code(r.as("official", kfPath, kfText("oFresh", "您好"))))
}
