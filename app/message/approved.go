package message

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/koi-scrm/koi/app/setting"
)

// approved are the parts of a message whose form the platform approved beforehand.
type approved struct {
	fields []field
	url    *text
	app    string // of a mini-program
	page   *text
	scene  int64
	color  string
	state  string
	lang   string
	sms    string  // the text as the platform knows it, with ${name}
	params []param // of an SMS
}

var (
	templateID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	appID      = regexp.MustCompile(`^wx[A-Za-z0-9]{4,30}$`)
	hexColor   = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)
)

const (
	limitPage    = 1024
	maxFields    = 20
	maxOnceTitle = 15  // 一次性订阅消息 § title
	maxOnceText  = 200 // 一次性订阅消息 § content
	maxScene     = 10_000
)

// approved compiles 模板消息, 订阅通知, 一次性订阅消息 and 小程序订阅消息.
func (c *checker) approved(t *Template, d definition) {
	f := form{t.Channel, t.Kind}
	a := &t.approved
	if t.TemplateID = d.templateID; d.templateID != "" && !templateID.MatchString(d.templateID) {
		c.say("template_id", "模板编号“%s”不对：请从公众平台“我的模板”里复制", d.templateID)
	}
	a.url = c.text("url", d.url, address, limitURL)
	a.page = c.text("page", d.page, page, limitPage)
	c.mini(a, d)
	if t.Kind == Once {
		c.once(t, d)
	} else {
		c.data(t, f, d)
	}
	switch t.Channel {
	case OfficialNotice, MiniSubscribe:
		t.Subscription = OneTime
		if d.subscription != "" {
			t.Subscription = d.subscription
		}
		if t.Subscription != OneTime && t.Subscription != LongTerm {
			c.say("subscription", "订阅方式可以是 once（一次性，默认）或 long（长期），现在是“%s”", d.subscription)
		}
	case OfficialOnce:
		t.Subscription = OneTime
	}
	c.risk(t, d)
	if a.state = d.state; !slices.Contains([]string{"", "developer", "trial", "formal"}, d.state) {
		c.say("miniprogram_state", "小程序版本可以是 formal（正式版，默认）、trial（体验版）、developer（开发版），现在是“%s”", d.state)
	}
	if a.lang = d.lang; !slices.Contains([]string{"", "zh_CN", "en_US", "zh_HK", "zh_TW"}, d.lang) {
		c.say("lang", "语言可以是 zh_CN（默认）、en_US、zh_HK、zh_TW，现在是“%s”", d.lang)
	}
}

// mini compiles the mini-program a message opens.
func (c *checker) mini(a *approved, d definition) {
	if len(d.miniprogram) == 0 {
		return
	}
	var m struct {
		AppID string `json:"appid"`
		Page  string `json:"pagepath"`
	}
	if err := setting.Decode(d.miniprogram, &m); err != nil {
		c.say("miniprogram", "写法不对：应是 {appid: …, pagepath: …}")
		return
	}
	if !appID.MatchString(m.AppID) {
		c.say("miniprogram.appid", "小程序 AppID “%s”不对，应以 wx 开头", m.AppID)
	}
	if m.Page == "" {
		c.say("miniprogram.pagepath", "请填写打开的页面")
	}
	a.app = m.AppID
	if p := c.text("miniprogram.pagepath", m.Page, page, limitPage); p != nil {
		a.page = p
	}
}

// data compiles the variables of a template.
func (c *checker) data(t *Template, f form, d definition) {
	if len(d.data) == 0 {
		return
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(d.data, &given); err != nil {
		c.say("data", "写法不对：应是 {thing1: 内容, …}")
		return
	}
	if len(given) == 0 || len(given) > maxFields {
		c.say("data", "应有 1 到 %d 个字段，现在有 %d 个", maxFields, len(given))
	}
	for _, name := range sortedKeys(given) {
		at := "data." + name
		var v struct {
			Value    string `json:"value"`
			Overflow string `json:"overflow"`
		}
		if err := json.Unmarshal(given[name], &v.Value); err != nil {
			if err := setting.Decode(given[name], &v); err != nil {
				c.say(at, "写法不对：应是文字，或 {value: 文字, overflow: cut}")
				continue
			}
		}
		if x := c.field(f, at, name, v.Value, v.Overflow); x.text != nil {
			t.approved.fields = append(t.approved.fields, x)
		}
	}
}

// once compiles a 一次性订阅消息: its whole text is ours.
func (c *checker) once(t *Template, d definition) {
	f := form{t.Channel, t.Kind}
	t.approved.scene, t.approved.color = d.scene, d.color
	if d.scene < 0 || d.scene > maxScene {
		c.say("scene", "场景值应在 0 到 %d 之间，现在是 %d", maxScene, d.scene)
	}
	if d.color != "" && !hexColor.MatchString(d.color) {
		c.say("color", "颜色应形如 #173177，现在是“%s”", d.color)
	}
	t.title, t.content = c.text("title", d.title, plain, limitField), c.text("content", d.content, plain, limitField)
	for _, x := range []struct {
		at   string
		most int
	}{{"title", maxOnceTitle}, {"content", maxOnceText}} {
		c.words(f, x.at)
		if n := utf8.RuneCountInString(strings.TrimSpace(c.sure(x.at))); n > x.most {
			c.say(x.at, "最多 %d 个字，固定文字已有 %d 个字", x.most, n)
		}
	}
}

// risk judges how near a template comes to advertising. What does not say is a notice, unless it answers
// what the person just did.
func (c *checker) risk(t *Template, d definition) {
	least := Low
	var word string
	for _, x := range t.approved.fields {
		if s := c.said["data."+x.name]; s != nil && t.Channel == OfficialTemplate {
			if i := slices.IndexFunc(soft, func(w string) bool { return strings.Contains(s.all.String(), w) }); i >= 0 {
				least, word = Medium, soft[i]
			}
		}
	}
	if t.Risk = d.risk; d.risk != "" {
		order := []Risk{Low, Medium, High}
		if said := slices.Index(order, d.risk); said < 0 {
			c.say("risk", "风险可以是 low（本人操作的结果）、medium（通知提醒）、high（像营销，不会发送），现在是“%s”", d.risk)
		} else if said < slices.Index(order, least) {
			c.say("risk", "里面有“%s”，容易被当成营销：风险不能低于 medium", word)
		}
		return
	}
	if t.Channel == OfficialTemplate {
		if t.Risk = Medium; t.Class == Reply && least == Low {
			t.Risk = Low
		}
	}
}

type dataValue struct {
	Value string `json:"value"`
	Color string `json:"color,omitempty"`
}

type miniPage struct {
	AppID string `json:"appid"`
	Page  string `json:"pagepath"`
}

// approvedBody is the body of the four; the order of its members is the order in the request.
type approvedBody struct {
	TemplateID string               `json:"template_id"`
	Scene      *int64               `json:"scene,omitempty"`
	Title      string               `json:"title,omitempty"`
	URL        string               `json:"url,omitempty"`
	Page       string               `json:"page,omitempty"`
	Mini       *miniPage            `json:"miniprogram,omitempty"`
	Data       map[string]dataValue `json:"data"`
	State      string               `json:"miniprogram_state,omitempty"`
	Lang       string               `json:"lang,omitempty"`
}

func (r *renderer) approved(t *Template) approvedBody {
	a, f := &t.approved, form{t.Channel, t.Kind}
	b := approvedBody{TemplateID: t.TemplateID, Data: map[string]dataValue{}, State: a.state, Lang: a.lang}
	switch {
	case a.url == nil:
	case t.Channel == OfficialNotice: // bizsend: 跳转网页时填写 page
		b.Page = r.text(a.url)
	default:
		b.URL = r.text(a.url)
	}
	switch {
	case a.app != "":
		b.Mini = &miniPage{a.app, r.text(a.page)}
	case a.page != nil:
		b.Page = r.text(a.page)
	}
	if t.Kind == Once {
		b.Scene = &a.scene
		b.Title = r.measured("标题", t.title, maxOnceTitle)
		b.Data["content"] = dataValue{r.measured("内容", t.content, maxOnceText), a.color}
		return b
	}
	for _, x := range a.fields {
		b.Data[x.name] = dataValue{Value: r.field(f, x)}
	}
	return b
}

// measured renders a text that must not be empty nor longer than the platform takes.
func (r *renderer) measured(label string, t *text, most int) string {
	s := oneLine(r.must(label, t))
	n := utf8.RuneCountInString(s)
	switch {
	case r.err != nil:
	case n == 0:
		r.fail(fmt.Errorf("empty %s", label), label+"是空的，请给变量加上默认值")
	case n > most:
		r.fail(fmt.Errorf("long %s", label), fmt.Sprintf("%s最多 %d 个字，这次有 %d 个字", label, most, n))
	}
	return s
}
