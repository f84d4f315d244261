// Package outbox takes messages inside the pipeline's transaction, hands them to senders after commit,
// and learns what became of them from events. A message is a row with a deterministic key, so a replay
// makes no second one. It refuses to know why a message is sent (journey, broadcast) and how (channels).
package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/koi-scrm/koi/app/policy"
)

// Channel names a way out, Class says under which rules a message may go: the words are policy's.
type (
	Channel = policy.Channel
	Class   = policy.Class
)

// The channels and classes of this version.
const (
	WeComApp   = policy.WeComApp
	OfficialKF = policy.OfficialKF

	OfficialTemplate = policy.OfficialTemplate
	OfficialNotice   = policy.OfficialNotice
	OfficialOnce     = policy.OfficialOnce
	MiniSubscribe    = policy.MiniSubscribe
	SMS              = policy.SMS
	WeComWelcome     = policy.WeComWelcome
	Webhook          = policy.Webhook

	Reply      = policy.Reply
	Service    = policy.Service
	Marketing  = policy.Marketing
	StaffAlert = policy.StaffAlert
)

// Message is one message to one recipient on one channel.
type Message struct {
	EventID   int64  // the event that caused it; Enqueue sets it
	Step      string // journey step or other cause, ≤ 96 bytes; with EventID and N it makes the key
	N         int    // tells several messages of one step apart
	ContactID int64  // whom it is about (for staff alerts) or to; 0 for none
	Channel   Channel
	Account   string // AppID, or "CorpID/AgentID"
	To        string // OpenID, userid
	Class     Class
	Kind      string // text, textcard, template_card; of SMS code, notice, marketing
	// Template is the platform's template (its id, or the code of an SMS), for the channels that have one:
	// subscription balances and the daily cap are counted by it. ≤ 64 bytes.
	Template string
	// Definition names what the message was made from, with its revision ("welcome@3"): when the platform
	// refuses the template, it is this revision that is not used again. ≤ 112 bytes.
	Definition string
	Risk       policy.Risk   // of the template
	LongTerm   bool          // the template is a long-term subscription: one yes serves for ever
	Fresh      time.Duration // how old the cause may be; 0: as the policy says
	Body       []byte        // the platform's JSON for the kind, final: the same bytes at every attempt
	JourneyID  int64
	RunID      int64
	NotBefore  int64 // business time, Unix ms; 0: at once
	ExpiresAt  int64 // business time, Unix ms; after it the message is not worth sending
	Test       bool  // 发给我: outside statistics
}

// Key names a message for ever: one event, step and number make one message, however often they are
// processed.
type Key [16]byte

// Key is the first 16 bytes of sha256(event id, step, n).
func (m *Message) Key() Key {
	raw := make([]byte, 0, 16+len(m.Step))
	raw = binary.BigEndian.AppendUint64(raw, uint64(m.EventID))
	raw = binary.BigEndian.AppendUint64(raw, uint64(m.N))
	sum := sha256.Sum256(append(raw, m.Step...))
	return Key(sum[:16])
}

// Bounds of what a message may hold; the columns are as wide.
const (
	maxStep, maxKind, maxAccount, maxTo = 96, 32, 96, 128
	maxDetail, maxPlatformID            = 500, 128
	maxTemplate, maxDefinition          = 64, 112
	// maxBody keeps a message within what a platform takes and a row holds.
	maxBody = 64 << 10
)

// check finds what no sender could handle: a mistake of the caller, not of the recipient.
func (m *Message) check() error {
	switch {
	case len(m.Body) == 0:
		return fmt.Errorf("message of step %q has no body", m.Step)
	case len(m.Body) > maxBody:
		return fmt.Errorf("message of step %q has %d bytes, at most %d fit", m.Step, len(m.Body), maxBody)
	case len(m.Step) > maxStep, len(m.Kind) > maxKind, len(m.Account) > maxAccount, len(m.To) > maxTo:
		return fmt.Errorf("message of step %q: step, kind, account or recipient is too long", m.Step)
	case len(m.Template) > maxTemplate, len(m.Definition) > maxDefinition:
		return fmt.Errorf("message of step %q: template or definition is too long", m.Step)
	case m.Risk != "" && !slices.Contains(policy.Risks(), m.Risk):
		return fmt.Errorf("message of step %q: there is no risk class %q", m.Step, m.Risk)
	case classCode(m.Class) == 0:
		return fmt.Errorf("message of step %q has no class", m.Step)
	}
	return nil
}

// worth is how long a message is worth sending when its maker did not say.
func worth(c Class) time.Duration {
	switch c {
	case Reply:
		return time.Hour
	case Marketing:
		return 72 * time.Hour
	}
	return 24 * time.Hour
}

// Sender delivers messages of one channel; implemented in channels/*. Send is called from several
// goroutines. It returns an Outcome for everything the platform said, and never an error: what cannot
// be known is Unknown.
type Sender interface {
	Channel() Channel
	Send(ctx context.Context, m Attempt) Outcome
	// DedupeWindow is how long the platform itself drops a byte-identical repeat; 0: it never does.
	DedupeWindow() time.Duration
}

// Patient is a Sender whose other side is asked more often, further apart, than a platform is: another
// company's server may be away for hours. Its messages carry an id by which the other side drops repeats,
// so they need not wait for each other.
type Patient interface {
	Sender
	Patience() Patience
}

// Patience is how long a patient sender goes on.
type Patience struct {
	Tries   int                       // after so many that surely failed the message does
	Wait    func(n int) time.Duration // between try n and the next; n counts from 1
	Timeout time.Duration             // of one Send
}

// Attempt is one try at delivering a message.
type Attempt struct {
	ID      int64
	Number  int // 1, 2, …
	Account string
	To      string
	Kind    string
	Body    []byte
}

// Status is what became of an attempt.
type Status string

// The outcomes of an attempt. Each platform error code maps to one of them (platform.md §5).
const (
	Sent         Status = "sent"          // the platform took it
	Retry        Status = "retry"         // it surely did not: try again after RetryAfter
	Failed       Status = "failed"        // permanent for this recipient
	WindowClosed Status = "window_closed" // the customer-service window is closed or used up
	Paused       Status = "paused"        // a quota of the whole API: pause it until RetryAfter, requeue
	Alarm        Status = "alarm"         // configuration is wrong: no retry, tell the operator
	Unknown      Status = "unknown"       // it may have been delivered (time-out after sending)
)

// Outcome is the platform's answer to an attempt, in our words.
type Outcome struct {
	Status     Status
	Code       int    // the platform's errcode, 0 when there was none
	PlatformID string // its message id, for receipts
	RetryAfter time.Duration
	Reason     string // Chinese: what happened and what to do
	// Unsure goes with Retry: the message may have arrived all the same, and only that the platform drops
	// repeats lets it go again.
	Unsure bool
}
