package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/db/dbtest"
)

func TestAPI_signs_users_in_and_out(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		nobody := r.client()
		nobody.get("/api/v1/me").failure(401, "denied")
		require.Equal(t, "Bearer", nobody.get("/api/v1/me").header.Get("WWW-Authenticate"))

		anna := r.user("anna", auth.Marketer)
		me := anna.get("/api/v1/me").is(200)
		require.Equal(t, "anna", me.text("user.login"))
		require.Equal(t, anna.csrf, me.text("csrf_token"))
		require.Equal(t, "no-store", me.header.Get("Cache-Control"))
		require.Equal(t, "nosniff", me.header.Get("X-Content-Type-Options"))
		require.Equal(t, "DENY", me.header.Get("X-Frame-Options"))

		r.step("a change needs the session's token and our own page", func() {
			change := obj("old_password", "wrong", "password", "another long password")
			forged := *anna
			forged.csrf = ""
			forged.post("/api/v1/me/password", change).failure(403, "denied")
			forged.csrf = "guessed"
			forged.post("/api/v1/me/password", change).failure(403, "denied")
			anna.with("Origin", "https://evil.example").post("/api/v1/me/password", change).failure(403, "denied")
			anna.with("Origin", "null").post("/api/v1/me/password", change).failure(403, "denied")
			ours := anna.with("Origin", r.url).post("/api/v1/me/password", change).failure(422, "invalid")
			require.Equal(t, []string{"old_password"}, ours.problems())
			nobody.with("Origin", "https://evil.example").post("/api/v1/session", obj("login", "anna", "password", password)).failure(403, "denied")
		})
		r.step("a form of another site cannot sign somebody in", func() {
			nobody.with("Content-Type", "text/plain").post("/api/v1/session", fmt.Sprintf(`{"login":"anna","password":%q}`, password)).failure(415, "invalid")
		})
		r.step("permissions follow the role", func() {
			denied := anna.get("/api/v1/users").failure(403, "denied")
			require.Contains(t, denied.text("detail"), "管理用户")
			anna.get("/api/v1/contacts").is(200)
			sales := r.user("sam", auth.Sales)
			require.Empty(t, sales.get("/api/v1/contacts").is(200).items(), "who is no staff member has no customers")
			r.user("emma", auth.Employee).get("/api/v1/contacts").failure(403, "denied")
			sales.get("/api/v1/tags").is(200)
		})
		r.step("a new password ends the other sessions", func() {
			again := anna.post("/api/v1/me/password", obj("old_password", password, "password", "another long password")).is(200)
			anna.get("/api/v1/me").failure(401, "denied")
			anna.cookie, _, _ = strings.Cut(again.header.Get("Set-Cookie"), ";")
			anna.csrf = again.text("csrf_token")
			anna.get("/api/v1/me").is(200)
		})
		r.step("who signs out is out", func() {
			out := anna.delete("/api/v1/session").is(204)
			require.Contains(t, out.header.Get("Set-Cookie"), "Max-Age=0")
			anna.get("/api/v1/me").failure(401, "denied")
		})
		r.step("guessing is slowed down", func() {
			for range 10 {
				nobody.post("/api/v1/session", obj("login", "victim", "password", "guess")).failure(401, "denied")
			}
			limited := nobody.post("/api/v1/session", obj("login", "victim", "password", "guess")).failure(429, "limited")
			require.NotEmpty(t, limited.header.Get("Retry-After"))
			// A proxy on this machine says who calls; for that address nothing was counted yet.
			nobody.with("X-Forwarded-For", "203.0.113.7").post("/api/v1/session", obj("login", "victim", "password", "guess")).failure(401, "denied")
		})
	})
}

func TestAPI_the_setup_link_makes_the_first_administrator_once(t *testing.T) {
	t.Parallel()
	c := dbtest.SQLiteConfig(t)
	r := boot(t, c)
	// Back to an empty Koi: the rig has made users for its keys.
	for _, table := range []string{"users", "api_keys", "sessions"} {
		exec(t, r, "DELETE FROM "+table)
	}
	link, err := r.app.SetupLink(t.Context())
	require.NoError(t, err)
	address, token, found := strings.Cut(link, "#")
	require.True(t, found)
	nobody := r.client()
	require.Contains(t, string(nobody.get(strings.TrimPrefix(address, r.url)).is(200).raw), "api/v1/setup")

	in := obj("token", "x"+token, "login", "anna", "name", "安娜", "password", password)
	nobody.post("/api/v1/setup", in).failure(403, "denied")
	in["token"], in["password"] = token, "short"
	require.Equal(t, []string{"password"}, nobody.post("/api/v1/setup", in).failure(422, "invalid").problems())
	in["password"] = password
	nobody.with("Origin", "https://evil.example").post("/api/v1/setup", in).failure(403, "denied")
	made := nobody.post("/api/v1/setup", in).is(201)
	require.Equal(t, "admin", made.text("user.role"))
	require.Contains(t, made.header.Get("Set-Cookie"), "HttpOnly")
	nobody.post("/api/v1/setup", in).failure(403, "denied")
	link, err = r.app.SetupLink(t.Context())
	require.NoError(t, err)
	require.Empty(t, link)
}

func TestAPI_users_and_keys(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		root := r.user("root", auth.Admin)
		bad := root.post("/api/v1/users", obj("login", "x y", "role", "boss", "password", "short")).failure(422, "invalid")
		require.ElementsMatch(t, []string{"login", "role", "password"}, bad.problems())
		made := root.post("/api/v1/users", obj("login", "bert", "name", `<img src=x onerror=alert(1)>`, "role", "analyst", "password", password)).is(201)
		require.Equal(t, `<img src=x onerror=alert(1)>`, made.text("name"), "data, whatever it looks like")
		root.post("/api/v1/users", obj("login", "Bert", "role", "analyst", "password", password)).failure(409, "conflict")
		id := made.text("id")
		require.Equal(t, "市场", root.patch("/api/v1/users/"+id, obj("role", "marketer")).is(200).text("role_label"))
		root.patch("/api/v1/users/999", obj("role", "marketer")).failure(404, "not_found")
		mine := root.get("/api/v1/me").text("user.id")
		root.patch("/api/v1/users/"+mine, obj("disabled", true)).failure(409, "conflict")

		key := root.post("/api/v1/api-keys", obj("name", "订单系统", "scopes", []string{"events.write"})).is(201)
		secret := key.text("secret")
		require.True(t, strings.HasPrefix(secret, "koi_"+key.text("prefix")))
		list := root.get("/api/v1/api-keys").is(200)
		require.NotContains(t, string(list.raw), secret)
		shop := r.client()
		shop.key = secret
		shop.get("/api/v1/contacts").failure(403, "denied")
		require.Equal(t, []any{"events.write"}, shop.get("/api/v1/me").is(200).value("permissions"))
		shop.delete("/api/v1/session").failure(403, "denied")
		shop.key = secret[:len(secret)-1] + "0"
		shop.get("/api/v1/me").failure(401, "denied")
		shop.key = secret
		root.delete("/api/v1/api-keys/" + key.text("id")).is(204)
		shop.get("/api/v1/me").failure(401, "denied")
		r.client().with("Authorization", "Basic eDp5").get("/api/v1/me").failure(401, "denied")
	})
}

func TestAPI_answers_a_repeat_like_the_first(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		add := obj("login", "carl", "role", "analyst", "password", password)
		once := r.root.with("Idempotency-Key", "k-1")
		first := once.post("/api/v1/users", add).is(201)
		again := once.post("/api/v1/users", add).is(201)
		require.Equal(t, first.raw, again.raw)
		require.Equal(t, first.header.Get("Content-Type"), again.header.Get("Content-Type"))
		require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
		require.Empty(t, first.header.Get("Idempotency-Replayed"))

		add["login"] = "dora"
		once.post("/api/v1/users", add).failure(422, "invalid")
		once.post("/api/v1/api-keys", obj("name", "x", "role", "analyst")).failure(422, "invalid")
		r.root.with("Idempotency-Key", "has blank").post("/api/v1/users", add).failure(422, "invalid")

		r.step("another caller's key is another key", func() {
			other := r.user("olga", auth.Admin).with("Idempotency-Key", "k-1")
			other.post("/api/v1/users", obj("login", "emil", "role", "analyst", "password", password)).is(201)
		})
		r.step("what failed may be corrected", func() {
			again := r.root.with("Idempotency-Key", "k-2")
			again.post("/api/v1/users", obj("login", "fred", "role", "analyst", "password", "short")).failure(422, "invalid")
			again.post("/api/v1/users", obj("login", "fred", "role", "analyst", "password", password)).is(201)
		})
		r.step("a new key's secret is repeated, and stored sealed", func() {
			again := r.root.with("Idempotency-Key", "k-3")
			first := again.post("/api/v1/api-keys", obj("name", "x", "role", "analyst")).is(201)
			require.Equal(t, first.text("secret"), again.post("/api/v1/api-keys", obj("name", "x", "role", "analyst")).is(201).text("secret"))
			var n int
			require.NoError(t, r.app.Stores.Koi.QueryRow(t.Context(), "SELECT COUNT(*) FROM replies WHERE body LIKE '%koi!_%' ESCAPE '!'").Scan(&n))
			require.Zero(t, n)
		})
		r.step("many at once do it once", func() {
			var all sync.WaitGroup
			answers := make(chan got, 8)
			for range 8 {
				all.Go(func() {
					answers <- r.root.with("Idempotency-Key", "k-4").post("/api/v1/api-keys", obj("name", "storm", "role", "analyst"))
				})
			}
			all.Wait()
			close(answers)
			secrets := map[string]bool{}
			for a := range answers {
				if a.status == http.StatusConflict {
					require.NotEmpty(t, a.header.Get("Retry-After"))
					continue
				}
				secrets[a.is(201).text("secret")] = true
			}
			require.Len(t, secrets, 1)
			require.Equal(t, 1, strings.Count(string(r.root.get("/api/v1/api-keys").raw), `"storm"`))
		})
	})
}
