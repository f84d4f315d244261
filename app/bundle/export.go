package bundle

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/koi-scrm/koi/app/setting"
)

// head says what an exported file is. It names no time and no place: equal definitions, equal bytes.
const head = "# 生效中的配置（koi export）。改完先看差异：koi apply -f 文件 --dry-run，再去掉 --dry-run 生效。\n"

// Export writes what is in force as a bundle, each section in the items' order. Kinds that no section
// carries are left out.
func Export(items []setting.Item) ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, s := range sections {
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, it := range items {
			if it.Kind != s.kind {
				continue
			}
			body, ok := decode(it.Body).(map[string]any)
			if !ok {
				return nil, fmt.Errorf("export %s/%s: the body is no object", it.Kind, it.Key)
			}
			body["key"] = it.Key
			list.Content = append(list.Content, written(body))
		}
		if len(list.Content) > 0 {
			root.Content = append(root.Content, written(s.name), list)
		}
	}
	out := bytes.NewBufferString(head)
	if len(root.Content) == 0 {
		return out.Bytes(), nil
	}
	e := yaml.NewEncoder(out)
	e.SetIndent(2)
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return out.Bytes(), e.Close()
}

// oneLine is how long a part may be to stand in one line.
const oneLine = 96

// written turns decoded JSON into a node that reads back as the same.
func written(v any) *yaml.Node {
	n := &yaml.Node{}
	switch v := v.(type) {
	case map[string]any:
		n.Kind = yaml.MappingNode
		for _, k := range inOrder(v) {
			name := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: k}
			if k == merge || !plainLines(k) {
				name.Style = yaml.DoubleQuotedStyle
			}
			n.Content = append(n.Content, name, written(v[k]))
		}
	case []any:
		n.Kind = yaml.SequenceNode
		for _, x := range v {
			n.Content = append(n.Content, written(x))
		}
	case string:
		n.Kind, n.Tag, n.Value = yaml.ScalarNode, "!!str", v
		switch {
		case strings.Contains(v, "\n") && plainLines(v):
			n.Style = yaml.LiteralStyle
		case v == merge || slices.Contains(oldBools, strings.ToLower(v)) || !plainLines(v):
			n.Style = yaml.DoubleQuotedStyle
		}
		return n
	case json.Number:
		n.Kind, n.Tag, n.Value = yaml.ScalarNode, "!!float", v.String()
		if _, err := v.Int64(); err == nil {
			n.Tag = "!!int"
		}
		return n
	case bool:
		n.Kind, n.Tag, n.Value = yaml.ScalarNode, "!!bool", fmt.Sprint(v)
		return n
	default:
		n.Kind, n.Tag, n.Value = yaml.ScalarNode, "!!null", "null"
		return n
	}
	if s := asText(v); len([]rune(s)) <= oneLine && !strings.Contains(s, `\n`) {
		n.Style = yaml.FlowStyle
	}
	return n
}

// merge is the name under which a YAML mapping takes in another one.
const merge = "<<"

// oldBools are words that readers of YAML 1.1 take for yes or no.
var oldBools = []string{"y", "n", "yes", "no", "on", "off"}

// plainLines reports whether a text stands in a file as it is: nothing invisible, no space at its start or
// at the end of a line, which editors strip.
func plainLines(s string) bool {
	invisible := func(c rune) bool {
		return c < 0x20 && c != '\n' || c >= 0x7f && c < 0xa0 || c == 0xfeff || c == 0x2028 || c == 0x2029
	}
	return !strings.ContainsFunc(s, invisible) && strings.TrimSpace(s) == s && !strings.Contains(s, " \n")
}

// first are the members people look for first; the others follow by name.
var first = []string{"leaf", "key", "id", "prop", "op", "name", "label", "note", "group", "channel", "class", "kind", "type", "subject", "status",
	"order", "mode", "max", "half_life_days", "component", "config", "from", "port", "to", "points", "caps", "events", "where", "on", "when", "enter",
	"change", "value", "days", "title", "description", "content", "settings", "nodes", "edges"}

// inOrder sorts a mapping's names as people read them.
func inOrder(m map[string]any) []string {
	rank := func(k string) int {
		if i := slices.Index(first, k); i >= 0 {
			return i
		}
		return len(first)
	}
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(rank(a)-rank(b), strings.Compare(a, b)) })
}
