package outbox

import (
	"fmt"
	"time"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/policy"
)

// Enqueue takes a message caused by an event that passes the stages now; it may be called from Apply only.
// Policy decides at once: the message is born with attempt 1 and goes to its sender after the commit, or
// waits, or is kept with the reason it was suppressed for. Either way the person's timeline tells
// (message.queued, message.suppressed). The same cause, step and n make one message however often they are
// processed: repeating the call does nothing.
//
// An error is a mistake of the caller (no body, a name too long for its column), not of the recipient.
func (s *Stage) Enqueue(b *event.Batch, cause *event.Event, m Message) error {
	_, err := s.enqueue(b, cause, m)
	return err
}

// enqueue returns the message that was made; nil where it was there before.
func (s *Stage) enqueue(b *event.Batch, cause *event.Event, m Message) (*row, error) {
	m.EventID = int64(cause.ID())
	if err := m.check(); err != nil {
		return nil, err
	}
	key := m.Key()
	if s.known[key] {
		return nil, nil
	}
	k := s.nth[cause.ID()]
	if k > maxPerEvent {
		return nil, fmt.Errorf("event %d makes more than %d messages", cause.ID(), maxPerEvent)
	}
	s.known[key], s.nth[cause.ID()] = true, k+1
	if m.Channel == WeComWelcome { // the platform's welcome code lives 20 s from when the person was added
		if end := cause.OccurredAt + welcomeLife.Milliseconds(); m.ExpiresAt == 0 || m.ExpiresAt > end {
			m.ExpiresAt = end
		}
	}
	if m.ExpiresAt == 0 {
		m.ExpiresAt = max(b.Now, m.NotBefore) + worth(m.Class).Milliseconds()
	}
	r := &row{id: m.EventID*idsPerEvent + k, key: key, contact: m.ContactID, channel: m.Channel, account: m.Account, to: m.To,
		class: m.Class, kind: m.Kind, step: m.Step, n: m.N, journey: m.JourneyID, run: m.RunID, test: m.Test,
		template: m.Template, definition: m.Definition, risk: m.Risk,
		created: b.Now, expires: m.ExpiresAt, body: m.Body, made: true}
	r.sealed = s.conf.Keys.Seal(purpose, m.Body)
	s.rows[r.id] = r
	if m.LongTerm && m.Channel.Subscribed() && m.ContactID != 0 {
		s.conf.Reach.LongTerm(m.ContactID, m.Account, m.Template)
	}
	if err := s.decide(b, cause, r, policy.Message{CauseAt: cause.OccurredAt, Late: cause.Late(), Fresh: m.Fresh, NotBefore: m.NotBefore}); err != nil {
		return nil, err
	}
	if r.state == Suppressed {
		return r, nil // decide told so
	}
	return r, s.tell(b, cause, r, event.MessageQueued)
}

// welcomeLife is how long a WelcomeCode may be used (发送新客户欢迎语, path/92599).
const welcomeLife = 20 * time.Second

// A message's id is its event's id and its place among that event's messages: rising, and the same
// whenever the event is processed.
const (
	idsPerEvent = 1024
	maxPerEvent = idsPerEvent - 1
)

// CauseOf is the event that caused a message.
func CauseOf(message int64) event.ID { return event.ID(message / idsPerEvent) }

// decide asks policy about a row and does what it says. m carries what the row does not.
func (s *Stage) decide(b *event.Batch, cause *event.Event, r *row, m policy.Message) error {
	d, complete := s.judge(r, m)
	switch {
	case d.Action == policy.Suppress:
		if d.Reason == policy.Expired && !r.made {
			s.finish(r, Expired, d.Reason)
			return s.tell(b, cause, r, event.MessageExpired)
		}
		s.finish(r, Suppressed, d.Reason)
		return s.tell(b, cause, r, event.MessageSuppressed)
	case d.Action == policy.Delay:
		s.wait(r, d.Until, d.Reason)
	case !complete, !s.reserve(r):
		s.inLine(r)
	default:
		s.begin(b, cause, r)
	}
	return nil
}

// judge asks policy; complete is false where not everything that it asks is known in this batch.
func (s *Stage) judge(r *row, m policy.Message) (d policy.Decision, complete bool) {
	m.Channel, m.Class, m.To, m.ExpiresAt = r.channel, r.class, r.to, r.expires
	m.Kind, m.Risk, m.Counted, m.Test = r.kind, r.risk, r.counted, r.test
	facts, complete := s.facts(r, &m)
	return s.p.Decide(m, facts, s.now), complete
}

// inLine lets a row wait for a place, or for facts; one that waited before keeps its turn.
func (s *Stage) inLine(r *row) {
	since := s.now
	if r.due > 0 && r.due < since {
		since = r.due
	}
	s.wait(r, since, policy.InLine)
}

// facts collects what policy may ask. It is incomplete where this batch did not load everything: then the
// row is looked at again, as a timer, by a batch that does.
func (s *Stage) facts(r *row, m *policy.Message) (f policy.Reach, complete bool) {
	complete = true
	f.Connected = s.conf.Dispatcher.connected(r.channel)
	if p := s.pauses[r.place()]; p != nil {
		f.PausedUntil = p.until
	}
	if r.contact != 0 {
		if p := s.conf.People.Person(r.contact); p != nil {
			m.Excluded = p.Excluded
			f.Consent = consent(p, r.channel)
			f.Following = s.following(p, r)
		} else if r.made {
			complete = false
		}
	}
	if r.channel == OfficialKF {
		f.Window = s.conf.Reach.Window(r.contact, r.account)
		if !complete { // nobody looked yet
			f.Window = policy.Window{Until: r.expires, Left: 1}
		}
	}
	if r.channel.Templated() && r.contact != 0 {
		f.Window = s.conf.Reach.Window(r.contact, r.account)
		f.TemplateOff = s.disabled(r)
		if r.template != "" && r.channel.Subscribed() {
			f.Balance = s.conf.Reach.Balance(r.contact, r.account, r.template)
		}
		if r.template != "" && r.risk != policy.Low {
			f.TemplateToday = s.conf.Reach.TemplateToday(r.contact, r.account, r.template)
		}
	}
	if r.channel == SMS && r.contact != 0 {
		f.NumberDead = s.conf.Reach.NumberDead(r.contact)
	}
	f.Day, f.Month = s.conf.Reach.Sent(r.account, r.channel)
	if r.channel == WeComApp {
		f.Staff = s.conf.Reach.Staff(r.account, r.to)
		if s.conf.Seats != nil {
			f.App = policy.Quota{Used: s.conf.Reach.Sends(r.account), Limit: s.conf.Seats(r.account) * s.p.AppSeatDay}
		}
	}
	if r.class == Marketing && r.contact != 0 && !r.counted && !r.test {
		// Touches are loaded for due rows only: marketing is never urgent, and most batches send none.
		var ok bool
		f.Touches, ok = s.conf.Reach.Touches(r.contact)
		complete = complete && ok
	}
	return f, complete
}

// consent is what a person said about marketing on a channel.
func consent(p *contact.Person, c Channel) policy.Consent {
	purpose, channel := contact.MarketingWeChat, contact.UnsubscribeWeChat
	if c == SMS {
		purpose, channel = contact.MarketingSMS, contact.UnsubscribeSMS
	}
	switch {
	case p.Consents.Unsubscribed(channel):
		return policy.Unsubscribed
	case p.Consents.Granted(purpose):
		return policy.Granted
	case p.Consents.Withdrawn(purpose):
		return policy.Withdrawn
	}
	return policy.NotAsked
}

// following is how a person stands to the official account of a row. Who did something there after they
// left, as far as we know, came back without our being told.
func (s *Stage) following(p *contact.Person, r *row) policy.Following {
	for _, f := range p.Follows {
		switch {
		case f.AppID != r.account:
		case f.Active():
			return policy.Follows
		case s.conf.Reach.ActedAt(p.ID, r.account) <= f.UnfollowedAt:
			return policy.Left
		}
	}
	return policy.FollowUnknown
}

// reserve takes a place in the queue of the row's account.
func (s *Stage) reserve(r *row) bool {
	if !s.conf.Dispatcher.reserve(r.place(), urgencyOf(r.class)) {
		return false
	}
	s.held = append(s.held, r.place())
	return true
}

// begin makes the row's next attempt; a place is reserved. It goes out once the batch is committed.
func (s *Stage) begin(b *event.Batch, cause *event.Event, r *row) {
	first := r.attempt == 0
	r.attempt++
	if r.firstAt == 0 {
		r.firstAt = b.Wall
	}
	r.attemptAt, r.process = b.Now, s.conf.Process
	s.set(r, Sending, "")
	r.due, r.queue, r.detail, r.code = 0, "", "", 0
	if !r.counted {
		r.counted = true
		s.spend(r)
	}
	it := item{place: r.place(), urgency: urgencyOf(r.class), expires: r.expires,
		Attempt: Attempt{ID: r.id, Number: r.attempt, Account: r.account, To: r.to, Kind: r.kind, Body: r.body}}
	if r.unsure {
		it.deadline = s.deadline(r)
	}
	if first && r.made {
		it.received = cause.ReceivedAt
	}
	s.out = append(s.out, it)
}

// spend counts a message that is handed over.
func (s *Stage) spend(r *row) {
	switch r.channel {
	case OfficialKF:
		s.conf.Reach.SpendWindow(r.contact, r.account)
	case WeComApp:
		s.conf.Reach.CountStaff(r.account, r.to, r.class)
	}
	s.conf.Reach.CountSent(r.account, r.channel)
	if r.contact == 0 {
		return
	}
	if r.template != "" && r.channel.Subscribed() {
		s.conf.Reach.SpendBalance(r.contact, r.account, r.template)
	}
	if r.template != "" && r.channel.Templated() && r.risk != policy.Low {
		s.conf.Reach.CountTemplate(r.contact, r.account, r.template)
	}
	if r.class == Marketing && !r.test {
		s.conf.Reach.Touch(r.contact)
	}
}
