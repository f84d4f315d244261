package simulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// readAs opens, on somebody's phone, the authorization address and returns where it leads, nil when nowhere.
func (r *rig) readAs(who string, q url.Values) *url.URL {
	r.t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.http.URL+authorizePath+"?"+q.Encode(), nil)
	require.NoError(r.t, err)
	if who != "" {
		req.AddCookie(&http.Cookie{Name: personCookie, Value: who})
	}
	res, err := client.Do(req)
	require.NoError(r.t, err)
	require.NoError(r.t, res.Body.Close())
	if res.StatusCode != http.StatusFound {
		return nil
	}
	to, err := res.Location()
	require.NoError(r.t, err)
	return to
}

func TestAuthorize_sends_back_a_code_that_names_its_owner_once(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ask := func(back string) url.Values {
		return url.Values{"appid": {testApp}, "redirect_uri": {back}, "response_type": {"code"}, "scope": {"snsapi_base"}, "state": {"s1"}}
	}
	redeem := func(to *url.URL) map[string]any {
		return r.get("/sns/oauth2/access_token?appid=" + testApp + "&secret=" + testSecret + "&code=" + to.Query().Get("code") + "&grant_type=authorization_code")
	}
	to := r.readAs("oChen", ask("https://koi.example.com/p/x?a=1"))
	require.Equal(t, "koi.example.com", to.Host)
	require.Equal(t, "1", to.Query().Get("a"))
	require.Equal(t, "s1", to.Query().Get("state"))
	require.Equal(t, "oChen", redeem(to)["openid"])
	require.EqualValues(t, 40163, code(redeem(to)), "a code is good once")

	to = r.readAs("stranger1", ask("https://koi.example.com/p/x"))
	first := redeem(to)
	require.Equal(t, "stranger1", first["openid"], "somebody new")
	require.Nil(t, first["is_snapshotuser"])

	to = r.readAs("oChen", ask("https://koi.example.com/p/x?snapshot=1"))
	snapshot := redeem(to)
	require.Equal(t, json.Number("1"), snapshot["is_snapshotuser"])
	require.NotEqual(t, "oChen", snapshot["openid"])

	to = r.readAs("oChen", ask("https://koi.example.com/p/x"))
	r.clock.Advance(5 * time.Minute)
	require.EqualValues(t, 40029, code(redeem(to)), "for five minutes")

	require.Nil(t, r.readAs("", ask("https://koi.example.com/p/x")), "nobody is known to hold the phone")
	bad := ask("https://koi.example.com/p/x")
	bad.Set("appid", "wx-none")
	require.Nil(t, r.readAs("oChen", bad))
	require.Nil(t, r.readAs("oChen", ask("javascript:alert(1)")))
}
