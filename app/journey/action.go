package journey

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/message"
)

// action is what a step wants done in the world. It is data: the live stage performs it, a test run only
// tells what would be done.
type action interface{ action() }

// sendOfficial sends a customer-service message to the follower the run is about.
type sendOfficial struct {
	template *message.Template
	account  string // AppID; "": the account of the cause, else one the person follows
	expires  time.Duration
}

// sendWeCom sends an app message to the staff member who is the run's subject.
type sendWeCom struct {
	template *message.Template
	account  string // "CorpID/AgentID"; "": the first app of the corp
	expires  time.Duration
}

// sendAlert sends an app message about the person to staff.
type sendAlert struct {
	template    *message.Template
	account     string
	expires     time.Duration
	to          []relation
	all         bool // every relation, not the first that gives somebody
	departments []int64
	roles       []auth.Role
}

// retag adds and removes tags.
type retag struct{ add, remove []int64 } // tag ids

// amend changes fields and the stage.
type amend struct {
	set   map[string]any
	stage string
}

// impossible is a step that cannot be done.
type impossible struct{ why string }

func (sendOfficial) action() {}
func (sendWeCom) action()    {}
func (sendAlert) action()    {}
func (retag) action()        {}
func (amend) action()        {}
func (impossible) action()   {}

// relation leads from an event and a person to staff.
type relation string

const (
	eventStaff  relation = "event_staff"
	leaderOf    relation = "leader"
	allAdded    relation = "all_added"
	firstAdded  relation = "first_added"
	departments relation = "departments"
	inRoles     relation = "roles"
)

var relations = []struct {
	key   relation
	label string
}{
	{eventStaff, "事件员工"}, {leaderOf, "其上级"}, {allAdded, "添加过的全部员工"}, {firstAdded, "最先添加的员工"}, {departments, "指定部门"}, {inRoles, "指定角色"},
}

func (r relation) label() string {
	for _, x := range relations {
		if x.key == r {
			return x.label
		}
	}
	return ""
}

var sendPorts = []Port{portNext, portBlocked, portFailed}

// sendMembers are the config members every message step has.
func sendMembers(more ...Member) []Member {
	return append([]Member{{Key: "template", Label: "消息模板", Editor: EditTemplate, Required: true}}, append(more,
		Member{Key: "account", Label: "发送账号", Editor: EditAccount, Note: "不填时自动选择"},
		Member{Key: "expires", Label: "有效期", Editor: EditDuration, Note: "过了这么久还没发出就不再发"})...)
}

var sendComponents = []Component{
	{
		Number: "15", Key: keySendOfficial, Label: "公众号客服消息", Group: Actions, Subjects: []Subject{Customers}, Ports: sendPorts,
		Explain: "用公众号给客户发客服消息；只在对方近 48 小时发过消息，或 1 分钟内关注、扫码、点过菜单时能发出。",
		Config:  sendMembers(), decode: decodeSendOfficial,
	},
	{
		Number: "19", Key: keySendWeCom, Label: "企微应用消息", Group: Actions, Subjects: []Subject{StaffOnly}, Ports: sendPorts,
		Explain: "用企业微信应用给旅程里的员工发消息。",
		Config:  sendMembers(), decode: decodeSendWeCom,
	},
	{
		Number: "26", Key: keyAlert, Label: "员工提醒", Group: Actions, Subjects: []Subject{Customers}, Ports: sendPorts,
		Explain: "按与客户的关系找到员工，用企业微信应用消息提醒他们。",
		Config: sendMembers(
			Member{Key: "to", Label: "提醒谁", Editor: EditRelation, Required: true, Note: "event_staff 事件员工，leader 其上级，all_added 添加过的全部员工，first_added 最先添加的员工，departments 指定部门，roles 指定角色；没有企微好友的客户只有后两种找得到人"},
			Member{Key: "pick", Label: "怎么找", Editor: EditOption, Note: "first 依次找，找到为止（默认）；all 全部都提醒"},
			Member{Key: "departments", Label: "部门", Editor: EditNumbers, Note: "提醒指定部门时必填，含下级部门"},
			Member{Key: "roles", Label: "角色", Editor: EditRoles, Note: "提醒指定角色时必填，如 [leader, admin]，也是依次找；只找得到在「设置 → 用户」里关联了企微成员的人"},
		), decode: decodeAlert,
	},
}

type sendConfig struct {
	Template string `json:"template"`
	Account  string `json:"account"`
	Expires  string `json:"expires"`
}

// A message that waits longer than this is no longer worth sending, where the step doesn't say.
const (
	replyWorth   = 5 * time.Minute // nobody wants a greeting for what they did earlier today
	serviceWorth = 24 * time.Hour
	alertWorth   = 12 * time.Hour
)

// expiry reads a step's expires, with a default by the template's class.
func (c *compiler) expiry(s string, t *message.Template) time.Duration {
	if s != "" {
		d, err := parseDuration(s)
		if err != nil {
			c.say("config.expires", "%s", err)
		}
		return d
	}
	switch {
	case t == nil:
	case t.Class == message.Reply:
		return replyWorth
	case t.Class == message.StaffAlert:
		return alertWorth
	}
	return serviceWorth
}

// sendStep is a message step of any kind: it wants its action done.
type sendStep struct {
	do       action
	template *message.Template
	text     string
}

func (p *sendStep) reads()                {} // the message may name what was just changed
func (p *sendStep) looksUp() bool         { return p.template.Uses(reasonsVariable) }
func (p *sendStep) arrive(*place) verdict { return verdict{do: p.do} }
func (p *sendStep) summary() string       { return p.text }

// reasonsVariable is what only the score ledger knows.
const reasonsVariable = "score.reasons"

func decodeSendOfficial(c *compiler, n Node) part {
	var cfg sendConfig
	decodeConfig(c, n, &cfg)
	t := c.template("config.template", cfg.Template, message.OfficialKF)
	d := sendOfficial{template: t, account: cfg.Account, expires: c.expiry(cfg.Expires, t)}
	if strings.Contains(cfg.Account, "/") {
		c.say("config.account", "“%s”是企业微信应用，这里要填公众号的 AppID", cfg.Account)
	}
	if t == nil {
		return nil
	}
	return &sendStep{d, t, "发送“" + t.Name + "”"}
}

func decodeSendWeCom(c *compiler, n Node) part {
	var cfg sendConfig
	decodeConfig(c, n, &cfg)
	t := c.template("config.template", cfg.Template, message.WeComApp)
	d := sendWeCom{template: t, account: cfg.Account, expires: c.expiry(cfg.Expires, t)}
	c.weComAccount(cfg.Account)
	if t == nil {
		return nil
	}
	return &sendStep{d, t, "给员工发送“" + t.Name + "”"}
}

func (c *compiler) weComAccount(id string) {
	if _, _, ok := account.SplitWeComID(id); id != "" && !ok {
		c.say("config.account", "“%s”不是企业微信应用，应形如 企业ID/应用ID", id)
	}
}

func decodeAlert(c *compiler, n Node) part {
	var cfg struct {
		sendConfig
		To          []relation `json:"to"`
		Pick        string     `json:"pick"`
		Departments []int64    `json:"departments"`
		Roles       []string   `json:"roles"`
	}
	decodeConfig(c, n, &cfg)
	t := c.template("config.template", cfg.Template, message.WeComApp)
	if t != nil && t.Class != message.StaffAlert {
		c.say("config.template", "消息模板“%s”的类别是%s，提醒员工要用%s类", t.Name, t.Class.Label(), message.StaffAlert.Label())
	}
	c.weComAccount(cfg.Account)
	if len(cfg.To) == 0 {
		c.say("config.to", "请选择提醒谁")
	}
	names := make([]string, len(cfg.To))
	for i, r := range cfg.To {
		if names[i] = r.label(); names[i] == "" {
			c.say("config.to["+strconv.Itoa(i)+"]", "没有这种关系“%s”", r)
		}
	}
	if slices.Contains(cfg.To, departments) != (len(cfg.Departments) > 0) {
		c.say("config.departments", "提醒指定部门时要选部门，其他情况不用选")
	}
	if slices.Contains(cfg.To, inRoles) != (len(cfg.Roles) > 0) {
		c.say("config.roles", "提醒指定角色时要选角色，其他情况不用选")
	}
	roles := make([]auth.Role, len(cfg.Roles))
	for i, name := range cfg.Roles {
		if roles[i] = auth.Role(name); roles[i].Label() == "" {
			c.say("config.roles["+strconv.Itoa(i)+"]", "没有角色“%s”，可用：%s", name, roleNames())
		}
	}
	if cfg.Pick != "" && cfg.Pick != "first" && cfg.Pick != "all" {
		c.say("config.pick", "可以是 first（找到为止）或 all（全部），现在是“%s”", cfg.Pick)
	}
	d := sendAlert{template: t, account: cfg.Account, expires: c.expiry(cfg.Expires, t), to: cfg.To, all: cfg.Pick == "all", departments: cfg.Departments, roles: roles}
	if t == nil {
		return nil
	}
	if i := slices.Index(cfg.To, inRoles); i >= 0 {
		labels := make([]string, len(roles))
		for j, r := range roles {
			labels[j] = r.Label()
		}
		names[i] = strings.Join(labels, "、")
	}
	between := "，没有则"
	if d.all {
		between = "、"
	}
	return &sendStep{d, t, "用“" + t.Name + "”提醒" + strings.Join(names, between)}
}

func roleNames() string {
	var all []string
	for _, r := range auth.Roles() {
		all = append(all, string(r)+"（"+r.Label()+"）")
	}
	return strings.Join(all, "、")
}

var changeComponents = []Component{
	{
		Number: "23", Key: keyTag, Label: "打/去标签", Group: Actions, Subjects: []Subject{Customers}, Ports: []Port{portNext, portFailed},
		Explain: "给客户打上或去掉标签。",
		Config: []Member{
			{Key: "add", Label: "打上", Editor: EditTags},
			{Key: "remove", Label: "去掉", Editor: EditTags},
		},
		decode: decodeTag,
	},
	{
		Number: "24", Key: keyChange, Label: "改字段/阶段", Group: Actions, Subjects: []Subject{Customers}, Ports: []Port{portNext, portFailed},
		Explain: "改客户的字段，或把客户改到某个阶段。",
		Config: []Member{
			{Key: "set", Label: "字段", Editor: EditValues, Note: "字段与新值；值为空表示清除"},
			{Key: "stage", Label: "阶段", Editor: EditStage},
		},
		decode: decodeChange,
	},
}

// changeStep changes the person.
type changeStep struct {
	do   action
	text string
}

func (p *changeStep) arrive(*place) verdict { return verdict{do: p.do} }
func (p *changeStep) summary() string       { return p.text }

func decodeTag(c *compiler, n Node) part {
	var cfg struct {
		Add    []string `json:"add"`
		Remove []string `json:"remove"`
	}
	decodeConfig(c, n, &cfg)
	if len(cfg.Add)+len(cfg.Remove) == 0 {
		c.say("config", "请选择要打上或去掉的标签")
	}
	var words []string
	if len(cfg.Add) > 0 {
		words = append(words, "打上 "+strings.Join(c.tagNames("config.add", cfg.Add), "、"))
	}
	if len(cfg.Remove) > 0 {
		words = append(words, "去掉 "+strings.Join(c.tagNames("config.remove", cfg.Remove), "、"))
	}
	for _, k := range cfg.Add {
		if slices.Contains(cfg.Remove, k) {
			c.say("config.remove", "标签“%s”同时在打上和去掉里", k)
		}
	}
	return &changeStep{retag{c.tagIDs(cfg.Add), c.tagIDs(cfg.Remove)}, strings.Join(words, "，")}
}

func decodeChange(c *compiler, n Node) part {
	var cfg struct {
		Set   map[string]any `json:"set"`
		Stage string         `json:"stage"`
	}
	decodeConfig(c, n, &cfg)
	if len(cfg.Set) == 0 && cfg.Stage == "" {
		c.say("config", "请填写要改的字段或阶段")
	}
	var words []string
	for _, key := range slices.Sorted(maps.Keys(cfg.Set)) {
		f, ok := c.known.Scope.Fields[key]
		if !ok {
			c.say("config.set."+key, "没有字段“%s”", key)
			continue
		}
		words = append(words, c.setWords(f, cfg.Set[key]))
	}
	if cfg.Stage != "" {
		name := c.stageNames("config.stage", []string{cfg.Stage})[0]
		words = append(words, "阶段改为 "+name)
	}
	return &changeStep{amend{cfg.Set, cfg.Stage}, strings.Join(words, "，")}
}

func (c *compiler) setWords(f contact.Field, v any) string {
	if v == nil {
		return "清除" + f.Label
	}
	if _, err := f.Parse(v); err != nil {
		c.say("config.set."+f.Key, "%s", err)
	}
	raw, _ := json.Marshal(v) // it came from JSON
	return f.Label + "改为 " + strings.Trim(string(raw), `"`)
}

var endComponents = []Component{{
	Number: "33", Key: keyEnd, Label: "结束", Group: Actions, Subjects: both, Ports: []Port{},
	Explain: "旅程到此为止。",
	Config:  []Member{},
	decode: func(c *compiler, n Node) part {
		decodeConfig(c, n, &struct{}{})
		return end{}
	},
}}

// end finishes runs.
type end struct{}

func (end) arrive(*place) verdict { return verdict{end: true} }
func (end) summary() string       { return "结束" }
