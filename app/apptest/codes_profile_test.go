package apptest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/channels/simulator"
)

const (
	friend      = "wmReader00000000000000000001"
	friendPath  = "/cgi-bin/externalcontact/get"
	friendUnion = "union-friend"
)

// befriended is a Koi whose staff somebody has just added, and whose platform behaves as told.
func befriended(t *testing.T, change func(*simulator.Config), wrong ...simulator.Misbehaviour) (*Koi, *clock.Manual) {
	clk := clock.NewManual(noon)
	world := World(1)
	world.People = []simulator.Person{{Name: "新朋友", UnionID: friendUnion, Contacts: []simulator.Contact{{CorpID: CorpID, ExternalUserID: friend}}}}
	if change != nil {
		change(&world)
	}
	k := Start(t, Options{Store: dbtest.SQLiteConfig(t), Clock: clk, World: &world})
	k.reconciled(1)
	for _, m := range wrong {
		require.NoError(t, k.Sim.Misbehave(m))
	}
	k.Act(simulator.Act{Who: friend, App: Agent, Do: "add_staff", With: StaffID(0)})
	return k, clk
}

func TestCodes_84061_just_after_a_friend_was_added_is_asked_again_until_the_platform_knows(t *testing.T) {
	t.Parallel()
	k, clk := befriended(t, func(c *simulator.Config) { c.ContactLag = 90 * time.Second })
	Until(t, "the platform was asked", func() bool { return k.Sim.CallCount(friendPath) == 1 })
	require.Equal(t, 1, k.rows("SELECT COUNT(*) FROM profile_wants"), "it is to be asked again")
	require.Nil(t, k.person(event.KindUnionID, "", friendUnion))
	clk.Advance(time.Minute)
	Until(t, "the platform is asked a second time", func() bool { return k.Sim.CallCount(friendPath) == 2 })
	Until(t, "that is written down", func() bool { return k.rows("SELECT COUNT(*) FROM profile_wants WHERE tries=2") == 1 })
	clk.Advance(2 * time.Minute)
	Until(t, "the friend is known", func() bool { return k.person(event.KindUnionID, "", friendUnion) != nil })
	require.EqualValues(t, 3, k.Sim.CallCount(friendPath))
	Until(t, "nothing is left to ask", func() bool { return k.rows("SELECT COUNT(*) FROM profile_wants") == 0 })
}

func TestCodes_40096_is_asked_once(t *testing.T) {
	t.Parallel()
	k, clk := befriended(t, nil, simulator.Misbehaviour{Path: friendPath, Code: 40096, Times: always})
	Until(t, "the platform was asked, for the last time", func() bool {
		return k.Sim.CallCount(friendPath) == 1 && k.rows("SELECT COUNT(*) FROM profile_wants") == 0
	})
	clk.Advance(10 * time.Minute)
	k.Settle()
	require.EqualValues(t, 1, k.Sim.CallCount(friendPath))
}
