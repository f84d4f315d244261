package contact

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/secret"
)

// Directory reads people for screens and API. It writes nothing: changes are commands through the log.
type Directory struct {
	db   *db.DB
	keys *secret.Keys
}

// NewDirectory makes a reader.
func NewDirectory(d *db.DB, keys *secret.Keys) *Directory { return &Directory{db: d, keys: keys} }

// Get returns a person; an id that was merged gives the kept person. Fault: NotFound.
func (d *Directory) Get(ctx context.Context, id int64) (*Person, error) {
	people, alias, err := loadPeople(ctx, d.db, map[int64]bool{id: true})
	if err != nil {
		return nil, err
	}
	if kept, ok := alias[id]; ok {
		id = kept
	}
	if p := people[id]; p != nil {
		return p, nil
	}
	return nil, Missing()
}

// Missing is the fault about a person there is none of, or whom the reader must not see: they are told alike.
func Missing() error {
	return fault.New(fault.NotFound, "没有这位客户，可能已被合并或删除")
}

// Find returns the person an identity belongs to. Fault: NotFound.
func (d *Directory) Find(ctx context.Context, id event.Identity) (*Person, error) {
	id.Value = normalValue(id)
	k := Key(d.keys, id)
	var owner int64
	err := d.db.QueryRow(ctx, "SELECT contact_id FROM identities WHERE k=?", k[:]).Scan(&owner)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fault.New(fault.NotFound, "没有客户使用这个身份，请检查 kind、scope 和 value")
	}
	if err != nil {
		return nil, fmt.Errorf("find identity: %w", err)
	}
	return d.Get(ctx, owner)
}

// Filter narrows a list of people; zero members do not.
type Filter struct {
	Name  string // part of a name, nickname or company, normalised
	Tag   int64
	Stage string
	Staff string // userid of a WeCom friend
	// Within narrows to a data scope; nil does not.
	Within *Scope
	// Scored narrows the search to who has stored at least so much; nil does not. It is a bound, not the
	// whole truth about points that fade: what holds of them stands in Where.
	Scored *Scored
	// Where is a further condition on the row c of contacts (rule.Tree.Where), with Args.
	Where string
	Args  []any
	// Before is the id of the last person of the page before; people run from new to old.
	Before int64
	Limit  int
	from   int64 // the oldest person to look at
}

// Scored is a bound on the stored value of one score model (scoring says in which units).
type Scored struct{ Model, AtLeast int64 }

// lookup says which conditions fit so few people that these are looked up first. Otherwise each person is
// asked, from new to old, until a page is full: quick when many fit, a walk through everybody when few do.
type lookup struct{ name, tag, stage, score bool }

// sql is the filter as a condition on the row c of contacts.
func (f Filter) sql(few lookup) (string, []any) {
	where, args := []string{"c.merged_into=0"}, []any{}
	add := func(cond string, a ...any) { where, args = append(where, cond), append(args, a...) }
	if f.Before > 0 {
		add("c.id<?", f.Before)
	}
	if f.from > 0 {
		add("c.id>=?", f.from)
	}
	if f.Within != nil && !f.Within.All() {
		w, a := f.Within.Where("c.id")
		add(w, a...)
	}
	either := func(few bool, table, cond string, a ...any) {
		if few {
			add("c.id IN (SELECT x.contact_id FROM "+table+" x WHERE "+cond+")", a...)
		} else {
			add("EXISTS (SELECT 1 FROM "+table+" x WHERE x.contact_id=c.id AND "+cond+")", a...)
		}
	}
	if n := Normalize(f.Name); n != "" {
		either(few.name, "contact_values", "x.field IN ('name','nickname','company') AND x.norm LIKE ? ESCAPE '!'", "%"+escapeLike(n)+"%")
	}
	if f.Tag > 0 {
		either(few.tag, "contact_tags", "x.tag_id=?", f.Tag)
	}
	if f.Stage != "" {
		either(few.stage, "contact_stages", "x.stage=?", f.Stage)
	}
	if few.score { // else Where walks, and finds soon
		add("c.id IN (SELECT x.contact_id FROM contact_scores x WHERE x.model_id=? AND x.value>=?)", f.Scored.Model, f.Scored.AtLeast)
	}
	if f.Staff != "" {
		add("c.id IN (SELECT s.contact_id FROM contact_staff s WHERE s.user_id=? AND s.removed_at=0)", f.Staff)
	}
	if f.Where != "" {
		add("("+f.Where+")", f.Args...)
	}
	return strings.Join(where, " AND "), args
}

// Count tells how many people a filter finds, at most most: counting on costs more than anybody reads off
// it. Before and Limit do not matter.
func (d *Directory) Count(ctx context.Context, f Filter, most int) (int, error) {
	f.Before = 0
	few, err := d.lookups(ctx, f)
	if err != nil {
		return 0, fmt.Errorf("count contacts: %w", err)
	}
	few.name = true // all names are to be read
	where, args := f.sql(few)
	var n int
	err = d.db.QueryRow(ctx, "SELECT COUNT(*) FROM (SELECT c.id FROM contacts c WHERE "+where+" LIMIT ?) found", append(args, most)...).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count contacts: %w", err)
	}
	return n, nil
}

// List returns people that were not merged into others, newest first.
func (d *Directory) List(ctx context.Context, f Filter) ([]*Person, error) {
	order, err := d.find(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("list contacts: %w", err)
	}
	return d.inOrder(ctx, order)
}

// inOrder reads people in the order of their ids.
func (d *Directory) inOrder(ctx context.Context, order []int64) ([]*Person, error) {
	ids := map[int64]bool{}
	for _, id := range order {
		ids[id] = true
	}
	people, _, err := loadPeople(ctx, d.db, ids)
	if err != nil {
		return nil, err
	}
	out := make([]*Person, 0, len(order))
	for _, id := range order {
		if p := people[id]; p != nil {
			out = append(out, p)
		}
	}
	return out, nil
}

const (
	// fewPeople are so few that looking them up is quicker than asking everybody, whatever else is asked.
	fewPeople = 5000
	// recentPeople are asked one by one for a part of a name, before all names are read through: reading
	// those of a million people takes a third of a second, asking the people three times that.
	recentPeople = 20_000
)

// lookups says which of a filter's conditions fit few people.
func (d *Directory) lookups(ctx context.Context, f Filter) (few lookup, err error) {
	if f.Tag > 0 {
		if few.tag, err = d.few(ctx, "SELECT 1 AS n FROM contact_tags WHERE tag_id=?", f.Tag); err != nil {
			return few, err
		}
	}
	if f.Stage != "" {
		if few.stage, err = d.few(ctx, "SELECT 1 AS n FROM contact_stages WHERE stage=?", f.Stage); err != nil {
			return few, err
		}
	}
	if f.Scored != nil {
		few.score, err = d.few(ctx, "SELECT 1 AS n FROM contact_scores WHERE model_id=? AND value>=?", f.Scored.Model, f.Scored.AtLeast)
	}
	return few, err
}

// find returns the ids of a page.
func (d *Directory) find(ctx context.Context, f Filter) ([]int64, error) {
	few, err := d.lookups(ctx, f)
	if err != nil {
		return nil, err
	}
	if Normalize(f.Name) == "" || few.tag || few.stage || few.score {
		return d.ids(ctx, f, few)
	}
	newest := f.Before
	if newest == 0 {
		if err := d.db.QueryRow(ctx, "SELECT COALESCE(MAX(id), 0) FROM contacts").Scan(&newest); err != nil {
			return nil, err
		}
	}
	recent := f
	recent.from = newest - recentPeople
	found, err := d.ids(ctx, recent, few)
	if err != nil || len(found) >= f.Limit || recent.from <= 0 {
		return found, err
	}
	few.name = true
	return d.ids(ctx, f, few)
}

// few tells whether a query finds only few rows.
func (d *Directory) few(ctx context.Context, query string, args ...any) (bool, error) {
	var n int
	err := d.db.QueryRow(ctx, "SELECT COUNT(*) FROM ("+query+" LIMIT ?) found", append(args, fewPeople+1)...).Scan(&n)
	return n <= fewPeople, err
}

func (d *Directory) ids(ctx context.Context, f Filter, few lookup) ([]int64, error) {
	where, args := f.sql(few)
	rows, err := d.db.Query(ctx, "SELECT c.id FROM contacts c WHERE "+where+" ORDER BY c.id DESC LIMIT ?", append(args, f.Limit)...)
	if err != nil {
		return nil, err
	}
	var out []int64
	err = db.Each(rows, func(r *sql.Rows) error {
		var id int64
		if err := r.Scan(&id); err != nil {
			return err
		}
		out = append(out, id)
		return nil
	})
	return out, err
}

func escapeLike(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s)
}

// Names returns what people are called, by the ids given: the name, else the nickname. Who has neither is
// left out. A merged id goes by its own last name, which is near enough for a line on a screen.
func (d *Directory) Names(ctx context.Context, ids []int64) (map[int64]string, error) {
	out := map[int64]string{}
	err := db.EachIn(ctx, d.db, "SELECT contact_id, field, text FROM contact_values WHERE field IN ('name','nickname') AND contact_id IN (%s)", ids, nil, func(r *sql.Rows) error {
		var id int64
		var field, text string
		if err := r.Scan(&id, &field, &text); err != nil {
			return err
		}
		if field == "name" || out[id] == "" {
			out[id] = text
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("names of contacts: %w", err)
	}
	return out, nil
}

// Masked returns a person's phone numbers and e-mail addresses as a screen may show them without the
// right to see them: 138****0000, z***@example.com.
func (d *Directory) Masked(ctx context.Context, p *Person) (map[int64]string, error) {
	out := map[int64]string{}
	err := d.open(ctx, p, func(id int64, kind, value string) { out[id] = mask(kind, value) })
	return out, err
}

// Reveal returns them in clear. The caller must have the right and audits the look.
func (d *Directory) Reveal(ctx context.Context, p *Person) (map[int64]string, error) {
	out := map[int64]string{}
	err := d.open(ctx, p, func(id int64, _, value string) { out[id] = value })
	return out, err
}

func (d *Directory) open(ctx context.Context, p *Person, take func(id int64, kind, value string)) error {
	return db.EachIn(ctx, d.db, "SELECT id, kind, value FROM identities WHERE contact_id IN (%s)", p.Contacts(), nil, func(r *sql.Rows) error {
		var id int64
		var kind string
		var box []byte
		if err := r.Scan(&id, &kind, &box); err != nil {
			return err
		}
		if !sealed(kind) {
			return nil
		}
		plain, err := d.keys.Open("identity", box)
		if err != nil {
			return fmt.Errorf("identity %d: %w", id, err)
		}
		take(id, kind, string(plain))
		return nil
	})
}

func mask(kind, value string) string {
	if kind == event.KindEmail {
		name, domain, _ := strings.Cut(value, "@")
		first := []rune(name + "*")[0]
		return string(first) + "***@" + domain
	}
	if len(value) < 8 {
		return "****"
	}
	return value[:3] + "****" + value[len(value)-4:]
}
