package auth

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
)

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
