package rule

import "github.com/koi-scrm/koi/app/contact"

// Person is everything a condition may ask of one person, at one moment. The owner of each part loads
// it and keeps it current while events pass: contact the attributes and staff links, tag the tags,
// scoring the scores, stage the stage, and this package the counters.
type Person struct {
	*contact.Person
	Tags    map[int64]Tag   // by tag id (setting.Item.ID); absent tags are absent
	Scores  map[int64]Score // by score model id
	Fit     string          // A..D
	Intent  int             // 1..4 of the grid; 0 when not computed
	Stage   string          // stage key, "" before the first
	StageAt int64
	Counted Counted // written by the Counters stage only
	Ways    Ways    // nil: none is open
}

// Tag is a tag on a person.
type Tag struct {
	At     int64
	Source string // manual, rule, journey, model, custom
	Until  int64  // 0: for ever
}

// Score is a stored score: forward-decayed fixed point, in the units of today (see ScoreDef).
type Score struct {
	Stored int64
}

// People are the persons of one batch, by contact id. The contact stage resolves who they are; each
// owner fills its part in Load, for the contacts the contact stage loaded, and a person made inside the
// batch starts empty. The Counters stage, first of those who share it, resets it.
type People struct {
	byID map[int64]*Person
	ways Ways
}

// NewPeople starts an empty batch.
func NewPeople() *People { return &People{byID: map[int64]*Person{}} }

// By says who knows the ways to people; before the first batch.
func (p *People) By(w Ways) { p.ways = w }

// Reset forgets the batch before.
func (p *People) Reset() { clear(p.byID) }

// Of returns the facts of a person, making empty ones around c at first sight.
func (p *People) Of(c *contact.Person) *Person {
	if q := p.byID[c.ID]; q != nil {
		return q
	}
	q := NewPerson(c)
	q.Ways = p.ways
	p.byID[c.ID] = q
	return q
}

// NewPerson makes the facts of a person of whom only the contact part is known.
func NewPerson(c *contact.Person) *Person {
	return &Person{Person: c, Tags: map[int64]Tag{}, Scores: map[int64]Score{}}
}

// Get returns the facts of a contact id already seen in this batch, or nil.
func (p *People) Get(id int64) *Person { return p.byID[id] }

// All calls f for every person of the batch, in no order.
func (p *People) All(f func(*Person)) {
	for _, q := range p.byID {
		f(q)
	}
}
