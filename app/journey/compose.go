package journey

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/message"
	"github.com/koi-scrm/koi/app/org"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/policy"
	"github.com/koi-scrm/koi/app/rule"
)

// letter is what the messages of one step are made of. The live stage and test runs compose alike.
type letter struct {
	run     *Run
	g       *Graph
	person  *rule.Person // nil when the run is about no customer
	scope   *rule.Scope
	reasons []string
	now     int64
	open    func(p *contact.Person, kind string) (string, error) // personal values; see contact.Stage.Sealed
}

// compose finds the recipients of a step's messages and renders them, all or none. Faults: Invalid and
// NotFound with a sentence that says what is missing.
func (c *Config) compose(l letter, a action) ([]outbox.Message, error) {
	switch a := a.(type) {
	case sendOfficial:
		if l.person == nil {
			return nil, fault.New(fault.NotFound, noPerson)
		}
		to, err := c.direct(l, message.OfficialKF, a.account)
		if err != nil {
			return nil, err
		}
		return c.render(l, a.template, a.expires, []address{to})
	case sendDirect:
		if l.person == nil {
			return nil, fault.New(fault.NotFound, noPerson)
		}
		to, err := c.direct(l, a.template.Channel, a.account)
		if err != nil {
			return nil, err
		}
		if a.template.Channel == message.SMS {
			if to.phone, err = l.open(l.person.Person, event.KindPhone); err != nil {
				return nil, err
			}
			to.to = contact.Mask(event.KindPhone, to.phone)
		}
		return c.render(l, a.template, a.expires, []address{to})
	case sendWelcome:
		return c.welcome(l, a)
	case callWebhook:
		return c.call(l, a)
	case sendWeCom:
		corp, user := splitStaff(l.run.Staff)
		member, err := c.Staff.Get(corp, user)
		if err != nil || !member.Active {
			return nil, fault.New(fault.NotFound, "员工 %s 不在通讯录里或已离职", user)
		}
		return c.toStaff(l, a.template, a.account, a.expires, []org.Staff{member})
	case sendAlert:
		if l.person == nil {
			return nil, fault.New(fault.NotFound, noPerson)
		}
		to := recipients(c.Staff, l.run.Cause, l.person.Person, a)
		if len(to) == 0 {
			return nil, fault.New(fault.NotFound, "没有找到可以提醒的员工：客户没有企微好友时，请在步骤里加上“指定部门”或“指定角色”作为最后一项，并在「设置 → 用户」给该角色的人关联企微成员")
		}
		return c.toStaff(l, a.template, a.account, a.expires, to)
	}
	return nil, nil
}

// address is one recipient.
type address struct {
	account, to string
	staff       org.Staff
	phone       string // in clear, for the body of an SMS alone
}

// officialFor chooses the official account to write from: the one given, the one the event came by, one
// the person follows, or any the person has an OpenID of. Mini-programs have OpenIDs too.
func (c *Config) officialFor(given string, cause Cause, p *contact.Person) string {
	if given != "" {
		return given
	}
	mini := func(app string) bool {
		_, is := c.Accounts.Mini(app)
		return is
	}
	if cause.Account != "" && p.Has(event.KindOpenID, cause.Account) && !mini(cause.Account) {
		return cause.Account
	}
	for _, f := range p.Follows {
		if f.Active() && p.Has(event.KindOpenID, f.AppID) {
			return f.AppID
		}
	}
	for _, id := range p.Identities {
		if id.Kind == event.KindOpenID && !mini(id.Scope) {
			return id.Scope
		}
	}
	return ""
}

// toStaff addresses staff, each from an app of their own corp.
func (c *Config) toStaff(l letter, t *message.Template, given string, worth time.Duration, to []org.Staff) ([]outbox.Message, error) {
	var list []address
	for _, member := range to {
		if app := c.appFor(given, member.CorpID); app != "" {
			list = append(list, address{account: app, to: member.UserID, staff: member})
		}
	}
	if len(list) == 0 {
		return nil, fault.New(fault.NotFound, "没有接入这些员工所在企业的企业微信应用：请在「设置 → 渠道与健康」添加")
	}
	return c.render(l, t, worth, list)
}

// appFor chooses the WeCom app to write from.
func (c *Config) appFor(given, corp string) string {
	if given != "" {
		if of, _, ok := account.SplitWeComID(given); ok && of == corp {
			return given
		}
		return ""
	}
	for _, w := range c.Accounts.WeComs() {
		if w.CorpID == corp {
			return w.ID()
		}
	}
	return ""
}

// render makes a message for each address. All are rendered before any is handed over, so that a template
// that fails sends to nobody.
func (c *Config) render(l letter, t *message.Template, worth time.Duration, to []address) ([]outbox.Message, error) {
	about := c.about(l)
	step := stepName(l.run, l.run.Node)
	list := make([]outbox.Message, len(to))
	for n, x := range to {
		about.Ref = "koi-" + strings.NewReplacer("/", "-", ".", "-").Replace(step) + "-" + strconv.Itoa(n)
		about.Phone = x.phone
		about.Staff = message.Staff{Name: x.staff.Name, UserID: x.staff.UserID, Position: x.staff.Position}
		body, err := t.Render(about)
		if err != nil {
			return nil, err
		}
		list[n] = outbox.Message{Step: step, N: n, ContactID: l.run.ContactID, Channel: outbox.Channel(t.Channel), Account: x.account, To: x.to,
			Class: outbox.Class(t.Class), Kind: string(t.Kind), Template: t.TemplateID, Definition: definitionOf(t), Risk: policy.Risk(t.Risk), LongTerm: t.Subscription == message.LongTerm, Fresh: l.g.patience(),
			Body: body, JourneyID: l.run.JourneyID, RunID: l.run.ID, ExpiresAt: l.now + worth.Milliseconds()}
	}
	return list, nil
}

// definitionOf names a template in the version it is used in.
func definitionOf(t *message.Template) string { return t.Key + "@" + strconv.FormatInt(t.Rev, 10) }

// patience is how old the cause of a message may be where that is more than what policy allows anyway.
func (g *Graph) patience() time.Duration {
	if g.fresh > defaultFreshness {
		return g.fresh
	}
	return 0
}

// about collects what the run's messages may say.
func (c *Config) about(l letter) message.Facts {
	cause := l.run.Cause
	f := message.Facts{Event: cause.event(), EventName: l.scope.Events[cause.Type], Journey: l.g.Name, Zone: l.g.zone, Reasons: l.reasons}
	p := l.person
	if p == nil {
		return f
	}
	f.Contact, f.Stage = p.Person, l.scope.Stages[p.Stage]
	if p.Intent > 0 {
		f.Grade = p.Fit + strconv.Itoa(p.Intent)
	}
	for _, def := range l.scope.Tags {
		if _, has := p.Tags[def.ID]; has {
			f.Tags = append(f.Tags, def.Label)
		}
	}
	slices.Sort(f.Tags)
	if grid := l.scope.Grid; grid != nil {
		f.Intent, f.Fit = points(l.scope, grid.Intent, p, l.now), points(l.scope, grid.Fit, p, l.now)
	}
	id := strconv.FormatInt(p.ID, 10)
	f.Links.Contact, f.Links.StaffContact = c.PublicURL+"/console/contacts/"+id, c.PublicURL+"/staff/contacts/"+id
	return f
}

// points is a score in whole points, as a screen shows it.
func points(scope *rule.Scope, key string, p *rule.Person, now int64) int64 {
	def := scope.Scores[key]
	micro := p.Scores[def.ID].Stored
	if def.Worth != nil {
		micro = def.Worth(micro, clock.Day(now, scope.Zone))
	}
	n := max(micro, 0) / rule.Micro
	if def.Max > 0 {
		n = min(n, def.Max)
	}
	return n
}
