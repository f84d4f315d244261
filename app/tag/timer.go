package tag

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/rule"
)

// Due returns tags whose time is over, as events about the person. One whose end was moved meanwhile is
// settled without effect.
func (s *Stage) Due(ctx context.Context, tx *db.Tx, now int64, limit int) ([]*event.Event, error) {
	rows, err := tx.Query(ctx, "SELECT expires_at, contact_id, tag_id FROM tag_expiries WHERE expires_at<=? ORDER BY expires_at, contact_id, tag_id LIMIT ?", now, limit)
	if err != nil {
		return nil, fmt.Errorf("due tags: %w", err)
	}
	var out []*event.Event
	err = db.Each(rows, func(r *sql.Rows) error {
		var x expiry
		if err := r.Scan(&x.at, &x.contact, &x.tag); err != nil {
			return err
		}
		out = append(out, &event.Event{Type: event.TimerTag, ContactID: x.contact, OccurredAt: x.at, ReceivedAt: x.at,
			Props: event.Props{"expires_at": x.at, "contact": x.contact, "tag": x.tag}})
		return nil
	})
	return out, err
}

// Next returns when the next tag ends, or 0 when none does.
func (s *Stage) Next(ctx context.Context, q db.Querier) (int64, error) {
	var at sql.NullInt64
	if err := q.QueryRow(ctx, "SELECT MIN(expires_at) FROM tag_expiries").Scan(&at); err != nil {
		return 0, fmt.Errorf("next tag to end: %w", err)
	}
	return at.Int64, nil
}

// Poisoned gives up on a timer: the tag stays in the table, where conditions no longer see it, and goes
// with the person's next event.
func (s *Stage) Poisoned(ctx context.Context, tx *db.Tx, e *event.Event, _ error) (bool, error) {
	if e.Type != event.TimerTag {
		return false, nil
	}
	return true, settle(ctx, tx, []expiry{expiryOf(e)})
}

func expiryOf(e *event.Event) expiry {
	return expiry{e.Props.Int("expires_at"), e.Props.Int("contact"), e.Props.Int("tag")}
}

// settle deletes the timers that were due. They end in few groups: whole days, few tags.
func settle(ctx context.Context, tx *db.Tx, over []expiry) error {
	groups := map[[2]int64][]int64{}
	for _, x := range over {
		groups[[2]int64{x.at, x.tag}] = append(groups[[2]int64{x.at, x.tag}], x.contact)
	}
	for _, g := range slices.SortedFunc(maps.Keys(groups), func(a, b [2]int64) int { return slices.Compare(a[:], b[:]) }) {
		if err := deleteIn(ctx, tx, "DELETE FROM tag_expiries WHERE expires_at=? AND tag_id=? AND contact_id IN (%s)", groups[g], g[0], g[1]); err != nil {
			return fmt.Errorf("settle tag timers: %w", err)
		}
	}
	return nil
}

// Drifted is the stage's rule.Finder: for each rule about facts, who satisfies it without having its tags,
// and who has what it gave without satisfying it.
func (s *Stage) Drifted(ctx context.Context, q db.Querier, schema *rule.Schema, now int64, extent rule.Extent) ([]int64, error) {
	var out []int64
	for _, r := range s.model.Load().facts {
		if extent == rule.NewDay && !r.when.Uses().Daily {
			continue
		}
		where, args := r.drifted(schema, now)
		rows, err := q.Query(ctx, "SELECT c.id FROM "+schema.Contacts+" c WHERE c.merged_into = 0 AND ("+where+")", args...)
		if err != nil {
			return nil, fmt.Errorf("review tag rule %s: %w", r.Key, err)
		}
		err = db.Each(rows, func(r *sql.Rows) error {
			var id int64
			if err := r.Scan(&id); err != nil {
				return err
			}
			out = append(out, id)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("review tag rule %s: %w", r.Key, err)
		}
	}
	return out, nil
}

// drifted is the SQL of who the rule does not agree with.
func (r *Rule) drifted(schema *rule.Schema, now int64) (string, []any) {
	holds, asked := r.when.Where(schema, now)
	var parts []string
	var args []any
	part := func(not, has string, d Definition, more ...any) {
		parts = append(parts, not+"("+holds+") AND "+has+"EXISTS (SELECT 1 FROM contact_tags t WHERE t.contact_id = c.id AND t.tag_id = ?"+
			map[bool]string{true: " AND t.by_id = ?"}[len(more) > 0]+" AND (t.expires_at = 0 OR t.expires_at > ?))")
		args = append(append(append(append(args, asked...), d.ID), more...), now)
	}
	for _, d := range r.Add {
		part("", "NOT ", d)
		if r.TakesBack {
			part("NOT ", "", d, r.ID)
		}
	}
	for _, d := range r.Remove {
		part("", "", d)
	}
	return strings.Join(parts, " OR "), args
}

// deleteIn deletes the rows of a list of people; before are the arguments that stand before the list.
func deleteIn(ctx context.Context, tx *db.Tx, query string, people []int64, before ...any) error {
	for part := range slices.Chunk(people, 100) {
		if _, err := tx.Exec(ctx, fmt.Sprintf(query, db.Marks(len(part))), append(slices.Clone(before), db.Args(part)...)...); err != nil {
			return err
		}
	}
	return nil
}

func sortedIDs[V any](m map[int64]V) []int64 { return slices.Sorted(maps.Keys(m)) }
