package outbox

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/policy"
	"github.com/koi-scrm/koi/app/reach"
	"github.com/koi-scrm/koi/app/secret"
)

// purpose of sealing message bodies.
const purpose = "outbox body"

// Config is what a stage works with.
type Config struct {
	People     *contact.Stage
	Reach      *reach.Stage
	Dispatcher *Dispatcher
	Keys       *secret.Keys
	Metrics    *Metrics
	// Process is a number no other run of the program had (its start in wall ms serves): attempts of
	// another process without a result are nobody's any more.
	Process int64
	// Seats is how many accounts a WeCom app reaches, for its daily quota; nil or 0: not known.
	Seats func(account string) int
	// Receipts are the channels whose platform tells later whether a message arrived. Only their
	// messages are kept findable by the platform's id.
	Receipts []Channel
	// Waits reports whether somebody inside a journey may wait for an event of a type; nil: nobody does. Use
	// knows of the definitions only, and people may be inside older ones.
	Waits func(typ string) bool
	// Digest composes one message of the alerts that an hour's cap held back; nil: each goes by itself.
	Digest Digest
}

// Stage is the outbox inside the pipeline: it takes messages, applies results, receipts and commands, and
// decides again about messages that were waiting. It stands behind everything that makes messages.
type Stage struct {
	conf   Config
	policy atomic.Pointer[terms]

	// Of the batch:
	p        *policy.Policy
	now      int64
	wall     int64
	rows     map[int64]*row // messages the batch's events are about, and those made in it
	known    map[Key]bool   // messages that events of this batch made before: a replay
	nth      map[event.ID]int64
	pauses   map[queueKey]*pause
	alarms   map[alarmKey]*alarm
	receipts map[receiptKey]*named
	early    map[receiptKey]*early
	off      map[offKey]*off // nil until somebody asks
	found    *found
	excluded map[int64]bool // of the people of alerts that are read beside the batch's; see loadHeld
	recover  bool
	counts   map[counted]int

	// Between Load and Flush, for facts that are read when they are asked for; see reach.
	ctx context.Context
	tx  *db.Tx
	err error

	try  int        // numbers the Loads: only the one that was committed counts
	held []queueKey // places reserved in the dispatcher's queues
	out  []item     // attempts to hand over after the commit, one for each place
}

// counted is a change of state, for the metrics.
type counted struct {
	channel Channel
	state   State
	reason  policy.Reason
}

// NewStage makes the stage. Use gives it a policy before the first batch.
func NewStage(c Config) *Stage { return &Stage{conf: c} }

// terms are what the stage works by.
type terms struct {
	*policy.Policy
	heard bool
}

// Use takes a policy from the next batch on. hears says of an event type whether any definition acts on it:
// where it does on what the outbox tells of its messages, their people are always read. nil: none does.
func (s *Stage) Use(p *policy.Policy, hears func(typ string) bool) {
	s.policy.Store(&terms{p, hears != nil && slices.ContainsFunc(tells, hears)})
}

// tells are the types of events by which results and due timers tell what became of a message.
var tells = []string{event.MessageSuppressed, event.MessageSent, event.MessageDelivered, event.MessageFailed, event.MessageExpired}

// isHeard reports whether anybody acts on what the outbox tells.
func (s *Stage) isHeard() bool {
	return s.policy.Load().heard || s.conf.Waits != nil && slices.ContainsFunc(tells, s.conf.Waits)
}

// Name of the stage.
func (s *Stage) Name() string { return "outbox" }

// Load reads what the batch's events are about. A batch without results, timers and commands costs two
// queries: which messages its events made before (at the end of the primary key: none), and the pauses.
func (s *Stage) Load(ctx context.Context, tx *db.Tx, b *event.Batch) error {
	if err := s.clearLimbo(ctx, tx); err != nil {
		return err
	}
	s.p, s.now, s.wall = s.policy.Load().Policy, b.Now, b.Wall
	s.rows, s.known, s.nth = map[int64]*row{}, map[Key]bool{}, map[event.ID]int64{}
	s.pauses, s.alarms, s.receipts, s.off = map[queueKey]*pause{}, nil, map[receiptKey]*named{}, nil
	s.ctx, s.tx, s.err = ctx, tx, nil
	s.recover, s.counts = false, map[counted]int{}
	s.try++
	try := s.try
	b.AfterCommit(func() { s.committed(try) })

	var due []int64 // messages that may be sent now: with their bodies
	var results bool
	for _, e := range b.Events {
		switch e.Type {
		case event.CommandMessageResult:
			results = true
		case event.TimerOutbox:
			due, results = append(due, messageOf(e)), true
		}
	}
	if err := s.find(ctx, tx, b); err != nil { // mostly its own stage did
		return err
	}
	s.early = s.found.early
	if err := s.loadKnown(ctx, tx, b.Events); err != nil {
		return err
	}
	if err := s.loadPauses(ctx, tx); err != nil {
		return err
	}
	if results {
		if err := s.loadAlarms(ctx, tx); err != nil {
			return err
		}
	}
	maps.Copy(s.rows, s.found.rows)
	due, err := s.loadHeld(ctx, tx, due)
	if err != nil {
		return err
	}
	if err := s.loadBodies(ctx, tx, due); err != nil {
		return err
	}
	var touched []int64
	for _, id := range due {
		if r := s.rows[id]; r != nil && r.class == Marketing && r.contact != 0 {
			touched = append(touched, r.contact)
		}
	}
	return s.conf.Reach.LoadTouches(ctx, tx, touched)
}

// Apply takes results, due timers, receipts and commands.
func (s *Stage) Apply(b *event.Batch, e *event.Event) error {
	switch e.Type {
	case event.CommandMessageResult:
		return s.applyResult(b, e)
	case event.TimerOutbox:
		return s.applyDue(b, e)
	case event.CommandMessageRetry:
		return s.applyRetry(b, e)
	case event.CommandOutboxRecover:
		// A command of a process that died before it was applied says nothing about this one.
		s.recover = s.recover || e.Props.Int("process") == s.conf.Process
	case event.MessageDelivered, event.MessageFailed:
		return s.applyReceipt(b, e)
	}
	return nil
}

// Flush writes what was made and what changed.
func (s *Stage) Flush(ctx context.Context, tx *db.Tx, _ *event.Batch) error {
	if s.err != nil {
		return s.err
	}
	s.ctx, s.tx = nil, nil
	made := make([]*row, 0, len(s.rows))
	var changed []*row
	for _, r := range s.rows {
		switch {
		case r.made:
			made = append(made, r)
		case r.dirty:
			changed = append(changed, r)
		}
	}
	byID := func(a, b *row) int { return cmp.Compare(a.id, b.id) }
	slices.SortFunc(made, byID)
	slices.SortFunc(changed, byID)
	if err := s.flushRows(ctx, tx, made, changed); err != nil {
		return err
	}
	if err := s.flushDue(ctx, tx, made, changed); err != nil {
		return err
	}
	if err := s.flushAlerts(ctx, tx, slices.Concat(made, changed)); err != nil {
		return err
	}
	if err := s.flushHealth(ctx, tx); err != nil {
		return err
	}
	if s.recover {
		return s.adoptOrphans(ctx, tx)
	}
	return nil
}

// committed hands the batch's attempts to the dispatcher; their places were reserved.
func (s *Stage) committed(try int) {
	if try != s.try {
		return
	}
	out := s.out
	s.out, s.held = nil, nil
	s.conf.Dispatcher.hand(out)
	s.conf.Metrics.count(s.counts)
}

// clearLimbo settles the attempts of a batch that ended without committed being called. Mostly it was
// rolled back. But a commit whose answer was lost did happen: then the attempts are ours to make, since
// nobody else will.
func (s *Stage) clearLimbo(ctx context.Context, tx *db.Tx) error {
	if len(s.held) == 0 {
		return nil
	}
	ids := make([]int64, len(s.out))
	for i := range s.out {
		ids[i] = s.out[i].ID
	}
	alive, err := s.alive(ctx, tx, ids)
	if err != nil {
		return err
	}
	keep := s.out[:0]
	for i, it := range s.out {
		if alive[it.ID] == it.Number {
			keep = append(keep, it)
		} else {
			s.conf.Dispatcher.release(s.held[i], 1)
		}
	}
	s.out, s.held = nil, nil
	s.conf.Dispatcher.hand(keep)
	return nil
}

// messageOf is the message a result, timer or command is about. Ids are beyond what JSON numbers hold
// exactly, so they travel as text.
func messageOf(e *event.Event) int64 {
	id, _ := strconv.ParseInt(e.Props.Str("message"), 10, 64)
	return id
}

// row is a message as the stage works with it.
type row struct {
	id      int64
	key     Key
	contact int64
	channel Channel
	account string
	to      string
	class   Class
	kind    string
	step    string
	n       int
	journey int64
	run     int64
	test    bool
	created int64
	expires int64
	// Of channels with templates, and of SMS.
	template   string
	definition string
	risk       policy.Risk

	state      State
	reason     policy.Reason
	detail     string // what the platform said, in Chinese
	code       int
	platformID string
	attempt    int   // number of the last attempt, 0 before the first
	tries      int   // attempts that surely failed and may be repeated
	firstAt    int64 // wall time of the first attempt: the platform's dedupe window runs from there
	attemptAt  int64 // business time of the last attempt
	process    int64 // which process makes or made the last attempt
	due        int64 // when a timer looks at the row again; 0: none does
	counted    bool  // window and counters were spent
	digest     int64 // the message an alert goes within; 0: it goes by itself
	unsure     bool  // an attempt may have arrived: repeat only while the platform drops repeats
	updated    int64

	queue  string // of due; "" while due is as loaded
	hadDue bool   // outbox_due has a row
	sealed []byte
	body   []byte
	made   bool
	dirty  bool
	ended  []attemptRow
}

// attemptRow is an attempt that was not the last word.
type attemptRow struct {
	number  int
	at      int64
	endedAt int64
	status  Status
	code    int
	detail  string
}

// queueKey names a dispatcher queue: each account has limits of its own.
type queueKey struct {
	channel Channel
	account string
}

func (r *row) place() queueKey { return queueKey{r.channel, r.account} }

// dueQueue is where a waiting row stands: its text sorts by urgency.
func (r *row) dueQueue() string {
	return strconv.Itoa(int(urgencyOf(r.class))) + " " + string(r.channel) + " " + r.account
}

// Queues of rows that need no place in a dispatcher queue to be looked at.
const (
	orphanQueue  = "8 orphans"
	unknownQueue = "9 unknown"
)

// parseQueue is the inverse of dueQueue; ok is false for the two special queues.
func parseQueue(q string) (k queueKey, u urgency, ok bool) {
	parts := strings.SplitN(q, " ", 3)
	if len(parts) != 3 {
		return k, u, false
	}
	n, err := strconv.Atoi(parts[0])
	return queueKey{Channel(parts[1]), parts[2]}, urgency(n), err == nil
}

// touch marks the row for Flush.
func (r *row) touch(now int64) { r.dirty, r.updated = true, now }

// set moves a row to a state and counts the change.
func (s *Stage) set(r *row, st State, why policy.Reason) {
	r.state, r.reason = st, why
	r.touch(s.now)
	if st != Sending || r.attempt == 1 {
		s.counts[counted{r.channel, st, why}]++
	}
}

// finish ends a row. A subscription that an attempt took comes back when the platform surely did not take
// the message.
func (s *Stage) finish(r *row, st State, why policy.Reason) {
	if r.counted && !r.unsure && r.channel.Subscribed() && r.contact != 0 && r.template != "" &&
		(st == Rejected && why != ReasonUndelivered || st == Suppressed || st == Expired && why != ReasonUnresolved) {
		s.conf.Reach.ReturnBalance(r.contact, r.account, r.template)
		r.counted = false
	}
	s.set(r, st, why)
	r.due, r.queue = 0, ""
}

// wait puts a row aside until a time.
func (s *Stage) wait(r *row, until int64, why policy.Reason) {
	if r.state != Waiting || r.reason != why {
		s.set(r, Waiting, why)
	}
	if r.due != until {
		r.due, r.queue, r.dirty = until, r.dueQueue(), true
	}
}

// margin keeps a repeat well inside the platform's dedupe window: it covers the time in the queue and the
// request itself.
func margin(window time.Duration) time.Duration { return min(2*time.Minute, window/4) }

// deadline is the wall time until which a repeat of the row is surely dropped by the platform.
func (s *Stage) deadline(r *row) int64 {
	w := s.conf.Dispatcher.dedupe(r.channel)
	return r.firstAt + (w - margin(w)).Milliseconds()
}

// about makes the props of an event that tells what became of a message.
func (r *row) about() event.Props {
	p := event.Props{"channel": string(r.channel), "class": string(r.class), "step": r.step}
	if r.journey != 0 {
		p["journey"] = strconv.FormatInt(r.journey, 10)
	}
	if r.run != 0 {
		p["run"] = strconv.FormatInt(r.run, 10)
	}
	if r.reason != "" {
		p["reason"] = string(r.reason)
	}
	if r.code != 0 {
		p["code"] = r.code
	}
	if r.test {
		p["test"] = true
	}
	return p
}

// tell emits an event about a message on the timeline of the person it is about.
func (s *Stage) tell(b *event.Batch, cause *event.Event, r *row, typ string) error {
	e := event.Event{Type: typ, ContactID: r.contact, Account: r.account, ObjectType: "message", ObjectID: strconv.FormatInt(r.id, 10),
		OccurredAt: b.Now, ReceivedAt: b.Now, Props: r.about()}
	if r.channel == WeComApp {
		e.Staff = r.to
	}
	// A message that goes at once is told by what becomes of it; "queued" is news only when it waits.
	// A digest is about nobody, and its alerts have waited before everybody's eyes.
	e.Hidden = typ == event.MessageQueued && (r.state == Sending || r.step == digestStep)
	return b.Emit(cause, e)
}
