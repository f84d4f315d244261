package httpapi

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/policy"
)

// Reach is which ways to a person are open now, and what is left of them.
type Reach struct {
	Ways     []Way     `json:"ways"`
	Windows  []Window  `json:"windows" doc:"客服消息窗口：公众号和小程序"`
	Balances []Balance `json:"balances" doc:"订阅消息余额，按模板"`
	Touches  Touches   `json:"touches" doc:"营销触达次数"`
	Quotas   []Quota   `json:"quotas" doc:"各账号今天、本月已发与上限"`
	At       time.Time `json:"at"`
}

// Way is one channel by one account.
type Way struct {
	Channel      string  `json:"channel"`
	ChannelLabel string  `json:"channel_label"`
	Account      string  `json:"account"`
	AccountName  string  `json:"account_name,omitempty"`
	Template     string  `json:"template,omitempty" doc:"订阅类渠道：哪个模板"`
	Service      Verdict `json:"service" doc:"服务通知现在能不能发"`
	Marketing    Verdict `json:"marketing" doc:"营销消息现在能不能发"`
}

// Verdict is whether a message could go now, and if not, why and what comes next.
type Verdict struct {
	Open        bool       `json:"open"`
	Reason      string     `json:"reason,omitempty"`
	ReasonLabel string     `json:"reason_label,omitempty"`
	What        string     `json:"what"`
	Next        string     `json:"next"`
	Until       *time.Time `json:"until,omitempty" doc:"什么时候会自动恢复"`
}

// Window is the customer-service window at one account.
type Window struct {
	Account     string     `json:"account"`
	AccountName string     `json:"account_name,omitempty"`
	Until       *time.Time `json:"until,omitempty"`
	SecondsLeft int64      `json:"seconds_left"`
	Left        int        `json:"left" doc:"还能发几条"`
	ClosedAt    *time.Time `json:"closed_at,omitempty"`
}

// Balance is what a subscription leaves.
type Balance struct {
	Account    string     `json:"account"`
	Template   string     `json:"template"`
	Left       int        `json:"left"`
	LongTerm   bool       `json:"long_term"`
	Rejected   bool       `json:"rejected"`
	AnsweredAt *time.Time `json:"answered_at,omitempty"`
	Today      int        `json:"today" doc:"今天用这个模板发了几条"`
}

// Touches counts marketing messages to the person.
type Touches struct {
	Day        int `json:"day"`
	Week       int `json:"week"`
	Month      int `json:"month"`
	DayLimit   int `json:"day_limit"`
	WeekLimit  int `json:"week_limit"`
	MonthLimit int `json:"month_limit"`
}

// Quota is what an account sent on a channel.
type Quota struct {
	Channel    string `json:"channel"`
	Account    string `json:"account"`
	Day        int    `json:"day"`
	Month      int    `json:"month"`
	DayLimit   int    `json:"day_limit" doc:"0 为不限"`
	MonthLimit int    `json:"month_limit" doc:"0 为不限"`
}

func (a *API) getReach(ctx context.Context, in *ByID) (*answer[Reach], error) {
	p, err := a.find(ctx, in.ID.ID)
	if err != nil {
		return nil, err
	}
	k, err := a.Ways.Of(ctx, p)
	if err != nil {
		return nil, err
	}
	return &answer[Reach]{a.reach(p, k)}, nil
}

// place is an account by which a channel may reach people.
type place struct {
	channel       outbox.Channel
	account, name string
}

func (a *API) places() (list []place) {
	for _, o := range a.Accounts.Officials() {
		for _, c := range []outbox.Channel{outbox.OfficialKF, outbox.OfficialTemplate, outbox.OfficialNotice, outbox.OfficialOnce} {
			list = append(list, place{c, o.AppID, o.Name})
		}
	}
	for _, m := range a.Accounts.Minis() {
		list = append(list, place{outbox.MiniSubscribe, m.AppID, m.Name})
	}
	for _, s := range a.Accounts.SMSes() {
		list = append(list, place{outbox.SMS, s.SignName, s.SignName})
	}
	return list
}

func (a *API) reach(p *contact.Person, k *outbox.Known) Reach {
	now := a.now()
	out := Reach{At: a.at(now), Ways: []Way{}, Windows: []Window{}, Balances: []Balance{}, Quotas: []Quota{},
		Touches: Touches{k.Touches.Day, k.Touches.Week, k.Touches.Month, k.Limits.MarketingDay, k.Limits.MarketingWeek, k.Limits.MarketingMonth}}
	names := map[string]string{}
	for _, pl := range a.places() {
		names[pl.account] = pl.name
		for _, t := range templatesOf(pl, k) {
			out.Ways = append(out.Ways, a.way(pl, t, k))
		}
		day, month := k.Sent(pl.account, pl.channel)
		l := k.Limits.Accounts[pl.channel]
		out.Quotas = append(out.Quotas, Quota{string(pl.channel), pl.account, day, month, l.Day, l.Month})
	}
	for _, w := range k.Windows {
		x := Window{Account: w.AppID, AccountName: names[w.AppID], Left: w.Left, ClosedAt: a.since(w.ClosedAt)}
		if w.ClosedBy != policy.NotClosed {
			x.Left = 0
		} else if w.Until > now {
			x.Until, x.SecondsLeft = a.since(w.Until), (w.Until-now)/1000
		}
		out.Windows = append(out.Windows, x)
	}
	for _, t := range k.Templates {
		out.Balances = append(out.Balances, Balance{Account: t.Account, Template: t.Template, Left: t.Balance.Left, LongTerm: t.Balance.LongTerm,
			Rejected: t.Balance.Rejected, AnsweredAt: a.since(t.AnsweredAt), Today: t.Today})
	}
	return out
}

// templatesOf lists the templates to ask about: those a person ever answered, or none in particular.
// One-time messages are answered by scene, under "template/scene".
func templatesOf(pl place, k *outbox.Known) []string {
	var list []string
	if pl.channel.Subscribed() {
		for _, t := range k.Templates {
			once := strings.Contains(t.Template, "/")
			if t.Account == pl.account && t.AnsweredAt > 0 && once == (pl.channel == outbox.OfficialOnce) {
				list = append(list, t.Template)
			}
		}
	}
	if len(list) == 0 {
		list = []string{""}
	}
	slices.Sort(list)
	return list
}

func (a *API) way(pl place, template string, k *outbox.Known) Way {
	ask := func(class outbox.Class) Verdict {
		m := outbox.Message{Channel: pl.channel, Account: pl.account, Class: class, Template: template, Kind: policy.SMSNotice}
		if pl.channel == outbox.SMS && class == outbox.Marketing {
			m.Kind = policy.SMSMarketing
		}
		return a.verdict(k.Could(m))
	}
	return Way{Channel: string(pl.channel), ChannelLabel: pl.channel.Label(), Account: pl.account, AccountName: pl.name, Template: template,
		Service: ask(outbox.Service), Marketing: ask(outbox.Marketing)}
}

func (a *API) verdict(d policy.Decision) Verdict {
	if d.Action == policy.Send {
		return Verdict{Open: true, What: "现在可以发送。", Next: "无需处理。"}
	}
	x := d.Reason.Explain()
	v := Verdict{Reason: string(d.Reason), ReasonLabel: x.Name, What: x.What, Next: x.Next}
	if d.Action == policy.Delay {
		v.Until = a.since(d.Until)
		v.Next = fmt.Sprintf("%s之后可以发送。%s", a.at(d.Until).Format("2006-01-02 15:04"), x.Next)
	}
	return v
}
