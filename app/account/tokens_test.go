package account

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/fault"
)

// platform stands for WeChat: it counts what it is asked, and answers when told to.
type platform struct {
	mu      sync.Mutex
	asked   []string // the refused tokens handed in
	probed  []string
	answer  func(n int, c Credential, refused string) (Grant, error)
	probe   func(token string) error
	entered chan struct{} // one value for each call
	gate    chan struct{} // when set, calls wait for it
}

func newPlatform() *platform {
	return &platform{entered: make(chan struct{}, 1000), answer: func(n int, _ Credential, _ string) (Grant, error) {
		return Grant{Token: "token-" + strconv.Itoa(n), Life: 2 * time.Hour, Skew: 3 * time.Second}, nil
	}}
}

func (p *platform) Fetch(ctx context.Context, c Credential, refused string) (Grant, error) {
	p.mu.Lock()
	p.asked = append(p.asked, refused)
	n, answer, gate := len(p.asked), p.answer, p.gate
	p.mu.Unlock()
	p.entered <- struct{}{}
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return Grant{}, ctx.Err()
		}
	}
	return answer(n, c, refused)
}

func (p *platform) Probe(_ context.Context, _ Credential, token string) (time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.probed = append(p.probed, token)
	if p.probe != nil {
		return 0, p.probe(token)
	}
	return 7 * time.Minute, nil
}

func (p *platform) refuse(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = func(int, Credential, string) (Grant, error) { return Grant{}, err }
}

func (p *platform) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked)
}

var testCredential = Official{AppID: "wx1234567890abcdef", AppSecret: testSecret}.Credential()

func newTokens(t *testing.T, s *db.Stores, clk clock.Clock, p *platform) *Tokens {
	t.Helper()
	return NewTokens(s, testKeys(t, 1), clk, p, TokenRules{})
}

func manualClock() *clock.Manual { return clock.NewManual(time.UnixMilli(1_795_300_000_000)) }

// together runs f in n goroutines that start at once.
func together(n int, f func()) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range n {
		wg.Go(func() { <-start; f() })
	}
	close(start)
	wg.Wait()
}

func TestTokens_fifty_callers_fetch_one_token(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		p := newPlatform()
		tokens := newTokens(t, s, manualClock(), p)
		together(50, func() {
			got, err := tokens.Token(t.Context(), testCredential)
			if err != nil || got != "token-1" {
				t.Errorf("got %q, %v", got, err)
			}
		})
		require.Equal(t, 1, p.count())
	})
}

func TestTokens_two_processes_on_one_database_fetch_one_token(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		p, clk := newPlatform(), manualClock()
		p.gate = make(chan struct{})
		nodes := []*Tokens{newTokens(t, s, clk, p), newTokens(t, s, clk, p)}
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				got, err := nodes[i%2].Token(t.Context(), testCredential)
				if err != nil || got != "token-1" {
					t.Errorf("got %q, %v", got, err)
				}
			})
		}
		<-p.entered
		close(p.gate) // one process is fetching; the other can only wait for it
		wg.Wait()
		require.Equal(t, 1, p.count())

		third := newTokens(t, s, clk, p)
		got, err := third.Token(t.Context(), testCredential)
		require.NoError(t, err)
		require.Equal(t, "token-1", got, "a process that starts later uses the stored token")
		require.Equal(t, 1, p.count())
	})
}

func TestTokens_are_renewed_before_they_run_out(t *testing.T) {
	t.Parallel()
	s, p, clk := dbtest.SQLite(t), newPlatform(), manualClock()
	tokens := newTokens(t, s, clk, p)
	_, err := tokens.Token(t.Context(), testCredential)
	require.NoError(t, err)

	clk.Advance(2*time.Hour - 6*time.Minute - time.Millisecond)
	got, err := tokens.Token(t.Context(), testCredential)
	require.NoError(t, err)
	require.Equal(t, "token-1", got)

	clk.Advance(time.Millisecond)
	got, err = tokens.Token(t.Context(), testCredential)
	require.NoError(t, err)
	require.Equal(t, "token-2", got)

	// The platform is away when the next renewal is due: the old token serves while it lives.
	p.refuse(errors.New("connection refused"))
	clk.Advance(2*time.Hour - 3*time.Minute)
	got, err = tokens.Token(t.Context(), testCredential)
	require.NoError(t, err)
	require.Equal(t, "token-2", got)
	clk.Advance(3 * time.Minute)
	_, err = tokens.Token(t.Context(), testCredential)
	require.True(t, fault.Is(err, fault.Unavailable), err)
	h, err := tokens.Health(t.Context(), testCredential)
	require.NoError(t, err)
	require.False(t, h.OK)
	require.Contains(t, h.Problem, "没有连上平台")
}

func TestTokens_a_token_near_its_end_is_used_for_half_of_what_is_left(t *testing.T) {
	t.Parallel()
	s, p, clk := dbtest.SQLite(t), newPlatform(), manualClock()
	p.answer = func(n int, _ Credential, _ string) (Grant, error) {
		return Grant{Token: "token-" + strconv.Itoa(n), Life: 4 * time.Minute}, nil
	}
	tokens := newTokens(t, s, clk, p)
	for range 3 {
		_, err := tokens.Token(t.Context(), testCredential)
		require.NoError(t, err)
	}
	require.Equal(t, 1, p.count())
	clk.Advance(2 * time.Minute)
	_, err := tokens.Token(t.Context(), testCredential)
	require.NoError(t, err)
	require.Equal(t, 2, p.count())
}

func TestTokens_a_refused_token_is_renewed_once_for_all(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		p, clk := newPlatform(), manualClock()
		here, there := newTokens(t, s, clk, p), newTokens(t, s, clk, p)
		for _, n := range []*Tokens{here, there} {
			got, err := n.Token(t.Context(), testCredential)
			require.NoError(t, err)
			require.Equal(t, "token-1", got)
		}
		together(50, func() {
			got, err := here.Refresh(t.Context(), testCredential, "token-1")
			if err != nil || got != "token-2" {
				t.Errorf("got %q, %v", got, err)
			}
		})
		got, err := there.Refresh(t.Context(), testCredential, "token-1")
		require.NoError(t, err)
		require.Equal(t, "token-2", got, "the other process takes the renewed one")
		require.Equal(t, []string{"", "token-1"}, p.asked)

		// Refused again at once: the platform has just given it, and is not asked in a loop.
		for range 3 {
			got, err = here.Refresh(t.Context(), testCredential, "token-2")
			require.NoError(t, err)
			require.Equal(t, "token-2", got)
		}
		require.Equal(t, 2, p.count())
		clk.Advance(30 * time.Second)
		got, err = here.Refresh(t.Context(), testCredential, "token-2")
		require.NoError(t, err)
		require.Equal(t, "token-3", got)
	})
}

func TestTokens_a_platform_that_confirms_the_refused_token_is_asked_once(t *testing.T) {
	t.Parallel()
	p := newPlatform()
	p.answer = func(int, Credential, string) (Grant, error) { return Grant{Token: "same", Life: time.Hour}, nil }
	tokens := newTokens(t, dbtest.SQLite(t), manualClock(), p)
	_, err := tokens.Token(t.Context(), testCredential)
	require.NoError(t, err)
	together(20, func() {
		got, err := tokens.Refresh(t.Context(), testCredential, "same")
		if err != nil || got != "same" {
			t.Errorf("got %q, %v", got, err)
		}
	})
	require.Equal(t, 2, p.count())
}

func TestTokens_a_bad_secret_is_asked_for_once_until_it_is_corrected(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		p, clk := newPlatform(), manualClock()
		p.refuse(&Refusal{Code: 40001, Wait: 10 * time.Minute, Reason: "Secret 不正确：请重新填写"})
		here, there := newTokens(t, s, clk, p), newTokens(t, s, clk, p)
		for _, n := range []*Tokens{here, here, there} {
			_, err := n.Token(t.Context(), testCredential)
			var no *Refusal
			require.ErrorAs(t, err, &no)
			require.Equal(t, 40001, no.Code)
			require.False(t, no.Passing)
			require.True(t, fault.Is(err, fault.Denied))
			require.NotContains(t, err.Error(), testSecret)
		}
		require.Equal(t, 1, p.count(), "neither this nor the other process asks again")

		p.mu.Lock()
		p.answer = newPlatform().answer
		p.mu.Unlock()
		corrected := Official{AppID: testCredential.App, AppSecret: "another-secret"}.Credential()
		got, err := here.Token(t.Context(), corrected)
		require.NoError(t, err, "a new secret is tried at once")
		require.Equal(t, "token-2", got)
		var rows int
		require.NoError(t, s.Koi.QueryRow(t.Context(), "SELECT COUNT(*) FROM tokens").Scan(&rows))
		require.Equal(t, 1, rows, "what belonged to the old secret is gone")

		clk.Advance(10 * time.Minute)
		_, err = there.Token(t.Context(), testCredential)
		require.NoError(t, err, "after the pause it is tried again")
	})
}

func TestTokens_without_a_secret_say_so_and_ask_nobody(t *testing.T) {
	t.Parallel()
	p := newPlatform()
	tokens := newTokens(t, dbtest.SQLite(t), manualClock(), p)
	_, err := tokens.Token(t.Context(), Official{AppID: "wx1"}.Credential())
	require.True(t, fault.Is(err, fault.Denied))
	require.Contains(t, err.Error(), "没有填写 Secret")
	h, err := tokens.Check(t.Context(), Official{AppID: "wx1"}.Credential())
	require.NoError(t, err)
	require.False(t, h.OK)
	require.Zero(t, p.count())
}

func TestTokens_of_two_secrets_of_one_corp_are_two(t *testing.T) {
	t.Parallel()
	p := newPlatform()
	tokens := newTokens(t, dbtest.SQLite(t), manualClock(), p)
	w := WeCom{CorpID: "ww1", AgentID: 7, AgentSecret: "agent-secret", ContactSecret: "contact-secret"}
	a, err := tokens.Token(t.Context(), w.Credential())
	require.NoError(t, err)
	b, err := tokens.Token(t.Context(), w.ContactCredential())
	require.NoError(t, err)
	require.NotEqual(t, a, b)
	for range 2 {
		again, err := tokens.Token(t.Context(), w.Credential())
		require.NoError(t, err)
		require.Equal(t, a, again)
	}
	require.Equal(t, 2, p.count())
}

func TestTokens_a_caller_that_gives_up_does_not_end_the_fetch_for_others(t *testing.T) {
	t.Parallel()
	p := newPlatform()
	p.gate = make(chan struct{})
	tokens := newTokens(t, dbtest.SQLite(t), manualClock(), p)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { _, err := tokens.Token(ctx, testCredential); gone <- err }()
	<-p.entered
	cancel()
	require.ErrorIs(t, <-gone, context.Canceled)
	close(p.gate)
	got, err := tokens.Token(t.Context(), testCredential)
	require.NoError(t, err)
	require.Equal(t, "token-1", got)
	require.Equal(t, 1, p.count())
}

func TestTokens_the_claim_of_a_dead_process_is_taken_over(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		p, clk := newPlatform(), manualClock()
		dead, alive := newTokens(t, s, clk, p), newTokens(t, s, clk, p)
		row, err := dead.store.read(t.Context(), testCredential)
		require.NoError(t, err)
		won, err := dead.store.claim(t.Context(), row, dead.owner, clock.Ms(clk.Wall().Add(dead.claimFor())))
		require.NoError(t, err)
		require.True(t, won)
		lost, err := alive.store.claim(t.Context(), row, alive.owner, 0)
		require.NoError(t, err)
		require.False(t, lost, "a claim is won once")

		clk.Advance(dead.claimFor())
		got, err := alive.Token(t.Context(), testCredential)
		require.NoError(t, err)
		require.Equal(t, "token-1", got)
		row.token = "late"
		require.ErrorIs(t, dead.store.settle(t.Context(), row, dead.owner), errClaimLost, "the dead process wakes too late")
	})
}

func TestTokens_a_claim_from_a_clock_far_ahead_holds_nobody_up(t *testing.T) {
	t.Parallel()
	s, p, clk := dbtest.SQLite(t), newPlatform(), manualClock()
	dead, alive := newTokens(t, s, clk, p), newTokens(t, s, clk, p)
	row, err := dead.store.read(t.Context(), testCredential)
	require.NoError(t, err)
	won, err := dead.store.claim(t.Context(), row, dead.owner, clock.Ms(clk.Wall().Add(time.Hour)))
	require.NoError(t, err)
	require.True(t, won)
	_, err = alive.Token(t.Context(), testCredential)
	require.NoError(t, err)
}

func TestTokens_lie_sealed_in_the_database(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		p, clk := newPlatform(), manualClock()
		p.answer = func(int, Credential, string) (Grant, error) {
			return Grant{Token: "plain-text-token", Life: time.Hour}, nil
		}
		_, err := newTokens(t, s, clk, p).Token(t.Context(), testCredential)
		require.NoError(t, err)
		var id, sealed []byte
		require.NoError(t, s.Koi.QueryRow(t.Context(), "SELECT id, sealed FROM tokens").Scan(&id, &sealed))
		require.NotContains(t, string(id)+string(sealed), "plain-text-token")
		require.NotContains(t, string(id), testSecret)

		// A row that another key sealed, or one copied to another row, is no token.
		require.NoError(t, s.Koi.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE tokens SET sealed=?", []byte(strings.Repeat("x", 40)))
			return err
		}))
		got, err := newTokens(t, s, clk, p).Token(t.Context(), testCredential)
		require.NoError(t, err)
		require.Equal(t, "plain-text-token", got)
		require.Equal(t, 2, p.count())
	})
}

func TestTokens_Check_asks_now_and_tells_what_is_wrong(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		p, clk := newPlatform(), manualClock()
		tokens := newTokens(t, s, clk, p)
		h, err := tokens.Health(t.Context(), testCredential)
		require.NoError(t, err)
		require.Equal(t, Health{Purpose: ForApp}, h, "never tried")

		h, err = tokens.Check(t.Context(), testCredential)
		require.NoError(t, err)
		require.False(t, h.OK)
		require.Contains(t, h.Problem, "420 秒", "the clock is seven minutes off")
		require.Equal(t, []string{"token-1"}, p.probed)

		// Within half a minute the last answer is told.
		_, err = tokens.Check(t.Context(), testCredential)
		require.NoError(t, err)
		require.Len(t, p.probed, 1)

		p.probe = func(string) error {
			return &Refusal{Code: 60020, Wait: time.Minute, Reason: "IP 不可信：请加入白名单"}
		}
		clk.Advance(31 * time.Second)
		h, err = tokens.Check(t.Context(), testCredential)
		require.NoError(t, err)
		require.Equal(t, 60020, h.Code)
		require.Contains(t, h.Problem, "白名单")
		_, err = tokens.Token(t.Context(), testCredential)
		require.NoError(t, err, "the token itself is fine and keeps serving")

		// The token was revoked: the check renews it.
		p.probe = func(token string) error {
			if token == "token-1" {
				return &Refusal{Code: 40014, Stale: true, Reason: "access_token 无效"}
			}
			return nil
		}
		clk.Advance(31 * time.Second)
		h, err = tokens.Check(t.Context(), testCredential)
		require.NoError(t, err)
		require.True(t, h.OK, h.Problem)
		got, err := tokens.Token(t.Context(), testCredential)
		require.NoError(t, err)
		require.Equal(t, "token-2", got)

		// A paused secret is asked for by a check, since that is what the operator just corrected on the platform.
		p.refuse(&Refusal{Code: 40013, Wait: 10 * time.Minute, Reason: "AppID 无效"})
		clk.Advance(3 * time.Hour)
		_, err = tokens.Token(t.Context(), testCredential)
		require.Error(t, err)
		n := p.count()
		clk.Advance(31 * time.Second)
		h, err = tokens.Check(t.Context(), testCredential)
		require.NoError(t, err)
		require.Equal(t, 40013, h.Code)
		require.Equal(t, n+1, p.count())
	})
}

func TestTokens_a_database_that_is_away_is_a_fault_and_the_token_at_hand_serves_on(t *testing.T) {
	t.Parallel()
	s, p, clk := dbtest.SQLite(t), newPlatform(), manualClock()
	tokens := newTokens(t, s, clk, p)
	_, err := tokens.Token(t.Context(), testCredential)
	require.NoError(t, err)
	require.NoError(t, s.Koi.Tx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "ALTER TABLE tokens RENAME TO gone")
		return err
	}))
	clk.Advance(2*time.Hour - time.Minute)
	got, err := tokens.Token(t.Context(), testCredential)
	require.NoError(t, err, "stale, but alive")
	require.Equal(t, "token-1", got)
	clk.Advance(time.Minute)
	_, err = tokens.Token(t.Context(), testCredential)
	require.Error(t, err)
}
