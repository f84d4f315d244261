package simulator

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/fault"
)

// Config is the world a simulator starts with. The koanf tags are the keys of the file that
// `koi simulate --config` reads.
type Config struct {
	Officials []Official `koanf:"official"`
	Corps     []Corp     `koanf:"wecom"`
	People    []Person   `koanf:"people"`

	// Quotas replaces limits of the rule table by name (see Rules); a negative one lifts the limit, and
	// the name "*" stands for all that are not named.
	Quotas map[string]int `koanf:"quotas"`

	// AcceptStrangers lets messages reach recipients nobody created, as if they had just written to us:
	// for load, where the people live in the load process.
	AcceptStrangers bool `koanf:"accept_strangers"`

	// ContactLag is how long externalcontact/get answers 84061 after a person added a staff member, as
	// the platform does for a moment.
	ContactLag time.Duration `koanf:"contact_lag"`

	TokenTTL   time.Duration `koanf:"token_ttl"`   // default 7200 s
	TokenGrace time.Duration `koanf:"token_grace"` // how long a replaced token still works; default 5 min, negative: not at all

	// A callback that isn't answered with 200 within CallbackTimeout (5 s) is tried again, CallbackTries
	// (3) times in all, the tries starting CallbackSpacing (5 s) apart; then it is dropped.
	CallbackTimeout time.Duration `koanf:"callback_timeout"`
	CallbackSpacing time.Duration `koanf:"callback_spacing"`
	CallbackTries   int           `koanf:"callback_tries"`

	// History is how many calls, deliveries and callbacks are kept whole (default 10,000 each). Totals
	// and the delivery count of each content stay exact beyond it.
	History int `koanf:"history"`
	// DeliveryKeys bounds how many contents are counted one by one (default 2,000,000, about 100 MB).
	DeliveryKeys int `koanf:"delivery_keys"`
	// DedupeKeys bounds how many sent messages the platforms remember to drop a repeat (default 1,000,000).
	DedupeKeys int `koanf:"dedupe_keys"`

	Clock clock.Clock  `koanf:"-"` // default: the machine's
	Log   *slog.Logger `koanf:"-"` // default: nothing is logged
}

// Official is an official account (公众号, 服务号).
type Official struct {
	AppID       string     `koanf:"app_id"`
	AppSecret   string     `koanf:"app_secret"`
	OriginalID  string     `koanf:"original_id"` // gh_…, the ToUserName of its callbacks; default: made of the AppID
	Name        string     `koanf:"name"`
	Token       string     `koanf:"token"`
	AESKey      string     `koanf:"aes_key"`
	Mode        string     `koanf:"mode"` // aes (default), compat, plain
	CallbackURL string     `koanf:"callback_url"`
	NoUnionID   bool       `koanf:"no_unionid"` // not bound to an open platform account
	Templates   []Template `koanf:"templates"`  // empty: any template id is taken
	Menu        []Button   `koanf:"menu"`
}

// Template is a template-message template of an official account.
type Template struct {
	ID     string  `koanf:"id"`
	Title  string  `koanf:"title"`
	Fields []Field `koanf:"fields"`
}

// Field is one keyword of a template; its key says its kind (thing1, time2, phrase3 …).
type Field struct {
	Key   string `koanf:"key"`
	Label string `koanf:"label"`
}

// Button is one entry of the menu on a follower's phone: a click event with Key, or a link to URL.
type Button struct {
	Name string `koanf:"name"`
	Key  string `koanf:"key"`
	URL  string `koanf:"url"`
}

// Corp is a WeCom corp.
type Corp struct {
	CorpID        string       `koanf:"corp_id"`
	Name          string       `koanf:"name"`
	ContactSecret string       `koanf:"contact_secret"` // 客户联系 secret; corps since 2023-12 have none
	NoUnionID     bool         `koanf:"no_unionid"`     // no developer account bound: external contacts carry no unionid
	Agents        []Agent      `koanf:"agents"`
	Departments   []Department `koanf:"departments"` // default: one root, id 1
	Staff         []Staff      `koanf:"staff"`
}

// Agent is a self-built app of a corp.
type Agent struct {
	AgentID     int    `koanf:"agent_id"`
	Secret      string `koanf:"secret"`
	Name        string `koanf:"name"`
	Token       string `koanf:"token"`
	AESKey      string `koanf:"aes_key"`
	CallbackURL string `koanf:"callback_url"`
	Visible     []int  `koanf:"visible"`     // departments; empty: everybody
	NoContacts  bool   `koanf:"no_contacts"` // not under 客户联系「可调用接口的应用」: neither its API nor its events
}

// Department is a node of the corp's tree; the root has Parent 0.
type Department struct {
	ID     int    `koanf:"id"`
	Name   string `koanf:"name"`
	Parent int    `koanf:"parent"`
}

// Staff is a member of a corp.
type Staff struct {
	UserID      string   `koanf:"userid"`
	Name        string   `koanf:"name"`
	Position    string   `koanf:"position"`
	Departments []int    `koanf:"departments"` // default: the root
	Leads       []int    `koanf:"leads"`       // those of Departments they lead
	Leaders     []string `koanf:"direct_leader"`
	Inactive    bool     `koanf:"inactive"` // not activated: gets no messages
}

// Person is someone with a WeChat account, who may follow official accounts and be a customer of staff.
type Person struct {
	Name     string    `koanf:"name"`
	UnionID  string    `koanf:"unionid"` // default: made of their first id
	Follows  []Follow  `koanf:"follows"`
	Contacts []Contact `koanf:"contacts"`
}

// Follow is a person's side of an official account.
type Follow struct {
	AppID  string `koanf:"app_id"`
	OpenID string `koanf:"openid"`
	Known  bool   `koanf:"known_only"` // has an OpenID but doesn't follow
}

// Contact is a person's side of a corp: the external contact and whose customer they are.
type Contact struct {
	CorpID         string   `koanf:"corp_id"`
	ExternalUserID string   `koanf:"external_userid"`
	Staff          []string `koanf:"staff"`
}

// withDefaults fills what was left out and returns every mistake at once.
func (c Config) withDefaults() (Config, error) {
	if c.Clock == nil {
		c.Clock = clock.Real{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	def(&c.TokenTTL, 7200*time.Second)
	def(&c.TokenGrace, 5*time.Minute)
	def(&c.CallbackTimeout, 5*time.Second)
	def(&c.CallbackSpacing, 5*time.Second)
	def(&c.CallbackTries, 3)
	def(&c.History, 10_000)
	def(&c.DeliveryKeys, 2_000_000)
	def(&c.DedupeKeys, 1_000_000)

	var list []fault.Problem
	bad := func(path, format string, args ...any) {
		list = append(list, fault.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	if c.History < 0 || c.CallbackTries < 1 {
		bad("history", "history 不能为负，callback_tries 至少为 1")
	}
	names := quotaNames()
	for name := range c.Quotas {
		if name != "*" && !names[name] {
			bad("quotas."+name, "没有这个额度；可用的有 %s", strings.Join(sortedKeys(names), "、"))
		}
	}
	c.Officials = append([]Official(nil), c.Officials...)
	for i := range c.Officials {
		c.Officials[i].check(fmt.Sprintf("official[%d]", i), bad)
	}
	c.Corps = append([]Corp(nil), c.Corps...)
	for i := range c.Corps {
		c.Corps[i].check(fmt.Sprintf("wecom[%d]", i), bad)
	}
	return c, fault.Problems("模拟器的配置有误，请改正后重试", list)
}

func def[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

func (o *Official) check(path string, bad func(string, string, ...any)) {
	if o.AppID == "" || o.AppSecret == "" {
		bad(path, "缺少 app_id 或 app_secret")
	}
	def(&o.Mode, "aes")
	def(&o.Name, o.AppID)
	def(&o.OriginalID, "gh_"+shortHash(o.AppID, 12))
	if o.Mode != "aes" && o.Mode != "compat" && o.Mode != "plain" {
		bad(path+".mode", "只能是 aes、compat 或 plain，不能是 %q", o.Mode)
	}
	checkURL(path+".callback_url", o.CallbackURL, bad)
}

func (c *Corp) check(path string, bad func(string, string, ...any)) {
	if c.CorpID == "" {
		bad(path, "缺少 corp_id")
	}
	def(&c.Name, c.CorpID)
	if len(c.Departments) == 0 {
		c.Departments = []Department{{ID: 1, Name: c.Name}}
	}
	known := map[int]bool{}
	for _, d := range c.Departments {
		if known[d.ID] {
			bad(path+".departments", "部门 %d 重复", d.ID)
		}
		known[d.ID] = true
	}
	for _, d := range c.Departments {
		if d.Parent != 0 && !known[d.Parent] {
			bad(path+".departments", "部门 %d 的上级 %d 不存在", d.ID, d.Parent)
		}
	}
	c.Staff = append([]Staff(nil), c.Staff...)
	for i := range c.Staff {
		m := &c.Staff[i]
		def(&m.Name, m.UserID)
		if len(m.Departments) == 0 {
			m.Departments = []int{c.Departments[0].ID}
		}
		for _, d := range m.Departments {
			if !known[d] {
				bad(path+".staff", "员工 %s 的部门 %d 不存在", m.UserID, d)
			}
		}
	}
	c.Agents = append([]Agent(nil), c.Agents...)
	for i := range c.Agents {
		a := &c.Agents[i]
		if a.AgentID <= 0 || a.Secret == "" {
			bad(fmt.Sprintf("%s.agents[%d]", path, i), "缺少 agent_id 或 secret")
		}
		def(&a.Name, fmt.Sprintf("应用 %d", a.AgentID))
		checkURL(fmt.Sprintf("%s.agents[%d].callback_url", path, i), a.CallbackURL, bad)
	}
}

func checkURL(path, s string, bad func(string, string, ...any)) {
	if s == "" {
		return
	}
	if u, err := url.Parse(s); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		bad(path, "不是 http(s) 地址")
	}
}
