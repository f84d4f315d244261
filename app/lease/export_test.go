package lease

// Hurried makes the lease's holder count as dead ten times sooner.
func Hurried(l *Lease) *Lease {
	l.ttl, l.beat = ttl/10, beat/10
	return l
}

// Silence is how long the holder of a hurried lease may be silent.
const Silence = ttl / 10
