package message

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Digest is one text card in place of several alerts to the same member of staff, whose bodies Render made,
// given oldest first: how many there are and what each is about, the newest on top. The whole card leads to
// the address. It names when the first was made, in that time's zone: WeCom drops a message that is like
// another one of the last half hour.
func Digest(since time.Time, alerts [][]byte, address string) (Kind, []byte, error) {
	titles := make([]string, 0, len(alerts))
	for _, body := range slices.Backward(alerts) {
		titles = append(titles, cmp.Or(titleOf(body), "（没有标题的提醒）"))
	}
	more := func(n int) string { return fmt.Sprintf(`<div class="highlight">还有 %d 条，点开查看</div>`, n) }
	description := `<div class="gray">` + since.Format("15:04:05") + ` 起超过每小时上限的提醒，合并为一条</div>`
	for i, t := range titles {
		line := `<div class="normal">` + cut(t, 60) + `</div>`
		tail := ""
		if left := len(titles) - i - 1; left > 0 {
			tail = more(left)
		}
		if len(description)+len(line)+len(tail) > limitDescription {
			description += more(len(titles) - i)
			break
		}
		description += line
	}
	body, err := encode(textCard{fmt.Sprintf("%d 条提醒", len(alerts)), description, address, "查看线索"})
	if err != nil {
		return "", nil, fmt.Errorf("encode digest: %w", err)
	}
	return TextCard, body, nil
}

// titleOf is what an app message is about, in one line.
func titleOf(raw []byte) string {
	var body struct {
		Title   string `json:"title"`
		Content string `json:"content"`
		Main    struct {
			Title string `json:"title"`
		} `json:"main_title"`
		Sub string `json:"sub_title_text"`
	}
	if json.Unmarshal(raw, &body) != nil {
		return ""
	}
	for _, s := range []string{body.Title, body.Main.Title, body.Sub, tagText.ReplaceAllString(body.Content, "")} {
		if first, _, _ := strings.Cut(strings.TrimSpace(s), "\n"); first != "" {
			return clean(first)
		}
	}
	return ""
}
