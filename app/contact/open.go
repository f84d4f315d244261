package contact

import (
	"fmt"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
)

// Sealed opens one personal value of a person of the batch: their phone number or e-mail address, for the
// message that is sent to it and for nothing else. Of several a proven one is taken, and of these the one
// that came last. It costs no query. Fault: NotFound when the person has none.
func (s *Stage) Sealed(p *Person, kind string) (string, error) {
	var best *PersonIdentity
	for i := range p.Identities {
		id := &p.Identities[i]
		if id.Kind != kind {
			continue
		}
		if best == nil || id.Verified && !best.Verified || id.Verified == best.Verified && id.ID > best.ID {
			best = id
		}
	}
	if best == nil {
		return "", fault.New(fault.NotFound, "客户没有留过%s", sealedLabels[kind])
	}
	if best.box == nil { // it came in this batch and is sealed when the batch is written
		for _, n := range s.made {
			if n.id == best.ID {
				return n.Value, nil
			}
		}
	}
	plain, err := s.keys.Open("identity", best.box)
	if err != nil {
		return "", fmt.Errorf("identity %d: %w", best.ID, err)
	}
	return string(plain), nil
}

var sealedLabels = map[string]string{event.KindPhone: "手机号", event.KindEmail: "邮箱"}

// Mask is a phone number or an e-mail address as a screen may show it: 138****0000, z***@example.com.
func Mask(kind, value string) string { return mask(kind, value) }
