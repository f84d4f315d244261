package configs

import (
	"reflect"
	"strings"
	"time"
)

// node is one place in the tree of known keys, read off the koanf tags of Config. Both sources are
// checked against it: the keys of the file and the names of environment variables.
type node struct {
	kind   kind
	fields []field // of a section, in the order of the struct
	elem   *node   // of a list: the section every item has
}

type field struct {
	key  string
	node *node
}

type kind int

const (
	section kind = iota
	list
	text
	number
	duration
)

var schema = schemaOf(reflect.TypeFor[Config]())

func schemaOf(t reflect.Type) *node {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return &node{kind: duration}
	case t.Kind() == reflect.String:
		return &node{kind: text}
	case t.Kind() == reflect.Int:
		return &node{kind: number}
	case t.Kind() == reflect.Slice:
		return &node{kind: list, elem: schemaOf(t.Elem())}
	case t.Kind() == reflect.Struct:
		n := &node{kind: section}
		for i := range t.NumField() {
			f := t.Field(i)
			if key := f.Tag.Get("koanf"); key != "" && key != "-" {
				n.fields = append(n.fields, field{key: key, node: schemaOf(f.Type)})
			}
		}
		return n
	}
	panic("configs: no configuration value can be a " + t.String())
}

func (n *node) field(key string) *node {
	for _, f := range n.fields {
		if f.key == key {
			return f.node
		}
	}
	return nil
}

// step is one part of a path: a key, or (with an empty key) an index into a list.
type step struct {
	key   string
	index int
}

// resolve finds the value that an environment name stands for, e.g. ACCOUNTS_OFFICIAL_0_APP_ID. Keys may
// hold underscores themselves, so it tries every key that the name begins with. A test sees to it that
// no name can stand for two values.
func (n *node) resolve(name string) ([]step, *node) {
	switch n.kind {
	case section:
		for _, f := range n.fields {
			rest, ok := strings.CutPrefix(name, strings.ToUpper(f.key))
			if !ok {
				continue
			}
			if rest != "" {
				if rest, ok = strings.CutPrefix(rest, "_"); !ok {
					continue
				}
			}
			if path, leaf := f.node.resolve(rest); leaf != nil {
				return append([]step{{key: f.key}}, path...), leaf
			}
		}
	case list:
		digits, rest, _ := strings.Cut(name, "_")
		index, ok := smallNumber(digits)
		if !ok {
			return nil, nil
		}
		if path, leaf := n.elem.resolve(rest); leaf != nil {
			return append([]step{{index: index}}, path...), leaf
		}
	default:
		if name == "" {
			return nil, n
		}
	}
	return nil, nil
}

// smallNumber reads an index of a list: 0 to 999, without leading zeros.
func smallNumber(s string) (int, bool) {
	if s == "" || len(s) > 3 || (s[0] == '0' && len(s) > 1) {
		return 0, false
	}
	n := 0
	for _, r := range s {
		if r < '0' || r > '9' {
			return 0, false
		}
		n = n*10 + int(r-'0')
	}
	return n, true
}
