package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/event"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/configs"
)

// Stage is what a demo to be looked at needs.
type Stage struct {
	Listen  string // the one address; loopback only
	DataDir string // made, and emptied at each start if it is a demo's
	Out     io.Writer
	// Program is the koi binary that serves, and Env what else its environment holds; "": this one.
	Program string
	Env     []string
	Size    Size // the past; zero: Full
}

// Show holds one address for a newcomer's browser: the task cards at /demo, the virtual phones at /sim/,
// everything else from a Koi server that runs as a process of its own.
type Show struct {
	Stage
	base      string
	clk       *clock.Movable
	koi       *supervisor
	cfg       *configs.Config // where the server's data is
	listener  net.Listener
	platforms *simulator.Simulator
	api       *caller
	doors     *doors

	mu       sync.Mutex
	phase    string // starting, pouring, ready, failed
	progress Progress
	problem  string
	reset    chan struct{}
	drill    *Drill
	seen     lookCache
	opened   map[string]bool // steps that are done by looking
	noted    map[string]string
}

// Progress of pouring the past.
type Progress struct {
	What    string  `json:"what"`
	Events  int     `json:"events"` // appended
	Total   int     `json:"total"`
	Applied int     `json:"applied"`
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"rate"` // events a second, applied
}

// Perform keeps the demo up until ctx ends. Faults: Invalid for an address that is not loopback or a
// directory that holds something else; Unavailable when the address is taken.
func Perform(ctx context.Context, o Stage) error {
	s, err := NewShow(ctx, o)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// NewShow takes the address and the directory; nothing runs yet.
func NewShow(ctx context.Context, o Stage) (*Show, error) {
	if err := checkLoopback(o.Listen); err != nil {
		return nil, err
	}
	if o.Size == (Size{}) {
		o.Size = Full
	}
	if o.Program == "" {
		var err error
		if o.Program, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("find this program: %w", err)
		}
	}
	if err := prepare(o.DataDir); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(o.DataDir)
	if err != nil {
		return nil, err
	}
	o.DataDir = dir
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "监听不了 %s：端口可能被占用，请用 --listen 换一个", o.Listen)
	}
	return &Show{Stage: o, base: "http://" + l.Addr().String(), listener: l, reset: make(chan struct{}, 1)}, nil
}

// URL is the one address.
func (s *Show) URL() string { return s.base + "/demo" }

// Run plays until ctx ends. 重置 begins anew with an empty directory.
func (s *Show) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.doors = newDoors(s)
	server := &http.Server{Handler: s.doors, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.listener) }()
	defer func() {
		cancel()
		_ = server.Close() // open streams have nothing more to say
	}()
	fmt.Fprintf(s.Out, "锦鲤 Koi 演示：%s\n平台、账号和客户都是虚构的，只在本机运行。Ctrl+C 结束。\n", s.URL())
	for {
		again, err := s.play(ctx)
		if err != nil || !again {
			return errors.Join(err, ignoreClosed(ctx, served))
		}
		if err := prepare(s.DataDir); err != nil {
			return err
		}
	}
}

// interrupted takes note of how the telling ended that was cut off.
func interrupted(err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		slog.Debug("演示中断", "err", err)
	}
}

func ignoreClosed(ctx context.Context, served chan error) error {
	select {
	case err := <-served:
		if ctx.Err() == nil && !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	default:
		return nil
	}
}

// play is one performance, from pouring the past to the end or a reset.
func (s *Show) play(ctx context.Context) (again bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.phase, s.progress, s.problem, s.drill = "starting", Progress{What: "启动模拟平台和 Koi"}, "", nil
	s.opened, s.noted = map[string]bool{}, map[string]string{}
	s.clk = clock.NewMovable()
	s.mu.Unlock()
	s.seen.clear()

	past := history(s.Size, clock.Ms(s.clk.Now()))
	played, accounts := firm(past)
	played.Clock = s.clk
	platforms, err := simulator.New(played)
	if err != nil {
		return false, err
	}
	if err := platforms.Start(ctx, "127.0.0.1:0"); err != nil {
		return false, err
	}
	defer platforms.Close()
	platforms.PointAt(s.base)
	// Koi asks the platforms at its start who follows and who is a friend. Those people come to be known by
	// what they did, not by that list, so the platforms are too busy for it until the past is poured.
	for _, path := range []string{"/cgi-bin/user/get", "/cgi-bin/externalcontact/get_follow_user_list"} {
		if err := platforms.Misbehave(simulator.Misbehaviour{Path: path, Code: -1, Times: 10_000}); err != nil {
			return false, err
		}
	}
	listen, err := freePort(ctx)
	if err != nil {
		return false, err
	}
	if err := boot(s.DataDir, listen, s.base, platforms.URL(), accounts); err != nil {
		return false, err
	}
	if err := s.keepClock(s.clk.Course()); err != nil {
		return false, err
	}
	cfg := configs.Default()
	cfg.DataDir = s.DataDir
	koi := &supervisor{program: s.Program, env: s.Env, dir: s.DataDir, url: "http://" + listen,
		args: []string{"serve", "--demo", "--config", filepath.Join(s.DataDir, bootFile)}}
	s.mu.Lock()
	s.platforms, s.koi, s.cfg, s.api = platforms, koi, cfg, &caller{base: koi.url}
	s.mu.Unlock()
	s.doors.point(koi.url, platforms.Handler())

	running := make(chan error, 1)
	go func() { running <- koi.run(ctx) }()
	told := make(chan error, 1)
	go func() { told <- s.tell(ctx, past) }()
	defer func() {
		cancel()
		err = errors.Join(err, <-running)
	}()
	for {
		select {
		case <-ctx.Done():
			interrupted(<-told)
			return false, nil
		case <-s.reset:
			cancel()
			interrupted(<-told)
			return true, nil
		case err := <-running:
			running <- nil
			return false, err
		case err := <-told:
			told <- nil
			if err != nil && ctx.Err() == nil {
				slog.Error("演示没有准备好", "err", err)
				s.fail(err)
			}
			told = make(chan error, 1)
			told <- nil
			select { // it stays up: one may look, or reset
			case <-ctx.Done():
				return false, nil
			case <-s.reset:
				return true, nil
			case err := <-running:
				running <- nil
				return false, err
			}
		}
	}
}

func (s *Show) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase, s.problem = "failed", err.Error()
}

func (s *Show) say(phase string, p Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase, s.progress = phase, p
}

// tell prepares the firm, then keeps it alive until ctx ends.
func (s *Show) tell(ctx context.Context, past past) error {
	starting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := s.koi.ready(starting); err != nil {
		return err
	}
	if err := s.hire(ctx); err != nil {
		return fmt.Errorf("make the demo's users: %w", err)
	}
	if err := s.define(ctx); err != nil {
		return fmt.Errorf("make the demo's definitions: %w", err)
	}
	if err := s.pour(ctx, past); err != nil {
		return fmt.Errorf("pour the past: %w", err)
	}
	s.platforms.Behave()
	if err := s.morning(ctx, past); err != nil {
		return fmt.Errorf("play this morning: %w", err)
	}
	s.mu.Lock()
	s.phase = "ready"
	s.mu.Unlock()
	return s.background(ctx, past)
}

// do asks the server what only the owner of its data may.
func (s *Show) do(ctx context.Context, name string, in, out any) error {
	return app.Do(ctx, s.cfg, name, in, out)
}

// cast are the demo's users: whom one can be with one click.
var cast = []struct {
	Key, Login, Name, Role, Staff string
	as                            auth.Role
}{
	{"market", "market", "孙皓", "市场", "sunhao", auth.Marketer},
	{"sales", sales, "王磊", "销售", sales, auth.Sales},
	{"leader", leader, "赵芳", "主管", leader, auth.Leader},
	{"employee", sharer, "陈静", "员工", sharer, auth.Employee},
	{"admin", "admin", "管理员", "管理员", "", auth.Admin},
}

// hire makes the users, and signs each in: whoever looks needs no password.
func (s *Show) hire(ctx context.Context) error {
	for _, c := range cast {
		password := draw(24)
		in := app.UserInput{Login: c.Login, Name: c.Name, Role: c.as, Password: password, By: "demo"}
		if c.Staff != "" {
			in.Staff = corpID + "/" + c.Staff
		}
		if err := s.do(ctx, "user/add", in, nil); err != nil {
			return err
		}
		session, err := s.api.signIn(ctx, c.Login, password)
		if err != nil {
			return err
		}
		session.password = password
		s.doors.seat(c.Key, session)
		if c.Key == "admin" {
			s.api.session = session
		}
	}
	return nil
}

// define puts the firm's own definitions in force.
func (s *Show) define(ctx context.Context) error {
	// A journey runs with short messages only when Aliyun approved their template.
	if err := s.api.call(ctx, http.MethodPost, "/sms-templates/refresh", nil, nil); err != nil {
		return err
	}
	if err := s.do(ctx, "apply", app.ApplyInput{File: "demo.yaml", Text: []byte(firmDefinitions), By: "demo"}, nil); err != nil {
		return err
	}
	return s.publish(ctx)
}

// portion is how many events go into the log at once.
const portion = 500

// pour puts the past through the pipeline, and waits until all of it is applied.
func (s *Show) pour(ctx context.Context, past past) error {
	begun := time.Now()
	p := Progress{What: "灌入 90 天历史", Total: len(past.events)}
	s.say("pouring", p)
	var first app.DemoProgress
	if err := s.do(ctx, "demo/progress", nil, &first); err != nil {
		return err
	}
	tell := func() error {
		var now app.DemoProgress
		if err := s.do(ctx, "demo/progress", nil, &now); err != nil {
			return err
		}
		p.Seconds = time.Since(begun).Seconds()
		// What is behind counts by its share of the numbers given out.
		if span := now.Head[event.Normal] - first.Head[event.Normal]; span > 0 {
			p.Applied = min(p.Events, int(int64(p.Events)*(now.Through[event.Normal]-first.Head[event.Normal])/span))
		}
		if now.Applied {
			p.Applied = p.Events
		}
		p.Rate = float64(p.Applied) / p.Seconds
		s.say("pouring", p)
		return nil
	}
	for from := 0; from < len(past.events); from += portion {
		list := past.events[from:min(from+portion, len(past.events))]
		if err := s.do(ctx, "demo/append", list, nil); err != nil {
			return err
		}
		p.Events += len(list)
		if from/portion%8 == 0 {
			if err := tell(); err != nil {
				return err
			}
		}
	}
	for p.Applied < p.Total {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
		if err := tell(); err != nil {
			return err
		}
	}
	return nil
}

// through waits until everything logged so far is applied.
func (s *Show) through(ctx context.Context) error {
	for {
		var p app.DemoProgress
		if err := s.do(ctx, "demo/progress", nil, &p); err != nil {
			return err
		}
		if p.Applied {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// turn moves the business clock, here and in the server, which reads it again when it starts anew.
func (s *Show) turn(ctx context.Context, d time.Duration, rate int64) error {
	c := s.clk.Change(d, rate)
	if err := s.keepClock(c); err != nil {
		return err
	}
	return s.do(ctx, "demo/clock", c, nil)
}

func (s *Show) keepClock(c clock.Course) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	file := filepath.Join(s.DataDir, clockFile)
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		return fault.Wrap(err, fault.Unavailable, "写不了演示的时钟")
	}
	return os.Rename(file+".new", file) // a server that starts just now reads the old or the new
}
