package httpapi_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/setting"
)

const sharer = "ww1/chenjing"

// open has somebody's browser open a page, through a token unless "", and waits until it is judged.
func (r *rig) open(visitor, page, token string) {
	r.Helper()
	now := time.Now().UnixMilli()
	c := r.client().with("Content-Type", "text/plain").with("User-Agent", "Mozilla/5.0 (iPhone) MicroMessenger/8.0").with("X-Forwarded-For", "203.0.113."+visitor[len(visitor)-1:])
	c.post("/t", []any{obj("id", "e"+strconv.FormatInt(time.Now().UnixNano(), 36), "type", "page.viewed", "page", page, "at", now-50, "sent_at", now, "visitor", visitor, "share", token,
		"url", r.url+"/p/"+page+"?_s="+token)}).is(http.StatusNoContent)
	r.judged()
}

// judged waits until everything is applied and no arrival is due.
func (r *rig) judged() {
	r.Helper()
	r.settle()
	r.until("arrivals are judged", func() bool {
		var n int
		require.NoError(r, r.app.Stores.Koi.QueryRow(r.Context(), "SELECT COUNT(*) FROM share_opens WHERE due_at>0 AND due_at<=?", time.Now().UnixMilli()).Scan(&n))
		return n == 0
	})
}

func (r *rig) own(visitor, page string) string {
	r.Helper()
	return r.client().get("/t/share?page=" + page + "&visitor=" + visitor).is(200).text("token")
}

// lines is a tree, a line each.
func lines(list []any, indent string) []string {
	var out []string
	for i := range list {
		counted := "counted"
		if at(list, i, "counted") != true {
			counted = at(list, i, "mark_label").(string)
		}
		root := ""
		if m, ok := at(list, i, "root").(map[string]any); ok {
			root = m["name"].(string)
		}
		out = append(out, indent+strings.Join([]string{strconv.Itoa(int(at(list, i, "depth").(float64))), counted, at(list, i, "credit").(string), root}, " "))
		kids, _ := at(list, i, "children").([]any)
		out = append(out, lines(kids, indent+" ")...)
	}
	return out
}

func TestShares_chain_from_an_employee_over_three_visitors(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		_, err := r.app.Settings.Apply(t.Context(), []setting.Change{{Kind: "staff", Key: sharer, Body: []byte(`{"name":"陈静"}`)}, {Kind: "staff", Key: "ww1/wanglei", Body: []byte(`{"name":"王磊"}`)}}, "test")
		require.NoError(t, err)
		r.until("staff is known", func() bool { _, err := r.app.Staff.Get("ww1", "chenjing"); return err == nil })
		ask := obj("page", "white-paper", "staff", "chenjing", "visitor", "v_chenjing0")
		var token string
		r.step("a link is minted, the same one each time", func() {
			got := r.root.post("/api/v1/shares", ask).is(http.StatusCreated)
			token = got.text("token")
			require.Equal(t, r.url+"/p/white-paper?_s="+token, got.text("url"))
			require.Equal(t, "陈静", got.text("sharer.staff.name"))
			require.Equal(t, token, r.root.post("/api/v1/shares", ask).is(http.StatusCreated).text("token"))
			elsewhere := r.root.post("/api/v1/shares", obj("page", "white-paper", "staff", sharer, "url", "https://www.example.com/a?b=1")).is(http.StatusCreated)
			require.Equal(t, "https://www.example.com/a?_s="+token+"&b=1", elsewhere.text("url"))
		})
		r.step("three visitors pass it on", func() {
			r.open("v_chenjing0", "white-paper", token)
			r.open("v_visitor1", "white-paper", token)
			r.open("v_visitor2", "white-paper", r.own("v_visitor1", "white-paper"))
			r.open("v_visitor3", "white-paper", r.own("v_visitor2", "white-paper"))
			tree := r.root.get("/api/v1/shares/" + token).is(200)
			require.Equal(t, []string{"0 本人 none 陈静", "1 counted pending 陈静", " 2 counted pending 陈静", "  3 counted pending 陈静"}, lines(tree.value("children").([]any), ""))
			mid := r.root.get("/api/v1/shares/" + r.own("v_visitor2", "white-paper")).is(200)
			path := mid.value("path").([]any)
			require.Len(t, path, 3)
			require.Equal(t, "陈静", at(path, 0, "staff").(map[string]any)["name"])
		})
		r.step("lists and sums", func() {
			list := r.root.get("/api/v1/shares?page=white-paper").is(200).items()
			require.Len(t, list, 1)
			require.EqualValues(t, 3, at(list, 0, "counted"))
			require.EqualValues(t, 3, at(list, 0, "newcomers"))
			require.EqualValues(t, 3, at(list, 0, "depth"))
			require.Len(t, r.root.get("/api/v1/shares?staff=chenjing&root="+token).is(200).items(), 1)
			require.Empty(t, r.root.get("/api/v1/shares?page=price").is(200).items())
			require.Empty(t, r.root.get("/api/v1/shares?staff=wanglei").is(200).items())
			sums := r.root.get("/api/v1/shares/summary").is(200).items()
			require.EqualValues(t, 3, at(sums, 0, "pending"))
			require.Equal(t, "white-paper", at(r.root.get("/api/v1/shares/summary?by=page").is(200).items(), 0, "page"))
		})
		r.step("the sharer hears of it on the timeline", func() {
			who := r.root.get("/api/v1/identities?kind=visitor&value=v_visitor1").is(200).items()
			id := at(who, 0, "contact_id").(string)
			told := r.root.get("/api/v1/contacts/" + id + "/timeline?type=" + event.PageShareOpened).is(200).items()
			require.Len(t, told, 1)
		})
		r.step("a forged token counts for nobody", func() {
			forged := "s_" + strings.Repeat("A", 22)
			r.open("v_visitor4", "white-paper", forged)
			r.root.get("/api/v1/shares/"+forged).failure(http.StatusNotFound, "not_found")
			require.EqualValues(t, 3, at(r.root.get("/api/v1/shares/summary").is(200).items(), 0, "counted"))
		})
		r.step("a credit is taken back with a reason", func() {
			kids := r.root.get("/api/v1/shares/" + token).value("children").([]any)
			path := "/api/v1/shares/credits/" + at(kids, 1, "credit_id").(string) + "/reverse"
			require.Equal(t, []string{"reason"}, r.root.post(path, obj("reason", "")).failure(http.StatusUnprocessableEntity, "invalid").problems())
			got := r.root.post(path, obj("reason", "内部测试")).is(200)
			require.Equal(t, "reversed", got.text("credit"))
			require.Equal(t, "内部测试", got.text("reason"))
			require.False(t, got.value("counted").(bool))
			r.root.post(path, obj("reason", "再来")).failure(http.StatusConflict, "conflict")
			self := "/api/v1/shares/credits/" + at(kids, 0, "credit_id").(string) + "/reverse"
			r.root.post(self, obj("reason", "x")).failure(http.StatusConflict, "conflict")
			r.root.post("/api/v1/shares/credits/999/reverse", obj("reason", "x")).failure(http.StatusNotFound, "not_found")
		})
		r.step("an employee sees their own shares only", func() {
			c := r.user("chen", auth.Employee)
			require.Empty(t, c.get("/api/v1/shares").is(200).items())
			c.get("/api/v1/shares/"+token).failure(http.StatusNotFound, "not_found")
			c.post("/api/v1/shares", ask).failure(http.StatusForbidden, "denied")
			analyst := r.keyOf(auth.Analyst)
			analyst.get("/api/v1/shares/" + token).is(200)
			analyst.post("/api/v1/shares", ask).is(http.StatusForbidden)
		})
		r.step("a customer's link", func() {
			got := r.root.get("/api/v1/contacts?limit=1").is(200).items()
			id := at(got, 0, "id").(string)
			link := r.root.post("/api/v1/shares", obj("page", "price", "contact", id)).is(http.StatusCreated)
			r.open("v_visitor5", "price", link.text("token"))
			tree := r.root.get("/api/v1/shares/" + link.text("token")).is(200)
			require.Equal(t, id, tree.text("sharer.contact.id"))
			require.Equal(t, []string{"1 counted pending "}, lines(tree.value("children").([]any), ""))
		})
		r.step("what is wrong with a request is told", func() {
			for field, body := range map[string]any{"staff": obj("page", "p", "staff", "nobody"), "page": obj("page", " p", "staff", "chenjing"), "url": obj("page", "p", "staff", "chenjing", "url", "javascript:1"),
				"visitor": obj("page", "p", "staff", "chenjing", "visitor", "x")} {
				require.Equal(t, []string{field}, r.root.post("/api/v1/shares", body).failure(http.StatusUnprocessableEntity, "invalid").problems())
			}
		})
	})
}
