package event

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
)

// Tally counts what happened by business day and type, so that a screen can show weeks without reading the
// timeline. It counts what the timeline keeps, on the day it happened. As a stage it stands last.
type Tally struct {
	db   *db.DB
	zone *time.Location

	// What is committed, as of a commit number, so that a batch needs no query for days seen before. A gap
	// in commit numbers, or a commit nobody told of, makes it read again.
	known map[int32]map[string]int64
	rev   int64
	open  bool
	try   int
}

// NewTally makes the stage and reader; zone is the business zone.
func NewTally(d *db.DB, zone *time.Location) *Tally { return &Tally{db: d, zone: zone} }

// Name of the stage.
func (t *Tally) Name() string { return "tally" }

// Load forgets what may no longer be true.
func (t *Tally) Load(_ context.Context, _ *db.Tx, b *Batch) error {
	if t.known == nil || t.open || b.Rev != t.rev+1 || len(t.known) > maxTallyDays {
		t.known = map[int32]map[string]int64{}
	}
	t.try++
	t.open = true
	return nil
}

// maxTallyDays bounds the days kept in memory; a history being read in touches many.
const maxTallyDays = 400

// Apply has nothing to decide.
func (t *Tally) Apply(*Batch, *Event) error { return nil }

// Flush adds the batch's events to their days.
func (t *Tally) Flush(ctx context.Context, tx *db.Tx, b *Batch) error {
	more := map[int32]map[string]int64{}
	for _, e := range b.Stored {
		if !e.stored() {
			continue
		}
		day := clock.Day(e.OccurredAt, t.zone)
		if more[day] == nil {
			more[day] = map[string]int64{}
		}
		more[day][e.Type]++
	}
	var unread []int32
	for day := range more {
		if t.known[day] == nil {
			unread = append(unread, day)
		}
	}
	slices.Sort(unread)
	read, err := t.read(ctx, tx, unread)
	if err != nil {
		return err
	}
	var rows [][]any
	for _, day := range slices.Sorted(maps.Keys(more)) {
		had := t.known[day]
		if had == nil {
			had = read[day]
		}
		for _, typ := range slices.Sorted(maps.Keys(more[day])) {
			rows = append(rows, []any{day, typ, had[typ] + more[day][typ]})
		}
	}
	if err := tx.Upsert(ctx, "event_days", []string{"day", "type"}, []string{"day", "type", "n"}, []string{"n"}, rows); err != nil {
		return err
	}
	try, rev := t.try, b.Rev
	b.AfterCommit(func() {
		if try != t.try {
			return
		}
		for day, types := range more {
			if t.known[day] == nil {
				t.known[day] = read[day]
			}
			for typ, n := range types {
				t.known[day][typ] += n
			}
		}
		t.rev, t.open = rev, false
	})
	return nil
}

// read gives the counts of days; a day without any has an empty map.
func (t *Tally) read(ctx context.Context, q db.Querier, days []int32) (map[int32]map[string]int64, error) {
	out := make(map[int32]map[string]int64, len(days))
	for _, day := range days {
		out[day] = map[string]int64{}
	}
	err := db.EachIn(ctx, q, "SELECT day, type, n FROM event_days WHERE day IN (%s)", days, nil, func(r *sql.Rows) error {
		var day int32
		var typ string
		var n int64
		if err := r.Scan(&day, &typ, &n); err != nil {
			return err
		}
		out[day][typ] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read daily counts: %w", err)
	}
	return out, nil
}

// DayCount is how often something happened on a business day (days since 1970-01-01).
type DayCount struct {
	Day  int32
	Type string
	N    int64
}

// Days returns the counts from one business day through another, by day and type.
func (t *Tally) Days(ctx context.Context, from, through int32) ([]DayCount, error) {
	var out []DayCount
	rows, err := t.db.Query(ctx, "SELECT day, type, n FROM event_days WHERE day>=? AND day<=?", from, through)
	if err == nil {
		err = db.Each(rows, func(r *sql.Rows) error {
			var d DayCount
			err := r.Scan(&d.Day, &d.Type, &d.N)
			out = append(out, d)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read daily counts: %w", err)
	}
	slices.SortFunc(out, func(a, b DayCount) int { return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Type, b.Type)) })
	return out, nil
}
