package dbtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
)

// sharedServer returns the server of this process's tests: the one KOI_TEST_MYSQL names (`make test`
// starts one and sets it), else one that all of this user's test processes share, started by the first.
func sharedServer(t testing.TB) *server {
	t.Helper()
	s, err := shared()
	if err != nil {
		missing(t, err)
	}
	return s
}

var shared = sync.OnceValues(func() (*server, error) {
	if dsn := os.Getenv("KOI_TEST_MYSQL"); dsn != "" {
		c, err := mysqldriver.ParseDSN(dsn)
		if err != nil {
			return nil, fmt.Errorf("KOI_TEST_MYSQL: %w", err)
		}
		return connect(c)
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("koi-test-mariadb-%d", os.Getuid()))
	if err := joinUserServer(dir); err != nil {
		return nil, err
	}
	c, err := mysqldriver.ParseDSN(socketDSN(dir, ""))
	if err != nil {
		return nil, err
	}
	return connect(c)
})

// hold is this process's hold on the user's server. It must stay reachable: a file that is garbage closes.
var hold *os.File //nolint:unused // what it holds is the lock

// joinUserServer makes sure that the user's server in dir runs, and holds it for as long as this process
// lives: every user has a shared lock on the file "users", which the kernel drops when the process ends,
// however it ends. The watcher (see idleStop) takes it exclusively to stop an unused server.
func joinUserServer(dir string) error {
	if _, err := find(); err != nil {
		return err
	}
	if _, err := exec.LookPath("flock"); err != nil {
		return fmt.Errorf("sharing one MariaDB among tests needs flock of util-linux: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if info, err := os.Lstat(dir); err != nil {
		return err
	} else if stat, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || (ok && int(stat.Uid) != os.Getuid()) {
		return fmt.Errorf("%s belongs to someone else", dir)
	}
	var err error
	if hold, err = lock(filepath.Join(dir, "users"), syscall.LOCK_SH); err != nil {
		return err
	}
	start, err := lock(filepath.Join(dir, "start"), syscall.LOCK_EX)
	if err != nil {
		return err
	}
	defer start.Close()
	if answers(dir) {
		return nil
	}
	return startUserServer(dir)
}

// idleStop runs the server and stops it when no test process has held it for two minutes. It is a shell
// of its own session, since no test process outlives all others.
const idleStop = `
"$@" & pid=$!
idle=0
while kill -0 $pid 2>/dev/null; do
	sleep 5
	if flock -n -x "$KOI_DIR/users" true; then idle=$((idle+5)); else idle=0; fi
	[ $idle -lt 120 ] || flock -n -x "$KOI_DIR/users" sh -c "kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.1; done; rm -rf '$KOI_DIR/data'" || idle=0
done
`

func startUserServer(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := os.RemoveAll(filepath.Join(dir, "data")); err != nil {
		return err
	}
	if err := bootstrap(ctx, dir); err != nil {
		return err
	}
	path, err := find()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("sh", append([]string{"-c", idleStop, "koi-test-mariadb", path}, arguments(dir)...)...)
	cmd.Env = append(os.Environ(), "KOI_DIR="+dir)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !answers(dir) {
		select {
		case <-ended:
			return fmt.Errorf("mariadbd ended while starting; its log: %s", tail(dir))
		case <-ctx.Done():
			return fmt.Errorf("mariadbd did not answer in time; its log: %s", tail(dir))
		case <-tick.C:
		}
	}
	return nil
}

func lock(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
		err = syscall.Flock(int(f.Fd()), how)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}
