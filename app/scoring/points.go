package scoring

import (
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/rule"
)

// Points is what a person has in one of the models at a business time, as shown: whole, within 0 and its
// max. The person's scores are filled in (see Fill).
func (m *Model) Points(p *rule.Person, x *Score, now int64) int64 {
	return x.shown(x.scale.Worth(p.Scores[x.ID].Stored, clock.Day(now, m.zone)))
}
