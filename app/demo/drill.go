package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/channels/simulator"
)

// Drill is kill -9 while people write, and what was counted afterwards: from the platform's side (what it
// was told is acknowledged, what reached phones) against Koi's rows, read through its API.
type Drill struct {
	State   string  `json:"state"` // talking, killed, recovering, counting, done, failed
	What    string  `json:"what"`
	Pid     int     `json:"pid,omitempty"`
	NewPid  int     `json:"new_pid,omitempty"`
	AwayMs  int64   `json:"away_ms,omitempty"` // from the kill until Koi took callbacks again
	Said    int     `json:"said"`              // messages people sent
	Acked   int     `json:"acked"`             // of which the platform was told that they are kept
	Dropped int     `json:"dropped"`           // given up by the platform after three tries: never promised
	Rows    int     `json:"rows"`              // acknowledged ones found on timelines
	Lost    int     `json:"lost"`
	Twice   int     `json:"twice"`
	Replies int     `json:"replies"` // replies in Koi's list of messages: one for each that asks for the price
	Asked   int     `json:"asked"`
	Arrived int     `json:"arrived"` // replies on phones
	Doubled int     `json:"doubled"` // replies on phones twice
	Unsure  int     `json:"unsure"`  // under way at the kill, and told to be so: never sent again blindly
	Seconds float64 `json:"seconds"`
}

// The size of a drill.
const (
	drillPeople = 20
	drillTurns  = 10
)

// utterance is something said in a drill.
type utterance struct {
	who, text     string
	asks          bool
	acked, failed bool
}

// startDrill begins one in the background. Fault: Conflict while one is under way.
func (s *Show) startDrill(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.drill; d != nil && d.State != "done" && d.State != "failed" {
		return fault.New(fault.Conflict, "上一次还没有数完")
	}
	s.drill = &Drill{State: "talking", What: "20 位粉丝同时在说话"}
	go s.runDrill(context.WithoutCancel(ctx))
	return nil
}

func (s *Show) onDrill(change func(*Drill)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := *s.drill // others may be showing the old one
	change(&d)
	s.drill = &d
}

func (s *Show) runDrill(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	begun := time.Now()
	if err := s.kill9(ctx); err != nil {
		s.onDrill(func(d *Drill) { d.State, d.What = "failed", sentence(err) })
		return
	}
	s.onDrill(func(d *Drill) { d.State, d.What, d.Seconds = "done", "数完了", time.Since(begun).Seconds() })
}

func (s *Show) kill9(ctx context.Context) error {
	series := s.clk.Wall().UnixMilli() % 1_000_000
	before := s.platforms.DeliveryTotals()
	replied := s.replied()
	var mu sync.Mutex
	var all []*utterance
	started := make(chan struct{})
	var once sync.Once
	var talk sync.WaitGroup
	for i := range drillPeople {
		talk.Go(func() {
			for turn := range drillTurns {
				u := &utterance{who: crowdID(i), text: fmt.Sprintf("第 %d 批第 %d 句，%d 号", series, turn+1, i+1)}
				if u.asks = turn == drillTurns/2; u.asks {
					u.text += "：报价"
				}
				mu.Lock()
				all = append(all, u)
				said := len(all)
				mu.Unlock()
				if said == drillPeople*drillTurns*2/5 {
					once.Do(func() { close(started) })
				}
				got, err := s.platforms.Act(ctx, simulator.Act{Who: u.who, App: appID, Do: "say", With: u.text})
				mu.Lock()
				u.failed = err != nil || len(got.Callbacks) == 0
				if !u.failed {
					u.acked = got.Callbacks[0].Status == simulator.Acknowledged
				}
				mu.Unlock()
			}
		})
	}
	select {
	case <-started:
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), fault.Unavailable, "没有人说话")
	}
	killed := time.Now()
	pid, err := s.koi.kill()
	if err != nil {
		return err
	}
	s.onDrill(func(d *Drill) { d.State, d.What, d.Pid = "killed", fmt.Sprintf("进程 %d 已被 kill -9", pid), pid })
	if err := s.koi.again(ctx, pid); err != nil {
		return err
	}
	now, _ := s.koi.pid()
	s.onDrill(func(d *Drill) {
		d.State, d.What, d.NewPid, d.AwayMs = "recovering", "新进程接着处理，平台把没有应答的再推一遍", now, time.Since(killed).Milliseconds()
	})
	talk.Wait()
	if err := s.platforms.WaitSettled(ctx); err != nil {
		return err
	}
	for range 2 { // results of sends come back as events
		if err := s.through(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
	s.onDrill(func(d *Drill) { d.State, d.What = "counting", "逐条核对" })
	return s.count(ctx, all, before, replied)
}

// replied counts the replies to 报价 on the crowd's phones, by person.
func (s *Show) replied() map[string]int {
	out := map[string]int{}
	for i := range drillPeople {
		for range s.platforms.Deliveries(simulator.DeliveryFilter{To: crowdID(i)}) {
			out[crowdID(i)]++
		}
	}
	return out
}

// count compares what was promised with what is there.
func (s *Show) count(ctx context.Context, all []*utterance, _ simulator.DeliveryTotals, before map[string]int) error {
	d := Drill{Said: len(all)}
	people := map[string]string{}
	found := map[string]int{}
	for i := range drillPeople {
		id, err := s.find(ctx, event.KindOpenID, appID, crowdID(i))
		if err != nil {
			return err
		}
		people[crowdID(i)] = id
		if id == "" {
			continue
		}
		if err := s.heard(ctx, id, found); err != nil {
			return err
		}
	}
	after := s.replied()
	for _, u := range all {
		switch {
		case !u.acked:
			d.Dropped++
			continue
		case found[u.text] == 0:
			d.Lost++
		case found[u.text] > 1:
			d.Twice++
		}
		d.Acked++
		d.Rows += min(1, found[u.text])
		if u.asks {
			d.Asked++
			n := after[u.who] - before[u.who]
			d.Arrived += min(1, n)
			if n > 1 {
				d.Doubled++
			}
			sent, unsure, err := s.answered(ctx, people[u.who])
			if err != nil {
				return err
			}
			d.Replies += sent
			d.Unsure += unsure
		}
	}
	s.onDrill(func(x *Drill) {
		d.State, d.What, d.Pid, d.NewPid, d.AwayMs = x.State, x.What, x.Pid, x.NewPid, x.AwayMs
		*x = d
	})
	return nil
}

// heard counts the messages on somebody's timeline by their words.
func (s *Show) heard(ctx context.Context, id string, into map[string]int) error {
	var list struct{ Items []deed }
	if err := s.caller().call(ctx, http.MethodGet, "/contacts/"+id+"/timeline?limit=200&type="+event.OAMessageReceived, nil, &list); err != nil {
		return err
	}
	for _, x := range list.Items {
		into[x.Props.Str("content")]++
	}
	return nil
}

// answered is whether the newest reply to somebody stands in Koi's list, and whether its fate is unsure.
func (s *Show) answered(ctx context.Context, id string) (sent, unsure int, err error) {
	if id == "" {
		return 0, 0, nil
	}
	var list struct{ Items []message }
	if err := s.caller().call(ctx, http.MethodGet, "/messages?limit=1&channel=official_kf&contact="+id, nil, &list); err != nil {
		return 0, 0, err
	}
	if len(list.Items) == 0 {
		return 0, 0, nil
	}
	if list.Items[0].State == "unknown" {
		return 1, 1, nil
	}
	return 1, 0, nil
}

// drillDone tells how the last drill ended.
func (s *Show) drillDone() (bool, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.drill
	if d == nil || d.State != "done" {
		return false, ""
	}
	return true, fmt.Sprintf("%.1f 秒后恢复；收下 %d 条，丢 %d 条，重 %d 条", float64(d.AwayMs)/1000, d.Acked, d.Lost, d.Twice+d.Doubled)
}

// again waits until another server than the one with this pid takes callbacks.
func (s *supervisor) again(ctx context.Context, old int) error {
	for {
		if pid, _ := s.pid(); pid != old && s.up(ctx) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fault.Wrap(errors.New(s.tail()), fault.Unavailable, "Koi 没有重新就绪")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
