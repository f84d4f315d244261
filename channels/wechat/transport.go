package wechat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/fault"
)

// The platforms' own addresses; SDKs call these whatever is configured.
const (
	officialHost = "api.weixin.qq.com"
	wecomHost    = "qyapi.weixin.qq.com"
)

// Options configure a Transport.
type Options struct {
	WeChatBase string        // channels.wechat.base_url; "" is the platform's own
	WeComBase  string        // channels.wecom.base_url
	Timeout    time.Duration // for one HTTP exchange; 0 is 5 s
	Observe    func(Exchange)
}

// Exchange is one HTTP exchange with a platform, for metrics.
type Exchange struct {
	Kind    account.Kind
	Account string
	API     string // the path
	Code    int    // the platform's errcode
	Status  int    // HTTP status; 0 when no answer came
	Took    time.Duration
}

// Transport is the one way out to WeChat and WeCom. It sends only to the two platforms' hosts, at the
// configured base addresses, follows no redirect, bounds time and size, and reads the errcode of every
// answer itself: what an SDK makes of an answer is of no importance. It names no address in its errors,
// since addresses carry tokens.
type Transport struct {
	bases   map[string]*url.URL // by the host an SDK calls
	timeout time.Duration
	observe func(Exchange)
	http    *http.Transport
}

// NewTransport makes a transport. Fault: Invalid for a base address that is none.
func NewTransport(o Options) (*Transport, error) {
	t := &Transport{bases: map[string]*url.URL{}, timeout: o.Timeout, observe: o.Observe}
	if t.timeout <= 0 {
		t.timeout = 5 * time.Second
	}
	var problems []fault.Problem
	for _, b := range []struct{ host, base, key string }{
		{officialHost, o.WeChatBase, "channels.wechat.base_url"}, {wecomHost, o.WeComBase, "channels.wecom.base_url"},
	} {
		if b.base == "" {
			b.base = "https://" + b.host
		}
		u, err := url.Parse(strings.TrimRight(b.base, "/"))
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			problems = append(problems, fault.Problem{Path: b.key, Message: "应形如 https://" + b.host})
			continue
		}
		t.bases[b.host] = u
	}
	if err := fault.Problems("平台地址写法不对，请改正后重新启动", problems); err != nil {
		return nil, err
	}
	t.http = &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 3 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 64,
		// Shorter than the platforms keep idle connections: a POST on one they just closed is lost in
		// between, and nobody can say whether it arrived.
		IdleConnTimeout:        20 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
	return t, nil
}

// Close gives up idle connections.
func (t *Transport) Close() { t.http.CloseIdleConnections() }

// maxAnswer bounds what is read of an answer: media and QR codes are the largest.
const maxAnswer = 20 << 20

// reply is what came of one HTTP exchange.
type reply struct {
	api     string
	status  int
	header  http.Header
	body    []byte
	code    int
	json    bool          // the body is a JSON object, so code counts
	reached atomic.Bool   // a connection was there: the platform may have received the request
	skew    time.Duration // platform's clock minus ours; 0 without a Date header
	err     error         // no answer, or none that could be read whole
}

// meaning of the reply; err must be nil.
func (r *reply) meaning(kind account.Kind) Meaning {
	if r.status == http.StatusOK && r.json {
		return Explain(kind, r.code)
	}
	return explainStatus(r.status)
}

var (
	errForeignHost = errors.New("refused to send to a host that is not the platform's")
	errRedirect    = errors.New("the platform answered with a redirect, which is not followed")
	errTooLong     = errors.New("the answer is too long")
)

// exchange sends one request, made for the platform's own host, to the configured base address. The body
// is given apart, so that it can be sent again. hide are the values that must not stand in an error.
func (t *Transport) exchange(ctx context.Context, kind account.Kind, accountID string, req *http.Request, body []byte, hide ...string) *reply {
	r := &reply{api: req.URL.Path}
	base := t.bases[req.URL.Host]
	if base == nil || (req.URL.Host == wecomHost) != (kind == account.KindWeCom) {
		r.err = errForeignHost
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	out := req.Clone(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { r.reached.Store(true) },
	}))
	out.URL.Scheme, out.URL.Host, out.Host = base.Scheme, base.Host, base.Host
	out.URL.Path = base.Path + req.URL.Path
	out.URL.RawPath, out.RequestURI = "", ""
	if out.Body = http.NoBody; len(body) > 0 {
		out.Body = io.NopCloser(bytes.NewReader(body))
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		if out.Header.Get("Content-Type") == "" { // PowerWeChat sets none for a body given as text
			out.Header.Set("Content-Type", "application/json")
		}
	}
	out.ContentLength = int64(len(body))
	sent := time.Now()
	res, err := t.http.RoundTrip(out)
	if err == nil {
		r.read(res, sent)
	} else {
		r.err = err
	}
	if r.err != nil {
		r.err = &hidden{text: hideIn(r.err.Error(), hide), err: r.err}
	}
	if t.observe != nil {
		t.observe(Exchange{Kind: kind, Account: accountID, API: r.api, Code: r.code, Status: r.status, Took: time.Since(sent)})
	}
	return r
}

func (r *reply) read(res *http.Response, sent time.Time) {
	defer res.Body.Close()
	r.status, r.header = res.StatusCode, res.Header
	if date, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		// The header has whole seconds, cut off; half a second is its mean error.
		r.skew = date.Add(500 * time.Millisecond).Sub(sent.Add(time.Since(sent) / 2))
	}
	if res.StatusCode >= 300 && res.StatusCode < 400 {
		r.err = errRedirect // elsewhere the token in the address would be given away
		return
	}
	r.body, r.err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if r.err == nil && len(r.body) > maxAnswer {
		r.err = errTooLong
	}
	if r.err != nil {
		return
	}
	var coded struct {
		Code json.Number `json:"errcode"` // a number, in some interfaces written as text
	}
	if b := bytes.TrimSpace(r.body); len(b) > 0 && b[0] == '{' && json.Unmarshal(b, &coded) == nil {
		code, err := coded.Code.Int64()
		if coded.Code == "" || err == nil {
			r.code, r.json = int(code), true
		}
	}
}

// hidden is an error whose text names no secret; its causes remain recognisable.
type hidden struct {
	text string
	err  error
}

func (h *hidden) Error() string        { return h.text }
func (h *hidden) Is(target error) bool { return errors.Is(h.err, target) }
func hideIn(text string, secrets []string) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.NewReplacer(s, "***", url.QueryEscape(s), "***").Replace(text)
		}
	}
	return text
}

// Caller makes calls with tokens: it is what senders and directories hold.
type Caller struct {
	transport *Transport
	tokens    *account.Tokens
}

// NewCaller joins a transport with the tokens of its accounts.
func NewCaller(t *Transport, tokens *account.Tokens) *Caller {
	return &Caller{transport: t, tokens: tokens}
}

func apiURL(kind account.Kind, path string, query url.Values) string {
	host := officialHost
	if kind == account.KindWeCom {
		host = wecomHost
	}
	u := url.URL{Scheme: "https", Host: host, Path: path, RawQuery: query.Encode()}
	return u.String()
}

// newRequest makes a request for a platform's own host; the body travels apart.
func newRequest(ctx context.Context, method string, kind account.Kind, path string, query url.Values) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, apiURL(kind, path, query), nil)
	if err != nil {
		return nil, fmt.Errorf("make request %s: %w", path, err)
	}
	return req, nil
}
