package apptest

import (
	"bytes"
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/channels/wechat"
)

// tokenNodes are the token keepers of two processes: each with its own handles on one MariaDB and its own
// way to the platform. Only the database lies between them.
func tokenNodes(t *testing.T, sim *simulator.Simulator, clk clock.Clock) []*account.Tokens {
	store := dbtest.MySQLConfig(t)
	var nodes []*account.Tokens
	for range 2 {
		s, err := db.Open(t.Context(), store)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		keys, err := secret.New(bytes.Repeat([]byte{7}, 32))
		require.NoError(t, err)
		out, err := wechat.NewTransport(wechat.Options{WeChatBase: sim.URL(), WeComBase: sim.URL()})
		require.NoError(t, err)
		t.Cleanup(out.Close)
		nodes = append(nodes, account.NewTokens(s, keys, clk, wechat.NewTokenSource(out), account.DefaultTokenRules))
	}
	return nodes
}

// ask lets fifty callers on each node ask at once and returns the one token they all got.
func ask(t *testing.T, nodes []*account.Tokens, how func(context.Context, *account.Tokens) (string, error)) string {
	t.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex
	got, start := map[string]int{}, make(chan struct{})
	for _, node := range nodes {
		for range 50 {
			wg.Go(func() {
				<-start
				token, err := how(t.Context(), node)
				if err != nil {
					t.Errorf("no token: %v", err)
				}
				mu.Lock()
				got[token]++
				mu.Unlock()
			})
		}
	}
	close(start)
	wg.Wait()
	require.Len(t, got, 1, "everybody has the same token")
	for token := range got {
		return token
	}
	return ""
}

func TestTokens_two_processes_on_one_MariaDB_fetch_one_token_and_renew_a_refused_one_once(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		credential account.Credential
		path       string
		refused    func(*simulator.Simulator) // makes the platform refuse what it gave
		renewal    int64                      // calls of one renewal
	}{
		// What is refused though the platform still gives it out (40001) takes a call to see that and a
		// forced one; what ran out on the platform's side (42001) is simply asked for again.
		{"official account, 40001", account.Official{AppID: AppID, AppSecret: appSecret}.Credential(), stableToken, func(*simulator.Simulator) {}, 2},
		{"official account, 42001", account.Official{AppID: AppID, AppSecret: appSecret}.Credential(), stableToken,
			func(s *simulator.Simulator) { s.ExpireTokens(AppID) }, 1},
		{"WeCom, 42001", account.WeCom{CorpID: CorpID, AgentID: AgentID, AgentSecret: appSecret}.Credential(), corpToken,
			func(s *simulator.Simulator) { s.ExpireTokens(Agent) }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			clk := clock.Real{}
			sim := Simulate(t, nil, clk)
			nodes := tokenNodes(t, sim, clk)
			first := ask(t, nodes, func(ctx context.Context, n *account.Tokens) (string, error) { return n.Token(ctx, c.credential) })
			require.EqualValues(t, 1, sim.CallCount(c.path))

			c.refused(sim)
			second := ask(t, nodes, func(ctx context.Context, n *account.Tokens) (string, error) {
				return n.Refresh(ctx, c.credential, first)
			})
			require.NotEqual(t, first, second)
			require.EqualValues(t, 1+c.renewal, sim.CallCount(c.path))

			third := ask(t, nodes, func(ctx context.Context, n *account.Tokens) (string, error) { return n.Token(ctx, c.credential) })
			require.Equal(t, second, third)
			require.EqualValues(t, 1+c.renewal, sim.CallCount(c.path))
		})
	}
}
