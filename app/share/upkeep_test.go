package share

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/lease"
)

func TestStage_an_employee_is_known_by_what_else_is_known_of_the_browser(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.run(r.minted(), beacon("v_x", r.staff(), time.Minute))
		require.Equal(t, []string{"v_x d1 pending " + chen}, r.show(r.staff()))

		// Only now it becomes known whose browser that is: the employee signs in with it.
		e := beacon("v_x", "", 2*time.Minute)
		e.Identities = append(e.Identities, event.Identity{Kind: event.KindUserID, Scope: "ww1", Value: "chenjing"})
		r.run(e, beacon("v_y", r.token("v_x"), 3*time.Minute))
		r.run(beacon("v_x", r.staff(), 4*time.Minute))
		require.Equal(t, []string{"v_x d0 none self" + chen}, r.show(r.staff()))
		require.Equal(t, []string{"v_y d1 pending " + chen}, r.show(r.token("v_x")))
	})
}

func TestStage_settles_on_demand_and_gives_up_what_no_stage_takes(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.run(r.minted(), beacon("v_1", r.staff(), time.Minute), beacon("v_2", r.staff(), time.Minute))
		list := r.open("1=1")
		at := clock.Ms(r.now)
		r.run(&event.Event{Type: event.CommandShareSettle, Source: "console", OccurredAt: at, Props: event.Props{"credit": list[0].Credit, "action": "settle"}},
			&event.Event{Type: event.CommandShareSettle, Source: "console", OccurredAt: at, Props: event.Props{"credit": int64(999), "action": "reverse"}})
		require.Equal(t, Settled, r.open("1=1")[0].State)

		timer := &event.Event{Type: event.TimerShare, Props: event.Props{"open": list[1].Credit}}
		require.NoError(t, r.DB.Tx(t.Context(), func(tx *db.Tx) error {
			mine, err := r.stage.Poisoned(t.Context(), tx, timer, errors.New("odd"))
			require.True(t, mine)
			other, _ := r.stage.Poisoned(t.Context(), tx, &event.Event{Type: event.TimerTag}, nil)
			require.False(t, other)
			return err
		}))
		require.Equal(t, NotCounted, r.open("1=1")[1].State)
		require.Contains(t, r.open("1=1")[1].Reason, "odd")
	})
}

func TestPurge_deletes_what_is_old_and_keeps_minted_links(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		l := lease.New(s.Koi, "process", "test")
		require.NoError(t, l.Acquire(t.Context()))
		r.run(r.minted(), beacon("v_1", r.staff(), time.Minute))
		r.run(beacon("v_2", r.staff(), 72*time.Hour))
		n, err := Purge(t.Context(), s.Koi, l, clock.Ms(monday.Add(48*time.Hour)), 100)
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		require.Equal(t, []string{"v_2 d1 pending " + chen}, r.show(r.staff()))
		n, err = Purge(t.Context(), s.Koi, l, clock.Ms(monday.Add(48*time.Hour)), 100)
		require.NoError(t, err)
		require.Zero(t, n)
	})
}
