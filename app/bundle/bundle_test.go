package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/setting"
)

var shanghai = func() *time.Location {
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		panic(err)
	}
	return zone
}()

var world = World{Zone: shanghai, Today: func() int32 { return 20_780 }}

// told are the problems of an error, each "line: message".
func told(t testing.TB, err error) []string {
	t.Helper()
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Equal(t, fault.Invalid, f.Kind)
	out := make([]string, len(f.Problems))
	for i, p := range f.Problems {
		out[i] = strings.TrimPrefix(p.Path, "b.yaml:") + ": " + p.Message
	}
	return out
}

func parsed(t testing.TB, text string) *Bundle {
	t.Helper()
	b, err := Parse("b.yaml", []byte(text))
	require.NoError(t, err)
	return b
}

func TestParse_tells_mistakes_of_form_at_their_lines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       []string // beginnings of what is told
	}{
		{"an unknown section", "tags: []\ntagz:\n  - key: a\n", []string{"2: 没有 tagz 这个部分，可用：fields"}},
		{"a section twice", "tags: []\nfields: []\ntags: []\n", []string{"3: tags 在第 1 行已经写过"}},
		{"a section that is no list", "tags:\n  a: {name: 甲}\n", []string{"1: tags 应是一个列表"}},
		{"an item that is no mapping", "tags:\n  - a\n", []string{"2: 标签的每一项应写成"}},
		{"a missing key", "tags:\n  - name: 甲\n    group: 乙\n  - key:\n    name: 丙\n", []string{"2: 标签缺少 key", "4: 标签缺少 key"}},
		{"a key twice", "tags:\n  - {key: a, name: 甲}\n  - name: 乙\n    key: a\n", []string{"4: 标签 a 在第 2 行已经出现过"}},
		{"a bad key", "tags:\n  - {key: 重点, name: 甲}\n  - {key: a b, name: 甲}\nstaff:\n  - {key: zhangsan, name: 张三}\n",
			[]string{"2: 标签的 key “重点”不合规", "3: 标签的 key “a b”不合规", "5: 员工的 key “zhangsan”不合规"}},
		{"a member twice", "tags:\n  - key: a\n    name: 甲\n    name: 乙\n", []string{"4: name 在第 3 行已经写过"}},
		{"a member twice deep inside", "tag_rules:\n  - key: a\n    when:\n      leaf: field\n      op: eq\n      leaf: tag\n", []string{"6: leaf 在第 4 行已经写过"}},
		{"a variable without quotes", "messages:\n  - key: a\n    content: {{ contact.name }}\n", []string{"3: 键应是一个名称；以 { 或 ["}},
		{"numbers that JSON lacks", "fields:\n  - {key: a, label: .inf}\n  - {key: b, label: 0755}\n  - {key: c, label: 99999999999999999999}\n",
			[]string{"2: “.inf”不是能保存的数", "3: “0755”不是能保存的数"}},
		{"tags of YAML", "fields:\n  - {key: a, label: !secret x}\n  - {key: b, label: !!binary aGk=}\n", []string{"2: 不支持 !secret", "3: 不支持 !!binary"}},
		{"a deletion with more", "tags:\n  - {key: a, delete: true, name: 甲}\n  - {key: b, delete: yes please}\n",
			[]string{"2: 要删除 tag/a 就只写 key 和 delete: true", "3: delete 只能写 true"}},
		{"two documents", "tags: []\n---\nfields: []\n", []string{"2: 一个文件只能有一份配置包"}},
		{"no mapping at all", "- key: a\n", []string{"1: 配置包应由 fields"}},
		{"bad indentation", "tags:\n  - key: a\n    name: 甲\n   group: 乙\n", []string{"4: 不是有效的 YAML：缩进不对"}},
		{"a tab", "tags:\n  - key: a\n    name: 甲\n\tgroup: 乙\n", []string{"4: 不是有效的 YAML：缩进里有 Tab"}},
		{"an open quote", "tags:\n  - key: a\n    name: \"甲\n    group: 乙\n", []string{"3: 不是有效的 YAML：引号没有配对"}},
		{"an open bracket", "tags:\n  - key: a\n    name: [甲, 乙\n    group: 乙\n", []string{"3: 不是有效的 YAML：方括号或花括号没有配对"}},
		{"no colon", "tags:\n  - key: a\n    name 甲\n    group: 乙\n", []string{"3: 不是有效的 YAML：缺少冒号"}},
		{"two colons", "tags:\n  - key: a\n    name: 甲: 乙\n", []string{"3: 不是有效的 YAML：一行里有两个“: ”"}},
		{"a value that begins with @", "tags:\n  - key: a\n    name: @甲\n", []string{"3: 不是有效的 YAML：值以 @"}},
		{"an anchor that nobody set", "tags:\n  - key: a\n    name: *x\n", []string{"3: 不是有效的 YAML：用了没有定义的锚点"}},
		{"a text that begins with *", "tags:\n  - key: a\n    name: *甲\n", []string{"3: 不是有效的 YAML：以 * 或 & 开头的文字请加引号"}},
		{"a list and a mapping at once", "tags:\n  - key: a\n  key: b\n", []string{"3: 不是有效的 YAML：缩进不对"}},
		{"GBK", "tags:\n  - {key: a, name: \xbc\xd7}\n", []string{"2: 不是 UTF-8 编码"}},
		{"UTF-16", "\xff\xfet\x00a\x00", []string{"1: 不是 UTF-8 编码"}},
		{"a NUL", "tags:\n  - {key: a, name: \"\x00\"}\n", []string{"2: 有看不见的控制字符 U+0000"}},
		{"an anchor within itself", "tags:\n  - key: a\n    group: &g [甲, *g]\n", []string{"3: 锚点 *g 指向了它自己"}},
		{"merging what is no mapping", "tags:\n  - key: a\n    <<: 甲\n", []string{"3: << 后面应是一个锚点"}},
		{"several at once, in order", "tagz: []\ntags:\n  - {name: 甲}\n  - {key: b, delete: false}\nfields: 1\n", []string{"1: 没有 tagz", "3: 标签缺少 key", "4: delete 只能写 true", "5: fields 应是一个列表"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("b.yaml", []byte(c.text))
			got := told(t, err)
			require.Len(t, got, len(c.want), "%v", got)
			for i, want := range c.want {
				require.True(t, strings.HasPrefix(got[i], want), "%q does not begin with %q", got[i], want)
			}
			require.Contains(t, err.Error(), fmt.Sprintf("b.yaml 有 %d 处写法不对，什么都没有改动", len(c.want)))
		})
	}
}

func TestParse_takes_what_editors_make_of_a_file(t *testing.T) {
	t.Parallel()
	plain := "tags:\n  - key: a\n    name: 甲\n    note: |-\n      一\n      二\n"
	want := `{"name":"甲","note":"一\n二"}`
	for name, text := range map[string]string{
		"as it is":          plain,
		"a byte order mark": "\xef\xbb\xbf" + plain,
		"Windows line ends": strings.ReplaceAll(plain, "\n", "\r\n"),
		"both":              "\xef\xbb\xbf" + strings.ReplaceAll(plain, "\n", "\r\n"),
		"document marks":    "---\n" + plain + "...\n",
		"no last line end":  strings.TrimSuffix(plain, "\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := parsed(t, text)
			require.Len(t, b.Items, 1)
			require.Equal(t, want, string(b.Items[0].Body))
		})
	}
	for name, text := range map[string]string{"nothing": "", "only comments": "# 空\n", "null": "~\n", "a mark": "---\n", "an empty section": "tags:\nfields: []\n", "what describes it": "name: 包\nversion: 1\nx-mine: {a: 1}\n"} {
		require.Empty(t, parsed(t, text).Items, name)
	}
}

func TestParse_reads_values_as_they_are_meant(t *testing.T) {
	t.Parallel()
	b := parsed(t, `
x-parts:
  common: &common {group: 来源, kind: rule}
  titles: &titles [总监, 经理]
tags:
  - key: a
    <<: *common
    kind: manual            # goes before what is merged in
    date: 2026-11-22
    on: off
    cuts: {1: 70, true: 2, "x": null}
    titles: *titles
    numbers: [1, -2, 1_000, 0x1F, 1.50, 1e3, "1", 0]
`)
	require.Equal(t, `{"cuts":{"1":70,"true":2,"x":null},"date":"2026-11-22","group":"来源","kind":"manual","numbers":[1,-2,1000,31,1.5,1000,"1",0],"on":"off","titles":["总监","经理"]}`,
		string(b.Items[0].Body))
}

func TestParse_survives_bundles_made_to_hurt(t *testing.T) {
	t.Parallel()
	bomb := func(item func(i int) string) string {
		var s strings.Builder
		s.WriteString("x-a0: &a0 {k: 哈}\n")
		for i := 1; i < 12; i++ {
			fmt.Fprintf(&s, "x-a%d: &a%d %s\n", i, i, item(i-1))
		}
		return s.String()
	}
	nine := func(of string) string { return strings.TrimSuffix(strings.Repeat(of+", ", 9), ", ") }
	for name, text := range map[string]string{
		"aliases of aliases": bomb(func(i int) string { return "[" + nine(fmt.Sprintf("*a%d", i)) + "]" }) + "tags:\n  - {key: a, name: *a11}\n",
		"merges of merges":   bomb(func(i int) string { return fmt.Sprintf("{<<: [%s]}", nine(fmt.Sprintf("*a%d", i))) }) + "tags:\n  - {key: a, <<: *a11}\n",
		"deep lists":         "tags:\n  - {key: a, name: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}\n",
		"deeper lists":       "tags:\n  - {key: a, name: " + strings.Repeat("[", 200_000),
		"a merge circle":     "tags:\n  - &a {key: a, b: {<<: *a}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("b.yaml", []byte(text))
			require.NotEmpty(t, told(t, err))
		})
	}
	_, err := Parse("b.yaml", make([]byte, MaxSize+1))
	require.True(t, fault.Is(err, fault.Invalid))
	require.ErrorContains(t, err, "配置包最大 4 MB")
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"tags:\n  - {key: a, name: 甲}\n", "a: &a [*a]\n", "tags:\n  - key: a\n    <<: [{b: 1}, {c: |-\n x}]\n", "%YAML 1.1\n---\n? [a]\n: b\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := Parse("b.yaml", text)
		if err != nil {
			var x *fault.Error
			require.True(t, errors.As(err, &x) && x.Kind == fault.Invalid && len(x.Problems) > 0, "%v", err)
			return
		}
		out, err := Export(b.Items)
		require.NoError(t, err)
		again, err := Parse("b.yaml", out)
		require.NoError(t, err, "%s", out)
		require.Len(t, again.Items, len(b.Items))
		for _, it := range b.Items {
			i := slices.IndexFunc(again.Items, func(x setting.Item) bool { return x.Kind == it.Kind && x.Key == it.Key })
			require.GreaterOrEqual(t, i, 0)
			require.Empty(t, compare(it.Body, again.Items[i].Body), "%s", out)
		}
	})
}

// documents draws JSON objects with the texts that YAML is known to trip over.
func documents() *rapid.Generator[map[string]any] {
	text := rapid.OneOf(
		rapid.SampledFrom([]string{"", " ", "~", "null", "on", "No", "y", "true", "0755", "1e3", ".inf", "2026-11-22", "<<", "=", "- a", "# c", "a: b", "a #b", "{{ x }}", "[x", "*x", "&x", "!x", "@x", "`x", "%x", "|", ">", "'", "\"",
			"多行\n文字", "\n前", "后\n", "后\n\n", " 前\n后", "前 \n后", "前\n\n  缩进\n后", "前\n\t后", "\r\n", "\u2028", "\ufeff", "\x07", "😀", strings.Repeat("长", 300), "a\\nb", "<div class=\"gray\">"}),
		rapid.String())
	value := rapid.Deferred(func() *rapid.Generator[any] { return nil })
	leaf := rapid.OneOf(text.AsAny(), rapid.Int64().AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil), rapid.Float64Range(-1e15, 1e15).AsAny())
	key := rapid.OneOf(text, rapid.SampledFrom([]string{"key1", "leaf", "name", "on", "1"}))
	value = rapid.Deferred(func() *rapid.Generator[any] {
		return rapid.OneOf(leaf, leaf, rapid.SliceOfN(value, 0, 4).AsAny(), rapid.MapOfN(key, value, 0, 4).AsAny())
	})
	return rapid.MapOfN(key, value, 0, 6)
}

func TestExport_reads_back_as_the_same(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		doc := documents().Draw(t, "doc")
		delete(doc, "key") // the item's own
		delete(doc, "delete")
		raw, err := json.Marshal(doc)
		require.NoError(t, err)
		body, err := setting.Canonical(raw)
		require.NoError(t, err)
		items := []setting.Item{{Kind: setting.KindTag, Key: "a", Body: body}}
		out, err := Export(items)
		require.NoError(t, err)
		b, err := Parse("b.yaml", out)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		require.Empty(t, compare(body, b.Items[0].Body), "%s", out)
		again, err := Export(b.Items)
		require.NoError(t, err)
		require.Equal(t, string(out), string(again))
	})
}

func TestBundle_line_never_leads_to_another_definition(t *testing.T) {
	t.Parallel()
	b := parsed(t, "tags:\n  - key: a\n    name: 甲\n    list:\n      - {x: 1}\nstaff:\n  - {key: ww1/li.lei, name: 李雷}\n")
	for path, want := range map[string]int{"tag/a": 2, "tag/a/name": 3, "tag/a/group": 2, "tag/a/list[0].x": 5, "tag/a/list[3].x": 4, "tag/a/list[0].y[1].z": 5,
		"staff/ww1/li.lei": 7, "staff/ww1/li.lei/leaders": 7, "tag/a.b/name": 0, "tag/a.b": 0, "tag/b": 0, "staff/ww1/li": 0, "tag_rule/a": 0} {
		line, ok := b.line(path)
		require.Equal(t, want, line, path)
		require.Equal(t, want > 0, ok, path)
	}
}

func TestExport_of_nothing_is_an_empty_bundle(t *testing.T) {
	t.Parallel()
	out, err := Export([]setting.Item{{Kind: "system", Key: "secret_key", Body: json.RawMessage(`{"fingerprint":"x"}`)}})
	require.NoError(t, err)
	require.NotContains(t, string(out), "fingerprint", "only definitions are exported")
	require.Empty(t, parsed(t, string(out)).Items)
}

func TestCompare_names_the_smallest_places_that_differ(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, old, now string
		want           []string
	}{
		{"a member", `{"name":"甲","x":1}`, `{"name":"乙","x":1}`, []string{"name：甲 → 乙"}},
		{"members that come and go", `{"a":1}`, `{"b":{"c":true}}`, []string{"a：- 1", `b：+ {"c":true}`}},
		{"another type", `{"a":1}`, `{"a":"1x"}`, []string{"a：1 → 1x"}},
		{"items known by key", `{"rules":[{"key":"view","points":1},{"key":"price","points":15}]}`, `{"rules":[{"key":"view","points":2},{"key":"case","points":5}]}`,
			[]string{"rules[view].points：1 → 2", `rules[price]：- {"key":"price","points":15}`, `rules[case]：+ {"key":"case","points":5}`}},
		{"items known by id", `{"nodes":[{"id":"a","x":1}]}`, `{"nodes":[{"id":"a","x":2}]}`, []string{"nodes[a].x：1 → 2"}},
		{"conditions by place", `{"all":[{"leaf":"tag","key":"a","op":"any"}]}`, `{"all":[{"leaf":"tag","key":"a","op":"none"}]}`, []string{"all[0].op：any → none"}},
		{"lists of texts", `{"add":["a","b"]}`, `{"add":["b","c","d"]}`, []string{"add：- a", "add：+ c", "add：+ d"}},
		{"another order", `{"rules":[{"key":"a"},{"key":"b"}]}`, `{"rules":[{"key":"b"},{"key":"a"}]}`, []string{"rules：（顺序变了）"}},
		{"long texts, where they part", `{"t":"` + strings.Repeat("同", 100) + `甲"}`, `{"t":"` + strings.Repeat("同", 100) + `乙"}`,
			[]string{"t：…" + strings.Repeat("同", 12) + "甲 → …" + strings.Repeat("同", 12) + "乙"}},
		{"lines", `{"t":"一\n二"}`, `{"t":"一\n三"}`, []string{"t：一⏎二 → 一⏎三"}},
		{"nothing", `{"a":[1]}`, `{"a":[1]}`, nil},
	} {
		var got []string
		for _, p := range compare(json.RawMessage(c.old), json.RawMessage(c.now)) {
			got = append(got, p.String())
		}
		require.Equal(t, c.want, got, c.name)
	}
}
