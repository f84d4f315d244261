package content

import (
	"context"
	"sync/atomic"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
)

// Count says how a page does. Programs that read it are not counted.
type Count struct {
	Views    int64 // page.viewed
	Visitors int64 // different people among them, as they were known then
	Submits  int64 // forms sent
	LastAt   int64 // Unix ms of the last of these; 0: never
}

// Stage counts what happens on our pages; what others put under a page's name on their own sites counts
// with it. Names of no page of ours are not counted: anybody may make them up.
type Stage struct {
	people *contact.Stage
	model  atomic.Pointer[Model]
	m      *Model // of the batch

	counts map[string]*Count
	seen   map[visit]bool
	fresh  []visit
}

type visit struct {
	page   string
	person int64
}

// NewStage makes the stage; it stands behind the contact stage.
func NewStage(people *contact.Stage) *Stage { return &Stage{people: people} }

// Use takes other pages from the next batch on.
func (s *Stage) Use(m *Model) { s.model.Store(m) }

// Name of the stage.
func (s *Stage) Name() string { return "content" }

// page is the page of ours an event is about, "" for none.
func (s *Stage) page(e *event.Event) string {
	key := ""
	switch e.Type {
	case event.PageViewed:
		if e.ObjectType == "page" && e.Props["bot"] != true {
			key = e.ObjectID
		}
	case event.FormSubmitted:
		key = e.Props.Str("page")
	}
	if key == "" || s.m.Page(key) == nil {
		return ""
	}
	return key
}

// Load reads the counts of the pages in the batch and who of its people was there before.
func (s *Stage) Load(ctx context.Context, tx *db.Tx, b *event.Batch) error {
	s.m = s.model.Load()
	s.counts, s.seen, s.fresh = map[string]*Count{}, map[visit]bool{}, nil
	for _, e := range b.Events {
		if key := s.page(e); key != "" {
			s.counts[key] = &Count{}
		}
	}
	if len(s.counts) == 0 {
		return nil
	}
	return s.read(ctx, tx)
}

// Apply counts an event.
func (s *Stage) Apply(_ *event.Batch, e *event.Event) error {
	key := s.page(e)
	c := s.counts[key]
	if c == nil || e.N != 0 {
		return nil
	}
	c.LastAt = max(c.LastAt, e.OccurredAt)
	if e.Type == event.FormSubmitted {
		c.Submits++
		return nil
	}
	c.Views++
	if v := (visit{key, e.ContactID}); e.ContactID != 0 && !s.seen[v] {
		s.seen[v] = true
		s.fresh = append(s.fresh, v)
		c.Visitors++
	}
	return nil
}
