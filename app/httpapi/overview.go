package httpapi

import (
	"context"
	"sync"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/stage"
)

// Overview is what a marketer looks at first in the morning.
type Overview struct {
	At       time.Time    `json:"at"`
	People   int64        `json:"people" doc:"池塘里有多少人"`
	Stages   []StageCount `json:"stages" doc:"各阶段多少人"`
	Inside   int64        `json:"inside" doc:"正在旅程里的人次"`
	Today    string       `json:"today" doc:"业务日期"`
	Days     []DayCounts  `json:"days" doc:"最近 30 天，每天各类事件多少次；旧的在前"`
	Ripe     []Ripe       `json:"ripe" doc:"最近成熟的线索，新的在前"`
	RipeName string       `json:"ripe_name,omitempty" doc:"成熟线索的阶段名称"`
	// Recent is what a screen shows before the stream brings more.
	Recent []TimelineEntry `json:"recent" doc:"最近的动态，新的在前"`
}

// StageCount is how many people stand in a stage.
type StageCount struct {
	Named
	People int64 `json:"people"`
}

// DayCounts is a business day.
type DayCounts struct {
	Day    string           `json:"day"`
	Counts map[string]int64 `json:"counts" doc:"事件类型 → 次数"`
}

// Ripe is a person who has become ripe for sales.
type Ripe struct {
	ContactLine
	At time.Time `json:"at"`
}

const (
	overviewDays = 30
	overviewRipe = 8
	// overviewRecent fills a screen's height.
	overviewRecent = 30
	// pondEvery is how old the counts of the whole pond may be: they read every person's row.
	pondEvery = 10 * time.Second
)

// pond are counts over everybody.
type pond struct {
	mu     sync.Mutex
	at     time.Time
	people int64
	stages []stage.Count
	inside int64
}

func (a *API) getOverview(ctx context.Context, _ *struct{}) (*answer[Overview], error) {
	out := Overview{At: a.at(a.now()), Stages: []StageCount{}, Days: []DayCounts{}, Ripe: []Ripe{}, Recent: []TimelineEntry{}}
	if err := a.countPond(ctx, &out); err != nil {
		return nil, err
	}
	today := clock.Day(a.now(), a.Zone)
	date := func(day int32) string { return a.at(clock.DayStart(day, a.Zone)).Format(time.DateOnly) }
	out.Today = date(today)
	for day := today - overviewDays + 1; day <= today; day++ {
		out.Days = append(out.Days, DayCounts{date(day), map[string]int64{}})
	}
	counts, err := a.Tally.Days(ctx, today-overviewDays+1, today)
	if err != nil {
		return nil, err
	}
	for _, c := range counts {
		out.Days[c.Day-today+overviewDays-1].Counts[c.Type] = c.N
	}
	if err := a.ripe(ctx, &out); err != nil {
		return nil, err
	}
	recent, err := a.Timeline.Latest(ctx, overviewRecent)
	if err != nil {
		return nil, err
	}
	who := make([]int64, 0, len(recent))
	for _, e := range recent {
		who = append(who, e.ContactID)
	}
	names, err := a.namesOf(ctx, who)
	for _, e := range recent {
		entry := a.entry(e)
		entry.ContactName = names[e.ContactID]
		out.Recent = append(out.Recent, entry)
	}
	return &answer[Overview]{out}, err
}

func (a *API) countPond(ctx context.Context, out *Overview) error {
	p := &a.pond
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at.IsZero() || time.Since(p.at) > pondEvery {
		people, err := a.everybody(ctx)
		if err != nil {
			return err
		}
		stages, err := a.Stages.Counts(ctx)
		if err != nil {
			return err
		}
		inside, err := a.Journeys.Inside(ctx)
		if err != nil {
			return err
		}
		p.people, p.stages, p.inside, p.at = int64(people), stages, inside, time.Now()
	}
	out.People, out.Inside = p.people, p.inside
	for _, s := range p.stages {
		out.Stages = append(out.Stages, StageCount{Named{s.Key, s.Name}, s.N})
	}
	return nil
}

// maxPond is more than anybody's pond holds.
const maxPond = 1 << 30

// ripe lists the newest ripe leads whom the caller may see.
func (a *API) ripe(ctx context.Context, out *Overview) error {
	arrivals, err := a.Stages.Ripe(ctx, overviewRipe)
	if err != nil {
		return err
	}
	for _, x := range arrivals {
		p, err := a.find(ctx, ID(x.ContactID))
		if err != nil {
			continue // merged or erased this moment, or not the caller's
		}
		lines, err := a.lines(ctx, []*contact.Person{p})
		if err != nil {
			return err
		}
		out.Ripe = append(out.Ripe, Ripe{lines[0], a.at(x.At)})
		if lines[0].Stage != nil {
			out.RipeName = lines[0].Stage.Name
		}
	}
	return nil
}
