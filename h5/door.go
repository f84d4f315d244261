// Package h5 is what visitors' browsers talk to: published pages, their forms and short links, the tracker, its
// beacons and the share token of a viewer.
// It appends what it believes to the log and answers; it refuses to know what follows, and it believes
// little, since anybody may call it: page, link, file, form and custom events only, of a browser and of
// nobody known, within limits, and never a personal value.
package h5

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/app/share"
)

const (
	maxBody   = 64 << 10
	maxEvents = 50
	// lagLimit is how far the pipeline may be behind before beacons are turned away: callbacks, which
	// nobody repeats for long, go first.
	lagLimit = time.Minute
	lagEvery = time.Second
)

// Config is what a door works with.
type Config struct {
	Log   *event.Log
	Clock clock.Clock
	Keys  *secret.Keys
	// Lag is how far the pipeline is behind; asked about once a second.
	Lag       func(ctx context.Context) (time.Duration, error)
	PublicURL string
	Limits    Limits // zero: DefaultLimits
	Metrics   prometheus.Registerer
}

// Door takes beacons.
type Door struct {
	Config
	host     string // of PublicURL: pages of ours, others are somebody's site
	visitors *buckets
	places   *buckets
	near     *buckets

	lag     atomic.Int64 // nanoseconds, as asked last
	lagAt   atomic.Int64 // when, Unix ms of wall time
	asking  sync.Mutex
	beacons *prometheus.CounterVec
}

// NewDoor makes a door. Register puts it on its paths.
func NewDoor(c Config) *Door {
	if c.Limits == (Limits{}) {
		c.Limits = DefaultLimits
	}
	d := &Door{Config: c, visitors: newBuckets(c.Limits.Visitor), places: newBuckets(c.Limits.Place), near: newBuckets(c.Limits.Near),
		beacons: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "koi_beacons_total", Help: "Events in beacons, by what became of them."}, []string{"result"})}
	if u, err := url.Parse(c.PublicURL); err == nil {
		d.host = u.Host
	}
	c.Metrics.MustRegister(d.beacons)
	return d
}

// Register adds /t, /t.js and /t/share.
func (d *Door) Register(r gin.IRoutes) {
	r.POST("/t", d.take)
	r.OPTIONS("/t", preflight)
	r.GET("/t.js", tracker)
	r.GET("/t/share", d.token)
}

// anywhere lets pages of other sites call, without cookies.
func anywhere(c *gin.Context) {
	c.Header("Access-Control-Allow-Origin", "*")
	c.Header("Cross-Origin-Resource-Policy", "cross-origin")
}

func preflight(c *gin.Context) {
	anywhere(c)
	c.Header("Access-Control-Allow-Methods", "POST")
	c.Header("Access-Control-Allow-Headers", "Content-Type")
	c.Header("Access-Control-Max-Age", "86400")
	c.Status(http.StatusNoContent)
}

// take answers 204 once every event of the beacon that is worth it is durable, together. One that is not is
// counted by its reason and does not hold up the others.
func (d *Door) take(c *gin.Context) {
	anywhere(c)
	place := c.ClientIP()
	if d.behind(c.Request.Context()) {
		d.beacons.WithLabelValues("lag").Inc()
		busy(c, "系统正在追赶积压，请稍后重试")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			c.String(http.StatusRequestEntityTooLarge, "一次最多 %d KiB：请分几次上报", maxBody>>10)
			return
		}
		c.String(http.StatusBadRequest, "没有读到完整的请求")
		return
	}
	list, err := decode(body)
	if err != nil {
		d.beacons.WithLabelValues("malformed").Inc()
		c.String(http.StatusBadRequest, "%s", err.Error())
		return
	}
	now := d.Clock.Wall() // of limits: the business clock may stand still
	if !d.from(c).take(place, len(list), now) {
		d.beacons.WithLabelValues("limited").Add(float64(len(list)))
		limited(c)
		return
	}
	from := d.origin(c, place, clock.Ms(d.Clock.Now()))
	events := make([]*event.Event, 0, len(list))
	over := 0
	for i := range list {
		e, result := from.read(&list[i])
		switch {
		case e == nil:
		case !d.visitors.take(e.Identities[0].Value, 1, now):
			over++
			result = "limited"
		default:
			events = append(events, e)
		}
		d.beacons.WithLabelValues(result).Inc()
	}
	for what, n := range from.dropped {
		d.beacons.WithLabelValues(what).Add(float64(n))
	}
	if len(events) > 0 {
		if _, err := d.Log.Append(c.Request.Context(), events...); err != nil {
			if fault.Is(err, fault.Invalid) { // what read let through and the log does not take
				c.String(http.StatusBadRequest, "%s", err.Error())
				return
			}
			busy(c, "暂时无法保存，请稍后重试")
			return
		}
	} else if over > 0 {
		limited(c)
		return
	}
	c.Status(http.StatusNoContent)
}

// from are the buckets for where a request comes from. Behind a proxy on this machine that does not say for
// whom it asks, everybody has its address: then only the whole is limited.
func (d *Door) from(c *gin.Context) *buckets {
	if isNear(c.ClientIP()) {
		return d.near
	}
	return d.places
}

func limited(c *gin.Context) {
	c.Header("Retry-After", "1")
	c.String(http.StatusTooManyRequests, "上报太频繁，请稍后再试")
}

func busy(c *gin.Context, why string) {
	c.Header("Retry-After", "5")
	c.String(http.StatusServiceUnavailable, "%s", why)
}

// behind asks about the lag at most once a second; while one request asks, the others go by the last answer.
// Not to know is no reason to turn anybody away: a log that cannot take more says so itself.
func (d *Door) behind(ctx context.Context) bool {
	now := clock.Ms(d.Clock.Wall())
	if now-d.lagAt.Load() >= lagEvery.Milliseconds() && d.asking.TryLock() {
		defer d.asking.Unlock()
		lag, err := d.Lag(ctx)
		if err != nil {
			lag = 0
		}
		d.lag.Store(int64(lag))
		d.lagAt.Store(now)
	}
	return time.Duration(d.lag.Load()) > lagLimit
}

// token tells a viewer their own share token of a page. Nothing is written: it becomes known with the
// viewer's first beacon.
func (d *Door) token(c *gin.Context) {
	anywhere(c)
	c.Header("Cache-Control", "no-store")
	page, visitor := c.Query("page"), c.Query("visitor")
	if !isPage(page) || !isVisitor(visitor) {
		c.String(http.StatusBadRequest, "page 或 visitor 不对")
		return
	}
	if !d.from(c).take(c.ClientIP(), 1, d.Clock.Wall()) {
		limited(c)
		return
	}
	c.JSON(http.StatusOK, gin.H{"token": share.Token(d.Keys, page, share.Visitor(visitor))})
}
