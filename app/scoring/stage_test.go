package scoring

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/rule/ruletest"
	"github.com/koi-scrm/koi/app/setting"
)

type rig struct {
	*ruletest.Rig
	stage *Stage
	dir   *Directory
	m     *Model
	rev   int64
}

func newRig(t testing.TB, s *db.Stores, pairs ...string) *rig {
	t.Helper()
	r := &rig{Rig: ruletest.New(t, s), rev: 1}
	r.stage = NewStage(r.Contacts, r.People, ruletest.Zone)
	r.use(t, monday, pairs...)
	r.Rig.Use(r.stage)
	r.dir = NewDirectory(s.Koi, r.stage, r.Timeline, setting.New(s, clock.NewManual(monday)))
	return r
}

// use compiles definitions as of a day.
func (r *rig) use(t testing.TB, today time.Time, pairs ...string) {
	t.Helper()
	items := ruletest.Items(t, pairs...)
	for i := range items {
		items[i].Rev = r.rev
	}
	scope := ruletest.Scope(t)
	Declare(items, day(today), scope)
	m, problems := Compile(items, day(today), scope)
	require.Empty(t, problems)
	r.m = m
	r.stage.Use(m)
	r.Counters.Use(m.Counted())
	r.Schema.Scores = m.Relation()
}

// why returns somebody's standing in the model of a key.
func (r *rig) why(t testing.TB, now time.Time, key string, contacts ...int64) Standing {
	t.Helper()
	list, err := r.dir.Why(t.Context(), contacts, clock.Ms(now))
	require.NoError(t, err)
	i := slices.IndexFunc(list, func(s Standing) bool { return s.Score.Key == key })
	require.GreaterOrEqual(t, i, 0)
	return list[i]
}

func (s Standing) lines() []string {
	var out []string
	for _, x := range s.Steps {
		out = append(out, x.Text())
	}
	return out
}

// crossed lists the thresholds passed in the last run.
func (r *rig) crossed() []string {
	var out []string
	for _, e := range r.Of(event.ScoreThresholdCrossed) {
		out = append(out, e.Props.Str("score")+" "+e.Props.Str("threshold")+" "+e.Props.Str("value"))
	}
	return out
}

func did(who, kind string, props event.Props) *event.Event { return ruletest.Event(kind, who, props) }

func viewed(who, kind string) *event.Event {
	return did(who, event.PageViewed, event.Props{"kind": kind, "channel": "site"})
}

func at(e *event.Event, t time.Time) *event.Event {
	e.OccurredAt, e.ReceivedAt = clock.Ms(t), clock.Ms(t)
	return e
}

func set(contactID int64, fields map[string]any) *event.Event {
	return ruletest.Command(event.CommandContactChange, contactID, event.Props{"set": fields})
}

func TestStage(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, catalogue...)
		const a = 1

		t.Run("every point has its reason, newest first", func(t *testing.T) {
			r.Run(t, monday, 10, at(viewed("A", "price"), monday), at(viewed("A", "price"), monday.Add(time.Minute)),
				at(viewed("A", "case"), monday.Add(2*time.Minute)), at(viewed("A", "x"), monday.Add(3*time.Minute)))
			w := r.why(t, monday, "intent", a)
			require.Equal(t, []string{"看客户案例 +5", "浏览页面 +1", "7天内两次看报价 +10", "浏览页面 +1", "看报价页 +15", "浏览页面 +1"}, sortedByTime(w))
			require.Equal(t, int64(33), w.Points)
			require.Zero(t, w.Rest)
			require.Equal(t, []string{"intent burst 33"}, r.crossed())
		})
		t.Run("points fade by half in a half-life, and the reasons with them", func(t *testing.T) {
			w := r.why(t, monday.AddDate(0, 0, 30), "intent", a)
			require.Equal(t, int64(16), w.Points)
			require.Contains(t, w.lines(), "看报价页 +15（衰减后 +7.5）")
		})
		t.Run("a threshold is told when it is passed upwards, a surge when so much comes within so long", func(t *testing.T) {
			r.Run(t, monday.Add(time.Hour), 10, did("A", event.TrialRequested, nil))
			require.Equal(t, []string{"intent warm 73"}, r.crossed())
			r.Run(t, monday.Add(2*time.Hour), 10, did("A", event.MeetingCheckedIn, nil))
			require.Equal(t, []string{"intent hot 100"}, r.crossed(), "官网来访后参会加分, shown within the model's max")
			require.Equal(t, int64(100), r.why(t, monday.Add(2*time.Hour), "intent", a).Points)
			r.Run(t, monday.Add(48*time.Hour), 10, did("A", event.TrialRequested, nil))
			require.Equal(t, []string{"intent burst 100"}, r.crossed(), "the day before has left the window")
		})
		t.Run("a score never goes below zero, and the reason says what was really taken", func(t *testing.T) {
			r.Run(t, monday, 10, did("B", event.OAFollowed, nil))
			r.Run(t, monday, 10, did("B", event.OAUnfollowed, nil))
			r.Run(t, monday, 10, did("B", event.OAUnfollowed, nil))
			w := r.why(t, monday, "intent", 2)
			require.Zero(t, w.Points)
			require.ElementsMatch(t, []string{"取关或删除好友 −5，已到上限或已扣到 0", "关注公众号 +5"}, w.lines())
			r.Run(t, monday, 10, did("B", event.OAFollowed, nil))
			require.Equal(t, int64(5), r.why(t, monday, "intent", 2).Points, "no debt eats later interest")
		})
		t.Run("late events count as of their day, and start nothing", func(t *testing.T) {
			late := did("C", event.TrialRequested, nil)
			late.OccurredAt, late.ReceivedAt = clock.Ms(monday.AddDate(0, 0, -30)), clock.Ms(monday)
			r.Run(t, monday, 10, late)
			require.Equal(t, int64(20), r.why(t, monday, "intent", 3).Points)
			ancient := did("D", event.TrialRequested, nil)
			ancient.OccurredAt, ancient.ReceivedAt = clock.Ms(monday.AddDate(-6, 0, 0)), clock.Ms(monday)
			r.Run(t, monday, 10, ancient)
			require.Empty(t, r.why(t, monday, "intent", 4).Steps)
			require.Empty(t, r.Rows(t, "SELECT * FROM contact_scores WHERE contact_id=4"))
		})
		t.Run("a profile score is what is so now, with its reasons", func(t *testing.T) {
			r.Run(t, monday, 10, set(a, map[string]any{"level": "总监", "company_size": 500, "industry": "软件"}))
			require.Equal(t, []string{"fit good 65"}, r.crossed())
			w := r.why(t, monday, "fit", a)
			require.Equal(t, int64(65), w.Points)
			require.Equal(t, []string{"总监以上 +25", "200人以上 +20", "目标行业 +20"}, w.lines())
			r.Run(t, monday, 10, set(a, map[string]any{"level": "经理", "role": "同行"}))
			w = r.why(t, monday, "fit", a)
			require.Equal(t, int64(5), w.Points)
			require.Equal(t, []string{"经理 +15", "200人以上 +20", "目标行业 +20", "学生或同行 −50"}, w.lines())
			r.Run(t, monday, 10, set(a, map[string]any{"role": nil}))
			require.Equal(t, []string{"fit good 55"}, r.crossed())
			p := r.People.Get(a)
			require.Equal(t, "B", p.Fit)
			require.Equal(t, 1, p.Intent)
		})
		t.Run("excluded people earn nothing", func(t *testing.T) {
			r.Run(t, monday, 10, did("E", event.OAFollowed, nil))
			r.Run(t, monday, 10, set(5, map[string]any{"excluded": true}))
			r.Run(t, monday, 10, did("E", event.TrialRequested, nil))
			require.Equal(t, int64(5), r.why(t, monday, "intent", 5).Points)
		})
		t.Run("a merge adds both up, leaves the rows of who was merged, and shows both histories", func(t *testing.T) {
			x, y := did("B", event.OAMessageReceived, nil), did("C", event.OAMessageReceived, nil)
			x.Identities, y.Identities = append(x.Identities, ruletest.UnionID("U")), append(y.Identities, ruletest.UnionID("U"))
			before := r.Rows(t, "SELECT * FROM contact_scores WHERE contact_id=3")
			ledger := r.Rows(t, "SELECT event_id, contact_id, points FROM score_ledger ORDER BY lane, event_id, rule")
			r.Run(t, monday, 10, x, y)
			require.NotEmpty(t, r.Of(event.ContactMerged))
			w := r.why(t, monday, "intent", 2, 3)
			require.Equal(t, int64(25), w.Points)
			require.Contains(t, w.lines(), "预约演示或试用 +40（衰减后 +20）")
			require.Zero(t, w.Rest)
			require.Equal(t, before, r.Rows(t, "SELECT * FROM contact_scores WHERE contact_id=3"))
			require.Equal(t, ledger, r.Rows(t, "SELECT event_id, contact_id, points FROM score_ledger ORDER BY lane, event_id, rule"), "merges move no reason")
		})
	})
}

// sortedByTime lists steps newest first; those of one event in the order of their text.
func sortedByTime(w Standing) []string {
	steps := slices.Clone(w.Steps)
	slices.SortStableFunc(steps, func(a, b Step) int {
		if a.At != b.At {
			return int(b.At - a.At)
		}
		return int(b.Points - a.Points)
	})
	var out []string
	for _, s := range steps {
		out = append(out, s.Text())
	}
	return out
}

func TestStage_definitions_change(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		store := setting.New(s, clock.NewManual(monday))
		ctx := t.Context()
		r := newRig(t, s, catalogue...)
		r.dir = NewDirectory(s.Koi, r.stage, r.Timeline, store)
		put := func(key, kind, body string) {
			_, err := store.Apply(ctx, []setting.Change{{Kind: kind, Key: key, Body: []byte(body)}}, "test")
			require.NoError(t, err)
		}
		put("intent", "score", catalogue[1])
		put("fit", "score", catalogue[3])
		r.Run(t, monday, 10, did("A", event.TrialRequested, nil), set(1, map[string]any{"level": "经理"}), did("B", event.OAFollowed, nil), set(2, map[string]any{"city": "上海"}))
		drifted := func(now time.Time, extent rule.Extent) []int64 {
			ids, err := r.stage.Drifted(ctx, s.Koi, r.Schema, clock.Ms(now), extent)
			require.NoError(t, err)
			slices.Sort(ids)
			return slices.Compact(ids)
		}
		require.Empty(t, drifted(monday, rule.NewDefinitions))

		changed := slices.Clone(catalogue)
		changed[1] = `{"name": "意向", "kind": "behaviour", "half_life_days": 10, "rules": [{"key": "follow", "name": "关注", "on": [{"events": ["oa.followed"]}], "points": 7}]}`
		changed[3] = `{"name": "契合度", "kind": "profile", "rules": [{"key": "manager", "name": "经理级", "when": {"leaf": "field", "key": "level", "op": "eq", "value": "经理"}, "points": 30},
			{"key": "city", "name": "上海", "when": {"leaf": "field", "key": "city", "op": "eq", "value": "上海"}, "points": 9}]}`
		put("intent", "score", changed[1])
		put("fit", "score", changed[3])
		r.rev = 2
		now := monday.AddDate(0, 0, 10)
		r.use(t, now, changed...)
		require.Equal(t, []int64{1, 2}, drifted(now, rule.NewDefinitions))

		for _, id := range []int64{1, 2} {
			r.Run(t, now, 10, &event.Event{Type: event.TimerReview, Source: "timer", ContactID: id})
		}
		require.Empty(t, drifted(now, rule.NewDefinitions))
		w := r.why(t, now, "intent", 1)
		require.Equal(t, int64(31), w.Points, "the score of the day stays: 40·2^(−10/30)")
		require.Equal(t, "预约演示或试用", w.Steps[0].Name, "the reason as it was then, though the rule is gone")
		require.True(t, w.Steps[0].Outdated)
		require.Equal(t, int64(15), r.why(t, now.AddDate(0, 0, 10), "intent", 1).Points, "and fades in the new way")
		require.Equal(t, int64(30), r.why(t, now, "fit", 1).Points)
		require.Equal(t, int64(9), r.why(t, now, "fit", 2).Points, "who had no row is found too")
	})
}

func TestModel_Relation_agrees_with_memory(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx := t.Context()
		now := monday.AddDate(0, 0, 30*epochHalves*2)
		r := newRig(t, s, catalogue...)
		// Rows under this base, older ones, and another half-life that waits for its conversion.
		scale := ScaleAt(30, day(now))
		var people, rows [][]any
		id := int64(0)
		for age := int32(0); age < 6; age++ {
			for _, points := range []int64{0, 1, 15, 40, 70, 100, 5000} {
				id++
				from := Scale{HalfLife: 30, Base: scale.Base - age*30*epochHalves}
				written := min(from.Base+30*epochHalves-1, day(now))
				people = append(people, []any{id, 1, 1, 0, 0, 1})
				rows = append(rows, []any{id, 1, from.Earned(points*Micro, written), 30, from.Base, 1, []byte{}})
			}
		}
		require.NoError(t, s.Koi.Tx(ctx, func(tx *db.Tx) error {
			err := tx.Insert(ctx, "contacts", []string{"id", "created_at", "last_active_at", "excluded", "merged_into", "rev"}, people)
			if err != nil {
				return err
			}
			return tx.Insert(ctx, "contact_scores", []string{"contact_id", "model_id", "value", "half_life", "base_day", "rev", "marks"}, rows)
		}))
		r.use(t, now, catalogue...)
		items := ruletest.Items(t, catalogue...)
		scope := ruletest.Scope(t)
		Declare(items, day(now), scope)
		for d := range 40 {
			when := clock.Ms(now.AddDate(0, 0, d*5))
			for _, body := range []string{
				`{"leaf": "score", "key": "intent", "op": "ge", "value": 40}`, `{"leaf": "score", "key": "intent", "op": "lt", "value": 1}`,
				`{"leaf": "score", "key": "intent", "op": "between", "value": [10, 69]}`, `{"leaf": "intent", "op": "in", "value": [1, 3]}`, `{"leaf": "grid", "op": "in", "value": ["D2", "D4"]}`,
			} {
				tree, problems := rule.Decode([]byte(body), "when", scope)
				require.Empty(t, problems)
				query, args := tree.Select(r.Schema, when)
				got := r.Rows(t, query+" ORDER BY c.id", args...)
				var want []string
				err := r.m.read(ctx, s.Koi, ids(id), day(now), func(contactID int64, x *Score, found row) {})
				require.NoError(t, err)
				facts := map[int64]int64{}
				require.NoError(t, r.m.read(ctx, s.Koi, ids(id), day(now), func(contactID int64, x *Score, found row) { facts[contactID] = found.stored }))
				for c := range id {
					p := person(c + 1)
					p.Scores[1] = rule.Score{Stored: facts[c+1]}
					if tree.Match(p, when) {
						want = append(want, fmt.Sprint(c+1))
					}
				}
				require.Equal(t, want, got, "%s on day %d", body, d)
			}
		}
	})
}

func ids(n int64) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(i + 1)
	}
	return out
}

func TestStage_any_batch_size_gives_the_same_scores(t *testing.T) {
	t.Parallel()
	kinds := []string{event.PageViewed, event.PageViewed, event.PageViewed, event.OAFollowed, event.OAUnfollowed, event.MeetingCheckedIn, event.TrialRequested, event.FormSubmitted}
	s := dbtest.SQLite(t)
	rapid.Check(t, func(rt *rapid.T) {
		type step struct{ who, kind, what, hours, late, merge int }
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
			return step{rapid.IntRange(0, 3).Draw(t, "who"), rapid.IntRange(0, len(kinds)).Draw(t, "kind"), rapid.IntRange(0, 3).Draw(t, "what"),
				rapid.IntRange(0, 60).Draw(t, "hours"), rapid.IntRange(0, 100).Draw(t, "late"), rapid.IntRange(0, 9).Draw(t, "merge")}
		}), 1, 30).Draw(rt, "steps")
		var want []string
		for _, size := range []int{1, 4, 100} {
			ruletest.Clear(t, s)
			r := newRig(t, s, catalogue...)
			now := monday
			var events []*event.Event
			for _, st := range steps {
				now = now.Add(time.Duration(st.hours) * time.Hour)
				var e *event.Event
				if st.kind == len(kinds) {
					e = at(set(1, map[string]any{"level": []any{"总监", "经理", nil, "员工"}[st.what], "excluded": st.merge == 0}), now)
				} else {
					e = at(did(string(rune('A'+st.who)), kinds[st.kind], event.Props{"kind": []string{"price", "case", "jobs", "x"}[st.what], "channel": "site"}), now)
					e.OccurredAt -= int64(st.late/50*st.late) * 3_600_000
					e.ObjectType, e.ObjectID = "page", fmt.Sprint(st.what)
				}
				if st.merge == 9 && len(e.Identities) > 0 {
					e.Identities = append(e.Identities, ruletest.UnionID([]string{"U", "V"}[st.what%2]))
				}
				events = append(events, e)
			}
			r.Run(t, now, size, events...)
			got := r.Rows(t, "SELECT contact_id, model_id, value, half_life, base_day, rev, HEX(marks) FROM contact_scores ORDER BY contact_id, model_id")
			got = append(got, r.Rows(t, "SELECT * FROM score_ledger ORDER BY lane, event_id, model_id, rule")...)
			got = append(got, r.Rows(t, "SELECT id, contact_id, type, at, props FROM events WHERE type LIKE 'score.%' ORDER BY id")...)
			if size == 1 {
				want = got
			}
			require.Equal(rt, want, got, "batches of %d", size)
			require.Empty(rt, r.Rows(t, "SELECT * FROM events WHERE type='score.changed'"), "exists inside the batch only")
			sums(rt, t, r)
		}
	})
}

// sums checks that the reasons add up to the scores of people nobody was merged into.
func sums(rt *rapid.T, t *testing.T, r *rig) {
	x := r.m.scores[0]
	merged := r.Rows(t, "SELECT kept_id FROM contact_alias UNION SELECT into_id FROM contact_alias") // also on the way to another
	total := map[string]int64{}
	rows, err := r.DB.Query(t.Context(), "SELECT contact_id, at, points FROM score_ledger")
	require.NoError(rt, err)
	defer rows.Close()
	n := map[string]int64{}
	for rows.Next() {
		var id string
		var at, points int64
		require.NoError(rt, rows.Scan(&id, &at, &points))
		total[id] += x.scale.Earned(points, clock.Day(at, ruletest.Zone))
		n[id]++
	}
	for _, l := range r.Rows(t, "SELECT contact_id, value FROM contact_scores WHERE model_id=1") {
		var id string
		var value int64
		_, err := fmt.Sscan(l, &id, &value)
		require.NoError(rt, err)
		if !slices.Contains(merged, id) {
			// What the floor took was rounded to 10⁻⁶ points.
			slack := n[id] * x.scale.Earned(1, day(monday)+200)
			require.InDelta(rt, total[id], value, float64(slack), "contact %s", id)
		}
	}
}
