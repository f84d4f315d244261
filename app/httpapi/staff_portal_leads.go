package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/rule"
)

const (
	// hotIntent is from how much intent on a customer is a lead, whatever their stage.
	hotIntent = 40
	// hotStage is the first stage whose people are leads.
	hotStage = "mql"
	// leadsMost are sorted at a time; nobody works with more.
	leadsMost = 2000
)

// lead is a hot customer before anything else is known of them.
type lead struct {
	contact int64
	at      int64 // when they reached their stage, or were here last
	alerted int64 // last alert to one of the staff, 0: none
}

func (l lead) newest() int64 { return max(l.at, l.alerted) }

// leads are the customers who are friends of one of the staff now and hot, the newest alert first. Who is
// silent or lost is not hot.
func (a *API) leads(ctx context.Context, staff []string) ([]lead, error) {
	hot, stages := a.hot()
	if len(hot.Any) == 0 || len(staff) == 0 {
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
	friends, err := a.People.Friends(ctx, staff, where, args, leadsMost)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, len(friends))
	for i, f := range friends {
		ids[i] = f.ID
	}
	places, err := a.Stages.Places(ctx, ids)
	if err != nil {
		return nil, err
	}
	var users []string
	for _, s := range staff {
		_, user := auth.SplitStaff(s)
		users = append(users, user)
	}
	alerts, err := a.Outbox.LastAlerts(ctx, ids, users)
	if err != nil {
		return nil, err
	}
	var out []lead
	for _, f := range friends {
		p := places[f.ID]
		if p.Side != "" {
			continue
		}
		l := lead{contact: f.ID, at: f.LastActive, alerted: alerts[f.ID]}
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

// byID are people the caller may see, in the order of the ids.
func (a *API) byID(ctx context.Context, ids []int64) ([]*contact.Person, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := a.people(ctx, contact.Filter{Where: "c.id IN (" + db.Marks(len(ids)) + ")", Args: db.Args(ids), Limit: len(ids)})
	slices.SortFunc(list, func(x, y *contact.Person) int { return slices.Index(ids, x.ID) - slices.Index(ids, y.ID) })
	return list, err
}
