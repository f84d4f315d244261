package dbtest

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	mysqldriver "github.com/go-sql-driver/mysql"
)

// Wire stands between Koi and a MySQL server and fails as networks do: it cuts a connection after the server
// has carried out a COMMIT and before Koi hears of it, or lets connections die without a word.
type Wire struct {
	net, addr string // the server
	listener  net.Listener
	lose      atomic.Bool
	lost      atomic.Int32
	age       atomic.Int32 // connections of an earlier age are dead
	open      sync.WaitGroup
}

// NewWire returns a wire to the server of a DSN, and the DSN that leads through it.
func NewWire(t testing.TB, dsn string) (*Wire, string) {
	t.Helper()
	c, err := mysqldriver.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &Wire{net: c.Net, addr: c.Addr, listener: l}
	c.Net, c.Addr = "tcp", l.Addr().String()
	w.open.Go(w.accept)
	t.Cleanup(func() {
		_ = l.Close()
		w.open.Wait()
	})
	return w, c.FormatDSN()
}

// LoseCommit cuts the next connection that commits: the server commits, the client never learns it.
func (w *Wire) LoseCommit() { w.lose.Store(true) }

// Silence makes all connections there are swallow what is sent, as when a router forgot them. New ones work.
func (w *Wire) Silence() { w.age.Add(1) }

// Lost is how many answers were lost so far.
func (w *Wire) Lost() int { return int(w.lost.Load()) }

func (w *Wire) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(w.net, w.addr)
		if err != nil {
			_ = client.Close()
			continue
		}
		var cut atomic.Bool
		age := w.age.Load()
		w.open.Go(func() { w.up(client, server, &cut, age) })
		w.open.Go(func() { w.down(client, server, &cut) })
	}
}

// up passes the client's packets on: three bytes of length, a number, the payload.
func (w *Wire) up(client, server net.Conn, cut *atomic.Bool, age int32) {
	defer client.Close()
	defer server.Close()
	for {
		packet := make([]byte, 4)
		if _, err := io.ReadFull(client, packet); err != nil {
			return
		}
		n := int(packet[0]) | int(packet[1])<<8 | int(packet[2])<<16
		packet = append(packet, make([]byte, n)...)
		if _, err := io.ReadFull(client, packet[4:]); err != nil {
			return
		}
		if w.age.Load() != age {
			continue
		}
		// 0x03 is COM_QUERY.
		if strings.EqualFold(string(packet[4:]), "\x03COMMIT") && w.lose.CompareAndSwap(true, false) {
			cut.Store(true)
		}
		if _, err := server.Write(packet); err != nil {
			return
		}
	}
}

func (w *Wire) down(client, server net.Conn, cut *atomic.Bool) {
	defer client.Close()
	defer server.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := server.Read(buf)
		if cut.Load() {
			if n > 0 {
				w.lost.Add(1)
			}
			return
		}
		if n > 0 {
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
