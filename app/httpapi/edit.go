package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/bundle"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/journey"
	"github.com/koi-scrm/koi/app/org"
	"github.com/koi-scrm/koi/app/setting"
)

// DefinitionRef is the address of a definition.
type DefinitionRef struct {
	Kind string `path:"kind" maxLength:"32" doc:"如 tag、score、journey，见 GET /settings"`
	Key  string `path:"key" maxLength:"96" doc:"员工写成 CorpID:userid"`
}

// key is the definition's key: those of staff have a slash, which an address cannot carry.
func (r DefinitionRef) key() string {
	if r.Kind == org.KindStaff {
		return strings.Replace(r.Key, ":", "/", 1)
	}
	return r.Key
}

// revision is a definition with its version as an entity tag.
type revision struct {
	ETag string `header:"ETag"`
	Body Setting
}

func etag(rev int64) string { return fmt.Sprintf(`"%d"`, rev) }

func (a *API) revision(it setting.Item) *revision { return &revision{etag(it.Rev), a.setting(it)} }

func (a *API) setting(it setting.Item) Setting {
	return Setting{ID: ID(it.ID), Kind: it.Kind, KindLabel: bundle.Label(it.Kind), Key: it.Key, Rev: it.Rev, Body: it.Body, UpdatedAt: a.at(it.UpdatedAt), UpdatedBy: it.UpdatedBy}
}

func (a *API) getDefinition(ctx context.Context, in *DefinitionRef) (*revision, error) {
	if in.Kind == systemKind {
		return nil, fault.New(fault.NotFound, "没有这项配置")
	}
	if err := maySee(ctx, in.Kind); err != nil {
		return nil, err
	}
	it, err := a.Settings.Get(ctx, in.Kind, in.key())
	if err != nil {
		return nil, err
	}
	return a.revision(it), nil
}

// Seen is the version an editor saw.
type Seen struct {
	Match     string `header:"If-Match" doc:"您看到的版本，GET 返回的 ETag，如 \"3\"；与现行版本不同则 412"`
	NoneMatch string `header:"If-None-Match" doc:"新建时写 *：已经有了则 412"`
}

// rev reads the version. Two people who edit one thing must not overwrite each other unawares, so one of the
// headers is required.
func (s Seen) rev() (int64, error) {
	switch n, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(s.Match, "W/"), `"`), 10, 64); {
	case s.Match == "" && s.NoneMatch == "*":
		return setting.Absent, nil
	case s.Match == "":
		return 0, newFailure(http.StatusPreconditionRequired, "请带上 If-Match（您看到的版本），新建则带 If-None-Match: *，以免覆盖别人的修改")
	case err != nil || n < 1:
		return 0, wrong("header.If-Match", "应是 GET 返回的 ETag，如 \"3\"")
	default:
		return n, nil
	}
}

// seen is the version of an editor who says it, 0 of one who does not: programs that change one member need
// not know the others.
func (s Seen) seen() (int64, error) {
	if s.Match == "" {
		return 0, nil
	}
	return s.rev()
}

type putDefinitionInput struct {
	DefinitionRef
	Seen
	DryRun bool `query:"dry_run" doc:"只检查和比较，不保存"`
	Body   json.RawMessage
}

// Edited is what an edit changed.
type Edited struct {
	Setting *Setting            `json:"setting,omitempty" doc:"现在的内容；试算时没有"`
	Changes []bundle.Difference `json:"changes" doc:"与保存前相比的变化；空表示没有变化"`
	Saved   bool                `json:"saved"`
}

type edited struct {
	ETag string `header:"ETag"`
	Body Edited
}

func (a *API) putDefinition(ctx context.Context, in *putDefinitionInput) (*edited, error) {
	rev, err := in.rev()
	if err != nil {
		return nil, err
	}
	return a.edit(ctx, bundle.Edit{Kind: in.Kind, Key: in.key(), Body: in.Body, Rev: rev, DryRun: in.DryRun})
}

// beyond are kinds of definitions that say more than what marketing does: where data goes, how often people
// may be written to, and who leads whom, hence sees whose customers.
var beyond = map[string]auth.Permission{"webhook": auth.WriteAccounts, "policy": auth.WriteAccounts, org.KindStaff: auth.ManageUsers}

func (a *API) mayEdit(ctx context.Context, kind string) error {
	if need := beyond[kind]; need != "" {
		return by(ctx).Require(need)
	}
	return nil
}

func (a *API) edit(ctx context.Context, e bundle.Edit) (*edited, error) {
	if err := a.mayEdit(ctx, e.Kind); err != nil {
		return nil, err
	}
	record(ctx).on("definitions/"+e.Kind+"/"+e.Key).with("seen_rev", e.Rev).with("dry_run", e.DryRun)
	r, err := a.Bundles.Edit(ctx, e, by(ctx).By())
	if err != nil {
		return nil, a.overtaken(ctx, e, err)
	}
	out := &edited{Body: Edited{Changes: append([]bundle.Difference{}, r.Differences...), Saved: r.Applied}}
	if e.DryRun || e.Delete {
		return out, nil
	}
	it, err := a.Settings.Get(ctx, e.Kind, e.Key)
	if err != nil {
		return nil, err
	}
	shown := a.setting(it)
	out.ETag, out.Body.Setting = etag(it.Rev), &shown
	record(ctx).with("rev", it.Rev)
	return out, nil
}

// overtaken says who was faster, where that is the reason.
func (a *API) overtaken(ctx context.Context, e bundle.Edit, err error) error {
	if !errors.Is(err, fault.ErrOvertaken) {
		return err
	}
	now, getErr := a.Settings.Get(ctx, e.Kind, e.Key)
	if getErr != nil {
		return newFailure(http.StatusPreconditionFailed, "这项配置刚被别人删除了：您的修改没有保存，如仍需要请重新新建")
	}
	f := newFailure(http.StatusPreconditionFailed, fmt.Sprintf("%s 在 %s 改过这项配置（现在是第 %d 版）：您的修改没有保存，请先看最新内容，再决定怎么改",
		strings.TrimPrefix(now.UpdatedBy, "user:"), a.at(now.UpdatedAt).Format("15:04"), now.Rev))
	f.header.Set("ETag", etag(now.Rev))
	return f
}

type deleteDefinitionInput struct {
	DefinitionRef
	Seen
}

func (a *API) deleteDefinition(ctx context.Context, in *deleteDefinitionInput) (*struct{}, error) {
	rev, err := in.rev()
	if err != nil {
		return nil, err
	}
	_, err = a.edit(ctx, bundle.Edit{Kind: in.Kind, Key: in.key(), Delete: true, Rev: rev})
	return &struct{}{}, err
}

type journeyStatusInput struct {
	ByID
	Seen
	Body struct {
		Status journey.Status `json:"status" enum:"live,paused,stopped" doc:"live 运行（恢复）、paused 暂停（里面的人停在原地）、stopped 停止（里面的人离开）"`
	}
}

// setJourneyStatus is an edit of the journey's definition: pausing, going on and stopping are versions like
// any other change.
func (a *API) setJourneyStatus(ctx context.Context, in *journeyStatusInput) (*answer[Journey], error) {
	id := int64(in.ID.ID)
	items, err := a.Settings.List(ctx, setting.KindJourney)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(items, func(it setting.Item) bool { return it.ID == id })
	if i < 0 {
		return nil, fault.New(fault.NotFound, "没有编号为 %d 的旅程，可能已被删除", id)
	}
	rev, err := in.seen()
	if err != nil {
		return nil, err
	}
	rev = cmp.Or(rev, items[i].Rev)
	var body map[string]json.RawMessage
	if err := json.Unmarshal(items[i].Body, &body); err != nil {
		return nil, fmt.Errorf("read journey %d: %w", id, err)
	}
	body["status"] = json.RawMessage(strconv.Quote(string(in.Body.Status)))
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("write journey %d: %w", id, err)
	}
	if _, err := a.edit(ctx, bundle.Edit{Kind: setting.KindJourney, Key: items[i].Key, Body: raw, Rev: rev}); err != nil {
		return nil, err
	}
	record(ctx).on(fmt.Sprintf("journeys/%d", id)).with("status", in.Body.Status)
	v, err := a.Journeys.Get(ctx, id, 0)
	return &answer[Journey]{a.journey(v.Summary)}, err
}

type applyInput struct {
	Body struct {
		File   string `json:"file,omitempty" maxLength:"200" doc:"文件名，用在错误位置里"`
		Text   string `json:"text" maxLength:"4194304" doc:"配置包（YAML）"`
		DryRun bool   `json:"dry_run,omitempty" doc:"只检查和比较，不生效"`
	}
}

func (a *API) applySettings(ctx context.Context, in *applyInput) (*answer[bundle.Report], error) {
	file := in.Body.File
	if file == "" {
		file = "bundle.yaml"
	}
	record(ctx).with("dry_run", in.Body.DryRun)
	b, err := bundle.Parse(file, []byte(in.Body.Text))
	if err != nil {
		return nil, err
	}
	r, err := a.Bundles.Check(ctx, b)
	if err != nil {
		return nil, err
	}
	for _, d := range r.Differences {
		if err := a.mayEdit(ctx, d.Kind); err != nil {
			return nil, err
		}
	}
	if !in.Body.DryRun {
		if r, err = a.Bundles.Apply(ctx, b, by(ctx).By()); err != nil {
			return nil, err
		}
	}
	r.Differences = append([]bundle.Difference{}, r.Differences...)
	record(ctx).with("changes", len(r.Differences))
	return &answer[bundle.Report]{r}, nil
}

// exported is a bundle as text.
type exported struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

func (a *API) exportSettings(ctx context.Context, _ *struct{}) (*exported, error) {
	items, err := a.Settings.List(ctx)
	if err != nil {
		return nil, err
	}
	text, err := bundle.Export(shownTo(ctx, items))
	return &exported{"application/yaml; charset=utf-8", `attachment; filename="koi-bundle.yaml"`, text}, err
}

// yamlAnswer: the document says that the answer is a file.
func yamlAnswer(o *huma.Operation) {
	o.Responses = map[string]*huma.Response{"200": {Description: "配置包（YAML）", Content: map[string]*huma.MediaType{"application/yaml": {Schema: &huma.Schema{Type: huma.TypeString}}}}}
}
