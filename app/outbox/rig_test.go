package outbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/contact"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/lease"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/app/pipeline"
	"github.com/koi-scrm/koi/app/policy"
	"github.com/koi-scrm/koi/app/reach"
	"github.com/koi-scrm/koi/app/secret"
)

const (
	oaApp  = "wx0001"
	weApp  = "ww0001/1000002"
	second = time.Second
	hour   = time.Hour
)

var shanghai = time.FixedZone("CST", 8*3600)

// monday is 10:00 on Monday 2026-11-23 in Shanghai.
var monday = time.Date(2026, 11, 23, 10, 0, 0, 0, shanghai)

var keys = func() *secret.Keys {
	k, err := secret.New(make([]byte, secret.MasterSize))
	if err != nil {
		panic(err)
	}
	return k
}()

// rig is everything around the outbox, made of real parts; only the platforms are played.
type rig struct {
	t        testing.TB
	stores   *db.Stores
	clock    *clock.Manual
	process  int64
	log      *event.Log
	pipe     *pipeline.Pipeline
	timeline *event.Timeline
	lease    *lease.Lease
	people   *contact.Stage
	reach    *reach.Stage
	maker    *maker
	stage    *outbox.Stage
	disp     *outbox.Dispatcher
	box      *outbox.Outbox
	reg      *prometheus.Registry
	metrics  *outbox.Metrics
	kf, we   *platform
	stopLog  func()
}

// options change a rig before it is built.
type options struct {
	dispatcher outbox.DispatcherConfig
	stage      outbox.Config
	limits     policy.Limits
	heard      bool // somebody acts on what the outbox tells
	process    int64
	clock      *clock.Manual
	kf, we     *platform
}

func newRig(t testing.TB, s *db.Stores, edit func(*options)) *rig {
	t.Helper()
	o := options{limits: policy.Defaults(), process: 1, clock: clock.NewManual(monday),
		kf: &platform{channel: outbox.OfficialKF}, we: &platform{channel: outbox.WeComApp, window: 30 * time.Minute}}
	if edit != nil {
		edit(&o)
	}
	r := &rig{t: t, stores: s, clock: o.clock, process: o.process, kf: o.kf, we: o.we, reg: prometheus.NewRegistry()}
	r.kf.clock, r.we.clock = r.clock, r.clock
	ctx := context.Background()
	counter := &event.Counter{}
	appending := lease.New(s.Log, "append", "node")
	r.lease = lease.New(s.Koi, "process", "node")
	require.NoError(t, appending.Acquire(ctx))
	require.NoError(t, r.lease.Acquire(ctx))
	r.log = event.NewLog(s.Log, appending, keys, r.clock, counter, r.reg)
	r.timeline = event.NewTimeline(s.Koi)
	r.people = contact.NewStage(keys)
	model, problems := contact.Compile(nil)
	require.Empty(t, problems)
	r.people.Use(model)
	r.reach = reach.NewStage(r.people, shanghai)
	r.metrics = outbox.NewMetrics(r.reg)

	d := o.dispatcher
	d.Log, d.Clock, d.Metrics = r.log, r.clock, r.metrics
	d.Senders = append(d.Senders, r.kf, r.we)
	if d.Rates == nil {
		d.Rates = map[outbox.Channel]outbox.Rate{outbox.OfficialKF: {PerSecond: 1e6, Burst: 1000}, outbox.WeComApp: {PerSecond: 1e6, Burst: 1000}}
	}
	r.disp = outbox.NewDispatcher(d)
	c := o.stage
	c.People, c.Reach, c.Dispatcher, c.Keys, c.Metrics, c.Process = r.people, r.reach, r.disp, keys, r.metrics, r.process
	r.stage = outbox.NewStage(c)
	r.stage.Use(policy.New(o.limits, shanghai), func(string) bool { return o.heard })
	r.maker = &maker{stage: r.stage}
	r.pipe = pipeline.New(pipeline.Config{Log: r.log, DB: s.Koi, Lease: r.lease, Clock: r.clock, Counter: counter, Metrics: r.reg,
		Stages: []event.Stage{event.NewSeen(), r.stage.Receipts(), r.people, r.reach, r.maker, r.stage, r.timeline}, Timers: []event.Timers{r.stage}})
	require.NoError(t, r.log.Load(ctx))
	require.NoError(t, r.pipe.Load(ctx))
	r.box = outbox.New(s.Koi, r.log, keys, r.clock, shanghai)

	logCtx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.log.Run(logCtx)
	}()
	r.stopLog = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(r.stopLog)
	return r
}

// restarted is the next run of the program on the same data: kill -9 as far as memory goes.
func (r *rig) restarted(edit func(*options)) *rig {
	r.stopLog()
	return newRig(r.t, r.stores, func(o *options) {
		o.process, o.clock, o.kf, o.we = r.process+1, r.clock, r.kf, r.we
		if edit != nil {
			edit(o)
		}
	})
}

// sendNow runs the dispatcher until the test ends or the returned function is called.
func (r *rig) sendNow() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.disp.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(r.t, <-done)
	})
	r.t.Cleanup(stop)
	return stop
}

func (r *rig) now() int64 { return clock.Ms(r.clock.Now()) }

// step processes what is there: events, and timers that are due.
func (r *rig) step() {
	r.t.Helper()
	ctx := context.Background()
	for {
		worked, err := r.pipe.RunOnce(ctx)
		require.NoError(r.t, err)
		if worked {
			continue
		}
		next, err := r.stage.Next(ctx, r.stores.Koi)
		require.NoError(r.t, err)
		if next == 0 || next > r.now() {
			return
		}
		<-time.After(5 * time.Millisecond) // the pipeline looks for timers at a distance
	}
}

// until processes until cond holds; in between it waits for the log to move.
func (r *rig) until(what string, cond func() bool) {
	r.t.Helper()
	late := time.After(20 * time.Second)
	for {
		r.step()
		if cond() {
			return
		}
		select {
		case <-r.log.Wake():
		case <-late:
			r.t.Fatalf("never came: %s", what)
		}
	}
}

// append puts events into the log.
func (r *rig) append(events ...*event.Event) []event.Appended {
	r.t.Helper()
	got, err := r.log.Append(context.Background(), events...)
	require.NoError(r.t, err)
	return got
}

var keyCounter struct {
	sync.Mutex
	n int
}

func nextKey() string {
	keyCounter.Lock()
	defer keyCounter.Unlock()
	keyCounter.n++
	return "k" + strconv.Itoa(keyCounter.n)
}

// says is a follower's message; make asks the maker for messages.
func (r *rig) says(openid string, make ...order) *event.Event {
	return r.at(event.OAMessageReceived, openid, make...)
}

func (r *rig) at(typ, openid string, make ...order) *event.Event {
	raw, _ := json.Marshal(make)
	return &event.Event{Type: typ, Key: nextKey(), Source: "oa", Account: oaApp, Lane: event.Priority, OccurredAt: r.now(), ReceivedAt: r.now(),
		Identities: []event.Identity{{Kind: event.KindOpenID, Scope: oaApp, Value: openid}}, Props: event.Props{"make": string(raw)}}
}

// order asks for messages.
type order struct {
	Class     outbox.Class
	To        string // staff; "": the event's follower
	Times     int
	Text      string
	NotBefore int64
	ExpiresAt int64
	Test      bool
	Channel   outbox.Channel
	Journey   int64
	NoBody    bool

	Kind       string
	Template   string
	Definition string
	Risk       policy.Risk
	LongTerm   bool
	Fresh      time.Duration
}

var (
	reply     = order{Class: outbox.Reply}
	service   = order{Class: outbox.Service}
	marketing = order{Class: outbox.Marketing}
)

func alert(staff string) order { return order{Class: outbox.StaffAlert, To: staff} }

// maker stands where journeys stand: it makes the messages an event asks for.
type maker struct {
	stage *outbox.Stage
	flush error // makes every batch fail at its end
	apply func(e *event.Event) error
	batch *event.Batch
}

func (m *maker) Name() string                                     { return "maker" }
func (m *maker) Load(context.Context, *db.Tx, *event.Batch) error { return nil }
func (m *maker) Flush(context.Context, *db.Tx, *event.Batch) error {
	return m.flush
}

func (m *maker) Apply(b *event.Batch, e *event.Event) error {
	m.batch = b
	if m.apply != nil {
		if err := m.apply(e); err != nil {
			return err
		}
	}
	var orders []order
	if e.N > 0 || e.Props.Str("make") == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(e.Props.Str("make")), &orders); err != nil {
		return err
	}
	for i, o := range orders {
		for n := range max(1, o.Times) {
			msg := outbox.Message{Step: fmt.Sprintf("step%d", i), N: n, ContactID: e.ContactID, Channel: outbox.OfficialKF, Account: oaApp,
				Class: o.Class, Kind: "text", Body: fmt.Appendf(nil, `{"content":"%s %d %d"}`, o.Text, i, n),
				JourneyID: o.Journey, NotBefore: o.NotBefore, ExpiresAt: o.ExpiresAt, Test: o.Test}
			if len(e.Identities) > 0 {
				msg.To = e.Identities[0].Value
			}
			if o.To != "" {
				msg.Channel, msg.Account, msg.To = outbox.WeComApp, weApp, o.To
			}
			if o.Channel != "" {
				msg.Channel = o.Channel
			}
			msg.Template, msg.Definition, msg.Risk, msg.LongTerm, msg.Fresh = o.Template, o.Definition, o.Risk, o.LongTerm, o.Fresh
			if o.Kind != "" {
				msg.Kind = o.Kind
			}
			if o.NoBody {
				msg.Body = nil
			}
			if err := m.stage.Enqueue(b, e, msg); err != nil {
				return err
			}
		}
	}
	return nil
}

// platform plays one platform: it answers attempts and drops identical repeats inside its window.
type platform struct {
	channel outbox.Channel
	window  time.Duration
	clock   clock.Clock

	mu        sync.Mutex
	answer    func(a outbox.Attempt) outbox.Outcome // nil: takes everything
	gate      chan struct{}                         // when set, every attempt waits for it
	attempts  []outbox.Attempt
	delivered []outbox.Attempt // after the platform's dedupe
	last      map[string]time.Time
	inFlight  map[string]int
	clashes   int // two attempts to one recipient at once
	arrived   chan struct{}
}

func (p *platform) Channel() outbox.Channel     { return p.channel }
func (p *platform) DedupeWindow() time.Duration { return p.window }

func (p *platform) Send(_ context.Context, a outbox.Attempt) outbox.Outcome {
	p.mu.Lock()
	if p.last == nil {
		p.last, p.inFlight = map[string]time.Time{}, map[string]int{}
	}
	p.attempts = append(p.attempts, a)
	p.inFlight[a.To]++
	if p.inFlight[a.To] > 1 {
		p.clashes++
	}
	gate, answer, arrived := p.gate, p.answer, p.arrived
	p.mu.Unlock()
	if arrived != nil {
		arrived <- struct{}{}
	}
	if gate != nil {
		<-gate
	}
	out := outbox.Outcome{Status: outbox.Sent, PlatformID: "p" + strconv.FormatInt(a.ID, 36)}
	if answer != nil {
		out = answer(a)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight[a.To]--
	if out.Status == outbox.Sent || out.Status == outbox.Unknown {
		p.deliver(a)
	}
	return out
}

// deliver shows a message to its recipient, once.
func (p *platform) deliver(a outbox.Attempt) {
	k := a.Account + a.To + a.Kind + string(a.Body)
	if t, ok := p.last[k]; ok && p.window > 0 && p.clock.Wall().Sub(t) < p.window {
		return
	}
	p.last[k] = p.clock.Wall()
	p.delivered = append(p.delivered, a)
}

func (p *platform) answers(f func(a outbox.Attempt) outbox.Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = f
}

// always answers every attempt alike.
func (p *platform) always(o outbox.Outcome) {
	p.answers(func(outbox.Attempt) outbox.Outcome { return o })
}

func (p *platform) counts() (attempts, delivered int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.attempts), len(p.delivered)
}

func (p *platform) got() []outbox.Attempt {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]outbox.Attempt(nil), p.attempts...)
}

// messages lists all messages, oldest first.
func (r *rig) messages(f outbox.Filter) []outbox.Entry {
	r.t.Helper()
	f.Limit = 200
	var list []outbox.Entry
	for {
		page, next, err := r.box.List(context.Background(), f)
		require.NoError(r.t, err)
		list = append(list, page...)
		if next == 0 {
			break
		}
		f.Before = next
	}
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}

func (r *rig) states() map[outbox.State]int {
	out := map[outbox.State]int{}
	for _, m := range r.messages(outbox.Filter{}) {
		out[m.State]++
	}
	return out
}

// only is the one message there is.
func (r *rig) only() *outbox.Detail {
	r.t.Helper()
	list := r.messages(outbox.Filter{})
	require.Len(r.t, list, 1)
	return r.get(list[0].ID)
}

func (r *rig) get(id int64) *outbox.Detail {
	r.t.Helper()
	m, err := r.box.Get(context.Background(), id)
	require.NoError(r.t, err)
	require.NotEmpty(r.t, m.Explanation.What)
	require.NotEmpty(r.t, m.Explanation.Next)
	return m
}

func (r *rig) settled(what string, st outbox.State, n int) {
	r.t.Helper()
	r.until(what, func() bool { return r.states()[st] == n })
}

// told lists the types of the events on a person's timeline, oldest first.
func (r *rig) told(id int64) (out []string) {
	r.t.Helper()
	list, err := r.timeline.List(context.Background(), []int64{id}, nil, event.Place{}, 100)
	require.NoError(r.t, err)
	for i := len(list) - 1; i >= 0; i-- {
		out = append(out, list[i].Type)
	}
	return out
}

func (r *rig) metric(name string, labels ...string) float64 {
	r.t.Helper()
	families, err := r.reg.Gather()
	require.NoError(r.t, err)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
	next:
		for _, m := range f.GetMetric() {
			have := map[string]string{}
			for _, l := range m.GetLabel() {
				have[l.GetName()] = l.GetValue()
			}
			for i := 0; i < len(labels); i += 2 {
				if have[labels[i]] != labels[i+1] {
					continue next
				}
			}
			switch {
			case m.GetCounter() != nil:
				return m.GetCounter().GetValue()
			case m.GetHistogram() != nil:
				return float64(m.GetHistogram().GetSampleCount())
			}
			return m.GetGauge().GetValue()
		}
	}
	return 0
}

var errRollback = errors.New("rolled back by the test")

// contactOf is the person behind an OpenID.
func contactOf(t testing.TB, r *rig, openid string) (*contact.Person, error) {
	t.Helper()
	return contact.NewDirectory(r.stores.Koi, keys).Find(context.Background(), event.Identity{Kind: event.KindOpenID, Scope: oaApp, Value: openid})
}

func idText(id int64) string { return strconv.FormatInt(id, 10) }
