package content

import (
	"html"
	"regexp"
	"strings"

	"github.com/microcosm-cc/bluemonday"
)

// kept is what rich text may hold. Everything else is left out, what stood in it stays.
var kept = func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "strong", "b", "em", "u", "ul", "ol", "li", "h2", "h3", "blockquote")
	p.AllowAttrs("href").Matching(regexp.MustCompile(`^(https://|/[^/\\]|tel:|#)[^\s\\]*$`)).OnElements("a")
	p.AllowURLSchemes("https", "tel")
	p.AllowRelativeURLs(true)
	p.RequireNoFollowOnLinks(true)
	p.AddTargetBlankToFullyQualifiedLinks(false)
	return p
}()

var tag = regexp.MustCompile(`<[a-zA-Z/!]`)

// sanitize makes HTML that is harmless of what somebody wrote. Text without a tag becomes paragraphs.
func sanitize(s string) string {
	if tag.MatchString(s) {
		return strings.TrimSpace(kept.Sanitize(s))
	}
	var b strings.Builder
	for _, p := range regexp.MustCompile(`\n\s*\n`).Split(strings.ReplaceAll(s, "\r\n", "\n"), -1) {
		if p = strings.TrimSpace(p); p != "" {
			b.WriteString("<p>" + html.EscapeString(p) + "</p>")
		}
	}
	return b.String()
}

// Safe is the text as it may stand in a page.
func (t *Text) Safe() string { return t.safe }
