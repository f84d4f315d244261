package apptest

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/doctor"
	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/configs"
)

// front is the reverse proxy before a Koi: what public_url names. handle changes what it does to a request.
type front struct {
	*httptest.Server
	koi    atomic.Pointer[url.URL]
	handle atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

func newFront(t *testing.T) *front {
	f := &front{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(f.koi.Load()) }}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := f.handle.Load(); h != nil && (*h)(w, r) {
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Server.Close)
	return f
}

// patient is a Koi with an account of each platform, to be examined.
func patient(t *testing.T, store db.Config, change func(*simulator.Config), configure func(*configs.Config)) (*Koi, *front) {
	world := World(2)
	world.Minis = []simulator.Mini{{AppID: miniID, AppSecret: appSecret, Name: "测试小程序", Token: token, AESKey: aesKey}}
	if change != nil {
		change(&world)
	}
	f := newFront(t)
	k := Start(t, Options{Store: store, Clock: clock.Real{}, World: &world, Configure: func(c *configs.Config) {
		c.PublicURL = f.URL
		c.Accounts.Mini = []configs.WeChatAccount{{AppID: miniID, AppSecret: appSecret, Token: token, AESKey: aesKey, Name: "测试小程序", Mode: "aes"}}
		if configure != nil {
			configure(c)
		}
	}})
	u, err := url.Parse(k.URL)
	require.NoError(t, err)
	f.koi.Store(u)
	return k, f
}

// found is the finding of a check about an account.
func found(t *testing.T, list []account.Finding, check, id string) account.Finding {
	t.Helper()
	var all []string
	for _, f := range list {
		if f.Check == check && f.Account == id {
			return f
		}
		all = append(all, f.Account+" "+f.Check)
	}
	t.Fatalf("no finding %s of %q among:\n%s", check, id, strings.Join(all, "\n"))
	return account.Finding{}
}

func TestDoctor_finds_a_whole_Koi_well_and_names_what_nobody_can_ask(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"sqlite", "mysql"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			store := dbtest.SQLiteConfig
			if engine == "mysql" {
				store = dbtest.MySQLConfig
			}
			k, _ := patient(t, store(t), nil, nil)
			list := k.App.Doctor.Examine(t.Context())
			require.False(t, doctor.Sick(list), "%+v", list)
			for _, f := range list {
				require.NotEmpty(t, f.What, f.Check)
				require.Regexp(t, `\p{Han}`, f.Check)
				if f.Verdict != account.Good {
					require.Regexp(t, `\p{Han}`, f.Do, "%s: what to do about it", f.Check)
				}
			}
			for _, check := range []string{"对外地址", "数据目录", "数据库", "运行状态", "密钥备份"} {
				found(t, list, check, "")
			}
			for check, verdict := range map[string]account.Verdict{
				"凭据与 IP 白名单": account.Good, "应用与企业可信 IP": account.Good, "可见范围": account.Good, "客户联系": account.Good,
				"外部联系人变更回调": account.ByHand, "可信域名与备案主体": account.ByHand, "可信域名": account.Doubt, "回调地址": account.Doubt, // on loopback
			} {
				require.Equal(t, verdict, found(t, list, check, Agent).Verdict, check)
			}
			require.Contains(t, found(t, list, "外部联系人变更回调", Agent).Do, "可调用接口的应用")
			alerts := found(t, list, "员工提醒", "")
			require.Equal(t, account.Doubt, alerts.Verdict, "no administrator is a member of staff yet")
			require.Contains(t, alerts.What, "「热线索提醒」")
			for _, id := range []string{AppID, miniID} {
				require.Equal(t, account.Good, found(t, list, "凭据与 IP 白名单", id).Verdict)
				require.Contains(t, found(t, list, "回调地址", id).What, "内网或本机", "%s: it works, but not from outside", id)
			}
			require.Equal(t, account.ByHand, found(t, list, "用户隐私保护指引", miniID).Verdict)
			found(t, list, "订阅消息", miniID)
			found(t, list, "模板消息", AppID)
			found(t, list, "订阅通知", AppID)
			require.Zero(t, len(k.Sim.Deliveries(simulator.DeliveryFilter{})), "looking sends nothing")

			require.Equal(t, http.StatusCreated, k.API(http.MethodPost, "/users",
				map[string]any{"login": "boss", "role": "leader", "staff": CorpID + "/" + StaffID(0), "password": "correct-horse-battery"}, nil))
			Until(t, "a leader is found", func() bool {
				return !slices.ContainsFunc(k.App.Doctor.Examine(t.Context()), func(f account.Finding) bool { return f.Check == "员工提醒" })
			})
		})
	}
}

// Each thing that goes wrong when Koi is installed, and the sentence that leads out of it.
func TestDoctor_names_what_is_wrong_and_the_fix(t *testing.T) {
	t.Parallel()
	elsewhere := []string{"203.0.113.7"}
	agent := func(change func(*simulator.Agent)) func(*simulator.Config) {
		return func(c *simulator.Config) { change(&c.Corps[0].Agents[0]) }
	}
	for _, c := range []struct {
		name      string
		world     func(*simulator.Config)
		configure func(*configs.Config)
		wrong     []simulator.Misbehaviour
		front     func(http.ResponseWriter, *http.Request) bool

		account, check string
		verdict        account.Verdict
		what, do       string
	}{
		{name: "official account: address not on the list, 40164", world: func(c *simulator.Config) { c.Officials[0].TrustedIPs = elsewhere },
			account: AppID, check: "凭据与 IP 白名单", verdict: account.Bad, what: "IP 白名单", do: "加入本机出口 IP"},
		{name: "official account: wrong secret", configure: func(c *configs.Config) { c.Accounts.Official[0].AppSecret = strings.Repeat("x", 32) },
			account: AppID, check: "凭据与 IP 白名单", verdict: account.Bad, what: "AppSecret 不正确", do: "重新填写 AppSecret"},
		{name: "official account: 订阅号 or uncertified, 48001", wrong: []simulator.Misbehaviour{{Path: "/cgi-bin/template/get_all_private_template", Code: 48001, Times: always}},
			account: AppID, check: "模板消息", verdict: account.Doubt, what: "没有这个接口的权限", do: "网页授权"},
		{name: "mini-program: wrong secret", configure: func(c *configs.Config) { c.Accounts.Mini[0].AppSecret = strings.Repeat("x", 32) },
			account: miniID, check: "凭据与 IP 白名单", verdict: account.Bad, what: "AppSecret 不正确", do: "重新填写"},
		{name: "mini-program: address not on the list, 40164", world: func(c *simulator.Config) { c.Minis[0].TrustedIPs = elsewhere },
			account: miniID, check: "凭据与 IP 白名单", verdict: account.Bad, what: "小程序的 IP 白名单", do: "开发设置"},
		{name: "mini-program: no right to subscription messages", wrong: []simulator.Misbehaviour{{Path: "/wxaapi/newtmpl/gettemplate", Code: 48001, Times: always}},
			account: miniID, check: "订阅消息", verdict: account.Bad, what: "没有这个接口的权限", do: "服务类目"},
		{name: "WeCom: address not trusted, 60020", world: agent(func(a *simulator.Agent) { a.TrustedIPs = elsewhere }),
			account: Agent, check: "应用与企业可信 IP", verdict: account.Bad, what: "60020", do: "加入本机出口 IP"},
		{name: "WeCom: wrong secret", configure: func(c *configs.Config) { c.Accounts.WeCom[0].AgentSecret = strings.Repeat("x", 32) },
			account: Agent, check: "凭据与 IP 白名单", verdict: account.Bad, what: "Secret", do: "Secret"},
		{name: "WeCom: the app is disabled", world: agent(func(a *simulator.Agent) { a.Disabled = true }),
			account: Agent, check: "应用状态", verdict: account.Bad, what: "停用", do: "启用该应用"},
		{name: "WeCom: not a callable app of 客户联系", world: agent(func(a *simulator.Agent) { a.NoContacts = true }),
			account: Agent, check: "客户联系", verdict: account.Bad, what: "没有这个接口的权限", do: "可调用接口的应用"},
		{name: "WeCom: nobody may have customers", world: func(c *simulator.Config) {
			c.Corps[0].Departments = []simulator.Department{{ID: 1, Name: "测试企业"}, {ID: 2, Name: "空部门", Parent: 1}}
			c.Corps[0].Agents[0].Visible = []int{2}
		},
			account: Agent, check: "客户联系", verdict: account.Bad, what: "没有员工可以使用客户联系", do: "权限配置"},
		{name: "WeCom: another domain is trusted", world: agent(func(a *simulator.Agent) { a.Domain = "other.example.com" }),
			account: Agent, check: "可信域名", verdict: account.Doubt, what: "other.example.com", do: "一致"},
		{name: "WeCom: 始终进入主页", world: agent(func(a *simulator.Agent) { a.HomeURL = "https://koi.example.com/staff/" }),
			account: Agent, check: "应用主页", verdict: account.Doubt, what: "前 20 个字节", do: "始终进入主页"},
		{name: "a proxy that redirects", front: func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "https://koi.example.com"+r.URL.Path, http.StatusMovedPermanently)
			return true
		}, account: Agent, check: "回调地址", verdict: account.Bad, what: "被重定向（HTTP 301）", do: "不要重定向"},
		{name: "a proxy that drops the query", front: func(_ http.ResponseWriter, r *http.Request) bool { r.URL.RawQuery = ""; return false },
			account: AppID, check: "回调地址", verdict: account.Bad, what: "没有给出正确的回答", do: "含查询参数"},
		{name: "a proxy that leads to something else", front: func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte("<html>It works!"))
			return true
		}, account: miniID, check: "回调地址", verdict: account.Bad, what: "没有给出正确的回答", do: "public_url"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k, f := patient(t, dbtest.SQLiteConfig(t), c.world, c.configure)
			for _, m := range c.wrong {
				require.NoError(t, k.Sim.Misbehave(m))
			}
			if c.front != nil {
				f.handle.Store(&c.front)
			}
			list := k.App.Doctor.Examine(t.Context())
			got := found(t, list, c.check, c.account)
			require.Equal(t, c.verdict, got.Verdict, "%+v", got)
			require.Contains(t, got.What, c.what)
			require.Contains(t, got.Do, c.do)
			require.Equal(t, c.verdict == account.Bad, doctor.Sick(list), "%+v", list)
			for _, f := range list {
				require.NotContains(t, f.What+f.Do, appSecret)
				require.NotContains(t, f.What+f.Do, "access_token=")
			}
		})
	}
}
