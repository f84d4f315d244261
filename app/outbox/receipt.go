package outbox

import (
	"slices"

	"github.com/koi-scrm/koi/app/event"
)

// receiptKey is how a platform names a message it took.
type receiptKey struct {
	account    string
	platformID string
}

// receipt joins a platform's message id with our message. Receipt and result may come in either order
// (a platform can be quicker than our log): whichever comes first waits here for the other.
type receipt struct {
	message int64 // 0: the receipt came first
	state   State // what the receipt said, or ""
	code    int
	detail  string
	at      int64
	dirty   bool
}

// receiptOf is the platform's name in a receipt or in a result that a receipt will follow; zero otherwise.
func (s *Stage) receiptOf(e *event.Event) receiptKey {
	k := receiptKey{e.Account, e.Props.Str("platform_id")}
	if k.platformID == "" || e.N > 0 {
		return receiptKey{}
	}
	switch e.Type {
	case event.MessageDelivered, event.MessageFailed:
		return k
	case event.CommandMessageResult:
		if slices.Contains(s.conf.Receipts, Channel(e.Props.Str("channel"))) {
			return k
		}
	}
	return receiptKey{}
}

// applyReceipt takes a platform's receipt, which came in by a door.
func (s *Stage) applyReceipt(e *event.Event) {
	k := s.receiptOf(e)
	if k == (receiptKey{}) {
		return // told by this stage itself
	}
	said := &receipt{state: Delivered, code: int(e.Props.Int("code")), detail: clip(e.Props.Str("reason")), at: s.now, dirty: true}
	if e.Type == event.MessageFailed {
		said.state = Rejected
	}
	known := s.receipts[k]
	if known == nil {
		s.receipts[k] = said
		return
	}
	if r := s.rows[known.message]; r != nil {
		e.ObjectType, e.ObjectID = "message", idText(r.id)
		s.receive(r, said)
	}
}

// awaitReceipt makes a message that the platform took findable by the platform's id.
func (s *Stage) awaitReceipt(r *row) {
	if r.platformID == "" || !slices.Contains(s.conf.Receipts, r.channel) {
		return
	}
	k := receiptKey{r.account, r.platformID}
	early := s.receipts[k]
	s.receipts[k] = &receipt{message: r.id, at: s.now, dirty: true}
	if early != nil && early.message == 0 {
		s.receive(r, early)
	}
}

// receive moves a message to what its receipt says. Receipts repeat and contradict each other only by
// mistake: the first counts.
func (s *Stage) receive(r *row, said *receipt) {
	if r.state != Accepted && r.state != Sending && r.state != Doubtful {
		return
	}
	if said.state == Delivered {
		s.finish(r, Delivered, "")
		return
	}
	r.code, r.detail = said.code, said.detail
	s.finish(r, Rejected, ReasonUndelivered)
}
