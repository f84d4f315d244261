package apptest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/channels/simulator"
)

// A database that goes away: callbacks are answered 503 so that the platform tries again, Koi comes back
// by itself when the database does, and nothing that was acknowledged is lost.

func TestCrash_MariaDB_stops_and_comes_back(t *testing.T) {
	t.Parallel()
	server := dbtest.NewServer(t)
	a := newAbsence(t, db.Config{Driver: db.MySQL, DSN: server.MigratedDSN(t), DataDir: t.TempDir()})
	a.say(20)
	server.Stop()
	a.refused(5)
	require.NotEqual(t, 200, Status(a.p.URL+"/readyz"))
	// Longer than the platforms' patience, which is what counts as an outage.
	<-time.After(21 * time.Second)
	a.refused(5)
	require.NoError(t, server.Start(t.Context()))
	a.welcome()
	a.say(20)
	a.nothingLost()

	var beats [][2]int64
	Until(t, "the outage is dated by two rows of heartbeats", func() bool { beats = a.heartbeats(); return len(beats) == 2 })
	require.Greater(t, beats[1][0]-beats[0][1], (20 * time.Second).Milliseconds())
}

func TestCrash_SQLite_is_locked_by_another_process(t *testing.T) {
	t.Parallel()
	a := newAbsence(t, dbtest.SQLiteConfig(t))
	a.say(20)

	// The log: nothing can be promised.
	unlock := a.lock("log.db")
	a.refused(1)
	unlock()
	a.welcome()

	// The rest: callbacks are taken and wait.
	unlock = a.lock("koi.db")
	a.say(20)
	<-time.After(6 * time.Second) // beyond the busy time-out of 5 s
	require.True(t, a.p.Running())
	unlock()
	a.nothingLost()
}

func TestCrash_the_disk_is_full(t *testing.T) {
	t.Parallel()
	a := newAbsence(t, dbtest.SQLiteConfig(t))
	a.say(20)
	// The program may write nothing any more: what a full disk says, without filling the machine's.
	fileSizeLimit(t, a.p.PID(), 0)
	a.refused(5)
	require.True(t, a.p.Running())
	fileSizeLimit(t, a.p.PID(), ^uint64(0))
	a.welcome()
	a.say(20)
	a.nothingLost()

	// What was written before and after survives the end of the program too.
	a.p.Kill()
	a.p.Start()
	a.nothingLost()
}

// absence is a server whose database comes and goes, with an account of what was acknowledged.
type absence struct {
	t     *testing.T
	p     *Process
	sim   *simulator.Simulator
	n     int
	acked map[string]bool
}

func newAbsence(t *testing.T, store db.Config) *absence {
	t.Helper()
	world := World(3)
	world.CallbackTries, world.CallbackTimeout = 1, 20*time.Second
	sim := Simulate(t, &world, clock.Real{})
	p := Serve(t, store, sim.URL())
	sim.PointAt(p.URL)
	return &absence{t: t, p: p, sim: sim, acked: map[string]bool{}}
}

// send lets one person write and returns what Koi answered.
func (a *absence) send() (acknowledged bool, answer string) {
	a.t.Helper()
	a.n++
	content := fmt.Sprintf("第 %d 条", a.n)
	ctx, cancel := context.WithTimeout(a.t.Context(), patience)
	defer cancel()
	played, err := a.sim.Act(ctx, simulator.Act{Who: fmt.Sprintf("oAbsence%020d", a.n), App: AppID, Do: "say", With: content})
	require.NoError(a.t, err)
	c := played.Callbacks[0]
	a.acked[content] = c.Status == simulator.Acknowledged
	return a.acked[content], c.Answer
}

// say lets people write who are all acknowledged.
func (a *absence) say(n int) {
	a.t.Helper()
	for range n {
		ok, answer := a.send()
		require.True(a.t, ok, answer)
	}
}

// refused lets people write while nothing can be promised.
func (a *absence) refused(n int) {
	a.t.Helper()
	for range n {
		ok, answer := a.send()
		require.False(a.t, ok)
		require.True(a.t, strings.HasPrefix(answer, "503"), answer)
	}
}

// welcome waits until callbacks are acknowledged again.
func (a *absence) welcome() {
	a.t.Helper()
	Until(a.t, "callbacks are acknowledged again", func() bool {
		ok, _ := a.send()
		return ok
	})
	Until(a.t, "koi is ready again", func() bool { return Status(a.p.URL+"/readyz") == 200 })
}

// nothingLost waits until everything acknowledged is on the timeline, each once, and nothing else twice.
func (a *absence) nothingLost() {
	a.t.Helper()
	var seen map[string]int
	Until(a.t, "everything acknowledged is on the timeline", func() bool {
		seen = a.timeline()
		for content, ok := range a.acked {
			if ok && seen[content] == 0 {
				return false
			}
		}
		return true
	})
	for content, n := range seen {
		require.Equal(a.t, 1, n, content)
	}
}

func (a *absence) timeline() map[string]int {
	stores := a.p.Open()
	defer stores.Close()
	rows, err := stores.Koi.Query(a.t.Context(), "SELECT props FROM events WHERE type=?", event.OAMessageReceived)
	require.NoError(a.t, err)
	out := map[string]int{}
	require.NoError(a.t, db.Each(rows, func(r *sql.Rows) error {
		var raw string
		err := r.Scan(&raw)
		_, rest, _ := strings.Cut(raw, `"content":"`)
		content, _, _ := strings.Cut(rest, `"`)
		out[content]++
		return err
	}))
	return out
}

// heartbeats are when the program was up: from, to.
func (a *absence) heartbeats() [][2]int64 {
	stores := a.p.Open()
	defer stores.Close()
	rows, err := stores.Koi.Query(a.t.Context(), "SELECT started_at, last_at FROM heartbeats ORDER BY id")
	require.NoError(a.t, err)
	var out [][2]int64
	require.NoError(a.t, db.Each(rows, func(r *sql.Rows) error {
		var b [2]int64
		err := r.Scan(&b[0], &b[1])
		out = append(out, b)
		return err
	}))
	return out
}

// lock holds the write lock of one of the files, as another program that forgot to commit.
func (a *absence) lock(name string) (unlock func()) {
	a.t.Helper()
	pool, err := sql.Open("sqlite3_koi", "file:"+filepath.Join(a.p.Config.DataDir, name)+"?_txlock=immediate&_busy_timeout=5000")
	require.NoError(a.t, err)
	tx, err := pool.BeginTx(context.WithoutCancel(a.t.Context()), nil)
	require.NoError(a.t, err)
	return func() {
		require.NoError(a.t, tx.Rollback())
		require.NoError(a.t, pool.Close())
	}
}

// fileSizeLimit sets how large files may become by a process's writes (RLIMIT_FSIZE); 0 stops every write.
func fileSizeLimit(t *testing.T, pid int, limit uint64) {
	t.Helper()
	const rlimitFsize = 1
	var old struct{ cur, max uint64 }
	_, _, code := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), rlimitFsize, 0, uintptr(unsafe.Pointer(&old)), 0, 0)
	require.Zero(t, code, code.Error())
	set := old
	set.cur = min(limit, old.max)
	_, _, code = syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), rlimitFsize, uintptr(unsafe.Pointer(&set)), 0, 0, 0)
	require.Zero(t, code, os.NewSyscallError("prlimit", code))
}
