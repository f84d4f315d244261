package content

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/setting"
)

func compile(t *testing.T, key, body string) (*Model, []string) {
	t.Helper()
	all, problems := contact.Compile(nil)
	require.Empty(t, problems)
	known := map[string]contact.Field{}
	for _, f := range all.Fields() {
		known[f.Key] = f
	}
	m, bad := Compile([]setting.Item{{Kind: KindPage, Key: key, Rev: 3, Body: json.RawMessage(body)}}, known)
	var out []string
	for _, p := range bad {
		out = append(out, p.Path+"："+p.Message)
	}
	return m, out
}

const form = `{"id":"form","type":"form","props":{"fields":[{"field":"phone","required":true},{"field":"company"}],"privacy":{"url":"https://example.com/privacy","version":"1"}}}`

func TestCompile_takes_a_page(t *testing.T) {
	t.Parallel()
	m, bad := compile(t, "case-a", `{"name":"案例","status":"live","title":"案例","blocks":[{"id":"top","type":"hero","props":{"title":"案例","image":"/files/a.png"}},`+form+`]}`)
	require.Empty(t, bad)
	p := m.Page("case-a")
	require.EqualValues(t, 3, p.Rev)
	f := p.Forms()["form"]
	require.Equal(t, "case-a", f.Key, "a form without a key has the page's")
	require.Equal(t, "手机号", f.Fields[0].Label)
	require.Equal(t, "公司", f.Fields[1].Label)
	require.Equal(t, Card{Title: "案例", Image: "/files/a.png"}, p.CardOr())
}

func TestCompile_says_what_is_wrong_and_where(t *testing.T) {
	t.Parallel()
	page := func(blocks string) string {
		return `{"name":"页","status":"live","title":"页","blocks":[` + blocks + `]}`
	}
	block := func(typ, props string) string {
		return page(fmt.Sprintf(`{"id":"b","type":%q,"props":%s}`, typ, props))
	}
	for _, test := range []struct{ key, body, says string }{
		{"jssdk", page(form), "不能是 jssdk"},
		{"a.b", page(form), "页面的 key 是它的网址"},
		{"x", `{"name":"页","status":"on","title":"页","blocks":[` + form + `]}`, "page/x/status：status 应为 draft（草稿）或 live（发布），现在是“on”"},
		{"x", `{"name":"页","status":"live","title":"页","theme":"red;}","blocks":[` + form + `]}`, "page/x/theme：主题色应形如 #1f5fd6"},
		{"x", `{"name":"页","status":"live","title":"页","titel":"页","blocks":[` + form + `]}`, "没有 titel 这一项"},
		{"x", page(""), "一个页面应有 1 到 60 个区块"},
		{"x", page(form + "," + form), "区块 id “form”重复了"},
		{"x", page(form + `,{"id":"f2","type":"form","props":{"fields":[{"field":"email"}],"privacy":{"url":"/p/privacy","version":"1"}}}`), "一个页面最多放一个表单"},
		{"x", block("heroo", `{}`), "没有“heroo”这种区块"},
		{"x", block("hero", `{"title":"好","colour":"red"}`), "page/x/blocks[0].props.colour：没有 colour 这一项"},
		{"x", block("heading", `{"text":" "}`), "page/x/blocks[0].props.text：这一项必填"},
		{"x", block("button", `{"label":"点","url":"javascript:alert(1)"}`), "链接应以 https:// 开头"},
		{"x", block("image", `{"src":"http://a.example.com/x.png","alt":"图"}`), "图片地址应以 https:// 开头"},
		{"x", block("video", `{"host":"youtube","id":"abcd","title":"片"}`), "视频只能来自腾讯视频"},
		{"x", block("form", `{"fields":[{"field":"nope"}],"privacy":{"url":"/p/privacy","version":"1"}}`), "没有字段“nope”"},
		{"x", block("form", `{"fields":[{"field":"email_domain"}],"privacy":{"url":"/p/privacy","version":"1"}}`), "由系统自己得出"},
		{"x", block("form", `{"fields":[{"field":"phone"}]}`), "请写隐私政策的版本"},
		{"x", block("form", `{"fields":[{"field":"phone"}],"privacy":{"url":"/p/privacy","version":"1"},"consents":["privacy"]}`), "隐私政策每个表单都会问"},
		{"x", block("form", `{"fields":[{"field":"phone"}],"privacy":{"url":"/p/privacy","version":"1"},"done":{"message":"好","redirect":"/p/y"}}`), "只能写一种"},
		{"x", block("form", `{"fields":[{"field":"phone"}],"privacy":{"url":"/p/privacy","version":"1"},"event":"order.paid"}`), "event 只能是 trial.requested"},
		{"x", block("heading", `{"text":"转发后领取大礼包"}`), "微信禁止诱导分享"},
	} {
		m, bad := compile(t, test.key, test.body)
		require.Nil(t, m.Page(test.key), test.says)
		found := false
		for _, p := range bad {
			found = found || strings.Contains(p, test.says)
		}
		require.True(t, found, "%s is not among %v", test.says, bad)
	}
}

func TestAddress_leads_to_https_or_to_us(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{"https://example.com/a?b#c": true, "/p/price": true, "/p/价格": true,
		"http://example.com": false, "//evil.example.com": false, `/\evil.example.com`: false, `\\evil`: false, "javascript:alert(1)": false, "java\nscript:alert(1)": false,
		"data:text/html,x": false, "https://": false, "https://a:b@example.com/": false, "": false, "https://example.com/ x": false} {
		require.Equal(t, ok, IsWeb(address) || IsOwn(address), address)
	}
}
