package simulator

import "container/heap"

// expiring is a map whose entries end at an instant (Unix ms), with a bound: when it is full, the entry
// that would end first goes early and is counted. It isn't safe for concurrent use.
type expiring[K comparable, V any] struct {
	limit   int
	evicted int64
	entries map[K]entry[V]
	ends    endHeap[K]
}

type entry[V any] struct {
	value V
	until int64
}

type end[K comparable] struct {
	key   K
	until int64
}

func newExpiring[K comparable, V any](limit int) *expiring[K, V] {
	return &expiring[K, V]{limit: limit, entries: make(map[K]entry[V])}
}

// get returns the value of a key that has not ended at now.
func (e *expiring[K, V]) get(key K, now int64) (V, bool) {
	x, ok := e.entries[key]
	if !ok || x.until <= now {
		var zero V
		return zero, false
	}
	return x.value, true
}

// put stores a value until an instant and forgets what ended before now.
func (e *expiring[K, V]) put(key K, value V, until, now int64) {
	for len(e.ends) > 0 && e.ends[0].until <= now {
		e.pop()
	}
	if _, ok := e.entries[key]; !ok && len(e.entries) >= e.limit {
		for n := len(e.entries); len(e.entries) == n; {
			e.pop()
		}
		e.evicted++
	}
	e.entries[key] = entry[V]{value, until}
	heap.Push(&e.ends, end[K]{key, until})
}

// pop takes the first end off the heap, and its entry unless that was stored anew since.
func (e *expiring[K, V]) pop() {
	x := heap.Pop(&e.ends).(end[K])
	if cur, ok := e.entries[x.key]; ok && cur.until == x.until {
		delete(e.entries, x.key)
	}
}

func (e *expiring[K, V]) len() int { return len(e.entries) }

type endHeap[K comparable] []end[K]

func (h endHeap[K]) Len() int           { return len(h) }
func (h endHeap[K]) Less(i, j int) bool { return h[i].until < h[j].until }
func (h endHeap[K]) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *endHeap[K]) Push(x any)        { *h = append(*h, x.(end[K])) }
func (h *endHeap[K]) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
