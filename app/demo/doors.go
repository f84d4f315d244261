package demo

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/channels/simulator"
)

//go:embed web
var webFiles embed.FS

// roleCookie says whom the browser is.
const roleCookie = "koi_demo_role"

// doors is what answers at the one address: /demo itself, /sim/ from the simulator, the rest from Koi, with
// the session of whom one has chosen to be.
type doors struct {
	show *Show
	mux  *http.ServeMux

	mu       sync.Mutex
	koi      *url.URL
	sim      http.Handler
	sessions map[string]session // by role
}

func newDoors(s *Show) *doors {
	d := &doors{show: s, mux: http.NewServeMux(), sessions: map[string]session{}}
	proxy := &httputil.ReverseProxy{Rewrite: d.rewrite, ModifyResponse: d.look, FlushInterval: -1, ErrorHandler: d.away}
	d.mux.HandleFunc("GET /demo", d.page)
	d.mux.HandleFunc("GET /demo/{file}", d.file)
	d.mux.HandleFunc("GET /demo/state", d.state)
	d.mux.HandleFunc("POST /demo/role", d.post(d.role))
	d.mux.HandleFunc("POST /demo/clock", d.post(d.clock))
	d.mux.HandleFunc("POST /demo/step", d.post(d.step))
	d.mux.HandleFunc("POST /demo/reset", d.post(d.begin))
	d.mux.HandleFunc("/sim/", d.phones)
	d.mux.Handle("/", proxy)
	return d
}

// point says where Koi and the phones are in this performance.
func (d *doors) point(koi string, sim http.Handler) {
	u, err := url.Parse(koi)
	if err != nil {
		panic(err) // made of an address we listen on
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.koi, d.sim, d.sessions = u, sim, map[string]session{}
}

// seat gives a role its session.
func (d *doors) seat(role string, s session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sessions[role] = s
}

func (d *doors) sessionOf(role string) (session, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.sessions[role]
	return s, ok
}

// ServeHTTP lets in who came by the address itself: a page elsewhere, or a name that was made to point here,
// must not play.
func (d *doors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if ip, bad := netip.ParseAddr(host); err != nil || host != "localhost" && (bad != nil || !ip.IsLoopback()) {
		http.Error(w, "演示只在本机打开："+d.show.URL(), http.StatusMisdirectedRequest)
		return
	}
	if r.URL.Path == "/" {
		http.Redirect(w, r, "/demo", http.StatusFound)
		return
	}
	d.mux.ServeHTTP(w, r)
}

func (d *doors) phones(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	sim := d.sim
	d.mu.Unlock()
	if sim == nil {
		d.away(w, r, errors.New("not there yet"))
		return
	}
	if r.Method == http.MethodPost {
		// Time that stands still moves a little with each act, so that one comes after the other.
		if s := d.show; s.clk.Course().Rate == 0 {
			if err := s.turn(r.Context(), time.Second, -1); err != nil {
				complain(w, err)
				return
			}
		}
	}
	sim.ServeHTTP(w, r)
}

// rewrite passes a request on to Koi as whom the browser has chosen to be. Requests without the choice
// (platforms, phones) go as they are.
func (d *doors) rewrite(r *httputil.ProxyRequest) {
	d.mu.Lock()
	koi := d.koi
	d.mu.Unlock()
	if koi == nil {
		koi = &url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	}
	r.Out.URL.Scheme, r.Out.URL.Host = koi.Scheme, koi.Host
	r.Out.Host = r.In.Host
	r.SetXForwarded()
	role, err := r.In.Cookie(roleCookie)
	if err != nil {
		return
	}
	if s, ok := d.sessionOf(role.Value); ok {
		r.Out.Header.Set("Cookie", s.cookie)
	}
}

// look renews a session that was ended: who signs out in the console is in again with the next page.
func (d *doors) look(res *http.Response) error {
	if res.StatusCode != http.StatusUnauthorized {
		return nil
	}
	sent := res.Request.Header.Get("Cookie")
	d.mu.Lock()
	defer d.mu.Unlock()
	for role, s := range d.sessions {
		if s.cookie == sent {
			go d.renew(role, s)
		}
	}
	return nil
}

func (d *doors) renew(role string, old session) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := d.show.caller().signIn(ctx, old.login, old.password)
	if err != nil {
		return // with the next request again
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sessions[role] == old {
		d.sessions[role] = s
	}
}

// away answers while Koi does not.
func (d *doors) away(w http.ResponseWriter, r *http.Request, _ error) {
	w.Header().Set("Retry-After", "1")
	w.Header().Set("Cache-Control", "no-store")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Refresh", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `<!doctype html><meta charset="utf-8"><title>正在启动</title><body style="font:16px/1.7 system-ui,sans-serif;display:grid;place-items:center;height:90vh;color:#51565d">Koi 进程正在启动，马上回来…</body>`)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, `{"title":"Service Unavailable","status":503,"kind":"unavailable","detail":"Koi 进程正在启动：请稍后再试"}`)
}

func (d *doors) page(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(roleCookie); err != nil || c.Value == "" {
		http.SetCookie(w, as("market"))
	}
	d.send(w, r, "demo.html")
}

func as(role string) *http.Cookie {
	return &http.Cookie{Name: roleCookie, Value: role, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

func (d *doors) file(w http.ResponseWriter, r *http.Request) { d.send(w, r, r.PathValue("file")) }

func (d *doors) send(w http.ResponseWriter, r *http.Request, name string) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'self'; frame-src http://127.0.0.1:* http://localhost:*; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'self'")
	http.ServeFileFS(w, r, webFiles, "web/"+name)
}

// post runs an act of the page itself and answers with what the page should show next.
func (d *doors) post(act func(http.ResponseWriter, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
			http.Error(w, "别的网站不能操作演示", http.StatusForbidden)
			return
		}
		if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			http.Error(w, "请用 JSON", http.StatusUnsupportedMediaType)
			return
		}
		out, err := act(w, r)
		if err != nil {
			complain(w, err)
			return
		}
		answerJSON(w, http.StatusOK, out)
	}
}

func complain(w http.ResponseWriter, err error) {
	status := http.StatusBadGateway
	switch fault.KindOf(err) {
	case fault.Invalid:
		status = http.StatusUnprocessableEntity
	case fault.NotFound:
		status = http.StatusNotFound
	case fault.Conflict:
		status = http.StatusConflict
	}
	answerJSON(w, status, map[string]string{"error": sentence(err)})
}

// sentence is what of an error one can read.
func sentence(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Message
	}
	return "没有做成：" + err.Error()
}

func answerJSON(w http.ResponseWriter, status int, out any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out) // who asked may be gone
}

func read(r *http.Request, into any) error {
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(into); err != nil {
		return fault.Wrap(err, fault.Invalid, "写法不对")
	}
	return nil
}

// role makes the browser somebody else, without a password.
func (d *doors) role(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct{ Role string }
	if err := read(r, &in); err != nil {
		return nil, err
	}
	if _, ok := d.sessionOf(in.Role); !ok {
		return nil, fault.New(fault.NotFound, "没有角色 %q，或演示还没有准备好", in.Role)
	}
	http.SetCookie(w, as(in.Role))
	return map[string]string{"role": in.Role}, nil
}

func (d *doors) clock(_ http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		Rate  *int64 `json:"rate"`
		Hours int    `json:"hours"`
	}
	if err := read(r, &in); err != nil {
		return nil, err
	}
	rate := int64(-1)
	if in.Rate != nil {
		if rate = *in.Rate; rate != 0 && rate != 1 && rate != 10 {
			return nil, fault.New(fault.Invalid, "速度只能是 0、1、10")
		}
	}
	if in.Hours < 0 || in.Hours > 24*31 {
		return nil, fault.New(fault.Invalid, "一次最多拨 31 天，而且只能往前")
	}
	if err := d.show.turn(r.Context(), time.Duration(in.Hours)*time.Hour, rate); err != nil {
		return nil, err
	}
	return d.show.now(), nil
}

func (d *doors) begin(http.ResponseWriter, *http.Request) (any, error) {
	select {
	case d.show.reset <- struct{}{}:
	default: // one is under way
	}
	return map[string]bool{"ok": true}, nil
}

// act is something a person does on a phone: done when Koi has acknowledged all it caused.
func (s *Show) act(ctx context.Context, a simulator.Act) (simulator.Played, error) {
	if s.clk.Course().Rate == 0 {
		if err := s.turn(ctx, time.Second, -1); err != nil {
			return simulator.Played{}, err
		}
	}
	got, err := s.platforms.Act(ctx, a)
	if err != nil {
		return got, err
	}
	for _, c := range got.Callbacks {
		if c.Status != simulator.Acknowledged {
			return got, fault.New(fault.Unavailable, "平台的回调没有被接收：%s", c.Answer)
		}
	}
	return got, nil
}
