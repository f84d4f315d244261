package message

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/osteele/liquid"
	"github.com/osteele/liquid/render"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/setting"
)

// Longest texts in bytes. WeCom 发送应用消息: 文本 2048, 文本卡片 title 128, description 512, url 2048,
// btntxt 4 个文字; it cuts what is longer, in the middle of a character or a tag, so we cut before it
// does. 公众号客服消息 refuses (45002) a text above 2048.
const (
	limitText        = 2048
	limitTitle       = 128
	limitDescription = 512
	limitURL         = 2048
	limitButtonRunes = 4
)

// markup is what a place allows besides text.
type markup int

const (
	plain   markup = iota // nothing: the platform shows it as it stands
	anchors               // <a href="…">…</a>
	divs                  // <div class="gray|normal|highlight">…</div>, <br>
	address               // the text is a web address
	page                  // the text is a page of a mini-program
)

// text is one compiled text of a template.
type text struct {
	tpl    *liquid.Template
	static string // the result when there are no variables: tpl is nil then
	markup markup
	limit  int
}

// checker collects the problems of one definition.
type checker struct {
	key      string
	known    Known
	uses     map[string]bool
	problems []fault.Problem
	said     map[string]*said // by field
}

// said is the author's own text of a field.
type said struct{ all, sure strings.Builder }

func (c *checker) hears(field, words string, sure bool) {
	if c.said == nil {
		c.said = map[string]*said{}
	}
	s := c.said[field]
	if s == nil {
		s = &said{}
		c.said[field] = s
	}
	s.all.WriteString(words)
	if sure {
		s.sure.WriteString(words)
	}
}

func (c *checker) say(field, format string, args ...any) {
	c.problems = append(c.problems, setting.Problem(setting.KindMessage, c.key, field, format, args...))
}

// safeFilters are the filters a template may use. What is missing reads files or clocks, can loop or
// panic on odd input, or turns data back into markup (url_decode).
var safeFilters = []string{"default", "join", "first", "last", "size", "append", "prepend", "replace", "remove", "strip", "truncate", "upcase", "downcase", "url_encode", "date", "plus", "minus"}

var safeTags = []string{"if", "elsif", "else", "unless", "case", "when", "for", "comment"}

// text compiles one field and reports everything wrong with it. An empty source gives nil.
func (c *checker) text(field, src string, m markup, limit int) *text {
	if src == "" {
		return nil
	}
	before := len(c.problems)
	t := &text{markup: m, limit: limit}
	if strings.Contains(src, "{{") || strings.Contains(src, "{%") {
		tpl, err := parse(src)
		if err != nil {
			c.say(field, "模板语法不对：%s", err)
			return nil
		}
		t.tpl = tpl
		w := walker{c: c, field: field, markup: m, limit: limit, line: 1}
		w.node(tpl.GetRoot())
		w.finish()
	} else {
		t.static = src
		w := walker{c: c, field: field, markup: m, limit: limit, line: 1}
		w.static(src)
		w.finish()
	}
	if len(c.problems) > before {
		return nil
	}
	return t
}

// parse compiles Liquid; its lexer panics on some inputs.
func parse(src string) (tpl *liquid.Template, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("无法解析")
		}
	}()
	tpl, serr := engine.ParseString(src)
	if serr != nil {
		return nil, fmt.Errorf("第 %d 行附近，%s", max(serr.LineNumber(), 0)+1, syntaxHint(serr.Error()))
	}
	return tpl, nil
}

// syntaxHint puts the parser's words, which are for developers, into an operator's.
func syntaxHint(msg string) string {
	switch {
	case strings.Contains(msg, "unterminated"):
		return "有 {% if %} 或 {% for %} 没有写结尾"
	case strings.Contains(msg, "undefined tag"):
		return "不认识的标记，可用的有 if、unless、case、for"
	case strings.Contains(msg, "not inside"), strings.Contains(msg, "unexpected"):
		return "else 或 end 标记没有对应的开头"
	}
	return "表达式写法不对"
}

// walker checks a compiled template in reading order: variables, filters, tags, markup, length.
type walker struct {
	c      *checker
	field  string
	markup markup
	limit  int
	line   int
	loops  []string // loop variables in scope
	fixed  int      // bytes of text outside conditions
	inside int      // depth of conditions
	open   string   // the markup tag that the text so far has begun and not closed, e.g. `<a href="`
	begun  bool     // something was written before
}

func (w *walker) node(n render.Node) {
	switch n := n.(type) {
	case *render.SeqNode:
		for _, child := range n.Children {
			w.node(child)
		}
	case *render.TextNode:
		w.line = n.SourceLoc.LineNo + 1
		w.static(n.Source)
	case *render.ObjectNode:
		w.line = n.SourceLoc.LineNo + 1
		w.object(n.Args)
	case *render.TagNode:
		w.line = n.SourceLoc.LineNo + 1
		w.say("不能使用 {%% %s %%}，可用的有 if、unless、case、for", n.Name)
	case *render.BlockNode:
		w.block(n)
	case *render.RawNode:
		w.say("不能使用 {%% raw %%}")
	}
}

func (w *walker) say(format string, args ...any) {
	w.c.say(w.field, "第 %d 行：%s", w.line, fmt.Sprintf(format, args...))
}

func (w *walker) block(n *render.BlockNode) {
	w.line = n.SourceLoc.LineNo + 1
	if !slices.Contains(safeTags, n.Name) {
		w.say("不能使用 {%% %s %%}，可用的有 if、unless、case、for", n.Name)
		return
	}
	if n.Name == "comment" {
		return
	}
	if w.open != "" || w.leads() && !w.begun {
		w.say("条件和循环不能写在网址或标签里面")
	}
	w.inside++
	e := w.expression(n.Args)
	if n.Name == "for" && len(e.refs) > 0 {
		w.references(e.refs[1:])
		w.loops = append(w.loops, e.refs[0].String())
		defer func() { w.loops = w.loops[:len(w.loops)-1] }()
	} else {
		w.references(e.refs)
	}
	for _, child := range n.Body {
		w.node(child)
	}
	for _, clause := range n.Clauses {
		w.block(clause)
	}
	w.inside--
}

func (w *walker) expression(src string) expression {
	e, err := parseExpression(src)
	if err != nil {
		w.say("%s", err)
		return expression{}
	}
	for _, f := range e.filters {
		if !slices.Contains(safeFilters, f) {
			w.say("没有过滤器“%s”，可用的有 %s", f, strings.Join(safeFilters, "、"))
		}
	}
	return e
}

func (w *walker) references(refs []reference) {
	for _, r := range refs {
		if slices.Contains(w.loops, r[0]) || len(w.loops) > 0 && r[0] == "forloop" {
			continue
		}
		if w.c.known.knows(r) {
			w.c.uses[r.String()] = true
			continue
		}
		if near := w.c.known.nearest(r); near != "" {
			w.say("没有变量 %s，是不是 %s？", r, near)
		} else {
			w.say("没有变量 %s", r)
		}
	}
}

// object checks one {{ … }}. Inside an address only our own links and encoded values may stand: a value
// must not choose where a click leads.
func (w *walker) object(src string) {
	e := w.expression(src)
	w.references(e.refs)
	inAddress := w.open != "" || w.leads()
	link := len(e.refs) == 1 && e.refs[0][0] == "links"
	encoded := len(e.filters) > 0 && e.filters[len(e.filters)-1] == "url_encode"
	atStart := w.leads() && !w.begun || w.open != "" && strings.HasSuffix(w.open, "=\"")
	if inAddress && !link && (!encoded || atStart) {
		w.say("网址里的变量要么是 links. 开头的链接，要么写在网址中间并以 | url_encode 结尾")
	}
	w.begun = true
	w.open += mark(w.open)
}

// mark notes that a value stands inside the open tag, so that what follows isn't its start.
func mark(open string) string {
	if open == "" {
		return ""
	}
	return "…"
}

var (
	tagText   = regexp.MustCompile(`<[^<>]*>?`)
	divTag    = regexp.MustCompile(`^(<div class="(gray|normal|highlight)">|</div>|<br ?/?>)$`)
	anchorTag = regexp.MustCompile(`^(<a href="(https?://|…)[^"<>]*">|</a>)$`)
	webScheme = regexp.MustCompile(`^https?://`)
	pageStart = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/|\?|$)`)
)

// leads reports whether the text as a whole decides where a tap leads.
func (w *walker) leads() bool { return w.markup == address || w.markup == page }

// static checks the author's own text.
func (w *walker) static(s string) {
	if i := strings.Index(s, "{{"); i >= 0 || strings.Contains(s, "{%") {
		w.say("{{ 或 {%% 没有在同一行里写完")
	}
	w.c.hears(w.field, s, w.inside == 0)
	if w.inside == 0 {
		w.fixed += len(s)
	}
	if w.markup == page && !w.begun && !pageStart.MatchString(s) {
		w.say("小程序页面要写路径，如 pages/index/index，不能以 / 或 http 开头")
	}
	if w.markup == address && !w.begun && !webScheme.MatchString(s) {
		w.say("网址必须以 https:// 或 http:// 开头")
	}
	w.begun = true
	if w.markup != anchors && w.markup != divs {
		return
	}
	if w.open != "" { // the rest of a tag that a value interrupted
		i := strings.IndexByte(s, '>')
		if i < 0 {
			w.open += s
			return
		}
		w.tag(w.open + s[:i+1])
		w.open, s = "", s[i+1:]
	}
	for _, tag := range tagText.FindAllString(s, -1) {
		if strings.HasSuffix(tag, ">") {
			w.tag(tag)
		} else if strings.HasSuffix(s, tag) && w.markup == anchors && strings.HasPrefix(tag, "<a") {
			w.open = tag
		} else if w.markup == divs {
			w.tag(tag)
		}
	}
}

func (w *walker) tag(tag string) {
	switch {
	case w.markup == divs && !divTag.MatchString(tag):
		w.say("描述里只能用 <div class=\"gray\">、<div class=\"normal\">、<div class=\"highlight\"> 和 <br>，不能用 %s", tag)
	case w.markup == anchors && (strings.HasPrefix(tag, "<a") || strings.HasPrefix(tag, "</a")) && !anchorTag.MatchString(tag):
		w.say("链接要写成 <a href=\"https://…\">文字</a>，现在是 %s", tag)
	}
}

func (w *walker) finish() {
	if w.open != "" {
		w.say("标签 %s 没有写完", w.open)
	}
	if w.fixed > w.limit {
		w.c.say(w.field, "固定文字有 %d 字节，最多 %d 字节（约 %d 个汉字）", w.fixed, w.limit, w.limit/3)
	}
}
