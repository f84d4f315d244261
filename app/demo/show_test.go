package demo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/demo"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/configs"
)

// servesEnv makes this test binary the server that a show starts: what is killed is a process.
const servesEnv = "SHOW_TEST_SERVES=1"

func TestMain(m *testing.M) {
	if os.Getenv("SHOW_TEST_SERVES") == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, os.Args[len(os.Args)-1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve is `koi serve --demo --config file`.
func serve(ctx context.Context, file string) error {
	cfg, err := configs.Load(file, nil)
	if err != nil {
		return err
	}
	clk, err := demo.Clock(cfg)
	if err != nil {
		return err
	}
	a, err := app.Open(ctx, cfg, clk)
	if err != nil {
		return err
	}
	return errors.Join(a.Run(ctx), a.Close())
}

// visitor is somebody's browser at a show.
type visitor struct {
	t    *testing.T
	base string
	role string
}

type stepOf struct {
	Key, Title, Note string
	Done             bool
}

type stateOf struct {
	Phase, Problem, Contact string
	Clock                   struct{ Now, Rate, Ahead int64 }
	Koi                     struct{ Pid, Starts int }
	Cards                   []struct {
		Key   string
		Steps []stepOf
	}
	Drill *demo.Drill
}

func (v *visitor) do(method, path string, in, out any, header ...string) int {
	v.t.Helper()
	body, err := json.Marshal(in)
	require.NoError(v.t, err)
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, bytes.NewReader(body))
	require.NoError(v.t, err)
	req.Header.Set("Content-Type", "application/json")
	if v.role != "" {
		req.Header.Set("Cookie", "koi_demo_role="+v.role)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(v.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(v.t, err)
	if out != nil && res.StatusCode < 300 {
		require.NoError(v.t, json.Unmarshal(raw, out), "%s", raw)
	} else if res.StatusCode >= 500 {
		v.t.Logf("%s %s: %d %s", method, path, res.StatusCode, raw)
	}
	return res.StatusCode
}

func (v *visitor) state() (s stateOf) {
	v.t.Helper()
	require.Equal(v.t, 200, v.do("GET", "/demo/state", nil, &s))
	return s
}

// until polls the state, as the page does.
func (v *visitor) until(what string, is func(stateOf) bool) stateOf {
	v.t.Helper()
	limit := time.NewTimer(60 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		s := v.state()
		if is(s) {
			return s
		}
		require.NotEqual(v.t, "failed", s.Phase, s.Problem)
		select {
		case <-limit.C:
			text, _ := json.MarshalIndent(s, "", " ")
			require.FailNow(v.t, "waited for "+what, "%s", text)
		case <-tick.C:
		}
	}
}

func (s stateOf) step(card, step string) (stepOf, bool) {
	for _, c := range s.Cards {
		for _, x := range c.Steps {
			if c.Key == card && x.Key == step {
				return x, true
			}
		}
	}
	return stepOf{}, false
}

// play presses a step's button and waits until it ticks itself.
func (v *visitor) play(card, step string) stepOf {
	v.t.Helper()
	require.Equal(v.t, 200, v.do("POST", "/demo/step", map[string]string{"card": card, "step": step}, nil), "%s/%s", card, step)
	s := v.until(card+"/"+step, func(s stateOf) bool { x, _ := s.step(card, step); return x.Done })
	x, _ := s.step(card, step)
	return x
}

// stage opens a small show.
func stage(t *testing.T) *visitor {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	s, err := demo.NewShow(ctx, demo.Stage{Listen: "127.0.0.1:0", DataDir: filepath.Join(t.TempDir(), "demo"), Out: io.Discard, Env: []string{servesEnv},
		Size: demo.Size{People: 150, Companies: 20, Events: 3000, Days: 90}})
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	v := &visitor{t: t, base: strings.TrimSuffix(s.URL(), "/demo"), role: "market"}
	v.until("the past", func(s stateOf) bool { return s.Phase == "ready" })
	return v
}

func TestShow_every_step_can_be_played_and_ticks_itself(t *testing.T) {
	t.Parallel()
	v := stage(t)
	for _, c := range v.state().Cards {
		for _, x := range c.Steps {
			require.False(t, x.Done, "nothing is ticked before it happened: %s/%s", c.Key, x.Key)
		}
	}
	for _, step := range []string{"home", "hot", "journeys", "messages"} {
		v.play("look", step)
	}
	require.Contains(t, v.play("customer", "scan").Note, "毫秒")
	v.play("customer", "friend")
	v.play("customer", "book")
	v.until("the stage", func(s stateOf) bool {
		x, _ := s.step("customer", "mql")
		return strings.Contains(x.Note, "意向")
	})
	require.Contains(t, v.play("sales", "rings").Note, "周敏")
	v.play("employee", "share")
	v.play("sales", "mine")
	v.play("sales", "leader")
	v.play("hand", "menu")
	v.play("hand", "price")
	require.Contains(t, v.play("hand", "busy").Note, "暂停")
	v.play("hand", "text")
	v.play("hand", "refuse")
	require.Contains(t, v.play("hand", "again").Note, "退订")
	v.play("hand", "unfollow")
	v.play("look", "clock")

	hour := func() int { return time.UnixMilli(v.state().Clock.Now).In(time.FixedZone("", 8*3600)).Hour() }
	require.Equal(t, 200, v.do("POST", "/demo/clock", map[string]any{"hours": (44-hour())%24 + 1}, nil))
	require.Equal(t, 21, hour())
	require.Equal(t, 200, v.do("POST", "/demo/step", map[string]string{"card": "hand", "step": "text"}, nil))
	require.Equal(t, 9, hour(), "nobody gets promotional texts at night: it becomes morning")
}

func TestShow_kill_9_loses_nothing_and_doubles_nothing(t *testing.T) {
	t.Parallel()
	v := stage(t)
	before := v.state()
	require.Contains(t, v.play("hand", "kill").Note, "丢 0 条")
	after := v.state()
	d := after.Drill
	require.NotEqual(t, before.Koi.Pid, after.Koi.Pid, "another process serves")
	require.Equal(t, before.Koi.Pid, d.Pid)
	require.Equal(t, before.Koi.Starts+1, after.Koi.Starts)
	require.Equal(t, 200, d.Said)
	require.Equal(t, 200, d.Acked+d.Dropped)
	require.Equal(t, d.Acked, d.Rows)
	require.Zero(t, d.Lost)
	require.Zero(t, d.Twice)
	require.Zero(t, d.Doubled)
	require.Equal(t, d.Asked, d.Replies)
	require.GreaterOrEqual(t, d.Arrived, d.Asked-d.Unsure)
}

func TestShow_one_click_makes_somebody_else(t *testing.T) {
	t.Parallel()
	v := stage(t)
	for role, want := range map[string]string{"market": "marketer", "sales": "sales", "leader": "leader", "employee": "employee", "admin": "admin"} {
		require.Equal(t, 200, v.do("POST", "/demo/role", map[string]string{"role": role}, nil))
		them := &visitor{t: t, base: v.base, role: role}
		var me struct {
			User struct{ Role string }
			CSRF string `json:"csrf_token"`
		}
		require.Equal(t, 200, them.do("GET", "/api/v1/me", nil, &me))
		require.Equal(t, want, me.User.Role)
	}
	require.Equal(t, 404, v.do("POST", "/demo/role", map[string]string{"role": "boss"}, nil))
	require.Equal(t, 401, (&visitor{t: t, base: v.base}).do("GET", "/api/v1/me", nil, nil), "who chose nobody is nobody")

	t.Run("who signs out is in again", func(t *testing.T) {
		them := &visitor{t: t, base: v.base, role: "leader"}
		var me struct {
			CSRF string `json:"csrf_token"`
		}
		require.Equal(t, 200, them.do("GET", "/api/v1/me", nil, &me))
		require.Equal(t, 204, them.do("DELETE", "/api/v1/session", nil, nil, "X-CSRF-Token", me.CSRF))
		require.Eventually(t, func() bool { return them.do("GET", "/api/v1/me", nil, nil) == 200 }, 10*time.Second, 50*time.Millisecond)
	})
	t.Run("pages elsewhere cannot play", func(t *testing.T) {
		require.Equal(t, 403, v.do("POST", "/demo/reset", nil, nil, "Origin", "https://evil.example"))
		require.Equal(t, 415, v.do("POST", "/demo/reset", nil, nil, "Content-Type", "text/plain"))
	})
	t.Run("time goes forward only", func(t *testing.T) {
		require.Equal(t, 200, v.do("POST", "/demo/clock", map[string]any{"hours": 24}, nil))
		s := v.state()
		require.GreaterOrEqual(t, s.Clock.Ahead, 24*time.Hour.Milliseconds())
		var system struct{ Time time.Time }
		require.Equal(t, 200, v.do("GET", "/api/v1/system", nil, &system))
		require.WithinDuration(t, time.UnixMilli(s.Clock.Now), system.Time, time.Minute, "Koi tells the same time")
		require.Equal(t, 422, v.do("POST", "/demo/clock", map[string]any{"hours": -1}, nil))
		require.Equal(t, 422, v.do("POST", "/demo/clock", map[string]any{"rate": 1000}, nil))
		require.Equal(t, 200, v.do("POST", "/demo/clock", map[string]any{"rate": 0}, nil))
		require.Equal(t, v.state().Clock.Now, v.state().Clock.Now, "it stands still")
	})
	t.Run("a reset begins anew", func(t *testing.T) {
		pid := v.state().Koi.Pid
		require.Equal(t, 200, v.do("POST", "/demo/reset", nil, nil))
		s := v.until("the new past", func(s stateOf) bool { return s.Phase == "ready" && s.Koi.Pid != pid })
		require.Zero(t, s.Clock.Ahead/time.Hour.Milliseconds())
		require.Empty(t, s.Contact, "nobody knows 周敏 yet")
	})
}

func TestShow_leaves_other_data_and_addresses_alone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	precious := filepath.Join(dir, "koi.db")
	require.NoError(t, os.WriteFile(precious, []byte("mine"), 0o600))
	_, err := demo.NewShow(t.Context(), demo.Stage{Listen: "127.0.0.1:0", DataDir: dir, Out: io.Discard})
	require.True(t, fault.Is(err, fault.Invalid))
	require.FileExists(t, precious)
	_, err = demo.NewShow(t.Context(), demo.Stage{Listen: "0.0.0.0:0", DataDir: t.TempDir(), Out: io.Discard})
	require.True(t, fault.Is(err, fault.Invalid))
}

func TestClock_is_for_demos_only(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := configs.Default()
	cfg.DataDir = dir
	here := "http://127.0.0.1:9"
	cfg.Channels.WeChat.BaseURL, cfg.Channels.WeCom.BaseURL, cfg.Channels.WeCom.OAuthURL, cfg.Channels.AliyunSMS.BaseURL = here, here, here, here
	_, err := demo.Clock(cfg)
	require.ErrorContains(t, err, "不是演示的数据目录")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "koi-demo"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "clock.json"), []byte(`{"wall":1,"now":1,"rate":1}`), 0o600))
	_, err = demo.Clock(cfg)
	require.NoError(t, err)
	cfg.Channels.WeChat.BaseURL = "https://api.weixin.qq.com"
	_, err = demo.Clock(cfg)
	require.ErrorContains(t, err, "不在本机")
	cfg.Channels.WeChat.BaseURL, cfg.Listen = here, "0.0.0.0:8080"
	_, err = demo.Clock(cfg)
	require.True(t, fault.Is(err, fault.Invalid))
}
