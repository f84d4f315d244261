package outbox

import (
	"strconv"
	"time"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/policy"
)

const (
	// maxTries is how often an attempt may surely fail before the message does (errcode -1: at most
	// three tries, path/90455).
	maxTries = 3
	// unknownFor is how long an operator may settle an unknown message before it expires.
	unknownFor = 24 * time.Hour
	// A retry waits at least this long, four times longer each time, and up to half as long again.
	firstBackoff = 2 * time.Second
	maxBackoff   = 10 * time.Minute
)

// Statuses that only the dispatcher gives: the attempt was not made.
const (
	returned Status = "returned" // Koi stopped before it
	outdated Status = "outdated" // the message was no longer worth sending
	unsafe   Status = "unsafe"   // a repeat came too late for the platform to drop it
)

// applyResult takes over what became of an attempt. A result of another attempt than the last, or of a
// message that is settled, says nothing new.
func (s *Stage) applyResult(b *event.Batch, e *event.Event) error {
	r := s.rows[messageOf(e)]
	if r == nil || r.attempt != int(e.Props.Int("attempt")) || r.state != Sending && r.state != Doubtful {
		return nil
	}
	if e.Props.Str("verdict") != "" {
		return s.applyVerdict(b, e, r)
	}
	after := time.Duration(e.Props.Int("retry_after_ms")) * time.Millisecond
	status := Status(e.Props.Str("status"))
	if r.state == Doubtful && e.Props.Str("settled") == "true" {
		r.unsure = false // the platform was asked: what it never took may go again
	}
	r.code, r.detail = int(e.Props.Int("code")), db.Clip(e.Props.Str("reason"), maxDetail)
	if id := e.Props.Str("platform_id"); id != "" {
		r.platformID = id
	}
	s.closeReach(r)
	switch status {
	case Sent:
		return s.sent(b, e, r)
	case Retry:
		s.archive(r, status)
		r.tries++
		r.unsure = r.unsure || e.Props.Str("unsure") == "true"
		if r.tries >= s.maxTries(r) {
			return s.fail(b, e, r, ReasonGaveUp)
		}
		return s.retry(b, e, r, max(after, s.backoff(r)))
	case WindowClosed:
		return s.fail(b, e, r, ReasonShut)
	case Paused:
		s.archive(r, status)
		s.pause(r, after)
		return s.retry(b, e, r, 0)
	case Alarm:
		s.alarm(r, alarmMisset, r.detail)
		return s.fail(b, e, r, ReasonMisset)
	case Unknown:
		s.archive(r, status)
		return s.unknown(b, e, r, ReasonUnsure)
	case returned:
		s.archive(r, status)
		return s.retry(b, e, r, 0)
	case outdated:
		s.finish(r, Expired, policy.Expired)
		return s.tell(b, e, r, event.MessageExpired)
	case unsafe:
		s.archive(r, status)
		s.giveUpKnowing(r, ReasonUnsure)
		return nil
	}
	return s.fail(b, e, r, ReasonRefused)
}

func (s *Stage) sent(b *event.Batch, e *event.Event, r *row) error {
	r.unsure = false
	s.finish(r, Accepted, "")
	s.calm(r)
	if err := s.tell(b, e, r, event.MessageSent); err != nil {
		return err
	}
	return s.awaitReceipt(b, e, r)
}

func (s *Stage) fail(b *event.Batch, e *event.Event, r *row, why policy.Reason) error {
	s.finish(r, Rejected, why)
	return s.tell(b, e, r, event.MessageFailed)
}

// retry puts a row back for another attempt after a while, as long as that makes sense.
func (s *Stage) retry(b *event.Batch, e *event.Event, r *row, after time.Duration) error {
	due := s.now + after.Milliseconds()
	why := ReasonRetrying
	if p := s.pauses[r.place()]; p != nil && p.until > due {
		due, why = p.until+jitter(r, time.Minute), policy.Paused
	}
	switch {
	case r.unsure && s.wall+(due-s.now) >= s.deadline(r):
		s.giveUpKnowing(r, ReasonUnsure)
		return nil
	case r.expires > 0 && due >= r.expires && !r.unsure:
		s.finish(r, Expired, policy.Expired)
		return s.tell(b, e, r, event.MessageExpired)
	}
	s.wait(r, due, why)
	return nil
}

// unknown decides about a message that may have been delivered: it is repeated where the platform drops
// the repeat, and nowhere else.
func (s *Stage) unknown(b *event.Batch, e *event.Event, r *row, why policy.Reason) error {
	r.unsure = true
	if why != ReasonInterrupted { // that Koi ended says nothing against the message: only time limits its repeats
		r.tries++
	}
	due := s.now + s.backoff(r).Milliseconds()
	if s.conf.Dispatcher.dedupe(r.channel) == 0 || r.tries >= s.maxTries(r) || s.wall+(due-s.now) >= s.deadline(r) {
		s.giveUpKnowing(r, why)
		return nil
	}
	s.wait(r, due, ReasonRepeating)
	return nil
}

// giveUpKnowing leaves a message to the operator, who sees it until it expires.
func (s *Stage) giveUpKnowing(r *row, why policy.Reason) {
	s.set(r, Doubtful, why)
	r.due, r.queue = s.now+unknownFor.Milliseconds(), unknownQueue
}

// closeReach tells reach what the platform's answer says about the recipient, and notes a template that
// the platform does not take.
func (s *Stage) closeReach(r *row) {
	if r.channel.Templated() && (r.code == 40037 || r.code == 47003) { // no such template; fields do not fit
		s.disable(r)
	}
	if r.contact == 0 {
		return
	}
	close := func(why policy.Closed) { s.conf.Reach.CloseWindow(r.contact, r.account, why, r.attemptAt) }
	kf := r.channel == OfficialKF
	switch {
	case !kf && !r.channel.Templated():
		if r.channel == SMS && r.code == illegalNumber {
			s.conf.Reach.KillNumber(r.contact, strconv.Itoa(r.code), r.attemptAt)
		}
	case r.code == 43004 && r.channel != MiniSubscribe: // must follow first
		close(policy.Unfollowed)
	case r.code == 40003, r.code == 50002: // no such OpenID at this account; the user is restricted
		close(policy.Rejected)
	case r.code == 43101 && r.channel.Subscribed(): // no subscription, or refused
		s.conf.Reach.ClearBalance(r.contact, r.account, r.template, r.attemptAt)
	case kf && r.code == 45015: // no interaction within the window
		close(policy.Refused)
	case kf && r.code == 45047: // too many messages since the last interaction
		close(policy.UsedUp)
	}
}

// illegalNumber is what channels/sms makes of isv.MOBILE_NUMBER_ILLEGAL.
const illegalNumber = 1001

// pause stops an account's API until the platform's quota is back (45009 resets at local midnight).
func (s *Stage) pause(r *row, after time.Duration) {
	until := s.now + after.Milliseconds()
	if after <= 0 {
		zone := s.p.Zone()
		until = clock.DayStart(clock.Day(s.now, zone)+1, zone)
	}
	p := s.pauses[r.place()]
	if p == nil {
		p = &pause{}
		s.pauses[r.place()] = p
	}
	if until > p.until {
		*p = pause{until: until, code: r.code, detail: r.detail, at: s.now, dirty: true}
	}
}

// applyRetry is an operator's wish. The message passes policy again.
func (s *Stage) applyRetry(b *event.Batch, e *event.Event) error {
	r := s.rows[messageOf(e)]
	if r == nil || !r.retryable() || r.attempt != int(e.Props.Int("attempt")) {
		return nil
	}
	if r.attempt > 0 {
		s.archive(r, r.lastStatus())
	}
	r.tries, r.unsure, r.counted, r.firstAt, r.digest = 0, false, false, 0, 0
	r.expires = s.now + worth(r.class).Milliseconds()
	s.wait(r, s.now, ReasonRequested)
	return s.tell(b, e, r, event.MessageQueued)
}

// retryable: an operator may ask for another try. Who answers a webhook drops what it knows, so also what
// arrived may be sent again. Of a digest that ended its alerts have ended, too: these may be asked for.
func (r *row) retryable() bool {
	if r.step == digestStep && r.state != Doubtful {
		return false
	}
	return r.state.retryable() || r.channel == Webhook && (r.state == Accepted || r.state == Delivered)
}

// archive keeps an attempt that is not the last word. One that is kept already stays as it was.
func (s *Stage) archive(r *row, status Status) {
	r.ended = append(r.ended, attemptRow{number: r.attempt, at: r.attemptAt, endedAt: s.now, status: status, code: r.code, detail: r.detail})
}

// lastStatus is what became of the last attempt of a settled row.
func (r *row) lastStatus() Status { return statusOf(r.state, r.reason) }

func statusOf(st State, why policy.Reason) Status {
	switch {
	case st == Accepted || st == Delivered || why == ReasonUndelivered:
		return Sent
	case st == Doubtful || why == ReasonUnresolved:
		return Unknown
	case why == ReasonShut:
		return WindowClosed
	case why == ReasonMisset:
		return Alarm
	case st == Expired:
		return outdated
	}
	return Failed
}

// maxTries is how often an attempt of a row may surely fail before the message does.
func (s *Stage) maxTries(r *row) int {
	if p, ok := s.conf.Dispatcher.patience(r.channel); ok {
		return p.Tries
	}
	return maxTries
}

// backoff is how long a row waits before its next try: deterministic, and different for different rows so
// that they do not come back together.
func (s *Stage) backoff(r *row) time.Duration {
	if p, ok := s.conf.Dispatcher.patience(r.channel); ok {
		d := p.Wait(max(1, r.tries))
		return d + time.Duration(jitter(r, d/4))*time.Millisecond
	}
	d := firstBackoff
	for range max(0, r.tries-1) {
		d = min(d*4, maxBackoff)
	}
	return d + time.Duration(jitter(r, d/2))*time.Millisecond
}

// jitter is a number of ms below a bound, drawn from the row's key and attempt.
func jitter(r *row, below time.Duration) int64 {
	h := uint64(r.attempt)*0x9E3779B97F4A7C15 + uint64(r.key[0])<<8 + uint64(r.key[1])<<16 + uint64(r.key[2])<<24
	h ^= h >> 29
	h *= 0xBF58476D1CE4E5B9
	h ^= h >> 32
	return int64(h % uint64(max(1, below.Milliseconds())))
}
