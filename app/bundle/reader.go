package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/koi-scrm/koi/app/setting"
)

// mistake is a problem at a line of the file.
type mistake struct {
	line    int
	message string
}

// reader turns YAML into the JSON that definitions are kept as, noting the line of every place in it. It
// takes what JSON can say and nothing that means different things to different readers of YAML.
type reader struct {
	bundle   *Bundle
	problems []mistake
	values   int
	open     map[*yaml.Node]bool // anchors being read, so that none stands for itself
}

func (r *reader) badAt(line int, format string, args ...any) {
	r.problems = append(r.problems, mistake{line, fmt.Sprintf(format, args...)})
}

func (r *reader) bad(n *yaml.Node, format string, args ...any) { r.badAt(n.Line, format, args...) }

func deref(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// document parses the one document of a file; nil when it is empty or no YAML.
func document(text []byte) (*yaml.Node, []mistake) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // Windows editors put it there
	if line, why := readable(text); line > 0 {
		return nil, []mistake{{line, why}}
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	var root, more yaml.Node
	if err := d.Decode(&root); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, []mistake{{blame(text, err), "不是有效的 YAML：" + hint(err)}}
	}
	switch err := d.Decode(&more); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, []mistake{{blame(text, err), "不是有效的 YAML：" + hint(err)}}
	default:
		return nil, []mistake{{more.Line, "一个文件只能有一份配置包：请去掉 --- 分隔线，或拆成几个文件"}}
	}
	if len(root.Content) == 0 || root.Content[0].ShortTag() == "!!null" {
		return nil, nil
	}
	return root.Content[0], nil
}

var (
	lineOf    = regexp.MustCompile(`line (\d+): `)
	anchorOf  = regexp.MustCompile(`unknown anchor '([^']*)'`)
	yamlHints = []struct{ says, hint string }{
		{"tab character", "缩进里有 Tab，请改成空格"},
		{"cannot start any token", "值以 @、`、% 或 Tab 开头：请给值加上引号"},
		{"mapping values are not allowed", "一行里有两个“: ”，或缩进不对：含冒号的文字请加引号"},
		{"could not find expected ':'", "缺少冒号：应写成“键: 值”，冒号后有空格"},
		{"alphabetic or numeric", "以 * 或 & 开头的文字请加引号"},
		{"did not find expected ',' or", "方括号或花括号没有配对，或中间少了逗号"},
		{"unexpected end of stream", "引号没有配对"},
		{"did not find expected", "缩进不对：同一层的内容要对齐，列表项要有“- ”"},
		{"unknown anchor", "用了没有定义的锚点：以 * 开头的文字请加引号"},
	}
)

// hint puts the parser's words, which are for developers, into an operator's.
func hint(err error) string {
	for _, h := range yamlHints {
		if strings.Contains(err.Error(), h.says) {
			return h.hint
		}
	}
	return lineOf.ReplaceAllString(strings.TrimPrefix(err.Error(), "yaml: "), "")
}

// blame finds the line of a syntax error. The parser often names the line where the surrounding list
// began, so this looks for the first line after which nothing can be read any more.
func blame(text []byte, err error) int {
	if m := anchorOf.FindStringSubmatch(err.Error()); m != nil {
		if i := bytes.Index(text, []byte("*"+m[1])); i >= 0 {
			return 1 + bytes.Count(text[:i], []byte("\n"))
		}
	}
	said := 1
	if m := lineOf.FindStringSubmatch(err.Error()); m != nil {
		said, _ = strconv.Atoi(m[1]) // digits, as matched
	}
	if strings.Contains(err.Error(), "could not find expected ':'") {
		return said // it is found missing only in the line below
	}
	for budget := 64 << 20; budget > 0; budget -= len(text) {
		text = bytes.TrimSuffix(text, []byte("\n"))
		text = text[:bytes.LastIndexByte(text, '\n')+1]
		if len(text) == 0 || yaml.Unmarshal(text, &yaml.Node{}) == nil {
			return 1 + bytes.Count(text, []byte("\n"))
		}
	}
	return said
}

// value reads a node at a path; sep is what parts a member's name from the path.
func (r *reader) value(n *yaml.Node, path, sep string, depth int) any {
	if r.values++; r.values > maxValues || depth > maxDepth {
		if r.values == maxValues+1 {
			r.bad(n, "内容太多：连同锚点展开的在内，一个配置包最多 %d 个值", maxValues)
		} else if depth == maxDepth+1 {
			r.bad(n, "嵌套太深：最多 %d 层", maxDepth)
		}
		return nil
	}
	if _, known := r.bundle.lines[path]; !known {
		r.bundle.lines[path] = n.Line
	}
	switch n.Kind {
	case yaml.AliasNode:
		if r.open[n.Alias] {
			r.bad(n, "锚点 *%s 指向了它自己", n.Value)
			return nil
		}
		r.open[n.Alias] = true
		defer delete(r.open, n.Alias)
		return r.value(n.Alias, path, sep, depth+1)
	case yaml.MappingNode:
		out := map[string]any{}
		r.mapping(n, path, sep, depth, out)
		return out
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, c := range n.Content {
			p := path + "[" + strconv.Itoa(i) + "]"
			r.bundle.lines[p] = c.Line
			out[i] = r.value(c, p, ".", depth+1)
		}
		return out
	}
	if n.Style&yaml.LiteralStyle != 0 {
		r.bundle.texts[path] = n.Line + 1
	}
	return r.scalar(n)
}

// mapping reads members into out. What `<<` merges in gives way to what stands in the mapping itself.
func (r *reader) mapping(n *yaml.Node, path, sep string, depth int, out map[string]any) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].ShortTag() == "!!merge" {
			r.merge(n.Content[i+1], path, sep, depth, out)
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		name := deref(k)
		switch first, again := seen[name.Value]; {
		case name.Kind != yaml.ScalarNode:
			r.bad(k, "键应是一个名称；以 { 或 [ 开头的文字（如 {{ 变量 }}）请加引号")
			continue
		case name.ShortTag() == "!!merge":
			continue
		case again:
			r.bad(k, "%s 在第 %d 行已经写过", name.Value, first)
			continue
		}
		seen[name.Value] = k.Line
		p := path + sep + name.Value
		r.bundle.lines[p] = k.Line
		out[name.Value] = r.value(n.Content[i+1], p, ".", depth+1)
	}
}

func (r *reader) merge(n *yaml.Node, path, sep string, depth int, out map[string]any) {
	from := deref(n)
	switch r.values++; {
	case r.values > maxValues: // value says so
	case from.Kind == yaml.SequenceNode && n.Kind == yaml.SequenceNode:
		for i := len(from.Content) - 1; i >= 0; i-- { // the first of them counts most
			r.merge(from.Content[i], path, sep, depth, out)
		}
	case from.Kind != yaml.MappingNode:
		r.bad(n, "<< 后面应是一个锚点（*名称），它指向“键: 值”")
	case r.open[from] || depth > maxDepth:
		r.bad(n, "锚点 *%s 指向了它自己", n.Value)
	default:
		r.open[from] = true
		r.mapping(from, path, sep, depth+1, out)
		delete(r.open, from)
	}
}

// scalar reads a single value. A bare date is the text it was written as.
func (r *reader) scalar(n *yaml.Node) any {
	switch tag := n.ShortTag(); tag {
	case "!!null":
		return nil
	case "!!str", "!!timestamp", "!!merge":
		return n.Value
	case "!!bool":
		var b bool
		if n.Decode(&b) == nil {
			return b
		}
	case "!!int":
		// 0755 is 493 to one reader of YAML and 755 to another.
		var i int64
		if n.Decode(&i) == nil && !leadingZero.MatchString(n.Value) {
			return i
		}
	case "!!float":
		var f float64
		if n.Decode(&f) == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f
		}
	default:
		r.bad(n, "不支持 %s 这样的 YAML 标记；以 ! 开头的文字请加引号", tag)
		return nil
	}
	r.bad(n, "“%s”不是能保存的数或是非值；要当作文字请加引号", n.Value)
	return nil
}

var leadingZero = regexp.MustCompile(`^[-+]?0[0-9_]+$`)

func encode(v any) (json.RawMessage, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return setting.Canonical(raw)
}
