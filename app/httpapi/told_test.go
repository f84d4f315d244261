package httpapi_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
)

// alerted notes that a member of staff was alerted to somebody, so long ago.
func (f *firm) alerted(user, contact string, ago time.Duration) {
	f.Helper()
	id, err := strconv.ParseInt(contact, 10, 64)
	require.NoError(f, err)
	at := f.app.Clock.Now().Add(-ago).UnixMilli()
	require.NoError(f, f.app.Stores.Koi.Tx(f.Context(), func(tx *db.Tx) error {
		return tx.Upsert(f.Context(), "staff_alerts", []string{"corp_id", "user_id", "contact_id"}, []string{"corp_id", "user_id", "contact_id", "at"}, []string{"at"},
			[][]any{{corp, user, id, at}})
	}))
}

func TestAPI_whoever_was_alerted_to_a_customer_works_with_them(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		r.apply(definitions)
		f := newFirm(r)
		sun, mine := f.contact["sunqi"], f.contact["wanglei"]
		leads := func(c *client, query string) []string {
			t.Helper()
			ids := []string{}
			list := c.get("/api/v1/my/leads" + query).is(200).items()
			for i := range list {
				ids = append(ids, fmt.Sprint(at(list, i, "id")))
			}
			return ids
		}
		r.step("a customer becomes a lead by the alert, whether hot or not", func() {
			f.alerted("wanglei", sun, time.Hour)
			require.Equal(t, []string{sun}, leads(f.sales, ""))
			lead := f.sales.get("/api/v1/my/leads").items()
			require.Equal(t, "138****0004", at(lead, 0, "phone"))
			require.NotNil(t, at(lead, 0, "alerted_at"))
			page := f.sales.get("/api/v1/my").is(200)
			require.EqualValues(t, 1, page.value("leads"))
			require.EqualValues(t, 1, page.value("leads_week"))
			f.alerted("wanglei", mine, 0)
			require.Equal(t, []string{mine, sun}, leads(f.sales, ""), "a friend, too, the newest first")
			f.alerted("wanglei", mine, 31*24*time.Hour)
			require.Equal(t, []string{sun}, leads(f.sales, ""), "for thirty days")
		})
		r.step("the team's are their leader's, and nobody else's", func() {
			require.Empty(t, leads(f.leader, ""))
			require.Equal(t, []string{sun}, leads(f.leader, "?whose=team"))
			f.leader.get("/api/v1/contacts/" + sun).is(200)
			chen := f.of("cj", auth.Sales, corp+"/chenjing")
			require.Empty(t, leads(chen, "?whose=team"))
			chen.get("/api/v1/contacts/"+sun).failure(404, "not_found")
			f.of("emp", auth.Employee, corp+"/wanglei").get("/api/v1/contacts/"+sun).failure(403, "denied")
		})
		r.step("they do what they may do with their own", func() {
			for _, p := range r.places() {
				path := "/api/v1/contacts/{id}"
				if len(p.path) < len(path) || p.path[:len(path)] != path {
					continue
				}
				done := f.sales.do(p.method, "/api/v1/contacts/"+sun+p.path[len(path):]+queries[p.id], bodies[p.id])
				require.Less(t, done.status, 400, "%s: %s", p.id, done.raw)
			}
			require.ElementsMatch(t, []string{"wanglei"}, f.sees(f.sales, "/api/v1/contacts"), "but lists do not hold them")
		})
		r.step("the stream of that one is heard, and the general one stays with the scope", func() {
			one, general := f.sales.listen("?topics=events&contact="+sun, ""), f.sales.listen("?topics=events", "")
			f.happen(event.WeComDeletedByCustomer, "sunqi", "wmsunqi")
			one.until(event.WeComDeletedByCustomer, sun, mine)
			f.happen(event.WeComDeletedByCustomer, "wanglei", "wmwanglei")
			general.until(event.WeComDeletedByCustomer, mine, sun)
			one.close()
			general.close()
		})
		r.step("who is lost or excluded is no lead", func() {
			r.root.patch("/api/v1/contacts/"+sun, obj("side", "lost", "reason", "丢单")).is(200)
			require.Empty(t, leads(f.sales, ""))
			f.sales.get("/api/v1/contacts/" + sun).is(200)
		})
		r.step("after a merge they are listed once, and their messages and runs open", func() {
			zhao := f.contact["zhaomin"]
			f.alerted("wanglei", zhao, time.Hour)
			f.happen(event.WeComCustomerAdded, "sunqi", "wmother")
			other := f.who("wmother")
			f.alerted("wanglei", other, time.Minute)
			require.Equal(t, []string{other, zhao}, leads(f.sales, ""))
			f.happen(event.WeComCustomerAdded, "sunqi", "wmother", event.Identity{Kind: event.KindPhone, Value: "13800000003", Verified: true})
			kept := f.who("wmother")
			require.Equal(t, kept, f.who("wmzhaomin"))
			require.Equal(t, []string{kept}, leads(f.sales, ""))

			// Only the old id is known from the alert: what stands under the new one opens, too.
			old := map[string]string{zhao: other, other: zhao}[kept]
			require.NoError(t, r.app.Stores.Koi.Tx(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(t.Context(), "DELETE FROM staff_alerts WHERE contact_id=?", kept)
				return err
			}))
			require.Equal(t, []string{kept}, leads(f.sales, ""))
			f.sales.get("/api/v1/contacts/" + kept).is(200)
			f.sales.get("/api/v1/contacts/" + old).is(200)
			var journey string
			journeys := r.root.get("/api/v1/journeys").is(200).items()
			for i := range journeys {
				if at(journeys, i, "subject") == "contact" && at(journeys, i, "status") == "live" {
					journey, _ = at(journeys, i, "id").(string)
				}
			}
			runs := "/api/v1/journeys/" + journey + "/runs"
			require.Contains(t, []int{201, 409}, r.root.post(runs, obj("contact_id", kept)).status)
			for _, id := range []string{kept, old} {
				list := f.sales.get(runs + "?contact=" + id).is(200).items()
				require.NotEmpty(t, list)
				f.sales.get(fmt.Sprint(runs, "/", at(list, 0, "id"))).is(200)
				f.sales.get("/api/v1/messages?contact=" + id).is(200)
			}
		})
	})
}
