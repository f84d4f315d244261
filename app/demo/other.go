package demo

import (
	"context"
	"crypto/hmac"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/koi-scrm/koi/channels/webhook"
)

// system is the firm's other system, which Koi tells what happens: it checks what it gets like any
// receiver should.
type system struct {
	url    string
	secret string // set before anything is delivered
	server *http.Server
	got    chan push
}

// push is what the system received.
type push struct {
	kind   string // X-Koi-Event
	signed bool   // with the right secret
	bytes  int
}

func listen(ctx context.Context) (*system, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	o := &system{url: "http://" + l.Addr().String() + "/koi", got: make(chan push, 10)}
	o.server = &http.Server{Handler: o, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = o.server.Serve(l) }() // until Close
	return o, nil
}

func (o *system) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	want := webhook.Sign([]byte(o.secret), r.Header.Get("X-Koi-Timestamp"), body)
	p := push{r.Header.Get("X-Koi-Event"), hmac.Equal([]byte(want), []byte(r.Header.Get("X-Koi-Signature"))), len(body)}
	if !p.signed {
		w.WriteHeader(http.StatusUnauthorized)
	}
	select {
	case o.got <- p:
	default: // nobody is told any more
	}
}
