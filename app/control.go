package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/lease"
	"github.com/koi-scrm/koi/configs"
)

// Command is what a command line asks of Koi: users, bundles. It runs in the process that holds the data.
type Command func(ctx context.Context, in json.RawMessage) (any, error)

// socketName is the unix socket in data_dir through which commands reach a running server.
const socketName = "koi.sock"

// answer is the socket's reply.
type answer struct {
	Result   json.RawMessage `json:"result,omitempty"`
	Kind     fault.Kind      `json:"kind,omitempty"`
	Error    string          `json:"error,omitempty"`
	Problems []fault.Problem `json:"problems,omitempty"`
}

// Do runs a command where the data is: in the server that holds data_dir, through its socket, else right
// here with the data opened for as long as it takes. Faults are those of the command.
func Do(ctx context.Context, cfg *configs.Config, name string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	raw, err := ask(ctx, cfg.DataDir, name, body)
	for errors.Is(err, errNoServer) {
		if free, lockErr := isFree(cfg.DataDir); lockErr != nil {
			return lockErr
		} else if free {
			raw, err = doHere(ctx, cfg, name, body)
			break
		}
		// A server holds the data and does not listen yet, or not any more.
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
		raw, err = ask(ctx, cfg.DataDir, name, body)
	}
	if err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(raw, out)
}

var errNoServer = errors.New("no server listens on the socket")

// isFree reports whether no process holds the data directory.
func isFree(dir string) (bool, error) {
	unlock, err := lease.LockDir(dir)
	if fault.Is(err, fault.Conflict) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, unlock()
}

// ask puts a command to the server that listens in a data directory. errNoServer: nobody heard it.
func ask(ctx context.Context, dataDir, name string, body []byte) (json.RawMessage, error) {
	socket, done, err := socketPath(dataDir)
	if err != nil {
		return nil, err
	}
	defer done()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "unix", socket)
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://koi/"+name, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	var op *net.OpError
	switch {
	case errors.As(err, &op) && op.Op == "dial":
		return nil, fmt.Errorf("%w: %w", errNoServer, err)
	case err != nil:
		return nil, fault.Wrap(err, fault.Unavailable, "正在运行的 Koi 没有回答就中断了，不确定命令是否已执行：请先查看结果，再决定是否重试")
	}
	defer res.Body.Close()
	var a answer
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		return nil, fmt.Errorf("read the server's answer: %w", err)
	}
	if a.Error != "" {
		return nil, &fault.Error{Kind: a.Kind, Message: a.Error, Problems: a.Problems}
	}
	return a.Result, nil
}

// maxSocket is how many bytes the path of a unix socket may have on every system.
const maxSocket = 100

// socketPath is the path of the socket in a data directory, by way of a link where that lies too deep for a
// socket; done takes the link away again.
func socketPath(dataDir string) (path string, done func(), err error) {
	if path = filepath.Join(dataDir, socketName); len(path) <= maxSocket {
		return path, func() {}, nil
	}
	abs, err := filepath.Abs(dataDir)
	if err != nil {
		return "", nil, err
	}
	tmp, err := os.MkdirTemp("", "koi-")
	if err != nil {
		return "", nil, err
	}
	done = func() { _ = os.RemoveAll(tmp) }
	link := filepath.Join(tmp, "d")
	if err := os.Symlink(abs, link); err != nil {
		done()
		return "", nil, err
	}
	return filepath.Join(link, socketName), done, nil
}

func doHere(ctx context.Context, cfg *configs.Config, name string, body []byte) (json.RawMessage, error) {
	a, err := Open(ctx, cfg, clock.Real{})
	if err != nil {
		return nil, err
	}
	raw, err := a.do(ctx, name, body)
	return raw, errors.Join(err, a.Close())
}

func (a *App) do(ctx context.Context, name string, body []byte) (json.RawMessage, error) {
	c, ok := a.commands[name]
	if !ok {
		return nil, fault.New(fault.NotFound, "正在运行的 Koi 不认识命令 %s：请让命令行与服务使用同一版本", name)
	}
	out, err := c(ctx, body)
	a.recordCommand(ctx, name, body, err)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

// serveSocket answers commands until ctx ends, and the one in hand then. Only the owner of data_dir can
// reach it.
func (a *App) serveSocket(ctx context.Context) error {
	file := filepath.Join(a.Config.DataDir, socketName)
	// The directory's lock is ours, so a socket there is a dead server's.
	_ = os.Remove(file)
	l, err := listenSocket(a.Config.DataDir)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "建不了命令通道 %s：请检查 data_dir 的权限", file)
	}
	defer os.Remove(file)
	s := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body json.RawMessage
		var out answer
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 32<<20)).Decode(&body)
		if err == nil {
			out.Result, err = a.do(r.Context(), r.URL.Path[1:], body)
		}
		if err != nil {
			out = answer{Kind: fault.KindOf(err), Error: err.Error()}
			var f *fault.Error
			if errors.As(err, &f) {
				out.Error, out.Problems = f.Message, f.Problems
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out) // the asker may be gone
	})}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = s.Shutdown(end)
	})
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-ended
	return nil
}

func listenSocket(dataDir string) (net.Listener, error) {
	path, done, err := socketPath(dataDir)
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // the path may be gone by then; serveSocket removes the file
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}
