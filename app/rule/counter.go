package rule

import (
	"encoding/binary"
	"errors"
	"slices"
)

// Counter is what a behaviour leaf needs to know of one person's past.
type Counter struct {
	ID CounterID
	// A counter without a window keeps these.
	Total       int64
	First, Last int64 // Unix ms of the earliest and the latest
	// A counter with a window keeps a number per calendar day, oldest first, days without any left out.
	Days []DayCount
}

// DayCount is how often it happened on a calendar day (see clock.Day).
type DayCount struct {
	Day int32
	N   int32
}

// within sums the days from first to last, both included.
func (c *Counter) within(first, last int32) int64 {
	var n int64
	for i := len(c.Days) - 1; i >= 0 && c.Days[i].Day >= first; i-- {
		if c.Days[i].Day <= last {
			n += int64(c.Days[i].N)
		}
	}
	return n
}

// add counts n more at one instant (a counter without a window) or on one day (one with).
func (c *Counter) add(windowed bool, n, at int64, day int32) {
	if !windowed {
		if c.Total == 0 || at < c.First {
			c.First = at
		}
		if c.Total == 0 || at > c.Last {
			c.Last = at
		}
		c.Total += n
		return
	}
	i := len(c.Days)
	for i > 0 && c.Days[i-1].Day >= day {
		i--
	}
	if i < len(c.Days) && c.Days[i].Day == day {
		c.Days[i].N += int32(n)
		return
	}
	c.Days = slices.Insert(c.Days, i, DayCount{day, int32(n)})
}

// fold adds another person's counter of the same question.
func (c *Counter) fold(o *Counter) {
	for _, d := range o.Days {
		c.add(true, int64(d.N), 0, d.Day)
	}
	if o.Total > 0 {
		if c.Total == 0 {
			c.First, c.Last = o.First, o.Last
		}
		c.Total += o.Total
		c.First, c.Last = min(c.First, o.First), max(c.Last, o.Last)
	}
}

// trim forgets the days before one.
func (c *Counter) trim(first int32) {
	i := 0
	for i < len(c.Days) && c.Days[i].Day < first {
		i++
	}
	c.Days = c.Days[i:]
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

// of returns a counter, making an empty one.
func (c *Counted) of(id CounterID) *Counter {
	if have := c.Get(id); have != nil {
		return have
	}
	c.list = append(c.list, Counter{ID: id})
	return &c.list[len(c.list)-1]
}

// drop forgets a counter.
func (c *Counted) drop(id CounterID) {
	c.list = slices.DeleteFunc(c.list, func(x Counter) bool { return x.ID == id })
}

// The row of a person: a version byte, the number of counters, the number of day buckets in all, then for
// each counter its slot and either 0, total, first, last−first, or the number of days + 1 and for each day
// its distance from the one before and its count. All numbers are varints.
const packing = 1

var errPacked = errors.New("packed counters are damaged")

// pack encodes the counters that slot knows.
func (c *Counted) pack(slot func(CounterID) (uint32, bool)) []byte {
	counters, days := 0, 0
	body := make([]byte, 0, 24*len(c.list))
	for i := range c.list {
		x := &c.list[i]
		n, ok := slot(x.ID)
		if !ok || x.Total == 0 && len(x.Days) == 0 {
			continue
		}
		counters++
		body = binary.AppendUvarint(body, uint64(n))
		if len(x.Days) == 0 {
			body = binary.AppendUvarint(body, 0)
			body = binary.AppendUvarint(body, uint64(x.Total))
			body = binary.AppendVarint(body, x.First)
			body = binary.AppendUvarint(body, uint64(x.Last-x.First))
			continue
		}
		body = binary.AppendUvarint(body, uint64(len(x.Days)+1))
		last := int32(0)
		for _, d := range x.Days {
			body = binary.AppendVarint(body, int64(d.Day-last))
			body = binary.AppendUvarint(body, uint64(d.N))
			last = d.Day
		}
		days += len(x.Days)
	}
	head := binary.AppendUvarint(append(make([]byte, 0, 6+len(body)), packing), uint64(counters))
	return append(binary.AppendUvarint(head, uint64(days)), body...)
}

// unpack decodes a row, leaving out slots that id does not know: counters of rules that are gone. After an
// error there are no counters.
func (c *Counted) unpack(b []byte, id func(slot uint32) (CounterID, bool)) (err error) {
	defer func() {
		if err != nil {
			c.list = nil
		}
	}()
	c.list = nil
	if len(b) == 0 {
		return nil
	}
	if b[0] != packing {
		return errPacked
	}
	r := reader{b: b[1:]}
	counters, all := r.uint(), r.uint()
	if counters > uint64(len(b)) || all > uint64(len(b)) { // each takes several bytes
		return errPacked
	}
	c.list = make([]Counter, 0, counters)
	days := make([]DayCount, 0, all)
	for len(r.b) > 0 {
		known := Counter{}
		var ok bool
		known.ID, ok = id(uint32(r.uint()))
		n := r.uint()
		if n == 0 {
			known.Total, known.First = int64(r.uint()), r.int()
			known.Last = known.First + int64(r.uint())
		} else {
			from, last := len(days), int32(0)
			for range n - 1 {
				last += int32(r.int())
				if r.bad || len(days) == cap(days) {
					return errPacked
				}
				days = append(days, DayCount{last, int32(r.uint())})
			}
			known.Days = days[from:len(days):len(days)] // a later add must not run into the next one's
		}
		if r.bad {
			return errPacked
		}
		if ok {
			c.list = append(c.list, known)
		}
	}
	return nil
}

// reader takes varints off a slice; after damage it gives zeros.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	return take(r, v, n)
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.b)
	return take(r, v, n)
}

func take[T any](r *reader, v T, n int) T {
	if n <= 0 {
		r.bad, r.b = true, nil
		var zero T
		return zero
	}
	r.b = r.b[n:]
	return v
}
