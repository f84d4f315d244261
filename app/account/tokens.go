package account

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/secret"
)

// Source asks a platform for a token.
type Source interface {
	// Fetch returns the platform's present token. Where that is the one that was refused, the source makes
	// the platform issue another if it can; if it cannot, the platform has thereby confirmed the token, and
	// it is returned. refused is "" when nothing is wrong with the present token. Errors hold neither
	// secret nor token.
	Fetch(ctx context.Context, c Credential, refused string) (Grant, error)
	// Probe makes a call that changes nothing with the token and returns the platform's clock minus ours.
	// It fails with a *Refusal when calls with this token do not work from here.
	Probe(ctx context.Context, c Credential, token string) (time.Duration, error)
}

// Grant is a token with its life, as the platform told it.
type Grant struct {
	Token string
	Life  time.Duration
	Skew  time.Duration // platform's clock minus ours
}

// Refusal is a platform's "no" to a request for a token. Nobody asks again before Wait is over.
type Refusal struct {
	Code   int // the platform's errcode, 0 when there was none
	Wait   time.Duration
	Reason string // Chinese: what happened and what to do
	// Passing: it may work later by itself (busy, unreachable). Otherwise somebody has to correct something.
	Passing bool
	// Stale: it is the token that was refused, not what it stands for; another one may work.
	Stale bool
}

func (r *Refusal) Error() string { return r.Reason }

// Unwrap gives the refusal a fault kind: Unavailable when it passes by itself, else Denied.
func (r *Refusal) Unwrap() error {
	if r.Passing {
		return fault.New(fault.Unavailable, "%s", r.Reason)
	}
	return fault.New(fault.Denied, "%s", r.Reason)
}

// TokenRules are the times of token keeping.
type TokenRules struct {
	Skew    time.Duration // a token is renewed this long before it runs out
	Timeout time.Duration // for one request to the platform
	Force   time.Duration // least time between two renewals because the platform refused the token
}

// DefaultTokenRules: skew between the 5 and 10 minutes for which platforms accept the old token beside the
// new one; at most two forced renewals a minute (stable_token: force_refresh has a small daily quota).
var DefaultTokenRules = TokenRules{Skew: 6 * time.Minute, Timeout: 5 * time.Second, Force: 30 * time.Second}

// Tokens hands out access tokens. For one secret at most one request to the platform is under way, over
// all goroutines and all nodes on one database; a bad secret is not asked for again until its pause is
// over or another secret is entered. It is safe for concurrent use, but not inside a database transaction:
// it writes in one of its own.
type Tokens struct {
	store  tokenStore
	clk    clock.Clock
	source Source
	rules  TokenRules
	owner  string // this process
	flight singleflight.Group

	mu   sync.Mutex
	have map[[16]byte]tokenRow
}

// NewTokens makes a token keeper. Zero rules are the defaults.
func NewTokens(stores *db.Stores, keys *secret.Keys, clk clock.Clock, source Source, rules TokenRules) *Tokens {
	if rules == (TokenRules{}) {
		rules = DefaultTokenRules
	}
	return &Tokens{store: tokenStore{db: stores.Koi, keys: keys}, clk: clk, source: source, rules: rules,
		owner: rand.Text(), have: map[[16]byte]tokenRow{}}
}

// Token returns a valid token. It waits for the request under way, if any, and gives up with ctx.
// Errors: *Refusal from the platform; fault Unavailable when the database is away and no token is at hand.
func (t *Tokens) Token(ctx context.Context, c Credential) (string, error) {
	if row := t.cached(c); row.fresh(t.clk.Wall()) {
		return row.token, nil
	}
	row, err := t.renew(ctx, c, "")
	return row.token, err
}

// Refresh returns a token to try once more with, after the platform refused one. Whoever comes first
// renews it; the others get the new one. The platform is asked once within Rules.Force: a token refused
// again in that time is returned as it is, since the platform has just confirmed it. A call refused with
// that one, too, is not helped by tokens: it is an alarm.
func (t *Tokens) Refresh(ctx context.Context, c Credential, refused string) (string, error) {
	if row := t.cached(c); row.token != refused && row.fresh(t.clk.Wall()) {
		return row.token, nil
	}
	row, err := t.renew(ctx, c, refused)
	// A renewal that was under way for another reason may have ended with the very token that was refused.
	if err == nil && row.token == refused && !row.confirmed(t.clk.Wall(), t.rules.Force) {
		row, err = t.renew(ctx, c, refused)
	}
	return row.token, err
}

func (t *Tokens) cached(c Credential) tokenRow {
	id := t.store.id(c)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.have[id]
}

func (t *Tokens) keep(row tokenRow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.have[row.id] = row
}

// renew joins or starts the one renewal of the secret. The work does not die with the caller that
// happened to start it: others wait for it too.
func (t *Tokens) renew(ctx context.Context, c Credential, refused string) (tokenRow, error) {
	if c.Secret == "" {
		return tokenRow{}, noSecret(c)
	}
	id := t.store.id(c)
	result := t.flight.DoChan(string(id[:]), func() (any, error) {
		work, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*t.rules.Timeout)
		defer cancel()
		row, err := t.obtain(work, c, refused)
		if err != nil {
			// While the old token lives, a failing renewal is a matter for the health page, not for callers.
			if old := t.cached(c); old.token != "" && old.token != refused && old.alive(t.clk.Wall()) {
				slog.Warn("access_token 续期失败，旧的还能用", "account", c.Account, "err", err)
				return old, nil
			}
			return tokenRow{}, err
		}
		t.keep(row)
		return row, nil
	})
	select {
	case <-ctx.Done():
		return tokenRow{}, fmt.Errorf("wait for access token of %s: %w", c.Account, ctx.Err())
	case r := <-result:
		if r.Err != nil {
			return tokenRow{}, r.Err
		}
		return r.Val.(tokenRow), nil
	}
}

func noSecret(c Credential) *Refusal {
	return &Refusal{Wait: time.Minute, Reason: "账号 " + c.Account + " 没有填写 Secret，只能收回调，不能调用接口：请补上"}
}

const (
	// watchEvery is how often a node looks whether the one that fetches is done.
	watchEvery = 50 * time.Millisecond
	// claimSlack is added to the request's time-out: an owner silent for longer is dead.
	claimSlack = 3 * time.Second
)

// obtain finds a usable token in the database or fetches one, under the row's claim.
func (t *Tokens) obtain(ctx context.Context, c Credential, refused string) (tokenRow, error) {
	for {
		row, err := t.store.read(ctx, c)
		if err != nil {
			return tokenRow{}, err
		}
		now := t.clk.Wall()
		usable := row.token != "" && row.token != refused
		switch {
		case usable && row.fresh(now):
			return row, nil
		case row.blocked(now):
			if usable && row.alive(now) {
				return row, nil
			}
			return tokenRow{}, row.refusal(now)
		case row.token == refused && row.confirmed(now, t.rules.Force):
			return row, nil
		case row.claimed(now, t.claimFor()):
			if usable && row.alive(now) {
				return row, nil
			}
			select {
			case <-ctx.Done():
				return tokenRow{}, fault.Wrap(ctx.Err(), fault.Unavailable, "另一个节点正在换取 access_token，等了很久还没换到，请稍后再试")
			case <-time.After(watchEvery):
			}
			continue
		}
		won, err := t.store.claim(ctx, row, t.owner, clock.Ms(now.Add(t.claimFor())))
		if err != nil {
			return tokenRow{}, err
		}
		if !won {
			continue // another node was quicker
		}
		got, err := t.fetch(ctx, c, row, refused)
		if !errors.Is(err, errClaimLost) {
			return got, err
		}
	}
}

func (t *Tokens) claimFor() time.Duration { return 2*t.rules.Timeout + claimSlack }

// fetch asks the platform, under the row's claim, and writes down what came of it.
func (t *Tokens) fetch(ctx context.Context, c Credential, row tokenRow, refused string) (tokenRow, error) {
	err := t.ask(ctx, c, &row, refused)
	if werr := t.settle(ctx, row); werr != nil && err == nil {
		return tokenRow{}, werr
	}
	if err != nil {
		return tokenRow{}, fmt.Errorf("fetch access token of %s: %w", c.Account, err)
	}
	return row, nil
}

// ask fetches a token into the row, or the reason why there is none.
func (t *Tokens) ask(ctx context.Context, c Credential, row *tokenRow, refused string) error {
	ctx, cancel := context.WithTimeout(ctx, t.rules.Timeout)
	defer cancel()
	grant, err := t.source.Fetch(ctx, c, refused)
	now := t.clk.Wall()
	if err != nil {
		why := asRefusal(err)
		if row.failed(now, why); !why.Passing {
			slog.Error("取不到 access_token", "account", c.Account, "code", why.Code, "reason", why.Reason)
		}
		if errors.As(err, new(*Refusal)) {
			return err
		}
		return fmt.Errorf("%w: %w", why, err)
	}
	row.granted(now, grant, t.rules.Skew)
	if refused != "" {
		row.forcedAt = clock.Ms(now)
	}
	return nil
}

// settle writes the row and gives the claim up, also when those who waited have gone.
func (t *Tokens) settle(ctx context.Context, row tokenRow) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.rules.Timeout)
	defer cancel()
	return t.store.settle(ctx, row, t.owner)
}

func asRefusal(err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return &Refusal{Passing: true, Wait: 2 * time.Second, Reason: "没有连上平台，稍后自动重试；如一直如此，请检查网络和 base_url"}
}
