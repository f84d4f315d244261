package share

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
)

func (s *Stage) loadTokens(ctx context.Context, q db.Querier, list []string) error {
	var ask []string
	asked := make(map[string]bool, len(list))
	for _, t := range list {
		if !asked[t] && IsToken(t) && s.tokens[t] == nil {
			ask = append(ask, t)
			asked[t] = true
		}
	}
	err := db.EachIn(ctx, q, "SELECT token, page, staff, contact_id, person_id, at FROM share_tokens WHERE token IN (%s)", ask, nil, func(r *sql.Rows) error {
		t := &token{}
		if err := r.Scan(&t.token, &t.page, &t.staff, &t.contact, &t.person, &t.at); err != nil {
			return err
		}
		s.tokens[t.token] = t
		return nil
	})
	if err != nil {
		return fmt.Errorf("load share tokens: %w", err)
	}
	return nil
}

const openFields = "id, page, parent, own, contact_id, person_id, at, net, bot, newcomer, mark, top, root, depth, state, reason, told, settle_at, due_at"

var openColumns = []string{"id", "page", "parent", "own", "contact_id", "person_id", "at", "net", "bot", "newcomer", "mark", "top", "root", "depth", "state", "reason", "told", "settle_at", "due_at"}

func scanOpen(r *sql.Rows) (*open, error) {
	o := &open{}
	return o, r.Scan(&o.id, &o.page, &o.parent, &o.own, &o.contact, &o.person, &o.at, &o.net, &o.bot, &o.newcomer, &o.Mark, &o.Top, &o.Root, &o.Depth,
		&o.state, &o.reason, &o.told, &o.settleAt, &o.dueAt)
}

// loadOpens reads arrivals by a column; pages narrows where it is not nil.
func (s *Stage) loadOpens(ctx context.Context, q db.Querier, column string, list []int64, pages map[string]bool) error {
	err := db.EachIn(ctx, q, "SELECT "+openFields+" FROM share_opens WHERE "+column+" IN (%s)", list, nil, func(r *sql.Rows) error {
		o, err := scanOpen(r)
		if err != nil || s.opens[o.id] != nil || pages != nil && !pages[o.page] {
			return err
		}
		s.opens[o.id] = o
		at := place{o.person, o.page}
		s.places[at] = append(s.places[at], o)
		return nil
	})
	if err != nil {
		return fmt.Errorf("load arrivals: %w", err)
	}
	return nil
}

// loadDue reads arrivals by id and everything upward of them, level by level: the tokens they came
// through, the people who own those, how these came.
func (s *Stage) loadDue(ctx context.Context, tx *db.Tx, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if err := s.loadOpens(ctx, tx, "id", ids, nil); err != nil {
		return err
	}
	pages, people, looked := map[string]bool{}, map[int64]bool{}, map[string]bool{}
	for _, id := range ids {
		if o := s.opens[id]; o != nil {
			pages[o.page] = true
		}
	}
	if err := s.loadBursts(ctx, tx, ids); err != nil {
		return err
	}
	for {
		var tokens []string
		var next []int64
		for _, o := range s.opens {
			if !pages[o.page] {
				continue
			}
			if !looked[o.parent] {
				looked[o.parent] = true
				tokens = append(tokens, o.parent)
			}
			if !people[o.person] {
				people[o.person] = true
				next = append(next, o.person)
			}
		}
		slices.Sort(tokens)
		if err := s.loadTokens(ctx, tx, tokens); err != nil {
			return err
		}
		for _, t := range s.tokens {
			if t.person != 0 && !people[t.person] {
				people[t.person] = true
				next = append(next, t.person)
			}
		}
		if len(next) == 0 {
			return nil
		}
		slices.Sort(next)
		if err := s.loadOpens(ctx, tx, "person_id", next, pages); err != nil {
			return err
		}
	}
}

// burst is a place and span of time in which arrivals through a token are counted.
type burst struct {
	token, net string
	from       int64
}

func (o *open) burst() burst { return burst{o.parent, o.net, o.at - o.at%burstWindow} }

// loadBursts finds those in which there were too many; only arrivals that are judged now ask for it.
func (s *Stage) loadBursts(ctx context.Context, tx *db.Tx, ids []int64) error {
	var tokens []string
	var from, to int64
	for _, id := range ids {
		o := s.opens[id]
		if o == nil || o.net == "" {
			continue
		}
		if !slices.Contains(tokens, o.parent) {
			tokens = append(tokens, o.parent)
		}
		w := o.burst().from
		if from == 0 || w < from {
			from = w
		}
		to = max(to, w+burstWindow)
	}
	span := fmt.Sprintf("at - at %% %d", burstWindow)
	// The span of time is no argument: it must be the same expression in both places for every engine.
	query := "SELECT parent, net, " + span + " FROM share_opens WHERE at>=? AND at<? AND bot=0 AND net<>'' AND parent IN (" + "%s" + ") GROUP BY parent, net, " + span +
		fmt.Sprintf(" HAVING COUNT(*)>=%d", burstSize)
	err := eachIn(ctx, tx, query, tokens, []any{from, to}, func(r *sql.Rows) error {
		var b burst
		if err := r.Scan(&b.token, &b.net, &b.from); err != nil {
			return err
		}
		s.bursts[b] = true
		return nil
	})
	if err != nil {
		return fmt.Errorf("count arrivals by place: %w", err)
	}
	return nil
}

// eachIn is db.EachIn for a query that holds a % of its own.
func eachIn(ctx context.Context, q db.Querier, query string, list []string, before []any, scan func(*sql.Rows) error) error {
	for part := range slices.Chunk(list, 100) {
		rows, err := q.Query(ctx, replaceMarks(query, len(part)), append(slices.Clone(before), db.Args(part)...)...)
		if err != nil {
			return err
		}
		if err := db.Each(rows, scan); err != nil {
			return err
		}
	}
	return nil
}

// Flush writes what the batch brought.
func (s *Stage) Flush(ctx context.Context, tx *db.Tx, _ *event.Batch) error {
	if err := s.flushMerges(ctx, tx); err != nil {
		return err
	}
	if err := s.flushTokens(ctx, tx); err != nil {
		return err
	}
	if err := s.flushOpens(ctx, tx); err != nil {
		return err
	}
	return s.flushChains(ctx, tx)
}

func (s *Stage) flushMerges(ctx context.Context, tx *db.Tx) error {
	if len(s.merges) == 0 {
		return nil
	}
	// Whoever came to a page has a token of theirs: most people who are merged have none.
	var ids []int64
	for _, m := range s.merges {
		ids = append(ids, m.old)
	}
	has := map[int64]bool{}
	err := db.EachIn(ctx, tx, "SELECT DISTINCT person_id FROM share_tokens WHERE person_id IN (%s)", ids, nil, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		has[id] = true
		return err
	})
	if err != nil {
		return fmt.Errorf("find share tokens of merges: %w", err)
	}
	for _, m := range s.merges {
		if !has[m.old] {
			continue
		}
		has[m.kept] = true
		if _, err := tx.Exec(ctx, "UPDATE share_tokens SET person_id=? WHERE person_id=?", m.kept, m.old); err != nil {
			return fmt.Errorf("move share tokens: %w", err)
		}
		if _, err := tx.Exec(ctx, "UPDATE share_opens SET person_id=?, due_at=? WHERE person_id IN (?,?)", m.kept, s.now, m.kept, m.old); err != nil {
			return fmt.Errorf("move arrivals: %w", err)
		}
	}
	return nil
}

func (s *Stage) flushTokens(ctx context.Context, tx *db.Tx) error {
	var rows [][]any
	var fresh []string
	for _, key := range slices.Sorted(maps.Keys(s.tokens)) {
		t := s.tokens[key]
		if !t.dirty {
			continue
		}
		rows = append(rows, []any{t.token, t.page, t.staff, t.contact, t.person, t.at})
		if t.fresh {
			fresh = append(fresh, t.token)
			continue
		}
		// An employee's browser became known: how it came before is judged again.
		if _, err := tx.Exec(ctx, "UPDATE share_opens SET due_at=? WHERE parent=? AND person_id=?", s.now, t.token, t.person); err != nil {
			return fmt.Errorf("judge an employee's arrivals again: %w", err)
		}
	}
	if err := tx.Upsert(ctx, "share_tokens", []string{"token"}, []string{"token", "page", "staff", "contact_id", "person_id", "at"}, []string{"contact_id", "person_id"}, rows); err != nil {
		return err
	}
	// Who came through a token before anybody was known to own it waited for this.
	for part := range slices.Chunk(fresh, 100) {
		if _, err := tx.Exec(ctx, "UPDATE share_opens SET due_at=? WHERE state=? AND parent IN ("+db.Marks(len(part))+")",
			append([]any{s.now, int(Waiting)}, db.Args(part)...)...); err != nil {
			return fmt.Errorf("wake arrivals: %w", err)
		}
	}
	return nil
}

func (s *Stage) flushOpens(ctx context.Context, tx *db.Tx) error {
	var rows [][]any
	var moved []int64
	pages := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(s.opens)) {
		o := s.opens[id]
		if !o.dirty {
			continue
		}
		if o.state == Fresh && s.tokens[o.parent] == nil {
			o.state, o.Mark, o.Top, o.Depth, o.dueAt = Waiting, Unknown, unknownNode+o.parent, 1, 0
		}
		if o.moved {
			moved = append(moved, o.person)
			pages[o.page] = true
		}
		rows = append(rows, []any{o.id, o.page, o.parent, o.own, o.contact, o.person, o.at, o.net, o.bot, o.newcomer, string(o.Mark), o.Top, o.Root, o.Depth,
			int(o.state), o.reason, o.told, o.settleAt, o.dueAt})
	}
	if err := tx.Upsert(ctx, "share_opens", openColumns[:1], openColumns, openColumns[1:], rows); err != nil {
		return err
	}
	// Whoever came through these people stands elsewhere now, and is judged again.
	var tokens []string
	err := db.EachIn(ctx, tx, "SELECT token, page FROM share_tokens WHERE person_id IN (%s)", moved, nil, func(r *sql.Rows) error {
		var token, page string
		err := r.Scan(&token, &page)
		if pages[page] {
			tokens = append(tokens, token)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("find tokens of who moved: %w", err)
	}
	slices.Sort(tokens)
	for part := range slices.Chunk(tokens, 100) {
		if _, err := tx.Exec(ctx, "UPDATE share_opens SET due_at=? WHERE state<>? AND parent IN ("+db.Marks(len(part))+")",
			append([]any{s.now, int(Waiting)}, db.Args(part)...)...); err != nil {
			return fmt.Errorf("judge again: %w", err)
		}
	}
	return nil
}

func (s *Stage) flushChains(ctx context.Context, tx *db.Tx) error {
	var minted, begun [][]any
	for _, key := range slices.SortedFunc(maps.Keys(s.chains), func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }) {
		c := s.chains[key]
		row := []any{key[0], key[1], c.id, c.token, c.staff, c.minted, c.at}
		if c.minted {
			minted = append(minted, row)
		} else {
			begun = append(begun, row)
		}
	}
	columns := []string{"page", "top", "id", "token", "staff", "minted", "at"}
	if err := tx.Upsert(ctx, "share_chains", columns[:2], columns, []string{"minted"}, minted); err != nil {
		return err
	}
	_, err := tx.InsertIgnore(ctx, "share_chains", columns, begun)
	return err
}

func replaceMarks(query string, n int) string {
	return strings.Replace(query, "%s", db.Marks(n), 1)
}
