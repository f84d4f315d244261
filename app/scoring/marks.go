package scoring

import (
	"cmp"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"math"
	"slices"
)

// marks are what a person's row keeps beside the score itself: what capped rules gave in their current
// blocks, what was gained lately for surges, and, of a profile model, which rules hold. They stand in the
// row that a scoring event writes anyway, so caps cost no query and no row of their own.
type marks struct {
	spent []spent  // by rule, cap, object, block
	gains []gain   // by minute
	holds []uint32 // rule hashes, in the model's order
}

// spent is how much a rule gave within one block of a cap.
type spent struct {
	rule   uint32
	cap    uint8
	per    bool // for one object
	object uint32
	block  int32
	micro  int64 // of either sign's size
}

// gain is what was earned within a step of time that begins at minute (Unix time / 60 s).
type gain struct {
	minute int64
	micro  int64
}

// Caps remember this many blocks, or objects; what arrives later than that gives nothing, since nobody
// knows any more what it may.
const (
	blocksKept  = 4
	objectsKept = 32
	spentKept   = 256 // of all caps of a model together, so that the row stays below 6 KB
)

// block numbers the block of a cap that a day lies in. Weeks begin on Monday: day 0 was a Thursday.
func (c Cap) block(day int32) int32 {
	n := day + 3
	if n < 0 {
		n -= c.Days - 1
	}
	return n / c.Days
}

// hashObject names an object in four bytes. Two of a person's objects that collide share a cap.
func hashObject(kind, id string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(kind + "\x00" + id)) // never fails
	return h.Sum32()
}

// allow returns how much of a rule's points its caps still let through, and takes note of it.
func (m *marks) allow(r *Rule, object uint32, day int32) int64 {
	size := r.Points
	if size < 0 {
		size = -size
	}
	left := size
	for i, c := range r.Caps {
		most, _ := micro(c.Points)
		at, found := m.find(r, i, object, day)
		switch {
		case found:
			left = min(left, most-m.spent[at].micro)
		case m.forgotten(r, i, day):
			left = 0
		default:
			left = min(left, most)
		}
	}
	if left <= 0 {
		return 0
	}
	for i := range r.Caps {
		at, found := m.find(r, i, object, day)
		if !found {
			m.spent = slices.Insert(m.spent, at, r.key(i, object, day))
		}
		m.spent[at].micro += left
	}
	m.trim(r)
	if r.Points < 0 {
		return -left
	}
	return left
}

func (r *Rule) key(i int, object uint32, day int32) spent {
	k := spent{rule: r.hash, cap: uint8(i), block: r.Caps[i].block(day)}
	if r.Caps[i].Per == perObject {
		k.per, k.object = true, object
	}
	return k
}

func (m *marks) find(r *Rule, i int, object uint32, day int32) (int, bool) {
	return slices.BinarySearchFunc(m.spent, r.key(i, object, day), compareSpent)
}

func compareSpent(a, b spent) int {
	return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.cap, b.cap), cmp.Compare(a.object, b.object), cmp.Compare(a.block, b.block))
}

// of returns the range of entries of one cap.
func (m *marks) of(rule uint32, i int) (from, to int) {
	from, _ = slices.BinarySearchFunc(m.spent, spent{rule: rule, cap: uint8(i), block: math.MinInt32}, compareSpent)
	to = from
	for to < len(m.spent) && m.spent[to].rule == rule && m.spent[to].cap == uint8(i) {
		to++
	}
	return from, to
}

// forgotten reports whether a block is older than all that a full memory holds.
func (m *marks) forgotten(r *Rule, i int, day int32) bool {
	from, to := m.of(r.hash, i)
	if to-from < kept(r.Caps[i]) {
		return false
	}
	oldest := slices.MinFunc(m.spent[from:to], func(a, b spent) int { return cmp.Compare(a.block, b.block) })
	return r.Caps[i].block(day) < oldest.block
}

func kept(c Cap) int {
	if c.Per == perObject {
		return objectsKept
	}
	return blocksKept
}

// trim forgets the oldest entries of a rule's caps beyond what is kept.
func (m *marks) trim(r *Rule) {
	for i, c := range r.Caps {
		for from, to := m.of(r.hash, i); to-from > kept(c); from, to = m.of(r.hash, i) {
			m.drop(from, to)
		}
	}
	for len(m.spent) > spentKept {
		m.drop(0, len(m.spent))
	}
}

// drop removes the oldest entry between two places.
func (m *marks) drop(from, to int) {
	oldest := from
	for j := from; j < to; j++ {
		if m.spent[j].block < m.spent[oldest].block {
			oldest = j
		}
	}
	m.spent = slices.Delete(m.spent, oldest, oldest+1)
}

// gainSteps is how many steps the longest window of a model's surges has.
const gainSteps = 144

func (s *Score) longest() int64 {
	var hours int64
	for _, x := range s.Surges {
		hours = max(hours, x.Hours)
	}
	return hours
}

// gain notes points for surges, and forgets what lies before the longest window.
func (m *marks) gain(s *Score, at, micro int64) {
	hours := s.longest()
	if hours == 0 {
		return
	}
	step := max(hours*60/gainSteps, 1)
	minute := at / 60_000 / step * step
	i, found := slices.BinarySearchFunc(m.gains, minute, func(g gain, minute int64) int { return cmp.Compare(g.minute, minute) })
	if found {
		m.gains[i].micro += micro
	} else {
		m.gains = slices.Insert(m.gains, i, gain{minute, micro})
	}
	first := m.gains[len(m.gains)-1].minute - hours*60
	m.gains = slices.DeleteFunc(m.gains, func(g gain) bool { return g.minute < first })
}

// within sums what was gained in the hours up to an instant.
func (m *marks) within(hours, at int64) int64 {
	var sum int64
	last := at / 60_000
	for _, g := range m.gains {
		if g.minute > last-hours*60 && g.minute <= last {
			sum += g.micro
		}
	}
	return sum
}

// fold adds what another person's row remembers; the person is one now.
func (m *marks) fold(o *marks) {
	for _, x := range o.spent {
		at, found := slices.BinarySearchFunc(m.spent, x, compareSpent)
		if found {
			m.spent[at].micro += x.micro
		} else {
			m.spent = slices.Insert(m.spent, at, x)
		}
	}
	for len(m.spent) > spentKept {
		m.drop(0, len(m.spent))
	}
	for _, g := range o.gains {
		i, found := slices.BinarySearchFunc(m.gains, g.minute, func(x gain, minute int64) int { return cmp.Compare(x.minute, minute) })
		if found {
			m.gains[i].micro += g.micro
		} else {
			m.gains = slices.Insert(m.gains, i, g)
		}
	}
}

// forget drops what belongs to caps the model no longer has.
func (m *marks) forget(s *Score) {
	m.spent = slices.DeleteFunc(m.spent, func(x spent) bool {
		r := s.byHash[x.rule]
		return r == nil || int(x.cap) >= len(r.Caps) || x.per != (r.Caps[x.cap].Per == perObject)
	})
}

// marksVersion is the form of the packed bytes: the version, then the numbers of entries and the entries,
// all varints but hashes, which are four bytes each.
const marksVersion = 1

var errMarks = errors.New("what caps remember is damaged")

// pack encodes marks; nothing to remember is no bytes.
func (m *marks) pack() []byte {
	if len(m.spent)+len(m.gains)+len(m.holds) == 0 {
		return []byte{}
	}
	b := make([]byte, 1, 8+14*len(m.spent)+8*len(m.gains)+4*len(m.holds))
	b[0] = marksVersion
	b = binary.AppendUvarint(b, uint64(len(m.holds)))
	for _, h := range m.holds {
		b = binary.LittleEndian.AppendUint32(b, h)
	}
	b = binary.AppendUvarint(b, uint64(len(m.gains)))
	last := int64(0)
	for _, g := range m.gains {
		b = binary.AppendVarint(b, g.minute-last)
		b = binary.AppendVarint(b, g.micro/centi)
		last = g.minute
	}
	b = binary.AppendUvarint(b, uint64(len(m.spent)))
	for _, x := range m.spent {
		b = binary.LittleEndian.AppendUint32(b, x.rule)
		head := uint64(x.cap) << 1
		if x.per {
			head |= 1
		}
		b = binary.AppendUvarint(b, head)
		if x.per {
			b = binary.LittleEndian.AppendUint32(b, x.object)
		}
		b = binary.AppendVarint(b, int64(x.block))
		b = binary.AppendUvarint(b, uint64(x.micro/centi))
	}
	return b
}

func (m *marks) unpack(b []byte) error {
	*m = marks{}
	if len(b) == 0 {
		return nil
	}
	if b[0] != marksVersion {
		return errMarks
	}
	r := reader{b: b[1:]}
	for range r.count(4) {
		m.holds = append(m.holds, r.hash())
	}
	last := int64(0)
	for range r.count(2) {
		last += r.int()
		m.gains = append(m.gains, gain{last, r.int() * centi})
	}
	for range r.count(7) {
		x := spent{rule: r.hash()}
		head := r.uint()
		x.cap, x.per = uint8(head>>1), head&1 == 1
		if x.per {
			x.object = r.hash()
		}
		x.block, x.micro = int32(r.int()), int64(r.uint())*centi
		m.spent = append(m.spent, x)
	}
	if r.bad || len(r.b) > 0 {
		return errMarks
	}
	return nil
}

// reader takes numbers off a slice; after damage it gives zeros.
type reader struct {
	b   []byte
	bad bool
}

// count reads a number of entries of at least size bytes each.
func (r *reader) count(size int) int {
	n := r.uint()
	if n > uint64(len(r.b)/size) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	return take(r, v, n)
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.b)
	return take(r, v, n)
}

func (r *reader) hash() uint32 {
	if len(r.b) < 4 {
		return take(r, uint32(0), 0)
	}
	return take(r, binary.LittleEndian.Uint32(r.b), 4)
}

func take[T any](r *reader, v T, n int) T {
	if n <= 0 || r.bad {
		r.bad, r.b = true, nil
		var zero T
		return zero
	}
	r.b = r.b[n:]
	return v
}
