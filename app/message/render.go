package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/osteele/liquid"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
)

// Facts are what a message is about. The zero value of each part renders as nothing.
type Facts struct {
	// Ref names this message for ever; interactive template cards carry it as task_id, which the
	// platform wants unique within an app: at most 128 of letters, digits and _-@.
	Ref     string
	Contact *contact.Person
	Stage   string   // Chinese name
	Grade   string   // "A1"
	Tags    []string // Chinese names
	Intent  int64    // points
	Fit     int64    // points
	Reasons []string // the strongest first
	Event   *event.Event
	// EventName is the event's Chinese name.
	EventName string
	Staff     Staff
	Links     Links
	Journey   string
	Zone      *time.Location // the business zone
	// Phone is the recipient's number, for an SMS alone; it is no variable.
	Phone string
}

// Staff is the receiving staff member.
type Staff struct{ Name, UserID, Position string }

// Links are addresses of our own pages.
type Links struct {
	Contact      string // in the console
	StaffContact string // in the staff portal
}

// Render makes the final body for the template's kind: the JSON object that stands under the kind's name
// in the platform's request, e.g. {"content":"…"} for a text. What is too long for the platform is cut at
// a character, with markup closed. Faults: Invalid when nothing is left to say or the template cannot be
// evaluated; the same facts will fail again.
func (t *Template) Render(f Facts) ([]byte, error) {
	r := renderer{vars: t.bindings(f)}
	var body any
	switch t.Kind {
	case Templated, Once, Subscribe:
		body = r.approved(t)
	case Code, Promotional:
		body = r.sms(t, f)
	case Notice:
		if t.Channel == SMS {
			body = r.sms(t, f)
		} else {
			body = r.approved(t)
		}
	case Welcome:
		body = r.welcome(t, f)
	case Text:
		body = struct {
			Content string `json:"content"`
		}{r.must("正文", t.content)}
	case TextCard:
		button := r.text(t.button)
		body = textCard{r.must("标题", t.title), r.must("描述", t.description), r.must("链接", t.url), button}
	case TemplateCard:
		card := r.tree(t.card)
		if t.needsTask {
			card.(map[string]any)["task_id"] = f.Ref
		}
		body = card
	}
	if r.err != nil {
		return nil, fault.Wrap(r.err, fault.Invalid, "消息模板“%s”渲染失败：%s", t.Name, r.reason)
	}
	raw, err := encode(body)
	if err != nil {
		return nil, fmt.Errorf("encode message %s: %w", t.Key, err)
	}
	return raw, nil
}

// textCard is a WeCom text card (文本卡片).
type textCard struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	URL         string `json:"url"`
	Button      string `json:"btntxt,omitempty"`
}

// encode makes a body's JSON, in one line.
func encode(body any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // \u003c would count six bytes towards nothing and make bodies unreadable
	err := enc.Encode(body)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}

// renderer keeps the first error.
type renderer struct {
	vars   liquid.Bindings
	err    error
	reason string
}

func (r *renderer) fail(err error, reason string) {
	if r.err == nil {
		r.err, r.reason = err, reason
	}
}

func (r *renderer) must(label string, t *text) string {
	s := r.text(t)
	if r.err == nil && strings.TrimSpace(tagText.ReplaceAllString(s, "")) == "" {
		r.fail(fmt.Errorf("empty %s", label), label+"是空的，请给变量加上默认值")
	}
	return s
}

func (r *renderer) text(t *text) (out string) {
	if t == nil || r.err != nil {
		return ""
	}
	out = t.static
	if t.tpl != nil {
		defer func() { // filters reflect on their arguments and panic on some
			if p := recover(); p != nil {
				r.fail(fmt.Errorf("%v", p), "过滤器的参数不对")
				out = ""
			}
		}()
		s, err := t.tpl.RenderString(r.vars)
		if err != nil {
			r.fail(err, "变量或过滤器的参数不对")
			return ""
		}
		out = s
	}
	switch t.markup {
	case page:
		if len(out) > t.limit {
			r.fail(fmt.Errorf("long page"), "小程序页面路径太长")
		}
		return out
	case address:
		if !webScheme.MatchString(out) || len(out) > t.limit {
			r.fail(fmt.Errorf("bad address"), "链接不是完整的网址或太长")
		}
		return out
	case plain:
		return cut(strings.TrimSpace(out), t.limit)
	}
	return cutMarkup(strings.TrimSpace(out), t.limit)
}

func (r *renderer) tree(v any) any {
	switch v := v.(type) {
	case *text:
		return r.text(v)
	case map[string]any:
		out := make(map[string]any, len(v)+1)
		for k, x := range v {
			out[k] = r.tree(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = r.tree(x)
		}
		return out
	}
	return v
}

const ellipsis = "…"

// cut shortens s to at most limit bytes, at a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return head(s, limit-len(ellipsis)) + ellipsis
}

// head is the longest beginning of s within limit bytes that ends between characters.
func head(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	n := max(limit, 0)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// cutMarkup shortens a text with the author's tags to at most limit bytes: no tag is cut in two and every
// open one is closed.
func cutMarkup(s string, limit int) string {
	out, closers, whole := fit(s, limit)
	if whole {
		return out + closers
	}
	out, closers, _ = fit(s, limit-len(ellipsis))
	return out + ellipsis + closers
}

var pair = regexp.MustCompile(`^<(/?)(div|a)\b[^<>]*>$`)

// fit takes as much of s as stands within limit bytes together with what closes its open tags. Closing
// tags that close nothing are left out.
func fit(s string, limit int) (out, closers string, whole bool) {
	for s != "" {
		loc := tagText.FindStringIndex(s)
		if loc == nil {
			loc = []int{len(s), len(s)}
		}
		words, tag := s[:loc[0]], s[loc[0]:loc[1]]
		s = s[loc[1]:]
		part := head(words, limit-len(out)-len(closers))
		if out += part; part != words {
			return out, closers, false
		}
		after := closers
		if m := pair.FindStringSubmatch(tag); m != nil && m[1] == "" {
			after = "</" + m[2] + ">" + closers
		} else if m != nil {
			if !strings.HasPrefix(closers, tag) {
				continue
			}
			after = closers[len(tag):]
		}
		if len(out)+len(tag)+len(after) > limit {
			return out, closers, false
		}
		out, closers = out+tag, after
	}
	return out, closers, true
}

// names are variables of one namespace. An empty text is left out: in Liquid it would count as true.
type names map[string]any

func (n names) put(key, text string) {
	if text = clean(text); text != "" {
		n[key] = text
	}
}

// bindings makes the variables of a template. Every text that came from outside is cleaned.
func (t *Template) bindings(f Facts) liquid.Bindings {
	person, staff, journey, links := names{}, names{}, names{}, names{}
	if p := f.Contact; p != nil {
		for key, v := range p.Values {
			person.put(key, t.show(key, v))
		}
		person["id"] = p.ID
		person["display"] = display(p)
		if p.Has(event.KindPhone, "") {
			person["has_phone"] = "有"
		}
		if p.Has(event.KindEmail, "") {
			person["has_email"] = "有"
		}
	}
	person.put("stage", f.Stage)
	person.put("grade", f.Grade)
	person["tags"] = list(f.Tags)
	staff.put("name", f.Staff.Name)
	staff.put("userid", f.Staff.UserID)
	staff.put("position", f.Staff.Position)
	journey.put("name", f.Journey)
	if f.Links.Contact != "" {
		links["contact"] = f.Links.Contact
	}
	if f.Links.StaffContact != "" {
		links["staff_contact"] = f.Links.StaffContact
	}
	return liquid.Bindings{
		"contact": map[string]any(person), "staff": map[string]any(staff), "journey": map[string]any(journey), "links": map[string]any(links),
		"event": f.event(), "score": map[string]any{"intent": f.Intent, "fit": f.Fit, "reasons": list(f.Reasons)},
	}
}

func (f Facts) event() map[string]any {
	e := f.Event
	if e == nil {
		return map[string]any{}
	}
	zone := f.Zone
	if zone == nil {
		zone = time.UTC
	}
	props := names{}
	for k, v := range e.Props {
		if many, ok := v.([]any); ok {
			texts := make([]any, len(many))
			for i := range many {
				texts[i] = clean(event.Props{"": many[i]}.Str(""))
			}
			props[k] = texts
			continue
		}
		props.put(k, e.Props.Str(k))
	}
	out := names{"at": time.UnixMilli(e.OccurredAt).In(zone).Format(minute), "props": map[string]any(props)}
	out.put("type", e.Type)
	out.put("name", f.EventName)
	out.put("object_type", e.ObjectType)
	out.put("object_id", e.ObjectID)
	return out
}

const minute = "2006-01-02 15:04"

// show gives a field's value as people read it.
func (t *Template) show(key string, v contact.Value) string {
	f := t.fields[key]
	switch f.Type {
	case contact.Bool:
		if v.Num == 0 {
			return "否"
		}
		return "是"
	case contact.Choice:
		for _, o := range f.Options {
			if o.Key == v.Text {
				return o.Label
			}
		}
	}
	return fmt.Sprint(f.Show(v))
}

// display is how we call a person whom we may not know by name.
func display(p *contact.Person) string {
	for _, key := range []string{"name", "nickname"} {
		if s := clean(p.Values[key].Text); s != "" {
			return s
		}
	}
	return "客户" + strconv.FormatInt(p.ID, 10)
}

func list(texts []string) []any {
	out := make([]any, len(texts))
	for i, s := range texts {
		out[i] = clean(s)
	}
	return out
}

// engine is Liquid with the filters of safeFilters made predictable; the rest stays registered and is
// refused when a template is checked.
var engine = newEngine()

func newEngine() *liquid.Engine {
	e := liquid.NewEngine()
	e.RegisterFilter("truncate", func(s string, n func(int) int) string {
		runes := []rune(s)
		if most := n(20); len(runes) > most && most > 0 {
			return string(runes[:most-1]) + ellipsis
		}
		return s
	})
	e.RegisterFilter("date", func(s string, layout func(string) string) string {
		t, err := time.Parse(minute, s)
		if err != nil {
			if t, err = time.Parse(time.DateOnly, s); err != nil {
				return s
			}
		}
		return strings.NewReplacer("%Y", t.Format("2006"), "%m", t.Format("01"), "%d", t.Format("02"),
			"%H", t.Format("15"), "%M", t.Format("04"), "%%", "%").Replace(layout("%Y-%m-%d"))
	})
	return e
}
