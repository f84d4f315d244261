package configs

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLoad_takes_mini_programs_and_SMS_signatures_once_each(t *testing.T) {
	t.Parallel()
	c, err := Load(write(t, `
accounts:
  mini:
    - {app_id: wxm, token: tok, aes_key: `+aesKey+`}
    - {app_id: wxn, token: tok, mode: plain}
  sms:
    - {access_key_id: id, access_key_secret: secret, sign_name: 锦鲤科技, receipt_token: receipt-token-0001}
    - {access_key_id: id, access_key_secret: secret, sign_name: 锦鲤商城}
`), nil)
	require.NoError(t, err)
	require.Equal(t, "aes", c.Accounts.Mini[0].Mode)
	require.Equal(t, "plain", c.Accounts.Mini[1].Mode)
	require.Equal(t, "锦鲤科技", c.Accounts.SMS[0].SignName)

	_, err = Load(write(t, `
accounts:
  mini:
    - {app_id: wxm, token: tok, aes_key: `+aesKey+`}
    - {app_id: wxm, token: tok, aes_key: short}
  sms:
    - {access_key_id: id, access_key_secret: secret, sign_name: 锦鲤科技, receipt_token: t1}
    - {access_key_id: id, access_key_secret: secret, sign_name: 锦鲤科技, receipt_token: t1}
`), nil)
	require.ElementsMatch(t, []string{"accounts.mini[1].app_id", "accounts.mini[1].aes_key", "accounts.sms[1].sign_name", "accounts.sms[1].receipt_token"},
		paths(problemsOf(t, err)))
}
