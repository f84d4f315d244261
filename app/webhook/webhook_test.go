package webhook

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/app/setting"
)

func item(key, body string) setting.Item {
	return setting.Item{Kind: Kind, Key: key, Body: json.RawMessage(body)}
}

func TestCompile_keeps_what_is_right_and_tells_the_rest(t *testing.T) {
	t.Parallel()
	m, problems := Compile([]setting.Item{
		item("erp", `{"name":"订单系统","url":"https://erp.example.com/koi?key=abc&x"}`),
		item("bi", `{"name":"报表","url":"http://10.2.0.9/in","note":"内网","off":true,"secret_file":"/run/secrets/bi"}`),
		item("bare", `{}`),
		item("misspelt", `{"name":"x","adress":"https://erp.example.com"}`),
		item("meta", `{"name":"x","url":"http://169.254.169.254/","secret_file":"bi.txt"}`),
		item("long", `{"name":"`+strings.Repeat("长", 65)+`","note":"`+strings.Repeat("长", 501)+`","url":"https://erp.example.com/`+strings.Repeat("a", 1000)+`"}`),
		{Kind: "tag", Key: "x", Body: json.RawMessage(`{}`)},
	}, guard(t, nil, "10.2.0.0/16"))
	var paths []string
	for _, p := range problems {
		paths = append(paths, p.Path)
	}
	require.ElementsMatch(t, []string{"webhook/bare/name", "webhook/bare/url", "webhook/misspelt/adress", "webhook/meta/url", "webhook/meta/secret_file",
		"webhook/long/name", "webhook/long/note", "webhook/long/url"}, paths)
	require.Len(t, m.Hooks(), 2)
	require.Equal(t, "订单系统", m.Get("erp").Name)
	require.Equal(t, "https://erp.example.com/koi?key=***&x=***", m.Get("erp").Shown(), "a robot's address is its key")
	require.Equal(t, "http://10.2.0.9/in", m.Get("bi").Shown())
	require.True(t, m.Get("bi").Off)
	require.Nil(t, m.Get("bare"))
	require.Nil(t, (*Model)(nil).Get("erp"))
	require.Empty(t, (*Model)(nil).Hooks())
}

func directory(t *testing.T, s *db.Stores, master byte) *Directory {
	t.Helper()
	k := make([]byte, secret.MasterSize)
	k[0] = master
	keys, err := secret.New(k)
	require.NoError(t, err)
	d := New(s, keys, clock.NewManual(time.UnixMilli(1_795_300_000_000)))
	m, problems := Compile([]setting.Item{item("erp", `{"name":"订单系统","url":"https://erp.example.com/koi"}`)}, nil)
	require.Empty(t, problems)
	d.Use(m)
	return d
}

func TestDirectory_makes_a_secret_at_the_first_need_and_seals_it(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		d := directory(t, s, 0)
		h, err := d.Get("erp")
		require.NoError(t, err)
		var wg sync.WaitGroup
		got := make([]string, 8)
		for i := range got {
			wg.Go(func() {
				v, err := d.Secret(t.Context(), h)
				if err != nil {
					t.Error(err)
				}
				got[i] = string(v)
			})
		}
		wg.Wait()
		for _, v := range got {
			require.Equal(t, got[0], v, "whoever asked first made it")
			require.Regexp(t, `^whsec_[A-Z2-7]{52}$`, v)
		}
		var sealed []byte
		require.NoError(t, s.Koi.QueryRow(t.Context(), "SELECT sealed FROM webhook_secrets WHERE hook=?", "erp").Scan(&sealed))
		require.NotContains(t, string(sealed), "whsec_")

		_, err = directory(t, s, 1).Secret(t.Context(), h)
		require.True(t, fault.Is(err, fault.Invalid), "another secret_key")

		rotated, err := d.Rotate(t.Context(), h, "user:anna")
		require.NoError(t, err)
		require.NotEqual(t, got[0], rotated)
		now, err := d.Secret(t.Context(), h)
		require.NoError(t, err)
		require.Equal(t, rotated, string(now))

		require.NoError(t, d.Forget(t.Context(), "erp"))
		again, err := d.Secret(t.Context(), h)
		require.NoError(t, err)
		require.NotEqual(t, rotated, string(again), "one who comes by the same name is another one")
		_, err = d.Get("nobody")
		require.True(t, fault.Is(err, fault.NotFound))
	})
}

func TestDirectory_reads_a_secret_from_its_file_each_time(t *testing.T) {
	t.Parallel()
	d := directory(t, dbtest.SQLite(t), 0)
	file := filepath.Join(t.TempDir(), "erp")
	h := &Hook{Key: "erp", SecretFile: file}
	put := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	_, err := d.Secret(t.Context(), h)
	require.True(t, fault.Is(err, fault.Invalid), "no file")
	for _, bad := range []string{"", "short\n", strings.Repeat("x", 5000)} {
		put(bad)
		_, err = d.Secret(t.Context(), h)
		require.True(t, fault.Is(err, fault.Invalid))
	}
	for _, good := range []string{"0123456789abcdef", "fedcba9876543210"} {
		put(good + "\r\n")
		got, err := d.Secret(t.Context(), h)
		require.NoError(t, err)
		require.Equal(t, good, string(got))
	}
	_, err = d.Rotate(t.Context(), h, "user:anna")
	require.True(t, fault.Is(err, fault.Conflict))
}
