package journey

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
)

var runColumns = []string{"id", "journey_id", "rev", "subject", "contact_id", "staff", "node", "state", "memo", "entered_at", "arrived_at", "due_at",
	"ended_at", "steps", "event_id", "reason", "data"}

// changing are the columns that a run's life changes.
var changing = []string{"subject", "contact_id", "node", "state", "memo", "arrived_at", "due_at", "ended_at", "steps", "reason", "data"}

var selectRun = "SELECT " + strings.Join(runColumns, ",") + " FROM journey_runs WHERE "

func scanRun(r *sql.Rows) (Run, error) {
	var n Run
	var data []byte
	err := r.Scan(&n.ID, &n.JourneyID, &n.Rev, &n.Subject, &n.ContactID, &n.Staff, &n.Node, &n.State, &n.Memo, &n.EnteredAt, &n.ArrivedAt, &n.DueAt,
		&n.EndedAt, &n.Steps, &n.Cause.EventID, &n.Reason, &data)
	if err != nil {
		return n, err
	}
	return n, n.setData(data)
}

// adopt makes ready for a model it has not worked with: the versions people are still inside, the waits
// that were held while a journey was paused, the journeys to empty. It is done again until it commits.
func (s *Stage) adopt(ctx context.Context, tx *db.Tx, b *event.Batch) error {
	inside, err := inFlight(ctx, tx)
	if err != nil {
		return err
	}
	graphs := map[version]*Graph{}
	for v, g := range s.m.graphs {
		graphs[v] = g
	}
	draining := map[int64]bool{}
	s.listens, s.watches, s.parks, s.staff = map[string]bool{}, false, false, false
	for _, v := range inside {
		if graphs[v] == nil {
			g, err := s.fetch(ctx, v)
			if err != nil {
				return err
			}
			graphs[v] = g
		}
		s.parks = true
		s.listen(graphs[v])
		if s.m.status(v.journey) == Stopped {
			draining[v.journey] = true
		}
	}
	var live []int64
	for id, g := range s.m.newest {
		if g.Status == Live {
			live = append(live, id)
			s.parks = s.parks || g.parks
			s.listen(g)
		}
	}
	slices.Sort(live)
	s.graphs, s.draining = graphs, draining
	if len(live) > 0 {
		args := append([]any{hold, hold}, db.Args(live)...)
		if _, err := tx.Exec(ctx, "UPDATE journey_runs SET due_at=due_at-? WHERE due_at>=? AND journey_id IN ("+db.Marks(len(live))+")", args...); err != nil {
			return fmt.Errorf("resume waits: %w", err)
		}
	}
	m := s.m
	b.AfterCommit(func() { s.adopted = m })
	return nil
}

func (s *Stage) listen(g *Graph) {
	if g == nil {
		return
	}
	for t := range g.waits {
		s.listens[t] = true
	}
	s.watches = s.watches || g.watches
	s.staff = s.staff || g.Subject == StaffOnly
}

// fetch compiles an old version; nil when it is gone. What it names may be gone too: see compile.
func (s *Stage) fetch(ctx context.Context, v version) (*Graph, error) {
	it, err := s.Settings.Version(ctx, v.journey, v.rev)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("version %d of journey %d: %w", v.rev, v.journey, err)
	}
	g, _ := compile(it, s.m.known)
	return g, nil
}

// inFlight lists the versions that somebody is inside of.
func inFlight(ctx context.Context, q db.Querier) ([]version, error) {
	rows, err := q.Query(ctx, "SELECT journey_id, rev FROM journey_counters WHERE node='' AND entered>done+failed+exited ORDER BY journey_id, rev")
	if err != nil {
		return nil, fmt.Errorf("versions in flight: %w", err)
	}
	var out []version
	return out, db.Each(rows, func(r *sql.Rows) error {
		var v version
		if err := r.Scan(&v.journey, &v.rev); err != nil {
			return err
		}
		out = append(out, v)
		return nil
	})
}

func (s *Stage) loadSubjects(ctx context.Context, tx *db.Tx, subjects []int64) error {
	if err := db.EachIn(ctx, tx, selectRun+"subject IN (%s) AND memo=1", subjects, nil, s.load); err != nil {
		return fmt.Errorf("load runs: %w", err)
	}
	for _, list := range s.bySubj {
		slices.SortFunc(list, byID)
	}
	return nil
}

func byID(a, b *live) int { return cmp.Compare(a.ID, b.ID) }

func (s *Stage) load(r *sql.Rows) error {
	run, err := scanRun(r)
	if err != nil {
		return err
	}
	l := &live{Run: run, g: s.graphs[version{run.JourneyID, run.Rev}]}
	s.byID[l.ID] = l
	s.bySubj[l.Subject] = append(s.bySubj[l.Subject], l)
	return nil
}

// loadNamed loads runs that timers and commands name and that are nobody's in this batch.
func (s *Stage) loadNamed(ctx context.Context, tx *db.Tx, b *event.Batch) error {
	var ids []int64
	for _, e := range b.Events {
		if e.Type != event.TimerJourney && e.Type != event.CommandJourneyStop {
			continue
		}
		if id := runOf(e); id != 0 && s.byID[id] == nil && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	if err := db.EachIn(ctx, tx, selectRun+"id IN (%s)", ids, nil, s.load); err != nil {
		return fmt.Errorf("load named runs: %w", err)
	}
	return nil
}

// lookUp finds the reasons of scores for people whose due runs stand in a journey that tells them.
func (s *Stage) lookUp(ctx context.Context, b *event.Batch) error {
	s.reasons = map[int64][]string{}
	for _, e := range b.Events {
		if e.Type != event.TimerJourney {
			continue
		}
		l := s.byID[runOf(e)]
		if l == nil || l.g == nil || !l.g.looksUp() {
			continue
		}
		p := s.Contacts.Person(l.ContactID)
		if p == nil || s.reasons[p.ID] != nil {
			continue
		}
		list, err := s.Scores.Reasons(ctx, p.Contacts(), b.Now, reasonsTold)
		if err != nil {
			return fmt.Errorf("reasons of scores: %w", err)
		}
		s.reasons[p.ID] = append([]string{}, list...)
	}
	return nil
}

// reasonsTold is how many reasons of a score a message may tell.
const reasonsTold = 3

// Flush writes the runs that changed and adds up the counts.
func (s *Stage) Flush(ctx context.Context, tx *db.Tx, _ *event.Batch) error {
	var list []*live
	for _, l := range s.byID {
		if l.dirty {
			list = append(list, l)
		}
	}
	slices.SortFunc(list, byID)
	rows := make([][]any, len(list))
	for i, l := range list {
		data, err := l.data()
		if err != nil {
			return err
		}
		rows[i] = []any{l.ID, l.JourneyID, l.Rev, l.Subject, l.ContactID, l.Staff, l.Node, int(l.State), l.Memo || l.State.Open(), l.EnteredAt, l.ArrivedAt,
			l.DueAt, l.EndedAt, l.Steps, l.Cause.EventID, shorten(l.Reason), data}
	}
	if err := tx.Upsert(ctx, "journey_runs", []string{"id"}, runColumns, changing, rows); err != nil {
		return err
	}
	for _, m := range s.merges { // what was not loaded: runs long over
		if _, err := tx.Exec(ctx, "UPDATE journey_runs SET subject=?, contact_id=? WHERE subject=?", m[1], m[1], m[0]); err != nil {
			return fmt.Errorf("move runs of a merged contact: %w", err)
		}
	}
	return s.flushTallies(ctx, tx)
}

var tallyColumns = []string{"journey_id", "rev", "node", "entered", "done", "failed", "blocked", "exited"}

// flushTallies adds the batch's counts to the stored ones. They are read first: the pipeline is their only
// writer, and an upsert that adds is spelt differently by each engine.
func (s *Stage) flushTallies(ctx context.Context, tx *db.Tx) error {
	if len(s.tallies) == 0 {
		return nil
	}
	versions := map[version]*Graph{}
	for k := range s.tallies {
		versions[version{k.journey, k.rev}] = nil
	}
	var where []string
	var args []any
	for _, v := range sortedVersions(versions) {
		where, args = append(where, "journey_id=? AND rev=?"), append(args, v.journey, v.rev)
	}
	rows, err := tx.Query(ctx, "SELECT "+strings.Join(tallyColumns, ",")+" FROM journey_counters WHERE "+strings.Join(where, " OR "), args...)
	if err != nil {
		return fmt.Errorf("read journey counters: %w", err)
	}
	err = db.Each(rows, func(r *sql.Rows) error {
		var k tallyKey
		var t tally
		if err := r.Scan(&k.journey, &k.rev, &k.node, &t.entered, &t.done, &t.failed, &t.blocked, &t.exited); err != nil {
			return err
		}
		if have := s.tallies[k]; have != nil {
			have.add(t)
		}
		return nil
	})
	if err != nil {
		return err
	}
	keys := make([]tallyKey, 0, len(s.tallies))
	for k := range s.tallies {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b tallyKey) int {
		return cmp.Or(cmp.Compare(a.journey, b.journey), cmp.Compare(a.rev, b.rev), cmp.Compare(a.node, b.node))
	})
	out := make([][]any, len(keys))
	for i, k := range keys {
		t := s.tallies[k]
		out[i] = []any{k.journey, k.rev, k.node, t.entered, t.done, t.failed, t.blocked, t.exited}
	}
	return tx.Upsert(ctx, "journey_counters", tallyColumns[:3], tallyColumns, tallyColumns[3:], out)
}

func (t *tally) add(o tally) {
	t.entered += o.entered
	t.done += o.done
	t.failed += o.failed
	t.blocked += o.blocked
	t.exited += o.exited
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
