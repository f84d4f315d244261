package journey

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/rule"
)

// Keys of components.
const (
	keyOnEvent      = "on_event"
	keyOnChange     = "on_change"
	keyBranch       = "branch"
	keyWaitEvent    = "wait_event"
	keyWait         = "wait"
	keySendOfficial = "send_official"
	keySendWeCom    = "send_wecom"
	keyTag          = "tag"
	keyChange       = "change"
	keyAlert        = "alert"
	keyEnd          = "end"
	keySendTemplate = "send_template"
	keySendNotice   = "send_notice"
	keySendOnce     = "send_once"
	keySendMini     = "send_mini"
	keySendSMS      = "send_sms"
	keyWelcome      = "wecom_welcome"
	keyCanReach     = "can_reach"
	keyWebhook      = "webhook"
	keyGoal         = "goal"
)

var triggerComponents = []Component{
	{
		Number: "1", Key: keyOnEvent, Label: "行为事件", Group: Triggers, Subjects: both, Ports: []Port{portNext},
		Explain: "有人做了某件事，且满足条件时进入旅程。",
		Config: []Member{
			{Key: "events", Label: "事件", Editor: EditEvents, Required: true, Note: "其中任意一个发生"},
			{Key: "where", Label: "事件要求", Editor: EditWhere, Note: "对事件属性的要求，全部满足"},
			{Key: "when", Label: "客户条件", Editor: EditRule, Note: "事件发生时客户要满足的条件"},
		},
		decode: decodeOnEvent,
	},
	{
		Number: "4", Key: keyOnChange, Label: "标签/分数/阶段变化", Group: Triggers, Subjects: []Subject{Customers}, Ports: []Port{portNext},
		Explain: "客户被打上或去掉标签、分数跨过阈值、进入某个阶段时进入旅程。",
		Config: []Member{
			{Key: "change", Label: "变化", Editor: EditOption, Required: true, Note: "tag_added 打上标签，tag_removed 去掉标签，stage_entered 进入阶段，score_crossed 分数跨过阈值"},
			{Key: "tags", Label: "标签", Editor: EditTags, Note: "变化为标签时必填，任意一个"},
			{Key: "stages", Label: "阶段", Editor: EditStages, Note: "变化为阶段时必填，任意一个"},
			{Key: "first", Label: "仅首次", Editor: EditSwitch, Note: "只在第一次进入该阶段时触发"},
			{Key: "score", Label: "评分模型", Editor: EditScore, Note: "变化为分数时必填"},
			{Key: "thresholds", Label: "阈值", Editor: EditText, Note: "评分模型里阈值的编号，任意一个；不填为全部"},
			{Key: "when", Label: "客户条件", Editor: EditRule, Note: "变化时客户要满足的条件"},
		},
		decode: decodeOnChange,
	},
}

// onEvent starts runs when something happened.
type onEvent struct {
	events []string
	labels []string
	where  rule.Filter
	when   *rule.Tree
}

func decodeOnEvent(c *compiler, n Node) part {
	var cfg struct {
		Events []string        `json:"events"`
		Where  json.RawMessage `json:"where"`
		When   json.RawMessage `json:"when"`
	}
	decodeConfig(c, n, &cfg)
	c.events("config.events", cfg.Events)
	return &onEvent{events: cfg.Events, labels: c.eventLabels(cfg.Events),
		where: c.where("config", cfg.Where), when: c.tree("config.when", cfg.When)}
}

func (p *onEvent) on() []string { return p.events }

func (p *onEvent) concerns(e *event.Event) bool {
	return slices.Contains(p.events, e.Type) && p.where.Match(e)
}

func (p *onEvent) starts(at *place) bool { return p.concerns(at.e) && holds(p.when, at) }

func (p *onEvent) arrive(*place) verdict { return verdict{port: portNext.Key} }
func (p *onEvent) summary() string {
	return strings.Join(p.labels, "、") + asked(p.where) + conditioned(p.when)
}

// holds asks a person condition that may be absent.
func holds(t *rule.Tree, at *place) bool {
	if t == nil {
		return true
	}
	if at.f.person == nil {
		return false
	}
	if at.f.explain {
		trace := t.Explain(at.f.person, at.f.now)
		at.trace = &trace
		return trace.OK
	}
	return t.Match(at.f.person, at.f.now)
}

func asked(f rule.Filter) string {
	if s := f.String(); s != "" {
		return "（" + s + "）"
	}
	return ""
}

func conditioned(t *rule.Tree) string {
	if t == nil {
		return ""
	}
	return "，且" + t.String()
}

// onChange starts runs when what we concluded about a person changed.
type onChange struct {
	kind       string
	types      []string
	names      []string        // Chinese, of what it watches
	tags       map[string]bool // keys
	stages     map[string]bool // keys
	first      bool
	score      string
	thresholds []string
	when       *rule.Tree
}

// changes leads from the config's words to events.
var changes = map[string]struct {
	event string
	label string
}{
	"tag_added":     {event.TagAdded, "打上标签"},
	"tag_removed":   {event.TagRemoved, "去掉标签"},
	"stage_entered": {event.StageEntered, "进入阶段"},
	"score_crossed": {event.ScoreThresholdCrossed, "分数跨过阈值"},
}

func decodeOnChange(c *compiler, n Node) part {
	var cfg struct {
		Change     string          `json:"change"`
		Tags       []string        `json:"tags"`
		Stages     []string        `json:"stages"`
		First      bool            `json:"first"`
		Score      string          `json:"score"`
		Thresholds []string        `json:"thresholds"`
		When       json.RawMessage `json:"when"`
	}
	decodeConfig(c, n, &cfg)
	change, ok := changes[cfg.Change]
	if !ok {
		c.say("config.change", "变化可以是 tag_added、tag_removed、stage_entered、score_crossed，现在是“%s”", cfg.Change)
		return nil
	}
	p := &onChange{kind: cfg.Change, types: []string{change.event}, tags: map[string]bool{}, stages: map[string]bool{}, first: cfg.First,
		score: cfg.Score, thresholds: cfg.Thresholds, when: c.tree("config.when", cfg.When)}
	only := func(given bool, member, of string) {
		if given {
			c.say("config."+member, "这一项只用于%s", of)
		}
	}
	switch cfg.Change {
	case "tag_added", "tag_removed":
		p.names = c.tagNames("config.tags", cfg.Tags)
		for _, k := range cfg.Tags {
			p.tags[k] = true
		}
	case "stage_entered":
		p.names = c.stageNames("config.stages", cfg.Stages)
		for _, k := range cfg.Stages {
			p.stages[k] = true
		}
	case "score_crossed":
		def, known := c.known.Scope.Scores[cfg.Score]
		if !known {
			c.say("config.score", "没有评分模型“%s”", cfg.Score)
		}
		for i, k := range cfg.Thresholds {
			if known && !slices.Contains(def.Marks, k) {
				c.say(fmt.Sprintf("config.thresholds[%d]", i), "评分模型“%s”没有阈值“%s”，可用：%s", def.Label, k, strings.Join(def.Marks, "、"))
			}
		}
		p.names = []string{def.Label}
	}
	if cfg.Change != "tag_added" && cfg.Change != "tag_removed" {
		only(len(cfg.Tags) > 0, "tags", "标签变化")
	}
	if cfg.Change != "stage_entered" {
		only(len(cfg.Stages) > 0, "stages", "阶段变化")
		only(cfg.First, "first", "阶段变化")
	}
	if cfg.Change != "score_crossed" {
		only(cfg.Score != "", "score", "分数变化")
		only(len(cfg.Thresholds) > 0, "thresholds", "分数变化")
	}
	return p
}

func (p *onChange) on() []string { return p.types }

func (p *onChange) starts(at *place) bool { return p.concerns(at.e) && holds(p.when, at) }

func (p *onChange) concerns(e *event.Event) bool {
	if e.Type != p.types[0] {
		return false
	}
	switch p.kind {
	case "stage_entered":
		return p.stages[e.Props.Str("stage")] && (!p.first || e.Props.Str("first") == "true")
	case "score_crossed":
		return e.Props.Str("score") == p.score && (len(p.thresholds) == 0 || slices.Contains(p.thresholds, e.Props.Str("threshold")))
	default:
		return p.tags[e.Props.Str("tag")]
	}
}

func (p *onChange) arrive(*place) verdict { return verdict{port: portNext.Key} }

func (p *onChange) summary() string {
	s := changes[p.kind].label + "：" + strings.Join(p.names, "、")
	if p.first {
		s += "（仅首次）"
	}
	return s + conditioned(p.when)
}
