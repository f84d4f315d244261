package scoring

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/rule"
)

// Relation is the SELECT, in parentheses, that rule.Schema.Scores names: contact_id, model_id, value, with
// every value in the units that the model's conditions compare with. A row written under an older base is
// divided as Scale.Rebase does. One written under another half-life is left out until it was converted,
// which a review does within minutes after the half-life changed.
func (m *Model) Relation() string {
	var value, rows []string
	for _, s := range m.scores {
		if s.HalfLife == 0 {
			rows = append(rows, fmt.Sprintf("(s.model_id = %d AND s.half_life = 0)", s.ID))
			continue
		}
		span := s.HalfLife * epochHalves
		rows = append(rows, fmt.Sprintf("(s.model_id = %d AND s.half_life = %d AND s.base_day BETWEEN %d AND %d)", s.ID, s.HalfLife, s.scale.Base-3*span, s.scale.Base))
		for n := int32(1); n < 4; n++ {
			value = append(value, fmt.Sprintf("WHEN s.model_id = %d AND s.base_day = %d THEN (s.value + %d) >> %d",
				s.ID, s.scale.Base-n*span, int64(1)<<(n*epochHalves)-1, n*epochHalves))
		}
	}
	if len(rows) == 0 {
		rows = []string{"1 = 0"}
	}
	expr := "s.value"
	if len(value) > 0 {
		expr = "CASE " + strings.Join(value, " ") + " ELSE s.value END AS value"
	}
	return "(SELECT s.contact_id, s.model_id, " + expr + " FROM contact_scores s WHERE " + strings.Join(rows, " OR ") + ")"
}

// recentDays is how far back a start looks for days that passed while nothing ran.
const recentDays = 8

// Drifted is the stage's rule.Finder: whose row is in the units of another half-life, and whose profile
// score no longer is what the definition, or the day, makes of them.
func (s *Stage) Drifted(ctx context.Context, q db.Querier, schema *rule.Schema, now int64, extent rule.Extent) ([]int64, error) {
	var out []int64
	list := func(query string, args ...any) error {
		rows, err := q.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		return db.Each(rows, func(r *sql.Rows) error {
			var id int64
			if err := r.Scan(&id); err != nil {
				return err
			}
			out = append(out, id)
			return nil
		})
	}
	for _, x := range s.model.Load().scores {
		var err error
		switch {
		case x.Kind == Profile:
			err = x.drifted(schema, now, extent, list)
		case extent == rule.NewDefinitions:
			err = list("SELECT contact_id FROM contact_scores WHERE model_id = ? AND half_life <> ?", x.ID, x.HalfLife)
		}
		if err != nil {
			return nil, fmt.Errorf("review score %s: %w", x.Key, err)
		}
	}
	return out, nil
}

func (x *Score) drifted(schema *rule.Schema, now int64, extent rule.Extent, list func(query string, args ...any) error) error {
	people := "SELECT c.id FROM " + schema.Contacts + " c WHERE c.merged_into = 0 AND ("
	var holds []string
	var args []any
	for _, r := range x.Rules {
		if r.Off {
			continue
		}
		where, asked := r.when.Where(schema, now)
		holds, args = append(holds, where), append(args, asked...)
		if !r.when.Uses().Daily {
			continue
		}
		days := int64(1)
		if extent == rule.NewDefinitions {
			days = recentDays
		}
		then, before := r.when.Where(schema, now-days*86_400_000)
		err := list(people+"(("+where+") AND NOT ("+then+")) OR (NOT ("+where+") AND ("+then+")))",
			append(append(append(append([]any{}, asked...), before...), asked...), before...)...)
		if err != nil {
			return err
		}
	}
	if extent != rule.NewDefinitions {
		return nil
	}
	if err := list("SELECT contact_id FROM contact_scores WHERE model_id = ? AND rev <> ?", x.ID, x.Rev); err != nil {
		return err
	}
	if len(holds) == 0 {
		return nil
	}
	return list(people+"("+strings.Join(holds, " OR ")+") AND NOT EXISTS (SELECT 1 FROM contact_scores s WHERE s.contact_id = c.id AND s.model_id = ?))",
		append(args, x.ID)...)
}
