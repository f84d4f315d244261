package scoring

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/lease"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/setting"
)

// Directory reads scores and their reasons.
type Directory struct {
	db       *db.DB
	stage    *Stage
	timeline *event.Timeline
	settings *setting.Store
	zone     *time.Location

	mu    sync.Mutex
	named map[[2]int64]map[uint32]string // (model, rev) → rule hash → name; versions never change
}

// NewDirectory makes a reader of what the stage writes, with the model the stage uses.
func NewDirectory(d *db.DB, s *Stage, timeline *event.Timeline, settings *setting.Store) *Directory {
	return &Directory{db: d, stage: s, timeline: timeline, settings: settings, zone: s.zone, named: map[[2]int64]map[uint32]string{}}
}

// Model is the model in use.
func (d *Directory) Model() *Model { return d.stage.model.Load() }

// Standing is a person's score in one model, with its reasons.
type Standing struct {
	Score  *Score
	Points int64 // as shown: whole, within 0 and the model's max
	Micro  int64 // exactly, in 10⁻⁶ points
	// Steps are the reasons, newest first: events of a behaviour model, rules that hold of a profile model.
	Steps []Step
	// Rest is what older or purged events still contribute beyond the steps listed, in 10⁻⁶ points.
	Rest int64
}

// Step is one reason of a score.
type Step struct {
	Rule   string // key; "" when the rule is gone
	Name   string // Chinese
	Points int64  // 10⁻⁶ points given, after caps
	Now    int64  // what is left of them
	// Of a behaviour model: the event.
	Event    event.ID
	Type     string
	Object   string // type and id, "page/pricing"
	At       int64
	Capped   bool // less was given than the rule says, by a cap or because the score was zero
	Outdated bool // the rule said something else then, or is gone now
}

const (
	stepsShown = 100
	eventsRead = 2000
	eventsPage = 200
)

// Why returns a person's standing in every model. contacts are the ids the person's history stands under,
// their own first (see contact.Person.Contacts); now is business time.
func (d *Directory) Why(ctx context.Context, contacts []int64, now int64) ([]Standing, error) {
	m := d.Model()
	today := clock.Day(now, d.zone)
	out := make([]Standing, len(m.scores))
	for i, x := range m.scores {
		out[i].Score = x
	}
	var damaged error
	err := m.read(ctx, d.db, contacts[:1], today, func(_ int64, x *Score, r row) {
		st := &out[x.index]
		st.Micro = x.scale.Worth(r.stored, today)
		st.Points = x.shown(st.Micro)
		if x.Kind == Profile {
			damaged = st.holding(r)
		}
	})
	if err != nil {
		return nil, err
	}
	if damaged != nil {
		return nil, damaged
	}
	return out, d.steps(ctx, contacts, today, out)
}

// holding lists the rules of a profile model that hold.
func (st *Standing) holding(r row) error {
	var m marks
	if err := m.unpack(r.marks); err != nil {
		return err
	}
	rest := st.Micro
	for _, h := range m.holds {
		step := Step{Name: gone, Outdated: true}
		if x := st.Score.byHash[h]; x != nil {
			step = Step{Rule: x.Key, Name: x.Name, Points: x.Points, Now: x.Points, Outdated: r.rev != st.Score.Rev}
		}
		rest -= step.Now
		st.Steps = append(st.Steps, step)
	}
	st.Rest = rest
	return nil
}

const gone = "已删除的规则"

// steps reads the reasons of behaviour models: the person's events from the timeline, newest first, and
// what the ledger says of each.
func (d *Directory) steps(ctx context.Context, contacts []int64, today int32, out []Standing) error {
	var place event.Place
	for read := 0; read < eventsRead && !full(out); {
		page, err := d.timeline.List(ctx, contacts, nil, place, eventsPage)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		if err := d.explain(ctx, page, today, out); err != nil {
			return err
		}
		read += len(page)
		last := page[len(page)-1]
		place = event.Place{At: last.At, ID: last.ID}
	}
	for i := range out {
		st := &out[i]
		if st.Score.Kind == Profile {
			continue
		}
		st.Rest = st.Micro
		for _, s := range st.Steps {
			st.Rest -= s.Now
		}
		if st.Rest < centi && st.Rest > -centi {
			st.Rest = 0 // rounding of the steps
		}
	}
	return nil
}

func full(list []Standing) bool {
	for i := range list {
		if list[i].Score.Kind == Behaviour && len(list[i].Steps) < stepsShown {
			return false
		}
	}
	return true
}

// entry is a line of the ledger.
type entry struct {
	event     event.ID
	model     int64
	rule      uint32
	rev       int64
	at        int64
	points    int64
	contactID int64
}

func (d *Directory) explain(ctx context.Context, page []event.Entry, today int32, out []Standing) error {
	ids := make([]int64, len(page))
	for i := range page {
		ids[i] = int64(page[i].ID)
	}
	found, err := readLedger(ctx, d.db, ids)
	if err != nil {
		return err
	}
	m := d.Model()
	for i := range page {
		e := &page[i]
		for _, n := range found[e.ID] {
			x := m.byID[n.model]
			if x == nil || x.index >= len(out) || out[x.index].Score != x || len(out[x.index].Steps) >= stepsShown {
				continue
			}
			st := &out[x.index]
			step := Step{Event: e.ID, Type: e.Type, At: n.at, Points: n.points, Outdated: n.rev != x.Rev}
			if e.ObjectType != "" || e.ObjectID != "" {
				step.Object = e.ObjectType + "/" + e.ObjectID
			}
			day := clock.Day(n.at, d.zone)
			step.Now = x.scale.Worth(x.scale.Earned(n.points, day), today)
			if step.Name, err = d.name(ctx, x, n.rule, n.rev); err != nil {
				return err
			}
			if r := x.byHash[n.rule]; r != nil {
				step.Rule = r.Key
				step.Capped = n.rev == x.Rev && n.points != r.Points
			}
			st.Steps = append(st.Steps, step)
		}
	}
	return nil
}

// name is what the rule was called when it gave the points.
func (d *Directory) name(ctx context.Context, x *Score, hash uint32, rev int64) (string, error) {
	if r := x.byHash[hash]; r != nil && rev == x.Rev {
		return r.Name, nil
	}
	d.mu.Lock()
	names := d.named[[2]int64{x.ID, rev}]
	d.mu.Unlock()
	if names == nil {
		it, err := d.settings.Version(ctx, x.ID, rev)
		if err != nil {
			return "", fmt.Errorf("score %s as it was: %w", x.Key, err)
		}
		var old struct {
			Rules []struct{ Key, Name string }
		}
		if err := json.Unmarshal(it.Body, &old); err != nil {
			return "", fmt.Errorf("score %s, revision %d: %w", x.Key, rev, err)
		}
		names = map[uint32]string{}
		for _, r := range old.Rules {
			names[hashKey(r.Key)] = r.Name
		}
		d.mu.Lock()
		d.named[[2]int64{x.ID, rev}] = names
		d.mu.Unlock()
	}
	if n := names[hash]; n != "" {
		return n, nil
	}
	return gone, nil
}

// Text is the step in one Chinese line: its reason, what it gave and what is left of it.
func (s Step) Text() string {
	text := s.Name + " " + signed(s.Points)
	if signed(s.Now) != signed(s.Points) {
		text += "（衰减后 " + signed(s.Now) + "）"
	}
	if s.Capped {
		text += "，已到上限或已扣到 0"
	}
	return text
}

// readLedger returns the ledger's entries of events, by event.
func readLedger(ctx context.Context, q db.Querier, events []int64) (map[event.ID][]entry, error) {
	out := map[event.ID][]entry{}
	err := db.EachIn(ctx, q, "SELECT event_id, model_id, rule, rev, contact_id, at, points FROM score_ledger WHERE lane IN (0, 1) AND event_id IN (%s) ORDER BY event_id, model_id, rule", events, nil, func(r *sql.Rows) error {
		var n entry
		if err := r.Scan(&n.event, &n.model, &n.rule, &n.rev, &n.contactID, &n.at, &n.points); err != nil {
			return err
		}
		out[n.event] = append(out[n.event], n)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the score ledger: %w", err)
	}
	return out, nil
}

// Purge deletes up to limit of the oldest entries of a lane that were earned before the given time, and
// returns how many; what they still contribute stays in the scores. It walks the primary key, so it needs
// no index; an old entry behind a younger one waits for it.
func (d *Directory) Purge(ctx context.Context, l *lease.Lease, lane event.Lane, before int64, limit int) (int64, error) {
	rows, err := d.db.Query(ctx, "SELECT event_id, at FROM score_ledger WHERE lane=? ORDER BY event_id LIMIT ?", int64(lane), limit)
	if err != nil {
		return 0, fmt.Errorf("purge the score ledger: %w", err)
	}
	last, young := int64(math.MinInt64), false
	err = db.Each(rows, func(r *sql.Rows) error {
		var id, at int64
		if err := r.Scan(&id, &at); err != nil {
			return err
		}
		if young = young || at >= before; !young {
			last = id
		}
		return nil
	})
	if err != nil || last == math.MinInt64 {
		return 0, err
	}
	var n int64
	err = d.db.Tx(ctx, func(tx *db.Tx) error {
		var err error
		if n, err = tx.Exec(ctx, "DELETE FROM score_ledger WHERE lane=? AND event_id<=?", int64(lane), last); err != nil {
			return err
		}
		return l.Guard(ctx, tx)
	})
	return n, err
}

// Fill puts the scores of people into their facts, outside the pipeline: for explanations and test runs.
func (m *Model) Fill(ctx context.Context, q db.Querier, now int64, people ...*rule.Person) error {
	byID := map[int64]*rule.Person{}
	ids := make([]int64, len(people))
	for i, p := range people {
		byID[p.ID], ids[i] = p, p.ID
	}
	today := clock.Day(now, m.zone)
	err := m.read(ctx, q, ids, today, func(id int64, x *Score, r row) {
		byID[id].Scores[x.ID] = rule.Score{Stored: r.stored}
	})
	for _, p := range people {
		m.grade(p, today)
	}
	return err
}
