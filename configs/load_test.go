package configs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/fault"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "koi.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// problemsOf returns path → message of a refused configuration.
func problemsOf(t *testing.T, err error) map[string]string {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, fault.Invalid, fault.KindOf(err))
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	got := map[string]string{}
	for _, p := range f.Problems {
		require.NotContains(t, got, p.Path, "one problem a place")
		got[p.Path] = p.Message
	}
	return got
}

func paths(problems map[string]string) []string {
	var list []string
	for p := range problems {
		list = append(list, p)
	}
	return list
}

func TestLoad_an_empty_file_gives_the_defaults(t *testing.T) {
	t.Parallel()
	c, err := Load(write(t, ""), nil)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8080", c.Listen)
	require.Equal(t, "http://127.0.0.1:8080", c.PublicURL)
	require.Equal(t, "./data", c.DataDir)
	require.Equal(t, "Asia/Shanghai", c.Location.String())
	require.Equal(t, "sqlite", c.Database.Driver)
	require.Equal(t, 10*time.Minute, c.Callback.Freshness)
	require.Equal(t, Log{Level: "info", Format: "text"}, c.Log)
	require.Equal(t, "https://api.weixin.qq.com", c.Channels.WeChat.BaseURL)
	require.Equal(t, "https://qyapi.weixin.qq.com", c.Channels.WeCom.BaseURL)
	require.Equal(t, 7*day, c.Retention.Log)
	require.Equal(t, 8*day, c.Retention.Seen)
}

func TestLoad_needs_no_file_unless_one_is_named(t *testing.T) {
	t.Parallel()
	_, err := Load("", nil)
	require.NoError(t, err)
	_, err = Load(filepath.Join(t.TempDir(), "absent.yaml"), nil)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}

func TestLoad_a_key_with_nothing_after_it_means_the_default(t *testing.T) {
	t.Parallel()
	c, err := Load(write(t, "database:\naccounts:\n  official:\nlog:\n  level:\n  format: json\n"), nil)
	require.NoError(t, err)
	require.Equal(t, "sqlite", c.Database.Driver)
	require.Equal(t, Log{Level: "info", Format: "json"}, c.Log)
}

func TestLoad_reads_the_example(t *testing.T) {
	t.Parallel()
	c, err := Load("koi.example.yaml", nil)
	require.NoError(t, err)
	require.Equal(t, "https://koi.example.com", c.PublicURL)
	require.Equal(t, "wx0123456789abcdef", c.Accounts.Official[0].AppID)
	require.Equal(t, 1000002, c.Accounts.WeCom[0].AgentID)

	// What the example does not change says its default.
	want := Default()
	want.PublicURL, want.Accounts = c.PublicURL, c.Accounts
	require.NoError(t, want.Validate())
	require.Equal(t, want, c)
}

func TestExample_shows_every_key(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("koi.example.yaml")
	require.NoError(t, err)
	eachLeaf(schema, nil, func(path []step) {
		for _, s := range path {
			if s.key != "" {
				require.Contains(t, string(text), s.key+":", "of %s", pathString(path))
			}
		}
	})
}

func eachLeaf(n *node, path []step, visit func([]step)) {
	switch n.kind {
	case section:
		for _, f := range n.fields {
			eachLeaf(f.node, append(path[:len(path):len(path)], step{key: f.key}), visit)
		}
	case list:
		eachLeaf(n.elem, append(path[:len(path):len(path)], step{index: 3}), visit)
	default:
		visit(path)
	}
}

func TestEnvironment_names_every_key_once(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	eachLeaf(schema, nil, func(path []step) {
		var parts []string
		for _, s := range path {
			if s.key == "" {
				parts = append(parts, "3")
			} else {
				parts = append(parts, strings.ToUpper(s.key))
			}
		}
		name := strings.Join(parts, "_")
		require.NotContains(t, seen, name)
		seen[name] = pathString(path)
		got, leaf := schema.resolve(name)
		require.NotNil(t, leaf, name)
		require.Equal(t, pathString(path), pathString(got))
		require.NotContains(t, seen, name+fileSuffix, "a secret's file must not read as another key")
	})
	require.Equal(t, "accounts.official[3].app_id", seen["ACCOUNTS_OFFICIAL_3_APP_ID"])
}

const aesKey = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"

func TestEnvironment_overrides_the_file(t *testing.T) {
	t.Parallel()
	file := write(t, `
public_url: http://from.file
accounts:
  official:
    - {app_id: wx1, token: tok, aes_key: `+aesKey+`, name: 甲}
`)
	c, err := Load(file, []string{
		"KOI_PUBLIC_URL=https://from.env/",
		"KOI_DATABASE_DRIVER=mysql",
		"KOI_DATABASE_DSN=koi:p=w@tcp(127.0.0.1:3306)/koi",
		"KOI_CALLBACK_FRESHNESS=30m",
		"KOI_RETENTION_EVENTS=90d",
		"KOI_CHANNELS_ALIYUN_SMS_BASE_URL=http://127.0.0.1:9000",
		"KOI_ACCOUNTS_OFFICIAL_0_APP_ID=wx2",
		"KOI_ACCOUNTS_OFFICIAL_1_APP_ID=wx3",
		"KOI_ACCOUNTS_OFFICIAL_1_TOKEN=0123",
		"KOI_ACCOUNTS_OFFICIAL_1_MODE=plain",
		"KOI_ACCOUNTS_WECOM_0_CORP_ID=ww1",
		"KOI_ACCOUNTS_WECOM_0_AGENT_ID=1000002",
		"KOI_ACCOUNTS_WECOM_0_TOKEN=tok",
		"KOI_ACCOUNTS_WECOM_0_AES_KEY=" + aesKey,
		"KOI_SECRET_KEY=", // empty counts as unset
		"KOI_TEST_MYSQL=of no concern",
		"HOME=/root",
	})
	require.NoError(t, err)
	require.Equal(t, "https://from.env", c.PublicURL)
	require.Equal(t, Database{Driver: "mysql", DSN: "koi:p=w@tcp(127.0.0.1:3306)/koi"}, c.Database)
	require.Equal(t, 30*time.Minute, c.Callback.Freshness)
	require.Equal(t, 90*day, c.Retention.Events)
	require.Equal(t, "http://127.0.0.1:9000", c.Channels.AliyunSMS.BaseURL)
	require.Equal(t, []WeChatAccount{
		{AppID: "wx2", Token: "tok", AESKey: aesKey, Name: "甲", Mode: "aes"},
		{AppID: "wx3", Token: "0123", Mode: "plain"},
	}, c.Accounts.Official)
	require.Equal(t, []WeComAccount{{CorpID: "ww1", AgentID: 1000002, Token: "tok", AESKey: aesKey}}, c.Accounts.WeCom)
}

func TestEnvironment_adds_more_than_ten_items_in_order(t *testing.T) {
	t.Parallel()
	var environ []string
	for _, i := range []string{"10", "2", "0", "1", "9", "3", "8", "4", "7", "5", "6"} {
		environ = append(environ, "KOI_ACCOUNTS_MINI_"+i+"_APP_ID=wx"+i, "KOI_ACCOUNTS_MINI_"+i+"_TOKEN=tok", "KOI_ACCOUNTS_MINI_"+i+"_MODE=plain")
	}
	c, err := Load(write(t, ""), environ)
	require.NoError(t, err)
	require.Len(t, c.Accounts.Mini, 11)
	require.Equal(t, "wx10", c.Accounts.Mini[10].AppID)
}

func TestEnvironment_reads_a_secret_from_a_file(t *testing.T) {
	t.Parallel()
	dsn := write(t, "koi:pw@tcp(db:3306)/koi\n")
	c, err := Load(write(t, ""), []string{"KOI_DATABASE_DRIVER=mysql", "KOI_DATABASE_DSN_FILE=" + dsn})
	require.NoError(t, err)
	require.Equal(t, "koi:pw@tcp(db:3306)/koi", c.Database.DSN)

	_, err = Load(write(t, ""), []string{"KOI_DATABASE_DRIVER=mysql", "KOI_DATABASE_DSN_FILE=/absent"})
	require.ElementsMatch(t, []string{"KOI_DATABASE_DSN_FILE"}, paths(problemsOf(t, err)), "it is unreadable, not missing")

	_, err = Load(write(t, ""), []string{"KOI_DATABASE_DRIVER=mysql", "KOI_DATABASE_DSN_FILE=" + dsn, "KOI_DATABASE_DSN=koi@/koi"})
	require.ElementsMatch(t, []string{"KOI_DATABASE_DSN_FILE"}, paths(problemsOf(t, err)), "two sources for one value")
}

func TestLoad_lists_every_problem_at_once(t *testing.T) {
	t.Parallel()
	_, err := Load(write(t, `
listne: :80
timezone: Asia/Peking
log: {level: loud}
callback: {freshness: soon}
database: []
channels:
  wecom: {base_url: qyapi}
  smtp: {host: mail.example.com, user: me}
accounts:
  official:
    - {appid: wx1, token: 0123456, aes_key: short}
    - {app_id: wx2, token: tok, aes_key: `+aesKey+`}
    - {app_id: wx2, token: tok, mode: open}
  wecom: {corp_id: ww1}
  sms:
    - {access_key_id: id, receipt_token: 不行}
`), []string{"KOI_DATA_DIRECTORY=/x", "KOI_CHANNELS_SMTP_PORT=many", "KOI_ACCOUNTS_MINI_5_APP_ID=wx9", "KOI_ACCOUNTS_MINI_0=wx9"})
	require.ElementsMatch(t, []string{
		"listne", "timezone", "log.level", "callback.freshness", "database",
		"channels.wecom.base_url", "channels.smtp.from", "channels.smtp.password",
		"accounts.official[0].appid", "accounts.official[0].app_id", "accounts.official[0].token", "accounts.official[0].aes_key",
		"accounts.official[2].app_id", "accounts.official[2].mode", "accounts.official[2].aes_key",
		"accounts.wecom",
		"accounts.sms[0].access_key_secret", "accounts.sms[0].sign_name", "accounts.sms[0].receipt_token",
		"KOI_DATA_DIRECTORY", "KOI_CHANNELS_SMTP_PORT", "KOI_ACCOUNTS_MINI_5_APP_ID", "KOI_ACCOUNTS_MINI_0",
	}, paths(problemsOf(t, err)))
}

func TestLoad_refuses_what_is_not_YAML(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"listen: [", "- a\n- b\n", "listen: :80\nlisten: :81\n", "just words"} {
		_, err := Load(write(t, text), nil)
		require.Equal(t, fault.Invalid, fault.KindOf(err), text)
	}
}

func TestLoad_never_shows_a_secret(t *testing.T) {
	t.Parallel()
	_, err := Load(write(t, "secret_key: hunter2-secret\ndatabase: {driver: mysql, dsn: 'koi:hunter2@@@tcp('}\n"),
		[]string{"KOI_ACCOUNTS_SMS_0_ACCESS_KEY_SECRET=hunter2", "KOI_ACCOUNTS_SMS_7_ACCESS_KEY_SECRET=hunter2", "KOI_SECRET=hunter2"})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
}

func TestValidate(t *testing.T) {
	t.Parallel()
	valid := func() *Config { return Default() }
	for name, c := range map[string]struct {
		change func(*Config)
		want   []string
	}{
		"the default is valid":                {func(*Config) {}, nil},
		"a listen address without port":       {func(c *Config) { c.Listen = "localhost" }, []string{"listen"}},
		"a named port":                        {func(c *Config) { c.Listen = ":http" }, []string{"listen"}},
		"a public address with a query":       {func(c *Config) { c.PublicURL = "https://a.cn/?x=1" }, []string{"public_url"}},
		"a short secret key":                  {func(c *Config) { c.SecretKey = "c2hvcnQ=" }, []string{"secret_key"}},
		"a good secret key":                   {func(c *Config) { c.SecretKey = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=" }, nil},
		"mysql without dsn":                   {func(c *Config) { c.Database.Driver = "mysql" }, []string{"database.dsn"}},
		"mysql without database name":         {func(c *Config) { c.Database = Database{"mysql", "koi@tcp(db:3306)/"} }, []string{"database.dsn"}},
		"sqlite with dsn":                     {func(c *Config) { c.Database.DSN = "koi.db" }, []string{"database.dsn"}},
		"another engine":                      {func(c *Config) { c.Database.Driver = "postgres" }, []string{"database.driver"}},
		"the machine's zone":                  {func(c *Config) { c.Timezone = "Local" }, []string{"timezone"}},
		"no zone":                             {func(c *Config) { c.Timezone = "" }, []string{"timezone"}},
		"seen keys dropped while still fresh": {func(c *Config) { c.Callback.Freshness = 7 * day }, []string{"retention.seen"}},
		"negative retention":                  {func(c *Config) { c.Retention.Log = -day }, []string{"retention.log"}},
		"a mail relay":                        {func(c *Config) { c.Channels.SMTP = SMTP{Host: "h", Port: 465, From: "市场 <a@b.cn>"} }, nil},
		"networks for webhooks":               {func(c *Config) { c.Channels.Webhook.Allow = []string{"10.2.0.0/16", "10.2.3.4", "fd00::/8"} }, nil},
		"no networks for webhooks": {func(c *Config) {
			c.Channels.Webhook.Allow = []string{"内网", "10.2.3.4", "10.0.0.0/33", "::ffff:10.0.0.1"}
		},
			[]string{"channels.webhook.allow[0]", "channels.webhook.allow[2]", "channels.webhook.allow[3]"}},
		"no platform address": {func(c *Config) { c.Channels.WeChat.BaseURL = "" }, []string{"channels.wechat.base_url"}},
		"one account in two lists is no problem": {func(c *Config) {
			c.Accounts = Accounts{Official: []WeChatAccount{{AppID: "a", Token: "t", Mode: "plain"}}, Mini: []WeChatAccount{{AppID: "a", Token: "t", Mode: "plain"}}}
		}, nil},
		"two agents of a corp": {func(c *Config) {
			c.Accounts.WeCom = []WeComAccount{{CorpID: "w", AgentID: 1, Token: "t", AESKey: aesKey}, {CorpID: "w", AgentID: 2, Token: "t", AESKey: aesKey}}
		}, nil},
		"the same agent twice": {func(c *Config) {
			c.Accounts.WeCom = []WeComAccount{{CorpID: "w", AgentID: 1, Token: "t", AESKey: aesKey}, {CorpID: "w", AgentID: 1, Token: "t", AESKey: aesKey}}
		}, []string{"accounts.wecom[1].agent_id"}},
		"a plain account still needs a token": {func(c *Config) { c.Accounts.Official = []WeChatAccount{{AppID: "a", Mode: "plain"}} }, []string{"accounts.official[0].token"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := valid()
			c.change(cfg)
			err := cfg.Validate()
			if c.want == nil {
				require.NoError(t, err)
				require.NoError(t, cfg.Validate(), "again")
				return
			}
			require.ElementsMatch(t, c.want, paths(problemsOf(t, err)))
		})
	}
}

func TestValidate_public_url_follows_listen(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		":8080":          "http://127.0.0.1:8080",
		"0.0.0.0:80":     "http://127.0.0.1:80",
		"[::]:80":        "http://127.0.0.1:80",
		"[::1]:80":       "http://[::1]:80",
		"10.0.0.5:9":     "http://10.0.0.5:9",
		"127.0.0.1:0":    "",
		"koi.local:8080": "http://koi.local:8080",
	} {
		c := Default()
		c.Listen = listen
		require.NoError(t, c.Validate())
		require.Equal(t, want, c.PublicURL, listen)
	}
}

func TestLoad_lists_of_plain_values(t *testing.T) {
	t.Parallel()
	file := write(t, "channels:\n  webhook:\n    allow: [10.1.0.0/16]\n")
	c, err := Load(file, []string{"KOI_CHANNELS_WEBHOOK_ALLOW_0=10.2.0.0/16", "KOI_CHANNELS_WEBHOOK_ALLOW_1=10.3.0.1"})
	require.NoError(t, err)
	require.Equal(t, []string{"10.2.0.0/16", "10.3.0.1"}, c.Channels.Webhook.Allow)

	_, err = Load(file, []string{"KOI_CHANNELS_WEBHOOK_ALLOW_2=10.2.0.0/16"})
	require.Contains(t, problemsOf(t, err), "KOI_CHANNELS_WEBHOOK_ALLOW_2", "one is left out")

	_, err = Load(write(t, "channels:\n  webhook:\n    allow:\n      - 10\n      -\n      - {a: b}\n"), nil)
	got := problemsOf(t, err)
	for _, path := range []string{"channels.webhook.allow[0]", "channels.webhook.allow[1]", "channels.webhook.allow[2]"} {
		require.Contains(t, got, path)
	}
}
