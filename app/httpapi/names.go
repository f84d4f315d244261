package httpapi

import (
	"context"
	"encoding/json"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/outbox"
)

// nameMessages says of messages whom they are to or about, as far as the caller may know.
func (a *API) nameMessages(ctx context.Context, list []Message) error {
	return named(ctx, a, list, func(m *Message) (ID, *string) { return m.ContactID, &m.ContactName })
}

// nameRuns says of runs who walks.
func (a *API) nameRuns(ctx context.Context, list []Run) error {
	return named(ctx, a, list, func(r *Run) (ID, *string) { return r.ContactID, &r.ContactName })
}

// named fills in names: of tells whose of an item, and where it goes.
func named[T any](ctx context.Context, a *API, list []T, of func(*T) (ID, *string)) error {
	ids := make([]int64, 0, len(list))
	for i := range list {
		if id, _ := of(&list[i]); id != 0 {
			ids = append(ids, int64(id))
		}
	}
	names, err := a.shareNames(ctx, ids)
	for i := range list {
		id, name := of(&list[i])
		*name = names[int64(id)]
	}
	return err
}

// secretKind is the kind of messages whose text opens a door: verification codes are shown to nobody.
const secretKind = "code"

// content is what a message says, without personal values; nil when it is secret, no longer kept, or sealed
// with a key that is gone.
func (a *API) content(ctx context.Context, m outbox.Entry) (json.RawMessage, error) {
	if m.Kind == secretKind {
		return nil, nil
	}
	raw, err := a.body(ctx, m)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	body := contents(raw)
	if body == nil {
		return nil, nil // none of our senders' formats
	}
	delete(body, "welcome_code") // whoever has it may greet the customer
	return json.Marshal(maskedProps(body))
}

// contents reads a JSON object, nil when it is none.
func contents(raw []byte) (out map[string]any) {
	if err := json.Unmarshal(raw, &out); err != nil {
		out = nil
	}
	return out
}
