package sms

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/channels/simulator"
)

func TestClient_Check_tells_whether_the_key_opens_the_service(t *testing.T) {
	t.Parallel()
	sim, err := simulator.New(simulator.Config{SMS: []simulator.SMSAccount{{AccessKeyID: "LTAIcheck", AccessKeySecret: "check-secret", Signs: []string{"锦鲤"}}}})
	require.NoError(t, err)
	require.NoError(t, sim.Start(context.WithoutCancel(t.Context()), "127.0.0.1:0"))
	t.Cleanup(sim.Close)
	noise := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }))
	t.Cleanup(noise.Close)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())

	good := account.SMS{AccessKeyID: "LTAIcheck", AccessKeySecret: "check-secret", SignName: "锦鲤"}
	for _, test := range []struct {
		name, base, secret, id string
		ok                     bool
		says                   string
	}{
		{"a good key", sim.URL(), "check-secret", "LTAIcheck", true, ""},
		{"a wrong secret", sim.URL(), "another-secret", "LTAIcheck", false, "AccessKey Secret 不对"},
		{"an unknown key", sim.URL(), "check-secret", "LTAInobody", false, "AccessKey ID 不存在"},
		{"nobody there", "http://" + closed.Addr().String(), "check-secret", "LTAIcheck", false, "没有连上阿里云"},
		{"somebody else there", noise.URL, "check-secret", "LTAIcheck", false, "channels.aliyun_sms.base_url"},
	} {
		c, err := NewClient(Options{BaseURL: test.base, Timeout: 2 * time.Second})
		require.NoError(t, err)
		acc := good
		acc.AccessKeyID, acc.AccessKeySecret = test.id, test.secret
		h := c.Check(t.Context(), acc)
		c.Close()
		require.Equal(t, test.ok, h.OK, "%s: %s", test.name, h.Problem)
		require.Contains(t, h.Problem, test.says, test.name)
		require.NotContains(t, h.Problem, test.secret, test.name)
		require.Equal(t, account.ForApp, h.Purpose)
	}
}
