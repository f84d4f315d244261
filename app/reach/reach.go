// Package reach knows what ways to a recipient are open and how much of them is used: the customer-service
// windows of followers, marketing touches per person, messages per staff member, sends per app. As a
// stage it keeps these current from events and from what the outbox tells it; its facts are in the words
// of app/policy. It refuses to know what is sent and whether it should be.
//
// Invariants: a window row belongs to one person and one official account; whatever is counted is counted
// in the transaction that makes the message, so a crash neither forgets nor doubles it. Where the platform
// says otherwise than we counted, the platform is right.
package reach

import (
	"time"

	"github.com/koi-scrm/koi/app/policy"
)

// A message from a follower opens five messages for 48 hours; a follow, a scan and a menu click open
// three for one minute (客服消息, 下发条数限制, since 2023-06-12). Menu links (VIEW) open nothing.
//
// A mini-program has the same window for messages; entering the customer-service session opens two for one
// minute (客服消息, customer-message/send). Its windows are kept under the mini-program's AppID.
const (
	messageWindow = 48 * time.Hour
	messageCount  = 5
	actionWindow  = time.Minute
	actionCount   = 3
	sessionCount  = 2
)

// window is what one follower of one official account may still be sent by customer service. The two
// kinds run side by side; each is renewed by the next act of its kind.
type window struct {
	contact                   int64
	app                       string
	messageUntil, actionUntil int64
	messageLeft, actionLeft   int
	closedBy                  policy.Closed
	closedAt                  int64
	dirty                     bool
}

// openMessage and openAction renew a window from an act at the given time. Acts may come out of order
// (two lanes): an older one changes nothing.
func (w *window) openMessage(at int64) {
	if until := at + messageWindow.Milliseconds(); until >= w.messageUntil {
		w.messageUntil, w.messageLeft, w.dirty = until, messageCount, true
	}
	w.reopen(at)
}

func (w *window) openAction(at int64)  { w.openFor(at, actionCount) }
func (w *window) openSession(at int64) { w.openFor(at, sessionCount) }

func (w *window) openFor(at int64, count int) {
	if until := at + actionWindow.Milliseconds(); until >= w.actionUntil {
		w.actionUntil, w.actionLeft, w.dirty = until, count, true
	}
	w.reopen(at)
}

func (w *window) reopen(at int64) {
	if w.closedBy != policy.NotClosed && at >= w.closedAt {
		w.closedBy, w.closedAt, w.dirty = policy.NotClosed, 0, true
	}
}

// openedAt is when the person last acted.
func (w *window) openedAt() int64 {
	return max(w.messageUntil-messageWindow.Milliseconds(), w.actionUntil-actionWindow.Milliseconds())
}

// close notes that the platform refused, or the person left, at a time. What the person did after that
// counts more.
func (w *window) close(why policy.Closed, at int64) {
	if w.openedAt() > at {
		return
	}
	w.closedBy, w.closedAt, w.dirty = why, at, true
}

// spend takes one message, from the window that ends first.
func (w *window) spend(now int64) {
	switch {
	case w.actionUntil > now && w.actionLeft > 0:
		w.actionLeft--
	case w.messageUntil > now && w.messageLeft > 0:
		w.messageLeft--
	default:
		return
	}
	w.dirty = true
}

// fact is the window in policy's words.
func (w *window) fact(now int64) policy.Window {
	f := policy.Window{ClosedBy: w.closedBy}
	for _, x := range []struct {
		until int64
		left  int
	}{{w.actionUntil, w.actionLeft}, {w.messageUntil, w.messageLeft}} {
		if x.until > now {
			f.Left += x.left
			if x.left > 0 || f.Left == 0 {
				f.Until = max(f.Until, x.until)
			}
		}
	}
	return f
}

// touches are marketing messages to one person, by calendar day, week and month of the business zone.
// Each count belongs to the period beside it; another period means zero.
type touches struct {
	contact                int64
	day, week, month       int32
	inDay, inWeek, inMonth int
	dirty                  bool
}

// fact is what was counted in the periods that a day lies in.
func (t *touches) fact(d calendar) policy.Touches {
	var f policy.Touches
	if t.day == d.day {
		f.Day = t.inDay
	}
	if t.week == d.week {
		f.Week = t.inWeek
	}
	if t.month == d.month {
		f.Month = t.inMonth
	}
	return f
}

func (t *touches) add(d calendar, n policy.Touches) {
	f := t.fact(d)
	t.day, t.week, t.month = d.day, d.week, d.month
	t.inDay, t.inWeek, t.inMonth = f.Day+n.Day, f.Week+n.Week, f.Month+n.Month
	t.dirty = true
}

// calendar numbers the periods an instant lies in: days since 1970-01-01, weeks from Monday, months.
type calendar struct{ day, week, month int32 }

func calendarOf(ms int64, day int32, zone *time.Location) calendar {
	t := time.UnixMilli(ms).In(zone)
	// 1970-01-01 was a Thursday.
	return calendar{day: day, week: (day + 3) / 7, month: int32(t.Year()*12 + int(t.Month()) - 1)}
}
