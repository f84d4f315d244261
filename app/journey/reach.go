package journey

import (
	"slices"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/message"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/policy"
	"github.com/koi-scrm/koi/app/rule"
)

// reachable are the channels to a customer that a step may ask about.
var reachable = []message.Channel{message.OfficialKF, message.OfficialTemplate, message.OfficialNotice, message.OfficialOnce, message.MiniSubscribe, message.SMS}

var reachComponents = []Component{{
	Number: "12", Key: keyCanReach, Label: "可触达判断", Group: Branches, Subjects: []Subject{Customers}, Ports: []Port{portOpen, portClosed},
	Explain: "问一下此刻这条消息发不发得出去：有没有联系方式、订阅次数、窗口、同意和额度；原因记在客户身上。",
	Config: []Member{
		{Key: "channel", Label: "渠道", Editor: EditChannel, Note: "选了消息模板可以不填：official_kf 公众号客服消息，official_template 公众号模板消息，official_notice 公众号订阅通知，official_once 一次性订阅消息，mini_subscribe 小程序订阅消息，sms 短信"},
		{Key: "class", Label: "类别", Editor: EditOption, Note: "选了消息模板可以不填：reply 回复，service 服务通知（默认），marketing 营销"},
		{Key: "template", Label: "消息模板", Editor: EditTemplate, Note: "要发的那一条；订阅类渠道必填"},
		{Key: "account", Label: "发送账号", Editor: EditAccount, Note: "不填时自动选择"},
		{Key: "within", Label: "最多等", Editor: EditDuration, Note: "要等更久才能发的（免打扰、次数上限）算触达不了；不填为 24h"},
	},
	decode: decodeCanReach,
}}

// askReach asks policy what it would say to a message.
type askReach struct {
	channel  message.Channel
	class    message.Class
	template *message.Template // nil: any message of the channel and class
	account  string
	within   time.Duration
}

func (askReach) action() {}

// canReach sends runs by whether a message could be sent now.
type canReach struct{ ask askReach }

func (p *canReach) reads() {} // consent, follows and identities may just have changed

func (p *canReach) arrive(*place) verdict { return verdict{do: p.ask} }

func (p *canReach) summary() string {
	s := p.ask.channel.Label() + "（" + p.ask.class.Label() + "）"
	if t := p.ask.template; t != nil {
		s = p.ask.channel.Label() + "“" + t.Name + "”"
	}
	return s + "发得出去吗"
}

const defaultPatience = 24 * time.Hour

func decodeCanReach(c *compiler, n Node) part {
	var cfg struct {
		Channel  message.Channel `json:"channel"`
		Class    message.Class   `json:"class"`
		Template string          `json:"template"`
		Account  string          `json:"account"`
		Within   string          `json:"within"`
	}
	decodeConfig(c, n, &cfg)
	a := askReach{channel: cfg.Channel, class: cfg.Class, account: cfg.Account, within: defaultPatience}
	if cfg.Within != "" {
		a.within = time.Duration(c.span("config.within", cfg.Within).ms) * time.Millisecond
	}
	if cfg.Template != "" {
		t := c.known.Messages.Get(cfg.Template)
		if t != nil && a.channel == "" {
			a.channel = t.Channel
		}
		if t != nil && a.class == "" {
			a.class = t.Class
		}
		if a.template = c.template("config.template", cfg.Template, a.channel); t == nil {
			return nil
		}
		if a.class != t.Class {
			c.say("config.class", "消息模板“%s”是%s类，这里写的是“%s”", t.Name, t.Class.Label(), cfg.Class)
		}
	}
	if a.class == "" {
		a.class = message.Service
	}
	if !slices.Contains(reachable, a.channel) {
		names := make([]string, len(reachable))
		for i, ch := range reachable {
			names[i] = string(ch) + "（" + ch.Label() + "）"
		}
		c.say("config.channel", "请选择渠道：%s；现在是“%s”", strings.Join(names, "、"), a.channel)
		return nil
	}
	if a.class.Label() == "" || a.class == message.StaffAlert {
		c.say("config.class", "类别可以是 reply、service、marketing，现在是“%s”", a.class)
	}
	if policy.Channel(a.channel).Subscribed() && a.template == nil && cfg.Template == "" {
		c.say("config.template", "%s按模板订阅，请选择消息模板", a.channel.Label())
	}
	return &canReach{a}
}

// message is what policy is asked about.
func (a askReach) message(contactID int64, account string) outbox.Message {
	m := outbox.Message{ContactID: contactID, Channel: outbox.Channel(a.channel), Account: account, Class: outbox.Class(a.class)}
	if t := a.template; t != nil {
		m.Kind, m.Template, m.Definition, m.Risk = string(t.Kind), t.TemplateID, definitionOf(t), policy.Risk(t.Risk)
		m.LongTerm = t.Subscription == message.LongTerm
	} else if a.channel == message.SMS {
		m.Kind = policy.SMSNotice
		if a.class == message.Marketing {
			m.Kind = policy.SMSMarketing
		}
	}
	return m
}

// could asks policy on behalf of a run.
func (s *Stage) could(b *event.Batch, l *live, p *rule.Person, a askReach) result {
	to, err := s.direct(letter{run: &l.Run, g: l.g, person: p, scope: s.m.known.Scope, now: b.Now}, a.channel, a.account)
	if err != nil {
		return result{port: portClosed.Key, reason: "触达不了：" + because(err)}
	}
	d, err := s.Outbox.Could(b, a.message(p.ID, to.account))
	if err != nil {
		return s.trouble(l, err)
	}
	return a.answer(d, b.Now, l.g.zone)
}

// answer puts a decision into a way out and words.
func (a askReach) answer(d policy.Decision, now int64, zone *time.Location) result {
	switch {
	case d.Action == policy.Send:
		return result{port: portOpen.Key, reason: "可以触达"}
	case d.Action == policy.Delay && d.Until-now <= a.within.Milliseconds():
		return result{port: portOpen.Key, reason: "可以触达，" + when(d.Until, zone) + " 发出：" + d.Reason.Explain().Name}
	case d.Action == policy.Delay:
		return result{port: portClosed.Key, reason: "触达不了：要等到 " + when(d.Until, zone) + "，" + d.Reason.Explain().Name}
	}
	return result{port: portClosed.Key, reason: "触达不了：" + d.Reason.Explain().Name}
}
