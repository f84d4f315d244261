package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/setting"
)

// Ingested is one event from another system.
type Ingested struct {
	ID         string             `json:"id,omitempty" maxLength:"128" doc:"对方系统里的编号；同一编号只计一次"`
	Type       string             `json:"type" maxLength:"64"`
	OccurredAt *time.Time         `json:"occurred_at,omitempty" doc:"不填为现在"`
	Identities []IngestedIdentity `json:"identities" minItems:"1" maxItems:"10"`
	Object     *IngestedObject    `json:"object,omitempty"`
	Props      map[string]any     `json:"props,omitempty" doc:"不要放手机号、邮箱等个人信息，它们放在 identities 里"`
}

// IngestedIdentity is one name the person goes by.
type IngestedIdentity struct {
	Kind  string `json:"kind" enum:"openid,unionid,external_userid,phone,email,visitor,user_id"`
	Scope string `json:"scope,omitempty" maxLength:"128"`
	Value string `json:"value" minLength:"1" maxLength:"256"`
}

// IngestedObject is what the event is about.
type IngestedObject struct {
	Type string `json:"type" maxLength:"32"`
	ID   string `json:"id" maxLength:"128"`
}

// maxIngested is how many events one request may carry.
const maxIngested = 500

// ingestBody is one event, or {"events": […]}.
type ingestBody struct {
	list []Ingested
	many bool
}

// UnmarshalJSON reads either form. The schema is there to be read: told that a body fits none of two forms,
// nobody knows what to correct, so check looks at each event.
func (b *ingestBody) UnmarshalJSON(raw []byte) error {
	var form struct{ Events json.RawMessage }
	if err := json.Unmarshal(raw, &form); err != nil {
		return err
	}
	if form.Events == nil {
		b.list = make([]Ingested, 1)
		return setting.Decode(raw, &b.list[0])
	}
	b.many = true
	var batch Batch
	err := setting.Decode(raw, &batch)
	b.list = batch.Events
	return err
}

// Batch is several events.
type Batch struct {
	Events []Ingested `json:"events" minItems:"1" maxItems:"500"`
}

// Schema implements huma.SchemaProvider.
func (ingestBody) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{r.Schema(reflect.TypeFor[Ingested](), true, ""), r.Schema(reflect.TypeFor[Batch](), true, "")}}
}

type ingestInput struct {
	Body ingestBody
}

// Receipt says what was taken.
type Receipt struct {
	Accepted int `json:"accepted" doc:"已持久保存的事件数"`
	Repeats  int `json:"repeats" doc:"其中最近已经收到过、不会再计的"`
}

// accepts are the places whose events another system may report: what platforms and Koi itself tell comes
// by other ways, and must not be made up.
var accepts = []string{"page.", "form.", "file.", "link.", "qrcode.", "meeting.", "trial.", "cart.", "order.", "game.", event.CustomPrefix}

// personal are property names that hold personal values: they would lie open on the timeline.
var personal = []string{"phone", "mobile", "tel", "email", "mail", "id_card", "idcard", "手机", "手机号", "电话", "邮箱", "身份证"}

const (
	// A clock may be somewhat ahead; what lies further in the future is a mistake.
	futureAllowed = 10 * time.Minute
	maxProps      = 16 << 10 // bytes of one event's props
)

// ingestEvents answers once the events are durable; they are processed soon after.
func (a *API) ingestEvents(ctx context.Context, in *ingestInput) (*answer[Receipt], error) {
	c, now := by(ctx), a.now()
	var bad []fault.Problem
	if n := len(in.Body.list); n == 0 || n > maxIngested {
		return nil, wrong("events", "一次应为 1 到 %d 条，现在是 %d 条", maxIngested, n)
	}
	events := make([]*event.Event, len(in.Body.list))
	for i, x := range in.Body.list {
		path := ""
		if in.Body.many {
			path = fmt.Sprintf("events[%d].", i)
		}
		for _, p := range x.check(now) {
			bad = append(bad, fault.Problem{Path: path + p.Path, Message: p.Message})
		}
		events[i] = x.event(now, c.KeyID != 0)
	}
	if err := fault.Problems("事件没有接收，请改正标出的几项后整批重发", bad); err != nil {
		return nil, err
	}
	got, err := a.Log.Append(ctx, events...)
	if err != nil {
		return nil, err
	}
	out := Receipt{Accepted: len(got)}
	for _, g := range got {
		if g.Repeat {
			out.Repeats++
		}
	}
	return &answer[Receipt]{out}, nil
}

func (x *Ingested) check(now int64) []fault.Problem {
	var bad []fault.Problem
	say := func(path, format string, args ...any) {
		bad = append(bad, fault.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	_, known := event.Labels()[x.Type]
	custom := strings.HasPrefix(x.Type, event.CustomPrefix) && len(x.Type) > len(event.CustomPrefix)
	switch {
	case x.Type != event.ContactRegistered && !slices.ContainsFunc(accepts, func(p string) bool { return strings.HasPrefix(x.Type, p) }):
		say("type", "不接受 %q：可用 %s 等业务事件，或 custom. 开头的自定义事件", x.Type, strings.Join(accepts[:len(accepts)-1], " "))
	case !known && !custom:
		say("type", "没有事件 %q：请检查是否写错，自定义事件以 custom. 开头", x.Type)
	}
	long := func(path, value string, most int) {
		if utf8.RuneCountInString(value) > most {
			say(path, "最多 %d 个字", most)
		}
	}
	long("id", x.ID, 128)
	long("type", x.Type, 64)
	if x.Object != nil {
		long("object.type", x.Object.Type, 32)
		long("object.id", x.Object.ID, 128)
	}
	if n := len(x.Identities); n == 0 || n > 10 {
		say("identities", "应有 1 到 10 个身份，现在是 %d 个", n)
	}
	if x.OccurredAt != nil {
		switch at := x.OccurredAt.UnixMilli(); {
		case at > now+futureAllowed.Milliseconds():
			say("occurred_at", "时间在未来：请检查时区和时钟")
		case at <= 0:
			say("occurred_at", "时间不对")
		}
	}
	for i, id := range x.Identities {
		if identityLabels[id.Kind] == "" {
			say(fmt.Sprintf("identities[%d].kind", i), "没有身份类型 %q", id.Kind)
		}
		long(fmt.Sprintf("identities[%d].scope", i), id.Scope, 128)
		long(fmt.Sprintf("identities[%d].value", i), id.Value, 256)
		if strings.TrimSpace(id.Value) == "" {
			say(fmt.Sprintf("identities[%d].value", i), "不能为空")
		}
		if id.Scope == "" && (id.Kind == event.KindOpenID || id.Kind == event.KindExternal) {
			say(fmt.Sprintf("identities[%d].scope", i), "%s 要写明所属的 AppID 或 CorpID", id.Kind)
		}
	}
	for name := range x.Props {
		if slices.Contains(personal, strings.ToLower(name)) {
			say("props."+name, "个人信息请放在 identities 里，props 会显示在时间线上")
		}
	}
	if raw, err := json.Marshal(x.Props); err != nil || len(raw) > maxProps {
		say("props", "最多 %d KiB", maxProps>>10)
	}
	return bad
}

// event makes a fact of it. Whoever has a key is a system of ours, and has proof of the numbers and
// addresses it reports; a user who is signed in may have typed them.
func (x *Ingested) event(now int64, proven bool) *event.Event {
	e := &event.Event{Type: x.Type, Key: "id/" + x.ID, Source: "api", Lane: event.Normal, OccurredAt: now, ReceivedAt: now, Props: x.Props}
	if x.ID == "" {
		e.Key = "once/" + rand.Text()
	}
	if x.OccurredAt != nil {
		e.OccurredAt = min(x.OccurredAt.UnixMilli(), now)
	}
	if x.Object != nil {
		e.ObjectType, e.ObjectID = x.Object.Type, x.Object.ID
	}
	for _, id := range x.Identities {
		known := event.Identity{Kind: id.Kind, Scope: id.Scope, Value: id.Value}
		known.Verified = proven && (id.Kind == event.KindPhone || id.Kind == event.KindEmail)
		e.Identities = append(e.Identities, known)
	}
	return e
}
