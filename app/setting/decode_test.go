package setting

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/fault"
)

type leaf struct {
	Points float64 `json:"points"`
	Days   int32   `json:"days,omitempty"`
}

type inner struct {
	Key  string `json:"key"`
	Off  bool   `json:"off"`
	Caps []leaf `json:"caps"`
}

type document struct {
	ID    int64            `json:"-"`
	Name  string           `json:"name"`
	Order *int64           `json:"order"`
	Cuts  map[string]int64 `json:"cuts"`
	Rules []inner          `json:"rules"`
	On    json.RawMessage  `json:"on"`
	Any   any              `json:"any"`
	inner                  // its members are the document's
}

func TestDecode_tells_what_does_not_fit_and_where(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ body, place, reason string }{
		{`{"nam":"x"}`, ".nam", "没有 nam 这一项，可用：any、caps、cuts、key、name、off、on、order、rules"},
		{`{"id":1}`, ".id", "没有 id 这一项，可用：any、caps、cuts、key、name、off、on、order、rules"},
		{`{"name":1}`, ".name", "应是文字，现在是 1"},
		{`{"order":"x"}`, ".order", `应是整数，现在是 "x"`},
		{`{"order":1.5}`, ".order", "应是整数，现在是 1.5"},
		{`{"cuts":{"A":1,"B":"x"}}`, ".cuts.B", `应是整数，现在是 "x"`},
		{`{"cuts":[1]}`, ".cuts", "应是“键: 值”的写法，现在是 [1]"},
		{`{"rules":{}}`, ".rules", "应是列表，现在是 {}"},
		{`{"rules":[{"key":"a"},{"key":"b","caps":[{"point":3}]}]}`, ".rules[1].caps[0].point", "没有 point 这一项，可用：days、points"},
		{`{"rules":[{"off":"no"}]}`, ".rules[0].off", `应是 true 或 false，现在是 "no"`},
		{`{"rules":[{"caps":[{"points":"3"}]}]}`, ".rules[0].caps[0].points", `应是数，现在是 "3"`},
		{`{"rules":[{"caps":[{"days":3000000000}]}]}`, ".rules[0].caps[0].days", "应是整数，现在是 3000000000"},
		{`[1]`, "", "应是“键: 值”的写法，现在是 [1]"},
	} {
		var d document
		err := Decode(json.RawMessage(c.body), &d)
		require.EqualError(t, err, c.reason, c.body)
		require.Equal(t, c.place, Place(err), c.body)
	}

	var d document
	require.NoError(t, Decode(json.RawMessage(`{"NAME":"甲","order":null,"on":[{"x":1}],"any":{"y":2},"key":"k","rules":null}`), &d))
	require.Equal(t, "甲", d.Name)
	require.Equal(t, "k", d.Key)
	err := Decode(json.RawMessage(`{`), &d)
	require.Error(t, err)
	require.Empty(t, Place(err))
}

func TestDecode_reads_what_fits(t *testing.T) {
	t.Parallel()
	var d document
	require.Error(t, Decode(json.RawMessage(`{"name":"甲","order":"x","rulez":[],"rules":[{"key":"a"}]}`), &d))
	require.Equal(t, "甲", d.Name)
	require.Len(t, d.Rules, 1)
}

func TestProblem_leads_to_where_a_body_does_not_fit(t *testing.T) {
	t.Parallel()
	var d document
	err := Decode(json.RawMessage(`{"rules":[{"kee":1}]}`), &d)
	p := Problem("score", "intent", "", "写法不对：%v", err)
	require.Equal(t, "score/intent/rules[0].kee", p.Path)
	require.True(t, p.Stray)
	require.Equal(t, "写法不对：没有 kee 这一项，可用：caps、key、off", p.Message)
	require.Equal(t, "score/intent/rules[2].when.rules[0].kee", Problem("score", "intent", "rules[2].when", "%v", err).Path)
	require.Equal(t, fault.Problem{Path: "tag/a", Message: "x"}, Problem("tag", "a", "", "%v", errors.New("x")))
	require.Equal(t, []fault.Problem{{Path: "tag/a/when.op", Message: "m", Cause: "grid"}}, Below("tag", "a", []fault.Problem{{Path: "when.op", Message: "m", Cause: "grid"}}))
}

func TestCanonical_gives_equal_meaning_equal_bytes(t *testing.T) {
	t.Parallel()
	got, err := Canonical(json.RawMessage(" {\"b\": [1.50, \"<甲>\"], \"a\": null}\n"))
	require.NoError(t, err)
	require.Equal(t, `{"a":null,"b":[1.50,"<甲>"]}`, string(got))
	_, err = Canonical(json.RawMessage(`{"a"`))
	require.Error(t, err)
}
