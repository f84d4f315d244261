package wechat

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseJSON_reads_an_object_as_the_document_its_XML_form_would_be(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		`{"A":"x & y","N":1795312799,"T":true,"Z":null,"L":[{"I":"1"},{"I":2}],"O":{"I":"3"}}`,
		" \ufeff <xml><A>x &amp; y</A><N>1795312799</N><T>true</T><Z/><L><I>1</I></L><L><I>2</I></L><O><I>3</I></O></xml>"[1:],
	} {
		root, err := ParseEither(strings.TrimSpace(s))
		require.NoError(t, err, s)
		require.Equal(t, "x & y", root.Text("A"))
		require.EqualValues(t, 1795312799, root.Int("N"))
		require.Equal(t, "true", root.Text("T"))
		require.Empty(t, root.Text("Z"))
		var items []string
		for l := range root.Children("L") {
			items = append(items, l.Text("I"))
		}
		require.Equal(t, []string{"1", "2"}, items)
		require.Equal(t, "3", root.Child("O").Text("I"))
		require.Empty(t, root.Text("I"), "what lies deeper is no child")
	}
}

func TestParseJSON_keeps_the_digits_of_long_numbers(t *testing.T) {
	t.Parallel()
	root, err := ParseJSON(`{"MsgId":1700827132819554304,"List":{"a":[[1],[2,3]]}}`)
	require.NoError(t, err)
	require.Equal(t, "1700827132819554304", root.Text("MsgId"))
	var texts []string
	for a := range root.Child("List").Children("a") {
		texts = append(texts, a.Value())
	}
	require.Equal(t, []string{"1", "2", "3"}, texts)
}

func TestParseJSON_refuses_what_is_no_object(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "x", `"x"`, "1", "null", "[]", `[{"a":1}]`, "{", `{"a"`, `{"a":`, `{"a":1`, `{"a":1}}`, `{"a":1} {}`, `{"a":1}x`,
		`{1:2}`, `{"a":[1}`, strings.Repeat(`{"a":`, maxDepth) + "1" + strings.Repeat("}", maxDepth),
		`{"a":` + strings.Repeat("[", maxDepth) + "1" + strings.Repeat("]", maxDepth) + "}",
		`{"a":[` + strings.Repeat("1,", maxElements) + "1]}"} {
		_, err := ParseJSON(s)
		require.ErrorIs(t, err, ErrJSON, s[:min(len(s), 60)])
	}
	_, err := ParseJSON("{\"a\":\"\xb1\xa8\"}")
	require.ErrorIs(t, err, ErrNotUTF8)
}

func FuzzParseEither(f *testing.F) {
	f.Add(`{"a":[{"b":1},null,true],"c":{"d":"e"}}`)
	f.Add("<xml><a>1</a></xml>")
	f.Fuzz(func(t *testing.T, s string) {
		root, err := ParseEither(s)
		if err != nil {
			require.True(t, slices.Contains([]error{ErrJSON, ErrXML, ErrNotUTF8}, err), err)
			return
		}
		require.LessOrEqual(t, len(root.nodes), maxElements)
		for i, n := range root.nodes {
			require.Greater(t, n.end, i)
			require.LessOrEqual(t, n.end, len(root.nodes))
			for range root.Children(n.name) {
			}
		}
	})
}
