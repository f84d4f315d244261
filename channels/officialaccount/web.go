package officialaccount

import (
	"context"
	"crypto/rand"
	"crypto/sha1" // the platform's signature is SHA-1; there is no other
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/channels/wechat"
)

// Web is what official accounts do for pages of ours: they say who reads (网页授权) and sign for the JS-SDK.
type Web struct {
	caller    *wechat.Caller
	transport *wechat.Transport
	accounts  *account.Directory
	clock     clock.Clock
	flight    singleflight.Group

	mu      sync.Mutex
	tickets map[string]jsTicket // by AppID
}

type jsTicket struct {
	text  string
	until time.Time
}

// NewWeb makes Web over a caller.
func NewWeb(caller *wechat.Caller, transport *wechat.Transport, accounts *account.Directory, clk clock.Clock) *Web {
	return &Web{caller: caller, transport: transport, accounts: accounts, clock: clk, tickets: map[string]jsTicket{}}
}

// Account is the account a page works with: the preferred one, else the first by AppID that has a secret;
// "" when there is none.
func (w *Web) Account(preferred string) string {
	if preferred != "" {
		if a, ok := w.accounts.Official(preferred); ok && a.AppSecret != "" {
			return a.AppID
		}
		return ""
	}
	var ids []string
	for _, a := range w.accounts.Officials() {
		if a.AppSecret != "" {
			ids = append(ids, a.AppID)
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return slices.Min(ids)
}

// Authorize is where a browser is sent to be recognised silently.
func (w *Web) Authorize(appID, redirect, state string) string {
	return w.transport.AuthorizeURL(appID, redirect, state)
}

// Identify says whom a code stands for. Faults: those of wechat.Transport.ExchangeCode; NotFound for an
// account that is gone.
func (w *Web) Identify(ctx context.Context, appID, code string) (wechat.WebUser, error) {
	acc, ok := w.accounts.Official(appID)
	if !ok {
		return wechat.WebUser{}, fault.New(fault.NotFound, "没有公众号 %s", appID)
	}
	return w.transport.ExchangeCode(ctx, acc.Credential(), code)
}

// Signature is what wx.config takes.
type Signature struct {
	AppID, Nonce, Signature string
	Timestamp               int64
}

// Sign signs an address for the JS-SDK: SHA-1 over ticket, nonce, time and the address without its
// fragment, as it stands in the browser (JS-SDK使用权限签名算法).
func (w *Web) Sign(ctx context.Context, appID, address string) (Signature, error) {
	ticket, err := w.ticket(ctx, appID)
	if err != nil {
		return Signature{}, err
	}
	address, _, _ = strings.Cut(address, "#")
	s := Signature{AppID: appID, Nonce: rand.Text(), Timestamp: w.clock.Wall().Unix()}
	sum := sha1.Sum(fmt.Appendf(nil, "jsapi_ticket=%s&noncestr=%s&timestamp=%d&url=%s", ticket, s.Nonce, s.Timestamp, address))
	s.Signature = hex.EncodeToString(sum[:])
	return s, nil
}

// ticketSlack is how long before its end a ticket is fetched anew. Fetching is limited, so one is kept; two
// processes that fetch both get good ones.
const ticketSlack = 5 * time.Minute

func (w *Web) ticket(ctx context.Context, appID string) (string, error) {
	now := w.clock.Wall()
	w.mu.Lock()
	had := w.tickets[appID]
	w.mu.Unlock()
	if had.text != "" && now.Before(had.until) {
		return had.text, nil
	}
	got, err, _ := w.flight.Do(appID, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		t, err := w.fetch(ctx, appID)
		if err == nil {
			w.mu.Lock()
			w.tickets[appID] = t
			w.mu.Unlock()
		}
		return t.text, err
	})
	if err != nil {
		return "", err
	}
	return got.(string), nil
}

func (w *Web) fetch(ctx context.Context, appID string) (jsTicket, error) {
	acc, ok := w.accounts.Official(appID)
	if !ok {
		return jsTicket{}, fault.New(fault.NotFound, "没有公众号 %s", appID)
	}
	t := w.caller.Begin(ctx, acc.Credential())
	defer t.End()
	address := "https://api.weixin.qq.com/cgi-bin/ticket/getticket?" + url.Values{"access_token": {t.String()}, "type": {"jsapi"}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return jsTicket{}, fmt.Errorf("make ticket request: %w", err)
	}
	res, httpErr := wechat.RoundTripper.RoundTrip(req)
	if httpErr == nil {
		_ = res.Body.Close() // the ticket keeps what was in it
	}
	if err := t.Err(); err != nil {
		return jsTicket{}, err
	}
	var got struct {
		Ticket string `json:"ticket"`
		Life   int64  `json:"expires_in"`
	}
	if err := t.Decode(&got); err != nil || got.Ticket == "" {
		return jsTicket{}, fmt.Errorf("jsapi ticket of %s: the answer holds none", appID)
	}
	life := max(time.Duration(got.Life)*time.Second-ticketSlack, time.Minute)
	return jsTicket{got.Ticket, w.clock.Wall().Add(life)}, nil
}
