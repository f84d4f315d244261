package rule

// CounterID names a counter: the fingerprint of what it counts (event type, property conditions, how
// finely). Two leaves that ask the same have one counter.
type CounterID uint64

// Counter is what a behaviour leaf needs to know of one person's past.
type Counter struct {
	ID CounterID
	// A counter without a window keeps these.
	Total       int64
	First, Last int64 // Unix ms of the earliest and the latest; 0 when Total is
	// A counter with a window keeps a number per calendar day, oldest first, days without any left out.
	Days []DayCount
}

// DayCount is how often it happened on a calendar day (see clock.Day).
type DayCount struct {
	Day int32
	N   int32
}

// Counted are the counters of one person that are not empty.
type Counted struct {
	list []Counter
}

// Get returns a counter, or nil when nothing was counted.
func (c *Counted) Get(id CounterID) *Counter {
	for i := range c.list {
		if c.list[i].ID == id {
			return &c.list[i]
		}
	}
	return nil
}
