package auth

import (
	"sync"
	"time"

	"github.com/koi-scrm/koi/app/clock"
)

// throttle counts failures by name: so many are free, then one for each interval. It lives in memory, so
// each node counts for itself and a restart forgets; that is no help to somebody guessing.
type throttle struct {
	clock clock.Clock
	burst int64
	every int64 // ms for one more try

	mu    sync.Mutex
	spent map[string]int64 // when all tries of the name will be back, wall ms
}

// throttleNames bounds the memory; beyond it, names whose tries are nearly back are forgotten.
const throttleNames = 20_000

func newThrottle(clk clock.Clock, burst int64, every time.Duration) *throttle {
	return &throttle{clock: clk, burst: burst, every: every.Milliseconds(), spent: map[string]int64{}}
}

// take uses up a try. It returns how long to wait where none is left.
func (t *throttle) take(name string) (time.Duration, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := clock.Ms(t.clock.Wall())
	full := max(now, t.spent[name])
	if over := full + t.every - now - t.burst*t.every; over > 0 {
		return time.Duration(over) * time.Millisecond, false
	}
	if _, known := t.spent[name]; !known && len(t.spent) >= throttleNames {
		t.forget(now)
	}
	t.spent[name] = full + t.every
	return 0, true
}

// giveBack returns a try that was no failure.
func (t *throttle) giveBack(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at, ok := t.spent[name]; ok {
		t.spent[name] = at - t.every
	}
}

// clear forgets a name's failures: whoever it is has shown the password.
func (t *throttle) clear(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.spent, name)
}

// forget drops names that have all their tries back, and if that is not enough those with one failure:
// filling the table with invented names must not free the name under attack.
func (t *throttle) forget(now int64) {
	for _, within := range []int64{0, t.every, t.burst * t.every} {
		for name, at := range t.spent {
			if at <= now+within {
				delete(t.spent, name)
			}
		}
		if len(t.spent) < throttleNames {
			return
		}
	}
}

// recent remembers what was done lately, so that it is not done again for a while.
type recent struct {
	mu sync.Mutex
	at map[int64]int64
}

func newRecent() *recent { return &recent{at: map[int64]int64{}} }

// due reports whether the last time is at least interval ago, and notes now if so.
func (r *recent) due(id, now int64, interval time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last, ok := r.at[id]; ok && now-last < interval.Milliseconds() {
		return false
	}
	r.at[id] = now
	return true
}
