package apptest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/channels/webhook"
	"github.com/koi-scrm/koi/configs"
)

// pushFollowers pushes every new follower to the webhook erp.
const pushFollowers = `
journeys:
  - key: push_followers
    name: 新粉丝推送
    subject: contact
    status: live
    settings: {entry: {mode: concurrent}}
    nodes:
      - {id: start, component: on_event, config: {events: [oa.followed]}}
      - {id: push, component: webhook, config: {webhook: erp}}
      - {id: end, component: end}
    edges:
      - {from: start, to: push}
      - {from: push, to: end}
`

// A journey pushes to another system that is down at first: it is tried again, signed anew, under the same
// id; what arrived can be sent once more by hand.
func TestWebhook_arrives_once_the_other_side_is_back_and_again_when_asked(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, store db.Config) {
		type received struct {
			header http.Header
			body   string
		}
		got := make(chan received, 10)
		var down atomic.Int32
		down.Store(2)
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got <- received{r.Header.Clone(), string(body)}
			if down.Add(-1) >= 0 {
				w.Header().Set("Retry-After", "90")
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}))
		t.Cleanup(other.Close)
		clk := clock.NewManual(time.Date(2026, 11, 23, 12, 0, 0, 0, time.FixedZone("CST", 8*3600)))
		k := Start(t, Options{Store: store, Clock: clk, Configure: func(c *configs.Config) { c.Channels.Webhook.Allow = []string{"127.0.0.0/8"} }})
		var hook struct{ Secret string }
		require.Equal(t, http.StatusCreated, k.API(http.MethodPost, "/webhooks", map[string]any{"key": "erp", "name": "订单系统", "url": other.URL}, &hook))
		k.Apply(pushFollowers)
		k.Act(simulator.Act{Who: "oWebhookFollower", App: AppID, Do: "follow"})
		next := func() received {
			t.Helper()
			select {
			case d := <-got:
				return d
			case <-time.After(patience):
				t.Fatal("nothing was delivered")
				return received{}
			}
		}
		var list struct {
			Items []struct {
				ID, State, Reason, Detail string
				Attempts                  int
				Code                      int
			}
		}
		message := func(state string, attempts int) {
			t.Helper()
			Until(t, "the message is "+state, func() bool {
				require.Equal(t, http.StatusOK, k.API(http.MethodGet, "/messages?channel=webhook&account=erp", nil, &list))
				return len(list.Items) == 1 && list.Items[0].State == state && list.Items[0].Attempts == attempts
			})
		}
		first := next()
		message("waiting", 1)
		require.Equal(t, http.StatusServiceUnavailable, list.Items[0].Code)
		require.Equal(t, list.Items[0].ID, first.header.Get("X-Koi-Delivery"))
		clk.Advance(2 * time.Minute)
		second := next()
		message("waiting", 2)
		clk.Advance(3 * time.Minute)
		third := next()
		message("sent", 3)
		for n, d := range []received{first, second, third} {
			require.Equal(t, first.body, d.body)
			require.Equal(t, first.header.Get("X-Koi-Delivery"), d.header.Get("X-Koi-Delivery"), "the same to who drops repeats")
			require.Equal(t, "journey.webhook", d.header.Get("X-Koi-Event"))
			require.Equal(t, webhook.Sign([]byte(hook.Secret), d.header.Get("X-Koi-Timestamp"), []byte(d.body)), d.header.Get("X-Koi-Signature"), "try %d", n+1)
		}
		require.NotEqual(t, first.header.Get("X-Koi-Signature"), third.header.Get("X-Koi-Signature"), "signed at its own time")

		require.Equal(t, http.StatusOK, k.API(http.MethodPost, "/messages/"+list.Items[0].ID+"/retry", nil, nil))
		require.Equal(t, first.header.Get("X-Koi-Delivery"), next().header.Get("X-Koi-Delivery"))
		message("sent", 4)
		require.Empty(t, got)
		require.Equal(t, http.StatusOK, k.API(http.MethodGet, "/messages?channel=webhook&account=crm", nil, &list))
		require.Empty(t, list.Items, "another one's deliveries")
	})
}

// Rules, counters and journeys that act on what became of a message find its person, from the moment they
// are in force.
func TestWebhook_rules_hear_that_it_arrived(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, store db.Config) {
		other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		t.Cleanup(other.Close)
		k := Start(t, Options{Store: store, Clock: clock.Real{}, Configure: func(c *configs.Config) { c.Channels.Webhook.Allow = []string{"127.0.0.0/8"} }})
		require.Equal(t, http.StatusCreated, k.API(http.MethodPost, "/webhooks", map[string]any{"key": "erp", "name": "订单系统", "url": other.URL}, nil))
		k.Apply(pushFollowers)
		tagged := func(tag string) int {
			return k.rows("SELECT COUNT(*) FROM contact_tags WHERE tag_id IN (SELECT id FROM settings WHERE kind='tag' AND skey=?)", tag)
		}
		sent := func() int {
			return k.rows("SELECT COUNT(*) FROM events WHERE type='message.sent' AND account='erp' AND contact_id<>0")
		}
		k.Act(simulator.Act{Who: "oBeforeTheRule", App: AppID, Do: "follow"})
		Until(t, "the first is told", func() bool { return sent() == 1 })
		k.Apply(`
tags: [{key: told, name: 已通知, kind: rule}, {key: counted, name: 通知过一次, kind: rule}]
tag_rules:
  - {key: told, name: 已通知, on: [{events: [message.sent]}], add: [told]}
  - {key: counted, name: 通知过一次, when: {leaf: event, key: message.sent, op: did}, add: [counted]}
`)
		k.Act(simulator.Act{Who: "oAfterTheRule", App: AppID, Do: "follow"})
		Until(t, "the second is told and tagged", func() bool { return sent() == 2 && tagged("told") == 1 })
		Until(t, "both are counted", func() bool { return tagged("counted") == 2 })
	})
}
