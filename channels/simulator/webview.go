package simulator

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/koi-scrm/koi/app/fault"
)

// browsers are the webviews of the phones. Each phone has one of its own: a cookie jar, and an origin of its
// own on this machine (127.0.0.1 with a port), so that neither cookies nor localStorage nor scripts of one
// phone reach another's, nor the simulator's commands. What an origin serves comes from one server only, the
// Koi the simulator was pointed at, which must be on this machine too; whatever else a link leads to is told,
// not fetched.
type browsers struct {
	sim *Simulator
	out *http.Transport

	mu     sync.Mutex
	koi    *url.URL // nil: none that may be opened
	open   map[string]*browser
	clock  int64 // counts uses, for the one unused longest
	closed bool
}

// maxBrowsers bounds the webviews that are open; the one unused longest is closed, its cookies gone.
const maxBrowsers = 200

// browser is the webview of one phone.
type browser struct {
	owner  string // phone id
	staff  string // userid, "" of a person
	person string // the id by which official accounts' pages know them
	base   *url.URL
	jar    *cookiejar.Jar
	server *http.Server
	used   int64
}

func newBrowsers(s *Simulator, koi string) *browsers {
	b := &browsers{sim: s, open: map[string]*browser{}}
	b.out = &http.Transport{
		MaxIdleConnsPerHost: 16, IdleConnTimeout: 30 * time.Second, ResponseHeaderTimeout: 40 * time.Second,
		DialContext: dialHere, Proxy: nil,
	}
	b.pointAt(koi)
	return b
}

// dialHere connects to this machine only, whatever a name resolves to.
func dialHere(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("%s is not on this machine", address)
	}
	return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, net.JoinHostPort(host, port))
}

// onThisMachine reads the address of a server here, and only of one here.
func onThisMachine(address string) *url.URL {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil
	}
	if ip, err := netip.ParseAddr(u.Hostname()); u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
		return nil
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}
}

// pointAt names the server whose pages may be opened.
func (b *browsers) pointAt(koi string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.koi = onThisMachine(koi)
}

func (b *browsers) target() *url.URL {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.koi
}

func (b *browsers) close() {
	b.mu.Lock()
	list := b.open
	b.open, b.closed = map[string]*browser{}, true
	b.mu.Unlock()
	for _, x := range list {
		_ = x.server.Close()
	}
	b.out.CloseIdleConnections()
}

// of opens the webview of a phone, or returns the open one.
func (b *browsers) of(owner, staff, person string) (*browser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock++
	if x := b.open[owner]; x != nil {
		x.used = b.clock
		return x, nil
	}
	if b.closed {
		return nil, fault.New(fault.Unavailable, "模拟器正在停止")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "手机的浏览器打不开：本机没有空闲端口")
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	x := &browser{owner: owner, staff: staff, person: person, base: &url.URL{Scheme: "http", Host: l.Addr().String()}, jar: jar, used: b.clock}
	x.server = &http.Server{Handler: b.origin(x), ReadHeaderTimeout: 10 * time.Second, ErrorLog: nil}
	if len(b.open) >= maxBrowsers {
		var oldest *browser
		for _, y := range b.open {
			if oldest == nil || y.used < oldest.used {
				oldest = y
			}
		}
		delete(b.open, oldest.owner)
		go func() { _ = oldest.server.Close() }() // nobody looks at it any more
	}
	b.open[owner] = x
	go func() { _ = x.server.Serve(l) }() // ends with close
	return x, nil
}

// koiAddress turns an address as a webview sees it into Koi's own; others stay as they are.
func (b *browsers) koiAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, x := range b.open {
		if x.base.Host == u.Host && b.koi != nil {
			u.Scheme, u.Host = b.koi.Scheme, b.koi.Host
			return u.String()
		}
	}
	return address
}

// sameServer reports whether an address is Koi's: the same port on this machine, by whatever name.
func sameServer(koi, u *url.URL) bool {
	if koi == nil || u.Scheme != koi.Scheme {
		return false
	}
	return u.Host == koi.Host || u.Port() == koi.Port() && onThisMachine(u.String()) != nil
}

// isPlatformPage reports whether an address is one of the platforms' own pages a webview passes through,
// which this simulator serves: web authorization and 一次性订阅.
func isPlatformPage(u *url.URL) bool {
	if !strings.HasPrefix(u.Path, "/connect/") && !strings.HasPrefix(u.Path, "/mp/subscribemsg") {
		return false
	}
	return slices.Contains([]string{"open.weixin.qq.com", "open.work.weixin.qq.com", "login.work.weixin.qq.com", "mp.weixin.qq.com"}, u.Hostname()) ||
		onThisMachine((&url.URL{Scheme: u.Scheme, Host: u.Host}).String()) != nil
}

// inside is where an address leads inside a webview: "" when it leads out of it.
func (b *browsers) inside(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.User != nil {
		return ""
	}
	relative := u.Host == "" && u.Scheme == "" && strings.HasPrefix(u.Path, "/")
	if !relative && (u.Host == "" || !sameServer(b.target(), u) && !isPlatformPage(u)) {
		return ""
	}
	out := "/" + strings.TrimLeft(u.EscapedPath(), "/") // never //host
	if u.RawQuery != "" {
		out += "?" + u.RawQuery
	}
	if u.Fragment != "" {
		out += "#" + u.EscapedFragment()
	}
	return out
}

// agents are what the webviews say they are.
const (
	weChatAgent = "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UQ1A.240205.004; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.0.0 XWEB/1300259 Mobile Safari/537.36 MMWEBID/1024 MicroMessenger/8.0.54.2760(0x28003637) WeChat/arm64 Weixin NetType/WIFI Language/zh_CN ABI/arm64"
	weComAgent  = "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UQ1A.240205.004; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.0.0 Mobile Safari/537.36 wxwork/4.1.30 MicroMessenger/7.0.1 NetType/WIFI Language/zh Lang/zh"
)

func (x *browser) agent() string {
	if x.staff != "" {
		return weComAgent
	}
	return weChatAgent
}

// bridgePath is the script every page of a webview gets: it tells the phone the title and the address, and
// stands in for WeChat's JS-SDK.
const bridgePath = "/.phone/bridge.js"

// outPath is shown instead of a page elsewhere that a page led to.
const outPath = "/.phone/out"

// Headers a page in a webview must not bring along: Koi sees the phone's own cookies and none of this
// machine's, and nobody's word for where a request came from.
var notPassed = []string{"Cookie", "Authorization", "Proxy-Authorization", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host",
	"X-Forwarded-Proto", "X-Real-Ip", "Accept-Encoding", "Via"}

// notForPhones reports paths that command the performance, where it shares its address with Koi: no page of a
// phone may reach them.
func notForPhones(p string) bool {
	p = path.Clean("/" + p)
	return p == "/sim" || strings.HasPrefix(p, "/sim/") || p == "/demo" || strings.HasPrefix(p, "/demo/")
}

// origin serves the webview of one phone.
func (b *browsers) origin(x *browser) http.Handler {
	proxy := &httputil.ReverseProxy{
		Transport: b.out, FlushInterval: -1,
		Rewrite:        func(r *httputil.ProxyRequest) { b.ask(x, r) },
		ModifyResponse: func(r *http.Response) error { return b.receive(x, r) },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if errors.Is(err, context.Canceled) {
				return
			}
			b.sim.log.Debug("webview", "path", r.URL.Path, "error", err)
			apology(w, http.StatusBadGateway, "网页打不开", "Koi 没有回应，正在重试…", "2")
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		switch target := b.target(); {
		case r.Host != x.base.Host: // a name that was made to point here
			http.Error(w, "这里只是一部虚拟手机的浏览器", http.StatusMisdirectedRequest)
		case r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate":
			http.Error(w, "别的网站不能用这部手机", http.StatusForbidden)
		case r.URL.Path == bridgePath:
			h.Set("Content-Type", "text/javascript; charset=utf-8")
			h.Set("Cache-Control", "no-cache")
			h.Set("X-Content-Type-Options", "nosniff")
			body, err := webFiles.ReadFile("web/bridge.js")
			if err != nil {
				panic(err) // it is embedded
			}
			_, _ = w.Write(bytes.Replace(body, []byte("{{agent}}"), []byte(x.agent()), 1))
		case r.URL.Path == outPath:
			apology(w, http.StatusOK, "这个链接通向别处", r.URL.Query().Get("url")+" 虚拟手机只打开 Koi 的网页", "")
		case strings.HasPrefix(r.URL.Path, "/connect/"), strings.HasPrefix(r.URL.Path, "/mp/subscribemsg"):
			b.platform(x, w, r)
		case notForPhones(r.URL.Path):
			http.NotFound(w, r)
		case target == nil:
			apology(w, http.StatusBadGateway, "网页打不开", "模拟器没有连着本机的 Koi（--callback）", "")
		case r.Method == http.MethodConnect || r.Header.Get("Upgrade") != "":
			http.Error(w, "不支持", http.StatusMethodNotAllowed)
		default:
			proxy.ServeHTTP(w, r)
		}
	})
}

// ask makes the request of a page the phone's own request to Koi. Only the path and the query are the
// page's to choose.
func (b *browsers) ask(x *browser, r *httputil.ProxyRequest) {
	koi := b.target()
	r.Out.URL.Scheme, r.Out.URL.Host, r.Out.URL.User = koi.Scheme, koi.Host, nil
	r.Out.Host = koi.Host
	h := r.Out.Header
	for _, name := range notPassed {
		h.Del(name)
	}
	for _, name := range []string{"Origin", "Referer"} {
		v := h.Get(name)
		h.Del(name)
		if rest, own := strings.CutPrefix(v, x.base.String()); own && (rest == "" || rest[0] == '/') {
			h.Set(name, koi.String()+rest)
		} else if name == "Origin" && v != "" {
			h.Set(name, "null")
		}
	}
	if site := h.Get("Sec-Fetch-Site"); site == "same-site" || site == "cross-site" { // the phone opened a link
		h.Set("Sec-Fetch-Site", "none")
	}
	own, theirs := x.base.String(), koi.String()
	r.Out.URL.RawQuery = strings.NewReplacer(url.QueryEscape(own), url.QueryEscape(theirs), own, theirs).Replace(r.Out.URL.RawQuery)
	named(r.Out, own, theirs)
	h.Set("User-Agent", x.agent())
	h.Set("Accept-Language", "zh-CN,zh;q=0.9")
	for _, c := range x.jar.Cookies(safe(r.Out.URL)) {
		r.Out.AddCookie(c)
	}
}

// maxTold bounds the bodies of requests that are looked through for the webview's address.
const maxTold = 1 << 20

// named lets what a page tells of its own address (the tracker's beacons) name Koi's.
func named(r *http.Request, own, theirs string) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Body == nil || r.ContentLength <= 0 || r.ContentLength > maxTold || kind != "text/plain" && kind != "application/json" {
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxTold))
	if err != nil {
		return // the transport meets the same error
	}
	body = bytes.ReplaceAll(body, []byte(own+"/"), []byte(theirs+"/"))
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
}

// safe is an address as the jar knows it: browsers take this machine for safe also without TLS.
func safe(u *url.URL) *url.URL {
	v := *u
	v.Scheme = "https"
	return &v
}

// maxPage bounds the pages that are rewritten; larger ones pass as they are.
const maxPage = 4 << 20

// receive keeps the cookies for the phone and fits the page into its webview.
func (b *browsers) receive(x *browser, r *http.Response) error {
	koi := b.target()
	x.jar.SetCookies(safe(r.Request.URL), r.Cookies())
	h := r.Header
	for _, name := range []string{"Set-Cookie", "X-Frame-Options", "Strict-Transport-Security", "Clear-Site-Data", "Alt-Svc"} {
		h.Del(name)
	}
	if to := h.Get("Location"); to != "" && (strings.HasPrefix(to, "//") || strings.Contains(to, "://")) {
		h.Set("Location", cmp.Or(b.inside(to), outPath+"?url="+url.QueryEscape(to)))
	}
	if policy := h.Values("Content-Security-Policy"); len(policy) > 0 {
		h["Content-Security-Policy"] = nil
		for _, p := range policy {
			h.Add("Content-Security-Policy", framed(p, x.base.String()+bridgePath))
		}
	}
	if !strings.HasPrefix(h.Get("Content-Type"), "text/html") || r.Request.Method == http.MethodHead {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPage+1))
	if err != nil {
		return err
	}
	if len(body) > maxPage {
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
		return nil
	}
	_ = r.Body.Close()
	body = fitted(body, koi.String())
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Del("ETag")
	return nil
}

// fitted puts the bridge into a page and turns addresses of Koi's into paths.
func fitted(page []byte, koi string) []byte {
	for _, q := range []string{`"`, `'`} {
		page = bytes.ReplaceAll(page, []byte(q+koi+"/"), []byte(q+"/"))
	}
	script := []byte(`<script src="` + bridgePath + `"></script>`)
	lower := bytes.ToLower(page)
	for _, tag := range []string{"<head", "<html", "<!doctype"} {
		if i := bytes.Index(lower, []byte(tag)); i >= 0 {
			if j := bytes.IndexByte(page[i:], '>'); j >= 0 {
				return slices.Concat(page[:i+j+1], script, page[i+j+1:])
			}
		}
	}
	return slices.Concat(script, page)
}

// framed lets a page's policy also load the bridge and be shown in a phone, and nothing more.
func framed(policy, bridge string) string {
	var out []string
	var scripts, standard string
	for d := range strings.SplitSeq(policy, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(d), " ")
		switch strings.ToLower(name) {
		case "", "frame-ancestors", "upgrade-insecure-requests", "report-uri", "report-to", "sandbox":
		case "script-src", "script-src-elem":
			scripts = name
			out = append(out, name+" "+allow(value, bridge))
		case "default-src":
			standard = value
			out = append(out, name+" "+value)
		default:
			out = append(out, strings.TrimSpace(d))
		}
	}
	if scripts == "" && standard != "" {
		out = append(out, "script-src "+allow(standard, bridge))
	}
	return strings.Join(append(out, "frame-ancestors "+localPages), "; ")
}

func allow(sources, one string) string {
	if strings.TrimSpace(sources) == "'none'" {
		return one
	}
	return sources + " " + one
}

// personCookie names the person whose phone a browser plays to the authorize page of official accounts.
const personCookie = "sim_who"

// platform passes a browser through the platforms' own pages, with the one whose phone it is.
func (b *browsers) platform(x *browser, w http.ResponseWriter, r *http.Request) {
	out := r.Clone(r.Context())
	out.Header.Del("Cookie")
	out.Host = x.base.Host
	if x.staff != "" {
		out.AddCookie(&http.Cookie{Name: MemberCookie, Value: x.staff})
	}
	out.AddCookie(&http.Cookie{Name: personCookie, Value: x.person})
	rec := &recorded{header: http.Header{}, status: http.StatusOK}
	b.sim.ServeHTTP(rec, out)
	h := w.Header()
	for name, values := range rec.header {
		if name != "Set-Cookie" && name != "X-Frame-Options" {
			h[name] = values
		}
	}
	if to := h.Get("Location"); to != "" {
		h.Set("Location", cmp.Or(b.inside(to), outPath+"?url="+url.QueryEscape(to)))
	}
	if policy := h.Get("Content-Security-Policy"); policy != "" {
		h.Set("Content-Security-Policy", framed(policy, x.base.String()+bridgePath))
	}
	w.WriteHeader(rec.status)
	_, _ = w.Write(rec.body.Bytes())
}

// recorded is an answer that was made in this process.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorded) Header() http.Header         { return r.header }
func (r *recorded) WriteHeader(status int)      { r.status = status }
func (r *recorded) Write(p []byte) (int, error) { return r.body.Write(p) }

// apology is a page of the webview itself.
func apology(w http.ResponseWriter, status int, title, text, again string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors "+localPages)
	if again != "" {
		h.Set("Refresh", again)
	}
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>%s</title>`+
		`<style>body{font:16px/1.6 system-ui,"PingFang SC","Noto Sans CJK SC",sans-serif;color:#333;text-align:center;padding:30vh 24px 0;margin:0}p{color:#888;overflow-wrap:anywhere}</style>`+
		`<h2>%s</h2><p>%s</p></html>`, html.EscapeString(title), html.EscapeString(title), html.EscapeString(text))
}

// openWebview leads to a page in somebody's webview: /sim/webview/<person>/p/white-paper, or ?url= for the
// link of a message.
func (s *Simulator) openWebview(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	owner := s.find(r.PathValue("person"))
	var id, staffID, first string
	switch o := owner.(type) {
	case *person:
		id, first = o.phoneID(), o.id
	case *staff:
		// A member has a WeChat of their own, which nobody else here knows.
		id, staffID, first = o.phoneID(), o.UserID, "o"+shortHash("wechat of "+o.phoneID(), 27)
	}
	s.mu.Unlock()
	if id == "" {
		apology(w, http.StatusNotFound, "没有这个人", "虚拟手机里没有 "+r.PathValue("person"), "")
		return
	}
	var to string
	if link := r.URL.Query().Get("url"); r.PathValue("path") == "" && link != "" {
		if to = s.browsers.inside(link); to == "" {
			apology(w, http.StatusOK, "这个链接通向别处", link+" 虚拟手机只打开 Koi 的网页", "")
			return
		}
	} else {
		to = (&url.URL{Path: "/" + strings.TrimLeft(r.PathValue("path"), "/"), RawQuery: r.URL.RawQuery}).String()
	}
	x, err := s.browsers.of(id, staffID, first)
	if err != nil {
		complain(w, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, x.base.String()+to, http.StatusFound)
}
