package webhook

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/fault"
)

// names is a name server that knows a few names.
type names map[string][]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	list, ok := n[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	var out []netip.Addr
	for _, a := range list {
		out = append(out, netip.MustParseAddr(a))
	}
	return out, nil
}

func guard(t *testing.T, r Resolver, allow ...string) *Guard {
	t.Helper()
	g, err := NewGuard(allow, r)
	require.NoError(t, err)
	return g
}

func TestGuard_allows_the_internet_and_nothing_else(t *testing.T) {
	t.Parallel()
	g := guard(t, nil)
	for _, a := range []string{
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
		"169.254.169.254", "169.254.0.23", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "198.18.0.1",
		"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.2.1", "203.0.113.1",
		"::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "2001::1", "100::1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::8.8.8.8", "::ffff:0:7f00:1",
		"64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:808:808::",
	} {
		require.False(t, g.Allows(netip.MustParseAddr(a)), a)
		require.False(t, (*Guard)(nil).Allows(netip.MustParseAddr(a)), a)
		require.ErrorIs(t, g.Control("tcp", netip.AddrPortFrom(netip.MustParseAddr(a), 443).String(), nil), ErrRefused, a)
	}
	for _, a := range []string{"8.8.8.8", "114.114.114.114", "172.32.0.1", "100.128.0.1", "::ffff:8.8.8.8", "2400:3200::1", "2606:4700::1111", "64:ff9b::808:808"} {
		require.True(t, g.Allows(netip.MustParseAddr(a)), a)
		require.NoError(t, g.Control("tcp", netip.AddrPortFrom(netip.MustParseAddr(a), 443).String(), nil), a)
	}
	require.False(t, g.Allows(netip.Addr{}))
	require.ErrorIs(t, g.Control("tcp", "koi.internal:80", nil), ErrRefused, "it judges addresses, not names")
}

func TestGuard_allows_what_the_operator_named(t *testing.T) {
	t.Parallel()
	g := guard(t, nil, "10.2.0.0/16", "192.168.1.5", "fd12::/16")
	for a, want := range map[string]bool{
		"10.2.3.4": true, "::ffff:10.2.3.4": true, "10.3.0.1": false, "192.168.1.5": true, "192.168.1.6": false, "fd12::7": true, "fd13::7": false,
		"64:ff9b::a02:304": false, // by a detour he did not name
	} {
		require.Equal(t, want, g.Allows(netip.MustParseAddr(a)), a)
	}
	for _, bad := range []string{"", "office", "10.0.0.0/33", "::ffff:10.0.0.0/100", "fe80::1%eth0"} {
		_, err := NewGuard([]string{bad}, nil)
		require.True(t, fault.Is(err, fault.Invalid), bad)
	}
}

func TestGuard_refuses_addresses_when_they_are_saved(t *testing.T) {
	t.Parallel()
	g := guard(t, names{
		"erp.example.com": {"8.8.8.8", "2606:4700::1111"}, "inside.example.com": {"10.1.2.3"}, "both.example.com": {"8.8.8.8", "169.254.169.254"},
		"mapped.example.com": {"::ffff:127.0.0.1"}, "nat64.example.com": {"64:ff9b::c0a8:101"}, "office.example.com": {"10.2.0.9"},
	}, "10.2.0.0/16")
	for _, good := range []string{
		"https://erp.example.com/koi", "http://erp.example.com:8443/koi?key=abc", "https://8.8.8.8/", "https://[2606:4700::1111]/", "https://erp.example.com./x",
		"https://office.example.com/", "http://10.2.0.9/", "https://nobody-knows.example.com/", "http://erp_1.example.com/",
	} {
		require.Empty(t, g.Refuses(t.Context(), good), good)
	}
	han := regexp.MustCompile(`\p{Han}`)
	for _, bad := range []string{
		"", "erp.example.com", "ftp://erp.example.com/", "//erp.example.com/", "javascript:alert(1)", "file:///etc/passwd", "https:erp.example.com",
		"https://", "https:///x", "https://user:pw@erp.example.com/", "https://erp.example.com/#x", "https://erp.example.com/ x", "https://订单.example.com/",
		"https://erp.example.com:0/", "https://erp.example.com:99999/", `https://erp.example.com\@127.0.0.1/`,
		"http://127.0.0.1/", "http://localhost/", "http://LOCALHOST./", "http://a.localhost/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/",
		"http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[64:ff9b::7f00:1]/", "http://[fe80::1%25eth0]/", "http://0.0.0.0/", "http://100.100.100.200/",
		"http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/", "http://127.0.0.1./", "http://10.2.0.09/",
		"https://inside.example.com/", "https://both.example.com/", "https://mapped.example.com/", "https://nat64.example.com/",
	} {
		require.Regexp(t, han, g.Refuses(t.Context(), bad), bad)
	}
}

func TestGuard_Control_stands_in_the_way_of_a_name_that_moved(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	dialer := &net.Dialer{Control: guard(t, nil).Control}
	_, err = dialer.DialContext(t.Context(), "tcp", l.Addr().String())
	require.ErrorIs(t, err, ErrRefused)
	dialer.Control = guard(t, nil, "127.0.0.0/8").Control
	c, err := dialer.DialContext(t.Context(), "tcp", l.Addr().String())
	require.NoError(t, err)
	require.NoError(t, errors.Join(c.Close()))
}
