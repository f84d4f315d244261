package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBackup_of_a_running_server_comes_back_on_another_machine(t *testing.T) {
	c := newCLI(t)
	stop := c.serve()
	c.run(exitOK, "apply", "-f", c.file(vip))
	archive := filepath.Join(c.dir, "koi.tar.gz")
	out, _ := c.run(exitOK, "backup", "-f", archive)
	require.Contains(t, out, "已备份到 "+archive)
	require.Contains(t, out, "密钥不在备份里")
	_, errs := c.run(exitFail, "backup", "-f", archive)
	require.Contains(t, errs, "已存在，没有覆盖")
	_, errs = c.run(exitFail, "restore", archive)
	require.Contains(t, errs, "正被另一个 Koi 进程使用")
	want, _ := c.run(exitOK, "export")
	stop()

	other := newCLI(t)
	_, errs = other.run(exitFail, "restore", archive)
	require.Contains(t, errs, "请先放好原来的密钥")
	key, err := os.ReadFile(filepath.Join(c.dir, "data", "secret.key"))
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(other.dir, "data"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(other.dir, "data", "secret.key"), key, 0o600))
	out, _ = other.run(exitOK, "restore", archive)
	require.Contains(t, out, "已恢复")
	_, errs = other.run(exitFail, "restore", archive)
	require.Contains(t, errs, "已有数据库")

	stop = other.serve()
	defer stop()
	got, _ := other.run(exitOK, "export")
	require.Equal(t, want, got)
}

func TestRestore_wants_one_file(t *testing.T) {
	c := newCLI(t)
	for _, args := range [][]string{{"restore"}, {"restore", "a", "b"}, {"backup", "a"}} {
		_, errs := c.run(exitUsage, args...)
		require.Contains(t, errs, "用法不对", args)
	}
}
