package simulator

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// fields are what a caller sent: the query, and over it the JSON body. Names reach inside by dots:
// "text.content".
type fields map[string]any

// parse reads a body; an empty one has no fields.
func parse(body []byte) (fields, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return fields{}, nil
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var f fields
	if err := dec.Decode(&f); err != nil {
		return fields{}, err
	}
	return f, nil
}

// with adds the query where the body has no such field.
func (f fields) with(q url.Values) fields {
	if f == nil {
		f = fields{}
	}
	for k, v := range q {
		if _, ok := f[k]; !ok && len(v) > 0 {
			f[k] = v[0]
		}
	}
	return f
}

func (f fields) at(name string) any {
	first, rest, nested := strings.Cut(name, ".")
	v := f[first]
	if !nested {
		return v
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	return fields(m).at(rest)
}

// str is a text field; numbers are taken as their digits, anything else as "".
func (f fields) str(name string) string {
	switch v := f.at(name).(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// num is a whole number, also when it came as text: whether the platforms refuse that isn't known, and
// silenceper sends agentid so.
func (f fields) num(name string) (int64, bool) {
	n, err := strconv.ParseInt(f.str(name), 10, 64)
	return n, err == nil
}

func (f fields) list(name string) []any {
	v, _ := f.at(name).([]any)
	return v
}

func (f fields) obj(name string) fields {
	v, _ := f.at(name).(map[string]any)
	return v
}

// strs is a list of texts; other elements are left out.
func (f fields) strs(name string) []string {
	var out []string
	for _, v := range f.list(name) {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// objs is a list of objects; other elements are left out.
func (f fields) objs(name string) []fields {
	var out []fields
	for _, v := range f.list(name) {
		if m, ok := v.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// parts splits "a|b|c", the platform's list of recipients.
func (f fields) parts(name string) []string {
	var out []string
	for s := range strings.SplitSeq(f.str(name), "|") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// cut shortens a text to at most n bytes without breaking a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
