// Package tag knows which tags there are, which rules give and take them, and who has them since when, by
// what and until when. A person has a tag or not; every change is an event on the timeline (tag.added,
// tag.removed) that names its reason, so the state at any time can be folded from there.
//
// Invariants: only the pipeline changes tags; a tag given again changes nothing but its end; a merge
// leaves the rows of the person merged away as they are, so that it can be undone. The package refuses to
// know what a tag is good for.
package tag

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/setting"
)

// Kind says how a tag is given: what the list shows of a definition, and the source of a tag on a person.
// Nothing keeps somebody from giving a rule's tag by hand.
type Kind string

// The kinds.
const (
	Manual     Kind = "manual"
	ByJourney  Kind = "journey"
	ByRule     Kind = "rule"
	ByModel    Kind = "model"
	CustomMade Kind = "custom"

	expired Kind = "expired" // source of a removal for time; no tag is of this kind
)

// Label is the kind's Chinese name.
func (k Kind) Label() string { return kindLabels[k] }

var kindLabels = map[Kind]string{Manual: "手工", ByJourney: "流程", ByRule: "规则", ByModel: "模型", CustomMade: "自定义逻辑", expired: "到期"}

// Definition is a tag, the definition of kind "tag" under its key:
//
//	{"name": "看过报价", "group": "行为/产品兴趣", "kind": "rule", "color": "#faad14", "expires_days": 90}
type Definition struct {
	ID    int64  `json:"-"`
	Key   string `json:"-"`
	Name  string `json:"name"`
	Group string `json:"group,omitempty"` // levels are parted by "/"
	Color string `json:"color,omitempty"` // #rrggbb
	Kind  Kind   `json:"kind,omitempty"`  // manual when absent
	Note  string `json:"note,omitempty"`
	// ExpiresDays: the tag ends at the local midnight after that many days, the day it was given
	// included; 0: never.
	ExpiresDays int `json:"expires_days,omitempty"`
}

// maxExpiry is ten years.
const maxExpiry = 3660

var color = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// Model is all tags and the rules about them. It is immutable.
type Model struct {
	zone  *time.Location
	tags  map[int64]*Definition
	byKey map[string]*Definition
	rules []*Rule

	events map[string][]*Rule // rules with triggers, by what sets them off
	facts  []*Rule            // rules without: asked again when the person changed
	moved  map[string][]*Rule // of facts, those to ask again after an event of the type
	active []*Rule            // of facts, those that look at times of the person, which any event moves
}

// Hears reports whether an event of the type can set a rule off or change what one answers.
func (m *Model) Hears(typ string) bool { return len(m.events[typ]) > 0 || len(m.moved[typ]) > 0 }

// Declare tells conditions which tags there are. Call it for all kinds before compiling any.
func Declare(items []setting.Item, scope *rule.Scope) {
	scope.Tags = map[string]rule.TagDef{}
	for _, it := range items {
		if it.Kind != setting.KindTag {
			continue
		}
		d := Definition{Name: it.Key}
		_ = setting.Decode(it.Body, &d) // Compile tells what is wrong with it
		scope.Tags[it.Key] = rule.TagDef{ID: it.ID, Label: d.Name}
	}
}

// Compile reads the definitions of kinds tag and tag_rule; others are left alone. It reports every problem
// at once and leaves out rules that have one; a tag stays a tag, whatever is wrong with its looks.
func Compile(items []setting.Item, scope *rule.Scope) (*Model, []fault.Problem) {
	m := &Model{zone: scope.Zone, tags: map[int64]*Definition{}, byKey: map[string]*Definition{},
		events: map[string][]*Rule{}, moved: map[string][]*Rule{}}
	var problems []fault.Problem
	names := map[string]string{}
	for _, it := range items {
		if it.Kind != setting.KindTag {
			continue
		}
		d, bad := decode(it)
		if other := names[d.Group+"\x00"+d.Name]; d.Name != "" && other != "" {
			bad = append(bad, setting.Problem(it.Kind, it.Key, "name", "同一分组里已有标签叫“%s”（%s）：请换一个名称", d.Name, other))
		}
		names[d.Group+"\x00"+d.Name] = it.Key
		problems = append(problems, bad...)
		m.tags[it.ID], m.byKey[it.Key] = d, d
	}
	for _, it := range items {
		if it.Kind != setting.KindTagRule {
			continue
		}
		r, bad := m.decodeRule(it, scope)
		problems = append(problems, bad...)
		if len(bad) > 0 {
			continue
		}
		m.rules = append(m.rules, r)
		if !r.Off {
			m.use(r)
		}
	}
	return m, problems
}

func decode(it setting.Item) (*Definition, []fault.Problem) {
	d := &Definition{ID: it.ID, Key: it.Key}
	var out []fault.Problem
	bad := func(path, format string, args ...any) {
		out = append(out, setting.Problem(it.Kind, it.Key, path, format, args...))
	}
	if err := setting.Decode(it.Body, d); err != nil {
		if bad("", "标签写法不对：%v", err); setting.Place(err) == "" {
			return d, out
		}
	}
	if strings.TrimSpace(d.Name) == "" {
		bad("name", "缺少名称：请填标签的中文名称")
	}
	if d.Kind == "" {
		d.Kind = Manual
	}
	if kindLabels[d.Kind] == "" || d.Kind == expired {
		bad("kind", "标签类型 %q 不存在，可用：%s", d.Kind, listKinds())
	}
	if d.Color != "" && !color.MatchString(d.Color) {
		bad("color", "颜色应形如 #faad14，现在是 %q", d.Color)
	}
	if d.ExpiresDays < 0 || d.ExpiresDays > maxExpiry {
		bad("expires_days", "有效天数应在 1 到 %d 之间，永久有效请不写这一项", maxExpiry)
	}
	for i, level := range strings.Split(d.Group, "/") {
		if d.Group != "" && strings.TrimSpace(level) == "" {
			bad("group", "分组的第 %d 级是空的：各级用 / 分开，如“行为/产品兴趣”", i+1)
		}
	}
	return d, out
}

func listKinds() string {
	var out []string
	for _, k := range []Kind{Manual, ByJourney, ByRule, ByModel, CustomMade} {
		out = append(out, fmt.Sprintf("%s %s", k, kindLabels[k]))
	}
	return strings.Join(out, "、")
}

// Tags lists the definitions by group and name.
func (m *Model) Tags() []Definition {
	out := make([]Definition, 0, len(m.tags))
	for _, d := range m.tags {
		out = append(out, *d)
	}
	slices.SortFunc(out, func(a, b Definition) int {
		return strings.Compare(a.Group+"\x00"+a.Name+"\x00"+a.Key, b.Group+"\x00"+b.Name+"\x00"+b.Key)
	})
	return out
}

// Tag returns the definition of a key.
func (m *Model) Tag(key string) (Definition, bool) {
	if d := m.byKey[key]; d != nil {
		return *d, true
	}
	return Definition{}, false
}

// Rules lists the rules by key, those switched off included.
func (m *Model) Rules() []*Rule { return slices.Clone(m.rules) }

// Counted lists what must be counted for the rules' conditions (see rule.Counters.Use).
func (m *Model) Counted() []*rule.Spec {
	var out []*rule.Spec
	for _, r := range m.rules {
		if !r.Off && r.when != nil {
			out = append(out, r.when.Counted()...)
		}
	}
	return out
}

// until is when a tag given at an instant ends; 0: never.
func (m *Model) until(d *Definition, at int64) int64 {
	if d.ExpiresDays == 0 {
		return 0
	}
	return clock.DayStart(clock.Day(at, m.zone)+int32(d.ExpiresDays), m.zone)
}
