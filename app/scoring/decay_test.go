package scoring

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestScale(t *testing.T) {
	t.Parallel()
	const day = 20_000
	s := ScaleAt(30, day)

	t.Run("halves in one half-life and not within a day", func(t *testing.T) {
		t.Parallel()
		stored := s.Earned(40*Micro, day)
		require.Equal(t, int64(40*Micro), s.Worth(stored, day))
		require.Equal(t, int64(20*Micro), s.Worth(stored, day+30))
		require.Equal(t, int64(10*Micro), s.Worth(stored, day+60))
		require.InDelta(t, 40*Micro*0.97716, float64(s.Worth(stored, day+1)), 1000)
	})
	t.Run("points of one day reach a threshold that their sum reaches", func(t *testing.T) {
		t.Parallel()
		for d := int32(day); d < day+600; d++ {
			s := ScaleAt(30, d)
			sum := s.Earned(40*Micro, d) + s.Earned(50*Micro, d) + s.Earned(-20*Micro, d)
			require.GreaterOrEqual(t, sum, s.AtLeast(70*Micro, d), "day %d", d)
			require.Equal(t, int64(70), s.Worth(sum, d)/Micro, "day %d", d)
		}
	})
	t.Run("late points count as of their day", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, int64(20*Micro), s.Worth(s.Earned(40*Micro, day-30), day))
		require.Equal(t, int64(0), s.Worth(s.Earned(40*Micro, day-3000), day))
	})
	t.Run("without a half-life points stay", func(t *testing.T) {
		t.Parallel()
		s := ScaleAt(0, day)
		require.Equal(t, Scale{}, s)
		require.Equal(t, int64(25*Micro), s.Worth(s.Earned(25*Micro, day), day+9999))
	})
	t.Run("never goes below zero nor above ten thousand", func(t *testing.T) {
		t.Parallel()
		sum, added := s.Add(s.Earned(5*Micro, day), s.Earned(-20*Micro, day), day)
		require.Zero(t, sum)
		require.Equal(t, int64(-5*Micro), s.Worth(added, day))
		sum, _ = s.Add(s.Earned(maxMicro, day), s.Earned(maxMicro, day), day)
		require.Equal(t, int64(maxMicro), s.Worth(sum, day))
	})
	t.Run("a changed half-life keeps the score of the day", func(t *testing.T) {
		t.Parallel()
		to := ScaleAt(7, day)
		stored := s.Rebase(s.Earned(50*Micro, day-3), to, day)
		require.InDelta(t, s.Worth(s.Earned(50*Micro, day-3), day), to.Worth(stored, day), 1)
		require.InDelta(t, to.Worth(stored, day)/2, to.Worth(stored, day+7), 2)
	})
}

func TestScale_Properties(t *testing.T) {
	t.Parallel()
	halfLife := rapid.Int32Range(1, 400)
	anyDay := rapid.Int32Range(15_000, 40_000)

	t.Run("worth is the inverse of at least", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			h, now := halfLife.Draw(t, "half-life"), anyDay.Draw(t, "now")
			s := ScaleAt(h, now)
			day := now + rapid.Int32Range(-h*20, h*40).Draw(t, "later")
			stored := rapid.Int64Range(0, s.AtLeast(maxMicro, now)).Draw(t, "stored")
			w := s.Worth(stored, day)
			require.LessOrEqual(t, s.AtLeast(w, day), stored)
			if w < maxMicro {
				require.Greater(t, s.AtLeast(w+1, day), stored)
			}
		})
	})
	t.Run("stored values compare as the scores do on any day", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			h, now := halfLife.Draw(t, "half-life"), anyDay.Draw(t, "now")
			s := ScaleAt(h, now)
			top := s.AtLeast(maxMicro, now)
			a, b := rapid.Int64Range(0, top).Draw(t, "a"), rapid.Int64Range(0, top).Draw(t, "b")
			day := now + rapid.Int32Range(0, h*10).Draw(t, "days")
			if a <= b {
				require.LessOrEqual(t, s.Worth(a, day), s.Worth(b, day))
			} else {
				require.GreaterOrEqual(t, s.Worth(a, day), s.Worth(b, day))
			}
		})
	})
	t.Run("order and grouping of points make no difference", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			s := ScaleAt(halfLife.Draw(t, "half-life"), 20_000)
			type gain struct {
				micro int64
				day   int32
			}
			gains := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) gain {
				return gain{rapid.Int64Range(1, 100*Micro).Draw(t, "points"), 20_000 - rapid.Int32Range(0, 60).Draw(t, "ago")}
			}), 1, 30).Draw(t, "gains")
			var one, two, left int64
			cut := rapid.IntRange(0, len(gains)).Draw(t, "cut")
			for i, g := range gains {
				one, _ = s.Add(one, s.Earned(g.micro, g.day), 20_000)
				if i < cut {
					left += s.Earned(g.micro, g.day)
				} else {
					two += s.Earned(g.micro, g.day)
				}
			}
			require.Equal(t, one, left+two, "a merge is the sum")
		})
	})
	t.Run("rebasing keeps what a score is worth", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			h, now := halfLife.Draw(t, "half-life"), anyDay.Draw(t, "now")
			from := ScaleAt(h, now)
			day := now + rapid.Int32Range(0, h*epochHalves*3).Draw(t, "later")
			to := ScaleAt(h, day)
			stored := rapid.Int64Range(0, from.AtLeast(maxMicro, now)).Draw(t, "stored")
			before, after := from.Worth(stored, day), to.Worth(from.Rebase(stored, to, day), day)
			require.GreaterOrEqual(t, after, before, "never below a threshold it had reached")
			require.LessOrEqual(t, after-before, int64(1))
		})
	})
	t.Run("nothing overflows within a base's time", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			h, day := rapid.Int32Range(1, MaxHalfLife).Draw(t, "half-life"), anyDay.Draw(t, "day")
			s := ScaleAt(h, day)
			require.LessOrEqual(t, s.Base, day)
			require.Less(t, day-s.Base, h*epochHalves)
			require.Less(t, s.AtLeast(maxMicro, day), int64(1)<<50)
		})
	})
}
