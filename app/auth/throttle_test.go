package auth

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
)

func TestMain(m *testing.M) {
	// These tests hash some hundred passwords; how hard each is to guess is not what they test.
	params = &argon2id.Params{Memory: 1 << 10, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	os.Exit(m.Run())
}

func TestThrottle_remembers_the_name_under_attack_when_its_table_is_full(t *testing.T) {
	t.Parallel()
	clk := clock.NewManual(time.Unix(1_800_000_000, 0))
	th := newThrottle(clk, 3, time.Minute)
	for range 3 {
		_, ok := th.take("victim")
		require.True(t, ok)
	}
	for i := range 3 * throttleNames {
		th.take(fmt.Sprint(i))
	}
	require.LessOrEqual(t, len(th.spent), throttleNames+1)
	_, ok := th.take("victim")
	require.False(t, ok)
	clk.Advance(time.Minute)
	_, ok = th.take("victim")
	require.True(t, ok, "one more for each interval")
	_, ok = th.take("victim")
	require.False(t, ok)
}
