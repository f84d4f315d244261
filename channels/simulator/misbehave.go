package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/koi-scrm/koi/app/fault"
)

// Misbehaviour makes the platform behave badly on a path for a number of calls.
//
//	code        answer this errcode and do nothing
//	error       of Aliyun, whose codes are words: answer this one and do nothing
//	status      answer this HTTP status with a page that is no JSON, and do nothing
//	drop        close the connection without an answer, and do nothing
//	after       do what was asked, but never answer: the caller times out; with drop, close the connection
//	latency_ms  do what was asked, and answer late; with another field, that too comes late
//	receipt     a template message's job ends with this status, e.g. "failed: system failed"
type Misbehaviour struct {
	Path      string `json:"path"`              // exactly, or a prefix when it ends in /, or * for all
	Account   string `json:"account,omitempty"` // only for this AppID or CorpID/AgentID
	Times     int    `json:"times"`             // how many calls; 0 is one, negative until cleared
	Code      int    `json:"code,omitempty"`
	Error     string `json:"error,omitempty"`   // e.g. isv.AMOUNT_NOT_ENOUGH; path is the Action, e.g. SendSms
	Message   string `json:"message,omitempty"` // detail of the errmsg
	Status    int    `json:"status,omitempty"`
	Drop      bool   `json:"drop,omitempty"`
	After     bool   `json:"after,omitempty"`
	LatencyMS int    `json:"latency_ms,omitempty"`
	Receipt   string `json:"receipt,omitempty"`
}

func (m *Misbehaviour) String() string {
	var parts []string
	if m.Code != 0 {
		parts = append(parts, fmt.Sprintf("code %d", m.Code))
	}
	if m.Error != "" {
		parts = append(parts, "error "+m.Error)
	}
	if m.Status != 0 {
		parts = append(parts, fmt.Sprintf("status %d", m.Status))
	}
	if m.After {
		parts = append(parts, "done but not answered")
	}
	if m.Drop {
		parts = append(parts, "connection dropped")
	}
	if m.LatencyMS > 0 {
		parts = append(parts, fmt.Sprintf("%d ms late", m.LatencyMS))
	}
	if m.Receipt != "" {
		parts = append(parts, "receipt "+m.Receipt)
	}
	return strings.Join(parts, ", ")
}

func (m *Misbehaviour) applies(path, account string) bool {
	if m.Account != "" && m.Account != account {
		return false
	}
	return m.Path == "*" || m.Path == path || (strings.HasSuffix(m.Path, "/") && strings.HasPrefix(path, m.Path))
}

type faults struct {
	mu   sync.Mutex
	list []*Misbehaviour
}

// maxFaults bounds how many misbehaviours wait at once.
const maxFaults = 1000

// Misbehave adds a misbehaviour; those for one path are used in the order they were added. It is Invalid
// without a path, or when nothing or contradictions are asked for.
func (s *Simulator) Misbehave(m Misbehaviour) error {
	switch {
	case m.Path == "":
		return fault.New(fault.Invalid, "缺少 path：请写要出错的接口路径，或 * 表示全部")
	case m.String() == "":
		return fault.New(fault.Invalid, "没有说怎样出错：请填 code、status、latency_ms、drop、after、receipt 之一")
	case m.After && (m.Code != 0 || m.Error != "" || m.Status != 0):
		return fault.New(fault.Invalid, "after 表示照做但不回答，不能同时有 code 或 status")
	case m.LatencyMS < 0 || m.LatencyMS > 600_000:
		return fault.New(fault.Invalid, "latency_ms 须在 0 到 600000 之间")
	case m.Status != 0 && (m.Status < 400 || m.Status > 599):
		return fault.New(fault.Invalid, "status 须在 400 到 599 之间")
	}
	if m.Times == 0 {
		m.Times = 1
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if len(s.faults.list) >= maxFaults {
		return fault.New(fault.Limited, "已有 %d 条故障在等待，请先清除", maxFaults)
	}
	s.faults.list = append(s.faults.list, &m)
	return nil
}

// Behave clears all misbehaviours.
func (s *Simulator) Behave() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = nil
}

// Misbehaviours are those still to come, with the times that are left.
func (s *Simulator) Misbehaviours() []Misbehaviour {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	out := make([]Misbehaviour, 0, len(s.faults.list))
	for _, m := range s.faults.list {
		out = append(out, *m)
	}
	return out
}

// take uses up one time of the first misbehaviour for a call, or returns nil. A receipt is left for the
// interface that sends it.
func (f *faults) take(path, account string) *Misbehaviour {
	return f.use(func(m *Misbehaviour) bool { return m.Receipt == "" && m.applies(path, account) })
}

// receipt uses up a misbehaviour about how a job ends: "" when there is none.
func (f *faults) receipt(path, account string) string {
	if m := f.use(func(m *Misbehaviour) bool { return m.Receipt != "" && m.applies(path, account) }); m != nil {
		return m.Receipt
	}
	return ""
}

func (f *faults) use(fits func(*Misbehaviour) bool) *Misbehaviour {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.list, fits)
	if i < 0 {
		return nil
	}
	m := *f.list[i]
	if f.list[i].Times > 0 {
		if f.list[i].Times--; f.list[i].Times == 0 {
			f.list = slices.Delete(f.list, i, i+1)
		}
	}
	return &m
}

// holdBack does what a misbehaviour asks for after the call was judged, and reports whether the answer is
// still to be written. It ends the connection by panicking with http.ErrAbortHandler, which net/http
// knows as just that.
func (s *Simulator) holdBack(w http.ResponseWriter, r *http.Request, m *Misbehaviour) bool {
	if m.LatencyMS > 0 {
		t := time.NewTimer(time.Duration(m.LatencyMS) * time.Millisecond)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			return false
		case <-s.stopped.Done():
			panic(http.ErrAbortHandler)
		}
	}
	if m.Drop {
		panic(http.ErrAbortHandler)
	}
	if m.After {
		select {
		case <-r.Context().Done():
		case <-s.stopped.Done():
		}
		panic(http.ErrAbortHandler)
	}
	if m.Status != 0 {
		http.Error(w, "<html><body><h1>"+http.StatusText(m.Status)+"</h1></body></html>", m.Status)
		return false
	}
	return true
}
