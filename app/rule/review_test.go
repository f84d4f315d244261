package rule

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
)

func TestReview(t *testing.T) {
	t.Parallel()
	clk := clock.NewManual(time.Date(2026, 11, 22, 12, 0, 0, 0, shanghai))
	asked := make(chan Extent, 10)
	var found []int64
	var fails error
	r := NewReview(nil, clk, shanghai, func(_ context.Context, _ db.Querier, _ *Schema, _ int64, extent Extent) ([]int64, error) {
		asked <- extent
		return found, fails
	}, func(context.Context, db.Querier, *Schema, int64, Extent) ([]int64, error) { return []int64{7}, nil })
	ctx := t.Context()

	require.NoError(t, r.Find(ctx, NewDay), "without a schema nothing is asked")
	require.Empty(t, asked)
	r.Use(testSchema)
	found = []int64{9, 3, 7}
	require.NoError(t, r.Find(ctx, NewDay))
	require.Equal(t, NewDay, <-asked)
	require.Equal(t, 3, r.Waiting(), "who several finders list is reviewed once")

	// batch takes up to two people as the pipeline does, and commits or not.
	batch := func(commit bool) (ids []int64) {
		due, err := r.Due(ctx, nil, 5000, 2)
		require.NoError(t, err)
		b := event.NewBatch(5000, 5000, 1, due)
		require.NoError(t, r.Load(ctx, nil, b))
		for _, e := range due {
			require.Equal(t, event.TimerReview, e.Type)
			ids = append(ids, e.ContactID)
			e.ContactID = 0 // as when the person is gone
		}
		if commit {
			b.Committed()
		}
		return ids
	}
	next, err := r.Next(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, clock.Ms(clk.Now()), next)
	require.Equal(t, []int64{3, 7}, batch(false))
	require.Equal(t, []int64{3, 7}, batch(true), "what was rolled back comes again")
	found = []int64{1}
	require.NoError(t, r.Find(ctx, NewDay))
	<-asked
	require.Equal(t, 3, r.Waiting())
	mine, err := r.Poisoned(ctx, nil, &event.Event{Type: event.TimerReview, Props: event.Props{"contact": int64(7)}}, errors.New("odd"))
	require.NoError(t, err)
	require.True(t, mine)
	mine, err = r.Poisoned(ctx, nil, &event.Event{Type: event.TimerTag}, errors.New("odd"))
	require.NoError(t, err)
	require.False(t, mine)
	require.Equal(t, []int64{1, 9}, batch(true))
	next, err = r.Next(ctx, nil)
	require.NoError(t, err)
	require.Zero(t, next)

	fails = errors.New("away")
	require.ErrorContains(t, r.Find(ctx, NewDefinitions), "away")
	require.Equal(t, NewDefinitions, <-asked)
	fails = nil

	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- r.Run(running) }()
	require.Equal(t, NewDefinitions, <-asked, "a start reviews everything")
	r.Use(testSchema)
	require.Equal(t, NewDefinitions, <-asked, "and so do new definitions")
	stop()
	require.NoError(t, <-done)
}

func TestTriggers(t *testing.T) {
	t.Parallel()
	scope := testScope(shanghai)
	body := `[{"events": ["page.viewed", "page.dwelled"], "where": [{"prop": "object_id", "op": "eq", "value": "pricing"}]},
		{"events": ["oa.message_received"], "where": [{"prop": "content", "op": "contains", "value": "报价"}]}]`
	triggers, problems := DecodeTriggers([]byte(body), "on", scope)
	require.Empty(t, problems)
	require.Equal(t, []string{event.OAMessageReceived, event.PageDwelled, event.PageViewed}, triggers.Events())
	require.Equal(t, "浏览页面、停留（对象 等于 pricing），或 公众号发消息（内容 包含 报价）", triggers.String())
	for _, c := range []struct {
		e    event.Event
		want bool
	}{
		{event.Event{Type: event.PageViewed, ObjectID: "pricing"}, true},
		{event.Event{Type: event.PageViewed, ObjectID: "blog"}, false},
		{event.Event{Type: event.OAMessageReceived, Props: event.Props{"content": "请问报价"}}, true},
		{event.Event{Type: event.FormSubmitted, ObjectID: "pricing"}, false},
	} {
		require.Equal(t, c.want, triggers.Match(&c.e), c.e)
	}

	none, problems := DecodeTriggers(nil, "on", scope)
	require.Empty(t, problems)
	require.False(t, none.Match(&event.Event{Type: event.PageViewed}))

	_, problems = DecodeTriggers([]byte(`[{"events": []}, {"events": ["page.viewd", "score.changed", "command.tag"]}, {"on": 1}, {"events": ["page.viewed", "page.viewed"], "where": [{"prop": "x", "op": "near"}]}]`), "on", scope)
	var paths []string
	for _, p := range problems {
		paths = append(paths, p.Path)
	}
	require.Equal(t, []string{"on[0].events", "on[1].events[0]", "on[1].events[1]", "on[1].events[2]", "on[2].on", "on[3].events[1]", "on[3].where[0].op"}, paths)
	_, problems = DecodeTriggers([]byte(`{}`), "on", scope)
	require.Len(t, problems, 1)
}
