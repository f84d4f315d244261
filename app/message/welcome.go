package message

import (
	"encoding/json"
	"fmt"
	"strings"
)

// attachment is what one kind of 附件 takes (发送新客户欢迎语 § attachments). Media ids are of temporary
// material, which WeCom keeps for three days; pictures by address last.
type attachment struct {
	label   string
	needs   []string // all of them
	oneOf   []string // one of them
	members map[string]place
}

// place is where a text of an attachment stands.
type place struct {
	markup markup
	limit  int
}

var attachments = map[string]attachment{
	"link": {label: "图文链接", needs: []string{"title", "url"}, members: map[string]place{
		"title": {plain, limitTitle}, "desc": {plain, limitDescription}, "url": {address, limitURL}, "picurl": {address, limitURL}}},
	"miniprogram": {label: "小程序", needs: []string{"title", "pic_media_id", "appid", "page"}, members: map[string]place{
		"title": {plain, 64}, "pic_media_id": {plain, 256}, "appid": {plain, 64}, "page": {page, limitPage}}},
	"image": {label: "图片", oneOf: []string{"media_id", "pic_url"}, members: map[string]place{
		"media_id": {plain, 256}, "pic_url": {address, limitURL}}},
	"video": {label: "视频", needs: []string{"media_id"}, members: map[string]place{"media_id": {plain, 256}}},
	"file":  {label: "文件", needs: []string{"media_id"}, members: map[string]place{"media_id": {plain, 256}}},
}

const (
	limitWelcome   = 4000 // bytes of the text
	maxAttachments = 9
)

// welcome compiles a 欢迎语: a text, attachments, or both.
func (c *checker) welcome(t *Template, d definition) {
	t.content = c.text("content", d.content, plain, limitWelcome)
	var list []map[string]json.RawMessage
	if len(d.attachments) > 0 {
		if err := json.Unmarshal(d.attachments, &list); err != nil {
			c.say("attachments", "写法不对：应是列表，每项形如 {msgtype: link, link: {title: …, url: …}}")
			return
		}
	}
	if strings.TrimSpace(d.content) == "" && len(list) == 0 {
		c.say("content", "文字 content 与附件 attachments 至少填一项")
	}
	if len(list) > maxAttachments {
		c.say("attachments", "附件最多 %d 个，现在有 %d 个", maxAttachments, len(list))
	}
	for i, m := range list {
		if a := c.attachment(fmt.Sprintf("attachments[%d]", i), m); a != nil {
			t.attachments = append(t.attachments, a)
		}
	}
	if c.uses["score.reasons"] {
		c.say("content", "欢迎语里不能用 score.reasons：查得分原因会耽误欢迎语，而且刚添加的客户还没有")
	}
}

func (c *checker) attachment(at string, given map[string]json.RawMessage) any {
	var kind string
	_ = json.Unmarshal(given["msgtype"], &kind) // a missing or wrong one is told next
	form, ok := attachments[kind]
	if !ok {
		c.say(at+".msgtype", "没有附件类型“%s”，可选：%s", kind, strings.Join(sortedKeys(attachments), "、"))
		return nil
	}
	for _, name := range sortedKeys(given) {
		if name != "msgtype" && name != kind {
			c.say(at+"."+name, "%s附件没有这一项", form.label)
		}
	}
	var values map[string]string
	if err := json.Unmarshal(given[kind], &values); err != nil || values == nil {
		c.say(at+"."+kind, "%s附件要写 %s，各项都是文字", form.label, kind)
		return nil
	}
	for _, need := range form.needs {
		if strings.TrimSpace(values[need]) == "" {
			c.say(at+"."+kind+"."+need, "%s附件必须填写这一项", form.label)
		}
	}
	some := len(form.oneOf) == 0
	for _, name := range form.oneOf {
		some = some || strings.TrimSpace(values[name]) != ""
	}
	if !some {
		c.say(at+"."+kind, "%s附件要填 %s 之一", form.label, strings.Join(form.oneOf, "、"))
	}
	out := map[string]any{}
	for _, name := range sortedKeys(values) {
		place, ok := form.members[name]
		if !ok {
			c.say(at+"."+kind+"."+name, "%s附件没有这一项，可用的有：%s", form.label, strings.Join(sortedKeys(form.members), "、"))
			continue
		}
		if x := c.text(at+"."+kind+"."+name, values[name], place.markup, place.limit); x != nil {
			out[name] = x
		}
	}
	return map[string]any{"msgtype": kind, kind: out}
}

type welcomeBody struct {
	Code        string       `json:"welcome_code"`
	Text        *welcomeText `json:"text,omitempty"`
	Attachments any          `json:"attachments,omitempty"`
}

type welcomeText struct {
	Content string `json:"content"`
}

func (r *renderer) welcome(t *Template, f Facts) welcomeBody {
	b := welcomeBody{}
	if f.Event != nil {
		b.Code = f.Event.Props.Str("welcome_code")
	}
	if b.Code == "" {
		r.fail(fmt.Errorf("no welcome code"), "事件里没有欢迎语凭证：只有刚添加客户、而且企业微信后台没有给这位员工设欢迎语时才有")
	}
	if t.content != nil {
		b.Text = &welcomeText{r.must("欢迎语", t.content)}
	}
	if len(t.attachments) > 0 {
		b.Attachments = r.tree(t.attachments)
	}
	return b
}
