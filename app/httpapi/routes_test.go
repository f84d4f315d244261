package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
)

func ready(context.Context) error { return nil }

// bare is an API with nothing behind it, for what can be told of the table alone.
func bare() (*Server, *API) {
	s := NewServer(nil, ready, prometheus.NewRegistry())
	return s, s.API(Parts{Stores: &db.Stores{}, PublicURL: "https://koi.example.com", Version: "test"})
}

func TestRoutes_each_says_who_may_call_it(t *testing.T) {
	t.Parallel()
	_, a := bare()
	ids, places, asked := map[string]bool{}, map[string]bool{}, map[auth.Permission]bool{}
	for _, r := range a.routes() {
		require.False(t, ids[r.id], "%s twice", r.id)
		require.False(t, places[r.method+r.path], "%s %s twice", r.method, r.path)
		ids[r.id], places[r.method+r.path] = true, true
		require.NotEmpty(t, r.name, r.id)
		if r.who.permission != "" {
			require.NotEmpty(t, r.who.permission.Label(), r.id)
			asked[r.who.permission] = true
			continue
		}
		// Nothing beyond signing in goes without a permission.
		require.Contains(t, []string{"setUp", "signIn", "signOut", "listSignInWays", "beginWeComSignIn", "endWeComSignIn", "getMe", "getMyPage", "changeMyPassword", "openStream"}, r.id) // a stream has topics, each with its own
	}
	for _, p := range auth.Permissions() {
		require.True(t, asked[p], "no route asks for %s", p)
	}
}

func TestOpenAPI_tells_every_route(t *testing.T) {
	t.Parallel()
	s, a := bare()
	rec := httptest.NewRecorder()
	s.engine.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, apiRoot+"/openapi.json", nil))
	require.Equal(t, http.StatusOK, rec.Code)
	require.Equal(t, "application/openapi+json", rec.Header().Get("Content-Type"))
	type operation struct {
		ID         string                `json:"operationId"`
		Summary    string                `json:"summary"`
		Permission string                `json:"x-permission"`
		Security   []map[string][]string `json:"security"`
		Parameters []struct {
			Name   string         `json:"name"`
			Schema map[string]any `json:"schema"`
		} `json:"parameters"`
		Responses map[string]any `json:"responses"`
	}
	var doc struct {
		OpenAPI    string                          `json:"openapi"`
		Paths      map[string]map[string]operation `json:"paths"`
		Components struct {
			Schemas map[string]struct {
				Properties map[string]map[string]any `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &doc))
	require.True(t, strings.HasPrefix(doc.OpenAPI, "3.1."))
	n := 0
	for _, r := range a.routes() {
		op, ok := doc.Paths[apiRoot+r.path][strings.ToLower(r.method)]
		require.True(t, ok, "%s %s", r.method, r.path)
		require.Equal(t, r.id, op.ID)
		require.Equal(t, string(r.who.permission), op.Permission)
		require.Equal(t, r.who.open, len(op.Security) == 0)
		require.Contains(t, op.Responses, "default")
		for _, p := range op.Parameters {
			if p.Name == "id" {
				require.Equal(t, "string", p.Schema["type"], "%s: ids are text", r.id)
			}
		}
		n++
	}
	for _, ops := range doc.Paths {
		n -= len(ops)
	}
	require.Zero(t, n, "as many operations as routes")
	require.Equal(t, "string", doc.Components.Schemas["ContactLine"].Properties["id"]["type"])
	require.NotContains(t, rec.Body.String(), `"$schema"`)
	// References lead somewhere.
	for _, m := range regexp.MustCompile(`#/components/schemas/([A-Za-z0-9]+)`).FindAllStringSubmatch(rec.Body.String(), -1) {
		require.Contains(t, doc.Components.Schemas, m[1])
	}
}

func TestFailure_texts_are_Chinese(t *testing.T) {
	t.Parallel()
	han := regexp.MustCompile(`\p{Han}`)
	for _, x := range fixed {
		require.Regexp(t, han, inChinese(x.english+"x"))
	}
	for status, title := range titles {
		require.Regexp(t, han, title)
		require.NotEmpty(t, newFailure(status, "…").Code)
	}
	require.Equal(t, "不是有效的 JSON：invalid character 'x' looking", inChinese("invalid character 'x' looking"))
	require.Equal(t, "写法不对：应为数字编号", inChinese("invalid value: 应为数字编号"))
	for kind := range identityLabels {
		require.Regexp(t, han, identityLabels[kind])
	}
}

func TestCursor(t *testing.T) {
	t.Parallel()
	got, err := Page{Cursor: cursor(1_800_000_000_123, -7)}.place(2)
	require.NoError(t, err)
	require.Equal(t, []int64{1_800_000_000_123, -7}, got)
	for _, bad := range []string{"x", cursor(1), "MQ==", cursor(1, 2, 3), "LjE"} {
		_, err = Page{Cursor: bad}.place(2)
		require.Error(t, err, bad)
	}
	list, err := window([]int{1, 2, 3}, Page{Limit: 2})
	require.NoError(t, err)
	require.Equal(t, []int{1, 2}, list.Items)
	list, err = window([]int{1, 2, 3}, Page{Limit: 2, Cursor: list.Next})
	require.NoError(t, err)
	require.Equal(t, List[int]{Items: []int{3}}, list)
	list, err = window([]int{}, Page{Limit: 2, Cursor: cursor(-9)})
	require.NoError(t, err)
	require.NotNil(t, list.Items, "an empty list is [], not null")
}

func TestSessionCookie_is_safe(t *testing.T) {
	t.Parallel()
	_, a := bare()
	c := a.sessionCookie(auth.Session{Token: "t"})
	for _, want := range []string{"koi_session=t", "Path=/", "HttpOnly", "SameSite=Lax", "Secure"} {
		require.Contains(t, c, want)
	}
	require.Contains(t, a.sessionCookie(auth.Session{}), "Max-Age=0")
	plain := &API{}
	require.NotContains(t, plain.sessionCookie(auth.Session{Token: "t"}), "Secure")
}

func TestSetupPage_allows_its_own_script_only(t *testing.T) {
	t.Parallel()
	s, _ := bare()
	rec := httptest.NewRecorder()
	s.engine.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, SetupPath, nil))
	policy := rec.Header().Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none'")
	require.NotContains(t, policy, "unsafe")
	require.Equal(t, 1, strings.Count(rec.Body.String(), "<script>"))
	require.NotEqual(t, inline("script"), inline("style"))
}

func TestFailed_maps_kinds_to_statuses(t *testing.T) {
	t.Parallel()
	for kind, status := range statuses {
		f := failed(t.Context(), fmt.Errorf("list things: %w", fault.Wrap(errors.New("secret cause"), kind, "出了点事")))
		require.Equal(t, status, f.Status)
		require.Equal(t, kind.String(), f.Code)
		require.Equal(t, "出了点事", f.Detail)
		later := kind == fault.Limited || kind == fault.Unavailable
		require.Equal(t, later, f.header.Get("Retry-After") != "", kind)
	}
	require.Equal(t, http.StatusInternalServerError, failed(t.Context(), errors.New("secret cause")).Status)
	require.NotContains(t, failed(t.Context(), errors.New("secret cause")).Detail, "secret")
	require.Equal(t, http.StatusServiceUnavailable, failed(t.Context(), context.DeadlineExceeded).Status)
	require.Equal(t, http.StatusUnauthorized, failed(t.Context(), unauthorized(fault.New(fault.Denied, "请登录"))).Status)
}
