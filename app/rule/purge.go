package rule

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"

	"github.com/koi-scrm/koi/app/db"
)

// Purge deletes up to limit of the oldest rows of rule_hits that nobody counts any more: of questions that
// are gone, beyond their window, or (累计) older than before, which is how long events are kept. It returns
// how many. now is business time; both in Unix ms. A node that lost its lease may do it without harm.
func (c *Counters) Purge(ctx context.Context, d *db.DB, now, before int64, limit int) (int64, error) {
	type question struct {
		num, dropped int64
		window       int
	}
	var list []question
	rows, err := d.Query(ctx, "SELECT slot, spec, dropped_at FROM rule_leaves")
	if err != nil {
		return 0, fmt.Errorf("purge hits: %w", err)
	}
	err = db.Each(rows, func(r *sql.Rows) error {
		var x question
		var spec string
		if err := r.Scan(&x.num, &spec, &x.dropped); err != nil {
			return err
		}
		var s Spec
		err := json.Unmarshal([]byte(spec), &s)
		x.window = s.Window
		list = append(list, x)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("purge hits: %w", err)
	}
	var total int64
	for _, x := range list {
		bound := before
		switch {
		case x.dropped > 0:
			bound = math.MaxInt64
		case x.window > 0: // a day more than the window covers the zone's offset
			bound = max(bound, now-int64(x.window+1)*86_400_000)
		}
		n, err := purgeSlot(ctx, d, x.num, bound, limit-int(total))
		if total += n; err != nil || total >= int64(limit) {
			return total, err
		}
	}
	return total, nil
}

// purgeSlot deletes from the slot's first row on; an old one behind a younger one waits for it.
func purgeSlot(ctx context.Context, d *db.DB, num, bound int64, limit int) (int64, error) {
	rows, err := d.Query(ctx, "SELECT event_id, at FROM rule_hits WHERE slot=? ORDER BY event_id LIMIT ?", num, limit)
	if err != nil {
		return 0, err
	}
	var last int64
	young := false
	err = db.Each(rows, func(r *sql.Rows) error {
		var id, at int64
		if err := r.Scan(&id, &at); err != nil {
			return err
		}
		if young = young || at >= bound; !young {
			last = id
		}
		return nil
	})
	if err != nil || last == 0 {
		return 0, err
	}
	var n int64
	err = d.Tx(ctx, func(tx *db.Tx) error {
		n, err = tx.Exec(ctx, "DELETE FROM rule_hits WHERE slot=? AND event_id<=?", num, last)
		return err
	})
	return n, err
}
