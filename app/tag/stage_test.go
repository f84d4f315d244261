package tag

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
)

var sample = []string{
	"tag/saw_price", `{"name": "看过报价", "kind": "rule", "expires_days": 3}`,
	"tag/big", `{"name": "大企业", "kind": "rule"}`,
	"tag/vip", `{"name": "重要客户"}`,
	"tag/both", `{"name": "大企业且看过报价", "kind": "model"}`,
	"tag/gone", `{"name": "已取关", "kind": "rule"}`,
	"tag/active", `{"name": "活跃", "kind": "rule"}`,
	"tag_rule/price", `{"name": "看报价页", "on": [{"events": ["page.viewed"], "where": [{"prop": "kind", "op": "eq", "value": "price"}]}], "add": ["saw_price"]}`,
	"tag_rule/big", `{"name": "200人以上", "when": {"leaf": "field", "key": "company_size", "op": "gt", "value": 200}, "add": ["big"], "otherwise": "remove"}`,
	"tag_rule/group", `{"name": "集团客户", "when": {"leaf": "field", "key": "company", "op": "contains", "value": "集团"}, "add": ["big"], "otherwise": "remove"}`,
	"tag_rule/both", `{"name": "两样都有", "when": {"leaf": "tag", "op": "all", "value": ["big", "saw_price"]}, "add": ["both"], "otherwise": "remove"}`,
	"tag_rule/left", `{"name": "取关", "on": [{"events": ["oa.unfollowed"]}], "add": ["gone"], "remove": ["vip"]}`,
	"tag_rule/back", `{"name": "又关注", "on": [{"events": ["oa.followed"]}], "remove": ["gone"]}`,
	"tag_rule/active", `{"name": "一周内来过", "when": {"leaf": "last_active", "op": "last", "value": 7}, "add": ["active"], "otherwise": "remove"}`,
}

var monday = time.Date(2026, 11, 23, 10, 0, 0, 0, ruletest.Zone)

type rig struct {
	*ruletest.Rig
	stage *Stage
	m     *Model
	dir   *Directory
}

func newRig(t testing.TB, s *db.Stores) *rig {
	t.Helper()
	r := &rig{Rig: ruletest.New(t, s)}
	r.stage = NewStage(r.Contacts, r.People)
	r.use(t, sample...)
	r.Use(r.stage)
	r.dir = NewDirectory(s.Koi, r.stage)
	return r
}

func (r *rig) use(t testing.TB, pairs ...string) {
	t.Helper()
	m, problems := compile(t, pairs...)
	require.Empty(t, problems)
	r.m = m
	r.stage.Use(m)
	r.Counters.Use(m.Counted())
}

// tags lists what somebody has.
func (r *rig) tags(t testing.TB, contactID int64, now time.Time) []string {
	t.Helper()
	list, err := r.dir.List(t.Context(), contactID, clock.Ms(now))
	require.NoError(t, err)
	var out []string
	for _, h := range list {
		out = append(out, h.Tag.Key)
	}
	slices.Sort(out)
	return out
}

// said lists the tag events of the last run: "tag.added saw_price rule price".
func (r *rig) said() []string {
	var out []string
	for _, e := range r.Passed {
		if e.Type == event.TagAdded || e.Type == event.TagRemoved {
			by := e.Props.Str("rule") + e.Props.Str("journey") + e.Props.Str("by")
			out = append(out, fmt.Sprintf("%s %s %s %s", e.Type, e.Props.Str("tag"), e.Props.Str("source"), by))
		}
	}
	return out
}

func viewed(who, kind string) *event.Event {
	return ruletest.Event(event.PageViewed, who, event.Props{"kind": kind})
}

func set(contactID int64, fields map[string]any) *event.Event {
	return ruletest.Command(event.CommandContactChange, contactID, event.Props{"set": fields})
}

func TestStage(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		const a = 1

		t.Run("tags by what a person does, once, and says why", func(t *testing.T) {
			r.Run(t, monday, 10, viewed("A", "blog"), viewed("A", "price"), viewed("A", "price"))
			require.Equal(t, []string{"tag.added active rule active", "tag.added saw_price rule price"}, r.said())
			require.Equal(t, []string{"active", "saw_price"}, r.tags(t, a, monday))
			list, err := r.dir.List(t.Context(), a, clock.Ms(monday))
			require.NoError(t, err)
			require.Contains(t, list[1].Reason, "规则“看报价页”：发生")
			require.Equal(t, clock.DayStart(clock.Day(clock.Ms(monday), ruletest.Zone)+3, ruletest.Zone), list[1].Until)
		})
		t.Run("tags by what a person is, and a tag may lead to another", func(t *testing.T) {
			r.Run(t, monday, 10, set(a, map[string]any{"company_size": 500}))
			require.Equal(t, []string{"tag.added big rule big", "tag.added both model both"}, r.said())
			require.Equal(t, []string{"active", "big", "both", "saw_price"}, r.tags(t, a, monday))
		})
		t.Run("takes back what a rule gave only when no other rule gives it", func(t *testing.T) {
			r.Run(t, monday, 10, set(a, map[string]any{"company": "锦鲤集团"}), set(a, map[string]any{"company_size": 50}))
			require.Empty(t, r.said())
			require.Equal(t, []string{"1 2 9"}, r.Rows(t, "SELECT contact_id, tag_id, by_id FROM contact_tags WHERE tag_id=2"), "the other rule holds it now")
			r.Run(t, monday, 10, set(a, map[string]any{"company": nil}))
			require.Equal(t, []string{"tag.removed big rule group", "tag.removed both model both"}, r.said())
		})
		t.Run("gives and takes by hand", func(t *testing.T) {
			r.Run(t, monday, 10, ruletest.Command(event.CommandTag, a, event.Props{"add": []any{"vip", "big"}, "by": "zhang"}))
			require.Equal(t, []string{"tag.added vip manual zhang", "tag.added both model both", "tag.added big manual zhang"}, r.said())
			r.Run(t, monday, 10, set(a, map[string]any{"city": "上海"}))
			require.Contains(t, r.tags(t, a, monday), "big", "a rule takes back only what it gave")
			r.Run(t, monday, 10, ruletest.Event(event.OAUnfollowed, "A", nil))
			require.Equal(t, []string{"tag.added gone rule left", "tag.removed vip rule left"}, r.said())
			r.Run(t, monday, 10, ruletest.Event(event.OAFollowed, "A", nil))
			require.Equal(t, []string{"tag.removed gone rule back"}, r.said())
		})
		t.Run("refuses a tag nobody defined", func(t *testing.T) {
			e := ruletest.Command(event.CommandTag, a, event.Props{"add": []any{"nope"}})
			e.ContactID = a
			b := event.NewBatch(clock.Ms(monday), clock.Ms(monday), 1, nil)
			require.ErrorContains(t, r.stage.command(b, e, rule.NewPerson(r.Contacts.Person(a))), "标签 \"nope\" 不存在")
		})
		t.Run("a late event tags as of its time, and not when that time is over", func(t *testing.T) {
			late := viewed("B", "price")
			late.OccurredAt = clock.Ms(monday.AddDate(0, 0, -2))
			late.ReceivedAt = clock.Ms(monday)
			old := viewed("C", "price")
			old.OccurredAt, old.ReceivedAt = clock.Ms(monday.AddDate(0, 0, -10)), clock.Ms(monday)
			r.Run(t, monday, 10, late, old)
			require.Equal(t, []string{"2 " + fmt.Sprint(late.OccurredAt)}, r.Rows(t, "SELECT contact_id, at FROM contact_tags WHERE tag_id=1 AND contact_id>1"))
			require.True(t, r.Of(event.TagAdded)[0].Late(), "journeys do not start from it")
		})
		t.Run("a merge keeps the tags of both, and leaves the rows of who was merged", func(t *testing.T) {
			r.Run(t, monday, 10, ruletest.Command(event.CommandTag, 2, event.Props{"add": []any{"vip"}}))
			before := r.Rows(t, "SELECT tag_id, at FROM contact_tags WHERE contact_id=2 ORDER BY tag_id")
			x, y := ruletest.Event(event.PageViewed, "A", nil), ruletest.Event(event.PageViewed, "B", nil)
			x.Identities = append(x.Identities, ruletest.UnionID("U"))
			y.Identities = append(y.Identities, ruletest.UnionID("U"))
			r.Run(t, monday, 10, x, y)
			require.NotEmpty(t, r.Of(event.ContactMerged))
			require.Equal(t, []string{"active", "big", "both", "saw_price", "vip"}, r.tags(t, a, monday))
			require.Equal(t, before, r.Rows(t, "SELECT tag_id, at FROM contact_tags WHERE contact_id=2 ORDER BY tag_id"))
			require.Empty(t, r.said(), "nobody gave anything")
		})
		t.Run("lists the people with a tag", func(t *testing.T) {
			people, err := r.dir.People(t.Context(), 3, clock.Ms(monday), 0, 10)
			require.NoError(t, err)
			require.Equal(t, []int64{1, 2}, people)
		})
	})
}

func TestStage_expiry(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		ctx := t.Context()
		end := clock.DayStart(clock.Day(clock.Ms(monday), ruletest.Zone)+3, ruletest.Zone)
		r.Run(t, monday, 10, viewed("A", "price"), viewed("B", "price"), viewed("C", "price"))

		next, err := r.stage.Next(ctx, s.Koi)
		require.NoError(t, err)
		require.Equal(t, end, next, "the local midnight after three days")
		r.Due(t, time.UnixMilli(end-1), 2, r.stage)
		require.Len(t, r.Rows(t, "SELECT contact_id FROM contact_tags WHERE tag_id=1"), 3)

		// B looks again in time; C comes back before the timer is served.
		r.Run(t, monday.AddDate(0, 0, 1), 10, viewed("B", "price"))
		require.Empty(t, r.said())
		r.Run(t, time.UnixMilli(end+1000), 10, viewed("C", "blog"))
		require.Equal(t, []string{"tag.removed saw_price expired "}, r.said())
		require.Equal(t, end, r.Of(event.TagRemoved)[0].OccurredAt, "as of when it ended")

		r.Due(t, time.UnixMilli(end+2000), 2, r.stage)
		require.Equal(t, []string{"2"}, r.Rows(t, "SELECT contact_id FROM contact_tags WHERE tag_id=1"))
		next, err = r.stage.Next(ctx, s.Koi)
		require.NoError(t, err)
		require.Equal(t, end+86_400_000, next, "B's tag ends a day later")
		r.Due(t, time.UnixMilli(end+86_400_000), 2, r.stage)
		require.Empty(t, r.Rows(t, "SELECT contact_id FROM contact_tags WHERE tag_id=1"))
		require.Empty(t, r.Rows(t, "SELECT contact_id FROM tag_expiries"))
	})
}

func TestStage_Drifted(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		ctx := t.Context()
		r.Run(t, monday, 10, viewed("A", "x"), viewed("B", "price"), set(1, map[string]any{"company_size": 500}))
		drifted := func(now time.Time, extent rule.Extent) []int64 {
			ids, err := r.stage.Drifted(ctx, s.Koi, r.Schema, clock.Ms(now), extent)
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

		t.Run("a new day takes a tag whose time window has passed", func(t *testing.T) {
			later := monday.AddDate(0, 0, 7)
			require.Equal(t, []int64{1, 2}, drifted(later, rule.NewDay))
			review(later, 1)
			require.Equal(t, []string{"big"}, r.tags(t, 1, later))
			require.Equal(t, []int64{2}, drifted(later, rule.NewDay))
			review(later, 2)
			require.Empty(t, drifted(later, rule.NewDay))
		})
		t.Run("a changed definition finds who it concerns", func(t *testing.T) {
			changed := slices.Clone(sample)
			i := slices.Index(changed, "tag_rule/big")
			changed[i+1] = `{"name": "1000人以上", "when": {"leaf": "field", "key": "company_size", "op": "gt", "value": 1000}, "add": ["big"], "otherwise": "remove"}`
			r.use(t, changed...)
			require.Equal(t, []int64{1}, drifted(monday, rule.NewDefinitions)[:1])
			review(monday, 1)
			require.NotContains(t, r.tags(t, 1, monday), "big")
		})
	})
}

func TestStage_any_batch_size_gives_the_same_tags(t *testing.T) {
	t.Parallel()
	s := dbtest.SQLite(t)
	rapid.Check(t, func(rt *rapid.T) {
		type step struct {
			who, kind, what int
			hours           int
		}
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
			return step{rapid.IntRange(0, 3).Draw(t, "who"), rapid.IntRange(0, 5).Draw(t, "kind"), rapid.IntRange(0, 2).Draw(t, "what"), rapid.IntRange(0, 30).Draw(t, "hours")}
		}), 1, 30).Draw(rt, "steps")
		var want []string
		for _, size := range []int{1, 4, 100} {
			ruletest.Clear(t, s)
			r := newRig(t, s)
			now := monday
			var events []*event.Event
			for _, st := range steps {
				now = now.Add(time.Duration(st.hours) * time.Hour)
				who := string(rune('A' + st.who))
				e := viewed(who, "price")
				switch st.kind {
				case 0, 1:
					e.Props["kind"] = []string{"price", "blog", "x"}[st.what]
				case 2:
					e.Type = []string{event.OAFollowed, event.OAUnfollowed, event.OAFollowed}[st.what]
				case 3:
					e = set(1, map[string]any{"company_size": []any{500, 50, nil}[st.what]})
				case 4:
					e = ruletest.Command(event.CommandTag, 1, event.Props{[]string{"add", "remove", "add"}[st.what]: []any{"vip", "saw_price"}})
				case 5:
					e.Identities = append(e.Identities, ruletest.UnionID([]string{"U", "V", "U"}[st.what]))
				}
				e.OccurredAt, e.ReceivedAt = clock.Ms(now), clock.Ms(now)
				events = append(events, e)
			}
			r.Run(t, now, size, events...)
			got := append(r.Rows(t, "SELECT * FROM contact_tags ORDER BY contact_id, tag_id"), r.Rows(t, "SELECT * FROM tag_expiries ORDER BY expires_at, contact_id, tag_id")...)
			got = append(got, r.Rows(t, "SELECT id, contact_id, type, at, props FROM events WHERE type LIKE 'tag.%' ORDER BY id")...)
			if size == 1 {
				want = got
			}
			require.Equal(rt, want, got, "batches of %d", size)
		}
	})
}
