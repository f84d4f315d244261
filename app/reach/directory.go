package reach

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/policy"
)

// Facts is what is known of the ways to one person, and of the accounts' counters, at one moment: what the
// stage answers inside the pipeline, for screens outside it.
type Facts struct {
	Windows   []AppWindow // official accounts and mini-programs
	Templates []TemplateFact
	Touches   policy.Touches
	// NumberDead is when the carrier said that the phone number does not exist; 0: it never did.
	NumberDead int64
	NumberCode string

	sent map[quotaKey]int
	day  int64
	mon  int64
}

// TemplateFact is what a person may still be sent by one template of an account.
type TemplateFact struct {
	Account    string
	Template   string // one-time messages: "<template>/<scene>"
	Balance    policy.Balance
	AnsweredAt int64 // 0: they were never asked
	Today      int   // messages of it today
}

// Facts reads what is known of the ways to a person at now; contacts are the ids the person goes by, their
// own first.
func (d *Directory) Facts(ctx context.Context, contacts []int64, now int64, zone *time.Location) (*Facts, error) {
	f := &Facts{sent: map[quotaKey]int{}, day: clock.DayStart(clock.Day(now, zone), zone), mon: monthStart(now, zone)}
	var err error
	if f.Windows, err = d.Windows(ctx, contacts, now); err != nil {
		return nil, err
	}
	today := clock.Day(now, zone)
	err = db.EachIn(ctx, d.db, "SELECT "+templateFields+" FROM reach_templates WHERE contact_id IN (%s) ORDER BY account, template", contacts, nil, func(r *sql.Rows) error {
		t, err := scanTemplate(r)
		if err != nil {
			return err
		}
		x := TemplateFact{Account: t.account, Template: t.template, Balance: t.fact(), AnsweredAt: t.answeredAt}
		if t.day == today {
			x.Today = t.inDay
		}
		f.Templates = append(f.Templates, x)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read template balances: %w", err)
	}
	err = db.EachIn(ctx, d.db, "SELECT contact_id, day, in_day, week, in_week, month, in_month FROM reach_touches WHERE contact_id IN (%s)", contacts, nil, func(r *sql.Rows) error {
		t, err := scanTouches(r)
		if err == nil {
			n := t.fact(calendarOf(now, today, zone))
			f.Touches.Day, f.Touches.Week, f.Touches.Month = f.Touches.Day+n.Day, f.Touches.Week+n.Week, f.Touches.Month+n.Month
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read marketing touches: %w", err)
	}
	err = db.EachIn(ctx, d.db, "SELECT code, at FROM reach_dead_numbers WHERE contact_id IN (%s)", contacts[:1], nil, func(r *sql.Rows) error {
		return r.Scan(&f.NumberCode, &f.NumberDead)
	})
	if err != nil {
		return nil, fmt.Errorf("read dead numbers: %w", err)
	}
	rows, err := d.db.Query(ctx, "SELECT window_start, account, scope, used FROM quota_counters WHERE window_start IN (?,?) AND scope LIKE ?", f.day, f.mon, scopeSends+"/%")
	if err != nil {
		return nil, fmt.Errorf("read quota counters: %w", err)
	}
	err = db.Each(rows, func(r *sql.Rows) error {
		var k quotaKey
		var n int
		err := r.Scan(&k.start, &k.account, &k.scope, &n)
		f.sent[k] = n
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read quota counters: %w", err)
	}
	return f, nil
}

// Window is the person's customer-service window at an account; closed where nothing is known.
func (f *Facts) Window(app string) policy.Window {
	for _, w := range f.Windows {
		if w.AppID == app {
			return w.Window
		}
	}
	return policy.Window{}
}

// Template is what is known of a template of an account.
func (f *Facts) Template(account, template string) TemplateFact {
	for _, t := range f.Templates {
		if t.Account == account && t.Template == template {
			return t
		}
	}
	return TemplateFact{Account: account, Template: template}
}

// Sent is how many messages an account sent on a channel in this calendar day and month.
func (f *Facts) Sent(account string, channel policy.Channel) (day, month int) {
	scope := scopeSends + "/" + string(channel)
	return f.sent[quotaKey{f.day, account, scope}], f.sent[quotaKey{f.mon, account, scope + scopeMonth}]
}
