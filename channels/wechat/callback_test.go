package wechat_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/channels/wechat"
	"github.com/koi-scrm/koi/channels/wechat/doortest"
)

// fails is the log of a world in which appending fails.
type fails struct{ err error }

func (f fails) Append(context.Context, ...*event.Event) ([]event.Appended, error) { return nil, f.err }

func hall(t *testing.T, log wechat.Log, door func(*wechat.Callback) (string, error)) *doortest.Hall {
	h := doortest.On(log, clock.NewManual(doortest.Start))
	h.Engine.POST("/door", h.Callbacks.Handler(func(c *wechat.Callback) (string, error) {
		c.Account = "wx1"
		return door(c)
	}))
	return h
}

func TestHandler_maps_what_the_log_says_to_a_status(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err    error
		status int
		reason wechat.Reason
		retry  string
	}{
		"a full queue":     {fault.New(fault.Unavailable, "队列已满"), 503, wechat.Busy, "1"},
		"a limit":          {fault.New(fault.Limited, "太多"), 503, wechat.Busy, "1"},
		"a refused event":  {fault.New(fault.Invalid, "太大"), 400, wechat.BadEvent, ""},
		"an unknown error": {errors.New("dial tcp: corpsecret=s3cret"), 500, wechat.Failed, ""},
	} {
		h := hall(t, fails{test.err}, func(c *wechat.Callback) (string, error) { return "success", c.Append(&event.Event{}) })
		w := h.Post("/door", nil, nil)
		require.Equal(t, test.status, w.Code, name)
		require.Equal(t, test.retry, w.Header().Get("Retry-After"), name)
		require.True(t, strings.HasPrefix(w.Body.String(), string(test.reason)+": "), w.Body.String())
		require.NotContains(t, w.Body.String(), "s3cret")
		require.Equal(t, 1, h.Counted(t, "wx1", test.status, test.reason), name)
	}
}

func TestHandler_survives_a_panic(t *testing.T) {
	t.Parallel()
	h := hall(t, fails{}, func(*wechat.Callback) (string, error) { panic("a mistake of ours") })
	for n := 1; n <= 2; n++ {
		w := h.Post("/door", nil, nil)
		require.Equal(t, http.StatusInternalServerError, w.Code)
		require.Equal(t, n, h.Counted(t, "wx1", 500, wechat.Panicked))
	}
}

func TestHandler_counts_strangers_under_one_label(t *testing.T) {
	t.Parallel()
	h := doortest.On(fails{}, clock.NewManual(doortest.Start))
	h.Engine.POST("/door", h.Callbacks.Handler(func(*wechat.Callback) (string, error) { return "", wechat.UnknownAccount }))
	require.Equal(t, http.StatusNotFound, h.Post("/door", nil, nil).Code)
	require.Equal(t, 1, h.Counted(t, "unknown", 404, wechat.UnknownAccount))
}

func TestMessage_reads_no_more_than_a_mebibyte(t *testing.T) {
	t.Parallel()
	door := func(c *wechat.Callback) (string, error) { return c.Message(wechat.Credentials{}) }
	post := func(body io.Reader, length int64) *httptest.ResponseRecorder {
		h := hall(t, fails{}, door)
		r := httptest.NewRequest(http.MethodPost, "/door", body)
		r.ContentLength = length
		w := httptest.NewRecorder()
		h.Engine.ServeHTTP(w, r)
		return w
	}
	const mebibyte = 1 << 20
	big := strings.Repeat("x", mebibyte+1)
	require.Equal(t, http.StatusRequestEntityTooLarge, post(strings.NewReader(big), mebibyte+1).Code, "announced")
	require.Equal(t, http.StatusRequestEntityTooLarge, post(strings.NewReader(big), -1).Code, "chunked")
	require.Equal(t, http.StatusUnauthorized, post(strings.NewReader(big[1:]), mebibyte).Code, "just fits")
	require.Equal(t, http.StatusBadRequest, post(strings.NewReader("half"), 8).Code, "cut off")
	require.Equal(t, http.StatusBadRequest, post(iotest.ErrReader(io.ErrUnexpectedEOF), -1).Code, "broken off")
}

func TestMessage_says_when_the_account_itself_is_wrong(t *testing.T) {
	t.Parallel()
	h := hall(t, fails{}, func(c *wechat.Callback) (string, error) {
		return c.Message(wechat.Credentials{Token: "t", AESKey: "s3cret-but-too-short", Receiver: "wx1"})
	})
	w := h.Post("/door", url.Values{"msg_signature": {"x"}, "timestamp": {"1795312800"}, "nonce": {"n"}},
		[]byte("<xml><Encrypt>AAAA</Encrypt></xml>"))
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.NotContains(t, w.Body.String(), "s3cret")
	require.Equal(t, 1, h.Counted(t, "wx1", 500, wechat.BadAccount))
}
