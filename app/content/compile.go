package content

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/setting"
)

// What a page may hold; with these a page stays within its weight.
const (
	maxBlocks = 60
	maxItems  = 30
	maxName   = 60
	maxLine   = 120
	maxText   = 2000
	maxHTML   = 20_000
	maxURL    = 1000
	maxFields = 20
)

// Compile reads the definitions of kind page; fields are those that forms may ask for. A page with problems
// is not among the model's.
func Compile(items []setting.Item, fields map[string]contact.Field) (*Model, []fault.Problem) {
	m := &Model{pages: map[string]*Page{}}
	var problems []fault.Problem
	for _, it := range items {
		if it.Kind != KindPage {
			continue
		}
		c := &compiler{item: it, fields: fields}
		p := c.page()
		if len(c.problems) == 0 {
			m.pages[it.Key] = p
		}
		problems = append(problems, c.problems...)
	}
	return m, problems
}

type compiler struct {
	item     setting.Item
	fields   map[string]contact.Field
	problems []fault.Problem
	forms    int
}

func (c *compiler) bad(path, format string, args ...any) {
	c.problems = append(c.problems, setting.Problem(KindPage, c.item.Key, path, format, args...))
}

var (
	colour  = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
	blockID = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
	kindOf  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	filmID  = regexp.MustCompile(`^[A-Za-z0-9]{4,32}$`)
	phoneTo = regexp.MustCompile(`^tel:\+?[0-9-]{3,20}$`)
	slug    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
)

// reserved are addresses below /p/ that are no pages.
var reserved = []string{"jssdk"}

func (c *compiler) page() *Page {
	p := &Page{}
	if err := setting.Decode(c.item.Body, p); err != nil {
		c.bad("", "页面写法不对：%v", err)
		return p
	}
	p.Key, p.Rev = c.item.Key, c.item.Rev
	if !slug.MatchString(p.Key) || slices.Contains(reserved, p.Key) {
		c.bad("", "页面的 key 是它的网址 /p/%s：用字母、数字、_ 和 -，最长 64 个字节，不能是 %s", p.Key, strings.Join(reserved, "、"))
	}
	c.text("name", p.Name, maxName, true)
	c.text("note", p.Note, maxText, false)
	c.text("title", p.Title, maxName, true)
	c.text("description", p.Description, maxLine, false)
	c.text("share.title", p.Share.Title, maxName, false)
	c.text("share.description", p.Share.Description, maxLine, false)
	c.picture("share.image", p.Share.Image, false)
	if p.Status != Draft && p.Status != Live {
		c.bad("status", "status 应为 draft（草稿）或 live（发布），现在是“%s”", p.Status)
	}
	if p.Theme != "" && !colour.MatchString(p.Theme) {
		c.bad("theme", "主题色应形如 #1f5fd6，现在是“%s”", p.Theme)
	}
	if p.Kind != "" && !kindOf.MatchString(p.Kind) {
		c.bad("kind", "kind 用小写字母开头的英文，如 price（报价）、case（案例），现在是“%s”", p.Kind)
	}
	if len(p.Blocks) == 0 || len(p.Blocks) > maxBlocks {
		c.bad("blocks", "一个页面应有 1 到 %d 个区块，现在是 %d 个", maxBlocks, len(p.Blocks))
	}
	seen := map[string]bool{}
	for i := range p.Blocks {
		b := &p.Blocks[i]
		at := fmt.Sprintf("blocks[%d]", i)
		switch {
		case !blockID.MatchString(b.ID):
			c.bad(at+".id", "区块要有 id：小写字母开头，只用小写字母、数字、_ 和 -，最长 32 个字符")
		case seen[b.ID]:
			c.bad(at+".id", "区块 id “%s”重复了，请换一个", b.ID)
		}
		seen[b.ID] = true
		c.block(at, b)
	}
	if word := inducing(c.item.Body); word != "" && p.Status == Live {
		c.bad("blocks", "文字里有“%s”：微信禁止诱导分享，会封禁域名。请改成对结果（报名、到会）的奖励", word)
	}
	return p
}

// induce are words that make sharing a condition or reward it (微信外部链接内容管理规范).
var induce = []string{"分享后领取", "分享后可", "分享后即可", "转发后领取", "转发后可", "转发后即可", "分享到朋友圈领", "转发朋友圈领", "转发朋友圈即可", "集赞", "分享解锁", "转发解锁", "分享才能", "转发才能", "分享即可获", "转发即可获"}

func inducing(body []byte) string {
	text := string(body)
	for _, w := range induce {
		if strings.Contains(text, w) {
			return w
		}
	}
	return ""
}

// makers make the empty content of each type of block.
var makers = map[string]func() any{
	"hero": func() any { return &Hero{} }, "heading": func() any { return &Heading{} }, "text": func() any { return &Text{} },
	"image": func() any { return &Image{} }, "points": func() any { return &Points{} }, "quote": func() any { return &Quote{} },
	"button": func() any { return &Button{} }, "price": func() any { return &Price{} }, "faq": func() any { return &FAQ{} },
	"video": func() any { return &Video{} }, "form": func() any { return &Form{} }, "divider": func() any { return &Divider{} },
	"footer": func() any { return &Footer{} },
}

// Types are the types of blocks in the order an editor offers them.
var Types = []string{"hero", "heading", "text", "image", "points", "quote", "button", "price", "faq", "video", "form", "divider", "footer"}

func (c *compiler) block(at string, b *Block) {
	empty := makers[b.Type]
	if empty == nil {
		c.bad(at+".type", "没有“%s”这种区块，可用：%s", b.Type, strings.Join(Types, "、"))
		return
	}
	x := empty()
	at += ".props"
	raw := b.Props
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	if err := setting.Decode(raw, x); err != nil {
		c.bad(at, "%v", err)
		return
	}
	b.Content = x
	switch x := x.(type) {
	case *Hero:
		c.text(at+".title", x.Title, maxName, true)
		c.text(at+".text", x.Text, maxText, false)
		c.picture(at+".image", x.Image, false)
		c.button(at+".button", x.Button)
	case *Heading:
		c.text(at+".text", x.Text, maxLine, true)
		c.text(at+".note", x.Note, maxText, false)
	case *Text:
		c.text(at+".html", x.HTML, maxHTML, true)
		x.safe = sanitize(x.HTML)
	case *Image:
		c.picture(at+".src", x.Src, true)
		c.text(at+".alt", x.Alt, maxLine, true)
		c.link(at+".link", x.Link, false)
	case *Points:
		c.text(at+".title", x.Title, maxLine, false)
		c.count(at+".items", len(x.Items))
		for i, it := range x.Items {
			c.text(fmt.Sprintf("%s.items[%d].title", at, i), it.Title, maxLine, true)
			c.text(fmt.Sprintf("%s.items[%d].text", at, i), it.Text, maxText, false)
		}
	case *Quote:
		c.text(at+".text", x.Text, maxText, true)
		c.text(at+".author", x.Author, maxLine, false)
		c.text(at+".role", x.Role, maxLine, false)
	case *Button:
		c.button(at, x)
	case *Price:
		c.price(at, x)
	case *FAQ:
		c.text(at+".title", x.Title, maxLine, false)
		c.count(at+".items", len(x.Items))
		for i, it := range x.Items {
			c.text(fmt.Sprintf("%s.items[%d].q", at, i), it.Q, maxLine, true)
			c.text(fmt.Sprintf("%s.items[%d].a", at, i), it.A, maxText, true)
		}
	case *Video:
		if Players[x.Host] == "" {
			c.bad(at+".host", "视频只能来自腾讯视频（tencent）或哔哩哔哩（bilibili），现在是“%s”", x.Host)
		}
		if !filmID.MatchString(x.ID) {
			c.bad(at+".id", "视频编号只有字母和数字，如腾讯视频的 vid、哔哩哔哩的 BV 号，现在是“%s”", x.ID)
		}
		c.text(at+".title", x.Title, maxLine, true)
	case *Footer:
		c.text(at+".company", x.Company, maxLine, false)
		c.text(at+".text", x.Text, maxText, false)
		c.text(at+".icp", x.ICP, maxLine, false)
		c.link(at+".privacy_url", x.PrivacyURL, true)
	case *Form:
		c.form(at, x)
	}
}

func (c *compiler) price(at string, x *Price) {
	c.text(at+".title", x.Title, maxLine, false)
	c.text(at+".note", x.Note, maxText, false)
	c.count(at+".plans", len(x.Plans))
	for i, p := range x.Plans {
		at := fmt.Sprintf("%s.plans[%d]", at, i)
		c.text(at+".name", p.Name, maxLine, true)
		c.text(at+".price", p.Price, maxName, true)
		c.text(at+".unit", p.Unit, maxName, false)
		c.text(at+".note", p.Note, maxText, false)
		if len(p.Points) > maxItems {
			c.bad(at+".points", "最多 %d 条", maxItems)
		}
		for j, s := range p.Points {
			c.text(fmt.Sprintf("%s.points[%d]", at, j), s, maxLine, true)
		}
		c.button(at+".button", p.Button)
	}
}

// labels of the fields that are identities.
var identities = map[string]contact.Field{
	FieldPhone: {Key: FieldPhone, Label: "手机号", Type: contact.Text},
	FieldEmail: {Key: FieldEmail, Label: "邮箱", Type: contact.Text},
}

func (c *compiler) form(at string, f *Form) {
	if c.forms++; c.forms > 1 {
		c.bad(at, "一个页面最多放一个表单")
	}
	if f.Key == "" {
		f.Key = c.item.Key
	}
	if !slug.MatchString(f.Key) {
		c.bad(at+".key", "表单的 key 用字母、数字、_ 和 -，最长 64 个字节，现在是“%s”", f.Key)
	}
	c.text(at+".title", f.Title, maxLine, false)
	c.text(at+".note", f.Note, maxText, false)
	c.text(at+".submit", f.Submit, maxName, false)
	if len(f.Fields) == 0 || len(f.Fields) > maxFields {
		c.bad(at+".fields", "表单应有 1 到 %d 项，现在是 %d 项", maxFields, len(f.Fields))
	}
	seen := map[string]bool{}
	for i := range f.Fields {
		x := &f.Fields[i]
		at := fmt.Sprintf("%s.fields[%d]", at, i)
		is, ok := identities[x.Field]
		if !ok {
			is, ok = c.fields[x.Field]
		}
		switch {
		case !ok:
			c.bad(at+".field", "没有字段“%s”：请用 phone、email 或已有的客户字段，或先在 fields 里加上它", x.Field)
			continue
		case slices.Contains([]string{"email_domain", "phone_region"}, x.Field):
			c.bad(at+".field", "字段“%s”由系统自己得出，不能让人填写", x.Field)
			continue
		case seen[x.Field]:
			c.bad(at+".field", "字段“%s”重复了", x.Field)
		}
		seen[x.Field] = true
		x.Is = is
		if x.Label == "" {
			x.Label = is.Label
		}
		c.text(at+".label", x.Label, maxName, true)
		c.text(at+".placeholder", x.Placeholder, maxName, false)
		c.options(at, x)
	}
	if f.Event != "" && f.Event != event.TrialRequested {
		c.bad(at+".event", "event 只能是 trial.requested（预约演示/试用）或不填，现在是“%s”", f.Event)
	}
	c.agreement(at, f)
	c.text(at+".done.message", f.Done.Message, maxText, false)
	c.button(at+".done.button", f.Done.Button)
	if f.Done.Redirect != "" {
		c.link(at+".done.redirect", f.Done.Redirect, true)
		if f.Done.Message != "" || f.Done.Button != nil {
			c.bad(at+".done", "提交后或者显示 message，或者转到 redirect，只能写一种")
		}
	}
}

func (c *compiler) options(at string, x *Field) {
	if len(x.Options) == 0 {
		return
	}
	if x.Is.Type != contact.Text || identities[x.Field].Key != "" {
		c.bad(at+".options", "只有文字类的字段能在表单里给选项；选择类字段的选项在字段定义里")
	}
	if len(x.Options) > maxItems {
		c.bad(at+".options", "最多 %d 个选项", maxItems)
	}
	for i, o := range x.Options {
		c.text(fmt.Sprintf("%s.options[%d].key", at, i), o.Key, maxName, true)
		c.text(fmt.Sprintf("%s.options[%d].label", at, i), o.Label, maxName, true)
	}
}

// agreement: PIPL wants each purpose asked apart, under a policy one can read.
func (c *compiler) agreement(at string, f *Form) {
	c.link(at+".privacy.url", f.Privacy.URL, true)
	if f.Privacy.Version == "" || utf8.RuneCountInString(f.Privacy.Version) > 32 {
		c.bad(at+".privacy.version", "请写隐私政策的版本（如 2026-01），最长 32 个字：它会记在每条同意记录里")
	}
	c.text(at+".privacy.company", f.Privacy.Company, maxLine, false)
	seen := map[contact.Purpose]bool{}
	for i, p := range f.Consents {
		path := fmt.Sprintf("%s.consents[%d]", at, i)
		switch {
		case p == contact.Privacy:
			c.bad(path, "隐私政策每个表单都会问，不用写在 consents 里")
		case ConsentText(p) == "":
			c.bad(path, "没有“%s”这项用途，可用：marketing_sms、marketing_email、marketing_wechat、third_party、personalization", p)
		case seen[p]:
			c.bad(path, "“%s”重复了", p)
		}
		seen[p] = true
	}
}

func (c *compiler) button(at string, b *Button) {
	if b == nil {
		return
	}
	c.text(at+".label", b.Label, maxName, true)
	if b.Action == "" {
		b.Action = Link
	}
	if !slices.Contains([]Action{Link, Contact, File}, b.Action) {
		c.bad(at+".action", "action 应为 link（链接）、contact（联系我）或 file（下载资料），现在是“%s”", b.Action)
	}
	c.link(at+".url", b.URL, true)
}

func (c *compiler) count(at string, n int) {
	if n == 0 || n > maxItems {
		c.bad(at, "应有 1 到 %d 项，现在是 %d 项", maxItems, n)
	}
}

func (c *compiler) text(at, s string, most int, required bool) {
	switch n := utf8.RuneCountInString(s); {
	case required && strings.TrimSpace(s) == "":
		c.bad(at, "这一项必填")
	case n > most:
		c.bad(at, "最多 %d 个字，现在是 %d 个", most, n)
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' }) || !utf8.ValidString(s):
		c.bad(at, "有看不见的控制字符，请删掉")
	}
}

func (c *compiler) picture(at, s string, required bool) {
	if s == "" && !required {
		return
	}
	if !IsWeb(s) && !IsOwn(s) {
		c.bad(at, "图片地址应以 https:// 开头，或是本站的 /… 路径，现在是“%s”", short(s))
	}
}

func (c *compiler) link(at, s string, required bool) {
	if s == "" && !required {
		return
	}
	if !IsWeb(s) && !IsOwn(s) && !phoneTo.MatchString(s) && !(len(s) > 1 && s[0] == '#' && blockID.MatchString(s[1:])) {
		c.bad(at, "链接应以 https:// 开头，或是本站的 /p/…、本页的 #区块id、tel:电话，现在是“%s”", short(s))
	}
}

// IsWeb reports whether an address leads to a web site over https.
func IsWeb(s string) bool {
	if len(s) > maxURL || odd(s) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
}

// IsOwn reports whether an address is a path of our own site.
func IsOwn(s string) bool {
	if len(s) > maxURL || odd(s) || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "" && u.Host == ""
}

// odd: with characters that browsers drop or turn round, so that what they open is not what was checked.
func odd(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r) || r == '\\' || r == utf8.RuneError
	})
}

func short(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
