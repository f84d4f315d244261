// Package web is the two web apps, built from the npm workspace in this folder and embedded in the program:
// the console for the office, the staff app for phones. As a package it only hands out files; what they show
// comes from the API.
//
// Built files are not committed. A program built without them says so instead of showing an empty page.
package web

import (
	"bytes"
	"embed"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed all:dist
var dist embed.FS

// App is one of the apps.
type App struct {
	name  string // its folder, and where it is served: /name/
	files fs.FS
}

// Console is the app for the office, at /console/.
func Console() *App { return app("console") }

// Staff is the app for phones, at /staff/.
func Staff() *App { return app("staff") }

func app(name string) *App {
	files, err := fs.Sub(dist, "dist/"+name)
	if err != nil {
		panic(err) // the name is well-formed
	}
	return &App{name, files}
}

// Policy of what the apps may load. Styles are made at run time by the component library.
const policy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: https:; font-src 'self' data:; " +
	"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"

// ServeHTTP serves the app's files below /name/. Whatever is no file is a screen of the app, whose own
// router finds it. Files with a hash in their name may be kept for ever, the page that names them must not.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "这里只有页面", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/"+a.name)
	name = strings.TrimPrefix(name, "/")
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if strings.HasPrefix(name, "assets/") {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		if !a.serve(w, r, name) {
			h.Del("Cache-Control")
			http.Error(w, "没有这个文件：Koi 可能刚升级过，请刷新页面", http.StatusNotFound)
		}
		return
	}
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "same-origin")
	if !a.serve(w, r, "index.html") {
		http.Error(w, "这个程序编译时没有带上网页：请用 make build 编译", http.StatusServiceUnavailable)
	}
}

// serve sends a file, compressed where the browser takes it; false when there is none.
func (a *App) serve(w http.ResponseWriter, r *http.Request, name string) bool {
	body, err := fs.ReadFile(a.files, name)
	if err != nil { // none, or a folder
		return false
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	w.Header().Add("Vary", "Accept-Encoding")
	if packed, err := fs.ReadFile(a.files, name+".gz"); err == nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		body = packed
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	return true
}
