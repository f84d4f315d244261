package apptest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/bundle"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/channels/simulator"
)

// The first promise of Koi: kill -9 at any moment under load; every acknowledged callback is processed
// exactly once, no message is sent twice where the platform can drop a repeat, and nothing waits for ever.
//
// The moments are chosen from outside, by looking at what the running program shows to anybody: requests
// without an answer, the lock of the writing transaction, a call that reached the platform. What a kill
// really hit is told afterwards from what it left behind.
func TestCrash_every_acknowledged_callback_counts_once(t *testing.T) {
	t.Parallel()
	kills := 5
	if n, err := strconv.Atoi(os.Getenv("KOI_TEST_KILLS")); err == nil && n > 0 {
		kills = n
	}
	dbtest.RunConfig(t, func(t *testing.T, store db.Config) {
		t.Parallel()
		s := besiege(t, store, staffPerKill*kills)
		plan := []blow{s.inAppend, s.beforeCommit, s.afterAlert, s.afterReply, s.anywhere}
		for n := range kills {
			s.kill(n+1, plan[n%len(plan)])
		}
		// A moment is chosen by what can be seen from outside and may be gone when the kill arrives.
		for n := kills; n < kills+3 && s.unhit() != nil; n++ {
			s.kill(n+1, s.unhit())
		}
		require.Nil(t, s.unhit(), "a moment was never hit: %v", s.hits)
		s.lift()
		s.count()
	})
}

const (
	alertPath = "/cgi-bin/message/send"
	replyPath = "/cgi-bin/message/custom/send"

	besiegers = 16
	// Somebody gets 6 alerts an hour at most, and a kill comes with some 250.
	staffPerKill = 80
)

// crashBundle alerts the member of staff that somebody added; the starter definitions answer 报价.
const crashBundle = `
messages:
  - {key: crash_alert, name: 新好友, channel: wecom_app, class: staff_alert, kind: textcard, title: 新好友,
     description: "{{ contact.display }}", url: "{{ links.contact }}", button: 查看}
  - {key: crash_reply, name: 回复, channel: official_kf, class: reply, kind: text, content: 收到}
journeys:
  - key: crash_alert
    name: 新好友提醒
    subject: contact
    status: live
    settings: {entry: {mode: concurrent}}
    nodes:
      - {id: added, component: on_event, config: {events: [wecom.customer_added]}}
      - {id: alert, component: alert, config: {template: crash_alert, to: [event_staff]}}
      - {id: done, component: end}
    edges: [{from: added, to: alert}, {from: alert, to: done}]
  - key: keyword_reply
    name: 关键词回复
    subject: contact
    status: live
    settings: {entry: {mode: concurrent}}
    nodes:
      - {id: said, component: on_event, config: {events: [oa.message_received], where: [{prop: content, op: contains, value: 报价}]}}
      - {id: reply, component: send_official, config: {template: crash_reply}}
      - {id: done, component: end}
    edges: [{from: said, to: reply}, {from: reply, to: done}]
`

// siege is a server under load that is killed and started again.
type siege struct {
	t      *testing.T
	p      *Process
	sim    *simulator.Simulator
	engine db.Engine
	staff  int
	// refused: the platform was made to refuse or swallow calls, so that some messages failed for good.
	refused bool

	hits  map[string]int
	quit  chan struct{}
	crowd sync.WaitGroup

	mu    sync.Mutex
	next  int
	acked int
	wait  time.Duration
	acts  map[int]*act
}

// act is something a person did once, with a number that names it in every place it leaves a trace.
type act struct {
	n       int
	friend  bool // added a member of staff; else wrote a message
	keyword bool // the message asks for the price
	begun   time.Time
	settled bool // acknowledged or given up by the platform
	acked   bool
}

func (a *act) person() string {
	switch {
	case a.friend:
		return fmt.Sprintf("wmCrash%025d", a.n)
	case a.keyword:
		return fmt.Sprintf("oCrashAsks%018d", a.n)
	}
	return fmt.Sprintf("oCrashCalls%017d", a.n%50) // people who come again
}

func (a *act) content() string {
	if a.keyword {
		return fmt.Sprintf("报价 x%dx", a.n)
	}
	return fmt.Sprintf("你好 x%dx", a.n)
}

func (a *act) play(staff int) simulator.Act {
	if a.friend {
		return simulator.Act{Who: a.person(), App: CorpID, Do: "add_staff", With: StaffID(a.n / 5 % staff)}
	}
	return simulator.Act{Who: a.person(), App: AppID, Do: "say", With: a.content()}
}

func besiege(t *testing.T, store db.Config, staff int) *siege {
	world := World(staff)
	// The platforms' patience, shorter: what was not acknowledged is tried once more, about when the server
	// is back, so that some acts are acknowledged late and some never.
	world.CallbackSpacing, world.CallbackTries = 300*time.Millisecond, 2
	sim := Simulate(t, &world, clock.Real{})
	p := Serve(t, store, sim.URL())
	sim.PointAt(p.URL)
	p.Do(t.Context(), "apply", app.ApplyInput{File: "crash.yaml", Text: []byte(crashBundle), By: "test"}, &bundle.Report{})
	s := &siege{t: t, p: p, sim: sim, engine: store.Driver, staff: staff, hits: map[string]int{}, quit: make(chan struct{}), acts: map[int]*act{},
		wait: 20 * time.Millisecond}
	s.untilStaffIsKnown()
	for range besiegers {
		s.crowd.Go(s.assault)
	}
	t.Cleanup(func() { s.stop(); s.crowd.Wait() })
	return s
}

// untilStaffIsKnown: whoever is not mirrored yet gets no alert. What the tables hold, a start has in memory.
func (s *siege) untilStaffIsKnown() {
	Until(s.t, "staff is mirrored", func() bool {
		var n int
		s.look(func(stores *db.Stores) {
			require.NoError(s.t, stores.Koi.QueryRow(s.t.Context(), "SELECT COUNT(*) FROM staff WHERE active=1").Scan(&n))
		})
		return n == s.staff
	})
	s.p.Stop()
	s.p.Start()
}

func (s *siege) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.quit:
	default:
		close(s.quit)
	}
}

// pace sets how long each besieger rests between acts.
func (s *siege) pace(d time.Duration) { s.mu.Lock(); s.wait = d; s.mu.Unlock() }

// assault acts until the siege is lifted; every act waits for its acknowledgement, over kills.
func (s *siege) assault() {
	for {
		s.mu.Lock()
		s.next++
		a := &act{n: s.next, friend: s.next%5 == 0, keyword: s.next%5 == 1, begun: time.Now()}
		s.acts[a.n] = a
		wait := s.wait
		s.mu.Unlock()
		played, err := s.sim.Act(context.Background(), a.play(s.staff))
		s.mu.Lock()
		a.settled = true
		for _, c := range played.Callbacks {
			a.acked = err == nil && c.Status == simulator.Acknowledged
		}
		if a.acked {
			s.acked++
		}
		s.mu.Unlock()
		if err != nil {
			s.t.Errorf("act %d: %v", a.n, err)
			return
		}
		select {
		case <-s.quit:
			return
		case <-time.After(wait):
		}
	}
}

// flying are the acts whose callbacks were on their way a moment ago.
func (s *siege) flying() map[int]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[int]bool{}
	for n, a := range s.acts {
		if !a.settled && time.Since(a.begun) < 100*time.Millisecond {
			out[n] = true
		}
	}
	return out
}

// The moments.
const (
	inAppend     = "in append"
	beforeCommit = "before COMMIT"
	afterAlert   = "after send, before result (alert)"
	afterReply   = "after send, before result (reply)"
	anywhere     = "anywhere"
)

// blow kills the server at a moment of its kind, and tells afterwards what it hit; "" for nothing.
type blow func() (name string, told string)

func (s *siege) kill(n int, b blow) {
	s.t.Helper()
	name, told := b()
	if told == "" {
		s.t.Logf("kill %d: %s: missed", n, name)
	} else {
		s.hits[name]++
		s.t.Logf("kill %d: %s: %s", n, name, told)
	}
	s.sim.Behave()
	s.p.Start()
	s.flows(50)
}

// flows returns when so many further callbacks were acknowledged: the load is back.
func (s *siege) flows(n int) {
	s.mu.Lock()
	want := s.acked + n
	s.mu.Unlock()
	Until(s.t, "callbacks are acknowledged", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.acked >= want
	})
}

// strike is the kill itself; it returns what was on its way then.
func (s *siege) strike() map[int]bool {
	flying := s.flying()
	s.p.Kill()
	return flying
}

// unhit is a moment that no kill struck yet.
func (s *siege) unhit() blow {
	for name, b := range map[string]blow{inAppend: s.inAppend, beforeCommit: s.beforeCommit, afterAlert: s.afterAlert, afterReply: s.afterReply} {
		if s.hits[name] == 0 {
			return b
		}
	}
	return nil
}

// breathe lets the load run for a random while.
func (s *siege) breathe(least, most time.Duration) {
	<-time.After(least + rand.N(most-least))
}

// inAppend kills while callbacks are unanswered, under the fastest load there is.
func (s *siege) inAppend() (string, string) {
	s.pace(0)
	defer s.pace(20 * time.Millisecond)
	s.breathe(200*time.Millisecond, 700*time.Millisecond)
	Until(s.t, "callbacks are on their way", func() bool { return len(s.flying()) >= besiegers/4 })
	flying := s.strike()
	logged := s.logged(flying)
	if len(flying) == 0 {
		return inAppend, ""
	}
	return inAppend, fmt.Sprintf("%d callbacks unanswered, %d of them in the log already", len(flying), logged)
}

// beforeCommit lets a backlog grow and kills while a batch of it is written.
func (s *siege) beforeCommit() (string, string) {
	ctx := s.t.Context()
	// Only who has caught up looks after what the dead left.
	s.calm("the log is nearly applied", func(stores *db.Stores) bool { return s.behind(stores) < 100 })
	s.p.Do(ctx, "pause", nil, nil)
	s.pace(0)
	s.flows(1500)
	s.pace(20 * time.Millisecond)
	writing, closing := s.openTransaction()
	defer closing()
	s.p.Do(ctx, "resume", nil, nil)
	for limit := time.Now().Add(patience); !writing() && time.Now().Before(limit); {
	}
	s.strike()
	cursor, head := s.position()
	if cursor >= head {
		return beforeCommit, ""
	}
	return beforeCommit, fmt.Sprintf("a transaction was open, the log was applied up to %d of %d", cursor, head)
}

// afterAlert kills when an alert reached WeCom and its answer is still to come.
func (s *siege) afterAlert() (string, string) {
	return afterAlert, s.afterSend(alertPath, "wecom_app")
}

// afterReply is afterAlert for customer-service messages, which the platform cannot deduplicate.
func (s *siege) afterReply() (string, string) {
	return afterReply, s.afterSend(replyPath, "official_kf")
}

func (s *siege) afterSend(path, channel string) string {
	s.breathe(200*time.Millisecond, 700*time.Millisecond)
	require.NoError(s.t, s.sim.Misbehave(simulator.Misbehaviour{Path: path, Times: -1, LatencyMS: 60_000}))
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	calls := s.sim.CallCount(path)
	require.NoError(s.t, s.sim.WaitCalls(ctx, path, calls+1))
	s.strike()
	sending, delivered := 0, 0
	s.inspect(func(stores *db.Stores) {
		rows, err := stores.Koi.Query(s.t.Context(), "SELECT recipient FROM outbox WHERE state=2 AND channel=?", channel)
		require.NoError(s.t, err)
		require.NoError(s.t, db.Each(rows, func(r *sql.Rows) error {
			var to string
			err := r.Scan(&to)
			sending++
			delivered += min(1, len(s.sim.Deliveries(simulator.DeliveryFilter{To: to, Limit: 1})))
			return err
		}))
	})
	if delivered == 0 {
		return ""
	}
	return fmt.Sprintf("%d messages without a result, %d of them on the phone already", sending, delivered)
}

// anywhere kills at a random moment.
func (s *siege) anywhere() (string, string) {
	s.pace(rand.N(10 * time.Millisecond))
	defer s.pace(20 * time.Millisecond)
	s.breathe(0, 1500*time.Millisecond)
	flying := s.strike()
	cursor, head := s.position()
	return anywhere, fmt.Sprintf("%d callbacks unanswered, the log applied up to %d of %d", len(flying), cursor, head)
}

// openTransaction returns a look at whether the pipeline is inside a transaction that writes.
func (s *siege) openTransaction() (look func() bool, closing func()) {
	if s.engine == db.SQLite {
		shm, err := os.Open(filepath.Join(s.p.Config.DataDir, "koi.db-shm"))
		require.NoError(s.t, err)
		// The writer of a WAL holds a lock on this byte of the index from BEGIN IMMEDIATE to COMMIT
		// (SQLite, WAL-mode File Format, 2.3.2). Asking who holds it disturbs nobody.
		const writeLock = 120
		return func() bool {
			l := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: writeLock, Len: 1}
			require.NoError(s.t, syscall.FcntlFlock(shm.Fd(), syscall.F_GETLK, &l))
			return l.Type != syscall.F_UNLCK
		}, func() { _ = shm.Close() }
	}
	pool, err := sql.Open("mysql", s.p.Config.Database.DSN)
	require.NoError(s.t, err)
	pool.SetMaxOpenConns(1)
	// The cursors are written by the last statements before COMMIT: while their rows are locked, everything
	// of the batch is written and nothing of it is committed.
	return func() bool {
		var n int64
		return pool.QueryRowContext(s.t.Context(), "SELECT COALESCE(SUM(seq),0) FROM cursors FOR UPDATE NOWAIT").Scan(&n) != nil
	}, func() { _ = pool.Close() }
}

// look reads the stores beside the running program.
func (s *siege) look(f func(*db.Stores)) {
	stores := s.p.Open()
	defer stores.Close()
	f(stores)
}

// inspect reads what a dead program left. SQLite files are copied first: whoever opens them repairs them,
// and that is the program's own affair.
func (s *siege) inspect(f func(*db.Stores)) {
	if s.engine != db.SQLite {
		s.look(f)
		return
	}
	dir := s.t.TempDir()
	for _, name := range []string{"koi.db", "koi.db-wal", "log.db", "log.db-wal"} {
		raw, err := os.ReadFile(filepath.Join(s.p.Config.DataDir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		require.NoError(s.t, err)
		require.NoError(s.t, os.WriteFile(filepath.Join(dir, name), raw, 0o600))
	}
	stores, err := db.Open(s.t.Context(), db.Config{Driver: db.SQLite, DataDir: dir})
	require.NoError(s.t, err)
	defer stores.Close()
	f(stores)
}

// position is how far a dead program applied its log, and where the log ends.
func (s *siege) position() (cursor, head int64) {
	s.inspect(func(stores *db.Stores) {
		ctx := s.t.Context()
		require.NoError(s.t, stores.Koi.QueryRow(ctx, "SELECT COALESCE(MAX(seq),0) FROM cursors").Scan(&cursor))
		require.NoError(s.t, stores.Log.QueryRow(ctx, "SELECT COALESCE(MAX(seq),0) FROM log").Scan(&head))
	})
	return cursor, head
}

// logged counts those of the acts that a dead program had in its log.
func (s *siege) logged(acts map[int]bool) int {
	found := 0
	s.inspect(func(stores *db.Stores) {
		keys, err := secret.Load("", s.p.Config.DataDir)
		require.NoError(s.t, err)
		log := event.NewLog(stores.Log, nil, keys, clock.Real{}, &event.Counter{}, prometheus.NewRegistry())
		rows, err := stores.Log.Query(s.t.Context(), "SELECT lane, seq, v, body FROM log ORDER BY seq DESC LIMIT 1000")
		require.NoError(s.t, err)
		require.NoError(s.t, db.Each(rows, func(r *sql.Rows) error {
			var lane event.Lane
			var seq int64
			var v int
			var body []byte
			if err := r.Scan(&lane, &seq, &v, &body); err != nil {
				return err
			}
			e, err := log.Decode(seq, lane, v, body)
			if err != nil {
				return err
			}
			if n, ok := numberOf(e.Type, e.Props.Str("content"), externalOf(e)); ok && acts[n] {
				found++
			}
			return nil
		}))
	})
	return found
}

func externalOf(e *event.Event) string {
	for _, id := range e.Identities {
		if id.Kind == event.KindExternal {
			return id.Value
		}
	}
	return ""
}

// numberOf is the act an event came from.
func numberOf(kind, content, external string) (int, bool) {
	switch kind {
	case event.OAMessageReceived:
		parts := strings.Split(content, "x")
		if len(parts) == 3 {
			n, err := strconv.Atoi(parts[1])
			return n, err == nil
		}
	case event.WeComCustomerAdded:
		n, err := strconv.Atoi(strings.TrimPrefix(external, "wmCrash"))
		return n, err == nil
	}
	return 0, false
}
