package bundle

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/app/webhook"
)

// Edit is a change to one definition by somebody who has seen it.
type Edit struct {
	Kind   string
	Key    string
	Body   json.RawMessage
	Delete bool
	// Rev is the revision the editor saw; setting.Absent when there was none.
	Rev int64
	// DryRun checks and compares, and changes nothing.
	DryRun bool
}

// Edit checks one definition laid over what is in force and puts it in force. An edit that changes nothing
// is none. Paths of problems are those within the definition; what it breaks elsewhere has the whole path.
//
// Faults: Invalid with every mistake at once; Conflict when Rev is not the one in force.
func (a *Applier) Edit(ctx context.Context, e Edit, by string) (Report, error) {
	if !slices.ContainsFunc(sections, func(s section) bool { return s.kind == e.Kind }) {
		return Report{}, fault.New(fault.NotFound, "没有「%s」这类配置", e.Kind)
	}
	if !goodKey(e.Kind, e.Key) {
		return Report{}, fault.Problems("没有保存", []fault.Problem{{Path: "key", Message: "用字母、数字和 _ - .，以字母或数字开头"}})
	}
	b := &Bundle{Items: []setting.Item{{Kind: e.Kind, Key: e.Key, Body: e.Body}}}
	if e.Delete {
		b = &Bundle{Gone: b.Items}
	} else if _, ok := decode(e.Body).(map[string]any); !ok {
		return Report{}, fault.Problems("没有保存", []fault.Problem{{Path: "body", Message: "应是一个 JSON 对象"}})
	}
	current, err := a.settings.List(ctx)
	if err != nil {
		return Report{}, err
	}
	r, merged := b.over(current)
	_, problems := Compile(merged, a.world)
	if e.Kind == webhook.Kind && !e.Delete {
		problems = append(problems, a.leads(ctx, e.Key, e.Body)...)
	}
	_, before := Compile(current, a.world)
	own := e.Kind + "/" + e.Key
	var bad []fault.Problem
	for _, p := range problems {
		path, ours := strings.CutPrefix(p.Path, own)
		if ours && (path == "" || path[0] == '/') {
			p.Path = strings.TrimPrefix(path, "/")
		} else if slices.Contains(before, p) {
			continue
		}
		bad = append(bad, p)
	}
	if err := fault.Problems("没有保存，请改正标出的几项", bad); err != nil || e.DryRun {
		return r, err
	}
	// The revision is checked where it is stored, also of an edit that would change nothing.
	_, err = a.settings.Apply(ctx, []setting.Change{{Kind: e.Kind, Key: e.Key, Body: e.Body, Delete: e.Delete, IfRev: e.Rev}}, by)
	r.Applied = err == nil
	return r, err
}
