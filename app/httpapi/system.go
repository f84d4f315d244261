package httpapi

import (
	"context"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/pipeline"
)

// System is how this Koi is doing.
type System struct {
	Version     string    `json:"version"`
	Database    string    `json:"database" doc:"sqlite 或 mysql"`
	Time        time.Time `json:"time" doc:"业务时间"`
	LagSeconds  float64   `json:"lag_seconds" doc:"最早的未处理事件等了多久"`
	DeadLetters int       `json:"dead_letters" doc:"等人处理的死信，最多数到 200"`
	Gaps        []Gap     `json:"gaps" doc:"最近 30 天没有服务的时段：期间平台的回调只重试 15 秒，可能已丢失"`
	Alarms      []Alarm   `json:"alarms" doc:"需要处理的发送问题"`
	Pauses      []Pause   `json:"pauses" doc:"因平台额度用完而暂停的接口"`
}

// Gap is a time in which no Koi answered.
type Gap struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Seconds int64     `json:"seconds"`
}

// Alarm is something an operator has to see to.
type Alarm struct {
	Account      string    `json:"account"`
	Channel      string    `json:"channel"`
	ChannelLabel string    `json:"channel_label"`
	Kind         string    `json:"kind"`
	Code         int       `json:"code,omitempty"`
	Detail       string    `json:"detail"`
	FirstAt      time.Time `json:"first_at"`
	LastAt       time.Time `json:"last_at"`
	Times        int       `json:"times"`
}

// Pause is an API that is not asked until the platform's quota is back.
type Pause struct {
	Account      string    `json:"account"`
	Channel      string    `json:"channel"`
	ChannelLabel string    `json:"channel_label"`
	Until        time.Time `json:"until"`
	Code         int       `json:"code,omitempty"`
	Detail       string    `json:"detail"`
}

// gapsShown is how far back outages are told.
const gapsShown = 30 * 24 * time.Hour

func (a *API) getSystem(ctx context.Context, _ *struct{}) (*answer[System], error) {
	out := System{Version: a.Version, Database: string(a.Stores.Koi.Engine()), Time: a.at(a.now()), Gaps: []Gap{}, Alarms: []Alarm{}, Pauses: []Pause{}}
	wall := clock.Ms(a.Clock.Wall())
	var err error
	if out.LagSeconds, err = a.lag(ctx); err != nil {
		return nil, err
	}
	dead, err := a.Pipeline.DeadLetters(ctx, 0, 200)
	if err != nil {
		return nil, err
	}
	out.DeadLetters = len(dead)
	gaps, err := a.Upkeep.Gaps(ctx, wall-gapsShown.Milliseconds())
	if err != nil {
		return nil, err
	}
	for _, g := range gaps {
		out.Gaps = append(out.Gaps, Gap{a.at(g.From), a.at(g.To), (g.To - g.From) / 1000})
	}
	if err := a.sendingTroubles(ctx, &out); err != nil {
		return nil, err
	}
	return &answer[System]{out}, nil
}

func (a *API) sendingTroubles(ctx context.Context, out *System) error {
	alarms, err := a.Outbox.Alarms(ctx)
	if err != nil {
		return err
	}
	for _, x := range alarms {
		out.Alarms = append(out.Alarms, Alarm{x.Account, string(x.Channel), x.Channel.Label(), x.Kind, x.Code, x.Detail, a.at(x.FirstAt), a.at(x.LastAt), x.Times})
	}
	pauses, err := a.Outbox.Pauses(ctx)
	for _, x := range pauses {
		out.Pauses = append(out.Pauses, Pause{x.Account, string(x.Channel), x.Channel.Label(), a.at(x.Until), x.Code, x.Detail})
	}
	return err
}

// DeadLetter is an event that could not be processed.
type DeadLetter struct {
	ID       ID        `json:"id"`
	Type     string    `json:"type,omitempty"`
	Label    string    `json:"label"`
	Stage    string    `json:"stage" doc:"停在哪一步"`
	Error    string    `json:"error"`
	ParkedAt time.Time `json:"parked_at"`
	Tries    int       `json:"tries"`
}

func (a *API) listDeadLetters(ctx context.Context, in *Page) (*listOf[DeadLetter], error) {
	place, err := in.place(1)
	if err != nil {
		return nil, err
	}
	all, err := a.Pipeline.DeadLetters(ctx, event.ID(place[0]), in.Limit+1)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(all) > in.Limit {
		all = all[:in.Limit]
		next = cursor(int64(all[in.Limit-1].ID))
	}
	return &listOf[DeadLetter]{mapped(List[pipeline.DeadLetter]{Items: all, Next: next}, func(d pipeline.DeadLetter) DeadLetter {
		label := "读不出来的事件"
		if d.Type != "" {
			label = event.LabelOf(d.Type).Name
		}
		return DeadLetter{ID: ID(d.ID), Type: d.Type, Label: label, Stage: d.Stage, Error: d.Error, ParkedAt: a.at(d.ParkedAt), Tries: d.Tries}
	})}, nil
}

// Settled is what became of a dead letter.
type Settled struct {
	ID      ID   `json:"id"`
	Applied bool `json:"applied" doc:"重试已处理完；若又失败，会成为一条新的死信"`
}

func (a *API) retryDeadLetter(ctx context.Context, in *ByID) (*answer[Settled], error) {
	d, err := a.Pipeline.DeadLetter(ctx, event.ID(in.ID.ID))
	if err != nil {
		return nil, err
	}
	got, err := a.Pipeline.Retry(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	return &answer[Settled]{Settled{in.ID.ID, a.applied(ctx, d.Lane, got.Seq)}}, nil
}

func (a *API) discardDeadLetter(ctx context.Context, in *ByID) (*answer[Settled], error) {
	return &answer[Settled]{Settled{ID: in.ID.ID}}, a.Pipeline.Discard(ctx, event.ID(in.ID.ID))
}
