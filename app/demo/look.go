package demo

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/channels/simulator"
)

// glance is what the API and the phones say about the play at a moment; steps are ticked by it alone.
type glance struct {
	Contact  string // 周敏's number, "" while nobody knows her
	Name     string
	Stage    string // key
	StageOf  string // label
	Intent   float64
	Reasons  []string
	Timeline []deed
	Messages []message
	Chain    *chainNode // what came of 陈静's link, nil while there is none
	Token    string     // of her link
	Ringing  []simulator.Delivery
	Features features
	Lag      float64
}

// deed is a line of the timeline.
type deed struct {
	ID       string
	Type     string
	At       time.Time
	ObjectID string `json:"object_id"`
	Props    event.Props
}

// chainNode is a person in a share's tree.
type chainNode struct {
	Token     string
	Contact   struct{ ID, Name string }
	Depth     int
	Counted   bool
	Mark      string
	MarkLabel string `json:"mark_label"`
	Children  []*chainNode
}

// features are what is built: a card for anything else does not appear.
type features struct {
	Paper, Pricing string // keys of pages, "" for none
	Staff          string // where the staff portal is, "" for none
}

func (g *glance) did(kind string, where func(deed) bool) int {
	n := 0
	for _, d := range g.Timeline {
		if d.Type == kind && (where == nil || where(d)) {
			n++
		}
	}
	return n
}

// depth is how many levels of counted people a tree has.
func (n *chainNode) depth() int {
	deepest := 0
	for _, c := range n.Children {
		if c.Counted {
			deepest = max(deepest, c.Depth)
		}
		deepest = max(deepest, c.depth())
	}
	return deepest
}

// marked reports whether somebody's opening is not counted for a reason.
func (n *chainNode) marked(reason string) bool {
	return slices.ContainsFunc(n.Children, func(c *chainNode) bool { return c.Mark == reason || c.marked(reason) })
}

func query(pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q.Encode()
}

// lookCache keeps a glance for a moment: many ask.
type lookCache struct {
	mu   sync.Mutex
	at   time.Time
	got  *glance
	have features
	when time.Time
}

func (c *lookCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.got, c.when = time.Time{}, nil, time.Time{}
}

// glanced is the present glance, at most 600 ms old; the last one while Koi is away.
func (s *Show) glanced(ctx context.Context) *glance {
	s.seen.mu.Lock()
	defer s.seen.mu.Unlock()
	if time.Since(s.seen.at) < 600*time.Millisecond && s.seen.got != nil {
		return s.seen.got
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	if time.Since(s.seen.when) > time.Minute {
		if f, err := s.features(ctx); err == nil {
			s.seen.have, s.seen.when = f, time.Now()
		}
	}
	g, err := s.glance(ctx)
	if err != nil {
		if s.seen.got == nil {
			return &glance{Features: s.seen.have}
		}
		return s.seen.got
	}
	g.Features = s.seen.have
	s.seen.at, s.seen.got = time.Now(), g
	return g
}

func (s *Show) glance(ctx context.Context) (*glance, error) {
	g := &glance{}
	api := s.caller()
	var err error
	if g.Contact, err = s.find(ctx, event.KindOpenID, appID, customer); err != nil {
		return nil, err
	}
	if g.Contact == "" { // she may have begun elsewhere than at the account
		if g.Contact, err = s.find(ctx, event.KindPhone, "", phone); err != nil {
			return nil, err
		}
	}
	g.Ringing = s.platforms.Deliveries(simulator.DeliveryFilter{})
	if err := s.chainOf(ctx, g); err != nil {
		return nil, err
	}
	if g.Contact == "" {
		return g, nil
	}
	var c struct {
		Name      string
		Place     *struct{ Key, Name string }
		Standings []struct {
			Key    string
			Points float64
			Steps  []struct{ Text string }
		}
	}
	if err := api.call(ctx, http.MethodGet, "/contacts/"+g.Contact, nil, &c); err != nil {
		return nil, err
	}
	if g.Name = c.Name; c.Place != nil {
		g.Stage, g.StageOf = c.Place.Key, c.Place.Name
	}
	for _, st := range c.Standings {
		if st.Key == "intent" {
			g.Intent = st.Points
			for _, x := range st.Steps {
				g.Reasons = append(g.Reasons, x.Text)
			}
		}
	}
	var line struct{ Items []deed }
	if err := api.call(ctx, http.MethodGet, "/contacts/"+g.Contact+"/timeline?limit=200", nil, &line); err != nil {
		return nil, err
	}
	g.Timeline = line.Items
	var messages struct{ Items []message }
	if err := api.call(ctx, http.MethodGet, "/messages?limit=50&contact="+g.Contact, nil, &messages); err != nil {
		return nil, err
	}
	g.Messages = messages.Items
	return g, nil
}

// chainOf reads the tree below 陈静's link.
func (s *Show) chainOf(ctx context.Context, g *glance) error {
	var list struct {
		Items []struct{ Page, Token string }
	}
	if err := s.caller().call(ctx, http.MethodGet, "/shares?limit=20&"+query("staff", sharer), nil, &list); err != nil {
		return err
	}
	if len(list.Items) == 0 {
		return nil
	}
	g.Token = list.Items[0].Token
	g.Chain = &chainNode{}
	return s.caller().call(ctx, http.MethodGet, "/shares/"+g.Token, nil, g.Chain)
}

// features asks the server what it has.
func (s *Show) features(ctx context.Context) (features, error) {
	var f features
	for _, p := range []struct {
		at   *string
		path string
		is   string
	}{{&f.Paper, "/p/" + paperPage, paperPage}, {&f.Pricing, "/p/" + pricePage, pricePage}, {&f.Staff, "/staff/", "/staff/"}} {
		ok, err := s.answers(ctx, p.path)
		if err != nil {
			return f, err
		}
		if ok {
			*p.at = p.is
		}
	}
	return f, nil
}

// answers reports whether a page is there.
func (s *Show) answers(ctx context.Context, path string) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.koi.url+path, http.NoBody)
	if err != nil {
		return false, err
	}
	req.Header.Set("User-Agent", browser)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return false, err
	}
	_ = res.Body.Close()
	return res.StatusCode < 400, nil
}

// rang is the first message of a kind that reached somebody's phone and whose text has some words.
func (g *glance) rang(to, kind, words string) (simulator.Delivery, bool) {
	for _, d := range g.Ringing {
		if d.To == to && (kind == "" || d.Kind == kind) && (strings.Contains(d.Text, words) || strings.Contains(string(d.Content), words)) {
			return d, true
		}
	}
	return simulator.Delivery{}, false
}
