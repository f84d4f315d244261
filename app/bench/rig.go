package bench

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/configs"
)

// The accounts of the bench world. They exist on loopback only; the secrets guard nothing.
const (
	appID    = "wxbench0000000001"
	corpID   = "wwbench0000000001"
	agentID  = 1000002
	token    = "benchtoken"
	aesKey   = "YmVuY2hiZW5jaGJlbmNoYmVuY2hiZW5jaGJlbmNoMDA"
	original = "gh_bench0000001"
	staffs   = 50 // members of staff
)

func staffID(n int) string { return fmt.Sprintf("sales%03d", n%staffs+1) }

// rig is what a benchmark runs on: a data directory, a database, and the processes under load.
type rig struct {
	Options
	program string
	dir     string
	file    string // koi.yaml
	cfg     *configs.Config
	own     []func() error // what to undo at the end, last first

	sim, koi *child
}

// newRig makes the place; nothing runs in it yet.
func newRig(ctx context.Context, o Options) (*rig, error) {
	r := &rig{Options: o, program: o.Koi, dir: o.Dir}
	if err := r.place(ctx); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *rig) place(ctx context.Context) (err error) {
	if r.program == "" {
		if r.program, err = os.Executable(); err != nil {
			return err
		}
	}
	if r.dir == "" {
		// Not deep below: the path of the command socket in it may have 107 bytes.
		if r.dir, err = os.MkdirTemp("", "koi-bench-"); err != nil {
			return err
		}
		r.own = append(r.own, func() error { return os.RemoveAll(r.dir) })
	}
	if err := os.MkdirAll(r.data(), 0o700); err != nil {
		return err
	}
	if r.Driver == db.MySQL {
		if r.DSN, err = r.database(ctx); err != nil {
			return err
		}
	}
	return r.configure("http://127.0.0.1:9")
}

func (r *rig) data() string { return filepath.Join(r.dir, "data") }

// database makes a database of the benchmark's own on the server of the DSN.
func (r *rig) database(ctx context.Context) (string, error) {
	at := strings.LastIndexByte(strings.SplitN(r.DSN, "?", 2)[0], '/')
	if at < 0 {
		return "", fmt.Errorf("the DSN has no /: %w", errors.ErrUnsupported)
	}
	name := "koi_bench_" + strings.ToLower(rand.Text()[:12])
	_, params, _ := strings.Cut(r.DSN[at:], "?")
	server := r.DSN[:at] + "/"
	pool, err := sql.Open("mysql", server)
	if err != nil {
		return "", err
	}
	if _, err := pool.ExecContext(ctx, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"); err != nil {
		return "", errors.Join(fmt.Errorf("make a database to measure on: %w", err), pool.Close())
	}
	r.own = append(r.own, func() error {
		_, err := pool.Exec("DROP DATABASE IF EXISTS " + name)
		return errors.Join(err, pool.Close())
	})
	dsn := server + name
	if params != "" {
		dsn += "?" + params
	}
	return dsn, nil
}

// configure writes koi.yaml with the platforms at a base address, and reads it like Koi does.
func (r *rig) configure(platforms string) (err error) {
	var b strings.Builder
	fmt.Fprintf(&b, "listen: 127.0.0.1:0\npublic_url: http://127.0.0.1\ndata_dir: %q\nlog: {level: warn}\n", r.data())
	fmt.Fprintf(&b, "database: {driver: %s, dsn: %q}\n", r.Driver, r.DSN)
	fmt.Fprintf(&b, "channels:\n  wechat: {base_url: %q}\n  wecom: {base_url: %q}\n  webhook: {allow: [127.0.0.0/8]}\n", platforms, platforms)
	fmt.Fprintf(&b, "accounts:\n  official:\n    - {app_id: %s, app_secret: benchsecret, token: %s, aes_key: %s, name: 压测公众号}\n", appID, token, aesKey)
	fmt.Fprintf(&b, "  wecom:\n    - {corp_id: %s, agent_id: %d, agent_secret: benchsecret, token: %s, aes_key: %s, name: 压测应用}\n", corpID, agentID, token, aesKey)
	r.file = filepath.Join(r.dir, "koi.yaml")
	if err := os.WriteFile(r.file, []byte(b.String()), 0o600); err != nil {
		return err
	}
	r.cfg, err = configs.Load(r.file, nil)
	return err
}

// world is the simulator's side of the same accounts.
func world() string {
	var b strings.Builder
	fmt.Fprintf(&b, "official:\n  - {app_id: %s, app_secret: benchsecret, original_id: %s, name: 压测公众号, token: %s, aes_key: %s, no_unionid: true}\n",
		appID, original, token, aesKey)
	fmt.Fprintf(&b, "wecom:\n  - corp_id: %s\n    name: 压测企业\n    no_unionid: true\n    agents:\n      - {agent_id: %d, secret: benchsecret, name: 压测应用, token: %s, aes_key: %s}\n    staff:\n",
		corpID, agentID, token, aesKey)
	for n := range staffs {
		leader := ""
		if n > 0 {
			leader = ", direct_leader: [" + staffID(0) + "]"
		}
		fmt.Fprintf(&b, "      - {userid: %s, name: 销售%d%s}\n", staffID(n), n+1, leader)
	}
	return b.String()
}

// simulate starts the platforms, without quotas, and points Koi at them.
func (r *rig) simulate(ctx context.Context, report *Report) error {
	file := filepath.Join(r.dir, "world.yaml")
	if err := os.WriteFile(file, []byte(world()), 0o600); err != nil {
		return err
	}
	c, err := startChild(ctx, r.program, r.dir, "simulator", "simulate", "--listen", "127.0.0.1:0", "--world", file,
		"--unlimited", "--accept-strangers", "--history", "200000")
	if err != nil {
		return err
	}
	r.sim = c
	report.Processes["simulator"] = c.pid()
	return r.configure(c.url)
}

// serve starts Koi and returns when it is ready.
func (r *rig) serve(ctx context.Context, report *Report) error {
	c, err := startChild(ctx, r.program, r.dir, "koi", "serve", "--config", r.file)
	if err != nil {
		return err
	}
	r.koi = c
	report.Processes["load"], report.Processes["koi"] = os.Getpid(), c.pid()
	r.note("koi pid %d，模拟器 pid %d，压测 pid %d", c.pid(), report.Processes["simulator"], os.Getpid())
	return poll(ctx, 50*time.Millisecond, func() (bool, error) {
		select {
		case <-c.done:
			return false, fmt.Errorf("koi ended: %s", c.tail())
		default:
		}
		res, err := http.Get(c.url + "/readyz")
		if err != nil {
			return false, nil // not listening yet
		}
		defer res.Body.Close()
		// A backlog makes it say that it lags; that it says so at all means that it runs.
		return res.StatusCode == http.StatusOK || r.lagging(res), nil
	})
}

// lagging: the node runs and is behind, as it should be when a backlog was prepared.
func (r *rig) lagging(res *http.Response) bool {
	text := make([]byte, 512)
	n, _ := res.Body.Read(text)
	return strings.Contains(string(text[:n]), "落后")
}

// stopKoi ends the server in order, so that its files hold everything.
func (r *rig) stopKoi() error {
	c := r.koi
	r.koi = nil
	return c.stop()
}

// command asks the running server through its socket, as an operator's command line does.
func (r *rig) command(ctx context.Context, name string) error {
	return app.Do(ctx, r.cfg, name, nil, nil)
}

// open opens the stores for reading beside the server, or for writing while there is none.
func (r *rig) open(ctx context.Context) (*db.Stores, error) {
	return db.Open(ctx, db.Config{Driver: r.Driver, DSN: r.DSN, DataDir: r.data()})
}

func (r *rig) close() error {
	err := errors.Join(r.koi.stop(), r.sim.stop())
	for i := len(r.own) - 1; i >= 0; i-- {
		err = errors.Join(err, r.own[i]())
	}
	return err
}

// count is the number of rows of a table.
func count(ctx context.Context, q db.Querier, table string) (int64, error) {
	var n int64
	err := q.QueryRow(ctx, "SELECT COUNT(*) FROM "+table).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", table, err)
	}
	return n, nil
}

// poll asks until it holds, an error comes or ctx ends.
func poll(ctx context.Context, every time.Duration, holds func() (bool, error)) error {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		ok, err := holds()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
}
