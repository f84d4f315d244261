package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// idBlock is how many numbers one write to the sequences table reserves.
const idBlock = 1000

// IDs gives out dense rising numbers from blocks (hi-lo), for one writer. Numbers taken in a transaction
// that rolled back are given out again; a crash leaves a gap of at most a block.
//
// Begin is called at the start of each transaction, Take any number of times, Commit after it committed.
type IDs struct {
	name        string
	next, end   int64 // what this transaction may take
	next0, end0 int64 // as of the last commit
}

// NewIDs names a row of the sequences table. Numbers start at 1.
func NewIDs(name string) *IDs { return &IDs{name: name, next: 1, end: 1, next0: 1, end0: 1} }

// Begin goes back to the last committed state and makes sure that at least n numbers can be taken.
func (s *IDs) Begin(ctx context.Context, tx *Tx, n int) error {
	s.next, s.end = s.next0, s.end0
	if s.end-s.next >= int64(n) {
		return nil
	}
	block := int64(max(n, idBlock))
	var from int64
	err := tx.QueryRow(ctx, "SELECT next FROM sequences WHERE name=?", s.name).Scan(&from)
	if errors.Is(err, sql.ErrNoRows) {
		from, err = 1, nil
	}
	if err != nil {
		return fmt.Errorf("read sequence %s: %w", s.name, err)
	}
	if err := tx.Upsert(ctx, "sequences", []string{"name"}, []string{"name", "next"}, []string{"next"}, [][]any{{s.name, from + block}}); err != nil {
		return err
	}
	// The rest of the old block is given up unless the new one continues it.
	if from != s.end {
		s.next = from
	}
	s.end = from + block
	return nil
}

// Take returns the next number.
func (s *IDs) Take() int64 {
	if s.next >= s.end {
		panic("sequence " + s.name + ": more taken than reserved")
	}
	s.next++
	return s.next - 1
}

// Commit keeps what was reserved and taken.
func (s *IDs) Commit() { s.next0, s.end0 = s.next, s.end }
