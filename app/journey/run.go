package journey

import (
	"encoding/json"
	"fmt"

	"github.com/koi-scrm/koi/app/event"
)

// State is where a run stands.
type State uint8

// The states. Those below Finished are open: the run is still inside.
const (
	Waiting  State = 1  // parked at a node until an event or its due time
	Ready    State = 2  // about to execute its node, once what it did before is applied
	Sending  State = 3  // waiting to hear whether its message was let through
	Finished State = 10 // came to an end
	Exited   State = 11 // taken out: exit condition, stop, or by hand
	Failed   State = 12 // a step failed that must not, or the graph could not go on
	Merged   State = 13 // its person became one with another who is in the journey too
)

var stateLabels = map[State]string{Waiting: "在途", Ready: "在途", Sending: "在途", Finished: "完成", Exited: "退出", Failed: "失败", Merged: "已合并"}

// key is the state in events and the API; the three open ones are one to the outside.
func (s State) key() string {
	switch s {
	case Finished:
		return "finished"
	case Exited:
		return "exited"
	case Failed:
		return "failed"
	case Merged:
		return "merged"
	}
	return "open"
}

// Label is the state's Chinese name, "" for an unknown one.
func (s State) Label() string { return stateLabels[s] }

// Open reports whether a run in this state is still inside the journey.
func (s State) Open() bool { return s < Finished }

// Run is one walk of one subject through one version of a journey. Times are Unix ms.
type Run struct {
	// ID is seq·1024 + n of the event that started it, n counting the runs that event started: a replay
	// gives the same ids.
	ID        int64
	JourneyID int64
	Rev       int64
	Subject   int64  // who walks: a contact id, or the negative hash of a staff member
	ContactID int64  // whom it is about; 0 for a staff run about no customer
	Staff     string // "corpid/userid" of a staff run, else ""
	Node      string // where it stands, or stood last
	State     State
	EnteredAt int64
	ArrivedAt int64 // at Node
	DueAt     int64 // when its wait ends; 0: only an event ends it, or it is over
	EndedAt   int64
	Steps     int    // actions performed so far
	Reason    string // Chinese: why it ended, when not by itself
	// Memo marks the rows an entry decision needs: open runs, and the last one of a journey that limits
	// how often one may enter.
	Memo  bool
	Cause Cause
	// Outstanding are messages of the current node whose fate isn't known yet, while Sending.
	Outstanding, Queued int
}

// Cause is what a run keeps of the event that started it.
type Cause struct {
	EventID    int64       `json:"id,omitempty"`
	Type       string      `json:"t,omitempty"`
	At         int64       `json:"at,omitempty"`
	Account    string      `json:"acc,omitempty"`
	Staff      string      `json:"st,omitempty"`
	ObjectType string      `json:"ot,omitempty"`
	ObjectID   string      `json:"oid,omitempty"`
	Props      event.Props `json:"p,omitempty"`
}

// maxCauseProps is how many bytes of an event's properties a waiting run keeps for its later messages.
const maxCauseProps = 4096

func causeOf(e *event.Event) Cause {
	return Cause{EventID: int64(e.ID()), Type: e.Type, At: e.OccurredAt, Account: e.Account, Staff: e.Staff,
		ObjectType: e.ObjectType, ObjectID: e.ObjectID, Props: e.Props}
}

// event is the cause as messages see it.
func (c Cause) event() *event.Event {
	return &event.Event{Type: c.Type, OccurredAt: c.At, Account: c.Account, Staff: c.Staff, ObjectType: c.ObjectType, ObjectID: c.ObjectID, Props: c.Props}
}

// stored is what of a run goes into its data column.
type stored struct {
	Cause       *Cause `json:"c,omitempty"`
	Outstanding int    `json:"o,omitempty"`
	Queued      int    `json:"q,omitempty"`
}

// data encodes what an open run needs later; a run that is over needs none.
func (r *Run) data() ([]byte, error) {
	if !r.State.Open() {
		return nil, nil
	}
	c := r.Cause
	body, err := json.Marshal(stored{Cause: &c, Outstanding: r.Outstanding, Queued: r.Queued})
	if err == nil && len(body) > maxCauseProps {
		c.Props = nil
		body, err = json.Marshal(stored{Cause: &c, Outstanding: r.Outstanding, Queued: r.Queued})
	}
	if err != nil {
		return nil, fmt.Errorf("encode run %d: %w", r.ID, err)
	}
	return body, nil
}

func (r *Run) setData(body []byte) error {
	if len(body) == 0 {
		return nil
	}
	var s stored
	if err := json.Unmarshal(body, &s); err != nil {
		return fmt.Errorf("decode run %d: %w", r.ID, err)
	}
	if s.Cause != nil {
		r.Cause = *s.Cause
	}
	r.Outstanding, r.Queued = s.Outstanding, s.Queued
	return nil
}
