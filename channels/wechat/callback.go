package wechat

import (
	"context"
	"errors"
	"html"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
)

// maxBody is the size above which a callback is refused with 413.
const maxBody = 1 << 20

// maxCiphers bounds the prepared keys; only rotating credentials very often reaches it.
const maxCiphers = 4096

// Reason is why a door answered as it did: the label of the counter and the first word of the answer.
// As an error it carries a status; it never says more than its name, so no secret can leak through it.
type Reason string

// The reasons. Contract: 401 for what anybody may have sent, 400 for what is wrong although it was signed,
// or is no envelope at all.
const (
	OK             Reason = "ok"
	Repeat         Reason = "repeat"
	Echo           Reason = "echo"
	UnknownAccount Reason = "unknown_account"
	TooLarge       Reason = "too_large"
	NoSignature    Reason = "no_signature"
	BadSignature   Reason = "bad_signature"
	Stale          Reason = "stale"
	NoEncrypt      Reason = "no_encrypt"
	WrongReceiver  Reason = "wrong_receiver"
	BadEnvelope    Reason = "bad_envelope"
	BadCiphertext  Reason = "bad_ciphertext"
	NotUTF8        Reason = "not_utf8"
	BadEvent       Reason = "bad_event"
	BadAccount     Reason = "bad_account"
	BadLink        Reason = "bad_link"
	StaleLink      Reason = "stale_link"
	Busy           Reason = "busy"
	Failed         Reason = "failed"
	Panicked       Reason = "panic"
)

// answers has the status and the sentence of each reason that is not a success. The reader is whoever
// sets up a callback address and tries it by hand.
var answers = map[Reason]struct {
	status int
	text   string
}{
	UnknownAccount: {http.StatusNotFound, "没有这个账号，请核对回调地址，或先在设置里添加账号"},
	TooLarge:       {http.StatusRequestEntityTooLarge, "请求正文超过 1 MiB"},
	NoSignature:    {http.StatusUnauthorized, "缺少签名参数，这个地址只接收平台推送"},
	BadSignature:   {http.StatusUnauthorized, "签名不符，请核对 Token 与平台后台填写的一致"},
	Stale:          {http.StatusUnauthorized, "时间戳与服务器时间相差过大，请检查服务器时钟"},
	NoEncrypt:      {http.StatusUnauthorized, "消息没有加密，请在平台后台把消息加解密方式设为安全模式"},
	WrongReceiver:  {http.StatusUnauthorized, "消息的接收方不是这个账号，请核对 AppID 或企业ID"},
	BadEnvelope:    {http.StatusBadRequest, "请求正文不是平台推送的格式"},
	BadCiphertext:  {http.StatusBadRequest, "密文无法解开，请核对 EncodingAESKey 与平台后台填写的一致"},
	NotUTF8:        {http.StatusBadRequest, "消息不是 UTF-8 编码"},
	BadEvent:       {http.StatusBadRequest, "消息缺少必要的字段"},
	BadLink:        {http.StatusUnauthorized, "这个链接无效，请回到原来的页面重新操作一次"},
	StaleLink:      {http.StatusUnauthorized, "这个链接已过期，请回到原来的页面重新操作一次"},
	BadAccount:     {http.StatusInternalServerError, "账号的 Token 或 EncodingAESKey 无效，请在设置里改正"},
	Busy:           {http.StatusServiceUnavailable, "暂时无法接收，请稍后重试"},
	Failed:         {http.StatusInternalServerError, "内部错误，详情见日志"},
	Panicked:       {http.StatusInternalServerError, "内部错误，详情见日志"},
}

func (r Reason) Error() string { return string(r) }

// Log is where facts become durable: *event.Log.
type Log interface {
	Append(ctx context.Context, events ...*event.Event) ([]event.Appended, error)
}

// Callbacks is what every door of the platforms does alike: it reads no more than 1 MiB, verifies before
// it decrypts, refuses what is stale, answers only after the log has committed, counts every answer, and
// survives a panic. It knows nothing of what a message means. Safe for concurrent use.
type Callbacks struct {
	log       Log
	clock     clock.Clock
	freshness time.Duration
	answered  *prometheus.CounterVec

	mu      sync.RWMutex
	ciphers map[Credentials]*Cipher
}

// NewCallbacks makes what the doors share. freshness is how far a signed timestamp may lie from the wall
// clock, before or after. The counter koi_callbacks_total{account,status,reason} is registered with reg.
func NewCallbacks(log Log, clk clock.Clock, freshness time.Duration, reg prometheus.Registerer) *Callbacks {
	c := &Callbacks{
		log: log, clock: clk, freshness: freshness,
		answered: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "koi_callbacks_total", Help: "Callbacks answered, by account, status and reason.",
		}, []string{"account", "status", "reason"}),
		ciphers: map[Credentials]*Cipher{},
	}
	reg.MustRegister(c.answered)
	return c
}

// Callback is one request at a door.
type Callback struct {
	// Account names the account in the counter once the door has found it: AppID, or "CorpID/AgentID".
	// Before that it stays empty and is counted as "unknown", so that strangers make no time series.
	Account string

	callbacks *Callbacks
	request   *http.Request
	gin       *gin.Context
	reason    Reason
	people    bool
}

// Handler turns a door into a gin handler. serve returns the body of a 200, or why there is none: a
// Reason, a fault of the log, or any other error, which is logged and shown as an internal one.
func (c *Callbacks) Handler(serve func(*Callback) (string, error)) gin.HandlerFunc {
	return func(g *gin.Context) {
		call := &Callback{callbacks: c, request: g.Request, gin: g, reason: OK}
		body, err := call.guard(serve)
		call.answer(body, err)
	}
}

// guard runs serve and makes a panic an error.
func (c *Callback) guard(serve func(*Callback) (string, error)) (body string, err error) {
	defer func() {
		if p := recover(); p != nil {
			slog.Error("a callback door panicked", "account", c.Account, "panic", p, "stack", string(debug.Stack()))
			body, err = "", Panicked
		}
	}()
	return serve(c)
}

func (c *Callback) answer(body string, err error) {
	status, reason := http.StatusOK, c.reason
	if err != nil {
		reason = c.refusal(err)
		a := answers[reason]
		status, body = a.status, string(reason)+": "+a.text+"\n"
		if c.people {
			body = a.text
		}
	}
	account := c.Account
	if account == "" {
		account = "unknown"
	}
	c.callbacks.answered.WithLabelValues(account, strconv.Itoa(status), string(reason)).Inc()

	h := c.gin.Writer.Header()
	// An echostr goes back as it came; no browser may take it for a page.
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	if c.people {
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		body = pageBegin + html.EscapeString(body) + pageEnd
	}
	if reason == Busy {
		h.Set("Retry-After", "1")
	}
	c.gin.Status(status)
	// When the platform has hung up it asks again; the answer is not owed any more.
	_, _ = io.WriteString(c.gin.Writer, body)
}

// refusal finds the reason an error stands for and logs what an operator must see.
func (c *Callback) refusal(err error) Reason {
	var reason Reason
	if errors.As(err, &reason) {
		if reason == BadAccount {
			slog.Error("a callback cannot be checked: the account's token or EncodingAESKey is invalid", "account", c.Account)
		}
		return reason
	}
	switch fault.KindOf(err) {
	case fault.Unavailable, fault.Limited:
		return Busy
	case fault.Invalid:
		return BadEvent
	}
	slog.Error("a callback failed", "account", c.Account, "error", err)
	return Failed
}

// A sentence for somebody's phone.
const (
	pageBegin = `<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">` +
		`<title>消息订阅</title><p style="margin:30vh 2em 0;font:18px/1.7 sans-serif;text-align:center">`
	pageEnd = "</p></html>\n"
)

// ForPeople makes the answer, also a refusal, a page that somebody can read: the request comes from a
// browser, not from a platform.
func (c *Callback) ForPeople() { c.people = true }

// Query is a parameter of the query, "" where there is none.
func (c *Callback) Query(name string) string { return c.gin.Query(name) }

// Param is a parameter of the path.
func (c *Callback) Param(name string) string { return c.gin.Param(name) }

// Now is the business time at the door, Unix ms.
func (c *Callback) Now() int64 { return clock.Ms(c.callbacks.clock.Now()) }

// Message reads an encrypted callback: the envelope's ciphertext is verified against msg_signature, then
// opened. Nothing of the envelope but the ciphertext is used, and a body without one is refused, whatever
// the query says of its encryption: the account's mode decides, never the request.
func (c *Callback) Message(cred Credentials) (string, error) {
	return c.message(cred, EncryptedXML)
}

// MessageEither is Message where the account may have chosen JSON envelopes.
func (c *Callback) MessageEither(cred Credentials) (string, error) {
	return c.message(cred, func(body string) (string, error) {
		if isJSON(body) {
			return EncryptedJSON([]byte(body))
		}
		return EncryptedXML(body)
	})
}

func (c *Callback) message(cred Credentials, envelope func(body string) (encrypt string, err error)) (string, error) {
	body, err := c.body()
	if err != nil {
		return "", err
	}
	stamp, err := c.stamp("msg_signature")
	if err != nil {
		return "", err
	}
	encrypt, err := envelope(body)
	if err != nil {
		return "", unreadable(err, BadEnvelope)
	}
	if encrypt == "" {
		return "", NoEncrypt
	}
	return c.open(cred, stamp, encrypt)
}

// Plain reads a callback of an account whose mode is plain text. Its signature covers neither the body
// nor the receiver: whoever once saw a query can repeat it with another body while the timestamp is fresh.
func (c *Callback) Plain(token string) (string, error) {
	body, err := c.body()
	if err != nil {
		return "", err
	}
	return body, c.plainSignature(token)
}

// EncryptedEcho answers WeCom's test of an address: the decrypted echostr.
func (c *Callback) EncryptedEcho(cred Credentials) (string, error) {
	stamp, err := c.stamp("msg_signature")
	if err != nil {
		return "", err
	}
	echo, err := c.echo()
	if err != nil {
		return "", err
	}
	return c.open(cred, stamp, echo)
}

// PlainEcho answers the official account's test of an address: the echostr as it came.
func (c *Callback) PlainEcho(token string) (string, error) {
	if err := c.plainSignature(token); err != nil {
		return "", err
	}
	return c.echo()
}

func (c *Callback) echo() (string, error) {
	echo := c.gin.Query("echostr")
	if echo == "" {
		return "", BadEnvelope
	}
	c.reason = Echo
	return echo, nil
}

// Event reads an event body. It returns BadEvent when the text is no document.
func (c *Callback) Event(text string) (Element, error) { return document(ParseXML(text)) }

// EventEither is Event where the account may have chosen JSON.
func (c *Callback) EventEither(text string) (Element, error) { return document(ParseEither(text)) }

func document(root Element, err error) (Element, error) {
	if err != nil {
		return Element{}, unreadable(err, BadEvent)
	}
	return root, nil
}

// Append makes the events of one callback durable. A callback all of whose events were appended before
// is answered like the first and counted as a repeat.
func (c *Callback) Append(events ...*event.Event) error {
	done, err := c.callbacks.log.Append(c.request.Context(), events...)
	if err != nil {
		return err
	}
	for _, d := range done {
		if !d.Repeat {
			return nil
		}
	}
	c.reason = Repeat
	return nil
}

// body reads the request, 1 MiB at most.
func (c *Callback) body() (string, error) {
	r := c.request
	if r.ContentLength > maxBody {
		return "", TooLarge
	}
	limited := http.MaxBytesReader(c.gin.Writer, r.Body, maxBody)
	var raw []byte
	var err error
	if r.ContentLength >= 0 {
		raw = make([]byte, r.ContentLength)
		_, err = io.ReadFull(limited, raw)
	} else {
		raw, err = io.ReadAll(limited)
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return "", TooLarge
	case err != nil: // cut off, or the sender went away
		return "", BadEnvelope
	}
	return string(raw), nil
}

// stamp is what the query says about a request's origin.
type stamp struct{ signature, timestamp, nonce string }

// stamp reads the signature parameter of the given name, timestamp and nonce, and refuses what is not
// fresh. That the timestamp is the platform's is known only once the signature over it is verified.
func (c *Callback) stamp(parameter string) (stamp, error) {
	s := stamp{c.gin.Query(parameter), c.gin.Query("timestamp"), c.gin.Query("nonce")}
	if s.signature == "" || s.timestamp == "" || s.nonce == "" {
		return s, NoSignature
	}
	seconds, err := strconv.ParseInt(s.timestamp, 10, 64)
	if err != nil || seconds < 0 || seconds > maxUnixSeconds {
		return s, Stale
	}
	if age := c.callbacks.clock.Wall().Sub(time.Unix(seconds, 0)); age.Abs() > c.callbacks.freshness {
		return s, Stale
	}
	return s, nil
}

func (c *Callback) open(cred Credentials, s stamp, encrypt string) (string, error) {
	cipher, err := c.callbacks.cipher(cred)
	if err != nil {
		return "", BadAccount
	}
	if !cipher.Verify(s.signature, s.timestamp, s.nonce, encrypt) {
		return "", BadSignature
	}
	plain, err := cipher.Open(encrypt)
	switch {
	case errors.Is(err, ErrReceiver):
		return "", WrongReceiver
	case err != nil:
		return "", BadCiphertext
	}
	return string(plain), nil
}

func (c *Callback) plainSignature(token string) error {
	s, err := c.stamp("signature")
	if err != nil {
		return err
	}
	if token == "" {
		return BadAccount // everyone can sign with an empty token
	}
	if !Verify(s.signature, token, s.timestamp, s.nonce) {
		return BadSignature
	}
	return nil
}

// cipher returns the prepared key of an account, making it at first sight and after a change of the
// credentials.
func (c *Callbacks) cipher(cred Credentials) (*Cipher, error) {
	c.mu.RLock()
	known := c.ciphers[cred]
	c.mu.RUnlock()
	if known != nil {
		return known, nil
	}
	made, err := NewCipher(cred)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ciphers) >= maxCiphers {
		clear(c.ciphers)
	}
	c.ciphers[cred] = made
	return made, nil
}

// unreadable maps what can be wrong with a text to a reason.
func unreadable(err error, otherwise Reason) Reason {
	if errors.Is(err, ErrNotUTF8) {
		return NotUTF8
	}
	return otherwise
}
