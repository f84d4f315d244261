package app

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/koi-scrm/koi/app/bundle"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/content"
	"github.com/koi-scrm/koi/app/httpapi"
	"github.com/koi-scrm/koi/app/journey"
	"github.com/koi-scrm/koi/app/org"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/reach"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/scoring"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/app/stage"
	"github.com/koi-scrm/koi/app/tag"
	"github.com/koi-scrm/koi/app/webhook"
	"github.com/koi-scrm/koi/h5"
)

// relations are what conditions are asked of in SQL, as the owners of the tables give them.
var relations = rule.Schema{Contacts: "contacts", Alias: "contact_alias", Values: "contact_values", Identities: "identities",
	Staff: "contact_staff", Follows: "contact_follow", Events: "events", Tags: "contact_tags",
	Stages: stage.Relation, Windows: "reach_windows", Balances: reach.BalanceRelation}

// models compiles the definitions in force and hands each stage its part, at start and after changes.
type models struct {
	settings *setting.Store
	world    bundle.World
	staff    *org.Directory
	people   *contact.Stage
	counters *rule.Counters
	tags     *tag.Stage
	scores   *scoring.Stage
	stages   *stage.Stage
	journeys *journey.Stage
	messages *outbox.Stage
	webhooks *webhook.Directory
	pages    *content.Stage
	site     *h5.Site
	review   *rule.Review
	inside   func(context.Context) ([]setting.Item, error) // older journey versions in use
	between  func(func())                                  // runs something while no batch is under way
	api      *httpapi.API

	mu      sync.Mutex
	current *scoring.Model
	asked   atomic.Pointer[[]*rule.Spec]
}

// load compiles everything. Definitions are checked before they are stored, so a problem here means that
// they were written by another version of the program; what has none is used all the same.
func (m *models) load(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	items, err := m.settings.List(ctx)
	if err != nil {
		return err
	}
	// People may still be inside older versions of a journey.
	inside, err := m.inside(ctx)
	if err != nil {
		return err
	}
	got, problems := bundle.Compile(append(items, inside...), m.world)
	for _, p := range problems {
		slog.Warn("配置有问题，这一项没有生效", "item", p.Path, "problem", p.Message)
	}
	m.staff.Use(got.Staff)
	if err := m.staff.Load(ctx); err != nil {
		return err
	}
	m.between(func() {
		m.counters.Use(got.Counted())
		m.people.Use(got.Fields)
		m.tags.Use(got.Tags)
		m.scores.Use(got.Scores)
		m.stages.Use(got.Stages)
		m.journeys.Use(got.Journeys)
		m.messages.Use(got.Policy, got.Hears)
		m.pages.Use(got.Pages)
	})
	m.site.Use(got.Pages)
	m.webhooks.Use(got.Webhooks)
	m.api.Use(got)
	specs := got.Counted()
	m.asked.Store(&specs)
	m.current = got.Scores
	asked := relations
	asked.Scores = got.Scores.Relation()
	m.review.Use(&asked)
	return nil
}

// counted lists what conditions of the definitions in force ask of the past.
func (m *models) counted() []*rule.Spec { return *m.asked.Load() }

// watch compiles again when a score model's units have to move on, which is about once a year.
func (m *models) watch(ctx context.Context) error {
	t := time.NewTicker(time.Hour)
	defer t.Stop()
	for {
		m.mu.Lock()
		stale := m.current.Stale(m.world.Today())
		m.mu.Unlock()
		if stale {
			m.reload()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// today is the business day.
func today(clk clock.Clock, zone *time.Location) func() int32 {
	return func() int32 { return clock.Day(clock.Ms(clk.Now()), zone) }
}

func (m *models) reload() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := m.load(ctx); err != nil {
		slog.Error("读取配置失败，仍按原来的配置运行", "err", err)
	}
}
