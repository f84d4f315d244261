package simulator

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"unicode/utf8"
)

// Call is a request the simulator received, and what it answered.
type Call struct {
	ID         int64           `json:"id"`
	At         int64           `json:"at"` // business time, Unix ms
	Method     string          `json:"method"`
	Path       string          `json:"path"`
	Query      string          `json:"query,omitempty"` // without access_token and secrets
	Account    string          `json:"account,omitempty"`
	Body       json.RawMessage `json:"body,omitempty"` // as received; text that is no JSON comes as a JSON string
	Code       int             `json:"errcode"`
	Answer     json.RawMessage `json:"answer,omitempty"`
	Misbehaved string          `json:"misbehaved,omitempty"` // what was done instead of, or beside, the right thing
	TookMicros int64           `json:"took_us"`              // without the delay of a misbehaviour
}

// Longer bodies and answers are kept without their end.
const keptBody = 16 << 10

// unknownPath stands for all paths without a rule, whose number is not bounded.
const unknownPath = "(其他)"

type callJournal struct {
	bell bell

	mu     sync.Mutex
	ring   ring[Call]
	total  int64
	byPath map[string]*pathTotals
}

type pathTotals struct {
	calls  int64
	byCode map[int]int64
}

func newCallJournal(history int) *callJournal {
	return &callJournal{ring: newRing[Call](history), byPath: map[string]*pathTotals{}}
}

func (j *callJournal) add(c Call, known bool) {
	path := c.Path
	if !known {
		path = unknownPath
	}
	j.mu.Lock()
	j.total++
	c.ID = j.total
	t := j.byPath[path]
	if t == nil {
		t = &pathTotals{byCode: map[int]int64{}}
		j.byPath[path] = t
	}
	t.calls++
	t.byCode[c.Code]++
	j.ring.push(c)
	j.mu.Unlock()
	j.bell.ring()
}

// CallFilter chooses calls; its zero value chooses all that are kept.
type CallFilter struct {
	Path  string // exactly, or a prefix when it ends in /
	Since int64  // Unix ms
	After int64  // only those with a greater ID
	Limit int    // the newest so many; 0: all that are kept
}

// Calls are the requests received, the oldest first.
func (s *Simulator) Calls(f CallFilter) []Call {
	j := s.calls
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []Call
	for c := range j.ring.all() {
		if c.ID <= f.After || c.At < f.Since {
			continue
		}
		if f.Path != "" && c.Path != f.Path && (!strings.HasSuffix(f.Path, "/") || !strings.HasPrefix(c.Path, f.Path)) {
			continue
		}
		out = append(out, c)
	}
	if f.Limit > 0 && len(out) > f.Limit {
		out = out[len(out)-f.Limit:]
	}
	return out
}

// CallTotals counts calls from the start of the simulator, by path and by the errcode answered.
type CallTotals struct {
	Total  int64                 `json:"total"`
	ByPath map[string]PathTotals `json:"by_path"`
}

// PathTotals counts the calls of one path.
type PathTotals struct {
	Calls  int64         `json:"calls"`
	ByCode map[int]int64 `json:"by_code"`
}

// CallTotals are exact, whatever is kept whole.
func (s *Simulator) CallTotals() CallTotals {
	j := s.calls
	j.mu.Lock()
	defer j.mu.Unlock()
	t := CallTotals{Total: j.total, ByPath: make(map[string]PathTotals, len(j.byPath))}
	for path, p := range j.byPath {
		t.ByPath[path] = PathTotals{p.calls, maps.Clone(p.byCode)}
	}
	return t
}

// CallCount is how often a path was called.
func (s *Simulator) CallCount(path string) int64 {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	if t := s.calls.byPath[path]; t != nil {
		return t.calls
	}
	return 0
}

// WaitCalls blocks until a path was called at least n times since the start, or returns the error of ctx.
func (s *Simulator) WaitCalls(ctx context.Context, path string, n int64) error {
	return s.calls.bell.until(ctx, func() bool { return s.CallCount(path) >= n })
}

// kept is a body as the journal keeps it: JSON as it came, other text as a JSON string.
func kept(body []byte) json.RawMessage {
	if len(body) == 0 {
		return nil
	}
	if len(body) <= keptBody && json.Valid(body) {
		return body
	}
	text := cut(string(body), keptBody)
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "�")
	}
	return encode(text)
}
