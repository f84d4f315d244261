package wecom

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/channels/wechat"
)

func TestClient_Customer_tells_who_they_are_and_who_added_them(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	acc, ok := w.accounts.WeCom(simCorp, simAgent)
	require.True(t, ok)
	c, err := w.client.Customer(t.Context(), acc, "wm-external-1")
	require.NoError(t, err)
	require.Equal(t, "wm-external-1", c.ExternalUserID)
	require.Equal(t, "王先生", c.Name)
	require.Equal(t, "union-1", c.UnionID)
	require.True(t, c.WeChat)
	users := map[string]bool{}
	for _, f := range c.Follows {
		users[f.UserID] = true
		require.Positive(t, f.AddedAt)
		require.Greater(t, f.AddedAt, time.Now().Add(-time.Hour).UnixMilli())
	}
	require.Equal(t, map[string]bool{"li": true, "boss": true}, users)
}

func TestClient_Customer_says_when_to_ask_again_and_when_not(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	acc, _ := w.accounts.WeCom(simCorp, simAgent)
	require.NoError(t, w.sim.Misbehave(simulator.Misbehaviour{Path: "/cgi-bin/externalcontact/get", Code: 84061}))
	_, err := w.client.Customer(t.Context(), acc, "wm-external-1")
	var e *wechat.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, 84061, e.Code)
	require.Equal(t, time.Minute, e.Later)
	require.True(t, fault.Is(err, fault.Unavailable))

	_, err = w.client.Customer(t.Context(), acc, "wm-nobody")
	require.ErrorAs(t, err, &e)
	require.Zero(t, e.Later)
	require.True(t, fault.Is(err, fault.NotFound), err)
}
