package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/configs"
)

// pipe is a writer whose lines a test can wait for.
type pipe struct{ lines chan string }

func (p pipe) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		p.lines <- strings.TrimSpace(line)
	}
	return len(b), nil
}

func TestSimulate_serves_the_phones_until_it_is_stopped(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	out := pipe{make(chan string, 10)}
	ended := make(chan error, 1)
	go func() {
		ended <- simulate(ctx, out, io.Discard, simulateFlags{listen: "127.0.0.1:0", callback: "http://127.0.0.1:1", quotas: []string{"oa.kf=7"}, strangers: true})
	}()
	url, found := strings.CutPrefix(<-out.lines, "平台模拟器在 ")
	require.True(t, found)
	resp, err := http.Get(url + "/sim/")
	require.NoError(t, err)
	page, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Contains(t, string(page), "陈晨")
	stop()
	require.NoError(t, <-ended)
}

func TestSimulate_prints_a_koi_config_that_koi_can_read_and_the_simulator_can_take_back(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, simulate(t.Context(), &out, io.Discard, simulateFlags{print: true, listen: "127.0.0.1:8090"}))
	path := filepath.Join(t.TempDir(), "koi.yaml")
	require.NoError(t, os.WriteFile(path, out.Bytes(), 0o600))
	cfg, err := configs.Load(path, nil)
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:8090", cfg.Channels.WeCom.BaseURL)
	require.Len(t, cfg.Accounts.Official, 1)
	require.Len(t, cfg.Accounts.WeCom, 1)
	require.Len(t, cfg.Accounts.Mini, 1)
	world, err := worldOf(cfg.Accounts)
	require.NoError(t, err)
	require.Equal(t, cfg.Accounts.WeCom[0].AgentSecret, world.Corps[0].Agents[0].Secret)
	require.NotEmpty(t, world.Corps[0].Staff)
	require.Equal(t, cfg.Accounts.Mini[0].AESKey, world.Minis[0].AESKey)
	_, err = worldOf(configs.Accounts{})
	require.ErrorContains(t, err, "accounts")
}

func TestSimulate_reads_a_world_file_strictly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "world.yaml")
	write := func(text string) simulateFlags {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return simulateFlags{world: path, unlimited: true}
	}
	cfg, err := write(`
official: [{app_id: wx1, app_secret: s, token: t, aes_key: abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG}]
wecom: [{corp_id: ww1, agents: [{agent_id: 2, secret: x}], staff: [{userid: a, direct_leader: [b]}]}]
people: [{name: 陈晨, follows: [{app_id: wx1, openid: o1}]}]
quotas: {oa.kf: 3}
contact_lag: 2s
`).config()
	require.NoError(t, err)
	require.Equal(t, map[string]int{"oa.kf": 3, "*": -1}, cfg.Quotas)
	require.Equal(t, "o1", cfg.People[0].Follows[0].OpenID)
	_, err = write("oficial: []").config()
	require.ErrorContains(t, err, "oficial")
	_, err = simulateFlags{world: path + ".none"}.config()
	require.Error(t, err)
	_, err = simulateFlags{quotas: []string{"oa.kf"}}.config()
	require.ErrorAs(t, err, new(usageError))
}
