package contact_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/secret"
	"github.com/koi-scrm/koi/app/setting"
)

var epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC).UnixMilli()

// bench applies events to people in batches of one, as the pipeline does, without the rest of it.
type bench struct {
	s     *db.Stores
	keys  *secret.Keys
	stage *contact.Stage
	dir   *contact.Directory
	seq   int64
}

func newBench(t *testing.T, s *db.Stores, items ...setting.Item) *bench {
	t.Helper()
	keys, err := secret.New(make([]byte, secret.MasterSize))
	require.NoError(t, err)
	m, problems := contact.Compile(items)
	require.Empty(t, problems)
	b := &bench{s: s, keys: keys, stage: contact.NewStage(keys), dir: contact.NewDirectory(s.Koi, keys)}
	b.stage.Use(m)
	return b
}

// happen applies one event and returns it with everything it derived.
func (b *bench) happen(t *testing.T, e event.Event) []*event.Event {
	t.Helper()
	b.seq++
	e.Seq = b.seq
	if e.OccurredAt == 0 {
		e.OccurredAt = epoch + b.seq*1000
	}
	e.ReceivedAt = e.OccurredAt
	var all []*event.Event
	require.NoError(t, b.s.Koi.Tx(context.Background(), func(tx *db.Tx) error {
		all = nil
		batch := event.NewBatch(e.ReceivedAt, e.ReceivedAt, b.seq, []*event.Event{&e})
		if err := b.stage.Load(context.Background(), tx, batch); err != nil {
			return err
		}
		todo := []*event.Event{&e}
		for len(todo) > 0 {
			if err := b.stage.Apply(batch, todo[0]); err != nil {
				return err
			}
			all = append(all, todo[0])
			todo = append(todo[1:], batch.TakeDerived()...)
		}
		if err := b.stage.Flush(context.Background(), tx, batch); err != nil {
			return err
		}
		batch.Committed()
		return nil
	}))
	return all
}

func (b *bench) find(t *testing.T, id event.Identity) *contact.Person {
	t.Helper()
	p, err := b.dir.Find(context.Background(), id)
	require.NoError(t, err)
	return p
}

func ext(v string) event.Identity {
	return event.Identity{Kind: event.KindExternal, Scope: "ww1", Value: v}
}
func open(v string) event.Identity {
	return event.Identity{Kind: event.KindOpenID, Scope: "wx1", Value: v}
}
func union(v string) event.Identity { return event.Identity{Kind: event.KindUnionID, Value: v} }
func phone(v string, verified bool) event.Identity {
	return event.Identity{Kind: event.KindPhone, Value: v, Verified: verified}
}
func cookie(v string) event.Identity {
	return event.Identity{Kind: event.KindVisitor, Scope: "site", Value: v}
}

func with(ids ...event.Identity) []event.Identity { return ids }

func TestStage_friendships(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		b := newBench(t, s)
		add := func(user string, at int64, state string) {
			b.happen(t, event.Event{Type: event.WeComCustomerAdded, Account: "ww1/100", Staff: user, Identities: with(ext("X")), OccurredAt: at, Props: event.Props{"state": state}})
		}
		add("wanglei", epoch+10, "expo")
		add("chenjing", epoch+20, "")
		p := b.find(t, ext("X"))
		require.Len(t, p.Staff, 2)
		require.Equal(t, "expo", p.Values["first_channel"].Text)

		b.happen(t, event.Event{Type: event.WeComDeletedByCustomer, Account: "ww1/100", Staff: "wanglei", Identities: with(ext("X")), OccurredAt: epoch + 30})
		l := link(t, b.find(t, ext("X")), "wanglei")
		require.False(t, l.Friend())
		require.Equal(t, "customer", l.RemovedBy)

		add("wanglei", epoch+15, "") // a repeat from before they parted
		require.False(t, link(t, b.find(t, ext("X")), "wanglei").Friend())
		add("wanglei", epoch+40, "again")
		l = link(t, b.find(t, ext("X")), "wanglei")
		require.True(t, l.Friend())
		require.Equal(t, epoch+40, l.AddedAt)
	})
}

func link(t *testing.T, p *contact.Person, user string) contact.StaffLink {
	t.Helper()
	for _, l := range p.Staff {
		if l.UserID == user {
			return l
		}
	}
	t.Fatalf("no link with %s", user)
	return contact.StaffLink{}
}

func TestStage_follows(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		b := newBench(t, s)
		say := func(typ string, at int64) {
			b.happen(t, event.Event{Type: typ, Account: "wx1", Identities: with(open("A")), OccurredAt: at})
		}
		say(event.OAFollowed, epoch+10)
		require.True(t, b.find(t, open("A")).Follows[0].Active())
		say(event.OAUnfollowed, epoch+20)
		say(event.OAFollowed, epoch+10) // late repeat
		require.False(t, b.find(t, open("A")).Follows[0].Active())
		say(event.OAFollowed, epoch+30)
		require.True(t, b.find(t, open("A")).Follows[0].Active())
	})
}

func TestStage_fields(t *testing.T) {
	t.Parallel()
	size := setting.Item{Kind: setting.KindField, Key: "plan", Body: json.RawMessage(`{"label":"方案","type":"choice","options":[{"key":"pro","label":"专业版"}]}`)}
	lists := setting.Item{Kind: contact.KindExclusion, Key: "default", Body: json.RawMessage(`{"email_domains":["yunfan.cn"],"companies":["竞品公司"]}`)}
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		b := newBench(t, s, size, lists)
		change := func(set map[string]any) []*event.Event {
			return b.happen(t, event.Event{Type: event.CommandContactChange, Source: "api", Identities: with(open("A")), Props: event.Props{"set": set, "by": "u1"}})
		}
		got := change(map[string]any{"name": "周敏", "company_size": 300.0, "plan": "pro", "birthday": "1990-05-01", "bant_need": true, "company": " 云帆软件 "})
		p := b.find(t, open("A"))
		require.Equal(t, "周敏", p.Values["name"].Text)
		require.EqualValues(t, 300, p.Values["company_size"].Num)
		require.Equal(t, "云帆软件", p.Values["company"].Norm)
		require.EqualValues(t, 1, p.Values["bant_need"].Num)
		require.Equal(t, event.ContactAttributeChanged, got[len(got)-1].Type)
		require.Equal(t, []any{nil, "pro"}, got[len(got)-1].Props["changes"].(map[string]any)["plan"])

		// Two who saw the same: the second one changes nothing, also when both wait in one line.
		over := func(set, seen map[string]any) []*event.Event {
			return b.happen(t, event.Event{Type: event.CommandContactChange, Source: "api", Identities: with(open("A")), Props: event.Props{"set": set, "seen": seen}})
		}
		seen := map[string]any{"title": nil, "company_size": 300.0, "plan": "pro", "birthday": "1990-05-01", "bant_need": true}
		require.Len(t, over(map[string]any{"title": "经理"}, seen), 2)
		require.Len(t, over(map[string]any{"title": "主管", "city": "杭州"}, seen), 1, "nothing is changed")
		require.Equal(t, "经理", b.find(t, open("A")).Values["title"].Text)
		require.NotContains(t, b.find(t, open("A")).Values, "city")
		require.Len(t, over(map[string]any{"plan": nil}, map[string]any{"plan": "an option of before"}), 1)

		require.Len(t, change(map[string]any{"name": "周敏"}), 1, "no change, no event")
		change(map[string]any{"name": nil, "plan": "none", "nosuch": 1.0, "title": "总监"})
		p = b.find(t, open("A"))
		require.NotContains(t, p.Values, "name")
		require.Equal(t, "pro", p.Values["plan"].Text, "what does not fit is left out")
		require.Equal(t, "总监", p.Values["title"].Text, "the rest is taken")
		require.False(t, p.Excluded)
		change(map[string]any{"company": "竞品公司"})
		require.True(t, b.find(t, open("A")).Excluded)

		b.happen(t, event.Event{Type: event.FormSubmitted, Identities: with(event.Identity{Kind: event.KindEmail, Value: "Li@YunFan.cn "})})
		q := b.find(t, event.Identity{Kind: event.KindEmail, Value: "li@yunfan.cn"})
		require.True(t, q.Excluded, "our own domain")
		require.Equal(t, "yunfan.cn", q.Values["email_domain"].Text)
	})
}

func TestStage_personal_values_are_sealed_and_masked(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		b := newBench(t, s)
		b.happen(t, event.Event{Type: event.FormSubmitted, Identities: with(phone("+86 138-0000-1234", false), event.Identity{Kind: event.KindEmail, Value: "zhou@example.com"})})
		p := b.find(t, phone("13800001234", false))
		var n int
		require.NoError(t, s.Koi.QueryRow(ctx, "SELECT COUNT(*) FROM identities WHERE value LIKE '%1380%' OR value LIKE '%zhou%'").Scan(&n))
		require.Zero(t, n)
		masked, err := b.dir.Masked(ctx, p)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"138****1234", "z***@example.com"}, values(masked))
		clear, err := b.dir.Reveal(ctx, p)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"13800001234", "zhou@example.com"}, values(clear))
		for _, id := range p.Identities {
			require.Empty(t, id.Value)
		}
	})
}

func values(m map[int64]string) (out []string) {
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

func TestStage_who_is_one_person(t *testing.T) {
	t.Parallel()
	// Each case: events in order, each with identities; then pairs that must be one person or must not.
	one, two := true, false
	for name, c := range map[string]struct {
		events    [][]event.Identity
		a, b      event.Identity
		same      bool
		proposals int
	}{
		"a browser that later follows":                 {[][]event.Identity{with(cookie("v")), with(open("A")), with(cookie("v"), open("A"))}, cookie("v"), open("A"), one, 0},
		"a browser seen with two followers":            {[][]event.Identity{with(cookie("v"), open("A")), with(open("B")), with(cookie("v"), open("B"))}, open("A"), open("B"), two, 1},
		"friend and follower with one UnionID":         {[][]event.Identity{with(open("A")), with(ext("X")), with(open("A"), union("U")), with(ext("X"), union("U"))}, open("A"), ext("X"), one, 0},
		"a verified phone number joins":                {[][]event.Identity{with(open("A"), phone("13800000000", true)), with(ext("X"), phone("13800000000", true))}, open("A"), ext("X"), one, 0},
		"a typed phone number only proposes":           {[][]event.Identity{with(open("A"), phone("13800000000", false)), with(ext("X"), phone("13800000000", false))}, open("A"), ext("X"), two, 1},
		"one number behind two UnionIDs only proposes": {[][]event.Identity{with(union("U"), phone("13800000000", true)), with(union("W")), with(union("W"), phone("13800000000", true))}, union("U"), union("W"), two, 1},
		"three become one, one after the other":        {[][]event.Identity{with(open("A")), with(ext("X")), with(union("U")), with(open("A"), union("U")), with(ext("X"), union("U"))}, open("A"), ext("X"), one, 0},
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

func TestStage_a_merge_moves_nothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		b := newBench(t, s)
		b.happen(t, event.Event{Type: event.OAFollowed, Account: "wx1", Identities: with(open("A"))})
		b.happen(t, event.Event{Type: event.WeComCustomerAdded, Account: "ww1/1", Staff: "wanglei", Identities: with(ext("X"))})
		b.happen(t, event.Event{Type: event.CommandContactChange, Source: "api", Identities: with(ext("X")), Props: event.Props{"set": map[string]any{"name": "周敏"}}})
		old, kept := b.find(t, ext("X")).ID, b.find(t, open("A")).ID
		got := b.happen(t, event.Event{Type: event.PageViewed, Identities: with(open("A"), ext("X"), union("U"))})
		require.Equal(t, event.ContactMerged, got[1].Type)
		p := b.find(t, ext("X"))
		require.Equal(t, min(old, kept), p.ID)
		require.Equal(t, "周敏", p.Values["name"].Text)
		require.Len(t, p.Staff, 1)
		require.Len(t, p.Follows, 1)
		require.Len(t, p.Identities, 3)
		var owner int64
		k := contact.Key(b.keys, ext("X"))
		require.NoError(t, s.Koi.QueryRow(ctx, "SELECT contact_id FROM identities WHERE k=?", k[:]).Scan(&owner))
		require.Equal(t, old, owner, "the identity stays where it was, so that the merge can be undone")
		list, err := b.dir.List(ctx, contact.Filter{Limit: 10})
		require.NoError(t, err)
		require.Len(t, list, 1)
		again, err := b.dir.Get(ctx, old)
		require.NoError(t, err)
		require.Equal(t, p.ID, again.ID)
	})
}

func TestDirectory_List(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		b := newBench(t, s)
		for i := range 5 {
			b.happen(t, event.Event{Type: event.CommandContactChange, Source: "api", Identities: with(open(fmt.Sprint(i))),
				Props: event.Props{"set": map[string]any{"name": fmt.Sprintf("客户%d_100%%", i)}}})
		}
		page, err := b.dir.List(ctx, contact.Filter{Limit: 2})
		require.NoError(t, err)
		require.Len(t, page, 2)
		rest, err := b.dir.List(ctx, contact.Filter{Limit: 10, Before: page[1].ID})
		require.NoError(t, err)
		require.Len(t, rest, 3)
		hit, err := b.dir.List(ctx, contact.Filter{Name: "3_100%", Limit: 10})
		require.NoError(t, err)
		require.Len(t, hit, 1)
		none, err := b.dir.List(ctx, contact.Filter{Name: "客户%100", Limit: 10})
		require.NoError(t, err)
		require.Empty(t, none, "% is text, not a wildcard")
		_, err = b.dir.Find(ctx, open("nobody"))
		require.True(t, fault.Is(err, fault.NotFound))
	})
}
