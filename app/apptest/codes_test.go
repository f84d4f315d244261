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
	"github.com/koi-scrm/koi/channels/officialaccount"
	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/configs"
)

// The table of error codes and what is to be done about each (catalogue of the platforms' codes), tried on
// a whole Koi: the platform answers the code, the message API says what happened, why and what comes next,
// and the phones tell how often the message arrived.

// way is a channel with somebody who makes Koi send one message over it.
type way struct {
	channel outbox.Channel
	path    string // of the interface
	cause   simulator.Act
	first   func(*trial) // what must have happened before, e.g. a subscription
	bundle  string       // what answers the cause
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
	world.People = []simulator.Person{{Name: "读者", Follows: []simulator.Follow{{AppID: AppID, OpenID: reader}}}}
	world.Minis = []simulator.Mini{{AppID: miniID, AppSecret: appSecret, Name: "测试小程序", Token: token, AESKey: aesKey}}
	x := &trial{t: t, clock: clk, way: w, Koi: Start(t, Options{Store: dbtest.SQLiteConfig(t), Clock: clk, World: &world, Configure: func(c *configs.Config) {
		c.Accounts.Mini = []configs.WeChatAccount{{AppID: miniID, AppSecret: appSecret, Token: token, AESKey: aesKey, Name: "测试小程序", Mode: "aes"}}
	}})}
	x.Apply(w.bundle)
	Until(t, "the staff are known", func() bool {
		var list struct{ Items []any }
		return x.API("GET", "/staff", nil, &list) == http.StatusOK && len(list.Items) == 1
	})
	if w.first != nil {
		w.first(x)
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
		if list := x.messages(); len(list) > 0 { // newest first
			id = string(list[0].ID)
		}
		return id != "" && id != x.id
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
func (i *jsonID) UnmarshalJSON(raw []byte) error {
	*i = jsonID(strings.Trim(string(raw), `"`))
	return nil
}

// until waits until the message is in a state, for a reason unless that is "", and returns it as the API
// shows it.
func (x *trial) until(state outbox.State, why policy.Reason) httpapi.MessageDetail {
	x.t.Helper()
	var m httpapi.MessageDetail
	deadline := time.Now().Add(patience / 3)
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

const (
	reader = "oReader000000000000000000001"
	miniID = "wxtestmini0000001"

	miniReader = "mReader000000000000000000001"
)

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

// codesBundle answers what happened with one message of a channel.
func codesBundle(channel, template, step string, causes ...string) string {
	if causes == nil {
		causes = []string{"oa.message_received", "mp.message_received", "trial.requested"}
	}
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
      - {id: cause, component: on_event, config: {events: [%s]}}
      - {id: send, %s
      - {id: done, component: end}
    edges:
      - {from: cause, to: send}
      - {from: send, to: done}
`, channel, template, strings.Join(causes, ", "), step)
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

const departmentList = "/cgi-bin/department/list"

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
		// Of gettoken 40001 is a wrong secret: asking again would not help.
		{name: "40001 bad secret", before: func(x *trial) {
			require.NoError(x.t, x.Sim.Misbehave(simulator.Misbehaviour{Path: corpToken, Code: 40001, Times: always}))
			x.Sim.ExpireTokens(Agent)
		}, state: outbox.Rejected, reason: outbox.ReasonMisset, code: 40001, also: refreshed(corpToken, 2)},
		{name: "45009 quota", wrong: code(45009, 1), state: outbox.Waiting, reason: policy.Paused, code: 45009,
			later: 3 * time.Minute, then: outbox.Accepted, delivered: 1, calls: 2},
		{name: "40003 no such member", wrong: code(40003, 1), state: outbox.Rejected, reason: outbox.ReasonRefused, code: 40003, calls: 1},
		{name: "60111 no such member", wrong: code(60111, 1), state: outbox.Rejected, reason: outbox.ReasonRefused, code: 60111, calls: 1,
			also: func(x *trial) {
				Until(x.t, "the directory is read again", func() bool { return x.Sim.CallCount(departmentList) == 2 })
			}},
		{name: "60011 no privilege", wrong: code(60011, 1), state: outbox.Rejected, reason: outbox.ReasonMisset, code: 60011, calls: 1},
		{name: "60020 address not trusted", wrong: code(60020, 1), state: outbox.Rejected, reason: outbox.ReasonMisset, code: 60020, calls: 1},
	} {
		t.Run(r.name, func(t *testing.T) { t.Parallel(); r.try(t, appWay) })
	}
}

var templateWay = way{
	channel: outbox.OfficialTemplate, path: "/cgi-bin/message/template/send",
	cause: simulator.Act{Who: reader, App: AppID, Do: "say", With: "请发模板消息"},
	bundle: codesBundle("official_template", `class: reply, kind: template, risk: low, template_id: T1, data: {thing1: 演示, time2: "10:00"}`,
		`{component: send_template, config: {template: codes, expires: 48h}}`),
}

var noticeWay = way{
	channel: outbox.OfficialNotice, path: "/cgi-bin/message/subscribe/bizsend",
	cause: simulator.Act{Who: reader, App: AppID, Do: "say", With: "请发订阅通知"},
	// Two messages' worth, so that what stops the second is not that nobody agreed to it.
	first: func(x *trial) {
		for _, popup := range []string{"1", "2"} {
			x.Act(simulator.Act{Who: reader, App: AppID, Do: "subscribe_notice", With: "T1", State: popup})
		}
	},
	bundle: codesBundle("official_notice", `class: service, kind: notice, template_id: T1, data: {thing1: 演示}`,
		`{component: send_notice, config: {template: codes, expires: 48h}}`),
}

var onceWay = way{
	channel: outbox.OfficialOnce, path: "/cgi-bin/message/template/subscribe",
	cause: simulator.Act{Who: reader, App: AppID, Do: "say", With: "请发一次性订阅消息"},
	first: func(x *trial) {
		page, err := x.App.Invitations.URL(officialaccount.Invitation{AppID: AppID, TemplateID: "T1", Scene: 7, OpenID: reader})
		require.NoError(x.t, err)
		back := x.Act(simulator.Act{Who: reader, App: AppID, Do: "subscribe_once", With: page}).Redirect
		_, path, _ := strings.Cut(back, "/callback/")
		require.Equal(x.t, http.StatusOK, Status(x.URL+"/callback/"+path))
		x.Settle()
	},
	bundle: codesBundle("official_once", `class: service, kind: once, template_id: T1, scene: 7, title: 活动提醒, content: 明天开始`,
		`{component: send_once, config: {template: codes, expires: 48h}}`),
}

var miniWay = way{
	channel: outbox.MiniSubscribe, path: "/cgi-bin/message/subscribe/send",
	cause: simulator.Act{Who: miniReader, App: miniID, Do: "mini_say", With: "请发订阅消息"},
	first: func(x *trial) {
		for range 2 {
			x.Act(simulator.Act{Who: miniReader, App: miniID, Do: "mini_subscribe", With: "T1"})
		}
	},
	bundle: codesBundle("mini_subscribe", `class: service, kind: subscribe, template_id: T1, page: "pages/index", data: {thing1: 演示}`,
		`{component: send_mini, config: {template: codes, expires: 48h}}`),
}

var welcomeWay = way{
	channel: outbox.WeComWelcome, path: "/cgi-bin/externalcontact/send_welcome_msg",
	cause: simulator.Act{Who: "wmReader00000000000000000001", App: Agent, Do: "add_staff", With: StaffID(0)},
	bundle: codesBundle("wecom_welcome", `class: reply, kind: welcome, content: 您好`,
		`{component: wecom_welcome, config: {template: codes}}`, "wecom.customer_added") +
		"  - {key: friend_welcome, delete: true}\n", // the starter's own would be first
}

func TestCodes_official_template(t *testing.T) {
	t.Parallel()
	// client_msg_id: what may have arrived is sent again, and the platform drops the repeat (45065).
	again := func(name string, n int, wrong ...simulator.Misbehaviour) codeRow {
		return codeRow{name: name, wrong: wrong, state: outbox.Waiting, code: n, later: 10 * time.Second, then: outbox.Delivered, delivered: 1, calls: 2}
	}
	for _, r := range []codeRow{
		again("-1 busy", -1, code(-1, 1)...),
		again("HTTP 502", 0, simulator.Misbehaviour{Status: 502}),
		again("dropped connection", 0, simulator.Misbehaviour{Drop: true}),
		again("time-out after accepting, 45065", 0, simulator.Misbehaviour{After: true}),
		{name: "45066 repeated too soon", world: func(c *simulator.Config) { c.ClientMsgIDPause = time.Minute },
			wrong: []simulator.Misbehaviour{{After: true, Drop: true}}, state: outbox.Waiting, reason: outbox.ReasonRepeating,
			later: 10 * time.Second, then: outbox.Waiting, delivered: 1, also: func(x *trial) {
				Until(x.t, "it is repeated too soon", func() bool { return x.Sim.CallCount(x.way.path) == 2 })
				require.Equal(x.t, 45066, x.until(outbox.Waiting, outbox.ReasonRetrying).Code)
				x.clock.Advance(2 * time.Minute)
				x.until(outbox.Delivered, "")
				require.Len(x.t, x.Sim.Deliveries(simulator.DeliveryFilter{}), 1)
			}},
		{name: "40001 once", wrong: code(40001, 1), state: outbox.Delivered, delivered: 1, calls: 2},
		{name: "40001 always", wrong: code(40001, always), state: outbox.Rejected, reason: outbox.ReasonMisset, code: 40001, calls: 2},
		{name: "40003 bad openid", wrong: code(40003, 1), state: outbox.Rejected, reason: outbox.ReasonRefused, code: 40003, calls: 1, also: held(policy.Unreachable)},
		{name: "43004 must follow", wrong: code(43004, 1), state: outbox.Rejected, reason: outbox.ReasonRefused, code: 43004, calls: 1, also: held(policy.NotFollowing)},
		{name: "45009 daily quota", wrong: code(45009, 1), state: outbox.Waiting, reason: policy.Paused, code: 45009,
			later: untilMidnight, then: outbox.Delivered, delivered: 1, calls: 2},
		{name: "40037 template unknown", world: templates, state: outbox.Rejected, reason: outbox.ReasonMisset, code: 40037, calls: 1, also: held(policy.TemplateDisabled)},
		{name: "47003 field wrong", wrong: code(47003, 1), state: outbox.Rejected, reason: outbox.ReasonMisset, code: 47003, calls: 1, also: held(policy.TemplateDisabled)},
		{name: "48001 not authorised", wrong: code(48001, 1), state: outbox.Rejected, reason: outbox.ReasonMisset, code: 48001, calls: 1},
		{name: "receipt: blocked by the user", before: func(x *trial) { x.Act(simulator.Act{Who: reader, App: AppID, Do: "block"}) },
			state: outbox.Rejected, reason: outbox.ReasonUndelivered, calls: 1},
		{name: "receipt: the platform failed", wrong: []simulator.Misbehaviour{{Receipt: "failed: system failed"}},
			state: outbox.Rejected, reason: outbox.ReasonUndelivered, calls: 1},
	} {
		t.Run(r.name, func(t *testing.T) { t.Parallel(); r.try(t, templateWay) })
	}
}

// templates gives the accounts templates, none of which is the one used.
func templates(c *simulator.Config) {
	c.Officials[0].Templates = []simulator.Template{{ID: "T0", Title: "别的模板"}}
}

func TestCodes_official_notice(t *testing.T) {
	t.Parallel()
	for _, r := range []codeRow{
		{name: "accepted and delivered", state: outbox.Delivered, delivered: 1, calls: 1},
		{name: "-1 busy", wrong: code(-1, 1), state: outbox.Doubtful, reason: outbox.ReasonUnsure, code: -1, calls: 1},
		{name: "time-out after accepting", wrong: []simulator.Misbehaviour{{After: true, Receipt: ""}}, state: outbox.Doubtful, reason: outbox.ReasonUnsure, delivered: 1, calls: 1},
		{name: "40001 once", wrong: code(40001, 1), state: outbox.Delivered, delivered: 1, calls: 2},
		{name: "43101 no subscription", wrong: code(43101, 1), state: outbox.Rejected, reason: outbox.ReasonRefused, code: 43101, calls: 1, also: held(policy.SubscriptionRefused)},
		{name: "45009 daily quota", wrong: code(45009, 1), state: outbox.Waiting, reason: policy.Paused, code: 45009,
			later: untilMidnight, then: outbox.Delivered, delivered: 1, calls: 2},
		{name: "40037 template unknown", wrong: code(40037, 1), state: outbox.Rejected, reason: outbox.ReasonMisset, code: 40037, calls: 1, also: held(policy.TemplateDisabled)},
		{name: "47003 field wrong", wrong: code(47003, 1), state: outbox.Rejected, reason: outbox.ReasonMisset, code: 47003, calls: 1, also: held(policy.TemplateDisabled)},
		{name: "receipt: the platform failed", wrong: []simulator.Misbehaviour{{Receipt: "43101 user refuse"}},
			state: outbox.Rejected, reason: outbox.ReasonUndelivered, code: 43101, calls: 1},
	} {
		t.Run(r.name, func(t *testing.T) { t.Parallel(); r.try(t, noticeWay) })
	}
}

func TestCodes_official_once(t *testing.T) {
	t.Parallel()
	for _, r := range []codeRow{
		{name: "accepted", state: outbox.Accepted, delivered: 1, calls: 1, also: held(policy.NotSubscribed)},
		{name: "-1 busy", wrong: code(-1, 1), state: outbox.Doubtful, reason: outbox.ReasonUnsure, code: -1, calls: 1},
		{name: "time-out after accepting", wrong: []simulator.Misbehaviour{{After: true}}, state: outbox.Doubtful, reason: outbox.ReasonUnsure, delivered: 1, calls: 1},
		{name: "40001 once", wrong: code(40001, 1), state: outbox.Accepted, delivered: 1, calls: 2},
		{name: "43101 no subscription", wrong: code(43101, 1), state: outbox.Rejected, reason: outbox.ReasonRefused, code: 43101, calls: 1, also: held(policy.SubscriptionRefused)},
		{name: "45009 daily quota", wrong: code(45009, 1), state: outbox.Waiting, reason: policy.Paused, code: 45009,
			later: untilMidnight, then: outbox.Accepted, delivered: 1, calls: 2},
		{name: "47003 field wrong", wrong: code(47003, 1), state: outbox.Rejected, reason: outbox.ReasonMisset, code: 47003, calls: 1, also: held(policy.TemplateDisabled)},
	} {
		t.Run(r.name, func(t *testing.T) { t.Parallel(); r.try(t, onceWay) })
	}
}

func TestCodes_mini_subscribe(t *testing.T) {
	t.Parallel()
	for _, r := range []codeRow{
		{name: "accepted and delivered", state: outbox.Delivered, delivered: 1, calls: 1},
		{name: "-1 busy", wrong: code(-1, 1), state: outbox.Doubtful, reason: outbox.ReasonUnsure, code: -1, calls: 1},
		{name: "time-out after accepting", wrong: []simulator.Misbehaviour{{After: true}}, state: outbox.Doubtful, reason: outbox.ReasonUnsure, delivered: 1, calls: 1},
		{name: "40001 once", wrong: code(40001, 1), state: outbox.Delivered, delivered: 1, calls: 2},
		{name: "42001 once", before: func(x *trial) { x.Sim.ExpireTokens(miniID) }, state: outbox.Delivered, delivered: 1},
		{name: "40003 bad openid", wrong: code(40003, 1), state: outbox.Rejected, reason: outbox.ReasonRefused, code: 40003, calls: 1, also: held(policy.Unreachable)},
		{name: "43101 no subscription", wrong: code(43101, 1), state: outbox.Rejected, reason: outbox.ReasonRefused, code: 43101, calls: 1, also: held(policy.SubscriptionRefused)},
		{name: "45009 daily quota", wrong: code(45009, 1), state: outbox.Waiting, reason: policy.Paused, code: 45009,
			later: untilMidnight, then: outbox.Delivered, delivered: 1, calls: 2},
		{name: "40037 template unknown", wrong: code(40037, 1), state: outbox.Rejected, reason: outbox.ReasonMisset, code: 40037, calls: 1, also: held(policy.TemplateDisabled)},
		{name: "47003 field wrong", wrong: code(47003, 1), state: outbox.Rejected, reason: outbox.ReasonMisset, code: 47003, calls: 1, also: held(policy.TemplateDisabled)},
		{name: "41030 page unknown", wrong: code(41030, 1), state: outbox.Rejected, reason: outbox.ReasonMisset, code: 41030, calls: 1},
		{name: "receipt: the platform failed", wrong: []simulator.Misbehaviour{{Receipt: "43101 user refuse"}},
			state: outbox.Rejected, reason: outbox.ReasonUndelivered, code: 43101, calls: 1},
	} {
		t.Run(r.name, func(t *testing.T) { t.Parallel(); r.try(t, miniWay) })
	}
}

func TestCodes_wecom_welcome(t *testing.T) {
	t.Parallel()
	for _, r := range []codeRow{
		{name: "accepted", state: outbox.Accepted, delivered: 1, calls: 1},
		{name: "-1 busy", wrong: code(-1, 1), state: outbox.Waiting, code: -1, later: 5 * time.Second, then: outbox.Accepted, delivered: 1, calls: 2},
		{name: "time-out after accepting, 41051", wrong: []simulator.Misbehaviour{{After: true}}, state: outbox.Waiting,
			later: 5 * time.Second, then: outbox.Accepted, delivered: 1, calls: 2},
		{name: "41096 another app is sending", wrong: code(41096, 1), state: outbox.Waiting, reason: outbox.ReasonRetrying, code: 41096,
			later: 5 * time.Second, then: outbox.Accepted, delivered: 1, calls: 2},
		{name: "41096 for longer than 20 s", wrong: code(41096, always), state: outbox.Waiting, reason: outbox.ReasonRetrying, code: 41096,
			later: 21 * time.Second, then: outbox.Expired, calls: 1},
		{name: "-1 for longer than 20 s", wrong: code(-1, always), state: outbox.Waiting, reason: outbox.ReasonRetrying, code: -1,
			later: 21 * time.Second, then: outbox.Doubtful, calls: 1}, // the friend may have been greeted
		{name: "41050 code expired", wrong: code(41050, 1), state: outbox.Rejected, reason: outbox.ReasonRefused, code: 41050, calls: 1},
		{name: "41051 sent already", wrong: code(41051, 1), state: outbox.Accepted, code: 41051, calls: 1},
		{name: "40014 once", wrong: code(40014, 1), state: outbox.Accepted, delivered: 1, calls: 2},
		{name: "45033 concurrency", wrong: code(45033, 1), state: outbox.Waiting, reason: outbox.ReasonRetrying, code: 45033,
			later: 10 * time.Second, then: outbox.Accepted, delivered: 1, calls: 2},
	} {
		t.Run(r.name, func(t *testing.T) { t.Parallel(); r.try(t, welcomeWay) })
	}
}
