// Package simulator is the other side: the servers of official accounts, mini programs and WeCom on loopback, at their
// original paths, and the people behind them. It judges calls by one table of rules (see rules), keeps a
// world of followers, staff and customers, shows their phones, lets them act, and sends what they do as
// signed and encrypted callbacks, with the platforms' retries. Told to, it misbehaves.
//
// Tests, the demo and the load tests use it through the same HTTP as the real platforms, so that nothing
// in Koi knows of it. Its journals are bounded, its totals exact: what it says was delivered once, was.
// It refuses to know Koi: it speaks only the platforms' protocols, to the addresses it was given.
//
// Where the platforms' behaviour isn't established, it takes the stricter reading; the comment says so.
package simulator

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/fault"
)

// Simulator plays the platforms. It is safe for concurrent use.
type Simulator struct {
	cfg     Config
	clk     clock.Clock
	log     *slog.Logger
	table   map[string][]*rule // by path
	control http.Handler       // /sim/…

	mu sync.Mutex // guards the world, its tokens, quotas and dedupe memories
	world
	sms        smsWorld
	tokens     tokens
	counters   *counters
	sent       *expiring[sentKey, *sentMessage]  // WeCom messages under duplicate check
	clientMsgs *expiring[templateKey, clientMsg] // template messages by client_msg_id
	welcomes   *expiring[string, *welcome]       // welcome codes
	responses  *expiring[string, *cardResponse]  // template_card response codes
	codes      *expiring[string, *miniCode]      // what a mini program got of wx.login and 手机号快速验证
	visits     *expiring[string, *visit]         // codes of WeCom's authorize page
	webCodes   *expiring[string, *webCode]       // what pages got of 网页授权
	recent     list.List                         // *chat, by how recently something happened, newest first

	ids        atomic.Int64
	faults     *faults
	calls      *callJournal
	deliveries *deliveries
	callbacks  *callbacks
	phones     bell // rings when a phone changes
	browsers   *browsers

	server   *http.Server
	listener net.Listener
	ended    chan struct{} // closed when serving stopped
	stop     context.CancelFunc
	stopped  context.Context
}

// New makes a simulator. It starts nothing; Handler can be served at once, Start serves it on a port of
// its own. A wrong configuration is an Invalid fault with every problem.
func New(cfg Config) (*Simulator, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Simulator{
		cfg: cfg, clk: cfg.Clock, log: cfg.Log,
		table:      map[string][]*rule{},
		tokens:     tokens{newExpiring[string, *token](maxTokens)},
		counters:   newCounters(cfg.Quotas),
		sent:       newExpiring[sentKey, *sentMessage](cfg.DedupeKeys),
		clientMsgs: newExpiring[templateKey, clientMsg](cfg.DedupeKeys),
		welcomes:   newExpiring[string, *welcome](maxPeople),
		responses:  newExpiring[string, *cardResponse](cfg.DedupeKeys),
		codes:      newExpiring[string, *miniCode](maxPeople),
		visits:     newExpiring[string, *visit](maxPeople),
		webCodes:   newExpiring[string, *webCode](maxPeople),
		faults:     &faults{},
		calls:      newCallJournal(cfg.History),
		deliveries: newDeliveries(cfg.History, cfg.DeliveryKeys),
	}
	s.sms.build(cfg)
	all := rules()
	for i := range all {
		s.table[all[i].path] = append(s.table[all[i].path], &all[i])
	}
	// Ids go on rising over restarts, as the platforms' do: a client that saw the last run must not take
	// a new message for an old one. They are greater than a float64 can hold exactly.
	s.ids.Store(2_000_000_000_000_000_000 + cfg.Clock.Wall().UnixMilli()*100_000)
	if err := s.build(cfg, cfg.Clock.Now().UnixMilli()); err != nil {
		return nil, err
	}
	s.stopped, s.stop = context.WithCancel(context.Background())
	s.callbacks = newCallbacks(s.stopped, cfg)
	s.browsers = newBrowsers(s, cfg.Koi)
	s.control = s.controls()
	return s, nil
}

func (s *Simulator) nextID() int64 { return s.ids.Add(1) }

// Handler serves the platforms' paths and /sim/.
func (s *Simulator) Handler() http.Handler { return s }

// ServeHTTP implements http.Handler.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/sim" || strings.HasPrefix(r.URL.Path, "/sim/"):
		s.control.ServeHTTP(w, r)
	case r.URL.Path == authorizePath && s.app(r.URL.Query().Get("appid")).official != nil:
		s.authorizeReader(w, r)
	case r.URL.Path == authorizePath:
		s.serveAuthorize(w, r)
	case isSMS(r):
		s.serveSMS(w, r)
	case r.URL.Path == "/" && r.Method == http.MethodGet:
		http.Redirect(w, r, "/sim/", http.StatusFound)
	default:
		s.servePlatform(w, r)
	}
}

// Start serves on a loopback address ("127.0.0.1:0" picks a port) until ctx ends or Close is called, and
// returns when calls are accepted. Other addresses are refused: anyone who reaches /sim/ commands it.
func (s *Simulator) Start(ctx context.Context, addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "监听地址 %q 不对，应形如 127.0.0.1:8090", addr)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return fault.New(fault.Invalid, "模拟器只在本机监听，地址 %q 不是 127.0.0.1、::1 或 localhost", addr)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "模拟器无法监听 %s，请换一个端口", addr)
	}
	s.listener, s.ended = l, make(chan struct{})
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
	go func() {
		defer close(s.ended)
		if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("simulator stopped", "error", err)
		}
	}()
	context.AfterFunc(ctx, s.Close)
	return nil
}

// URL is the base address of a started simulator, without a slash at its end.
func (s *Simulator) URL() string { return "http://" + s.listener.Addr().String() }

// Run is Start, then waits until ctx ends.
func (s *Simulator) Run(ctx context.Context, addr string) error {
	if err := s.Start(ctx, addr); err != nil {
		return err
	}
	<-s.ended
	s.callbacks.wait()
	return nil
}

// Close stops serving, breaks off calls and callbacks under way, and waits for them. It may be called
// more than once.
func (s *Simulator) Close() {
	s.stop()
	if s.server != nil {
		_ = s.server.Close() // nothing is left to lose: clients see a broken connection
		<-s.ended
	}
	s.browsers.close()
	s.callbacks.wait()
}

// maxBody is more than any call of the platforms may carry.
const maxBody = 2 << 20

// servePlatform answers a call as its platform would, or misbehaves.
func (s *Simulator) servePlatform(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "request body too large or broken", http.StatusBadRequest)
		return
	}
	c := s.read(r, body)
	candidates := s.table[c.path]
	odd := s.faults.take(c.path, s.accountOf(c))
	var a answer
	p := platformOf(r, candidates)
	switch {
	case odd != nil && !odd.After && (odd.Drop || odd.Status != 0):
	case odd != nil && odd.Code != 0:
		a = c.write(p, refusef(odd.Code, "%s", odd.Message))
	case len(candidates) == 0:
		a = c.write(p, refuse(40066))
	default:
		s.mu.Lock()
		a = s.perform(c, candidates)
		s.mu.Unlock()
		for _, do := range c.done {
			do()
		}
	}
	s.calls.add(s.record(c, r, odd, a, time.Since(began)), len(candidates) > 0)
	if odd != nil && !s.holdBack(w, r, odd) {
		return
	}
	s.reply(w, http.StatusOK, a)
}

// reply writes an answer with the platform's Date, which Koi compares with its own clock.
func (s *Simulator) reply(w http.ResponseWriter, status int, a answer) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=UTF-8")
	h.Set("Date", s.clk.Wall().UTC().Format(http.TimeFormat))
	w.WriteHeader(status)
	_, _ = w.Write(encode(a)) // a client that went away lost the answer, as it would with the platform
}

// read takes a request apart.
func (s *Simulator) read(r *http.Request, body []byte) *call {
	c := &call{id: s.nextID(), now: s.clk.Now().UnixMilli(), wall: s.clk.Wall().UnixMilli(),
		method: r.Method, path: r.URL.Path, raw: body}
	c.ip, _, _ = net.SplitHostPort(r.RemoteAddr)
	in, err := parse(body)
	c.badJSON = err != nil
	c.in = in.with(r.URL.Query())
	return c
}

// accountOf is whose call it seems to be before its token was judged.
func (s *Simulator) accountOf(c *call) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tokens.find(c.in.str("access_token")); t != nil {
		return t.account()
	}
	return c.in.str("appid") + c.in.str("corpid")
}

// platformOf guesses whose errmsg a call gets that no rule has judged.
func platformOf(r *http.Request, candidates []*rule) platform {
	if len(candidates) > 0 {
		return candidates[0].platform
	}
	if strings.HasPrefix(r.Host, "qyapi.") {
		return weCom
	}
	return wechatOA
}

// record is a call as the journal keeps it.
func (s *Simulator) record(c *call, r *http.Request, odd *Misbehaviour, a answer, took time.Duration) Call {
	q := r.URL.Query()
	for _, secret := range []string{"access_token", "secret", "corpsecret"} {
		q.Del(secret)
	}
	out := Call{At: c.now, Method: c.method, Path: c.path, Query: q.Encode(), Account: c.account(), Body: kept(c.raw),
		TookMicros: took.Microseconds()}
	if code, isCode := a["errcode"].(int); isCode {
		out.Code = code
	}
	if a != nil {
		out.Answer = encode(a)
	}
	if odd != nil {
		out.Misbehaved = odd.String()
	}
	return out
}

func fmtID(prefix string, n int64) string { return fmt.Sprintf("%s%x", prefix, n) }
