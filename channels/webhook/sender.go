// Package webhook delivers what happened to other systems: one signed POST for a message. It implements
// outbox.Sender for outbox.Webhook; account and recipient of an attempt are the key of a webhook, the body
// is the JSON that is posted, byte for byte.
//
// Each delivery carries
//
//	X-Koi-Delivery: the message's id, the same at every try: who has seen it drops the repeat
//	X-Koi-Event: the body's "type"
//	X-Koi-Attempt: 1, 2, …
//	X-Koi-Timestamp: Unix seconds of this try
//	X-Koi-Signature: v1=hex(HMAC-SHA256(secret, timestamp + "." + body))
//
// A delivery arrives at least once or is seen to have failed. It goes to addresses that webhook.Guard
// allows and nowhere else: no proxy, no redirect, and the address judged is the one that is dialled. The
// package refuses to know what a body means.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/webhook"
)

const (
	// timeout is how long the other side may take to answer, name look-up and handshake included.
	timeout = 10 * time.Second
	// maxAnswer is how much of an answer is read; nothing but its beginning is of interest.
	maxAnswer = 64 << 10
	// window is how long the other side is asked to remember delivery ids.
	window = 72 * time.Hour
	// longest bounds what a Retry-After may ask for.
	longest = 6 * time.Hour
	shown   = 100 // characters of an answer that a reason quotes
)

// waits are the times between tries: a restart, a deployment, a night.
var waits = []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, longest}

// Sender delivers to webhooks. It is safe for concurrent use.
type Sender struct {
	hooks *webhook.Directory
	guard *webhook.Guard
	clk   clock.Clock
	http  *http.Transport
}

// NewSender makes a sender. A nil guard allows the internet only.
func NewSender(hooks *webhook.Directory, guard *webhook.Guard, clk clock.Clock) *Sender {
	s := &Sender{hooks: hooks, guard: guard, clk: clk}
	s.http = &http.Transport{
		// No Proxy: it would connect to where we must not.
		DialContext:            s.dial,
		TLSHandshakeTimeout:    5 * time.Second,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // a small answer may unpack to a large one
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        20 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
	return s
}

// Close gives up idle connections.
func (s *Sender) Close() { s.http.CloseIdleConnections() }

// Channel implements outbox.Sender.
func (s *Sender) Channel() outbox.Channel { return outbox.Webhook }

// DedupeWindow implements outbox.Sender: who receives drops what it knows, by X-Koi-Delivery.
func (s *Sender) DedupeWindow() time.Duration { return window }

// Patience implements outbox.Patient.
func (s *Sender) Patience() outbox.Patience {
	return outbox.Patience{Tries: len(waits) + 1, Timeout: timeout + 2*time.Second,
		Wait: func(n int) time.Duration { return waits[min(max(n, 1), len(waits))-1] }}
}

// Send implements outbox.Sender.
func (s *Sender) Send(ctx context.Context, m outbox.Attempt) outbox.Outcome {
	hook, err := s.hooks.Get(m.Account)
	switch {
	case err != nil:
		return outbox.Outcome{Status: outbox.Failed, Reason: "没有 Webhook " + m.Account + "：它可能已被删除，请到「设置 → Webhook」查看"}
	case hook.Off:
		return outbox.Outcome{Status: outbox.Failed, Reason: "Webhook「" + hook.Name + "」已停用：启用后可在消息详情里重试"}
	}
	typ, ok := eventType(m.Body)
	if !ok {
		return outbox.Outcome{Status: outbox.Alarm, Reason: "要发送的内容不是有效的 JSON：请检查旅程里的 Webhook 节点"}
	}
	return s.deliver(ctx, hook, strconv.FormatInt(m.ID, 10), m.Number, typ, m.Body)
}

// Trial is what came of a test.
type Trial struct {
	outbox.Outcome
	Took time.Duration
}

// Test delivers a sample, also to a webhook that is off, and waits for the answer. Its event is
// "webhook.test". Fault: NotFound.
func (s *Sender) Test(ctx context.Context, key string) (Trial, error) {
	hook, err := s.hooks.Get(key)
	if err != nil {
		return Trial{}, err
	}
	at := s.clk.Wall()
	const typ = "webhook.test"
	body, err := json.Marshal(map[string]any{"type": typ, "webhook": hook.Key, "name": hook.Name, "occurred_at": at.UTC().Format(time.RFC3339),
		"message": "这是一条测试，用来核对地址和签名，不代表任何客户行为。"})
	if err != nil {
		return Trial{}, fmt.Errorf("encode test delivery: %w", err)
	}
	o := s.deliver(ctx, hook, "test-"+rand.Text(), 1, typ, body)
	o.Reason = strings.ReplaceAll(o.Reason, "稍后自动重试", "试发不会自动重试")
	return Trial{Outcome: o, Took: s.clk.Wall().Sub(at)}, nil
}

// eventType reads the body's type, which goes into a header; false where the body is no JSON.
func eventType(body []byte) (string, bool) {
	var b struct {
		Type string `json:"type"`
	}
	err := json.Unmarshal(body, &b)
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		return "", false
	}
	if err != nil || !typeForm.MatchString(b.Type) {
		return "webhook", true
	}
	return b.Type, true
}

var typeForm = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)

// Sign is the signature of a body at a time.
func Sign(secret []byte, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

func (s *Sender) deliver(ctx context.Context, hook *webhook.Hook, id string, number int, typ string, body []byte) outbox.Outcome {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	secret, err := s.hooks.Secret(ctx, hook)
	if err != nil {
		var f *fault.Error
		if errors.As(err, &f) && f.Kind == fault.Invalid {
			return outbox.Outcome{Status: outbox.Alarm, Reason: f.Message}
		}
		return outbox.Outcome{Status: outbox.Retry, Reason: "签名密钥暂时读不出来：稍后自动重试"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader(body))
	if err != nil {
		return outbox.Outcome{Status: outbox.Alarm, Reason: "Webhook 的地址不对：请到「设置 → Webhook」改正"}
	}
	stamp := strconv.FormatInt(s.clk.Wall().Unix(), 10)
	for name, v := range map[string]string{"Content-Type": "application/json", "User-Agent": "Koi-Webhook/1", "X-Koi-Delivery": id, "X-Koi-Event": typ,
		"X-Koi-Attempt": strconv.Itoa(number), "X-Koi-Timestamp": stamp, "X-Koi-Signature": Sign(secret, stamp, body)} {
		req.Header.Set(name, v)
	}
	var sent atomic.Bool // some of it: from here on the other side may have acted
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }}))
	// RoundTrip follows no redirect.
	res, err := s.http.RoundTrip(req)
	if err != nil {
		return unanswered(ctx, err, sent.Load())
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer)) // the status has said it all
	return s.judge(res, answer)
}

// judge says what an answer means. Repeats do no harm, so whatever may pass is tried again.
func (s *Sender) judge(res *http.Response, answer []byte) outbox.Outcome {
	o := outbox.Outcome{Code: res.StatusCode}
	said := fmt.Sprintf("对方回答了 HTTP %d", res.StatusCode)
	switch code := res.StatusCode; {
	case code >= 200 && code < 300:
		o.Status, o.Code = outbox.Sent, 0
	case code >= 300 && code < 400:
		o.Status, o.Reason = outbox.Failed, said+"，要求转到别的地址：为安全起见不跟随跳转，请把 Webhook 改成最终的地址"
	case code == http.StatusGone:
		o.Status, o.Reason = outbox.Failed, said+"，表示不再接收：请确认后停用或删除这个 Webhook"
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code == http.StatusTooEarly:
		o.Status, o.RetryAfter, o.Reason = outbox.Retry, retryAfter(res.Header.Get("Retry-After"), s.clk.Wall()), said+"：稍后自动重试"
		o.Unsure = code >= 500 || code == http.StatusRequestTimeout
	default:
		o.Status, o.Reason = outbox.Failed, said+quoted(answer)+"：请核对接收方的接口，修正后在消息详情里重试"
	}
	return o
}

// retryAfter reads the header's two forms: seconds, or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if text == "" {
		return 0
	}
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(n)*time.Second, longest)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), longest)
}

// quoted is the beginning of an answer, in one line.
func quoted(answer []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(answer), "")), " ")
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, text)
	if r := []rune(text); len(r) > shown {
		text = string(r[:shown]) + "…"
	}
	if text == "" {
		return ""
	}
	return "（" + text + "）"
}

// unanswered says what a call without an answer means. The error's own text stays out of it: it may hold
// the address, and with it a token.
func unanswered(ctx context.Context, err error, sent bool) outbox.Outcome {
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var late interface{ Timeout() bool }
	switch {
	case errors.Is(err, webhook.ErrRefused):
		return outbox.Outcome{Status: outbox.Alarm, Reason: "地址指向内网、本机或云元数据，已拒绝发送：请改成公网地址，或请管理员在 channels.webhook.allow 里允许该网段"}
	case errors.As(err, &dns):
		return outbox.Outcome{Status: outbox.Retry, Reason: "对方的域名解析不了：稍后自动重试；如一直如此，请检查地址是否写错"}
	case errors.As(err, &cert):
		return outbox.Outcome{Status: outbox.Retry, Reason: "对方的 HTTPS 证书不受信任或已过期：稍后自动重试，请对方更换证书"}
	case ctx.Err() != nil, errors.As(err, &late) && late.Timeout():
		return outbox.Outcome{Status: outbox.Retry, Reason: fmt.Sprintf("对方 %d 秒内没有回答：稍后自动重试，重复的按 X-Koi-Delivery 去重", int(timeout.Seconds())), Unsure: sent}
	}
	return outbox.Outcome{Status: outbox.Retry, Reason: "没有连上对方，或连接中断：稍后自动重试，重复的按 X-Koi-Delivery 去重", Unsure: sent}
}

// dial connects to an address that the guard allows. Names are looked up here, so that what is judged is
// what is dialled; the dialler's Control judges once more.
func (s *Sender) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", webhook.ErrRefused, address)
	}
	found := []netip.Addr{}
	if a, err := netip.ParseAddr(host); err == nil {
		found = append(found, a)
	} else if found, err = s.guard.Lookup(ctx, host); err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second, Control: s.guard.Control}
	failure := fmt.Errorf("%w: %s has no address", webhook.ErrRefused, host)
	for _, a := range found {
		conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(a.Unmap().String(), port))
		if err == nil {
			return conn, nil
		}
		failure = err
	}
	return nil, failure
}
