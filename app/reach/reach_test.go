package reach_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/policy"
	"github.com/koi-scrm/koi/app/reach"
	"github.com/koi-scrm/koi/app/secret"
)

var shanghai = time.FixedZone("CST", 8*3600)

// t0 is 10:00 on Monday 2026-11-23 in Shanghai.
var t0 = time.Date(2026, 11, 23, 10, 0, 0, 0, shanghai).UnixMilli()

const (
	app    = "wx0001"
	second = int64(1000)
	minute = 60 * second
	hour   = 60 * minute
)

// world is a contact and a reach stage on a database, with batches cut by the test.
type world struct {
	t      testing.TB
	stores *db.Stores
	people *contact.Stage
	reach  *reach.Stage
	seq    int64
	rev    int64
	// during is called for every event after the stages, as the outbox would be.
	during func(b *event.Batch, e *event.Event)
	// load is called in the transaction after the stages' Load.
	load func(tx *db.Tx) error
	// lost keeps it from everyone that a batch was committed.
	lost bool
}

func newWorld(t testing.TB, s *db.Stores) *world {
	keys, err := secret.New(make([]byte, secret.MasterSize))
	require.NoError(t, err)
	model, problems := contact.Compile(nil)
	require.Empty(t, problems)
	people := contact.NewStage(keys)
	people.Use(model)
	return &world{t: t, stores: s, people: people, reach: reach.NewStage(people, shanghai)}
}

// restarted is another process on the same database.
func (w *world) restarted() *world {
	n := newWorld(w.t, w.stores)
	n.seq, n.rev = w.seq, w.rev
	return n
}

var errRollback = errors.New("rolled back by the test")

// batch runs events through the stages in one transaction, as the pipeline does.
func (w *world) batch(now int64, events ...*event.Event) {
	w.t.Helper()
	require.NoError(w.t, w.try(now, nil, events...))
}

func (w *world) try(now int64, fail error, events ...*event.Event) error {
	seq, rev := w.seq, w.rev+1
	for _, e := range events {
		seq++
		e.Seq = seq
	}
	b := event.NewBatch(now, now, rev, events)
	stages := []event.Stage{w.people, w.reach}
	ctx := context.Background()
	err := w.stores.Koi.Tx(ctx, func(tx *db.Tx) error {
		for _, s := range stages {
			if err := s.Load(ctx, tx, b); err != nil {
				return err
			}
		}
		if w.load != nil {
			if err := w.load(tx); err != nil {
				return err
			}
		}
		var pass func(e *event.Event) error
		pass = func(e *event.Event) error {
			for _, s := range stages {
				if err := s.Apply(b, e); err != nil {
					return err
				}
			}
			if w.during != nil && e.N == 0 {
				w.during(b, e)
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
		return fail
	})
	if err == nil && !w.lost {
		b.Committed()
		w.seq, w.rev = seq, rev
	}
	return err
}

func oa(typ, openid string, at int64) *event.Event {
	return &event.Event{Type: typ, Source: "oa", Account: app, OccurredAt: at, ReceivedAt: at,
		Identities: []event.Identity{{Kind: event.KindOpenID, Scope: app, Value: openid}}}
}

// windows of the person behind an OpenID, by way of an event that changes nothing.
func (w *world) window(openid string, now int64) policy.Window {
	w.t.Helper()
	var got policy.Window
	w.during = func(_ *event.Batch, e *event.Event) { got = w.reach.Window(e.ContactID, app) }
	defer func() { w.during = nil }()
	w.batch(now, oa(event.OALocationReported, openid, now))
	return got
}

func TestStage_windows(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		w := newWorld(t, s)
		w.batch(t0, oa(event.OAMenuLinkOpened, "o1", t0))
		require.Equal(t, policy.Window{}, w.window("o1", t0), "a menu link opens nothing")

		w.batch(t0, oa(event.OAFollowed, "o1", t0))
		require.Equal(t, policy.Window{Until: t0 + minute, Left: 3}, w.window("o1", t0+second))
		require.Equal(t, policy.Window{}, w.window("o1", t0+minute), "a minute later it is over")

		w.batch(t0+2*minute, oa(event.OAMessageReceived, "o1", t0+2*minute))
		require.Equal(t, policy.Window{Until: t0 + 2*minute + 48*hour, Left: 5}, w.window("o1", t0+hour))

		w.batch(t0+3*minute, oa(event.OAScanned, "o1", t0+3*minute))
		require.Equal(t, policy.Window{Until: t0 + 2*minute + 48*hour, Left: 8}, w.window("o1", t0+3*minute), "the two kinds run side by side")

		w.during = func(b *event.Batch, e *event.Event) {
			for range 4 {
				w.reach.SpendWindow(e.ContactID, app)
			}
		}
		w.batch(t0+3*minute+second, oa(event.OALocationReported, "o1", t0+3*minute))
		require.Equal(t, 4, w.window("o1", t0+3*minute+2*second).Left, "three from the minute, one from the 48 hours")
		require.Equal(t, 4, w.window("o1", t0+10*minute).Left)

		w = w.restarted()
		require.Equal(t, 4, w.window("o1", t0+10*minute).Left, "and a restart forgets none of it")
		w.batch(t0+11*minute, oa(event.OAMessageReceived, "o1", t0+11*minute))
		require.Equal(t, 5, w.window("o1", t0+11*minute).Left, "the next message gives five again")
	})
}

func TestStage_closes_windows(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		w := newWorld(t, s)
		refuse := func(now, sentAt int64, why policy.Closed) {
			w.during = func(_ *event.Batch, e *event.Event) { w.reach.CloseWindow(e.ContactID, app, why, sentAt) }
			w.batch(now, oa(event.OALocationReported, "o1", now))
			w.during = nil
		}
		w.batch(t0, oa(event.OAMessageReceived, "o1", t0))
		refuse(t0+2*second, t0+second, policy.Refused)
		require.Equal(t, policy.Refused, w.window("o1", t0+3*second).ClosedBy)

		w.batch(t0+minute, oa(event.OAMessageReceived, "o1", t0+minute))
		require.Equal(t, policy.NotClosed, w.window("o1", t0+minute).ClosedBy, "the next message opens it")
		refuse(t0+minute+second, t0+30*second, policy.UsedUp)
		require.Equal(t, policy.NotClosed, w.window("o1", t0+minute).ClosedBy, "a refusal from before that says nothing about it")

		w.batch(t0+hour, oa(event.OAUnfollowed, "o1", t0+hour))
		require.Equal(t, policy.Unfollowed, w.window("o1", t0+hour).ClosedBy)
		w.batch(t0+hour, oa(event.OAMessageReceived, "o1", t0+hour-second))
		require.Equal(t, policy.Unfollowed, w.window("o1", t0+hour).ClosedBy, "a message from before the unfollow arrives after it")
		w.batch(t0+2*hour, oa(event.OAFollowed, "o1", t0+2*hour))
		got := w.window("o1", t0+2*hour)
		require.Equal(t, policy.NotClosed, got.ClosedBy)

		list, err := reach.NewDirectory(s.Koi).Windows(t.Context(), []int64{1}, t0+2*hour)
		require.NoError(t, err)
		require.Equal(t, []reach.AppWindow{{AppID: app, Window: got, ActedAt: t0 + 2*hour}}, list)
	})
}

func TestStage_counts_from_when_the_person_acted(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		w := newWorld(t, s)
		early := oa(event.OAFollowed, "o1", t0)
		early.OccurredAt = t0 + 30*second // their clock is ahead
		w.batch(t0, early)
		require.Equal(t, t0+minute, w.window("o1", t0).Until)

		late := oa(event.OAMessageReceived, "o2", t0)
		late.OccurredAt = t0 - 50*hour // the backlog of an outage
		w.batch(t0, late)
		require.Zero(t, w.window("o2", t0).Until)

		w.batch(t0, oa(event.OAMessageReceived, "o3", t0+second), oa(event.OAMessageReceived, "o3", t0))
		require.Equal(t, t0+second+48*hour, w.window("o3", t0+second).Until, "acts may arrive out of order")
	})
}

func TestStage_merge_keeps_the_window_of_the_later_act(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		w := newWorld(t, s)
		union := event.Identity{Kind: event.KindUnionID, Value: "u1"}
		w.batch(t0, oa(event.OAMessageReceived, "o1", t0))
		other := &event.Event{Type: event.OAMessageReceived, Source: "oa", Account: "wx0002", OccurredAt: t0 + second, ReceivedAt: t0 + second,
			Identities: []event.Identity{{Kind: event.KindOpenID, Scope: "wx0002", Value: "p1"}, union}}
		w.batch(t0, other)
		touch := func(id int64) {
			w.load = func(tx *db.Tx) error { return w.reach.LoadTouches(t.Context(), tx, []int64{id}) }
			w.during = func(b *event.Batch, _ *event.Event) { w.reach.Touch(id) }
			w.batch(t0, oa(event.OALocationReported, "nobody", t0))
			w.load, w.during = nil, nil
		}
		touch(1)
		touch(2)
		joins := oa(event.OALocationReported, "o1", t0+2*second)
		joins.Identities = append(joins.Identities, union)
		w.batch(t0+2*second, joins)

		list, err := reach.NewDirectory(s.Koi).Windows(t.Context(), []int64{1}, t0+3*second)
		require.NoError(t, err)
		require.Len(t, list, 2, "both accounts' windows are the kept person's")
		none, err := reach.NewDirectory(s.Koi).Windows(t.Context(), []int64{2}, t0)
		require.NoError(t, err)
		require.Empty(t, none)

		var got policy.Touches
		w.load = func(tx *db.Tx) error { return w.reach.LoadTouches(t.Context(), tx, []int64{2}) }
		w.during = func(b *event.Batch, e *event.Event) { got, _ = w.reach.Touches(2) }
		w.batch(t0, oa(event.OALocationReported, "o1", t0))
		require.Equal(t, policy.Touches{Day: 2, Week: 2, Month: 2}, got, "touches of both count, by either id")
	})
}

func TestStage_touches_belong_to_calendar_periods(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		w := newWorld(t, s)
		w.batch(t0, oa(event.OAFollowed, "o1", t0))
		var got policy.Touches
		look := func(now int64, times int) policy.Touches {
			w.load = func(tx *db.Tx) error { return w.reach.LoadTouches(t.Context(), tx, []int64{1}) }
			w.during = func(b *event.Batch, e *event.Event) {
				for range times {
					w.reach.Touch(1)
				}
				got, _ = w.reach.Touches(1)
			}
			w.batch(now, oa(event.OALocationReported, "o1", now))
			return got
		}
		day := 24 * hour
		require.Equal(t, policy.Touches{Day: 2, Week: 2, Month: 2}, look(t0, 2))
		require.Equal(t, policy.Touches{Day: 1, Week: 3, Month: 3}, look(t0+day, 1), "Tuesday")
		require.Equal(t, policy.Touches{Week: 3, Month: 3}, look(t0+6*day, 0), "Sunday, 10:00")
		require.Equal(t, policy.Touches{Month: 3}, look(t0+6*day+14*hour, 0), "Monday begins at local midnight")
		require.Equal(t, policy.Touches{}, look(t0+8*day, 0), "December")
	})
}

func TestStage_counts_what_staff_receive(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		w := newWorld(t, s)
		const account = "corp/1"
		count := func(now int64, class policy.Class, times int) {
			w.during = func(b *event.Batch, _ *event.Event) {
				for range times {
					w.reach.CountStaff(account, "zhang", class)
				}
			}
			w.batch(now, oa(event.OALocationReported, "o1", now))
			w.during = nil
		}
		staff := func(now int64) (f policy.Staff, sends int) {
			w.during = func(b *event.Batch, _ *event.Event) {
				f, sends = w.reach.Staff(account, "zhang"), w.reach.Sends(account)
			}
			w.batch(now, oa(event.OALocationReported, "o1", now))
			w.during = nil
			return f, sends
		}
		count(t0, policy.StaffAlert, 2)
		count(t0+second, policy.Service, 1)
		want := policy.Staff{Alerts: 2, Minute: 3, Hour: 3}
		got, sends := staff(t0 + second)
		require.Equal(t, want, got)
		require.Equal(t, 3, sends)

		w = w.restarted()
		got, _ = staff(t0 + 2*second)
		require.Equal(t, want, got, "another process reads the same")
		got, sends = staff(t0 + minute)
		require.Equal(t, policy.Staff{Alerts: 2, LastMinute: 3, Hour: 3}, got)
		require.Equal(t, 3, sends)
		got, _ = staff(t0 + hour)
		require.Equal(t, policy.Staff{LastHour: 3}, got)
		_, sends = staff(t0 + 14*hour)
		require.Zero(t, sends, "the next day begins at local midnight")

		change := func(used int) {
			require.NoError(t, s.Koi.Tx(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(t.Context(), "UPDATE quota_counters SET used=? WHERE scope='alert/zhang'", used)
				return err
			}))
		}
		change(8)
		got, _ = staff(t0 + 3*second)
		require.Equal(t, 8, got.Alerts, "a clock set back reads again")
		change(9)
		got, _ = staff(t0 + 3*second)
		require.Equal(t, 8, got.Alerts, "nobody but this stage writes them")
		w.rev++
		got, _ = staff(t0 + 3*second)
		require.Equal(t, 9, got.Alerts, "a commit that was not ours reads again")

		// A commit whose answer is lost: the pipeline thinks that the batch is still to be done.
		w.during = func(*event.Batch, *event.Event) { w.reach.CountStaff(account, "zhang", policy.StaffAlert) }
		w.lost = true
		w.batch(t0+4*second, oa(event.OALocationReported, "o1", t0))
		w.lost, w.during = false, nil
		got, _ = staff(t0 + 5*second)
		require.Equal(t, 10, got.Alerts, "what it counted is counted")

		n, err := countRows(s, "quota_counters")
		require.NoError(t, err)
		require.Equal(t, 4, n)
	})
}

func countRows(s *db.Stores, table string) (n int, err error) {
	return n, s.Koi.QueryRow(context.Background(), "SELECT COUNT(*) FROM "+table).Scan(&n)
}

// Whatever way a history is cut into batches, rolled back and run again, and whenever the process is
// started anew: the facts are the same.
func TestStage_any_batch_size_gives_the_same_facts(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		rapid.Check(t, func(rt *rapid.T) {
			type act struct {
				typ    string
				openid string
				at     int64
				union  string
			}
			types := []string{event.OAMessageReceived, event.OAFollowed, event.OAUnfollowed, event.OAMenuClicked, event.OALocationReported}
			var acts []act
			for i := range rapid.IntRange(1, 25).Draw(rt, "acts") {
				acts = append(acts, act{
					typ:    rapid.SampledFrom(types).Draw(rt, "type"),
					openid: rapid.SampledFrom([]string{"o1", "o2", "o3"}).Draw(rt, "who"),
					at:     t0 + int64(i)*rapid.Int64Range(0, 5*second).Draw(rt, "gap"),
					union:  rapid.SampledFrom([]string{"", "", "", "", "u1"}).Draw(rt, "union"),
				})
			}
			end := t0 + minute
			play := func(cut func() (size int, fail, restart bool)) string {
				wipe(t, s)
				w := newWorld(t, s)
				use := func(b *event.Batch, e *event.Event) {
					w.reach.SpendWindow(e.ContactID, app)
					w.reach.CountStaff("corp/1", "zhang", policy.StaffAlert)
				}
				w.during = use
				for rest := acts; len(rest) > 0; {
					size, fail, restart := cut()
					size = min(size, len(rest))
					make := func() (events []*event.Event) {
						for _, a := range rest[:size] {
							e := oa(a.typ, a.openid, a.at)
							if a.union != "" {
								e.Identities = append(e.Identities, event.Identity{Kind: event.KindUnionID, Value: a.union})
							}
							events = append(events, e)
						}
						return events
					}
					if restart {
						w.reach = reach.NewStage(w.people, shanghai)
					}
					if fail {
						require.ErrorIs(t, w.try(end, errRollback, make()...), errRollback)
					}
					w.batch(end, make()...)
					rest = rest[size:]
				}
				return dump(t, w.stores)
			}
			whole := play(func() (int, bool, bool) { return len(acts), false, false })
			cut := play(func() (int, bool, bool) {
				return rapid.IntRange(1, 7).Draw(rt, "size"), rapid.Bool().Draw(rt, "rolled back"), rapid.Bool().Draw(rt, "restart")
			})
			require.Equal(t, whole, cut)
		})
	})
}

// wipe empties the tables that a history writes.
func wipe(t testing.TB, s *db.Stores) {
	require.NoError(t, s.Koi.Tx(t.Context(), func(tx *db.Tx) error {
		for _, table := range []string{"contacts", "identities", "contact_alias", "contact_follow", "profile_wants", "sequences", "reach_windows", "quota_counters"} {
			if _, err := tx.Exec(t.Context(), "DELETE FROM "+table); err != nil {
				return err
			}
		}
		return nil
	}))
}

func dump(t testing.TB, s *db.Stores) string {
	out := ""
	for _, q := range []string{
		"SELECT contact_id, app_id, message_until, message_left, action_until, action_left, closed_by, closed_at FROM reach_windows ORDER BY contact_id, app_id",
		"SELECT window_start, account, scope, used, 0, 0, 0, 0 FROM quota_counters ORDER BY window_start, account, scope",
	} {
		rows, err := s.Koi.Query(t.Context(), q)
		require.NoError(t, err)
		for rows.Next() {
			v := make([]any, 8)
			p := make([]any, 8)
			for i := range v {
				p[i] = &v[i]
			}
			require.NoError(t, rows.Scan(p...))
			out += fmt.Sprintln(v...)
		}
		require.NoError(t, rows.Close())
	}
	return out
}
