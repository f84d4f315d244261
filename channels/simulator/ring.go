package simulator

import "iter"

// ring keeps the last values pushed, up to its size. It isn't safe for concurrent use.
type ring[T any] struct {
	values []T
	size   int
	next   int // where the next value goes once the ring is full
}

func newRing[T any](size int) ring[T] { return ring[T]{size: size} }

func (r *ring[T]) push(v T) {
	switch {
	case r.size <= 0:
	case len(r.values) < r.size:
		r.values = append(r.values, v)
	default:
		r.values[r.next] = v
		r.next = (r.next + 1) % r.size
	}
}

// all are the values, the oldest first.
func (r *ring[T]) all() iter.Seq[T] {
	return func(yield func(T) bool) {
		for i := range r.values {
			if !yield(r.values[(r.next+i)%len(r.values)]) {
				return
			}
		}
	}
}

// last are the newest n values, the oldest first.
func (r *ring[T]) last(n int) []T {
	n = min(n, len(r.values))
	if n <= 0 {
		return nil
	}
	out := make([]T, 0, n)
	for i := len(r.values) - n; i < len(r.values); i++ {
		out = append(out, r.values[(r.next+i)%len(r.values)])
	}
	return out
}
