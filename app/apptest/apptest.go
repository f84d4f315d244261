// Package apptest boots the whole of Koi for tests: in the test's process on port 0 (Start), or as the real
// program in a process of its own that can be killed (Serve). The platforms are played by the simulator in
// the test's process, so what was delivered is counted by somebody who outlives every kill. Nothing in Koi
// knows that it is tested: only addresses and secrets differ from a real installation.
package apptest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/bundle"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/configs"
)

// The accounts of the test world. They exist on loopback only.
const (
	AppID   = "wxtest00000000001"
	CorpID  = "wwtest00000000001"
	AgentID = 1000002

	appSecret = "testsecrettestsecrettestsecret00"
	token     = "testtoken"
	aesKey    = "dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q"
)

// Agent names the WeCom app as accounts are named.
var Agent = fmt.Sprintf("%s/%d", CorpID, AgentID)

// StaffID is the userid of a member of staff, from 0 on; the first leads the others.
func StaffID(n int) string { return fmt.Sprintf("sales%03d", n) }

// World is a simulated firm with an official account, a WeCom app and so many members of staff. Quotas are
// lifted, since a test's day is short; tests of quotas set their own.
func World(staff int) simulator.Config {
	corp := simulator.Corp{CorpID: CorpID, Name: "测试企业",
		Agents: []simulator.Agent{{AgentID: AgentID, Secret: appSecret, Name: "锦鲤", Token: token, AESKey: aesKey}}}
	for n := range staff {
		m := simulator.Staff{UserID: StaffID(n), Name: fmt.Sprintf("销售%d", n)}
		if n > 0 {
			m.Leaders = []string{StaffID(0)}
		}
		corp.Staff = append(corp.Staff, m)
	}
	return simulator.Config{
		Officials: []simulator.Official{{AppID: AppID, AppSecret: appSecret, Name: "测试公众号", Token: token, AESKey: aesKey}},
		Corps:     []simulator.Corp{corp},
		Quotas:    map[string]int{"*": -1},
		History:   100_000,
	}
}

// accounts are the same as Koi is configured with them.
func accounts() configs.Accounts {
	return configs.Accounts{
		Official: []configs.WeChatAccount{{AppID: AppID, AppSecret: appSecret, Token: token, AESKey: aesKey, Name: "测试公众号", Mode: "aes"}},
		WeCom:    []configs.WeComAccount{{CorpID: CorpID, AgentID: AgentID, AgentSecret: appSecret, Token: token, AESKey: aesKey, Name: "锦鲤"}},
	}
}

// Options say what to boot. The zero value is a Koi on SQLite with ten members of staff.
type Options struct {
	Store     db.Config                     // of dbtest; zero: a SQLite database of the test's own
	Clock     clock.Clock                   // nil: the machine's
	World     *simulator.Config             // nil: World(10)
	Configure func(configs *configs.Config) // last word on the configuration
}

// Koi is a running Koi with its platforms.
type Koi struct {
	t      testing.TB
	App    *app.App
	Sim    *simulator.Simulator
	Config *configs.Config
	URL    string

	key  func() string
	stop func()
}

// patience bounds every wait: what takes longer is a failure, on however slow a machine.
const patience = 30 * time.Second

// Start boots Koi in this process and returns when it is ready. It ends with the test.
func Start(t testing.TB, o Options) *Koi {
	t.Helper()
	if o.Store.Driver == "" {
		o.Store = dbtest.SQLiteConfig(t)
	}
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	k := &Koi{t: t, Sim: Simulate(t, o.World, o.Clock)}
	k.Config = config(t, o.Store, k.Sim.URL())
	k.Config.Listen = "127.0.0.1:0"
	if o.Configure != nil {
		o.Configure(k.Config)
	}
	require.NoError(t, k.Config.Validate())
	k.boot(o.Clock)
	k.key = sync.OnceValue(k.makeKey)
	return k
}

// boot opens and runs Koi, and returns when it is ready.
func (k *Koi) boot(clk clock.Clock) {
	t := k.t
	a, err := app.Open(t.Context(), k.Config, clk)
	require.NoError(t, err)
	addr, err := a.Listen()
	require.NoError(t, err)
	k.App, k.URL = a, "http://"+addr.String()
	k.Sim.PointAt(k.URL)

	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	k.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Koi ended with: %v", err)
		}
		if err := a.Close(); err != nil {
			t.Errorf("close Koi: %v", err)
		}
	})
	t.Cleanup(k.stop)
	Until(t, "Koi is ready", func() bool { return Status(k.URL+"/readyz") == http.StatusOK })
}

// Restart boots Koi again after Stop, on the same data and at a new address.
func (k *Koi) Restart() { k.boot(k.App.Clock) }

// Stop ends Koi before the test does, in order.
func (k *Koi) Stop() { k.stop() }

// Simulate starts the platforms on a port of their own. They end with the test, after everything that was
// started later.
func Simulate(t testing.TB, world *simulator.Config, clk clock.Clock) *simulator.Simulator {
	t.Helper()
	if world == nil {
		w := World(10)
		world = &w
	}
	w := *world
	w.Clock = clk
	s, err := simulator.New(w)
	require.NoError(t, err)
	require.NoError(t, s.Start(context.WithoutCancel(t.Context()), "127.0.0.1:0"))
	t.Cleanup(s.Close)
	return s
}

// config is the configuration of a Koi on a store, with its platforms at an address.
func config(t testing.TB, store db.Config, platforms string) *configs.Config {
	t.Helper()
	c := configs.Default()
	c.DataDir, c.Accounts = store.DataDir, accounts()
	c.Database = configs.Database{Driver: string(store.Driver), DSN: store.DSN}
	c.Channels.WeChat.BaseURL, c.Channels.WeCom.BaseURL, c.Channels.WeCom.OAuthURL = platforms, platforms, platforms
	return c
}

// Act plays a person and returns when what they did was acknowledged and applied.
func (k *Koi) Act(a simulator.Act) simulator.Played {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), patience)
	defer cancel()
	played, err := k.Sim.Act(ctx, a)
	require.NoError(k.t, err)
	for _, c := range played.Callbacks {
		require.Equal(k.t, simulator.Acknowledged, c.Status, "%s: %s", c.Event, c.Answer)
	}
	k.Settle()
	return played
}

// Settle returns when everything in the log is applied, and what that brought to the log too.
func (k *Koi) Settle() {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), patience)
	defer cancel()
	for {
		settled := true
		for _, lane := range []event.Lane{event.Priority, event.Normal} {
			head, err := k.App.Log.Head(ctx, lane)
			require.NoError(k.t, err)
			settled = settled && k.App.Pipeline.Through(lane) >= head
			require.NoError(k.t, k.App.Pipeline.Wait(ctx, lane, head))
		}
		if settled {
			return
		}
	}
}

// Delivered waits for a message that reached a phone.
func (k *Koi) Delivered(what string, accept func(simulator.Delivery) bool) simulator.Delivery {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), patience)
	defer cancel()
	d, err := k.Sim.WaitDelivered(ctx, accept)
	require.NoError(k.t, err, "wait for %s", what)
	return d
}

// Apply puts a bundle in force.
func (k *Koi) Apply(text string) {
	k.t.Helper()
	b, err := bundle.Parse("test.yaml", []byte(text))
	require.NoError(k.t, err)
	_, err = k.App.Bundles.Apply(k.t.Context(), b, "test")
	require.NoError(k.t, err)
}

// makeKey makes an administrator's API key.
func (k *Koi) makeKey() string {
	k.t.Helper()
	ctx := k.t.Context()
	gate := auth.New(k.App.Stores, k.App.Clock)
	const password = "correct-horse-battery"
	u, err := gate.AddUser(ctx, auth.NewUser{Login: "apptest", Role: auth.Admin, Password: password})
	require.NoError(k.t, err)
	s, err := gate.SignIn(ctx, auth.Attempt{Login: u.Login, Password: password, Place: "127.0.0.1"})
	require.NoError(k.t, err)
	_, key, err := gate.AddKey(ctx, auth.NewKey{Name: "apptest", Role: auth.Admin}, &s.Principal)
	require.NoError(k.t, err)
	return key
}

// API calls /api/v1 as an administrator, with in as the JSON body unless nil, and decodes the answer into
// out unless nil. It returns the status.
func (k *Koi) API(method, path string, in, out any) int {
	k.t.Helper()
	return k.As(k.key(), method, path, in, out)
}

// As is API with a key of one's own.
func (k *Koi) As(key, method, path string, in, out any) int {
	k.t.Helper()
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		require.NoError(k.t, err)
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(k.t.Context(), method, k.URL+"/api/v1"+path, body)
	require.NoError(k.t, err)
	req.Header.Set("Authorization", "Bearer "+key)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(k.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(k.t, err)
	if out != nil {
		require.NoError(k.t, json.Unmarshal(raw, out), "%s %s answered %d: %s", method, path, res.StatusCode, raw)
	}
	return res.StatusCode
}

// Status is what a GET is answered, 0 when nobody answers.
func Status(url string) int {
	client := http.Client{Timeout: 5 * time.Second}
	res, err := client.Get(url)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// Until looks again and again until it holds, for what gives no signal, such as another process.
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("waited %s in vain until %s", patience, what)
		}
	}
}
