package demo

import (
	"context"
	"net/http"
	"time"

	"github.com/koi-scrm/koi/app/fault"
)

// state is what the page shows.
type state struct {
	Phase    string     `json:"phase"`
	Progress Progress   `json:"progress"`
	Problem  string     `json:"problem,omitempty"`
	Clock    clockState `json:"clock"`
	Role     string     `json:"role"`
	Roles    []roleView `json:"roles"`
	Phones   []handset  `json:"phones"`
	Cards    []cardView `json:"cards"`
	Koi      koiState   `json:"koi"`
	Drill    *Drill     `json:"drill,omitempty"`
	Contact  string     `json:"contact,omitempty"`
}

type clockState struct {
	Now   int64 `json:"now"` // business time, Unix ms
	Rate  int64 `json:"rate"`
	Ahead int64 `json:"ahead"` // of the wall, ms
}

type roleView struct {
	Key  string `json:"key"`
	Name string `json:"name"`
	Role string `json:"role"`
}

type koiState struct {
	Up     bool `json:"up"`
	Pid    int  `json:"pid"`
	Starts int  `json:"starts"`
}

// handset is a phone at the right: what its chat and its webview are called in the simulator.
type handset struct {
	Key   string `json:"key"`
	Name  string `json:"name"`
	About string `json:"about"`
	Who   string `json:"who"`
	App   string `json:"app,omitempty"`
	Staff bool   `json:"staff"`
	Got   int    `json:"got"` // messages that reached it
}

func phones() []handset {
	return []handset{
		{"zhoumin", "周敏", "客户", customer, appID, false, 0},
		{"wanglei", "王磊", "销售", sales, corpID, true, 0},
		{"zhaofang", "赵芳", "主管", leader, corpID, true, 0},
		{"chenjing", "陈静", "员工", sharer, corpID, true, 0},
		{"liqiang", "李强", "她的同事", friend, appID, false, 0},
		{"zhangwei", "张薇", "同事的朋友", second, appID, false, 0},
	}
}

type cardView struct {
	Key   string     `json:"key"`
	Title string     `json:"title"`
	Intro string     `json:"intro"`
	Steps []stepView `json:"steps"`
}

type stepView struct {
	Key    string `json:"key"`
	Title  string `json:"title"`
	Button string `json:"button"`
	Done   bool   `json:"done"`
	Note   string `json:"note,omitempty"`
}

func (d *doors) state(w http.ResponseWriter, r *http.Request) {
	answerJSON(w, http.StatusOK, d.show.state(r.Context(), r))
}

func (s *Show) now() clockState {
	c := s.clk.Course()
	now, wall := s.clk.Now().UnixMilli(), s.clk.Wall().UnixMilli()
	return clockState{Now: now, Rate: c.Rate, Ahead: now - wall}
}

func (s *Show) state(ctx context.Context, r *http.Request) state {
	s.mu.Lock()
	out := state{Phase: s.phase, Progress: s.progress, Problem: s.problem, Drill: s.drill, Cards: []cardView{}, Phones: phones()}
	koi := s.koi
	ready := s.phase == "ready"
	s.mu.Unlock()
	if s.clk != nil {
		out.Clock = s.now()
	}
	if koi != nil {
		out.Koi.Pid, out.Koi.Starts = koi.pid()
		quick, cancel := context.WithTimeout(ctx, time.Second)
		out.Koi.Up = koi.up(quick)
		cancel()
	}
	if c, err := r.Cookie(roleCookie); err == nil {
		out.Role = c.Value
	}
	for _, c := range cast {
		out.Roles = append(out.Roles, roleView{c.Key, c.Name, c.Role})
	}
	if !ready {
		return out
	}
	g := s.glanced(ctx)
	out.Contact = g.Contact
	out.Cards = s.views(g)
	for i := range out.Phones {
		for _, d := range g.Ringing {
			if d.To == out.Phones[i].Who || i == 0 && (d.To == external || d.To == miniCustomer || d.To == phone) {
				out.Phones[i].Got++
			}
		}
	}
	return out
}

// views are the cards whose steps are built, ticked as the glance tells. What was done once stays done:
// following again does not undo having unfollowed.
func (s *Show) views(g *glance) []cardView {
	var out []cardView
	for _, c := range cards() {
		v := cardView{Key: c.key, Title: c.title, Intro: c.intro, Steps: []stepView{}}
		for _, st := range c.steps {
			if st.built != nil && !st.built(g.Features) {
				continue
			}
			name := c.key + "/" + st.key
			x := stepView{Key: st.key, Title: st.title, Button: st.button}
			if x.Button == "" {
				x.Button = "做这一步"
			}
			done := false
			if st.done != nil {
				done, x.Note = st.done(s, g)
			}
			s.mu.Lock()
			if done {
				s.opened[name] = true
				if x.Note != "" {
					s.noted[name] = x.Note
				}
			}
			if x.Done = s.opened[name]; x.Done && !done && st.done != nil {
				x.Note = s.noted[name]
			}
			s.mu.Unlock()
			v.Steps = append(v.Steps, x)
		}
		if len(v.Steps) > 0 {
			out = append(out, v)
		}
	}
	return out
}

// step plays one.
func (d *doors) step(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct{ Card, Step string }
	if err := read(r, &in); err != nil {
		return nil, err
	}
	s := d.show
	s.mu.Lock()
	ready := s.phase == "ready"
	s.mu.Unlock()
	if !ready {
		return nil, fault.New(fault.Unavailable, "演示还没有准备好：请稍候")
	}
	for _, c := range cards() {
		for _, st := range c.steps {
			if c.key != in.Card || st.key != in.Step {
				continue
			}
			ctx, cancel := context.WithTimeout(r.Context(), 40*time.Second)
			defer cancel()
			g := s.glanced(ctx)
			if st.built != nil && !st.built(g.Features) {
				return nil, fault.New(fault.NotFound, "这一步还没有做出来")
			}
			out, err := st.do(s, ctx, g)
			if err != nil {
				return nil, err
			}
			if out.Role != "" {
				http.SetCookie(w, as(out.Role))
			}
			if st.done == nil {
				s.mu.Lock()
				s.opened[c.key+"/"+st.key] = true
				s.mu.Unlock()
			}
			s.seen.stale()
			return out, nil
		}
	}
	return nil, fault.New(fault.NotFound, "没有这一步")
}

// stale makes the next one look again.
func (c *lookCache) stale() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = time.Time{}
}

// caller asks the API as the administrator.
func (s *Show) caller() *caller {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.api
}
