// Package ruletest drives the stages that conclude something about people (tags, scores, stages of life)
// through batches of a chosen size on a real database, with the real stages for people, counters and the
// timeline before and behind them. It stands in for the pipeline where a test must decide how events are
// cut into batches; the order of calls is the pipeline's.
package ruletest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/app/setting"
)

// Rig is one database with its stages.
type Rig struct {
	DB       *db.DB
	Contacts *contact.Stage
	People   *rule.People
	Counters *rule.Counters
	Timeline *event.Timeline
	Schema   *rule.Schema
	// Passed are the events of the last Run in the order they happened, derived ones included.
	Passed []*event.Event

	stages []event.Stage
	seq    int64
	rev    int64
}

// Zone is the business zone of all tests.
var Zone = zone()

func zone() *time.Location {
	z, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		panic(err)
	}
	return z
}

// Schema names the tables; Scores has to be set where conditions ask for scores.
func schema() *rule.Schema {
	return &rule.Schema{Contacts: "contacts", Alias: "contact_alias", Values: "contact_values", Identities: "identities",
		Staff: "contact_staff", Follows: "contact_follow", Events: "events", Tags: "contact_tags", Stages: "contact_stages"}
}

// New makes a rig. Use tells it the stages under test.
func New(t testing.TB, s *db.Stores) *Rig {
	t.Helper()
	keys, err := secret.New(make([]byte, secret.MasterSize))
	require.NoError(t, err)
	r := &Rig{DB: s.Koi, Contacts: contact.NewStage(keys), People: rule.NewPeople(), Timeline: event.NewTimeline(s.Koi), Schema: schema()}
	fields, problems := contact.Compile(nil)
	require.Empty(t, problems)
	r.Contacts.Use(fields)
	r.Counters = rule.NewCounters(r.Contacts, r.People, r.Schema, Zone)
	return r
}

// Clear empties every table, for tests that begin anew many times: faster than a database each time.
func Clear(t testing.TB, s *db.Stores) {
	t.Helper()
	require.NoError(t, s.Koi.Tx(t.Context(), func(tx *db.Tx) error {
		for _, table := range []string{"contacts", "identities", "contact_alias", "merge_proposals", "contact_values", "contact_staff", "contact_follow", "profile_wants",
			"sequences", "events", "rule_leaves", "rule_counters", "rule_hits", "contact_tags", "tag_expiries", "contact_scores", "score_ledger", "contact_stages"} {
			if _, err := tx.Exec(t.Context(), "DELETE FROM "+table); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Use puts stages between the counters and the timeline.
func (r *Rig) Use(stages ...event.Stage) {
	r.stages = append([]event.Stage{r.Contacts, r.Counters}, stages...)
	r.stages = append(r.stages, r.Timeline)
}

// Scope is a scope with the standard fields and all events.
func Scope(t testing.TB) *rule.Scope {
	t.Helper()
	m, problems := contact.Compile(nil)
	require.Empty(t, problems)
	s := &rule.Scope{Zone: Zone, Fields: map[string]contact.Field{}, Events: event.Labels()}
	for _, f := range m.Fields() {
		s.Fields[f.Key] = f
	}
	return s
}

// Items makes definitions of "kind/key" and their JSON, with ids from 1 and revision 1.
func Items(t testing.TB, pairs ...string) []setting.Item {
	t.Helper()
	var out []setting.Item
	for i := 0; i < len(pairs); i += 2 {
		kind, key, ok := strings.Cut(pairs[i], "/")
		require.True(t, ok, pairs[i])
		require.True(t, json.Valid([]byte(pairs[i+1])), "%s is no JSON: %s", pairs[i], pairs[i+1])
		out = append(out, setting.Item{ID: int64(len(out) + 1), Rev: 1, Kind: kind, Key: key, Body: json.RawMessage(pairs[i+1])})
	}
	return out
}

// Problems lists problems as "path: message" lines.
func Problems(list []fault.Problem) []string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = p.Path + ": " + p.Message
	}
	return out
}

// Run passes events in batches of at most size. An event gets its seq here, and when it has none, its
// time from now. The business clock is now, or the latest time an event was received, for every batch: as
// after an outage.
func (r *Rig) Run(t testing.TB, now time.Time, size int, events ...*event.Event) {
	t.Helper()
	r.Passed = nil
	for _, e := range events {
		if e.OccurredAt == 0 {
			e.OccurredAt = clock.Ms(now)
		}
		if e.ReceivedAt == 0 {
			e.ReceivedAt = max(e.OccurredAt, clock.Ms(now))
		}
		r.seq++
		e.Seq = r.seq
	}
	ms := clock.Ms(now)
	for _, e := range events {
		ms = max(ms, e.ReceivedAt)
	}
	for len(events) > 0 {
		n := min(size, len(events))
		require.NoError(t, r.batch(t, ms, events[:n]))
		events = events[n:]
	}
}

// Due runs the events of timers that are due, until none is.
func (r *Rig) Due(t testing.TB, now time.Time, size int, timers ...event.Timers) {
	t.Helper()
	for _, src := range timers {
		for {
			var due []*event.Event
			require.NoError(t, r.DB.Tx(t.Context(), func(tx *db.Tx) (err error) {
				due, err = src.Due(t.Context(), tx, clock.Ms(now), size)
				return err
			}))
			if len(due) == 0 {
				break
			}
			for _, e := range due {
				e.Source = "timer"
			}
			r.Run(t, now, size, due...)
		}
	}
}

func (r *Rig) batch(t testing.TB, now int64, events []*event.Event) error {
	ctx := t.Context()
	var b *event.Batch
	err := r.DB.Tx(ctx, func(tx *db.Tx) error {
		b = event.NewBatch(now, now, r.rev+1, events)
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
		return nil
	})
	if err != nil {
		return err
	}
	r.rev++
	b.Committed()
	if loops := b.Loops(); len(loops) > 0 {
		return fmt.Errorf("events cause each other without end: %v", loops)
	}
	r.Passed = append(r.Passed, b.Stored...)
	return nil
}

func (r *Rig) pass(b *event.Batch, e *event.Event) error {
	b.Stored = append(b.Stored, e)
	for _, s := range r.stages {
		if err := s.Apply(b, e); err != nil {
			return fmt.Errorf("%s %s: %w", s.Name(), e.Type, err)
		}
	}
	for _, kid := range b.TakeDerived() {
		if err := r.pass(b, kid); err != nil {
			return err
		}
	}
	return nil
}

// Types lists the types of the events of the last Run, without those given in.
func (r *Rig) Types() []string {
	var out []string
	for _, e := range r.Passed {
		if e.N > 0 {
			out = append(out, e.Type)
		}
	}
	return out
}

// Of lists the derived events of a type of the last Run.
func (r *Rig) Of(kind string) []*event.Event {
	var out []*event.Event
	for _, e := range r.Passed {
		if e.N > 0 && e.Type == kind {
			out = append(out, e)
		}
	}
	return out
}

// Rows reads a query as lines of text, columns parted by a space.
func (r *Rig) Rows(t testing.TB, query string, args ...any) []string {
	t.Helper()
	rows, err := r.DB.Query(t.Context(), query, args...)
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	var out []string
	for rows.Next() {
		cells := make([]any, len(columns))
		for i := range cells {
			cells[i] = new(any)
		}
		require.NoError(t, rows.Scan(cells...))
		line := make([]string, len(cells))
		for i, c := range cells {
			switch v := (*c.(*any)).(type) {
			case []byte:
				line[i] = string(v)
			default:
				line[i] = fmt.Sprint(v)
			}
		}
		out = append(out, strings.Join(line, " "))
	}
	require.NoError(t, rows.Err())
	return out
}

// OpenID is somebody's identity in the official account of the tests.
func OpenID(v string) event.Identity {
	return event.Identity{Kind: event.KindOpenID, Scope: "wx1", Value: v}
}

// UnionID is somebody's identity across accounts.
func UnionID(v string) event.Identity { return event.Identity{Kind: event.KindUnionID, Value: v} }

// Event is something a person does.
func Event(kind, who string, props event.Props) *event.Event {
	return &event.Event{Type: kind, Source: "oa", Account: "wx1", Lane: event.Normal, Identities: []event.Identity{OpenID(who)}, Props: props}
}

// Command asks something about a known contact.
func Command(kind string, contactID int64, props event.Props) *event.Event {
	return &event.Event{Type: kind, Source: "console", Lane: event.Priority, ObjectType: "contact", ObjectID: fmt.Sprint(contactID), Props: props}
}
