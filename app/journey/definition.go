package journey

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Status is whether a journey runs.
type Status string

// The statuses. What happens to the people inside is part of each.
const (
	Draft   Status = "draft"   // 草稿: never runs; nobody is inside
	Live    Status = "live"    // 运行中
	Paused  Status = "paused"  // 已暂停: nobody enters, people inside stay where they are, waits that end meanwhile go on at 恢复
	Stopped Status = "stopped" // 已停止: nobody enters, people inside leave
)

var statusLabels = map[Status]string{Draft: "草稿", Live: "运行中", Paused: "已暂停", Stopped: "已停止"}

// Label is the status's Chinese name, "" for an unknown one.
func (s Status) Label() string { return statusLabels[s] }

// Subject is who walks through a journey.
type Subject string

// The subjects.
const (
	Customers Subject = "contact" // 客户
	StaffOnly Subject = "staff"   // 员工
)

var subjectLabels = map[Subject]string{Customers: "客户", StaffOnly: "员工"}

// Label is the subject's Chinese name, "" for an unknown one.
func (s Subject) Label() string { return subjectLabels[s] }

// Definition is the JSON document of a journey.
type Definition struct {
	Name     string   `json:"name"`
	Note     string   `json:"note,omitempty"`
	Subject  Subject  `json:"subject"`
	Status   Status   `json:"status"`
	Settings Settings `json:"settings"`
	Nodes    []Node   `json:"nodes"`
	Edges    []Edge   `json:"edges"`
}

// Node is one step of a graph.
type Node struct {
	ID        string          `json:"id"` // stable: runs, counts and message keys name it
	Component string          `json:"component"`
	Config    json.RawMessage `json:"config,omitempty"`
	Note      string          `json:"note,omitempty"`
	OnError   OnError         `json:"on_error,omitempty"`
	X         int             `json:"x,omitempty"` // where the editor draws it
	Y         int             `json:"y,omitempty"`
}

// OnError says what a run does when a step fails and nothing is connected to its port "failed".
type OnError string

// The rules; absent means Continue.
const (
	Continue OnError = "continue" // go on through "next"
	Stop     OnError = "stop"     // the run ends as failed
)

// Edge leads from a port of one node to another node.
type Edge struct {
	From string `json:"from"`
	Port string `json:"port,omitempty"` // absent: "next"
	To   string `json:"to"`
}

// Settings are a journey's rules as a whole.
type Settings struct {
	Entry Entry  `json:"entry"`
	Exit  []Exit `json:"exit,omitempty"`
	Goal  *Goal  `json:"goal,omitempty"`
	// Freshness is how old an event may be to start a run; absent: 1h. Events that reached us late
	// (see event.Late) never start one.
	Freshness string `json:"freshness,omitempty"`
	Hours     *Hours `json:"hours,omitempty"`
	// Priority orders journeys that one event starts: the higher first, 0 to 100; absent: 50.
	Priority *int   `json:"priority,omitempty"`
	Timezone string `json:"timezone,omitempty"` // absent: the business zone
}

// Entry is how often one subject may enter.
type Entry struct {
	Mode EntryMode `json:"mode"`
	Days int       `json:"days,omitempty"` // of Again: full days of 24 h since the last entry
}

// EntryMode is how often one subject may enter.
type EntryMode string

// The entry modes. Only Concurrent lets somebody be in a journey twice at a time.
const (
	Once       EntryMode = "once"       // 只进一次
	Again      EntryMode = "again"      // N天后可再进
	Concurrent EntryMode = "concurrent" // 可同时多次
)

var entryLabels = map[EntryMode]string{Once: "只进一次", Again: "N天后可再进", Concurrent: "可同时多次进入"}

// Exit takes people out: when one of the events happens (and satisfies where and when), or, without
// events, as soon as the condition holds.
type Exit struct {
	Events []string        `json:"events,omitempty"`
	Where  json.RawMessage `json:"where,omitempty"` // see rule.Where
	When   json.RawMessage `json:"when,omitempty"`
	Note   string          `json:"note,omitempty"`
}

// Goal is what a journey is for. Whoever reaches it leaves: when one of the events happens (and satisfies
// where and when), or, without events, as soon as the condition holds.
type Goal struct {
	Events []string        `json:"events,omitempty"`
	Where  json.RawMessage `json:"where,omitempty"` // see rule.Where
	When   json.RawMessage `json:"when,omitempty"`
	// Within is how long it counts: from entering the journey, or from coming to the step. Absent: as long
	// as somebody is inside; at a step, now or not at all.
	Within string `json:"within,omitempty"`
	Note   string `json:"note,omitempty"`
}

// Hours are the working hours that waits can keep to.
type Hours struct {
	From string `json:"from"`           // "09:00"
	To   string `json:"to"`             // "18:00", later than From
	Days []int  `json:"days,omitempty"` // 1 Monday … 7 Sunday; absent: every day
}

const (
	defaultFreshness = time.Hour
	defaultPriority  = 50
	maxNodes         = 200
	maxEdges         = 600
	maxWait          = 400 * 24 * time.Hour
)

var (
	nodeID       = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)
	durationPart = regexp.MustCompile(`^(\d+)(d|h|m|s)`)
)

// parseDuration reads "90s", "30m", "2h", "3d" and combinations like "1d12h".
func parseDuration(s string) (time.Duration, error) {
	units := map[string]time.Duration{"d": 24 * time.Hour, "h": time.Hour, "m": time.Minute, "s": time.Second}
	var total time.Duration
	rest := strings.TrimSpace(s)
	for rest != "" {
		m := durationPart.FindStringSubmatch(rest)
		if m == nil {
			total = 0
			break
		}
		n, err := strconv.Atoi(m[1])
		if err != nil || n > 1_000_000 {
			total = 0
			break
		}
		total += time.Duration(n) * units[m[2]]
		rest = rest[len(m[0]):]
	}
	if total <= 0 {
		return 0, fmt.Errorf("时长“%s”写法不对，应形如 30m、2h、3d、1d12h", s)
	}
	if total > maxWait {
		return 0, fmt.Errorf("时长“%s”太长，最多 400d", s)
	}
	return total, nil
}

// clockTime is a time of day in minutes after midnight.
type clockTime int

func parseClock(s string) (clockTime, error) {
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, fmt.Errorf("时刻“%s”写法不对，应形如 09:30", s)
	}
	return clockTime(t.Hour()*60 + t.Minute()), nil
}

func (c clockTime) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// on returns the instant of the time of day on the date of t. Where the clock jumps over it, the instant
// after the jump.
func (c clockTime) on(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), int(c)/60, int(c)%60, 0, 0, t.Location())
}

// hours are compiled Hours.
type hours struct {
	from, to clockTime
	days     [8]bool // by ISO weekday
}

// next returns t when it lies within the hours, else the start of the next ones.
func (h *hours) next(t time.Time) time.Time {
	if h == nil {
		return t
	}
	for range 9 { // today, seven days on, and one for a t after closing time
		if h.days[isoWeekday(t)] {
			if from := h.from.on(t); t.Before(from) {
				return from
			}
			if t.Before(h.to.on(t)) {
				return t
			}
		}
		t = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, t.Location())
	}
	return t
}

func isoWeekday(t time.Time) int { return (int(t.Weekday())+6)%7 + 1 }
