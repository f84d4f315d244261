package h5

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limit is how many events pass: PerSecond in the long run, Burst at once.
type Limit struct {
	PerSecond float64
	Burst     int
}

// Limits bound what one visitor, one address and this machine itself may send.
type Limits struct {
	Visitor, Place, Near Limit
}

// DefaultLimits: a reader causes an event every few seconds. Behind one address may stand an office, or a
// mobile network's gateway during a campaign.
var DefaultLimits = Limits{
	Visitor: Limit{PerSecond: 10, Burst: 150},
	Place:   Limit{PerSecond: 500, Burst: 3000},
	Near:    Limit{PerSecond: 50_000, Burst: 100_000},
}

// maxBuckets bounds the memory: about 10 MB for both kinds together.
const maxBuckets = 50_000

// buckets are token buckets by name. A bucket forgotten for lack of room was full again or belongs to
// somebody who gets a few more events than they should.
type buckets struct {
	limit Limit
	shard [16]bucketShard
}

type bucketShard struct {
	mu       sync.Mutex
	now, old map[string]*rate.Limiter // two generations: when now is full, old is forgotten
}

func newBuckets(l Limit) *buckets {
	b := &buckets{limit: l}
	for i := range b.shard {
		b.shard[i].now = map[string]*rate.Limiter{}
	}
	return b
}

// take takes n events out of a bucket, all or none.
func (b *buckets) take(name string, n int, at time.Time) bool {
	s := &b.shard[hash(name)%uint32(len(b.shard))]
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.now[name]
	if l == nil {
		if l = s.old[name]; l == nil {
			l = rate.NewLimiter(rate.Limit(b.limit.PerSecond), b.limit.Burst)
		}
		if len(s.now) >= maxBuckets/len(b.shard)/2 {
			s.old, s.now = s.now, map[string]*rate.Limiter{}
		}
		s.now[name] = l
	}
	return l.AllowN(at, n)
}

// hash is FNV-1a.
func hash(s string) uint32 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}

// isNear: the address is this machine's.
func isNear(place string) bool {
	a, err := netip.ParseAddr(place)
	return err == nil && a.Unmap().IsLoopback()
}

// network is the part of an address that one customer of a network holds: an IPv6 one has a /64 to himself.
func network(place string) string {
	a, err := netip.ParseAddr(place)
	if err != nil {
		return place
	}
	a = a.Unmap()
	if a.Is6() {
		p, _ := a.Prefix(64) // 64 bits are never too many
		return p.Addr().String()
	}
	return a.String()
}
