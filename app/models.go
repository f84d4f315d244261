package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/setting"
)

// models compiles the definitions in force and hands each stage its part, at start and after changes.
type models struct {
	settings *setting.Store
	people   *contact.Stage

	mu sync.Mutex
}

// load compiles everything. Definitions are checked before they are stored, so a problem here means that
// they were written by another version; the parts without problems are used all the same.
func (m *models) load(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	items, err := m.settings.List(ctx)
	if err != nil {
		return err
	}
	fields, problems := contact.Compile(items)
	m.people.Use(fields)
	report(problems)
	return nil
}

func (m *models) reload() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := m.load(ctx); err != nil {
		slog.Error("读取配置失败，仍按原来的配置运行", "err", err)
	}
}

func report(problems []fault.Problem) {
	for _, p := range problems {
		slog.Warn("配置有问题，这一项没有生效", "item", p.Path, "problem", p.Message)
	}
}
