package setting_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/setting"
)

var epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func change(key, body string) setting.Change {
	return setting.Change{Kind: setting.KindTag, Key: key, Body: json.RawMessage(body)}
}

func TestStore(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		clk := clock.NewManual(epoch)
		store := setting.New(s, clk)
		told := 0
		store.OnChange(func() { told++ })
		var hot setting.Item

		t.Run("puts definitions in force, in one transaction", func(t *testing.T) {
			got, err := store.Apply(ctx, []setting.Change{change("hot", `{"label":"高意向"}`), change("cold", `{"label":"低意向"}`)}, "zhou")
			require.NoError(t, err)
			require.Len(t, got, 2)
			require.NotEqual(t, got[0].ID, got[1].ID)
			hot = got[0]
			require.EqualValues(t, 1, hot.Rev)
			require.Equal(t, "zhou", hot.UpdatedBy)
			require.Equal(t, 1, told)

			_, err = store.Apply(ctx, []setting.Change{change("third", `{}`), change("broken", `{`)}, "zhou")
			require.True(t, fault.Is(err, fault.Invalid), "%v", err)
			_, err = store.Get(ctx, setting.KindTag, "third")
			require.True(t, fault.Is(err, fault.NotFound), "%v", err)
			require.Equal(t, 1, told)
		})
		t.Run("takes the same meaning in another spelling for no change", func(t *testing.T) {
			got, err := store.Apply(ctx, []setting.Change{change("hot", " { \"label\" : \"高意向\" }\n")}, "chen")
			require.NoError(t, err)
			require.Empty(t, got)
			require.Equal(t, 1, told)
		})
		t.Run("keeps every version as it was", func(t *testing.T) {
			clk.Advance(time.Hour)
			got, err := store.Apply(ctx, []setting.Change{change("hot", `{"label":"热"}`)}, "chen")
			require.NoError(t, err)
			require.Equal(t, hot.ID, got[0].ID)
			require.EqualValues(t, 2, got[0].Rev)
			old, err := store.Version(ctx, hot.ID, 1)
			require.NoError(t, err)
			require.Equal(t, hot, old, "its time and author too")
			_, err = store.Version(ctx, hot.ID, 3)
			require.True(t, fault.Is(err, fault.NotFound))
		})
		t.Run("refuses an editor who saw another version", func(t *testing.T) {
			c := change("hot", `{"label":"温"}`)
			c.IfRev = 1
			_, err := store.Apply(ctx, []setting.Change{c}, "zhou")
			require.True(t, fault.Is(err, fault.Conflict), "%v", err)
			c.IfRev = 2
			_, err = store.Apply(ctx, []setting.Change{c}, "zhou")
			require.NoError(t, err)
		})
		t.Run("gives a definition that comes back its old id", func(t *testing.T) {
			gone := setting.Change{Kind: setting.KindTag, Key: "cold", Delete: true}
			got, err := store.Apply(ctx, []setting.Change{gone}, "zhou")
			require.NoError(t, err)
			require.Len(t, got, 1)
			list, err := store.List(ctx, setting.KindTag)
			require.NoError(t, err)
			require.Len(t, list, 1)
			again, err := store.Apply(ctx, []setting.Change{gone}, "zhou")
			require.NoError(t, err)
			require.Empty(t, again)
			back, err := store.Apply(ctx, []setting.Change{change("cold", `{"label":"低意向"}`)}, "zhou")
			require.NoError(t, err)
			require.Equal(t, got[0].ID, back[0].ID)
			require.EqualValues(t, 3, back[0].Rev)
		})
		t.Run("says what no column takes", func(t *testing.T) {
			for _, c := range []setting.Change{change(strings.Repeat("k", 97), `{}`), change("", `{}`), change("blank ", `{}`), change("list", `[]`), {Kind: strings.Repeat("k", 33), Key: "k", Body: json.RawMessage(`{}`)}} {
				_, err := store.Apply(ctx, []setting.Change{c}, "zhou")
				require.True(t, fault.Is(err, fault.Invalid), "%q/%q: %v", c.Kind, c.Key, err)
			}
			_, err := store.Apply(ctx, []setting.Change{change("long", `{}`)}, "cli:"+strings.Repeat("名", 200))
			require.NoError(t, err, "a long name of the author is no reason to refuse")
		})
	})
}

// Two nodes that apply at the same time get one definition per key, and ids of their own.
func TestStore_Apply_by_two_nodes_at_once(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		const rounds, nodes = 15, 4
		var wg sync.WaitGroup
		for n := range nodes {
			store := setting.New(s, clock.NewManual(epoch))
			wg.Go(func() {
				for i := range rounds {
					_, err := store.Apply(ctx, []setting.Change{
						change(fmt.Sprint("shared", i), `{"label":"同一个"}`),
						change(fmt.Sprint("own", n, "_", i), `{}`),
						change("counted", fmt.Sprintf(`{"n":"%d/%d"}`, n, i)),
					}, "node")
					if !fault.Is(err, fault.Unavailable) { // too busy is an honest answer
						require.NoError(t, err)
					}
				}
			})
		}
		wg.Wait()
		var n int
		require.NoError(t, s.Koi.QueryRow(ctx, "SELECT COUNT(*) FROM (SELECT kind, skey FROM settings WHERE current=1 GROUP BY kind, skey HAVING COUNT(*)>1) x").Scan(&n))
		require.Zero(t, n, "keys in force twice")
		require.NoError(t, s.Koi.QueryRow(ctx, "SELECT COUNT(*) FROM (SELECT id FROM settings GROUP BY id HAVING COUNT(DISTINCT skey)>1) x").Scan(&n))
		require.Zero(t, n, "ids of two definitions")
		list, err := setting.New(s, clock.NewManual(epoch)).List(ctx)
		require.NoError(t, err)
		require.Len(t, list, rounds+nodes*rounds+1)
	})
}

func TestStore_Apply_by_two_editors_of_one_revision(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		one := setting.New(s, clock.NewManual(epoch))
		_, err := one.Apply(ctx, []setting.Change{change("hot", `{}`)}, "zhou")
		require.NoError(t, err)
		var wg sync.WaitGroup
		errs := make([]error, 6)
		for i := range errs {
			wg.Go(func() {
				c := change("hot", fmt.Sprintf(`{"n":"%d"}`, i))
				c.IfRev = 1
				_, errs[i] = setting.New(s, clock.NewManual(epoch)).Apply(ctx, []setting.Change{c}, "zhou")
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else {
				require.True(t, fault.Is(err, fault.Conflict), "%v", err)
			}
		}
		require.Equal(t, 1, won)
	})
}

func TestStore_Watch_tells_what_another_node_changed(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		here, there := setting.New(s, clock.NewManual(epoch)), setting.New(s, clock.NewManual(epoch))
		// Read at start; then the other node changes something before this one begins to watch.
		_, err := here.List(t.Context())
		require.NoError(t, err)
		_, err = there.Apply(t.Context(), []setting.Change{change("hot", `{}`)}, "zhou")
		require.NoError(t, err)
		told := make(chan struct{}, 10)
		here.OnChange(func() { told <- struct{}{} })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- here.Watch(ctx) }()
		next := func() {
			t.Helper()
			select {
			case <-told:
			case <-time.After(10 * time.Second):
				t.Fatal("not told")
			}
		}
		next()
		_, err = there.Apply(t.Context(), []setting.Change{change("hot", `{"label":"热"}`)}, "zhou")
		require.NoError(t, err)
		next()
		cancel()
		require.NoError(t, <-done)
	})
}

func TestCanonical_refuses_what_is_no_document_or_several(t *testing.T) {
	t.Parallel()
	for _, in := range []string{``, `{`, `{} {}`, `{}x`} {
		_, err := setting.Canonical(json.RawMessage(in))
		require.Error(t, err, "%s", in)
	}
}
