package reach

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/rule"
)

// BalanceRelation is the SELECT, in parentheses, that rule.Schema.Balances names. The table of windows is as
// it is what rule.Schema.Windows wants.
//
// Which kind a balance is of shows in the row: a 订阅通知 has scenes, a 一次性订阅 names its scene.
var BalanceRelation = fmt.Sprintf("(SELECT b.contact_id, b.account, b.template, CASE WHEN b.scenes <> 0 THEN '%s' WHEN b.template LIKE '%%/%%' THEN '%s' ELSE '%s' END AS kind, "+
	"CASE WHEN b.long_term <> 0 THEN %d ELSE b.balance END AS n FROM reach_templates b)", rule.BalanceNotice, rule.BalanceOnce, rule.BalanceMini, rule.Unlimited)

// condition is the balance as conditions ask of it.
func (t *template) condition() rule.Balance {
	b := rule.Balance{Account: t.account, Template: t.template, Kind: rule.BalanceMini, Left: int64(t.balance)}
	switch {
	case t.scenes != 0:
		b.Kind = rule.BalanceNotice
	case strings.Contains(t.template, "/"):
		b.Kind = rule.BalanceOnce
	}
	if t.longTerm {
		b.Left = rule.Unlimited
	}
	return b
}

// condition is the window as conditions ask of it.
func (w *window) condition() rule.Window {
	return rule.Window{App: w.app, MessageUntil: w.messageUntil, ActionUntil: w.actionUntil, MessageLeft: int64(w.messageLeft), ActionLeft: int64(w.actionLeft),
		Closed: w.closedBy != 0}
}

// Windows implements rule.Ways, for people of the batch.
func (s *Stage) Windows(p *rule.Person) []rule.Window {
	var out []rule.Window
	seen := map[string]bool{}
	for _, i := range p.Identities {
		if i.Kind != event.KindOpenID || seen[i.Scope] {
			continue
		}
		seen[i.Scope] = true
		if w := s.windows[windowKey{p.ID, i.Scope}]; w != nil {
			out = append(out, w.condition())
		}
	}
	return out
}

// Balances implements rule.Ways, for people of the batch. It looks through all that were asked about, which
// is why conditions on balances cost more than others.
func (s *Stage) Balances(p *rule.Person) []rule.Balance {
	s.needTemplates(p.ID)
	var out []rule.Balance
	for k, t := range s.templates {
		if k.contact == p.ID {
			out = append(out, t.condition())
		}
	}
	return out
}

// standing are ways read once.
type standing struct {
	windows  []rule.Window
	balances []rule.Balance
}

func (s *standing) Windows(*rule.Person) []rule.Window   { return s.windows }
func (s *standing) Balances(*rule.Person) []rule.Balance { return s.balances }

// Fill reads the ways to a person for conditions asked outside the pipeline.
func Fill(ctx context.Context, q db.Querier, p *rule.Person) error {
	x := &standing{}
	err := db.EachIn(ctx, q, "SELECT "+windowFields+" FROM reach_windows WHERE contact_id IN (%s)", []int64{p.ID}, nil, func(r *sql.Rows) error {
		w, err := scanWindow(r)
		if err == nil {
			x.windows = append(x.windows, w.condition())
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read windows of contact %d: %w", p.ID, err)
	}
	err = db.EachIn(ctx, q, "SELECT "+templateFields+" FROM reach_templates WHERE contact_id IN (%s)", []int64{p.ID}, nil, func(r *sql.Rows) error {
		t, err := scanTemplate(r)
		if err == nil {
			x.balances = append(x.balances, t.condition())
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read balances of contact %d: %w", p.ID, err)
	}
	p.Ways = x
	return nil
}
