package setting

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/koi-scrm/koi/app/fault"
)

// Decode reads a definition's body into a struct; unknown members are errors, so that a misspelt key is
// told instead of ignored.
func Decode(body json.RawMessage, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return d.Decode(into)
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
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

// Problem makes a problem whose path leads from the definition to the place inside it:
// "journey/welcome/nodes[2].config.template".
func Problem(kind, key, path, format string, args ...any) fault.Problem {
	return fault.Problem{Path: strings.TrimSuffix(kind+"/"+key+"/"+path, "/"), Message: fmt.Sprintf(format, args...)}
}
