package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// cardType is what one template_card form needs (WeCom 发送应用消息 § 模板卡片).
type cardType struct {
	label  string
	needs  []string
	task   bool // has buttons: task_id is required and unique within the app
	action bool // card_action is required
}

var cardTypes = map[string]cardType{
	"text_notice":        {label: "文本通知", action: true},
	"news_notice":        {label: "图文展示", action: true, needs: []string{"main_title.title"}},
	"button_interaction": {label: "按钮交互", task: true, needs: []string{"main_title.title", "button_list"}},
}

// Longest lists in a card; the platform refuses more.
var cardLists = map[string]int{"horizontal_content_list": 6, "vertical_content_list": 4, "jump_list": 3, "button_list": 6}

// card checks a card's shape and compiles every string in it.
func (c *checker) card(raw json.RawMessage, needsTask *bool) any {
	if len(raw) == 0 {
		return nil
	}
	var card map[string]any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&card); err != nil {
		c.say("card", "应为对象")
		return nil
	}
	kind, _ := card["card_type"].(string)
	form, ok := cardTypes[kind]
	if !ok {
		c.say("card.card_type", "不支持“%s”，可选：%s", kind, strings.Join(sortedKeys(cardTypes), "、"))
		return nil
	}
	for _, need := range form.needs {
		if at(card, need) == nil {
			c.say("card."+need, "%s卡片必须填写这一项", form.label)
		}
	}
	if kind == "text_notice" && at(card, "main_title.title") == nil && at(card, "sub_title_text") == nil {
		c.say("card.main_title.title", "标题 main_title.title 和正文 sub_title_text 至少填一项")
	}
	if form.action && at(card, "card_action.url") == nil && at(card, "card_action.appid") == nil {
		c.say("card.card_action", "%s卡片必须有点击后打开的网址 card_action.url", form.label)
	}
	if _, given := card["task_id"]; given {
		c.say("card.task_id", "编号由系统生成，请删掉这一项")
	}
	for _, name := range sortedKeys(cardLists) {
		v, has := card[name]
		if !has {
			continue
		}
		list, isList := v.([]any)
		if !isList {
			c.say("card."+name, "应为列表")
		} else if most := cardLists[name]; len(list) > most {
			c.say("card."+name, "最多 %d 项，现在有 %d 项", most, len(list))
		}
	}
	*needsTask = form.task
	return c.cardTree("card", card)
}

// at follows a dotted path through objects; an empty text counts as absent.
func at(v any, path string) any {
	for _, part := range strings.Split(path, ".") {
		m, _ := v.(map[string]any)
		if v = m[part]; v == "" {
			return nil
		}
	}
	return v
}

// addresses are the members of a card that lead somewhere.
var addresses = []string{"url", "image_url", "icon_url"}

func (c *checker) cardTree(path string, v any) any {
	switch v := v.(type) {
	case string:
		if slices.Contains(addresses, path[strings.LastIndexByte(path, '.')+1:]) {
			return c.text(path, v, address, limitURL)
		}
		return c.text(path, v, plain, limitDescription)
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, k := range sortedKeys(v) {
			out[k] = c.cardTree(path+"."+k, v[k])
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = c.cardTree(fmt.Sprintf("%s[%d]", path, i), v[i])
		}
		return out
	}
	return v
}
