package outbox_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/outbox"
)

// cost is what a stage asked of the database for one batch.
type cost struct {
	statements int
	rows       int64
}

// measure runs a batch and returns the costs of the stages by name.
func (d *driver) measure(tb testing.TB, events []*event.Event) map[string]cost {
	r, ctx := d.r, context.Background()
	out := map[string]cost{}
	b := event.NewBatch(r.now(), clock.Ms(r.clock.Wall()), d.rev+1, events)
	stages := []event.Stage{r.stage.Receipts(), r.people, r.reach, r.maker, r.stage}
	note := func(tx *db.Tx, s event.Stage, f func() error) error {
		n, m := tx.Statements(), tx.Rows()
		err := f()
		c := out[s.Name()]
		out[s.Name()] = cost{c.statements + tx.Statements() - n, c.rows + tx.Rows() - m}
		return err
	}
	require.NoError(tb, r.stores.Koi.Tx(ctx, func(tx *db.Tx) error {
		for _, s := range stages {
			if err := note(tx, s, func() error { return s.Load(ctx, tx, b) }); err != nil {
				return err
			}
		}
		var pass func(e *event.Event) error
		pass = func(e *event.Event) error {
			for _, s := range stages {
				if err := s.Apply(b, e); err != nil {
					return err
				}
			}
			for _, kid := range b.TakeDerived() {
				if err := pass(kid); err != nil {
					return err
				}
			}
			return nil
		}
		for _, e := range events {
			if err := pass(e); err != nil {
				return err
			}
		}
		for _, s := range stages {
			if err := note(tx, s, func() error { return s.Flush(ctx, tx, b) }); err != nil {
				return err
			}
		}
		return nil
	}))
	d.rev++
	b.Committed()
	return out
}

// batchOf makes n events of different people, of which every twentieth asks for a message.
func batchOf(r *rig, seq int64, n int, ask order) []*event.Event {
	events := make([]*event.Event, n)
	for i := range events {
		typ, orders := event.OALocationReported, []order(nil)
		if i%20 == 0 {
			typ, orders = event.OAMessageReceived, []order{ask}
		}
		events[i] = r.at(typ, fmt.Sprint("o", i), orders...)
		events[i].Seq = seq + int64(i)
	}
	return events
}

func TestStage_costs_a_handful_of_statements_per_batch(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s, func(o *options) { o.dispatcher.Capacity = 1 << 20 })
		d := &driver{r: r}
		d.measure(t, batchOf(r, 1000, 500, order{Class: outbox.Reply}))
		quiet := d.measure(t, batchOf(r, 2000, 19, order{Class: outbox.Reply})[1:])
		sending := d.measure(t, batchOf(r, 3000, 500, order{Class: outbox.Reply}))
		alerting := d.measure(t, batchOf(r, 4000, 500, alert("zhang")))
		results := make([]*event.Event, 0, 25)
		for i, m := range r.messages(outbox.Filter{State: outbox.Sending})[:25] {
			e := result(r, m.ID, 1, outbox.Sent)
			e.Seq = 5000 + int64(i)
			results = append(results, e)
		}
		applied := d.measure(t, results)
		t.Logf("500 events, 25 replies: outbox %+v, reach %+v", sending["outbox"], sending["reach"])
		t.Logf("500 events, 25 alerts:  outbox %+v, reach %+v", alerting["outbox"], alerting["reach"])
		t.Logf("18 events, no message:  outbox %+v, reach %+v", quiet["outbox"], quiet["reach"])
		t.Logf("25 results:             outbox %+v, receipts %+v, contact %+v, reach %+v", applied["outbox"], applied["receipts"], applied["contact"], applied["reach"])
		require.Equal(t, cost{statements: 2}, quiet["outbox"])
		require.Equal(t, 1, quiet["reach"].statements)
		// A message and its body, in chunks of 16, 8 and 1.
		require.Equal(t, cost{statements: 2 + 2*3, rows: 50}, sending["outbox"])
		require.LessOrEqual(t, alerting["outbox"].statements, 2+2*3+3)
		require.Equal(t, 3+3, applied["outbox"].statements)
		require.Equal(t, 1, applied["receipts"].statements)
		require.Zero(t, applied["contact"], "nobody listens, so nobody is read")
	})
}

// One batch of 500 events in which 25 people get a reply, its results included: what sending adds to a
// batch that only finds people.
func BenchmarkStage_batch(b *testing.B) {
	for _, engine := range []struct {
		name string
		open func(testing.TB) *db.Stores
	}{{"sqlite", dbtest.SQLite}, {"mysql", dbtest.MySQL}} {
		for _, c := range []struct {
			name string
			ask  order
		}{{"no messages", order{}}, {"25 replies", order{Class: outbox.Reply}}, {"25 alerts", alert("zhang")}} {
			b.Run(engine.name+"/"+c.name, func(b *testing.B) {
				r := newRig(b, engine.open(b), func(o *options) {
					o.dispatcher.Capacity = 1 << 20
					o.limits.StaffAlertsHour, o.limits.MemberMinute, o.limits.MemberHour = 1<<30, 1<<30, 1<<30
				})
				d := &driver{r: r}
				seq := int64(1000)
				for b.Loop() {
					b.StopTimer()
					events := batchOf(r, seq, 500, c.ask)
					if c.ask.Class == "" {
						for _, e := range events {
							e.Props = nil
						}
					}
					seq += 1000
					b.StartTimer()
					require.NoError(b, d.run(events, nil))
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/500, "µs/event")
			})
		}
	}
}

// Enqueue alone, with its policy, its key and its seal.
func BenchmarkEnqueue(b *testing.B) {
	r := newRig(b, dbtest.SQLite(b), func(o *options) { o.dispatcher.Capacity = 1 << 30 })
	e := r.says("o1", reply)
	e.Seq = 1
	batch := event.NewBatch(r.now(), r.now(), 1, []*event.Event{e})
	ctx := context.Background()
	err := r.stores.Koi.Tx(ctx, func(tx *db.Tx) error {
		for _, s := range []event.Stage{r.people, r.reach, r.stage} {
			require.NoError(b, s.Load(ctx, tx, batch))
		}
		require.NoError(b, r.people.Apply(batch, e))
		require.NoError(b, r.reach.Apply(batch, e))
		m := outbox.Message{Step: "step", ContactID: e.ContactID, Channel: outbox.WeComApp, Account: weApp, To: "zhang", Class: outbox.Service, Kind: "text",
			Body: []byte(`{"content":"客户 王小明 刚刚查看了报价页，已停留 2 分钟。建议尽快联系。"}`)}
		n := 0
		for b.Loop() {
			n++
			m.To = fmt.Sprint("staff", n%1000)
			cause := &event.Event{Type: e.Type, Seq: int64(n), ContactID: e.ContactID, OccurredAt: e.OccurredAt, ReceivedAt: e.ReceivedAt}
			if err := r.stage.Enqueue(batch, cause, m); err != nil {
				return err
			}
			batch.TakeDerived()
		}
		return errRollback
	})
	require.ErrorIs(b, err, errRollback)
}
