package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/apptest"
	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/channels/simulator"
)

func TestStaffPortal_leads_are_the_callers_own_hot_customers_with_the_evidence(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		f := newFirm(r)
		n := 0
		tell := func(typ string, user string, props map[string]any) {
			n++
			r.root.post("/api/v1/events", obj("id", fmt.Sprint("e", n), "type", typ, "identities", []any{obj("kind", "external_userid", "scope", corp, "value", "wm"+user)},
				"object", obj("type", "page", "id", "price"), "props", props)).is(202)
			r.settle()
		}
		names := func(c *client, path string) []string {
			var out []string
			list := c.get(path).is(200).items()
			for i := range list {
				for user, id := range f.contact {
					if id == at(list, i, "id") {
						out = append(out, user)
					}
				}
			}
			require.Len(t, out, len(list))
			return out
		}
		r.step("nobody is hot yet", func() {
			require.Empty(t, f.sales.get("/api/v1/my/leads").is(200).items())
		})
		r.step("who asks for a demo is, and so is who reached a sales stage", func() {
			tell("trial.requested", "wanglei", obj())
			r.root.patch("/api/v1/contacts/"+f.contact["chenjing"], obj("stage", "sql", "reason", "已约见")).is(200)
			tell("trial.requested", "sunqi", obj())
			require.Equal(t, []string{"wanglei"}, names(f.sales, "/api/v1/my/leads"))
			lead := f.sales.get("/api/v1/my/leads").is(200).items()
			require.GreaterOrEqual(t, at(lead, 0, "intent"), 40.0)
			require.Equal(t, "138****0001", at(lead, 0, "phone"))
			reasons := at(lead, 0, "reasons").([]any)
			require.Contains(t, at(reasons, 0, "text"), "预约演示")
			require.Equal(t, "page/price", at(reasons, 0, "object"))
		})
		r.step("the strongest reason comes first, the newest is told apart", func() {
			tell("page.viewed", "wanglei", obj("kind", "price"))
			lead := f.sales.get("/api/v1/my/leads").is(200).items()
			require.Contains(t, at(at(lead, 0, "reasons").([]any), 0, "text"), "预约演示")
			require.Contains(t, at(at(lead, 0, "recent").([]any), 0, "label"), "访问页面")
		})
		r.step("a leader sees their own, and the team's when asked for", func() {
			require.Empty(t, f.leader.get("/api/v1/my/leads").is(200).items())
			require.Equal(t, []string{"wanglei", "chenjing"}, names(f.leader, "/api/v1/my/leads?whose=team"), "the newest first")
			first := f.leader.get("/api/v1/my/leads?whose=team&limit=1").is(200)
			require.Len(t, first.items(), 1)
			require.Equal(t, []string{"chenjing"}, names(f.leader, "/api/v1/my/leads?whose=team&limit=1&cursor="+first.text("next")))
			require.Equal(t, []string{"wanglei"}, names(f.sales, "/api/v1/my/leads?whose=team"), "who leads nobody asks in vain")
			require.EqualValues(t, 3, f.leader.get("/api/v1/my").is(200).value("team"))
		})
		r.step("a foreign customer does not exist", func() {
			f.sales.get("/api/v1/contacts/"+f.contact["sunqi"]).failure(404, "not_found")
			f.sales.post("/api/v1/contacts/"+f.contact["sunqi"]+"/reveal", obj("field", "phone", "reason", "回访")).failure(404, "not_found")
		})
		r.step("who is no member of staff has nothing, whatever their role", func() {
			admin := r.user("root2", auth.Admin)
			require.Empty(t, admin.get("/api/v1/my/leads?whose=team").is(200).items())
			require.Empty(t, admin.get("/api/v1/my/shares").is(200).items())
			require.Empty(t, admin.get("/api/v1/my/visitors").is(200).items())
			require.Nil(t, admin.get("/api/v1/my").is(200).value("staff"))
			admin.post("/api/v1/my/shares", obj("page", "price")).failure(403, "denied")
			r.user("emp", auth.Employee).get("/api/v1/my/leads").failure(403, "denied")
		})
		r.step("who is lost, excluded or no friend any more is no lead", func() {
			r.root.patch("/api/v1/contacts/"+f.contact["chenjing"], obj("side", "lost", "reason", "丢单")).is(200)
			require.Equal(t, []string{"wanglei"}, names(f.leader, "/api/v1/my/leads?whose=team"))
			f.happen(event.WeComDeletedByCustomer, "wanglei", "wmwanglei")
			require.Empty(t, f.sales.get("/api/v1/my/leads").is(200).items())
		})
	})
}

func TestStaffPortal_shares_and_visitors(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		f := newFirm(r)
		chen := f.of("chen", auth.Employee, corp+"/chenjing")
		ask := obj("page", "white-paper", "visitor", "v_chenjing0")
		token := chen.post("/api/v1/my/shares", ask).is(201).text("token")
		require.Equal(t, token, chen.post("/api/v1/my/shares", ask).is(201).text("token"))
		require.NotEqual(t, token, f.sales.post("/api/v1/my/shares", obj("page", "white-paper")).is(201).text("token"))

		r.open("v_chenjing0", "white-paper", token)
		r.open("v_visitor1", "white-paper", token)
		r.open("v_visitor2", "white-paper", r.own("v_visitor1", "white-paper"))
		now := r.app.Clock.Now().UnixMilli()
		for i, e := range []map[string]any{obj("type", "page.dwelled", "props", obj("seconds", 15)), obj("type", "page.dwelled", "props", obj("seconds", 47)), obj("type", "page.scrolled", "props", obj("percent", 80))} {
			e["id"], e["page"], e["visitor"], e["at"], e["sent_at"] = fmt.Sprint("read", i), "white-paper", "v_visitor2", now, now
			r.client().with("Content-Type", "text/plain").post("/t", []any{e}).is(http.StatusNoContent)
		}
		r.judged()

		list := chen.get("/api/v1/my/visitors").is(200).items()
		require.Len(t, list, 3)
		require.EqualValues(t, 2, at(list, 0, "depth"))
		require.EqualValues(t, 47, at(list, 0, "seconds"))
		require.EqualValues(t, 80, at(list, 0, "percent"))
		require.Equal(t, true, at(list, 0, "counted"))
		require.NotNil(t, at(list, 0, "via").(map[string]any)["contact"], "passed on by another visitor")
		require.Equal(t, true, at(list, 0, "contact").(map[string]any)["hidden"], "an employee sees no customer's name")
		require.Nil(t, at(list, 0, "contact").(map[string]any)["id"])
		require.Equal(t, "陈静", at(list, 1, "via").(map[string]any)["staff"].(map[string]any)["name"])
		require.Equal(t, true, at(list, 2, "self"))
		require.Equal(t, false, at(list, 2, "counted"))
		require.Equal(t, "本人", at(list, 2, "mark_label"))
		first := chen.get("/api/v1/my/visitors?limit=2").is(200)
		require.Len(t, first.items(), 2)
		require.Len(t, chen.get("/api/v1/my/visitors?limit=2&cursor="+first.text("next")).is(200).items(), 1)
		require.Empty(t, chen.get("/api/v1/my/visitors?page=price").is(200).items())
		require.Empty(t, f.sales.get("/api/v1/my/visitors").is(200).items(), "others' visitors are others'")

		shares := chen.get("/api/v1/my/shares").is(200).items()
		require.Len(t, shares, 1)
		require.Equal(t, token, at(shares, 0, "token"))
		require.EqualValues(t, 3, at(shares, 0, "opens"))
		require.EqualValues(t, 2, at(shares, 0, "counted"))
		require.Equal(t, []any{map[string]any{"depth": 1.0, "people": 1.0}, map[string]any{"depth": 2.0, "people": 1.0}}, at(shares, 0, "levels"))
		mine := chen.get("/api/v1/my").is(200)
		require.EqualValues(t, 2, mine.value("counted"))
		require.Nil(t, mine.value("leads"), "an employee has no customers")
		require.Equal(t, "陈静", mine.text("staff.name"))
		chen.get("/api/v1/shares/" + token).is(200)
		f.sales.get("/api/v1/shares/"+token).failure(404, "not_found")
	})
}

// browser is a phone's browser that plays a member of staff; it follows redirects only when told.
type browser struct {
	t    *testing.T
	http *http.Client
}

func newBrowser(t *testing.T, k *apptest.Koi, member string) *browser {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	b := &browser{t, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	b.play(k, member)
	return b
}

func (b *browser) play(k *apptest.Koi, member string) {
	u, err := url.Parse(k.Sim.URL())
	require.NoError(b.t, err)
	b.http.Jar.SetCookies(u, []*http.Cookie{{Name: simulator.MemberCookie, Value: member}})
}

// open returns where the browser is sent, the status and the body.
func (b *browser) open(address string) (string, int, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, address, nil)
	require.NoError(b.t, err)
	res, err := b.http.Do(req)
	require.NoError(b.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	return res.Header.Get("Location"), res.StatusCode, string(body)
}

// signIn goes to WeCom and back and returns where that ends.
func (b *browser) signIn(k *apptest.Koi, to string) string {
	b.t.Helper()
	authorize, status, _ := b.open(k.URL + "/api/v1/session/wecom?to=" + url.QueryEscape(to))
	require.Equal(b.t, http.StatusFound, status)
	back, status, page := b.open(authorize)
	require.Equal(b.t, http.StatusFound, status, page)
	end, status, page := b.open(back)
	require.Equal(b.t, http.StatusFound, status, page)
	return end
}

func (b *browser) me(k *apptest.Koi) (int, string) {
	_, status, body := b.open(k.URL + "/api/v1/me")
	return status, body
}

func TestStaffPortal_staff_sign_in_with_wecom(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, c db.Config) {
		world := apptest.World(4)
		world.Corps[0].Staff[3].Leaders = nil
		k := apptest.Start(t, apptest.Options{Store: c, World: &world})
		apptest.Until(t, "the directory is read", func() bool { return len(k.App.Staff.List(apptest.CorpID)) == 4 })
		boss, seller, clerk := apptest.StaffID(0), apptest.StaffID(1), apptest.StaffID(3)

		early := newBrowser(t, k, seller)
		require.Contains(t, early.signIn(k, "/staff/"), "problem=unready", "the first administrator comes first")
		require.Equal(t, 200, k.API("GET", "/users", nil, nil)) // makes one

		k.Act(simulator.Act{Who: "wmPerson000000000000000001", App: apptest.Agent, Do: "add_staff", With: seller})

		for who, role := range map[string]string{boss: `"role":"leader"`, seller: `"role":"sales"`, clerk: `"role":"employee"`} {
			b := newBrowser(t, k, who)
			require.Equal(t, "/staff/contacts/7?x=1", b.signIn(k, "/staff/contacts/7?x=1"))
			status, me := b.me(k)
			require.Equal(t, 200, status, me)
			require.Contains(t, me, role)
			require.Contains(t, me, `"user_id":"`+who+`"`)
		}

		b := newBrowser(t, k, clerk)
		for _, evil := range []string{"https://evil.example/", "//evil.example/staff/", "/console/", "/staff/../console", `/staff/\evil`, "javascript:alert(1)"} {
			require.Equal(t, "/staff/", b.signIn(k, evil), evil)
		}

		// A link made by somebody else signs nobody in, nor does coming back twice.
		stranger := newBrowser(t, k, boss)
		authorize, _, _ := b.open(k.URL + "/api/v1/session/wecom")
		back, _, _ := b.open(authorize)
		to, _, _ := stranger.open(back)
		require.Contains(t, to, "problem=expired")
		status, _ := stranger.me(k)
		require.Equal(t, 401, status)
		to, _, _ = b.open(back)
		require.Equal(t, "/staff/", to)
		to, _, _ = b.open(back)
		require.Contains(t, to, "problem=expired")

		// A code of somebody's own, or a made-up one, does not do either.
		authorize, _, _ = b.open(k.URL + "/api/v1/session/wecom")
		u, err := url.Parse(authorize)
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(u.Query().Get("state")), 26)
		to, _, _ = b.open(k.URL + "/api/v1/session/wecom/back?code=made-up&state=" + u.Query().Get("state"))
		require.Contains(t, to, "problem=expired")

		// A disabled user stays out, with WeCom's word too.
		var users struct {
			Items []struct{ ID, Login string }
		}
		require.Equal(t, 200, k.API("GET", "/users", nil, &users))
		for _, x := range users.Items {
			if strings.HasPrefix(x.Login, clerk) {
				require.Equal(t, 200, k.API("PATCH", "/users/"+x.ID, map[string]any{"disabled": true}, nil))
			}
		}
		require.Contains(t, b.signIn(k, "/staff/"), "problem=locked")

		// WeCom away is said, not taken for a wrong member.
		require.NoError(t, k.Sim.Misbehave(simulator.Misbehaviour{Path: "/cgi-bin/auth/getuserinfo", Code: -1, Times: 9}))
		require.Contains(t, newBrowser(t, k, seller).signIn(k, "/staff/"), "problem=away")

		var ways struct {
			WeCom    []struct{ App string }
			Anywhere bool
		}
		require.Equal(t, 200, k.API("GET", "/session/ways", nil, &ways))
		require.True(t, ways.Anywhere)
		require.Equal(t, apptest.Agent, ways.WeCom[0].App)
		var log struct {
			Items []struct{ Action, Outcome, Who string }
		}
		apptest.Until(t, "sign-ins are on record", func() bool {
			k.API("GET", "/audit?limit=200", nil, &log)
			seen := map[string]bool{}
			for _, l := range log.Items {
				if l.Action == "endWeComSignIn" {
					seen[l.Outcome] = true
				}
			}
			return seen["done"] && seen["denied"]
		})
	})
}
