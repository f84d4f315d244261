package h5

import (
	"sync"
	"time"
)

// hop is a browser that was just sent on to the address with its own token.
type hop struct {
	visitor string
	came    string // the token it had come by
	at      time.Time
}

const (
	// hopFor is how long a redirect takes at most; who comes later has the address from somebody.
	hopFor  = 20 * time.Second
	maxHops = 20_000
)

// hops remembers browsers between a redirect and the request that follows it, since one that keeps no
// cookies would be a stranger again and be sent round in a circle. It is asked once: whoever comes with the
// same address after that has it from somebody. What is forgotten costs such a browser another redirect.
type hops struct {
	mu       sync.Mutex
	now, old map[string]hop
}

func (h *hops) put(token string, x hop) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.now == nil || len(h.now) >= maxHops {
		h.old, h.now = h.now, map[string]hop{}
	}
	h.now[token] = x
}

// take returns the browser that was sent on with a token, once.
func (h *hops) take(token string, at time.Time) (hop, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	x, ok := h.now[token]
	if !ok {
		x, ok = h.old[token]
	}
	delete(h.now, token)
	delete(h.old, token)
	return x, ok && at.Sub(x.at) <= hopFor
}
