package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/auth"
)

func TestAPI_domain_proofs_are_served_at_once(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		const mp, ww = "MP_verify_aBcD1234eFgH5678.txt", "WW_verify_Zz9.txt"
		require.Equal(t, http.StatusNotFound, r.client().get("/"+mp).status)

		made := r.root.post("/api/v1/domain-proofs", obj("name", mp, "content", "aBcD1234eFgH5678")).is(200)
		require.True(t, strings.HasSuffix(made.text("url"), "/"+mp))
		require.Equal(t, "key:admin", made.text("updated_by"))
		r.root.post("/api/v1/domain-proofs", obj("name", ww, "content", "Zz9")).failure(422, "invalid") // too short a name
		got := r.client().get("/" + mp)
		require.Equal(t, http.StatusOK, got.status)
		require.Equal(t, "aBcD1234eFgH5678", string(got.raw))
		require.Equal(t, "text/plain; charset=utf-8", got.header.Get("Content-Type"))
		require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))

		// The same file again changes nothing, another content replaces it.
		r.root.post("/api/v1/domain-proofs", obj("name", mp, "content", "aBcD1234eFgH5678")).is(200)
		r.root.post("/api/v1/domain-proofs", obj("name", mp, "content", "other\n")).is(200)
		require.Equal(t, "other\n", string(r.client().get("/"+mp).raw))
		r.root.post("/api/v1/domain-proofs", obj("name", "WW_verify_Zz99.txt", "content", "Zz99")).is(200)
		require.Len(t, r.root.get("/api/v1/domain-proofs").is(200).items(), 2)
		require.NotContains(t, string(r.root.get("/api/v1/settings").is(200).raw), "verify", "they are no definitions")

		for _, bad := range []map[string]any{
			obj("name", "MP_verify_../../etc.txt", "content", "x"), obj("name", "index.html", "content", "x"), obj("name", "MP_verify_abcd.txt/x", "content", "x"),
			obj("name", "MP_verify_abcd.html", "content", "x"), obj("name", "mp_verify_abcd.txt", "content", "x"), obj("name", mp+"\n.txt", "content", "x"),
		} {
			require.Equal(t, []string{"name"}, r.root.post("/api/v1/domain-proofs", bad).failure(422, "invalid").problems(), bad)
		}
		for _, content := range []string{"", "<script>alert(1)</script>", "two\nlines\n", "有中文", strings.Repeat("a", 257)} {
			bad := r.root.post("/api/v1/domain-proofs", obj("name", mp, "content", content)).failure(422, "invalid")
			require.Len(t, bad.problems(), 1, content)
		}
		for _, path := range []string{"/MP_verify_nothing.txt", "/x/" + mp, "/" + mp + "/", "/" + strings.ToLower(mp), "/api/" + mp} {
			require.Equal(t, http.StatusNotFound, r.client().get(path).status, path)
		}
		require.Equal(t, http.StatusNotFound, r.client().post("/"+mp, "{}").status)

		reader := r.keyOf(auth.Analyst)
		reader.get("/api/v1/domain-proofs").is(200)
		reader.post("/api/v1/domain-proofs", obj("name", mp, "content", "x")).failure(403, "denied")
		reader.delete("/api/v1/domain-proofs/"+mp).failure(403, "denied")
		r.root.delete("/api/v1/domain-proofs/" + mp).is(204)
		r.root.delete("/api/v1/domain-proofs/"+mp).failure(404, "not_found")
		require.Equal(t, http.StatusNotFound, r.client().get("/"+mp).status)
	})
}
