package demo_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
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
	err := demo.Run(ctx, demo.Options{Listen: "127.0.0.1:0", DataDir: dir, Out: &out, Once: true})
	t.Log(out.String()) // what a failure is understood by
	require.NoError(t, err)
	for _, line := range []string{
		"周敏的手机：您好，欢迎", // the welcome
		"收到！价格",       // the reply to 报价, once
		"客户合并",
		"分数达标",
		"王磊的手机：【热线索：周敏",
		"从动作到周敏收到欢迎语", // of the member of staff she added
		"订单系统收到 journey.webhook",
		"签名正确",
		"传播链 陈静 → 周敏（第 1 层，计入，待结算） → 新访客（第 2 层，计入，待结算）",
		"周敏的手机：客户案例直播 · 点开即可观看",
		"周敏的手机：试用申请 · 已受理，顾问会联系您",
		"错误码 45009",
		"API：等待发送（接口暂停）",
		"周敏的手机：【云帆软件】同行业客户案例已上线",
		"退订",
		"消息被拦截：已退订",
		"API：被拦截（已退订）",
		"取关",
		"消息被拦截：未关注公众号",
		"API：被拦截（未关注公众号）",
		"重复 0 条",
		"有 6 个身份",
	} {
		require.Contains(t, out.String(), line)
	}
	require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("收到！价格")))
	require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("【热线索：周敏")))
	require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("周敏的手机：【云帆软件】")), "the second text was kept back")
	welcome := regexp.MustCompile(`从动作到周敏收到欢迎语：(\d+) 毫秒`).FindStringSubmatch(out.String())
	require.NotEmpty(t, welcome)
	ms, err := strconv.Atoi(welcome[1])
	require.NoError(t, err)
	require.Less(t, ms, 20_000, "a welcome code lives 20 s")
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
