package app

import (
	"context"
	"encoding/json"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/share"
)

// The commands of `koi demo`. They exist only in a process whose business clock can be moved, which no
// `koi serve` of an operator has.

// DemoProgress is how far the log is applied.
type DemoProgress struct {
	Applied bool `json:"applied"` // everything logged so far
	// Through is how far each lane is applied, of Head.
	Through [2]int64 `json:"through"`
	Head    [2]int64 `json:"head"`
}

func (a *App) demoCommands() map[string]Command {
	movable, ok := a.Clock.(*clock.Movable)
	if !ok {
		return nil
	}
	return map[string]Command{
		"demo/clock": func(_ context.Context, in json.RawMessage) (any, error) {
			var c clock.Course
			if err := json.Unmarshal(in, &c); err != nil {
				return nil, fault.Wrap(err, fault.Invalid, "命令写法不对")
			}
			movable.Follow(c)
			a.Pipeline.Nudge()
			return nil, nil
		},
		"demo/append":   a.demoAppend,
		"demo/progress": func(ctx context.Context, _ json.RawMessage) (any, error) { return a.demoProgress(ctx) },
	}
}

// demoAppend puts events of the past into the log, as the doors did when they happened. They are late, so
// they start nothing and send nothing.
func (a *App) demoAppend(ctx context.Context, in json.RawMessage) (any, error) {
	var list []*event.Event
	if err := json.Unmarshal(in, &list); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "命令写法不对")
	}
	now := clock.Ms(a.Clock.Now())
	for _, e := range list {
		e.Lane, e.ReceivedAt = event.Normal, now // one lane keeps the order in which things happened
		// A past names shares by their sharer: the key of their tokens is here only.
		if e.Share != "" {
			e.Share = share.Token(a.Keys, e.ObjectID, share.Sharer(e.Share))
		}
		if e.Type == event.CommandShare {
			e.Props["token"] = share.Token(a.Keys, e.Props.Str("page"), share.Sharer(e.Props.Str("token")))
		}
	}
	_, err := a.Log.Append(ctx, list...)
	return len(list), err
}

func (a *App) demoProgress(ctx context.Context) (DemoProgress, error) {
	var p DemoProgress
	p.Applied = true
	for _, lane := range []event.Lane{event.Priority, event.Normal} {
		head, err := a.Log.Head(ctx, lane)
		if err != nil {
			return p, err
		}
		p.Head[lane], p.Through[lane] = head, a.Pipeline.Through(lane)
		p.Applied = p.Applied && p.Through[lane] >= head
	}
	return p, nil
}

// hurry lets timers come due in time where business time passes faster than the timers of the machine.
func (a *App) hurry(ctx context.Context) error {
	movable, ok := a.Clock.(*clock.Movable)
	if !ok {
		return nil
	}
	t := time.NewTicker(250 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			if movable.Course().Rate > 1 {
				a.Pipeline.Nudge()
			}
		}
	}
}
