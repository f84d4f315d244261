package httpapi

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/policy"
)

// telling is what is worth saying of an event in half a line, in the words of the definitions in force; ""
// when its name says it all. Personal values never stand in events, so they never stand here.
func (a *API) telling(e event.Entry) string {
	m := a.models.Load()
	p := e.Props
	place, _, _ := strings.Cut(e.Type, ".")
	switch place {
	case "message":
		why := ""
		if r := p.Str("reason"); r != "" {
			why = outbox.Explain(policy.Reason(r)).Name
		}
		return said(outbox.Channel(p.Str("channel")).Label(), quoted(p.Str("content")), why)
	case "consent":
		if c := p.Str("channel"); c != "" {
			return said(contact.UnsubscribeLabel(c), sourceName(p.Str("source")))
		}
		return said(contact.Purpose(p.Str("purpose")).Label(), sourceName(p.Str("source")))
	case "tag":
		name := p.Str("tag")
		if t, ok := m.Scope.Tags[name]; ok {
			name = t.Label
		}
		return said(name, byWhom(p.Str("by")))
	case "stage":
		to := m.Scope.Stages[p.Str("stage")]
		if from := m.Scope.Stages[p.Str("from")]; from != "" && to != "" {
			to = from + " → " + to
		}
		return said(to, strings.Join(texts(p["because"]), "；"))
	case "score":
		name := p.Str("score")
		if s, ok := m.Scope.Scores[name]; ok {
			name = s.Label
		}
		return said(p.Str("name"), name, p.Str("value")+" 分")
	case "journey":
		id, _ := strconv.ParseInt(e.ObjectID, 10, 64)
		name, step := m.Journeys.Called(id, p.Int("rev"), p.Str("node"))
		if e.Type == event.JourneyEntered || e.Type == event.JourneyExited {
			step = ""
		}
		return said(name, step, p.Str("reason"))
	}
	switch e.Type {
	case event.OAMessageReceived, event.MPMessageReceived, event.WeComMessageReceived:
		return said(quoted(p.Str("content")), kinds[p.Str("kind")])
	case event.OAFollowed, event.OAScanned:
		return labelled("渠道码 ", p.Str("scene"))
	case event.WeComCustomerAdded, event.WeComCustomerHalfAdded:
		return labelled("渠道 ", p.Str("state"))
	case event.OASubscriptionAnswered, event.MPSubscriptionAnswered:
		return said(answers[p.Str("answer")], p.Str("template_id"))
	case event.PageDwelled:
		return said(a.page(e.ObjectID), labelled("", p.Str("seconds"), " 秒"))
	case event.PageScrolled:
		return said(a.page(e.ObjectID), labelled("读到 ", p.Str("percent"), "%"))
	case event.PageShareOpened:
		return said(a.page(e.ObjectID), labelled("第 ", p.Str("depth"), " 级"))
	case event.FormSubmitted, event.FormStarted:
		return said(a.page(p.Str("form")), a.page(e.ObjectID))
	case event.ContactAttributeChanged:
		changes, _ := p["changes"].(map[string]any)
		var names []string
		for _, f := range m.Fields.Fields() {
			if _, ok := changes[f.Key]; ok {
				names = append(names, f.Label)
			}
		}
		return said(strings.Join(names, "、"), byWhom(p.Str("by")))
	case event.ContactMerged:
		return labelled("并入编号 ", p.Str("old"), " 的资料")
	}
	if e.ObjectType == "page" {
		return said(p.Str("title"), a.page(e.ObjectID))
	}
	return said(p.Str("title"), e.ObjectID)
}

// page is what a page is called: one of ours by its name, another's by its address.
func (a *API) page(key string) string {
	if p := a.models.Load().Pages.Page(key); p != nil && p.Name != "" {
		return p.Name
	}
	return key
}

// thing is what an act was about ("page/price"), as people call it.
func (a *API) thing(object string) string {
	kind, id, _ := strings.Cut(object, "/")
	if kind == "page" {
		id = a.page(id)
	}
	return strings.TrimSpace(things[kind] + " " + id)
}

var (
	things  = map[string]string{"page": "页面", "qrcode": "渠道码", "form": "表单", "file": "资料", "meeting": "会议", "menu": "菜单", "link": "链接", "order": "订单"}
	sources = map[string]string{"sms_uplink": "短信回复", "page": "页面", "console": "控制台", "api": "接口"}
	answers = map[string]string{"accept": "允许", "reject": "拒绝", "ban": "被平台封禁", "filter": "被过滤"}
	kinds   = map[string]string{"image": "图片", "voice": "语音", "video": "视频", "shortvideo": "小视频", "location": "位置", "link": "链接", "miniprogrampage": "小程序卡片", "file": "文件"}
)

// byWhom is who did something by hand; "" for what happened by itself.
func byWhom(by string) string {
	kind, name, _ := strings.Cut(by, ":")
	switch {
	case kind == "user" && name != "":
		return name + " 手工"
	case kind == "key" && name != "":
		return "接口密钥 " + name
	}
	return ""
}

// sourceName is where somebody stated something: a door of ours by its name, anything else as it was written.
func sourceName(s string) string {
	if form, ok := strings.CutPrefix(s, "form:"); ok {
		return "表单 " + form
	}
	return cmp.Or(sources[s], s)
}

// said joins what there is to say, each once.
func said(parts ...string) string {
	var out []string
	for _, x := range parts {
		if x = strings.TrimSpace(x); x != "" && (len(out) == 0 || out[len(out)-1] != x) {
			out = append(out, x)
		}
	}
	return strings.Join(out, " · ")
}

// labelled puts words around a value, if there is one.
func labelled(before, value string, after ...string) string {
	if value == "" {
		return ""
	}
	return before + value + strings.Join(after, "")
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return "“" + s + "”"
}

func texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, x := range list {
		out = append(out, fmt.Sprint(x))
	}
	return out
}
