package outbox

import (
	"fmt"
	"slices"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/policy"
)

// Could is what policy would say to a message if it were made now; it makes none and counts nothing. It
// may be called from Apply only, about people of the batch. Of the message it reads ContactID, Channel,
// Account, Class, Kind, Template, Definition, Risk, LongTerm and To; without To the person's own identity
// on the channel is meant. An error is a mistake of the caller: a channel or class there is not.
func (s *Stage) Could(b *event.Batch, m Message) (policy.Decision, error) {
	if !slices.Contains(policy.Channels(), m.Channel) || classCode(m.Class) == 0 {
		return policy.Decision{}, fmt.Errorf("there is no channel %q or no class %q", m.Channel, m.Class)
	}
	p := s.conf.People.Person(m.ContactID)
	if m.To == "" && p != nil {
		m.To = address(p, m.Channel, m.Account)
	}
	r := &row{contact: m.ContactID, channel: m.Channel, account: m.Account, to: m.To, class: m.Class, kind: m.Kind, test: m.Test,
		template: m.Template, definition: m.Definition, risk: m.Risk}
	if m.ContactID != 0 {
		s.conf.Reach.NeedTouches(m.ContactID)
		if m.LongTerm && m.Channel.Subscribed() {
			s.conf.Reach.LongTerm(m.ContactID, m.Account, m.Template)
		}
	}
	ask := policy.Message{Channel: m.Channel, Class: m.Class, Kind: m.Kind, Risk: m.Risk, To: m.To, Test: m.Test}
	facts, _ := s.facts(r, &ask)
	return s.p.Decide(ask, facts, b.Now), nil
}

// address is what a person is reached by on a channel; "" when nothing is known. Of a phone number only
// that there is one.
func address(p *contact.Person, c Channel, account string) string {
	kind, scope := event.KindOpenID, account
	switch c {
	case SMS:
		kind, scope = event.KindPhone, ""
	case WeComWelcome:
		kind, scope = event.KindExternal, ""
	case WeComApp, Webhook:
		return ""
	}
	id := p.Identity(kind, scope)
	switch {
	case id == nil:
		return ""
	case id.Value == "":
		return "known"
	}
	return id.Value
}
