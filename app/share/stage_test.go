package share

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/rule/ruletest"
)

const page = "white-paper"

var monday = time.Date(2026, 11, 23, 10, 0, 0, 0, ruletest.Zone)

type rig struct {
	*ruletest.Rig
	t     testing.TB
	stage *Stage
	dir   *Directory
	now   time.Time
	size  int
	told  []*event.Event
}

func newRig(t testing.TB, s *db.Stores) *rig {
	r := &rig{Rig: ruletest.New(t, s), t: t, now: monday, size: 100}
	r.stage = NewStage(r.Contacts, keys(t))
	r.dir = NewDirectory(s.Koi)
	r.Use(r.stage)
	return r
}

func (r *rig) token(visitor string) string { return Token(r.stage.keys, page, Visitor(visitor)) }
func (r *rig) staff() string               { return Token(r.stage.keys, page, Staff(chen)) }

// run passes events, then whatever is due.
func (r *rig) run(events ...*event.Event) {
	r.t.Helper()
	for _, e := range events {
		if at := time.UnixMilli(e.OccurredAt); at.After(r.now) {
			r.now = at
		}
	}
	r.Run(r.t, r.now, r.size, events...)
	r.settle()
}

func (r *rig) settle() {
	r.t.Helper()
	for {
		var due []*event.Event
		require.NoError(r.t, r.DB.Tx(r.t.Context(), func(tx *db.Tx) (err error) {
			due, err = r.stage.Due(r.t.Context(), tx, clock.Ms(r.now), r.size)
			return err
		}))
		if len(due) == 0 {
			return
		}
		for _, e := range due {
			e.Source = "timer"
		}
		r.Run(r.t, r.now, r.size, due...)
		r.told = append(r.told, r.Of(event.PageShareOpened)...)
	}
}

// beacon is that a browser opened the page.
func beacon(visitor, share string, at time.Duration) *event.Event {
	return &event.Event{Type: event.PageViewed, Key: fmt.Sprint(visitor, share, at), Source: "t", Lane: event.Normal, Share: share, ObjectType: "page", ObjectID: page,
		Identities: []event.Identity{{Kind: event.KindVisitor, Value: visitor}}, OccurredAt: clock.Ms(monday.Add(at)), Props: event.Props{"net": "n-" + visitor}}
}

func (r *rig) minted(more ...event.Identity) *event.Event {
	return &event.Event{Type: event.CommandShare, Source: "console", Lane: event.Priority, Identities: more,
		Props: event.Props{"page": page, "token": r.staff(), "staff": chen}}
}

// show is the tree below a token, a line each.
func (r *rig) show(token string) []string {
	r.t.Helper()
	tree, err := r.dir.Tree(r.t.Context(), token, 1000)
	require.NoError(r.t, err)
	var out []string
	var walk func(list []*Open, indent string)
	walk = func(list []*Open, indent string) {
		for _, o := range list {
			out = append(out, fmt.Sprintf("%s%s d%d %s %s%s", indent, r.who(o.Person), o.Depth, o.State, o.Mark, o.Root))
			walk(o.Children, indent+" ")
		}
	}
	walk(tree.Children, "")
	return out
}

// who names a person by their first browser.
func (r *rig) who(person int64) string {
	return r.Rows(r.t, "SELECT MIN(value) FROM identities WHERE kind='visitor' AND contact_id=?", person)[0]
}

func TestStage_a_chain_from_the_employee_over_three_levels(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.run(r.minted(event.Identity{Kind: event.KindVisitor, Value: "v_chen"}))
		r.run(beacon("v_chen", r.staff(), 1*time.Minute))
		r.run(beacon("v_1", r.staff(), 2*time.Minute))
		r.run(beacon("v_2", r.token("v_1"), 3*time.Minute), beacon("v_3", r.token("v_2"), 4*time.Minute))
		r.run(beacon("v_3", r.token("v_2"), 9*time.Minute), beacon("v_3", r.staff(), 10*time.Minute))
		require.Equal(t, []string{
			"v_chen d0 none self" + chen,
			"v_1 d1 pending " + chen,
			" v_2 d2 pending " + chen,
			"  v_3 d3 pending " + chen,
			"v_3 d1 none duplicate" + chen,
		}, r.show(r.staff()))
		require.Len(t, r.told, 3)
		last := r.told[2]
		require.Equal(t, page, last.ObjectID)
		require.Equal(t, "chenjing", last.Staff)
		require.Equal(t, "ww1", last.Account)
		require.Equal(t, r.token("v_2"), last.Share)
		require.Equal(t, 3, last.Props["depth"])
		require.Equal(t, chen, last.Props["root"])
		require.Equal(t, "v_2", r.who(last.ContactID), "told of the one who shared")
		require.Zero(t, r.told[0].ContactID, "the employee is no customer")

		// What the employee's own browser passes on is the employee's too.
		r.run(beacon("v_4", r.token("v_chen"), 11*time.Minute))
		require.Equal(t, []string{"v_4 d1 pending " + chen}, r.show(r.token("v_chen")))
		tree, err := r.dir.Tree(t.Context(), r.token("v_2"), 10)
		require.NoError(t, err)
		require.Len(t, tree.Path, 3)
		require.Equal(t, chen, tree.Path[0].Staff)

		// A day later it is settled.
		r.now = monday.Add(25 * time.Hour)
		r.settle()
		require.Equal(t, []string{"v_1 d1 settled " + chen, " v_2 d2 settled " + chen, "  v_3 d3 settled " + chen}, r.show(r.staff())[1:4])
		list, next, err := r.dir.List(t.Context(), Filter{Page: page, Limit: 10})
		require.NoError(t, err)
		require.Zero(t, next)
		require.Len(t, list, 1)
		require.Equal(t, Tally{Opens: 6, Counted: 4, Newcomers: 4, Settled: 4, Depth: 3}, list[0].Tally)
		require.Equal(t, r.staff(), list[0].Token)
		sums, err := r.dir.Sums(t.Context(), ByStaff, "", nil)
		require.NoError(t, err)
		require.Equal(t, chen, sums[0].Key)
		require.EqualValues(t, 4, sums[0].Settled)
		next64, err := r.stage.Next(t.Context(), r.DB)
		require.NoError(t, err)
		require.Zero(t, next64, "nothing is left to judge")
	})
}

func TestStage_a_forged_token_never_counts_and_a_late_owner_is_linked(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		forged := "s_" + "AAAAAAAAAAAAAAAAAAAAAA"
		require.True(t, IsToken(forged))
		r.run(beacon("v_1", forged, time.Minute), beacon("v_2", r.token("v_9"), 2*time.Minute), beacon("v_3", r.token("v_2"), 3*time.Minute))
		_, err := r.dir.Tree(t.Context(), forged, 10)
		require.True(t, fault.Is(err, fault.NotFound))
		require.Equal(t, []string{"v_3 d1 pending "}, r.show(r.token("v_2")))
		require.Len(t, r.told, 1)
		r.now = monday.Add(30 * time.Hour)
		r.settle()

		// v_9's own beacon was under way all the time: an employee had brought them.
		r.run(r.minted(), beacon("v_9", r.staff(), 30*time.Second))
		require.Equal(t, []string{"v_9 d1 pending " + chen, " v_2 d2 pending " + chen, "  v_3 d3 settled " + chen}, r.show(r.staff()))
		require.Len(t, r.told, 3)
		require.Equal(t, []string{"waiting"}, r.states(forged))
		list, _, err := r.dir.List(t.Context(), Filter{Limit: 10})
		require.NoError(t, err)
		require.Len(t, list, 1, "v_2 stands first no more")

		// The token of another page says nothing about this one.
		other := Token(r.stage.keys, "price", Visitor("v_9"))
		b := beacon("v_9", "", time.Hour)
		b.ObjectID = "price"
		r.run(b, beacon("v_5", other, 2*time.Hour))
		require.Empty(t, r.states(other))
	})
}

func (r *rig) states(parent string) []string {
	var out []string
	for _, o := range r.open("parent=?", parent) {
		out = append(out, o.State.String())
	}
	return out
}

func (r *rig) open(where string, args ...any) []*Open {
	r.t.Helper()
	var out []*Open
	for _, id := range r.Rows(r.t, "SELECT id FROM share_opens WHERE "+where+" ORDER BY id", args...) {
		var n int64
		_, err := fmt.Sscan(id, &n)
		require.NoError(r.t, err)
		o, err := r.dir.Get(r.t.Context(), n)
		require.NoError(r.t, err)
		out = append(out, o)
	}
	return out
}

func TestStage_bots_bursts_and_reversals(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.run(r.minted())
		bot := beacon("v_1", r.staff(), time.Minute)
		bot.Props["bot"] = true
		r.run(bot)
		require.Equal(t, []string{"v_1 d1 none bot" + chen}, r.show(r.staff()))
		r.run(beacon("v_1", r.staff(), 2*time.Minute)) // fetched in advance, and then opened by a human being
		require.Equal(t, []string{"v_1 d1 pending " + chen}, r.show(r.staff()))

		r.run(&event.Event{Type: event.CommandShareSettle, Source: "console", Props: event.Props{"credit": r.open("1=1")[0].Credit, "action": "reverse", "reason": "与员工协商"}})
		require.Equal(t, Reversed, r.open("1=1")[0].State)
		require.Equal(t, "与员工协商", r.open("1=1")[0].Reason)

		var many []*event.Event
		for i := range burstSize + 2 {
			e := beacon(fmt.Sprintf("v_many%02d", i), r.staff(), 20*time.Minute+time.Duration(i)*time.Second)
			e.Props["net"] = "one place"
			many = append(many, e)
		}
		r.told = nil
		r.run(many...)
		require.Empty(t, r.told)
		for _, o := range r.open("net='one place'") {
			require.Equal(t, Burst, o.Mark)
			require.Equal(t, NotCounted, o.State)
		}
		r.now = monday.Add(48 * time.Hour)
		r.settle()
		require.Equal(t, Reversed, r.open("1=1")[0].State, "settlement does not bring it back")
	})
}

func TestStage_a_merge_turns_a_share_into_ones_own(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		u := event.Identity{Kind: event.KindUnionID, Value: "u1"}
		at := func(visitor string, d time.Duration, more ...event.Identity) *event.Event {
			e := beacon(visitor, "", d)
			e.Identities = append(e.Identities, more...)
			return e
		}
		r.run(r.minted(), beacon("v_1", r.staff(), time.Minute), at("v_1", 2*time.Minute, u))
		r.run(beacon("v_2", r.token("v_1"), 3*time.Minute), beacon("v_3", r.token("v_2"), 4*time.Minute), beacon("v_3", r.staff(), 5*time.Minute))
		require.Equal(t, []string{"v_1 d1 pending " + chen, " v_2 d2 pending " + chen, "  v_3 d3 pending " + chen, "v_3 d1 none duplicate" + chen}, r.show(r.staff()))
		r.now = monday.Add(25 * time.Hour)
		r.settle()
		require.Equal(t, Settled, r.open("parent=?", r.token("v_1"))[0].State)

		// The second browser is the first person's as well.
		r.run(at("v_2", 26*time.Hour, u))
		o := r.open("parent=?", r.token("v_1"))[0]
		require.Equal(t, Reversed, o.State)
		require.Equal(t, Self, o.Mark)
		require.Contains(t, o.Reason, "本人")
		require.Equal(t, []string{"v_1 d1 settled " + chen, " v_1 d1 reversed self" + chen, " v_3 d2 settled " + chen, "v_3 d1 none duplicate" + chen}, r.show(r.staff()))
	})
}

func TestStage_keeps_the_root_over_many_hops(t *testing.T) {
	t.Parallel()
	r := newRig(t, dbtest.SQLite(t))
	events := []*event.Event{r.minted(), beacon("v_0", r.staff(), time.Minute)}
	for i := 1; i < 40; i++ {
		events = append(events, beacon(fmt.Sprintf("v_%d", i), r.token(fmt.Sprintf("v_%d", i-1)), time.Duration(i+1)*time.Minute))
	}
	r.run(events...)
	last := r.open("parent=?", r.token("v_38"))[0]
	require.Equal(t, chen, last.Root)
	require.Equal(t, 40, last.Depth)
}

// TestStage_any_order_and_any_batch_size_conclude_the_same: of the same facts, in whatever order and company
// they come.
func TestStage_any_order_and_any_batch_size_conclude_the_same(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		for seed := range uint64(12) {
			g := rand.New(rand.NewPCG(seed, 7))
			people := 2 + g.IntN(5)
			facts := func(r *rig, g *rand.Rand) []*event.Event {
				events := []*event.Event{r.minted(event.Identity{Kind: event.KindVisitor, Value: "v_0"})}
				for i := range 1 + g.IntN(14) {
					through := r.staff()
					if n := g.IntN(people+2) - 2; n == -1 {
						through = ""
					} else if n >= 0 {
						through = r.token(fmt.Sprintf("v_%d", n))
					}
					e := beacon(fmt.Sprintf("v_%d", g.IntN(people)), through, time.Duration(1+g.IntN(20))*time.Minute)
					e.Key += fmt.Sprint(i)
					e.ReceivedAt = clock.Ms(monday.Add(time.Hour))
					if g.IntN(6) == 0 {
						e.Props["bot"] = true
					}
					events = append(events, e)
				}
				return events
			}
			var want []string
			for try, size := range []int{1, 3, 100} {
				clearAll(t, s)
				r := newRig(t, s)
				r.size, r.now = size, monday.Add(time.Hour)
				events := facts(r, rand.New(rand.NewPCG(seed, 8)))
				g.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
				for part := range slices.Chunk(events, 1+g.IntN(len(events))) {
					r.run(part...)
				}
				got := r.conclusions()
				if try == 0 {
					want = got
				}
				require.Equal(t, want, got, "seed %d, batches of %d", seed, size)
				r.now = monday.Add(26 * time.Hour)
				r.settle()
				for _, o := range r.open("1=1") {
					switch o.Mark {
					case Counted:
						require.Equal(t, Settled, o.State)
					case Unknown:
						require.Equal(t, Waiting, o.State)
					default:
						require.Equal(t, NotCounted, o.State)
					}
				}
			}
		}
	})
}

// conclusions are the arrivals by the names of browsers, since ids go by the order of events.
func (r *rig) conclusions() []string {
	var out []string
	for _, o := range r.open("1=1") {
		top := o.Top
		if id := ContactTop(top); id != 0 {
			top = r.who(id)
		}
		out = append(out, fmt.Sprint(r.who(o.Person), " ", o.Parent, " ", o.At, " ", o.Mark, " ", top, " ", o.Root, " ", o.Depth, " ", o.State))
	}
	slices.Sort(out)
	return out
}

func clearAll(t testing.TB, s *db.Stores) {
	ruletest.Clear(t, s)
	require.NoError(t, s.Koi.Tx(context.Background(), func(tx *db.Tx) error {
		for _, table := range []string{"share_tokens", "share_opens", "share_chains"} {
			if _, err := tx.Exec(context.Background(), "DELETE FROM "+table); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestStage_costs_few_statements(t *testing.T) {
	t.Parallel()
	r := newRig(t, dbtest.SQLite(t))
	cost := func(events []*event.Event) (load, flush int) {
		b := event.NewBatch(clock.Ms(monday), clock.Ms(monday), 1, events)
		require.NoError(t, r.DB.Tx(t.Context(), func(tx *db.Tx) error {
			require.NoError(t, r.Contacts.Load(t.Context(), tx, b))
			before := tx.Statements()
			require.NoError(t, r.stage.Load(t.Context(), tx, b))
			load = tx.Statements() - before
			for _, e := range events {
				require.NoError(t, r.Contacts.Apply(b, e))
				require.NoError(t, r.stage.Apply(b, e))
			}
			require.NoError(t, r.Contacts.Flush(t.Context(), tx, b))
			before = tx.Statements()
			require.NoError(t, r.stage.Flush(t.Context(), tx, b))
			flush = tx.Statements() - before
			return nil
		}))
		b.Committed()
		return load, flush
	}
	var calls, beacons []*event.Event
	for i := range 500 {
		c := ruletest.Event(event.OAMenuClicked, fmt.Sprint("o", i), nil)
		c.Seq, c.OccurredAt, c.ReceivedAt = int64(i+1), clock.Ms(monday), clock.Ms(monday)
		calls = append(calls, c)
		e := beacon(fmt.Sprintf("v_%d", i), r.token(fmt.Sprintf("v_%d", i/2)), time.Duration(i)*time.Second)
		e.Seq, e.ReceivedAt = int64(1000+i), e.OccurredAt
		beacons = append(beacons, e)
	}
	load, flush := cost(calls)
	require.Zero(t, load+flush, "a batch without beacons costs nothing")
	load, flush = cost(beacons)
	t.Logf("500 arrivals of 500 new people: %d statements to load, %d to flush", load, flush)
	require.LessOrEqual(t, load, 3)
	require.LessOrEqual(t, flush, 25)
}

// WeChat tells who somebody is a moment before their page is seen: they came by the share all the same.
func TestStage_who_was_recognised_on_the_way_is_a_newcomer(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		r := newRig(t, s)
		r.run(r.minted())
		seen := func(visitor string, at time.Duration) *event.Event {
			return &event.Event{Type: event.PageRecognized, Key: "r" + visitor, Source: "h5", Lane: event.Priority, OccurredAt: clock.Ms(monday.Add(at)),
				Identities: []event.Identity{{Kind: event.KindVisitor, Value: visitor}}}
		}
		r.run(seen("v_new", time.Hour))
		r.run(beacon("v_new", r.staff(), time.Hour+2*time.Second))
		r.run(seen("v_old", time.Hour))
		r.run(beacon("v_old", r.staff(), 2*time.Hour))
		list, _, err := r.dir.List(t.Context(), Filter{Page: page, Limit: 10})
		require.NoError(t, err)
		require.Equal(t, Tally{Opens: 2, Counted: 2, Newcomers: 1, Pending: 2, Depth: 1}, list[0].Tally)

		// What is taken back counts no more.
		tree, err := r.dir.Tree(t.Context(), r.staff(), 10)
		require.NoError(t, err)
		r.run(&event.Event{Type: event.CommandShareSettle, Source: "console", Lane: event.Priority, OccurredAt: clock.Ms(monday.Add(3 * time.Hour)),
			Props: event.Props{"credit": fmt.Sprint(tree.Children[0].Credit), "action": "reverse", "reason": "互点"}})
		list, _, err = r.dir.List(t.Context(), Filter{Page: page, Limit: 10})
		require.NoError(t, err)
		require.EqualValues(t, 1, list[0].Counted)
		require.EqualValues(t, 1, list[0].Reversed)
	})
}
