package account

import (
	"context"
	"fmt"
	"time"

	"github.com/koi-scrm/koi/app/clock"
)

// Health is how an account's credential stands, as the platform last told this or another node.
type Health struct {
	Purpose   Purpose
	OK        bool   // the platform last said yes, and the clocks agree
	CheckedAt int64  // wall time, Unix ms; 0: never tried
	ExpiresAt int64  // of the present token
	Code      int    // the platform's errcode of the failure
	Problem   string // Chinese: what is wrong and what to do; "" when all is well
	SkewMs    int64  // platform's clock minus ours
}

// maxSkew: beyond it every callback would be refused as stale or from the future sooner or later.
const maxSkew = 5 * time.Minute

// Health tells how the credential stood when it was last used, without asking the platform.
func (t *Tokens) Health(ctx context.Context, c Credential) (Health, error) {
	row, err := t.store.read(ctx, c)
	if err != nil {
		return Health{}, err
	}
	return row.health(c), nil
}

// Check asks the platform now, also while a bad secret is paused: for a token if there is none, and whether
// a call with it works. What the platform says is in Health, not in the error. Within Rules.Force after
// the last answer it tells that one instead.
func (t *Tokens) Check(ctx context.Context, c Credential) (Health, error) {
	row, err := t.store.read(ctx, c)
	if err != nil {
		return Health{}, err
	}
	now := t.clk.Wall()
	if c.Secret == "" {
		return Health{Purpose: c.Purpose, Problem: noSecret(c).Reason}, nil
	}
	if clock.Ms(now)-row.checkedAt < t.rules.Force.Milliseconds() {
		return row.health(c), nil
	}
	won := false
	if !row.claimed(now, t.claimFor()) {
		if won, err = t.store.claim(ctx, row, t.owner, clock.Ms(now.Add(t.claimFor()))); err != nil {
			return Health{}, err
		}
	}
	if !won { // somebody else is asking: what they are told is the answer
		_, _ = t.Token(ctx, c) // a refusal stands in Health
	} else {
		t.examine(ctx, c, &row)
		if err := t.settle(ctx, row); err != nil {
			return Health{}, err
		}
		t.keep(row)
	}
	return t.Health(ctx, c)
}

// examine fills the row with what the platform says now.
func (t *Tokens) examine(ctx context.Context, c Credential, row *tokenRow) {
	if !row.alive(t.clk.Wall()) && t.ask(ctx, c, row, "") != nil {
		return
	}
	why := t.probe(ctx, c, row)
	if why != nil && why.Stale && t.ask(ctx, c, row, row.token) == nil {
		why = t.probe(ctx, c, row)
	}
	if why != nil {
		why.Wait = 0 // it is the call that fails, not the fetching of tokens
		row.failed(t.clk.Wall(), why)
	}
}

func (t *Tokens) probe(ctx context.Context, c Credential, row *tokenRow) *Refusal {
	ctx, cancel := context.WithTimeout(ctx, t.rules.Timeout)
	defer cancel()
	skew, err := t.source.Probe(ctx, c, row.token)
	if err != nil {
		return asRefusal(err)
	}
	row.well(t.clk.Wall(), skew)
	return nil
}

func (r tokenRow) health(c Credential) Health {
	h := Health{Purpose: c.Purpose, OK: r.checkedAt != 0 && r.reason == "", CheckedAt: r.checkedAt,
		ExpiresAt: r.expiresAt, Code: r.code, Problem: r.reason, SkewMs: r.skewMs}
	if skew := time.Duration(r.skewMs) * time.Millisecond; h.Problem == "" && skew.Abs() > maxSkew {
		h.OK = false
		h.Problem = fmt.Sprintf("本机时钟与平台相差 %d 秒，回调会因时间戳过期被拒绝：请校准服务器时间（启用 NTP）", int64(skew.Abs().Seconds()))
	}
	return h
}
