package message

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/koi-scrm/koi/app/contact"
)

func TestCutMarkup_keeps_within_the_limit_and_closes_tags(t *testing.T) {
	t.Parallel()
	parts := []string{`<div class="gray">`, `<div class="highlight">`, `</div>`, `<br>`, "字", "很长的一段中文描述", "a", " "}
	openTag := regexp.MustCompile(`<div`)
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, 60).Draw(t, "parts"), "")
		limit := rapid.IntRange(40, 400).Draw(t, "limit")
		got := cutMarkup(s, limit)
		require.LessOrEqual(t, len(got), limit)
		require.True(t, utf8.ValidString(got))
		require.Len(t, openTag.FindAllString(got, -1), strings.Count(got, "</div>"), got)
		words := tagText.ReplaceAllString(got, "")
		all := tagText.ReplaceAllString(s, "")
		require.True(t, strings.HasPrefix(all, strings.TrimSuffix(words, ellipsis)), "%q of %q", words, all)
	})
}

func TestCutMarkup_leaves_what_fits_alone(t *testing.T) {
	t.Parallel()
	s := `<div class="gray">2026-11-22</div><div class="normal">张三</div>`
	require.Equal(t, s, cutMarkup(s, len(s)))
	require.Equal(t, s, cutMarkup(s, 512))
	require.Equal(t, `<div class="gray">2026…</div>`, cutMarkup(s, 31))
}

func TestRender_cuts_to_the_platforms_limits(t *testing.T) {
	t.Parallel()
	f := somebody()
	f.Contact.Values["company"] = contact.Value{Text: strings.Repeat("锦鲤科技", 1000)}
	card := rendered(t, cardOf(t, "{{contact.company}}", `<div class="normal">{{contact.company}}</div><div class="gray">尾</div>`), f)
	require.LessOrEqual(t, len(card["title"].(string)), 128)
	require.LessOrEqual(t, len(card["description"].(string)), 512)
	require.True(t, strings.HasSuffix(card["description"].(string), ellipsis+"</div>"))
	text := rendered(t, textOf(t, "{{contact.company}}"), f)["content"].(string)
	require.LessOrEqual(t, len(text), 2048)
	require.Greater(t, len(text), 2040)
}

func FuzzCompile(f *testing.F) {
	f.Add(`{{ contact.name | default: "x" }}`)
	f.Add(`{% for r in score.reasons %}{{ r }}{% endfor %}<a href="https://x">`)
	f.Add(`{{ 99999999999999999999 }}`)
	f.Fuzz(func(t *testing.T, src string) {
		c := &checker{key: "fuzz", known: known, uses: map[string]bool{}}
		for _, m := range []markup{plain, anchors, divs, address} {
			if tx := c.text("x", src, m, 512); tx != nil {
				r := renderer{vars: (&Template{}).bindings(somebody())}
				if out := r.text(tx); len(out) > 512 {
					t.Fatalf("%d bytes", len(out))
				}
			}
		}
	})
}
