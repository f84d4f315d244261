package apptest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/channels/simulator"
)

// A hot customer who added nobody in WeCom is told to whoever has a role, as of now; who was told may look
// at that customer, and at nobody else.
func TestAlert_of_a_customer_without_a_friend_reaches_the_role(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, store db.Config) {
		k := Start(t, Options{Store: store})
		k.Apply(`
journeys:
  - key: hot_follower
    name: 新粉丝提醒
    subject: contact
    status: live
    settings: {entry: {mode: concurrent}}
    nodes:
      - {id: start, component: on_event, config: {events: [oa.followed]}}
      - {id: alert, component: alert, config: {template: hot_lead, to: [all_added, first_added, roles], roles: [leader, admin]}}
      - {id: end, component: end}
    edges: [{from: start, to: alert}, {from: alert, to: end}]
`)
		person := func(who string) string {
			return fmt.Sprint(k.person(event.KindOpenID, AppID, who).ID)
		}
		alerts := func() int { return k.rows("SELECT COUNT(*) FROM outbox WHERE channel='wecom_app' AND state=3") }

		k.Act(simulator.Act{Who: "oNobodyListens", App: AppID, Do: "follow"})
		Until(t, "it is told that nobody was found", func() bool {
			return k.rows("SELECT COUNT(*) FROM events WHERE type='journey.step_done' AND props LIKE '%没有找到可以提醒的员工%'") == 1
		})
		require.Zero(t, alerts())
		user := map[string]any{"login": "boss", "name": "主管", "role": "leader", "staff": CorpID + "/" + StaffID(4), "password": "correct-horse-battery"}
		var made struct{ ID string }
		require.Equal(t, http.StatusCreated, k.API(http.MethodPost, "/users", user, &made))
		Until(t, "the role is known", func() bool { return len(k.App.Staff.InRole(string(auth.Leader))) == 1 })
		k.Act(simulator.Act{Who: "oTheBossHears", App: AppID, Do: "follow"})
		d := k.Delivered("the alert", func(d simulator.Delivery) bool { return strings.HasPrefix(d.Account, CorpID) })
		require.Equal(t, StaffID(4), d.To)
		Until(t, "it is sent", func() bool { return alerts() == 1 })

		key := func(role auth.Role, staff string) string {
			root, err := k.App.Gate.Key(t.Context(), k.key())
			require.NoError(t, err)
			_, secret, err := k.App.Gate.AddKey(t.Context(), auth.NewKey{Name: string(role) + staff, Role: role, Staff: CorpID + "/" + staff}, root)
			require.NoError(t, err)
			return secret
		}
		boss, other, clerk := key(auth.Leader, StaffID(4)), key(auth.Leader, StaffID(5)), key(auth.Employee, StaffID(4))
		told, untold := "/contacts/"+person("oTheBossHears"), "/contacts/"+person("oNobodyListens")
		require.Equal(t, http.StatusOK, k.As(boss, http.MethodGet, told, nil, nil))
		require.Equal(t, http.StatusOK, k.As(boss, http.MethodGet, told+"/timeline", nil, nil))
		require.Equal(t, http.StatusNotFound, k.As(boss, http.MethodGet, untold, nil, nil))
		require.Equal(t, http.StatusNotFound, k.As(other, http.MethodGet, told, nil, nil))

		// It is a lead of whoever was told, and of nobody else; an employee has none.
		type listed struct{ Items []struct{ ID string } }
		list := func(who, path string) (ids []string) {
			var got listed
			require.Equal(t, http.StatusOK, k.As(who, http.MethodGet, path, nil, &got), path)
			for _, x := range got.Items {
				ids = append(ids, x.ID)
			}
			return ids
		}
		require.Equal(t, []string{person("oTheBossHears")}, list(boss, "/my/leads"))
		require.Equal(t, []string{person("oTheBossHears")}, list(boss, "/my/leads?whose=team"))
		require.Empty(t, list(boss, "/contacts"), "the data scope is as it was")
		require.Empty(t, list(other, "/my/leads"))
		require.Empty(t, list(other, "/my/leads?whose=team"))
		require.Equal(t, []string{person("oTheBossHears")}, list(key(auth.Leader, StaffID(0)), "/my/leads?whose=team"), "the team's are their leader's")
		require.Equal(t, http.StatusNotFound, k.As(other, http.MethodGet, "/messages?contact="+person("oTheBossHears"), nil, nil))
		sent := list(boss, "/messages?contact="+person("oTheBossHears"))
		require.NotEmpty(t, sent)
		require.Equal(t, http.StatusOK, k.As(boss, http.MethodGet, "/messages/"+sent[0], nil, nil))
		require.Empty(t, list(boss, "/messages"))
		var journeys struct{ Items []struct{ ID, Key string } }
		require.Equal(t, http.StatusOK, k.API(http.MethodGet, "/journeys?limit=200", nil, &journeys))
		at := slices.IndexFunc(journeys.Items, func(j struct{ ID, Key string }) bool { return j.Key == "hot_follower" })
		require.GreaterOrEqual(t, at, 0)
		runs := "/journeys/" + journeys.Items[at].ID + "/runs"
		inside := list(boss, runs+"?contact="+person("oTheBossHears"))
		require.Len(t, inside, 1)
		require.Equal(t, http.StatusOK, k.As(boss, http.MethodGet, runs+"/"+inside[0], nil, nil))
		require.Empty(t, list(boss, runs))
		require.Equal(t, http.StatusForbidden, k.As(clerk, http.MethodGet, "/my/leads", nil, nil))
		require.Equal(t, http.StatusForbidden, k.As(clerk, http.MethodGet, told, nil, nil))

		off := true
		require.Equal(t, http.StatusOK, k.API(http.MethodPatch, "/users/"+made.ID, map[string]any{"disabled": off}, nil))
		Until(t, "the role is free", func() bool { return len(k.App.Staff.InRole(string(auth.Leader))) == 0 })
	})
}

// What the cap of an hour held back comes as one card when the next begins.
func TestAlert_a_crowd_comes_as_a_digest(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, store db.Config) {
		clk := clock.NewManual(time.Date(2026, 11, 23, 12, 10, 0, 0, time.FixedZone("CST", 8*3600)))
		k := Start(t, Options{Store: store, Clock: clk})
		for n := range 9 {
			who := fmt.Sprintf("wmDigest%024d", n)
			k.Act(simulator.Act{Who: who, App: CorpID, Do: "add_staff", With: StaffID(1)})
			k.ask(who)
		}
		state := func(code int) int {
			return k.rows("SELECT COUNT(*) FROM outbox WHERE channel='wecom_app' AND state=?", code)
		}
		Until(t, "six alerts are sent, three wait", func() bool { return state(3) == 6 && state(1) == 3 })
		clk.Advance(50 * time.Minute)
		d := k.Delivered("the digest", func(d simulator.Delivery) bool { return strings.Contains(string(d.Content), "3 条提醒") })
		require.Equal(t, StaffID(1), d.To)
		require.Equal(t, "textcard", d.Kind)
		var card struct{ Description, URL string }
		require.NoError(t, json.Unmarshal(d.Content, &card))
		require.Equal(t, 3, strings.Count(card.Description, "热线索"))
		require.Contains(t, card.URL, "/staff/leads")
		Until(t, "it is the seventh", func() bool { return state(3) == 7 })
		clk.Advance(10 * time.Second)
		Until(t, "the three within it end like it", func() bool { return state(3) == 10 && state(1) == 0 })
		require.Zero(t, k.rows("SELECT COUNT(*) FROM journey_counters WHERE node='alert' AND (blocked>0 OR failed>0)"), "nobody was kept from anything")
		require.Equal(t, 9, k.rows("SELECT COUNT(DISTINCT contact_id) FROM events WHERE type='message.sent' AND contact_id<>0 AND account=?", Agent))
	})
}

// ask lets a WeCom friend ask for a demo, which makes a hot lead.
func (k *Koi) ask(external string) {
	k.t.Helper()
	require.Equal(k.t, http.StatusAccepted, k.API(http.MethodPost, "/events", map[string]any{"type": "trial.requested", "occurred_at": k.App.Clock.Now().Format(time.RFC3339),
		"identities": []any{map[string]any{"kind": event.KindExternal, "scope": CorpID, "value": external}}}, nil))
	k.Settle()
}
