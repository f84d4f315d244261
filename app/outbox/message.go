// Package outbox takes messages inside the pipeline's transaction, hands them to senders after commit,
// and learns what became of them from events. A message is a row with a deterministic key, so a replay
// makes no second one. It refuses to know why a message is sent (journey, broadcast) and how (channels).
package outbox

import (
	"context"
	"time"
)

// Channel names a way out.
type Channel string

// The channels of this version.
const (
	WeComApp   Channel = "wecom_app"   // 企微应用消息, to staff
	OfficialKF Channel = "official_kf" // 公众号客服消息, to a follower
)

// Class says under which rules a message may go.
type Class string

// The classes.
const (
	Reply      Class = "reply"       // answers something the person just did: priority lane
	Service    Class = "service"     // the person's own business
	Marketing  Class = "marketing"   // caps, quiet hours, consent
	StaffAlert Class = "staff_alert" // to our own staff, under the staff's own limits
)

// Message is one message to one recipient on one channel.
type Message struct {
	EventID   int64  // the event that caused it
	Step      string // journey step or other cause; with EventID and N it makes the key
	N         int
	ContactID int64  // whom it is about (for staff alerts) or to; 0 for none
	Channel   Channel
	Account   string // AppID, or "CorpID/AgentID"
	To        string // OpenID, userid
	Class     Class
	Kind      string // text, textcard, template_card
	Body      []byte // the platform's JSON for the kind, final: the same bytes at every attempt
	JourneyID int64
	RunID     int64
	NotBefore int64 // business time, Unix ms; 0: at once
	ExpiresAt int64 // business time, Unix ms; after it the message is not worth sending
	Test      bool  // 发给我: outside statistics
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
}
