package outbox

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/lease"
	"github.com/koi-scrm/koi/app/policy"
	"github.com/koi-scrm/koi/app/secret"
)

// Outbox answers questions about messages and takes an operator's wishes, from outside the pipeline. It
// writes nothing itself: what it asks for goes through the log.
type Outbox struct {
	db    *db.DB
	log   *event.Log
	keys  *secret.Keys
	clock clock.Clock
	zone  *time.Location
}

// New makes an outbox; zone is the business zone, for times in sentences.
func New(d *db.DB, log *event.Log, keys *secret.Keys, clk clock.Clock, zone *time.Location) *Outbox {
	return &Outbox{db: d, log: log, keys: keys, clock: clk, zone: zone}
}

// Entry is a message as people see it. Times are business time in Unix ms.
type Entry struct {
	ID        int64
	EventID   event.ID // what caused it
	ContactID int64    // whom it is about; a merged person has several ids
	Channel   Channel
	Account   string
	To        string
	Class     Class
	Kind      string
	Step      string
	// Of channels with templates, and of SMS: the platform's template, and what it was made from.
	Template   string
	Definition string
	Risk       policy.Risk
	JourneyID  int64
	RunID      int64
	Test       bool
	State      State
	Reason     policy.Reason // why it waits or ended so; "" where there is nothing to explain
	Detail     string        // what the platform said, in Chinese
	Code       int           // the platform's errcode
	Attempts   int
	DigestID   int64 // the message an alert went within; 0: it goes by itself
	DueAt      int64 // when something happens by itself; 0: nothing does
	ExpiresAt  int64
	CreatedAt  int64
	UpdatedAt  int64
}

// Filter narrows a list. Zero fields narrow nothing.
type Filter struct {
	State    State
	Contacts []int64 // ids one person goes by
	Channel  Channel
	Account  string
	Journey  int64
	Within   *contact.Scope // narrows to messages to or about its customers; nil does not
	Before   int64          // id of the last message of the page before
	Limit    int            // 1..200; 0: 50
}

// List returns messages, newest first, and the Before of the next page (0: this is the last).
// Fault: Invalid for an unknown state or a limit out of range.
func (o *Outbox) List(ctx context.Context, f Filter) ([]Entry, int64, error) {
	if f.State != "" && !f.State.Valid() {
		return nil, 0, fault.New(fault.Invalid, "没有「%s」这种消息状态", f.State)
	}
	if f.Limit == 0 {
		f.Limit = 50
	}
	if f.Limit < 1 || f.Limit > 200 {
		return nil, 0, fault.New(fault.Invalid, "每页条数应在 1 到 200 之间")
	}
	var where []string
	var args []any
	and := func(cond string, v ...any) { where, args = append(where, cond), append(args, v...) }
	if f.State != "" {
		and("state=?", f.State.code())
	}
	if len(f.Contacts) > 0 {
		and("contact_id IN ("+db.Marks(len(f.Contacts))+")", db.Args(f.Contacts)...)
	}
	if f.Channel != "" {
		and("channel=?", string(f.Channel))
	}
	if f.Account != "" {
		and("account=?", f.Account)
	}
	if f.Journey != 0 {
		and("journey_id=?", f.Journey)
	}
	if f.Before != 0 {
		and("id<?", f.Before)
	}
	if f.Within != nil && !f.Within.All() {
		w, v := f.Within.WhereAny("contact_id")
		and(w, v...)
	}
	q := "SELECT " + messageFields + " FROM outbox"
	if len(where) > 0 {
		q += " WHERE " + strings.Join(where, " AND ")
	}
	rows, err := o.db.Query(ctx, q+" ORDER BY id DESC LIMIT ?", append(args, f.Limit+1)...)
	if err != nil {
		return nil, 0, fmt.Errorf("list messages: %w", err)
	}
	var out []Entry
	err = db.Each(rows, func(r *sql.Rows) error {
		m, err := scanRow(r)
		if err == nil {
			out = append(out, m.entry())
		}
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list messages: %w", err)
	}
	if len(out) <= f.Limit {
		return out, 0, nil
	}
	out = out[:f.Limit]
	return out, out[f.Limit-1].ID, nil
}

func (r *row) entry() Entry {
	return Entry{ID: r.id, EventID: CauseOf(r.id), ContactID: r.contact, Channel: r.channel, Account: r.account, To: r.to, Class: r.class,
		Kind: r.kind, Step: r.step, Template: r.template, Definition: r.definition, Risk: r.risk, JourneyID: r.journey, RunID: r.run, Test: r.test, State: r.state, Reason: r.reason, Detail: r.detail,
		Code: r.code, Attempts: r.attempt, DigestID: r.digest, DueAt: r.due, ExpiresAt: r.expires, CreatedAt: r.created, UpdatedAt: r.updated}
}

// AttemptEntry is one try at delivering a message.
type AttemptEntry struct {
	Number  int
	At      int64
	EndedAt int64 // 0 while it is on its way
	Status  Status
	Code    int
	Detail  string
}

// Detail is everything about one message.
type Detail struct {
	Entry
	PlatformID  string
	Tries       []AttemptEntry
	Explanation Explanation
}

// Get returns a message with its attempts and what is to be said about it. Fault: NotFound.
func (o *Outbox) Get(ctx context.Context, id int64) (*Detail, error) {
	r, err := o.row(ctx, id)
	if err != nil {
		return nil, err
	}
	m := &Detail{Entry: r.entry(), PlatformID: r.platformID, Explanation: r.explain(o.zone)}
	rows, err := o.db.Query(ctx, "SELECT number, at, ended_at, status, code, detail FROM outbox_attempts WHERE message_id=? ORDER BY number", id)
	if err != nil {
		return nil, fmt.Errorf("read attempts of message %d: %w", id, err)
	}
	err = db.Each(rows, func(rows *sql.Rows) error {
		var a AttemptEntry
		err := rows.Scan(&a.Number, &a.At, &a.EndedAt, &a.Status, &a.Code, &a.Detail)
		m.Tries = append(m.Tries, a)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read attempts of message %d: %w", id, err)
	}
	// The last attempt stands in the message itself, unless it was not the last word.
	if n := len(m.Tries); r.attempt > 0 && (n == 0 || m.Tries[n-1].Number < r.attempt) {
		a := AttemptEntry{Number: r.attempt, At: r.attemptAt, Code: r.code, Detail: r.detail}
		if r.state != Sending {
			a.Status, a.EndedAt = r.lastStatus(), r.updated
		}
		m.Tries = append(m.Tries, a)
	}
	return m, nil
}

func (o *Outbox) row(ctx context.Context, id int64) (*row, error) {
	rows, err := o.db.Query(ctx, "SELECT "+messageFields+" FROM outbox WHERE id=?", id)
	if err != nil {
		return nil, fmt.Errorf("read message %d: %w", id, err)
	}
	var r *row
	err = db.Each(rows, func(rows *sql.Rows) (err error) {
		r, err = scanRow(rows)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read message %d: %w", id, err)
	}
	if r == nil {
		return nil, fault.New(fault.NotFound, "没有这条消息，或已超过保留期")
	}
	return r, nil
}

// Body is what is or was sent: the platform's JSON of the message's kind. It may hold personal values.
// Faults: NotFound; Invalid when it was sealed with another key.
func (o *Outbox) Body(ctx context.Context, id int64) ([]byte, error) {
	var sealed []byte
	err := o.db.QueryRow(ctx, "SELECT body FROM outbox_bodies WHERE id=?", id).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fault.New(fault.NotFound, "没有这条消息，或已超过保留期")
	}
	if err != nil {
		return nil, fmt.Errorf("read body of message %d: %w", id, err)
	}
	plain, err := o.keys.Open(purpose, sealed)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "消息内容读不出来：请恢复原来的 secret_key")
	}
	return plain, nil
}

// Retry asks for another try of a message that failed, was suppressed, expired or has an unknown result;
// by says who asks. It returns when the wish is durable: wait for its seq on the priority lane to see the
// effect. Asking twice before that is one wish. The message passes policy again.
//
// Faults: NotFound, Conflict (its state allows no retry), Unavailable.
func (o *Outbox) Retry(ctx context.Context, id int64, by string) (event.Appended, error) {
	r, err := o.row(ctx, id)
	if err != nil {
		return event.Appended{}, err
	}
	if r.step == digestStep && r.state.retryable() && !r.retryable() {
		return event.Appended{}, fault.New(fault.Conflict, "这是一条汇总提醒，里面的提醒已各自结束：请重试其中还需要的那几条")
	}
	if !r.retryable() {
		return event.Appended{}, fault.New(fault.Conflict, "消息当前「%s」，不需要重试；只有失败、被拦截、过期或结果未知的消息可以重试", r.state.Label())
	}
	now := clock.Ms(o.clock.Now())
	e := &event.Event{Type: event.CommandMessageRetry, Source: "console", Lane: event.Priority, Account: r.account,
		Key: fmt.Sprintf("message_retry/%d/%d/%d", id, r.attempt, r.updated), OccurredAt: now, ReceivedAt: now,
		Props: event.Props{"message": idText(id), "attempt": r.attempt, "by": by}}
	got, err := o.log.Append(ctx, e)
	if err != nil {
		return event.Appended{}, err
	}
	return got[0], nil
}

// Recover asks the pipeline to take over attempts whose process ended before their result was known. Call
// it once a start, after both lanes were processed up to where the log ended at the start: results that
// had become durable are applied then, and what still has none is nobody's. process is the stage's.
// Fault: Unavailable.
func (o *Outbox) Recover(ctx context.Context, process int64) (event.Appended, error) {
	now := clock.Ms(o.clock.Now())
	got, err := o.log.Append(ctx, &event.Event{Type: event.CommandOutboxRecover, Source: "outbox", Lane: event.Normal,
		Key: "recover/" + strconv.FormatInt(process, 10), OccurredAt: now, ReceivedAt: now,
		Props: event.Props{"process": strconv.FormatInt(process, 10)}})
	if err != nil {
		return event.Appended{}, fmt.Errorf("recover the outbox: %w", err)
	}
	return got[0], nil
}

// AlarmEntry is something an operator has to see to.
type AlarmEntry struct {
	Account string
	Channel Channel
	Kind    string // misconfigured, unknown
	Code    int
	Detail  string // Chinese: what happened and what to do
	FirstAt int64
	LastAt  int64
	Times   int
}

// Alarms lists what stands: configuration alarms until the platform takes a message again, and messages
// that expired with unknown result for seven days.
func (o *Outbox) Alarms(ctx context.Context) ([]AlarmEntry, error) {
	all, err := readAlarms(ctx, o.db)
	if err != nil {
		return nil, err
	}
	const keep = 7 * 24 * time.Hour
	since := clock.Ms(o.clock.Now()) - keep.Milliseconds()
	var out []AlarmEntry
	for k, a := range all {
		if a.clearedAt > 0 || k.kind == alarmUnknown && a.lastAt < since {
			continue
		}
		out = append(out, AlarmEntry{Account: k.account, Channel: k.channel, Kind: string(k.kind), Code: a.code, Detail: a.detail,
			FirstAt: a.firstAt, LastAt: a.lastAt, Times: a.count})
	}
	slices.SortFunc(out, func(a, b AlarmEntry) int { return cmp.Compare(b.LastAt, a.LastAt) })
	return out, nil
}

// PauseEntry is an account's API that is not asked until the platform's quota is back.
type PauseEntry struct {
	Account string
	Channel Channel
	Until   int64
	Code    int
	Detail  string
	At      int64
}

// Pauses lists the pauses that hold now.
func (o *Outbox) Pauses(ctx context.Context) ([]PauseEntry, error) {
	return readPauses(ctx, o.db, clock.Ms(o.clock.Now()))
}

func readPauses(ctx context.Context, q db.Querier, now int64) ([]PauseEntry, error) {
	rows, err := q.Query(ctx, "SELECT account, api, until, code, detail, at FROM outbox_pauses WHERE until>? ORDER BY account, api", now)
	if err != nil {
		return nil, fmt.Errorf("list pauses: %w", err)
	}
	var out []PauseEntry
	err = db.Each(rows, func(r *sql.Rows) error {
		var p PauseEntry
		err := r.Scan(&p.Account, &p.Channel, &p.Until, &p.Code, &p.Detail, &p.At)
		out = append(out, p)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list pauses: %w", err)
	}
	return out, nil
}

// Purge deletes settled messages made before a business time, oldest first, looking at up to limit rows
// in one transaction under the process lease. It returns how many went.
func (o *Outbox) Purge(ctx context.Context, l *lease.Lease, before int64, limit int) (int64, error) {
	rows, err := o.db.Query(ctx, "SELECT id, created_at, state, account, platform_id FROM outbox ORDER BY id LIMIT ?", limit)
	if err != nil {
		return 0, fmt.Errorf("purge messages: %w", err)
	}
	var ids []int64
	var receipts [][2]string
	err = db.Each(rows, func(r *sql.Rows) error {
		var id, created int64
		var state int
		var k [2]string
		if err := r.Scan(&id, &created, &state, &k[0], &k[1]); err != nil {
			return err
		}
		if created < before && stateOf(state).final() {
			ids = append(ids, id)
			if k[1] != "" {
				receipts = append(receipts, k)
			}
		}
		return nil
	})
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	err = o.db.Tx(ctx, func(tx *db.Tx) error {
		for _, t := range []string{"DELETE FROM outbox WHERE id", "DELETE FROM outbox_bodies WHERE id", "DELETE FROM outbox_attempts WHERE message_id"} {
			for part := range slices.Chunk(ids, 100) {
				if _, err := tx.Exec(ctx, t+" IN ("+db.Marks(len(part))+")", db.Args(part)...); err != nil {
					return fmt.Errorf("purge messages: %w", err)
				}
			}
		}
		for _, k := range receipts {
			if _, err := tx.Exec(ctx, "DELETE FROM outbox_receipts WHERE account=? AND platform_id=?", k[0], k[1]); err != nil {
				return fmt.Errorf("purge receipts: %w", err)
			}
		}
		return l.Guard(ctx, tx)
	})
	return int64(len(ids)), err
}

// PurgeEarly deletes receipts that came before a business time and whose message never turned up: they are
// of messages that others sent from the same account.
func (o *Outbox) PurgeEarly(ctx context.Context, l *lease.Lease, before int64) (n int64, err error) {
	err = o.db.Tx(ctx, func(tx *db.Tx) error {
		if n, err = tx.Exec(ctx, "DELETE FROM outbox_early WHERE at<?", before); err != nil {
			return fmt.Errorf("purge early receipts: %w", err)
		}
		return l.Guard(ctx, tx)
	})
	return n, err
}
