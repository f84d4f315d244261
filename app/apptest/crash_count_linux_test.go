package apptest

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/channels/simulator"
)

// lift ends the load and waits until nothing waits any more.
func (s *siege) lift() {
	s.stop()
	s.crowd.Wait()
	s.calm("nothing waits", func(stores *db.Stores) bool { return s.unfinished(stores) == "" })
	s.p.Stop()
}

// calm waits for as long as the program makes progress: how fast it does is no matter here.
func (s *siege) calm(what string, reached func(*db.Stores) bool) {
	s.t.Helper()
	var at int64
	moved := time.Now()
	for done := false; !done; {
		s.look(func(stores *db.Stores) {
			done = reached(stores)
			if now := s.number(stores.Koi, "SELECT (SELECT COALESCE(SUM(seq),0) FROM cursors)+(SELECT COUNT(*) FROM outbox WHERE state>2)"); now != at {
				at, moved = now, time.Now()
			}
			if !done && time.Since(moved) > patience {
				s.t.Fatalf("nothing moves for %s, and still not: %s; there are %s; outbox: %v", patience, what, s.unfinished(stores), s.states(stores))
			}
		})
		<-time.After(50 * time.Millisecond)
	}
}

// behind is how many events of the log are not applied.
func (s *siege) behind(stores *db.Stores) (n int64) {
	for lane := range 2 {
		through := s.number(stores.Koi, "SELECT COALESCE(MAX(seq),0) FROM cursors WHERE lane=?", lane)
		n += s.number(stores.Log, "SELECT COUNT(*) FROM log WHERE lane=? AND seq>?", lane, through)
	}
	return n
}

// unfinished is what still waits for something, "" for nothing.
func (s *siege) unfinished(stores *db.Stores) string {
	var open []string
	add := func(n int64, what string) {
		if n > 0 {
			open = append(open, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(s.number(stores.Koi, "SELECT COUNT(*) FROM outbox WHERE state IN (1,2)"), "messages that wait or are being sent")
	add(s.number(stores.Koi, "SELECT COUNT(*) FROM journey_runs WHERE state<10"), "journey runs")
	add(s.behind(stores), "events of the log")
	return strings.Join(open, ", ")
}

func (s *siege) number(q db.Querier, query string, args ...any) int64 {
	var n int64
	require.NoError(s.t, q.QueryRow(s.t.Context(), query, args...).Scan(&n), query)
	return n
}

// count compares every act with the traces it left.
func (s *siege) count() {
	stores := s.p.Open()
	defer stores.Close()
	s.t.Logf("outbox: %v", s.states(stores))
	processed := s.timeline(stores)
	acked, lost, friends, asks, people := 0, 0, 0, 0, map[string]bool{}
	for n, a := range s.acts {
		require.LessOrEqual(s.t, processed[n], 1, "act %d was processed more than once", n)
		if a.acked {
			acked++
			require.Equal(s.t, 1, processed[n], "act %d was acknowledged and is not on the timeline", n)
		} else {
			lost++
		}
		if processed[n] == 1 {
			people[a.person()] = true
			if a.friend {
				friends++
			} else if a.keyword {
				asks++
			}
		}
	}
	require.Len(s.t, processed, len(s.acts)-s.missing(processed), "the timeline holds acts nobody played")
	require.EqualValues(s.t, len(people), s.number(stores.Koi, "SELECT COUNT(*) FROM contacts"), "one contact for each person")
	require.Zero(s.t, s.number(stores.Koi, "SELECT COUNT(*) FROM dead_letters"))

	s.t.Logf("runs: %v", s.runs(stores))

	s.explain(stores)

	// Each message once: one row for each event that asks for one, and one delivery for each row.
	require.EqualValues(s.t, friends, s.number(stores.Koi, "SELECT COUNT(*) FROM outbox WHERE channel='wecom_app'"))
	require.EqualValues(s.t, asks, s.number(stores.Koi, "SELECT COUNT(*) FROM outbox WHERE channel='official_kf'"))
	sent := func(channel string) int {
		return int(s.number(stores.Koi, "SELECT COUNT(*) FROM outbox WHERE channel=? AND state IN (3,4)", channel))
	}
	// What a kill interrupted between sending and knowing: an alert is sent again, since WeCom drops repeats;
	// a reply is left to the operator, since nobody would. Whatever a platform refused for good says so.
	short := func(channel string) int {
		states := "(7)"
		if s.refused {
			states = "(5,7)"
		}
		return int(s.number(stores.Koi, "SELECT COUNT(*) FROM outbox WHERE channel=? AND state IN "+states, channel))
	}
	given, unknown := short("wecom_app"), short("official_kf")
	if !s.refused {
		require.Zero(s.t, given, "an alert can be repeated until it is known to have arrived")
	}
	require.Equal(s.t, friends, sent("wecom_app")+given, "every alert was sent")
	require.Equal(s.t, asks, sent("official_kf")+unknown, "every reply was sent or is shown as unknown")
	// The starter's welcome: one for each new friend, and never two. Its code is good for 20 s only, so one
	// that a fault held up longer is lost, and says so.
	require.EqualValues(s.t, friends, s.number(stores.Koi, "SELECT COUNT(*) FROM outbox WHERE channel='wecom_welcome'"))
	welcomed := sent("wecom_welcome")
	require.EqualValues(s.t, friends-welcomed, s.number(stores.Koi, "SELECT COUNT(*) FROM outbox WHERE channel='wecom_welcome' AND state IN (5,6,7,8) AND reason<>''"))
	s.deliveries(Agent, sent("wecom_app")+welcomed, given+friends-welcomed)
	s.deliveries(AppID, sent("official_kf"), unknown)

	total := s.sim.DeliveryTotals()
	s.t.Logf("%d acts: %d acknowledged, %d not; %d messages delivered, %d repeats dropped by the platform, %d replies and %d alerts nobody can tell of; hits: %v",
		len(s.acts), acked, lost, total.Delivered, total.Deduped, unknown, given, s.hits)
}

// states counts messages by channel, state and reason.
func (s *siege) states(stores *db.Stores) map[string]int {
	out := map[string]int{}
	rows, err := stores.Koi.Query(s.t.Context(), "SELECT channel, state, reason, COUNT(*) FROM outbox GROUP BY channel, state, reason")
	require.NoError(s.t, err)
	require.NoError(s.t, db.Each(rows, func(r *sql.Rows) error {
		var channel, reason string
		var state, n int
		err := r.Scan(&channel, &state, &reason, &n)
		out[fmt.Sprintf("%s %d %s", channel, state, reason)] = n
		return err
	}))
	return out
}

// runs counts walks by journey, state and reason.
func (s *siege) runs(stores *db.Stores) map[string]int {
	out := map[string]int{}
	rows, err := stores.Koi.Query(s.t.Context(), "SELECT journey_id, node, state, reason, COUNT(*) FROM journey_runs GROUP BY journey_id, node, state, reason")
	require.NoError(s.t, err)
	require.NoError(s.t, db.Each(rows, func(r *sql.Rows) error {
		var id, state, n int
		var node, reason string
		err := r.Scan(&id, &node, &state, &reason, &n)
		out[fmt.Sprintf("%d %s %d %s", id, node, state, reason)] = n
		return err
	}))
	return out
}

// explain tells the story of people who should have had an alert and have none.
func (s *siege) explain(stores *db.Stores) {
	rows, err := stores.Koi.Query(s.t.Context(), "SELECT e.contact_id, e.id, e.type, e.staff, e.props FROM events e JOIN contact_staff c ON c.contact_id=e.contact_id "+
		"LEFT JOIN outbox o ON o.contact_id=e.contact_id WHERE o.id IS NULL ORDER BY e.contact_id, e.id LIMIT 50")
	require.NoError(s.t, err)
	require.NoError(s.t, db.Each(rows, func(r *sql.Rows) error {
		var contact, id int64
		var kind, staff, props string
		err := r.Scan(&contact, &id, &kind, &staff, &props)
		s.t.Logf("no alert about contact %d: event %d %s %s %s", contact, event.ID(id).Seq(), kind, staff, props)
		return err
	}))
}

// missing are acts without a trace; only unacknowledged ones may be.
func (s *siege) missing(processed map[int]int) int {
	n := 0
	for act := range s.acts {
		if processed[act] == 0 {
			n++
		}
	}
	return n
}

// deliveries of an account: what Koi calls sent reached a phone once, what it calls unknown once at most.
func (s *siege) deliveries(account string, sent, unknown int) {
	totals := s.sim.DeliveryTotals()
	require.Zero(s.t, totals.Repeated, "a message was delivered twice: %v", s.sim.Deliveries(simulator.DeliveryFilter{Repeats: true}))
	require.Zero(s.t, totals.Uncounted+totals.DedupeLost+totals.OverQuota)
	n := len(s.sim.Deliveries(simulator.DeliveryFilter{Account: account}))
	require.GreaterOrEqual(s.t, n, sent)
	require.LessOrEqual(s.t, n, sent+unknown)
}

// timeline counts what was processed, by act.
func (s *siege) timeline(stores *db.Stores) map[int]int {
	external := map[int64]string{}
	rows, err := stores.Koi.Query(s.t.Context(), "SELECT id, value FROM identities WHERE kind=?", event.KindExternal)
	require.NoError(s.t, err)
	require.NoError(s.t, db.Each(rows, func(r *sql.Rows) error {
		var id int64
		var value []byte
		err := r.Scan(&id, &value)
		external[id] = string(value)
		return err
	}))
	out := map[int]int{}
	rows, err = stores.Koi.Query(s.t.Context(), "SELECT type, identity_id, props FROM events WHERE type IN (?,?)", event.OAMessageReceived, event.WeComCustomerAdded)
	require.NoError(s.t, err)
	require.NoError(s.t, db.Each(rows, func(r *sql.Rows) error {
		var kind, raw string
		var identity int64
		if err := r.Scan(&kind, &identity, &raw); err != nil {
			return err
		}
		var props event.Props
		if err := json.Unmarshal([]byte(raw), &props); err != nil {
			return err
		}
		n, ok := numberOf(kind, props.Str("content"), external[identity])
		require.True(s.t, ok, "an event of nobody: %s %s", kind, raw)
		out[n]++
		return nil
	}))
	return out
}
