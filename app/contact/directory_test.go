package contact_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
)

// What fits many is asked of people one by one, what fits few is looked up: either way the same people
// are found, in the same order.
func TestDirectory_List_finds_the_same_whether_many_or_few_fit(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		b := newBench(t, s)
		const people, step = 5200, 10 // ids reach back further than the recent people
		var contacts, values, stages, tags [][]any
		var known, named []int64
		for i := range people {
			id := int64((i + 1) * step)
			contacts = append(contacts, []any{id, epoch, epoch, 0, 0, 0})
			name, stage := fmt.Sprintf("客户%d", i), "known"
			switch i % 1000 {
			case 3:
				name = fmt.Sprintf("云帆软件第%d", i)
			case 4:
				stage = "mql"
				tags = append(tags, []any{id, 7, epoch, "manual", 0, 0})
			}
			if stage == "known" {
				known = append(known, id)
			}
			if i%1000 == 3 {
				named = append(named, id)
			}
			values = append(values, []any{id, "name", 0, name, name, epoch})
			stages = append(stages, []any{id, stage, epoch, stage, "", 0, ""})
		}
		require.NoError(t, s.Koi.Tx(ctx, func(tx *db.Tx) error {
			for _, w := range []struct {
				table string
				cols  []string
				rows  [][]any
			}{
				{"contacts", []string{"id", "created_at", "last_active_at", "excluded", "merged_into", "rev"}, contacts},
				{"contact_values", []string{"contact_id", "field", "num", "text", "norm", "at"}, values},
				{"contact_stages", []string{"contact_id", "stage", "at", "reached", "side", "side_at", "side_by"}, stages},
				{"contact_tags", []string{"contact_id", "tag_id", "at", "source", "by_id", "expires_at"}, tags},
			} {
				if err := tx.Insert(ctx, w.table, w.cols, w.rows); err != nil {
					return err
				}
			}
			return nil
		}))
		list := func(f contact.Filter) []int64 {
			found, err := b.dir.List(ctx, f)
			require.NoError(t, err)
			out := []int64{}
			for _, p := range found {
				out = append(out, p.ID)
			}
			return out
		}
		newest := func(ids []int64, n int) []int64 {
			out := []int64{}
			for i := len(ids) - 1; i >= 0 && len(out) < n; i-- {
				out = append(out, ids[i])
			}
			return out
		}
		require.Equal(t, newest(known, 3), list(contact.Filter{Stage: "known", Limit: 3}), "many")
		require.Len(t, list(contact.Filter{Stage: "mql", Limit: 50}), 6, "few")
		require.Empty(t, list(contact.Filter{Stage: "customer", Limit: 50}), "none")
		require.Equal(t, list(contact.Filter{Stage: "mql", Limit: 50}), list(contact.Filter{Tag: 7, Limit: 50}))
		require.Empty(t, list(contact.Filter{Stage: "known", Tag: 7, Limit: 50}))
		require.Equal(t, newest(named, 50), list(contact.Filter{Name: "云帆", Limit: 50}), "among recent people and beyond")
		require.Equal(t, newest(named, 2), list(contact.Filter{Name: "云帆", Limit: 2}), "among recent people")
		require.Equal(t, newest(named[:3], 2), list(contact.Filter{Name: "云帆", Limit: 2, Before: named[3]}), "the next page")
		require.Equal(t, newest(named, 50), list(contact.Filter{Name: "云帆", Stage: "known", Limit: 50}))
		require.Empty(t, list(contact.Filter{Name: "云帆", Stage: "mql", Limit: 50}))

		// By a score, ties included, then those without one; the same people whatever the size of a page.
		points := func(id int64) int64 { return id / step % 7 }
		var scores [][]any
		for _, id := range append(slices.Clone(known[:300]), named...) {
			if !slices.ContainsFunc(scores, func(r []any) bool { return r[0] == id }) {
				scores = append(scores, []any{id, int64(3), points(id), 0, 0, 0, []byte{}})
			}
		}
		scores = append(scores, []any{known[400], int64(4), int64(99), 0, 0, 0, []byte{}}) // of another model
		require.NoError(t, s.Koi.Tx(ctx, func(tx *db.Tx) error {
			return tx.Insert(ctx, "contact_scores", []string{"contact_id", "model_id", "value", "half_life", "base_day", "rev", "marks"}, scores)
		}))
		ranked := func(f contact.Filter, pages int) (out []int64) {
			var after contact.Rank
			for range pages {
				found, next, err := b.dir.Ranked(ctx, f, 3, after)
				require.NoError(t, err)
				for _, p := range found {
					out = append(out, p.ID)
				}
				if next == nil {
					return append(out, 0) // the last page
				}
				after = *next
			}
			return out
		}
		byScore := func(ids []int64) []int64 {
			has := map[int64]bool{}
			for _, r := range scores {
				has[r[0].(int64)] = r[1] == int64(3)
			}
			ids = slices.Clone(ids)
			slices.SortFunc(ids, func(x, y int64) int {
				if has[x] != has[y] {
					return cmp.Compare(len(fmt.Sprint(has[x])), len(fmt.Sprint(has[y]))) // true before false
				}
				if has[x] {
					return cmp.Or(cmp.Compare(points(y), points(x)), cmp.Compare(y, x))
				}
				return cmp.Compare(y, x)
			})
			return ids
		}
		require.Equal(t, byScore(known)[:420], ranked(contact.Filter{Stage: "known", Limit: 42}, 10), "into those without a score")
		require.Equal(t, append(byScore(named), 0), ranked(contact.Filter{Name: "云帆", Limit: 4}, 10), "few")
		require.Equal(t, append(byScore(named), 0), ranked(contact.Filter{Name: "云帆", Stage: "known", Limit: 6}, 10), "the last page is full")
		require.Equal(t, []int64{0}, ranked(contact.Filter{Stage: "customer", Limit: 6}, 10), "none")
	})
}
