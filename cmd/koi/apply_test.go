package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/bundle"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/configs"
)

// These tests call run, which keeps its flags in a variable of the program, so they are not parallel.

// cli is a Koi of the test's own, spoken to as an operator does.
type cli struct {
	t    *testing.T
	dir  string
	conf string
}

func newCLI(t *testing.T) cli {
	t.Helper()
	// Not t.TempDir, whose path can be too long for the socket of a running server.
	dir, err := os.MkdirTemp("", "koi")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	c := cli{t, dir, filepath.Join(dir, "koi.yaml")}
	require.NoError(t, os.WriteFile(c.conf, []byte("listen: 127.0.0.1:0\ndata_dir: "+dir+"/data\nlog: {level: error}\n"), 0o600))
	return c
}

func (c cli) file(text string) string {
	c.t.Helper()
	name := filepath.Join(c.dir, "bundle.yaml")
	require.NoError(c.t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

// run executes a command and checks its exit code; what it wrote comes back.
func (c cli) run(code int, args ...string) (stdout, stderr string) {
	c.t.Helper()
	var out, errs bytes.Buffer
	got := run(append(args, "--config", c.conf), &out, &errs)
	require.Equal(c.t, code, got, "koi %s\n%s%s", strings.Join(args, " "), &out, &errs)
	return out.String(), errs.String()
}

const vip = "tags:\n  - {key: vip, name: 重点客户}\n"

func TestApply_shows_what_changes_and_does_it_once(t *testing.T) {
	c := newCLI(t)
	file := c.file(vip)
	out, _ := c.run(exitOK, "apply", "-f", file, "--dry-run")
	require.Equal(t, "+ 标签 vip（重点客户）\n将应用 1 项，0 项没有变化（--dry-run，没有改动）\n", out)
	out, _ = c.run(exitOK, "export")
	require.NotContains(t, out, "vip")

	out, _ = c.run(exitOK, "apply", "-f", file)
	require.Equal(t, "+ 标签 vip（重点客户）\n已应用 1 项，0 项没有变化\n", out)
	out, _ = c.run(exitOK, "apply", "-f", file)
	require.Equal(t, "没有差异，1 项都已生效\n", out)

	out, _ = c.run(exitOK, "apply", "-f", c.file("tags:\n  - {key: vip, name: 大客户, color: \"#ff0000\"}\n  - {key: fan, name: 粉丝}\n"))
	require.Equal(t, "~ 标签 vip（大客户）\n    name：重点客户 → 大客户\n    color：+ #ff0000\n+ 标签 fan（粉丝）\n已应用 2 项，0 项没有变化\n", out)

	exported, _ := c.run(exitOK, "export")
	other := newCLI(t)
	other.run(exitOK, "apply", "-f", other.file(exported))
	again, _ := other.run(exitOK, "export")
	require.Equal(t, exported, again)

	out, _ = c.run(exitOK, "apply", "-f", c.file("tags: [{key: vip, delete: true}]"))
	require.Equal(t, "- 标签 vip（大客户）\n已应用 1 项，0 项没有变化\n", out)
}

func TestApply_warns_and_applies_all_the_same(t *testing.T) {
	c := newCLI(t)
	out, _ := c.run(exitOK, "apply", "-f", c.file(`messages:
  - {key: sale, name: 促销, channel: sms, class: marketing, kind: marketing, template_code: SMS_1, content: 优惠开始了，拒收请回复R}
journeys:
  - key: sell
    name: 促销
    subject: contact
    status: draft
    settings: {entry: {mode: once}}
    nodes:
      - {id: go, component: on_event, config: {events: [form.submitted]}}
      - {id: say, component: send_sms, config: {template: sale}}
      - {id: done, component: end}
    edges: [{from: go, to: say}, {from: say, to: done}]
`))
	require.Regexp(t, `(?m)^提醒 .*:11：journey/sell/nodes\[1\]：步骤 say（短信）是推广短信`, out)
	require.Contains(t, out, "已应用 2 项")
}

func TestApply_lists_every_mistake_on_a_line_and_changes_nothing(t *testing.T) {
	c := newCLI(t)
	file := c.file("tags:\n  - {key: a, name: 甲}\n  - {key: b}\n  - {key: c, name: 甲}\ntag_rules:\n  - key: r\n    name: 规则\n    on: [{events: [oa.folowed]}]\n    add: [d]\n")
	for _, more := range []string{"--dry-run=false", "--dry-run"} {
		out, errs := c.run(exitFail, "apply", "-f", file, more)
		require.Empty(t, out)
		lines := strings.Split(strings.TrimSpace(errs), "\n")
		require.Len(t, lines, 5, errs)
		require.Contains(t, lines[0], "有 4 处错误，什么都没有改动")
		for i, n := range []int{3, 4, 8, 9} {
			require.Regexp(t, fmt.Sprintf(`^  %s:%d: `, regexp.QuoteMeta(file), n), lines[i+1])
		}
	}
	_, errs := c.run(exitFail, "apply", "-f", c.file("tags:\n\t- {key: a, name: 甲}\n"))
	require.Contains(t, errs, ":2: 不是有效的 YAML：")
	_, errs = c.run(exitFail, "apply", "-f", c.file(strings.Repeat("#", bundle.MaxSize+1)))
	require.Contains(t, errs, "配置包最大 4 MB")
	_, errs = c.run(exitFail, "apply", "-f", filepath.Join(c.dir, "nowhere.yaml"))
	require.Contains(t, errs, "打不开配置包")
	out, _ := c.run(exitOK, "export")
	require.NotContains(t, out, "tags")
}

func TestApply_tells_wrong_usage_from_failure(t *testing.T) {
	c := newCLI(t)
	for _, args := range [][]string{{"apply"}, {"apply", "bundle.yaml"}, {"apply", "-f"}, {"apply", "-f", "x", "--force"}, {"export", "x"}, {"aply"}} {
		_, errs := c.run(exitUsage, args...)
		require.Contains(t, errs, "用法不对", args)
	}
	for _, args := range [][]string{{"apply", "--help"}, {"export", "--help"}} {
		c.run(exitOK, args...)
	}
}

func TestApply_reads_a_bundle_from_standard_input(t *testing.T) {
	t.Parallel()
	text, err := readBundle("-", strings.NewReader(vip))
	require.NoError(t, err)
	require.Equal(t, vip, string(text))
}

// serve runs the server until the returned function is called; commands then go through its socket.
func (c cli) serve() (stop func()) {
	c.t.Helper()
	cfg, err := configs.Load(c.conf, nil)
	require.NoError(c.t, err)
	a, err := app.Open(c.t.Context(), cfg, clock.Real{})
	require.NoError(c.t, err)
	addr, err := a.Listen()
	require.NoError(c.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	require.Eventually(c.t, func() bool {
		res, err := http.Get("http://" + addr.String() + "/readyz")
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	}, 20*time.Second, 10*time.Millisecond)
	return func() {
		cancel()
		require.NoError(c.t, <-ended)
		require.NoError(c.t, a.Close())
	}
}

func TestServe_begins_with_the_starter_bundle_and_never_comes_back_to_it(t *testing.T) {
	c := newCLI(t)
	stop := c.serve()
	first, _ := c.run(exitOK, "export")
	for _, key := range []string{"welcome", "keyword_reply", "hot_lead", "intent", "fit", "grade", "mql"} {
		require.Contains(t, first, "key: "+key)
	}
	out, _ := c.run(exitOK, "apply", "-f", c.file("journeys: [{key: welcome, delete: true}]\ntags: [{key: mine, name: 我的}]\n"))
	require.Contains(t, out, "- 旅程 welcome（关注欢迎）\n", "through the socket of the running server")
	changed, _ := c.run(exitOK, "export")
	stop()

	stop = c.serve()
	again, _ := c.run(exitOK, "export")
	stop()
	require.Equal(t, changed, again)
	offline, _ := c.run(exitOK, "export")
	require.Equal(t, changed, offline, "and without the server")
}

func TestServe_leaves_a_Koi_alone_that_was_given_a_bundle_first(t *testing.T) {
	c := newCLI(t)
	c.run(exitOK, "apply", "-f", c.file(vip))
	before, _ := c.run(exitOK, "export")
	stop := c.serve()
	after, _ := c.run(exitOK, "export")
	stop()
	require.Equal(t, before, after)
}
