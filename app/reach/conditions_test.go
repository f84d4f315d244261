package reach_test

import (
	"database/sql"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/reach"
	"github.com/koi-scrm/koi/app/rule"
)

// What a condition says inside the pipeline, of one person outside it, and of everybody in SQL.
func TestConditions_on_ways_agree_wherever_they_are_asked(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		w := newWorld(t, s)
		schema := &rule.Schema{Contacts: "contacts", Alias: "contact_alias", Windows: "reach_windows", Balances: reach.BalanceRelation}
		now := t0
		holds := func(want bool, leaf, key, op string, value int) {
			t.Helper()
			raw, err := json.Marshal(rule.Node{Leaf: leaf, Key: key, Op: op, Value: json.RawMessage(itoa(value))})
			require.NoError(t, err)
			tree, problems := rule.Decode(raw, "when", &rule.Scope{Zone: shanghai})
			require.Empty(t, problems)
			now += second
			var id int64
			inside := false
			w.during = func(_ *event.Batch, e *event.Event) {
				people := rule.NewPeople()
				people.By(w.reach)
				p := people.Of(w.people.Person(e.ContactID))
				id, inside = p.ID, tree.Match(p, now)
			}
			w.batch(now, oa(event.OALocationReported, "o1", now))
			w.during = nil
			require.Equal(t, want, inside, "inside: %s", tree)
			p := rule.NewPerson(w.people.Person(id))
			require.NoError(t, reach.Fill(t.Context(), s.Koi, p))
			require.Equal(t, want, tree.Match(p, now), "of one person: %s", tree)
			query, args := tree.Select(schema, now)
			rows, err := s.Koi.Query(t.Context(), query, args...)
			require.NoError(t, err, query)
			found := false
			require.NoError(t, db.Each(rows, func(r *sql.Rows) error {
				var got int64
				err := r.Scan(&got)
				found = found || got == id
				return err
			}))
			require.Equal(t, want, found, "of everybody: %s", query)
		}
		spend := func(f func(id int64)) {
			now += second
			w.during = func(_ *event.Batch, e *event.Event) { f(e.ContactID) }
			w.batch(now, oa(event.OALocationReported, "o1", now))
			w.during = nil
		}

		holds(true, "kf_left", "", "eq", 0)
		now += second
		w.batch(now, oa(event.OAMessageReceived, "o1", now))
		holds(true, "kf_left", app, "eq", 5)
		holds(false, "kf_left", "wxother", "ge", 1)
		holds(true, "kf_hours", "", "eq", 47)
		spend(func(id int64) { w.reach.SpendWindow(id, app) })
		holds(true, "kf_left", "", "lt", 5)
		now += 40 * hour
		holds(true, "kf_hours", "", "eq", 7)
		now += 8 * hour
		holds(true, "kf_hours", "", "eq", 0)
		holds(true, "kf_left", "", "eq", 0)

		now += second
		yes := answer("o1", "T1", "accept", now)
		yes.Props["scene"] = "h5"
		once := answer("o1", "T2", "accept", now)
		once.Props["once"], once.Props["scene"] = true, "7"
		w.batch(now, yes, once)
		holds(true, "notice_left", "", "eq", 1)
		holds(true, "notice_left", app+"/T1", "ge", 1)
		holds(false, "notice_left", app+"/T9", "ge", 1)
		holds(false, "mini_left", "", "ge", 1)
		spend(func(id int64) { w.reach.SpendBalance(id, app, "T1") })
		holds(true, "notice_left", "", "eq", 0)
		spend(func(id int64) { w.reach.LongTerm(id, app, "T1") })
		holds(true, "notice_left", "", "eq", rule.Unlimited)
		for range 2 {
			now += second
			agreed := answer("o1", "M1", "accept", now)
			agreed.Type = event.MPSubscriptionAnswered
			w.batch(now, agreed)
		}
		holds(true, "mini_left", app, "eq", 2)
		now += second
		w.batch(now, oa(event.OAMessageReceived, "o1", now))
		now += second
		w.batch(now, oa(event.OAUnfollowed, "o1", now))
		holds(true, "kf_left", "", "eq", 0)
	})
}

func itoa(n int) string { raw, _ := json.Marshal(n); return string(raw) }
