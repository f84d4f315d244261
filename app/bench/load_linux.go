package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// shelling is what became of a volley.
type shelling struct {
	latency *hdrhistogram.Histogram // µs from when a request was due to the end of its answer
	late    *hdrhistogram.Histogram // µs from when it was due until it was written: no connection was free, or we slept
	status  map[int]int
	broken  int // connections that ended under a request
	begun   time.Time
	took    time.Duration
}

// failed counts everything but 200 and 204.
func (s *shelling) failed() int {
	n := s.broken
	for code, times := range s.status {
		if code != 200 && code != 204 {
			n += times
		}
	}
	return n
}

// fire sends a volley over keep-alive connections and waits for every answer. It is one goroutine on one
// epoll, since it shares the processors with what it measures: a request costs it two system calls.
func fire(ctx context.Context, url string, v volley, conns int) (*shelling, error) {
	f := &firing{volley: v, shelling: shelling{latency: newHistogram(), late: newHistogram(), status: map[int]int{}}}
	defer f.close()
	if err := f.connect(url, conns); err != nil {
		return nil, err
	}
	return &f.shelling, f.run(ctx)
}

type firing struct {
	volley
	shelling
	epoll int
	addr  syscall.SockaddrInet4
	conns map[int]*conn // by file descriptor
	idle  []*conn
	next  int // request to write next
	open  int // without an answer
}

type conn struct {
	fd   int
	due  time.Duration
	busy bool
	got  []byte
}

func (f *firing) connect(url string, n int) (err error) {
	at, err := netip.ParseAddrPort(strings.TrimPrefix(url, "http://"))
	if err != nil {
		return err
	}
	f.addr = syscall.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	f.conns = map[int]*conn{}
	if f.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return err
	}
	for range n {
		if err := f.dial(); err != nil {
			return fmt.Errorf("connect to Koi: %w", err)
		}
	}
	return nil
}

func (f *firing) dial() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(syscall.Connect(fd, &f.addr), syscall.SetNonblock(fd, true),
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
		syscall.EpollCtl(f.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)})); err != nil {
		_ = syscall.Close(fd)
		return err
	}
	c := &conn{fd: fd, got: make([]byte, 0, 1024)}
	f.conns[fd] = c
	f.idle = append(f.idle, c)
	return nil
}

func (f *firing) close() {
	for fd := range f.conns {
		_ = syscall.Close(fd)
	}
	if f.epoll > 0 {
		_ = syscall.Close(f.epoll)
	}
}

// answerLimit is how long the last answers may take.
const answerLimit = 30 * time.Second

func (f *firing) run(ctx context.Context) error {
	f.begun = time.Now()
	events := make([]syscall.EpollEvent, 256)
	var last time.Time
	for f.next < len(f.ends) || f.open > 0 {
		wait := 1 // ms: as exact as epoll is, and short enough to see ctx end
		switch at := f.shoot(); {
		case f.next == len(f.ends):
			if last.IsZero() {
				last = time.Now()
			}
			if time.Since(last) > answerLimit {
				return fmt.Errorf("%d requests were not answered within %s", f.open, answerLimit)
			}
			wait = 100
		case f.spacing == 0 || len(f.idle) == 0:
			wait = 100
		case at > 2*time.Millisecond:
			wait = int(min(at, 100*time.Millisecond) / time.Millisecond)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := syscall.EpollWait(f.epoll, events, wait)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("wait for answers: %w", err)
		}
		for _, e := range events[:max(n, 0)] {
			if err := f.hear(f.conns[int(e.Fd)]); err != nil {
				return err
			}
		}
	}
	f.took = time.Since(f.begun)
	return nil
}

// shoot writes what is due while there are connections, and returns how long until the next is due.
func (f *firing) shoot() time.Duration {
	for f.next < len(f.ends) {
		now := time.Since(f.begun)
		due := time.Duration(f.next) * f.spacing
		if f.spacing == 0 {
			due = now
		}
		if due > now {
			return due - now
		}
		if len(f.idle) == 0 {
			return 0
		}
		c := f.idle[len(f.idle)-1]
		f.idle = f.idle[:len(f.idle)-1]
		c.due, c.busy = due, true
		request := f.request(f.next)
		f.next++
		f.open++
		_ = f.late.RecordValue(max(1, (now - due).Microseconds()))
		// A request fits the socket's buffer, so it goes at once; if not, the answer's end tells.
		if n, err := syscall.Write(c.fd, request); err != nil || n != len(request) {
			f.lose(c)
		}
	}
	return 0
}

// lose counts a connection that ended and makes another.
func (f *firing) lose(c *conn) {
	if c.busy {
		f.broken++
		f.open--
	}
	delete(f.conns, c.fd)
	_ = syscall.Close(c.fd)
	for i, x := range f.idle {
		if x == c {
			f.idle = append(f.idle[:i], f.idle[i+1:]...)
			break
		}
	}
	_ = f.dial() // a server that is gone shows as requests without an answer
}

func (f *firing) hear(c *conn) error {
	if c == nil {
		return nil // of a connection given up in this round
	}
	var buf [4096]byte
	for {
		n, err := syscall.Read(c.fd, buf[:])
		switch {
		case errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR):
			return nil
		case err != nil || n == 0:
			f.lose(c)
			if len(f.conns) == 0 {
				return errors.New("no answer from Koi any more")
			}
			return nil
		}
		c.got = append(c.got, buf[:n]...)
		if status := answered(c.got); status != 0 {
			_ = f.latency.RecordValue(max(1, (time.Since(f.begun) - c.due).Microseconds()))
			f.status[status]++
			f.open--
			c.busy, c.got = false, c.got[:0]
			f.idle = append(f.idle, c)
		}
		if n < len(buf) {
			return nil
		}
	}
}

var lengthHeader = []byte("\r\nContent-Length: ")

// answered is the status of a whole answer, 0 while some of it is missing.
func answered(got []byte) int {
	head, body, whole := bytes.Cut(got, []byte("\r\n\r\n"))
	if !whole || len(head) < 12 {
		return 0
	}
	if i := bytes.Index(head, lengthHeader); i >= 0 {
		text, _, _ := bytes.Cut(head[i+len(lengthHeader):], []byte("\r"))
		if n, err := strconv.Atoi(string(text)); err != nil || len(body) < n {
			return 0
		}
	}
	status, _ := strconv.Atoi(string(head[9:12]))
	return status
}
