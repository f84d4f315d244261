package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/channels/simulator"
)

// Not parallel: see apply_test.go.
func TestDoctor_tells_and_exits_by_what_it_finds(t *testing.T) {
	c := newCLI(t)
	out, _ := c.run(exitOK, "doctor")
	require.Contains(t, out, "? 运行状态：服务没有运行")
	require.Contains(t, out, "    → 启动服务（koi serve）后再检查一次")
	require.Contains(t, out, "! 平台账号：还没有接入任何平台账号")
	require.Contains(t, out, "✓ 数据库：SQLite")
	_, errs := c.run(exitUsage, "doctor", "all")
	require.NotEmpty(t, errs)

	const app, good = "wxdoctor000000001", "secretsecretsecretsecretsecret00"
	sim, err := simulator.New(simulator.Config{Officials: []simulator.Official{{AppID: app, AppSecret: good, Name: "公众号"}}})
	require.NoError(t, err)
	require.NoError(t, sim.Start(t.Context(), "127.0.0.1:0"))
	t.Cleanup(sim.Close)
	base, err := os.ReadFile(c.conf)
	require.NoError(t, err)
	with := func(secret string) {
		t.Helper()
		text := string(base) + "public_url: http://127.0.0.1:1\nchannels: {wechat: {base_url: \"" + sim.URL() + "\"}}\naccounts:\n  official:\n    - {app_id: " + app + ", app_secret: " + secret +
			", token: testtoken, aes_key: dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q, name: 公众号, mode: aes}\n"
		require.NoError(t, os.WriteFile(c.conf, []byte(text), 0o600))
	}
	with(strings.Repeat("x", 32))
	out, errs = c.run(exitFail, "doctor")
	require.Contains(t, out, "\n"+app+"\n✗ 凭据与 IP 白名单：AppSecret 不正确")
	require.Contains(t, errs, "有需要处理的问题")
	with(good)
	out, _ = c.run(exitOK, "doctor", "--json")
	var list []account.Finding
	require.NoError(t, json.Unmarshal([]byte(out), &list))
	for _, f := range list {
		require.NotEqual(t, account.Bad, f.Verdict, "%+v", f)
	}
	require.Zero(t, sim.CallCount("/cgi-bin/message/custom/send"))
}
