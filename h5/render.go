package h5

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"strconv"
	"strings"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/content"
)

//go:embed blocks
var blockFiles embed.FS

// stylesheet is every page's; what differs is two colours.
var stylesheet = func() string {
	raw, err := blockFiles.ReadFile("blocks/style.css")
	if err != nil {
		panic(err) // it is embedded
	}
	return strings.ReplaceAll(string(raw), "\n", "")
}()

// drawing draws blocks. Whatever a definition says is escaped where it stands; addresses were checked when
// the definition was compiled, and are checked again.
var drawing = template.Must(template.New("").Funcs(template.FuncMap{
	"style": func(v *pageView) template.CSS {
		return template.CSS(":root{--c:" + v.Color() + ";--i:" + ink(v.Color()) + "}" + stylesheet)
	},
	"rich":    func(t *content.Text) template.HTML { return template.HTML(t.Safe()) },
	"href":    href,
	"picture": picture,
	"player":  func(v *content.Video) template.URL { return template.URL(v.Player()) },
	"consent": content.ConsentText,
	"ask":     ask,
}).ParseFS(blockFiles, "blocks/*.tmpl"))

// href is an address a visitor may be led to.
func href(s string) template.URL {
	if content.IsWeb(s) || content.IsOwn(s) || strings.HasPrefix(s, "#") || strings.HasPrefix(s, "tel:") {
		return template.URL(s)
	}
	return "#"
}

func picture(s string) template.URL {
	if content.IsWeb(s) || content.IsOwn(s) {
		return template.URL(s)
	}
	return ""
}

// accent is the colour of pages that choose none.
const accent = "#1f5fd6"

// pageView is a page as somebody sees it.
type pageView struct {
	Page    *content.Page
	Nonce   string // of the inline style
	Scripts bool   // a preview has none
	Visitor string
	Share   string // the token they came by
	Token   string // their own
	Wx      string // AppID that signs the share card; "" outside WeChat
	Base    string // address of our site, for what WeChat fetches itself
	State   formState
}

// Color is the page's own.
func (v *pageView) Color() string {
	if v.Page.Theme != "" {
		return v.Page.Theme
	}
	return accent
}

// Card is what a shared link shows.
func (v *pageView) Card() content.Card { return v.Page.CardOr() }

// CardImage is the card's picture with its whole address: WeChat takes no relative ones.
func (v *pageView) CardImage() string {
	if image := v.Card().Image; content.IsOwn(image) {
		return v.Base + image
	} else if content.IsWeb(image) {
		return image
	}
	return ""
}

// block is a block as its template sees it.
type block struct {
	ID, Type string
	Content  any
	State    *formState
}

// Blocks are the page's.
func (v *pageView) Blocks() []block {
	out := make([]block, len(v.Page.Blocks))
	for i, b := range v.Page.Blocks {
		out[i] = block{b.ID, b.Type, b.Content, &v.State}
	}
	return out
}

// formState is a form in somebody's hands.
type formState struct {
	Action  string
	Ticket  string
	Visitor string
	Done    bool
	Problem string            // of the whole
	Errors  map[string]string // by field; "_privacy"
	Values  map[string]string // as typed
	Ticked  map[string]bool
}

// Has reports whether a consent is ticked.
func (s *formState) Has(purpose any) bool { return s.Ticked[fmt.Sprint(purpose)] }

// asked is a question of a form.
type asked struct {
	ID, Name, Label, Value, Error, Placeholder string
	Input, Mode, Complete                      string
	Most                                       int
	Required                                   bool
	Options                                    []contact.Option
}

// completions tell browsers what they may fill in by themselves.
var completions = map[string]string{"name": "name", "company": "organization", "title": "organization-title", "province": "address-level1", "city": "address-level2", "address": "street-address"}

const maxTyped = 200

func ask(f content.Field, s *formState) asked {
	q := asked{ID: "f-" + f.Field, Name: "f_" + f.Field, Label: f.Label, Value: s.Values[f.Field], Error: s.Errors[f.Field], Placeholder: f.Placeholder,
		Input: "text", Complete: completions[f.Field], Most: maxTyped, Required: f.Required, Options: f.Options}
	switch {
	case f.Field == content.FieldPhone:
		q.Input, q.Mode, q.Complete, q.Most = "tel", "tel", "tel", 20
	case f.Field == content.FieldEmail:
		q.Input, q.Mode, q.Complete, q.Most = "email", "email", "email", 100
	case f.Is.Type == contact.Choice:
		q.Input, q.Options = "select", f.Is.Options
	case len(f.Options) > 0:
		q.Input = "select"
	case f.Is.Type == contact.Bool:
		q.Input = "tick"
	case f.Is.Type == contact.Number:
		q.Mode, q.Most = "numeric", 15
	case f.Is.Type == contact.Date:
		q.Input, q.Most = "date", 10
	}
	return q
}

// ink is the colour that reads on another one: white or nearly black, whichever has more contrast.
func ink(background string) string {
	light := 0.0
	for i, weight := range []float64{0.299, 0.587, 0.114} {
		n, err := strconv.ParseUint(background[1+2*i:3+2*i], 16, 8)
		if err != nil {
			return "#fff"
		}
		light += weight * float64(n)
	}
	if light > 160 {
		return "#1d2129"
	}
	return "#fff"
}

func (v *pageView) draw() ([]byte, error) {
	var b bytes.Buffer
	if err := drawing.ExecuteTemplate(&b, "page", v); err != nil {
		return nil, fmt.Errorf("draw page %s: %w", v.Page.Key, err)
	}
	return b.Bytes(), nil
}

// Preview draws a page for an editor: as visitors see it, without scripts, and its form leads nowhere.
func Preview(p *content.Page) ([]byte, error) {
	v := &pageView{Page: p, State: formState{Action: "#"}}
	return v.draw()
}
