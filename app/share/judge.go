package share

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Owner is whom a token belongs to: a member of staff ("CorpID/userid"), a person, or a member whose
// browser is known as a person too.
type Owner struct {
	Staff  string
	Person int64
}

// Arrival is that a person came to a page through a token.
type Arrival struct {
	ID     int64
	Person int64
	Parent string // token
	Own    string // their own token of the page
	At     int64
	Bot    bool
	Burst  bool // one of many through this token from one place
	// Fixed arrivals were settled: what comes to light later does not take their place.
	Fixed bool
}

// Verdict is what an arrival is worth.
type Verdict struct {
	Mark  Mark
	Top   string // who stands first in the chain: "s:CorpID/userid", "c:contact id" or "t:unknown token"
	Root  string // CorpID/userid where that is a member of staff
	Depth int    // hops from there; of one who came through their own link, the hops to themselves
}

const (
	staffNode   = "s:"
	contactNode = "c:"
	unknownNode = "t:"
)

// ContactTop reads the person out of a Verdict's Top; 0 where none stands there.
func ContactTop(top string) int64 {
	id, _ := strings.CutPrefix(top, contactNode)
	n, _ := strconv.ParseInt(id, 10, 64)
	return n
}

// StaffTop reads the member of staff out of a Verdict's Top; "" where none stands there.
func StaffTop(top string) string {
	member, ok := strings.CutPrefix(top, staffNode)
	if !ok {
		return ""
	}
	return member
}

// Judge says what the arrivals at one page are worth. It is pure, and the order of arrivals does not
// matter; owners are those of the tokens they came through.
//
// A verdict depends on what lies upward only: the person's own arrivals, those of the owners of the tokens
// they came through, and so on. So arrivals that are closed upward are judged as if all were given.
//
// In the order they happened, each person's first arrival through somebody else's token ties them to its
// owner, unless the owner stands below them already. Everyone has one tie at most, so ties make trees.
func Judge(arrivals []Arrival, owners map[string]Owner) map[int64]Verdict {
	j := judge{owners: owners, staff: map[int64]string{}, up: map[string]string{}}
	for _, a := range arrivals {
		// A member's own browser shows itself by opening the member's own link.
		if o := owners[a.Parent]; o.Staff != "" && o.Person == a.Person {
			if had, ok := j.staff[a.Person]; !ok || o.Staff < had {
				j.staff[a.Person] = o.Staff
			}
		}
	}
	order := slices.Clone(arrivals)
	slices.SortFunc(order, func(a, b Arrival) int {
		if a.Fixed != b.Fixed {
			if a.Fixed {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Own, b.Own), cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.ID, b.ID))
	})
	out := make(map[int64]Verdict, len(order))
	for _, a := range order {
		out[a.ID] = Verdict{Mark: j.tie(a)}
	}
	for _, a := range order {
		v := out[a.ID]
		from := unknownNode + a.Parent
		if o, ok := owners[a.Parent]; ok {
			from = j.owner(o)
		}
		v.Top, v.Depth = j.top(from)
		if v.Mark != Self {
			v.Depth++
		}
		v.Root = StaffTop(v.Top)
		out[a.ID] = v
	}
	return out
}

type judge struct {
	owners map[string]Owner
	staff  map[int64]string  // whose browser a person is
	up     map[string]string // who → who brought them
}

func (j *judge) person(id int64) string {
	if s, ok := j.staff[id]; ok {
		return staffNode + s
	}
	return contactNode + strconv.FormatInt(id, 10)
}

func (j *judge) owner(o Owner) string {
	if o.Staff != "" {
		return staffNode + o.Staff
	}
	return j.person(o.Person)
}

// tie binds the person to who brought them, or says why not.
func (j *judge) tie(a Arrival) Mark {
	o, known := j.owners[a.Parent]
	if !known {
		return Unknown
	}
	me, from := j.person(a.Person), j.owner(o)
	switch {
	case me == from || o.Person == a.Person:
		return Self
	case a.Bot:
		return Bot
	case strings.HasPrefix(me, staffNode):
		return Staffer // the root of their chains, never somebody's below
	case j.up[me] != "":
		return Duplicate
	}
	for n := from; n != ""; n = j.up[n] {
		if n == me {
			return Loop
		}
	}
	j.up[me] = from
	if a.Burst {
		return Burst
	}
	return Counted
}

func (j *judge) top(n string) (string, int) {
	depth := 0
	for j.up[n] != "" {
		n = j.up[n]
		depth++
	}
	return n, depth
}
