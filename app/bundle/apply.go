package bundle

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/app/webhook"
)

// Change says what applying does to a definition.
type Change string

// The changes.
const (
	New     Change = "new"
	Changed Change = "changed"
	Deleted Change = "deleted"
)

// Difference is what applying would do to one definition.
type Difference struct {
	Kind   string `json:"kind"`
	Key    string `json:"key"`
	Name   string `json:"name,omitempty"` // what people call it
	Change Change `json:"change"`
	Parts  []Part `json:"parts,omitempty"` // of a changed one

	body json.RawMessage
	rev  int64 // in force when it was compared; 0 for a new one
}

// Report is what a bundle changes, and how much of it is in force already.
type Report struct {
	Differences []Difference `json:"differences"`
	Same        int          `json:"same"`
	Applied     bool         `json:"applied"`
	// Warnings tell what may not work as the changed definitions mean it, each at its line; they keep nothing
	// from being applied.
	Warnings []fault.Problem `json:"warnings,omitempty"`
}

// Applier checks and applies bundles.
type Applier struct {
	settings *setting.Store
	world    World
}

// NewApplier makes an applier; world is what definitions may refer to besides each other.
func NewApplier(s *setting.Store, w World) *Applier { return &Applier{settings: s, world: w} }

// Check compiles the bundle laid over what is in force and says what would change. Definitions that the
// bundle does not name stay as they are. What is wrong already, and not in the bundle, is no reason to
// refuse it; what the bundle breaks elsewhere is.
//
// Fault: Invalid with every mistake at once, each at its line.
func (a *Applier) Check(ctx context.Context, b *Bundle) (Report, error) {
	current, err := a.settings.List(ctx)
	if err != nil {
		return Report{}, err
	}
	r, merged := b.over(current)
	models, problems := Compile(merged, a.world)
	r.Warnings = b.warn(r.Differences, models.Journeys.Warnings())
	_, before := Compile(current, a.world)
	problems = slices.DeleteFunc(problems, func(p fault.Problem) bool {
		_, ours := b.line(p.Path)
		return !ours && slices.Contains(before, p)
	})
	problems = append(problems, a.approved(models, r.Differences)...)
	for _, d := range r.Differences {
		if d.Kind == webhook.Kind && d.Change != Deleted {
			problems = append(problems, a.leads(ctx, d.Key, d.body)...)
		}
	}
	return r, b.tell(problems)
}

// warn gives the warnings about what changes their lines.
func (b *Bundle) warn(changes []Difference, warnings []fault.Problem) []fault.Problem {
	var out []fault.Problem
	for _, w := range warnings {
		changed := slices.ContainsFunc(changes, func(d Difference) bool { return d.Change != Deleted && d.Kind+"/"+d.Key == owner(w.Path) })
		if line, ok := b.line(w.Path); ok && changed {
			out = append(out, fault.Problem{Path: b.at(line), Message: w.Path + "：" + w.Message})
		}
	}
	return out
}

// leads judges where a webhook's name leads to, which compiling does not look up. What is wrong with the
// address itself was told by then.
func (a *Applier) leads(ctx context.Context, key string, body json.RawMessage) []fault.Problem {
	var d webhook.Definition
	if m, _ := webhook.Compile([]setting.Item{{Kind: webhook.Kind, Key: key, Body: body}}, a.world.Webhooks); m.Get(key) == nil || json.Unmarshal(body, &d) != nil {
		return nil
	}
	if why := a.world.Webhooks.Refuses(ctx, d.URL); why != "" {
		return []fault.Problem{setting.Problem(webhook.Kind, key, "url", "%s", why)}
	}
	return nil
}

type name struct{ kind, key string }

// over lays the bundle over what is in force. New definitions get ids of their own, which are not those
// they will be stored under: compiling needs them only to tell definitions apart. The bundle's definitions
// come last, so that of two that clash the bundle's is blamed.
func (b *Bundle) over(current []setting.Item) (Report, []setting.Item) {
	var r Report
	inForce := map[name]setting.Item{}
	var id int64
	for _, it := range current {
		inForce[name{it.Kind, it.Key}] = it
		id = max(id, it.ID)
	}
	var merged []setting.Item
	named := map[name]bool{}
	for _, it := range b.Items {
		n := name{it.Kind, it.Key}
		named[n] = true
		d := Difference{Kind: it.Kind, Key: it.Key, Name: called(it.Body), body: it.Body}
		old, exists := inForce[n]
		if !exists {
			id++
			it.ID, it.Rev = id, 1
			d.Change = New
		} else if d.Parts = compare(old.Body, it.Body); len(d.Parts) == 0 {
			r.Same++
			merged = append(merged, old)
			continue
		} else {
			it.ID, it.Rev = old.ID, old.Rev+1
			d.Change, d.rev = Changed, old.Rev
		}
		merged = append(merged, it)
		r.Differences = append(r.Differences, d)
	}
	for _, it := range b.Gone {
		n := name{it.Kind, it.Key}
		named[n] = true
		old, exists := inForce[n]
		if !exists {
			r.Same++
			continue
		}
		r.Differences = append(r.Differences, Difference{Kind: it.Kind, Key: it.Key, Name: called(old.Body), Change: Deleted, rev: old.Rev})
	}
	others := slices.DeleteFunc(slices.Clone(current), func(it setting.Item) bool { return named[name{it.Kind, it.Key}] })
	slices.SortFunc(others, func(x, y setting.Item) int { return cmp.Compare(x.ID, y.ID) })
	return r, append(others, merged...)
}

// called is a definition's Chinese name.
func called(body json.RawMessage) string {
	var d struct{ Name, Label string }
	_ = json.Unmarshal(body, &d) // what has no such name goes by its key
	return cmp.Or(d.Name, d.Label)
}

// Apply checks and puts in force, in one transaction. Applying the same bundle again changes nothing.
//
// Faults: those of Check; Conflict when somebody changed one of the definitions meanwhile.
func (a *Applier) Apply(ctx context.Context, b *Bundle, by string) (Report, error) {
	r, err := a.Check(ctx, b)
	if err != nil {
		return r, err
	}
	return r, a.put(ctx, &r, by, nil)
}

// put makes the changes of a report, and more.
func (a *Applier) put(ctx context.Context, r *Report, by string, changes []setting.Change) error {
	for _, d := range r.Differences {
		changes = append(changes, setting.Change{Kind: d.Kind, Key: d.Key, Body: d.body, Delete: d.Change == Deleted, IfRev: d.rev})
	}
	if _, err := a.settings.Apply(ctx, changes, by); err != nil {
		return err
	}
	r.Applied = true
	return nil
}

// The setting that says that a first bundle was applied: who deletes everything after that means it.
const seededKind, seededKey = "system", "starter"

// Seed applies a bundle to a Koi that never had a definition, and leaves any other alone.
func (a *Applier) Seed(ctx context.Context, file string, text []byte) (Report, error) {
	items, err := a.settings.List(ctx)
	if err != nil || len(Definitions(items)) > 0 || slices.ContainsFunc(items, func(it setting.Item) bool {
		return it.Kind == seededKind && it.Key == seededKey
	}) {
		return Report{}, err
	}
	b, err := Parse(file, text)
	if err != nil {
		return Report{}, err
	}
	r, err := a.Check(ctx, b)
	if err != nil {
		return r, err
	}
	return r, a.put(ctx, &r, "system", []setting.Change{{Kind: seededKind, Key: seededKey, Body: json.RawMessage(`{}`)}})
}
