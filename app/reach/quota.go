package reach

import (
	"context"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/policy"
)

const (
	minuteMs = int64(60_000)
	hourMs   = 60 * minuteMs

	// Scopes of quota counters; the first three are followed by a userid.
	scopeMinute = "minute/" // messages to a member in a minute
	scopeHour   = "hour/"   // messages to a member in an hour
	scopeAlert  = "alert/"  // alerts to a member in an hour
	scopeSends  = "sends"   // person-sends of an app in a day; with a channel, of any account on it
	scopeMonth  = "/month"  // of a counter whose window is a month: it may begin with a day's
)

type quotaKey struct {
	start   int64 // of the calendar window
	account string
	scope   string
}

// quotas are the counters of the calendar windows that still matter. Any batch may alert any member, so a
// batch would have to read the counters of everyone who got something in two hours. Instead the committed
// values are kept from batch to batch, and are believed only while every commit in between was ours:
// batches carry consecutive commit numbers, and a gap makes the next Load read again.
type quotas struct {
	committed map[quotaKey]int
	rev       int64            // commit number that committed is true as of
	delta     map[quotaKey]int // of this batch
	// Starts of the batch's calendar windows.
	minute, hour, day, month int64
	try                      int   // numbers the Loads: only the one that was committed counts
	pruned                   int64 // minute of the last prune
	open                     bool  // a batch began and was not said to be committed
}

func (q *quotas) begin(ctx context.Context, tx *db.Tx, b *event.Batch, zone *time.Location) error {
	q.delta = map[quotaKey]int{}
	q.try++
	q.minute, q.hour = b.Now-b.Now%minuteMs, policy.HourStart(b.Now, zone)
	q.day = clock.DayStart(clock.Day(b.Now, zone), zone)
	q.month = monthStart(b.Now, zone)
	// A batch that nobody said was committed may have been all the same (its answer was lost). A clock set
	// back asks about windows that were forgotten.
	if q.committed == nil || q.open || b.Rev != q.rev+1 || q.minute < q.pruned {
		q.committed = map[quotaKey]int{}
		if err := q.load(ctx, tx, []int64{q.minute, q.minute - minuteMs, q.hour, q.hour - hourMs, q.day, q.month}); err != nil {
			q.committed = nil
			return err
		}
		q.pruned = q.minute
	}
	q.open = true
	rev, try := b.Rev, q.try
	b.AfterCommit(func() {
		if try != q.try {
			return
		}
		for k, n := range q.delta {
			q.committed[k] += n
		}
		q.rev, q.open = rev, false
		if q.pruned != q.minute {
			q.pruned = q.minute
			q.prune()
		}
	})
	return nil
}

// prune forgets windows that no question reaches any more.
func (q *quotas) prune() {
	for k := range q.committed {
		if k.start < q.minute-minuteMs && k.start != q.hour && k.start != q.hour-hourMs && k.start != q.day && k.start != q.month {
			delete(q.committed, k)
		}
	}
}

// monthStart is the local midnight that the calendar month of an instant begins with.
func monthStart(ms int64, zone *time.Location) int64 {
	t := time.UnixMilli(ms).In(zone)
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, zone).UnixMilli()
}

func (q *quotas) used(start int64, account, scope string) int {
	k := quotaKey{start, account, scope}
	return q.committed[k] + q.delta[k]
}

func (q *quotas) add(start int64, account, scope string) {
	q.delta[quotaKey{start, account, scope}]++
}
