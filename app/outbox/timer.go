package outbox

import (
	"context"
	"fmt"
	"strconv"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/policy"
)

// Due returns events for rows whose time has come, the most urgent first, and of each account only as
// many as its queue has room for: what does not fit stays where it is, untouched, until results make room.
func (s *Stage) Due(ctx context.Context, tx *db.Tx, now int64, limit int) ([]*event.Event, error) {
	heads, err := heads(ctx, tx)
	if err != nil {
		return nil, err
	}
	var out []*event.Event
	taken := map[queueKey]int{}
	for _, h := range heads {
		n := limit - len(out)
		if h.due > now || n <= 0 {
			continue
		}
		k, u, ok := parseQueue(h.queue)
		if ok {
			n = min(n, s.room(k, u)-taken[k])
		}
		if n <= 0 {
			continue
		}
		ids, err := dueRows(ctx, tx, h.queue, now, n)
		if err != nil {
			return nil, err
		}
		taken[k] += len(ids)
		for _, n := range ids {
			id := strconv.FormatInt(n, 10)
			out = append(out, &event.Event{Type: event.TimerOutbox, ObjectType: "message", ObjectID: id,
				OccurredAt: now, ReceivedAt: now, Hidden: true, Props: event.Props{"message": id}})
		}
	}
	return out, nil
}

// room is how many messages may be looked at. Those of a channel without a sender need no place: they
// will be suppressed.
func (s *Stage) room(k queueKey, u urgency) int {
	if !s.conf.Dispatcher.connected(k.channel) {
		return 1 << 20
	}
	return s.conf.Dispatcher.free(k, u)
}

// Next returns when the first row falls due. Rows that are due but find no room are left out: the results
// that make room wake the pipeline.
func (s *Stage) Next(ctx context.Context, q db.Querier) (int64, error) {
	heads, err := heads(ctx, q)
	if err != nil {
		return 0, err
	}
	var next int64
	for _, h := range heads {
		if k, u, ok := parseQueue(h.queue); ok && s.room(k, u) <= 0 {
			continue
		}
		if next == 0 || h.due < next {
			next = h.due
		}
	}
	return next, nil
}

// Poisoned fails a message whose timer no stage could apply, visibly, so that it is not due for ever.
func (s *Stage) Poisoned(ctx context.Context, tx *db.Tx, e *event.Event, why error) (bool, error) {
	if e.Type != event.TimerOutbox {
		return false, nil
	}
	return true, breakRow(ctx, tx, messageOf(e), e.ReceivedAt, db.Clip(why.Error(), maxDetail))
}

// applyDue looks at a row whose time has come.
func (s *Stage) applyDue(b *event.Batch, e *event.Event) error {
	r := s.rows[messageOf(e)]
	if r == nil || r.due == 0 || r.due > b.Now {
		return nil
	}
	switch r.state {
	case Waiting:
		if r.digest != 0 {
			return s.follow(b, e, r)
		}
		if r.body == nil {
			return s.fail(b, e, r, ReasonUnreadable)
		}
		if r.unsure {
			s.repeat(b, e, r)
			return nil
		}
		if merged, err := s.merge(b, e, r); merged || err != nil {
			return err
		}
		return s.decide(b, e, r, policy.Message{})
	case Sending:
		return s.adopt(b, e, r)
	case Doubtful:
		s.alarm(r, alarmUnknown, Explain(ReasonUnresolved).What)
		s.finish(r, Expired, ReasonUnresolved)
		return s.tell(b, e, r, event.MessageExpired)
	}
	return fmt.Errorf("message %d is %s and cannot be due", r.id, r.state)
}

// repeat sends again what may have arrived, while the platform surely drops the repeat. Policy has had its
// say before the first attempt.
func (s *Stage) repeat(b *event.Batch, e *event.Event, r *row) {
	left := s.deadline(r) - s.wall
	if left <= 0 {
		s.giveUpKnowing(r, ReasonUnsure)
		return
	}
	if p := s.pauses[r.place()]; p != nil && p.until > s.now {
		if p.until-s.now >= left {
			s.giveUpKnowing(r, ReasonUnsure)
		} else {
			s.wait(r, p.until, policy.Paused)
		}
		return
	}
	if !s.reserve(r) {
		s.inLine(r)
		return
	}
	s.begin(b, e, r)
}

// adopt takes over an attempt of a process that ended before its result was known.
func (s *Stage) adopt(b *event.Batch, e *event.Event, r *row) error {
	if r.process == s.conf.Process { // ours after all: its result is coming
		r.due, r.queue = 0, ""
		r.touch(b.Now)
		return nil
	}
	r.detail = Explain(ReasonInterrupted).What
	s.archive(r, Unknown)
	return s.unknown(b, e, r, ReasonInterrupted)
}
