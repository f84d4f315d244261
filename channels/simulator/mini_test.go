package simulator

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	subscribePath = "/cgi-bin/message/subscribe/send"
	numberPath    = "/wxa/business/getuserphonenumber"
)

// pushes are the JSON bodies the door opened.
func (d *door) pushes() []m {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []m
	for _, s := range d.plain {
		var v m
		require.NoError(d.t, json.Unmarshal([]byte(s), &v), s)
		out = append(out, v)
	}
	return out
}

func TestMini_login_code_is_good_once_for_five_minutes_and_tells_openid_and_unionid(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	login := func(code string) m {
		return r.get("/sns/jscode2session?grant_type=authorization_code&appid=" + testMini + "&secret=mini-secret&js_code=" + code)
	}
	open := func() string { return r.play(Act{Who: "oChen", App: testMini, Do: "open_mini"}).Code }
	first := open()
	a := login(first)
	require.Equal(t, "mChen", a["openid"], "the same person as the follower")
	require.Equal(t, "union-chen", a["unionid"])
	require.NotEmpty(t, a["session_key"])
	require.Equal(t, 40163, code(login(first)))
	late := open()
	r.clock.Advance(miniCodeWindow)
	require.Equal(t, 40029, code(login(late)))
	require.Equal(t, 40029, code(login(r.play(Act{Who: "oChen", App: testMini, Do: "mini_authorize_phone"}).Code)), "a code for the phone number")
}

func TestMini_phone_number_is_told_once_to_who_was_allowed_to_know(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	allow := r.play(Act{Who: "mChen", App: testMini, Do: "mini_authorize_phone"}).Code
	info := r.as("mini", numberPath, m{"code": allow})["phone_info"].(m)
	require.Equal(t, "13800000001", info["purePhoneNumber"])
	require.Equal(t, testMini, info["watermark"].(m)["appid"])
	require.Equal(t, 40163, code(r.as("mini", numberPath, m{"code": allow})))
	other := r.play(Act{Who: "mNew", App: testMini, Do: "mini_authorize_phone"}).Code
	require.Regexp(t, `^138\d{8}$`, r.as("mini", numberPath, m{"code": other})["phone_info"].(m)["phoneNumber"])
}

func TestMini_subscribe_message_takes_one_agreement_each_and_they_add_up(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := newDoor(t, r)
	send := func() int { return code(r.as("mini", subscribePath, startMini)) }
	for range 2 {
		r.play(Act{Who: "mChen", App: testMini, Do: "mini_subscribe", With: "sub-start"})
	}
	require.Equal(t, []int{0, 0, 43101}, []int{send(), send(), send()})
	got := r.Deliveries(DeliveryFilter{Kind: "subscribe", Account: testMini, To: "mChen"})
	require.Len(t, got, 2)
	require.NoError(t, r.WaitSettled(r.context()))
	var ends []string
	for _, p := range d.pushes() {
		if p["Event"] == "subscribe_msg_sent_event" {
			item := p["List"].(m)
			require.Equal(t, "success", item["ErrorStatus"])
			ends = append(ends, item["MsgID"].(string))
		}
	}
	require.ElementsMatch(t, []string{got[0].MsgID, got[1].MsgID}, ends)
}

func TestMini_pushes_come_as_loosely_as_the_platform_s(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := newDoor(t, r)
	r.play(Act{Who: "mChen", App: testMini, Do: "mini_subscribe", With: "sub-start"})
	r.play(Act{Who: "mChen", App: testMini, Do: "mini_subscribe", With: "sub-start=reject,sub-bill=ban"})
	r.play(Act{Who: "mChen", App: testMini, Do: "mini_say", With: "你好"})
	got := d.pushes()
	require.IsType(t, m{}, got[0]["List"], "one answer is an object")
	require.Len(t, got[1]["List"], 2, "several are an array")
	require.Equal(t, "1795314600", got[0]["CreateTime"])
	require.EqualValues(t, at.Unix(), got[1]["CreateTime"])
	require.Equal(t, "你好", got[2]["Content"])
	require.NotZero(t, got[2]["MsgId"])
	require.Equal(t, 43101, code(r.as("mini", subscribePath, startMini)), "a refusal takes earlier agreements back")
}

func TestMini_that_chose_XML_is_pushed_XML(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"aes", "compat", "plain"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *Config) { c.Minis[0].Format, c.Minis[0].Mode = "xml", mode })
			d := newDoor(t, r)
			r.play(Act{Who: "mChen", App: testMini, Do: "mini_subscribe", With: "sub-start,sub-bill=filter"})
			e := d.events()[0]
			require.Equal(t, "subscribe_msg_popup_event", e.Text("Event"))
			lists := slices.Collect(e.Child("SubscribeMsgPopupEvent").Children("List"))
			require.Len(t, lists, 2)
			require.Equal(t, "filter", lists[1].Text("SubscribeStatusString"))
			require.EqualValues(t, at.Unix(), e.Int("CreateTime"))
		})
	}
}

func TestMini_customer_service_windows_are_two_in_a_minute_and_five_in_two_days(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := newDoor(t, r)
	send := func() int { return code(r.as("mini", kfPath, kfText("mChen", "您好"))) }
	require.Equal(t, 45015, send())
	r.play(Act{Who: "mChen", App: testMini, Do: "mini_session", With: "card-1"})
	require.Equal(t, "card-1", d.pushes()[0]["SessionFrom"])
	require.Equal(t, []int{0, 0, 45047}, []int{send(), send(), send()})
	r.clock.Advance(time.Minute)
	require.Equal(t, 45015, send())
	r.play(Act{Who: "mChen", App: testMini, Do: "mini_say", With: "在吗"})
	require.Equal(t, []int{0, 0, 0, 0, 0, 45047}, []int{send(), send(), send(), send(), send(), send()})
	delete(r.kept, "mini")
	r.clock.Advance(48 * time.Hour)
	require.Equal(t, 45015, send())
}

func TestMini_token_is_another_s_than_the_official_account_s(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	require.Equal(t, 40001, code(r.as("mini", templatePath, orderNotice)))
	require.Equal(t, 40001, code(r.as("official", subscribePath, startMini)))
	r.ExpireTokens(testMini)
	require.Equal(t, 42001, code(r.as("mini", subscribePath, startMini)))
	require.Zero(t, code(r.as("official", "/cgi-bin/user/info?openid=oChen", nil)))
}

func TestMini_address_is_verified_as_the_console_does(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	newDoor(t, r)
	require.NoError(t, r.Verify(r.context(), testMini))
}

func TestAddresses_outside_the_allow_list_are_refused(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) {
		c.Officials[0].TrustedIPs = []string{"203.0.113.1"}
		c.Minis[0].TrustedIPs = []string{"127.0.0.1"}
		c.Corps[0].Agents[0].TrustedIPs = []string{"203.0.113.1"}
	})
	require.Equal(t, 40164, code(r.get("/cgi-bin/token?grant_type=client_credential&appid="+testApp+"&secret="+testSecret)))
	require.NotEmpty(t, r.token("mini"))
	require.Equal(t, 60020, code(r.as("agent", "/cgi-bin/department/list", nil)))
	require.Zero(t, code(r.as("contact", "/cgi-bin/department/list", nil)))
}

func TestAgent_that_is_disabled_sends_nothing_and_says_so(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Corps[0].Agents[0].Disabled = true; c.Corps[0].Agents[0].Domain = "koi.example" })
	a := r.as("agent", "/cgi-bin/agent/get?agentid=1000002", nil)
	require.Equal(t, json.Number("1"), a["close"])
	require.Equal(t, "koi.example", a["redirect_domain"])
	require.Equal(t, 50003, code(r.as("agent", sendPath, appText("zhangsan", "hi"))))
}

func TestWelcome_carries_attachments_with_media_that_are_there(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	newDoor(t, r)
	const path = "/cgi-bin/externalcontact/send_welcome_msg"
	welcome := r.play(Act{Who: "wmNew", App: testCorp, Do: "add_staff", With: "LiNa"}).WelcomeCode
	body := m{"welcome_code": welcome, "text": m{"content": "您好"}, "attachments": []any{welcomeLink,
		m{"msgtype": "image", "image": m{"media_id": "gone"}}}}
	require.Equal(t, 40007, code(r.as("agent", path, body)))
	body["attachments"].([]any)[1] = m{"msgtype": "image", "image": m{"media_id": "media-1"}}
	require.NoError(t, r.Misbehave(Misbehaviour{Path: path, Code: 41096}))
	require.Equal(t, 41096, code(r.as("agent", path, body)), "another app is sending")
	require.Zero(t, code(r.as("agent", path, body)))
	require.Equal(t, 41051, code(r.as("agent", path, body)))
	got := r.Deliveries(DeliveryFilter{Kind: "welcome"})
	require.Len(t, got, 1)
	require.Contains(t, string(got[0].Content), "media-1")
	late := r.play(Act{Who: "wmLate", App: testCorp, Do: "add_staff", With: "LiNa"}).WelcomeCode
	r.clock.Advance(welcomeWindow)
	require.Equal(t, 41050, code(r.as("agent", path, m{"welcome_code": late, "text": m{"content": "您好"}})))
}

func TestPage_shows_notices_service_notifications_and_what_one_can_agree_to(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.play(Act{Who: "oChen", App: testApp, Do: "subscribe_notice", With: "ntc-start"})
	r.play(Act{Who: "oChen", App: testApp, Do: "subscribe_once", With: "once-1/7"})
	r.play(Act{Who: "mChen", App: testMini, Do: "mini_subscribe", With: "sub-start,sub-bill"})
	require.Zero(t, code(r.as("official", noticePath, with(startNotice, "page", "https://koi.example/p/open"))))
	require.Zero(t, code(r.as("official", oncePath, onceMessage)))
	require.Zero(t, code(r.as("mini", subscribePath, startMini)))

	resp, err := http.Get(r.http.URL + "/sim/?phone=p-oChen")
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	page := string(raw)
	for _, want := range []string{"活动开始提醒", "https://koi.example/p/open", "活动提醒", "明天开始", "进入小程序 pages/index?a=1",
		"订阅 账单通知", "长期", "小程序 锦鲤云助手", `value="mini_say"`} {
		require.Contains(t, page, want)
	}
	require.Equal(t, map[string]int64{noticePath: 1, oncePath: 1, subscribePath: 1}, r.DeliveredBy())
}
