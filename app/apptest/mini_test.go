package apptest

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/channels/simulator"
)

// happened lists a person's events of some types, oldest first, with one property of each.
func (k *Koi) happened(contactID int64, prop string, types ...string) []string {
	k.t.Helper()
	var page struct {
		Items []struct {
			Type  string         `json:"type"`
			Props map[string]any `json:"props"`
		} `json:"items"`
	}
	require.Equal(k.t, http.StatusOK, k.API(http.MethodGet, fmt.Sprintf("/contacts/%d/timeline?limit=200", contactID), nil, &page))
	var list []string
	for i := len(page.Items) - 1; i >= 0; i-- {
		for _, t := range types {
			if it := page.Items[i]; it.Type == t {
				list = append(list, fmt.Sprintf("%s %v", t, it.Props[prop]))
			}
		}
	}
	return list
}

// What a mini-program's users do arrives in both forms and in every mode; an account entered in the console
// is open without a restart.
func TestMini_pushes_become_events_of_a_person(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, store db.Config) {
		world := World(1)
		for n, m := range []struct{ mode, format string }{{"aes", "json"}, {"aes", "xml"}, {"compat", "json"}, {"plain", "xml"}} {
			world.Minis = append(world.Minis, simulator.Mini{AppID: fmt.Sprintf("wxmini000000000%d", n), AppSecret: appSecret, Name: "测试小程序",
				Token: token, AESKey: aesKey, Mode: m.mode, Format: m.format})
		}
		k := Start(t, Options{Store: store, World: &world})
		for _, m := range world.Minis {
			require.Equal(t, http.StatusCreated, k.API(http.MethodPost, "/accounts", map[string]any{"kind": "mini", "app_id": m.AppID, "app_secret": appSecret,
				"token": token, "aes_key": aesKey, "mode": m.Mode}, nil))
			var checked struct {
				Health []struct {
					OK      bool   `json:"ok"`
					Problem string `json:"problem"`
				} `json:"health"`
			}
			require.Equal(t, http.StatusOK, k.API(http.MethodPost, "/accounts/mini/"+m.AppID+"/check", nil, &checked))
			require.Len(t, checked.Health, 1)
			require.True(t, checked.Health[0].OK, checked.Health[0].Problem)

			who := "o" + m.AppID + "visitor01"
			k.Act(simulator.Act{Who: who, App: m.AppID, Do: "mini_session", With: "order-7"})
			k.Act(simulator.Act{Who: who, App: m.AppID, Do: "mini_say", With: "什么时候发货？"})
			k.Act(simulator.Act{Who: who, App: m.AppID, Do: "mini_subscribe", With: "T1=accept,T2=reject"})
			k.Act(simulator.Act{Who: who, App: m.AppID, Do: "mini_drop", With: "T1"})
			p := k.person(event.KindOpenID, m.AppID, who)
			require.NotNil(t, p, "%s %s", m.Mode, m.Format)
			require.Equal(t, []string{event.MPContactSessionEntered + " order-7"}, k.happened(p.ID, "session_from", event.MPContactSessionEntered))
			require.Equal(t, []string{event.MPMessageReceived + " 什么时候发货？"}, k.happened(p.ID, "content", event.MPMessageReceived))
			require.Equal(t, []string{event.MPSubscriptionAnswered + " accept", event.MPSubscriptionAnswered + " reject", event.MPSubscriptionAnswered + " reject"},
				k.happened(p.ID, "answer", event.MPSubscriptionAnswered))
		}
	})
}
