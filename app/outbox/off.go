package outbox

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/koi-scrm/koi/app/db"
)

// offKey names a template as one revision of a definition uses it.
type offKey struct {
	queueKey
	template   string
	definition string
}

// off is that the platform refused it: asking again with the same fields brings the same answer, and at
// worst a ban. A new revision of the definition is another key.
type off struct {
	code   int
	detail string
	at     int64
	dirty  bool
}

func (r *row) offKey() offKey { return offKey{r.place(), r.template, r.definition} }

// disable notes that the platform refused the row's template.
func (s *Stage) disable(r *row) {
	if r.definition == "" { // nothing that could change
		return
	}
	s.needOff()
	if s.off[r.offKey()] == nil {
		s.off[r.offKey()] = &off{code: r.code, detail: r.detail, at: s.now, dirty: true}
	}
}

// disabled reports whether the row's template is not to be used.
func (s *Stage) disabled(r *row) bool {
	if r.definition == "" || !r.channel.Templated() {
		return false
	}
	s.needOff()
	return s.off[r.offKey()] != nil
}

// needOff reads what was refused, in batches that decide about such messages only. There are a few.
func (s *Stage) needOff() {
	if s.off != nil {
		return
	}
	s.off = map[offKey]*off{}
	list, err := readOff(s.ctx, s.tx)
	if err != nil && s.err == nil {
		s.err = err // Flush refuses the batch: nothing that was decided on it counts
	}
	for _, o := range list {
		s.off[offKey{queueKey{o.Channel, o.Account}, o.Template, o.Definition}] = &off{code: o.Code, detail: o.Detail, at: o.At}
	}
}

// OffEntry is a template the platform refused, as one revision of a definition used it.
type OffEntry struct {
	Account    string
	Channel    Channel
	Template   string
	Definition string
	Code       int
	Detail     string
	At         int64
}

// TemplatesOff lists the templates that are not used any more until their definitions change.
func (o *Outbox) TemplatesOff(ctx context.Context) ([]OffEntry, error) { return readOff(ctx, o.db) }

func readOff(ctx context.Context, q db.Querier) (out []OffEntry, err error) {
	rows, err := q.Query(ctx, "SELECT account, api, template, definition, code, detail, at FROM outbox_templates_off ORDER BY at DESC, account, api, template, definition")
	if err != nil {
		return nil, fmt.Errorf("read refused templates: %w", err)
	}
	err = db.Each(rows, func(r *sql.Rows) error {
		var o OffEntry
		err := r.Scan(&o.Account, &o.Channel, &o.Template, &o.Definition, &o.Code, &o.Detail, &o.At)
		out = append(out, o)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read refused templates: %w", err)
	}
	return out, nil
}
