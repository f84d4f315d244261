package apptest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/httpapi"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/policy"
	"github.com/koi-scrm/koi/channels/simulator"
)

// The table of error codes and what is to be done about each (catalogue of the platforms' codes), tried on
// a whole Koi: the platform answers the code, the message API says what happened, why and what comes next,
// and the phones tell how often the message arrived.

// way is a channel with somebody who makes Koi send one message over it.
type way struct {
	channel outbox.Channel
	path    string // of the interface
	cause   simulator.Act
	first   []simulator.Act // what must have happened before, e.g. a subscription
	bundle  string          // what answers the cause
}

// codeRow is one row: what goes wrong and what becomes of the message.
type codeRow struct {
	name  string
	world func(*simulator.Config)
	// wrong happens to the calls of the way's interface; Path is filled in.
	wrong []simulator.Misbehaviour
	// before runs after the subscriptions and before the cause.
	before func(*trial)

	state  outbox.State
	reason policy.Reason
	code   int

	// Then, when later is not zero: the clock moves on, and the message ends so.
	later time.Duration
	then  outbox.State

	delivered int // to the recipient, in the end
	calls     int // of the interface, in the end; 0: not looked at
	also      func(*trial)
}

// trial is a row being tried.
type trial struct {
	*Koi
	t     *testing.T
	clock *clock.Manual
	way   way
	id    string // of the message
}

// noon is when trials begin: no quiet hours, and midnight is not near.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.FixedZone("CST", 8*3600))

// try runs one row on a Koi of its own.
func (r codeRow) try(t *testing.T, w way) {
	clk := clock.NewManual(noon)
	world := World(1)
	if r.world != nil {
		r.world(&world)
	}
	x := &trial{Koi: Start(t, Options{Store: dbtest.SQLiteConfig(t), Clock: clk, World: &world}), t: t, clock: clk, way: w}
	x.Apply(w.bundle)
	Until(t, "the staff are known", func() bool {
		var list struct{ Items []any }
		return x.API("GET", "/staff", nil, &list) == http.StatusOK && len(list.Items) == 1
	})
	for _, a := range w.first {
		x.Act(a)
	}
	for _, m := range r.wrong {
		if m.Path == "" {
			m.Path = w.path
		}
		require.NoError(t, x.Sim.Misbehave(m))
	}
	if r.before != nil {
		r.before(x)
	}
	before := x.Sim.CallCount(w.path)
	x.Act(w.cause)
	x.id = x.newest()

	m := x.until(r.state, r.reason)
	require.Equal(t, r.code, m.Code, "%+v", m)
	require.NotEmpty(t, m.Explanation.What)
	require.NotEmpty(t, m.Explanation.Next, "the operator is told what comes next")
	if r.reason != "" {
		require.NotEmpty(t, m.Explanation.Why)
	}
	if r.later != 0 {
		x.clock.Advance(r.later)
		x.until(r.then, "")
	}
	require.Len(t, x.Sim.Deliveries(simulator.DeliveryFilter{}), r.delivered)
	if r.calls != 0 {
		require.EqualValues(t, r.calls, x.Sim.CallCount(w.path)-before, "calls of %s", w.path)
	}
	if r.also != nil {
		r.also(x)
	}
}

// newest is the id of the channel's newest message, once there is one.
func (x *trial) newest() (id string) {
	x.t.Helper()
	Until(x.t, "there is a message", func() bool {
		for _, m := range x.messages() {
			if string(m.ID) != x.id {
				id = string(m.ID)
				return true
			}
		}
		return false
	})
	return id
}

func (x *trial) messages() []idOnly {
	x.t.Helper()
	var list struct{ Items []idOnly }
	require.Equal(x.t, http.StatusOK, x.API("GET", "/messages?channel="+string(x.way.channel), nil, &list))
	return list.Items
}

type idOnly struct {
	ID jsonID `json:"id"`
}

// jsonID is an id however the API writes it.
type jsonID string

// UnmarshalJSON implements json.Unmarshaler.
func (i *jsonID) UnmarshalJSON(raw []byte) error { *i = jsonID(strings.Trim(string(raw), `"`)); return nil }

// until waits until the message is in a state, for a reason unless that is "", and returns it as the API
// shows it.
func (x *trial) until(state outbox.State, why policy.Reason) httpapi.MessageDetail {
	x.t.Helper()
	var m httpapi.MessageDetail
	deadline := time.Now().Add(patience)
	for {
		require.Equal(x.t, http.StatusOK, x.API("GET", "/messages/"+x.id, nil, &m))
		if m.State == string(state) && (why == "" || m.Reason == string(why)) {
			return m
		}
		require.False(x.t, time.Now().After(deadline), "waited for %s %s; it is %+v", state, why, m)
		x.Settle()
	}
}

// again causes another message by something that happened elsewhere, which opens no window, and wants it
// to end so.
func (x *trial) again(state outbox.State, why policy.Reason) {
	x.t.Helper()
	require.Equal(x.t, http.StatusAccepted, x.API("POST", "/events", map[string]any{"type": "trial.requested", "occurred_at": x.clock.Now().Format(time.RFC3339),
		"identities": []any{map[string]any{"kind": "openid", "scope": x.way.account(), "value": x.way.person()}}}, nil))
	x.id = x.newest()
	x.until(state, why)
}

// held says that the next message is not even tried, and why.
func held(why policy.Reason) func(*trial) {
	return func(x *trial) {
		calls := x.Sim.CallCount(x.way.path)
		x.again(outbox.Suppressed, why)
		require.Equal(x.t, calls, x.Sim.CallCount(x.way.path))
	}
}

func (w way) account() string { return w.cause.App }
func (w way) person() string  { return w.cause.Who }

const reader = "oReader000000000000000000001"

var kfWay = way{
	channel: outbox.OfficialKF, path: "/cgi-bin/message/custom/send",
	cause: simulator.Act{Who: reader, App: AppID, Do: "say", With: "请发客服消息"},
	bundle: codesBundle("official_kf", `class: service, kind: text, content: "您好"`,
		`{component: send_official, config: {template: codes, expires: 48h}}`),
}

var appWay = way{
	channel: outbox.WeComApp, path: "/cgi-bin/message/send",
	cause: simulator.Act{Who: reader, App: AppID, Do: "say", With: "请提醒员工"},
	bundle: codesBundle("wecom_app", `class: staff_alert, kind: text, content: "有客户来访"`,
		`{component: alert, config: {template: codes, to: [departments], departments: [1], expires: 48h}}`),
}

// codesBundle answers any message of a person with one message of a channel.
func codesBundle(channel, template, step string) string {
	step = strings.TrimPrefix(step, "{")
	return fmt.Sprintf(`
messages:
  - {key: codes, name: 错误码, channel: %s, %s}
journeys:
  - key: codes
    name: 错误码
    subject: contact
    status: live
    settings: {entry: {mode: concurrent}, freshness: 10m}
    nodes:
      - {id: cause, component: on_event, config: {events: [oa.message_received, trial.requested]}}
      - {id: send, %s
      - {id: done, component: end}
    edges:
      - {from: cause, to: send}
      - {from: send, to: done}
`, channel, template, step)
}

// code answers a code for so many calls.
func code(n, times int) []simulator.Misbehaviour {
	return []simulator.Misbehaviour{{Code: n, Times: times}}
}

const always = -1

// untilMidnight is longer than the pause of a daily quota that was used up at noon.
const untilMidnight = 12*time.Hour + 7*time.Minute

// refreshed looks that the platform was asked for so many tokens.
func refreshed(path string, n int) func(*trial) {
	return func(x *trial) { require.EqualValues(x.t, n, x.Sim.CallCount(path)) }
}

const stableToken, corpToken = "/cgi-bin/stable_token", "/cgi-bin/gettoken"

// tokenAndForced are the calls of one token and its renewal: the platform first confirms what it gave, and
// then is made to give another.
const tokenAndForced = 3

func TestCodes_official_kf(t *testing.T) {
	t.Parallel()
	for _, r := range []codeRow{
		// No key by which the platform drops repeats: what may have arrived is never sent again.
		{name: "-1 busy", wrong: code(-1, 1), state: outbox.Doubtful, reason: outbox.ReasonUnsure, code: -1, calls: 1},
		{name: "HTTP 502", wrong: []simulator.Misbehaviour{{Status: 502}}, state: outbox.Doubtful, reason: outbox.ReasonUnsure, calls: 1},
		{name: "dropped connection", wrong: []simulator.Misbehaviour{{Drop: true}}, state: outbox.Doubtful, reason: outbox.ReasonUnsure, calls: 1},
		{name: "connection dropped after accepting", wrong: []simulator.Misbehaviour{{Drop: true, After: true}},
			state: outbox.Doubtful, reason: outbox.ReasonUnsure, delivered: 1, calls: 1},
		{name: "time-out after accepting", wrong: []simulator.Misbehaviour{{After: true}},
			state: outbox.Doubtful, reason: outbox.ReasonUnsure, delivered: 1, calls: 1},
		{name: "40001 once", wrong: code(40001, 1), state: outbox.Accepted, delivered: 1, calls: 2, also: refreshed(stableToken, tokenAndForced)},
		{name: "40014 once", wrong: code(40014, 1), state: outbox.Accepted, delivered: 1, calls: 2, also: refreshed(stableToken, tokenAndForced)},
		{name: "42001 once", before: func(x *trial) { x.Sim.ExpireTokens(AppID) }, state: outbox.Accepted, delivered: 1},
		{name: "40001 always", wrong: code(40001, always), state: outbox.Rejected, reason: outbox.ReasonMisset, code: 40001, calls: 2,
			also: refreshed(stableToken, tokenAndForced)},
		{name: "40003 bad openid", wrong: code(40003, 1), state: outbox.Rejected, reason: outbox.ReasonRefused, code: 40003, calls: 1,
			also: held(policy.Unreachable)},
		{name: "43004 must follow", wrong: code(43004, 1), state: outbox.Rejected, reason: outbox.ReasonRefused, code: 43004, calls: 1,
			also: held(policy.NotFollowing)},
		{name: "45009 daily quota", wrong: code(45009, 1), state: outbox.Waiting, reason: policy.Paused, code: 45009,
			later: untilMidnight, then: outbox.Accepted, delivered: 1, calls: 2,
			also: func(x *trial) { require.Zero(x.t, x.Sim.CallCount("/cgi-bin/clear_quota")) }},
		{name: "45011 too often in a minute", wrong: code(45011, 1), state: outbox.Waiting, reason: policy.Paused, code: 45011,
			later: 2 * time.Minute, then: outbox.Accepted, delivered: 1, calls: 2},
		{name: "45015 window closed", wrong: code(45015, 1), state: outbox.Rejected, reason: outbox.ReasonShut, code: 45015, calls: 1,
			also: held(policy.WindowClosed)},
		{name: "45047 window used up", wrong: code(45047, 1), state: outbox.Rejected, reason: outbox.ReasonShut, code: 45047, calls: 1,
			also: func(x *trial) {
				held(policy.WindowUsedUp)(x)
				x.clock.Advance(time.Minute)
				x.Act(x.way.cause) // the person writes again
				x.id = x.newest()
				x.until(outbox.Accepted, "")
			}},
		{name: "50002 user limited", wrong: code(50002, 1), state: outbox.Rejected, reason: outbox.ReasonRefused, code: 50002, calls: 1,
			also: held(policy.Unreachable)},
		{name: "48001 not authorised", wrong: code(48001, 1), state: outbox.Rejected, reason: outbox.ReasonMisset, code: 48001, calls: 1},
		{name: "48006 clear_quota used up", wrong: code(48006, 1), state: outbox.Rejected, reason: outbox.ReasonMisset, code: 48006, calls: 1},
	} {
		t.Run(r.name, func(t *testing.T) { t.Parallel(); r.try(t, kfWay) })
	}
}

func TestCodes_wecom_app(t *testing.T) {
	t.Parallel()
	// Repeats are dropped by the platform for half an hour, so what may have arrived is sent again.
	again := func(name string, n int, wrong ...simulator.Misbehaviour) codeRow {
		return codeRow{name: name, wrong: wrong, state: outbox.Waiting, code: n, later: 10 * time.Second, then: outbox.Accepted, delivered: 1, calls: 2}
	}
	for _, r := range []codeRow{
		again("-1 busy", -1, code(-1, 1)...),
		again("HTTP 502", 0, simulator.Misbehaviour{Status: 502}),
		again("dropped connection", 0, simulator.Misbehaviour{Drop: true}),
		again("connection dropped after accepting", 0, simulator.Misbehaviour{Drop: true, After: true}),
		again("time-out after accepting", 0, simulator.Misbehaviour{After: true}),
		again("45033 concurrency", 45033, code(45033, 1)...),
		{name: "-1 always", wrong: code(-1, always), state: outbox.Waiting, reason: outbox.ReasonRetrying, code: -1,
			later: 10 * time.Second, then: outbox.Waiting,
			also: func(x *trial) {
				Until(x.t, "it is tried a second time", func() bool { return x.Sim.CallCount(x.way.path) == 2 })
				x.until(outbox.Waiting, outbox.ReasonRetrying)
				x.clock.Advance(time.Minute)
				x.until(outbox.Rejected, outbox.ReasonGaveUp)
				require.EqualValues(x.t, 3, x.Sim.CallCount(x.way.path))
			}},
		{name: "40014 once", wrong: code(40014, 1), state: outbox.Accepted, delivered: 1, calls: 2},
		{name: "42001 once", before: func(x *trial) { x.Sim.ExpireTokens(Agent) }, state: outbox.Accepted, delivered: 1},
		{name: "40014 always", wrong: code(40014, always), state: outbox.Rejected, reason: outbox.ReasonMisset, code: 40014, calls: 2},
		{name: "45009 quota", wrong: code(45009, 1), state: outbox.Waiting, reason: policy.Paused, code: 45009,
			later: 3 * time.Minute, then: outbox.Accepted, delivered: 1, calls: 2},
		{name: "40003 no such member", wrong: code(40003, 1), state: outbox.Rejected, reason: outbox.ReasonRefused, code: 40003, calls: 1},
		{name: "60111 no such member", wrong: code(60111, 1), state: outbox.Rejected, reason: outbox.ReasonRefused, code: 60111, calls: 1},
		{name: "60011 no privilege", wrong: code(60011, 1), state: outbox.Rejected, reason: outbox.ReasonMisset, code: 60011, calls: 1},
		{name: "60020 address not trusted", wrong: code(60020, 1), state: outbox.Rejected, reason: outbox.ReasonMisset, code: 60020, calls: 1},
	} {
		t.Run(r.name, func(t *testing.T) { t.Parallel(); r.try(t, appWay) })
	}
}
