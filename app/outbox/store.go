package outbox

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/policy"
)

// riskCode is the stored form of a risk class; 0 is none.
func riskCode(r policy.Risk) int { return slices.Index(policy.Risks(), r) + 1 }

func idText(id int64) string { return strconv.FormatInt(id, 10) }

// messageColumns are those of a message that its life does not change, then those it does.
var (
	fixedColumns = []string{"id", "dedupe_key", "contact_id", "channel", "account", "recipient", "class", "kind", "step", "n",
		"journey_id", "run_id", "test", "created_at", "template", "definition", "risk"}
	movingColumns = []string{"expires_at", "state", "reason", "detail", "code", "platform_id", "attempt", "tries", "first_at", "attempt_at",
		"process", "due_at", "counted", "unsure", "updated_at", "digest_id"}
	messageColumns = append(slices.Clone(fixedColumns), movingColumns...)
)

const messageFields = "id, dedupe_key, contact_id, channel, account, recipient, class, kind, step, n, journey_id, run_id, test, created_at, template, definition, risk, " +
	"expires_at, state, reason, detail, code, platform_id, attempt, tries, first_at, attempt_at, process, due_at, counted, unsure, updated_at, digest_id"

func (r *row) values() []any {
	return []any{r.id, r.key[:], r.contact, string(r.channel), r.account, r.to, classCode(r.class), r.kind, r.step, r.n,
		r.journey, r.run, r.test, r.created, r.template, r.definition, riskCode(r.risk),
		r.expires, r.state.code(), string(r.reason), r.detail, r.code, r.platformID, r.attempt, r.tries, r.firstAt, r.attemptAt,
		r.process, r.due, r.counted, r.unsure, r.updated, r.digest}
}

func scanRow(rows *sql.Rows) (*row, error) {
	r := &row{}
	var key []byte
	var class, state, risk int
	err := rows.Scan(&r.id, &key, &r.contact, &r.channel, &r.account, &r.to, &class, &r.kind, &r.step, &r.n,
		&r.journey, &r.run, &r.test, &r.created, &r.template, &r.definition, &risk,
		&r.expires, &state, &r.reason, &r.detail, &r.code, &r.platformID, &r.attempt, &r.tries, &r.firstAt, &r.attemptAt,
		&r.process, &r.due, &r.counted, &r.unsure, &r.updated, &r.digest)
	if err != nil {
		return nil, err
	}
	if len(key) != len(r.key) || class <= 0 || class >= len(classes) || stateOf(state) == "" {
		return nil, fmt.Errorf("message %d is damaged: key of %d bytes, class %d, state %d", r.id, len(key), class, state)
	}
	r.key, r.class, r.state, r.hadDue = Key(key), classes[class], stateOf(state), r.due != 0
	if all := policy.Risks(); risk > 0 && risk <= len(all) {
		r.risk = all[risk-1]
	}
	return r, nil
}

// loadKnown finds messages that the batch's events made before. The ids of an event's messages lie
// together, so this looks at a few ranges of the primary key; for events that are new they are empty.
func (s *Stage) loadKnown(ctx context.Context, tx *db.Tx, events []*event.Event) error {
	for _, r := range seqRanges(events) {
		rows, err := tx.Query(ctx, "SELECT id, dedupe_key FROM outbox WHERE id>=? AND id<?", firstID(r[0]), firstID(r[1]+1))
		if err != nil {
			return fmt.Errorf("load messages of the batch's events: %w", err)
		}
		err = db.Each(rows, func(r *sql.Rows) error {
			var id int64
			var key []byte
			if err := r.Scan(&id, &key); err != nil {
				return err
			}
			s.known[Key(key)] = true
			s.nth[CauseOf(id)] = max(s.nth[CauseOf(id)], id%idsPerEvent+1)
			return nil
		})
		if err != nil {
			return fmt.Errorf("load messages of the batch's events: %w", err)
		}
	}
	return nil
}

// firstID is the smallest id a message of a seq's events can have.
func firstID(seq int64) int64 { return int64(event.MakeID(seq, 0)) * idsPerEvent }

// seqRanges covers the events' seqs with few ranges (first, last). The lanes take turns in the sequence,
// so a range passes over the other lane's seqs; a long way between two seqs starts a new one.
func seqRanges(events []*event.Event) (out [][2]int64) {
	const far = 1000
	seqs := make([]int64, len(events))
	for i, e := range events {
		seqs[i] = e.Seq
	}
	slices.Sort(seqs)
	for _, q := range seqs {
		if n := len(out); n > 0 && q-out[n-1][1] <= far {
			out[n-1][1] = q
		} else {
			out = append(out, [2]int64{q, q})
		}
	}
	return out
}

func loadRows(ctx context.Context, tx *db.Tx, ids []int64, into map[int64]*row) error {
	err := db.EachIn(ctx, tx, "SELECT "+messageFields+" FROM outbox WHERE id IN (%s)", unique(ids), nil, func(rows *sql.Rows) error {
		r, err := scanRow(rows)
		if err != nil {
			return err
		}
		into[r.id] = r
		return nil
	})
	if err != nil {
		return fmt.Errorf("load messages: %w", err)
	}
	return nil
}

func unique(ids []int64) []int64 {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (s *Stage) loadBodies(ctx context.Context, tx *db.Tx, ids []int64) error {
	ids = slices.DeleteFunc(unique(ids), func(id int64) bool { return s.rows[id] == nil || s.rows[id].state != Waiting })
	err := db.EachIn(ctx, tx, "SELECT id, body FROM outbox_bodies WHERE id IN (%s)", ids, nil, func(rows *sql.Rows) error {
		var id int64
		var sealed []byte
		if err := rows.Scan(&id, &sealed); err != nil {
			return err
		}
		// One that does not open leaves the body nil: the message fails with that reason.
		if plain, err := s.conf.Keys.Open(purpose, sealed); err == nil {
			s.rows[id].body = plain
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("load message bodies: %w", err)
	}
	return nil
}

// alive returns the numbers of the attempts among ids that are on their way from this process.
func (s *Stage) alive(ctx context.Context, tx *db.Tx, ids []int64) (map[int64]int, error) {
	out := map[int64]int{}
	err := db.EachIn(ctx, tx, "SELECT id, attempt FROM outbox WHERE state=? AND process=? AND id IN (%s)", ids, []any{Sending.code(), s.conf.Process}, func(rows *sql.Rows) error {
		var id int64
		var n int
		err := rows.Scan(&id, &n)
		out[id] = n
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for attempts of the batch before: %w", err)
	}
	return out, nil
}

func (s *Stage) flushRows(ctx context.Context, tx *db.Tx, made, changed []*row) error {
	var rows, bodies, moved, attempts [][]any
	for _, r := range made {
		rows = append(rows, r.values())
		bodies = append(bodies, []any{r.id, r.sealed})
	}
	for _, r := range changed {
		moved = append(moved, r.values())
	}
	for _, r := range slices.Concat(made, changed) {
		for _, a := range r.ended {
			attempts = append(attempts, []any{r.id, a.number, a.at, a.endedAt, string(a.status), a.code, a.detail})
		}
	}
	if err := tx.Insert(ctx, "outbox", messageColumns, rows); err != nil {
		return err
	}
	if err := tx.Insert(ctx, "outbox_bodies", []string{"id", "body"}, bodies); err != nil {
		return err
	}
	if err := tx.Upsert(ctx, "outbox", []string{"id"}, messageColumns, movingColumns, moved); err != nil {
		return err
	}
	_, err := tx.InsertIgnore(ctx, "outbox_attempts", []string{"message_id", "number", "at", "ended_at", "status", "code", "detail"}, attempts)
	return err
}

// flushDue keeps outbox_due in step: a row stands there exactly when a timer will look at it.
func (s *Stage) flushDue(ctx context.Context, tx *db.Tx, made, changed []*row) error {
	var put [][]any
	var gone []int64
	for _, r := range made {
		if r.due != 0 {
			put = append(put, []any{r.id, r.queue, r.due})
		}
	}
	for _, r := range changed {
		switch {
		case r.due != 0 && r.queue != "":
			put = append(put, []any{r.id, r.queue, r.due})
		case r.due == 0 && r.hadDue:
			gone = append(gone, r.id)
		}
	}
	for part := range slices.Chunk(gone, 100) {
		if _, err := tx.Exec(ctx, "DELETE FROM outbox_due WHERE id IN ("+db.Marks(len(part))+")", db.Args(part)...); err != nil {
			return fmt.Errorf("settle due messages: %w", err)
		}
	}
	return tx.Upsert(ctx, "outbox_due", []string{"id"}, []string{"id", "queue", "due_at"}, []string{"queue", "due_at"}, put)
}

// head is the earliest row of a queue.
type head struct {
	queue string
	due   int64
}

// heads walks from queue to queue by the index; few queues have rows, mostly none.
func heads(ctx context.Context, q db.Querier) (out []head, err error) {
	last := ""
	for {
		var h head
		rows, err := q.Query(ctx, "SELECT queue, due_at FROM outbox_due WHERE queue>? ORDER BY queue, due_at LIMIT 1", last)
		if err != nil {
			return nil, fmt.Errorf("look for due messages: %w", err)
		}
		if err := db.Each(rows, func(r *sql.Rows) error { return r.Scan(&h.queue, &h.due) }); err != nil {
			return nil, fmt.Errorf("look for due messages: %w", err)
		}
		if h.queue == "" {
			return out, nil
		}
		out, last = append(out, h), h.queue
	}
}

func dueRows(ctx context.Context, tx *db.Tx, queue string, now int64, limit int) (out []int64, err error) {
	rows, err := tx.Query(ctx, "SELECT id FROM outbox_due WHERE queue=? AND due_at<=? ORDER BY due_at, id LIMIT ?", queue, now, limit)
	if err != nil {
		return nil, fmt.Errorf("read due messages: %w", err)
	}
	err = db.Each(rows, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		out = append(out, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read due messages: %w", err)
	}
	return out, nil
}

// adoptOrphans makes every attempt of another process due at once: whoever made it is gone, and with it
// the result. There are never more than the dispatcher's queues held.
func (s *Stage) adoptOrphans(ctx context.Context, tx *db.Tx) error {
	_, err := tx.Exec(ctx, "UPDATE outbox SET due_at=? WHERE state=? AND process<>? AND due_at=0", s.now, Sending.code(), s.conf.Process)
	if err != nil {
		return fmt.Errorf("adopt attempts of an ended process: %w", err)
	}
	_, err = tx.Exec(ctx, "INSERT INTO outbox_due (id, queue, due_at) SELECT o.id, ?, o.due_at FROM outbox o LEFT JOIN outbox_due d ON d.id=o.id "+
		"WHERE o.state=? AND o.process<>? AND d.id IS NULL", orphanQueue, Sending.code(), s.conf.Process)
	if err != nil {
		return fmt.Errorf("adopt attempts of an ended process: %w", err)
	}
	return nil
}

// breakRow fails a message outside of a stage's Flush.
func breakRow(ctx context.Context, tx *db.Tx, id, now int64, why string) error {
	_, err := tx.Exec(ctx, "UPDATE outbox SET state=?, reason=?, detail=?, due_at=0, updated_at=? WHERE id=?", Rejected.code(), string(ReasonBroken), why, now, id)
	if err != nil {
		return fmt.Errorf("fail message %d: %w", id, err)
	}
	if _, err := tx.Exec(ctx, "DELETE FROM outbox_due WHERE id=?", id); err != nil {
		return fmt.Errorf("fail message %d: %w", id, err)
	}
	return nil
}

func (s *Stage) loadPauses(ctx context.Context, tx *db.Tx) error {
	rows, err := tx.Query(ctx, "SELECT account, api, until, code, detail, at FROM outbox_pauses WHERE until>?", s.now)
	if err != nil {
		return fmt.Errorf("load pauses: %w", err)
	}
	err = db.Each(rows, func(r *sql.Rows) error {
		var k queueKey
		p := &pause{}
		err := r.Scan(&k.account, &k.channel, &p.until, &p.code, &p.detail, &p.at)
		s.pauses[k] = p
		return err
	})
	if err != nil {
		return fmt.Errorf("load pauses: %w", err)
	}
	return nil
}

func (s *Stage) loadAlarms(ctx context.Context, q db.Querier) (err error) {
	s.alarms, err = readAlarms(ctx, q)
	return err
}

func readAlarms(ctx context.Context, q db.Querier) (map[alarmKey]*alarm, error) {
	out := map[alarmKey]*alarm{}
	rows, err := q.Query(ctx, "SELECT account, api, kind, code, detail, first_at, last_at, times, cleared_at FROM outbox_alarms")
	if err != nil {
		return nil, fmt.Errorf("load alarms: %w", err)
	}
	err = db.Each(rows, func(r *sql.Rows) error {
		var k alarmKey
		a := &alarm{}
		err := r.Scan(&k.account, &k.channel, &k.kind, &a.code, &a.detail, &a.firstAt, &a.lastAt, &a.count, &a.clearedAt)
		out[k] = a
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load alarms: %w", err)
	}
	return out, nil
}

// flushHealth writes pauses, alarms, receipts and refused templates.
func (s *Stage) flushHealth(ctx context.Context, tx *db.Tx) error {
	byPlace := func(a, b queueKey) int {
		return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.channel, b.channel))
	}
	var pauses, alarms, receipts, early, off [][]any
	for _, k := range slices.SortedFunc(maps.Keys(s.pauses), byPlace) {
		if p := s.pauses[k]; p.dirty {
			pauses = append(pauses, []any{k.account, string(k.channel), p.until, p.code, p.detail, p.at})
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(s.alarms), func(a, b alarmKey) int {
		return cmp.Or(byPlace(a.queueKey, b.queueKey), cmp.Compare(a.kind, b.kind))
	}) {
		if a := s.alarms[k]; a.dirty {
			alarms = append(alarms, []any{k.account, string(k.channel), string(k.kind), a.code, a.detail, a.firstAt, a.lastAt, a.count, a.clearedAt})
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(s.receipts), func(a, b receiptKey) int {
		return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.platformID, b.platformID))
	}) {
		if id := s.receipts[k]; id.dirty {
			receipts = append(receipts, []any{k.account, k.platformID, id.message, 0, 0, "", s.now})
		}
	}
	var matched []receiptKey
	for _, k := range slices.SortedFunc(maps.Keys(s.early), func(a, b receiptKey) int {
		return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.platformID, b.platformID))
	}) {
		switch p := s.early[k]; {
		case p.fresh && !p.matched:
			early = append(early, []any{k.account, k.platformID, p.state.code(), p.code, p.detail, p.at})
		case !p.fresh && p.matched:
			matched = append(matched, k)
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(s.off), func(a, b offKey) int {
		return cmp.Or(byPlace(a.queueKey, b.queueKey), cmp.Compare(a.template, b.template), cmp.Compare(a.definition, b.definition))
	}) {
		if o := s.off[k]; o.dirty {
			off = append(off, []any{k.account, string(k.channel), k.template, k.definition, o.code, o.detail, o.at})
		}
	}
	err := tx.Upsert(ctx, "outbox_pauses", []string{"account", "api"}, []string{"account", "api", "until", "code", "detail", "at"},
		[]string{"until", "code", "detail", "at"}, pauses)
	if err != nil {
		return err
	}
	err = tx.Upsert(ctx, "outbox_alarms", []string{"account", "api", "kind"},
		[]string{"account", "api", "kind", "code", "detail", "first_at", "last_at", "times", "cleared_at"},
		[]string{"code", "detail", "first_at", "last_at", "times", "cleared_at"}, alarms)
	if err != nil {
		return err
	}
	err = tx.Upsert(ctx, "outbox_receipts", []string{"account", "platform_id"},
		[]string{"account", "platform_id", "message_id", "state", "code", "detail", "at"}, []string{"message_id", "at"}, receipts)
	if err != nil {
		return err
	}
	if _, err := tx.InsertIgnore(ctx, "outbox_early", []string{"account", "platform_id", "state", "code", "detail", "at"}, early); err != nil {
		return err
	}
	for _, k := range matched {
		if _, err := tx.Exec(ctx, "DELETE FROM outbox_early WHERE account=? AND platform_id=?", k.account, k.platformID); err != nil {
			return fmt.Errorf("settle early receipt: %w", err)
		}
	}
	_, err = tx.InsertIgnore(ctx, "outbox_templates_off", []string{"account", "api", "template", "definition", "code", "detail", "at"}, off)
	return err
}
