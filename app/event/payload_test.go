package event_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/event"
)

// A payload once written stays readable for as long as its log rows and dead letters live: each version
// has a file here that must never change.
func TestEvent_payloads_of_every_version_stay_readable(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("testdata/payload_v1.json")
	require.NoError(t, err)
	want := event.Event{Type: event.WeComCustomerAdded, Key: "add|wmX|wanglei|1795300000", Source: "wecom", Account: "ww1/1000002",
		Identities: []event.Identity{{Kind: event.KindExternal, Scope: "ww1", Value: "wmX"}, {Kind: event.KindPhone, Value: "13800000000", Verified: true}},
		Staff:      "wanglei", ObjectType: "qrcode", ObjectID: "expo", Share: "s_1a", OccurredAt: 1795300000000, ReceivedAt: 1795300000123,
		Props: event.Props{"state": "expo", "n": 2.0, "ok": true}}
	var got event.Event
	require.NoError(t, got.Unmarshal(1, body))
	require.Equal(t, want, got)

	now, err := want.Marshal()
	require.NoError(t, err)
	require.JSONEq(t, string(body), string(now), "a changed payload needs a new Version, an upcaster and a file of its own")
	require.Equal(t, 1, event.Version)
	require.ErrorContains(t, got.Unmarshal(event.Version+1, body), "newer")
}
