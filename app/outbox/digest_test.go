package outbox_test

import (
	"bytes"
	"context"
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
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/policy"
)

// joined is a digest that shows what went into it.
func joined(alerts [][]byte) (string, []byte, error) {
	return "textcard", fmt.Appendf(nil, `{"of":[%s]}`, bytes.Join(alerts, []byte(","))), nil
}

func merging(o *options) { o.stage.Digest = joined }

func TestOutbox_alerts_beyond_the_cap_go_as_one_when_the_next_hour_begins(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, merging)
		r.sendNow()
		for i := range 9 {
			o := alert("zhang")
			o.Text = fmt.Sprint("no", i)
			r.append(r.says(fmt.Sprint("o", i), o))
		}
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
		require.Equal(t, map[outbox.State]int{outbox.Accepted: 14, outbox.Suppressed: 3}, r.states())

		var digests []string
		for _, m := range r.we.got() {
			if m.Kind == "textcard" {
				digests = append(digests, m.To+string(m.Body))
			}
		}
		require.Len(t, digests, 1)
		require.True(t, strings.HasPrefix(digests[0], "zhang"))
		for i := range 9 {
			require.Equal(t, i >= 6, strings.Contains(digests[0], fmt.Sprint("no", i)), digests[0])
		}
		require.Less(t, strings.Index(digests[0], "no6"), strings.Index(digests[0], "no8"), "oldest first")
		folded := r.messages(outbox.Filter{State: outbox.Suppressed})
		for _, m := range folded {
			require.Equal(t, outbox.ReasonDigest, m.Reason)
			require.Contains(t, r.get(m.ID).Explanation.What, "合并成一条")
			require.Contains(t, r.told(m.ContactID), event.MessageSuppressed)
			told, err := r.box.Told(t.Context(), []int64{m.ContactID}, "ww0001", "zhang")
			require.NoError(t, err)
			require.True(t, told, "who got the digest was told")
		}
		told, err := r.box.Told(t.Context(), []int64{folded[0].ContactID}, "ww0002", "zhang")
		require.NoError(t, err)
		require.False(t, told, "another firm's member of that name was not")
		require.Zero(t, r.count("outbox_due"))

		// The digest is one of the new hour's six.
		for range 6 {
			r.append(r.says("o1", alert("zhang")))
		}
		r.settled("five more", outbox.Accepted, 19)
		require.Equal(t, 1, r.states()[outbox.Waiting])

		// An operator may still want one by itself.
		_, err = r.box.Retry(t.Context(), folded[0].ID, "ops")
		require.NoError(t, err)
		r.clock.Advance(time.Hour)
		r.settled("all are sent", outbox.Accepted, 21)
	})
}

// However the timers of an hour are cut into batches, the same alerts go together; what expired meanwhile
// is not among them.
func TestOutbox_a_digest_does_not_depend_on_the_batch(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, merging)
		for _, size := range []int{1, 2, 3, 100} {
			wipe(t, s)
			r.clock = clock.NewManual(monday)
			d := &driver{r: r}
			var events []*event.Event
			for i := range 12 {
				o := alert("zhang")
				o.Text = fmt.Sprint("no", i, ".")
				if i == 8 {
					o.ExpiresAt = monday.Add(time.Hour - time.Minute).UnixMilli()
				}
				e := r.at(event.OAMessageReceived, fmt.Sprint("o", i), o)
				e.Seq, e.Key = int64(100+i), fmt.Sprint("k", i)
				events = append(events, e)
			}
			require.NoError(t, d.run(events, nil))
			require.Equal(t, 5, r.states()[outbox.Waiting], "one would come too late and is kept at once")
			r.clock.Advance(time.Hour)
			for seq := int64(1000); ; {
				var due []*event.Event
				require.NoError(t, s.Koi.Tx(t.Context(), func(tx *db.Tx) (err error) {
					due, err = r.stage.Due(context.Background(), tx, r.now(), size)
					return err
				}))
				if len(due) == 0 {
					break
				}
				for _, e := range due {
					seq++
					e.Seq, e.Source = seq, "timer"
				}
				require.NoError(t, d.run(due, nil))
			}
			list := r.messages(outbox.Filter{})
			require.Len(t, list, 13, "batches of %d", size)
			at := slices.IndexFunc(list, func(m outbox.Entry) bool { return m.Kind == "textcard" })
			body, err := r.box.Body(t.Context(), list[at].ID)
			require.NoError(t, err)
			for i := range 12 {
				require.Equal(t, i > 5 && i != 8, strings.Contains(string(body), fmt.Sprint("no", i, ".")), "batches of %d: %s", size, body)
			}
		}
	})
}

// Where the digest may not go, what it would tell is not lost in it.
func TestOutbox_alerts_that_cannot_be_merged_go_by_themselves(t *testing.T) {
	t.Parallel()
	r := newRig(t, dbtest.SQLite(t), func(o *options) {
		o.stage.Digest = func([][]byte) (string, []byte, error) { return "", nil, fmt.Errorf("nothing to say") }
	})
	r.sendNow()
	for range 9 {
		r.append(r.says("o1", alert("zhang")))
	}
	r.settled("six are sent", outbox.Accepted, 6)
	r.clock.Advance(time.Hour)
	r.settled("the others one by one", outbox.Accepted, 9)
	require.Zero(t, r.states()[outbox.Suppressed])
	require.Equal(t, policy.Reason(""), r.messages(outbox.Filter{})[0].Reason)
}
