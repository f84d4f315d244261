package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
)

// The live stream: server-sent events of what the pipeline commits. It is the timeline as it grows, narrowed
// to the caller's permissions and data scope, or to one customer they may open. Delivery is at least once: a
// client that comes back with its Last-Event-ID gets what it missed, and may get a little of what it has, so
// it tells events apart by id.

const (
	streamBeat    = 15 * time.Second
	streamAhead   = 64  // batches that may wait for a client before it is cut off
	streamsMost   = 500 // clients of this process
	streamsByUser = 10
	streamMissed  = 1000 // events of a lane that are caught up with; beyond, the client reads anew
	streamWrite   = 10 * time.Second
	// streamAgain is when a client should come back after the connection ended.
	streamAgain = 2 * time.Second
)

// streamTopics are what one can listen to, and the permission for it.
var streamTopics = []struct {
	name string
	need auth.Permission
}{
	{"events", auth.ReadContacts}, {"messages", auth.ReadMessages}, {"journeys", auth.ReadJourneys}, {"system", auth.ReadSystem},
}

// streams counts who listens, and ends all of them when the server stops.
type streams struct {
	mu     sync.Mutex
	all    int
	byUser map[string]int
	ended  chan struct{}
	end    sync.Once
}

func newStreams() *streams { return &streams{byUser: map[string]int{}, ended: make(chan struct{})} }

func (s *streams) close() { s.end.Do(func() { close(s.ended) }) }

// enter takes a place. Fault: Limited.
func (s *streams) enter(who string) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= streamsMost {
		return nil, fault.New(fault.Limited, "实时连接太多（%d 个）：请稍后再试，或关掉不用的页面", s.all)
	}
	if s.byUser[who] >= streamsByUser {
		return nil, fault.New(fault.Limited, "您已打开 %d 个实时连接：请关掉不用的页面", s.byUser[who])
	}
	s.all++
	s.byUser[who]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.byUser[who]--; s.byUser[who] == 0 {
			delete(s.byUser, who)
		}
	}, nil
}

type streamInput struct {
	Topics  []string `query:"topics" maxItems:"4" enum:"events,messages,journeys,system" doc:"逗号分隔；不填为有权限的全部。events 是整条时间线，messages、journeys 是其中的消息与旅程"`
	Contact IDParam  `query:"contact" doc:"只看这位客户"`
	Last    string   `header:"Last-Event-ID" maxLength:"80" doc:"断线重连时由浏览器带上，从那里继续"`
}

// openStream checks what can be refused; then the answer is a stream.
func (a *API) openStream(ctx context.Context, in *streamInput) (*huma.StreamResponse, error) {
	c := by(ctx)
	v := &viewer{api: a, caller: c, topics: map[string]bool{}}
	for _, t := range streamTopics {
		asked := slices.Contains(in.Topics, t.name)
		if asked {
			if err := c.Require(t.need); err != nil {
				return nil, err
			}
		}
		v.topics[t.name] = asked || len(in.Topics) == 0 && c.May(t.need)
	}
	if !v.topics["events"] && !v.topics["messages"] && !v.topics["journeys"] && !v.topics["system"] {
		return nil, fault.New(fault.Denied, "您的角色（%s）没有可看的实时内容：请联系管理员", c.Role.Label())
	}
	if in.Contact.ID != 0 {
		p, err := a.find(ctx, in.Contact.ID)
		if err != nil {
			return nil, err
		}
		v.one, v.open, v.contacts = p.ID, true, map[int64]bool{}
		for _, id := range p.Contacts() {
			v.contacts[id] = true
		}
	}
	var err error
	if v.mark, err = readMark(in.Last); err != nil {
		return nil, err
	}
	leave, err := a.streams.enter(c.By())
	if err != nil {
		return nil, err
	}
	v.scope = a.scopeOf(c.Principal)
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer leave()
		g := humagin.Unwrap(hc)
		v.out = http.NewResponseController(g.Writer)
		v.to = g.Writer
		h := g.Writer.Header()
		h.Set("Content-Type", "text/event-stream; charset=utf-8")
		h.Set("X-Accel-Buffering", "no") // nginx would keep it back
		v.run(hc.Context(), in.Last != "")
	}}, nil
}

// viewer is one client of the stream.
type viewer struct {
	api      *API
	caller   caller
	topics   map[string]bool
	one      int64          // the person looked at; 0: all of them
	open     bool           // that person may be seen, in the scope or not
	contacts map[int64]bool // ids that person goes by; nil: all people
	scope    contact.Scope
	known    map[int64]bool // contact → in the scope, as far as asked
	had      map[event.ID]bool
	mark     mark
	to       http.ResponseWriter
	out      *http.ResponseController
}

// mark is how far a client is: through which logged event of each lane. Timers don't count: their numbers
// may be above those of logged events still to come.
type mark struct{ priority, normal event.ID }

func (m mark) String() string { return fmt.Sprintf("%d-%d", m.priority, m.normal) }

func readMark(s string) (mark, error) {
	var m mark
	if s == "" {
		return m, nil
	}
	parts := strings.Split(s, "-")
	for i, to := range []*event.ID{&m.priority, &m.normal} {
		if len(parts) != 2 {
			return m, wrong("header.Last-Event-ID", "应是上次收到的 id，或不填")
		}
		n, err := strconv.ParseInt(parts[i], 10, 64)
		if err != nil || n < 0 {
			return m, wrong("header.Last-Event-ID", "应是上次收到的 id，或不填")
		}
		*to = event.ID(n)
	}
	return m, nil
}

// move notes that a line was seen.
func (m *mark) move(lane event.Lane, id event.ID, timer bool) {
	switch {
	case timer:
	case lane == event.Priority:
		m.priority = max(m.priority, id)
	default:
		m.normal = max(m.normal, id)
	}
}

// run writes until the client is gone, too slow or no longer allowed, or the server stops.
func (v *viewer) run(ctx context.Context, again bool) {
	// The server's limits are those of ordinary answers.
	if v.out.SetReadDeadline(time.Time{}) != nil {
		return
	}
	lines := v.api.Timeline.Feed().Listen(streamAhead)
	defer lines.Close()
	changed := v.api.Gate.Changed()
	if !v.write(fmt.Sprintf("retry: %d\n: 已连接\n\n", streamAgain.Milliseconds())) || !v.catchUp(ctx, again) || !v.beat(ctx) {
		return
	}
	t := time.NewTicker(streamBeat)
	defer t.Stop()
	for {
		var ok bool
		select {
		case <-ctx.Done():
			return
		case <-v.api.streams.ended:
			v.write(fmt.Sprintf("id: %s\nevent: bye\ndata: {\"reason\":\"服务正在重启，稍后自动重连\"}\n\n", v.mark))
			return
		case list, open := <-lines.C:
			if !open {
				v.write(fmt.Sprintf("id: %s\nevent: bye\ndata: {\"reason\":\"接收太慢，已断开：会自动重连并补上\"}\n\n", v.mark))
				return
			}
			ok = v.send(ctx, list)
		case <-changed:
			changed = v.api.Gate.Changed()
			ok = v.still(ctx)
		case <-t.C:
			ok = v.still(ctx) && v.beat(ctx)
		}
		if !ok {
			return
		}
	}
}

// still asks whether the caller may go on, and what they may see now.
func (v *viewer) still(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	var p *auth.Principal
	var err error
	if v.caller.KeyID != 0 {
		p, err = v.api.Gate.Key(ctx, v.caller.secret)
	} else {
		var s auth.Session
		s, err = v.api.Gate.Look(ctx, v.caller.session.Token)
		p = &s.Principal
	}
	if fault.Is(err, fault.Denied) {
		v.write("event: bye\ndata: {\"reason\":\"登录已失效：请重新登录\"}\n\n")
		return false
	}
	if err != nil {
		return true // the database is away; asked again soon
	}
	for _, t := range streamTopics {
		v.topics[t.name] = v.topics[t.name] && p.May(t.need)
	}
	v.scope, v.known = v.api.scopeOf(p), nil
	if v.one != 0 {
		_, err := v.api.findFor(ctx, p, v.one)
		v.open = err == nil || v.open && !fault.Is(err, fault.NotFound)
	}
	return true
}

// catchUp sends what a client missed since it left, from the timeline.
func (v *viewer) catchUp(ctx context.Context, again bool) bool {
	if !again {
		end := func(lane event.Lane) event.ID { return event.MakeID(v.api.Pipeline.Through(lane)+1, 0) - 1 }
		v.mark = mark{end(event.Priority), end(event.Normal)}
		return true
	}
	v.had = map[event.ID]bool{}
	var missed []event.Line
	for _, lane := range []event.Lane{event.Priority, event.Normal} {
		after := v.mark.normal
		if lane == event.Priority {
			after = v.mark.priority
		}
		list, err := v.api.Timeline.After(ctx, lane, after, streamMissed+1)
		if err != nil || len(list) > streamMissed {
			return v.write("event: reset\ndata: {\"reason\":\"错过的太多：请重新读取页面内容\"}\n\n")
		}
		for _, e := range list {
			raw, err := json.Marshal(e.Props)
			if err != nil {
				return false
			}
			v.had[e.ID] = true
			missed = append(missed, event.Line{Entry: e, Raw: raw, Lane: lane})
		}
	}
	slices.SortStableFunc(missed, func(x, y event.Line) int {
		return cmp.Or(cmp.Compare(x.ReceivedAt, y.ReceivedAt), cmp.Compare(x.ID, y.ID))
	})
	return v.deliver(ctx, missed)
}

// send delivers lines that committed just now, but for those catchUp sent already.
func (v *viewer) send(ctx context.Context, lines []event.Line) bool {
	if len(v.had) > 0 {
		lines = slices.DeleteFunc(slices.Clone(lines), func(l event.Line) bool { return v.had[l.ID] })
	}
	return v.deliver(ctx, lines)
}

func (v *viewer) deliver(ctx context.Context, lines []event.Line) bool {
	shown, ok := v.visible(ctx, lines)
	if !ok {
		return false
	}
	var who []int64
	for _, l := range lines {
		if shown[l.ID] && l.ContactID != 0 {
			who = append(who, l.ContactID)
		}
	}
	names, err := v.api.namesOf(ctx, who)
	if err != nil {
		return false
	}
	var out strings.Builder
	for _, l := range lines {
		v.mark.move(l.Lane, l.ID, l.Timer)
		if !shown[l.ID] {
			continue
		}
		e, err := l.Whole()
		if err != nil {
			return false
		}
		entry := v.api.entry(e)
		entry.ContactName = names[e.ContactID]
		data, err := json.Marshal(entry)
		if err != nil {
			return false
		}
		fmt.Fprintf(&out, "id: %s\nevent: %s\ndata: %s\n\n", v.mark, topicOf(l.Type), data)
	}
	return out.Len() == 0 || v.write(out.String())
}

// topicOf is what a client hears an event as.
func topicOf(typ string) string {
	switch {
	case strings.HasPrefix(typ, "message."):
		return "message"
	case strings.HasPrefix(typ, "journey."):
		return "journey"
	}
	return "event"
}

// visible picks the lines the client listens for and may see.
func (v *viewer) visible(ctx context.Context, lines []event.Line) (map[event.ID]bool, bool) {
	shown := map[event.ID]bool{}
	var ask []int64
	for _, l := range lines {
		if v.contacts != nil {
			v.follow(l)
			if !v.contacts[l.ContactID] {
				continue
			}
		}
		if !v.topics["events"] && !(v.topics["messages"] && topicOf(l.Type) == "message") && !(v.topics["journeys"] && topicOf(l.Type) == "journey") {
			continue
		}
		shown[l.ID] = true
		if !v.scope.All() && !v.open {
			if strings.HasPrefix(l.Type, "wecom.") || l.Type == event.ContactMerged {
				delete(v.known, l.ContactID) // may have become, or ceased to be, somebody's customer
			}
			if _, known := v.known[l.ContactID]; !known && l.ContactID != 0 {
				ask = append(ask, l.ContactID)
			}
		}
	}
	if v.scope.All() || v.open {
		return shown, true
	}
	slices.Sort(ask)
	ask = slices.Compact(ask)
	in, err := v.api.People.Within(ctx, v.scope, ask)
	if err != nil {
		return nil, false // the client comes back and catches up
	}
	if v.known == nil {
		v.known = map[int64]bool{}
	}
	for _, id := range ask {
		v.known[id] = in[id]
	}
	for _, l := range lines {
		shown[l.ID] = shown[l.ID] && v.known[l.ContactID]
	}
	return shown, true
}

// follow keeps up with merges of the person looked at.
func (v *viewer) follow(l event.Line) {
	if l.Type != event.ContactMerged {
		return
	}
	e, err := l.Whole()
	if err != nil {
		return
	}
	if kept, old := e.Props.Int("kept"), e.Props.Int("old"); v.contacts[kept] || v.contacts[old] {
		v.contacts[kept], v.contacts[old] = true, true
	}
}

// Pulse is how the system is doing, for screens that stay open.
type Pulse struct {
	Time       time.Time `json:"time" doc:"业务时间"`
	LagSeconds float64   `json:"lag_seconds"`
	Streams    int       `json:"streams" doc:"打开的实时连接"`
}

// beat shows that the connection lives, and moves the client's place on past what it was not shown.
func (v *viewer) beat(ctx context.Context) bool {
	out := fmt.Sprintf("id: %s\n: 心跳\n\n", v.mark)
	if v.topics["system"] {
		ctx, cancel := context.WithTimeout(ctx, streamWrite)
		defer cancel()
		lag, err := v.api.lag(ctx)
		if err == nil {
			data, err := json.Marshal(Pulse{v.api.at(v.api.now()), lag, v.api.Timeline.Feed().Listeners()})
			if err != nil {
				return false
			}
			out = fmt.Sprintf("id: %s\nevent: system\ndata: %s\n\n", v.mark, data)
		}
	}
	return v.write(out)
}

// lag is how long the oldest event has waited, in seconds.
func (a *API) lag(ctx context.Context) (float64, error) {
	wall, lag := clock.Ms(a.Clock.Wall()), 0.0
	for _, lane := range []event.Lane{event.Priority, event.Normal} {
		oldest, err := a.Log.OldestAt(ctx, lane, a.Pipeline.Through(lane))
		if err != nil {
			return 0, err
		}
		if oldest > 0 {
			lag = max(lag, float64(wall-oldest)/1000)
		}
	}
	return lag, nil
}

func (v *viewer) write(s string) bool {
	if v.out.SetWriteDeadline(time.Now().Add(streamWrite)) != nil {
		return false
	}
	if _, err := v.to.Write([]byte(s)); err != nil {
		return false
	}
	return v.out.Flush() == nil
}

// streamAnswer: the document says what comes.
func streamAnswer(o *huma.Operation) {
	o.Responses = map[string]*huma.Response{"200": {Description: "server-sent events：event、message、journey（data 为时间线的一条，可能重复，按 id 去重）、system、reset（请重新读取）、bye（连接将结束，自动重连）",
		Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}}}
	o.Description = "按权限和数据范围过滤；每 15 秒一次心跳；断线后凭 Last-Event-ID 续传"
}
