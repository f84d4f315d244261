package apptest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/configs"
)

// Binary builds the program and returns its path: once for all test processes of a run, since the build
// is done under a lock and does nothing when it is up to date.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := binary()
	require.NoError(t, err, "build koi")
	return path
}

var binary = sync.OnceValues(func() (string, error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("koi-test-bin-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "koi")
	build := exec.Command("go", "build", "-o", path, "./cmd/koi")
	build.Dir = strings.TrimSpace(string(root))
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil // a later build of another test process replaces the file, not what runs
})

// Process is Koi as the real program, on a fixed port, data directory and database. It can be killed and
// started again as often as one likes.
type Process struct {
	t      testing.TB
	Config *configs.Config
	URL    string

	file string // koi.yaml
	log  string // stderr of all runs
	cmd  *exec.Cmd
	done chan struct{}
}

// Serve starts the program on a store of dbtest, with its platforms at an address, and returns when it is
// ready. It ends with the test.
func Serve(t testing.TB, store db.Config, platforms string) *Process {
	t.Helper()
	p := prepare(t, store, platforms)
	p.Start()
	return p
}

// Beside prepares a second node on the same MySQL database with the same key, a data directory and a port
// of its own; Begin runs it.
func (p *Process) Beside() *Process {
	p.t.Helper()
	require.EqualValues(p.t, db.MySQL, p.Config.Database.Driver, "an embedded database has one node")
	second := prepare(p.t, db.Config{Driver: db.MySQL, DSN: p.Config.Database.DSN}, p.Config.Channels.WeChat.BaseURL)
	key, err := os.ReadFile(filepath.Join(p.Config.DataDir, "secret.key"))
	require.NoError(p.t, err)
	require.NoError(p.t, os.WriteFile(filepath.Join(second.Config.DataDir, "secret.key"), key, 0o600))
	return second
}

func prepare(t testing.TB, store db.Config, platforms string) *Process {
	t.Helper()
	p := &Process{t: t, Config: config(t, store, platforms)}
	// The path of the command socket may have 107 bytes, and names of tests are long.
	dir, err := os.MkdirTemp("", "koi-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if store.Driver == db.SQLite {
		for _, name := range []string{"koi.db", "log.db"} {
			require.NoError(t, os.Rename(filepath.Join(store.DataDir, name), filepath.Join(dir, name)))
		}
	}
	p.Config.DataDir = dir
	// The port must be the same after a restart: the platforms know one address.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p.Config.Listen = l.Addr().String()
	require.NoError(t, l.Close())
	require.NoError(t, p.Config.Validate())
	p.URL = "http://" + p.Config.Listen
	p.file, p.log = filepath.Join(dir, "koi.yaml"), filepath.Join(dir, "stderr")
	require.NoError(t, os.WriteFile(p.file, []byte(yaml(p.Config)), 0o600))
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("the end of what koi said:\n%s", p.Said())
		}
	})
	return p
}

// yaml writes what differs from the defaults.
func yaml(c *configs.Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "listen: %q\ndata_dir: %q\nlog: {level: info}\n", c.Listen, c.DataDir)
	fmt.Fprintf(&b, "database: {driver: %s, dsn: %q}\n", c.Database.Driver, c.Database.DSN)
	fmt.Fprintf(&b, "channels:\n  wechat: {base_url: %q}\n  wecom: {base_url: %q, oauth_url: %q}\naccounts:\n", c.Channels.WeChat.BaseURL, c.Channels.WeCom.BaseURL, c.Channels.WeCom.OAuthURL)
	for _, a := range c.Accounts.Official {
		fmt.Fprintf(&b, "  official:\n    - {app_id: %s, app_secret: %s, token: %s, aes_key: %s, name: %s, mode: %s}\n", a.AppID, a.AppSecret, a.Token, a.AESKey, a.Name, a.Mode)
	}
	for _, a := range c.Accounts.WeCom {
		fmt.Fprintf(&b, "  wecom:\n    - {corp_id: %s, agent_id: %d, agent_secret: %s, token: %s, aes_key: %s, name: %s}\n", a.CorpID, a.AgentID, a.AgentSecret, a.Token, a.AESKey, a.Name)
	}
	return b.String()
}

// Start runs the program and returns when it is ready.
func (p *Process) Start() {
	p.t.Helper()
	p.Begin()
	Until(p.t, "koi serve is ready", func() bool {
		select {
		case <-p.done:
			p.t.Fatalf("koi serve ended while starting: %s", p.Said())
		default:
		}
		return Status(p.URL+"/readyz") == http.StatusOK
	})
}

// Begin runs the program and returns at once.
func (p *Process) Begin() {
	p.t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(p.t, err)
	defer log.Close()
	cmd := exec.Command(Binary(p.t), "serve", "--config", p.file)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "KOI_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Stdout, cmd.Stderr = log, log
	dieWithParent(cmd)
	require.NoError(p.t, cmd.Start())
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	p.cmd, p.done = cmd, done
}

// Kill ends the program at once (kill -9), as a power cut of the process would; a dead one stays dead.
func (p *Process) Kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGKILL) // one that ended needs none
	<-p.done
}

// Freeze stops the program where it stands, as a paused virtual machine is; Thaw lets it go on and know
// nothing of it.
func (p *Process) Freeze() { p.t.Helper(); require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGSTOP)) }

// Thaw lets a frozen program go on.
func (p *Process) Thaw() { p.t.Helper(); require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGCONT)) }

// Ended returns when the program ended by itself.
func (p *Process) Ended() {
	p.t.Helper()
	Until(p.t, "koi serve ends", func() bool { return !p.Running() })
}

// Stop ends the program in order.
func (p *Process) Stop() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	<-p.done
	require.True(p.t, p.cmd.ProcessState.Success(), "koi serve ended with %s: %s", p.cmd.ProcessState, p.Said())
}

// Running reports whether the program runs.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// PID is the program's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Said is the end of what the program wrote.
func (p *Process) Said() string {
	raw, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(raw[max(0, len(raw)-4000):])
}

// Do asks the running program through its socket, as an operator's command line does.
func (p *Process) Do(ctx context.Context, command string, in, out any) {
	p.t.Helper()
	require.NoError(p.t, app.Do(ctx, p.Config, command, in, out), command)
}

// Open opens the program's stores beside it, or after it died.
func (p *Process) Open() *db.Stores {
	p.t.Helper()
	stores, err := db.Open(p.t.Context(), db.Config{Driver: db.Engine(p.Config.Database.Driver), DSN: p.Config.Database.DSN, DataDir: p.Config.DataDir})
	require.NoError(p.t, err)
	return stores
}
