package journey

import (
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/message"
	"github.com/koi-scrm/koi/app/outbox"
)

// sendDirect sends a message to the customer the run is about, on its template's channel.
type sendDirect struct {
	template *message.Template
	account  string // AppID or signature; "": chosen for the person
	expires  time.Duration
}

// sendWelcome greets a customer a staff member has just become friends with.
type sendWelcome struct{ template *message.Template }

func (sendDirect) action()  {}
func (sendWelcome) action() {}

var directComponents = []Component{
	{
		Number: "14", Key: keySendTemplate, Label: "公众号模板消息", Group: Actions, Subjects: []Subject{Customers}, Ports: sendPorts,
		Explain: "用公众号按类目模板给关注者发服务通知；各字段按类型校验长度，不得营销。",
		Config:  sendMembers(), decode: decodeDirect(message.OfficialTemplate),
	},
	{
		Number: "14b", Key: keySendNotice, Label: "公众号订阅通知", Group: Actions, Subjects: []Subject{Customers}, Ports: sendPorts,
		Explain: "发给订阅过这个模板的客户：一次性订阅发一条用掉一次，长期订阅不限次数。",
		Config:  sendMembers(), decode: decodeDirect(message.OfficialNotice),
	},
	{
		Number: "14c", Key: keySendOnce, Label: "一次性订阅消息", Group: Actions, Subjects: []Subject{Customers}, Ports: sendPorts,
		Explain: "客户在页面里同意一次，就能用公众号发一条；没有关注的人也能收到。",
		Config:  sendMembers(), decode: decodeDirect(message.OfficialOnce),
	},
	{
		Number: "17", Key: keySendMini, Label: "小程序订阅消息", Group: Actions, Subjects: []Subject{Customers}, Ports: sendPorts,
		Explain: "发给在小程序里订阅过这个模板的客户；一次性订阅发一条用掉一次。",
		Config:  sendMembers(), decode: decodeDirect(message.MiniSubscribe),
	},
	{
		Number: "18", Key: keySendSMS, Label: "短信", Group: Actions, Subjects: []Subject{Customers}, Ports: sendPorts,
		Explain: "给客户的手机号发短信：验证码、通知、推广三种；推广短信只在 9:00–20:00 发给同意过的客户。",
		Config:  sendMembers(), decode: decodeDirect(message.SMS),
	},
	{
		Number: "15b", Key: keyWelcome, Label: "企微欢迎语", Group: Actions, Subjects: []Subject{Customers}, Ports: sendPorts,
		Explain: "员工刚添加客户时发欢迎语；凭证 20 秒内有效、只能用一次，所以只能紧跟在添加客户之后。",
		Config:  []Member{{Key: "template", Label: "消息模板", Editor: EditTemplate, Required: true}}, decode: decodeWelcome,
	},
}

func decodeDirect(channel message.Channel) func(*compiler, Node) part {
	return func(c *compiler, n Node) part {
		var cfg sendConfig
		decodeConfig(c, n, &cfg)
		t := c.template("config.template", cfg.Template, channel)
		d := sendDirect{template: t, account: cfg.Account, expires: c.expiry(cfg.Expires, t)}
		if channel != message.SMS && strings.Contains(cfg.Account, "/") {
			c.say("config.account", "“%s”是企业微信应用，这里要填%s的 AppID", cfg.Account, map[bool]string{true: "小程序", false: "公众号"}[channel == message.MiniSubscribe])
		}
		if t == nil {
			return nil
		}
		return &sendStep{d, t, "发送“" + t.Name + "”"}
	}
}

func decodeWelcome(c *compiler, n Node) part {
	var cfg struct {
		Template string `json:"template"`
	}
	decodeConfig(c, n, &cfg)
	t := c.template("config.template", cfg.Template, message.WeComWelcome)
	if t == nil {
		return nil
	}
	return &sendStep{sendWelcome{t}, t, "用“" + t.Name + "”欢迎"}
}

// direct finds the account and the address to reach the run's person by on a channel. Of a phone number it
// says only whether there is one. Fault: NotFound with what is missing.
func (c *Config) direct(l letter, channel message.Channel, given string) (address, error) {
	p, cause := l.person, l.run.Cause
	if p == nil {
		return address{}, fault.New(fault.NotFound, noPerson)
	}
	switch channel {
	case message.SMS:
		if given == "" {
			list := c.Accounts.SMSes()
			if len(list) == 0 {
				return address{}, fault.New(fault.NotFound, "没有接入短信：请在「设置 → 渠道与健康」添加短信签名")
			}
			given = list[0].SignName
		} else if _, known := c.Accounts.SMS(given); !known {
			return address{}, fault.New(fault.NotFound, "没有短信签名“%s”：请在「设置 → 渠道与健康」检查", given)
		}
		if !p.Has(event.KindPhone, "") {
			return address{}, fault.New(fault.NotFound, "客户没有留过手机号")
		}
		return address{account: given}, nil
	case message.MiniSubscribe:
		app := given
		if app == "" {
			app = c.miniFor(cause, l)
		}
		if id := p.Identity(event.KindOpenID, app); app != "" && id != nil {
			return address{account: app, to: id.Value}, nil
		}
		return address{}, fault.New(fault.NotFound, "客户没有用过可用的小程序，发不了%s", channel.Label())
	}
	app := c.officialFor(given, cause, p.Person)
	if id := p.Identity(event.KindOpenID, app); app != "" && id != nil {
		return address{account: app, to: id.Value}, nil
	}
	return address{}, fault.New(fault.NotFound, "客户没有关注可用的公众号，发不了%s", channel.Label())
}

// miniFor chooses the mini-program to write from: the one the event came by, else one the person used.
func (c *Config) miniFor(cause Cause, l letter) string {
	if _, is := c.Accounts.Mini(cause.Account); is && l.person.Has(event.KindOpenID, cause.Account) {
		return cause.Account
	}
	for _, m := range c.Accounts.Minis() {
		if l.person.Has(event.KindOpenID, m.AppID) {
			return m.AppID
		}
	}
	return ""
}

// welcomeWorth is how long a welcome code can be used (发送新客户欢迎语: 20 秒).
const welcomeWorth = 20 * time.Second

// welcome makes a 欢迎语. Its time runs from when the customer was added, not from when we heard of it.
func (c *Config) welcome(l letter, a sendWelcome) ([]outbox.Message, error) {
	if l.person == nil {
		return nil, fault.New(fault.NotFound, noPerson)
	}
	corp, _, ok := account.SplitWeComID(l.run.Cause.Account)
	id := l.person.Identity(event.KindExternal, corp)
	if !ok || id == nil {
		return nil, fault.New(fault.NotFound, "不是由企业微信添加客户触发的，发不了欢迎语")
	}
	list, err := c.render(l, a.template, welcomeWorth, []address{{account: l.run.Cause.Account, to: id.Value}})
	for i := range list {
		list[i].ExpiresAt = l.run.Cause.At + welcomeWorth.Milliseconds()
	}
	return list, err
}
