package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/bundle"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
)

func exec(t *testing.T, r *rig, query string, args ...any) {
	t.Helper()
	require.NoError(t, r.app.Stores.Koi.Tx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), query, args...)
		return err
	}))
}

// apply puts definitions in force.
func (r *rig) apply(text string) {
	r.Helper()
	b, err := bundle.Parse("test.yaml", []byte(text))
	require.NoError(r, err)
	_, err = r.app.Bundles.Apply(r.Context(), b, "test")
	require.NoError(r, err)
}

const definitions = `
tags:
  - {key: vip, name: 重点客户}
  - {key: paid, name: 付过款, kind: rule}
tag_rules:
  - {key: paid, name: 付款即打, on: [{events: [order.paid]}], add: [paid]}
`

// paid tells of an order, by a phone number.
func paid(id, phone string) map[string]any {
	return obj("id", id, "type", "order.paid", "identities", []any{obj("kind", "phone", "value", phone)},
		"object", obj("type", "order", "id", id), "props", obj("amount", 1999.5))
}

func TestAPI_people(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		r.apply(definitions)
		for i := range 5 {
			r.root.post("/api/v1/events", paid(fmt.Sprint("o", i), fmt.Sprintf("1380000000%d", i))).is(202)
		}
		r.settle()

		r.step("lists go page by page, each person once", func() {
			seen, next, pages := map[any]bool{}, "", 0
			for {
				page := r.root.get("/api/v1/contacts?limit=2&cursor=" + next).is(200)
				for i := range page.items() {
					require.False(t, seen[at(page.items(), i, "id")])
					seen[at(page.items(), i, "id")] = true
				}
				pages++
				if next = page.text("next"); next == "" {
					break
				}
			}
			require.Len(t, seen, 5)
			require.Equal(t, 3, pages)
			require.Equal(t, []string{"query.cursor"}, r.root.get("/api/v1/contacts?cursor=zzz").failure(422, "invalid").problems())
			for _, limit := range []string{"0", "201", "x"} {
				require.Equal(t, []string{"query.limit"}, r.root.get("/api/v1/contacts?limit="+limit).failure(422, "invalid").problems())
			}
			require.Len(t, r.root.get("/api/v1/contacts?tag=paid").is(200).items(), 5)
			require.Empty(t, r.root.get("/api/v1/contacts?tag=vip").is(200).items())
			require.Equal(t, []string{"query.tag"}, r.root.get("/api/v1/contacts?tag=nosuch").failure(422, "invalid").problems())
			require.Equal(t, []string{"query.page"}, r.root.get("/api/v1/contacts?page=2").failure(422, "invalid").problems())
		})

		found := r.root.get("/api/v1/identities?kind=phone&value=138-0000-0003").is(200).items()
		require.Len(t, found, 1)
		id := at(found, 0, "contact_id").(string)
		me := "/api/v1/contacts/" + id

		r.step("a person is found by a whole number only, and it is masked", func() {
			hit := r.root.get("/api/v1/contacts?q=13800000003").is(200).items()
			require.Len(t, hit, 1)
			require.Equal(t, id, at(hit, 0, "id"))
			require.Empty(t, r.root.get("/api/v1/contacts?q=138000").is(200).items())
			require.Empty(t, r.root.get("/api/v1/identities?kind=phone&value=13911111111").is(200).items())
			require.Equal(t, []string{"query.kind"}, r.root.get("/api/v1/identities?value=1").failure(422, "invalid").problems())
			whole := r.root.get(me).is(200)
			require.Contains(t, string(whole.raw), "138****0003")
			require.NotContains(t, string(whole.raw), "13800000003")
		})

		r.step("a change shows in its own answer", func() {
			name := `周敏"><script>alert(1)</script>`
			changed := r.root.patch(me, obj("values", obj("name", name, "company", "云帆软件", "company_size", 30, "bant_need", true))).is(200)
			require.Equal(t, "application/json", changed.header.Get("Content-Type"))
			require.Equal(t, name, changed.text("name"))
			require.Nil(t, changed.value("pending"))
			hit := r.root.get("/api/v1/contacts?q=" + "%E4%BA%91%E5%B8%86").is(200).items()
			require.Len(t, hit, 1, "云帆")
			bad := r.root.patch(me, obj("values", obj("company_size", "many", "nosuch", 1), "stage", "nosuch")).failure(422, "invalid")
			require.Equal(t, []string{"values.company_size", "values.nosuch", "stage"}, bad.problems())
			r.root.patch(me, obj("value", 1)).failure(422, "invalid")
			told := r.root.patch(me, obj("values", obj("company", "乙公司"), "seen", obj("company", "甲公司"))).failure(412, "conflict")
			require.Contains(t, told.text("detail"), "您的修改没有保存")
			r.root.patch(me, obj("values", obj("city", "杭州"), "seen", obj("city", "上海"))).failure(412, "conflict")
			seen := obj("company", "云帆软件", "company_size", 30, "bant_need", true, "city", nil)
			require.Equal(t, "云帆", r.root.patch(me, obj("values", obj("company", "云帆"), "seen", seen)).is(200).text("company"))
			tidied := r.root.patch(me, obj("values", obj("company", "  云帆软件 ", "company_size", 40), "seen", obj("company", "云帆", "company_size", 30)))
			require.Equal(t, "云帆软件", tidied.is(200).text("company"), "what is tidied is no other's change")
			r.root.patch(me, obj("values", obj("company", "丙"), "seen", obj("nosuch", 1))).failure(422, "invalid")
			cleared := r.root.patch(me, obj("values", obj("company", nil))).is(200)
			require.Nil(t, cleared.value("company"))
			require.Equal(t, true, r.root.patch(me, obj("excluded", true)).is(200).value("excluded"))
			r.root.patch("/api/v1/contacts/99999", obj("excluded", true)).failure(404, "not_found")
		})

		r.step("tags are given and taken", func() {
			got := r.root.post(me+"/tags", obj("add", []string{"vip"})).is(200)
			require.Len(t, got.value("held_tags"), 2)
			why := r.root.get(me + "/why?tag=paid").is(200)
			require.Equal(t, true, why.value("ok"))
			require.Contains(t, why.text("text"), "付款即打")
			got = r.root.post(me+"/tags", obj("remove", []string{"vip", "paid"})).is(200)
			require.Empty(t, got.value("held_tags"))
			why = r.root.get(me + "/why?tag=vip").is(200)
			require.Equal(t, false, why.value("ok"))
			bad := r.root.post(me+"/tags", obj("add", []string{"vip", "nosuch"})).failure(422, "invalid")
			require.Equal(t, []string{"add[1]"}, bad.problems())
		})

		r.step("the timeline tells it in Chinese", func() {
			all := r.root.get(me + "/timeline?limit=200").is(200).items()
			paged, next := 0, ""
			for {
				page := r.root.get(me + "/timeline?limit=3&cursor=" + next).is(200)
				for i := range page.items() {
					require.Equal(t, at(all, paged, "id"), at(page.items(), i, "id"))
					paged++
				}
				if next = page.text("next"); next == "" {
					break
				}
			}
			require.Len(t, all, paged)
			some := r.root.get(me + "/timeline?type=order.paid,tag.added").is(200).items()
			require.Len(t, some, 3)
			require.Equal(t, "付款", at(some, len(some)-1, "label"))
			_, err := time.Parse(time.RFC3339, at(some, 0, "at").(string))
			require.NoError(t, err)
			require.True(t, strings.HasSuffix(at(some, 0, "at").(string), "+08:00"), "in the business zone")
		})

		r.step("asks one why at a time", func() {
			r.root.get(me+"/why").failure(422, "invalid")
			r.root.get(me+"/why?tag=vip&stage=mql").failure(422, "invalid")
			r.root.get(me+"/why?tag=nosuch").failure(404, "not_found")
			require.Equal(t, "意向", r.root.get(me+"/why?score=intent").is(200).text("subject.name"))
			mql := r.root.get(me + "/why?stage=mql").is(200)
			require.Contains(t, mql.text("text"), "进入条件")
			r.root.get(me+"/why?message=12345").failure(404, "not_found")
		})

		r.step("a change that is still in line is told so", func() {
			r.app.Pipeline.Pause()
			defer r.app.Pipeline.Resume()
			waiting := r.root.patch(me, obj("values", obj("city", "上海"))).is(http.StatusAccepted)
			require.Equal(t, true, waiting.value("pending"))
			r.app.Pipeline.Resume()
			r.settle()
			require.Contains(t, string(r.root.get(me).raw), "上海")
		})

		r.step("a repeated command is one command", func() {
			once := r.root.with("Idempotency-Key", "tag-once")
			once.post(me+"/tags", obj("add", []string{"vip"})).is(200)
			// As after a crash between the command and the keeping of its answer.
			exec(t, r, "DELETE FROM replies")
			head, err := r.app.Log.Head(t.Context(), event.Priority)
			require.NoError(t, err)
			once.post(me+"/tags", obj("add", []string{"vip"})).is(200)
			again, err := r.app.Log.Head(t.Context(), event.Priority)
			require.NoError(t, err)
			require.Equal(t, head, again)
		})
	})
}

func TestAPI_ingest(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		shop := r.keyOf(auth.Marketer)
		many := []any{}
		for i := range 500 {
			many = append(many, paid(fmt.Sprint("m", i), fmt.Sprintf("139%08d", i%50)))
		}
		require.InDelta(t, 500, shop.post("/api/v1/events", obj("events", many)).is(202).value("accepted"), 0)
		require.InDelta(t, 500, shop.post("/api/v1/events", obj("events", many)).is(202).value("repeats"), 0)
		r.settle()
		require.Len(t, r.root.get("/api/v1/contacts?limit=200").is(200).items(), 50)
		// The log forgets; the pipeline's own memory still knows.
		var n int
		require.NoError(t, r.app.Stores.Koi.QueryRow(t.Context(), "SELECT COUNT(*) FROM events WHERE type='order.paid'").Scan(&n))
		require.Equal(t, 500, n)

		shop.post("/api/v1/events", obj("events", append(many, many[0]))).failure(422, "invalid")
		shop.post("/api/v1/events", obj("events", []any{})).failure(422, "invalid")
		tomorrow := time.Now().Add(24 * time.Hour).Format(time.RFC3339)
		bad := shop.post("/api/v1/events", obj("events", []any{
			obj("type", "oa.followed", "identities", []any{obj("kind", "openid", "value", "x")}),
			obj("type", "order.payd", "identities", []any{}),
			obj("type", "custom.used", "identities", []any{obj("kind", "name", "value", " ")}, "props", obj("mobile", "1"), "occurred_at", tomorrow),
			obj("type", "command.tag", "id", strings.Repeat("x", 129), "identities", []any{obj("kind", "phone", "value", "1")}),
		})).failure(422, "invalid")
		require.ElementsMatch(t, []string{"events[0].type", "events[0].identities[0].scope", "events[1].type", "events[1].identities",
			"events[2].identities[0].kind", "events[2].identities[0].value", "events[2].props.mobile", "events[2].occurred_at",
			"events[3].type", "events[3].id"}, bad.problems())
		require.Contains(t, string(shop.post("/api/v1/events", obj("type", "order.paid", "identity", "x")).failure(422, "invalid").raw), "没有 identity 这一项")
		shop.post("/api/v1/events", `{"type":`).failure(422, "invalid")
		shop.post("/api/v1/events", `{"type":"custom.x","identities":[{"kind":"visitor","value":"`+strings.Repeat("x", 5<<20)+`"}]}`).failure(413, "invalid")

		// Two browsers with the number that a system of ours proves are one person.
		for _, v := range []string{"v1", "v2"} {
			shop.post("/api/v1/events", obj("type", "custom.seen", "identities", []any{obj("kind", "visitor", "scope", "shop", "value", v), obj("kind", "phone", "value", "13700000000")})).is(202)
		}
		r.settle()
		one := r.root.get("/api/v1/identities?kind=visitor&scope=shop&value=v1").is(200).items()
		two := r.root.get("/api/v1/identities?kind=visitor&scope=shop&value=v2").is(200).items()
		require.Equal(t, at(one, 0, "contact_id"), at(two, 0, "contact_id"))
	})
}
