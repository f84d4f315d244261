package outbox

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/policy"
)

// What the hourly cap of alerts held back from a member of staff goes as one message when the next hour
// begins (see policy.StaffAlertCap): a message of its own, made by the timer of the oldest. The alerts
// within it wait for what becomes of it and end alike, each by a timer of its own and told to its own
// person. A message that is about a customer never tells of another one's.

// Digest composes one message of the bodies of alerts to one member of staff, oldest first; since is when the
// first was made, business time in Unix ms.
type Digest func(since int64, alerts [][]byte) (kind string, body []byte, err error)

const (
	// digestStep is the step of a digest's key; a digest never goes within another.
	digestStep = "digest"
	// maxMerged is how many alerts go within one digest; a crowd makes several.
	maxMerged = 200
	// maxHeld bounds how many held rows one batch looks through.
	maxHeld = 10 * maxMerged
	// An alert looks at its digest soon while that is on its way; later while it waits itself, when that is due
	// but not longer than this, since somebody may settle it.
	followSoon, followLater = 5 * time.Second, 15 * time.Minute
)

// heldBack reports whether the row is an alert beyond the cap of its hour.
func (r *row) heldBack() bool {
	return r.state == Waiting && r.reason == policy.StaffAlertCap && r.attempt == 0 && r.step != digestStep
}

// loadHeld reads what goes together with the batch's due alerts, whichever batch its timers are in, and the
// digests that others of them are within. It returns the ids whose bodies are needed.
func (s *Stage) loadHeld(ctx context.Context, tx *db.Tx, due []int64) ([]int64, error) {
	to, digests := map[string][]string{}, []int64{} // recipients by queue
	for _, id := range due {
		switch r := s.rows[id]; {
		case r == nil:
		case r.digest != 0 && s.rows[r.digest] == nil:
			digests = append(digests, r.digest)
		case s.conf.Digest != nil && r.heldBack():
			to[r.dueQueue()] = append(to[r.dueQueue()], r.to)
		}
	}
	if err := loadRows(ctx, tx, digests, s.rows); err != nil {
		return nil, err
	}
	held, err := s.findHeld(ctx, tx, to)
	if err != nil {
		return nil, err
	}
	people := make([]int64, len(held)) // the batch holds those of its own events only
	for i, h := range held {
		people[i] = h.contact
	}
	if s.excluded, err = contact.ExcludedOf(ctx, tx, people); err != nil {
		return nil, err
	}
	n := map[queueRecipient]int{}
	var siblings []int64
	for _, h := range held {
		if s.excluded[h.contact] {
			continue
		}
		if n[h.queueRecipient]++; s.rows[h.id] == nil && n[h.queueRecipient] <= maxMerged {
			siblings = append(siblings, h.id)
		}
	}
	if len(siblings) == 0 {
		return due, nil
	}
	// One that is damaged breaks nothing but itself, when its own time comes.
	if err = loadRows(ctx, tx, siblings, s.rows); fault.Is(err, fault.Unavailable) {
		return nil, err
	} else if err != nil {
		slog.Warn("有一条等待汇总的提醒读不出来", "err", err)
	}
	return append(due, siblings...), nil
}

// queueRecipient is a member of staff at an app.
type queueRecipient struct{ queue, to string }

// heldRow is an alert that was held back and is due.
type heldRow struct {
	queueRecipient
	id, contact int64
}

// findHeld lists what was held back from recipients, by queue, and is due, oldest first.
func (s *Stage) findHeld(ctx context.Context, tx *db.Tx, to map[string][]string) (out []heldRow, err error) {
	for queue, list := range to {
		slices.Sort(list)
		err := db.EachIn(ctx, tx, "SELECT d.id, o.recipient, o.contact_id FROM outbox_due d JOIN outbox o ON o.id=d.id "+
			"WHERE d.queue=? AND d.due_at<=? AND o.reason=? AND o.expires_at>? AND o.recipient IN (%s) ORDER BY d.due_at, d.id LIMIT "+strconv.Itoa(maxHeld),
			slices.Compact(list), []any{queue, s.now, string(policy.StaffAlertCap), s.now}, func(r *sql.Rows) error {
				h := heldRow{queueRecipient: queueRecipient{queue: queue}}
				err := r.Scan(&h.id, &h.to, &h.contact)
				out = append(out, h)
				return err
			})
		if err != nil {
			return nil, fmt.Errorf("load alerts that were held back: %w", err)
		}
	}
	return out, nil
}

// together lists what was held back with a row for the same member of staff and is due, oldest first. What
// expired or is about somebody excluded meanwhile meets policy by itself.
func (s *Stage) together(r *row) (out []*row) {
	if s.conf.Digest == nil || !r.heldBack() {
		return nil
	}
	for _, x := range s.rows {
		if x.heldBack() && x.place() == r.place() && x.to == r.to && x.due <= s.now && x.body != nil && x.expires > s.now && !s.isExcluded(x) {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b *row) int { return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.id, b.id)) })
	if out = out[:min(len(out), maxMerged)]; !slices.Contains(out, r) {
		return nil
	}
	return out
}

func (s *Stage) isExcluded(r *row) bool {
	if p := s.conf.People.Person(r.contact); p != nil {
		return p.Excluded
	}
	return s.excluded[r.contact]
}

// merge sends what was held back with a row as one digest. It reports false where there is nothing to merge,
// or policy keeps the digest from going: then each goes its own way, and meets that there.
func (s *Stage) merge(b *event.Batch, e *event.Event, r *row) (bool, error) {
	rows := s.together(r)
	if len(rows) < 2 {
		return false, nil
	}
	bodies, expires := make([][]byte, len(rows)), int64(0)
	for i, x := range rows {
		bodies[i], expires = x.body, max(expires, x.expires) // worth sending as long as one of them is
	}
	m := Message{Step: digestStep, Channel: r.channel, Account: r.account, To: r.to, Class: StaffAlert, ExpiresAt: expires}
	if d, _ := s.judge(&row{channel: m.Channel, account: m.Account, to: m.To, class: m.Class, expires: m.ExpiresAt, made: true}, policy.Message{}); d.Action == policy.Suppress {
		return false, nil
	}
	var err error
	if m.Kind, m.Body, err = s.conf.Digest(rows[0].created, bodies); err != nil {
		slog.Warn("提醒不能合并，逐条发送", "messages", len(rows), "err", err)
		return false, nil
	}
	d, err := s.enqueue(b, e, m)
	if err != nil || d == nil {
		return false, err
	}
	for _, x := range rows {
		x.digest = d.id
		s.wait(x, s.now+followSoon.Milliseconds(), ReasonDigest)
	}
	return true, nil
}

// follow gives an alert the end of the digest it went within, or looks again later.
func (s *Stage) follow(b *event.Batch, e *event.Event, r *row) error {
	d := s.rows[r.digest]
	if d == nil { // purged before its alerts, which can only be a mistake
		s.finish(r, Expired, ReasonUnresolved)
		return s.tell(b, e, r, event.MessageExpired)
	}
	r.code, r.detail = d.code, d.detail
	switch d.state {
	case Waiting, Doubtful:
		s.wait(r, max(s.now, min(d.due, s.now+followLater.Milliseconds()))+followSoon.Milliseconds(), ReasonDigest)
		return nil
	case Sending:
		s.wait(r, s.now+followSoon.Milliseconds(), ReasonDigest)
		return nil
	case Accepted, Delivered:
		s.finish(r, Accepted, ReasonDigest)
		return s.tell(b, e, r, event.MessageSent)
	case Rejected:
		s.finish(r, Rejected, d.reason)
		return s.tell(b, e, r, event.MessageFailed)
	case Suppressed:
		s.finish(r, Suppressed, d.reason)
		return s.tell(b, e, r, event.MessageSuppressed)
	}
	s.finish(r, Expired, d.reason)
	return s.tell(b, e, r, event.MessageExpired)
}
