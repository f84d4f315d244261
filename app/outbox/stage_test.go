package outbox_test

import (
	"context"
	"errors"
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
	"github.com/koi-scrm/koi/app/reach"
)

func TestOutbox_a_reply_goes_once_and_is_told(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.sendNow()
		r.append(r.says("o1", order{Class: outbox.Reply, Text: "您好", Journey: 7}))
		r.settled("the message is sent", outbox.Accepted, 1)

		m := r.only()
		require.Equal(t, outbox.OfficialKF, m.Channel)
		require.Equal(t, "o1", m.To)
		require.EqualValues(t, 7, m.JourneyID)
		require.EqualValues(t, 1, m.ContactID)
		require.Equal(t, 1, m.Attempts)
		require.Equal(t, []outbox.AttemptEntry{{Number: 1, At: r.now(), EndedAt: r.now(), Status: outbox.Sent}}, m.Tries)
		require.NotEmpty(t, m.PlatformID)
		body, err := r.box.Body(t.Context(), m.ID)
		require.NoError(t, err)
		require.JSONEq(t, `{"content":"您好 0 0"}`, string(body))
		require.Equal(t, body, r.kf.got()[0].Body, "the same bytes")
		var sealed []byte
		require.NoError(t, s.Koi.QueryRow(t.Context(), "SELECT body FROM outbox_bodies").Scan(&sealed))
		require.NotContains(t, string(sealed), "content", "and nobody reads them in the file")

		require.Equal(t, []string{event.OAMessageReceived, event.ContactCreated, event.MessageSent}, r.told(1))
		list, err := reach.NewDirectory(s.Koi).Windows(t.Context(), []int64{1}, r.now())
		require.NoError(t, err)
		require.Equal(t, 4, list[0].Left)
		require.EqualValues(t, 1, r.metric("koi_outbox_messages_total", "channel", "official_kf", "status", "sent"))
		require.EqualValues(t, 1, r.metric("koi_event_to_action_seconds"))
		require.Zero(t, r.metric("koi_outbox_queue"))
		require.Zero(t, r.count("outbox_due"), "it never waited")
		require.Zero(t, r.count("outbox_attempts"), "and its one attempt stands in the message")
	})
}

func (r *rig) count(table string) (n int) {
	r.t.Helper()
	require.NoError(r.t, r.stores.Koi.QueryRow(context.Background(), "SELECT COUNT(*) FROM "+table).Scan(&n))
	return n
}

func TestOutbox_suppresses_with_a_reason(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.sendNow()
		r.append(r.at(event.OALocationReported, "o1", reply))
		r.step()
		m := r.only()
		require.Equal(t, outbox.Suppressed, m.State)
		require.Equal(t, policy.WindowClosed, m.Reason)
		require.Empty(t, m.Tries)
		require.Contains(t, m.Explanation.Why, "客服消息窗口已关闭")
		require.Equal(t, []string{event.OALocationReported, event.ContactCreated, event.MessageSuppressed}, r.told(1))
		require.EqualValues(t, 1, r.metric("koi_outbox_suppressed_total", "reason", "window_closed"))
		attempts, _ := r.kf.counts()
		require.Zero(t, attempts)

		got, err := r.box.Retry(t.Context(), m.ID, "ops")
		require.NoError(t, err)
		r.append(r.says("o1"))
		r.settled("after the person wrote, the retry goes", outbox.Accepted, 1)
		again, err := r.box.Retry(t.Context(), m.ID, "ops")
		require.True(t, fault.Is(err, fault.Conflict), "%v %v", again, got)
	})
}

func TestOutbox_late_causes_send_nothing(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		late := r.says("o1", reply)
		late.OccurredAt -= (11 * time.Minute).Milliseconds()
		r.append(late)
		backlog := r.says("o2", reply)
		r.append(backlog)
		r.clock.Advance(61 * time.Minute)
		r.step()
		for _, m := range r.messages(outbox.Filter{}) {
			require.Equal(t, policy.Late, m.Reason)
			require.Equal(t, outbox.Suppressed, m.State)
		}
		require.Len(t, r.messages(outbox.Filter{}), 2)
	})
}

func TestOutbox_marketing_waits_for_morning_and_for_tomorrow(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.sendNow()
		r.clock.Advance(12 * hour) // 22:00
		r.append(r.says("o1", marketing, order{Class: outbox.Marketing, Text: "again"}, service))
		r.settled("the service message goes at once", outbox.Accepted, 1)
		require.Equal(t, 2, r.states()[outbox.Waiting])
		m := r.messages(outbox.Filter{State: outbox.Waiting})[0]
		require.Equal(t, policy.QuietHours, m.Reason)
		morning := monday.Add(23 * hour).UnixMilli()
		require.Equal(t, morning, m.DueAt)
		require.Contains(t, r.get(m.ID).Explanation.What, "2026-11-24 09:00:00")

		r.clock.Advance(11*hour - time.Millisecond)
		r.step()
		require.Equal(t, 2, r.states()[outbox.Waiting], "a millisecond early")
		r.clock.Advance(time.Millisecond)
		r.settled("one goes at nine", outbox.Accepted, 2)
		m = r.messages(outbox.Filter{State: outbox.Waiting})[0]
		require.Equal(t, policy.CapDay, m.Reason, "the other is tomorrow's")
		require.Equal(t, monday.Add(47*hour).UnixMilli(), m.DueAt)
		r.clock.Advance(24 * hour)
		r.settled("and goes then", outbox.Accepted, 3)
		require.Zero(t, r.count("outbox_due"))
	})
}

func TestOutbox_marketing_by_day_goes_at_once(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.sendNow()
		r.append(r.says("o1", marketing))
		r.settled("sent", outbox.Accepted, 1)
		require.Zero(t, r.count("outbox_due"))
		require.Equal(t, 1, r.count("reach_touches"))
	})
}

func TestOutbox_scheduled_messages_wait_and_expire(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		stop := r.sendNow()
		r.append(r.says("o1", order{Class: outbox.Service, NotBefore: r.now() + 5000, ExpiresAt: r.now() + 10_000},
			order{Class: outbox.Service, NotBefore: r.now() + 5000}))
		r.step()
		require.Equal(t, policy.Scheduled, r.messages(outbox.Filter{})[0].Reason)
		stop()
		r.clock.Advance(11 * second)
		r.step()
		states := r.states()
		require.Equal(t, 1, states[outbox.Expired])
		require.Equal(t, 1, states[outbox.Sending])
		require.Contains(t, r.told(1), event.MessageExpired)
	})
}

func TestOutbox_alerts_beyond_six_an_hour_go_in_the_next(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.sendNow()
		for range 8 {
			r.append(r.says("o1", alert("zhang")))
		}
		r.append(r.says("o1", alert("li")))
		r.settled("six and one are sent", outbox.Accepted, 7)
		waiting := r.messages(outbox.Filter{State: outbox.Waiting})
		require.Len(t, waiting, 2)
		require.Equal(t, policy.StaffAlertCap, waiting[0].Reason)
		require.Equal(t, monday.Add(hour).UnixMilli(), waiting[0].DueAt)
		r = r.restarted(nil)
		r.sendNow()
		r.append(r.says("o1", alert("zhang")))
		r.step()
		require.Equal(t, 3, r.states()[outbox.Waiting], "a restart does not forget the six")
		r.clock.Advance(hour)
		r.settled("all go in the next hour", outbox.Accepted, 10)
	})
}

func TestOutbox_counts_the_sends_of_an_app(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, func(o *options) {
			o.stage.Seats = func(string) int { return 1 }
			o.limits.AppSeatDay = 3
		})
		r.sendNow()
		r.append(r.says("o1", alert("a"), alert("b"), alert("c"), alert("d")))
		r.settled("three are sent", outbox.Accepted, 3)
		m := r.messages(outbox.Filter{State: outbox.Waiting})[0]
		require.Equal(t, policy.AppQuota, m.Reason)
		require.Equal(t, monday.Add(14*hour).UnixMilli(), m.DueAt)
	})
}

func TestOutbox_people_on_the_exclusion_list(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.append(r.says("o1"))
		r.step()
		r.append(&event.Event{Type: event.CommandContactChange, Key: nextKey(), Source: "console", Lane: event.Priority, OccurredAt: r.now(), ReceivedAt: r.now(),
			ObjectType: "contact", ObjectID: "1", Props: event.Props{"set": map[string]any{"excluded": true}}})
		r.append(r.says("o1", reply, alert("zhang")))
		r.step()
		list := r.messages(outbox.Filter{})
		require.Equal(t, outbox.Sending, list[0].State)
		require.Equal(t, policy.Excluded, list[1].Reason)
	})
}

func TestOutbox_mistakes_of_the_caller_are_parked(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.append(r.says("o1", order{Class: outbox.Reply, NoBody: true}), r.says("o1", order{Class: "loud"}), r.says("o2", reply))
		r.step()
		letters, err := r.pipe.DeadLetters(t.Context(), 0, 10)
		require.NoError(t, err)
		require.Len(t, letters, 2)
		require.Len(t, r.messages(outbox.Filter{}), 1, "the third is not held up")
	})
}

func TestOutbox_without_a_sender_or_a_recipient(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.append(r.says("o1", order{Class: outbox.Service, Channel: "pigeon"}))
		nobody := r.says("o1", reply)
		nobody.Identities[0].Value = ""
		r.append(nobody)
		r.step()
		list := r.messages(outbox.Filter{})
		require.Equal(t, policy.NotConnected, list[0].Reason)
		require.Equal(t, policy.NoRecipient, list[1].Reason)
	})
}

func TestOutbox_rolled_back_and_repeated_batches(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, func(o *options) { o.dispatcher.Capacity = 4 })
		r.maker.flush = fault.New(fault.Unavailable, "away")
		r.append(r.says("o1", reply, alert("zhang")))
		for range 5 {
			_, err := r.pipe.RunOnce(t.Context())
			require.True(t, fault.Is(err, fault.Unavailable))
		}
		require.Empty(t, r.messages(outbox.Filter{}))
		attempts, _ := r.kf.counts()
		require.Zero(t, attempts)
		r.maker.flush = nil
		r.sendNow()
		r.settled("both are sent", outbox.Accepted, 2)
		list, err := reach.NewDirectory(s.Koi).Windows(t.Context(), []int64{1}, r.now())
		require.NoError(t, err)
		require.Equal(t, 4, list[0].Left, "spent once")
		require.Zero(t, r.metric("koi_outbox_queue"), "places of undone batches are given back")
		require.EqualValues(t, 1, r.metric("koi_outbox_messages_total", "channel", "official_kf", "status", "sent"))
		one, _ := r.kf.counts()
		two, _ := r.we.counts()
		require.Equal(t, []int{1, 1}, []int{one, two})
	})
}

// driver runs batches without a pipeline, so that a test can give the same events twice and lose answers.
type driver struct {
	r        *rig
	rev      int64
	timeline []string
}

// timers runs what is due until nothing is, in batches of the sizes given, under the seqs after the one given;
// it returns the last.
func (d *driver) timers(seq int64, size func() int) int64 {
	r, ctx := d.r, context.Background()
	for {
		var due []*event.Event
		n := size()
		require.NoError(r.t, r.stores.Koi.Tx(ctx, func(tx *db.Tx) (err error) {
			due, err = r.stage.Due(ctx, tx, r.now(), n)
			return err
		}))
		if len(due) == 0 {
			return seq
		}
		for _, e := range due {
			seq++
			e.Seq, e.Source = seq, "timer"
		}
		require.NoError(r.t, d.run(due, nil))
	}
}

func (d *driver) run(events []*event.Event, commit func(b *event.Batch) error) error {
	r := d.r
	ctx := context.Background()
	b := event.NewBatch(r.now(), clock.Ms(r.clock.Wall()), d.rev+1, events)
	stages := []event.Stage{r.stage.Receipts(), r.people, r.reach, r.maker, r.stage}
	err := r.stores.Koi.Tx(ctx, func(tx *db.Tx) error {
		for _, e := range events {
			e.ContactID, e.IdentityID = 0, 0
		}
		for _, s := range stages {
			if err := s.Load(ctx, tx, b); err != nil {
				return err
			}
		}
		var pass func(e *event.Event) error
		pass = func(e *event.Event) error {
			b.Stored = append(b.Stored, e)
			for _, s := range stages {
				if err := s.Apply(b, e); err != nil {
					return err
				}
			}
			for _, kid := range b.TakeDerived() {
				if err := pass(kid); err != nil {
					return err
				}
			}
			return nil
		}
		for _, e := range events {
			if err := pass(e); err != nil {
				return err
			}
		}
		for _, s := range stages {
			if err := s.Flush(ctx, tx, b); err != nil {
				return err
			}
		}
		if commit != nil {
			return commit(b)
		}
		return nil
	})
	if err == nil && commit == nil {
		d.rev++
		for _, e := range b.Stored {
			if !e.Hidden {
				d.timeline = append(d.timeline, e.Type)
			}
		}
		b.Committed()
	}
	return err
}

// finishes runs the dispatcher until it made n attempts, and then until it has none left.
func (r *rig) finishes(n int, what string) {
	r.t.Helper()
	arrived := make(chan struct{}, 1000)
	r.kf.arrived, r.we.arrived = arrived, arrived
	stop := r.sendNow()
	for range n {
		select {
		case <-arrived:
		case <-time.After(20 * time.Second):
			r.t.Fatal("attempts are missing: ", what)
		}
	}
	stop()
	kf, _ := r.kf.counts()
	we, _ := r.we.counts()
	require.Equal(r.t, n, kf+we, what)
}

func TestStage_a_replay_makes_nothing_twice(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		d := &driver{r: r}
		make := func() []*event.Event {
			events := []*event.Event{r.says("o1", reply, reply, alert("zhang")), r.says("o2", reply, marketing)}
			for i, e := range events {
				e.Seq = int64(100 + i)
			}
			return events
		}
		require.NoError(t, d.run(make(), nil))
		before := r.messages(outbox.Filter{})
		require.Len(t, before, 5)
		list, err := reach.NewDirectory(s.Koi).Windows(t.Context(), []int64{1}, r.now())
		require.NoError(t, err)
		r.clock.Advance(time.Second)
		require.NoError(t, d.run(make(), nil))
		require.Equal(t, before, r.messages(outbox.Filter{}), "same ids, same everything")
		again, err := reach.NewDirectory(s.Koi).Windows(t.Context(), []int64{1}, r.now())
		require.NoError(t, err)
		require.Equal(t, 3, list[0].Left)
		require.Equal(t, 5, again[0].Left, "the message gives five again, and none of them is spent twice")
		r.finishes(4, "handed over once (marketing waits for its turn)")
	})
}

func TestStage_a_commit_whose_answer_was_lost_is_sent_once(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		d := &driver{r: r}
		first := r.says("o1", reply, alert("zhang"))
		first.Seq = 1
		// It commits, but nobody tells the stages.
		require.NoError(t, d.run([]*event.Event{first}, func(*event.Batch) error { return nil }))
		require.Equal(t, 2, r.states()[outbox.Sending])
		undone := r.says("o2", reply)
		undone.Seq = 2
		lost := errors.New("rolled back by the test")
		require.ErrorIs(t, d.run([]*event.Event{undone}, func(*event.Batch) error { return lost }), lost)
		require.NoError(t, d.run([]*event.Event{undone}, nil))
		r.finishes(3, "each once")
		require.Zero(t, r.metric("koi_outbox_queue"))
	})
}

func TestOutbox_a_message_whose_timer_breaks_a_stage_fails_visibly(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.append(r.says("o1", order{Class: outbox.Service, NotBefore: r.now() + 1000}))
		r.step()
		r.maker.apply = func(e *event.Event) error {
			if e.Type == event.TimerOutbox {
				return errors.New("no way")
			}
			return nil
		}
		r.clock.Advance(2 * second)
		r.step()
		m := r.only()
		require.Equal(t, outbox.Rejected, m.State)
		require.Equal(t, outbox.ReasonBroken, m.Reason)
		require.Contains(t, m.Detail, "no way")
		require.Zero(t, r.count("outbox_due"))

		r.maker.apply = nil
		r.sendNow()
		_, err := r.box.Retry(t.Context(), m.ID, "ops")
		require.NoError(t, err)
		r.settled("a retry sends it", outbox.Accepted, 1)
	})
}

func TestOutbox_a_body_sealed_with_another_key_fails_visibly(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.append(r.says("o1", order{Class: outbox.Service, NotBefore: r.now() + 1000}))
		r.step()
		require.NoError(t, s.Koi.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE outbox_bodies SET body=?", []byte("something else"))
			return err
		}))
		r.clock.Advance(2 * second)
		r.step()
		require.Equal(t, outbox.ReasonUnreadable, r.only().Reason)
		_, err := r.box.Body(t.Context(), r.only().ID)
		require.True(t, fault.Is(err, fault.Invalid))
	})
}
