package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"

	"github.com/koi-scrm/koi/app/fault"
)

// DefaultFile is read when no file is named, if it is there.
const DefaultFile = "koi.yaml"

const (
	envPrefix = "KOI_"
	// testPrefix marks variables that speak to the tests, not to Koi.
	testPrefix = "KOI_TEST_"
	fileSuffix = "_FILE"
)

// Load reads the configuration: defaults, then the YAML file at path, then environ (KEY=value, as
// os.Environ gives it). An empty path means koi.yaml when there is one. A variable KOI_… names a key of
// the file in capitals, its parts joined by underscores, with numbers for the items of lists; with _FILE
// at the end its value is the path of a file that holds the value. An empty variable counts as unset.
//
// Faults: Invalid with every problem of the file, the environment and Validate at once; NotFound when the
// named file does not exist. No message holds a value that may be a secret.
func Load(path string, environ []string) (*Config, error) {
	raw := koanf.New(".")
	if err := readFile(raw, path); err != nil {
		return nil, err
	}
	l := loader{wrong: map[string]bool{}}
	tree, _ := l.check(schema, "", raw.Raw()).(map[string]any)
	if tree == nil {
		tree = map[string]any{}
	}
	l.environment(tree, environ)

	k := koanf.New(".")
	for key, value := range tree {
		if err := k.Set(key, value); err != nil {
			return nil, fmt.Errorf("set %s: %w", key, err)
		}
	}
	c := Default()
	if err := k.Unmarshal("", c); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "配置文件的内容不对")
	}
	for _, p := range c.check() {
		if !l.wrong[p.Path] { // a value that could not be read must not be called missing too
			l.problems = append(l.problems, p)
		}
	}
	if err := problems(l.problems); err != nil {
		return nil, err
	}
	return c, nil
}

func readFile(k *koanf.Koanf, path string) error {
	named := path != ""
	if !named {
		path = DefaultFile
	}
	err := k.Load(file.Provider(path), yaml.Parser())
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist) && !named:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fault.Wrap(err, fault.NotFound, "找不到配置文件 %s：请检查 --config 的路径", path)
	case errors.Is(err, fs.ErrPermission):
		return fault.Wrap(err, fault.Denied, "没有权限读取配置文件 %s", path)
	}
	return fault.Wrap(err, fault.Invalid, "配置文件 %s 不是正确的 YAML", path)
}

// loader collects what is wrong while reading.
type loader struct {
	problems []fault.Problem
	wrong    map[string]bool // paths of values that are there but cannot be read
}

func (l *loader) problem(path, format string, args ...any) {
	l.wrong[path] = true
	l.problems = append(l.problems, fault.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

// check compares a value of the file with what is known at its place and returns it without the empty
// keys ("accounts:" and nothing after it), which mean the default.
func (l *loader) check(n *node, path string, value any) any {
	if value == nil {
		return nil
	}
	switch n.kind {
	case section:
		return l.checkSection(n, path, value)
	case list:
		items, ok := value.([]any)
		if !ok {
			l.problem(path, "应是列表，每项以 - 开头")
			return nil
		}
		out := make([]any, len(items))
		for i, item := range items {
			at := fmt.Sprintf("%s[%d]", path, i)
			if out[i] = l.check(n.elem, at, item); out[i] != nil {
				continue
			}
			if n.elem.kind == section {
				out[i] = map[string]any{}
			} else if !l.wrong[at] {
				l.problem(at, "不能为空")
			}
		}
		return out
	case text:
		// An unquoted 0123456 or 1e10 is a number to YAML, and its digits are lost by now.
		if _, ok := value.(string); !ok {
			l.problem(path, "应是文字：纯数字等请加引号")
			return nil
		}
	case number:
		if _, ok := value.(int); !ok {
			l.problem(path, "应是整数")
			return nil
		}
	case duration:
		if s, ok := value.(string); !ok || !isDuration(s) {
			l.problem(path, "应是时长，如 30s、10m、24h、7d")
			return nil
		}
	}
	return value
}

func (l *loader) checkSection(n *node, path string, value any) any {
	m, ok := value.(map[string]any)
	if !ok {
		l.problem(path, "应是一组“键: 值”")
		return nil
	}
	out := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		at := key
		if path != "" {
			at = path + "." + key
		}
		sub := n.field(key)
		if sub == nil {
			l.problem(at, "没有这个配置项，可用的有：%s", strings.Join(n.keys(), "、"))
			continue
		}
		if v := l.check(sub, at, m[key]); v != nil {
			out[key] = v
		}
	}
	return out
}

func (n *node) keys() []string {
	keys := make([]string, len(n.fields))
	for i, f := range n.fields {
		keys[i] = f.key
	}
	return keys
}

// environment lays the variables over the tree of the file, in the order of their names, so that item 0
// of a list comes before item 1.
func (l *loader) environment(tree map[string]any, environ []string) {
	vars := map[string]string{}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, envPrefix) && !strings.HasPrefix(name, testPrefix) && value != "" {
			vars[name] = value
		}
	}
	from := map[string]string{} // path → the variable that set it
	for _, name := range slices.SortedFunc(maps.Keys(vars), byIndex) {
		path, leaf := schema.resolve(strings.TrimPrefix(name, envPrefix))
		value := vars[name]
		if leaf == nil {
			short, isFile := strings.CutSuffix(name, fileSuffix)
			if path, leaf = schema.resolve(strings.TrimPrefix(short, envPrefix)); !isFile || leaf == nil {
				l.problem(name, "没有这个配置项：请对照 koi.example.yaml 检查环境变量的名字")
				continue
			}
			content, err := os.ReadFile(value)
			if err != nil {
				l.problem(name, "读不到文件：%v", err)
				l.wrong[pathString(path)] = true
				continue
			}
			value = strings.TrimRight(string(content), "\r\n")
		}
		at := pathString(path)
		if other := from[at]; other != "" {
			l.problem(name, "和 %s 设置的是同一项，请只留一个", other)
			continue
		}
		from[at] = name
		if v := l.parse(leaf, name, value); v != nil {
			l.put(tree, path, name, v)
		} else {
			l.wrong[at] = true
		}
	}
}

// byIndex orders names so that …_2_… stands before …_10_….
func byIndex(a, b string) int {
	as, bs := strings.Split(a, "_"), strings.Split(b, "_")
	return slices.CompareFunc(as, bs, func(x, y string) int {
		i, iok := smallNumber(x)
		j, jok := smallNumber(y)
		if iok && jok {
			return i - j
		}
		return strings.Compare(x, y)
	})
}

// parse reads a variable's text; what it is called stands for it in a problem.
func (l *loader) parse(leaf *node, name, value string) any {
	if leaf.kind != number {
		return l.check(leaf, name, value)
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		return l.check(leaf, name, value)
	}
	return n
}

// put sets a value at a path, adding sections and, at the end of a list, one item.
func (l *loader) put(tree map[string]any, path []step, name string, value any) {
	at := tree
	for i, s := range path[:len(path)-1] {
		if s.key == "" {
			continue // taken together with the list's key below
		}
		if path[i+1].key != "" {
			sub, ok := at[s.key].(map[string]any)
			if !ok {
				sub = map[string]any{}
				at[s.key] = sub
			}
			at = sub
			continue
		}
		items, _ := at[s.key].([]any)
		index := path[i+1].index
		if i+2 == len(path) && index <= len(items) { // a list of plain values
			if index == len(items) {
				items = append(items, nil)
			}
			items[index] = value
			at[s.key] = items
			return
		}
		if index > len(items) {
			l.problem(name, "跳过了第 %d 项：列表从 0 起连续编号，现有 %d 项", len(items), len(items))
			return
		}
		if index == len(items) {
			items = append(items, map[string]any{})
			at[s.key] = items
		}
		at = items[index].(map[string]any)
	}
	at[path[len(path)-1].key] = value
}

func pathString(path []step) string {
	var b strings.Builder
	for _, s := range path {
		switch {
		case s.key == "":
			fmt.Fprintf(&b, "[%d]", s.index)
		case b.Len() > 0:
			b.WriteString("." + s.key)
		default:
			b.WriteString(s.key)
		}
	}
	return b.String()
}

// isDuration: what koanf reads as one, a number with d for days included.
func isDuration(s string) bool {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		_, err := strconv.ParseUint(days, 10, 16)
		return err == nil
	}
	_, err := time.ParseDuration(s)
	return err == nil
}
