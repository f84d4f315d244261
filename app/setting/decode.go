package setting

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/koi-scrm/koi/app/fault"
)

// Decode reads a definition's body into a struct; unknown members are errors, so that a misspelt key is
// told instead of ignored. What fits is read also when something else does not. The error is a *Misfit
// unless the body is no JSON at all.
func Decode(body json.RawMessage, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		return nil
	}
	if m := misfit(body, reflect.TypeOf(into), ""); m != nil {
		return m
	}
	return err
}

// Misfit is a member that a definition cannot have, or not in this form.
type Misfit struct {
	Path   string // inside what was decoded: "rules[2].points"
	Reason string // Chinese
}

func (m *Misfit) Error() string { return m.Reason }

// Place is where inside the decoded document an error of Decode lies, as it is put behind a path:
// ".rules[2].points", or "" for the document as a whole.
func Place(err error) string {
	var m *Misfit
	if !errors.As(err, &m) || m.Path == "" {
		return ""
	}
	if m.Path[0] == '[' {
		return m.Path
	}
	return "." + m.Path
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// misfit finds the first member that does not fit a type; what decodes itself is not looked into.
func misfit(raw json.RawMessage, t reflect.Type, path string) *Misfit {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	raw = bytes.TrimSpace(raw)
	if string(raw) == "null" || reflect.PointerTo(t).Implements(unmarshaler) {
		return nil
	}
	not := func(what string) *Misfit { return &Misfit{path, "应是" + what + "，现在是 " + short(raw)} }
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		var m map[string]json.RawMessage
		if json.Unmarshal(raw, &m) != nil {
			return not("“键: 值”的写法")
		}
		if t.Kind() == reflect.Map {
			for _, k := range slices.Sorted(maps.Keys(m)) {
				if x := misfit(m[k], t.Elem(), below(path, k)); x != nil {
					return x
				}
			}
			return nil
		}
		return misfitStruct(m, t, path)
	case reflect.Slice:
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return not("列表")
		}
		for i, v := range list {
			if x := misfit(v, t.Elem(), path+"["+strconv.Itoa(i)+"]"); x != nil {
				return x
			}
		}
	case reflect.Interface:
	default:
		if json.Unmarshal(raw, reflect.New(t).Interface()) != nil {
			return not(formOf(t.Kind()))
		}
	}
	return nil
}

func misfitStruct(m map[string]json.RawMessage, t reflect.Type, path string) *Misfit {
	types := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		tag, tagged := f.Tag.Lookup("json")
		name, _, _ := strings.Cut(tag, ",")
		if !f.IsExported() || tag == "-" || f.Anonymous && !tagged {
			continue
		}
		if name == "" {
			name = f.Name
		}
		types[name] = f.Type
	}
	known := slices.Sorted(maps.Keys(types))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		i := slices.IndexFunc(known, func(n string) bool { return strings.EqualFold(n, k) }) // as encoding/json finds it
		if i < 0 {
			return &Misfit{below(path, k), fmt.Sprintf("没有 %s 这一项，可用：%s", k, strings.Join(known, "、"))}
		}
		if x := misfit(m[k], types[known[i]], below(path, k)); x != nil {
			return x
		}
	}
	return nil
}

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func formOf(k reflect.Kind) string {
	switch k {
	case reflect.String:
		return "文字"
	case reflect.Bool:
		return " true 或 false"
	case reflect.Float32, reflect.Float64:
		return "数"
	}
	return "整数"
}

// short shows a wrong value, cut where it gets long.
func short(raw []byte) string {
	if r := []rune(string(raw)); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return string(raw)
}

// Canonical returns a JSON document with sorted members and no white space: equal meaning, equal bytes.
// Numbers keep their spelling.
func Canonical(body json.RawMessage) (json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON document")
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

// Problem makes a problem whose path leads from the definition to the place inside it:
// "journey/welcome/nodes[2].config.template". An error of Decode among args leads further, to its own place.
func Problem(kind, key, path, format string, args ...any) fault.Problem {
	p := fault.Problem{Message: fmt.Sprintf(format, args...)}
	for _, a := range args {
		if err, ok := a.(error); ok {
			path = strings.TrimPrefix(path+Place(err), ".")
			p.Stray = errors.As(err, new(*Misfit))
		}
	}
	p.Path = strings.TrimSuffix(kind+"/"+key+"/"+path, "/")
	return p
}

// Below gives problems of a part of a definition the path from the definition on.
func Below(kind, key string, list []fault.Problem) []fault.Problem {
	out := slices.Clone(list)
	for i := range out {
		out[i].Path = kind + "/" + key + "/" + out[i].Path
	}
	return out
}
