package contact

import "github.com/koi-scrm/koi/app/event"

// Change sets and clears fields of a person of this batch, as command.contact_change does: for stages that
// act on people (journeys), from Apply only. set is {key: value or null}; a value that does not fit its
// field is left out and told. cause is the event at hand; by says who, in words.
func (s *Stage) Change(b *event.Batch, cause *event.Event, p *Person, set map[string]any, by string) error {
	e := *cause // the same place among the batch's events
	e.Type, e.Source, e.Props = event.CommandContactChange, "journey", event.Props{"set": set, "by": by}
	return s.change(b, &e, p)
}
