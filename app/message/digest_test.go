package message_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/message"
)

func TestDigest_says_what_fits_and_how_much_does_not(t *testing.T) {
	t.Parallel()
	var alerts [][]byte
	for i := range 20 {
		alerts = append(alerts, fmt.Appendf(nil, `{"title":"热线索：第%d位客户（A1）","description":"<div>x</div>","url":"https://koi.example.com/staff/contacts/%d"}`, i+1, i))
	}
	at := time.Date(2026, 11, 23, 13, 0, 0, 0, time.FixedZone("CST", 8*3600))
	type card struct{ Title, Description, URL, Btntxt string }
	read := func(list [][]byte) (c card) {
		t.Helper()
		kind, raw, err := message.Digest(at, list, "https://koi.example.com/staff/leads")
		require.NoError(t, err)
		require.Equal(t, message.TextCard, kind)
		require.NoError(t, json.Unmarshal(raw, &c))
		require.LessOrEqual(t, len(c.Description), 512)
		require.Equal(t, strings.Count(c.Description, "<div"), strings.Count(c.Description, "</div>"))
		return c
	}
	c := read(alerts)
	require.Equal(t, "20 条提醒", c.Title)
	require.Equal(t, "https://koi.example.com/staff/leads", c.URL)
	require.Contains(t, c.Description, "第20位客户", "the newest is on top")
	require.NotContains(t, c.Description, "第1位客户")
	shown := strings.Count(c.Description, "热线索")
	require.Greater(t, shown, 2)
	require.Contains(t, c.Description, fmt.Sprintf("还有 %d 条", 20-shown))

	c = read(alerts[:2])
	require.NotContains(t, c.Description, "还有")
	require.Less(t, strings.Index(c.Description, "第2位"), strings.Index(c.Description, "第1位"))

	c = read([][]byte{[]byte(`{"content":"<a href=\"https://x\">新留言</a>\n第二行"}`), []byte(`{"card_type":"text_notice","main_title":{"title":"签到 <b>"}}`), []byte(`{}`)})
	require.Equal(t, "3 条提醒", c.Title)
	require.Contains(t, c.Description, "13:00:00 起")
	require.Equal(t, 3, strings.Count(c.Description, `class="normal"`), "one without a title is one, too")
	require.Contains(t, c.Description, "新留言</div>")
	require.Contains(t, c.Description, "签到 ＜b＞")
}
