package event

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/lease"
)

// Timeline is what happened, for people to read and rules to count: every event but commands and those
// that exist inside a batch only. As the last stage it writes; List reads.
type Timeline struct {
	db   *db.DB
	feed Feed
}

// NewTimeline makes the stage and reader.
func NewTimeline(d *db.DB) *Timeline { return &Timeline{db: d} }

// Name of the stage.
func (t *Timeline) Name() string { return "timeline" }

// Feed hands out what is written, as it commits.
func (t *Timeline) Feed() *Feed { return &t.feed }

// Load has nothing to load.
func (t *Timeline) Load(context.Context, *db.Tx, *Batch) error { return nil }

// Apply has nothing to decide.
func (t *Timeline) Apply(*Batch, *Event) error { return nil }

var eventColumns = []string{"lane", "id", "contact_id", "identity_id", "type", "at", "received_at", "account", "staff", "object_type", "object_id", "share", "props"}

// stored reports whether an event belongs on the timeline.
func (e *Event) stored() bool {
	return !e.Hidden && !e.Duplicate && !strings.HasPrefix(e.Type, "command.") && !strings.HasPrefix(e.Type, "timer.")
}

// Flush writes the batch's events.
func (t *Timeline) Flush(ctx context.Context, tx *db.Tx, b *Batch) error {
	rows := make([][]any, 0, len(b.Stored))
	heard := t.feed.Listeners() > 0
	var lines []*Event
	var texts []string
	for _, e := range b.Stored {
		if !e.stored() {
			continue
		}
		props := "{}"
		if len(e.Props) > 0 {
			raw, err := json.Marshal(e.Props)
			if err != nil {
				return fmt.Errorf("encode props of event %d: %w", e.ID(), err)
			}
			props = string(raw)
		}
		if heard {
			lines, texts = append(lines, e), append(texts, props)
		}
		rows = append(rows, []any{int64(e.Lane), int64(e.ID()), e.ContactID, e.IdentityID, e.Type, e.OccurredAt, e.ReceivedAt,
			e.Account, e.Staff, e.ObjectType, e.ObjectID, e.Share, props})
	}
	if err := tx.Insert(ctx, "events", eventColumns, rows); err != nil {
		return err
	}
	t.feed.announce(b, lines, texts)
	return nil
}

// Entry is one line of a timeline.
type Entry struct {
	ID         ID
	ContactID  int64 // who the event came by; a merged person has several
	IdentityID int64
	Type       string
	At         int64
	ReceivedAt int64
	Account    string
	Staff      string
	ObjectType string
	ObjectID   string
	Share      string
	Props      Props
}

// Place is a position in a timeline that runs from new to old; the zero Place is its beginning.
type Place struct {
	At int64
	ID ID
}

// List returns up to limit entries older than the place, newest first, of a person known by the given
// contact ids (their own and those merged into it). types narrows when not empty.
func (t *Timeline) List(ctx context.Context, contacts []int64, types []string, before Place, limit int) ([]Entry, error) {
	q := entryQuery + "contact_id IN (" + db.Marks(len(contacts)) + ")"
	args := db.Args(contacts)
	if before.ID != 0 {
		q += " AND (at<? OR (at=? AND id<?))"
		args = append(args, before.At, before.At, int64(before.ID))
	}
	if len(types) > 0 {
		q += " AND type IN (" + db.Marks(len(types)) + ")"
		args = append(args, db.Args(types)...)
	}
	return t.read(ctx, q+" ORDER BY at DESC, id DESC LIMIT ?", append(args, limit)...)
}

// After returns up to limit entries of a lane with ids above one, in the order of ids.
func (t *Timeline) After(ctx context.Context, lane Lane, id ID, limit int) ([]Entry, error) {
	return t.read(ctx, entryQuery+"lane=? AND id>? ORDER BY id LIMIT ?", int64(lane), int64(id), limit)
}

// Latest returns the last entries of both lanes by the time they happened, newest first: the ends of the
// primary key.
func (t *Timeline) Latest(ctx context.Context, limit int) ([]Entry, error) {
	var out []Entry
	for _, lane := range []Lane{Priority, Normal} {
		list, err := t.read(ctx, entryQuery+"lane=? ORDER BY id DESC LIMIT ?", int64(lane), limit)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	slices.SortStableFunc(out, func(a, b Entry) int { return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(b.ID, a.ID)) })
	return out[:min(limit, len(out))], nil
}

// Get returns one entry. Fault: NotFound: there is none, it is past its retention, or the event is of a
// kind that the timeline does not keep.
func (t *Timeline) Get(ctx context.Context, id ID) (Entry, error) {
	list, err := t.read(ctx, entryQuery+"lane IN (0, 1) AND id=?", int64(id))
	if err == nil && len(list) == 0 {
		err = fault.New(fault.NotFound, "时间线上没有这个事件，或已超过保留期")
	}
	if err != nil {
		return Entry{}, err
	}
	return list[0], nil
}

const entryQuery = "SELECT id, contact_id, identity_id, type, at, received_at, account, staff, object_type, object_id, share, props FROM events WHERE "

func (t *Timeline) read(ctx context.Context, q string, args ...any) ([]Entry, error) {
	rows, err := t.db.Query(ctx, q, args...)
	if err != nil {
		return nil, fmt.Errorf("read timeline: %w", err)
	}
	var out []Entry
	err = db.Each(rows, func(r *sql.Rows) error {
		var e Entry
		var props string
		if err := r.Scan(&e.ID, &e.ContactID, &e.IdentityID, &e.Type, &e.At, &e.ReceivedAt, &e.Account, &e.Staff, &e.ObjectType, &e.ObjectID, &e.Share, &props); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(props), &e.Props); err != nil {
			return fmt.Errorf("props of event %d: %w", e.ID, err)
		}
		out = append(out, e)
		return nil
	})
	return out, err
}

// Purge deletes up to limit of the oldest events of a lane that were received before the given time, and
// returns how many. An old one behind a younger one waits for it.
func (t *Timeline) Purge(ctx context.Context, l *lease.Lease, lane Lane, before int64, limit int) (int64, error) {
	of, args := "lane=?", []any{lane}
	if t.db.Engine() == db.SQLite {
		// The key there is the id alone. Looking for the few events of one lane would read all of the
		// other's, so both lanes are taken as they come.
		of, args = "lane>=0", nil
	}
	return purgeOldest(ctx, t.db, l,
		"SELECT id, received_at FROM events WHERE "+of+" ORDER BY id LIMIT ?", append(args[:len(args):len(args)], limit), before,
		"DELETE FROM events WHERE "+of+" AND id>=? AND id<=?", args)
}
