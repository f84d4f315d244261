package share

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
)

// Directory answers who brought whom from outside the pipeline.
type Directory struct{ db *db.DB }

// NewDirectory makes a directory.
func NewDirectory(d *db.DB) *Directory { return &Directory{db: d} }

// Tally counts arrivals.
type Tally struct {
	Opens     int64 // all, marked ones included
	Counted   int64 // and not taken back
	Newcomers int64 // counted ones whom nobody knew before
	Pending   int64
	Settled   int64
	Reversed  int64
	Depth     int64 // hops of the longest chain
}

const tallyFields = `COUNT(*), COALESCE(SUM(CASE WHEN mark='' AND state<>5 THEN 1 ELSE 0 END),0), COALESCE(SUM(CASE WHEN mark='' AND state<>5 AND newcomer=1 THEN 1 ELSE 0 END),0),
	COALESCE(SUM(CASE WHEN state=2 THEN 1 ELSE 0 END),0), COALESCE(SUM(CASE WHEN state=3 THEN 1 ELSE 0 END),0), COALESCE(SUM(CASE WHEN state=5 THEN 1 ELSE 0 END),0),
	COALESCE(MAX(CASE WHEN mark='' THEN depth ELSE 0 END),0)`

func (t *Tally) into() []any {
	return []any{&t.Opens, &t.Counted, &t.Newcomers, &t.Pending, &t.Settled, &t.Reversed, &t.Depth}
}

// Chain is a share that began somewhere, and what came of it.
type Chain struct {
	ID     int64
	Page   string
	Token  string
	Staff  string // CorpID/userid, or
	Person int64  // the customer who stands first
	Minted bool   // a link that was asked for
	At     int64
	Tally
	top string
}

// Filter narrows a list of chains; the zero one asks for all.
type Filter struct {
	Page   string
	Staff  []string // CorpID/userid of those who stand first; nil: anybody
	Root   string   // token of who stands first
	Before int64    // the id of the last chain of the page before
	Limit  int
}

// List returns chains, newest first, and where the next page begins (0: there is none). Somebody who stood
// first and was found to have been brought by another is left out, so a page may be shorter than asked.
func (d *Directory) List(ctx context.Context, f Filter) ([]Chain, int64, error) {
	query, args := "SELECT id, page, top, token, staff, minted, at FROM share_chains WHERE id>0", []any{}
	add := func(text string, more ...any) { query, args = query+text, append(args, more...) }
	if f.Page != "" {
		add(" AND page=?", f.Page)
	}
	if f.Staff != nil {
		add(" AND staff<>'' AND staff IN ("+db.Marks(max(1, len(f.Staff)))+")", db.Args(orNobody(f.Staff))...)
	}
	if f.Root != "" {
		add(" AND token=?", f.Root)
	}
	if f.Before > 0 {
		add(" AND id<?", f.Before)
	}
	add(" ORDER BY id DESC LIMIT ?", f.Limit+1)
	rows, err := d.db.Query(ctx, query, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("list chains: %w", err)
	}
	var list []Chain
	err = db.Each(rows, func(r *sql.Rows) error {
		var c Chain
		err := r.Scan(&c.ID, &c.Page, &c.top, &c.Token, &c.Staff, &c.Minted, &c.At)
		c.Person = ContactTop(c.top)
		list = append(list, c)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list chains: %w", err)
	}
	next := int64(0)
	if len(list) > f.Limit {
		list = list[:f.Limit]
		next = list[f.Limit-1].ID
	}
	if err := d.count(ctx, list); err != nil {
		return nil, 0, err
	}
	return slices.DeleteFunc(list, func(c Chain) bool { return !c.Minted && c.Counted == 0 && c.Reversed == 0 }), next, nil
}

func orNobody(list []string) []string {
	if len(list) == 0 {
		return []string{""}
	}
	return list
}

func (d *Directory) count(ctx context.Context, list []Chain) error {
	var tops, pages []string
	at := map[[2]string]*Chain{}
	for i := range list {
		c := &list[i]
		at[[2]string{c.Page, c.top}] = c
		tops, pages = append(tops, c.top), append(pages, c.Page)
	}
	slices.Sort(pages)
	pages = slices.Compact(pages)
	if len(list) == 0 {
		return nil
	}
	err := db.EachIn(ctx, d.db, "SELECT page, top, "+tallyFields+" FROM share_opens WHERE page IN ("+db.Marks(len(pages))+") AND top IN (%s) GROUP BY page, top",
		tops, db.Args(pages), func(r *sql.Rows) error {
			var page, top string
			var t Tally
			err := r.Scan(append([]any{&page, &top}, t.into()...)...)
			if c := at[[2]string{page, top}]; c != nil {
				c.Tally = t
			}
			return err
		})
	if err != nil {
		return fmt.Errorf("count arrivals: %w", err)
	}
	return nil
}

// Sum is what one member of staff, or one page, brought.
type Sum struct {
	Key string // CorpID/userid, or the page
	Tally
}

// By is what Sums are made for.
type By string

// The kinds of sums.
const (
	ByStaff By = "staff"
	ByPage  By = "page"
)

// Sums adds up arrivals by the member of staff at the root, or by page; page and staff narrow where they
// are not empty. Most counted first.
func (d *Directory) Sums(ctx context.Context, by By, page string, staff []string) ([]Sum, error) {
	key := "root"
	if by == ByPage {
		key = "page"
	}
	where, args := "state<>1", []any{}
	if by == ByStaff {
		where += " AND root<>''"
	}
	if page != "" {
		where, args = where+" AND page=?", append(args, page)
	}
	if staff != nil {
		where, args = where+" AND root IN ("+db.Marks(max(1, len(staff)))+") AND root<>''", append(args, db.Args(orNobody(staff))...)
	}
	rows, err := d.db.Query(ctx, "SELECT "+key+", "+tallyFields+" FROM share_opens WHERE "+where+" GROUP BY "+key+" ORDER BY 3 DESC, 1 LIMIT 1000", args...)
	if err != nil {
		return nil, fmt.Errorf("sum arrivals: %w", err)
	}
	var out []Sum
	err = db.Each(rows, func(r *sql.Rows) error {
		var s Sum
		err := r.Scan(append([]any{&s.Key}, s.into()...)...)
		out = append(out, s)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sum arrivals: %w", err)
	}
	return out, nil
}

// Open is an arrival as people read it.
type Open struct {
	Credit   int64
	Page     string
	Parent   string // token they came through
	Token    string // their own, which those below came through
	Person   int64
	At       int64
	Newcomer bool
	Verdict
	State    State
	Reason   string
	SettleAt int64
	Children []*Open // who came through them
}

// Tree is a token, whose it is, how it stands below others, and who came through it.
type Tree struct {
	Token, Page string
	Staff       string // CorpID/userid, or
	Person      int64  // the customer it belongs to
	Path        []Step // from who stands first to the owner of the token
	Children    []*Open
	Truncated   bool // there are more than were asked for
}

// Step is one on the way down to a token.
type Step struct {
	Staff  string
	Person int64
}

// Tree reads what came of a token, at most limit arrivals. Fault: NotFound for a token nobody is known to
// own.
func (d *Directory) Tree(ctx context.Context, text string, limit int) (*Tree, error) {
	s := &Stage{tokens: map[string]*token{}, opens: map[int64]*open{}, places: map[place][]*open{}}
	if err := s.loadTokens(ctx, d.db, []string{text}); err != nil {
		return nil, err
	}
	t := s.tokens[text]
	if t == nil {
		return nil, fault.New(fault.NotFound, "没有这个分享标记：它可能还没有人认领，或是伪造的")
	}
	out := &Tree{Token: t.token, Page: t.page, Staff: t.staff, Person: t.person}
	if err := d.path(ctx, s, t, out); err != nil {
		return nil, err
	}
	seen := map[int64]bool{}
	below := map[string]*[]*Open{t.token: &out.Children} // token → where those who came through it hang
	for level := []string{t.token}; len(level) > 0; {
		found, err := d.through(ctx, level, limit+1)
		if err != nil {
			return nil, err
		}
		var people []int64
		at := map[int64]*Open{}
		for _, o := range found {
			if seen[o.Credit] {
				continue
			}
			if len(seen) >= limit {
				out.Truncated = true
				break
			}
			seen[o.Credit] = true
			list := below[o.Parent]
			*list = append(*list, o)
			// Those below hang where their bringer counts for the chain, once.
			if ties(o.Mark) && at[o.Person] == nil {
				at[o.Person] = o
				people = append(people, o.Person)
			}
		}
		level = level[:0]
		if out.Truncated {
			break
		}
		err = db.EachIn(ctx, d.db, "SELECT token, page, person_id FROM share_tokens WHERE person_id IN (%s)", people, nil, func(r *sql.Rows) error {
			var token, page string
			var person int64
			if err := r.Scan(&token, &page, &person); err != nil {
				return err
			}
			if page == t.page && below[token] == nil {
				below[token] = &at[person].Children
				level = append(level, token)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read tokens below: %w", err)
		}
		slices.Sort(level)
	}
	return out, nil
}

// path finds who stands above a token.
func (d *Directory) path(ctx context.Context, s *Stage, t *token, out *Tree) error {
	seen := map[int64]bool{}
	for t != nil {
		out.Path = append(out.Path, Step{Staff: t.staff, Person: t.person})
		if t.staff != "" || seen[t.person] {
			break
		}
		seen[t.person] = true
		if err := s.loadOpens(ctx, d.db, "person_id", []int64{t.person}, map[string]bool{t.page: true}); err != nil {
			return err
		}
		parent := ""
		for _, o := range s.places[place{t.person, t.page}] {
			// A member of staff who opened their own link is that member.
			if ties(o.Mark) || o.Mark == Self && o.Root != "" && o.Depth == 0 {
				parent = o.parent
			}
		}
		if parent == "" || parent == t.token {
			break
		}
		if err := s.loadTokens(ctx, d.db, []string{parent}); err != nil {
			return err
		}
		t = s.tokens[parent]
	}
	slices.Reverse(out.Path)
	return nil
}

func (d *Directory) through(ctx context.Context, tokens []string, limit int) ([]*Open, error) {
	var out []*Open
	err := db.EachIn(ctx, d.db, "SELECT "+openFields+" FROM share_opens WHERE parent IN (%s) ORDER BY at, id LIMIT "+fmt.Sprint(limit), tokens, nil, func(r *sql.Rows) error {
		o, err := scanOpen(r)
		if err == nil {
			out = append(out, o.shown())
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read arrivals: %w", err)
	}
	return out, nil
}

func (o *open) shown() *Open {
	return &Open{Credit: o.id, Page: o.page, Parent: o.parent, Token: o.own, Person: o.person, At: o.at, Newcomer: o.newcomer, Verdict: o.Verdict,
		State: o.state, Reason: o.reason, SettleAt: o.settleAt}
}

// Get returns one arrival by its credit. Fault: NotFound.
func (d *Directory) Get(ctx context.Context, credit int64) (*Open, error) {
	rows, err := d.db.Query(ctx, "SELECT "+openFields+" FROM share_opens WHERE id=?", credit)
	if err != nil {
		return nil, fmt.Errorf("read credit: %w", err)
	}
	var found *Open
	err = db.Each(rows, func(r *sql.Rows) error {
		o, err := scanOpen(r)
		if err == nil {
			found = o.shown()
		}
		return err
	})
	if err == nil && found == nil {
		err = fault.New(fault.NotFound, "没有编号为 %d 的分享业绩", credit)
	}
	return found, err
}
