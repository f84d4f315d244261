package outbox

import (
	"context"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/policy"
	"github.com/koi-scrm/koi/app/reach"
)

// Ways tells which ways to a person are open, from outside the pipeline: what policy would say to a message
// if it were made now. It decides by the policy in force, as the stage does.
type Ways struct {
	stage *Stage
	db    *db.DB
	reach *reach.Directory
	clock clock.Clock
	zone  *time.Location
}

// NewWays makes it; zone is the business zone.
func NewWays(stage *Stage, d *db.DB, clk clock.Clock, zone *time.Location) *Ways {
	return &Ways{stage: stage, db: d, reach: reach.NewDirectory(d), clock: clk, zone: zone}
}

// Known is what is known of the ways to one person at one moment.
type Known struct {
	*reach.Facts
	Limits policy.Limits // in force

	policy *policy.Policy
	person *contact.Person
	now    int64
	pauses map[queueKey]int64
	off    []OffEntry
	linked func(Channel) bool
}

// Of reads what is known of the ways to a person.
func (w *Ways) Of(ctx context.Context, p *contact.Person) (*Known, error) {
	k := &Known{policy: w.stage.policy.Load().Policy, person: p, now: clock.Ms(w.clock.Now()), pauses: map[queueKey]int64{}, linked: w.stage.conf.Dispatcher.connected}
	k.Limits = k.policy.Limits
	var err error
	if k.Facts, err = w.reach.Facts(ctx, p.Contacts(), k.now, w.zone); err != nil {
		return nil, err
	}
	pauses, err := readPauses(ctx, w.db, k.now)
	if err != nil {
		return nil, err
	}
	for _, x := range pauses {
		k.pauses[queueKey{x.Channel, x.Account}] = x.Until
	}
	k.off, err = readOff(ctx, w.db)
	return k, err
}

// Address is what the person is reached by on a channel and account; "" when nothing is known. Of a phone
// number it says only that there is one.
func (k *Known) Address(c Channel, account string) string { return address(k.person, c, account) }

// Could is what policy would say to a message to the person now. It reads what Stage.Could reads.
func (k *Known) Could(m Message) policy.Decision {
	if m.To == "" {
		m.To = k.Address(m.Channel, m.Account)
	}
	r := policy.Reach{Connected: k.linked(m.Channel), PausedUntil: k.pauses[queueKey{m.Channel, m.Account}], Window: k.Window(m.Account),
		Consent: consent(k.person, m.Channel), Touches: k.Touches, NumberDead: k.NumberDead > 0}
	for _, f := range k.person.Follows {
		switch {
		case f.AppID != m.Account:
		case f.Active():
			r.Following = policy.Follows
		case k.actedAt(m.Account) <= f.UnfollowedAt:
			r.Following = policy.Left
		}
	}
	if m.Template != "" {
		t := k.Template(m.Account, m.Template)
		r.Balance, r.TemplateToday = t.Balance, t.Today
	}
	for _, o := range k.off {
		if m.Definition != "" && o.Account == m.Account && o.Channel == m.Channel && o.Template == m.Template && o.Definition == m.Definition {
			r.TemplateOff = true
		}
	}
	r.Day, r.Month = k.Sent(m.Account, m.Channel)
	return k.policy.Decide(policy.Message{Channel: m.Channel, Class: m.Class, Kind: m.Kind, Risk: m.Risk, To: m.To, Excluded: k.person.Excluded}, r, k.now)
}

func (k *Known) actedAt(app string) int64 {
	for _, w := range k.Windows {
		if w.AppID == app {
			return w.ActedAt
		}
	}
	return 0
}
