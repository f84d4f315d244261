package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/koi-scrm/koi/app/fault"
)

// supervisor keeps the Koi server running as a process of its own, so that killing it is what it says. When
// it ends, however it ends, it is started again.
type supervisor struct {
	program string   // this binary, or what stands for it in tests
	args    []string // of the server
	env     []string // beside this process's own
	dir     string   // where what it complains about goes
	url     string

	mu      sync.Mutex
	cmd     *exec.Cmd
	starts  int
	ended   chan struct{}
	stopped bool
}

// run starts the server, and starts it again as often as it ends, until ctx does.
func (s *supervisor) run(ctx context.Context) error {
	wait := 100 * time.Millisecond
	for {
		begun := time.Now()
		if err := s.start(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			s.stop()
			return nil
		case <-s.ended:
		}
		if s.isStopped() {
			return nil
		}
		// One that cannot live is not started at full speed for ever.
		if time.Since(begun) > 5*time.Second {
			wait = 100 * time.Millisecond
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = min(wait*2, 5*time.Second)
	}
}

func (s *supervisor) start() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "koi.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "写不了演示目录")
	}
	defer log.Close()
	cmd := exec.Command(s.program, s.args...)
	for _, e := range os.Environ() { // nothing of an operator's environment counts here
		if !strings.HasPrefix(e, "KOI_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, s.env...)
	cmd.Stdout, cmd.Stderr = log, log
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return fault.Wrap(err, fault.Unavailable, "启动不了 Koi 服务进程")
	}
	ended := make(chan struct{})
	s.mu.Lock()
	s.cmd, s.ended = cmd, ended
	s.starts++
	s.mu.Unlock()
	go func() {
		_ = cmd.Wait() // that it ended is all that counts
		close(ended)
	}()
	return nil
}

func (s *supervisor) isStopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

// pid is the server's process, and how often one was started.
func (s *supervisor) pid() (pid, starts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0, 0
	}
	return s.cmd.Process.Pid, s.starts
}

// kill is kill -9.
func (s *supervisor) kill() (pid int, err error) {
	s.mu.Lock()
	cmd := s.cmd
	s.mu.Unlock()
	if cmd == nil {
		return 0, fault.New(fault.Unavailable, "服务进程还没有启动")
	}
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, fmt.Errorf("kill the server: %w", err)
	}
	return cmd.Process.Pid, nil
}

// stop ends the server in order, by force when it takes longer than a shutdown may.
func (s *supervisor) stop() {
	s.mu.Lock()
	s.stopped = true
	cmd, ended := s.cmd, s.ended
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	t := time.NewTimer(15 * time.Second)
	defer t.Stop()
	select {
	case <-ended:
	case <-t.C:
		_ = cmd.Process.Kill()
		<-ended
	}
}

// ready waits until the server takes callbacks.
func (s *supervisor) ready(ctx context.Context) error {
	for {
		if s.up(ctx) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fault.Wrap(ctx.Err(), fault.Unavailable, "Koi 服务没有就绪：%s", s.tail())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *supervisor) up(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// tail is the end of what the server complained about.
func (s *supervisor) tail() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "koi.log"))
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(text[max(0, len(text)-1000):]))
}

// freePort is a loopback address nobody listens on.
func freePort(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
