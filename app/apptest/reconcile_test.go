package apptest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/channels/simulator"
)

// person is who an identity belongs to, or nil.
func (k *Koi) person(kind, scope, value string) *contact.Person {
	p, err := k.App.People.Find(k.t.Context(), event.Identity{Kind: kind, Scope: scope, Value: value})
	if err != nil {
		return nil
	}
	return p
}

// reconciled waits until both rolls were read to their end since a wall time.
func (k *Koi) reconciled(since int64) {
	k.t.Helper()
	Until(k.t, "followers and customers are reconciled", func() bool {
		var n int
		err := k.App.Stores.Koi.QueryRow(k.t.Context(), "SELECT COUNT(*) FROM reconciled WHERE done_at>=?", since).Scan(&n)
		return err == nil && n == 2
	})
	k.Settle()
}

func (k *Koi) rows(query string, args ...any) (n int) {
	k.t.Helper()
	require.NoError(k.t, k.App.Stores.Koi.QueryRow(k.t.Context(), query, args...).Scan(&n))
	return n
}

func TestReconcile_what_was_missed_is_made_up_for_and_greets_nobody(t *testing.T) {
	t.Parallel()
	const (
		early, left, stays, came = "oEarly0000000000000000000001", "oLeft00000000000000000000001", "oStays0000000000000000000001", "oCame00000000000000000000001"
		old, parted, added       = "wmOldFriend0000000000000001", "wmParted000000000000000001", "wmAdded0000000000000000001"
	)
	dbtest.RunConfig(t, func(t *testing.T, store db.Config) {
		t.Parallel()
		clk := clock.NewManual(time.Now().Truncate(time.Millisecond))
		world := World(2)
		world.CallbackTries = 1
		world.People = []simulator.Person{
			{Name: "早到", UnionID: "union-early", Follows: []simulator.Follow{{AppID: AppID, OpenID: early}}},
			{Name: "旧友", UnionID: "union-old", Contacts: []simulator.Contact{{CorpID: CorpID, ExternalUserID: old, Staff: []string{StaffID(0)}}}},
		}
		k := Start(t, Options{Store: store, Clock: clk, World: &world})
		followers := func(open string) contact.Follow { return k.person(event.KindOpenID, AppID, open).Follow(AppID) }

		// The very first connection: those who came before Koi.
		k.reconciled(1)
		require.True(t, followers(early).Active())
		require.NotNil(t, k.person(event.KindUnionID, "", "union-early"))
		require.True(t, k.person(event.KindExternal, CorpID, old).Staff[0].Friend())
		require.Zero(t, k.Sim.DeliveryTotals().Delivered)

		for _, open := range []string{left, stays} {
			k.Act(simulator.Act{Who: open, App: AppID, Do: "follow"})
		}
		k.Act(simulator.Act{Who: parted, App: Agent, Do: "add_staff", With: StaffID(1)})
		k.Delivered("a greeting", func(d simulator.Delivery) bool { return d.To == left })
		k.Delivered("a greeting", func(d simulator.Delivery) bool { return d.To == stays })
		Until(t, "all profiles are read", func() bool { return k.rows("SELECT COUNT(*) FROM profile_wants") == 0 })
		k.Settle()
		greeted := k.Sim.DeliveryTotals().Delivered

		k.Stop()
		clk.Advance(7 * time.Hour)
		k.Sim.PointAt("http://127.0.0.1:1")
		for _, a := range []simulator.Act{
			{Who: left, App: AppID, Do: "unfollow"}, {Who: came, App: AppID, Do: "follow"},
			{Who: added, App: Agent, Do: "add_staff", With: StaffID(1)}, {Who: parted, App: Agent, Do: "staff_delete", With: StaffID(1)},
		} {
			_, err := k.Sim.Act(t.Context(), a)
			require.NoError(t, err)
		}
		met := clk.Now().UnixMilli()
		clk.Advance(time.Hour)
		restarted := clk.Wall().UnixMilli()
		k.Restart()
		k.reconciled(restarted)

		check := func() {
			t.Helper()
			require.False(t, followers(left).Active())
			require.Greater(t, followers(left).UnfollowedAt, met)
			require.True(t, followers(came).Active())
			require.Equal(t, met/1000*1000, followers(came).FollowedAt)
			require.True(t, followers(early).Active())
			require.True(t, followers(stays).Active())
			link := k.person(event.KindExternal, CorpID, parted).Staff[0]
			require.False(t, link.Friend())
			require.Empty(t, link.RemovedBy)
			link = k.person(event.KindExternal, CorpID, added).Staff[0]
			require.True(t, link.Friend())
			require.Equal(t, StaffID(1), link.UserID)
			require.Equal(t, met/1000*1000, link.AddedAt)
			require.True(t, k.person(event.KindExternal, CorpID, old).Staff[0].Friend())
			require.Zero(t, k.rows("SELECT COUNT(*) FROM events WHERE type IN ('oa.followed','wecom.customer_added') AND at>=?", met/1000*1000))
			require.Equal(t, greeted, k.Sim.DeliveryTotals().Delivered, "nobody is greeted for what was missed")
		}
		check()
		people, stored := k.rows("SELECT COUNT(*) FROM contacts"), k.rows("SELECT COUNT(*) FROM events")
		calls := k.Sim.CallCount("/cgi-bin/user/get")

		// Once more.
		k.Stop()
		clk.Advance(7 * time.Hour)
		restarted = clk.Wall().UnixMilli()
		k.Restart()
		k.reconciled(restarted)
		check()
		require.Equal(t, people, k.rows("SELECT COUNT(*) FROM contacts"))
		require.Equal(t, stored, k.rows("SELECT COUNT(*) FROM events"))
		require.Equal(t, calls+1, k.Sim.CallCount("/cgi-bin/user/get"))
	})
}
