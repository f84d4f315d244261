package outbox_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/policy"
	"github.com/koi-scrm/koi/app/reach"
)

// Whatever way a history is cut into batches, and whichever batches are rolled back and run again: the
// same messages come to the same states, the same is counted, and the same is told.
func TestStage_any_batch_size_gives_the_same_outbox(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, func(o *options) { o.dispatcher.Capacity = 1 << 20 })
		rapid.Check(t, func(rt *rapid.T) {
			history := drawHistory(rt)
			whole := play(r, history, func() (int, bool) { return len(history), false })
			cut := play(r, history, func() (int, bool) {
				return rapid.IntRange(1, 6).Draw(rt, "size"), rapid.Bool().Draw(rt, "rolled back")
			})
			require.Equal(t, whole, cut)
		})
	})
}

// happening makes an event; twice gives two equal ones.
type happening func(r *rig) *event.Event

func drawHistory(rt *rapid.T) (out []happening) {
	type born struct {
		seq int64
		n   int64
	}
	var messages []born
	for i := range rapid.IntRange(1, 30).Draw(rt, "events") {
		seq := int64(100 + i)
		key := fmt.Sprint("h", i)
		if len(messages) > 0 && rapid.Bool().Draw(rt, "result") {
			m := rapid.SampledFrom(messages).Draw(rt, "of")
			id := int64(event.MakeID(m.seq, 0))*1024 + rapid.Int64Range(0, m.n).Draw(rt, "message")
			attempt := rapid.IntRange(1, 2).Draw(rt, "attempt")
			st := rapid.SampledFrom([]outbox.Status{outbox.Sent, outbox.Retry, outbox.Failed, outbox.WindowClosed, outbox.Paused,
				outbox.Alarm, outbox.Unknown, "returned", "outdated", "unsafe"}).Draw(rt, "status")
			code := rapid.SampledFrom([]int{0, -1, 43004, 45015, 45047, 40003}).Draw(rt, "code")
			retry := rapid.IntRange(0, 1).Draw(rt, "by an operator") == 1
			out = append(out, func(r *rig) *event.Event {
				e := result(r, id, attempt, st)
				e.Props["code"], e.Key, e.Seq = code, key, seq
				if retry {
					e.Type = event.CommandMessageRetry
				}
				return e
			})
			continue
		}
		who := rapid.SampledFrom([]string{"o1", "o2", "o3"}).Draw(rt, "who")
		typ := rapid.SampledFrom([]string{event.OAMessageReceived, event.OAFollowed, event.OAUnfollowed, event.OALocationReported}).Draw(rt, "type")
		orders := make([]order, rapid.IntRange(0, 4).Draw(rt, "orders"))
		for j := range orders {
			orders[j] = rapid.SampledFrom([]order{reply, service, marketing, alert("zhang"), alert("li"),
				{Class: outbox.Service, NotBefore: monday.UnixMilli() + 1000}, {Class: outbox.Service, Test: true}}).Draw(rt, "order")
		}
		if len(orders) > 0 {
			messages = append(messages, born{seq, int64(len(orders) - 1)})
		}
		out = append(out, func(r *rig) *event.Event {
			e := r.at(typ, who, orders...)
			e.Key, e.Seq = key, seq
			return e
		})
	}
	return out
}

// play runs a history on empty tables and returns everything that came of it.
func play(r *rig, history []happening, cut func() (size int, fail bool)) string {
	t, s := r.t, r.stores
	wipe(t, s)
	r.clock = clock.NewManual(monday)
	r.people = contact.NewStage(keys)
	model, _ := contact.Compile(nil)
	r.people.Use(model)
	r.reach = reach.NewStage(r.people, shanghai)
	r.stage = outbox.NewStage(outbox.Config{People: r.people, Reach: r.reach, Dispatcher: r.disp, Keys: keys, Metrics: r.metrics, Process: 1})
	limits := policy.Defaults()
	limits.MemberMinute = 10
	r.stage.Use(policy.New(limits, shanghai), nil)
	r.maker.stage = r.stage
	d := &driver{r: r}
	for rest := history; len(rest) > 0; {
		size, fail := cut()
		size = min(size, len(rest))
		make := func() (events []*event.Event) {
			for _, h := range rest[:size] {
				events = append(events, h(r))
			}
			return events
		}
		if fail {
			require.ErrorIs(t, d.run(make(), func(*event.Batch) error { return errRollback }), errRollback)
		}
		require.NoError(t, d.run(make(), nil))
		rest = rest[size:]
	}
	// Then time passes: first nothing, then a day.
	seq := int64(10_000)
	for _, wait := range []int64{0, 5, 24 * 3600} {
		r.clock.Advance(time.Duration(wait) * time.Second)
		seq = d.timers(seq, func() int { size, _ := cut(); return size })
	}
	return dump(t, s) + strings.Join(d.timeline, " ")
}

func wipe(t testing.TB, s *db.Stores) {
	require.NoError(t, s.Koi.Tx(t.Context(), func(tx *db.Tx) error {
		for _, table := range []string{"contacts", "identities", "contact_alias", "contact_follow", "profile_wants", "sequences",
			"reach_windows", "reach_touches", "quota_counters", "outbox", "outbox_bodies", "outbox_attempts", "outbox_due",
			"outbox_pauses", "outbox_alarms", "outbox_receipts", "staff_alerts"} {
			if _, err := tx.Exec(t.Context(), "DELETE FROM "+table); err != nil {
				return err
			}
		}
		return nil
	}))
}

func dump(t testing.TB, s *db.Stores) string {
	var b strings.Builder
	for _, q := range []string{
		"SELECT * FROM outbox ORDER BY id",
		"SELECT * FROM outbox_due ORDER BY id",
		"SELECT * FROM outbox_attempts ORDER BY message_id, number",
		"SELECT * FROM outbox_pauses ORDER BY account, api",
		"SELECT * FROM outbox_alarms ORDER BY account, api, kind",
		"SELECT * FROM staff_alerts ORDER BY corp_id, user_id, contact_id",
		"SELECT * FROM reach_windows ORDER BY contact_id, app_id",
		"SELECT * FROM reach_touches ORDER BY contact_id",
		"SELECT * FROM quota_counters ORDER BY window_start, account, scope",
	} {
		rows, err := s.Koi.Query(t.Context(), q)
		require.NoError(t, err)
		cols, err := rows.Columns()
		require.NoError(t, err)
		fmt.Fprintln(&b, q)
		for rows.Next() {
			values, into := make([]any, len(cols)), make([]any, len(cols))
			for i := range values {
				into[i] = &values[i]
			}
			require.NoError(t, rows.Scan(into...))
			for i, v := range values {
				if raw, ok := v.([]byte); ok {
					values[i] = string(raw)
				}
				fmt.Fprintf(&b, "%s=%v ", cols[i], values[i])
			}
			b.WriteByte('\n')
		}
		require.NoError(t, rows.Close())
	}
	return b.String()
}
