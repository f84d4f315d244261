package clock_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
)

func TestCourse_passes_at_its_rate(t *testing.T) {
	t.Parallel()
	at := func(rate int64) int64 {
		return clock.Ms(clock.Course{Wall: 1_000_000, Now: 5_000_000, Rate: rate}.At(time.UnixMilli(1_002_000)))
	}
	require.EqualValues(t, 5_000_000, at(0), "it stands still")
	require.EqualValues(t, 5_002_000, at(1))
	require.EqualValues(t, 5_020_000, at(10))
}

func TestMovable_moves_business_time_only(t *testing.T) {
	t.Parallel()
	m := clock.NewMovable()
	require.WithinDuration(t, time.Now(), m.Now(), time.Minute)
	m.Change(24*time.Hour, 0)
	stopped := m.Now()
	require.WithinDuration(t, time.Now().Add(24*time.Hour), stopped, time.Minute)
	require.WithinDuration(t, time.Now(), m.Wall(), time.Minute)
	require.Equal(t, stopped, m.Now(), "it stands")
	m.Change(-time.Hour, -1)
	require.Equal(t, stopped, m.Now(), "time never runs back, and goes on standing")
}

func TestMovable_follows_another_and_never_runs_back(t *testing.T) {
	t.Parallel()
	a, b := clock.NewMovable(), clock.NewMovable()
	b.Follow(a.Change(time.Hour, 0))
	require.Equal(t, a.Now(), b.Now(), "two processes tell the same time")
	late := b.Now()
	b.Follow(clock.Course{Wall: clock.Ms(time.Now()), Now: clock.Ms(late) - 60_000, Rate: 0})
	require.Equal(t, late, b.Now())
}
