package httpapi_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/configs"
)

func TestAPI_tells_what_is_wrong_in_one_form(t *testing.T) {
	t.Parallel()
	r := boot(t, dbtest.SQLiteConfig(t))
	r.root.get("/api/v1/nothing").failure(404, "not_found")
	r.root.get("/api/v1/contacts/99999").failure(404, "not_found")
	require.Equal(t, []string{"path.id"}, r.root.get("/api/v1/contacts/x").failure(422, "invalid").problems())
	r.root.do("PUT", "/api/v1/contacts/1", nil).failure(405, "not_found")
	r.root.post("/api/v1/contacts/1/tags", `{"add":`).failure(400, "invalid")
	r.root.post("/api/v1/contacts/1/tags", "").failure(400, "invalid")
	r.root.with("Content-Type", "application/xml").post("/api/v1/contacts/1/tags", "<a/>").failure(415, "invalid")
	r.root.post("/api/v1/contacts/1/tags", `{"add":["`+strings.Repeat("x", 1<<20)+`"]}`).failure(413, "invalid")
	secretive := r.client().post("/api/v1/session", `{"login":"anna","password":["hunter2"]}`).failure(422, "invalid")
	require.NotContains(t, string(secretive.raw), "hunter2", "what was wrong is not repeated: it may be a password")
	require.Equal(t, []string{"password"}, secretive.problems())
	require.Equal(t, 404, r.client().get("/nothing").status)

	// What nobody foresaw is told as a request id only.
	exec(t, r, "DROP TABLE api_keys")
	broken := r.root.get("/api/v1/contacts").failure(500, "internal")
	require.Contains(t, broken.text("detail"), broken.text("request_id"))
	require.NotContains(t, string(broken.raw), "api_keys")
}

func TestAPI_every_guarded_route_asks_strangers_who_they_are(t *testing.T) {
	t.Parallel()
	r := boot(t, dbtest.SQLiteConfig(t))
	nobody := r.client()
	paths, _ := r.client().get("/api/v1/openapi.json").is(200).value("paths").(map[string]any)
	require.NotEmpty(t, paths)
	for path, item := range paths {
		operations, _ := item.(map[string]any)
		for method, op := range operations {
			op, _ := op.(map[string]any)
			if op["security"] == nil {
				continue
			}
			path := strings.NewReplacer("{id}", "1", "{run}", "1", "{app_id}", "wx1", "{corp_id}", "ww1", "{agent_id}", "1").Replace(path)
			nobody.do(strings.ToUpper(method), path, "{}").failure(401, "denied")
		}
	}
}

func TestAPI_accounts(t *testing.T) {
	t.Parallel()
	const aes, token = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "sometoken"
	file := func(c *configs.Config) {
		c.Accounts.Official = []configs.WeChatAccount{{AppID: "wxfromthefile0001", AppSecret: "filesecretfilesecret", Token: token, AESKey: aes, Name: "文件里的"}}
	}
	dbtest.RunConfig(t, func(t *testing.T, c db.Config) {
		r := boot(t, c, file)
		bad := r.root.post("/api/v1/accounts", obj("kind", "official", "app_id", "gh_123", "aes_key", "short")).failure(422, "invalid")
		require.Subset(t, bad.problems(), []string{"app_id", "app_secret", "token", "aes_key"})
		corp := obj("kind", "wecom", "corp_id", "ww0123456789abcdef", "agent_id", 1000002, "agent_secret", "agentsecretagentsecret", "token", token, "aes_key", aes, "name", "锦鲤")
		made := r.root.post("/api/v1/accounts", corp).is(201)
		require.Equal(t, "wecom/ww0123456789abcdef/1000002", made.text("id"))
		require.True(t, strings.HasSuffix(made.text("callback_url"), "/callback/wecom/ww0123456789abcdef/1000002"))
		require.ElementsMatch(t, []any{"agent_secret", "token", "aes_key"}, made.value("secrets"))
		r.root.post("/api/v1/accounts", corp).failure(409, "conflict")

		list := r.root.get("/api/v1/accounts").is(200)
		require.Len(t, list.items(), 2)
		for _, secret := range []string{"filesecret", "agentsecret", aes, token} {
			require.NotContains(t, string(list.raw)+string(made.raw), secret)
		}
		mine := "/api/v1/accounts/" + made.text("id")
		changed := r.root.patch(mine, obj("name", "新名字")).is(200)
		require.Equal(t, "新名字", changed.text("name"))
		require.Equal(t, "key:admin", changed.text("updated_by"))
		require.ElementsMatch(t, []any{"agent_secret", "token", "aes_key"}, changed.value("secrets"), "what is not sent stays")
		r.root.patch("/api/v1/accounts/official/wxfromthefile0001", obj("name", "x")).failure(409, "conflict")
		r.root.delete("/api/v1/accounts/official/wxfromthefile0001").failure(409, "conflict")

		// Nobody answers at the platform's address: that is the answer, not a failure.
		checked := r.root.post(mine+"/check", nil).is(200)
		health, _ := checked.value("health").([]any)
		require.Len(t, health, 1)
		require.Equal(t, false, at(health, 0, "ok"))
		require.Regexp(t, `\p{Han}`, at(health, 0, "problem"))

		r.root.delete(mine).is(204)
		r.root.get(mine).failure(404, "not_found")
	})
}

func TestAPI_mini_programs_and_SMS_signatures(t *testing.T) {
	t.Parallel()
	const aes, token = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "sometoken"
	both(t, func(t *testing.T, r *rig) {
		mini := obj("kind", "mini", "app_id", "wxmini0123456789", "app_secret", "minisecretminisecret", "token", token, "aes_key", aes, "name", "商城")
		made := r.root.post("/api/v1/accounts", mini).is(201)
		require.Equal(t, "mini/wxmini0123456789", made.text("id"))
		require.True(t, strings.HasSuffix(made.text("callback_url"), "/callback/mini/wxmini0123456789"))
		r.root.patch("/api/v1/accounts/mini/wxmini0123456789", obj("mode", "compat")).is(200)
		require.Equal(t, "compat", r.root.get("/api/v1/accounts/mini/wxmini0123456789").is(200).text("mode"))
		checked := r.root.post("/api/v1/accounts/mini/wxmini0123456789/check", nil).is(200)
		health, _ := checked.value("health").([]any)
		require.Len(t, health, 1, "nobody answers, and that is said")
		require.Equal(t, false, at(health, 0, "ok"))

		bad := r.root.post("/api/v1/accounts", obj("kind", "sms", "sign_name", "锦/鲤")).failure(422, "invalid")
		require.Subset(t, bad.problems(), []string{"sign_name", "access_key_id", "access_key_secret"})
		made = r.root.post("/api/v1/accounts", obj("kind", "sms", "sign_name", "锦鲤科技", "access_key_id", "LTAI5tExampleKey01", "access_key_secret", "smssecretsmssecret")).is(201)
		require.Equal(t, "sms/锦鲤科技", made.text("id"))
		sms, ok := r.app.Accounts.SMS("锦鲤科技")
		require.True(t, ok)
		require.True(t, strings.HasSuffix(made.text("callback_url"), "/callback/sms/aliyun/"+sms.ReceiptToken))
		require.Equal(t, "LTAI****ey01", made.text("access_key_id"))
		mine := "/api/v1/accounts/sms/" + url.PathEscape("锦鲤科技")
		r.root.patch(mine, obj("receipt_token", "receipt-token-0001")).is(200)
		_, ok = r.app.Accounts.SMSByReceiptToken("receipt-token-0001")
		require.True(t, ok)

		checked = r.root.post(mine+"/check", nil).is(200)
		health, _ = checked.value("health").([]any)
		require.Len(t, health, 1)
		require.Equal(t, false, at(health, 0, "ok"))
		require.Contains(t, at(health, 0, "problem"), "没有连上阿里云")
		require.NotEmpty(t, at(health, 0, "checked_at"))
		r.root.post("/api/v1/accounts/sms/nobody/check", nil).failure(404, "not_found")

		// Whoever may only look learns neither secrets nor the address that receipts are believed at.
		seen := string(r.keyOf(auth.Analyst).get("/api/v1/accounts").is(200).raw) + string(r.keyOf(auth.Marketer).get(mine).is(200).raw)
		for _, secret := range []string{"receipt-token-0001", "smssecret", "minisecret", aes, "LTAI5tExampleKey01"} {
			require.NotContains(t, seen, secret)
		}
		r.root.delete(mine).is(204)
		r.root.delete("/api/v1/accounts/mini/wxmini0123456789").is(204)
		require.Empty(t, r.root.get("/api/v1/accounts").is(200).items())
	})
}

func TestAPI_dead_letters(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		now := clock.Ms(r.app.Clock.Now())
		for _, key := range []string{"a", "b", "c"} {
			// A command that names what is gone meanwhile.
			_, err := r.app.Log.Append(r.Context(), &event.Event{Type: event.CommandTag, Source: "console", Key: key, Lane: event.Priority, OccurredAt: now, ReceivedAt: now,
				Identities: []event.Identity{{Kind: event.KindVisitor, Scope: "s", Value: "v"}}, Props: event.Props{"add": []any{"nosuch"}}})
			require.NoError(t, err)
		}
		r.settle()
		list := r.root.get("/api/v1/dead-letters?limit=2").is(200)
		require.Len(t, list.items(), 2)
		rest := r.root.get("/api/v1/dead-letters?limit=2&cursor=" + list.text("next")).is(200)
		require.Len(t, rest.items(), 1)
		require.Empty(t, rest.text("next"))
		require.Equal(t, "tag", at(rest.items(), 0, "stage"))
		require.Contains(t, at(rest.items(), 0, "error"), "nosuch")
		require.InDelta(t, 3, r.root.get("/api/v1/system").is(200).value("dead_letters"), 0)

		id := at(rest.items(), 0, "id").(string)
		r.root.post("/api/v1/dead-letters/"+id+"/discard", nil).is(200)
		r.root.post("/api/v1/dead-letters/"+id+"/discard", nil).failure(404, "not_found")
		r.apply("tags: [{key: nosuch, name: 现在有了}]")
		for i := range list.items() {
			retried := r.root.post("/api/v1/dead-letters/"+at(list.items(), i, "id").(string)+"/retry", nil).is(200)
			require.Equal(t, true, retried.value("applied"))
		}
		require.Empty(t, r.root.get("/api/v1/dead-letters").is(200).items())
		found := r.root.get("/api/v1/identities?kind=visitor&scope=s&value=v").is(200).items()
		require.Contains(t, string(r.root.get("/api/v1/contacts/"+at(found, 0, "contact_id").(string)).raw), "现在有了")
		r.root.post("/api/v1/dead-letters/1/retry", nil).failure(404, "not_found")
	})
}

func TestAPI_definitions(t *testing.T) {
	t.Parallel()
	r := boot(t, dbtest.SQLiteConfig(t))
	r.apply(definitions)
	for _, noun := range []string{"tags", "scores", "stages", "fields", "settings", "journeys", "staff", "messages"} {
		list := r.root.get("/api/v1/" + noun + "?limit=1").is(200)
		if next := list.text("next"); next != "" {
			more := r.root.get("/api/v1/" + noun + "?limit=1&cursor=" + next).is(200)
			require.NotEqual(t, list.items()[0], more.items()[0], noun)
		}
	}
	require.Contains(t, string(r.root.get("/api/v1/tags?limit=200").raw), "重点客户")
	require.NotContains(t, string(r.root.get("/api/v1/settings?limit=200").raw), "fingerprint", "what Koi notes for itself")
	require.Empty(t, r.root.get("/api/v1/settings?kind=system").is(200).items())
	r.root.get("/api/v1/messages?state=nosuch").failure(422, "invalid")
	r.root.get("/api/v1/messages/12345").failure(404, "not_found")
	r.root.post("/api/v1/messages/12345/retry", nil).failure(404, "not_found")
	r.root.get("/api/v1/journeys/999").failure(404, "not_found")
	r.root.get("/api/v1/journeys/999/runs").failure(404, "not_found")
	system := r.root.get("/api/v1/system").is(200)
	require.Equal(t, "sqlite", system.text("database"))
	require.NotEmpty(t, system.text("version"))
}
