package httpapi

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/rule"
)

// Contact is everything about a person on one screen (客户 360).
type Contact struct {
	ContactLine
	MergedIDs  []ID         `json:"merged_ids" doc:"已合并进来的客户"`
	Values     []FieldValue `json:"values"`
	Identities []Identity   `json:"identities"`
	StaffLinks []StaffLink  `json:"staff_links" doc:"与员工的企微好友关系，含已结束的"`
	Follows    []Follow     `json:"follows"`
	HeldTags   []HeldTag    `json:"held_tags"`
	Standings  []Standing   `json:"standings" doc:"各评分及其理由"`
	Place      *StagePlace  `json:"place,omitempty" doc:"所在阶段"`
	Runs       []Run        `json:"runs" doc:"最近的旅程"`
	Pending    bool         `json:"pending,omitempty" doc:"改动已保存，还在排队处理：稍后再读"`
}

// FieldValue is one field of a person.
type FieldValue struct {
	Key   string            `json:"key"`
	Label string            `json:"label"`
	Group string            `json:"group,omitempty"`
	Type  contact.FieldType `json:"type"`
	Value any               `json:"value"`
	Text  string            `json:"text" doc:"显示的文字"`
	At    *time.Time        `json:"at,omitempty"`
}

// Identity is a name a person goes by.
type Identity struct {
	ID       ID     `json:"id"`
	Kind     string `json:"kind"`
	Label    string `json:"label"`
	Scope    string `json:"scope,omitempty" doc:"AppID、CorpID 等"`
	Value    string `json:"value" doc:"手机号和邮箱只显示一部分"`
	Verified bool   `json:"verified"`
}

// StaffLink is a friendship in WeCom.
type StaffLink struct {
	StaffName
	AddedAt   *time.Time `json:"added_at,omitempty"`
	RemovedAt *time.Time `json:"removed_at,omitempty"`
	RemovedBy string     `json:"removed_by,omitempty" doc:"staff、customer，或空：对账时才发现，不知是谁解除的"`
	State     string     `json:"state,omitempty" doc:"渠道码"`
}

// Follow is the relation to one official account.
type Follow struct {
	AppID        string     `json:"app_id"`
	Account      string     `json:"account" doc:"公众号名称"`
	FollowedAt   *time.Time `json:"followed_at,omitempty"`
	UnfollowedAt *time.Time `json:"unfollowed_at,omitempty"`
}

// HeldTag is a tag on a person, and why.
type HeldTag struct {
	Named
	Group       string     `json:"group,omitempty"`
	Color       string     `json:"color,omitempty"`
	Source      string     `json:"source"`
	SourceLabel string     `json:"source_label"`
	Reason      string     `json:"reason"`
	At          time.Time  `json:"at"`
	Until       *time.Time `json:"until,omitempty"`
}

// Standing is a score with its reasons, the newest first.
type Standing struct {
	ScoreValue
	Max   int64    `json:"max,omitempty"`
	Steps []Reason `json:"steps"`
	Rest  float64  `json:"rest,omitempty" doc:"更早的行为还剩的分"`
}

// Reason is one reason of a score.
type Reason struct {
	Rule   string     `json:"rule,omitempty"`
	Text   string     `json:"text"`
	Points float64    `json:"points"`
	Now    float64    `json:"now" doc:"衰减后还剩多少"`
	Event  ID         `json:"event,omitempty"`
	Type   string     `json:"type,omitempty"`
	Label  string     `json:"label,omitempty"`
	Object string     `json:"object,omitempty"`
	About  string     `json:"about,omitempty" doc:"对什么做的，给人看"`
	At     *time.Time `json:"at,omitempty"`
}

// StagePlace is where a person stands and how they came there, the newest step first.
type StagePlace struct {
	Named
	At    *time.Time  `json:"at,omitempty"`
	Side  *Named      `json:"side,omitempty" doc:"沉默、流失、无效等旁注状态"`
	Steps []StageStep `json:"steps"`
}

// StageStep is one move between stages.
type StageStep struct {
	Event   ID        `json:"event"`
	At      time.Time `json:"at"`
	From    string    `json:"from,omitempty"`
	To      string    `json:"to,omitempty"`
	Side    bool      `json:"side,omitempty"`
	By      string    `json:"by,omitempty"`
	ByLabel string    `json:"by_label,omitempty"`
	Who     string    `json:"who,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	Because []string  `json:"because,omitempty"`
}

var identityLabels = map[string]string{event.KindOpenID: "公众号 OpenID", event.KindUnionID: "微信 UnionID", event.KindExternal: "企微外部联系人",
	event.KindPhone: "手机号", event.KindEmail: "邮箱", event.KindVisitor: "访客标识", event.KindUserID: "业务系统用户"}

func (a *API) getContact(ctx context.Context, in *ByID) (*answer[Contact], error) {
	c, err := a.contact(ctx, in.ID.ID)
	return &answer[Contact]{c}, err
}

func (a *API) contact(ctx context.Context, id ID) (Contact, error) {
	p, err := a.find(ctx, id)
	if err != nil {
		return Contact{}, err
	}
	lines, err := a.lines(ctx, []*contact.Person{p})
	if err != nil {
		return Contact{}, err
	}
	c := Contact{ContactLine: lines[0], MergedIDs: []ID{}, Values: a.values(p), StaffLinks: a.links(p), Follows: a.follows(p)}
	for _, old := range p.Contacts()[1:] {
		c.MergedIDs = append(c.MergedIDs, ID(old))
	}
	if c.Identities, err = a.identities(ctx, p); err != nil {
		return Contact{}, err
	}
	if c.HeldTags, err = a.heldTags(ctx, p.ID); err != nil {
		return Contact{}, err
	}
	if c.Standings, err = a.standings(ctx, p); err != nil {
		return Contact{}, err
	}
	if c.Place, err = a.place(ctx, p); err != nil {
		return Contact{}, err
	}
	c.Runs, err = a.runsOf(ctx, p)
	return c, err
}

func (a *API) values(p *contact.Person) []FieldValue {
	out := []FieldValue{}
	for _, f := range a.models.Load().Fields.Fields() {
		v, ok := p.Values[f.Key]
		if !ok {
			continue
		}
		out = append(out, FieldValue{Key: f.Key, Label: f.Label, Group: f.Group, Type: f.Type, Value: f.Show(v), Text: textOf(f, v), At: a.since(v.At)})
	}
	return out
}

// textOf is a value as a screen shows it.
func textOf(f contact.Field, v contact.Value) string {
	switch f.Type {
	case contact.Bool:
		if v.Num != 0 {
			return "是"
		}
		return "否"
	case contact.Choice:
		for _, o := range f.Options {
			if o.Key == v.Text {
				return o.Label
			}
		}
	}
	return fmt.Sprint(f.Show(v))
}

func (a *API) identities(ctx context.Context, p *contact.Person) ([]Identity, error) {
	masked, err := a.People.Masked(ctx, p)
	if err != nil {
		return nil, err
	}
	out := []Identity{}
	for _, id := range p.Identities {
		label := cmp.Or(identityLabels[id.Kind], id.Kind)
		if _, mini := a.Accounts.Mini(id.Scope); mini && id.Kind == event.KindOpenID {
			label = "小程序 OpenID"
		}
		out = append(out, Identity{ID: ID(id.ID), Kind: id.Kind, Label: label, Scope: id.Scope,
			Value: cmp.Or(id.Value, masked[id.ID]), Verified: id.Verified})
	}
	return out, nil
}

func (a *API) links(p *contact.Person) []StaffLink {
	out := []StaffLink{}
	for _, l := range p.Staff {
		out = append(out, StaffLink{StaffName: a.staffName(l.CorpID, l.UserID), AddedAt: a.since(l.AddedAt), RemovedAt: a.since(l.RemovedAt),
			RemovedBy: l.RemovedBy, State: l.State})
	}
	return out
}

func (a *API) follows(p *contact.Person) []Follow {
	out := []Follow{}
	for _, f := range p.Follows {
		name := f.AppID
		if acc, ok := a.Accounts.Official(f.AppID); ok {
			name = acc.Name
		}
		out = append(out, Follow{AppID: f.AppID, Account: name, FollowedAt: a.since(f.FollowedAt), UnfollowedAt: a.since(f.UnfollowedAt)})
	}
	return out
}

func (a *API) heldTags(ctx context.Context, id int64) ([]HeldTag, error) {
	held, err := a.Tags.List(ctx, id, a.now())
	out := []HeldTag{}
	for _, h := range held {
		out = append(out, HeldTag{Named: Named{h.Tag.Key, h.Tag.Name}, Group: h.Tag.Group, Color: h.Tag.Color, Source: string(h.Source),
			SourceLabel: h.Source.Label(), Reason: h.Reason, At: a.at(h.At), Until: a.since(h.Until)})
	}
	return out, err
}

// points shows 10⁻⁶ points with two decimals.
func points(micro int64) float64 { return float64(micro/(rule.Micro/100)) / 100 }

func (a *API) standings(ctx context.Context, p *contact.Person) ([]Standing, error) {
	list, err := a.Scores.Why(ctx, p.Contacts(), a.now())
	if err != nil {
		return nil, err
	}
	out := []Standing{}
	for _, s := range list {
		st := Standing{ScoreValue: ScoreValue{s.Score.Key, s.Score.Name, s.Points}, Max: s.Score.Max, Steps: []Reason{}, Rest: points(s.Rest)}
		for _, x := range s.Steps {
			r := Reason{Rule: x.Rule, Text: x.Text(), Points: points(x.Points), Now: points(x.Now), Event: ID(x.Event), Type: x.Type, Object: x.Object, About: a.thing(x.Object), At: a.since(x.At)}
			if x.Type != "" {
				r.Label = event.LabelOf(x.Type).Name
			}
			st.Steps = append(st.Steps, r)
		}
		out = append(out, st)
	}
	return out, nil
}

func (a *API) place(ctx context.Context, p *contact.Person) (*StagePlace, error) {
	s, err := a.Stages.Why(ctx, p.Contacts())
	if err != nil || s.Stage == "" && s.Side == "" && len(s.Steps) == 0 {
		return nil, err
	}
	out := &StagePlace{Named: Named{s.Stage, s.Name}, At: a.since(s.At), Steps: []StageStep{}}
	if s.Side != "" {
		out.Side = &Named{s.Side, s.SideName}
	}
	for _, x := range s.Steps {
		out.Steps = append(out.Steps, StageStep{Event: ID(x.Event), At: a.at(x.At), From: x.From, To: x.To, Side: x.Side, By: string(x.By),
			ByLabel: x.By.Label(), Who: x.Who, Reason: x.Reason, Because: x.Because})
	}
	return out, nil
}

type contactChangeInput struct {
	ByID
	Body struct {
		Values   map[string]any `json:"values,omitempty" doc:"字段 key → 新值；null 为清空"`
		Seen     map[string]any `json:"seen,omitempty" doc:"字段 key → 改之前看到的值，null 为没有；现在的值不同则 412，什么都不改"`
		Excluded *bool          `json:"excluded,omitempty" doc:"是否为本公司员工、竞品、测试"`
		Stage    *string        `json:"stage,omitempty" doc:"手工设定阶段"`
		Side     *string        `json:"side,omitempty" doc:"手工设定旁注状态；空为取消"`
		Reason   string         `json:"reason,omitempty" maxLength:"200" doc:"为什么改，记在阶段历史里"`
	}
}

// changed is a person after a change: 200 when it shows in the answer, 202 when it is saved and in line.
type changed struct {
	Status int
	Body   Contact
}

func (a *API) changeContact(ctx context.Context, in *contactChangeInput) (*changed, error) {
	p, err := a.find(ctx, in.ID.ID)
	if err != nil {
		return nil, err
	}
	set, err := a.checkChange(in)
	if err == nil {
		err = a.asSeen(p, in.Body.Seen)
	}
	if err != nil {
		return nil, err
	}
	l := record(ctx).with("fields", slices.Sorted(maps.Keys(set)))
	var commands []*event.Event
	if len(set) > 0 {
		e := &event.Event{Type: event.CommandContactChange, Props: event.Props{"set": set}}
		if len(in.Body.Seen) > 0 {
			e.Props["seen"] = in.Body.Seen
		}
		commands = append(commands, e)
	}
	if in.Body.Stage != nil || in.Body.Side != nil {
		e := &event.Event{Type: event.CommandStage, Props: event.Props{"reason": in.Body.Reason}}
		if in.Body.Stage != nil {
			e.Props["stage"] = *in.Body.Stage
			l.with("stage", *in.Body.Stage)
		}
		if in.Body.Side != nil {
			e.Props["side"] = *in.Body.Side
			l.with("side", *in.Body.Side)
		}
		commands = append(commands, e)
	}
	out, err := a.change(ctx, p, commands...)
	if err != nil || len(in.Body.Seen) == 0 || out.Body.Pending {
		return out, err
	}
	// The pipeline has the last word: somebody else's change may have stood before this one in line.
	now, err := a.find(ctx, in.ID.ID)
	if err != nil {
		return nil, err
	}
	return out, a.asSeen(now, a.stored(set))
}

// stored is a change as the values it leads to are shown, which are tidier than what was sent.
func (a *API) stored(set map[string]any) map[string]any {
	out := map[string]any{}
	for key, raw := range set {
		f, ok := a.models.Load().Fields.Field(key)
		if !ok { // excluded is no field
			continue
		}
		if raw == nil {
			out[key] = nil
		} else if v, err := f.Parse(raw); err == nil && (f.Type != contact.Text || v.Text != "") { // an empty text changes nothing
			out[key] = f.Show(v)
		}
	}
	return out
}

// asSeen refuses a change by somebody who saw other values than there are now.
func (a *API) asSeen(p *contact.Person, seen map[string]any) error {
	fields := a.models.Load().Fields
	for _, key := range slices.Sorted(maps.Keys(seen)) {
		if _, ok := fields.Field(key); !ok {
			return wrong("seen."+key, "没有这个字段")
		}
	}
	key := fields.Moved(p, seen)
	if key == "" {
		return nil
	}
	f, _ := fields.Field(key)
	return fault.Wrap(fault.ErrOvertaken, fault.Conflict, "%s刚被改过：您的修改没有保存，请看过最新的资料再改", f.Label)
}

// checkChange says everything that is wrong with a change at once; what passes is checked again when the
// command is applied, since definitions may change in between.
func (a *API) checkChange(in *contactChangeInput) (map[string]any, error) {
	var bad []fault.Problem
	set := map[string]any{}
	fields := a.models.Load().Fields
	for _, key := range slices.Sorted(maps.Keys(in.Body.Values)) {
		v := in.Body.Values[key]
		set[key] = v
		f, ok := fields.Field(key)
		if !ok {
			bad = append(bad, fault.Problem{Path: "values." + key, Message: "没有这个字段"})
			continue
		}
		if v == nil {
			continue
		}
		if _, err := f.Parse(v); err != nil {
			bad = append(bad, fault.Problem{Path: "values." + key, Message: err.Error()})
		}
	}
	if in.Body.Excluded != nil {
		set["excluded"] = *in.Body.Excluded
	}
	stages := a.Stages.Model()
	if s := in.Body.Stage; s != nil {
		if d, ok := stages.Get(*s); !ok || d.Side {
			bad = append(bad, fault.Problem{Path: "stage", Message: fmt.Sprintf("没有阶段 %q", *s)})
		}
	}
	if s := in.Body.Side; s != nil && *s != "" {
		if d, ok := stages.Get(*s); !ok || !d.Side {
			bad = append(bad, fault.Problem{Path: "side", Message: fmt.Sprintf("没有旁注状态 %q", *s)})
		}
	}
	return set, fault.Problems("客户没有修改，请改正标出的几项", bad)
}

type tagInput struct {
	ByID
	Body struct {
		Add    []string `json:"add,omitempty" maxItems:"100" doc:"要打的标签 key"`
		Remove []string `json:"remove,omitempty" maxItems:"100" doc:"要去掉的标签 key"`
	}
}

func (a *API) tagContact(ctx context.Context, in *tagInput) (*changed, error) {
	p, err := a.find(ctx, in.ID.ID)
	if err != nil {
		return nil, err
	}
	var bad []fault.Problem
	for path, keys := range map[string][]string{"add": in.Body.Add, "remove": in.Body.Remove} {
		for i, key := range keys {
			if _, ok := a.Tags.Model().Tag(key); !ok {
				bad = append(bad, fault.Problem{Path: fmt.Sprintf("%s[%d]", path, i), Message: fmt.Sprintf("没有标签 %q", key)})
			}
		}
	}
	if err := fault.Problems("标签没有修改，请改正标出的几项", bad); err != nil {
		return nil, err
	}
	var commands []*event.Event
	record(ctx).with("add", in.Body.Add).with("remove", in.Body.Remove)
	if len(in.Body.Add)+len(in.Body.Remove) > 0 {
		commands = append(commands, &event.Event{Type: event.CommandTag, Props: event.Props{"add": list(in.Body.Add), "remove": list(in.Body.Remove)}})
	}
	return a.change(ctx, p, commands...)
}

// list is a list as it comes back out of the log.
func list(texts []string) []any {
	out := make([]any, len(texts))
	for i, t := range texts {
		out[i] = t
	}
	return out
}

// change has commands applied to a person and returns them as they are then.
func (a *API) change(ctx context.Context, p *contact.Person, commands ...*event.Event) (*changed, error) {
	for _, e := range commands {
		e.ObjectType, e.ObjectID = "contact", strconv.FormatInt(p.ID, 10)
	}
	_, applied, err := a.command(ctx, commands...)
	if err != nil {
		return nil, err
	}
	out := &changed{Status: http.StatusOK}
	if !applied {
		out.Status = http.StatusAccepted
	}
	out.Body, err = a.contact(ctx, ID(p.ID))
	out.Body.Pending = !applied
	return out, err
}

// waitApplied is how long an answer waits for its command to be applied; usually that takes milliseconds.
const waitApplied = 3 * time.Second

// command puts commands into the log and waits for them. applied is false when they are durable but still
// in line: an answer then says so instead of failing.
func (a *API) command(ctx context.Context, commands ...*event.Event) (got []event.Appended, applied bool, err error) {
	if len(commands) == 0 {
		return nil, true, nil
	}
	c, now := by(ctx), a.now()
	name := cmp.Or(c.once, rand.Text())
	for i, e := range commands {
		e.Source, e.Lane, e.OccurredAt, e.ReceivedAt = "console", event.Priority, now, now
		e.Key = fmt.Sprintf("%s/%s/%d", e.Type, name, i)
		if e.Props == nil {
			e.Props = event.Props{}
		}
		e.Props["by"] = c.By()
	}
	if got, err = a.Log.Append(ctx, commands...); err != nil {
		return nil, false, err
	}
	return got, a.applied(ctx, event.Priority, got[len(got)-1].Seq), nil
}

// applied waits a moment for a lane to be applied through seq.
func (a *API) applied(ctx context.Context, lane event.Lane, seq int64) bool {
	ctx, cancel := context.WithTimeout(ctx, waitApplied)
	defer cancel()
	return a.Pipeline.Wait(ctx, lane, seq) == nil
}
