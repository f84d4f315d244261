package apptest

import (
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/channels/simulator"
)

// The same promise as of the kills, under whatever else can go wrong while the load lasts: every
// acknowledged callback is processed once, no message arrives twice, nothing waits for ever.

// rounds is how often a test repeats its disturbance: once, or more in the long run.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv("KOI_TEST_KILLS")); err == nil {
		return max(1, n/10)
	}
	return 1
}

func TestCrash_counts_once_while_the_platform_misbehaves(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, store db.Config) {
		t.Parallel()
		s := besiege(t, store, 8*staffPerKill*rounds())
		s.refused = true
		for range rounds() {
			for _, path := range []string{alertPath, replyPath} {
				for _, m := range []simulator.Misbehaviour{
					{Code: -1, Times: 20}, // busy
					{Status: http.StatusBadGateway, Times: 20},
					{Drop: true, Times: 20},              // the connection breaks before
					{Drop: true, After: true, Times: 20}, // … and after it was done
					{Code: 40001, Times: 1},              // the token is not taken
					{LatencyMS: 800, Times: 50},
				} {
					m.Path = path
					require.NoError(t, s.sim.Misbehave(m))
					s.flows(300)
				}
			}
			// Tokens can't be had for a while either.
			require.NoError(t, s.sim.Misbehave(simulator.Misbehaviour{Path: "/cgi-bin/stable_token", Code: -1, Times: 5}))
			require.NoError(t, s.sim.Misbehave(simulator.Misbehaviour{Path: "/cgi-bin/gettoken", Status: 500, Times: 5}))
			s.flows(300)
		}
		s.sim.Behave()
		s.lift()
		s.count()
	})
}

func TestCrash_counts_once_when_frozen_beyond_its_lease(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, store db.Config) {
		t.Parallel()
		s := besiege(t, store, 2*staffPerKill*rounds())
		for range rounds() {
			s.breathe(200*time.Millisecond, 700*time.Millisecond)
			s.p.Freeze()
			<-time.After(8 * time.Second) // the lease lasts 6
			s.p.Thaw()
			require.True(t, s.p.Running(), "with nobody to take over it just goes on")
			s.flows(200)
		}
		s.lift()
		s.count()
	})
}

func TestCrash_counts_once_when_the_disk_is_full_for_a_while(t *testing.T) {
	t.Parallel()
	s := besiege(t, dbtest.SQLiteConfig(t), 2*staffPerKill*rounds())
	for range rounds() {
		s.breathe(200*time.Millisecond, 700*time.Millisecond)
		fileSizeLimit(t, s.p.PID(), 0)
		<-time.After(3 * time.Second)
		require.True(t, s.p.Running())
		fileSizeLimit(t, s.p.PID(), ^uint64(0))
		s.flows(200)
	}
	s.lift()
	s.count()
}

func TestCrash_counts_once_over_restarts_of_the_database(t *testing.T) {
	t.Parallel()
	server := dbtest.NewServer(t)
	s := besiege(t, db.Config{Driver: db.MySQL, DSN: server.MigratedDSN(t), DataDir: t.TempDir()}, 4*staffPerKill*rounds())
	for range rounds() {
		for _, end := range []func(){server.Stop, server.Kill} {
			s.breathe(200*time.Millisecond, 700*time.Millisecond)
			end()
			<-time.After(2 * time.Second)
			require.NoError(t, server.Start(t.Context()))
			s.flows(200)
			require.True(t, s.p.Running())
		}
	}
	s.lift()
	s.count()
}

// Two servers on one database: one works, one waits. However the first goes, the second takes over within
// ten seconds, and one that was frozen meanwhile wakes up to find that it may write nothing any more.
func TestCrash_a_second_server_takes_over(t *testing.T) {
	t.Parallel()
	server := dbtest.NewServer(t)
	s := besiege(t, db.Config{Driver: db.MySQL, DSN: server.MigratedDSN(t), DataDir: t.TempDir()}, 6*staffPerKill*rounds())
	other := s.p.Beside()
	other.Begin()
	Until(t, "the second one waits", func() bool { return Status(other.URL+"/readyz") == http.StatusServiceUnavailable })

	takeover := func(how string) {
		t.Helper()
		gone := time.Now()
		s.sim.PointAt(other.URL) // what the proxy in front of both does
		Until(t, "the other one is ready", func() bool { return Status(other.URL+"/readyz") == http.StatusOK })
		took := time.Since(gone)
		t.Logf("%s: the other one was ready after %s", how, took.Round(10*time.Millisecond))
		require.Less(t, took, 10*time.Second)
		s.p, other = other, s.p
		s.flows(200)
	}
	for range rounds() {
		s.breathe(200*time.Millisecond, 700*time.Millisecond)
		s.p.Kill()
		takeover("kill -9")
		other.Begin()
		Until(t, "the killed one is back and waits", func() bool { return Status(other.URL+"/readyz") == http.StatusServiceUnavailable })

		s.breathe(200*time.Millisecond, 700*time.Millisecond)
		s.p.Freeze()
		takeover("frozen")
		other.Thaw()
		other.Ended() // it lost the lease; whoever supervises it starts it again
		other.Begin()
		Until(t, "the thawed one is back and waits", func() bool { return Status(other.URL+"/readyz") == http.StatusServiceUnavailable })

		s.breathe(200*time.Millisecond, 700*time.Millisecond)
		s.p.Stop()
		takeover("stopped in order")
		other.Begin()
		Until(t, "the stopped one is back and waits", func() bool { return Status(other.URL+"/readyz") == http.StatusServiceUnavailable })
	}
	other.Kill()
	s.lift()
	s.count()
}

// jumping is the machine's clock with somebody at its hands.
type jumping struct{ off atomic.Int64 }

func (j *jumping) Wall() time.Time { return time.Now().Add(time.Duration(j.off.Load())) }
func (j *jumping) Now() time.Time  { return j.Wall() }

func (j *jumping) jump(d time.Duration) { j.off.Add(int64(d)) }

func TestCrash_clock_jumps_lose_and_double_nothing(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, store db.Config) {
		t.Parallel()
		clk := &jumping{}
		// The platforms' clock is right.
		world := World(staffPerKill)
		world.CallbackTries = 1
		k := &Koi{t: t, Sim: Simulate(t, &world, clock.Real{})}
		k.Config = config(t, store, k.Sim.URL())
		k.Config.Listen = "127.0.0.1:0"
		require.NoError(t, k.Config.Validate())
		k.boot(clk)
		k.Apply(crashBundle)
		k.Apply("journeys:\n  - {key: friend_welcome, delete: true}\n") // 20 s from the platform's clock: minutes off, it is rightly too late
		Until(t, "staff is mirrored", func() bool { return len(k.App.Staff.List(CorpID)) == staffPerKill })

		n := 0
		play := func() bool {
			n++
			a := &act{n: n, friend: n%2 == 0, keyword: n%2 == 1}
			played, err := k.Sim.Act(t.Context(), a.play(staffPerKill))
			require.NoError(t, err)
			return played.Callbacks[0].Status == simulator.Acknowledged
		}
		acked := 0
		some := func(want bool) {
			t.Helper()
			for range 20 {
				ok := play()
				require.Equal(t, want, ok, "act %d", n)
				if ok {
					acked++
				}
			}
		}
		// What is on its way when the clock jumps may rightly be found too old, so it arrives first.
		jump := func(d time.Duration) {
			t.Helper()
			k.Settle()
			Until(t, "every message is settled", func() bool { return k.waiting() == 0 })
			clk.jump(d)
		}
		some(true)
		for range rounds() {
			jump(5 * time.Minute)
			some(true)
			jump(-8 * time.Minute)
			some(true)
			// Hours off, every callback looks stale or from the future: it is refused and so not promised.
			jump(3 * time.Hour)
			some(false)
			jump(-6 * time.Hour)
			some(false)
			jump(3*time.Hour + 3*time.Minute)
			some(true)
		}
		jump(0)
		total := k.Sim.DeliveryTotals()
		require.EqualValues(t, acked, total.Delivered, "one message for each act that was acknowledged")
		require.Zero(t, total.Repeated)
	})
}

// waiting counts messages that are not settled.
func (k *Koi) waiting() (n int) {
	k.t.Helper()
	require.NoError(k.t, k.App.Stores.Koi.QueryRow(k.t.Context(), "SELECT COUNT(*) FROM outbox WHERE state IN (1,2)").Scan(&n))
	return n
}
