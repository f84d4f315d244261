package httpapi

import (
	"context"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/event"
)

// TimelineEntry is one thing that happened.
type TimelineEntry struct {
	ID         ID        `json:"id"`
	Type       string    `json:"type"`
	Label      string    `json:"label"`
	Note       string    `json:"note" doc:"这类事件的一句话说明"`
	Text       string    `json:"text" doc:"这一次值得说的：说了什么、哪个标签、为什么被拦截；可能为空"`
	At         time.Time `json:"at"`
	ReceivedAt time.Time `json:"received_at"`
	ContactID  ID        `json:"contact_id" doc:"事件记在谁名下；合并过的客户会有几个"`
	// ContactName is told where lines of many people stand together.
	ContactName string      `json:"contact_name,omitempty" doc:"工作台和实时流里有"`
	IdentityID  ID          `json:"identity_id,omitempty"`
	Account     string      `json:"account,omitempty"`
	Staff       *StaffName  `json:"staff,omitempty"`
	ObjectType  string      `json:"object_type,omitempty"`
	ObjectID    string      `json:"object_id,omitempty"`
	Share       string      `json:"share,omitempty"`
	Props       event.Props `json:"props"`
}

type timelineInput struct {
	ByID
	Page
	Types []string `query:"type" maxItems:"50" doc:"只看这些事件，逗号分隔，如 oa.followed,tag.added"`
}

func (a *API) listTimeline(ctx context.Context, in *timelineInput) (*listOf[TimelineEntry], error) {
	p, err := a.find(ctx, in.ID.ID)
	if err != nil {
		return nil, err
	}
	place, err := in.place(2)
	if err != nil {
		return nil, err
	}
	entries, err := a.Timeline.List(ctx, p.Contacts(), in.Types, event.Place{At: place[0], ID: event.ID(place[1])}, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := List[TimelineEntry]{Items: []TimelineEntry{}}
	if len(entries) > in.Limit {
		entries = entries[:in.Limit]
		last := entries[in.Limit-1]
		out.Next = cursor(last.At, int64(last.ID))
	}
	for _, e := range entries {
		out.Items = append(out.Items, a.entry(e))
	}
	return &listOf[TimelineEntry]{out}, nil
}

func (a *API) entry(e event.Entry) TimelineEntry {
	l := event.LabelOf(e.Type)
	t := TimelineEntry{ID: ID(e.ID), Type: e.Type, Label: l.Name, Note: l.Note, At: a.at(e.At), ReceivedAt: a.at(e.ReceivedAt), ContactID: ID(e.ContactID),
		IdentityID: ID(e.IdentityID), Account: e.Account, ObjectType: e.ObjectType, ObjectID: e.ObjectID, Share: e.Share, Props: event.Props{}}
	if e.Props != nil {
		t.Props = maskedProps(e.Props).(event.Props)
	}
	masked := e
	masked.Props = t.Props
	t.Text = a.telling(masked)
	if e.Staff != "" {
		corp, _, _ := strings.Cut(e.Account, "/")
		s := a.staffName(corp, e.Staff)
		t.Staff = &s
	}
	return t
}
