package httpapi_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
)

func TestAPI_overview_shows_the_pond_its_days_and_who_is_ripe(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, c db.Config) {
		t.Parallel()
		r := boot(t, c)
		var got struct {
			People int64
			Today  string
			Stages []struct {
				Key    string
				People int64
			}
			Days []struct {
				Day    string
				Counts map[string]int64
			}
			Ripe   []struct{ Company string }
			Recent []struct{ Type, At string }
		}
		// Somebody reachable asks for a demo, twice, and says who they are: ripe by the starter definitions.
		yesterday := time.Now().Add(-24 * time.Hour).Format(time.RFC3339)
		who := []map[string]any{{"kind": "phone", "value": "13800001111"}}
		r.root.post("/api/v1/events", map[string]any{"events": []map[string]any{
			{"type": "page.viewed", "occurred_at": yesterday, "identities": who},
			{"type": "trial.requested", "identities": who},
			{"type": "trial.requested", "identities": who},
			{"type": "form.submitted", "identities": who},
			{"type": "meeting.registered", "identities": who},
			{"type": "meeting.checked_in", "identities": who},
		}}).is(202)
		r.settle()
		require.NoError(t, json.Unmarshal(r.root.get("/api/v1/overview").is(200).raw, &got))
		require.EqualValues(t, 1, got.People)
		require.Len(t, got.Days, 30)
		require.Equal(t, got.Today, got.Days[29].Day)
		require.EqualValues(t, 2, got.Days[29].Counts["trial.requested"])
		require.EqualValues(t, 1, got.Days[28].Counts["page.viewed"], "on the day it happened")
		require.Len(t, got.Ripe, 1)
		require.NotEmpty(t, got.Recent)
		for i := range got.Recent[1:] {
			require.GreaterOrEqual(t, got.Recent[i].At, got.Recent[i+1].At)
		}
		// Somebody with a stage of their own turns out to be the same person: there is one person, in one stage.
		r.root.post("/api/v1/events", map[string]any{"events": []map[string]any{
			{"type": "form.submitted", "identities": []map[string]any{{"kind": "unionid", "value": "uSame"}}},
			{"type": "contact.registered", "identities": append(who, map[string]any{"kind": "unionid", "value": "uSame"})},
		}}).is(202)
		r.settle()
		require.NoError(t, json.Unmarshal(r.root.get("/api/v1/overview").is(200).raw, &got))
		require.EqualValues(t, 1, got.People)
		var standing int64
		for _, s := range got.Stages {
			standing += s.People
			if s.Key == "mql" {
				require.EqualValues(t, 1, s.People)
			}
		}
		require.EqualValues(t, 1, standing, "in all stages together")
	})
}
