package httpapi

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/koi-scrm/koi/app/fault"
)

// ID is a number in the domains and text in JSON: message ids go beyond what a JavaScript number holds.
type ID int64

// MarshalText implements encoding.TextMarshaler.
func (i ID) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(i), 10), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (i *ID) UnmarshalText(text []byte) error {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n < 0 {
		return errors.New("应为数字编号")
	}
	*i = ID(n)
	return nil
}

// Schema implements huma.SchemaProvider.
func (ID) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: `^[0-9]{1,19}$`, PatternDescription: "数字编号", Examples: []any{"12"}}
}

// IDParam is an ID in a path or query: huma takes a parameter whose kind is a number for one.
type IDParam struct{ ID }

// cursor is a place in a list, in a form that callers pass back and do not read.
func cursor(place ...int64) string {
	parts := make([]string, len(place))
	for i, n := range place {
		parts[i] = strconv.FormatInt(n, 10)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(parts, ".")))
}

// Page is what every list takes.
type Page struct {
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"200" doc:"每页条数"`
	Cursor string `query:"cursor" maxLength:"100" doc:"上一页返回的 next；不填为第一页"`
}

// place reads n numbers of a cursor; all are 0 on the first page. Fault: Invalid.
func (p Page) place(n int) ([]int64, error) {
	out := make([]int64, n)
	if p.Cursor == "" {
		return out, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	parts := strings.Split(string(raw), ".")
	if err == nil && len(parts) != n {
		err = fmt.Errorf("%d parts", len(parts))
	}
	for i := range out {
		if err == nil {
			out[i], err = strconv.ParseInt(parts[i], 10, 64)
		}
	}
	if err != nil {
		return nil, wrong("query.cursor", "cursor 不对：请用上一页返回的 next，或从第一页重新开始")
	}
	return out, nil
}

// List is a page of a list.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next" doc:"下一页的 cursor；空表示没有了"`
}

// listOf is a list as an answer.
type listOf[T any] struct{ Body List[T] }

// answer is one thing as an answer.
type answer[T any] struct{ Body T }

// window cuts a page out of a list that is in memory.
func window[T any](all []T, p Page) (List[T], error) {
	at, err := p.place(1)
	if err != nil {
		return List[T]{}, err
	}
	from := min(max(int(at[0]), 0), len(all))
	to := min(from+p.Limit, len(all))
	out := List[T]{Items: append([]T{}, all[from:to]...)}
	if to < len(all) {
		out.Next = cursor(int64(to))
	}
	return out, nil
}

// wrong is one thing wrong with a request.
func wrong(path, format string, args ...any) error {
	return fault.Problems("请求内容有误，请改正标出的几项", []fault.Problem{{Path: path, Message: fmt.Sprintf(format, args...)}})
}
