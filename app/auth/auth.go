// Package auth knows who may come in and what they may do: users with a role, their passwords and
// sessions, keys for other programs, and the one-time token that makes the first administrator.
//
// Invariants: no secret is stored as it is (passwords as argon2id, session tokens, setup tokens and keys
// as hashes); a user who is disabled, or whose password or role changed, has no session from that moment
// on; there is always an administrator who can come in; and whether a login name exists cannot be learnt
// from the answer, nor from how long it takes.
//
// It refuses to know HTTP and which call needs which permission: that stands in the route table.
package auth

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
)

// Gate lets people and programs in. It is safe for concurrent use.
type Gate struct {
	db       *db.DB
	clock    clock.Clock
	sessions *scs.SessionManager
	pairs    *throttle     // by login name and address
	accounts *throttle     // by login name
	places   *throttle     // by address
	slots    chan struct{} // bounds the memory that hashing passwords takes
	used     *recent
	rights   bell
}

// How sign-in is slowed down. From one address, ten wrong passwords for a name are more than one forgets,
// and one a minute after that is nothing to guess with; so one attacker cannot lock a user out who comes
// from elsewhere. Many addresses together get a hundred. Many people may sit behind one address.
const (
	pairTries, pairEvery       = 10, time.Minute
	accountTries, accountEvery = 100, 30 * time.Second
	placeTries, placeEvery     = 50, 10 * time.Second
)

// hashing is how many passwords are hashed at a time: each takes the memory and most of a core.
const hashing = 2

// New makes a gate on a migrated database. All its times are wall times.
func New(stores *db.Stores, clk clock.Clock) *Gate {
	g := &Gate{db: stores.Koi, clock: clk, slots: make(chan struct{}, hashing), used: newRecent(),
		pairs: newThrottle(clk, pairTries, pairEvery), accounts: newThrottle(clk, accountTries, accountEvery), places: newThrottle(clk, placeTries, placeEvery)}
	// Not scs.New: it starts a goroutine for a store in memory.
	g.sessions = &scs.SessionManager{Lifetime: sessionLife, Codec: scs.GobCodec{}, HashTokenInStore: true, Store: sessionStore{db: g.db, clock: clk}}
	return g
}

// Changed is closed when somebody's rights or session begin, end or change on this node: who holds something open
// for them asks again whether they may.
func (g *Gate) Changed() <-chan struct{} { return g.rights.next() }

// bell wakes all who wait for the next ring.
type bell struct {
	mu sync.Mutex
	c  chan struct{}
}

func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.c == nil {
		b.c = make(chan struct{})
	}
	return b.c
}

func (b *bell) tell() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.c != nil {
		close(b.c)
		b.c = nil
	}
}

func (g *Gate) wall() int64 { return clock.Ms(g.clock.Wall()) }

// purgeEvery is how often sessions that are over are deleted.
const purgeEvery = time.Hour

// Run deletes what is over until ctx ends.
func (g *Gate) Run(ctx context.Context) error {
	t := time.NewTicker(purgeEvery)
	defer t.Stop()
	for {
		if err := g.Purge(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("清理过期会话失败，下次再试", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// Purge deletes sessions and setup tokens that are over.
func (g *Gate) Purge(ctx context.Context) error {
	return g.db.Tx(ctx, func(tx *db.Tx) error {
		for _, q := range []string{"DELETE FROM sessions WHERE expires_at<=?", "DELETE FROM setup_tokens WHERE expires_at<=?"} {
			if _, err := tx.Exec(ctx, q, g.wall()); err != nil {
				return err
			}
		}
		return nil
	})
}
