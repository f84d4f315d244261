package demo_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/demo"
	"github.com/koi-scrm/koi/app/fault"
)

func TestRun_tells_the_story_to_its_end(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	var out bytes.Buffer
	dir := filepath.Join(t.TempDir(), "demo")
	require.NoError(t, demo.Run(ctx, demo.Options{Listen: "127.0.0.1:0", DataDir: dir, Out: &out, Once: true}))
	for _, line := range []string{
		"周敏的手机：您好，欢迎", // the welcome
		"收到！价格",       // the reply to 报价, once
		"客户合并",
		"分数达标",
		"王磊的手机：【热线索：周敏",
		"取关",
		"重复 0 条",
		"有 3 个身份",
	} {
		require.Contains(t, out.String(), line)
	}
	require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("收到！价格")))
	require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("【热线索：周敏")))
}

func TestRun_leaves_other_data_alone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	precious := filepath.Join(dir, "koi.db")
	require.NoError(t, os.WriteFile(precious, []byte("mine"), 0o600))
	err := demo.Run(t.Context(), demo.Options{Listen: "127.0.0.1:0", DataDir: dir, Out: &bytes.Buffer{}, Once: true})
	require.True(t, fault.Is(err, fault.Invalid))
	require.FileExists(t, precious)
}

func TestRun_listens_on_loopback_only(t *testing.T) {
	t.Parallel()
	err := demo.Run(t.Context(), demo.Options{Listen: "0.0.0.0:0", DataDir: t.TempDir(), Out: &bytes.Buffer{}, Once: true})
	require.True(t, fault.Is(err, fault.Invalid))
}
