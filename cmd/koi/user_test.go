package main

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// Not parallel: see apply_test.go.
func TestUser_adds_lists_and_resets(t *testing.T) {
	conf := newCLI(t).conf
	koi := func(args ...string) (code int, stdout, stderr string) {
		var out, errs bytes.Buffer
		code = run(append([]string{"--config", conf, "user"}, args...), &out, &errs)
		return code, out.String(), errs.String()
	}
	code, out, _ := koi("add", "Anna", "--role", "admin", "--name", "安娜")
	require.Equal(t, exitOK, code)
	first := regexp.MustCompile(`密码：(\S+)`).FindStringSubmatch(out)
	require.Len(t, first, 2)

	code, _, errs := koi("add", "anna", "--role", "boss")
	require.Equal(t, exitFail, code)
	require.Contains(t, errs, "role: 没有角色")
	code, _, errs = koi("add", "anna", "--role", "admin")
	require.Equal(t, exitFail, code)
	require.Contains(t, errs, "已经有人用了")
	for _, args := range [][]string{{"add", "x1"}, {"add", "--role", "admin"}, {"passwd"}, {"list", "x"}, {"frob"}, {"add", "x1", "--rolle", "y"}} {
		code, _, errs = koi(args...)
		require.Equal(t, exitUsage, code, "%v: %s", args, errs)
	}
	code, out, _ = koi("passwd", "anna")
	require.Equal(t, exitOK, code)
	second := regexp.MustCompile(`密码：(\S+)`).FindStringSubmatch(out)
	require.NotEqual(t, first, second)
	code, _, errs = koi("passwd", "nobody")
	require.Equal(t, exitFail, code)
	require.Contains(t, errs, "没有这位用户")

	code, out, _ = koi("list")
	require.Equal(t, exitOK, code)
	require.Regexp(t, `anna\s+安娜\s+管理员\s+-\s+正常\s+从未`, out)
}

func TestReadPassword_takes_one_line(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"a b c\n": "a b c", "last": "last", "one\r\ntwo\n": "one", "": ""} {
		got, err := readPassword(bytes.NewReader([]byte(in)))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
