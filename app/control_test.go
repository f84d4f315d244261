package app

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/lease"
	"github.com/koi-scrm/koi/configs"
)

// socketed serves commands on a data directory's socket until the test ends, as a server does that holds it.
func socketed(t *testing.T, dir string, commands map[string]Command) (cfg *configs.Config, stop func() <-chan error) {
	t.Helper()
	unlock, err := lease.LockDir(dir)
	require.NoError(t, err)
	cfg = &configs.Config{DataDir: dir}
	a := &App{Config: cfg, commands: commands}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.serveSocket(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, unlock()) })
	return cfg, func() <-chan error { cancel(); return done }
}

func TestDo(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{
		"anywhere":                       filepath.Join(t.TempDir(), "data"),
		"deeper than a socket may stand": filepath.Join(t.TempDir(), strings.Repeat("deep", 30), "data"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, stop := socketed(t, dir, map[string]Command{
				"double": func(_ context.Context, in json.RawMessage) (any, error) {
					var n int
					err := json.Unmarshal(in, &n)
					return 2 * n, err
				},
				"refuse": func(context.Context, json.RawMessage) (any, error) {
					return nil, fault.Problems("不行", []fault.Problem{{Path: "line 3", Message: "写错了"}})
				},
			})
			var n int
			require.NoError(t, Do(t.Context(), cfg, "double", 21, &n))
			require.Equal(t, 42, n)
			st, err := os.Stat(filepath.Join(dir, socketName))
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), st.Mode().Perm())

			err = Do(t.Context(), cfg, "refuse", nil, nil)
			require.True(t, fault.Is(err, fault.Invalid))
			require.ErrorContains(t, err, "line 3: 写错了")
			err = Do(t.Context(), cfg, "nothing", nil, nil)
			require.True(t, fault.Is(err, fault.NotFound))

			require.NoError(t, <-stop())
			_, err = os.Stat(filepath.Join(dir, socketName))
			require.ErrorIs(t, err, os.ErrNotExist, "a stopped server leaves no socket")
		})
	}
}

func TestDo_asks_once_when_the_server_dies_over_it(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	unlock, err := lease.LockDir(dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, unlock()) }()
	l, err := net.Listen("unix", filepath.Join(dir, socketName))
	require.NoError(t, err)
	defer l.Close()
	asked := make(chan struct{}, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1)) // the command is here
			asked <- struct{}{}
			_ = c.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	err = Do(ctx, &configs.Config{DataDir: dir}, "adduser", nil, nil)
	require.Error(t, err)
	require.NoError(t, ctx.Err(), "it does not wait for another server")
	require.Len(t, asked, 1, "it may have been done")
}

func TestServeSocket_ends_after_the_command_in_hand(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}), make(chan struct{})
	cfg, stop := socketed(t, filepath.Join(t.TempDir(), "data"), map[string]Command{
		"slow": func(context.Context, json.RawMessage) (any, error) { close(begun); <-release; return "done", nil },
	})
	answered := make(chan string, 1)
	go func() {
		var out string
		_ = Do(context.Background(), cfg, "slow", nil, &out)
		answered <- out
	}()
	<-begun
	done := stop()
	select {
	case err := <-done:
		t.Fatalf("the database is closed under a command: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(release)
	require.NoError(t, <-done)
	require.Equal(t, "done", <-answered)
}
