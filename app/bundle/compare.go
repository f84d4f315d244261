package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Part is a place in which two versions of a definition differ. Old is "" for what is new there, New for
// what is gone.
type Part struct {
	Path string `json:"path"` // "rules[view].points"
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

// String is the part as one line: "rules[view].points：1 → 2".
func (p Part) String() string {
	switch {
	case p.New == reordered:
		return p.Path + "：" + reordered
	case p.Old == "":
		return p.Path + "：+ " + p.New
	case p.New == "":
		return p.Path + "：- " + p.Old
	}
	return p.Path + "：" + p.Old + " → " + p.New
}

// reordered is the New of a list that holds the same in another order.
const reordered = "（顺序变了）"

// compare lists the smallest places in which two bodies differ, in order.
func compare(old, now json.RawMessage) []Part {
	var out []Part
	differ("", decode(old), decode(now), &out)
	return out
}

// spelled is a number as the reader would keep it: 1 for 1.0, 1e0 and -0 for 0.
func spelled(n json.Number) string {
	if i, err := n.Int64(); err == nil {
		return strconv.FormatInt(i, 10)
	}
	f, err := n.Float64()
	if err != nil {
		return n.String()
	}
	raw, _ := json.Marshal(f) // it is finite
	if i, err := json.Number(raw).Int64(); err == nil {
		return strconv.FormatInt(i, 10) // -0
	}
	return string(raw)
}

// decode reads a body.
func decode(raw json.RawMessage) any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	_ = d.Decode(&v) // bodies are valid JSON
	return respelled(v)
}

// respelled gives every number the spelling that the reader would give it.
func respelled(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = respelled(v[k])
		}
	case []any:
		for i := range v {
			v[i] = respelled(v[i])
		}
	case json.Number:
		return json.Number(spelled(v))
	}
	return v
}

func differ(path string, a, b any, out *[]Part) {
	_, wasText := a.(string)
	if _, isText := b.(string); wasText == isText && asText(a) == asText(b) {
		return
	}
	if x, ok := a.(map[string]any); ok {
		if y, ok := b.(map[string]any); ok {
			members(path, x, y, out)
			return
		}
	}
	if x, ok := a.([]any); ok {
		if y, ok := b.([]any); ok {
			lists(path, x, y, out)
			return
		}
	}
	p := Part{Path: path}
	p.Old, p.New = shorten(asText(a), asText(b))
	*out = append(*out, p)
}

func members(path string, a, b map[string]any, out *[]Part) {
	all := maps.Clone(a)
	maps.Copy(all, b)
	for _, k := range inOrder(all) {
		p := k
		if path != "" {
			p = path + "." + k
		}
		one(p, a, b, k, out)
	}
}

// one compares a member that either side may lack.
func one[K comparable](path string, a, b map[K]any, k K, out *[]Part) {
	x, had := a[k]
	y, has := b[k]
	switch {
	case !had:
		_, now := shorten("", asText(y))
		*out = append(*out, Part{Path: path, New: now})
	case !has:
		old, _ := shorten(asText(x), "")
		*out = append(*out, Part{Path: path, Old: old})
	default:
		differ(path, x, y, out)
	}
}

// lists compares by the items' own names where they have some, by place where as many stand on both
// sides, else by what is there.
func lists(path string, a, b []any, out *[]Part) {
	before := len(*out)
	x, inA := identified(a)
	y, inB := identified(b)
	switch {
	case inA != nil && inB != nil:
		order := slices.Clone(x)
		for _, k := range y {
			if !slices.Contains(order, k) {
				order = append(order, k)
			}
		}
		for _, k := range order {
			one(path+"["+k+"]", inA, inB, k, out)
		}
		if len(*out) == before && !slices.Equal(x, y) {
			*out = append(*out, Part{Path: path, New: reordered})
		}
	case len(a) == len(b):
		for i := range a {
			differ(fmt.Sprintf("%s[%d]", path, i), a[i], b[i], out)
		}
	default:
		was, is := counted(a), counted(b)
		for _, s := range slices.Sorted(maps.Keys(was)) {
			if was[s] > is[s] {
				old, _ := shorten(s, "")
				*out = append(*out, Part{Path: path, Old: old})
			}
		}
		for _, s := range slices.Sorted(maps.Keys(is)) {
			if is[s] > was[s] {
				_, now := shorten("", s)
				*out = append(*out, Part{Path: path, New: now})
			}
		}
	}
}

// identified gives a list's items by the name each of them has, or nothing when not all have one.
func identified(list []any) (order []string, by map[string]any) {
	by = map[string]any{}
	for _, v := range list {
		m, _ := v.(map[string]any)
		if m["leaf"] != nil { // the key of a condition names what it asks about, not the condition
			return nil, nil
		}
		k, ok := m["key"].(string)
		if !ok {
			k, ok = m["id"].(string)
		}
		if _, twice := by[k]; !ok || twice {
			return nil, nil
		}
		by[k] = v
		order = append(order, k)
	}
	return order, by
}

func counted(list []any) map[string]int {
	out := map[string]int{}
	for _, v := range list {
		out[asText(v)]++
	}
	return out
}

// asText shows a value: a text as it is, anything else as JSON.
func asText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // it was decoded from JSON
	return strings.TrimSuffix(b.String(), "\n")
}

const (
	shown  = 60 // characters of a value that a difference shows
	leadIn = 12 // of which so many may lead up to where two long texts part
)

// shorten cuts two values to what fits a line, from where they part.
func shorten(a, b string) (string, string) {
	x, y := []rune(a), []rune(b)
	same := 0
	for same < len(x) && same < len(y) && x[same] == y[same] {
		same++
	}
	skip := 0
	if len(x) > shown || len(y) > shown {
		skip = max(same-leadIn, 0)
	}
	return window(x, skip), window(y, skip)
}

func window(s []rune, from int) string {
	from = min(from, len(s))
	out := string(s[from:min(from+shown, len(s))])
	if from > 0 {
		out = "…" + out
	}
	if from+shown < len(s) {
		out += "…"
	}
	return strings.ReplaceAll(out, "\n", "⏎")
}
