package journey

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/setting"
)

// walk starts a run at the first trigger and answers actions with res until it waits or is over.
func walk(t *testing.T, g *Graph, e *event.Event, f facts, res func(action) result) (Run, []string) {
	t.Helper()
	r := Run{ID: 1, JourneyID: g.ID, Node: g.triggers[0].id, State: Ready, EnteredAt: f.now}
	if e != nil {
		r.Cause = causeOf(e)
	}
	return answer(g, r, input{kind: started, event: e}, f, res)
}

// answer gives a run one input and its actions' results; it returns the trail of moves.
func answer(g *Graph, r Run, in input, f facts, res func(action) result) (Run, []string) {
	var trail []string
	r, out := step(g, r, in, f)
	for {
		trail = append(trail, draw(out.moves)...)
		if out.action == nil {
			return r, trail
		}
		got := result{}
		if res != nil {
			got = res(out.action)
		}
		f.stale = f.stale || got.changed
		r, out = step(g, r, input{kind: performed, result: got}, f)
	}
}

func draw(moves []move) []string {
	var trail []string
	for _, m := range moves {
		switch m.kind {
		case entered:
			trail = append(trail, "→"+m.node.id)
		case left:
			trail = append(trail, m.node.id+":"+m.port)
		case broke:
			trail = append(trail, m.node.id+"✗")
		case held:
			trail = append(trail, m.node.id+"⊘")
		case out:
			trail = append(trail, m.node.id+"■")
		}
	}
	return trail
}

func said(text string) *event.Event {
	return &event.Event{Type: event.OAMessageReceived, Seq: 7, OccurredAt: noon, ReceivedAt: noon, ContactID: 42, Props: event.Props{"content": text}}
}

func happen(g *Graph, r Run, e *event.Event, now int64, p *rule.Person) (Run, []string) {
	return answer(g, r, input{kind: happened, event: e}, facts{now: now, person: p}, nil)
}

func TestStep_walks_to_the_end(t *testing.T) {
	t.Parallel()
	g := graphOf(t, `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: say, component: send_official, config: {template: hello}}
  - {id: done, component: end}
edges: [{from: go, to: say}, {from: say, to: done}]`)
	r, trail := walk(t, g, nil, facts{now: noon, person: somebody()}, nil)
	require.Equal(t, "→go go:next →say say:next →done done:", strings.Join(trail, " "))
	require.Equal(t, Finished, r.State)
	require.Equal(t, noon, r.EndedAt)
	require.Equal(t, 1, r.Steps)
	require.Zero(t, r.DueAt)
}

func TestStep_branch_takes_the_first_that_holds(t *testing.T) {
	t.Parallel()
	g := graphOf(t, `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - id: ask
    component: branch
    config:
      branches:
        - {port: vip, label: 重点客户, when: {leaf: tag, op: any, value: [vip]}}
        - {port: sh, label: 上海, when: {leaf: field, key: city, op: eq, value: 上海}}
  - {id: a, component: end}
  - {id: b, component: end}
  - {id: c, component: end}
edges: [{from: go, to: ask}, {from: ask, port: vip, to: a}, {from: ask, port: sh, to: b}, {from: ask, port: else, to: c}]`)
	both := somebody()
	both.Tags[1] = rule.Tag{At: noon}
	both.Values["city"] = contact.Value{Text: "上海", Norm: "上海"}
	city := somebody()
	city.Values["city"] = contact.Value{Text: "上海", Norm: "上海"}
	for want, p := range map[string]*rule.Person{"a": both, "b": city, "c": somebody()} {
		r, _ := walk(t, g, nil, facts{now: noon, person: p}, nil)
		require.Equal(t, want, r.Node)
	}
}

const waitForKeyword = `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - id: listen
    component: wait_event
    config:
      timeout: 2d
      cases:
        - {port: price, label: 问报价, events: [oa.message_received], where: [{prop: content, op: contains, value: 报价}]}
        - {port: gone, label: 取关, events: [oa.unfollowed]}
  - {id: a, component: end}
  - {id: b, component: end}
  - {id: c, component: end}
edges: [{from: go, to: listen}, {from: listen, port: price, to: a}, {from: listen, port: gone, to: b}, {from: listen, port: timeout, to: c}]`

func TestStep_wait_for_event(t *testing.T) {
	t.Parallel()
	g := graphOf(t, waitForKeyword)
	r, trail := walk(t, g, nil, facts{now: noon, person: somebody()}, nil)
	require.Equal(t, "→go go:next →listen", strings.Join(trail, " "))
	require.Equal(t, Waiting, r.State)
	require.Equal(t, noon+48*3_600_000, r.DueAt)

	t.Run("goes at once when it happens", func(t *testing.T) {
		t.Parallel()
		end, trail := happen(g, r, said("你们的报价？"), noon+1000, somebody())
		require.Equal(t, "listen:price →a a:", strings.Join(trail, " "))
		require.Equal(t, Finished, end.State)
	})
	t.Run("stays for another event", func(t *testing.T) {
		t.Parallel()
		same, trail := happen(g, r, said("你好"), noon+1000, somebody())
		require.Empty(t, trail)
		require.Equal(t, r, same)
	})
	t.Run("stays for what happened before the wait and came late", func(t *testing.T) {
		t.Parallel()
		e := said("报价")
		e.OccurredAt, e.ReceivedAt = noon-3_600_000, noon+1000
		same, _ := happen(g, r, e, noon+1000, somebody())
		require.Equal(t, r, same)
	})
	t.Run("goes for what happened in the second the wait began", func(t *testing.T) {
		t.Parallel()
		e := said("报价")
		e.OccurredAt = noon - 900 // platforms tell whole seconds
		end, _ := happen(g, r, e, noon, somebody())
		require.Equal(t, "a", end.Node)
	})
	t.Run("times out, not before", func(t *testing.T) {
		t.Parallel()
		early, _ := answer(g, r, input{kind: due}, facts{now: r.DueAt - 1}, nil)
		require.Equal(t, r, early)
		end, trail := answer(g, r, input{kind: due}, facts{now: r.DueAt}, nil)
		require.Equal(t, "listen:timeout →c c:", strings.Join(trail, " "))
		require.Equal(t, Finished, end.State)
	})
}

func TestStep_wait(t *testing.T) {
	t.Parallel()
	birthday := somebody()
	birthday.Values["birthday"] = contact.Value{Num: 7305 + 329} // 1990-11-26
	for _, c := range []struct {
		name, config string
		now          string
		person       *rule.Person
		want         string // when it goes on; "" at once, "missing" through that port
	}{
		{"a duration", `{mode: for, for: 1d12h}`, "2026-11-23 12:00", nil, "2026-11-25 00:00"},
		{"a duration, then working hours", `{mode: for, for: 8h, in_hours: true}`, "2026-11-27 12:00", nil, "2026-11-30 09:00"},
		{"until an instant", `{mode: until, at: "2026-12-01 10:00"}`, "2026-11-23 12:00", nil, "2026-12-01 10:00"},
		{"until an instant that is past", `{mode: until, at: "2026-11-01 10:00"}`, "2026-11-23 12:00", nil, ""},
		{"a time later today", `{mode: time, time: "18:30"}`, "2026-11-23 12:00", nil, "2026-11-23 18:30"},
		{"a time tomorrow", `{mode: time, time: "09:00"}`, "2026-11-23 12:00", nil, "2026-11-24 09:00"},
		{"a time exactly now is tomorrow's", `{mode: time, time: "12:00"}`, "2026-11-23 12:00", nil, "2026-11-24 12:00"},
		{"a time after days", `{mode: time, time: "09:00", days: 2}`, "2026-11-23 12:00", nil, "2026-11-25 09:00"},
		{"working hours, inside them", `{mode: work}`, "2026-11-23 12:00", nil, ""},
		{"working hours, at night", `{mode: work}`, "2026-11-23 22:00", nil, "2026-11-24 09:00"},
		{"working hours, before opening", `{mode: work}`, "2026-11-23 07:00", nil, "2026-11-23 09:00"},
		{"working hours, at closing", `{mode: work}`, "2026-11-27 18:00", nil, "2026-11-30 09:00"},
		{"a birthday this year", `{mode: date, field: birthday, time: "09:00", yearly: true}`, "2026-11-23 12:00", birthday, "2026-11-26 09:00"},
		{"days before a birthday", `{mode: date, field: birthday, offset_days: -2, time: "09:00", yearly: true}`, "2026-11-23 12:00", birthday, "2026-11-24 09:00"},
		{"a birthday just over", `{mode: date, field: birthday, offset_days: -3, time: "09:00", yearly: true}`, "2026-11-23 12:00", birthday, "2027-11-23 09:00"},
		{"a date long past", `{mode: date, field: birthday, time: "09:00"}`, "2026-11-23 12:00", birthday, "missing"},
		{"no date", `{mode: date, field: birthday, time: "09:00", yearly: true}`, "2026-11-23 12:00", somebody(), "missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := graphOf(t, `
settings: {entry: {mode: once}, hours: {from: "09:00", to: "18:00", days: [1, 2, 3, 4, 5]}}
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: rest, component: wait, config: `+c.config+`}
  - {id: done, component: end}
  - {id: none, component: end}
edges: [{from: go, to: rest}, {from: rest, to: done}, {from: rest, port: missing, to: none}]`)
			p := c.person
			if p == nil {
				p = somebody()
			}
			r, _ := walk(t, g, nil, facts{now: at(c.now), person: p}, nil)
			switch c.want {
			case "":
				require.Equal(t, "done", r.Node)
			case "missing":
				require.Equal(t, "none", r.Node)
			default:
				require.Equal(t, Waiting, r.State)
				require.Equal(t, at(c.want), r.DueAt)
				r, _ = answer(g, r, input{kind: due}, facts{now: r.DueAt, person: p}, nil)
				require.Equal(t, "done", r.Node)
			}
		})
	}
}

func TestStep_wait_without_a_way_for_missing_goes_on(t *testing.T) {
	t.Parallel()
	g := graphOf(t, `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: rest, component: wait, config: {mode: date, field: birthday, time: "09:00"}}
  - {id: done, component: end}
edges: [{from: go, to: rest}, {from: rest, to: done}]`)
	r, trail := walk(t, g, nil, facts{now: noon, person: somebody()}, nil)
	require.Equal(t, Finished, r.State)
	require.Equal(t, "→go go:next →rest rest:next →done done:", strings.Join(trail, " "))
}

func TestStep_action_that_fails(t *testing.T) {
	t.Parallel()
	body := func(onError, more string) *Graph {
		return graphOf(t, `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: say, component: send_official, config: {template: hello}, on_error: `+onError+`}
  - {id: done, component: end}
edges: [{from: go, to: say}, {from: say, to: done}`+more+`]`)
	}
	bad := func(action) result { return result{kind: failed, reason: "没有公众号身份"} }
	for _, c := range []struct {
		name  string
		g     *Graph
		trail string
		state State
	}{
		{"goes on", body("continue", ""), "→go go:next →say say✗ say:next →done done:", Finished},
		{"stops", body("stop", ""), "→go go:next →say say✗ say■", Failed},
		{"takes the way for failures", body("stop", ", {from: say, port: failed, to: done}"), "→go go:next →say say✗ say:failed →done done:", Finished},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, trail := walk(t, c.g, nil, facts{now: noon, person: somebody()}, bad)
			require.Equal(t, c.trail, strings.Join(trail, " "))
			require.Equal(t, c.state, r.State)
			if c.state == Failed {
				require.Equal(t, "没有公众号身份", r.Reason)
			}
		})
	}
}

func TestStep_message_that_policy_keeps(t *testing.T) {
	t.Parallel()
	const body = `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: say, component: send_official, config: {template: hello}}
  - {id: done, component: end}
  - {id: other, component: end}
edges: [{from: go, to: say}, {from: say, to: done}, {from: say, port: blocked, to: other}]`
	sent := func(action) result { return result{messages: 2} }
	g := graphOf(t, body)
	r, _ := walk(t, g, nil, facts{now: noon, person: somebody()}, sent)
	require.Equal(t, Sending, r.State)
	require.Equal(t, noon, r.DueAt, "should no word come, the run goes on")

	t.Run("goes the other way when all were kept", func(t *testing.T) {
		t.Parallel()
		r, _ := heard(g, r, false, facts{now: noon})
		require.Equal(t, Sending, r.State)
		r, _ = heard(g, r, false, facts{now: noon})
		require.Equal(t, "other", r.Node)
	})
	t.Run("goes on when one may go", func(t *testing.T) {
		t.Parallel()
		r, _ := heard(g, r, true, facts{now: noon})
		r, _ = heard(g, r, false, facts{now: noon})
		require.Equal(t, "done", r.Node)
	})
	t.Run("goes on when no word comes", func(t *testing.T) {
		t.Parallel()
		r, _ := answer(g, r, input{kind: due}, facts{now: noon + 1}, nil)
		require.Equal(t, "done", r.Node)
	})
}

func TestStep_reads_the_person_only_after_its_own_changes_are_applied(t *testing.T) {
	t.Parallel()
	g := graphOf(t, `
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: tag, component: tag, config: {add: [fan]}}
  - {id: set, component: change, config: {set: {city: 上海}}}
  - {id: ask, component: branch, config: {branches: [{port: sh, label: 上海, when: {leaf: field, key: city, op: eq, value: 上海}}]}}
  - {id: yes, component: end}
  - {id: no, component: end}
edges: [{from: go, to: tag}, {from: tag, to: set}, {from: set, to: ask}, {from: ask, port: sh, to: "yes"}, {from: ask, port: else, to: "no"}]`)
	p := somebody()
	r, trail := walk(t, g, nil, facts{now: noon, person: p}, func(action) result { return result{changed: true} })
	require.Equal(t, "→go go:next →tag tag:next →set set:next →ask", strings.Join(trail, " "))
	require.Equal(t, Ready, r.State)
	require.Equal(t, 2, r.Steps)
	p.Values["city"] = contact.Value{Text: "上海", Norm: "上海"}
	r, trail = answer(g, r, input{kind: resumed}, facts{now: noon, person: p}, nil)
	require.Equal(t, "ask:sh →yes yes:", strings.Join(trail, " "))
	require.Equal(t, Finished, r.State)
}

func TestStep_exits(t *testing.T) {
	t.Parallel()
	g := graphOf(t, `
settings:
  entry: {mode: once}
  exit:
    - {events: [oa.unfollowed], note: 已取关}
    - {when: {leaf: tag, op: any, value: [vip]}, note: 已是重点客户}
nodes:
  - {id: go, component: on_event, config: {events: [oa.followed]}}
  - {id: rest, component: wait, config: {mode: for, for: 1d}}
  - {id: done, component: end}
edges: [{from: go, to: rest}, {from: rest, to: done}]`)
	r, _ := walk(t, g, nil, facts{now: noon, person: somebody()}, nil)
	require.True(t, g.waits[event.OAUnfollowed])
	require.True(t, g.watches)

	end, trail := happen(g, r, &event.Event{Type: event.OAUnfollowed, OccurredAt: noon, ReceivedAt: noon}, noon, somebody())
	require.Equal(t, "rest■", strings.Join(trail, " "))
	require.Equal(t, Exited, end.State)
	require.Equal(t, "满足退出条件：已取关", end.Reason)

	vip := somebody()
	vip.Tags[1] = rule.Tag{At: noon}
	end, _ = answer(g, r, input{kind: due}, facts{now: r.DueAt, person: vip}, nil)
	require.Equal(t, "满足退出条件：已是重点客户", end.Reason)

	end, _ = answer(g, r, input{kind: stopped, result: result{reason: "旅程已停止"}}, facts{now: noon}, nil)
	require.Equal(t, Exited, end.State)
}

func TestStep_of_a_run_at_a_node_that_is_gone_fails(t *testing.T) {
	t.Parallel()
	g := graphOf(t, waitForKeyword)
	r, _ := step(g, Run{Node: "gone", State: Waiting, DueAt: 1}, input{kind: due}, facts{now: noon})
	require.Equal(t, Failed, r.State)
	require.Contains(t, r.Reason, "没有步骤 gone")
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	const day = 24 * 3_600_000
	for _, c := range []struct {
		name  string
		entry Entry
		past  past
		want  refusal
	}{
		{"once, the first time", Entry{Mode: Once}, past{}, ""},
		{"once, inside", Entry{Mode: Once}, past{open: 1, last: noon}, stillIn},
		{"once, long ago", Entry{Mode: Once}, past{last: noon - 400*day}, notTwice},
		{"again, the first time", Entry{Mode: Again, Days: 7}, past{}, ""},
		{"again, inside", Entry{Mode: Again, Days: 7}, past{open: 1, last: noon - 8*day}, stillIn},
		{"again, too soon", Entry{Mode: Again, Days: 7}, past{last: noon - 7*day + 1}, tooSoon},
		{"again, in time", Entry{Mode: Again, Days: 7}, past{last: noon - 7*day}, ""},
		{"concurrent", Entry{Mode: Concurrent}, past{open: 19, last: noon}, ""},
		{"concurrent, too many", Entry{Mode: Concurrent}, past{open: 20, last: noon}, tooMany},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, (&Graph{entry: c.entry}).admit(c.past, noon))
		})
	}
}

func TestTriggers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, config string
		e            event.Event
		want         bool
	}{
		{"the event", `on_event, config: {events: [oa.followed, oa.scanned]}`, event.Event{Type: event.OAScanned}, true},
		{"another event", `on_event, config: {events: [oa.followed]}`, event.Event{Type: event.OAScanned}, false},
		{"a property that fits", `on_event, config: {events: [oa.message_received], where: [{prop: content, op: contains, value: 报价}]}`, *said("想要报价单"), true},
		{"a property that does not", `on_event, config: {events: [oa.message_received], where: [{prop: content, op: contains, value: 报价}]}`, *said("你好"), false},
		{"a condition that does not hold", `on_event, config: {events: [oa.message_received], when: {leaf: tag, op: any, value: [vip]}}`, *said("你好"), false},
		{"a tag", `on_change, config: {change: tag_added, tags: [vip]}`, event.Event{Type: event.TagAdded, Props: event.Props{"tag": "vip"}}, true},
		{"another tag", `on_change, config: {change: tag_added, tags: [vip]}`, event.Event{Type: event.TagAdded, Props: event.Props{"tag": "fan"}}, false},
		{"a tag taken away", `on_change, config: {change: tag_removed, tags: [vip]}`, event.Event{Type: event.TagRemoved, Props: event.Props{"tag": "vip"}}, true},
		{"a stage", `on_change, config: {change: stage_entered, stages: [mql]}`, event.Event{Type: event.StageEntered, Props: event.Props{"stage": "mql"}}, true},
		{"a stage entered again", `on_change, config: {change: stage_entered, stages: [mql], first: true}`, event.Event{Type: event.StageEntered, Props: event.Props{"stage": "mql", "first": false}}, false},
		{"a stage entered first", `on_change, config: {change: stage_entered, stages: [mql], first: true}`, event.Event{Type: event.StageEntered, Props: event.Props{"stage": "mql", "first": true}}, true},
		{"a threshold", `on_change, config: {change: score_crossed, score: intent, thresholds: [surge]}`, event.Event{Type: event.ScoreThresholdCrossed, Props: event.Props{"score": "intent", "threshold": "surge"}}, true},
		{"another threshold", `on_change, config: {change: score_crossed, score: intent, thresholds: [surge]}`, event.Event{Type: event.ScoreThresholdCrossed, Props: event.Props{"score": "intent", "threshold": "hot"}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := graphOf(t, `{nodes: [{id: go, component: `+c.config+`}, {id: done, component: end}], edges: [{from: go, to: done}]}`)
			f := facts{now: noon, person: somebody()}
			got := g.triggers[0].part.(starter).starts(&place{g: g, node: g.triggers[0], e: &c.e, f: &f})
			require.Equal(t, c.want, got)
			require.NotEmpty(t, g.triggers[0].part.summary())
		})
	}
}

func TestFreshness(t *testing.T) {
	t.Parallel()
	g := graphOf(t, waitForKeyword)
	e := said("x")
	require.True(t, g.freshAt(e, noon+3_600_000))
	require.False(t, g.freshAt(e, noon+3_600_001), "processed too late")
	e.OccurredAt = noon - 11*60_000
	require.False(t, g.freshAt(e, noon), "received too late")
}

func TestEveryComponent_says_in_Chinese_what_it_does(t *testing.T) {
	t.Parallel()
	items := starters(t)
	for _, it := range items {
		if it.Kind != setting.KindJourney {
			continue
		}
		g, problems := compile(it, known(t, items...))
		require.Empty(t, problems)
		for _, n := range g.nodes {
			require.True(t, chinese(n.part.summary()), n.id)
		}
	}
}
