package wecom

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/org"
	"github.com/koi-scrm/koi/channels/simulator"
)

func TestOAuth_learns_who_opened_a_page(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	acc := w.accounts.WeComs()[0]
	o := NewOAuth(w.client, w.sim.URL()+"/")
	require.False(t, o.Own())
	require.True(t, NewOAuth(w.client, "https://open.weixin.qq.com").Own())
	link := o.URL(acc, "https://koi.example.com/back?x=1", "state&1")
	require.True(t, strings.HasSuffix(link, "#wechat_redirect"))

	code := func(member string) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
		require.NoError(t, err)
		req.AddCookie(&http.Cookie{Name: simulator.MemberCookie, Value: member})
		res, err := http.DefaultTransport.RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusFound, res.StatusCode)
		back, err := url.Parse(res.Header.Get("Location"))
		require.NoError(t, err)
		require.Equal(t, "koi.example.com", back.Host)
		require.Equal(t, "1", back.Query().Get("x"))
		require.Equal(t, "state&1", back.Query().Get("state"))
		return back.Query().Get("code")
	}
	good := code("li")
	user, err := o.Member(t.Context(), acc, good)
	require.NoError(t, err)
	require.Equal(t, "li", user)

	for _, bad := range []string{good, "made-up"} {
		_, err = o.Member(t.Context(), acc, bad)
		require.ErrorIs(t, err, org.ErrCode)
		require.True(t, fault.Is(err, fault.Denied))
	}

	require.NoError(t, w.sim.Misbehave(simulator.Misbehaviour{Path: "/cgi-bin/auth/getuserinfo", Drop: true, Times: 9}))
	_, err = o.Member(t.Context(), acc, code("li"))
	require.Error(t, err)
	require.NotErrorIs(t, err, org.ErrCode)
}
