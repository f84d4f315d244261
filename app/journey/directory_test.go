package journey

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/app/stage"
	"github.com/koi-scrm/koi/app/tag"
)

// directory reads as the app does, at the rig's present.
func (r *rig) directory() *Directory {
	people := contact.NewDirectory(r.stores.Koi, testKeys)
	return NewDirectory(r.stores.Koi, r.stage, r.timeline, clock.NewManual(time.UnixMilli(r.now)), func(ctx context.Context, id int64) (*rule.Person, error) {
		c, err := people.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		p := rule.NewPerson(c)
		if err := tag.Fill(ctx, r.stores.Koi, p); err != nil {
			return nil, err
		}
		return p, stage.Fill(ctx, r.stores.Koi, p)
	})
}

func TestDirectory_lists_journeys_and_counts_their_steps(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		ctx := t.Context()
		r.journey("care", careFor)
		r.journey("greet", "name: 打招呼\n"+greet)
		r.batch(r.follow("o1"), r.follow("o2"))
		r.batch(r.say("o1", "报价"))
		r.journey("care", "note: 新的一版\n"+careFor)
		r.batch(r.follow("o3"))
		d := r.directory()

		list, err := d.List(ctx)
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.Equal(t, []string{"打招呼", "测试旅程"}, []string{list[0].Name, list[1].Name})
		require.Equal(t, Counts{Entered: 3, Done: 3}, list[0].Counts)
		require.Equal(t, Counts{Entered: 3, Open: 3}, list[1].Counts)
		require.Equal(t, []string{event.LabelOf(event.OAFollowed).Name}, list[0].Triggers)

		v, err := d.Get(ctx, list[1].ID, 0)
		require.NoError(t, err)
		require.Equal(t, int64(2), v.Rev)
		require.Empty(t, v.Problems)
		require.Equal(t, "等待事件", v.Steps[1].Label)
		require.Equal(t, Counts{Entered: 1, Open: 1}, v.Steps[1].Counts)
		old, err := d.Get(ctx, list[1].ID, 1)
		require.NoError(t, err)
		require.Equal(t, Counts{Entered: 2, Open: 1, Done: 1}, old.Steps[1].Counts)
		require.Equal(t, "等待 1小时", old.Steps[4].Summary)
		_, err = d.Get(ctx, 999, 0)
		require.True(t, fault.Is(err, fault.NotFound))

		versions, err := d.Versions(ctx)
		require.NoError(t, err)
		require.Len(t, versions, 1)
		require.Equal(t, int64(1), versions[0].Rev)
		items, err := r.settings.List(ctx, setting.KindJourney)
		require.NoError(t, err)
		m, _ := Compile(append(versions, items...), d.Model().known)
		require.Len(t, m.graphs, 3)
		require.Len(t, m.Graphs(), 2)
		require.Len(t, m.Trees(), 2, "also what the older version asks")
	})
}

func TestDirectory_adds_up_what_steps_blocked_and_failed_and_triggers_refused(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		ctx := t.Context()
		r.journey("care", `
nodes:
  - {id: go, component: on_event, config: {events: [oa.location_reported, oa.followed]}}
  - {id: say, component: send_official, config: {template: hello}}
  - {id: tell, component: alert, config: {template: alert, to: [event_staff]}}
  - {id: done, component: end}
edges: [{from: go, to: say}, {from: say, to: tell}, {from: tell, to: done}]`)
		// A reported location opens no customer-service window; a follow does. Nobody is there to be told.
		r.batch(r.act("o1", event.OALocationReported, nil), r.follow("o2"))
		r.now += 1000
		r.batch(r.follow("o2"))
		d := r.directory()
		list, err := d.List(ctx)
		require.NoError(t, err)
		require.Equal(t, Counts{Entered: 2, Done: 2, Failed: 2, Blocked: 1, Refused: 1}, list[0].Counts)

		// The next version has another trigger, the old one's name is another step's, and a failure ends the run.
		r.journey("care", `
nodes:
  - {id: came, component: on_event, config: {events: [oa.followed]}}
  - {id: go, component: send_official, config: {template: hello}}
  - {id: tell, component: alert, config: {template: alert, to: [event_staff]}, on_error: stop}
  - {id: done, component: end}
edges: [{from: came, to: go}, {from: go, to: tell}, {from: tell, to: done}]`)
		late := r.follow("o4")
		late.OccurredAt -= 11 * 60_000
		r.batch(r.follow("o3"), late)
		id := list[0].ID
		all := Counts{Entered: 3, Done: 2, Failed: 3, Blocked: 1, Refused: 2}
		list, err = d.List(ctx)
		require.NoError(t, err)
		require.Equal(t, all, list[0].Counts, "the failed run and its failed step are one failure")

		steps := func(rev int64) map[string]Counts {
			v, err := d.Get(ctx, id, rev)
			require.NoError(t, err)
			require.Equal(t, all, v.Counts, "of all versions")
			out := map[string]Counts{}
			for _, s := range v.Steps {
				out[s.ID] = s.Counts
			}
			return out
		}
		require.Equal(t, map[string]Counts{"go": {Entered: 2, Done: 2, Refused: 1}, "say": {Entered: 2, Done: 2, Blocked: 1}, "tell": {Entered: 2, Done: 2, Failed: 2},
			"done": {Entered: 2, Done: 2}}, steps(1))
		require.Equal(t, map[string]Counts{"came": {Entered: 1, Done: 1, Refused: 1}, "go": {Entered: 1, Done: 1}, "tell": {Entered: 1, Failed: 1, Exited: 1}, "done": {}}, steps(2))
	})
}

func TestTotals_keep_failures_that_only_the_journey_counted(t *testing.T) {
	t.Parallel()
	got := totals(map[tallyKey]Counts{
		{1, 1, ""}:   {Entered: 5, Done: 3, Failed: 2},
		{1, 1, "go"}: {Entered: 5, Done: 5, Refused: 7},
		{1, 2, ""}:   {Entered: 4, Done: 3, Failed: 1},
		{1, 2, "s"}:  {Entered: 4, Failed: 1, Blocked: 2},
		{1, 2, "t"}:  {Entered: 4, Failed: 3},
		{2, 1, "go"}: {Refused: 4},
	})
	require.Equal(t, map[int64]Counts{1: {Entered: 9, Done: 6, Failed: 6, Blocked: 2, Refused: 7}, 2: {Refused: 4}}, got)
}

func TestDirectory_lists_runs_in_pages(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		ctx := t.Context()
		r.journey("care", careFor)
		for _, who := range []string{"o1", "o2", "o3", "o4", "o5"} {
			r.batch(r.follow(who))
		}
		r.batch(r.act("o2", event.OAUnfollowed, nil))
		d := r.directory()
		id := d.Model().Graphs()[0].ID
		page, next, err := d.Runs(ctx, RunFilter{Journey: id, Limit: 2})
		require.NoError(t, err)
		require.Equal(t, []int64{5, 4}, []int64{page[0].ContactID, page[1].ContactID})
		page, next, err = d.Runs(ctx, RunFilter{Journey: id, Limit: 2, Before: next})
		require.NoError(t, err)
		require.Equal(t, []int64{3, 2}, []int64{page[0].ContactID, page[1].ContactID})
		require.Equal(t, "退出", page[1].StatusZH)
		page, next, err = d.Runs(ctx, RunFilter{Journey: id, Limit: 2, Before: next})
		require.NoError(t, err)
		require.Len(t, page, 1)
		require.Zero(t, next)
		for status, n := range map[string]int{"open": 4, "exited": 1, "finished": 0, "failed": 0, "merged": 0} {
			page, _, err = d.Runs(ctx, RunFilter{Journey: id, Status: status})
			require.NoError(t, err)
			require.Len(t, page, n, status)
		}
		page, _, err = d.Runs(ctx, RunFilter{Contact: 2})
		require.NoError(t, err)
		require.Len(t, page, 1)
		require.Equal(t, "测试旅程", page[0].Journey)
		_, _, err = d.Runs(ctx, RunFilter{Status: "open"})
		require.True(t, fault.Is(err, fault.Invalid))
		_, _, err = d.Runs(ctx, RunFilter{Journey: id, Status: "lost"})
		require.True(t, fault.Is(err, fault.Invalid))
	})
}

func TestDirectory_tells_the_path_of_a_run(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("care", careFor)
		r.journey("greet", greet)
		r.batch(r.follow("o1"))
		r.batch(r.say("o1", "报价"))
		d := r.directory()
		lines := func(id int64) []string {
			path, err := d.Path(t.Context(), id)
			require.NoError(t, err)
			var out []string
			for _, p := range path {
				out = append(out, p.Label+"："+p.Text)
			}
			return out
		}
		require.Equal(t, []string{"行为事件：进入旅程", "打/去标签：做完了", "等待：等待 1小时；2026-11-23 13:00 继续"}, lines(r.runs()[0].ID))
		require.Equal(t, []string{"行为事件：进入旅程", "公众号客服消息：做完了", "结束：走完旅程"}, lines(r.runs()[1].ID))
		_, err := d.Path(t.Context(), 12345)
		require.True(t, fault.Is(err, fault.NotFound))
	})
}

func TestDirectory_says_why_and_why_not(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("vips", `
settings: {entry: {mode: again, days: 7}}
nodes:
  - {id: go, component: on_event, config: {events: [oa.message_received], where: [{prop: content, op: contains, value: 报价}], when: {leaf: tag, op: any, value: [vip]}}}
  - {id: rest, component: wait, config: {mode: for, for: 1h}}
  - {id: done, component: end}
edges: [{from: go, to: rest}, {from: rest, to: done}]`)
		r.batch(r.follow("o1"), r.follow("o2"))
		id := r.directory().Model().Graphs()[0].ID
		why := func(contactID int64) Why {
			w, err := r.directory().Why(t.Context(), id, contactID)
			require.NoError(t, err)
			return w
		}
		require.Equal(t, "没有发生过这样的事件", why(1).Triggers[0].Text)
		require.Equal(t, "没有进入过：触发条件还没有满足", why(1).Verdict)

		r.batch(r.say("o1", "你好"))
		require.Equal(t, "发生过这类事件，但不满足对事件的要求", why(1).Triggers[0].Text)
		require.NotNil(t, why(1).Triggers[0].Near)

		r.batch(r.say("o1", "报价"))
		w := why(1)
		require.Equal(t, "发生过，但客户条件现在不满足", w.Triggers[0].Text)
		require.False(t, w.Triggers[0].Person.OK)
		require.Contains(t, w.Triggers[0].Person.Text, "重点客户")

		tagged := &event.Event{Type: event.CommandTag, Source: "console", Key: "t1", ObjectType: "contact", ObjectID: "1", OccurredAt: r.now, ReceivedAt: r.now, Props: event.Props{"add": []any{"vip"}}}
		r.batch(tagged)
		require.Contains(t, why(1).Verdict, "再次触发就会进入")

		r.now += 1000
		r.batch(r.say("o1", "报价呢"))
		require.Equal(t, "正在旅程里，停在“等待”", why(1).Verdict)
		r.elapse(time.Hour)
		require.Equal(t, "2026-11-23 12:00 进入过，完成；现在不能再进：距上次进入还不满规定的天数", why(1).Verdict)
		r.now += 8 * 24 * 3_600_000
		require.Contains(t, why(1).Verdict, "再次触发")
		require.Empty(t, why(1).Admit)

		r.journey("vips", "status: paused\n"+greet)
		require.Equal(t, "旅程现在是“已暂停”，不会有人进入", why(2).Verdict)
	})
}

func TestDirectory_rehearses_without_any_effect(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("care", "status: draft\n"+careFor)
		r.batch(r.follow("o1"))
		d := r.directory()
		id := d.Model().Graphs()[0].ID
		before := r.runs()

		q := TestRun{Journey: id, Contact: 1}
		got, err := d.TestRun(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, "走到终点", got.Ended)
		require.Equal(t, event.OAFollowed, got.Event.Type)
		require.Equal(t, []string{"go", "listen", "bye"}, nodesOf(got))
		require.Equal(t, "等了 2小时，没有发生", got.Steps[1].Why)
		require.Equal(t, r.now+2*3_600_000, got.Steps[1].Wait)

		q.Choose = map[string]string{"listen": "price"}
		got, err = d.TestRun(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, []string{"go", "listen", "tag", "ask", "rest", "say", "done"}, nodesOf(got))
		require.Equal(t, "满足“问过”", got.Steps[3].Why)
		require.True(t, got.Steps[3].Trace.OK)
		require.Equal(t, []Rendered{{Channel: "official_kf", Account: oaApp, To: "o1", Kind: "text", Body: `{"content":"优惠"}`}}, got.Steps[5].Messages)
		require.Equal(t, r.now+3_600_000, got.Steps[5].At, "the message would go an hour later")
		require.Contains(t, got.String(), "打/去标签：打上 问过报价")

		require.Equal(t, before, r.runs())
		require.Empty(t, r.messages())
		p, err := d.person(t.Context(), 1)
		require.NoError(t, err)
		require.Empty(t, p.Tags)
	})
}

func nodesOf(r Rehearsal) []string {
	var out []string
	for _, s := range r.Steps {
		out = append(out, s.Node)
	}
	return out
}

func TestDirectory_rehearsal_of_an_endless_journey_ends(t *testing.T) {
	t.Parallel()
	r := newRig(t, dbtest.SQLite(t))
	r.journey("round", `
nodes:
  - {id: go, component: on_event, config: {events: [oa.message_received]}}
  - {id: rest, component: wait, config: {mode: for, for: 1d}}
  - {id: say, component: send_official, config: {template: needs_name}}
edges: [{from: go, to: rest}, {from: rest, to: say}, {from: say, to: rest}]`)
	r.batch(r.say("o1", "你好"))
	got, err := r.directory().TestRun(t.Context(), TestRun{Journey: r.directory().Model().Graphs()[0].ID, Contact: 1})
	require.NoError(t, err)
	require.Contains(t, got.Ended, "还没有结束")
	require.True(t, got.Steps[2].Failed)
	require.Contains(t, got.Steps[2].Why, "正文是空的")
	require.Equal(t, "还在这个旅程里", got.Refused)
}

func TestStage_command_lets_a_person_in(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("care", careFor)
		r.batch(r.say("o1", "x"))
		id := r.directory().Model().Graphs()[0].ID
		start := func(key string) *event.Event {
			return &event.Event{Type: event.CommandJourneyStart, Source: "console", Key: key, ObjectType: "contact", ObjectID: "1", OccurredAt: r.now, ReceivedAt: r.now,
				Props: event.Props{"journey": runKey(id), "by": "小王"}}
		}
		r.batch(start("c1"))
		list, err := r.directory().StartedBy(t.Context(), r.seq)
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, "open", list[0].Status)
		r.batch(start("c2"))
		list, err = r.directory().StartedBy(t.Context(), r.seq)
		require.NoError(t, err)
		require.Empty(t, list, "the entry rules hold")
		wrong := start("c3")
		wrong.Props["journey"] = "999"
		require.ErrorContains(t, r.try([]*event.Event{wrong}, nil), "没有在运行")
	})
}
