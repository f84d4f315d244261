package contact_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
)

func TestSealed_opens_the_number_a_message_goes_to(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		b := newBench(t, s)
		open := func(e *event.Event) (string, error) {
			return b.stage.Sealed(b.stage.Person(e.ContactID), event.KindPhone)
		}
		visitor := event.Identity{Kind: event.KindVisitor, Value: "v1"}
		none := b.happen(t, event.Event{Type: event.PageViewed, Identities: []event.Identity{visitor}})[0]
		_, err := open(none)
		require.True(t, fault.Is(err, fault.NotFound))
		require.ErrorContains(t, err, "客户没有留过手机号")

		typed := b.happen(t, event.Event{Type: event.FormSubmitted, Identities: []event.Identity{visitor, {Kind: event.KindPhone, Value: "+86 138-0000-0001"}}})[0]
		got, err := open(typed)
		require.NoError(t, err, "in the batch that brings it")
		require.Equal(t, "13800000001", got)

		later := b.happen(t, event.Event{Type: event.PageViewed, Identities: []event.Identity{visitor}})[0]
		got, err = open(later)
		require.NoError(t, err, "from the database")
		require.Equal(t, "13800000001", got)
		require.Empty(t, b.stage.Person(later.ContactID).Identity(event.KindPhone, "").Value)
		require.Equal(t, "138****0001", contact.Mask(event.KindPhone, got))
	})
}
