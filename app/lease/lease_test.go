package lease_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/lease"
)

// newLease is one whose tests take a tenth of the time.
func newLease(d *db.DB, name, node string) *lease.Lease {
	return lease.Hurried(lease.New(d, name, node))
}

// guarded makes a transaction under the lease.
func guarded(l *lease.Lease, d *db.DB) error {
	return d.Tx(context.Background(), func(tx *db.Tx) error { return l.Guard(context.Background(), tx) })
}

// acquiring starts an Acquire and returns its answer.
func acquiring(ctx context.Context, l *lease.Lease) <-chan error {
	done := make(chan error, 1)
	go func() { done <- l.Acquire(ctx) }()
	return done
}

func answer(t *testing.T, done <-chan error, within time.Duration) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(within):
		t.Fatal("no answer in time")
		return nil
	}
}

func TestLease(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx, d := context.Background(), s.Koi
		a := newLease(d, "process", "node-a")
		require.NoError(t, answer(t, acquiring(ctx, a), 5*time.Second), "nobody holds it")
		require.NoError(t, guarded(a, d))

		t.Run("is retaken at once by the node that held it, whose former life cannot write any more", func(t *testing.T) {
			again := newLease(d, "process", "node-a")
			require.NoError(t, answer(t, acquiring(ctx, again), 5*time.Second))
			require.NoError(t, guarded(again, d))
			require.ErrorIs(t, guarded(a, d), lease.ErrLost)
			require.ErrorIs(t, a.Keep(ctx), lease.ErrLost)
			a = again
		})
		t.Run("is waited for while its holder shows that it lives, and passes on when the holder stops", func(t *testing.T) {
			keeping, stop := context.WithCancel(ctx)
			kept := make(chan error, 1)
			go func() { kept <- a.Keep(keeping) }()
			b := newLease(d, "process", "node-b")
			waiting := acquiring(ctx, b)
			timer := time.NewTimer(2 * lease.Silence)
			defer timer.Stop()
			select {
			case err := <-waiting:
				t.Fatalf("taken from a living holder: %v", err)
			case err := <-kept:
				t.Fatalf("lost: %v", err)
			case <-timer.C:
			}
			stop()
			require.NoError(t, <-kept)
			require.NoError(t, answer(t, waiting, 3*time.Second), "given up, so it is taken without waiting for silence")
			require.ErrorIs(t, guarded(a, d), lease.ErrLost)
			a = b
		})
		t.Run("is taken over from a silent holder, whose transaction on its way commits or fails whole", func(t *testing.T) {
			holding, release := make(chan struct{}), make(chan struct{})
			zombie := make(chan error, 1)
			exec := func(tx *db.Tx) error {
				_, err := tx.Exec(ctx, "INSERT INTO sequences (name, next) VALUES ('zombie', 1)")
				return err
			}
			if d.Engine() == db.MySQL { // on SQLite another process could not even begin
				go func() {
					zombie <- d.Tx(ctx, func(tx *db.Tx) error {
						if err := exec(tx); err != nil {
							return err
						}
						close(holding)
						<-release // paused for seconds before its last statement
						return a.Guard(ctx, tx)
					})
				}()
				<-holding
			}
			c := newLease(d, "process", "node-c")
			begun := time.Now()
			require.NoError(t, answer(t, acquiring(ctx, c), 12*time.Second))
			require.Greater(t, time.Since(begun), lease.Silence)
			close(release)
			if d.Engine() == db.MySQL {
				require.ErrorIs(t, <-zombie, lease.ErrLost)
			}
			var n int
			require.NoError(t, d.QueryRow(ctx, "SELECT COUNT(*) FROM sequences WHERE name='zombie'").Scan(&n))
			require.Zero(t, n)
			require.NoError(t, guarded(c, d))
		})
		t.Run("is taken at once from a node that was silent at another lease", func(t *testing.T) {
			for _, name := range []string{"one", "two", "three"} {
				require.NoError(t, newLease(d, name, "node-x").Acquire(ctx))
			}
			begun := time.Now()
			y := []*lease.Lease{newLease(d, "one", "node-y"), newLease(d, "two", "node-y"), newLease(d, "three", "node-y")}
			require.NoError(t, lease.AcquireAll(ctx, y...))
			require.Less(t, time.Since(begun), 2*lease.Silence)
			for _, l := range y {
				require.NoError(t, guarded(l, d))
			}
		})
		t.Run("is one node's among many that want it", func(t *testing.T) {
			const nodes = 8
			won := make(chan *lease.Lease, nodes)
			racing, stop := context.WithTimeout(ctx, 1500*time.Millisecond)
			defer stop()
			answers := make([]<-chan error, nodes)
			for i := range nodes {
				l := lease.New(d, "append", string(rune('p'+i))) // the winner stays silent, but not for long enough
				done := make(chan error, 1)
				answers[i] = done
				go func() {
					err := l.Acquire(racing)
					if err == nil {
						won <- l
					}
					done <- err
				}()
			}
			taken := 0
			for _, done := range answers {
				err := <-done
				if err == nil {
					taken++
					continue
				}
				require.True(t, errors.Is(err, context.DeadlineExceeded) || fault.Is(err, fault.Unavailable), "%v", err)
			}
			require.Equal(t, 1, taken)
			require.NoError(t, guarded(<-won, d))
		})
	})
}

func TestLease_Acquire_waits_for_a_database_that_is_away(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	srv := dbtest.NewServer(t)
	d, err := db.OpenMySQL(ctx, srv.MigratedDSN(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	holder := newLease(d, "process", "node-a")
	require.NoError(t, holder.Acquire(ctx))
	keeping, stop := context.WithCancel(ctx)
	kept := make(chan error, 1)
	go func() { kept <- holder.Keep(keeping) }()
	waiting := acquiring(ctx, newLease(d, "process", "node-b"))

	srv.Kill()
	timer := time.NewTimer(3 * lease.Silence)
	defer timer.Stop()
	select {
	case err := <-waiting:
		t.Fatalf("gave up, or took it: %v", err)
	case err := <-kept:
		t.Fatalf("gave up: %v", err)
	case <-timer.C:
	}
	require.NoError(t, srv.Start(ctx))
	require.Eventually(t, func() bool { return guarded(holder, d) == nil }, 10*time.Second, 50*time.Millisecond, "the holder lives, whatever the silence of the database")
	stop()
	require.NoError(t, <-kept)
	require.NoError(t, answer(t, waiting, 5*time.Second))
}

func TestNode_is_kept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, err := lease.Node(dir)
	require.NoError(t, err)
	again, err := lease.Node(dir)
	require.NoError(t, err)
	require.Equal(t, one, again)
	other, err := lease.Node(t.TempDir())
	require.NoError(t, err)
	require.NotEqual(t, one, other)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "node_id"), nil, 0o600)) // cut short by a power loss
	fresh, err := lease.Node(dir)
	require.NoError(t, err)
	require.NotEmpty(t, fresh)
}

func TestLockDir_has_one_holder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	unlock, err := lease.LockDir(dir)
	require.NoError(t, err)
	_, err = lease.LockDir(dir)
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	require.NoError(t, unlock())
	unlock, err = lease.LockDir(dir)
	require.NoError(t, err)
	require.NoError(t, unlock())
}

// A connection that died without a word must not be waited for: others would take the holder for dead, or a
// dead one for alive.
func TestLease_on_a_connection_that_died_silently(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dsn := dbtest.MySQLConfig(t).DSN
	direct, err := db.OpenMySQL(ctx, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, direct.Close()) })
	wire, through := dbtest.NewWire(t, dsn)
	d, err := db.OpenMySQL(ctx, through)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	beats := func() (n int64) {
		require.NoError(t, direct.QueryRow(ctx, "SELECT n FROM lease WHERE name='process'").Scan(&n))
		return n
	}
	holder := newLease(d, "process", "node-a")
	require.NoError(t, holder.Acquire(ctx))
	keeping, stop := context.WithCancel(ctx)
	kept := make(chan error, 1)
	go func() { kept <- holder.Keep(keeping) }()
	before := beats()
	require.Eventually(t, func() bool { return beats() > before }, 5*time.Second, time.Millisecond)
	wire.Silence()
	before = beats()
	require.Eventually(t, func() bool { return beats() > before+1 }, lease.Silence, time.Millisecond)
	stop()
	require.NoError(t, <-kept)

	other := newLease(direct, "process", "node-b")
	require.NoError(t, other.Acquire(ctx)) // and then dies
	waiting := acquiring(ctx, holder)
	wire.Silence()
	require.NoError(t, answer(t, waiting, 5*lease.Silence))
}

// A holder that froze in the middle of a transaction has the lease's row locked, on a connection that lives:
// only the server can end it, and must do so soon.
func TestLease_of_a_holder_that_froze_in_a_transaction(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dsn := dbtest.MySQLConfig(t).DSN
	open := func() *db.DB {
		d, err := db.OpenMySQL(ctx, dsn)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, d.Close()) })
		return d
	}
	frozen := open()
	holder := newLease(frozen, "process", "node-a")
	require.NoError(t, holder.Acquire(ctx))
	locked, thaw, thawed := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		thawed <- frozen.Tx(ctx, func(tx *db.Tx) error {
			err := holder.Guard(ctx, tx)
			close(locked)
			<-thaw
			return err
		})
	}()
	<-locked
	require.NoError(t, answer(t, acquiring(ctx, newLease(open(), "process", "node-b")), 9*time.Second))
	close(thaw)
	require.Error(t, <-thawed, "what it had written is undone")
	require.ErrorIs(t, guarded(holder, frozen), lease.ErrLost)
}
