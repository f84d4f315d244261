package journey

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
)

const sells = `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: buy, component: goal, config: {events: [order.paid], where: [{prop: amount, op: ge, value: 100}], within: 7d, note: 已付款}}
  - {id: nudge, component: tag, config: {add: [vip]}}
  - {id: done, component: end}
edges: [{from: go, to: buy}, {from: buy, port: missed, to: nudge}, {from: nudge, to: done}]`

func TestGoal_takes_out_who_reaches_it_in_time(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("j", sells)
		r.batch(r.follow("o1"), r.follow("o2"), r.follow("o3"))
		r.elapse(24 * time.Hour)
		r.batch(r.act("o1", event.OrderPaid, event.Props{"amount": 199}), r.act("o2", event.OrderPaid, event.Props{"amount": 1}))
		require.Equal(t, []string{"1@buy exited", "2@buy open", "3@buy open"}, r.story())
		require.Equal(t, []string{event.JourneyGoalReached, event.JourneyExited}, r.types("journey."))
		require.Equal(t, "目标达成：已付款", r.runs()[0].Reason)
		r.elapse(6 * 24 * time.Hour)
		require.Equal(t, []string{"1@buy exited", "2@done finished", "3@done finished"}, r.story())
		require.Equal(t, "3 3 0 0 0", r.counts("buy"))
		require.Equal(t, "2 2 0 0 0", r.counts("nudge"))

		path, err := r.directory().Path(t.Context(), r.runs()[0].ID)
		require.NoError(t, err)
		text := ""
		for _, p := range path {
			text += p.Text + "\n"
		}
		require.Contains(t, text, "目标达成：已付款")
	})
}

func TestGoal_of_a_condition_is_seen_at_once_or_when_it_comes_true(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("j", `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: won, component: goal, config: {when: {leaf: tag, op: any, value: [price]}, within: 3d}}
  - {id: done, component: end}
edges: [{from: go, to: won}, {from: won, port: missed, to: done}]`)
		r.journey("asked", `
nodes:
  - {id: go, component: on_event, config: {events: [oa.message_received]}}
  - {id: mark, component: tag, config: {add: [price]}}
  - {id: done, component: end}
edges: [{from: go, to: mark}, {from: mark, to: done}]`)
		r.batch(r.say("o1", "报价"), r.follow("o2"), r.follow("o3"))
		r.now += 1000
		r.batch(r.follow("o1"))
		r.now += 1000
		r.batch(r.say("o2", "报价"))
		require.Equal(t, []string{"1@done finished", "2@won exited", "3@won open", "1@won exited", "2@done finished"}, r.story())
		r.elapse(3 * 24 * time.Hour)
		require.Equal(t, []string{"1@done finished", "2@won exited", "3@done finished", "1@won exited", "2@done finished"}, r.story())
	})
}

func TestGoal_of_the_journey_counts_from_the_entry(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.journey("j", `
settings: {entry: {mode: once}, goal: {events: [trial.requested], within: 2d, note: 申请试用}, exit: [{events: [trial.requested], note: 太晚}]}
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: rest, component: wait, config: {mode: for, for: 5d}}
  - {id: done, component: end}
edges: [{from: go, to: rest}, {from: rest, to: done}]`)
		r.batch(r.follow("o1"), r.follow("o2"), r.follow("o3"))
		r.elapse(24 * time.Hour)
		r.batch(r.act("o1", event.TrialRequested, nil))
		require.Contains(t, r.types("journey."), event.JourneyGoalReached)
		r.elapse(2 * 24 * time.Hour)
		r.batch(r.act("o2", event.TrialRequested, nil))
		require.NotContains(t, r.types("journey."), event.JourneyGoalReached)
		require.Equal(t, []string{"1@rest exited", "2@rest exited", "3@rest open"}, r.story())
		require.Equal(t, "目标达成：申请试用", r.runs()[0].Reason)
		require.Equal(t, "满足退出条件：太晚", r.runs()[1].Reason)
		require.Equal(t, "3 0 0 0 2", r.counts("rest"))
	})
}
