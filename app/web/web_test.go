package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// built is an app as a build leaves it; tests must not ask for one.
func built() *App {
	return &App{"console", fstest.MapFS{
		"index.html":          {Data: []byte("<!doctype html>page")},
		"assets/a-1x.js":      {Data: []byte("plain")},
		"assets/a-1x.js.gz":   {Data: []byte("packed")},
		".vite/manifest.json": {Data: []byte("{}")},
	}}
}

func get(a *App, method, path, encoding string) (*httptest.ResponseRecorder, string) {
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w, w.Body.String()
}

func TestApp_serves_the_page_for_every_screen_and_never_from_a_cache(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/console/", "/console/contacts/12", "/console/../../etc/passwd", "/console/.vite/manifest.json"} {
		res, body := get(built(), http.MethodGet, path, "gzip")
		require.Equal(t, http.StatusOK, res.Code, path)
		require.Equal(t, "<!doctype html>page", body, path)
		require.Equal(t, "no-cache", res.Header().Get("Cache-Control"))
		require.Contains(t, res.Header().Get("Content-Security-Policy"), "frame-ancestors 'self'")
	}
}

func TestApp_serves_hashed_files_for_ever_and_compressed_where_taken(t *testing.T) {
	t.Parallel()
	res, body := get(built(), http.MethodGet, "/console/assets/a-1x.js", "gzip, br")
	require.Equal(t, "packed", body)
	require.Equal(t, "gzip", res.Header().Get("Content-Encoding"))
	require.Contains(t, res.Header().Get("Content-Type"), "javascript")
	require.Contains(t, res.Header().Get("Cache-Control"), "immutable")
	res, body = get(built(), http.MethodGet, "/console/assets/a-1x.js", "")
	require.Equal(t, "plain", body)
	require.Empty(t, res.Header().Get("Content-Encoding"))
	res, _ = get(built(), http.MethodGet, "/console/assets/gone.js", "gzip")
	require.Equal(t, http.StatusNotFound, res.Code, "a script must not be answered with a page")
	require.Empty(t, res.Header().Get("Cache-Control"))
	res, _ = get(built(), http.MethodPost, "/console/", "")
	require.Equal(t, http.StatusMethodNotAllowed, res.Code)
}

func TestApp_that_was_not_built_says_so(t *testing.T) {
	t.Parallel()
	res, body := get(&App{"staff", fstest.MapFS{".gitkeep": {}}}, http.MethodGet, "/staff/", "gzip")
	require.Equal(t, http.StatusServiceUnavailable, res.Code)
	require.Contains(t, body, "make build")
}
