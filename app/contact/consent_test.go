package contact_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
)

var (
	provenPhone = event.Identity{Kind: event.KindPhone, Value: "13800001234", Verified: true}
	consentee   = event.Identity{Kind: event.KindUserID, Scope: "crm", Value: "u1"}
)

func says(typ string, who event.Identity, at int64, props event.Props) event.Event {
	return event.Event{Type: typ, Source: "sms", Identities: []event.Identity{who}, OccurredAt: at, Props: props}
}

func TestConsent_keeps_what_was_said_in_which_words_and_when(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		b := newBench(t, s)
		e := b.happen(t, says(event.FormSubmitted, consentee, epoch, nil))[0]
		got := b.happen(t, event.Event{Type: event.CommandConsent, Source: "console", ContactID: e.ContactID, OccurredAt: epoch + 1,
			Props: event.Props{"purpose": "marketing_sms", "granted": true, "version": "v3", "source": "线下活动", "ip": "10.1.2.3", "by": "li"}})
		require.Equal(t, event.ConsentGranted, got[1].Type, "the timeline tells")
		require.Equal(t, e.ContactID, got[1].ContactID)

		p, list, err := b.dir.Consents(t.Context(), e.ContactID)
		require.NoError(t, err)
		require.True(t, p.Consents.Granted(contact.MarketingSMS))
		require.EqualValues(t, epoch+1, p.Consents.StatedAt(contact.MarketingSMS))
		require.Len(t, list, 1)
		list[0].EventID = 0
		require.Equal(t, contact.Statement{Purpose: contact.MarketingSMS, Granted: true, Version: "v3", Source: "线下活动", IP: "10.1.2.3", By: "li", At: epoch + 1}, list[0])

		b.happen(t, says(event.ConsentWithdrawn, consentee, epoch+2, event.Props{"purpose": "marketing_sms"}))
		b.happen(t, says(event.ConsentGranted, consentee, epoch+3, event.Props{"purpose": "no_such"}))
		p, list, err = b.dir.Consents(t.Context(), e.ContactID)
		require.NoError(t, err)
		require.True(t, p.Consents.Withdrawn(contact.MarketingSMS))
		require.False(t, p.Consents.Granted(contact.MarketingSMS))
		require.Len(t, list, 2, "the newest first, and nothing is forgotten")
		require.False(t, list[0].Granted)
		require.Equal(t, "sms", list[0].Source)
	})
}

func TestConsent_R_reaches_the_person_through_the_phone_number(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		b := newBench(t, s)
		form := says(event.FormSubmitted, consentee, epoch, nil)
		form.Identities = append(form.Identities, event.Identity{Kind: event.KindPhone, Value: provenPhone.Value})
		who := b.happen(t, form)[0].ContactID
		b.happen(t, says(event.ConsentGranted, consentee, epoch+1, event.Props{"purpose": "marketing_sms"}))
		b.happen(t, says(event.ConsentUnsubscribed, provenPhone, epoch+2, event.Props{"channel": "sms", "source": "sms_uplink"}))

		p := b.find(t, provenPhone)
		require.Equal(t, who, p.ID)
		require.True(t, p.Consents.Unsubscribed("sms"))
		require.False(t, p.Consents.Unsubscribed("wechat"))
		require.EqualValues(t, contact.GrantedBit(contact.MarketingSMS)|contact.UnsubscribedBit("sms"), p.Consents.Mask())
		var mask int64
		require.NoError(t, s.Koi.QueryRow(t.Context(), "SELECT consent_mask FROM contacts WHERE id=?", who).Scan(&mask))
		require.Equal(t, p.Consents.Mask(), mask, "conditions ask the column")

		b.happen(t, says(event.ConsentGranted, consentee, epoch+3, event.Props{"purpose": "marketing_sms"}))
		require.False(t, b.find(t, provenPhone).Consents.Unsubscribed("sms"), "who agrees again after that wants it again")
	})
}

func TestConsent_of_people_who_turn_out_to_be_one(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		b := newBench(t, s)
		open := event.Identity{Kind: event.KindOpenID, Scope: "wx1", Value: "o1"}
		union := event.Identity{Kind: event.KindUnionID, Value: "n1"}
		b.happen(t, says(event.OAFollowed, open, epoch, nil))
		b.happen(t, says(event.ConsentWithdrawn, open, epoch+10, event.Props{"purpose": "marketing_wechat"}))
		b.happen(t, says(event.ConsentGranted, open, epoch+11, event.Props{"purpose": "marketing_sms"}))
		b.happen(t, says(event.MPLoggedIn, union, epoch+20, nil))
		b.happen(t, says(event.ConsentGranted, union, epoch+5, event.Props{"purpose": "marketing_wechat"}))
		b.happen(t, says(event.ConsentUnsubscribed, union, epoch+21, event.Props{"channel": "email"}))
		b.happen(t, says(event.ConsentWithdrawn, union, epoch+22, event.Props{"purpose": "marketing_sms"}))

		both := says(event.OAMessageReceived, open, epoch+30, nil)
		both.Identities = append(both.Identities, union)
		b.happen(t, both)
		p, list, err := b.dir.Consents(t.Context(), b.find(t, open).ID)
		require.NoError(t, err)
		require.Equal(t, p.ID, b.find(t, union).ID)
		require.True(t, p.Consents.Withdrawn(contact.MarketingWeChat), "a refusal stays")
		require.True(t, p.Consents.Withdrawn(contact.MarketingSMS), "the later word counts")
		require.True(t, p.Consents.Unsubscribed("email"))
		require.Len(t, list, 5, "both histories are one")
	})
}

// However statements arrive, the same is known in the end.
func TestConsent_does_not_depend_on_the_order_we_learn_it_in(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		n := 0
		rapid.Check(t, func(rt *rapid.T) {
			list, channels := contact.Purposes()
			var events []event.Event
			for range rapid.IntRange(1, 6).Draw(rt, "n") {
				e := says(rapid.SampledFrom([]string{event.ConsentGranted, event.ConsentWithdrawn}).Draw(rt, "type"), event.Identity{},
					epoch+rapid.Int64Range(0, 5).Draw(rt, "at"), event.Props{"purpose": string(rapid.SampledFrom(list).Draw(rt, "purpose"))})
				if rapid.Bool().Draw(rt, "channel") {
					e.Type, e.Props = event.ConsentUnsubscribed, event.Props{"channel": rapid.SampledFrom(channels).Draw(rt, "which")}
				}
				events = append(events, e)
			}
			b := newBench(t, s)
			var masks []int64
			for _, order := range [][]event.Event{events, slices.Clone(events)} {
				n++
				who := event.Identity{Kind: event.KindUserID, Scope: "crm", Value: string(rune('a'+n%26)) + rapid.StringMatching("[a-z]{12}").Draw(rt, "who")}
				if len(masks) > 0 {
					order = rapid.Permutation(order).Draw(rt, "order")
				}
				b.seq = int64(n) * 1000
				for _, e := range order {
					e.Identities = []event.Identity{who}
					b.happen(t, e)
				}
				p := b.find(t, who)
				masks = append(masks, p.Consents.Mask())
			}
			require.Equal(t, masks[0], masks[1])
		})
	})
}
