package outbox_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/policy"
)

// joined is a digest that shows what went into it.
func joined(_ int64, alerts [][]byte) (string, []byte, error) {
	return "textcard", fmt.Appendf(nil, `{"of":[%s]}`, bytes.Join(alerts, []byte(","))), nil
}

func merging(o *options) { o.stage.Digest = joined }

// crowd lets so many people set off an alert to zhang each, numbered from 0.
func (r *rig) crowd(n int, edit func(i int, o *order)) {
	r.t.Helper()
	for i := range n {
		o := alert("zhang")
		o.Text = fmt.Sprint("no", i, ".")
		if edit != nil {
			edit(i, &o)
		}
		r.append(r.says(fmt.Sprint("o", i), o))
	}
}

// merged lists what went into digests: of each the numbers within it.
func (r *rig) merged() (out [][]int) {
	r.t.Helper()
	for _, m := range r.messages(outbox.Filter{}) {
		if m.Kind != "textcard" {
			continue
		}
		body, err := r.box.Body(r.t.Context(), m.ID)
		require.NoError(r.t, err)
		var in []int
		for i := range 3000 {
			if strings.Contains(string(body), fmt.Sprint("no", i, ".")) {
				in = append(in, i)
			}
		}
		out = append(out, in)
	}
	return out
}

func TestOutbox_alerts_beyond_the_cap_go_as_one_when_the_next_hour_begins(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, merging)
		r.sendNow()
		r.crowd(9, nil)
		for range 7 {
			r.append(r.says("o1", alert("li")))
		}
		r.settled("six each are sent", outbox.Accepted, 12)
		require.Equal(t, 4, r.states()[outbox.Waiting])
		r = r.restarted(merging)
		r.sendNow()
		r.clock.Advance(time.Hour - time.Second)
		r.step()
		require.Equal(t, 4, r.states()[outbox.Waiting], "not before the hour is over")
		r.clock.Advance(time.Second)
		r.settled("one digest, and the one alert that waited alone", outbox.Accepted, 14)
		require.Equal(t, [][]int{{6, 7, 8}}, r.merged())
		waiting := r.messages(outbox.Filter{State: outbox.Waiting})
		require.Len(t, waiting, 3, "what is within it waits for it")
		for _, m := range waiting {
			require.Equal(t, outbox.ReasonDigest, m.Reason)
			require.Contains(t, r.get(m.ID).Explanation.What, "合并成一条")
			require.NotContains(t, r.told(m.ContactID), event.MessageSent)
		}
		r.clock.Advance(5 * time.Second)
		r.settled("they end like it", outbox.Accepted, 17)
		for _, m := range waiting {
			require.Equal(t, []string{event.MessageQueued, event.MessageSent}, r.told(m.ContactID)[2:], "each told to its own person, once")
			require.Contains(t, r.get(m.ID).Explanation.What, "合并成一条")
		}
		var cards int
		for _, a := range r.we.got() {
			if a.Kind == "textcard" {
				cards++
				require.Equal(t, "zhang", a.To)
			}
		}
		require.Equal(t, 1, cards)
		require.Zero(t, r.count("outbox_due"))

		// The digest is one of the new hour's six.
		for range 6 {
			r.append(r.says("o1", alert("zhang")))
		}
		r.settled("five more", outbox.Accepted, 22)
		require.Equal(t, 1, r.states()[outbox.Waiting])
	})
}

// However the timers of an hour are cut into batches, the same alerts go together: those of many more people
// than one event may tell of, too. Somebody excluded meanwhile is not among them, nor what expired.
func TestOutbox_a_digest_does_not_depend_on_the_batch(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, merging)
		for _, size := range []int{1, 2, 7, 1000} {
			wipe(t, s)
			r.clock = clock.NewManual(monday)
			d := &driver{r: r}
			var events []*event.Event
			for i := range 240 {
				o := alert("zhang")
				o.Text = fmt.Sprint("no", i, ".")
				if i == 8 {
					o.ExpiresAt = monday.Add(time.Hour + time.Minute).UnixMilli()
				}
				e := r.at(event.OAMessageReceived, fmt.Sprint("o", i), o)
				e.Seq, e.Key = int64(100+i), fmt.Sprint("k", i)
				events = append(events, e)
			}
			require.NoError(t, d.run(events, nil))
			require.Equal(t, 234, r.states()[outbox.Waiting])
			require.NoError(t, s.Koi.Tx(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(t.Context(), "UPDATE contacts SET excluded=1 WHERE id IN (SELECT contact_id FROM outbox WHERE id=?)", r.messages(outbox.Filter{State: outbox.Waiting})[3].ID)
				return err
			}))
			r.clock.Advance(time.Hour + 2*time.Minute)
			d.timers(1000, func() int { return size })
			got := r.merged()
			require.Len(t, got, 2, "batches of %d", size)
			slices.SortFunc(got, func(x, y []int) int { return y[0] - x[0] })
			require.Len(t, got[1], 200, "batches of %d", size)
			require.Len(t, got[0], 32)
			for _, in := range got {
				require.NotContains(t, in, 8, "it expired")
			}
			require.Equal(t, map[outbox.State]int{outbox.Waiting: 232, outbox.Sending: 8, outbox.Suppressed: 1, outbox.Expired: 1}, r.states(), "batches of %d", size)
			require.Equal(t, policy.Excluded, r.messages(outbox.Filter{State: outbox.Suppressed})[0].Reason)
		}
	})
}

// What becomes of the digest becomes of each alert within it, and is told.
func TestOutbox_alerts_end_like_their_digest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		outcome outbox.Outcome
		state   outbox.State
		reason  policy.Reason
		told    string
	}{
		"it is sent":     {outbox.Outcome{Status: outbox.Sent}, outbox.Accepted, outbox.ReasonDigest, event.MessageSent},
		"it is refused":  {outbox.Outcome{Status: outbox.Failed, Code: 81013, Reason: "没有这位成员"}, outbox.Rejected, outbox.ReasonRefused, event.MessageFailed},
		"it is outdated": {outbox.Outcome{Status: outbox.Paused, RetryAfter: 48 * time.Hour}, outbox.Expired, "", event.MessageExpired},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, dbtest.SQLite(t), merging)
			r.sendNow()
			r.crowd(9, nil)
			r.settled("six are sent", outbox.Accepted, 6)
			r.we.always(c.outcome)
			r.clock.Advance(time.Hour)
			r.until("the digest was tried", func() bool { return len(r.we.got()) == 7 && r.states()[outbox.Sending] == 0 })
			within := r.messages(outbox.Filter{State: outbox.Waiting})
			within = slices.DeleteFunc(within, func(m outbox.Entry) bool { return m.ContactID == 0 })
			require.Len(t, within, 3)
			for range 30 {
				r.clock.Advance(time.Hour)
				r.step()
			}
			for _, m := range within {
				got := r.get(m.ID)
				require.Equal(t, c.state, got.State)
				if c.reason != "" {
					require.Equal(t, c.reason, got.Reason)
				}
				require.Equal(t, c.outcome.Code, got.Code)
				require.Contains(t, r.told(m.ContactID), c.told)
			}
			require.Zero(t, r.count("outbox_due"))
			if c.state == outbox.Rejected { // an operator may send one by itself
				r.we.always(outbox.Outcome{Status: outbox.Sent})
				_, err := r.box.Retry(t.Context(), within[0].ID, "ops")
				require.NoError(t, err)
				r.settled("it goes", outbox.Accepted, 7)
			}
		})
	}
}

// One alert that is soon worth nothing takes none of the others with it.
func TestOutbox_a_digest_is_worth_sending_as_long_as_one_of_its_alerts(t *testing.T) {
	t.Parallel()
	r := newRig(t, dbtest.SQLite(t), merging)
	r.sendNow()
	r.crowd(12, func(i int, o *order) {
		if i == 7 {
			o.ExpiresAt = monday.Add(61 * time.Minute).UnixMilli()
		}
	})
	r.settled("six are sent", outbox.Accepted, 6)
	r.we.always(outbox.Outcome{Status: outbox.Paused, RetryAfter: 30 * time.Minute})
	r.clock.Advance(time.Hour)
	r.until("the platform is not to be asked", func() bool { return len(r.we.got()) == 7 && r.states()[outbox.Sending] == 0 })
	r.we.always(outbox.Outcome{Status: outbox.Sent})
	counted := r.metric("koi_outbox_messages_total", "status", "waiting")
	for range 40 {
		r.clock.Advance(time.Minute)
		r.step()
	}
	r.settled("the digest and all within it", outbox.Accepted, 13)
	require.LessOrEqual(t, r.metric("koi_outbox_messages_total", "status", "waiting")-counted, 1.0, "looking again is no news")
}

// Of a digest that ended an operator may ask for its alerts, not for the whole; and a backup that was made
// between a digest and its alerts leaves these to follow it.
func TestOutbox_a_digest_that_ended_is_not_sent_again(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, merging)
		r.sendNow()
		r.crowd(9, nil)
		r.settled("six are sent", outbox.Accepted, 6)
		r.we.always(outbox.Outcome{Status: outbox.Failed, Code: 81013})
		r.clock.Advance(time.Hour)
		r.settled("the digest is refused", outbox.Rejected, 1)
		n, err := outbox.HoldRestored(t.Context(), s.Koi, r.now())
		require.NoError(t, err)
		require.Zero(t, n, "its alerts follow it all the same")
		digest := r.messages(outbox.Filter{State: outbox.Rejected})[0].ID
		_, err = r.box.Retry(t.Context(), digest, "ops")
		require.True(t, fault.Is(err, fault.Conflict), "%v", err)
		require.Contains(t, err.Error(), "汇总提醒")
		r.clock.Advance(time.Minute)
		r.settled("so are its alerts", outbox.Rejected, 4)
	})
}

// Where a digest cannot be made or may not go, each alert goes its own way and no digest is left behind.
func TestOutbox_alerts_that_cannot_be_merged_go_by_themselves(t *testing.T) {
	t.Parallel()
	r := newRig(t, dbtest.SQLite(t), func(o *options) {
		o.stage.Digest = func(int64, [][]byte) (string, []byte, error) { return "", nil, fmt.Errorf("nothing to say") }
	})
	r.sendNow()
	r.crowd(9, nil)
	r.settled("six are sent", outbox.Accepted, 6)
	r.clock.Advance(time.Hour)
	r.settled("the others one by one", outbox.Accepted, 9)

	limits := policy.Defaults()
	limits.Accounts[outbox.WeComApp] = policy.AccountLimit{Month: 6}
	r = newRig(t, dbtest.SQLite(t), func(o *options) { merging(o); o.limits = limits })
	r.sendNow()
	r.crowd(9, func(_ int, o *order) { o.ExpiresAt = monday.Add(90 * time.Minute).UnixMilli() })
	r.until("six are sent, the others are not worth waiting for", func() bool { return r.states()[outbox.Accepted] == 6 && r.states()[outbox.Suppressed] == 3 })
	require.Empty(t, r.merged())
}
