package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/app/webhook"
)

// nameServer is a name server that knows a few names.
type nameServer map[string]string

func (n nameServer) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if a, ok := n[host]; ok {
		return []netip.Addr{netip.MustParseAddr(a)}, nil
	}
	return nil, errors.New("no such host")
}

const hooked = `webhooks:
  - key: erp
    name: 订单系统
    url: https://erp.example.com/koi
    secret_file: /run/secrets/erp
journeys:
  - key: push
    name: 推送
    subject: contact
    status: live
    settings: {entry: {mode: concurrent}}
    nodes:
      - {id: start, component: on_event, config: {events: [oa.followed]}}
      - {id: push, component: webhook, config: {webhook: erp}}
      - {id: end, component: end}
    edges: [{from: start, to: push}, {from: push, to: end}]
`

func TestApplier_webhooks_lead_to_the_internet_and_journeys_hold_on_to_them(t *testing.T) {
	t.Parallel()
	stores := dbtest.SQLite(t)
	settings := setting.New(stores, clock.NewManual(time.Date(2026, 11, 23, 12, 0, 0, 0, shanghai)))
	leads := nameServer{"erp.example.com": "8.8.8.8", "inside.example.com": "10.1.2.3", "office.example.com": "10.2.0.9"}
	guard, err := webhook.NewGuard([]string{"10.2.0.0/16"}, leads)
	require.NoError(t, err)
	w := world
	w.Webhooks = guard
	a := NewApplier(settings, w)
	apply(t, a, hooked)
	text := exported(t, settings)
	require.Contains(t, text, "secret_file: /run/secrets/erp")
	r, err := a.Apply(t.Context(), parsed(t, text), "test")
	require.NoError(t, err)
	require.Empty(t, r.Differences, "what was exported is what is there")

	refused := func(text string, want ...string) {
		t.Helper()
		_, err := a.Apply(t.Context(), parsed(t, text), "test")
		var f *fault.Error
		require.ErrorAs(t, err, &f)
		var got []string
		for _, p := range f.Problems {
			got = append(got, p.Path)
		}
		require.Equal(t, want, got, "%v", err)
	}
	refused("webhooks:\n  - {key: erp, delete: true}\n", "已有的配置")
	for _, url := range []string{"http://127.0.0.1/", "http://0x7f.1/", "https://inside.example.com/"} {
		refused("webhooks:\n  - key: crm\n    name: 销售系统\n    url: "+url+"\n", "b.yaml:4")
		body, err := json.Marshal(webhook.Definition{Name: "销售系统", URL: url})
		require.NoError(t, err)
		_, err = a.Edit(t.Context(), Edit{Kind: webhook.Kind, Key: "crm", Body: body, Rev: setting.Absent}, "test")
		var f *fault.Error
		require.ErrorAs(t, err, &f)
		require.Len(t, f.Problems, 1)
		require.Equal(t, "url", f.Problems[0].Path)
	}
	for _, url := range []string{"https://office.example.com/", "https://nobody-knows.example.com/"} {
		apply(t, a, "webhooks:\n  - {key: crm, name: 销售系统, url: '"+url+"'}\n")
	}

	// A list of networks that shrank stops what led there, and nothing else.
	w.Webhooks = nil
	items, err := settings.List(t.Context())
	require.NoError(t, err)
	m, problems := Compile(items, w)
	require.Empty(t, problems, "names are judged when they are dialled")
	require.Len(t, m.Webhooks.Hooks(), 2)
}
