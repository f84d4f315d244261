// Package lease lets one node at a time do what must be done by one: append to the log, process it. A
// lease is a row with an epoch. Whoever takes it raises the epoch; every transaction of the holder ends
// with Guard, which fails once somebody else took over. So a node that was paused for minutes and wakes
// up (a zombie) can compute what it likes: it cannot commit.
//
// Waiting nodes watch the row's counter on their own monotonic clock, so the nodes' wall clocks need not
// agree. The package knows nothing of what the lease protects.
package lease

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
)

const (
	// ttl is how long a holder may be silent before it counts as dead.
	ttl = 6 * time.Second
	// beat is how often the holder shows that it lives, and how often others look.
	beat = time.Second
)

// Lease is one node's claim on one row.
type Lease struct {
	db    *db.DB
	name  string
	node  string
	epoch atomic.Int64

	ttl, beat time.Duration
}

// New makes a claim that is not held yet. node names this process's data directory (see Node).
func New(d *db.DB, name, node string) *Lease {
	return &Lease{db: d, name: name, node: node, ttl: ttl, beat: beat}
}

// ErrLost means another node took the lease: stop at once, nothing more can be committed.
var ErrLost = errors.New("the lease was taken over by another node")

// Acquire waits until this node holds the lease. It is taken at once when nobody holds it or when this
// node held it before it died (the data directory's lock makes sure that it is really dead). A database that
// is away is waited for.
func (l *Lease) Acquire(ctx context.Context) error {
	_, err := l.acquire(ctx, "")
	return err
}

// AcquireAll acquires leases in order, for a node that needs them all. A holder that was found silent at one
// of them is not waited for again at the next.
func AcquireAll(ctx context.Context, leases ...*Lease) error {
	dead := ""
	for _, l := range leases {
		from, err := l.acquire(ctx, dead)
		if err != nil {
			return err
		}
		dead = cmp.Or(from, dead)
	}
	return nil
}

// acquire returns the silent node from which the lease was taken over, or "".
func (l *Lease) acquire(ctx context.Context, dead string) (from string, err error) {
	var lastEpoch, lastN int64 = -1, -1
	var since time.Time
	told := ""
	tell := func(msg string, args ...any) {
		if told != msg {
			told = msg
			slog.Info(msg, append([]any{"lease", l.name}, args...)...)
		}
	}
	for {
		holder, epoch, n, err := l.look(ctx)
		if fault.Is(err, fault.Unavailable) {
			// While nobody reached the database, the holder's silence says nothing.
			lastEpoch = -1
		}
		if err == nil {
			if epoch != lastEpoch || n != lastN {
				lastEpoch, lastN, since = epoch, n, time.Now()
			}
			if mine := holder == "" || holder == l.node; mine || holder == dead || time.Since(since) > l.ttl {
				var took bool
				if took, err = l.take(ctx, epoch, n); took {
					if mine {
						holder = ""
					}
					return holder, nil
				}
			} else {
				tell("另一个节点正在处理，本节点等待接管", "holder", holder)
			}
		}
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return "", ctx.Err()
		case fault.Is(err, fault.Unavailable):
			tell("数据库暂时不可用，等它恢复后再接管", "err", err)
		default:
			return "", fmt.Errorf("acquire lease %s: %w", l.name, err)
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(l.beat):
		}
	}
}

func (l *Lease) look(ctx context.Context) (holder string, epoch, n int64, err error) {
	ctx, cancel := l.patient(ctx)
	defer cancel()
	err = l.db.QueryRow(ctx, "SELECT holder, epoch, n FROM lease WHERE name=?", l.name).Scan(&holder, &epoch, &n)
	if errors.Is(err, sql.ErrNoRows) {
		return "", 0, 0, l.db.Tx(ctx, func(tx *db.Tx) error {
			_, err := tx.InsertIgnore(ctx, "lease", []string{"name", "holder", "epoch", "n"}, [][]any{{l.name, "", 0, 0}})
			return err
		})
	}
	return holder, epoch, n, err
}

// patient bounds a question about the lease: on a connection that died without a word the answer never comes,
// and the next one is asked on another.
func (l *Lease) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, l.ttl/3)
}

func (l *Lease) take(ctx context.Context, epoch, n int64) (bool, error) {
	ctx, cancel := l.patient(ctx)
	defer cancel()
	var got int64
	err := l.db.Tx(ctx, func(tx *db.Tx) (err error) {
		got, err = tx.Exec(ctx, "UPDATE lease SET holder=?, epoch=?, n=n+1 WHERE name=? AND epoch=? AND n=?", l.node, epoch+1, l.name, epoch, n)
		return err
	})
	if err != nil || got != 1 {
		return false, err
	}
	l.epoch.Store(epoch + 1)
	return true, nil
}

// Guard must be the last statement of every transaction made under the lease: it fails with ErrLost, and
// so rolls the transaction back, once another node took over.
func (l *Lease) Guard(ctx context.Context, tx *db.Tx) error {
	n, err := tx.Exec(ctx, "UPDATE lease SET n=n+1 WHERE name=? AND epoch=?", l.name, l.epoch.Load())
	if err != nil {
		return fmt.Errorf("guard lease %s: %w", l.name, err)
	}
	if n != 1 {
		return fmt.Errorf("lease %s: %w", l.name, ErrLost)
	}
	return nil
}

// Keep shows the others that the holder lives, until ctx ends; then it gives the lease up, so that the
// next node need not wait. It returns ErrLost when the lease is another's. A database that is away is
// waited for: whoever can reach it first goes on.
func (l *Lease) Keep(ctx context.Context) error {
	t := time.NewTicker(l.beat)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			l.release(context.WithoutCancel(ctx))
			return nil
		case <-t.C:
		}
		err := l.show(ctx)
		if errors.Is(err, ErrLost) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			slog.Warn("租约心跳失败，稍后重试", "lease", l.name, "err", err)
		}
	}
}

func (l *Lease) show(ctx context.Context) error {
	ctx, cancel := l.patient(ctx)
	defer cancel()
	return l.db.Tx(ctx, func(tx *db.Tx) error { return l.Guard(ctx, tx) })
}

func (l *Lease) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	err := l.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE lease SET holder='', n=n+1 WHERE name=? AND epoch=?", l.name, l.epoch.Load())
		return err
	})
	if err != nil {
		slog.Warn("release lease", "lease", l.name, "err", err)
	}
}

// Node returns the id kept in a data directory, making one at the first call.
func Node(dir string) (string, error) {
	path := filepath.Join(dir, "node_id")
	raw, err := os.ReadFile(path)
	if err == nil && len(strings.TrimSpace(string(raw))) > 0 {
		return strings.TrimSpace(string(raw)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read node id: %w", err)
	}
	b := make([]byte, 8)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("make node id: %w", err)
	}
	id := hex.EncodeToString(b)
	if err := os.WriteFile(path, []byte(id+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep node id: %w", err)
	}
	return id, nil
}

// LockDir takes the data directory for this process. The system gives it back when the process ends,
// however it ends. Fault: Conflict when another process has it.
func LockDir(dir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "建不了数据目录 %s：请检查上级目录是否存在、是否有写权限", dir)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "写不了数据目录 %s：请检查权限", dir)
	}
	if err := flock(f); err != nil {
		_ = f.Close()
		return nil, fault.Wrap(err, fault.Conflict, "数据目录 %s 正被另一个 Koi 进程使用：请先停掉它，或换一个 data_dir", dir)
	}
	return f.Close, nil
}
