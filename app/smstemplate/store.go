package smstemplate

import (
	"context"
	"database/sql"
	"fmt"
	"maps"

	"github.com/koi-scrm/koi/app/db"
)

// store is the two tables of the mirror.
type store struct{ db *db.DB }

var columns = []string{"account", "code", "name", "kind", "content", "state", "reason", "seen_at"}

func (v *view) clone() *view {
	return &view{templates: maps.Clone(v.templates), reviews: maps.Clone(v.reviews)}
}

func (s store) load(ctx context.Context) (*view, error) {
	v := &view{templates: map[key]Template{}, reviews: map[string]Review{}}
	rows, err := s.db.Query(ctx, "SELECT account, code, name, kind, content, state, reason, seen_at FROM sms_templates")
	if err == nil {
		err = db.Each(rows, func(r *sql.Rows) error {
			var t Template
			err := r.Scan(&t.Account, &t.Code, &t.Name, &t.Kind, &t.Content, &t.State, &t.Reason, &t.SeenAt)
			v.templates[key{t.Account, t.Code}] = t
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("load SMS templates: %w", err)
	}
	rows, err = s.db.Query(ctx, "SELECT account, tried_at, seen_at, problem FROM sms_template_reviews")
	if err == nil {
		err = db.Each(rows, func(r *sql.Rows) error {
			var x Review
			err := r.Scan(&x.Account, &x.TriedAt, &x.SeenAt, &x.Problem)
			v.reviews[x.Account] = x
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("load reviews of SMS templates: %w", err)
	}
	return v, nil
}

func (t *Template) row() []any {
	return []any{t.Account, db.Clip(t.Code, 64), db.Clip(t.Name, 255), string(t.Kind), db.Clip(t.Content, 2000), string(t.State), db.Clip(t.Reason, 512), t.SeenAt}
}

// replace stores what an account's reading brought: all its templates anew, or the problem alone.
func (s store) replace(ctx context.Context, r Review, list []Template) error {
	rows := make([][]any, len(list))
	for i := range list {
		rows[i] = list[i].row()
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if r.Problem == "" {
			if _, err := tx.Exec(ctx, "DELETE FROM sms_templates WHERE account=?", r.Account); err != nil {
				return err
			}
			if err := tx.Upsert(ctx, "sms_templates", []string{"account", "code"}, columns, columns[2:], rows); err != nil {
				return err
			}
		}
		return tx.Upsert(ctx, "sms_template_reviews", []string{"account"}, []string{"account", "tried_at", "seen_at", "problem"},
			[]string{"tried_at", "seen_at", "problem"}, [][]any{{r.Account, r.TriedAt, r.SeenAt, db.Clip(r.Problem, 512)}})
	})
	if err != nil {
		return fmt.Errorf("store SMS templates of %s: %w", r.Account, err)
	}
	return nil
}

// remove deletes everything of an account.
func (s store) remove(ctx context.Context, account string) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM sms_templates WHERE account=?", account); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM sms_template_reviews WHERE account=?", account)
		return err
	})
	if err != nil {
		return fmt.Errorf("forget SMS templates of %s: %w", account, err)
	}
	return nil
}

// put stores one template.
func (s store) put(ctx context.Context, t Template) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.Upsert(ctx, "sms_templates", []string{"account", "code"}, columns, columns[2:], [][]any{t.row()})
	})
	if err != nil {
		return fmt.Errorf("store SMS template %s: %w", t.Code, err)
	}
	return nil
}
