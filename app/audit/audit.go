// Package audit is the record of who did what: every change asked of Koi through API or command line, also
// refused ones, every sign-in, and every look at a personal value.
//
// Invariants: lines are only ever added, until their retention is over; they run in the order of their ids,
// which are times; and they hold no personal values of customers and no secrets. What must be on record
// before it happens (a look at a phone number) is written with Write; the rest with Note, in groups, so that
// nobody waits for it.
//
// It refuses to know what the actions mean.
package audit

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
)

// Outcome is how an action ended.
type Outcome string

// The outcomes.
const (
	Done   Outcome = "done"
	Denied Outcome = "denied" // refused: not allowed
	Failed Outcome = "failed"
)

var outcomes = map[Outcome]string{Done: "成功", Denied: "被拒绝", Failed: "失败"}

// Label is the outcome's Chinese name, "" for an unknown one.
func (o Outcome) Label() string { return outcomes[o] }

// Entry is one line. Write and Note give it its ID and At.
type Entry struct {
	ID      int64
	At      int64  // wall time, Unix ms
	Who     string // "user:anna", "key:订单系统", "cli:root"; "" for a stranger
	Role    string
	Place   string // address, or "cli"
	Action  string // operation id of the API, or the command's name
	Object  string // "contacts/12"
	Outcome Outcome
	Status  int    // of the HTTP answer; 0 for a command
	Request string // id of the request
	Detail  map[string]any
}

// Log keeps the record.
type Log struct {
	db    *db.DB
	clock clock.Clock
	queue chan Entry

	mu   sync.Mutex
	last int64
}

const (
	queued  = 4096
	grouped = 200
	// again is how long a group that could not be written waits for its next try.
	again = time.Second
)

// New makes a log on a migrated database. Run must run for what Note takes to be written.
func New(d *db.DB, clk clock.Clock) *Log {
	return &Log{db: d, clock: clk, queue: make(chan Entry, queued)}
}

// Note takes a line to be written soon, within milliseconds as a rule. When more wait than memory should
// hold, it writes the line itself.
func (l *Log) Note(ctx context.Context, e Entry) {
	l.stamp(&e)
	select {
	case l.queue <- e:
	default:
		if err := l.write(ctx, []Entry{e}); err != nil {
			slog.Error("审计记录没有写入", "action", e.Action, "who", e.Who, "object", e.Object, "err", err)
		}
	}
}

// Write returns when the line is durable. Fault: Unavailable.
func (l *Log) Write(ctx context.Context, e Entry) error {
	l.stamp(&e)
	return l.write(ctx, []Entry{e})
}

// Run writes what Note took until ctx ends, and then what is left.
func (l *Log) Run(ctx context.Context) error {
	for {
		select {
		case e := <-l.queue:
			l.group(ctx, e)
		case <-ctx.Done():
			l.rest(context.WithoutCancel(ctx))
			return nil
		}
	}
}

// group writes a line and those that wait with it. A database that is away is waited for; the queue holds
// the lines meanwhile.
func (l *Log) group(ctx context.Context, first Entry) {
	list := l.take([]Entry{first})
	for {
		err := l.write(ctx, list)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), again)
			defer cancel()
			if err = l.write(ctx, list); err != nil {
				slog.Error("停止时有审计记录没有写入", "lines", len(list), "err", err)
			}
			return
		}
		slog.Warn("审计记录没有写入，稍后再试", "lines", len(list), "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}

func (l *Log) rest(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for {
		list := l.take(nil)
		if len(list) == 0 {
			return
		}
		if err := l.write(ctx, list); err != nil {
			slog.Error("停止时有审计记录没有写入", "lines", len(list), "err", err)
			return
		}
	}
}

func (l *Log) take(list []Entry) []Entry {
	for len(list) < grouped {
		select {
		case e := <-l.queue:
			list = append(list, e)
		default:
			return list
		}
	}
	return list
}

// idShift leaves room below the milliseconds for about a million lines in each.
const idShift = 20

// stamp gives a line its time and number. Nodes number for themselves; the random part keeps them apart.
func (l *Log) stamp(e *Entry) {
	e.At = clock.Ms(l.clock.Wall())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = max(l.last+1, e.At<<idShift|int64(rand.IntN(1<<(idShift-1))))
	e.ID = l.last
}

var columns = []string{"id", "at", "who", "role", "place", "action", "object", "outcome", "status", "request", "detail"}

// The widest texts the table keeps, in bytes.
const (
	maxWho, maxPlace, maxAction, maxObject, maxDetail = 96, 64, 64, 255, 2048
)

func (l *Log) write(ctx context.Context, list []Entry) error {
	rows := make([][]any, len(list))
	for i, e := range list {
		detail := "{}"
		if len(e.Detail) > 0 {
			if raw, err := json.Marshal(e.Detail); err == nil && len(raw) <= maxDetail {
				detail = string(raw)
			} else {
				detail = `{"cut":true}`
			}
		}
		rows[i] = []any{e.ID, e.At, cut(e.Who, maxWho), e.Role, cut(e.Place, maxPlace), cut(e.Action, maxAction), cut(e.Object, maxObject),
			string(e.Outcome), e.Status, e.Request, detail}
	}
	return l.db.Tx(ctx, func(tx *db.Tx) error {
		// A line that is there already was written by a try whose answer was lost.
		_, err := tx.InsertIgnore(ctx, "audit_log", columns, rows)
		return err
	})
}

func cut(s string, most int) string {
	if s = strings.ToValidUTF8(s, ""); len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") // not inside a character
	}
	return s
}

// Filter narrows a list; zero members do not.
type Filter struct {
	Who    string
	Action string
	Object string
	From   int64 // wall time, ms, included
	To     int64 // excluded
	Before int64 // id of the last line of the page before; lines run from new to old
	Limit  int
}

// List returns lines, newest first. What Note took a moment ago may not be among them yet.
func (l *Log) List(ctx context.Context, f Filter) ([]Entry, error) {
	where, args := []string{"id>0"}, []any{}
	add := func(cond string, v any) { where, args = append(where, cond), append(args, v) }
	if f.Who != "" {
		add("who=?", f.Who)
	}
	if f.Action != "" {
		add("action=?", f.Action)
	}
	if f.Object != "" {
		add("object=?", f.Object)
	}
	if f.From > 0 {
		add("id>=?", f.From<<idShift)
	}
	if f.To > 0 {
		add("id<?", f.To<<idShift)
	}
	if f.Before > 0 {
		add("id<?", f.Before)
	}
	rows, err := l.db.Query(ctx, "SELECT "+strings.Join(columns, ",")+" FROM audit_log WHERE "+strings.Join(where, " AND ")+" ORDER BY id DESC LIMIT ?", append(args, f.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("list audit log: %w", err)
	}
	var out []Entry
	return out, db.Each(rows, func(r *sql.Rows) error {
		var e Entry
		var detail string
		if err := r.Scan(&e.ID, &e.At, &e.Who, &e.Role, &e.Place, &e.Action, &e.Object, &e.Outcome, &e.Status, &e.Request, &detail); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(detail), &e.Detail); err != nil {
			return fmt.Errorf("detail of audit line %d: %w", e.ID, err)
		}
		out = append(out, e)
		return nil
	})
}

// Count tells how often somebody did something since then, and when the first of these was (0: none).
func (l *Log) Count(ctx context.Context, who, action string, since int64) (n int, first int64, err error) {
	var at sql.NullInt64
	err = l.db.QueryRow(ctx, "SELECT COUNT(*), MIN(at) FROM audit_log WHERE who=? AND action=? AND id>=? AND outcome='done'", who, action, since<<idShift).Scan(&n, &at)
	if err != nil {
		return 0, 0, fmt.Errorf("count audit lines: %w", err)
	}
	return n, at.Int64, nil
}

// Purge deletes up to limit of the oldest lines from before then, and returns how many.
func (l *Log) Purge(ctx context.Context, before int64, limit int) (int64, error) {
	var n int64
	err := l.db.Tx(ctx, func(tx *db.Tx) error {
		var last sql.NullInt64
		err := tx.QueryRow(ctx, "SELECT MAX(id) FROM (SELECT id FROM audit_log WHERE id<? ORDER BY id LIMIT ?) old", before<<idShift, limit).Scan(&last)
		if err != nil || !last.Valid {
			return err
		}
		n, err = tx.Exec(ctx, "DELETE FROM audit_log WHERE id<=?", last.Int64)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("purge audit log: %w", err)
	}
	return n, nil
}
