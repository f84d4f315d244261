// Package scoring turns what people do and are into points, and remembers the reason of every point.
//
// A behaviour model (行为分, such as 意向) adds points when something happens and lets them fade by half in
// each half-life; every addition is a row of the ledger. A profile model (属性分, such as 契合度) is a sum
// over what is so now, worked out anew when the person changes; its reasons are the rules that hold.
//
// Invariants:
//   - A stored score never goes below zero and is bounded by ten thousand points. What a screen shows lies
//     within 0 and the model's max: someone far above it stays there for longer, as they earned it.
//   - Points count as of the day their event happened, also when it arrives late. Any grouping of events
//     into batches gives the same stored value, and two people's merged score is the sum of both.
//   - The ledger holds what was really added, after caps and the floor, so it sums up to the score.
//   - Its rows stay with the contact and the event they were made for; merges move none. The timeline says
//     whose event it is today, so an undone merge leaves each side with its own points.
//   - Excluded people (own staff, competitors, tests) earn nothing.
//
// It refuses to know what a score is good for. 活跃度 and 传播力 are no models of this version: the first
// changes for everybody at every midnight without anything happening, the second needs share chains.
package scoring

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/setting"
)

// Kind says what a model counts.
type Kind string

// The kinds.
const (
	Behaviour Kind = "behaviour" // what people do
	Profile   Kind = "profile"   // what they are
)

// Label is the kind's Chinese name.
func (k Kind) Label() string { return kindLabels[k] }

var kindLabels = map[Kind]string{Behaviour: "行为分", Profile: "属性分"}

// Score is a model of one score, the definition of kind "score" under its key:
//
//	{"name": "意向", "kind": "behaviour", "max": 100, "half_life_days": 30,
//	 "rules": [
//	   {"key": "view", "name": "浏览页面", "on": [{"events": ["page.viewed"]}], "points": 1, "caps": [{"points": 3}]},
//	   {"key": "again", "name": "7天内两次看报价", "points": 10, "caps": [{"points": 10, "days": 7}],
//	    "on": [{"events": ["page.viewed"], "where": [{"prop": "kind", "op": "eq", "value": "price"}]}],
//	    "when": {"leaf": "event", "key": "page.viewed", "op": "ge", "value": 2, "days": 7,
//	             "where": [{"prop": "kind", "op": "eq", "value": "price"}]}}],
//	 "thresholds": [{"key": "hot", "name": "高意向", "points": 80}],
//	 "surges": [{"key": "burst", "name": "24小时内+30", "points": 30, "hours": 24}]}
type Score struct {
	ID       int64
	Rev      int64
	Key      string
	Name     string
	Note     string
	Kind     Kind
	Max      int64 // points shown at most; the least is 0
	HalfLife int32 // days; 0: points stay
	Rules    []*Rule
	// Thresholds, from low to high: passing one upwards is an event.
	Thresholds []Threshold
	// Surges: gaining so much within so many hours is an event too.
	Surges []Surge

	scale  Scale
	index  int // in Model.scores
	byHash map[uint32]*Rule
}

// Threshold is a mark whose crossing upwards is told (score.threshold_crossed).
type Threshold struct {
	Key    string `json:"key"`
	Name   string `json:"name"`
	Points int64  `json:"points"`
}

// Surge is a gain within some hours that is told like a threshold. Hours are counted in steps of a
// 144th of the longest window of the model: ten minutes when that is a day.
type Surge struct {
	Key    string `json:"key"`
	Name   string `json:"name"`
	Points int64  `json:"points"`
	Hours  int64  `json:"hours"`
}

// Rule gives points.
type Rule struct {
	Key    string
	Name   string // the reason that people read
	Off    bool
	Points int64 // 10⁻⁶, negative to take
	Caps   []Cap

	hash     uint32
	triggers rule.Triggers // behaviour models
	when     *rule.Tree    // nil: always
}

// Cap bounds how much a rule gives, counted in fixed blocks of days in the business zone: a day, or with
// 7 a week from Monday, so the order in which events arrive makes no difference. A cap counts what the
// rule moved in either direction.
type Cap struct {
	Points float64 `json:"points"`         // whole, or with two decimals
	Days   int32   `json:"days,omitempty"` // length of a block; absent: 1
	Per    string  `json:"per,omitempty"`  // "object": for each object of the events by itself
}

const perObject = "object"

// Grid is where two scores meet: the definition of kind "grid" (there is one at most):
//
//	{"name": "客户等级", "fit": "fit", "intent": "intent",
//	 "fit_cuts": {"A": 70, "B": 50, "C": 30}, "intent_cuts": {"1": 70, "2": 40, "3": 15}}
type Grid struct {
	Key    string
	Name   string
	Fit    *Score
	Intent *Score
	rule.Grid
}

// Model is all scores and the grid. It is immutable.
type Model struct {
	zone   *time.Location
	scores []*Score
	byID   map[int64]*Score
	grid   *Grid

	events map[string][]eventRules // behaviour rules by what sets them off
	moved  map[string][]*Score     // profile models to work out after an event of the type
	facts  []*Score                // all profile models
}

// Hears reports whether an event of the type can set a rule off or change what one answers.
func (m *Model) Hears(typ string) bool { return len(m.events[typ]) > 0 || len(m.moved[typ]) > 0 }

// eventRules are the rules of one model that an event type sets off.
type eventRules struct {
	score *Score
	rules []*Rule
}

const (
	maxPoints   = 10_000
	defaultMax  = 100
	maxRules    = 500
	maxCaps     = 4
	maxCapDays  = 366
	maxHours    = 24 * 14
	centi       = Micro / 100
	maxSurges   = 5
	maxThresh   = 20
	noObjectTip = "per 只能是 object（每个对象分别计），或不写"
)

// Declare tells conditions which scores and grid there are, in the units in force today. Call it for all
// kinds before compiling any, and compile again when a new base is due (see Model.Stale).
func Declare(items []setting.Item, today int32, scope *rule.Scope) {
	scope.Scores, scope.Grid = map[string]rule.ScoreDef{}, nil
	for _, it := range items {
		switch it.Kind {
		case setting.KindScore:
			var d definition
			_ = json.Unmarshal(it.Body, &d) // Compile tells what is wrong with it
			scale := ScaleAt(d.halfLife(), today)
			def := rule.ScoreDef{ID: it.ID, Label: d.Name, Max: d.max(), AtLeast: scale.AtLeast, Worth: scale.Worth}
			if def.Label == "" {
				def.Label = it.Key
			}
			for _, t := range d.Thresholds {
				def.Marks = append(def.Marks, t.Key)
			}
			for _, x := range d.Surges {
				def.Marks = append(def.Marks, x.Key)
			}
			scope.Scores[it.Key] = def
		case setting.KindGrid:
			var g gridDefinition
			_ = json.Unmarshal(it.Body, &g)
			scope.Grid = g.cuts()
		}
	}
}

// definition is the JSON form of a Score.
type definition struct {
	Name       string          `json:"name"`
	Note       string          `json:"note"`
	Kind       Kind            `json:"kind"`
	Max        *int64          `json:"max"`
	HalfLife   *int32          `json:"half_life_days"`
	Rules      json.RawMessage `json:"rules"`
	Thresholds []Threshold     `json:"thresholds"`
	Surges     []Surge         `json:"surges"`
}

func (d *definition) max() int64 {
	if d.Max == nil {
		return defaultMax
	}
	return *d.Max
}

func (d *definition) halfLife() int32 {
	if d.HalfLife == nil || d.Kind == Profile || *d.HalfLife < 0 || *d.HalfLife > MaxHalfLife {
		return 0
	}
	return *d.HalfLife
}

type ruleDefinition struct {
	Key    string          `json:"key"`
	Name   string          `json:"name"`
	Off    bool            `json:"off"`
	On     json.RawMessage `json:"on"`
	When   json.RawMessage `json:"when"`
	Points float64         `json:"points"`
	Caps   []Cap           `json:"caps"`
}

// Compile reads the definitions of kinds score and grid; others are left alone. It reports every problem
// at once and leaves out what has one. today must be the day scope was declared with.
func Compile(items []setting.Item, today int32, scope *rule.Scope) (*Model, []fault.Problem) {
	m := &Model{zone: scope.Zone, byID: map[int64]*Score{}, events: map[string][]eventRules{}, moved: map[string][]*Score{}}
	var problems []fault.Problem
	byKey := map[string]*Score{} // broken ones included: the grid that names one is not to blame
	for _, it := range items {
		if it.Kind != setting.KindScore {
			continue
		}
		c := &compiler{it: it, scope: scope}
		x := c.score()
		byKey[x.Key] = x
		if len(c.problems) > 0 {
			problems = append(problems, c.problems...)
			continue
		}
		x.scale, x.index = ScaleAt(x.HalfLife, today), len(m.scores)
		m.scores = append(m.scores, x)
		m.byID[x.ID] = x
		m.use(x)
	}
	first := ""
	for _, it := range items {
		if it.Kind != setting.KindGrid {
			continue
		}
		c := &compiler{it: it, scope: scope}
		if first != "" {
			c.bad("", "只能有一个等级表，已有 grid/%s：请改那一个", first)
		} else if g := c.grid(byKey); len(c.problems) == 0 && m.byID[g.Fit.ID] != nil && m.byID[g.Intent.ID] != nil {
			m.grid = g
		}
		first = it.Key
		problems = append(problems, c.problems...)
	}
	return m, problems
}

// use puts a score's rules where Apply finds them.
func (m *Model) use(s *Score) {
	if s.Kind == Profile {
		m.facts = append(m.facts, s)
		types := map[string]bool{}
		for _, r := range s.Rules {
			if r.Off || r.when == nil {
				continue
			}
			uses := r.when.Uses()
			for _, t := range uses.Events {
				types[t] = true
			}
			if len(uses.Tags) > 0 {
				types[event.TagAdded], types[event.TagRemoved] = true, true
			}
			if len(uses.Scores) > 0 {
				types[event.ScoreChanged] = true
			}
			if uses.Stage {
				types[event.StageEntered] = true
			}
		}
		for t := range types {
			m.moved[t] = append(m.moved[t], s)
		}
		return
	}
	for _, r := range s.Rules {
		if r.Off {
			continue
		}
		for _, t := range r.triggers.Events() {
			list := m.events[t]
			if len(list) == 0 || list[len(list)-1].score != s {
				list = append(list, eventRules{score: s})
			}
			last := &list[len(list)-1]
			last.rules = append(last.rules, r)
			m.events[t] = list
		}
	}
}

// Scores lists the models by key.
func (m *Model) Scores() []*Score { return slices.Clone(m.scores) }

// Grid returns the grid, or nil.
func (m *Model) Grid() *Grid { return m.grid }

// Counted lists what must be counted for the rules' conditions (see rule.Counters.Use).
func (m *Model) Counted() []*rule.Spec {
	var out []*rule.Spec
	for _, s := range m.scores {
		for _, r := range s.Rules {
			if !r.Off && r.when != nil {
				out = append(out, r.when.Counted()...)
			}
		}
	}
	return out
}

// Stale reports whether a newer base day is due, so that the definitions should be compiled again; look
// once a day. Going on with the old one is right for as long again.
func (m *Model) Stale(today int32) bool {
	return slices.ContainsFunc(m.scores, func(s *Score) bool { return s.scale != ScaleAt(s.HalfLife, today) })
}

// hashKey names a rule in the ledger and in what caps remember, in four bytes.
func hashKey(key string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // never fails
	return h.Sum32()
}

// micro converts points of a definition, which have two decimals at most.
func micro(points float64) (int64, bool) {
	c := math.Round(points * 100)
	return int64(c) * centi, math.Abs(points*100-c) < 1e-6 && math.Abs(points) <= maxPoints
}

// Points shows micro points: whole, or with up to two decimals.
func Points(micro int64) string {
	return strconv.FormatFloat(math.Round(float64(micro)/centi)/100, 'f', -1, 64)
}

// signed shows micro points with their sign.
func signed(micro int64) string {
	if micro > 0 {
		return "+" + Points(micro)
	}
	return strings.Replace(Points(micro), "-", "−", 1)
}

// shown is what a screen shows of a worth: whole points within 0 and the model's max.
func (s *Score) shown(worth int64) int64 {
	n := max(worth, 0) / Micro
	if s.Max > 0 {
		n = min(n, s.Max)
	}
	return n
}

// String is the rule as one Chinese sentence.
func (r *Rule) String() string {
	var b strings.Builder
	if t := r.triggers.String(); t != "" {
		b.WriteString(t)
	}
	if r.when != nil {
		if b.Len() > 0 {
			b.WriteString("，且 ")
		}
		b.WriteString(r.when.String())
	}
	fmt.Fprintf(&b, "：%s 分", signed(r.Points))
	for _, c := range r.Caps {
		b.WriteString("，" + c.String())
	}
	return b.String()
}

// String is the cap in Chinese.
func (c Cap) String() string {
	what := "最多 " + strconv.FormatFloat(c.Points, 'f', -1, 64) + " 分"
	if c.Per == perObject {
		what = "同一对象" + what
	}
	if c.Days <= 1 {
		return "每天" + what
	}
	return fmt.Sprintf("每 %d 天%s", c.Days, what)
}
