package journey

import (
	"cmp"
	"slices"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/setting"
)

// version names one immutable graph.
type version struct{ journey, rev int64 }

// Model is every journey of one moment, indexed by what starts it. It is immutable.
type Model struct {
	known  Known
	newest map[int64]*Graph
	graphs map[version]*Graph // the newest and the older ones given to Compile
	index  map[string][]entrance
}

// entrance is a trigger of a live journey, with what it takes to be looked at.
type entrance struct {
	g       *Graph
	node    *node
	starter starter
}

// Compile reads the definitions among items (others are passed over). Besides the ones in force, items may
// hold older versions that people are still inside (see Directory.Versions): of one id the highest rev
// counts as in force. Every problem of every newest version is reported, also of drafts, which never run
// and may be unfinished; a journey with problems takes nobody in.
func Compile(items []setting.Item, known Known) (*Model, []fault.Problem) {
	m := &Model{known: known, newest: map[int64]*Graph{}, graphs: map[version]*Graph{}, index: map[string][]entrance{}}
	top := map[int64]int64{}
	for _, it := range items {
		if it.Kind == setting.KindJourney {
			top[it.ID] = max(top[it.ID], it.Rev)
		}
	}
	var problems []fault.Problem
	for _, it := range items {
		if it.Kind != setting.KindJourney {
			continue
		}
		g, found := compile(it, known)
		if g == nil {
			problems = append(problems, found...)
			continue
		}
		m.graphs[version{it.ID, it.Rev}] = g
		if it.Rev != top[it.ID] {
			continue
		}
		problems = append(problems, found...)
		m.newest[it.ID] = g
		if g.Status == Live && len(found) == 0 {
			m.open(g)
		}
	}
	for _, list := range m.index {
		slices.SortStableFunc(list, func(a, b entrance) int {
			return cmp.Or(cmp.Compare(b.g.priority, a.g.priority), cmp.Compare(a.g.ID, b.g.ID), cmp.Compare(a.node.index, b.node.index))
		})
	}
	return m, problems
}

// open puts a journey's triggers into the index.
func (m *Model) open(g *Graph) {
	for _, n := range g.triggers {
		s := n.part.(starter)
		types := slices.Clone(s.on())
		slices.Sort(types)
		for _, t := range slices.Compact(types) {
			m.index[t] = append(m.index[t], entrance{g, n, s})
		}
	}
}

// Hears reports whether an event of the type can start a run, or one may wait for it or be taken out by it.
func (m *Model) Hears(typ string) bool {
	if len(m.index[typ]) > 0 {
		return true
	}
	for _, g := range m.graphs {
		if g.waits[typ] {
			return true
		}
	}
	return false
}

// Trees lists the conditions that may be asked: of journeys that are not drafts and of the older versions.
// Their behaviour leaves are what must be counted.
func (m *Model) Trees() []*rule.Tree {
	var out []*rule.Tree
	for _, v := range sortedVersions(m.graphs) {
		if g := m.graphs[v]; g.Status != Draft {
			out = append(out, g.trees...)
		}
	}
	return out
}

// Graphs lists the newest version of each journey by id.
func (m *Model) Graphs() []*Graph {
	out := make([]*Graph, 0, len(m.newest))
	for _, g := range m.newest {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *Graph) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Warnings tell what the authors of journeys had better know of the newest versions; nothing in them keeps a
// journey from running. Paths are as of problems.
func (m *Model) Warnings() []fault.Problem {
	var out []fault.Problem
	for _, g := range m.Graphs() {
		out = append(out, g.warnings...)
	}
	return out
}

// status is whether a journey runs now; one that was deleted is stopped.
func (m *Model) status(journey int64) Status {
	g := m.newest[journey]
	if g == nil || g.Status == Draft {
		return Stopped
	}
	return g.Status
}

func sortedVersions(m map[version]*Graph) []version {
	out := make([]version, 0, len(m))
	for v := range m {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b version) int { return cmp.Or(cmp.Compare(a.journey, b.journey), cmp.Compare(a.rev, b.rev)) })
	return out
}
