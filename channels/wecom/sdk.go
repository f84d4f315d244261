package wecom

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ArtisanCloud/PowerLibs/v3/logger/drivers"
	"github.com/ArtisanCloud/PowerLibs/v3/object"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/work"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/channels/wechat"
)

// Client makes WeCom calls through PowerWeChat. Its apps know no corp, secret or token: a ticket stands
// for all three (wechat.Ticket), and our transport does the rest.
//
// PowerWeChat's clients write to themselves during a request (BaseClient.QueryRaw, DummyLogger), so an app
// is lent to one goroutine at a time. It is safe for concurrent use.
type Client struct {
	caller *wechat.Caller

	mu   sync.Mutex
	idle []*app
}

// NewClient makes a client over a caller.
func NewClient(caller *wechat.Caller) *Client { return &Client{caller: caller} }

// app is a PowerWeChat app and the ticket of whom it is lent to.
type app struct {
	*work.Work
	ticket *wechat.Ticket
}

// maxIdle apps are kept; each takes about 30 KB.
const maxIdle = 64

// do lends an app for one piece of work. The error is that of the last call; an SDK's own is of interest
// only when the platform's answer was fine. fn passes context.Background() to the SDK: what ends a call
// early is the ticket's context, and values in other contexts mean things to PowerWeChat ("query").
func (c *Client) do(ctx context.Context, cred account.Credential, fn func(a *app) error) (*wechat.Ticket, error) {
	a, err := c.borrow()
	if err != nil {
		return nil, err
	}
	t := c.caller.Begin(ctx, cred)
	defer t.End()
	a.ticket = t
	sdkErr := guarded(fn, a)
	if !errors.Is(sdkErr, errPanic) { // an app that panicked is in no known state
		c.giveBack(a)
	}
	if err := t.Err(); err != nil {
		return t, err
	}
	if sdkErr != nil {
		return t, fmt.Errorf("WeCom answer: %w", sdkErr)
	}
	return t, nil
}

var errPanic = errors.New("PowerWeChat panicked")

// guarded keeps a panic of the SDK, which asserts types of what it reads, from taking the process down.
func guarded(fn func(a *app) error, a *app) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	return fn(a)
}

func (c *Client) borrow() (*app, error) {
	c.mu.Lock()
	if n := len(c.idle); n > 0 {
		a := c.idle[n-1]
		c.idle = c.idle[:n-1]
		c.mu.Unlock()
		return a, nil
	}
	c.mu.Unlock()
	return newApp()
}

func (c *Client) giveBack(a *app) {
	a.ticket = nil
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle) < maxIdle {
		c.idle = append(c.idle, a)
	}
}

func newApp() (*app, error) {
	w, err := work.NewWork(&work.UserConfig{
		Log:   work.Log{Driver: &drivers.DummyLogger{}}, // else it writes ./wechat/info.log
		Cache: noCache{},                                // else tokens lie in the clear in ~/.ArtisanCloud
		// No ProxyURI: it would switch certificate checks off. The time-out is the ticket's.
		Http:  work.Http{Transport: wechat.RoundTripper, Timeout: 60},
		OAuth: work.OAuth{Callback: "https://unused.invalid"}, // it insists on one
	})
	if err != nil {
		return nil, fmt.Errorf("make PowerWeChat app: %w", err)
	}
	a := &app{Work: w}
	// Any other type in this map panics inside the SDK. Without a ticket the transport refuses the call.
	w.AccessToken.GetCustomToken = func(string, bool) object.HashMap {
		token := "none"
		if a.ticket != nil {
			token = a.ticket.String()
		}
		return object.HashMap{"access_token": token, "expires_in": float64(7200)}
	}
	return a, nil
}

// noCache keeps nothing: there is nothing to keep, since tokens never enter the SDK.
type noCache struct{}

var errNoCache = errors.New("the SDK keeps nothing")

func (noCache) Get(string, any) (any, error)          { return nil, errNoCache }
func (noCache) Set(string, any, time.Duration) error  { return errNoCache }
func (noCache) Has(string) bool                       { return false }
func (noCache) AddNX(string, any, time.Duration) bool { return false }
func (noCache) Add(string, any, time.Duration) error  { return errNoCache }
func (noCache) Remember(string, time.Duration, func() (any, error)) (any, error) {
	return nil, errNoCache
}
