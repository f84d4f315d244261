package h5

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/bundle"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/content"
	"github.com/koi-scrm/koi/app/setting"
	"github.com/koi-scrm/koi/templates"
)

var update = flag.Bool("update", false, "write the golden files anew")

// drawn are blocks as a definition writes them.
var drawn = map[string]string{
	"hero":    `{"title":"增长白皮书","text":"第一行\n第二行","image":"https://img.example.com/a.jpg","button":{"label":"领取","url":"#form"}}`,
	"heading": `{"text":"为什么","note":"说明"}`,
	"text":    `{"html":"<p>您好 <strong>重点</strong> <a href=\"https://example.com/a?b=1&c=2\">链接</a></p><script>alert(1)</script><img src=x onerror=alert(1)>"}`,
	"image":   `{"src":"/files/a.png","alt":"界面","link":"/p/price"}`,
	"points":  `{"title":"您会看到","items":[{"title":"一","text":"说明一"},{"title":"二"}]}`,
	"quote":   `{"text":"转化率提高一倍","author":"王总","role":"某公司"}`,
	"button":  `{"label":"联系我","action":"contact","url":"https://work.weixin.qq.com/ca/cawcde1234"}`,
	"price":   `{"title":"版本","note":"含税","plans":[{"name":"标准版","price":"¥ 199","unit":"/ 人 / 年","points":["标签","评分"],"button":{"label":"选它","url":"#form"}},{"name":"专业版","price":"面议","highlight":true}]}`,
	"faq":     `{"title":"常见问题","items":[{"q":"能试用吗？","a":"能。"}]}`,
	"video":   `{"host":"bilibili","id":"BV1xx411c7mD","title":"演示"}`,
	"form": `{"title":"预约演示","note":"一天内联系","event":"trial.requested","submit":"预约","fields":[{"field":"name","required":true},{"field":"phone","required":true,"placeholder":"11 位"},
		{"field":"email"},{"field":"company_size"},{"field":"gender"},{"field":"industry","options":[{"key":"软件","label":"软件"},{"key":"制造","label":"制造"}]},{"field":"bant_budget"},{"field":"contract_end"}],
		"privacy":{"url":"https://example.com/privacy","version":"2026-01","company":"云帆软件"},"consents":["marketing_sms","third_party"]}`,
	"divider": `{}`,
	"footer":  `{"company":"云帆软件","text":"杭州","privacy_url":"https://example.com/privacy","icp":"浙ICP备00000000号"}`,
}

func fields(t testing.TB) map[string]contact.Field {
	m, problems := contact.Compile(nil)
	require.Empty(t, problems)
	out := map[string]contact.Field{}
	for _, f := range m.Fields() {
		out[f.Key] = f
	}
	return out
}

// pageOf compiles a page of blocks.
func pageOf(t testing.TB, theme string, blocks ...string) (*content.Page, error) {
	t.Helper()
	body := fmt.Sprintf(`{"name":"页","status":"live","title":"标题","description":"说明","kind":"price","theme":%q,"blocks":[%s]}`, theme, strings.Join(blocks, ","))
	m, problems := content.Compile([]setting.Item{{Kind: content.KindPage, Key: "white-paper", Body: json.RawMessage(body)}}, fields(t))
	if len(problems) > 0 {
		return nil, fmt.Errorf("%v", problems)
	}
	return m.Page("white-paper"), nil
}

func blockOf(id, typ, props string) string {
	return fmt.Sprintf(`{"id":%q,"type":%q,"props":%s}`, id, typ, props)
}

var mainPart = regexp.MustCompile(`(?s)<main>\n(.*)</main>`)

func TestPage_draws_each_block_as_before(t *testing.T) {
	t.Parallel()
	require.Len(t, drawn, len(content.Types), "every type has a golden file")
	for _, typ := range content.Types {
		p, err := pageOf(t, "#1f5fd6", blockOf("b1", typ, drawn[typ]))
		require.NoError(t, err, typ)
		v := &pageView{Page: p, Nonce: "n", Scripts: true, Visitor: "v_0123456789", State: formState{Action: "/p/white-paper/submit", Ticket: "t", Visitor: "v_0123456789"}}
		raw, err := v.draw()
		require.NoError(t, err, typ)
		got := mainPart.FindSubmatch(raw)[1]
		golden := filepath.Join("testdata", "golden", typ+".html")
		if *update {
			require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
			require.NoError(t, os.WriteFile(golden, got, 0o644))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), typ)
		require.NotContains(t, string(got), "ZgotmplZ", typ)
	}
}

func TestPage_shows_a_form_with_what_was_typed_and_what_is_wrong(t *testing.T) {
	t.Parallel()
	p, err := pageOf(t, "", blockOf("form", "form", drawn["form"]))
	require.NoError(t, err)
	v := &pageView{Page: p, State: formState{Errors: map[string]string{"phone": "请填写 11 位手机号", "_privacy": "请勾选"}, Values: map[string]string{"name": `"><script>`, "gender": "female"},
		Ticked: map[string]bool{"marketing_sms": true}}}
	raw, err := v.draw()
	require.NoError(t, err)
	text := string(raw)
	require.Contains(t, text, `value="&#34;&gt;&lt;script&gt;"`)
	require.Contains(t, text, `<option value="female" selected>`)
	require.Contains(t, text, `aria-describedby="f-phone-e"`)
	require.Contains(t, text, `name="c_marketing_sms" value="1" checked`)
	require.NotContains(t, text, `name="c_third_party" value="1" checked`)
	require.Equal(t, 1, strings.Count(text, `name="c_privacy"`))
}

// junk is what WeChat nicknames and hasty colleagues bring.
var junk = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'><svg/onload=alert(1)>`, `javascript:alert(1)`, `JaVaScRiPt:alert(1)`, "java\tscript:alert(1)",
	`data:text/html,<script>alert(1)</script>`, `vbscript:msgbox(1)`, `//evil.example.com/x`, `/\evil.example.com`, `https://u:p@evil.example.com/`, `http://plain.example.com/`,
	`</style><script>alert(1)</script>`, `{{.}}`, `{{template "page"}}`, `${alert(1)}`, `<!--`, `]]>`, "\u202eoverride", "e\u0301\u0323\U0001F468\u200d\U0001F469\u200d\U0001F467", `&lt;b&gt;`, `'; DROP TABLE x; --`,
	`<iframe src="javascript:alert(1)">`, `<a href="jav&#x09;ascript:alert(1)">x</a>`, `<math><mi//xlink:href="data:x,<script>alert(1)</script>">`, `<style>@import'x'</style>`, `expression(alert(1))`,
}

// each calls f with the document once for every text in it, that one replaced.
func each(t testing.TB, doc, with string, f func(changed string)) {
	var paths [][]any
	var walk func(v any, path []any)
	walk = func(v any, path []any) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				walk(x, append(append([]any{}, path...), k))
			}
		case []any:
			for i, x := range v {
				walk(x, append(append([]any{}, path...), i))
			}
		case string:
			paths = append(paths, path)
		}
	}
	var v any
	require.NoError(t, json.Unmarshal([]byte(doc), &v))
	walk(v, nil)
	for _, path := range paths {
		var v any
		require.NoError(t, json.Unmarshal([]byte(doc), &v))
		at := v
		for _, k := range path[:len(path)-1] {
			if n, ok := k.(int); ok {
				at = at.([]any)[n]
			} else {
				at = at.(map[string]any)[k.(string)]
			}
		}
		if n, ok := path[len(path)-1].(int); ok {
			at.([]any)[n] = with
		} else {
			at.(map[string]any)[path[len(path)-1].(string)] = with
		}
		raw, err := json.Marshal(v)
		require.NoError(t, err)
		f(string(raw))
	}
}

var (
	element = regexp.MustCompile(`<([a-zA-Z][a-zA-Z0-9]*)([^>]*)>`)
	handler = regexp.MustCompile(`(?i)\son[a-z]+\s*=`)
	leads   = regexp.MustCompile(`(?:href|src|action)="([^"]*)"`)
	ourTags = "html head meta title link style script body main section h1 h2 h3 p img a ul ol li strong b em u br span figure blockquote figcaption div article details summary iframe form input label select option fieldset legend button i hr"
)

// harmless fails where a drawn page holds what we did not put there.
func harmless(t *testing.T, text, what string) {
	t.Helper()
	quoted := regexp.MustCompile(`"[^"]*"`)
	for _, m := range element.FindAllStringSubmatch(regexp.MustCompile(`(?s)<style.*?</style>`).ReplaceAllString(text, ""), -1) {
		require.Contains(t, strings.Fields(ourTags), strings.ToLower(m[1]), what)
		require.False(t, handler.MatchString(quoted.ReplaceAllString(m[2], `""`)), "%s: %s", what, m[0])
	}
	require.Equal(t, strings.Count(text, "<script src=\"/t"), strings.Count(text, "<script"), what)
	require.Equal(t, 1, strings.Count(text, "<style"), what)
	for _, m := range leads.FindAllStringSubmatch(text, -1) {
		a := m[1]
		ok := a == "" || a == "data:," || strings.HasPrefix(a, "https://") && !strings.Contains(a, "evil") || strings.HasPrefix(a, "/") && !strings.HasPrefix(a, "//") && !strings.HasPrefix(a, `/\`) || strings.HasPrefix(a, "#") || strings.HasPrefix(a, "tel:")
		require.True(t, ok, "%s leads to %s", what, a)
	}
}

func TestPage_is_harmless_whatever_stands_in_its_definition(t *testing.T) {
	t.Parallel()
	refused := 0
	for _, typ := range content.Types {
		for _, bad := range junk {
			each(t, drawn[typ], bad, func(props string) {
				p, err := pageOf(t, "", blockOf("b1", typ, props))
				if err != nil {
					refused++
					return
				}
				raw, err := (&pageView{Page: p, Scripts: true, Wx: "wx1", Visitor: "v_0123456789"}).draw()
				require.NoError(t, err)
				harmless(t, string(raw), typ+" with "+bad)
			})
		}
	}
	require.NotZero(t, refused)
	for _, bad := range junk {
		_, err := pageOf(t, bad, blockOf("b1", "divider", "{}"))
		require.Error(t, err, "a colour is one")
		// What a visitor types and what stands in the page's head.
		body := map[string]any{"name": bad, "note": bad, "status": "live", "title": bad, "description": bad, "share": map[string]any{"title": bad, "description": bad},
			"blocks": []any{map[string]any{"id": "form", "type": "form", "props": json.RawMessage(drawn["form"])}}}
		raw, err := json.Marshal(body)
		require.NoError(t, err)
		m, _ := content.Compile([]setting.Item{{Kind: content.KindPage, Key: "x", Body: raw}}, fields(t))
		p := m.Page("x")
		if p == nil {
			continue
		}
		v := &pageView{Page: p, Scripts: true, Wx: "wx1", Share: bad, State: formState{Action: "/p/x/submit?a=" + bad, Problem: bad, Errors: map[string]string{"name": bad}, Values: map[string]string{"name": bad, "industry": bad}}}
		out, err := v.draw()
		require.NoError(t, err)
		harmless(t, string(out), "head and answers with "+bad)
	}
}

// starterPages are the template's pages.
func starterPages(t testing.TB) []*content.Page {
	t.Helper()
	b, err := bundle.Parse(templates.StarterFile, templates.Starter)
	require.NoError(t, err)
	all, problems := contact.Compile(b.Items)
	require.Empty(t, problems)
	known := map[string]contact.Field{}
	for _, f := range all.Fields() {
		known[f.Key] = f
	}
	m, problems := content.Compile(b.Items, known)
	require.Empty(t, problems)
	require.NotEmpty(t, m.Pages())
	return m.Pages()
}

func TestPage_stays_within_its_weight(t *testing.T) {
	t.Parallel()
	for _, p := range starterPages(t) {
		raw, err := (&pageView{Page: p, Scripts: true, Wx: "wx1", Visitor: "v_0123456789", Nonce: "n"}).draw()
		require.NoError(t, err)
		n := gzipped(t, raw)
		t.Logf("%s: %d bytes of HTML and CSS, compressed", p.Key, n)
		require.LessOrEqual(t, n, 14<<10)
	}
	require.LessOrEqual(t, gzipped(t, trackerSource)+gzipped(t, cardSource), 5<<10, "both scripts")
}

func TestInk_reads_on_its_background(t *testing.T) {
	t.Parallel()
	require.Equal(t, "#fff", ink("#1f5fd6"))
	require.Equal(t, "#fff", ink("#000000"))
	require.Equal(t, "#1d2129", ink("#ffe58f"))
}

func BenchmarkPage(b *testing.B) {
	p := starterPages(b)[0]
	for b.Loop() {
		if _, err := (&pageView{Page: p, Scripts: true, Visitor: "v_0123456789", Nonce: "n"}).draw(); err != nil {
			b.Fatal(err)
		}
	}
}
