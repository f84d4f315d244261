package demo

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/event"
)

var anEnd = time.Date(2026, 11, 22, 14, 0, 0, 0, china).UnixMilli()

func TestHistory_is_as_large_as_promised(t *testing.T) {
	t.Parallel()
	h := history(Full, anEnd)
	require.Len(t, h.people, 3000)
	deeds, shared, depth := 0, 0, 0
	for _, e := range h.events {
		if e.Type != event.CommandShare {
			deeds++
		}
		if e.Share != "" {
			shared++
			if strings.HasPrefix(e.Share, "visitor:") {
				depth++
			}
		}
	}
	require.Equal(t, 60_000, deeds)
	require.Greater(t, shared, 60, "links of the staff brought people")
	require.Greater(t, depth, 20, "who passed them on")
	require.Len(t, posts(), 25)
	firms, kinds, keys := map[string]bool{}, map[string]int{}, map[string]bool{}
	for _, c := range h.people {
		firms[c.firm.name] = true
	}
	require.Len(t, firms, 400)
	span := int64(Full.Days) * 24 * time.Hour.Milliseconds()
	last := int64(0)
	for _, e := range h.events {
		kinds[e.Type]++
		require.False(t, keys[e.Key], "each deed has a name of its own")
		keys[e.Key] = true
		require.GreaterOrEqual(t, e.OccurredAt, last, "in the order in which it happened")
		last = e.OccurredAt
		require.LessOrEqual(t, e.OccurredAt, anEnd-event.LateAfter.Milliseconds(), "late, so that nothing is sent")
		require.GreaterOrEqual(t, e.OccurredAt, anEnd-span-24*time.Hour.Milliseconds())
		if e.Type != event.CommandContactChange && e.Type != event.CommandShare {
			require.Contains(t, event.Labels(), e.Type)
		}
	}
	require.Less(t, h.events[0].OccurredAt, anEnd-span*8/10, "it reaches back three months")
	for _, kind := range []string{event.OAFollowed, event.OAUnfollowed, event.PageViewed, event.FormSubmitted, event.WeComCustomerAdded, event.TrialRequested, event.MeetingCheckedIn, event.OrderPaid} {
		require.NotZero(t, kinds[kind], kind)
	}
}

func TestHistory_is_the_same_at_every_start(t *testing.T) {
	t.Parallel()
	size := Size{People: 200, Companies: 30, Events: 3000, Days: 90}
	one, err := json.Marshal(history(size, anEnd).events)
	require.NoError(t, err)
	two, err := json.Marshal(history(size, anEnd).events)
	require.NoError(t, err)
	require.JSONEq(t, string(one), string(two))
}
