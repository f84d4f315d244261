package demo

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/fault"
)

// browser is how the pages' visitors show up.
const browser = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.50"

// call asks Koi's API as the firm's administrator.
func (s *story) call(ctx context.Context, method, path string, in, out any) error {
	return ask(ctx, method, s.api(path), in, out, http.Header{"Authorization": {"Bearer " + s.admin}, "Content-Type": {"application/json"}})
}

// visit does what a page in somebody's browser does.
func (s *story) visit(ctx context.Context, method, path string, in, out any) error {
	return ask(ctx, method, s.base+path, in, out, http.Header{"User-Agent": {browser}, "Content-Type": {"text/plain"}})
}

// keys makes the administrator and two API keys by the way any operator goes: the one-time link makes the
// first administrator, who makes keys. One is the story's own; the other, shown at its end, may only look.
func (s *story) keys(ctx context.Context) error {
	token, _, err := s.koi.Gate.SetupToken(ctx)
	if err != nil {
		return err
	}
	admin, err := s.koi.Gate.SetUp(ctx, token, "127.0.0.1", auth.NewUser{Login: "demo@example.com", Name: "演示", Role: auth.Admin, Password: draw(24)})
	if err != nil {
		return err
	}
	if _, s.admin, err = s.koi.Gate.AddKey(ctx, auth.NewKey{Name: "演示的剧情", Role: auth.Admin}, &admin.Principal); err != nil {
		return err
	}
	_, s.viewer, err = s.koi.Gate.AddKey(ctx, auth.NewKey{Name: "演示", Role: auth.Analyst}, &admin.Principal)
	return err
}

// message is what the API says about one.
type message struct {
	ID          string
	Channel     string
	State       string
	StateLabel  string `json:"state_label"`
	ReasonLabel string `json:"reason_label"`
	Explanation struct{ What, Why, Next string }
}

// outcome waits until 周敏's newest message of a channel stands in one of the states, and tells what the API
// says about it.
func (s *story) outcome(ctx context.Context, channel string, states ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		var list struct{ Items []message }
		if err := s.call(ctx, http.MethodGet, "/messages?limit=1&channel="+channel+"&contact="+url.QueryEscape(s.contact), nil, &list); err != nil {
			return err
		}
		if len(list.Items) > 0 && list.Items[0].ID != s.last && slices.Contains(states, list.Items[0].State) {
			var m message
			if err := s.call(ctx, http.MethodGet, "/messages/"+list.Items[0].ID, nil, &m); err != nil {
				return err
			}
			s.last = m.ID
			s.say("     API：%s", m.text())
			return nil
		}
		select {
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "等了 15 秒，%s 的消息没有变成 %s", channel, strings.Join(states, "/"))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (m *message) text() string {
	parts := []string{m.StateLabel}
	if m.ReasonLabel != "" {
		parts[0] += "（" + m.ReasonLabel + "）"
	}
	for _, t := range []string{m.Explanation.What, m.Explanation.Why, m.Explanation.Next} {
		if t != "" && !strings.Contains(strings.Join(parts, ""), t) {
			parts = append(parts, t)
		}
	}
	return strings.Join(parts, " · ")
}

// start lets 周敏 enter a journey, as a marketer does with a click.
func (s *story) start(ctx context.Context, journey string) error {
	var list struct {
		Items []struct{ ID, Key string }
	}
	if err := s.call(ctx, http.MethodGet, "/journeys?limit=200", nil, &list); err != nil {
		return err
	}
	for _, j := range list.Items {
		if j.Key == journey {
			return s.call(ctx, http.MethodPost, "/journeys/"+j.ID+"/runs", map[string]any{"contact_id": s.contact}, nil)
		}
	}
	return fault.New(fault.NotFound, "没有旅程 %s", journey)
}

// report tells Koi what another system of the firm saw.
func (s *story) report(ctx context.Context, kind string, props map[string]any, identities ...map[string]string) error {
	return s.call(ctx, http.MethodPost, "/events", map[string]any{"id": "demo-" + kind, "type": kind, "identities": identities, "props": props}, nil)
}

func identity(kind, scope, value string) map[string]string {
	return map[string]string{"kind": kind, "scope": scope, "value": value}
}

// beacon reports what a browser shows, like t.js does.
func (s *story) beacon(ctx context.Context, visitor, token string, kinds ...string) error {
	now := time.Now().UnixMilli()
	var list []map[string]any
	for i, kind := range kinds {
		list = append(list, map[string]any{"id": fmt.Sprintf("%s-%d-%d", visitor, now, i), "type": kind, "page": casePage, "at": now, "sent_at": now,
			"visitor": visitor, "share": token, "url": "https://www.yunfan.example/case", "props": map[string]any{"seconds": 45}})
	}
	return s.visit(ctx, http.MethodPost, "/t", list, nil)
}
