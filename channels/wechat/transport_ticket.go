package wechat

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/outbox"
)

// Ticket is one call of an SDK, or a few in a row, under our eyes. An SDK gets the ticket's text where it
// wants an access token; the transport puts the token in its place, renews a refused one and repeats the
// call once with the same body, and keeps what the platform answered. So no token ever enters an SDK (its
// errors, caches and logs can give none away), and the one HTTP client that silenceper has for the whole
// process serves any number of accounts, transports and contexts.
//
// A ticket belongs to one goroutine.
type Ticket struct {
	text   string
	ctx    context.Context
	caller *Caller
	cred   account.Credential
	last   *reply
	err    error // why no call could be made: no token
}

// tickets are those in use, by their text.
var tickets sync.Map

// Begin opens a ticket; End must follow. All calls under it end with ctx.
func (c *Caller) Begin(ctx context.Context, cred account.Credential) *Ticket {
	t := &Ticket{text: "ticket-" + rand.Text(), ctx: ctx, caller: c, cred: cred}
	tickets.Store(t.text, t)
	return t
}

// End closes the ticket: what an SDK still does with it is refused.
func (t *Ticket) End() { tickets.Delete(t.text) }

// String is what the SDK takes for an access token.
func (t *Ticket) String() string { return t.text }

// RoundTripper is what SDKs are given: it sends requests that carry a ticket and refuses all others, an
// SDK's own attempts to fetch a token (with the secret in the address) above all.
var RoundTripper http.RoundTripper = byTicket{}

type byTicket struct{}

var errNoTicket = errors.New("refused to send a request without a ticket")

func (byTicket) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body)
		_ = req.Body.Close() // read whole, or the error below counts
		if err != nil {
			return nil, fmt.Errorf("read request body: %w", err)
		}
	}
	t, ok := tickets.Load(req.URL.Query().Get("access_token"))
	if !ok {
		return nil, errNoTicket
	}
	return t.(*Ticket).roundTrip(req, body)
}

// errStale ends the repetitions of SDKs that renew tokens by themselves: an answer they would act upon.
var errStale = errors.New("the platform refused a new access token, too")

func (t *Ticket) roundTrip(req *http.Request, body []byte) (*http.Response, error) {
	t.last, t.err = nil, nil
	token, err := t.caller.tokens.Token(t.ctx, t.cred)
	if err != nil {
		t.err = err
		return nil, err
	}
	t.last = t.send(req, body, token)
	if t.last.err == nil && t.last.meaning(t.cred.Kind).StaleToken {
		if token, err = t.caller.tokens.Refresh(t.ctx, t.cred, token); err != nil {
			t.err = err
			return nil, err
		}
		if t.last = t.send(req, body, token); t.last.err == nil && t.last.meaning(t.cred.Kind).StaleToken {
			return nil, errStale
		}
	}
	if t.last.err != nil {
		return nil, t.last.err
	}
	header := t.last.header.Clone()
	header.Del("Content-Length")
	if t.last.json {
		header.Set("Content-Type", "application/json") // PowerWeChat parses by it
	}
	return &http.Response{
		Status: http.StatusText(t.last.status), StatusCode: t.last.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header,
		Body: io.NopCloser(bytes.NewReader(t.last.body)), ContentLength: int64(len(t.last.body)), Request: req,
	}, nil
}

func (t *Ticket) send(req *http.Request, body []byte, token string) *reply {
	out := req.Clone(t.ctx)
	q := out.URL.Query()
	q.Set("access_token", token)
	out.URL.RawQuery = q.Encode()
	return t.caller.transport.exchange(t.ctx, t.cred.Kind, t.cred.Account, out, body, token, t.text, t.cred.Secret)
}

// Decode reads the last answer into v, for fields an SDK does not know.
func (t *Ticket) Decode(v any) error {
	if t.last == nil {
		return errors.New("there was no answer")
	}
	return json.Unmarshal(t.last.body, v)
}

// Err tells whether the last call worked, whatever the SDK made of it: nil or an *Error.
func (t *Ticket) Err() error {
	m, e := t.judge()
	if m.Status == outbox.Sent {
		return nil
	}
	e.Meaning = m
	if m.Status == outbox.Retry || m.Status == outbox.Paused || m.Status == outbox.Unknown {
		e.Later = max(m.Wait(time.Now()), time.Second)
	}
	return e
}

// Outcome is what became of a message sent under the ticket, for a platform that drops byte-identical
// repeats within dedupe (0: it never does). now is wall time.
func (t *Ticket) Outcome(now time.Time, dedupe time.Duration) outbox.Outcome {
	m, e := t.judge()
	o := outbox.Outcome{Status: m.Status, Code: e.Code}
	if m.Status != outbox.Sent || e.Code != 0 {
		o.Reason = m.Reason()
	}
	if m.Unsure && dedupe == 0 {
		o.Status, o.Reason = outbox.Unknown, m.What+"：这条消息可能已经送达，平台不能去重，所以不自动重发"
	}
	if o.Status == outbox.Retry || o.Status == outbox.Paused {
		o.RetryAfter = m.Wait(now)
	}
	o.Unsure = m.Unsure && o.Status == outbox.Retry
	return o
}

// judge weighs the last call.
func (t *Ticket) judge() (Meaning, *Error) {
	e := &Error{Kind: t.cred.Kind}
	if t.last != nil {
		e.API = t.last.api
	}
	switch {
	case t.err != nil: // no token: the call was surely not made
		e.Err = t.err
		m := retry(2*time.Second, "没有拿到 access_token", "稍后自动重试")
		var no *account.Refusal
		if errors.As(t.err, &no) {
			e.Code, e.Err = no.Code, nil
			m = Meaning{Status: outbox.Alarm, What: "没有拿到 access_token", Do: no.Reason}
			if no.Passing {
				m.Status, m.After = outbox.Retry, no.Wait
			}
		}
		return m, e
	case t.last == nil:
		return alarm("这次调用没有发出", "内容不被接口接受，请检查消息模板"), e
	case t.last.err != nil && !t.last.reached.Load():
		e.Err = t.last.err
		m := retry(2*time.Second, "没有连上平台，调用没有发出", "稍后自动重试；如一直如此，请检查网络和 base_url")
		if errors.Is(t.last.err, errForeignHost) {
			m = alarm("这次调用没有发出", "目标地址不是平台的接口地址")
		}
		return m, e
	case t.last.err != nil:
		e.Err = t.last.err
		return Meaning{Status: outbox.Unknown, What: "平台没有回答（超时或连接中断）", Do: "不确定是否送达"}, e
	}
	e.Code = t.last.code
	return t.last.meaning(t.cred.Kind), e
}
