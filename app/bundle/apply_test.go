package bundle

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/templates"
)

func newApplier(s *db.Stores) (*Applier, *setting.Store) {
	settings := setting.New(s, clock.NewManual(time.Date(2026, 11, 23, 12, 0, 0, 0, shanghai)))
	return NewApplier(settings, world), settings
}

func apply(t testing.TB, a *Applier, text string) Report {
	t.Helper()
	r, err := a.Apply(context.Background(), parsed(t, text), "test")
	require.NoError(t, err)
	require.True(t, r.Applied)
	return r
}

func exported(t testing.TB, s *setting.Store) string {
	t.Helper()
	items, err := s.List(context.Background())
	require.NoError(t, err)
	out, err := Export(items)
	require.NoError(t, err)
	return string(out)
}

// changes are a report's differences as lines.
func changes(r Report) []string {
	var out []string
	for _, d := range r.Differences {
		line := fmt.Sprintf("%s %s/%s %s", d.Change, d.Kind, d.Key, d.Name)
		for _, p := range d.Parts {
			line += "; " + p.String()
		}
		out = append(out, line)
	}
	return out
}

func TestApplier_warns_of_what_may_not_arrive(t *testing.T) {
	t.Parallel()
	a, _ := newApplier(dbtest.SQLite(t))
	const text = `messages:
  - {key: live, name: 直播提醒, channel: official_notice, class: service, kind: notice, template_id: T1, data: {thing1: 新一期直播}}
webhooks:
  - {key: erp, name: 订单系统, url: "https://erp.example.com/koi"}
journeys:
  - key: remind
    name: 提醒
    subject: contact
    status: live
    settings: {entry: {mode: once}}
    nodes:
      - {id: go, component: on_event, config: {events: [form.submitted]}}
      - {id: push, component: webhook, config: {webhook: erp}}
      - {id: say, component: send_notice, config: {template: live}}
      - {id: done, component: end}
    edges: [{from: go, to: push}, {from: push, to: say}, {from: say, to: done}]
`
	b, err := Parse("remind.yaml", []byte(text))
	require.NoError(t, err)
	r, err := a.Apply(t.Context(), b, "test")
	require.NoError(t, err)
	require.Len(t, r.Warnings, 1)
	require.Equal(t, "remind.yaml:14", r.Warnings[0].Path)
	require.Contains(t, r.Warnings[0].Message, "journey/remind/nodes[2]：步骤 say（公众号订阅通知）只有事先订阅过“直播提醒”的客户能收到")
	r, err = a.Apply(t.Context(), b, "test")
	require.NoError(t, err)
	require.Empty(t, r.Warnings, "what does not change was told before")

	b, err = Parse("remind.yaml", []byte(strings.Replace(text, "webhook: erp}", "webhook: crm}", 1)))
	require.NoError(t, err)
	_, err = a.Check(t.Context(), b)
	require.ErrorContains(t, err, "没有可用的 Webhook“crm”")
}

func TestApplier_applies_a_bundle_once(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx := context.Background()
		a, settings := newApplier(s)
		starter, err := Parse(templates.StarterFile, templates.Starter)
		require.NoError(t, err)

		dry, err := a.Check(ctx, starter)
		require.NoError(t, err)
		require.Len(t, dry.Differences, len(starter.Items))
		require.False(t, dry.Applied)
		items, err := settings.List(ctx)
		require.NoError(t, err)
		require.Empty(t, items, "a check changes nothing")

		first, err := a.Apply(ctx, starter, "test")
		require.NoError(t, err)
		require.True(t, first.Applied)
		require.Equal(t, dry.Differences, first.Differences)
		before, err := settings.List(ctx)
		require.NoError(t, err)
		require.Len(t, before, len(starter.Items))

		second, err := a.Apply(ctx, starter, "somebody else")
		require.NoError(t, err)
		require.Empty(t, second.Differences)
		require.Equal(t, len(starter.Items), second.Same)
		after, err := settings.List(ctx)
		require.NoError(t, err)
		require.Equal(t, before, after, "the second time does nothing")
	})
}

func TestApplier_what_is_exported_makes_an_empty_Koi_the_same(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		a, settings := newApplier(s)
		apply(t, a, string(templates.Starter))
		apply(t, a, `
staff:
  - {key: ww1/zhangsan, name: 张三, leaders: [lisi]}
  - {key: "ww1/lisi@x.com", name: 李四}
tags:
  - {key: Vip.2026-x, name: "on", note: "多行\n文字 "}
`)
		out := exported(t, settings)
		require.Empty(t, apply(t, a, out).Differences, "applying it where it came from does nothing")

		empty := dbtest.SQLite(t)
		b, other := newApplier(empty)
		apply(t, b, out)
		require.Equal(t, out, exported(t, other))
	})
}

func TestApplier_tells_what_changes(t *testing.T) {
	t.Parallel()
	a, settings := newApplier(dbtest.SQLite(t))
	apply(t, a, `
tags:
  - {key: vip, name: 重点客户}
  - {key: fan, name: 粉丝}
scores:
  - key: intent
    name: 意向
    kind: behaviour
    half_life_days: 30
    rules: [{key: view, name: 浏览, points: 1, on: [{events: [page.viewed]}]}]
`)
	r := apply(t, a, `
tags:
  - {key: vip, name: 重点客户, color: "#ff0000"}
  - {key: fan, delete: true}
  - {key: never, delete: true}
  - {key: new, name: 新客户}
scores:
  - key: intent
    name: 意向
    kind: behaviour
    half_life_days: 14
    rules: [{key: view, name: 浏览, points: 2.0, on: [{events: [page.viewed]}]}]
`)
	require.Equal(t, []string{
		"changed tag/vip 重点客户; color：+ #ff0000",
		"new tag/new 新客户",
		"changed score/intent 意向; half_life_days：30 → 14; rules[view].points：1 → 2",
		"deleted tag/fan 粉丝",
	}, changes(r))
	require.Equal(t, 1, r.Same, "what is gone already")
	require.Equal(t, []string{"deleted tag/new 新客户"}, changes(apply(t, a, "tags: [{key: new, delete: true}]")))
	require.Equal(t, []string{"new tag/new 又一个"}, changes(apply(t, a, "tags: [{key: new, name: 又一个}]")), "who was deleted may come back")
	require.NotContains(t, exported(t, settings), "fan")
	raw, err := json.Marshal(r)
	require.NoError(t, err)
	var back Report
	require.NoError(t, json.Unmarshal(raw, &back), "it travels through the socket")
	require.Equal(t, changes(r), changes(back))
}

func TestApplier_checks_a_bundle_with_what_is_in_force(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	a, settings := newApplier(dbtest.SQLite(t))
	apply(t, a, `
tags: [{key: vip, name: 重点客户}, {key: fan, name: 粉丝}]
tag_rules: [{key: big, name: 大企业, when: {leaf: field, key: company_size, op: gt, value: 200}, add: [vip]}]
stages: [{key: visitor, name: 匿名访客, order: 10}]
`)

	t.Run("names in force may be used", func(t *testing.T) {
		_, err := a.Check(ctx, parsed(t, "tag_rules: [{key: follow, name: 关注, on: [{events: [oa.followed]}], add: [fan]}]"))
		require.NoError(t, err)
	})
	t.Run("a clash with what is in force is the bundle's mistake", func(t *testing.T) {
		_, err := a.Check(ctx, parsed(t, "tags:\n  - key: a_first\n    name: 粉丝\nstages:\n  - key: before\n    name: 之前\n    order: 10\n    manual: true\n"))
		got := told(t, err)
		require.Len(t, got, 2)
		require.Contains(t, got[0], "3: tag/a_first/name：同一分组里已有标签叫“粉丝”（fan）")
		require.Contains(t, got[1], "7: stage/before/order：次序 10 与 stage/visitor 相同")
	})
	t.Run("what a deletion breaks elsewhere is told by its name", func(t *testing.T) {
		_, err := a.Check(ctx, parsed(t, "tags: [{key: vip, delete: true}]"))
		require.Equal(t, []string{"已有的配置: tag_rule/big/add[0]：没有叫 \"vip\" 的标签：请先定义它（tag/vip）"}, told(t, err))
	})
	t.Run("and can be put right in the same bundle", func(t *testing.T) {
		_, err := a.Check(ctx, parsed(t, "tags: [{key: vip, delete: true}]\ntag_rules: [{key: big, delete: true}]"))
		require.NoError(t, err)
	})
	t.Run("what is broken already is no reason to refuse something else", func(t *testing.T) {
		_, err := settings.Apply(ctx, []setting.Change{{Kind: setting.KindTagRule, Key: "old", Body: json.RawMessage(`{"name":"旧","when":{"leaf":"gone"},"add":["vip"]}`)}}, "an older version")
		require.NoError(t, err)
		_, err = a.Check(ctx, parsed(t, "tags: [{key: more, name: 更多}]"))
		require.NoError(t, err)
		_, err = a.Check(ctx, parsed(t, "tag_rules: [{key: old, name: 旧, when: {leaf: gone}, add: [vip]}]"))
		require.Len(t, told(t, err), 1, "but the bundle has to be right itself")
	})
}

func TestApplier_compiles_new_definitions_under_ids_of_their_own(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	a, settings := newApplier(dbtest.SQLite(t))
	apply(t, a, "tags: [{key: a, name: 甲}, {key: b, name: 乙}, {key: c, name: 丙}]")
	apply(t, a, "tags: [{key: b, delete: true}, {key: c, delete: true}]") // whose ids are kept for them
	current, err := settings.List(ctx)
	require.NoError(t, err)
	b := parsed(t, "tags: [{key: a, name: 甲甲}, {key: c, name: 丙}, {key: d, name: 丁}]\ntag_rules: [{key: r, name: 规则, on: [{events: [oa.followed]}], add: [a, c, d]}]")
	_, merged := b.over(current)
	ids := map[int64]string{}
	for _, it := range merged {
		require.NotZero(t, it.ID)
		require.Empty(t, ids[it.ID], it.Key)
		ids[it.ID] = it.Key
	}
	m, problems := Compile(merged, world)
	require.Empty(t, problems)
	var added []string
	for _, d := range m.Tags.Rules()[0].Add {
		added = append(added, ids[d.ID])
	}
	require.Equal(t, []string{"a", "c", "d"}, added)
}

func TestApplier_changes_only_the_version_that_it_compared_with(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	a, settings := newApplier(dbtest.SQLite(t))
	apply(t, a, "tags: [{key: vip, name: 重点客户}]")
	current, err := settings.List(ctx)
	require.NoError(t, err)
	r, _ := parsed(t, "tags: [{key: vip, name: 大客户}, {key: fan, name: 粉丝}]").over(current)
	require.Equal(t, int64(1), r.Differences[0].rev)

	_, err = settings.Apply(ctx, []setting.Change{{Kind: "tag", Key: "vip", Body: json.RawMessage(`{"name":"别人改的"}`)}}, "somebody")
	require.NoError(t, err)
	require.True(t, fault.Is(a.put(ctx, &r, "test", nil), fault.Conflict))
	require.False(t, r.Applied)
	require.NotContains(t, exported(t, settings), "粉丝", "all or nothing")
}

func TestApplier_seeds_only_a_Koi_that_never_had_a_definition(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, s *db.Stores) {
		ctx := context.Background()
		a, settings := newApplier(s)
		_, err := settings.Apply(ctx, []setting.Change{{Kind: "system", Key: "secret_key", Body: json.RawMessage(`{}`)}}, "system")
		require.NoError(t, err)

		r, err := a.Seed(ctx, templates.StarterFile, templates.Starter)
		require.NoError(t, err)
		require.True(t, r.Applied)
		before := exported(t, settings)
		require.Contains(t, before, "hot_lead")
		it, err := settings.Get(ctx, setting.KindJourney, "hot_lead")
		require.NoError(t, err)
		require.Equal(t, "system", it.UpdatedBy)

		r, err = a.Seed(ctx, templates.StarterFile, templates.Starter)
		require.NoError(t, err)
		require.False(t, r.Applied)
		require.Equal(t, before, exported(t, settings))

		var drop strings.Builder
		items := parsed(t, before).Items
		for _, x := range sections {
			fmt.Fprintf(&drop, "%s:\n", x.name)
			for _, it := range items {
				if it.Kind == x.kind {
					fmt.Fprintf(&drop, "  - {key: %s, delete: true}\n", it.Key)
				}
			}
		}
		apply(t, a, drop.String())
		r, err = a.Seed(ctx, templates.StarterFile, templates.Starter)
		require.NoError(t, err)
		require.False(t, r.Applied, "who deletes everything means it")
		require.NotContains(t, exported(t, settings), "key:")
	})

	t.Run("and leaves one alone that was given its own bundle first", func(t *testing.T) {
		t.Parallel()
		a, settings := newApplier(dbtest.SQLite(t))
		apply(t, a, "tags: [{key: vip, name: 重点客户}]")
		r, err := a.Seed(context.Background(), templates.StarterFile, templates.Starter)
		require.NoError(t, err)
		require.False(t, r.Applied)
		require.NotContains(t, exported(t, settings), "hot_lead")
	})
}
