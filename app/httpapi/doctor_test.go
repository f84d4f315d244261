package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/auth"
)

func TestAPI_the_doctor_says_what_is_wrong_and_what_to_do(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		ask := func(c *client) map[string]map[string]any {
			out := map[string]map[string]any{}
			for _, f := range c.post("/api/v1/system/doctor", nil).is(http.StatusOK).value("findings").([]any) {
				finding := f.(map[string]any)
				require.NotEmpty(t, finding["check"])
				require.NotEmpty(t, finding["what"])
				require.NotEmpty(t, finding["verdict_label"])
				out[finding["check"].(string)] = finding
			}
			return out
		}
		empty := ask(r.root)
		require.Equal(t, "ok", empty["数据库"]["verdict"])
		require.Equal(t, "warning", empty["平台账号"]["verdict"])
		require.Contains(t, empty["平台账号"]["do"], "添加")

		r.root.post("/api/v1/accounts", map[string]any{"kind": "official", "app_id": "wx1234567890abcdef", "name": "云帆", "app_secret": "0123456789abcdef0123456789abcdef",
			"token": "token", "aes_key": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"}).is(http.StatusCreated)
		with := r.root.post("/api/v1/system/doctor", nil).is(http.StatusOK)
		bad := 0
		for _, f := range with.value("findings").([]any) {
			if finding := f.(map[string]any); finding["account"] == "wx1234567890abcdef" && finding["verdict"] == "bad" {
				bad++
			}
		}
		require.NotZero(t, bad, "nobody answers for the platform here")

		r.keyOf(auth.Sales).post("/api/v1/system/doctor", nil).is(http.StatusForbidden)
	})
}
