package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/koi-scrm/koi/app/content"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/setting"
)

// PublicPage is a page that visitors open, and how it does.
type PublicPage struct {
	Key         string     `json:"key" doc:"网址是 /p/{key}；修改用 PUT /definitions/page/{key}"`
	Name        string     `json:"name"`
	Note        string     `json:"note,omitempty"`
	Status      string     `json:"status" doc:"draft 草稿 live 已发布"`
	StatusLabel string     `json:"status_label"`
	Title       string     `json:"title"`
	Description string     `json:"description,omitempty"`
	Kind        string     `json:"kind,omitempty"`
	Theme       string     `json:"theme,omitempty"`
	Image       string     `json:"image,omitempty" doc:"分享卡片的图"`
	URL         string     `json:"url"`
	HasForm     bool       `json:"has_form"`
	Rev         int64      `json:"rev"`
	Views       int64      `json:"views" doc:"打开次数（PV）"`
	Visitors    int64      `json:"visitors" doc:"打开的人数（UV）"`
	Submits     int64      `json:"submits" doc:"表单提交次数"`
	LastAt      *time.Time `json:"last_at,omitempty" doc:"最近一次有人打开或提交"`
}

// PageDefinition is a page with what it is made of.
type PageDefinition struct {
	PublicPage
	Body json.RawMessage `json:"body" doc:"定义"`
}

func (a *API) publicPage(p *content.Page, c content.Count) PublicPage {
	label := "草稿"
	if p.Status == content.Live {
		label = "已发布"
	}
	out := PublicPage{Key: p.Key, Name: p.Name, Note: p.Note, Status: string(p.Status), StatusLabel: label, Title: p.Title, Description: p.Description, Kind: p.Kind,
		Theme: p.Theme, Image: p.CardOr().Image, URL: a.PublicURL + "/p/" + p.Key, HasForm: len(p.Forms()) > 0, Rev: p.Rev, Views: c.Views, Visitors: c.Visitors,
		Submits: c.Submits}
	if c.LastAt != 0 {
		out.LastAt = a.since(c.LastAt)
	}
	return out
}

func (a *API) listPages(ctx context.Context, in *Page) (*listOf[PublicPage], error) {
	counts, err := a.Contents.Counts(ctx)
	if err != nil {
		return nil, err
	}
	list, err := window(a.models.Load().Pages.Pages(), *in)
	return &listOf[PublicPage]{mapped(list, func(p *content.Page) PublicPage { return a.publicPage(p, counts[p.Key]) })}, err
}

func (a *API) getPage(ctx context.Context, in *struct {
	Key string `path:"key" maxLength:"96"`
}) (*answer[PageDefinition], error) {
	p := a.models.Load().Pages.Page(in.Key)
	if p == nil {
		return nil, fault.New(fault.NotFound, "没有页面 %s", in.Key)
	}
	items, err := a.Settings.List(ctx, content.KindPage)
	if err != nil {
		return nil, err
	}
	counts, err := a.Contents.Counts(ctx)
	if err != nil {
		return nil, err
	}
	out := PageDefinition{PublicPage: a.publicPage(p, counts[p.Key])}
	for _, it := range items {
		if it.Key == in.Key {
			out.Body = it.Body
		}
	}
	return &answer[PageDefinition]{out}, nil
}

// PagePreview is a page as it would look.
type PagePreview struct {
	HTML     string        `json:"html,omitempty" doc:"放进 sandbox 的 iframe（srcdoc）；没有脚本，表单不能提交"`
	Problems []PageProblem `json:"problems" doc:"有问题时没有 html"`
}

// PageProblem is something to correct in a definition.
type PageProblem struct {
	Path    string `json:"path" doc:"如 blocks[2].props.title"`
	Message string `json:"message"`
}

// previewPage draws a definition that is not saved.
func (a *API) previewPage(_ context.Context, in *struct {
	Body struct {
		Key  string         `json:"key,omitempty" maxLength:"96"`
		Body map[string]any `json:"body" doc:"页面的定义"`
	}
}) (*answer[PagePreview], error) {
	key := in.Body.Key
	if key == "" {
		key = "preview"
	}
	raw, err := json.Marshal(in.Body.Body)
	if err != nil {
		return nil, fmt.Errorf("encode preview: %w", err)
	}
	m, problems := content.Compile([]setting.Item{{Kind: content.KindPage, Key: key, Body: raw}}, a.models.Load().Scope.Fields)
	out := PagePreview{Problems: []PageProblem{}}
	prefix := content.KindPage + "/" + key + "/"
	for _, p := range problems {
		path := p.Path
		if len(path) >= len(prefix) && path[:len(prefix)] == prefix {
			path = path[len(prefix):]
		}
		out.Problems = append(out.Problems, PageProblem{Path: path, Message: p.Message})
	}
	if p := m.Page(key); p != nil {
		html, err := a.DrawPage(p)
		if err != nil {
			return nil, err
		}
		out.HTML = string(html)
	}
	return &answer[PagePreview]{out}, nil
}
