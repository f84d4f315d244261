package clock

import (
	"sync"
	"time"
)

// Course is how business time goes: at the wall instant Wall it was Now, and it passes Rate times as fast as
// wall time since (0: it stands still). Both instants are Unix milliseconds. Two processes with the same
// course and the same machine's clock tell the same business time.
type Course struct {
	Wall int64 `json:"wall"`
	Now  int64 `json:"now"`
	Rate int64 `json:"rate"`
}

// At is the business time at a wall time.
func (c Course) At(wall time.Time) time.Time {
	return time.UnixMilli(c.Now + (wall.UnixMilli()-c.Wall)*c.Rate)
}

// Movable has the machine's wall time, and a business time that can be stopped, hurried and moved forward,
// never back. It is what `koi demo` runs on.
type Movable struct {
	mu     sync.Mutex
	course Course
}

// NewMovable begins with both times the machine's.
func NewMovable() *Movable {
	now := Ms(time.Now())
	return &Movable{course: Course{Wall: now, Now: now, Rate: 1}}
}

// Wall returns the machine's time.
func (m *Movable) Wall() time.Time { return time.Now() }

// Now returns the business time.
func (m *Movable) Now() time.Time { return m.Course().At(time.Now()) }

// Course is how business time goes at present.
func (m *Movable) Course() Course {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.course
}

// Follow takes a course over. Where that is behind, time goes on from where it is: it never runs back.
func (m *Movable) Follow(c Course) {
	m.mu.Lock()
	defer m.mu.Unlock()
	wall := time.Now()
	if at := m.course.At(wall); c.At(wall).Before(at) {
		c.Wall, c.Now = Ms(wall), Ms(at)
	}
	m.course = c
}

// Change moves business time forward by d (a negative one counts as none) and lets it pass at a rate (a
// negative one: as before), and returns the new course.
func (m *Movable) Change(d time.Duration, rate int64) Course {
	m.mu.Lock()
	defer m.mu.Unlock()
	wall := time.Now()
	c := Course{Wall: Ms(wall), Now: Ms(m.course.At(wall)) + max(0, d.Milliseconds()), Rate: m.course.Rate}
	if rate >= 0 {
		c.Rate = rate
	}
	m.course = c
	return c
}
