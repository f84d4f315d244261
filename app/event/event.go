// Package event is the log every acknowledged fact goes through, the names of those facts, and the
// timeline people read. It knows what an event is and that it is durable before anyone is answered;
// it refuses to know what an event means: people, tags, scores and journeys are stages above it.
package event

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Lane is a queue of the log. Each lane has its own cursor; order between lanes is not promised.
type Lane uint8

// The two lanes. Priority carries what a person is waiting for: a follow, a scan, a menu click, a
// message, a new WeCom friend, and commands from console and API.
const (
	Priority Lane = 0
	Normal   Lane = 1
)

// ID names an event for ever: seq·1024 + n, where n = 0 is the logged event itself and 1..1023 number
// what the pipeline derived from it. It is deterministic, so a replay gives the same ids.
type ID int64

// MakeID composes an ID.
func MakeID(seq int64, n int) ID { return ID(seq*1024 + int64(n)) }

// Seq is the log sequence number the event came from.
func (id ID) Seq() int64 { return int64(id) / 1024 }

// Identity is one name a person goes by in one place.
//
//	kind             scope              value
//	openid           AppID              OpenID
//	unionid          ""                 UnionID
//	external_userid  CorpID             external_userid
//	phone, email     ""                 normalised value (sealed at rest)
//	visitor          ""                 first-party cookie
//	user_id          name of the system its id there
type Identity struct {
	Kind  string `json:"kind"`
	Scope string `json:"scope,omitempty"`
	Value string `json:"value"`
	// Verified: whoever reports it has proof (a phone number authorised in WeChat, an own system with a
	// key), not just what somebody typed. Only matters for phone and e-mail.
	Verified bool `json:"vf,omitempty"`
}

// The identity kinds.
const (
	KindOpenID   = "openid"
	KindUnionID  = "unionid"
	KindExternal = "external_userid"
	KindPhone    = "phone"
	KindEmail    = "email"
	KindVisitor  = "visitor"
	KindUserID   = "user_id"
)

// Props are the small facts of an event. Personal values (phone, e-mail, id numbers) never go here,
// only in Identities, which are sealed.
type Props map[string]any

// Str returns a property as text; numbers are formatted, absence is "".
func (p Props) Str(key string) string {
	switch v := p[key].(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case int64:
		return strconv.FormatInt(v, 10)
	case int:
		return strconv.Itoa(v)
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	}
	return ""
}

// Int returns a property as a whole number; text is parsed, anything else is 0.
func (p Props) Int(key string) int64 {
	switch v := p[key].(type) {
	case float64:
		return int64(v)
	case int64:
		return v
	case int:
		return int64(v)
	case string:
		n, _ := strconv.ParseInt(v, 10, 64)
		return n
	}
	return 0
}

// Event is one fact: who did what, where, when. Times are Unix milliseconds.
type Event struct {
	Type       string     `json:"type"`
	Key        string     `json:"key"`               // names the fact at its source: two events with one Key are one fact
	Source     string     `json:"source"`            // the door: "wecom", "oa", "api", "console", "t", "outbox", "timer"
	Account    string     `json:"account,omitempty"` // AppID, or "CorpID/AgentID"
	Lane       Lane       `json:"-"`
	Identities []Identity `json:"ids,omitempty"`
	Staff      string     `json:"staff,omitempty"` // WeCom userid of the staff concerned
	ObjectType string     `json:"ot,omitempty"`
	ObjectID   string     `json:"oid,omitempty"`
	Share      string     `json:"share,omitempty"`
	OccurredAt int64      `json:"at"`
	ReceivedAt int64      `json:"rcv"` // business time at the door
	Props      Props      `json:"props,omitempty"`

	// Set by the log and the pipeline, never by a door.
	Seq        int64 `json:"-"`
	N          int   `json:"-"` // 0 for a logged event, 1..1023 for a derived one
	Depth      int   `json:"-"`
	ContactID  int64 `json:"-"` // 0 until the identity stage resolved it, or for events about no person
	IdentityID int64 `json:"-"`
	// Hidden keeps a derived event off the timeline (score.changed exists only inside the batch).
	Hidden bool `json:"-"`
	// Duplicate marks a fact already processed; no stage after dedupe sees it.
	Duplicate bool `json:"-"`
}

// ID is the event's name for ever.
func (e *Event) ID() ID { return MakeID(e.Seq, e.N) }

// Late reports whether the event reached us so long after it happened that it must not start journeys,
// alerts or sends on its own (offline beacons, the backlog after an outage, imports).
func (e *Event) Late() bool { return e.ReceivedAt-e.OccurredAt > LateAfter.Milliseconds() }

// LateAfter is when an event counts as late.
const LateAfter = 10 * time.Minute

// Hash is the 16-byte dedupe hash of a key.
type Hash [16]byte

// HashKey hashes source, account and key. Of a WeCom account only the corp counts: two apps of one corp
// that both listen are told of the same fact.
func (e *Event) HashKey() Hash {
	account, _, _ := strings.Cut(e.Account, "/")
	sum := sha256.Sum256([]byte(e.Source + "\x00" + account + "\x00" + e.Key))
	return Hash(sum[:16])
}

// Version is the payload version written today. Older ones are raised by upcasters when read.
const Version = 1

// Marshal encodes the payload of the current version.
func (e *Event) Marshal() ([]byte, error) { return json.Marshal(e) }

// Unmarshal decodes a payload of version v, raising older ones.
func (e *Event) Unmarshal(v int, body []byte) error {
	if v != Version {
		return fmt.Errorf("event payload version %d is newer than this program knows (%d)", v, Version)
	}
	return json.Unmarshal(body, e)
}
