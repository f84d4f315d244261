package apptest

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/channels/officialaccount"
)

// A reader says yes to one message: what comes back through their browser counts once, and only where we asked.
func TestOnce_a_readers_yes_counts_once_and_no_forged_one_does(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, store db.Config) {
		k := Start(t, Options{Store: store})
		visit := func(change func(url.Values)) (int, string) {
			address, err := k.App.Invitations.URL(officialaccount.Invitation{AppID: AppID, TemplateID: "T-once", Scene: 7})
			require.NoError(t, err)
			asked, err := url.Parse(address)
			require.NoError(t, err)
			back := url.Values{"action": {"confirm"}, "openid": {"oReader0000000000000000001"}}
			for _, key := range []string{"template_id", "scene", "reserved"} {
				back.Set(key, asked.Query().Get(key))
			}
			change(back)
			// WeChat writes a slash between the address and the query.
			to := strings.Replace(asked.Query().Get("redirect_url"), k.Config.PublicURL, k.URL, 1) + "/?" + back.Encode()
			for range 2 { // and the reader loads the page again
				res, err := http.Get(to) //nolint:noctx,gosec // a loopback address of this test
				require.NoError(t, err)
				page, err := io.ReadAll(res.Body)
				require.NoError(t, err)
				require.NoError(t, res.Body.Close())
				if res.StatusCode != http.StatusOK {
					return res.StatusCode, string(page)
				}
			}
			k.Settle()
			return http.StatusOK, ""
		}
		status, page := visit(func(q url.Values) { q.Set("scene", "8") })
		require.Equal(t, http.StatusUnauthorized, status)
		require.Contains(t, page, "链接无效")
		require.Nil(t, k.person(event.KindOpenID, AppID, "oReader0000000000000000001"))

		status, _ = visit(func(url.Values) {})
		require.Equal(t, http.StatusOK, status)
		p := k.person(event.KindOpenID, AppID, "oReader0000000000000000001")
		require.NotNil(t, p)
		require.Equal(t, []string{event.OASubscriptionAnswered + " true"}, k.happened(p.ID, "once", event.OASubscriptionAnswered))
	})
}
