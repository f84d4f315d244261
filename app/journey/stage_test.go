package journey

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/setting"
)

const greet = `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: say, component: send_official, config: {template: hello}}
  - {id: done, component: end}
edges: [{from: go, to: say}, {from: say, to: done}]`

func TestStage_greets_a_follower_in_the_batch_that_brings_them(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("greet", greet)
		r.batch(r.follow("o1"), r.say("o2", "hi"))
		require.Equal(t, []string{"1@done finished"}, r.story())
		list := r.messages()
		require.Len(t, list, 1)
		require.Equal(t, "o1", list[0].To)
		require.Equal(t, oaApp, list[0].Account)
		require.Equal(t, outbox.Reply, list[0].Class)
		require.Equal(t, outbox.Sending, list[0].State)
		require.Equal(t, r.runs()[0].ID, list[0].RunID)
		require.Equal(t, `{"content":"您好，朋友"}`, r.body(list[0]))
		require.Equal(t, []string{event.JourneyEntered, event.JourneyStepDone, event.JourneyExited}, r.types("journey."))
		require.Equal(t, "1 1 0 0 0", r.counts(""))
		require.Equal(t, "1 1 0 0 0", r.counts("say"))
	})
}

func TestStage_lets_nobody_in_twice(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("greet", greet)
		r.batch(r.follow("o1"))
		r.now += 1000
		r.batch(r.follow("o1"))
		r.now += 1000
		r.batch(r.follow("o1"), r.follow("o2"))
		require.Equal(t, []string{"1@done finished", "2@done finished"}, r.story())
		require.Equal(t, "2 2 0 2 0", r.counts("go"), "two refusals are counted at the trigger")
	})
}

func TestStage_lets_in_again_after_days(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("greet", "settings: {entry: {mode: again, days: 7}}"+greet)
		r.batch(r.follow("o1"))
		r.now += 7*24*3_600_000 - 1
		r.batch(r.follow("o1"))
		require.Len(t, r.runs(), 1)
		r.now++
		r.batch(r.follow("o1"))
		r.now += 1000
		r.batch(r.follow("o1"))
		require.Len(t, r.runs(), 2)
		require.False(t, r.runs()[0].Memo, "only the last time is needed to decide")
		require.True(t, r.runs()[1].Memo)
	})
}

func TestStage_remembers_across_versions_and_modes(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("greet", "settings: {entry: {mode: concurrent}}"+greet)
		r.batch(r.follow("o1"))
		r.now += 1000
		r.batch(r.follow("o1"))
		require.Len(t, r.runs(), 2)
		r.journey("greet", greet)
		r.now += 1000
		r.batch(r.follow("o1"))
		require.Len(t, r.runs(), 2, "who was in it before it became 只进一次 was in it")
	})
}

func TestStage_starts_nothing_for_late_events(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("greet", greet)
		late := r.follow("o1")
		late.OccurredAt -= 11 * 60_000
		stale := r.follow("o2")
		stale.OccurredAt -= 2 * 3_600_000
		stale.ReceivedAt = stale.OccurredAt // it waited in the log while we were down
		r.batch(late, stale)
		require.Empty(t, r.runs())
		require.Equal(t, "0 0 0 2 0", r.counts("go"))
	})
}

const careFor = `
settings:
  entry: {mode: again, days: 1}
  exit: [{events: [oa.unfollowed], note: 取关}]
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - id: listen
    component: wait_event
    config:
      timeout: 2h
      cases: [{port: price, label: 问报价, events: [oa.message_received], where: [{prop: content, op: contains, value: 报价}]}]
  - {id: tag, component: tag, config: {add: [price]}}
  - {id: ask, component: branch, config: {branches: [{port: tagged, label: 问过, when: {leaf: tag, op: any, value: [price]}}]}}
  - {id: rest, component: wait, config: {mode: for, for: 1h}}
  - {id: say, component: send_official, config: {template: offer}}
  - {id: done, component: end}
  - {id: bye, component: end}
edges:
  - {from: go, to: listen}
  - {from: listen, port: price, to: tag}
  - {from: listen, port: timeout, to: bye}
  - {from: tag, to: ask}
  - {from: ask, port: tagged, to: rest}
  - {from: ask, port: else, to: bye}
  - {from: rest, to: say}
  - {from: say, to: done}`

func TestStage_waits_reacts_and_goes_on_in_time(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("care", careFor)
		r.batch(r.follow("o1"), r.follow("o2"), r.follow("o3"))
		require.Equal(t, []string{"1@listen open", "2@listen open", "3@listen open"}, r.story())
		require.Equal(t, r.now+2*3_600_000, r.next())

		r.elapse(time.Minute)
		r.batch(r.say("o1", "报价多少"), r.say("o2", "你好"), r.act("o3", event.OAUnfollowed, nil))
		require.Equal(t, []string{"1@rest open", "2@listen open", "3@listen exited"}, r.story())
		require.Equal(t, []string{event.TagAdded}, r.types("tag."))
		require.Equal(t, "满足退出条件：取关", r.runs()[2].Reason)
		require.Equal(t, r.now+3_600_000, r.next())

		require.Zero(t, r.timers(), "nothing is due early")
		r.elapse(time.Hour)
		require.Equal(t, []string{"1@done finished", "2@listen open", "3@listen exited"}, r.story())
		require.Len(t, r.messages(), 1)
		r.elapse(time.Hour)
		require.Equal(t, []string{"1@done finished", "2@bye finished", "3@listen exited"}, r.story())
		require.Zero(t, r.next())
		require.Equal(t, "3 2 0 0 1", r.counts(""))
		require.Equal(t, "3 2 0 0 1", r.counts("listen"))
	})
}

func TestStage_is_late_after_an_outage_but_goes_on(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("care", careFor)
		r.batch(r.follow("o1"))
		r.elapse(30 * time.Hour)
		require.Equal(t, []string{"1@bye finished"}, r.story())
	})
}

func TestStage_replays_a_batch_that_was_rolled_back(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		straight, crashed := newRig(t, s), newRig(t, dbtestOf(t, s))
		for _, r := range []*rig{straight, crashed} {
			r.journey("care", careFor)
			r.journey("greet", greet)
		}
		events := func(r *rig) [][]*event.Event {
			return [][]*event.Event{{r.follow("o1"), r.follow("o2")}, {r.say("o1", "报价"), r.say("o2", "x")}}
		}
		for i, list := range events(straight) {
			straight.batch(list...)
			again := events(crashed)[i]
			crashed.crash(again...)
			crashed.crash(again...)
			crashed.batch(again...)
		}
		for _, r := range []*rig{straight, crashed} {
			r.now += 3_600_000
		}
		straight.timers()
		due := crashed.due()
		crashed.crash(due...)
		crashed.timers()
		require.Equal(t, straight.runs(), crashed.runs())
		require.Equal(t, len(straight.messages()), len(crashed.messages()))
		for i, m := range straight.messages() {
			require.Equal(t, m.ID, crashed.messages()[i].ID)
		}
		require.Equal(t, straight.counts("listen"), crashed.counts("listen"))
		require.Equal(t, straight.counts(""), crashed.counts(""))
	})
}

func TestStage_an_event_processed_again_starts_nothing_again(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("greet", "settings: {entry: {mode: concurrent}}"+greet)
		r.batch(r.follow("o1"))
		again := r.follow("o1")
		again.Key = "" // past the check for repeats, as a dead letter that is tried again
		r.seq--
		r.stages = r.stages[:len(r.stages)-1] // the timeline has it already
		require.NoError(t, r.try([]*event.Event{again}, nil))
		require.Len(t, r.runs(), 1)
		require.Len(t, r.messages(), 1)
	})
}

func TestStage_merge_keeps_the_first_run_and_greets_once(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("care", `
settings: {entry: {mode: again, days: 1}}
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed, wecom.customer_added]}}
  - {id: rest, component: wait, config: {mode: for, for: 1h}}
  - {id: say, component: send_official, config: {template: hello}}
  - {id: done, component: end}
edges: [{from: go, to: rest}, {from: rest, to: say}, {from: say, to: done}]`)
		add := r.meet("e1", "lilei")
		r.batch(add)
		r.now += 60_000
		r.batch(r.follow("o1"))
		require.Equal(t, []string{"1@rest open", "2@rest open"}, r.story())

		// The union id tells that both are one person.
		r.now += 60_000
		tell := r.act("o1", event.OAMenuClicked, nil)
		tell.Identities = append(tell.Identities, event.Identity{Kind: event.KindUnionID, Value: "u1"})
		r.batch(tell)
		tell = &event.Event{Type: event.WeComCustomerEdited, Source: "wecom", Account: weApp, Key: "edit", OccurredAt: r.now, ReceivedAt: r.now, Props: event.Props{},
			Identities: []event.Identity{{Kind: event.KindExternal, Scope: "ww0001", Value: "e1"}, {Kind: event.KindUnionID, Value: "u1"}}}
		r.batch(tell)
		require.Equal(t, []string{"1@rest open", "1@rest merged"}, r.story())
		require.Equal(t, "2 0 0 0 1", r.counts(""))

		r.elapse(2 * time.Hour)
		require.Equal(t, []string{"1@done finished", "1@rest merged"}, r.story())
		require.Len(t, r.messages(), 1)
		r.batch(r.follow("o1"))
		require.Len(t, r.runs(), 2, "the merged person's past counts")
	})
}

func TestStage_pause_holds_and_resume_lets_go_on(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("care", careFor)
		r.batch(r.follow("o1"))
		r.journey("care", "status: paused\n"+careFor)
		r.batch(r.follow("o2"), r.say("o1", "报价"))
		require.Equal(t, []string{"1@listen open"}, r.story(), "nobody enters, nobody moves")
		r.elapse(3 * time.Hour)
		require.Equal(t, []string{"1@listen open"}, r.story())
		require.Zero(t, r.next(), "what is held wakes nobody")
		path, err := r.directory().Path(t.Context(), r.runs()[0].ID)
		require.NoError(t, err)
		require.Contains(t, path[len(path)-1].Text, "旅程已暂停，恢复后继续")
		r.journey("care", careFor)
		r.batch(r.say("o9", "x"))
		r.elapse(0)
		require.Equal(t, []string{"1@bye finished"}, r.story())
	})
}

func TestStage_stop_takes_everybody_out(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("care", careFor)
		r.batch(r.follow("o1"), r.follow("o2"))
		r.journey("care", "status: stopped\n"+careFor)
		r.batch(r.say("o3", "x")) // the model is taken up with the next batch
		require.NotZero(t, r.next())
		r.timers()
		require.Equal(t, []string{"1@listen exited", "2@listen exited"}, r.story())
		require.Equal(t, "旅程已停止", r.runs()[0].Reason)
		require.Zero(t, r.next())
	})
}

func TestStage_people_inside_stay_with_their_version(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("care", careFor)
		r.batch(r.follow("o1"))
		r.journey("care", greet)
		// A restart knows the old version only from the database.
		again := newRigOn(t, r)
		again.reload()
		again.batch(again.follow("o2"))
		require.Equal(t, []string{"1@listen open", "1001@done finished"}, again.story(), "contact ids go on with the next block")
		again.batch(again.say("o1", "报价"))
		require.Equal(t, "1@rest open", again.story()[0])
		again.elapse(time.Hour)
		require.Equal(t, "1@done finished", again.story()[0])
	})
}

func TestStage_command_takes_one_run_out(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("care", careFor)
		r.batch(r.follow("o1"))
		r.batch(&event.Event{Type: event.CommandJourneyStop, Source: "console", Key: "c1", OccurredAt: r.now, ReceivedAt: r.now, Props: event.Props{"run": runText(r.runs()[0]), "by": "小王"}})
		require.Equal(t, []string{"1@listen exited"}, r.story())
		require.Equal(t, "被手动移出（小王）", r.runs()[0].Reason)
	})
}

func TestStage_goes_the_other_way_when_policy_keeps_a_message(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("care", `
nodes:
  - {id: go, component: on_event, config: {events: [oa.location_reported, oa.followed]}}
  - {id: say, component: send_official, config: {template: hello}}
  - {id: done, component: end}
  - {id: other, component: end}
edges: [{from: go, to: say}, {from: say, to: done}, {from: say, port: blocked, to: other}]`)
		// A reported location opens no customer-service window; a follow does.
		r.batch(r.act("o1", event.OALocationReported, nil), r.follow("o2"))
		require.Equal(t, []string{"1@other finished", "2@done finished"}, r.story())
		require.Equal(t, "2 2 0 1 0", r.counts("say"))
	})
}

func TestStage_alerts_by_relation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, to string
		want     []string
	}{
		{"event staff", `to: [event_staff, all_added]`, []string{"hanmei"}},
		{"their leader", `to: [leader]`, []string{"boss"}},
		{"all who added", `to: [all_added]`, []string{"lilei", "hanmei"}},
		{"the first who added", `to: [first_added]`, []string{"lilei"}},
		{"a department, those below included", `to: [departments], departments: [1]`, []string{"boss", "hanmei", "lilei"}},
		{"several", `to: [event_staff, leader, all_added], pick: all`, []string{"hanmei", "boss", "lilei"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, dbtest.SQLite(t))
			r.journey("alert", `
nodes:
  - {id: go, component: on_event, config: {events: [wecom.chat_started]}}
  - {id: tell, component: alert, config: {template: alert, `+c.to+`}}
  - {id: done, component: end}
edges: [{from: go, to: tell}, {from: tell, to: done}]`)
			r.batch(r.meet("e1", "lilei"))
			r.now += 1000
			r.batch(r.meet("e1", "gone"), r.meet("e1", "hanmei"))
			e := r.meet("e1", "hanmei")
			e.Type, e.Key = event.WeComChatStarted, "chat"
			r.batch(e)
			var got []string
			for _, m := range r.messages() {
				got = append([]string{m.To}, got...)
				require.Equal(t, weApp, m.Account)
				require.Equal(t, outbox.StaffAlert, m.Class)
			}
			require.Equal(t, c.want, got)
			require.Equal(t, []string{"1@done finished"}, r.story())
		})
	}
}

func TestStage_alerts_by_role_when_the_customer_has_no_friend(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		to   string
		want []string
	}{
		{`to: [all_added, roles], roles: [leader, admin]`, []string{"boss"}},
		{`to: [roles], roles: [sales, admin]`, []string{"hanmei"}},
		{`to: [roles, departments], roles: [admin, leader], departments: [2], pick: all`, []string{"boss", "hanmei", "lilei"}},
		{`to: [departments, roles], roles: [admin], departments: [2]`, []string{"hanmei", "lilei"}},
	} {
		t.Run(c.to, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, dbtest.SQLite(t))
			r.journey("alert", `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: tell, component: alert, config: {template: alert, `+c.to+`}}
  - {id: done, component: end}
edges: [{from: go, to: tell}, {from: tell, to: done}]`)
			r.batch(r.follow("o1"))
			var got []string
			for _, m := range r.messages() {
				got = append(got, m.To)
			}
			require.ElementsMatch(t, c.want, got)
		})
	}
}

func TestStage_alert_without_anybody_to_tell_fails_visibly(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("alert", `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: tell, component: alert, config: {template: alert, to: [event_staff, leader, all_added, first_added]}, on_error: stop}
  - {id: done, component: end}
edges: [{from: go, to: tell}, {from: tell, to: done}]`)
		r.batch(r.follow("o1"))
		require.Equal(t, []string{"1@tell failed"}, r.story())
		require.Contains(t, r.runs()[0].Reason, "没有找到可以提醒的员工")
		require.Equal(t, []string{event.JourneyEntered, event.JourneyStepDone, event.JourneyFailed}, r.types("journey."))
		require.Equal(t, "1 0 1 0 1", r.counts("tell"))
	})
}

func TestStage_hot_lead_says_who_and_why_in_the_next_batch(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.publish(starters(t)...)
		r.batch(r.meet("e1", "lilei"))
		ask := r.meet("e1", "lilei")
		ask.Type, ask.Key = event.TrialRequested, "trial"
		r.batch(ask)
		require.Empty(t, r.messages(), "reasons are not looked up in a batch full of events")
		require.Equal(t, []string{"1@alert open"}, r.story())
		require.Equal(t, r.now, r.next())
		require.Equal(t, 1, r.timers())
		list := r.messages()
		require.Len(t, list, 1)
		require.Equal(t, "lilei", list[0].To)
		require.Equal(t, `{"title":"热线索：客户1","description":"<div class=\"gray\">2026-11-23 12:00 `+event.LabelOf(event.TrialRequested).Name+`</div>\n<div class=\"normal\">公司未知 · D2</div>\n<div class=\"highlight\">预约演示 +40</div>","url":"https://koi.example.com/console/contacts/1","btntxt":"查看客户"}`, r.body(list[0]))

		r.now += 6 * 24 * 3_600_000
		again := r.meet("e1", "lilei")
		again.Type, again.Key = event.TrialRequested, "trial2"
		r.batch(again)
		r.timers()
		require.Len(t, r.messages(), 1, "at most once in seven days")
	})
}

func TestStage_replies_to_keywords_as_often_as_they_come(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.publish(starters(t)...)
		r.batch(r.follow("o1"))
		r.now += 1000
		r.batch(r.say("o1", "报价和演示"), r.say("o1", "试用"))
		r.now += 1000
		r.batch(r.say("o1", "报价"), r.say("o1", "随便"))
		list := r.messages()
		require.Len(t, list, 4)
		require.Contains(t, r.body(list[2]), "报价按人数", "one reply to one message, by the first keyword")
		require.Contains(t, r.body(list[1]), "免费试用")
		require.Contains(t, r.body(list[0]), "报价按人数")
	})
}

func TestStage_walks_staff_through_their_own_journey(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("coach", `
subject: staff
settings: {entry: {mode: again, days: 1}}
nodes:
  - {id: go, component: on_event, config: {events: [wecom.customer_added]}}
  - {id: rest, component: wait, config: {mode: for, for: 1h}}
  - {id: tell, component: send_wecom, config: {template: to_staff}}
  - {id: done, component: end}
edges: [{from: go, to: rest}, {from: rest, to: tell}, {from: tell, to: done}]`)
		r.batch(r.meet("e1", "lilei"), r.meet("e2", "lilei"), r.meet("e3", "hanmei"))
		require.Len(t, r.runs(), 2, "once a day for each")
		r.now += 60_000
		r.batch(r.meet("e4", "lilei"))
		require.Len(t, r.runs(), 2)
		r.elapse(time.Hour)
		list := r.messages()
		require.Len(t, list, 2)
		require.Equal(t, []string{"hanmei", "lilei"}, []string{list[0].To, list[1].To})
		require.Equal(t, `{"content":"李雷，`+event.LabelOf(event.WeComCustomerAdded).Name+`"}`, r.body(list[1]))
	})
}

func TestStage_changes_fields_and_sees_them(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("set", `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: set, component: change, config: {set: {city: 上海, company_size: 300}}}
  - {id: ask, component: branch, config: {branches: [{port: sh, label: 上海, when: {leaf: field, key: city, op: eq, value: 上海}}]}}
  - {id: good, component: end}
  - {id: bad, component: end}
edges: [{from: go, to: set}, {from: set, to: ask}, {from: ask, port: sh, to: good}, {from: ask, port: else, to: bad}]`)
		r.batch(r.follow("o1"))
		require.Equal(t, []string{"1@good finished"}, r.story())
		require.Equal(t, []string{event.ContactCreated, event.ContactAttributeChanged}, r.types("contact."))
	})
}

func TestStage_journeys_that_set_each_other_off_come_to_an_end(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		loop := func(when, add, remove string) string {
			return `
settings: {entry: {mode: concurrent}}
nodes:
  - {id: go, component: on_change, config: {change: tag_added, tags: [` + when + `]}}
  - {id: flip, component: tag, config: {remove: [` + remove + `], add: [` + add + `]}}
  - {id: done, component: end}
edges: [{from: go, to: flip}, {from: flip, to: done}]`
		}
		r.journey("one", loop("vip", "fan", "vip"))
		r.journey("two", loop("fan", "vip", "fan"))
		r.batch(r.follow("o1"))
		r.batch(&event.Event{Type: event.CommandTag, Source: "console", Key: "t1", ObjectType: "contact", ObjectID: "1", OccurredAt: r.now, ReceivedAt: r.now, Props: event.Props{"add": []any{"vip"}}})
		require.NotEmpty(t, r.runs())
		require.Less(t, len(r.runs()), event.MaxDepth)
		for _, n := range r.runs() {
			require.False(t, n.State.Open())
		}
	})
}

func TestStage_deleting_a_journey_takes_everybody_out(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("care", careFor)
		r.batch(r.follow("o1"))
		_, err := r.settings.Apply(t.Context(), []setting.Change{{Kind: setting.KindJourney, Key: "care", Delete: true}}, "test")
		require.NoError(t, err)
		r.reload()
		r.batch(r.say("o2", "x"))
		r.timers()
		require.Equal(t, []string{"1@listen exited"}, r.story())
	})
}

func TestStage_a_mistake_of_ours_fails_the_run_not_the_batch(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("set", `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: rest, component: wait, config: {mode: for, for: 1m}}
  - {id: set, component: change, config: {stage: won}}
  - {id: done, component: end}
edges: [{from: go, to: rest}, {from: rest, to: set}, {from: set, to: done}]`)
		r.stage.Stages = nil // something that panics
		r.batch(r.follow("o1"))
		r.elapse(time.Minute)
		require.Equal(t, []string{"1@set failed"}, r.story())
		require.Equal(t, "内部错误，详情见日志", r.runs()[0].Reason)
		require.Zero(t, r.next())
		require.Equal(t, "1 0 1 0 0", r.counts(""))
		require.Equal(t, "1 0 1 0 1", r.counts("set"), "counted, and counted out, where it stood")
	})
}

func TestStage_a_timer_no_stage_can_take_ends_its_run(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("care", careFor)
		r.batch(r.follow("o1"))
		r.now += 3 * 3_600_000
		due := r.due()
		require.Len(t, due, 1)
		require.NoError(t, s.Koi.Tx(t.Context(), func(tx *db.Tx) error {
			taken, err := r.stage.Poisoned(t.Context(), tx, due[0], errCrash)
			require.True(t, taken)
			return err
		}))
		require.Empty(t, r.due())
		require.Equal(t, []string{"1@listen failed"}, r.story())
		require.Contains(t, r.runs()[0].Reason, "crash before commit")
		require.Equal(t, "1 0 1 0 0", r.counts(""))
		require.Equal(t, "1 0 1 0 1", r.counts("listen"))
	})
}

func TestStage_sets_a_stage_and_hears_of_it(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("win", `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: set, component: change, config: {stage: won}}
  - {id: ask, component: branch, config: {branches: [{port: won, label: 成交, when: {leaf: stage, op: in, value: [won]}}]}}
  - {id: good, component: end}
  - {id: bad, component: end}
edges: [{from: go, to: set}, {from: set, to: ask}, {from: ask, port: won, to: good}, {from: ask, port: else, to: bad}]`)
		r.journey("cheer", `
nodes:
  - {id: go, component: on_change, config: {change: stage_entered, stages: [won], first: true}}
  - {id: done, component: end}
edges: [{from: go, to: done}]`)
		r.batch(r.follow("o1"))
		require.ElementsMatch(t, []string{"1@good finished", "1@done finished"}, r.story())
	})
}

func TestStage_writes_nothing_for_events_that_concern_no_journey(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.publish(starters(t)...)
		var events []*event.Event
		for i := range 500 {
			e := r.say(fmt.Sprint("o", i), "你好")
			events = append(events, e)
		}
		r.batch(events...)
		before := r.rows()
		r.now += 1000
		for i, e := range events {
			e.Key, e.OccurredAt, e.ReceivedAt = fmt.Sprint("again", i), r.now, r.now
		}
		r.batch(events...)
		require.Equal(t, before, r.rows(), "events that concern no journey write nothing here")
	})
}

func TestStage_asks_and_writes_for_a_batch_not_for_an_event(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.publish(starters(t)...)
		batch := func(text, key string) (statements, rows int) {
			var events []*event.Event
			for i := range 500 {
				e := r.say(fmt.Sprint("o", i), text)
				e.Key = fmt.Sprint(key, i)
				events = append(events, e)
			}
			s.Koi.Watch(func(list []db.Statement) {
				for _, q := range list {
					if strings.Contains(q.Query, "journey_runs") || strings.Contains(q.Query, "journey_counters") {
						statements++
						if !q.Read {
							rows += strings.Count(q.Query, "(?")
						}
					}
				}
			})
			defer s.Koi.Watch(nil)
			r.batch(events...)
			return statements, rows
		}
		batch("你好", "first") // makes the people
		n, rows := batch("你好", "idle")
		require.Equal(t, 1, n, "the runs of 500 people, 512 to a query")
		require.Zero(t, rows)
		n, rows = batch("报价", "busy")
		require.LessOrEqual(t, n, 2+5+2, "runs in, runs out, counts in and out")
		require.Equal(t, 500+4, rows, "a row for each run, one for each step and one for the journey")
	})
}

func TestStage_a_journey_is_not_set_off_by_what_it_did_itself(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("nag", `
settings: {entry: {mode: concurrent}}
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed, message.queued, journey.exited]}}
  - {id: say, component: send_official, config: {template: offer}}
  - {id: done, component: end}
edges: [{from: go, to: say}, {from: say, to: done}]`)
		r.batch(r.follow("o1"))
		require.Len(t, r.runs(), 1)
	})
}
