// Package share knows who brought whom to a page. A share token names a page and whoever shares it; who
// arrives through a token was brought by its owner, and chains of such arrivals lead back to the employee
// who shared first. It refuses to know pages, rewards and messages: it says what counts, and why not.
//
// Invariants: a token is a truncated HMAC, so nobody can make one up that becomes known; rendering a page
// writes nothing; an arrival counts once per person and page, for the owner of the first token that brought
// them; what counts follows from the facts alone, in whatever order they arrive. Credits wait for
// settlement, are judged again then and after merges, and may be taken back with a reason. Sharing itself
// is never credited.
package share

import (
	"encoding/base64"
	"strings"

	"github.com/koi-scrm/koi/app/secret"
)

// Sharer is who a token belongs to.
type Sharer string

// Visitor is the sharer behind a browser's visitor id.
func Visitor(id string) Sharer { return Sharer("visitor:" + id) }

// Staff is the sharer behind a member of staff ("CorpID/userid").
func Staff(member string) Sharer { return Sharer("staff:" + member) }

// Contact is the sharer behind a person, for links that are sent to them.
func Contact(id string) Sharer { return Sharer("contact:" + id) }

const (
	purpose     = "share token"
	tokenPrefix = "s_"
	tokenBytes  = 16 // 128 bit
)

// Token is the share token of a page and a sharer: always the same, and nobody without the key can make it.
func Token(keys *secret.Keys, page string, who Sharer) string {
	mac := keys.Lookup(purpose, page+"\x00"+string(who))
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(mac[:])
}

// IsToken reports whether a text has the form of a token; whether it is one, only its being known says.
func IsToken(s string) bool {
	body, ok := strings.CutPrefix(s, tokenPrefix)
	if !ok || len(body) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return false
	}
	for _, c := range []byte(body) {
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// Mark says why an arrival does not count; Counted when it does.
type Mark string

// The marks.
const (
	Counted   Mark = ""
	Unknown   Mark = "unknown"   // nobody is known to own the token (yet)
	Self      Mark = "self"      // came through their own link
	Staffer   Mark = "staff"     // one of our own staff
	Bot       Mark = "bot"       // a crawler, or a page fetched in advance
	Loop      Mark = "loop"      // came through somebody they brought themselves
	Duplicate Mark = "duplicate" // somebody else brought the person to the page before
	Burst     Mark = "burst"     // many at once from one place
)

// Label is how something is shown to people.
type Label struct{ Name, Note string }

var markLabels = map[Mark]Label{
	Counted:   {"计入", "另一个人通过这条分享第一次打开了页面"},
	Unknown:   {"来源未知", "分享标记还没有人认领：可能是先到的转发，也可能是伪造的，认领前不计"},
	Self:      {"本人", "打开的是自己的分享，不计"},
	Staffer:   {"员工", "打开的人是本公司员工，不计"},
	Bot:       {"机器人", "爬虫、链接预览或预加载，不是真人打开，不计"},
	Loop:      {"循环", "他本来就是这条链的上游，不计"},
	Duplicate: {"重复", "这个人已由更早的分享带到这个页面，一人一页只计一次"},
	Burst:     {"异常集中", "短时间内从同一处大量打开，不计，请人工核对"},
}

// Label is the mark's Chinese name and what it means.
func (m Mark) Label() Label { return markLabels[m] }

// State is how the credit for an arrival stands.
type State int

// The states.
const (
	Fresh      State = 0 // not judged yet
	Waiting    State = 1 // for somebody to own the token
	Pending    State = 2
	Settled    State = 3
	NotCounted State = 4
	Reversed   State = 5
)

var stateNames = map[State]string{Fresh: "fresh", Waiting: "waiting", Pending: "pending", Settled: "settled", NotCounted: "none", Reversed: "reversed"}

var stateLabels = map[State]Label{
	Fresh:      {"待判定", "刚收到，马上判定"},
	Waiting:    {"等待认领", "分享标记有人认领后再判定"},
	Pending:    {"待结算", "已计入，结算时再核对一遍"},
	Settled:    {"已结算", "核对无误，计入业绩"},
	NotCounted: {"不计", "不产生业绩，原因见标记"},
	Reversed:   {"已撤销", "计入后又撤销，附有原因"},
}

// String is the state's name.
func (s State) String() string { return stateNames[s] }

// Label is the state's Chinese name and what it means.
func (s State) Label() Label { return stateLabels[s] }
