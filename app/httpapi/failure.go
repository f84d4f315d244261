package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/koi-scrm/koi/app/fault"
)

// Failure is an error as the API tells it: a problem document (RFC 9457).
type Failure struct {
	Type      string          `json:"type" doc:"Always about:blank: status and code say what it is"`
	Title     string          `json:"title" doc:"Chinese, the same for all failures of a status"`
	Status    int             `json:"status"`
	Detail    string          `json:"detail" doc:"Chinese: what happened and what to do next"`
	Code      string          `json:"code" doc:"invalid, not_found, conflict, denied, limited, unavailable, internal"`
	RequestID string          `json:"request_id,omitempty" doc:"Names the request in the server's log"`
	Problems  []fault.Problem `json:"problems,omitempty" doc:"Everything wrong with the request, each at its place"`

	header http.Header
}

// Error is the detail.
func (f *Failure) Error() string { return f.Detail }

// GetStatus tells huma the status.
func (f *Failure) GetStatus() int { return f.Status }

// GetHeaders tells huma the headers.
func (f *Failure) GetHeaders() http.Header { return f.header }

// ContentType tells huma that this is no ordinary document.
func (f *Failure) ContentType(string) string { return problemJSON }

const problemJSON = "application/problem+json"

var titles = map[int]string{
	http.StatusBadRequest: "请求读不出来", http.StatusUnauthorized: "没有登录", http.StatusForbidden: "没有权限", http.StatusNotFound: "不存在",
	http.StatusMethodNotAllowed: "方法不支持", http.StatusNotAcceptable: "格式不支持", http.StatusRequestTimeout: "请求超时",
	http.StatusConflict: "有冲突", http.StatusRequestEntityTooLarge: "请求太大", http.StatusUnsupportedMediaType: "格式不支持",
	http.StatusPreconditionFailed: "已被别人修改", http.StatusPreconditionRequired: "缺少版本",
	http.StatusUnprocessableEntity: "内容有误", http.StatusTooManyRequests: "太频繁", http.StatusInternalServerError: "内部错误",
	http.StatusServiceUnavailable: "暂时不可用",
}

// statuses is the one place where kinds become statuses.
var statuses = map[fault.Kind]int{
	fault.Internal: http.StatusInternalServerError, fault.Invalid: http.StatusUnprocessableEntity, fault.NotFound: http.StatusNotFound,
	fault.Conflict: http.StatusConflict, fault.Denied: http.StatusForbidden, fault.Limited: http.StatusTooManyRequests,
	fault.Unavailable: http.StatusServiceUnavailable,
}

func kindOf(status int) fault.Kind {
	switch status {
	case http.StatusUnauthorized:
		return fault.Denied
	case http.StatusMethodNotAllowed:
		return fault.NotFound
	case http.StatusPreconditionFailed:
		return fault.Conflict
	}
	for k, s := range statuses {
		if s == status {
			return k
		}
	}
	if status < 500 {
		return fault.Invalid
	}
	return fault.Internal
}

func newFailure(status int, detail string) *Failure {
	f := &Failure{Type: "about:blank", Title: titles[status], Status: status, Detail: detail, Code: kindOf(status).String(), header: http.Header{}}
	if status == http.StatusUnauthorized {
		f.header.Set("WWW-Authenticate", "Bearer")
	}
	return f
}

const (
	// After these a caller may try again, where the error does not say better.
	retryLimited     = time.Minute
	retryUnavailable = 5 * time.Second
)

// failed makes a Failure of an error. What has no fault inside is told as a request id only, and logged.
func failed(ctx context.Context, err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		f.RequestID = requestID(ctx)
		return f
	}
	var known *fault.Error
	kind := fault.KindOf(err)
	switch {
	case errors.As(err, &known):
		status := statuses[kind]
		if errors.Is(err, fault.ErrOvertaken) {
			status = http.StatusPreconditionFailed
		}
		f = newFailure(status, known.Message)
		f.Problems = known.Problems
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		kind = fault.Unavailable
		f = newFailure(http.StatusServiceUnavailable, "处理超时，请稍后再试")
	default:
		f = newFailure(http.StatusInternalServerError, internalDetail(requestID(ctx)))
	}
	f.RequestID = requestID(ctx)
	switch kind {
	case fault.Internal:
		slog.Error("请求处理出错", "request", f.RequestID, "err", err)
	case fault.Unavailable:
		slog.Warn("请求暂时不能处理", "request", f.RequestID, "err", err)
		f.retryAfter(retryUnavailable)
	case fault.Limited:
		wait := retryLimited
		var later interface{ RetryAfter() time.Duration }
		if errors.As(err, &later) {
			wait = later.RetryAfter()
		}
		f.retryAfter(wait)
	}
	return f
}

func (f *Failure) retryAfter(d time.Duration) {
	f.header.Set("Retry-After", strconv.Itoa(max(1, int(d.Seconds()))))
}

// unauthorized is an error that means "first say who you are".
func unauthorized(err error) error {
	var f *fault.Error
	if fault.Is(err, fault.Denied) && errors.As(err, &f) {
		return newFailure(http.StatusUnauthorized, f.Message)
	}
	return err
}

func internalDetail(request string) string {
	return "系统内部错误，没有完成：请把请求编号 " + request + " 告诉管理员"
}

// writeFailure answers outside huma.
func writeFailure(c *gin.Context, f *Failure) {
	f.RequestID = requestID(c.Request.Context())
	for k, v := range f.header {
		c.Writer.Header()[k] = v
	}
	c.Header("Content-Type", problemJSON)
	c.Status(f.Status)
	_ = json.NewEncoder(c.Writer).Encode(f) // the asker may be gone
	c.Abort()
}

type requestKey struct{}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

func newRequestID() string { return strings.ToLower(rand.Text()[:16]) }

// fromHuma makes a Failure of what huma found wrong with a request before it reached a handler, and of
// errors that handlers return.
func fromHuma(ctx context.Context, status int, message string, errs ...error) *Failure {
	if status == http.StatusInternalServerError && len(errs) == 1 {
		if message == "cannot read request body" { // the sender broke off, or was too slow
			return fromHuma(ctx, http.StatusBadRequest, message)
		}
		return failed(ctx, errs[0])
	}
	f := newFailure(status, inChinese(message))
	f.RequestID = requestID(ctx)
	for _, err := range errs {
		p := fault.Problem{Message: inChinese(err.Error())}
		var d huma.ErrorDetailer
		if errors.As(err, &d) {
			// The value is left out: it may be a password.
			e := d.ErrorDetail()
			p = fault.Problem{Path: strings.TrimPrefix(e.Location, "body."), Message: inChinese(e.Message)}
		}
		f.Problems = append(f.Problems, p)
	}
	return f
}
