// Package bundle is configuration as code: it reads a YAML bundle of definitions, checks it together with
// what is in force, tells what would change, and puts it in force, all or nothing; and it writes what is in
// force as such a bundle. Mistakes are told with the line they stand in.
//
// Invariants: applying a bundle twice is applying it once; what a bundle does not name stays as it is;
// what was exported and is applied to an empty Koi exports as the same bytes. What a definition means
// stands in the package of its kind; Compile is the one place where all kinds are compiled together, for
// bundles and for the running system.
package bundle

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/content"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/org"
	"github.com/koi-scrm/koi/app/policy"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/app/webhook"
)

// section is a part of a bundle: a list of definitions of one kind.
type section struct{ name, kind, label string }

// sections in the order they are written and told; later ones name things of earlier ones.
var sections = []section{
	{"fields", setting.KindField, "字段"},
	{"exclusions", contact.KindExclusion, "排除名单"},
	{"tags", setting.KindTag, "标签"},
	{"tag_rules", setting.KindTagRule, "标签规则"},
	{"scores", setting.KindScore, "评分模型"},
	{"grids", setting.KindGrid, "客户等级"},
	{"stages", setting.KindStage, "生命周期阶段"},
	{"policies", policy.KindPolicy, "发送规则"},
	{"messages", setting.KindMessage, "消息模板"},
	{"webhooks", webhook.Kind, "Webhook"},
	{"pages", content.KindPage, "页面"},
	{"journeys", setting.KindJourney, "旅程"},
	{"staff", org.KindStaff, "员工"},
}

// about are the members of a bundle that describe it and define nothing.
var about = []string{"name", "description", "version"}

// Label is the Chinese name of a kind of definition.
func Label(kind string) string {
	if i := slices.IndexFunc(sections, func(s section) bool { return s.kind == kind }); i >= 0 {
		return sections[i].label
	}
	return kind
}

// Definitions picks the items that bundles carry; what else is kept as settings is the system's own.
func Definitions(items []setting.Item) []setting.Item {
	return slices.DeleteFunc(slices.Clone(items), func(it setting.Item) bool {
		return !slices.ContainsFunc(sections, func(s section) bool { return s.kind == it.Kind })
	})
}

// Bundle is a file's definitions with the lines they stand in.
type Bundle struct {
	File  string
	Items []setting.Item // in the file's order; ID and Rev are not set
	Gone  []setting.Item // those marked `delete: true`; only Kind and Key are set

	lines map[string]int // "kind/key/path" → line
	texts map[string]int // the same of texts written over several lines → the first of these
}

// What a bundle may hold: far more than a company defines, little enough to read at once.
const (
	MaxSize   = 4 << 20 // bytes
	maxValues = 200_000 // with what aliases stand for
	maxDepth  = 100
	maxKey    = 96 // bytes; the column's width
)

// Parse reads a bundle. Fault: Invalid with every mistake of form at once, each at its line.
func Parse(file string, text []byte) (*Bundle, error) {
	b := &Bundle{File: file, lines: map[string]int{}, texts: map[string]int{}}
	if len(text) > MaxSize {
		return nil, fault.New(fault.Invalid, "%s 有 %d MB，配置包最大 %d MB：请拆成几个分别应用", file, len(text)>>20, MaxSize>>20)
	}
	doc, problems := document(text)
	r := &reader{bundle: b, problems: problems, open: map[*yaml.Node]bool{}}
	if doc != nil {
		r.sections(doc)
	}
	slices.SortStableFunc(r.problems, func(x, y mistake) int { return x.line - y.line })
	list := make([]fault.Problem, len(r.problems))
	for i, p := range r.problems {
		list[i] = fault.Problem{Path: b.at(p.line), Message: p.message}
	}
	if err := fault.Problems(fmt.Sprintf("%s 有 %d 处写法不对，什么都没有改动", file, len(list)), list); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *Bundle) at(line int) string { return b.File + ":" + strconv.Itoa(line) }

// sections reads the parts of the document.
func (r *reader) sections(doc *yaml.Node) {
	if doc.Kind != yaml.MappingNode {
		r.bad(doc, "配置包应由 %s 等部分组成", names())
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(doc.Content); i += 2 {
		name, list := doc.Content[i], deref(doc.Content[i+1])
		if first, again := seen[name.Value]; again {
			r.bad(name, "%s 在第 %d 行已经写过，请合成一处", name.Value, first)
			continue
		}
		seen[name.Value] = name.Line
		n := slices.IndexFunc(sections, func(s section) bool { return s.name == name.Value })
		switch {
		case slices.Contains(about, name.Value), strings.HasPrefix(name.Value, "x-"): // x-…: a place for anchors
		case n < 0:
			r.bad(name, "没有 %s 这个部分，可用：%s", name.Value, names())
		case list.ShortTag() == "!!null": // a heading with nothing under it
		case list.Kind != yaml.SequenceNode:
			r.bad(name, "%s 应是一个列表，每项以“- key: …”开头", name.Value)
		default:
			r.section(sections[n], list)
		}
	}
}

func names() string {
	out := make([]string, len(sections))
	for i, s := range sections {
		out[i] = s.name
	}
	return strings.Join(out, "、")
}

// section takes a section's definitions. Each is a mapping with a key; the rest is its body.
func (r *reader) section(s section, list *yaml.Node) {
	seen := map[string]int{}
	for _, n := range list.Content {
		item := deref(n)
		if item.Kind != yaml.MappingNode {
			r.bad(n, "%s的每一项应写成“键: 值”，如 - key: my_%s", s.label, s.kind)
			continue
		}
		body, key, line := *item, "", 0
		body.Content = nil
		for i := 0; i+1 < len(item.Content); i += 2 {
			if v := deref(item.Content[i+1]); item.Content[i].Value != "key" {
				body.Content = append(body.Content, item.Content[i], item.Content[i+1])
			} else if v.Kind == yaml.ScalarNode && v.ShortTag() != "!!null" {
				key, line = strings.TrimSpace(v.Value), item.Content[i].Line
			}
		}
		switch first, again := seen[key]; {
		case key == "":
			r.bad(n, "%s缺少 key：请给它一个不变的英文名", s.label)
			continue
		case again:
			r.badAt(line, "%s %s 在第 %d 行已经出现过", s.label, key, first)
			continue
		case !goodKey(s.kind, key):
			r.badAt(line, "%s的 key “%s”不合规：用字母、数字和 _ - .，以字母或数字开头，最长 %d 个字节", s.label, key, maxKey)
			continue
		}
		seen[key] = n.Line
		r.item(setting.Item{Kind: s.kind, Key: key}, &body)
	}
}

var (
	keyForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
	staffForm = regexp.MustCompile(`^[A-Za-z0-9_-]+/[A-Za-z0-9_.@-]+$`) // "CorpID/userid"
)

func goodKey(kind, key string) bool {
	form := keyForm
	if kind == org.KindStaff {
		form = staffForm
	}
	return len(key) <= maxKey && form.MatchString(key)
}

// item reads one definition's body, or the wish that there be none.
func (r *reader) item(it setting.Item, body *yaml.Node) {
	path := it.Kind + "/" + it.Key
	before := len(r.problems)
	v, _ := r.value(body, path, "/", 1).(map[string]any)
	if len(r.problems) > before {
		return
	}
	switch wish, given := v["delete"]; {
	case !given:
		raw, err := encode(v)
		if err != nil {
			r.bad(body, "%s 不能保存：%v", path, err)
			return
		}
		it.Body = raw
		r.bundle.Items = append(r.bundle.Items, it)
	case wish != true:
		r.badAt(r.bundle.lines[path+"/delete"], "delete 只能写 true（删除这一项）；要保留请去掉这一行")
	case len(v) > 1:
		r.badAt(r.bundle.lines[path+"/delete"], "要删除 %s 就只写 key 和 delete: true，不要写其他内容", path)
	default:
		r.bundle.Gone = append(r.bundle.Gone, it)
	}
}

// line finds the line of a problem's path: the longest part of the path that stands in the file.
func (b *Bundle) line(path string) (int, bool) {
	definition := owner(path)
	for {
		if n, ok := b.lines[path]; ok {
			return n, true
		}
		if len(path) <= len(definition) {
			return 0, false
		}
		path = path[:max(strings.LastIndexAny(path, ".[/"), len(definition))]
	}
}

// owner is the part of a path that names the definition; keys of staff have a slash in them.
func owner(path string) string {
	slashes := 2
	if strings.HasPrefix(path, org.KindStaff+"/") {
		slashes = 3
	}
	for i := range len(path) {
		if path[i] == '/' {
			if slashes--; slashes == 0 {
				return path[:i]
			}
		}
	}
	return path
}

// lineInside matches messages that name a line of a text, counted from its first.
var lineInside = regexp.MustCompile(`第 (\d{1,4}) 行(附近)?[，：]`)

// tell gives each problem its line. What is wrong outside the file is told by its name.
func (b *Bundle) tell(problems []fault.Problem) error {
	list := make([]mistake, 0, len(problems))
	for _, p := range b.withoutEchoes(problems) {
		line, ok := b.line(p.Path)
		if !ok {
			list = append(list, mistake{0, p.Path + "：" + p.Message})
			continue
		}
		if m := lineInside.FindStringSubmatch(p.Message); m != nil && b.texts[p.Path] > 0 {
			n, _ := strconv.Atoi(m[1]) // digits, as matched
			line = b.texts[p.Path] + n - 1
			p.Message = strings.Replace(p.Message, m[0], "", 1)
		}
		list = append(list, mistake{line, p.Path + "：" + p.Message})
	}
	slices.SortStableFunc(list, func(x, y mistake) int { return x.line - y.line })
	out := make([]fault.Problem, len(list))
	for i, m := range list {
		out[i] = fault.Problem{Path: b.at(m.line), Message: m.message}
		if m.line == 0 {
			out[i].Path = "已有的配置"
		}
	}
	return fault.Problems(fmt.Sprintf("%s 有 %d 处错误，什么都没有改动", b.File, len(out)), out)
}

// withoutEchoes leaves out what only repeats that something stands where it cannot: a second problem of
// the same place, and what seems to be missing beside it.
func (b *Bundle) withoutEchoes(problems []fault.Problem) []fault.Problem {
	stray := map[string]bool{} // places, and what they are part of
	for _, p := range problems {
		if p.Stray {
			stray[p.Path], stray[parent(p.Path)+"/?"] = true, true
		}
	}
	return slices.DeleteFunc(slices.Clone(problems), func(p fault.Problem) bool {
		_, there := b.lines[p.Path]
		return !p.Stray && (stray[p.Path] || !there && stray[parent(p.Path)+"/?"])
	})
}

func parent(path string) string { return path[:max(strings.LastIndexAny(path, ".[/"), 0)] }

// readable says why a text cannot be YAML at all, and in which line.
func readable(text []byte) (line int, why string) {
	for n := 0; n < len(text); {
		c, size := utf8.DecodeRune(text[n:])
		at := func() int { return 1 + strings.Count(string(text[:n]), "\n") }
		switch {
		case c == utf8.RuneError && size == 1:
			return at(), "不是 UTF-8 编码：请用编辑器“另存为 UTF-8”后再试（GBK、UTF-16 都不行）"
		case c < 0x20 && c != '\t' && c != '\n' && c != '\r', c == 0x7f:
			return at(), fmt.Sprintf("有看不见的控制字符 U+%04X，请删掉", c)
		}
		n += size
	}
	return 0, ""
}
