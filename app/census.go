package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/channels/wechat"
	"github.com/koi-scrm/koi/channels/wecom"
)

// census reads the lists of people that the platforms keep for our accounts.
type census struct{ profiles }

// Rolls implements contact.Census.
func (c census) Rolls() []contact.Roll {
	var list []contact.Roll
	for _, acc := range c.accounts.Officials() {
		list = append(list, contact.Roll{Kind: event.KindOpenID, Scope: acc.AppID})
	}
	for _, acc := range c.accounts.WeComs() {
		if r := (contact.Roll{Kind: event.KindExternal, Scope: acc.CorpID}); !slices.Contains(list, r) {
			list = append(list, r)
		}
	}
	return list
}

// Read implements contact.Census.
func (c census) Read(ctx context.Context, r contact.Roll, take func(contact.Page) error) error {
	if r.Kind == event.KindExternal {
		return c.customers(ctx, r.Scope, take)
	}
	acc, ok := c.accounts.Official(r.Scope)
	if !ok {
		return nil // disconnected meanwhile
	}
	return c.official.List(ctx, acc, func(openIDs []string, whole bool) error {
		p := contact.Page{Whole: whole}
		for _, id := range openIDs {
			p.People = append(p.People, contact.Listed{ID: id})
		}
		return take(p)
	})
}

// customers reads the customers of all staff of a corp that any of its apps sees; apps without the right to
// see any are no failure while another has it. A list that cannot be read does not keep the others from
// being read.
func (c census) customers(ctx context.Context, corp string, take func(contact.Page) error) error {
	var errs, blind []error
	apps, read := 0, map[string]bool{}
	for _, acc := range c.accounts.WeComs() {
		if acc.CorpID != corp {
			continue
		}
		apps++
		servants, err := c.wecom.Servants(ctx, acc)
		if err != nil {
			blind = append(blind, fmt.Errorf("staff who serve customers, seen by %s: %w", acc.ID(), err))
		}
		for _, user := range servants {
			if read[user] {
				continue
			}
			err := c.wecom.CustomersOf(ctx, acc, user, func(list []wecom.Customer, last bool) error {
				p := contact.Page{Staff: user, Whole: last}
				for _, x := range list {
					profile := customer(corp, x)
					p.People = append(p.People, contact.Listed{ID: x.ExternalUserID, Profile: &profile})
				}
				return take(p)
			})
			if refused := (*wechat.Error)(nil); err != nil && !errors.As(err, &refused) {
				return err
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("customers of %s: %w", user, err))
				continue
			}
			read[user] = true
		}
	}
	if len(blind) == apps {
		errs = append(errs, blind...)
	}
	return errors.Join(errs...)
}
