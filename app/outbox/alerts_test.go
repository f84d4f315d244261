package outbox_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/outbox"
)

// lastAlert is when zhang was alerted last to a person; 0: never.
func (r *rig) lastAlert(contact int64) int64 {
	r.t.Helper()
	got, err := r.box.LastAlerts(r.t.Context(), []int64{contact}, "ww0001", "zhang")
	require.NoError(r.t, err)
	told, err := r.box.Told(r.t.Context(), []int64{contact}, "ww0001", "zhang")
	require.NoError(r.t, err)
	require.Equal(r.t, len(got) == 1, told)
	return got[contact]
}

func TestOutbox_notes_who_was_alerted_to_whom(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		test := alert("zhang")
		test.Test = true
		r.append(r.says("o1", alert("zhang"), reply), r.says("o2", test))
		r.step()
		require.Zero(t, r.count("staff_alerts"), "not before it is sent")
		r.sendNow()
		r.settled("two alerts, one of them a test, and a reply", outbox.Accepted, 3)
		require.Equal(t, 1, r.count("staff_alerts"), "for the alert alone")
		first := r.now()
		require.Equal(t, first, r.lastAlert(1))
		require.Zero(t, r.lastAlert(2))

		r.clock.Advance(time.Minute)
		r.append(r.says("o1", alert("zhang")), r.says("o1", alert("li")), r.says("o3", alert("li")))
		r.settled("three more", outbox.Accepted, 6)
		require.Equal(t, 3, r.count("staff_alerts"), "one for a member and a customer")
		require.Equal(t, r.now(), r.lastAlert(1), "the last one counts")

		got, err := r.box.Alerts(t.Context(), "ww0001", []string{"zhang", "li"}, 0, 10)
		require.NoError(t, err)
		require.Equal(t, map[int64]int64{1: r.now(), 3: r.now()}, got)
		got, err = r.box.Alerts(t.Context(), "ww0001", []string{"zhang"}, r.now()+1, 10)
		require.NoError(t, err)
		require.Empty(t, got)
		got, err = r.box.Alerts(t.Context(), "ww0001", nil, 0, 10)
		require.NoError(t, err)
		require.Empty(t, got)
		for _, c := range []struct {
			corp string
			who  []string
			told bool
		}{{"ww0001", []string{"wang", "li"}, true}, {"ww0001", []string{"wang"}, false}, {"ww0002", []string{"zhang"}, false}, {"ww0001", nil, false}} {
			told, err := r.box.Told(t.Context(), []int64{7, 1}, c.corp, c.who...)
			require.NoError(t, err)
			require.Equal(t, c.told, told, "%v", c)
		}

		r.we.always(outbox.Outcome{Status: outbox.Failed, Code: 81013})
		r.append(r.says("o4", alert("zhang")))
		r.settled("one is refused", outbox.Rejected, 1)
		require.Equal(t, 3, r.count("staff_alerts"))

		n, err := r.box.PurgeAlerts(t.Context(), r.lease, r.now()+1)
		require.NoError(t, err)
		require.EqualValues(t, 3, n)
	})
}

// Alerts within a digest are known when it is sent, each of its own customer.
func TestOutbox_who_got_a_digest_was_alerted_to_all_within(t *testing.T) {
	t.Parallel()
	r := newRig(t, dbtest.SQLite(t), merging)
	r.sendNow()
	r.crowd(9, nil)
	r.settled("six are sent", outbox.Accepted, 6)
	require.Equal(t, 6, r.count("staff_alerts"))
	r.clock.Advance(time.Hour)
	r.settled("the digest is, which is about nobody", outbox.Accepted, 7)
	require.Equal(t, 6, r.count("staff_alerts"))
	r.clock.Advance(5 * time.Second)
	r.settled("and what is within it", outbox.Accepted, 10)
	require.Equal(t, 9, r.count("staff_alerts"))
	for _, m := range r.messages(outbox.Filter{}) {
		if m.ContactID != 0 {
			require.Equal(t, m.CreatedAt, r.lastAlert(m.ContactID))
		}
	}
}

// An alert that was sent late does not make the newer one older.
func TestOutbox_the_newest_alert_counts_whatever_is_settled_last(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		d := &driver{r: r}
		var seq int64
		run := func(e *event.Event) map[string]cost {
			seq += 1000
			e.Seq = seq
			return d.measure(t, []*event.Event{e})
		}
		run(r.says("o1", alert("zhang")))
		r.clock.Advance(time.Minute)
		run(r.says("o1", alert("zhang")))
		list := r.messages(outbox.Filter{})
		require.Len(t, list, 2)
		plain := run(result(r, list[1].ID, 1, outbox.Sent))
		require.Equal(t, list[1].CreatedAt, r.lastAlert(1))
		again := run(result(r, list[0].ID, 1, outbox.Sent))
		require.Equal(t, list[1].CreatedAt, r.lastAlert(1))
		require.Equal(t, plain["outbox"].statements-1, again["outbox"].statements, "older news is read, not written")
	})
}
