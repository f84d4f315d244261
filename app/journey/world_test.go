package journey

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/message"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/scoring"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/app/stage"
	"github.com/koi-scrm/koi/app/tag"
)

var shanghai = func() *time.Location {
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		panic(err)
	}
	return zone
}()

// at is an instant in the business zone: "2026-11-23 10:00" is a Monday.
func at(s string) int64 {
	t, err := time.ParseInLocation("2006-01-02 15:04", s, shanghai)
	if err != nil {
		panic(err)
	}
	return t.UnixMilli()
}

var noon = at("2026-11-23 12:00")

// conclusions are the definitions of tags, scores and stages that tests name.
const conclusions = `
tags:
  - {key: vip, id: 1, name: 重点客户}
  - {key: fan, id: 2, name: 粉丝}
  - {key: price, id: 3, name: 问过报价}
scores:
  - key: intent
    id: 11
    name: 意向分
    kind: behaviour
    max: 100
    half_life_days: 30
    rules:
      - {key: trial, name: 预约演示, points: 40, on: [{events: [trial.requested]}]}
      - {key: said, name: 发送关键词, points: 20, on: [{events: [oa.message_received], where: [{prop: content, op: contains, value: 报价}]}]}
    thresholds: [{key: hot, name: 高意向, points: 80}]
    surges: [{key: surge, name: 24小时内+30, points: 30, hours: 24}]
  - {key: fit, id: 12, name: 契合度, kind: profile, rules: [{key: big, name: 大企业, points: 75, when: {leaf: field, key: company_size, op: gt, value: 200}}]}
grids:
  - {key: default, id: 13, name: 客户等级, fit: fit, intent: intent, fit_cuts: {A: 70, B: 50, C: 30}, intent_cuts: {"1": 70, "2": 40, "3": 15}}
stages:
  - {key: known, id: 21, name: 已识别, order: 10}
  - {key: mql, id: 22, name: MQL 市场认可线索, order: 20, enter: {leaf: score, key: intent, op: ge, value: 60}}
  - {key: won, id: 23, name: 成交客户, order: 30, manual: true}
`

func scope() *rule.Scope {
	fields, _ := contact.Compile(nil)
	sc := &rule.Scope{Zone: shanghai, Fields: map[string]contact.Field{}, Events: event.Labels()}
	for _, f := range fields.Fields() {
		sc.Fields[f.Key] = f
	}
	items := concluded()
	tag.Declare(items, sc)
	scoring.Declare(items, today, sc)
	stage.Declare(items, sc)
	return sc
}

var today = clock.Day(noon, shanghai)

func concluded() []setting.Item {
	items, err := read(conclusions)
	if err != nil {
		panic(err)
	}
	return items
}

// templates are messages that tests send.
const templates = `
messages:
  - {key: hello, name: 问候, channel: official_kf, class: reply, kind: text, content: "您好，{{ contact.name | default: '朋友' }}"}
  - {key: offer, name: 优惠, channel: official_kf, class: marketing, kind: text, content: 优惠}
  - {key: needs_name, name: 要有姓名, channel: official_kf, class: reply, kind: text, content: "{{ contact.name }}"}
  - {key: alert, name: 提醒, channel: wecom_app, class: staff_alert, kind: text, content: "{{ contact.display }} {{ event.name }} {{ staff.name }}"}
  - {key: booked, name: 预约成功, channel: official_template, class: service, kind: template, template_id: TPL1, risk: low, data: {thing1: "{{ contact.name | default: '演示' }}", time2: "{{ event.at }}"}}
  - {key: live, name: 直播提醒, channel: official_notice, class: service, kind: notice, template_id: TPL2, risk: low, data: {thing1: 新一期直播}}
  - {key: once, name: 开播提醒, channel: official_once, class: service, kind: once, template_id: TPL3, risk: low, scene: 1, title: 开播提醒, content: 明天 10 点开始}
  - {key: mini, name: 进度提醒, channel: mini_subscribe, class: service, kind: subscribe, template_id: TPL4, risk: low, page: pages/index, data: {thing1: 已受理}}
  - {key: sms, name: 预约短信, channel: sms, class: service, kind: notice, template_code: SMS_1, content: "${name}您好，预约已确认", params: {name: "{{ contact.display }}"}}
  - {key: sms_sale, name: 促销短信, channel: sms, class: marketing, kind: marketing, template_code: SMS_2, content: 会员专享优惠今日开始，拒收请回复R}
  - {key: hi, name: 好友欢迎, channel: wecom_welcome, class: reply, kind: welcome, content: "{{ contact.nickname | default: '您' }}好"}
  - {key: to_staff, name: 通知, channel: wecom_app, class: service, kind: text, content: "{{ staff.name }}，{{ event.name }}"}
`

// parse reads a bundle. An id may be given; else they are counted from 100.
func parse(t testing.TB, text string) []setting.Item {
	t.Helper()
	items, err := read(text)
	require.NoError(t, err)
	return items
}

func read(text string) ([]setting.Item, error) {
	var doc map[string][]map[string]any
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return nil, err
	}
	var items []setting.Item
	for _, section := range []struct{ name, kind string }{
		{"tags", setting.KindTag}, {"scores", setting.KindScore}, {"grids", setting.KindGrid}, {"stages", setting.KindStage}, {"messages", setting.KindMessage}, {"journeys", setting.KindJourney},
	} {
		for i, body := range doc[section.name] {
			it := setting.Item{ID: int64(100 + i), Kind: section.kind, Key: body["key"].(string), Rev: 1}
			if id, ok := body["id"].(int); ok {
				it.ID = int64(id)
			}
			delete(body, "key")
			delete(body, "id")
			var err error
			if it.Body, err = json.Marshal(body); err != nil {
				return nil, err
			}
			items = append(items, it)
		}
	}
	return items, nil
}

func known(t testing.TB, more ...setting.Item) Known {
	t.Helper()
	sc := scope()
	m, problems := message.Compile(append(parse(t, templates), more...), message.Known{Fields: sc.Fields})
	require.Empty(t, problems)
	return Known{Scope: sc, Messages: m, Webhooks: hooks}
}

var hooks = map[string]string{"erp": "订单系统"}

// graphOf compiles a journey given as nodes and edges in YAML, entered once by default.
func graphOf(t testing.TB, body string) *Graph {
	t.Helper()
	it := journeyItem(t, body)
	g, problems := compile(it, known(t))
	require.Empty(t, problems)
	return g
}

func journeyItem(t testing.TB, body string) setting.Item {
	t.Helper()
	var def map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(body), &def))
	for k, v := range map[string]any{"name": "测试旅程", "subject": "contact", "status": "live", "settings": map[string]any{"entry": map[string]any{"mode": "once"}}} {
		if def[k] == nil {
			def[k] = v
		}
	}
	raw, err := json.Marshal(def)
	require.NoError(t, err)
	return setting.Item{ID: 5, Kind: setting.KindJourney, Key: "test", Rev: 1, Body: raw}
}

// starter reads a fixture of the starter bundle.
func fixture(t testing.TB, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(raw)
}

func starters(t testing.TB) []setting.Item {
	t.Helper()
	var items []setting.Item
	for i, name := range []string{"welcome.yaml", "keyword_reply.yaml", "hot_lead.yaml"} {
		for _, it := range parse(t, strings.ReplaceAll(fixture(t, name), "status: draft", "status: live")) {
			it.ID += int64(i) * 10
			items = append(items, it)
		}
	}
	return items
}

func somebody() *rule.Person {
	return rule.NewPerson(&contact.Person{ID: 42, Values: map[string]contact.Value{}})
}

// rawItem is journeyItem inside a property.
func rawItem(t require.TestingT, body string) setting.Item {
	var def map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(body), &def))
	def["name"], def["subject"], def["status"] = "测试旅程", "contact", "live"
	def["settings"] = map[string]any{"entry": map[string]any{"mode": "once"}}
	raw, err := json.Marshal(def)
	require.NoError(t, err)
	return setting.Item{ID: 5, Kind: setting.KindJourney, Key: "test", Rev: 1, Body: raw}
}
