package rule

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
)

// TestBothFormsAgree draws people and asks the same of them in memory and in SQL: each leaf of the
// registry with each of its operators alone, and random trees. A leaf or operator fails the test when
// nothing can be drawn for its editor, when the two answers differ for anybody, or when in the whole run
// they were never both true or never both false.
func TestBothFormsAgree(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		w := newWorld(t, s)
		seen := map[string]*[2]int{}
		unseen := func() (out []string) {
			for _, q := range questions(w.scope) {
				if n := seen[q.name]; n == nil || n[0] == 0 || n[1] == 0 {
					out = append(out, q.name)
				}
			}
			return out
		}
		for try := 0; try == 0 || try < 5 && len(unseen()) > 0; try++ {
			rapid.Check(t, func(rt *rapid.T) { w.agree(rt, seen) })
		}
		require.Empty(t, unseen(), "never both true for somebody and false for somebody")
	})
}

func (w *world) agree(t *rapid.T, seen map[string]*[2]int) {
	ctx := context.Background()
	w.drawNow(t)
	w.drawPeople(t, 12)
	w.store(ctx)
	var names []string
	var trees []*Tree
	for _, q := range questions(w.scope) {
		names = append(names, q.name)
		trees = append(trees, decode(w.t, w.scope, w.drawLeaf(t, q)))
	}
	for range 10 {
		names = append(names, "")
		trees = append(trees, decode(w.t, w.scope, w.drawNode(t, 4)))
	}
	people := w.load(trees)
	for i, tree := range trees {
		want := []int64{}
		for _, p := range people {
			ok := tree.Match(p, w.now)
			if trace := tree.Explain(p, w.now); trace.OK != ok || trace.Text == "" {
				t.Fatalf("Explain says %v, Match %v:\n%s", trace.OK, ok, trace)
			}
			if ok {
				want = append(want, p.ID)
			}
		}
		if got := w.selected(ctx, tree); !slices.Equal(got, want) {
			q, args := tree.Select(testSchema, w.now)
			t.Fatalf("%s\n%s %d\nin memory %v\nin SQL    %v\n%s\n%v\n%s", tree, w.zone, w.now, want, got, q, args, w.explainDifference(tree, people, want, got))
		}
		if names[i] != "" {
			if seen[names[i]] == nil {
				seen[names[i]] = &[2]int{}
			}
			seen[names[i]][0] += len(want)
			seen[names[i]][1] += len(people) - len(want)
		}
	}
}

func (w *world) explainDifference(tree *Tree, people []*Person, want, got []int64) string {
	for _, p := range people {
		if slices.Contains(want, p.ID) != slices.Contains(got, p.ID) {
			out := fmt.Sprintf("person %d\n%s\n%+v", p.ID, tree.Explain(p, w.now), p.Counted)
			for _, e := range w.events {
				out += fmt.Sprintf("\n%d %s at %d staff %q object %q props %v", e.ContactID, e.Type, e.OccurredAt, e.Staff, e.ObjectID, e.Props)
			}
			return out
		}
	}
	return ""
}

// load reads the stored people as the pipeline does, with the counters the trees ask for, and adds what
// packages above this one would.
func (w *world) load(trees []*Tree) []*Person {
	st := newStages(w.t, w.db, w.zone)
	var specs []*Spec
	for _, tree := range trees {
		specs = append(specs, tree.Counted()...)
	}
	st.counters.Use(specs)
	st.fillUp(w.now)
	require.True(w.t, st.counters.Ready(specs))
	var events []*event.Event
	for i, p := range w.people {
		events = append(events, &event.Event{Type: "timer.test", Seq: 1<<41 + int64(i), ContactID: p.ID, Source: "timer"})
	}
	var people []*Person
	require.NoError(w.t, st.try(w.now, events, func() error {
		for _, p := range w.people {
			q := st.people.Get(p.ID)
			require.NotNil(w.t, q)
			q.Tags, q.Scores, q.Stage, q.StageAt = p.Tags, p.Scores, p.Stage, p.StageAt
			q.Ways = p.Ways
			people = append(people, q)
		}
		return nil
	}))
	return people
}

// question is one operator of one leaf, of a field's type where the leaf is about a field.
type question struct {
	name  string
	leaf  Leaf
	op    Op
	field contact.FieldType
	where string // an operator of a condition on the event
}

// questions lists everything the registry can ask.
func questions(s *Scope) []question {
	var out []question
	for _, l := range Leaves() {
		if l.About == AboutField {
			for _, t := range []contact.FieldType{contact.Text, contact.Number, contact.Date, contact.Bool, contact.Choice} {
				for _, op := range FieldOps(t) {
					out = append(out, question{name: l.Name + " " + string(t) + " " + op.Name, leaf: l, op: op, field: t})
				}
			}
			continue
		}
		for _, op := range l.Ops {
			out = append(out, question{name: l.Name + " " + op.Name, leaf: l, op: op})
		}
		if l.Name == "event" {
			columns, props := WhereOps()
			for _, op := range columns {
				out = append(out, question{name: l.Name + " where column " + op.Name, leaf: l, op: l.Ops[0], where: "column " + op.Name})
			}
			for _, op := range props {
				out = append(out, question{name: l.Name + " where prop " + op.Name, leaf: l, op: l.Ops[0], where: "prop " + op.Name})
			}
		}
	}
	return out
}

func (w *world) drawNode(t *rapid.T, depth int) Node {
	kind := pick(t, "kind", []string{"leaf", "leaf", "all", "any", "not"})
	if depth == 0 {
		kind = "leaf"
	}
	switch kind {
	case "not":
		n := w.drawNode(t, depth-1)
		return Node{Not: &n}
	case "all", "any":
		var list []Node
		for range rapid.IntRange(1, 3).Draw(t, "parts") {
			list = append(list, w.drawNode(t, depth-1))
		}
		if kind == "all" {
			return Node{All: list}
		}
		return Node{Any: list}
	}
	all := questions(w.scope)
	return w.drawLeaf(t, all[rapid.IntRange(0, len(all)-1).Draw(t, "question")])
}

func (w *world) drawLeaf(t *rapid.T, q question) Node {
	n := Node{Leaf: q.leaf.Name, Op: q.op.Name}
	var field contact.Field
	switch q.leaf.About {
	case AboutField:
		var of []string
		for _, k := range keys(w.scope.Fields) {
			if w.scope.Fields[k].Type == q.field {
				of = append(of, k)
			}
		}
		n.Key = pick(t, "field", of)
		field = w.scope.Fields[n.Key]
	case AboutTag:
		n.Key = pick(t, "tag", keys(w.scope.Tags))
	case AboutScore:
		n.Key = pick(t, "score", keys(w.scope.Scores))
	case AboutEvent:
		n.Key = pick(t, "event", poolType)
	case AboutAccount:
		n.Key = pick(t, "account", append([]string{""}, poolApp...))
		if (q.leaf.Name == "notice_left" || q.leaf.Name == "mini_left") && n.Key != "" {
			maybeDo(t, "of a template", func() { n.Key += "/T1" })
		}
	}
	if q.leaf.Windowed {
		maybeDo(t, "windowed", func() { n.Days = int(pick(t, "days", poolDays)) })
	}
	if q.leaf.Group == groupBehaviour {
		w.drawWhere(t, q, &n)
	}
	n.Value = w.drawOperand(t, q, field)
	return n
}

func (w *world) drawOperand(t *rapid.T, q question, field contact.Field) []byte {
	several := func(from []string) []string {
		return rapid.SliceOfN(rapid.SampledFrom(from), 1, 3).Draw(t, "values")
	}
	date := func(label string) string { return dateText(w.drawDay(t, label)) }
	numbers := []int64{-5, 0, 1, 5, 10, 11}
	switch {
	case q.leaf.Name == "age":
		numbers = []int64{0, 1, 18, 30, 31}
	case q.leaf.About == AboutEvent, q.leaf.Group == groupStaff, q.leaf.Name == "touched":
		numbers = []int64{0, 1, 2, 3}
	case q.leaf.About == AboutScore:
		numbers = []int64{-1, 0, 15, 40, 70, 100, 101}
	}
	switch q.op.Editor {
	case EditNone:
		return nil
	case EditText:
		return value(pick(t, "text", poolText))
	case EditTexts:
		return value(several(poolText))
	case EditNumber:
		return value(pick(t, "number", numbers))
	case EditNumbers:
		a, b := pick(t, "from", numbers), pick(t, "to", numbers)
		return value([]int64{min(a, b), max(a, b)})
	case EditDate:
		return value(date("date"))
	case EditDates:
		a, b := date("from"), date("to")
		return value([]string{min(a, b), max(a, b)})
	case EditDays:
		return value(pick(t, "N", poolDays))
	case EditOption:
		return value(pick(t, "option", optionKeys(field)))
	case EditOptions:
		return value(several(optionKeys(field)))
	case EditTags:
		return value(several(keys(w.scope.Tags)))
	case EditStages:
		return value(several(keys(w.scope.Stages)))
	case EditStaff:
		return value(several([]string{"zhang", "li", "ww1/zhang", "ww2/wang", "nobody"}))
	case EditSources:
		return value(several(keys(tagSources)))
	case EditPurposes:
		return value(several(keys(purposes)))
	case EditOptOuts:
		return value(several(keys(optOuts)))
	case EditGrades:
		return value(several([]string{"A", "B", "C", "D"}))
	case EditLevels:
		return value(rapid.SliceOfN(rapid.IntRange(1, 4), 1, 3).Draw(t, "levels"))
	case EditCells:
		return value(several([]string{"A1", "A4", "B2", "C3", "D1", "D4"}))
	}
	t.Fatalf("nothing to draw for the editor %q of %s: teach drawOperand", q.op.Editor, q.name)
	return nil
}

// drawWhere adds conditions on the event: the one asked for, or any.
func (w *world) drawWhere(t *rapid.T, q question, n *Node) {
	columns, props := WhereOps()
	want := q.where
	if want == "" {
		if rapid.Bool().Draw(t, "no where") {
			return
		}
		var all []string
		for _, op := range columns {
			all = append(all, "column "+op.Name)
		}
		for _, op := range props {
			all = append(all, "prop "+op.Name)
		}
		want = pick(t, "where", all)
	}
	for _, op := range columns {
		if want == "column "+op.Name {
			prop := pick(t, "column", []string{"object_id", "object_type", "account", "staff"})
			pool := map[string][]string{"object_id": {"pricing", "Pricing", "case-1"}, "object_type": {"page"}, "account": {"wxa"}, "staff": {"zhang", "li"}}[prop]
			n.Where = append(n.Where, Where{Prop: prop, Op: op.Name, Value: w.whereOperand(t, op, pool)})
		}
	}
	for _, op := range props {
		if want == "prop "+op.Name {
			n.Where = append(n.Where, Where{Prop: pick(t, "prop", []string{"text", "seconds"}), Op: op.Name, Value: w.whereOperand(t, op, poolText)})
		}
	}
}

func (w *world) whereOperand(t *rapid.T, op Op, texts []string) []byte {
	switch op.Editor {
	case EditNone:
		return nil
	case EditTexts:
		return value(rapid.SliceOfN(rapid.SampledFrom(texts), 1, 2).Draw(t, "texts"))
	case EditNumber:
		return value(pick(t, "bound", []float64{5, 59.5, 60}))
	case EditNumbers:
		return value([]float64{pick(t, "low", []float64{-1, 5, 59.5}), 60})
	}
	if op.Name == "eq" && len(texts) == len(poolText) && rapid.Bool().Draw(t, "as number") {
		return value(60)
	}
	return value(pick(t, "text", texts))
}

// TestDaysOfTheZone pins what both forms rely on: a window's milliseconds are those of its calendar days,
// also where midnight does not exist.
func TestDaysOfTheZone(t *testing.T) {
	t.Parallel()
	for _, name := range zones {
		z := zone(name)
		for n := int32(17_000); n < 22_000; n++ {
			start := clock.DayStart(n, z)
			require.Equal(t, n, clock.Day(start, z), "%s: the first millisecond of day %d", name, n)
			require.Equal(t, n-1, clock.Day(start-1, z), "%s: the last millisecond before day %d", name, n)
		}
	}
}
