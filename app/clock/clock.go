// Package clock is the two clocks of Koi. Wall time is for signature freshness, leases and tokens:
// what the outside world checks. Business time is for occurred_at, timers, windows and decay.
// They differ only under `koi demo`, where business time can be moved.
package clock

import (
	"sync"
	"time"
)

// Clock tells both times. Implementations are safe for concurrent use.
type Clock interface {
	Wall() time.Time
	Now() time.Time // business time
}

// Real is the machine's clock for both.
type Real struct{}

// Wall returns the machine's time.
func (Real) Wall() time.Time { return time.Now() }

// Now returns the machine's time.
func (Real) Now() time.Time { return time.Now() }

// Manual stands still until it is moved; for tests.
type Manual struct {
	mu   sync.Mutex
	wall time.Time
	now  time.Time
}

// NewManual starts both clocks at t.
func NewManual(t time.Time) *Manual { return &Manual{wall: t, now: t} }

// Wall returns the manual wall time.
func (m *Manual) Wall() time.Time { m.mu.Lock(); defer m.mu.Unlock(); return m.wall }

// Now returns the manual business time.
func (m *Manual) Now() time.Time { m.mu.Lock(); defer m.mu.Unlock(); return m.now }

// Advance moves both clocks forward by d.
func (m *Manual) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wall, m.now = m.wall.Add(d), m.now.Add(d)
}

// Ms is an instant in Unix milliseconds, the unit of every stored time.
func Ms(t time.Time) int64 { return t.UnixMilli() }

// Day returns the local calendar day of an instant as days since 1970-01-01 in loc.
// Two instants have the same Day exactly when a wall calendar in loc shows the same date.
func Day(ms int64, loc *time.Location) int32 {
	_, off := time.UnixMilli(ms).In(loc).Zone()
	d := ms + int64(off)*1000
	if d < 0 {
		return int32((d - 86_399_999) / 86_400_000)
	}
	return int32(d / 86_400_000)
}

// DayStart returns the first millisecond of a calendar day (see Day) in loc.
func DayStart(day int32, loc *time.Location) int64 {
	u := time.Unix(int64(day)*86_400, 0).UTC()
	t := time.Date(u.Year(), u.Month(), u.Day(), 0, 0, 0, 0, loc)
	if t.Day() != u.Day() {
		// Clocks went forward at midnight and Go answered with the evening before: the day begins when
		// they changed.
		_, t = t.ZoneBounds()
	}
	return t.UnixMilli()
}
