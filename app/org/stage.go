package org

import (
	"context"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
)

// Stage hears in the pipeline that the directory is not what we hold any more: WeCom says that it changed,
// or knows no such member when we write to one (60111). Either asks for a sync, after the commit.
type Stage struct{ directory *Directory }

// NewStage makes the stage.
func NewStage(d *Directory) *Stage { return &Stage{d} }

// Name of the stage.
func (s *Stage) Name() string { return "org" }

// Load reads nothing.
func (s *Stage) Load(context.Context, *db.Tx, *event.Batch) error { return nil }

// Flush writes nothing.
func (s *Stage) Flush(context.Context, *db.Tx, *event.Batch) error { return nil }

// noMember is WeCom's errcode for a userid that the corp does not have.
const noMember = 60111

// Apply looks at the event.
func (s *Stage) Apply(b *event.Batch, e *event.Event) error {
	if e.Type == event.WeComDirectoryChanged || e.Type == event.CommandMessageResult && e.Props.Int("code") == noMember {
		b.AfterCommit(s.directory.SyncSoon)
	}
	return nil
}
