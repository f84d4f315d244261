package rule

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
)

const (
	groupScore = "指标"
	groupStage = "阶段"
)

var scoreLeaves = []Leaf{
	{Name: "score", Label: "分数", Group: groupScore, About: AboutScore, compile: compileScore,
		Ops:     numberOps[2:], // a decayed number is never exactly equal to anything
		Explain: "某个评分模型今天的分数，已按半衰期衰减"},
	{Name: "fit", Label: "契合度等级", Group: groupScore, Ops: among(EditGrades), compile: compileFit,
		Explain: "契合度分数所在的等级，A 最高"},
	{Name: "intent", Label: "意向档", Group: groupScore, Ops: among(EditLevels), compile: compileIntent,
		Explain: "意向分今天所在的档，1 最高"},
	{Name: "grid", Label: "格子", Group: groupScore, Ops: among(EditCells), compile: compileCells,
		Explain: "契合度等级与意向档的组合，A1 最好"},
}

// span returns the stored numbers that show as at least lo and less than hi micro points on the day.
func (s ScoreDef) span(lo, hi int64, day int32) spans {
	a, b := int64(math.MinInt64), int64(math.MaxInt64)
	if lo != math.MinInt64 {
		if s.Max > 0 && lo > s.Max*Micro {
			return nil
		}
		a = s.atLeast(lo, day)
	}
	if hi != math.MaxInt64 && (s.Max == 0 || hi <= s.Max*Micro) {
		b = s.atLeast(hi, day) - 1
	}
	return one(a, b)
}

func (s ScoreDef) atLeast(micro int64, day int32) int64 {
	if s.AtLeast == nil {
		return micro
	}
	return s.AtLeast(micro, day)
}

// points is what a stored number shows as on the day, in whole points.
func (s ScoreDef) points(stored int64, day int32) int64 {
	if s.Worth != nil {
		stored = s.Worth(stored, day)
	}
	if s.Max > 0 {
		stored = min(stored, s.Max*Micro)
	}
	return int64(math.Floor(float64(stored) / Micro))
}

// scored builds the condition that a score's stored number lies in spans of the day. Who has no score
// has 0 points.
func (l *leafNode) scored(s ScoreDef, label, phrase string, list func(day) spans) *number {
	l.tree.uses.Scores = append(l.tree.uses.Scores, s.ID)
	if s.AtLeast != nil {
		l.tree.uses.Daily = true
	}
	return &number{
		label: label, phrase: phrase, spans: l.daily(list),
		get: func(p *Person, _ moment) (int64, bool) { return p.Scores[s.ID].Stored, true },
		rows: func(w *writer, within spans) {
			if within.has(0) {
				w.put("NOT ")
				within = within.others()
			}
			w.exists(w.schema.Scores, func() {
				w.put(" AND x.model_id = ")
				w.arg(s.ID)
				w.put(" AND ")
				w.within("x.value", within)
			})
		},
		show: func(n int64, at moment) string {
			return itoa(s.points(n, at.day.n)) + " 分"
		},
	}
}

// maxPoints bounds the points a condition may name, far above any model.
const maxPoints = 1_000_000

func abs(n int64) int64 { return max(n, -n) }

func compileScore(l *leafNode) cond {
	s := l.scope.Scores[l.n.Key]
	list, _, phrase := l.numberSpans()
	for _, p := range list {
		if p.lo != math.MinInt64 && abs(p.lo) > maxPoints || p.hi != math.MaxInt64 && abs(p.hi) > maxPoints {
			l.bad(l.path+".value", "分数应在 ±%d 之间", maxPoints)
			list = nil
			break
		}
	}
	return l.scored(s, s.Label, phrase, func(d day) spans {
		var out spans
		for _, points := range list {
			lo, hi := points.lo, points.hi
			if lo != math.MinInt64 {
				// "more than n" arrives as "from n+1": of fractions, that is everything above n.
				if lo *= Micro; l.op.Name == "gt" {
					lo += 1 - Micro
				}
			}
			if hi != math.MaxInt64 {
				// Up to n includes n itself and nothing above; "less than n" arrives as "up to n−1".
				if hi = hi*Micro + 1; l.op.Name == "lt" {
					hi += Micro - 1
				}
			}
			out = append(out, s.span(lo, hi, d.n)...)
		}
		return out
	})
}

// gridded returns the grid and its two models, or reports what is missing.
func (l *leafNode) gridded() (g Grid, fit, intent ScoreDef) {
	if l.scope.Grid == nil {
		l.bad(l.path+".leaf", "还没有定义格子（grid），“%s”用不了", l.def.Label)
		return
	}
	g = *l.scope.Grid
	var ok bool
	if fit, ok = l.scope.Scores[g.Fit]; !ok {
		l.bad(l.path+".leaf", "格子用的评分模型 %q 不存在", g.Fit)
		l.followsFrom("grid")
	}
	if intent, ok = l.scope.Scores[g.Intent]; !ok {
		l.bad(l.path+".leaf", "格子用的评分模型 %q 不存在", g.Intent)
		l.followsFrom("grid")
	}
	return
}

// band is the i-th of four steps, best first, as stored numbers of the day.
func band(s ScoreDef, cuts [3]int64, i int, d day) spans {
	lo, hi := int64(math.MinInt64), int64(math.MaxInt64)
	if i < 3 {
		lo = cuts[i] * Micro
	}
	if i > 0 {
		hi = cuts[i-1] * Micro
	}
	return s.span(lo, hi, d.n)
}

// banded asks whether a score lies in one of some steps.
func (l *leafNode) banded(s ScoreDef, label, phrase string, cuts [3]int64, steps []int, names string) *number {
	slices.Sort(steps)
	steps = slices.Compact(steps)
	c := l.scored(s, label, phrase, func(d day) spans {
		var out spans
		for _, i := range slices.Backward(steps) {
			out = append(out, band(s, cuts, i, d)...)
		}
		return out
	})
	points := c.show
	c.show = func(n int64, at moment) string {
		for i := range 4 {
			if band(s, cuts, i, at.day).has(n) {
				return names[i:i+1] + "（" + points(n, at) + "）"
			}
		}
		return points(n, at)
	}
	return c
}

const (
	grades = "ABCD"
	levels = "1234"
)

func compileFit(l *leafNode) cond {
	g, fit, _ := l.gridded()
	list := l.list()
	var steps []int
	for _, s := range list {
		steps = append(steps, l.step(s, grades, "等级是 A、B、C、D"))
	}
	c := l.banded(fit, l.def.Label, l.op.Label+" "+strings.Join(list, "、"), g.FitCuts, steps, grades)
	c.not = l.op.Name == "not_in"
	return c
}

func compileIntent(l *leafNode) cond {
	g, _, intent := l.gridded()
	var list []json.RawMessage
	if json.Unmarshal(l.n.Value, &list) != nil || len(list) == 0 || len(list) > maxList {
		l.bad(l.path+".value", "应是档位的列表，如 [1, 2]")
	}
	var steps []int
	var shown []string
	for _, raw := range list {
		steps, shown = append(steps, l.step(strings.TrimSpace(string(raw)), levels, "档位是 1、2、3、4")), append(shown, short(raw))
	}
	c := l.banded(intent, l.def.Label, l.op.Label+" "+strings.Join(shown, "、"), g.IntentCuts, steps, levels)
	c.not = l.op.Name == "not_in"
	return c
}

func (l *leafNode) step(s, names, hint string) int {
	if i := strings.Index(names, s); len(s) == 1 && i >= 0 {
		return i
	}
	l.bad(l.path+".value", "没有 %s：%s", short([]byte(s)), hint)
	return 0
}

// cells is a set of grid cells: for each fit grade, the intent levels that belong to it.
type cells struct {
	label, phrase string
	not           bool
	rows          [][2]*number // fit grade, its levels
	fit, intent   *number      // to show
}

func compileCells(l *leafNode) cond {
	g, fit, intent := l.gridded()
	list := l.list()
	var byGrade [4][]int
	for _, s := range list {
		if len(s) != 2 {
			l.bad(l.path+".value", "没有 %s：格子写作 A1 到 D4", s)
			continue
		}
		i := l.step(s[:1], grades, "格子写作 A1 到 D4")
		byGrade[i] = append(byGrade[i], l.step(s[1:], levels, "格子写作 A1 到 D4"))
	}
	all := []int{0, 1, 2, 3}
	c := &cells{
		label: l.def.Label, phrase: l.op.Label + " " + strings.Join(list, "、"), not: l.op.Name == "not_in",
		fit:    l.banded(fit, "", "", g.FitCuts, slices.Clone(all), grades),
		intent: l.banded(intent, "", "", g.IntentCuts, slices.Clone(all), levels),
	}
	for i, steps := range byGrade {
		if len(steps) > 0 {
			c.rows = append(c.rows, [2]*number{
				l.banded(fit, "", "", g.FitCuts, []int{i}, grades),
				l.banded(intent, "", "", g.IntentCuts, steps, levels),
			})
		}
	}
	return c
}

func (c *cells) match(p *Person, at moment) bool {
	for _, r := range c.rows {
		if r[0].match(p, at) && r[1].match(p, at) {
			return !c.not
		}
	}
	return c.not
}

func (c *cells) sql(w *writer) {
	if c.not {
		w.put("NOT ")
	}
	w.put("(")
	for i, r := range c.rows {
		if i > 0 {
			w.put(" OR ")
		}
		w.put("(")
		r[0].sql(w)
		w.put(" AND ")
		r[1].sql(w)
		w.put(")")
	}
	w.put(")")
}

func (c *cells) explain(p *Person, at moment) Trace {
	f, _ := c.fit.get(p, at)
	i, _ := c.intent.get(p, at)
	return said(c.match(p, at), c.summary(), "契合度 "+c.fit.show(f, at)+"，意向 "+c.intent.show(i, at))
}

func (c *cells) summary() string { return c.label + " " + c.phrase }

var stageLeaves = []Leaf{
	{Name: "stage", Label: "生命周期阶段", Group: groupStage, Ops: append(among(EditStages), opEmpty, opNotEmpty), compile: compileStage,
		Explain: "客户现在所处的阶段"},
	{Name: "stage_at", Label: "进入阶段的时间", Group: groupStage, Ops: dateOps, compile: compileStageAt,
		Explain: "进入现在这个阶段的时间"},
}

func compileStage(l *leafNode) cond {
	l.tree.uses.Stage = true
	t := textTest{how: present, not: l.op.Name == "empty" || l.op.Name == "not_in"}
	phrase := l.op.Label
	if l.op.Editor != EditNone {
		list, _, names := named(l, "阶段", l.scope.Stages, func(s string) string { return s })
		t.how, t.list, phrase = equals, list, phrase+" "+names
	}
	stages := l.scope.Stages
	return &text{
		label: l.def.Label, phrase: phrase, test: t,
		get: func(p *Person) (string, bool) { return p.Stage, p.Stage != "" },
		rows: func(w *writer, on func(string)) {
			w.exists(w.schema.Stages, func() {
				w.put(" AND ")
				on("x.stage")
			})
		},
		show: func(s string) string {
			if name := stages[s]; name != "" {
				return name
			}
			return s
		},
	}
}

func compileStageAt(l *leafNode) cond {
	l.tree.uses.Stage = true
	l.stepsDaily()
	list, not, phrase := l.instantSpans()
	return &number{
		label: l.def.Label, phrase: phrase, not: not, spans: l.daily(list), show: showInstant, none: "还没有阶段",
		get: func(p *Person, _ moment) (int64, bool) { return p.StageAt, p.Stage != "" },
		rows: func(w *writer, within spans) {
			w.exists(w.schema.Stages, func() {
				w.put(" AND ")
				w.within("x.at", within)
			})
		},
	}
}
