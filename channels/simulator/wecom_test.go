package simulator

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const sendPath = "/cgi-bin/message/send"

func TestApp_message_reaches_each_member_once_and_names_those_it_can_t(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.as("agent", sendPath, with(appText("ZhangSan|LiNa|zhangsan|Nobody|asleep", "热线索"), "toparty", "2|99", "totag", "7"))
	require.Zero(t, code(a))
	require.Equal(t, "nobody|asleep", a["invaliduser"], "in lower case")
	require.Equal(t, "99", a["invalidparty"])
	require.Equal(t, "7", a["invalidtag"])
	require.NotEmpty(t, a["msgid"])
	var to []string
	for _, d := range r.Deliveries(DeliveryFilter{}) {
		to = append(to, d.To)
		require.Equal(t, testCorp+"/1000002", d.Account)
	}
	require.ElementsMatch(t, []string{"zhangsan", "LiNa"}, to)
}

func TestApp_message_to_all_reaches_everyone_in_sight(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	require.Zero(t, code(r.as("narrow", sendPath, with(appText("@all", "hi"), "agentid", 1000003))))
	got := r.Deliveries(DeliveryFilter{})
	require.Len(t, got, 1)
	require.Equal(t, "wangfang", got[0].To)
}

func TestApp_duplicate_check_drops_the_identical_repeat_within_its_interval(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		seconds any
		window  time.Duration
	}{{"30 minutes unless told otherwise", nil, 30 * time.Minute}, {"as long as told", 14_400, 4 * time.Hour}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(cfg *Config) { cfg.TokenTTL = 48 * time.Hour })
			body := with(appText("zhangsan|nobody", "热线索"), "enable_duplicate_check", 1, "duplicate_check_interval", c.seconds)
			first := r.as("agent", sendPath, body)
			r.clock.Advance(c.window - time.Millisecond)
			require.Equal(t, first, r.as("agent", sendPath, body), "a repeat is answered like the first")
			require.Len(t, r.Deliveries(DeliveryFilter{}), 1)
			require.Zero(t, code(r.as("agent", sendPath, with(body, "text", m{"content": "另一条"}))))
			require.Len(t, r.Deliveries(DeliveryFilter{}), 2)
			r.clock.Advance(time.Millisecond)
			require.NotEqual(t, first["msgid"], r.as("agent", sendPath, body)["msgid"])
			require.Equal(t, DeliveryTotals{Delivered: 3, Contents: 2, Repeated: 1, Deduped: 1}, r.DeliveryTotals())
			require.Len(t, r.Deliveries(DeliveryFilter{Repeats: true}), 1)
		})
	}
}

func TestApp_message_without_duplicate_check_is_delivered_again(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 3 {
		r.as("agent", sendPath, appText("zhangsan", "热线索"))
	}
	got := r.Deliveries(DeliveryFilter{Repeats: true})
	require.Len(t, got, 1)
	require.Equal(t, 3, got[0].Count)
}

func TestApp_duplicate_check_of_a_refused_message_leaves_its_repeat_free(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Quotas = map[string]int{"wecom.send.per_account": 0} })
	body := with(appText("zhangsan", "hi"), "enable_duplicate_check", 1)
	require.Equal(t, 45009, code(r.as("agent", sendPath, body)))
	require.Equal(t, 45009, code(r.as("agent", sendPath, body)), "it was never taken")
}

func TestApp_more_than_thirty_a_minute_to_one_member_are_silently_dropped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	send := func(n int) {
		for i := range n {
			require.Zero(t, code(r.as("agent", sendPath, appText("zhangsan", fmt.Sprint(r.clock.Now(), i)))))
		}
	}
	send(31)
	require.Equal(t, DeliveryTotals{Delivered: 30, Contents: 30, OverQuota: 1}, r.DeliveryTotals())
	require.Zero(t, code(r.as("agent", sendPath, appText("LiNa", "hi"))), "others still get theirs")
	require.EqualValues(t, 31, r.DeliveryTotals().Delivered)
	r.clock.Advance(time.Minute)
	send(1)
	require.EqualValues(t, 32, r.DeliveryTotals().Delivered)
}

func TestApp_more_than_a_thousand_an_hour_to_one_member_are_silently_dropped(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Quotas = map[string]int{"wecom.member.minute": -1, "wecom.member.hour": 40} })
	for i := range 45 {
		require.Zero(t, code(r.as("agent", sendPath, appText("zhangsan", fmt.Sprint(i)))))
	}
	require.EqualValues(t, 40, r.DeliveryTotals().Delivered)
	require.EqualValues(t, 5, r.DeliveryTotals().OverQuota)
}

func TestApp_daily_sends_are_the_accounts_times_a_number(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Quotas = map[string]int{"wecom.send.per_account": 1} }) // 4 accounts
	require.Zero(t, code(r.as("agent", sendPath, appText("zhangsan|LiNa|wangfang", "a"))))
	require.Equal(t, 45009, code(r.as("agent", sendPath, appText("zhangsan|LiNa", "b"))), "two don't fit any more")
	require.Zero(t, code(r.as("agent", sendPath, appText("zhangsan", "c"))))
}

func TestApp_interface_quotas_block_until_the_window_ends(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Quotas = map[string]int{"wecom.api.minute": 2} })
	list := func() int { return code(r.as("agent", "/cgi-bin/department/list", nil)) }
	require.Equal(t, []int{0, 0, 45009}, []int{list(), list(), list()})
	require.Zero(t, code(r.as("agent", "/cgi-bin/department/simplelist", nil)), "counted by interface")
	r.clock.Advance(time.Minute)
	require.Zero(t, list())
}

func TestApp_stranger_is_a_valid_recipient_only_when_strangers_are_accepted(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.AcceptStrangers = true; c.Quotas = map[string]int{"*": -1} })
	require.Zero(t, code(r.as("agent", sendPath, appText("load-17", "hi"))))
	for range 9 {
		require.Zero(t, code(r.as("official", kfPath, kfText("oLoad17", "hi"))))
	}
	require.EqualValues(t, 10, r.DeliveryTotals().Delivered)
}

func TestCard_button_press_comes_back_and_its_code_updates_the_card_once(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := newDoor(t, r)
	sent := r.as("agent", sendPath, with(cardMessage(buttonCard), "touser", "zhangsan|LiNa"))
	require.NotEmpty(t, sent["response_code"])
	r.play(Act{Who: "zhangsan", Do: "tap_card", With: "lead-1/claim", App: testCorp})
	e := d.events()[0]
	require.Equal(t, "template_card_event", e.Text("Event"))
	require.Equal(t, []string{"claim", "lead-1", "button_interaction", "zhangsan"},
		[]string{e.Text("EventKey"), e.Text("TaskId"), e.Text("CardType"), e.Text("FromUserName")})
	require.NotEqual(t, sent["response_code"], e.Text("ResponseCode"), "each press yields its own")

	update := m{"agentid": testAgent, "response_code": e.Text("ResponseCode"), "userids": []any{"zhangsan", "LiNa", "nobody"},
		"button": m{"replace_name": "张三已认领"}}
	a := r.as("agent", "/cgi-bin/message/update_template_card", update)
	require.Zero(t, code(a))
	require.Equal(t, []any{"nobody"}, a["invaliduser"])
	require.Equal(t, 40058, code(r.as("agent", "/cgi-bin/message/update_template_card", update)), "used up")
	_, err := r.Act(r.context(), Act{Who: "LiNa", Do: "tap_card", With: "claim", App: testCorp})
	require.ErrorContains(t, err, "张三已认领")

	other := with(update, "response_code", sent["response_code"])
	r.clock.Advance(72 * time.Hour)
	delete(r.kept, "agent")
	require.Equal(t, 40058, code(r.as("agent", "/cgi-bin/message/update_template_card", other)), "72 h are over")
}

func TestCard_repeat_under_duplicate_check_is_no_second_task(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := with(cardMessage(buttonCard), "enable_duplicate_check", 1)
	first := r.as("agent", sendPath, body)
	require.Zero(t, code(first))
	require.Equal(t, first, r.as("agent", sendPath, body))
}

func TestDirectory_is_seen_as_far_as_the_app_s_visible_range_goes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ids := func(a map[string]any, list, field string) []string {
		var out []string
		for _, x := range a[list].([]any) {
			out = append(out, fmt.Sprint(x.(map[string]any)[field]))
		}
		return out
	}
	require.Equal(t, []string{"1", "2", "3", "4"}, ids(r.as("agent", "/cgi-bin/department/list", nil), "department", "id"))
	require.Equal(t, []string{"2", "4"}, ids(r.as("agent", "/cgi-bin/department/list?id=2", nil), "department", "id"))
	require.Equal(t, []string{"3"}, ids(r.as("narrow", "/cgi-bin/department/simplelist", nil), "department_id", "id"))
	require.Equal(t, []string{"LiNa"}, ids(r.as("agent", "/cgi-bin/user/list?department_id=2", nil), "userlist", "userid"))
	require.Equal(t, []string{"LiNa", "zhangsan"}, ids(r.as("agent", "/cgi-bin/user/simplelist?department_id=2&fetch_child=1", nil), "userlist", "userid"))
	u := r.as("agent", "/cgi-bin/user/get?userid=zhangsan", nil)
	require.Equal(t, []any{"LiNa"}, u["direct_leader"])
	u = r.as("agent", "/cgi-bin/user/get?userid=lina", nil)
	require.Equal(t, []any{json.Number("1")}, u["is_leader_in_dept"])
	require.NotContains(t, u, "mobile")
}

func TestDirectory_follows_those_who_join_and_leave(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := newDoor(t, r)
	r.play(Act{Who: "newbie", Do: "staff_join", With: "新人", App: testCorp})
	require.Zero(t, code(r.as("agent", "/cgi-bin/user/get?userid=newbie", nil)))
	r.play(Act{Who: "newbie", Do: "staff_leave", App: testCorp})
	require.Equal(t, 60111, code(r.as("agent", "/cgi-bin/user/get?userid=newbie", nil)))
	require.Equal(t, 81013, code(r.as("agent", sendPath, appText("newbie", "hi"))))
	require.Equal(t, "create_user", d.events()[0].Text("ChangeType"))
	require.Equal(t, "delete_user", d.events()[1].Text("ChangeType"))
}

func TestContact_is_unknown_for_a_moment_after_the_add_when_told_so(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.ContactLag = 3 * time.Second })
	p := r.play(Act{Who: "wmNew", Do: "add_staff", With: "LiNa", State: "booth-7", App: testCorp})
	path := "/cgi-bin/externalcontact/get?external_userid=" + p.ExternalUserID
	require.Equal(t, 84061, code(r.as("agent", path, nil)))
	r.clock.Advance(3 * time.Second)
	a := r.as("agent", path, nil)
	require.Zero(t, code(a))
	require.Equal(t, "booth-7", a["follow_user"].([]any)[0].(map[string]any)["state"])
	require.Equal(t, p.UnionID, a["external_contact"].(map[string]any)["unionid"])
}

func TestContact_stays_with_the_member_whom_the_customer_deleted_and_leaves_when_the_member_deletes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := func() int { return code(r.as("agent", "/cgi-bin/externalcontact/list?userid=zhangsan", nil)) }
	r.play(Act{Who: "wmChen", Do: "delete_staff", With: "zhangsan", App: testCorp})
	require.Zero(t, list())
	r.play(Act{Who: "zhangsan", Do: "staff_delete", With: "wmChen", App: testCorp})
	require.Equal(t, 84061, list())
	require.Equal(t, 84061, code(r.as("agent", "/cgi-bin/externalcontact/get?external_userid=wmChen", nil)))
	r.play(Act{Who: "wmChen", Do: "add_staff", With: "zhangsan", App: testCorp})
	require.Zero(t, list())
}

func TestContact_batch_pages_through_the_customers_of_many(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range 4 {
		r.play(Act{Who: fmt.Sprintf("wm%d", i), Do: "add_staff", With: "LiNa", App: testCorp})
	}
	seen, cursor := 0, ""
	for {
		a := r.as("contact", "/cgi-bin/externalcontact/batch/get_by_user", m{"userid_list": []any{"LiNa", "zhangsan"}, "limit": 2, "cursor": cursor})
		require.Zero(t, code(a))
		seen += len(a["external_contact_list"].([]any))
		if cursor = a["next_cursor"].(string); cursor == "" {
			break
		}
	}
	require.Equal(t, 5, seen)
}

func TestContact_follower_and_customer_are_one_person_by_unionid(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	f := r.play(Act{Who: "oA1", Do: "follow", App: testApp})
	ask := m{"unionid": f.UnionID, "openid": f.OpenID}
	require.Equal(t, 84061, code(r.as("agent", "/cgi-bin/idconvert/unionid_to_external_userid", ask)))
	c := r.play(Act{Who: "oA1", Do: "add_staff", With: "LiNa", App: testCorp})
	require.Equal(t, f.UnionID, c.UnionID)
	require.Equal(t, c.ExternalUserID, r.as("agent", "/cgi-bin/idconvert/unionid_to_external_userid", ask)["external_userid"])
}

func TestWelcome_code_is_good_for_one_message_within_twenty_seconds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	welcome := func(code_ string) int {
		return code(r.as("agent", "/cgi-bin/externalcontact/send_welcome_msg", m{"welcome_code": code_, "text": m{"content": "您好"}}))
	}
	p := r.play(Act{Who: "wm1", Do: "add_staff", With: "LiNa", App: testCorp})
	r.clock.Advance(20*time.Second - time.Millisecond)
	require.Zero(t, welcome(p.WelcomeCode))
	require.Equal(t, 41051, welcome(p.WelcomeCode))
	got := r.Deliveries(DeliveryFilter{Kind: "welcome"})
	require.Len(t, got, 1)
	require.Equal(t, "wm1", got[0].To)
	p = r.play(Act{Who: "wm2", Do: "half_add", With: "LiNa", App: testCorp})
	r.clock.Advance(20 * time.Second)
	require.Equal(t, 41050, welcome(p.WelcomeCode))
}
