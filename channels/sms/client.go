package sms

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/responses"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/dysmsapi"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/fault"
)

// region is written into every request; the short message service has one for all of China.
const region = "cn-hangzhou"

// Options configure a Client.
type Options struct {
	BaseURL string        // channels.aliyun_sms.base_url; "" is Aliyun's own
	Timeout time.Duration // for one HTTP exchange; 0 is 4 s
	Clients int           // how many calls may be under way at once; 0 is 32
}

// Client is the one way out to Aliyun. The SDK's client is not safe for concurrent use (it rewrites its
// http.Client for each request, and its constructor a package variable), so each call has one to itself
// out of a pool, and they are made one after the other. The SDK's own retry stays off: a repeat after a
// time-out would send twice.
type Client struct {
	base    *url.URL
	timeout time.Duration
	http    *http.Transport
	places  chan struct{}

	mu   sync.Mutex
	idle []*worker // the last used at the end
}

// worker is one client of the SDK, made for one access key, with its own way out.
type worker struct {
	keyID, keySecret string
	sdk              *dysmsapi.Client
	exit             *exit
}

// making keeps constructors apart, of all Clients: they write a variable of the SDK's package.
var making sync.Mutex

// NewClient makes a client. Fault: Invalid for a base address that is none.
func NewClient(o Options) (*Client, error) {
	if o.BaseURL == "" {
		o.BaseURL = "https://dysmsapi.aliyuncs.com"
	}
	u, err := url.Parse(strings.TrimRight(o.BaseURL, "/"))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Path != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fault.New(fault.Invalid, "channels.aliyun_sms.base_url 写法不对：应形如 https://dysmsapi.aliyuncs.com")
	}
	if o.Timeout <= 0 {
		o.Timeout = 4 * time.Second
	}
	if o.Clients <= 0 {
		o.Clients = 32
	}
	return &Client{base: u, timeout: o.Timeout, places: make(chan struct{}, o.Clients), http: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    3 * time.Second,
		MaxIdleConnsPerHost:    o.Clients,
		IdleConnTimeout:        20 * time.Second, // shorter than the platform's: a POST on a dying connection is of unknown fate
		MaxResponseHeaderBytes: 64 << 10,
	}}, nil
}

// Close gives up idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// take waits for a place and returns an SDK client for the account's key. A key that was changed in the
// console is another key: its clients are made anew, and those of the old one are forgotten as places
// are needed.
func (c *Client) take(ctx context.Context, acc account.SMS) (*worker, error) {
	select {
	case c.places <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c.mu.Lock()
	for i := len(c.idle) - 1; i >= 0; i-- {
		if w := c.idle[i]; w.keyID == acc.AccessKeyID && w.keySecret == acc.AccessKeySecret {
			c.idle = append(c.idle[:i], c.idle[i+1:]...)
			c.mu.Unlock()
			return w, nil
		}
	}
	c.mu.Unlock()
	w := &worker{keyID: acc.AccessKeyID, keySecret: acc.AccessKeySecret, exit: &exit{client: c}}
	conf := sdk.NewConfig().WithAutoRetry(false)
	conf.Transport, conf.Scheme = w.exit, c.base.Scheme
	making.Lock()
	made, err := dysmsapi.NewClientWithOptions(region, conf, credentials.NewAccessKeyCredential(acc.AccessKeyID, acc.AccessKeySecret))
	making.Unlock()
	if err != nil {
		<-c.places
		return nil, errors.New("make a client of the SDK") // its own words may carry the key
	}
	made.SetCloseTrace(true)
	w.sdk = made
	return w, nil
}

func (c *Client) give(w *worker) {
	c.mu.Lock()
	c.idle = append(c.idle, w)
	if len(c.idle) > cap(c.places) {
		c.idle = c.idle[1:]
	}
	c.mu.Unlock()
	<-c.places
}

// reply is what came of one exchange with Aliyun.
type reply struct {
	status  int
	code    string // "OK", or Aliyun's error code; "" when there was no readable answer
	message string // Aliyun's words, for finding out which limit was met; never shown: they may hold a phone number
	reached bool   // a connection was there: Aliyun may have received the request
	err     error  // no answer, or none that could be read
}

// call makes one request. What the SDK makes of the answer counts for nothing but the decoded fields of an
// answer with code OK: its errors carry address, parameters and key, so they are dropped.
func (c *Client) call(ctx context.Context, acc account.SMS, req requests.AcsRequest, resp responses.AcsResponse) *reply {
	w, err := c.take(ctx, acc)
	if err != nil {
		return &reply{err: err}
	}
	defer c.give(w)
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r := &reply{}
	w.exit.ctx, w.exit.reply = ctx, r
	req.SetScheme(c.base.Scheme)
	req.SetDomain(c.base.Host)
	if err := w.sdk.DoAction(req, resp); err != nil && r.err == nil && r.status == 0 {
		r.err = errors.New("the SDK did not send the request")
	} else if err != nil && r.err == nil && r.code == "OK" {
		r.code, r.err = "", errors.New("the answer could not be read")
	}
	w.exit.ctx, w.exit.reply = nil, nil
	return r
}

var (
	errForeignHost = errors.New("refused to send to a host that is not the configured one")
	errRedirect    = errors.New("a redirect, which is not followed")
	errTooLong     = errors.New("the answer is too long")
	errNoAnswer    = errors.New("no answer in time, or the connection broke")
	errNoConnect   = errors.New("no connection")
)

// maxAnswer bounds what is read of an answer; a page of 50 templates is the largest.
const maxAnswer = 4 << 20

// exit is the way out of one SDK client. It sends only to the configured host and names no address in its
// errors: parameters and key stand there.
type exit struct {
	client *Client
	ctx    context.Context // of the call under way; the SDK hands none on
	reply  *reply
}

// RoundTrip implements http.RoundTripper.
func (x *exit) RoundTrip(req *http.Request) (*http.Response, error) {
	r := x.reply
	if req.URL.Host != x.client.base.Host || req.URL.Scheme != x.client.base.Scheme {
		r.err = errForeignHost
		return nil, r.err
	}
	var reached atomic.Bool
	out := req.Clone(httptrace.WithClientTrace(x.ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { reached.Store(true) }}))
	resp, err := x.client.http.RoundTrip(out)
	r.reached = reached.Load()
	if err != nil {
		r.err = errNoConnect
		if r.reached {
			r.err = errNoAnswer
		}
		return nil, r.err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		r.err = errNoAnswer
	case len(body) > maxAnswer:
		r.err = errTooLong
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		r.err = errRedirect
	}
	if r.err != nil {
		return nil, r.err
	}
	r.status = resp.StatusCode
	var said struct{ Code, Message string }
	if json.Unmarshal(body, &said) == nil {
		r.code, r.message = said.Code, said.Message
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}
