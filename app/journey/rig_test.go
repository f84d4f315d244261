package journey

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/message"
	"github.com/koi-scrm/koi/app/org"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/policy"
	"github.com/koi-scrm/koi/app/reach"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/scoring"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/app/stage"
	"github.com/koi-scrm/koi/app/tag"
	"github.com/koi-scrm/koi/configs"
)

const (
	oaApp = "wx0001"
	weApp = "ww0001/1000002"

	miniApp = "wxmini001"
)

// mute is a platform that is connected and never asked: the dispatcher does not run.
type mute struct{ channel outbox.Channel }

func (m mute) Channel() outbox.Channel { return m.channel }
func (m mute) Send(context.Context, outbox.Attempt) outbox.Outcome {
	return outbox.Outcome{Status: outbox.Sent}
}
func (m mute) DedupeWindow() time.Duration { return 0 }

// rig is the stages around journeys, made of real parts, and a driver that does what the pipeline does,
// under the test's control: which events make a batch, and whether it commits.
type rig struct {
	t        testing.TB
	stores   *db.Stores
	now      int64
	seq      int64
	rev      int64
	settings *setting.Store
	contacts *contact.Stage
	people   *rule.People
	tags     *tag.Stage
	stage    *Stage
	sending  *outbox.Stage
	outbox   *outbox.Outbox
	timeline *event.Timeline
	stages   []event.Stage
	stored   []*event.Event // of the last batch
}

var testKeys = func() *secret.Keys {
	k, err := secret.New(make([]byte, secret.MasterSize))
	if err != nil {
		panic(err)
	}
	return k
}()

func newRig(t testing.TB, s *db.Stores) *rig {
	t.Helper()
	ctx := context.Background()
	clk := clock.NewManual(time.UnixMilli(noon))
	r := &rig{t: t, stores: s, now: noon, people: rule.NewPeople(), contacts: contact.NewStage(testKeys), settings: setting.New(s, clk), timeline: event.NewTimeline(s.Koi)}
	fields, problems := contact.Compile(nil)
	require.Empty(t, problems)
	r.contacts.Use(fields)
	windows := reach.NewStage(r.contacts, shanghai)
	counters := rule.NewCounters(r.contacts, r.people, &rule.Schema{Contacts: "contacts", Alias: "contact_alias", Events: "events"}, shanghai)
	r.tags = tag.NewStage(r.contacts, r.people)
	scores, stages := scoring.NewStage(r.contacts, r.people, shanghai), stage.NewStage(r.contacts, r.people)
	sc := scope()
	tags, problems := tag.Compile(concluded(), sc)
	require.Empty(t, problems)
	r.tags.Use(tags)
	points, problems := scoring.Compile(concluded(), today, sc)
	require.Empty(t, problems)
	scores.Use(points)
	ways, problems := stage.Compile(concluded(), sc)
	require.Empty(t, problems)
	stages.Use(ways)
	metrics := outbox.NewMetrics(prometheus.NewRegistry())
	var senders []outbox.Sender
	for _, ch := range policy.Channels() {
		senders = append(senders, mute{ch})
	}
	dispatcher := outbox.NewDispatcher(outbox.DispatcherConfig{Clock: clk, Metrics: metrics, Senders: senders, Capacity: 100_000})
	out := outbox.NewStage(outbox.Config{People: r.contacts, Reach: windows, Dispatcher: dispatcher, Keys: testKeys, Metrics: metrics, Process: 1,
		Waits:    func(typ string) bool { return r.stage.Waits(typ) },
		Receipts: []outbox.Channel{outbox.OfficialTemplate, outbox.OfficialNotice, outbox.SMS}})
	out.Use(policy.New(policy.Defaults(), shanghai), nil)
	r.sending, r.outbox = out, outbox.New(s.Koi, nil, testKeys, clk, shanghai)
	staff := org.New(s.Koi, clk)
	staff.RolesFrom(func(context.Context) (map[string][]string, error) {
		return map[string][]string{"leader": {"ww0001/gone", "ww0001/boss"}, "admin": {"ww0001/hanmei"}, "sales": {"ww0001/gone", "ww0002/who"}}, nil
	})
	require.NoError(t, staff.Mirror(ctx, org.Snapshot{CorpID: "ww0001", Departments: []org.Department{{CorpID: "ww0001", ID: 1, Name: "公司"}, {CorpID: "ww0001", ID: 2, ParentID: 1, Name: "销售部"}},
		Staff: []org.Staff{
			{CorpID: "ww0001", UserID: "boss", Name: "老板", Active: true, DepartmentIDs: []int64{1}},
			{CorpID: "ww0001", UserID: "lilei", Name: "李雷", Active: true, DepartmentIDs: []int64{2}, Leaders: []string{"boss"}},
			{CorpID: "ww0001", UserID: "hanmei", Name: "韩梅梅", Active: true, DepartmentIDs: []int64{2}, Leaders: []string{"boss"}},
			{CorpID: "ww0001", UserID: "gone", Name: "离职者", DepartmentIDs: []int64{2}, Leaders: []string{"boss"}},
		}}))
	accounts := account.New(s, testKeys, clk, configs.Accounts{WeCom: []configs.WeComAccount{{CorpID: "ww0001", AgentID: 1000002, AgentSecret: "x"}},
		Mini: []configs.WeChatAccount{{AppID: miniApp, AppSecret: "x"}}, SMS: []configs.SMSAccount{{AccessKeyID: "k", AccessKeySecret: "x", SignName: "锦鲤"}}})
	require.NoError(t, accounts.Reload(ctx))
	r.stage = NewStage(Config{Contacts: r.contacts, People: r.people, Tags: r.tags, Scores: scoring.NewDirectory(s.Koi, scores, r.timeline, r.settings),
		Stages: stages, Outbox: out, Staff: staff, Accounts: accounts, Settings: r.settings, PublicURL: "https://koi.example.com"})
	r.stages = []event.Stage{event.NewSeen(), out.Receipts(), r.contacts, windows, counters, r.tags, scores, stages, r.stage, out, r.timeline}
	return r
}

// publish puts journeys (and messages) in force: the definitions given replace those of the same key.
func (r *rig) publish(items ...setting.Item) {
	r.t.Helper()
	ctx := context.Background()
	var changes []setting.Change
	for _, it := range items {
		changes = append(changes, setting.Change{Kind: it.Kind, Key: it.Key, Body: it.Body})
	}
	_, err := r.settings.Apply(ctx, changes, "test")
	require.NoError(r.t, err)
	r.reload()
}

// reload compiles what is in force, as the app does after a change and at start.
func (r *rig) reload() {
	r.t.Helper()
	items, err := r.settings.List(context.Background())
	require.NoError(r.t, err)
	items = append(items, parse(r.t, templates)...)
	sc := scope()
	items = append(items, concluded()...)
	messages, problems := message.Compile(items, message.Known{Fields: sc.Fields})
	require.Empty(r.t, problems)
	m, problems := Compile(items, Known{Scope: sc, Messages: messages, Webhooks: hooks})
	require.Empty(r.t, problems)
	r.stage.Use(m)
	r.sending.Use(policy.New(policy.Defaults(), shanghai), m.Hears)
}

// journey is a definition given as YAML, published under a key.
func (r *rig) journey(key, body string) {
	r.t.Helper()
	it := journeyItem(r.t, body)
	it.Key = key
	r.publish(it)
}

var errCrash = errors.New("crash before commit")

// batch runs events as one committed batch.
func (r *rig) batch(events ...*event.Event) {
	r.t.Helper()
	require.NoError(r.t, r.try(events, nil))
}

// crash runs events as a batch that rolls back.
func (r *rig) crash(events ...*event.Event) {
	r.t.Helper()
	require.ErrorIs(r.t, r.try(events, errCrash), errCrash)
}

// try is the pipeline's transaction. The events get the next seqs; a batch that does not commit gives them back.
func (r *rig) try(events []*event.Event, end error) error {
	ctx := context.Background()
	seq := r.seq
	var b *event.Batch
	err := r.stores.Koi.Tx(ctx, func(tx *db.Tx) error {
		r.seq = seq
		for _, e := range events {
			r.seq++
			e.Seq, e.N, e.Depth, e.ContactID, e.IdentityID, e.Duplicate = r.seq, 0, 0, subjectOf(e), 0, false
		}
		b = event.NewBatch(r.now, r.now, r.rev+1, events)
		for _, s := range r.stages {
			if err := s.Load(ctx, tx, b); err != nil {
				return fmt.Errorf("load %s: %w", s.Name(), err)
			}
		}
		for _, e := range events {
			if err := r.pass(b, e); err != nil {
				return err
			}
		}
		for _, s := range r.stages {
			if err := s.Flush(ctx, tx, b); err != nil {
				return fmt.Errorf("flush %s: %w", s.Name(), err)
			}
		}
		return end
	})
	if err != nil {
		r.seq = seq
		return err
	}
	r.rev++
	b.Committed()
	r.stored = b.Stored
	return nil
}

// subjectOf keeps the contact that timers and commands name.
func subjectOf(e *event.Event) int64 {
	if e.Type == event.TimerJourney {
		return e.ContactID
	}
	return 0
}

func (r *rig) pass(b *event.Batch, e *event.Event) error {
	b.Stored = append(b.Stored, e)
	for _, s := range r.stages {
		if err := s.Apply(b, e); err != nil {
			return fmt.Errorf("%s of %s: %w", s.Name(), e.Type, err)
		}
		if e.Duplicate {
			return nil
		}
	}
	for _, kid := range b.TakeDerived() {
		if err := r.pass(b, kid); err != nil {
			return err
		}
	}
	return nil
}

// timers runs what is due until nothing is, and returns how many there were.
func (r *rig) timers() int {
	r.t.Helper()
	n := 0
	for range 100 {
		due := r.due()
		if len(due) == 0 {
			return n
		}
		n += len(due)
		r.batch(due...)
	}
	r.t.Fatal("timers never settle")
	return n
}

func (r *rig) due() []*event.Event {
	r.t.Helper()
	ctx := context.Background()
	var due []*event.Event
	require.NoError(r.t, r.stores.Koi.Tx(ctx, func(tx *db.Tx) (err error) {
		due, err = r.stage.Due(ctx, tx, r.now, 100)
		return err
	}))
	for _, e := range due {
		e.Source, e.Lane = "timer", event.Priority
	}
	return due
}

func (r *rig) next() int64 {
	r.t.Helper()
	at, err := r.stage.Next(context.Background(), r.stores.Koi)
	require.NoError(r.t, err)
	return at
}

// elapse moves the clock and lets due timers happen.
func (r *rig) elapse(d time.Duration) {
	r.now += d.Milliseconds()
	r.timers()
}

// runs lists all runs, oldest first.
func (r *rig) runs() []Run {
	r.t.Helper()
	rows, err := r.stores.Koi.Query(context.Background(), selectRun+"id>0 ORDER BY id")
	require.NoError(r.t, err)
	var out []Run
	defer rows.Close()
	for rows.Next() {
		n, err := scanRun(rows)
		require.NoError(r.t, err)
		out = append(out, n)
	}
	require.NoError(r.t, rows.Err())
	return out
}

// story draws every run: journey version, node, state.
func (r *rig) story() []string {
	var out []string
	for _, n := range r.runs() {
		out = append(out, fmt.Sprintf("%d@%s %s", n.ContactID, n.Node, n.State.key()))
	}
	return out
}

func (r *rig) messages() []outbox.Entry {
	r.t.Helper()
	list, _, err := r.outbox.List(context.Background(), outbox.Filter{Limit: 200})
	require.NoError(r.t, err)
	return list
}

func (r *rig) body(m outbox.Entry) string {
	r.t.Helper()
	raw, err := r.outbox.Body(context.Background(), m.ID)
	require.NoError(r.t, err)
	return string(raw)
}

// counts reads a node's counters as "entered done failed blocked exited".
func (r *rig) counts(node string) string {
	r.t.Helper()
	var n [5]int64
	err := r.stores.Koi.QueryRow(context.Background(), "SELECT COALESCE(SUM(entered),0), COALESCE(SUM(done),0), COALESCE(SUM(failed),0), COALESCE(SUM(blocked),0), COALESCE(SUM(exited),0) FROM journey_counters WHERE node=?", node).
		Scan(&n[0], &n[1], &n[2], &n[3], &n[4])
	require.NoError(r.t, err)
	return fmt.Sprint(n[0], n[1], n[2], n[3], n[4])
}

// rows counts what the stage stored.
func (r *rig) rows() (n [2]int) {
	r.t.Helper()
	for i, table := range []string{"journey_runs", "journey_counters"} {
		require.NoError(r.t, r.stores.Koi.QueryRow(context.Background(), "SELECT COUNT(*) FROM "+table).Scan(&n[i]))
	}
	return n
}

// types lists the types of the last batch's events with a prefix.
func (r *rig) types(prefix string) []string {
	var out []string
	for _, e := range r.stored {
		if len(e.Type) >= len(prefix) && e.Type[:len(prefix)] == prefix {
			out = append(out, e.Type)
		}
	}
	return out
}

// act makes an event of a follower, now.
func (r *rig) act(who, typ string, props event.Props) *event.Event {
	return &event.Event{Type: typ, Source: "oa", Account: oaApp, Lane: event.Priority, OccurredAt: r.now, ReceivedAt: r.now, Props: props,
		Key:        who + typ + strconv.FormatInt(r.now, 10) + props.Str("content"),
		Identities: []event.Identity{{Kind: event.KindOpenID, Scope: oaApp, Value: who}}}
}

func (r *rig) follow(who string) *event.Event { return r.act(who, event.OAFollowed, nil) }

func (r *rig) say(who, text string) *event.Event {
	return r.act(who, event.OAMessageReceived, event.Props{"content": text, "kind": "text"})
}

// meet makes a customer a friend of a staff member.
func (r *rig) meet(who, staff string) *event.Event {
	return &event.Event{Type: event.WeComCustomerAdded, Source: "wecom", Account: weApp, Lane: event.Priority, Staff: staff, OccurredAt: r.now, ReceivedAt: r.now,
		Key: "add" + who + staff, Identities: []event.Identity{{Kind: event.KindExternal, Scope: "ww0001", Value: who}}}
}

func runText(n Run) string { return strconv.FormatInt(n.ID, 10) }

// dbtestOf gives a second fresh database of the same engine.
func dbtestOf(t testing.TB, s *db.Stores) *db.Stores {
	if s.Koi.Engine() == db.MySQL {
		return dbtest.MySQL(t)
	}
	return dbtest.SQLite(t)
}

// newRigOn is the next run of the program on the same data.
func newRigOn(t testing.TB, old *rig) *rig {
	r := newRig(t, old.stores)
	r.now, r.seq, r.rev = old.now, old.seq, old.rev
	return r
}
