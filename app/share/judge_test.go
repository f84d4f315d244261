package share

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/koi-scrm/koi/app/secret"
)

func keys(t testing.TB) *secret.Keys {
	k, err := secret.New(make([]byte, secret.MasterSize))
	require.NoError(t, err)
	return k
}

func TestToken(t *testing.T) {
	t.Parallel()
	k := keys(t)
	a := Token(k, "white-paper", Visitor("v_1"))
	require.Equal(t, a, Token(k, "white-paper", Visitor("v_1")), "stable")
	require.True(t, IsToken(a))
	require.NotEqual(t, a, Token(k, "white-paper", Visitor("v_2")))
	require.NotEqual(t, a, Token(k, "price", Visitor("v_1")))
	require.NotEqual(t, Token(k, "p", Staff("corp/v_1")), Token(k, "p", Visitor("corp/v_1")))
	other, err := secret.New([]byte("another master key of 32 bytes.."))
	require.NoError(t, err)
	require.NotEqual(t, a, Token(other, "white-paper", Visitor("v_1")))
	for _, bad := range []string{"", "s_", a + "x", a[:len(a)-1], "x" + a[1:], "s_" + "测试测试测试测", a[:10] + " " + a[11:]} {
		require.False(t, IsToken(bad), bad)
	}
}

func TestLabels_are_Chinese(t *testing.T) {
	t.Parallel()
	han := regexp.MustCompile(`\p{Han}`)
	for _, m := range []Mark{Counted, Unknown, Self, Staffer, Bot, Loop, Duplicate, Burst} {
		require.Regexp(t, han, m.Label().Name, m)
		require.Regexp(t, han, m.Label().Note, m)
	}
	for s := Fresh; s <= Reversed; s++ {
		require.NotEmpty(t, s.String())
		require.Regexp(t, han, s.Label().Name)
		require.Regexp(t, han, s.Label().Note)
	}
}

const chen = "ww1/chenjing"

// owners has a member's token "chen" and one for each of some people: "1", "2", …
func owners(people int) map[string]Owner {
	m := map[string]Owner{"chen": {Staff: chen}}
	for i := 1; i <= people; i++ {
		m[fmt.Sprint(i)] = Owner{Person: int64(i)}
	}
	return m
}

func came(id, person int64, through string, at int64) Arrival {
	return Arrival{ID: id, Person: person, Parent: through, Own: fmt.Sprint(person), At: at}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	staff := func(depth int) Verdict { return Verdict{Top: "s:" + chen, Root: chen, Depth: depth} }
	for name, c := range map[string]struct {
		arrivals []Arrival
		owners   map[string]Owner
		want     map[int64]Verdict
	}{
		"a chain keeps the employee at its root": {
			arrivals: []Arrival{came(1, 1, "chen", 10), came(2, 2, "1", 20), came(3, 3, "2", 30)},
			want:     map[int64]Verdict{1: staff(1), 2: staff(2), 3: staff(3)},
		},
		"a customer's own share has no employee": {
			arrivals: []Arrival{came(2, 2, "1", 20), came(3, 3, "2", 30)},
			want:     map[int64]Verdict{2: {Top: "c:1", Depth: 1}, 3: {Top: "c:1", Depth: 2}},
		},
		"who is brought later brings along those below": {
			arrivals: []Arrival{came(2, 2, "1", 20), came(1, 1, "chen", 30)},
			want:     map[int64]Verdict{1: staff(1), 2: staff(2)},
		},
		"one's own link does not count": {
			arrivals: []Arrival{came(1, 1, "chen", 10), came(2, 1, "1", 20)},
			want:     map[int64]Verdict{1: staff(1), 2: {Mark: Self, Top: "s:" + chen, Root: chen, Depth: 1}},
		},
		"the first who brought somebody has the credit": {
			arrivals: []Arrival{came(1, 3, "2", 20), came(2, 3, "chen", 10)},
			want:     map[int64]Verdict{1: {Mark: Duplicate, Top: "c:2", Depth: 1}, 2: staff(1)},
		},
		"nobody is brought by those below": {
			arrivals: []Arrival{came(1, 2, "1", 10), came(2, 3, "2", 20), came(3, 1, "3", 30)},
			want:     map[int64]Verdict{1: {Top: "c:1", Depth: 1}, 2: {Top: "c:1", Depth: 2}, 3: {Mark: Loop, Top: "c:1", Depth: 3}},
		},
		"after a loop another may bring them": {
			arrivals: []Arrival{came(1, 2, "1", 10), came(3, 1, "2", 30), came(4, 1, "chen", 40)},
			want:     map[int64]Verdict{1: staff(2), 3: {Mark: Loop, Top: "s:" + chen, Root: chen, Depth: 3}, 4: staff(1)},
		},
		"a token nobody owns brings nobody": {
			arrivals: []Arrival{came(1, 1, "forged", 10), came(2, 2, "1", 20), came(3, 1, "chen", 30)},
			want:     map[int64]Verdict{1: {Mark: Unknown, Top: "t:forged", Depth: 1}, 2: staff(2), 3: staff(1)},
		},
		"a crawler is nobody, and takes nobody's place": {
			arrivals: []Arrival{{ID: 1, Person: 1, Parent: "2", At: 5, Bot: true}, came(2, 1, "chen", 10)},
			want:     map[int64]Verdict{1: {Mark: Bot, Top: "c:2", Depth: 1}, 2: staff(1)},
		},
		"a burst keeps the chain and does not count": {
			arrivals: []Arrival{{ID: 1, Person: 1, Parent: "chen", At: 5, Burst: true}, came(2, 2, "1", 10), came(3, 1, "2", 20)},
			want: map[int64]Verdict{1: {Mark: Burst, Top: "s:" + chen, Root: chen, Depth: 1}, 2: staff(2),
				3: {Mark: Duplicate, Top: "s:" + chen, Root: chen, Depth: 3}},
		},
		"what is settled stays first": {
			arrivals: []Arrival{{ID: 1, Person: 1, Parent: "chen", At: 50, Fixed: true}, came(2, 1, "2", 10)},
			want:     map[int64]Verdict{1: staff(1), 2: {Mark: Duplicate, Top: "c:2", Depth: 1}},
		},
		"an employee's browser is the employee": {
			owners:   map[string]Owner{"chen": {Staff: chen, Person: 1}, "1": {Person: 1}, "2": {Person: 2}},
			arrivals: []Arrival{came(1, 1, "chen", 10), came(2, 2, "1", 20), came(3, 1, "2", 30)},
			want: map[int64]Verdict{1: {Mark: Self, Top: "s:" + chen, Root: chen}, 2: staff(1),
				3: {Mark: Staffer, Top: "s:" + chen, Root: chen, Depth: 2}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.owners == nil {
				c.owners = owners(3)
			}
			require.Equal(t, c.want, Judge(c.arrivals, c.owners))
		})
	}
}

// drawn is any history of one page.
func drawn(t *rapid.T) ([]Arrival, map[string]Owner) {
	people := rapid.IntRange(1, 7).Draw(t, "people")
	own := owners(people)
	own["li"] = Owner{Staff: "ww1/li", Person: int64(rapid.IntRange(0, people).Draw(t, "li's browser"))}
	tokens := []string{"chen", "li", "forged"}
	for i := 1; i <= people; i++ {
		tokens = append(tokens, fmt.Sprint(i))
	}
	var list []Arrival
	for i := range rapid.IntRange(1, 14).Draw(t, "arrivals") {
		list = append(list, Arrival{ID: int64(i + 1), Person: int64(rapid.IntRange(1, people).Draw(t, "person")), Parent: rapid.SampledFrom(tokens).Draw(t, "token"), Own: "own",
			At: int64(rapid.IntRange(1, 9).Draw(t, "at")), Bot: rapid.IntRange(0, 5).Draw(t, "bot") == 0})
	}
	return list, own
}

func TestJudge_any_order_gives_the_same_verdicts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list, own := drawn(t)
		want := Judge(list, own)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 1))
		for range 5 {
			r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			require.Equal(t, want, Judge(list, own))
		}
	})
}

func TestJudge_ties_make_trees_and_count_a_person_once(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list, own := drawn(t)
		got := Judge(list, own)
		counted := map[int64]int{}
		for _, a := range list {
			v := got[a.ID]
			if ties(v.Mark) {
				counted[a.Person]++
				require.NotEqual(t, a.Person, own[a.Parent].Person)
				require.NotEqual(t, "forged", a.Parent)
				require.False(t, a.Bot)
			}
			require.LessOrEqual(t, v.Depth, len(list)+1)
			require.Equal(t, StaffTop(v.Top), v.Root)
		}
		for person, n := range counted {
			require.Equal(t, 1, n, "person %d counts once", person)
		}
	})
}

func TestJudge_of_what_lies_upward_is_that_of_all(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list, own := drawn(t)
		all := Judge(list, own)
		for _, a := range list {
			people := []int64{a.Person}
			var part []Arrival
			for i := 0; i < len(people); i++ {
				for _, x := range list {
					if x.Person != people[i] {
						continue
					}
					part = append(part, x)
					if p := own[x.Parent].Person; p != 0 && !slices.Contains(people, p) {
						people = append(people, p)
					}
				}
			}
			require.Equal(t, all[a.ID], Judge(part, own)[a.ID])
		}
	})
}
