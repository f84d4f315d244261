package journey

import (
	"fmt"
	"log/slog"
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
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/tag"
)

// perform does what a step asks for. Nothing here leaves the batch: messages go into the outbox, changes
// to the stages that own them.
func (s *Stage) perform(b *event.Batch, l *live, a action) result {
	var person *rule.Person
	if p := s.Contacts.Person(l.ContactID); p != nil {
		person = s.People.Of(p)
	}
	switch a := a.(type) {
	case sendOfficial:
		return s.sendOfficial(b, l, person, a)
	case sendWeCom:
		return s.sendWeCom(b, l, person, a)
	case sendAlert:
		return s.sendAlert(b, l, person, a)
	case retag:
		return s.retag(b, l, person, a)
	case amend:
		return s.amend(b, l, person, a)
	case impossible:
		return cannot("这一步的配置已失效：%s", a.why)
	}
	panic(fmt.Sprintf("no way to perform %T", a))
}

func cannot(format string, args ...any) result {
	return result{kind: failed, reason: fmt.Sprintf(format, args...)}
}

const noPerson = "这一步要有客户，但事件没有对应的客户"

// because is an error's sentence for people.
func because(err error) string {
	var f *fault.Error
	if asType(err, &f) {
		return f.Message
	}
	return "内部错误，详情见日志"
}

func (s *Stage) retag(b *event.Batch, l *live, p *rule.Person, a retag) result {
	if p == nil {
		return cannot(noPerson)
	}
	by := tag.Source{Kind: tag.ByJourney, ID: l.JourneyID, Key: l.g.Key}
	for _, id := range a.add {
		if err := s.Tags.Add(b, l.cause, p, id, by); err != nil {
			return s.trouble(l, err)
		}
	}
	for _, id := range a.remove {
		if err := s.Tags.Remove(b, l.cause, p, id, by); err != nil {
			return s.trouble(l, err)
		}
	}
	return result{changed: true}
}

func (s *Stage) amend(b *event.Batch, l *live, p *rule.Person, a amend) result {
	if p == nil {
		return cannot(noPerson)
	}
	if len(a.set) > 0 {
		if err := s.Contacts.Change(b, l.cause, p.Person, a.set, "旅程 "+l.g.Name); err != nil {
			return s.trouble(l, err)
		}
	}
	return result{changed: true}
}

// trouble makes a step's failure of an error; what nobody put into words goes to the log.
func (s *Stage) trouble(l *live, err error) result {
	if fault.KindOf(err) == fault.Internal {
		slog.Error("旅程的一步没有做成", "journey", l.g.Key, "run", l.ID, "node", l.Node, "err", err)
	}
	return cannot("%s", because(err))
}

func (s *Stage) sendOfficial(b *event.Batch, l *live, p *rule.Person, a sendOfficial) result {
	if p == nil {
		return cannot(noPerson)
	}
	app := officialFor(a.account, l.Cause, p.Person)
	id := p.Identity(event.KindOpenID, app)
	if app == "" || id == nil {
		return cannot("客户没有关注可用的公众号，发不了客服消息")
	}
	m := s.message(b, l, a.template, a.expires)
	m.Account, m.To = app, id.Value
	return s.enqueue(b, l, a.template, s.about(l, p, b.Now), []outbox.Message{m})
}

// officialFor chooses the official account to write from: the one given, the one the event came by, one
// the person follows, or any the person has an OpenID of.
func officialFor(given string, c Cause, p *contact.Person) string {
	if given != "" {
		return given
	}
	if p.Has(event.KindOpenID, c.Account) && c.Account != "" {
		return c.Account
	}
	for _, f := range p.Follows {
		if f.Active() && p.Has(event.KindOpenID, f.AppID) {
			return f.AppID
		}
	}
	if id := p.Identity(event.KindOpenID, ""); id != nil {
		return id.Scope
	}
	return ""
}

func (s *Stage) sendWeCom(b *event.Batch, l *live, p *rule.Person, a sendWeCom) result {
	corp, user := splitStaff(l.Staff)
	member, err := s.Staff.Get(corp, user)
	if err != nil || !member.Active {
		return cannot("员工 %s 不在通讯录里或已离职", user)
	}
	return s.toStaff(b, l, p, a.template, a.account, a.expires, []org.Staff{member})
}

func (s *Stage) sendAlert(b *event.Batch, l *live, p *rule.Person, a sendAlert) result {
	if p == nil {
		return cannot(noPerson)
	}
	to := recipients(s.Staff, l.Cause, p.Person, a)
	if len(to) == 0 {
		return cannot("没有找到可以提醒的员工：请检查客户的员工关系与通讯录")
	}
	return s.toStaff(b, l, p, a.template, a.account, a.expires, to)
}

// toStaff writes to staff, each from an app of their own corp.
func (s *Stage) toStaff(b *event.Batch, l *live, p *rule.Person, t *message.Template, given string, worth time.Duration, to []org.Staff) result {
	var list []outbox.Message
	for n, member := range to {
		app := s.appFor(given, member.CorpID)
		if app == "" {
			continue
		}
		m := s.message(b, l, t, worth)
		m.Account, m.To, m.N = app, member.UserID, n
		list = append(list, m)
	}
	if len(list) == 0 {
		return cannot("没有接入这些员工所在企业的企业微信应用：请在「设置 → 渠道与健康」添加")
	}
	return s.enqueue(b, l, t, s.about(l, p, b.Now), list)
}

// appFor chooses the WeCom app to write from.
func (s *Stage) appFor(given, corp string) string {
	if c, _, ok := account.SplitWeComID(given); ok {
		if c == corp {
			return given
		}
		return ""
	}
	for _, w := range s.Accounts.WeComs() {
		if w.CorpID == corp {
			return w.ID()
		}
	}
	return ""
}

// message starts a message of the step a run is at.
func (s *Stage) message(b *event.Batch, l *live, t *message.Template, worth time.Duration) outbox.Message {
	return outbox.Message{Step: stepName(&l.Run, l.Node), ContactID: l.ContactID, Channel: outbox.Channel(t.Channel), Class: outbox.Class(t.Class),
		Kind: string(t.Kind), JourneyID: l.JourneyID, RunID: l.ID, ExpiresAt: b.Now + worth.Milliseconds()}
}

// enqueue renders and hands over messages. All are rendered before the first is handed over, so that a
// template that fails sends to nobody.
func (s *Stage) enqueue(b *event.Batch, l *live, t *message.Template, about message.Facts, list []outbox.Message) result {
	for i := range list {
		m := &list[i]
		about.Ref = "koi-" + strings.ReplaceAll(strings.ReplaceAll(m.Step, "/", "-"), ".", "-") + "-" + strconv.Itoa(m.N)
		about.Staff = message.Staff{}
		if m.Channel == outbox.WeComApp {
			corp, _, _ := account.SplitWeComID(m.Account)
			if member, err := s.Staff.Get(corp, m.To); err == nil {
				about.Staff = message.Staff{Name: member.Name, UserID: member.UserID, Position: member.Position}
			}
		}
		body, err := t.Render(about)
		if err != nil {
			return s.trouble(l, err)
		}
		m.Body = body
	}
	for _, m := range list {
		if err := s.Outbox.Enqueue(b, l.cause, m); err != nil {
			return s.trouble(l, err)
		}
	}
	return result{messages: len(list)}
}

// about collects what the run's messages may say.
func (s *Stage) about(l *live, p *rule.Person, now int64) message.Facts {
	scope := s.m.known.Scope
	f := message.Facts{Event: l.Cause.event(), EventName: scope.Events[l.Cause.Type], Journey: l.g.Name, Zone: l.g.zone}
	if p == nil {
		return f
	}
	f.Contact, f.Stage = p.Person, scope.Stages[p.Stage]
	if p.Intent > 0 {
		f.Grade = p.Fit + strconv.Itoa(p.Intent)
	}
	for _, def := range scope.Tags {
		if _, has := p.Tags[def.ID]; has {
			f.Tags = append(f.Tags, def.Label)
		}
	}
	slices.Sort(f.Tags)
	f.Reasons = s.reasons[p.ID]
	if grid := scope.Grid; grid != nil {
		f.Intent, f.Fit = points(scope, grid.Intent, p, now), points(scope, grid.Fit, p, now)
	}
	f.Links.Contact = s.PublicURL + "/console/contacts/" + strconv.FormatInt(p.ID, 10)
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
