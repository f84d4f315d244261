package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/policy"
)

// A platform that took a message tells later, by an event without a person, whether it arrived. The
// message is found by the platform's id, or by ours (out_id of an SMS); with it the person, whose timeline
// the receipt belongs to. What no message of ours is found for adds nothing.

// receiptKey is how a platform names a message it took.
type receiptKey struct {
	account    string
	platformID string
}

// named is a message the platform will tell us about by its own id.
type named struct {
	message int64
	dirty   bool
}

// early is a receipt whose attempt's result we do not know yet: a platform can be quicker than our log. It
// waits for the result, for a day at most.
type early struct {
	state   State
	code    int
	detail  string
	at      int64
	fresh   bool // of this batch
	matched bool
}

// said is what a receipt says.
type said struct {
	state   State // Delivered or Rejected
	code    int
	detail  string
	carrier string // an SMS carrier's reason code
	// platformID is how the platform named the message: its receipt may be here before our own result.
	platformID string
}

// receiptKeyOf is the platform's name in a receipt, or in a result that a receipt will follow; zero
// otherwise.
func (s *Stage) receiptKeyOf(e *event.Event) receiptKey {
	if e.Type != event.CommandMessageResult && !isReceipt(e) {
		return receiptKey{} // nearly everything
	}
	k := receiptKey{e.Account, e.Props.Str("platform_id")}
	if k.platformID == "" || !isReceipt(e) && !(e.Type == event.CommandMessageResult && s.receives(Channel(e.Props.Str("channel")))) {
		return receiptKey{}
	}
	return k
}

func (s *Stage) receives(c Channel) bool { return slices.Contains(s.conf.Receipts, c) }

// isReceipt reports whether an event is a platform's receipt, which came in by a door.
func isReceipt(e *event.Event) bool {
	return e.N == 0 && (e.Type == event.MessageDelivered || e.Type == event.MessageFailed)
}

// outID is our own id of a message as an SMS receipt carries it; 0: none.
func outID(e *event.Event) int64 {
	id, err := strconv.ParseInt(e.Props.Str("out_id"), 10, 64)
	if err != nil || id < 0 {
		return 0
	}
	return id
}

// isSMS: an SMS is made before it is sent, so its receipt finds it by our id or never. Such accounts are
// often shared with other systems, whose receipts come here, too.
func isSMS(e *event.Event) bool { return e.Source == "sms" || Channel(e.Props.Str("channel")) == SMS }

// found is what the batch's receipts are about.
type found struct {
	batch *event.Batch
	rows  map[int64]*row
	of    map[*event.Event]int64 // receipts that say something new
	early map[receiptKey]*early  // loaded for the batch's results
	names map[receiptKey]bool    // of messages of ours
}

// Receipts is a stage of its own before that of people: it gives each receipt the person its message is
// about, so that what stands between sees it like anything else that happens to them; results and due
// timers where it matters who that is. Its queries run only for batches with one of the three.
func (s *Stage) Receipts() event.Stage { return finder{s} }

type finder struct{ s *Stage }

// Name of the stage.
func (finder) Name() string { return "receipts" }

// Load finds the messages.
func (f finder) Load(ctx context.Context, tx *db.Tx, b *event.Batch) error {
	return f.s.find(ctx, tx, b)
}

// Apply does nothing: the outbox applies receipts.
func (finder) Apply(*event.Batch, *event.Event) error { return nil }

// Flush does nothing.
func (finder) Flush(context.Context, *db.Tx, *event.Batch) error { return nil }

// find looks up the messages of the batch's receipts, results, timers and commands, and the early receipts
// of its results. A receipt that says something new gets its message and person; any other is hidden and
// about nobody.
func (s *Stage) find(ctx context.Context, tx *db.Tx, b *event.Batch) error {
	if s.found != nil && s.found.batch == b {
		return nil
	}
	received := map[receiptKey]bool{}
	f := &found{batch: b, rows: map[int64]*row{}, of: map[*event.Event]int64{}, early: map[receiptKey]*early{}}
	s.found = f
	receipts, results := map[string][]string{}, map[string][]string{} // platform ids by account
	var ids []int64
	for _, e := range b.Events {
		k := s.receiptKeyOf(e)
		switch {
		case e.Type == event.CommandMessageResult, e.Type == event.CommandMessageRetry, e.Type == event.TimerOutbox:
			ids = append(ids, messageOf(e))
			if k != (receiptKey{}) {
				results[k.account] = append(results[k.account], k.platformID)
			}
		case isReceipt(e):
			if id := outID(e); id != 0 && isSMS(e) {
				ids = append(ids, id)
			} else if k != (receiptKey{}) {
				receipts[k.account], received[k] = append(receipts[k.account], k.platformID), true
			}
		}
	}
	if err := f.loadEarly(ctx, tx, results); err != nil {
		return err
	}
	names, err := loadNames(ctx, tx, receipts)
	if err != nil {
		return err
	}
	f.names = map[receiptKey]bool{}
	for k, id := range names {
		ids, f.names[k] = append(ids, id), true
	}
	if err := loadRows(ctx, tx, ids, f.rows); err != nil {
		return err
	}
	told := map[int64]bool{}
	for _, e := range b.Events {
		k := s.receiptKeyOf(e)
		if e.Type == event.CommandMessageResult && k != (receiptKey{}) && Status(e.Props.Str("status")) == Sent {
			names[k] = messageOf(e) // a result may stand before its receipt in one batch
		}
		if r := f.rows[messageOf(e)]; r != nil && (s.concerns(e, r) || f.early[k] != nil || received[k]) { // what a receipt says matters to its person
			e.ContactID = r.contact
		}
		if !isReceipt(e) {
			continue
		}
		id := names[k]
		if out := outID(e); out != 0 && isSMS(e) {
			id = out
		}
		e.ContactID, e.Hidden = 0, true
		r := f.rows[id]
		if r == nil || isSMS(e) != (r.channel == SMS) || told[id] || !r.awaits(receiptState(e)) {
			continue
		}
		told[id] = true
		f.of[e] = id
		e.ContactID, e.Hidden, e.ObjectType, e.ObjectID = r.contact, false, "message", idText(id)
		e.Props = r.named(e.Props)
	}
	return nil
}

// concerns reports whether a result, a due timer or a command is read together with the person its message
// is about: where policy asks who they are, where the answer says something of the way to them, or where
// somebody acts on what the outbox will tell. Mostly it is none of these, and reading people costs most.
func (s *Stage) concerns(e *event.Event, r *row) bool {
	switch e.Type {
	case event.CommandMessageResult:
		return s.isHeard() || Status(e.Props.Str("status")) != Sent || e.Props.Int("code") != 0
	case event.CommandMessageRetry:
		return true
	case event.TimerOutbox:
		if r.state == Waiting && r.digest != 0 {
			return s.isHeard() // its end follows from the digest's alone
		}
		m := policy.Message{Channel: r.channel, Class: r.class, Kind: r.kind}
		return s.isHeard() || r.state != Waiting || !m.Impersonal()
	}
	return false
}

func (f *found) loadEarly(ctx context.Context, tx *db.Tx, byAccount map[string][]string) error {
	for account, ids := range byAccount {
		err := db.EachIn(ctx, tx, "SELECT platform_id, state, code, detail, at FROM outbox_early WHERE account=? AND platform_id IN (%s)", ids, []any{account}, func(r *sql.Rows) error {
			k := receiptKey{account: account}
			p := &early{}
			var state int
			err := r.Scan(&k.platformID, &state, &p.code, &p.detail, &p.at)
			p.state = stateOf(state)
			f.early[k] = p
			return err
		})
		if err != nil {
			return fmt.Errorf("load early receipts: %w", err)
		}
	}
	return nil
}

func loadNames(ctx context.Context, tx *db.Tx, byAccount map[string][]string) (map[receiptKey]int64, error) {
	out := map[receiptKey]int64{}
	for account, ids := range byAccount {
		err := db.EachIn(ctx, tx, "SELECT platform_id, message_id FROM outbox_receipts WHERE account=? AND platform_id IN (%s)", ids, []any{account}, func(r *sql.Rows) error {
			k := receiptKey{account: account}
			var id int64
			err := r.Scan(&k.platformID, &id)
			out[k] = id
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("load receipts: %w", err)
		}
	}
	return out, nil
}

// named gives a receipt what it tells its fate to: the step of the run that sent the message.
func (r *row) named(p event.Props) event.Props {
	out := event.Props{}
	maps.Copy(out, p)
	for k, v := range r.about() {
		if k == "channel" || k == "class" || k == "step" || k == "journey" || k == "run" || k == "test" {
			out[k] = v
		}
	}
	return out
}

func receiptState(e *event.Event) State {
	if e.Type == event.MessageFailed {
		return Rejected
	}
	return Delivered
}

// awaits reports whether a receipt would tell something new about the row. Receipts repeat, and contradict
// each other only by mistake: the first counts.
func (r *row) awaits(st State) bool {
	switch r.state {
	case Accepted, Sending, Doubtful:
		return true
	case Waiting: // for another try, and the one before arrived after all
		return st == Delivered && r.attempt > 0
	case Expired:
		return r.reason == ReasonUnresolved
	}
	return false
}

// applyReceipt takes a platform's receipt.
func (s *Stage) applyReceipt(b *event.Batch, e *event.Event) error {
	if !isReceipt(e) {
		return nil // told by this stage itself
	}
	x := said{state: receiptState(e), code: int(e.Props.Int("code")), detail: db.Clip(e.Props.Str("reason"), maxDetail), carrier: e.Props.Str("err_code"), platformID: e.Props.Str("platform_id")}
	if r := s.rows[s.found.of[e]]; r != nil {
		return s.receive(b, e, r, x)
	}
	if k := s.receiptKeyOf(e); e.Hidden && k != (receiptKey{}) && !isSMS(e) && !s.found.names[k] && s.receipts[k] == nil && s.early[k] == nil {
		s.early[k] = &early{state: x.state, code: x.code, detail: x.detail, at: s.now, fresh: true}
	}
	return nil
}

// awaitReceipt makes a message that the platform took findable by the platform's id.
func (s *Stage) awaitReceipt(b *event.Batch, e *event.Event, r *row) error {
	if r.platformID == "" || !s.receives(r.channel) {
		return nil
	}
	k := receiptKey{r.account, r.platformID}
	s.receipts[k] = &named{message: r.id, dirty: true}
	p := s.early[k]
	if p == nil || p.matched {
		return nil
	}
	p.matched = true
	if !r.awaits(p.state) {
		return nil
	}
	if err := s.receive(b, e, r, said{state: p.state, code: p.code, detail: p.detail}); err != nil {
		return err
	}
	if p.state == Delivered {
		return s.tell(b, e, r, event.MessageDelivered)
	}
	return s.tell(b, e, r, event.MessageFailed)
}

// receive moves a message to what its receipt says.
func (s *Stage) receive(b *event.Batch, e *event.Event, r *row, x said) error {
	if !r.awaits(x.state) {
		return nil
	}
	if r.state != Accepted { // nobody told us yet that the platform took it
		r.unsure = false
		if r.platformID == "" {
			r.platformID = db.Clip(x.platformID, maxPlatformID)
		}
		s.finish(r, Accepted, "")
		if err := s.tell(b, e, r, event.MessageSent); err != nil {
			return err
		}
	}
	if x.state == Delivered {
		s.finish(r, Delivered, "")
		return nil
	}
	r.code, r.detail = x.code, x.detail
	s.finish(r, Rejected, ReasonUndelivered)
	s.closeReach(r)
	if r.channel == SMS && deadNumbers[x.carrier] && r.contact != 0 {
		s.conf.Reach.KillNumber(r.contact, x.carrier, r.attemptAt)
	}
	return nil
}

// deadNumbers are the carriers' codes in SMS receipts that say a number is gone (短信回执错误码) [recall].
var deadNumbers = map[string]bool{"MOBILE_NOT_ON_SERVICE": true, "MOBILE_NOT_EXIST": true}
