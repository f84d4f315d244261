package simulator

import (
	"encoding/json"
	"regexp"
	"strings"
)

// lineView is a line as the page shows it. Everything in it is text or an http(s) address; the template
// escapes it all.
type lineView struct {
	ID   int64       `json:"id"`
	At   int64       `json:"at"`
	Time string      `json:"time"`
	From string      `json:"from,omitempty"`
	App  string      `json:"app,omitempty"`
	Side string      `json:"side"` // mine, theirs, note
	Kind string      `json:"kind,omitempty"`
	Text string      `json:"text,omitempty"` // in one line
	Body []paragraph `json:"body,omitempty"`
	Card *cardView   `json:"card,omitempty"`
	More []cardView  `json:"more,omitempty"` // attachments
}

// paragraph is a line of text with its look: "", gray, highlight, quote, head.
type paragraph struct {
	Class string `json:"class,omitempty"`
	Parts []part `json:"parts"`
}

// part is a piece of text, a link when Href is set.
type part struct {
	Text string `json:"text"`
	Href string `json:"href,omitempty"`
}

type cardView struct {
	Source   string       `json:"source,omitempty"`
	Title    string       `json:"title,omitempty"`
	Sub      string       `json:"sub,omitempty"`
	Emphasis string       `json:"emphasis,omitempty"`
	About    string       `json:"about,omitempty"` // what the emphasis means
	Quote    string       `json:"quote,omitempty"`
	Body     []paragraph  `json:"body,omitempty"`
	Rows     []row        `json:"rows,omitempty"`
	Links    []part       `json:"links,omitempty"`
	URL      string       `json:"url,omitempty"`
	Button   string       `json:"button,omitempty"`
	Buttons  []buttonView `json:"buttons,omitempty"`
	Choices  []buttonView `json:"choices,omitempty"` // msgmenu
	Foot     string       `json:"foot,omitempty"`
	Done     string       `json:"done,omitempty"` // the text of a button that was pressed and updated
	Mini     string       `json:"mini,omitempty"` // the mini program it opens
}

type row struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

type buttonView struct {
	Text string `json:"text"`
	With string `json:"with"`
}

// templateNames title what was sent with a template nobody described.
var templateNames = map[string]string{"template": "模板消息", "notice": "订阅通知", "subscribe": "小程序订阅消息"}

var (
	anchors   = regexp.MustCompile(`(?is)<a\s[^>]*href\s*=\s*["']([^"']*)["'][^>]*>(.*?)</a>|https?://[^\s<>"'，。；、）】]+`)
	divisions = regexp.MustCompile(`(?is)<div\s[^>]*class\s*=\s*["'](\w+)["'][^>]*>(.*?)</div>`)
	tags      = regexp.MustCompile(`(?s)<[^>]*>`)
	mdLinks   = regexp.MustCompile(`\[([^\]]*)\]\(([^)\s]+)\)`)
)

// safeLink keeps an address only when it is http(s).
func safeLink(s string) string {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") {
		return s
	}
	return ""
}

// parts finds the links in a text: <a href> as the platforms allow it, and bare addresses.
func parts(s string) []part {
	var out []part
	for s != "" {
		at := anchors.FindStringSubmatchIndex(s)
		if at == nil {
			out = append(out, part{Text: s})
			break
		}
		if at[0] > 0 {
			out = append(out, part{Text: s[:at[0]]})
		}
		text, href := s[at[0]:at[1]], s[at[0]:at[1]]
		if at[2] >= 0 {
			href, text = s[at[2]:at[3]], tags.ReplaceAllString(s[at[4]:at[5]], "")
		}
		out = append(out, part{text, safeLink(href)})
		s = s[at[1]:]
	}
	return out
}

func lines(s string) []paragraph {
	var out []paragraph
	for l := range strings.SplitSeq(strings.ReplaceAll(s, "\r\n", "\n"), "\n") {
		out = append(out, paragraph{Parts: parts(l)})
	}
	return out
}

// described is a textcard's description: plain lines, and <div class="gray|normal|highlight">.
func described(s string) []paragraph {
	s = strings.NewReplacer("<br>", "\n", "<br/>", "\n", "<br />", "\n").Replace(s)
	var out []paragraph
	plain := func(s string) {
		if s = tags.ReplaceAllString(s, ""); strings.TrimSpace(s) != "" {
			out = append(out, lines(strings.Trim(s, "\n"))...)
		}
	}
	for s != "" {
		at := divisions.FindStringSubmatchIndex(s)
		if at == nil {
			plain(s)
			break
		}
		plain(s[:at[0]])
		class := ""
		switch c := s[at[2]:at[3]]; c {
		case "gray", "highlight":
			class = c
		}
		out = append(out, paragraph{class, []part{{Text: tags.ReplaceAllString(s[at[4]:at[5]], "")}}})
		s = s[at[1]:]
	}
	return out
}

// marked is the subset of Markdown that WeCom shows.
func marked(s string) []paragraph {
	var out []paragraph
	for l := range strings.SplitSeq(s, "\n") {
		p, text := paragraph{}, tags.ReplaceAllString(l, "")
		switch trimmed := strings.TrimLeft(text, "#"); {
		case strings.HasPrefix(l, ">"):
			p.Class, text = "quote", strings.TrimSpace(strings.TrimPrefix(l, ">"))
			text = tags.ReplaceAllString(text, "")
		case trimmed != text && strings.HasPrefix(trimmed, " "):
			p.Class, text = "head", strings.TrimSpace(trimmed)
		}
		text = strings.ReplaceAll(text, "**", "")
		for text != "" {
			at := mdLinks.FindStringSubmatchIndex(text)
			if at == nil {
				p.Parts = append(p.Parts, parts(text)...)
				break
			}
			p.Parts = append(p.Parts, parts(text[:at[0]])...)
			p.Parts = append(p.Parts, part{text[at[2]:at[3]], safeLink(text[at[4]:at[5]])})
			text = text[at[1]:]
		}
		out = append(out, p)
	}
	return out
}

// view renders a line for its owner; s.mu is held, since cards change.
func (s *Simulator) view(l line, owner string) lineView {
	v := lineView{ID: l.ID, At: l.At, Time: stamp(l.At), From: l.From, App: l.App, Side: "theirs", Kind: l.Kind, Text: l.Text}
	if l.Mine {
		v.Side = "mine"
	}
	switch {
	case l.Kind == "share":
	case l.Note:
		v.Side, v.Body = "note", []paragraph{{Parts: []part{{Text: l.Text}}}}
		return v
	case l.Mine:
		v.Body = lines(l.Text)
		return v
	}
	var content fields
	_ = json.Unmarshal(l.Content, &content) // the journal's own encoding
	switch l.Kind {
	case "text":
		v.Body = lines(content.str("content"))
	case "markdown":
		v.Body = marked(content.str("content"))
	case "welcome":
		v.Body = lines(content.str("text.content"))
		for _, a := range content.objs("attachments") {
			v.More = append(v.More, s.attached(a))
		}
	case "sms":
		v.Body = lines(content.str("text"))
	case "share":
		v.Card = &cardView{Title: content.str("title"), Body: lines(content.str("description")), URL: safeLink(content.str("url")), Button: "打开"}
	case "textcard":
		v.Card = &cardView{Title: cut(content.str("title"), 128), Body: described(cut(content.str("description"), 512)),
			URL: safeLink(content.str("url")), Button: content.str("btntxt")}
		def(&v.Card.Button, "详情")
	case "news":
		v.Card = &cardView{}
		for _, a := range content.objs("articles") {
			v.Card.Links = append(v.Card.Links, part{a.str("title"), safeLink(a.str("url"))})
		}
	case "msgmenu":
		v.Card = &cardView{Body: lines(content.str("head_content")), Foot: content.str("tail_content")}
		for _, item := range content.objs("list") {
			v.Card.Choices = append(v.Card.Choices, buttonView{item.str("content"), item.str("id")})
		}
	case "miniprogrampage":
		v.Card = &cardView{Source: "小程序", Title: content.str("title"), Foot: content.str("pagepath"), Mini: s.miniNamed(content.str("appid"))}
	case "template", "notice", "subscribe":
		v.Card = s.templateView(l, content)
	case "once":
		v.Card = &cardView{Source: "服务通知", Title: content.str("title"), Body: lines(content.str("data.content.value")), URL: safeLink(content.str("url"))}
		if v.Card.URL != "" {
			v.Card.Button = "查看详情"
		}
	case "link":
		v.Card = &cardView{Title: content.str("title"), Body: lines(content.str("description")), URL: safeLink(content.str("url")), Button: "打开"}
	case "template_card":
		v.Card = cardOf(l.card, owner)
	default:
		v.Body = []paragraph{{"gray", []part{{Text: "[" + l.Kind + "] " + l.Text}}}}
	}
	return v
}

// attached is one attachment of a welcome message.
func (s *Simulator) attached(a fields) cardView {
	switch a.str("msgtype") {
	case "link":
		v := cardView{Title: a.str("link.title"), Body: lines(a.str("link.desc")), URL: safeLink(a.str("link.url")), Button: "打开"}
		def(&v.Title, a.str("link.url"))
		return v
	case "miniprogram":
		return cardView{Source: "小程序", Title: a.str("miniprogram.title"), Foot: a.str("miniprogram.page"), Mini: s.miniNamed(a.str("miniprogram.appid"))}
	case "image":
		return cardView{Source: "图片", Title: "[图片]", URL: safeLink(a.str("image.pic_url")), Button: "查看"}
	case "video":
		return cardView{Source: "视频", Title: "[视频]"}
	}
	return cardView{Source: "文件", Title: "[文件]"}
}

// miniNamed is the AppID of a mini program this world has, else "".
func (s *Simulator) miniNamed(appID string) string {
	if s.miniIDs[appID] == nil {
		return ""
	}
	return appID
}

func (s *Simulator) templateView(l line, content fields) *cardView {
	card := &cardView{Source: "服务通知", Title: templateNames[l.Kind], URL: safeLink(content.str("url"))}
	var known map[string]*Template
	if o := s.appIDs[l.App]; o != nil {
		known = o.templates
	} else if m := s.miniIDs[l.App]; m != nil {
		known = m.templates
		card.Foot, card.Mini = "进入小程序 "+content.str("page"), l.App
	}
	if page := content.str("page"); card.URL == "" && card.Foot == "" {
		card.URL = safeLink(page)
	}
	if appID := content.str("miniprogram.appid"); appID != "" {
		card.Foot, card.Mini = "进入小程序 "+s.nameOf(appID)+" "+content.str("miniprogram.pagepath"), s.miniNamed(appID)
	}
	var list []Field
	if t := known[content.str("template_id")]; t != nil {
		card.Title, list = t.Title, t.Fields
	}
	data := content.obj("data")
	if len(list) == 0 {
		for _, key := range sortedKeys(data) {
			list = append(list, Field{key, key})
		}
	}
	for _, f := range list {
		card.Rows = append(card.Rows, row{f.Label, data.str(f.Key + ".value")})
	}
	if card.URL != "" {
		card.Button = "查看详情"
	}
	return card
}

// cardOf is a template_card as it stands on one member's phone.
func cardOf(x *card, owner string) *cardView {
	if x == nil {
		return nil
	}
	f := x.content
	u := x.updated[owner]
	if u.content != nil {
		f = u.content
	}
	v := &cardView{Source: f.str("source.desc"), Title: f.str("main_title.title"), Sub: f.str("main_title.desc"),
		Emphasis: f.str("emphasis_content.title"), About: f.str("emphasis_content.desc"),
		Quote: strings.TrimSpace(f.str("quote_area.title") + " " + f.str("quote_area.quote_text")),
		URL:   safeLink(f.str("card_action.url")), Done: u.replaceName}
	if t := f.str("sub_title_text"); t != "" {
		v.Body = lines(t)
	}
	for _, h := range f.objs("horizontal_content_list") {
		v.Rows = append(v.Rows, row{h.str("keyname"), h.str("value")})
	}
	for _, j := range f.objs("jump_list") {
		v.Links = append(v.Links, part{j.str("title"), safeLink(j.str("url"))})
	}
	if v.URL != "" {
		v.Button = "查看详情"
	}
	if u.replaceName == "" {
		for _, b := range append(f.objs("button_list"), f.obj("submit_button")) {
			if b.str("key") != "" {
				v.Buttons = append(v.Buttons, buttonView{b.str("text"), x.taskID + "/" + b.str("key")})
			}
		}
	}
	return v
}
