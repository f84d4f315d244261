package rule

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
)

// benchRules are as many as a busy company has, of every kind.
func benchRules(t testing.TB) []*Tree {
	scope := testScope(shanghai)
	var out []*Tree
	for i := range 10 {
		for _, n := range []Node{
			{All: []Node{{Leaf: "field", Key: "city", Op: "in", Value: value([]string{"上海", "杭州", fmt.Sprint(i)})}, {Leaf: "score", Key: "intent", Op: "ge", Value: value(40 + i)}}},
			{All: []Node{{Leaf: "event", Key: event.PageViewed, Op: "ge", Value: value(2), Days: 7 + i}, {Not: &Node{Leaf: "tag", Op: "any", Value: value([]string{"rival"})}}}},
			{Any: []Node{{Leaf: "grid", Op: "in", Value: value([]string{"A1", "A2", "B1", "B2"})}, {Leaf: "score", Key: "intent", Op: "ge", Value: value(80)}}},
			{All: []Node{{Leaf: "reachable", Op: "yes"}, {Leaf: "stage", Op: "in", Value: value([]string{"mql"})}, {Leaf: "last_active", Op: "not_last", Value: value(30)}}},
		} {
			out = append(out, decode(t, scope, n))
		}
	}
	return out
}

// BenchmarkMatch asks one person 40 rules.
func BenchmarkMatch(b *testing.B) {
	rules := benchRules(b)
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, shanghai).UnixMilli()
	p := NewPerson(&contact.Person{ID: 1, LastActive: now, Values: map[string]contact.Value{"city": {Norm: "上海"}},
		Identities: []contact.PersonIdentity{{Kind: event.KindPhone}}})
	p.Stage = "mql"
	p.Scores[11] = Score{Stored: fading(60*Micro, 20_779)}
	p.Tags[1] = Tag{At: now}
	for _, r := range rules {
		for _, s := range r.Counted() {
			k := p.Counted.of(s.ID)
			for d := range int32(5) {
				k.add(true, 1, 0, 20_775+d)
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, r := range rules {
			r.Match(p, now)
		}
	}
}

// Not parallel: AllocsPerRun counts everybody's allocations.
func TestMatch_allocates_nothing(t *testing.T) {
	rules := benchRules(t)
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, shanghai).UnixMilli()
	p := NewPerson(&contact.Person{ID: 1, Values: map[string]contact.Value{"city": {Norm: "上海"}}})
	require.Zero(t, testing.AllocsPerRun(10, func() {
		for _, r := range rules {
			r.Match(p, now)
		}
	}))
}

// BenchmarkCounters_Apply passes events nobody asks about, and events that several questions count.
func BenchmarkCounters_Apply(b *testing.B) {
	var specs []*Spec
	for _, r := range benchRules(b) {
		specs = append(specs, r.Counted()...)
	}
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, shanghai).UnixMilli()
	for name, typ := range map[string]string{"asked by nobody": event.FormSubmitted, "asked": event.PageViewed} {
		b.Run(name, func(b *testing.B) {
			c := NewCounters(contact.NewStage(nil), NewPeople(), testSchema, shanghai)
			var list []*slot
			for i, s := range specs {
				list = append(list, &slot{Spec: s, num: uint32(i)})
			}
			c.live = newSlots(list)
			c.day = 20_779
			p := NewPerson(&contact.Person{ID: 1})
			e := &event.Event{Type: typ, ContactID: 1, OccurredAt: now}
			b.ReportAllocs()
			for b.Loop() {
				for _, s := range c.live.byType[e.Type] {
					c.tally(s.Spec, &p.Counted, e)
				}
			}
		})
	}
}

// BenchmarkCounted_pack is what a person costs a batch: unpack, pack, and how many bytes.
func BenchmarkCounted_pack(b *testing.B) {
	var k Counted
	for id := range CounterID(20) {
		for d := range int32(7) {
			k.of(id).add(id%2 == 0, 1, int64(d)*86_400_000, 20_700+d)
		}
	}
	num := func(id CounterID) (uint32, bool) { return uint32(id), true }
	body := k.pack(num)
	b.ReportAllocs()
	for b.Loop() {
		var again Counted
		if again.unpack(body, func(n uint32) (CounterID, bool) { return CounterID(n), true }) != nil || len(again.pack(num)) != len(body) {
			b.Fatal("not the same")
		}
	}
	b.ReportMetric(float64(len(body)), "bytes/person")
}
