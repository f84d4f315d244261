package outbox_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/policy"
)

func TestOutbox_List(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		for i := range 6 {
			r.append(r.says(fmt.Sprint("o", i%2), order{Class: outbox.Service, Journey: int64(1 + i%3)}, alert("zhang")))
		}
		r.append(r.at(event.OALocationReported, "o9", reply))
		r.step()
		list := func(f outbox.Filter) []outbox.Entry {
			t.Helper()
			out, _, err := r.box.List(t.Context(), f)
			require.NoError(t, err)
			return out
		}
		all := list(outbox.Filter{})
		require.Len(t, all, 13)
		for i := range all[1:] {
			require.Greater(t, all[i].ID, all[i+1].ID, "newest first")
		}
		require.Len(t, list(outbox.Filter{State: outbox.Suppressed}), 1)
		require.Len(t, list(outbox.Filter{State: outbox.Sending, Channel: outbox.WeComApp}), 6)
		require.Len(t, list(outbox.Filter{Contacts: []int64{1}}), 6)
		require.Len(t, list(outbox.Filter{Contacts: []int64{1, 2}, Journey: 1}), 2)
		require.Len(t, list(outbox.Filter{Journey: 2}), 2)
		require.Empty(t, list(outbox.Filter{Contacts: []int64{77}}))

		var seen []int64
		f := outbox.Filter{Limit: 5}
		for {
			page, next, err := r.box.List(t.Context(), f)
			require.NoError(t, err)
			for _, m := range page {
				seen = append(seen, m.ID)
			}
			if next == 0 {
				break
			}
			f.Before = next
		}
		require.Len(t, seen, 13, "pages neither repeat nor leave out")

		for _, f := range []outbox.Filter{{State: "odd"}, {Limit: 201}, {Limit: -1}} {
			_, _, err := r.box.List(t.Context(), f)
			require.True(t, fault.Is(err, fault.Invalid))
		}
		_, err := r.box.Get(t.Context(), 42)
		require.True(t, fault.Is(err, fault.NotFound))
		_, err = r.box.Body(t.Context(), 42)
		require.True(t, fault.Is(err, fault.NotFound))
		require.Equal(t, all[0].EventID, outbox.CauseOf(all[0].ID))
	})
}

func TestOutbox_Purge_takes_settled_messages_only(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, func(o *options) { o.stage.Receipts = []outbox.Channel{outbox.OfficialKF} })
		r.sendNow()
		r.append(r.says("o1", reply, service, order{Class: outbox.Service, NotBefore: r.now() + (48 * hour).Milliseconds()}))
		r.settled("two are sent", outbox.Accepted, 2)
		r.clock.Advance(hour)
		r.append(r.says("o1", reply))
		r.settled("three are sent", outbox.Accepted, 3)
		require.Equal(t, 3, r.count("outbox_receipts"))
		n, err := r.box.Purge(t.Context(), r.lease, r.now(), 100)
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		require.Equal(t, map[outbox.State]int{outbox.Waiting: 1, outbox.Accepted: 1}, r.states())
		require.Equal(t, 2, r.count("outbox_bodies"))
		require.Equal(t, 1, r.count("outbox_receipts"))
		n, err = r.box.Purge(t.Context(), r.lease, r.now(), 100)
		require.NoError(t, err)
		require.Zero(t, n)
	})
}

func TestMessage_Key_is_the_same_for_ever(t *testing.T) {
	t.Parallel()
	// Golden: messages of running systems are found by it.
	m := outbox.Message{EventID: 1024, Step: "step0", N: 1}
	require.Equal(t, "be265ade453414955d064448c1f15161", fmt.Sprintf("%x", m.Key()))
	for _, other := range []outbox.Message{{EventID: 1025, Step: "step0", N: 1}, {EventID: 1024, Step: "step1", N: 1}, {EventID: 1024, Step: "step0", N: 2}} {
		require.NotEqual(t, m.Key(), other.Key())
	}
}

func TestExplain_every_reason_and_state_has_its_chinese(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, why := range outbox.Reasons() {
		x := outbox.Explain(why)
		require.NotEmpty(t, x.Name, why)
		require.NotEmpty(t, x.What, why)
		require.NotEmpty(t, x.Next, why)
		require.False(t, names[x.Name], "%s is the name of two reasons", x.Name)
		require.LessOrEqual(t, len(why), 32, "the column is as wide")
		names[x.Name] = true
	}
	for _, st := range outbox.States() {
		require.NotEqual(t, string(st), st.Label())
	}
	for _, c := range []outbox.Class{outbox.Reply, outbox.Service, outbox.Marketing, outbox.StaffAlert} {
		require.NotEqual(t, string(c), c.Label())
	}
	for _, c := range []outbox.Channel{outbox.WeComApp, outbox.OfficialKF} {
		require.NotEqual(t, string(c), c.Label())
	}
	require.Equal(t, policy.QuietHours.Explain(), outbox.Explain(policy.QuietHours))
}
