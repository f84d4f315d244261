package simulator

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAuthorize_sends_members_back_with_a_code_good_once(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	open := func(change map[string]string, cookie string) (int, string, string) {
		q := url.Values{"appid": {testCorp}, "agentid": {"1000002"}, "redirect_uri": {"https://koi.example.com/back"}, "response_type": {"code"}, "scope": {"snsapi_base"}, "state": {"s1"}}
		for k, v := range change {
			q.Set(k, v)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.http.URL+authorizePath+"?"+q.Encode(), nil)
		require.NoError(t, err)
		if cookie != "" {
			req.AddCookie(&http.Cookie{Name: MemberCookie, Value: cookie})
		}
		res, err := http.DefaultTransport.RoundTrip(req)
		require.NoError(t, err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, res.Header.Get("Location"), string(body)
	}
	code := func(who string) string {
		status, to, _ := open(nil, who)
		require.Equal(t, http.StatusFound, status)
		back, err := url.Parse(to)
		require.NoError(t, err)
		require.Equal(t, "s1", back.Query().Get("state"))
		return back.Query().Get("code")
	}
	ask := func(code string) map[string]any { return r.as("agent", "/cgi-bin/auth/getuserinfo?code="+code, nil) }

	refused := func(code string) string { return fmt.Sprint(ask(code)["errcode"]) }

	first := code("zhangsan")
	require.Equal(t, "zhangsan", ask(first)["userid"])
	require.Equal(t, "40029", refused(first), "used")
	require.Equal(t, "40029", refused(""))
	late := code("zhangsan")
	r.clock.Advance(visitWindow)
	require.Equal(t, "40029", refused(late), "too old")

	status, _, page := open(nil, "")
	require.Equal(t, http.StatusOK, status, "who is not known is asked")
	require.Contains(t, page, "李娜")
	require.NotContains(t, page, "<script")
	status, _, page = open(map[string]string{"agentid": "1000003"}, "zhangsan")
	require.Equal(t, http.StatusOK, status, "the app is not for them")
	require.Contains(t, page, "王芳")
	require.NotContains(t, page, "张三")
	for _, bad := range []map[string]string{{"appid": "ww<script>"}, {"agentid": "7"}, {"redirect_uri": "javascript:alert(1)"}, {"redirect_uri": "/x"}, {"response_type": "token"}, {"scope": "all"}} {
		status, to, page := open(bad, "zhangsan")
		require.Equal(t, http.StatusBadRequest, status, bad)
		require.Empty(t, to)
		require.NotContains(t, page, "<script>")
	}
}
