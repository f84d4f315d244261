package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/koi-scrm/koi/app/bundle"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/journey"
	"github.com/koi-scrm/koi/app/org"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/app/tag"
)

// models compiles the definitions in force and hands each stage its part, at start and after changes.
type models struct {
	settings *setting.Store
	world    bundle.World
	staff    *org.Directory
	people   *contact.Stage
	counters *rule.Counters
	tags     *tag.Stage
	journeys *journey.Stage
	review   *rule.Review

	mu sync.Mutex
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
	got, problems := bundle.Compile(items, m.world)
	for _, p := range problems {
		slog.Warn("配置有问题，这一项没有生效", "item", p.Path, "problem", p.Message)
	}
	m.staff.Use(got.Staff)
	if err := m.staff.Load(ctx); err != nil {
		return err
	}
	// Counting begins before anyone asks for the counts.
	m.counters.Use(got.Counted())
	m.people.Use(got.Fields)
	m.tags.Use(got.Tags)
	m.journeys.Use(got.Journeys)
	m.review.Use(schema)
	return nil
}

func (m *models) reload() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := m.load(ctx); err != nil {
		slog.Error("读取配置失败，仍按原来的配置运行", "err", err)
	}
}
