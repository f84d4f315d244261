package simulator

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const templatePath = "/cgi-bin/message/template/send"

func TestTemplate_msgid_is_a_number_no_float_can_hold_and_the_job_ends_with_it(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := newDoor(t, r)
	a := r.as("official", templatePath, orderNotice)
	id, isNumber := a["msgid"].(json.Number)
	require.True(t, isNumber, "%T", a["msgid"])
	n, err := id.Int64()
	require.NoError(t, err)
	require.NotEqual(t, id.String(), fmt.Sprintf("%.0f", float64(n+1)))
	require.Greater(t, n, int64(1<<53))

	require.NoError(t, r.WaitSettled(r.context()))
	require.Len(t, d.events(), 1)
	e := d.events()[0]
	require.Equal(t, "TEMPLATESENDJOBFINISH", e.Text("Event"))
	require.Equal(t, n, e.Int("MsgID"))
	require.Equal(t, "success", e.Text("Status"))
	require.Equal(t, "oChen", e.Text("FromUserName"))
	require.Equal(t, at.Unix(), e.Int("CreateTime"))

	got := r.Deliveries(DeliveryFilter{Kind: "template"})
	require.Len(t, got, 1)
	require.Equal(t, id.String(), got[0].MsgID)
	require.Equal(t, "产品演示 · 2026-11-23 10:00", got[0].Text)
}

func TestTemplate_client_msg_id_delivers_once_within_ten_minutes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := with(orderNotice, "client_msg_id", "k-1")
	first := r.as("official", templatePath, body)
	r.clock.Advance(10*time.Minute - time.Millisecond)
	again := r.as("official", templatePath, body)
	require.Equal(t, first["msgid"], again["msgid"])
	require.Len(t, r.Deliveries(DeliveryFilter{}), 1)
	require.EqualValues(t, 1, r.DeliveryTotals().Deduped)

	r.as("official", templatePath, with(body, "client_msg_id", "k-2"))
	require.Len(t, r.Deliveries(DeliveryFilter{}), 2, "another id is another message")
	r.clock.Advance(time.Millisecond)
	r.as("official", templatePath, body)
	got := r.Deliveries(DeliveryFilter{})
	require.Len(t, got, 3, "after ten minutes the id is forgotten")
	require.Equal(t, 3, got[0].Count, "the contents were equal")
	require.EqualValues(t, 1, r.DeliveryTotals().Repeated)
}

func TestTemplate_refused_or_failed_jobs_reach_nobody_and_say_so(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := newDoor(t, r)
	r.play(Act{Who: "oChen", Do: "refuse", App: testApp})
	require.Zero(t, code(r.as("official", templatePath, orderNotice)))
	r.play(Act{Who: "oChen", Do: "accept", App: testApp})
	require.NoError(t, r.Misbehave(Misbehaviour{Path: templatePath, Receipt: "failed: system failed"}))
	require.Zero(t, code(r.as("official", templatePath, orderNotice)))
	require.NoError(t, r.WaitSettled(r.context()))
	var said []string
	for _, e := range d.events() {
		said = append(said, e.Text("Status"))
	}
	require.ElementsMatch(t, []string{"failed:user block", "failed: system failed"}, said)
	require.Empty(t, r.Deliveries(DeliveryFilter{}))
}

func TestOfficial_user_info_tells_of_followers_the_unionid_and_of_others_only_that_they_don_t_follow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.play(Act{Who: "oNew", Do: "scan", With: "booth-7", App: testApp})
	a := r.as("official", "/cgi-bin/user/info?openid=oNew", nil)
	require.Equal(t, json.Number("1"), a["subscribe"])
	require.Equal(t, "ADD_SCENE_QR_CODE", a["subscribe_scene"])
	require.Equal(t, "booth-7", a["qr_scene_str"])
	require.NotEmpty(t, a["unionid"])
	require.Empty(t, a["nickname"])
	r.play(Act{Who: "oNew", Do: "unfollow", App: testApp})
	a = r.as("official", "/cgi-bin/user/info?openid=oNew", nil)
	require.Equal(t, json.Number("0"), a["subscribe"])
	require.NotContains(t, a, "unionid")
}

func TestOfficial_follower_list_pages_in_order_of_appearance(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) {
		for i := range followersPage + 3 {
			c.People = append(c.People, Person{Follows: []Follow{{AppID: testApp, OpenID: fmt.Sprintf("oP%05d", i)}}})
		}
	})
	first := r.as("official", "/cgi-bin/user/get", nil)
	require.Equal(t, json.Number("10004"), first["total"])
	require.Equal(t, json.Number("10000"), first["count"])
	rest := r.as("official", "/cgi-bin/user/get?next_openid="+first["next_openid"].(string), nil)
	require.Equal(t, json.Number("4"), rest["count"])
	end := r.as("official", "/cgi-bin/user/get?next_openid="+rest["next_openid"].(string), nil)
	require.Equal(t, json.Number("0"), end["count"])
	require.NotContains(t, end, "data")
}

func TestToken_classic_one_replaces_the_last_which_works_five_minutes_more(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	info := func() int { return code(r.as("official", "/cgi-bin/user/info?openid=oChen", nil)) }
	old := r.token("official")
	delete(r.kept, "official")
	fresh := r.token("official")
	require.NotEqual(t, old, fresh)
	r.kept["official"] = old
	r.clock.Advance(5*time.Minute - time.Millisecond)
	require.Zero(t, info())
	r.clock.Advance(time.Millisecond)
	require.Equal(t, 40001, info(), "replaced")
	r.kept["official"] = fresh
	require.Zero(t, info())
	r.clock.Advance(2 * time.Hour)
	require.Equal(t, 42001, info(), "expired")
	r.kept["official"] = "0123456789012345678901234567890123456789"
	require.Equal(t, 40001, info(), "never issued")
	r.kept["official"] = "short"
	require.Equal(t, 40014, info())
	require.Equal(t, 41001, code(r.get("/cgi-bin/user/info?openid=oChen")))
	delete(r.kept, "agent")
	r.kept["official"] = r.token("agent")
	require.Equal(t, 40001, code(r.as("official", kfPath, kfText("oChen", "hi"))), "a corp's token")
}

func TestToken_stable_one_stays_the_same_until_shortly_before_its_end_or_a_forced_refresh(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ask := m{"grant_type": "client_credential", "appid": testApp, "secret": testSecret}
	fetch := func(body m) string { return r.post("/cgi-bin/stable_token", body)["access_token"].(string) }
	first := fetch(ask)
	classic := r.token("official")
	require.NotEqual(t, first, classic, "the two kinds live apart")
	r.clock.Advance(2*time.Hour - 5*time.Minute - time.Second)
	require.Equal(t, first, fetch(ask))
	r.clock.Advance(time.Second)
	second := fetch(ask)
	require.NotEqual(t, first, second)
	r.kept["official"] = first
	require.Zero(t, code(r.as("official", "/cgi-bin/user/info?openid=oChen", nil)), "the old one still works")

	forced := fetch(with(ask, "force_refresh", true))
	require.NotEqual(t, second, forced)
	r.kept["official"] = second
	require.Equal(t, 40001, code(r.as("official", "/cgi-bin/user/info?openid=oChen", nil)), "forced out at once")
	require.Equal(t, forced, fetch(with(ask, "force_refresh", true)), "twice within 30 s refreshes once")
	for range 19 {
		r.clock.Advance(31 * time.Second)
		fetch(with(ask, "force_refresh", true))
	}
	r.clock.Advance(31 * time.Second)
	require.Equal(t, 45009, code(r.post("/cgi-bin/stable_token", with(ask, "force_refresh", true))), "20 a day")
}

func TestToken_corp_s_stays_the_same_while_it_is_valid_and_then_expires(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.token("agent")
	delete(r.kept, "agent")
	require.Equal(t, first, r.token("agent"))
	require.NotEqual(t, first, r.token("contact"))
	r.clock.Advance(2 * time.Hour)
	require.Equal(t, 42001, code(r.as("agent", "/cgi-bin/department/list", nil)))
	delete(r.kept, "agent")
	require.NotEqual(t, first, r.token("agent"))
	require.Zero(t, code(r.as("agent", "/cgi-bin/department/list", nil)))
	r.ExpireTokens(testCorp + "/1000002")
	require.Equal(t, 42001, code(r.as("agent", "/cgi-bin/department/list", nil)))
	r.kept["agent"] = "0123456789012345678901234567890123456789"
	require.Equal(t, 40014, code(r.as("agent", "/cgi-bin/department/list", nil)), "WeCom's word for an unknown token")
	r.kept["agent"] = r.token("official")
	require.Equal(t, 40014, code(r.as("agent", "/cgi-bin/department/list", nil)))
}

func TestQuota_daily_one_ends_at_midnight_in_China_or_by_clear_quota_ten_times_a_month(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Quotas = map[string]int{"oa.user_info": 2}; c.TokenTTL = 90 * 24 * time.Hour })
	info := func() int { return code(r.as("official", "/cgi-bin/user/info?openid=oChen", nil)) }
	require.Equal(t, []int{0, 0, 45009, 45009}, []int{info(), info(), info(), info()})
	for range 10 {
		require.Zero(t, code(r.as("official", "/cgi-bin/clear_quota", m{"appid": testApp})))
	}
	require.Zero(t, info())
	require.Equal(t, 48006, code(r.as("official", "/cgi-bin/clear_quota", m{"appid": testApp})))
	require.Zero(t, info())
	require.Equal(t, 45009, info())
	r.clock.Advance(13*time.Hour + 30*time.Minute - time.Millisecond) // to midnight
	require.Equal(t, 45009, info())
	r.clock.Advance(time.Millisecond)
	require.Zero(t, info())
	r.clock.Advance(9 * 24 * time.Hour) // December
	require.Zero(t, code(r.as("official", "/cgi-bin/clear_quota", m{"appid": testApp})))
}

func TestQuota_of_token_calls_counts_by_account(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Quotas = map[string]int{"oa.token": 1} })
	r.token("official")
	require.Equal(t, 45009, code(r.get("/cgi-bin/token?grant_type=client_credential&appid="+testApp+"&secret="+testSecret)))
	for range 3 {
		require.Equal(t, 40013, code(r.get("/cgi-bin/token?grant_type=client_credential&appid=wxnone&secret=x")))
	}
}
