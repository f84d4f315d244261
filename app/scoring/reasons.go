package scoring

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/event"
)

// Reasons tells in a few words why a person's behaviour scores are what they are: the rules that gave most
// of what is left, among the person's latest events, weightiest first: "预约演示 +40". It is a glance for
// messages and costs two queries; Why is the whole account. contacts are as for Why.
func (d *Directory) Reasons(ctx context.Context, contacts []int64, now int64, most int) ([]string, error) {
	page, err := d.timeline.List(ctx, contacts, nil, event.Place{}, eventsPage)
	if err != nil {
		return nil, err
	}
	m := d.Model()
	list := make([]Standing, len(m.scores))
	for i, x := range m.scores {
		list[i].Score = x
	}
	if err := d.explain(ctx, page, clock.Day(now, d.zone), list); err != nil {
		return nil, err
	}
	left := map[string]int64{}
	for _, st := range list {
		for _, step := range st.Steps {
			left[step.Name] += step.Now
		}
	}
	var names []string
	for name, micro := range left {
		if micro >= Micro {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(left[b], left[a]), cmp.Compare(a, b)) })
	names = names[:min(len(names), most)]
	for i, name := range names {
		names[i] = fmt.Sprintf("%s +%d", name, left[name]/Micro)
	}
	return names, nil
}
