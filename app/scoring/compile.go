package scoring

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/setting"
)

// compiler checks one definition.
type compiler struct {
	it       setting.Item
	scope    *rule.Scope
	problems []fault.Problem
}

func (c *compiler) bad(path, format string, args ...any) {
	c.problems = append(c.problems, setting.Problem(c.it.Kind, c.it.Key, path, format, args...))
}

func (c *compiler) below(list []fault.Problem) {
	c.problems = append(c.problems, setting.Below(c.it.Kind, c.it.Key, list)...)
}

func (c *compiler) score() *Score {
	s := &Score{ID: c.it.ID, Rev: c.it.Rev, Key: c.it.Key, byHash: map[uint32]*Rule{}}
	var d definition
	if err := setting.Decode(c.it.Body, &d); err != nil {
		if c.bad("", "评分模型写法不对：%v", err); setting.Place(err) == "" {
			return s
		}
	}
	s.Name, s.Note, s.Kind, s.Max, s.HalfLife = d.Name, d.Note, d.Kind, d.max(), d.halfLife()
	s.Thresholds, s.Surges = d.Thresholds, d.Surges
	if strings.TrimSpace(d.Name) == "" {
		c.bad("name", "缺少名称：请填中文名称，如“意向”")
	}
	if kindLabels[d.Kind] == "" {
		c.bad("kind", "模型类型 %q 不存在，可用：behaviour 行为分、profile 属性分", d.Kind)
	}
	if s.Max < 1 || s.Max > maxPoints {
		c.bad("max", "满分应在 1 到 %d 之间", maxPoints)
	}
	if d.HalfLife != nil && (*d.HalfLife < 1 || *d.HalfLife > MaxHalfLife) {
		c.bad("half_life_days", "半衰期应在 1 到 %d 天之间；不衰减请不写这一项", MaxHalfLife)
	}
	if d.HalfLife != nil && d.Kind == Profile {
		c.bad("half_life_days", "属性分按现在的资料重算，不衰减：请去掉半衰期")
	}
	c.rules(s, d.Rules)
	c.thresholds(s)
	return s
}

func (c *compiler) rules(s *Score, body json.RawMessage) {
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil || len(list) == 0 {
		c.bad("rules", "缺少规则：应是规则的列表，至少一条")
		return
	}
	if len(list) > maxRules {
		c.bad("rules", "规则最多 %d 条，现在有 %d 条", maxRules, len(list))
		return
	}
	keys := map[string]bool{}
	for i, raw := range list {
		at := fmt.Sprintf("rules[%d]", i)
		var d ruleDefinition
		if err := setting.Decode(raw, &d); err != nil {
			if c.bad(at, "规则写法不对：%v", err); setting.Place(err) == "" {
				continue
			}
		}
		r := &Rule{Key: d.Key, Name: d.Name, Off: d.Off, hash: hashKey(d.Key), Caps: d.Caps}
		if d.Key == "" || len(d.Key) > 64 {
			c.bad(at+".key", "缺少 key：每条规则要有不变的标识（不超过 64 字节），评分明细靠它认出规则")
		}
		switch other := s.byHash[r.hash]; {
		case d.Key == "":
		case keys[d.Key]:
			c.bad(at+".key", "规则 %q 写了两次", d.Key)
		case other != nil:
			c.bad(at+".key", "规则标识 %q 与 %q 的编码相同：请换一个", d.Key, other.Key)
		}
		keys[d.Key] = true
		if strings.TrimSpace(d.Name) == "" {
			c.bad(at+".name", "缺少名称：它是客户分数旁边显示的理由")
		}
		var ok bool
		if r.Points, ok = micro(d.Points); !ok {
			c.bad(at+".points", "分值最多两位小数，绝对值不超过 %d", maxPoints)
		} else if r.Points == 0 {
			c.bad(at+".points", "缺少分值：加分写正数，减分写负数")
		}
		c.occasion(s, r, d, at)
		c.caps(s, r, at)
		s.byHash[r.hash] = r
		s.Rules = append(s.Rules, r)
	}
}

// occasion reads when a rule gives its points.
func (c *compiler) occasion(s *Score, r *Rule, d ruleDefinition, at string) {
	var more []fault.Problem
	r.triggers, more = rule.DecodeTriggers(d.On, at+".on", c.scope)
	c.below(more)
	none := len(d.When) == 0 || string(d.When) == "null"
	if !none {
		r.when, more = rule.Decode(d.When, at+".when", c.scope)
		c.below(more)
	}
	switch {
	case s.Kind == Behaviour && len(d.On) == 0:
		c.bad(at+".on", "缺少触发事件：行为分的规则要写 on，如 [{\"events\":[\"page.viewed\"]}]")
	case s.Kind == Profile && len(d.On) > 0:
		c.bad(at+".on", "属性分只看现在的资料，不能有触发事件：请用 when，或放进行为分模型")
	case s.Kind == Profile && none:
		c.bad(at+".when", "缺少条件：属性分的规则要写 when")
	}
	if r.when != nil && slices.Contains(r.when.Uses().Scores, s.ID) {
		c.bad(at+".when", "条件里用到了这个模型自己的分数，会循环：请换一个条件")
	}
}

func (c *compiler) caps(s *Score, r *Rule, at string) {
	if len(r.Caps) > 0 && s.Kind == Profile {
		c.bad(at+".caps", "属性分的规则每条只算一次，不需要上限")
	}
	if len(r.Caps) > maxCaps {
		c.bad(at+".caps", "上限最多 %d 条", maxCaps)
	}
	r.Caps = slices.Clone(r.Caps)
	for i := range r.Caps {
		p, at := &r.Caps[i], fmt.Sprintf("%s.caps[%d]", at, i)
		if m, ok := micro(p.Points); !ok || m <= 0 {
			c.bad(at+".points", "上限应是大于 0 的分数，最多两位小数")
		}
		if p.Days == 0 {
			p.Days = 1
		}
		if p.Days < 1 || p.Days > maxCapDays {
			c.bad(at+".days", "天数应在 1 到 %d 之间", maxCapDays)
			p.Days = 1
		}
		if p.Per != "" && p.Per != perObject {
			c.bad(at+".per", noObjectTip+"，现在是 %q", p.Per)
		}
	}
}

func (c *compiler) thresholds(s *Score) {
	keys := map[string]bool{}
	check := func(at, key, name string, points int64, most int64) {
		switch {
		case key == "" || len(key) > 64:
			c.bad(at+".key", "缺少 key：旅程靠它认出这个阈值")
		case keys[key]:
			c.bad(at+".key", "阈值 %q 写了两次", key)
		}
		keys[key] = true
		if strings.TrimSpace(name) == "" {
			c.bad(at+".name", "缺少名称")
		}
		if points < 1 || points > most {
			c.bad(at+".points", "分数应在 1 到 %d 之间", most)
		}
	}
	if len(s.Thresholds) > maxThresh {
		c.bad("thresholds", "阈值最多 %d 个", maxThresh)
	}
	for i, t := range s.Thresholds {
		check(fmt.Sprintf("thresholds[%d]", i), t.Key, t.Name, t.Points, max(s.Max, 1))
	}
	slices.SortStableFunc(s.Thresholds, func(a, b Threshold) int { return int(a.Points - b.Points) })
	if len(s.Surges) > maxSurges {
		c.bad("surges", "突增最多 %d 个", maxSurges)
	}
	if len(s.Surges) > 0 && s.Kind == Profile {
		c.bad("surges", "属性分没有时间，不能看突增")
	}
	for i, x := range s.Surges {
		at := fmt.Sprintf("surges[%d]", i)
		check(at, x.Key, x.Name, x.Points, maxPoints)
		if x.Hours < 1 || x.Hours > maxHours {
			c.bad(at+".hours", "小时数应在 1 到 %d 之间", maxHours)
		}
	}
}

// gridDefinition is the JSON form of a Grid.
type gridDefinition struct {
	Name       string           `json:"name"`
	Fit        string           `json:"fit"`
	Intent     string           `json:"intent"`
	FitCuts    map[string]int64 `json:"fit_cuts"`
	IntentCuts map[string]int64 `json:"intent_cuts"`
}

var (
	fitSteps    = [3]string{"A", "B", "C"}
	intentSteps = [3]string{"1", "2", "3"}
)

func (g *gridDefinition) cuts() *rule.Grid {
	out := &rule.Grid{Fit: g.Fit, Intent: g.Intent}
	for i := range 3 {
		out.FitCuts[i], out.IntentCuts[i] = g.FitCuts[fitSteps[i]], g.IntentCuts[intentSteps[i]]
	}
	return out
}

func (c *compiler) grid(scores map[string]*Score) *Grid {
	var d gridDefinition
	g := &Grid{Key: c.it.Key}
	if err := setting.Decode(c.it.Body, &d); err != nil {
		if c.bad("", "等级表写法不对：%v", err); setting.Place(err) == "" {
			return g
		}
	}
	g.Name, g.Grid = d.Name, *d.cuts()
	if strings.TrimSpace(d.Name) == "" {
		c.bad("name", "缺少名称：请填中文名称，如“客户等级”")
	}
	pick := func(member, key string) *Score {
		s := scores[key]
		if s == nil {
			c.bad(member, "没有叫 %q 的评分模型：可用 %s", key, strings.Join(slices.Sorted(maps.Keys(scores)), "、"))
		}
		return s
	}
	g.Fit, g.Intent = pick("fit", d.Fit), pick("intent", d.Intent)
	cuts := func(member string, steps [3]string, given map[string]int64) {
		for _, k := range slices.Sorted(maps.Keys(given)) {
			if !slices.Contains(steps[:], k) {
				c.bad(member+"."+k, "没有 %s 这一档：%s 写起点，最后一档是其余的人", k, strings.Join(steps[:], "、"))
			}
		}
		last := int64(maxPoints + 1)
		for _, k := range steps {
			switch v, ok := given[k]; {
			case !ok:
				c.bad(member+"."+k, "缺少 %s 档的起点分数", k)
			case v >= last:
				c.bad(member+"."+k, "%s 档的起点 %d 应比上一档低", k, v)
			case v < 1:
				c.bad(member+"."+k, "%s 档的起点应大于 0，现在是 %d", k, v)
			default:
				last = v
			}
		}
	}
	cuts("fit_cuts", fitSteps, d.FitCuts)
	cuts("intent_cuts", intentSteps, d.IntentCuts)
	return g
}
