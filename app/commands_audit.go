package app

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/koi-scrm/koi/app/audit"
	"github.com/koi-scrm/koi/app/fault"
)

// onRecord are the commands that change something or take data out.
var onRecord = map[string]bool{"apply": true, "export": true, "backup": true, "user/add": true, "user/passwd": true, "pause": true, "resume": true}

// recordCommand puts a command on record, whatever became of it. Who asks is who they say: only the owner of
// data_dir reaches this process, and could write the record as well.
func (a *App) recordCommand(ctx context.Context, name string, body []byte, failed error) {
	if !onRecord[name] {
		return
	}
	var in struct {
		By, Login, Role, Staff, File string
		DryRun                       bool `json:"dry_run"`
	}
	_ = json.Unmarshal(body, &in) // a command that cannot be read has failed, which is on record
	e := audit.Entry{Who: in.By, Place: "cli", Action: name, Outcome: audit.Done, Detail: map[string]any{}}
	if e.Who == "" {
		e.Who = "cli"
	}
	for k, v := range map[string]string{"login": in.Login, "role": in.Role, "staff": in.Staff, "file": in.File} {
		if v != "" {
			e.Detail[k] = v
		}
	}
	if in.DryRun {
		e.Detail["dry_run"] = true
	}
	if failed != nil {
		e.Outcome = audit.Failed
		if fault.Is(failed, fault.Denied) {
			e.Outcome = audit.Denied
		}
	}
	// Also when who asked is gone.
	if err := a.Audit.Write(context.WithoutCancel(ctx), e); err != nil {
		slog.Error("审计记录没有写入", "command", name, "who", e.Who, "err", err) // it is done all the same
	}
}
