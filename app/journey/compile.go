package journey

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/message"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/setting"
)

// Known gives the names in a graph their meaning when it is compiled. Graphs keep what they resolved, so
// they are compiled again when a definition they name changes.
type Known struct {
	Scope    *rule.Scope
	Messages *message.Model
	Webhooks map[string]string // names by key
}

// compiler turns one definition into a Graph and collects everything wrong with it.
type compiler struct {
	it       setting.Item
	known    Known
	def      Definition
	g        *Graph
	place    string // path of the node at hand, "" outside nodes
	problems []fault.Problem
	warnings []fault.Problem
	dangling map[*node]map[string]bool // ports whose edge was told to lead nowhere
	loose    bool                      // something of the shape was told, so that what cannot be reached tells nothing new
	astray   bool                      // an edge was told to start nowhere: it may be the one that a port lacks
}

// compile reads one definition. The graph is complete only without problems; it is returned anyway when
// its shape could be read, since runs of an old version must go on although, say, a tag was deleted since:
// nodes with problems then fail when a run arrives.
func compile(it setting.Item, known Known) (*Graph, []fault.Problem) {
	c := &compiler{it: it, known: known}
	if !c.decode("", it.Body, &c.def) && !json.Valid(it.Body) {
		return nil, c.problems
	}
	c.g = &Graph{ID: it.ID, Rev: it.Rev, Key: it.Key, Name: c.def.Name, Status: c.def.Status, Subject: c.def.Subject, Def: c.def,
		byID: map[string]*node{}, waits: map[string]bool{}}
	c.head()
	c.settings()
	c.nodes()
	c.edges()
	c.shape()
	if !c.loose {
		c.platforms()
	}
	if c.g.watches { // any event has the condition asked, these change its answer
		for _, t := range c.g.trees {
			for _, typ := range t.Uses().Events {
				c.g.waits[typ] = true
			}
		}
	}
	c.g.warnings = c.warnings
	return c.g, c.problems
}

func (c *compiler) say(path, format string, args ...any) {
	if c.place != "" {
		path = strings.TrimSuffix(c.place+"."+path, ".")
	}
	c.problems = append(c.problems, setting.Problem(setting.KindJourney, c.it.Key, path, format, args...))
}

// warn tells what keeps a journey from nothing and its author had better know.
func (c *compiler) warn(path, format string, args ...any) {
	c.warnings = append(c.warnings, setting.Problem(setting.KindJourney, c.it.Key, path, format, args...))
}

// decode reads a JSON part strictly; path is below the node at hand. What fits is read also when something
// else does not.
func (c *compiler) decode(path string, body json.RawMessage, into any) bool {
	err := setting.Decode(body, into)
	var misfit *setting.Misfit
	switch {
	case err == nil:
		return true
	case errors.As(err, &misfit):
		c.say(path, "写法不对：%v", misfit) // which leads to its place
	default:
		c.say(path, "写法不对：不是有效的 JSON")
	}
	return false
}

func (c *compiler) head() {
	if strings.TrimSpace(c.def.Name) == "" {
		c.say("name", "请填写名称")
	}
	if c.def.Subject.Label() == "" {
		c.say("subject", "主体要么是 contact（客户），要么是 staff（员工），现在是“%s”", c.def.Subject)
	}
	if c.def.Status.Label() == "" {
		c.say("status", "状态可以是 draft、live、paused、stopped，现在是“%s”", c.def.Status)
	}
}

func (c *compiler) settings() {
	s, g := c.def.Settings, c.g
	g.entry = s.Entry
	switch s.Entry.Mode {
	case Once, Concurrent:
		if s.Entry.Days != 0 {
			c.say("settings.entry.days", "只有“%s”才要填天数", entryLabels[Again])
		}
	case Again:
		if s.Entry.Days < 1 || s.Entry.Days > 3650 {
			c.say("settings.entry.days", "天数应在 1 到 3650 之间，现在是 %d", s.Entry.Days)
		}
	default:
		c.say("settings.entry.mode", "进入规则可以是 once（只进一次）、again（N天后可再进）、concurrent（可同时多次），现在是“%s”", s.Entry.Mode)
	}
	g.fresh = defaultFreshness
	if s.Freshness != "" {
		d, err := parseDuration(s.Freshness)
		if err != nil {
			c.say("settings.freshness", "%s", err)
		}
		g.fresh = d
	}
	g.priority = defaultPriority
	if s.Priority != nil {
		g.priority = *s.Priority
		if *s.Priority < 0 || *s.Priority > 100 {
			c.say("settings.priority", "优先级应在 0 到 100 之间，现在是 %d", *s.Priority)
		}
	}
	g.zone = c.known.Scope.Zone
	if s.Timezone != "" {
		zone, err := time.LoadLocation(s.Timezone)
		if err != nil {
			c.say("settings.timezone", "没有时区“%s”，应形如 Asia/Shanghai", s.Timezone)
		} else {
			g.zone = zone
		}
	}
	c.workingHours()
	for i, x := range s.Exit {
		c.exit(fmt.Sprintf("settings.exit[%d]", i), x)
	}
	if s.Goal != nil {
		c.g.goal = c.goal("settings.goal", *s.Goal)
	}
}

func (c *compiler) workingHours() {
	h := c.def.Settings.Hours
	if h == nil {
		return
	}
	out := &hours{}
	var err error
	if out.from, err = parseClock(h.From); err != nil {
		c.say("settings.hours.from", "%s", err)
		return
	}
	if out.to, err = parseClock(h.To); err != nil {
		c.say("settings.hours.to", "%s", err)
		return
	}
	if out.from >= out.to {
		c.say("settings.hours", "结束时刻 %s 应晚于开始时刻 %s", out.to, out.from)
	}
	for _, d := range h.Days {
		if d < 1 || d > 7 {
			c.say("settings.hours.days", "星期用 1（周一）到 7（周日）表示，现在有 %d", d)
			continue
		}
		out.days[d] = true
	}
	if len(h.Days) == 0 {
		out.days = [8]bool{false, true, true, true, true, true, true, true}
	}
	c.g.hours = out
}

func (c *compiler) exit(path string, x Exit) {
	out := exit{events: map[string]bool{}, why: "满足退出条件"}
	if x.Note != "" {
		out.why += "：" + x.Note
	}
	if len(x.Events) == 0 && len(x.When) == 0 {
		c.say(path, "退出条件至少要有事件或条件之一")
	}
	if len(x.Events) == 0 && len(x.Where) > 0 {
		c.say(path+".where", "对事件的要求要和事件一起填写")
	}
	for i, t := range x.Events {
		c.event(fmt.Sprintf("%s.events[%d]", path, i), t)
		out.events[t], c.g.waits[t] = true, true
	}
	out.where = c.where(path, x.Where)
	out.when = c.tree(path+".when", x.When)
	if len(x.Events) == 0 {
		c.g.watches = true
	}
	c.g.exitList = append(c.g.exitList, out)
}

// event checks an event type.
func (c *compiler) event(path, name string) {
	if c.known.Scope.Events[name] != "" {
		return
	}
	if strings.HasPrefix(name, event.CustomPrefix) {
		c.say(path, "还没有定义自定义事件 %s：请先在「字段与埋点」里添加", name)
		return
	}
	c.say(path, "没有事件“%s”", name)
}

// events checks a list of event types that must not be empty.
func (c *compiler) events(path string, names []string) {
	if len(names) == 0 {
		c.say(path, "请选择事件")
	}
	for i, name := range names {
		c.event(fmt.Sprintf("%s[%d]", path, i), name)
	}
}

// tree compiles a condition about the person; an empty one is nil.
func (c *compiler) tree(path string, body json.RawMessage) *rule.Tree {
	if len(body) == 0 || string(body) == "null" {
		return nil
	}
	t, problems := rule.Decode(body, c.full(path), c.known.Scope)
	c.problems = append(c.problems, problems...)
	if len(problems) > 0 {
		return nil
	}
	if c.g.Subject == StaffOnly {
		c.say(path, "主体为员工的旅程不能用客户条件")
	}
	c.g.trees = append(c.g.trees, t)
	return t
}

// where compiles the member "where" below path.
func (c *compiler) where(path string, body json.RawMessage) rule.Filter {
	f, problems := rule.DecodeFilter(body, c.full(path), c.known.Scope)
	c.problems = append(c.problems, problems...)
	return f
}

// full is a path as problems carry it.
func (c *compiler) full(path string) string {
	if c.place != "" {
		path = strings.TrimSuffix(c.place+"."+path, ".")
	}
	return setting.KindJourney + "/" + c.it.Key + "/" + path
}

// nodes compiles each step.
func (c *compiler) nodes() {
	if len(c.def.Nodes) > maxNodes {
		c.say("nodes", "一个旅程最多 %d 步，现在有 %d 步", maxNodes, len(c.def.Nodes))
		return
	}
	for i, n := range c.def.Nodes {
		c.place = fmt.Sprintf("nodes[%d]", i)
		c.node(i, n)
	}
	c.place = ""
}

func (c *compiler) node(i int, n Node) {
	out := &node{id: n.ID, index: i, note: n.Note, onError: n.OnError, to: map[string]*node{}}
	if !nodeID.MatchString(n.ID) {
		c.say("id", "步骤编号“%s”不合规：用小写字母、数字、- 和 _，最长 40 个字符", n.ID)
	}
	if c.g.byID[n.ID] != nil {
		c.say("id", "步骤编号“%s”重复", n.ID)
		return
	}
	if n.OnError != "" && n.OnError != Continue && n.OnError != Stop {
		c.say("on_error", "出错时可以 continue（继续）或 stop（停止），现在是“%s”", n.OnError)
	}
	out.comp = component(n.Component)
	if out.comp == nil {
		c.say("component", "没有组件“%s”", n.Component)
		c.loose = true // it may have been meant as the trigger
		out.comp = &Component{Key: n.Component, Label: n.Component}
		out.part = broken{}
	} else {
		if c.def.Subject.Label() != "" && !slices.Contains(out.comp.Subjects, c.def.Subject) {
			c.say("component", "“%s”不能用在主体为%s的旅程里", out.comp.Label, c.def.Subject.Label())
		}
		before := len(c.problems)
		out.part = out.comp.decode(c, n)
		if len(c.problems) > before || out.part == nil {
			out.part = broken{why: c.problems[len(c.problems)-1].Message}
		}
	}
	c.g.nodes = append(c.g.nodes, out)
	c.g.byID[n.ID] = out
	switch p := out.part.(type) {
	case starter:
		c.g.triggers = append(c.g.triggers, out)
	case waiter:
		c.g.parks = true
		if w, ok := p.(interface{ types() []string }); ok {
			for _, t := range w.types() {
				c.g.waits[t] = true
			}
		}
		if w, ok := p.(interface{ watches() bool }); ok && w.watches() {
			c.g.watches = true
		}
	}
}

// portsOf lists all ports of a node.
func portsOf(n *node) []Port {
	ports := n.comp.Ports
	if b, ok := n.part.(brancher); ok {
		ports = append(slices.Clone(b.ports()), ports...)
	}
	return ports
}

func (c *compiler) edges() {
	if len(c.def.Edges) > maxEdges {
		c.say("edges", "一个旅程最多 %d 条连线，现在有 %d 条", maxEdges, len(c.def.Edges))
		return
	}
	for i, e := range c.def.Edges {
		at := fmt.Sprintf("edges[%d]", i)
		from, to := c.g.byID[e.From], c.g.byID[e.To]
		if from == nil {
			c.say(at+".from", "没有步骤“%s”", e.From)
			c.astray = true
		}
		port := e.Port
		if port == "" {
			port = portNext.Key
		}
		if to == nil {
			c.say(at+".to", "没有步骤“%s”", e.To)
		}
		if from == nil || to == nil {
			c.loose = true
			c.dangle(from, port)
			continue
		}
		_, isBroken := from.part.(broken)
		if !isBroken && !slices.ContainsFunc(portsOf(from), func(p Port) bool { return p.Key == port }) {
			c.say(at+".port", "步骤 %s（%s）没有出口“%s”", from.id, from.comp.Label, port)
			c.loose = true
			continue
		}
		if _, isTrigger := to.part.(starter); isTrigger {
			c.say(at+".to", "连线不能指向触发步骤 %s", to.id)
			c.loose = true
			c.dangle(from, port)
			continue
		}
		if from.to[port] != nil {
			c.say(at+".port", "步骤 %s 的出口“%s”连了两条线：要分开走请用“条件判断”", from.id, port)
			c.loose = true
			continue
		}
		from.to[port] = to
	}
}

// dangle notes a port whose edge was told to lead nowhere.
func (c *compiler) dangle(from *node, port string) {
	if from == nil {
		return
	}
	if c.dangling == nil {
		c.dangling = map[*node]map[string]bool{}
	}
	if c.dangling[from] == nil {
		c.dangling[from] = map[string]bool{}
	}
	c.dangling[from][port] = true
}

// shape checks the graph as a whole. One forgotten edge is told once: as the port it should start from, and
// only when all ports lead somewhere as the step that nothing leads to.
func (c *compiler) shape() {
	isTrigger := func(n *node) bool { return n.comp.Group == Triggers }
	if !c.loose && !slices.ContainsFunc(c.g.nodes, isTrigger) {
		c.say("nodes", "没有触发步骤：旅程不会有人进入")
		c.loose = true
	}
	seen := map[*node]bool{}
	for _, n := range c.g.nodes {
		if isTrigger(n) {
			visit(n, seen)
		}
	}
	for _, n := range c.g.nodes {
		if _, isBroken := n.part.(broken); isBroken || !seen[n] {
			continue
		}
		for _, p := range portsOf(n) {
			if !p.Optional && n.to[p.Key] == nil && !c.dangling[n][p.Key] && !c.astray {
				c.say(fmt.Sprintf("nodes[%d]", n.index), "步骤 %s（%s）的出口“%s”没有连到下一步；到此为止请连到“结束”", n.id, n.comp.Label, p.Label)
				c.loose = true
			}
		}
	}
	if !c.loose {
		c.unreached(seen)
	}
	c.cycles()
}

// visit notes every step that a run at n can come to.
func visit(n *node, seen map[*node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	for _, next := range n.to {
		visit(next, seen)
	}
}

// unreached tells the steps that no way leads to; of several in a row the first.
func (c *compiler) unreached(seen map[*node]bool) {
	led := map[*node]bool{}
	for _, n := range c.g.nodes {
		for _, next := range n.to {
			led[next] = true
		}
	}
	for _, inCircle := range []bool{false, true} { // a circle has no first one
		for _, n := range c.g.nodes {
			if !seen[n] && led[n] == inCircle {
				c.say(fmt.Sprintf("nodes[%d]", n.index), "没有路能走到步骤 %s（%s）", n.id, n.comp.Label)
				visit(n, seen)
			}
		}
	}
}

// breaker is a part at which time surely passes, so that a cycle through it is no endless loop.
type breaker interface{ breaks() bool }

// cycles finds loops that a run would go round without any time passing.
func (c *compiler) cycles() {
	const (
		fresh = iota
		open
		done
	)
	state := map[*node]int{}
	var path []*node
	var walk func(n *node)
	walk = func(n *node) {
		if b, ok := n.part.(breaker); ok && b.breaks() {
			return
		}
		switch state[n] {
		case done:
			return
		case open:
			ids := []string{}
			for _, p := range path[slices.Index(path, n):] {
				ids = append(ids, p.id)
			}
			c.say(fmt.Sprintf("nodes[%d]", n.index), "步骤 %s 成环而没有等待：会不停地转；请在环里加至少 1 分钟的等待", strings.Join(append(ids, n.id), " → "))
			return
		}
		state[n] = open
		path = append(path, n)
		for _, port := range slices.Sorted(maps.Keys(n.to)) {
			walk(n.to[port])
		}
		path = path[:len(path)-1]
		state[n] = done
	}
	for _, n := range c.g.nodes {
		walk(n)
	}
}

// broken stands for a node whose configuration does not hold. In a journey that runs there is none; in an
// old version one may appear when a definition it names was deleted.
type broken struct{ why string }

func (b broken) arrive(*place) verdict { return verdict{do: impossible(b)} }
func (b broken) summary() string       { return "配置有误" }
