package event

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/koi-scrm/koi/app/db"
)

// Seen is the first stage: it marks facts that were processed before, by the platform's id (or what the
// door made of it) and the UTC day they happened. Its table is purged by day.
type Seen struct {
	known map[seenKey]bool
	fresh [][]any
}

type seenKey struct {
	day  int64
	hash Hash
}

// NewSeen makes the stage.
func NewSeen() *Seen { return &Seen{known: map[seenKey]bool{}} }

const dayMs = 86_400_000

// Name of the stage.
func (s *Seen) Name() string { return "seen" }

func (e *Event) seenKey() seenKey { return seenKey{e.OccurredAt / dayMs, e.HashKey()} }

// deduped: timers and derived events come from inside and happen once by construction.
func (e *Event) deduped() bool { return e.N == 0 && e.Key != "" }

// Load looks the batch's facts up.
func (s *Seen) Load(ctx context.Context, tx *db.Tx, b *Batch) error {
	clear(s.known)
	s.fresh = s.fresh[:0]
	byDay := map[int64][][]byte{}
	for _, e := range b.Events {
		if e.deduped() {
			k := e.seenKey()
			byDay[k.day] = append(byDay[k.day], k.hash[:])
		}
	}
	for day, hashes := range byDay {
		err := db.EachIn(ctx, tx, "SELECT hash FROM seen WHERE day=? AND hash IN (%s)", hashes, []any{day}, func(r *sql.Rows) error {
			var h []byte
			if err := r.Scan(&h); err != nil {
				return err
			}
			s.known[seenKey{day, Hash(h)}] = true
			return nil
		})
		if err != nil {
			return fmt.Errorf("load seen: %w", err)
		}
	}
	return nil
}

// Apply marks a duplicate; the pipeline shows it to no later stage.
func (s *Seen) Apply(_ *Batch, e *Event) error {
	if !e.deduped() {
		return nil
	}
	k := e.seenKey()
	if s.known[k] {
		e.Duplicate = true
		return nil
	}
	s.known[k] = true
	s.fresh = append(s.fresh, []any{k.day, k.hash[:]})
	return nil
}

// Flush writes the new facts' keys.
func (s *Seen) Flush(ctx context.Context, tx *db.Tx, _ *Batch) error {
	return tx.Insert(ctx, "seen", []string{"day", "hash"}, s.fresh)
}
