package stage

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
)

// Count is how many people stand in a stage.
type Count struct {
	Key  string
	Name string
	N    int64
}

// Counts returns how many people stand in each stage, in the stages' order.
func (d *Directory) Counts(ctx context.Context) ([]Count, error) {
	n := map[string]int64{}
	rows, err := d.db.Query(ctx, "SELECT stage, COUNT(*) FROM contact_stages WHERE "+contact.InUse("contact_id")+" GROUP BY stage")
	if err == nil {
		err = db.Each(rows, func(r *sql.Rows) error {
			var key string
			var count int64
			err := r.Scan(&key, &count)
			n[key] = count
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("count people by stage: %w", err)
	}
	var out []Count
	for _, s := range d.Model().stages {
		out = append(out, Count{s.Key, s.Name, n[s.Key]})
	}
	return out, nil
}

// Ripe returns the people who came last to the stage before sales take over, and when, newest first: that is
// the stage before the first one given by hand.
func (d *Directory) Ripe(ctx context.Context, limit int) ([]Arrival, error) {
	ripe := d.Model().ripe()
	if ripe == "" {
		return nil, nil
	}
	var out []Arrival
	rows, err := d.db.Query(ctx, "SELECT contact_id, at FROM contact_stages WHERE stage=? AND "+contact.InUse("contact_id")+" ORDER BY at DESC LIMIT ?", ripe, limit)
	if err == nil {
		err = db.Each(rows, func(r *sql.Rows) error {
			var a Arrival
			err := r.Scan(&a.ContactID, &a.At)
			out = append(out, a)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("find ripe people: %w", err)
	}
	return out, nil
}

// Arrival is somebody's coming to a stage.
type Arrival struct {
	ContactID int64
	At        int64 // business time, Unix ms
}

// ripe is the key of the stage before the first one given by hand, "" when there is none.
func (m *Model) ripe() string {
	key := ""
	for _, s := range m.stages {
		if s.Manual {
			return key
		}
		key = s.Key
	}
	return ""
}
