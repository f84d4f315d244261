package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/org"
)

const corp = "ww1"

// firm is a firm with staff and a customer of each: 李伟 leads department 2 with 3 below it, and 赵敏
// elsewhere has him as direct leader; 孙琪 is none of his.
type firm struct {
	*rig
	contact map[string]string // userid → contact id
	sales   *client           // 王磊
	leader  *client           // 李伟
}

func newFirm(r *rig) *firm {
	r.Helper()
	staff := func(user, name string, department int64, leads []int64, leaders ...string) org.Staff {
		return org.Staff{CorpID: corp, UserID: user, Name: name, DepartmentIDs: []int64{department}, LeaderIn: leads, Leaders: leaders, Active: true}
	}
	require.NoError(r, r.app.Staff.Mirror(r.Context(), org.Snapshot{CorpID: corp,
		Departments: []org.Department{{ID: 1, Name: "总部"}, {ID: 2, ParentID: 1, Name: "销售部"}, {ID: 3, ParentID: 2, Name: "华东"}, {ID: 9, ParentID: 1, Name: "市场部"}},
		Staff: []org.Staff{staff("liwei", "李伟", 2, []int64{2}), staff("wanglei", "王磊", 2, nil), staff("chenjing", "陈静", 3, nil),
			staff("zhaomin", "赵敏", 9, nil, "liwei"), staff("sunqi", "孙琪", 9, nil)}}))
	f := &firm{rig: r, contact: map[string]string{}}
	for i, user := range []string{"liwei", "wanglei", "chenjing", "zhaomin", "sunqi"} {
		f.happen(event.WeComCustomerAdded, user, fmt.Sprint("wm", user), event.Identity{Kind: event.KindPhone, Value: fmt.Sprintf("1380000000%d", i), Verified: true})
		f.contact[user] = f.who("wm" + user)
	}
	f.sales, f.leader = f.of("wl", auth.Sales, corp+"/wanglei"), f.of("lw", auth.Leader, corp+"/liwei")
	return f
}

// happen puts something about a customer and a member of staff into the log, and waits for it.
func (f *firm) happen(typ, user, external string, also ...event.Identity) {
	f.Helper()
	now := clock.Ms(clock.Real{}.Now())
	_, err := f.app.Log.Append(f.Context(), &event.Event{Type: typ, Account: corp + "/1", Staff: user, Source: "test", Key: fmt.Sprint(typ, user, external, now),
		Lane: event.Priority, OccurredAt: now, ReceivedAt: now, Identities: append([]event.Identity{{Kind: event.KindExternal, Scope: corp, Value: external}}, also...)})
	require.NoError(f, err)
	f.settle()
}

func (f *firm) who(external string) string {
	f.Helper()
	id, _ := at(f.root.get("/api/v1/identities?kind=external_userid&scope="+corp+"&value="+external).is(200).items(), 0, "contact_id").(string)
	require.NotEmpty(f, id)
	return id
}

// of is a user who stands for a member of staff.
func (f *firm) of(login string, role auth.Role, staff string) *client {
	f.Helper()
	f.root.post("/api/v1/users", obj("login", login, "role", role, "staff", staff, "password", password)).is(201)
	c := f.client()
	got := c.post("/api/v1/session", obj("login", login, "password", password)).is(http.StatusCreated)
	c.cookie, _, _ = strings.Cut(got.header.Get("Set-Cookie"), ";")
	c.csrf = got.text("csrf_token")
	return c
}

// sees are the userids whose customers a caller's list shows.
func (f *firm) sees(c *client, path string) []string {
	f.Helper()
	var out []string
	list := c.get(path).is(200).items()
	for user, id := range f.contact {
		for i := range list {
			if at(list, i, "id") == id {
				out = append(out, user)
			}
		}
	}
	require.Len(f, out, len(list))
	return out
}

// bodies make a request about a contact one that would be done, were it allowed.
var bodies = map[string]any{
	"changeContact": obj("values", obj("name", "改名")), "tagContact": obj("add", []string{}), "revealContact": obj("field", "phone", "reason", "回访"),
	"stateConsent": obj("purpose", "privacy", "granted", true, "source", "展会签到表"),
}

var queries = map[string]string{"explainContact": "?tag=vip"}

func TestAPI_sales_and_leaders_see_their_own_customers_only(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		r.apply(definitions)
		f := newFirm(r)
		list := "/api/v1/contacts"
		r.step("lists are narrowed", func() {
			require.ElementsMatch(t, []string{"wanglei"}, f.sees(f.sales, list))
			require.ElementsMatch(t, []string{"liwei", "wanglei", "chenjing", "zhaomin"}, f.sees(f.leader, list))
			require.Len(t, f.sees(r.user("mia", auth.Marketer), list), 5)
			require.Empty(t, f.sees(r.user("nobody", auth.Sales), list), "no staff member, no customers")
			require.ElementsMatch(t, []string{"wanglei"}, f.sees(f.sales, list+"?sort=intent"))
			require.Empty(t, f.sees(f.sales, list+"?staff=sunqi"))
			require.Empty(t, f.sees(f.sales, list+"?q=13800000004"), "nor by a full phone number")
			require.Len(t, f.sees(f.sales, list+"?q=13800000001"), 1)
			everybody := obj("rule", obj("not", obj("leaf", "tag", "op", "any", "value", []string{"paid"})))
			require.Len(t, f.sales.post(list+"/search", everybody).is(200).items(), 1)
			require.InDelta(t, 1, f.sales.post("/api/v1/segments/preview", everybody).is(200).value("count"), 0)
			require.InDelta(t, 4, f.leader.post("/api/v1/segments/preview", everybody).is(200).value("count"), 0)
			identity := "/api/v1/identities?kind=external_userid&scope=" + corp + "&value="
			require.Empty(t, f.sales.get(identity+"wmsunqi").is(200).items())
			require.Len(t, f.sales.get(identity+"wmwanglei").is(200).items(), 1)
		})
		r.step("every route about a contact answers for a foreign one as for none", func() {
			n := 0
			for _, p := range r.places() {
				if !strings.HasPrefix(p.path, "/api/v1/contacts/{id}") {
					continue
				}
				n++
				call := func(id string) got {
					return f.sales.do(p.method, strings.Replace(p.path, "{id}", id, 1)+queries[p.id], bodies[p.id])
				}
				foreign, absent := call(f.contact["sunqi"]).failure(404, "not_found"), call("999999999").failure(404, "not_found")
				require.Equal(t, absent.text("detail"), foreign.text("detail"), p.id)
				own := call(f.contact["wanglei"])
				require.Less(t, own.status, 400, "%s: %s", p.id, own.raw)
			}
			require.GreaterOrEqual(t, n, 6)
			f.leader.get(list + "/" + f.contact["zhaomin"]).is(200)
			f.leader.get(list+"/"+f.contact["sunqi"]).failure(404, "not_found")
		})
		r.step("so do messages and runs, and what takes a contact elsewhere", func() {
			f.sales.get("/api/v1/messages?contact="+f.contact["sunqi"]).failure(404, "not_found")
			require.Empty(t, f.sales.get("/api/v1/messages").is(200).items())
			f.sales.get("/api/v1/stream?contact="+f.contact["sunqi"]).failure(404, "not_found")
			journeys := r.root.get("/api/v1/journeys").is(200).items()
			require.NotEmpty(t, journeys)
			var journey string
			for i := range journeys {
				if at(journeys, i, "subject") == "contact" && at(journeys, i, "status") == "live" {
					journey, _ = at(journeys, i, "id").(string)
				}
			}
			runs := "/api/v1/journeys/" + journey + "/runs"
			f.sales.get(runs+"?contact="+f.contact["sunqi"]).failure(404, "not_found")
			f.leader.post(runs, obj("contact_id", f.contact["sunqi"])).failure(404, "not_found")
			f.leader.post("/api/v1/journeys/"+journey+"/test-run", obj("contact_id", f.contact["sunqi"])).failure(404, "not_found")
			for user := range f.contact {
				got := r.root.post(runs, obj("contact_id", f.contact[user]))
				require.Contains(t, []int{201, 409}, got.status)
			}
			all := r.root.get(runs).is(200).items()
			for i := range all {
				path := fmt.Sprint(runs, "/", at(all, i, "id"))
				if at(all, i, "contact_id") == f.contact["wanglei"] {
					f.sales.get(path).is(200)
				} else {
					f.sales.get(path).failure(404, "not_found")
				}
			}
			require.Len(t, f.sales.get(runs).is(200).items(), min(1, len(all)))
			messages := r.root.get("/api/v1/messages").is(200).items()
			for i := range messages {
				want := 404
				if at(messages, i, "contact_id") == f.contact["wanglei"] {
					want = 200
				}
				f.sales.get(fmt.Sprint("/api/v1/messages/", at(messages, i, "id"))).is(want)
			}
		})
		r.step("a customer who left the member stays theirs, one who joins them becomes theirs", func() {
			f.happen(event.WeComDeletedByCustomer, "wanglei", "wmwanglei")
			f.happen(event.WeComCustomerAdded, "wanglei", "wmsunqi")
			require.ElementsMatch(t, []string{"wanglei", "sunqi"}, f.sees(f.sales, list))
		})
		r.step("after a merge both histories are theirs", func() {
			f.happen(event.WeComCustomerAdded, "wanglei", "wmother", event.Identity{Kind: event.KindPhone, Value: "13800000003", Verified: true})
			merged := f.sales.get(list + "/" + f.contact["zhaomin"]).is(200)
			require.Len(t, merged.value("staff_links"), 2)
			require.Equal(t, merged.text("id"), f.who("wmother"))
			require.Contains(t, string(f.sales.get(list).raw), `"id":"`+merged.text("id")+`"`)
		})
		r.step("keys may be narrowed likewise", func() {
			made := r.root.post("/api/v1/api-keys", obj("name", "王磊的工具", "role", "sales", "staff", corp+"/wanglei")).is(201)
			tool := r.client()
			tool.key = made.text("secret")
			tool.get(list + "/" + f.contact["wanglei"]).is(200)
			tool.get(list+"/"+f.contact["chenjing"]).failure(404, "not_found")
			made = r.root.post("/api/v1/api-keys", obj("name", "只读", "scopes", []string{"contacts.read"}, "staff", corp+"/chenjing")).is(201)
			tool.key = made.text("secret")
			require.ElementsMatch(t, []string{"chenjing"}, f.sees(tool, list))
			require.Equal(t, []string{"staff"}, r.root.post("/api/v1/api-keys", obj("name", "x", "role", "sales", "staff", corp+"/ghost")).failure(422, "invalid").problems())
		})
		r.step("a new staff member, role or disabling counts at once", func() {
			id := f.sales.get("/api/v1/me").is(200).text("user.id")
			require.Equal(t, []string{"staff"}, r.root.patch("/api/v1/users/"+id, obj("staff", "wanglei")).failure(422, "invalid").problems())
			changed := r.root.patch("/api/v1/users/"+id, obj("staff", corp+"/chenjing")).is(200)
			require.Equal(t, "陈静", changed.text("staff.name"))
			f.sales.get(list).failure(401, "denied")
		})
	})
}

func TestAPI_the_login_name_alone_makes_nobody_a_member_of_staff(t *testing.T) {
	t.Parallel()
	r := bootSQLite(t)
	f := newFirm(r)
	require.Empty(t, f.sees(r.user("sunqi", auth.Sales), "/api/v1/contacts"))
}
