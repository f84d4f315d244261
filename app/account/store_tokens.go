package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/secret"
)

// tokenStore is the table tokens. A row is a token and, through owner and rev, the lock for fetching it:
// no database lock is held while the platform is asked.
type tokenStore struct {
	db   *db.DB
	keys *secret.Keys
}

// tokenRow is a row of tokens; times are wall time in Unix ms. Its zero value is a token nobody fetched yet.
type tokenRow struct {
	id           [16]byte
	account      string
	purpose      Purpose
	token        string
	rev          int64
	freshUntil   int64
	expiresAt    int64
	fetchedAt    int64
	forcedAt     int64
	owner        string
	ownerUntil   int64
	blockedUntil int64
	checkedAt    int64 // when the platform last said anything about this secret
	code         int
	reason       string // of a failure; "" while all is well
	passing      bool
	skewMs       int64
	stored       bool
}

func (r tokenRow) fresh(now time.Time) bool { return r.token != "" && clock.Ms(now) < r.freshUntil }

// alive leaves the request that will carry the token some seconds.
func (r tokenRow) alive(now time.Time) bool {
	return r.token != "" && clock.Ms(now)+10_000 < r.expiresAt
}

// confirmed reports whether the platform gave this token, after a refusal, less than force ago.
func (r tokenRow) confirmed(now time.Time, force time.Duration) bool {
	return r.fresh(now) && clock.Ms(now)-r.forcedAt < force.Milliseconds()
}

func (r tokenRow) blocked(now time.Time) bool { return clock.Ms(now) < r.blockedUntil }

// claimed reports whether some process is fetching. A claim that ends later than any of ours could is the
// mark of a clock that was set back, not of a live owner.
func (r tokenRow) claimed(now time.Time, longest time.Duration) bool {
	left := r.ownerUntil - clock.Ms(now)
	return r.owner != "" && left > 0 && left <= 2*longest.Milliseconds()
}

func (r tokenRow) refusal(now time.Time) *Refusal {
	return &Refusal{Code: r.code, Reason: r.reason, Passing: r.passing,
		Wait: time.Duration(r.blockedUntil-clock.Ms(now)) * time.Millisecond}
}

func (r *tokenRow) failed(now time.Time, why *Refusal) {
	r.checkedAt, r.code, r.reason, r.passing = clock.Ms(now), why.Code, why.Reason, why.Passing
	r.blockedUntil = clock.Ms(now.Add(why.Wait))
}

func (r *tokenRow) granted(now time.Time, g Grant, skew time.Duration) {
	use := g.Life - skew
	if g.Life < 2*skew {
		use = g.Life / 2 // near its end the platform hands out the old token with the rest of its life
	}
	r.token, r.fetchedAt = g.Token, clock.Ms(now)
	r.freshUntil, r.expiresAt = clock.Ms(now.Add(max(use, time.Second))), clock.Ms(now.Add(g.Life))
	r.well(now, g.Skew)
}

func (r *tokenRow) well(now time.Time, skew time.Duration) {
	r.checkedAt, r.skewMs = clock.Ms(now), skew.Milliseconds()
	r.code, r.reason, r.passing, r.blockedUntil = 0, "", false, 0
}

func tokenSeal(id [16]byte) string { return fmt.Sprintf("token %x", id) }

func (s tokenStore) id(c Credential) [16]byte {
	return s.keys.Lookup("token", string(c.Kind)+"\x00"+c.App+"\x00"+c.Secret)
}

const tokenColumns = "sealed, rev, fresh_until, expires_at, fetched_at, forced_at, owner, owner_until, blocked_until, checked_at, code, reason, passing, skew_ms"

func (s tokenStore) read(ctx context.Context, c Credential) (tokenRow, error) {
	row := tokenRow{id: s.id(c), account: c.Account, purpose: c.Purpose}
	var sealed []byte
	rows, err := s.db.Query(ctx, "SELECT "+tokenColumns+" FROM tokens WHERE id=?", row.id[:])
	if err == nil {
		err = db.Each(rows, func(r *sql.Rows) error {
			row.stored = true
			return r.Scan(&sealed, &row.rev, &row.freshUntil, &row.expiresAt, &row.fetchedAt, &row.forcedAt, &row.owner,
				&row.ownerUntil, &row.blockedUntil, &row.checkedAt, &row.code, &row.reason, &row.passing, &row.skewMs)
		})
	}
	if err != nil {
		return tokenRow{}, fmt.Errorf("read access token of %s: %w", c.Account, err)
	}
	if len(sealed) > 0 {
		// A token that does not open is as good as none: a new one is fetched.
		if plain, err := s.keys.Open(tokenSeal(row.id), sealed); err == nil {
			row.token = string(plain)
		}
	}
	return row, nil
}

// claim makes owner the one that fetches, if nothing happened to the row since it was read.
func (s tokenStore) claim(ctx context.Context, row tokenRow, owner string, until int64) (bool, error) {
	var n int64
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if !row.stored {
			n, err = tx.InsertIgnore(ctx, "tokens",
				[]string{"id", "account", "purpose", "sealed", "rev", "fresh_until", "expires_at", "fetched_at", "forced_at",
					"owner", "owner_until", "blocked_until", "checked_at", "code", "reason", "passing", "skew_ms"},
				[][]any{{row.id[:], row.account, row.purpose, []byte{}, 1, 0, 0, 0, 0, owner, until, 0, 0, 0, "", false, 0}})
			return err
		}
		n, err = tx.Exec(ctx, "UPDATE tokens SET owner=?, owner_until=?, rev=rev+1 WHERE id=? AND rev=?", owner, until, row.id[:], row.rev)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("claim access token of %s: %w", row.account, err)
	}
	return n == 1, nil
}

// errClaimLost: the fetch took so long that another process took over; its result is the one that counts.
var errClaimLost = errors.New("the claim on the access token was taken over")

// settle writes the row and gives the claim up. Rows of secrets the account had before go with it.
func (s tokenStore) settle(ctx context.Context, row tokenRow, owner string) error {
	sealed := []byte{}
	if row.token != "" {
		sealed = s.keys.Seal(tokenSeal(row.id), []byte(row.token))
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE tokens SET sealed=?, rev=rev+1, fresh_until=?, expires_at=?, fetched_at=?, forced_at=?,
			owner='', owner_until=0, blocked_until=?, checked_at=?, code=?, reason=?, passing=?, skew_ms=? WHERE id=? AND owner=?`,
			sealed, row.freshUntil, row.expiresAt, row.fetchedAt, row.forcedAt,
			row.blockedUntil, row.checkedAt, row.code, db.Clip(row.reason, 512), row.passing, row.skewMs, row.id[:], owner)
		if err != nil {
			return err
		}
		if n != 1 {
			return errClaimLost
		}
		_, err = tx.Exec(ctx, "DELETE FROM tokens WHERE account=? AND purpose=? AND id<>?", row.account, row.purpose, row.id[:])
		return err
	})
	if err != nil {
		return fmt.Errorf("keep access token of %s: %w", row.account, err)
	}
	return nil
}
