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
		k.Apply(`
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
`)
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
