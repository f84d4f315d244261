package wechat

import (
	"errors"
	"iter"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What can be wrong with a document.
var (
	ErrXML     = errors.New("not a well-formed XML document")
	ErrJSON    = errors.New("not a JSON object")
	ErrNotUTF8 = errors.New("not UTF-8")
)

// Callbacks nest four deep and have at most some hundred elements (a group with 500 members). The bounds
// keep a hostile document from costing more memory than its own size.
const (
	maxDepth    = 16
	maxElements = 8192
	maxExpected = 64 // elements that memory is set aside for at once
)

const blanks = " \t\r\n"

// Element is one element of a document; the zero Element is an absent one: it has no text and no
// children. Elements share their document and are safe to read concurrently.
//
// It reads what the platforms send, which is XML with CDATA and little else, at a fraction of the cost of
// encoding/xml (see the benchmarks) and in time linear in the document. Attributes are skipped, comments and processing instructions ignored, declarations
// (DOCTYPE, ENTITY) refused. It is tolerant where refusing would lose a genuine event for a cosmetic
// fault: an unknown entity stands for itself, blanks around a CDATA section don't count.
type Element struct {
	nodes []node
	at    int
}

// node is one element; a document is its nodes in the order of their start tags, the root first.
type node struct {
	name string
	text string
	end  int // index after the last descendant
}

// ParseXML reads a document and returns its root. Texts alias s where nothing had to be unescaped.
func ParseXML(s string) (Element, error) {
	if !utf8.ValidString(s) {
		return Element{}, ErrNotUTF8
	}
	s = strings.TrimPrefix(s, "\ufeff")
	p := parser{nodes: make([]node, 0, min(strings.Count(s, "</"), maxExpected))}
	for len(s) > 0 {
		lt := strings.IndexByte(s, '<')
		if lt < 0 {
			lt = len(s)
		}
		if lt > 0 {
			if !p.characters(s[:lt]) {
				return Element{}, ErrXML
			}
			s = s[lt:]
			continue
		}
		n := p.markup(s)
		if n <= 0 {
			return Element{}, ErrXML
		}
		s = s[n:]
	}
	if p.depth != 0 || len(p.nodes) == 0 {
		return Element{}, ErrXML
	}
	return Element{nodes: p.nodes}, nil
}

type parser struct {
	nodes []node
	open  [maxDepth]int    // indexes of the elements not yet closed
	parts [maxDepth][]byte // their texts, where they come in more than one piece
	depth int
}

// characters adds text between tags to the innermost open element.
func (p *parser) characters(s string) bool {
	s = strings.Trim(s, blanks)
	if s == "" {
		return true
	}
	return p.add(unescape(s))
}

func (p *parser) add(s string) bool {
	if p.depth == 0 {
		return false
	}
	n, parts := &p.nodes[p.open[p.depth-1]], &p.parts[p.depth-1]
	if n.text == "" {
		n.text = s
		return true
	}
	if len(*parts) == 0 {
		*parts = append(*parts, n.text...)
	}
	*parts = append(*parts, s...)
	return true
}

// markup reads one construct at the start of s, which begins with '<', and returns its length; 0 or less
// means that it is malformed.
func (p *parser) markup(s string) int {
	switch {
	case strings.HasPrefix(s, "<![CDATA["):
		n := strings.Index(s, "]]>")
		if n < 0 || !p.add(s[len("<![CDATA["):n]) {
			return 0
		}
		return n + len("]]>")
	case strings.HasPrefix(s, "<!--"):
		n := strings.Index(s[len("<!--"):], "-->")
		if n < 0 {
			return 0
		}
		return len("<!--") + n + len("-->")
	case strings.HasPrefix(s, "<?"):
		n := strings.Index(s, "?>")
		if n < 0 {
			return 0
		}
		return n + len("?>")
	case strings.HasPrefix(s, "<!"):
		return 0
	case strings.HasPrefix(s, "</"):
		return p.endTag(s)
	default:
		return p.startTag(s)
	}
}

func (p *parser) endTag(s string) int {
	n := strings.IndexByte(s, '>')
	if n < 0 || p.depth == 0 {
		return 0
	}
	top, parts := &p.nodes[p.open[p.depth-1]], &p.parts[p.depth-1]
	if strings.TrimRight(s[len("</"):n], blanks) != top.name {
		return 0
	}
	if len(*parts) > 0 {
		top.text = string(*parts)
		*parts = (*parts)[:0]
	}
	top.end = len(p.nodes)
	p.depth--
	return n + 1
}

func (p *parser) startTag(s string) int {
	n := 1
	for n < len(s) && nameByte(s[n]) {
		n++
	}
	name := s[1:n]
	// A second root, or too much of it.
	if name == "" || (p.depth == 0 && len(p.nodes) > 0) || p.depth == maxDepth || len(p.nodes) == maxElements {
		return 0
	}
	p.nodes = append(p.nodes, node{name: name})
	for n < len(s) {
		switch c := s[n]; c {
		case '>':
			p.open[p.depth] = len(p.nodes) - 1
			p.depth++
			return n + 1
		case '/':
			if !strings.HasPrefix(s[n:], "/>") {
				return 0
			}
			p.nodes[len(p.nodes)-1].end = len(p.nodes)
			return n + len("/>")
		case '"', '\'':
			end := strings.IndexByte(s[n+1:], c)
			if end < 0 {
				return 0
			}
			n += end + 2
		case '<':
			return 0
		default:
			n++
		}
	}
	return 0
}

func nameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '_' || c == '-' || c == '.' || c == ':' || c >= utf8.RuneSelf
}

// unescape replaces the five named entities and character references; anything else stays as it is.
func unescape(s string) string {
	amp := strings.IndexByte(s, '&')
	if amp < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for amp >= 0 {
		b.WriteString(s[:amp])
		s = s[amp:]
		n, r := entity(s)
		if n == 0 {
			n, r = 1, '&'
		}
		b.WriteRune(r)
		s = s[n:]
		amp = strings.IndexByte(s, '&')
	}
	b.WriteString(s)
	return b.String()
}

// entity reads the reference at the start of s and returns its length, or 0 when it is none.
func entity(s string) (int, rune) {
	end := strings.IndexByte(s[:min(len(s), len("&#x10FFFF;"))], ';')
	if end < 2 {
		return 0, 0
	}
	name := s[1:end]
	switch name {
	case "lt":
		return end + 1, '<'
	case "gt":
		return end + 1, '>'
	case "amp":
		return end + 1, '&'
	case "quot":
		return end + 1, '"'
	case "apos":
		return end + 1, '\''
	}
	if name[0] != '#' {
		return 0, 0
	}
	digits, base := name[1:], 10
	if strings.HasPrefix(digits, "x") {
		digits, base = digits[1:], 16
	}
	code, err := strconv.ParseUint(digits, base, 32)
	if err != nil || !utf8.ValidRune(rune(code)) {
		return 0, 0
	}
	return end + 1, rune(code)
}

// Name is the element's tag, or "" for an absent one.
func (e Element) Name() string {
	if e.nodes == nil {
		return ""
	}
	return e.nodes[e.at].name
}

// Value is the element's own text.
func (e Element) Value() string {
	if e.nodes == nil {
		return ""
	}
	return e.nodes[e.at].text
}

// Child returns the first child of a name, or an absent element.
func (e Element) Child(name string) Element {
	if e.nodes == nil {
		return Element{}
	}
	for i, end := e.at+1, e.nodes[e.at].end; i < end; i = e.nodes[i].end {
		if e.nodes[i].name == name {
			return Element{nodes: e.nodes, at: i}
		}
	}
	return Element{}
}

// Text is the text of the first child of a name, "" when there is none.
func (e Element) Text(name string) string { return e.Child(name).Value() }

// Int is the first child's text as a whole number. The platforms write numbers with and without CDATA;
// what is not a number is 0.
func (e Element) Int(name string) int64 {
	n, _ := strconv.ParseInt(strings.TrimSpace(e.Text(name)), 10, 64)
	return n
}

// Children are the children of a name, in order.
func (e Element) Children(name string) iter.Seq[Element] {
	return func(yield func(Element) bool) {
		if e.nodes == nil {
			return
		}
		for i, end := e.at+1, e.nodes[e.at].end; i < end; i = e.nodes[i].end {
			if e.nodes[i].name == name && !yield(Element{nodes: e.nodes, at: i}) {
				return
			}
		}
	}
}

// What lies beyond is nonsense, and would not fit the days the log keeps its dedupe keys under.
const maxUnixSeconds = 253_402_300_799 // the end of year 9999

// Time is the first child's Unix seconds in milliseconds; otherwise is returned for what is no plausible
// instant, so that a fact is never lost for its time.
func (e Element) Time(name string, otherwise int64) int64 {
	s := e.Int(name)
	if s <= 0 || s > maxUnixSeconds {
		return otherwise
	}
	return s * 1000
}
