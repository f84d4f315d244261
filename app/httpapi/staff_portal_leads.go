package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/rule"
)

const (
	// hotIntent is from how much intent on a customer is a lead, whatever their stage.
	hotIntent = 40
	// hotStage is the first stage whose people are leads.
	hotStage = "mql"
	// leadsMost are sorted at a time; nobody works with more.
	leadsMost = 2000
	// leadFor is how long somebody stays a lead after an alert, hot or not.
	leadFor = 30 * 24 * time.Hour
)

// lead is one before anything else is known of them.
type lead struct {
	contact int64
	at      int64 // when they reached their stage, or were here last
	alerted int64 // last alert to one of the staff, 0: none
}

func (l lead) newest() int64 { return max(l.at, l.alerted) }

// leads are the customers who are friends of one of the staff now and hot, and those one of them was alerted
// to lately, the newest first. The staff are of one corp. Who is silent, lost or excluded is none.
func (a *API) leads(ctx context.Context, staff []string) ([]lead, error) {
	if len(staff) == 0 {
		return nil, nil
	}
	hot, stages := a.hot()
	people, err := a.hotFriends(ctx, staff, hot)
	if err != nil {
		return nil, err
	}
	told, alerts, err := a.alertedTo(ctx, staff, people)
	if err != nil {
		return nil, err
	}
	people = append(people, told...)
	ids := make([]int64, len(people))
	for i, p := range people {
		ids[i] = p.ID
	}
	places, err := a.Stages.Places(ctx, ids)
	if err != nil {
		return nil, err
	}
	var out []lead
	for _, x := range people {
		p := places[x.ID]
		if p.Side != "" {
			continue
		}
		l := lead{contact: x.ID, at: x.LastActive, alerted: alerts[x.ID]}
		if slices.Contains(stages, p.Stage) {
			l.at = p.At
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(x, y lead) int {
		return cmp.Or(cmp.Compare(y.newest(), x.newest()), cmp.Compare(y.contact, x.contact))
	})
	return out, nil
}

func (a *API) hotFriends(ctx context.Context, staff []string, hot rule.Node) ([]contact.Activity, error) {
	if len(hot.Any) == 0 {
		return nil, nil
	}
	raw, err := json.Marshal(hot)
	if err != nil {
		return nil, err
	}
	tree, err := a.tree(raw, "hot")
	if err != nil {
		return nil, err
	}
	where, args := a.where(tree)
	return a.People.Friends(ctx, staff, where, args, leadsMost)
}

// alertedTo are the people one of the staff was alerted to lately and who are not among the friends; and of
// all of them when that was last. An alert stands under the id that its person had then.
func (a *API) alertedTo(ctx context.Context, staff []string, friends []contact.Activity) ([]contact.Activity, map[int64]int64, error) {
	corp, users := membersOf(staff)
	lately, err := a.Outbox.Alerts(ctx, corp, users, a.now()-leadFor.Milliseconds(), leadsMost)
	if err != nil {
		return nil, nil, err
	}
	ids, listed := slices.Sorted(maps.Keys(lately)), map[int64]bool{}
	for _, f := range friends {
		ids, listed[f.ID] = append(ids, f.ID), true
	}
	now, err := a.People.Aliases(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	var others []int64
	for id := range lately {
		if kept := now[id]; !listed[kept] {
			others, listed[kept] = append(others, kept), true
		}
	}
	told, err := a.People.Activities(ctx, others)
	if err != nil {
		return nil, nil, err
	}
	all, err := a.Outbox.LastAlerts(ctx, slices.Sorted(maps.Keys(now)), corp, users...)
	if err != nil {
		return nil, nil, err
	}
	last := map[int64]int64{}
	for id, at := range all {
		last[now[id]] = max(last[now[id]], at)
	}
	return told, last, nil
}

// hot is who is a lead, and the stages whose people are.
func (a *API) hot() (rule.Node, []string) {
	var hot rule.Node
	var stages []string
	m := a.Stages.Model()
	if first, ok := m.Get(hotStage); ok && !first.Side {
		for _, d := range m.Stages() {
			if d.Order >= first.Order {
				stages = append(stages, d.Key)
			}
		}
		if keys, err := json.Marshal(stages); err == nil {
			hot.Any = append(hot.Any, rule.Node{Leaf: "stage", Op: "in", Value: keys})
		}
	}
	if grid := a.models.Load().Scope.Grid; grid != nil {
		hot.Any = append(hot.Any, rule.Node{Leaf: "score", Key: grid.Intent, Op: "ge", Value: json.RawMessage(fmt.Sprint(hotIntent))})
	}
	return hot, stages
}
