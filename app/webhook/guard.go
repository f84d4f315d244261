package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/koi-scrm/koi/app/fault"
)

// Guard says to which network addresses a delivery may go: to the internet, and to what the operator named
// in channels.webhook.allow. Whoever may define a webhook could otherwise make Koi call what only Koi's
// machine reaches: its own ports, the firm's network, a cloud's metadata service. A name is judged by what
// it leads to, when the webhook is saved and again at each connection, since it may lead elsewhere by then.
//
// A nil Guard allows the internet only.
type Guard struct {
	allow    []netip.Prefix
	resolver Resolver
}

// Resolver looks names up; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// NewGuard makes a guard that also allows networks given as "10.2.0.0/16" or "10.2.3.4". A nil resolver is
// the machine's. Fault: Invalid.
func NewGuard(allow []string, r Resolver) (*Guard, error) {
	g := &Guard{resolver: r}
	for _, text := range allow {
		p, err := ParseNetwork(text)
		if err != nil {
			return nil, err
		}
		g.allow = append(g.allow, p)
	}
	return g, nil
}

// ParseNetwork reads "10.2.0.0/16" or "10.2.3.4". Fault: Invalid.
func ParseNetwork(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		a, aerr := netip.ParseAddr(text)
		if aerr != nil || a.Zone() != "" {
			return netip.Prefix{}, fault.New(fault.Invalid, "“%s”不是网段：应形如 10.2.0.0/16 或 10.2.3.4", text)
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if p.Addr().Is4In6() {
		return netip.Prefix{}, fault.New(fault.Invalid, "“%s”请写成 IPv4 网段，如 10.2.0.0/16", text)
	}
	return p.Masked(), nil
}

// closed are networks that are not the internet (RFC 6890 and the IANA special-purpose registries), and
// what cloud providers put into the middle of it.
var closed = networks(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"168.63.129.16/32",         // Azure's wire server
	"::/96", "::ffff:0:0:0/96", // unspecified, loopback, and IPv4 addresses in old clothes
	"100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
	"64:ff9b:1::/48", // NAT64 within a network
)

// nat64 is the network whose addresses stand for the IPv4 address in their last four bytes (RFC 6052): what
// they lead to is that one.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func networks(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// Allows reports whether a delivery may go to an address.
func (g *Guard) Allows(a netip.Addr) bool {
	a = a.WithZone("").Unmap() // ::ffff:10.0.0.1 is 10.0.0.1
	within := func(p netip.Prefix) bool { return p.Contains(a) }
	if g != nil && slices.ContainsFunc(g.allow, within) {
		return true
	}
	if !a.IsValid() || slices.ContainsFunc(closed, within) {
		return false
	}
	if nat64.Contains(a) {
		raw := a.As16()
		// Without the operator's list: what he allowed, he did not allow by every detour.
		return (*Guard)(nil).Allows(netip.AddrFrom4([4]byte(raw[12:])))
	}
	return true
}

// ErrRefused is why a connection was not made.
var ErrRefused = errors.New("the address is not on the internet and not allowed")

// Control refuses connections as a net.Dialer's Control: address is the one that is dialled now, whatever
// name it came from.
func (g *Guard) Control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrRefused, address)
	}
	if !g.Allows(at.Addr()) {
		return fmt.Errorf("%w: %s", ErrRefused, at.Addr())
	}
	return nil
}

const notInside = "不能发往内网、本机、链路本地或云元数据地址：请填写公网地址；确需发往自己的内网，请管理员在配置文件 channels.webhook.allow 里加上该网段"

// address checks an address by its text alone and says what is wrong with it.
func (g *Guard) address(text string) string {
	if text == "" {
		return "请填写接收地址，如 https://erp.example.com/koi"
	}
	if len(text) > maxURL {
		return fmt.Sprintf("地址最长 %d 个字节", maxURL)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Opaque != "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }):
		return "不是有效的地址：应形如 https://erp.example.com/koi，中文与空格请先编码"
	case u.Scheme != "https" && u.Scheme != "http":
		return "地址应以 https:// 或 http:// 开头"
	case u.User != nil:
		return "地址里不要写用户名和密码：请用签名验证（请求头 X-Koi-Signature）"
	case u.Fragment != "":
		return "地址里不要带 # 之后的部分"
	}
	host := u.Hostname()
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "端口应是 1 到 65535"
		}
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if !g.Allows(a) {
			return notInside
		}
		return ""
	}
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch {
	case name == "" || len(name) > 253 || strings.ContainsAny(name, "%:/@[]"):
		return "主机名不对：应形如 erp.example.com"
	case numeric(last):
		// 2130706433, 0x7f000001, 0177.1: some resolvers take these for addresses.
		return "主机名不能是这种写法的 IP 地址：请写成四段十进制，如 203.0.113.7"
	case (name == "localhost" || last == "localhost") && !g.Allows(netip.AddrFrom4([4]byte{127, 0, 0, 1})):
		return notInside
	}
	return ""
}

// numeric: the last part of a host that a URL parser takes for an IPv4 address (WHATWG URL, "ends in a number").
func numeric(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return label != "" && strings.Trim(label, "0123456789") == ""
}

// lookupTime is how long saving waits for a name.
const lookupTime = 3 * time.Second

// Refuses judges an address with what its name leads to now, as it should be done before a webhook is
// saved, and says in Chinese what is wrong with it; "" is nothing. A name that cannot be looked up passes:
// it may come to be known, and each connection is judged again.
func (g *Guard) Refuses(ctx context.Context, text string) string {
	if why := g.address(text); why != "" {
		return why
	}
	u, err := url.Parse(text)
	if err != nil {
		return "不是有效的地址"
	}
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return "" // judged by its text
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	found, err := g.Lookup(ctx, host)
	if err != nil {
		return ""
	}
	for _, a := range found {
		if !g.Allows(a) {
			return fmt.Sprintf("域名 %s 指向 %s，%s", host, a.Unmap(), notInside)
		}
	}
	return ""
}

// Lookup is what a name leads to now.
func (g *Guard) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if g == nil || g.resolver == nil {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}
	return g.resolver.LookupNetIP(ctx, "ip", host)
}
