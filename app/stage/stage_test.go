package stage

import (
	"context"
	"fmt"
	"slices"
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
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/rule/ruletest"
)

var monday = time.Date(2026, 11, 23, 10, 0, 0, 0, ruletest.Zone)

type rig struct {
	*ruletest.Rig
	stage *Stage
	dir   *Directory
}

// marks stands before the stage and sets the intent score that a message says: what scoring does.
type marks struct {
	contacts *contact.Stage
	people   *rule.People
	scores   map[int64]int64
}

func (m *marks) Name() string { return "marks" }
func (m *marks) Load(context.Context, *db.Tx, *event.Batch) error {
	for _, id := range m.contacts.Loaded() {
		m.people.Of(m.contacts.Person(id)).Scores[92] = rule.Score{Stored: m.scores[id]}
	}
	return nil
}
func (m *marks) Flush(context.Context, *db.Tx, *event.Batch) error { return nil }
func (m *marks) Apply(b *event.Batch, e *event.Event) error {
	n := e.Props.Int("intent")
	if n == 0 || e.N > 0 {
		return nil
	}
	m.scores[e.ContactID] = n * rule.Micro
	m.people.Of(m.contacts.Person(e.ContactID)).Scores[92] = rule.Score{Stored: n * rule.Micro}
	return b.Emit(e, event.Event{Type: event.ScoreChanged, Hidden: true})
}

func newRig(t testing.TB, s *db.Stores) *rig {
	t.Helper()
	r := &rig{Rig: ruletest.New(t, s)}
	r.stage = NewStage(r.Contacts, r.People)
	r.use(t, catalogue...)
	r.Schema.Scores = "(SELECT 0 AS contact_id, 0 AS model_id, 0 AS value)"
	r.Use(&marks{r.Contacts, r.People, map[int64]int64{}}, r.stage)
	r.dir = NewDirectory(s.Koi, r.stage, r.Timeline)
	return r
}

func (r *rig) use(t testing.TB, pairs ...string) {
	t.Helper()
	m, problems := compile(t, pairs...)
	require.Empty(t, problems)
	r.stage.Use(m)
	r.Counters.Use(m.Counted())
}

func (r *rig) why(t testing.TB, contacts ...int64) Standing {
	t.Helper()
	w, err := r.dir.Why(t.Context(), contacts)
	require.NoError(t, err)
	return w
}

// moves lists the entries of the last run: "anonymous→known rule".
func (r *rig) moves() []string {
	var out []string
	for _, e := range r.Of(event.StageEntered) {
		if _, side := e.Props["side"]; side {
			out = append(out, fmt.Sprintf("(%s→%s) %s", e.Props.Str("side_from"), e.Props.Str("side"), e.Props.Str("by")))
			continue
		}
		out = append(out, fmt.Sprintf("%s→%s %s", e.Props.Str("from"), e.Props.Str("stage"), e.Props.Str("by")))
	}
	return out
}

func did(who, kind string, props event.Props) *event.Event { return ruletest.Event(kind, who, props) }

func friend(who, union string) *event.Event {
	return &event.Event{Type: event.WeComCustomerAdded, Source: "wecom", Account: "ww1/1", Staff: "zhang", Lane: event.Priority,
		Identities: []event.Identity{{Kind: event.KindExternal, Scope: "ww1", Value: who}, ruletest.UnionID(union)}}
}

func visit(cookie string) *event.Event {
	return &event.Event{Type: event.PageViewed, Source: "t", Lane: event.Normal, Identities: []event.Identity{{Kind: event.KindVisitor, Value: cookie}}}
}

func TestStage(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)

		t.Run("everybody begins at the first stage", func(t *testing.T) {
			r.Run(t, monday, 10, visit("v1"))
			require.Equal(t, []string{"→anonymous rule"}, r.moves())
			require.Equal(t, "匿名访客", r.why(t, 1).Name)
		})
		t.Run("moves forward when a condition comes true, and tells why", func(t *testing.T) {
			r.Run(t, monday, 10, friend("A", "U"))
			require.Equal(t, []string{"→known rule"}, r.moves(), "who is known at once is never anonymous")
			m := friend("A", "U")
			m.Props = event.Props{"intent": 85}
			r.Run(t, monday, 10, m)
			require.Equal(t, []string{"known→mql rule"}, r.moves(), "stages between may be skipped")
			e := r.Of(event.StageEntered)[0]
			require.Equal(t, "true", e.Props.Str("first"))
			w := r.why(t, 2)
			require.Equal(t, "MQL 市场认可线索", w.Name)
			require.Equal(t, "已识别", w.Steps[0].From)
			require.Contains(t, strings.Join(w.Steps[0].Because, "；"), "意向 大于等于 80（实际：85 分）")
		})
		t.Run("never moves backwards by itself", func(t *testing.T) {
			m := friend("A", "U")
			m.Props = event.Props{"intent": 1}
			r.Run(t, monday, 10, m)
			require.Empty(t, r.moves())
			require.Equal(t, "mql", r.why(t, 2).Stage)
		})
		t.Run("by hand it moves anywhere, and a step back lasts", func(t *testing.T) {
			r.Run(t, monday, 10, ruletest.Command(event.CommandStage, 2, event.Props{"stage": "known", "by": "zhang", "reason": "号码是空号"}))
			require.Equal(t, []string{"mql→known manual"}, r.moves())
			require.Equal(t, "false", r.Of(event.StageEntered)[0].Props.Str("first"))
			m := friend("A", "U")
			m.Props = event.Props{"intent": 90}
			r.Run(t, monday, 10, m)
			require.Empty(t, r.moves(), "only beyond the furthest stage so far")
			w := r.why(t, 2)
			require.Equal(t, ByHand, w.Steps[0].By)
			require.Equal(t, "号码是空号", w.Steps[0].Reason)
			r.Run(t, monday, 10, ruletest.Command(event.CommandStage, 2, event.Props{"stage": "sal", "by": "zhang"}))
			require.Equal(t, []string{"known→sal manual"}, r.moves())
			paid := friend("A", "U")
			paid.Type = event.OrderPaid
			r.Run(t, monday, 10, paid)
			require.Equal(t, []string{"sal→won rule"}, r.moves())
		})
		t.Run("refuses a stage nobody defined", func(t *testing.T) {
			p := rule.NewPerson(&contact.Person{ID: 9})
			b := event.NewBatch(1, 1, 1, nil)
			e := &event.Event{Type: event.CommandStage, Props: event.Props{"stage": "nope"}}
			require.ErrorContains(t, r.stage.command(b, e, p, &Place{}), `阶段 "nope" 不存在`)
			e.Props = event.Props{"side": "mql"}
			require.ErrorContains(t, r.stage.command(b, e, p, &Place{}), `状态 "mql" 不存在`)
			require.NoError(t, r.stage.Set(b, e, p, "mql", ByJourney, "welcome"))
		})
		t.Run("side states stand beside the stage, and go when their condition does", func(t *testing.T) {
			r.Run(t, monday, 10, did("B", event.OAFollowed, nil))
			r.Run(t, monday, 10, did("B", event.OAUnfollowed, nil))
			require.Equal(t, []string{"(→lost) rule"}, r.moves())
			w := r.why(t, 3)
			require.Equal(t, "已识别", w.Name)
			require.Equal(t, "流失", w.SideName)
			r.Run(t, monday, 10, did("B", event.OAFollowed, nil))
			require.Equal(t, []string{"(lost→) rule"}, r.moves())
			require.Empty(t, r.why(t, 3).Side)
		})
		t.Run("a side state set by hand stays until a hand clears it", func(t *testing.T) {
			r.Run(t, monday, 10, ruletest.Command(event.CommandStage, 3, event.Props{"side": "invalid"}))
			r.Run(t, monday, 10, did("B", event.OAUnfollowed, nil), did("B", event.OAFollowed, nil))
			require.Empty(t, r.moves())
			require.Equal(t, "invalid", r.why(t, 3).Side)
			r.Run(t, monday, 10, ruletest.Command(event.CommandStage, 3, event.Props{"side": ""}))
			require.Equal(t, []string{"(invalid→) manual"}, r.moves())
		})
		t.Run("a merged person stands where the further of both stood", func(t *testing.T) {
			x := did("B", event.OAMessageReceived, nil)
			x.Identities = append(x.Identities, ruletest.UnionID("U"))
			r.Run(t, monday, 10, x)
			require.NotEmpty(t, r.Of(event.ContactMerged))
			kept := r.Of(event.ContactMerged)[0].ContactID
			require.Equal(t, "won", r.why(t, kept).Stage)
			require.Empty(t, r.moves())
		})
		t.Run("explains what is still missing", func(t *testing.T) {
			p := rule.NewPerson(&contact.Person{ID: 9, Values: map[string]contact.Value{}})
			next := r.dir.Ahead(p, "known", clock.Ms(monday))
			require.Equal(t, []string{"member", "mql", "won"}, []string{next[0].Stage, next[1].Stage, next[2].Stage})
			require.False(t, next[1].Trace.OK)
			require.NotEmpty(t, next[1].Trace.Decisive())
		})
	})
}

func TestStage_Drifted(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.Run(t, monday, 10, did("A", event.OAFollowed, nil), did("B", event.OAFollowed, nil), visit("v1"))
		r.Run(t, monday, 10, ruletest.Command(event.CommandStage, 2, event.Props{"side": "invalid"}))
		drifted := func(now time.Time, extent rule.Extent) []int64 {
			ids, err := r.stage.Drifted(t.Context(), s.Koi, r.Schema, clock.Ms(now), extent)
			require.NoError(t, err)
			slices.Sort(ids)
			return slices.Compact(ids)
		}
		review := func(now time.Time, ids ...int64) {
			for _, id := range ids {
				r.Run(t, now, 10, &event.Event{Type: event.TimerReview, Source: "timer", ContactID: id})
			}
		}
		require.Empty(t, drifted(monday, rule.NewDefinitions))

		t.Run("people fall silent when the day comes, and wake when they act", func(t *testing.T) {
			later := monday.AddDate(0, 0, 30)
			require.Empty(t, drifted(later.AddDate(0, 0, -1), rule.NewDay))
			require.Equal(t, []int64{1, 3}, drifted(later, rule.NewDay), "B is held by a hand")
			review(later, 1, 3)
			require.Equal(t, "沉默", r.why(t, 1).SideName)
			require.Empty(t, drifted(later, rule.NewDay))
			r.Run(t, later, 10, did("A", event.OAMessageReceived, nil))
			require.Equal(t, []string{"(quiet→) rule"}, r.moves())
		})
		t.Run("a late event makes nobody silent who was here since", func(t *testing.T) {
			late := did("A", event.OAMessageReceived, nil)
			late.OccurredAt, late.ReceivedAt = clock.Ms(monday.AddDate(0, 0, -60)), clock.Ms(monday.AddDate(0, 0, 30))
			r.Run(t, monday.AddDate(0, 0, 30), 10, late)
			require.Empty(t, r.moves())
		})
		t.Run("a changed definition finds who it concerns", func(t *testing.T) {
			changed := slices.Clone(catalogue)
			changed[5] = `{"name": "注册会员", "order": 30, "enter": {"leaf": "official_follower", "op": "yes"}}`
			r.use(t, changed...)
			now := monday.AddDate(0, 0, 30)
			require.Equal(t, []int64{1, 2}, drifted(now, rule.NewDefinitions))
			review(now, 1, 2)
			require.Equal(t, "member", r.why(t, 1).Stage)
			require.Empty(t, drifted(now, rule.NewDefinitions))
		})
	})
}

func TestStage_any_batch_size_gives_the_same_stages(t *testing.T) {
	t.Parallel()
	s := dbtest.SQLite(t)
	rapid.Check(t, func(rt *rapid.T) {
		type step struct{ who, kind, what int }
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
			return step{rapid.IntRange(0, 3).Draw(t, "who"), rapid.IntRange(0, 5).Draw(t, "kind"), rapid.IntRange(0, 3).Draw(t, "what")}
		}), 1, 30).Draw(rt, "steps")
		var want []string
		for _, size := range []int{1, 4, 100} {
			ruletest.Clear(t, s)
			r := newRig(t, s)
			var events []*event.Event
			for i, st := range steps {
				who := string(rune('A' + st.who))
				e := did(who, event.OAMessageReceived, nil)
				switch st.kind {
				case 0:
					e.Type = []string{event.OAFollowed, event.OAUnfollowed, event.OrderPaid, event.ContactRegistered}[st.what]
				case 1:
					e = friend(who, "U"+who)
				case 2:
					e.Identities = append(e.Identities, ruletest.UnionID("U"+string(rune('A'+st.what))))
				case 3:
					e = ruletest.Command(event.CommandStage, 1, event.Props{"stage": []string{"known", "sal", "mql", "won"}[st.what]})
				case 4:
					e = ruletest.Command(event.CommandStage, 1, event.Props{"side": []string{"invalid", "", "lost", ""}[st.what]})
				case 5:
					e = visit("v" + who)
				}
				e.OccurredAt = clock.Ms(monday.Add(time.Duration(i) * time.Minute))
				events = append(events, e)
			}
			r.Run(t, monday.Add(time.Hour), size, events...)
			got := append(r.Rows(t, "SELECT * FROM contact_stages ORDER BY contact_id"), r.Rows(t, "SELECT id, contact_id, type, at, props FROM events WHERE type='stage.entered' ORDER BY id")...)
			if size == 1 {
				want = got
			}
			require.Equal(rt, want, got, "batches of %d", size)
		}
	})
}
