package journey

import (
	"slices"

	"github.com/koi-scrm/koi/app/event"
)

// Group is where a component stands in the palette.
type Group string

// The groups.
const (
	Triggers Group = "trigger" // 触发
	Branches Group = "branch"  // 分流
	Actions  Group = "action"  // 执行
)

var groupLabels = map[Group]string{Triggers: "触发", Branches: "分流", Actions: "执行"}

// Label is the group's Chinese name, "" for an unknown one.
func (g Group) Label() string { return groupLabels[g] }

// Component is one kind of step: everything the console needs to offer it, and how it compiles.
type Component struct {
	Number   string    `json:"number"` // in the catalogue
	Key      string    `json:"key"`    // in graphs, stable for ever
	Label    string    `json:"label"`
	Explain  string    `json:"explain"`
	Group    Group     `json:"group"`
	Subjects []Subject `json:"subjects"`
	Ports    []Port    `json:"ports"`
	// Branching components have further ports, which their config names.
	Branching bool     `json:"branching,omitempty"`
	Config    []Member `json:"config"`

	decode func(c *compiler, n Node) part
}

// Port is a way out of a step.
type Port struct {
	Key   string `json:"key"`
	Label string `json:"label"`
	// Optional ports may lead nowhere: "failed" then follows on_error, "blocked" goes on through "next".
	Optional bool `json:"optional,omitempty"`
}

// Member is one member of a component's config.
type Member struct {
	Key      string `json:"key"`
	Label    string `json:"label"`
	Note     string `json:"note,omitempty"`
	Editor   Editor `json:"editor"`
	Required bool   `json:"required,omitempty"`
}

// Editor is how a config member is entered, and its JSON form.
type Editor string

// The editors and the JSON they give.
const (
	EditText     Editor = "text"     // "…"
	EditLine     Editor = "line"     // "…", said to people
	EditNumber   Editor = "number"   // 3
	EditSwitch   Editor = "switch"   // true
	EditDuration Editor = "duration" // "30m", "2h", "3d"
	EditClock    Editor = "clock"    // "09:30"
	EditInstant  Editor = "instant"  // "2026-11-22 10:00"
	EditOption   Editor = "option"   // one of a few, see the note
	EditEvents   Editor = "events"   // ["form.submitted"]
	EditWhere    Editor = "where"    // conditions on the event, see rule.Where
	EditRule     Editor = "rule"     // a condition tree, see rule.Node
	EditBranches Editor = "branches" // [{"port":"a","label":"…","when":…}]
	EditCases    Editor = "cases"    // [{"port":"a","label":"…","events":[…],"where":[…],"step":"…"}]
	EditTags     Editor = "tags"     // tag keys
	EditStages   Editor = "stages"   // stage keys
	EditStage    Editor = "stage"    // one stage key
	EditScore    Editor = "score"    // a score model key
	EditField    Editor = "field"    // a field key
	EditValues   Editor = "values"   // {"company": "…", "city": null}
	EditTemplate Editor = "template" // a message template's key
	EditAccount  Editor = "account"  // AppID, or "CorpID/AgentID"
	EditRelation Editor = "relation" // ["event_staff", "leader"]
	EditNumbers  Editor = "numbers"  // [2, 5]
	EditRoles    Editor = "roles"    // ["leader", "admin"]
	EditChannel  Editor = "channel"  // a channel of message.Channels
	EditWebhook  Editor = "webhook"  // a webhook's key
)

// Ports that several components share.
var (
	portNext    = Port{Key: "next", Label: "下一步"}
	portElse    = Port{Key: "else", Label: "其他"}
	portTimeout = Port{Key: "timeout", Label: "超时"}
	portMissing = Port{Key: "missing", Label: "没有日期或已过", Optional: true}
	portBlocked = Port{Key: "blocked", Label: "被拦截", Optional: true}
	portFailed  = Port{Key: "failed", Label: "失败", Optional: true}
	portOpen    = Port{Key: "open", Label: "可以触达"}
	portClosed  = Port{Key: "closed", Label: "触达不了"}
	portMissed  = Port{Key: "missed", Label: "未达成"}
)

var both = []Subject{Customers, StaffOnly}

// Components lists the registry in the order a palette shows it.
func Components() []Component { return slices.Clone(registry) }

// registry is filled by init, since decoders look names up in it.
var registry []Component

func init() {
	registry = slices.Concat(triggerComponents, branchComponents, reachComponents, waitComponents, sendComponents, directComponents, changeComponents, hookComponents, goalComponents, endComponents)
}

func component(key string) *Component {
	for i := range registry {
		if registry[i].Key == key {
			return &registry[i]
		}
	}
	return nil
}

// part is a compiled configuration of a node: how a run behaves there.
type part interface {
	// arrive is called when a run comes to the node, and again when it had to be interrupted there.
	arrive(at *place) verdict
	// summary is the configuration in one Chinese line, for the card on the canvas and for traces.
	summary() string
}

// waiter is a part at which runs stay until something happens.
type waiter interface {
	part
	// happened returns the port an event opens, or "".
	happened(at *place) string
	// due returns the port the end of the wait opens.
	due(at *place) string
}

// starter is a part that starts runs.
type starter interface {
	part
	// on lists the event types to look at.
	on() []string
	// concerns reports whether an event is one it starts runs for, whoever the person is.
	concerns(e *event.Event) bool
	// starts reports whether the event of at starts a run: it concerns the trigger, and the person satisfies
	// its condition.
	starts(at *place) bool
}

// reader is a part whose arrival depends on the person's tags, fields, stage or scores, so that changes
// the run made just before must be applied first.
type reader interface{ reads() }

// lookup is a part that may need what isn't loaded with every batch: the run then goes on in the next one,
// as a timer, for which it is.
type lookup interface{ looksUp() bool }

// brancher is a part with ports of its own.
type brancher interface{ ports() []Port }

// decodeConfig reads a node's config into a struct, reporting members that do not exist or have the wrong
// type; the others are checked all the same.
func decodeConfig(c *compiler, n Node, into any) {
	if len(n.Config) > 0 {
		c.decode("config", n.Config, into)
	}
}
