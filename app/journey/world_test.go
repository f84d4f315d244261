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

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/message"
	"github.com/koi-scrm/koi/app/rule"
	"github.com/koi-scrm/koi/app/setting"
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

func scope() *rule.Scope {
	fields, _ := contact.Compile(nil)
	byKey := map[string]contact.Field{}
	for _, f := range fields.Fields() {
		byKey[f.Key] = f
	}
	return &rule.Scope{Zone: shanghai, Fields: byKey,
		Tags:   map[string]rule.TagDef{"vip": {ID: 1, Label: "重点客户"}, "fan": {ID: 2, Label: "粉丝"}, "price": {ID: 3, Label: "问过报价"}},
		Scores: map[string]rule.ScoreDef{"intent": {ID: 11, Label: "意向分"}},
		Stages: map[string]string{"known": "已识别", "mql": "MQL 市场认可线索"},
		Events: event.Labels()}
}

// templates are messages that tests send.
const templates = `
messages:
  - {key: hello, name: 问候, channel: official_kf, class: reply, kind: text, content: "您好，{{ contact.name | default: '朋友' }}"}
  - {key: offer, name: 优惠, channel: official_kf, class: marketing, kind: text, content: 优惠}
  - {key: needs_name, name: 要有姓名, channel: official_kf, class: reply, kind: text, content: "{{ contact.name }}"}
  - {key: alert, name: 提醒, channel: wecom_app, class: staff_alert, kind: text, content: "{{ contact.display }} {{ event.name }} {{ staff.name }}"}
  - {key: to_staff, name: 通知, channel: wecom_app, class: service, kind: text, content: "{{ staff.name }}，{{ event.name }}"}
`

// parse reads a bundle's messages and journeys.
func parse(t testing.TB, text string) []setting.Item {
	t.Helper()
	var doc map[string][]map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &doc))
	var items []setting.Item
	for section, kind := range map[string]string{"messages": setting.KindMessage, "journeys": setting.KindJourney} {
		for i, body := range doc[section] {
			key := body["key"].(string)
			delete(body, "key")
			raw, err := json.Marshal(body)
			require.NoError(t, err)
			items = append(items, setting.Item{ID: int64(100 + i), Kind: kind, Key: key, Rev: 1, Body: raw})
		}
	}
	return items
}

func known(t testing.TB, more ...setting.Item) Known {
	t.Helper()
	sc := scope()
	m, problems := message.Compile(append(parse(t, templates), more...), message.Known{Fields: sc.Fields})
	require.Empty(t, problems)
	return Known{Scope: sc, Messages: m}
}

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
