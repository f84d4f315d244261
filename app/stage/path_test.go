package stage_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/bundle"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/rule/ruletest"
	"github.com/koi-scrm/koi/app/scoring"
	"github.com/koi-scrm/koi/app/stage"
	"github.com/koi-scrm/koi/app/tag"
	"github.com/koi-scrm/koi/templates"
)

// The three stages that conclude something, one behind the other with the starter bundle: what they cost.

var monday = time.Date(2026, 11, 23, 10, 0, 0, 0, ruletest.Zone)

// timed measures a stage.
type timed struct {
	event.Stage
	load, apply, flush time.Duration
}

func (s *timed) Load(ctx context.Context, tx *db.Tx, b *event.Batch) error {
	defer func(begun time.Time) { s.load += time.Since(begun) }(time.Now())
	return s.Stage.Load(ctx, tx, b)
}

func (s *timed) Apply(b *event.Batch, e *event.Event) error {
	begun := time.Now()
	err := s.Stage.Apply(b, e)
	s.apply += time.Since(begun)
	return err
}

func (s *timed) Flush(ctx context.Context, tx *db.Tx, b *event.Batch) error {
	defer func(begun time.Time) { s.flush += time.Since(begun) }(time.Now())
	return s.Stage.Flush(ctx, tx, b)
}

func starter(t testing.TB, s *db.Stores) (*ruletest.Rig, []*timed) {
	t.Helper()
	b, err := bundle.Parse(templates.StarterFile, templates.Starter)
	require.NoError(t, err)
	for i := range b.Items {
		b.Items[i].ID, b.Items[i].Rev = int64(i+1), 1
	}
	m, problems := bundle.Compile(b.Items, bundle.World{Zone: ruletest.Zone, Today: func() int32 { return clock.Day(clock.Ms(monday), ruletest.Zone) }})
	require.Empty(t, problems)
	r := ruletest.New(t, s)
	r.Contacts.Use(m.Fields)
	r.Counters.Use(m.Counted())
	tags, scores, stages := tag.NewStage(r.Contacts, r.People), scoring.NewStage(r.Contacts, r.People, ruletest.Zone), stage.NewStage(r.Contacts, r.People)
	tags.Use(m.Tags)
	scores.Use(m.Scores)
	stages.Use(m.Stages)
	list := []*timed{{Stage: tags}, {Stage: scores}, {Stage: stages}}
	r.Use(list[0], list[1], list[2])
	return r, list
}

// day makes what people of a service account do on one day.
func act(rng *rand.Rand, people int, at time.Time) *event.Event {
	who := fmt.Sprintf("p%d", rng.IntN(people))
	e := ruletest.Event(event.PageViewed, who, event.Props{"kind": "blog", "channel": "site", "title": "白皮书"})
	e.ObjectType, e.ObjectID = "page", fmt.Sprintf("page-%d", rng.IntN(50))
	switch n := rng.IntN(100); {
	case n < 40:
	case n < 50:
		e.Props["kind"] = []string{"price", "case", "jobs"}[rng.IntN(3)]
	case n < 65:
		e.Type, e.Props = event.PageDwelled, event.Props{"seconds": rng.IntN(120)}
	case n < 80:
		e.Type, e.Props = event.OAMessageReceived, event.Props{"kind": "text", "content": []string{"你好", "请问报价是多少", "在吗", "怎么试用"}[rng.IntN(4)]}
	case n < 88:
		e.Type, e.Props = event.OAMenuClicked, event.Props{"key": "about"}
	case n < 94:
		e.Type, e.Props = event.OAFollowed, event.Props{}
	case n < 96:
		e.Type, e.Props = event.OAUnfollowed, event.Props{}
	case n < 98:
		e.Type, e.Props = event.FileDownloaded, event.Props{}
	default:
		e.Type, e.Props = event.MeetingRegistered, event.Props{}
	}
	e.OccurredAt, e.ReceivedAt = clock.Ms(at), clock.Ms(at)
	return e
}

const batchSize = 500

func batch(rng *rand.Rand, people int, at time.Time) []*event.Event {
	events := make([]*event.Event, batchSize)
	for i := range events {
		events[i] = act(rng, people, at)
	}
	return events
}

func BenchmarkStages(b *testing.B) {
	const people = 20_000
	s := dbtest.SQLite(b)
	r, list := starter(b, s)
	rng := rand.New(rand.NewPCG(1, 1))
	at := monday.AddDate(0, 0, -20)
	for range 2 * people / batchSize { // a past
		at = at.Add(10 * time.Minute)
		r.Run(b, at, batchSize, batch(rng, people, at)...)
	}
	for _, x := range list {
		*x = timed{Stage: x.Stage}
	}
	n := 0
	for b.Loop() {
		at = at.Add(time.Minute)
		r.Run(b, at, batchSize, batch(rng, people, at)...)
		n += batchSize
	}
	var whole time.Duration
	for _, x := range list {
		whole += x.apply
		b.ReportMetric(float64(x.load.Nanoseconds())/float64(n), x.Name()+"-load-ns/event")
		b.ReportMetric(float64(x.apply.Nanoseconds())/float64(n), x.Name()+"-apply-ns/event")
		b.ReportMetric(float64(x.flush.Nanoseconds())/float64(n), x.Name()+"-flush-ns/event")
	}
	b.ReportMetric(float64(whole.Nanoseconds())/float64(n), "apply-ns/event")
}

var tables = map[string]string{"contact_tags": "tag", "tag_expiries": "tag", "contact_scores": "scoring", "score_ledger": "scoring", "contact_stages": "stage"}

var tableName = regexp.MustCompile(`\b(contact_tags|tag_expiries|contact_scores|score_ledger|contact_stages)\b`)

func TestStages_cost_of_a_batch(t *testing.T) {
	t.Parallel()
	s := dbtest.SQLite(t)
	r, _ := starter(t, s)
	rng := rand.New(rand.NewPCG(2, 2))
	const people = 2000
	at := monday
	for range 10 {
		r.Run(t, at, batchSize, batch(rng, people, at)...)
	}
	statements, rows := map[string]int{}, map[string]int{}
	s.Koi.Watch(func(list []db.Statement) {
		for _, x := range list {
			owner := tables[tableName.FindString(x.Query)]
			statements[owner]++
			if !x.Read {
				rows[owner] += strings.Count(x.Query, "(?")
			}
		}
	})
	at = at.AddDate(0, 0, 1)
	r.Run(t, at, batchSize, batch(rng, people, at)...)
	s.Koi.Watch(nil)
	for _, owner := range []string{"tag", "scoring", "stage"} {
		t.Logf("%-8s %2d statements, %3d rows written for %d events", owner, statements[owner], rows[owner], batchSize)
	}
	// 442 people in all: two queries of 400; writes of at most 100 rows, a rest in powers of two.
	require.LessOrEqual(t, statements["tag"], 15)
	require.LessOrEqual(t, statements["scoring"], 25)
	require.LessOrEqual(t, statements["stage"], 10)
}
