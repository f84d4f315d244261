package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"

	"github.com/koi-scrm/koi/app/bundle"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/templates"
)

// ApplyInput is what `koi apply` asks: a bundle's file name and text.
type ApplyInput struct {
	File   string `json:"file"`
	Text   []byte `json:"text"`
	DryRun bool   `json:"dry_run"`
	By     string `json:"by"`
}

// commandTable lists what command lines may ask of the process that holds the data.
func (a *App) commandTable() map[string]Command {
	table := map[string]Command{
		"apply":  a.apply,
		"export": a.export,
		"backup": a.backup,
		"doctor": a.examine,

		"user/add":    a.addUser,
		"user/passwd": a.changePassword,
		"user/list":   a.listUsers,
		"pause":       func(context.Context, json.RawMessage) (any, error) { a.Pipeline.Pause(); return nil, nil },
		"resume":      func(context.Context, json.RawMessage) (any, error) { a.Pipeline.Resume(); return nil, nil },
	}
	maps.Copy(table, a.demoCommands())
	return table
}

func (a *App) apply(ctx context.Context, in json.RawMessage) (any, error) {
	var q ApplyInput
	if err := json.Unmarshal(in, &q); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "命令写法不对")
	}
	b, err := bundle.Parse(q.File, q.Text)
	if err != nil {
		return nil, err
	}
	if q.DryRun {
		return a.Bundles.Check(ctx, b)
	}
	return a.Bundles.Apply(ctx, b, q.By)
}

// seed gives a Koi that never had a definition the starter bundle, so that it greets, answers and alerts from
// the first day. It runs under the leases, so one node does it.
func (a *App) seed(ctx context.Context) error {
	r, err := a.Bundles.Seed(ctx, templates.StarterFile, templates.Starter)
	if err != nil {
		return fmt.Errorf("apply the starter bundle: %w", err)
	}
	if r.Applied {
		slog.Info("还没有任何配置，已装入起步包", "bundle", templates.StarterFile, "items", len(r.Differences))
	}
	return nil
}

func (a *App) export(ctx context.Context, _ json.RawMessage) (any, error) {
	items, err := a.Settings.List(ctx)
	if err != nil {
		return nil, err
	}
	text, err := bundle.Export(items)
	return string(text), err
}

// By names who runs a command, for the history of definitions.
func By() string {
	if u := os.Getenv("USER"); u != "" {
		return "cli:" + u
	}
	return "cli"
}
