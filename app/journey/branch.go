package journey

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/rule"
)

const maxBranches = 20

var portKey = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,19}$`)

var branchComponents = []Component{
	{
		Number: "7", Key: keyBranch, Label: "条件判断", Group: Branches, Subjects: []Subject{Customers}, Ports: []Port{portElse}, Branching: true,
		Explain: "按条件分几路走：从上到下，走第一条满足的；都不满足走“其他”。",
		Config: []Member{
			{Key: "branches", Label: "分支", Editor: EditBranches, Required: true, Note: "每条分支有出口编号、名称和条件"},
		},
		decode: decodeBranch,
	},
	{
		Number: "8", Key: keyWaitEvent, Label: "等待事件", Group: Branches, Subjects: both, Ports: []Port{portTimeout}, Branching: true,
		Explain: "等某件事发生，发生即走；到时间还没发生，从“超时”走。",
		Config: []Member{
			{Key: "cases", Label: "等的事件", Editor: EditCases, Required: true, Note: "每一种有出口编号、名称、事件和对事件的要求；先发生的先走。等消息的送达、点击、回复、失败时，可用 step 指明是本次旅程哪一步发的消息"},
			{Key: "timeout", Label: "最多等", Editor: EditDuration, Required: true},
		},
		decode: decodeWaitEvent,
	},
}

// branch sends runs the first way whose condition holds.
type branch struct{ ways []branchWay }

type branchWay struct {
	port Port
	when *rule.Tree
}

func decodeBranch(c *compiler, n Node) part {
	var cfg struct {
		Branches []struct {
			Port  string          `json:"port"`
			Label string          `json:"label"`
			When  json.RawMessage `json:"when"`
		} `json:"branches"`
	}
	decodeConfig(c, n, &cfg)
	p := &branch{}
	c.manyWays("config.branches", len(cfg.Branches))
	for i, b := range cfg.Branches {
		at := fmt.Sprintf("config.branches[%d]", i)
		c.port(at, b.Port, b.Label, p.ports(), portElse)
		if len(b.When) == 0 {
			c.say(at+".when", "请填写条件")
		}
		p.ways = append(p.ways, branchWay{Port{Key: b.Port, Label: b.Label}, c.tree(at+".when", b.When)})
	}
	return p
}

func (c *compiler) manyWays(path string, n int) {
	if n == 0 {
		c.say(path, "至少要有一条分支")
	}
	if n > maxBranches {
		c.say(path, "最多 %d 条分支，现在有 %d 条", maxBranches, n)
	}
}

// port checks a port that a config names.
func (c *compiler) port(path, key, label string, taken []Port, fixed Port) {
	if !portKey.MatchString(key) {
		c.say(path+".port", "出口编号“%s”不合规：用小写字母、数字、- 和 _，最长 20 个字符", key)
	}
	if key == fixed.Key || slices.ContainsFunc(taken, func(p Port) bool { return p.Key == key }) {
		c.say(path+".port", "出口编号“%s”重复", key)
	}
	if strings.TrimSpace(label) == "" {
		c.say(path+".label", "请填写分支名称")
	}
}

func (p *branch) ports() []Port {
	out := make([]Port, len(p.ways))
	for i, w := range p.ways {
		out[i] = w.port
	}
	return out
}

func (p *branch) reads() {}

func (p *branch) arrive(at *place) verdict {
	var traces []rule.Trace
	for _, w := range p.ways {
		ok := holds(w.when, at)
		if at.f.explain && at.trace != nil {
			traces = append(traces, rule.Trace{OK: ok, Text: "分支“" + w.port.Label + "”", Kids: []rule.Trace{*at.trace}})
		}
		if ok {
			at.why = "满足“" + w.port.Label + "”"
			at.explained("走“"+w.port.Label+"”", traces)
			return verdict{port: w.port.Key}
		}
	}
	at.why = "各分支都不满足"
	at.explained("走“其他”", traces)
	return verdict{port: portElse.Key}
}

func (p *place) explained(text string, kids []rule.Trace) {
	if p.f.explain {
		p.trace = &rule.Trace{OK: true, Text: text, Kids: kids}
	}
}

func (p *branch) summary() string {
	out := make([]string, len(p.ways))
	for i, w := range p.ways {
		out[i] = w.port.Label + "：" + w.when.String()
	}
	return strings.Join(out, "；")
}

// waitEvent parks runs until one of some events happens, at most for a time.
type waitEvent struct {
	cases   []eventCase
	timeout span
}

type eventCase struct {
	port   Port
	events []string
	labels []string
	where  rule.Filter
	step   string // of this run: the event must be about a message of it; "": any
}

func decodeWaitEvent(c *compiler, n Node) part {
	var cfg struct {
		Cases []struct {
			Port   string          `json:"port"`
			Label  string          `json:"label"`
			Events []string        `json:"events"`
			Where  json.RawMessage `json:"where"`
			Step   string          `json:"step"`
		} `json:"cases"`
		Timeout string `json:"timeout"`
	}
	decodeConfig(c, n, &cfg)
	p := &waitEvent{timeout: c.span("config.timeout", cfg.Timeout)}
	c.manyWays("config.cases", len(cfg.Cases))
	for i, x := range cfg.Cases {
		at := fmt.Sprintf("config.cases[%d]", i)
		c.port(at, x.Port, x.Label, p.ports(), portTimeout)
		c.events(at+".events", x.Events)
		p.cases = append(p.cases, eventCase{Port{Key: x.Port, Label: x.Label}, x.Events, c.eventLabels(x.Events), c.where(at, x.Where), x.Step})
		c.ownStep(at, x.Step, x.Events)
	}
	return p
}

// ownStep checks that a case waits for what becomes of a message this journey sends.
func (c *compiler) ownStep(at, step string, events []string) {
	if step == "" {
		return
	}
	i := slices.IndexFunc(c.def.Nodes, func(n Node) bool { return n.ID == step })
	if i < 0 {
		c.say(at+".step", "没有步骤“%s”", step)
	} else if comp := component(c.def.Nodes[i].Component); comp != nil && !slices.Contains(comp.Ports, portBlocked) {
		c.say(at+".step", "步骤 %s（%s）不发消息", step, comp.Label)
	}
	if slices.ContainsFunc(events, func(t string) bool { return !strings.HasPrefix(t, "message.") }) {
		c.say(at+".step", "只有消息类事件（message. 开头）才能指明是哪一步发的")
	}
}

// own reports whether an event is about a message of the run's own step.
func (x *eventCase) own(at *place) bool {
	if x.step == "" {
		return true
	}
	run, _, node, ok := parseStep(at.e.Props.Str("step"))
	return ok && at.run != nil && run == at.run.ID && node == x.step
}

func (p *waitEvent) ports() []Port {
	out := make([]Port, len(p.cases))
	for i, x := range p.cases {
		out[i] = x.port
	}
	return out
}

func (p *waitEvent) types() []string {
	var out []string
	for _, x := range p.cases {
		out = append(out, x.events...)
	}
	return out
}

func (p *waitEvent) arrive(at *place) verdict {
	return verdict{wait: true, due: at.f.now + p.timeout.ms}
}

func (p *waitEvent) happened(at *place) string {
	for _, x := range p.cases {
		if slices.Contains(x.events, at.e.Type) && x.where.Match(at.e) && x.own(at) {
			at.why = "发生了“" + x.port.Label + "”"
			return x.port.Key
		}
	}
	return ""
}

func (p *waitEvent) due(at *place) string {
	at.why = "等了 " + p.timeout.text + "，没有发生"
	return portTimeout.Key
}

func (p *waitEvent) breaks() bool { return p.timeout.ms >= 60_000 }

func (p *waitEvent) summary() string {
	out := make([]string, len(p.cases))
	for i, x := range p.cases {
		out[i] = strings.Join(x.labels, "、") + asked(x.where)
		if x.step != "" {
			out[i] = "步骤 " + x.step + " 的" + out[i]
		}
	}
	return "等待" + strings.Join(out, "或") + "，最多 " + p.timeout.text
}
