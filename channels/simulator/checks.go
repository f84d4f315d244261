package simulator

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// call is one request of a client, and whose it is once its token was looked at.
type call struct {
	id      int64
	now     int64 // business time, Unix ms
	wall    int64 // wall time, Unix ms
	method  string
	path    string
	ip      string
	raw     []byte
	in      fields
	badJSON bool

	owner // whose token it carries
	done  effects
}

// owner is whose a token or a call is: an official account, a mini program or a corp, which has an agent
// unless it is the 客户联系 secret.
type owner struct {
	official *official
	mini     *mini
	corp     *corp
	agent    *agent
}

// effects are what a call caused beyond the world, done after the lock is released.
type effects []func()

func (c *call) after(do func()) { c.done = append(c.done, do) }

// account names the caller in journals and quotas.
func (o owner) account() string {
	switch {
	case o.official != nil:
		return o.official.AppID
	case o.mini != nil:
		return o.mini.AppID
	case o.agent != nil:
		return o.agent.account()
	case o.corp != nil:
		return o.corp.CorpID
	}
	return ""
}

// check is one thing a platform looks at before it acts; the first that fails gives the code.
type check struct {
	about string
	code  int
	holds func(*call) bool
}

// need refuses a call without a value in a field.
func need(name string, code int) check {
	return check{name + " 必填", code, func(c *call) bool { return c.in.str(name) != "" }}
}

// needAny refuses a call where all of the fields are empty.
func needAny(code int, names ...string) check {
	return check{strings.Join(names, "、") + " 至少填一个", code, func(c *call) bool {
		return slices.ContainsFunc(names, func(name string) bool { return present(c.in.at(name)) })
	}}
}

func present(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

// oneOf refuses values outside a list.
func oneOf(name string, code int, values ...string) check {
	return check{name + " 只能是 " + strings.Join(values, "、"), code, func(c *call) bool {
		return slices.Contains(values, c.in.str(name))
	}}
}

// whole refuses what is not a whole number.
func whole(name string, code int) check {
	return check{name + " 须为整数", code, func(c *call) bool { _, ok := c.in.num(name); return ok }}
}

// atMost refuses more than n entries of a "a|b|c" list.
func atMost(name string, code, n int) check {
	return check{name + " 最多 " + strconv.Itoa(n) + " 个", code, func(c *call) bool { return len(c.in.parts(name)) <= n }}
}

// listOf refuses an empty list or one of more than n.
func listOf(name string, code, n int) check {
	return check{name + " 为 1 到 " + strconv.Itoa(n) + " 个", code, func(c *call) bool {
		got := len(c.in.list(name))
		return got > 0 && got <= n
	}}
}

// when applies a check only to calls where a field has a value.
func when(name, value string, inner check) check {
	return check{name + "=" + value + " 时 " + inner.about, inner.code, func(c *call) bool {
		return c.in.str(name) != value || inner.holds(c)
	}}
}

// bytesAtMost refuses a longer text.
func bytesAtMost(name string, code, n int) check {
	return check{name + " 不超过 " + strconv.Itoa(n) + " 字节", code, func(c *call) bool { return len(c.in.str(name)) <= n }}
}

// hasProtocol refuses an address without http:// or https://.
func hasProtocol(name string, code int) check {
	return check{name + " 须以 http:// 或 https:// 开头", code, func(c *call) bool {
		s := c.in.str(name)
		return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
	}}
}

// that is a check made for one rule.
func that(about string, code int, holds func(*call) bool) check { return check{about, code, holds} }

// wrongMethod is the code for a method a rule doesn't take.
func wrongMethod(want string) int {
	if want == http.MethodGet {
		return 43001
	}
	return 43002
}
