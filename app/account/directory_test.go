package account

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/configs"
)

const (
	testAESKey = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
	testSecret = "s3cretS3cretS3cretS3cretS3cret01"
)

func testKeys(t *testing.T, fill byte) *secret.Keys {
	t.Helper()
	keys, err := secret.New(bytes.Repeat([]byte{fill}, secret.MasterSize))
	require.NoError(t, err)
	return keys
}

func newDirectory(t *testing.T, s *db.Stores, file configs.Accounts) *Directory {
	t.Helper()
	d := New(s, testKeys(t, 1), clock.NewManual(time.UnixMilli(1_795_300_000_000)), file)
	require.NoError(t, d.Reload(t.Context()))
	return d
}

func ptr[T any](v T) *T { return &v }

func officialChange(appID string) Change {
	return Change{Kind: KindOfficial, App: appID, Name: ptr("演示公众号"), Secret: ptr(testSecret), Token: ptr("tokenA"), AESKey: ptr(testAESKey)}
}

func wecomChange(corpID string, agentID int) Change {
	return Change{Kind: KindWeCom, App: corpID, AgentID: agentID, Secret: ptr(testSecret), Token: ptr("tokenB"), AESKey: ptr(testAESKey)}
}

func TestDirectory_an_account_added_in_the_console_is_live_at_once_and_sealed_at_rest(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		d := newDirectory(t, s, configs.Accounts{})
		changes := 0
		d.OnChange(func() { changes++ })

		e, err := d.Add(t.Context(), officialChange(" wx1234567890abcdef "), "admin")
		require.NoError(t, err)
		require.Equal(t, Entry{Kind: KindOfficial, ID: "wx1234567890abcdef", AppID: "wx1234567890abcdef", Name: "演示公众号", Mode: ModeAES,
			Secrets: []string{"app_secret", "token", "aes_key"}, Rev: 1_795_300_000_000, UpdatedAt: 1_795_300_000_000, UpdatedBy: "admin"}, e)
		require.Equal(t, 1, changes)
		got, ok := d.Official("wx1234567890abcdef")
		require.True(t, ok)
		require.Equal(t, testSecret, got.AppSecret)
		require.Equal(t, testAESKey, got.AESKey)

		_, err = d.Add(t.Context(), wecomChange("ww1234567890abcdef", 1000002), "admin")
		require.NoError(t, err)
		w, ok := d.WeCom("ww1234567890abcdef", 1000002)
		require.True(t, ok)
		require.Equal(t, testSecret, w.AgentSecret)
		require.Equal(t, "ww1234567890abcdef/1000002", w.Name, "without a name it goes by its id")

		var stored string
		rows, err := s.Koi.Query(t.Context(), "SELECT sealed FROM accounts")
		require.NoError(t, err)
		for rows.Next() {
			var b []byte
			require.NoError(t, rows.Scan(&b))
			stored += string(b)
		}
		require.NoError(t, rows.Close())
		for _, s := range []string{testSecret, testAESKey, "tokenA", "tokenB", "演示"} {
			require.NotContains(t, stored, s)
		}

		require.NoError(t, d.Delete(t.Context(), KindOfficial, "wx1234567890abcdef"))
		_, ok = d.Official("wx1234567890abcdef")
		require.False(t, ok)
		require.True(t, fault.Is(d.Delete(t.Context(), KindOfficial, "wx1234567890abcdef"), fault.NotFound))
	})
}

func TestDirectory_an_edit_keeps_what_it_does_not_name(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		d := newDirectory(t, s, configs.Accounts{})
		c := wecomChange("ww1234567890abcdef", 1000002)
		c.ContactSecret = ptr("contact-secret-1")
		_, err := d.Add(t.Context(), c, "admin")
		require.NoError(t, err)

		_, err = d.Edit(t.Context(), Change{Kind: KindWeCom, App: "ww1234567890abcdef", AgentID: 1000002, Name: ptr("销售助手"), ContactSecret: ptr("")}, "ops")
		require.NoError(t, err)
		w, _ := d.WeCom("ww1234567890abcdef", 1000002)
		require.Equal(t, "销售助手", w.Name)
		require.Equal(t, testSecret, w.AgentSecret)
		require.Empty(t, w.ContactSecret)
		require.Equal(t, w.Credential(), w.ContactCredential(), "without a secret of its own 客户联系 goes by the app's")

		_, err = d.Edit(t.Context(), Change{Kind: KindWeCom, App: "ww1234567890abcdef", AgentID: 1000003}, "ops")
		require.True(t, fault.Is(err, fault.NotFound), err)
		_, err = d.Add(t.Context(), wecomChange("ww1234567890abcdef", 1000002), "ops")
		require.True(t, fault.Is(err, fault.Conflict), err)
	})
}

func TestDirectory_accounts_of_the_file_are_read_only_and_follow_the_file(t *testing.T) {
	t.Parallel()
	s := dbtest.SQLite(t)
	file := configs.Accounts{
		Official: []configs.WeChatAccount{{AppID: "wxfile0000000001", AppSecret: testSecret, Token: "tok", AESKey: testAESKey, Name: "文件里的", Mode: "compat"}},
		WeCom:    []configs.WeComAccount{{CorpID: "wwfile", AgentID: 1, AgentSecret: testSecret, Token: "tok", AESKey: testAESKey}},
	}
	d := newDirectory(t, s, file)
	e, err := d.Get(KindOfficial, "wxfile0000000001")
	require.NoError(t, err)
	require.True(t, e.ReadOnly)
	require.Equal(t, ModeCompat, e.Mode)
	for _, err := range []error{
		d.Delete(t.Context(), KindOfficial, "wxfile0000000001"),
		second(d.Add(t.Context(), officialChange("wxfile0000000001"), "admin")),
		second(d.Edit(t.Context(), officialChange("wxfile0000000001"), "admin")),
	} {
		require.True(t, fault.Is(err, fault.Conflict), err)
		require.Contains(t, err.Error(), "配置文件")
	}

	require.NoError(t, d.Use(t.Context(), configs.Accounts{Official: []configs.WeChatAccount{{AppID: "wxfile0000000002", Token: "tok", AESKey: testAESKey}}}))
	_, ok := d.Official("wxfile0000000001")
	require.False(t, ok)
	require.Empty(t, d.WeComs())
	require.Len(t, d.Officials(), 1)
	require.Equal(t, ModeAES, d.Officials()[0].Mode)
}

func second[T any](_ T, err error) error { return err }

func TestDirectory_lists_every_mistake_in_Chinese_and_stores_nothing(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, dbtest.SQLite(t), configs.Accounts{})
	for name, c := range map[string]struct {
		change Change
		paths  []string
	}{
		"nothing filled in": {Change{Kind: KindOfficial}, []string{"app_id", "app_secret", "token", "aes_key"}},
		"the original id":   {Change{Kind: KindOfficial, App: "gh_0123456789ab", Secret: ptr(testSecret), Token: ptr("abc"), AESKey: ptr(testAESKey)}, []string{"app_id"}},
		"a key one short":   {func() Change { c := officialChange("wx1234567890abcdef"); c.AESKey = ptr(testAESKey[1:]); return c }(), []string{"aes_key"}},
		"a key that is none": {func() Change {
			c := officialChange("wx1234567890abcdef")
			c.AESKey = ptr(strings.Repeat("!", 43))
			return c
		}(), []string{"aes_key"}},
		"a token with a dash":   {func() Change { c := officialChange("wx1234567890abcdef"); c.Token = ptr("to-ken"); return c }(), []string{"token"}},
		"an unknown mode":       {func() Change { c := officialChange("wx1234567890abcdef"); c.Mode = ptr(Mode("rot13")); return c }(), []string{"mode"}},
		"a secret with a space": {func() Change { c := officialChange("wx1234567890abcdef"); c.Secret = ptr("secret secret"); return c }(), []string{"app_secret"}},
		"no agent":              {wecomChange("ww1234567890abcdef", 0), []string{"agent_id"}},
		"a corp that is none":   {wecomChange("1234567890", 1), []string{"corp_id"}},
		"a name beyond measure": {func() Change {
			c := officialChange("wx1234567890abcdef")
			c.Name = ptr(strings.Repeat("名", 61))
			return c
		}(), []string{"name"}},
		"an unknown kind":         {Change{Kind: "fax", App: "1"}, []string{"kind"}},
		"a bad contact secret":    {func() Change { c := wecomChange("ww1234567890abcdef", 1); c.ContactSecret = ptr("x"); return c }(), []string{"contact_secret"}},
		"plain still wants Token": {Change{Kind: KindOfficial, App: "wx1234567890abcdef", Mode: ptr(ModePlain), Secret: ptr(testSecret)}, []string{"token"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.Add(t.Context(), c.change, "admin")
			var f *fault.Error
			require.ErrorAs(t, err, &f)
			require.Equal(t, fault.Invalid, f.Kind)
			var paths []string
			for _, p := range f.Problems {
				paths = append(paths, p.Path)
				require.NotContains(t, p.Message, testSecret)
			}
			require.Equal(t, c.paths, paths, f.Problems)
		})
	}
	require.Empty(t, d.List())

	c := officialChange("wx1234567890abcdef")
	c.Mode, c.AESKey = ptr(ModePlain), nil
	_, err := d.Add(t.Context(), c, "admin")
	require.NoError(t, err, "plain mode needs no key")
}

func TestDirectory_another_node_sees_the_change(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		here, there := newDirectory(t, s, configs.Accounts{}), newDirectory(t, s, configs.Accounts{})
		reloads := 0
		there.OnChange(func() { reloads++ })
		require.NoError(t, there.look(t.Context()))
		require.Zero(t, reloads, "nothing changed")

		_, err := here.Add(t.Context(), officialChange("wx1234567890abcdef"), "admin")
		require.NoError(t, err)
		require.NoError(t, there.look(t.Context()))
		_, ok := there.Official("wx1234567890abcdef")
		require.True(t, ok)

		_, err = here.Edit(t.Context(), Change{Kind: KindOfficial, App: "wx1234567890abcdef", Token: ptr("tokenC")}, "admin")
		require.NoError(t, err)
		require.NoError(t, there.look(t.Context()))
		o, _ := there.Official("wx1234567890abcdef")
		require.Equal(t, "tokenC", o.Token)

		require.NoError(t, here.Delete(t.Context(), KindOfficial, "wx1234567890abcdef"))
		require.NoError(t, there.look(t.Context()))
		require.Empty(t, there.List())
		require.Equal(t, 3, reloads)
	})
}

func TestDirectory_an_account_under_another_key_is_shown_as_broken_and_takes_no_other_down(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		d := newDirectory(t, s, configs.Accounts{})
		_, err := d.Add(t.Context(), wecomChange("ww1234567890abcdef", 1000002), "admin")
		require.NoError(t, err)

		other := New(s, testKeys(t, 2), clock.Real{}, configs.Accounts{})
		require.NoError(t, other.Reload(t.Context()))
		_, err = other.Add(t.Context(), officialChange("wx1234567890abcdef"), "admin")
		require.NoError(t, err)
		_, ok := other.WeCom("ww1234567890abcdef", 1000002)
		require.False(t, ok)
		e, err := other.Get(KindWeCom, "ww1234567890abcdef/1000002")
		require.NoError(t, err)
		require.Contains(t, e.Problem, "重新填写")
		require.Equal(t, 1000002, e.AgentID)

		_, err = other.Edit(t.Context(), wecomChange("ww1234567890abcdef", 1000002), "admin")
		require.NoError(t, err, "entered anew, it works again")
		_, ok = other.WeCom("ww1234567890abcdef", 1000002)
		require.True(t, ok)
	})
}

func TestDirectory_Run_ends_with_its_context(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, dbtest.SQLite(t), configs.Accounts{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, d.Run(ctx))
}

func TestAccounts_print_without_their_secrets(t *testing.T) {
	t.Parallel()
	o := Official{AppID: "wx1", AppSecret: testSecret, Token: "tokenA", AESKey: testAESKey}
	w := WeCom{CorpID: "ww1", AgentID: 7, AgentSecret: testSecret, ContactSecret: "contact-secret-1", Token: "tokenA", AESKey: testAESKey}
	r := record{Kind: KindWeCom, App: "ww1", AgentID: 7, Secret: testSecret, Token: "tokenA", AESKey: testAESKey}
	var log bytes.Buffer
	l := slog.New(slog.NewJSONHandler(&log, nil))
	var out strings.Builder
	for _, v := range []any{o, &o, w, &w, []WeCom{w}, map[string]Official{"a": o}, w.Credential(), w.ContactCredential(), struct{ A Official }{o}, r} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		l.Info("x", "v", v)
		if _, internal := v.(record); !internal { // the one type that is encoded to be sealed
			b, err := json.Marshal(v)
			require.NoError(t, err)
			out.Write(b)
		}
	}
	for _, s := range []string{testSecret, testAESKey, "tokenA", "contact-secret-1"} {
		require.NotContains(t, out.String(), s)
		require.NotContains(t, log.String(), s)
	}
	require.Contains(t, out.String(), "ww1/7")
}

func TestSplitWeComID_takes_only_ids(t *testing.T) {
	t.Parallel()
	corp, agent, ok := SplitWeComID(WeCom{CorpID: "ww1", AgentID: 1000002}.ID())
	require.True(t, ok)
	require.Equal(t, "ww1", corp)
	require.Equal(t, 1000002, agent)
	for _, bad := range []string{"", "ww1", "/2", "ww1/", "ww1/x", "ww1/0", "ww1/-1"} {
		_, _, ok := SplitWeComID(bad)
		require.False(t, ok, bad)
	}
}
