package reach

import (
	"context"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/policy"
)

// Stage opens and closes windows as events pass, and counts what the outbox says is handed over. It
// stands behind the contact stage.
type Stage struct {
	people *contact.Stage
	zone   *time.Location
	quotas quotas

	// Of the batch:
	now     int64
	windows map[windowKey]*window
	touched map[int64]*touches
	merges  []merge
	late    map[int64]bool // people outside of the batch whose windows were read
	moved   []int64        // contacts whose windows went to the person they were merged into

	templates      map[templateKey]*template
	movedTemplates []int64
	numbers        map[int64]*number
	readTemplates  lazy
	readNumbers    lazy
	// Between Load and Flush, for facts that are read when they are asked for.
	ctx context.Context
	tx  *db.Tx
	err error
}

type windowKey struct {
	contact int64
	app     string
}

type merge struct{ old, kept int64 }

// NewStage makes the stage; zone is the business zone.
func NewStage(people *contact.Stage, zone *time.Location) *Stage {
	return &Stage{people: people, zone: zone}
}

// Name of the stage.
func (s *Stage) Name() string { return "reach" }

// Load reads the windows of the batch's followers: one query for them, none when there is no follower.
func (s *Stage) Load(ctx context.Context, tx *db.Tx, b *event.Batch) error {
	s.now = b.Now
	s.windows, s.touched, s.merges = map[windowKey]*window{}, map[int64]*touches{}, nil
	s.moved, s.late = s.moved[:0], map[int64]bool{}
	s.templates, s.numbers, s.movedTemplates = map[templateKey]*template{}, map[int64]*number{}, nil
	s.readTemplates.reset()
	s.readNumbers.reset()
	s.ctx, s.tx, s.err = ctx, tx, nil
	var followers []int64
	for _, id := range s.people.Loaded() {
		if s.people.Person(id).Has(event.KindOpenID, "") {
			followers = append(followers, id)
		}
	}
	if err := s.loadWindows(ctx, tx, followers); err != nil {
		return err
	}
	return s.quotas.begin(ctx, tx, b, s.zone)
}

// Apply takes what the event says about the way to its person.
func (s *Stage) Apply(_ *event.Batch, e *event.Event) error {
	// The platform counts from when the person acted. A clock of theirs that runs ahead of ours must not
	// give us time that is not there.
	at := min(e.OccurredAt, e.ReceivedAt)
	switch e.Type {
	case event.OAMessageReceived:
		s.of(e.ContactID, e.Account).openMessage(at)
	case event.OAFollowed, event.OAScanned, event.OAMenuClicked, event.OAMenuScanned:
		s.of(e.ContactID, e.Account).openAction(at)
	case event.OAUnfollowed:
		s.of(e.ContactID, e.Account).close(policy.Unfollowed, at)
	case event.MPMessageReceived:
		s.of(e.ContactID, e.Account).openMessage(at)
	case event.MPContactSessionEntered:
		s.of(e.ContactID, e.Account).openSession(at)
	case event.OASubscriptionAnswered, event.MPSubscriptionAnswered:
		s.answered(e, at)
	case event.MPPhoneAuthorized:
		s.ReviveNumber(e.ContactID)
	case event.MessageReplied:
		if e.N == 0 && e.Source == "sms" && e.ContactID != 0 {
			s.ReviveNumber(e.ContactID)
		}
	case event.ContactMerged:
		s.merge(e.Props.Int("kept"), e.Props.Int("old"))
	}
	return nil
}

// Flush writes what changed.
func (s *Stage) Flush(ctx context.Context, tx *db.Tx, _ *event.Batch) error {
	if err := s.flushWindows(ctx, tx); err != nil {
		return err
	}
	if s.err != nil {
		return s.err
	}
	if err := s.flushTouches(ctx, tx); err != nil {
		return err
	}
	if err := s.flushTemplates(ctx, tx); err != nil {
		return err
	}
	if err := s.flushNumbers(ctx, tx); err != nil {
		return err
	}
	s.ctx, s.tx = nil, nil
	return s.quotas.flush(ctx, tx)
}

// person is the id a contact goes by now.
func (s *Stage) person(id int64) int64 {
	if p := s.people.Person(id); p != nil {
		return p.ID
	}
	return id
}

func (s *Stage) of(contact int64, app string) *window {
	k := windowKey{s.person(contact), app}
	w := s.windows[k]
	if w == nil && s.people.Person(contact) == nil && !s.late[contact] && s.tx != nil && s.err == nil {
		s.late[contact] = true
		s.err = s.loadWindows(s.ctx, s.tx, []int64{contact}) // nobody of the batch: what is stored must not be lost
		w = s.windows[k]
	}
	if w == nil {
		w = &window{contact: k.contact, app: app}
		s.windows[k] = w
	}
	return w
}

// merge gives kept the windows of old. Where both have one for the same account, the later act counts.
func (s *Stage) merge(kept, old int64) {
	s.merges = append(s.merges, merge{old, kept})
	s.mergeTemplates(kept, old)
	for k, w := range s.windows {
		if k.contact != old {
			continue
		}
		delete(s.windows, k)
		s.moved = append(s.moved, old)
		to := windowKey{kept, k.app}
		if had := s.windows[to]; had != nil && max(had.openedAt(), had.closedAt) >= max(w.openedAt(), w.closedAt) {
			continue
		}
		w.contact, w.dirty = kept, true
		s.windows[to] = w
	}
}

// Window is the customer-service window of a person at an official account. Known are the people of the
// batch; for anyone else it is closed.
func (s *Stage) Window(contact int64, app string) policy.Window {
	if w := s.windows[windowKey{s.person(contact), app}]; w != nil {
		return w.fact(s.now)
	}
	return policy.Window{}
}

// ActedAt is when the person last did something that opened a window at an account; 0: not that we know.
func (s *Stage) ActedAt(contact int64, app string) int64 {
	if w := s.windows[windowKey{s.person(contact), app}]; w != nil {
		return max(0, w.openedAt())
	}
	return 0
}

// SpendWindow takes one message from the window.
func (s *Stage) SpendWindow(contact int64, app string) {
	if w := s.windows[windowKey{s.person(contact), app}]; w != nil {
		w.spend(s.now)
	}
}

// CloseWindow takes over a refusal of the platform to a message that was sent at a business time. A window
// that opened after that stays open.
func (s *Stage) CloseWindow(contact int64, app string, why policy.Closed, sentAt int64) {
	s.of(contact, app).close(why, sentAt)
}

// LoadTouches reads the marketing touches of people; the outbox asks for those it has to decide about.
func (s *Stage) LoadTouches(ctx context.Context, tx *db.Tx, contacts []int64) error {
	ids := make([]int64, 0, len(contacts))
	for _, id := range contacts {
		id = s.person(id)
		if s.touched[id] == nil {
			s.touched[id] = &touches{contact: id}
			ids = append(ids, id)
		}
	}
	return s.loadTouches(ctx, tx, ids)
}

// NeedTouches reads the marketing touches of the batch's people, if nobody did: see lazy.
func (s *Stage) NeedTouches(contact int64) {
	if s.touched[s.person(contact)] != nil || s.tx == nil {
		return
	}
	if err := s.LoadTouches(s.ctx, s.tx, append([]int64{contact}, s.people.Loaded()...)); err != nil {
		s.keep(err)
	}
}

// Touches is how often marketing reached a person; ok only for people given to LoadTouches.
func (s *Stage) Touches(contact int64) (f policy.Touches, ok bool) {
	t := s.touched[s.person(contact)]
	if t == nil {
		return f, false
	}
	return t.fact(s.calendar()), true
}

// Touch counts one marketing message to a person given to LoadTouches.
func (s *Stage) Touch(contact int64) {
	if t := s.touched[s.person(contact)]; t != nil {
		t.add(s.calendar(), policy.Touches{Day: 1, Week: 1, Month: 1})
	}
}

func (s *Stage) calendar() calendar {
	return calendarOf(s.now, clock.Day(s.now, s.zone), s.zone)
}

// Staff is what a member of a WeCom app received in the periods policy asks about.
func (s *Stage) Staff(account, user string) policy.Staff {
	q := &s.quotas
	return policy.Staff{
		Alerts:     q.used(q.hour, account, scopeAlert+user),
		Minute:     q.used(q.minute, account, scopeMinute+user),
		LastMinute: q.used(q.minute-minuteMs, account, scopeMinute+user),
		Hour:       q.used(q.hour, account, scopeHour+user),
		LastHour:   q.used(q.hour-hourMs, account, scopeHour+user),
	}
}

// Sends is how many messages an app handed over today.
func (s *Stage) Sends(account string) int {
	return s.quotas.used(s.quotas.day, account, scopeSends)
}

// Sent is how many messages an account sent on a channel in this calendar day and month.
func (s *Stage) Sent(account string, channel policy.Channel) (day, month int) {
	q, scope := &s.quotas, scopeSends+"/"+string(channel)
	return q.used(q.day, account, scope), q.used(q.month, account, scope+scopeMonth)
}

// CountSent counts one message of an account on a channel.
func (s *Stage) CountSent(account string, channel policy.Channel) {
	q, scope := &s.quotas, scopeSends+"/"+string(channel)
	q.add(q.day, account, scope)
	q.add(q.month, account, scope+scopeMonth)
}

// CountStaff counts one message to a member of a WeCom app.
func (s *Stage) CountStaff(account, user string, class policy.Class) {
	q := &s.quotas
	q.add(q.minute, account, scopeMinute+user)
	q.add(q.hour, account, scopeHour+user)
	if class == policy.StaffAlert {
		q.add(q.hour, account, scopeAlert+user)
	}
	q.add(q.day, account, scopeSends)
}
