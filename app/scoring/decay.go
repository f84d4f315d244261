package scoring

import (
	"math"
	"math/bits"
	"sync/atomic"

	"github.com/koi-scrm/koi/app/rule"
)

// Micro is the unit of points in arithmetic and storage: 10⁻⁶ point.
const Micro = rule.Micro

// maxMicro bounds what one person can hold on one day: ten thousand points.
const maxMicro = 10_000 * Micro

// epochHalves is how many half-lives one base day serves before a newer one takes over. Within that time a
// stored value grows to 2¹⁶ times its points, far below what an int64 holds (ten thousand points are 2⁵⁰
// then), so a program that goes on with an old base for as long again still does not overflow.
const epochHalves = 16

// MaxHalfLife is the longest half-life a model may have, in days.
const MaxHalfLife = 3650

// Scale says in which units a score is stored: as if every point had been earned on the base day.
// Points of a later day are worth more in these units (2^((day − base)/half-life)), so nothing needs to
// be touched while a score fades: two stored values of one scale compare as the scores do, on any day.
// The zero Scale does not decay.
type Scale struct {
	HalfLife int32 // days; 0: points stay
	Base     int32 // day, see clock.Day
}

// ScaleAt is the scale to use from a day on. Its base depends on the day alone and moves on by
// epochHalves half-lives at a time, so every node has the same.
func ScaleAt(halfLife, day int32) Scale {
	if halfLife <= 0 {
		return Scale{}
	}
	span := halfLife * epochHalves
	n := day / span
	if day%span < 0 {
		n--
	}
	return Scale{HalfLife: halfLife, Base: n * span}
}

// Earned converts points earned on a day into stored units. It rounds up, in the person's favour, so
// that 40 + 30 points of one day are never less than 70.
func (s Scale) Earned(micro int64, day int32) int64 {
	if micro < 0 {
		return -s.scaled(-micro, day, false)
	}
	return s.scaled(micro, day, true)
}

// AtLeast is the smallest stored value that is worth micro on a day: "score ≥ 70" is stored ≥ AtLeast.
func (s Scale) AtLeast(micro int64, day int32) int64 { return s.Earned(micro, day) }

// Worth is what a stored value is worth on a day, in 10⁻⁶ points rounded down: the largest micro with
// stored ≥ AtLeast(micro, day), at most what one person can hold.
func (s Scale) Worth(stored int64, day int32) int64 {
	switch {
	case s.HalfLife == 0:
		return min(stored, maxMicro)
	case stored < 0:
		return -s.Worth(-stored, day)
	case stored >= s.AtLeast(maxMicro, day):
		return maxMicro
	}
	// A guess in floating point is right to a few units; AtLeast decides between them.
	guess := int64(float64(stored) * math.Exp2(-float64(day-s.Base)/float64(s.HalfLife)))
	lo, hi := max(guess-guess>>20-2, 0), min(guess+guess>>20+2, maxMicro)
	if s.AtLeast(lo, day) > stored || s.AtLeast(hi, day) <= stored {
		lo, hi = 0, maxMicro
	}
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; s.AtLeast(mid, day) <= stored {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// Rebase converts a stored value into another scale, as seen on a day. Between two bases of one half-life
// it is a division by a power of two, whatever the day; after the operator changed the half-life the score
// is the same on that day and fades in the new way from then on. It rounds up like Earned, so that a score
// never falls below a threshold by being rebased. What is four bases old is gone (2⁻⁶⁴).
func (s Scale) Rebase(stored int64, to Scale, day int32) int64 {
	switch {
	case s == to || stored == 0:
		return stored
	case s.HalfLife != to.HalfLife:
		return to.Earned(s.Worth(stored, day), day)
	}
	halves := int(to.Base-s.Base) / int(s.HalfLife)
	switch {
	case halves < 0:
		return shiftUp(stored, -halves)
	case halves >= 4*epochHalves:
		return 0
	}
	return (stored + 1<<halves - 1) >> halves
}

// Add adds what was earned to a stored value of the same scale. A score never goes below zero: who lost
// more than they had starts again from nothing, instead of an unseen debt eating later interest. It
// returns the new value and what was really added. today is not the day it was earned: what is held is
// bounded now.
func (s Scale) Add(stored, earned int64, today int32) (sum, added int64) {
	sum = min(max(stored+earned, 0), s.AtLeast(maxMicro, today))
	return sum, sum - stored
}

// scaled is micro · 2^((day − base)/half-life), for micro ≥ 0.
func (s Scale) scaled(micro int64, day int32, up bool) int64 {
	if s.HalfLife == 0 || micro == 0 {
		return micro
	}
	d := day - s.Base
	whole, part := d/s.HalfLife, d%s.HalfLife
	if part < 0 {
		whole, part = whole-1, part+s.HalfLife
	}
	hi, lo := bits.Mul64(uint64(micro), fractions(s.HalfLife)[part])
	q, rest := shift128(hi, lo, int(whole)-32)
	if rest && up {
		q++
	}
	return q
}

// most is the largest stored value: two of them can be added.
const most = math.MaxInt64 / 4

// shift128 shifts a 128-bit number left, or right where n is negative, and reports whether ones fell off
// on the right. It stops at most.
func shift128(hi, lo uint64, n int) (q int64, rest bool) {
	switch {
	case n >= 0:
		if hi != 0 || n > 61 || lo > most>>n {
			return most, false
		}
		return int64(lo << n), false
	case n <= -128:
		return 0, hi|lo != 0
	case n <= -64:
		return int64(hi >> (-n - 64)), lo != 0 || hi&(1<<(-n-64)-1) != 0
	}
	n = -n
	v := lo>>n | hi<<(64-n)
	if hi>>n != 0 || v > most {
		return most, false
	}
	return int64(v), lo&(1<<n-1) != 0
}

func shiftUp(v int64, n int) int64 {
	if n > 61 || v > most>>n {
		return most
	}
	return v << n
}

var fractionTables [MaxHalfLife + 1]atomic.Pointer[[]uint64]

// fractions holds 2^(k/halfLife)·2³² for k = 0 … halfLife−1: from here on arithmetic is in whole numbers.
func fractions(halfLife int32) []uint64 {
	if t := fractionTables[halfLife].Load(); t != nil {
		return *t
	}
	t := make([]uint64, halfLife)
	for k := range t {
		t[k] = uint64(math.Round(math.Exp2(float64(k)/float64(halfLife)) * (1 << 32)))
	}
	fractionTables[halfLife].Store(&t)
	return t
}
