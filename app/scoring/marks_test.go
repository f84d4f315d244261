package scoring

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func capped(points int64, caps ...Cap) *Rule {
	for i := range caps {
		caps[i].Days = max(caps[i].Days, 1)
	}
	return &Rule{Key: "r", hash: hashKey("r"), Points: points * Micro, Caps: caps}
}

func TestMarks_allow(t *testing.T) {
	t.Parallel()
	const day = 20_000

	t.Run("a day's cap lets through the rest, then nothing, and begins anew", func(t *testing.T) {
		t.Parallel()
		var m marks
		r := capped(2, Cap{Points: 3})
		require.Equal(t, int64(2*Micro), m.allow(r, 0, day))
		require.Equal(t, int64(1*Micro), m.allow(r, 0, day))
		require.Zero(t, m.allow(r, 0, day))
		require.Equal(t, int64(2*Micro), m.allow(r, 0, day+1))
	})
	t.Run("a late event counts in the day it happened", func(t *testing.T) {
		t.Parallel()
		var m marks
		r := capped(3, Cap{Points: 3})
		require.Equal(t, int64(3*Micro), m.allow(r, 0, day))
		require.Equal(t, int64(3*Micro), m.allow(r, 0, day-1))
		require.Zero(t, m.allow(r, 0, day-1))
	})
	t.Run("what is older than all it remembers gives nothing", func(t *testing.T) {
		t.Parallel()
		var m marks
		r := capped(1, Cap{Points: 1})
		for d := int32(day); d < day+blocksKept; d++ {
			require.NotZero(t, m.allow(r, 0, d))
		}
		require.Zero(t, m.allow(r, 0, day-1))
		require.NotZero(t, m.allow(r, 0, day+blocksKept))
		require.Len(t, m.spent, blocksKept)
	})
	t.Run("an object's cap counts each object by itself, together with the day's", func(t *testing.T) {
		t.Parallel()
		var m marks
		r := capped(1, Cap{Points: 1, Per: perObject}, Cap{Points: 2})
		require.NotZero(t, m.allow(r, hashObject("page", "a"), day))
		require.Zero(t, m.allow(r, hashObject("page", "a"), day))
		require.NotZero(t, m.allow(r, hashObject("page", "b"), day))
		require.Zero(t, m.allow(r, hashObject("page", "c"), day))
	})
	t.Run("points taken are capped too", func(t *testing.T) {
		t.Parallel()
		var m marks
		r := capped(-20, Cap{Points: 30})
		require.Equal(t, int64(-20*Micro), m.allow(r, 0, day))
		require.Equal(t, int64(-10*Micro), m.allow(r, 0, day))
		require.Zero(t, m.allow(r, 0, day))
	})
	t.Run("a block of seven days is a week from Monday", func(t *testing.T) {
		t.Parallel()
		// 1970-01-05 was a Monday: day 4.
		week := Cap{Days: 7}
		require.Equal(t, week.block(4), week.block(10))
		require.NotEqual(t, week.block(3), week.block(4))
		require.Equal(t, week.block(-3), week.block(3))
		require.Equal(t, week.block(-4)+1, week.block(-3))
	})
	t.Run("memory stays small whatever a person does", func(t *testing.T) {
		t.Parallel()
		var m marks
		for i := range 40 {
			r := capped(1, Cap{Points: 5, Per: perObject}, Cap{Points: 100}, Cap{Points: 100, Days: 7})
			r.hash += uint32(i)
			for o := range uint32(100) {
				m.allow(r, o, day+int32(o)/10)
			}
		}
		require.LessOrEqual(t, len(m.spent), spentKept)
		require.Less(t, len(m.pack()), 6000)
	})
}

func TestMarks_gain(t *testing.T) {
	t.Parallel()
	s := &Score{Surges: []Surge{{Points: 30, Hours: 24}, {Points: 50, Hours: 48}}}
	const hour = int64(3_600_000)
	at := 500_000 * hour
	var m marks
	m.gain(s, at, 20*Micro)
	m.gain(s, at+hour, 15*Micro)
	require.Equal(t, int64(35*Micro), m.within(24, at+hour))
	require.Equal(t, int64(15*Micro), m.within(24, at+24*hour+hour/2))
	require.Equal(t, int64(35*Micro), m.within(48, at+24*hour+hour/2))
	m.gain(s, at+60*hour, Micro)
	require.Equal(t, int64(Micro), m.within(48, at+60*hour), "forgets what no window reaches")
	require.Len(t, m.gains, 1)
	for i := range int64(1000) {
		m.gain(s, at+60*hour+i*hour/10, Micro)
	}
	require.LessOrEqual(t, len(m.gains), gainSteps+1)
}

func drawMarks(t *rapid.T) *marks {
	var m marks
	s := &Score{Surges: []Surge{{Hours: 24}}}
	for range rapid.IntRange(0, 40).Draw(t, "n") {
		r := capped(rapid.Int64Range(-20, 20).Draw(t, "points"), Cap{Points: 7}, Cap{Points: 9.5, Days: 7}, Cap{Points: 5, Days: 30, Per: perObject})
		r.hash = rapid.Uint32Range(0, 3).Draw(t, "rule")
		if r.Points == 0 {
			continue
		}
		got := m.allow(r, rapid.Uint32Range(0, 4).Draw(t, "object"), rapid.Int32Range(19_990, 20_010).Draw(t, "day"))
		m.gain(s, rapid.Int64Range(1_700_000_000_000, 1_700_100_000_000).Draw(t, "at"), got)
	}
	for range rapid.IntRange(0, 3).Draw(t, "holds") {
		m.holds = append(m.holds, rapid.Uint32().Draw(t, "hash"))
	}
	return &m
}

func TestMarks_pack(t *testing.T) {
	t.Parallel()

	t.Run("gives back what was packed", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			m := drawMarks(t)
			var got marks
			require.NoError(t, got.unpack(m.pack()))
			require.Equal(t, len(m.spent), len(got.spent))
			for i := range m.spent {
				require.Equal(t, m.spent[i], got.spent[i])
			}
			require.Equal(t, len(m.gains), len(got.gains))
			for i := range m.gains {
				require.Equal(t, m.gains[i], got.gains[i])
			}
			require.ElementsMatch(t, m.holds, got.holds)
		})
	})
	t.Run("nothing to remember is no bytes", func(t *testing.T) {
		t.Parallel()
		require.Empty(t, (&marks{}).pack())
		require.NoError(t, new(marks).unpack(nil))
	})
	t.Run("damage is told and never panics", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			b := drawMarks(t).pack()
			if len(b) == 0 {
				return
			}
			cut := rapid.IntRange(1, len(b)).Draw(t, "cut")
			_ = new(marks).unpack(append(b[:cut:cut], rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "rest")...))
		})
		require.ErrorIs(t, new(marks).unpack([]byte{9}), errMarks)
		require.ErrorIs(t, new(marks).unpack([]byte{marksVersion, 200}), errMarks)
	})
	t.Run("the order of events within what is remembered makes no difference", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			days := rapid.SliceOfN(rapid.Int32Range(20_000, 20_000+blocksKept-1), 1, 30).Draw(t, "days")
			sum := func(days []int32) (total int64) {
				var m marks
				r := capped(2, Cap{Points: 5})
				for _, d := range days {
					total += m.allow(r, 0, d)
				}
				return total
			}
			require.Equal(t, sum(days), sum(rapid.Permutation(days).Draw(t, "order")))
		})
	})
}
