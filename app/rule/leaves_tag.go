package rule

import (
	"slices"
	"strings"
)

const groupTag = "标签"

var tagLeaves = []Leaf{
	{Name: "tag", Label: "标签", Group: groupTag, compile: compileTag,
		Ops:     []Op{{"any", "含任一", EditTags}, {"all", "含全部", EditTags}, {"none", "不含", EditTags}},
		Explain: "客户身上现在有没有这些标签；过期的不算"},
	{Name: "tag_at", Label: "打标时间", Group: groupTag, About: AboutTag, Ops: dateOps, compile: compileTagAt,
		Explain: "打上某个标签的时间"},
	{Name: "tag_source", Label: "标签来源", Group: groupTag, About: AboutTag, Ops: among(EditSources), compile: compileTagSource,
		Explain: "某个标签是怎么打上的"},
}

var tagSources = map[string]string{"manual": "手工", "rule": "规则", "journey": "流程", "model": "模型", "custom": "自定义逻辑"}

// valid reports whether the tag has not expired.
func (t Tag) valid(now int64) bool { return t.Until == 0 || t.Until > now }

// tagged writes that the person has a tag of the ids, with what on adds; x is the tag's row.
func (w *writer) tagged(ids []int64, on func()) {
	w.exists(w.schema.Tags, func() {
		w.put(" AND ")
		in(w, "x.tag_id", ids)
		w.put(" AND (x.expires_at = 0 OR x.expires_at > ")
		w.arg(w.at.now)
		w.put(")")
		if on != nil {
			on()
		}
	})
}

func compileTag(l *leafNode) cond {
	_, defs, names := named(l, "标签", l.scope.Tags, func(t TagDef) string { return t.Label })
	ids := make([]int64, len(defs))
	for i, d := range defs {
		ids[i] = d.ID
	}
	l.tree.uses.Tags = append(l.tree.uses.Tags, ids...)
	has := func(p *Person, at moment, id int64) bool {
		t, ok := p.Tags[id]
		return ok && t.valid(at.now)
	}
	c := &flag{
		label: l.def.Label + " " + l.op.Label + " " + names, want: l.op.Name != "none",
		get: func(p *Person, at moment) bool {
			for _, id := range ids {
				if has(p, at, id) {
					return true
				}
			}
			return false
		},
		rows: func(w *writer) { w.tagged(ids, nil) },
		has: func(p *Person, at moment) string {
			var out []string
			for _, d := range defs {
				if has(p, at, d.ID) {
					out = append(out, d.Label)
				}
			}
			if len(out) == 0 {
				return "都没有"
			}
			return "有 " + strings.Join(out, "、")
		},
	}
	if l.op.Name == "all" {
		c.get = func(p *Person, at moment) bool {
			for _, id := range ids {
				if !has(p, at, id) {
					return false
				}
			}
			return true
		}
		c.rows = func(w *writer) {
			for i, id := range ids {
				if i > 0 {
					w.put(" AND ")
				}
				w.tagged([]int64{id}, nil)
			}
		}
	}
	return c
}

// theTag is the tag the leaf's key names.
func (l *leafNode) theTag() TagDef {
	d := l.scope.Tags[l.n.Key]
	l.tree.uses.Tags = append(l.tree.uses.Tags, d.ID)
	return d
}

func compileTagAt(l *leafNode) cond {
	d := l.theTag()
	l.stepsDaily()
	list, not, phrase := l.instantSpans()
	return &number{
		label: "“" + d.Label + "”的打标时间", phrase: phrase, not: not, spans: l.daily(list), show: showInstant, none: "没有这个标签",
		get: func(p *Person, at moment) (int64, bool) {
			t, ok := p.Tags[d.ID]
			return t.At, ok && t.valid(at.now)
		},
		rows: func(w *writer, within spans) {
			w.tagged([]int64{d.ID}, func() {
				w.put(" AND ")
				w.within("x.at", within)
			})
		},
	}
}

func compileTagSource(l *leafNode) cond {
	d := l.theTag()
	var names []string
	list := l.list()
	for _, s := range list {
		name, ok := tagSources[s]
		if !ok {
			l.bad(l.path+".value", "没有叫 %q 的来源%s，可用：%s", s, nearest(s, keys(tagSources)), strings.Join(keys(tagSources), "、"))
		}
		names = append(names, name)
	}
	return &flag{
		label: "“" + d.Label + "”的来源 " + l.op.Label + " " + strings.Join(names, "、"), want: l.op.Name == "in",
		get: func(p *Person, at moment) bool {
			t, ok := p.Tags[d.ID]
			return ok && t.valid(at.now) && slices.Contains(list, t.Source)
		},
		rows: func(w *writer) {
			w.tagged([]int64{d.ID}, func() {
				w.put(" AND ")
				in(w, "x.source", list)
			})
		},
		has: func(p *Person, at moment) string {
			t, ok := p.Tags[d.ID]
			if !ok || !t.valid(at.now) {
				return "没有这个标签"
			}
			if name, ok := tagSources[t.Source]; ok {
				return name
			}
			return t.Source
		},
	}
}
