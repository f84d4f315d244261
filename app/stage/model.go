// Package stage knows how far along people are: an ordered list of stages (匿名访客 → … → 成交客户) that
// people enter by themselves when they satisfy a stage's condition, or by hand; and side states (沉默, 流失,
// 无效) that stand beside the stage and don't overwrite it.
//
// Invariants: by themselves people move forward only, and only beyond the furthest stage they ever
// reached, so a step back by hand lasts. Every entry is an event on the timeline (stage.entered) with the
// conditions that led there; the history and the stage at any time fold from these. A merged person
// stands where the further of both stood. The package refuses to know what a stage is good for.
package stage

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/setting"
)

// Stage definitions, of kind "stage", each under its key:
//
//	{"name": "MQL 市场认可线索", "order": 40, "enter": {"all": […]}}
//	{"name": "SAL 销售已接受", "order": 50, "manual": true}
//	{"name": "沉默", "order": 10, "side": true, "enter": {"leaf": "last_active", "op": "not_last", "value": 30}}
//
// The stage of lowest order may go without a condition: everybody enters it.

// Definition is a stage or a side state.
type Definition struct {
	ID    int64
	Key   string
	Name  string
	Note  string
	Order int64 // rising along the way; of several side states the highest that holds is the person's
	// Manual stages are entered by hand only.
	Manual bool
	// Side states stand beside the stage. A person leaves one that was entered by itself when its
	// condition no longer holds, one set by hand only by hand.
	Side bool

	enter *rule.Tree // nil: by hand only, or everybody
	open  bool       // everybody enters
	index int        // in Model.stages or Model.sides
}

// Condition is who enters, as one Chinese sentence.
func (d *Definition) Condition() string {
	switch {
	case d.enter != nil:
		return d.enter.String()
	case d.open:
		return "所有人"
	}
	return "只能手工设置"
}

// Model is the list of stages and side states. It is immutable.
type Model struct {
	stages []*Definition // by order
	sides  []*Definition
	byKey  map[string]*Definition

	// What can change the answer of a condition: event types, and for some the times of the person, which
	// any event moves.
	types                     map[string]bool
	stageByTimes, sideByTimes bool
}

// Hears reports whether an event of the type can change the answer of a condition.
func (m *Model) Hears(typ string) bool { return m.types[typ] }

// Declare tells conditions which stages there are. Call it for all kinds before compiling any.
func Declare(items []setting.Item, scope *rule.Scope) {
	scope.Stages = map[string]string{}
	for _, it := range items {
		var d definition
		if it.Kind != setting.KindStage {
			continue
		}
		_ = json.Unmarshal(it.Body, &d) // Compile tells what is wrong with it
		if d.Name == "" {
			d.Name = it.Key
		}
		if !d.Side {
			scope.Stages[it.Key] = d.Name
		}
	}
}

type definition struct {
	Name   string          `json:"name"`
	Note   string          `json:"note"`
	Order  *int64          `json:"order"`
	Manual bool            `json:"manual"`
	Side   bool            `json:"side"`
	Enter  json.RawMessage `json:"enter"`
}

// Compile reads the definitions of kind stage; others are left alone. It reports every problem at once
// and leaves out what has one.
func Compile(items []setting.Item, scope *rule.Scope) (*Model, []fault.Problem) {
	m := &Model{byKey: map[string]*Definition{}, types: map[string]bool{}}
	var list []*Definition
	var problems []fault.Problem
	broken := map[*Definition]bool{}
	for _, it := range items {
		if it.Kind != setting.KindStage {
			continue
		}
		d, bad := decode(it, scope)
		for _, o := range list {
			if o.Side == d.Side && o.Order == d.Order && d.Order != 0 {
				bad = append(bad, setting.Problem(it.Kind, it.Key, "order", "次序 %d 与 stage/%s 相同：每个阶段要有自己的次序", d.Order, o.Key))
			}
		}
		problems = append(problems, bad...)
		broken[d] = len(bad) > 0
		list = append(list, d)
	}
	slices.SortStableFunc(list, func(a, b *Definition) int { return cmp.Compare(a.Order, b.Order) })
	first := slices.IndexFunc(list, func(d *Definition) bool { return !d.Side })
	for i, d := range list {
		if d.enter == nil && !d.Manual && !d.Side && !broken[d] {
			if d.open = i == first; !d.open {
				problems = append(problems, setting.Problem(setting.KindStage, d.Key, "enter",
					"缺少进入条件：只有最前面的阶段（现在是 %s）可以不写；只想手工设置请写 \"manual\": true", list[first].Key))
				broken[d] = true
			}
		}
		if broken[d] {
			continue
		}
		m.byKey[d.Key] = d
		if d.enter != nil {
			m.watch(d, d.enter.Uses())
		}
		if d.Side {
			d.index = len(m.sides)
			m.sides = append(m.sides, d)
		} else {
			d.index = len(m.stages)
			m.stages = append(m.stages, d)
		}
	}
	return m, problems
}

func decode(it setting.Item, scope *rule.Scope) (*Definition, []fault.Problem) {
	out := &Definition{ID: it.ID, Key: it.Key}
	var problems []fault.Problem
	bad := func(path, format string, args ...any) {
		p := setting.Problem(it.Kind, it.Key, path, format, args...)
		if !slices.ContainsFunc(problems, func(o fault.Problem) bool { return o.Path == p.Path }) { // one for a place will do
			problems = append(problems, p)
		}
	}
	var d definition
	if err := setting.Decode(it.Body, &d); err != nil {
		if bad("", "阶段写法不对：%v", err); setting.Place(err) == "" {
			return out, problems
		}
	}
	out.Name, out.Note, out.Manual, out.Side = d.Name, d.Note, d.Manual, d.Side
	if strings.TrimSpace(d.Name) == "" {
		bad("name", "缺少名称：请填中文名称，如“已识别”")
	}
	switch {
	case d.Order == nil:
		bad("order", "缺少次序：请写一个整数，越靠后的阶段越大，如 10、20、30")
	case *d.Order < 1 || *d.Order > 1_000_000:
		bad("order", "次序应在 1 到 1000000 之间，现在是 %d", *d.Order)
	default:
		out.Order = *d.Order
	}
	none := len(d.Enter) == 0 || string(d.Enter) == "null"
	switch {
	case d.Manual && !none:
		bad("enter", "手工设置的阶段不能有进入条件：请去掉 enter，或去掉 manual")
	case d.Side && none && !d.Manual:
		bad("enter", "缺少条件：旁边的状态要写 enter，只想手工设置请写 \"manual\": true")
	case !none:
		var more []fault.Problem
		out.enter, more = rule.Decode(d.Enter, "enter", scope)
		problems = append(problems, setting.Below(it.Kind, it.Key, more)...)
	}
	if out.enter != nil && out.enter.Uses().Stage {
		bad("enter", "阶段的条件不能看阶段本身，会循环：顺序由 order 决定")
	}
	return out, problems
}

// watch notes what a condition depends on.
func (m *Model) watch(d *Definition, u rule.Uses) {
	for _, t := range u.Events {
		m.types[t] = true
	}
	if len(u.Tags) > 0 {
		m.types[event.TagAdded], m.types[event.TagRemoved] = true, true
	}
	if len(u.Scores) > 0 {
		m.types[event.ScoreChanged] = true
	}
	if u.Contact && u.Daily {
		m.stageByTimes, m.sideByTimes = m.stageByTimes || !d.Side, m.sideByTimes || d.Side
	}
}

// Stages lists the stages in order, Sides the side states.
func (m *Model) Stages() []*Definition { return slices.Clone(m.stages) }

// Sides lists the side states in order.
func (m *Model) Sides() []*Definition { return slices.Clone(m.sides) }

// Get returns the definition of a key.
func (m *Model) Get(key string) (*Definition, bool) {
	d, ok := m.byKey[key]
	return d, ok
}

// Counted lists what must be counted for the conditions (see rule.Counters.Use).
func (m *Model) Counted() []*rule.Spec {
	var out []*rule.Spec
	for _, d := range m.byKey {
		if d.enter != nil {
			out = append(out, d.enter.Counted()...)
		}
	}
	return out
}

// after is the place behind a stage, 0 for a stage that is unknown or gone: everything is still ahead.
func (m *Model) after(key string) int {
	if d := m.byKey[key]; d != nil && !d.Side {
		return d.index + 1
	}
	return 0
}

// name is what a stage is called, the key itself when it is gone.
func (m *Model) name(key string) string {
	if d := m.byKey[key]; d != nil {
		return d.Name
	}
	return key
}
