package wechat

import (
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"
)

// ParseJSON reads a JSON object and returns it as the document its XML form would be: a member is a child
// element, a list is several children of one name, a number keeps its digits. So a door reads both forms
// with one code, and it does not matter where the platform writes a list of one as an object, or a number
// as text. The bounds are those of ParseXML. It returns ErrJSON or ErrNotUTF8.
func ParseJSON(s string) (Element, error) {
	if !utf8.ValidString(s) {
		return Element{}, ErrNotUTF8
	}
	d := json.NewDecoder(strings.NewReader(strings.TrimPrefix(s, "\ufeff")))
	d.UseNumber()
	t, err := d.Token()
	if err != nil || t != json.Delim('{') {
		return Element{}, ErrJSON
	}
	r := jsonReader{decoder: d, nodes: []node{{}}}
	if err := r.object(0, 1); err != nil {
		return Element{}, ErrJSON
	}
	if _, err := d.Token(); err != io.EOF {
		return Element{}, ErrJSON
	}
	return Element{nodes: r.nodes}, nil
}

// ParseEither reads a document in whichever form it is: what the sender says of it is not to be trusted.
func ParseEither(s string) (Element, error) {
	if isJSON(s) {
		return ParseJSON(s)
	}
	return ParseXML(s)
}

// isJSON tells the two forms apart by what they begin with.
func isJSON(s string) bool {
	return strings.HasPrefix(strings.TrimLeft(strings.TrimPrefix(s, "\ufeff"), blanks), "{")
}

type jsonReader struct {
	decoder *json.Decoder
	nodes   []node
}

// object reads the members of an object whose brace was read, as children of the node at.
func (r *jsonReader) object(at, depth int) error {
	for r.decoder.More() {
		name, err := r.decoder.Token()
		if err != nil {
			return err
		}
		if err := r.value(name.(string), depth); err != nil { // the decoder gives no other token for a name
			return err
		}
	}
	if _, err := r.decoder.Token(); err != nil {
		return err
	}
	r.nodes[at].end = len(r.nodes)
	return nil
}

// value reads one value as an element of the given name; a list as one for each of its items.
func (r *jsonReader) value(name string, depth int) error {
	if depth >= maxDepth || len(r.nodes) >= maxElements {
		return ErrJSON
	}
	t, err := r.decoder.Token()
	if err != nil {
		return err
	}
	if t == json.Delim('[') {
		for r.decoder.More() {
			if err := r.value(name, depth+1); err != nil {
				return err
			}
		}
		_, err := r.decoder.Token()
		return err
	}
	at := len(r.nodes)
	r.nodes = append(r.nodes, node{name: name, end: at + 1})
	switch v := t.(type) {
	case json.Delim: // an opening brace
		return r.object(at, depth+1)
	case string:
		r.nodes[at].text = v
	case json.Number:
		r.nodes[at].text = v.String()
	case bool:
		r.nodes[at].text = "false"
		if v {
			r.nodes[at].text = "true"
		}
	}
	return nil
}
