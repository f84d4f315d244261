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
	OK        bool   // the last attempt to get a token worked
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

// Check asks the platform now, also while a bad secret is paused. What the platform says is in Health, not
// in the error. Within Rules.Force after the last answer it tells that one instead.
func (t *Tokens) Check(ctx context.Context, c Credential) (Health, error) {
	row, err := t.store.read(ctx, c)
	if err != nil {
		return Health{}, err
	}
	now := t.clk.Wall()
	last := max(row.fetchedAt, row.failedAt)
	if row.claimed(now, t.claimFor()) || clock.Ms(now)-last < t.rules.Force.Milliseconds() {
		return row.health(c), nil
	}
	won, err := t.store.claim(ctx, row, t.owner, clock.Ms(now.Add(t.claimFor())))
	if err != nil {
		return Health{}, err
	}
	if won {
		// Its error is what the row now says.
		if got, err := t.fetch(ctx, c, row, ""); err == nil {
			t.keep(got)
		}
	}
	return t.Health(ctx, c)
}

func (r tokenRow) health(c Credential) Health {
	h := Health{Purpose: c.Purpose, OK: r.failedAt == 0 && r.fetchedAt != 0, CheckedAt: max(r.fetchedAt, r.failedAt),
		ExpiresAt: r.expiresAt, Code: r.code, Problem: r.reason, SkewMs: r.skewMs}
	if skew := time.Duration(r.skewMs) * time.Millisecond; h.Problem == "" && (skew > maxSkew || skew < -maxSkew) {
		h.Problem = fmt.Sprintf("本机时钟与平台相差 %d 秒，回调会因时间戳过期被拒绝：请校准服务器时间（启用 NTP）", int64(skew.Abs().Seconds()))
	}
	return h
}
