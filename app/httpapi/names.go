package httpapi

import (
	"context"
	"encoding/json"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/outbox"
)

// nameMessages says of messages whom they are to or about, as far as the caller may know.
func (a *API) nameMessages(ctx context.Context, list []Message) error {
	ids := make([]int64, 0, len(list))
	for _, m := range list {
		if m.ContactID != 0 {
			ids = append(ids, int64(m.ContactID))
		}
	}
	names, err := a.shareNames(ctx, ids)
	for i := range list {
		list[i].ContactName = names[int64(list[i].ContactID)]
	}
	return err
}

// nameRuns says of runs who walks.
func (a *API) nameRuns(ctx context.Context, list []Run) error {
	ids := make([]int64, 0, len(list))
	for _, r := range list {
		if r.ContactID != 0 {
			ids = append(ids, int64(r.ContactID))
		}
	}
	names, err := a.shareNames(ctx, ids)
	for i := range list {
		list[i].ContactName = names[int64(list[i].ContactID)]
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
