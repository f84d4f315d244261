package httpapi

import (
	"context"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
)

// FoundIdentity is an identity and whose it is.
type FoundIdentity struct {
	Kind      string      `json:"kind"`
	Label     string      `json:"label"`
	Scope     string      `json:"scope,omitempty"`
	ContactID ID          `json:"contact_id"`
	Contact   ContactLine `json:"contact"`
}

type identityInput struct {
	Kind  string `query:"kind" required:"true" enum:"openid,unionid,external_userid,phone,email,visitor,user_id"`
	Scope string `query:"scope" maxLength:"128" doc:"openid 填 AppID，external_userid 填 CorpID，visitor 与 user_id 填所属系统；其余不填"`
	Value string `query:"value" required:"true" maxLength:"256"`
}

// findIdentity gives the person an identity belongs to, or an empty list.
func (a *API) findIdentity(ctx context.Context, in *identityInput) (*listOf[FoundIdentity], error) {
	out := &listOf[FoundIdentity]{List[FoundIdentity]{Items: []FoundIdentity{}}}
	p, err := a.findBy(ctx, event.Identity{Kind: in.Kind, Scope: in.Scope, Value: in.Value})
	if fault.Is(err, fault.NotFound) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	lines, err := a.lines(ctx, []*contact.Person{p})
	if err != nil {
		return nil, err
	}
	out.Body.Items = append(out.Body.Items, FoundIdentity{Kind: in.Kind, Label: identityLabels[in.Kind], Scope: in.Scope, ContactID: ID(p.ID), Contact: lines[0]})
	return out, nil
}
