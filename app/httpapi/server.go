// Package httpapi is the one HTTP port: the doors' callbacks, the API under /api/v1, health and metrics.
// It maps faults to statuses and knows who may call what (routes.go); what a call does stands in the
// domains. It refuses to decide anything about people.
//
// Go types are the contract: the OpenAPI document is made of them. Whatever changes a person goes through
// the log as a command, and the answer waits for it to be applied.
package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Door is something that takes callbacks on paths of its own; channels/* implement it.
type Door interface{ Register(r gin.IRoutes) }

// Ready reports whether this node can do its work, and if not, why (Chinese).
type Ready func(ctx context.Context) error

// Server serves the port.
type Server struct {
	engine *gin.Engine
	http   *http.Server
}

// NewServer makes a server with health, metrics and the doors; API adds the rest.
func NewServer(doors []Door, ready Ready, metrics prometheus.Gatherer) *Server {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.ContextWithFallback = true
	engine.HandleMethodNotAllowed = true
	// X-Forwarded-For is believed of a reverse proxy on this machine, and of nobody else.
	if err := engine.SetTrustedProxies([]string{"127.0.0.1", "::1"}); err != nil {
		panic(err) // the addresses are well-formed
	}
	engine.Use(observed, recovered)
	s := &Server{engine: engine, http: &http.Server{Handler: engine, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug)}}
	engine.GET("/healthz", func(c *gin.Context) { c.String(http.StatusOK, "ok") })
	engine.GET("/readyz", func(c *gin.Context) {
		if err := ready(c); err != nil {
			c.String(http.StatusServiceUnavailable, "%s", err.Error())
			return
		}
		c.String(http.StatusOK, "ok")
	})
	engine.GET("/metrics", gin.WrapH(promhttp.HandlerFor(metrics, promhttp.HandlerOpts{})))
	engine.NoRoute(nowhere)
	engine.NoMethod(func(c *gin.Context) {
		missing(c, http.StatusMethodNotAllowed, "这个地址不支持 "+c.Request.Method)
	})
	for _, d := range doors {
		d.Register(engine)
	}
	return s
}

// Trust says which reverse proxies (CIDRs) are believed when they say where a request comes from
// (X-Forwarded-For); until then those on this machine are. Call it before Serve.
func (s *Server) Trust(proxies []string) error { return s.engine.SetTrustedProxies(proxies) }

// Mount adds a handler for one path; call it before Serve.
func (s *Server) Mount(method, path string, h http.Handler) {
	s.engine.Handle(method, path, gin.WrapH(h))
}

// apiRoot is where the API begins.
const apiRoot = "/api/v1"

// nowhere answers a path that leads nowhere.
func nowhere(c *gin.Context) {
	missing(c, http.StatusNotFound, "没有这个地址：请检查路径是否写对")
}

// missing answers what no route takes; below the API in its form.
func missing(c *gin.Context, status int, detail string) {
	if strings.HasPrefix(c.Request.URL.Path, "/api/") {
		secure(c.Writer.Header())
		writeFailure(c, newFailure(status, detail))
		return
	}
	c.String(status, "%s", detail)
}

// observed names the request, and logs it at debug: method, route and status, never the query, which may
// hold tokens and personal values.
func observed(c *gin.Context) {
	id := newRequestID()
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), requestKey{}, id))
	c.Header("X-Request-Id", id)
	c.Header("X-Content-Type-Options", "nosniff")
	begun := time.Now()
	c.Next()
	if slog.Default().Enabled(c.Request.Context(), slog.LevelDebug) {
		slog.Debug("请求", "request", id, "method", c.Request.Method, "route", c.FullPath(), "status", c.Writer.Status(),
			"bytes", c.Writer.Size(), "took", time.Since(begun), "from", c.ClientIP())
	}
}

// recovered answers a panic with 500 and goes on; the stack goes to the log.
func recovered(c *gin.Context) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if err, ok := r.(error); ok && errors.Is(err, http.ErrAbortHandler) { // the connection is broken off on purpose
			panic(r)
		}
		slog.Error("请求处理出错", "request", requestID(c.Request.Context()), "route", c.FullPath(), "panic", r, "stack", string(debug.Stack()))
		if c.Writer.Written() {
			c.Abort()
			return
		}
		writeFailure(c, newFailure(http.StatusInternalServerError, internalDetail(requestID(c.Request.Context()))))
	}()
	c.Next()
}

// Serve answers on the listener until Stop.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Stop takes no new connection and waits for the requests in hand, at most until ctx ends.
func (s *Server) Stop(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return s.http.Close()
	}
	return err
}
