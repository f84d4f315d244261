package bundle

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/journey"
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
	"github.com/koi-scrm/koi/templates"
)

// connected is a platform that is there and never asked: nothing is sent.
type connected struct{ channel outbox.Channel }

func (c connected) Channel() outbox.Channel { return c.channel }
func (c connected) Send(context.Context, outbox.Attempt) outbox.Outcome {
	return outbox.Outcome{Status: outbox.Sent}
}
func (c connected) DedupeWindow() time.Duration { return 0 }

const (
	oaApp = "wx0001"
	weApp = "ww0001/1000002"
)

// firm is a Koi that begins with the starter bundle: all stages that conclude and act, real parts on a real
// database, driven event by event.
type firm struct {
	t        testing.TB
	stores   *db.Stores
	now      time.Time
	seq      int64
	stages   []event.Stage
	people   *contact.Directory
	scores   *scoring.Directory
	stage    *stage.Directory
	tags     *tag.Directory
	outbox   *outbox.Outbox
	timeline *event.Timeline
	journeys *journey.Stage
}

func newFirm(t testing.TB, s *db.Stores) *firm {
	t.Helper()
	ctx := context.Background()
	f := &firm{t: t, stores: s, now: time.Date(2026, 11, 23, 10, 0, 0, 0, shanghai)} // a Monday
	clk := clock.NewManual(f.now)
	keys, err := secret.New(make([]byte, secret.MasterSize))
	require.NoError(t, err)
	settings := setting.New(s, clk)
	w := World{Zone: shanghai, Today: func() int32 { return clock.Day(f.now.UnixMilli(), shanghai) }}
	r, err := NewApplier(settings, w).Seed(ctx, templates.StarterFile, templates.Starter)
	require.NoError(t, err)
	require.True(t, r.Applied)
	items, err := settings.List(ctx)
	require.NoError(t, err)
	m, problems := Compile(items, w)
	require.Empty(t, problems)

	f.timeline = event.NewTimeline(s.Koi)
	contacts, facts := contact.NewStage(keys), rule.NewPeople()
	contacts.Use(m.Fields)
	windows := reach.NewStage(contacts, shanghai)
	counters := rule.NewCounters(contacts, facts, &rule.Schema{Contacts: "contacts", Alias: "contact_alias", Events: "events"}, shanghai)
	counters.Use(m.Counted())
	tags, scores, stages := tag.NewStage(contacts, facts), scoring.NewStage(contacts, facts, shanghai), stage.NewStage(contacts, facts)
	tags.Use(m.Tags)
	scores.Use(m.Scores)
	stages.Use(m.Stages)
	metrics := outbox.NewMetrics(prometheus.NewRegistry())
	dispatcher := outbox.NewDispatcher(outbox.DispatcherConfig{Clock: clk, Metrics: metrics, Capacity: 1000,
		Senders: []outbox.Sender{connected{outbox.OfficialKF}, connected{outbox.WeComApp}, connected{outbox.WeComWelcome}}})
	messages := outbox.NewStage(outbox.Config{People: contacts, Reach: windows, Dispatcher: dispatcher, Keys: keys, Metrics: metrics, Process: 1})
	messages.Use(policy.New(policy.Defaults(), shanghai), nil)
	staff := org.New(s.Koi, clk)
	require.NoError(t, staff.Mirror(ctx, org.Snapshot{CorpID: "ww0001", Departments: []org.Department{{CorpID: "ww0001", ID: 1, Name: "销售部"}}, Staff: []org.Staff{
		{CorpID: "ww0001", UserID: "boss", Name: "老板", Active: true, DepartmentIDs: []int64{1}},
		{CorpID: "ww0001", UserID: "lilei", Name: "李雷", Active: true, DepartmentIDs: []int64{1}, Leaders: []string{"boss"}},
	}}))
	accounts := account.New(s, keys, clk, configs.Accounts{WeCom: []configs.WeComAccount{{CorpID: "ww0001", AgentID: 1000002, AgentSecret: "x"}}})
	f.scores = scoring.NewDirectory(s.Koi, scores, f.timeline, settings)
	journeys := journey.NewStage(journey.Config{Contacts: contacts, People: facts, Tags: tags, Scores: f.scores, Stages: stages, Outbox: messages,
		Staff: staff, Accounts: accounts, Settings: settings, PublicURL: "https://koi.example.com"})
	journeys.Use(m.Journeys)
	f.journeys = journeys
	f.stages = []event.Stage{event.NewSeen(), contacts, windows, counters, tags, scores, stages, journeys, messages, f.timeline}
	f.people, f.stage, f.tags = contact.NewDirectory(s.Koi, keys), stage.NewDirectory(s.Koi, stages, f.timeline), tag.NewDirectory(s.Koi, tags)
	f.outbox = outbox.New(s.Koi, nil, keys, clk, shanghai)
	return f
}

// later lets business time pass.
func (f *firm) later(d time.Duration) { f.now = f.now.Add(d) }

// happen runs one event in a batch of its own, as the pipeline does.
func (f *firm) happen(e event.Event) {
	f.t.Helper()
	ctx := context.Background()
	f.seq++
	e.Seq = f.seq
	if e.Key == "" {
		e.Key = fmt.Sprint("k", f.seq)
	}
	if e.OccurredAt == 0 {
		e.OccurredAt = f.now.UnixMilli()
	}
	if e.Source != "timer" {
		e.ReceivedAt = f.now.UnixMilli()
	}
	b := event.NewBatch(f.now.UnixMilli(), f.now.UnixMilli(), f.seq, []*event.Event{&e})
	require.NoError(f.t, f.stores.Koi.Tx(ctx, func(tx *db.Tx) error {
		for _, s := range f.stages {
			if err := s.Load(ctx, tx, b); err != nil {
				return fmt.Errorf("load %s: %w", s.Name(), err)
			}
		}
		if err := f.pass(b, &e); err != nil {
			return err
		}
		for _, s := range f.stages {
			if err := s.Flush(ctx, tx, b); err != nil {
				return fmt.Errorf("flush %s: %w", s.Name(), err)
			}
		}
		return nil
	}))
	b.Committed()
	f.timers()
}

// timers runs the journeys' steps that are due.
func (f *firm) timers() {
	f.t.Helper()
	ctx := context.Background()
	var due []*event.Event
	require.NoError(f.t, f.stores.Koi.Tx(ctx, func(tx *db.Tx) (err error) {
		due, err = f.journeys.Due(ctx, tx, f.now.UnixMilli(), 10)
		return err
	}))
	for _, e := range due {
		e.Source = "timer"
		f.happen(*e)
	}
}

func (f *firm) pass(b *event.Batch, e *event.Event) error {
	b.Stored = append(b.Stored, e)
	for _, s := range f.stages {
		if err := s.Apply(b, e); err != nil {
			return fmt.Errorf("%s of %s: %w", s.Name(), e.Type, err)
		}
	}
	for _, kid := range b.TakeDerived() {
		if err := f.pass(b, kid); err != nil {
			return err
		}
	}
	return nil
}

// person is somebody whose WeChat, WeCom and web selves are known to be one.
type person struct {
	f    *firm
	name string
}

func (f *firm) person(name string) person { return person{f, name} }

func (p person) identity() event.Identity {
	return event.Identity{Kind: event.KindUnionID, Value: "u-" + p.name}
}

// does lets the person do something: an event type, and what more is to be said of it.
func (p person) does(typ string, more ...func(*event.Event)) {
	p.f.t.Helper()
	e := event.Event{Type: typ, Source: "api", Identities: []event.Identity{p.identity()}}
	switch place, _, _ := strings.Cut(typ, "."); place {
	case "oa":
		e.Source, e.Account = "oa", oaApp
		e.Identities = append([]event.Identity{{Kind: event.KindOpenID, Scope: oaApp, Value: "o-" + p.name}}, e.Identities...)
	case "wecom":
		e.Source, e.Account, e.Staff = "wecom", weApp, "lilei"
		e.Identities = append([]event.Identity{{Kind: event.KindExternal, Scope: "ww0001", Value: "wm-" + p.name}}, e.Identities...)
	}
	for _, f := range more {
		f(&e)
	}
	p.f.happen(e)
}

func with(name string, v any) func(*event.Event) {
	return func(e *event.Event) {
		if e.Props == nil {
			e.Props = event.Props{}
		}
		e.Props[name] = v
	}
}

func object(typ, id string) func(*event.Event) {
	return func(e *event.Event) { e.ObjectType, e.ObjectID = typ, id }
}

// says sends a text to the official account.
func (p person) says(text string) {
	p.f.t.Helper()
	p.does(event.OAMessageReceived, with("kind", "text"), with("content", text))
}

// views opens a page of a kind.
func (p person) views(kind string) {
	p.f.t.Helper()
	p.does(event.PageViewed, object("page", kind), with("kind", kind))
}

// is sets fields, as the API does.
func (p person) is(fields map[string]any) {
	p.f.t.Helper()
	p.f.happen(event.Event{Type: event.CommandContactChange, Source: "console", Identities: []event.Identity{p.identity()}, Props: event.Props{"set": fields}})
}

// reviewed is the person at local midnight.
func (p person) reviewed() {
	p.f.t.Helper()
	p.f.happen(event.Event{Type: event.TimerReview, Source: "timer", ContactID: p.id(), ReceivedAt: p.f.now.UnixMilli()})
}

func (p person) id() int64 {
	p.f.t.Helper()
	c, err := p.f.people.Find(context.Background(), p.identity())
	require.NoError(p.f.t, err)
	return c.ID
}

// score is the person's points in a model today, as shown.
func (p person) score(model string) int64 {
	p.f.t.Helper()
	list, err := p.f.scores.Why(context.Background(), []int64{p.id()}, p.f.now.UnixMilli())
	require.NoError(p.f.t, err)
	for _, s := range list {
		if s.Score.Key == model {
			return s.Points
		}
	}
	p.f.t.Fatalf("no model %s", model)
	return 0
}

func (p person) stage() (stage, side string) {
	p.f.t.Helper()
	s, err := p.f.stage.Why(context.Background(), []int64{p.id()})
	require.NoError(p.f.t, err)
	return s.Stage, s.Side
}

func (p person) tags() []string {
	p.f.t.Helper()
	list, err := p.f.tags.List(context.Background(), p.id(), p.f.now.UnixMilli())
	require.NoError(p.f.t, err)
	var out []string
	for _, h := range list {
		out = append(out, h.Tag.Key)
	}
	return out
}

// messages are those written so far, oldest first: "recipient: what it says first".
func (f *firm) messages() []string {
	f.t.Helper()
	list, _, err := f.outbox.List(context.Background(), outbox.Filter{Limit: 200})
	require.NoError(f.t, err)
	var out []string
	for _, m := range list {
		raw, err := f.outbox.Body(context.Background(), m.ID)
		require.NoError(f.t, err)
		var body struct {
			Content, Title, Description string
			Text                        struct{ Content string } // of a welcome
		}
		require.NoError(f.t, json.Unmarshal(raw, &body))
		line := m.To + ": "
		if body.Title != "" {
			line += body.Title + " " + body.Description
		} else {
			line += strings.SplitN(body.Content+body.Text.Content, "\n", 2)[0]
		}
		out = append([]string{line}, out...)
	}
	return out
}
