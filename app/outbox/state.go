package outbox

// State is where a message stands.
type State string

// The states. Sent, Delivered, Failed, Suppressed and Expired are ends, though an operator may retry the
// last three, and a receipt may still move Sent.
const (
	Waiting    State = "waiting"    // for its time, its turn or another try
	Sending    State = "sending"    // an attempt is on its way
	Accepted   State = "sent"       // the platform took it
	Delivered  State = "delivered"  // the platform said it arrived
	Rejected   State = "failed"     // it did not go, and will not
	Suppressed State = "suppressed" // policy kept it
	Doubtful   State = "unknown"    // it may have been delivered, nobody can tell
	Expired    State = "expired"    // its time ran out first
)

// states in the order of their stored codes; the codes are in the database, so the order is fixed.
var states = [...]State{1: Waiting, 2: Sending, 3: Accepted, 4: Delivered, 5: Rejected, 6: Suppressed, 7: Doubtful, 8: Expired}

func (s State) code() int {
	for i, x := range states {
		if x == s && i > 0 {
			return i
		}
	}
	return 0
}

func stateOf(code int) State {
	if code < 0 || code >= len(states) {
		return ""
	}
	return states[code]
}

// Valid reports whether s is one of the states.
func (s State) Valid() bool { return s.code() > 0 }

// Label is the state's Chinese name.
func (s State) Label() string {
	switch s {
	case Waiting:
		return "等待发送"
	case Sending:
		return "发送中"
	case Accepted:
		return "已发送"
	case Delivered:
		return "已送达"
	case Rejected:
		return "发送失败"
	case Suppressed:
		return "被拦截"
	case Doubtful:
		return "结果未知"
	case Expired:
		return "已过期"
	}
	return string(s)
}

// States lists every state.
func States() []State { return append([]State(nil), states[1:]...) }

// retryable: an operator may ask for another try.
func (s State) retryable() bool {
	return s == Rejected || s == Suppressed || s == Expired || s == Doubtful
}

// final: nothing more happens by itself, so the row may be purged when it is old.
func (s State) final() bool { return s != Waiting && s != Sending && s != Doubtful }

var classes = [...]Class{1: Reply, 2: Service, 3: Marketing, 4: StaffAlert}

func classCode(c Class) int {
	for i, x := range classes {
		if x == c && i > 0 {
			return i
		}
	}
	return 0
}

// urgency orders messages that wait for the same account: what a person waits for goes first.
type urgency int

const (
	urgent urgency = iota
	ordinary
	patient
	urgencies
)

func urgencyOf(c Class) urgency {
	switch c {
	case Reply, StaffAlert:
		return urgent
	case Service:
		return ordinary
	}
	return patient
}
