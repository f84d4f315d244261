package contact_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/setting"
)

// Order between lanes is not promised: what ends a relation is in the normal lane, what begins it in the
// priority one.
func TestStage_relations_whatever_the_order_of_events(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		b := newBench(t, s)
		say := func(typ, openID string, at int64) {
			b.happen(t, event.Event{Type: typ, Account: "wx1", Identities: with(open(openID)), OccurredAt: at})
		}
		friend := func(typ, id string, at int64, state string) {
			b.happen(t, event.Event{Type: typ, Account: "ww1/100", Staff: "wanglei", Identities: with(ext(id)), OccurredAt: at, Props: event.Props{"state": state}})
		}
		t.Run("an unfollow that comes after the follow that came after it", func(t *testing.T) {
			say(event.OAFollowed, "A", epoch+10)
			say(event.OAFollowed, "A", epoch+30)
			say(event.OAUnfollowed, "A", epoch+20)
			p := b.find(t, open("A"))
			require.Len(t, p.Follows, 1)
			require.True(t, p.Follows[0].Active())
			require.Equal(t, epoch+30, p.Follows[0].FollowedAt)
		})
		t.Run("an unfollow that comes before its follow", func(t *testing.T) {
			say(event.OAUnfollowed, "B", epoch+20)
			say(event.OAFollowed, "B", epoch+10)
			p := b.find(t, open("B"))
			require.Len(t, p.Follows, 1)
			require.False(t, p.Follows[0].Active())
			say(event.OAFollowed, "B", epoch+30)
			require.True(t, b.find(t, open("B")).Follows[0].Active())
		})
		t.Run("a repeated follow from before", func(t *testing.T) {
			say(event.OAFollowed, "C", epoch+30)
			say(event.OAFollowed, "C", epoch+10)
			require.Equal(t, epoch+30, b.find(t, open("C")).Follows[0].FollowedAt)
		})
		t.Run("a parting that comes before its friendship", func(t *testing.T) {
			friend(event.WeComDeletedByCustomer, "X", epoch+20, "")
			friend(event.WeComCustomerAdded, "X", epoch+10, "expo")
			l := link(t, b.find(t, ext("X")), "wanglei")
			require.False(t, l.Friend())
			require.Equal(t, "customer", l.RemovedBy)
			require.Equal(t, epoch+10, l.AddedAt)
			require.Equal(t, "expo", l.State)
			friend(event.WeComCustomerAdded, "X", epoch+30, "")
			require.True(t, link(t, b.find(t, ext("X")), "wanglei").Friend())
		})
	})
}

func TestStage_a_merge_keeps_the_livelier_follow(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		for name, first := range map[string]string{"the one kept": "kept", "the other": "old"} {
			t.Run(name, func(t *testing.T) {
				b := newBench(t, s)
				var seq int64
				require.NoError(t, s.Koi.QueryRow(context.Background(), "SELECT COALESCE(MAX(rev), 0) FROM contacts").Scan(&seq))
				b.seq = seq
				here, there := open(first+"1"), open(first+"2")
				follow := func(id event.Identity, at, until int64) {
					b.happen(t, event.Event{Type: event.OAFollowed, Account: "wx1", Identities: with(id), OccurredAt: at})
					if until > 0 {
						b.happen(t, event.Event{Type: event.OAUnfollowed, Account: "wx1", Identities: with(id), OccurredAt: until})
					}
				}
				if first == "kept" {
					follow(here, epoch+10, 0)
					follow(there, epoch+20, epoch+40)
				} else {
					follow(here, epoch+20, epoch+40)
					follow(there, epoch+10, 0)
				}
				b.happen(t, event.Event{Type: event.PageViewed, Identities: with(here, there, union(first))})
				p := b.find(t, here)
				require.Len(t, p.Follows, 1)
				require.True(t, p.Follows[0].Active())
			})
		}
	})
}

func TestStage_takes_texts_of_any_length(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		b := newBench(t, s)
		// One character that becomes eighteen when it is normalised, and one of four bytes.
		wide, flower := strings.Repeat("ﷺ", 1000), strings.Repeat("🌺", 3000)
		b.happen(t, event.Event{Type: event.PageViewed, Identities: with(open("A")), Props: event.Props{"utm_source": flower, "search_word": wide}})
		b.happen(t, event.Event{Type: event.OAFollowed, Account: "wx1", Identities: with(open("A")), Props: event.Props{"scene": flower}})
		b.happen(t, event.Event{Type: event.WeComCustomerAdded, Account: "ww1/1", Staff: "wanglei", Identities: with(ext("X")), Props: event.Props{"state": flower}})
		b.happen(t, event.Event{Type: event.CommandContactChange, Source: "api", Identities: with(open("A")), Props: event.Props{"set": map[string]any{"name": wide, "city": "🌺\x00 "}}})
		b.happen(t, event.Event{Type: event.FormSubmitted, Identities: with(event.Identity{Kind: event.KindEmail, Value: "a@" + strings.Repeat("ﷺ", 150)})})
		p := b.find(t, open("A"))
		require.NotEmpty(t, p.Values["utm_source"].Text)
		require.Equal(t, "🌺\x00", p.Values["city"].Text)
		require.Equal(t, wide, p.Values["name"].Text)
	})
}

func TestStage_an_identity_without_a_value_names_nobody(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		b := newBench(t, s)
		b.happen(t, event.Event{Type: event.FormSubmitted, Identities: with(cookie("a"), phone("无", false))})
		b.happen(t, event.Event{Type: event.FormSubmitted, Identities: with(cookie("b"), phone("没有", false))})
		require.NotEqual(t, b.find(t, cookie("a")).ID, b.find(t, cookie("b")).ID)
		got := b.happen(t, event.Event{Type: event.FormSubmitted, Identities: with(phone("无", false), union(" "))})
		require.Zero(t, got[0].ContactID)
	})
}

func TestStage_proof_is_needed_on_both_sides(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		events    [][]event.Identity
		a, b      event.Identity
		same      bool
		proposals int
	}{
		"a number someone typed, proven by another": {[][]event.Identity{with(open("A"), phone("13800000000", false)), with(open("B")), with(open("B"), phone("13800000000", true))}, open("A"), open("B"), false, 1},
		"a number typed first and proven later":     {[][]event.Identity{with(open("A"), phone("13800000000", false)), with(open("A"), phone("13800000000", true)), with(ext("X")), with(ext("X"), phone("13800000000", true))}, open("A"), ext("X"), true, 0},
		"a number proven, then typed by its owner":  {[][]event.Identity{with(open("A"), phone("13800000000", true)), with(open("A"), phone("13800000000", false)), with(ext("X")), with(ext("X"), phone("13800000000", true))}, open("A"), ext("X"), true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Run(t, func(t *testing.T, s *db.Stores) {
				b := newBench(t, s)
				for _, ids := range c.events {
					b.happen(t, event.Event{Type: event.PageViewed, Identities: ids})
				}
				require.Equal(t, c.same, b.find(t, c.a).ID == b.find(t, c.b).ID)
				var n int
				require.NoError(t, s.Koi.QueryRow(context.Background(), "SELECT COUNT(*) FROM merge_proposals").Scan(&n))
				require.Equal(t, c.proposals, n)
			})
		})
	}
}

// However many merges it takes, every old id reads the same person, in people and aliases alike, and the
// mirror sees that each of them changed.
func TestStage_chains_of_merges(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		b := newBench(t, s)
		ids := []event.Identity{open("A"), ext("X"), union("U"), cookie("v"), cookie("w"), phone("13800000000", true)}
		for i := len(ids) - 1; i >= 0; i-- {
			b.happen(t, event.Event{Type: event.PageViewed, Identities: with(ids[i])})
		}
		kept := func(id int64) (kept int64) {
			require.NoError(t, s.Koi.QueryRow(ctx, "SELECT merged_into FROM contacts WHERE id=?", id).Scan(&kept))
			return kept
		}
		for _, pair := range [][2]int{{3, 4}, {5, 3}, {0, 5}, {1, 2}, {2, 0}} {
			before := map[int64]int64{}
			for id := range int64(len(ids)) {
				before[id+1] = kept(id + 1)
			}
			b.happen(t, event.Event{Type: event.PageViewed, Identities: with(ids[pair[0]], ids[pair[1]])})
			for id, was := range before {
				var rev int64
				require.NoError(t, s.Koi.QueryRow(ctx, "SELECT rev FROM contacts WHERE id=?", id).Scan(&rev))
				require.True(t, rev == b.seq || kept(id) == was, "contact %d", id)
			}
		}
		one := b.find(t, ids[0])
		for _, id := range ids {
			require.Equal(t, one.ID, b.find(t, id).ID)
		}
		require.Len(t, one.Contacts(), len(ids))
		require.Len(t, one.Identities, len(ids))
		var wrong int
		require.NoError(t, s.Koi.QueryRow(ctx, "SELECT COUNT(*) FROM contact_alias WHERE kept_id<>?", one.ID).Scan(&wrong))
		require.Zero(t, wrong)
		require.NoError(t, s.Koi.QueryRow(ctx, "SELECT COUNT(*) FROM contacts WHERE id<>? AND merged_into<>?", one.ID, one.ID).Scan(&wrong))
		require.Zero(t, wrong)
	})
}

func TestStage_of_two_browsers_the_older_is_kept(t *testing.T) {
	t.Parallel()
	s := dbtest.SQLite(t)
	b := newBench(t, s)
	b.happen(t, event.Event{Type: event.PageViewed, Identities: with(cookie("old"))})
	b.happen(t, event.Event{Type: event.PageViewed, Identities: with(cookie("new"))})
	older := b.find(t, cookie("old")).ID
	b.happen(t, event.Event{Type: event.PageViewed, Identities: with(cookie("new"), cookie("old"))})
	require.Equal(t, older, b.find(t, cookie("new")).ID)
}

func TestCompile_refuses_a_key_no_column_takes(t *testing.T) {
	t.Parallel()
	_, problems := contact.Compile([]setting.Item{{Kind: setting.KindField, Key: strings.Repeat("k", 65), Body: json.RawMessage(`{"label":"方案","type":"text"}`)}})
	require.Len(t, problems, 1)
}

// Who asks for the first account somebody follows, or their first OpenID, must get one answer, whether the
// events came in one batch or in several.
func TestStage_keeps_relations_in_one_order(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		b := newBench(t, s)
		openAt := func(app string) event.Identity {
			return event.Identity{Kind: event.KindOpenID, Scope: app, Value: "o"}
		}
		follow := func(app string) event.Event {
			return event.Event{Type: event.OAFollowed, Account: app, Identities: with(openAt(app))}
		}
		add := func(user string) event.Event {
			return event.Event{Type: event.WeComCustomerAdded, Account: "ww1/1", Staff: user, Identities: with(ext("X"))}
		}
		b.happen(t, event.Event{Type: event.PageViewed, Identities: with(ext("X"))}) // the older, so it is kept
		events := []event.Event{follow("wx9"), follow("wx1"), follow("wx5"), add("zhou"), add("an"), add("li"),
			{Type: event.PageViewed, Identities: with(openAt("wx9"), union("U"))}, {Type: event.PageViewed, Identities: with(openAt("wx1"), union("U"))},
			{Type: event.PageViewed, Identities: with(ext("X"), union("U"))}}
		inMemory := b.together(t, events...)
		stored := b.find(t, ext("X"))
		require.Len(t, stored.Identities, 4)
		require.Equal(t, stored.Identities, inMemory.Identities)
		require.Equal(t, stored.Follows, inMemory.Follows)
		require.Equal(t, stored.Staff, inMemory.Staff)
		require.Equal(t, stored.Contacts(), inMemory.Contacts())
	})
}

// together applies events in one batch and returns the last one's person as the batch left them.
func (b *bench) together(t *testing.T, events ...event.Event) (p *contact.Person) {
	t.Helper()
	var list []*event.Event
	for i := range events {
		b.seq++
		e := &events[i]
		e.Seq, e.OccurredAt = b.seq, epoch+b.seq*1000
		e.ReceivedAt = e.OccurredAt
		list = append(list, e)
	}
	ctx := context.Background()
	require.NoError(t, b.s.Koi.Tx(ctx, func(tx *db.Tx) error {
		batch := event.NewBatch(epoch, epoch, b.seq, list)
		if err := b.stage.Load(ctx, tx, batch); err != nil {
			return err
		}
		for _, e := range list {
			if err := b.stage.Apply(batch, e); err != nil {
				return err
			}
			for todo := batch.TakeDerived(); len(todo) > 0; todo = append(todo[1:], batch.TakeDerived()...) {
				if err := b.stage.Apply(batch, todo[0]); err != nil {
					return err
				}
			}
		}
		p = b.stage.Person(list[len(list)-1].ContactID)
		err := b.stage.Flush(ctx, tx, batch)
		batch.Committed()
		return err
	}))
	return p
}
