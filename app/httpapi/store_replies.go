package httpapi

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/secret"
)

// replies keeps the answers to POSTs with an Idempotency-Key, sealed, since they may hold personal values
// or a new key's secret.
type replies struct {
	db    *db.DB
	keys  *secret.Keys
	clock clock.Clock
}

// reply is an answer that was given.
type reply struct {
	status      int
	contentType string
	body        []byte
}

const (
	// replyLife is how long a repeat gets the first answer.
	replyLife = 24 * time.Hour
	// claimLife is how long a first request may take; then its process is taken for dead.
	claimLife    = 2 * requestTime
	replyPurpose = "api reply"
)

func (s *replies) wall() int64 { return clock.Ms(s.clock.Wall()) }

// claim begins the work on a request, or returns the answer that was given to it. at names the claim.
// Faults: Conflict (the first one is still being worked on), Invalid (the key was used for something else).
func (s *replies) claim(ctx context.Context, id, request []byte) (at int64, done *reply, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		at, done = s.wall(), nil
		if _, err := tx.Exec(ctx, "DELETE FROM replies WHERE id=? AND expires_at<=?", id, at); err != nil {
			return err
		}
		fresh, err := tx.InsertIgnore(ctx, "replies", []string{"id", "request", "status", "header", "body", "at", "expires_at"},
			[][]any{{id, request, 0, "", []byte{}, at, at + replyLife.Milliseconds()}})
		if err != nil || fresh == 1 {
			return err
		}
		done, err = s.read(ctx, tx, id, request, at)
		return err
	})
	return at, done, err
}

func (s *replies) read(ctx context.Context, tx *db.Tx, id, request []byte, now int64) (*reply, error) {
	var r reply
	var first, sealed []byte
	var at int64
	err := tx.QueryRow(ctx, "SELECT request, status, header, body, at FROM replies WHERE id=?", id).Scan(&first, &r.status, &r.contentType, &sealed, &at)
	if errors.Is(err, sql.ErrNoRows) { // given up this moment
		return nil, errStillWorking()
	}
	if err != nil {
		return nil, fmt.Errorf("read reply: %w", err)
	}
	if string(first) != string(request) {
		return nil, fault.New(fault.Invalid, "这个 Idempotency-Key 已用于另一个请求：请为每个新请求换一个")
	}
	if r.status == 0 {
		if now-at < claimLife.Milliseconds() {
			return nil, errStillWorking()
		}
		taken, err := tx.Exec(ctx, "UPDATE replies SET at=? WHERE id=? AND at=? AND status=0", now, id, at)
		if err == nil && taken == 0 {
			err = errStillWorking()
		}
		return nil, err
	}
	if r.body, err = s.keys.Open(replyPurpose, sealed); err != nil {
		return nil, fmt.Errorf("open reply: %w", err)
	}
	return &r, nil
}

func errStillWorking() error {
	f := newFailure(statuses[fault.Conflict], "同一个 Idempotency-Key 的上一个请求还在处理：请稍后用同样的内容重试")
	f.retryAfter(time.Second)
	return f
}

// keep stores the answer to a claimed request.
func (s *replies) keep(ctx context.Context, id []byte, at int64, r reply) error {
	sealed := s.keys.Seal(replyPurpose, r.body)
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE replies SET status=?, header=?, body=? WHERE id=? AND at=? AND status=0", r.status, r.contentType, sealed, id, at)
		return err
	})
}

// release gives a claim up: the request did nothing, and may be made again.
func (s *replies) release(ctx context.Context, id []byte, at int64) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM replies WHERE id=? AND at=? AND status=0", id, at)
		return err
	})
}

// purge deletes answers whose time is over.
func (s *replies) purge(ctx context.Context) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM replies WHERE expires_at<=?", s.wall())
		return err
	})
}
