package journey

import (
	"fmt"

	"github.com/koi-scrm/koi/app/message"
	"github.com/koi-scrm/koi/app/setting"
)

// eventLabels gives the Chinese names of event types.
func (c *compiler) eventLabels(types []string) []string {
	out := make([]string, len(types))
	for i, t := range types {
		if out[i] = c.known.Scope.Events[t]; out[i] == "" {
			out[i] = t
		}
	}
	return out
}

// tagNames checks a list of tag keys that must not be empty, and gives their Chinese names.
func (c *compiler) tagNames(path string, keys []string) []string {
	if len(keys) == 0 {
		c.say(path, "请选择标签")
	}
	out := make([]string, len(keys))
	for i, k := range keys {
		def, ok := c.known.Scope.Tags[k]
		if !ok {
			c.say(fmt.Sprintf("%s[%d]", path, i), "没有标签“%s”", k)
		}
		out[i] = def.Label
	}
	return out
}

// tagIDs resolves keys that were checked.
func (c *compiler) tagIDs(keys []string) []int64 {
	out := make([]int64, 0, len(keys))
	for _, k := range keys {
		out = append(out, c.known.Scope.Tags[k].ID)
	}
	return out
}

func (c *compiler) stageNames(path string, keys []string) []string {
	if len(keys) == 0 {
		c.say(path, "请选择阶段")
	}
	out := make([]string, len(keys))
	for i, k := range keys {
		if out[i] = c.known.Scope.Stages[k]; out[i] == "" {
			c.say(fmt.Sprintf("%s[%d]", path, i), "没有阶段“%s”", k)
		}
	}
	return out
}

// template looks a message template up that is sent on a channel. A template with problems of its own was
// reported where it stands and counts as missing here.
func (c *compiler) template(path, key string, channel message.Channel) *message.Template {
	if key == "" {
		c.say(path, "请选择消息模板")
		return nil
	}
	t := c.known.Messages.Get(key)
	if t == nil {
		c.say(path, "没有可用的消息模板“%s”", key)
		c.problems[len(c.problems)-1].Cause = setting.KindMessage + "/" + key // when that is wrong, it is told there
		return nil
	}
	if t.Channel != channel {
		c.say(path, "消息模板“%s”是%s，这里要用%s", t.Name, t.Channel.Label(), channel.Label())
	}
	return t
}
