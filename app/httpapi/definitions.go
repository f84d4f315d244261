package httpapi

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/scoring"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/app/stage"
	"github.com/koi-scrm/koi/app/tag"
)

// Tag is a tag there is.
type Tag struct {
	ID ID `json:"id"`
	Named
	Group       string `json:"group,omitempty"`
	Color       string `json:"color,omitempty"`
	Kind        string `json:"kind"`
	KindLabel   string `json:"kind_label"`
	Note        string `json:"note,omitempty"`
	ExpiresDays int    `json:"expires_days,omitempty" doc:"有效天数；没有为永久"`
}

func (a *API) listTags(_ context.Context, in *Page) (*listOf[Tag], error) {
	list, err := window(a.Tags.Model().Tags(), *in)
	return &listOf[Tag]{mapped(list, func(d tag.Definition) Tag {
		return Tag{ID: ID(d.ID), Named: Named{d.Key, d.Name}, Group: d.Group, Color: d.Color, Kind: string(d.Kind), KindLabel: d.Kind.Label(), Note: d.Note, ExpiresDays: d.ExpiresDays}
	})}, err
}

// mapped is a list of something made of another.
func mapped[A, B any](l List[A], f func(A) B) List[B] {
	out := List[B]{Items: make([]B, len(l.Items)), Next: l.Next}
	for i, x := range l.Items {
		out.Items[i] = f(x)
	}
	return out
}

// Score is a score model.
type Score struct {
	ID ID `json:"id"`
	Named
	Note         string      `json:"note,omitempty"`
	Kind         string      `json:"kind"`
	KindLabel    string      `json:"kind_label"`
	Max          int64       `json:"max,omitempty"`
	HalfLifeDays int32       `json:"half_life_days,omitempty"`
	Rules        []ScoreRule `json:"rules"`
}

// ScoreRule is one rule of a score model.
type ScoreRule struct {
	Named
	Text   string  `json:"text" doc:"规则的一句话说明"`
	Points float64 `json:"points"`
	Off    bool    `json:"off,omitempty"`
}

func (a *API) listScores(_ context.Context, in *Page) (*listOf[Score], error) {
	list, err := window(a.Scores.Model().Scores(), *in)
	return &listOf[Score]{mapped(list, func(s *scoring.Score) Score {
		out := Score{ID: ID(s.ID), Named: Named{s.Key, s.Name}, Note: s.Note, Kind: string(s.Kind), KindLabel: s.Kind.Label(), Max: s.Max, HalfLifeDays: s.HalfLife, Rules: []ScoreRule{}}
		for _, r := range s.Rules {
			out.Rules = append(out.Rules, ScoreRule{Named: Named{r.Key, r.Name}, Text: r.String(), Points: points(r.Points), Off: r.Off})
		}
		return out
	})}, err
}

// Stage is a stage of the life cycle, or a state beside it.
type Stage struct {
	ID ID `json:"id"`
	Named
	Note      string `json:"note,omitempty"`
	Order     int64  `json:"order"`
	Manual    bool   `json:"manual,omitempty" doc:"只能手工进入"`
	Side      bool   `json:"side,omitempty" doc:"旁注状态，不覆盖阶段"`
	Condition string `json:"condition" doc:"进入条件的一句话说明"`
}

func (a *API) listStages(_ context.Context, in *Page) (*listOf[Stage], error) {
	m := a.Stages.Model()
	list, err := window(slices.Concat(m.Stages(), m.Sides()), *in)
	return &listOf[Stage]{mapped(list, func(d *stage.Definition) Stage {
		return Stage{ID: ID(d.ID), Named: Named{d.Key, d.Name}, Note: d.Note, Order: d.Order, Manual: d.Manual, Side: d.Side, Condition: d.Condition()}
	})}, err
}

// Field is a property a person can have.
type Field struct {
	Key      string            `json:"key"`
	Label    string            `json:"label"`
	Group    string            `json:"group,omitempty"`
	Type     contact.FieldType `json:"type"`
	Options  []contact.Option  `json:"options,omitempty"`
	Standard bool              `json:"standard" doc:"每个 Koi 都有的字段"`
}

func (a *API) listFields(_ context.Context, in *Page) (*listOf[Field], error) {
	list, err := window(a.models.Load().Fields.Fields(), *in)
	return &listOf[Field]{mapped(list, func(f contact.Field) Field {
		return Field{Key: f.Key, Label: f.Label, Group: f.Group, Type: f.Type, Options: f.Options, Standard: f.Standard}
	})}, err
}

// Setting is a definition as it is written.
type Setting struct {
	ID        ID              `json:"id"`
	Kind      string          `json:"kind"`
	KindLabel string          `json:"kind_label"`
	Key       string          `json:"key"`
	Rev       int64           `json:"rev"`
	Body      json.RawMessage `json:"body"`
	UpdatedAt time.Time       `json:"updated_at"`
	UpdatedBy string          `json:"updated_by"`
}

type settingsInput struct {
	Page
	Kind string `query:"kind" doc:"只看这一类，如 tag、score、journey"`
}

// systemKind holds what Koi notes for itself; no definition.
const systemKind = "system"

func (a *API) listSettings(ctx context.Context, in *settingsInput) (*listOf[Setting], error) {
	var kinds []string
	if in.Kind != "" {
		kinds = []string{in.Kind}
	}
	items, err := a.Settings.List(ctx, kinds...)
	if err != nil {
		return nil, err
	}
	items = slices.DeleteFunc(shownTo(ctx, items), func(it setting.Item) bool { return it.Kind == systemKind })
	list, err := window(items, in.Page)
	return &listOf[Setting]{mapped(list, a.setting)}, err
}
