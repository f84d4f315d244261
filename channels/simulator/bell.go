package simulator

import (
	"context"
	"sync"
)

// bell wakes whoever waits for something to change. Ringing costs nothing while nobody waits.
type bell struct {
	mu      sync.Mutex
	ch      chan struct{}
	waiting bool
}

// heard returns a channel that is closed at the next ring.
func (b *bell) heard() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	b.waiting = true
	return b.ch
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting {
		close(b.ch)
		b.ch, b.waiting = make(chan struct{}), false
	}
}

// until blocks until cond holds or ctx ends. cond is called again after every ring.
func (b *bell) until(ctx context.Context, cond func() bool) error {
	for {
		heard := b.heard()
		if cond() {
			return nil
		}
		select {
		case <-heard:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
