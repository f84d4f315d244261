package httpapi_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/db/dbtest"
)

func bootSQLite(t *testing.T) *rig {
	t.Helper()
	return boot(t, dbtest.SQLiteConfig(t))
}

// lines waits until the audit log has n lines that fit, and returns them.
func (r *rig) lines(query string, n int) []any {
	r.Helper()
	var list []any
	r.until("the audit log has the lines of "+query, func() bool {
		list = r.root.get("/api/v1/audit?limit=200&" + query).is(200).items()
		return len(list) >= n
	})
	require.Len(r, list, n)
	return list
}

func TestAPI_puts_changes_on_record_also_refused_ones(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		begun := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
		root, anna := r.user("root", auth.Admin), r.user("anna", auth.Analyst)
		made := root.post("/api/v1/users", obj("login", "bert", "role", "sales", "password", password)).is(201)
		add := r.lines("who=user:root&action=addUser", 1)
		require.Equal(t, "users/"+made.text("id"), at(add, 0, "object"))
		require.Equal(t, "done", at(add, 0, "outcome"))
		require.Equal(t, "成功", at(add, 0, "outcome_label"))
		require.Equal(t, "添加用户", at(add, 0, "action_name"))
		require.Equal(t, "127.0.0.1", at(add, 0, "place"))
		require.Equal(t, made.header.Get("X-Request-Id"), at(add, 0, "request_id"))
		require.Equal(t, "sales", at(add, 0, "detail").(map[string]any)["role"])

		anna.patch("/api/v1/users/"+made.text("id"), obj("role", "admin")).failure(403, "denied")
		denied := r.lines("who=user:anna&action=changeUser", 1)
		require.Equal(t, "denied", at(denied, 0, "outcome"))
		require.Equal(t, "users/"+made.text("id"), at(denied, 0, "object"))
		root.patch("/api/v1/users/"+made.text("id"), obj("role", "boss")).failure(422, "invalid")
		require.Equal(t, "failed", at(r.lines("who=user:root&action=changeUser", 1), 0, "outcome"))
		r.client().post("/api/v1/users", obj()).failure(401, "denied")
		require.Equal(t, "denied", at(r.lines("action=addUser&from="+begun, 2), 0, "outcome"), "a stranger's, the newest first")
		require.Empty(t, r.root.get("/api/v1/audit?to="+begun).is(200).items())

		r.step("sign-in, wrong sign-in, sign-out", func() {
			nobody := r.client()
			nobody.post("/api/v1/session", obj("login", "anna", "password", "a wrong password")).failure(401, "denied")
			nobody.post("/api/v1/session", obj("login", "my secret password", "password", "x")).failure(401, "denied")
			anna.delete("/api/v1/session").is(204)
			list := r.lines("who=user:anna&action=signIn", 2)
			require.Equal(t, "denied", at(list, 0, "outcome"))
			require.Equal(t, "done", at(list, 1, "outcome"))
			r.lines("who=user:anna&action=signOut", 1)
		})
		raw := string(r.root.get("/api/v1/audit?limit=200").is(200).raw)
		require.NotContains(t, raw, password)
		require.NotContains(t, raw, "my secret")
		r.step("reading is not on record, nor what other systems report", func() {
			r.root.get("/api/v1/contacts").is(200)
			r.root.post("/api/v1/events", paid("o1", "13800000001")).is(202)
			r.root.post("/api/v1/events", obj("type", "x")).failure(422, "invalid")
			r.lines("action=ingestEvents", 1)
			require.Empty(t, r.root.get("/api/v1/audit?action=listContacts").is(200).items())
		})
		r.step("a repeat says that it is one", func() {
			once := r.root.with("Idempotency-Key", "again")
			once.post("/api/v1/api-keys", obj("name", "k", "role", "analyst")).is(201)
			once.post("/api/v1/api-keys", obj("name", "k", "role", "analyst")).is(201)
			list := r.lines("action=addKey", 2)
			require.Equal(t, true, at(list, 0, "detail").(map[string]any)["replayed"])
		})
		r.step("strangers do not fill it", func() {
			for range 50 {
				r.client().delete("/api/v1/api-keys/1").failure(401, "denied")
			}
			root.delete("/api/v1/api-keys/999").failure(404, "not_found")
			r.lines("who=user:root&action=revokeKey", 1)
			require.LessOrEqual(t, len(r.root.get("/api/v1/audit?limit=200&action=revokeKey").items()), 31)
		})
	})
}

func TestAPI_puts_command_lines_on_record(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		add := app.UserInput{Login: "olga", Role: auth.Sales, Staff: "ww1/olga", Password: password, By: "cli:op"}
		var made app.UserLine
		require.NoError(t, app.Do(t.Context(), r.app.Config, "user/add", add, &made))
		require.Equal(t, "ww1/olga", made.Staff)
		require.Error(t, app.Do(t.Context(), r.app.Config, "user/add", add, nil), "the name is taken")
		require.NoError(t, app.Do(t.Context(), r.app.Config, "apply", app.ApplyInput{File: "a.yaml", Text: []byte(definitions), By: "cli:op"}, nil))
		require.NoError(t, app.Do(t.Context(), r.app.Config, "user/list", nil, nil))
		list := r.lines("who=cli:op", 3)
		require.Equal(t, []any{"apply", "done", "cli"}, []any{at(list, 0, "action"), at(list, 0, "outcome"), at(list, 0, "place")})
		require.Equal(t, []any{"user/add", "failed"}, []any{at(list, 1, "action"), at(list, 1, "outcome")})
		require.Equal(t, "olga", at(list, 2, "detail").(map[string]any)["login"])
		for i := range list {
			require.Regexp(t, `\p{Han}`, at(list, i, "action_name"))
		}
	})
}

func TestAPI_shows_a_personal_value_only_after_it_is_on_record(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		f := newFirm(r)
		me := "/api/v1/contacts/" + f.contact["wanglei"]
		require.NotContains(t, string(f.sales.get(me).is(200).raw), "13800000001")
		require.Contains(t, string(f.sales.get(me).is(200).raw), "138****0001")

		ask := obj("field", "phone", "reason", "回访 13800000001，邮箱 a.b@example.com")
		shown := f.sales.post(me+"/reveal", ask).is(200)
		require.Equal(t, "13800000001", shown.text("value"))
		require.Equal(t, "no-store", shown.header.Get("Cache-Control"))
		list := r.lines("action=revealContact&object=contacts/"+f.contact["wanglei"], 1)
		require.Equal(t, "user:wl", at(list, 0, "who"))
		require.Equal(t, "sales", at(list, 0, "role"))
		require.Equal(t, "回访 138****0001，邮箱 a***@example.com", at(list, 0, "detail").(map[string]any)["reason"])

		f.sales.post(me+"/reveal", obj("field", "email", "reason", "看看")).failure(404, "not_found")
		require.Equal(t, []string{"reason"}, f.sales.post(me+"/reveal", obj("field", "phone", "reason", "")).failure(422, "invalid").problems())
		f.sales.post("/api/v1/contacts/"+f.contact["sunqi"]+"/reveal", ask).failure(404, "not_found")
		r.user("mia", auth.Marketer).post(me+"/reveal", ask).failure(403, "denied")

		r.step("every look counts, also a repeated one; the limit holds for many at once", func() {
			once := f.sales.with("Idempotency-Key", "look")
			once.post(me+"/reveal", ask).is(200)
			once.post(me+"/reveal", ask).is(200)
			var all sync.WaitGroup
			answers := make(chan int, 80)
			for range 8 {
				all.Go(func() {
					for range 10 {
						answers <- f.sales.post(me+"/reveal", ask).status
					}
				})
			}
			all.Wait()
			close(answers)
			count := map[int]int{}
			for s := range answers {
				count[s]++
			}
			require.Equal(t, map[int]int{200: 57, 429: 23}, count)
			limited := f.sales.post(me+"/reveal", ask).failure(429, "limited")
			require.NotEmpty(t, limited.header.Get("Retry-After"))
			f.leader.post(me+"/reveal", ask).is(200)
		})
		r.step("what cannot be put on record is not shown", func() {
			exec(t, r, "ALTER TABLE audit_log RENAME TO audit_gone")
			got := f.leader.post(me+"/reveal", ask)
			require.GreaterOrEqual(t, got.status, http.StatusInternalServerError)
			require.NotContains(t, string(got.raw), "13800000001")
			exec(t, r, "ALTER TABLE audit_gone RENAME TO audit_log")
		})
	})
}

func TestAPI_believes_only_trusted_proxies(t *testing.T) {
	t.Parallel()
	r := boot(t, dbtest.SQLiteConfig(t), trusting("192.0.2.7"))
	forged := r.root.with("X-Forwarded-For", "203.0.113.9")
	forged.post("/api/v1/api-keys", obj("name", "k", "role", "analyst")).is(201)
	require.Equal(t, "127.0.0.1", at(r.lines("action=addKey", 1), 0, "place"), "this machine is not in the list")
	r = boot(t, dbtest.SQLiteConfig(t), trusting("127.0.0.1"))
	r.root.with("X-Forwarded-For", "203.0.113.9").post("/api/v1/api-keys", obj("name", "k", "role", "analyst")).is(201)
	require.Equal(t, "203.0.113.9", at(r.lines("action=addKey", 1), 0, "place"))
	require.Equal(t, fmt.Sprint("api-keys/", r.root.get("/api/v1/api-keys").items()[0].(map[string]any)["id"]), at(r.lines("action=addKey", 1), 0, "object"))
}
