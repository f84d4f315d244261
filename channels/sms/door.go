package sms

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
)

const (
	// maxBody lets 10,000 receipts of 400 bytes in one array pass twice over.
	maxBody = 8 << 20
	// budget is how long the log may take: Aliyun waits 700 ms for an answer (回执消息 FAQ), reading and the
	// way there and back included. What is not durable by then is refused, comes again, and is recognised as
	// far as it was.
	budget = 550 * time.Millisecond
	// chunk is how many events go into one Append.
	chunk = 1000
)

// Receivers finds whose receipts come to an address: *account.Directory.
type Receivers interface {
	// SMSByReceiptToken compares in constant time.
	SMSByReceiptToken(token string) (account.SMS, bool)
	SMSes() []account.SMS
}

// Log is where facts become durable: *event.Log.
type Log interface {
	Append(ctx context.Context, events ...*event.Event) ([]event.Appended, error)
}

// Door takes what Aliyun pushes: receipts (SmsReport) and what people reply (SmsUp), both JSON arrays over
// plain HTTP. Aliyun signs neither, so the address holds an unguessable token, and what it says is believed
// only as far as it names a message of ours (receipts) or a number (replies). It appends to the log and then
// answers; it knows nothing of what follows.
type Door struct {
	accounts Receivers
	log      Log
	clk      clock.Clock
	answered *prometheus.CounterVec
	items    *prometheus.CounterVec
}

// NewDoor makes a door. Register puts it on its path. The counters koi_sms_callbacks_total{kind,status} and
// koi_sms_callback_items_total{kind,result} are registered with reg.
func NewDoor(accounts Receivers, log Log, clk clock.Clock, reg prometheus.Registerer) *Door {
	d := &Door{accounts: accounts, log: log, clk: clk,
		answered: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "koi_sms_callbacks_total", Help: "Aliyun SMS pushes answered, by kind (report, up) and status."}, []string{"kind", "status"}),
		items: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "koi_sms_callback_items_total", Help: "Receipts and replies in Aliyun's pushes, by kind and result (taken, unreadable)."}, []string{"kind", "result"}),
	}
	reg.MustRegister(d.answered, d.items)
	return d
}

// Register adds the two routes of /callback/sms/aliyun/{receipt_token}.
func (d *Door) Register(r gin.IRoutes) {
	const path = "/callback/sms/aliyun/:receipt_token/"
	r.POST(path+"report", d.handler("report", d.report))
	r.POST(path+"up", d.handler("up", d.up))
}

// push is one request at the door.
type push struct {
	account account.SMS
	sign    string // what events name as account; "" when several signatures share this address
	now     int64  // business time, Unix ms
}

// reader turns one element of the array into events; nil events without an error mean nothing to say.
type reader func(p *push, raw json.RawMessage) ([]*event.Event, error)

// handler answers in Aliyun's form: {"code":0,"msg":"成功"}, or another code, which with any status but 200
// makes Aliyun come again.
func (d *Door) handler(kind string, read reader) gin.HandlerFunc {
	return func(g *gin.Context) {
		status, msg := d.serve(g, kind, read)
		d.answered.WithLabelValues(kind, strconv.Itoa(status)).Inc()
		code := status
		if status == http.StatusOK {
			code = 0
		}
		if status == http.StatusServiceUnavailable {
			g.Header("Retry-After", "1")
		}
		g.Header("X-Content-Type-Options", "nosniff")
		g.JSON(status, map[string]any{"code": code, "msg": msg})
	}
}

func (d *Door) serve(g *gin.Context, kind string, read reader) (status int, msg string) {
	defer func() {
		if p := recover(); p != nil {
			slog.Error("the SMS door panicked", "kind", kind, "panic", p, "stack", string(debug.Stack()))
			status, msg = http.StatusInternalServerError, "内部错误，详情见日志"
		}
	}()
	acc, ok := d.accounts.SMSByReceiptToken(g.Param("receipt_token"))
	if !ok {
		return http.StatusNotFound, "没有这个回执地址：请核对「设置 → 平台账号」里显示的地址"
	}
	p := &push{account: acc, sign: d.sign(acc), now: clock.Ms(d.clk.Now())}
	events, bad, err := decode(p, http.MaxBytesReader(g.Writer, g.Request.Body, maxBody), read)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge, "请求正文超过 8 MiB"
	case err != nil:
		return http.StatusBadRequest, "请求正文不是 JSON 数组"
	}
	d.items.WithLabelValues(kind, "unreadable").Add(float64(bad))
	if bad > 0 {
		slog.Warn("阿里云推送里有读不懂的条目，已跳过", "kind", kind, "account", p.account.SignName, "items", bad)
	}
	// The body's way here does not count: who still sends has not begun to wait.
	ctx, cancel := context.WithTimeout(g.Request.Context(), budget)
	defer cancel()
	if err := d.append(ctx, events); err != nil {
		if k := fault.KindOf(err); k != fault.Unavailable && k != fault.Limited {
			slog.Error("阿里云推送没有写进日志", "kind", kind, "account", p.account.SignName, "err", err)
		}
		return http.StatusServiceUnavailable, "暂时无法接收，请稍后重试"
	}
	d.items.WithLabelValues(kind, "taken").Add(float64(len(events)))
	return http.StatusOK, "成功"
}

// sign is the signature an address stands for: several may share one access key, and then Aliyun pushes
// what is about all of them to one address.
func (d *Door) sign(acc account.SMS) string {
	for _, other := range d.accounts.SMSes() {
		if other.AccessKeyID == acc.AccessKeyID && other.SignName != acc.SignName {
			return ""
		}
	}
	return acc.SignName
}

// append makes events durable, in a few groups at once, so that they share commits.
func (d *Door) append(ctx context.Context, events []*event.Event) error {
	groups := (len(events) + chunk - 1) / chunk
	failed := make(chan error, groups)
	for i := range groups {
		part := events[i*chunk : min((i+1)*chunk, len(events))]
		go func() {
			_, err := d.log.Append(ctx, part...)
			failed <- err
		}()
	}
	var errs []error
	for range groups {
		errs = append(errs, <-failed)
	}
	return errors.Join(errs...)
}
