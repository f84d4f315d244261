// Package doortest puts callback doors in front of a real log, for their tests: requests go through the
// gin routes, answers and counters are read back, and the log is read as the pipeline reads it. Only time
// stands still.
package doortest

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/lease"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/channels/wechat"
)

// Freshness is how old a timestamp may be at the doors of a Hall.
const Freshness = 10 * time.Minute

// Start is where the clock of a Hall stands: 2026-11-22 10:00:00 in Shanghai.
var Start = time.Unix(1_795_312_800, 0)

// Hall is a place with doors. Its clock is manual; its log runs until the test ends.
type Hall struct {
	Clock     *clock.Manual
	Callbacks *wechat.Callbacks
	Engine    *gin.Engine

	log     *event.Log
	metrics *prometheus.Registry
}

var quiet = sync.OnceFunc(func() { gin.SetMode(gin.TestMode) })

// New makes a hall on fresh stores (see dbtest).
func New(t testing.TB, s *db.Stores) *Hall {
	t.Helper()
	claim := lease.New(s.Log, "append", "test")
	require.NoError(t, claim.Acquire(t.Context()))
	keys, err := secret.New(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	clk := clock.NewManual(Start)
	log := event.NewLog(s.Log, claim, keys, clk, new(event.Counter), prometheus.NewRegistry())
	require.NoError(t, log.Load(t.Context()))

	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	h := On(log, clk)
	h.log = log
	return h
}

// On makes a hall in front of any log; Stored is not for it.
func On(log wechat.Log, clk *clock.Manual) *Hall {
	quiet()
	metrics := prometheus.NewRegistry()
	return &Hall{
		Clock: clk, metrics: metrics, Engine: gin.New(),
		Callbacks: wechat.NewCallbacks(log, clk, Freshness, metrics),
	}
}

// Get asks at a door.
func (h *Hall) Get(path string, query url.Values) *httptest.ResponseRecorder {
	return h.serve(httptest.NewRequest(http.MethodGet, path+"?"+query.Encode(), nil))
}

// Post brings a callback to a door.
func (h *Hall) Post(path string, query url.Values, body []byte) *httptest.ResponseRecorder {
	return h.serve(httptest.NewRequest(http.MethodPost, path+"?"+query.Encode(), bytes.NewReader(body)))
}

func (h *Hall) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.Engine.ServeHTTP(w, r)
	return w
}

// Stored reads everything in the log, the priority lane first, as the doors left it: without the seqs.
func (h *Hall) Stored(t testing.TB) []*event.Event {
	t.Helper()
	var out []*event.Event
	for _, lane := range []event.Lane{event.Priority, event.Normal} {
		events, bad, err := h.log.Read(t.Context(), lane, 0, 1000)
		require.NoError(t, err)
		require.Empty(t, bad)
		for _, e := range events {
			e.Seq = 0
		}
		out = append(out, events...)
	}
	return out
}

// Counted is the value of koi_callbacks_total for one account, status and reason.
func (h *Hall) Counted(t testing.TB, account string, status int, reason wechat.Reason) int {
	t.Helper()
	families, err := h.metrics.Gather()
	require.NoError(t, err)
	want := map[string]string{"account": account, "status": strconv.Itoa(status), "reason": string(reason)}
	for _, f := range families {
		if f.GetName() != "koi_callbacks_total" {
			continue
		}
	metric:
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if want[l.GetName()] != l.GetValue() {
					continue metric
				}
			}
			return int(m.GetCounter().GetValue())
		}
	}
	return 0
}
