package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/policy"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/channels/simulator"
)

// story plays and tells.
type story struct {
	koi       *app.App
	platforms *simulator.Simulator
	out       io.Writer
	base      string
	other     *system

	admin, viewer string // API keys
	contact       string // 周敏's number
	link          string // 陈静's share token
	last          string // the message told last

	mu    sync.Mutex
	lines []string
	names map[string]string // of tags and stages, by kind/key
	seen  map[event.ID]bool
	phone int64 // deliveries told so far
}

// tell plays the story from beginning to end.
func (s *story) tell(ctx context.Context) error {
	s.seen = map[event.ID]bool{}
	if err := s.ready(ctx); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return fmt.Errorf("prepare the demo: %w", err)
	}
	if err := s.learn(ctx); err != nil {
		return err
	}
	s.say("")
	s.say("锦鲤 Koi 演示：一家虚构的软件公司“云帆软件”，平台是本机模拟的，走的是真实的收发路径。")
	s.say("打开 %s/demo 看这个故事和虚拟手机（也可直接看 %s）", s.base, s.phones())
	s.say("")
	for i, sc := range scenes() {
		if err := s.play(ctx, i+1, sc); err != nil {
			return fmt.Errorf("demo scene %d: %w", i+1, err)
		}
	}
	return s.sum(ctx)
}

// ready waits until Koi takes callbacks.
func (s *story) ready(ctx context.Context) error {
	for {
		res, err := http.Get(s.base + "/readyz")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *story) play(ctx context.Context, n int, sc scene) error {
	s.say("【%d】%s", n, sc.title)
	if sc.odd != nil {
		if err := s.platforms.Misbehave(*sc.odd); err != nil {
			return err
		}
	}
	begun := s.koi.Clock.Now()
	if sc.do != nil {
		if err := sc.do(s, ctx); err != nil {
			return err
		}
	}
	for _, a := range sc.acts {
		got, err := s.platforms.Act(ctx, a)
		if err != nil {
			return err
		}
		for _, c := range got.Callbacks {
			if c.Status != simulator.Acknowledged {
				return fault.New(fault.Unavailable, "回调没有被接收：%s", c.Answer)
			}
		}
	}
	var took []string
	for _, a := range sc.until {
		wait, cancel := context.WithTimeout(ctx, 30*time.Second)
		d, err := s.platforms.WaitDelivered(wait, func(d simulator.Delivery) bool { return d.ID > s.phone && a.is(d) })
		cancel()
		if err != nil {
			return fault.Wrap(err, fault.Unavailable, "等了 30 秒，没有等到：%s", a.name)
		}
		took = append(took, fmt.Sprintf("从动作到%s：%d 毫秒", a.name, d.At-begun.UnixMilli()))
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	if err := s.happened(ctx); err != nil {
		return err
	}
	s.delivered()
	for _, t := range took {
		s.say("     %s", t)
	}
	if sc.then != nil {
		if err := sc.then(s, ctx); err != nil {
			return err
		}
	}
	if sc.note != "" {
		s.say("     （%s）", sc.note)
	}
	return nil
}

// settle waits until everything logged so far is applied, twice: results of sends come back as events, and
// profiles are fetched after their person appeared.
func (s *story) settle(ctx context.Context) error {
	for range 2 {
		if err := s.through(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
	return s.through(ctx)
}

// through waits until everything logged so far is applied.
func (s *story) through(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for _, lane := range []event.Lane{event.Priority, event.Normal} {
		head, err := s.koi.Log.Head(ctx, lane)
		if err != nil {
			return err
		}
		if err := s.koi.Pipeline.Wait(ctx, lane, head); err != nil {
			return err
		}
	}
	return nil
}

// happened tells what is new on 周敏's timeline.
func (s *story) happened(ctx context.Context) error {
	p, err := s.koi.People.Find(ctx, event.Identity{Kind: event.KindOpenID, Scope: appID, Value: customer})
	if err != nil {
		return err
	}
	s.contact = strconv.FormatInt(p.ID, 10)
	list, err := s.koi.Timeline.List(ctx, p.Contacts(), nil, event.Place{}, 200)
	if err != nil {
		return err
	}
	slices.Reverse(list)
	for _, e := range list {
		if s.seen[e.ID] {
			continue
		}
		s.seen[e.ID] = true
		if quiet[e.Type] {
			continue
		}
		s.say("     · %s%s", event.LabelOf(e.Type).Name, s.detail(e))
	}
	return nil
}

// told says which properties stand beside the name of an event.
var told = map[string][]string{
	event.OAFollowed: {"scene"}, event.OAScanned: {"scene"}, event.OAMenuClicked: {"key"}, event.OAMessageReceived: {"content"},
	event.WeComCustomerAdded: {"state"}, event.TagAdded: {"tag"}, event.TagRemoved: {"tag"},
	event.ScoreThresholdCrossed: {"name"}, event.StageEntered: {"stage"},
	event.JourneyEntered: {"name", "key"}, event.MessageSuppressed: {"detail", "reason"}, event.MessageFailed: {"detail", "reason"},
}

// quiet lines would only repeat what the others say.
var quiet = map[string]bool{event.JourneyStepDone: true, event.JourneyExited: true}

// detail is what a line of the timeline says beside its name: the first property that is there.
func (s *story) detail(e event.Entry) string {
	for _, key := range told[e.Type] {
		v := e.Props.Str(key)
		if name := s.names[key+"/"+v]; name != "" {
			v = name
		} else if key == "reason" && v != "" {
			v = outbox.Explain(policy.Reason(v)).Name
		}
		if v != "" {
			return "：" + v
		}
	}
	return ""
}

// learn reads what tags and stages are called.
func (s *story) learn(ctx context.Context) error {
	items, err := s.koi.Settings.List(ctx, setting.KindTag, setting.KindStage)
	if err != nil {
		return err
	}
	s.names = map[string]string{}
	for _, it := range items {
		var d struct{ Name string }
		if err := json.Unmarshal(it.Body, &d); err != nil {
			return fmt.Errorf("read %s/%s: %w", it.Kind, it.Key, err)
		}
		s.names[it.Kind+"/"+it.Key] = d.Name
	}
	return nil
}

// delivered tells what reached phones since the last time.
func (s *story) delivered() {
	names := map[string]string{customer: "周敏", external: "周敏", miniCustomer: "周敏", phone: "周敏", sales: "王磊", leader: "赵芳", sharer: "陈静"}
	for _, d := range s.platforms.Deliveries(simulator.DeliveryFilter{After: s.phone}) {
		s.phone = d.ID
		name := names[d.To]
		if name == "" {
			continue
		}
		s.say("     → %s的手机：%s", name, strings.ReplaceAll(shown(d), "\n", "\n        "))
	}
}

var markup = regexp.MustCompile(`<[^>]*>`)

// shown is what a message looks like on the phone, as text.
func shown(d simulator.Delivery) string {
	var card struct{ Title, Description string }
	if d.Kind != "textcard" || json.Unmarshal(d.Content, &card) != nil {
		return d.Text
	}
	return "【" + card.Title + "】\n" + strings.TrimSpace(markup.ReplaceAllString(strings.ReplaceAll(card.Description, "</div>", "</div>\n"), ""))
}

// sum ends the story with figures that can be checked.
func (s *story) sum(ctx context.Context) error {
	totals := s.platforms.DeliveryTotals()
	calls := s.platforms.CallbackTotals()
	p, err := s.koi.People.Find(ctx, event.Identity{Kind: event.KindExternal, Scope: corpID, Value: external})
	if err != nil {
		return err
	}
	s.say("")
	s.say("讲完了：平台推送 %d 次，全部收下；手机收到 %d 条消息，重复 %d 条；周敏是客户 %d，有 %d 个身份。",
		calls.Sent, totals.Delivered, totals.Repeated, p.ID, len(p.Identities))
	s.say("")
	s.say("接着看：")
	s.say("  虚拟手机（关注、点菜单、发消息、加员工）  %s", s.phones())
	s.say("  指标  %s/metrics    接口文档  %s", s.base, s.api("/openapi.json"))
	for _, look := range []struct{ what, path string }{
		{"周敏的 360", fmt.Sprintf("/contacts/%d", p.ID)},
		{"她的时间线", fmt.Sprintf("/contacts/%d/timeline", p.ID)},
		{"每一分从哪来", fmt.Sprintf("/contacts/%d/why?score=intent", p.ID)},
		{"现在还能怎么找到她", fmt.Sprintf("/contacts/%d/reach", p.ID)},
		{"她的同意与退订", fmt.Sprintf("/contacts/%d/consents", p.ID)},
		{"消息和它们的结果", "/messages"},
		{"分享带来了谁", "/shares"},
		{"旅程和人数", "/journeys"},
	} {
		s.say("  %s  curl -s -H 'Authorization: Bearer %s' '%s'", look.what, s.viewer, s.api(look.path))
	}
	s.say("Ctrl+C 结束。")
	return nil
}

func (s *story) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	s.mu.Lock()
	s.lines = append(s.lines, line)
	s.mu.Unlock()
	_, _ = fmt.Fprintln(s.out, line) // a closed terminal ends the demo by its signal
}

var page = template.Must(template.New("demo").Parse(`<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta http-equiv="refresh" content="5">
<title>锦鲤 Koi 演示</title>
<style>body{font:16px/1.7 system-ui,sans-serif;margin:0;background:#f6f7f9;color:#1f2329}main{max-width:880px;margin:0 auto;padding:32px 24px}
h1{font-size:24px;margin:0 0 8px}p{margin:0 0 16px;color:#51565d}a{color:#0958d9}pre{font:inherit;white-space:pre-wrap;background:#fff;border-radius:8px;padding:16px 24px;box-shadow:0 1px 2px #0001}
nav a{display:inline-block;background:#0958d9;color:#fff;text-decoration:none;padding:8px 16px;border-radius:6px;margin:0 8px 16px 0}</style>
<main><h1>锦鲤 Koi 演示</h1><p>平台是本机模拟的，收发走真实路径。在虚拟手机上动一动，看会发生什么。</p>
<nav><a href="{{.Phones}}" target="_blank">打开虚拟手机</a><a href="/metrics" target="_blank">指标</a></nav>
<pre>{{range .Lines}}{{.}}
{{end}}</pre></main></html>`))

// page shows the story so far and leads to the phones.
func (s *story) page() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		lines := slices.Clone(s.lines)
		s.mu.Unlock()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = page.Execute(w, map[string]any{"Lines": lines, "Phones": s.phones()})
	})
}
