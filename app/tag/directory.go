package tag

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/rule"
)

// Held is a tag on a person.
type Held struct {
	TagID  int64
	At     int64
	Source Kind
	By     int64 // the tag rule's or journey's id, 0 for none
	Until  int64 // 0: for ever

	// What the definitions of the day say; a tag whose definition is gone is not listed.
	Tag    Definition
	Reason string // one Chinese sentence
}

// Directory reads tags.
type Directory struct {
	db    *db.DB
	stage *Stage
}

// NewDirectory makes a reader of what the stage writes, with the model the stage uses.
func NewDirectory(d *db.DB, s *Stage) *Directory { return &Directory{db: d, stage: s} }

// Model is the model in use.
func (d *Directory) Model() *Model { return d.stage.model.Load() }

// List returns the tags a person has at now, by group and name, each with its reason.
func (d *Directory) List(ctx context.Context, contactID, now int64) ([]Held, error) {
	m := d.Model()
	var out []Held
	err := read(ctx, d.db, []int64{contactID}, func(_ int64, h Held) {
		def := m.tags[h.TagID]
		if def == nil || h.Until != 0 && h.Until <= now {
			return
		}
		h.Tag = *def
		h.Reason = m.reason(h)
		out = append(out, h)
	})
	slices.SortFunc(out, func(a, b Held) int {
		return strings.Compare(a.Tag.Group+"\x00"+a.Tag.Name, b.Tag.Group+"\x00"+b.Tag.Name)
	})
	return out, err
}

func (m *Model) reason(h Held) string {
	i := slices.IndexFunc(m.rules, func(r *Rule) bool { return r.ID == h.By })
	switch {
	case h.By != 0 && h.Source == ByJourney:
		return "由旅程打上"
	case h.By != 0 && i >= 0:
		return "规则“" + m.rules[i].Name + "”：" + m.rules[i].String()
	case h.By != 0:
		return "由一条已删除的规则打上"
	}
	return h.Source.Label() + "打上"
}

// People lists up to limit people who have a tag and whose id is above after, by id. It includes people
// merged into others since: read ids through contact_alias.
func (d *Directory) People(ctx context.Context, tagID, now, after int64, limit int) ([]int64, error) {
	rows, err := d.db.Query(ctx, `SELECT contact_id FROM contact_tags WHERE tag_id=? AND contact_id>?
		AND (expires_at=0 OR expires_at>?) ORDER BY contact_id LIMIT ?`, tagID, after, now, limit)
	if err != nil {
		return nil, fmt.Errorf("list people with tag %d: %w", tagID, err)
	}
	var out []int64
	err = db.Each(rows, func(r *sql.Rows) error {
		var id int64
		if err := r.Scan(&id); err != nil {
			return err
		}
		out = append(out, id)
		return nil
	})
	return out, err
}

// Fill puts the tags of people into their facts, outside the pipeline: for explanations and test runs.
func Fill(ctx context.Context, q db.Querier, people ...*rule.Person) error {
	byID := map[int64]*rule.Person{}
	for _, p := range people {
		byID[p.ID] = p
	}
	return read(ctx, q, sortedIDs(byID), func(id int64, h Held) {
		byID[id].Tags[h.TagID] = rule.Tag{At: h.At, Source: string(h.Source), Until: h.Until}
	})
}

func read(ctx context.Context, q db.Querier, people []int64, each func(contactID int64, h Held)) error {
	err := db.EachIn(ctx, q, "SELECT contact_id, tag_id, at, source, by_id, expires_at FROM contact_tags WHERE contact_id IN (%s)", people, nil, func(r *sql.Rows) error {
		var id int64
		var h Held
		if err := r.Scan(&id, &h.TagID, &h.At, &h.Source, &h.By, &h.Until); err != nil {
			return err
		}
		each(id, h)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read tags: %w", err)
	}
	return nil
}
