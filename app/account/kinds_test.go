package account

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/configs"
)

func miniChange(appID string) Change {
	return Change{Kind: KindMini, App: appID, Name: ptr("演示小程序"), Secret: ptr(testSecret), Token: ptr("tokenM"), AESKey: ptr(testAESKey)}
}

func smsChange(sign string) Change {
	return Change{Kind: KindSMS, App: sign, Secret: ptr(testSecret), AccessKeyID: ptr("LTAI5tExampleKey01")}
}

func TestDirectory_mini_programs_and_SMS_signatures_are_live_at_once_and_sealed_at_rest(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		here, there := newDirectory(t, s, configs.Accounts{}), newDirectory(t, s, configs.Accounts{})
		_, err := here.Add(t.Context(), miniChange("wxmini0000000001"), "admin")
		require.NoError(t, err)
		e, err := here.Add(t.Context(), smsChange(" 【锦鲤科技】"), "admin")
		require.NoError(t, err)
		require.Equal(t, Entry{Kind: KindSMS, ID: "锦鲤科技", SignName: "锦鲤科技", AccessKeyID: "LTAI****ey01", Name: "锦鲤科技",
			Secrets: []string{"access_key_secret", "receipt_token"}, Rev: 1_795_300_000_000, UpdatedAt: 1_795_300_000_000, UpdatedBy: "admin"}, e)

		require.NoError(t, there.look(t.Context()))
		for _, d := range []*Directory{here, there} {
			m, ok := d.Mini("wxmini0000000001")
			require.True(t, ok)
			require.Equal(t, Mini{AppID: "wxmini0000000001", AppSecret: testSecret, Token: "tokenM", AESKey: testAESKey, Name: "演示小程序", Mode: ModeAES}, m)
			require.Equal(t, []Mini{m}, d.Minis())
			_, ok = d.Official("wxmini0000000001")
			require.False(t, ok, "a mini-program is no official account")
			creds, err := d.Credentials(KindMini, "wxmini0000000001")
			require.NoError(t, err)
			require.Equal(t, []Credential{m.Credential()}, creds)

			a, ok := d.SMS("锦鲤科技")
			require.True(t, ok)
			require.Equal(t, testSecret, a.AccessKeySecret)
			require.Equal(t, []SMS{a}, d.SMSes())
			require.GreaterOrEqual(t, len(a.ReceiptToken), 16, "a receipt token was made")
			found, ok := d.SMSByReceiptToken(a.ReceiptToken)
			require.True(t, ok)
			require.Equal(t, a, found)
			for _, wrong := range []string{"", a.ReceiptToken[1:], a.ReceiptToken + "x"} {
				_, ok = d.SMSByReceiptToken(wrong)
				require.False(t, ok, wrong)
			}
			creds, err = d.Credentials(KindSMS, "锦鲤科技")
			require.NoError(t, err)
			require.Empty(t, creds)
		}

		var stored string
		rows, err := s.Koi.Query(t.Context(), "SELECT sealed FROM accounts")
		require.NoError(t, err)
		for rows.Next() {
			var b []byte
			require.NoError(t, rows.Scan(&b))
			stored += string(b)
		}
		require.NoError(t, rows.Close())
		for _, s := range []string{testSecret, testAESKey, "tokenM", "LTAI5tExampleKey01"} {
			require.NotContains(t, stored, s)
		}

		_, err = here.Edit(t.Context(), Change{Kind: KindSMS, App: "锦鲤科技", AccessKeyID: ptr("LTAI5tExampleKey02")}, "ops")
		require.NoError(t, err)
		a, _ := here.SMS("锦鲤科技")
		require.Equal(t, "LTAI5tExampleKey02", a.AccessKeyID)
		require.Equal(t, testSecret, a.AccessKeySecret)

		require.NoError(t, here.Delete(t.Context(), KindSMS, "锦鲤科技"))
		require.NoError(t, here.Delete(t.Context(), KindMini, "wxmini0000000001"))
		require.Empty(t, here.Minis())
		require.Empty(t, here.SMSes())
	})
}

func TestDirectory_two_signatures_cannot_share_a_receipt_token(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		d := newDirectory(t, s, configs.Accounts{SMS: []configs.SMSAccount{
			{AccessKeyID: "LTAI5tExampleKey01", AccessKeySecret: testSecret, SignName: "文件签名", ReceiptToken: "receipt-token-0001"}}})
		a, ok := d.SMSByReceiptToken("receipt-token-0001")
		require.True(t, ok)
		require.Equal(t, "文件签名", a.SignName)

		c := smsChange("控制台签名")
		c.Token = ptr("receipt-token-0001")
		_, err := d.Add(t.Context(), c, "admin")
		require.True(t, fault.Is(err, fault.Invalid), err)
		c.Token = ptr("receipt-token-0002")
		_, err = d.Add(t.Context(), c, "admin")
		require.NoError(t, err)
		_, err = d.Edit(t.Context(), Change{Kind: KindSMS, App: "控制台签名", Token: ptr("receipt-token-0001")}, "admin")
		require.True(t, fault.Is(err, fault.Invalid), err)
		_, err = d.Edit(t.Context(), Change{Kind: KindSMS, App: "控制台签名", Token: ptr("receipt-token-0002")}, "admin")
		require.NoError(t, err, "its own")
	})
}

func TestDirectory_mini_programs_and_SMS_signatures_of_the_file_follow_the_file(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, dbtest.SQLite(t), configs.Accounts{
		Mini: []configs.WeChatAccount{{AppID: "wxmini0000000001", Token: "tok", AESKey: testAESKey, Mode: "plain"}},
		SMS:  []configs.SMSAccount{{AccessKeyID: "LTAI5tExampleKey01", AccessKeySecret: testSecret, SignName: "锦鲤科技"}},
	})
	m, _ := d.Mini("wxmini0000000001")
	require.Equal(t, ModePlain, m.Mode)
	a, ok := d.SMS("锦鲤科技")
	require.True(t, ok)
	require.Empty(t, a.ReceiptToken, "the file says all; receipts are not taken")
	_, ok = d.SMSByReceiptToken("")
	require.False(t, ok)
	require.True(t, fault.Is(d.Delete(t.Context(), KindMini, "wxmini0000000001"), fault.Conflict))

	require.NoError(t, d.Use(t.Context(), configs.Accounts{}))
	_, ok = d.Mini("wxmini0000000001")
	require.False(t, ok)
	require.Empty(t, d.SMSes())
}

func TestDirectory_lists_every_mistake_of_a_mini_program_and_a_signature(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, dbtest.SQLite(t), configs.Accounts{})
	with := func(c Change, edit func(*Change)) Change { edit(&c); return c }
	for name, c := range map[string]struct {
		change Change
		paths  []string
	}{
		"an empty mini-program":       {Change{Kind: KindMini}, []string{"app_id", "app_secret", "token", "aes_key"}},
		"the original id":             {with(miniChange("gh_0123456789ab"), func(*Change) {}), []string{"app_id"}},
		"an unknown mode":             {with(miniChange("wxmini0000000001"), func(c *Change) { c.Mode = ptr(Mode("x")) }), []string{"mode"}},
		"an empty signature":          {Change{Kind: KindSMS}, []string{"sign_name", "access_key_id", "access_key_secret"}},
		"a signature with a slash":    {smsChange("锦/鲤"), []string{"sign_name"}},
		"a receipt token too short":   {with(smsChange("锦鲤科技"), func(c *Change) { c.Token = ptr("short") }), []string{"receipt_token"}},
		"a receipt token with spaces": {with(smsChange("锦鲤科技"), func(c *Change) { c.Token = ptr("receipt token 00001") }), []string{"receipt_token"}},
		"a key that is none":          {with(smsChange("锦鲤科技"), func(c *Change) { c.AccessKeyID = ptr("no key") }), []string{"access_key_id"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.Add(t.Context(), c.change, "admin")
			var f *fault.Error
			require.ErrorAs(t, err, &f)
			var paths []string
			for _, p := range f.Problems {
				paths = append(paths, p.Path)
			}
			require.Equal(t, c.paths, paths, f.Problems)
		})
	}
	require.Empty(t, d.List())
}
