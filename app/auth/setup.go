package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
)

// SetupLife is how long a setup token is good.
const SetupLife = 24 * time.Hour

// SetupToken makes a token for creating the first administrator, good once; needed is false where there
// are users already. Only its hash is stored: it can be shown now and never again.
func (g *Gate) SetupToken(ctx context.Context) (token string, needed bool, err error) {
	users, err := g.countUsers(ctx, g.db)
	if err != nil || users > 0 {
		return "", false, err
	}
	token = rand.Text()
	err = g.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.Insert(ctx, "setup_tokens", []string{"hash", "expires_at"}, [][]any{{digest(token), g.wall() + SetupLife.Milliseconds()}})
	})
	if err != nil {
		return "", false, fmt.Errorf("make setup token: %w", err)
	}
	return token, true, nil
}

// SetUp creates the first administrator and signs them in; the role asked for does not matter. It works
// once: all tokens are used up with it.
//
// Faults: Denied (wrong, used or old token, or there are users already), Invalid, Limited.
func (g *Gate) SetUp(ctx context.Context, token, place string, n NewUser) (Session, error) {
	if wait, ok := g.places.take(place); !ok {
		return Session{}, tooMany(wait)
	}
	n.Role = Admin
	refused := fault.New(fault.Denied, "这个链接已失效：它只能用一次，%d 小时内有效；重启 koi serve 会得到新链接。如果已有管理员，请直接登录", int(SetupLife.Hours()))
	var known int64
	// Hashing is dear, so the token is looked at first; it counts in the transaction.
	if err := g.db.QueryRow(ctx, "SELECT COUNT(*) FROM setup_tokens WHERE hash=? AND expires_at>?", digest(token), g.wall()).Scan(&known); err != nil {
		return Session{}, fmt.Errorf("read setup token: %w", err)
	}
	if known == 0 {
		return Session{}, refused
	}
	g.places.giveBack(place)
	if err := n.check(); err != nil {
		return Session{}, err
	}
	hash, err := g.hash(ctx, n.Password)
	if err != nil {
		return Session{}, err
	}
	var u User
	err = g.db.Tx(ctx, func(tx *db.Tx) error {
		mine, err := tx.Exec(ctx, "DELETE FROM setup_tokens WHERE hash=? AND expires_at>?", digest(token), g.wall())
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM setup_tokens"); err != nil {
			return err
		}
		users, err := g.countUsers(ctx, tx)
		if err != nil {
			return err
		}
		if mine == 0 || users > 0 {
			return refused
		}
		u, err = g.addTx(ctx, tx, n, hash)
		return err
	})
	if err == nil {
		err = g.noteSignIn(ctx, u, "", false)
	}
	if err != nil {
		return Session{}, fmt.Errorf("set up: %w", err)
	}
	return g.start(ctx, u)
}

func (g *Gate) countUsers(ctx context.Context, q db.Querier) (int64, error) {
	var n int64
	if err := q.QueryRow(ctx, "SELECT COUNT(*) FROM users").Scan(&n); err != nil {
		return 0, fmt.Errorf("count users: %w", err)
	}
	return n, nil
}

// digest is what is stored of a random token: with its 128 bits and more, a plain hash cannot be tried out.
func digest(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
