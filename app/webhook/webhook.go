// Package webhook knows the addresses of other systems that Koi tells what happened: their definitions,
// the secrets deliveries to them are signed with, and which addresses no delivery may ever go to (Guard).
//
// A definition is a setting of kind "webhook":
//
//	{"name": "订单系统",
//	 "url": "https://erp.example.com/koi",
//	 "note": "…", "off": true,                   // both optional
//	 "secret_file": "/run/secrets/erp"}          // optional: the secret is kept there, not here
//
// Without secret_file a secret is made at the first need and kept sealed, beside the settings and not among
// them: settings are exported and their old versions stay. The package refuses to know how a delivery is
// made (channels/webhook) and when (journey, outbox).
package webhook

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/setting"
)

// Kind is the kind of setting that a webhook is.
const Kind = "webhook"

// Hook is one webhook. It is immutable.
type Hook struct {
	Key        string
	Name       string
	Note       string
	URL        string
	SecretFile string // "": the secret is kept sealed in the database
	Off        bool   // nothing is delivered
	Rev        int64
	UpdatedAt  int64 // business time, Unix ms
	UpdatedBy  string
}

// Shown is the address without what may open it: values of the query are left out.
func (h *Hook) Shown() string {
	u, err := url.Parse(h.URL)
	if err != nil || u.RawQuery == "" {
		return h.URL
	}
	var names []string
	for _, pair := range strings.Split(u.RawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		names = append(names, name+"=***")
	}
	u.RawQuery = strings.Join(names, "&")
	return u.String()
}

// Definition is the JSON document of a webhook.
type Definition struct {
	Name       string `json:"name"`
	URL        string `json:"url"`
	Note       string `json:"note,omitempty"`
	SecretFile string `json:"secret_file,omitempty"`
	Off        bool   `json:"off,omitempty"`
}

// Model is every webhook of one moment, immutable.
type Model struct{ hooks []*Hook } // by key

// Get returns a webhook by key, or nil.
func (m *Model) Get(key string) *Hook {
	if m == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(m.hooks, key, func(h *Hook, k string) int { return strings.Compare(h.Key, k) })
	if !ok {
		return nil
	}
	return m.hooks[i]
}

// Hooks lists the webhooks by key.
func (m *Model) Hooks() []*Hook {
	if m == nil {
		return nil
	}
	return slices.Clone(m.hooks)
}

const (
	maxName = 64 // characters
	maxNote = 500
	maxURL  = 1000 // bytes
)

// Compile reads the definitions among items (others are passed over) and returns the webhooks that are
// right, with every problem of those that are not. It looks nothing up: where a host's name
// leads is the matter of Guard.Refuses and of the dialler.
func Compile(items []setting.Item, g *Guard) (*Model, []fault.Problem) {
	m := &Model{}
	var problems []fault.Problem
	for _, it := range items {
		if it.Kind != Kind {
			continue
		}
		var d Definition
		var found []fault.Problem
		say := func(path, format string, args ...any) {
			found = append(found, setting.Problem(Kind, it.Key, path, format, args...))
		}
		if err := setting.Decode(it.Body, &d); err != nil {
			say("", "%v", err)
		} else {
			d.check(g, say)
		}
		if len(found) > 0 {
			problems = append(problems, found...)
			continue
		}
		m.hooks = append(m.hooks, &Hook{Key: it.Key, Name: d.Name, Note: d.Note, URL: d.URL, SecretFile: d.SecretFile, Off: d.Off,
			Rev: it.Rev, UpdatedAt: it.UpdatedAt, UpdatedBy: it.UpdatedBy})
	}
	slices.SortFunc(m.hooks, func(a, b *Hook) int { return strings.Compare(a.Key, b.Key) })
	return m, problems
}

func (d *Definition) check(g *Guard, say func(path, format string, args ...any)) {
	switch n := utf8.RuneCountInString(d.Name); {
	case strings.TrimSpace(d.Name) == "":
		say("name", "请填写名称，如“订单系统”")
	case n > maxName:
		say("name", "名称最多 %d 个字，现在是 %d 个", maxName, n)
	}
	if n := utf8.RuneCountInString(d.Note); n > maxNote {
		say("note", "备注最多 %d 个字，现在是 %d 个", maxNote, n)
	}
	if why := g.address(d.URL); why != "" {
		say("url", "%s", why)
	}
	if d.SecretFile != "" && !filepath.IsAbs(d.SecretFile) {
		say("secret_file", "应是服务器上的绝对路径，如 /run/secrets/erp")
	}
}
