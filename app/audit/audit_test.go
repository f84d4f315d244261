package audit_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/audit"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
)

var begin = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func TestLog_keeps_lines_in_the_order_they_happened(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx := t.Context()
		clk := clock.NewManual(begin)
		l := audit.New(s.Koi, clk)
		for i := range 30 {
			require.NoError(t, l.Write(ctx, audit.Entry{Who: fmt.Sprintf("user:u%d", i%2), Action: "changeUser", Object: "users/7", Outcome: audit.Done,
				Status: 200, Request: "r", Detail: map[string]any{"n": i}}))
			if i%10 == 9 {
				clk.Advance(time.Minute)
			}
		}
		all, err := l.List(ctx, audit.Filter{Limit: 100})
		require.NoError(t, err)
		require.Len(t, all, 30)
		for i, e := range all {
			require.EqualValues(t, 29-i, e.Detail["n"])
		}
		mine, err := l.List(ctx, audit.Filter{Who: "user:u1", Action: "changeUser", Object: "users/7", Limit: 4, Before: all[0].ID})
		require.NoError(t, err)
		require.Len(t, mine, 4)
		require.EqualValues(t, 27, mine[0].Detail["n"])
		middle, err := l.List(ctx, audit.Filter{From: clock.Ms(begin.Add(time.Minute)), To: clock.Ms(begin.Add(2 * time.Minute)), Limit: 100})
		require.NoError(t, err)
		require.Len(t, middle, 10)
		none, err := l.List(ctx, audit.Filter{Object: "users/70", Limit: 1})
		require.NoError(t, err)
		require.Empty(t, none)

		n, first, err := l.Count(ctx, "user:u0", "changeUser", clock.Ms(begin.Add(time.Minute)))
		require.NoError(t, err)
		require.Equal(t, 10, n)
		require.Equal(t, clock.Ms(begin.Add(time.Minute)), first)

		gone, err := l.Purge(ctx, clock.Ms(begin.Add(time.Minute)), 6)
		require.NoError(t, err)
		require.EqualValues(t, 6, gone)
		gone, err = l.Purge(ctx, clock.Ms(begin.Add(time.Minute)), 6)
		require.NoError(t, err)
		require.EqualValues(t, 4, gone)
		all, err = l.List(ctx, audit.Filter{Limit: 100})
		require.NoError(t, err)
		require.Len(t, all, 20)
	})
}

func TestLog_writes_what_was_noted_before_it_stops(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		l := audit.New(s.Koi, clock.Real{})
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 5000 { // more than the queue holds: nobody reads it yet
			l.Note(ctx, audit.Entry{Action: "x", Outcome: audit.Failed, Object: fmt.Sprint(i), Who: strings.Repeat("长", 60)})
		}
		cancel()
		require.NoError(t, l.Run(ctx))
		var n int
		require.NoError(t, s.Koi.QueryRow(t.Context(), "SELECT COUNT(DISTINCT object) FROM audit_log").Scan(&n))
		require.Equal(t, 5000, n)
		list, err := l.List(t.Context(), audit.Filter{Limit: 1})
		require.NoError(t, err)
		require.Equal(t, strings.Repeat("长", 32), list[0].Who, "cut between characters")
	})
}
