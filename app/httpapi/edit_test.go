package httpapi_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/auth"
)

func (c *client) put(path string, in any) got { return c.do("PUT", path, in) }

func TestAPI_two_people_who_edit_one_thing_do_not_overwrite_each_other(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		r.apply(definitions)
		anna, bert := r.user("anna", auth.Marketer), r.user("bert", auth.Marketer)
		path := "/api/v1/definitions/tag/vip"
		seen := anna.get(path).is(200)
		require.Equal(t, `"1"`, seen.header.Get("ETag"))
		vip := func(name string) map[string]any { return obj("name", name) }
		anna.put(path, vip("大客户")).failure(428, "invalid")
		saved := bert.with("If-Match", `"1"`).put(path, vip("大客户")).is(200)
		require.Equal(t, `"2"`, saved.header.Get("ETag"))
		require.Equal(t, true, saved.value("saved"))
		late := anna.with("If-Match", `"1"`).put(path, vip("重要客户")).failure(412, "conflict")
		require.Contains(t, late.text("detail"), "bert")
		require.Contains(t, late.text("detail"), "没有保存")
		require.Equal(t, `"2"`, late.header.Get("ETag"))
		anna.with("If-Match", `"2"`).put(path, vip("重要客户")).is(200)
		r.until("the new name counts", func() bool {
			list := r.root.get("/api/v1/tags?limit=200").items()
			for i := range list {
				if at(list, i, "key") == "vip" {
					return at(list, i, "name") == "重要客户"
				}
			}
			return false
		})
		r.step("what is wrong is not saved", func() {
			bad := anna.with("If-Match", `"3"`).put(path, obj("name", "", "kind", "nosuch")).failure(422, "invalid")
			require.Contains(t, bad.problems(), "kind")
			anna.with("If-Match", `"3"`).put(path, "[1]").failure(422, "invalid")
			anna.with("If-None-Match", "*").put("/api/v1/definitions/nosuch/x", vip("x")).failure(404, "not_found")
			require.Equal(t, `"3"`, anna.get(path).header.Get("ETag"))
		})
		r.step("trying out saves nothing", func() {
			tried := anna.with("If-Match", `"3"`).put(path+"?dry_run=true", vip("试试")).is(200)
			require.Equal(t, false, tried.value("saved"))
			require.Len(t, tried.value("changes"), 1)
			require.Equal(t, "重要客户", anna.get(path).value("body").(map[string]any)["name"])
		})
		r.step("new ones are made once, and taken away by who has seen them", func() {
			path := "/api/v1/definitions/tag/fresh"
			anna.with("If-None-Match", "*").put(path, vip("新标签")).is(200)
			bert.with("If-None-Match", "*").put(path, vip("也是新标签")).failure(412, "conflict")
			bert.with("If-Match", `"9"`).delete(path).failure(412, "conflict")
			bert.with("If-Match", `"1"`).delete(path).is(204)
			anna.with("If-Match", `"1"`).put(path, vip("晚了")).failure(412, "conflict")
			anna.get(path).failure(404, "not_found")
			r.lines("object=definitions/tag/fresh&who=user:bert", 3)
		})
		r.step("who leads whom and where data goes is not for marketers", func() {
			anna.with("If-None-Match", "*").put("/api/v1/definitions/staff/ww1:x", obj("name", "新员工")).failure(403, "denied")
			r.root.with("If-None-Match", "*").put("/api/v1/definitions/staff/ww1:x", obj("name", "新员工")).is(200)
			require.Equal(t, "ww1/x", r.root.get("/api/v1/definitions/staff/ww1:x").is(200).text("key"))
			anna.post("/api/v1/settings/apply", obj("text", "staff: [{key: ww1/y, name: 乙}]")).failure(403, "denied")
		})
	})
}

func TestAPI_applies_and_exports_bundles(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		anna := r.user("anna", auth.Marketer)
		text := "tags: [{key: hot, name: 热}]"
		tried := anna.post("/api/v1/settings/apply", obj("text", text, "dry_run", true)).is(200)
		require.Equal(t, false, tried.value("applied"))
		anna.get("/api/v1/definitions/tag/hot").failure(404, "not_found")
		require.Len(t, anna.post("/api/v1/settings/apply", obj("text", text)).is(200).value("differences"), 1)
		require.Empty(t, anna.post("/api/v1/settings/apply", obj("text", text)).is(200).value("differences"))
		bad := anna.post("/api/v1/settings/apply", obj("file", "a.yaml", "text", "tags:\n- {name: x}")).failure(422, "invalid")
		require.Equal(t, []string{"a.yaml:2"}, bad.problems())
		out := anna.get("/api/v1/settings/export").is(200)
		require.Contains(t, out.header.Get("Content-Type"), "yaml")
		require.Contains(t, string(out.raw), "key: hot")
		r.user("lee", auth.Analyst).post("/api/v1/settings/apply", obj("text", text)).failure(403, "denied")
	})
}

func TestAPI_pauses_and_resumes_a_journey(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		list := r.root.get("/api/v1/journeys").is(200).items()
		var path string
		for i := range list {
			if at(list, i, "status") == "live" {
				path = fmt.Sprint("/api/v1/journeys/", at(list, i, "id"))
			}
		}
		rev := r.root.get(path).is(200).value("rev")
		require.Equal(t, "已暂停", r.root.post(path+"/status", obj("status", "paused")).is(200).text("status_label"))
		r.root.with("If-Match", fmt.Sprint(rev)).post(path+"/status", obj("status", "stopped")).failure(412, "conflict")
		require.Equal(t, "live", r.root.post(path+"/status", obj("status", "live")).is(200).text("status"))
		require.Equal(t, []string{"status"}, r.root.post(path+"/status", obj("status", "gone")).failure(422, "invalid").problems())
		r.root.post("/api/v1/journeys/999999/status", obj("status", "live")).failure(404, "not_found")
	})
}

func TestAPI_finds_people_by_condition(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		r.apply(definitions + `
scores:
  - {key: money, name: 金额分, kind: behaviour, rules: [{key: p, name: 付款, points: 10, on: [{events: [order.paid]}]}]}
`)
		for i := range 4 {
			r.root.post("/api/v1/events", paid(fmt.Sprint("o", i), fmt.Sprintf("1380000000%d", i))).is(202)
		}
		r.root.post("/api/v1/events", paid("again", "13800000000")).is(202)
		r.settle()
		hasPaid := obj("leaf", "tag", "op", "any", "value", []string{"paid"})
		all := r.root.post("/api/v1/contacts/search?limit=3", obj("rule", hasPaid)).is(200)
		require.Len(t, all.items(), 3)
		require.Len(t, r.root.post("/api/v1/contacts/search?cursor="+all.text("next"), obj("rule", hasPaid)).is(200).items(), 1)
		require.Empty(t, r.root.post("/api/v1/contacts/search", obj("rule", obj("not", hasPaid))).is(200).items())
		require.Len(t, r.root.post("/api/v1/contacts/search", obj("q", "13800000002")).is(200).items(), 1)
		require.Empty(t, r.root.post("/api/v1/contacts/search", obj("q", "13800000002", "rule", obj("not", hasPaid))).is(200).items())
		bad := r.root.post("/api/v1/contacts/search", obj("rule", obj("leaf", "tag", "op", "any", "value", []string{"nosuch"}))).failure(422, "invalid")
		require.Regexp(t, "^rule", bad.problems()[0])

		preview := r.root.post("/api/v1/segments/preview", obj("rule", hasPaid)).is(200)
		require.InDelta(t, 4, preview.value("count"), 0)
		require.Regexp(t, `\p{Han}`, preview.text("text"))
		require.Len(t, preview.value("samples"), 4)

		require.Len(t, r.root.get("/api/v1/contacts?score=money&min_score=10").is(200).items(), 4)
		for query, n := range map[string]float64{"": 4, "limit=2": 4, "tag=paid": 4, "score=money&min_score=11": 1, "q=13800000002": 1, "q=nobody": 0} {
			require.Equal(t, n, r.root.get("/api/v1/contacts/count?"+query).is(200).value("count"), query)
		}
		r.root.get("/api/v1/contacts/count?tag=nosuch").failure(422, "invalid")
		require.Len(t, r.root.get("/api/v1/contacts?score=money&min_score=11").is(200).items(), 1)
		require.Len(t, r.root.get("/api/v1/contacts?score=money&max_score=10").is(200).items(), 3)
		// By a score, the most first; pages add up to the same list.
		points := func(items []any) (out []float64) {
			for i := range items {
				scores, _ := at(items, i, "scores").([]any)
				for j := range scores {
					if at(scores, j, "key") == "money" {
						out = append(out, at(scores, j, "points").(float64))
					}
				}
			}
			return out
		}
		whole := r.root.get("/api/v1/contacts?sort=money").is(200).items()
		require.Len(t, whole, 4)
		require.True(t, slices.IsSortedFunc(points(whole), func(x, y float64) int { return cmp.Compare(y, x) }), "%v", points(whole))
		require.Greater(t, points(whole)[0], points(whole)[3])
		var paged []any
		for next := ""; ; {
			page := r.root.get("/api/v1/contacts?sort=money&limit=1&cursor=" + next).is(200)
			paged = append(paged, page.items()...)
			if next = page.text("next"); next == "" {
				break
			}
		}
		require.Equal(t, whole, paged)
		require.Len(t, r.root.get("/api/v1/contacts?sort=money&q=13800000002").is(200).items(), 1, "a whole number is somebody's")
		r.root.get("/api/v1/contacts?sort=nosuch").failure(422, "invalid")
		r.root.get("/api/v1/contacts?min_score=10").failure(422, "invalid")
		r.root.get("/api/v1/contacts?score=nosuch&min_score=1").failure(422, "invalid")
	})
}

// Two people who edit one thing: the second one is told who was faster, and what the first one did stays.
func TestAPI_tells_an_editor_who_was_overtaken(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		user := r.root.post("/api/v1/users", obj("login", "lee", "name", "李", "role", "analyst", "password", "correct horse battery")).is(201).text("id")
		r.root.post("/api/v1/accounts", obj("kind", "official", "app_id", "wx00000000000000aa", "name", "云帆", "app_secret", "s3cret-s3cret-s3cret", "token", "tok3nTok3n",
			"aes_key", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG")).is(201)
		r.root.post("/api/v1/webhooks", obj("key", "erp", "name", "订单系统", "url", "https://8.8.8.8/")).is(201)
		for _, path := range []string{"/api/v1/users/" + user, "/api/v1/accounts/official/wx00000000000000aa", "/api/v1/webhooks/erp"} {
			seen := r.root.get(path).is(200).value("rev")
			tag := fmt.Sprintf(`"%.0f"`, seen)
			first := r.root.with("If-Match", tag).patch(path, obj("name", "甲的改动")).is(200)
			require.NotEqual(t, seen, first.value("rev"), path)
			told := r.root.with("If-Match", tag).patch(path, obj("name", "乙的改动")).failure(412, "conflict")
			require.Contains(t, told.text("detail"), "您的修改没有保存", path)
			require.Equal(t, "甲的改动", r.root.get(path).is(200).text("name"), path)
			r.root.with("If-Match", "latest").patch(path, obj("name", "丙的改动")).failure(422, "invalid")
			require.Equal(t, "丁的改动", r.root.patch(path, obj("name", "丁的改动")).is(200).text("name"), "without If-Match the last one wins")
		}
	})
}
