package journey

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
)

// happening is one thing that happens in a random story.
type happening struct {
	who, what string
	gap       int64 // ms since the one before
}

func (r *rig) make(h happening, n int) *event.Event {
	r.now += h.gap
	var e *event.Event
	switch h.what {
	case "follow":
		e = r.follow(h.who)
	case "unfollow":
		e = r.act(h.who, event.OAUnfollowed, nil)
	case "late":
		e = r.follow(h.who)
		e.OccurredAt -= 3_600_000
	case "join": // the person is the same as another
		e = r.act(h.who, event.OAMenuClicked, nil)
		e.Identities = append(e.Identities, event.Identity{Kind: event.KindUnionID, Value: "u" + h.who[1:2]})
	case "met":
		e = r.meet("e"+h.who[1:2], "lilei")
		e.Identities = append(e.Identities, event.Identity{Kind: event.KindUnionID, Value: "u" + h.who[1:2]})
	default:
		e = r.say(h.who, h.what)
	}
	e.Key = fmt.Sprint("k", n)
	return e
}

// TestStage_any_split_into_batches_gives_the_same_runs walks random people through journeys with waits,
// branches, exits, merges and limits, once event by event and once in random batches.
func TestStage_any_split_into_batches_gives_the_same_runs(t *testing.T) {
	t.Parallel()
	story := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) happening {
		return happening{
			who:  rapid.SampledFrom([]string{"o1", "o2", "o1b", "o2b"}).Draw(t, "who"),
			what: rapid.SampledFrom([]string{"follow", "unfollow", "late", "join", "met", "报价", "试用", "你好"}).Draw(t, "what"),
		}
	}), 1, 14)
	rapid.Check(t, func(rt *rapid.T) {
		var chapters [][]happening
		for range rapid.IntRange(1, 3).Draw(rt, "chapters") {
			chapters = append(chapters, story.Draw(rt, "story"))
		}
		tell := func(cut func(left int) int) *rig {
			r := newRig(t, dbtest.SQLite(t))
			r.journey("care", careFor)
			r.journey("greet", greet)
			r.journey("meet", `
settings: {entry: {mode: again, days: 1}}
nodes:
  - {id: go, component: on_event, config: {events: [wecom.customer_added, oa.followed]}}
  - {id: rest, component: wait, config: {mode: for, for: 90m}}
  - {id: tell, component: alert, config: {template: alert, to: [event_staff, first_added]}}
  - {id: done, component: end}
edges: [{from: go, to: rest}, {from: rest, to: tell}, {from: tell, to: done}]`)
			n := 0
			for _, chapter := range chapters {
				var events []*event.Event
				for _, h := range chapter {
					n++
					events = append(events, r.make(h, n))
				}
				for len(events) > 0 {
					k := cut(len(events))
					r.batch(events[:k]...)
					events = events[k:]
				}
				r.elapse(100 * time.Minute)
			}
			return r
		}
		one := tell(func(int) int { return 1 })
		many := tell(func(left int) int { return rapid.IntRange(1, left).Draw(rt, "batch") })
		require.Equal(t, one.runs(), many.runs())
		for _, node := range []string{"", "go", "listen", "rest", "say", "tell"} {
			require.Equal(t, one.counts(node), many.counts(node), node)
		}
		require.Equal(t, len(one.messages()), len(many.messages()))
	})
}
