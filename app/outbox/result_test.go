package outbox_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/policy"
	"github.com/koi-scrm/koi/app/reach"
)

func TestOutbox_retries_what_surely_failed(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.sendNow()
		r.kf.always(outbox.Outcome{Status: outbox.Retry, Code: -1, Reason: "平台系统繁忙，稍后自动重试"})
		r.append(r.says("o1", order{Class: outbox.Service}))
		r.settled("it waits for its second try", outbox.Waiting, 1)
		m := r.only()
		require.Equal(t, outbox.ReasonRetrying, m.Reason)
		require.InDelta(t, 2500, m.DueAt-r.now(), 500, "two to three seconds")
		require.Equal(t, outbox.Retry, m.Tries[0].Status)
		require.Equal(t, -1, m.Tries[0].Code)
		require.Contains(t, m.Explanation.Why, "平台系统繁忙")

		r.clock.Advance(3 * second)
		r.until("the second try failed too", func() bool { return r.only().Attempts == 2 && r.only().State == outbox.Waiting })
		require.InDelta(t, 10_000, r.only().DueAt-r.now(), 2000, "eight to twelve seconds")
		r.clock.Advance(12 * second)
		r.settled("after the third it is over", outbox.Rejected, 1)
		m = r.only()
		require.Equal(t, outbox.ReasonGaveUp, m.Reason)
		require.Len(t, m.Tries, 3)
		require.Contains(t, r.told(1), event.MessageFailed)
		list, err := reach.NewDirectory(s.Koi).Windows(t.Context(), []int64{1}, r.now())
		require.NoError(t, err)
		require.Equal(t, 4, list[0].Left, "three tries, one message of the window")

		// The operator asks once more, twice over.
		r.kf.always(outbox.Outcome{Status: outbox.Sent})
		one, err := r.box.Retry(t.Context(), m.ID, "ops")
		require.NoError(t, err)
		two, err := r.box.Retry(t.Context(), m.ID, "ops")
		require.NoError(t, err)
		require.Equal(t, one.Seq, two.Seq)
		require.True(t, two.Repeat)
		r.settled("and it goes", outbox.Accepted, 1)
		m = r.only()
		require.Len(t, m.Tries, 4)
		require.Equal(t, outbox.Sent, m.Tries[3].Status)
	})
}

func TestOutbox_waits_as_long_as_the_platform_says(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.sendNow()
		r.kf.always(outbox.Outcome{Status: outbox.Retry, Code: 45011, RetryAfter: time.Minute})
		r.append(r.says("o1", order{Class: outbox.Service}), r.says("o2", order{Class: outbox.Reply, ExpiresAt: r.now() + 30_000}))
		r.until("both came back", func() bool { return r.states()[outbox.Waiting] == 1 && r.states()[outbox.Expired] == 1 })
		require.Equal(t, r.now()+60_000, r.messages(outbox.Filter{State: outbox.Waiting})[0].DueAt)
		m := r.get(r.messages(outbox.Filter{State: outbox.Expired})[0].ID)
		require.Len(t, m.Tries, 1, "the other is worth nothing by then")
		require.Contains(t, r.told(m.ContactID), event.MessageExpired)
	})
}

// A platform that drops repeats makes no refusal doubtful that surely was one.
func TestOutbox_a_sure_refusal_expires_and_a_doubtful_one_is_shown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		unsure bool
		state  outbox.State
	}{{"surely not taken", false, outbox.Expired}, {"perhaps taken", true, outbox.Doubtful}} {
		t.Run(c.name, func(t *testing.T) {
			dbtest.Run(t, func(t *testing.T, s *db.Stores) {
				r := newRig(t, s, nil)
				r.sendNow()
				r.we.always(outbox.Outcome{Status: outbox.Retry, Code: 45033, RetryAfter: hour, Unsure: c.unsure})
				r.append(r.says("o1", order{Class: outbox.StaffAlert, To: "zhang", ExpiresAt: r.now() + 30_000}))
				r.settled("its time is over before the next try", c.state, 1)
				attempts, _ := r.we.counts()
				require.Equal(t, 1, attempts)
			})
		})
	}
}

func TestOutbox_failures_are_final_and_teach_reach(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		out    outbox.Outcome
		reason policy.Reason
		next   policy.Reason // what policy says of the next message
		status outbox.Status
	}{
		{"a recipient the account does not know", outbox.Outcome{Status: outbox.Failed, Code: 40003, Reason: "OpenID 不对"}, outbox.ReasonRefused, policy.Unreachable, outbox.Failed},
		{"a person who unfollowed", outbox.Outcome{Status: outbox.Failed, Code: 43004, Reason: "对方已取消关注"}, outbox.ReasonRefused, policy.NotFollowing, outbox.Failed},
		{"a closed window", outbox.Outcome{Status: outbox.WindowClosed, Code: 45015, Reason: "窗口已关闭"}, outbox.ReasonShut, policy.WindowClosed, outbox.WindowClosed},
		{"a used-up window", outbox.Outcome{Status: outbox.WindowClosed, Code: 45047, Reason: "条数已用完"}, outbox.ReasonShut, policy.WindowUsedUp, outbox.WindowClosed},
		{"a word the sender made up", outbox.Outcome{Status: "odd"}, outbox.ReasonRefused, "", outbox.Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			dbtest.Run(t, func(t *testing.T, s *db.Stores) {
				r := newRig(t, s, nil)
				r.sendNow()
				r.kf.always(c.out)
				r.append(r.says("o1", reply))
				r.settled("it failed", outbox.Rejected, 1)
				m := r.only()
				require.Equal(t, c.reason, m.Reason)
				require.Equal(t, c.out.Code, m.Code)
				require.Equal(t, c.status, m.Tries[0].Status)
				require.Contains(t, m.Explanation.Why, c.out.Reason)
				require.Contains(t, r.told(1), event.MessageFailed)
				if c.next == "" {
					return
				}
				r.clock.Advance(second)
				r.append(r.at(event.OALocationReported, "o1", reply))
				r.step()
				require.Equal(t, c.next, r.messages(outbox.Filter{State: outbox.Suppressed})[0].Reason)
				r.kf.always(outbox.Outcome{Status: outbox.Sent})
				r.append(r.says("o1", reply))
				r.settled("the person's next message opens the way again", outbox.Accepted, 1)
			})
		})
	}
}

func TestOutbox_a_used_up_quota_pauses_the_account(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.sendNow()
		r.kf.always(outbox.Outcome{Status: outbox.Paused, Code: 45009, RetryAfter: 14 * hour, Reason: "今日额度已用完"})
		r.append(r.says("o1", order{Class: outbox.Service}))
		r.settled("it waits", outbox.Waiting, 1)
		r.append(r.says("o2", order{Class: outbox.Service}), r.says("o3", reply), r.says("o4", alert("zhang")))
		r.settled("other accounts go on", outbox.Accepted, 1)
		attempts, _ := r.kf.counts()
		require.Equal(t, 1, attempts, "nobody asks again")
		midnight := monday.Add(14 * hour).UnixMilli()
		waiting := r.messages(outbox.Filter{State: outbox.Waiting})
		require.Len(t, waiting, 2)
		for _, m := range waiting {
			require.Equal(t, policy.Paused, m.Reason)
			require.GreaterOrEqual(t, m.DueAt, midnight)
			require.Less(t, m.DueAt, midnight+60_000)
		}
		suppressed := r.messages(outbox.Filter{State: outbox.Suppressed})[0]
		require.Equal(t, policy.Paused, suppressed.Reason, "a reply is not worth waiting for")
		pauses, err := r.box.Pauses(t.Context())
		require.NoError(t, err)
		require.Equal(t, []outbox.PauseEntry{{Account: oaApp, Channel: outbox.OfficialKF, Until: midnight, Code: 45009, Detail: "今日额度已用完", At: r.now()}}, pauses)

		r = r.restarted(nil)
		r.sendNow()
		r.append(r.says("o5", order{Class: outbox.Service}))
		r.step()
		require.Equal(t, 3, r.states()[outbox.Waiting], "a restart does not forget the pause")
		r.kf.always(outbox.Outcome{Status: outbox.Sent})
		r.clock.Advance(14*hour + time.Minute)
		r.settled("all go when the quota is back", outbox.Accepted, 4)
		pauses, err = r.box.Pauses(t.Context())
		require.NoError(t, err)
		require.Empty(t, pauses)
		m := r.get(waiting[0].ID)
		require.Len(t, m.Tries, 2)
		require.Equal(t, outbox.Paused, m.Tries[0].Status)
	})
}

func TestOutbox_a_pause_empties_the_queue_without_asking(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, func(o *options) { o.dispatcher.Workers = 1 })
		r.kf.always(outbox.Outcome{Status: outbox.Paused, Code: 45009})
		r.append(r.says("o1", order{Class: outbox.Service, Times: 5}))
		r.step()
		r.kf.always(outbox.Outcome{Status: outbox.Paused, Code: 45009, RetryAfter: hour})
		r.sendNow()
		r.settled("all five wait", outbox.Waiting, 5)
		attempts, _ := r.kf.counts()
		require.Equal(t, 1, attempts)
	})
}

func TestOutbox_a_pause_without_a_time_ends_at_midnight(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.sendNow()
		r.kf.always(outbox.Outcome{Status: outbox.Paused, Code: 45009})
		r.append(r.says("o1", order{Class: outbox.Service}))
		r.settled("it waits", outbox.Waiting, 1)
		require.InDelta(t, monday.Add(14*hour).UnixMilli()+30_000, r.only().DueAt, 30_000)
	})
}

func TestOutbox_wrong_configuration_raises_an_alarm_until_it_works(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.sendNow()
		r.we.always(outbox.Outcome{Status: outbox.Alarm, Code: 60020, Reason: "服务器 IP 不在企业可信 IP 中，请到管理后台添加"})
		r.append(r.says("o1", alert("zhang")), r.says("o1", alert("li")))
		r.settled("both failed", outbox.Rejected, 2)
		alarms, err := r.box.Alarms(t.Context())
		require.NoError(t, err)
		require.Equal(t, []outbox.AlarmEntry{{Account: weApp, Channel: outbox.WeComApp, Kind: "misconfigured", Code: 60020,
			Detail: "服务器 IP 不在企业可信 IP 中，请到管理后台添加", FirstAt: r.now(), LastAt: r.now(), Times: 2}}, alarms)
		m := r.get(r.messages(outbox.Filter{})[0].ID)
		require.Equal(t, outbox.ReasonMisset, m.Reason)
		require.Equal(t, outbox.Alarm, m.Tries[0].Status)
		require.Contains(t, m.Explanation.Why, "可信 IP")

		r.we.always(outbox.Outcome{Status: outbox.Sent})
		_, err = r.box.Retry(t.Context(), m.ID, "ops")
		require.NoError(t, err)
		r.settled("after the fix it goes", outbox.Accepted, 1)
		alarms, err = r.box.Alarms(t.Context())
		require.NoError(t, err)
		require.Empty(t, alarms)
	})
}

func TestOutbox_unknown_where_the_platform_drops_repeats_is_repeated(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.sendNow()
		r.we.always(outbox.Outcome{Status: outbox.Unknown, Reason: "平台没有回答"})
		r.append(r.says("o1", alert("zhang")))
		r.settled("it waits for a repeat", outbox.Waiting, 1)
		require.Equal(t, outbox.ReasonRepeating, r.only().Reason)
		r.we.always(outbox.Outcome{Status: outbox.Sent})
		r.clock.Advance(3 * second)
		r.settled("the repeat is answered", outbox.Accepted, 1)
		attempts, delivered := r.we.counts()
		require.Equal(t, 2, attempts)
		require.Equal(t, 1, delivered)
		require.Equal(t, r.we.got()[0].Body, r.we.got()[1].Body, "the same bytes")
		require.Equal(t, outbox.Unknown, r.only().Tries[0].Status)
	})
}

func TestOutbox_a_repeat_that_would_come_too_late_is_not_made(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		stop := r.sendNow()
		r.we.always(outbox.Outcome{Status: outbox.Unknown})
		r.append(r.says("o1", alert("zhang")))
		r.settled("it waits for a repeat", outbox.Waiting, 1)
		stop()
		// The pipeline stood still for half an hour.
		r.clock.Advance(28*time.Minute + second)
		r.step()
		require.Equal(t, outbox.Doubtful, r.only().State)
		attempts, _ := r.we.counts()
		require.Equal(t, 1, attempts)
	})
}

func TestOutbox_a_repeat_that_stood_too_long_in_the_queue_is_not_made(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		stop := r.sendNow()
		r.we.always(outbox.Outcome{Status: outbox.Unknown})
		r.append(r.says("o1", alert("zhang")))
		r.settled("it waits for a repeat", outbox.Waiting, 1)
		stop()
		r = r.restarted(nil)
		r.clock.Advance(3 * second)
		r.step()
		require.Equal(t, outbox.Sending, r.only().State, "in the queue of a dispatcher that does not run")
		r.clock.Advance(28 * time.Minute)
		r.sendNow()
		r.settled("it came back unmade", outbox.Doubtful, 1)
		attempts, _ := r.we.counts()
		require.Equal(t, 1, attempts)
	})
}

func TestOutbox_unknown_where_nothing_drops_repeats_is_shown_and_expires(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.sendNow()
		r.kf.always(outbox.Outcome{Status: outbox.Unknown, Reason: "平台没有回答（超时）"})
		r.append(r.says("o1", reply, reply))
		r.settled("nobody knows", outbox.Doubtful, 2)
		m := r.get(r.messages(outbox.Filter{State: outbox.Doubtful})[0].ID)
		require.Equal(t, outbox.ReasonUnsure, m.Reason)
		require.Equal(t, r.now()+(24*hour).Milliseconds(), m.DueAt)
		require.Contains(t, m.Explanation.What, "可能已收到")
		require.Equal(t, outbox.Unknown, m.Tries[0].Status)

		r.clock.Advance(24*hour - time.Millisecond)
		r.step()
		require.Equal(t, 2, r.states()[outbox.Doubtful])
		r.clock.Advance(time.Millisecond)
		r.step()
		require.Equal(t, 2, r.states()[outbox.Expired])
		require.Equal(t, outbox.ReasonUnresolved, r.get(m.ID).Reason)
		require.Contains(t, r.told(1), event.MessageExpired)
		attempts, _ := r.kf.counts()
		require.Equal(t, 2, attempts, "never sent again")
		alarms, err := r.box.Alarms(t.Context())
		require.NoError(t, err)
		require.Len(t, alarms, 1)
		require.Equal(t, 2, alarms[0].Times)
		r.clock.Advance(8 * 24 * hour)
		alarms, err = r.box.Alarms(t.Context())
		require.NoError(t, err)
		require.Empty(t, alarms, "a week later nobody needs to see it")
	})
}

func TestOutbox_an_operator_may_settle_an_unknown_message(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.sendNow()
		r.kf.always(outbox.Outcome{Status: outbox.Unknown})
		r.append(r.says("o1", reply))
		r.settled("nobody knows", outbox.Doubtful, 1)
		r.kf.always(outbox.Outcome{Status: outbox.Sent})
		_, err := r.box.Retry(t.Context(), r.only().ID, "ops")
		require.NoError(t, err)
		r.settled("it goes again", outbox.Accepted, 1)
		_, err = r.box.Retry(t.Context(), r.only().ID, "ops")
		require.True(t, fault.Is(err, fault.Conflict))
		_, err = r.box.Retry(t.Context(), 42, "ops")
		require.True(t, fault.Is(err, fault.NotFound))
	})
}

func TestOutbox_a_sender_that_panics_leaves_the_result_unknown(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.sendNow()
		r.kf.answers(func(outbox.Attempt) outbox.Outcome { panic("odd answer") })
		r.append(r.says("o1", reply))
		r.settled("nobody knows", outbox.Doubtful, 1)
	})
}

func TestOutbox_results_of_other_attempts_say_nothing(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.append(r.says("o1", reply))
		r.step()
		id := r.only().ID
		r.append(result(r, id, 2, outbox.Sent), result(r, id+5, 1, outbox.Sent))
		r.step()
		require.Equal(t, outbox.Sending, r.only().State)
		r.append(result(r, id, 1, outbox.Sent))
		r.step()
		require.Equal(t, outbox.Accepted, r.only().State)
		r.append(result(r, id, 1, outbox.Failed))
		r.step()
		require.Equal(t, outbox.Accepted, r.only().State)
	})
}

// Of a message that was sent the result has no key: it settles the attempt, so a second one finds nothing to do.
func TestOutbox_a_sent_result_counts_once(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, nil)
		r.append(r.says("o1", reply), r.says("o2", reply))
		r.step()
		again := func(id int64) *event.Event {
			e := result(r, id, 1, outbox.Sent)
			e.Key = ""
			return e
		}
		list := r.messages(outbox.Filter{})
		r.append(again(list[0].ID), again(list[0].ID), again(list[1].ID)) // in one batch
		r.step()
		r.append(again(list[1].ID)) // in the next
		r.step()
		require.Equal(t, map[outbox.State]int{outbox.Accepted: 2}, r.states())
		for contact := int64(1); contact <= 2; contact++ {
			require.Equal(t, []string{event.OAMessageReceived, event.ContactCreated, event.MessageSent}, r.told(contact))
		}
	})
}

// Who a message is about is read where it matters to somebody, and told on their timeline anyway.
func TestOutbox_reads_people_where_it_matters(t *testing.T) {
	t.Parallel()
	hook := order{Class: outbox.Service, Channel: outbox.Webhook}
	for name, c := range map[string]struct {
		ask    order
		heard  bool
		status outbox.Status
		code   int
		want   bool
	}{
		"nobody listens":             {ask: reply, status: outbox.Sent},
		"somebody listens":           {ask: reply, heard: true, status: outbox.Sent, want: true},
		"it failed":                  {ask: reply, status: outbox.Failed, want: true},
		"the answer says something":  {ask: reply, status: outbox.Sent, code: 43004, want: true},
		"to another system":          {ask: hook, status: outbox.Sent},
		"to another system, listens": {ask: hook, heard: true, status: outbox.Sent, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, dbtest.SQLite(t), func(o *options) {
				o.heard = c.heard
				o.dispatcher.Senders = []outbox.Sender{&platform{channel: outbox.Webhook, clock: o.clock}}
			})
			read := map[string]bool{} // by type: whether the stages saw the person
			r.maker.apply = func(e *event.Event) error {
				read[e.Type] = r.people.Person(1) != nil
				return nil
			}
			c.ask.NotBefore = r.now() + 1000
			r.append(r.says("o1", c.ask))
			r.step()
			r.clock.Advance(2 * second)
			r.step()
			require.Equal(t, outbox.Sending, r.only().State)
			require.Equal(t, c.heard || c.ask.Channel != outbox.Webhook, read[event.TimerOutbox], "policy asks who it is about, or somebody may")
			e := result(r, r.only().ID, 1, c.status)
			e.Props["code"] = c.code
			r.append(e)
			r.step()
			told := event.MessageSent
			if c.status == outbox.Failed {
				told = event.MessageFailed
			}
			require.Contains(t, r.told(1), told)
			require.Equal(t, c.want, read[told])
		})
	}
}

// receipts come by a door.
func receipt(r *rig, typ, platformID string) *event.Event {
	return &event.Event{Type: typ, Key: nextKey(), Source: "oa", Account: oaApp, Lane: event.Normal, OccurredAt: r.now(), ReceivedAt: r.now(),
		Props: event.Props{"platform_id": platformID, "code": 3, "reason": "用户拒收"}}
}

func TestOutbox_receipts_in_either_order(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, func(o *options) { o.stage.Receipts = []outbox.Channel{outbox.OfficialKF} })
		r.sendNow()
		n := 0
		r.kf.answers(func(a outbox.Attempt) outbox.Outcome {
			n++
			return outbox.Outcome{Status: outbox.Sent, PlatformID: "m" + a.To}
		})
		r.append(r.says("o1", reply))
		r.settled("sent", outbox.Accepted, 1)
		r.append(receipt(r, event.MessageDelivered, "mo1"), receipt(r, event.MessageDelivered, "of somebody else"))
		r.step()
		require.Equal(t, outbox.Delivered, r.only().State)
		r.append(receipt(r, event.MessageFailed, "mo1"))
		r.step()
		require.Equal(t, outbox.Delivered, r.only().State, "the first receipt counts")

		r.append(receipt(r, event.MessageFailed, "mo2"))
		r.step()
		r.append(r.says("o2", reply))
		r.settled("the receipt was quicker than the result", outbox.Rejected, 1)
		m := r.get(r.messages(outbox.Filter{State: outbox.Rejected})[0].ID)
		require.Equal(t, outbox.ReasonUndelivered, m.Reason)
		require.Contains(t, m.Explanation.Why, "用户拒收")

		r.append(r.says("o3", alert("zhang")))
		r.settled("sent", outbox.Accepted, 1)
		require.Equal(t, 2, r.count("outbox_receipts"), "only channels with receipts keep platform ids")
		require.Equal(t, 1, r.count("outbox_early"), "what was early is settled; a stranger's waits to be purged")
	})
}

// A receipt that stands before its result in one batch is about a person, too: their window stays theirs.
func TestOutbox_a_receipt_before_its_result_in_one_batch(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, func(o *options) { o.stage.Receipts = []outbox.Channel{outbox.OfficialKF} })
		r.append(r.says("o1", reply))
		r.step()
		m := r.only()
		r.clock.Advance(time.Minute)
		r.append(r.says("o1")) // the window begins anew
		r.step()
		windows := func() reach.AppWindow {
			list, err := reach.NewDirectory(s.Koi).Windows(t.Context(), []int64{1}, r.now())
			require.NoError(t, err)
			require.Len(t, list, 1)
			return list[0]
		}
		before := windows()
		early := receipt(r, event.MessageFailed, "p1")
		early.Props["code"] = 43004
		sent := result(r, m.ID, 1, outbox.Sent)
		sent.Account, sent.Props["platform_id"], sent.Props["channel"] = oaApp, "p1", string(outbox.OfficialKF)
		r.append(early, sent)
		r.step()
		require.Equal(t, outbox.Rejected, r.only().State)
		require.Equal(t, before, windows(), "what they did after the message counts more")
	})
}

func result(r *rig, message int64, attempt int, st outbox.Status) *event.Event {
	return &event.Event{Type: event.CommandMessageResult, Key: nextKey(), Source: "outbox", Lane: event.Normal, OccurredAt: r.now(), ReceivedAt: r.now(),
		Props: event.Props{"message": idText(message), "attempt": attempt, "status": string(st)}}
}
