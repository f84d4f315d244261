package dbtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
)

// Server is a MariaDB of one's own in a throwaway directory, reached over a unix socket there. Tests use
// it to take the database away from Koi; the run of all tests starts one for every test process.
type Server struct {
	dir  string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// StartServer makes a data directory under dir and starts MariaDB on it. The server dies with the
// process that started it.
func StartServer(ctx context.Context, dir string) (*Server, error) {
	if err := bootstrap(ctx, dir); err != nil {
		return nil, err
	}
	s := &Server{dir: dir}
	return s, s.Start(ctx)
}

// NewServer is StartServer for one test, which it skips without MariaDB (and fails under CI).
func NewServer(t testing.TB) *Server {
	t.Helper()
	if _, err := find(); err != nil {
		missing(t, err)
	}
	// Not t.TempDir: a socket's path may have 107 bytes, and test names are long.
	dir, err := os.MkdirTemp("", "koi-mariadb-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s, err := StartServer(t.Context(), dir)
	if err != nil {
		t.Fatalf("start MariaDB: %v", err)
	}
	t.Cleanup(s.Kill)
	return s
}

// DSN is the address of a database on the server, in the form of database.dsn. An empty name selects
// none; this is what KOI_TEST_MYSQL holds.
func (s *Server) DSN(database string) string { return socketDSN(s.dir, database) }

// MigratedDSN makes a migrated, empty database on the server.
func (s *Server) MigratedDSN(t testing.TB) string {
	t.Helper()
	c, err := mysqldriver.ParseDSN(s.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	srv, err := connect(c)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.admin.Close()
	dsn, _, err := srv.newDatabase(t.Context())
	if err != nil {
		t.Fatalf("make a MySQL database: %v", err)
	}
	return dsn
}

// Start starts a stopped server on its data and returns when it answers.
func (s *Server) Start(ctx context.Context) error {
	path, err := find()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(path, arguments(s.dir)...)
	cmd.Stdout, cmd.Stderr = log, log
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	s.cmd, s.done = cmd, done
	return s.ready(ctx)
}

// Stop shuts the server down in order and waits for it. Stopping a stopped server does nothing.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

// Kill ends the server at once, as a power cut of the process would.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

func (s *Server) end(how syscall.Signal) {
	_ = s.cmd.Process.Signal(how) // an ended process needs no signal
	<-s.done
}

func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !answers(s.dir) {
		select {
		case <-s.done:
			return fmt.Errorf("mariadbd ended while starting; its log: %s", tail(s.dir))
		case <-ctx.Done():
			s.Kill()
			return fmt.Errorf("mariadbd did not answer in time; its log: %s", tail(s.dir))
		case <-tick.C:
		}
	}
	return nil
}

// find looks where Debian puts the server too, which is not in a user's PATH.
func find() (string, error) {
	for _, name := range []string{"mariadbd", "/usr/sbin/mariadbd"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("mariadbd not found: install mariadb-server-core (no service is needed), or point KOI_TEST_MYSQL at a server, e.g. root:pw@tcp(127.0.0.1:3306)/")
}

// arguments of the server. Nothing is synced to disk: a killed server keeps what it committed (the
// kernel has it), only a power cut would not.
func arguments(dir string) []string {
	args := []string{
		"--no-defaults", // first, or the machine's own settings apply
		"--datadir=" + filepath.Join(dir, "data"),
		"--socket=" + socket(dir),
		"--tmpdir=" + filepath.Join(dir, "tmp"), // a starting server clears the temporary tables it finds there
		"--pid-file=" + filepath.Join(dir, "pid"),
		"--skip-networking", "--skip-grant-tables", "--skip-log-bin", "--skip-name-resolve",
		"--character-set-server=utf8mb4", "--collation-server=utf8mb4_bin",
		"--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync", "--innodb-doublewrite=0",
		"--innodb-buffer-pool-size=256M", "--innodb-log-file-size=96M", "--innodb-stats-persistent=0",
		"--innodb-file-per-table=0", // a test makes and drops some forty tables: half the time
		"--max-connections=1000", "--performance-schema=0", "--max-allowed-packet=64M",
	}
	if os.Getuid() == 0 {
		args = append(args, "--user=root") // it refuses root unless told
	}
	return args
}

// bootstrap makes the data directory. mariadb-install-db would do it too, but calls tools of packages
// that mariadb-server-core does not bring.
func bootstrap(ctx context.Context, dir string) error {
	path, err := find()
	if err != nil {
		return err
	}
	for _, sub := range []string{"data", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	script := bytes.NewBufferString("CREATE DATABASE mysql;\nUSE mysql;\n")
	for _, name := range []string{"mysql_system_tables.sql", "mysql_system_tables_data.sql"} {
		text, err := systemTables(path, name)
		if err != nil {
			return err
		}
		script.Write(text)
	}
	cmd := exec.CommandContext(ctx, path, append(arguments(dir), "--bootstrap")...)
	cmd.Stdin = script
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make MariaDB's data directory: %w: %s", err, out)
	}
	return nil
}

// systemTables reads a script that stands beside the server: share/mysql up to 10.x, share/mariadb later.
func systemTables(server, name string) ([]byte, error) {
	if real, err := filepath.EvalSymlinks(server); err == nil {
		server = real
	}
	share := filepath.Join(filepath.Dir(server), "..", "share")
	var errs []error
	for _, sub := range []string{"mysql", "mariadb"} {
		text, err := os.ReadFile(filepath.Join(share, sub, name))
		if err == nil {
			return text, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func socket(dir string) string { return filepath.Join(dir, "sock") }

func socketDSN(dir, database string) string {
	return "root@unix(" + socket(dir) + ")/" + database
}

// answers: the server greets whoever connects.
func answers(dir string) bool {
	c, err := net.DialTimeout("unix", socket(dir), 10*time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err = io.ReadFull(c, make([]byte, 4))
	return err == nil
}

func tail(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}
