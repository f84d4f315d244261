package journey

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/setting"
)

// Directory reads journeys, who is inside, what happened to them and why; and walks somebody through a
// journey for a try, without any effect. It writes nothing.
type Directory struct {
	db       *db.DB
	stage    *Stage
	settings *setting.Store
	timeline *event.Timeline
	clock    clock.Clock
	person   PersonReader
	entries  sync.Map // version → its triggers' ids, map[string]bool: a version never changes
}

// PersonReader reads everything conditions may ask of a person, outside the pipeline. Fault: NotFound.
type PersonReader func(ctx context.Context, contactID int64) (*rule.Person, error)

// NewDirectory makes a reader of what the stage writes, with the model the stage uses.
func NewDirectory(d *db.DB, s *Stage, timeline *event.Timeline, clk clock.Clock, person PersonReader) *Directory {
	return &Directory{db: d, stage: s, settings: s.Settings, timeline: timeline, clock: clk, person: person}
}

// Model is the model in use.
func (d *Directory) Model() *Model { return d.stage.model.Load() }

// Counts say how many came to a place and what became of them there. Of a journey, Failed, Blocked and
// Refused are the sums over its steps: a run goes on after a step that failed.
type Counts struct {
	Entered int64 // 进入
	Open    int64 // 在途
	Done    int64 // 完成: left the step, came to the journey's end
	Failed  int64 // 失败: of the step, or of the run while it stood there
	Blocked int64 // 被拦截: messages that policy kept, or that became too old to send
	Exited  int64 // left the journey here
	Refused int64 // 没有进入: set the trigger off, but were late or not let in by the entry rules
}

// Summary is a journey in a list.
type Summary struct {
	ID        int64
	Key       string
	Rev       int64
	Name      string
	Note      string
	Subject   Subject
	Status    Status
	Triggers  []string // in Chinese
	Counts    Counts   // of all versions
	UpdatedAt int64
	UpdatedBy string
}

// List returns all journeys by name.
func (d *Directory) List(ctx context.Context) ([]Summary, error) {
	items, err := d.settings.List(ctx, setting.KindJourney)
	if err != nil {
		return nil, err
	}
	counts, err := d.counts(ctx, "node='' OR blocked>0 OR failed>0")
	if err != nil {
		return nil, err
	}
	total := totals(counts)
	out := make([]Summary, len(items))
	for i, it := range items {
		out[i] = d.summary(it)
		out[i].Counts = total[it.ID]
	}
	slices.SortFunc(out, func(a, b Summary) int { return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return out, nil
}

func (d *Directory) summary(it setting.Item) Summary {
	s := Summary{ID: it.ID, Key: it.Key, Rev: it.Rev, Name: it.Key, UpdatedAt: it.UpdatedAt, UpdatedBy: it.UpdatedBy}
	var def Definition
	if json.Unmarshal(it.Body, &def) == nil { // a draft may be anything
		s.Name, s.Note, s.Subject, s.Status = def.Name, def.Note, def.Subject, def.Status
	}
	if g := d.Model().newest[it.ID]; g != nil {
		for _, n := range g.triggers {
			s.Triggers = append(s.Triggers, n.part.summary())
		}
	}
	return s
}

// View is one version of a journey.
type View struct {
	Summary
	Definition Definition
	Steps      []Step
	Problems   []fault.Problem // what keeps it from running
	Warnings   []fault.Problem // what may not work as it is meant
}

// Step is a node with what a canvas shows on its card.
type Step struct {
	ID        string
	Component *Component // nil for one this version does not know
	Label     string
	Summary   string // the configuration in Chinese
	Ports     []Port
	Counts    Counts // of this version
}

// Get returns a version of a journey with the counts of its steps; rev 0 is the version in force.
// Fault: NotFound.
func (d *Directory) Get(ctx context.Context, id, rev int64) (View, error) {
	it, err := d.version(ctx, id, rev)
	if err != nil {
		return View{}, err
	}
	v := View{Summary: d.summary(it)}
	g, problems := compile(it, d.Model().known)
	v.Problems = problems
	counts, err := d.counts(ctx, "journey_id=?", id)
	if err != nil {
		return View{}, err
	}
	v.Counts = totals(counts)[id]
	if g == nil {
		return v, nil
	}
	v.Definition, v.Warnings = g.Def, g.warnings
	for _, n := range g.nodes {
		v.Steps = append(v.Steps, Step{ID: n.id, Component: component(n.comp.Key), Label: n.label(), Summary: n.part.summary(), Ports: portsOf(n),
			Counts: counts[tallyKey{id, it.Rev, n.id}]})
	}
	return v, nil
}

// version reads a version of a journey; rev 0 is the one in force.
func (d *Directory) version(ctx context.Context, id, rev int64) (setting.Item, error) {
	if rev != 0 {
		it, err := d.settings.Version(ctx, id, rev)
		if err == nil && it.Kind != setting.KindJourney {
			return it, fault.New(fault.NotFound, "没有编号为 %d 的旅程", id)
		}
		return it, err
	}
	items, err := d.settings.List(ctx, setting.KindJourney)
	if err != nil {
		return setting.Item{}, err
	}
	i := slices.IndexFunc(items, func(it setting.Item) bool { return it.ID == id })
	if i < 0 {
		return setting.Item{}, fault.New(fault.NotFound, "没有编号为 %d 的旅程，可能已被删除", id)
	}
	return items[i], nil
}

// Versions returns the older versions that somebody is still inside of, for Compile: what their conditions
// ask must go on being counted.
func (d *Directory) Versions(ctx context.Context) ([]setting.Item, error) {
	inside, err := inFlight(ctx, d.db)
	if err != nil {
		return nil, err
	}
	items, err := d.settings.List(ctx, setting.KindJourney)
	if err != nil {
		return nil, err
	}
	var out []setting.Item
	for _, v := range inside {
		if slices.ContainsFunc(items, func(it setting.Item) bool { return it.ID == v.journey && it.Rev == v.rev }) {
			continue
		}
		it, err := d.settings.Version(ctx, v.journey, v.rev)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, it)
	}
	return out, nil
}

func (c Counts) plus(o Counts) Counts {
	return Counts{c.Entered + o.Entered, c.Open + o.Open, c.Done + o.Done, c.Failed + o.Failed, c.Blocked + o.Blocked, c.Exited + o.Exited, c.Refused + o.Refused}
}

// totals are the counts of journeys, of all versions. A run that failed is counted at the step where it
// stood as well, so the steps' sum has each failure once; what was counted before that was so is in the
// version's own row alone.
func totals(counts map[tallyKey]Counts) map[int64]Counts {
	steps := map[version]Counts{}
	for k, c := range counts {
		if v := (version{k.journey, k.rev}); k.node != "" {
			steps[v] = steps[v].plus(Counts{Failed: c.Failed, Blocked: c.Blocked, Refused: c.Refused})
		}
	}
	out := map[int64]Counts{}
	for k, c := range counts {
		if k.node == "" {
			at := version{k.journey, k.rev}
			s := steps[at]
			s.Failed = max(s.Failed, c.Failed)
			steps[at], c.Failed = s, 0
			out[k.journey] = out[k.journey].plus(c)
		}
	}
	for v, s := range steps { // a version that refused everybody has no row of its own
		out[v.journey] = out[v.journey].plus(s)
	}
	return out
}

func (d *Directory) counts(ctx context.Context, where string, args ...any) (map[tallyKey]Counts, error) {
	rows, err := d.db.Query(ctx, "SELECT "+strings.Join(tallyColumns, ",")+" FROM journey_counters WHERE "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read journey counters: %w", err)
	}
	out := map[tallyKey]Counts{}
	err = db.Each(rows, func(r *sql.Rows) error {
		var k tallyKey
		var t tally
		if err := r.Scan(&k.journey, &k.rev, &k.node, &t.entered, &t.done, &t.failed, &t.blocked, &t.exited); err != nil {
			return err
		}
		c := Counts{Entered: t.entered, Done: t.done, Failed: t.failed, Blocked: t.blocked, Exited: t.exited}
		c.Open = t.entered - t.done - t.exited
		if k.node == "" {
			c.Open -= t.failed // of a journey, failing is an end; of a step, something that happened there
		}
		out[k] = c
		return nil
	})
	if err != nil {
		return nil, err
	}
	for k, c := range out { // a trigger sends nothing: what it kept out is counted in the same column
		if k.node == "" || c.Blocked == 0 {
			continue
		}
		triggers, err := d.triggers(ctx, version{k.journey, k.rev})
		if err != nil {
			return nil, err
		}
		if triggers[k.node] {
			c.Refused, c.Blocked = c.Blocked, 0
			out[k] = c
		}
	}
	return out, nil
}

// triggers are the ids of a version's triggers; none when the version is gone.
func (d *Directory) triggers(ctx context.Context, v version) (map[string]bool, error) {
	if known, ok := d.entries.Load(v); ok {
		return known.(map[string]bool), nil
	}
	it, err := d.settings.Version(ctx, v.journey, v.rev)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var def Definition
	out := map[string]bool{}
	if json.Unmarshal(it.Body, &def) == nil { // nobody was ever let into one that cannot be read
		for _, n := range def.Nodes {
			if c := component(n.Component); c != nil && c.Group == Triggers {
				out[n.ID] = true
			}
		}
	}
	d.entries.Store(v, out)
	return out, nil
}

// Inside is a run with the names of things.
type Inside struct {
	Run
	Journey  string // name
	Label    string // of the step where it stands
	Held     bool   // the journey is paused and the wait, over at DueAt, with it
	Status   string // finished, exited, failed, merged, open
	StatusZH string
}

// RunFilter narrows a list of runs; Journey or Contact must be given.
type RunFilter struct {
	Journey int64
	Contact int64          // a contact's id in use now
	Status  string         // open, finished, exited, failed, merged; "" for all
	Node    string         // where it stands or stood last
	Within  *contact.Scope // narrows to its customers; nil does not
	Before  int64          // id of the last run of the page before; runs go from new to old
	Limit   int            // 1..200; 0: 50
}

var statuses = map[string][]State{"open": {Waiting, Ready, Sending}, "finished": {Finished}, "exited": {Exited}, "failed": {Failed}, "merged": {Merged}}

// Runs lists runs, newest first, and where the next page begins (0 at the end). Fault: Invalid.
func (d *Directory) Runs(ctx context.Context, f RunFilter) ([]Inside, int64, error) {
	states := statuses[f.Status]
	switch {
	case f.Journey == 0 && f.Contact == 0:
		return nil, 0, fault.New(fault.Invalid, "请指定旅程或客户")
	case f.Status == "":
		for _, list := range statuses {
			states = append(states, list...)
		}
	case states == nil:
		return nil, 0, fault.New(fault.Invalid, "状态可以是 open、finished、exited、failed、merged，现在是“%s”", f.Status)
	}
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 200)
	where, args := []string{}, []any{}
	add := func(cond string, v ...any) { where, args = append(where, cond), append(args, v...) }
	if f.Contact != 0 {
		add("subject=?", f.Contact)
	}
	if f.Journey != 0 {
		add("journey_id=?", f.Journey)
	}
	if f.Node != "" {
		add("node=?", f.Node)
	}
	if f.Before != 0 {
		add("id<?", f.Before)
	}
	if f.Within != nil && !f.Within.All() {
		w, v := f.Within.WhereAny("contact_id")
		add(w, v...)
	}
	var list []Run
	var err error
	if f.Contact != 0 {
		add("state IN ("+db.Marks(len(states))+")", db.Args(states)...)
		list, err = d.read(ctx, strings.Join(where, " AND "), append(args, f.Limit+1))
	} else { // the index gives one state in the order of ids
		for _, st := range states {
			var part []Run
			part, err = d.read(ctx, strings.Join(append(where, "state=?"), " AND "), append(slices.Clone(args), int(st), f.Limit+1))
			if err != nil {
				break
			}
			list = append(list, part...)
		}
	}
	if err != nil {
		return nil, 0, err
	}
	slices.SortFunc(list, func(a, b Run) int { return cmp.Compare(b.ID, a.ID) })
	next := int64(0)
	if len(list) > f.Limit {
		list = list[:f.Limit]
		next = list[f.Limit-1].ID
	}
	out := make([]Inside, len(list))
	for i, r := range list {
		if out[i], err = d.inside(ctx, r); err != nil {
			return nil, 0, err
		}
	}
	return out, next, nil
}

func (d *Directory) read(ctx context.Context, where string, args []any) ([]Run, error) {
	rows, err := d.db.Query(ctx, selectRun+where+" ORDER BY id DESC LIMIT ?", args...)
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	var out []Run
	return out, db.Each(rows, func(r *sql.Rows) error {
		n, err := scanRun(r)
		out = append(out, n)
		return err
	})
}

func (d *Directory) inside(ctx context.Context, r Run) (Inside, error) {
	x := Inside{Run: r, Status: r.State.key(), StatusZH: r.State.Label(), Label: r.Node}
	if r.DueAt >= hold {
		x.DueAt, x.Held = r.DueAt-hold, true
	}
	g, err := d.graph(ctx, r.JourneyID, r.Rev)
	if err != nil || g == nil {
		return x, err
	}
	x.Journey = g.Name
	if n := g.node(r.Node); n != nil {
		x.Label = n.label()
	}
	return x, nil
}

// graph returns a version of a journey, from the model or compiled anew; nil when it is gone.
func (d *Directory) graph(ctx context.Context, id, rev int64) (*Graph, error) {
	m := d.Model()
	if g := m.graphs[version{id, rev}]; g != nil {
		return g, nil
	}
	it, err := d.settings.Version(ctx, id, rev)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	g, _ := compile(it, m.known)
	return g, nil
}

// Run returns one run. Fault: NotFound.
func (d *Directory) Run(ctx context.Context, id int64) (Inside, error) {
	list, err := d.read(ctx, "id=?", []any{id, 1})
	if err != nil {
		return Inside{}, err
	}
	if len(list) == 0 {
		return Inside{}, fault.New(fault.NotFound, "没有这次旅程记录")
	}
	return d.inside(ctx, list[0])
}

// StartedBy returns the runs that a logged event started, e.g. a command to start one: none when the
// journey's rules refused.
func (d *Directory) StartedBy(ctx context.Context, seq int64) ([]Inside, error) {
	list, err := d.read(ctx, "id>=? AND id<?", []any{int64(event.MakeID(seq, 0)), int64(event.MakeID(seq+1, 0)), maxPerSeq + 1})
	if err != nil {
		return nil, err
	}
	var out []Inside
	for _, r := range list {
		x, err := d.inside(ctx, r)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// PathStep is something that happened on a run's way.
type PathStep struct {
	At    int64
	Event event.ID
	Type  string
	Node  string
	Label string // the step's name
	Text  string // what happened, in Chinese
}

// Path tells what a run did: entry, actions, what became of its messages, end, oldest first. Steps that
// only decide or wait leave no event; the last line says where an open run waits.
func (d *Directory) Path(ctx context.Context, id int64) ([]PathStep, error) {
	run, err := d.Run(ctx, id)
	if err != nil {
		return nil, err
	}
	g, err := d.graph(ctx, run.JourneyID, run.Rev)
	if err != nil {
		return nil, err
	}
	entries, err := d.events(ctx, run.Run)
	if err != nil {
		return nil, err
	}
	var out []PathStep
	for i := range entries {
		e := &entries[len(entries)-1-i]
		s := PathStep{At: e.At, Event: e.ID, Type: e.Type, Node: e.Props.Str("node"), Text: told(e)}
		if s.Node == "" {
			_, _, s.Node, _ = parseStep(e.Props.Str("step"))
		}
		s.Label = s.Node
		if g != nil && g.node(s.Node) != nil {
			s.Label = g.node(s.Node).label()
		}
		out = append(out, s)
	}
	if run.State.Open() {
		out = append(out, PathStep{At: run.ArrivedAt, Node: run.Node, Label: run.Label, Text: waiting(run, g)})
	}
	return out, nil
}

// pathTypes are the events that tell of a run.
var pathTypes = []string{event.JourneyEntered, event.JourneyStepDone, event.JourneyExited, event.JourneyFailed, event.JourneyGoalReached,
	event.MessageQueued, event.MessageSent, event.MessageDelivered, event.MessageFailed, event.MessageSuppressed, event.MessageExpired}

// events are the timeline's entries about a run, newest first.
func (d *Directory) events(ctx context.Context, run Run) ([]event.Entry, error) {
	if run.ContactID == 0 {
		return nil, nil
	}
	contacts := []int64{run.ContactID}
	if p, err := d.person(ctx, run.ContactID); err == nil {
		contacts = p.Contacts()
	} else if !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	var out []event.Entry
	var place event.Place
	text := runKey(run.ID)
	for {
		page, err := d.timeline.List(ctx, contacts, pathTypes, place, 200)
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			if e.Props.Str("run") == text {
				out = append(out, e)
			}
		}
		if len(page) < 200 || page[len(page)-1].At < run.EnteredAt {
			return out, nil
		}
		last := page[len(page)-1]
		place = event.Place{At: last.At, ID: last.ID}
	}
}
