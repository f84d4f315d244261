// Package httpapi is the one HTTP port: the doors' callbacks, the API under /api/v1, health and metrics.
// It maps faults to statuses and knows who may call what (routes.go); what a call does stands in the
// domains. It refuses to decide anything about people.
package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
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
	engine.Use(recovered)
	s := &Server{engine: engine, http: &http.Server{Handler: engine, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug)}}
	engine.GET("/healthz", func(c *gin.Context) { c.String(http.StatusOK, "ok") })
	engine.GET("/readyz", func(c *gin.Context) {
		if err := ready(c); err != nil {
			c.String(http.StatusServiceUnavailable, "%s", err.Error())
			return
		}
		c.String(http.StatusOK, "ok")
	})
	engine.GET("/metrics", gin.WrapH(promhttp.HandlerFor(metrics, promhttp.HandlerOpts{})))
	for _, d := range doors {
		d.Register(engine)
	}
	return s
}

// Mount adds a handler for one path; call it before Serve.
func (s *Server) Mount(method, path string, h http.Handler) { s.engine.Handle(method, path, gin.WrapH(h)) }

// recovered answers a panic with 500 and goes on; the stack goes to the log.
func recovered(c *gin.Context) {
	defer func() {
		if r := recover(); r != nil {
			slog.Error("请求处理出错", "path", c.FullPath(), "panic", r)
			c.AbortWithStatus(http.StatusInternalServerError)
		}
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
