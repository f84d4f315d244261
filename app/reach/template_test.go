package reach_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/policy"
	"github.com/koi-scrm/koi/app/reach"
)

func answer(openid, template, what string, at int64) *event.Event {
	e := oa(event.OASubscriptionAnswered, openid, at)
	e.Props = event.Props{"template_id": template, "answer": what}
	return e
}

// facts of the person behind an OpenID, as a screen sees them.
func (w *world) facts(openid string, now int64) *reach.Facts {
	w.t.Helper()
	var id int64
	w.during = func(_ *event.Batch, e *event.Event) { id = e.ContactID }
	w.batch(now, oa(event.OALocationReported, openid, now))
	w.during = nil
	f, err := reach.NewDirectory(w.stores.Koi).Facts(w.t.Context(), []int64{w.people.Person(id).ID}, now, shanghai)
	require.NoError(w.t, err)
	return f
}

func TestStage_a_mini_program_has_both_windows(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		w := newWorld(t, s)
		mini := func(typ string, at int64) *event.Event {
			e := oa(typ, "m1", at)
			e.Account, e.Identities[0].Scope = "wxmini", "wxmini"
			return e
		}
		w.batch(t0, mini(event.MPContactSessionEntered, t0))
		list, err := reach.NewDirectory(s.Koi).Windows(t.Context(), []int64{1}, t0)
		require.NoError(t, err)
		require.Equal(t, policy.Window{Until: t0 + minute, Left: 2}, list[0].Window)
		w.batch(t0+second, mini(event.MPMessageReceived, t0+second))
		list, err = reach.NewDirectory(s.Koi).Windows(t.Context(), []int64{1}, t0+2*minute)
		require.NoError(t, err)
		require.Equal(t, "wxmini", list[0].AppID)
		require.Equal(t, policy.Window{Until: t0 + second + 48*hour, Left: 5}, list[0].Window)
	})
}

func TestStage_balances_of_people_who_turn_out_to_be_one(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		w := newWorld(t, s)
		union := event.Identity{Kind: event.KindUnionID, Value: "n1"}
		known := answer("o1", "t1", "accept", t0)
		known.Identities = append(known.Identities, union)
		other := answer("o2", "t1", "accept", t0+second)
		other.Identities[0].Scope = "wx0002" // the same human being at another account, who answered for this one
		w.batch(t0, known, answer("o1", "t2", "accept", t0))
		w.batch(t0+second, other)
		no := answer("o2", "t2", "reject", t0+2*second)
		no.Identities[0].Scope = "wx0002"
		w.batch(t0+2*second, no)
		joins := oa(event.OAMessageReceived, "o2", t0+3*second)
		joins.Identities[0].Scope = "wx0002"
		joins.Identities = append(joins.Identities, union)
		w.batch(t0+3*second, joins)

		f := w.facts("o1", t0+4*second)
		require.Equal(t, policy.Balance{Left: 1}, f.Template(app, "t1").Balance, "of the same scene")
		require.Equal(t, policy.Balance{Rejected: true}, f.Template(app, "t2").Balance, "the later no counts")
		require.Len(t, f.Templates, 2)
	})
}

// 订阅通知, one-time: yeses in the same scene are one message; a mini-program's add up.
func TestStage_one_time_notices_add_up_by_scene_only(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		w := newWorld(t, s)
		at := t0
		says := func(what, scene string) {
			at += second
			e := answer("o1", "t1", what, at)
			if scene != "" {
				e.Props["scene"] = scene
			}
			w.batch(at, e)
		}
		left := func() policy.Balance { return w.facts("o1", at).Template(app, "t1").Balance }
		do := func(f func(id int64)) {
			at += second
			w.during = func(_ *event.Batch, e *event.Event) { f(e.ContactID) }
			w.batch(at, oa(event.OALocationReported, "o1", at))
			w.during = nil
		}
		spend := func(id int64) { w.reach.SpendBalance(id, app, "t1") }
		refund := func(id int64) { w.reach.ReturnBalance(id, app, "t1") }

		says("accept", "h5")
		says("accept", "h5")
		require.Equal(t, 1, left().Left)
		says("accept", "article")
		require.Equal(t, 2, left().Left)
		do(spend)
		require.Equal(t, 1, left().Left)
		do(refund)
		require.Equal(t, 2, left().Left)
		do(spend)
		says("accept", "h5")
		do(refund)
		require.Equal(t, 2, left().Left, "the scene was answered anew: it is one message all the same")
		do(spend)
		do(spend)
		do(spend)
		require.Zero(t, left().Left)
		says("accept", "")
		require.Equal(t, 1, left().Left)
		says("reject", "")
		require.Equal(t, policy.Balance{Rejected: true}, left())
		says("accept", "article")
		require.Equal(t, policy.Balance{Left: 1}, left())

		for range 3 {
			at += second
			e := answer("o1", "t9", "accept", at)
			e.Type, e.Account = event.MPSubscriptionAnswered, "wxmini"
			e.Identities[0].Scope = "wxmini"
			w.batch(at, e)
		}
		at += second
		var id int64
		w.during = func(_ *event.Batch, e *event.Event) { id = e.ContactID }
		mini := oa(event.OALocationReported, "o1", at)
		mini.Account, mini.Identities[0].Scope = "wxmini", "wxmini"
		w.batch(at, mini)
		w.during = nil
		f, err := reach.NewDirectory(s.Koi).Facts(t.Context(), []int64{id}, at, shanghai)
		require.NoError(t, err)
		require.Equal(t, 3, f.Template("wxmini", "t9").Balance.Left)
	})
}

// However answers and messages are cut into batches, the same is left.
func TestStage_balances_do_not_depend_on_batches(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		n := 0
		w := newWorld(t, s)
		rapid.Check(t, func(rt *rapid.T) {
			type act struct {
				what string
				who  int
			}
			acts := make([]act, rapid.IntRange(1, 12).Draw(rt, "acts"))
			for i := range acts {
				acts[i] = act{rapid.SampledFrom([]string{"accept", "accept h5", "accept article", "reject", "filter", "send", "back", "clear", "count"}).Draw(rt, "act"), rapid.IntRange(0, 1).Draw(rt, "who")}
			}
			var got []string
			for _, size := range []int{1, rapid.IntRange(2, 6).Draw(rt, "size"), len(acts)} {
				n++
				name := func(who int) string { return fmt.Sprintf("o%d-%d", n, who) }
				w.during = func(_ *event.Batch, e *event.Event) {
					switch e.Props.Str("do") {
					case "send":
						w.reach.SpendBalance(e.ContactID, app, "t1")
					case "back":
						w.reach.ReturnBalance(e.ContactID, app, "t1")
					case "clear":
						w.reach.ClearBalance(e.ContactID, app, "t1", e.OccurredAt)
					case "count":
						w.reach.CountTemplate(e.ContactID, app, "t1")
					}
				}
				for from := 0; from < len(acts); from += size {
					var events []*event.Event
					for i := from; i < min(from+size, len(acts)); i++ {
						a, at := acts[i], t0+int64(i)*second
						said, scene, _ := strings.Cut(a.what, " ")
						e := answer(name(a.who), "t1", said, at)
						e.Props["scene"] = scene
						switch a.what {
						case "send", "back", "clear", "count":
							e = oa(event.OALocationReported, name(a.who), at)
							e.Props = event.Props{"do": a.what}
						}
						events = append(events, e)
					}
					w.batch(t0+hour, events...)
				}
				left := ""
				for who := range 2 {
					x := w.facts(name(who), t0+hour).Template(app, "t1")
					left += fmt.Sprint(x.Balance, x.AnsweredAt, x.Today, " ")
				}
				got = append(got, left)
			}
			if got[0] != got[1] || got[0] != got[2] {
				rt.Fatalf("%v: %v", acts, got)
			}
		})
	})
}
