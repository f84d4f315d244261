package simulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/channels/wechat"
)

// Callback is an event or message the platform pushed, and what became of it.
type Callback struct {
	ID      int64  `json:"id"`
	At      int64  `json:"at"` // business time, Unix ms
	Account string `json:"account"`
	Event   string `json:"event"`
	Status  string `json:"status"` // pending, acknowledged, dropped
	Tries   int    `json:"tries"`
	Answer  string `json:"answer,omitempty"` // of the last try: its HTTP status and the beginning of its body
	Plain   string `json:"plain"`            // the inner XML or JSON
}

// The states of a callback.
const (
	Pending      = "pending"
	Acknowledged = "acknowledged"
	Dropped      = "dropped"
)

// CallbackTotals are exact from the start of the simulator.
type CallbackTotals struct {
	Sent         int64 `json:"sent"` // callbacks, not tries
	Tries        int64 `json:"tries"`
	Acknowledged int64 `json:"acknowledged"`
	Dropped      int64 `json:"dropped"`
	Pending      int64 `json:"pending"`
}

// maxPending bounds the callbacks under way; while a server is away each waits up to 15 s.
const maxPending = 20_000

// maxSending is how many requests are open at once.
const maxSending = 256

// callbacks pushes events with the platform's patience: a try that isn't answered with 200 in time is
// made again, a few times, and then the event is lost.
type callbacks struct {
	bell    bell
	ctx     context.Context
	client  *http.Client
	spacing time.Duration
	tries   int
	sending chan struct{}
	running sync.WaitGroup

	mu     sync.Mutex
	ring   ring[*Callback]
	totals CallbackTotals
}

func newCallbacks(ctx context.Context, cfg Config) *callbacks {
	transport := &http.Transport{MaxIdleConnsPerHost: maxSending, MaxIdleConns: maxSending, IdleConnTimeout: time.Minute}
	return &callbacks{
		ctx: ctx, spacing: cfg.CallbackSpacing, tries: cfg.CallbackTries, sending: make(chan struct{}, maxSending),
		client: &http.Client{Transport: transport, Timeout: cfg.CallbackTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		ring: newRing[*Callback](cfg.History),
	}
}

// push is a request to make: sealed anew for every try, as its timestamp must be fresh.
type push struct {
	account string
	event   string
	plain   []byte
	url     string
	seal    func() (url.Values, []byte)
	// contentType of the body; "" is text/xml.
	contentType string
	// A platform of its own patience: how long it waits for an answer and before each further try, and which
	// answer it is content with. Zero: as WeChat does.
	timeout time.Duration
	waits   []time.Duration
	accepts func(status int, text string) bool
}

// tries is how often a push is made at most, wait how long after the beginning of try n the next one begins.
func (p *push) tries(q *callbacks) int {
	if len(p.waits) > 0 {
		return len(p.waits) + 1
	}
	return q.tries
}

func (p *push) wait(q *callbacks, n int) time.Duration {
	if len(p.waits) > 0 {
		return p.waits[n-1]
	}
	return q.spacing
}

// send pushes in the background and returns the record that will show what became of it.
func (q *callbacks) send(p push, at int64) (*Callback, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.totals.Pending >= maxPending {
		return nil, fault.New(fault.Limited, "等待送达的回调已有 %d 条，请稍后再试", maxPending)
	}
	if q.ctx.Err() != nil {
		return nil, fault.New(fault.Unavailable, "模拟器已停止")
	}
	q.totals.Sent++
	q.totals.Pending++
	cb := &Callback{ID: q.totals.Sent, At: at, Account: p.account, Event: p.event, Status: Pending, Plain: string(p.plain)}
	q.ring.push(cb)
	q.running.Go(func() { q.run(p, cb) })
	return cb, nil
}

func (q *callbacks) run(p push, cb *Callback) {
	for n := 1; ; n++ {
		began := time.Now()
		acknowledged, said := q.try(p)
		q.mu.Lock()
		cb.Tries, cb.Answer = n, said
		q.totals.Tries++
		over := true
		switch {
		case acknowledged:
			cb.Status = Acknowledged
			q.totals.Acknowledged++
		case n >= p.tries(q) || q.ctx.Err() != nil:
			cb.Status = Dropped
			q.totals.Dropped++
		default:
			over = false
		}
		if over {
			q.totals.Pending--
		}
		q.mu.Unlock()
		if over {
			q.bell.ring()
			return
		}
		t := time.NewTimer(p.wait(q, n) - time.Since(began))
		select {
		case <-t.C:
		case <-q.ctx.Done():
		}
		t.Stop()
	}
}

// try makes one request and reports whether it was answered with 200, and what was said.
func (q *callbacks) try(p push) (bool, string) {
	select {
	case q.sending <- struct{}{}:
		defer func() { <-q.sending }()
	case <-q.ctx.Done():
		return false, "模拟器已停止"
	}
	query, body := p.seal()
	address := p.url
	if strings.Contains(address, "?") {
		address += "&" + query.Encode()
	} else {
		address += "?" + query.Encode()
	}
	ctx := q.ctx
	if p.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.timeout)
		defer cancel()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return false, err.Error()
	}
	def(&p.contentType, "text/xml")
	req.Header.Set("Content-Type", p.contentType)
	req.Header.Set("User-Agent", "Mozilla/4.0")
	status, text, err := q.do(req)
	if err != nil {
		return false, reason(err)
	}
	content := status == http.StatusOK
	if p.accepts != nil {
		content = p.accepts(status, text)
	}
	return content, strings.TrimSpace(fmt.Sprintf("%d %s", status, text))
}

// reason is why a request failed, without its address, which is long and known.
func reason(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}

// do makes a request and returns the beginning of the answer.
func (q *callbacks) do(req *http.Request) (int, string, error) {
	resp, err := q.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return 0, "", err
	}
	return resp.StatusCode, strings.ToValidUTF8(cut(string(body), 200), "�"), nil
}

// wait returns when the callbacks under way ended. Once ctx is done none begins.
func (q *callbacks) wait() {
	q.mu.Lock()   // whoever saw ctx alive has counted itself by now
	q.mu.Unlock() //nolint:staticcheck // waiting for the lock is all there is to do
	q.running.Wait()
}

// settled waits until none of the callbacks is pending, and returns them as they are then.
func (q *callbacks) settled(ctx context.Context, list []*Callback) ([]Callback, error) {
	err := q.bell.until(ctx, func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return !slices.ContainsFunc(list, func(cb *Callback) bool { return cb.Status == Pending })
	})
	return q.copies(list), err
}

func (q *callbacks) copies(list []*Callback) []Callback {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := make([]Callback, len(list))
	for i, cb := range list {
		out[i] = *cb
	}
	return out
}

// Callbacks are the newest n callbacks (0: all that are kept), the oldest first.
func (s *Simulator) Callbacks(n int) []Callback {
	q := s.callbacks
	q.mu.Lock()
	defer q.mu.Unlock()
	if n <= 0 {
		n = len(q.ring.values)
	}
	var out []Callback
	for _, cb := range q.ring.last(n) {
		out = append(out, *cb)
	}
	return out
}

// CallbackTotals counts from the start of the simulator.
func (s *Simulator) CallbackTotals() CallbackTotals {
	s.callbacks.mu.Lock()
	defer s.callbacks.mu.Unlock()
	return s.callbacks.totals
}

// WaitSettled blocks until no callback is pending, or returns the error of ctx.
func (s *Simulator) WaitSettled(ctx context.Context) error {
	return s.callbacks.bell.until(ctx, func() bool { return s.CallbackTotals().Pending == 0 })
}

// callOfficial pushes to an official account's address, 1+repeats times; without an address it does
// nothing. In compatibility mode the envelope carries the plain fields too; in plain mode there is none.
func (s *Simulator) callOfficial(o *official, openID, event string, plain []byte, repeats int) ([]*Callback, error) {
	address := s.addressOf(&o.CallbackURL)
	if address == "" || (o.cipher == nil && o.Mode != "plain") {
		return nil, nil
	}
	seal := func() (url.Values, []byte) {
		at := s.clk.Wall()
		timestamp, nonce := strconv.FormatInt(at.Unix(), 10), strconv.FormatInt(s.nextID()%10_000_000_000, 10)
		query, body := url.Values{}, plain
		if o.Mode != "plain" {
			sealed := o.cipher.Push(at, o.OriginalID, "", plain)
			query, body = sealed.Query, sealed.Body
			timestamp, nonce = query.Get("timestamp"), query.Get("nonce")
			query.Set("encrypt_type", "aes")
			if o.Mode == "compat" {
				body = append(bytes.TrimSuffix(bytes.Clone(plain), []byte("</xml>")), bytes.TrimPrefix(body, []byte("<xml>"))...)
			}
		}
		query.Set("timestamp", timestamp)
		query.Set("nonce", nonce)
		query.Set("openid", openID)
		query.Set("signature", wechat.Sign(o.Token, timestamp, nonce))
		return query, body
	}
	return s.push(push{account: o.AppID, event: event, plain: plain, url: address, seal: seal}, repeats)
}

// callAgent pushes to one WeCom app, 1+repeats times.
func (s *Simulator) callAgent(a *agent, event string, plain []byte, repeats int) ([]*Callback, error) {
	address := s.addressOf(&a.CallbackURL)
	if address == "" || a.cipher == nil {
		return nil, nil
	}
	seal := func() (url.Values, []byte) {
		sealed := a.cipher.Push(s.clk.Wall(), a.corp.CorpID, strconv.Itoa(a.AgentID), plain)
		return sealed.Query, sealed.Body
	}
	return s.push(push{account: a.account(), event: event, plain: plain, url: address, seal: seal}, repeats)
}

// PointAt sends the callbacks of all accounts to one server: base is its address, such as
// http://127.0.0.1:8080, and the rest is Koi's. For servers that get their port after the simulator began.
func (s *Simulator) PointAt(base string) {
	s.browsers.pointAt(base)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.officials {
		o.CallbackURL = officialAddress(base, o.AppID)
	}
	for _, a := range s.sms.accounts {
		a.pointAt(base)
	}
	for _, m := range s.minis {
		m.CallbackURL = miniAddress(base, m.AppID)
	}
	for _, c := range s.corps {
		for _, a := range c.agents {
			a.CallbackURL = weComAddress(base, c.CorpID, a.AgentID)
		}
	}
}

// addressOf reads a callback address, which PointAt may change.
func (s *Simulator) addressOf(address *string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *address
}

func (s *Simulator) push(p push, repeats int) ([]*Callback, error) {
	var list []*Callback
	for range 1 + max(repeats, 0) {
		cb, err := s.callbacks.send(p, s.clk.Now().UnixMilli())
		if err != nil {
			return list, err
		}
		list = append(list, cb)
	}
	return list, nil
}

// callCorp pushes a customer or directory event to every app of a corp that gets them.
func (s *Simulator) callCorp(c *corp, event string, plain []byte, repeats int) ([]*Callback, error) {
	var list []*Callback
	for _, a := range c.Agents {
		if a.NoContacts {
			continue
		}
		more, err := s.callAgent(c.agents[a.AgentID], event, plain, repeats)
		list = append(list, more...)
		if err != nil {
			return list, err
		}
	}
	return list, nil
}
