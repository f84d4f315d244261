package message

import (
	"fmt"
	"slices"
	"strings"
)

// reference is a variable used in a template: a path like contact.company.
type reference []string

func (r reference) String() string { return strings.Join(r, ".") }

// expression is what the checks need of a Liquid expression: Liquid itself tells nothing about the
// variables in one before it runs, and an unknown variable then renders as nothing.
type expression struct {
	refs    []reference
	filters []string
}

type tokenKind int

const (
	tokString tokenKind = iota
	tokNumber
	tokName     // identifier
	tokProperty // .identifier
	tokKeyword  // identifier:
	tokPunct
)

type token struct {
	kind tokenKind
	text string
}

// words of the expression language that name no variable.
var words = []string{"true", "false", "nil", "and", "or", "contains", "in", "reversed"}

// parseExpression reads the expressions of an object or a tag. It accepts less than Liquid does: no
// ranges, which could loop for ever, and no index but a quoted property.
func parseExpression(src string) (expression, error) {
	var e expression
	toks, err := scan(src)
	if err != nil {
		return e, err
	}
	for i := 0; i < len(toks); i++ {
		t := toks[i]
		after := ""
		if i > 0 {
			after = toks[i-1].text
		}
		switch {
		case t.kind == tokPunct && t.text == "..":
			return e, fmt.Errorf("不支持区间写法 (a..b)")
		case t.kind == tokPunct && t.text == "[":
			return e, fmt.Errorf("方括号只能写在属性后面并带引号，例如 event.props[\"内容\"]")
		case (t.kind == tokName || t.kind == tokKeyword) && after == "|":
			e.filters = append(e.filters, t.text)
		case t.kind == tokProperty:
			return e, fmt.Errorf("“.%s”前面缺少变量", t.text)
		case t.kind == tokName && !slices.Contains(words, t.text):
			ref := reference{t.text}
			for i+1 < len(toks) {
				if toks[i+1].kind == tokProperty {
					ref = append(ref, toks[i+1].text)
					i++
					continue
				}
				if i+3 < len(toks) && toks[i+1].text == "[" && toks[i+2].kind == tokString && toks[i+3].text == "]" {
					ref = append(ref, toks[i+2].text)
					i += 3
					continue
				}
				break
			}
			e.refs = append(e.refs, ref)
		}
	}
	return e, nil
}

func scan(src string) ([]token, error) {
	var out []token
	for i := 0; i < len(src); {
		c := src[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '"' || c == '\'':
			end := strings.IndexByte(src[i+1:], c)
			if end < 0 {
				return nil, fmt.Errorf("引号没有成对")
			}
			out = append(out, token{tokString, src[i+1 : i+1+end]})
			i += end + 2
		case digit(c) || c == '-' && i+1 < len(src) && digit(src[i+1]):
			n := i + 1
			for n < len(src) && (digit(src[n]) || src[n] == '.' && n+1 < len(src) && digit(src[n+1])) {
				n++
			}
			if n-i > 15 {
				return nil, fmt.Errorf("数字“%s”太长", src[i:n])
			}
			out = append(out, token{tokNumber, src[i:n]})
			i = n
		case c == '.' && i+1 < len(src) && letter(src[i+1]):
			n := nameEnd(src, i+1)
			out = append(out, token{tokProperty, src[i+1 : n]})
			i = n
		case letter(c):
			n := nameEnd(src, i)
			name := src[i:n]
			if n < len(src) && src[n] == ':' {
				out = append(out, token{tokKeyword, name})
				n++
			} else {
				out = append(out, token{tokName, name})
			}
			i = n
		case strings.HasPrefix(src[i:], ".."):
			out = append(out, token{tokPunct, ".."})
			i += 2
		case c >= 0x80:
			return nil, fmt.Errorf("变量名只能用英文字母、数字和下划线；中文标点和文字要放进引号")
		default:
			out = append(out, token{tokPunct, string(c)})
			i++
		}
	}
	return out, nil
}

func digit(c byte) bool  { return c >= '0' && c <= '9' }
func letter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func nameEnd(src string, i int) int {
	for i < len(src) && (letter(src[i]) || digit(src[i]) || src[i] == '-') {
		i++
	}
	if i < len(src) && src[i] == '?' {
		i++
	}
	return i
}
