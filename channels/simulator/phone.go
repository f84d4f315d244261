package simulator

import (
	"container/list"
	"encoding/json"
	"strings"
)

// line is something a phone shows.
type line struct {
	ID      int64 // rises on each phone, so that it can say which lines are new
	At      int64
	In      string // the conversation: an account, a signature, or the phone it is with
	From    string // who it came from, as the phone shows it; "" with Mine or Note
	App     string // the account it came from
	Mine    bool   // said by the phone's owner
	Note    bool   // grey, in the middle
	Kind    string
	Text    string
	Content json.RawMessage
	card    *card
}

// chat is the screen of one phone: the last lines of all its conversations together.
type chat struct {
	owner any // *person or *staff
	lines ring[line]
	next  int64         // the ID of the next line
	rev   int64         // rises with every change
	place *list.Element // in Simulator.recent
}

const (
	chatLines = 100
	// maxChats bounds the phones that keep lines; the one where nothing happened longest goes blank.
	maxChats = 2000
)

func (c *chat) add(l line) {
	if c.lines.size == 0 {
		c.lines = newRing[line](chatLines)
	}
	c.next++
	l.ID = c.next
	c.lines.push(l)
}

// touch marks a phone as changed. Simulator.mu is held.
func (s *Simulator) touch(c *chat) {
	c.rev++
	if c.place == nil {
		c.place = s.recent.PushFront(c)
		if s.recent.Len() > maxChats {
			old := s.recent.Remove(s.recent.Back()).(*chat)
			old.place, old.lines = nil, ring[line]{}
		}
	} else {
		s.recent.MoveToFront(c.place)
	}
	s.phones.ring()
}

// say and note write a line of the phone's owner, or a grey one, into a conversation.
func (s *Simulator) say(c *chat, in string, now int64, kind, text string) {
	c.add(line{At: now, In: in, App: in, Mine: true, Kind: kind, Text: text})
	s.touch(c)
}

func (s *Simulator) note(c *chat, in string, now int64, text string) {
	c.add(line{At: now, In: in, Note: true, Text: text})
	s.touch(c)
}

// phoneOf is the phone a message appears on, nil for a stranger's.
func (s *Simulator) phoneOf(m message) *chat {
	switch {
	case m.staff != nil:
		return &m.staff.chat
	case m.follower != nil:
		return &m.follower.person.chat
	case m.miniUser != nil:
		return &m.miniUser.person.chat
	case m.person != nil:
		return &m.person.chat
	case m.contact != nil:
		return &m.contact.person.chat
	}
	return nil
}

// summary is a message in one line of text.
func summary(kind string, content any) string {
	m, _ := content.(map[string]any)
	f := fields(m)
	first := func(names ...string) string {
		for _, name := range names {
			if s := f.str(name); s != "" {
				return s
			}
		}
		return ""
	}
	var s string
	switch kind {
	case "text", "markdown":
		s = first("content")
	case "textcard", "miniprogrampage", "link", "video", "music":
		s = first("title", "description")
	case "template_card":
		s = first("main_title.title", "sub_title_text", "main_title.desc")
	case "once":
		s = first("title") + " " + first("data.content.value")
	case "template", "notice", "subscribe":
		var parts []string
		data := f.obj("data")
		for _, name := range sortedKeys(data) {
			parts = append(parts, data.str(name+".value"))
		}
		s = strings.Join(parts, " · ")
	case "msgmenu":
		s = first("head_content")
	case "sms":
		s = first("text")
	case "welcome":
		s = first("text.content")
	case "news":
		if list := f.objs("articles"); len(list) > 0 {
			s = list[0].str("title")
		}
	}
	return cut(s, 300)
}
