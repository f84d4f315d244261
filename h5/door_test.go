package h5

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/lease"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/app/share"
)

// start is 2026-11-22 10:00:00 in Shanghai.
var start = time.Unix(1_795_312_800, 0)

const (
	phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.49"
	ours1 = "https://koi.example.com/p/white-paper"
)

// hall is a door in front of a real log.
type hall struct {
	t       testing.TB
	clock   *clock.Manual
	engine  *gin.Engine
	log     *event.Log
	keys    *secret.Keys
	metrics *prometheus.Registry
	lag     atomic.Int64
	asked   atomic.Int64
}

var quiet = sync.OnceFunc(func() { gin.SetMode(gin.TestMode) })

func newHall(t testing.TB, s *db.Stores, limits Limits) *hall {
	t.Helper()
	quiet()
	claim := lease.New(s.Log, "append", "test")
	require.NoError(t, claim.Acquire(t.Context()))
	keys, err := secret.New(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	h := &hall{t: t, clock: clock.NewManual(start), keys: keys, engine: gin.New(), metrics: prometheus.NewRegistry()}
	h.log = event.NewLog(s.Log, claim, keys, h.clock, new(event.Counter), prometheus.NewRegistry())
	require.NoError(t, h.log.Load(t.Context()))
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.log.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	require.NoError(t, h.engine.SetTrustedProxies([]string{"127.0.0.1"}))
	NewDoor(Config{Log: h.log, Clock: h.clock, Keys: keys, PublicURL: "https://koi.example.com", Limits: limits, Metrics: h.metrics,
		Lag: func(context.Context) (time.Duration, error) {
			h.asked.Add(1)
			return time.Duration(h.lag.Load()), nil
		}}).Register(h.engine)
	return h
}

func (h *hall) do(r *http.Request, header ...string) *httptest.ResponseRecorder {
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", phone)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.engine.ServeHTTP(w, r)
	return w
}

func (h *hall) post(body any, header ...string) *httptest.ResponseRecorder {
	h.t.Helper()
	raw, ok := body.(string)
	if !ok {
		b, err := json.Marshal(body)
		require.NoError(h.t, err)
		raw = string(b)
	}
	r := httptest.NewRequest(http.MethodPost, "/t", strings.NewReader(raw))
	r.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	return h.do(r, header...)
}

type m = map[string]any

var number atomic.Int64

// view is a beacon as the tracker sends it.
func view(more m) m {
	at := start.UnixMilli()
	b := m{"id": fmt.Sprintf("e%d", number.Add(1)), "type": "page.viewed", "page": "white-paper", "at": at - 20, "sent_at": at, "visitor": "v_0123456789", "url": ours1}
	for k, v := range more {
		if b[k] = v; v == nil {
			delete(b, k)
		}
	}
	return b
}

// stored reads what came into the log since the last call.
func (h *hall) stored() []*event.Event {
	h.t.Helper()
	list, bad, err := h.log.Read(h.t.Context(), event.Normal, 0, 1000)
	require.NoError(h.t, err)
	require.Empty(h.t, bad)
	return list
}

func (h *hall) counted(result string) int {
	families, err := h.metrics.Gather()
	require.NoError(h.t, err)
	for _, f := range families {
		for _, x := range f.GetMetric() {
			if f.GetName() == "koi_beacons_total" && x.GetLabel()[0].GetValue() == result {
				return int(x.GetCounter().GetValue())
			}
		}
	}
	return 0
}

func TestDoor_makes_facts_of_beacons_before_it_answers(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		h := newHall(t, s, Limits{})
		token := share.Token(h.keys, "white-paper", share.Visitor("v_other_one"))
		w := h.post([]m{
			view(m{"id": "01J", "share": token, "url": ours1 + "?_s=" + token + "&utm_source=wechat&phone=13800000000", "ref": "https://www.baidu.com/s?wd=secret", "props": m{"kind": "price"}}),
			view(m{"id": "02J", "type": "page.dwelled", "props": m{"seconds": 12}, "url": "https://blog.example.org/a"}),
			view(m{"id": "03J", "type": "custom.played", "page": nil, "url": nil}),
		}, "Origin", "https://blog.example.org")
		require.Equal(t, http.StatusNoContent, w.Code, w.Body)
		require.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
		require.Empty(t, w.Header().Get("Access-Control-Allow-Credentials"))
		got := h.stored()
		require.Len(t, got, 3)
		net := got[0].Props["net"]
		require.Len(t, net, 10)
		require.Equal(t, event.Props{"kind": "price", "url": ours1, "channel": "h5", "utm_source": "wechat", "ref": "https://www.baidu.com/s", "net": net}, got[0].Props)
		require.Equal(t, token, got[0].Share)
		require.Equal(t, []event.Identity{{Kind: event.KindVisitor, Value: "v_0123456789"}}, got[0].Identities)
		require.Equal(t, [2]string{"page", "white-paper"}, [2]string{got[0].ObjectType, got[0].ObjectID})
		require.Equal(t, start.UnixMilli()-20, got[0].OccurredAt)
		require.Equal(t, start.UnixMilli(), got[0].ReceivedAt)
		require.Equal(t, "koi.example.com/v_0123456789/01J", got[0].Key)
		require.Equal(t, "site", got[1].Props["channel"])
		require.EqualValues(t, 12, got[1].Props.Int("seconds"))
		require.Equal(t, "custom.played", got[2].Type)

		// Told again, it is the same fact.
		require.Equal(t, http.StatusNoContent, h.post([]m{view(m{"id": "01J", "share": token})}).Code)
		require.Len(t, h.stored(), 3)
	})
}

func TestDoor_keeps_the_good_of_a_beacon_and_counts_the_bad(t *testing.T) {
	t.Parallel()
	h := newHall(t, dbtest.SQLite(t), Limits{})
	for reason, bad := range map[string]m{
		"type":      {"type": "message.sent"},
		"visitor":   {"visitor": "oA1"},
		"id":        {"id": "a b"},
		"page":      {"page": ""},
		"malformed": {"at": "yesterday"},
		"old":       {"at": start.UnixMilli() - 73*3600_000},
	} {
		before := len(h.stored())
		_ = before
		require.Equal(t, http.StatusNoContent, h.post([]m{view(bad), view(nil)}).Code)
		require.Equal(t, 1, h.counted(reason), reason)
	}
	require.Equal(t, 6, h.counted("accepted"))
	for _, typ := range []string{"oa.followed", "page.share_opened", "wecom.customer_added", "contact.merged", "command.tag", "custom.", "score.changed", "form.", "order.paid", "custom." + strings.Repeat("x", 80)} {
		require.Equal(t, http.StatusNoContent, h.post([]m{view(m{"type": typ})}).Code)
	}
	require.Equal(t, 11, h.counted("type"))
	require.Equal(t, http.StatusNoContent, h.post([]m{view(m{"share": "s_forged"}), view(m{"visitor": "v_" + strings.Repeat("x", 65)}), view(m{"page": "a\nb"})}).Code)
	require.Equal(t, 1, h.counted("share"))
	last := h.stored()
	require.Empty(t, last[len(last)-1].Share)
}

func TestDoor_refuses_what_is_no_beacon(t *testing.T) {
	t.Parallel()
	h := newHall(t, dbtest.SQLite(t), Limits{})
	many := make([]m, maxEvents+1)
	for i := range many {
		many[i] = view(nil)
	}
	for name, body := range map[string]any{"empty": "", "an object": view(nil), "no JSON": "[{", "nothing in it": "[]", "too many": many, "no text": "[\"\xff\"]", "a form": "a=1&b=2", "deep": strings.Repeat("[", 60_000)} {
		w := h.post(body)
		require.Equal(t, http.StatusBadRequest, w.Code, name)
		require.Regexp(t, `\p{Han}`, w.Body.String())
	}
	require.Equal(t, http.StatusRequestEntityTooLarge, h.post([]m{view(m{"props": m{"x": strings.Repeat("x", maxBody)}})}).Code)
	require.Empty(t, h.stored())
}

func TestDoor_puts_clocks_right(t *testing.T) {
	t.Parallel()
	h := newHall(t, dbtest.SQLite(t), Limits{})
	now, hour := start.UnixMilli(), int64(3600_000)
	for name, c := range map[string]struct {
		at, sent any
		want     int64
	}{
		"a clock six hours ahead":      {now + 6*hour - 5000, now + 6*hour, now - 5000},
		"a clock nine hours behind":    {now - 9*hour - 5000, now - 9*hour, now - 5000},
		"a clock of another year":      {1000, 61_000, now - 60_000},
		"kept while offline":           {now - 50*hour, now, now - 50*hour},
		"sent before it happened":      {now + hour, now, now},
		"ahead and no time of sending": {now + 6*hour, nil, now},
		"no time of sending":           {now - hour, nil, now - hour},
		"no time":                      {nil, nil, now},
	} {
		require.Equal(t, http.StatusNoContent, h.post([]m{view(m{"at": c.at, "sent_at": c.sent})}).Code, name)
		got := h.stored()
		require.Equal(t, c.want, got[len(got)-1].OccurredAt, name)
	}
	for _, c := range [][2]any{{now - 73*hour, now}, {now - 100*hour, nil}, {-1e300, 1e300}} {
		n := h.counted("old")
		require.Equal(t, http.StatusNoContent, h.post([]m{view(m{"at": c[0], "sent_at": c[1]})}).Code)
		if c[0] != -1e300 {
			require.Equal(t, n+1, h.counted("old"))
		}
	}
}

func TestDoor_lets_no_personal_value_in(t *testing.T) {
	t.Parallel()
	h := newHall(t, dbtest.SQLite(t), Limits{})
	props := m{"phone": "x", "Email": "x", "a": "call 13800000000 now", "b": "zhou@example.com", "c": "11010519491231002X", "d": 13800000000, "e": "+86 138-0000-0000",
		"ok": "订单20261122100000123", "n": 5, "yes": true, "long": strings.Repeat("长", 500), "deep": m{"x": 1}, "bad key": 1, "net": "mine", "bot": false, "none": nil, "ctl": "a\u0000b"}
	for i := range 30 {
		props[fmt.Sprintf("z%02d", i)] = i
	}
	require.Equal(t, http.StatusNoContent, h.post([]m{view(m{"props": props, "url": "https://koi.example.com/u/13800000000/x", "ref": "https://x.example/?mail=zhou@example.com"})}).Code)
	got := h.stored()[0].Props
	raw, err := json.Marshal(got)
	require.NoError(t, err)
	for _, never := range []string{"138", "zhou", "11010519491231002X", "mine", "deep"} {
		require.NotContains(t, string(raw), never)
	}
	require.Equal(t, "订单20261122100000123", got["ok"])
	require.Len(t, []rune(got.Str("long")), maxValue)
	require.LessOrEqual(t, len(got), maxKeys+5)
	require.Equal(t, 8, h.counted("personal"))
	require.Positive(t, h.counted("prop"))
}

func TestDoor_marks_programs_and_pages_fetched_in_advance(t *testing.T) {
	t.Parallel()
	h := newHall(t, dbtest.SQLite(t), Limits{})
	for i, header := range [][]string{
		{"User-Agent", "Mozilla/5.0 (compatible; Baiduspider/2.0)"}, {"User-Agent", "curl/8.5"}, {"Sec-Purpose", "prefetch;prerender"}, {"Purpose", "prefetch"}, {"X-Moz", "prefetch"},
	} {
		require.Equal(t, http.StatusNoContent, h.post([]m{view(nil)}, header...).Code)
		require.Equal(t, true, h.stored()[i].Props["bot"], header)
	}
	require.Equal(t, http.StatusNoContent, h.post([]m{view(nil)}).Code)
	require.Nil(t, h.stored()[5].Props["bot"])
}

func TestDoor_limits_visitors_and_addresses(t *testing.T) {
	t.Parallel()
	h := newHall(t, dbtest.SQLite(t), Limits{Visitor: Limit{1, 3}, Place: Limit{1, 10}, Near: Limit{1000, 1000}})
	from := func(ip string) []string { return []string{"X-Forwarded-For", ip} }
	send := func(n int, visitor, ip string) int {
		list := make([]m, n)
		for i := range list {
			list[i] = view(m{"visitor": visitor})
		}
		raw, err := json.Marshal(list)
		require.NoError(t, err)
		r := httptest.NewRequest(http.MethodPost, "/t", bytes.NewReader(raw))
		r.RemoteAddr = "127.0.0.1:9"
		w := h.do(r, from(ip)...)
		if w.Code == http.StatusTooManyRequests {
			require.NotEmpty(t, w.Header().Get("Retry-After"))
			require.Regexp(t, `\p{Han}`, w.Body.String())
		}
		return w.Code
	}
	require.Equal(t, 204, send(3, "v_aaaaaa", "203.0.113.1"))
	require.Equal(t, 429, send(1, "v_aaaaaa", "203.0.113.2"), "the visitor has had enough")
	require.Equal(t, 204, send(2, "v_bbbbbb", "203.0.113.1"))
	require.Equal(t, 204, send(3, "v_cccccc", "203.0.113.1"))
	require.Equal(t, 429, send(3, "v_dddddd", "203.0.113.1"), "the address has had enough")
	require.Equal(t, 204, send(3, "v_dddddd", "203.0.113.3"))
	h.clock.Advance(2 * time.Second)
	require.Equal(t, 204, send(2, "v_aaaaaa", "203.0.113.1"))
	require.Len(t, h.stored(), 13)
	for i := range 900 { // nobody here says whom it asks for: only the whole is limited
		require.Equal(t, 204, send(1, fmt.Sprintf("v_near%05d", i), "127.0.0.1"))
	}
	require.Equal(t, 4, h.counted("limited"))
}

func TestBuckets_do_not_grow_for_ever(t *testing.T) {
	t.Parallel()
	b := newBuckets(Limit{PerSecond: 1, Burst: 2})
	for i := range 4 * maxBuckets {
		require.True(t, b.take(fmt.Sprint(i), 1, start))
	}
	n := 0
	for i := range b.shard {
		n += len(b.shard[i].now) + len(b.shard[i].old)
	}
	require.LessOrEqual(t, n, maxBuckets)
	require.Equal(t, "2001:db8::", network("2001:db8::1:2:3:4"))
	require.Equal(t, "203.0.113.9", network("::ffff:203.0.113.9"))
}

func TestDoor_turns_beacons_away_while_the_pipeline_is_behind(t *testing.T) {
	t.Parallel()
	h := newHall(t, dbtest.SQLite(t), Limits{})
	h.lag.Store(int64(61 * time.Second))
	w := h.post([]m{view(nil)})
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	h.lag.Store(0)
	require.Equal(t, http.StatusServiceUnavailable, h.post([]m{view(nil)}).Code, "asked once a second")
	h.clock.Advance(time.Second)
	require.Equal(t, http.StatusNoContent, h.post([]m{view(nil)}).Code)
	require.EqualValues(t, 2, h.asked.Load())
}

func TestDoor_tells_a_viewer_their_token_and_writes_nothing(t *testing.T) {
	t.Parallel()
	h := newHall(t, dbtest.SQLite(t), Limits{})
	w := h.do(httptest.NewRequest(http.MethodGet, "/t/share?page=white-paper&visitor=v_0123456789&s=s_x", nil))
	require.Equal(t, http.StatusOK, w.Code)
	require.JSONEq(t, fmt.Sprintf(`{"token":%q}`, share.Token(h.keys, "white-paper", share.Visitor("v_0123456789"))), w.Body.String())
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Empty(t, h.stored())
	require.Equal(t, http.StatusBadRequest, h.do(httptest.NewRequest(http.MethodGet, "/t/share?page=&visitor=v_0123456789", nil)).Code)
	require.Equal(t, http.StatusBadRequest, h.do(httptest.NewRequest(http.MethodGet, "/t/share?page=x&visitor=1", nil)).Code)
}

func TestTracker_is_small_and_cached(t *testing.T) {
	t.Parallel()
	h := newHall(t, dbtest.SQLite(t), Limits{})
	w := h.do(httptest.NewRequest(http.MethodGet, "/t.js", nil))
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Header().Get("Content-Type"), "javascript")
	require.Contains(t, w.Header().Get("Cache-Control"), "max-age")
	require.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
	require.LessOrEqual(t, gzipped(t, w.Body.Bytes()), 5<<10)
	r := h.do(httptest.NewRequest(http.MethodGet, "/t.js", nil), "If-None-Match", w.Header().Get("ETag"))
	require.Equal(t, http.StatusNotModified, r.Code)
	require.Empty(t, r.Body.Bytes())
	r = h.do(httptest.NewRequest(http.MethodOptions, "/t", nil), "Origin", "https://blog.example.org", "Access-Control-Request-Method", "POST")
	require.Equal(t, http.StatusNoContent, r.Code)
	require.Equal(t, "Content-Type", r.Header().Get("Access-Control-Allow-Headers"))
}

func FuzzBeacon(f *testing.F) {
	raw, err := json.Marshal([]m{view(m{"props": m{"a": 1, "b": "x@y.zz"}, "share": "s_x", "ref": "https://a/b"})})
	require.NoError(f, err)
	f.Add(raw)
	f.Add([]byte(`[{"at":1e308,"sent_at":-1e308,"type":"page.viewed","id":"1","visitor":"v_123456","page":"p","url":"http://[::1]%"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := decode(body)
		if err != nil {
			return
		}
		o := &origin{now: start.UnixMilli(), net: "n", dropped: map[string]int{}}
		for i := range list {
			e, why := o.read(&list[i])
			if e == nil {
				require.NotEmpty(t, why)
				continue
			}
			require.LessOrEqual(t, e.OccurredAt, o.now)
			require.GreaterOrEqual(t, e.OccurredAt, o.now-oldest.Milliseconds())
			_, err := e.Marshal()
			require.NoError(t, err)
		}
	})
}
