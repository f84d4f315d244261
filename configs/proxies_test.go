package configs

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	c := Default()
	require.NoError(t, c.Validate())
	require.Equal(t, []string{"127.0.0.0/8", "::1/128"}, c.TrustedProxies, "nobody named: this machine")
	c.TrustedProxies = []string{"10.0.0.5", "10.1.0.0/16", "fd00::1"}
	require.NoError(t, c.Validate())
	require.Equal(t, []string{"10.0.0.5/32", "10.1.0.0/16", "fd00::1/128"}, c.TrustedProxies)
	require.NoError(t, c.Validate(), "again changes nothing")
	for _, bad := range []string{"proxy.example.com", "0.0.0.0/0", "::/0", "10.0.0.0/33", ""} {
		c.TrustedProxies = []string{bad}
		require.ErrorContains(t, c.Validate(), "trusted_proxies[0]", bad)
	}
}
