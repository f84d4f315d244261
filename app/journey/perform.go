package journey

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/stage"
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
	case sendOfficial, sendWeCom, sendAlert, sendDirect, sendWelcome, callWebhook:
		return s.send(b, l, person, a)
	case askReach:
		return s.could(b, l, person, a)
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
	if errors.As(err, &f) {
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
	if a.stage != "" {
		if err := s.Stages.Set(b, l.cause, p, a.stage, stage.ByJourney, l.g.Key); err != nil {
			return s.trouble(l, err)
		}
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

// send composes a step's messages and hands them to the outbox.
func (s *Stage) send(b *event.Batch, l *live, p *rule.Person, a action) result {
	list, err := s.compose(letter{run: &l.Run, g: l.g, person: p, scope: s.m.known.Scope, reasons: s.reasons[l.ContactID], now: b.Now, open: s.Contacts.Sealed}, a)
	if err != nil {
		return s.trouble(l, err)
	}
	for _, m := range list {
		if err := s.Outbox.Enqueue(b, l.cause, m); err != nil {
			return s.trouble(l, err)
		}
	}
	return result{messages: len(list)}
}
