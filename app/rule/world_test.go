package rule

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/secret"
)

// The world of the tests: definitions of every kind, small pools of values so that conditions and people
// meet, and the tables of packages above this one under names of the test's own.

var shanghai = zone("Asia/Shanghai")

func zone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
}

var testSchema = &Schema{
	Contacts: "contacts", Alias: "contact_alias", Values: "contact_values", Identities: "identities", Staff: "contact_staff",
	Follows: "contact_follow", Events: "events", Tags: "t_tags", Scores: "t_scores",
	// As an owner gives a table that holds more than the relation.
	Stages:  "(SELECT s.contact_id, s.stage, s.at FROM t_stages s WHERE s.stage <> '')",
	Windows: "t_windows", Balances: "(SELECT b.contact_id, b.account, b.template, b.kind, b.n FROM t_balances b)",
}

var testTables = []string{
	"CREATE TABLE t_tags (contact_id BIGINT NOT NULL, tag_id BIGINT NOT NULL, at BIGINT NOT NULL, source VARCHAR(16) NOT NULL, expires_at BIGINT NOT NULL, PRIMARY KEY (contact_id, tag_id))",
	"CREATE TABLE t_scores (contact_id BIGINT NOT NULL, model_id BIGINT NOT NULL, value BIGINT NOT NULL, PRIMARY KEY (contact_id, model_id))",
	"CREATE TABLE t_windows (contact_id BIGINT NOT NULL, app_id VARCHAR(64) NOT NULL, message_until BIGINT NOT NULL, message_left BIGINT NOT NULL, action_until BIGINT NOT NULL, action_left BIGINT NOT NULL, closed_by BIGINT NOT NULL, PRIMARY KEY (contact_id, app_id))",
	"CREATE TABLE t_balances (contact_id BIGINT NOT NULL, account VARCHAR(64) NOT NULL, template VARCHAR(64) NOT NULL, kind VARCHAR(8) NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (contact_id, account, template))",
	"CREATE TABLE t_stages (contact_id BIGINT NOT NULL PRIMARY KEY, stage VARCHAR(32) NOT NULL, at BIGINT NOT NULL)",
}

// fading halves every seven days, starting anew every sixteen halvings as real scales do.
func fading(micro int64, day int32) int64 { return micro << uint(day%112/7) }

func faded(stored int64, day int32) int64 { return stored >> uint(day%112/7) }

func testScope(z *time.Location) *Scope {
	s := &Scope{
		Zone:   z,
		Fields: map[string]contact.Field{},
		Tags:   map[string]TagDef{"vip": {1, "重要客户"}, "rival": {2, "竞品"}, "price": {3, "看过报价"}},
		Scores: map[string]ScoreDef{
			"intent": {ID: 11, Label: "意向", Max: 100, AtLeast: fading, Worth: faded},
			"fit":    {ID: 12, Label: "契合度"},
		},
		Stages: map[string]string{"lead": "线索", "mql": "市场认可线索", "won": "成交客户"},
		Events: map[string]string{event.PageViewed: "浏览页面", event.PageDwelled: "停留", event.OAMessageReceived: "公众号发消息", event.FormSubmitted: "提交表单",
			event.ContactMerged: "合并", event.MessageSent: "发送消息", "command.tag": "打标"},
		Grid: &Grid{Fit: "fit", Intent: "intent", FitCuts: [3]int64{70, 50, 30}, IntentCuts: [3]int64{70, 40, 15}},
		StaffName: func(_, user string) string {
			return map[string]string{"zhang": "张三"}[user]
		},
	}
	for _, f := range []contact.Field{
		{Key: "city", Label: "城市", Type: contact.Text},
		{Key: "note", Label: "备注", Type: contact.Text},
		{Key: "size", Label: "公司规模", Type: contact.Number},
		{Key: "birthday", Label: "生日", Type: contact.Date},
		{Key: "expires", Label: "合同到期", Type: contact.Date},
		{Key: "subscribed", Label: "订阅", Type: contact.Bool},
		{Key: "level", Label: "职级", Type: contact.Choice, Options: []contact.Option{{Key: "boss", Label: "负责人"}, {Key: "staff", Label: "员工"}, {Key: "Boss", Label: "另一个负责人"}}},
	} {
		s.Fields[f.Key] = f
	}
	return s
}

// world is one engine with the tables of the test.
type world struct {
	t      testing.TB
	db     *db.DB
	zone   *time.Location
	scope  *Scope
	now    int64
	people []*Person // as they stand in the tables
	events []*event.Event
	alias  map[int64]int64
}

func newWorld(t testing.TB, s *db.Stores) *world {
	w := &world{t: t, db: s.Koi, zone: shanghai, scope: testScope(shanghai)}
	require.NoError(t, s.Koi.Tx(t.Context(), func(tx *db.Tx) error {
		for _, q := range testTables {
			if tx.Engine() == db.MySQL {
				q += " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
			}
			if _, err := tx.Exec(t.Context(), q); err != nil {
				return err
			}
		}
		return nil
	}))
	return w
}

// Pools of values. Texts are awkward on purpose: wildcards, quotes, the escape characters of two engines,
// full width, letters whose case is special.
var (
	poolText = []string{"上海", "杭州", "ShangHai", "ｓｈａｎｇｈａｉ", "100%", "a_b", "a!b", `c\d`, "O'Hare", "ẞtraße", "İzmir", "😀 小微", "a", "ab", "上海 浦东", "a\x00b"}
	poolApp  = []string{"wxa", "wxb"}
	poolCorp = []string{"ww1", "ww2"}
	poolUser = []string{"zhang", "li", "Wang", "wang"}
	poolDays = []int64{1, 2, 7, 8, 30, 31, 92, 365, 731}
	poolType = []string{event.PageViewed, event.PageDwelled, event.OAMessageReceived, "custom.demo", event.MessageSent}
	poolObj  = []string{"pricing", "Pricing", "case-1", "", "pricing "}
	zones    = []string{"Asia/Shanghai", "America/Sao_Paulo", "Asia/Kathmandu", "UTC"}
)

func pick[T any](t *rapid.T, label string, from []T) T { return rapid.SampledFrom(from).Draw(t, label) }

func maybeDo(t *rapid.T, label string, f func()) {
	if rapid.Bool().Draw(t, label) {
		f()
	}
}

// drawNow chooses the moment of the question: ordinary, at the edges of a day, around 29 February, and
// on the nights when the clocks of São Paulo changed.
func (w *world) drawNow(t *rapid.T) {
	w.zone = zone(pick(t, "zone", zones))
	w.scope = testScope(w.zone)
	date := pick(t, "date", []string{"2026-11-22", "2026-02-28", "2028-02-28", "2028-02-29", "2026-03-01", "2018-11-04", "2018-11-05", "2018-02-18"})
	d, err := time.ParseInLocation(time.DateOnly, date, w.zone)
	require.NoError(w.t, err)
	n := clock.Day(d.UnixMilli()+12*3_600_000, w.zone)
	start, end := clock.DayStart(n, w.zone), clock.DayStart(n+1, w.zone)
	w.now = pick(t, "hour", []int64{start, start + 1, start + 9*3_600_000, end - 1})
}

// drawInstant is a time near a boundary that a window of the pool has, seldom in the future.
func (w *world) drawInstant(t *rapid.T, label string) int64 {
	today := clock.Day(w.now, w.zone)
	n := today - int32(pick(t, label+" days ago", append([]int64{0, 0, 0, 3, 6, -1}, poolDays...)))
	return clock.DayStart(n, w.zone) + pick(t, label+" of day", []int64{0, -1, 1, 5 * 3_600_000})
}

func (w *world) drawDay(t *rapid.T, label string) int64 {
	if rapid.IntRange(0, 3).Draw(t, label+" anniversary") == 0 {
		return dayOf(pick(t, label+" year", []int{1990, 1996, 2000, 2008}), pick(t, label+" month", []time.Month{2, 11}), pick(t, label+" day", []int{22, 28, 29}))
	}
	return int64(clock.Day(w.now, w.zone)) - pick(t, label+" ago", append([]int64{0, 1, -1, -6, -7, 365 * 18, 365*30 + 7}, poolDays...))
}

// drawPeople makes people, merged ones among them, with their events. Ids 1…n; nobody is in the tables yet.
func (w *world) drawPeople(t *rapid.T, n int) {
	w.people, w.events, w.alias = nil, nil, map[int64]int64{}
	var id int64
	for range n {
		id++
		p := NewPerson(&contact.Person{ID: id, Values: map[string]contact.Value{}})
		p.CreatedAt, p.LastActive = w.drawInstant(t, "created"), w.drawInstant(t, "active")
		for _, f := range keys(w.scope.Fields) {
			maybeDo(t, "has "+f, func() { p.Values[f] = w.drawValue(t, w.scope.Fields[f]) })
		}
		for _, kind := range []string{event.KindPhone, event.KindEmail} {
			maybeDo(t, "has "+kind, func() { p.Identities = append(p.Identities, contact.PersonIdentity{Kind: kind}) })
		}
		maybeDo(t, "said something", func() { p.Consents = w.drawConsents(t) })
		for _, corp := range poolCorp {
			for _, user := range poolUser {
				if rapid.IntRange(0, 5).Draw(t, "staff") == 0 {
					l := contact.StaffLink{CorpID: corp, UserID: user, AddedAt: w.drawInstant(t, "added")}
					maybeDo(t, "removed", func() {
						l.RemovedAt, l.RemovedBy = w.drawInstant(t, "removed at"), pick(t, "removed by", []string{"staff", "customer"})
					})
					p.Staff = append(p.Staff, l)
				}
			}
		}
		for _, app := range poolApp {
			maybeDo(t, "follows", func() {
				f := contact.Follow{AppID: app, FollowedAt: w.drawInstant(t, "followed")}
				maybeDo(t, "unfollowed", func() { f.UnfollowedAt = w.drawInstant(t, "unfollowed at") })
				p.Follows = append(p.Follows, f)
			})
		}
		for _, k := range keys(w.scope.Tags) {
			maybeDo(t, "tag "+k, func() {
				x := Tag{At: w.drawInstant(t, "tagged"), Source: pick(t, "source", keys(tagSources))}
				maybeDo(t, "expires", func() { x.Until = w.now + pick(t, "until", []int64{-1, 0, 1, 86_400_000}) })
				p.Tags[w.scope.Tags[k].ID] = x
			})
		}
		for _, k := range keys(w.scope.Scores) {
			maybeDo(t, "score "+k, func() {
				s := w.scope.Scores[k]
				micro := pick(t, "points", []int64{0, 15, 30, 40, 50, 69, 70, 100, 130})*Micro + pick(t, "part", []int64{0, -1, 1})
				p.Scores[s.ID] = Score{Stored: max(0, s.atLeast(micro, clock.Day(w.now, w.zone)))}
			})
		}
		p.Ways = w.drawWays(t)
		maybeDo(t, "stage", func() {
			p.Stage, p.StageAt = pick(t, "which stage", keys(w.scope.Stages)), w.drawInstant(t, "stage at")
		})
		w.people = append(w.people, p)
		ids := []int64{p.ID}
		if rapid.IntRange(0, 3).Draw(t, "merged") == 0 {
			id++
			w.alias[id] = p.ID
			ids = append(ids, id)
		}
		for range rapid.IntRange(0, 8).Draw(t, "events") {
			w.events = append(w.events, w.drawEvent(t, pick(t, "under", ids)))
		}
	}
}

func (w *world) drawValue(t *rapid.T, f contact.Field) contact.Value {
	switch f.Type {
	case contact.Text:
		s := pick(t, f.Key, poolText)
		return contact.Value{Text: s, Norm: contact.Normalize(s)}
	case contact.Choice:
		s := pick(t, f.Key, append(optionKeys(f), "deleted"))
		return contact.Value{Text: s, Norm: s}
	case contact.Date:
		return contact.Value{Num: w.drawDay(t, f.Key)}
	case contact.Bool:
		return contact.Value{Num: pick(t, f.Key, []int64{0, 1})}
	}
	return contact.Value{Num: pick(t, f.Key, []int64{-5, 0, 1, 5, 10, 1 << 40})}
}

// fixed are ways as they stand.
type fixed struct {
	windows  []Window
	balances []Balance
}

func (f fixed) Windows(*Person) []Window   { return f.windows }
func (f fixed) Balances(*Person) []Balance { return f.balances }

// drawWays is what somebody's ways may be: open, used up, over, closed.
func (w *world) drawWays(t *rapid.T) Ways {
	var f fixed
	for _, app := range poolApp {
		maybeDo(t, "window at "+app, func() {
			until := func(label string) int64 {
				return w.now + pick(t, label, []int64{-1, 0, 1, 59_999, hourMs - 1, hourMs, 5*hourMs + 1, 10 * hourMs, 11*hourMs + 5, 48 * hourMs})
			}
			f.windows = append(f.windows, Window{App: app, MessageUntil: until("message until"), ActionUntil: until("action until"),
				MessageLeft: int64(rapid.IntRange(0, 5).Draw(t, "messages")), ActionLeft: int64(rapid.IntRange(0, 3).Draw(t, "actions")),
				Closed: rapid.IntRange(0, 3).Draw(t, "closed") == 0})
		})
		for _, template := range []string{"T1", "T2"} {
			maybeDo(t, "balance of "+template, func() {
				f.balances = append(f.balances, Balance{Account: app, Template: template, Kind: pick(t, "kind", []string{BalanceNotice, BalanceOnce, BalanceMini}),
					Left: pick(t, "left", []int64{0, 1, 4, 5, 10, Unlimited})})
			})
		}
	}
	return f
}

// drawConsents is what somebody may have said.
func (w *world) drawConsents(t *rapid.T) contact.Consents {
	list, channels := contact.Purposes()
	var said []contact.Statement
	for range rapid.IntRange(1, 4).Draw(t, "statements") {
		s := contact.Statement{At: w.now - int64(rapid.IntRange(1, 5).Draw(t, "said at")), Granted: rapid.Bool().Draw(t, "granted")}
		if rapid.Bool().Draw(t, "about a channel") {
			s.Channel, s.Granted = pick(t, "unsubscribed", channels), false
		} else {
			s.Purpose = pick(t, "purpose", list)
		}
		said = append(said, s)
	}
	return contact.Said(said...)
}

func (w *world) drawEvent(t *rapid.T, contactID int64) *event.Event {
	e := &event.Event{
		Type: pick(t, "type", poolType), OccurredAt: w.drawInstant(t, "happened"), ContactID: contactID,
		Seq: int64(len(w.events) + 1), Lane: event.Normal, Props: event.Props{},
		Account: pick(t, "account", poolApp), Staff: pick(t, "by staff", []string{"", "zhang", "zhang "}),
		ObjectType: pick(t, "object type", []string{"page", "form"}), ObjectID: pick(t, "object", poolObj),
	}
	maybeDo(t, "has seconds", func() { e.Props["seconds"] = pick(t, "seconds", []any{float64(5), float64(60), "60", 59.5, "x", "-1"}) })
	maybeDo(t, "has class", func() { e.Props["class"] = pick(t, "class", []string{"marketing", "service"}) })
	maybeDo(t, "has text", func() { e.Props["text"] = pick(t, "text", poolText) })
	return e
}

// store empties the tables and writes the people and their events.
func (w *world) store(ctx context.Context) {
	require.NoError(w.t, w.db.Tx(ctx, func(tx *db.Tx) error { return w.storeTx(ctx, tx) }))
}

func (w *world) storeTx(ctx context.Context, tx *db.Tx) error {
	for _, table := range []string{"contacts", "identities", "contact_alias", "contact_values", "contact_staff", "contact_follow", "events", "t_tags", "t_scores", "t_stages", "t_windows", "t_balances", "rule_hits", "rule_counters", "rule_leaves"} {
		if _, err := tx.Exec(ctx, "DELETE FROM "+table); err != nil {
			return err
		}
	}
	rows := map[string][][]any{}
	add := func(table string, values ...any) { rows[table] = append(rows[table], values) }
	ident := int64(0)
	for _, p := range w.people {
		add("contacts", p.ID, p.CreatedAt, p.LastActive, false, 0, 1, p.Consents.Mask(), p.Consents.Text())
		for f, v := range p.Values {
			add("contact_values", p.ID, f, v.Num, v.Text, v.Norm, 0)
		}
		for _, i := range p.Identities {
			ident++
			k := make([]byte, 16)
			copy(k, fmt.Sprint(ident))
			owner := p.ID
			for old, kept := range w.alias { // some came by the person that was merged
				if kept == p.ID && ident%2 == 0 {
					owner = old
				}
			}
			add("identities", ident, k, i.Kind, "", []byte{1}, owner, false, []byte{}, 0)
		}
		for _, s := range p.Staff {
			add("contact_staff", p.ID, s.CorpID, s.UserID, s.AddedAt, s.RemovedAt, s.RemovedBy, "")
		}
		for _, f := range p.Follows {
			add("contact_follow", p.ID, f.AppID, f.FollowedAt, f.UnfollowedAt)
		}
		for id, x := range p.Tags {
			add("t_tags", p.ID, id, x.At, x.Source, x.Until)
		}
		for id, x := range p.Scores {
			add("t_scores", p.ID, id, x.Stored)
		}
		for _, x := range p.windows() {
			closed := 0
			if x.Closed {
				closed = 2
			}
			add("t_windows", p.ID, x.App, x.MessageUntil, x.MessageLeft, x.ActionUntil, x.ActionLeft, closed)
		}
		for _, x := range p.balances() {
			add("t_balances", p.ID, x.Account, x.Template, x.Kind, x.Left)
		}
		if p.Stage != "" || p.ID%2 == 0 {
			add("t_stages", p.ID, p.Stage, p.StageAt)
		}
	}
	for old, kept := range w.alias {
		add("contacts", old, 0, 0, false, kept, 1, 0, "")
		add("contact_alias", old, kept, kept, 0, 0)
	}
	for _, e := range w.events {
		props, err := json.Marshal(e.Props)
		if err != nil {
			return err
		}
		add("events", int64(e.Lane), int64(e.ID()), e.ContactID, 0, e.Type, e.OccurredAt, e.OccurredAt, e.Account, e.Staff, e.ObjectType, e.ObjectID, "", string(props))
	}
	columns := map[string][]string{
		"contacts":       {"id", "created_at", "last_active_at", "excluded", "merged_into", "rev", "consent_mask", "consents"},
		"contact_values": {"contact_id", "field", "num", "text", "norm", "at"},
		"identities":     {"id", "k", "kind", "scope", "value", "contact_id", "verified", "last4", "created_at"},
		"contact_staff":  {"contact_id", "corp_id", "user_id", "added_at", "removed_at", "removed_by", "state"},
		"contact_follow": {"contact_id", "app_id", "followed_at", "unfollowed_at"},
		"contact_alias":  {"old_id", "kept_id", "into_id", "event_id", "at"},
		"events":         {"lane", "id", "contact_id", "identity_id", "type", "at", "received_at", "account", "staff", "object_type", "object_id", "share", "props"},
		"t_tags":         {"contact_id", "tag_id", "at", "source", "expires_at"},
		"t_scores":       {"contact_id", "model_id", "value"},
		"t_stages":       {"contact_id", "stage", "at"},
		"t_windows":      {"contact_id", "app_id", "message_until", "message_left", "action_until", "action_left", "closed_by"},
		"t_balances":     {"contact_id", "account", "template", "kind", "n"},
	}
	for table, list := range rows {
		if err := tx.Insert(ctx, table, columns[table], list); err != nil {
			return err
		}
	}
	return nil
}

// selected runs the SQL form.
func (w *world) selected(ctx context.Context, tree *Tree) []int64 {
	w.t.Helper()
	q, args := tree.Select(testSchema, w.now)
	rows, err := w.db.Query(ctx, q, args...)
	require.NoError(w.t, err, q)
	ids := []int64{}
	for rows.Next() {
		var id int64
		require.NoError(w.t, rows.Scan(&id))
		ids = append(ids, id)
	}
	require.NoError(w.t, rows.Err())
	require.NoError(w.t, rows.Close())
	slices.Sort(ids)
	return ids
}

// stages are the part of the pipeline that counters stand in.
type stages struct {
	t        testing.TB
	db       *db.DB
	contacts *contact.Stage
	people   *People
	counters *Counters
	timeline *event.Timeline
	rev      int64
}

func newStages(t testing.TB, d *db.DB, z *time.Location) *stages {
	keys, err := secret.New(make([]byte, 32))
	require.NoError(t, err)
	m, problems := contact.Compile(nil)
	require.Empty(t, problems)
	s := &stages{t: t, db: d, contacts: contact.NewStage(keys), people: NewPeople(), timeline: event.NewTimeline(d)}
	s.contacts.Use(m)
	s.counters = NewCounters(s.contacts, s.people, testSchema, z)
	return s
}

// run takes events through contact, counters and timeline in one transaction, as the pipeline does.
func (s *stages) run(now int64, events ...*event.Event) {
	s.t.Helper()
	require.NoError(s.t, s.try(now, events, nil))
}

// try is run; fail, called before the commit, may make it roll back.
func (s *stages) try(now int64, events []*event.Event, fail func() error) error {
	ctx := context.Background()
	s.rev++
	var b *event.Batch
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		due, err := s.counters.Due(ctx, tx, now, 10)
		if err != nil {
			return err
		}
		for i, e := range due {
			e.Seq = 1<<40 + s.rev*10 + int64(i)
		}
		b = event.NewBatch(now, now, s.rev, append(due, events...))
		list := []event.Stage{s.contacts, s.counters, s.timeline}
		for _, x := range list {
			if err := x.Load(ctx, tx, b); err != nil {
				return err
			}
		}
		for _, e := range b.Events {
			if err := s.pass(b, list, e); err != nil {
				return err
			}
		}
		for _, x := range list {
			if err := x.Flush(ctx, tx, b); err != nil {
				return err
			}
		}
		if fail != nil {
			return fail()
		}
		return nil
	})
	if err == nil {
		b.Committed()
	}
	return err
}

func (s *stages) pass(b *event.Batch, list []event.Stage, e *event.Event) error {
	b.Stored = append(b.Stored, e)
	for _, x := range list {
		if err := x.Apply(b, e); err != nil {
			return err
		}
	}
	for _, kid := range b.TakeDerived() {
		if err := s.pass(b, list, kid); err != nil {
			return err
		}
	}
	return nil
}

// fillUp runs batches until every question is counted for everybody.
func (s *stages) fillUp(now int64) {
	s.t.Helper()
	for range 10_000 {
		if next, err := s.counters.Next(context.Background(), s.db); err != nil || next == 0 {
			require.NoError(s.t, err)
			return
		}
		s.counters.due = 0
		s.run(now)
	}
	s.t.Fatal("filling does not end")
}

func decode(t testing.TB, scope *Scope, n Node) *Tree {
	t.Helper()
	body, err := json.Marshal(n)
	require.NoError(t, err)
	tree, problems := Decode(body, "", scope)
	require.Empty(t, problems, string(body))
	return tree
}

func value(v any) json.RawMessage {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return body
}
