// Package content is what we publish: pages made of blocks, with their forms, how often they are seen, and
// the short links to them. It refuses to know how a page looks in a browser and what follows from a form:
// h5 draws and serves, stages conclude.
//
// Invariants: a page whose definition compiled can be drawn whole; an address in it leads to https or to
// our own pages; a form that asks for anything personal asks for agreement to a named version of the
// privacy policy first, and for everything else apart.
package content

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/contact"
)

// KindPage is the setting kind of Page; the key is the page's address: /p/{key}.
const KindPage = "page"

// Status says who may open a page.
type Status string

// The states of a page.
const (
	Draft Status = "draft" // nobody: it can be previewed
	Live  Status = "live"
)

// Page is a public page as it is defined.
type Page struct {
	Key         string `json:"-"`
	Rev         int64  `json:"-"`
	Name        string `json:"name"` // among colleagues
	Note        string `json:"note,omitempty"`
	Status      Status `json:"status"`
	Title       string `json:"title"` // what visitors see
	Description string `json:"description,omitempty"`
	// Kind goes into every event of the page: scores and tags know 报价页 (price) and 案例 (case) by it.
	Kind  string `json:"kind,omitempty"`
	Theme string `json:"theme,omitempty"` // #rrggbb
	Share Card   `json:"share,omitzero"`
	// Official is the AppID of the account that signs the share card and recognises followers; empty: the
	// first one that is connected.
	Official string `json:"official,omitempty"`
	// WeChatLogin recognises visitors inside WeChat without asking (snsapi_base). It needs 网页授权, which
	// only certified service accounts have, with our domain entered there.
	WeChatLogin bool    `json:"wechat_login,omitempty"`
	Blocks      []Block `json:"blocks"`
}

// Card is what a shared link shows in WeChat; empty members are the page's own.
type Card struct {
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Image       string `json:"image,omitempty"`
}

// Block is a part of a page.
type Block struct {
	ID    string          `json:"id"`
	Type  string          `json:"type"`
	Props json.RawMessage `json:"props,omitempty"`

	// Content is what Props mean: *Hero, *Heading, …, by Type. Set by Compile.
	Content any `json:"-"`
}

// The blocks. A text is plain unless its comment says otherwise.
type (
	// Hero opens a page.
	Hero struct {
		Title  string  `json:"title"`
		Text   string  `json:"text,omitempty"`
		Image  string  `json:"image,omitempty"`
		Button *Button `json:"button,omitempty"`
	}
	// Heading is a title within the page.
	Heading struct {
		Text string `json:"text"`
		Note string `json:"note,omitempty"`
	}
	// Text is rich text: paragraphs, emphasis, lists and links; anything else is left out when it is drawn.
	Text struct {
		HTML string `json:"html"`

		safe string
	}
	// Image is a picture, with what it shows in words.
	Image struct {
		Src  string `json:"src"`
		Alt  string `json:"alt"`
		Link string `json:"link,omitempty"`
	}
	// Points lists reasons.
	Points struct {
		Title string  `json:"title,omitempty"`
		Items []Point `json:"items"`
	}
	// Point is one of them.
	Point struct {
		Title string `json:"title"`
		Text  string `json:"text,omitempty"`
	}
	// Quote is what a customer said.
	Quote struct {
		Text   string `json:"text"`
		Author string `json:"author,omitempty"`
		Role   string `json:"role,omitempty"`
	}
	// Button leads somewhere.
	Button struct {
		Label  string `json:"label"`
		Action Action `json:"action,omitempty"` // default link
		URL    string `json:"url"`
	}
	// Price compares plans.
	Price struct {
		Title string `json:"title,omitempty"`
		Note  string `json:"note,omitempty"`
		Plans []Plan `json:"plans"`
	}
	// Plan is something one can buy.
	Plan struct {
		Name      string   `json:"name"`
		Price     string   `json:"price"` // with its currency: "¥ 199", "面议"
		Unit      string   `json:"unit,omitempty"`
		Note      string   `json:"note,omitempty"`
		Points    []string `json:"points,omitempty"`
		Highlight bool     `json:"highlight,omitempty"`
		Button    *Button  `json:"button,omitempty"`
	}
	// FAQ is questions with answers.
	FAQ struct {
		Title string     `json:"title,omitempty"`
		Items []Question `json:"items"`
	}
	// Question is one of them.
	Question struct {
		Q string `json:"q"`
		A string `json:"a"`
	}
	// Video is a film of a site that we let be embedded.
	Video struct {
		Host  string `json:"host"` // tencent or bilibili
		ID    string `json:"id"`
		Title string `json:"title"`
	}
	// Divider parts.
	Divider struct{}
	// Footer closes a page.
	Footer struct {
		Company    string `json:"company,omitempty"`
		Text       string `json:"text,omitempty"`
		PrivacyURL string `json:"privacy_url"`
		ICP        string `json:"icp,omitempty"` // 备案号
	}
)

// Action is what a button is for.
type Action string

// The actions.
const (
	Link    Action = "link"
	Contact Action = "contact" // 联系我: told as page.contact_tapped
	File    Action = "file"    // told as file.downloaded
)

// Player is the address of a film's player; Players are the sites.
func (v *Video) Player() string {
	if v.Host == "bilibili" {
		return Players["bilibili"] + "/player.html?autoplay=0&bvid=" + v.ID
	}
	return Players["tencent"] + "/txp/iframe/player.html?autoplay=false&vid=" + v.ID
}

// Players are the sites whose films may be embedded.
var Players = map[string]string{"tencent": "https://v.qq.com", "bilibili": "https://player.bilibili.com"}

// Form asks visitors for something.
type Form struct {
	// Key names the form in events and scores; empty: the page's key.
	Key    string  `json:"key,omitempty"`
	Title  string  `json:"title,omitempty"`
	Note   string  `json:"note,omitempty"`
	Fields []Field `json:"fields"`
	// Event is told beside form.submitted: "trial.requested" when this is how a demo or trial is booked.
	Event    string            `json:"event,omitempty"`
	Privacy  Privacy           `json:"privacy,omitzero"`
	Consents []contact.Purpose `json:"consents,omitempty"` // asked besides the privacy policy, each apart, unticked
	Submit   string            `json:"submit,omitempty"`
	Done     Done              `json:"done,omitzero"`
}

// Field is a question, and the contact field its answer goes to; phone and email are identities.
type Field struct {
	Field       string           `json:"field"`
	Label       string           `json:"label,omitempty"`
	Placeholder string           `json:"placeholder,omitempty"`
	Required    bool             `json:"required,omitempty"`
	Options     []contact.Option `json:"options,omitempty"` // of a text field that offers choices

	Is contact.Field `json:"-"` // set by Compile; its type decides what is shown
}

// The fields that are identities.
const (
	FieldPhone = "phone"
	FieldEmail = "email"
)

// Privacy is the policy a form's senders agree to.
type Privacy struct {
	URL     string `json:"url"`
	Version string `json:"version"`
	Company string `json:"company,omitempty"` // who uses the data
}

// Done is what follows a form: a message, or another page.
type Done struct {
	Message  string  `json:"message,omitempty"`
	Button   *Button `json:"button,omitempty"`
	Redirect string  `json:"redirect,omitempty"`
}

// Forms are the page's forms by their block's id.
func (p *Page) Forms() map[string]*Form {
	out := map[string]*Form{}
	for _, b := range p.Blocks {
		if f, ok := b.Content.(*Form); ok {
			out[b.ID] = f
		}
	}
	return out
}

// CardOr is the page's share card with what it leaves out taken from the page.
func (p *Page) CardOr() Card {
	c := p.Share
	if c.Title == "" {
		c.Title = p.Title
	}
	if c.Description == "" {
		c.Description = p.Description
	}
	if c.Image == "" {
		for _, b := range p.Blocks {
			switch x := b.Content.(type) {
			case *Hero:
				c.Image = x.Image
			case *Image:
				c.Image = x.Src
			}
			if c.Image != "" {
				break
			}
		}
	}
	return c
}

// ConsentText is the sentence a visitor ticks.
func ConsentText(p contact.Purpose) string {
	return map[contact.Purpose]string{
		contact.MarketingSMS:    "同意接收产品与活动短信，可随时回复 R 退订",
		contact.MarketingEmail:  "同意接收产品与活动邮件，可随时退订",
		contact.MarketingWeChat: "同意通过微信、企业微信接收产品与活动消息，可随时取消",
		contact.ThirdParty:      "同意将以上信息提供给为我服务的合作伙伴",
		contact.Personalization: "同意按我的浏览记录推荐内容",
	}[p]
}

// Model is the pages of one moment. It is immutable.
type Model struct{ pages map[string]*Page }

// Page returns a page by key, nil when there is none.
func (m *Model) Page(key string) *Page {
	if m == nil {
		return nil
	}
	return m.pages[key]
}

// Pages lists all pages by key.
func (m *Model) Pages() []*Page {
	if m == nil {
		return nil
	}
	out := slices.Collect(maps.Values(m.pages))
	slices.SortFunc(out, func(a, b *Page) int { return strings.Compare(a.Key, b.Key) })
	return out
}
