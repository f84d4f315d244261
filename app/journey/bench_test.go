package journey

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
)

// BenchmarkApply is what an event costs that concerns no journey, with the three starter journeys live: the
// budget is 3 µs. It measures this stage alone.
func BenchmarkApply(b *testing.B) {
	for _, c := range []struct {
		name string
		make func(r *rig, i int) *event.Event
	}{
		{"nothing listens", func(r *rig, i int) *event.Event { return r.act(fmt.Sprint("o", i%500), event.PageViewed, nil) }},
		{"a trigger listens and declines", func(r *rig, i int) *event.Event { return r.say(fmt.Sprint("o", i%500), "你好") }},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := newRig(b, dbtest.SQLite(b))
			r.publish(starters(b)...)
			var events []*event.Event
			for i := range 500 {
				e := c.make(r, i)
				e.Key = fmt.Sprint(i)
				events = append(events, e)
			}
			r.batch(events...)
			bt := event.NewBatch(r.now, r.now, 1, events)
			require.NoError(b, r.stores.Koi.Tx(b.Context(), func(tx *db.Tx) error {
				for _, s := range r.stages[1:] { // the seen stage would mark them repeats
					if err := s.Load(b.Context(), tx, bt); err != nil {
						return err
					}
				}
				b.ReportAllocs()
				b.ResetTimer()
				for i := range b.N {
					if err := r.stage.Apply(bt, events[i%len(events)]); err != nil {
						return err
					}
				}
				b.StopTimer()
				return nil
			}))
			require.Empty(b, r.runs())
		})
	}
}

// BenchmarkLoad is what a batch of 500 people without any run costs before the first event.
func BenchmarkLoad(b *testing.B) {
	r := newRig(b, dbtest.SQLite(b))
	r.publish(starters(b)...)
	var events []*event.Event
	for i := range 500 {
		e := r.act(fmt.Sprint("o", i), event.PageViewed, nil)
		e.Key = fmt.Sprint(i)
		events = append(events, e)
	}
	r.batch(events...)
	bt := event.NewBatch(r.now, r.now, 1, events)
	require.NoError(b, r.stores.Koi.Tx(b.Context(), func(tx *db.Tx) error {
		if err := r.contacts.Load(b.Context(), tx, bt); err != nil {
			return err
		}
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			if err := r.stage.Load(b.Context(), tx, bt); err != nil {
				return err
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/500, "µs/event")
		return nil
	}))
}
