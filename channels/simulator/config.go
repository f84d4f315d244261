package simulator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/fault"
)

// Config is the world a simulator starts with. The yaml tags are the keys of the file that
// `koi simulate --world` reads.
type Config struct {
	Officials []Official   `yaml:"official"`
	Minis     []Mini       `yaml:"mini"`
	Corps     []Corp       `yaml:"wecom"`
	SMS       []SMSAccount `yaml:"sms"`
	People    []Person     `yaml:"people"`

	// Quotas replaces limits of the rule table by name (see Rules); a negative one lifts the limit, and
	// the name "*" stands for all that are not named.
	Quotas map[string]int `yaml:"quotas"`

	// Koi is the address of the server whose pages open in the phones' webviews, on this machine only;
	// PointAt sets it.
	Koi string `yaml:"koi"`

	// AcceptStrangers lets messages reach recipients nobody created, as if they had just written to us:
	// for load, where the people live in the load process. A welcome code nobody was given is good once.
	AcceptStrangers bool `yaml:"accept_strangers"`

	// ClientMsgIDPause is how soon a repeat with the same client_msg_id is answered 45066 instead of 45065.
	// For template messages that isn't established, hence 0: never.
	ClientMsgIDPause time.Duration `yaml:"client_msg_id_pause"`

	// ContactLag is how long externalcontact/get answers 84061 after a person added a staff member, as
	// the platform does for a moment.
	ContactLag time.Duration `yaml:"contact_lag"`

	TokenTTL   time.Duration `yaml:"token_ttl"`   // default 7200 s
	TokenGrace time.Duration `yaml:"token_grace"` // how long a replaced token still works; default 5 min, negative: not at all

	// A callback that isn't answered with 200 within CallbackTimeout (5 s) is tried again, CallbackTries
	// (3) times in all, the tries starting CallbackSpacing (5 s) apart; then it is dropped.
	CallbackTimeout time.Duration `yaml:"callback_timeout"`
	CallbackSpacing time.Duration `yaml:"callback_spacing"`
	CallbackTries   int           `yaml:"callback_tries"`

	// Receipts and replies of short messages are not answered in SMSTimeout (700 ms) or not with code 0: then
	// they are pushed again after each of SMSRetries (1, 5, 10 minutes), and dropped after the last.
	SMSTimeout time.Duration   `yaml:"sms_timeout"`
	SMSRetries []time.Duration `yaml:"sms_retries"`

	// History is how many calls, deliveries and callbacks are kept whole (default 10,000 each). Totals
	// and the delivery count of each content stay exact beyond it.
	History int `yaml:"history"`
	// DeliveryKeys bounds how many contents are counted one by one (default 2,000,000, about 100 MB).
	DeliveryKeys int `yaml:"delivery_keys"`
	// DedupeKeys bounds how many sent messages the platforms remember to drop a repeat (default 1,000,000).
	DedupeKeys int `yaml:"dedupe_keys"`

	Clock clock.Clock  `yaml:"-"` // default: the machine's
	Log   *slog.Logger `yaml:"-"` // default: nothing is logged
}

// Official is an official account (公众号, 服务号).
type Official struct {
	AppID       string     `yaml:"app_id"`
	AppSecret   string     `yaml:"app_secret"`
	OriginalID  string     `yaml:"original_id"` // gh_…, the ToUserName of its callbacks; default: made of the AppID
	Name        string     `yaml:"name"`
	Token       string     `yaml:"token"`
	AESKey      string     `yaml:"aes_key"`
	Mode        string     `yaml:"mode"` // aes (default), compat, plain
	CallbackURL string     `yaml:"callback_url"`
	NoUnionID   bool       `yaml:"no_unionid"` // not bound to an open platform account
	Templates   []Template `yaml:"templates"`  // empty: any template id is taken
	Menu        []Button   `yaml:"menu"`
	TrustedIPs  []string   `yaml:"trusted_ips"` // IP 白名单; empty: any address
}

// Mini is a mini program (小程序).
type Mini struct {
	AppID       string     `yaml:"app_id"`
	AppSecret   string     `yaml:"app_secret"`
	OriginalID  string     `yaml:"original_id"` // gh_…; default: made of the AppID
	Name        string     `yaml:"name"`
	Token       string     `yaml:"token"`
	AESKey      string     `yaml:"aes_key"`
	Mode        string     `yaml:"mode"`   // aes (default), compat, plain
	Format      string     `yaml:"format"` // of what is pushed: json (default) or xml
	CallbackURL string     `yaml:"callback_url"`
	NoUnionID   bool       `yaml:"no_unionid"`
	Templates   []Template `yaml:"templates"`   // of subscribe messages; empty: any template id is taken
	Pages       []string   `yaml:"pages"`       // those of the released version; empty: any page
	TrustedIPs  []string   `yaml:"trusted_ips"` // IP 白名单; empty: any address
}

// Template is a template of an official account's template messages or notices, or of a mini program's
// subscribe messages.
type Template struct {
	ID     string       `yaml:"id"`
	Title  string       `yaml:"title"`
	Kind   TemplateKind `yaml:"kind"`
	Fields []Field      `yaml:"fields"`
}

// TemplateKind is what a template is for.
type TemplateKind string

const (
	// MessageTemplate is a 模板消息's, the default of official accounts.
	MessageTemplate TemplateKind = "template"
	// NoticeTemplate is a 订阅通知's or 小程序订阅消息's, one message for one agreement: the default of mini
	// programs.
	NoticeTemplate TemplateKind = "notice"
	// LongTermTemplate is a 长期订阅's: one agreement is good until it is taken back.
	LongTermTemplate TemplateKind = "long_term"
)

// Field is one keyword of a template; its key says its kind (thing1, time2, phrase3 …).
type Field struct {
	Key   string `yaml:"key"`
	Label string `yaml:"label"`
}

// Button is one entry of the menu on a follower's phone: a click event with Key, a link to URL, or up to
// five further entries.
type Button struct {
	Name string   `yaml:"name" json:"name"`
	Key  string   `yaml:"key" json:"key,omitempty"`
	URL  string   `yaml:"url" json:"url,omitempty"`
	Sub  []Button `yaml:"sub" json:"sub,omitempty"`
}

// Corp is a WeCom corp.
type Corp struct {
	CorpID        string       `yaml:"corp_id"`
	Name          string       `yaml:"name"`
	ContactSecret string       `yaml:"contact_secret"` // 客户联系 secret; corps since 2023-12 have none
	NoUnionID     bool         `yaml:"no_unionid"`     // no developer account bound: external contacts carry no unionid
	Agents        []Agent      `yaml:"agents"`
	Departments   []Department `yaml:"departments"` // default: one root, id 1
	Staff         []Staff      `yaml:"staff"`
	Media         []string     `yaml:"media"` // the media_ids that are good; empty: any
}

// Agent is a self-built app of a corp.
type Agent struct {
	AgentID     int      `yaml:"agent_id"`
	Secret      string   `yaml:"secret"`
	Name        string   `yaml:"name"`
	Token       string   `yaml:"token"`
	AESKey      string   `yaml:"aes_key"`
	CallbackURL string   `yaml:"callback_url"`
	Visible     []int    `yaml:"visible"`         // departments; empty: everybody
	NoContacts  bool     `yaml:"no_contacts"`     // not under 客户联系「可调用接口的应用」: neither its API nor its events
	TrustedIPs  []string `yaml:"trusted_ips"`     // 企业可信 IP; empty: any address
	Disabled    bool     `yaml:"disabled"`        // 已停用
	Domain      string   `yaml:"redirect_domain"` // 可信域名
	HomeURL     string   `yaml:"home_url"`        // 应用主页
}

// Department is a node of the corp's tree; the root has Parent 0.
type Department struct {
	ID     int    `yaml:"id"`
	Name   string `yaml:"name"`
	Parent int    `yaml:"parent"`
}

// Staff is a member of a corp.
type Staff struct {
	UserID      string   `yaml:"userid"`
	Name        string   `yaml:"name"`
	Position    string   `yaml:"position"`
	Departments []int    `yaml:"departments"` // default: the root
	Leads       []int    `yaml:"leads"`       // those of Departments they lead
	Leaders     []string `yaml:"direct_leader"`
	Inactive    bool     `yaml:"inactive"`     // not activated: gets no messages
	NoCustomers bool     `yaml:"no_customers"` // without 客户联系
}

// Person is someone with a WeChat account, who may follow official accounts, use mini programs and be a
// customer of staff.
type Person struct {
	Name     string     `yaml:"name"`
	UnionID  string     `yaml:"unionid"` // default: made of their first id
	Phone    string     `yaml:"phone"`   // of their WeChat account
	Follows  []Follow   `yaml:"follows"`
	Minis    []MiniUser `yaml:"minis"`
	Contacts []Contact  `yaml:"contacts"`
}

// MiniUser is a person's side of a mini program.
type MiniUser struct {
	AppID  string `yaml:"app_id"`
	OpenID string `yaml:"openid"`
}

// Follow is a person's side of an official account.
type Follow struct {
	AppID  string `yaml:"app_id"`
	OpenID string `yaml:"openid"`
	Known  bool   `yaml:"known_only"` // has an OpenID but doesn't follow
}

// Contact is a person's side of a corp: the external contact and whose customer they are.
type Contact struct {
	CorpID         string   `yaml:"corp_id"`
	ExternalUserID string   `yaml:"external_userid"`
	Staff          []string `yaml:"staff"`
}

// ReadConfig reads the YAML of a world. Unknown keys are mistakes; what the world lacks New will say.
func ReadConfig(text []byte) (Config, error) {
	var cfg Config
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&cfg); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, fault.Wrap(err, fault.Invalid, "模拟器的世界文件有误，请改正后重试")
	}
	return cfg, nil
}

// PointAt gives the accounts without a callback address that of a server: base is its address, such as
// http://127.0.0.1:8080, and the rest is Koi's. An empty base leaves them without: nothing is pushed.
func (c *Config) PointAt(base string) {
	if base == "" {
		return
	}
	def(&c.Koi, base)
	c.Officials, c.Minis, c.Corps = slices.Clone(c.Officials), slices.Clone(c.Minis), slices.Clone(c.Corps)
	for i := range c.Officials {
		def(&c.Officials[i].CallbackURL, officialAddress(base, c.Officials[i].AppID))
	}
	for i := range c.Minis {
		def(&c.Minis[i].CallbackURL, miniAddress(base, c.Minis[i].AppID))
	}
	c.SMS = slices.Clone(c.SMS)
	for i := range c.SMS {
		if x := &c.SMS[i]; x.ReportURL == "" && x.UpURL == "" {
			x.pointAt(base)
		}
	}
	for i := range c.Corps {
		x := &c.Corps[i]
		x.Agents = slices.Clone(x.Agents)
		for j := range x.Agents {
			def(&x.Agents[j].CallbackURL, weComAddress(base, x.CorpID, x.Agents[j].AgentID))
		}
	}
}

// Where Koi takes callbacks (contract, HTTP).
func officialAddress(base, appID string) string {
	return strings.TrimSuffix(base, "/") + "/callback/official/" + appID
}

func miniAddress(base, appID string) string {
	return strings.TrimSuffix(base, "/") + "/callback/mini/" + appID
}

func weComAddress(base, corpID string, agentID int) string {
	return fmt.Sprintf("%s/callback/wecom/%s/%d", strings.TrimSuffix(base, "/"), corpID, agentID)
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
	def(&c.SMSTimeout, 700*time.Millisecond)
	if len(c.SMSRetries) == 0 {
		c.SMSRetries = []time.Duration{time.Minute, 5 * time.Minute, 10 * time.Minute}
	}
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
	c.Minis = append([]Mini(nil), c.Minis...)
	for i := range c.Minis {
		c.Minis[i].check(fmt.Sprintf("mini[%d]", i), bad)
	}
	c.Corps = append([]Corp(nil), c.Corps...)
	for i := range c.Corps {
		c.Corps[i].check(fmt.Sprintf("wecom[%d]", i), bad)
	}
	c.SMS = slices.Clone(c.SMS)
	keys := map[string]bool{}
	for i := range c.SMS {
		path := fmt.Sprintf("sms[%d]", i)
		c.SMS[i].check(path, bad)
		if keys[c.SMS[i].AccessKeyID] {
			bad(path+".access_key_id", "重复")
		}
		keys[c.SMS[i].AccessKeyID] = true
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
	o.Templates = slices.Clone(o.Templates)
	checkTemplates(path, o.Templates, MessageTemplate, bad)
	checkURL(path+".callback_url", o.CallbackURL, bad)
}

func (m *Mini) check(path string, bad func(string, string, ...any)) {
	if m.AppID == "" || m.AppSecret == "" {
		bad(path, "缺少 app_id 或 app_secret")
	}
	def(&m.Mode, "aes")
	def(&m.Format, "json")
	def(&m.Name, m.AppID)
	def(&m.OriginalID, "gh_"+shortHash(m.AppID, 12))
	if m.Mode != "aes" && m.Mode != "compat" && m.Mode != "plain" {
		bad(path+".mode", "只能是 aes、compat 或 plain，不能是 %q", m.Mode)
	}
	if m.Format != "json" && m.Format != "xml" {
		bad(path+".format", "只能是 json 或 xml，不能是 %q", m.Format)
	}
	m.Templates = slices.Clone(m.Templates)
	checkTemplates(path, m.Templates, NoticeTemplate, bad)
	checkURL(path+".callback_url", m.CallbackURL, bad)
}

// checkTemplates gives templates their kind and refuses wrong ones.
func checkTemplates(path string, list []Template, otherwise TemplateKind, bad func(string, string, ...any)) {
	for i := range list {
		t := &list[i]
		def(&t.Kind, otherwise)
		switch {
		case t.ID == "":
			bad(fmt.Sprintf("%s.templates[%d]", path, i), "缺少 id")
		case otherwise == NoticeTemplate && t.Kind == MessageTemplate, !slices.Contains([]TemplateKind{MessageTemplate, NoticeTemplate, LongTermTemplate}, t.Kind):
			bad(fmt.Sprintf("%s.templates[%d].kind", path, i), "不能是 %q", t.Kind)
		}
	}
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
