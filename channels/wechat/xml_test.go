package wechat

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseXML_reads_what_the_platforms_send(t *testing.T) {
	t.Parallel()
	root, err := ParseXML("\ufeff<?xml version=\"1.0\"?>\n<!-- x --><xml a='>' b=\"/\">\n" + `
		<ToUserName> <![CDATA[gh_1]]> </ToUserName>
		<CreateTime>1408090502</CreateTime >
		<Quoted><![CDATA[1408090503]]></Quoted>
		<EventKey><![CDATA[ a<b>&amp;]]></EventKey>
		<Split><![CDATA[a]]]]><![CDATA[>b]]></Split>
		<Escaped>&lt;a&gt; &amp;amp; &quot;&apos;&#20013;&#x6587; &nbsp; &; &#xD800; a&b=1</Escaped>
		<Empty/><Also></Also>
		<S><List><T>1</T></List><Other/><List><T>2</T></List></S>
	</xml> <!-- end -->`)
	require.NoError(t, err)
	require.Equal(t, "xml", root.Name())
	require.Equal(t, "gh_1", root.Text("ToUserName"))
	require.EqualValues(t, 1408090502, root.Int("CreateTime"))
	require.EqualValues(t, 1408090503000, root.Time("Quoted", 7))
	require.Equal(t, " a<b>&amp;", root.Text("EventKey"), "CDATA is kept byte by byte")
	require.Equal(t, "a]]>b", root.Text("Split"))
	require.Equal(t, `<a> &amp; "'中文 &nbsp; &; &#xD800; a&b=1`, root.Text("Escaped"))
	require.Equal(t, "", root.Text("Empty"))
	require.Equal(t, "Also", root.Child("Also").Name())
	var seen []string
	for item := range root.Child("S").Children("List") {
		seen = append(seen, item.Text("T"))
	}
	require.Equal(t, []string{"1", "2"}, seen)

	require.Equal(t, "", root.Child("Absent").Child("Deeper").Text("Deepest"))
	require.EqualValues(t, 7, root.Time("Absent", 7))
	require.EqualValues(t, 7, root.Time("EventKey", 7))
	require.EqualValues(t, 0, root.Int("ToUserName"))
}

func TestParseXML_refuses_what_is_no_document(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]string{
		"nothing":                           "",
		"blanks":                            " \n",
		"text":                              "hello",
		"JSON":                              `{"a":1}`,
		"text before the root":              "x<a></a>",
		"text behind the root":              "<a></a>x",
		"CDATA outside":                     "<![CDATA[x]]><a/>",
		"two roots":                         "<a/><b/>",
		"an open root":                      "<a>",
		"an open tag":                       "<a",
		"an open end tag":                   "<a></a",
		"a stray end tag":                   "</a>",
		"an end too much":                   "<a></a></a>",
		"crossed tags":                      "<a><b></a></b>",
		"open CDATA":                        "<a><![CDATA[x]]",
		"overlapping CDATA marks":           "<a><![CDATA[]>",
		"an open comment":                   "<a><!-- x ->",
		"a comment closed by its own start": "<!-->",
		"an open instruction":               "<?xml",
		"a doctype":                         "<!DOCTYPE a><a/>",
		"an entity bomb":                    `<!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>`,
		"an open attribute":                 `<a b="c></a>`,
		"a tag in a tag":                    "<a <b></b></a>",
		"a nameless tag":                    "< a></ a>",
		"a slash astray":                    "<a / ></a>",
		"too deep":                          strings.Repeat("<a>", maxDepth+1) + strings.Repeat("</a>", maxDepth+1),
		"too many":                          "<a>" + strings.Repeat("<b/>", maxElements) + "</a>",
	} {
		_, err := ParseXML(doc)
		require.ErrorIs(t, err, ErrXML, name)
	}
	_, err := ParseXML("<a>\xff</a>")
	require.ErrorIs(t, err, ErrNotUTF8)
}

func TestParseXML_takes_time_linear_in_a_hostile_document(t *testing.T) {
	t.Parallel()
	fill := func(piece string) string { return "<a>" + strings.Repeat(piece, maxBody/len(piece)) + "</a>" }
	start := time.Now()
	for _, doc := range []string{
		fill("&"), fill("&#"), fill("<![CDATA[x]]>"), fill("x<!---->"), fill("<b>"), fill("<b/>"), fill("<?x?>"),
		"<a " + strings.Repeat("x", maxBody), "<a " + strings.Repeat(`"`, maxBody), fill("</b>"),
	} {
		_, _ = ParseXML(doc)
	}
	// Quadratic ones take minutes; this is far from what a loaded machine needs for ten megabytes.
	require.Less(t, time.Since(start), 20*time.Second)
}

// draw makes a random element and the text our reader must find in it.
type drawn struct {
	name, text string
	kids       []drawn
}

func draw(t *rapid.T, depth int) drawn {
	d := drawn{name: rapid.StringMatching(`[A-Za-z_][A-Za-z0-9_]{0,8}`).Draw(t, "name")}
	if depth > 0 && rapid.Bool().Draw(t, "nested") {
		for range rapid.IntRange(0, 4).Draw(t, "kids") {
			d.kids = append(d.kids, draw(t, depth-1))
		}
		return d
	}
	d.text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0xfffd || r == 0xfffe || r == 0xffff { // encoding/xml replaces these
			return -1
		}
		return r
	}, rapid.String().Draw(t, "text")))
	return d
}

func (d drawn) write(t *rapid.T, b *bytes.Buffer) {
	b.WriteString("<" + d.name + ">")
	for _, k := range d.kids {
		k.write(t, b)
	}
	switch {
	case d.kids != nil:
	case !strings.Contains(d.text, "]]>") && rapid.Bool().Draw(t, "cdata"):
		b.WriteString("<![CDATA[" + d.text + "]]>")
	default:
		require.NoError(t, xml.EscapeText(b, []byte(d.text)))
	}
	b.WriteString("</" + d.name + ">")
}

func (d drawn) check(t *rapid.T, e Element) {
	require.Equal(t, d.name, e.Name())
	require.Equal(t, d.text, strings.TrimSpace(e.Value()))
	seen := map[string]int{}
	for _, k := range d.kids {
		n := 0
		for child := range e.Children(k.name) {
			if n == seen[k.name] {
				k.check(t, child)
			}
			n++
		}
		seen[k.name]++
	}
}

func TestParseXML_reads_back_any_document(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := draw(t, 4)
		var b bytes.Buffer
		want.write(t, &b)
		root, err := ParseXML(b.String())
		require.NoError(t, err, b.String())
		want.check(t, root)
	})
}

func FuzzParseXML(f *testing.F) {
	for _, seed := range []string{
		"<xml><Encrypt><![CDATA[abc]]></Encrypt></xml>",
		"<xml><a>1</a><a>2</a><b x='1'/></xml>",
		"<?xml?><!-- --><a>&lt;&#65;&bad;</a>",
		"<a><![CDATA[]]]]><![CDATA[>]]></a>",
		"<a><b></a></b>",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		root, err := ParseXML(doc)
		if err != nil {
			require.Empty(t, root.Name())
			return
		}
		walk(t, root, 0)
	})
}

// walk visits everything that can be reached.
func walk(t *testing.T, e Element, depth int) {
	require.Less(t, depth, maxDepth)
	require.NotEmpty(t, e.Name())
	end := e.nodes[e.at].end
	require.Greater(t, end, e.at)
	require.LessOrEqual(t, end, len(e.nodes))
	for i := e.at + 1; i < end; i = e.nodes[i].end {
		walk(t, Element{nodes: e.nodes, at: i}, depth+1)
	}
}

const customerAdded = `<xml><ToUserName><![CDATA[wx5823bf96d3bd56c7]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName>` +
	`<CreateTime>1795312799</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[change_external_contact]]></Event>` +
	`<ChangeType><![CDATA[add_external_contact]]></ChangeType><UserID><![CDATA[zhangsan]]></UserID>` +
	`<ExternalUserID><![CDATA[woAJ2GCAAAXtWyujaWJHDDGi0mAAAAAA]]></ExternalUserID><State><![CDATA[expo-2026]]></State>` +
	`<WelcomeCode><![CDATA[WELCOMECODE]]></WelcomeCode></xml>`

func BenchmarkParseXML(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		root, err := ParseXML(customerAdded)
		if err != nil || root.Text("State") != "expo-2026" {
			b.Fatal(err)
		}
	}
}

// BenchmarkEncodingXML is what the hand-written reader is measured against.
func BenchmarkEncodingXML(b *testing.B) {
	b.ReportAllocs()
	body := []byte(customerAdded)
	for b.Loop() {
		var e struct{ ToUserName, FromUserName, CreateTime, MsgType, Event, ChangeType, UserID, ExternalUserID, State, WelcomeCode string }
		if err := xml.Unmarshal(body, &e); err != nil || e.State != "expo-2026" {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	c := testCipher(b)
	encrypt := c.Seal([]byte(customerAdded))
	signature := c.Sign("1795312800", "nonce", encrypt)
	b.ReportAllocs()
	for b.Loop() {
		if !c.Verify(signature, "1795312800", "nonce", encrypt) {
			b.Fatal("refused")
		}
		if _, err := c.Open(encrypt); err != nil {
			b.Fatal(err)
		}
	}
}
